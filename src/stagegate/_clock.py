"""
The clock of an agreement: which deadlines run, what the passing of one means. Pure: it reckons and writes nothing.

A deadline is reckoned when what it depends on changes: its start, its rule, a pause. It then keeps its date, whatever
becomes of the calendar, until it is reckoned again by an event that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import attrs

from ._agreement import Agreement
from ._almanac import Almanac
from ._attempt import Attempt
from ._calendars import Calendar
from ._deadlines import Period
from ._evidence import ApprovalRequirement
from ._lasting import Lasting, extended, reminders, rests_on, why
from ._process import Process
from ._reasons import Unmet
from ._requirements import Requirement, asked
from ._running import Deadline
from ._sentences import SENTENCES
from ._stages import END, Stage
from ._terms import Duty
from ._text import frozendict, translate
from .exceptions import NotFound, quote

ACTS = frozenset({"attach", "record", "note"})
VOTES = frozenset({"approve", "refuse", "abstain", "adjourn"})


@attrs.define(kw_only=True, frozen=True, eq=False)
class _Running:
    """What makes a deadline: what is due, by which rule, from which day."""

    key: str
    period: Period
    start: date
    remind: tuple[Period, ...]
    round: int = 1


class Clock:
    """Reckons the deadlines of agreements by the calendars of an engine."""

    def __init__(self, almanac: Almanac) -> None:
        """Take the calendars."""
        self.almanac = almanac
        self.lasting = Lasting(self.calendar)

    def calendar(self, process: Process, period: Period | None = None) -> Calendar:
        """
        Return the calendar by which a period is counted: its own, else that of the process, else week-ends only.

        Raises:
            NotFound: If the engine does not know it.
        """
        named = process.calendar if period is None or not period.calendar else period.calendar
        return self.almanac.named(named, process.pin) if isinstance(named, str) else named

    def check(self, process: Process) -> None:
        """
        Make sure that every calendar by which a process counts is known, before anything runs under it.

        Raises:
            NotFound: If one is not.
        """
        for named in process.calendars:
            self.almanac.named(named, process.pin)

    def explained(self, process: Process, deadline: Deadline, lang: str) -> tuple[str, ...]:
        """
        Return how a due date came about, line by line.

        Raises:
            NotFound: If the calendar it was counted by is not known here.
        """
        period = deadline.period
        if deadline.date is None:
            return (translate(SENTENCES["deadline.still"], lang).format(date=deadline.paused_on),)
        if period is None:
            said = translate(SENTENCES["deadline.point"], lang)
            return (said.format(date=deadline.date, point=deadline.rule["until"]),)
        calendar = self.calendar(process, period)
        if (calendar.id, calendar.version) != deadline.calendar:
            known = self.almanac.exact(*deadline.calendar)
            if known is None:
                named, version = deadline.calendar
                message = (
                    f"the date was counted by version {quote(version)} of the calendar {quote(named)}, which this"
                    f" engine does not know; open it with calendars=[…] that hold that version too"
                )
                raise NotFound(message)
            calendar = known
        due = deadline.due(calendar, process.tzinfo)
        return () if due is None else due.explain(lang)

    def changes(
        self, process: Process, before: Agreement | None, attempt: Attempt, *, anew: bool = False
    ) -> tuple[dict[str, Any], ...]:
        """
        Return what becomes of the deadlines, as an event records it: those that changed, and the keys of those gone.

        Args:
            process: The process it runs under now.

            before: The agreement before the event; None before the first.

            attempt: What is done, on the agreement as it is after the event.

            anew: Whether to reckon every deadline again, by the calendars that are in force now.
        """
        old: Mapping[str, Deadline] = {} if before is None else before.deadlines
        seen = _renamed(old, attempt.details.get("mapping", {})) if attempt.move == "migrate" else old
        new = dict(self._expected(process, before, attempt, seen, anew=anew)) if attempt.agreement.running else {}
        changed = []
        for key, deadline in new.items():
            was = old.get(key)
            if deadline != was:
                data = deadline.to_data()
                if was is not None and was.date is not None and was.date != deadline.date:
                    data["was"] = was.date.isoformat()
                changed.append(data)
        return (*changed, *({"key": key} for key in old if key not in new))

    def _expected(
        self,
        process: Process,
        before: Agreement | None,
        attempt: Attempt,
        old: Mapping[str, Deadline],
        *,
        anew: bool,
    ) -> Iterator[tuple[str, Deadline]]:
        agreement = attempt.agreement
        stage = process.standing(agreement.stage)
        renewed = attempt.move == "renew" and before is not None and before.stage == agreement.stage
        entered = before is None or (before.rounds != agreement.rounds and not renewed and attempt.move != "migrate")
        running = list(self._running(process, stage, before, attempt, old, entered=entered))
        for one in running:
            yield one.key, self._deadline(process, one, old.get(one.key), attempt, entered=entered, anew=anew)
        here = {one.key for one in running}
        if before is not None and attempt.move == "send_back":
            left = process.stage(before.stage)
            key = f"stage:{before.stage}"
            if (
                left is not None
                and key in old
                and key not in here
                and left.within
                and left.within.on_return != "restart"
            ):
                parked = attrs.evolve(
                    old[key], date=None, at=None, paused_on=attempt.today, away=True, remind_at=(), overdue=False
                )
                yield key, parked
        for key, parked in old.items():
            if parked.away and key not in here and process.place(parked.subject) > process.place(stage.id):
                yield key, parked
        # Who is sent back goes on under the term that runs: only a renewal begins another.
        begins = renewed or (("term" not in old or attempt.move != "send_back") if entered else False)
        begins = begins or (attempt.move == "migrate" and "term" not in old)
        term = self.lasting.after(process, stage, before, attempt, old.get("term"), entered=begins, anew=anew)
        if term is not None:
            yield "term", term

    def _running(
        self,
        process: Process,
        stage: Stage,
        before: Agreement | None,
        attempt: Attempt,
        old: Mapping[str, Deadline],
        *,
        entered: bool,
    ) -> Iterator[_Running]:
        agreement, entry = attempt.agreement, _day(attempt, attempt.agreement.entered_at)
        if stage.within is not None and stage.gate is not None:
            was = old.get(f"stage:{stage.id}")
            start = self._start(stage.within, agreement, entry, was, entered=entered)
            if was is not None and stage.timeout[0] == END and not entered and _over(was, attempt):
                start = was.start
            if start is not None:
                yield _Running(key=f"stage:{stage.id}", period=stage.within, start=start, remind=stage.remind)
        for part in () if stage.gate is None else stage.gate.walk():
            if part.within is None or answered(part, attempt) or not asked(part, attempt):
                continue
            key = f"requirement:{part.name}"
            was = old.get(key)
            start = self._start(part.within, agreement, entry, was, entered=entered)
            if isinstance(part, ApprovalRequirement):
                # Nobody is late, or silent, about a text that is not there, or before their turn has come.
                if (part.silence or not part.within.since) and any(kind not in agreement.documents for kind in part.of):
                    continue
                if part.silence and not all(_approved(process, attempt, role) for role in part.in_order):
                    continue
                start = _asked_from(part, part.within, start, before, attempt, was, entry, entered=entered)
            if start is not None:
                yield _Running(key=key, period=part.within, start=start, remind=part.remind)
        for duty in stage.duties:
            one = self._owed(process, duty, before, attempt, old.get(f"duty:{duty.id}"), entry, entered=entered)
            if one is not None:
                yield one

    def _owed(
        self,
        process: Process,
        duty: Duty,
        before: Agreement | None,
        attempt: Attempt,
        was: Deadline | None,
        entry: date,
        *,
        entered: bool,
    ) -> _Running | None:
        agreement = attempt.agreement
        start, round_ = entry, 1
        filed = agreement.documents.get(duty.document)
        if was is not None and not entered:
            start, round_ = was.start, was.round
        if duty.every is not None:
            seen = None if before is None else before.documents.get(duty.document)
            # The text of the time before is no new report, whoever has signed it since.
            if filed is not None and not entered and (seen is None or not seen.same_text(filed)):
                round_ += not self._corrects(process, duty.every, start, round_, was, attempt)
        else:
            if duty.after:
                found = agreement.date_at(duty.after)
                if found is None:
                    return None
                start = found
            met = (
                not asked(duty.gate, attempt)
                if duty.gate is not None
                else filed is not None and filed.n > (agreement.source_of(duty.after) if duty.after else 0)
            )
            if met:
                return None
        return _Running(key=f"duty:{duty.id}", period=duty.period, start=start, remind=duty.remind, round=round_)

    def _corrects(
        self, process: Process, every: Period, start: date, round_: int, was: Deadline | None, attempt: Attempt
    ) -> bool:
        """Say whether what is filed corrects that of the time before, which is not over yet."""
        if round_ == 1:
            return False
        before = attrs.evolve(every, n=every.n * (round_ - 1))
        pauses = () if was is None else was.pauses
        ended = before.due(start, calendar=self.calendar(process, every), zone=attempt.zone, pauses=pauses)
        return attempt.today <= ended.date

    def _start(
        self, period: Period, agreement: Agreement, entry: date, was: Deadline | None, *, entered: bool
    ) -> date | None:
        if was is not None and (was.away or not entered) and not period.since:
            return was.start
        if not period.since:
            return entry
        found = agreement.date_at(period.since)
        if found is None or agreement.round == 1 or period.on_return != "restart":
            return found
        # Sent back and here again: the time begins again, on the day it came back, or on the later date of a new paper.
        return max(found, entry)

    def _deadline(
        self,
        process: Process,
        one: _Running,
        was: Deadline | None,
        attempt: Attempt,
        *,
        entered: bool,
        anew: bool,
    ) -> Deadline:
        today, hold = attempt.today, attempt.agreement.hold
        base = None if was is None or (entered and not was.away) else was
        pauses, paused_on = ((), None) if base is None else (base.pauses, base.paused_on)
        if paused_on is not None and ((base is not None and base.away) or hold is None):
            pauses, paused_on = (*pauses, (paused_on, max(today, paused_on))), None
        # What has passed by then stays passed: a hold gives no time back.
        late = base is not None and base.at is not None and hold is not None and base.at <= hold.since
        late = late or (base is not None and base.overdue and base.round == one.round)
        if hold is not None and paused_on is None and one.period.on_hold == "pause" and not late:
            paused_on = max(_day(attempt, hold.since), one.start)
        rule = frozendict(one.period.to_data())
        same = base is not None and (base.rule, base.start, base.pauses, base.paused_on, base.round, base.away) == (
            rule,
            one.start,
            pauses,
            paused_on,
            one.round,
            False,
        )
        calendar = self.calendar(process, one.period)
        if same and base is not None and not (anew and base.calendar != (calendar.id, calendar.version)):
            return base
        reckoned = Deadline(
            key=one.key, rule=rule, start=one.start, pauses=pauses, paused_on=paused_on, round=one.round
        )
        if paused_on is not None:
            return reckoned
        period = attrs.evolve(one.period, n=one.period.n * one.round) if one.round > 1 else one.period
        due = period.due(one.start, calendar=calendar, zone=attempt.zone, pauses=pauses)
        return attrs.evolve(
            reckoned,
            date=due.date,
            at=due.at,
            calendar=(calendar.id, calendar.version),
            certain=due.certain,
            remind_at=reminders(one.remind, due.date, calendar, attempt),
            overdue=base is not None and base.overdue and base.round == one.round and due.at <= attempt.at,
        )

    # What stands in the way

    def against(self, process: Process, attempt: Attempt, to: str | None, target: str | None) -> Iterator[Unmet]:
        """
        Return what the clock has against an attempt: a time that has passed, a term that cannot be.

        Args:
            process: The process it runs under.

            attempt: What is attempted.

            to: The stage it would enter, if it would enter one.

            target: The role of a vote, or the kind of document of an amendment.
        """
        agreement, move = attempt.agreement, attempt.move
        stage = process.standing(agreement.stage)
        if move not in ACTS and move not in {"end", "hold"}:
            yield from closed(stage, attempt)
        if move in VOTES:
            yield from _late(stage, attempt, target)
        if move == "renew":
            yield from self.lasting.renewal(process, stage, attempt)
        entered = None if to is None else process.stage(to)
        if move == "amend":
            entered = stage if rests_on(target, stage, agreement.deadlines.get("term")) else None
        if entered is not None and (entered.term is not None or move == "amend") and (move != "send_back"):
            yield from self.lasting.fits(process, entered, attempt)


def _renamed(old: Mapping[str, Deadline], mapping: Mapping[str, str]) -> dict[str, Deadline]:
    """Return the deadlines with those of stages under their new names: it is the same time that runs on."""
    renamed: dict[str, Deadline] = {}
    for one in sorted(old.values(), key=lambda one: not one.away):
        now = mapping.get(one.subject, one.subject) if one.kind == "stage" else one.subject
        key = f"{one.kind}:{now}" if one.subject else one.key
        # Where stages become one, the time that runs goes before one that stands still.
        renamed[key] = one if key == one.key else attrs.evolve(one, key=key)
    return renamed


def _day(attempt: Attempt, at: datetime) -> date:
    return at.astimezone(attempt.zone).date()


def answered(part: Requirement, attempt: Attempt) -> bool:
    """Whether an approval that silence can decide has its answer: then no time runs out on it."""
    return isinstance(part, ApprovalRequirement) and bool(part.silence) and part.answered(attempt)


def _over(deadline: Deadline, attempt: Attempt) -> bool:
    """Whether the law has decided by it: a date that comes to light later does not give the time back."""
    return deadline.at is not None and deadline.at <= attempt.at and deadline.certain


def _approved(process: Process, attempt: Attempt, role: str) -> bool:
    """Whether a role that comes first has approved, at this stage or at any."""
    asks = process.asking.get(role, ())
    here = [ask for place, ask in asks if place == attempt.agreement.stage]
    return any(not asked(ask, attempt) for ask in here or [ask for _, ask in asks])


def _asked_from(
    part: ApprovalRequirement,
    within: Period,
    start: date | None,
    before: Agreement | None,
    attempt: Attempt,
    was: Deadline | None,
    entry: date,
    *,
    entered: bool,
) -> date | None:
    """Return the day from which a role is asked: a new text has its whole time, and so has who is asked anew."""
    if entered or before is None or start is None:
        return start
    new, today = _new(part.of, before, attempt.agreement), max(attempt.today, entry)
    if not within.since:
        return today if new or (part.silence and was is None) else start
    if not part.silence:
        return start
    own = within.since.rpartition(".fields.")[0] or within.since.rpartition(".")[0]
    if was is not None and not new and _over(was, attempt):
        return was.start
    if own in part.of:
        # The text says itself from when it was there.
        return start
    then = before.date_at(within.since)
    if new or (was is None and then is not None):
        return max(start, today)
    # What was put off by a new text stays so, whatever date comes to light.
    return max(start, was.start) if was is not None and was.start != then else start


def _new(kinds: Iterable[str], before: Agreement, after: Agreement) -> bool:
    """Whether one of these documents has another text than before."""
    for kind in kinds:
        was, now = before.documents.get(kind), after.documents.get(kind)
        if now is not None and (was is None or not was.same_text(now)):
            return True
    return False


def closed(stage: Stage, attempt: Attempt) -> Iterator[Unmet]:
    """Name the times that have passed and end the agreement, at its stage: nothing but its end is left."""
    for key, ends in ((f"stage:{stage.id}", stage.timeout[0] == END), ("term", True)):
        one = attempt.agreement.deadlines.get(key)
        if not ends or one is None or one.at is None or one.date is None or not one.certain:
            continue
        if one.at <= attempt.at and not extended(stage, one, attempt):
            yield why("deadline.passed", key, date=one.date.isoformat(), basis=stage.basis)


def _late(stage: Stage, attempt: Attempt, role: str | None) -> Iterator[Unmet]:
    """Name the votes that come too late: the law has decided, or is to decide, by silence."""
    for part in () if stage.gate is None else stage.gate.walk():
        if not isinstance(part, ApprovalRequirement) or part.role != role or not part.silence:
            continue
        if part.spoken(attempt) is not None:
            yield why("approval.decided", part.name, role=role, basis=part.basis)
            continue
        one = attempt.agreement.deadlines.get(f"requirement:{part.name}")
        if one is not None and one.at is not None and one.date is not None and one.at <= attempt.at and one.certain:
            yield why("approval.late", part.name, role=role, date=one.date.isoformat(), basis=part.basis)
