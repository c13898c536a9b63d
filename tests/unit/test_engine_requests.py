"""Repeating a call: the same request id gives the same answer and changes nothing; another call under it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stagegate import (
    Actor,
    Agreement,
    AlreadyExists,
    Conflict,
    Definition,
    Document,
    Engine,
    Entry,
    GateClosed,
    HistoryTampered,
    InvalidValue,
    Known,
    MemoryStore,
    NoSuchMove,
    Notification,
    NotPermitted,
    OutcomeUnknown,
    Party,
    Process,
    RefusedError,
    RequestReused,
    Stage,
    Unit,
    approval,
    document,
    fact,
    unguarded,
)
from stagegate.testing import ManualClock

PROCESS = Process(
    id="p",
    version="1",
    stages=(
        Stage(
            "a", owner="boss", gate=(fact("f", label={"id": "Fakta"}) | document("d")) & approval("boss"), back_to="a"
        ),
        Stage("b", owner="boss", gate=unguarded("x"), back_to="a"),
        Stage("c", owner="boss"),
    ),
)
STRANGER = Actor(id="eve", roles={"stranger"})


@pytest.fixture
def engine(clock: ManualClock, boss: Actor) -> Engine:
    """Open an engine with an agreement in its first stage, and one that stands before an open gate."""
    engine = Engine(MemoryStore(), processes=[PROCESS], clock=clock)
    engine.start("p", "x", by=boss)
    engine.start("p", "ready", by=boss)
    engine.record("ready", "f", 1, by=boss)
    engine.approve("ready", by=boss)
    return engine


CALLS: dict[str, Callable[[Engine, Any, Actor, str], Agreement]] = {
    "start": lambda e, _, by, r: e.start("p", "new", title="N", parties=[Party("a")], by=by, request_id=r),
    "attach": lambda e, x, by, r: e.attach(x, Document.from_bytes(b"1", kind="k"), by=by, request_id=r),
    "record": lambda e, x, by, r: e.record(x, "g", [1, {"a": None}], source="s", by=by, request_id=r),
    "approve": lambda e, x, by, r: e.approve(x, reason="fine", result={"members": 3}, by=by, request_id=r),
    "refuse": lambda e, x, by, r: e.refuse(x, "no", by=by, request_id=r),
    "note": lambda e, x, by, r: e.note(x, "n", by=by, request_id=r),
    "advance": lambda e, _, by, r: e.advance("ready", reason="go", by=by, request_id=r),
    "send_back": lambda e, x, by, r: e.send_back(x, "a", "again", by=by, request_id=r),
    "hold": lambda e, x, by, r: e.hold(x, "wait", by=by, request_id=r),
    "end": lambda e, x, by, r: e.end(x, "withdrawn", "no", by=by, request_id=r),
}


@pytest.mark.parametrize("call", CALLS)
def test_repeated_call_gives_the_same_answer(engine: Engine, clock: ManualClock, boss: Actor, call: str) -> None:
    """Every call can be repeated under its id, also much later and after other events: same answer, no further event."""
    seen = engine.get("x")
    first = CALLS[call](engine, "x", boss, "r1")
    engine.note(first.id, "meanwhile", by=boss)
    clock.advance(days=30)
    count = engine.get(first.id).n

    assert first == CALLS[call](engine, "x", boss, "r1")
    assert first == CALLS[call](engine, seen, boss, "r1")
    assert count == engine.get(first.id).n
    assert engine.verify().ok


def test_resume_can_be_repeated(engine: Engine, boss: Actor) -> None:
    """A repeated resume does not complain that there is no hold any more."""
    engine.hold("x", "wait", by=boss)

    assert engine.resume("x", by=boss, request_id="r") == engine.resume("x", by=boss, request_id="r")


@pytest.mark.parametrize(
    "attempt,kind",
    [
        (lambda e, by: e.advance("x", by=by, request_id="r"), GateClosed),
        (lambda e, by: e.resume("x", by=by, request_id="r"), GateClosed),
        (lambda e, by: e.advance("x", by=STRANGER, request_id="r"), NotPermitted),
        (lambda e, by: e.note("x", "n", by=STRANGER, request_id="r"), NotPermitted),
        (lambda e, by: e.approve("x", role="boss", by=STRANGER, request_id="r"), NotPermitted),
    ],
)
def test_repeated_refusal_is_the_same_refusal(
    engine: Engine, boss: Actor, attempt: Callable[[Engine, Actor], Any], kind: type[RefusedError]
) -> None:
    """What was refused under an id is refused again in the same words, although it would now be granted, and written once."""
    with pytest.raises(kind) as first:
        attempt(engine, boss)
    engine.record("x", "f", 1, by=boss)
    engine.approve("x", by=boss)
    count = engine.get("x").n
    with pytest.raises(kind) as second:
        attempt(engine, boss)

    assert vars(first.value) == vars(second.value)
    assert str(first.value) == str(second.value)
    assert count == engine.get("x").n


@pytest.mark.parametrize(
    "other",
    [
        lambda e, by, at: e.note("x", "other", by=by, request_id="r"),
        lambda e, by, at: e.note("ready", "n", by=by, request_id="r"),
        lambda e, by, at: e.note("x", "n", by=Actor(id="bob", roles={"boss"}), request_id="r"),
        lambda e, by, at: e.note("x", "n", by=Actor(id="ann", roles={"boss", "clerk"}), request_id="r"),
        lambda e, by, at: e.note("x", "n", by=Actor(id="ann", roles={"boss"}, on_behalf_of="x"), request_id="r"),
        lambda e, by, at: e.note("x", "n", by=by, at=at, request_id="r"),
        lambda e, by, at: e.hold("x", "n", by=by, request_id="r"),
        lambda e, by, at: e.record("x", "text", "n", by=by, request_id="r"),
        lambda e, by, at: e.start("p", "new", by=by, request_id="r"),
        lambda e, by, at: e.start("p", "x", by=by, request_id="r"),
    ],
)
def test_id_stands_for_one_request(
    engine: Engine, clock: ManualClock, boss: Actor, other: Callable[[Engine, Actor, Any], Any]
) -> None:
    """Another call under a used id is refused: another move, agreement, actor, time or parameter; and nothing is done."""
    engine.note("x", "n", by=boss, request_id="r")
    with pytest.raises(RequestReused, match="'r' was already used for event 2 of 'x' with other parameters"):
        other(engine, boss, clock() - timedelta(seconds=1))

    assert (2, 3) == (engine.get("x").n, engine.get("ready").n)
    assert 2 == engine.count()


def test_same_instant_in_another_zone_is_the_same_request(engine: Engine, clock: ManualClock, boss: Actor) -> None:
    """Times are compared as instants, however they are written."""
    first = engine.note("x", "n", at=clock(), by=boss, request_id="r")

    assert first == engine.note("x", "n", at=clock().astimezone(ZoneInfo("Asia/Tokyo")), by=boss, request_id="r")


def test_clock_that_is_put_back_repeats_the_same_answer(engine: Engine, clock: ManualClock, boss: Actor) -> None:
    """What was done as of a time can be repeated, although the clock was put back behind that time since."""
    at = clock()
    done = engine.note("x", "seen", by=boss, at=at, request_id="r")
    clock.advance(days=-1)

    assert done == engine.note("x", "seen", by=boss, at=at, request_id="r")
    with pytest.raises(InvalidValue, match="at: .* lies in the future"):
        engine.note("x", "seen", by=boss, at=at, request_id="other")


def test_nothing_is_remembered_of_what_was_not_written(engine: Engine, boss: Actor) -> None:
    """A call that failed before anything was attempted leaves its id free."""
    seen = engine.get("x")
    engine.note("x", "n", by=boss)
    for failing, kind in (
        (lambda: engine.note(seen, "n", by=boss, request_id="r"), Conflict),
        (lambda: engine.start("p", "x", by=boss, request_id="r"), AlreadyExists),
        (lambda: engine.send_back("x", "b", "jump", by=boss, request_id="r"), NoSuchMove),
    ):
        with pytest.raises(kind):
            failing()

    assert 3 == engine.note("x", "n", by=boss, request_id="r").n


def test_id_stands_in_the_event(engine: Engine, boss: Actor) -> None:
    """An event carries the id of its request and the digest of the parameters."""
    engine.note("x", "n", by=boss, request_id="r")
    request = engine.history("x")[-1].data["request"]

    assert ("r", 64) == (request["id"], len(request["fingerprint"]))


def test_answer_can_be_learnt_after_the_store_broke(clock: ManualClock, boss: Actor) -> None:
    """Where a store breaks while it commits, the error carries the id under which a repeated call gives the answer."""

    class Breaking(MemoryStore):
        broken = True

        @contextmanager
        def unit(self, agreement: str) -> Iterator[Unit]:
            with super().unit(agreement) as unit:
                yield Torn(self, unit)

    class Torn:
        def __init__(self, store: Breaking, unit: Unit) -> None:
            self.store, self.unit, self.id = store, unit, unit.id

        @property
        def agreement(self) -> Agreement | None:
            return self.unit.agreement

        def known(self, request: str) -> Known | None:
            return self.unit.known(request)

        def commit(
            self,
            agreement: Agreement,
            entry: Entry,
            notifications: Sequence[Notification],
            request: tuple[str, Known] | None,
            definition: Definition | None = None,
        ) -> None:
            self.unit.commit(agreement, entry, notifications, request, definition)
            if self.store.broken and entry.n > 1:
                self.store.broken = False
                message = "the connection died"
                raise OutcomeUnknown(message)

    engine = Engine(Breaking(), processes=[PROCESS], clock=clock)
    engine.start("p", "x", by=boss)
    with pytest.raises(OutcomeUnknown, match="repeat the call with request_id='r'") as unknown:
        engine.note("x", "n", by=boss, request_id="r")

    assert "r" == unknown.value.request_id
    assert engine.note("x", "n", by=boss, request_id="r") == engine.get("x")
    assert 2 == engine.get("x").n


def test_request_whose_event_is_gone_is_pointed_out(engine: Engine, boss: Actor) -> None:
    """Where the event of a known request is missing, nothing is guessed."""
    engine.note("x", "n", by=boss, request_id="r")
    store = engine._store
    assert isinstance(store, MemoryStore)
    store._entries["x"].pop()
    with pytest.raises(HistoryTampered, match="event 2 of the request 'r' is missing; run verify"):
        engine.note("x", "n", by=boss, request_id="r")
