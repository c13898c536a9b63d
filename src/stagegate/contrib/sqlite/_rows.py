"""Rows of SQLite: which are asked for, and what they are read as."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from stagegate import Agreement, Delivery, HistoryTampered, Known, rows

SNAPSHOT = "a.id, a.n, a.version, a.head, a.snapshot"
THIS = "agreement = ? AND n = ? AND id = ?"
OUTBOX = ", ".join(rows.OUTBOX)
OLDEST = "due_at, agreement, n, id"
CLAIMABLE = (
    "status = 'pending' AND (due_at <= :now OR (tries = 0 AND error = '') OR due_at > :far)"
    " AND (leased_until IS NULL OR leased_until <= :now OR leased_until > :far) AND (:only IS NULL OR id = :only)"
    " AND NOT EXISTS (SELECT 1 FROM hold WHERE scope IN ('*', recipient))"
)
"""Which rows can be claimed, as `Delivery.claimable` says it, of one notification or of all, and not held."""

RECEIPT = "(SELECT e.hash FROM event e WHERE e.agreement = outbox.agreement AND e.n = outbox.n)"


def get(connection: sqlite3.Connection, agreement: str) -> Agreement | None:
    row = connection.execute(f"SELECT {SNAPSHOT} FROM agreement a WHERE id = ?", (agreement,)).fetchone()
    return None if row is None else rows.agreement_of(row)


def parts(connection: sqlite3.Connection, whole: str) -> list[Agreement]:
    found = connection.execute(
        f"SELECT {SNAPSHOT} FROM agreement a JOIN member m ON m.agreement = a.id"
        " WHERE m.kind = 'whole' AND m.value = ? ORDER BY m.agreement",
        (whole,),
    ).fetchall()
    return list(map(rows.agreement_of, found))


def known(connection: sqlite3.Connection, request: str) -> Known | None:
    row = connection.execute("SELECT agreement, n, fingerprint FROM request WHERE id = ?", (request,)).fetchone()
    return None if row is None else Known(agreement=row[0], n=row[1], fingerprint=row[2])


def readable(found: Iterable[Sequence[Any]], limit: int | None = None) -> tuple[list[Delivery], list[str]]:
    """Return the first deliveries that can be read and that nobody has changed, and what is wrong with the others."""
    whole: list[Delivery] = []
    faults: list[str] = []
    for row in found:
        try:
            whole.append(rows.intact_of(row))
        except HistoryTampered as damage:
            faults.append(str(damage))
        if len(whole) == limit:
            break
    return whole, faults
