"""How long something may take: periods, the date by which they end, and why it is that date."""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from datetime import date as date_
from typing import Any

import attrs

from ._calendars import WEEKDAYS, WEEKENDS, Calendar, as_day, weekday
from ._fields import collected, invalid, optional, place, reads
from ._plain import key, name, slug
from ._sentences import SENTENCES
from ._text import FALLBACK, translate
from .exceptions import DefinitionError, InvalidValue, quote

UNITS = ("workdays", "calendar_days", "months", "years")
DAYS = ("workdays", "calendar_days")
MOST = {"workdays": 100_000, "calendar_days": 100_000, "months": 100_000, "years": 9_998}
"""How much of a unit a period may have at most."""

PAUSED = "paused"
"""The reason of a day that did not count because the clock stood still."""

PAIR = 2
_DATES = ("dated", "received_on", "valid_until")
_DAY, _INSTANT = timedelta(days=1), timedelta(microseconds=1)
_LAST = date.max.toordinal() - 1
"""The last ordinal that can be due: the instant at which it has passed has to be told as well."""


def zone_of(value: Any) -> tzinfo:
    """Return the time zone of that name."""
    if value == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(value)
    except (OSError, ValueError, TypeError, KeyError) as error:
        message = f"{quote(value)} is no time zone that is known here; use a name such as 'Asia/Jakarta' ({error})"
        raise InvalidValue(message) from None


def as_point(value: Any, where: str) -> str:
    """
    Return *value* if it is a point, which names a date.

    A point is `kind.dated`, `kind.received_on`, `kind.valid_until`, `kind.fields.NAME` or `fact:NAME`.

    Raises:
        InvalidValue: If it names none.
    """
    try:
        said = name(value, where)
        source, first, second = point_parts(said)
        _ = key(first, where) if source == "fact" else slug(first, where)
        _ = key(second, where)
    except (InvalidValue, ValueError):
        message = (
            f"{where}: {quote(value)} names no date; write kind.dated, kind.received_on, kind.valid_until, "
            f"kind.fields.NAME or fact:NAME"
        )
        raise InvalidValue(message) from None
    return said


def point_parts(point: str) -> tuple[str, str, str]:
    """
    Return what a point is made of: `("fact", NAME, "fact")`, `("field", kind, NAME)` or `("document", kind, "dated")`.

    Raises:
        ValueError: If it is no point.
    """
    if point.startswith("fact:"):
        return "fact", point[5:], "fact"
    kind, found, field = point.partition(".fields.")
    if found:
        return "field", kind, field
    kind, _, field = point.rpartition(".")
    if field not in _DATES:
        raise ValueError(point)
    return "document", kind, field


def _one_of(*words: str) -> Callable[[Any, str], str]:
    def read(value: Any, where: str) -> str:
        if value not in words:
            message = f"{where}: one of {', '.join(words)} is needed, not {quote(value)}"
            raise InvalidValue(message)
        return str.__str__(value)

    return read


def _amount(value: Any, where: str) -> int:
    if type(value) is not int or value < 1:
        message = f"{where}: a whole number from 1 is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


