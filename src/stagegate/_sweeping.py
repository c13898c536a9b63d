"""What the passing of time brings: reminders, what is overdue, decisions by silence, the end of a term. It is pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs

from ._agreement import Agreement
from ._attempt import Attempt
from ._changes import Change, bound_to, fitting
from ._checks import EXPIRED
from ._evidence import ApprovalRequirement, whole_ended
from ._lasting import extended
from ._process import Process
from ._reasons import Unmet
from ._records import Actor, lean
from ._requirements import Requirement, asked
from ._running import Deadline
from ._stages import END, ESCALATE, LAW, Stage

THE_LAW = Actor(id=LAW)


@attrs.define(kw_only=True, frozen=True)
class Lapse:
    """
    What is to be written because time has passed.

    Attributes:
        move: What it does: `sweep`, or the move or vote it amounts to.

        change: What the event records.

        at: When it took effect.

        effect: What it counts as: `reminded`, `overdue`, `decided`, `ended` or `settled`.
    """

    move: str
    change: Change
    at: datetime
    effect: str


@attrs.define(kw_only=True, frozen=True)
class Swept:
    """
    What a sweep did.

    Attributes:
        reminded: How many reminders were written.

        overdue: How many deadlines were found to have passed.

        decided: How many approvals were decided by silence.

        ended: How many agreements ended.

        settled: How many deadlines turned out to be met.

        agreements: How many agreements were changed.

        uncertain: The agreements with a date that has passed, but lies beyond what the calendar covers: nothing was
            done about these; `recompute` with a calendar that covers it.

        failed: The agreements that could not be looked at, each with what was wrong.
    """

    reminded: int = 0
    overdue: int = 0
    decided: int = 0
    ended: int = 0
    settled: int = 0
    agreements: int = 0
    uncertain: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, effects: Sequence[str], uncertain: tuple[str, ...]) -> Swept:
        """Count what was done to one agreement."""
        counts: dict[str, Any] = {effect: effects.count(effect) for effect in effects}
        return cls(**counts, agreements=int(bool(effects)), uncertain=uncertain)

    def __add__(self, other: Swept) -> Swept:
        """Return what both did together."""
        return Swept(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in attrs.fields(Swept)})

    @property
    def total(self) -> int:
        """How many events were written."""
        return self.reminded + self.overdue + self.decided + self.ended + self.settled


def uncertain(agreement: Agreement, at: datetime) -> bool:
    """Say whether a date has passed that nobody can be sure of."""
    return any(
        one.at is not None and one.at <= at and not one.certain and not one.overdue
        for one in agreement.deadlines.values()
    )


def lapse(process: Process, attempt: Attempt) -> Lapse | None:
    """
    Return the first thing that is due at the time of *attempt*; None if nothing is.

    Args:
        process: The process the agreement runs under.

        attempt: The agreement, the law as the actor, the time.
    """
    agreement, at = attempt.agreement, attempt.at
    if agreement.outcome is not None:
        return None
    passed = [
        d for d in agreement.deadlines.values() if d.at is not None and d.at <= at and not d.overdue and d.certain
    ]
    if passed:
        return _passed(process, attempt, min(passed, key=_order))
    reminders = [d for d in agreement.deadlines.values() if d.remind_at and d.remind_at[0] <= at]
    if reminders:
        deadline = min(reminders, key=lambda d: (d.remind_at, d.key))
        left = tuple(later for later in deadline.remind_at if later > at)
        data = lean({"deadline": deadline.key, "date": deadline.date and deadline.date.isoformat()})
        due = (attrs.evolve(deadline, remind_at=left),)
        return Lapse(move="sweep", change=Change(kind="reminded", data=data, due=_data(due)), at=at, effect="reminded")
    return None


def _order(deadline: Deadline) -> tuple[Any, ...]:
    # What ends an agreement comes last among equals: an overdue report is said before the term is over.
    return deadline.at, deadline.kind == "term", deadline.key


def _data(due: Sequence[Deadline]) -> tuple[dict[str, Any], ...]:
    return tuple(one.to_data() for one in due)


def _passed(process: Process, attempt: Attempt, deadline: Deadline) -> Lapse:
    agreement = attempt.agreement
    stage = process.standing(agreement.stage)
    assert deadline.at is not None  # noqa: S101  only what has a date passes
    at = max(deadline.at, agreement.entered_at)
    about = lean({"deadline": deadline.key, "date": deadline.date and deadline.date.isoformat(), "rule": deadline.rule})
    if deadline.kind == "term":
        ends = _lasting(process, agreement, stage)
        about["basis"] = ends.basis
        if extended(stage, deadline, attempt):
            change = Change(kind="reckoned", data=lean(about))
            return Lapse(move="sweep", change=change, at=attempt.at, effect="settled")
        return _end(agreement, ends.on_expiry or EXPIRED, about, at)
    if deadline.kind == "stage":
        word, target = stage.timeout
        about["basis"] = stage.basis
        if word == END:
            return _end(agreement, target, about, at)
        return _overdue(deadline, {**about, "escalate": target if word == ESCALATE else None}, at)
    part = _part(stage, deadline)
    reasons = _reasons(part, stage, deadline, attempt)
    if part is None or not reasons:
        # Met meanwhile by what happened elsewhere, or asked no more: it is written off, not passed over in silence.
        change = Change(kind="reckoned", data=about)
        return Lapse(move="sweep", change=change, at=attempt.at, effect="settled")
    about["basis"] = part.basis
    if ended := whole_ended(attempt):
        # What nobody can approve any more, silence does not approve either.
        reasons = (*reasons, ended)
    elif isinstance(part, ApprovalRequirement) and part.silence:
        return _silence(process, agreement, part, about, at)
    about["unmet"], left_out = fitting(reasons)
    return _overdue(deadline, {**about, "left_out": left_out or None}, at)


def _lasting(process: Process, agreement: Agreement, stage: Stage) -> Stage:
    """Return the stage whose term has ended: where it stands, or the one it was renewed or moved on from."""
    if stage.term is not None:
        return stage
    entered = [other for other in process.stages if other.term is not None and other.id in agreement.rounds]
    return entered[-1] if entered else stage


def _part(stage: Stage, deadline: Deadline) -> Requirement | None:
    if deadline.kind == "duty":
        duty = next((d for d in stage.duties if d.id == deadline.subject), None)
        return None if duty is None else duty.asks()
    gate = () if stage.gate is None else stage.gate.walk()
    # Two requirements may go by one name; only one of them can have the time.
    return next((part for part in gate if part.name == deadline.subject and part.within is not None), None)


def _reasons(part: Requirement | None, stage: Stage, deadline: Deadline, attempt: Attempt) -> tuple[Unmet, ...]:
    if part is None:
        return ()
    duty = next((d for d in stage.duties if d.id == deadline.subject), None) if deadline.kind == "duty" else None
    if duty is not None and duty.gate is None:
        # The document of the time before may be there: this one is not, or its deadline would be gone.
        return (part.why("document.missing", document=duty.document),)
    return asked(part, attempt)


def _overdue(deadline: Deadline, data: dict[str, Any], at: datetime) -> Lapse:
    due = (attrs.evolve(deadline, overdue=True, remind_at=()),)
    change = Change(kind="overdue", data=lean(data), due=_data(due))
    return Lapse(move="sweep", change=change, at=at, effect="overdue")


def _end(agreement: Agreement, outcome: str, about: dict[str, Any], at: datetime) -> Lapse:
    documents = tuple({"kind": doc.kind, "digest": doc.digest} for doc in agreement.documents.values())
    change = Change(kind="moved", data=lean({"outcome": outcome, **about}), documents=documents)
    return Lapse(move="end", change=change, at=at, effect="ended")


def _silence(
    process: Process, agreement: Agreement, part: ApprovalRequirement, about: dict[str, Any], at: datetime
) -> Lapse:
    approves = part.silence == "approves"
    bound = bound_to(process, agreement, part.role)
    vote = {"role": part.role, "vote": "for" if approves else "against", "of": bound, "silence": lean(about)}
    documents = tuple({"kind": kind, "digest": digest} for kind, digest in bound.items())
    return Lapse(
        move="approve" if approves else "refuse",
        change=Change(kind="voted", data=lean(vote), documents=documents),
        at=at,
        effect="decided",
    )
