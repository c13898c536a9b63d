"""What a row means: how agreements and deliveries are written into columns and read back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from stagegate import Agreement, Delivery, HistoryTampered, Notification

SNAPSHOT = "a.id, a.n, a.version, a.head, a.snapshot"
THIS = "agreement = ? AND n = ? AND id = ?"
OUTBOX = "agreement, n, id, payload, status, tries, due_at, leased_until, error, seal"


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
    agreement, n, id_, payload, status, tries, due_at, leased_until, error = row[:9]
    try:
        notification = Notification(**json.loads(payload), id=id_, agreement=agreement, n=n)
        due = datetime.fromisoformat(due_at)
        until = None if leased_until is None else datetime.fromisoformat(leased_until)
    except (ValueError, TypeError) as damage:
        message = f"the notification {id_} in the outbox cannot be read ({damage}); run verify"
        raise HistoryTampered(message) from None
    return Delivery(notification=notification, status=status, tries=tries, due_at=due, leased_until=until, error=error)
