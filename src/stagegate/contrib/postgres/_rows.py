"""What a row means: how agreements and deliveries are written into columns and read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from stagegate import Agreement, Delivery, HistoryTampered, Known, Notification

SNAPSHOT = "a.id, a.n, a.version, a.head, a.snapshot"
OUTBOX = "agreement, n, id, payload, status, tries, due_at, leased_until, error, expires_at, recipient, seal"
"""The columns of a row of the outbox; the last is the check over those before it."""

DELIVERY = (
    ", ".join(f"o.{column}" for column in OUTBOX.split(", "))
    + ", (SELECT e.hash FROM stagegate.event e WHERE e.agreement = o.agreement AND e.n = o.n)"
)
"""A row of the outbox, with the hash of the event that caused it."""

SORT = ("stage", "process", "owner", "outcome", "on_hold")
"""The columns by which agreements are counted."""

SORTS = ", ".join(SORT)

REWRITE = (
    "UPDATE stagegate.outbox o SET status = r.status, tries = r.tries, due_at = r.due_at,"
    " leased_until = r.leased_until, error = r.error, expires_at = r.expires_at, recipient = r.recipient, seal = r.seal"
    " FROM unnest(%s::text[], %s::int[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[],"
    " %s::text[], %s::text[], %s::bytea[]) AS r(agreement, n, id, status, tries, due_at, leased_until, error,"
    " expires_at, recipient, seal) WHERE o.agreement = r.agreement AND o.n = r.n AND o.id = r.id"
)
"""Writes how far deliveries have come."""


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def later(now: datetime) -> datetime:
    """Return a day later, as far as there are days."""
    return now + min(timedelta(days=1), datetime.max.replace(tzinfo=UTC) - now)


_COLUMNS: dict[str, Callable[[Agreement], Any]] = {
    "n": lambda a: a.n,
    "version": lambda a: a.version,
    "head": lambda a: a.head,
    "process": lambda a: a.process.id,
    "stage": lambda a: a.stage,
    "owner": lambda a: " ".join(a.owner),
    "outcome": lambda a: a.outcome,
    "on_hold": lambda a: a.hold is not None,
    "changed_at": lambda a: iso(a.changed_at),
    "searchable": lambda a: a.searchable,
    "wakes_at": lambda a: None if (wakes := a.wakes_at) is None else iso(wakes),
    "overdue": lambda a: a.overdue,
}

COPIED = tuple(_COLUMNS)
"""The columns of an agreement that are copied from its snapshot."""


def columns_of(agreement: Agreement, wanted: Iterable[str] = COPIED) -> dict[str, Any]:
    """Return columns of an agreement that are copied from its snapshot."""
    return {column: _COLUMNS[column](agreement) for column in wanted}


def sort_of(agreement: Agreement) -> tuple[Any, ...]:
    """Return the sort that an agreement is counted in."""
    owner, outcome = " ".join(agreement.owner), agreement.outcome or ""
    return agreement.stage, agreement.process.id, owner, outcome, agreement.hold is not None


def members_of(agreement: Agreement) -> set[tuple[str, str]]:
    members = {("owner", role) for role in agreement.owner} | {("party", party.id) for party in agreement.parties}
    return members if agreement.part_of is None else members | {("whole", agreement.part_of)}


def seal(row: Sequence[Any]) -> bytes:
    """Return the check of a row of the outbox: SHA-256 over all its columns."""
    return sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest()


def key_of(scope: str) -> str:
    """Return what a hold is kept under."""
    return sha256(scope.encode()).hexdigest()


def known_of(row: Sequence[Any] | None) -> Known | None:
    return None if row is None else Known(agreement=row[0], n=row[1], fingerprint=row[2])


def snapshot_of(row: Sequence[Any], known: Agreement | None = None) -> Agreement:
    """Return the agreement of a row; one without a snapshot has that of *known*."""
    id_, n, version, head, snapshot = row
    try:
        found = known if known is not None and snapshot is None else Agreement.from_json(snapshot)
    except HistoryTampered as error:
        message = f"{id_}: {error}; nothing was changed, run verify"
        raise HistoryTampered(message) from None
    if (found.id, found.n, found.version, found.head) != (id_, n, version, head):
        message = f"{id_}: its snapshot is not that of event {n}; nothing was changed, run verify"
        raise HistoryTampered(message)
    return found


def delivery_of(row: Sequence[Any]) -> Delivery:
    agreement, n, id_, payload, status, tries, due_at, leased_until, error, expires_at = row[:10]
    try:
        notification = Notification(**json.loads(payload), id=id_, agreement=agreement, n=n, hash=row[12] or b"")
        due = datetime.fromisoformat(due_at)
        until, expires = (None if at is None else datetime.fromisoformat(at) for at in (leased_until, expires_at))
    except (ValueError, TypeError) as damage:
        message = f"the notification {id_} in the outbox cannot be read ({damage}); run verify"
        raise HistoryTampered(message) from None
    return Delivery(
        notification=notification,
        status=status,
        tries=tries,
        due_at=due,
        leased_until=until,
        error=error,
        expires_at=expires,
    )


def intact_of(row: Sequence[Any]) -> Delivery:
    """
    Return a delivery that nobody has changed.

    Raises:
        HistoryTampered: If it cannot be read, or its seal is not that of the row.
    """
    if seal(row[:11]) != row[11]:
        message = f"the notification {row[2]} in the outbox was changed by another hand; run verify"
        raise HistoryTampered(message)
    return delivery_of(row)


def deliveries(rows: Iterable[Sequence[Any]]) -> Iterator[Delivery]:
    """Yield what can be read; raise in the end, if some cannot."""
    damage = None
    for row in rows:
        try:
            delivery = delivery_of(row)
        except HistoryTampered as error:
            damage = damage or error
        else:
            yield delivery
    if damage is not None:
        raise damage


def row_of(delivery: Delivery) -> tuple[Any, ...]:
    """Return the columns of a delivery, sealed."""
    told = delivery.notification
    row = (
        told.agreement,
        told.n,
        told.id,
        told.payload(),
        delivery.status,
        delivery.tries,
        iso(delivery.due_at),
        None if delivery.leased_until is None else iso(delivery.leased_until),
        delivery.error,
        None if delivery.expires_at is None else iso(delivery.expires_at),
        told.recipient,
    )
    return (*row, seal(row))


def rewrite(cursor: Any, deliveries: Sequence[Delivery]) -> None:
    """Write how far deliveries have come."""
    if deliveries:
        rows = [row_of(delivery) for delivery in deliveries]
        columns = zip(*((*row[:3], *row[4:]) for row in rows), strict=True)
        cursor.execute(REWRITE, [list(column) for column in columns])
