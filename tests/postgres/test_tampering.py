# ruff: noqa: S608  statements are put together from names of our own
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stagegate import Engine, HistoryTampered, Party

from ..exchange import CLERK

Rows = Callable[..., list[Any]]

CHANGES = {
    "agreement": {
        "n": "n + 1",
        "version": "version - 1",
        "head": "sha256('x')",
        "process": "'other'",
        "stage": "'council'",
        "owner": "'mayor'",
        "outcome": "'withdrawn'",
        "on_hold": "NOT on_hold",
        "changed_at": "'2020-01-01T00:00:00.000000Z'",
        "searchable": "'x'",
        "wakes_at": "'2020-01-01T00:00:00.000000Z'",
        "overdue": "NOT overdue",
        "snapshot": "snapshot || ' '",
    },
    "event": {"n": "n + 10", "body": "body || ' '", "hash": "sha256('x')", "agreement": "'b'"},
    "definition": {"body": "body || ' '", "version": "'2'", "process": "'other'", "digest": "'0'"},
    "member": {"value": "'x'", "agreement": "'b'"},
    "request": {"n": "n + 1", "fingerprint": "'x'", "agreement": "'b'", "id": "'other'"},
    "outbox": {
        "n": "n + 1",
        "id": "'x'",
        "payload": "'{}'",
        "status": "'delivered'",
        "tries": "tries + 1",
        "due_at": "'2020-01-01T00:00:00.000000Z'",
        "leased_until": "'2020-01-01T00:00:00.000000Z'",
        "error": "'x'",
        "expires_at": "'2020-01-01T00:00:00.000000Z'",
        "recipient": "'x'",
        "seal": "sha256('x')",
        "agreement": "'b'",
    },
    "delta": {"number": "number + 1", "stage": "'x'", "owner": "'x'"},
}


@pytest.fixture
def told(engine: Engine) -> Engine:
    """Have an agreement with everything that can be changed."""
    engine.start("exchange", "a", title="A", parties=[Party(id="p", name="P")], by=CLERK, request_id="r")
    engine.note("a", "said", by=CLERK, request_id="s")
    assert engine.verify().ok
    return engine


@pytest.mark.parametrize("table", CHANGES)
def test_every_change_is_found(told: Engine, rows: Rows, table: str) -> None:
    """Whatever column somebody changes who can switch off the triggers, `verify` finds it."""
    rows(f"CREATE TABLE kept AS SELECT * FROM stagegate.{table}")
    rows(f"ALTER TABLE stagegate.{table} DISABLE TRIGGER ALL")
    for column, value in CHANGES[table].items():
        first = f"(SELECT ctid FROM stagegate.{table} ORDER BY ctid LIMIT 1)"
        rows(f"UPDATE stagegate.{table} SET {column} = {value} WHERE ctid = {first}")
        report = told.verify()
        rows(f"DELETE FROM stagegate.{table}")
        rows(f"INSERT INTO stagegate.{table} SELECT * FROM kept")

        assert (column, False) == (column, report.ok)
    assert told.verify().ok


@pytest.mark.parametrize("table", ["agreement", "event", "definition", "member", "request", "outbox", "delta"])
def test_every_row_that_is_gone_is_missed(told: Engine, rows: Rows, table: str) -> None:
    """Whatever row somebody deletes, `verify` misses it; so it does with all rows of a table."""
    rows(f"ALTER TABLE stagegate.{table} DISABLE TRIGGER ALL")
    rows(f"DELETE FROM stagegate.{table} WHERE ctid = (SELECT max(ctid) FROM stagegate.{table})")
    assert not told.verify().ok
    rows(f"DELETE FROM stagegate.{table}")
    assert not told.verify().ok


def test_snapshot_that_cannot_be_read(told: Engine, rows: Rows) -> None:
    """A snapshot that cannot be read is told, stops nothing else, and no move is made on it."""
    told.start("exchange", "b", by=CLERK)
    rows("UPDATE stagegate.agreement SET snapshot = 'x' WHERE id = 'a'")
    with pytest.raises(HistoryTampered, match="a: the stored snapshot cannot be read"):
        told.note("a", "on", by=CLERK)

    assert 2 == told.verify().checked
    assert 2 == told.note("b", "on", by=CLERK).n


def test_damaged_rows_of_the_outbox_hold_up_nobody(told: Engine, rows: Rows, bell: Any) -> None:
    """A row of the outbox that cannot be read is passed over, and told where nothing else is left."""
    rows("UPDATE stagegate.outbox SET payload = 'x' WHERE n = 1")
    delivered = told.deliver()

    assert [("a", 2)] == bell.rung
    assert (1, True) == (delivered.delivered, bool(delivered.damaged))


def test_forged_rows_of_the_outbox_are_not_told(told: Engine, rows: Rows, bell: Any) -> None:
    """What another hand has written into a row, well readable, is neither told nor queued anew."""
    rows("UPDATE stagegate.outbox SET recipient = 'bell:elsewhere' WHERE n = 1")
    delivered = told.deliver()

    assert [("a", 2)] == bell.rung
    assert "changed by another hand" in delivered.damaged[0]
    rows("UPDATE stagegate.outbox SET status = 'dead'")
    assert 0 == told.requeue()
