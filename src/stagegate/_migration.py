"""When a process changes: how a running agreement takes its place in another one, and what that would do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from ._agreement import Agreement, apply
from ._attempt import Attempt
from ._changes import Change, Decision, Wanted, moving
from ._history import Event
from ._machine import Cursor
from ._plain import instant, slug, text
from ._process import Process
from ._reasons import Unmet
from ._records import Approval, Pin, lean
from ._stages import Stage
from ._store import Query, Store
from ._text import frozendict
from .exceptions import HistoryTampered, InvalidValue, NoSuchMove, NotFound, quote

SHOWN = 10
"""How many agreements a plan names when it is printed; `rows` has them all."""

BATCH = 200

Source = Process | Pin | Agreement | str | tuple[str, str]
"""What is to be migrated: what runs under a process, under a version of an id, under any; or one agreement."""


@attrs.define(kw_only=True, frozen=True)
class Office:
    """
    What a plan is made with.

    Attributes:
        store: Where the agreements are.

        pinned: Finds the process an agreement runs under.

        decide: Decides what an actor wants, and writes nothing.

        reckon: Reckons what becomes of the deadlines.

        now: What time it is.
    """

    store: Store
    pinned: Callable[[Agreement], Process]
    decide: Callable[[Process, Agreement, Wanted], tuple[Decision, Change, Attempt]]
    reckon: Callable[[Process, Agreement, Attempt], Sequence[Mapping[str, Any]]]
    now: datetime


@attrs.define(kw_only=True, frozen=True)
class MigrationRow:
    """
    What a migration would do to one running agreement.

    Attributes:
        agreement: Its id.

        version: The version of it that was looked at.

        was: The process it runs under.

        stage: Where it stands.

        to_stage: Where it would stand; None if it has no place in the new process.

        mapping: The part of the mapping that concerns the process it runs under.

        stranded: Every reason why it cannot be migrated: the same that `migrate` would be refused with.

        newly_blocked: What would keep it from advancing under the new process and does not do so now.

        overdue: What would be overdue at once, and is not so now: stages, requirements and duties.

        voided: The votes that would be voided, since no gate of the new process asks their roles.

        passed_over: The stages of the new process that lie before that place and have no counterpart in the old one:
            their gates will not have been asked.

        permitted: Whether the actor may migrate it.

        roles: The roles that may.
    """

    agreement: str
    version: int
    was: Pin
    stage: str
    to_stage: str | None
    mapping: frozendict
    stranded: tuple[Unmet, ...]
    newly_blocked: tuple[Unmet, ...]
    overdue: tuple[str, ...]
    voided: tuple[Approval, ...]
    passed_over: tuple[str, ...]
    permitted: bool
    roles: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether it can be migrated."""
        return not self.stranded

    def __str__(self) -> str:
        """Say in one line what would become of it."""
        said = f"{self.agreement}: {self.stage} → {self.to_stage or '?'}"
        for word, reasons in (("stranded", self.stranded), ("newly blocked", self.newly_blocked)):
            if reasons:
                said += f"; {word}: {', '.join(reason.text() for reason in reasons)}"
        if self.overdue:
            said += f"; overdue at once: {', '.join(self.overdue)}"
        if self.voided:
            said += f"; voided: {', '.join(f'{vote.role} by {vote.by}' for vote in self.voided)}"
        return said


