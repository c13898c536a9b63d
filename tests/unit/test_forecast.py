"""What if: the earliest date of each gate, and which rule makes it so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from stagegate import (
    Actor,
    Attempt,
    Calendar,
    Document,
    Engine,
    Forecast,
    GateClosed,
    InvalidValue,
    MemoryStore,
    NoSuchMove,
    NotFound,
    Process,
    Stage,
    approval,
    calendar_days,
    document,
    fact,
    requirement,
    unguarded,
    workdays,
)
from stagegate.testing import ManualClock

BOSS = Actor(id="ann", roles={"boss"})
HOLIDAY = Calendar(id="land", version="1", holidays={"2025-07-25": "Founders' day"})


class Play:
    """An agreement that stands at the first stage since Thursday 24 July 2025."""

    def __init__(self, *stages: Stage, calendars: Any = (), **process: Any) -> None:
        self.clock = ManualClock(datetime(2025, 7, 24, 9, tzinfo=UTC))
        self.process = Process("play", "1", stages, **process)
        self.store = MemoryStore()
        self.engine = Engine(self.store, processes=[self.process], calendars=calendars, clock=self.clock)
        self.engine.start("play", "deal", by=BOSS)

    def seen(self, *assumed: Any, silent: Any = ()) -> Forecast:
        """Look ahead."""
        return self.engine.forecast("deal", *assumed, silent=silent, by=BOSS)

    def said(self, *assumed: Any, silent: Any = ()) -> list[tuple[str, str, str | None, str]]:
        """Look ahead, and say of each stage when it is entered and left, and why."""
        return [
            (one.stage, str(one.entered)[5:], one.date and str(one.date)[5:], one.because.partition(".")[2])
            for one in self.seen(*assumed, silent=silent).passages
        ]


def stage(id: str, **about: Any) -> Stage:
    """Return a stage."""
    return Stage(id, **{"owner": "boss", "gate": fact(f"{id}_done"), **about})


LAST = Stage("last", owner="boss")


class TestClosed:
    """Where the passing of time ends the agreement, nothing lies ahead."""

    def test_time_has_passed(self) -> None:
        """A stage whose time has passed and ends the agreement is not left, whether a sweep has been there or not."""
        it = Play(stage("a", gate=unguarded("x"), within=workdays(2), on_timeout="end:rejected", basis="Rule 4"), LAST)
        in_time = it.said()
        it.clock.set(datetime(2025, 7, 29, 9, tzinfo=UTC))
        (over,) = it.seen().passages

        assert [("a", "07-24", "07-24", "at_once"), ("last", "07-24", None, "last")] == in_time
        assert (None, "forecast.closed", "2 workdays") == (over.date, over.because, over.rule)
        assert "nothing lies ahead: only its end is left (Rule 4)" == over.text()
        assert ["deadline.passed"] == [why.code for why in over.open]
        assert it.seen().reached is None

    def test_takes_longer_than_its_time(self) -> None:
        """A stage that is assumed to take longer than the time that ends the agreement is not left either."""
        timed = {"within": workdays(2), "on_timeout": "end:rejected"}
        it = Play(stage("a"), stage("b", **timed), LAST)

        assert [("a", "07-24", "07-24", "at_once"), ("b", "07-24", None, "closed")] == it.said({"b": "3 workdays"})
        assert "b" == it.said({"b": "2 workdays"})[1][0]
        assert ["at_once", "assumed", "last"] == [why for *_, why in it.said({"b": "2 workdays"})]
        assert ["at_once", "full", "last"] == [why for *_, why in it.said(silent=["b"])]

    def test_time_that_does_not_run_yet(self) -> None:
        """A time that counts from a date which nobody knows closes nothing; nor does one that only makes it late."""
        unknown = stage("b", within=workdays(2, since="letter.dated"), on_timeout="end:rejected")
        it = Play(stage("a"), unknown, stage("c", within=workdays(2)), LAST)

        assert ["at_once", "assumed", "assumed", "last"] == [
            why for *_, why in it.said({"b": "3 workdays", "c": "3 workdays"})
        ]

    def test_date_beyond_the_calendar(self) -> None:
        """A date that lies beyond what the calendar covers ends nothing yet."""
        short = Calendar(id="land", version="1", first="2025-07-01", last="2025-07-24")
        timed = stage("a", within=workdays(2), on_timeout="end:rejected")
        it = Play(timed, LAST, calendar="land", calendars=[short])

        assert ["assumed", "last"] == [why for *_, why in it.said({"a": "3 workdays"})]

    def test_whole_has_ended(self) -> None:
        """A part whose whole has ended goes no further."""
        it = Play(stage("a"), LAST)
        it.engine.start("play", "part", part_of="deal", by=BOSS)
        it.engine.end("deal", "withdrawn", "enough", by=BOSS)
        foreseen = it.engine.forecast("part", by=BOSS)

        assert (None, ["forecast.closed"]) == (foreseen.reached, [one.because for one in foreseen.passages])


class TestReasons:
    """Why a gate is passed on that day, and not before."""

    def test_at_once(self) -> None:
        """Of what nothing is said, it is supposed that it is done at once."""
        it = Play(stage("a"), stage("b"), LAST)

        assert [
            ("a", "07-24", "07-24", "at_once"),
            ("b", "07-24", "07-24", "at_once"),
            ("last", "07-24", None, "last"),
        ] == it.said()

    def test_assumed(self) -> None:
        """A stage takes as long as it is assumed to, from the day it is entered; periods and their texts will do."""
        it = Play(stage("a"), stage("b"), LAST)

        assert [
            ("a", "07-24", "07-31", "assumed"),
            ("b", "07-31", "08-10", "assumed"),
            ("last", "08-10", None, "last"),
        ] == it.said({"a": workdays(5), "b": "10 calendar days"})

    def test_assumed_counts_from_entering(self) -> None:
        """What has passed since the stage was entered has passed; no gate is passed before today."""
        it = Play(stage("a"), LAST)
        it.clock.advance(days=4)
        within = it.said({"a": "10 calendar days"})
        it.clock.advance(days=10)

        assert [("a", "07-24", "08-03", "assumed"), ("last", "08-03", None, "last")] == within
        assert [("a", "07-24", "08-07", "at_once"), ("last", "08-07", None, "last")] == it.said(
            {"a": "10 calendar days"}
        )

    @pytest.mark.parametrize("silent", ["a", "boss"])
    def test_full(self, silent: str) -> None:
        """A silent stage, or a silent owner, takes all the time there is."""
        it = Play(stage("a", within=workdays(5), basis="Rule 1"), LAST)
        (first, _) = it.seen(silent=[silent]).passages

        assert [("a", "07-24", "07-31", "full"), ("last", "07-31", None, "last")] == it.said(silent=[silent])
        assert ("5 workdays", "Rule 1") == (first.rule, first.basis)
        assert "takes all the time there is: 5 workdays (Rule 1)" == first.text()

    def test_silent_without_a_time(self) -> None:
        """A silent stage that has no time takes none: nothing says how long."""
        assert "at_once" == Play(stage("a"), LAST).said(silent=["a"])[0][3]

    def test_time_of_a_requirement(self) -> None:
        """The time of one requirement counts like that of the stage; the longest is what makes the date."""
        gate = fact("x", within=calendar_days(3), basis="Rule 2") & fact("y", within=calendar_days(9), basis="Rule 3")
        it = Play(stage("a", gate=gate, within=calendar_days(5)), LAST)
        (first, _) = it.seen(silent=["a"]).passages

        assert ("08-02", "Rule 3", "9 calendar days") == (str(first.date)[5:], first.basis, first.rule)

    def test_what_is_not_silent_takes_no_time(self) -> None:
        """A time is used up only by who is silent."""
        assert "at_once" == Play(stage("a", within=workdays(5)), LAST).said()[0][3]

    @pytest.mark.parametrize("silent", ["council", "a"])
    def test_silence(self, silent: str) -> None:
        """Silence decides on the day after the last one, which belongs to who is asked."""
        gate = approval("council", within=calendar_days(5), silence="approves", basis="Rule 4")
        it = Play(stage("a", gate=gate), LAST)
        (first, _) = it.seen(silent=[silent]).passages

        assert [("a", "07-24", "07-30", "silence"), ("last", "07-30", None, "last")] == it.said(silent=[silent])
        assert "silence decides after 5 calendar days (Rule 4)" == first.text()

    def test_silence_of_who_has_answered(self) -> None:
        """Who has answered is silent no more: what is missing then is another answer."""
        gate = approval("council", within=calendar_days(5), silence="approves", basis="Rule 4")
        it = Play(stage("a", gate=gate), LAST)
        it.engine.refuse("deal", "not like this", by=Actor(id="c", roles={"council"}))

        assert [("a", "07-24", "07-24", "at_once"), ("last", "07-24", None, "last")] == it.said(silent=["council"])
        assert ["approval.refused", "approval.missing"] == [why.code for why in it.seen().passages[0].open]

    def test_silence_that_says_nothing(self) -> None:
        """Where no rule gives the silence of a role a meaning, its time passes only if the stage is silent."""
        it = Play(stage("a", gate=approval("council", within=calendar_days(5))), LAST)

        assert "at_once" == it.said(silent=["council"])[0][3]
        assert "full" == it.said(silent=["a"])[0][3]

    def test_skipped(self) -> None:
        """A stage whose condition does not hold, as things are, is passed over; where it holds, it is not."""
        it = Play(stage("a"), stage("b", when=fact("large")), LAST)
        before = it.said({"b": "10 calendar days"})
        it.engine.record("deal", "large", value=True, by=BOSS)

        assert ("b", "07-24", None, "skipped") == before[1]
        assert ("b", "07-24", "08-03", "assumed") == it.said({"b": "10 calendar days"})[1]

    def test_where_it_stands_is_not_skipped(self) -> None:
        """The stage where it stands is not passed over, even if its condition holds no more."""
        it = Play(stage("a", gate=unguarded("x")), stage("b", when=fact("large")), LAST)
        it.engine.record("deal", "large", value=True, by=BOSS)
        it.engine.advance("deal", by=BOSS)
        it.engine.record("deal", "large", None, by=BOSS)

        assert ["b", "last"] == [one[0] for one in it.said()]

    def test_last_stage(self) -> None:
        """At the last stage there is nothing left to pass."""
        it = Play(stage("a", gate=unguarded("x")), LAST)
        it.engine.advance("deal", by=BOSS)

        assert [("last", "07-24", None, "last")] == it.said()
        assert date(2025, 7, 24) == it.seen().reached

    @pytest.mark.parametrize(
        "lang, text",
        [
            ("en", "assumed to take 5 workdays"),
            ("id", "diandaikan memerlukan 5 hari kerja"),
            ("xx", "assumed to take 5 workdays"),
        ],
    )
    def test_says_it_in_words(self, lang: str, text: str) -> None:
        """The reason is a sentence in the reader's language, with the rule and what it comes from."""
        assert text == Play(stage("a"), LAST).seen({"a": "5 workdays"}).passages[0].text(lang)

    def test_open_is_what_is_missing_now(self) -> None:
        """Of the stage where it stands it says what would still have to be done; of those ahead nobody can."""
        it = Play(stage("a"), stage("b"), LAST)
        here, ahead, _ = it.seen().passages

        assert ["fact.missing"] == [why.code for why in here.open]
        assert () == ahead.open

    def test_open_is_what_an_advance_is_refused_with(self) -> None:
        """What would have to be done is what `options` says of an advance: a hold stands in the way, a warning does not."""
        it = Play(stage("a", gate=unguarded("x") & document("memo", soft=True)), LAST)
        free = it.seen().passages[0].open
        it.engine.hold("deal", "wait", by=BOSS)
        held = it.seen().passages[0].open

        assert () == free
        assert ["agreement.on_hold"] == [why.code for why in held]
        assert it.engine.options("deal", by=BOSS)[0].unmet == held

    def test_predicate_is_asked_about_the_advance(self) -> None:
        """A predicate and a condition are asked as they will be when it advances."""

        @requirement(code="mood")
        def mood(attempt: Attempt) -> bool:
            return attempt.move == "advance"

        it = Play(stage("a", gate=mood), stage("b", when=mood), LAST)

        assert [("at_once", ()), ("at_once", ()), ("last", ())] == [
            (one.because.partition(".")[2], one.open) for one in it.seen().passages
        ]

    def test_dates_are_explained(self) -> None:
        """A date comes with its reckoning, with the holidays of the calendar by name."""
        it = Play(stage("a", within=workdays(2)), LAST, calendar="land", calendars=[HOLIDAY])
        due = it.seen(silent=["a"]).passages[0].due

        assert due is not None
        assert date(2025, 7, 29) == due.date
        assert any("Founders' day" in line for line in due.explain())

    def test_reached(self) -> None:
        """It says of which agreement, on which day it was asked, and when the last stage is entered."""
        seen = Play(stage("a"), LAST).seen({"a": "5 workdays"})

        assert ("deal", date(2025, 7, 24), date(2025, 7, 31)) == (seen.agreement, seen.on, seen.reached)

    def test_day_is_that_of_the_zone(self) -> None:
        """Today is the day in the zone of the process."""
        it = Play(stage("a"), LAST, zone="Pacific/Kiritimati")
        it.clock.set(datetime(2025, 7, 24, 11, tzinfo=UTC))

        assert date(2025, 7, 25) == it.seen().on


