"""The transaction of a host: what is written in it is the host's to commit, or to roll back."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stagegate import InvalidValue, StoreError

from ._connections import Connections
from ._saying import NESTED, explained
from ._schema import checked
from ._store import Keeping
from ._unit import UnitOfWork

Way = Callable[[bool], Any]
"""Returns the connection of the driver as it is now; with True, after the host was let know that it is written to."""


def _plain(connection: sqlite3.Connection) -> Way:
    return lambda _: connection


def _of_connection(connection: Any) -> Way:
    def taken(writing: bool) -> Any:  # noqa: FBT001  what a Way is
        # SQLAlchemy commits what it knows to be begun; what is written past it would be rolled back in the end.
        if writing and not connection.in_transaction():
            connection.begin()
        return connection.connection.driver_connection

    return taken


def _of_session(session: Any) -> Way:
    def taken(writing: bool) -> Any:  # noqa: FBT001  what a Way is
        # It has another one after each of its transactions.
        return _of_connection(session.connection())(writing)

    return taken


def _way(connection: Any) -> tuple[Way, bool]:
    """
    Return how the connection of the driver is come by, and whether it is there already.

    Raises:
        InvalidValue: If *connection* is none, and has none.
    """
    if isinstance(connection, sqlite3.Connection):
        return _plain(connection), True
    # Whoever hands over something of SQLAlchemy has imported it; nobody else has to.
    core, orm = sys.modules.get("sqlalchemy"), sys.modules.get("sqlalchemy.orm")
    if core is not None and isinstance(connection, core.Connection):
        return _of_connection(connection), True
    if orm is not None and isinstance(connection, (orm.Session, orm.scoped_session)):
        # A session that has not begun is left so, for the host to begin it; it is looked at when it is used.
        now = connection() if isinstance(connection, orm.scoped_session) else connection
        return _of_session(connection), now.in_transaction()
    message = (
        "connection: a sqlite3.Connection, or a Connection or Session of SQLAlchemy, is needed,"
        f" not {type(connection).__name__}"
    )
    if type(connection).__module__.startswith("django."):
        message += "; of Django, hand over django.db.connection.connection"
    elif type(connection).__name__.startswith("Async"):
        message += "; hand over what its run_sync gives"
    raise InvalidValue(message)


@contextmanager
def _undressed(connection: sqlite3.Connection) -> Iterator[None]:
    """Read rows and text as they are, whatever the host has them made into."""
    rows, text = connection.row_factory, connection.text_factory
    connection.row_factory, connection.text_factory = None, str
    try:
        yield
    finally:
        connection.row_factory, connection.text_factory = rows, text


AUTOCOMMIT = (
    "the connection of the host commits each statement by itself, so that nothing would commit what is written here;"
    " begin a transaction first, by execute('BEGIN IMMEDIATE'), and end it by execute('COMMIT')"
)
"""What is said where a host has no transaction, and its connection would end none."""

_DECIDING: dict[int, object] = {}
"""The connections in whose transactions something is being decided on, by their ids, and for whom."""


@contextmanager
def _deciding(connection: sqlite3.Connection) -> Iterator[None]:
    """Let nothing else be changed through a connection meanwhile: it would be undone with what it lies in."""
    me = object()
    if _DECIDING.setdefault(id(connection), me) is not me:
        raise StoreError(NESTED)
    try:
        yield
    finally:
        del _DECIDING[id(connection)]


class Host:
    """The connection of a host. It is never closed, and its transaction never ended, unless it was begun in vain."""

    def __init__(self, connection: Any, own: Connections) -> None:
        """
        Look at where the connection leads.

        Args:
            connection: What the host handed over.

            own: The connections of the store.

        Raises:
            StoreError: If it leads elsewhere.

            InvalidValue: If it is no connection.
        """
        self.path = own.path
        self._take, ready = _way(connection)
        self._seen: sqlite3.Connection | None = None
        if ready:
            with self.use("joining the transaction of the host"):
                pass

    @contextmanager
    def use(self, doing: str, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        """
        Have the connection of the host for the length of a block.

        Args:
            doing: What is being done, for the error.

            writing: Whether something is to be written.

        Raises:
            StoreError: If SQLite fails, the host has closed it, or it leads elsewhere.
        """
        connection = self._taken(doing, writing=writing)
        try:
            with _undressed(connection):
                if connection is not self._seen:
                    self._look(connection)
                    self._seen = connection
                yield connection
        except sqlite3.Error as error:
            raise explained(error, doing, self.path) from error

    def _taken(self, doing: str, *, writing: bool) -> sqlite3.Connection:
        try:
            connection = self._take(writing)
        except Exception as error:
            message = f"{self.path}: {doing} failed: the host's transaction cannot be used ({error})"
            raise StoreError(message) from error
        if not isinstance(connection, sqlite3.Connection):
            given = f"{type(connection).__module__}.{type(connection).__name__}"
            message = f"connection: its driver has a {given}, where a sqlite3.Connection is needed"
            raise InvalidValue(message)
        return connection

    def _look(self, connection: sqlite3.Connection) -> None:
        """Refuse a connection to another file, or to a file that is not as the store needs it; write nothing."""
        files = {name: file for _, name, file in connection.execute("PRAGMA database_list")}
        try:
            same = Path(files["main"]).samefile(self.path)
        except OSError:
            same = False
        if not same:
            there = files["main"] or "a database in memory"
            message = f"{self.path}: the host's connection leads to {there}; hand over one to the file of the store"
            raise StoreError(message)
        if checked(connection, self.path) is None:
            message = (
                f"{self.path}: it was emptied since the store was opened; nothing was changed, open an engine anew"
            )
            raise StoreError(message)

    @contextmanager
    def reading(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Have the connection for questions that are answered as of one moment."""
        with self.use(doing) as connection:
            begun = not connection.in_transaction
            if begun:
                connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if begun:
                    connection.execute("ROLLBACK")

    def _lock(self, connection: sqlite3.Connection, doing: str, *, begun: bool) -> None:
        try:
            connection.execute("UPDATE hold SET why = why WHERE scope IS NULL")
        except sqlite3.OperationalError as error:
            if begun or error.sqlite_errorname != "SQLITE_BUSY":
                raise
            message = (
                f"{self.path}: {doing} failed ({error}): the host's transaction had not the lock for writing from its"
                f" beginning, so it does not wait for others; roll it back and begin with BEGIN IMMEDIATE, which waits"
            )
            raise StoreError(message) from error

    @contextmanager
    def writing(self, doing: str, kept: Callable[[], bool] | None = None) -> Iterator[sqlite3.Connection]:
        """
        Have the connection with the lock for writing; what is written stands as long as the host lets it.

        Args:
            doing: What is being done, for the error.

            kept: Says at the end of the block whether what was written is to stand; None: if anything was.

        Raises:
            StoreError: If something is being written here already, or cannot be.
        """
        with self.use(doing, writing=True) as connection, _deciding(connection):
            begun, keep = not connection.in_transaction, False
            # From Python 3.12 on, a host can have it so that its `commit` does nothing.
            if begun and getattr(connection, "autocommit", None) is True:
                raise StoreError(f"{self.path}: {doing} failed: {AUTOCOMMIT}")
            if begun:
                connection.execute("BEGIN IMMEDIATE")
            connection.execute("SAVEPOINT stagegate")
            try:
                # This takes the lock where the host has begun without it, before anything is read.
                self._lock(connection, doing, begun=begun)
                before = connection.total_changes
                yield connection
                keep = connection.total_changes > before if kept is None else kept()
            finally:
                # SQLite has ended the transaction by itself where the disk is full or failing.
                if connection.in_transaction:
                    if not keep:
                        connection.execute("ROLLBACK TO stagegate")
                    connection.execute("RELEASE stagegate")
                    if begun and not keep:
                        connection.execute("ROLLBACK")


class HostedStore(Keeping):
    """The same histories, in the transaction of a host."""

    def __init__(self, connection: Any, own: Connections) -> None:
        """
        Join the transaction.

        Args:
            connection: What the host handed over.

            own: The connections of the store.
        """
        self._host = Host(connection, own)
        super().__init__(self._host)

    @contextmanager
    def unit(self, agreement: str) -> Iterator[UnitOfWork]:
        """Lock the file for writing, and undo what is not committed as a whole."""
        unit: UnitOfWork | None = None

        def written() -> bool:
            return unit is not None and unit.written

        with self._host.writing(f"locking {agreement!r}", written) as connection:
            unit = UnitOfWork(connection, agreement)
            yield unit

    def close(self) -> None:
        """Leave the connection to the host."""
