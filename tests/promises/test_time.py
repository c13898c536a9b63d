"""What stagegate promises, kept by what time brings and by the life after signing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    Conflict,
    Document,
    Engine,
    Event,
    GateClosed,
    InvalidValue,
    NoSuchMove,
    Notification,
    NotPermitted,
    Outcome,
    Process,
    Renewal,
    RequestReused,
    Stage,
    approval,
    calendar_days,
    document,
    hookimpl,
    parts,
)
from stagegate.testing import ManualClock

BOSS = Actor(id="ann", roles={"boss"})
COUNCIL = Actor(id="ben", roles={"council"})
STRANGER = Actor(id="eve", roles={"stranger"})
PROCESS = Process(
    id="p",
    version="1",
    stages=(
        Stage(
            "talks",
            owner="boss",
            within=calendar_days(10),
            remind=["5 calendar days"],
            gate=approval("council", within=calendar_days(20), silence="approves", basis="Art 1") & document("treaty"),
        ),
        Stage(
            "life",
            owner="boss",
            term="treaty.valid_until",
            renewal=Renewal("life", gate=approval("council"), term="extension.valid_until"),
            amend={"treaty": approval("council")},
            gate=parts(all="life"),
        ),
        Stage("end", owner="boss"),
    ),
    outcomes=(Outcome("expired", by="law"), Outcome("done", stages="end")),
)


class Mail:
    """Tell of every event, and fail to where told to."""

    def __init__(self) -> None:
        self.fails: set[tuple[str, str]] = set()

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell one person."""
        if (agreement.id, event.kind) in self.fails:
            raise RuntimeError
        return [Notification(channel="mail", kind=event.kind, context={"n": event.n})]


@pytest.fixture
def clock() -> ManualClock:
    """Stand still until told otherwise."""
    return ManualClock()


@pytest.fixture
def mail() -> Mail:
    """Return the plugin."""
    return Mail()


