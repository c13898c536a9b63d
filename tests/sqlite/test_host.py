from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from stagegate import (
    Conflict,
    Document,
    Engine,
    GateClosed,
    InvalidValue,
    NotFound,
    Process,
    Stage,
    StoreError,
    hookimpl,
    unguarded,
)
from stagegate.contrib.sqlite import SQLiteStore

from ..exchange import CLERK, PROCESS, Bell

LEVELS = ["", "DEFERRED", "IMMEDIATE", None]


@pytest.fixture(params=LEVELS, ids=str)
def host(request: pytest.FixtureRequest, file: Path, engine: Engine) -> Iterator[sqlite3.Connection]:
    """Open a connection of the host's own, at each of Python's isolation levels, to a file with a table of the host's."""
    with closing(sqlite3.connect(file, isolation_level=request.param, timeout=0.2)) as connection:
        connection.execute("CREATE TABLE permit (agreement TEXT)")
        yield connection


@pytest.fixture
def alchemy(file: Path, engine: Engine) -> Iterator[sqlalchemy.Engine]:
    """Open the file by SQLAlchemy, with a table of the host's."""
    made = sqlalchemy.create_engine(f"sqlite:///{file}")
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE permit (agreement TEXT)")
    yield made
    made.dispose()


def test_host_commits(engine: Engine, host: sqlite3.Connection, rows: Any) -> None:
    """What is done in the transaction of the host is there for others once the host has committed, and not before."""
    joined = engine.using(host)
    joined.start("exchange", "a", by=CLERK)
    joined.record("a", "ready", value=True, by=CLERK)
    moved = joined.advance("a", by=CLERK)

    assert "council" == joined.get("a").stage
    assert [] == rows("SELECT * FROM agreement")
    with pytest.raises(NotFound):
        engine.get("a")
    host.commit()
    assert moved == engine.get("a")
    assert engine.verify().ok


def test_host_rolls_back(engine: Engine, host: sqlite3.Connection, rows: Any) -> None:
    """What is done in the transaction of the host is undone with it, and the engine goes on as if it had never been."""
    engine.start("exchange", "a", by=CLERK)
    joined = engine.using(host)
    joined.note("a", "not to stay", by=CLERK)
    joined.start("exchange", "b", by=CLERK)
    host.rollback()

    assert 1 == joined.get("a").n
    assert 2 == engine.note("a", "to stay", by=CLERK).n
    assert ["started", "noted"] == [event.kind for event in joined.history("a")]
    assert 1 == engine.count()
    assert engine.verify().ok
    assert [(1,)] == rows("SELECT count(*) FROM agreement")


def test_transaction_of_the_host_is_left_open(engine: Engine, host: sqlite3.Connection) -> None:
    """What the host had begun holds after a move: its own rows and ours end together."""
    engine.start("exchange", "a", by=CLERK)
    host.execute("BEGIN")
    host.execute("INSERT INTO permit VALUES ('a')")
    engine.using(host).note("a", "with the permit", by=CLERK)

    assert host.in_transaction
    host.rollback()
    assert [] == host.execute("SELECT * FROM permit").fetchall()
    assert 1 == engine.get("a").n


def test_nothing_is_delivered_before_the_host_commits(engine: Engine, host: sqlite3.Connection, bell: Bell) -> None:
    """Neither engine delivers what the host has not committed; what it has is delivered by the one it came from."""
    joined = engine.using(host)
    joined.start("exchange", "a", by=CLERK)
    with pytest.raises(StoreError, match="nothing is delivered before"):
        joined.deliver()
    engine.deliver()
    assert [] == bell.rung

    host.commit()
    engine.deliver()
    assert [("a", 1)] == bell.rung


def test_refusal_is_an_event_of_the_transaction(engine: Engine, host: sqlite3.Connection) -> None:
    """A host that goes on after a refusal keeps it in the history."""
    engine.start("exchange", "a", by=CLERK)
    joined = engine.using(host)
    with pytest.raises(GateClosed):
        joined.advance("a", by=CLERK)
    joined.record("a", "ready", value=True, by=CLERK)
    joined.advance("a", by=CLERK)
    host.commit()

    assert ["started", "refused", "recorded", "moved"] == [event.kind for event in engine.history("a")]


