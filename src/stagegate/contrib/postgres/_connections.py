"""Connections to one database: how they are made, pooled, checked and thrown away, and what their errors mean."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote

import attrs
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from stagegate import OutcomeUnknown, StoreError

Connection: TypeAlias = psycopg.Connection[Any]
Cursor: TypeAlias = psycopg.Cursor[tuple[Any, ...]]

LOCK_TIMEOUT = 30.0
KEPT = 8
DAY = 86_400
MOST_KEPT = 1000
OPTIONS = {"lock_timeout": LOCK_TIMEOUT, "pool": KEPT}

GRACE = 5_000
"""For how many milliseconds a session that was lost is given to end, once it is told to."""

READY = (
    "SELECT set_config('lock_timeout', %(lock_timeout)s, false),"
    " set_config('default_transaction_isolation', 'read committed', false),"
    # A server may be set up to forget what it has acknowledged; what is committed here is kept.
    " CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END,"
    " current_setting('server_encoding')"
)

HINTS = {
    "55P03": "another transaction holds it; try again, or allow more with ?lock_timeout=seconds",
    "40001": "others were in the way; nothing was changed, try again",
    "40P01": "others were in the way; nothing was changed, try again",
    "42501": "this role may not do that; `stagegate db roles` shows which role needs what",
    "53100": "the disk of the server is full; make room and try again",
    "53300": "the server takes no more connections; allow more there, or keep fewer with ?pool=number",
    "25006": "this server can only be read; connect to the one that is written to",
    "25P01": "begin a transaction first, as by `with connection.transaction():`",
    "25P02": "the transaction of the host had failed before; it can only be rolled back",
    "57014": "the server gave up waiting; nothing was changed",
    "3D000": "create the database first",
    "42P01": "the tables are not those that stagegate made; nothing was changed",
    "42703": "the tables are not those that stagegate made; nothing was changed",
}

AGAIN = frozenset({"40001", "40P01"})
"""What a server says where the same should be tried once more."""


def cursor_of(connection: Connection) -> Cursor:
    """Return a cursor that hands over rows as tuples and bytes as they are, whatever the connection is set to."""
    cursor = psycopg.Cursor(connection, row_factory=psycopg.rows.tuple_row)
    cursor.format = psycopg.pq.Format.BINARY
    return cursor


def said(error: psycopg.Error) -> str:
    """Return what the server or the driver says, in one line."""
    return " ".join((error.diag.message_primary or str(error)).split()) or type(error).__name__


def gone(connection: Connection) -> bool:
    """Say whether a session is known to have ended."""
    return connection.closed or connection.broken


def dead(error: psycopg.Error, connection: Connection) -> bool:
    """Say whether a session has ended with an error: nothing more can be asked of it."""
    if gone(connection):
        return True
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.diag.severity_nonlocalized in {"FATAL", "PANIC"}


def explained(error: psycopg.Error, doing: str, where: str) -> StoreError:
    """Return the error that says in one sentence what PostgreSQL could not do, and what to do about it."""
    state = error.sqlstate
    if state in HINTS:
        hint = HINTS[state]
    elif state is None and isinstance(error, psycopg.OperationalError):
        hint = "the server cannot be reached, or has gone; nothing was changed, try again"
    elif state is not None and state.startswith("28"):
        hint = "the name, the password, or what the server asks of both is wrong"
    elif state is not None and state.startswith(("57P", "08")):
        hint = "the server ended the session; nothing was changed, try again"
    else:
        hint = "nothing was changed"
    return StoreError(f"{where}: {doing} failed ({said(error)}): {hint}")


@attrs.define(frozen=True)
class Place:
    """
    A database, and how to go there.

    Attributes:
        name: What it is called in errors: without a password.

        conninfo: What is handed to the driver.

        lock_timeout: For how many seconds to wait for what another transaction holds.

        pool: How many idle connections are kept.
    """

    name: str
    conninfo: str = attrs.field(repr=False)
    lock_timeout: float = LOCK_TIMEOUT
    pool: int = KEPT

    @classmethod
    def of(cls, url: str) -> Place:
        """
        Read a url: `postgresql://user:password@host:port/database?option=…`.

        Beside its own options `lock_timeout` and `pool` it takes all that libpq does.

        Raises:
            StoreError: If it cannot be read; the url itself is not repeated, for it may hold a password.
        """
        where, _, options = url.partition("?")
        given = parse_qsl(options, keep_blank_values=True)
        own = {key: value for key, value in given if key in OPTIONS}
        theirs = [(key, value) for key, value in given if key not in OPTIONS]
        try:
            table = conninfo_to_dict(f"{where}?{_joined(theirs)}" if theirs else where)
        except (psycopg.Error, UnicodeError):
            message = (
                "the url cannot be read: it is postgresql://user:password@host:port/database?option=value, with what is"
                " special in a password written as %40; beside lock_timeout and pool, it takes the options of libpq"
            )
            raise StoreError(message) from None
        host = str(table.get("host") or table.get("hostaddr") or "")
        at = host if host.startswith("/") or not host else f"{host}:{table.get('port', 5432)}"
        user = f"{table['user']}@" if table.get("user") else ""
        name = f"postgresql://{user}{at}/{table.get('dbname') or ''}"
        try:
            lock_timeout = float(own.get("lock_timeout", LOCK_TIMEOUT))
            pool = int(own.get("pool", KEPT))
        except ValueError:
            lock_timeout, pool = -1.0, -1
        if not (0 < lock_timeout <= DAY and 0 <= pool <= MOST_KEPT):
            message = (
                f"{name}: lock_timeout is a number of seconds, above 0 and up to a day;"
                f" pool a number of connections, from 0 to {MOST_KEPT}"
            )
            raise StoreError(message)
        usual = {"application_name": "stagegate", "connect_timeout": "10"}
        # `fallback_application_name` and the environment stay what they are: what is given here comes first.
        return cls(name, make_conninfo("", **{**usual, **table, "client_encoding": "utf8"}), lock_timeout, pool)

    def connect(self) -> Connection:
        """
        Open a connection that commits each statement by itself, unless it is told to begin a transaction.

        Raises:
            StoreError: If there is no server, or it does not let us in, or does not speak Unicode.
        """
        connection: Connection | None = None
        try:
            connection = psycopg.Connection.connect(self.conninfo, autocommit=True)
            # Zero would mean to wait for ever.
            wait = {"lock_timeout": str(max(1, round(self.lock_timeout * 1000)))}
            row = connection.execute(READY, wait).fetchone()
        except psycopg.Error as error:
            if connection is not None:
                connection.close()
            raise explained(error, "connecting", self.name) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        if row is None or row[-1] != "UTF8":
            connection.close()
            message = f"{self.name}: its encoding is {row and row[-1]}; create a database with ENCODING 'UTF8'"
            raise StoreError(message)
        return connection


def _joined(options: Sequence[tuple[str, str]]) -> str:
    # What `urlencode` makes of a space, libpq takes for a plus.
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in options)


class Connections:
    """The connections to one database: each is used by one thread at a time, and kept for the next."""

    def __init__(self, place: Place) -> None:
        """Connect to nothing yet."""
        self.place = place
        self._pool = self._pooled()
        self._pid = os.getpid()
        self._closed = False
        self._lock = threading.Lock()
        self._left: list[QueuePool] = []
        self._lost: list[int] = []

    def _pooled(self) -> QueuePool:
        return QueuePool(
            self.place.connect,  # type: ignore[arg-type]  # a connection of psycopg is what the pool calls a DBAPIConnection
            pool_size=max(self.place.pool, 1),
            max_overflow=-1,
            use_lifo=True,
            reset_on_return=None,
        )

    @contextmanager
    def use(self, doing: str) -> Iterator[Connection]:
        """
        Have a connection for the length of a block; what it leaves open is rolled back.

        Args:
            doing: What is being done, for the error.

        Raises:
            StoreError: If PostgreSQL fails, or the store was closed.
        """
        held = self.take()
        connection: Connection = held.driver_connection  # type: ignore[assignment]  # what `Place.connect` made
        try:
            yield connection
        except psycopg.Error as error:
            raise explained(error, doing, self.place.name) from error
        finally:
            self.give(held, connection)

    def take(self) -> PoolProxiedConnection:
        """Take a connection that lives, as far as can be told without asking the server."""
        if self._closed:
            message = f"{self.place.name}: the store was closed; open an engine anew"
            raise StoreError(message)
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    # Connections must not cross a fork: those of the parent are left to it, and not even let go of.
                    self._left.append(self._pool)
                    self._pool, self._pid, self._lost = self._pooled(), os.getpid(), []
        while True:
            held = self._pool.connect()
            connection: Connection = held.driver_connection  # type: ignore[assignment]  # what `Place.connect` made
            if not _ended(connection):
                return held
            held.invalidate()

    def give(self, held: PoolProxiedConnection, connection: Connection) -> None:
        """Give a connection back: as it was taken, or not at all."""
        if not connection.closed and connection.pgconn.transaction_status != TransactionStatus.IDLE:
            try:
                connection.rollback()
            except psycopg.Error:
                connection.close()
        if self._closed or gone(connection) or not self.place.pool:
            held.invalidate()
        else:
            held.close()

    def unknown(self, error: psycopg.Error, connection: Connection) -> OutcomeUnknown:
        """Return the error for a session that was lost in its commit, and remember that session."""
        self._lost.append(connection.info.backend_pid)
        return OutcomeUnknown(f"{self.place.name}: the connection was lost while committing ({said(error)})")

    def end_lost(self) -> None:
        """Have every session end that may still be about to commit, and wait until it has."""
        lost = list(self._lost)
        if not lost:
            return
        with self.use("ending the sessions that were lost") as connection, suppress(psycopg.errors.UndefinedFunction):
            connection.execute(
                "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity"
                " WHERE pid = ANY(%s) AND usename = current_user AND pid <> pg_backend_pid()"
                " AND application_name = current_setting('application_name')",
                (GRACE, lost),
            )
        self._lost = [pid for pid in self._lost if pid not in lost]

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        self._closed = True
        if self._pid == os.getpid():
            self._pool.dispose()


def _ended(connection: Connection) -> bool:
    """Say whether the server has ended a session that is idle: then there is something to be read from it."""
    if connection.closed:
        return True
    try:
        # Where there is no `poll`, what has ended is found when it is used.
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0):
            return False
        connection.pgconn.consume_input()
    except (psycopg.Error, OSError):
        return True
    except AttributeError:  # pragma: no cover
        return False
    # A notice or a changed setting is no end; but whoever ends a session says why first, and the end is what follows.
    return bool(poll.poll(0)) or connection.broken
