"""How an agreement, and a refusal, are told to the client."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from stagegate import (
    Agreement,
    AlreadyExists,
    Conflict,
    GateClosed,
    InvalidValue,
    NoSuchMove,
    NotFound,
    NotPermitted,
    Option,
    OutcomeUnknown,
    Process,
    RefusedError,
    RequestReused,
    StagegateError,
    StoreError,
)

LANGUAGES = ("en", "id", "ja")

STATUS: dict[type[StagegateError], HTTPStatus] = {
    # The first that fits counts.
    GateClosed: HTTPStatus.CONFLICT,
    NotPermitted: HTTPStatus.FORBIDDEN,
    NoSuchMove: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    AlreadyExists: HTTPStatus.CONFLICT,
    NotFound: HTTPStatus.NOT_FOUND,
    RequestReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidValue: HTTPStatus.BAD_REQUEST,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def language(request: Request) -> str:
    """Return the language among ours that the client likes best."""
    liked: list[tuple[float, str]] = []
    for item in request.headers.get("accept-language", "").split(","):
        tag, _, weight = item.strip().partition(";q=")
        try:
            liked.append((float(weight or 1), tag.partition("-")[0].lower()))
        except ValueError:
            continue
    known = [(weight, tag) for weight, tag in liked if tag in LANGUAGES]
    return max(known, key=lambda one: one[0])[1] if known else "en"


def refusal(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of stagegate: a refusal with every reason, in the language of the reader."""
    lang = language(request)
    status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    body: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    headers = {"Content-Language": lang}
    if isinstance(error, RefusedError):
        body |= {"event": error.n, "unmet": [{**why.to_data(), "text": why.text(lang)} for why in error.unmet]}
    if isinstance(error, NotPermitted):
        body["roles"] = list(error.roles)
    if isinstance(error, Conflict):
        body["version"] = error.current
        # A client that said which version it had seen is told that this precondition failed.
        status = HTTPStatus.PRECONDITION_FAILED if "if-match" in request.headers else status
    if isinstance(error, OutcomeUnknown):
        body["request_id"] = error.request_id
        headers["Retry-After"] = "5"
    return JSONResponse(body, status_code=status, headers=headers)


def brief(process: Process, agreement: Agreement, lang: str) -> dict[str, Any]:
    """Return what stands in a list."""
    stage = process.standing(agreement.stage)
    return {
        "id": agreement.id,
        "title": agreement.title,
        "stage": agreement.stage,
        "stage_label": stage.label.text(lang),
        "turn_of": list(agreement.owner),
        "since": agreement.entered_at.isoformat(),
        "outcome": agreement.outcome,
        "version": agreement.version,
    }


def option(one: Option, lang: str) -> dict[str, Any]:
    """Return what a page needs for a button: whether it can be pressed, and every reason why not."""
    return {
        "move": one.move,
        "target": one.target,
        "open": one.open,
        "for": list(one.roles),
        "why_not": [{"text": why.text(lang), "fix_by": list(why.fix_by), "basis": why.basis} for why in one.unmet],
    }
