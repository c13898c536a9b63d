"""A third store, as plain as can be, that can be given one flaw: what the contract is held against."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar
from unicodedata import normalize

import attrs

from stagegate import (
    Agreement,
    Conflict,
    Definition,
    Delivery,
    Dossier,
    Entry,
    Known,
    Notification,
    Query,
    StoreError,
    Unit,
)

T = TypeVar("T")

FLAWS = {
    "adds events twice": "test_number_twice",
    "believes a wrong clock": "test_dates_of_a_wrong_clock",
    "believes what is written first": "test_untouched_is_due",
    "cannot keep long texts": "test_hostile_texts",
    "claims as it was written": "test_large_outbox",
    "claims by the hour": "test_claim_what_is_due",
    "claims whatever is asked for": "test_claim_only",
    "counts from the start only": "test_counts_follow",
    "counts what was not tried": "test_put_back",
    "drops microseconds": "test_instants_are_exact",
    "forgets holds": "test_every_field_is_kept",
    "forgets reminders": "test_deadlines_are_kept",
    "forgets requests of others": "test_request_is_known_everywhere",
    "gives no receipts": "test_receipts",
    "gives the error of one to the next": "test_failing_jobs_among_many",
    "gives up a batch for one no": "test_conflict_in_a_batch",
    "hands out what is held by its id": "test_hold_everything",
    "hands out whatever is asked for by its id": "test_claim_only_what_is_due",
    "has dossiers without dates": "test_dossier_has_dates",
    "has dossiers without requests": "test_dossier_is_complete",
    "has no lock": "test_second_writer",
    "holds a little later": "test_nothing_is_claimed_once_it_is_held",
    "holds everybody": "test_hold_one",
    "holds whatever the case": "test_recipients_are_told_apart",
    "ignores accents": "test_histories_do_not_mix",
    "ignores case": "test_requests_are_told_apart",
    "includes the last of the page before": "test_pages",
    "is due by the day": "test_due_at_the_very_instant",
    "is overdue for ever": "test_due_follows",
    "keeps no definitions": "test_definition_is_kept",
    "keeps no errors of the dead": "test_letters_alike",
    "keeps the answers": "test_job_result",
    "keeps the definitions of what failed": "test_definition_of_no_commit",
    "keeps the error": "test_error_passes_through",
    "keeps the first reason": "test_holds_are_listed",
    "keeps the lock": "test_interruption_gives_the_lock_back",
    "keeps what a batch had written": "test_batch_that_fails",
    "knows dates only": "test_whatever_comes_first",
    "knows requests inside only": "test_requests_are_known_outside",
    "leases for ever": "test_lease_runs_out",
    "leases to two": "test_workers_never_share",
    "leaves numbers out": "test_number_left_out",
    "lists by offset": "test_pages_while_others_are_added",
    "lists definitions as they come": "test_definitions_in_order",
    "lists nothing that is due": "test_many_sweep",
    "lists what is due by date": "test_pages_of_what_is_due",
    "lists whatever their hold": "test_every_filter",
    "lists whatever they are part of": "test_every_filter",
    "locks no parts": "test_parts_stay",
    "locks one at a time": "test_other_stays",
    "looks for patterns": "test_text_is_no_pattern",
    "loses every fifth job": "test_many_jobs",
    "mixes up the answers": "test_many_jobs_on_one_agreement",
    "mixes up the wholes": "test_parts_are_read",
    "names no command": "test_schema_that_is_older",
    "normalises bodies": "test_bytes_are_kept",
    "opens whatever is there": "test_schema_that_is_newer",
    "overwrites definitions": "test_definition_stays",
    "puts off what it holds": "test_hold_changes_no_row",
    "puts what was let go behind the others": "test_let_go",
    "reads past who writes": "test_no_two_that_are_open_rest_on_each_other",
    "releases all at once": "test_release",
    "requeues into a hand": "test_requeued_is_delivered",
    "requeues what is in a hand": "test_requeue_what_is_not_dead",
    "requeues what was delivered": "test_requeue_all",
    "requeues with its end": "test_requeue_one",
    "rounds what ends": "test_end_is_kept",
    "says what it was made as": "test_schema_of_what_is_open",
    "settles nothing while it holds": "test_settle_while_held",
    "settles whoever comes": "test_settle_too_late",
    "shows jobs the beginning": "test_job_sees_the_last",
    "shows others as they began": "test_others_follow",
    "shows what is not committed": "test_nothing_shows_before_the_commit",
    "sorts without case": "test_order",
    "speaks English only": "test_language_reference_age",
    "starts without a lock": "test_no_part_is_added",
    "swallows interruptions": "test_job_interrupted",
    "takes a conflict for done": "test_conflicting_jobs_among_many",
    "takes numbers for versions": "test_reminder_is_no_change",
    "takes the last change for the cause": "test_begins_when_it_was_caused",
    "tells nothing of a batch": "test_batch",
    "tells what failed": "test_outbox_of_no_commit",
    "upgrades once more": "test_schema_that_is_up_to_date",
    "wants every job to commit": "test_idle_job",
    "wraps what a job raises": "test_job_error",
    "writes a batch at once": "test_batch_is_seen_whole",
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
        self._grace = 0
        self._jobs = 0
        self._last: Any = None
        self._answer: Any = None
        self._seen: set[str] = set()
        self._late: set[str] = set()
        self.version = FlawedSchema.newest

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
        with self._lock:
            held = self._in_force()
            taken: list[Delivery] = []
            for row in self._outbox.values() if self.has("claims as it was written") else self.outbox("pending"):
                meant = only in (None, row.notification.id) or self.has("claims whatever is asked for")
                if len(taken) < limit and meant and self._free(row, now, only, held):
                    taken.append(attrs.evolve(row, leased_until=until))
            for row in taken:
                if not self.has("leases to two") or row.notification.id in self._seen:
                    self._outbox[row.notification.id] = row
                self._seen.add(row.notification.id)
        return taken

    def _in_force(self) -> set[str]:
        """Return what is held."""
        if self._grace and self.has("holds a little later"):
            self._grace -= 1
            return set()
        return set(self._held)

    def _free(self, row: Delivery, now: datetime, only: str | None, held: set[str]) -> bool:
        """Say whether a row can be claimed."""
        recipient = row.notification.recipient
        if self.has("holds whatever the case"):
            held, recipient = {scope.casefold() for scope in held}, recipient.casefold()
        if held and self.has("holds everybody"):
            return False
        if held & {"*", recipient} and not (only and self.has("hands out what is held by its id")):
            return False
        if only and row.status == "pending" and self.has("hands out whatever is asked for by its id"):
            return True
        return not self._believed(row, now) and (
            row.claimable(now) or (self.has("claims by the hour") and row.claimable(now + timedelta(hours=1)))
        )

    def _believed(self, row: Delivery, now: datetime) -> bool:
        """Say whether a flaw takes a row for one that is not due."""
        if row.leased_until is not None and self.has("leases for ever"):
            return True
        if row.due_at > now and self.has("believes what is written first"):
            return True
        return row.due_at > now + timedelta(days=1) and bool(row.error) and self.has("believes a wrong clock")

    def settle(self, claimed: Delivery, settled: Delivery) -> bool:
        """Write how a delivery went."""
        with self._lock:
            row = self._outbox[claimed.notification.id]
            if self._held and self.has("settles nothing while it holds"):
                return False
            mine = row.status == "pending" and row.leased_until == claimed.leased_until is not None
            if mine or self.has("settles whoever comes"):
                self._outbox[claimed.notification.id] = self._settled(settled)
            return mine

    def _settled(self, settled: Delivery) -> Delivery:
        """Return what is kept of how it went."""
        if settled.status == "pending" and self.has("counts what was not tried"):
            return attrs.evolve(settled, tries=settled.tries + 1)
        if settled.status == "pending" and self.has("puts what was let go behind the others"):
            return attrs.evolve(settled, due_at=settled.due_at + timedelta(hours=5))
        if settled.status == "dead" and self.has("keeps no errors of the dead"):
            return attrs.evolve(settled, error="")
        return settled

    def outbox(self, status: str | None = None) -> Sequence[Delivery]:
        """Return its rows."""
        rows = [row for row in self._outbox.values() if status in (None, row.status)]
        return sorted(rows, key=lambda r: (r.due_at, r.notification.agreement, r.notification.n, r.notification.id))

    def requeue(self, now: datetime, notification: str | None = None) -> int:
        """Make what is dead due again."""
        statuses = {"dead"}
        if self.has("requeues what was delivered"):
            statuses = {"dead", "delivered"}
        if self.has("requeues what is in a hand"):
            statuses = {"dead", "pending"}
        hand = now + timedelta(hours=1) if self.has("requeues into a hand") else None
        with self._lock:
            several = [r for r in self.outbox() if r.status in statuses and notification in (None, r.notification.id)]
            for row in several:
                end = row.expires_at if self.has("requeues with its end") else None
                self._outbox[row.notification.id] = attrs.evolve(
                    row, status="pending", tries=0, due_at=now, error="", expires_at=end, leased_until=hand
                )
        return len(several)

    def hold(self, scope: str, why: str) -> None:
        """Deliver nothing of it."""
        with self._lock:
            self._grace = 30
            if scope not in self._held or not self.has("keeps the first reason"):
                self._held[scope] = why
            if self.has("puts off what it holds"):
                later = timedelta(hours=1)
                self._outbox = {i: attrs.evolve(row, due_at=row.due_at + later) for i, row in self._outbox.items()}

    def release(self, scope: str) -> bool:
        """Deliver it again."""
        with self._lock:
            held = self._held.pop(scope, None) is not None
            if self.has("releases all at once"):
                self._held.clear()
            return held

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

    def reopened(self) -> FlawedStore:
        """Open it anew, if its version is the right one."""
        if self.version > FlawedSchema.newest and not self.has("opens whatever is there"):
            message = f"schema {self.version} is newer than schema {FlawedSchema.newest}"
            raise StoreError(message)
        if self.version < FlawedSchema.newest:
            remedy = "" if self.has("names no command") else ", run: stagegate db upgrade"
            message = f"schema {self.version} is older than schema {FlawedSchema.newest}{remedy}"
            raise StoreError(message)
        return self

    def stamp(self, version: int) -> None:
        """Have another version."""
        self.version = version

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
        if agreement is None and self.has("knows requests inside only"):
            return None
        known = self._requests.get(request.lower() if self.has("ignores case") else request)
        if known is not None and self.has("forgets requests of others") and agreement not in (None, known.agreement):
            return None
        return known

    def work(self, agreement: str, job: Callable[[Unit], T]) -> T:
        """Run a job."""
        with self._lock:
            self._jobs += 1
            self._last, before = None, self._last
            if before is not None and self.has("gives the error of one to the next"):
                raise before
        try:
            answer = self._run(agreement, job)
        except KeyboardInterrupt:
            if self.has("swallows interruptions"):
                return None  # type: ignore[return-value]
            raise
        except Exception as error:
            self._last = error
            if self.has("wraps what a job raises"):
                raise StoreError("a job failed") from error
            raise
        self._answer, before_it = answer, self._answer
        if self.has("mixes up the answers"):
            return before_it  # type: ignore[no-any-return]
        return None if self.has("keeps the answers") else answer  # type: ignore[return-value]

    def _run(self, agreement: str, job: Callable[[Unit], T]) -> T:
        """Run a job in a unit."""
        with self.unit(agreement) as unit:
            if self.has("shows jobs the beginning"):
                unit.agreement = self._first.get(agreement)
            unit.lost = self._jobs % 5 == 0 and self.has("loses every fifth job")
            try:
                answer = job(unit)
            except Conflict:
                if self.has("takes a conflict for done"):
                    return None  # type: ignore[return-value]
                raise
            if self.has("wants every job to commit") and not unit.done:
                raise StoreError("nothing was committed")
            return answer

    @contextmanager
    def batch(self) -> Iterator[FlawedStore]:
        """Write into a copy, and take its place."""
        kept = ("_snapshots", "_entries", "_requests", "_outbox", "_definitions", "_first", "_held")
        with self._lock:
            copy = self if self.has("writes a batch at once") else FlawedStore(self._flaw)
            for name in kept:
                setattr(copy, name, dict(getattr(self, name)))
            try:
                yield copy
            except LookupError:
                if self.has("keeps what a batch had written"):
                    self._snapshots = copy._snapshots
                raise
            for name in kept:
                if name != "_outbox" or not self.has("tells nothing of a batch"):
                    setattr(self, name, getattr(copy, name))

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
        rows = {told.id: self._row(told, agreement) for told in notifications}
        if self.has("keeps the definitions of what failed"):
            self._define(definition)
        if self.has("tells what failed"):
            self._outbox.update(rows)
        taken = entry.n <= len(entries) and not self.has("adds events twice")
        if taken or (entry.n > len(entries) + 1 and not self.has("leaves numbers out")):
            if self.has("gives up a batch for one no"):
                self._entries.pop(id_, None)
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

    def _row(self, told: Notification, agreement: Agreement) -> Delivery:
        """Return the row of what is told."""
        if self.has("speaks English only"):
            told = attrs.evolve(told, lang="en")
        if self.has("gives no receipts"):
            told = attrs.evolve(told, hash=b"")
        if self.has("takes the last change for the cause"):
            told = attrs.evolve(told, at=None)
        row = Delivery.of(told, agreement.changed_at)
        if row.expires_at is not None and self.has("rounds what ends"):
            row = attrs.evolve(row, expires_at=row.expires_at.replace(microsecond=0))
        return row

    def _define(self, definition: Definition | None) -> None:
        """Keep a definition."""
        if definition is None or self.has("keeps no definitions"):
            return
        if definition.pin.digest not in self._definitions or self.has("overwrites definitions"):
            self._definitions[definition.pin.digest] = definition


class FlawedSchema:
    """The schema of that store, of which there were two versions."""

    newest = 2

    def __init__(self, store: FlawedStore) -> None:
        """Take the store."""
        self._store = store

    def version(self) -> int | None:
        """Return the version that is there."""
        return 1 if self._store.has("says what it was made as") else self._store.version

    def upgrade(self) -> Sequence[int]:
        """Bring it up to date."""
        found, self._store.version = self._store.version, self.newest
        if found > self.newest:
            self._store.version = found
            message = f"schema {found} is newer than schema {self.newest}"
            raise StoreError(message)
        return range(found + (not self._store.has("upgrades once more")), self.newest + 1)

    def close(self) -> None:
        """Hold nothing open."""


class FlawedUnit:
    """A unit of it."""

    def __init__(self, store: FlawedStore, agreement: str, locks: ExitStack) -> None:
        """Lock nothing: the store did; *locks* takes what is read of others, where not all is locked."""
        self.id = agreement
        self._locks = locks
        self._store = store
        self.done = self.lost = False
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
        if self.lost:
            return
        if self.done:
            raise StoreError("a unit commits once")
        if self._store.has("has no lock"):
            # Last writer wins: what was written meanwhile is gone.
            self._store._entries[self.id] = self._store._entries.get(self.id, [])[: entry.n - 1]
        self._store.write(agreement, entry, notifications, request, definition)
        self.done = True
