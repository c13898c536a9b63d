"""The shell: read, decide, write, tell. In that order, always."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import attrs

from . import _changes, _delivery, _verify
from ._agreement import Agreement, apply
from ._attempt import Attempt
from ._calendars import Calendar
from ._changes import Change, Decision, Wanted
from ._history import GENESIS, Entry, Event, chain
from ._loading import load_process
from ._memory import MemoryStore
from ._notices import Delivery, Notification
from ._plain import canonical, digest, freeze, instant, name
from ._plain import text as as_text
from ._plugins import Plugins
from ._process import Process
from ._reasons import Unmet
from ._records import Actor, Document, Party, Pin
from ._stages import MOVES
from ._store import Known, Query, Store
from ._text import frozendict
from .exceptions import (
    AlreadyExists,
    Conflict,
    GateClosed,
    HistoryTampered,
    InvalidValue,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RefusedError,
    RequestReused,
)
from .processes import builtin
from .processes import names as builtin_names

MAX_PAGE = 500


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


class _Book:
    """The processes of an engine: those it was given, and the built-in ones, read when first asked for."""

    def __init__(self, given: Iterable[Process]) -> None:
        self._latest: dict[str, Process] = {}
        self._pinned: dict[Pin, Process] = {}
        for process in given:
            self._latest[process.id] = process
            self._pinned[process.pin] = process

    def latest(self, process: str, version: str | None) -> Process:
        found = self._latest.get(process)
        if version is not None and (found is None or found.version != version):
            found = next((p for p in self._pinned.values() if (p.id, p.version) == (process, version)), None)
        if found is None and process in builtin_names():
            found = self._add(builtin(process))
        if found is None or (version is not None and found.version != version):
            known = ", ".join(sorted({*self._latest, *builtin_names()}))
            message = f"there is no process {process!r}{f' of version {version!r}' if version else ''}; there are {known}"
            raise NotFound(message)
        return found

    def _add(self, process: Process) -> Process:
        self._latest.setdefault(process.id, process)
        self._pinned[process.pin] = process
        return process

    def pinned(self, pin: Pin) -> Process:
        found = self._pinned.get(pin)
        if found is None and pin.id in builtin_names():
            found = self._add(builtin(pin.id)) if self._add(builtin(pin.id)).pin == pin else None
        if found is None:
            versions = [str(known) for known in self._pinned if known.id == pin.id]
            message = (
                f"the agreement runs under {pin}, which this engine does not know"
                f" ({'known of that id: ' + ', '.join(versions) if versions else 'none of that id is known'});"
                f" open the engine with exactly that definition"
            )
            raise NotFound(message)
        return found

    def all(self) -> tuple[Process, ...]:
        for process in builtin_names():
            if process not in self._latest:
                self._add(builtin(process))
        return tuple(self._pinned.values())


class Engine:
    """
    Moves agreements through the stages of their processes, and keeps what happened.

    Every method that changes something takes `by=` (who acts), and optionally `at=` (when it took effect; aware, not in the
    future) and `request_id=` (repeating a call under the same id gives the same answer and changes nothing). It takes an
    `Agreement`, which must still be current, or an id, which means the agreement as it is. It returns the new `Agreement`.

    An engine may be shared between threads.
    """

    def __init__(
        self,
        store: Store,
        *,
        processes: Iterable[Process | str | Path] = (),
        plugins: Plugins | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """
        Put an engine on a store; `Engine.open` does so by url.

        Args:
            store: Where the histories are kept.

            processes: The processes it knows beside the built-in ones: values, or files of definitions.

            plugins: The plugins, loaded and checked.

            clock: Says what time it is.
        """
        self._store = store
        self._plugins = plugins or Plugins(())
        self._clock = clock
        if isinstance(processes, (str, Path)):
            message = f"processes: a list is needed, such as [{str(processes)!r}], not a text"
            raise InvalidValue(message)
        predicates = self._plugins.predicates()
        given = [p if isinstance(p, Process) else load_process(p, requirements=predicates) for p in processes]
        self._book = _Book([*self._plugins.gather("stagegate_processes", Process), *given])
        self._calendars = {c.id: c for c in self._plugins.gather("stagegate_calendars", Calendar)}
        self._vetoes = self._plugins.check if self._plugins.checks else None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        processes: Iterable[Process | str | Path] = (),
        plugins: Iterable[Any] = (),
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """
        Open an engine.

        Args:
            url: Where the histories are kept: `sqlite:///file.db`, `memory:`, or what a plugin understands.

            processes: The processes it knows beside the built-in ones: values, or files of definitions.

            plugins: Plugin objects, or names of entry points in the group `stagegate`; nothing else is loaded.

            clock: Says what time it is.

        Raises:
            PluginError: If a plugin cannot be loaded or breaks a contract.

            DefinitionError: If a definition is faulty.

            StoreError: If the store cannot be opened.
        """
        url = as_text(url, "url")
        wanted: Iterable[Any] = plugins if isinstance(plugins, str) else list(plugins)
        if isinstance(wanted, list) and url.startswith("sqlite:") and "sqlite" not in wanted:
            wanted.append("sqlite")
        loaded = Plugins(wanted)
        store: Store = MemoryStore() if url == "memory:" else loaded.open_store(url)
        try:
            return cls(store, processes=processes, plugins=loaded, clock=clock)
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

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
        """The calendars that plugins brought, by id."""
        return MappingProxyType(self._calendars)

    @property
    def plugins(self) -> tuple[str, ...]:
        """The names of its plugins."""
        return self._plugins.names

    def process(self, agreement: Agreement) -> Process:
        """
        Return the process an agreement is pinned to.

        Raises:
            NotFound: If this engine does not know exactly that definition.
        """
        return self._book.pinned(agreement.process)

    # What happens within a stage

    def start(
        self,
        process: str,
        agreement: str,
        *,
        title: str = "",
        parties: Iterable[Party] = (),
        version: str | None = None,
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

            by: Who starts it.

            at: When it started.

            request_id: An id under which the call can be repeated.

        Raises:
            AlreadyExists: If there is an agreement of this id.

            NotPermitted: If the actor has no part in the process.
        """
        agreement = name(agreement, "agreement")
        pinned = self._book.latest(process, version)
        several = tuple(parties)
        for i, party in enumerate(several):
            if not isinstance(party, Party):
                message = f"parties[{i}]: a Party is needed, not {party!r}"
                raise InvalidValue(message)
        if len({party.id for party in several}) < len(several):
            message = "parties: two parties have the same id"
            raise InvalidValue(message)
        data = _changes.started(pinned, as_text(title, "title"), several)
        details = frozendict({"process": pinned.id, "version": pinned.version, **data})
        return self._change(agreement, _Start(pinned, data, details), by=by, at=at, request_id=request_id)

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
        return self._change(agreement, _changes.attaching(document), by=by, at=at, request_id=request_id)

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
        return self._change(agreement, _changes.recording(fact, value, source), by=by, at=at, request_id=request_id)

    def approve(
        self,
        agreement: Agreement | str,
        *,
        role: str | None = None,
        reason: str = "",
        result: Mapping[str, int] | None = None,
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

            result: How a body voted: `members`, `present`, `in_favour`, `against`.

            by: Who votes, or records the vote of the body.

            at: When it was.

            request_id: An id under which the call can be repeated.
        """
        wanted = _changes.voting("approve", role, by, reason, result)
        return self._change(agreement, wanted, by=by, at=at, request_id=request_id)

    def refuse(
        self,
        agreement: Agreement | str,
        reason: str,
        *,
        role: str | None = None,
        result: Mapping[str, int] | None = None,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """Vote against it; the arguments are those of `approve`. The same person can approve later."""
        wanted = _changes.voting("refuse", role, by, reason, result)
        return self._change(agreement, wanted, by=by, at=at, request_id=request_id)

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
        return self._change(agreement, _changes.noting(said), by=by, at=at, request_id=request_id)

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
        return self._change(agreement, _changes.moving("advance", reason=reason), by=by, at=at, request_id=request_id)

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
        return self._change(agreement, wanted, by=by, at=at, request_id=request_id)

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
        return self._change(agreement, wanted, by=by, at=at, request_id=request_id)

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
        return self._change(agreement, _changes.moving("resume", reason=reason), by=by, at=at, request_id=request_id)

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
        return self._change(agreement, wanted, by=by, at=at, request_id=request_id)

    # Questions

    def get(self, agreement: Agreement | str) -> Agreement:
        """
        Return an agreement as it is.

        Raises:
            NotFound: If there is none of this id.

            HistoryTampered: If what is stored cannot be read.
        """
        id_ = _id(agreement)
        found = self._store.get(id_)
        if found is None:
            raise _not_found(id_)
        return found

    def find(  # noqa: PLR0913  one argument for each thing that can be asked
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

            after: The `next` of the page before.

            limit: How many to return, up to 500.
        """
        if type(limit) is not int or not 1 <= limit <= MAX_PAGE:
            message = f"limit: a whole number from 1 to {MAX_PAGE} is needed, not {limit!r}"
            raise InvalidValue(message)
        if changed_since is not None:
            instant(changed_since, "changed_since")
        asked = {"stage": stage, "process": process, "outcome": outcome, "owner": owner, "party": party, "text": text}
        for argument, value in {**asked, "after": after}.items():
            if value is not None:
                as_text(value, argument)
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
        )
        found = self._store.find(query, after=after, limit=limit + 1)
        return Page(items=tuple(found[:limit]), next=found[limit - 1].id if len(found) > limit else None)

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
    ) -> Any:
        """
        Count agreements, without looking at each.

        Args:
            by: `stage`, `process`, `outcome`, `running`, `owner` or `on_hold`: answer a dict of how many there are of each;
                None: answer one number.

            stage: Only those that stand at this stage; and so on, as in `find`.

            process: See `find`.

            outcome: See `find`.

            running: See `find`.

            owner: See `find`.

            on_hold: See `find`.
        """
        if by is not None and by not in Query.COUNTED:
            message = f"by: one of {', '.join(Query.COUNTED)} is needed, not {by!r}"
            raise InvalidValue(message)
        query = Query(stage=stage, process=process, outcome=outcome, running=running, owner=owner, on_hold=on_hold)
        counts = self._store.count(query, by)
        return dict(counts) if by else sum(counts.values())

    def options(self, agreement: Agreement | str, *, by: Actor) -> tuple[Option, ...]:
        """
        Return every move there is from where an agreement stands, with all that stands in its way. Asking writes nothing.

        Args:
            agreement: Which.

            by: Who would make the move.
        """
        current = self.get(agreement)
        if current.outcome is not None:
            return ()
        process = self._pinned(current)
        actor, now = _actor(by), self._now()
        return tuple(
            self._option(process, current, actor, now, move, target)
            for move in MOVES
            for target in process.plan.targets(move, current.stage)[: 1 if move == "advance" else None]
            if (move != "hold" or current.hold is None) and (move != "resume" or current.hold is not None)
        )

    def _option(
        self, process: Process, current: Agreement, actor: Actor, now: datetime, move: str, target: str | None
    ) -> Option:
        wanted = _changes.moving(move, to=None if move == "advance" else target)
        decision, change = self._decide(process, current, wanted, actor, now)
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
        id_ = _id(agreement)
        if type(after) is not int or after < 0:
            message = f"after: the number of an event is needed, not {after!r}"
            raise InvalidValue(message)
        entries = self._store.history(id_, after)
        if not entries and self._store.get(id_) is None:
            raise _not_found(id_)
        return tuple(map(Event.read, entries))

    # Duties

    def verify(self, agreement: Agreement | str | None = None) -> _verify.Report:
        """
        Prove that the histories are whole: recompute every hash, fold every history, compare all that is stored beside it.

        Args:
            agreement: The one to look at; None for all.
        """
        if agreement is None:
            return _verify.verify(self._store)
        id_ = _id(agreement)
        report = _verify.verify(self._store, id_)
        if not report.checked:
            raise _not_found(id_)
        return report

    def deliver(self, *, limit: int = 1000) -> _delivery.Delivered:
        """
        Deliver what is due in the outbox, once; call it from a timer or after a move.

        Args:
            limit: How many notifications to take at most.
        """
        if type(limit) is not int or limit < 1:
            message = f"limit: a whole number from 1 is needed, not {limit!r}"
            raise InvalidValue(message)
        return _delivery.deliver(self._store, self._plugins.deliver, self._now, limit=limit)

    def outbox(self, status: str | None = None) -> tuple[Delivery, ...]:
        """
        Return the rows of the outbox, oldest first.

        Args:
            status: Only those that are `pending`, `delivered` or `dead`.
        """
        return tuple(self._store.outbox(status))

    # The one mutating path

    def _now(self) -> datetime:
        now = self._clock()
        instant(now, "clock")
        return now

    def _pinned(self, agreement: Agreement) -> Process:
        process = self._book.pinned(agreement.process)
        if process.stage(agreement.stage) is None:
            message = (
                f"{agreement.id} stands at {agreement.stage!r}, a stage that {agreement.process} does not have;"
                f" nothing was changed, run verify"
            )
            raise HistoryTampered(message)
        return process

    def _decide(
        self, process: Process, current: Agreement, wanted: Wanted, actor: Actor, at: datetime
    ) -> tuple[Decision, Change]:
        attempt = Attempt(
            agreement=current, move=wanted.move, actor=actor, at=at, details=wanted.details, zone=process.tzinfo
        )
        return _changes.decide(process, attempt, wanted, self._vetoes)

    def _change(
        self,
        agreement: Agreement | str,
        wanted: Wanted | _Start | Callable[[Process], Wanted],
        *,
        by: Actor,
        at: datetime | None,
        request_id: str | None,
    ) -> Agreement:
        """Lock, replay, compare, take the pinned process, ask, write in one commit. Every change goes through here."""
        actor = _actor(by)
        now = self._clock()
        recorded_at = instant(now, "clock")
        stamp = recorded_at if at is None else _past(at, now, recorded_at)
        request_id = None if request_id is None else name(request_id, "request_id")
        id_ = _id(agreement)
        seen = agreement.version if isinstance(agreement, Agreement) else None
        with self._store.unit(id_) as unit:
            current = unit.agreement
            if isinstance(wanted, _Start):
                process = wanted.process
            elif current is None:
                raise _not_found(id_)
            else:
                process = self._pinned(current)
                if not isinstance(wanted, Wanted):
                    wanted = wanted(process)
            request = None
            if request_id is not None:
                request = request_id, _fingerprint(id_, wanted, actor, at)
                known = unit.known(request_id)
                if known is not None:
                    return self._replay(id_, known, request)
            if isinstance(wanted, _Start):
                if current is not None:
                    message = f"there is already an agreement {id_!r}; choose another id, or go on with that one"
                    raise AlreadyExists(message)
                plan = self._begin(id_, wanted, actor)
            else:
                if current is None:
                    raise _not_found(id_)
                if seen is not None and seen != current.version:
                    raise Conflict(id_, seen, current.version)
                _changes.known_move(process, current, wanted)
                if wanted.move in MOVES and at is not None and at < current.entered_at:
                    message = f"at: {stamp} is before the agreement entered {current.stage!r} ({instant(current.entered_at)})"
                    raise InvalidValue(message)
                plan = self._plan(process, current, wanted, actor, now if at is None else at)
            try:
                result = self._write(unit, current, process, plan, actor, stamp, recorded_at, request)
            except OutcomeUnknown as error:
                error.request_id = request_id
                raise
        if plan.error is not None:
            raise plan.error(result.n)
        return result

    def _begin(self, id_: str, wanted: _Start, actor: Actor) -> _Plan:
        known = wanted.process.known_roles
        used = tuple(role for role in actor.roles if role in known)
        if not used:
            raise NotPermitted(agreement=id_, move="start", actor=actor.id, roles=sorted(known), n=0)
        first = wanted.process.stages[0].id
        change = Change(kind="started", to=first, data=wanted.data)
        return _Plan(move="start", change=change, used=used)

    def _plan(self, process: Process, current: Agreement, wanted: Wanted, actor: Actor, at: datetime) -> _Plan:
        decision, change = self._decide(process, current, wanted, actor, at)
        answer = decision.cursor.answer
        if decision.granted:
            return _Plan(
                move=wanted.move, change=change, used=decision.used, asked=answer.asked, warnings=answer.warnings
            )
        data = {**wanted.details, **_changes.refusal(decision)} if wanted.move in MOVES else _changes.refusal(decision)
        unmet, permitted = tuple(answer.unmet), decision.permitted

        def error(n: int) -> RefusedError:
            if permitted:
                return GateClosed(agreement=current.id, move=wanted.move, unmet=unmet, n=n)
            return NotPermitted(
                agreement=current.id, move=wanted.move, unmet=unmet, n=n, actor=actor.id, roles=decision.roles
            )

        return _Plan(
            move=wanted.move,
            change=Change(kind="refused", data=data),
            used=decision.used,
            asked=answer.asked,
            warnings=answer.warnings,
            error=error,
        )

    def _write(
        self,
        unit: Any,
        current: Agreement | None,
        process: Process,
        plan: _Plan,
        actor: Actor,
        at: str,
        recorded_at: str,
        request: tuple[str, str] | None,
    ) -> Agreement:
        n = 1 if current is None else current.n + 1
        prev = GENESIS if current is None else current.head
        agreement = unit.id
        table = _changes.body(
            agreement=agreement,
            n=n,
            id=str(uuid.uuid4()),
            kind=plan.change.kind,
            move=plan.move,
            stage=None if current is None else current.stage,
            change=plan.change,
            process=process.pin,
            actor=actor,
            used=plan.used,
            at=at,
            recorded_at=recorded_at,
            request=request,
            asked=plan.asked,
            warnings=plan.warnings,
            notifications=(),
        )
        notifications: list[Notification] = []
        if self._plugins.notifies:
            # Plugins see a frozen copy: what they try to do to it touches nothing.
            shown = Event(freeze(table))
            wanted = self._plugins.notify(shown, apply(current, shown))
            notifications = [w.placed(str(uuid.uuid4()), agreement, n) for w in wanted]
            if notifications:
                table["notifications"] = [notification.brief() for notification in notifications]
        written = _changes.encoded(table)
        entry = Entry(n=n, body=written, hash=chain(prev, written))
        result = apply(current, Event(table, entry.hash))
        known = None if request is None else (request[0], Known(agreement=agreement, n=n, fingerprint=request[1]))
        unit.commit(result, entry, notifications, known)
        return result

    def _replay(self, id_: str, known: Known, request: tuple[str, str]) -> Agreement:
        if known.agreement != id_ or known.fingerprint != request[1]:
            message = (
                f"request_id {request[0]!r} was already used for event {known.n} of {known.agreement!r} with other"
                f" parameters, so nothing was done; use a new id for a new request"
            )
            raise RequestReused(message)
        folded, event = None, None
        for entry in self._store.history(id_, upto=known.n):
            event = Event.read(entry)
            folded = apply(folded, event)
        if folded is None or event is None or event.n != known.n:
            message = f"{id_}: event {known.n} of the request {request[0]!r} is missing; run verify"
            raise HistoryTampered(message)
        if event.kind == "refused":
            raise _refused_before(event)
        return folded


