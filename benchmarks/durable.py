"""A durable move on SQLite, against raw `sqlite3`: the same three writes, the same pragmas, the same disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from measuring import Ratio, Row, Subject, in_turns, ratio, waiting
from subjects import STAGES, STEPS, begun, process, walked

from stagegate import Agreement, Engine, Event, Notification, hookimpl

WALKS = 15

TABLES = """
CREATE TABLE agreement (id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, stage TEXT NOT NULL,
    snapshot BLOB NOT NULL) STRICT;
CREATE INDEX agreement_by_stage ON agreement (stage, id);
CREATE TABLE event (agreement TEXT NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL,
    PRIMARY KEY (agreement, n)) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (id TEXT NOT NULL PRIMARY KEY, agreement TEXT NOT NULL, n INTEGER NOT NULL, payload BLOB NOT NULL,
    status TEXT NOT NULL, due_at TEXT NOT NULL) STRICT;
CREATE INDEX outbox_due ON outbox (due_at) WHERE status = 'pending';
"""


class Channel:
    """A channel that has one thing to tell of every event."""

    name = "bench"

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell the owners."""
        yield Notification(
            channel="bench",
            kind=f"{event.kind}.{event.move}",
            to=", ".join(agreement.owner),
            context={"stage": agreement.stage, "title": agreement.title},
        )


@contextmanager
def connecting(factory: type[sqlite3.Connection]) -> Iterator[None]:
    """Have every new connection made by *factory*."""
    with patch("sqlite3.connect", partial(sqlite3.connect, factory=factory)):
        yield


@contextmanager
def hasty() -> Iterator[None]:
    """Have connections that wait for no disk, for filling a file that nobody will miss."""

    class Hasty(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            return super().execute("PRAGMA synchronous = OFF" if "synchronous" in sql else sql, *parameters)

    with connecting(Hasty):
        yield


def pragmas(path: Path) -> list[str]:
    """Make a file by the store, and return the pragmas that the store gives a connection to it."""
    given: list[str] = []

    class Listening(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql.startswith("PRAGMA") and "=" in sql:
                given.append(sql)
            return super().execute(sql, *parameters)

    Engine.open(f"sqlite:///{path}").close()
    with connecting(Listening):
        Engine.open(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path)
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    return [f"PRAGMA journal_mode = {mode}", *(pragma for pragma in given if "journal_mode" not in pragma)]


class Raw:
    """The floor: read the row, change it, add an event and a row to the outbox, commit."""

    def __init__(self, path: Path, given: Iterable[str], like: Engine) -> None:
        """
        Make the tables.

        Args:
            path: The file.

            given: The pragmas of the connection.

            like: An engine whose last move says how large the rows are.
        """
        model = walked(like, begun(like, "model-0"))
        event, told = like.history(model)[-1], like.outbox()[-1].notification
        self.snapshot = model.to_json()
        self.body = str(event.data).encode()[: self._size(like, model)]
        self.payload = told.payload()
        self.connection = sqlite3.connect(path, isolation_level=None)
        for pragma in given:
            self.connection.execute(pragma)
        self.connection.executescript(TABLES)

    @staticmethod
    def _size(like: Engine, model: Agreement) -> int:
        return len(like._store.history(model.id)[-1].body)

    def start(self, agreement: str) -> None:
        """Add an agreement."""
        self.connection.execute("INSERT INTO agreement VALUES (?, 1, ?, ?)", (agreement, STAGES[0], self.snapshot))

    def move(self, agreement: str, place: int) -> None:
        """Move an agreement from one stage to the next."""
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        select = "SELECT version, stage, snapshot FROM agreement WHERE id = ?"
        version, stage, _ = execute(select, (agreement,)).fetchone()
        assert stage == STAGES[place]
        version += 1
        execute(
            "UPDATE agreement SET version = ?, stage = ?, snapshot = ? WHERE id = ? AND version = ?",
            (version, STAGES[place + 1], self.snapshot, agreement, version - 1),
        )
        execute("INSERT INTO event VALUES (?, ?, ?, ?)", (agreement, version, self.body, bytes(32)))
        execute(
            "INSERT INTO outbox VALUES (?, ?, ?, ?, 'pending', '2025-07-24T12:00:00.000000Z')",
            (f"{agreement}-{version:027}", agreement, version, self.payload),
        )
        execute("COMMIT")


def _raw(raw: Raw) -> Subject:
    made = 0

    def subject() -> float:
        nonlocal made
        deals = [f"agreement-{made + i}" for i in range(WALKS)]
        made += WALKS
        for deal in deals:
            raw.start(deal)

        def work() -> None:
            for deal in deals:
                for place in range(STEPS):
                    raw.move(deal, place)

        return waiting(WALKS * STEPS, work)

    return subject


def _engine(engine: Engine) -> Subject:
    made = 0

    def subject() -> float:
        nonlocal made
        deals = [begun(engine, f"agreement-{made + i}") for i in range(WALKS)]
        made += WALKS

        def work() -> None:
            for deal in deals:
                walked(engine, deal)

        return waiting(WALKS * STEPS, work)

    return subject


def _compared(path: Path, floor: Path, given: Sequence[str], rounds: int) -> Ratio:
    with Engine.open(f"sqlite:///{path}", processes=[process()], plugins=[Channel()]) as engine:
        raw = Raw(floor, given, engine)
        costs = in_turns({"engine": _engine(engine), "raw": _raw(raw)}, rounds)
        raw.connection.close()
        report = engine.verify()
        assert report.ok, report.faults[:3]
        assert len(engine.outbox()) == report.events
    return ratio(costs, "engine", "raw")


def durable(folder: Path, rounds: int) -> Iterator[Row]:
    """Compare durable moves, each with one notification, with the same three writes by hand."""
    path, hurried = folder / "engine.db", folder / "hasty.db"
    given = pragmas(path)
    settings = ", ".join(p.removeprefix("PRAGMA ") for p in given if "journal" in p or "synchronous" in p)
    yield Row(
        what=f"a durable move on SQLite, one notification ({settings}) / raw sqlite3, the same three writes",
        ratio=_compared(path, folder / "raw.db", given, rounds),
        aim=1.2,
    )
    with hasty():
        yield Row(
            what="... the same where no disk is waited for (synchronous = OFF, not durable)",
            ratio=_compared(hurried, folder / "hasty-raw.db", [*given, "PRAGMA synchronous = OFF"], rounds),
        )
