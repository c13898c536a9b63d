"""The calendars of an engine: by id for what is reckoned now, by version for what was reckoned then."""

from __future__ import annotations

from collections.abc import Iterable

from ._calendars import WEEKENDS, Calendar
from .calendars import builtin
from .calendars import names as builtin_names
from .exceptions import InvalidValue, NotFound, quote


class Almanac:
    """The calendars of an engine: those it was given, and the shipped ones, read when first asked for."""

    def __init__(self, given: Iterable[Calendar]) -> None:
        self._latest: dict[str, Calendar] = {WEEKENDS.id: WEEKENDS}
        self._exact: dict[tuple[str, str], Calendar] = {(WEEKENDS.id, WEEKENDS.version): WEEKENDS}
        for calendar in given:
            key = calendar.id, calendar.version
            if self._exact.setdefault(key, calendar) != calendar:
                message = (
                    f"calendars: {quote(calendar.id)} of version {quote(calendar.version)} is given twice, with other"
                    f" days; give what changed another version"
                )
                raise InvalidValue(message)
            self._latest[calendar.id] = calendar

    def named(self, calendar: str) -> Calendar:
        """
        Return the calendar that is in force under an id: the last that was given, else the shipped one.

        Raises:
            NotFound: If there is none; it says what there is, and what to do.
        """
        found = self._latest.get(calendar)
        if found is None and calendar in builtin_names():
            found = builtin(calendar)
            self._latest[calendar] = found
            self._exact[found.id, found.version] = found
        if found is None:
            known = ", ".join(sorted({*self._latest, *builtin_names()}))
            message = (
                f"there is no calendar {quote(calendar)}, by which days are to be counted; there are {known};"
                f" open the engine with calendars=[…], or name a plugin that brings it"
            )
            raise NotFound(message)
        return found

    def exact(self, calendar: str, version: str) -> Calendar | None:
        """Return the calendar of exactly that version, if it is known here."""
        if (calendar, version) not in self._exact and calendar in builtin_names():
            shipped = builtin(calendar)
            self._exact.setdefault((shipped.id, shipped.version), shipped)
        return self._exact.get((calendar, version))

    def all(self) -> dict[str, Calendar]:
        """Return the calendars in force, by id."""
        return {named: self.named(named) for named in sorted({*self._latest, *builtin_names()})}
