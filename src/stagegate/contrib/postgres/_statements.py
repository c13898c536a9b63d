"""
The one statement that writes a move.

Everything hangs on the row of the agreement: it is moved on from the number it was read at, or not at all, and what
else belongs to the event is written only if it was. Which parts there are depends on what the event changes, so few
statements occur, and the server soon knows them by heart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from stagegate import Agreement, Definition, Delivery, Entry, Known, Notification
from stagegate.rows import SORT, columns_of, members_of, row_of

from ._rows import OUTBOX

SINGLY = 3
"""Up to so many notifications are written value by value, which is quicker than as lists."""

TOLD = ("int", "text", "bytea", "text", "int", "text", "text", "text", "text", "text", "bytea")
"""The types of what is different in each row of the outbox: without the agreement, which is the same in all."""

TYPES = {
    "n": "int",
    "version": "int",
    "head": "bytea",
    "on_hold": "boolean",
    "overdue": "boolean",
    "snapshot": "bytea",
}

DIFFERENT: dict[str, Callable[[Agreement, Agreement], bool]] = {
    "changed_at": lambda a, b: a.changed_at != b.changed_at,
    "outcome": lambda a, b: a.outcome != b.outcome,
    "on_hold": lambda a, b: (a.hold is None) != (b.hold is None),
    "overdue": lambda a, b: a.deadlines != b.deadlines and a.overdue != b.overdue,
    "owner": lambda a, b: a.owner != b.owner,
    "process": lambda a, b: a.process.id != b.process.id,
    "searchable": lambda a, b: (a.title, a.parties) != (b.title, b.parties),
    "stage": lambda a, b: a.stage != b.stage,
    "version": lambda a, b: a.version != b.version,
    "wakes_at": lambda a, b: a.deadlines != b.deadlines and a.wakes_at != b.wakes_at,
}
"""How it is seen that a column has changed, without making it."""

Shape = tuple[str, ...]


class _Places:
    """Gives a name its place among the values of a statement."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str, kind: str = "") -> str:
        if name not in self.names:
            self.names.append(name)
        return f"${self.names.index(name) + 1}{'::' if kind else ''}{kind}"


@lru_cache(maxsize=1024)
def statement(starts: bool, changed: Shape, shape: Shape, told: int) -> tuple[str, tuple[str, ...]]:  # noqa: FBT001  a key
    """
    Return a statement, and the names of its values; its row count says whether the event was written.

    Args:
        starts: Whether the agreement begins with it.

        changed: The columns of the agreement that it changes.

        shape: Which parts it has.

        told: How many notifications it writes value by value; -1 for lists of any length.
    """
    at = _Places()
    still = _still(shape, at)
    back = f"RETURNING id, {', '.join(SORT)}"
    if starts:
        where = f" WHERE {' AND '.join(still)}" if still else ""
        values = ", ".join(at(column, TYPES.get(column, "text")) for column in changed)
        agreement = (
            f"INSERT INTO stagegate.agreement (id, {', '.join(changed)}) SELECT {at('id', 'text')}, {values}{where}"
            f" ON CONFLICT (id) DO NOTHING {back}"
        )
    else:
        new = ", ".join(f"{column} = {at(column)}" for column in changed)
        where = " AND ".join((f"id = {at('id')}", f"n = {at('before')}", *still))
        agreement = f"UPDATE stagegate.agreement SET {new} WHERE {where} {back}"
    parts = [f"u AS ({agreement})"]
    n = at("n", "int")
    sort = ("u.stage", "u.process", "u.owner", "coalesce(u.outcome, '')", "u.on_hold")
    if "counts" in shape:
        rows = [f"SELECT u.id, {n}, 1, {', '.join(sort)} FROM u"]
        if not starts:
            was = [
                at(f"was_{column}", TYPES.get(column, "text")) if column in changed else now
                for column, now in zip(SORT, sort, strict=True)
            ]
            rows.append(f"SELECT u.id, {n}, -1, {', '.join(was)} FROM u")
        parts.append(
            f"d AS (INSERT INTO stagegate.delta (agreement, n, number, {', '.join(SORT)}) {' UNION ALL '.join(rows)})"
        )
    if "leaves" in shape:
        parts.append(
            "l AS (DELETE FROM stagegate.member m USING u,"
            f" unnest({at('left_kinds', 'text[]')}, {at('left_values', 'text[]')}) AS g(kind, value)"
            " WHERE m.agreement = u.id AND m.kind = g.kind AND m.value = g.value)"
        )
    if "joins" in shape:
        parts.append(
            "j AS (INSERT INTO stagegate.member (kind, value, agreement) SELECT g.kind, g.value, u.id"
            f" FROM u, unnest({at('new_kinds', 'text[]')}, {at('new_values', 'text[]')}) AS g(kind, value))"
        )
    if "request" in shape:
        values = ", ".join((at("request", "text"), at("known_agreement", "text"), at("known_n", "int")))
        parts.append(
            "r AS (INSERT INTO stagegate.request (id, agreement, n, fingerprint)"
            f" SELECT {values}, {at('fingerprint', 'text')} FROM u)"
        )
    if "definition" in shape:
        values = ", ".join((at("digest", "text"), at("defined", "text"), at("defined_version", "text")))
        parts.append(
            "p AS (INSERT INTO stagegate.definition (digest, process, version, body)"
            f" SELECT {values}, {at('definition', 'bytea')} FROM u ON CONFLICT (digest) DO NOTHING)"
        )
    if told:
        if told < 0:
            values = ", ".join(at(f"told_{k}", f"{kind}[]") for k, kind in enumerate(TOLD))
            rows = [f"SELECT u.id, t.* FROM u, unnest({values}) AS t"]
        else:
            rows = [
                f"SELECT u.id, {', '.join(at(f'told_{row}_{k}', kind) for k, kind in enumerate(TOLD))} FROM u"
                for row in range(told)
            ]
        parts.append(f"o AS (INSERT INTO stagegate.outbox ({OUTBOX}) {' UNION ALL '.join(rows)})")
    sql = (
        f"WITH {', '.join(parts)} INSERT INTO stagegate.event (agreement, n, body, hash)"
        f" SELECT u.id, {n}, {at('body', 'bytea')}, {at('hash', 'bytea')} FROM u"
    )
    return sql, tuple(at.names)


