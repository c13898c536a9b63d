"""Whatever value of whatever column of whatever table is changed: `verify` finds it and says where."""
# ruff: noqa: S608  names of tables and columns come from our own schema

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from stagegate import Report

from .scene import Scene, columns, events, first_difference, named, verified


def other_values(value: Any, others: list[Any]) -> list[Any]:
    """Return what a value could be changed to: something near, something far, nothing, and what another row holds."""
    if value is None:
        several: list[Any] = ["something"]
    elif isinstance(value, int):
        several = [value + 1, value - 1, 2**40, None]
    elif isinstance(value, str):
        several = [value + "x", value[:-1], value.swapcase(), "\0", None]
    else:
        several = [bytes([value[0] ^ 1]) + value[1:], value[:-1] + bytes([value[-1] ^ 128]), value[:-1], b"", None]
    several += [other for other in others if type(other) is type(value)][:2]
    return [other for place, other in enumerate(several) if other != value and other not in several[:place]]


def rows(scene: Scene, table: str) -> list[dict[str, Any]]:
    """Return some rows of a table: the first, the last, and one of each sort between."""
    with closing(sqlite3.connect(scene.path)) as raw:
        raw.row_factory = sqlite3.Row
        # A counter that says none says nothing, whatever it is a counter of.
        several = [dict(row) for row in raw.execute(f'SELECT * FROM "{table}"') if dict(row).get("number") != 0]
    sorts: dict[Any, dict[str, Any]] = {}
    for row in several:
        about = row.get("status"), row.get("outcome"), row.get("on_hold"), row.get("kind")
        sorts.setdefault((*about, row.get("overdue"), row.get("wakes_at") is None), row)
    chosen = [several[0], several[len(several) // 2], several[-1], *reversed(sorts.values())]
    return [row for place, row in enumerate(chosen) if row not in chosen[:place]][:6]


def change(scene: Scene, table: str, row: dict[str, Any], column: str, value: Any) -> Report | None:
    """Change one value, and return what `verify` says; None where the table itself does not let it in."""
    scene.restore()
    same = " AND ".join(f'"{name}" IS :{name}' for name in row)
    try:
        with scene.hand() as raw:
            done = raw.execute(
                f'UPDATE "{table}" SET "{column}" = :new_value WHERE {same}', {**row, "new_value": value}
            )
            assert done.rowcount == 1
    except sqlite3.IntegrityError:
        return None
    return verified(scene.path)


def about(table: str, column: str, row: dict[str, Any], value: Any) -> set[str]:
    """Return the ids of the agreements that a row is about, before and after the change."""
    key = "id" if table == "agreement" else "agreement"
    if key not in row:
        return {""}
    # A row that was given to an agreement that does not exist can only be named beside the dossiers.
    return {row[key], value, ""} if column == key else {row[key]}


@pytest.mark.parametrize("table, column", columns(), ids=map(".".join, columns()))
def test_changed_value_is_found(table: str, column: str, scene: Scene) -> None:
    """A changed value is found, and the agreement is named; for an event, the first number that is wrong as well."""
    before = events(scene.path)
    several = rows(scene, table)
    tried = 0
    for row in several:
        for value in other_values(row[column], [other[column] for other in several]):
            report = change(scene, table, row, column, value)
            if report is None:
                continue
            tried += 1
            what = f"{table}.{column} of {row} set to {value!r}: {report}"

            assert not report.ok, what
            assert any(named(report, agreement) for agreement in about(table, column, row, value)), what
            if table == "event":
                for agreement, n in first_difference(before, events(scene.path)).items():
                    assert named(report, agreement, n), what
    assert tried >= 3, f"{table}.{column} was changed {tried} times"


@pytest.mark.parametrize("table", sorted({table for table, _ in columns()}))
def test_deleted_row_is_found(table: str, scene: Scene) -> None:
    """A deleted row of any table is found, and the agreement is named."""
    before = events(scene.path)
    for row in rows(scene, table):
        scene.restore()
        same = " AND ".join(f'"{name}" IS :{name}' for name in row)
        report = scene.tamper(f'DELETE FROM "{table}" WHERE {same}', **row)
        what = f"{table} {row}: {report}"

        assert not report.ok, what
        if table == "definition":
            assert any(row["digest"][:8] in fault.what and fault.agreement for fault in report.faults), what
            continue
        assert named(report, "" if table in {"agreement", "counter"} else row["agreement"]), what
        if table == "event":
            assert all(named(report, a, n) for a, n in first_difference(before, events(scene.path)).items()), what


def test_text_that_is_no_text_is_found(scene: Scene) -> None:
    """Bytes that are no UTF-8, in any column that holds text, are found, and the agreement is named."""
    for table, column in columns():
        scene.restore()
        row = rows(scene, table)[0]
        if not isinstance(row[column], str):
            continue
        same = " AND ".join(f'"{name}" IS :{name}' for name in row)
        report = scene.tamper(f'UPDATE "{table}" SET "{column}" = CAST(x\'FF\' AS TEXT) WHERE {same}', **row)

        assert not report.ok, (table, column)
        assert any(named(report, agreement) for agreement in about(table, column, row, "")), (
            table,
            column,
            str(report),
        )
