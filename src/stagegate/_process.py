"""The frozen blueprint of a process: its stages in order, how it can end, its digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from functools import cached_property
from typing import Any

import attrs

from . import _checks
from ._calendars import WEEKENDS, Calendar, load_calendar
from ._deadlines import Period, zone_of
from ._evidence import ApprovalRequirement, NoticeRequirement, PartsRequirement, TrackRequirement
from ._fields import Reader, collected, reads
from ._files import TOO_DEEP
from ._machine import Machine, Plan, build
from ._plain import canonical, digest, plain, slug, text
from ._predicates import Predicate
from ._reasons import provenance_of
from ._records import Pin, lean
from ._requirements import Requirement
from ._stages import ESCALATE, LAW, Outcome, Stage
from ._text import Label, as_label, frozendict
from .exceptions import DefinitionError, InvalidValue, quote


def _several(kind: type[Any]) -> Reader:
    def read(value: Any, _where: str) -> tuple[Any, ...]:
        if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
            message = f"a sequence of {kind.__name__} is needed, not {quote(value)}"
            raise InvalidValue(message)
        several = tuple(value)
        wrong = [
            (f"[{i}]", f"a {kind.__name__} is needed, not {quote(v)}")
            for i, v in enumerate(several)
            if not isinstance(v, kind)
        ]
        if wrong:
            raise DefinitionError(wrong)
        return several

    return read


def _labels(value: Any, _where: str) -> frozendict:
    if not isinstance(value, Mapping):
        message = f"a table of labels by role is needed, not {quote(value)}"
        raise InvalidValue(message)
    faults: list[tuple[str, str]] = []
    made: dict[str, Label] = {}
    for role, named in value.items():
        try:
            made[slug(role, "roles")] = as_label(named)
        except DefinitionError as error:
            faults.extend(error.under(str(role)).faults)
        except InvalidValue as error:
            faults.append((str(role), str(error)))
    if faults:
        raise DefinitionError(faults)
    return frozendict(made)


def _parameters(value: Any, where: str) -> frozendict:
    if not isinstance(value, Mapping):
        message = f"a table of parameters is needed, not {quote(value)}"
        raise InvalidValue(message)
    return plain(value, where)  # type: ignore[return-value]


def _zone(value: Any, _where: str) -> str:
    zone_of(value)
    return str(value)


def _calendar(value: Any, where: str) -> str | Calendar:
    if isinstance(value, Calendar):
        return value
    return load_calendar(value) if isinstance(value, Mapping) else slug(value, where)


@attrs.define(init=False, frozen=True, eq=False, slots=False)
class Process:
    """
    The blueprint that an agreement runs under.

    Two processes are equal if their digests are: then they say the same, whether in Python, TOML or JSON.

    Attributes:
        id: Its id.

        version: Its version; a process that changes gets another.

        stages: The stages in order.

        label: What people call it, by language.

        outcomes: How it can end.

        roles: The roles that can be held, with their labels; empty if any may be.

        basis: The law or rule it comes from.

        provenance: Whether that is `law`, `law-secondary`, `practice` or `interpretation`.

        note: What a reader must know about it, by language.

        parameters: What the rules leave open and this definition decides, each with its value and why.

        zone: The time zone in which its days are counted.

        calendar: The calendar by which they are counted: the id of one that the engine knows, or a `Calendar`; by
            default only Saturdays and Sundays do not count.

    Raises:
        DefinitionError: With every fault of the definition, each with its path.
    """

    id: str = attrs.field(metadata=reads(slug))
    version: str = attrs.field(metadata=reads(text))
    stages: tuple[Stage, ...] = attrs.field(metadata=reads(_several(Stage)))
    label: Label = attrs.field(metadata=reads(as_label))
    outcomes: tuple[Outcome, ...] = attrs.field(metadata=reads(_several(Outcome)))
    roles: frozendict = attrs.field(metadata=reads(_labels))
    basis: str = attrs.field(metadata=reads(text))
    provenance: str = attrs.field(metadata=reads(provenance_of))
    note: Label = attrs.field(metadata=reads(as_label))
    parameters: frozendict = attrs.field(metadata=reads(_parameters))
    zone: str = attrs.field(metadata=reads(_zone))
    calendar: str | Calendar = attrs.field(metadata=reads(_calendar))

    def __init__(
        self,
        id: str,
        version: str,
        stages: Iterable[Stage],
        *,
        label: str | Mapping[str, str] | None = None,
        outcomes: Iterable[Outcome] = (),
        roles: Mapping[str, str | Mapping[str, str]] | None = None,
        basis: str = "",
        provenance: str = "",
        note: str | Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        zone: str = "UTC",
        calendar: str | Calendar | Mapping[str, Any] = WEEKENDS.id,
    ) -> None:
        """Make a process; the arguments are the attributes."""
        given = {**locals(), "roles": roles or {}, "parameters": parameters or {}}
        try:
            self.__attrs_init__(**_good(given))
            canonical(self.to_data())
        except RecursionError:
            raise DefinitionError([("", TOO_DEEP)]) from None

    def __eq__(self, other: object) -> bool:
        """Compare by digest."""
        return isinstance(other, Process) and self.digest == other.digest

    def __hash__(self) -> int:
        """Hash by digest."""
        return hash(self.digest)

    def __repr__(self) -> str:
        """Show what it is pinned by."""
        return f"<Process {self.pin}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without what is computed from it."""
        fields = {field.name: getattr(self, field.name) for field in attrs.fields(Process)}
        return _rebuild, (fields,)

    @cached_property
    def _written(self) -> bytes:
        return canonical(self.to_data())

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical form, in hexadecimal."""
        return digest(self._written)

    @cached_property
    def pin(self) -> Pin:
        """What an agreement is pinned to."""
        return Pin(self.id, self.version, self.digest)

    @cached_property
    def plan(self) -> Plan:
        """The table of moves that the machine compiles to."""
        return Plan(self.machine())

    @cached_property
    def tzinfo(self) -> tzinfo:
        """The time zone in which its days are counted."""
        return zone_of(self.zone)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {stage.id: place for place, stage in enumerate(self.stages)}

    def machine(self) -> Machine:
        """
        Return the process as a `transitions.Machine`, for people who know that library.

        Its conditions are the gates. It moves a `Cursor` made of an `Attempt`; nothing is added to it.
        """
        return build(self.stages, self.outcomes)

    def stage(self, stage: str) -> Stage | None:
        """Return the stage of that id, if there is one."""
        place = self._places.get(stage)
        return None if place is None else self.stages[place]

    def standing(self, stage: str) -> Stage:
        """Return the stage of that id, which must be there."""
        return self.stages[self._places[stage]]

    def outcome(self, outcome: str) -> Outcome | None:
        """Return the outcome of that id, if there is one."""
        return next((o for o in self.outcomes if o.id == outcome), None)

    def place(self, stage: str) -> int:
        """Return the place of a stage, from 0; -1 if there is no such stage."""
        return self._places.get(stage, -1)

    def further(self, stage: str) -> tuple[Stage, ...]:
        """Return the stages that lie between *stage* and the last one: what comes before the goal is reached."""
        return self.stages[self.place(stage) + 1 : -1]

    def requirements(self) -> Iterator[tuple[str, Requirement]]:
        """Go through all requirements of all gates, each with the id of its stage or outcome."""
        gates = [(stage.id, gate) for stage in self.stages for gate in stage.gates()]
        gates += [(outcome.id, outcome.gate) for outcome in self.outcomes if outcome.gate is not None]
        for place, gate in gates:
            for part in gate.walk():
                yield place, part

    @cached_property
    def clocked(self) -> bool:
        """Whether any of its stages or requirements has a clock."""
        return any(
            stage.within or stage.term or stage.duties or any(part.within for g in stage.gates() for part in g.walk())
            for stage in self.stages
        )

    @cached_property
    def asks_parts(self) -> bool:
        """Whether it asks about the parts of an agreement."""
        return any(isinstance(part, PartsRequirement) for _, part in self.requirements())

    @cached_property
    def tracks(self) -> tuple[str, ...]:
        """The facts that name the agreements which run beside one."""
        asked = (part.track for _, part in self.requirements() if isinstance(part, TrackRequirement))
        return tuple(dict.fromkeys(asked))

    @cached_property
    def watches(self) -> bool:
        """Whether a clock depends on other agreements, so that these are looked at whatever is done."""
        timed = (part for stage in self.stages for gate in _timed(stage) for part in gate.walk())
        return any(isinstance(part, (PartsRequirement, TrackRequirement)) for part in timed)

    @cached_property
    def counts(self) -> bool:
        """Whether its requirements count days."""
        return any(isinstance(part, NoticeRequirement) for part in self._asked())

    @cached_property
    def calendars(self) -> tuple[str, ...]:
        """The ids of the calendars by which it counts, those that single periods name among them."""
        named = [self.calendar, *(period.calendar for period in self._periods())]
        return tuple(dict.fromkeys(one for one in named if isinstance(one, str) and one))

    def _periods(self) -> Iterator[Period]:
        """Go through its periods; what is reminded of counts like what is due."""
        several = [part.within for _, part in self.requirements()]
        for stage in self.stages:
            renewal = stage.renewal
            terms = [stage.term, *(() if renewal is None else (renewal.term,))]
            several += [
                stage.within,
                *(duty.period for duty in stage.duties),
                *(t.lasts for t in terms if t is not None),
            ]
            several += () if renewal is None else (renewal.window,)
        yield from (period for period in several if period is not None)

    def using(self, stage: str, kind: str | None = None) -> frozenset[str]:
        """Return the roles whose approvals are used up at a stage: by amending a kind of document, or by a renewal."""
        standing = self.standing(stage)
        renewed = None if standing.renewal is None else standing.renewal.gate
        gate = standing.amend.get(kind) if kind else renewed
        parts = () if gate is None else gate.walk()
        return frozenset(part.role for part in parts if isinstance(part, ApprovalRequirement))

    @cached_property
    def known_roles(self) -> frozenset[str]:
        """Every role that has a part in it."""
        known = set(self.roles)
        for stage in self.stages:
            known.update(stage.owner, stage.contributors, *stage.may.values())
            known.update(*(duty.fix_by for duty in stage.duties))
            if stage.timeout[0] == ESCALATE:
                known.add(stage.timeout[1])
        for outcome in self.outcomes:
            known.update(outcome.by)
        for _, part in self.requirements():
            known.update(part.fix_by)
            if isinstance(part, ApprovalRequirement):
                known.update((part.role, *part.delegates))
        return frozenset(known - {LAW})

    @cached_property
    def asking(self) -> dict[str, tuple[tuple[str, ApprovalRequirement], ...]]:
        """What asks each approving role for its vote, with the id of the stage or outcome whose gate it is."""
        asking: dict[str, list[tuple[str, ApprovalRequirement]]] = {}
        for place, part in self.requirements():
            if isinstance(part, ApprovalRequirement):
                asking.setdefault(part.role, []).append((place, part))
        return {role: tuple(asks) for role, asks in asking.items()}

    @cached_property
    def approving(self) -> dict[str, tuple[str, ...]]:
        """The kinds of document that the vote of each approving role is bound to."""
        return {role: tuple(dict.fromkeys(k for _, ask in asks for k in ask.of)) for role, asks in self.asking.items()}

    def predicates(self) -> dict[str, Predicate]:
        """Return the predicates of the user's in it, by code."""
        return {part.code: part for part in self._asked() if isinstance(part, Predicate)}

    def _asked(self) -> Iterator[Requirement]:
        """Go through all requirements of all gates, and those that are asked of each part."""
        for _, requirement in self.requirements():
            yield requirement
            if isinstance(requirement, PartsRequirement) and requirement.each is not None:
                yield from requirement.each.walk()

    def to_json(self) -> bytes:
        """Return the canonical form as the bytes that the digest is taken of, for a store to keep."""
        return self._written

    def to_data(self) -> dict[str, Any]:
        """Return the process as the table that TOML and JSON definitions hold; its canonical form."""
        return lean(
            {
                "id": self.id,
                "version": self.version,
                "label": self.label,
                "basis": self.basis,
                "provenance": self.provenance,
                "note": self.note,
                "zone": None if self.zone == "UTC" else self.zone,
                "calendar": _calendar_data(self.calendar),
                "roles": self.roles,
                "parameters": self.parameters,
                "stages": [stage.to_data() for stage in self.stages],
                "outcomes": [outcome.to_data() for outcome in self.outcomes],
            }
        )


