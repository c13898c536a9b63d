"""Connections to one database: how they are made, pooled, checked and thrown away, and what their errors mean."""

from __future__ import annotations

import os
import select
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import unquote

import attrs
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from stagegate import Agreement, OutcomeUnknown, StoreError

Connection: TypeAlias = psycopg.Connection[Any]
Cursor: TypeAlias = psycopg.Cursor[tuple[Any, ...]]

LOCK_TIMEOUT = 30.0
KEPT = 8
DAY = 86_400
MOST_KEPT = 1000
OPTIONS = {"lock_timeout": LOCK_TIMEOUT, "pool": KEPT}

USUAL = {
    "application_name": "stagegate",
    "connect_timeout": "10",
    # A machine that has gone without a word is noticed within a minute or so, not within hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""What is asked of libpq where the url says nothing else."""

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
    "23505": "another has written the same meanwhile; nothing was changed, try again",
    "53100": "the disk of the server is full; make room and try again",
    "25006": "this server can only be read; connect to the one that is written to",
    "25P01": "begin a transaction first, as by `with connection.transaction():`",
    "25P02": "the transaction of the host had failed before; it can only be rolled back",
    "57014": "the server gave up waiting; nothing was changed",
    "42P01": "the tables are not those that stagegate made; nothing was changed",
    "42703": "the tables are not those that stagegate made; nothing was changed",
}

SHUT_OUT = (
    "the server is there, but does not let us in; look at the name, the password, whether there is such a database, and"
    " how many connections it takes: with ?pool=number fewer are kept"
)
"""What is said where a connection is refused: the driver hands on what the server says, and no code of it."""

AGAIN = frozenset({"40001", "40P01"})
"""What a server says where the same should be tried once more."""


class Session(psycopg.Connection[Any]):
    """A connection that remembers which statements the server has been told to know by heart."""

    MOST = 300

    pid = 0
    """Which session of the server it is; that cannot be asked of it any more once it is lost."""

    @cached_property
    def prepared(self) -> dict[str, bytes]:
        """Their names there, by their texts."""
        return {}

    def run(self, sql: str, values: Sequence[Any]) -> PGresult:
        """
        Run a statement by libpq's own call: nothing but what has to be done, for it is done twice at every move.

        Args:
            sql: The statement, with $1, $2, … for its values.

            values: The values: texts, numbers, bytes, lists of them.

        Raises:
            psycopg.Error: What the server says.
        """
        pgconn = self.pgconn
        name = self.prepared.get(sql)
        if name is None and len(self.prepared) < self.MOST:
            name = f"stagegate_{len(self.prepared)}".encode()
            _good(pgconn.prepare(name, sql.encode()))
            self.prepared[sql] = name
        written: list[Any] = [_WRITTEN[type(value)](value) for value in values]
        formats = [1 if type(value) is bytes else 0 for value in values]
        if name is None:
            return _good(pgconn.exec_params(sql.encode(), written, None, formats, Format.BINARY))
        return _good(pgconn.exec_prepared(name, written, formats, Format.BINARY))

    def ended(self) -> bool:
        """Say whether the server has ended this session while it was idle: then there is something to be read of it."""
        try:
            # Where there is no `poll`, what has ended is found when it is used.
            poll = select.poll()
            poll.register(self.pgconn.socket, select.POLLIN)
            if not poll.poll(0):
                return False
            self.pgconn.consume_input()
        except (psycopg.Error, OSError):
            return True
        except AttributeError:  # pragma: no cover
            return False
        # A notice or a changed setting is no end; but whoever ends a session says why first, and then the end follows.
        return bool(poll.poll(0)) or self.broken


def _good(result: PGresult) -> PGresult:
    if result.status in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
        return result
    raise psycopg.errors.error_from_result(result)


def _item(value: Any) -> bytes:
    """Return an item of a list, as PostgreSQL reads it."""
    if value is None:
        return b"NULL"
    if isinstance(value, bytes):
        return b'"\\\\x' + value.hex().encode() + b'"'
    text = _WRITTEN[type(value)](value) or b""
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


