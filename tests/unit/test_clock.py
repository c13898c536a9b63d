"""The clock of an agreement: which deadlines run, when they stand still, what their passing brings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    Calendar,
    DefinitionError,
    Document,
    Duty,
    Engine,
    Event,
    GateClosed,
    InvalidValue,
    MemoryStore,
    NoSuchMove,
    NotFound,
    Outcome,
    Process,
    Renewal,
    Stage,
    Term,
    approval,
    calendar_days,
    document,
    fact,
    months,
    parts,
    unguarded,
    workdays,
    years,
)
from stagegate.testing import ManualClock

BOSS = Actor(id="ann", roles={"boss"})
VOTER = Actor(id="vic", roles={"council"})
HOLIDAY = Calendar(id="land", version="1", holidays={"2025-07-25": "Founders' day"})


class Play:
    """An agreement at `work`, which is entered on Thursday 24 July 2025 at nine; `done` follows it."""

    def __init__(self, work: Stage, *later: Stage, calendars: Iterable[Calendar] = (), **process: Any) -> None:
        self.clock = ManualClock(datetime(2025, 7, 24, 9, tzinfo=UTC))
        stages = (Stage("plan", owner="boss", gate=unguarded("a test")), work, *later)
        self.process = Process("play", "1", stages, **process)
        self.engine = Engine(MemoryStore(), processes=[self.process], calendars=calendars, clock=self.clock)
        self.engine.start("play", "deal", by=BOSS)

    def begun(self) -> Play:
        """Enter the stage."""
        self.engine.advance("deal", by=BOSS)
        return self

    @property
    def deal(self) -> Agreement:
        """The agreement as it is."""
        return self.engine.get("deal")

    @property
    def last(self) -> Event:
        """The last event."""
        return self.engine.history("deal")[-1]

    def dates(self) -> dict[str, str | None]:
        """Return what is due, with its date."""
        return {key: one.date and one.date.isoformat() for key, one in self.deal.deadlines.items()}

    def attach(self, kind: str, content: bytes = b"text", **about: Any) -> None:
        """File a document."""
        self.engine.attach("deal", Document.from_bytes(content, kind=kind, **about), by=BOSS)

    def later(self, **by: float) -> Play:
        """Let time pass."""
        self.clock.advance(**by)
        return self

    def unmet(self, move: str, **given: Any) -> list[str]:
        """Return the codes that stand in the way of a move."""
        with pytest.raises(GateClosed) as closed:
            getattr(self.engine, move)("deal", **{"by": BOSS, **given})
        return [why.code for why in closed.value.unmet]


def work(**stage: Any) -> Stage:
    """Return the stage whose clock is looked at."""
    return Stage("work", **{"owner": "boss", "gate": fact("ready"), "back_to": ("plan", "work"), **stage})


def play(**stage: Any) -> Play:
    """Return an agreement at that stage."""
    return Play(work(**stage), Stage("done", owner="boss")).begun()


class TestStages:
    """The time a stage has."""

    def test_counts_from_entering(self) -> None:
        """Day one is the next day that counts after the stage was entered."""
        assert {"stage:work": "2025-07-31"} == play(within=workdays(5)).dates()

    def test_says_rule_calendar_and_instant(self) -> None:
        """A deadline is kept with its rule, its start, the calendar and its version, and the instant it means."""
        one = play(within=workdays(5)).deal.deadlines["stage:work"]

        assert {"workdays": 5} == one.rule
        assert date(2025, 7, 24) == one.start
        assert ("weekends", "1") == one.calendar
        assert datetime(2025, 8, 1, tzinfo=UTC) == one.at

    def test_day_is_that_of_the_zone(self) -> None:
        """The day on which a stage is entered, and the end of the last day, are those of the zone of the process."""
        there = Play(work(within=calendar_days(1)), Stage("done", owner="boss"), zone="Pacific/Kiritimati")
        there.clock.set(datetime(2025, 7, 24, 11, tzinfo=UTC))
        there.begun()

        assert {"stage:work": "2025-07-26"} == there.dates()
        assert datetime(2025, 7, 26, 10, tzinfo=UTC) == there.deal.deadlines["stage:work"].at

    def test_counts_from_a_document(self) -> None:
        """A clock that starts on a date of a document stands until that document is there."""
        it = play(within=workdays(5, since="request.received_on"))
        before = it.dates()
        it.attach("request", received_on="2025-07-28")

        assert {} == before
        assert {"stage:work": "2025-08-04"} == it.dates()

    def test_counts_from_a_field_or_a_fact(self) -> None:
        """A clock can start on a date among the fields of a document, or on a recorded date."""
        field = play(within=calendar_days(1, since="request.fields.sealed"))
        field.attach("request", fields={"sealed": "2025-08-01"})
        recorded = play(within=calendar_days(1, since="fact:heard"))
        recorded.engine.record("deal", "heard", "2025-09-01", by=BOSS)

        assert {"stage:work": "2025-08-02"} == field.dates()
        assert {"stage:work": "2025-09-02"} == recorded.dates()

    @pytest.mark.parametrize("value", [3, "soon", None, {"on": "2025-09-01"}], ids=repr)
    def test_what_is_no_date_starts_no_clock(self, value: Any) -> None:
        """A fact that is no date starts no clock."""
        it = play(within=calendar_days(1, since="fact:heard"))
        it.engine.record("deal", "heard", value, by=BOSS)

        assert {} == it.dates()

    def test_missing_document_has_no_field(self) -> None:
        """A field of a document that is not there starts no clock."""
        assert {} == play(within=calendar_days(1, since="request.fields.sealed")).dates()

    def test_new_date_moves_it_and_says_so(self) -> None:
        """A new version of the document with another date moves the deadline; the event has the old date too."""
        it = play(within=workdays(5, since="request.received_on"))
        it.attach("request", received_on="2025-07-28")
        it.attach("request", b"again", received_on="2025-07-30")
        (due,) = it.last.data["due"]

        assert {"stage:work": "2025-08-06"} == it.dates()
        assert "2025-08-04" == due["was"]

    def test_is_gone_when_the_stage_is_left(self) -> None:
        """A deadline goes with its stage, and the event names it."""
        it = play(within=workdays(5))
        it.engine.record("deal", "ready", value=True, by=BOSS)
        it.engine.advance("deal", by=BOSS)

        assert {} == it.dates()
        assert ({"key": "stage:work"},) == it.last.data["due"]

    def test_what_changes_nothing_writes_nothing(self) -> None:
        """An event that moves no deadline says nothing of any."""
        it = play(within=workdays(5))
        it.engine.note("deal", "seen", by=BOSS)

        assert "due" not in it.last.data

    def test_holidays_of_the_calendar_do_not_count(self) -> None:
        """The calendar of the process is the one its days are counted by."""
        stages = work(within=workdays(5)), Stage("done", owner="boss")
        named = Play(*stages, calendar="land", calendars=[HOLIDAY]).begun()
        held = Play(*stages, calendar=HOLIDAY).begun()

        assert {"stage:work": "2025-08-01"} == named.dates() == held.dates()
        assert ("land", "1") == named.deal.deadlines["stage:work"].calendar

    def test_period_can_have_a_calendar_of_its_own(self) -> None:
        """A period can be counted by another calendar than that of the process."""
        it = Play(work(within=workdays(5, calendar="land")), Stage("done", owner="boss"), calendars=[HOLIDAY]).begun()

        assert {"stage:work": "2025-08-01"} == it.dates()

    def test_unknown_calendar_is_refused_before_anything_is_written(self) -> None:
        """Where the engine does not know the calendar, nothing is counted and nothing written."""
        with pytest.raises(NotFound, match="the calendar 'moon', which this engine does not know.*calendars="):
            Play(work(within=workdays(5, calendar="moon")), Stage("done", owner="boss"))

    def test_refusals_move_no_deadline(self) -> None:
        """What is refused changes no deadline."""
        it = play(within=workdays(5))
        it.unmet("advance")

        assert "due" not in it.last.data
        assert {"stage:work": "2025-07-31"} == it.dates()


class TestPauses:
    """When a clock stands still."""

    def test_stands_still_on_hold(self) -> None:
        """On hold a deadline has no date; resumed, it has as many days more as it stood still."""
        it = play(within=workdays(5))
        it.later(days=1).engine.hold("deal", "wait", by=BOSS)
        held = it.deal.deadlines["stage:work"]
        it.later(days=4).engine.resume("deal", by=BOSS)

        assert (None, None, date(2025, 7, 25)) == (held.date, held.at, held.paused_on)
        assert {"stage:work": "2025-08-04"} == it.dates()
        assert ((date(2025, 7, 25), date(2025, 7, 29)),) == it.deal.deadlines["stage:work"].pauses

    def test_explains_that_it_stands_still(self) -> None:
        """Asked for while it stands still, the clock says since when."""
        it = play(within=workdays(5))
        it.engine.hold("deal", "wait", by=BOSS)

        assert ("the clock stands still since 2025-07-24",) == it.engine.explain("deal", "stage:work")

    def test_runs_on_where_the_rule_says_so(self) -> None:
        """A period that runs on a hold is not moved by one."""
        it = play(within=workdays(5, on_hold="run"))
        it.engine.hold("deal", "wait", by=BOSS)
        it.later(days=4).engine.resume("deal", by=BOSS)

        assert {"stage:work": "2025-07-31"} == it.dates()

    def test_what_begins_on_hold_stands_still_at_once(self) -> None:
        """A clock that starts while the agreement is on hold stands still from its start."""
        it = play(within=workdays(5, since="request.received_on"))
        it.engine.hold("deal", "wait", by=BOSS)
        it.attach("request", received_on="2025-07-30")
        standing = it.deal.deadlines["stage:work"].paused_on
        it.later(days=11).engine.resume("deal", by=BOSS)

        assert date(2025, 7, 30) == standing
        assert {"stage:work": "2025-08-11"} == it.dates()

    def test_restarts_on_return(self) -> None:
        """Sent back and here again, a stage has its whole time again."""
        it = play(within=workdays(5))
        it.later(days=1).engine.send_back("deal", "plan", "again", by=BOSS)
        away = it.dates()
        it.later(days=10).engine.advance("deal", by=BOSS)

        assert {} == away
        assert {"stage:work": "2025-08-11"} == it.dates()

    def test_restarts_no_earlier_than_the_return(self) -> None:
        """A date of a document from the round before starts the new round on the day of the return."""
        it = play(within=calendar_days(5, since="request.received_on"))
        it.attach("request", received_on="2025-07-24")
        it.later(days=1).engine.send_back("deal", "plan", "again", by=BOSS)
        it.later(days=9).engine.advance("deal", by=BOSS)

        assert {"stage:work": "2025-08-08"} == it.dates()

    def test_continues_on_return_where_the_rule_says_so(self) -> None:
        """A period that continues has stood still while the agreement was sent back."""
        it = play(within=workdays(5, on_return="continue"))
        it.later(days=1).engine.send_back("deal", "plan", "again", by=BOSS)
        away = it.deal.deadlines["stage:work"]
        it.later(days=4).engine.advance("deal", by=BOSS)

        assert (True, None) == (away.away, away.date)
        assert {"stage:work": "2025-08-04"} == it.dates()

    def test_what_was_parked_goes_when_the_stage_is_passed_over(self) -> None:
        """A deadline that waits for a return goes with the agreement's end."""
        it = play(within=workdays(5, on_return="continue"))
        it.engine.send_back("deal", "plan", "again", by=BOSS)
        it.engine.end("deal", "withdrawn", by=BOSS)

        assert {} == it.dates()

    def test_another_round_of_the_same_stage_restarts(self) -> None:
        """Sent back to itself, a stage begins its time again."""
        it = play(within=workdays(5))
        it.later(days=4).engine.send_back("deal", "work", "again", by=BOSS)

        assert {"stage:work": "2025-08-04"} == it.dates()


