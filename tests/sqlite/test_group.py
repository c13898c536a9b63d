from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import linecache
import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from stagegate import Conflict, Engine, GateClosed, NotFound, OutcomeUnknown, StoreError, Unit, hookimpl
from stagegate.contrib.sqlite import SQLiteStore, _group

from ..exchange import CLERK, PROCESS, Bell


class Watched(sqlite3.Connection):
    """A connection that keeps a list of what begins, ends and divides transactions, and does what a test asks first."""

    said: list[str]
    before: Callable[[sqlite3.Connection, str], None] = staticmethod(lambda connection, sql: None)

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Write it down, and do it."""
        word = sql.split(maxsplit=1)[0]
        if word in {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}:
            self.said.append(" ".join(sql.split()[:2]) if word == "ROLLBACK" else word)
        type(self).before(self, sql)
        return super().execute(sql, *parameters)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    """Have every connection from now on watched."""
    connect = sqlite3.connect

    class Mine(Watched):
        """The connections of one test."""

        said: list[str] = []  # noqa: RUF012  one list for all of them

    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **{"factory": Mine, **named}))
    return Mine


@attrs.define(eq=False)
class Call:
    """A call in a thread of its own, and how it went."""

    act: Callable[[], Any]
    thread: threading.Thread = attrs.field(init=False)
    answer: Any = None
    error: BaseException | None = None

    def __attrs_post_init__(self) -> None:
        self.thread = threading.Thread(target=contextvars.copy_context().run, args=(self._run,))
        self.thread.start()

    def _run(self) -> None:
        try:
            self.answer = self.act()
        except BaseException as error:
            self.error = error

    def ended(self) -> Call:
        """Wait for its end."""
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self


class Crowd:
    """Makes a group of a known order: the first is kept in its job until all the others stand behind it."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.group: Any = store._group
        self.order: list[str] = []
        self.answers_before_commit = 0

    def noting(self, agreement: str, then: Callable[[], Any] = lambda: None) -> Callable[[Unit], str]:
        """Return a job that does something, and writes down whose turn it was."""

        def job(unit: Unit) -> str:
            self.order.append(agreement)
            then()
            return agreement

        return job

    def behind(self, number: int) -> None:
        """Wait until so many calls are there, the one that leads among them."""
        tries, end = threading.Event(), time.monotonic() + 60
        while len(self.group._callers) < number:
            assert time.monotonic() < end, f"{number} callers never were there"
            tries.wait(0.001)

    def gathered(self, first: Callable[[], Any], rest: list[Callable[[], Any]], opened: threading.Event) -> list[Call]:
        """Call *first*, whose job waits for *opened*, then the rest one after the other; then open, and wait for all."""
        calls = [Call(first)]
        for number, act in enumerate(rest, start=1):
            self.behind(number)
            calls.append(Call(act))
        self.behind(len(calls))
        opened.set()
        return [call.ended() for call in calls]


class Door:
    """A check that keeps the attempts of one agreement until it is opened, and can do what a test wants."""

    name = "door"

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.kept = "first"
        self.doing: dict[str, Callable[[Any], Any]] = {}

    @hookimpl
    def stagegate_check(self, attempt: Any) -> Any:
        """Wait, and do it."""
        if attempt.agreement.id == self.kept and not self.opened.wait(60):
            raise TimeoutError
        return self.doing.get(attempt.agreement.id, lambda _: ())(attempt) or ()


@pytest.fixture
def door() -> Door:
    """Return the door."""
    return Door()


@pytest.fixture
def engine(file: Path, bell: Bell, door: Door, watched: type[Watched]) -> Iterator[Engine]:
    """Open an engine whose first caller can be kept waiting; there are agreements to do something with."""
    with Engine.open(f"sqlite:///{file}?timeout=60", processes=[PROCESS], plugins=[bell, door]) as engine:
        for agreement in ("first", "a", "b", "c", "d"):
            engine.start("exchange", agreement, by=CLERK)
        yield engine
        assert engine.verify().ok


@pytest.fixture
def crowd(engine: Engine, watched: type[Watched]) -> Crowd:
    """Return what makes groups, with nothing said so far."""
    watched.said.clear()
    return Crowd(engine._store)  # type: ignore[arg-type]


