"""The views. Who acts is who has signed in; the roles are the groups that Django has them in."""

from __future__ import annotations

import json
import re
from typing import Any

import attrs
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from stagegate import Actor, Agreement, Document, Engine, InvalidValue, Party

from .models import Paper, Task
from .register import engine, transaction

PROCESS = "id-ksdpl"


def acting(request: HttpRequest) -> Actor:
    """Return who acts."""
    return Actor(id=request.user.get_username(), roles=[group.name for group in request.user.groups.all()])


def body(request: HttpRequest) -> dict[str, Any]:
    """Return what was sent, as JSON."""
    try:
        read = json.loads(request.body)
    except ValueError as error:
        message = f"the body is no JSON: {error}"
        raise InvalidValue(message) from error
    return read if isinstance(read, dict) else {}


def key(request: HttpRequest) -> str | None:
    """Return the id under which the request can be repeated."""
    found: str | None = request.headers.get("Idempotency-Key")
    return found


def seen(joined: Engine, agreement: str, request: HttpRequest) -> Agreement | str:
    """Return what to hand to the engine: the agreement at the version the client saw, if it says which."""
    match = request.headers.get("If-Match")
    if match is None:
        return agreement
    found = re.fullmatch(r'(?:W/)?"(\d{1,15})"', match)
    return attrs.evolve(joined.get(agreement), version=int(found[1]) if found else 0)


def brief(agreement: Agreement) -> dict[str, Any]:
    """Return what stands in a list."""
    stage = engine().process(agreement).standing(agreement.stage)
    return {
        "id": agreement.id,
        "title": agreement.title,
        "stage": agreement.stage,
        "stage_label": stage.label.text(get_language() or "en"),
        "turn_of": list(agreement.owner),
        "since": agreement.entered_at.isoformat(),
        "outcome": agreement.outcome,
        "version": agreement.version,
    }


def answer(agreement: Agreement, status: int = 200, **more: Any) -> HttpResponse:
    """Answer with an agreement, and its version as ETag."""
    return JsonResponse({**brief(agreement), **more}, status=status, headers={"ETag": f'"{agreement.version}"'})


def hand_on(agreement: Agreement) -> None:
    """Close the tasks that are done, and open those of the roles whose turn it is now."""
    opened = Task.objects.filter(agreement=agreement.id, done=None)
    if Task.objects.filter(agreement=agreement.id, since=agreement.n).exists():
        return  # A repeated request: it was handed on then.
    opened.update(done=agreement.n)
    for role in () if agreement.outcome else agreement.owner:
        Task.objects.create(agreement=agreement.id, role=role, since=agreement.n)


@login_required
@require_http_methods(["GET", "POST"])
def agreements(request: HttpRequest) -> HttpResponse:
    """List the agreements, page by page; or start one, and open the first tasks."""
    if request.method == "GET":
        page = engine().find(after=request.GET.get("after"), text=request.GET.get("text"))
        return JsonResponse({"items": [brief(one) for one in page.items], "next": page.next})
    new = body(request)
    parties = [Party(party) for party in new.get("parties", ())]
    with transaction(key(request)) as joined:
        deal = joined.start(
            PROCESS,
            new.get("id", ""),
            title=new.get("title", ""),
            parties=parties,
            by=acting(request),
            request_id=key(request),
        )
        hand_on(deal)
    return answer(deal, 201)


@login_required
@require_GET
def show(request: HttpRequest, agreement: str) -> HttpResponse:
    """Show an agreement, what this actor could do with it, and every reason why not."""
    lang = get_language() or "en"
    deal = engine().get(agreement)
    moves = [
        {
            "move": option.move,
            "target": option.target,
            "open": option.open,
            "why_not": [
                {"text": why.text(lang), "fix_by": list(why.fix_by), "basis": why.basis} for why in option.unmet
            ],
        }
        for option in engine().options(deal, by=acting(request))
    ]
    return answer(deal, moves=moves, documents={kind: document.digest for kind, document in deal.documents.items()})


