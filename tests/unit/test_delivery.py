"""The outbox: what is told is delivered after the commit, later and later, and never for ever."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    Delivery,
    Engine,
    Event,
    InvalidValue,
    MemoryStore,
    Notification,
    Process,
    Stage,
    hookimpl,
    unguarded,
)
from stagegate.testing import ManualClock

PROCESS = Process("p", "1", (Stage("a", owner="boss", gate=unguarded("x")), Stage("b", owner="boss")))


class Mail:
    """A channel that works, fails or is not there, as it is told."""

    name = "mail"

    def __init__(self) -> None:
        self.got: list[Notification] = []
        self.mood: Any = True

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell the mayor of every event."""
        return [Notification(channel="mail", kind=event.kind, to="mayor", context={"stage": agreement.stage})]

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Do what the mood is."""
        self.got.append(notification)
        if isinstance(self.mood, BaseException):
            raise self.mood
        answer: bool | None = self.mood
        return answer


@pytest.fixture
def mail() -> Mail:
    """Make a channel."""
    return Mail()


@pytest.fixture(params=["memory:", "sqlite:///"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, mail: Mail) -> Iterator[Engine]:
    """Open an engine with the channel, on either store."""
    url = request.param + (f"{tmp_path}/a.db" if request.param.startswith("sqlite") else "")
    with Engine.open(url, processes=[PROCESS], plugins=[mail], clock=clock) as engine:
        yield engine


def counts(done: Any) -> tuple[int, int, int]:
    """Return how a round went."""
    return done.delivered, done.failed, done.dead


def test_delivered_once(engine: Engine, mail: Mail, boss: Actor) -> None:
    """What was delivered is not delivered again, and the row says so."""
    engine.start("p", "x", by=boss)
    first, second = engine.deliver(), engine.deliver()
    (row,) = engine.outbox("delivered")

    assert ((1, 0, 0), (0, 0, 0)) == (counts(first), counts(second))
    assert ["started"] == [notification.kind for notification in mail.got]
    assert (1, "", None) == (row.tries, row.error, row.leased_until)
    assert () == engine.outbox("pending") == engine.outbox("dead")


def test_in_the_order_of_the_events(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """What is due is delivered oldest first, whichever agreement it is about."""
    for i in range(120):
        engine.start("p", f"x{(i * 7) % 120:03}", by=boss)
        clock.advance(seconds=1)
    done = engine.deliver()

    assert (120, 0, 0) == counts(done)
    assert [f"x{(i * 7) % 120:03}" for i in range(120)] == [notification.agreement for notification in mail.got]


def test_failure_is_tried_again_later_and_later(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """A failed delivery waits: about half a minute at first, then doubled each time, and never longer than about half a day."""
    engine.start("p", "x", by=boss)
    mail.mood = ConnectionError("no route")
    waits: list[float] = []
    while engine.outbox("pending"):
        assert (0, 1, 0) == counts(engine.deliver()) or engine.outbox("dead")
        if rows := engine.outbox("pending"):
            (row,) = rows
            assert (len(waits) + 1, "mail: ConnectionError: no route") == (row.tries, row.error)
            assert (0, 0, 0) == counts(engine.deliver())
            waits.append((row.due_at - clock()).total_seconds())
            clock.set(row.due_at - timedelta(microseconds=1))
            assert (0, 0, 0) == counts(engine.deliver())
            clock.set(row.due_at)

    assert 30 <= waits[0] <= 40
    assert all(1.5 < b / a < 2.7 for a, b in itertools.pairwise(waits[:6]))
    assert max(waits) <= 16 * 3600


def test_failure_is_given_up_in_the_end(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """After the last try, a notification is dead: kept with its error, and tried no more."""
    engine.start("p", "x", by=boss)
    mail.mood = RuntimeError("full")
    rounds = [counts(engine.deliver()) for _ in range(60) if clock.advance(days=1)]
    (row,) = engine.outbox("dead")
    tried = len(mail.got)
    mail.mood = True
    clock.advance(days=999)

    assert {(0, 1, 0), (0, 0, 1), (0, 0, 0)} == set(rounds)
    assert ([(0, 0, 1)], tried) == ([r for r in rounds if r[2]], row.tries)
    assert "mail: RuntimeError: full" == row.error
    assert (0, 0, 0) == counts(engine.deliver())
    assert tried == len(mail.got)
    assert engine.verify().ok


def test_it_is_tried_for_days(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """A channel that is down over a long weekend costs nothing: delivery is not given up before."""
    engine.start("p", "x", by=boss)
    mail.mood = ConnectionError("down")
    opened = clock()
    while clock() < opened + timedelta(days=3):
        engine.deliver()
        clock.advance(minutes=10)
    mail.mood = True
    clock.advance(hours=16)

    assert (1, 0, 0) == counts(engine.deliver())


def test_id_stays_the_same(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """However often delivery is tried, the notification has one id, the one in the event that caused it."""
    engine.start("p", "x", by=boss)
    mail.mood = OSError()
    for _ in range(4):
        engine.deliver()
        clock.advance(days=1)

    assert 4 == len(mail.got)
    assert {engine.history("x")[0].data["notifications"][0]["id"]} == {notification.id for notification in mail.got}


@pytest.mark.parametrize("mood", [None, False, 1, "yes"])
def test_only_true_is_taken_for_delivered(engine: Engine, mail: Mail, boss: Actor, mood: Any) -> None:
    """A channel that does not answer True has not delivered."""
    engine.start("p", "x", by=boss)
    mail.mood = mood

    assert (0, 1, 0) == counts(engine.deliver())
    assert "no plugin delivers to the channel 'mail'" == engine.outbox("pending")[0].error


@pytest.mark.parametrize("said,kept", [("a\0b", "a\ufffdb"), ("\ud800", "?"), ("x" * 9000, None)])
def test_any_error_can_be_kept(engine: Engine, mail: Mail, boss: Actor, said: str, kept: str | None) -> None:
    """An error with characters that cannot be stored, or without end, is kept in what can be."""
    engine.start("p", "x", by=boss)
    mail.mood = ValueError(said)
    engine.deliver()
    error = engine.outbox("pending")[0].error

    assert error.startswith("mail: ValueError: ")
    assert len(error) <= 2000
    assert kept is None or error.endswith(kept)


def test_limit(engine: Engine, mail: Mail, boss: Actor) -> None:
    """A round takes no more than it is told to."""
    for i in range(60):
        engine.start("p", f"x{i}", by=boss)

    assert [(7, 0, 0), (52, 0, 0), (1, 0, 0)] == [counts(engine.deliver(limit=limit)) for limit in (7, 52, 1000)]


@pytest.mark.parametrize("limit", [0, -1, "5", None, 1.0, True])
def test_limit_is_a_number(engine: Engine, limit: Any) -> None:
    """A limit that is no number from 1 is refused."""
    with pytest.raises(InvalidValue):
        engine.deliver(limit=limit)


@pytest.mark.parametrize("status", ["lost", 3, "PENDING"])
def test_status_is_one_there_is(engine: Engine, status: Any) -> None:
    """Asking for rows of a status that there is not is refused."""
    with pytest.raises(InvalidValue):
        engine.outbox(status)


def test_worker_that_dies_lets_go_after_a_while(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """What a worker had in hand when it died is taken by another once the lease has run out, and not before."""
    engine.start("p", "x", by=boss)
    mail.mood = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        engine.deliver()
    (row,) = engine.outbox("pending")
    assert row.leased_until is not None
    mail.mood = True

    assert (0, 0, 0) == counts(engine.deliver())
    clock.set(row.leased_until)
    assert (1, 0, 0) == counts(engine.deliver())


def test_worker_that_was_too_slow_does_not_overwrite(
    engine: Engine, clock: ManualClock, mail: Mail, boss: Actor
) -> None:
    """Who settles after the lease has passed to another writes nothing; the row says what the other found."""
    engine.start("p", "x", by=boss)
    store = engine._store
    (slow,) = store.claim(clock(), until=clock() + timedelta(minutes=1), limit=9)
    clock.advance(minutes=1)
    assert (1, 0, 0) == counts(engine.deliver())

    assert not store.settle(slow, slow)
    assert 1 == len(engine.outbox("delivered"))


def test_two_workers_share_the_work(engine: Engine, clock: ManualClock, boss: Actor) -> None:
    """What one has claimed, another does not get."""
    for i in range(5):
        engine.start("p", f"x{i}", by=boss)
    store, until = engine._store, clock() + timedelta(minutes=1)
    first, second, third = (store.claim(clock(), until=until, limit=3) for _ in range(3))

    assert (3, 2, 0) == (len(first), len(second), len(third))
    assert 5 == len({row.notification.id for row in (*first, *second)})


def test_restart_goes_on(tmp_path: Path, clock: ManualClock, boss: Actor) -> None:
    """What was committed before a restart is delivered after it, by an engine that did not know of it."""
    url = f"sqlite:///{tmp_path}/a.db"
    with Engine.open(url, processes=[PROCESS], plugins=[Mail()], clock=clock) as engine:
        engine.start("p", "x", by=boss)
        engine.advance("x", by=boss)
    mail = Mail()
    with Engine.open(url, plugins=[mail], clock=clock) as engine:
        assert (2, 0, 0) == counts(engine.deliver())

    assert [("started", "a"), ("moved", "b")] == [(n.kind, n.context["stage"]) for n in mail.got]


def test_row_that_vanished_while_it_was_delivered(clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """A row that is gone when it is settled is not invented again."""
    store = MemoryStore()
    engine = Engine.open("memory:", processes=[PROCESS], plugins=[mail], clock=clock)
    row = Delivery(notification=Notification(channel="mail", kind="k", id="1"), due_at=clock())

    assert not store.settle(row, row)
    assert (0, 0, 0) == counts(engine.deliver())


def test_nothing_is_delivered_before_it_is_asked_for(engine: Engine, mail: Mail, boss: Actor) -> None:
    """A move delivers nothing by itself: whoever runs the engine says when."""
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss)

    assert [] == mail.got
    assert 2 == len(engine.outbox("pending"))


def test_lease_is_as_long_as_it_is_said_to_be(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """Who delivers says for how long what it takes is its own; what it died with is taken by another after that."""
    engine.start("p", "x", by=boss)
    mail.mood = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        engine.deliver(lease=timedelta(seconds=9))
    (row,) = engine.outbox("pending")

    assert clock() + timedelta(seconds=9) == row.leased_until


@pytest.mark.parametrize("lease", [timedelta(0), timedelta(seconds=-1), 5, None, "5 s"])
def test_lease_is_a_time(engine: Engine, lease: Any) -> None:
    """A lease that is no time above zero is refused."""
    with pytest.raises(InvalidValue, match="lease"):
        engine.deliver(lease=lease)


def test_it_is_said_when_to_come_again(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """A round that leaves something to be tried again says when the first of it is due; one that does not, says nothing."""
    engine.start("p", "x", by=boss)
    engine.start("p", "y", by=boss)
    mail.mood = OSError()
    failed = engine.deliver()
    due = min(row.due_at for row in engine.outbox("pending"))
    mail.mood = True
    clock.advance(days=1)

    assert due == failed.again_at
    assert engine.deliver().again_at is None
    assert engine.deliver().again_at is None
