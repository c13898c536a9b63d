"""What happens within a stage: start, attach, record, note; votes have their own file."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stagegate import (
    Actor,
    AlreadyExists,
    Document,
    Engine,
    InvalidValue,
    MemoryStore,
    NotFound,
    NotPermitted,
    Party,
    Process,
    Stage,
    document,
    fact,
    unguarded,
)
from stagegate.testing import ManualClock

PROCESS = Process(
    id="p",
    version="1",
    stages=(
        Stage("draft", owner="boss", gate=fact("f") & document("d"), contributors="clerk"),
        Stage("open", owner="boss", gate=unguarded("x")),
        Stage("done", owner="chief"),
    ),
)
CLERK, CHIEF, STRANGER = (Actor(id=role, roles={role}) for role in ("clerk", "chief", "stranger"))


@pytest.fixture
def engine(clock: ManualClock) -> Engine:
    """Open an engine that knows the process."""
    return Engine(MemoryStore(), processes=[PROCESS], clock=clock)


@pytest.fixture
def deal(engine: Engine, boss: Actor) -> str:
    """Start an agreement."""
    engine.start("p", "x", by=boss)
    return "x"


def test_start(engine: Engine, clock: ManualClock) -> None:
    """Starting gives an agreement in the first stage, with title, parties, owner and times, and one event that says so."""
    parties = [Party("bekasi", name="Bekasi"), Party("izumisano")]
    deal = engine.start("p", "x", title="Twins", parties=parties, by=CHIEF)
    (event,) = engine.history("x")

    assert ("x", "Twins", "draft", ("boss",), 1, 1, 1, "chief") == (
        deal.id,
        deal.title,
        deal.stage,
        deal.owner,
        deal.version,
        deal.n,
        deal.round,
        deal.started_by,
    )
    assert (tuple(parties), PROCESS.pin, clock(), clock(), clock()) == (
        deal.parties,
        deal.process,
        deal.started_at,
        deal.entered_at,
        deal.changed_at,
    )
    assert ("started", "start", "draft", ["chief"]) == (
        event.kind,
        event.move,
        event.data["to"],
        list(event.data["actor"]["roles"]),
    )
    assert deal == engine.get("x")


def test_id_is_taken_once(engine: Engine, deal: str, boss: Actor) -> None:
    """A second agreement of one id is refused, and the first is untouched."""
    with pytest.raises(AlreadyExists, match="already an agreement 'x'"):
        engine.start("p", "x", title="other", by=boss)

    assert ("", 1) == (engine.get(deal).title, engine.get(deal).n)


def test_start_needs_a_part_in_the_process(engine: Engine) -> None:
    """Who has no role in the process cannot start an agreement, and nothing is written."""
    with pytest.raises(NotPermitted, match="'stranger' may not start: that is for boss or chief or clerk") as refused:
        engine.start("p", "x", by=STRANGER)

    assert (0, ("boss", "chief", "clerk")) == (refused.value.n, refused.value.roles)
    with pytest.raises(NotFound):
        engine.get("x")


@pytest.mark.parametrize(
    "arguments",
    [
        {"agreement": ""},
        {"agreement": " x"},
        {"agreement": "x\n"},
        {"agreement": 3},
        {"agreement": "x" * 201},
        {"title": 3},
        {"title": "a\0b"},
        {"title": "x" * 70_000},
        {"parties": ["bekasi"]},
        {"parties": [Party("a"), Party("a", name="A")]},
        {"parties": 3},
        {"by": "ann"},
        {"by": None},
        {"at": "2025-07-24"},
        {"at": datetime(2025, 7, 24)},  # noqa: DTZ001  the point
        {"request_id": ""},
        {"request_id": 3},
    ],
    ids=str,
)
def test_start_refuses_what_cannot_be_recorded(engine: Engine, boss: Actor, arguments: dict[str, Any]) -> None:
    """A start with an id, title, party, actor or time that cannot be recorded is refused, and nothing is written."""
    with pytest.raises(InvalidValue):
        engine.start(**{"process": "p", "agreement": "x", "by": boss, **arguments})

    assert () == engine.find().items


def test_attach(engine: Engine, deal: str, boss: Actor) -> None:
    """A filed document is known by its kind, with the event that filed it and who did, whatever the caller says of that."""
    made = Document(kind="d", digest="0" * 64, title="Plan", signed_by={"b", "a"}, fields={"cost": 3}, n=99, by="eve")
    filed = engine.attach(deal, made, by=boss).documents["d"]
    event = engine.history(deal)[-1]

    assert (2, "ann", "Plan", ("a", "b"), {"cost": 3}) == (
        filed.n,
        filed.by,
        filed.title,
        filed.signed_by,
        filed.fields,
    )
    assert ("attached", "attach") == (event.kind, event.move)
    assert {
        "document": {"digest": "0" * 64, "fields": {"cost": 3}, "kind": "d", "signed_by": ["a", "b"], "title": "Plan"}
    } == _plain(event.data["data"])


def _plain(value: Any) -> Any:
    """Return a value with lists instead of tuples."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def test_second_document_of_a_kind_is_a_new_version(engine: Engine, deal: str, boss: Actor) -> None:
    """The last document of a kind is the current one; the earlier stays in the history."""
    engine.attach(deal, Document.from_bytes(b"1", kind="d"), by=boss)
    after = engine.attach(deal, Document.from_bytes(b"2", kind="d"), by=boss)

    assert (3, Document.from_bytes(b"2", kind="d").digest) == (after.documents["d"].n, after.documents["d"].digest)
    assert 2 == sum(event.kind == "attached" for event in engine.history(deal))