def note(engine: Engine, agreement: str, **named: Any) -> Callable[[], Any]:
    """Return a call that writes something."""
    return lambda: engine.note(agreement, "said", by=CLERK, **named)


# Alone


def test_one_caller_alone_does_what_it_did(engine: Engine, watched: type[Watched]) -> None:
    """Nobody else there: one transaction with the statements of one unit, no savepoint, and nobody is waited for."""
    watched.said.clear()
    engine.note("a", "said", by=CLERK)
    with pytest.raises(NotFound):
        engine.note("nowhere", "said", by=CLERK)

    assert ["BEGIN", "COMMIT", "BEGIN", "ROLLBACK"] == watched.said


def test_what_a_job_returns_is_returned(engine: Engine) -> None:
    """A job that writes nothing is answered all the same, and nothing is committed."""
    assert "answer" == engine._store.work("a", lambda unit: "answer")  # type: ignore[attr-defined]


# Groups


def test_those_who_wait_share_a_commit(engine: Engine, crowd: Crowd, door: Door, watched: type[Watched]) -> None:
    """Five callers, one commit; each of the four who waited has a savepoint of its own, and its own answer."""
    calls = crowd.gathered(note(engine, "first"), [note(engine, one) for one in "abcd"], door.opened)

    assert ["BEGIN", *["SAVEPOINT", "RELEASE"] * 4, "COMMIT"] == watched.said
    assert ["first", "a", "b", "c", "d"] == [call.answer.id for call in calls]
    assert [2] * 5 == [call.answer.n for call in calls]


def test_nobody_is_answered_before_the_commit(
    engine: Engine, crowd: Crowd, door: Door, watched: type[Watched], rows: Any
) -> None:
    """Whoever was answered could be asked by another connection at once; until the commit, nobody was."""
    waiting: list[int] = []
    calls: list[Call] = []

    def before(connection: sqlite3.Connection, sql: str) -> None:
        if sql == "COMMIT" and calls:
            waiting.append(sum(call.thread.is_alive() for call in calls))

    calls += [Call(note(engine, "first"))]
    crowd.behind(1)
    for number, one in enumerate("ab", start=2):
        calls.append(Call(note(engine, one)))
        crowd.behind(number)
    watched.before = staticmethod(before)
    door.opened.set()
    for call in calls:
        call.ended()

    assert [3] == waiting
    assert [(2,)] * 3 == rows("SELECT n FROM agreement WHERE id IN ('first', 'a', 'b')")