@pytest.fixture(params=["memory:", "sqlite:///"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, mail: Mail) -> Iterator[Engine]:
    """Open an engine on a store of either kind, with three agreements."""
    url = str(request.param) + (f"{tmp_path}/a.db" if request.param.startswith("sqlite") else "")
    with Engine.open(url, processes=[PROCESS], plugins=[mail], clock=clock) as engine:
        for id_ in ("a", "b", "c"):
            engine.start("p", id_, by=BOSS)
        yield engine


def kinds(engine: Engine, agreement: str) -> list[str]:
    """Return the kinds of its events."""
    return [event.kind for event in engine.history(agreement)]


def caused(engine: Engine) -> list[str]:
    """Return the ids of the notifications that the histories name."""
    events = [event for id_ in ("a", "b", "c") for event in engine.history(id_)]
    return sorted(told["id"] for event in events for told in event.data["notifications"])


def live(engine: Engine, agreement: str, until: str = "2026-07-24") -> Agreement:
    """Take an agreement to its life."""
    engine.attach(agreement, Document.from_bytes(b"1", kind="treaty", valid_until=until), by=BOSS)
    engine.approve(agreement, by=COUNCIL)
    return engine.advance(agreement, by=BOSS)


@pytest.mark.parametrize("kind, days", [("reminded", 6), ("overdue", 11), ("voted", 21)])
def test_sweep_tells_of_what_committed_and_of_nothing_else(
    engine: Engine, clock: ManualClock, mail: Mail, kind: str, days: int
) -> None:
    """Where a plugin fails in a sweep, that agreement is named and as it was, nobody is told, and the others go on."""
    for passing in range(1, days):
        clock.advance(days=1)
        if passing in (6, 11):
            engine.sweep()
    before, told = engine.history("b"), len(engine.outbox())
    mail.fails = {("b", kind)}
    clock.advance(days=1)
    swept = engine.sweep()

    assert [("b", True)] == [(id_, "mail" in said.lower()) for id_, said in swept.failed]
    assert before == engine.history("b")
    assert [kind, kind] == [kinds(engine, id_)[-1] for id_ in ("a", "c")]
    assert told + 2 == len(engine.outbox())
    assert caused(engine) == sorted(row.notification.id for row in engine.outbox())

    mail.fails = set()
    assert 1 == engine.sweep().total
    assert [kind] * 3 == [kinds(engine, id_)[-1] for id_ in ("a", "b", "c")]
    assert caused(engine) == sorted(row.notification.id for row in engine.outbox())
    assert engine.verify().ok


def test_nothing_is_renewed_or_amended_without_its_gate(engine: Engine) -> None:
    """A renewal and an amendment ask their gates, and a vote for the stage, or for the one before, does not count."""
    live(engine, "a")
    engine.attach("a", Document.from_bytes(b"e", kind="extension", valid_until="2030-01-01"), by=BOSS)
    longer = Document.from_bytes(b"2", kind="treaty", valid_until="2029-01-01")
    with pytest.raises(GateClosed, match="council"):
        engine.renew("a", by=BOSS)
    with pytest.raises(GateClosed, match="council"):
        engine.amend("a", longer, "why not", by=BOSS)
    with pytest.raises(GateClosed):
        engine.attach("a", longer, by=BOSS)
    engine.approve("a", by=COUNCIL)
    with pytest.raises(NotPermitted):
        engine.renew("a", by=STRANGER)
    renewed = engine.renew("a", by=BOSS)
    with pytest.raises(GateClosed, match="council"):
        engine.amend("a", longer, "the vote is used up", by=BOSS)

    assert ("life", 2, "2030-01-01") == (renewed.stage, renewed.round, str(renewed.deadlines["term"].date))


def test_no_move_leads_where_none_leads(engine: Engine) -> None:
    """There is no renewal from a stage that has none, nor to one it does not name, and no end that is the law's."""
    for attempt in (
        lambda: engine.renew("a", "life", by=BOSS),
        lambda: engine.amend("a", Document.from_bytes(b"1", kind="treaty"), "x", by=BOSS),
        lambda: engine.end("a", "done", by=BOSS),
    ):
        with pytest.raises(NoSuchMove):
            attempt()
    with pytest.raises(NotPermitted):
        engine.end("a", "expired", by=BOSS)
    live(engine, "a")
    for to in ("talks", "end"):
        with pytest.raises(NoSuchMove):
            engine.renew("a", to, by=BOSS)

    assert ("life", None) == (engine.get("a").stage, engine.get("a").outcome)


def test_what_is_over_cannot_be_prolonged(engine: Engine, clock: ManualClock) -> None:
    """When the term has ended, swept or not, nothing goes on; what was refused is in the history, and ends nothing."""
    live(engine, "a")
    engine.attach("a", Document.from_bytes(b"e", kind="extension", valid_until="2030-01-01"), by=BOSS)
    engine.approve("a", by=COUNCIL)
    clock.advance(days=400)
    with pytest.raises(GateClosed, match="2026-07-24"):
        engine.renew("a", by=BOSS)
    refused = engine.history("a")[-1]
    engine.sweep()
    with pytest.raises(NoSuchMove, match="ended"):
        engine.renew("a", by=BOSS)

    assert ("refused", "renew", ["deadline.passed"]) == (
        refused.kind,
        refused.move,
        [why["code"] for why in refused.data["data"]["unmet"]],
    )
    assert "expired" == engine.get("a").outcome
    assert engine.verify().ok


@pytest.mark.parametrize("actor", [Actor(id="law", roles={"boss"}), Actor(id="x", roles={"law", "boss"})])
def test_nobody_is_the_law(engine: Engine, actor: Actor) -> None:
    """Nobody acts under the id or in the role of the law, by any way into an engine; nothing of it is written."""
    paper = Document.from_bytes(b"1", kind="treaty")
    ways: list[Any] = [
        lambda: engine.start("p", "d", by=actor),
        lambda: engine.approve("a", role="council", by=actor),
        lambda: engine.advance("a", by=actor),
        lambda: engine.renew("a", by=actor),
        lambda: engine.amend("a", paper, "x", by=actor),
        lambda: engine.end("a", "expired", by=actor),
        lambda: engine.recompute("a", by=actor),
        lambda: engine.migrate("a", PROCESS, by=actor),
    ]
    for way in ways:
        with pytest.raises(InvalidValue, match="law"):
            way()

    assert (["started"], 3) == (kinds(engine, "a"), engine.count())


def test_part_is_no_way_around_a_gate(engine: Engine) -> None:
    """A part counts as far as it has come itself; who has no role in the whole starts none, and none is made its own."""
    live(engine, "a")
    part = engine.start("p", "a/1", part_of="a", by=BOSS)
    with pytest.raises(GateClosed, match="a/1"):
        engine.advance("a", by=BOSS)
    with pytest.raises(NotPermitted):
        engine.start("p", "a/2", part_of="a", by=STRANGER)
    for whole in ("a/3", 7, Agreement):
        with pytest.raises((InvalidValue, NoSuchMove)):
            engine.start("p", "a/3", part_of=whole, by=BOSS)  # type: ignore[arg-type]
    live(engine, part.id)

    assert "end" == engine.advance("a", by=BOSS).stage
    assert ["a/1"] == [found.id for found in engine.parts("a")]


def test_requests_of_the_new_moves_are_answered_once(engine: Engine) -> None:
    """A renewal that arrives twice is made once; under the same id, another move is refused, and so is a stale version."""
    seen = live(engine, "a")
    engine.attach("a", Document.from_bytes(b"e", kind="extension", valid_until="2030-01-01"), by=BOSS)
    engine.approve("a", by=COUNCIL)
    with pytest.raises(Conflict):
        engine.renew(seen, by=BOSS)
    first = engine.renew("a", by=BOSS, request_id="r")

    assert first == engine.renew("a", by=BOSS, request_id="r")
    with pytest.raises(RequestReused):
        engine.recompute("a", by=BOSS, request_id="r")
    with pytest.raises(RequestReused):
        engine.renew("a", by=BOSS, reason="other", request_id="r")
    assert first == engine.get("a")


def test_no_time_is_gained_by_what_has_no_effect(engine: Engine, clock: ManualClock) -> None:
    """Filing, recording, noting, a hold that is lifted at once, reckoning again: none of them moves a date."""
    before = engine.get("a").deadlines
    clock.advance(days=3)
    engine.attach("a", Document.from_bytes(b"x", kind="plan"), by=BOSS)
    engine.record("a", "f", 1, by=BOSS)
    engine.note("a", "n", by=BOSS)
    engine.hold("a", "x", by=BOSS)
    engine.resume("a", by=BOSS)
    engine.recompute("a", by=BOSS)

    assert {key: due.date for key, due in before.items()} == {
        key: due.date for key, due in engine.get("a").deadlines.items()
    }
