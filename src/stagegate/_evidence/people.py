"""Who the agreement is between, and who acts."""

from __future__ import annotations

from typing import Any

import attrs

from .._attempt import Attempt
from .._fields import optional, reads
from .._plain import slug
from .._reasons import Unmet
from .._requirements import Requirement, gather
from ..exceptions import DefinitionError
from .values import as_count, as_keys, persons


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class PartiesRequirement(Requirement):
    """The parties must be so many, be named, or be of a kind; `parties` makes it."""

    at_least: int = attrs.field(default=2, metadata=reads(as_count))
    named: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    of_kind: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return what is missing among the parties."""
        present = attempt.agreement.parties
        reasons = []
        if len(present) < self.at_least:
            reasons.append(self.why("parties.count", have=len(present), need=self.at_least))
        ids = {party.id for party in present}
        reasons.extend(self.why("parties.missing", party=party) for party in self.named if party not in ids)
        if self.of_kind:
            reasons.extend(
                self.why("parties.kind", party=party.id, value=party.kind or "—", expected=self.of_kind)
                for party in present
                if party.kind not in self.of_kind
            )
        return tuple(reasons)

    def asks(self) -> dict[str, Any]:
        table: dict[str, Any] = {"at_least": self.at_least}
        if self.named:
            table["named"] = list(self.named)
        if self.of_kind:
            table["of_kind"] = list(self.of_kind)
        return {"parties": table}

    def short(self) -> str:
        return "parties"


def parties(at_least: int = 2, **asks: Any) -> PartiesRequirement:
    """
    Require parties.

    Args:
        at_least: How many.

        asks: `named` (ids that must be among them), `of_kind` (the kinds that every one must be of);
            and the attributes of `Requirement`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(PartiesRequirement, at_least=at_least, **asks)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class ActorRequirement(Requirement):
    """Who acts must be fit to; `actor` makes it."""

    not_listed: str = attrs.field(default="", metadata=reads(optional(slug)))
    roles: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))

    def __attrs_post_init__(self) -> None:
        """Refuse what means nothing."""
        if not self.not_listed and not self.roles:
            raise DefinitionError([("actor", "it asks for nothing; give not_listed or roles")])

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return why this person may not decide."""
        who = attempt.actor
        reasons = []
        if self.not_listed:
            barred = persons(value := attempt.fact(self.not_listed))
            if barred is None:
                reasons.append(self.why("fact.persons", fact=self.not_listed, value=value))
            elif who.id in barred:
                reasons.append(self.why("actor.listed", actor=who.id, fact=self.not_listed))
        if self.roles and not set(self.roles) & set(who.roles):
            reasons.append(self.why("actor.role", actor=who.id, roles=self.roles))
        return tuple(reasons)

    def asks(self) -> dict[str, Any]:
        table: dict[str, Any] = {}
        if self.not_listed:
            table["not_listed"] = self.not_listed
        if self.roles:
            table["roles"] = list(self.roles)
        return {"actor": table}

    def short(self) -> str:
        return "actor"


def actor(**asks: Any) -> ActorRequirement:
    """
    Require something of who makes the move.

    Args:
        asks: `not_listed` (the fact that lists persons who may not, such as those with a conflict of interest),
            `roles` (one of which the person must act in); and the attributes of `Requirement`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(ActorRequirement, **asks)