def test_order_is_that_of_coming(engine: Engine, crowd: Crowd, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are done in the order in which the callers came, over as many groups as it takes."""
    monkeypatch.setattr(_group, "LARGEST", 3)
    store, names = crowd.store, [f"caller-{number}" for number in range(10)]

    def first() -> str:
        return store.work("first", crowd.noting("first", lambda: door.opened.wait(60)))

    waiting: list[Callable[[], Any]] = [lambda name=name: store.work(name, crowd.noting(name)) for name in names]  # type: ignore[misc]
    crowd.gathered(first, waiting, door.opened)

    assert ["first", *names] == crowd.order


def test_a_group_is_bounded(
    engine: Engine, crowd: Crowd, door: Door, watched: type[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than so many share a commit; the next group is led by the first of those who wait."""
    monkeypatch.setattr(_group, "LARGEST", 2)
    led: list[str] = []
    lead = _group.Group._lead
    monkeypatch.setattr(_group.Group, "_lead", lambda group, me: (led.append(me.agreement), lead(group, me))[1])
    crowd.gathered(note(engine, "first"), [note(engine, one) for one in "abcd"], door.opened)

    pair = ["BEGIN", "SAVEPOINT", "RELEASE", "COMMIT"]
    assert [*pair, *pair, "BEGIN", "COMMIT"] == watched.said
    assert ["first", "b", "d"] == led


def test_whoever_writes_past_the_group_waits_for_a_turn(
    engine: Engine, crowd: Crowd, door: Door, watched: type[Watched]
) -> None:
    """What is no move, and a batch, come when it is their turn among the callers: before those who came after them."""

    def batch() -> Any:
        with engine.batch() as batch:
            return batch.note("d", "said", by=CLERK)

    engine.count()
    watched.said.clear()
    calls = crowd.gathered(
        note(engine, "first"),
        [
            note(engine, "a"),
            lambda: engine.hold_deliveries(why="moved"),
            note(engine, "b"),
            note(engine, "c"),
            batch,
            lambda: engine.resolve("r"),
        ],
        door.opened,
    )

    pair, alone = ["BEGIN", "SAVEPOINT", "RELEASE", "COMMIT"], ["BEGIN", "COMMIT"]
    assert [*pair, *alone, *pair, *alone, *alone] == watched.said
    assert [None] * 7 == [call.error for call in calls]
    assert ["moved"] == list(engine.held_deliveries().values())
    assert 2 == calls[5].answer.n


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
def test_turn_that_fails_is_passed_on(engine: Engine, crowd: Crowd, door: Door, error: type[BaseException]) -> None:
    """A batch that fails, or is interrupted, lets those go on who stand behind it."""

    def batch() -> None:
        with engine.batch() as batch:
            batch.note("d", "said", by=CLERK)
            raise error

    calls = crowd.gathered(note(engine, "first"), [batch, note(engine, "a")], door.opened)

    assert [None, error, None] == [call.error and type(call.error) for call in calls]
    assert [2, 1, 2] == [engine.get(one).n for one in ("first", "d", "a")]


def test_each_sees_what_those_before_it_wrote(engine: Engine, crowd: Crowd, door: Door) -> None:
    """Within a group the second sees the first: numbers go on, a version that has gone by is a conflict, a request is known."""
    seen = engine.get("a")
    calls = crowd.gathered(
        note(engine, "first"),
        [
            lambda: engine.note(seen, "one", by=CLERK, request_id="r-1"),
            lambda: engine.record("a", "ready", value=True, by=CLERK),
            lambda: engine.record(seen, "ready", value=False, by=CLERK),
            lambda: engine.note(seen, "one", by=CLERK, request_id="r-1"),
            lambda: engine.advance("a", by=CLERK),
        ],
        door.opened,
    )

    assert [2, 3] == [call.answer.n for call in calls[1:3]]
    assert isinstance(calls[3].error, Conflict)
    assert 2 == calls[4].answer.n
    assert (4, "council") == (calls[5].answer.n, calls[5].answer.stage)


def test_error_is_its_own_callers(engine: Engine, crowd: Crowd, door: Door) -> None:
    """What fails is undone alone and raised where it was called; a refusal is written, as always."""
    calls = crowd.gathered(
        note(engine, "first"),
        [note(engine, "nowhere"), note(engine, "a"), lambda: engine.advance("b", by=CLERK), note(engine, "c")],
        door.opened,
    )

    assert [None, NotFound, None, GateClosed, None] == [type(c.error) if c.error else None for c in calls]
    assert ["started", "refused"] == [event.kind for event in engine.history("b")]
    assert (2, 2) == (engine.get("a").n, engine.get("c").n)


def test_error_is_raised_as_if_nobody_had_helped(engine: Engine, crowd: Crowd, door: Door) -> None:
    """The traceback of an error begins with the call and ends in its job; it shows nothing of who did the job."""

    def broken(unit: Unit) -> None:
        raise LookupError("mine")

    calls = crowd.gathered(note(engine, "first"), [lambda: crowd.store.work("a", broken)], door.opened)

    error = calls[1].error
    assert error is not None
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert "broken" == names[-1]
    assert not {"_lead", "_others", "_do"} & set(names)
    assert error.__context__ is None


def test_database_error_is_its_own_callers(engine: Engine, crowd: Crowd, door: Door) -> None:
    """What SQLite has against one job is told as a store error of that caller, with its cause."""

    def broken(unit: Any) -> None:
        unit._connection.execute("SELECT * FROM nowhere")

    calls = crowd.gathered(
        note(engine, "first"), [lambda: crowd.store.work("a", broken), note(engine, "b")], door.opened
    )

    error = calls[1].error
    assert isinstance(error, StoreError)
    assert "locking 'a' failed (no such table: nowhere)" in str(error)
    assert isinstance(error.__cause__, sqlite3.OperationalError)
    assert 2 == calls[2].answer.n


def test_half_written_job_is_undone(engine: Engine, crowd: Crowd, door: Door, rows: Any) -> None:
    """A job that swallows the error of a commit leaves nothing of it behind."""

    def swallowing(unit: Any) -> str:
        unit._connection.execute("UPDATE agreement SET searchable = 'half' WHERE id = 'a'")
        return "swallowed"

    calls = crowd.gathered(note(engine, "first"), [lambda: crowd.store.work("a", swallowing)], door.opened)

    assert "swallowed" == calls[1].answer
    assert [] == rows("SELECT id FROM agreement WHERE searchable = 'half'")


def test_jobs_run_in_the_context_of_their_callers(engine: Engine, crowd: Crowd, door: Door) -> None:
    """Whoever does a job, it sees the context variables of its caller."""
    person: contextvars.ContextVar[str] = contextvars.ContextVar("person", default="nobody")
    seen: dict[str, tuple[str, int]] = {}

    def call(name: str) -> Callable[[], Any]:
        def act() -> None:
            person.set(name)
            crowd.store.work(name, lambda unit: seen.update({name: (person.get(), threading.get_ident())}))

        return act

    calls = crowd.gathered(note(engine, "first"), [call("ann"), call("bob")], door.opened)

    assert {"ann": "ann", "bob": "bob"} == {name: who for name, (who, _) in seen.items()}
    assert {calls[0].thread.ident} == {thread for _, thread in seen.values()}
    assert "nobody" == person.get()


def test_each_notification_of_a_group_is_delivered(engine: Engine, crowd: Crowd, door: Door, bell: Bell) -> None:
    """What the moves of a group cause is in the outbox, once each."""
    engine.deliver()
    bell.rung.clear()
    crowd.gathered(note(engine, "first"), [note(engine, one) for one in "abcd"], door.opened)
    engine.deliver()

    assert [("a", 2), ("b", 2), ("c", 2), ("d", 2), ("first", 2)] == sorted(bell.rung)


def test_a_leader_that_fails_passes_on_the_lead(engine: Engine, crowd: Crowd, door: Door) -> None:
    """Those who wait behind a call that fails, or that only repeats what was done, are served by the next."""

    def failing(attempt: Any) -> None:
        raise KeyError("a guard that fails refuses; this is no guard")

    def job(unit: Unit) -> None:
        door.opened.wait(60)
        raise LookupError

    calls = crowd.gathered(lambda: crowd.store.work("x", job), [note(engine, "a"), note(engine, "b")], door.opened)

    assert isinstance(calls[0].error, LookupError)
    assert [2, 2] == [call.answer.n for call in calls[1:]]


# A change within a change


@pytest.mark.parametrize("led", [True, False])
def test_change_within_a_change_is_answered(engine: Engine, crowd: Crowd, door: Door, *, led: bool) -> None:
    """A check that asks its own engine for a change is told at once that it may not, whoever does its job."""
    told: list[str] = []

    def meddling(attempt: Any) -> None:
        try:
            engine.note("d", "from within", by=CLERK)
        except StoreError as error:
            told.append(str(error))

    door.doing["a"] = meddling
    if led:
        crowd.gathered(note(engine, "first"), [note(engine, "a")], door.opened)
    else:
        note(engine, "a")()

    assert 1 == len(told)
    assert "must not change them" in told[0]
    assert (2, 1) == (engine.get("a").n, engine.get("d").n)


def test_looking_within_a_change_sees_what_was_done(engine: Engine, crowd: Crowd, door: Door) -> None:
    """A check that asks its own engine sees what those before it in the group have written; it cannot change what is held."""
    seen: list[Any] = []

    def looking(attempt: Any) -> None:
        seen.extend([engine.get("a").n, engine.verify("a").ok, len(engine.history("a"))])
        with pytest.raises(StoreError, match="must not change them"):
            engine.hold_deliveries(why="from within")

    door.doing["b"] = looking
    crowd.gathered(note(engine, "first"), [note(engine, "a"), note(engine, "b")], door.opened)

    assert [2, True, 2] == seen
    assert 2 == engine.get("b").n
    assert {} == engine.held_deliveries()


def test_change_in_a_thread_within_a_change_ends(file: Path, door: Door) -> None:
    """A check that waits for another thread to change something gets an answer after the timeout, and all goes on."""
    door.kept = ""
    with Engine.open(f"sqlite:///{file}?timeout=0.1", processes=[PROCESS], plugins=[door]) as engine:
        engine.start("exchange", "a", by=CLERK)
        errors: list[Any] = []

        def meddling(attempt: Any) -> None:
            errors.append(Call(note(engine, "a")).ended().error)

        door.doing["a"] = meddling
        assert 2 == engine.note("a", "said", by=CLERK).n
    assert isinstance(errors[0], StoreError)
    assert "others have been writing for 0.1 seconds" in str(errors[0])


# What goes wrong for all


def test_commit_that_fails_fails_for_each(
    engine: Engine, crowd: Crowd, door: Door, watched: type[Watched], rows: Any
) -> None:
    """A commit that SQLite refuses: everybody gets an error of its own, nothing is written, and the next caller can."""

    def before(connection: sqlite3.Connection, sql: str) -> None:
        if sql == "COMMIT":
            watched.before = staticmethod(lambda connection, sql: None)
            raise sqlite3.OperationalError("database is locked")

    watched.before = staticmethod(before)
    calls = crowd.gathered(note(engine, "first"), [note(engine, "a"), note(engine, "nowhere")], door.opened)

    errors = [call.error for call in calls]
    assert [StoreError] * 3 == [type(error) for error in errors]
    assert 3 == len({id(error) for error in errors})
    assert all("committing failed (database is locked)" in str(error) for error in errors[1:])
    assert [(1,)] * 5 == rows("SELECT n FROM agreement")
    assert 2 == engine.note("a", "again", by=CLERK).n


def test_unknown_outcome_is_told_to_each(engine: Engine, crowd: Crowd, door: Door, watched: type[Watched]) -> None:
    """Where it cannot be said whether a commit was done, each caller has its own error, with its own request."""

    def before(connection: sqlite3.Connection, sql: str) -> None:
        if sql == "COMMIT":
            watched.before = staticmethod(lambda connection, sql: None)
            sqlite3.Connection.execute(connection, "COMMIT")
            raise sqlite3.OperationalError("disk I/O error")

    watched.before = staticmethod(before)
    calls = crowd.gathered(
        note(engine, "first", request_id="r-1"),
        [note(engine, "a", request_id="r-2"), note(engine, "nowhere", request_id="r-3")],
        door.opened,
    )

    one, two, three = (call.error for call in calls)
    assert isinstance(one, OutcomeUnknown)
    assert isinstance(two, OutcomeUnknown)
    assert one is not two
    assert ("r-1", "r-2") == (one.request_id, two.request_id)
    assert type(three) is StoreError
    assert "it had nothing to write, and can be asked again" in str(three)
    resolved = engine.resolve("r-2")
    assert resolved is not None
    assert 2 == resolved.n


def test_transaction_that_sqlite_gives_up(engine: Engine, crowd: Crowd, door: Door) -> None:
    """Where one job costs the whole transaction, the leader is told, the others are done anew, and that job alone."""

    def fatal(unit: Any) -> None:
        unit._connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    calls = crowd.gathered(
        note(engine, "first"),
        [note(engine, "a"), lambda: crowd.store.work("b", fatal), note(engine, "c")],
        door.opened,
    )

    assert isinstance(calls[0].error, StoreError)
    assert "SQLite gave up the transaction while it wrote for others (database or disk is full)" in str(calls[0].error)
    assert (2, 2) == (calls[1].answer.n, calls[3].answer.n)
    assert isinstance(calls[2].error, StoreError)
    assert "make room and try again" in str(calls[2].error)
    assert 1 == engine.get("first").n


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_leader_that_is_interrupted(
    engine: Engine, crowd: Crowd, door: Door, kind: type[BaseException], watched: type[Watched]
) -> None:
    """A signal in the midst of another's job takes back the leader's own, and strands, loses and halves nobody's."""

    def stop(number: int, frame: Any) -> None:
        raise kind

    def interrupt(attempt: Any) -> None:
        # Where it is done anew, the handler is still there: it has to be a signal of the first time.
        door.doing.clear()
        signal.raise_signal(signal.SIGINT)

    door.doing["b"] = interrupt
    calls: list[Call] = []

    def others() -> None:
        for number, one in enumerate("abc", start=1):
            crowd.behind(number)
            calls.append(Call(note(engine, one)))
        crowd.behind(4)
        door.opened.set()

    before = signal.signal(signal.SIGINT, stop)
    gathering = Call(others)
    try:
        with pytest.raises(kind):
            note(engine, "first")()
    finally:
        signal.signal(signal.SIGINT, before)
    gathering.ended()

    assert [2, 2, 2] == [call.ended().answer.n for call in calls]
    assert 1 == engine.get("first").n
    # The second leader does what came before; the one that was interrupted does its own.
    assert 2 == watched.said.count("COMMIT")


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit, BaseException])
def test_job_that_wants_to_stop_stops_its_own_caller(
    engine: Engine, crowd: Crowd, door: Door, kind: type[BaseException]
) -> None:
    """Whatever a rule raises reaches the caller whose rule it was, and nobody else; of its attempt nothing is left."""

    def stopping(attempt: Any) -> None:
        raise kind

    door.doing["b"] = stopping
    calls = crowd.gathered(
        note(engine, "first"), [note(engine, "a"), note(engine, "b"), note(engine, "c")], door.opened
    )

    assert [None, None, kind, None] == [call.error and type(call.error) for call in calls]
    assert [2, 2, 2] == [call.answer.n for call in calls if call.answer]
    assert 1 == engine.get("b").n


