"""A copy of the file that is whole, durable, and delivers nothing by itself."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from stagegate import StoreError

from ._saying import NESTED

EVERYTHING = "*"
"""What is held to hold all deliveries."""

LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
"""What SQLite answers where others keep everybody out of the file."""


def copy(connection: sqlite3.Connection, file: Path, why: str) -> None:
    """
    Copy what *connection* leads to into a new file, as of one moment.

    Args:
        connection: A connection with no transaction under way.

        file: Where the copy is to be; nothing is written over.

        why: Why nothing of it is delivered until somebody releases it.

    Raises:
        StoreError: If there is such a file already, or it cannot be put there.
    """
    if connection.in_transaction:
        raise StoreError(NESTED)
    message = f"{file}: there is such a file already, and nothing is written over; name another"
    if os.path.lexists(file):
        raise StoreError(message)
    try:
        # Whatever is left of it when something fails goes with the folder.
        with tempfile.TemporaryDirectory(prefix=".stagegate-", dir=file.parent) as folder:
            made = Path(folder) / file.name
            with closing(sqlite3.connect(made, isolation_level=None)) as target:
                target.execute("PRAGMA synchronous = EXTRA")
                connection.backup(target, progress=_waited)
                target.execute(
                    "INSERT INTO hold (scope, why) VALUES (?, ?)"
                    " ON CONFLICT DO UPDATE SET why = excluded.why || '; before that: ' || why",
                    (EVERYTHING, why),
                )
                # What is one file can be moved as one.
                target.execute("PRAGMA journal_mode = delete")
            _place(made, file)
        _settle(file.parent)
    except FileExistsError:
        raise StoreError(message) from None
    except OSError as error:
        message = f"{file}: the copy cannot be put there ({error.strerror or error}); choose another place"
        raise StoreError(message) from error


def _waited(status: int, _remaining: int, _total: int) -> None:
    """Give up where others hold the file for longer than is waited for; without this it would be tried for ever."""
    if status in LOCKED:
        message = "database is locked"
        raise sqlite3.OperationalError(message)


def _place(made: Path, file: Path) -> None:
    """Give a finished file its name, unless somebody has taken that meanwhile."""
    try:
        os.link(made, file)
    except FileExistsError:
        raise
    except OSError:
        # Not every file system has links.
        made.rename(file)


def _settle(folder: Path) -> None:
    """Make the name of the file as durable as what is in it, where a folder can be asked to."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
