"""
Random deadlines, reckoned twice: as the library does, and by walking from day to day.

Whatever is drawn: none is early, none is late, none comes twice, none is skipped, and what is explained adds up. The
long run of the same, over every zone, is `proof/deadlines.py`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import attrs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stagegate import Calendar, Due, Period, load_calendar
from stagegate._deadlines import as_period

profile = settings.get_profile("stagegate-properties")

DAY, INSTANT = timedelta(days=1), timedelta(microseconds=1)
ZONES = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  UTC is added
DAYS = st.dates(date(2000, 1, 1), date(2041, 1, 1))
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=20)


@st.composite
def calendars(draw: st.DrawFn, near: date | None = None) -> Calendar:
    """Draw a calendar, with most of its days near a date."""
    weekend = draw(st.sets(st.integers(0, 6), max_size=6))
    days = DAYS if near is None else st.integers(-10, 200).map(lambda n: near + n * DAY)
    holidays = draw(st.dictionaries(days, NAMES, max_size=30))
    off = sorted({*holidays, *(day for day in draw(st.sets(days, max_size=10)) if day.weekday() in weekend)})
    working = draw(st.dictionaries(st.sampled_from(off), NAMES, max_size=5)) if off else {}
    ends = draw(st.tuples(st.none() | DAYS, st.none() | DAYS))
    first, last = ends if None in ends else sorted(ends)  # type: ignore[type-var]  # neither is None
    return Calendar(
        id="c",
        version="1",
        weekend=weekend,
        holidays=holidays,
        working=working,
        first=first,
        last=last,
        basis=draw(NAMES),
    )


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """Draw a period."""
    unit = draw(st.sampled_from(["workdays", "calendar_days", "months", "years"]))
    options = {
        "since": draw(st.sampled_from(["", "letter.received_on", "letter.fields.opened", "fact:opening"])),
        "day_one": draw(st.sampled_from(["next", "same"])),
        "roll": "none" if unit == "workdays" else draw(st.sampled_from(["none", "next", "previous"])),
        "on_return": draw(st.sampled_from(["restart", "continue"])),
        "on_hold": draw(st.sampled_from(["pause", "run"])),
        "calendar": draw(st.sampled_from(["", "japan"])),
    }
    return Period(draw(st.integers(1, {"months": 40, "years": 5}.get(unit, 120))), unit, **options)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a deadline: the zone, the instant and its day there, the period, the calendar, the pauses."""
    zone, instant = draw(ZONES), draw(INSTANTS)
    start = instant.astimezone(zone).date()
    stops = draw(st.lists(st.tuples(st.integers(-3, 60), st.integers(0, 30)), max_size=3))
    return {
        "zone": zone,
        "instant": instant,
        "start": start,
        "period": draw(periods()),
        "calendar": draw(calendars(near=start)),
        "pauses": [(start + a * DAY, start + (a + n) * DAY) for a, n in stops],
    }


def reckoned(case: dict[str, Any], **other: Any) -> Due:
    """Return the due date of a case, or of one that differs a little."""
    it = {**case, **other}
    due: Due = it["period"].due(it["start"], calendar=it["calendar"], zone=it["zone"], pauses=it["pauses"])
    return due


def paused(case: dict[str, Any], day: date) -> bool:
    """Say whether the clock stands still on a day."""
    return any(a < day <= b for a, b in case["pauses"])


def counts(case: dict[str, Any], day: date) -> bool:
    """Say whether a day counts in the period of a case."""
    return not paused(case, day) and (case["period"].unit != "workdays" or case["calendar"].counts(day))


def first_day(case: dict[str, Any]) -> date:
    """Return the first day that can count."""
    start: date = case["start"]
    return start + DAY if case["period"].day_one == "next" else start


@profile
@given(cases())
def test_day_is_that_of_a_walk(case: dict[str, Any]) -> None:
    """As many days have counted as the period has, no day too many is left out, and what is left out is explained."""
    period, due = case["period"], reckoned(case)
    days = [first_day(case) + n * DAY for n in range((due.unrolled - first_day(case)).days + 1)]
    counted = [day for day in days if counts(case, day)]
    if period.unit in {"workdays", "calendar_days"}:
        assert (period.n, due.unrolled) == (len(counted), counted[-1])
    else:
        there = case["start"].year * 12 + case["start"].month - 1 + period.n * (12 if period.unit == "years" else 1)
        unpaused = first_day(case) + (len(counted) - 1) * DAY
        assert unpaused.year * 12 + unpaused.month - 1 in {there, there - (period.day_one == "same")}
        # It has the number of the start, or is the last of a shorter month; included, the day before.
        end = unpaused + DAY * (period.day_one == "same")
        assert end.day == case["start"].day or (unpaused + DAY).day == 1
    said = dict(due.skipped)
    assert len(said) == len(due.skipped)
    assert (due.date - first_day(case)).days + 1 == due.counted + len(said)
    assert {day for day in days if day <= due.date and day not in counted} == {
        day for day in said if day < due.unrolled
    }
    for day, why in said.items():
        assert why == (case["calendar"].off(day) or "paused") or (why == "paused" and paused(case, day))


