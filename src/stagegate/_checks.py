"""What is wrong with a definition: every fault, each with its path."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ._evidence import (
    PROPOSER,
    UNSET,
    ApprovalRequirement,
    DocumentRequirement,
    FactRequirement,
    PartsRequirement,
    Ref,
    TrackRequirement,
    same,
)
from ._plain import canonical
from ._requirements import All, AnyOf, AtLeast, Not, Requirement, Unguarded, When
from ._stages import END, ESCALATE, LAW, OVERDUE, Outcome, Stage
from .exceptions import quote

Fault = tuple[str, str]
COMPLETED = "completed"
DEFAULT_OUTCOMES = (COMPLETED, "withdrawn", "rejected")
"""How a process can end that says nothing about it; `completed` only from its last stage."""

EXPIRED = "expired"
"""The outcome that the end of a term brings, where the stage names no other."""

FEWEST = 2  # stages: a gate stands between two
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")


def faults(
    *,
    version: Any,
    stages: Mapping[int, Stage],
    outcomes: Mapping[int, Outcome],
    roles: Mapping[str, Any],
    rows: int | None = None,
    certain: bool = True,
) -> list[Fault]:
    """
    Return every fault of a definition, with its path.

    Args:
        version: Its version.

        stages: The stages, by their place in the definition.

        outcomes: The outcomes, likewise.

        roles: The roles it declares; where it declares none, any role may be held.

        rows: How many stages the definition has, if not all of them could be read.

        certain: Whether the ids of all stages are known; where they are not, what refers to them is left alone.
    """
    rows = len(stages) if rows is None else rows
    found: list[Fault] = []
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        found.append(("version", f"{quote(version)} is no version; use letters, digits and . + - _, such as '2026.1'"))
    if certain and rows < FEWEST:
        found.append(("stages", f"{rows} stages make no process; at least two are needed"))
    placed = [(f"stages[{i}]", stage) for i, stage in stages.items()]
    ending = [(f"outcomes[{i}]", outcome) for i, outcome in outcomes.items()]
    found += _duplicates([*placed, *ending])
    order: dict[str, int] = {}
    for place, stage in stages.items():
        order.setdefault(stage.id, place)
    blocked = ""
    for place, stage in stages.items():
        path, last = f"stages[{place}]", place == rows - 1
        if certain:
            found += _back_to(path, stage, place, order)
        found += _conditional(path, stage, first=place == 0, last=last)
        found += _roles_of(path, stage, roles)
        found += _timed(path, stage, last=last)
        if certain:
            found += _ends(path, stage, outcomes, () if outcomes else _usual(stages, last=last))
            found += _renewed(path, stage, place, order)
        found += _after_signing(path, stage, roles)
        if blocked:
            found.append((path, f"unreachable: {blocked}"))
        gate_faults = list(_gate(path, stage, roles, last=last))
        found += gate_faults
        never = any("can never" in sentence for _, sentence in gate_faults)
        blocked = f"the gate of {quote(stage.id)} before it can never open" if never else ""
    if certain and rows == len(stages):
        found += _orders([*((f"{p}.gate", s.gate) for p, s in placed), *((f"{p}.gate", o.gate) for p, o in ending)])
        found += _exclusions(
            [
                *((f"{p}.{argument}", asked) for p, stage in placed for argument, asked in _asked_at(stage)),
                *((f"{p}.gate", outcome.gate) for p, outcome in ending if outcome.gate is not None),
            ]
        )
    for path, outcome in ending:
        if certain:
            found += _unknown(f"{path}.stages", outcome.stages, order)
        found += _held(path, "by", outcome.by, roles)
        if outcome.gate is not None:
            found += _requirement(f"{path}.gate", outcome.gate, roles)
            found += _clockless(f"{path}.gate", outcome.gate)
    return found


def _timed(path: str, stage: Stage, *, last: bool) -> Iterator[Fault]:
    """Find the faults of the time a stage has."""
    if stage.within is not None and last:
        yield f"{path}.within", "nothing follows the last stage, so nothing is late there; say a term or a duty"
    if stage.within is None and stage.on_timeout != OVERDUE:
        yield f"{path}.on_timeout", "there is no time that could pass; say within"
    if stage.remind and stage.within is None and (stage.term is None or stage.term.open):
        yield f"{path}.remind", "there is no date to remind of; say within or a term"
    names = Counter(part.name for part in (() if stage.gate is None else stage.gate.walk()) if part.within is not None)
    for named, times in names.items():
        if times > 1:
            yield f"{path}.gate", f"{quote(named)} has {times} deadlines; give each an id of its own"
    asked = () if stage.gate is None else stage.gate.walk()
    silent = Counter(part.role for part in asked if isinstance(part, ApprovalRequirement) and part.silence)
    for role, times in silent.items():
        if times > 1:
            yield f"{path}.gate", f"the silence of {quote(role)} would decide {times} approvals at once; ask it once"


def _clockless(path: str, requirement: Requirement) -> Iterator[Fault]:
    for part in requirement.walk():
        if part.within is not None:
            yield path, f"{part.name} has a deadline, and no clock runs here; deadlines stand in the gate of a stage"


def _usual(stages: Mapping[int, Stage], *, last: bool) -> tuple[str, ...]:
    """Return the outcomes that a process which names none has for what stands at one of its stages."""
    taken = {stage.id for stage in stages.values()}
    ends = any(stage.term is not None and not stage.term.open for stage in stages.values())
    usual = [outcome for outcome in DEFAULT_OUTCOMES if last or outcome != COMPLETED]
    return tuple(outcome for outcome in (*usual, *((EXPIRED,) if ends else ())) if outcome not in taken)


def _ends(path: str, stage: Stage, outcomes: Mapping[int, Outcome], usual: tuple[str, ...]) -> Iterator[Fault]:
    """Find the faults of the outcomes that come by the passing of time: they are there, from here, and ask nothing."""
    word, target = stage.timeout
    wanted = [("on_timeout", target)] if word == END else []
    if stage.term is not None and not stage.term.open:
        wanted.append(("on_expiry", stage.on_expiry or EXPIRED))
    elif stage.on_expiry:
        yield f"{path}.on_expiry", "there is no term that could end; say term"
    by_id = {outcome.id: outcome for outcome in outcomes.values()}
    there = ", ".join(by_id or usual)
    for argument, id_ in wanted:
        outcome = by_id.get(id_)
        if outcome is None:
            if id_ not in usual:
                hint = "; declare it, with by = 'law': only time brings it" if id_ == EXPIRED else ""
                yield f"{path}.{argument}", f"there is no outcome {quote(id_)}; there are {there}{hint}"
        elif outcome.stages and stage.id not in outcome.stages:
            yield f"{path}.{argument}", f"the outcome {quote(id_)} cannot be reached from {quote(stage.id)}"
        elif outcome.gate is not None:
            yield f"{path}.{argument}", f"the outcome {quote(id_)} has a gate, and nobody passes a gate by silence"


def _renewed(path: str, stage: Stage, place: int, order: Mapping[str, int]) -> Iterator[Fault]:
    renewal = stage.renewal
    if renewal is None:
        return
    if stage.term is None:
        yield f"{path}.renewal", "there is no term to renew; say term, or term = 'open'"
    elif renewal.window is not None and stage.term.open:
        yield f"{path}.renewal.window", "an open-ended term has no end to count the window from"
    yield from _unknown(f"{path}.renewal.to", renewal.to, order)
    if not renewal.to:
        yield f"{path}.renewal.to", "say which stage it is renewed to"
    for i, target in enumerate(renewal.to):
        if order.get(target, 0) > place:
            yield (
                f"{path}.renewal.to[{i}]",
                f"{quote(target)} lies ahead; it is renewed to the same stage or an earlier one",
            )


def _after(stage: Stage) -> Iterator[tuple[str, Requirement]]:
    """Go through what is asked after the signing, each with its argument."""
    yield from ((f"amend.{kind}", asked) for kind, asked in stage.amend.items())
    yield from ((f"duties[{i}].gate", duty.gate) for i, duty in enumerate(stage.duties) if duty.gate is not None)
    if stage.renewal is not None and stage.renewal.gate is not None:
        yield "renewal.gate", stage.renewal.gate


def _asked_at(stage: Stage) -> Iterator[tuple[str, Requirement]]:
    """Go through all that a stage asks, each with its argument."""
    both = (("when", stage.when), ("gate", stage.gate))
    yield from ((argument, asked) for argument, asked in both if asked is not None)
    yield from _after(stage)


def _after_signing(path: str, stage: Stage, roles: Mapping[str, Any]) -> Iterator[Fault]:
    for argument, requirement in _after(stage):
        yield from _requirement(f"{path}.{argument}", requirement, roles)
        yield from _clockless(f"{path}.{argument}", requirement)
    for i, duty in enumerate(stage.duties):
        yield from _held(f"{path}.duties[{i}]", "fix_by", duty.fix_by, roles)


def _roles_of(path: str, stage: Stage, roles: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _held(path, "owner", stage.owner, roles)
    yield from _held(path, "contributors", stage.contributors, roles)
    for move, several in stage.may.items():
        yield from _held(path, f"may.{move}", several, roles)
    if stage.timeout[0] == ESCALATE:
        yield from _held(path, "on_timeout", (stage.timeout[1],), roles)
    if stage.when is not None:
        yield from _inside(f"{path}.when", stage.when, roles, firm=False)


def _gate(path: str, stage: Stage, roles: Mapping[str, Any], *, last: bool) -> Iterator[Fault]:
    if stage.gate is None:
        if not last:
            said = "missing: a stage that can be left needs a gate; to leave it to its owner, say `unguarded`"
            yield f"{path}.gate", said
    elif last:
        yield f"{path}.gate", "nothing follows the last stage; put this on an outcome"
    else:
        yield from _requirement(f"{path}.gate", stage.gate, roles)


def _unknown(path: str, named: Sequence[str], order: Mapping[str, int]) -> Iterator[Fault]:
    there = ", ".join(order)
    for i, stage in enumerate(named):
        if stage not in order:
            yield f"{path}[{i}]", f"there is no stage {quote(stage)}; there are {there}"


def _duplicates(named: Iterable[tuple[str, Stage | Outcome]]) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for path, value in named:
        if value.id in first:
            yield f"{path}.id", f"{quote(value.id)} is already the id of {first[value.id]}"
        else:
            first[value.id] = path


def _back_to(path: str, stage: Stage, place: int, order: Mapping[str, int]) -> Iterator[Fault]:
    yield from _unknown(f"{path}.back_to", stage.back_to, order)
    for i, target in enumerate(stage.back_to):
        if order.get(target, 0) > place:
            yield (
                f"{path}.back_to[{i}]",
                f"{quote(target)} lies ahead; an agreement is sent back, never forwards past a gate",
            )


def _conditional(path: str, stage: Stage, *, first: bool, last: bool) -> Iterator[Fault]:
    if stage.when is None:
        return
    if first or last:
        which = "first" if first else "last"
        yield f"{path}.when", f"the {which} stage cannot be conditional"
    if why := impossible(stage.when):
        yield path, f"unreachable: its condition can never hold, because {why}"


def _held(path: str, argument: str, wanted: Iterable[str], roles: Mapping[str, Any]) -> Iterator[Fault]:
    for role in wanted:
        if roles and role not in roles and not (argument == "by" and role == LAW):
            yield (
                f"{path}.{argument}",
                f"nobody may hold the role {quote(role)}; the process declares {', '.join(roles)}",
            )


def _requirement(
    path: str, requirement: Requirement, roles: Mapping[str, Any], *, firm: bool = True
) -> Iterator[Fault]:
    twice = Counter(part.id for part in requirement.walk() if part.id)
    for named, times in twice.items():
        if times > 1:
            yield path, f"{quote(named)} is the id of {times} requirements"
    if why := impossible(requirement):
        yield path, f"it can never open, because {why}"
    yield from _inside(path, requirement, roles, firm=firm)


def _inside(path: str, part: Requirement, roles: Mapping[str, Any], *, firm: bool) -> Iterator[Fault]:
    if part.soft and not firm:
        yield path, "a requirement that only warns must stand in the gate itself, not inside another"
    if part.within is not None and not firm:
        yield path, "a requirement with a deadline must stand in the gate itself, not inside another"
    if isinstance(part, ApprovalRequirement):
        yield from _approval(path, part, roles)
    elif isinstance(part, DocumentRequirement):
        points = (*part.refers_to, *(p.rpartition(".")[0] for p in (*part.not_later_than, *part.not_earlier_than)))
        if part.kind in points:
            yield f"{path}.document", f"{quote(part.kind)} is compared with itself"
    elif isinstance(part, PartsRequirement) and part.each is not None:
        yield from _each(f"{path}.parts.each", part.each)
    yield from (
        (f"{path}.fix_by", why) for _, why in _held(path, "fix_by", part.fix_by, roles) if part.id or not _own(part)
    )
    if isinstance(part, All):
        inner = [(f"{path}.all[{i}]", child) for i, child in enumerate(part.parts)]
        for where, child in inner:
            yield from _inside(where, child, roles, firm=firm and not part.titled)
    elif isinstance(part, AnyOf):
        for i, child in enumerate(part.parts):
            yield from _inside(f"{path}.any[{i}]", child, roles, firm=False)
    elif isinstance(part, AtLeast):
        yield from _twice(path, part)
        for i, child in enumerate(part.parts):
            yield from _inside(f"{path}.of[{i}]", child, roles, firm=False)
    elif isinstance(part, Not):
        yield from _inside(f"{path}.not", part.part, roles, firm=False)
    elif isinstance(part, When):
        yield from _inside(f"{path}.when", part.condition, roles, firm=False)
        yield from _inside(f"{path}.then", part.part, roles, firm=False)


def _twice(path: str, part: AtLeast) -> Iterator[Fault]:
    """Find what is named again among those of which so many must hold."""
    keys = list(map(_key, part.parts))
    for i, key in enumerate(keys):
        if (first := keys.index(key)) < i:
            said = f"the same as of[{first}], and would count twice; for several persons of one role say count"
            yield f"{path}.of[{i}]", said


def _each(path: str, requirement: Requirement) -> Iterator[Fault]:
    """Find the faults of what is asked of each part; its roles are those of other processes."""
    yield from _requirement(path, requirement, {}, firm=False)
    for part in requirement.walk():
        if isinstance(part, (PartsRequirement, TrackRequirement)):
            yield path, f"{part.name} asks about other agreements, and here each part is asked about itself alone"


def _own(part: Requirement) -> bool:
    """Whether the role that mends it is the one that must approve, which is checked already."""
    return isinstance(part, ApprovalRequirement) and part.fix_by == (part.role,)


def _approval(path: str, part: ApprovalRequirement, roles: Mapping[str, Any]) -> Iterator[Fault]:
    for _, sentence in _held(path, "approval", (part.role,), roles):
        yield f"{path}.approval", sentence
    yield from _held(path, "delegates", part.delegates, roles)


def _orders(gates: Iterable[tuple[str, Requirement | None]]) -> Iterator[Fault]:
    """Find the approvals that come after one that nobody is asked for, or after themselves."""
    asks = [
        (path, [part for part in gate.walk() if isinstance(part, ApprovalRequirement)])
        for path, gate in gates
        if gate is not None
    ]
    everywhere = {part.role for _, parts in asks for part in parts}
    for path, parts in asks:
        before: dict[str, set[str]] = {}
        for part in parts:
            before.setdefault(part.role, set()).update(part.in_order)
        for role, earlier in before.items():
            for unasked in sorted(earlier - everywhere):
                yield path, f"{quote(role)} can never approve: it waits for {quote(unasked)}, which no gate asks"
            if role in _reached(role, before):
                yield path, f"{quote(role)} can never approve: it waits for what waits for it"


def _exclusions(gates: Sequence[tuple[str, Requirement]]) -> Iterator[Fault]:
    """Find the roles that are to vote elsewhere only and vote nowhere: such a rule would keep nobody out."""
    asks = [(path, part) for path, gate in gates for part in gate.walk() if isinstance(part, ApprovalRequirement)]
    everywhere = {PROPOSER, *(part.role for _, part in asks)}
    for path, part in asks:
        for other in part.not_by:
            if other not in everywhere:
                excluded, role = quote(other), quote(part.role)
                yield path, f"{excluded} is excluded from voting as {role}, but no gate asks {excluded} to approve"


def _reached(role: str, before: Mapping[str, set[str]]) -> set[str]:
    """Return the roles whose approval comes before that of *role*, at any remove."""
    reached: set[str] = set()
    ahead = {role}
    while ahead:
        ahead = {earlier for one in ahead for earlier in before.get(one, ())} - reached
        reached |= ahead
    return reached


def _key(part: Requirement) -> bytes:
    return canonical(part.asks())


def _conjuncts(part: Requirement) -> Iterator[Requirement]:
    if isinstance(part, All) and not part.soft:
        for child in part.parts:
            yield from _conjuncts(child)
    else:
        yield part


def impossible(part: Requirement, given: Sequence[Requirement] = ()) -> str:
    """Return why *part* can never hold while *given* does, or an empty text where no reason is seen."""
    conjuncts = [*given, *_conjuncts(part)]
    held = {_key(c) for c in conjuncts if not c.soft}
    for c in conjuncts:
        if isinstance(c, Not) and not c.soft and all(_key(x) in held for x in _conjuncts(c.part)):
            return f"it asks for {c.part.name} and for its contrary"
        if isinstance(c, Not) and not c.soft and isinstance(c.part, Unguarded):
            return "it asks that what asks nothing does not hold"
    for c in conjuncts:
        if isinstance(c, FactRequirement) and not c.soft and (empty := c.empty()):
            return empty
    values: dict[str, Any] = {}
    for c in conjuncts:
        if not isinstance(c, FactRequirement) or c.each or c.equals is UNSET or isinstance(c.equals, Ref) or c.soft:
            continue
        if c.fact in values and not same(values[c.fact], c.equals):
            return f"the fact {c.fact} cannot be {quote(values[c.fact])} and {quote(c.equals)}"
        values[c.fact] = c.equals
    for c in conjuncts:
        if isinstance(c, FactRequirement) and not c.each and c.one_of and c.fact in values and not c.soft:
            plain_choices = [choice for choice in c.one_of if not isinstance(choice, Ref)]
            if len(plain_choices) == len(c.one_of) and not any(same(values[c.fact], x) for x in plain_choices):
                choices = ", ".join(map(str, plain_choices))
                return f"the fact {c.fact} cannot be {quote(values[c.fact])} and one of {choices}"
    firm = [c for c in conjuncts if not isinstance(c, (AnyOf, AtLeast))]
    for c in conjuncts:
        if isinstance(c, (AnyOf, AtLeast)) and not c.soft:
            reasons = [why for branch in c.parts if (why := impossible(branch, firm))]
            if len(c.parts) - len(reasons) < (c.n if isinstance(c, AtLeast) else 1):
                return reasons[0]
    return ""