def _timed(stage: Stage) -> Iterator[Requirement]:
    """Return the requirements of a stage that have a clock of their own."""
    yield from (part for part in (() if stage.gate is None else stage.gate.walk()) if part.within is not None)
    yield from (duty.gate for duty in stage.duties if duty.gate is not None)


def _calendar_data(calendar: str | Calendar) -> Any:
    if isinstance(calendar, Calendar):
        return calendar.to_data()
    return None if calendar == WEEKENDS.id else calendar


def _good(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a process, or raise all that is wrong with them."""
    faults: list[tuple[str, str]] = []
    try:
        good = collected(Process, given)
    except DefinitionError as error:
        faults.extend(error.faults)
        good = {"stages": (), "outcomes": (), "roles": frozendict()}
        for field in ("stages", "outcomes", "roles"):
            try:
                good |= collected(Process, {field: given[field]})
            except DefinitionError:
                continue
    readable = not any(path.startswith("stages") for path, _ in faults)
    found = _checks.faults(
        version=given["version"],
        stages=dict(enumerate(good["stages"])),
        outcomes=dict(enumerate(good["outcomes"])),
        roles=good["roles"],
        certain=readable,
    )
    paths = {path for path, _ in faults}
    faults.extend(fault for fault in found if fault[0] not in paths)
    if faults:
        raise DefinitionError(faults)
    if not good["outcomes"]:
        good["outcomes"] = _default_outcomes(good["stages"])
    return good


def _default_outcomes(stages: tuple[Stage, ...]) -> tuple[Outcome, ...]:
    taken = {stage.id for stage in stages}
    ends = any(stage.term is not None and not stage.term.open for stage in stages)
    return tuple(
        Outcome(
            outcome,
            stages=(stages[-1].id,) if outcome == "completed" else (),
            by=LAW if outcome == _checks.EXPIRED else (),
        )
        for outcome in (*_checks.DEFAULT_OUTCOMES, *((_checks.EXPIRED,) if ends else ()))
        if outcome not in taken
    )


def _rebuild(fields: dict[str, Any]) -> Process:
    return Process(**fields)
