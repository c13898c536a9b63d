"""A batch: many changes in one commit, kept in memory until they are asked for, and written table by table."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from stagegate import Agreement, Conflict, Definition, Delivery, Entry, Known, Notification, StoreError
from stagegate.rows import columns_of, members_of, row_of, sort_of

from ._rows import OUTBOX, get, known, parts
from ._saying import explained
from ._store import Keeping

ENOUGH = 2_000
"""How many events are kept in memory before they are written, so that no batch is too large for it."""

HEAVIEST = 16 * 2**20
"""How many bytes of events are kept in memory before they are written."""


class Batch(Keeping):
    """The histories as they will be when the batch is committed."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        """
        Take a connection that holds the lock.

        Args:
            connection: The connection, in a transaction.

            path: The file, for errors.
        """
        self._connection = connection
        self._pending = Pending(connection, path)
        super().__init__(_Place(connection, path, self._pending.flush))

    @contextmanager
    def unit(self, agreement: str) -> Iterator[UnitOfBatch]:
        """Work on one agreement: the lock for all of them is held already."""
        yield UnitOfBatch(agreement, self._pending)

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement, or None."""
        return self._pending.agreement(agreement)

    def flush(self) -> None:
        """Write what is still in memory."""
        self._pending.flush()

    def close(self) -> None:
        """Leave the connection to whoever made it."""


