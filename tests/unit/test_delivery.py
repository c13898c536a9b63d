"""The outbox: what is told is delivered after the commit, later and later, and never for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    Delivered,
    Delivery,
    Engine,
    Event,
    HistoryTampered,
    InvalidValue,
    MemoryStore,
    Notification,
    NotPermitted,
    Process,
    Stage,
    Undeliverable,
    hookimpl,
    unguarded,
)
from stagegate._delivery import LEASE, LONGEST_ROUND, wait
from stagegate._notices import FAR
from stagegate.testing import ManualClock

PROCESS = Process("p", "1", (Stage("a", owner="boss", gate=unguarded("x")), Stage("b", owner="boss")))


class Mail:
    """A channel that works, fails or is not there, as it is told, for everybody or for some."""

    name = "mail"

    def __init__(self) -> None:
        self.got: list[Notification] = []
        self.mood: Any = True
        self.moods: dict[str, Any] = {}
        self.to: Iterable[str] = ("mayor",)
        self.max_age: timedelta | None = None

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell the mayor of every event, or whoever is to be told."""
        context = {"stage": agreement.stage}
        return [
            Notification(channel="mail", kind=event.kind, to=to, context=context, max_age=self.max_age)
            for to in self.to
        ]

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Do what the mood is."""
        self.got.append(notification)
        mood = self.moods.get(notification.to, self.mood)
        if callable(mood):
            mood = mood()
        if isinstance(mood, BaseException):
            raise mood
        answer: bool | None = mood
        return answer

    @property
    def told(self) -> list[str]:
        """Whom it was to tell, in order."""
        return [notification.to for notification in self.got]

    @property
    def agreements(self) -> list[str]:
        """Of which agreements it was to tell, in order."""
        return [notification.agreement for notification in self.got]


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
    """A failed delivery waits: about half a minute at first, then doubled each time, and never longer than nine hours."""
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

    bases = [min(30 * 2**tries, 6 * 3600) for tries in range(len(waits))]
    assert all(base <= waited <= base * 1.5 for base, waited in zip(bases, waits, strict=True))
    assert 23 == len(waits)


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
    """A channel that does not answer True has not delivered, and has not taken it for its own."""
    engine.start("p", "x", by=boss)
    mail.mood = mood
    done = engine.deliver()
    (row,) = engine.outbox("pending")

    assert ((0, 0, 0), ("mail",)) == (counts(done), done.unclaimed)
    assert "no plugin delivers to the channel 'mail'; name one that does" == row.error


def test_what_nobody_delivers_waits_without_end(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """A plugin that was not named costs nothing: no try is counted, nothing is given up, and it is looked at again soon."""
    engine.start("p", "x", by=boss)
    mail.mood = None
    for _ in range(60):
        done = engine.deliver()
        assert ((0, 0, 0), ("mail",)) == (counts(done), done.unclaimed)
        assert () == engine.deliver().unclaimed
        clock.advance(minutes=10)
    (row,) = engine.outbox("pending")
    mail.mood = True

    assert (0, None) == (row.tries, row.leased_until)
    assert (1, 0, 0) == counts(engine.deliver())


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


@pytest.mark.parametrize("lease", [timedelta(0), timedelta(days=1), 300, None])
def test_lease_is_less_than_a_day(engine: Engine, lease: Any) -> None:
    """A lease that no clock would be believed about, or that is none, is refused."""
    with pytest.raises(InvalidValue, match="lease: a timedelta above zero and below a day"):
        engine.deliver(lease=lease)


@pytest.mark.parametrize("stop", [True, "now", 1])
def test_stop_is_a_function(engine: Engine, stop: Any) -> None:
    """What is to end a round and cannot be asked is refused."""
    with pytest.raises(InvalidValue, match="stop: a function"):
        engine.deliver(stop=stop)


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
    assert 0 == row.tries
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


def test_who_was_overtaken_counts_nothing(engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
    """Who sends so slowly that another took it meanwhile does not count it for his."""
    engine.start("p", "x", by=boss)

    def slow() -> bool:
        mail.mood = True
        clock.advance(minutes=6)
        assert (1, 0, 0) == counts(engine.deliver())
        return True

    mail.mood = slow

    assert (0, 0, 0) == counts(engine.deliver())
    assert (1, 2) == (engine.outbox("delivered")[0].tries, len(mail.got))


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


class TestPoison:
    """A recipient that fails delays nobody else."""

    def test_tried_once_a_round(self, engine: Engine, mail: Mail, boss: Actor) -> None:
        """Who has just failed is not tried again in the round; everybody else is told all there is."""
        mail.to = ("broken", "whole")
        mail.moods["broken"] = ConnectionError("no route")
        for i in range(40):
            engine.start("p", f"x{i}", by=boss)
        done = engine.deliver()

        assert ((40, 1, 0), 39) == (counts(done), done.waiting)
        assert 1 == mail.told.count("broken")
        assert 40 == len(engine.outbox("delivered"))

    def test_what_is_put_off_is_no_try(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """What was put off is due together with what failed, untried, and says why; then one try is enough for all."""
        mail.mood = ConnectionError("no route")
        for id_ in ("a", "b", "c"):
            engine.start("p", id_, by=boss)
        engine.deliver()
        rows = engine.outbox("pending")
        (failed,) = [row for row in rows if row.tries]
        put_off = [row for row in rows if not row.tries]

        assert {(0, None, failed.due_at)} == {(row.tries, row.leased_until, row.due_at) for row in put_off}
        said = "not tried, since a delivery to the same recipient had just failed: mail: ConnectionError: no route"
        assert {said} == {row.error for row in put_off}
        clock.set(failed.due_at - timedelta(microseconds=1))
        assert (0, 0, 0) == counts(engine.deliver())
        clock.set(failed.due_at)
        mail.mood = True
        assert (3, 0, 0) == counts(engine.deliver())

    def test_what_is_always_refused_holds_up_no_other(
        self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor
    ) -> None:
        """A notification that its recipient takes at no time delays what else there is for it by one wait, no more."""
        for id_ in ("a", "b", "c", "d"):
            engine.start("p", id_, by=boss)
        mail.mood = lambda: True if mail.got[-1].agreement != "a" else OSError("500")
        engine.deliver()
        clock.set(engine.outbox("pending")[0].due_at)

        assert ["a"] == mail.agreements
        assert (3, 1, 0) == counts(engine.deliver())
        assert ["a", "a", "b", "c", "d"] == mail.agreements
        assert ["a"] == [row.notification.agreement for row in engine.outbox("pending")]

    def test_what_failed_before_keeps_its_own_pace(
        self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor
    ) -> None:
        """What has failed before is not tried after another that failed again, and does not wait as long as that."""
        mail.mood = OSError("down")
        engine.start("p", "a", by=boss)
        for _ in range(8):
            engine.deliver()
            clock.set(engine.outbox("pending")[0].due_at)
        clock.set(engine.outbox("pending")[0].due_at - timedelta(seconds=9))
        engine.start("p", "b", by=boss)
        engine.deliver()
        clock.set(max(row.due_at for row in engine.outbox("pending")))
        before = len(mail.got)
        engine.deliver()
        a, b = sorted(engine.outbox("pending"), key=lambda row: row.notification.agreement)

        assert (["a"], 9, 1) == (mail.agreements[before:], a.tries, b.tries)
        assert b.due_at - clock() <= timedelta(seconds=45) < a.due_at - clock()

    def test_a_success_takes_the_doubt_away(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """Once the recipient has taken something in the round, what has failed before is tried as well."""
        mail.mood = OSError("down")
        engine.start("p", "late", by=boss)
        engine.deliver()
        clock.advance(seconds=60)
        engine.start("p", "refused", by=boss)
        engine.deliver()
        clock.advance(seconds=50)
        engine.start("p", "fresh", by=boss)
        clock.advance(seconds=90)
        before = len(mail.got)
        mail.mood = lambda: True if mail.got[-1].agreement != "refused" else OSError("500")

        assert (2, 1, 0) == counts(engine.deliver())
        assert ["refused", "fresh", "late"] == mail.agreements[before:]

    def test_what_is_put_off_waits_from_the_last_try(
        self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor
    ) -> None:
        """Where each try takes long, what is put off is due after the round, and not in the midst of it."""
        for id_ in ("a", "b", "c"):
            engine.start("p", id_, by=boss)
        mail.mood = OSError("down")
        engine.deliver()
        clock.set(engine.outbox("pending")[0].due_at)

        def slow() -> None:
            clock.advance(seconds=100)
            raise OSError("timed out")

        mail.mood = slow
        engine.deliver()
        dues = {row.notification.agreement: row.due_at for row in engine.outbox("pending")}

        assert ["a", "a", "b"] == mail.agreements
        assert dues["c"] == dues["b"] > clock() > dues["a"]

    def test_two_tries_show_that_it_is_the_recipient(
        self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor
    ) -> None:
        """Who takes nothing is tried twice a round at most, and what is put off waits for the later of the two."""
        for k in range(30):
            engine.start("p", f"x{k:02}", by=boss)
        mail.mood = OSError("down")
        for k in range(12):
            before = len(mail.got)
            engine.deliver()
            tried = mail.agreements[before:]
            dues = {row.notification.agreement: row.due_at for row in engine.outbox("pending")}
            put_off = [row for row in engine.outbox("pending") if not row.tries]
            last = max(dues[id_] for id_ in tried)

            assert len(tried) == (2 if k else 1)
            assert {last} == {row.due_at for row in put_off}
            clock.set(last)

    def test_what_it_said_itself_is_kept(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """A row that failed before and is put off now goes on saying why it failed."""
        engine.start("p", "a", by=boss)
        mail.mood = OSError("first")
        engine.deliver()
        (failed,) = engine.outbox("pending")
        engine.start("p", "b", by=boss)
        clock.set(failed.due_at)
        mail.mood = OSError("second")
        engine.deliver()

        assert {
            "mail: OSError: second",
            "mail: OSError: first",
        } == {row.error for row in engine.outbox("pending")}

    def test_takes_no_room_from_others(self, engine: Engine, mail: Mail, boss: Actor) -> None:
        """What is put off does not count against the limit: a heap for one dead address leaves the round to the rest."""
        mail.moods["broken"] = TimeoutError()
        mail.to = ("broken",)
        for i in range(50):
            engine.start("p", f"a{i:02}", by=boss)
        mail.to = ("whole",)
        for i in range(5):
            engine.start("p", f"b{i}", by=boss)

        assert (5, 1, 0) == counts(engine.deliver(limit=6))

    def test_last_try_counts_as_well(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """A recipient whose last try failed is left alone for the rest of that round too."""
        engine.start("p", "a", by=boss)
        mail.mood = OSError()
        while not engine.outbox("dead"):
            last = engine.outbox("pending")[-1]
            if last.tries == 23:
                engine.start("p", "b", by=boss)
            clock.set(max(clock(), last.due_at))
            tried = len(mail.got)
            engine.deliver()

        assert (1, 1) == (len(mail.got) - tried, len(engine.outbox("pending")))

    def test_slow_one_lets_go_of_the_rest(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """A row whose lease is half over is given back and claimed anew before it is sent."""
        mail.to = ("slow", "whole", "other")
        engine.start("p", "x", by=boss)
        store, claims = engine._store, list[Any]()

        def slow() -> bool:
            clock.advance(minutes=4)
            claims.extend(store.claim(clock(), until=clock() + timedelta(minutes=5), limit=9))
            return True

        mail.moods["slow"] = slow
        done = engine.deliver()

        assert (3, 0, 0) == counts(done)
        assert [] == claims
        leases = {row.notification.to: row for row in engine.outbox("delivered")}
        assert {"slow", "whole", "other"} == set(leases)

    def test_clock_that_leaps_ends_the_round(self, engine: Engine, mail: Mail, boss: Actor, clock: ManualClock) -> None:
        """Where every lease is over before sending could begin, the round ends all the same, and nothing was sent."""
        engine.start("p", "x", by=boss)
        claim, claims = engine._store.claim, 0

        def late(*args: Any, **more: Any) -> Any:
            nonlocal claims
            claims += 1
            rows = claim(*args, **more)
            clock.advance(minutes=5)
            return rows

        engine._store.claim = late  # type: ignore[method-assign]

        assert (0, 0, 0) == counts(engine.deliver(limit=3))
        assert (3, []) == (claims, mail.got)
        assert [None] == [row.leased_until for row in engine.outbox("pending")]

    def test_message_that_cannot_be_put_into_words(
        self, engine: Engine, mail: Mail, boss: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What fails before any plugin is asked is a failed try of this one, and no reason to leave out the others."""
        mail.to = ("a", "b")
        engine.start("p", "x", by=boss)
        send = engine._send

        def worded(notification: Notification) -> Any:
            if notification.to == "a":
                raise KeyError("title")
            return send(notification)

        monkeypatch.setattr(engine, "_send", worded)

        assert (1, 1, 0) == counts(engine.deliver())
        assert "KeyError: 'title'" == engine.outbox("pending")[0].error


