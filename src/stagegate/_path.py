"""The one mutating path: lock, replay, compare, take the pinned process, ask, write in one commit."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from . import _changes, _sweeping
from ._agreement import Agreement, apply, chained
from ._attempt import Attempt
from ._book import Book
from ._changes import Change, Decision, Wanted
from ._clock import ACTS, Clock, closed
from ._evidence import whole_ended
from ._history import GENESIS, Entry, Event, chain
from ._notices import Notification
from ._plain import canonical, digest, freeze, instant, moment, name
from ._plugins import Plugins
from ._process import Process
from ._reasons import Unmet
from ._records import Actor, Pin
from ._stages import LAW, WHOLE, Stage
from ._store import Definition, Known, Query, Store, work
from ._telling import Teller
from ._text import frozendict
from ._waking import Waker, wake
from .exceptions import (
    AlreadyExists,
    Conflict,
    GateClosed,
    HistoryTampered,
    InvalidValue,
    NoSuchMove,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RefusedError,
    RequestReused,
    quote,
)

OUTLIVES = frozenset({"note", "hold", "end", "recompute"})
"""What can still be done to a part when the agreement it is part of has ended: nothing that takes it further."""


BOUNDING = frozenset({"amend", "renew"})
"""What can change the term of an agreement, which those of its parts cannot outlive."""


GATED = frozenset({"advance", "renew", "amend"})
"""What leads through a gate."""

EVIDENCE = frozenset({"started", "attached", "recorded", "voted"})
"""The kinds of events that a gate can rest on."""

PAGE = 500
"""How many parts are read at a time, for a question."""


class Outside:
    """Reads other agreements as they are now, each once, for a question that writes nothing."""

    def __init__(self, store: Store, agreement: str) -> None:
        self._store, self._id = store, agreement
        self._others: dict[str, Agreement | None] = {}
        self._parts: tuple[Agreement, ...] | None = None

    def other(self, agreement: str) -> Agreement | None:
        if agreement not in self._others:
            self._others[agreement] = self._store.get(agreement)
        return self._others[agreement]

    def parts(self) -> tuple[Agreement, ...]:
        if self._parts is None:
            self._parts = tuple(self._read())
        return self._parts

    def _read(self) -> Iterator[Agreement]:
        after = None
        while found := self._store.find(Query(part_of=self._id), after=after, limit=PAGE):
            yield from found
            after = found[-1].id


def _above(parent: Agreement | None, look: Any) -> tuple[Agreement, ...]:
    """Return what the agreement that another one is part of is part of in turn, and so on."""
    above: list[Agreement] = []
    while parent is not None and parent.part_of is not None:
        parent = look.other(parent.part_of)
        above += () if parent is None else (parent,)
    return tuple(above)


def _mendable(reasons: Iterable[Unmet], stage: Stage) -> Iterator[Unmet]:
    """Let the owner of a stage mend what the clock has against something, by the rule of that stage."""
    for why in reasons:
        yield attrs.evolve(why, fix_by=why.fix_by or stage.owner, basis=why.basis or stage.basis)


def _bounding(process: Process, agreement: Agreement, move: str) -> bool:
    """Whether a move can begin a term, or change it, so that those of the parts are looked at."""
    if move == "advance":
        ahead = process.stages[process.place(agreement.stage) + 1 :]
        return any(stage.term is not None for stage in ahead)
    return move == "migrate" or (move in BOUNDING and "term" in agreement.deadlines)


class MutatingPath:
    """What every change to every agreement goes through, whoever asks for it."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        book: Book,
        reckoner: Clock,
        clock: Callable[[], datetime],
        waker: Waker | None = None,
        teller: Teller | None = None,
    ) -> None:
        """Take what the engine was opened with."""
        self.teller = teller
        self.store = store
        self.waker = waker
        self.reckoner = reckoner
        self.plugins = plugins
        self.book = book
        self.clock = clock
        self.vetoes = plugins.check if plugins.checks else None

    def now(self) -> datetime:
        now = self.clock()
        instant(now, "clock")
        return now

    def pinned(self, agreement: Agreement) -> Process:
        process = self.book.pinned(agreement.process)
        if process.stage(agreement.stage) is None:
            message = (
                f"{agreement.id} stands at {quote(agreement.stage)}, a stage that {agreement.process} does not have;"
                f" nothing was changed, run verify"
            )
            raise HistoryTampered(message)
        return process

    def attempt(
        self,
        process: Process,
        agreement: Agreement,
        move: str,
        actor: Actor,
        at: datetime,
        details: Mapping[str, Any] = frozendict(),
        *,
        unit: Any = None,
    ) -> Attempt:
        """
        Return what requirements are shown: the agreement, and of others what the process asks about.

        Args:
            process: The process it runs under.

            agreement: The agreement.

            move: What is attempted.

            actor: Who attempts it.

            at: When it takes effect.

            details: The parameters of the move.

            unit: The unit of work through which other agreements are read; None to look at them as they are now.
        """
        kin: dict[str, Any] = {}
        bounding = _bounding(process, agreement, move)
        if agreement.part_of is not None or process.asks_parts or process.tracks or bounding:
            look = Outside(self.store, agreement.id) if unit is None else unit
            kin = self._kin(process, agreement, look, move, bounding=bounding)
        if process.counts:
            kin["calendar"] = self.reckoner.calendar(process)
        return Attempt(agreement=agreement, move=move, actor=actor, at=at, details=details, zone=process.tzinfo, **kin)

    def _kin(self, process: Process, agreement: Agreement, look: Any, move: str, *, bounding: bool) -> dict[str, Any]:
        parent = None if agreement.part_of is None else look.other(agreement.part_of)
        parts: Sequence[Agreement] = ()
        tracks: dict[str, Agreement] = {}
        if process.watches or move not in ACTS:
            parts = tuple(look.parts()) if process.asks_parts or bounding else ()
            for track in process.tracks:
                named = agreement.fact(track)
                other = look.other(named) if isinstance(named, str) and named != agreement.id else None
                if other is not None:
                    tracks[track] = other
        orders = {agreement.id: tuple(stage.id for stage in process.stages)}
        for other in (*parts, *tracks.values(), *(() if parent is None else (parent,))):
            try:
                orders[other.id] = tuple(stage.id for stage in self.book.pinned(other.process).stages)
            except NotFound:
                continue
        several = {"parts": parts, "parent": parent, "above": _above(parent, look)}
        return {**several, "tracks": frozendict(tracks), "orders": frozendict(orders)}

    def decide(
        self, process: Process, current: Agreement, wanted: Wanted, actor: Actor, at: datetime, unit: Any = None
    ) -> tuple[Decision, Change, Attempt]:
        attempt = self.attempt(process, current, wanted.move, actor, at, wanted.details, unit=unit)
        decision, change = _changes.decide(process, attempt, wanted, self.vetoes)
        if wanted.move not in OUTLIVES and (ended := whole_ended(attempt)):
            decision.cursor.answer.unmet.append(ended)
        if process.clocked or current.deadlines:
            # A migration enters nothing: it stays where it stands.
            entered = None if wanted.move == "migrate" else change.to
            if entered is None and wanted.move in {"advance", "renew"}:
                entered = wanted.to or next(iter(process.plan.targets(wanted.move, current.stage)), None)
            late = self.reckoner.against(process, attempt, entered, wanted.to)
            decision.cursor.answer.unmet.extend(_mendable(late, process.standing(current.stage)))
        new = change.process
        if wanted.move == "migrate" and new is not None and change.to is not None and "term" not in current.deadlines:
            there = new.standing(change.to)
            outlives = self.reckoner.lasting.begins(new, there, attrs.evolve(attempt, zone=new.tzinfo))
            decision.cursor.answer.unmet.extend(_mendable(outlives, there))
        return decision, change, attempt

    def change(
        self,
        agreement: Agreement | str,
        wanted: Wanted | Start | Lapsing | Callable[[Process], Wanted],
        *,
        by: Actor,
        at: datetime | None = None,
        request_id: str | None = None,
    ) -> Agreement:
        """Lock, replay, compare, take the pinned process, ask, write in one commit. Every change goes through here."""
        actor = actor_of(by)
        if (actor.id == LAW or LAW in actor.roles) and not isinstance(wanted, Lapsing):
            message = f"by: {quote(LAW)} is who acts when time passes; give the person or the program another id"
            raise InvalidValue(message)
        request_id = None if request_id is None else name(request_id, "request_id")
        id_ = id_of(agreement)
        seen = agreement.version if isinstance(agreement, Agreement) else None

        def job(unit: Any) -> _Done:
            return self._change(unit, wanted, actor, at, seen, request_id)

        try:
            done = work(self.store, id_, job)
        except OutcomeUnknown as error:
            error.request_id = request_id
            raise
        if self.waker is not None and done.written:
            wake(self.waker, done.before, done.after, done.notifications)
        if done.effect is not None and isinstance(wanted, Lapsing):
            wanted.effect = done.effect
        if done.error is not None:
            raise done.error
        return done.after

    def _change(
        self,
        unit: Any,
        wanted: Wanted | Start | Lapsing | Callable[[Process], Wanted],
        actor: Actor,
        at: datetime | None,
        seen: int | None,
        request_id: str | None,
    ) -> _Done:
        """Do the work inside the lock; it keeps nothing outside of what it returns, so it may be run anew."""
        # The clock is read when it is our turn, so that events are recorded in the order of their numbers.
        now = self.clock()
        recorded_at = instant(now, "clock")
        stamp = recorded_at if at is None else instant(at, "at")
        current = unit.agreement
        if isinstance(wanted, Start):
            process = wanted.process
        elif current is None:
            raise not_found(unit.id)
        else:
            process = self.pinned(current)
            if isinstance(wanted, Lapsing):
                return self._lapse(unit, process, current, wanted, recorded_at)
            if not isinstance(wanted, Wanted):
                wanted = wanted(self._under(unit, process, request_id))
        request = None
        if request_id is not None:
            request = request_id, _fingerprint(unit.id, wanted, actor, at)
            known = unit.known(request_id)
            if known is not None:
                return _Done(after=self._replay(unit.id, known, request))
        if at is not None:
            _past(at, now)
        if isinstance(wanted, Start):
            plan = self._begin(unit, current, wanted, actor, now if at is None else at)
        else:
            plan = self._plan(unit, process, current, wanted, actor, seen, at, now)
        return self._write(unit, current, process, plan, actor, stamp, recorded_at, request)

    def resolve(self, request_id: str) -> Agreement | None:
        """Return what a request was answered with, or None if it never happened; a refusal is raised again."""
        known = self.store.known(name(request_id, "request_id"))
        return None if known is None else self._replay(known.agreement, known, (request_id, known.fingerprint))

    def _under(self, unit: Any, process: Process, request_id: str | None) -> Process:
        """Return the process that a call is read by: if it repeats one, that of then, lest a migration change it."""
        known = None if request_id is None else unit.known(request_id)
        if known is None or known.agreement != unit.id:
            return process
        pins = [
            Pin(**Event.read(one).data["process"]) for one in self.store.history(unit.id, known.n - 1, upto=known.n)
        ]
        return self.book.pinned(pins[0]) if pins else process

    def _lapse(self, unit: Any, process: Process, current: Agreement, wanted: Lapsing, recorded_at: str) -> _Done:
        """Write the first thing that is due; nothing, if nothing is."""
        attempt = self.attempt(process, current, "sweep", _sweeping.THE_LAW, wanted.at, unit=unit)
        lapse = _sweeping.lapse(process, attempt)
        if lapse is None:
            return _Done(after=current)
        plan = _Plan(move=lapse.move, change=lapse.change, used=(), attempt=attempt)
        done = self._write(unit, current, process, plan, attempt.actor, instant(lapse.at), recorded_at, None)
        return attrs.evolve(done, effect=lapse.effect)

    def _begin(self, unit: Any, current: Agreement | None, wanted: Start, actor: Actor, at: datetime) -> _Plan:
        id_ = unit.id
        if current is not None:
            message = f"there is already an agreement {quote(id_)}; choose another id, or go on with that one"
            raise AlreadyExists(message)
        known = wanted.process.known_roles
        used = tuple(role for role in actor.roles if role in known)
        if not used:
            raise NotPermitted(agreement=id_, move="start", actor=actor.id, roles=sorted(known), n=0)
        whole = wanted.data.get("part_of")
        read = () if whole is None else (self._whole(unit, whole, wanted.seen, actor),)
        first = wanted.process.stages[0].id
        change = Change(kind="started", to=first, data=wanted.data, process=wanted.process)
        return _Plan(move="start", change=change, used=used, at=at, read=read)

    def _whole(self, unit: Any, whole: str, seen: int | None, actor: Actor) -> Agreement:
        """Return the agreement that a new one is to be part of, if it may be."""
        parent: Agreement | None = unit.other(whole)
        if parent is None:
            message = f"part_of: there is no agreement {quote(whole)}; start it first"
            raise NotFound(message)
        if seen is not None and seen != parent.version:
            raise Conflict(parent.id, seen, parent.version)
        for one in (parent, *_above(parent, unit)):
            if one.outcome is not None:
                message = f"part_of: {one.id} has ended ({one.outcome}); nothing can become part of it"
                raise NoSuchMove(message)
        known = self.pinned(parent).known_roles
        if known.isdisjoint(actor.roles):
            raise NotPermitted(agreement=parent.id, move="start", actor=actor.id, roles=sorted(known), n=0)
        return parent

    def _plan(
        self,
        unit: Any,
        process: Process,
        current: Any,
        wanted: Wanted,
        actor: Actor,
        seen: int | None,
        at: datetime | None,
        now: datetime,
    ) -> _Plan:
        if seen is not None and seen != current.version:
            raise Conflict(current.id, seen, current.version)
        _changes.known_move(process, current, wanted)
        if wanted.move in WHOLE and at is not None and at < current.entered_at:
            entered = instant(current.entered_at)
            message = f"at: {instant(at)} is before the agreement entered {quote(current.stage)} ({entered})"
            raise InvalidValue(message)
        decision, change, attempt = self.decide(process, current, wanted, actor, now if at is None else at, unit)
        answer = decision.cursor.answer
        if at is not None and wanted.move in GATED:
            answer.unmet.extend(self._afterwards(process, current, attempt, now))
        if decision.granted:
            return _Plan(
                move=wanted.move,
                change=change,
                used=decision.used,
                attempt=attempt,
                asked=answer.asked,
                warnings=answer.warnings,
            )
        data = {**wanted.details, **_changes.refusal(decision)} if wanted.move in WHOLE else _changes.refusal(decision)
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
            attempt=attempt,
            error=error,
        )

    def _afterwards(self, process: Process, current: Agreement, attempt: Attempt, now: datetime) -> Iterator[Unmet]:
        """Name the times that had passed before all was there that a move rests on, which is said to be earlier."""
        stage = process.standing(current.stage)
        if not tuple(closed(stage, attrs.evolve(attempt, at=now))):
            return
        events = map(Event.read, self.store.history(current.id))
        last = max(moment(event.data["at"]) for event in events if event.kind in EVIDENCE)
        if last > attempt.at and not tuple(closed(stage, attempt)):
            late = closed(stage, attrs.evolve(attempt, at=last))
            yield from _mendable(late, stage)

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
    ) -> _Done:
        n = 1 if current is None else current.n + 1
        prev = GENESIS if current is None else current.head
        agreement = unit.id
        begun = plan.change.process
        if begun is not None:
            self.reckoner.check(begun)
        table = _changes.body(
            agreement=agreement,
            n=n,
            id=str(uuid.uuid4()),
            kind=plan.change.kind,
            move=plan.move,
            stage=None if current is None else current.stage,
            change=plan.change,
            process=(begun or process).pin,
            actor=actor,
            used=plan.used,
            at=at,
            recorded_at=recorded_at,
            request=request,
            asked=plan.asked,
            warnings=plan.warnings,
        )
        rules = begun or process
        clocked = rules.clocked or (current is not None and current.deadlines)
        if clocked and (due := self._due(unit, rules, current, plan, actor, table)):
            table["due"] = due
        elif plan.change.anew and current is not None:
            return _Done(after=current)
        if read := plan.shown():
            table["read"] = [{"agreement": a.id, "head": a.head.hex(), "version": a.version} for a in read]
        told, shown = self._told(current, process, rules, table)
        ids = [str(uuid.uuid4()) for _ in told]
        if told:
            table["notifications"] = [{**one.brief(), "id": id_} for one, id_ in zip(told, ids, strict=True)]
        written = _changes.encoded(table)
        entry = Entry(n=n, body=written, hash=chain(prev, written))
        result = apply(current, Event(table, entry.hash)) if shown is None else chained(shown, entry.hash)
        known = None if request is None else (request[0], Known(agreement=agreement, n=n, fingerprint=request[1]))
        definition = None if begun is None else Definition(begun.pin, begun.to_json())
        place: dict[str, Any] = {"agreement": agreement, "n": n, "hash": entry.hash, "at": moment(recorded_at)}
        notifications = [one.placed(id=id_, **place) for one, id_ in zip(told, ids, strict=True)]
        unit.commit(result, entry, notifications, known, definition)
        error = None if plan.error is None else plan.error(n)
        return _Done(after=result, before=current, notifications=notifications, error=error, written=True)

    def _told(
        self, current: Agreement | None, process: Process, rules: Process, table: Mapping[str, Any]
    ) -> tuple[Sequence[Notification], Agreement | None]:
        """Return what is told of the event that *table* is, and the agreement as it was shown to those who tell."""
        wanted = () if self.teller is None else self.teller.wanted(table, current)
        if not self.plugins.notifies and not wanted:
            return (), None
        # Plugins see a frozen copy: what they try to do to it touches nothing.
        shown = Event(freeze(table))
        after = apply(current, shown)
        told = self.plugins.notify(shown, after)
        if self.teller is not None:
            told += self.teller.tell(wanted, shown, current, after, (process, rules))
        return told, after

    def _due(
        self, unit: Any, process: Process, current: Agreement | None, plan: _Plan, actor: Actor, table: dict[str, Any]
    ) -> Sequence[Mapping[str, Any]]:
        """Return what becomes of the deadlines by the event that *table* is."""
        if plan.error is not None:
            return ()
        if plan.change.due is not None:
            return plan.change.due
        after = apply(current, Event(table))
        attempt = plan.attempt
        if attempt is None:
            assert plan.at is not None  # noqa: S101  what begins says when
            attempt = self.attempt(process, after, plan.move, actor, plan.at, unit=unit)
            stage = process.standing(after.stage)
            if unmet := tuple(_mendable(self.reckoner.lasting.begins(process, stage, attempt), stage)):
                raise GateClosed(agreement=after.id, move=plan.move, unmet=unmet, n=0)
        else:
            attempt = attrs.evolve(attempt, agreement=after)
        return self.reckoner.changes(process, current, attempt, anew=plan.change.anew)

    def _replay(self, id_: str, known: Known, request: tuple[str, str]) -> Agreement:
        if known.agreement != id_ or known.fingerprint != request[1]:
            message = (
                f"request_id {quote(request[0])} was already used for event {known.n} of {quote(known.agreement)}"
                f" with other parameters, so nothing was done; use a new id for a new request"
            )
            raise RequestReused(message)
        folded, event = None, None
        for entry in self.store.history(id_, upto=known.n):
            event = Event.read(entry)
            folded = apply(folded, event)
        if folded is None or event is None or event.n != known.n:
            message = f"{id_}: event {known.n} of the request {quote(request[0])} is missing; run verify"
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
    return NotPermitted(
        agreement=event.agreement, move=event.move, unmet=unmet, n=event.n, actor=event.actor, roles=roles
    )


