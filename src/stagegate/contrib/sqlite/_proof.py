"""Everything as it is stored, for `verify`: rows that were damaged are reported and stop nothing."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from stagegate import Dossier
from stagegate.rows import COLUMNS, dossier_of, miscounted

from ._rows import OUTBOX

# Ids are handed over as bytes: one that is damaged is no text, but has its place in the order all the same.
RANGE = "BETWEEN CAST(? AS TEXT) AND CAST(? AS TEXT)"


@contextmanager
def damaged(connection: sqlite3.Connection) -> Iterator[None]:
    """Read text that is no text with marks in its place, so that it is reported instead of stopping the look."""
    before = connection.text_factory
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        yield
    finally:
        connection.text_factory = before


def batch(connection: sqlite3.Connection, first: bytes, last: bytes) -> Iterator[Dossier]:
    def rows(sql: str) -> dict[str, list[tuple[Any, ...]]]:
        grouped: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for row in connection.execute(sql, (first, last)):
            grouped[row[0]].append(row[1:])
        return grouped

    events = rows(f"SELECT agreement, n, body, hash FROM event WHERE agreement {RANGE} ORDER BY agreement, n")
    requests = rows(f"SELECT agreement, n, id, fingerprint FROM request WHERE agreement {RANGE}")
    members = rows(f"SELECT agreement, kind, value FROM member WHERE agreement {RANGE}")
    outbox = rows(f"SELECT agreement AS owner, {OUTBOX} FROM outbox WHERE agreement {RANGE}")
    for id_, *columns, snapshot in connection.execute(
        f"SELECT id, {', '.join(COLUMNS)}, snapshot FROM agreement WHERE id {RANGE} ORDER BY id",
        (first, last),
    ):
        yield dossier_of(
            id_,
            columns,
            snapshot,
            events=events[id_],
            requests=requests[id_],
            members=members[id_],
            outbox=outbox[id_],
        )


def sorts(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
    return {row[:-1]: row[-1] for row in rows}


def beside(connection: sqlite3.Connection) -> list[str]:
    """Compare the counters with what they count, and look for rows that belong to no agreement."""
    kept = sorts(connection.execute("SELECT stage, process, owner, outcome, on_hold, number FROM counter"))
    there = sorts(
        connection.execute(
            "SELECT stage, process, owner, ifnull(outcome, ''), on_hold, count(*) FROM agreement"
            " GROUP BY stage, process, owner, outcome, on_hold"
        )
    )
    found = miscounted(kept, there)
    for table in ("event", "member", "request", "outbox"):
        orphans = connection.execute(
            f"SELECT DISTINCT agreement FROM {table} WHERE agreement NOT IN (SELECT id FROM agreement)"
        ).fetchall()
        found += [f"the table {table} has rows of {one!r}, but there is no such agreement" for (one,) in orphans]
    return found
