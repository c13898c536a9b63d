"""The calendars of an engine: by id for what is reckoned now, by version for what was reckoned then."""

from __future__ import annotations

from collections.abc import Iterable

from ._calendars import WEEKENDS, Calendar
from ._records import Pin
from .calendars import builtin
from .calendars import names as builtin_names
from .exceptions import InvalidValue, NotFound, quote


class Almanac:
    """The calendars of an engine: those it was given, and the shipped ones, read when first asked for."""

    def __init__(self, given: Iterable[Calendar]) -> None:
        """
        Take the calendars that are given; of several with one id, the last is in force.

        Raises:
            InvalidValue: If one version of a calendar is there twice, with other days.
        """
        self._latest: dict[str, Calendar] = {}
        self._exact: dict[tuple[str, str], Calendar] = {}
        self._put(WEEKENDS)
        for calendar in given:
            self._shipped(calendar.id)
            self._put(calendar)

    def _put(self, calendar: Calendar) -> None:
        if self._exact.setdefault((calendar.id, calendar.version), calendar) != calendar:
            message = (
                f"calendars: two of id {quote(calendar.id)} and version {quote(calendar.version)} differ; give the one"
                f" that changed another version"
            )
            raise InvalidValue(message)
        self._latest[calendar.id] = calendar

    def _shipped(self, calendar: str) -> None:
        """Read the shipped calendar of that id, if there is one and nothing of that id is here yet."""
        if calendar not in self._latest and calendar in builtin_names():
            self._put(builtin(calendar))

    def _known(self) -> tuple[str, ...]:
        return tuple(sorted({*self._latest, *builtin_names()}))

    def named(self, calendar: str, by: Pin) -> Calendar:
        """
        Return the calendar that is in force under an id: the last that was given, else the shipped one.

        Args:
            calendar: The id.

            by: The process that names it.

        Raises:
            NotFound: If there is none; it says what there is, and what to do.
        """
        self._shipped(calendar)
        found = self._latest.get(calendar)
        if found is None:
            message = (
                f"{by} counts days by the calendar {quote(calendar)}, which this engine does not know; it knows"
                f" {', '.join(self._known())}; open it with calendars=[…], or with a plugin that brings it"
            )
            raise NotFound(message)
        return found

    def exact(self, calendar: str, version: str) -> Calendar | None:
        """Return the calendar of exactly that version, if it is known here."""
        self._shipped(calendar)
        return self._exact.get((calendar, version))

    def all(self) -> dict[str, Calendar]:
        """Return the calendars in force, by id."""
        known = self._known()
        for calendar in known:
            self._shipped(calendar)
        return {calendar: self._latest[calendar] for calendar in known}
