from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from stagegate import Calendar, DefinitionError, Due, InvalidValue, Period, calendar_days, months, workdays, years
from stagegate._calendars import WEEKENDS
from stagegate._deadlines import as_period, as_point, passed, point_parts, zone_of

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2025, 7, day) for day in (25, 26, 27, 28))
FEASTS = Calendar(
    id="feasts",
    version="7",
    holidays={"2025-07-28": "Feast", "2025-08-01": "Rest"},
    working={"2025-08-02": "made up"},
    first="2025-01-01",
    last="2025-12-31",
)


def on(text: str) -> date:
    """Return a date."""
    return date.fromisoformat(text)


class TestPeriods:
    """How long, and how it is counted."""

    @pytest.mark.parametrize(
        "period, said, table",
        [
            (workdays(45), "45 workdays", {"workdays": 45}),
            (workdays(1), "1 workday", {"workdays": 1}),
            (calendar_days(7), "7 calendar days", {"calendar_days": 7}),
            (calendar_days(1), "1 calendar day", {"calendar_days": 1}),
            (months(6), "6 months", {"months": 6}),
            (months(1), "1 month", {"months": 1}),
            (years(5), "5 years", {"years": 5}),
            (years(1), "1 year", {"years": 1}),
        ],
    )
    def test_said_and_written(self, period: Period, said: str, table: dict[str, int]) -> None:
        """A period says itself as the text that it is read from, and is written as the table that it is read from."""
        assert (said, table) == (str(period), period.to_data())
        assert period == as_period(said, "p") == as_period(table, "p") == as_period(period, "p")
        assert hash(period) == hash(as_period(said, "p"))

    def test_other_languages(self) -> None:
        """A period says itself in Indonesian and Japanese too."""
        assert ["45 hari kerja", "45営業日", "45 workdays"] == [workdays(45).text(lang) for lang in ("id", "ja", "xx")]

    def test_options_are_written_where_they_are_not_usual(self) -> None:
        """Every option is written unless it is at its default, and read back."""
        options = {
            "since": "letter.received_on",
            "day_one": "same",
            "roll": "next",
            "on_return": "continue",
            "on_hold": "run",
            "calendar": "japan",
        }
        period = months(6, **options)

        assert {"months": 6, **options} == period.to_data()
        assert period == as_period(period.to_data(), "p")
        assert months(6) == months(
            6, since="", day_one="next", roll="none", on_return="restart", on_hold="pause", calendar=""
        )

    @pytest.mark.parametrize(
        "make, because",
        [
            (lambda: workdays(0), "period.n: a whole number from 1"),
            (lambda: workdays(-1), "period.n: a whole number from 1"),
            (lambda: workdays(True), "not True"),
            (lambda: workdays("45"), "not '45'"),
            (lambda: workdays(1.0), "not 1.0"),
            (lambda: workdays(100_001), "period.n: 100001 workdays are too many; 100,000 are the most"),
            (lambda: years(9_999), "period.n: 9999 years are too many; 9,998 are the most"),
            (lambda: Period(1, "weeks"), "period.unit: one of workdays, calendar_days, months, years"),
            (lambda: Period(1, ["weeks"]), "period.unit: one of"),
            (lambda: workdays(1, roll="next"), "period.roll: workdays end on a workday"),
            (lambda: workdays(1, day_one="today"), "period.day_one: one of next, same"),
            (lambda: months(1, roll="up"), "period.roll: one of none, next, previous"),
            (lambda: workdays(1, on_return="resume"), "period.on_return: one of restart, continue"),
            (lambda: workdays(1, on_hold="stop"), "period.on_hold: one of pause, run"),
            (lambda: workdays(1, since="letter"), "period.since: 'letter' names no date"),
            (lambda: workdays(1, calendar="a b"), "period.calendar: 'a b' is no id"),
        ],
    )
    def test_period_that_means_nothing_is_refused(self, make: Callable[[], Period], because: str) -> None:
        """Each argument that means nothing is refused under its name."""
        with pytest.raises(InvalidValue) as refused:
            make()

        assert because in str(refused.value)

    def test_all_that_is_wrong_is_said_at_once(self) -> None:
        """Every fault of a period is told, as one sentence each."""
        with pytest.raises(InvalidValue) as refused:
            Period(0, "workdays", roll="next", day_one="x")

        assert ["period.n", "period.day_one", "period.roll"] == [
            said.partition(":")[0] for said in str(refused.value).split("; ") if said.startswith("period.")
        ]

    @pytest.mark.parametrize(
        "value",
        [
            None, 45, "", "45", "workdays", "45 days", "45  workdays", " 45 workdays", "-1 workdays", "4.5 workdays",
            "45 Workdays", "1234567890 workdays", "٤٥ workdays", ["45 workdays"], "45 workdays\n",
        ],
    )  # fmt: skip
    def test_what_is_no_period_is_refused(self, value: Any) -> None:
        """A text in another form and what is no text or table are refused, with the forms there are."""
        with pytest.raises(InvalidValue, match="within: a period is needed, such as '45 workdays', '7 calendar days'"):
            as_period(value, "within")

    @pytest.mark.parametrize(
        "table, faults",
        [
            ({}, {""}),
            ({"workdays": 1, "months": 2}, {""}),
            ({"workdays": 0}, {"workdays"}),
            ({"workdays": 100_001}, {"workdays"}),
            ({"workdays": 1, "sinse": "x.dated", "day_one": "x"}, {"sinse", "day_one"}),
            ({"n": 1, "unit": "workdays"}, {"n", "unit", ""}),
            ({"months": 1, "roll": 3, 4: 5}, {"roll", "4"}),
            ({"since": "x"}, {"", "since"}),
        ],
    )
    def test_all_faults_of_a_table_are_told_at_once(self, table: dict[Any, Any], faults: set[str]) -> None:
        """What is unknown, missing, double or wrong in a table is told at once, each under its key."""
        with pytest.raises(DefinitionError) as refused:
            as_period(table, "within")

        assert faults == {path for path, _ in refused.value.faults}

    def test_zero_as_text_is_refused(self) -> None:
        """A text can say no less than one either."""
        with pytest.raises(DefinitionError, match="workdays: a whole number from 1"):
            as_period("0 workdays", "within")


