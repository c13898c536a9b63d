"""A store in a transaction that the host owns: what it writes is committed and rolled back by the host."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, NoReturn, TypeAlias, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.pq import PipelineStatus, TransactionStatus

from stagegate import Conflict, InvalidValue, StoreError, Unit

from ._connections import Connection, Cursor, cursor_of, explained, gone
from ._reading import Reading
from ._unit import Joined

T = TypeVar("T")
Host: TypeAlias = Callable[[], Connection]

TURNS = 3
"""How often a unit of work is begun anew; what the host has locked before stays locked, so there is little hope."""

NESTED = (
    "an agreement is being decided on in this transaction: a guard, a check or a plugin can look at others meanwhile,"
    " but must not change them, and no other thread can use the connection; nothing was changed by it"
)
"""What is said to whom asks for a change within a change."""

_DECIDING: dict[int, object] = {}
"""The connections in whose transactions something is being decided on, by their ids, and for whom."""


@contextmanager
def _deciding(connection: Connection) -> Iterator[None]:
    """Let nothing else be changed through a connection meanwhile: it would be undone with what it lies in."""
    me = object()
    if _DECIDING.setdefault(id(connection), me) is not me:
        raise StoreError(NESTED)
    try:
        yield
    finally:
        del _DECIDING[id(connection)]


def host_of(connection: Any) -> Host:
    """
    Return what gives the connection of a host, with its transaction begun as far as the host's library begins it.

    Raises:
        InvalidValue: If it is none that is known here.
    """
    if isinstance(connection, psycopg.Connection):
        return lambda: connection
    if isinstance(connection, sa.Connection):
        return lambda: _begun(connection)
    # Whoever hands over a Session has imported what it is of.
    orm = sys.modules.get("sqlalchemy.orm")
    if orm is not None and isinstance(connection, (orm.Session, orm.scoped_session)):
        return lambda: _begun(connection.connection())
    kind = type(connection)
    message = (
        "connection: a psycopg.Connection is needed, or a Connection or Session of SQLAlchemy, not"
        f" {kind.__module__}.{kind.__qualname__}"
    )
    raise InvalidValue(message)


def _begun(connection: sa.Connection) -> Connection:
    spoken = f"{connection.dialect.name}+{connection.dialect.driver}"
    if spoken != "postgresql+psycopg":
        message = f"connection: it has to be one of postgresql+psycopg, not {spoken}; make the SQLAlchemy engine so"
        raise InvalidValue(message)
    if not connection.in_transaction():
        # SQLAlchemy commits what it knows to have begun.
        connection.begin()
    return connection.connection.driver_connection  # type: ignore[return-value]  # the dialect was looked at


def identity(cursor: Cursor) -> tuple[Any, ...] | None:
    """Return what tells one database from all others; None if nothing of ours is there."""
    there = cursor.execute("SELECT to_regclass('stagegate.schema_version') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return None
    return cursor.execute(
        "SELECT store, current_database(), pg_postmaster_start_time() FROM stagegate.schema_version"
        " ORDER BY version LIMIT 1"
    ).fetchone()


class JoinedStore(Reading):
    """Histories in a PostgreSQL database, in the transaction of a host."""

    OF = ", in the transaction of the host,"
    """What is said of the transaction where something fails in it."""

    def __init__(self, host: Host, where: str, known: Callable[[Cursor], bool] | None = None) -> None:
        """
        Ask nothing yet: a session of SQLAlchemy begins when it is used first, not when it is handed over.

        Args:
            host: Gives the connection of the host.

            where: What the database is called in errors.

            known: Says whether a cursor is one in the database of the store; None if it is.
        """
        self._host = host
        self._where = where
        self._known = known

    def __repr__(self) -> str:
        """Name the database, without a password."""
        return f"JoinedStore({self._where})"

    @contextmanager
    def _cursor(self, doing: str) -> Iterator[Cursor]:
        try:
            connection = self._host()
            self._plain(connection)
            cursor = cursor_of(connection)
            if self._known is not None:
                if not self._known(cursor):
                    message = f"{self._where}: the connection leads to another database; hand over one to this"
                    raise StoreError(message)
                self._known = None
            yield cursor
        except psycopg.Error as error:
            raise explained(error, f"{doing}{self.OF}", self._where) from error
        except sa.exc.SQLAlchemyError as error:
            message = f"{self._where}: {doing}{self.OF} failed ({error})"
            raise StoreError(message) from error

    def _plain(self, connection: Connection) -> None:
        """Refuse what would have texts come out as something else, or answers come late."""
        if gone(connection):
            return
        if connection.info.encoding != "utf-8":
            message = (
                f"{self._where}: the connection of the host speaks {connection.info.encoding}, which cannot say all"
                f" that is kept; have it connect with client_encoding=utf8"
            )
            raise StoreError(message)
        if connection.info.pipeline_status != PipelineStatus.OFF:
            message = f"{self._where}: the connection of the host is in a pipeline, which answers late; leave it first"
            raise StoreError(message)

    def look(self, connection: Connection) -> None:
        """
        Look whether a connection leads where it should, and leave it as it is.

        Raises:
            StoreError: If it leads elsewhere.
        """
        idle = connection.info.transaction_status == TransactionStatus.IDLE
        try:
            with self._cursor("joining"):
                pass
        finally:
            if idle and not gone(connection):
                connection.rollback()

    def _whole(self, doing: str) -> AbstractContextManager[Cursor]:
        return self._cursor(doing)

    @contextmanager
    def unit(self, agreement: str) -> Iterator[Unit]:
        """Lock an agreement until the host commits or rolls back, or at once again if nothing is written."""
        with self._cursor(f"working on {agreement!r}") as cursor, _deciding(cursor.connection):
            unit = Joined(cursor.connection, agreement, self._where)
            try:
                yield unit.open()
            finally:
                unit.leave()

    def work(self, agreement: str, job: Callable[[Any], T]) -> T:
        """Run *job*, and anew if somebody has started the agreement, or used the request, meanwhile."""
        for turn in range(1, TURNS + 1):
            unit: Joined | None = None
            try:
                with self._cursor(f"working on {agreement!r}") as cursor, _deciding(cursor.connection):
                    unit = Joined(cursor.connection, agreement, self._where)
                    try:
                        return job(unit.open())
                    finally:
                        unit.leave()
            except (Conflict, StoreError):
                if unit is None or not unit.again or turn == TURNS or gone(self._host()):
                    raise
        raise AssertionError  # pragma: no cover

    def _changed(self, doing: str, sql: str, values: Any = ()) -> int:
        with self._cursor(doing) as cursor, _deciding(cursor.connection):
            return cursor.execute(sql, values).rowcount

    def requeue(self, now: datetime, notification: str | None = None) -> int:
        """Make dead rows due again."""
        with self._cursor("requeueing") as cursor, _deciding(cursor.connection):
            return super().requeue(now, notification)

    def claim(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: the host may yet roll back."""
        message = f"{self._where}: nothing is delivered before the host has committed"
        raise StoreError(message)

    settle = claim

    def close(self) -> None:
        """Leave the connection to the host."""