@profile
@given(cases())
def test_rolled_day_is_the_nearest_that_counts(case: dict[str, Any]) -> None:
    """A last day that does not count moves to the nearest that does, in its direction, and stays where it need not move."""
    due, calendar = reckoned(case), case["calendar"]
    free = calendar.counts(due.date) and not paused(case, due.date)
    over = [min(due.date, due.unrolled) + n * DAY for n in range(abs((due.date - due.unrolled).days) + 1)]
    if case["period"].roll == "none" or calendar.counts(due.unrolled):
        assert due.unrolled == due.date
    else:
        assert free
        assert [due.date] == [day for day in over if calendar.counts(day) and not paused(case, day)]
        if case["period"].roll == "next":
            assert due.date > due.unrolled
        elif due.date > due.unrolled:
            back = [first_day(case) + n * DAY for n in range((due.unrolled - first_day(case)).days + 1)]
            assert not any(calendar.counts(day) and not paused(case, day) for day in back)


@profile
@given(cases())
def test_instant_is_the_end_of_the_day(case: dict[str, Any]) -> None:
    """Up to the instant it is in time, from it on the day never comes back, and it lies after the beginning."""
    due, zone = reckoned(case), case["zone"]

    assert (due.at - INSTANT).astimezone(zone).date() <= due.date
    assert all((due.at + n * timedelta(minutes=5)).astimezone(zone).date() > due.date for n in range(330))
    assert case["instant"] < due.at


@profile
@given(cases())
def test_time_goes_forward_only(case: dict[str, Any]) -> None:
    """A later start or a longer period never ends earlier, and between two lengths no day that counts is skipped."""
    due, period = reckoned(case), case["period"]
    longer = reckoned(case, period=attrs.evolve(period, n=period.n + 1))

    assert (longer.date, longer.at) >= (due.date, due.at)
    if period.unit in {"workdays", "calendar_days"}:
        later = reckoned(case, start=case["start"] + DAY)
        assert (later.date, later.at) >= (due.date, due.at)
        between = [due.unrolled + n * DAY for n in range(1, (longer.unrolled - due.unrolled).days)]
        assert longer.unrolled > due.unrolled
        assert not any(counts(case, day) for day in between)
    elif not case["pauses"]:
        later = reckoned(case, start=case["start"] + DAY)
        assert (later.date, later.at) >= (due.date, due.at)


@profile
@given(DAYS, periods(), st.data())
def test_counting_back_leaves_time_enough(limit: date, period: Period, data: st.DataObject) -> None:
    """From the day that is answered the period is over by the limit; from the next that counts it is not."""
    calendar = data.draw(calendars(near=limit - 100 * DAY))
    plain = attrs.evolve(period, roll="none")
    found = plain.before(limit, calendar=calendar)

    assert plain.due(found, calendar=calendar).date <= limit
    assert period.before(limit, calendar=calendar) <= found
    assert (
        period.unit == "workdays" or period.roll == "none" or calendar.counts(period.before(limit, calendar=calendar))
    )
    if period.unit in {"workdays", "calendar_days"}:
        after = found + DAY
        while period.unit == "workdays" and not calendar.counts(after):
            after += DAY
        assert plain.due(after, calendar=calendar).date > limit


@profile
@given(periods())
@example(Period(100_000, "workdays"))
def test_any_period_is_written_and_read(period: Period) -> None:
    """A period is read from its table, and, without options, from what it says."""
    assert period == as_period(period.to_data(), "p")
    assert Period(period.n, period.unit) == as_period(str(period), "p")


@profile
@given(calendars())
def test_any_calendar_is_written_and_read(calendar: Calendar) -> None:
    """A calendar is read from its table, with the same digest and the same days."""
    again = load_calendar(calendar.to_data())

    assert (calendar, calendar.digest) == (again, again.digest)


@profile
@given(DAYS, st.data())
def test_tally_is_a_count(start: date, data: st.DataObject) -> None:
    """Between any two days as many count as the calendar says one by one."""
    calendar = data.draw(calendars(near=start))
    length = data.draw(st.integers(0, 300))
    days = [start + n * DAY for n in range(1, length + 1)]

    expected = sum(map(calendar.counts, days))
    assert expected == calendar.tally(start.toordinal() + length) - calendar.tally(start.toordinal())
