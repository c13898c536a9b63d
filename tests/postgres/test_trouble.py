from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from proof.servers import PASSWORD, PostgresServer
from stagegate import (
    Agreement,
    AlreadyExists,
    Attempt,
    Conflict,
    Engine,
    Known,
    NoSuchMove,
    NotFound,
    OutcomeUnknown,
    Process,
    RequestReused,
    Stage,
    StoreError,
    parts,
    requirement,
    track,
)
from stagegate.contrib.postgres import PostgresStore
from stagegate.contrib.postgres._connections import Session
from stagegate.contrib.postgres._unit import Eager, Locked, UnitOfWork

from ..exchange import CLERK, PROCESS
from .conftest import Line

ROOT = Path(__file__).parents[2]

OURS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stagegate'"
END_THEM = OURS.replace("pid", "pg_terminate_backend(pid, 5000)", 1)

Rows = Callable[..., list[Any]]


@contextmanager
def meanwhile(engine: Engine, monkeypatch: pytest.MonkeyPatch, part: str, act: Callable[[], object]) -> Iterator[None]:
    """Have *act* done once, just before the first statement with *part* in it."""
    run, left = Session.run, [act]

    def interrupted(session: Session, sql: str, values: Any) -> Any:
        if part in sql and left:
            left.pop()()
        return run(session, sql, values)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "run", interrupted)
        yield
    assert not left, "it was never done"


def committed(url: str, request: str) -> None:
    """Wait until what was sent on behind a line that was cut is committed; who asks before that has it ended instead."""
    end = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while not connection.execute("SELECT 1 FROM stagegate.request WHERE id = %s", (request,)).fetchone():
            assert time.monotonic() < end
            time.sleep(0.01)


