"""The shell: read, decide, write, tell. In that order, always."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, overload

import attrs

from . import _changes, _delivery, _migration, _sweeping, _verify, _voting
from ._agreement import Agreement
from ._almanac import Almanac
from ._book import Book
from ._calendars import Calendar, load_calendar
from ._clock import Clock
from ._deadlines import Period
from ._forecast import Forecast
from ._forecast import forecast as foresee
from ._history import Event
from ._loading import load_process
from ._memory import MemoryStore
from ._messages import Template, wording
from ._notices import DEAD, DELIVERED, EVERYTHING, FAR, PENDING, Delivery, Message, Notification
from ._path import Lapsing, MutatingPath, Outside, Start, actor_of, id_of, not_found
from ._plain import MAX_INTEGER, freeze, instant, name
from ._plain import text as as_text
from ._plugins import Plugins, Sent
from ._process import Process
from ._reasons import Unmet
from ._records import Actor, Document, Party, Pin
from ._stages import LAW, MOVES
from ._store import Batching, Copying, Joining, Query, Store, obeys
from ._subscribers import teller
from ._subscriptions import Subscription
from ._text import frozendict
from ._waking import Waker
from .exceptions import HistoryTampered, InvalidValue, NoSuchMove, NotFound, StagegateError, StoreError, quote

MAX_PAGE = 500
LAPSES = 200
"""How much happens to one agreement in one sweep; what else is due is left to the next, so that every sweep ends."""


def utc_now() -> datetime:
    """Return the time of the system's clock, in UTC."""
    return datetime.now(UTC)


