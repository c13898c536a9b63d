"""What is kept in the file: histories, snapshots, requests, outbox and counters, whosever connection leads there."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from datetime import datetime, timedelta
from typing import Any, Protocol

import attrs

from stagegate import Agreement, Definition, Delivery, Dossier, Entry, HistoryTampered, Known, Pin, Query
from stagegate.rows import agreement_of, deliveries_of, instant, row_of

from ._proof import batch, beside, damaged
from ._rows import (
    CLAIMABLE,
    OLDEST,
    OUTBOX,
    RECEIPT,
    SNAPSHOT,
    THIS,
    get,
    known,
    readable,
)

BATCH = 256
LAST = 2**62
FAR = timedelta(days=1)
"""A date further ahead was written by a clock that stood ahead."""


class Place(Protocol):
    """Where connections to the file come from; what fails is a `StoreError` that says what was being done."""

    path: str
    """The file."""

    def use(self, doing: str) -> AbstractContextManager[sqlite3.Connection]:
        """Have a connection for the length of a block: for one question, or for one statement that writes."""

    def reading(self, doing: str) -> AbstractContextManager[sqlite3.Connection]:
        """The same, for questions that are answered as of one moment."""

    def writing(self, doing: str) -> AbstractContextManager[sqlite3.Connection]:
        """The same, with the lock for writing; what was written stands if the block is left without an error."""


class Keeping:
    """All that is kept in the file, but for the units of work."""

    def __init__(self, place: Place) -> None:
        """Take where connections come from."""
        self._place = place

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement, or None."""
        with self._place.use(f"reading {agreement!r}") as connection:
            return get(connection, agreement)

    def history(self, agreement: str, after: int = 0, upto: int | None = None) -> Sequence[Entry]:
        """Return its events."""
        last = LAST if upto is None else upto
        with self._place.use(f"reading the history of {agreement!r}") as connection:
            rows = connection.execute(
                "SELECT n, body, hash FROM event WHERE agreement = ? AND n > ? AND n <= ? ORDER BY n",
                (agreement, after, last),
            ).fetchall()
        return [Entry(n=n, body=body, hash=hash_) for n, body, hash_ in rows]

    def find(self, query: Query, *, after: str | None, limit: int) -> Sequence[Agreement]:
        """Return a page of agreements."""
        tables = ["agreement a"]
        wanted: list[str] = []
        values: list[Any] = []
        key = "a.id"

        def ask(condition: str, *value: Any) -> None:
            wanted.append(condition)
            values.extend(value)

        for column in ("stage", "process", "outcome"):
            if (value := getattr(query, column)) is not None:
                ask(f"a.{column} = ?", value)
        if query.running is not None:
            ask("a.outcome IS NULL" if query.running else "a.outcome IS NOT NULL")
        if query.on_hold is not None:
            ask("a.on_hold = 1" if query.on_hold else "a.on_hold = 0")
        for kind, value in (("party", query.party), ("owner", query.owner), ("whole", query.part_of)):
            if value is not None:
                tables.append(f"JOIN member {kind} ON {kind}.agreement = a.id")
                ask(f"{kind}.kind = '{kind}' AND {kind}.value = ?", value)
                key = f"{kind}.agreement"
        if query.text is not None:
            ask("instr(a.searchable, ?) > 0", query.text.casefold())
        if query.changed_since is not None:
            ask("a.changed_at >= ?", instant(query.changed_since))
        if query.overdue is not None:
            ask("a.overdue = 1" if query.overdue else "a.overdue = 0")
        if query.due_before is not None:
            ask("a.wakes_at <= ?", instant(query.due_before))
            # Few of many are due: they are found by when, and put in order then, instead of looking at all in order.
            key = f"+{key}"
        if after is not None:
            ask(f"{key} > ?", after)
        where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
        sql = f"SELECT {SNAPSHOT} FROM {' '.join(tables)}{where} ORDER BY {key} LIMIT ?"
        with self._place.use("listing") as connection:
            rows = connection.execute(sql, (*values, limit)).fetchall()
        return [agreement_of(row) for row in rows]

    def count(self, query: Query, by: str | None) -> dict[Any, int]:
        """Count agreements by the counters."""
        with self._place.use("counting") as connection:
            rows = connection.execute("SELECT stage, process, owner, outcome, on_hold, number FROM counter").fetchall()
        counts: Counter[Any] = Counter()
        for stage, process, owner, outcome, on_hold, number in rows:
            row = {
                "stage": stage,
                "process": process,
                "owner": owner.split(),
                "outcome": outcome or None,
                "running": not outcome,
                "on_hold": bool(on_hold),
            }
            meant = all(
                wanted is None or (wanted in row[column] if column == "owner" else wanted == row[column])
                for column in Query.COUNTED
                if (wanted := getattr(query, column)) is not None
            )
            if meant:
                value = row[by] if by else None
                for one in value if isinstance(value, list) else (value,):
                    counts[one] += number
        return dict(counts)

    def known(self, request: str) -> Known | None:
        """Return what is known of a request; the lock is waited for, so that nobody is writing it any more."""
        with self._place.writing("reading a request") as connection:
            return known(connection, request)

    def claim(self, now: datetime, *, until: datetime, limit: int, only: str | None = None) -> Sequence[Delivery]:
        """Take rows of the outbox."""
        values = {"now": instant(now), "far": instant(now + FAR), "only": only}
        with self._place.use("claiming the outbox") as connection:
            if not connection.execute(f"SELECT 1 FROM outbox WHERE {CLAIMABLE} LIMIT 1", values).fetchone():
                return []
        with self._place.writing("claiming the outbox") as connection:
            with damaged(connection), closing(connection.cursor()) as rows:
                rows.execute(f"SELECT {OUTBOX}, {RECEIPT} FROM outbox WHERE {CLAIMABLE} ORDER BY {OLDEST}", values)
                whole, faults = readable(rows, limit)
            if faults and not whole:
                raise HistoryTampered("; ".join(faults))
            taken = [attrs.evolve(row, leased_until=until) for row in whole]
            self._rewrite(connection, taken)
        return taken

    def settle(self, claimed: Delivery, settled: Delivery) -> bool:
        """Write how a delivery went."""
        told, until = claimed.notification, claimed.leased_until
        with self._place.writing("settling a delivery") as connection:
            row = connection.execute(
                f"SELECT 1 FROM outbox WHERE {THIS} AND status = 'pending' AND leased_until = ?",
                (told.agreement, told.n, told.id, None if until is None else instant(until)),
            ).fetchone()
            if row is None:
                return False
            self._rewrite(connection, [settled])
        return True

    def _rewrite(self, connection: sqlite3.Connection, deliveries: Sequence[Delivery]) -> None:
        rows = [row_of(delivery) for delivery in deliveries]
        connection.executemany(
            "UPDATE outbox SET status = ?, tries = ?, due_at = ?, leased_until = ?, error = ?, expires_at = ?,"
            f" recipient = ?, seal = ? WHERE {THIS}",
            [(*row[4:], *row[:3]) for row in rows],
        )

    def outbox(self, status: str | None = None) -> Iterable[Delivery]:
        """Return the rows of the outbox."""
        with self._place.use("reading the outbox") as connection, damaged(connection):
            rows = connection.execute(
                f"SELECT {OUTBOX}, {RECEIPT} FROM outbox WHERE :status IS NULL OR status = :status ORDER BY {OLDEST}",
                {"status": status},
            ).fetchall()
        return deliveries_of(rows)

    def requeue(self, now: datetime, notification: str | None = None) -> int:
        """Make dead rows due again."""
        with self._place.writing("requeueing") as connection:
            with damaged(connection):
                rows = connection.execute(
                    f"SELECT {OUTBOX}, {RECEIPT} FROM outbox WHERE status = 'dead' AND (:id IS NULL OR id = :id)",
                    {"id": notification},
                ).fetchall()
            whole, _ = readable(rows)
            self._rewrite(connection, [row.requeued(now) for row in whole])
        return len(whole)

    def hold(self, scope: str, why: str) -> None:
        """Deliver nothing of it."""
        with self._place.writing("holding deliveries") as connection:
            connection.execute("INSERT OR REPLACE INTO hold (scope, why) VALUES (?, ?)", (scope, why))

    def release(self, scope: str) -> bool:
        """Deliver it again."""
        with self._place.writing("releasing deliveries") as connection:
            return connection.execute("DELETE FROM hold WHERE scope = ?", (scope,)).rowcount > 0

    def holds(self) -> dict[str, str]:
        """Return what is held."""
        with self._place.use("reading what is held") as connection:
            return dict(connection.execute("SELECT scope, why FROM hold ORDER BY scope").fetchall())

    def definition(self, digest: str) -> bytes | None:
        """Return a definition, or None."""
        with self._place.use("reading a definition") as connection:
            row = connection.execute("SELECT body FROM definition WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else row[0]

    def definitions(self) -> Iterable[Definition]:
        """Return every definition."""
        with self._place.use("reading the definitions") as connection, damaged(connection):
            rows = connection.execute(
                "SELECT process, version, digest, body FROM definition ORDER BY digest"
            ).fetchall()
        return [Definition(Pin(*row[:3]), row[3]) for row in rows]

    def dossiers(self, agreement: str | None = None) -> Iterator[Dossier]:
        """Return all that is stored, a batch at a time, so that nobody has to wait for a long look."""
        after = b""
        while True:
            with self._place.reading("verifying") as connection, damaged(connection):
                if agreement is None:
                    rows = connection.execute(
                        "SELECT CAST(id AS BLOB) FROM agreement WHERE id > CAST(? AS TEXT) ORDER BY id LIMIT ?",
                        (after, BATCH),
                    ).fetchall()
                else:
                    rows = connection.execute(
                        "SELECT CAST(id AS BLOB) FROM agreement WHERE id = ?", (agreement,)
                    ).fetchall()
                if not rows:
                    return
                dossiers = list(batch(connection, rows[0][0], rows[-1][0]))
            yield from dossiers
            if agreement is not None:
                return
            after = rows[-1][0]

    def faults(self) -> Iterable[str]:
        """Compare the counters with what they count, and look for rows that belong to no agreement."""
        with self._place.reading("verifying") as connection, damaged(connection):
            return beside(connection)
