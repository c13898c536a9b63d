"""Which days count: a named, versioned value, so that a date can say by which calendar it was counted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs

from ._fields import collected, invalid, place, reads
from ._files import read_table
from ._plain import canonical, digest, slug, text
from ._records import day, lean
from ._text import frozendict
from .exceptions import DefinitionError, InvalidValue, join, quote

SATURDAY, SUNDAY = 5, 6
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""The names of the weekdays, from 0, as `Calendar.off` says them."""

MAX_NAME = 200
"""How many characters the name of a day may have."""


def weekday(on: date) -> str:
    """Return the English name of the weekday of *on*, whatever the locale."""
    return WEEKDAYS[on.weekday()]


def _weekend(value: Any, where: str) -> tuple[int, ...]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        message = f"{where}: a list of weekdays is needed, such as ['saturday', 'sunday'], not {quote(value)}"
        raise InvalidValue(message)
    days = set()
    for item in value:
        named = isinstance(item, str) and item.capitalize() in WEEKDAYS
        if not named and not (type(item) is int and 0 <= item <= SUNDAY):
            message = (
                f"{where}: weekdays are names such as 'sunday', or numbers from 0 (Monday) to 6 (Sunday), "
                f"not {quote(item)}"
            )
            raise InvalidValue(message)
        days.add(WEEKDAYS.index(item.capitalize()) if named else item)
    if len(days) == len(WEEKDAYS):
        message = f"{where}: no day would ever count; leave at least one weekday out"
        raise InvalidValue(message)
    return tuple(sorted(days))


def as_day(value: Any, where: str) -> date:
    """Return *value* if it is a date or an ISO text of one, or say why not."""
    found = day(value, where)
    if found is None:
        message = f"{where}: a date is needed, not None"
        raise InvalidValue(message)
    return found


def _named(value: Any, where: str) -> str:
    named = text(value, where, most=MAX_NAME)
    if not named.strip() or not named.isprintable():
        message = f"{where}: a name or reason on one line is needed, not {quote(value)}"
        raise InvalidValue(message)
    return named


def _days(value: Any, where: str) -> frozendict:
    if not isinstance(value, Mapping):
        message = f"{where}: a table of texts by date is needed, such as {{'2025-08-17': '…'}}, not {quote(value)}"
        raise InvalidValue(message)
    faults: list[tuple[str, str]] = []
    days: dict[str, str] = {}
    for on, named in value.items():
        key = on.isoformat() if isinstance(on, date) else place(on)
        try:
            at = as_day(on, key).isoformat()
            if at in days:
                faults.append((key, f"{at} stands here twice"))
            days[at] = _named(named, key)
        except InvalidValue as error:
            faults.append((key, str(error).removeprefix(f"{key}: ")))
    if faults:
        raise DefinitionError(faults)
    return frozendict(sorted(days.items()))