class TestPoints:
    """Which date something counts from."""

    @pytest.mark.parametrize(
        "point, parts",
        [
            ("letter.dated", ("document", "letter", "dated")),
            ("letter.received_on", ("document", "letter", "received_on")),
            ("a.b.valid_until", ("document", "a.b", "valid_until")),
            ("letter.fields.opened", ("field", "letter", "opened")),
            ("letter.fields.dated", ("field", "letter", "dated")),
            ("letter.fields.a.b", ("field", "letter", "a.b")),
            ("fact:opening", ("fact", "opening", "fact")),
            ("fact:opening.day", ("fact", "opening.day", "fact")),
        ],
    )
    def test_points(self, point: str, parts: tuple[str, str, str]) -> None:
        """A point is a date of a document, a field of a document, or a fact."""
        assert (point, parts) == (as_point(point, "since"), point_parts(point))

    @pytest.mark.parametrize(
        "point",
        [
            "letter", "letter.signed", ".dated", "letter.fields.", ".fields.x", "fact:", "fact: x", "a b.dated", "", None, 3,
            "letter.dated ", "letter.fields.あ", "x" * 300,
        ],
    )  # fmt: skip
    def test_what_names_no_date_is_refused(self, point: Any) -> None:
        """Anything else is refused, with the forms there are."""
        with pytest.raises(InvalidValue, match="since: .* names no date; write kind.dated, kind.received_on"):
            as_point(point, "since")