@attrs.define(kw_only=True, frozen=True)
class MigrationPlan:
    """
    What a migration would do to every running agreement that is meant. Making one changes nothing.

    Attributes:
        to: The process to migrate to.

        rows: What would become of each, in the order of their ids.
    """

    to: Pin
    rows: tuple[MigrationRow, ...]

    @property
    def fitting(self) -> tuple[MigrationRow, ...]:
        """Those that can be migrated."""
        return tuple(row for row in self.rows if row.fits)

    @property
    def stranded(self) -> tuple[MigrationRow, ...]:
        """Those that cannot."""
        return tuple(row for row in self.rows if not row.fits)

    @property
    def blocked(self) -> tuple[MigrationRow, ...]:
        """Those that can, and would be kept from advancing by something that does not keep them now."""
        return tuple(row for row in self.rows if row.fits and row.newly_blocked)

    def __str__(self) -> str:
        """Say how many fit, how many do not, and those that somebody has to look at, the stranded first."""
        number, fit, left, blocked = map(len, (self.rows, self.fitting, self.stranded, self.blocked))
        said = (
            f"to {self.to}: {number} running {'agreement' if number == 1 else 'agreements'};"
            f" {fit} can be migrated ({blocked} of them newly blocked), {left} would be stranded"
        )
        worth = (*self.stranded, *self.blocked)
        more = [f"and {len(worth) - SHOWN} more"] if len(worth) > SHOWN else []
        return "\n".join((said, *map(str, worth[:SHOWN]), *more))


def _mapping(value: Any) -> frozendict:
    if value is None:
        return frozendict()
    if not isinstance(value, Mapping):
        message = f"mapping: a table of stages by stage is needed, such as {{'council': 'hearing'}}, not {quote(value)}"
        raise InvalidValue(message)
    return frozendict({slug(old, "mapping"): slug(new, "mapping") for old, new in value.items()})


def _known(stages: Iterable[str], process: Process, mapping_of: str) -> None:
    for stage in stages:
        if process.stage(stage) is None:
            there = ", ".join(known.id for known in process.stages)
            message = f"mapping: {process.pin} has no stage {quote(stage)} to map {mapping_of}; it has {there}"
            raise InvalidValue(message)


def migrating(to: Process, mapping: Mapping[str, str] | None, reason: str) -> Wanted:
    """
    Want an agreement to run under another process from now on.

    Args:
        to: The process.

        mapping: Which stage of the new process takes the place of a stage of the old one, where the id is not the same.

        reason: Why.
    """
    said, named = text(reason, "reason"), _mapping(mapping)
    _known(named.values(), to, "to")

    def change(process: Process, attempt: Attempt, cursor: Cursor) -> Change:
        agreement = attempt.agreement
        if process.pin == to.pin:
            message = f"{agreement.id}: it already runs under {to.pin}"
            raise NoSuchMove(message)
        _known(named, process, "from")
        place = named.get(agreement.stage, agreement.stage)
        cursor.answer.unmet.extend(_stranded(process, to, named, agreement))
        stage = to.stage(place)
        if stage is None:
            return Change(kind="migrated")
        # Whose turn it has become since a deadline passed stays so, if the new process knows them.
        owner = tuple(dict.fromkeys((*stage.owner, *(r for r in agreement.escalated if r in to.known_roles))))
        return Change(
            kind="migrated",
            to=stage.id,
            data=lean({"was": _pin(process.pin), "mapping": named, "owner": owner, "reason": said}),
            voided=tuple(vote.brief() for vote in agreement.approvals if vote.role not in to.approving),
            process=to,
        )

    details = frozendict(lean({"process": frozendict(_pin(to.pin)), "mapping": named, "reason": said}))
    return Wanted(move="migrate", details=details, change=change)


def _pin(pin: Pin) -> dict[str, str]:
    return {"id": pin.id, "version": pin.version, "digest": pin.digest}


def _stranded(old: Process, new: Process, mapping: Mapping[str, str], agreement: Agreement) -> Iterator[Unmet]:
    """Go through every reason why an agreement has no place in another process."""
    place = mapping.get(agreement.stage, agreement.stage)
    stage = new.stage(place)
    if stage is None:
        yield _why("migration.stage", stage=agreement.stage, process=str(new.pin))
    else:
        for ahead in _jumped(old, new, mapping, agreement.stage, stage):
            yield _why("migration.gate", stage=place, gate=ahead)
        hold = agreement.hold
        if hold is not None and not set(stage.owner) & set(hold.roles):
            resuming = {*hold.roles, *stage.may.get("resume", ())}
            if not resuming & new.known_roles:
                yield _why("migration.hold", roles=hold.roles, process=str(new.pin))
    for vote in agreement.approvals:
        # A vote at the stage where it stands goes with it.
        gone = vote.stage != agreement.stage and new.stage(mapping.get(vote.stage, vote.stage)) is None
        if gone and vote.role in new.approving:
            yield _why("migration.vote", role=vote.role, by=vote.by, stage=vote.stage, process=str(new.pin))


