"""What grows with the number of agreements in a PostgreSQL database, against what raw SQL on the same one grows."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "proof"))

import psycopg
from growth import PATTERNS, Pattern, grown, lived, named
from measuring import Row, Subject, in_turns, waiting
from servers import PostgresServer
from subjects import STAGES, process

from stagegate import Engine

SIZES = (10_000, 1_000_000)
TIMES = 50
TABLES = ("agreement", "member")
SORT = "stage, process, owner, outcome, on_hold"
KEYS = {"agreement": "id", "member": "agreement"}


def _read(url: str) -> list[Pattern]:
    """Return what the engine made, as rows; the events are not needed for what is asked here."""
    patterns = []
    with Engine.open(url, processes=[process()]) as engine, psycopg.connect(url) as connection:
        for i in range(PATTERNS):
            deal = engine.get(f"t-{i:07}")
            rows: dict[str, Sequence[tuple[Any, ...]]] = {}
            for table, key in KEYS.items():
                asked = f"SELECT * FROM stagegate.{table} WHERE {key} = %s"  # noqa: S608  our own names
                rows[table] = connection.execute(asked.encode(), (deal.id,)).fetchall()
            patterns.append(Pattern(id=deal.id, rows=rows, events=(), head=deal.head))
    return patterns


def _filled(url: str, number: int, source: str) -> None:
    """Fill a database with renamed copies of the patterns, as many of each."""
    Engine.open(url).close()
    patterns = _read(source)
    with psycopg.connect(url) as connection, psycopg.connect(source) as other:
        connection.execute("SET synchronous_commit = off")
        for table in TABLES:
            with connection.cursor().copy(f"COPY stagegate.{table} FROM STDIN".encode()) as copy:
                for i in range(number):
                    rows, _ = patterns[i % PATTERNS].renamed(named(i))
                    for row in rows[table]:
                        copy.write_row(row)
        sums = f"SELECT sum(number), {SORT} FROM stagegate.delta GROUP BY {SORT}"  # noqa: S608  our own names
        for place, (counted, *sort) in enumerate(other.execute(sums.encode()).fetchall()):
            if counted:
                marks = "%s, %s, %s, %s, %s"
                put = f"INSERT INTO stagegate.delta (agreement, n, number, {SORT}) VALUES (%s, 0, %s, {marks})"  # noqa: S608  our own names
                connection.execute(put.encode(), (f"sum-{place}", counted * number // PATTERNS, *sort))
        put = b"INSERT INTO stagegate.definition SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[])"
        kept = other.execute("SELECT digest, process, version, body FROM stagegate.definition").fetchall()
        connection.execute(put, [list(column) for column in zip(*kept, strict=True)])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _asked(engine: Engine, raw: psycopg.Connection[Any], number: int) -> Iterator[tuple[str, Subject, Subject]]:
    """Return each operation with the engine's way and the raw way."""
    chance = random.Random(number)

    def each(ask: Callable[[str], object]) -> Subject:
        def subject() -> float:
            ids = [named(chance.randrange(number)) for _ in range(TIMES)]
            return waiting(TIMES, lambda: [ask(id_) for id_ in ids])

        return subject

    def sql(statement: bytes, *values: str) -> Callable[[str], object]:
        return lambda id_: raw.execute(statement, (*values, id_)).fetchall()

    one = b"SELECT snapshot FROM stagegate.agreement WHERE id = %s"
    page = b"SELECT snapshot FROM stagegate.agreement WHERE stage = %s AND id > %s ORDER BY id LIMIT 51"
    sums = b"SELECT stage, sum(number) FROM stagegate.delta GROUP BY stage"
    yield "load", each(engine.get), each(sql(one))
    yield "list", each(lambda id_: engine.find(stage=STAGES[2], after=id_)), each(sql(page, STAGES[2]))
    yield "count", each(lambda _: engine.count(by="stage")), each(lambda _: raw.execute(sums).fetchall())


def crowd(rounds: int, sizes: Sequence[int]) -> Iterator[Row]:
    """Compare how loading, listing and counting grow."""
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer(durable=False, shared_buffers="512MB", max_wal_size="4GB"))
        source = server.url(server.create())
        with Engine.open(source, processes=[process()]) as engine:
            lived(engine)
        subjects: dict[str, Subject] = {}
        operations: list[str] = []
        for number in sizes:
            url = server.url(server.create())
            _filled(url, number, source)
            engine = stack.enter_context(Engine.open(url, processes=[process()]))
            counted = engine.count()
            assert counted == number, counted
            raw = stack.enter_context(psycopg.connect(url, autocommit=True))
            asked = list(_asked(engine, raw, number))
            operations = [operation for operation, _, _ in asked]
            for operation, mine, theirs in asked:
                subjects |= {f"{operation} {number}": mine, f"raw {operation} {number}": theirs}
        costs = in_turns(subjects, rounds)
        yield from grown(costs, sizes, operations, "agreements on PostgreSQL")
