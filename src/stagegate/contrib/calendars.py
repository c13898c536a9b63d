"""
The calendars of countries, from the package `holidays` (the extra `[calendar]`). Name it with `plugins=["calendars"]`.

An engine that is opened with the plugin counts by these instead of the shipped ones. Or build one for other years:

>>> from datetime import date
>>> calendar = indonesia(2025, 2026)
>>> calendar.off(date(2025, 8, 18))
'Cuti Bersama Hari Kemerdekaan Republik Indonesia'
>>> japan(2025).off(date(2025, 9, 15))
'敬老の日'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from itertools import count
from typing import Any

from stagegate import Calendar, InvalidValue, hookimpl
from stagegate.exceptions import quote

EARLIEST, LATEST = 1949, 2099
FIRST = 2024
"""The first year that the plugin brings."""
DECREED_SINCE = 2002
"""The first year with days off by decree: *cuti bersama*. Every year since has some."""
EXPECTED = "(perkiraan)"
"""What `holidays` puts behind the name of a day that is only expected."""
INDONESIA = (
    "Public holidays: Keppres 8/2024 and those before it. Their dates, and cuti bersama (days off by decree, on which"
    " offices rest too): the joint decree of three ministers (SKB 3 Menteri) for each year. As the Python package"
    " holidays has them."
)
JAPAN = (
    "National holidays: Act 178 of 1948, with the days that stand in for those on a Sunday. As the Python package"
    " holidays has them. Not among them: 29 December to 3 January, when offices rest by Act 91 of 1988 and, in a city,"
    " by its own ordinance (Local Autonomy Act, Art 4-2)."
)


def indonesia(*years: int) -> Calendar:
    """
    Return the calendar `indonesia`: public holidays and *cuti bersama*, the days off by joint decree.

    Of the days of a coming year, those of the Islamic calendar are only expected until they are confirmed. Their names
    say so (*perkiraan*), and the calendar is certain until the day before the first of them.

    Args:
        years: The years it is for, without a gap; as far as they are decreed.

    Raises:
        InvalidValue: If that is no row of years, or one is not decreed yet as far as `holidays` knows.

        ImportError: If `holidays` is not installed.
    """
    first, last = _row(years)
    known = _decreed()
    if last > known:
        message = (
            f"years: the cuti bersama of {last} are not in holidays {_package().__version__}; the last it has are those"
            f" of {known}; install a newer one, or write a calendar of your own"
        )
        raise InvalidValue(message)
    days = _days("ID", "id", first, last, categories=("public", "government"))
    expected = min((on for on, name in days.items() if EXPECTED in name), default=date(last + 1, 1, 1))
    return _calendar("indonesia", first, last, days, certain=expected - timedelta(days=1), basis=INDONESIA)


def japan(*years: int) -> Calendar:
    """
    Return the calendar `japan`: the national holidays, with the days that stand in for those on a Sunday.

    Args:
        years: The years it is for, without a gap. The law may change, and the days of the equinoxes are fixed in the
            February before.

    Raises:
        InvalidValue: If that is no row of years.

        ImportError: If `holidays` is not installed.
    """
    first, last = _row(years)
    days = _days("JP", "ja", first, last)
    return _calendar("japan", first, last, days, certain=date(last, 12, 31), basis=JAPAN)


@hookimpl
def stagegate_calendars() -> Iterable[Calendar]:
    """
    Bring both, from 2024 to the last year whose *cuti bersama* `holidays` knows.

    They are decreed in the autumn before. Whoever knows them knows the equinoxes of that year too.
    """
    years = range(FIRST, _decreed() + 1)
    return indonesia(*years), japan(*years)


def _package() -> Any:
    try:
        import holidays
    except ModuleNotFoundError as error:
        message = "the calendars of countries need the package holidays; install stagegate with its extra [calendar]"
        raise ImportError(message) from error
    return holidays


def _row(years: tuple[Any, ...]) -> tuple[int, int]:
    """Return the first and the last of *years*, if none between them is missing."""
    if not years or not all(type(year) is int and EARLIEST <= year <= LATEST for year in years):
        given = ", ".join(map(quote, years)) or "nothing"
        message = f"years: years from {EARLIEST} to {LATEST} are needed, such as 2025, 2026, not {given}"
        raise InvalidValue(message)
    first, last = min(years), max(years)
    missing = sorted(set(range(first, last)) - set(years))
    if missing:
        message = f"years: {missing[0]} is missing between {first} and {last}; a calendar is for years without a gap"
        raise InvalidValue(message)
    return first, last


def _days(country: str, language: str, first: int, last: int, **about: Any) -> Mapping[date, str]:
    return dict(_package().country_holidays(country, years=range(first, last + 1), language=language, **about))


def _decreed() -> int:
    """Return the last year whose *cuti bersama* are known: the first that has none is not decreed yet."""
    return next(
        year for year in count(DECREED_SINCE) if not _days("ID", "id", year + 1, year + 1, categories="government")
    )


def _calendar(id: str, first: int, last: int, days: Mapping[date, str], *, certain: date, basis: str) -> Calendar:
    years = f"{first}" if first == last else f"{first}-{last}"
    return Calendar(
        id=id,
        version=f"holidays {_package().__version__}, {years}",
        holidays=days,
        first=date(first, 1, 1),
        last=certain,
        basis=basis,
    )
