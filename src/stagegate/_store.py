"""What keeps histories: the contract that every store obeys. `stagegate.testing.StoreContract` is its law."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeGuard, TypeVar, runtime_checkable

import attrs

from ._agreement import Agreement
from ._history import Entry
from ._notices import Delivery, Notification
from ._records import Pin

T = TypeVar("T")


@attrs.define(kw_only=True, frozen=True)
class Known:
    """
    A request that was answered before.

    Attributes:
        agreement: The agreement it was for.

        n: The number of the event it became.

        fingerprint: The digest of its parameters.
    """

    agreement: str
    n: int
    fingerprint: str


@attrs.define(frozen=True)
class Definition:
    """
    The definition of a process, kept beside the histories that run under it.

    Attributes:
        pin: The process: its id, its version, and the digest under which the definition is kept.

        body: The definition in canonical form, as `Process.to_json` writes it.
    """

    pin: Pin
    body: bytes


@attrs.define(kw_only=True, frozen=True)
class Query:
    """
    Which agreements are meant; what is None is not asked.

    Attributes:
        stage: They stand at this stage.

        process: They run under a process of this id.

        outcome: They ended so.

        running: They run (True) or have ended (False).

        owner: It is the turn of this role.

        on_hold: They are on hold (True) or not (False).

        party: This party is among theirs.

        text: Their id, title or a party's name holds this text, whatever its case.

        changed_since: They changed at or after this instant.

        overdue: Something of theirs is overdue (True) or nothing is (False).

        part_of: They are parts of this agreement.

        due_before: Something of theirs is to be done at or before this instant (`Agreement.wakes_at`).
    """

    stage: str | None = None
    process: str | None = None
    outcome: str | None = None
    running: bool | None = None
    owner: str | None = None
    on_hold: bool | None = None
    party: str | None = None
    text: str | None = None
    changed_since: datetime | None = None
    overdue: bool | None = None
    part_of: str | None = None
    due_before: datetime | None = None

    COUNTED: ClassVar = ("stage", "process", "outcome", "running", "owner", "on_hold")

    def matches(self, agreement: Agreement) -> bool:
        """Say whether *agreement* is meant."""
        return all(
            (
                self.stage in (None, agreement.stage),
                self.process in (None, agreement.process.id),
                self.outcome in (None, agreement.outcome),
                self.running in (None, agreement.running),
                self.owner is None or self.owner in agreement.owner,
                self.on_hold in (None, agreement.hold is not None),
                self.party is None or any(party.id == self.party for party in agreement.parties),
                self.text is None or self.text.casefold() in agreement.searchable,
                self.changed_since is None or agreement.changed_at >= self.changed_since,
                self.overdue in (None, agreement.overdue),
                self.part_of in (None, agreement.part_of),
                self.due_before is None or ((wakes := agreement.wakes_at) is not None and wakes <= self.due_before),
            )
        )


@attrs.define(kw_only=True, frozen=True)
class Dossier:
    """
    Everything a store holds on one agreement, as it is stored, for `verify`.

    Attributes:
        id: The agreement.

        agreement: The snapshot; None where there is none or it cannot be read.

        entries: The events, in the order of their numbers.

        requests: The fingerprint of each request, by the number of its event and its id.

        outbox: For each row of the outbox, by the id of its notification: the number of its event, and the SHA-256 of
            what is stored to be told.

        faults: What the store itself finds wrong with its rows: copies and checks that do not agree.
    """

    id: str
    agreement: Agreement | None
    entries: Sequence[Entry]
    requests: Mapping[tuple[int, str], str]
    outbox: Mapping[str, tuple[int, str]]
    faults: Sequence[tuple[int, str]] = ()


class Unit(Protocol):
    """One unit of work on one agreement, which nobody else can change meanwhile."""

    id: str
    """The id of the agreement."""

    @property
    def agreement(self) -> Agreement | None:
        """The agreement as it is; None if there is none of this id."""

    def other(self, agreement: str) -> Agreement | None:
        """
        Return another agreement as it is, or None.

        What a unit has read of others must still be so when it commits, and no two units may each rest on what the
        other changes. A store whose one lock covers all has nothing to do for it. Any other takes a lock on what is
        read, that keeps out whoever writes it; or it looks again at the commit, so that nobody comes in between, and
        raises `Conflict` if anything has changed.
        """

    def parts(self) -> Sequence[Agreement]:
        """
        Return the agreements that are parts of this one, in the order of their ids.

        They are as fixed as what `other` returns, and so is that there are no more of them: who starts a part reads
        this agreement through `other`, and has to wait for the lock on it, or makes the commit a `Conflict`.
        """

    def known(self, request: str) -> Known | None:
        """Return what is known of a request id, whichever agreement it was for."""

    def commit(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None = None,
    ) -> None:
        """
        Write the next event, the agreement after it, its notifications, its request id: all or nothing, durably.

        With the event under which an agreement begins to run under a process comes the definition of that process. It
        is kept by its digest; one that is there already stays as it is.

        Raises:
            Conflict: If the number of the event is not the next one.

            StoreError: If it cannot be written; then nothing is.

            OutcomeUnknown: If it cannot be said whether it was written.
        """


@runtime_checkable
class Store(Protocol):
    """What keeps histories, and how it is asked. May be used by many threads at once."""

    def unit(self, agreement: str) -> AbstractContextManager[Unit]:
        """Lock an agreement, or the right to start it, until the block is left; without `commit`, nothing changes."""

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement as it is, or None."""

    def history(self, agreement: str, after: int = 0, upto: int | None = None) -> Sequence[Entry]:
        """Return its events with numbers above *after*, up to *upto*, in order."""

    def find(self, query: Query, *, after: str | None, limit: int) -> Sequence[Agreement]:
        """Return the first *limit* agreements that are meant, in the order of their ids, behind the id *after*."""

    def count(self, query: Query, by: str | None) -> Mapping[Any, int]:
        """Return how many are meant, by the values of one of `Query.COUNTED`, or in all under None."""

    def known(self, request: str) -> Known | None:
        """
        Return what is known of a request id once nobody is writing it any more.

        Where a commit under this id may still be under way, it waits for its end: what it answers is final.
        """

    def claim(self, now: datetime, *, until: datetime, limit: int, only: str | None = None) -> Sequence[Delivery]:
        """
        Take rows of the outbox that are due and in nobody's hand: those that are `Delivery.claimable`.

        Nothing is taken while everything is held, and nothing of a recipient who is. A row that cannot be read is
        passed over, so that it holds up nobody.

        Args:
            now: What is due at this time is taken, the oldest first.

            until: To have until then; after that another may take them.

            limit: How many at most.

            only: Only the notification of this id.

        Raises:
            HistoryTampered: If nothing is due but what cannot be read.
        """

    def settle(self, claimed: Delivery, settled: Delivery) -> bool:
        """Write how the delivery of a claimed row went; False, and nothing written, if another has it now."""

    def outbox(self, status: str | None = None) -> Iterable[Delivery]:
        """
        Return the rows of the outbox, oldest first, of one status or of all.

        Raises:
            HistoryTampered: After all that can be read, if some cannot.
        """

    def requeue(self, now: datetime, notification: str | None = None) -> int:
        """
        Make dead rows of the outbox due again, untried and without an end; return how many.

        Args:
            now: When they are due.

            notification: Only the one of this id; None: all that are dead.
        """

    def hold(self, scope: str, why: str) -> None:
        """Deliver nothing of what *scope* covers: `*` for everything, or a `Notification.recipient`."""

    def release(self, scope: str) -> bool:
        """Deliver again what *scope* covers; False if it was not held."""

    def holds(self) -> Mapping[str, str]:
        """Return what is held, and why, in the order of the scopes."""

    def definition(self, digest: str) -> bytes | None:
        """Return the definition that is kept under a digest, or None."""

    def definitions(self) -> Iterable[Definition]:
        """Return every definition that is kept, in the order of their digests."""

    def dossiers(self, agreement: str | None = None) -> Iterator[Dossier]:
        """Return all that is stored, of one agreement or of all, in the order of ids."""

    def faults(self) -> Iterable[str]:
        """Return what does not agree in what the store keeps beside the dossiers, such as its counters."""

    def close(self) -> None:
        """Let go of what the store holds open."""