def test_record(engine: Engine, deal: str, boss: Actor) -> None:
    """A recorded fact is known by its name, with its value, source, who and when; the last value counts."""
    engine.record(deal, "cost", 3, source="letter 7", by=boss)
    first = engine.get(deal).facts["cost"]
    after = engine.record(deal, "cost", [1, {"a": None}], by=CLERK)

    assert (3, "letter 7", "ann", 2) == (first.value, first.source, first.by, first.n)
    assert ((1, {"a": None}), "", "clerk", 3) == tuple(
        getattr(after.facts["cost"], field) for field in ("value", "source", "by", "n")
    )


def test_note(engine: Engine, deal: str, boss: Actor) -> None:
    """A note is in the history and changes nothing but the version."""
    before = engine.get(deal)
    after = engine.note(deal, "The minister called.\nTwice.", by=boss)
    event = engine.history(deal)[-1]

    assert ("noted", "The minister called.\nTwice.", 2) == (event.kind, event.data["data"]["text"], after.version)
    assert (before.stage, before.facts, before.documents) == (after.stage, after.facts, after.documents)


@pytest.mark.parametrize(
    "act",
    [
        lambda e, by: e.attach("x", Document.from_bytes(b"", kind="d"), by=by),
        lambda e, by: e.record("x", "f", 1, by=by),
        lambda e, by: e.note("x", "n", by=by),
    ],
    ids=["attach", "record", "note"],
)
def test_who_may_contribute(engine: Engine, deal: str, boss: Actor, act: Callable[[Engine, Actor], Any]) -> None:
    """Where a stage names contributors, they and its owner may act in it; where it names none, whoever has a part may."""
    for who in (boss, CLERK):
        act(engine, who)
    for who in (CHIEF, STRANGER):
        with pytest.raises(NotPermitted, match="that is for boss or clerk") as refused:
            act(engine, who)
        assert ("refused", refused.value.n) == (engine.history(deal)[-1].kind, engine.get(deal).n)
    engine.attach(deal, Document.from_bytes(b"", kind="d"), by=boss)
    engine.record(deal, "f", 1, by=boss)
    engine.advance(deal, by=boss)
    for who in (boss, CLERK, CHIEF):
        act(engine, who)
    with pytest.raises(NotPermitted):
        act(engine, STRANGER)