class TestWorkdays:
    """Days that count in a calendar."""

    def test_council_of_bekasi(self) -> None:
        """45 workdays from 24 July 2025 end on 25 September, by week-ends alone."""
        due = workdays(45).due(on("2025-07-24"), zone="Asia/Jakarta")

        assert (on("2025-09-25"), datetime(2025, 9, 25, 17, tzinfo=UTC)) == (due.date, due.at)
        assert (45, 18, True) == (due.counted, len(due.skipped), due.certain)

    @pytest.mark.parametrize(
        "start, n, next_day, same_day",
        [
            ("2025-07-25", 1, "2025-07-29", "2025-07-25"),
            ("2025-07-25", 3, "2025-07-31", "2025-07-30"),
            ("2025-07-26", 1, "2025-07-29", "2025-07-29"),
            ("2025-07-31", 1, "2025-08-02", "2025-07-31"),
            ("2025-07-31", 2, "2025-08-04", "2025-08-02"),
        ],
    )
    def test_day_one(self, start: str, n: int, next_day: str, same_day: str) -> None:
        """Day one is the next day that counts, or the start itself if it counts; holidays and made-up days are heeded."""
        assert on(next_day) == workdays(n).due(on(start), calendar=FEASTS).date
        assert on(same_day) == workdays(n, day_one="same").due(on(start), calendar=FEASTS).date

    def test_every_day_that_did_not_count_has_its_name(self) -> None:
        """The days left out are named by holiday or weekday, in order; those that count are not among them."""
        due = workdays(5).due(FRIDAY, calendar=FEASTS)

        assert on("2025-08-04") == due.date
        assert [
            ("2025-07-26", "Saturday"),
            ("2025-07-27", "Sunday"),
            ("2025-07-28", "Feast"),
            ("2025-08-01", "Rest"),
            ("2025-08-03", "Sunday"),
        ] == [(day.isoformat(), why) for day, why in due.skipped]

    def test_start_that_does_not_count_is_named_where_it_is_included(self) -> None:
        """Where the start would be day one but does not count, it is among the days left out."""
        assert SATURDAY == workdays(1, day_one="same").due(SATURDAY).skipped[0][0]

    def test_very_many(self) -> None:
        """A hundred thousand workdays are counted as surely as one, also where nearly no day counts."""
        due = workdays(100_000).due(FRIDAY)
        sundays = Calendar(id="c", version="1", weekend=range(6))

        assert FRIDAY + timedelta(days=140_000) == due.date
        assert SUNDAY + timedelta(weeks=499) == workdays(500).due(FRIDAY, calendar=sundays).date
        assert on("2025-08-17") == workdays(4).due(FRIDAY, calendar=sundays).date

    def test_long_feast_is_crossed(self) -> None:
        """A feast that lasts far longer than the period is crossed all the same."""
        feast = {FRIDAY + n * DAY: "Feast" for n in range(1, 400)}
        calendar = Calendar(id="c", version="1", weekend=(), holidays=feast)

        assert FRIDAY + 400 * DAY == workdays(1).due(FRIDAY, calendar=calendar).date
        assert FRIDAY == workdays(1).before(FRIDAY + 400 * DAY, calendar=calendar)


class TestCalendarDays:
    """Days that all count."""

    def test_all_days_count(self) -> None:
        """Seven calendar days from a Friday end on the next Friday, whatever lies between; included, a day earlier."""
        assert on("2025-08-01") == calendar_days(7).due(FRIDAY, calendar=FEASTS).date
        assert on("2025-07-31") == calendar_days(7, day_one="same").due(FRIDAY, calendar=FEASTS).date

    @pytest.mark.parametrize(
        "n, roll, expected, skipped, over",
        [
            (1, "none", "2025-07-26", 0, 0),
            (1, "next", "2025-07-29", 3, 3),
            (2, "next", "2025-07-29", 2, 2),
            (4, "next", "2025-07-29", 0, 0),
            (7, "previous", "2025-07-31", 0, 1),
            (9, "previous", "2025-08-02", 0, 1),
            (8, "previous", "2025-08-02", 0, 0),
        ],
    )
    def test_last_day_rolls(self, n: int, roll: str, expected: str, skipped: int, over: int) -> None:
        """A last day that does not count stays, or moves to the next or the previous one that does."""
        due = calendar_days(n, roll=roll).due(FRIDAY, calendar=FEASTS)

        assert on(expected) == due.date
        assert (skipped, over) == (len(due.skipped), len(due.moved_over))
        assert FRIDAY + n * DAY == due.unrolled
        assert (due.date - FRIDAY).days == due.counted + len(due.skipped)

    def test_it_never_rolls_back_before_day_one(self) -> None:
        """Where no day counts from day one on, a period that would roll back rolls on."""
        assert on("2025-07-29") == calendar_days(1, roll="previous").due(FRIDAY, calendar=FEASTS).date
        assert FRIDAY == calendar_days(2, roll="previous", day_one="same").due(FRIDAY, calendar=FEASTS).date