def test_refusal_is_rolled_back_with_the_rest(engine: Engine, host: sqlite3.Connection) -> None:
    """A host that rolls back on a refusal leaves no trace of it, and can try again."""
    engine.start("exchange", "a", by=CLERK)
    joined = engine.using(host)
    with pytest.raises(GateClosed):
        joined.advance("a", by=CLERK)
    host.rollback()

    assert 1 == engine.get("a").n
    assert not host.in_transaction


def test_what_fails_undoes_nothing_else(engine: Engine, host: sqlite3.Connection) -> None:
    """A call that changes nothing leaves what was done before it in the same transaction, and ends nothing."""
    joined = engine.using(host)
    started = joined.start("exchange", "a", by=CLERK)
    joined.note("a", "one", by=CLERK)
    with pytest.raises(Conflict):
        joined.note(attrs.evolve(started, version=9), "two", by=CLERK)
    host.commit()

    assert 2 == engine.get("a").n


def test_transaction_begun_in_vain_is_ended(engine: Engine, host: sqlite3.Connection) -> None:
    """Where no transaction was under way and nothing was written, none is left behind to lock others out."""
    joined = engine.using(host)
    with pytest.raises(NotFound):
        joined.note("nowhere", "said", by=CLERK)

    assert not host.in_transaction
    assert 1 == engine.start("exchange", "a", by=CLERK).n


@pytest.mark.parametrize("rows_as", [sqlite3.Row, lambda cursor, row: {"odd": row}, None])
@pytest.mark.parametrize("text_as", [bytes, lambda raw: "?", str])
def test_factories_of_the_host_change_nothing(engine: Engine, file: Path, rows_as: Any, text_as: Any) -> None:
    """However the host has its rows and texts made, we read ours; afterwards its factories are as they were."""
    with closing(sqlite3.connect(file)) as host:
        host.row_factory, host.text_factory = rows_as, text_as
        joined = engine.using(host)
        joined.start("exchange", "a", title="Ōsaka", by=CLERK)
        joined.record("a", "ready", value=True, by=CLERK)
        assert "Ōsaka" == joined.get("a").title
        assert 2 == len(joined.history("a"))
        assert 1 == joined.count(stage="draft")
        assert ["a"] == [one.id for one in joined.find(text="ōsaka").items]
        assert joined.verify().ok
        assert (rows_as, text_as) == (host.row_factory, host.text_factory)
        host.commit()

    assert "Ōsaka" == engine.get("a").title


def test_everything_goes_through_the_connection(engine: Engine, host: sqlite3.Connection) -> None:
    """Readings, listings, counts, requests, definitions, the outbox and what is held are those of the transaction."""
    new = Process(
        "new", "1", [Stage("one", owner="desk", gate=unguarded("a trial of the office")), Stage("two", owner="desk")]
    )
    joined = Engine(engine._store, processes=[new]).using(host)
    joined.start("new", "a", by=CLERK, request_id="r-1")
    joined.hold_deliveries(why="a trial")
    seen = engine.using(host)

    assert "two" == seen.advance("a", by=CLERK).stage
    assert new.pin == seen.process(seen.get("a")).pin
    assert {"two": 1} == seen.count(by="stage")
    assert ["a"] == [one.id for one in seen.find(stage="two").items]
    assert 1 == seen.resolve("r-1").n
    assert {"*": "a trial"} == seen.held_deliveries()
    assert 1 == len(seen.outbox())
    assert seen.release_deliveries()
    assert 0 == seen.requeue()
    assert seen.verify("a").ok
    assert seen.verify().ok
    host.rollback()
    with pytest.raises(NotFound):
        engine.process(new.pin)


def test_verifying_begins_and_leaves_nothing(engine: Engine, host: sqlite3.Connection) -> None:
    """A long look outside of a transaction sees the file as of one moment, and leaves none under way."""
    engine.start("exchange", "a", by=CLERK)
    joined = engine.using(host)

    assert joined.verify().ok
    assert not host.in_transaction