@runtime_checkable
class Working(Protocol):
    """What a store may have beside the contract: its own way to run a unit of work."""

    def work(self, agreement: str, job: Callable[[Unit], T]) -> T:
        """
        Run *job* in a unit of work, and return what it returns once that is committed.

        A store that shares one commit among many callers, or that has to begin anew where its database asks for it,
        does so here. The job may run in another thread, and more than once; only the last run counts.
        """


@runtime_checkable
class Joining(Protocol):
    """What a store may have beside the contract: it writes in a transaction that the host owns."""

    def using(self, connection: Any) -> Store:
        """
        Return a store in the transaction of *connection*: the same places, committed and rolled back by the host.

        Raises:
            InvalidValue: If it is no connection that this store knows.

            StoreError: If the connection leads elsewhere.
        """


@runtime_checkable
class Batching(Protocol):
    """What a store may have beside the contract: many changes in one commit."""

    def batch(self) -> AbstractContextManager[Store]:
        """
        Have a store for the length of a block, and commit all that was written by it at the end, or nothing.

        Nobody else sees any of it before that. Only the thread that opened the block uses the store.

        Raises:
            OutcomeUnknown: If it cannot be said whether it was committed.
        """


@runtime_checkable
class Copying(Protocol):
    """What a store may have beside the contract: it copies itself while others go on working."""

    def backup(self, file: str, why: str) -> None:
        """
        Copy all that is kept into a new file, as of one moment, with all deliveries held.

        Args:
            file: Where the copy is to be; nothing is written over.

            why: Why nothing of it is delivered.

        Raises:
            StoreError: If there is such a file already, or it cannot be written.
        """


@runtime_checkable
class Schema(Protocol):
    """
    The form in which a store keeps its histories: looked at, and brought up to date, without opening the store.

    Attributes:
        newest: The version that this stagegate reads and writes.
    """

    newest: int

    def version(self) -> int | None:
        """
        Return the version that is there; None if there is nothing yet.

        Raises:
            StoreError: If what is there is not ours, or cannot be read.
        """

    def upgrade(self) -> Sequence[int]:
        """
        Bring it up to date in one transaction, or make it; return the versions it has passed through.

        Raises:
            StoreError: If it is newer than this stagegate, too old, or not ours; nothing is changed then.
        """

    def close(self) -> None:
        """Let go of what it holds open."""


def obeys(value: object, protocol: type[T]) -> TypeGuard[T]:
    """
    Say whether *value* has all that *protocol* asks for.

    A wrapper that hands on whatever it is asked has it too, which `isinstance` does not see from Python 3.12 on.
    """
    asked = {name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")}
    return all(getattr(value, name, None) is not None for name in asked)


def work(store: Store, agreement: str, job: Callable[[Unit], T]) -> T:
    """Run *job* in a unit of work of *store*: in its own way, if it has one."""
    own = getattr(store, "work", None)
    if own is not None:
        return own(agreement, job)  # type: ignore[no-any-return]  # `Working` says what it returns
    with store.unit(agreement) as unit:
        return job(unit)
