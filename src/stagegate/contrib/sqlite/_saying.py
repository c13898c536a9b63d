"""What is said of an error of SQLite, in one sentence, and of where a url leads."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from stagegate import StoreError

DAY = 86_400

NESTED = (
    "an agreement is being decided on here: a guard, a check or a plugin can look at others meanwhile,"
    " but must not change them; nothing was changed by it"
)
"""What is said to whom asks for a change within a change."""

BATCH = (
    "a batch is open in this thread: change things by the engine that it gave, or after its end; nothing was changed"
)
"""What is said to whom changes something past the batch that is open in the same thread."""


class Named(NamedTuple):
    """
    What a url names.

    Attributes:
        path: The file.

        timeout: For how many seconds to wait while others write.

        beside: Whether the tables may be made beside those of somebody else.
    """

    path: str
    timeout: float
    beside: bool


def of_url(url: str) -> Named:
    """
    Return what *url* names.

    Raises:
        StoreError: If it names no file, or has an option that there is not.
    """
    where, _, options = url.partition("?")
    path = unquote(where.removeprefix("sqlite:///")) if where.startswith("sqlite:///") else ""
    if not path or path.startswith(":memory:") or "\0" in path:
        message = f"{url!r} names no file; write sqlite:///file.db, or memory: for a store that forgets"
        raise StoreError(message)
    given = dict(parse_qsl(options, keep_blank_values=True))
    try:
        timeout = float(given.pop("timeout", 30.0))
    except ValueError:
        message = f"{url!r}: timeout is a number of seconds"
        raise StoreError(message) from None
    beside = given.pop("beside", "no")
    if given or not 0 <= timeout <= DAY:
        message = (
            f"{url!r}: it takes the options timeout (seconds, up to a day) and beside (yes),"
            f" not {', '.join(given) or timeout}"
        )
        raise StoreError(message)
    if beside not in {"yes", "no"}:
        message = f"{url!r}: beside is yes or no: whether the tables may be made beside those of somebody else"
        raise StoreError(message)
    return Named(path, timeout, beside == "yes")


def explained(error: sqlite3.Error, doing: str, path: str) -> StoreError:
    """Return the error that says in one sentence what SQLite could not do, and what to do about it."""
    said = str(error)
    if getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY_SNAPSHOT":
        hint = "another has written since this transaction first read; roll it back and begin with BEGIN IMMEDIATE"
    elif "locked" in said or "busy" in said:
        hint = "another process holds the file; try again, or allow more with ?timeout=seconds"
    elif "readonly" in said:
        hint = "the file or its folder cannot be written; change its permissions"
    elif "full" in said or "disk I/O" in said:
        hint = "the disk is full or failing; make room and try again"
    elif "not a database" in said or "malformed" in said:
        hint = "the file is damaged or is something else; nothing in it was changed"
    elif "unable to open" in said:
        hint = "its folder must exist and be readable"
    else:
        hint = "nothing was changed"
    return StoreError(f"{path}: {doing} failed ({said}): {hint}")
