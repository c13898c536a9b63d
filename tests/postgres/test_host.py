from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg.rows import dict_row
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from proof.servers import PostgresServer
from stagegate import (
    Conflict,
    Engine,
    GateClosed,
    InvalidValue,
    NotFound,
    Process,
    Stage,
    StoreError,
    hookimpl,
    parts,
    unguarded,
)
from stagegate.contrib.postgres import PostgresStore

from ..exchange import CLERK, PROCESS, Bell

TABLE = "CREATE TABLE IF NOT EXISTS permit (agreement text)"


class Host:
    """A host's own connection, whichever way it speaks to the database."""

    def __init__(self, connection: Any, execute: Callable[[str], Any]) -> None:
        self.connection = connection
        self.execute = execute
        self.commit: Callable[[], None] = connection.commit
        self.rollback: Callable[[], None] = connection.rollback


@pytest.fixture
def alchemy(database: str, engine: Engine) -> Iterator[sqlalchemy.Engine]:
    """Open the database by SQLAlchemy."""
    made = sqlalchemy.create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    yield made
    made.dispose()


@pytest.fixture(params=["psycopg", "rows as dicts", "connection", "session", "scoped session"])
def host(request: pytest.FixtureRequest, database: str, engine: Engine, alchemy: sqlalchemy.Engine) -> Iterator[Host]:
    """Have a connection of the host's own, with a table of the host's."""
    if request.param in {"psycopg", "rows as dicts"}:
        kind: Any = {"row_factory": dict_row} if request.param == "rows as dicts" else {}
        with closing(psycopg.connect(database, **kind)) as connection:
            connection.execute(TABLE)
            connection.commit()
            yield Host(connection, connection.execute)
        return
    if request.param == "connection":
        made: Any = alchemy.connect()
    else:
        made = Session(alchemy) if request.param == "session" else scoped_session(sessionmaker(alchemy))
    host = Host(made, lambda sql: made.execute(sqlalchemy.text(sql)))
    host.execute(TABLE)
    host.commit()
    yield host
    made.close()


def test_host_commits(engine: Engine, host: Host) -> None:
    """What is done in the transaction of the host is there for others once the host has committed, and not before."""
    joined = engine.using(host.connection)
    joined.start("exchange", "a", by=CLERK)
    joined.record("a", "ready", value=True, by=CLERK)
    moved = joined.advance("a", by=CLERK)

    assert "council" == joined.get("a").stage
    with pytest.raises(NotFound):
        engine.get("a")
    host.commit()
    assert moved == engine.get("a")
    assert engine.verify().ok


def test_host_rolls_back(engine: Engine, host: Host) -> None:
    """What is done in the transaction of the host is undone with it, and the engine goes on as if it had never been."""
    engine.start("exchange", "a", by=CLERK)
    joined = engine.using(host.connection)
    host.execute("INSERT INTO permit VALUES ('a')")
    joined.note("a", "not to stay", by=CLERK)
    joined.start("exchange", "b", by=CLERK)
    host.rollback()

    assert 2 == engine.note("a", "to stay", by=CLERK).n
    assert ["started", "noted"] == [event.kind for event in joined.history("a")]
    assert 1 == engine.count()
    assert engine.verify().ok
    host.rollback()


def test_nothing_is_delivered_before_the_host_commits(engine: Engine, host: Host, bell: Bell) -> None:
    """Neither engine delivers what the host has not committed; what it has is delivered by the one it came from."""
    joined = engine.using(host.connection)
    joined.start("exchange", "a", by=CLERK)
    with pytest.raises(StoreError, match="nothing is delivered before"):
        joined.deliver()
    with pytest.raises(StoreError, match="nothing is delivered before"):
        joined._store.claim(datetime.now(UTC), until=datetime.now(UTC), limit=1)
    engine.deliver()
    assert [] == bell.rung

    host.commit()
    engine.deliver()
    assert [("a", 1)] == bell.rung


def test_refusal_and_a_call_that_fails(engine: Engine, host: Host) -> None:
    """A host that goes on after a refusal keeps it; a call that changes nothing undoes nothing else."""
    joined = engine.using(host.connection)
    joined.start("exchange", "a", by=CLERK)
    with pytest.raises(GateClosed):
        joined.advance("a", by=CLERK)
    with pytest.raises(NotFound):
        joined.advance("nobody", by=CLERK)
    joined.record("a", "ready", value=True, by=CLERK, request_id="r")
    host.commit()

    assert ["started", "refused", "recorded"] == [event.kind for event in engine.history("a")]
    assert 3 == joined.resolve("r").n
    assert joined.resolve("never") is None