def _why(code: str, **params: Any) -> Unmet:
    return Unmet(code=code, params=frozendict(params), requirement=code.replace(".", ":"))


def _counterparts(old: Process, mapping: Mapping[str, str], stage: str) -> list[int]:
    """Return the places of the stages of the old process that *stage* of the new one stands for."""
    return [place for place, before in enumerate(old.stages) if stage in (before.id, mapping.get(before.id, before.id))]


def _before(new: Process, stage: str) -> tuple[Stage, ...]:
    return new.stages[: new.place(stage)]


def _jumped(old: Process, new: Process, mapping: Mapping[str, str], stage: str, place: Stage) -> list[str]:
    """Return the stages it would stand behind without having passed their gates: there is no path around a gate."""
    here, jumped = old.place(stage), []
    # Where the place also stands for a stage further on, what is new right before it may be this one by another name.
    ahead = any(one > here for one in _counterparts(old, mapping, place.id))
    for before in reversed(_before(new, place.id)):
        passed = _counterparts(old, mapping, before.id)
        if any(one >= here for one in passed) or (ahead and not passed):
            jumped.append(before.id)
        ahead = ahead and not passed
    return jumped[::-1]


def plan(office: Office, source: Source, to: Process, mapping: Mapping[str, str] | None) -> MigrationPlan:
    """
    Look at every running agreement that is meant, and say what would become of it.

    Args:
        office: What it is made with.

        source: What is to be migrated.

        to: The process to migrate to.

        mapping: Which stage takes the place of which.
    """
    named = _mapping(mapping)
    _known(named.values(), to, "to")
    known: dict[Pin, Process | Unmet] = {}
    rows = []
    for agreement in _meant(office.store, source, to.pin):
        old = _old(office, agreement, known)
        rows.append(
            _unknown(agreement, named, old)
            if isinstance(old, Unmet)
            else _row(office, agreement, old, to, frozendict({k: v for k, v in named.items() if old.stage(k)}))
        )
    _used(named, source, known.values())
    return MigrationPlan(to=to.pin, rows=tuple(rows))


def _old(office: Office, agreement: Agreement, known: dict[Pin, Process | Unmet]) -> Process | Unmet:
    """Return the process that an agreement runs under, or why it cannot be read; what is not there is sought once."""
    pin = agreement.process
    found = known.get(pin)
    if isinstance(found, Unmet):
        return found
    try:
        known[pin] = found = office.pinned(agreement)
    except NotFound as error:
        known[pin] = found = _why("migration.unknown", process=str(pin), error=str(error))
    except HistoryTampered as error:
        return _why("migration.unknown", process=str(pin), error=str(error))
    return found


def _used(mapping: Mapping[str, str], source: Source, known: Iterable[Process | Unmet]) -> None:
    """Refuse a mapping of a stage that none of the processes has which it is for, as far as they can be read."""
    given = [source] if isinstance(source, Process) else list(known)
    processes = [process for process in given if isinstance(process, Process)]
    if not processes or len(processes) < len(given):
        return
    for stage in mapping:
        if not any(process.stage(stage) for process in processes):
            _known([stage], processes[0], "from")


def _meant(store: Store, source: Source, to: Pin) -> Iterator[Agreement]:
    if isinstance(source, Agreement):
        found = store.get(source.id)
        yield from () if found is None or not found.running or found.process == to else (found,)
        return
    id_, meant = _source(source)
    after: str | None = None
    while True:
        page = store.find(Query(process=id_, running=True), after=after, limit=BATCH)
        for agreement in page:
            if agreement.process != to and meant(agreement.process):
                yield agreement
        if len(page) < BATCH:
            return
        after = page[-1].id