def test_asking_leaves_no_transaction_under_way(engine: Engine, host: sqlite3.Connection) -> None:
    """What waits for the lock only to answer lets go of it again; what changes something leaves it to the host."""
    engine.start("exchange", "a", by=CLERK, request_id="r-1")
    joined = engine.using(host)
    assert joined.resolve("r-1") == engine.get("a")
    assert not joined.release_deliveries()
    assert 0 == joined.requeue()
    assert not host.in_transaction

    joined.hold_deliveries(why="a trial")
    assert host.in_transaction
    assert {} == engine.held_deliveries()
    host.commit()
    assert {"*": "a trial"} == engine.held_deliveries()


def test_request_that_was_answered_before_leaves_no_transaction(engine: Engine, host: sqlite3.Connection) -> None:
    """A call whose request was answered before writes nothing, so it leaves no transaction that would lock others out."""
    filed = engine.start("exchange", "a", by=CLERK, request_id="r-1")

    assert filed == engine.using(host).start("exchange", "a", by=CLERK, request_id="r-1")
    assert not host.in_transaction


def test_parts_are_read_in_the_transaction(engine: Engine, host: sqlite3.Connection) -> None:
    """A part that was started in the transaction is found in it, and goes with it."""
    joined = engine.using(host)
    joined.start("exchange", "whole", by=CLERK)
    joined.start("exchange", "part", part_of="whole", by=CLERK)

    assert ["part"] == [one.id for one in joined.parts("whole")]
    host.rollback()
    assert 0 == engine.count()


class Autocommit(sqlite3.Connection):
    """A connection as `autocommit=True` makes it from Python 3.12 on: it ends no transaction by itself."""

    autocommit = True

    def commit(self) -> None:
        """Do nothing."""


def test_host_that_commits_by_itself(engine: Engine, file: Path) -> None:
    """A connection whose `commit` does nothing is written to in a transaction that was begun by hand, and only there."""
    engine.start("exchange", "a", by=CLERK)
    with closing(sqlite3.connect(file, isolation_level=None, factory=Autocommit)) as host:
        joined = engine.using(host)
        with pytest.raises(StoreError, match=r"commits each statement by itself.*begin a transaction first"):
            joined.note("a", "would never be committed", by=CLERK)
        assert not host.in_transaction
        assert joined.verify().ok
        host.execute("BEGIN IMMEDIATE")
        assert 2 == joined.note("a", "in a transaction", by=CLERK).n
        host.execute("COMMIT")

    assert 2 == engine.get("a").n


def test_two_joined_engines_take_turns(engine: Engine, file: Path) -> None:
    """While one host writes, another is told that the file is locked; afterwards it can."""
    engine.start("exchange", "a", by=CLERK)
    with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(file, timeout=0.1)) as two:
        engine.using(one).note("a", "one", by=CLERK)
        with pytest.raises(StoreError, match="another process holds the file"):
            engine.using(two).note("a", "two", by=CLERK)
        one.commit()
        assert 3 == engine.using(two).note("a", "two", by=CLERK).n
        two.commit()


def test_host_that_begins_without_the_lock(engine: Engine, file: Path) -> None:
    """Where another has the lock, a host that began without it is told how to begin so that it waits."""
    engine.start("exchange", "a", by=CLERK)
    with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(file, timeout=0.1)) as two:
        engine.using(one).note("a", "one", by=CLERK)
        two.execute("BEGIN")
        with pytest.raises(StoreError, match="roll it back and begin with BEGIN IMMEDIATE, which waits"):
            engine.using(two).note("a", "two", by=CLERK)
        two.rollback()
        one.commit()
        two.execute("BEGIN IMMEDIATE")
        assert 3 == engine.using(two).note("a", "two", by=CLERK).n
        two.commit()


