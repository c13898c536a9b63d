"""A deadline that runs: the date, the rule that gave it, the calendar it was counted by, the instant it means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date as date_
from datetime import datetime
from typing import Any

import attrs

from ._calendars import Calendar
from ._deadlines import Due, Period, as_period
from ._plain import instant, moment
from ._records import lean
from ._text import frozendict


@attrs.define(kw_only=True, frozen=True)
class Deadline:
    """
    A due date of an agreement, as its history keeps it.

    Attributes:
        key: What is due: `stage:council`, `requirement:G05`, `term`, `duty:report`.

        rule: The period it comes from, as a table; for a term with a date, the point it is taken from.

        start: The day the period counts from.

        date: The last day that is in time; None while the clock stands still.

        at: The instant at which that day has passed; None while the clock stands still.

        calendar: The calendar it was counted by: its id and its version.

        certain: Whether that calendar covers every day that was counted.

        pauses: When the clock stood still: pairs of the day it stopped and the day it went on.

        paused_on: The day it was stopped on; None while it runs.

        away: Whether it stands still because the agreement was sent back.

        remind_at: When to remind, as far as that lies ahead.

        overdue: Whether it was said that the date has passed.

        round: Which time it is due: 1, 2, … for what is due again and again.
    """

    key: str
    rule: frozendict
    start: date_
    date: date_ | None = None
    at: datetime | None = None
    calendar: tuple[str, str] = ("", "")
    certain: bool = True
    pauses: tuple[tuple[date_, date_], ...] = ()
    paused_on: date_ | None = None
    away: bool = False
    remind_at: tuple[datetime, ...] = ()
    overdue: bool = False
    round: int = 1

    @property
    def kind(self) -> str:
        """What kind of thing is due, one of `stage`, `requirement`, `term`, `duty`."""
        return self.key.partition(":")[0]

    @property
    def subject(self) -> str:
        """Which one is due, by the id of the stage or of the duty, the name of the requirement; empty for a term."""
        return self.key.partition(":")[2]

    @property
    def wakes_at(self) -> datetime | None:
        """When something is to be done about it next; None while it stands still or all has been done."""
        ahead = (*self.remind_at, *(() if self.at is None or self.overdue else (self.at,)))
        return min(ahead, default=None)

    @property
    def period(self) -> Period | None:
        """The period it comes from; None for a date that was taken as it is."""
        return None if "until" in self.rule else as_period(self.rule, "rule")

    def due(self, calendar: Calendar, zone: Any) -> Due | None:
        """Return the reckoning again, for its explanation; None where there is none: no period, or it stands still."""
        period = self.period
        if period is None or self.date is None:
            return None
        if self.kind == "duty":
            period = attrs.evolve(period, n=period.n * self.round)
        return period.due(self.start, calendar=calendar, zone=zone, pauses=self.pauses)

    def to_data(self) -> dict[str, Any]:
        """Return the deadline as plain data, as events and snapshots hold it."""
        return lean(
            {
                "key": self.key,
                "rule": self.rule,
                "start": self.start.isoformat(),
                "date": self.date and self.date.isoformat(),
                "at": self.at and instant(self.at),
                "calendar": self.calendar if self.calendar[0] else None,
                "uncertain": None if self.certain else True,
                "pauses": [[a.isoformat(), b.isoformat()] for a, b in self.pauses] or None,
                "paused_on": self.paused_on and self.paused_on.isoformat(),
                "away": self.away or None,
                "remind_at": [instant(at) for at in self.remind_at] or None,
                "overdue": self.overdue or None,
                "round": None if self.round == 1 else self.round,
            }
        )

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Deadline:
        """Return the deadline that `to_data` wrote."""
        day = date_.fromisoformat
        return cls(
            key=data["key"],
            rule=frozendict(data["rule"]),
            start=day(data["start"]),
            date=day(data["date"]) if "date" in data else None,
            at=moment(data["at"]) if "at" in data else None,
            calendar=tuple(data.get("calendar", ("", ""))),
            certain=not data.get("uncertain", False),
            pauses=tuple((day(a), day(b)) for a, b in data.get("pauses", ())),
            paused_on=day(data["paused_on"]) if "paused_on" in data else None,
            away=data.get("away", False),
            remind_at=tuple(moment(at) for at in data.get("remind_at", ())),
            overdue=data.get("overdue", False),
            round=data.get("round", 1),
        )