@pytest.mark.parametrize(
    "said,parts",
    [
        ("1 delivered, 2 failed, 3 dead", {}),
        ("1 delivered, 2 failed, 3 dead; 4 put off with what failed", {"waiting": 4}),
        ("1 delivered, 2 failed, 3 dead; no plugin delivers to a, b", {"unclaimed": ("a", "b")}),
        ("1 delivered, 2 failed, 3 dead; everything is held: x; y; z", {"held": "x", "damaged": ("y", "z")}),
    ],
)
def test_round_in_one_line(said: str, parts: dict[str, Any]) -> None:
    """How a round went can be logged in one line, in which nothing stands that did not happen."""
    assert said == str(Delivered(delivered=1, failed=2, dead=3, **parts))


class TestForGood:
    """What will never be delivered."""

    def test_undeliverable(self, engine: Engine, mail: Mail, boss: Actor) -> None:
        """What a channel says can never be delivered is given up at once; the next for the same recipient is tried."""
        mail.mood = Undeliverable("the letter is too long")
        for id_ in ("a", "b"):
            engine.start("p", id_, by=boss)

        assert (0, 0, 2) == counts(engine.deliver())
        assert {(1, "mail: the letter is too long")} == {(row.tries, row.error) for row in engine.outbox("dead")}
        assert {} == engine.held_deliveries()

    def test_gone(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """A recipient that is gone is held: nothing more is sent there, until somebody releases it."""
        mail.to = ("gone", "here")
        mail.moods["gone"] = Undeliverable("410 Gone", gone=True)
        for id_ in ("a", "b"):
            engine.start("p", id_, by=boss)
        done = engine.deliver()
        clock.advance(days=30)

        assert ((2, 0, 1), 1) == (counts(done), done.waiting)
        assert {"mail:gone": "mail: 410 Gone"} == engine.held_deliveries()
        assert (0, 0, 0) == counts(engine.deliver())
        mail.moods.clear()
        assert (engine.release_deliveries("mail:gone"), engine.release_deliveries("mail:gone")) == (True, False)
        assert (1, 0, 0) == counts(engine.deliver())
        assert 1 == engine.requeue()
        assert (1, 0, 0) == counts(engine.deliver())

    def test_too_old(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """What could not be delivered while it was worth telling is given up, says so, and is not sent."""
        mail.max_age = timedelta(hours=1)
        engine.start("p", "x", by=boss)
        clock.advance(minutes=59)
        mail.mood = OSError("busy")
        assert (0, 1, 0) == counts(engine.deliver())
        clock.advance(hours=1)
        tried, mail.mood = len(mail.got), True
        done = engine.deliver()
        (row,) = engine.outbox("dead")

        assert ((0, 0, 1), tried, 1) == (counts(done), len(mail.got), row.tries)
        said = "mail: OSError: busy; it was worth telling until 2025-07-24T03:00:00+00:00, and could not be delivered by then"
        assert said == row.error

    def test_age_counts_from_the_event(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """It is counted from the event that is told of, also where that changed nothing, as a refusal does not."""
        engine.start("p", "x", by=boss)
        engine.deliver()
        clock.advance(days=30)
        mail.max_age = timedelta(hours=1)
        with pytest.raises(NotPermitted):
            engine.advance("x", by=Actor(id="o", roles={"nobody"}))
        (row,) = engine.outbox("pending")

        assert (clock(), clock() + timedelta(hours=1)) == (row.due_at, row.expires_at)
        assert (1, 0, 0) == counts(engine.deliver())

    def test_requeued_has_no_end(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """What is requeued begins anew: untried, due now, and worth telling however old it is."""
        mail.max_age = timedelta(hours=1)
        for id_ in ("a", "b"):
            engine.start("p", id_, by=boss)
        clock.advance(days=1)
        engine.deliver()
        one = engine.outbox("dead")[0].notification.id

        assert [1, 0, 1, 0] == [engine.requeue(one), engine.requeue(one), engine.requeue(), engine.requeue()]
        assert {(0, "", None, clock())} == {(r.tries, r.error, r.expires_at, r.due_at) for r in engine.outbox()}
        assert (2, 0, 0) == counts(engine.deliver())


class TestHolds:
    """Deliveries that are held."""

    def test_everything(self, engine: Engine, mail: Mail, boss: Actor) -> None:
        """While everything is held nothing is sent, each round says why, and nothing is lost."""
        engine.hold_deliveries(why="restored from the copy of Monday")
        engine.start("p", "x", by=boss)
        done = engine.deliver()

        assert ((0, 0, 0), "restored from the copy of Monday") == (counts(done), done.held)
        assert [] == mail.got
        engine.release_deliveries()
        done = engine.deliver()
        assert ((1, 0, 0), "") == (counts(done), done.held)

    def test_one_recipient(self, engine: Engine, mail: Mail, boss: Actor) -> None:
        """Where one recipient is held, the others are told, and that is no hold of everything."""
        mail.to = ("a", "b")
        engine.hold_deliveries("mail:a", why="moved house")
        engine.start("p", "x", by=boss)
        done = engine.deliver()

        assert ((1, 0, 0), "", ["b"]) == (counts(done), done.held, mail.told)
        assert {"mail:a": "moved house"} == engine.held_deliveries()

    @pytest.mark.parametrize("scope,told", [("*", ["a"]), ("mail:b", ["a", "c", "d"])], ids=["everything", "one"])
    def test_what_a_worker_has_in_hand(
        self, engine: Engine, mail: Mail, boss: Actor, scope: str, told: list[str]
    ) -> None:
        """Who is delivering heeds a hold as well: what is not sent yet goes back, untried, and waits to be released."""
        for to in ("a", "b", "c", "d"):
            mail.to = (to,)
            engine.start("p", to, by=boss)

        def hold() -> bool:
            engine.hold_deliveries(scope, why="stop")
            return True

        mail.moods["a"] = hold
        done = engine.deliver()
        left = engine.outbox("pending")

        assert (told, (len(told), 0, 0)) == (mail.told, counts(done))
        assert {(0, "", None)} == {(row.tries, row.error, row.leased_until) for row in left}
        engine.release_deliveries(scope)
        assert (4 - len(told), 0, 0) == counts(engine.deliver())


class TestClocks:
    """A clock that stood wrong."""

    @pytest.mark.parametrize("ahead", [timedelta(hours=7), timedelta(days=365)])
    def test_set_back(self, engine: Engine, clock: ManualClock, boss: Actor, ahead: timedelta) -> None:
        """What was written while the clock stood ahead does not wait until it gets there again."""
        right = clock()
        clock.advance(ahead)
        engine.start("p", "x", by=boss)
        clock.set(right)

        assert (1, 0, 0) == counts(engine.deliver())

    def test_tries_and_leases_of_then(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """Nor does what was put off then, nor what somebody had in hand."""
        mail.to = ("failed", "in-hand")
        right = clock()
        clock.advance(days=365)
        engine.start("p", "x", by=boss)
        mail.moods = {"failed": OSError(), "in-hand": KeyboardInterrupt()}
        with pytest.raises(KeyboardInterrupt):
            engine.deliver()
        clock.set(right)
        mail.moods.clear()

        assert (2, 0, 0) == counts(engine.deliver())

    def test_set_back_during_a_round(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """A clock that is set back while a round is under way ends it, instead of making it begin again and again."""
        mail.to = [f"role{k}" for k in range(40)]
        engine.start("p", "x", by=boss)
        clock.advance(days=2)

        def back() -> None:
            clock.set(clock() - timedelta(minutes=1))

        mail.mood = back
        done = engine.deliver()

        assert ((0, 0, 0), ("mail",)) == (counts(done), done.unclaimed)
        assert 16 == len(mail.got)

    def test_leap_during_a_round(self, engine: Engine, clock: ManualClock, mail: Mail, boss: Actor) -> None:
        """A clock that leaps ahead by days, as where a machine slept, ends the round: nothing is tried twice in it."""
        for id_ in ("a", "b", "c"):
            engine.start("p", id_, by=boss)

        def leap() -> None:
            clock.advance(days=2)
            mail.mood = OSError("down")
            raise mail.mood

        mail.mood = leap
        done = engine.deliver()

        assert ((0, 1, 0), ["a"]) == (counts(done), mail.agreements)
        assert ((0, 1, 0), ["a", "b"]) == (counts(engine.deliver()), mail.agreements)
        assert (0, 0, 0) == counts(engine.deliver())

    def test_a_round_is_short_beside_what_a_wrong_clock_writes(self) -> None:
        """What a round puts off in its last moment is not so far ahead of its beginning as what a wrong clock writes."""
        longest = max(wait(f"{k:032x}", tries) for k in range(200) for tries in range(1, 40))

        assert LONGEST_ROUND + LEASE + longest < FAR

    def test_nothing_waits_as_long_as_what_a_wrong_clock_writes(self) -> None:
        """No wait and no lease is as long as the day by which a wrong date is known."""
        longest = max(wait(f"{k:032x}", tries) for k in range(200) for tries in range(1, 40))

        assert timedelta(hours=6) < longest < timedelta(hours=9) < FAR
        assert LEASE < FAR

    def test_waits_are_spread(self) -> None:
        """What failed together comes back one by one, each time in another order."""
        ids = [f"00000000-0000-4000-8000-{k:012x}" for k in range(50)]
        orders = [sorted(ids, key=lambda id_: wait(id_, tries)) for tries in (3, 4, 5)]

        assert 3 == len({tuple(order) for order in orders})
        assert 50 == len({wait(id_, 3) for id_ in ids})


class TestStopping:
    """A round that is asked to stop."""

    def test_rest_is_left_to_others(self, engine: Engine, mail: Mail, boss: Actor) -> None:
        """The one in hand is finished, and the others are in nobody's hand any more."""
        for i in range(5):
            engine.start("p", f"x{i}", by=boss)
        done = engine.deliver(stop=lambda: len(mail.got) == 2)

        assert ((2, 0, 0), {None}) == (counts(done), {row.leased_until for row in engine.outbox("pending")})
        assert (3, 0, 0) == counts(engine.deliver())

    def test_before_it_began(self, engine: Engine, boss: Actor) -> None:
        """Who is stopped before the first does nothing."""
        engine.start("p", "x", by=boss)

        assert (0, 0, 0) == counts(engine.deliver(stop=lambda: True))

    def test_interruption_lets_go_of_the_rest(self, engine: Engine, mail: Mail, boss: Actor) -> None:
        """Whoever interrupts a round leaves in hand only what may have been sent already."""
        mail.to = ("a", "b", "c")
        mail.moods["b"] = KeyboardInterrupt()
        engine.start("p", "x", by=boss)
        with pytest.raises(KeyboardInterrupt):
            engine.deliver()
        hands = {row.notification.to: row.leased_until is not None for row in engine.outbox("pending")}

        assert {"a", "b", "c"} == {*hands, *(row.notification.to for row in engine.outbox("delivered"))}
        assert hands["b"]
        assert not any(in_hand for to, in_hand in hands.items() if to != "b")


class TestDamage:
    """Rows that cannot be read."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """Name a file."""
        return f"sqlite:///{tmp_path}/a.db"

    @pytest.fixture
    def damaged(self, url: str, tmp_path: Path, clock: ManualClock, boss: Actor) -> Path:
        """Have three notifications; the oldest is no JSON any more, the second has another recipient."""
        with Engine.open(url, processes=[PROCESS], plugins=[Mail()], clock=clock) as engine:
            for id_ in ("a", "b", "c"):
                engine.start("p", id_, by=boss)
        path = tmp_path / "a.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE outbox SET payload = x'ff00' WHERE agreement = 'a'")
            connection.execute(
                "UPDATE outbox SET payload = CAST(replace(CAST(payload AS TEXT), 'mayor', 'thief') AS BLOB)"
                " WHERE agreement = 'b'"
            )
        return path

    @pytest.mark.usefixtures("damaged")
    def test_holds_up_nobody(self, url: str, clock: ManualClock) -> None:
        """What cannot be read, or was changed, is not sent, and is reported; what stands behind it is delivered."""
        mail = Mail()
        with Engine.open(url, processes=[PROCESS], plugins=[mail], clock=clock) as engine:
            done = engine.deliver(limit=1)
            again = engine.deliver()

            assert ((1, 0, 0), (0, 0, 0)) == (counts(done), counts(again))
            assert ["c"] == [notification.agreement for notification in mail.got]
            assert () == done.damaged
            (said,) = again.damaged
            assert "cannot be read" in said
            assert "changed by another hand" in said
            assert not engine.verify().ok

    @pytest.mark.parametrize(
        "payload",
        ["[]", "7", "null", '{"channel":"mail"}', '{"channel":"mail","kind":"k","strange":1}', "[" * 100_000],
        ids=["list", "number", "nothing", "too little", "too much", "too deep"],
    )
    def test_no_notification_at_all(
        self, url: str, tmp_path: Path, clock: ManualClock, boss: Actor, payload: str
    ) -> None:
        """Whatever stands where a notification should stand is reported, and stops neither a delivery nor `verify`."""
        mail = Mail()
        with Engine.open(url, processes=[PROCESS], plugins=[mail], clock=clock) as engine:
            for id_ in ("a", "b"):
                engine.start("p", id_, by=boss)
            with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
                connection.execute("UPDATE outbox SET payload = ? WHERE agreement = 'a'", (payload.encode(),))
            engine.deliver()
            (said,) = engine.deliver().damaged

            assert "cannot be read" in said
            assert ["b"] == mail.agreements
            assert ["b"] == [row.notification.agreement for row in engine.outbox(readable=True)]
            assert not engine.verify().ok

    @pytest.mark.usefixtures("damaged")
    def test_is_no_silence(self, url: str) -> None:
        """Whoever reads the outbox is told that some cannot be read, and can have the rest."""
        with Engine.open(url) as engine:
            with pytest.raises(HistoryTampered, match="in the outbox cannot be read"):
                engine.outbox()

            assert ["b", "c"] == [row.notification.agreement for row in engine.outbox(readable=True)]

    def test_is_left_as_it_is(self, url: str, damaged: Path, clock: ManualClock, boss: Actor) -> None:
        """What cannot be read stays as it is, also where everything that is dead is requeued."""
        with closing(sqlite3.connect(damaged)) as connection, connection:
            connection.execute("UPDATE outbox SET status = 'dead' WHERE agreement = 'a'")
            before = connection.execute("SELECT * FROM outbox WHERE agreement = 'a'").fetchall()
        with Engine.open(url, processes=[PROCESS], plugins=[Mail()], clock=clock) as engine:
            assert 0 == engine.requeue()
            engine.deliver()
        with closing(sqlite3.connect(damaged)) as connection:
            assert before == connection.execute("SELECT * FROM outbox WHERE agreement = 'a'").fetchall()


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
