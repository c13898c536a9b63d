"""Everything as it is stored, for `verify`: rows that were damaged are reported and stop nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from stagegate import Agreement, Dossier, Entry, HistoryTampered

from ._rows import COPIED, OUTBOX, SORTS, columns_of, members_of, seal

LOOK = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
"""How a look begins in which everything is of one moment."""


def batch(cursor: Any, ids: Sequence[str]) -> Iterator[Dossier]:
    """Return the dossiers of some agreements."""

    def rows(sql: str) -> dict[str, list[tuple[Any, ...]]]:
        grouped: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for row in cursor.execute(f"{sql} WHERE agreement = ANY(%s) ORDER BY agreement, n", (list(ids),)):
            grouped[row[0]].append(row[1:])
        return grouped

    events = rows("SELECT agreement, n, body, hash FROM stagegate.event")
    requests = rows("SELECT agreement, n, id, fingerprint FROM stagegate.request")
    members = rows("SELECT agreement, kind, value FROM (SELECT *, 0 AS n FROM stagegate.member) AS member")
    outbox = rows(f"SELECT agreement, {OUTBOX} FROM stagegate.outbox")
    for id_, *columns, snapshot in cursor.execute(
        f"SELECT id, {', '.join(COPIED)}, snapshot FROM stagegate.agreement WHERE id = ANY(%s) ORDER BY id",
        (list(ids),),
    ).fetchall():
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


def _copies(
    agreement: Agreement, snapshot: bytes, columns: Sequence[Any], members: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, str]]:
    if agreement.to_json() != snapshot:
        yield agreement.n, "the stored snapshot is not in canonical form"
    for (column, copied), stored in zip(columns_of(agreement).items(), columns, strict=True):
        if stored != copied:
            if column == "n" and stored > copied:
                yield copied + 1, f"event {copied + 1} is missing: the row of the agreement has seen {stored} events"
            else:
                yield agreement.n, f"the column {column} says {stored!r}, the snapshot {copied!r}"
    for kind, value in sorted(set(members) ^ members_of(agreement)):
        yield agreement.n, f"the {kind} {value!r} is listed wrongly"


def _sorts(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
    return {row[:-1]: int(row[-1]) for row in rows if row[-1]}


def beside(cursor: Any) -> list[str]:
    """Compare the counts with what they count, and look for rows that belong to no agreement."""
    kept = _sorts(cursor.execute(f"SELECT {SORTS}, sum(number) FROM stagegate.delta GROUP BY {SORTS}").fetchall())
    there = _sorts(
        cursor.execute(
            "SELECT stage, process, owner, coalesce(outcome, ''), on_hold, count(*) FROM stagegate.agreement"
            " GROUP BY stage, process, owner, coalesce(outcome, ''), on_hold"
        ).fetchall()
    )
    found = [
        f"the counter of {' '.join(map(str, sort))} says {kept.get(sort, 0)}, there are {there.get(sort, 0)}"
        for sort in sorted(set(kept) | set(there), key=str)
        if kept.get(sort) != there.get(sort)
    ]
    for table in ("event", "member", "request", "outbox"):
        strays = cursor.execute(
            f"SELECT DISTINCT t.agreement FROM stagegate.{table} t"
            " WHERE NOT EXISTS (SELECT 1 FROM stagegate.agreement a WHERE a.id = t.agreement) ORDER BY t.agreement"
        ).fetchall()
        found += [f"the table {table} has rows of {one!r}, but there is no such agreement" for (one,) in strays]
    return found
