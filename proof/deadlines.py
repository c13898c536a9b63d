"""
Deadlines: random periods from random instants in every zone, reckoned twice. The two must agree on the day and instant.

The second reckoning is slow and simple: it walks from day to day, and knows the end of a day from the clock changes
that it finds in the zone. Each case is drawn between 2000 and 2040: a zone, an instant, a period, a calendar, pauses.
Of each has to hold:

- none early: as many days have counted as the period has;
- none late: they had not the day before, and at its last instant the day is still going on, wherever the clocks jump;
- none twice: once it has passed, it is never again that day or an earlier one;
- none skipped: a later start or a longer period never ends earlier, and no day that counts lies between two lengths;
- it adds up: the days that counted and those that are explained away are all the days there are.

A twin is the same with something broken on purpose, which the harness must catch.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import attrs

from stagegate import Calendar, Due, Period, builtin_calendar, calendar_days, months, workdays, years
from stagegate import _deadlines as room

FIRST, LAST = date(1998, 1, 1).toordinal(), date(2062, 1, 1).toordinal()
DAY, HOUR, INSTANT = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
BEGIN, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)


# Twins


def _hasty(calendar: Any) -> Callable[[int], int]:
    """Count the day before as well: the first day of every period."""
    return lambda ordinal: Calendar.tally(calendar, ordinal + 1)


def _naive(on: date, zone: Any) -> datetime:
    """Take midnight for the end of the day."""
    return datetime.combine(on + DAY, clock(), zone).astimezone(UTC)


def _double(pauses: Any) -> list[tuple[int, int]]:
    """Take pauses as they come, whether they overlap or not."""
    return [(a.toordinal(), b.toordinal()) for a, b in pauses]


TWINS: dict[str, tuple[str, Any]] = {
    "hasty": ("_tally", _hasty),
    "naive": ("passed", _naive),
    "double": ("_merged", _double),
}


# The second reckoning


@attrs.frozen(eq=False)
class Almanac:
    """A calendar, and the days that do not count in it, put down one by one."""

    calendar: Calendar
    off: dict[int, str]

    @classmethod
    def of(cls, calendar: Calendar) -> Almanac:
        """Put the days of a calendar down."""
        names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        off = {day: names[day % 7 - 1] for day in range(FIRST, LAST) if (day - 1) % 7 in calendar.weekend}
        off |= {date.fromisoformat(on).toordinal(): name for on, name in calendar.holidays.items()}
        for on in calendar.working:
            off.pop(date.fromisoformat(on).toordinal(), None)
        return cls(calendar, off)


@cache
def changes(zone: str) -> tuple[list[datetime], list[timedelta]]:
    """Return the instants from which an offset is in force in a zone, and those offsets, found by looking."""
    there = ZoneInfo(zone)
    at, until = BEGIN - 400 * DAY, END + 3000 * DAY
    offset = at.astimezone(there).utcoffset()
    instants, offsets = [at], [offset]
    while at < until:
        # No two changes lie that near to each other, or the two reckonings would not agree.
        after = at + 4 * DAY
        if (new := after.astimezone(there).utcoffset()) != offset:
            low, high = at, after
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if middle.astimezone(there).utcoffset() == offset else (low, middle)
            instants.append(high)
            offsets.append(new)
            offset = new
        at = after
    return instants, [o for o in offsets if o is not None]


def over(on: date, zone: str) -> datetime:
    """Return the instant from which on it is never again *on* or earlier: the latest that any offset in force says."""
    instants, offsets = changes(zone)
    midnight = datetime.combine(on + DAY, clock(), UTC)
    place = bisect_right(instants, midnight)
    last = None
    for i in range(max(place - 3, 0), min(place + 3, len(instants))):
        ends = midnight - offsets[i]
        if i + 1 < len(instants):
            ends = min(ends, instants[i + 1])
        if ends > instants[i]:
            last = ends if last is None else max(last, ends)
    assert last is not None
    return last


def walked(period: Period, start: date, almanac: Almanac, still: set[int]) -> tuple[int, int, dict[int, str]]:
    """Return the last day, the day before it was rolled, and what did not count until then, from day to day."""
    first = start.toordinal() + (period.day_one == "next")
    skipped: dict[int, str] = {}
    left = period.n if period.unit in {"workdays", "calendar_days"} else _end_of(start, period).toordinal() - first + 1
    day = first - 1
    while left:
        day += 1
        why = almanac.off.get(day, "") if period.unit == "workdays" else ""
        why = why or ("paused" if day in still else "")
        if why:
            skipped[day] = why
        else:
            left -= 1
    ended = day
    if period.roll == "none" or day not in almanac.off:
        return day, ended, skipped
    if period.roll == "previous":
        while day >= first and (day in almanac.off or day in still):
            day -= 1
        if day >= first:
            return day, ended, {on: why for on, why in skipped.items() if on <= day}
        day = ended
    while day in almanac.off or day in still:
        skipped[day] = almanac.off.get(day, "paused")
        day += 1
    return day, ended, skipped


def _end_of(start: date, period: Period) -> date:
    year, month = start.year, start.month
    for _ in range(period.n * (12 if period.unit == "years" else 1)):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    for day in range(start.day, 0, -1):
        try:
            there = date(year, month, day)
        except ValueError:
            continue
        return there - DAY if period.day_one == "same" and day == start.day else there
    raise AssertionError


# What is drawn


@attrs.frozen
class Case:
    """A deadline: where and when it starts, by which rule, and when the clock stands still."""

    zone: str
    instant: datetime
    start: date
    period: Period
    almanac: Almanac
    pauses: tuple[tuple[date, date], ...]
    still: frozenset[int]


def almanacs(chance: Random) -> list[Almanac]:
    """Return the shipped calendars, week-ends alone, and some of places that do not exist."""
    made = [Calendar(id="weekends", version="1"), builtin_calendar("indonesia"), builtin_calendar("japan")]
    for number in range(20):
        weekend = chance.sample(range(7), chance.choice((0, 1, 2, 2, 2, 3, 6)))
        days = [date.fromordinal(chance.randrange(FIRST, LAST)) for _ in range(chance.choice((0, 50, 1000, 5000)))]
        holidays = {on: f"feast {n}" for n, on in enumerate(days)}
        off = [on for on in map(date.fromordinal, range(FIRST, LAST)) if on in holidays or on.weekday() in weekend]
        working = dict.fromkeys(chance.sample(off, len(off) // 40), "made up")
        made.append(Calendar(id=f"c{number}", version="1", weekend=weekend, holidays=holidays, working=working))
    return [Almanac.of(calendar) for calendar in made]


def drawn(chance: Random, zones: list[str], known: list[Almanac]) -> Case:
    """Draw a case; in one of three, its last day lies beside a change of the clocks."""
    zone, almanac = chance.choice(zones), chance.choice(known)
    options = {"day_one": chance.choice(("next", "next", "same"))}
    most = chance.choice((3, 30, 60, 60, 200))
    kind = chance.choice((workdays, workdays, calendar_days, months, years))
    if kind is not workdays:
        options["roll"] = chance.choice(("none", "next", "previous"))
    n = chance.randint(1, most if kind in {workdays, calendar_days} else 30 if kind is months else 6)
    instant = BEGIN + INSTANT * chance.randrange((END - BEGIN) // INSTANT)
    instants = changes(zone)[0]
    if len(instants) > 1 and not chance.randrange(3):
        kind, n, options = calendar_days, chance.randint(1, 20), {"day_one": "next"}
        near = chance.choice(instants[1:]) + chance.randint(-30, 30) * HOUR
        instant = min(max(near - n * DAY, BEGIN), END)
    start = instant.astimezone(ZoneInfo(zone)).date()
    pauses = []
    for _ in range(chance.choice((0, 0, 0, 1, 2, 3))):
        stopped = start + chance.randint(-3, 40) * DAY
        pauses.append((stopped, stopped + chance.randint(0, 30) * DAY))
    still = frozenset(day for a, b in pauses for day in range(a.toordinal() + 1, b.toordinal() + 1))
    return Case(zone, instant, start, kind(n, **options), almanac, tuple(pauses), still)


# What has to hold


def judged(case: Case, chance: Random) -> Iterator[str]:
    """Go through everything that must not be."""
    due = case.period.due(case.start, calendar=case.almanac.calendar, zone=ZoneInfo(case.zone), pauses=case.pauses)
    last, ended, skipped = walked(case.period, case.start, case.almanac, set(case.still))
    if due.date.toordinal() != last:
        yield f"early or late: {due.date}, not {date.fromordinal(last)}"
        return
    yield from _instant(case, due)
    yield from _later(case, due)
    said = due.skipped
    first = case.start.toordinal() + (case.period.day_one == "next")
    if {on.toordinal(): why for on, why in said} != skipped or len(said) != len(skipped):
        yield f"it does not add up: {said} did not count, not {skipped}"
    if due.counted + len(said) != last - first + 1 or due.unrolled.toordinal() != ended:
        yield f"it does not add up: {due.counted} and {len(said)} are not {last - first + 1}"
    if not chance.randrange(50):
        lines = due.explain(chance.choice(("en", "id", "ja")))
        rolled = len(due.moved_over) if due.date < due.unrolled else 0
        if len(lines) != 2 + len(said) + rolled or str(due.date) not in lines[-1]:
            yield f"explained in {len(lines)} lines"
    yield from _back(case, due)


def _instant(case: Case, due: Due) -> Iterator[str]:
    there, expected = ZoneInfo(case.zone), over(due.date, case.zone)
    if due.at != expected:
        yield f"the day ends at {expected}, not {due.at}"
    if (due.at - INSTANT).astimezone(there).date() > due.date:
        yield f"late: at {due.at} the {due.date} has passed already"
    if any((due.at + hours * HOUR).astimezone(there).date() <= due.date for hours in (0, 1, 2, 25)):
        yield f"twice: it is the {due.date} again after {due.at}"
    if due.at <= case.instant:
        yield f"it was over at {due.at}, before it began at {case.instant}"


def _later(case: Case, due: Due) -> Iterator[str]:
    about: dict[str, Any] = {
        "calendar": case.almanac.calendar, "zone": ZoneInfo(case.zone), "pauses": case.pauses,
    }  # fmt: skip
    first = case.start.toordinal() + (case.period.day_one == "next")
    days = case.period.unit in {"workdays", "calendar_days"}
    # Months that begin in a pause are of different lengths, and so is what a pause puts them off by.
    if days or first not in case.still:
        tomorrow = case.period.due(case.start + DAY, **about)
        if tomorrow.date < due.date or tomorrow.at < due.at:
            yield f"a day later it ends earlier: {tomorrow.date} before {due.date}"
    longer = attrs.evolve(case.period, n=case.period.n + 1).due(case.start, **about)
    if longer.date < due.date or longer.at < due.at:
        yield f"one more ends earlier: {longer.date} before {due.date}"
    if days and case.period.roll == "none":
        between = range(due.date.toordinal() + 1, longer.date.toordinal())
        off: Any = case.almanac.off if case.period.unit == "workdays" else ()
        if any(day not in off and day not in case.still for day in between) or longer.date == due.date:
            yield f"skipped: a day counts between {due.date} and {longer.date}"


def _back(case: Case, due: Due) -> Iterator[str]:
    calendar = case.almanac.calendar
    period = attrs.evolve(case.period, roll="none")
    back = period.before(due.date, calendar=calendar)
    if period.due(back, calendar=calendar).date > due.date:
        yield f"{period} from {back}, which is before {due.date}, are not over by then"
    if period.unit in {"workdays", "calendar_days"}:
        after = back + DAY
        while period.unit == "workdays" and after.toordinal() in case.almanac.off:
            after += DAY
        if period.due(after, calendar=calendar).date <= due.date:
            yield f"{period} from {after}, which is after {back}, are over by {due.date} too"


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=2025)
    parser.add_argument("--twin", choices=["", *sorted(TWINS)], default="", help="break this on purpose")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    if given.twin:
        setattr(room, *TWINS[given.twin])
    chance, zones = Random(given.seed), sorted(available_timezones())
    known = almanacs(chance)
    begun, faults, met = time.monotonic(), [], Counter[str]()
    for number in range(given.cases):
        case = drawn(chance, zones, known)
        found = list(judged(case, chance))
        faults += [f"case {number}: {case.period} from {case.start} in {case.zone}: {fault}" for fault in found]
        met[case.period.unit] += 1
        if given.twin and faults:
            break
    if given.json:
        print(json.dumps({"cases": sum(met.values()), "met": met, "faults": faults[:100]}))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        heard = ", ".join(f"{count:,} {unit.replace('_', ' ')}" for unit, count in met.most_common())
        print(f"deadlines: {who}: {sum(met.values()):,} in {len(zones)} zones, seed {given.seed}: {heard}")
        print(f"  {len(faults):,} faults" + (f", the first: {faults[0]}" if faults else ""))
        print(f"  {time.monotonic() - begun:,.0f} s", file=sys.stderr)
    return int(bool(faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
