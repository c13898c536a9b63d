"""Questions: get, find, count, history. They read, and write nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stagegate import Actor, Engine, Event, InvalidValue, Outcome, Party, Process, Stage, fact, unguarded
from stagegate.testing import ManualClock

FIRST = Process(
    "first",
    "1",
    (
        Stage("draft", owner="boss", gate=unguarded("x")),
        Stage("review", owner=("boss", "clerk"), gate=fact("f")),
        Stage("done", owner="chief"),
    ),
)
SECOND = Process(
    "second",
    "1",
    (Stage("draft", owner="clerk", gate=unguarded("x")), Stage("end", owner="clerk")),
    outcomes=[Outcome("lost", by="boss")],
)


@pytest.fixture(params=["memory:", "sqlite:///"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, boss: Actor) -> Iterator[Engine]:
    """Open an engine with a dozen agreements in all sorts of states."""
    url = request.param + (f"{tmp_path}/a.db" if request.param.startswith("sqlite") else "")
    with Engine.open(url, processes=[FIRST, SECOND], clock=clock) as engine:
        for i in range(12):
            process = "second" if i % 3 == 2 else "first"
            who = Actor(id="c", roles={"clerk"}) if process == "second" else boss
            parties = [Party("bekasi", name="Kota Bekasi"), Party(f"city-{i}", name=f"CITY Straße {i}")]
            engine.start(process, f"a{i:02}", title=f"Deal {i} – 100%_", parties=parties[: i % 3], by=who)
            clock.advance(hours=1)
            if i % 4 == 1:
                engine.advance(f"a{i:02}", by=who)
            if i % 5 == 3:
                engine.hold(f"a{i:02}", "wait", by=who)
            if i % 6 == 5:
                engine.end(f"a{i:02}", "lost" if process == "second" else "withdrawn", by=boss)
        yield engine


QUERIES: list[dict[str, Any]] = [
    {},
    {"stage": "draft"},
    {"stage": "review", "process": "first"},
    {"stage": "nowhere"},
    {"process": "second"},
    {"outcome": "lost"},
    {"outcome": "withdrawn"},
    {"running": True},
    {"running": False},
    {"owner": "boss"},
    {"owner": "clerk"},
    {"owner": "clerk", "process": "first"},
    {"on_hold": True},
    {"on_hold": False, "running": True},
    {"party": "bekasi"},
    {"party": "city-5", "owner": "clerk"},
    {"party": "bekasi", "owner": "boss", "stage": "draft"},
    {"text": "deal 1"},
    {"text": "STRASSE"},
    {"text": "100%_"},
    {"text": "%"},
    {"text": "a0"},
    {"text": ""},
    {"text": "'; DROP TABLE agreement; --"},
]


def meant(engine: Engine, query: dict[str, Any]) -> list[str]:
    """Return the ids that a query means, found by looking at every agreement."""
    found = []
    for i in range(12):
        deal = engine.get(f"a{i:02}")
        values = {
            "stage": deal.stage,
            "process": deal.process.id,
            "outcome": deal.outcome,
            "running": deal.running,
            "on_hold": deal.hold is not None,
        }
        text = " ".join([deal.id, deal.title, *(f"{p.id} {p.name}" for p in deal.parties)]).casefold()
        if (
            all(values[k] == v for k, v in query.items() if k in values)
            and ("owner" not in query or query["owner"] in deal.owner)
            and ("party" not in query or query["party"] in [p.id for p in deal.parties])
            and query.get("text", "").casefold() in text
        ):
            found.append(deal.id)
    return found


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_find_is_what_looking_at_each_finds(engine: Engine, query: dict[str, Any]) -> None:
    """Whatever is asked, a listing has exactly the agreements that are meant, in the order of their ids."""
    found = engine.find(**query)

    assert meant(engine, query) == [deal.id for deal in found.items]
    assert found.next is None
    assert [engine.get(deal.id) for deal in found.items] == list(found.items)


@pytest.mark.parametrize("query", [q for q in QUERIES if not {"party", "text"} & set(q)], ids=str)
def test_count_is_the_length_of_the_listing(engine: Engine, query: dict[str, Any]) -> None:
    """Counting agrees with listing, in all and by every value; an agreement of several owners counts for each."""
    deals = engine.find(**query).items
    assert len(deals) == engine.count(**query)

    def by(values: Any) -> dict[Any, int]:
        flat = [value for deal in deals for value in values(deal)]
        return {value: flat.count(value) for value in set(flat)}

    assert by(lambda d: [d.stage]) == engine.count(by="stage", **query)
    assert by(lambda d: [d.process.id]) == engine.count(by="process", **query)
    assert by(lambda d: [d.outcome]) == engine.count(by="outcome", **query)
    assert by(lambda d: [d.running]) == engine.count(by="running", **query)
    assert by(lambda d: d.owner) == engine.count(by="owner", **query)
    assert by(lambda d: [d.hold is not None]) == engine.count(by="on_hold", **query)


@pytest.mark.parametrize("limit", [1, 2, 5, 11, 12, 13, 500])
@pytest.mark.parametrize("query", [{}, {"owner": "boss"}, {"party": "bekasi"}, {"text": "deal"}], ids=str)
def test_pages_hold_each_agreement_once(engine: Engine, limit: int, query: dict[str, Any]) -> None:
    """Turning the pages, every agreement is met exactly once, in order, and the last page says that it is the last."""
    seen: list[str] = []
    after: str | None = None
    pages = 0
    while pages == 0 or after is not None:
        page = engine.find(**query, after=after, limit=limit)
        seen += [deal.id for deal in page.items]
        after, pages = page.next, pages + 1
        assert 1 <= len(page.items) <= limit

    assert meant(engine, query) == seen
    assert -(-len(seen) // limit) == pages


def test_pages_are_turned_by_key(engine: Engine, boss: Actor) -> None:
    """What is added between two pages neither doubles nor hides what was there."""
    first = engine.find(limit=6)
    engine.start("first", "a00b", by=boss)
    engine.start("first", "a06b", by=boss)
    second = engine.find(limit=50, after=first.next)

    assert [f"a{i:02}" for i in range(6)] == [deal.id for deal in first.items]
    assert ["a06", "a06b", *(f"a{i:02}" for i in range(7, 12))] == [deal.id for deal in second.items]


def test_what_changed_since(engine: Engine, clock: ManualClock, boss: Actor) -> None:
    """A listing can be asked for what changed at or after an instant; a refused attempt is no change."""
    moment = clock.advance(hours=1)
    engine.note("a00", "n", by=boss)
    clock.advance(hours=1)
    engine.note("a06", "n", by=boss)
    with pytest.raises(Exception, match="may not"):
        engine.advance("a07", by=Actor(id="eve"))

    assert ["a00", "a06"] == [deal.id for deal in engine.find(changed_since=moment).items]
    assert ["a06"] == [deal.id for deal in engine.find(changed_since=moment + timedelta(microseconds=1)).items]
    assert [] == list(engine.find(changed_since=clock() + timedelta(microseconds=1)).items)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": 501},
        {"limit": True},
        {"limit": "5"},
        {"changed_since": datetime(2025, 7, 24)},  # noqa: DTZ001  the point
        {"changed_since": "2025-07-24"},
        {"text": 5},
        {"stage": 5},
        {"process": b"p"},
        {"outcome": ["x"]},
        {"owner": {"boss"}},
        {"party": 5},
        {"after": 5},
        {"running": "yes"},
        {"on_hold": 1},
        {"stage": "\ud800"},
        {"text": "a\0b"},
    ],
    ids=str,
)
def test_find_refuses_what_cannot_be_meant(engine: Engine, query: dict[str, Any]) -> None:
    """A question with a value of the wrong kind is refused by both stores alike."""
    with pytest.raises(InvalidValue):
        engine.find(**query)


@pytest.mark.parametrize(
    "query", [{"by": "title"}, {"by": "party"}, {"by": 3}, {"stage": 5}, {"running": "no"}], ids=str
)
def test_count_refuses_what_cannot_be_meant(engine: Engine, query: dict[str, Any]) -> None:
    """Counting by something that is not counted is refused, with what can be."""
    with pytest.raises(InvalidValue):
        engine.count(**query)


def test_history(engine: Engine, boss: Actor) -> None:
    """A history is read in order, in whole or after a number, by id or by agreement; asking for more than there is gives nothing."""
    deal = engine.note("a00", "n", by=boss)
    events = engine.history(deal)

    assert [1, 2] == [event.n for event in events]
    assert all(isinstance(event, Event) for event in events)
    assert events[1:] == engine.history("a00", after=1)
    assert () == engine.history("a00", after=2) == engine.history("a00", after=10**9)


@pytest.mark.parametrize("after", [-1, "1", 1.0, None, True])
def test_history_refuses_what_is_no_number(engine: Engine, after: Any) -> None:
    """The number after which a history is read is a number from 0."""
    with pytest.raises(InvalidValue):
        engine.history("a00", after=after)


def test_get_takes_an_agreement_too(engine: Engine, boss: Actor) -> None:
    """Given an agreement, the present one of its id is returned."""
    before = engine.get("a00")
    engine.note("a00", "n", by=boss)

    assert 2 == engine.get(before).n


def test_asking_writes_nothing(engine: Engine, boss: Actor) -> None:
    """No question leaves a trace."""
    before = [engine.get(f"a{i:02}") for i in range(12)]
    for deal in before:
        engine.options(deal, by=boss)
        engine.history(deal)
    engine.find(text="deal")
    engine.count(by="owner")
    engine.verify()
    engine.outbox()

    assert before == [engine.get(f"a{i:02}") for i in range(12)]
