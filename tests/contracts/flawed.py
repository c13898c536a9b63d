"""A third store, as plain as can be, that can be given one flaw: what the contract is held against."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from unicodedata import normalize

import attrs

from stagegate import Agreement, Conflict, Definition, Delivery, Dossier, Entry, Known, Notification, Query, StoreError

FLAWS = {
    "adds events twice": "test_number_twice",
    "cannot keep long texts": "test_hostile_texts",
    "claims by the hour": "test_claim_what_is_due",
    "counts from the start only": "test_counts_follow",
    "drops microseconds": "test_instants_are_exact",
    "forgets holds": "test_every_field_is_kept",
    "forgets reminders": "test_deadlines_are_kept",
    "forgets requests of others": "test_request_is_known_everywhere",
    "has dossiers without dates": "test_dossier_has_dates",
    "has dossiers without requests": "test_dossier_is_complete",
    "has no lock": "test_second_writer",
    "ignores accents": "test_histories_do_not_mix",
    "ignores case": "test_requests_are_told_apart",
    "includes the last of the page before": "test_pages",
    "is due by the day": "test_due_at_the_very_instant",
    "is overdue for ever": "test_due_follows",
    "keeps the error": "test_error_passes_through",
    "keeps the lock": "test_interruption_gives_the_lock_back",
    "knows dates only": "test_whatever_comes_first",
    "leases for ever": "test_lease_runs_out",
    "leases to two": "test_workers_never_share",
    "leaves numbers out": "test_number_left_out",
    "keeps no definitions": "test_definition_is_kept",
    "keeps the definitions of what failed": "test_definition_of_no_commit",
    "lists by offset": "test_pages_while_others_are_added",
    "lists definitions as they come": "test_definitions_in_order",
    "lists nothing that is due": "test_many_sweep",
    "lists what is due by date": "test_pages_of_what_is_due",
    "lists whatever their hold": "test_every_filter",
    "lists whatever they are part of": "test_every_filter",
    "locks no parts": "test_parts_stay",
    "locks one at a time": "test_other_stays",
    "mixes up the wholes": "test_parts_are_read",
    "looks for patterns": "test_text_is_no_pattern",
    "normalises bodies": "test_bytes_are_kept",
    "overwrites definitions": "test_definition_stays",
    "reads past who writes": "test_no_two_that_are_open_rest_on_each_other",
    "settles whoever comes": "test_settle_too_late",
    "shows others as they began": "test_others_follow",
    "shows what is not committed": "test_nothing_shows_before_the_commit",
    "sorts without case": "test_order",
    "starts without a lock": "test_no_part_is_added",
    "takes numbers for versions": "test_reminder_is_no_change",
    "tells what failed": "test_outbox_of_no_commit",
    "writes half": "test_request_twice",
}
"""What a store may get wrong, each with a clause that finds it."""

LOCKING = ("locks no parts", "locks one at a time", "reads past who writes")
"""The flaws of a store that locks each agreement by itself."""


class FlawedStore:
    """Lists and dicts under one lock, with at most one flaw."""

    def __init__(self, flaw: str = "") -> None:
        """Take one of `FLAWS`, or nothing."""
        self._flaw = flaw
        self._lock = threading.RLock()
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)
        self._snapshots: dict[str, Agreement] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._requests: dict[str, Known] = {}
        self._outbox: dict[str, Delivery] = {}
        self._definitions: dict[str, Definition] = {}
        self._held: dict[str, str] = {}
        self._first: dict[str, Agreement] = {}
        self._offsets: dict[str | None, int] = {}
        self._seen: set[str] = set()
        self._late: set[str] = set()

    def has(self, flaw: str) -> bool:
        """Say whether the flaw is this one, and make sure that it is listed."""
        assert flaw in FLAWS
        return self._flaw == flaw

    def _key(self, id_: str) -> str:
        """Return under which key an id is kept."""
        return id_.replace("e\u0301", "\u00e9") if self.has("ignores accents") else id_

    @contextmanager
    def unit(self, agreement: str) -> Iterator[FlawedUnit]:
        """Lock everything."""
        with ExitStack() as locks:
            locks.enter_context(self._locked(agreement))
            try:
                yield FlawedUnit(self, agreement, locks)
            except KeyboardInterrupt:
                if self.has("keeps the lock"):
                    raise StoreError("stuck") from None
                raise
            except LookupError:
                if not self.has("keeps the error"):
                    raise

    def _locked(self, agreement: str) -> AbstractContextManager[object]:
        """Return what a unit is under."""
        if self.has("has no lock") or (self.has("starts without a lock") and agreement not in self._snapshots):
            return nullcontext()
        return self._locks[agreement] if any(map(self.has, LOCKING)) else self._lock

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement, or None."""
        return self._snapshots.get(self._key(agreement))

    def history(self, agreement: str, after: int = 0, upto: int | None = None) -> Sequence[Entry]:
        """Return its events."""
        return self._entries.get(self._key(agreement), [])[after:upto]

    def find(self, query: Query, *, after: str | None, limit: int) -> Sequence[Agreement]:
        """Return a page."""
        asked = attrs.evolve(query, on_hold=None) if self.has("lists whatever their hold") else query
        asked = attrs.evolve(asked, part_of=None) if self.has("lists whatever they are part of") else asked
        with self._lock:
            found = [a for a in self._snapshots.values() if self._matches(asked, a)]
        found.sort(key=lambda a: a.id.casefold() if self.has("sorts without case") else a.id)
        if self.has("lists what is due by date") and query.due_before is not None:
            found.sort(key=lambda a: str(a.wakes_at))
        if self.has("lists by offset"):
            start = 0 if after is None else self._offsets.get(after, 0)
            page = found[start : start + limit]
            if page:
                self._offsets[page[-1].id] = start + len(page)
            return page
        if after is not None:
            found = [
                a for a in found if a.id > after or (a.id == after and self.has("includes the last of the page before"))
            ]
        return found[:limit]

    def _matches(self, query: Query, agreement: Agreement) -> bool:
        """Say whether an agreement is meant."""
        if query.text is not None and self.has("looks for patterns") and "%" in query.text:
            return True
        if query.overdue and self.has("is overdue for ever"):
            return agreement.id in self._late and attrs.evolve(query, overdue=None).matches(agreement)
        if query.due_before is not None:
            return self._due(query, query.due_before, agreement)
        return query.matches(agreement)

    def _due(self, query: Query, at: datetime, agreement: Agreement) -> bool:
        """Say whether an agreement is meant where what is due is asked for."""
        if self.has("is due by the day"):
            query = attrs.evolve(query, due_before=at + timedelta(days=1))
        if self.has("knows dates only"):
            dates = [one.at for one in agreement.deadlines.values() if one.at is not None and not one.overdue]
            return any(date <= at for date in dates) and attrs.evolve(query, due_before=None).matches(agreement)
        return query.matches(agreement) and not self.has("lists nothing that is due")

    def count(self, query: Query, by: str | None) -> dict[Any, int]:
        """Look at each and count."""
        counts: Counter[Any] = Counter()
        snapshots = self._first if self.has("counts from the start only") else self._snapshots
        with self._lock:
            for a in snapshots.values():
                values: dict[str | None, list[Any]] = {
                    None: [None],
                    "stage": [a.stage],
                    "process": [a.process.id],
                    "outcome": [a.outcome],
                    "running": [a.running],
                    "owner": list(a.owner),
                    "on_hold": [a.hold is not None],
                }
                if query.matches(a):
                    counts.update(values[by])
        return dict(counts)

    def claim(self, now: datetime, *, until: datetime, limit: int, only: str | None = None) -> Sequence[Delivery]:
        """Take what is due."""
        late = timedelta(hours=1) if self.has("claims by the hour") else timedelta(0)
        with self._lock:
            taken: list[Delivery] = []
            for row in self.outbox("pending"):
                free = row.leased_until is None or (row.leased_until <= now and not self.has("leases for ever"))
                held = "*" in self._held or row.notification.recipient in self._held
                asked = only in (None, row.notification.id) and not held
                if len(taken) < limit and free and asked and row.due_at <= now + late:
                    taken.append(attrs.evolve(row, leased_until=until))
            for row in taken:
                if not self.has("leases to two") or row.notification.id in self._seen:
                    self._outbox[row.notification.id] = row
                self._seen.add(row.notification.id)
        return taken

    def settle(self, claimed: Delivery, settled: Delivery) -> bool:
        """Write how a delivery went."""
        with self._lock:
            row = self._outbox[claimed.notification.id]
            mine = row.status == "pending" and row.leased_until == claimed.leased_until is not None
            if mine or self.has("settles whoever comes"):
                self._outbox[claimed.notification.id] = settled
            return mine

    def outbox(self, status: str | None = None) -> Sequence[Delivery]:
        """Return its rows."""
        rows = [row for row in self._outbox.values() if status in (None, row.status)]
        return sorted(rows, key=lambda r: (r.due_at, r.notification.agreement, r.notification.n, r.notification.id))

    def requeue(self, now: datetime, notification: str | None = None) -> int:
        """Make what is dead due again."""
        with self._lock:
            dead = [r for r in self.outbox("dead") if notification in (None, r.notification.id)]
            for row in dead:
                again = attrs.evolve(row, status="pending", tries=0, due_at=now, error="", expires_at=None)
                self._outbox[row.notification.id] = again
        return len(dead)

    def hold(self, scope: str, why: str) -> None:
        """Deliver nothing of it."""
        self._held[scope] = why

    def release(self, scope: str) -> bool:
        """Deliver it again."""
        return self._held.pop(scope, None) is not None

    def holds(self) -> dict[str, str]:
        """Return what is held."""
        return dict(sorted(self._held.items()))

    def definition(self, digest: str) -> bytes | None:
        """Return a definition, or None."""
        found = self._definitions.get(digest)
        return None if found is None else found.body

    def definitions(self) -> Sequence[Definition]:
        """Return every definition."""
        found = list(self._definitions.values())
        return found if self.has("lists definitions as they come") else sorted(found, key=lambda d: d.pin.digest)

    def dossiers(self, agreement: str | None = None) -> Iterator[Dossier]:
        """Return all there is."""
        with self._lock:
            ids = sorted(self._snapshots) if agreement is None else {agreement} & set(self._snapshots)
            dossiers = [
                Dossier(
                    id=id_,
                    agreement=self._shown(self._snapshots[id_]),
                    entries=tuple(self._entries[id_]),
                    requests={
                        (known.n, request): known.fingerprint
                        for request, known in self._requests.items()
                        if known.agreement == id_ and not self.has("has dossiers without requests")
                    },
                    outbox={
                        i: (row.notification.n, sha256(row.notification.payload()).hexdigest())
                        for i, row in self._outbox.items()
                        if row.notification.agreement == id_
                    },
                )
                for id_ in ids
            ]
        yield from dossiers

    def _shown(self, agreement: Agreement) -> Agreement:
        """Return the snapshot that a dossier has."""
        without = type(agreement.deadlines)()
        return attrs.evolve(agreement, deadlines=without) if self.has("has dossiers without dates") else agreement

    def faults(self) -> Sequence[str]:
        """Find nothing."""
        return ()

    def close(self) -> None:
        """Hold nothing open."""

    def other(self, agreement: str) -> Agreement | None:
        """Return another agreement, or None."""
        return self._first.get(agreement) if self.has("shows others as they began") else self.get(agreement)

    def parts(self, whole: str) -> Sequence[Agreement]:
        """Return the parts of an agreement."""

        def key(id_: str) -> str:
            return normalize("NFC", id_) if self.has("mixes up the wholes") else id_

        found = (a for a in list(self._snapshots.values()) if a.part_of is not None and key(a.part_of) == key(whole))
        return sorted(found, key=lambda a: a.id)

    def known(self, request: str, agreement: str | None = None) -> Known | None:
        """Return what is known of a request, asked within the unit of an agreement."""
        known = self._requests.get(request.lower() if self.has("ignores case") else request)
        if known is not None and self.has("forgets requests of others") and agreement not in (None, known.agreement):
            return None
        return known

    def _kept(self, agreement: Agreement) -> Agreement:
        """Return what is kept of a snapshot."""
        if self.has("forgets holds"):
            return attrs.evolve(agreement, hold=None)
        if self.has("drops microseconds"):
            return attrs.evolve(agreement, changed_at=agreement.changed_at.replace(microsecond=0))
        if self.has("takes numbers for versions"):
            return attrs.evolve(agreement, version=agreement.n)
        if self.has("forgets reminders"):
            several = {key: attrs.evolve(one, remind_at=()) for key, one in agreement.deadlines.items()}
            return attrs.evolve(agreement, deadlines=type(agreement.deadlines)(several))
        if self.has("cannot keep long texts"):
            return attrs.evolve(agreement, title=agreement.title[:2000])
        return agreement

    def write(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None = None,
    ) -> None:
        """Write all of it, or nothing."""
        id_ = self._key(agreement.id)
        entries = self._entries.get(id_, [])
        rows = {told.id: Delivery.of(told, agreement.changed_at) for told in notifications}
        if self.has("keeps the definitions of what failed"):
            self._define(definition)
        if self.has("tells what failed"):
            self._outbox.update(rows)
        taken = entry.n <= len(entries) and not self.has("adds events twice")
        if taken or (entry.n > len(entries) + 1 and not self.has("leaves numbers out")):
            raise Conflict(id_, entry.n - 1, len(entries))
        if request is not None and request[0] in self._requests and not self.has("ignores case"):
            if self.has("writes half"):
                self._snapshots[id_] = agreement
            raise StoreError(f"the request {request[0]!r} is taken")
        if len(rows) < len(notifications):
            raise StoreError("a notification stands there twice")
        if self.has("normalises bodies"):
            entry = attrs.evolve(entry, body=entry.body.decode().replace("\ufb01", "fi").encode())
        self._entries[id_] = [*entries, entry]
        self._snapshots[id_] = self._kept(agreement)
        self._first.setdefault(id_, agreement)
        if agreement.overdue:
            self._late.add(id_)
        self._outbox.update(rows)
        if request is not None:
            self._requests[request[0].lower() if self.has("ignores case") else request[0]] = request[1]
        self._define(definition)

    def _define(self, definition: Definition | None) -> None:
        """Keep a definition."""
        if definition is None or self.has("keeps no definitions"):
            return
        if definition.pin.digest not in self._definitions or self.has("overwrites definitions"):
            self._definitions[definition.pin.digest] = definition