def _source(source: Any) -> tuple[str, Callable[[Pin], bool]]:
    if isinstance(source, Process):
        source = source.pin
    if isinstance(source, Pin):
        return source.id, lambda pin: pin == source
    if isinstance(source, str):
        return text(source, "from_"), lambda _: True
    if isinstance(source, tuple) and [type(part) for part in source] == [str, str]:
        return text(source[0], "from_"), lambda pin: pin.version == source[1]
    message = f"from_: a Process, a Pin, an id, a pair (id, version) or an Agreement is needed, not {quote(source)}"
    raise InvalidValue(message)


def _unknown(agreement: Agreement, mapping: frozendict, why: Unmet) -> MigrationRow:
    return MigrationRow(
        agreement=agreement.id,
        version=agreement.version,
        was=agreement.process,
        stage=agreement.stage,
        to_stage=None,
        mapping=mapping,
        stranded=(why,),
        newly_blocked=(),
        overdue=(),
        voided=(),
        passed_over=(),
        permitted=False,
        roles=(),
    )


def _row(office: Office, agreement: Agreement, old: Process, new: Process, mapping: frozendict) -> MigrationRow:
    decision, change, attempt = office.decide(old, agreement, migrating(new, mapping, ""))
    placed = change.to
    after = None if placed is None else _after(office, agreement, new, change, attempt)
    voided = {vote["n"] for vote in change.voided}
    return MigrationRow(
        agreement=agreement.id,
        version=agreement.version,
        was=agreement.process,
        stage=agreement.stage,
        to_stage=placed,
        mapping=mapping,
        stranded=tuple(decision.cursor.answer.unmet),
        newly_blocked=() if after is None else _newly(office, agreement, after, old, new),
        overdue=() if after is None else _overdue(agreement, after, office.now),
        voided=tuple(vote for vote in agreement.approvals if vote.n in voided),
        passed_over=()
        if placed is None
        else tuple(stage.id for stage in _before(new, placed) if not _counterparts(old, mapping, stage.id)),
        permitted=decision.permitted,
        roles=decision.roles,
    )


def _newly(office: Office, before: Agreement, after: Agreement, old: Process, new: Process) -> tuple[Unmet, ...]:
    """Return what would keep the agreement from advancing after the change, and does not do so before it."""
    advance = moving("advance")
    now = {_asked(reason) for reason in office.decide(old, before, advance)[0].cursor.answer.unmet}
    reasons = office.decide(new, after, advance)[0].cursor.answer.unmet
    return tuple(reason for reason in reasons if _asked(reason) not in now)


def _overdue(before: Agreement, after: Agreement, now: datetime) -> tuple[str, ...]:
    """Return what would be overdue at once after the change, and is not so before it."""
    late = [
        {one.subject or one.key for one in deal.deadlines.values() if one.at is not None and one.at <= now}
        for deal in (before, after)
    ]
    return tuple(sorted(late[1] - late[0]))


def _asked(reason: Unmet) -> frozendict:
    """Return what a reason says, whatever it is called and wherever its rule stands."""
    alternatives = tuple(tuple(map(_asked, part)) for part in reason.alternatives)
    return frozendict({"code": reason.code, "params": reason.params, "alternatives": alternatives})


def _after(office: Office, agreement: Agreement, new: Process, change: Change, attempt: Attempt) -> Agreement:
    """Return what the agreement would be after the change, by the same step that the history takes."""
    table: dict[str, Any] = {
        "agreement": agreement.id,
        "n": agreement.n + 1,
        "kind": change.kind,
        "from": agreement.stage,
        "to": change.to,
        "process": _pin(new.pin),
        "data": change.data,
        "voided": change.voided,
        "recorded_at": instant(office.now),
    }
    after = apply(agreement, Event(table))
    if new.clocked or agreement.deadlines:
        due = office.reckon(new, agreement, attrs.evolve(attempt, agreement=after))
        after = apply(agreement, Event({**table, "due": due}))
    return after


__all__ = ["MigrationPlan", "MigrationRow", "Source", "migrating", "plan"]
