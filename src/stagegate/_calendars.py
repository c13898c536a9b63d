"""Which days count: a named, versioned value, so that a date can say by which calendar it was counted."""

from __future__ import annotations

from datetime import date
from typing import Any

import attrs

from ._history import key, text
from ._records import day, frozen
from ._text import frozendict
from .exceptions import InvalidValue

SATURDAY, SUNDAY = 5, 6


def _weekend(value: Any) -> tuple[int, ...]:
    days = tuple(sorted(set(value)))
    if not all(type(d) is int and 0 <= d <= SUNDAY for d in days):
        message = f"calendar.weekend: weekdays are numbers from 0 (Monday) to 6 (Sunday), not {value!r}"
        raise InvalidValue(message)
    return days


def _holidays(value: Any) -> frozendict:
    return frozendict({_day(on).isoformat(): text(named, "calendar.holidays") for on, named in dict(value).items()})


def _day(value: Any) -> date:
    found = day(value, "calendar.holidays")
    if found is None:
        message = "calendar.holidays: a date is needed, not None"
        raise InvalidValue(message)
    return found


@attrs.define(kw_only=True, on_setattr=frozen, unsafe_hash=True)
class Calendar:
    """
    The working days of a place.

    Attributes:
        id: Its id, such as `indonesia`.

        version: Its version; decrees change calendars in mid-year.

        weekend: The weekdays that never count, from 0 (Monday); by default Saturday and Sunday.

        holidays: The other days that do not count, with their names.

    >>> Calendar(id="id", version="2025", holidays={"2025-08-17": "Hari Kemerdekaan"}).off(date(2025, 8, 17))
    'Hari Kemerdekaan'
    """

    id: str = attrs.field(converter=lambda v: key(v, "calendar.id"))
    version: str = attrs.field(converter=lambda v: text(v, "calendar.version"))
    weekend: tuple[int, ...] = attrs.field(default=(SATURDAY, SUNDAY), converter=_weekend)
    holidays: frozendict = attrs.field(factory=frozendict, converter=_holidays)

    def off(self, on: date) -> str:
        """Return why *on* does not count: the name of the holiday or of the weekday; empty if it counts."""
        if named := self.holidays.get(on.isoformat()):
            return str(named)
        return f"{on:%A}" if on.weekday() in self.weekend else ""

    def counts(self, on: date) -> bool:
        """Say whether *on* is a working day."""
        return not self.off(on)
