"""What the passing of time brings, in which order, and once, whoever sweeps."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Attempt,
    Calendar,
    Document,
    Duty,
    Engine,
    Event,
    MemoryStore,
    Outcome,
    Process,
    Stage,
    Swept,
    approval,
    calendar_days,
    document,
    fact,
    months,
    requirement,
    unguarded,
    workdays,
)
from stagegate._running import Deadline
from stagegate._sweeping import THE_LAW, lapse, uncertain
from stagegate._text import frozendict
from stagegate.testing import ManualClock

BOSS = Actor(id="ann", roles={"boss"})
START = datetime(2025, 7, 24, 9, tzinfo=UTC)


class Play:
    """Agreements that are at their first stage since Thursday 24 July 2025."""

    def __init__(self, *stages: Stage, url: str = "", calendars: Sequence[Calendar] = (), **process: Any) -> None:
        self.clock = ManualClock(START)
        self.process = Process("play", "1", stages, **process)
        self.url, self.calendars = url, calendars
        self.engine = self.open()
        self.engine.start("play", "deal", by=BOSS)

    def open(self) -> Engine:
        """Open an engine on the store."""
        if self.url:
            return Engine.open(self.url, processes=[self.process], calendars=self.calendars, clock=self.clock)
        return Engine(MemoryStore(), processes=[self.process], calendars=self.calendars, clock=self.clock)

    def sweep(self, **later: float) -> Swept:
        """Sweep, some time later."""
        if later:
            self.clock.advance(**later)
        return self.engine.sweep()

    @property
    def deal(self) -> Agreement:
        """The agreement as it is."""
        return self.engine.get("deal")

    @property
    def told(self) -> list[tuple[str, str]]:
        """What the law did: the kind of each event, and what it was about."""
        events = self.engine.history("deal")
        return [(event.kind, about(event)) for event in events if event.actor == "law"]


def about(event: Event) -> str:
    """Return the key of the deadline that an event of the law is about."""
    data = event.data["data"]
    return str(data.get("deadline") or data["silence"]["deadline"])


def stage(**given: Any) -> Stage:
    """Return the stage whose time passes."""
    return Stage("work", **{"owner": "boss", "gate": fact("ready"), **given})


LAST = Stage("last", owner="boss")


class TestOrder:
    """What comes first."""

    def test_by_date(self) -> None:
        """What fell due first is told first, whatever it is."""
        gate = fact("x", id="late", within=calendar_days(9)) & fact("y", id="early", within=calendar_days(2))
        it = Play(stage(gate=gate, within=calendar_days(5)), LAST)
        swept = it.sweep(days=20)

        assert 3 == swept.overdue
        assert [
            ("overdue", "requirement:early"),
            ("overdue", "stage:work"),
            ("overdue", "requirement:late"),
        ] == it.told

    def test_term_comes_last_among_equals(self) -> None:
        """What falls due on the last day of a term is said before the term ends the agreement."""
        it = Play(stage(term="9 calendar days", duties=[Duty("report", every=calendar_days(9))]), LAST)
        it.sweep(days=20)

        assert [("overdue", "duty:report"), ("moved", "term")] == it.told

    def test_nothing_comes_after_the_end(self) -> None:
        """What would fall due after an agreement has ended falls due no more."""
        it = Play(stage(term="5 calendar days", duties=[Duty("report", every=calendar_days(9))]), LAST)
        swept = it.sweep(days=20)

        assert (1, 1) == (swept.total, swept.ended)
        assert [("moved", "term")] == it.told
        assert {} == it.deal.deadlines
        assert 0 == it.sweep(days=20).total

    def test_passed_goes_before_reminders(self) -> None:
        """Where a reminder was missed as well, only that the date has passed is said."""
        it = Play(stage(within=calendar_days(9), remind=["2 calendar days", "5 calendar days"]), LAST)

        assert (0, 1) == (it.sweep(days=20).reminded, it.deal.overdue)
        assert [("overdue", "stage:work")] == it.told

    def test_reminders_by_date(self) -> None:
        """Of several things the one that is due first is reminded of first."""
        duties = [
            Duty("b", every=calendar_days(20), remind=["5 calendar days"]),
            Duty("a", every=calendar_days(30), remind=["10 calendar days"]),
        ]
        it = Play(stage(duties=duties), LAST)

        assert 1 == it.sweep(days=17).reminded
        assert (1, 1) == ((swept := it.sweep(days=5)).overdue, swept.reminded)
        assert [("reminded", "duty:b"), ("overdue", "duty:b"), ("reminded", "duty:a")] == it.told

    def test_effect_takes_place_when_the_date_passed(self) -> None:
        """However late it is swept, what time brought took effect when the date had passed."""
        it = Play(stage(within=calendar_days(5)), LAST)
        it.sweep(days=100)
        event = it.engine.history("deal")[-1]

        assert (datetime(2025, 7, 30, tzinfo=UTC), it.clock()) == (event.at, event.recorded_at)

    def test_effect_is_not_before_entering(self) -> None:
        """A date that had passed when the stage was entered takes effect on entering it."""
        it = Play(stage(within=calendar_days(5, since="letter.dated")), LAST)
        it.engine.attach("deal", Document.from_bytes(b"x", kind="letter", dated="2025-01-01"), by=BOSS)
        it.sweep(days=1)

        assert START == it.engine.history("deal")[-1].at


class TestEach:
    """What each kind of thing says."""

    def test_stage(self) -> None:
        """An overdue stage is said with its date, its rule and its basis."""
        it = Play(stage(within=workdays(5), basis="Rule 1"), LAST)
        it.sweep(days=20)
        data = it.engine.history("deal")[-1].data["data"]

        assert {"basis": "Rule 1", "date": "2025-07-31", "deadline": "stage:work", "rule": {"workdays": 5}} == dict(
            data
        )

    def test_requirement(self) -> None:
        """An overdue requirement is said with what it lacks."""
        it = Play(stage(gate=document("plan", id="G1", within=workdays(5), basis="Rule 2")), LAST)
        it.sweep(days=20)
        data = it.engine.history("deal")[-1].data["data"]

        assert ("requirement:G1", "Rule 2") == (data["deadline"], data["basis"])
        assert ["document.missing"] == [why["code"] for why in data["unmet"]]

    def test_requirement_that_cannot_be_asked(self) -> None:
        """A requirement that fails when it is asked is not met: that is said, and nothing breaks."""

        @requirement(code="broken", version="1")
        def broken(_: Attempt) -> bool:
            raise LookupError

        it = Play(stage(duties=[Duty("state", gate=broken, within=calendar_days(5))]), LAST)

        assert 1 == it.sweep(days=20).overdue
        assert "guard.error" == it.engine.history("deal")[-1].data["data"]["unmet"][0]["code"]

    def test_document_of_the_time_before(self) -> None:
        """The report of last year does not stand in for this year's."""
        it = Play(stage(duties=[Duty("report", every=calendar_days(10), basis="Rule 3")]), LAST)
        it.engine.attach("deal", Document.from_bytes(b"1", kind="report"), by=BOSS)

        assert 0 == it.sweep(days=15).total
        assert 1 == it.sweep(days=15).overdue
        data = it.engine.history("deal")[-1].data["data"]
        assert [{"document": "report"}] == [dict(why["params"]) for why in data["unmet"]]
        assert "Rule 3" == data["basis"]

    def test_term(self) -> None:
        """A term that ends says which, by what rule; the documents it stood on are named."""
        plan = Stage("plan", owner="boss", gate=unguarded("x"))
        it = Play(
            plan, stage(term="pact.valid_until", on_expiry="over", basis="Rule 4"), LAST, outcomes=[Outcome("over")]
        )
        pact = Document.from_bytes(b"x", kind="pact", valid_until="2025-08-31")
        it.engine.attach("deal", pact, by=BOSS)
        it.engine.advance("deal", by=BOSS)
        swept = it.sweep(days=100)
        event = it.engine.history("deal")[-1]

        assert (1, 1, "over") == (swept.ended, swept.total, it.deal.outcome)
        assert datetime(2025, 9, 1, tzinfo=UTC) == event.at
        assert {
            "outcome": "over",
            "deadline": "term",
            "date": "2025-08-31",
            "rule": {"until": "pact.valid_until"},
            "basis": "Rule 4",
        } == dict(event.data["data"])
        assert [{"kind": "pact", "digest": pact.digest}] == [dict(one) for one in event.data["documents"]]

    def test_silence(self) -> None:
        """A decision by silence is a vote of the law, bound to the text as it is, with the rule it rests on."""
        gate = approval("council", of="plan", within=calendar_days(5), silence="approves", basis="Rule 5")
        it = Play(stage(gate=gate), LAST)
        plan = Document.from_bytes(b"x", kind="plan")
        it.engine.attach("deal", plan, by=BOSS)
        swept = it.sweep(days=20)
        (vote,) = it.deal.approvals

        assert (1, 1) == (swept.decided, swept.total)
        assert ("law", "for", {"plan": plan.digest}) == (vote.by, vote.vote, vote.of)
        assert {"deadline", "date", "rule", "basis"} == set(vote.silence)
        assert [{"kind": "plan", "digest": plan.digest}] == [
            dict(d) for d in it.engine.history("deal")[-1].data["documents"]
        ]