class TestRequirements:
    """The time one requirement has."""

    def test_runs_until_it_is_met(self) -> None:
        """A requirement has its date while it is not met."""
        it = play(gate=fact("ready") & document("plan", within=calendar_days(10)))
        before = it.dates()
        it.attach("plan")

        assert {"requirement:document:plan": "2025-08-03"} == before
        assert {} == it.dates()

    def test_comes_back_with_its_first_date(self) -> None:
        """A requirement that is met no more has the date again that it had."""
        it = play(gate=fact("ready") & fact("sum", equals=1, id="sum", within=calendar_days(10)))
        it.engine.record("deal", "sum", 1, by=BOSS)
        it.later(days=3).engine.record("deal", "sum", 2, by=BOSS)

        assert {"requirement:sum": "2025-08-03"} == it.dates()

    def test_overdue_says_what_is_missing(self) -> None:
        """When its date has passed, the event says what it lacks and its basis."""
        it = play(gate=document("plan", within=calendar_days(10), basis="Rule 7"))
        it.later(days=11).engine.sweep()

        assert "overdue" == it.last.kind
        assert "Rule 7" == it.last.data["data"]["basis"]
        assert ["document.missing"] == [why["code"] for why in it.last.data["data"]["unmet"]]


class TestSweep:
    """What the passing of time brings."""

    def test_nothing_is_due(self) -> None:
        """A sweep before the date does nothing."""
        swept = play(within=workdays(5)).engine.sweep()

        assert 0 == swept.total

    def test_in_time_until_the_last_instant_of_the_day(self) -> None:
        """The last day is in time to its end; the instant after is not."""
        it = play(within=workdays(5))
        it.clock.set(datetime(2025, 8, 1, tzinfo=UTC) - timedelta(microseconds=1))
        before = it.engine.sweep().total
        it.later(microseconds=1)

        assert 0 == before
        assert 1 == it.engine.sweep().overdue

    def test_overdue_is_said_once(self) -> None:
        """That a date has passed is said by the law, at the instant it passed, once."""
        it = play(within=workdays(5), basis="Rule 30")
        it.later(days=20)
        first, second = it.engine.sweep(), it.engine.sweep()

        assert (1, 0) == (first.overdue, second.total)
        assert ("overdue", "law", datetime(2025, 8, 1, tzinfo=UTC)) == (it.last.kind, it.last.actor, it.last.at)
        assert {"basis": "Rule 30", "date": "2025-07-31", "deadline": "stage:work", "rule": {"workdays": 5}} == dict(
            it.last.data["data"]
        )
        assert it.deal.overdue
        assert ["deal"] == [item.id for item in it.engine.find(overdue=True).items]
        assert not it.engine.find(overdue=False).items

    def test_overdue_stage_can_still_be_left(self) -> None:
        """Late is late, not lost: the gate opens as before."""
        it = play(within=workdays(5))
        it.later(days=20).engine.sweep()
        it.engine.record("deal", "ready", value=True, by=BOSS)

        assert "done" == it.engine.advance("deal", by=BOSS).stage

    def test_escalates(self) -> None:
        """Where the stage says so, it is another role's turn as well, and it may make the moves; not before."""
        chief = Actor(id="cleo", roles={"chief"})
        it = play(within=workdays(5), on_timeout="escalate:chief")
        it.engine.record("deal", "ready", value=True, by=BOSS)
        before = [option.permitted for option in it.engine.options("deal", by=chief) if option.move == "advance"]
        it.later(days=20).engine.sweep()
        owner = it.deal.owner
        moved = it.engine.advance("deal", by=chief)

        assert [False] == before
        assert ("boss", "chief") == owner
        assert "chief" == it.engine.history("deal")[-2].data["data"]["escalate"]
        assert (("boss",), ()) == (moved.owner, moved.escalated)

    def test_ends(self) -> None:
        """Where the stage says so, the agreement ends, by the law, with the rule."""
        lapsed = Outcome("lapsed", by="law")
        it = Play(work(within=workdays(5), on_timeout="end:lapsed"), Stage("done", owner="boss"), outcomes=[lapsed])
        it.begun().later(days=20)
        swept = it.engine.sweep()

        assert 1 == swept.ended
        assert "lapsed" == it.deal.outcome
        assert ("moved", "end", "law") == (it.last.kind, it.last.move, it.last.actor)
        assert {"workdays": 5} == it.last.data["data"]["rule"]
        assert {} == it.dates()

    def test_what_has_run_out_cannot_be_rescued(self) -> None:
        """When the time that ends it has passed, nothing but its end is left, swept or not."""
        it = play(within=workdays(5), on_timeout="end:rejected")
        it.engine.record("deal", "ready", value=True, by=BOSS)
        it.later(days=20)

        assert ["deadline.passed"] == it.unmet("advance")
        assert ["deadline.passed"] == it.unmet("send_back", to="plan", reason="again")
        assert it.engine.note("deal", "too late", by=BOSS)
        assert it.engine.hold("deal", "too late", by=BOSS)

    def test_what_was_in_time_counts_though_recorded_late(self) -> None:
        """A move that took effect in time stands, if the sweep has not been there before."""
        it = play(within=workdays(5), on_timeout="end:rejected")
        it.engine.record("deal", "ready", value=True, by=BOSS)
        it.later(days=20)

        assert "done" == it.engine.advance("deal", at=datetime(2025, 7, 31, 12, tzinfo=UTC), by=BOSS).stage

    def test_reminds(self) -> None:
        """Before the date it reminds, once for each reminder, and no writer has to look again for that."""
        it = play(within=workdays(5), remind=["3 workdays", "1 workday"])
        seen = it.deal
        it.clock.set(datetime(2025, 7, 28, tzinfo=UTC))
        first = it.engine.sweep()
        it.clock.set(datetime(2025, 7, 30, 3, tzinfo=UTC))
        second, third = it.engine.sweep(), it.engine.sweep()

        assert (1, 1, 0) == (first.reminded, second.reminded, third.total)
        assert {"date": "2025-07-31", "deadline": "stage:work"} == dict(it.last.data["data"])
        assert it.engine.note(seen, "still current", by=BOSS)

    def test_reminders_that_were_missed_are_said_together(self) -> None:
        """Where nobody swept for a while, one reminder stands for those before it; after the date none is written."""
        late = play(within=workdays(5), remind=["3 workdays", "1 workday"])
        late.clock.set(datetime(2025, 7, 30, 3, tzinfo=UTC))
        over = play(within=workdays(5), remind=["3 workdays", "1 workday"])

        assert 1 == late.engine.sweep().total
        assert (0, 1) == ((swept := over.later(days=30).engine.sweep()).reminded, swept.overdue)

    def test_reminders_that_lie_behind_are_not_promised(self) -> None:
        """A reminder whose day has passed when the clock starts is left out."""
        it = play(within=workdays(2), remind=["10 workdays", "1 workday"])

        assert 1 == len(it.deal.deadlines["stage:work"].remind_at)

    def test_sweeps_as_of_a_time(self) -> None:
        """A sweep compares with the time it is given, which may not lie ahead."""
        it = play(within=workdays(5))
        it.later(days=20)

        assert 0 == it.engine.sweep(datetime(2025, 7, 31, tzinfo=UTC)).total
        assert 1 == it.engine.sweep(datetime(2025, 8, 1, tzinfo=UTC)).total
        with pytest.raises(InvalidValue, match="at: .* lies in the future"):
            it.engine.sweep(datetime(2026, 1, 1, tzinfo=UTC))

    @pytest.mark.parametrize("limit", [0, -1, True, "1"], ids=repr)
    def test_limit_is_a_number(self, limit: Any) -> None:
        """How many to look at is a whole number from 1."""
        with pytest.raises(InvalidValue, match="limit: a whole number from 1"):
            play().engine.sweep(limit=limit)

    def test_looks_at_no_more_than_asked(self) -> None:
        """A sweep looks at no more agreements than it is told to; the next goes on."""
        it = play(within=workdays(5))
        for one in ("b", "c"):
            it.engine.start("play", one, by=BOSS)
            it.engine.advance(one, by=BOSS)
        it.later(days=20)

        assert [2, 1, 0] == [it.engine.sweep(limit=2).overdue for _ in range(3)]

    def test_one_that_cannot_be_looked_at_stops_no_other(self) -> None:
        """An agreement whose process this engine does not know is reported, and the others are swept."""
        it = play(within=workdays(5))
        other = Process("other", "1", (work(within=workdays(5), back_to=()), Stage("done", owner="boss")))
        store = it.engine._store
        Engine(store, processes=[other], clock=it.clock).start("other", "a-first", by=BOSS)
        store._definitions.clear()  # type: ignore[attr-defined]
        swept = it.later(days=20).engine.sweep()

        assert 1 == swept.overdue
        assert ["a-first"] == [agreement for agreement, _ in swept.failed]

    def test_nobody_acts_as_the_law(self) -> None:
        """Neither the id nor the role of the law can be taken by anybody."""
        it = play()
        for actor in (Actor(id="law", roles={"boss"}), Actor(id="ann", roles={"boss", "law"})):
            with pytest.raises(InvalidValue, match="who acts when time passes"):
                it.engine.note("deal", "I am the law", by=actor)

    def test_what_was_met_elsewhere_is_written_off(self) -> None:
        """A duty that came to be met by what happened to a part is settled, not called overdue."""
        part = Process("part", "1", (Stage("a", owner="boss", gate=fact("x")), Stage("b", owner="boss")))
        duty = Duty("parts", gate=parts(all="b"), within=calendar_days(5))
        it = Play(work(duties=[duty]), Stage("done", owner="boss"))
        engine = Engine(it.engine._store, processes=[it.process, part], clock=it.clock)
        engine.start("part", "deal/1", part_of="deal", by=BOSS)
        engine.advance("deal", by=BOSS)
        engine.record("deal/1", "x", 1, by=BOSS)
        engine.advance("deal/1", by=BOSS)
        it.clock.advance(days=6)

        assert 1 == engine.sweep().settled
        assert {} == engine.get("deal").deadlines
        assert "reckoned" == engine.history("deal")[-1].kind


