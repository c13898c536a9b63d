"""The store for many machines: histories, snapshots, requests, outbox and counts in a PostgreSQL database."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Self, TypeVar

import attrs
import psycopg

from stagegate import Conflict, Delivery, HistoryTampered, Known, StoreError
from stagegate.rows import instant, intact_of, row_of

from ._batch import BatchStore
from ._connections import Connections, Cursor, Place, cursor_of, dead, numbered, rows_of
from ._joined import JoinedStore, host_of, identity
from ._reading import Reading
from ._rows import DELIVERY, SORTS, later, rewrite
from ._schema import checked
from ._unit import Eager, Locked, UnitOfWork

T = TypeVar("T")

EVERYTHING = "*"

TURNS = 12
"""How often a unit of work is begun anew where others were in the way; all but the first keep everybody else out."""

LONGEST_PAUSE = 0.5

FOLDED = 20_000
"""How many rows of changed numbers are added up at a time."""

FOLD = (
    "WITH few AS (SELECT agreement, n, number FROM stagegate.delta LIMIT %s FOR UPDATE SKIP LOCKED),"
    " gone AS (DELETE FROM stagegate.delta d USING few s"
    f" WHERE d.agreement = s.agreement AND d.n = s.n AND d.number = s.number RETURNING d.number, {SORTS})"
    f" INSERT INTO stagegate.delta (agreement, n, number, {SORTS})"
    f" SELECT gen_random_uuid()::text, 0, sum(number), {SORTS} FROM gone GROUP BY {SORTS} HAVING sum(number) <> 0"
)

WRITING = (
    "SELECT DISTINCT l.virtualtransaction FROM pg_locks l LEFT JOIN pg_stat_activity s ON s.pid = l.pid"
    " WHERE l.relation = 'stagegate.agreement'::regclass AND l.mode IN ('RowShareLock', 'RowExclusiveLock')"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.pid <> pg_backend_pid()"
    " AND (s.state = 'active' OR EXISTS (SELECT 1 FROM pg_locks w WHERE w.pid = l.pid AND NOT w.granted))"
)
"""The transactions in which something is being written, or waits for its turn to be, at this moment."""

LOOKS_AGAIN = 0.02
"""After how many seconds it is looked again who is still writing."""

READ_ONLY = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)

DUE = (
    "o.status = 'pending' AND (o.due_at <= %(now)s OR o.due_at > %(later)s OR (o.tries = 0 AND o.error = ''))"
    " AND (o.leased_until IS NULL OR o.leased_until <= %(now)s OR o.leased_until > %(later)s)"
    " AND (%(only)s::text IS NULL OR o.id = %(only)s) AND o.id <> ALL(%(past)s::text[])"
    f" AND NOT EXISTS (SELECT 1 FROM stagegate.hold h WHERE h.scope IN ('{EVERYTHING}', o.recipient))"
)
"""What can be delivered: a row that nobody has tried is due whatever a clock said when it was written, and nothing is
put off or leased for as long as a day, so what says so was written by a clock that stood ahead."""

ANY_DUE = f"SELECT 1 FROM stagegate.outbox o WHERE {DUE} LIMIT 1"

CLAIM = (
    f"SELECT {DELIVERY} FROM stagegate.outbox o WHERE {DUE}"
    " ORDER BY o.due_at, o.agreement, o.n, o.id LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED"
)


class PostgresStore(Reading):
    """
    Histories in a PostgreSQL database, for many machines at once.

    A move reads, decides, and is written by one statement that finds the agreement as it was read, or writes nothing;
    whoever loses such a race decides anew behind a lock. Everything lies in the schema `stagegate`.
    """

    def __init__(self, url: str) -> None:
        """
        Open the database, and make the tables if there are none.

        Args:
            url: `postgresql://user:password@host:port/database`, with options behind a `?`: `lock_timeout` (for how
                many seconds to wait for what another transaction holds, 30), `pool` (how many idle connections to
                keep, 8), and all that libpq takes.

        Raises:
            StoreError: If it cannot be opened, or has a schema of another version, or the schema is not ours.
        """
        self._connections = Connections(Place.of(url))
        self._identity: tuple[Any, ...] | None = None
        try:
            checked(self._connections)
        except BaseException:
            self._connections.close()
            raise

    def __repr__(self) -> str:
        """Name the database, without a password."""
        return f"PostgresStore({self._connections.place.name})"

    @contextmanager
    def _cursor(self, doing: str) -> Iterator[Cursor]:
        with self._connections.use(doing) as connection:
            yield cursor_of(connection)

    def _rows(self, doing: str, sql: str, values: Any = ()) -> list[tuple[Any, ...]]:
        if isinstance(values, dict):
            return super()._rows(doing, sql, values)
        with self._connections.use(doing) as session:
            return rows_of(session.run(numbered(sql), values))

    @contextmanager
    def _whole(self, doing: str) -> Iterator[Cursor]:
        with self._cursor(doing) as cursor:
            cursor.execute("BEGIN")
            yield cursor
            cursor.execute("COMMIT")

    @contextmanager
    def unit(self, agreement: str) -> Iterator[UnitOfWork]:
        """Lock an agreement; whether one that is not there yet can be started is seen at the commit."""
        with self._connections.use(f"working on {agreement!r}") as connection:
            yield Locked(self._connections, connection, agreement).open()

    def work(self, agreement: str, job: Callable[[Any], T]) -> T:
        """
        Run *job* without a lock, and anew behind one if somebody was faster.

        Where the server asks for it, or the connection is lost before anything was committed, it is begun anew too.
        """
        for turn in range(1, TURNS + 1):
            session = self._connections.take()
            unit = (Eager if turn == 1 else Locked)(self._connections, session, agreement)
            try:
                return job(unit.open())
            except (Conflict, StoreError):
                if not unit.again or turn == TURNS:
                    raise
            finally:
                self._connections.give(session)
            if turn > 1:
                time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.005 * 2**turn)))  # noqa: S311  chance is no secret
        raise AssertionError  # pragma: no cover

    def known(self, request: str) -> Known | None:
        """
        Return what is known of a request, once nobody is writing it any more.

        Sessions of this store whose commit was never answered are ended first. Any other that is writing the request is
        waited for, by writing it as well and taking that back; and where nobody has come as far as that, whoever is
        just writing, or waits for a lock: it can be what was sent by a process that is gone.
        """
        self._connections.end_lost()
        found = super().known(request)
        if found is None and self._waited(request):
            found = super().known(request)
        return found

    def _waited(self, request: str) -> bool:
        """
        Wait until all that is being written has been, or has not; say whether there was any.

        Raises:
            StoreError: If it takes too long.
        """
        place = self._connections.place
        end = time.monotonic() + place.lock_timeout
        # A server that speaks the protocol alone may not have these views.
        with self._cursor("looking who writes") as cursor, suppress(psycopg.errors.UndefinedTable):
            writing = first = set(cursor.execute(WRITING).fetchall())
            while writing:
                if time.monotonic() > end:
                    message = (
                        f"{place.name}: others are still writing, so it cannot be said yet what becomes of the request"
                        f" {request!r}; ask again, or allow more with ?lock_timeout=seconds"
                    )
                    raise StoreError(message)
                time.sleep(LOOKS_AGAIN)
                writing = writing & set(cursor.execute(WRITING).fetchall())
            return bool(first)
        return False  # pragma: no cover

    def claim(self, now: datetime, *, until: datetime, limit: int, only: str | None = None) -> Sequence[Delivery]:
        """Take rows of the outbox, past those that others are just taking, and past those that are damaged."""
        values = {"now": instant(now), "later": instant(later(now)), "only": only}
        past: list[str] = []
        taken: list[Delivery] = []
        damage: list[HistoryTampered] = []
        with self._cursor("claiming the outbox") as cursor:
            if not cursor.execute(
                f"SELECT 1 FROM stagegate.outbox o WHERE {DUE} LIMIT 1", {**values, "past": past}
            ).fetchone():
                return []
            cursor.execute("BEGIN")
            while len(taken) < limit:
                rows = cursor.execute(CLAIM, {**values, "past": past, "limit": limit - len(taken)}).fetchall()
                for row in rows:
                    past.append(row[2])
                    try:
                        taken.append(attrs.evolve(intact_of(row), leased_until=until))
                    except HistoryTampered as error:
                        damage.append(error)
                if not rows or not damage:
                    break
            rewrite(cursor, taken)
            cursor.execute("COMMIT")
        if damage and not taken:
            raise damage[0]
        return taken

    def settle(self, claimed: Delivery, settled: Delivery) -> bool:
        """Write how a delivery went."""
        if claimed.leased_until is None:
            return False
        told = claimed.notification
        row = row_of(settled)
        return (
            self._changed(
                "settling a delivery",
                "UPDATE stagegate.outbox SET status = %s, tries = %s, due_at = %s, leased_until = %s, error = %s,"
                " expires_at = %s, recipient = %s, seal = %b"
                " WHERE agreement = %s AND n = %s AND id = %s AND status = 'pending' AND leased_until = %s",
                (*row[4:], told.agreement, told.n, told.id, instant(claimed.leased_until)),
            )
            == 1
        )

    def _tidy(self) -> None:
        try:
            self.fold()
        except StoreError as error:
            # An auditor counts as well, and changes nothing.
            if not isinstance(error.__cause__, READ_ONLY):
                raise

    def fold(self) -> int:
        """Add up how the numbers of agreements have changed, some rows at a time; return how many sums were made."""
        return self._changed("adding up the counts", FOLD, (FOLDED,))

    def using(self, connection: Any) -> JoinedStore:
        """Return a store in the transaction of *connection*: of psycopg, or a Connection or Session of SQLAlchemy."""
        joined = JoinedStore(host_of(connection), self._connections.place.name, self._recognised)
        if isinstance(connection, psycopg.Connection):
            # What belongs to SQLAlchemy is looked at when it is used first, for it may still have to be begun.
            joined.look(connection)
        return joined

    def _recognised(self, there: Cursor) -> bool:
        """Say whether a cursor is one in the database of this store."""
        found = identity(there)
        if found != self._identity:
            with self._cursor("looking where it is") as cursor:
                self._identity = identity(cursor)
        return found is not None and found == self._identity

    @contextmanager
    def batch(self) -> Iterator[BatchStore]:
        """Have a store whose changes are written together, in one commit at the end of the block."""
        with self._connections.use("writing a batch") as connection:
            connection.execute("BEGIN")
            store = BatchStore(connection, self._connections.place.name)
            yield store
            store.end()
            try:
                ended = connection.execute("COMMIT").statusmessage
            except psycopg.Error as error:
                if dead(error, connection):
                    raise self._connections.unknown(error, connection) from error
                raise
            if ended != "COMMIT":
                # What failed within a transaction undoes all of it, whatever became of the error.
                message = (
                    f"{self._connections.place.name}: a change of the batch had failed, so nothing of it was written"
                )
                raise StoreError(message)

    def close(self) -> None:
        """Let go of the connections."""
        self._connections.close()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open the database that *url* names."""
        return cls(url)