def test_everything_is_read_in_the_transaction(engine: Engine, host: Host) -> None:
    """Readings, listings, counts, definitions, the outbox, what is held and the proof are those of the transaction."""
    joined = engine.using(host.connection)
    joined.start("exchange", "a", by=CLERK)
    joined._store.hold("*", "a copy")

    assert ["a"] == [one.id for one in joined.find().items]
    assert {"draft": 1} == joined.count(by="stage")
    assert ({"*": "a copy"}, {}) == (joined.held_deliveries(), engine.held_deliveries())
    assert (1, 0) == (len(joined.outbox()), len(engine.outbox()))
    assert 1 == len(list(joined._store.definitions()))
    assert joined.verify().ok
    host.rollback()
    assert 0 == engine.count()


def test_parts_are_started_in_the_transaction(engine: Engine, host: Host) -> None:
    """A part that is started in the transaction of the host rests on its whole as it is there."""
    joined = engine.using(host.connection)
    whole = joined.start("exchange", "a", by=CLERK)
    joined.start("exchange", "a/1", part_of=whole, by=CLERK)
    host.commit()

    assert ["a/1"] == [part.id for part in engine.parts("a")]
    assert engine.verify().ok


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_host_that_sees_no_more_parts(level: str, database: str) -> None:
    """Where a host sees only what was there when it began, nothing rests on there being no other parts."""
    gate = parts(all="done")
    whole = Process(
        id="whole", version="1", stages=(Stage("open", owner="desk", gate=gate), Stage("closed", owner="desk"))
    )
    part = Process(
        id="part",
        version="1",
        stages=(Stage("open", owner="desk", gate=unguarded("its own affair")), Stage("done", owner="desk")),
    )
    with Engine.open(database, processes=[whole, part]) as engine, psycopg.connect(database) as host:
        engine.start("whole", "a", by=CLERK)
        host.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        assert "open" == engine.using(host).get("a").stage
        engine.start("part", "a/1", part_of="a", by=CLERK)
        refused = GateClosed if level == "READ COMMITTED" else StoreError
        with pytest.raises(refused, match="a/1" if refused is GateClosed else f"{level.lower()}.*use READ COMMITTED"):
            engine.using(host).advance("a", by=CLERK)
        assert 2 <= engine.using(host).note("a", "what needs no parts goes on", by=CLERK).n
        host.commit()

        assert "open" == engine.get("a").stage
        assert engine.verify().ok


def test_host_that_sees_no_whole(engine: Engine, database: str) -> None:
    """Where a host cannot see what was started since, it is not told that there is no such agreement."""
    with psycopg.connect(database) as host:
        host.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert 0 == engine.using(host).count()
        engine.start("exchange", "a", by=CLERK)
        with pytest.raises(StoreError, match="whether there is 'a' cannot be relied on"):
            engine.using(host).start("exchange", "a/1", part_of="a", by=CLERK)


def test_another_is_locked_out_until_the_host_ends(engine: Engine, host: Host) -> None:
    """Who would change what a host has changed waits for the end of its transaction, and is told if that takes long."""
    engine.start("exchange", "a", by=CLERK)
    engine.using(host.connection).note("a", "mine", by=CLERK)
    with pytest.raises(StoreError, match=r"lock timeout.*lock_timeout=seconds"):
        engine.note("a", "theirs", by=CLERK)
    host.rollback()

    assert 2 == engine.note("a", "theirs", by=CLERK).n


def test_call_that_fails_lets_go_of_its_lock(engine: Engine, host: Host) -> None:
    """What a call in the transaction of the host has locked, and could not change, is free for others at once."""
    old = engine.start("exchange", "a", by=CLERK)
    new = engine.note("a", "meanwhile", by=CLERK)
    joined = engine.using(host.connection)
    with pytest.raises(Conflict):
        joined.note(old, "too late", by=CLERK)

    assert new.n + 1 == engine.note(new, "and on", by=CLERK).n
    host.commit()


def test_closing_what_joined_closes_nothing(engine: Engine, host: Host) -> None:
    """Closing what joined closes nothing of the host's, nor the engine it came from."""
    engine.using(host.connection).close()

    host.execute("SELECT 1")
    assert 0 == engine.count()


def test_one_that_was_not_begun(engine: Engine, database: str) -> None:
    """A connection that commits each statement by itself is refused with what to do; within a block it will do."""
    with psycopg.connect(database, autocommit=True) as connection:
        joined = engine.using(connection)
        with pytest.raises(StoreError, match=r"begin a transaction first.*connection\.transaction"):
            joined.start("exchange", "a", by=CLERK)
        with connection.transaction():
            joined.start("exchange", "a", by=CLERK)

    assert 1 == engine.get("a").n


