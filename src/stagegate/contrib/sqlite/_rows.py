"""What a row means: how agreements and deliveries are written into columns and read back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from stagegate import Agreement, Delivery, HistoryTampered, Known, Notification

SNAPSHOT = "a.id, a.n, a.version, a.head, a.snapshot"
THIS = "agreement = ? AND n = ? AND id = ?"
OUTBOX = "agreement, n, id, payload, status, tries, due_at, leased_until, error, expires_at, recipient, seal"
"""The columns of a row of the outbox; the last is the check over those before it."""

SEALED = OUTBOX.count(",")
"""How many there are before the last."""

OLDEST = "due_at, agreement, n, id"
CLAIMABLE = (
    "status = 'pending' AND (due_at <= :now OR (tries = 0 AND error = '') OR due_at > :far)"
    " AND (leased_until IS NULL OR leased_until <= :now OR leased_until > :far) AND (:only IS NULL OR id = :only)"
    " AND NOT EXISTS (SELECT 1 FROM hold WHERE scope IN ('*', recipient))"
)
"""Which rows can be claimed, as `Delivery.claimable` says it, of one notification or of all, and not held."""

RECEIPT = "(SELECT e.hash FROM event e WHERE e.agreement = outbox.agreement AND e.n = outbox.n)"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def joined(owner: Sequence[str]) -> str:
    return " ".join(owner)


def sort_of(agreement: Agreement) -> tuple[Any, ...]:
    """Return which counter an agreement is counted in."""
    return (
        agreement.stage,
        agreement.process.id,
        joined(agreement.owner),
        agreement.outcome or "",
        int(agreement.hold is not None),
    )


def members_of(agreement: Agreement) -> set[tuple[str, str]]:
    members = {("owner", role) for role in agreement.owner} | {("party", party.id) for party in agreement.parties}
    return members if agreement.part_of is None else members | {("whole", agreement.part_of)}


def seal(row: Sequence[Any]) -> bytes:
    """Return the check of a row of the outbox: SHA-256 over all its columns."""
    return sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest()


def columns_of(agreement: Agreement) -> tuple[Any, ...]:
    return (
        agreement.n,
        agreement.version,
        agreement.head,
        agreement.process.id,
        agreement.stage,
        joined(agreement.owner),
        agreement.outcome,
        int(agreement.hold is not None),
        iso(agreement.changed_at),
        agreement.searchable,
        None if (wakes := agreement.wakes_at) is None else iso(wakes),
        int(agreement.overdue),
    )


def get(connection: sqlite3.Connection, agreement: str) -> Agreement | None:
    row = connection.execute(f"SELECT {SNAPSHOT} FROM agreement a WHERE id = ?", (agreement,)).fetchone()
    return None if row is None else snapshot_of(*row)


def parts(connection: sqlite3.Connection, whole: str) -> list[Agreement]:
    rows = connection.execute(
        f"SELECT {SNAPSHOT} FROM agreement a JOIN member m ON m.agreement = a.id"
        " WHERE m.kind = 'whole' AND m.value = ? ORDER BY m.agreement",
        (whole,),
    ).fetchall()
    return [snapshot_of(*row) for row in rows]


def known(connection: sqlite3.Connection, request: str) -> Known | None:
    row = connection.execute("SELECT agreement, n, fingerprint FROM request WHERE id = ?", (request,)).fetchone()
    return None if row is None else Known(agreement=row[0], n=row[1], fingerprint=row[2])


def snapshot_of(id_: str, n: int, version: int, head: bytes, snapshot: bytes) -> Agreement:
    try:
        found = Agreement.from_json(snapshot)
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
        notification = Notification(**json.loads(payload), id=id_, agreement=agreement, n=n, hash=row[-1] or b"")
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


def readable(rows: Iterable[Sequence[Any]], limit: int | None = None) -> tuple[list[Delivery], list[str]]:
    """Return the first deliveries that can be read and that nobody has changed, and what is wrong with the others."""
    whole: list[Delivery] = []
    faults: list[str] = []
    for row in rows:
        try:
            delivery = delivery_of(row)
        except HistoryTampered as damage:
            faults.append(str(damage))
            continue
        if seal(row[:SEALED]) != row[SEALED]:
            faults.append(f"the notification {row[2]} in the outbox was changed by another hand; run verify")
            continue
        whole.append(delivery)
        if len(whole) == limit:
            break
    return whole, faults


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