class Pending:
    """What was committed in the batch and is not written yet."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        """Begin with nothing."""
        self._connection = connection
        self._path = path
        self._broken: StoreError | None = None
        self._now: dict[str, Agreement | None] = {}
        self._written: dict[str, Agreement | None] = {}
        self._events: list[tuple[Any, ...]] = []
        self._weight = 0
        self._requests: dict[str, Known] = {}
        self._definitions: dict[str, Definition] = {}
        self._outbox: list[tuple[Any, ...]] = []

    def agreement(self, agreement: str) -> Agreement | None:
        """Return an agreement as it is in the batch."""
        if agreement not in self._now:
            self._now[agreement] = get(self._connection, agreement)
        return self._now[agreement]

    def parts(self, whole: str) -> Sequence[Agreement]:
        """Return the parts of an agreement as they are in the batch."""
        self.flush()
        return parts(self._connection, whole)

    def known(self, request: str) -> Known | None:
        """Return what is known of a request in the batch."""
        return self._requests.get(request) or known(self._connection, request)

    def add(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None,
    ) -> None:
        """Keep what one unit of work has to write."""
        id_ = agreement.id
        if request is not None and self.known(request[0]) is not None:
            message = f"{id_}: the request {request[0]!r} is already there"
            raise StoreError(message)
        self._written.setdefault(id_, self.agreement(id_))
        self._now[id_] = agreement
        self._events.append((id_, entry.n, entry.body, entry.hash))
        if request is not None:
            self._requests[request[0]] = request[1]
        if definition is not None:
            self._definitions[definition.pin.digest] = definition
        self._outbox += [row_of(Delivery.of(notification, agreement.changed_at)) for notification in notifications]
        self._weight += len(entry.body)
        if len(self._events) >= ENOUGH or self._weight >= HEAVIEST:
            self.flush()

    def flush(self) -> None:
        """
        Write all of it, each table by one statement: the snapshot of an agreement once, however often it changed.

        Raises:
            StoreError: If it cannot be written; then nothing more is, and the batch cannot be committed.
        """
        if self._broken is not None:
            raise StoreError(str(self._broken))
        if not self._events:
            return
        # Until all of it is written: whatever stops it in between, an interrupt too, may have left a half.
        self._broken = StoreError(f"{self._path}: a change of the batch had failed, so nothing of it was written")
        try:
            self._write()
        except sqlite3.Error as error:
            self._broken = explained(error, "writing a batch", self._path)
            raise self._broken from error
        self._broken = None

    def forget(self) -> None:
        """Let go of what was read, once it is of many agreements; what is needed is read again."""
        if len(self._now) >= ENOUGH:
            self.flush()
            self._now.clear()

    def _write(self) -> None:
        many = self._connection.executemany
        changed = [(before, after) for id_, before in self._written.items() if (after := self._now[id_]) is not None]
        rows = [(before is None, (*columns_of(after).values(), after.to_json(), after.id)) for before, after in changed]
        many(
            "INSERT INTO agreement (n, version, head, process, stage, owner, outcome, on_hold, changed_at,"
            " searchable, wakes_at, overdue, snapshot, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [row for new, row in rows if new],
        )
        many(
            "UPDATE agreement SET n = ?, version = ?, head = ?, process = ?, stage = ?, owner = ?, outcome = ?,"
            " on_hold = ?, changed_at = ?, searchable = ?, wakes_at = ?, overdue = ?, snapshot = ? WHERE id = ?",
            [row for new, row in rows if not new],
        )
        self._members(changed)
        self._count(changed)
        many("INSERT INTO event (agreement, n, body, hash) VALUES (?, ?, ?, ?)", self._events)
        many(
            "INSERT INTO request (id, agreement, n, fingerprint) VALUES (?, ?, ?, ?)",
            [(id_, known.agreement, known.n, known.fingerprint) for id_, known in self._requests.items()],
        )
        many(
            "INSERT OR IGNORE INTO definition (digest, process, version, body) VALUES (?, ?, ?, ?)",
            [(one.pin.digest, one.pin.id, one.pin.version, one.body) for one in self._definitions.values()],
        )
        many(f"INSERT INTO outbox ({OUTBOX}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", self._outbox)
        for kept in (self._written, self._events, self._requests, self._definitions, self._outbox, self._now):
            kept.clear()
        self._weight = 0

    def _members(self, changed: Sequence[tuple[Agreement | None, Agreement]]) -> None:
        gone, came = [], []
        for before, after in changed:
            were, are = set() if before is None else members_of(before), members_of(after)
            gone += [(*member, after.id) for member in were - are]
            came += [(*member, after.id) for member in are - were]
        self._connection.executemany("DELETE FROM member WHERE kind = ? AND value = ? AND agreement = ?", gone)
        self._connection.executemany("INSERT INTO member (kind, value, agreement) VALUES (?, ?, ?)", came)

    def _count(self, changed: Sequence[tuple[Agreement | None, Agreement]]) -> None:
        counts: Counter[tuple[Any, ...]] = Counter()
        for before, after in changed:
            if before is not None:
                counts[sort_of(before)] -= 1
            counts[sort_of(after)] += 1
        # What comes is counted before what goes: no counter is below nought on the way.
        self._connection.executemany(
            "INSERT INTO counter (stage, process, owner, outcome, on_hold, number) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET number = number + excluded.number",
            [(*sort, number) for sort, number in counts.items() if number > 0],
        )
        self._connection.executemany(
            "UPDATE counter SET number = number + ?"
            " WHERE stage = ? AND process = ? AND owner = ? AND outcome = ? AND on_hold = ?",
            [(number, *sort) for sort, number in counts.items() if number < 0],
        )
        self._connection.execute("DELETE FROM counter WHERE number = 0")


class UnitOfBatch:
    """Work on one agreement in a batch."""

    __slots__ = ("_done", "_pending", "agreement", "id")

    def __init__(self, agreement: str, pending: Pending) -> None:
        """Read the agreement as it is in the batch."""
        pending.forget()
        self._pending = pending
        self._done = False
        self.id = agreement
        self.agreement = pending.agreement(agreement)

    def other(self, agreement: str) -> Agreement | None:
        return self._pending.agreement(agreement)

    def parts(self) -> Sequence[Agreement]:
        return self._pending.parts(self.id)

    def known(self, request: str) -> Known | None:
        return self._pending.known(request)

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
        # A guard may have changed it within the batch, while it was asked.
        now = self._pending.agreement(self.id)
        before = 0 if now is None else now.n
        if entry.n != before + 1:
            raise Conflict(self.id, entry.n - 1, before)
        self._pending.add(agreement, entry, notifications, request, definition)
        self._done = True


class _Place:
    """The connection of the batch: before anything is asked, what is in memory is written."""

    def __init__(self, connection: sqlite3.Connection, path: str, flush: Callable[[], None]) -> None:
        self.path = path
        self._connection = connection
        self._flush = flush

    @contextmanager
    def use(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Have the connection."""
        self._flush()
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise explained(error, doing, self.path) from error

    reading = writing = use