def test_what_the_host_read_too_early_is_no_ground_for_a_move(file: Path, engine: Engine) -> None:
    """Where another has written since the transaction first read, nothing is written, and it says what to do."""
    engine.start("exchange", "a", by=CLERK)
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0.1)) as host:
        host.execute("PRAGMA journal_mode = wal")
        host.execute("BEGIN")
        joined = engine.using(host)
        assert 1 == joined.get("a").n
        engine.note("a", "meanwhile", by=CLERK)
        with pytest.raises(StoreError, match="roll it back and begin with BEGIN IMMEDIATE"):
            joined.note("a", "too late", by=CLERK)
        host.rollback()
        assert 3 == joined.note("a", "in time", by=CLERK).n
        host.rollback()


@pytest.mark.parametrize("twice", [False, True], ids=["by its own engine", "by another on the same connection"])
@pytest.mark.parametrize("changed", ["a", "b"])
def test_guard_that_changes_something_is_refused(file: Path, bell: Bell, changed: str, *, twice: bool) -> None:
    """A change within a change is answered at once, with what a guard may do, and undoes nothing else."""
    asked: list[str] = []

    class Meddler:
        """A check that changes instead of looking."""

        name = "meddler"

        @hookimpl
        def stagegate_check(self, attempt: Any) -> Any:
            """Try to change it."""
            if attempt.move == "advance":
                try:
                    meddling.note(changed, "from within", by=CLERK)
                except StoreError as error:
                    asked.append(str(error))
            return ()

    with Engine.open(f"sqlite:///{file}", processes=[PROCESS], plugins=[Meddler()]) as engine:
        for agreement in "ab":
            engine.start("exchange", agreement, by=CLERK)
        engine.record("a", "ready", value=True, by=CLERK)
        with closing(sqlite3.connect(file)) as host:
            joined = engine.using(host)
            meddling = engine.using(host) if twice else joined
            assert 3 == joined.advance("a", by=CLERK).n
            host.commit()
        assert 1 == engine.get("b").n
        assert engine.verify().ok
    assert 1 == len(asked)
    assert "can look at others meanwhile, but must not change them" in asked[0]


# Where the connection leads


def _untouched(file: Path, act: Callable[[], object], kind: type[Exception], said: str) -> None:
    before = file.read_bytes()
    with pytest.raises(kind, match=said):
        act()
    assert before == file.read_bytes()


def test_connection_to_another_file_is_refused(tmp_path: Path, engine: Engine) -> None:
    """A connection to another file is refused, even if that one is ours as well; neither is written to."""
    other = tmp_path / "other.db"
    SQLiteStore(str(other)).close()
    with closing(sqlite3.connect(other)) as host:
        _untouched(other, lambda: engine.using(host), StoreError, "leads to .*other.db; hand over one")
    with closing(sqlite3.connect(":memory:")) as host, pytest.raises(StoreError, match="a database in memory"):
        engine.using(host)


@pytest.mark.parametrize(
    "damage, said",
    [
        ("PRAGMA user_version = 99", "newer than schema"),
        ("PRAGMA user_version = 1", "older than schema"),
        ("PRAGMA application_id = 7", "belongs to something else"),
    ],
)
def test_file_of_another_form_is_refused(file: Path, engine: Engine, damage: str, said: str) -> None:
    """Where the file is not what the store was opened on any more, nothing is written."""
    with closing(sqlite3.connect(file)) as host:
        host.execute(damage)
        _untouched(file, lambda: engine.using(host), StoreError, said)


def test_file_that_was_emptied_is_refused(file: Path, engine: Engine) -> None:
    """Where there is nothing in the file any more, nothing is put there."""
    file.write_bytes(b"")
    with closing(sqlite3.connect(file)) as host:
        _untouched(file, lambda: engine.using(host), StoreError, "emptied since")


def test_file_that_was_removed_is_refused(file: Path, engine: Engine) -> None:
    """A connection to what has lost its name leads elsewhere."""
    with closing(sqlite3.connect(file)) as host:
        host.execute("SELECT * FROM agreement").fetchall()
        file.unlink()
        with pytest.raises(StoreError, match="leads to"):
            engine.using(host)


class Wrapper:
    """What a framework wraps a connection in."""


