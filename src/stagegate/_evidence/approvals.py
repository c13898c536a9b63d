"""Approvals: the votes of a role, bound to what was voted on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from .._attempt import Attempt
from .._fields import optional, reads
from .._plain import slug
from .._reasons import Unmet
from .._records import Approval
from .._requirements import Requirement, gather
from .._text import frozendict
from ..exceptions import DefinitionError, InvalidValue, quote
from .shares import HALF, Share, as_share
from .values import Ref, as_count, as_keys, as_value, listed, persons, written

MAX_NAMED = 1000
"""Of how many persons a reason says that their votes are missing."""

_SHORT = frozenset({"approval.missing", "approval.votes", "approval.lost"})
"""The codes that say that votes are missing; those that do not count explain it."""


def _members(value: Any, where: str) -> int | Ref | None:
    value = as_value(value, where)
    return value if value is None or isinstance(value, Ref) else as_count(value, where)


def _most(value: Any, where: str) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        message = f"{where}: a whole number from 0 is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


PROPOSER = "proposer"
"""Who filed what is voted on, or started the agreement: the word for it among the roles of `not_by`."""

APPROVES, REFUSES = "approves", "refuses"


def _silence(value: Any, where: str) -> str:
    if value not in ("", APPROVES, REFUSES):
        message = f"{where}: 'approves' or 'refuses' is needed, not {quote(value)}"
        raise InvalidValue(message)
    return str(value)


@attrs.define(frozen=True)
class Body:
    """
    Who can vote.

    Attributes:
        size: How many there are.

        ids: Who they are, as keys in their order; None where only their number is known.
    """

    size: int
    ids: Mapping[str, None] | None = None

    def lacks(self, person: str) -> bool:
        """Say whether it is known that somebody is not one of them."""
        return self.ids is not None and person not in self.ids


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class ApprovalRequirement(Requirement):
    """A role must approve; `approval` makes it."""

    role: str = attrs.field(metadata=reads(slug))
    of: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    count: int = attrs.field(default=1, metadata=reads(as_count))
    quorum: Share | None = attrs.field(default=None, metadata=reads(as_share))
    majority: Share | None = attrs.field(default=None, metadata=reads(as_share))
    of_members: int | Ref | None = attrs.field(default=None, metadata=reads(_members))
    in_order: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    not_by: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    not_listed: str = attrs.field(default="", metadata=reads(optional(slug)))
    delegates: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    minutes: str = attrs.field(default="", metadata=reads(optional(slug)))
    adjournments: int | None = attrs.field(default=None, metadata=reads(_most))
    silence: str = attrs.field(default="", metadata=reads(_silence))

    def __attrs_post_init__(self) -> None:
        """Refuse what can never hold; let the role itself mend what is missing, unless another is named."""
        if faults := list(self._faults()):
            raise DefinitionError(faults)
        if not self.fix_by:
            object.__setattr__(self, "fix_by", (self.role,))

    def _faults(self) -> Iterator[tuple[str, str]]:
        role = quote(self.role)
        if self.role in self.not_by:
            yield "not_by", f"{role} excludes itself, so its approval can never count"
        if self.role in self.in_order:
            yield "in_order", f"{role} waits for itself, so its approval can never be given"
        if self.role in self.delegates:
            yield "delegates", f"{role} votes as itself anyway; name the roles that may vote on its behalf"
        if not self.tallied:
            for argument in ("of_members", "minutes", "adjournments"):
                if getattr(self, argument) not in (None, ""):
                    yield argument, "this is for a body that is counted; say quorum= or majority= too"
        if self.silence and self.within is None:
            yield "silence", "nobody is silent for ever; say within which time an answer is due"
        if self.silence and not self.basis:
            yield "basis", "silence decides only where a rule says so; name the rule"
        if isinstance(self.of_members, int) and self.count > self.of_members:
            yield "count", f"{self.count} of {self.of_members} members can never approve"

    @property
    def tallied(self) -> bool:
        """Whether a body decides by a share of its members, and not each vote for itself."""
        return self.quorum is not None or self.majority is not None

    @property
    def by_person(self) -> bool:
        """Whether the votes of the single members are counted: where it is known of how many, or it does not matter."""
        return self.tallied and (self.of_members is not None or self.quorum is None)

    def body(self, attempt: Attempt) -> Body | None:
        """Return who can vote, as far as it is known: a number, or the ids that a fact lists."""
        if not isinstance(self.of_members, Ref):
            return None if self.of_members is None else Body(self.of_members)
        found = attempt.fact(self.of_members.fact)
        if type(found) is int and found > 0:
            return Body(found)
        several = listed(found) if isinstance(found, (tuple, frozendict)) else ()
        if not several or not all(isinstance(id_, str) for id_ in several):
            return None
        ids = dict.fromkeys(several)
        return Body(len(ids), ids)

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return everything that the approval lacks."""
        agreement = attempt.agreement
        documents = agreement.documents
        reasons = [
            self.why("approval.nothing", document=kind, role=self.role) for kind in self.of if kind not in documents
        ]
        if self.not_listed and persons(value := attempt.fact(self.not_listed)) is None:
            reasons.append(self.why("fact.persons", fact=self.not_listed, value=value))
        if spoken := self.spoken(attempt):
            if spoken.vote != "against":
                return tuple(reasons)
            said = self.why("approval.silent", role=self.role, date=spoken.silence.get("date"))
            # Who was silent cannot mend it: whose turn it is has to ask anew.
            return (*reasons, attrs.evolve(said, fix_by=()))
        by_person = self.by_person
        body = self.body(attempt) if by_person else None
        votes: list[Approval] = []
        aside: list[Unmet] = []
        for vote in agreement.approvals:
            if vote.role != self.role or vote.vote == "recused" or (vote.vote == "abstain" and not by_person):
                continue
            if vote.silence:
                # It speaks only where silence may: here it is no vote.
                continue
            if flaws := tuple(self._flaws(vote, attempt, body)):
                aside.extend(flaws)
            else:
                votes.append(vote)
        found = tuple(self._by_person(votes, attempt, body) if by_person else self._each(votes))
        # A vote that does not count explains the one that is missing; on its own it harms nothing.
        if any(reason.code in _SHORT for reason in found):
            reasons += aside
        return (*reasons, *found)

    def spoken(self, attempt: Attempt) -> Approval | None:
        """Return the vote by which silence has decided, if it may do so here and the text is still the same."""
        said = {APPROVES: "for", REFUSES: "against"}.get(self.silence)
        return next((vote for vote in self._current(attempt) if vote.silence and vote.vote == said), None)

    def answered(self, attempt: Attempt) -> bool:
        """Say whether nobody has to be waited for: silence has decided, or an answer was given that is no approval."""
        if self.spoken(attempt) or any(
            vote.tally or (vote.vote == "against" and not self.by_person) for vote in self._current(attempt)
        ):
            return True
        codes = {reason.code.split("_")[0] for reason in self.unmet(attempt)} if self.by_person else set()
        # Where enough are present and too few in favour, the body has said no.
        return "approval.lost" in codes or ("approval.majority" in codes and "approval.quorum" not in codes)

    def _current(self, attempt: Attempt) -> Iterator[Approval]:
        """Go through the votes on the texts as they are now."""
        documents = attempt.agreement.documents
        for vote in attempt.approvals(self.role):
            if not any(k in documents and vote.of.get(k) != documents[k].digest for k in self.of):
                yield vote

    # Which votes count

    def _flaws(self, vote: Approval, attempt: Attempt, body: Body | None) -> Iterator[Unmet]:
        """Say why a vote does not count; a vote against that stands in the way does so whoever cast it."""
        documents = attempt.agreement.documents
        outdated = [k for k in self.of if k in documents and vote.of.get(k) != documents[k].digest]
        if outdated or (vote.vote == "against" and not self.by_person):
            yield from (self._not_counted("outdated", vote, document=k) for k in outdated)
        elif self.not_by and (other := self._excluded(vote, attempt)):
            yield self._not_counted("excluded", vote, other=other)
        elif self._conflicting(vote, attempt):
            yield self._not_counted("conflict", vote, fact=self.not_listed)
        elif self.in_order and (before := self._before(vote, attempt)):
            yield self._not_counted("order", vote, before=before)
        elif vote.tally and self.minutes and not self._minuted(vote, attempt):
            yield self._not_counted("minutes", vote, document=self.minutes)
        elif vote.tally and self.by_person and not self._complete(vote):
            yield self.why("approval.no_result", role=self.role)
        elif not vote.tally and body is not None and body.lacks(vote.principal):
            yield self._not_counted("not_member", vote, member=vote.principal)

    def _not_counted(self, code: str, vote: Approval, **params: Any) -> Unmet:
        return self.why(f"approval.{code}", by=vote.by, role=self.role, **params)

    def _excluded(self, vote: Approval, attempt: Attempt) -> str | None:
        agreement = attempt.agreement
        for other in self.not_by:
            if other == PROPOSER:
                if not vote.persons.isdisjoint(self._proposers(attempt)):
                    return other
            elif any(
                a.role == other and a.vote != "recused" and not vote.persons.isdisjoint(a.persons)
                for a in agreement.approvals
            ):
                return other
        return None

    def _proposers(self, attempt: Attempt) -> list[str]:
        documents = attempt.agreement.documents
        return [documents[k].by for k in self.of if k in documents] or [attempt.agreement.started_by]

    def _listed(self, attempt: Attempt) -> tuple[str, ...]:
        """Return the persons with a conflict of interest."""
        return (self.not_listed and persons(attempt.fact(self.not_listed))) or ()

    def _conflicting(self, vote: Approval, attempt: Attempt) -> bool:
        several = self._listed(attempt)
        return bool(several) and any(person in several for person in vote.persons)

    def _before(self, vote: Approval, attempt: Attempt) -> str | None:
        """Return a role that had not voted for it when this vote was cast, although it comes before."""
        for before in self.in_order:
            if not any(a.role == before and a.vote == "for" and a.n < vote.n for a in attempt.agreement.approvals):
                return before
        return None

    def _minuted(self, vote: Approval, attempt: Attempt) -> bool:
        minutes = attempt.document(self.minutes)
        return minutes is not None and vote.of.get(self.minutes) == minutes.digest

    # Each vote for itself, or the results that are recorded

    def _each(self, votes: Sequence[Approval]) -> Iterator[Unmet]:
        results = [vote for vote in votes if self._complete(vote)] if self.tallied else []
        for vote in votes:
            if vote.vote == "against" and (vote not in results or vote is results[-1]):
                yield self._refused(vote)
        in_favour = {vote.by for vote in votes if vote.vote == "for"}
        if len(in_favour) < self.count:
            yield self.why("approval.missing", role=self.role, have=len(in_favour), need=self.count)
        elif self.tallied and not results:
            yield self.why("approval.no_result", role=self.role)
        elif self.tallied and results[-1].vote == "for":
            yield from self._shares(results[-1].tally)

    def _refused(self, vote: Approval) -> Unmet:
        return self.why("approval.refused", by=vote.by, role=self.role, reason=vote.reason or "—")

    def _complete(self, vote: Approval) -> bool:
        """Whether a vote is the recorded result of a body."""
        asked = {"present", "in_favour"}
        if self.quorum is not None and self.of_members is None:
            asked.add("members")
        return asked <= set(vote.tally)

    def _shares(self, tally: Mapping[str, int], **more: Any) -> Iterator[Unmet]:
        """Say which share was not reached."""
        present, in_favour, members = tally["present"], tally["in_favour"], tally.get("members", 0)
        if self.quorum is not None and not self.quorum.met(present, members):
            code = "approval.quorum_at_least" if self.quorum.at_least else "approval.quorum"
            missing = self.quorum.least(members) - present
            yield self._said(code, role=self.role, quorum=str(self.quorum.of), **tally, **{"missing": missing, **more})
        majority = self.majority or HALF
        if not majority.met(in_favour, present):
            code = "approval.majority"
            if majority != HALF:
                code += "_at_least" if majority.at_least else "_above"
            yield self.why(code, role=self.role, majority=str(majority.of), **tally)

    # The votes of the single members

    def _by_person(self, votes: Sequence[Approval], attempt: Attempt, body: Body | None) -> Iterator[Unmet]:
        if body is None and isinstance(self.of_members, Ref):
            yield self.why("approval.members_unknown", role=self.role, fact=self.of_members.fact)
            return
        results = [vote for vote in votes if self._complete(vote)]
        if results:
            yield from self._result(results[-1], body)
        else:
            yield from self._ballot(votes, attempt, body)

    def _result(self, vote: Approval, body: Body | None) -> Iterator[Unmet]:
        """Read the last result that is recorded; it stands for the votes of all."""
        tally = vote.tally
        if body is not None:
            if tally.get("members", body.size) != body.size or tally["present"] > body.size:
                counted = tally.get("members", tally["present"])
                yield self.why("approval.members", role=self.role, counted=counted, members=body.size)
                return
            tally = frozendict({**tally, "members": body.size})
        if vote.vote == "against":
            yield self._refused(vote)
            return
        if tally["in_favour"] < self.count:
            yield self.why("approval.missing", role=self.role, have=tally["in_favour"], need=self.count)
        yield from self._shares(tally)

    def _ballot(self, votes: Sequence[Approval], attempt: Attempt, body: Body | None) -> Iterator[Unmet]:
        """Count the votes of the single members, and say how many are missing, and from whom."""
        cast = Counter(vote.vote for vote in votes)
        tally = {
            "in_favour": cast["for"],
            "against": cast["against"],
            "abstaining": cast["abstain"],
            "present": cast.total(),
        }
        if body is not None:
            tally["members"] = body.size
            if cast.total() > body.size:
                yield self.why("approval.too_many", role=self.role, **tally)
                return
        free, left = self._left(votes, attempt, body)
        short = tuple(self._shares(tally, **{"from": left}))
        if not cast.total():
            short = tuple(reason for reason in short if not reason.code.startswith("approval.majority"))
        missing = self._missing(cast, body)
        if missing == 0:
            return
        yield from short
        code = "approval.lost" if missing is None or (free is not None and missing > free) else "approval.votes"
        yield self._said(code, role=self.role, **tally, missing=missing, **{"from": left})

    def _missing(self, cast: Counter[str], body: Body | None) -> int | None:
        """Return how many more votes in favour are needed; None where no number of them would do."""
        further = (self.majority or HALF).further(cast["for"], cast.total())
        if further is None:
            return None
        needed = [further, self.count - cast["for"]]
        if self.quorum is not None and body is not None:
            needed.append(self.quorum.least(body.size) - cast.total())
        return max(0, *needed)

    def _left(
        self, votes: Sequence[Approval], attempt: Attempt, body: Body | None
    ) -> tuple[int | None, tuple[str, ...] | str]:
        """Return how many can still vote, as far as it is known, and who: their ids, or else the role."""
        if body is None:
            return None, self.role
        role = [vote for vote in attempt.agreement.approvals if vote.role == self.role]
        gone = {vote.principal for vote in votes} | {vote.by for vote in role if vote.vote == "recused"}
        if body.ids is None:
            barred = sum(
                bool(self._excluded(vote, attempt)) or self._conflicting(vote, attempt)
                for vote in role
                if vote.vote != "recused"
            )
            return max(0, body.size - len(gone) - barred), self.role
        barring = set(self._proposers(attempt)) if PROPOSER in self.not_by else set()
        for vote in attempt.agreement.approvals:
            if vote.role in self.not_by and vote.vote != "recused":
                barring |= vote.persons
        conflicts = self._listed(attempt)
        left = tuple(id_ for id_ in body.ids if id_ not in gone and id_ not in barring and id_ not in conflicts)
        return len(left), left

    def _said(self, code: str, /, **params: Any) -> Unmet:
        """Return a reason that names everybody from whom a vote is missing, for programs; a sentence names some."""
        reason = self.why(code, **params)
        if isinstance(named := params.get("from"), tuple):
            return attrs.evolve(reason, params=frozendict({**reason.params, "from": named[:MAX_NAMED]}))
        return reason

    def to_data(self) -> dict[str, Any]:
        """Return the table, without the `fix_by` that goes without saying."""
        data = super().to_data()
        if self.fix_by == (self.role,):
            del data["fix_by"]
        return data

    def asks(self) -> dict[str, Any]:
        table: dict[str, Any] = {"approval": self.role}
        if self.count != 1:
            table["count"] = self.count
        for argument in ("of", "in_order", "not_by", "delegates"):
            if several := getattr(self, argument):
                table[argument] = list(several)
        for argument in ("not_listed", "minutes"):
            if named := getattr(self, argument):
                table[argument] = named
        if self.quorum is not None:
            table["quorum"] = str(self.quorum)
        if self.majority is not None and (self.majority != HALF or self.quorum is None):
            table["majority"] = str(self.majority)
        if self.of_members is not None:
            table["of_members"] = written(self.of_members)
        if self.adjournments is not None:
            table["adjournments"] = self.adjournments
        if self.silence:
            table["silence"] = self.silence
        return table

    def short(self) -> str:
        return f"approval:{self.role}"