class TestSilence:
    """Decisions by silence."""

    @staticmethod
    def asked(silence: str, **asks: Any) -> Play:
        """Return an agreement at whose gate silence decides after ten days."""
        gate = approval("council", within=calendar_days(10), silence=silence, basis="Act 5, Art 3", **asks)
        return play(gate=gate)

    def test_approves(self) -> None:
        """Where the rule says so, silence approves: the law votes, and the event cites the rule."""
        it = self.asked("approves")
        swept = it.later(days=11).engine.sweep()
        (vote,) = it.deal.approvals

        assert 1 == swept.decided
        assert ("voted", "approve", "law") == (it.last.kind, it.last.move, it.last.actor)
        assert ("council", "for", "law") == (vote.role, vote.vote, vote.by)
        assert "Act 5, Art 3" == vote.silence["basis"]
        assert {"calendar_days": 10} == it.last.data["data"]["silence"]["rule"]
        assert "done" == it.engine.advance("deal", by=BOSS).stage

    def test_refuses(self) -> None:
        """Where the rule says so, silence refuses."""
        it = self.asked("refuses")
        it.later(days=11).engine.sweep()

        assert "refuse" == it.last.move
        assert ["approval.silent"] == it.unmet("advance")
        assert {} == it.dates()

    def test_decides_for_a_body(self) -> None:
        """Silence decides for a body too, of which too few had voted."""
        it = self.asked("approves", quorum="1/2", of_members=9)
        it.engine.approve("deal", by=VOTER)
        it.later(days=11).engine.sweep()

        assert "done" == it.engine.advance("deal", by=BOSS).stage

    def test_late_vote_is_refused(self) -> None:
        """When the time is over, a vote comes too late, swept or not."""
        it = self.asked("approves")
        it.later(days=11)
        before = it.unmet("refuse", reason="no", by=VOTER)
        it.engine.sweep()

        assert ["approval.late"] == before
        assert ["approval.decided"] == it.unmet("refuse", reason="no", by=VOTER)

    def test_vote_in_time_leaves_nothing_to_decide(self) -> None:
        """A vote that was cast in time stands, for or against, and silence decides nothing."""
        against, in_favour = self.asked("approves"), self.asked("refuses")
        against.engine.refuse("deal", "no", by=VOTER)
        in_favour.engine.approve("deal", by=VOTER)

        assert 0 == against.later(days=11).engine.sweep().total
        assert 0 == in_favour.later(days=11).engine.sweep().total

    def test_new_text_asks_anew(self) -> None:
        """A new version of what silence decided on voids that decision, and the time for it runs from its own date."""
        gate = approval(
            "council", of="plan", within=calendar_days(10, since="plan.received_on"), silence="approves", basis="Act 5"
        )
        it = play(gate=gate)
        it.attach("plan", received_on="2025-07-24")
        it.later(days=11).engine.sweep()
        it.attach("plan", b"other", received_on="2025-08-04")

        assert () == it.deal.approvals
        assert {"requirement:approval:council": "2025-08-14"} == it.dates()

    @pytest.mark.parametrize(
        "asks,path",
        [
            ({"silence": "approves", "basis": "Act 5"}, "silence"),
            ({"silence": "approves", "within": workdays(5)}, "basis"),
            ({"silence": "maybe", "within": workdays(5), "basis": "Act 5"}, "silence"),
        ],
        ids=["no-time", "no-basis", "unknown"],
    )
    def test_takes_a_time_and_a_basis(self, asks: dict[str, Any], path: str) -> None:
        """Silence decides only within a time, and only by a rule that is named."""
        with pytest.raises(DefinitionError) as fault:
            approval("council", **asks)
        assert [path] == [where for where, _ in fault.value.faults]


