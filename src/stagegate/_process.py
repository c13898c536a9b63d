"""The frozen blueprint of a process: its stages in order, how it can end, its digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from functools import cached_property
from typing import Any

import attrs

from . import _checks
from ._deadlines import zone_of
from ._evidence import ApprovalRequirement
from ._fields import Reader, collected, reads
from ._machine import Machine, Plan, build
from ._plain import canonical, digest, plain, slug, text
from ._predicates import Predicate
from ._reasons import provenance_of
from ._records import Pin, lean
from ._requirements import Requirement
from ._stages import Outcome, Stage
from ._text import Label, as_label, frozendict
from .exceptions import DefinitionError, InvalidValue, quote

TOO_DEEP = "it is nested too deep"

DEFAULT_OUTCOMES = ("completed", "withdrawn", "rejected")
"""How a process can end that says nothing about it; `completed` only from its last stage."""


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
    def digest(self) -> str:
        """SHA-256 over the canonical form, in hexadecimal."""
        return digest(canonical(self.to_data()))

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
        gates = [(stage.id, gate) for stage in self.stages for gate in (stage.when, stage.gate)]
        for place, gate in [*gates, *((outcome.id, outcome.gate) for outcome in self.outcomes)]:
            if gate is not None:
                for part in gate.walk():
                    yield place, part

    @cached_property
    def known_roles(self) -> frozenset[str]:
        """Every role that has a part in it."""
        known = set(self.roles)
        for stage in self.stages:
            known.update(stage.owner, stage.contributors, *stage.may.values())
        for outcome in self.outcomes:
            known.update(outcome.by)
        for _, part in self.requirements():
            known.update(part.fix_by)
            if isinstance(part, ApprovalRequirement):
                known.add(part.role)
        return frozenset(known)

    @cached_property
    def approving(self) -> dict[str, tuple[str, ...]]:
        """The kinds of document that the vote of each approving role is bound to."""
        bound: dict[str, dict[str, None]] = {}
        for _, part in self.requirements():
            if isinstance(part, ApprovalRequirement):
                bound.setdefault(part.role, {}).update(dict.fromkeys(part.of))
        return {role: tuple(kinds) for role, kinds in bound.items()}

    def predicates(self) -> dict[str, Predicate]:
        """Return the predicates of the user's in it, by code."""
        return {part.code: part for _, part in self.requirements() if isinstance(part, Predicate)}

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
                "roles": self.roles,
                "parameters": self.parameters,
                "stages": [stage.to_data() for stage in self.stages],
                "outcomes": [outcome.to_data() for outcome in self.outcomes],
            }
        )


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
    return tuple(
        Outcome(outcome, stages=(stages[-1].id,) if outcome == "completed" else ())
        for outcome in DEFAULT_OUTCOMES
        if outcome not in taken
    )


def _rebuild(fields: dict[str, Any]) -> Process:
    return Process(**fields)