def _still(shape: Shape, at: _Places) -> Sequence[str]:
    """Return what must still be so of other agreements."""
    still = []
    if "reads" in shape:
        ids = at("read_ids", "text[]")
        still.append(
            f"(SELECT count(*) FROM stagegate.agreement a JOIN unnest({ids}, {at('read_ns', 'int[]')}) AS g(id, n)"
            f" ON a.id = g.id AND a.n = g.n) = cardinality({ids})"
        )
    if "lacks" in shape:
        still.append(f"NOT EXISTS (SELECT 1 FROM stagegate.agreement a WHERE a.id = ANY({at('lacking', 'text[]')}))")
    if "whole" in shape:
        still.append(
            "(SELECT count(*) FROM stagegate.member m WHERE m.kind = 'whole'"
            f" AND m.value = {at('id', 'text')}) = {at('parts', 'int')}"
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
    read: Mapping[str, Agreement | None],
    parts: int | None,
) -> tuple[str, list[Any], bytes]:
    """
    Return the statement that writes an event, its values, and the snapshot among them.

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
    values: dict[str, Any] = {"id": agreement.id, "body": entry.body, "hash": entry.hash}
    shape: list[str] = []
    changed = _changes(before, agreement, values, shape)
    if request is not None:
        known = request[1]
        shape.append("request")
        values |= {
            "request": request[0],
            "known_agreement": known.agreement,
            "known_n": known.n,
            "fingerprint": known.fingerprint,
        }
    if definition is not None:
        pin = definition.pin
        shape.append("definition")
        values |= {"digest": pin.digest, "defined": pin.id, "defined_version": pin.version}
        values["definition"] = definition.body
    told = len(notifications)
    if told:
        rows = [row_of(Delivery.of(notification, agreement.changed_at))[1:] for notification in notifications]
        if told > SINGLY:
            told = -1
            values |= {f"told_{k}": list(column) for k, column in enumerate(zip(*rows, strict=True))}
        else:
            values |= {f"told_{row}_{k}": value for row, one in enumerate(rows) for k, value in enumerate(one)}
    if there := {id_: one.n for id_, one in read.items() if one is not None}:
        shape.append("reads")
        values |= {"read_ids": list(there), "read_ns": list(there.values())}
    if lacking := [id_ for id_, one in read.items() if one is None]:
        shape.append("lacks")
        values["lacking"] = lacking
    if parts is not None:
        shape.append("whole")
        values["parts"] = parts
    sql, names = statement(before is None, changed, tuple(shape), told)
    return sql, [values[name] for name in names], values["snapshot"]


def _changes(
    before: Agreement | None, agreement: Agreement, values: dict[str, Any], shape: list[str]
) -> tuple[str, ...]:
    """Return which columns of the agreement change, and add what they and its members are changed to."""
    changed: tuple[str, ...]
    members, were = set[tuple[str, str]](), set[tuple[str, str]]()
    if before is None:
        columns = columns_of(agreement)
        changed = tuple(columns)
        values |= columns
        members = members_of(agreement)
        shape.append("counts")
    else:
        changed = ("n", "head", *(name for name, differs in DIFFERENT.items() if differs(before, agreement)))
        values |= columns_of(agreement, changed)
        values["before"] = before.n
        if (before.owner, before.parties, before.part_of) != (agreement.owner, agreement.parties, agreement.part_of):
            members, were = members_of(agreement), members_of(before)
        if was := [column for column in SORT if column in changed]:
            shape.append("counts")
            values |= {f"was_{name}": value for name, value in columns_of(before, was).items()}
            if "outcome" in was:
                values["was_outcome"] = before.outcome or ""
    changed = (*changed, "snapshot")
    values["snapshot"] = agreement.to_json()
    for part, word, some in (("joins", "new", members - were), ("leaves", "left", were - members)):
        if some:
            shape.append(part)
            values[f"{word}_kinds"], values[f"{word}_values"] = map(list, zip(*sorted(some), strict=True))
    return changed