def _good(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a calendar, or raise all that is wrong with them."""
    faults: list[tuple[str, str]] = []
    good: dict[str, Any] = {}
    for field in attrs.fields(Calendar):
        try:
            good |= collected(Calendar, {k: v for k, v in given.items() if k == field.name})
        except DefinitionError as error:
            faults += error.faults
    first, last = good.get("first"), good.get("last")
    if first and last and last < first:
        faults.append(("last", f"the last day, {last}, lies before the first, {first}"))
    if "weekend" in good and "holidays" in good:
        faults += [
            (join("working", on), "this day counts anyway: it is no day of the week-end and no holiday")
            for on in good.get("working", ())
            if date.fromisoformat(on).weekday() not in good["weekend"] and on not in good["holidays"]
        ]
    if faults:
        raise DefinitionError(faults)
    return good


@attrs.define(init=False, kw_only=True, frozen=True, slots=False)
class Calendar:
    """
    The working days of a place.

    Attributes:
        id: Its id, such as `indonesia`.

        version: Its version; decrees change calendars in mid-year.

        weekend: The weekdays that do not count, from 0 (Monday); by default Saturday and Sunday. It takes names too.

        holidays: The other days that do not count, with their names.

        working: The days that count although they are a holiday or of the week-end, each with the reason.

        first: The first day it speaks of with certainty, if there is one. What is counted over earlier days is not
            certain.

        last: The last such day. Days beyond it may be named, as far as they are expected.

        basis: What it rests on: the decrees or the source of its days.

    >>> Calendar(id="id", version="2025", holidays={"2025-08-17": "Hari Kemerdekaan"}).off(date(2025, 8, 17))
    'Hari Kemerdekaan'
    """

    id: str = attrs.field(metadata=reads(slug))
    version: str = attrs.field(metadata=reads(_named))
    weekend: tuple[int, ...] = attrs.field(default=(SATURDAY, SUNDAY), metadata=reads(_weekend))
    holidays: frozendict = attrs.field(factory=frozendict, metadata=reads(_days))
    working: frozendict = attrs.field(factory=frozendict, metadata=reads(_days))
    first: date | None = attrs.field(default=None, metadata=reads(day))
    last: date | None = attrs.field(default=None, metadata=reads(day))
    basis: str = attrs.field(default="", metadata=reads(text))

    def __init__(
        self,
        *,
        id: str,
        version: str,
        weekend: Iterable[int | str] = (SATURDAY, SUNDAY),
        holidays: Mapping[date, str] | Mapping[str, str] = frozendict(),
        working: Mapping[date, str] | Mapping[str, str] = frozendict(),
        first: date | str | None = None,
        last: date | str | None = None,
        basis: str = "",
    ) -> None:
        """
        Make a calendar; the arguments are the attributes.

        Raises:
            InvalidValue: With everything that is no day, no name, or contradicts the rest.
        """
        try:
            self.__attrs_init__(**_good(locals()))
        except DefinitionError as error:
            raise invalid(Calendar, error) from None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without what is computed from it."""
        return _rebuild, ({field.name: getattr(self, field.name) for field in attrs.fields(Calendar)},)

    def off(self, on: date) -> str:
        """Return why *on* does not count: the name of the holiday or of the weekday; empty if it counts."""
        at = on.isoformat()
        if at in self.working:
            return ""
        if named := self.holidays.get(at):
            return str(named)
        return weekday(on) if on.weekday() in self.weekend else ""

    def counts(self, on: date) -> bool:
        """Say whether *on* is a working day."""
        return not self.off(on)

    def covers(self, on: date) -> bool:
        """Say whether the calendar speaks of *on* with certainty."""
        return (self.first is None or self.first <= on) and (self.last is None or on <= self.last)

    def amended(
        self,
        version: str,
        *,
        holidays: Mapping[date, str] | Mapping[str, str] = frozendict(),
        working: Mapping[date, str] | Mapping[str, str] = frozendict(),
        basis: str | None = None,
        last: date | str | None = None,
    ) -> Calendar:
        """
        Return the calendar as a later decree changes it; this one stays as it is.

        Args:
            version: The version of the new one.

            holidays: More days that do not count, with their names.

            working: Days that count after all, each with the reason: a holiday that was moved, a Saturday at work.

            basis: What the new one rests on, if that is not the same.

            last: The last day the new one speaks of with certainty, if that is not the same.

        Raises:
            InvalidValue: If the version is the same, a holiday is one already, or a working day counts already.
        """
        faults: list[tuple[str, str]] = []
        read: dict[str, frozendict] = {"holidays": frozendict(), "working": frozendict()}
        for named, table in (("holidays", holidays), ("working", working)):
            try:
                read |= collected(Calendar, {named: table})
            except DefinitionError as error:
                faults += error.faults
        added, removed = read["holidays"], read["working"]
        if version == self.version:
            faults.append(("version", f"the amended calendar needs another version than {quote(version)}"))
        for on in added:
            if on in removed:
                faults.append((join("working", on), "the same day stands among the holidays"))
            elif on in self.holidays and on not in self.working:
                faults.append((join("holidays", on), f"it is a holiday already: {quote(self.holidays[on])}"))
        faults += [
            (join("working", on), "this day counts already")
            for on in removed
            if on not in added and self.counts(date.fromisoformat(on))
        ]
        if faults:
            raise invalid(Calendar, DefinitionError(faults))
        kept = {on: why for on, why in self.working.items() if on not in added}
        return Calendar(
            id=self.id,
            version=version,
            weekend=self.weekend,
            holidays={**self.holidays, **added},
            working={**kept, **removed},
            first=self.first,
            last=self.last if last is None else last,
            basis=self.basis if basis is None else basis,
        )

    def to_data(self) -> dict[str, Any]:
        """Return the calendar as the table that TOML and JSON files hold; its canonical form."""
        usual = self.weekend == (SATURDAY, SUNDAY)
        return lean(
            {
                "id": self.id,
                "version": self.version,
                "basis": self.basis,
                "first": self.first and self.first.isoformat(),
                "last": self.last and self.last.isoformat(),
                "holidays": self.holidays,
                "working": self.working,
            }
        ) | ({} if usual else {"weekend": [WEEKDAYS[d].lower() for d in self.weekend]})

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Calendar:
        """
        Return the calendar that a table says.

        Raises:
            DefinitionError: With every fault, each with its path.
        """
        if not isinstance(data, Mapping):
            message = f"a table is needed, not {quote(data)}"
            raise DefinitionError(message)
        known = [field.name for field in attrs.fields(Calendar)]
        faults = [
            (k, f"unknown key; known are {', '.join(sorted(known))}")
            for k in sorted(place(k) for k in data if k not in known)
        ]
        faults += [(k, "missing") for k in ("id", "version") if k not in data]
        try:
            good = _good(data)
        except DefinitionError as error:
            raise DefinitionError([*faults, *error.faults]) from None
        if faults:
            raise DefinitionError(faults)
        return cls(**good)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical form, in hexadecimal."""
        return digest(canonical(self.to_data()))

    @cached_property
    def _weeks(self) -> tuple[int, tuple[int, ...]]:
        """How many days of a week count, and how many of its days up to each rest of an ordinal divided by 7."""
        # The ordinal 1 is a Monday, so a rest of 1 is Monday and a rest of 0 the Sunday before.
        sums, so_far = [0], 0
        for rest in range(1, 7):
            so_far += (rest - 1) not in self.weekend
            sums.append(so_far)
        return 7 - len(self.weekend), tuple(sums)

    @cached_property
    def _odd(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The ordinals of the days that do not count though their weekday does, and the other way round."""
        resting = [date.fromisoformat(on) for on in self.holidays if on not in self.working]
        working = [date.fromisoformat(on) for on in self.working]
        return (
            tuple(on.toordinal() for on in resting if on.weekday() not in self.weekend),
            tuple(on.toordinal() for on in working if on.weekday() in self.weekend),
        )

    def tally(self, ordinal: int) -> int:
        """Return how many days count up to and including the day of that ordinal; differences are what matters."""
        a_week, sums = self._weeks
        weeks, rest = divmod(ordinal, 7)
        resting, working = self._odd
        return a_week * weeks + sums[rest] - bisect_right(resting, ordinal) + bisect_right(working, ordinal)


def _rebuild(fields: dict[str, Any]) -> Calendar:
    return Calendar(**fields)


WEEKENDS = Calendar(id="weekends", version="1", basis="Saturdays and Sundays only")
"""The calendar that knows no holidays."""


def load_calendar(source: str | Path | Mapping[str, Any]) -> Calendar:
    """
    Return the calendar that a TOML or JSON file says.

    Args:
        source: The path of a `.toml` or `.json` file, the text of one, or the table itself.

    Raises:
        DefinitionError: With every fault, each with its path.
    """
    named, data = read_table(source)
    try:
        return Calendar.from_data(data)
    except DefinitionError as error:
        raise DefinitionError(error.faults, source=named) from None
