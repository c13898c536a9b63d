"""What a call becomes: who may make it, what stands in its way, and the event it is recorded as. Pure decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from ._agreement import Agreement
from ._attempt import Attempt
from ._machine import Cursor
from ._plain import MAX_BODY, as_table, canonical, name, plain, slug, text
from ._process import Process
from ._reasons import Unmet
from ._records import Actor, Document, Party, Pin, lean
from ._text import frozendict
from .exceptions import InvalidValue, NoSuchMove, quote

MAX_REASONS = 500
"""How many reasons a refused event holds; it says how many more there were."""

Veto = Callable[[Attempt], Iterable[Unmet]]


@attrs.define(kw_only=True, eq=False, repr=False)
class Change:
    """
    What an event records beside who, when and under which rules.

    Attributes:
        kind: The kind of event.

        to: The stage the agreement moves to, if it moves.

        data: The particulars.

        voided: The approvals that this voids.

        documents: The documents it rests on: kind and digest.

        due: What becomes of the deadlines; None where the clock says it.

        anew: Whether the clock reckons every deadline again.
        process: The process it runs under from now on, if that changes.
    """

    kind: str
    to: str | None = None
    data: Mapping[str, Any] = frozendict()
    voided: Sequence[Mapping[str, Any]] = ()
    documents: Sequence[Mapping[str, Any]] = ()
    due: Sequence[Mapping[str, Any]] | None = None
    anew: bool = False
    process: Process | None = None


@attrs.define(kw_only=True, eq=False, repr=False)
class Wanted:
    """
    What a caller wants to happen to an agreement.

    Attributes:
        move: The name of the method.

        details: Its parameters, as they are compared when a request is repeated.

        to: The stage, outcome or role it names, if it names one.

        change: What it becomes, if nothing stands in its way.

        roles: Who may make it, where it is not for the stage to say.

        asked: The parameters that were given, where *details* say more than these.
    """

    move: str
    details: Mapping[str, Any] = frozendict()
    to: str | None = None
    change: Callable[[Process, Attempt, Cursor], Change]
    roles: Callable[[Process, Agreement], tuple[str, ...]] | None = None
    asked: Mapping[str, Any] | None = None


@attrs.define(kw_only=True, eq=False, repr=False)
class Decision:
    """
    Whether something may happen, with everything that was heard.

    Attributes:
        roles: The roles that may do it.

        used: The roles of the actor's that count for it.

        cursor: What the gate said.
    """

    roles: tuple[str, ...]
    used: tuple[str, ...]
    cursor: Cursor

    @property
    def permitted(self) -> bool:
        """Whether this actor may do it at all."""
        return bool(self.used)

    @property
    def granted(self) -> bool:
        """Whether it happens."""
        return bool(self.used) and not self.cursor.answer.unmet


def attaching(document: Document) -> Wanted:
    """Want a document filed; a new version voids the approvals that were bound to the one before."""
    if not isinstance(document, Document):
        message = f"attach: a Document is needed, not {type(document).__name__}"
        raise InvalidValue(message)
    table = document.to_data()

    def change(process: Process, attempt: Attempt, cursor: Cursor) -> Change:
        agreement = attempt.agreement
        before = agreement.documents.get(document.kind)
        if before is not None and document.kind in process.standing(agreement.stage).amend:
            held = frozendict({"document": document.kind})
            cursor.answer.unmet.append(Unmet(code="document.amend", params=held, requirement=f"amend:{document.kind}"))
        voided: tuple[Mapping[str, Any], ...] = ()
        if before is not None and not before.same_text(document):
            voided = tuple(a.brief() for a in agreement.approvals if document.kind in a.of)
        return Change(kind="attached", data={"document": table}, voided=voided)

    return Wanted(move="attach", details=as_table(table, "document"), change=change)


def amending(document: Document | None, reason: str, kind: str = "") -> Wanted:
    """Want a new version of a document that stands, by its own approvals; without a *document*, only ask about it."""
    said = text(reason, "reason")
    if not kind:
        if not isinstance(document, Document):
            message = f"amend: a Document is needed, not {type(document).__name__}"
            raise InvalidValue(message)
        kind = document.kind
        if not said.strip():
            message = "amend: a reason is needed"
            raise InvalidValue(message)
    table = {} if document is None else {"document": document.to_data()}

    def change(process: Process, attempt: Attempt, cursor: Cursor) -> Change:
        agreement = attempt.agreement
        process.plan.fire("amend", cursor)
        if kind not in agreement.documents:
            missing = frozendict({"document": kind})
            cursor.answer.unmet.append(Unmet(code="document.missing", params=missing, requirement=f"amend:{kind}"))
        voided = _used(process, agreement, kind)
        data = lean({**table, "reason": said})
        return Change(kind="attached", data=data, voided=voided, documents=_documents(agreement))

    details = frozendict(lean({"kind": kind, "reason": said, **table}))
    return Wanted(move="amend", details=as_table(details, "amend"), to=kind, change=change)


RECKON = Wanted(
    move="recompute",
    change=lambda _process, _attempt, _cursor: Change(kind="reckoned", anew=True),
)
"""The wish that every deadline be reckoned again, by the calendars that are in force."""


def recording(fact: str, value: Any, source: str) -> Wanted:
    """Want a fact recorded."""
    fact = slug(fact, "fact")
    data = frozendict(lean({"fact": fact, "source": text(source, "source")}) | {"value": plain(value, f"fact {fact}")})
    return Wanted(move="record", details=data, change=lambda _p, _a, _c: Change(kind="recorded", data=data))


def noting(said: str) -> Wanted:
    """Want something written down that changes nothing."""
    if not text(said, "note").strip():
        message = "note: a text is needed"
        raise InvalidValue(message)
    data = frozendict({"text": said})
    return Wanted(move="note", details=data, change=lambda _p, _a, _c: Change(kind="noted", data=data))


def moving(move: str, *, to: str | None = None, reason: str = "", must: bool = False) -> Wanted:
    """Want a move of the agreement as a whole; with *must*, a reason has to be given."""
    said = text(reason, "reason")
    if must and not said.strip():
        message = f"{move}: a reason is needed"
        raise InvalidValue(message)
    if move in {"send_back", "renew", "end"}:
        to = name(to, "outcome" if move == "end" else "to")

    def change(process: Process, attempt: Attempt, cursor: Cursor) -> Change:
        return _moved(move, said, process, attempt, cursor)

    details = frozendict(lean({"to": to, "reason": said})) if to or said else frozendict()
    return Wanted(move=move, details=details, to=to, change=change)


def _moved(move: str, said: str, process: Process, attempt: Attempt, cursor: Cursor) -> Change:
    agreement = attempt.agreement
    edge = process.plan.fire(move, cursor)
    if edge is None:
        return Change(kind="moved")
    dest = edge.dest
    data: dict[str, Any] = {"reason": said} if said else {}
    if dest is None:
        return Change(kind="moved", data=data)
    if move == "end":
        data["outcome"] = dest
        return Change(kind="moved", data=data, documents=_documents(agreement))
    data["owner"] = process.standing(dest).owner
    if move == "send_back":
        return Change(kind="moved", to=dest, data=data, voided=_voided(process, agreement, dest))
    if move == "renew":
        used = _used(process, agreement)
        gone = used if dest == agreement.stage else (*used, *_voided(process, agreement, dest))
        voided = tuple({vote["n"]: vote for vote in gone}.values())
        return Change(kind="moved", to=dest, data=data, voided=voided, documents=_documents(agreement))
    if cursor.skipped:
        data["skipped"] = [{"stage": s, "unmet": [r.to_data() for r in why]} for s, why in cursor.skipped]
    return Change(kind="moved", to=dest, data=data, documents=_documents(agreement))


def _used(process: Process, agreement: Agreement, kind: str | None = None) -> tuple[Mapping[str, Any], ...]:
    """Return the approvals that an amendment or a renewal uses up: those that were cast for it."""
    used = process.using(agreement.stage, kind)
    return tuple(a.brief() for a in agreement.approvals if a.role in used and a.stage == agreement.stage)


def _documents(agreement: Agreement) -> tuple[Mapping[str, Any], ...]:
    return tuple({"kind": doc.kind, "digest": doc.digest} for doc in agreement.documents.values())


def _voided(process: Process, agreement: Agreement, dest: str) -> tuple[Mapping[str, Any], ...]:
    """Return the approvals given from *dest* onwards; where a stage says so, those bound to a text stand."""
    back = process.place(dest)

    def void(stage: str, *, bound: bool) -> bool:
        given = process.stage(stage)
        return process.place(stage) >= back and (given is None or given.reapproval == "always" or not bound)

    return tuple(a.brief() for a in agreement.approvals if void(a.stage, bound=bool(a.of)))


def bound_to(process: Process, agreement: Agreement, role: str) -> frozendict:
    """Return what a vote of *role* is bound to now: the digest of each document, by kind."""
    documents, kinds = agreement.documents, process.approving.get(role, ())
    return frozendict({kind: documents[kind].digest for kind in kinds if kind in documents})


def known_move(process: Process, agreement: Agreement, wanted: Wanted) -> None:
    """
    Make sure there is such a move from where *agreement* stands.

    Raises:
        NoSuchMove: If there is none; it says what there is.
    """
    move, to = wanted.move, wanted.to
    if agreement.outcome is not None and move != "note":
        message = f"{agreement.id}: it has ended ({agreement.outcome}); only notes can be added"
        raise NoSuchMove(message)
    if move == "amend":
        kinds = process.standing(agreement.stage).amend
        if to not in kinds:
            there = ", ".join(kinds) or "nothing"
            message = f"{agreement.id}: {quote(to)} is not amended at {quote(agreement.stage)}; there is {there}"
            raise NoSuchMove(message)
        return
    if move not in {"advance", "send_back", "renew", "end"}:
        return
    targets = process.plan.targets(move, agreement.stage)
    if not targets:
        message = f"{agreement.id}: there is no {move} from {quote(agreement.stage)}"
        if move == "advance":
            message += ", the last stage; use end with an outcome"
        raise NoSuchMove(message)
    if move != "advance" and to not in targets:
        there = ", ".join(str(target) for target in targets)
        message = f"{agreement.id}: there is no {move} to {quote(to)} from {quote(agreement.stage)}; there is {there}"
        raise NoSuchMove(message)


def permitted_roles(process: Process, agreement: Agreement, wanted: Wanted) -> tuple[str, ...]:
    """Return the roles that may make a move, where *agreement* stands."""
    stage, move = process.standing(agreement.stage), wanted.move
    owner, also = (*stage.owner, *agreement.escalated), stage.may.get(move, ())
    if wanted.roles is not None:
        return wanted.roles(process, agreement)
    if move in {"attach", "record", "note"}:
        return tuple(dict.fromkeys((*owner, *also, *(stage.contributors or sorted(process.known_roles)))))
    if move == "end":
        outcome = process.outcome(wanted.to or "")
        return tuple(dict.fromkeys((*((outcome.by if outcome else ()) or owner), *also)))
    if move == "resume" and agreement.hold is not None and not set(agreement.hold.roles) & set(owner):
        return tuple(dict.fromkeys((*agreement.hold.roles, *also)))
    return tuple(dict.fromkeys((*owner, *also)))


def decide(process: Process, attempt: Attempt, wanted: Wanted, vetoes: Veto | None) -> tuple[Decision, Change]:
    """
    Ask everything that has a say: the permission, the gate, the plugins. All are asked, whatever the others answer.

    Args:
        process: The process the agreement is pinned to.

        attempt: What is attempted, by whom, on what.

        wanted: What it is to become.

        vetoes: What the plugins have against it; None where no plugin has a say.
    """
    roles = permitted_roles(process, attempt.agreement, wanted)
    mine = attempt.actor.roles
    used = tuple(role for role in mine if role in roles)
    cursor = Cursor(attempt, wanted.to)
    change = wanted.change(process, attempt, cursor)
    if vetoes is not None:
        cursor.answer.unmet.extend(vetoes(attempt))
    return Decision(roles=roles, used=used, cursor=cursor), change


def fitting(reasons: Sequence[Unmet]) -> tuple[list[dict[str, Any]], int]:
    """Return as many reasons as an event can hold, as data, and how many had to be left out."""
    held: list[dict[str, Any]] = []
    room = MAX_BODY // 4
    for reason in reasons[:MAX_REASONS]:
        data = reason.to_data()
        room -= len(canonical(data))
        if room < 0:
            break
        held.append(data)
    return held, len(reasons) - len(held)


def refusal(decision: Decision) -> dict[str, Any]:
    """Return what the `refused` event records: every reason, the same as in the dry run and in the exception."""
    data: dict[str, Any] = {}
    data["unmet"], left_out = fitting(decision.cursor.answer.unmet)
    if left_out:
        data["left_out"] = left_out
    if not decision.permitted:
        data["permitted"] = False
        data["roles"] = decision.roles
    return {k: v for k, v in data.items() if v not in ((), [])}


def started(process: Process, title: str, parties: Sequence[Party], part_of: str | None = None) -> dict[str, Any]:
    """Return what the first event records."""
    table = {"title": title, "parties": [party.to_data() for party in parties], "owner": process.stages[0].owner}
    return lean(table | {"parties": table["parties"] or None, "part_of": part_of})


def body(
    *,
    agreement: str,
    n: int,
    id: str,
    kind: str,
    move: str,
    stage: str | None,
    change: Change,
    process: Pin,
    actor: Actor,
    used: Sequence[str],
    at: str,
    recorded_at: str,
    request: tuple[str, str] | None,
    asked: Sequence[tuple[str, bool]],
    warnings: Sequence[Unmet],
) -> dict[str, Any]:
    """Return the body of an event; what is empty is left out (docs/reference/history.md)."""
    who: dict[str, Any] = {"id": actor.id, "roles": used or actor.roles}
    if actor.on_behalf_of is not None:
        who["on_behalf_of"] = actor.on_behalf_of
    table: dict[str, Any] = {
        "actor": who,
        "agreement": agreement,
        "at": at,
        "id": id,
        "kind": kind,
        "move": move,
        "n": n,
        "process": {"digest": process.digest, "id": process.id, "version": process.version},
        "recorded_at": recorded_at,
    }
    if stage is not None:
        table["from"] = stage
    if change.to is not None:
        table["to"] = change.to
    if change.data:
        table["data"] = change.data
    if change.voided:
        table["voided"] = change.voided
    if change.documents:
        table["documents"] = change.documents
    if request is not None:
        table["request"] = {"id": request[0], "fingerprint": request[1]}
    if asked:
        table["asked"] = asked
    if warnings:
        table["warnings"] = fitting(warnings)[0]
    return table


def encoded(table: Mapping[str, Any]) -> bytes:
    """
    Return the bytes of an event.

    Raises:
        InvalidValue: If they are more than an event may have.
    """
    written = canonical(table)
    if len(written) > MAX_BODY:
        message = f"the event would take {len(written):,} bytes; {MAX_BODY:,} are the most: keep content out of facts"
        raise InvalidValue(message)
    return written