def test_lost_race_is_decided_anew(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is overtaken between reading and writing decides anew on what is there then, and loses nothing."""
    engine.start("exchange", "a", by=CLERK)
    with meanwhile(engine, monkeypatch, "INSERT INTO stagegate.event", lambda: engine.note("a", "first", by=CLERK)):
        engine.note("a", "second", by=CLERK)

    assert ["first", "second"] == [event.data["data"]["text"] for event in engine.history("a")[1:]]
    assert engine.verify().ok


def test_lost_race_on_what_was_seen(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who acts on what it saw, and is overtaken, hears `Conflict`."""
    seen = engine.start("exchange", "a", by=CLERK)
    with (
        meanwhile(engine, monkeypatch, "INSERT INTO stagegate.event", lambda: engine.note("a", "first", by=CLERK)),
        pytest.raises(Conflict),
    ):
        engine.note(seen, "second", by=CLERK)

    assert 2 == engine.get("a").n


def test_lost_race_on_a_request(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two calls under one id, at the same moment, one changes something, and both get its answer."""
    engine.start("exchange", "a", by=CLERK)
    answers: list[Agreement] = []

    def call() -> None:
        answers.append(engine.note("a", "once", by=CLERK, request_id="r"))

    with meanwhile(engine, monkeypatch, "INSERT INTO stagegate.event", call):
        call()

    assert answers[0] == answers[1]
    assert 2 == engine.get("a").n


def test_lost_race_to_start(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who start one agreement at the same moment, one is told that it is there."""

    def start(title: str) -> None:
        engine.start("exchange", "a", title=title, by=CLERK)

    with (
        meanwhile(engine, monkeypatch, "INSERT INTO stagegate.event", lambda: start("first")),
        pytest.raises(AlreadyExists, match="there is already an agreement 'a'"),
    ):
        start("second")

    assert "first" == engine.get("a").title


def test_whole_that_moves_meanwhile(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is started while its whole ends is decided on the whole as it is then."""
    engine.start("exchange", "a", by=CLERK)

    def end() -> None:
        engine.end("a", "withdrawn", "enough", by=CLERK)

    execute, left = psycopg.RawCursor.execute, [end]

    def interrupted(cursor: Any, sql: Any, *given: Any) -> Any:
        if "BEGIN" in sql and left:
            left.pop()()
        return execute(cursor, sql, *given)

    monkeypatch.setattr(psycopg.RawCursor, "execute", interrupted)
    with pytest.raises(NoSuchMove, match="a has ended"):
        engine.start("exchange", "a/1", part_of="a", by=CLERK)

    with pytest.raises(NotFound):
        engine.get("a/1")
    assert engine.verify().ok


def test_session_ended_while_idle(engine: Engine, rows: Rows) -> None:
    """Sessions that the server has ended while nobody used them are thrown away, and nobody hears of it."""
    engine.start("exchange", "a", by=CLERK)
    assert rows(END_THEM)

    assert 2 == engine.note("a", "on", by=CLERK).n
    assert rows(END_THEM)
    assert 2 == engine.get("a").n


def test_session_ended_before_the_commit(engine: Engine, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a session ends before anything was to be written, it is begun anew with another."""
    engine.start("exchange", "a", by=CLERK)
    with meanwhile(engine, monkeypatch, "SELECT a.id, a.n, a.version", lambda: rows(END_THEM)):
        engine.note("a", "once", by=CLERK)

    assert 2 == engine.get("a").n


def test_session_ended_at_the_commit(engine: Engine, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a session ends as it is to write, the outcome is unknown; asked for, it is final; repeated, it is done."""
    engine.start("exchange", "a", by=CLERK)
    with (
        meanwhile(engine, monkeypatch, "INSERT INTO stagegate.event", lambda: rows(END_THEM)),
        pytest.raises(OutcomeUnknown, match="repeat the call with request_id='r'"),
    ):
        engine.note("a", "once", by=CLERK, request_id="r")

    assert engine.resolve("r") is None
    assert 2 == engine.note("a", "once", by=CLERK, request_id="r").n


@pytest.mark.parametrize("kind", [Eager, Locked], ids=["by one statement", "behind a lock"])
def test_answer_that_is_lost(
    postgres: PostgresServer, line: Line, monkeypatch: pytest.MonkeyPatch, kind: type[UnitOfWork]
) -> None:
    """Where the commit is made and its answer lost, the outcome is unknown, and asking brings what was answered."""
    monkeypatch.setattr("stagegate.contrib.postgres._store.Eager", kind)
    commit = "INSERT INTO stagegate.event" if kind is Eager else "COMMIT"
    with (
        postgres.database() as name,
        Engine.open(postgres.url(name, port=line.port), processes=[PROCESS]) as engine,
    ):
        engine.start("exchange", "a", by=CLERK)
        # What is sent once was prepared before; then all of it is sent in one go.
        engine.note("a", "first", by=CLERK, request_id="first")
        with (
            meanwhile(engine, monkeypatch, commit, lambda: line.cut_next()),
            pytest.raises(OutcomeUnknown, match="the connection was lost while committing") as caught,
        ):
            engine.note("a", "noted once", by=CLERK, request_id="r")

        assert "r" == caught.value.request_id
        committed(postgres.url(name), "r")
        assert 3 == engine.resolve("r").n
        assert 3 == engine.note("a", "noted once", by=CLERK, request_id="r").n
        assert engine.verify().ok


def test_session_that_was_lost_while_it_waits(
    postgres: PostgresServer, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session whose line was cut while it waits for a lock is ended before it is said that nothing happened, so nothing does."""
    with (
        postgres.database() as name,
        Engine.open(postgres.url(name, port=line.port), processes=[PROCESS]) as engine,
        psycopg.connect(postgres.url(name)) as host,
    ):
        engine.start("exchange", "a", by=CLERK)
        engine.note("a", "first", by=CLERK, request_id="first")
        host.execute("SELECT 1 FROM stagegate.agreement WHERE id = 'a' FOR UPDATE")
        # Nobody is waited for here: it is to end because it was told to.
        monkeypatch.setattr(PostgresStore, "_waited", lambda store, request: False)
        with (
            meanwhile(engine, monkeypatch, "INSERT INTO stagegate.event", line.cut_next),
            pytest.raises(OutcomeUnknown),
        ):
            engine.note("a", "never", by=CLERK, request_id="r")

        assert engine.resolve("r") is None
        host.rollback()
        assert engine.resolve("r") is None
        assert 3 == engine.note("a", "second", by=CLERK).n
        assert engine.resolve("r") is None


@pytest.mark.parametrize("ago, left", [(60, 1), (0, 0)], ids=["begun since", "lost just now"])
def test_session_with_the_number_of_a_lost_one(database: str, rows: Rows, ago: int, left: int) -> None:
    """Of the sessions with the number of one that was lost, only that is ended: not one that has begun since."""
    with closing(PostgresStore(database)) as other, closing(PostgresStore(database)) as store:
        with other._connections.use("looking") as session:
            pid = session.pid
        store._connections._lost.append((pid, time.monotonic() - ago))

        assert store.known("r") is None
        assert [(left,)] == rows("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid)


def test_answer_to_a_batch_that_is_lost(postgres: PostgresServer, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is with a batch: it is there as a whole, and every request in it can be asked for."""
    with (
        postgres.database() as name,
        Engine.open(postgres.url(name, port=line.port), processes=[PROCESS]) as engine,
    ):

        def changes() -> None:
            with engine.batch() as batch:
                batch.start("exchange", "a", by=CLERK, request_id="r")
                batch.count()
                line.cut_next()

        with pytest.raises(OutcomeUnknown):
            changes()

        committed(postgres.url(name), "r")
        assert 1 == engine.resolve("r").n


def test_batch_that_failed_within(engine: Engine, database: str) -> None:
    """Where the server refused something within a batch, nothing of it is written, even if that was passed over."""
    engine.start("exchange", "a", by=CLERK)

    def changes() -> None:
        with engine.batch() as batch:
            batch.start("exchange", "b", by=CLERK)
            batch.count()
            with pytest.raises(StoreError, match=r"'a' within the batch failed \(.*lock timeout"):
                batch.note("a", "mine", by=CLERK)

    with psycopg.connect(database) as other:
        engine.using(other).note("a", "theirs", by=CLERK)
        with pytest.raises(StoreError, match="a change of the batch had failed"):
            changes()

    assert 1 == engine.count()
    assert 2 == engine.get("a").n


def test_batch_that_is_overtaken(engine: Engine) -> None:
    """Of a batch and another that start one agreement, the batch writes nothing, and says which."""

    def changes() -> None:
        with engine.batch() as batch:
            for agreement in ("b", "c (1)", "a"):
                batch.start("exchange", agreement, by=CLERK)
            engine.start("exchange", "c (1)", by=CLERK)

    with pytest.raises(Conflict) as caught:
        changes()

    assert "c (1)" == caught.value.agreement
    assert 1 == engine.count()


def test_batch_and_another_with_one_request(engine: Engine) -> None:
    """Of a batch and another that use one request id, the batch writes nothing, and can be made again."""
    engine.start("exchange", "a", by=CLERK)

    def changes() -> None:
        with engine.batch() as batch:
            batch.start("exchange", "b", by=CLERK, request_id="r")
            engine.note("a", "said", by=CLERK, request_id="r")

    with pytest.raises(StoreError, match="another has written the same meanwhile; nothing was changed, try again"):
        changes()

    assert 1 == engine.count()
    with pytest.raises(RequestReused):
        changes()


@pytest.mark.parametrize("started", ["by others", "by itself", "by nobody"])
def test_batch_that_rests_on_what_is_not_there(database: str, started: str) -> None:
    """What was not there when a rule of the batch asked for it is not there at its commit, unless the batch started it."""

    @requirement(code="alone", fix_by="desk", basis="Rule 1")
    def nowhere(attempt: Attempt) -> bool:
        return not attempt.tracks

    gate = nowhere | track("other", reached="done")
    process = Process(id="p", version="1", stages=(Stage("open", owner="desk", gate=gate), Stage("done", owner="desk")))
    with Engine.open(database, processes=[process]) as engine:

        def changes() -> None:
            with engine.batch() as batch:
                batch.start("p", "a", by=CLERK)
                batch.record("a", "other", "b", by=CLERK)
                batch.advance("a", by=CLERK)
                if started != "by nobody":
                    (engine if started == "by others" else batch).start("p", "b", by=CLERK)

        if started == "by others":
            with pytest.raises(Conflict) as caught:
                changes()
            assert ("b", 1) == (caught.value.agreement, engine.count())
        else:
            changes()
            assert "done" == engine.get("a").stage
        assert engine.verify().ok


@requirement(code="ready", fix_by="desk", basis="Rule 1")
def alone(attempt: Attempt) -> bool:
    """Ask the whole for its parts, and let somebody try to start another one."""
    if attempt.agreement.id == "a":
        assert ["a/1"] == [part.id for part in attempt.parts]
        MEANWHILE.pop()()
    return True


MEANWHILE: list[Callable[[], object]] = []


def test_batch_keeps_out_parts_of_what_it_moves(database: str) -> None:
    """What a batch has only rested on before is locked as a whole once it moves: nobody gives it a part meanwhile."""
    gate = parts(all="done") & alone
    whole = Process(
        id="whole", version="1", stages=(Stage("open", owner="desk", gate=gate), Stage("closed", owner="desk"))
    )
    part = Process(
        id="part", version="1", stages=(Stage("open", owner="desk", gate=alone), Stage("done", owner="desk"))
    )

    def start() -> None:
        with pytest.raises(StoreError, match="lock timeout"):
            engine.start("part", "a/2", part_of="a", by=CLERK)

    MEANWHILE.append(start)
    with Engine.open(f"{database}&lock_timeout=0.3", processes=[whole, part]) as engine:
        engine.start("whole", "a", by=CLERK)
        engine.start("part", "b", by=CLERK)
        with engine.batch() as batch:
            batch.start("part", "a/1", part_of="a", by=CLERK)
            batch.advance("a/1", by=CLERK)
            batch.advance("a", by=CLERK)

        assert not MEANWHILE
        assert "closed" == engine.get("a").stage
        assert ["a/1"] == [one.id for one in engine.parts("a")]
        assert engine.verify().ok


def test_resolve_waits_for_who_is_writing(engine: Engine, database: str) -> None:
    """What is asked of a request while somebody is writing it is answered when that has ended: by what came of it."""
    engine.start("exchange", "a", by=CLERK)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database) as connection:
        for ends, expected in ((connection.rollback, None), (connection.commit, 2)):
            engine.using(connection).note("a", "once", by=CLERK, request_id="r")
            asked = pool.submit(_known, database, "r")
            with pytest.raises(TimeoutError):
                asked.result(0.2)
            ends()
            found = asked.result(60)
            assert expected == (found and found.n)


@pytest.mark.parametrize("whole", [None, "a"], ids=["by one statement", "behind locks"])
def test_resolve_waits_for_what_a_dead_process_has_sent(engine: Engine, database: str, whole: str | None) -> None:
    """What was sent and waits for a lock can still be written, whoever has sent it: it is not said to have never been."""
    engine.start("exchange", "a", by=CLERK)
    wanted = "a" if whole is None else "a/1"
    act = (
        "engine.note('a', 'sent', by=CLERK, request_id='r')"
        if whole is None
        else "engine.start('exchange', 'a/1', part_of='a', by=CLERK, request_id='r')"
    )
    program = (
        "from stagegate import Engine; from tests.exchange import CLERK, PROCESS\n"
        f"with Engine.open({database!r}, processes=[PROCESS]) as engine: {act}"
    )
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(database) as host, ThreadPoolExecutor(1) as pool:
        host.execute("SELECT 1 FROM stagegate.agreement FOR UPDATE")
        process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONPATH": "src"})
        with psycopg.connect(database, autocommit=True) as looking:
            end = time.monotonic() + 60
            while looking.execute(waiting).fetchall() != [(1,)]:
                assert time.monotonic() < end, "the program never came to wait"
                time.sleep(0.01)
        process.kill()
        process.wait()
        with pytest.raises(StoreError, match="others are still writing, so it cannot be said yet what becomes of"):
            engine.resolve("r")
        asked = pool.submit(_known, database, "r")
        with pytest.raises(TimeoutError):
            asked.result(0.2)
        host.rollback()
        found = asked.result(30)

    assert found is not None
    assert (wanted, engine.get(wanted).n) == (found.agreement, found.n)


def test_resolve_waits_for_nobody_who_came_later(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many go on writing, a request that nobody has is answered once those have ended who wrote at first."""
    monkeypatch.setattr("stagegate.contrib.postgres._store.WRITING", "SELECT gen_random_uuid()::text")

    assert engine.resolve("r") is None


def _known(database: str, request: str) -> Known | None:
    with closing(PostgresStore(database)) as store:
        return store.known(request)


def test_lock_timeout(engine: Engine, database: str) -> None:
    """Who waits too long for what another transaction holds is told so, and how to wait longer; nothing is changed."""
    engine.start("exchange", "a", by=CLERK)
    with psycopg.connect(database) as connection:
        connection.execute("SELECT 1 FROM stagegate.agreement WHERE id = 'a' FOR UPDATE")
        with pytest.raises(StoreError, match=r"lock timeout.*lock_timeout=seconds") as caught:
            engine.note("a", "late", by=CLERK)

    assert not isinstance(caught.value, OutcomeUnknown)
    assert 2 == engine.note("a", "in time", by=CLERK).n


def test_deadlock_is_begun_anew(engine: Engine, database: str, rows: Rows) -> None:
    """Two units that lock each other out in a ring both come to their end: the one that is sacrificed begins anew."""
    rows("ALTER SYSTEM SET deadlock_timeout = '50ms'")
    rows("SELECT pg_reload_conf()")
    with closing(PostgresStore(f"{database}&lock_timeout=20")) as store, Engine(store, processes=[PROCESS]) as patient:
        for id_ in "ab":
            patient.start("exchange", id_, by=CLERK)
        both = threading.Barrier(2)
        turns: list[str] = []

        def ring(mine: str, its: str) -> None:
            def job(unit: Any) -> None:
                turns.append(mine)
                if len(turns) <= 4:
                    # The first turn takes no lock. In the second, each has its own before it wants the other's.
                    both.wait(60)
                    if unit.LOCK:
                        unit.other(its)
                    else:
                        unit.again = True
                        raise Conflict(mine, 1, 1)

            store.work(mine, job)

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(ring, "a", "b"), pool.submit(ring, "b", "a")]:
                done.result(120)
    rows("ALTER SYSTEM RESET deadlock_timeout")
    rows("SELECT pg_reload_conf()")

    assert 5 == len(turns)


def test_nobody_starves(database: str) -> None:
    """Many who change one agreement at the same time all come to their end, and nothing is lost."""
    with Engine.open(database, processes=[PROCESS]) as engine:
        engine.start("exchange", "a", by=CLERK)
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda k: engine.record("a", f"fact{k}", k, by=CLERK), range(48)))

        assert {f"fact{k}" for k in range(48)} == set(engine.get("a").facts)
        assert engine.verify().ok


def test_interruption(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption in the midst leaves nothing open, and the engine goes on."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    engine.start("exchange", "a", by=CLERK)
    with (
        meanwhile(engine, monkeypatch, "INSERT INTO stagegate.event", interrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        engine.note("a", "never", by=CLERK)

    assert 2 == engine.note("a", "on", by=CLERK).n


def test_child_has_connections_of_its_own(engine: Engine) -> None:
    """A child process uses no connection of its parent's, and both go on."""
    engine.start("exchange", "a", by=CLERK)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, str(engine.note("a", "of the child", by=CLERK).n).encode())
            engine.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reading, 10)
    os.close(reading)
    os.close(writing)

    assert b"2" == said
    assert 3 == engine.note("a", "of the parent", by=CLERK).n


def test_child_holds_no_lock_of_its_parent(engine: Engine) -> None:
    """A process that is forked at an instant at which its parent gives back a connection can take one."""
    engine.start("exchange", "a", by=CLERK)
    store = engine._store
    assert isinstance(store, PostgresStore)
    child = multiprocessing.get_context("fork").Process(
        target=lambda: engine.note("a", "by the child", by=CLERK), daemon=True
    )
    with store._connections._lock, store._connections.recent._lock:
        child.start()
    child.join(60)

    assert 0 == child.exitcode
    assert 3 == engine.note("a", "by the parent", by=CLERK).n
    child.close()


def test_closed(engine: Engine) -> None:
    """An engine that was closed says so."""
    engine.close()
    with pytest.raises(StoreError, match="the store was closed"):
        engine.count()


def test_server_that_is_gone(database: str) -> None:
    """Where no server is, that is told in one sentence."""
    with pytest.raises(StoreError, match="connecting failed .*the server cannot be reached"):
        Engine.open("postgresql://127.0.0.1:1/db?connect_timeout=2")


@pytest.mark.parametrize("wrong", ["password", "database"])
def test_server_that_does_not_let_us_in(wrong: str, postgres: PostgresServer) -> None:
    """Where a server refuses the connection, it is not said that there is none: what it says stands there, and where to look."""
    url = postgres.url("nowhere")
    if wrong == "password":
        url = f"postgresql://postgres:wrong@127.0.0.1:{postgres.port}/postgres"
    with pytest.raises(StoreError, match="the server is there, but does not let us in; look at the name, the password"):
        Engine.open(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:{}@127.0.0.1:{}/postgres",
        "postgresql://me:{}@127.0.0.1:1/db",
        "postgresql://me:{}%zz@127.0.0.1:{}/db",
        "postgresql://127.0.0.1:{1}/db?user=me&password={0}",
        "postgresql://me:{}@127.0.0.1:{}/db?pool=many",
        "postgresql://me:{}@127.0.0.1:{}/db?colour=red",
        "postgresql://me:1/{}@127.0.0.1:{}/db",
        "postgresql://me:{}/1@127.0.0.1:{}/db",
        "postgresql://me:1@{}@127.0.0.1:{}/db",
        "postgresql://me:1?{}@127.0.0.1:{}/db",
    ],
)
def test_passwords_are_not_repeated(url: str, postgres: PostgresServer) -> None:
    """No error repeats a password, whatever is wrong with the url, and neither does what Python shows of it."""
    with pytest.raises(StoreError) as caught:
        Engine.open(url.format("hunter2", postgres.port))

    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in str(error) + repr(error)
        error = error.__cause__ or error.__context__


def test_password_that_works_is_not_shown(postgres: PostgresServer) -> None:
    """A store that was opened with a password does not show it."""
    with postgres.database() as name, closing(PostgresStore(postgres.url(name, tcp=True))) as store:
        assert PASSWORD not in repr(store)
        assert f"PostgresStore(postgresql://postgres@127.0.0.1:{postgres.port}/{name})" == repr(store)


@pytest.mark.parametrize("options", ["lock_timeout=0", "lock_timeout=x", "lock_timeout=90000", "pool=-1", "pool=1.5"])
def test_options(options: str, database: str) -> None:
    """An option that is out of bounds is refused, and it is said what it can be."""
    with pytest.raises(StoreError, match="lock_timeout is a number of seconds, above 0 and up to a day"):
        Engine.open(f"{database}&{options}")


def test_no_connection_is_kept(database: str, rows: Rows) -> None:
    """With `pool=0` no connection is kept while nothing is done."""
    with Engine.open(f"{database}&pool=0", processes=[PROCESS]) as engine:
        engine.start("exchange", "a", by=CLERK)
        engine.get("a")

        # A session that was left ends by itself, as soon as the server hears of it.
        for _ in range(200):
            if not (left := rows(OURS)):
                break
            time.sleep(0.05)
        assert [] == left


def test_encoding(postgres: PostgresServer) -> None:
    """A database that cannot hold all of Unicode is refused."""
    with postgres.connect() as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreError, match="its encoding is LATIN1; create a database with ENCODING 'UTF8'"):
        PostgresStore(postgres.url("latin"))
    postgres.drop("latin")


def test_durable_where_the_server_is_not(database: str) -> None:
    """A server that is set to acknowledge before it has written is told to write first."""
    with closing(PostgresStore(database)) as store, store._cursor("looking") as cursor:
        assert [("on",)] == cursor.execute("SHOW synchronous_commit").fetchall()