class TestTerms:
    """How long a stage lasts."""

    @staticmethod
    def signed(term: Any = "pact.valid_until", until: str | None = "2027-07-24", **stage: Any) -> Play:
        """Return an agreement that is signed, with a term."""
        it = Play(Stage("life", owner="boss", **{"term": term, **stage}))
        it.attach("pact", dated="2025-07-01", valid_until=until)
        return it.begun()

    def test_ends_on_the_date_of_a_document(self) -> None:
        """A term that ends on a date of a document has that date, and says where it is from."""
        it = self.signed()

        assert {"term": "2027-07-24"} == it.dates()
        assert {"until": "pact.valid_until"} == it.deal.deadlines["term"].rule
        assert ("2027-07-24, as pact.valid_until says",) == it.engine.explain("deal", "term")

    def test_lasts_a_period(self) -> None:
        """A term that lasts a period counts from entering, or from the point it names."""
        assert {"term": "2027-07-24"} == self.signed(years(2)).dates()
        assert {"term": "2027-07-01"} == self.signed(years(2, since="pact.dated")).dates()

    def test_open_ended(self) -> None:
        """An open-ended stage has no date."""
        assert {} == self.signed("open").dates()

    def test_date_must_be_known(self) -> None:
        """A stage whose term cannot be told is not entered."""
        it = Play(Stage("life", owner="boss", term="pact.valid_until"))

        assert ["term.unknown"] == it.unmet("advance")

    def test_term_must_lie_ahead(self) -> None:
        """A stage whose term is over already is not entered."""
        it = Play(Stage("life", owner="boss", term="pact.valid_until"))
        it.attach("pact", valid_until="2025-07-01")

        assert ["term.over"] == it.unmet("advance")

    def test_expires(self) -> None:
        """When the term is over, the sweep ends the agreement; no hold keeps it alive."""
        it = self.signed()
        it.engine.hold("deal", "wait", by=BOSS)
        it.later(days=731).engine.sweep()

        assert "expired" == it.deal.outcome
        assert ("end", "law") == (it.last.move, it.last.actor)

    def test_filing_again_does_not_move_it(self) -> None:
        """A new version of the document does not move the term by itself."""
        it = self.signed()
        it.attach("pact", b"other", valid_until="2030-01-01")

        assert {"term": "2027-07-24"} == it.dates()

    def test_renewed_in_its_window(self) -> None:
        """In the window before its end a term can be renewed: to the same stage, with a later end."""
        renewal = Renewal("life", window=months(6), gate=document("extension"), term="extension.valid_until")
        it = self.signed(renewal=renewal)
        it.attach("extension", valid_until="2029-07-24")
        early = it.unmet("renew")
        it.later(days=600)
        renewed = it.engine.renew("deal", by=BOSS)

        assert ["renewal.early"] == early
        assert {"term": "2029-07-24"} == it.dates()
        assert (2, "life") == (renewed.round, renewed.stage)

    def test_renewed_term_must_be_later(self) -> None:
        """A renewal that ends no later than the term before is refused."""
        it = self.signed(renewal=Renewal("life"))

        assert ["term.not_later"] == it.unmet("renew")

    def test_renewed_period_counts_from_the_end_before(self) -> None:
        """A term that lasts a period is renewed by one more of it."""
        it = self.signed(years(2), renewal=Renewal("life"))
        it.later(days=700).engine.renew("deal", by=BOSS)

        assert {"term": "2029-07-24"} == it.dates()

    def test_renewed_by_going_back(self) -> None:
        """Renewed to an earlier stage, the term runs on meanwhile."""
        it = self.signed(renewal=Renewal(("plan", "life")))
        it.engine.renew("deal", "plan", "once more", by=BOSS)

        assert "plan" == it.deal.stage
        assert {"term": "2027-07-24"} == it.dates()

    def test_open_term_is_renewed_at_any_time(self) -> None:
        """An open-ended stage can be renewed by going back."""
        it = self.signed("open", renewal=Renewal("plan"))

        assert "plan" == it.engine.renew("deal", "plan", by=BOSS).stage

    def test_not_renewed_where_the_stage_says_nothing(self) -> None:
        """Where a stage has no renewal there is no such move."""
        it = self.signed()
        with pytest.raises(NoSuchMove, match="there is no renew"):
            it.engine.renew("deal", by=BOSS)

    def test_amended(self) -> None:
        """An amendment takes its own approvals, which it uses up, and may move the term."""
        amend = {"pact": approval("council", of="change") & document("change")}
        it = self.signed(amend=amend)
        missing = it.unmet("amend", document=Document.from_bytes(b"2", kind="pact"), reason="longer")
        it.attach("change")
        it.engine.approve("deal", by=VOTER)
        longer = Document.from_bytes(b"2", kind="pact", valid_until="2030-07-24")
        amended = it.engine.amend("deal", longer, "longer", by=BOSS)

        assert {"approval.nothing", "approval.missing", "document.missing", "term.unknown"} == set(missing)
        assert {"term": "2030-07-24"} == it.dates()
        assert () == amended.approvals
        assert longer.digest == amended.documents["pact"].digest
        assert ("attached", "amend") == (it.last.kind, it.last.move)

    def test_what_is_amended_is_not_filed_again(self) -> None:
        """A document that takes an amendment cannot be replaced by filing it."""
        it = self.signed(amend={"pact": unguarded("a test")})

        assert ["document.amend"] == it.unmet("attach", document=Document.from_bytes(b"2", kind="pact"))

    def test_amends_only_what_the_stage_names(self) -> None:
        """A kind of document that the stage does not name is not amended, and a reason is needed."""
        it = self.signed(amend={"pact": unguarded("a test")})
        with pytest.raises(NoSuchMove, match="'other' is not amended at 'life'; there is pact"):
            it.engine.amend("deal", Document.from_bytes(b"2", kind="other"), "why", by=BOSS)
        with pytest.raises(InvalidValue, match="amend: a reason is needed"):
            it.engine.amend("deal", Document.from_bytes(b"2", kind="pact"), " ", by=BOSS)

    def test_amends_only_what_is_there(self) -> None:
        """A document that was never filed has no new version."""
        it = Play(Stage("life", owner="boss", amend={"pact": unguarded("a test")})).begun()

        assert ["document.missing"] == it.unmet("amend", document=Document.from_bytes(b"2", kind="pact"), reason="why")

    def test_options_show_renewal_and_amendment(self) -> None:
        """Renewal and amendment are among the options, with what stands in their way; expiry is not."""
        it = self.signed(renewal=Renewal("life", window=months(6)), amend={"pact": document("change")})
        options = {(o.move, o.target): [why.code for why in o.unmet] for o in it.engine.options("deal", by=BOSS)}

        assert ["renewal.early", "term.not_later"] == options["renew", "life"]
        assert ["document.missing"] == options["amend", "pact"]
        assert ("end", "expired") not in options

    def test_expiry_is_nobodys_move(self) -> None:
        """What only the passing of time brings cannot be declared by anybody."""
        from stagegate import NotPermitted

        with pytest.raises(NotPermitted):
            self.signed().engine.end("deal", "expired", by=BOSS)


