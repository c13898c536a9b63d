"""Listings: which rows are meant by a query, composed with SQLAlchemy Core and run by the driver."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from stagegate import Query
from stagegate.rows import instant

TEXTS = ("id", "process", "stage", "outcome", "changed_at", "searchable", "wakes_at")
_METADATA = sa.MetaData(schema="stagegate")
_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own

AGREEMENT = sa.Table(
    "agreement",
    _METADATA,
    *(sa.Column(name, sa.Text) for name in TEXTS),
    *(sa.Column(name, sa.Integer) for name in ("n", "version")),
    *(sa.Column(name, sa.LargeBinary) for name in ("head", "snapshot")),
    *(sa.Column(name, sa.Boolean) for name in ("on_hold", "overdue")),
)
MEMBER = sa.Table("member", _METADATA, *(sa.Column(name, sa.Text) for name in ("kind", "value", "agreement")))

_KINDS = {"party": "party", "owner": "owner", "part_of": "whole"}


def listing(query: Query, after: str | None, limit: int) -> tuple[str, dict[str, Any]]:
    """Return the statement that lists what is meant, and its values."""
    asked = {
        name: value for name in ("stage", "process", "outcome", *_KINDS) if (value := getattr(query, name)) is not None
    }
    values: dict[str, Any] = {**asked, "most": limit}
    if query.text is not None:
        values["text"] = query.text.casefold()
    if query.changed_since is not None:
        values["changed_since"] = instant(query.changed_since)
    if query.due_before is not None:
        values["due_before"] = instant(query.due_before)
    if after is not None:
        values["after"] = after
    return _statement(frozenset(values), query.running, query.on_hold, query.overdue), values


@lru_cache(maxsize=512)
def _statement(asked: frozenset[str], running: bool | None, on_hold: bool | None, overdue: bool | None) -> str:  # noqa: FBT001  as in a `Query`
    a = AGREEMENT.alias("a")
    source: sa.FromClause = a
    key: sa.ColumnElement[Any] = a.c.id
    where: list[sa.ColumnElement[bool]] = [
        a.c[name] == sa.bindparam(name) for name in ("stage", "process", "outcome") if name in asked
    ]
    for name, kind in _KINDS.items():
        if name in asked:
            member = MEMBER.alias(kind)
            source = source.join(member, member.c.agreement == a.c.id)
            where += [member.c.kind == sa.literal_column(f"'{kind}'"), member.c.value == sa.bindparam(name)]
            key = member.c.agreement
    if running is not None:
        where.append(a.c.outcome.is_(None) if running else a.c.outcome.is_not(None))
    for column, wanted in ((a.c.on_hold, on_hold), (a.c.overdue, overdue)):
        if wanted is not None:
            where.append(column if wanted else ~column)
    if "text" in asked:
        where.append(sa.func.strpos(a.c.searchable, sa.bindparam("text", type_=sa.Text)) > sa.literal_column("0"))
    if "changed_since" in asked:
        where.append(a.c.changed_at >= sa.bindparam("changed_since"))
    order = key
    if "due_before" in asked:
        where.append(a.c.wakes_at <= sa.bindparam("due_before"))
        # Few of many are due: they are found by when, and put in order then, instead of looking at all in order.
        order = key + sa.literal_column("''", sa.Text)
    if "after" in asked:
        where.append(key > sa.bindparam("after"))
    select = (
        sa.select(a.c.id, a.c.n, a.c.version, a.c.head, a.c.snapshot)
        .select_from(source)
        .where(*where)
        .order_by(order)
        .limit(sa.bindparam("most", type_=sa.Integer))
    )
    return str(select.compile(dialect=_DIALECT))