@login_required
@require_GET
def history(request: HttpRequest, agreement: str) -> HttpResponse:  # noqa: ARG001  a view takes the request
    """Tell what happened, refused attempts included."""
    events = [
        {"n": event.n, "kind": event.kind, "move": event.move, "actor": event.actor, "at": event.at}
        for event in engine().history(agreement)
    ]
    return JsonResponse({"events": events})


@login_required
@require_http_methods(["PUT"])
def upload(request: HttpRequest, agreement: str, kind: str) -> HttpResponse:
    """Take a document: its content into our table, its digest into the history, both or neither."""
    fields = {name: value for name, value in request.GET.items() if name != "title"}
    document = Document.from_bytes(request.body, kind=kind, title=request.GET.get("title", ""), fields=fields)
    with transaction(key(request)) as joined:
        deal = joined.attach(seen(joined, agreement, request), document, by=acting(request), request_id=key(request))
        Paper.objects.get_or_create(digest=document.digest, defaults={"content": request.body})
    return answer(deal)


@login_required
@require_http_methods(["PUT"])
def record(request: HttpRequest, agreement: str, name: str) -> HttpResponse:
    """Record a fact."""
    fact = body(request)
    with transaction(key(request)) as joined:
        on = seen(joined, agreement, request)
        deal = joined.record(
            on, name, fact.get("value"), source=fact.get("source", ""), by=acting(request), request_id=key(request)
        )
    return answer(deal)


@login_required
@require_POST
def move(request: HttpRequest, agreement: str) -> HttpResponse:
    """Move an agreement, and hand on the tasks: one transaction."""
    wanted = body(request)
    reason, to = wanted.get("reason", ""), wanted.get("to", "")
    given: dict[str, Any] = {"by": acting(request), "request_id": key(request)}
    with transaction(key(request)) as joined:
        on = seen(joined, agreement, request)
        match wanted.get("move"):
            case "advance":
                deal = joined.advance(on, reason=reason, **given)
            case "send_back":
                deal = joined.send_back(on, to, reason, **given)
            case "end":
                deal = joined.end(on, to, reason, **given)
            case other:
                message = f"move: advance, send_back or end is needed, not {other!r}"
                raise InvalidValue(message)
        hand_on(deal)
    return answer(deal)


@login_required
@require_POST
def vote(request: HttpRequest, agreement: str) -> HttpResponse:
    """Vote on an agreement as it stands."""
    ballot = body(request)
    given: dict[str, Any] = {"by": acting(request), "request_id": key(request)}
    with transaction(key(request)) as joined:
        on = seen(joined, agreement, request)
        if ballot.get("vote") == "approve":
            deal = joined.approve(on, reason=ballot.get("reason", ""), **given)
        else:
            deal = joined.refuse(on, ballot.get("reason", ""), **given)
    return answer(deal)


@login_required
@require_GET
def paper(request: HttpRequest, digest: str) -> HttpResponse:  # noqa: ARG001  a view takes the request
    """Hand out the content of a document."""
    found = get_object_or_404(Paper, digest=digest)
    return HttpResponse(bytes(found.content), content_type="application/octet-stream")


@login_required
@require_GET
def tasks(request: HttpRequest) -> HttpResponse:
    """List what is to be done by the roles of whoever asks."""
    mine = Task.objects.filter(done=None, role__in=acting(request).roles).order_by("agreement", "role")
    return JsonResponse({"tasks": list(mine.values("agreement", "role", "since"))})


@login_required
@require_GET
def outcome(request: HttpRequest, request_id: str) -> HttpResponse:  # noqa: ARG001  a view takes the request
    """Say what became of a request whose outcome was unknown; a refusal is answered as it would have been."""
    deal = engine().resolve(request_id)
    if deal is None:
        message = "it never happened; ask for it again"
        raise Http404(message)
    return answer(deal)
