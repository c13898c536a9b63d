"""What grows with the number of agreements in a file, against what raw SQL on the same file grows."""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
from durable import hasty, pragmas
from measuring import Ratio, Row, Subject, computing, in_turns, waiting
from subjects import DESK, STAGES, process

from stagegate import Actor, Engine, NotPermitted, Party
from stagegate._history import GENESIS, chain

SIZES = (10_000, 100_000)
BIG = (*SIZES, 1_000_000)
PATTERNS = 40
RESERVED = 20
"""One of so many agreements is changed by raw SQL alone, so that the histories of all others stay whole."""

READS, APPENDS = 200, 15
STRANGER = Actor(id="stranger", roles={"nobody"})


def named(number: int) -> str:
    """Return the id of an agreement."""
    return f"a-{number:07}"


def lived(engine: Engine) -> None:
    """Let an engine make a few real histories that stand at all stages, on hold, ended and refused."""
    parties = (Party("bekasi", name="Kota Bekasi", country="ID"), Party("izumisano", name="Izumisano", country="JP"))
    for i in range(PATTERNS):
        deal = engine.start("bench", f"t-{i:07}", title=f"Agreement t-{i:07}", parties=parties, by=DESK)
        deal = engine.record(deal, "ready", value=True, by=DESK)
        for _ in range(i % len(STAGES)):
            deal = engine.advance(deal, by=DESK)
        if i % 10 == 1:
            with suppress(NotPermitted):
                engine.hold(deal, "no right to", by=STRANGER)
        if i % 10 == 3:
            deal = engine.hold(deal, "an election", by=DESK)
        if i % 10 == 7:
            engine.end(deal, "withdrawn", "no budget", by=DESK)
    assert engine.verify().ok


@attrs.frozen(kw_only=True)
class Pattern:
    """The rows of one agreement, table by table."""

    id: str
    rows: Mapping[str, Sequence[tuple[Any, ...]]]
    events: Sequence[tuple[bytes, str]]
    head: bytes

    def renamed(self, id_: str) -> tuple[dict[str, list[tuple[Any, ...]]], list[tuple[Any, ...]]]:
        """Return its rows as those of an agreement of another id: every hash computed anew."""
        old, new = self.id.encode(), id_.encode()
        head, events = GENESIS, []
        for n, (body, event) in enumerate(self.events, 1):
            fresh = str(uuid.UUID(int=random.getrandbits(128), version=4))
            body = body.replace(old, new).replace(event.encode(), fresh.encode())  # noqa: PLW2901  the same body, renamed
            head = chain(head, body)
            events.append((id_, n, body, head))
        was, now = self.head.hex().encode(), head.hex().encode()

        def change(value: Any) -> Any:
            if isinstance(value, str):
                return value.replace(self.id, id_)
            if value == self.head:
                return head
            return value.replace(was, now).replace(old, new) if isinstance(value, bytes) else value

        return {table: [tuple(map(change, row)) for row in rows] for table, rows in self.rows.items()}, events


def _key(columns: Sequence[str]) -> str | None:
    """Return the column that says which agreement a row is of."""
    return next((column for column in ("agreement", "id") if column in columns), None)


def _read(path: Path) -> tuple[list[Pattern], list[str], dict[str, int]]:
    """Return the patterns, the tables they have rows in, and the number of columns of each table."""
    connection = sqlite3.connect(path)
    width: dict[str, int] = {}
    keyed: dict[str, str] = {}
    for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        width[table] = len(columns)
        keyed |= {table: column} if (column := _key(columns)) else {}
    with Engine.open(f"sqlite:///{path}", processes=[process()]) as engine:
        patterns = []
        for i in range(PATTERNS):
            deal = engine.get(f"t-{i:07}")
            rows = {
                table: connection.execute(f"SELECT * FROM {table} WHERE {key} = ?", (deal.id,)).fetchall()  # noqa: S608  our own names
                for table, key in keyed.items()
                if table != "event"
            }
            ids = [event.id for event in engine.history(deal)]
            bodies = connection.execute("SELECT body FROM event WHERE agreement = ? ORDER BY n", (deal.id,)).fetchall()
            events = [(body, id_) for (body,), id_ in zip(bodies, ids, strict=True)]
            patterns.append(Pattern(id=deal.id, rows=rows, events=events, head=deal.head))
    connection.close()
    return patterns, list(keyed), width