Wrapper.__module__ = "django.db.backends"


class AsyncThing:
    """What cannot be used without waiting."""


@pytest.mark.parametrize(
    "handed, said",
    [
        (None, "is needed, not NoneType$"),
        ("sqlite:///agreements.db", "is needed, not str$"),
        (sqlalchemy.create_engine("sqlite://"), "is needed, not Engine$"),
        (Wrapper(), "of Django, hand over django.db.connection.connection"),
        (AsyncThing(), "hand over what its run_sync gives"),
    ],
)
def test_what_is_no_connection_is_refused(engine: Engine, handed: Any, said: str) -> None:
    """Anything else is refused in one sentence that says what would do."""
    with pytest.raises(InvalidValue, match=said):
        engine.using(handed)


def test_connection_that_was_closed_is_refused(file: Path, engine: Engine) -> None:
    """A closed connection cannot be joined, or used any more."""
    host = sqlite3.connect(file)
    joined = engine.using(host)
    host.close()

    with pytest.raises(StoreError, match="closed database"):
        joined.start("exchange", "a", by=CLERK)
    with pytest.raises(StoreError, match="closed database"):
        engine.using(host)


def test_connection_of_another_thread_is_refused(file: Path, engine: Engine) -> None:
    """A connection that its thread does not share is refused elsewhere, and nothing is written."""
    told: list[BaseException] = []
    with closing(sqlite3.connect(file)) as host:
        joined = engine.using(host)

        def elsewhere() -> None:
            try:
                joined.start("exchange", "a", by=CLERK)
            except StoreError as error:
                told.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert not host.in_transaction
    assert "only be used in that same thread" in str(told[0])


def test_engine_that_joined_cannot_be_joined(file: Path, engine: Engine) -> None:
    """From an engine in the transaction of a host, none leads on into another."""
    with closing(sqlite3.connect(file)) as host:
        joined = engine.using(host)
        with pytest.raises(StoreError, match="HostedStore cannot join"):
            joined.using(host)


def test_closing_leaves_the_connection_to_the_host(file: Path, engine: Engine) -> None:
    """Closing what joined closes nothing of the host's, nor the engine it came from."""
    with closing(sqlite3.connect(file)) as host:
        with engine.using(host) as joined:
            joined.start("exchange", "a", by=CLERK)
        joined._store.close()
        host.commit()
        assert [("a",)] == host.execute("SELECT id FROM agreement").fetchall()
    assert 2 == engine.note("a", "on it goes", by=CLERK).n


def test_disk_that_is_full_ends_the_transaction(file: Path, engine: Engine) -> None:
    """Where SQLite itself gives up the transaction, the error is told, and nothing of ours is there."""
    engine.start("exchange", "a", by=CLERK)
    with closing(sqlite3.connect(file, isolation_level=None)) as host:
        (pages,) = host.execute("PRAGMA page_count").fetchone()
        host.execute(f"PRAGMA max_page_count = {pages}")
        joined = engine.using(host)
        with pytest.raises(StoreError, match="database or disk is full"):
            joined.attach("a", Document.from_bytes(b"x", kind="plan", title="t" * 40_000), by=CLERK)
        assert not host.in_transaction
    assert 1 == engine.get("a").n


# SQLAlchemy


@pytest.mark.parametrize("commit", [True, False])
def test_connection_of_sqlalchemy(engine: Engine, alchemy: sqlalchemy.Engine, *, commit: bool) -> None:
    """A connection of SQLAlchemy ends what is done through it as it ends its own."""
    with alchemy.connect() as connection:
        joined = engine.using(connection)
        joined.start("exchange", "a", by=CLERK)
        connection.execute(sqlalchemy.text("INSERT INTO permit VALUES ('a')"))
        joined.note("a", "with the permit", by=CLERK)
        (connection.commit if commit else connection.rollback)()
        (number,) = connection.execute(sqlalchemy.text("SELECT count(*) FROM permit")).one()

    assert (1 if commit else 0) == number == engine.count()