class _Writers(dict[type, Callable[[Any], bytes | None]]):
    """How values are written, by their types; a kind of text or number is written as what it is a kind of."""

    def __missing__(self, kind: type) -> Callable[[Any], bytes | None]:
        return next(writer for known, writer in self.items() if issubclass(kind, known))


_WRITTEN = _Writers(
    {
        str: str.encode,
        bytes: lambda value: value,
        bool: lambda value: b"t" if value else b"f",
        int: lambda value: b"%d" % value,
        type(None): lambda _: None,
        list: lambda value: b"{" + b",".join(map(_item, value)) + b"}",
    }
)


_READ: dict[int, Callable[[bytes], Any]] = {
    23: lambda raw: int.from_bytes(raw, "big", signed=True),
    25: bytes.decode,
    17: bytes,
    20: lambda raw: int.from_bytes(raw, "big", signed=True),
    16: lambda raw: raw != b"\0",
}
"""How numbers, texts, bytes and truth are read, by the ids that PostgreSQL has given their types for good."""


def rows_of(result: PGresult) -> list[tuple[Any, ...]]:
    """Return the rows that `Session.run` has got."""
    reads = [_READ[result.ftype(column)] for column in range(result.nfields)]
    return [
        tuple(
            None if (raw := result.get_value(row, column)) is None else read(raw) for column, read in enumerate(reads)
        )
        for row in range(result.ntuples)
    ]


@lru_cache(maxsize=256)
def numbered(sql: str) -> str:
    """Return a statement with $1, $2, … where it has %s."""
    first, *others = sql.split("%s")
    return first + "".join(f"${place}{part}" for place, part in enumerate(others, 1))


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
        shut_out = "FATAL:" in str(error)
        hint = SHUT_OUT if shut_out else "the server cannot be reached, or has gone; nothing was changed, try again"
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
        given = [option.partition("=") for option in options.split("&") if option]
        own = {key: unquote(value) for key, _, value in given if key in OPTIONS}
        theirs = "&".join("".join(option) for option in given if option[0] not in OPTIONS)
        table: dict[str, Any] = {}
        # What libpq says of a url may repeat a password, so nothing of it is kept.
        with suppress(psycopg.Error, UnicodeError):
            table = dict(conninfo_to_dict(f"{where}?{theirs}" if theirs else where))
        # Of a password in which these were not written as %2F and %40, libpq takes a part for a host or a database.
        place, _, path = where.removeprefix("postgresql://").partition("/")
        astray = place.count("@") > 1 or "@" in path
        if not where.startswith("postgresql://") or astray or (not table and where != "postgresql://"):
            message = (
                "the url cannot be read: it is postgresql://user:password@host:port/database?option=value, with what is"
                " special in a password written as %40; beside lock_timeout and pool, it takes the options of libpq"
            )
            raise StoreError(message)
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
        # `fallback_application_name` and the environment stay what they are: what is given here comes first.
        return cls(name, make_conninfo("", **{**USUAL, **table, "client_encoding": "utf8"}), lock_timeout, pool)

    def connect(self) -> Session:
        """
        Open a connection that commits each statement by itself, unless it is told to begin a transaction.

        Raises:
            StoreError: If there is no server, or it does not let us in, or does not speak Unicode.
        """
        connection: Session | None = None
        try:
            # What the driver would prepare it also forgets, and all else that was prepared: `run` does it itself.
            connection = Session.connect(self.conninfo, autocommit=True, prepare_threshold=None)
            # Zero would mean to wait for ever.
            wait = {"lock_timeout": str(max(1, round(self.lock_timeout * 1000)))}
            row = connection.execute(READY, wait).fetchone()
            connection.pid = connection.info.backend_pid
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


class Recent:
    """What was committed last: whoever goes on with it need not read it again, if the server has the same."""

    MOST = 256

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._kept: OrderedDict[str, tuple[bytes, Agreement]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, agreement: str) -> tuple[bytes, Agreement] | None:
        """Return an agreement, and the digest of its snapshot."""
        return self._kept.get(agreement)

    def keep(self, agreement: Agreement, snapshot: bytes) -> None:
        """Remember it, and forget what was remembered first."""
        with self._lock:
            self._kept[agreement.id] = sha256(snapshot).digest(), agreement
            self._kept.move_to_end(agreement.id)
            if len(self._kept) > self.MOST:
                self._kept.popitem(last=False)


