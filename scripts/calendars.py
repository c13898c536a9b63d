"""
Write the shipped calendars, `src/stagegate/calendars/*.toml`, from what the package `holidays` knows.

    python scripts/calendars.py            write what is stale
    python scripts/calendars.py --check    write nothing; fail if anything is stale

A date says by which version of a calendar it was counted. So other days need another version: where the days of a
calendar have changed, nothing is written until its version here has changed too.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import attrs

import stagegate
from stagegate import Calendar
from stagegate.calendars import builtin_calendar, names
from stagegate.contrib.calendars import indonesia, japan

FOLDER = Path(stagegate.__file__).parent / "calendars"
YEARS = (2024, 2025, 2026)
HEADER = "# Written by scripts/calendars.py from what the package holidays knows; change it there."


@attrs.frozen(kw_only=True)
class Shipped:
    """
    A calendar that is shipped.

    Attributes:
        make: What builds it.

        version: Its version.

        sources: Where its days of a year are from.
    """

    make: Callable[..., Calendar]
    version: str
    sources: Mapping[int, str]


SHIPPED = (
    Shipped(
        make=indonesia,
        version="2024-2026",
        sources={
            2024: "SKB 855/2023, 3/2023 and 4/2023; elections: Keppres 10/2024 and 33/2024",
            2025: "SKB 1017/2024, 2/2024 and 2/2024; 18 August: SKB 933/2025, 1/2025 and 3/2025 of 7 August 2025",
            2026: "SKB 1497/2025, 2/2025 and 5/2025",
        },
    ),
    Shipped(make=japan, version="2024-2026", sources={}),
)


def written(shipped: Shipped, calendar: Calendar) -> str:
    """Return a calendar as the file that holds it."""
    lines = [HEADER, f"id = {quoted(calendar.id)}", f"version = {quoted(shipped.version)}"]
    basis = " \\\n".join(textwrap.wrap(calendar.basis, 110))
    lines += [f'basis = """\\\n{basis}"""']
    lines += [f"first = {calendar.first}", f"last = {calendar.last}", "", "[holidays]"]
    for year, days in groupby(sorted(calendar.holidays.items()), key=lambda day: int(day[0][:4])):
        source = shipped.sources.get(year)
        lines += [f"# {year}: {source}" if source else f"# {year}"]
        lines += [f"{on} = {quoted(name)}" for on, name in days]
    return "\n".join(lines) + "\n"


def quoted(value: str) -> str:
    """Return a text as TOML writes it."""
    return json.dumps(value, ensure_ascii=False)


def faults() -> Iterator[str]:
    """Go through what keeps the files from being written."""
    made = {one.make(*YEARS).id: (one, one.make(*YEARS)) for one in SHIPPED}
    for extra in set(names()) - set(made):
        yield f"{extra}.toml: nothing here writes it"
    for id_, (one, calendar) in made.items():
        was = builtin_calendar(id_) if id_ in names() else None
        if was is not None and was.version == one.version and counted(was) != counted(calendar):
            yield f"{id_}.toml: its days have changed, so it needs another version than {one.version}; change it here"


def counted(calendar: Calendar) -> Any:
    """Return what dates are counted by."""
    return calendar.weekend, calendar.holidays, calendar.working, calendar.first, calendar.last


def main(arguments: list[str] | None = None) -> int:
    """Update the files, or check them; return the exit status."""
    about: Any = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("--check", action="store_true", help="write nothing; fail if anything is stale")
    check = about.parse_args(arguments).check
    wrong = list(faults())
    for one in () if wrong else SHIPPED:
        calendar = one.make(*YEARS)
        file = FOLDER / f"{calendar.id}.toml"
        wanted = written(one, calendar).encode()
        if file.exists() and file.read_bytes() == wanted:
            continue
        if check:
            wrong.append(f"{file.name} is stale; run scripts/calendars.py")
            continue
        file.write_bytes(wanted)
        sys.stdout.write(f"{file.name} written\n")
    for fault in wrong:
        sys.stderr.write(f"{fault}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
