"""Other agreements: the parts of this one, the one it is part of, another that runs beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from .._agreement import Agreement
from .._attempt import Attempt
from .._fields import optional, reads
from .._plain import slug
from .._reasons import Unmet, errors
from .._requirements import Requirement, asked, gather
from .._text import frozendict
from ..exceptions import DefinitionError, InvalidValue, quote
from .values import as_count, as_keys

_slug = optional(slug)


def _requirement(value: Any, where: str) -> Requirement | None:
    if value is None or isinstance(value, Requirement):
        return value
    message = f"{where}: a requirement is needed, not {quote(value)}"
    raise InvalidValue(message)


def _count(value: Any, where: str) -> int | None:
    return None if value is None else as_count(value, where)


def where(agreement: Agreement) -> dict[str, Any]:
    """Return what a reason says of another agreement: which it is, and where it stands."""
    return {"part": agreement.id, "stage": agreement.outcome or agreement.stage}


def behind(
    requirement: Requirement, attempt: Attempt, other: Agreement, wanted: str, code: str, **params: Any
) -> Unmet | None:
    """
    Return why another agreement has not come as far as a stage of its own process; None if it has.

    Where that process is not known, or has no such stage, nobody can say: that refuses, and is never taken for a yes.
    """
    order = attempt.orders.get(other.id)
    if order is None:
        return requirement.why("kin.process", part=other.id, process=str(other.process))
    if wanted not in order:
        return requirement.why("kin.stage", part=other.id, process=str(other.process), wanted=wanted)
    if attempt.reached(other, wanted):
        return None
    return mended(other, requirement.why(code, **where(other), **params, wanted=wanted))


def whole_ended(attempt: Attempt) -> Unmet | None:
    """Return why a part goes no further where the agreement that it is part of has ended; None if that one runs."""
    above = () if attempt.parent is None else (attempt.parent, *attempt.above)
    whole = next((one for one in above if not one.running), None)
    if whole is None:
        return None
    return Unmet(code="parent.ended", params=frozendict(where(whole)), requirement="parent:running")


def mended(other: Agreement, reason: Unmet) -> Unmet:
    """Let those whose turn it is with another agreement mend a reason, where the requirement names nobody."""
    return reason if reason.fix_by else attrs.evolve(reason, fix_by=other.owner)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class PartsRequirement(Requirement):
    """The parts of the agreement must have come so far, or be so; `parts` makes it."""

    all: str = attrs.field(default="", metadata=reads(_slug))
    any: str = attrs.field(default="", metadata=reads(_slug))
    at_least: int | None = attrs.field(default=None, metadata=reads(_count))
    reached: str = attrs.field(default="", metadata=reads(_slug))
    each: Requirement | None = attrs.field(default=None, metadata=reads(_requirement))
    unless: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    process: str = attrs.field(default="", metadata=reads(_slug))

    def __attrs_post_init__(self) -> None:
        """Take exactly one way of asking."""
        ways = [way for way in ("all", "any", "at_least", "each") if getattr(self, way) not in ("", None)]
        if len(ways) != 1:
            said = " and ".join(ways) or "nothing"
            raise DefinitionError([("", f"say one of all, any, at_least and each; this says {said}")])
        if (self.at_least is None) != (not self.reached):
            raise DefinitionError([("reached", "at_least says how many, reached says where: one needs the other")])

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return every part that is not there yet."""
        meant = [part for part in attempt.parts if self._meant(part)]
        if not meant:
            return (self.why("parts.none"),)
        if self.each is not None:
            return tuple(self._each(self.each, meant, attempt))
        wanted = self.all or self.any or self.reached
        late = tuple(
            reason
            for part in meant
            if (reason := behind(self, attempt, part, wanted, "parts.reached", title=part.title or part.id))
        )
        if self.all:
            return late
        alternatives = tuple((reason,) for reason in late)
        if unknown := errors(alternatives):
            return unknown
        need, have = self.at_least or 1, len(meant) - len(late)
        if have >= need:
            return ()
        return (attrs.evolve(self.why("parts.few", have=have, need=need, wanted=wanted), alternatives=alternatives),)

    def _meant(self, part: Agreement) -> bool:
        return self.process in ("", part.process.id) and (part.outcome is None or part.outcome not in self.unless)

    def _each(self, requirement: Requirement, meant: list[Agreement], attempt: Attempt) -> Iterator[Unmet]:
        for part in meant:
            seen = attrs.evolve(attempt, agreement=part, parts=(), parent=attempt.agreement, tracks=frozendict())
            if reasons := tuple(mended(part, reason) for reason in asked(requirement, seen)):
                said = mended(part, self.why("parts.each", **where(part), title=part.title or part.id))
                yield attrs.evolve(said, alternatives=(reasons,))

    def asks(self) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for argument in ("all", "any", "at_least", "reached", "process"):
            if (value := getattr(self, argument)) not in ("", None):
                table[argument] = value
        if self.each is not None:
            table["each"] = self.each.to_data()
        if self.unless:
            table["unless"] = list(self.unless)
        return {"parts": table}

    def short(self) -> str:
        return f"parts:{self.all or self.any or self.reached or 'each'}"