class Connections:
    """The connections to one database: each is used by one thread at a time, and kept for the next."""

    def __init__(self, place: Place) -> None:
        """Connect to nothing yet."""
        self.place = place
        self.recent = Recent()
        self._idle: list[Session] = []
        self._pid = os.getpid()
        self._closed = False
        self._lock = threading.Lock()
        self._left: list[list[Session]] = []
        _ALL.add(self)
        self._lost: list[tuple[int, float]] = []

    @contextmanager
    def use(self, doing: str) -> Iterator[Session]:
        """
        Have a connection for the length of a block; what it leaves open is rolled back.

        Args:
            doing: What is being done, for the error.

        Raises:
            StoreError: If PostgreSQL fails, or the store was closed.
        """
        session = self.take()
        try:
            yield session
        except psycopg.Error as error:
            raise explained(error, doing, self.place.name) from error
        finally:
            self.give(session)

    def take(self) -> Session:
        """
        Take a connection that lives, as far as can be told without asking the server.

        Raises:
            StoreError: If there is none to be had, or the store was closed.
        """
        if self._closed:
            message = f"{self.place.name}: the store was closed; open an engine anew"
            raise StoreError(message)
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    # Connections must not cross a fork: those of the parent are left to it, and not even let go of.
                    self._left.append(self._idle)
                    self._idle, self._pid, self._lost = [], os.getpid(), []
        while True:
            try:
                session = self._idle.pop()
            except IndexError:
                return self.place.connect()
            if not session.ended():
                return session
            session.close()

    def give(self, session: Session) -> None:
        """Give a connection back: as it was taken, or not at all."""
        if session.pgconn.transaction_status != TransactionStatus.IDLE:
            try:
                session.rollback()
            except psycopg.Error:
                session.close()
        if session.pgconn.status == ConnStatus.OK:
            with self._lock:
                if not self._closed and len(self._idle) < self.place.pool and self._pid == os.getpid():
                    self._idle.append(session)
                    return
        session.close()

    def unknown(self, error: psycopg.Error, session: Session) -> OutcomeUnknown:
        """Return the error for a session that was lost in its commit, and remember that session."""
        with self._lock:
            self._lost.append((session.pid, time.monotonic()))
        return OutcomeUnknown(f"{self.place.name}: the connection was lost while committing ({said(error)})")

    def end_lost(self) -> None:
        """Have every session end that may still be about to commit, and wait until it has."""
        lost = list(self._lost)
        if not lost:
            return
        now = time.monotonic()
        them = [pid for pid, _ in lost], [now - since for _, since in lost]
        with self.use("ending the sessions that were lost") as connection, suppress(psycopg.errors.UndefinedFunction):
            # One that began later is another's, to whom the server has given the number again.
            connection.execute(
                "SELECT pg_terminate_backend(a.pid, %s) FROM pg_stat_activity a"
                " JOIN unnest(%s::int[], %s::float8[]) AS l(pid, ago) ON a.pid = l.pid"
                " WHERE a.usename = current_user AND a.pid <> pg_backend_pid()"
                " AND a.backend_start < clock_timestamp() - l.ago * interval '1 second'"
                " AND a.application_name = current_setting('application_name')",
                (GRACE, *them),
            )
        with self._lock:
            self._lost = [one for one in self._lost if one not in lost]

    def forked(self) -> None:
        """Let go of the locks of a parent, in a child: whoever held them is not there to release them."""
        self._lock, self.recent = threading.Lock(), Recent()

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        if self._pid == os.getpid():
            for session in idle:
                session.close()
        else:
            self._left.append(idle)


_ALL: weakref.WeakSet[Connections] = weakref.WeakSet()


def _forked() -> None:
    for connections in tuple(_ALL):
        connections.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