def test_stop_that_was_meant_for_whoever_led(engine: Engine, crowd: Crowd, door: Door, watched: type[Watched]) -> None:
    """A stop that comes only where another does the job hits nobody: its own caller does it, and all are answered."""

    def stopping(attempt: Any) -> None:
        if threading.get_ident() == calls[0].thread.ident:
            raise SystemExit

    door.doing["b"] = stopping
    calls = [Call(note(engine, "first"))]
    for number, one in enumerate("abc", start=1):
        crowd.behind(number)
        calls.append(Call(note(engine, one)))
    crowd.behind(4)
    door.opened.set()

    assert [2, 2, 2, 2] == [call.ended().answer.n for call in calls]
    assert 2 == watched.said.count("COMMIT")


def test_interrupt_between_commit_and_answer(engine: Engine, crowd: Crowd, door: Door, monkeypatch: Any) -> None:
    """An interrupt after the commit leaves nobody waiting: the outcome is unknown to each, and can be asked for."""

    def answer(group: Any) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(_group.Group, "_answer", answer)
    calls = crowd.gathered(note(engine, "first"), [note(engine, "a", request_id="r-1")], door.opened)

    assert type(calls[0].error) is KeyboardInterrupt
    assert isinstance(calls[1].error, OutcomeUnknown)
    assert "r-1" == calls[1].error.request_id
    resolved = engine.resolve("r-1")
    assert resolved is not None
    assert 2 == resolved.n