def approval(role: str, **asks: Any) -> ApprovalRequirement:
    """
    Require the approval of a role: by each of so many persons, or by a body that is counted.

    Where no share is asked, a vote against it stands in the way until it is withdrawn.

    Args:
        role: Whose.

        asks: `of` (the kinds of document it is bound to: a new version needs a new vote),
            `count` (by how many distinct persons), `quorum` (how many of the members must have been present: more
            than a share such as `"1/2"`, or at least one such as `">=2/3"`), `majority` (how many of those present
            must have been in favour, likewise; more than half where only a quorum is asked), `of_members` (how many
            members there are, as a number or `value_of(fact)`, whose value may also be the list of their ids: then
            the votes of the single members are counted; otherwise the recorded result), `minutes` (the kind of
            document that a recorded result must be bound to), `adjournments` (how often the vote may be adjourned),
            `silence` (`"approves"` or `"refuses"`: what it means that nobody answers `within` the time; then the
            `basis` names the rule),
            `in_order` (roles whose approval comes before), `delegates` (roles that may vote on behalf of somebody of
            this one), `not_by` (`"proposer"`: who filed the documents, or started the agreement where there are none;
            or another role: who voted as that), `not_listed` (the fact that lists persons with a conflict of
            interest); and the attributes of `Requirement`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(ApprovalRequirement, role=role, **asks)