@attrs.define(init=False, frozen=True)
class Period:
    """
    How long something may take, and how that is counted. `workdays(45)` and its like make one.

    Attributes:
        n: How many, from 1.

        unit: Of what: `workdays`, `calendar_days`, `months` or `years`.

        since: The point it starts from, such as `council_request.received_on`; empty if that is said elsewhere.

        day_one: Whether day one is the `next` day that counts after the start, or the `same` day if that counts.

        roll: Where a last day that does not count moves: `none` (it stays), to the `next` or the `previous` that does.

        on_return: Whether a return to the stage makes the period `restart` or `continue`.

        on_hold: Whether a hold makes the period `pause` or lets it `run`.

        calendar: The id of its calendar, if that is not the one of the process.
    """

    n: int = attrs.field(metadata=reads(_amount))
    unit: str = attrs.field(metadata=reads(_one_of(*UNITS)))
    since: str = attrs.field(default="", kw_only=True, metadata=reads(optional(as_point)))
    day_one: str = attrs.field(default="next", kw_only=True, metadata=reads(_one_of("next", "same")))
    roll: str = attrs.field(default="none", kw_only=True, metadata=reads(_one_of("none", "next", "previous")))
    on_return: str = attrs.field(default="restart", kw_only=True, metadata=reads(_one_of("restart", "continue")))
    on_hold: str = attrs.field(default="pause", kw_only=True, metadata=reads(_one_of("pause", "run")))
    calendar: str = attrs.field(default="", kw_only=True, metadata=reads(optional(slug)))

    def __init__(
        self,
        n: int,
        unit: str,
        *,
        since: str = "",
        day_one: str = "next",
        roll: str = "none",
        on_return: str = "restart",
        on_hold: str = "pause",
        calendar: str = "",
    ) -> None:
        """
        Make a period; the arguments are the attributes.

        Raises:
            InvalidValue: If one means nothing, or a period of workdays is to roll.
        """
        try:
            self.__attrs_init__(**_good(locals()))
        except DefinitionError as error:
            raise invalid(Period, error) from None

    def __str__(self) -> str:
        """Say how much of what: `45 workdays`, `1 calendar day`, `6 months`."""
        return self.text()

    def text(self, lang: str = FALLBACK) -> str:
        """Say how much of what in a language."""
        return _say(f"period.{self.unit}.one" if self.n == 1 else f"period.{self.unit}", lang, n=self.n)

    def to_data(self) -> dict[str, Any]:
        """Return the period as the table that TOML and JSON definitions hold; its canonical form."""
        usual = {field.name: field.default for field in attrs.fields(Period) if field.kw_only}
        return {self.unit: self.n, **{k: v for k in usual if (v := getattr(self, k)) != usual[k]}}

    def due(
        self,
        start: date,
        *,
        calendar: Calendar = WEEKENDS,
        zone: str | tzinfo = "UTC",
        pauses: Iterable[Sequence[date]] = (),
    ) -> Due:
        """
        Return the last day that is in time, and the instant at which it has passed.

        Args:
            start: The day from which the period runs.

            calendar: The days that count.

            zone: Where the day ends.

            pauses: When the clock stood still: each a day on which it stopped, which still counts, and the day on which
                it went on, which does not.

        Raises:
            InvalidValue: If an argument means nothing, or the period leads out of the years 1 to 9999.
        """
        begun, still = as_day(start, "start"), _merged(pauses)
        where = zone if isinstance(zone, tzinfo) else zone_of(zone)
        base = begun.toordinal() - self._same
        if self.unit in DAYS:
            need = self.n
        else:
            there, exists = _corresponding(begun, self._months, self)
            # A period that includes its first day ends on the day before the one that corresponds to it.
            need = there.toordinal() - base - (self._same and exists)
        ended = _nth(_counting(self.unit, _tally(calendar), still), base, need, self)
        on = date.fromordinal(self._rolled(ended, base, calendar, still))
        return Due(
            date=on,
            at=passed(on, where),
            rule=self,
            start=begun,
            calendar=calendar,
            zone=str(where),
            pauses=tuple((date.fromordinal(a), date.fromordinal(b)) for a, b in still),
            unrolled=date.fromordinal(ended),
        )

    @property
    def _same(self) -> bool:
        return self.day_one == "same"

    @property
    def _months(self) -> int:
        return self.n * 12 if self.unit == "years" else self.n

    def _rolled(self, ended: int, base: int, calendar: Calendar, still: Sequence[tuple[int, int]]) -> int:
        """Return the ordinal to which the last day moves if it does not count."""
        if self.roll == "none" or calendar.counts(date.fromordinal(ended)):
            return ended
        counts = _counting("workdays", _tally(calendar), still)
        if self.roll == "previous" and (before := counts(ended) - counts(base)):
            return _nth(counts, base, before, self)
        return _nth(counts, ended, 1, self)

    def before(self, on: date, *, calendar: Calendar = WEEKENDS) -> date:
        """
        Return the day that lies this period before *on*: a period that runs from it is over by *on*.

        Workdays lead to the last workday of which that is true. Calendar days, months and years are counted back; where
        the period rolls, a day that does not count gives way to the one before that does, since a later one would be
        too late.

        Args:
            on: The day before which it lies.

            calendar: The days that count.

        Raises:
            InvalidValue: If an argument means nothing, or the period leads out of the years 1 to 9999.
        """
        limit, tally = as_day(on, "on"), _tally(calendar)
        if self.unit == "workdays":
            return date.fromordinal(_nth_back(tally, limit.toordinal(), self.n + (not self._same), self))
        if self.unit == "calendar_days":
            found = limit.toordinal() - self.n + self._same
        elif self._same and limit == date.max:
            raise InvalidValue(_leaves(self))
        else:
            found = _corresponding(limit + self._same * _DAY, -self._months, self)[0].toordinal()
        if self.roll != "none":
            found = _nth_back(tally, found, 1, self)
        if found < 1:
            raise InvalidValue(_leaves(self))
        return date.fromordinal(found)


