"""How errors of stagegate are answered: a refusal with every reason, in the language of the reader."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import get_language

from stagegate import (
    AlreadyExists,
    Conflict,
    GateClosed,
    InvalidValue,
    NoSuchMove,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RefusedError,
    RequestReused,
    StagegateError,
    StoreError,
)

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


class Refusals:
    """Middleware: what a view raises becomes an answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take the rest of the way."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Go the rest of the way."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer an error that the office knows."""
        if isinstance(error, IntegrityError):
            said = "a row of the office stands against it; nothing was done"
            return JsonResponse({"error": "Taken", "message": said}, status=HTTPStatus.CONFLICT)
        return refusal(request, error) if isinstance(error, StagegateError) else None


def refusal(request: HttpRequest, error: StagegateError) -> HttpResponse:
    """Answer an error of stagegate."""
    status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    lang = get_language() or "en"
    body: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    headers: dict[str, str] = {}
    if isinstance(error, RefusedError):
        body |= {"event": error.n, "unmet": [{**why.to_data(), "text": why.text(lang)} for why in error.unmet]}
    if isinstance(error, NotPermitted):
        body["roles"] = list(error.roles)
    if isinstance(error, Conflict):
        body["version"] = error.current
        # A client that said which version it had seen is told that this precondition failed.
        status = HTTPStatus.PRECONDITION_FAILED if "If-Match" in request.headers else status
    if isinstance(error, OutcomeUnknown):
        body["request_id"] = error.request_id
        headers["Retry-After"] = "5"
    return JsonResponse(body, status=status, headers=headers)