class TestMonthsAndYears:
    """Periods that go by the numbers of days."""

    @pytest.mark.parametrize(
        "period, start, expected",
        [
            (months(1), "2025-01-30", "2025-02-28"),
            (months(1), "2025-01-31", "2025-02-28"),
            (months(1), "2024-01-31", "2024-02-29"),
            (months(1), "2025-02-28", "2025-03-28"),
            (months(1), "2025-12-31", "2026-01-31"),
            (months(13), "2025-12-31", "2027-01-31"),
            (months(12), "2024-02-29", "2025-02-28"),
            (months(48), "2024-02-29", "2028-02-29"),
            (years(1), "2024-02-29", "2025-02-28"),
            (years(4), "2024-02-29", "2028-02-29"),
            (years(5), "2026-11-24", "2031-11-24"),
            (months(1, day_one="same"), "2025-03-01", "2025-03-31"),
            (months(1, day_one="same"), "2025-01-28", "2025-02-27"),
            (months(1, day_one="same"), "2025-01-29", "2025-02-28"),
            (months(1, day_one="same"), "2025-01-31", "2025-02-28"),
            (years(1, day_one="same"), "2026-01-01", "2026-12-31"),
            (years(1, day_one="same"), "2024-02-29", "2025-02-28"),
            (months(1, roll="next"), "2025-06-26", "2025-07-29"),
            (months(1, roll="previous"), "2025-06-26", "2025-07-25"),
        ],
    )
    def test_day_of_the_same_number(self, period: Period, start: str, expected: str) -> None:
        """The last day has the number of the start, or is the last of a shorter month; included, it is the day before."""
        assert on(expected) == period.due(on(start), calendar=FEASTS).date


class TestPauses:
    """While the clock stands still."""

    def test_paused_days_do_not_count(self) -> None:
        """The day the clock stopped counts, the day it went on does not; days between are named as paused."""
        due = workdays(3).due(FRIDAY, pauses=[(MONDAY, on("2025-07-30"))])

        assert on("2025-08-01") == due.date
        assert [("2025-07-29", "paused"), ("2025-07-30", "paused")] == [
            (day.isoformat(), why) for day, why in due.skipped[2:]
        ]

    def test_day_that_would_not_count_anyway_keeps_its_name(self) -> None:
        """A Saturday in a pause is a Saturday where workdays are counted, and paused where all days are."""
        pause = [(FRIDAY, MONDAY)]

        assert ["Saturday", "Sunday", "paused"] == [why for _, why in workdays(1).due(FRIDAY, pauses=pause).skipped]
        assert ["paused"] * 3 == [why for _, why in calendar_days(1).due(FRIDAY, pauses=pause).skipped]

    @pytest.mark.parametrize("period", [calendar_days(31), months(1)])
    def test_months_are_put_off_by_the_paused_days(self, period: Period) -> None:
        """A pause of ten days puts the end off by ten days, also where it begins after the end it would have had."""
        assert on("2025-09-04") == period.due(FRIDAY, pauses=[(on("2025-08-01"), on("2025-08-11"))]).date
        assert on("2025-08-25") == period.due(FRIDAY, pauses=[(on("2025-08-25"), on("2025-09-11"))]).date
        assert on("2025-09-12") == period.due(FRIDAY, pauses=[(on("2025-08-24"), on("2025-09-11"))]).date

    @pytest.mark.parametrize(
        "pauses",
        [
            [("2025-07-28", "2025-07-31")],
            [("2025-07-28", "2025-07-30"), ("2025-07-29", "2025-07-31")],
            [("2025-07-29", "2025-07-31"), ("2025-07-28", "2025-07-29")],
            [("2025-07-28", "2025-07-31"), ("2025-07-29", "2025-07-30"), ("2025-07-28", "2025-07-31")],
            [("2025-07-28", "2025-07-31"), ("2025-07-26", "2025-07-26")],
        ],
    )
    def test_overlapping_pauses_count_once(self, pauses: list[tuple[str, str]]) -> None:
        """Pauses in any order, side by side, over each other or of no day give the same date and the same value."""
        due = workdays(3).due(FRIDAY, pauses=[(on(a), on(b)) for a, b in pauses])

        assert on("2025-08-04") == due.date
        assert ((on("2025-07-28"), on("2025-07-31")),) == due.pauses

    def test_pauses_before_and_after_change_nothing(self) -> None:
        """A pause that was over at the start, or begins after the end, changes no date."""
        pauses = [(on("2025-07-01"), FRIDAY), (on("2025-08-01"), on("2025-09-01"))]

        assert workdays(3).due(FRIDAY).date == workdays(3).due(FRIDAY, pauses=pauses).date

    def test_roll_heeds_pauses(self) -> None:
        """A last day that moves on does not come to rest in a pause; nor does one that moves back."""
        pause = [(SATURDAY, on("2025-07-30"))]
        due = calendar_days(1, roll="next").due(FRIDAY, pauses=pause)
        back = calendar_days(3, roll="previous").due(on("2025-07-23"), pauses=[(on("2025-07-24"), FRIDAY)])

        assert on("2025-07-31") == due.date
        assert ["Saturday", "Sunday", "paused", "paused", "paused"] == [why for _, why in due.skipped]
        assert (on("2025-07-24"), SUNDAY) == (back.date, back.unrolled)
        assert ["paused", "Saturday", "Sunday"] == [why for _, why in back.moved_over]

    @pytest.mark.parametrize(
        "pauses, because",
        [
            ([(MONDAY, FRIDAY)], "the clock cannot go on (2025-07-25) before it stopped (2025-07-28)"),
            ([(FRIDAY, None)], "pauses: a date is needed"),
            ([FRIDAY], "pauses: pairs of days are needed"),
            ([(FRIDAY,)], "pauses: pairs of days are needed"),
            ([(FRIDAY, FRIDAY, FRIDAY)], "pauses: pairs of days are needed"),
            (3, "pauses: pairs of days are needed"),
            (["2025-07-25"], "pauses: pairs of days are needed"),
        ],
    )
    def test_what_is_no_pause_is_refused(self, pauses: Any, because: str) -> None:
        """A pause that ends before it begins, or is no pair of days, is refused."""
        with pytest.raises(InvalidValue) as refused:
            workdays(1).due(FRIDAY, pauses=pauses)

        assert because in str(refused.value)


