"""Whoever wakes the engine is told after the commit, of what it has changed, and can do no harm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    Conflict,
    Engine,
    Event,
    GateClosed,
    InvalidValue,
    MemoryStore,
    Notification,
    Outcome,
    PluginError,
    Process,
    Stage,
    StoreError,
    Waker,
    calendar_days,
    fact,
    hookimpl,
    unguarded,
)
from stagegate.testing import ManualClock

PROCESS = Process(
    id="p",
    version="1",
    stages=(
        Stage("draft", owner="boss", gate=unguarded("a test")),
        Stage("council", owner="boss", back_to=("draft",), gate=fact("seen", equals=True), within=calendar_days(10)),
        Stage("done", owner="boss"),
    ),
    outcomes=(Outcome("dropped", by="boss"),),
)


class Recorder:
    """Writes down what it is told, or fails; and looks whether that was committed by then."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.dues: list[datetime] = []
        self.fails: Exception | None = None
        self.closed = 0
        self.look: Callable[[], object] = lambda: None

    def _tell(self, *what: str) -> None:
        self.look()
        self.told.append(what)
        if self.fails is not None:
            raise self.fails

    def schedule(self, agreement: str, due: datetime) -> None:
        """Take it down."""
        self.dues.append(due)
        self._tell("schedule", agreement)

    def cancel(self, agreement: str) -> None:
        """Take it down."""
        self._tell("cancel", agreement)

    def deliver(self, notification: str) -> None:
        """Take it down."""
        self._tell("deliver", notification)

    def close(self) -> None:
        """Count."""
        self.closed += 1


