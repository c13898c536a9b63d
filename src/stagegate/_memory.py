"""Histories in memory: for tests, for trying things out, and as the plainest reading of the contract."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Self

import attrs

from ._agreement import Agreement
from ._history import Entry
from ._notices import DEAD, EVERYTHING, PENDING, Delivery, Notification
from ._plain import digest
from ._store import Definition, Dossier, Known, Query, Unit
from .exceptions import Conflict, StoreError, quote

BATCH = (
    "a batch is open in this thread: change things by the engine that it gave, or after its end; nothing was changed"
)
"""What is said to whom changes something past the batch that is open in the same thread."""


class MemoryStore:
    """A store that forgets everything when it is let go. One lock guards it all."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.RLock()
        self._agreements: dict[str, Agreement] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._requests: dict[str, Known] = {}
        self._outbox: dict[str, Delivery] = {}
        self._definitions: dict[str, Definition] = {}
        self._held: dict[str, str] = {}
        self._batching = False

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            if self._batching:
                raise StoreError(BATCH)
            yield

    def unit(self, agreement: str) -> AbstractContextManager[Unit]:
        """Lock everything."""
        return _Unit(self, agreement)

    @contextmanager
    def batch(self) -> Iterator[MemoryStore]:
        """Write into a copy, and take its place."""
        with self._writing():
            copy = MemoryStore()
            copy._agreements = dict(self._agreements)
            copy._entries = {one: list(entries) for one, entries in self._entries.items()}
            copy._requests = dict(self._requests)
            copy._outbox = dict(self._outbox)
            copy._definitions = dict(self._definitions)
            copy._held = dict(self._held)
            self._batching = True
            try:
                yield copy
            finally:
                self._batching = False
            self._agreements, self._entries = copy._agreements, copy._entries
            self._requests, self._outbox = copy._requests, copy._outbox
            self._definitions, self._held = copy._definitions, copy._held

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement, or None."""
        return self._agreements.get(agreement)

    def history(self, agreement: str, after: int = 0, upto: int | None = None) -> Sequence[Entry]:
        """Return its events."""
        with self._lock:
            return self._entries.get(agreement, [])[after:upto]

    def find(self, query: Query, *, after: str | None, limit: int) -> Sequence[Agreement]:
        """Return a page of agreements."""
        with self._lock:
            found = sorted(
                agreement.id
                for agreement in self._agreements.values()
                if (after is None or agreement.id > after) and query.matches(agreement)
            )
            return [self._agreements[one] for one in found[:limit]]

    def count(self, query: Query, by: str | None) -> dict[Any, int]:
        """Count agreements."""
        counts: Counter[Any] = Counter()
        with self._lock:
            for agreement in self._agreements.values():
                if query.matches(agreement):
                    counts.update(_values(agreement, by))
        return dict(counts)

    def known(self, request: str) -> Known | None:
        """Return what is known of a request."""
        with self._lock:
            return self._requests.get(request)

    def claim(self, now: datetime, *, until: datetime, limit: int, only: str | None = None) -> Sequence[Delivery]:
        """Take rows of the outbox."""
        with self._writing():
            if EVERYTHING in self._held:
                return []
            due = [
                row
                for row in self._outbox.values()
                if row.claimable(now)
                and only in (None, row.notification.id)
                and row.notification.recipient not in self._held
            ]
            taken = [attrs.evolve(row, leased_until=until) for row in sorted(due, key=_oldest)[:limit]]
            self._outbox.update((row.notification.id, row) for row in taken)
            return taken

    def settle(self, claimed: Delivery, settled: Delivery) -> bool:
        """Write how a delivery went."""
        with self._writing():
            row = self._outbox.get(claimed.notification.id)
            if (
                row is None
                or row.status != PENDING
                or claimed.leased_until is None
                or row.leased_until != claimed.leased_until
            ):
                return False
            self._outbox[claimed.notification.id] = settled
            return True

    def outbox(self, status: str | None = None) -> Sequence[Delivery]:
        """Return the rows of the outbox."""
        with self._lock:
            return sorted((row for row in self._outbox.values() if status in (None, row.status)), key=_oldest)

    def requeue(self, now: datetime, notification: str | None = None) -> int:
        """Make dead rows due again."""
        with self._writing():
            dead = {
                id_: row.requeued(now)
                for id_, row in self._outbox.items()
                if row.status == DEAD and notification in (None, id_)
            }
            self._outbox.update(dead)
            return len(dead)

    def hold(self, scope: str, why: str) -> None:
        """Deliver nothing of it."""
        with self._writing():
            self._held[scope] = why

    def release(self, scope: str) -> bool:
        """Deliver it again."""
        with self._writing():
            return self._held.pop(scope, None) is not None

    def holds(self) -> dict[str, str]:
        """Return what is held."""
        with self._lock:
            return dict(sorted(self._held.items()))

    def definition(self, digest: str) -> bytes | None:
        """Return a definition, or None."""
        found = self._definitions.get(digest)
        return None if found is None else found.body

    def definitions(self) -> Sequence[Definition]:
        """Return every definition."""
        with self._lock:
            return [self._definitions[digest] for digest in sorted(self._definitions)]

    def dossiers(self, agreement: str | None = None) -> Iterator[Dossier]:
        """Return all there is."""
        with self._lock:
            ids = (
                sorted(self._agreements) if agreement is None else [agreement] if agreement in self._agreements else []
            )
            dossiers = [
                Dossier(
                    id=one,
                    agreement=self._agreements[one],
                    entries=tuple(self._entries[one]),
                    requests={(k.n, r): k.fingerprint for r, k in self._requests.items() if k.agreement == one},
                    outbox={
                        i: (row.notification.n, digest(row.notification.payload()))
                        for i, row in self._outbox.items()
                        if row.notification.agreement == one
                    },
                )
                for one in ids
            ]
        yield from dossiers

    def faults(self) -> Sequence[str]:
        """Find nothing: there is nothing beside the dossiers."""
        return ()

    def close(self) -> None:
        """Hold nothing open."""


def _values(agreement: Agreement, by: str | None) -> Sequence[Any]:
    """Return what an agreement counts as; one of several owners counts for each of them."""
    match by:
        case None:
            return (None,)
        case "process":
            return (agreement.process.id,)
        case "owner":
            return agreement.owner
        case "on_hold":
            return (agreement.hold is not None,)
        case _:
            return (getattr(agreement, by),)


def _oldest(row: Delivery) -> tuple[datetime, str, int, str]:
    return row.due_at, row.notification.agreement, row.notification.n, row.notification.id


class _Unit:
    __slots__ = ("_done", "_store", "id")

    def __init__(self, store: MemoryStore, agreement: str) -> None:
        self._store = store
        self.id = agreement
        self._done = False

    def __enter__(self) -> Self:
        self._store._lock.acquire()
        if self._store._batching:
            self._store._lock.release()
            raise StoreError(BATCH)
        return self

    def __exit__(self, *_: object) -> None:
        self._store._lock.release()

    @property
    def agreement(self) -> Agreement | None:
        return self._store._agreements.get(self.id)

    def other(self, agreement: str) -> Agreement | None:
        return self._store._agreements.get(agreement)

    def parts(self) -> Sequence[Agreement]:
        every = self._store._agreements
        return [every[one] for one in sorted(every) if every[one].part_of == self.id]

    def known(self, request: str) -> Known | None:
        return self._store._requests.get(request)

    def commit(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None = None,
    ) -> None:
        store = self._store
        before = len(store._entries.get(self.id, ()))
        if self._done:
            message = f"{self.id}: a unit of work commits once"
            raise StoreError(message)
        if entry.n != before + 1:
            raise Conflict(self.id, entry.n - 1, before)
        if request is not None and request[0] in store._requests:
            message = f"the request {quote(request[0])} is already there"
            raise StoreError(message)
        rows = {n.id: Delivery.of(n, agreement.changed_at) for n in notifications}
        if len(rows) < len(notifications) or rows.keys() & store._outbox.keys():
            message = f"{self.id}: a notification of the same id is already there"
            raise StoreError(message)
        store._entries.setdefault(self.id, []).append(entry)
        store._agreements[self.id] = agreement
        store._outbox.update(rows)
        if request is not None:
            store._requests[request[0]] = request[1]
        if definition is not None:
            store._definitions.setdefault(definition.pin.digest, definition)
        self._done = True