@pytest.mark.parametrize("after", range(1, 130))
def test_interrupt_anywhere_strands_nobody(engine: Engine, crowd: Crowd, door: Door, after: int) -> None:
    """Wherever in the group's own code an interrupt comes, whoever waits is answered, and the next caller served."""
    left, where = [after], []

    def tracer(frame: Any, event: str, arg: Any) -> Any:
        mine = frame.f_code.co_filename == _group.__file__ and not frame.f_code.co_name.startswith("<")
        # Python looks for signals after calls and where functions begin, and never on the way out of a `with`.
        line = linecache.getline(_group.__file__, frame.f_lineno).strip()
        if mine and event == "line" and not line.startswith("with"):
            left[0] -= 1
            if left[0] == 0:
                where.append(line)
                raise KeyboardInterrupt
        return tracer

    calls: list[Call] = []

    def others() -> None:
        for number, one in enumerate("ab", start=1):
            while not over.is_set() and len(crowd.group._callers) < number:
                over.wait(0.001)
            calls.append(Call(note(engine, one, request_id=one)))
        while not over.is_set() and len(crowd.group._callers) < 3:
            over.wait(0.001)
        door.opened.set()

    over, stopped, tracing = threading.Event(), False, sys.gettrace()
    gathering = Call(others)
    # It is here that signals come.
    try:
        sys.settrace(tracer)
        engine.note("first", "said", by=CLERK)
    except KeyboardInterrupt:
        stopped = True
    finally:
        sys.settrace(tracing)
        over.set()

    assert gathering.ended().error is None
    for call in calls:
        call.ended()
    for one, call in zip("ab", calls, strict=True):
        # What is said to be unknown has happened or not; all else has happened, and once.
        assert call.error is None or isinstance(call.error, OutcomeUnknown), where
        happened = engine.resolve(one)
        assert call.error is not None or happened is not None, where
        assert (1 if happened is None else 2) == engine.get(one).n, where
    assert stopped or left[0] > 0
    assert 2 == engine.note("c", "next", by=CLERK).n
    assert not crowd.group._callers