def test_joining_begins_nothing(engine: Engine, database: str, alchemy: sqlalchemy.Engine) -> None:
    """Handing over a connection begins no transaction, so that the host can begin its own as ever."""
    with psycopg.connect(database) as connection:
        joined = engine.using(connection)
        with connection.transaction():
            joined.start("exchange", "a", by=CLERK)
        assert 1 == engine.get("a").n
    with alchemy.connect() as connected:
        joined = engine.using(connected)
        with connected.begin():
            joined.start("exchange", "b", by=CLERK)
    with Session(alchemy) as session:
        joined = engine.using(session)
        with session.begin():
            joined.start("exchange", "c", by=CLERK)

    assert 3 == engine.count()


def test_another_database(engine: Engine, postgres: PostgresServer) -> None:
    """A connection to another database is refused, with our tables in it or without."""
    with postgres.database() as other:
        for _ in range(2):
            with (
                psycopg.connect(postgres.url(other)) as connection,
                pytest.raises(StoreError, match="another database"),
            ):
                engine.using(connection)
            PostgresStore(postgres.url(other)).close()
        made = sqlalchemy.create_engine(postgres.url(other).replace("postgresql:", "postgresql+psycopg:"))
        with made.connect() as connection, pytest.raises(StoreError, match="another database"):
            engine.using(connection).start("exchange", "a", by=CLERK)
        made.dispose()


@pytest.mark.parametrize("connection", [None, "postgresql://host/db", object()], ids=["None", "a url", "something"])
def test_what_is_no_connection(engine: Engine, connection: Any) -> None:
    """Anything else is refused in one sentence that says what would do."""
    with pytest.raises(
        InvalidValue, match=r"a psycopg\.Connection is needed, or a Connection or Session of SQLAlchemy"
    ):
        engine.using(connection)


def test_another_driver(engine: Engine) -> None:
    """A connection of SQLAlchemy to something else is refused."""
    made = sqlalchemy.create_engine("sqlite://")
    with made.connect() as connection, pytest.raises(InvalidValue, match=r"postgresql\+psycopg, not sqlite\+pysqlite"):
        engine.using(connection).count()
    made.dispose()


def test_connection_that_has_ended(engine: Engine, database: str, alchemy: sqlalchemy.Engine) -> None:
    """A connection that was closed, or ended by the server, is told in one sentence."""
    connection = psycopg.connect(database)
    connection.close()
    with pytest.raises(StoreError, match="the connection is closed"):
        engine.using(connection)
    with alchemy.connect() as connected:
        pass
    with pytest.raises(StoreError, match="This Connection is closed"):
        engine.using(connected).count()


def test_transaction_that_has_failed(engine: Engine, database: str) -> None:
    """In a transaction that has failed nothing is done, and it is said that it can only be rolled back."""
    with psycopg.connect(database) as connection:
        joined = engine.using(connection)
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM nothing")
        with pytest.raises(StoreError, match="it can only be rolled back"):
            joined.start("exchange", "a", by=CLERK)
        connection.rollback()
        joined.start("exchange", "a", by=CLERK)


@pytest.mark.parametrize("twice", [False, True], ids=["by its own engine", "by another on the same connection"])
@pytest.mark.parametrize("changed", ["a", "b"])
def test_guard_that_changes_something_is_refused(database: str, changed: str, *, twice: bool) -> None:
    """A change within a change would be undone with what it lies in: it is refused at once, and so nothing is lost."""
    told: list[str] = []

    class Meddler:
        """A check that changes instead of looking."""

        name = "meddler"

        @hookimpl
        def stagegate_check(self, attempt: Any) -> Any:
            """Try to change it, or what is delivered."""
            if attempt.move == "advance":
                for act in (
                    lambda: meddling.note(changed, "from within", by=CLERK),
                    lambda: meddling.hold_deliveries(why="from within"),
                    meddling.requeue,
                ):
                    with pytest.raises(StoreError) as caught:
                        act()
                    told.append(str(caught.value))
            return ()

    with (
        Engine.open(database, processes=[PROCESS], plugins=[Meddler()]) as engine,
        psycopg.connect(database) as connection,
    ):
        for agreement in "ab":
            engine.start("exchange", agreement, by=CLERK)
        joined = engine.using(connection)
        meddling = engine.using(connection) if twice else joined
        with pytest.raises(GateClosed):
            joined.advance("a", by=CLERK)
        assert 3 == joined.note("a", "after it", by=CLERK).n
        connection.commit()

        assert 1 == engine.get("b").n
        assert {} == engine.held_deliveries()
        assert engine.verify().ok
    assert 3 == len(told)
    assert all("can look at others meanwhile, but must not change them" in one for one in told)