class TestDuties:
    """What is owed while an agreement stands."""

    def test_again_and_again(self) -> None:
        """A report every year is due a year after entering; once filed, a year later, whatever the day of filing."""
        it = play(duties=[Duty("report", every=months(12))])
        first = it.dates()
        it.later(days=300)
        it.attach("report")

        assert {"duty:report": "2026-07-24"} == first
        assert {"duty:report": "2027-07-24"} == it.dates()
        assert 2 == it.deal.deadlines["duty:report"].round

    def test_lateness_is_visible_until_it_is_mended(self) -> None:
        """A report that is late is overdue until it is filed; the one before does not stand for it."""
        it = play(duties=[Duty("report", every=months(12), basis="Rule 43")])
        it.attach("report")
        it.later(days=800).engine.sweep()
        late = it.deal.overdue
        said = it.last.data["data"]
        it.attach("report", b"second")

        assert late
        assert ["document.missing"] == [why["code"] for why in said["unmet"]]
        assert "Rule 43" == said["basis"]
        assert not it.deal.overdue
        assert {"duty:report": "2028-07-24"} == it.dates()

    def test_after_something(self) -> None:
        """What is owed after something is due so long after its date, once, until it is filed after that."""
        duty = Duty("note", document="minutes", within=calendar_days(7), after="meeting.dated")
        it = play(duties=[duty])
        it.attach("minutes")
        before = it.dates()
        it.attach("meeting", dated="2025-08-01")
        owed = it.dates()
        it.attach("minutes", b"of the meeting")

        assert ({}, {"duty:note": "2025-08-08"}, {}) == (before, owed, it.dates())

    def test_once_from_entering(self) -> None:
        """A document that is owed once is owed until it is there."""
        it = play(duties=[Duty("minutes", within=calendar_days(7))])
        before = it.dates()
        it.attach("minutes")

        assert {"duty:minutes": "2025-07-31"} == before
        assert {} == it.dates()

    def test_state_that_must_hold(self) -> None:
        """What must hold by a date is asked then, and while it does not it is overdue."""
        it = play(duties=[Duty("alive", gate=fact("active"), within=months(12))])
        it.later(days=400)
        swept = it.engine.sweep()
        it.engine.record("deal", "active", value=True, by=BOSS)

        assert 1 == swept.overdue
        assert {} == it.dates()

    def test_goes_on_after_a_renewal(self) -> None:
        """A renewal to the same stage does not begin the duties anew."""
        it = TestTerms.signed(years(2), renewal=Renewal("life"), duties=[Duty("report", every=months(12))])
        it.later(days=300)
        it.attach("report")
        it.engine.renew("deal", by=BOSS)

        assert "2027-07-24" == it.dates()["duty:report"]


class TestRecompute:
    """A calendar that changes moves nothing silently."""

    def test_moves_what_rests_on_the_calendar_and_says_so(self) -> None:
        """Nothing moves until it is reckoned again; then one event has the old and the new date."""
        stages = work(within=workdays(5)), Stage("done", owner="boss")
        it = Play(*stages, calendar="land", calendars=[HOLIDAY]).begun()
        more = Calendar(id="land", version="2", holidays={"2025-07-25": "Founders' day", "2025-07-28": "By decree"})
        engine = Engine(it.engine._store, processes=[it.process], calendars=[HOLIDAY, more], clock=it.clock)
        engine.note("deal", "a decree", by=BOSS)
        before = it.dates()
        explained = engine.explain("deal", "stage:work")
        engine.recompute("deal", by=BOSS)
        (due,) = it.last.data["due"]

        assert {"stage:work": "2025-08-01"} == before
        assert "Founders' day" in "".join(explained)
        assert "By decree" not in "".join(explained)
        assert {"stage:work": "2025-08-04"} == it.dates()
        assert ("reckoned", "2025-08-01", "2025-08-04") == (it.last.kind, due["was"], due["date"])
        assert ["land", "2"] == list(due["calendar"])

    def test_writes_nothing_where_nothing_changed(self) -> None:
        """Where the calendars are those it was reckoned by, nothing is written."""
        it = play(within=workdays(5))
        before = it.deal

        assert before == it.engine.recompute("deal", by=BOSS)

    def test_writes_nothing_where_no_clock_runs(self) -> None:
        """Where there is nothing to reckon, nothing is written."""
        it = play()
        before = it.deal

        assert before == it.engine.recompute("deal", by=BOSS)
        assert before == it.deal

    def test_unknown_version_is_not_explained_by_another(self) -> None:
        """A date is explained by the version of the calendar it was counted by, or not at all."""
        stages = work(within=workdays(5)), Stage("done", owner="boss")
        it = Play(*stages, calendar="land", calendars=[HOLIDAY]).begun()
        other = Engine(
            it.engine._store, processes=[it.process], calendars=[Calendar(id="land", version="2")], clock=it.clock
        )
        with pytest.raises(NotFound, match="version '1' of the calendar 'land'"):
            other.explain("deal", "stage:work")

    def test_unknown_deadline(self) -> None:
        """What is not due is not explained; the error says what is."""
        with pytest.raises(NotFound, match="there is no deadline 'term'; due is stage:work"):
            play(within=workdays(5)).engine.explain("deal", "term")

    def test_term_by_period_is_reckoned_again(self) -> None:
        """A term that lasts a period is reckoned again too; one that has a date is not."""
        stages = Stage("life", owner="boss", term=Term(lasts=workdays(5)), remind=["1 workday"])
        it = Play(stages, calendar="land", calendars=[HOLIDAY]).begun()
        more = Calendar(id="land", version="2", holidays={"2025-07-25": "Founders' day", "2025-07-28": "By decree"})
        engine = Engine(it.engine._store, processes=[it.process], calendars=[more], clock=it.clock)
        engine.recompute("deal", by=BOSS)

        assert {"term": "2025-08-04"} == it.dates()