def _filled(path: Path, number: int, source: Path) -> None:
    """Fill a file with renamed copies of the patterns, as many of each."""
    Engine.open(f"sqlite:///{path}").close()
    patterns, tables, width = _read(source)
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
        connection.execute(f"PRAGMA {pragma}")
    put = {
        table: f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608  our own names
        for table, columns in width.items()
    }
    connection.execute("BEGIN")
    for i in range(number):
        rows, events = patterns[i % PATTERNS].renamed(named(i))
        for table in tables:
            if table in rows:
                connection.executemany(put[table], rows[table])
        connection.executemany(put["event"], events)
    other = sqlite3.connect(source)
    *_, (_, last, *_) = other.execute("PRAGMA table_info(counter)")
    assert last == "number"
    for *sort, counted in other.execute("SELECT * FROM counter"):
        connection.execute(put["counter"], (*sort, counted * number // PATTERNS))
    connection.executemany(put["definition"], other.execute("SELECT * FROM definition").fetchall())
    other.close()
    connection.execute("COMMIT")
    connection.close()


class _Filled:
    """A file with so many agreements, and what is asked of it by the engine and by raw SQL."""

    def __init__(self, folder: Path, number: int, source: Path) -> None:
        """Fill it, and look whether it is as good as one that the engine filled."""
        self.number = number
        path = folder / f"{number}.db"
        _filled(path, number, source)
        given = pragmas(path)
        self.engine = Engine.open(f"sqlite:///{path}", processes=[process()])
        self.raw = sqlite3.connect(path, isolation_level=None)
        for pragma in given:
            self.raw.execute(pragma)
        self.chance = random.Random(number)
        self.appended = 0
        sample = range(number) if number <= SIZES[0] else sorted(self.chance.sample(range(number), 200))
        reports = [self.engine.verify()] if number <= SIZES[0] else [self.engine.verify(named(i)) for i in sample]
        assert [fault for report in reports for fault in report.faults][:3] == []

    def _ids(self, times: int, *, raw: bool = False) -> list[str]:
        groups = self.number // RESERVED
        return [
            named(self.chance.randrange(groups) * RESERVED + (0 if raw else self.chance.randrange(1, RESERVED)))
            for _ in range(times)
        ]

    def subjects(self) -> Iterator[tuple[str, Subject, Subject]]:
        """Return each operation with the engine's way and the raw way."""
        engine, raw = self.engine, self.raw
        one = "SELECT snapshot FROM agreement WHERE id = ?"
        told = "SELECT n, body, hash FROM event WHERE agreement = ? ORDER BY n"
        page = "SELECT snapshot FROM agreement WHERE stage = ? AND id > ? ORDER BY id LIMIT 51"
        sums = "SELECT stage, sum(number) FROM counter GROUP BY stage"

        def each(times: int, ask: Callable[[str], object]) -> Subject:
            def subject() -> float:
                ids = self._ids(times)
                return computing(times, lambda: [ask(id_) for id_ in ids])

            return subject

        def sql(statement: str) -> Callable[[str], object]:
            return lambda id_: raw.execute(statement, (id_,)).fetchall()

        yield "load", each(READS, engine.get), each(READS, sql(one))
        yield "history", each(READS, engine.history), each(READS, sql(told))
        yield (
            "list",
            each(20, lambda id_: engine.find(stage=STAGES[2], after=id_)),
            each(20, lambda id_: raw.execute(page, (STAGES[2], id_)).fetchall()),
        )
        yield (
            "count",
            each(READS, lambda _: engine.count(by="stage")),
            each(READS, lambda _: raw.execute(sums).fetchall()),
        )
        yield "append", self._appending, self._appending_raw

    def _appending(self) -> float:
        ids = self._ids(APPENDS)
        return waiting(APPENDS, lambda: [self.engine.note(id_, "seen", by=DESK) for id_ in ids])

    def _appending_raw(self) -> float:
        def append(id_: str) -> int:
            execute = self.raw.execute
            execute("BEGIN IMMEDIATE")
            n, snapshot = execute("SELECT n, snapshot FROM agreement WHERE id = ?", (id_,)).fetchone()
            (body,) = execute("SELECT body FROM event WHERE agreement = ? AND n = ?", (id_, n)).fetchone()
            execute(
                "UPDATE agreement SET n = ?1, version = ?1, changed_at = ?2, snapshot = ?3 WHERE id = ?4",
                (n + 1, f"2026-01-01T00:00:00.{self.appended:06}Z", snapshot, id_),
            )
            execute("INSERT INTO event (agreement, n, body, hash) VALUES (?, ?, ?, ?)", (id_, n + 1, body, bytes(32)))
            execute("COMMIT")
            self.appended += 1
            return self.appended

        ids = self._ids(APPENDS, raw=True)
        return waiting(APPENDS, lambda: [append(id_) for id_ in ids])


def growth(folder: Path, rounds: int, sizes: Sequence[int]) -> Iterator[Row]:
    """Compare how loading, listing, counting and appending grow."""
    source = folder / "patterns.db"
    with hasty(), Engine.open(f"sqlite:///{source}", processes=[process()]) as engine:
        lived(engine)
    subjects: dict[str, Subject] = {}
    operations: Iterable[str] = ()
    for number in sizes:
        filled = list(_Filled(folder, number, source).subjects())
        operations = [operation for operation, _, _ in filled]
        for operation, engine, raw in filled:
            subjects |= {f"{operation} {number}": engine, f"raw {operation} {number}": raw}
    yield from grown(in_turns(subjects, rounds), sizes, operations, "agreements")


def grown(
    costs: Mapping[str, Sequence[float]], sizes: Sequence[int], operations: Iterable[str], what: str
) -> Iterator[Row]:
    """
    Return how much more each operation took on what is larger, against how much more raw SQL took.

    Args:
        costs: What each cost, under `list 10000` and `raw list 10000`.

        sizes: The sizes, the least first.

        operations: The operations.

        what: What there are so many of.
    """
    least = sizes[0]
    for number in sizes[1:]:
        for operation in operations:
            four = (costs[f"{kind}{operation} {size}"] for kind in ("", "raw ") for size in (number, least))
            ratios = [(mine / mine_few) / (raw / raw_few) for mine, mine_few, raw, raw_few in zip(*four, strict=True)]
            yield Row(
                what=f"{least:,} to {number:,} {what}: growth of {operation} / growth of raw SQL",
                ratio=Ratio.of(ratios),
                aim=1.5,
            )