class Channel:
    """Tells somebody of every event, or of none; or cannot decide."""

    name = "channel"

    def __init__(self) -> None:
        self.fails = False
        self.silent = True

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Decide."""
        if self.fails:
            raise RuntimeError
        return () if self.silent else [Notification(channel="channel", kind=event.kind)]


@pytest.fixture
def waker() -> Recorder:
    """Return one that writes down."""
    return Recorder()


@pytest.fixture
def channel() -> Channel:
    """Return one that tells nobody anything."""
    return Channel()


class Wakes:
    """A plugin that hands over what it was made with."""

    name = "wakes"

    def __init__(self, waker: Any) -> None:
        self.waker = waker
        self.urls: list[str] = []

    @hookimpl
    def stagegate_open_waker(self, url: str) -> Any:
        """Hand it over."""
        self.urls.append(url)
        return self.waker


@pytest.fixture
def engine(tmp_path: Path, waker: Recorder, channel: Channel, clock: ManualClock) -> Iterable[Engine]:
    """Open an engine on a file, with one that wakes it."""
    url = f"sqlite:///{tmp_path}/a.db"
    given: dict[str, Any] = {"processes": [PROCESS], "plugins": [channel, Wakes(waker)], "clock": clock}
    with Engine.open(url, wake="bell:", **given) as engine:
        yield engine


def test_it_is_a_waker(waker: Recorder) -> None:
    """Whatever has the four methods is one."""
    assert isinstance(waker, Waker)
    assert not isinstance(object(), Waker)


def test_date_is_scheduled(engine: Engine, waker: Recorder, boss: Actor) -> None:
    """A move after which something is due schedules that; one after which nothing is due says nothing."""
    engine.start("p", "x", by=boss)
    assert waker.told == []
    council = engine.advance("x", by=boss)

    assert [("schedule", "x")] == waker.told
    assert [council.wakes_at] == waker.dues


def test_same_date_is_not_scheduled_again(engine: Engine, waker: Recorder, boss: Actor) -> None:
    """What leaves the date as it is says nothing."""
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss)
    engine.note("x", "nothing new", by=boss)

    assert 1 == len(waker.told)


@pytest.mark.parametrize(
    "leave",
    [
        lambda engine, boss: engine.send_back("x", "draft", "again", by=boss),
        lambda engine, boss: engine.advance(engine.record("x", "seen", value=True, by=boss), by=boss),
        lambda engine, boss: engine.end("x", "dropped", by=boss),
    ],
    ids=["back", "on", "ended"],
)
def test_date_that_is_gone_is_cancelled(
    engine: Engine, waker: Recorder, boss: Actor, leave: Callable[[Engine, Actor], Agreement]
) -> None:
    """When nothing is due any more, that is said, once."""
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss)
    left = leave(engine, boss)
    if left.running:
        engine.note(left, "and so on", by=boss)

    assert [("schedule", "x"), ("cancel", "x")] == waker.told


def test_sweep_says_what_is_due_next(engine: Engine, waker: Recorder, boss: Actor, clock: ManualClock) -> None:
    """What the passing of time brings is told like any other change."""
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss)
    clock.advance(days=20)
    engine.sweep(agreement="x")

    assert [("schedule", "x"), ("cancel", "x")] == waker.told


def test_notifications_are_told_by_id(engine: Engine, waker: Recorder, channel: Channel, boss: Actor) -> None:
    """Each notification of the commit is told by the id it has in the outbox."""
    channel.silent = False
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss)
    first, second = (row.notification.id for row in engine.outbox())

    assert [("deliver", first), ("schedule", "x"), ("deliver", second)] == waker.told


def test_told_after_the_commit(
    engine: Engine, waker: Recorder, channel: Channel, boss: Actor, tmp_path: Path, clock: ManualClock
) -> None:
    """When something is told, whoever looks from elsewhere sees it."""
    seen: list[tuple[int, int]] = []

    def look() -> None:
        with Engine.open(f"sqlite:///{tmp_path}/a.db", processes=[PROCESS], clock=clock) as other:
            seen.append((other.get("x").n, len(other.outbox())))

    waker.look = look
    channel.silent = False
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss)

    assert [(1, 1), (2, 2), (2, 2)] == seen


def test_refusal_tells_its_notifications_only(engine: Engine, waker: Recorder, channel: Channel, boss: Actor) -> None:
    """A refused attempt is an event: what it has to tell is told, and no date changes by it."""
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss)
    channel.silent = False
    with pytest.raises(GateClosed):
        engine.advance("x", by=boss)
    (row,) = engine.outbox()

    assert [("schedule", "x"), ("deliver", row.notification.id)] == waker.told


def test_what_is_rolled_back_is_not_told(engine: Engine, waker: Recorder, channel: Channel, boss: Actor) -> None:
    """A change that is not committed, for whatever reason, is told to nobody."""
    deal = engine.start("p", "x", by=boss)
    channel.fails = True
    with pytest.raises(PluginError):
        engine.advance("x", by=boss)
    channel.fails = False
    engine.note("x", "seen", by=boss)
    with pytest.raises(Conflict):
        engine.advance(deal, by=boss)
    with pytest.raises(InvalidValue):
        engine.advance("x", at=deal.changed_at + timedelta(days=400), by=boss)

    assert [] == waker.told


def test_commit_that_fails_is_not_told(waker: Recorder, boss: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that cannot write has nothing to tell."""
    store = MemoryStore()
    engine = Engine(store, processes=[PROCESS], waker=waker)
    engine.start("p", "x", by=boss)
    unit = store.unit("x")

    def commit(*_: object) -> None:
        message = "the disk is full"
        raise StoreError(message)

    monkeypatch.setattr(type(unit), "commit", commit)
    with pytest.raises(StoreError):
        engine.advance("x", by=boss)

    assert [] == waker.told


def test_repeated_request_is_not_told_again(engine: Engine, waker: Recorder, channel: Channel, boss: Actor) -> None:
    """A call that is repeated gives the same answer, and wakes nobody."""
    channel.silent = False
    for _ in range(3):
        engine.start("p", "x", by=boss, request_id="r")

    assert 1 == len(waker.told)


def test_repeated_request_schedules_nothing(engine: Engine, waker: Recorder, boss: Actor) -> None:
    """The answer of a repeated request has a date of then, which may be another by now: nobody is told of it."""
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss, request_id="r")
    waker.told.clear()
    engine.advance("x", by=boss, request_id="r")

    assert [] == waker.told