class TestTexts:
    """The time for a vote is the time there was to read."""

    def test_nobody_is_silent_about_a_text_that_is_not_there(self) -> None:
        """Where an approval is of a document, its time begins when that is filed."""
        gate = approval("council", of="plan", within=calendar_days(10), silence="approves", basis="Act 5")
        it = play(gate=gate)
        before = it.dates()
        it.later(days=20)
        swept = it.engine.sweep()
        it.attach("plan")

        assert {} == before
        assert 0 == swept.total
        assert {"requirement:approval:council": "2025-08-23"} == it.dates()

    def test_new_text_has_its_whole_time(self) -> None:
        """A new version begins the time again; the same text filed again does not."""
        gate = approval("council", of="plan", within=calendar_days(10), silence="approves", basis="Act 5")
        it = play(gate=gate)
        it.attach("plan")
        it.later(days=5)
        it.attach("plan", title="The plan")
        same = it.dates()
        it.attach("plan", b"other")

        assert {"requirement:approval:council": "2025-08-03"} == same
        assert {"requirement:approval:council": "2025-08-08"} == it.dates()

    def test_text_from_before_has_the_time_of_the_stage(self) -> None:
        """What was filed before the stage was entered is there from the start."""
        gate = approval("council", of="plan", within=calendar_days(10))
        it = Play(work(gate=gate), Stage("done", owner="boss"))
        it.attach("plan")
        it.later(days=5).begun()

        assert {"requirement:approval:council": "2025-08-08"} == it.dates()


class TestCorrections:
    """What is filed again within its time corrects what was filed."""

    def test_correction_is_no_report_ahead(self) -> None:
        """A second report before the first was due corrects it; the one after that date is the next."""
        it = play(duties=[Duty("report", every=months(12))])
        it.later(days=300)
        it.attach("report")
        it.attach("report", b"corrected")
        corrected = it.dates()
        it.later(days=100)
        it.attach("report", b"second")

        assert {"duty:report": "2027-07-24"} == corrected
        assert {"duty:report": "2028-07-24"} == it.dates()


def test_deadline_inside_another_requirement_is_refused() -> None:
    """A requirement with a deadline stands in the gate itself: under a condition or an alternative nobody could tell."""
    from stagegate import DefinitionError

    with pytest.raises(DefinitionError, match="must stand in the gate itself"):
        play(gate=fact("ready") | document("plan", within=workdays(5)))


class TestOwnApprovals:
    """Amendments and renewals take approvals of their own."""

    def test_vote_from_an_earlier_stage_amends_nothing(self) -> None:
        """What a role approved before the stage was entered is no approval of an amendment, nor of a renewal."""
        council = approval("council")
        it = Play(
            work(gate=council),
            Stage("life", owner="boss", term="open", renewal=Renewal("life", gate=council), amend={"pact": council}),
        )
        it.attach("pact")
        it.begun().engine.approve("deal", by=VOTER)
        it.engine.advance("deal", by=BOSS)

        changed = Document.from_bytes(b"2", kind="pact")
        assert ["approval.missing"] == it.unmet("amend", document=changed, reason="why")
        assert ["approval.missing"] == it.unmet("renew")

    def test_renewal_uses_up_its_approvals(self) -> None:
        """The approval of one renewal is not that of the next."""
        renewal = Renewal("life", gate=approval("council"))
        it = Play(Stage("life", owner="boss", term="open", renewal=renewal)).begun()
        it.engine.approve("deal", by=VOTER)
        renewed = it.engine.renew("deal", by=BOSS)

        assert () == renewed.approvals
        assert ["approval.missing"] == it.unmet("renew")


class TestWhatHasPassed:
    """What has passed stays passed."""

    def test_hold_gives_no_time_back(self) -> None:
        """Who is put on hold after the time is over can vote no more: silence has decided, whether it was swept or not."""
        it = play(gate=approval("council", within=calendar_days(3), silence="refuses", basis="R1")).later(days=10)
        it.engine.hold("deal", "wait", by=BOSS)

        assert {"requirement:approval:council": "2025-07-27"} == it.dates()
        assert ["approval.late"] == it.unmet("approve", by=VOTER)
        assert 1 == it.engine.sweep().decided

    def test_hold_saves_nothing_from_its_end(self) -> None:
        """What ends by the passing of time ends so, although it was put on hold afterwards."""
        it = play(within=calendar_days(3), on_timeout="end:withdrawn").later(days=10)
        it.engine.hold("deal", "wait", by=BOSS)

        assert 1 == it.engine.sweep().ended

    def test_overdue_is_not_said_again_after_a_hold(self) -> None:
        """What is overdue stays so on hold and after it, and is not said a second time."""
        it = play(within=calendar_days(3)).later(days=10)
        it.engine.sweep()
        it.engine.hold("deal", "wait", by=BOSS)
        held = it.deal.overdue
        it.later(days=1).engine.resume("deal", by=BOSS)

        assert held
        assert it.deal.overdue
        assert 0 == it.engine.sweep().total

    @pytest.mark.parametrize("heard", ["2025-09-01", "never"])
    def test_date_that_comes_later_saves_nothing(self, heard: str) -> None:
        """When the time that ends it has passed, another date for its start changes nothing any more."""
        it = play(within=calendar_days(3, since="fact:heard"), on_timeout="end:withdrawn")
        it.engine.record("deal", "heard", "2025-07-24", by=BOSS)
        it.later(days=10).engine.record("deal", "heard", heard, by=BOSS)

        assert {"stage:work": "2025-07-27"} == it.dates()
        assert 1 == it.engine.sweep().ended

    def test_date_that_comes_in_time_counts(self) -> None:
        """Before the time has passed, or where it only makes late, another date for its start counts."""
        ends = play(within=calendar_days(3, since="fact:heard"), on_timeout="end:withdrawn")
        late = play(within=calendar_days(3, since="fact:heard")).later(days=10)
        for it in (ends, late):
            it.engine.record("deal", "heard", "2025-07-24", by=BOSS)
            it.engine.record("deal", "heard", "2025-09-01", by=BOSS)

        assert {"stage:work": "2025-09-04"} == ends.dates() == late.dates()

    def test_date_that_comes_later_wakes_no_silence(self) -> None:
        """Silence has decided, whichever date is recorded for its start afterwards; a new text asks anew."""
        asks = {"within": calendar_days(3, since="plan.received_on"), "silence": "refuses", "basis": "R1"}
        it = play(gate=approval("council", of="plan", **asks))
        it.attach("plan", received_on="2025-07-24")
        it.later(days=10).attach("plan", received_on="2025-08-03")
        same_text = it.dates()
        it.attach("plan", b"other", received_on="2025-08-03")

        assert {"requirement:approval:council": "2025-07-27"} == same_text
        assert {"requirement:approval:council": "2025-08-06"} == it.dates()

    def test_last_day_there_is(self) -> None:
        """A term that ends on the last day that can be written never passes, and breaks nothing."""
        it = Play(Stage("work", owner="boss", gate=fact("x"), term="pact.valid_until"), Stage("done", owner="boss"))
        it.attach("pact", valid_until="9999-12-31")
        it.begun()

        assert {"term": "9999-12-31"} == it.dates()
        assert datetime.max.replace(tzinfo=UTC) == it.deal.wakes_at

    def test_reminder_before_the_first_day_there_is(self) -> None:
        """A reminder that would come before all days is none."""
        it = play(within=calendar_days(1, since="fact:heard"), remind=["1 calendar day"])
        it.engine.record("deal", "heard", "0001-01-01", by=BOSS)

        assert {"stage:work": "0001-01-02"} == it.dates()
        assert () == it.deal.deadlines["stage:work"].remind_at

    def test_silence_decides_once_in_a_gate(self) -> None:
        """Two approvals of one role in a gate cannot both be decided by its silence: which text would it be about?"""
        asks = {"within": calendar_days(3), "silence": "approves", "basis": "R1"}
        with pytest.raises(DefinitionError, match="the silence of 'council' would decide 2 approvals") as faulty:
            play(gate=approval("council", id="a", of="x", **asks) & approval("council", id="b", of="y", **asks))

        assert ["stages[1].gate"] == [path for path, _ in faulty.value.faults]


