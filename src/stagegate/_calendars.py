"""Which days count: a named, versioned value, so that a date can say by which calendar it was counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import attrs

from ._fields import reads, valued
from ._plain import slug, text
from ._records import day
from ._text import frozendict
from .exceptions import InvalidValue, quote

SATURDAY, SUNDAY = 5, 6


def _weekend(value: Any, where: str) -> tuple[int, ...]:
    days = tuple(sorted(set(value)))
    if not all(type(d) is int and 0 <= d <= SUNDAY for d in days):
        message = f"{where}: weekdays are numbers from 0 (Monday) to 6 (Sunday), not {quote(value)}"
        raise InvalidValue(message)
    return days


def _holidays(value: Any, where: str) -> frozendict:
    if not isinstance(value, Mapping):
        message = f"{where}: a table of names by date is needed, not {quote(value)}"
        raise InvalidValue(message)
    return frozendict({_date(on, where).isoformat(): text(named, where) for on, named in value.items()})


def _date(value: Any, where: str) -> date:
    found = day(value, where)
    if found is None:
        message = f"{where}: a date is needed, not None"
        raise InvalidValue(message)
    return found


@attrs.define(init=False, kw_only=True, frozen=True)
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

    id: str = attrs.field(metadata=reads(slug))
    version: str = attrs.field(metadata=reads(text))
    weekend: tuple[int, ...] = attrs.field(default=(SATURDAY, SUNDAY), metadata=reads(_weekend))
    holidays: frozendict = attrs.field(factory=frozendict, metadata=reads(_holidays))

    def __init__(
        self,
        *,
        id: str,
        version: str,
        weekend: Iterable[int] = (SATURDAY, SUNDAY),
        holidays: Mapping[date, str] | Mapping[str, str] = frozendict(),
    ) -> None:
        """
        Make a calendar; the arguments are the attributes.

        Raises:
            InvalidValue: If one is no day or no name.
        """
        self.__attrs_init__(**valued(Calendar, locals()))

    def off(self, on: date) -> str:
        """Return why *on* does not count: the name of the holiday or of the weekday; empty if it counts."""
        if named := self.holidays.get(on.isoformat()):
            return str(named)
        return f"{on:%A}" if on.weekday() in self.weekend else ""

    def counts(self, on: date) -> bool:
        """Say whether *on* is a working day."""
        return not self.off(on)


WEEKENDS = Calendar(id="weekends", version="1")


def load_calendar(source):
    return Calendar(**source)