def test_questions_tell_nobody(engine: Engine, waker: Recorder, boss: Actor) -> None:
    """Asking, sweeping in vain and delivering nothing wakes nobody."""
    engine.start("p", "x", by=boss)
    engine.options("x", by=boss)
    engine.sweep()
    engine.deliver()

    assert [] == waker.told


def test_failure_does_no_harm(
    engine: Engine, waker: Recorder, channel: Channel, boss: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    """If nobody can be woken, the move is done all the same, and the log says which event it was about."""
    engine.start("p", "x", by=boss)
    channel.silent = False
    waker.fails = OSError("no bell")
    with caplog.at_level(logging.WARNING, "stagegate"):
        council = engine.advance("x", by=boss)
    (record,) = caplog.records

    assert ("council", 2) == (council.stage, council.n)
    assert 1 == len(engine.outbox())
    assert "x: event 2 is committed, but nobody could be woken for it" == record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is waker.fails


def test_transaction_of_a_host_wakes_nobody(engine: Engine, waker: Recorder, tmp_path: Path, boss: Actor) -> None:
    """In the host's transaction nothing is told, neither before nor after its commit."""
    using = getattr(engine._store, "using", None)
    if using is None:
        joined = Engine(MemoryStore(), processes=[PROCESS], waker=waker)
        joined._join(joined._store)
    else:
        import sqlite3

        connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        with closing(connection):
            joined = engine.using(connection)
            connection.execute("BEGIN IMMEDIATE")
            joined.start("p", "x", by=boss)
            joined.advance("x", by=boss)
            connection.execute("COMMIT")
        assert engine.get("x").stage == "council"

    joined.close()
    assert ([], 0) == (waker.told, waker.closed)


class TestOpening:
    """`Engine.open(wake=…)`."""

    def test_plugin_is_asked_with_the_url(self, waker: Recorder) -> None:
        """The first plugin that knows the url hands over the waker; closing the engine closes it."""
        first, second, third = Wakes(None), Wakes(waker), Wakes(Recorder())
        with Engine.open("memory:", plugins=[first, second, third], wake="bell://tower"):
            assert 0 == waker.closed

        assert (["bell://tower"], ["bell://tower"], []) == (first.urls, second.urls, third.urls)
        assert 1 == waker.closed

    def test_nobody_is_asked_without_a_url(self, waker: Recorder) -> None:
        """Without `wake=` no plugin is asked, and there is nobody to tell."""
        plugin = Wakes(waker)
        with Engine.open("memory:", plugins=[plugin], processes=[PROCESS]) as engine:
            engine.start("p", "x", by=Actor(id="ann", roles={"boss"}))

        assert ([], [], 0) == (plugin.urls, waker.told, waker.closed)

    def test_nobody_knows_the_url(self) -> None:
        """A url that no plugin knows ends the opening."""
        with pytest.raises(PluginError, match="no plugin wakes by 'bell' urls; name one in plugins"):
            Engine.open("memory:", wake="bell://tower")

    def test_what_is_handed_over_is_a_waker(self) -> None:
        """What is no waker is refused, and the plugin named; the url is told without its password."""
        with pytest.raises(PluginError, match=r"'wakes'.*'bell://me:\*\*\*@tower' is no Waker: int"):
            Engine.open("memory:", plugins=[Wakes(3)], wake="bell://me:secret@tower")

    def test_url_is_text(self) -> None:
        """What is no text is refused."""
        with pytest.raises(InvalidValue, match="wake"):
            Engine.open("memory:", wake=3)

    def test_opening_that_fails_closes_what_was_opened(self, waker: Recorder) -> None:
        """If the opening fails after all, the waker is let go of."""
        with pytest.raises(InvalidValue):
            Engine.open("memory:", plugins=[Wakes(waker)], wake="bell:", processes=3)

        assert 1 == waker.closed

    def test_plugin_of_the_url_need_not_be_named(self) -> None:
        """Who is to be woken by Temporal need not name the plugin; naming it loads it no second time."""
        with (
            Engine.open("memory:", wake="temporal://127.0.0.1:1") as engine,
            Engine.open("memory:", plugins=["temporal"], wake="temporal://127.0.0.1:1") as other,
        ):
            assert ("temporal",) == engine.plugins == other.plugins
