"""Everything as it is stored, for `verify`: rows that were damaged are reported and stop nothing."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from stagegate import Agreement, Dossier, Entry, HistoryTampered

from ._rows import OUTBOX, columns_of, members_of, seal

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
        f"SELECT id, {', '.join(_COPIED)}, snapshot FROM agreement WHERE id {RANGE} ORDER BY id",
        (first, last),
    ):
        faults: list[tuple[int, str]] = []
        agreement = None
        try:
            agreement = Agreement.from_json(snapshot)
        except HistoryTampered as error:
            faults.append((0, str(error)))
        else:
            faults += _copies(agreement, snapshot, columns, members[id_])
        deliveries = {}
        for row in outbox[id_]:
            if seal(row[:-1]) != row[-1]:
                faults.append((row[1], f"the row of notification {row[2]} in the outbox was changed by another hand"))
            deliveries[row[2]] = row[1], sha256(row[3]).hexdigest()
        yield Dossier(
            id=id_,
            agreement=agreement,
            entries=[Entry(n=n, body=body, hash=hash_) for n, body, hash_ in events[id_]],
            requests={(n, request): fingerprint for n, request, fingerprint in requests[id_]},
            outbox=deliveries,
            faults=faults,
        )


_COPIED = (
    "n",
    "version",
    "head",
    "process",
    "stage",
    "owner",
    "outcome",
    "on_hold",
    "changed_at",
    "searchable",
    "wakes_at",
    "overdue",
)


def _copies(
    agreement: Agreement, snapshot: bytes, columns: Sequence[Any], members: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, str]]:
    if agreement.to_json() != snapshot:
        yield agreement.n, "the stored snapshot is not in canonical form"
    for column, stored, copied in zip(_COPIED, columns, columns_of(agreement), strict=True):
        if stored != copied:
            if column == "n" and stored > copied:
                yield copied + 1, f"event {copied + 1} is missing: the row of the agreement has seen {stored} events"
            else:
                yield agreement.n, f"the column {column} says {stored!r}, the snapshot {copied!r}"
    for kind, value in sorted(set(members) ^ members_of(agreement)):
        yield agreement.n, f"the {kind} {value!r} is listed wrongly"


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
    found = [
        f"the counter of {' '.join(map(str, sort))} says {kept.get(sort, 0)}, there are {there.get(sort, 0)}"
        for sort in sorted(set(kept) | set(there), key=str)
        if kept.get(sort) != there.get(sort)
    ]
    for table in ("event", "member", "request", "outbox"):
        orphans = connection.execute(
            f"SELECT DISTINCT agreement FROM {table} WHERE agreement NOT IN (SELECT id FROM agreement)"
        ).fetchall()
        found += [f"the table {table} has rows of {one!r}, but there is no such agreement" for (one,) in orphans]
    return found
