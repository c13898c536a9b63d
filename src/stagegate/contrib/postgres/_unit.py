"""
A unit of work, in three ways.

`Eager` takes no lock: it reads, lets the caller decide, and writes everything by one statement that finds the agreement
at the number it was read at, or writes nothing. `Locked` keeps everybody else out from the beginning; it is for whoever
has lost a race. `Joined` does the same in a transaction that the host owns.

What is read of other agreements is looked at again when it is written, behind a lock on them that is taken in the order
of their ids, the own one among them; so two that rest on each other wait for each other, and neither for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import psycopg

from stagegate import (
    Agreement,
    Conflict,
    Definition,
    Entry,
    Known,
    Notification,
    StoreError,
)
from stagegate.rows import agreement_of

from ._connections import AGAIN, Connection, Connections, Session, dead, explained, gone, numbered, rows_of
from ._rows import SNAPSHOT, known_of
from ._statements import written

GET = f"SELECT {SNAPSHOT} FROM stagegate.agreement a WHERE a.id = %s"
GET_UNLESS = (
    "SELECT a.id, a.n, a.version, a.head, CASE WHEN sha256(a.snapshot) <> %s THEN a.snapshot END"
    " FROM stagegate.agreement a WHERE a.id = %s"
)
"""Reads an agreement, and its snapshot only if it is not the one that is known already."""

PARTS = (
    f"SELECT {SNAPSHOT} FROM stagegate.member m JOIN stagegate.agreement a ON a.id = m.agreement"
    " WHERE m.kind = 'whole' AND m.value = %s ORDER BY a.id"
)
KNOWN = "SELECT agreement, n, fingerprint FROM stagegate.request WHERE id = %s"
SHARE = "SELECT 1 FROM stagegate.agreement WHERE id = ANY($1) ORDER BY id FOR SHARE"
OWN = "SELECT 1 FROM stagegate.agreement WHERE id = $1 FOR NO KEY UPDATE"

SAVEPOINT = "stagegate_unit"

LATEST = {"read committed", "read uncommitted"}
"""The levels of isolation at which each statement sees what was committed before it; here they are the same."""

TAKEN = {"event_pkey", "agreement_pkey", "request_pkey"}
"""Where two writers meet."""


class UnitOfWork:
    """What the three have in common."""

    LOCK = LOCK_OTHERS = ""

    def __init__(self, connection: Connection, agreement: str, where: str) -> None:
        """Ask nothing yet."""
        self._connection = connection
        self._where = where
        self._read: dict[str, Agreement | None] = {}
        self._parts: int | None = None
        self._done = False
        self._open = False
        self.id = agreement
        self.agreement: Agreement | None = None
        self.again = False
        """Whether it failed in a way in which it may be tried again: nothing was written."""

    def open(self) -> Self:
        """Read the agreement, behind a lock if that is the way."""
        self.begin()
        self.agreement = self._get(self.id, self.LOCK)
        return self

    def begin(self) -> None:
        """Begin the transaction, where there is one from the beginning."""

    def _failed(self, error: psycopg.Error, doing: str) -> StoreError:
        self.again = error.sqlstate in AGAIN or dead(error, self._connection)
        return explained(error, doing, self._where)

    def _ask(self, doing: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._rows(numbered(sql), values)
        except psycopg.Error as error:
            raise self._failed(error, doing) from error

    def _get(self, agreement: str, lock: str) -> Agreement | None:
        rows = self._ask(f"reading {agreement!r}", GET + lock, agreement)
        return agreement_of(rows[0]) if rows else None

    def other(self, agreement: str) -> Agreement | None:
        if agreement == self.id:
            return self.agreement
        if agreement not in self._read:
            self._read[agreement] = self._get(agreement, self.LOCK_OTHERS)
        return self._read[agreement]

    def parts(self) -> Sequence[Agreement]:
        rows = self._ask(f"reading the parts of {self.id!r}", PARTS + self.LOCK_OTHERS, self.id)
        parts = [agreement_of(row) for row in rows]
        for part in parts:
            seen = self._read.setdefault(part.id, part)
            if seen is None or seen.n != part.n:
                self.again = True
                raise Conflict(part.id, 0 if seen is None else seen.n, part.n)
        self._parts = len(parts)
        return parts

    def known(self, request: str) -> Known | None:
        rows = self._ask(f"reading the request {request!r}", KNOWN, request)
        return known_of(rows[0]) if rows else None

    def commit(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None = None,
    ) -> None:
        if self._done:
            message = f"{self.id}: a unit of work commits once"
            raise StoreError(message)
        before = 0 if self.agreement is None else self.agreement.n
        if entry.n != before + 1:
            raise Conflict(self.id, entry.n - 1, before)
        self._done = True
        read = {id_: one for id_, one in self._read.items() if id_ != self.id}
        sql, values, snapshot = written(
            self.agreement, agreement, entry, notifications, request, definition, read=read, parts=self._parts
        )
        try:
            moved = self._write(sql, values)
        except psycopg.errors.UniqueViolation as error:
            if error.diag.constraint_name not in TAKEN:
                raise self._failed(error, "committing") from error
            self.again = True
            if error.diag.constraint_name == "request_pkey":
                message = f"{self.id}: the request id was taken meanwhile; nothing was changed, repeat the call"
                raise StoreError(message) from error
            raise Conflict(self.id, before, before + 1) from error
        except psycopg.Error as error:
            raise self._failed(error, "committing") from error
        if not moved:
            self.again = True
            raise Conflict(self.id, before, before + 1)
        self._keep(agreement, snapshot)

    def _keep(self, agreement: Agreement, snapshot: bytes) -> None:
        """Remember what was committed, if that is any use."""

    def _write(self, sql: str, values: list[Any]) -> bool:
        """Write it durably, unless something has changed; say whether it was written."""
        raise NotImplementedError

    def _rows(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        raise NotImplementedError


class _Committing(UnitOfWork):
    """One that commits by itself, so that it may not hear whether it has."""

    def __init__(self, connections: Connections, connection: Session, agreement: str) -> None:
        self._connections = connections
        self._session = connection
        super().__init__(connection, agreement, connections.place.name)

    def _rows(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return rows_of(self._session.run(sql, values))

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        return self._session.run(sql, values).command_tuples or 0

    def _keep(self, agreement: Agreement, snapshot: bytes) -> None:
        self._connections.recent.keep(agreement, snapshot)


class Eager(_Committing):
    """Reads without a lock, and writes by one statement."""

    def open(self) -> Self:
        recent = self._connections.recent.get(self.id)
        if recent is None:
            return super().open()
        digest, known = recent
        rows = self._ask(f"reading {self.id!r}", GET_UNLESS, digest, self.id)
        self.agreement = agreement_of(rows[0], known) if rows else None
        return self

    def _write(self, sql: str, values: list[Any]) -> bool:
        try:
            if not self._read and self._parts is None:
                return self._execute(sql, values) == 1
            return self._behind_locks(sql, values)
        except psycopg.Error as error:
            if dead(error, self._connection):
                raise self._connections.unknown(error, self._session) from error
            raise

    def _behind_locks(self, sql: str, values: list[Any]) -> bool:
        """Lock what was read, in the order of the ids; look at it again, write, and commit: all of it sent together."""
        others = sorted(id_ for id_, one in self._read.items() if one is not None)
        low, high = [one for one in others if one < self.id], [one for one in others if one > self.id]
        with self._connection.pipeline():
            cursor = psycopg.RawCursor(self._connection)
            cursor.execute("BEGIN")
            if low:
                cursor.execute(SHARE, (low,))
            if self.agreement is not None:
                cursor.execute(OWN, (self.id,))
            if high:
                cursor.execute(SHARE, (high,))
            writing = psycopg.RawCursor(self._connection)
            writing.execute(sql, values)
            # It writes nothing where something has changed; then there is nothing to be committed.
            cursor.execute("COMMIT")
        return writing.rowcount == 1


class Locked(_Committing):
    """Keeps everybody else out from the beginning."""

    LOCK = " FOR NO KEY UPDATE"
    LOCK_OTHERS = " FOR SHARE OF a"

    def begin(self) -> None:
        try:
            self._execute("BEGIN")
        except psycopg.Error as error:
            raise self._failed(error, f"locking {self.id!r}") from error

    def _write(self, sql: str, values: list[Any]) -> bool:
        if self._execute(sql, values) != 1:
            self._execute("ROLLBACK")
            return False
        try:
            self._execute("COMMIT")
        except psycopg.Error as error:
            if dead(error, self._connection):
                raise self._connections.unknown(error, self._session) from error
            raise
        return True


class Joined(UnitOfWork):
    """Writes in the transaction of a host: behind a savepoint, and without a commit."""

    LOCK = Locked.LOCK
    LOCK_OTHERS = Locked.LOCK_OTHERS

    def _rows(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._asked(sql, values).fetchall()

    def _execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        return self._asked(sql, values).rowcount

    def _asked(self, sql: str, values: Sequence[Any]) -> psycopg.RawCursor[tuple[Any, ...]]:
        cursor = psycopg.RawCursor(self._connection, row_factory=psycopg.rows.tuple_row)
        cursor.format = psycopg.pq.Format.BINARY
        return cursor.execute(sql, values)

    def begin(self) -> None:
        try:
            self._execute(f"SAVEPOINT {SAVEPOINT}")
        except psycopg.Error as error:
            raise self._failed(error, f"joining the transaction of the host for {self.id!r}") from error
        self._open = True

    def other(self, agreement: str) -> Agreement | None:
        found = super().other(agreement)
        if found is None:
            self._sees_all(f"whether there is {agreement!r}")
        return found

    def parts(self) -> Sequence[Agreement]:
        self._sees_all(f"which parts {self.id!r} has")
        return super().parts()

    def _sees_all(self, what: str) -> None:
        """Refuse to rest on there being no more, where only that is seen which was there when the host began."""
        ((level,),) = self._ask("looking at its isolation", "SELECT current_setting('transaction_isolation')")
        if level not in LATEST:
            message = (
                f"{self._where}: {what} cannot be relied on at the isolation level {level} of the host's transaction,"
                f" where nothing is seen that others have started since; nothing was changed, use READ COMMITTED"
            )
            raise StoreError(message)

    def leave(self) -> None:
        """Take back what was not committed, and let go of the locks; what the host did before stays."""
        if self._open and not gone(self._connection):
            self._execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            self._execute(f"RELEASE SAVEPOINT {SAVEPOINT}")

    def _write(self, sql: str, values: list[Any]) -> bool:
        if self._execute(sql, values) != 1:
            return False
        self._execute(f"RELEASE SAVEPOINT {SAVEPOINT}")
        self._open = False
        return True