class TestOnce:
    """Each thing happens once."""

    @pytest.mark.parametrize("sweeps", [1, 7, 20])
    def test_however_often(self, sweeps: int) -> None:
        """However often it is swept, each thing is said once."""
        gate = approval("council", within=calendar_days(5), silence="refuses", basis="R") & fact("x", within=months(1))
        it = Play(stage(gate=gate, within=calendar_days(9), remind=["2 calendar days"]), LAST)
        for _ in range(60 // sweeps):
            it.sweep(days=sweeps)

        assert [
            ("voted", "requirement:approval:council"),
            *([("reminded", "stage:work")] if sweeps < 20 else []),
            ("overdue", "stage:work"),
            ("overdue", "requirement:fact:x"),
        ] == it.told

    def test_however_many(self, tmp_path: Path) -> None:
        """Whoever sweeps at the same time, on one store, each thing happens once, and all of it happens."""
        it = Play(stage(within=calendar_days(9)), LAST, url=f"sqlite:///{tmp_path / 'deals.db'}")
        for n in range(12):
            it.engine.start("play", f"deal-{n}", by=BOSS)
        it.clock.advance(days=20)
        engines = [it.open() for _ in range(4)]
        done: list[Swept] = []
        threads = [threading.Thread(target=lambda one=engine: done.append(one.sweep())) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert 13 == sum(swept.overdue for swept in done)
        assert all(not swept.failed for swept in done)
        for deal in it.engine.find().items:
            assert ["started", "overdue"] == [event.kind for event in it.engine.history(deal)]
        assert it.engine.verify().ok
        for engine in (*engines, it.engine):
            engine.close()

    def test_more_than_a_page(self) -> None:
        """All that is due is looked at, however much it is."""
        it = Play(stage(within=calendar_days(9)), LAST)
        for n in range(450):
            it.engine.start("play", f"deal-{n}", by=BOSS)
        swept = it.sweep(days=20)

        assert (451, 451) == (swept.agreements, swept.overdue)
        assert 0 == it.sweep().agreements

    def test_limit_counts_what_is_changed(self) -> None:
        """A limited sweep changes no more than so many, and the next goes on where it stopped."""
        it = Play(stage(within=calendar_days(9)), LAST)
        for n in range(6):
            it.engine.start("play", f"deal-{n}", by=BOSS)
        it.clock.advance(days=20)

        assert [3, 3, 1, 0] == [it.engine.sweep(limit=3).agreements for _ in range(4)]


class TestUncertain:
    """Beyond what a calendar covers nobody can be sure."""

    def make(self) -> Play:
        """Return an agreement whose date lies beyond its calendar."""
        short = Calendar(
            id="short", version="1", holidays={"2025-07-25": "a feast"}, first="2025-01-01", last="2025-07-31"
        )
        return Play(
            stage(within=workdays(10), remind=["1 workday"], duties=[Duty("report", every=calendar_days(5))]),
            LAST,
            calendar="short",
            calendars=[short],
        )

    def test_nothing_is_done(self) -> None:
        """A date that is not certain brings nothing; the sweep names the agreement, each time."""
        it = self.make()

        assert not it.deal.deadlines["stage:work"].certain
        swept = it.sweep(days=60)
        assert ("deal",) == swept.uncertain
        assert 1 == swept.overdue
        assert [("reminded", "stage:work"), ("overdue", "duty:report")] == sorted(it.told, reverse=True)
        assert ("deal",) == it.sweep(days=1).uncertain
        assert 0 == it.sweep().total

    def test_recomputed_it_is_done(self) -> None:
        """Reckoned again by a calendar that covers it, its time takes its course."""
        it = self.make()
        it.sweep(days=60)
        longer = Calendar(
            id="short", version="2", holidays={"2025-07-25": "a feast"}, first="2025-01-01", last="2026-12-31"
        )
        engine = Engine(it.engine._store, processes=[it.process], calendars=[longer], clock=it.clock)
        engine.recompute("deal", by=BOSS)
        swept = engine.sweep()

        assert ((), 1) == (swept.uncertain, swept.overdue)


class TestDecision:
    """The decision by itself: pure, and of what is there."""

    def attempt(self, deal: Agreement, days: int = 20) -> Attempt:
        """Return what a sweep looks at."""
        return Attempt(agreement=deal, move="sweep", actor=THE_LAW, at=START + timedelta(days=days))

    def test_nothing_of_what_has_ended(self) -> None:
        """Nothing is due of what has ended."""
        it = Play(stage(within=calendar_days(5)), LAST)
        deal = it.deal

        assert lapse(it.process, self.attempt(deal)) is not None
        assert lapse(it.process, self.attempt(attrs.evolve(deal, outcome="withdrawn"))) is None
        assert lapse(it.process, self.attempt(deal, days=1)) is None

    @pytest.mark.parametrize("key", ["requirement:gone", "duty:gone"])
    def test_what_is_asked_no_more_is_written_off(self, key: str) -> None:
        """A deadline of what the stage does not ask is settled, not said to be late."""
        it = Play(stage(), LAST)
        day = date(2025, 7, 29)
        gone = Deadline(key=key, rule=frozendict({"workdays": 3}), start=day, date=day, at=START + timedelta(days=6))
        found = lapse(it.process, self.attempt(attrs.evolve(it.deal, deadlines=frozendict({key: gone}))))

        assert found is not None
        assert ("settled", "reckoned", key) == (found.effect, found.change.kind, found.change.data["deadline"])

    @pytest.mark.parametrize(
        "about, expected",
        [
            ({"certain": False}, True),
            ({}, False),
            ({"certain": False, "overdue": True}, False),
            ({"certain": False, "at": None}, False),
        ],
        ids=["uncertain", "certain", "said", "still"],
    )
    def test_uncertain(self, about: dict[str, Any], expected: bool) -> None:
        """Uncertain is what has passed by a date that is not sure, and was not said yet."""
        it = Play(stage(), LAST)
        given = {"key": "stage:work", "rule": frozendict({"workdays": 3}), "start": START.date(), "at": START, **about}
        deal = attrs.evolve(it.deal, deadlines=frozendict({"stage:work": Deadline(**given)}))

        assert expected == uncertain(deal, START + timedelta(days=1))
        assert not uncertain(deal, START - timedelta(days=1))


class TestSwept:
    """What a sweep answers."""

    def test_of(self) -> None:
        """What was done to one agreement is counted by kind."""
        swept = Swept.of(["overdue", "reminded", "overdue"], ("x",))

        assert (2, 1, 0, 3, 1, ("x",)) == (
            swept.overdue, swept.reminded, swept.ended, swept.total, swept.agreements, swept.uncertain
        )  # fmt: skip
        assert 0 == Swept.of([], ()).agreements

    def test_sum(self) -> None:
        """What was done to several is the sum of what was done to each."""
        one = Swept(reminded=1, overdue=2, decided=3, ended=4, settled=5, agreements=1, uncertain=("a",))
        other = Swept(overdue=1, agreements=1, failed=(("b", "broken"),))

        assert (
            Swept(
                reminded=1,
                overdue=3,
                decided=3,
                ended=4,
                settled=5,
                agreements=2,
                uncertain=("a",),
                failed=(("b", "broken"),),
            )
            == one + other
        )
        assert one == Swept() + one
        assert 15 == one.total


def test_every_sweep_ends() -> None:
    """Of one agreement a sweep does so much and no more; the next goes on with what is left."""
    duties = [Duty(f"paper-{i:03}", within=calendar_days(1)) for i in range(201)]
    process = Process(
        "p", "1", (Stage("a", owner="boss", gate=unguarded("a test"), duties=duties), Stage("b", owner="boss"))
    )
    clock = ManualClock()
    engine = Engine(MemoryStore(), processes=[process], clock=clock)
    engine.start("p", "deal", by=Actor(id="ann", roles={"boss"}))
    clock.advance(days=3)

    assert [200, 1, 0] == [engine.sweep().overdue for _ in range(3)]