def test_interrupt_while_the_lead_is_handed_over(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt after the next leader is named, and before it is woken, does not leave it asleep until its timeout."""
    ours = _group.Member("ours", crowd.noting("ours"))
    next_ = _group.Member("next", crowd.noting("next"), thread=0)
    become = _group.Member.become

    def interrupted(member: _group.Member, state: str) -> None:
        if state == _group.LEADS:
            monkeypatch.undo()
            # It has looked when it was put back, and waits again.
            assert member.latch.acquire(blocking=False)
            raise KeyboardInterrupt
        become(member, state)

    crowd.group._come(ours)
    crowd.group._come(next_)
    monkeypatch.setattr(_group.Member, "become", interrupted)
    with pytest.raises(KeyboardInterrupt):
        crowd.group._leave(ours)
    crowd.group._leave(ours)

    assert (_group.LEADS, True) == (next_.state, next_.latch.acquire(blocking=False))
    crowd.group._leave(next_)


def test_caller_that_is_interrupted_while_it_waits(engine: Engine, crowd: Crowd, door: Door) -> None:
    """A caller that gives up before its turn never moves anything, and holds up nobody."""
    first = Call(note(engine, "first"))
    crowd.behind(1)
    second = Call(note(engine, "a"))
    crowd.behind(2)
    third = Call(note(engine, "b"))
    crowd.behind(3)
    assert second.thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(second.thread.ident), ctypes.py_object(KeyboardInterrupt))
    # It is seen when the thread runs Python again.
    crowd.group._callers[1].latch.release()
    second.ended()
    door.opened.set()

    assert type(second.error) is KeyboardInterrupt
    assert (2, 2) == (first.ended().answer.n, third.ended().answer.n)
    assert 1 == engine.get("a").n


def test_waiting_ends_after_the_timeout(file: Path, door: Door) -> None:
    """Whoever has waited for as long as the url allows is told so, and what it wanted never happens."""
    with Engine.open(f"sqlite:///{file}?timeout=0.05", processes=[PROCESS], plugins=[door]) as engine:
        for agreement in ("first", "a"):
            engine.start("exchange", agreement, by=CLERK)
        first = Call(note(engine, "first"))
        Crowd(engine._store).behind(1)  # type: ignore[arg-type]
        error = Call(note(engine, "a")).ended().error
        turn = Call(lambda: engine.hold_deliveries(why="moved")).ended().error
        door.opened.set()
        assert 2 == first.ended().answer.n
        assert 1 == engine.get("a").n
        assert {} == engine.held_deliveries()
    assert isinstance(error, StoreError)
    assert isinstance(turn, StoreError)
    assert "so holding deliveries was not begun; try again, or allow more with ?timeout=seconds" in str(turn)
    assert "'a' was left as it is; try again, or allow more with ?timeout=seconds" in str(error)


def test_caller_that_tires_when_it_is_answered(crowd: Crowd) -> None:
    """A caller whose time has run out at the instant at which it is answered is answered."""
    me = _group.Member("a", lambda unit: None, state=_group.DONE)

    crowd.group._tire(me)


def test_file_that_others_hold(file: Path, door: Door, engine: Engine) -> None:
    """Where another process holds the file, each caller is told so in time, and nobody is left behind."""
    with Engine.open(f"sqlite:///{file}?timeout=0.05", processes=[PROCESS]) as other:
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            calls = [Call(note(other, one)) for one in "abcd"]
            assert [StoreError] * 4 == [type(call.ended().error) for call in calls]
        assert 2 == other.note("a", "said", by=CLERK).n


def test_store_that_is_closed_while_others_wait(file: Path, door: Door) -> None:
    """Whoever is in hand when the store is closed is committed and answered; who comes later is told that it is closed."""
    engine = Engine.open(f"sqlite:///{file}?timeout=60", processes=[PROCESS], plugins=[door])
    for agreement in ("first", "a"):
        engine.start("exchange", agreement, by=CLERK)
    crowd = Crowd(engine._store)  # type: ignore[arg-type]

    def failing(unit: Unit) -> None:
        door.opened.wait(60)
        raise LookupError

    calls = [Call(lambda: crowd.store.work("x", failing))]
    crowd.behind(1)
    calls += [Call(note(engine, "first")), Call(note(engine, "a"))]
    crowd.behind(3)
    engine.close()
    door.opened.set()

    assert [LookupError, StoreError, StoreError] == [type(call.ended().error) for call in calls]
    assert all("the store was closed" in str(call.error) for call in calls[1:])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_child_knows_nobody_of_its_parent(engine: Engine, crowd: Crowd, door: Door) -> None:
    """A process that is forked at an instant at which others lead, wait and look begins with nobody, and can write."""
    fork = multiprocessing.get_context("fork")
    mine, theirs = fork.Pipe()
    process = fork.Process(target=lambda: theirs.send(engine.note("b", "by the child", by=CLERK).n))
    ours = _group.Member("a", lambda unit: None, state=_group.LEADS)
    with crowd.group._lock:
        crowd.group._callers.append(ours)
        crowd.group._leader = ours
        process.start()
    crowd.group._leave(ours)

    assert mine.poll(60)
    assert 2 == mine.recv()
    process.join(60)
    assert 0 == process.exitcode
    assert 3 == engine.note("b", "by the parent", by=CLERK).n
    for end in (mine, theirs):
        end.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_child_of_a_parent_at_work(engine: Engine, crowd: Crowd) -> None:
    """Where a parent holds the file at the instant of the fork, SQLite is of no use to the child: it is told so."""
    fork = multiprocessing.get_context("fork")
    mine, theirs = fork.Pipe()

    def child() -> None:
        with pytest.raises(StoreError, match="forked while its parent was at work in the file") as caught:
            engine.note("b", "by the child", by=CLERK)
        theirs.send(str(caught.value))

    process = fork.Process(target=child)
    with crowd.store.unit("a"):
        process.start()
    process.join(60)

    assert mine.poll()
    assert 0 == process.exitcode
    assert 2 == engine.note("b", "by the parent", by=CLERK).n
    for end in (mine, theirs):
        end.close()


# Many at once


def test_many_at_once_lose_nothing(file: Path) -> None:
    """Thirty-two threads that meet at a barrier, again and again: every number once, every answer true."""
    rounds, threads = 12, 32
    with Engine.open(f"sqlite:///{file}?timeout=60", processes=[PROCESS]) as engine:
        for agreement in range(4):
            engine.start("exchange", f"a-{agreement}", by=CLERK)
        barrier = threading.Barrier(threads)
        answers: list[tuple[str, int]] = []

        def run(place: int) -> None:
            for number in range(rounds):
                barrier.wait(60)
                done = engine.note(f"a-{place % 4}", f"{place} {number}", by=CLERK)
                answers.append((done.id, done.n))

        for call in [Call(lambda place=place: run(place)) for place in range(threads)]:  # type: ignore[misc]
            assert call.ended().error is None
        assert engine.verify().ok
        said = {(event.agreement, event.n) for one in range(4) for event in engine.history(f"a-{one}", after=1)}
    assert rounds * threads == len(answers)
    assert said == set(answers)
