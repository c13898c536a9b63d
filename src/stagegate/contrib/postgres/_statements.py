"""
The one statement that writes a move.

Everything hangs on the row of the agreement: it is moved on from the number it was read at, or not at all, and what
else belongs to the event is written only if it was. Which parts there are depends on what the event changes, so few
statements occur, and the server soon knows them by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import attrs

from stagegate import Agreement, Definition, Delivery, Entry, Known, Notification

from ._rows import COPIED, OUTBOX, SORT, columns_of, members_of, row_of, sort_of

BYTES = frozenset({"head", "snapshot"})
COLUMNS = (*COPIED, "snapshot")
TYPES = ("int", "text", "bytea", "text", "int", "text", "text", "text", "text", "text", "bytea")
"""The types of what is different in each row of the outbox: without the agreement, which is the same in all."""


@attrs.define(kw_only=True, frozen=True)
class Shape:
    """Which parts a statement has."""

    starts: bool
    counts: bool
    joins: bool
    leaves: bool
    request: bool
    definition: bool
    tells: bool
    reads: bool = False
    lacks: bool = False
    whole: bool = False


@lru_cache(maxsize=1024)
def statement(shape: Shape) -> str:
    """Return the statement of a shape; its row count says whether the event was written."""
    marks = {column: f"%({column})b" if column in BYTES else f"%({column})s" for column in COLUMNS}
    still = list(_still(shape))
    if shape.starts:
        where = f" WHERE {' AND '.join(still)}" if still else ""
        typed = ", ".join(f"{marks[column]}::{_TYPE_OF.get(column, 'text')}" for column in COLUMNS)
        agreement = (
            f"INSERT INTO stagegate.agreement (id, {', '.join(COLUMNS)}) SELECT %(id)s::text, {typed}{where}"
            " ON CONFLICT (id) DO NOTHING RETURNING id"
        )
    else:
        changed = ", ".join(f"{column} = {mark}" for column, mark in marks.items())
        where = " AND ".join(("id = %(id)s", "n = %(before)s", *still))
        agreement = f"UPDATE stagegate.agreement SET {changed} WHERE {where} RETURNING id"
    parts = [f"u AS ({agreement})"]
    if shape.counts:
        sorts = "(1, %(stage)s, %(process)s, %(owner)s, coalesce(%(outcome)s, ''), %(on_hold)s)"
        if not shape.starts:
            sorts += f", (-1, {', '.join(f'%(was_{column})s' for column in SORT)})"
        parts.append(
            f"d AS (INSERT INTO stagegate.delta (agreement, n, number, {', '.join(SORT)})"
            f" SELECT u.id, %(n)s::int, s.* FROM u, (VALUES {sorts}) AS s)"
        )
    if shape.leaves:
        parts.append(
            "l AS (DELETE FROM stagegate.member m USING u, unnest(%(left_kinds)s::text[], %(left_values)s::text[])"
            " AS g(kind, value) WHERE m.agreement = u.id AND m.kind = g.kind AND m.value = g.value)"
        )
    if shape.joins:
        parts.append(
            "j AS (INSERT INTO stagegate.member (kind, value, agreement) SELECT g.kind, g.value, u.id"
            " FROM u, unnest(%(new_kinds)s::text[], %(new_values)s::text[]) AS g(kind, value))"
        )
    if shape.request:
        parts.append(
            "r AS (INSERT INTO stagegate.request (id, agreement, n, fingerprint)"
            " SELECT %(request)s, %(known_agreement)s, %(known_n)s::int, %(fingerprint)s FROM u)"
        )
    if shape.definition:
        parts.append(
            "p AS (INSERT INTO stagegate.definition (digest, process, version, body)"
            " SELECT %(digest)s, %(defined)s, %(defined_version)s, %(definition)b::bytea FROM u"
            " ON CONFLICT (digest) DO NOTHING)"
        )
    if shape.tells:
        told = ", ".join(f"%(told_{k})s::{kind}[]" for k, kind in enumerate(TYPES))
        parts.append(f"o AS (INSERT INTO stagegate.outbox ({OUTBOX}) SELECT u.id, t.* FROM u, unnest({told}) AS t)")
    return (
        f"WITH {', '.join(parts)} INSERT INTO stagegate.event (agreement, n, body, hash)"
        " SELECT u.id, %(n)s::int, %(body)b::bytea, %(hash)b::bytea FROM u"
    )


_TYPE_OF = {
    "n": "int",
    "version": "int",
    "head": "bytea",
    "on_hold": "boolean",
    "overdue": "boolean",
    "snapshot": "bytea",
}


def _still(shape: Shape) -> Sequence[str]:
    """Return what must still be so of other agreements."""
    still = []
    if shape.reads:
        still.append(
            "(SELECT count(*) FROM stagegate.agreement a JOIN unnest(%(read_ids)s::text[], %(read_ns)s::int[])"
            " AS g(id, n) ON a.id = g.id AND a.n = g.n) = cardinality(%(read_ids)s::text[])"
        )
    if shape.lacks:
        still.append("NOT EXISTS (SELECT 1 FROM stagegate.agreement a WHERE a.id = ANY(%(lacking)s::text[]))")
    if shape.whole:
        still.append(
            "(SELECT count(*) FROM stagegate.member m WHERE m.kind = 'whole' AND m.value = %(id)s) = %(parts)s::int"
        )
    return still


def written(
    before: Agreement | None,
    agreement: Agreement,
    entry: Entry,
    notifications: Sequence[Notification],
    request: tuple[str, Known] | None,
    definition: Definition | None,
    *,
    read: dict[str, Agreement | None],
    parts: int | None,
) -> tuple[str, dict[str, Any]]:
    """
    Return the statement that writes an event, and its values.

    Args:
        before: The agreement before it.

        agreement: The agreement after it.

        entry: The event.

        notifications: What it causes.

        request: The request it answers.

        definition: The process it begins to run under.

        read: The other agreements it rests on, by id; None for one that is not there.

        parts: How many parts the agreement has, if it rests on that.
    """
    values: dict[str, Any] = {
        **columns_of(agreement),
        "id": agreement.id,
        "snapshot": agreement.to_json(),
        "n": entry.n,
        "body": entry.body,
        "hash": entry.hash,
    }
    members = members_of(agreement)
    were: set[tuple[str, str]] = set()
    counts = True
    if before is not None:
        values["before"] = before.n
        were = members_of(before)
        was = sort_of(before)
        counts = was != sort_of(agreement)
        values.update(zip((f"was_{column}" for column in SORT), was, strict=True))
    for word, some in (("new", members - were), ("left", were - members)):
        if some:
            values[f"{word}_kinds"], values[f"{word}_values"] = map(list, zip(*sorted(some), strict=True))
    if request is not None:
        known = request[1]
        values.update(
            request=request[0], known_agreement=known.agreement, known_n=known.n, fingerprint=known.fingerprint
        )
    if definition is not None:
        pin = definition.pin
        values.update(digest=pin.digest, defined=pin.id, defined_version=pin.version, definition=definition.body)
    if notifications:
        rows = [row_of(Delivery.of(notification, agreement.changed_at))[1:] for notification in notifications]
        values.update((f"told_{k}", list(column)) for k, column in enumerate(zip(*rows, strict=True)))
    there = {id_: one.n for id_, one in read.items() if one is not None}
    lacking = [id_ for id_, one in read.items() if one is None]
    values.update(read_ids=list(there), read_ns=list(there.values()), lacking=lacking, parts=parts)
    shape = Shape(
        starts=before is None,
        counts=counts,
        joins=bool(members - were),
        leaves=bool(were - members),
        request=request is not None,
        definition=definition is not None,
        tells=bool(notifications),
        reads=bool(there),
        lacks=bool(lacking),
        whole=parts is not None,
    )
    return statement(shape), values
