"""Bringing in many agreements with their moves, against raw `executemany` that writes rows as large."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from durable import Channel, Raw, pragmas
from measuring import Row, Subject, in_turns, ratio, waiting
from subjects import STAGES, STEPS, begun, process, walked

from stagegate import Engine

AGREEMENTS, ALL = 1_000, 10_000
COMMIT = 500
"""How many moves there are in one commit."""


class Many(Raw):
    """The floor: the same writes as `Raw`, but of many agreements at once, by `executemany`."""

    def bring(self, agreements: Sequence[str]) -> None:
        """Bring in agreements with all their moves, in one commit: they are read, compared and written step by step."""
        execute, executemany = self.connection.execute, self.connection.executemany
        execute("BEGIN IMMEDIATE")
        rows = [(agreement, STAGES[0], self.snapshot) for agreement in agreements]
        executemany("INSERT INTO agreement VALUES (?, 1, ?, ?)", rows)
        # What is recorded before the first move: an event and a notification of the start, and of the fact.
        self._tell(agreements, 1)
        self._tell(agreements, 2)
        marks = ", ".join("?" * len(agreements))
        for place in range(STEPS):
            reading = f"SELECT id, version, stage, snapshot FROM agreement WHERE id IN ({marks})"  # noqa: S608  marks only
            found = execute(reading, agreements).fetchall()
            assert all(stage == STAGES[place] for _, _, stage, _ in found)
            moved = executemany(
                "UPDATE agreement SET version = ?, stage = ?, snapshot = ? WHERE id = ? AND version = ?",
                [(version + 1, STAGES[place + 1], self.snapshot, id_, version) for id_, version, _, _ in found],
            )
            assert moved.rowcount == len(agreements)
            self._tell(agreements, 3 + place)
        execute("COMMIT")

    def _tell(self, agreements: Sequence[str], n: int) -> None:
        executemany = self.connection.executemany
        executemany("INSERT INTO event VALUES (?, ?, ?, ?)", [(id_, n, self.body, bytes(32)) for id_ in agreements])
        executemany(
            "INSERT INTO outbox VALUES (?, ?, ?, ?, 'pending', '2025-07-24T12:00:00.000000Z')",
            [(f"{id_}-{n:025}", id_, n, self.payload) for id_ in agreements],
        )


def _chunks(names: Iterator[str], number: int) -> Iterator[list[str]]:
    """Return the ids of so many new agreements, as many at a time as go into one commit."""
    size = COMMIT // (STEPS + 2)
    for first in range(0, number, size):
        yield [next(names) for _ in range(min(size, number - first))]


def _names(prefix: str) -> Iterator[str]:
    return (f"{prefix}-{number:07}" for number in itertools.count())


def _raw(many: Many, number: int) -> Subject:
    names = _names("agreement")

    def work() -> None:
        for chunk in _chunks(names, number):
            many.bring(chunk)

    return lambda: waiting(number * STEPS, work)


def _batches(engine: Engine, number: int, prefix: str = "agreement") -> Subject:
    names = _names(prefix)

    def work() -> None:
        for chunk in _chunks(names, number):
            with engine.batch() as batch:
                for agreement in chunk:
                    walked(batch, begun(batch, agreement))

    return lambda: waiting(number * STEPS, work)


def _singly(engine: Engine, number: int) -> Subject:
    names = _names("single")

    def work() -> None:
        for _ in range(number):
            walked(engine, begun(engine, next(names)))

    return lambda: waiting(number * STEPS, work)


def bulk(folder: Path, rounds: int, *, big: bool) -> Iterator[Row]:
    """Compare what one move costs, when agreements are begun, made ready and moved all the way."""
    number = ALL if big else AGREEMENTS
    path = folder / "bulk.db"
    given = pragmas(path)
    with Engine.open(f"sqlite:///{path}", processes=[process()], plugins=[Channel()]) as engine:
        many = Many(folder / "bulk-raw.db", given, engine)
        subjects = {"batch": _batches(engine, number), "raw": _raw(many, number)}
        costs = in_turns(subjects, rounds)
        each = in_turns({"batch": _batches(engine, 20, "few"), "single": _singly(engine, 20)}, rounds)
        many.connection.close()
        report = engine.verify()
        assert report.ok, report.faults[:3]
    yield Row(
        what=f"bringing in {number:,} agreements with {STEPS} moves on SQLite, by batches / raw executemany",
        ratio=ratio(costs, "batch", "raw"),
        aim=1.5,
    )
    yield Row(what="... one by one / by batches", ratio=ratio(each, "single", "batch"))