class TestClocksThatRun:
    """What has begun goes on as it was reckoned."""

    def test_takes_the_date_that_runs(self) -> None:
        """For the stage where it stands, the time that runs is the one its deadline has."""
        it = Play(stage("a", within=workdays(5)), LAST)
        it.clock.advance(days=2)

        assert it.seen(silent=["a"]).passages[0].date == it.engine.get("deal").deadlines["stage:a"].date

    def test_pauses_count(self) -> None:
        """The time that it was on hold is added, as in its deadline."""
        it = Play(stage("a", within=calendar_days(5)), LAST)
        it.engine.hold("deal", "wait", by=BOSS)
        it.clock.advance(days=10)
        held = it.said(silent=["a"])[0][2]
        it.engine.resume("deal", by=BOSS)

        assert "08-08" == held == it.said(silent=["a"])[0][2]
        assert date(2025, 8, 8) == it.engine.get("deal").deadlines["stage:a"].date

    def test_on_hold_it_goes_on_today_at_the_earliest(self) -> None:
        """The longer it is on hold, the later everything is."""
        it = Play(stage("a", within=calendar_days(5)), stage("b"), LAST)
        it.engine.hold("deal", "wait", by=BOSS)
        dates = []
        for _ in range(3):
            it.clock.advance(days=1)
            dates.append(it.said({"b": "1 calendar day"}, silent=["a"])[1][1:3])

        assert [("07-30", "07-31"), ("07-31", "08-01"), ("08-01", "08-02")] == dates

    def test_keeps_the_calendar_it_was_counted_by(self) -> None:
        """A date keeps the calendar it was counted by, though a newer one is in force."""
        it = Play(
            stage("a", within=workdays(2)), stage("b", within=workdays(2)), LAST, calendar="land", calendars=[HOLIDAY]
        )
        newer = Calendar(id="land", version="2")
        both = Engine(it.store, processes=[it.process], calendars=[HOLIDAY, newer], clock=it.clock)
        alone = Engine(it.store, processes=[it.process], calendars=[newer], clock=it.clock)
        passages = both.forecast("deal", silent=["a", "b"], by=BOSS).passages

        assert [date(2025, 7, 29), date(2025, 7, 31)] == [one.date for one in passages[:2]]
        assert date(2025, 7, 28) == alone.forecast("deal", silent=["a"], by=BOSS).passages[0].date

    def test_what_is_met_takes_no_time(self) -> None:
        """A requirement that holds already keeps nobody waiting."""
        gate = approval("council", within=calendar_days(5), silence="approves", basis="Rule 4") & fact("x")
        it = Play(stage("a", gate=gate), LAST)
        it.engine.approve("deal", by=Actor(id="vic", roles={"council"}))

        assert "at_once" == it.said(silent=["council"])[0][3]

    def test_what_has_not_begun_begins_today(self) -> None:
        """A clock that waits for a document begins today at the earliest."""
        it = Play(stage("a", within=calendar_days(5, since="letter.received_on")), LAST)
        it.clock.advance(days=10)

        assert ("a", "07-24", "08-08", "full") == it.said(silent=["a"])[0]

    def test_point_that_is_known(self) -> None:
        """A clock that counts from a document that is there runs from its date, before the stage is entered as well."""
        ahead = stage("b", within=calendar_days(30, since="letter.received_on"))
        it = Play(stage("a"), ahead, LAST)
        before = it.said({"a": "5 calendar days"}, silent=["b"])[1]
        it.engine.attach("deal", Document.from_bytes(b"x", kind="letter", received_on="2025-07-10"), by=BOSS)

        assert ("b", "07-29", "08-28", "full") == before
        assert ("b", "07-29", "08-09", "full") == it.said({"a": "5 calendar days"}, silent=["b"])[1]

    @pytest.mark.parametrize("on_return, expected", [("restart", "08-23"), ("continue", "08-09")])
    def test_point_that_is_known_the_second_time(self, on_return: str, expected: str) -> None:
        """Sent back, the time begins again where the rule says so, and otherwise counts from the document still."""
        ahead = stage("b", within=calendar_days(30, since="letter.received_on", on_return=on_return), back_to="a")
        it = Play(stage("a", gate=unguarded("x")), ahead, LAST)
        it.engine.attach("deal", Document.from_bytes(b"x", kind="letter", received_on="2025-07-10"), by=BOSS)
        it.engine.advance("deal", by=BOSS)
        it.engine.send_back("deal", "a", "again", by=BOSS)

        assert expected == it.said(silent=["b"])[1][2]

    def test_agrees_with_what_then_happens(self) -> None:
        """If all are as silent as foreseen, the gates are passed on the very days that were foreseen."""
        silent = {"within": workdays(10), "silence": "approves", "basis": "Rule 4"}
        it = Play(
            stage("a", gate=approval("council", **silent)),
            stage("b", gate=approval("ministry", **silent)),
            LAST,
        )
        foreseen = [one.date for one in it.seen(silent=["council", "ministry"]).passages[:-1]]
        passed: list[Any] = []
        while len(passed) < len(foreseen):
            it.clock.advance(days=1)
            it.engine.sweep()
            try:
                it.engine.advance("deal", by=BOSS)
                passed.append(it.clock().date())
            except GateClosed:
                continue

        assert foreseen == passed


