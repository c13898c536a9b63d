"""The fold: what a history says, and which histories say nothing because they cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    Entry,
    Event,
    HistoryTampered,
    MemoryStore,
    Party,
    Process,
    Stage,
    approval,
    fold,
    unguarded,
)
from stagegate.testing import ManualClock

PROCESS = Process(
    id="p",
    version="1",
    stages=(
        Stage("a", owner="boss", gate=unguarded("x"), back_to="a"),
        Stage("b", owner=("boss", "clerk"), gate=unguarded("x") | approval("boss"), back_to="a"),
        Stage("c", owner="boss"),
    ),
)
BOSS = Actor(id="ann", roles={"boss"})


def life() -> tuple[Engine, list[Event]]:
    """Return an engine, and the events of an agreement to which everything has happened once."""
    engine = Engine(MemoryStore(), processes=[PROCESS], clock=ManualClock())
    engine.start("p", "x", title="X", parties=[Party("a")], by=BOSS)
    engine.attach("x", Document.from_bytes(b"1", kind="d", title="D"), by=BOSS)
    engine.record("x", "f", 1, source="s", by=BOSS)
    engine.approve("x", by=BOSS)
    engine.note("x", "n", by=BOSS)
    engine.advance("x", by=BOSS)
    engine.hold("x", "wait", by=BOSS)
    engine.resume("x", by=BOSS)
    engine.send_back("x", "a", "again", by=BOSS)
    engine.end("x", "withdrawn", by=BOSS)
    return engine, list(engine.history("x"))


def test_history_says_everything() -> None:
    """Folding the history step by step says where the agreement stood, who held it, and what was recorded, at every event."""
    _, events = life()
    steps = [fold(events[:n]) for n in range(1, len(events) + 1)]
    stages, owners, rounds, held, votes = [], [], [], [], []
    for deal in steps:
        assert deal is not None
        stages.append(deal.stage)
        owners.append(deal.owner)
        rounds.append(deal.round)
        held.append(deal.hold and deal.hold.reason)
        votes.append(len(deal.approvals))

    assert list("aaaaabbbaa") == stages
    assert [("boss",)] * 5 + [("boss", "clerk")] * 3 + [("boss",), ()] == owners
    assert [1] * 8 + [2, 2] == rounds
    assert [None] * 6 + ["wait", None, None, None] == held
    assert [0, 0, 0, 1, 1, 1, 1, 1, 0, 0] == votes
    assert steps[-1] is not None
    assert ("withdrawn", 10, 10) == (steps[-1].outcome, steps[-1].n, steps[-1].version)


def test_present_is_the_fold_of_entries_too() -> None:
    """The fold of the stored bytes, of the events, and the stored snapshot are one value."""
    engine, events = life()
    deal = engine.get("x")

    assert deal == fold(events) == fold(engine._store.history("x"))


def changed(event: Event, **fields: Any) -> Event:
    """Return the event with other fields; one that is `...` is left out."""
    data = {k: v for k, v in {**event.data, **fields}.items() if v is not ...}
    return Event(json.loads(json.dumps(data)), event.hash)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda e: e[1:],
        lambda e: [*e[:2], *e[3:]],
        lambda e: [*e[:2], e[3], e[2], *e[4:]],
        lambda e: [*e[:3], e[2], *e[3:]],
        lambda e: [e[0], e[0]],
        lambda e: [changed(e[0], n=2)],
        lambda e: [changed(e[0], kind="noted")],
        lambda e: [e[0], changed(e[1], agreement="y")],
        lambda e: [e[0], changed(e[1], n=3)],
        lambda e: [e[0], changed(e[1], n="2")],
        lambda e: [e[0], changed(e[1], **{"from": "b"})],
        lambda e: [e[0], changed(e[1], **{"from": ...})],
        lambda e: [e[0], changed(e[1], kind="guessed")],
        lambda e: [e[0], changed(e[1], kind=["attached"])],
        lambda e: [e[0], changed(e[1], kind=...)],
        lambda e: [e[0], changed(e[1], n=...)],
        lambda e: [e[0], changed(e[1], data=...)],
        lambda e: [e[0], changed(e[1], data={"document": {"kind": "d"}})],
        lambda e: [e[0], changed(e[1], data={"document": {"kind": "d", "digest": "0" * 64, "colour": "red"}})],
        lambda e: [e[0], changed(e[1], data={"document": {"kind": "d", "digest": "0" * 63}})],
        lambda e: [e[0], changed(e[1], data="document")],
        lambda e: [e[0], changed(e[1], actor=...)],
        lambda e: [e[0], changed(e[1], recorded_at="yesterday")],
        lambda e: [e[0], changed(e[1], recorded_at=...)],
        lambda e: [*e[:2], changed(e[2], data={"fact": "f", "value": 0.5})],
        lambda e: [*e[:2], changed(e[2], data={"fact": ["f"], "value": 1})],
        lambda e: [*e[:3], changed(e[3], data={"vote": "for"})],
        lambda e: [*e[:3], changed(e[3], data={"role": "boss", "vote": "for", "of": 3})],
        lambda e: [*e[:4], changed(e[4], voided=[{"by": "x"}])],
        lambda e: [*e[:4], changed(e[4], voided=3)],
        lambda e: [*e[:5], changed(e[5], to=...)],
        lambda e: [*e[:5], changed(e[5], to=["b"])],
        lambda e: [*e[:6], changed(e[6], data={})],
        lambda e: [*e[:9], changed(e[9], data={})],
        lambda e: [changed(e[0], process={"id": "p"})],
        lambda e: [changed(e[0], at="2025-13-01")],
        lambda e: [changed(e[0], data={"parties": [{"id": "é"}]})],
        lambda e: [changed(e[0], data=[])],
        lambda e: [Event({}, b"")],
        lambda e: [Event({"kind": "started"}, b"")],  # type: ignore[dict-item]  # what was tampered with has any type
    ],
)
def test_history_that_cannot_be_is_refused(tamper: Callable[[list[Event]], list[Event]]) -> None:
    """A history with an event missing, doubled, out of order, of another agreement, or damaged is not folded."""
    _, events = life()
    with pytest.raises(HistoryTampered, match=r"event"):
        fold(tamper(events))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"n":1}'])
def test_bytes_that_are_no_event_are_refused(body: bytes) -> None:
    """Bytes that are not the body of an event are not folded, whatever they are."""
    with pytest.raises(HistoryTampered, match=r"event"):
        fold([Entry(n=1, body=body, hash=bytes(32))])


def test_refused_attempt_moves_the_number_but_not_the_version() -> None:
    """After a refusal, only the number and the hash of the last event are others."""
    _, events = life()
    before = fold(events[:5])
    refused = changed(events[5], kind="refused", to=...)
    after = fold([*events[:5], Event(refused.data, b"h")])

    assert before is not None
    assert after is not None
    assert {"n", "head"} == {
        field
        for field in (
            "id",
            "title",
            "stage",
            "version",
            "n",
            "head",
            "changed_at",
            "approvals",
            "facts",
            "hold",
            "outcome",
        )
        if getattr(before, field) != getattr(after, field)
    }


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"[]",
        b"null",
        b"3",
        b'"x"',
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"id":"x"}',
    ],
)
def test_bytes_that_are_no_snapshot_are_refused(written: bytes) -> None:
    """Bytes that are not an agreement are refused as such."""
    with pytest.raises(HistoryTampered, match="snapshot cannot be read"):
        Agreement.from_json(written)


@pytest.mark.parametrize(
    "damage",
    [
        {"process": 3},
        {"process": {"id": "p"}},
        {"head": "xyz"},
        {"head": 3},
        {"started_at": "soon"},
        {"started_at": 3},
        {"rounds": 3},
        {"rounds": [1]},
        {"parties": [{"name": "A"}]},
        {"parties": 3},
        {"documents": [{"kind": "d"}]},
        {"documents": [3]},
        {"facts": {"f": {"value": 0.5, "by": "a", "n": 1}}},
        {"facts": [3]},
        {"approvals": [{"role": "x"}]},
        {"approvals": [3]},
        {"hold": {"reason": "x"}},
        {"hold": 3},
        {"owner": 3},
    ],
    ids=str,
)
def test_damaged_snapshots_are_refused(damage: dict[str, Any]) -> None:
    """A snapshot in which any part is something else is refused, not guessed at."""
    engine, _ = life()
    data = json.loads(engine.get("x").to_json()) | damage
    with pytest.raises(HistoryTampered, match="snapshot cannot be read"):
        Agreement.from_data(data)