class TestTermsInForce:
    """What an amendment and the whole do to a term."""

    def test_amendment_moves_the_term_that_was_taken_from_it(self) -> None:
        """After a renewal the term is that of the renewal: an amendment of the first text leaves it alone."""
        renewal = Renewal("life", term="extension.valid_until")
        amend = {"pact": unguarded("a test"), "extension": unguarded("a test")}
        it = TestTerms.signed(renewal=renewal, amend=amend)
        it.attach("extension", valid_until="2029-07-24")
        it.engine.renew("deal", by=BOSS)
        it.engine.amend("deal", Document.from_bytes(b"2", kind="pact", valid_until="2028-01-01"), "why", by=BOSS)
        after_pact = it.dates()
        it.engine.amend("deal", Document.from_bytes(b"2", kind="extension", valid_until="2031-07-24"), "why", by=BOSS)

        assert {"term": "2029-07-24"} == after_pact
        assert {"term": "2031-07-24"} == it.dates()

    def test_asking_about_an_amendment_says_nothing_of_its_dates(self) -> None:
        """The options name what stands in the way of an amendment, not the dates of a text that nobody has handed in."""
        it = TestTerms.signed(amend={"pact": unguarded("a test")})
        (amend,) = [option for option in it.engine.options("deal", by=BOSS) if option.move == "amend"]

        assert () == amend.unmet

    def test_open_part_goes_on_with_its_whole(self) -> None:
        """The end of an open-ended part moves with that of its whole; nothing ends it, or stands in its way, before."""
        whole = Process(
            "whole",
            "1",
            (
                Stage("plan", owner="boss", gate=unguarded("a test")),
                Stage("life", owner="boss", term="pact.valid_until", amend={"pact": unguarded("a test")}),
            ),
        )
        part = Process(
            "part",
            "1",
            (
                Stage("plan", owner="boss", gate=unguarded("a test")),
                Stage("life", owner="boss", term="open"),
            ),
        )
        clock = ManualClock(datetime(2025, 7, 24, 9, tzinfo=UTC))
        engine = Engine(MemoryStore(), processes=[whole, part], clock=clock)
        engine.start("whole", "w", by=BOSS)
        engine.attach("w", Document.from_bytes(b"1", kind="pact", valid_until="2027-07-24"), by=BOSS)
        engine.advance("w", by=BOSS)
        for name in ("a", "b"):
            engine.start("part", name, part_of="w", by=BOSS)
            engine.advance(name, by=BOSS)
        first = engine.get("a").deadlines["term"].date
        engine.amend("w", Document.from_bytes(b"2", kind="pact", valid_until="2028-07-24"), "longer", by=BOSS)
        clock.set(datetime(2027, 8, 1, tzinfo=UTC))
        held = engine.hold("a", "a move like any other", by=BOSS)
        resumed = engine.resume("a", by=BOSS)
        swept = engine.sweep()

        assert date(2027, 7, 24) == first
        assert date(2028, 7, 24) == held.deadlines["term"].date == resumed.deadlines["term"].date
        assert (1, 0) == (swept.settled, swept.ended)
        assert date(2028, 7, 24) == engine.get("b").deadlines["term"].date
        clock.set(datetime(2028, 8, 1, tzinfo=UTC))
        assert 3 == engine.sweep().ended

    def test_reasons_of_the_clock_say_who_mends_them_and_by_which_rule(self) -> None:
        """A reason that time gives has the owner and the basis of the stage where nothing else is named."""
        it = Play(work(basis="Act 9", gate=unguarded("a test")), Stage("life", owner="boss", term="pact.valid_until"))
        it.begun()
        with pytest.raises(GateClosed) as closed:
            it.engine.advance("deal", by=BOSS)
        (why,) = closed.value.unmet

        assert ("term.unknown", ("boss",), "Act 9") == (why.code, why.fix_by, why.basis)