def test_connection_of_two_threads(database: str) -> None:
    """While one thread decides in the transaction of a host, another is kept out of it, and undoes nothing of it."""
    inside, done = threading.Event(), threading.Event()

    class Door:
        """A check that waits."""

        name = "door"

        @hookimpl
        def stagegate_check(self, attempt: Any) -> Any:
            """Wait."""
            if attempt.agreement.id == "a":
                inside.set()
                assert done.wait(30)
            return ()

    with (
        Engine.open(database, processes=[PROCESS], plugins=[Door()]) as engine,
        psycopg.connect(database) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        for agreement in "ab":
            engine.start("exchange", agreement, by=CLERK)
        joined = engine.using(connection)
        noted = pool.submit(joined.note, "a", "said", by=CLERK)
        assert inside.wait(30)
        try:
            with pytest.raises(StoreError, match="no other thread can use the connection"):
                joined.note("b", "said", by=CLERK)
        finally:
            done.set()
        assert 2 == noted.result(30).n
        assert 2 == joined.note("b", "said", by=CLERK).n
        connection.commit()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_connection_that_cannot_say_all(engine: Engine, database: str, encoding: str) -> None:
    """A connection that does not speak Unicode is refused with what to do, and is of use once it does."""
    with psycopg.connect(database, client_encoding=encoding) as connection:
        with pytest.raises(StoreError, match="cannot say all that is kept; have it connect with client_encoding=utf8"):
            engine.using(connection)
        connection.execute("SET client_encoding TO utf8")

        assert 1 == engine.using(connection).start("exchange", "泉佐野", by=CLERK).n


def test_connection_in_a_pipeline(engine: Engine, database: str) -> None:
    """In a pipeline answers come late, so nothing is decided there; after it, the connection is of use."""
    with psycopg.connect(database) as connection:
        joined = engine.using(connection)
        with connection.pipeline(), pytest.raises(StoreError, match="is in a pipeline, which answers late; leave it"):
            joined.start("exchange", "a", by=CLERK)

        assert 1 == joined.start("exchange", "a", by=CLERK).n


def test_two_hosts_start_one(engine: Engine, database: str) -> None:
    """Of two hosts that start one agreement, the second waits for the first, and is told in good time."""
    with psycopg.connect(database) as first, psycopg.connect(database) as second:
        second.execute("SET lock_timeout = '200ms'")
        engine.using(first).start("exchange", "a", by=CLERK)
        with pytest.raises(StoreError, match="lock timeout"):
            engine.using(second).start("exchange", "a", by=CLERK)
        second.rollback()
        first.rollback()
        engine.using(second).start("exchange", "a", by=CLERK)
    assert 1 == engine.get("a").n


def test_engine_of_a_host_says_where_it_is(engine: Engine, database: str) -> None:
    """What joined names the database, as the store does, without a password."""
    with psycopg.connect(database) as connection:
        assert "JoinedStore(postgresql://postgres@/" in repr(engine.using(connection)._store)
    assert PROCESS.id in [process.id for process in engine.processes]


@pytest.mark.parametrize("own", [True, False], ids=["host", "batch"])
def test_verify_while_others_write(own: bool, engine: Engine, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who proves the histories within a transaction that sees what others commit meanwhile finds no fault in that."""
    engine.start("exchange", "a", by=CLERK)
    execute, names = psycopg.Cursor.execute, iter(map(str, range(1000)))
    busy = False

    def then_others(self: Any, *given: Any, **named: Any) -> Any:
        nonlocal busy
        done = execute(self, *given, **named)
        if not busy:
            busy = True
            engine.start("exchange", name := next(names), by=CLERK)
            engine.note("a", name, by=CLERK, request_id=name)
            busy = False
        return done

    with ExitStack() as stack:
        within = (
            engine.using(stack.enter_context(psycopg.connect(database))) if own else stack.enter_context(engine.batch())
        )
        monkeypatch.setattr(psycopg.Cursor, "execute", then_others)
        report = within.verify()
        alone = within.verify("a")
        monkeypatch.undo()

    assert ((), ()) == (report.faults, alone.faults)
    assert engine.get("a").n > 3
    assert engine.verify().ok