class TestQuestions:
    """What can be asked."""

    @pytest.mark.parametrize(
        "assumptions, said",
        [
            (3, "assumptions: a table of periods by stage is needed, not 3"),
            ([("a", "1 year")], "assumptions: a table of periods by stage"),
            ({"nowhere": "1 year"}, "assumptions: there is no stage 'nowhere'; there are a, last"),
            ({3: "1 year"}, "assumptions: a text is needed"),
            ({"a": "soon"}, r"assumptions\.a: a period is needed"),
            ({"a": None}, r"assumptions\.a: a period is needed"),
            (
                {"a": calendar_days(1, since="fact:x")},
                r"assumptions\.a: what is assumed counts from entering the stage",
            ),
        ],
        ids=range(7),
    )
    def test_what_is_no_assumption(self, assumptions: Any, said: str) -> None:
        """What cannot be assumed is refused, and the stage is named."""
        with pytest.raises(InvalidValue, match=said):
            Play(stage("a"), LAST).seen(assumptions)

    @pytest.mark.parametrize(
        "silent, said",
        [
            ("a", "silent: a list of stages or roles is needed, not 'a'"),
            (3, "silent: a list of stages or roles is needed, not 3"),
            ([3], "silent: a text is needed"),
            (["a", "nobody"], "silent: 'nobody' is no stage and no role of play"),
        ],
        ids=range(4),
    )
    def test_who_cannot_be_silent(self, silent: Any, said: str) -> None:
        """Only stages and roles of the process can be silent."""
        with pytest.raises(InvalidValue, match=said):
            Play(stage("a"), LAST).seen(silent=silent)

    def test_asking_writes_nothing(self) -> None:
        """A question is no attempt."""
        it = Play(stage("a", within=workdays(5)), LAST)
        before = it.engine.get("deal")
        it.seen({"a": "1 year"}, silent=["a"])

        assert before == it.engine.get("deal")

    def test_what_has_ended(self) -> None:
        """Of what has ended nothing can be foreseen."""
        it = Play(stage("a"), LAST)
        it.engine.end("deal", "withdrawn", by=BOSS)

        with pytest.raises(NoSuchMove, match="it has ended .withdrawn.; there is nothing left to foresee"):
            it.seen()

    @pytest.mark.parametrize(
        "ask",
        [
            lambda engine: engine.forecast("nothing", by=BOSS),
            lambda engine: engine.forecast("deal", {"a": calendar_days(1, calendar="moon")}, by=BOSS),
        ],
        ids=["agreement", "calendar"],
    )
    def test_what_is_not_there(self, ask: Callable[[Engine], Any]) -> None:
        """An unknown agreement and an unknown calendar are named."""
        with pytest.raises(NotFound, match="nothing|moon"):
            ask(Play(stage("a", gate=document("x")), LAST).engine)
