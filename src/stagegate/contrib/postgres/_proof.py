"""
Everything as it is stored, for `verify`: rows that were damaged are reported and stop nothing.

What is compared is asked for by one statement, so that it is of one moment whoever owns the transaction, and nobody has
to wait for a look.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from stagegate import Dossier
from stagegate.rows import COLUMNS, OUTBOX, dossier_of, miscounted

from ._rows import SORTS

TABLES = {
    "event": ("n", ("n", "body", "hash")),
    "request": ("id", ("n", "id", "fingerprint")),
    "member": ("kind, value", ("kind", "value")),
    "outbox": ("n, id", OUTBOX),
}
"""What else is kept of an agreement: by what it is ordered, and what is read of it."""


def _lists(table: str, order: str, columns: Sequence[str]) -> str:
    lists = ", ".join(f"array_agg({column} ORDER BY {order}) AS {column}" for column in columns)
    return f"LATERAL (SELECT {lists} FROM stagegate.{table} WHERE agreement = a.id) AS {table}"


WHOLE = (
    f"SELECT a.id, a.snapshot, {', '.join(f'a.{column}' for column in COLUMNS)},"
    f" {', '.join(f'{table}.{column}' for table, (_, columns) in TABLES.items() for column in columns)}"
    f" FROM stagegate.agreement a, {', '.join(_lists(table, *read) for table, read in TABLES.items())}"
)
"""All that is stored of agreements, one row for each: its own columns, and a list for each column of other tables."""

ONE = f"{WHOLE} WHERE a.id = %s"
SOME = f"{WHOLE} WHERE a.id > %s ORDER BY a.id LIMIT %s"


def whole(row: Sequence[Any]) -> Dossier:
    """Return what a row of `WHOLE` says of an agreement."""
    id_, snapshot, *rest = row
    columns = [rest.pop(0) for _ in COLUMNS]
    lists = {table: zip(*(rest.pop(0) or () for _ in read), strict=True) for table, (_, read) in TABLES.items()}
    return dossier_of(
        id_,
        columns,
        snapshot,
        events=lists["event"],
        requests=lists["request"],
        members=lists["member"],
        outbox=lists["outbox"],
    )


def _sorts(rows: Iterable[Sequence[Any]]) -> dict[tuple[Any, ...], int]:
    return {tuple(sort): int(number) for *sort, number in rows if number}


def beside(cursor: Any) -> list[str]:
    """Compare the counts with what they count, and look for rows that belong to no agreement."""
    counted = cursor.execute(
        f"SELECT true, {SORTS}, sum(number) FROM stagegate.delta GROUP BY {SORTS}"
        " UNION ALL SELECT false, stage, process, owner, coalesce(outcome, ''), on_hold, count(*)"
        " FROM stagegate.agreement GROUP BY stage, process, owner, coalesce(outcome, ''), on_hold"
    ).fetchall()
    kept, there = (_sorts(row for is_kept, *row in counted if is_kept is which) for which in (True, False))
    found = miscounted(kept, there)
    for table in ("event", "member", "request", "outbox"):
        strays = cursor.execute(
            f"SELECT DISTINCT t.agreement FROM stagegate.{table} t"
            " WHERE NOT EXISTS (SELECT 1 FROM stagegate.agreement a WHERE a.id = t.agreement) ORDER BY t.agreement"
        ).fetchall()
        found += [f"the table {table} has rows of {one!r}, but there is no such agreement" for (one,) in strays]
    return found