def test_role_in_use_is_recorded(engine: Engine, deal: str) -> None:
    """An event names the roles that counted, and on whose behalf the actor acted."""
    both = Actor(id="ann", roles={"stranger", "clerk", "boss"}, on_behalf_of="the mayor")
    engine.note(deal, "n", by=both)
    actor = engine.history(deal)[-1].data["actor"]

    assert ("ann", ["boss", "clerk"], "the mayor") == (actor["id"], list(actor["roles"]), actor["on_behalf_of"])


@pytest.mark.parametrize(
    "act",
    [
        lambda e, by: e.attach("x", "report.pdf", by=by),
        lambda e, by: e.attach("x", None, by=by),
        lambda e, by: e.attach("x", b"bytes", by=by),
        lambda e, by: e.record("x", "", 1, by=by),
        lambda e, by: e.record("x", "é", 1, by=by),
        lambda e, by: e.record("x", 3, 1, by=by),
        lambda e, by: e.record("x", "f", 0.5, by=by),
        lambda e, by: e.record("x", "f", 1, source=3, by=by),
        lambda e, by: e.note("x", 3, by=by),
        lambda e, by: e.note("x", "\ud800", by=by),
        lambda e, by: e.note("x", "", by=by),
        lambda e, by: e.note(3, "n", by=by),
        lambda e, by: e.note(None, "n", by=by),
        lambda e, by: e.note("x", "n", by=by.id),
        lambda e, by: e.note("x", "n", by=None),
        lambda e, by: e.note("x", "n", by=by, at=3),
        lambda e, by: e.note("x", "n", by=by, at=datetime(2025, 7, 24)),  # noqa: DTZ001  the point
        lambda e, by: e.note("x", "n", by=by, at=datetime.max.replace(tzinfo=UTC)),
        lambda e, by: e.note("x", "n", by=by, request_id=" "),
        lambda e, by: e.approve("x", role="boss", reason=3, by=by),
    ],
)
def test_acts_refuse_what_cannot_be_recorded(
    engine: Engine, deal: str, boss: Actor, act: Callable[[Engine, Actor], Any]
) -> None:
    """An act with something that cannot be recorded is refused, and nothing is written."""
    with pytest.raises(InvalidValue):
        act(engine, boss)

    assert 1 == engine.get(deal).n


@pytest.mark.parametrize("act", ["note", "advance", "hold", "get", "options", "history", "verify"])
def test_unknown_agreement(engine: Engine, deal: str, boss: Actor, act: str) -> None:
    """Whatever is asked of an agreement that is not there says so."""
    calls: dict[str, Callable[[], Any]] = {
        "note": lambda: engine.note("y", "n", by=boss),
        "advance": lambda: engine.advance("y", by=boss),
        "hold": lambda: engine.hold("y", "w", by=boss),
        "get": lambda: engine.get("y"),
        "options": lambda: engine.options("y", by=boss),
        "history": lambda: engine.history("y"),
        "verify": lambda: engine.verify("y"),
    }
    with pytest.raises(NotFound, match="no agreement 'y'"):
        calls[act]()

    assert [deal] == [item.id for item in engine.find().items]


def test_time_of_effect(engine: Engine, clock: ManualClock, boss: Actor) -> None:
    """What took effect earlier is recorded as of then, and the event keeps both times; the future is refused."""
    engine.start("p", "x", by=boss, at=clock() - timedelta(days=9))
    earlier = clock() - timedelta(days=1)
    engine.note("x", "n", by=boss, at=earlier)
    event = engine.history("x")[-1]

    assert (earlier, clock()) == (event.at, event.recorded_at)
    assert clock() - timedelta(days=9) == engine.get("x").entered_at == engine.get("x").started_at
    with pytest.raises(InvalidValue, match="lies in the future"):
        engine.note("x", "n", by=boss, at=clock() + timedelta(microseconds=1))
    assert 2 == engine.get("x").n


def test_agreements_are_compared_by_version(engine: Engine, deal: str, boss: Actor) -> None:
    """Values that an engine hands out stay what they were: a later act gives another value."""
    before = engine.get(deal)
    kept = copy.deepcopy(before)
    after = engine.note(deal, "n", by=boss)

    assert kept == before != after
