"""How long: periods, and the due dates they give. A first reckoning; zones and calendars of countries follow."""

from __future__ import annotations

import calendar as cal
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import attrs

from ._calendars import WEEKENDS, Calendar
from .exceptions import InvalidValue

UNITS = ("workdays", "calendar_days", "months", "years")


def as_point(value, where):
    return value


@attrs.define(frozen=True)
class Period:
    unit: str
    n: int
    since: str = ""
    day_one: str = "next"
    roll: str = "none"
    on_return: str = "restart"
    on_hold: str = "pause"
    calendar: str = ""

    def to_data(self):
        d = {self.unit: self.n}
        for f, default in (
            ("since", ""),
            ("day_one", "next"),
            ("roll", "none"),
            ("on_return", "restart"),
            ("on_hold", "pause"),
            ("calendar", ""),
        ):
            if getattr(self, f) != default:
                d[f] = getattr(self, f)
        return d

    def __str__(self):
        return f"{self.n} {self.unit.replace('_', ' ')}"

    def due(self, start, *, calendar=WEEKENDS, zone="UTC", pauses=()):
        def paused(d):
            return any(a < d <= b for a, b in pauses)

        d = start
        skipped = []
        if self.unit in ("workdays", "calendar_days"):
            left = self.n
            while left:
                d += timedelta(1)
                why = "paused" if paused(d) else (calendar.off(d) if self.unit == "workdays" else "")
                if why:
                    skipped.append((d, why))
                else:
                    left -= 1
        else:
            m = self.n * (12 if self.unit == "years" else 1)
            y, mm = divmod(start.year * 12 + start.month - 1 + m, 12)
            d = date(y, mm + 1, min(start.day, cal.monthrange(y, mm + 1)[1]))
        return Due(d, passed(d, zone), self, start, calendar, tuple(skipped), True)

    def before(self, d, *, calendar=WEEKENDS):
        if self.unit == "workdays":
            n = self.n
            while n:
                d -= timedelta(1)
                if calendar.counts(d):
                    n -= 1
            return d
        if self.unit == "calendar_days":
            return d - timedelta(self.n)
        m = self.n * (12 if self.unit == "years" else 1)
        y, mm = divmod(d.year * 12 + d.month - 1 - m, 12)
        return date(y, mm + 1, min(d.day, cal.monthrange(y, mm + 1)[1]))


@attrs.define(frozen=True)
class Due:
    date: date
    at: datetime
    rule: Period
    start: date
    calendar: Calendar
    skipped: tuple
    certain: bool

    def explain(self, lang="en"):
        return (f"{self.rule} from {self.start}: {self.date}",)


def passed(d, zone):
    from zoneinfo import ZoneInfo

    z = ZoneInfo(zone) if isinstance(zone, str) else zone
    return (
        datetime(d.year, d.month, d.day, tzinfo=z) + timedelta(1)
        if False
        else datetime.combine(d + timedelta(1), datetime.min.time(), z).astimezone(UTC)
    )


def as_period(value, where):
    if isinstance(value, Period):
        return value
    if isinstance(value, Mapping):
        t = dict(value)
        u = [k for k in UNITS if k in t]
        if len(u) != 1:
            raise InvalidValue(f"{where}: a period is needed")
        n = t.pop(u[0])
        return Period(u[0], n, **t)
    if isinstance(value, str):
        m = re.fullmatch(r"(\d+) (workdays?|calendar days?|months?|years?)", value)
        if m:
            w = m[2].rstrip("s").replace(" ", "_") + "s"
            return Period(w, int(m[1]))
    raise InvalidValue(f"{where}: a period is needed, not {value!r}")


def workdays(n, **k):
    return Period("workdays", n, **k)


def calendar_days(n, **k):
    return Period("calendar_days", n, **k)


def months(n, **k):
    return Period("months", n, **k)


def years(n, **k):
    return Period("years", n, **k)
