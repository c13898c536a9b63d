"""What an engine does about its outbox, its requests, and the transactions of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    Event,
    GateClosed,
    InvalidValue,
    MemoryStore,
    Notification,
    OutcomeUnknown,
    Process,
    Receipt,
    Stage,
    Store,
    StoreError,
    Undeliverable,
    Unit,
    document,
    hookimpl,
)
from stagegate.testing import ManualClock

PROCESS = Process(
    id="p",
    version="1",
    stages=[Stage("a", owner="clerk", gate=document("plan")), Stage("b", owner="clerk")],
)
CLERK = Actor(id="ann", roles={"clerk"})


class Bells:
    """A channel that rings for every event, and does what it is told to."""

    name = "bells"

    def __init__(self, max_age: timedelta | None = None) -> None:
        """Ring well."""
        self.rung: list[Notification] = []
        self.fault: Exception | None = None
        self.max_age = max_age

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Ring for it."""
        return [Notification(channel="bell", kind=event.kind, to="clerk", max_age=self.max_age, reference="F-1")]

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Ring, or fail."""
        if self.fault is not None:
            raise self.fault
        self.rung.append(notification)
        return True


@pytest.fixture
def bells() -> Bells:
    """Return the channel."""
    return Bells()


@pytest.fixture(params=["memory:", "sqlite"])
def engine(request: Any, bells: Bells, clock: ManualClock, tmp_path: Any) -> Iterable[Engine]:
    """Have an engine on each of the stores that come along."""
    url = "memory:" if request.param == "memory:" else f"sqlite:///{tmp_path / 'x.db'}"
    with Engine.open(url, processes=[PROCESS], plugins=[bells], clock=clock) as engine:
        yield engine


def test_what_is_delivered_has_its_receipt(engine: Engine, bells: Bells) -> None:
    """A channel is shown which event a notification comes from, by number and hash, and what the reader calls it."""
    engine.start("p", "x", by=CLERK)
    engine.deliver()
    (event,) = engine.history("x")
    (told,) = bells.rung

    assert Receipt(agreement="x", n=1, hash=event.hash.hex()) == told.receipt
    assert f"x #1 {event.hash.hex()}" == str(told.receipt)
    assert "F-1" == told.reference


def test_only_one_is_delivered(engine: Engine, bells: Bells) -> None:
    """One notification can be delivered by its id, and no other is touched."""
    engine.start("p", "x", by=CLERK)
    engine.start("p", "y", by=CLERK)
    second = next(row for row in engine.outbox() if row.notification.agreement == "y")

    assert 1 == engine.deliver(notification=second.notification.id).delivered
    assert ["y"] == [told.agreement for told in bells.rung]
    assert 0 == engine.deliver(notification="nobody").delivered


def test_hopeless_is_dead_at_once(engine: Engine, bells: Bells) -> None:
    """What a channel says can never be delivered is not tried again; once mended it is queued again, and delivered."""
    bells.fault = Undeliverable("no such house")
    engine.start("p", "x", by=CLERK)

    assert 1 == engine.deliver().dead
    assert ["bells: no such house"] == [row.error for row in engine.outbox("dead")]
    assert {} == engine.held_deliveries()

    bells.fault = None
    (dead,) = engine.outbox("dead")
    assert (0, 1) == (engine.requeue("another"), engine.requeue(dead.notification.id))
    assert 1 == engine.deliver().delivered
    assert [dead.notification.id] == [told.id for told in bells.rung]


def test_gone_is_held(engine: Engine, bells: Bells) -> None:
    """A recipient who is gone is held: what is for them waits until somebody releases them."""
    bells.fault = Undeliverable("moved away", gone=True)
    engine.start("p", "x", by=CLERK)
    engine.deliver()
    bells.fault = None
    engine.note("x", "n", by=CLERK)

    assert {"bell:clerk": "bells: moved away"} == engine.held_deliveries()
    assert 0 == engine.deliver().delivered
    assert engine.release_deliveries("bell:clerk")
    assert not engine.release_deliveries("bell:clerk")
    assert 1 == engine.deliver().delivered


def test_everything_is_held(engine: Engine) -> None:
    """While everything is held nothing is delivered, and what is caused meanwhile waits."""
    engine.hold_deliveries(why="restored")
    engine.start("p", "x", by=CLERK)

    assert {"*": "restored"} == engine.held_deliveries()
    assert 0 == engine.deliver().delivered
    assert engine.release_deliveries()
    assert 1 == engine.deliver().delivered


def test_what_is_too_old_is_not_told(clock: ManualClock) -> None:
    """What could not be delivered in the time in which it is worth telling is given up, and not told late."""
    bells = Bells(max_age=timedelta(hours=1))
    engine = Engine.open("memory:", processes=[PROCESS], plugins=[bells], clock=clock)
    engine.start("p", "x", by=CLERK)
    engine.start("p", "y", by=CLERK)
    engine.deliver(limit=1)
    clock.advance(hours=1)

    assert 1 == engine.deliver().dead
    assert 1 == len(bells.rung)
    assert "worth telling" in engine.outbox("dead")[0].error
    engine.requeue()
    assert 1 == engine.deliver().delivered


@pytest.mark.parametrize("age", [0, 0.5, True, "1 day", timedelta(milliseconds=1500), -3])
def test_age_is_in_whole_seconds(age: Any) -> None:
    """How long something is worth telling is a number of whole seconds, from one."""
    with pytest.raises(InvalidValue, match=r"notification\.max_age: a timedelta of whole seconds"):
        Notification(channel="bell", kind="rung", max_age=age)


def test_age_from_a_table() -> None:
    """An age can be written as seconds, and comes back as what it is."""
    assert timedelta(days=1) == Notification(channel="bell", kind="rung", max_age=86_400).max_age
    assert timedelta(days=1) == Notification(channel="bell", kind="rung", max_age=timedelta(days=1)).max_age


# Requests whose outcome is unknown


class Cut:
    """A store whose line is cut at a commit, before or after it is done."""

    def __init__(self, store: Store, *, done: bool) -> None:
        """Take the store behind it."""
        self._store, self._done = store, done

    def __getattr__(self, name: str) -> Any:
        """Ask the store behind."""
        return getattr(self._store, name)

    def work(self, agreement: str, job: Callable[[Unit], Any]) -> Any:
        """Run the job, and lose the answer."""
        with self._store.unit(agreement) as unit:
            if self._done:
                job(unit)
        message = "the line was cut"
        raise OutcomeUnknown(message)


@pytest.mark.parametrize("done", [True, False])
def test_unknown_outcome_is_resolved(done: bool, clock: ManualClock) -> None:
    """Whether a call whose line was cut has happened can be asked by its request id."""
    store = MemoryStore()
    engine = Engine(store, processes=[PROCESS], clock=clock)
    deal = engine.start("p", "x", by=CLERK)
    cut = Engine(Cut(store, done=done), processes=[PROCESS], clock=clock)
    with pytest.raises(OutcomeUnknown) as unknown:
        cut.note(deal, "n", by=CLERK, request_id="r")

    assert "r" == unknown.value.request_id
    assert (engine.get("x") if done else None) == engine.resolve("r")
    assert (2 if done else 1) == engine.get("x").n


def test_refusal_is_resolved(engine: Engine) -> None:
    """A request that was refused is refused again when it is asked for, with the same reasons."""
    engine.start("p", "x", by=CLERK)
    with pytest.raises(GateClosed) as first:
        engine.advance("x", by=CLERK, request_id="r")
    with pytest.raises(GateClosed) as again:
        engine.resolve("r")

    assert (first.value.n, first.value.unmet) == (again.value.n, again.value.unmet)


def test_resolved_is_what_it_was(engine: Engine) -> None:
    """What is returned is the agreement as the call left it, whatever has happened since."""
    engine.start("p", "x", by=CLERK)
    filed = engine.attach("x", Document.from_bytes(b"1", kind="plan"), by=CLERK, request_id="r")
    engine.advance("x", by=CLERK)

    assert filed == engine.resolve("r")
    assert engine.resolve("never") is None


# The transactions of others


class Host(MemoryStore):
    """A store that joins whatever transaction it is handed, and says so."""

    def using(self, connection: Any) -> Store:
        """Join it."""
        self.connection = connection
        return self


def test_engine_joins_a_transaction(clock: ManualClock, bells: Bells) -> None:
    """An engine in the transaction of a host delivers nothing, wakes nobody, and closes nothing."""
    store = Host()
    engine = Engine(store, processes=[PROCESS], clock=clock)
    joined = engine.using("a connection")
    with joined:
        joined.start("p", "x", by=CLERK)
        with pytest.raises(StoreError, match="nothing is delivered before the commit"):
            joined.deliver()

    assert "a connection" == store.connection
    assert 1 == engine.get("x").n
    assert engine.processes == joined.processes


def test_store_that_cannot_join() -> None:
    """A store that cannot join a transaction says so."""
    with pytest.raises(StoreError, match="MemoryStore cannot join the transaction of a host"):
        Engine.open("memory:").using(None)