def test_move_alone_is_committed_by_sqlalchemy(engine: Engine, alchemy: sqlalchemy.Engine) -> None:
    """SQLAlchemy knows that there is something to commit, even if nothing else was done through it."""
    with alchemy.connect() as connection:
        engine.using(connection).start("exchange", "a", by=CLERK)
        connection.commit()

    assert 1 == engine.count()


def test_block_of_sqlalchemy(engine: Engine, alchemy: sqlalchemy.Engine) -> None:
    """A block that begins and ends a transaction takes the moves in, and a savepoint of its own undoes them."""
    with alchemy.connect() as connection:
        joined = engine.using(connection)
        with connection.begin():
            joined.start("exchange", "a", by=CLERK)
            nested = connection.begin_nested()
            joined.note("a", "not to stay", by=CLERK)
            nested.rollback()
        with connection.begin():
            joined.note("a", "to stay", by=CLERK)

    assert 2 == engine.get("a").n
    assert engine.verify().ok


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("scoped", [True, False])
def test_session_of_sqlalchemy(engine: Engine, alchemy: sqlalchemy.Engine, *, commit: bool, scoped: bool) -> None:
    """A session takes part as a connection does, transaction after transaction."""
    made = sessionmaker(alchemy)
    session: Any = scoped_session(made) if scoped else made()
    joined = engine.using(session)
    for number in (1, 2):
        session.execute(sqlalchemy.text("INSERT INTO permit VALUES ('a')"))
        joined.start("exchange", f"a-{number}", by=CLERK)
        (session.commit if commit else session.rollback)()
    session.close()

    with alchemy.connect() as connection:
        (number,) = connection.execute(sqlalchemy.text("SELECT count(*) FROM permit")).one()
    assert (2 if commit else 0) == number == engine.count()


def test_session_is_not_begun_by_joining(engine: Engine, alchemy: sqlalchemy.Engine) -> None:
    """A session that has not begun can still be begun by its host."""
    with Session(alchemy) as session:
        joined = engine.using(session)
        with session.begin():
            joined.start("exchange", "a", by=CLERK)

    assert 1 == engine.count()


def test_session_that_leads_elsewhere(engine: Engine, tmp_path: Path) -> None:
    """A session to another file is refused: when it is handed over, or when it is used first."""
    made = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    with Session(made) as session:
        joined = engine.using(session)
        with pytest.raises(StoreError, match="leads to"):
            joined.start("exchange", "a", by=CLERK)
        with pytest.raises(StoreError, match="leads to"):
            engine.using(session)
    made.dispose()


def test_transaction_of_sqlalchemy_that_cannot_be_used(engine: Engine, alchemy: sqlalchemy.Engine) -> None:
    """A connection that was given back says so."""
    connection = alchemy.connect()
    joined = engine.using(connection)
    connection.close()

    with pytest.raises(StoreError, match="the host's transaction cannot be used"):
        joined.start("exchange", "a", by=CLERK)


def test_connection_of_another_driver(engine: Engine, file: Path) -> None:
    """A connection of SQLAlchemy whose driver is another one is refused."""

    class Wrapped:
        """A connection that something has put its own around."""

        def __init__(self) -> None:
            self.inner = sqlite3.connect(file)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    made = sqlalchemy.create_engine("sqlite://", creator=Wrapped)
    with made.connect() as connection, pytest.raises(InvalidValue, match="its driver has a .*Wrapped, where a sqlite3"):
        engine.using(connection)
    made.dispose()


def test_sqlalchemy_is_not_imported(tmp_path: Path) -> None:
    """Whoever has nothing of SQLAlchemy to hand over needs none of it."""
    asked = (
        "import sqlite3, sys, stagegate\n"
        "engine = stagegate.Engine.open('sqlite:///' + sys.argv[1])\n"
        "engine.using(sqlite3.connect(sys.argv[1]))\n"
        "try: engine.using(None)\n"
        "except stagegate.InvalidValue: print('sqlalchemy' in sys.modules)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", asked, str(tmp_path / "a.db")], capture_output=True, text=True, check=True
    )
    assert "False\n" == said.stdout