class FlawedUnit:
    """A unit of it."""

    def __init__(self, store: FlawedStore, agreement: str, locks: ExitStack) -> None:
        """Lock nothing: the store did; *locks* takes what is read of others, where not all is locked."""
        self.id = agreement
        self._locks = locks
        self._store = store
        self._done = False
        self.agreement: Agreement | None = store.get(agreement)
        if store.has("shows what is not committed") and self.agreement is not None:
            store._snapshots[agreement] = attrs.evolve(self.agreement, n=self.agreement.n + 1)

    def other(self, agreement: str) -> Agreement | None:
        """Ask the store."""
        lock = self._store._locks[agreement]
        if self._store.has("locks no parts"):
            self._locks.enter_context(lock)
        if self._store.has("reads past who writes") and lock.acquire(blocking=False):
            self._locks.callback(lock.release)
        return self._store.other(agreement)

    def parts(self) -> Sequence[Agreement]:
        """Ask the store."""
        return self._store.parts(self.id)

    def known(self, request: str) -> Known | None:
        """Ask the store."""
        return self._store.known(request, self.id)

    def commit(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None = None,
    ) -> None:
        """Write, once."""
        if self._done:
            raise StoreError("a unit commits once")
        if self._store.has("has no lock"):
            # Last writer wins: what was written meanwhile is gone.
            self._store._entries[self.id] = self._store._entries.get(self.id, [])[: entry.n - 1]
        self._store.write(agreement, entry, notifications, request, definition)
        self._done = True
