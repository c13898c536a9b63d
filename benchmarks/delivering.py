"""Delivering the outbox, against raw SQL that claims, and settles, the same rows in as many commits."""

from __future__ import annotations

import itertools
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "proof"))

import psycopg
from durable import pragmas
from measuring import Ratio, Row, Subject, in_turns, rates, ratio, waiting
from servers import PostgresServer
from subjects import DESK, process

from stagegate import Agreement, Engine, Event, Notification, hookimpl

ROWS = 200
AT_A_TIME = 50
PLACES = 10
"""How many notifications one event causes."""


class Void:
    """A channel that has several things to tell of a note, and delivers into the void."""

    name = "void"

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell several."""
        if event.kind == "noted":
            for place in range(PLACES):
                context = {"title": agreement.title, "n": event.n}
                yield Notification(channel="void", kind="noted", to=f"desk-{place}", context=context)

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool:
        """Deliver nothing, at once."""
        return notification.channel == "void"


def _engine(engine: Engine) -> Subject:
    engine.start("bench", "deal", by=DESK)

    def subject() -> float:
        for _ in range(ROWS // PLACES):
            engine.note("deal", "tell everybody", by=DESK)

        def work() -> None:
            assert engine.deliver(limit=ROWS).delivered == ROWS

        return waiting(ROWS, work)

    return subject


TABLE = """
CREATE TABLE outbox (id text PRIMARY KEY, payload {blob} NOT NULL, status text NOT NULL, due_at text NOT NULL,
    leased_until text, tries integer NOT NULL)
"""
INDEX = "CREATE INDEX outbox_due ON outbox (due_at) WHERE status = 'pending'"
NOW, THEN = "2025-07-24T12:00:00.000000Z", "2025-07-24T12:05:00.000000Z"


def _raw(execute: Callable[..., Any], commit: Callable[[], object], begin: str, skip: str, payload: bytes) -> Subject:
    """Return the floor: claim fifty in one commit, then settle each in one of its own, as nobody may be told twice."""
    made = itertools.count()

    def fill() -> None:
        for _ in range(ROWS):
            values = (f"{next(made):036}", payload, NOW)
            execute("INSERT INTO outbox VALUES (?, ?, 'pending', ?, NULL, 0)", values)
        commit()

    def work() -> None:
        for _ in range(ROWS // AT_A_TIME):
            if begin:
                execute(begin)
            claimed = execute(
                "SELECT id, payload FROM outbox WHERE status = 'pending' AND due_at <= ?"  # noqa: S608  our own words
                f" AND (leased_until IS NULL OR leased_until <= ?) ORDER BY due_at, id LIMIT {AT_A_TIME}{skip}",
                (NOW, NOW),
            ).fetchall()
            for id_, _ in claimed:
                execute("UPDATE outbox SET leased_until = ? WHERE id = ?", (THEN, id_))
            commit()
            for id_, _ in claimed:
                if begin:
                    execute(begin)
                execute(
                    "UPDATE outbox SET status = 'delivered', tries = tries + 1, leased_until = NULL"
                    " WHERE id = ? AND leased_until = ?",
                    (id_, THEN),
                )
                commit()

    def subject() -> float:
        fill()
        return waiting(ROWS, work)

    return subject


def _payload() -> bytes:
    with Engine.open("memory:", processes=[process()], plugins=[Void()]) as engine:
        _engine(engine)()
        return engine.outbox()[0].notification.payload()


def _on_sqlite(folder: Path, rounds: int) -> Ratio:
    path = folder / "deliver.db"
    connection = sqlite3.connect(folder / "deliver-raw.db", isolation_level=None)
    for pragma in pragmas(path):
        connection.execute(pragma)
    connection.execute(TABLE.format(blob="blob"))
    connection.execute(INDEX)

    def commit() -> None:
        if connection.in_transaction:
            connection.execute("COMMIT")

    with Engine.open(f"sqlite:///{path}", processes=[process()], plugins=[Void()]) as engine:
        raw = _raw(connection.execute, commit, "BEGIN IMMEDIATE", "", _payload())
        costs = in_turns({"engine": _engine(engine), "raw": raw}, rounds)
    connection.close()
    return rates(ratio(costs, "engine", "raw"))


def _on_postgresql(rounds: int) -> Ratio:
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer(durable=True))
        mine, theirs = (server.url(server.create()) for _ in range(2))
        connection = stack.enter_context(psycopg.connect(theirs))
        connection.execute(TABLE.format(blob="bytea").encode())
        connection.execute(INDEX)
        connection.commit()
        cursor = connection.cursor()

        def execute(sql: str, values: tuple[Any, ...] = ()) -> Any:
            return cursor.execute(sql.replace("?", "%s").encode(), values)

        engine = stack.enter_context(Engine.open(mine, processes=[process()], plugins=[Void()]))
        raw = _raw(execute, connection.commit, "", " FOR UPDATE SKIP LOCKED", _payload())
        costs = in_turns({"engine": _engine(engine), "raw": raw}, rounds)
    return rates(ratio(costs, "engine", "raw"))


def delivering(folder: Path, rounds: int) -> Iterator[Row]:
    """Compare the rates at which the outbox is delivered to somebody who takes no time."""
    floor = f"raw SQL that claims {AT_A_TIME} in one commit and settles each in its own"
    yield Row(what=f"deliveries on SQLite: rate / rate of {floor}", ratio=_on_sqlite(folder, rounds))
    yield Row(what=f"deliveries on PostgreSQL: rate / rate of {floor}", ratio=_on_postgresql(rounds))