class TestTermsOfParts:
    """A part cannot outlive the whole."""

    def family(self, whole: str = "whole.valid_until", part: str = "part.valid_until", **life: Any) -> Engine:
        """Return a whole whose term ends with 2029, and a part before its own term."""

        def process(id: str, term: str, **more: Any) -> Process:
            stages = (
                Stage("plan", owner="boss", gate=unguarded("a test")),
                Stage("life", owner="boss", term=term, **more),
            )
            return Process(id, "1", stages)

        clock = ManualClock(datetime(2025, 7, 24, 9, tzinfo=UTC))
        engine = Engine(MemoryStore(), processes=[process("whole", whole, **life), process("part", part)], clock=clock)
        engine.start("whole", "w", by=BOSS)
        engine.attach("w", self.paper("whole", "2029-12-31"), by=BOSS)
        engine.start("part", "p", part_of="w", by=BOSS)
        return engine

    @staticmethod
    def paper(kind: str, until: str) -> Document:
        """Return a document that is valid until a day."""
        return Document.from_bytes(until.encode(), kind=kind, valid_until=until)

    @staticmethod
    def codes(closed: pytest.ExceptionInfo[GateClosed]) -> list[str]:
        """Return the codes of a refusal."""
        return [why.code for why in closed.value.unmet]

    def test_longer_term_is_refused(self) -> None:
        """The term of a part that would end after that of the whole is refused, with both dates."""
        engine = self.family()
        engine.advance("w", by=BOSS)
        engine.attach("p", self.paper("part", "2030-01-01"), by=BOSS)
        with pytest.raises(GateClosed) as closed:
            engine.advance("p", by=BOSS)
        (why,) = closed.value.unmet

        assert ("term.parent", {"ends": "2030-01-01", "parent": "w", "limit": "2029-12-31"}) == (why.code, why.params)
        engine.attach("p", self.paper("part", "2029-12-31"), by=BOSS)
        assert "life" == engine.advance("p", by=BOSS).stage

    def test_whole_without_a_term_limits_nothing(self) -> None:
        """As long as the whole has no term, a part can have any; the whole is then no shorter than it."""
        engine = self.family()
        engine.attach("p", self.paper("part", "2035-01-01"), by=BOSS)

        assert "2035-01-01" == str(engine.advance("p", by=BOSS).deadlines["term"].date)

    def test_open_ended_part_ends_with_the_whole(self) -> None:
        """A part that has no end of its own ends on the day the whole does, and that is how it is explained."""
        engine = self.family(part="open")
        engine.advance("w", by=BOSS)
        part = engine.advance("p", by=BOSS)

        assert {"until": "parent"} == part.deadlines["term"].rule
        assert date(2029, 12, 31) == part.deadlines["term"].date
        assert len(engine.explain("p", "term")) == 1

    def test_open_ended_part_of_an_open_ended_whole(self) -> None:
        """Where neither has an end, there is none."""
        engine = self.family(whole="open", part="open")
        engine.advance("w", by=BOSS)

        assert {} == engine.advance("p", by=BOSS).deadlines

    def test_whole_is_not_cut_below_its_parts(self) -> None:
        """An amendment that would end the whole before a part is refused, and the part is named."""
        engine = self.family(amend={"whole": unguarded("free")})
        engine.advance("w", by=BOSS)
        engine.attach("p", self.paper("part", "2028-06-30"), by=BOSS)
        engine.advance("p", by=BOSS)
        with pytest.raises(GateClosed) as closed:
            engine.amend("w", self.paper("whole", "2028-01-01"), "shorter", by=BOSS)

        assert ["term.part"] == self.codes(closed)
        assert {"ends": "2028-01-01", "part": "p", "limit": "2028-06-30"} == closed.value.unmet[0].params
        amended = engine.amend("w", self.paper("whole", "2028-06-30"), "shorter", by=BOSS)
        assert date(2028, 6, 30) == amended.deadlines["term"].date
        assert ["p"] == [read["agreement"] for read in engine.history("w")[-1].data["read"]]

    def test_whole_is_not_renewed_below_its_parts(self) -> None:
        """A renewal of the whole that ends before a part is refused as well."""
        engine = self.family(renewal=Renewal("life", term="extension.valid_until"), amend={"whole": unguarded("free")})
        engine.attach("p", self.paper("part", "2035-01-01"), by=BOSS)
        engine.advance("p", by=BOSS)
        engine.attach("w", self.paper("whole", "2035-12-31"), by=BOSS)
        engine.advance("w", by=BOSS)
        engine.attach("w", self.paper("extension", "2034-12-31"), by=BOSS)
        with pytest.raises(GateClosed) as closed:
            engine.renew("w", by=BOSS)

        assert ["term.part", "term.not_later"] == self.codes(closed)

    def test_part_without_a_term_is_no_matter(self) -> None:
        """A part that has not reached its term keeps the whole from nothing."""
        engine = self.family(amend={"whole": unguarded("free")})
        engine.advance("w", by=BOSS)

        assert engine.amend("w", self.paper("whole", "2026-01-01"), "shorter", by=BOSS).version

    def test_verify_holds(self) -> None:
        """What was read of the whole and of the parts is in their histories."""
        engine = self.family(part="open")
        engine.advance("w", by=BOSS)
        engine.advance("p", by=BOSS)

        assert engine.verify().ok


class TestReckonedTerms:
    """A term by a period, and the calendar."""

    def test_recompute_leaves_what_rests_on_the_same_calendar(self) -> None:
        """A term is reckoned again only by another calendar than it was counted by."""
        it = Play(Stage("work", owner="boss", gate=fact("x"), term=workdays(100)), Stage("done", owner="boss")).begun()
        before = it.deal

        assert before == it.engine.recompute("deal", by=BOSS)

    def test_term_goes_on_where_a_later_stage_says_nothing(self) -> None:
        """The term of a stage runs on in a later one that has none of its own."""
        later = Stage("later", owner="boss", gate=fact("y")), Stage("done", owner="boss")
        it = Play(Stage("work", owner="boss", gate=unguarded("x"), term="1 year"), *later).begun()
        before = it.dates()
        it.engine.advance("deal", by=BOSS)

        assert before == it.dates()


@pytest.mark.parametrize("paper", [None, "a text", 3], ids=str)
def test_amending_takes_a_document(paper: Any) -> None:
    """What is amended is replaced by a document, and by nothing else."""
    with pytest.raises(InvalidValue, match="amend: a Document is needed"):
        play().engine.amend("deal", paper, "better", by=BOSS)


@pytest.mark.parametrize("reason", ["", "  "])
def test_amending_takes_a_reason(reason: str) -> None:
    """An amendment says why."""
    with pytest.raises(InvalidValue, match="amend: a reason is needed"):
        play().engine.amend("deal", Document.from_bytes(b"x", kind="plan"), reason, by=BOSS)


def test_leaps_of_the_clock_change_no_order() -> None:
    """However the clock leaps, by ten years and back, events keep their numbers, and time acts once."""
    it = play(within=calendar_days(30), remind=["3 calendar days"])
    for days in (3650, -7300, 40, 3650, -3650, 7300, -1):
        it.later(days=days).engine.note("deal", f"{days}", by=BOSS)
        it.engine.sweep()
    events = it.engine.history("deal")

    assert list(range(1, len(events) + 1)) == [event.n for event in events]
    assert ["overdue"] == [event.kind for event in events if event.actor == "law"]
    assert it.deal.overdue
    assert it.engine.verify().ok


class TestSaidClearly:
    """What time brings is said so that one can do something about it."""

    def test_silence_that_refused_is_named(self) -> None:
        """The reason after a silence that refuses names the silence and the date, and whoever's turn it is mends it."""
        it = TestSilence.asked("refuses")
        it.later(days=11).engine.sweep()
        with pytest.raises(GateClosed) as closed:
            it.engine.advance("deal", by=BOSS)
        (why,) = closed.value.unmet

        assert ("approval.silent", ("boss",), "Act 5, Art 3") == (why.code, why.fix_by, why.basis)
        assert "2025-08-03" == why.params["date"]

    def test_each_time_that_passes_is_said(self) -> None:
        """A report that comes so late that the next is due as well leaves that one to be said by the next sweep."""
        it = play(duties=[Duty("report", every=months(12))])
        it.later(days=400)
        first = it.engine.sweep().overdue
        it.later(days=400)
        it.attach("report")
        second = it.engine.sweep().overdue

        assert (1, 1) == (first, second)
        assert [1, 2] == [
            event.data["due"][0].get("round", 1) for event in it.engine.history("deal") if event.kind == "overdue"
        ]

    def test_clock_that_does_not_run_is_explained(self) -> None:
        """Asked for the date of a stage whose clock does not run, the error names the date that is missing."""
        it = play(within=workdays(5, since="request.received_on"))
        with pytest.raises(
            NotFound, match=r"due is nothing\. Its clock does not run: request\.received_on has no date"
        ):
            it.engine.explain("deal", "stage:work")

    def test_what_falls_due_is_found(self) -> None:
        """Agreements of which something falls due by an instant can be listed."""
        it = play(within=workdays(5))

        assert ["deal"] == [one.id for one in it.engine.find(due_before=datetime(2025, 8, 1, tzinfo=UTC)).items]
        assert not it.engine.find(due_before=datetime(2025, 7, 31, tzinfo=UTC)).items

    def test_foreseen_refusal_by_silence(self) -> None:
        """A forecast in which a silence refuses ends at that gate."""
        it = TestSilence.asked("refuses")
        foreseen = it.engine.forecast("deal", silent=["council"], by=BOSS)

        assert foreseen.reached is None
        assert [("forecast.refused", None)] == [(p.because, p.date) for p in foreseen.passages]
        assert "silence refuses after 10 calendar days" in foreseen.passages[0].text()
