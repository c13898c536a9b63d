"""Approvals: the votes of a role, bound to what was voted on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs

from .._attempt import Attempt
from .._fields import optional, reads
from .._plain import slug
from .._reasons import Unmet
from .._records import Approval
from .._requirements import Requirement, gather
from ..exceptions import DefinitionError, InvalidValue, quote
from .values import as_count, as_keys, listed


def _fraction(value: Any, where: str) -> Fraction | None:
    if value is None:
        return None
    if isinstance(value, (float, bool)) or not isinstance(value, (str, int, Decimal, Fraction)):
        message = f"{where}: write it as a fraction, such as '1/2', not {quote(value)}"
        raise InvalidValue(message)
    try:
        share = Fraction(value)
    except (ValueError, ZeroDivisionError):
        message = f"{where}: {quote(value)} is no fraction; write it as '1/2' or '2/3'"
        raise InvalidValue(message) from None
    if not 0 <= share < 1:
        message = f"{where}: more than {share} of the members can never be present; use less than one, such as '1/2'"
        raise InvalidValue(message)
    return share


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class ApprovalRequirement(Requirement):
    """A role must approve; `approval` makes it."""

    role: str = attrs.field(metadata=reads(slug))
    of: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    count: int = attrs.field(default=1, metadata=reads(as_count))
    quorum: Fraction | None = attrs.field(default=None, metadata=reads(_fraction))
    not_by: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    silence: str = ""
    not_listed: str = attrs.field(default="", metadata=reads(optional(slug)))

    def __attrs_post_init__(self) -> None:
        """Let the role itself mend what is missing, unless another is named."""
        if self.role in self.not_by:
            raise DefinitionError([("not_by", f"{quote(self.role)} excludes itself, so its approval can never count")])
        if not self.fix_by:
            object.__setattr__(self, "fix_by", (self.role,))

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return everything that the approval lacks."""
        agreement, role = attempt.agreement, self.role
        documents = agreement.documents
        reasons = [self.why("approval.nothing", document=kind, role=role) for kind in self.of if kind not in documents]
        in_favour: dict[str, Approval] = {}
        for vote in agreement.approvals:
            if vote.role != role:
                continue
            outdated = [k for k in self.of if k in documents and vote.of.get(k) != documents[k].digest]
            if outdated:
                reasons.extend(self.why("approval.outdated", by=vote.by, role=role, document=k) for k in outdated)
            elif vote.vote != "for":
                reasons.append(self.why("approval.refused", by=vote.by, role=role, reason=vote.reason or "—"))
            elif other := self._excluded(vote, attempt):
                reasons.append(self.why("approval.excluded", by=vote.by, role=role, other=other))
            elif self.not_listed and vote.by in listed(attempt.fact(self.not_listed)):
                reasons.append(self.why("approval.conflict", by=vote.by, role=role, fact=self.not_listed))
            else:
                in_favour[vote.by] = vote
        if len(in_favour) < self.count:
            reasons.append(self.why("approval.missing", role=role, have=len(in_favour), need=self.count))
        elif self.quorum is not None:
            reasons.extend(self._result(in_favour.values(), self.quorum))
        # A vote that does not count explains the one that is missing; on its own it harms nothing.
        if len(in_favour) >= self.count:
            harmless = {"approval.outdated", "approval.excluded", "approval.conflict"}
            reasons = [reason for reason in reasons if reason.code not in harmless]
        return tuple(reasons)

    def _excluded(self, vote: Approval, attempt: Attempt) -> str | None:
        agreement = attempt.agreement
        for other in self.not_by:
            if other == "proposer":
                filed = [agreement.documents[kind].by for kind in self.of if kind in agreement.documents]
                if vote.by in (filed or [agreement.started_by]):
                    return other
            elif any(a.by == vote.by and a.role == other for a in agreement.approvals):
                return other
        return None

    def _result(self, votes: Iterable[Approval], quorum: Fraction) -> Iterator[Unmet]:
        tallies = [vote.tally for vote in votes if {"members", "present", "in_favour"} <= set(vote.tally)]
        if not tallies:
            yield self.why("approval.no_result", role=self.role)
            return
        tally = tallies[-1]
        if tally["present"] <= quorum * tally["members"]:
            yield self.why("approval.quorum", role=self.role, quorum=str(quorum), **tally)
        if 2 * tally["in_favour"] <= tally["present"]:
            yield self.why("approval.majority", role=self.role, **tally)

    def to_data(self) -> dict[str, Any]:
        """Return the table, without the `fix_by` that goes without saying."""
        data = super().to_data()
        if self.fix_by == (self.role,):
            del data["fix_by"]
        return data

    def asks(self) -> dict[str, Any]:
        table: dict[str, Any] = {"approval": self.role}
        if self.of:
            table["of"] = list(self.of)
        if self.count != 1:
            table["count"] = self.count
        if self.quorum is not None:
            table["quorum"] = str(self.quorum)
        if self.not_by:
            table["not_by"] = list(self.not_by)
        if self.not_listed:
            table["not_listed"] = self.not_listed
        return table

    def short(self) -> str:
        return f"approval:{self.role}"


def approval(role: str, **asks: Any) -> ApprovalRequirement:
    """
    Require the approval of a role. A vote against it stands in the way until it is withdrawn.

    Args:
        role: Whose.

        asks: `of` (the kinds of document it is bound to: a new version needs a new vote),
            `count` (by how many distinct persons), `quorum` (a fraction such as `"1/2"`: the recorded result must
            show that more than this share of the members was present, and more than half of those in favour),
            `not_by` (`"proposer"`: who filed the documents, or started the agreement where there are none; or another
            role: who voted as that), `not_listed` (the fact that lists persons with a conflict of interest);
            and the attributes of `Requirement`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(ApprovalRequirement, role=role, **asks)