class TestBefore:
    """Counting back."""

    @pytest.mark.parametrize(
        "period, limit, expected",
        [
            (workdays(1), "2025-07-29", "2025-07-25"),
            (workdays(1), "2025-07-28", "2025-07-24"),
            (workdays(1), "2025-07-25", "2025-07-24"),
            (workdays(10), "2025-09-25", "2025-09-11"),
            (workdays(1, day_one="same"), "2025-07-29", "2025-07-29"),
            (workdays(2, day_one="same"), "2025-07-29", "2025-07-25"),
            (workdays(1), "2025-08-04", "2025-08-02"),
            (calendar_days(7), "2025-08-01", "2025-07-25"),
            (calendar_days(7, day_one="same"), "2025-08-01", "2025-07-26"),
            (calendar_days(5, roll="next"), "2025-08-01", "2025-07-25"),
            (calendar_days(5, roll="previous"), "2025-08-01", "2025-07-25"),
            (calendar_days(3, roll="next"), "2025-08-01", "2025-07-29"),
            (months(1), "2025-03-31", "2025-02-28"),
            (months(6), "2026-02-28", "2025-08-28"),
            (months(1, day_one="same"), "2025-03-31", "2025-03-01"),
            (months(1, roll="next"), "2025-08-27", "2025-07-25"),
            (years(1), "2024-02-29", "2023-02-28"),
        ],
    )
    def test_day_that_lies_before(self, period: Period, limit: str, expected: str) -> None:
        """From the day that is answered the period is over by the limit; one that rolls goes back to a day that counts."""
        found = period.before(on(limit), calendar=FEASTS)

        assert on(expected) == found
        if period.roll == "none":
            assert period.due(found, calendar=FEASTS).date <= on(limit)


