"""The calendars that come with the library: TOML files, each with its sources."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from .._calendars import Calendar, load_calendar
from ..exceptions import NotFound, quote

_HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return the ids of the shipped calendars."""
    return tuple(sorted(file.stem for file in _HERE.glob("*.toml")))


@lru_cache(maxsize=16)
def _read(calendar: str) -> Calendar:
    return load_calendar(_HERE / f"{calendar}.toml")


def builtin(calendar: str) -> Calendar:
    """
    Return a shipped calendar.

    Args:
        calendar: Its id, such as `indonesia`.

    Raises:
        NotFound: If there is no such calendar.
    """
    if calendar not in names():
        message = f"there is no shipped calendar {quote(calendar)}; there are {', '.join(names())}"
        raise NotFound(message)
    return _read(calendar)


builtin_calendar = builtin
