"""The engine, and the transactions of Django that its events are part of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings
from django.db import OperationalError, connection
from django.db.transaction import atomic

from stagegate import Engine, OutcomeUnknown, RefusedError


@cache
def engine() -> Engine:
    """Return the engine of this process. A server that forks opens it after the fork: with the first request."""
    return Engine.open(settings.STAGEGATE_URL)


@contextmanager
def transaction(request_id: str | None = None) -> Iterator[Engine]:
    """
    Begin a transaction for our rows and for events: all of it is committed, or nothing.

    Ask the engine first, then write rows. A refused attempt is an event as well, so that it is committed by itself
    before it is raised; any other error rolls back.

    Args:
        request_id: The id under which the client can ask what became of it.

    Raises:
        OutcomeUnknown: If the database broke while it committed.
    """
    opened = engine()
    refused: RefusedError | None = None
    committing = False
    try:
        # Durable: nothing is around it that could still be rolled back.
        with atomic(durable=True):
            try:
                yield opened.using(connection.connection)
            except RefusedError as error:
                refused = error
            committing = True
    except OperationalError as error:
        if not committing:
            raise
        message = "the database broke while it committed"
        raise OutcomeUnknown(message, request_id) from error
    if refused is not None:
        raise refused