@attrs.define(kw_only=True, frozen=True)
class Option:
    """
    What could be done now, and what stands in its way.

    Attributes:
        move: The move.

        target: The stage or outcome it leads to; None where it leads nowhere else.

        unmet: Every reason why it would be refused: the same that the exception and the refused event would carry.

        permitted: Whether this actor may make it at all.

        roles: The roles that may.

        warnings: Reasons that only warn.
    """

    move: str
    target: str | None
    unmet: tuple[Unmet, ...]
    permitted: bool
    roles: tuple[str, ...]
    warnings: tuple[Unmet, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it would be done if this actor asked for it now."""
        return self.permitted and not self.unmet


@attrs.define(kw_only=True, frozen=True)
class Page:
    """
    A page of agreements, in the order of their ids.

    Attributes:
        items: The agreements.

        next: What to hand over as `after` for the next page; None on the last.
    """

    items: tuple[Agreement, ...]
    next: str | None


class Engine:
    """
    Moves agreements through the stages of their processes, and keeps what happened.

    Every method that changes something takes `by=` (who acts), and optionally `at=` (when it took effect; aware, not
    in the future) and `request_id=` (repeating a call under the same id gives the same answer and changes nothing).
    It takes an `Agreement`, which must still be current, or an id, which means the agreement as it is. It returns the
    new `Agreement`.

    An engine may be shared between threads.
    """

    def __init__(
        self,
        store: Store,
        *,
        processes: Iterable[Process | str | Path] = (),
        plugins: Plugins | None = None,
        calendars: Iterable[Calendar | str | Path] = (),
        waker: Waker | None = None,
        subscriptions: Iterable[Subscription | str | Path | Mapping[str, Any]] = (),
        addresses: Mapping[str, Any] | None = None,
        messages: Iterable[Template | str | Path | Mapping[str, Any]] = (),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """
        Put an engine on a store; `Engine.open` does so by url.

        Args:
            store: Where the histories are kept.

            processes: The processes it knows beside the built-in ones: values, or files of definitions.

            plugins: The plugins, loaded and checked.

            calendars: The calendars it knows beside the shipped ones: values, or files of definitions; of several with
                one id, the last is in force, and the others explain what was counted by them.

            waker: What is told after each commit when something is due; None: whoever calls `sweep` and `deliver`.

            subscriptions: Who is told of what: values, or files that also hold addresses.

            addresses: The addresses of roles, and such tables by channel, beside those of the files.

            messages: The templates that go before those that come along: values, or files of them.

            clock: Says what time it is.
        """
        self._store = store
        self._waker = waker
        self._joined = False
        self._plugins = plugins or Plugins(())
        self._clock = clock
        if isinstance(processes, (str, bytes, Path)) or not isinstance(processes, Iterable):
            message = f"processes: a list is needed, such as [process, 'permit.toml'], not {quote(processes)}"
            raise InvalidValue(message)
        if not obeys(store, Store):
            message = f"store: a Store is needed, not {quote(store)}; Engine.open takes a url"
            raise InvalidValue(message)
        if not callable(clock):
            message = f"clock: a function that says what time it is is needed, not {quote(clock)}"
            raise InvalidValue(message)
        predicates = self._plugins.predicates()
        given = [p if isinstance(p, Process) else load_process(p, requirements=predicates) for p in processes]
        brought = self._plugins.gather("stagegate_processes", Process)
        self._book = Book([*brought, *given], predicates=predicates, stored=store.definition)
        if isinstance(calendars, (str, bytes, Path)) or not isinstance(calendars, Iterable):
            message = f"calendars: a list is needed, such as [calendar, 'indonesia.toml'], not {quote(calendars)}"
            raise InvalidValue(message)
        read = [c if isinstance(c, Calendar) else load_calendar(c) for c in calendars]
        self._almanac = Almanac([*self._plugins.gather("stagegate_calendars", Calendar), *read])
        self._reckoner = Clock(self._almanac)
        self._wording = wording(self._plugins.gather("stagegate_messages", Template), messages)
        self._teller = teller(
            self._plugins.gather("stagegate_subscriptions", Subscription),
            subscriptions,
            addresses,
            # The built-in processes are read only if a name is not found without them.
            (self._book.given, self._book.all),
            self._plugins.addresses if self._plugins.asks_addresses else None,
        )
        self._path = MutatingPath(store, self._plugins, self._book, self._reckoner, clock, waker, self._teller)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        processes: Iterable[Process | str | Path] = (),
        plugins: Iterable[Any] = (),
        calendars: Iterable[Calendar | str | Path] = (),
        wake: str | None = None,
        subscriptions: Iterable[Subscription | str | Path | Mapping[str, Any]] = (),
        addresses: Mapping[str, Any] | None = None,
        messages: Iterable[Template | str | Path | Mapping[str, Any]] = (),
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """
        Open an engine.

        Args:
            url: Where the histories are kept: `sqlite:///file.db`, `postgresql://user:password@host/database`,
                `memory:`, or what a plugin understands.

            processes: The processes it knows beside the built-in ones: values, or files of definitions.

            plugins: Plugin objects; names of entry points in the group `stagegate`; or tables with such a name under
                `plugin` and what it is configured with, as a file of settings has them. Nothing else is loaded.

            calendars: The calendars it knows beside the shipped ones: values, or files of definitions.

            wake: By what the engine is woken when something is due, such as `temporal://host:7233/namespace`; None: by
                whoever calls `sweep` and `deliver`.

            subscriptions: Who is told of what: values, or files of subscriptions, which can hold addresses as well.

            addresses: The addresses of roles, such as `{"council": ["a@example.org"]}`, or such tables by channel.

            messages: Templates of messages that go before those that come along: values, or files of them.

            clock: Says what time it is.

        Raises:
            PluginError: If a plugin cannot be loaded or breaks a contract.

            DefinitionError: If a definition is faulty.

            StoreError: If the store cannot be opened.
        """
        url = as_text(url, "url")
        loaded = Plugins.serving((url, wake), plugins)
        store: Store = MemoryStore() if url == "memory:" else loaded.open_store(url)
        waker = None
        try:
            waker = None if wake is None else loaded.open_waker(as_text(wake, "wake"))
            return cls(
                store,
                processes=processes,
                plugins=loaded,
                calendars=calendars,
                waker=waker,
                subscriptions=subscriptions,
                addresses=addresses,
                messages=messages,
                clock=clock,
            )
        except BaseException:
            store.close()
            if waker is not None:
                waker.close()
            raise

    def using(self, connection: Any) -> Self:
        """
        Return this engine in a transaction that the host owns: what it writes is committed and rolled back with it.

        What happened is promised from the commit of the host on; until then nobody else sees it, and nothing of it can
        be delivered. A refused attempt is an event as well: a host that rolls back on `GateClosed` leaves no trace of
        it. Nobody is woken: `sweep` and `deliver` find what there is to do.

        Args:
            connection: A connection to the place where the store is, of a kind that the store knows, with or without a
                transaction under way.

        Raises:
            StoreError: If the store cannot join a transaction, or the connection leads elsewhere.

            InvalidValue: If it is no connection that the store knows.
        """
        if not obeys(self._store, Joining):
            message = f"{type(self._store).__name__} cannot join the transaction of a host; use a store that can"
            raise StoreError(message)
        joined = copy.copy(self)
        joined._join(self._store.using(connection))  # noqa: SLF001  it is this engine, in a transaction
        return joined

    @contextmanager
    def batch(self) -> Iterator[Self]:
        """
        Have an engine for the length of a block, all of whose changes are one commit at its end: for bringing in many.

        It decides, refuses and records as ever, and is several times as fast as a commit for each change. Nothing is
        acknowledged before the block is left: an error that leaves it, or a power cut in its midst, undoes all of it.
        Others wait meanwhile where the store has one lock, so a batch is best kept to some hundreds of changes. Use it
        in one thread, and change nothing by this engine there meanwhile. What it causes is delivered after it, and
        nobody is woken: `sweep` and `deliver` find what there is to do.

        Raises:
            StoreError: If the store has no batches.

            OutcomeUnknown: If it cannot be said whether the commit was made.
        """
        if not obeys(self._store, Batching):
            message = f"{type(self._store).__name__} has no batches; make the changes one by one"
            raise StoreError(message)
        with self._store.batch() as store:
            joined = copy.copy(self)
            joined._join(store)  # noqa: SLF001  it is this engine, in a transaction
            yield joined

    def _join(self, store: Store) -> None:
        self._store, self._waker, self._joined = store, None, True
        self._book = self._book.beside(store.definition)
        self._path = MutatingPath(store, self._plugins, self._book, self._reckoner, self._clock, teller=self._teller)

    def close(self) -> None:
        """Let go of the store; one in the transaction of a host stays open, as does the engine it came from."""
        if self._joined:
            return
        self._store.close()
        if self._waker is not None:
            self._waker.close()

    def __enter__(self) -> Self:
        """Use the engine for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the store."""
        self.close()

    # What it was opened with

    @property
    def processes(self) -> tuple[Process, ...]:
        """The processes it knows, the built-in ones among them."""
        return self._book.all()

    @property
    def calendars(self) -> Mapping[str, Calendar]:
        """The calendars in force, by id. They come along, or from plugins, or it was given them."""
        return MappingProxyType(self._almanac.all())

    @property
    def plugins(self) -> tuple[str, ...]:
        """The names of its plugins."""
        return self._plugins.names

    def process(self, agreement: Agreement | Pin) -> Process:
        """
        Return the process an agreement is pinned to; one that the engine was not opened with is read from the store.

        Args:
            agreement: The agreement, or a pin, such as that of an event before a migration.

        Raises:
            NotFound: If neither this engine nor its store knows exactly that definition.
        """
        if not isinstance(agreement, (Agreement, Pin)):
            message = f"agreement: an Agreement is needed, not {quote(agreement)}; get it first"
            raise InvalidValue(message)
        return self._book.pinned(agreement if isinstance(agreement, Pin) else agreement.process)

    # What happens within a stage

    def start(
        self,
        process: str,
        agreement: str,
        *,
        title: str = "",
        parties: Iterable[Party] = (),
        version: str | None = None,
        part_of: Agreement | str | None = None,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """
        Start an agreement at the first stage of a process.

        Args:
            process: The id of the process.

            agreement: The id the agreement is to have.

            title: What it is called.

            parties: Who it is between.

            version: The version of the process; by default the last that the engine was given.

            part_of: The agreement that it is to be part of, which must run; who starts it needs a role in both.

            by: Who starts it.

            at: When it started.

            request_id: An id under which the call can be repeated.

        Raises:
            AlreadyExists: If there is an agreement of this id.

            NotFound: If there is no such process, or no agreement for it to be part of.

            NoSuchMove: If the agreement that it is to be part of has ended, or one above that.

            GateClosed: If its first stage has a term that would end after that of the agreement it is to be part of.

            Conflict: If that one was handed over as a value and has changed since it was seen.

            NotPermitted: If the actor has no part in the process.
        """
        agreement = name(agreement, "agreement")
        pinned = self._book.latest(process, version)
        if not isinstance(parties, Iterable):
            message = f"parties: a list of Party is needed, not {quote(parties)}"
            raise InvalidValue(message)
        several = tuple(parties)
        for i, party in enumerate(several):
            if not isinstance(party, Party):
                message = f"parties[{i}]: a Party is needed, not {quote(party)}"
                raise InvalidValue(message)
        if len({party.id for party in several}) < len(several):
            message = "parties: two parties have the same id"
            raise InvalidValue(message)
        whole = None if part_of is None else id_of(part_of, "part_of")
        if whole == agreement:
            message = f"part_of: {agreement} cannot be part of itself; name the agreement that it is to belong to"
            raise InvalidValue(message)
        data = _changes.started(pinned, as_text(title, "title"), several, whole)
        details = frozendict({"process": pinned.id, "version": pinned.version, **data})
        wanted = Start(pinned, data, details, seen=part_of.version if isinstance(part_of, Agreement) else None)
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    def attach(
        self,
        agreement: Agreement | str,
        document: Document,
        *,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """File a document; a new version of one voids the approvals that were bound to it."""
        return self._path.change(agreement, _changes.attaching(document), by=by, at=at, request_id=request_id)

    def record(
        self,
        agreement: Agreement | str,
        fact: str,
        value: Any,
        *,
        source: str = "",
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """Record a fact: its name, its value, and where it is from."""
        return self._path.change(
            agreement, _changes.recording(fact, value, source), by=by, at=at, request_id=request_id
        )

    def approve(
        self,
        agreement: Agreement | str,
        *,
        role: str | None = None,
        reason: str = "",
        result: Mapping[str, int] | None = None,
        capacity: str = "own",
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """
        Vote for it, bound to the current versions of the documents that the process names.

        Args:
            agreement: Which.

            role: The role that votes; needed only if the actor acts in several that are asked.

            reason: Why.

            result: How a body voted: `members`, `present`, `in_favour`, `against`, `abstaining`.

            capacity: `own`; or, on behalf of somebody, `delegated` (responsibility moves) or `mandated` (it stays).

            by: Who votes, or records the vote of the body.

            at: When it was.

            request_id: An id under which the call can be repeated.
        """
        wanted = _voting.voting("approve", role, by, reason, result=result, capacity=capacity)
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    def refuse(
        self,
        agreement: Agreement | str,
        reason: str,
        *,
        role: str | None = None,
        result: Mapping[str, int] | None = None,
        capacity: str = "own",
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """Vote against it; the arguments are those of `approve`. The same person can approve later."""
        wanted = _voting.voting("refuse", role, by, reason, result=result, capacity=capacity)
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    def abstain(
        self,
        agreement: Agreement | str,
        *,
        role: str | None = None,
        reason: str = "",
        capacity: str = "own",
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """Vote neither for nor against it: present where a body is counted; the arguments are those of `approve`."""
        wanted = _voting.voting("abstain", role, by, reason, capacity=capacity)
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    def recuse(
        self,
        agreement: Agreement | str,
        reason: str,
        *,
        role: str | None = None,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """
        Take no part in a vote, for a conflict of interest; the person's vote goes, and none can follow.

        Args:
            agreement: Which.

            reason: What the conflict is.

            role: The role that votes; needed only if the actor acts in several that are asked.

            by: Who takes no part.

            at: When it was declared.

            request_id: An id under which the call can be repeated.
        """
        return self._path.change(agreement, _voting.recusing(role, by, reason), by=by, at=at, request_id=request_id)

    def adjourn(
        self,
        agreement: Agreement | str,
        reason: str,
        *,
        role: str | None = None,
        until: date | str | None = None,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """
        Put off the vote of a body; the votes that its members have cast are voided.

        Args:
            agreement: Which.

            reason: Why, such as that too few were present.

            role: The role that votes; needed only if the actor acts in several that are asked.

            until: The day on which it is taken up again; nobody can vote before.

            by: Who adjourns it.

            at: When it was adjourned.

            request_id: An id under which the call can be repeated.
        """
        return self._path.change(
            agreement, _voting.adjourning(role, by, reason, until), by=by, at=at, request_id=request_id
        )

    def note(
        self,
        agreement: Agreement | str,
        said: str,
        *,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """Write something into the history that changes nothing else."""
        return self._path.change(agreement, _changes.noting(said), by=by, at=at, request_id=request_id)

    # Moves

    def advance(
        self,
        agreement: Agreement | str,
        *,
        reason: str = "",
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """
        Move on to the next stage, through the gate.

        Raises:
            GateClosed: If the gate is shut; `unmet` has every reason.

            NotPermitted: If this actor may not; `unmet` has what else is in the way.

            NoSuchMove: If there is no next stage.

            Conflict: If the agreement has changed since it was seen.
        """
        return self._path.change(
            agreement, _changes.moving("advance", reason=reason), by=by, at=at, request_id=request_id
        )

    def send_back(
        self,
        agreement: Agreement | str,
        to: str,
        reason: str,
        *,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """Send it back to an earlier stage; the approvals given on the way are voided as the stages say."""
        wanted = _changes.moving("send_back", to=to, reason=reason, must=True)
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    def hold(
        self,
        agreement: Agreement | str,
        reason: str,
        *,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """Put it on hold: it stays where it stands until it is resumed by a role that could have held it."""
        wanted = _changes.moving("hold", reason=reason, must=True)
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    def resume(
        self,
        agreement: Agreement | str,
        *,
        reason: str = "",
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """Let it go on after a hold."""
        return self._path.change(
            agreement, _changes.moving("resume", reason=reason), by=by, at=at, request_id=request_id
        )

    def end(
        self,
        agreement: Agreement | str,
        outcome: str,
        reason: str = "",
        *,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """End it with one of the outcomes of its process."""
        wanted = _changes.moving("end", to=outcome, reason=reason)
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    def renew(
        self,
        agreement: Agreement | str,
        to: str | None = None,
        reason: str = "",
        *,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """
        Renew it: to the stage where it stands, with a new term, or back to an earlier one, to go through it again.

        Args:
            agreement: Which.

            to: The stage it is renewed to; by default the one where it stands.

            reason: Why.

            by: Who renews it.

            at: When it takes effect.

            request_id: An id under which the call can be repeated.

        Raises:
            GateClosed: If something is in the way: the window, the gate, a term that would not be later.

            NoSuchMove: If the stage is not renewed, or not to there.
        """
        wanted = _changes.moving("renew", to=self.get(agreement).stage if to is None else to, reason=reason)
        if to is None:
            wanted.asked = frozendict({k: v for k, v in wanted.details.items() if k != "to"})
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    def amend(
        self,
        agreement: Agreement | str,
        document: Document,
        reason: str,
        *,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """
        File a new version of a document that stands, by the approvals that the stage asks for its amendment.

        These approvals are used up: the next amendment needs its own.

        Args:
            agreement: Which.

            document: The new version.

            reason: Why.

            by: Who amends it.

            at: When it takes effect.

            request_id: An id under which the call can be repeated.

        Raises:
            GateClosed: If something is in the way.

            NoSuchMove: If documents of this kind are not amended here.
        """
        wanted = _changes.amending(document, reason)
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    def migrate(
        self,
        agreement: Agreement | str,
        to: Process | str,
        *,
        version: str | None = None,
        mapping: Mapping[str, str] | None = None,
        reason: str = "",
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """
        Let it run under another process from now on; it stays where it stands, and its clocks go on.

        Args:
            agreement: Which.

            to: A process that this engine knows, or the id of one.

            version: Which version, where an id is given; by default the last that the engine was given.

            mapping: Which stage of the new process takes the place of a stage of the old one, where it has another id.

            reason: Why.

            by: Who migrates it: the owner of the stage, or a role that the stage lets do so.

            at: When it took effect.

            request_id: An id under which the call can be repeated.

        Raises:
            GateClosed: If it has no place in the new process; `unmet` has every reason.

            NotPermitted: If this actor may not.

            NoSuchMove: If it has ended, or already runs under that process.

            InvalidValue: If the mapping names a stage that there is not.
        """
        wanted = _migration.migrating(self._book.known(to, version), mapping, reason)
        return self._path.change(agreement, wanted, by=by, at=at, request_id=request_id)

    # Questions

    def get(self, agreement: Agreement | str) -> Agreement:
        """
        Return an agreement as it is.

        Raises:
            NotFound: If there is none of this id.

            HistoryTampered: If what is stored cannot be read.
        """
        id_ = id_of(agreement)
        found = self._store.get(id_)
        if found is None:
            raise not_found(id_)
        return found

    def parts(self, agreement: Agreement | str) -> tuple[Agreement, ...]:
        """
        Return every part of an agreement, in the order of their ids; `find(part_of=…)` pages through them.

        Args:
            agreement: Which.

        Raises:
            NotFound: If there is none of this id.
        """
        return Outside(self._store, self.get(agreement).id).parts()

    def find(
        self,
        *,
        stage: str | None = None,
        process: str | None = None,
        outcome: str | None = None,
        running: bool | None = None,
        owner: str | None = None,
        on_hold: bool | None = None,
        party: str | None = None,
        text: str | None = None,
        changed_since: datetime | None = None,
        overdue: bool | None = None,
        part_of: str | None = None,
        due_before: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page:
        """
        Return a page of agreements, in the order of their ids; each stands on exactly one page.

        Args:
            stage: Only those that stand at this stage.

            process: Only those that run under the process of this id.

            outcome: Only those that ended so.

            running: Only those that run (True) or have ended (False).

            owner: Only those whose turn it is for this role.

            on_hold: Only those on hold (True) or not (False).

            party: Only those with this party.

            text: Only those whose id, title or parties hold this text.

            changed_since: Only those that changed at or after this instant.

            overdue: Only those of which something is overdue (True) or nothing (False).

            part_of: Only the parts of this agreement.

            due_before: Only those of which something is due, or to be reminded of, at or before this instant.

            after: The `next` of the page before.

            limit: How many to return, up to 500.
        """
        if type(limit) is not int or not 1 <= limit <= MAX_PAGE:
            message = f"limit: a whole number from 1 to {MAX_PAGE} is needed, not {quote(limit)}"
            raise InvalidValue(message)
        if changed_since is not None:
            instant(changed_since, "changed_since")
        if due_before is not None:
            instant(due_before, "due_before")
        _asked({"party": party, "part_of": part_of, "text": text, "after": after}, {})
        _asked(
            {"stage": stage, "process": process, "outcome": outcome, "owner": owner},
            {"running": running, "on_hold": on_hold, "overdue": overdue},
        )
        query = Query(
            stage=stage,
            process=process,
            outcome=outcome,
            running=running,
            owner=owner,
            on_hold=on_hold,
            party=party,
            text=text,
            changed_since=changed_since,
            overdue=overdue,
            part_of=part_of,
            due_before=due_before,
        )
        found = self._store.find(query, after=after, limit=limit + 1)
        return Page(items=tuple(found[:limit]), next=found[limit - 1].id if len(found) > limit else None)

    @overload
    def count(
        self,
        *,
        by: None = None,
        stage: str | None = None,
        process: str | None = None,
        outcome: str | None = None,
        running: bool | None = None,
        owner: str | None = None,
        on_hold: bool | None = None,
    ) -> int: ...

    @overload
    def count(
        self,
        *,
        by: str,
        stage: str | None = None,
        process: str | None = None,
        outcome: str | None = None,
        running: bool | None = None,
        owner: str | None = None,
        on_hold: bool | None = None,
    ) -> dict[Any, int]: ...

    def count(
        self,
        *,
        by: str | None = None,
        stage: str | None = None,
        process: str | None = None,
        outcome: str | None = None,
        running: bool | None = None,
        owner: str | None = None,
        on_hold: bool | None = None,
    ) -> int | dict[Any, int]:
        """
        Count agreements, without looking at each.

        Args:
            by: `stage`, `process`, `outcome`, `running`, `owner` or `on_hold`: answer a dict of how many there are of
                each;
                None: answer one number.

            stage: Only those that stand at this stage; and so on, as in `find`.

            process: See `find`.

            outcome: See `find`.

            running: See `find`.

            owner: See `find`.

            on_hold: See `find`.
        """
        if by is not None and by not in Query.COUNTED:
            message = f"by: one of {', '.join(Query.COUNTED)} is needed, not {quote(by)}"
            raise InvalidValue(message)
        _asked(
            {"stage": stage, "process": process, "outcome": outcome, "owner": owner},
            {"running": running, "on_hold": on_hold},
        )
        query = Query(stage=stage, process=process, outcome=outcome, running=running, owner=owner, on_hold=on_hold)
        counts = self._store.count(query, by)
        return dict(counts) if by else sum(counts.values())

    def options(self, agreement: Agreement | str, *, by: Actor) -> tuple[Option, ...]:
        """
        Return every move there is from here, with all that stands in its way. Asking writes nothing.

        Args:
            agreement: Which.

            by: Who would make the move.
        """
        current = self.get(agreement)
        if current.outcome is not None:
            return ()
        process = self._path.pinned(current)
        actor, now = actor_of(by), self._path.now()
        look = Outside(self._store, current.id)
        return tuple(
            self._option(process, current, actor, now, move, target, look)
            for move in MOVES
            for target in _targets(process, current, move)
            if (move != "hold" or current.hold is None) and (move != "resume" or current.hold is not None)
        )

    def _option(
        self,
        process: Process,
        current: Agreement,
        actor: Actor,
        now: datetime,
        move: str,
        target: str | None,
        look: Outside,
    ) -> Option:
        if move == "amend":
            wanted = _changes.amending(None, "", kind=target or "")
        else:
            wanted = _changes.moving(move, to=None if move == "advance" else target)
        decision, change, _ = self._path.decide(process, current, wanted, actor, now, look)
        answer = decision.cursor.answer
        return Option(
            move=move,
            target=change.to or target,
            unmet=tuple(answer.unmet),
            permitted=decision.permitted,
            roles=decision.roles,
            warnings=tuple(answer.warnings),
        )

    def history(self, agreement: Agreement | str, *, after: int = 0) -> tuple[Event, ...]:
        """
        Return the events of an agreement, in order.

        Args:
            agreement: Which.

            after: Only those with a higher number.

        Raises:
            NotFound: If there is no agreement of this id.

            HistoryTampered: If an event cannot be read.
        """
        id_ = id_of(agreement)
        if type(after) is not int or not 0 <= after <= MAX_INTEGER:
            message = f"after: the number of an event is needed, not {quote(after)}"
            raise InvalidValue(message)
        entries = self._store.history(id_, after)
        if not entries and self._store.get(id_) is None:
            raise not_found(id_)
        return tuple(Event(freeze(event.data), event.hash) for event in map(Event.read, entries))

    def explain(self, agreement: Agreement | str, deadline: str, *, lang: str = "en") -> tuple[str, ...]:
        """
        Return how a due date came about: the rule, every day that did not count with its name, the calendar.

        Args:
            agreement: Which.

            deadline: What is due: a key of its `deadlines`.

            lang: `en`, `id` or `ja`.

        Raises:
            NotFound: If nothing of this key is due, or the calendar it was counted by is not known here.
        """
        lang = as_text(lang, "lang")
        current = self.get(agreement)
        found = current.deadlines.get(as_text(deadline, "deadline"))
        if found is None:
            there = ", ".join(current.deadlines) or "nothing"
            message = f"{current.id}: there is no deadline {quote(deadline)}; due is {there}"
            within = self._path.pinned(current).standing(current.stage).within
            if deadline == f"stage:{current.stage}" and within is not None and current.outcome is None:
                message += f". Its clock does not run: {within.since} has no date"
            raise NotFound(message)
        return self._reckoner.explained(self._path.pinned(current), found, lang)

    def forecast(
        self,
        agreement: Agreement | str,
        assumptions: Mapping[str, Period | str] = frozendict(),
        *,
        silent: Iterable[str] = (),
        by: Actor,
    ) -> Forecast:
        """
        Return the earliest date of each gate that is left, and which rule makes it so. Asking writes nothing.

        Args:
            agreement: Which.

            assumptions: How long stages take, by their ids, such as `{"draft_agreement": "30 workdays"}`; a stage that
                is not named takes no time.

            silent: The stages and roles that are assumed to say nothing: they take all the time they have.

            by: Who asks.

        Raises:
            NoSuchMove: If it has ended.

            InvalidValue: If an assumption cannot be read, or is about what the process does not have.
        """
        current = self.get(agreement)
        if current.outcome is not None:
            message = f"{current.id}: it has ended ({current.outcome}); there is nothing left to foresee"
            raise NoSuchMove(message)
        process = self._path.pinned(current)
        advance, look = _changes.moving("advance"), Outside(self._store, current.id)
        decision, _, attempt = self._path.decide(process, current, advance, actor_of(by), self._path.now(), look)
        return foresee(process, attempt, self._reckoner, assumptions, silent, tuple(decision.cursor.answer.unmet))

    def plan_migration(
        self,
        from_: _migration.Source,
        to: Process | str,
        *,
        version: str | None = None,
        mapping: Mapping[str, str] | None = None,
        by: Actor,
    ) -> _migration.MigrationPlan:
        """
        Say of every running agreement what a migration would do to it. Asking writes nothing.

        Args:
            from_: What is to be migrated: what runs under a process, a pin, or a version `(id, version)`; under any
                version of an id; or one agreement.

            to: A process that this engine knows, or the id of one.

            version: Which version, where an id is given; by default the last that the engine was given.

            mapping: Which stage of the new process takes the place of a stage of the old one, where it has another id.

            by: Who would migrate them; gates are asked as if this actor advanced them.
        """
        actor, now = actor_of(by), self._path.now()

        office = _migration.Office(
            store=self._store,
            pinned=self._path.pinned,
            decide=lambda process, current, wanted: self._path.decide(process, current, wanted, actor, now),
            reckon=self._reckoner.changes,
            now=now,
        )
        process = self._book.known(to, version)
        self._reckoner.check(process)
        return _migration.plan(office, from_, process, mapping)

    # Duties

    def sweep(
        self, at: datetime | None = None, *, limit: int = 1000, agreement: Agreement | str | None = None
    ) -> _sweeping.Swept:
        """
        Let what is due take its course: reminders, what is overdue, decisions by silence, the end of a term.

        Call it from a timer. However many sweep at once, each thing happens once; what was done by hand meanwhile
        stands.

        Args:
            at: The time to compare with; by default now.

            limit: How many agreements to change at most.

            agreement: Only this one.

        Raises:
            InvalidValue: If *at* lies in the future or is naive.

            NotFound: If there is no agreement of this id.
        """
        if type(limit) is not int or limit < 1:
            message = f"limit: a whole number from 1 is needed, not {quote(limit)}"
            raise InvalidValue(message)
        now = self._path.now()
        if at is None:
            at = now
        elif instant(at, "at") > instant(now):
            message = f"at: {instant(at)} lies in the future (it is {instant(now)}); what is not due yet is not swept"
            raise InvalidValue(message)
        swept = _sweeping.Swept()
        for one in self._due(at) if agreement is None else (self.get(agreement),):
            if swept.agreements >= limit:
                break
            try:
                swept += self._sweep(one.id, at)
            except StagegateError as error:
                swept += _sweeping.Swept(failed=((one.id, str(error)),))
        return swept

    def _due(self, at: datetime) -> Iterator[Agreement]:
        after, size = None, 200
        while True:
            found = self._store.find(Query(due_before=at), after=after, limit=size)
            yield from found
            if len(found) < size:
                return
            after = found[-1].id

    def _sweep(self, agreement: str, at: datetime) -> _sweeping.Swept:
        effects: list[str] = []
        for _ in range(LAPSES):
            lapsing = Lapsing(at)
            current = self._path.change(agreement, lapsing, by=_sweeping.THE_LAW)
            if lapsing.effect is None:
                uncertain = (agreement,) if _sweeping.uncertain(current, at) else ()
                return _sweeping.Swept.of(effects, uncertain)
            effects.append(lapsing.effect)
        return _sweeping.Swept.of(effects, ())

    def recompute(
        self,
        agreement: Agreement | str,
        *,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """
        Reckon its deadlines again by the calendars that are in force; the event has the old and the new dates.

        A changed calendar moves nothing by itself: it takes this. Where no date rests on a calendar that changed,
        nothing is written.

        Args:
            agreement: Which.

            by: Who has them reckoned again.

            at: When it takes effect.

            request_id: An id under which the call can be repeated.
        """
        return self._path.change(agreement, _changes.RECKON, by=by, at=at, request_id=request_id)

    def verify(self, agreement: Agreement | str | None = None) -> _verify.Report:
        """
        Prove that the histories are whole: every hash, every fold, and all that is stored beside them.

        Args:
            agreement: The one to look at; None for all.
        """
        if agreement is None:
            return _verify.verify(self._store)
        id_ = id_of(agreement)
        report = _verify.verify(self._store, id_)
        if not report.checked:
            raise not_found(id_)
        return report

    def deliver(
        self,
        *,
        limit: int = 1000,
        notification: str | None = None,
        stop: Callable[[], bool] | None = None,
        lease: timedelta = _delivery.LEASE,
    ) -> _delivery.Delivered:
        """
        Deliver what is due in the outbox, once; call it from a timer or after a move.

        What fails is tried again later, and a recipient that takes nothing is left alone for the rest of the round.
        Several may deliver at once: they share the work.

        Args:
            limit: How many notifications to try at most.

            notification: Only the one of this id.

            stop: Asked before each notification; once it answers True, the rest is left to others.

            lease: For how long it has in hand what it takes; if it dies meanwhile, nobody else tries before that.

        Raises:
            StoreError: If this engine is in the transaction of a host, which may yet be rolled back.
        """
        if type(limit) is not int or limit < 1:
            message = f"limit: a whole number from 1 is needed, not {quote(limit)}"
            raise InvalidValue(message)
        if stop is not None and not callable(stop):
            message = f"stop: a function that answers True or False is needed, not {quote(stop)}"
            raise InvalidValue(message)
        if self._joined:
            message = "nothing is delivered before the commit; deliver by the engine that this one came from"
            raise StoreError(message)
        if not isinstance(lease, timedelta) or not timedelta(0) < lease < FAR:
            message = f"lease: a timedelta above zero and below a day is needed, not {quote(lease)}"
            raise InvalidValue(message)
        only = None if notification is None else as_text(notification, "notification")
        return _delivery.deliver(
            self._store, self._send, self._path.now, limit=limit, only=only, stop=stop, lease=lease
        )

    def _send(self, notification: Notification) -> Sent:
        return self._plugins.deliver(notification, self.message(notification))

    def message(self, notification: Notification) -> Message:
        """
        Return a notification in words, as a channel sends it to people.

        Raises:
            InvalidValue: If it is none.
        """
        if not isinstance(notification, Notification):
            message = (
                f"notification: a Notification is needed, not {quote(notification)}; outbox() has them in its rows"
            )
            raise InvalidValue(message)
        return self._wording.render(notification)

    def requeue(self, notification: str | None = None) -> int:
        """
        Have what was given up tried again, from the beginning; return how many notifications that are.

        Args:
            notification: Only the one of this id; None: all that are dead.
        """
        only = None if notification is None else as_text(notification, "notification")
        return self._store.requeue(self._path.now(), only)

    def hold_deliveries(self, scope: str = EVERYTHING, *, why: str) -> None:
        """
        Deliver nothing, to anybody or to one recipient, until it is released; what is caused meanwhile waits.

        Args:
            scope: `*` for everything, or the recipient: the channel and whom it tells, such as `mail:a@example.org`.

            why: Why, for whoever wonders.
        """
        if as_text(scope, "scope") != EVERYTHING and not scope.partition(":")[1]:
            message = f"scope: * or a recipient with its channel, such as mail:council, is needed, not {quote(scope)}"
            raise InvalidValue(message)
        self._store.hold(scope, as_text(why, "why"))

    def release_deliveries(self, scope: str = EVERYTHING) -> bool:
        """Deliver again what was held; False if it was not."""
        return self._store.release(as_text(scope, "scope"))

    def held_deliveries(self) -> Mapping[str, str]:
        """Return whose deliveries are held, and why."""
        return self._store.holds()

    def resolve(self, request_id: str) -> Agreement | None:
        """
        Say what became of a request whose outcome is unknown; ask nothing anew.

        Args:
            request_id: The id the call was made under, as `OutcomeUnknown` has it.

        Returns:
            What the call would have returned; None if it never happened, so that it can be made again.

        Raises:
            GateClosed: If it was refused, with every reason, as the call would have been.

            NotPermitted: The same, where the actor was not permitted to.
        """
        return self._path.resolve(request_id)

    def backup(self, file: str | Path) -> None:
        """
        Copy all that is kept into a new file, as of one moment, while others go on working.

        The copy delivers nothing until somebody releases it: what it holds to be told may have been told since.

        Args:
            file: Where the copy is to be; nothing is written over.

        Raises:
            StoreError: If the store does not copy itself, there is such a file already, or it cannot be written.
        """
        if not isinstance(file, (str, Path)):
            message = f"file: a path is needed, not {quote(file)}"
            raise InvalidValue(message)
        place = as_text(str(file), "file")
        if not obeys(self._store, Copying):
            kind = type(self._store).__name__
            message = f"{kind} does not copy itself; copy it by the means of its database, such as pg_dump"
            raise StoreError(message)
        made = instant(self._path.now())
        self._store.backup(place, f"restored from a backup made at {made}")

    def outbox(self, status: str | None = None, *, readable: bool = False) -> tuple[Delivery, ...]:
        """
        Return the rows of the outbox, oldest first.

        Args:
            status: Only those that are `pending`, `delivered` or `dead`.

            readable: Whether to leave out what cannot be read, instead of raising.

        Raises:
            HistoryTampered: If there is what cannot be read.
        """
        if status not in (None, PENDING, DELIVERED, DEAD):
            message = f"status: one of {PENDING}, {DELIVERED}, {DEAD} is needed, not {quote(status)}"
            raise InvalidValue(message)
        _asked({}, {"readable": readable})
        rows: list[Delivery] = []
        try:
            rows.extend(self._store.outbox(status))
        except HistoryTampered:
            if not readable:
                raise
        return tuple(rows)


def _targets(process: Process, current: Agreement, move: str) -> tuple[str | None, ...]:
    if move == "amend":
        return tuple(process.standing(current.stage).amend)
    targets = process.plan.targets(move, current.stage)
    if move == "end":
        # What only the passing of time brings is nobody's move.
        lawful = {outcome.id for outcome in process.outcomes if outcome.by == (LAW,)}
        return tuple(target for target in targets if target not in lawful)
    return targets[: 1 if move == "advance" else None]


def _asked(texts: Mapping[str, Any], flags: Mapping[str, Any]) -> None:
    """Refuse what cannot be asked for: it would answer nothing, and not say why."""
    for argument, value in texts.items():
        if value is not None:
            as_text(value, argument)
    for argument, value in flags.items():
        if value is not None and not isinstance(value, bool):
            message = f"{argument}: True, False or None is needed, not {quote(value)}"
            raise InvalidValue(message)