class TestBounds:
    """Where the years end."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: workdays(1).due(date.max),
            lambda: workdays(1).due(date(9999, 12, 30)),
            lambda: workdays(1, day_one="same").due(date.max),
            lambda: workdays(100_000).due(on("9800-01-01")),
            lambda: calendar_days(1).due(date(9999, 12, 30)),
            lambda: calendar_days(100_000).due(on("9999-01-01")),
            lambda: calendar_days(3).due(on("9999-12-01"), pauses=[(on("9999-12-01"), on("9999-12-29"))]),
            lambda: calendar_days(3, roll="next").due(on("9999-12-28"), calendar=Calendar(id="c", version="1", weekend=range(6))),
            lambda: months(100_000).due(on("2025-01-01")),
            lambda: years(1).due(on("9999-01-01")),
            lambda: years(1).due(on("9998-12-31")),
            lambda: workdays(1).before(date.min),
            lambda: workdays(5).before(date(1, 1, 5)),
            lambda: calendar_days(1).before(date.min),
            lambda: calendar_days(3, roll="next").before(date(1, 1, 2)),
            lambda: months(1).before(date.min),
            lambda: years(1).before(on("0001-12-31")),
        ],
    )  # fmt: skip
    def test_what_leaves_the_years_is_refused(self, make: Callable[[], Any]) -> None:
        """A period that leads out of the years 1 to 9999 is refused, and says so."""
        with pytest.raises(InvalidValue, match="lead out of the years 1 to 9999"):
            make()

    def test_what_stays_within_is_reckoned(self) -> None:
        """Up to the last day but one, and down to the first, everything is reckoned, in zones on both sides of the world."""
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"):
            assert date(9999, 12, 30) == calendar_days(1).due(date(9999, 12, 29), zone=zone).date
            assert date(1, 1, 2) == calendar_days(1).due(date.min, zone=zone).date
        assert date.min == calendar_days(1).before(date(1, 1, 2))
        assert date.min == workdays(4).before(date(1, 1, 5))
        assert date(9999, 11, 30) == months(1, day_one="same").before(date(9999, 12, 29))
        assert date(9999, 11, 30) == months(1).before(date.max)
        assert date.max == calendar_days(1, day_one="same").before(date.max)

    def test_a_month_before_the_last_day_there_is(self) -> None:
        """Counting back from the last day of all, that day included, is refused: the day after it cannot be told."""
        with pytest.raises(InvalidValue, match="lead out of the years"):
            months(1, day_one="same").before(date.max)

    @pytest.mark.parametrize(
        "make, because",
        [
            (lambda: workdays(1).due(None), "start: a date is needed"),
            (lambda: workdays(1).due(datetime(2025, 7, 25, tzinfo=UTC)), "start: a date is needed"),
            (lambda: workdays(1).due("soon"), "start: 'soon' is no date"),
            (lambda: workdays(1).before(None), "on: a date is needed"),
            (lambda: workdays(1).due(FRIDAY, calendar="japan"), "calendar: a Calendar is needed, not 'japan'"),
            (lambda: calendar_days(1).due(FRIDAY, calendar=None), "calendar: a Calendar is needed"),
            (lambda: calendar_days(1).before(FRIDAY, calendar=None), "calendar: a Calendar is needed"),
            (lambda: workdays(1).due(FRIDAY, zone="Mars/Olympus"), "'Mars/Olympus' is no time zone"),
            (lambda: workdays(1).due(FRIDAY, zone=None), "None is no time zone"),
            (lambda: workdays(1).due(FRIDAY, zone=7), "7 is no time zone"),
        ],
    )
    def test_what_is_no_date_calendar_or_zone_is_refused(self, make: Callable[[], Any], because: str) -> None:
        """An argument that is none of its kind is refused with its name."""
        with pytest.raises(InvalidValue) as refused:
            make()

        assert because in str(refused.value)

    def test_date_as_text(self) -> None:
        """The start may be an ISO text, as it stands in a document."""
        assert MONDAY == workdays(1).due("2025-07-25").date


class TestEndOfDay:
    """At which instant a day has passed."""

    @pytest.mark.parametrize(
        "zone, day, expected",
        [
            ("UTC", "2025-07-24", "2025-07-25T00:00"),
            ("Asia/Jakarta", "2025-07-24", "2025-07-24T17:00"),
            ("America/New_York", "2025-11-01", "2025-11-02T04:00"),
            ("America/New_York", "2025-11-02", "2025-11-03T05:00"),
            ("Asia/Beirut", "2022-03-26", "2022-03-26T22:00"),
            ("Africa/Cairo", "2025-04-24", "2025-04-24T22:00"),
            ("America/Sao_Paulo", "2018-11-03", "2018-11-04T03:00"),
            ("America/Sao_Paulo", "2018-02-17", "2018-02-18T03:00"),
            ("America/St_Johns", "2010-11-06", "2010-11-07T03:30"),
            ("America/Havana", "2025-11-01", "2025-11-02T04:00"),
            ("Atlantic/Azores", "2025-10-25", "2025-10-26T00:00"),
            ("Pacific/Apia", "2011-12-28", "2011-12-29T10:00"),
            ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00"),
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),
            ("Pacific/Apia", "2011-12-31", "2011-12-31T10:00"),
            ("Pacific/Kwajalein", "1993-08-20", "1993-08-21T12:00"),
            ("Asia/Manila", "1844-12-30", "1844-12-31T15:56:08"),
            ("America/Juneau", "1867-10-18", "1867-10-19T08:57:41"),
            ("Africa/Monrovia", "1972-01-06", "1972-01-07T00:44:30"),
        ],
    )
    def test_day_passes_once(self, zone: str, day: str, expected: str) -> None:
        """Before the instant it is that day or an earlier one, and from then on never again: over gaps, doubles, lost days."""
        at = passed(on(day), ZoneInfo(zone))

        assert datetime.fromisoformat(expected).replace(tzinfo=UTC) == at

    @pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
    def test_last_day_there_is_has_the_last_instant(self, zone: str) -> None:
        """The day after the last one cannot be told, so that the last ends with the last instant there is, everywhere."""
        assert datetime.max.replace(tzinfo=UTC) == passed(date.max, ZoneInfo(zone))

    def test_fixed_offsets_and_zones_of_ones_own(self) -> None:
        """A zone may be any `tzinfo`; the due date says which by its name."""
        east = timezone(timedelta(hours=7))
        due = calendar_days(1).due(FRIDAY, zone=east)

        assert (datetime(2025, 7, 26, 17, tzinfo=UTC), "UTC+07:00") == (due.at, due.zone)
        assert ("UTC", "UTC") == (calendar_days(1).due(FRIDAY).zone, calendar_days(1).due(FRIDAY, zone=UTC).zone)
        assert due.at == calendar_days(1).due(FRIDAY, zone="Asia/Jakarta").at

    def test_clocks_that_leap_at_any_moment(self) -> None:
        """Where the clocks leap over midnight at an odd moment, the instant is found to the microsecond."""

        class Odd(tzinfo):
            """A place whose clocks went an hour forward 17 minutes and some microseconds before a midnight."""

            LEAP = datetime(2025, 7, 25, 23, 43, 0, 12345)  # noqa: DTZ001  of the place

            def utcoffset(self, at: datetime | None) -> timedelta:
                """Return the offset; in the gap the fold says which."""
                assert at is not None
                wall, hour = at.replace(tzinfo=None, fold=0), timedelta(hours=1)
                if wall < self.LEAP or (wall < self.LEAP + hour and not at.fold):
                    return timedelta(0)
                return hour

            def dst(self, at: datetime | None) -> timedelta:
                """Return no summer time."""
                return timedelta(0)

            def tzname(self, at: datetime | None) -> str:
                """Return its name."""
                return "Odd"

            def fromutc(self, at: datetime) -> datetime:
                """Return the time there."""
                return at + timedelta(hours=at.replace(tzinfo=None) >= self.LEAP)

        assert Odd.LEAP.replace(tzinfo=UTC) == passed(FRIDAY, Odd())

    @pytest.mark.parametrize("year", [2011, 2025])
    def test_every_zone(self, year: int) -> None:
        """In every zone there is, each day of a year passes once: the instant before is that day, none after it is."""
        for key in sorted(available_timezones()):
            zone, before = ZoneInfo(key), None
            for day in (date(year, 1, 1) + n * DAY for n in range(365)):
                at = passed(day, zone)
                if before is not None and at - before == DAY:
                    # Nothing has changed; days on which the clocks did are looked at closely.
                    before = at
                    continue
                assert (at - INSTANT).astimezone(zone).date() <= day
                assert all((at + timedelta(minutes=m)).astimezone(zone).date() > day for m in (0, 1, 30, 90, 1500))
                before = at


class TestDue:
    """What comes out."""

    def test_due_says_how_it_came_about(self) -> None:
        """A due date holds its rule, start, calendar and zone."""
        due = workdays(5, day_one="same").due(FRIDAY, calendar=FEASTS, zone="Asia/Tokyo")

        assert (workdays(5, day_one="same"), FRIDAY, FEASTS, "Asia/Tokyo") == (
            due.rule,
            due.start,
            due.calendar,
            due.zone,
        )
        assert ((), due.date) == (due.pauses, due.unrolled)

    @pytest.mark.parametrize(
        "period, start, certain",
        [
            (workdays(5), "2025-07-25", True),
            (workdays(5), "2025-12-30", False),
            (workdays(5), "2024-12-30", False),
            (workdays(5), "2024-12-31", True),
            (workdays(1, day_one="same"), "2024-12-31", False),
            (workdays(1), "2025-12-30", True),
            (calendar_days(5), "2025-12-30", True),
            (calendar_days(5, roll="next"), "2025-12-30", False),
            (months(1, roll="next"), "2025-07-25", True),
            (calendar_days(3, roll="next"), "2025-12-28", True),
            (calendar_days(6, roll="previous"), "2025-12-28", False),
            (years(5), "2025-12-28", True),
        ],
    )
    def test_certain_only_where_the_calendar_is(self, period: Period, start: str, certain: bool) -> None:
        """A date is certain if the calendar covers every day that it was asked about; without being asked it always is."""
        assert certain is period.due(on(start), calendar=FEASTS).certain

    def test_explained(self) -> None:
        """One line says the rule and the start, one each day left out, and one the result, the calendar and the zone."""
        due = workdays(5).due(
            FRIDAY, calendar=FEASTS, zone="Asia/Jakarta", pauses=[(on("2025-07-29"), on("2025-07-30"))]
        )

        assert (
            "5 workdays from Friday 2025-07-25, not counting that day",
            "Saturday 2025-07-26 does not count",
            "Sunday 2025-07-27 does not count",
            "Monday 2025-07-28 does not count: Feast",
            "Wednesday 2025-07-30 does not count: paused",
            "Friday 2025-08-01 does not count: Rest",
            "Sunday 2025-08-03 does not count",
            "the last day in time is Tuesday 2025-08-05: 5 counted + 6 skipped; calendar feasts 7, zone Asia/Jakarta",
        ) == due.explain()

    def test_explained_in_other_languages(self) -> None:
        """Weekdays, pauses and sentences are said in Indonesian and Japanese; holidays keep their names."""
        due = workdays(2).due(FRIDAY, calendar=FEASTS, pauses=[(on("2025-07-29"), on("2025-07-30"))])

        assert (
            "2 hari kerja sejak Jumat 2025-07-25, hari itu tidak dihitung",
            "Sabtu 2025-07-26 tidak dihitung",
            "Minggu 2025-07-27 tidak dihitung",
            "Senin 2025-07-28 tidak dihitung: Feast",
            "Rabu 2025-07-30 tidak dihitung: dihentikan sementara",
            "hari terakhir yang masih tepat waktu ialah Kamis 2025-07-31: 2 dihitung + 4 dilewati; kalender feasts 7, zona waktu UTC",
        ) == due.explain("id")
        assert (
            "2025-07-25（金曜日）から2営業日、初日は算入しない",
            "2025-07-26（土曜日）は算入しない",
            "2025-07-27（日曜日）は算入しない",
            "2025-07-28（月曜日）は算入しない：Feast",
            "2025-07-30（水曜日）は算入しない：停止中",
            "期限の末日は2025-07-31（木曜日）である（算入2日、不算入4日、暦feasts 7、時間帯UTC）",
        ) == due.explain("ja")

    def test_explained_where_the_last_day_moved_back(self) -> None:
        """The days over which the last day moved back are told as what moved it, not as days left out."""
        assert (
            "2 calendar days from Thursday 2025-07-24, that day included",
            "the last day in time is Friday 2025-07-25: 2 counted + 0 skipped; calendar feasts 7, zone UTC",
        ) == calendar_days(2, roll="previous", day_one="same").due(on("2025-07-24"), calendar=FEASTS).explain()
        assert (
            "3 calendar days from Thursday 2025-07-24, not counting that day",
            "Saturday 2025-07-26 does not count, so the last day lies before it",
            "Sunday 2025-07-27 does not count, so the last day lies before it",
            "the last day in time is Friday 2025-07-25: 1 counted + 0 skipped; calendar feasts 7, zone UTC",
        ) == calendar_days(3, roll="previous").due(on("2025-07-24"), calendar=FEASTS).explain()

    def test_explained_where_a_holiday_moved_it_back(self) -> None:
        """A holiday over which the last day moved back is named."""
        said = calendar_days(4, roll="previous").due(on("2025-07-24"), calendar=FEASTS).explain()

        assert "Monday 2025-07-28 does not count, so the last day lies before it: Feast" == said[3]
        assert "Friday 2025-07-25" in said[-1]

    def test_explained_where_it_is_not_certain(self) -> None:
        """The result says that the calendar does not cover all of the days."""
        assert "not all of these days are covered" in workdays(5).due(on("2025-12-30"), calendar=FEASTS).explain()[-1]

    def test_due_is_a_value(self) -> None:
        """It compares, hashes, pickles and cannot be changed."""
        due = workdays(5).due(FRIDAY, calendar=FEASTS, pauses=[(FRIDAY, MONDAY)])

        for again in (
            pickle.loads(pickle.dumps(due)),
            copy.deepcopy(due),
            workdays(5).due(FRIDAY, calendar=FEASTS, pauses=[(FRIDAY, MONDAY)]),
        ):
            assert (due, hash(due), due.explain()) == (again, hash(again), again.explain())
        with pytest.raises(AttributeError):
            due.date = FRIDAY  # type: ignore[misc]  # the point
        assert isinstance(due, Due)
        assert due != workdays(5).due(FRIDAY, calendar=WEEKENDS)


def test_zones() -> None:
    """UTC is the one of the standard library, so that everything of it compares."""
    assert zone_of("UTC") is UTC
    assert ZoneInfo("Asia/Jakarta") is zone_of("Asia/Jakarta")