def parts(**asks: Any) -> PartsRequirement:
    """
    Require something of the parts of the agreement; that there is none is a reason of its own.

    Args:
        asks: One of `all` (the stage that every part must have reached), `any` (that one must), `at_least` with
            `reached` (that so many must), `each` (a requirement that each part must meet by itself);
            further `unless` (outcomes: parts that ended so do not count), `process` (only parts under the process of
            this id); and the attributes of `Requirement`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(PartsRequirement, **asks)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class ParentRequirement(Requirement):
    """The agreement that this one is part of must have come so far; `parent` makes it."""

    reached: str = attrs.field(metadata=reads(slug))

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return why the parent is not there yet."""
        found = attempt.parent
        if found is None:
            return (self.why("parent.none"),)
        reason = behind(self, attempt, found, self.reached, "parent.reached")
        return () if reason is None else (reason,)

    def asks(self) -> dict[str, Any]:
        return {"parent": {"reached": self.reached}}

    def short(self) -> str:
        return f"parent:{self.reached}"


def parent(*, reached: str = "", **about: Any) -> ParentRequirement:
    """
    Require that the agreement which this one is part of has reached a stage.

    Args:
        reached: The stage of its own process.

        about: The attributes of `Requirement`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(ParentRequirement, reached=reached, **about)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class TrackRequirement(Requirement):
    """Another agreement that runs beside this one must have come so far; `track` makes it."""

    track: str = attrs.field(metadata=reads(slug))
    reached: str = attrs.field(default="", metadata=reads(_slug))
    outcome: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    process: str = attrs.field(default="", metadata=reads(_slug))

    def __attrs_post_init__(self) -> None:
        """Ask for something."""
        if not self.reached and not self.outcome:
            said = "say the stage it must have reached, the outcome it must have ended with, or both"
            raise DefinitionError([("reached", said)])

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return why the other agreement is not there yet."""
        named = attempt.fact(self.track)
        if named is None:
            return (self.why("fact.missing", fact=self.track),)
        if named == attempt.agreement.id:
            return (self.why("track.self", track=self.track),)
        found = attempt.tracks.get(self.track)
        if found is None:
            return (self.why("track.none", track=self.track, value=named),)
        if self.process not in ("", found.process.id):
            about = {"part": found.id, "process": found.process.id, "wanted": self.process}
            return (self.why("track.process", track=self.track, **about),)
        return tuple(self._behind(found, attempt))

    def _behind(self, found: Agreement, attempt: Attempt) -> Iterator[Unmet]:
        if self.reached and (reason := behind(self, attempt, found, self.reached, "track.reached", track=self.track)):
            yield reason
        if self.outcome and found.outcome not in self.outcome:
            about = {"track": self.track, "wanted": self.outcome}
            yield mended(found, self.why("track.outcome", **where(found), **about))

    def asks(self) -> dict[str, Any]:
        table: dict[str, Any] = {"track": self.track}
        if self.reached:
            table["reached"] = self.reached
        if self.outcome:
            table["outcome"] = list(self.outcome)
        if self.process:
            table["process"] = self.process
        return table

    def short(self) -> str:
        return f"track:{self.track}"


def track(name: str, /, **asks: Any) -> TrackRequirement:
    """
    Require that another agreement is so far, such as the one by which the other party keeps its own track.

    Args:
        name: The fact that holds the id of the other agreement.

        asks: `reached` (the stage of its own process that it must have reached), `outcome` (it must have ended with
            this outcome, or one of these), or both; `process` (the id of the process that it must run under, so that
            not just any agreement will do); and the attributes of `Requirement`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(TrackRequirement, track=name, **asks)
