"""Verifying the histories in a file, against only reading its rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from durable import Channel, hasty
from measuring import Row, Subject, computing, in_turns, rates, ratio
from subjects import begun, process, walked

from stagegate import Engine
from stagegate._history import GENESIS, chain

AGREEMENTS = 300


def _filled(path: Path) -> None:
    with hasty(), Engine.open(f"sqlite:///{path}", processes=[process()], plugins=[Channel()]) as engine:
        for i in range(AGREEMENTS):
            walked(engine, begun(engine, f"agreement-{i}"))


def _read(connection: sqlite3.Connection) -> None:
    """Read every row of every table."""
    for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  our own names


def _reading(connection: sqlite3.Connection) -> Subject:
    return lambda: computing(1, lambda: _read(connection))


def _hashing(connection: sqlite3.Connection) -> Subject:
    """Read every row, and follow the hashes of the events: the least that can be called verifying."""

    def work() -> None:
        _read(connection)
        head = GENESIS
        for n, body, hash_ in connection.execute("SELECT n, body, hash FROM event ORDER BY agreement, n").fetchall():
            head = chain(GENESIS if n == 1 else head, body)
            assert head == hash_

    return lambda: computing(1, work)


def _verifying(engine: Engine) -> Subject:
    def work() -> None:
        report = engine.verify()
        assert report.ok, str(report)
        assert report.checked == AGREEMENTS

    return lambda: computing(1, work)


def verifying(folder: Path, rounds: int) -> Iterator[Row]:
    """Compare the rates."""
    path = folder / "verify.db"
    _filled(path)
    connection = sqlite3.connect(path)
    with Engine.open(f"sqlite:///{path}", processes=[process()]) as engine:
        costs = in_turns(
            {"verify": _verifying(engine), "read": _reading(connection), "hash": _hashing(connection)}, rounds
        )
    connection.close()
    yield Row(
        what="verify: rate / rate of only reading the rows",
        ratio=rates(ratio(costs, "verify", "read")),
        aim=0.4,
        at_least=True,
    )
    yield Row(
        what="... following the hashes of the events alone: rate / rate of only reading the rows",
        ratio=rates(ratio(costs, "hash", "read")),
    )
