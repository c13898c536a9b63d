"""The form of the file: numbered SQL files, the version that is there, and the way from one to the next."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from stagegate import StoreError
from stagegate.rows import seal

from ._saying import explained

T = TypeVar("T")
FOLDER = Path(__file__).with_name("schema")

APPLICATION_ID = 0x57_47_41_54
"""What marks a file as ours in its header."""

MARK = "stagegate_schema"
"""What marks tables as ours in a file that somebody else has tables in as well: its header is theirs."""


@cache
def steps() -> dict[int, Path]:
    """Return the files by the version that each leads to; the first of them makes all there was at that version."""
    return {int(path.stem): path for path in sorted(FOLDER.glob("*.sql"))}


def newest() -> int:
    """Return the version of the schema that this code reads and writes."""
    return max(steps())


def version(connection: sqlite3.Connection, path: str, *, beside: bool = False) -> int | None:
    """
    Return the version of the schema in the file; None if there is nothing of it yet.

    Args:
        connection: A connection to the file.

        path: The file.

        beside: Whether somebody else may have tables there.

    Raises:
        StoreError: If the file is not ours.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not tables and not application:
        return None
    if _marked(connection):
        (found,) = connection.execute(f"SELECT coalesce(max(version), 0) FROM {MARK}").fetchone()
    elif application != APPLICATION_ID:
        if beside:
            return None
        message = (
            f"{path}: this SQLite file belongs to something else; nothing in it was changed, choose another,"
            f" or say ?beside=yes if the tables of stagegate are to be made beside those that are there"
        )
        raise StoreError(message)
    return int(found)


def _marked(connection: sqlite3.Connection) -> bool:
    asked = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?"
    return bool(connection.execute(asked, (MARK,)).fetchone()[0])


def _mark(connection: sqlite3.Connection, *, beside: bool) -> None:
    """Write down the version that the file has now."""
    if beside or _marked(connection):
        connection.execute(f"CREATE TABLE IF NOT EXISTS {MARK} (version INTEGER PRIMARY KEY) STRICT")
        connection.execute(f"INSERT INTO {MARK} VALUES (?)", (newest(),))
    else:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {newest()}")


def _known(found: int | None, path: str) -> None:
    if found is None:
        return
    if found > newest():
        message = (
            f"{path}: its schema {found} is newer than schema {newest()}, which this stagegate knows;"
            f" nothing was changed, upgrade stagegate"
        )
        raise StoreError(message)
    if found < min(steps()):
        message = (
            f"{path}: its schema {found} is older than schema {newest()}, which this stagegate knows, and was"
            f" never released; nothing was changed, begin a new file"
        )
        raise StoreError(message)


def checked(connection: sqlite3.Connection, path: str, *, beside: bool = False) -> int | None:
    """
    Return the version of the schema in the file, if it is the one this code knows; None if there is nothing of it yet.

    Args:
        connection: A connection to the file.

        path: The file.

        beside: Whether somebody else may have tables there.

    Raises:
        StoreError: If it is another, or the file is not ours.
    """
    found = version(connection, path, beside=beside)
    _known(found, path)
    if found is not None and found < newest():
        message = (
            f"{path}: its schema {found} is older than schema {newest()}, which this stagegate reads and writes;"
            f" nothing was changed, run: stagegate db upgrade"
        )
        raise StoreError(message)
    return found


def upgrade(connection: sqlite3.Connection, path: str, *, beside: bool = False) -> tuple[int, ...]:
    """
    Bring the file up to date in one transaction, or make it; return the versions it has passed through.

    Args:
        connection: A connection to the file, with no transaction under way.

        path: The file.

        beside: Whether the tables may be made beside those of somebody else.

    Raises:
        StoreError: If it is newer, too old, not ours, or has a name in it that is needed; nothing is changed then.
    """
    connection.create_function("recipient_of", 1, _recipient_of, deterministic=True)
    connection.create_function("resealed", 10, _resealed, deterministic=True)
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while we waited.
        found = version(connection, path, beside=beside)
        _known(found, path)
        if found is None and beside:
            _free(connection, path)
        ahead = tuple(step for step in steps() if found is None or step > found)
        for step in ahead:
            for statement in _statements(steps()[step].read_text(encoding="utf-8")):
                connection.execute(statement)
        if ahead:
            _mark(connection, beside=found is None and beside)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return ahead


def _free(connection: sqlite3.Connection, path: str) -> None:
    """
    Look whether the names are free that are needed in a file of somebody else.

    Raises:
        StoreError: If one is not.
    """
    made = re.compile(r"^CREATE (?:TABLE|INDEX|TRIGGER) (\w+)", re.MULTILINE)
    needed = {name for step in steps().values() for name in made.findall(step.read_text(encoding="utf-8"))}
    there = {name.lower() for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if taken := sorted(needed & there):
        message = (
            f"{path}: {', '.join(taken)} is a name in it already, and stagegate needs it; nothing was changed,"
            f" rename it or choose another file"
        )
        raise StoreError(message)


def _statements(script: str) -> Iterator[str]:
    """Split a script where SQLite says a statement is complete."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


# What 0003.sql asks for


def _recipient_of(payload: bytes) -> str:
    """Return the channel and whom it tells; of what cannot be read, nothing: nobody can hold it by name."""
    try:
        told = json.loads(payload)
        return f"{told['channel']}:{told.get('to', '')}"
    except (ValueError, TypeError, LookupError, AttributeError):
        return ""


def _resealed(*row: Any) -> bytes:
    """Return the seal of a row of the outbox with its new columns; one that was broken stays broken."""
    *columns, old = row
    if seal(columns) != old:
        return bytes(old)
    return seal((*columns, None, _recipient_of(columns[3])))


class SQLiteSchema:
    """The schema of one file: looked at and brought up to date without opening the store."""

    def __init__(self, path: str, *, timeout: float = 30.0, beside: bool = False) -> None:
        """
        Take the file; nothing is opened yet.

        Args:
            path: The file.

            timeout: For how many seconds to wait while others write.

            beside: Whether the tables may be made beside those of somebody else.
        """
        self.newest = newest()
        self._beside = beside
        self._path = path
        self._timeout = timeout

    def version(self) -> int | None:
        """
        Return the version that is there; None if there is nothing yet.

        Raises:
            StoreError: If what is there is not ours, or cannot be read.
        """
        if not Path(self._path).exists():
            return None
        return self._with("reading its version", partial(version, beside=self._beside))

    def upgrade(self) -> tuple[int, ...]:
        """
        Bring it up to date in one transaction, or make it; return the versions it has passed through.

        Raises:
            StoreError: If it is newer than this code, too old, or not ours; nothing is changed then.
        """
        return self._with("upgrading it", partial(upgrade, beside=self._beside))

    def _with(self, doing: str, act: Callable[[sqlite3.Connection, str], T]) -> T:
        try:
            with closing(sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = EXTRA")
                return act(connection, self._path)
        except sqlite3.Error as error:
            raise explained(error, doing, self._path) from error

    def close(self) -> None:
        """Let go of nothing: each question opens the file by itself."""
