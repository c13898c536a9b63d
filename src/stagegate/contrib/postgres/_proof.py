"""Everything as it is stored, for `verify`: rows that were damaged are reported and stop nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from stagegate import Dossier
from stagegate.rows import COLUMNS, dossier_of, miscounted

from ._rows import OUTBOX, SORTS

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
        f"SELECT id, {', '.join(COLUMNS)}, snapshot FROM stagegate.agreement WHERE id = ANY(%s) ORDER BY id",
        (list(ids),),
    ).fetchall():
        yield dossier_of(
            id_,
            columns,
            snapshot,
            events=events[id_],
            requests=requests[id_],
            members=members[id_],
            outbox=outbox[id_],
        )


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
    found = miscounted(kept, there)
    for table in ("event", "member", "request", "outbox"):
        strays = cursor.execute(
            f"SELECT DISTINCT t.agreement FROM stagegate.{table} t"
            " WHERE NOT EXISTS (SELECT 1 FROM stagegate.agreement a WHERE a.id = t.agreement) ORDER BY t.agreement"
        ).fetchall()
        found += [f"the table {table} has rows of {one!r}, but there is no such agreement" for (one,) in strays]
    return found
