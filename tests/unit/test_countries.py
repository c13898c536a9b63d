"""The calendars of countries: those that come along, and those made of the package `holidays`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path

import holidays
import pytest

from stagegate import Calendar, Engine, InvalidValue, builtin_calendar
from stagegate.contrib import calendars
from stagegate.contrib.calendars import indonesia, japan

# Taken from the decrees themselves, not from `holidays`.
PUBLIC = {
    # SKB 855/2023, 3/2023, 4/2023; Keppres 10/2024 and 33/2024: elections on 14 February and 27 November.
    2024: """01-01 02-08 02-10 02-14 03-11 03-29 03-31 04-10 04-11 05-01 05-09 05-23 06-01 06-17 07-07 08-17 09-16 11-27
    12-25""",
    # SKB 1017/2024, 2/2024, 2/2024.
    2025: "01-01 01-27 01-29 03-29 03-31 04-01 04-18 04-20 05-01 05-12 05-29 06-01 06-06 06-27 08-17 09-05 12-25",
    # SKB 1497/2025, 2/2025, 5/2025.
    2026: "01-01 01-16 02-17 03-19 03-21 03-22 04-03 04-05 05-01 05-14 05-27 05-31 06-01 06-16 08-17 08-25 12-25",
}
JOINT = {
    2024: "02-09 03-12 04-08 04-09 04-12 04-15 05-10 05-24 06-18 12-26",
    # 18 August was added on 7 August 2025, by SKB 933/2025, 1/2025, 3/2025.
    2025: "01-28 03-28 04-02 04-03 04-04 04-07 05-13 05-30 06-09 08-18 12-26",
    2026: "02-16 03-18 03-20 03-23 03-24 05-15 05-28 12-24",
}
# Act 178 of 1948; the equinoxes as the government published them.
NATIONAL = {
    2024: """01-01 01-08 02-11 02-12 02-23 03-20 04-29 05-03 05-04 05-05 05-06 07-15 08-11 08-12 09-16 09-22 09-23 10-14
    11-03 11-04 11-23""",
    2025: """01-01 01-13 02-11 02-23 02-24 03-20 04-29 05-03 05-04 05-05 05-06 07-21 08-11 09-15 09-23 10-13 11-03 11-23
    11-24""",
    2026: """01-01 01-12 02-11 02-23 03-20 04-29 05-03 05-04 05-05 05-06 07-20 08-11 09-21 09-22 09-23 10-12 11-03
    11-23""",
}
PACKAGE = version("holidays")
YEARS = (2024, 2025, 2026)


def dates(table: dict[int, str]) -> set[str]:
    """Return the dates of a table by year."""
    return {f"{year}-{day}" for year, days in table.items() for day in days.split()}


def counted(calendar: Calendar) -> object:
    """Return what dates are counted by."""
    return calendar.weekend, calendar.holidays, calendar.working, calendar.first, calendar.last


def test_shipped_indonesia_is_what_was_decreed() -> None:
    """The shipped calendar has the public holidays and the cuti bersama of the joint decrees, each under its name."""
    calendar = builtin_calendar("indonesia")
    joint = {on for on, name in calendar.holidays.items() if name.startswith("Cuti Bersama ")}

    assert dates(JOINT) == joint
    assert dates(PUBLIC) == set(calendar.holidays) - joint
    assert (date(2024, 1, 1), date(2026, 12, 31)) == (calendar.first, calendar.last)
    assert (5, 6) == calendar.weekend
    assert "Cuti Bersama Hari Kemerdekaan Republik Indonesia" == calendar.off(date(2025, 8, 18))
    assert "Maulid Nabi Muhammad" == calendar.off(date(2025, 9, 5))


def test_shipped_japan_is_the_law() -> None:
    """The shipped calendar has the national holidays of Japan and the days that stand in for those on a Sunday."""
    calendar = builtin_calendar("japan")

    assert dates(NATIONAL) == set(calendar.holidays)
    assert (date(2024, 1, 1), date(2026, 12, 31)) == (calendar.first, calendar.last)
    assert ("敬老の日", "国民の休日", "振替休日") == tuple(
        calendar.off(date(2026, month, day)) for month, day in ((9, 21), (9, 22), (5, 6))
    )
    assert calendar.counts(date(2026, 12, 29))


@pytest.mark.parametrize("make", [indonesia, japan], ids=lambda make: make.__name__)
def test_shipped_is_what_the_package_knows(make: Callable[..., Calendar]) -> None:
    """What is shipped is what is made of `holidays` for the same years, under a version of its own; it says where from."""
    made = make(*YEARS)
    shipped = builtin_calendar(made.id)

    assert counted(shipped) == counted(made)
    assert shipped.basis == made.basis != ""
    assert ("2024-2026", f"holidays {PACKAGE}, 2024-2026") == (shipped.version, made.version)


def test_version_names_the_years() -> None:
    """Calendars for other years are other versions; the order in which the years are named is nothing."""
    assert f"holidays {PACKAGE}, 2025" == indonesia(2025).version
    assert f"holidays {PACKAGE}, 2025-2026" == indonesia(2025, 2026).version
    assert indonesia(2025, 2026) == indonesia(2026, 2025, 2026)
    assert f"holidays {PACKAGE}, 2030-2031" == japan(2030, 2031).version


def test_year_before_any_decree_has_public_holidays() -> None:
    """A year before cuti bersama were decreed has none, and is certain."""
    calendar = indonesia(1999)

    assert not [name for name in calendar.holidays.values() if name.startswith("Cuti Bersama")]
    assert (date(1999, 1, 1), date(1999, 12, 31)) == (calendar.first, calendar.last)


def test_expected_days_end_what_is_certain() -> None:
    """Where a day is only expected its name says so, and the calendar is certain until the day before it."""
    days = holidays.country_holidays("ID", years=[2026, 2027], language="id")
    expected = min((on for on, name in days.items() if name.endswith("(perkiraan)")), default=date(2028, 1, 1))
    calendar = indonesia(2026, 2027)

    assert expected - timedelta(days=1) == calendar.last
    assert calendar.covers(date(2027, 1, 5))
    assert "Isra Mikraj Nabi Muhammad" == calendar.off(date(2027, 1, 5))
    assert "Hari Kemerdekaan Republik Indonesia" == calendar.off(date(2027, 8, 17))
    assert {on.isoformat(): name for on, name in days.items() if on >= expected}.items() <= calendar.holidays.items()


@pytest.mark.parametrize("make", [indonesia, japan], ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "years,because",
    [
        ((), "years from 1949 to 2099 are needed, such as 2025, 2026, not nothing"),
        (([2025, 2026],), r"not \[2025, 2026\]"),
        ((2025, "2026"), "not 2025, '2026'"),
        ((True,), "not True"),
        ((1948,), "not 1948"),
        ((2100,), "not 2100"),
        ((2023, 2026), "2024 is missing between 2023 and 2026"),
    ],
)
def test_what_is_no_row_of_years_is_refused(
    make: Callable[..., Calendar], years: tuple[object, ...], because: str
) -> None:
    """Years are whole numbers without a gap between them."""
    with pytest.raises(InvalidValue, match=because):
        make(*years)


def test_year_that_is_not_decreed_is_refused() -> None:
    """There is no calendar of Indonesia for a year whose cuti bersama are not known yet; the sentence says what to do."""
    with pytest.raises(InvalidValue, match=rf"cuti bersama of 2099 are not in holidays {PACKAGE}; the last it has"):
        indonesia(2099)


def test_plugin_brings_both() -> None:
    """The plugin brings both calendars for every year since 2024 that is decreed; they count in place of the shipped ones."""
    engine = Engine.open("memory:", plugins=[calendars])
    brought = {id_: engine.calendars[id_] for id_ in ("indonesia", "japan")}
    last = max(int(on[:4]) for on in brought["indonesia"].holidays)

    assert last >= 2026
    assert {"indonesia": indonesia(*range(2024, last + 1)), "japan": japan(*range(2024, last + 1))} == brought
    assert set(builtin_calendar("indonesia").holidays.items()) <= set(brought["indonesia"].holidays.items())


def test_plugin_is_named_calendars() -> None:
    """An installed stagegate knows the plugin by name."""
    engine = Engine.open("memory:", plugins=["calendars"])

    assert ("calendars",) == engine.plugins
    assert engine.calendars["japan"].version.startswith("holidays ")


WITHOUT = """
import sys
sys.modules["holidays"] = None
import stagegate.contrib.calendars as calendars
from stagegate import Engine, InvalidValue
assert {"indonesia", "japan"} <= set(Engine.open("memory:").calendars)
for call in (lambda: calendars.indonesia(2025), lambda: Engine.open("memory:", plugins=[calendars])):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    """The shipped calendars need no package; to make others, the package is asked for in one sentence."""
    run = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True, cwd=tmp_path)
    said = run.stdout.splitlines()

    sentence = "the calendars of countries need the package holidays; install stagegate with its extra [calendar]"
    assert f"ImportError {sentence}" == said[0]
    assert said[1].startswith("PluginError ")
    assert said[1].endswith(sentence)


def test_calendar_is_a_value_like_any_other() -> None:
    """What is made is a plain calendar: it can be amended and handed over."""
    decree = indonesia(2025).amended("2025, decree of 1 September", holidays={date(2025, 9, 8): "Cuti bersama"})
    given: Iterable[Calendar] = [decree]

    assert decree == Engine.open("memory:", calendars=given).calendars["indonesia"]
    assert "Cuti bersama" == decree.off(date(2025, 9, 8))
