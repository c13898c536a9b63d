"""Rows of PostgreSQL: which are asked for, and what they are read as."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from stagegate import Delivery, Known, rows

SNAPSHOT = "a.id, a.n, a.version, a.head, a.snapshot"
OUTBOX = ", ".join(rows.OUTBOX)
SORTS = ", ".join(rows.SORT)

DELIVERY = (
    ", ".join(f"o.{column}" for column in rows.OUTBOX)
    + ", (SELECT e.hash FROM stagegate.event e WHERE e.agreement = o.agreement AND e.n = o.n)"
)
"""A row of the outbox, with the hash of the event that caused it."""

REWRITE = (
    "UPDATE stagegate.outbox o SET status = r.status, tries = r.tries, due_at = r.due_at,"
    " leased_until = r.leased_until, error = r.error, expires_at = r.expires_at, recipient = r.recipient, seal = r.seal"
    " FROM unnest(%s::text[], %s::int[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[],"
    " %s::text[], %s::text[], %s::bytea[]) AS r(agreement, n, id, status, tries, due_at, leased_until, error,"
    " expires_at, recipient, seal) WHERE o.agreement = r.agreement AND o.n = r.n AND o.id = r.id"
)
"""Writes how far deliveries have come."""


def later(now: datetime) -> datetime:
    """Return a day later, as far as there are days."""
    return now + min(timedelta(days=1), datetime.max.replace(tzinfo=UTC) - now)


def key_of(scope: str) -> str:
    """Return what a hold is kept under."""
    return sha256(scope.encode()).hexdigest()


def known_of(row: Sequence[Any] | None) -> Known | None:
    return None if row is None else Known(agreement=row[0], n=row[1], fingerprint=row[2])


def rewrite(cursor: Any, deliveries: Sequence[Delivery]) -> None:
    """Write how far deliveries have come."""
    if deliveries:
        written = [rows.row_of(delivery) for delivery in deliveries]
        columns = zip(*((*row[:3], *row[4:]) for row in written), strict=True)
        cursor.execute(REWRITE, [list(column) for column in columns])