@attrs.define(eq=False, repr=False)
class Start:
    """The wish to start an agreement: the only one that has no agreement yet."""

    process: Process
    data: Mapping[str, Any]
    details: frozendict
    seen: int | None = None
    move: str = "start"
    to: str | None = None
    asked: frozendict | None = None


@attrs.define(eq=False, repr=False)
class Lapsing:
    """The wish that what is due at a time takes its course; it says what came of it."""

    at: datetime
    effect: str | None = None


@attrs.define(kw_only=True, eq=False, repr=False)
class _Done:
    """What came of a unit of work: the agreement after it, and, if something was written, what was caused."""

    after: Agreement
    before: Agreement | None = None
    notifications: Sequence[Notification] = ()
    error: RefusedError | None = None
    effect: str | None = None
    written: bool = False


@attrs.define(kw_only=True, eq=False, repr=False)
class _Plan:
    """What is to be written, and what is raised once it is."""

    move: str
    change: Change
    used: Sequence[str]
    attempt: Attempt | None = None
    at: datetime | None = None
    read: Sequence[Agreement] = ()
    asked: Sequence[tuple[str, bool]] = ()
    warnings: Sequence[Unmet] = ()
    error: Callable[[int], RefusedError] | None = None

    def shown(self) -> Sequence[Agreement]:
        """Return the other agreements that were looked at, each once."""
        seen = self.attempt
        if seen is None:
            return self.read
        parents = () if seen.parent is None else (seen.parent, *seen.above)
        several = (*parents, *seen.parts, *seen.tracks.values())
        return tuple({other.id: other for other in several}.values())


def actor_of(by: Any) -> Actor:
    if not isinstance(by, Actor):
        message = f"by: an Actor is needed, not {quote(by)}; say who acts, with Actor(id=…, roles={{…}})"
        raise InvalidValue(message)
    return by


def id_of(agreement: Agreement | str, where: str = "agreement") -> str:
    return agreement.id if isinstance(agreement, Agreement) else name(agreement, where)


def _past(at: datetime, now: datetime) -> None:
    if at > now:
        message = f"at: {instant(at)} lies in the future (it is {instant(now)}); record what has happened"
        raise InvalidValue(message)


def not_found(id_: str) -> NotFound:
    return NotFound(f"there is no agreement {quote(id_)}")


def _fingerprint(id_: str, wanted: Wanted | Start, actor: Actor, at: datetime | None) -> str:
    asked = {
        "agreement": id_,
        "move": wanted.move,
        "details": wanted.details if wanted.asked is None else wanted.asked,
        "by": {"id": actor.id, "roles": actor.roles, "on_behalf_of": actor.on_behalf_of},
        "at": None if at is None else instant(at),
    }
    return digest(canonical(asked))
