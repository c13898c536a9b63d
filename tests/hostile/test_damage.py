from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stagegate import Engine, HistoryTampered, StagegateError, StoreError

from ..exchange import CLERK, PROCESS, Bell
from .office import BOSS, MOST_SAID, Office, pact

ASKED: dict[str, Callable[[Engine], Any]] = {
    "get": lambda engine: engine.get("deal"),
    "options": lambda engine: engine.options("deal", by=BOSS),
    "find": lambda engine: engine.find(),
    "advance": lambda engine: engine.advance("deal", by=BOSS),
    "note": lambda engine: engine.note("deal", "seen", by=BOSS),
    "end": lambda engine: engine.end("deal", "dropped", by=BOSS),
}


def change(file: Path, statement: str, *values: Any) -> None:
    """Write to the file with another hand."""
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute(statement, values)


def everything(file: Path) -> list[str]:
    """Return all that is in the file."""
    with closing(sqlite3.connect(file)) as raw:
        raw.text_factory = bytes
        return [
            f"{table} {row}"
            for (table,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for row in raw.execute(f"SELECT * FROM {table.decode()}")  # noqa: S608  a name out of the schema
        ]


SNAPSHOTS: dict[str, bytes] = {
    "empty": b"",
    "binary": b"\xff\xfe\x00",
    "null": b"null",
    "list": b"[]",
    "text": b'"deal"',
    "number": b"3",
    "no-fields": b"{}",
    "cut": b'{"id":"deal"',
    "wrong-types": b'{"id":3,"n":"x","process":7}',
    "deep": b'{"id":' + b"[" * 100_000,
    "digits": b'{"n":' + b"9" * 5_000 + b"}",
}


@pytest.mark.parametrize("kind", list(SNAPSHOTS))
def test_unreadable_snapshot_is_said_and_left_alone(filed: Office, file: Path, kind: str) -> None:
    """What cannot be read is never guessed, repaired or deleted: every question and every move says so."""
    change(file, "UPDATE agreement SET snapshot = ?", SNAPSHOTS[kind])
    before = everything(file)

    for ask in ASKED.values():
        with pytest.raises(HistoryTampered, match="deal.* cannot be read.*verify") as error:
            ask(filed.engine)
        assert len(str(error.value)) <= MOST_SAID
    assert before == everything(file)
    assert 1 == len(filed.engine.history("deal"))
    assert not filed.engine.verify().ok


def damaged(file: Path, field: str, value: Any) -> None:
    """Change one field of the snapshot, and the column that copies it."""
    with closing(sqlite3.connect(file)) as raw, raw:
        (snapshot,) = raw.execute("SELECT snapshot FROM agreement").fetchone()
        table = json.loads(snapshot)
        assert field in table
        table[field] = value
        written = json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        raw.execute("UPDATE agreement SET snapshot = ?", (written,))
        if field == "stage":
            raw.execute("UPDATE agreement SET stage = ?", (value,))


def test_unknown_stage_is_said_and_left_alone(filed: Office, file: Path) -> None:
    """An agreement at a stage that its process does not have goes nowhere, and is named with that stage."""
    damaged(file, "stage", "nowhere")
    before = everything(file)

    for asked in ("options", "advance", "note", "end"):
        with pytest.raises(HistoryTampered, match="deal stands at 'nowhere', a stage that pact 1.*verify"):
            ASKED[asked](filed.engine)
    assert before == everything(file)
    assert not filed.engine.verify().ok


def test_unknown_stage_can_be_looked_at(filed: Office, file: Path) -> None:
    """A listing shows what is stored, so that what stands at an unknown stage can be found and is not hidden."""
    damaged(file, "stage", "nowhere")

    assert ["nowhere"] == [item.stage for item in filed.engine.find(stage="nowhere").items]
    assert "nowhere" == filed.engine.get("deal").stage
    assert "nowhere" in str(filed.engine.verify())


@pytest.mark.parametrize("pin", [{"id": "pact", "version": "9", "digest": "0" * 64}, {"id": "x", "version": "1"}])
def test_unknown_process_is_said_and_left_alone(filed: Office, file: Path, pin: dict[str, str]) -> None:
    """An agreement under a definition that this engine does not know is refused by name, and left as it is."""
    damaged(file, "process", pin)
    before = everything(file)

    for asked in ("options", "advance", "note"):
        with pytest.raises(StagegateError, match="does not know|cannot be read.*verify"):
            ASKED[asked](filed.engine)
    assert before == everything(file)
    assert not filed.engine.verify().ok


@pytest.mark.parametrize("field, value", [("n", 7), ("version", 9), ("head", "00" * 32), ("id", "other")])
def test_snapshot_of_another_moment_is_refused(filed: Office, file: Path, field: str, value: Any) -> None:
    """A snapshot that is not the one of its row moves nothing."""
    damaged(file, field, value)
    before = everything(file)

    for asked in ("get", "options", "advance", "note"):
        with pytest.raises(HistoryTampered, match="verify"):
            ASKED[asked](filed.engine)
    assert before == everything(file)


@pytest.mark.parametrize("body", [b"", b"\xff", b"null", b"[]", b"{}", b"{", b"[" * 100_000, b'{"n":"x"}'])
def test_unreadable_event_is_said(filed: Office, file: Path, body: bytes) -> None:
    """An event that cannot be read is named where the history is read and by `verify`, and never replaced."""
    with closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("DROP TRIGGER event_is_never_changed")
        raw.execute("UPDATE event SET body = ?", (body,))
    before = everything(file)

    report = filed.engine.verify()
    assert not report.ok
    assert "event 1" in str(report)
    try:
        events = filed.engine.history("deal")
    except HistoryTampered as error:
        assert "event 1 cannot be read" in str(error)
    else:
        assert body in {b"{}", b'{"n":"x"}'}
        assert 1 == len(events)
    assert before == everything(file)


@pytest.mark.parametrize("statement", ["DROP TABLE event", "DROP TABLE agreement", "DROP TABLE outbox"])
def test_missing_table_is_a_clear_error(filed: Office, file: Path, statement: str) -> None:
    """A table that somebody took away is a store that failed: it is named, and nothing is made anew."""
    change(file, statement)
    before = everything(file)
    asked: list[Callable[[], Any]] = [
        filed.engine.verify,
        lambda: filed.engine.note("deal", "seen", by=BOSS) if "outbox" not in statement else filed.engine.outbox(),
    ]
    for ask in asked:
        with pytest.raises(StoreError, match="no such table"):
            ask()
    assert before == everything(file)


@pytest.mark.parametrize("place", range(0, 60_000, 6_000))
def test_overwritten_pages_are_never_taken_for_data(filed: Office, file: Path, place: int) -> None:
    """A file in which something was overwritten answers as before or with an error of ours, and is left as it is."""
    for i in range(20):
        filed.engine.note("deal", f"note {i} " + "x" * 500, by=BOSS)
    asked: list[Callable[[Engine], Any]] = [
        lambda engine: engine.get("deal"),
        lambda engine: engine.history("deal"),
        lambda engine: engine.find().items,
    ]
    before = [ask(filed.engine) for ask in asked]
    filed.engine.close()
    whole = file.read_bytes()
    place %= len(whole)
    broken = whole[:place] + b"\xa5" * 1_000 + whole[place + 1_000 :]
    file.write_bytes(broken)

    after: list[Any] = []
    for ask in (*asked, lambda engine: engine.verify().ok):
        try:
            with Engine.open(filed.url, processes=[pact()]) as engine:
                after.append(ask(engine))
        except StagegateError as error:
            after.append(error)
    for was, now in zip(before, after, strict=False):
        if after[-1] is True:
            assert was == now
        else:
            assert was == now or isinstance(now, StagegateError) or after[-1] is False
    assert broken == file.read_bytes()


@pytest.mark.parametrize("column", ["error", "recipient", "id"])
def test_text_of_the_outbox_that_is_no_text_stops_nothing(file: Path, column: str) -> None:
    """A row of the outbox whose text is no text is listed with marks and said to be changed; the others are delivered."""
    with Engine.open(f"sqlite:///{file}", processes=[PROCESS], plugins=[Bell()]) as engine:
        for name in ("a", "b"):
            engine.start("exchange", name, by=CLERK)
        change(file, f"UPDATE outbox SET {column} = CAST(x'ff' AS TEXT) WHERE agreement = 'a'")  # noqa: S608  one of ours

        assert ["a", "b"] == sorted(row.notification.agreement for row in engine.outbox())
        assert "1 delivered" in str(round_ := engine.deliver())
        assert "was changed by another hand" in str(round_)
        assert ["a"] == [fault.agreement for fault in engine.verify().faults[:1]]
