"""The store for many machines: histories, snapshots, requests, outbox and counts in a PostgreSQL database."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Self, TypeVar

import attrs
import psycopg

from stagegate import (
    Agreement,
    Conflict,
    Definition,
    Delivery,
    Dossier,
    Entry,
    Known,
    Pin,
    Query,
    StoreError,
)

from ._connections import Connections, Cursor, Place, cursor_of
from ._finding import listing
from ._proof import LOOK, SORTS, batch, beside
from ._rows import DELIVERY, SORT, delivery_of, iso, key_of, known_of, row_of, snapshot_of
from ._schema import checked
from ._unit import GET, KNOWN, Eager, Locked, UnitOfWork

T = TypeVar("T")

BATCH = 256
EVERYTHING = "*"
LAST = 2**31 - 1

TURNS = 12
"""How often a unit of work is begun anew where others were in the way; all but the first keep everybody else out."""

LONGEST_PAUSE = 0.5

MANY = 1_000
"""How many rows of changed numbers may lie about before somebody who counts adds them up."""

FOLDED = 20_000
"""How many of them are added up at a time."""

FOLD = (
    "WITH some AS (SELECT agreement, n, number FROM stagegate.delta LIMIT %s FOR UPDATE SKIP LOCKED),"
    " gone AS (DELETE FROM stagegate.delta d USING some s"
    f" WHERE d.agreement = s.agreement AND d.n = s.n AND d.number = s.number RETURNING d.number, {SORTS})"
    f" INSERT INTO stagegate.delta (agreement, n, number, {SORTS})"
    f" SELECT gen_random_uuid()::text, 0, sum(number), {SORTS} FROM gone GROUP BY {SORTS} HAVING sum(number) <> 0"
)

READ_ONLY = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)

DUE = (
    "o.status = 'pending' AND o.due_at <= %(now)s AND (o.leased_until IS NULL OR o.leased_until <= %(now)s)"
    " AND (%(only)s::text IS NULL OR o.id = %(only)s)"
    f" AND NOT EXISTS (SELECT 1 FROM stagegate.hold h WHERE h.scope IN ('{EVERYTHING}', o.recipient))"
)

REWRITE = (
    "UPDATE stagegate.outbox o SET status = r.status, tries = r.tries, due_at = r.due_at,"
    " leased_until = r.leased_until, error = r.error, expires_at = r.expires_at, recipient = r.recipient, seal = r.seal"
    " FROM unnest(%s::text[], %s::int[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[],"
    " %s::text[], %s::text[], %s::bytea[]) AS r(agreement, n, id, status, tries, due_at, leased_until, error,"
    " expires_at, recipient, seal) WHERE o.agreement = r.agreement AND o.n = r.n AND o.id = r.id"
)


class Reading:
    """What is read in the same way whoever owns the transaction."""

    def _cursor(self, doing: str) -> AbstractContextManager[Cursor]:
        raise NotImplementedError

    def _rows(self, doing: str, sql: str, values: Any = ()) -> list[tuple[Any, ...]]:
        with self._cursor(doing) as cursor:
            return cursor.execute(sql, values).fetchall()

    def _changed(self, doing: str, sql: str, values: Any = ()) -> int:
        with self._cursor(doing) as cursor:
            return cursor.execute(sql, values).rowcount

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement, or None."""
        rows = self._rows(f"reading {agreement!r}", GET, (agreement,))
        return snapshot_of(rows[0]) if rows else None

    def history(self, agreement: str, after: int = 0, upto: int | None = None) -> Sequence[Entry]:
        """Return its events."""
        rows = self._rows(
            f"reading the history of {agreement!r}",
            "SELECT n, body, hash FROM stagegate.event WHERE agreement = %s AND n > %s AND n <= %s ORDER BY n",
            (agreement, min(after, LAST), LAST if upto is None else min(upto, LAST)),
        )
        return [Entry(n=n, body=body, hash=hash_) for n, body, hash_ in rows]

    def find(self, query: Query, *, after: str | None, limit: int) -> Sequence[Agreement]:
        """Return a page of agreements."""
        return [snapshot_of(row) for row in self._rows("listing", *listing(query, after, limit))]

    def count(self, query: Query, by: str | None) -> dict[Any, int]:
        """Count agreements by adding up how their numbers have changed."""
        rows = self._rows("counting", f"SELECT {SORTS}, sum(number), count(*) FROM stagegate.delta GROUP BY {SORTS}")
        counts: Counter[Any] = Counter()
        for *sort, number, _ in rows:
            row = dict(zip(SORT, sort, strict=True))
            row["running"] = not row["outcome"]
            row["outcome"] = row["outcome"] or None
            row["owner"] = row["owner"].split()
            meant = all(
                wanted is None or (wanted in row[column] if column == "owner" else wanted == row[column])
                for column in Query.COUNTED
                if (wanted := getattr(query, column)) is not None
            )
            if meant and number:
                value = row[by] if by else None
                for one in value if isinstance(value, list) else (value,):
                    counts[one] += int(number)
        if sum(row[-1] for row in rows) > MANY + len(rows):
            self._tidy()
        return dict(counts)

    def _tidy(self) -> None:
        """Add up changed numbers, where that can be done by the way."""

    def outbox(self, status: str | None = None) -> Iterable[Delivery]:
        """Return the rows of the outbox."""
        rows = self._rows(
            "reading the outbox",
            f"SELECT {DELIVERY} FROM stagegate.outbox o WHERE %(status)s::text IS NULL OR o.status = %(status)s"
            " ORDER BY o.due_at, o.agreement, o.n, o.id",
            {"status": status},
        )
        return [delivery_of(row) for row in rows]

    def hold(self, scope: str, why: str) -> None:
        """Deliver nothing of it."""
        self._changed(
            "holding deliveries",
            "INSERT INTO stagegate.hold (digest, scope, why) VALUES (%s, %s, %s)"
            " ON CONFLICT (digest) DO UPDATE SET why = excluded.why",
            (key_of(scope), scope, why),
        )

    def release(self, scope: str) -> bool:
        """Deliver it again."""
        sql = "DELETE FROM stagegate.hold WHERE digest = %s"
        return self._changed("releasing deliveries", sql, (key_of(scope),)) > 0

    def holds(self) -> dict[str, str]:
        """Return what is held."""
        return dict(self._rows("reading what is held", "SELECT scope, why FROM stagegate.hold ORDER BY scope"))

    def definition(self, digest: str) -> bytes | None:
        """Return a definition, or None."""
        rows = self._rows("reading a definition", "SELECT body FROM stagegate.definition WHERE digest = %s", (digest,))
        return rows[0][0] if rows else None

    def definitions(self) -> Iterable[Definition]:
        """Return every definition."""
        rows = self._rows(
            "reading the definitions",
            "SELECT process, version, digest, body FROM stagegate.definition ORDER BY digest",
        )
        return [Definition(Pin(*row[:3]), row[3]) for row in rows]


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
            unit: UnitOfWork | None = None
            try:
                with self._connections.use(f"working on {agreement!r}") as connection:
                    unit = (Eager if turn == 1 else Locked)(self._connections, connection, agreement)
                    return job(unit.open())
            except (Conflict, StoreError):
                if unit is None or not unit.again or turn == TURNS:
                    raise
            if turn > 1:
                time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.005 * 2**turn)))  # noqa: S311  chance is no secret
        raise AssertionError  # pragma: no cover

    def known(self, request: str) -> Known | None:
        """
        Return what is known of a request, once nobody is writing it any more.

        Sessions of this store whose commit was never answered are ended first. Any other that is writing the request is
        waited for, by writing it as well and taking that back.
        """
        self._connections.end_lost()
        with self._cursor("reading a request") as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "INSERT INTO stagegate.request (id, agreement, n, fingerprint) VALUES (%s, '', 0, '')"
                " ON CONFLICT (id) DO NOTHING",
                (request,),
            )
            mine = cursor.rowcount == 1
            cursor.execute("ROLLBACK")
            return None if mine else known_of(cursor.execute(KNOWN, (request,)).fetchone())

    def claim(self, now: datetime, *, until: datetime, limit: int, only: str | None = None) -> Sequence[Delivery]:
        """Take rows of the outbox, past those that others are just taking."""
        values = {"now": iso(now), "only": only, "limit": limit}
        with self._cursor("claiming the outbox") as cursor:
            if not cursor.execute(f"SELECT 1 FROM stagegate.outbox o WHERE {DUE} LIMIT 1", values).fetchone():
                return []
            cursor.execute("BEGIN")
            rows = cursor.execute(
                f"SELECT {DELIVERY} FROM stagegate.outbox o WHERE {DUE}"
                " ORDER BY o.due_at, o.agreement, o.n, o.id LIMIT %(limit)s FOR UPDATE OF o SKIP LOCKED",
                values,
            ).fetchall()
            taken = [attrs.evolve(delivery_of(row), leased_until=until) for row in rows]
            _rewrite(cursor, taken)
            cursor.execute("COMMIT")
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
                (*row[4:], told.agreement, told.n, told.id, iso(claimed.leased_until)),
            )
            == 1
        )

    def requeue(self, now: datetime, notification: str | None = None) -> int:
        """Make dead rows due again."""
        with self._cursor("requeueing") as cursor:
            cursor.execute("BEGIN")
            rows = cursor.execute(
                f"SELECT {DELIVERY} FROM stagegate.outbox o WHERE o.status = 'dead'"
                " AND (%(only)s::text IS NULL OR o.id = %(only)s) ORDER BY o.agreement, o.n, o.id FOR UPDATE OF o",
                {"only": notification},
            ).fetchall()
            again = [
                attrs.evolve(delivery_of(row), status="pending", tries=0, due_at=now, error="", expires_at=None)
                for row in rows
            ]
            _rewrite(cursor, again)
            cursor.execute("COMMIT")
        return len(again)

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

    def dossiers(self, agreement: str | None = None) -> Iterator[Dossier]:
        """Return all that is stored, a batch at a time, each of one moment, so that nobody has to wait for a look."""
        after = ""
        while True:
            with self._cursor("verifying") as cursor:
                cursor.execute(LOOK)
                if agreement is None:
                    rows = cursor.execute(
                        "SELECT id FROM stagegate.agreement WHERE id > %s ORDER BY id LIMIT %s", (after, BATCH)
                    ).fetchall()
                else:
                    rows = cursor.execute("SELECT id FROM stagegate.agreement WHERE id = %s", (agreement,)).fetchall()
                dossiers = list(batch(cursor, [id_ for (id_,) in rows])) if rows else []
            yield from dossiers
            if agreement is not None or not rows:
                return
            after = rows[-1][0]

    def faults(self) -> Iterable[str]:
        """Compare the counts with what they count, and look for rows that belong to no agreement."""
        with self._cursor("verifying") as cursor:
            cursor.execute(LOOK)
            return beside(cursor)

    def close(self) -> None:
        """Let go of the connections."""
        self._connections.close()

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Open the database that *url* names."""
        return cls(url)


def _rewrite(cursor: Cursor, deliveries: Sequence[Delivery]) -> None:
    if not deliveries:
        return
    rows = [row_of(delivery) for delivery in deliveries]
    columns = zip(*((*row[:3], *row[4:]) for row in rows), strict=True)
    cursor.execute(REWRITE, [list(column) for column in columns])
