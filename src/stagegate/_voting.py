"""What a vote becomes: who may cast it, in which capacity, what stands in its way, what it is bound to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from typing import Any

import attrs

from ._agreement import Agreement
from ._attempt import Attempt
from ._changes import Change, Wanted
from ._evidence import ApprovalRequirement
from ._machine import Cursor
from ._plain import as_table, name, text
from ._process import Process
from ._reasons import Unmet
from ._records import Actor, day, lean
from ._requirements import asked
from ._text import frozendict
from .exceptions import InvalidValue, NoSuchMove, quote

CAPACITIES = ("own", "delegated", "mandated")
"""In which capacity a vote is cast: one's own power, or another's, with or without the responsibility for it."""

_VOTES = {"approve": "for", "refuse": "against", "abstain": "abstain", "recuse": "recused"}
_RESULT = {"members", "present", "in_favour", "against", "abstaining"}


def _result(value: Mapping[str, int] | None) -> frozendict:
    if value is None:
        return frozendict()
    result = as_table(value, "result")
    if not set(result) <= _RESULT:
        message = f"result: a table of {', '.join(sorted(_RESULT))} is needed, not {quote(value)}"
        raise InvalidValue(message)
    for counted, number in result.items():
        if type(number) is not int or number < 0:
            message = f"result.{counted}: a whole number from 0 is needed, not {quote(number)}"
            raise InvalidValue(message)
    members, present = result.get("members"), result.get("present")
    if members is not None and present is not None and present > members:
        message = f"result: {present} of {members} members cannot be present"
        raise InvalidValue(message)
    voted = sum(result.get(counted, 0) for counted in ("in_favour", "against", "abstaining"))
    if present is not None and voted > present:
        message = f"result: {voted} votes cannot come from {present} members"
        raise InvalidValue(message)
    return result


def _capacity(value: Any) -> str:
    if value not in CAPACITIES:
        message = f"capacity: one of {', '.join(CAPACITIES)} is needed, not {quote(value)}"
        raise InvalidValue(message)
    return str(value)


def _reason(move: str, value: str) -> str:
    said = text(value, "reason")
    if not said.strip():
        message = f"{move}: a reason is needed"
        raise InvalidValue(message)
    return said


def voting(
    move: str,
    role: str | None,
    by: Actor,
    reason: str,
    *,
    result: Mapping[str, int] | None = None,
    capacity: str = "own",
) -> Callable[[Process], Wanted]:
    """Want a vote recorded; which documents it is bound to, the process says."""
    tally, said, acting = _result(result), text(reason, "reason"), _capacity(capacity)

    def wanted(process: Process) -> Wanted:
        voice = _voice(process, role, by, move)
        _able(process, voice, by, move, acting)

        def change(process: Process, attempt: Attempt, cursor: Cursor) -> Change:
            agreement = attempt.agreement
            asks = _asks(process, agreement, voice)
            cursor.answer.unmet.extend(_unbound(asks, attempt, voice))
            cursor.answer.unmet.extend(_barred(process, asks, attempt, counted=bool(tally)))
            bound = _bound(process, agreement, voice, asks if tally else ())
            vote = {"role": voice, "vote": _VOTES[move], "of": bound, "tally": tally, "reason": said}
            if by.on_behalf_of is not None:
                vote["capacity"] = acting
            documents = tuple({"kind": kind, "digest": digest} for kind, digest in bound.items())
            return Change(kind="voted", data=lean(vote), documents=documents)

        told = {"role": voice, "reason": said, "result": tally, "capacity": "" if acting == "own" else acting}
        return Wanted(
            move=move,
            details=frozendict(lean(told)),
            to=voice,
            change=change,
            roles=_voters(voice, delegates=acting != "own"),
        )

    return wanted


def recusing(role: str | None, by: Actor, reason: str) -> Callable[[Process], Wanted]:
    """Want it recorded that somebody takes no part in a vote."""
    said = _reason("recuse", reason)

    def wanted(process: Process) -> Wanted:
        voice = _voice(process, role, by, "recuse")
        details = frozendict({"role": voice, "reason": said})
        data = frozendict({**details, "vote": _VOTES["recuse"]})
        return Wanted(
            move="recuse",
            details=details,
            to=voice,
            change=lambda _p, _a, _c: Change(kind="voted", data=data),
            roles=_voters(voice, delegates=True),
        )

    return wanted


def adjourning(role: str | None, by: Actor, reason: str, until: date | str | None) -> Callable[[Process], Wanted]:
    """Want the vote of a body put off."""
    said, resumed = _reason("adjourn", reason), day(until, "until")

    def wanted(process: Process) -> Wanted:
        voice = _voice(process, role, by, "adjourn")
        details = frozendict(lean({"role": voice, "reason": said, "until": resumed and resumed.isoformat()}))

        def change(process: Process, attempt: Attempt, cursor: Cursor) -> Change:
            agreement = attempt.agreement
            asks = tuple(ask for ask in _asks(process, agreement, voice) if ask.tallied)
            if not asks:
                message = f"adjourn: {process.id} counts no body that votes as {quote(voice)} at {agreement.stage}"
                raise NoSuchMove(message)
            if resumed is not None and resumed < attempt.today:
                message = f"until: {resumed} is past; it is {attempt.today}, so name that day or a later one"
                raise InvalidValue(message)
            cursor.answer.unmet.extend(_recused(asks[0], attempt, {by.id}))
            cursor.answer.unmet.extend(_exhausted(asks, agreement, voice))
            voided = tuple(
                vote.brief() for vote in attempt.approvals(voice) if vote.vote != "recused" and not vote.tally
            )
            return Change(kind="adjourned", data=details, voided=voided)

        return Wanted(move="adjourn", details=details, to=voice, change=change, roles=_voters(voice, delegates=True))

    return wanted


def _exhausted(asks: Collection[ApprovalRequirement], agreement: Agreement, voice: str) -> Iterator[Unmet]:
    have = agreement.adjourned[voice].number if voice in agreement.adjourned else 0
    for ask in asks:
        if ask.adjournments is not None and have >= ask.adjournments:
            yield ask.why("approval.adjournments", role=voice, have=have, most=ask.adjournments)


# Which role votes


def _voice(process: Process, role: str | None, by: Actor, move: str) -> str:
    asking = process.asking
    if role is not None:
        role = name(role, "role")
        if role not in asking:
            there = ", ".join(sorted(asking)) or "nobody"
            message = f"no gate of {process.id} asks {quote(role)} to approve; it asks {there}"
            if instead := [voice for voice in asking if role in _deputies(process, voice)]:
                message += f"; on behalf of somebody, {role} may vote as {' or '.join(instead)}"
            raise NoSuchMove(message)
        return role
    mine = [r for r in by.roles if r in asking] or [r for r in asking if _deputies(process, r) & set(by.roles)]
    if len(mine) == 1:
        return mine[0]
    if not mine and asking:
        there = ", ".join(sorted(asking))
        message = f"{move}: {quote(by.id)} acts in no role that {process.id} asks to approve ({there}); say role="
        raise NoSuchMove(message)
    if not mine:
        message = f"{move}: no gate of {process.id} asks anybody to approve"
        raise NoSuchMove(message)
    message = f"{move}: {quote(by.id)} acts in several roles that are asked: {', '.join(mine)}; say which with role="
    raise InvalidValue(message)


def _deputies(process: Process, voice: str) -> set[str]:
    return {role for _, ask in process.asking[voice] for role in ask.delegates}


def _able(process: Process, voice: str, by: Actor, move: str, capacity: str) -> None:
    """Make sure that who stands in for somebody says for whom, and how."""
    if capacity != "own":
        if by.on_behalf_of in (None, by.id):
            message = (
                f"capacity: {capacity} on whose behalf? Say it with Actor(on_behalf_of=…), which names somebody else"
            )
            raise InvalidValue(message)
    elif voice not in by.roles and (deputy := sorted(_deputies(process, voice) & set(by.roles))):
        message = (
            f"{move}: {quote(by.id)} acts as {deputy[0]}, which votes as {voice} only on behalf of somebody: "
            f"say whom with Actor(on_behalf_of=…), and capacity='delegated' or 'mandated'"
        )
        raise InvalidValue(message)


def _voters(voice: str, *, delegates: bool) -> Callable[[Process, Agreement], tuple[str, ...]]:
    """Return who may vote as a role: those who act in it; on behalf of one of them, also those it names."""

    def roles(process: Process, agreement: Agreement) -> tuple[str, ...]:
        several = (ask.delegates for ask in _asks(process, agreement, voice))
        return (voice, *dict.fromkeys(role for deputies in several if delegates for role in deputies))

    return roles


# What a vote is on


def _asks(process: Process, agreement: Agreement, voice: str) -> tuple[ApprovalRequirement, ...]:
    """Return what asks a role for its vote where *agreement* stands: the gate, or a way to end it, or any other."""
    asking = process.asking[voice]
    here = tuple(ask for place, ask in asking if place == agreement.stage)
    if not here:
        ends = process.plan.targets("end", agreement.stage)
        here = tuple(ask for place, ask in asking if place in ends)
    return here or tuple(ask for _, ask in asking)


def _bound(process: Process, agreement: Agreement, voice: str, minuted: Collection[ApprovalRequirement]) -> frozendict:
    kinds = dict.fromkeys((*process.approving[voice], *(ask.minutes for ask in minuted if ask.minutes)))
    documents = agreement.documents
    return frozendict({kind: documents[kind].digest for kind in kinds if kind in documents})


def _unbound(asks: Collection[ApprovalRequirement], attempt: Attempt, voice: str) -> Iterator[Unmet]:
    """Name what is not there yet to be voted on; nothing, if one of those that ask has all that it asks about."""
    if any(all(attempt.document(kind) is not None for kind in ask.of) for ask in asks):
        return
    for kind in dict.fromkeys(kind for ask in asks for kind in ask.of):
        if attempt.document(kind) is None:
            yield Unmet(
                code="approval.nothing",
                params=frozendict({"document": kind, "role": voice}),
                requirement=f"approval:{voice}",
            )


# What stands in its way


def _barred(
    process: Process, asks: tuple[ApprovalRequirement, ...], attempt: Attempt, *, counted: bool
) -> Iterator[Unmet]:
    """Say why this person cannot vote now; *counted* if it is the result of a body that they record."""
    by, first = attempt.actor, asks[0]
    principal = by.id if by.on_behalf_of is None else by.on_behalf_of
    yield from _recused(first, attempt, {by.id, principal})
    adjourned = attempt.agreement.adjourned.get(first.role)
    if adjourned is not None and adjourned.until is not None and attempt.today < adjourned.until:
        until = adjourned.until.isoformat()
        yield first.why("approval.adjourned", role=first.role, until=until, reason=adjourned.reason)
    for ask in asks:
        for before in ask.in_order:
            if not _stands(process, attempt, before):
                yield attrs.evolve(ask.why("approval.order", by=by.id, role=ask.role, before=before), fix_by=(before,))
        if counted:
            if ask.minutes and attempt.document(ask.minutes) is None:
                yield ask.why("approval.minutes", by=by.id, role=ask.role, document=ask.minutes)
        elif (body := ask.body(attempt)) is not None and body.lacks(principal):
            yield ask.why("approval.not_member", by=by.id, role=ask.role, member=principal)


def _recused(ask: ApprovalRequirement, attempt: Attempt, persons: Collection[str]) -> Iterator[Unmet]:
    for vote in attempt.approvals(ask.role):
        if vote.vote == "recused" and vote.by in persons:
            yield ask.why("approval.recused", by=vote.by, role=ask.role, reason=vote.reason)


def _stands(process: Process, attempt: Attempt, role: str) -> bool:
    """Whether a role has approved, where it is asked to: at this stage, or at any."""
    return any(not asked(ask, attempt) for ask in _asks(process, attempt.agreement, role))