def _good(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a period, or raise all that is wrong with them."""
    faults: list[tuple[str, str]] = []
    good: dict[str, Any] = {}
    for field in attrs.fields(Period):
        try:
            good |= collected(Period, {k: v for k, v in given.items() if k == field.name})
        except DefinitionError as error:
            faults += error.faults
    n, unit, most = good.get("n", 0), good.get("unit"), MOST.get(good.get("unit", ""), 0)
    if unit and n > most:
        faults.append(("n", f"{quote(n)} {unit} are too many; {most:,} are the most"))
    if unit == "workdays" and good.get("roll", "none") != "none":
        faults.append(("roll", "workdays end on a workday, so that there is nothing to roll; leave it out"))
    if faults:
        raise DefinitionError(faults)
    return good


_WRITTEN = re.compile(r"([0-9]{1,9}) (workday|calendar day|month|year)s?")


def as_period(value: Any, where: str) -> Period:
    """
    Return *value* as a period: one, a table such as `{ workdays = 45 }`, or a text such as `45 workdays`.

    Raises:
        DefinitionError: With everything that is wrong with the table.

        InvalidValue: If it is neither.
    """
    if isinstance(value, Period):
        return value
    if isinstance(value, str) and (found := _WRITTEN.fullmatch(value)):
        value = {f"{found[2].replace(' ', '_')}s": int(found[1])}
    if not isinstance(value, Mapping):
        message = (
            f"{where}: a period is needed, such as '45 workdays', '7 calendar days', '6 months', '1 year' "
            f"or {{'workdays': 45}}, not {quote(value)}"
        )
        raise InvalidValue(message)
    options = [field.name for field in attrs.fields(Period) if field.kw_only]
    units = [unit for unit in UNITS if unit in value]
    faults = [
        (k, f"unknown key; known are {', '.join(sorted([*UNITS, *options]))}")
        for k in sorted(place(k) for k in value if k not in UNITS and k not in options)
    ]
    if len(units) != 1:
        faults.append(("", f"a period has one of {', '.join(UNITS)}, not {len(units)} of them"))
    unit = units[0] if units else ""
    given = {k: v for k, v in value.items() if k in options} | ({"n": value[unit], "unit": unit} if units else {})
    try:
        good = _good(given)
    except DefinitionError as error:
        raise DefinitionError([*faults, *((unit if k == "n" else k, said) for k, said in error.faults)]) from None
    if faults:
        raise DefinitionError(faults)
    return Period(**good)


def workdays(n: int, **options: str) -> Period:
    """
    Return a period of days that count in a calendar.

    Args:
        n: How many.

        options: As `Period` takes them: `since`, `day_one`, `on_return`, `on_hold`, `calendar`.

    >>> workdays(45).due(date(2025, 7, 24)).date
    datetime.date(2025, 9, 25)
    """
    return Period(n, "workdays", **options)


def calendar_days(n: int, **options: str) -> Period:
    """
    Return a period of days, whether they count or not.

    Args:
        n: How many.

        options: As `Period` takes them: `since`, `day_one`, `roll`, `on_return`, `on_hold`, `calendar`.
    """
    return Period(n, "calendar_days", **options)


def months(n: int, **options: str) -> Period:
    """
    Return a period of months: to the day of the same number, or the last of a month that has no such day.

    Args:
        n: How many.

        options: As `Period` takes them: `since`, `day_one`, `roll`, `on_return`, `on_hold`, `calendar`.
    """
    return Period(n, "months", **options)


def years(n: int, **options: str) -> Period:
    """
    Return a period of years: to the same day, or to 28 February where there is no 29th.

    Args:
        n: How many.

        options: As `Period` takes them: `since`, `day_one`, `roll`, `on_return`, `on_hold`, `calendar`.
    """
    return Period(n, "years", **options)


@attrs.define(kw_only=True, frozen=True)
class Due:
    """
    The end of a period: the last day that is in time, and why it is that day. `Period.due` makes it.

    Attributes:
        date: The last day that is in time.

        at: The instant at which that day has passed, in UTC: what happens before it is in time.

        rule: The period.

        start: The day it ran from.

        calendar: The calendar it was counted by.

        zone: The time zone in which the day ends.

        pauses: When the clock stood still: the days on which it stopped, which count, and went on, which do not.

        unrolled: The last day before it was moved for not counting; the same as `date` if it was not.
    """

    date: date_
    at: datetime
    rule: Period
    start: date_
    calendar: Calendar
    zone: str
    pauses: tuple[tuple[date_, date_], ...] = ()
    unrolled: date_

    @property
    def skipped(self) -> tuple[tuple[date_, str], ...]:
        """Every day from the start to the last that did not count, each with its name or `paused`."""
        first, ended = self._first.toordinal(), min(self.date, self.unrolled).toordinal()
        still = {
            day for a, b in self.pauses for day in range(max(a.toordinal() + 1, first), min(b.toordinal(), ended) + 1)
        }
        if self.rule.unit == "workdays":
            reasons = ((on, self.calendar.off(on)) for on in _each(self._first, self.date))
            return tuple((on, why or PAUSED) for on, why in reasons if why or on.toordinal() in still)
        paused = tuple((date.fromordinal(day), PAUSED) for day in sorted(still))
        return (*paused, *self.moved_over) if self.date > self.unrolled else paused

    @property
    def moved_over(self) -> tuple[tuple[date_, str], ...]:
        """The days that do not count over which the last day was moved, each with its name or `paused`."""
        if self.date > self.unrolled:
            over = _each(self.unrolled, self.date - _DAY)
        else:
            over = _each(self.date + _DAY, self.unrolled)
        return tuple((on, self.calendar.off(on) or PAUSED) for on in over)

    @property
    def counted(self) -> int:
        """How many days have counted from the start to the last."""
        return (self.date - self._first).days + 1 - len(self.skipped)

    @property
    def certain(self) -> bool:
        """Whether the calendar covers every day it was asked about."""
        if self.rule.unit == "workdays":
            asked = (self._first, self.date)
        elif self.rule.roll != "none":
            asked = (self.date, self.unrolled)
        else:
            return True
        return all(map(self.calendar.covers, asked))

    @property
    def _first(self) -> date_:
        return self.start if self.rule.day_one == "same" else self.start + _DAY

    def explain(self, lang: str = FALLBACK) -> tuple[str, ...]:
        """
        Say how the date comes about: what runs from when, every day that did not count, and the result.

        Args:
            lang: `en`, `id` or `ja`; any other falls back to English. Names of holidays are as the calendar has them.
        """
        begun = "due.start_included" if self.rule.day_one == "same" else "due.start"
        lines = [_say(begun, lang, period=self.rule.text(lang), **_spoken(self.start, lang))]
        lines += [_left_out("due.skipped", on, why, lang) for on, why in self.skipped]
        if self.date < self.unrolled:
            lines += [_left_out("due.moved_back", on, why, lang) for on, why in self.moved_over]
        result = _say(
            "due.result",
            lang,
            **_spoken(self.date, lang),
            counted=self.counted,
            skipped=len(self.skipped),
            calendar=self.calendar.id,
            version=self.calendar.version,
            zone=self.zone,
        )
        return (*lines, result if self.certain else _say("due.uncertain", lang, result=result))


def _say(code: str, lang: str, **words: Any) -> str:
    return translate(SENTENCES[code], lang).format(**words)


def _left_out(code: str, on: date, why: str, lang: str) -> str:
    """Say that a day did not count; of a day of the week-end, its weekday says why."""
    if why in WEEKDAYS:
        return _say(f"{code}.weekend", lang, **_spoken(on, lang))
    return _say(code, lang, reason=translate(why, lang) if why == PAUSED else why, **_spoken(on, lang))


def _spoken(on: date, lang: str) -> dict[str, str]:
    return {"date": on.isoformat(), "weekday": translate(weekday(on), lang)}


def _each(first: date, last: date) -> Iterator[date]:
    return map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1))


def _tally(calendar: Any) -> Callable[[int], int]:
    if not isinstance(calendar, Calendar):
        message = f"calendar: a Calendar is needed, not {quote(calendar)}"
        raise InvalidValue(message)
    return calendar.tally


def _leaves(period: Period) -> str:
    return f"period: {period} from there lead out of the years 1 to 9999; check the date and the period"


def _merged(pauses: Iterable[Sequence[date]]) -> list[tuple[int, int]]:
    """Return pauses as ordinals, in order, those that overlap as one, without those that pause no day."""
    found: list[tuple[int, int]] = []
    for pause in pauses if isinstance(pauses, Iterable) else (pauses,):
        if not isinstance(pause, (tuple, list)) or len(pause) != PAIR:
            message = f"pauses: pairs of days are needed, on which the clock stopped and went on, not {quote(pause)}"
            raise InvalidValue(message)
        stopped, resumed = (as_day(on, "pauses") for on in pause)
        if resumed < stopped:
            message = f"pauses: the clock cannot go on ({resumed}) before it stopped ({stopped})"
            raise InvalidValue(message)
        found.append((stopped.toordinal(), resumed.toordinal()))
    merged: list[tuple[int, int]] = []
    for stopped_at, resumed_at in sorted(found):
        if merged and stopped_at <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], resumed_at))
        elif stopped_at < resumed_at:
            merged.append((stopped_at, resumed_at))
    return merged


def _counting(unit: str, tally: Callable[[int], int], still: Sequence[tuple[int, int]]) -> Callable[[int], int]:
    """Return what says how many days have counted up to and including one; only its differences mean something."""
    every = tally if unit == "workdays" else int
    if not still:
        return every

    def counts(ordinal: int) -> int:
        return every(ordinal) - sum(every(min(b, ordinal)) - every(a) for a, b in still if a < ordinal)

    return counts


def _nth(counts: Callable[[int], int], base: int, n: int, period: Period) -> int:
    """Return the ordinal of the n-th day after *base* that counts."""
    target = counts(base) + n
    # Nearly always it is found within three times as many days.
    most = base + 3 * n + 7
    if most > _LAST or counts(most) < target:
        most = _LAST
    if base + n > most or counts(most) < target:
        raise InvalidValue(_leaves(period))
    return bisect_left(range(most + 1), target, lo=base + n, key=counts)


def _nth_back(tally: Callable[[int], int], limit: int, n: int, period: Period) -> int:
    """Return the ordinal of the n-th last day that counts, up to and including *limit*."""
    target = tally(limit) - n + 1
    if target <= tally(0):
        raise InvalidValue(_leaves(period))
    least = limit - 3 * n - 7
    if least < 1 or tally(least) >= target:
        least = 1
    return bisect_left(range(limit + 1), target, lo=least, key=tally)


def _corresponding(on: date, months: int, period: Period) -> tuple[date, bool]:
    """Return the day some months later, and whether it has the same number: it may be the last of a shorter month."""
    year, month = divmod(on.year * 12 + on.month - 1 + months, 12)
    if not date.min.year <= year <= date.max.year:
        raise InvalidValue(_leaves(period))
    length = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(on.day, length)), on.day <= length


def passed(on: date, zone: tzinfo) -> datetime:
    """Return the first instant, in UTC, from which on it is never again *on* or an earlier day in *zone*."""
    if on == date.max:
        # The last day there is: what lasts that long has no end that anybody could tell.
        return datetime.max.replace(tzinfo=UTC)
    midnight = datetime.combine(on + _DAY, time(), zone)
    low, high = midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
    if low == high:
        return low
    if low < high:
        # It is midnight twice. Only if the clocks go back into the day itself, the second time counts.
        return high if (high - _INSTANT).astimezone(zone).date() <= on else low
    # There is no midnight: the clocks leap over it, at some instant in between.
    low, high = high, low
    while high - low > _INSTANT:
        middle = low + (high - low) / 2
        if middle.astimezone(zone).date() <= on:
            low = middle
        else:
            high = middle
    return high