def _refused_before(event: Event) -> RefusedError:
    data = event.data.get("data", {})
    unmet = tuple(map(Unmet.from_data, data.get("unmet", ())))
    if data.get("permitted", True):
        return GateClosed(agreement=event.agreement, move=event.move, unmet=unmet, n=event.n)
    roles = data.get("roles", ())
    return NotPermitted(agreement=event.agreement, move=event.move, unmet=unmet, n=event.n, actor=event.actor, roles=roles)


@attrs.define(eq=False, repr=False)
class _Start:
    """The wish to start an agreement: the only one that has no agreement yet."""

    process: Process
    data: Mapping[str, Any]
    details: frozendict
    move: str = "start"
    to: str | None = None


@attrs.define(kw_only=True, eq=False, repr=False)
class _Plan:
    """What is to be written, and what is raised once it is."""

    move: str
    change: Change
    used: Sequence[str]
    asked: Sequence[tuple[str, bool]] = ()
    warnings: Sequence[Unmet] = ()
    error: Callable[[int], RefusedError] | None = None


def _actor(by: Any) -> Actor:
    if not isinstance(by, Actor):
        message = f"by: an Actor is needed, not {by!r}; say who acts, with Actor(id=…, roles={{…}})"
        raise InvalidValue(message)
    return by


def _id(agreement: Agreement | str) -> str:
    return agreement.id if isinstance(agreement, Agreement) else name(agreement, "agreement")


def _past(at: datetime, now: datetime, recorded_at: str) -> str:
    stamp = instant(at, "at")
    if at > now:
        message = f"at: {stamp} lies in the future (it is {recorded_at}); record what has happened"
        raise InvalidValue(message)
    return stamp


def _not_found(id_: str) -> NotFound:
    return NotFound(f"there is no agreement {id_!r}")


def _fingerprint(id_: str, wanted: Wanted | _Start, actor: Actor, at: datetime | None) -> str:
    asked = {
        "agreement": id_,
        "move": wanted.move,
        "details": wanted.details,
        "by": {"id": actor.id, "roles": actor.roles, "on_behalf_of": actor.on_behalf_of},
        "at": None if at is None else instant(at),
    }
    return digest(canonical(asked))


