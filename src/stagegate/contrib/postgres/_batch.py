"""
Many changes in one commit: decided one by one, written together.

What a unit of work commits is kept in hand, so that most of what the next one asks is known without asking the server.
It is written by a few statements with many rows each: when something is asked that only the server can answer, when
much has come together, and at the end. Of an agreement that changes many times its row is written once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from stagegate import Agreement, Conflict, Definition, Delivery, Entry, Known, Notification, StoreError, Unit
from stagegate.rows import COLUMNS, OUTBOX, SORT, agreement_of, columns_of, members_of, row_of, sort_of

from ._connections import Connection, Cursor
from ._joined import JoinedStore
from ._rows import SORTS, known_of
from ._unit import GET, KNOWN, PARTS, Joined

T = TypeVar("T")

MOST = 2_000
"""How many events are kept in hand, and how many agreements and requests are remembered."""

HEAVIEST = 16 * 2**20
"""How many bytes of events are kept in hand, and how many bytes of anything go in one statement."""

LOCK = f"SELECT 1 FROM stagegate.agreement WHERE id = %s{Joined.LOCK}"
ROW = ("id", *COLUMNS, "snapshot")
TYPES = {
    "n": "int",
    "version": "int",
    "tries": "int",
    "number": "int",
    "on_hold": "boolean",
    "overdue": "boolean",
    "head": "bytea",
    "snapshot": "bytea",
    "body": "bytea",
    "hash": "bytea",
    "payload": "bytea",
    "seal": "bytea",
}


def _rows(columns: Sequence[str]) -> str:
    """Return rows made of one list for each column."""
    lists = ", ".join(f"%b::{TYPES.get(column, 'text')}[]" for column in columns)
    return f"unnest({lists}) AS r({', '.join(columns)})"


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO stagegate.{table} ({', '.join(columns)}) SELECT r.* FROM {_rows(columns)}"


UPDATE = (
    f"UPDATE stagegate.agreement a SET {', '.join(f'{column} = r.{column}' for column in ROW[1:])}"
    f" FROM {_rows(ROW)}, unnest(%b::text[], %b::int[]) AS b(id, n) WHERE a.id = r.id AND b.id = r.id AND a.n = b.n"
)
KEYS = {
    "event": ("agreement", "n", "body", "hash"),
    "request": ("id", "agreement", "n", "fingerprint"),
    "definition": ("digest", "process", "version", "body"),
    "outbox": OUTBOX,
    "member": ("kind", "value", "agreement"),
}
COUNT = (
    f"INSERT INTO stagegate.delta (agreement, n, number, {SORTS})"
    f" SELECT gen_random_uuid()::text, 0, r.number, {', '.join(f'r.{column}' for column in SORT)}"
    f" FROM {_rows((*SORT, 'number'))}"
)
LEAVE = (
    f"DELETE FROM stagegate.member m USING {_rows(KEYS['member'])}"
    " WHERE m.kind = r.kind AND m.value = r.value AND m.agreement = r.agreement"
)


class BatchStore(JoinedStore):
    """A store all of whose changes are one commit."""

    OF = " within the batch"

    def __init__(self, connection: Connection, where: str) -> None:
        """Take a connection with a transaction of its own."""
        super().__init__(lambda: connection, where)
        self._connection = connection
        self._kept: dict[str, Agreement | None] = {}
        self._now: dict[str, Agreement | None] = {}
        self._mine: set[str] = set()
        self._requests: dict[str, Known] = {}
        self._definitions: dict[str, Definition] = {}
        self._pending: dict[str, list[tuple[Any, ...]]] = {table: [] for table in KEYS}
        self._weight = 0
        self._broken = False
        self._lacking: set[str] = set()

    @contextmanager
    def _cursor(self, doing: str) -> Iterator[Cursor]:
        self.flush()
        with super()._cursor(doing) as cursor:
            yield cursor

    @contextmanager
    def unit(self, agreement: str) -> Iterator[Unit]:
        """Work on an agreement; it is locked until the end of the batch."""
        yield _Unit(self, agreement)

    def work(self, agreement: str, job: Callable[[Any], T]) -> T:
        """Run *job*, once: the batch is done as a whole, or not at all."""
        return job(_Unit(self, agreement))

    def current(self, agreement: str) -> Agreement | None:
        """Return an agreement as it is within the batch, fixed: others can read it, and rest on it."""
        found = self._current(agreement, Joined.LOCK_OTHERS)
        if found is None:
            self._lacking.add(agreement)
        return found

    def own(self, agreement: str) -> Agreement | None:
        """Return an agreement as it is within the batch, locked: nobody else can rest on it, or give it a part."""
        if max(len(self._now), len(self._requests)) >= MOST:
            self._forget()
        if agreement not in self._mine:
            if agreement in self._now:
                self._ask(f"locking {agreement!r}", LOCK, agreement)
            else:
                self._current(agreement, Joined.LOCK)
            self._mine.add(agreement)
        return self._now[agreement]

    def _current(self, agreement: str, lock: str) -> Agreement | None:
        if agreement not in self._now:
            found = self._ask(f"reading {agreement!r}", f"{GET}{lock}", agreement)
            self._kept[agreement] = self._now[agreement] = agreement_of(found[0]) if found else None
        return self._now[agreement]

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement as it is within the batch, or None."""
        return self._now[agreement] if agreement in self._now else super().get(agreement)

    def parts(self, agreement: str) -> list[Agreement]:
        """Return the parts of an agreement, locked against others."""
        self.flush()
        found = self._ask(f"reading the parts of {agreement!r}", f"{PARTS}{Joined.LOCK_OTHERS}", agreement)
        return [self._now.get(row[0]) or agreement_of(row) for row in found]

    def answered(self, request: str) -> Known | None:
        """Return what is known of a request within the batch."""
        if request in self._requests:
            return self._requests[request]
        found = self._ask(f"reading the request {request!r}", KNOWN, request)
        return known_of(found[0]) if found else None

    def _ask(self, doing: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        # What is asked here is not in hand, so nothing has to be written for it.
        with JoinedStore._cursor(self, doing) as cursor:  # noqa: SLF001  its own
            return cursor.execute(sql, values).fetchall()

    def write(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None,
    ) -> None:
        """Take what a unit of work commits."""
        if request is not None and self.answered(request[0]) is not None:
            message = f"{agreement.id}: the request id was used before; nothing was changed"
            raise StoreError(message)
        pending = self._pending
        pending["event"].append((agreement.id, entry.n, entry.body, entry.hash))
        if request is not None:
            known = request[1]
            self._requests[request[0]] = known
            pending["request"].append((request[0], known.agreement, known.n, known.fingerprint))
        if definition is not None:
            self._definitions[definition.pin.digest] = definition
        told = [row_of(Delivery.of(notification, agreement.changed_at)) for notification in notifications]
        pending["outbox"] += told
        self._now[agreement.id] = agreement
        self._weight += len(entry.body) + sum(_weight(row) for row in told)
        if len(pending["event"]) >= MOST or self._weight >= HEAVIEST:
            self.flush()

    def _forget(self) -> None:
        """Let go of what was read and written; what is locked stays so, and is read again when it is needed."""
        self.flush()
        for remembered in (self._kept, self._now, self._mine, self._requests):
            remembered.clear()

    def flush(self) -> None:
        """
        Write what is in hand.

        Raises:
            StoreError: If it cannot be written; then nothing more is, and the batch cannot be committed.
        """
        if self._broken:
            message = f"{self._where}: a change of the batch had failed, so nothing of it was written"
            raise StoreError(message)
        if not self._pending["event"]:
            return
        # Until all of it is written: whatever stops it in between, an interrupt too, may have left a half.
        self._broken = True
        pending, self._pending = self._pending, {table: [] for table in KEYS}
        defined, self._definitions, self._weight = self._definitions, {}, 0
        pending["definition"] = [(one.pin.digest, one.pin.id, one.pin.version, one.body) for one in defined.values()]
        changed = {row[0]: self._now[row[0]] for row in pending["event"]}
        self._lacking -= changed.keys()
        with JoinedStore._cursor(self, "writing a batch") as cursor:  # noqa: SLF001  its own
            self._agreements(cursor, changed)
            for table, rows in pending.items():
                if rows:
                    last = " ON CONFLICT (digest) DO NOTHING" if table == "definition" else ""
                    _many(cursor, _insert(table, KEYS[table]) + last, rows)
        self._kept.update(changed)
        self._broken = False

    def end(self) -> None:
        """
        Write what is still in hand, and look whether what was not there is still not there.

        Raises:
            Conflict: If somebody has started it meanwhile.
        """
        self.flush()
        if self._lacking:
            sql = "SELECT id FROM stagegate.agreement WHERE id = ANY(%s) ORDER BY id LIMIT 1"
            for (id_,) in self._ask("looking what was started meanwhile", sql, sorted(self._lacking)):
                raise Conflict(id_, 0, 1)

    def _agreements(self, cursor: Cursor, changed: dict[str, Any]) -> None:
        new, old, seen = [], [], []
        counts: Counter[tuple[Any, ...]] = Counter()
        joined: list[tuple[str, str, str]] = []
        left: list[tuple[str, str, str]] = []
        for id_, agreement in changed.items():
            before = self._kept[id_]
            row = (id_, *columns_of(agreement).values(), agreement.to_json())
            members, were = members_of(agreement), set[tuple[str, str]]()
            counts[sort_of(agreement)] += 1
            if before is None:
                new.append(row)
            else:
                old.append(row)
                seen.append((id_, before.n))
                counts[sort_of(before)] -= 1
                were = members_of(before)
            joined += [(*member, id_) for member in members - were]
            left += [(*member, id_) for member in were - members]
        if new:
            try:
                _many(cursor, _insert("agreement", ROW), new)
            except psycopg.errors.UniqueViolation as error:
                which = re.search(r"\(id\)=\((.*)\)", error.diag.message_detail or "", re.DOTALL)
                raise Conflict(which[1] if which else new[0][0], 0, 1) from error
        if old and _many(cursor, UPDATE, [(*row, *was) for row, was in zip(old, seen, strict=True)]) != len(old):
            raise Conflict(old[0][0], seen[0][1], seen[0][1] + 1)
        for sql, rows in ((LEAVE, left), (_insert("member", KEYS["member"]), joined)):
            if rows:
                _many(cursor, sql, rows)
        if numbers := [(*sort, number) for sort, number in counts.items() if number]:
            _many(cursor, COUNT, numbers)


def _many(cursor: Cursor, sql: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Write rows, so many at a time as the server takes in one go; return how many were written."""
    written = 0
    for some in _portions(rows):
        cursor.execute(sql, [list(column) for column in zip(*some, strict=True)])
        written += cursor.rowcount
    return written


def _portions(rows: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    some: list[tuple[Any, ...]] = []
    weight = 0
    for row in rows:
        some.append(row)
        weight += _weight(row)
        if weight >= HEAVIEST:
            yield some
            some, weight = [], 0
    if some:
        yield some


def _weight(row: Sequence[Any]) -> int:
    return sum(len(value) for value in row if isinstance(value, (bytes, str)))


class _Unit:
    """A unit of work within a batch."""

    def __init__(self, store: BatchStore, agreement: str) -> None:
        self._store = store
        self._done = False
        self.id = agreement
        self.agreement = store.own(agreement)

    def other(self, agreement: str) -> Agreement | None:
        return self._store.current(agreement)

    def parts(self) -> Sequence[Agreement]:
        return self._store.parts(self.id)

    def known(self, request: str) -> Known | None:
        return self._store.answered(request)

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
        now = self._store.current(self.id)
        before = 0 if now is None else now.n
        if entry.n != before + 1:
            raise Conflict(self.id, entry.n - 1, before)
        self._done = True
        self._store.write(agreement, entry, notifications, request, definition)
