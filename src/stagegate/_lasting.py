"""
How long an agreement lasts: its term, what begins it, what bounds it, what stands in its way. Pure.

A part cannot outlive the agreement that it is part of, nor any above that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import attrs

from ._agreement import Agreement
from ._attempt import Attempt
from ._calendars import Calendar
from ._deadlines import Period, passed
from ._process import Process
from ._reasons import Unmet
from ._records import Document
from ._running import Deadline
from ._stages import Stage
from ._terms import Term
from ._text import frozendict

DAY = timedelta(days=1)
PARENT = "parent"
"""Where an open-ended part takes the end of its term from."""


class Lasting:
    """Reckons the terms of agreements by the calendars of an engine."""

    def __init__(self, calendar: Callable[[Process, Period | None], Calendar]) -> None:
        """Take what says by which calendar a process counts a period."""
        self.calendar = calendar

    def after(
        self,
        process: Process,
        stage: Stage,
        before: Agreement | None,
        attempt: Attempt,
        was: Deadline | None,
        *,
        entered: bool,
        anew: bool,
    ) -> Deadline | None:
        """Return the term after an event: the one that begins, the one that runs on, or None where there is none."""
        if attempt.move == "migrate" and not any(one.term for one in process.stages):
            # A process that knows no terms ends nothing by them.
            return None
        term = _term_of(stage, attempt.move, was)
        amended = attempt.move == "amend" and rests_on(attempt.details.get("kind"), stage, was)
        if term is None or not (entered or amended):
            if was is not None and _follows(stage, was):
                return self._with_whole(process, was, stage, attempt)
            if not anew or was is None or was.period is None or was.date is None:
                return was
            calendar = self.calendar(process, was.period)
            if was.calendar == (calendar.id, calendar.version):
                return was
            due = was.due(calendar, attempt.zone)
            assert due is not None  # noqa: S101  it has a period and a date
            return attrs.evolve(
                was,
                date=due.date,
                at=due.at,
                calendar=(calendar.id, calendar.version),
                certain=due.certain,
                remind_at=reminders(stage.remind, due.date, calendar, attempt),
            )
        return self.begun(process, stage, before, attempt)

    def begun(self, process: Process, stage: Stage, before: Agreement | None, attempt: Attempt) -> Deadline | None:
        """
        Return the deadline of the term that begins when *stage* is entered or renewed; None where it has no end.

        A part cannot outlive the agreement it is part of: an open-ended one ends with it.
        """
        was = None if before is None else before.deadlines.get("term")
        term = _term_of(stage, attempt.move, was)
        assert term is not None  # noqa: S101  only where one begins, or is amended, is it asked for
        agreement, today = attempt.agreement, attempt.today
        whole = bounding(attempt)
        calendar = self.calendar(process, term.lasts)
        certain, start, source = True, today, (calendar.id, calendar.version)
        if term.lasts is not None:
            start = _begins(term.lasts, before, attempt)
            due = term.lasts.due(start, calendar=calendar, zone=attempt.zone)
            ends, certain, rule = due.date, due.certain, frozendict(term.lasts.to_data())
        elif term.until:
            found = agreement.date_at(term.until)
            if found is None:
                return None
            ends, rule, source = found, frozendict({"until": term.until}), ("", "")
        elif whole is not None:
            ends, rule, source = whole[1], frozendict({"until": PARENT}), ("", "")
        else:
            return None
        return Deadline(
            key="term",
            rule=rule,
            start=start,
            date=ends,
            at=passed(ends, attempt.zone),
            calendar=source,
            certain=certain,
            remind_at=reminders(stage.remind, ends, calendar, attempt),
        )

    def _with_whole(self, process: Process, was: Deadline, stage: Stage, attempt: Attempt) -> Deadline | None:
        """Return the term of an open-ended part, which ends when that of the whole does; None where that has no end."""
        whole = bounding(attempt)
        if whole is None:
            # The end of the whole is told by its outcome.
            return None if attempt.parent is not None and attempt.parent.running else was
        ends = whole[1]
        if ends == was.date:
            return was
        ahead = reminders(stage.remind, ends, self.calendar(process, None), attempt)
        return attrs.evolve(was, date=ends, at=passed(ends, attempt.zone), remind_at=ahead)

    def begins(self, process: Process, stage: Stage, attempt: Attempt) -> Iterator[Unmet]:
        """
        Return why a term cannot begin where nothing else is asked: at the start of a part, or by a migration.

        Args:
            process: The process under which it would begin.

            stage: The stage that has it.

            attempt: What is attempted.
        """
        before = None if attempt.move == "start" else attempt.agreement
        ends = None if stage.term is None else self.begun(process, stage, before, attempt)
        if ends is not None and ends.date is not None:
            yield from _bounds(ends.date, attempt)

    def renewal(self, process: Process, stage: Stage, attempt: Attempt) -> Iterator[Unmet]:
        """Say why it cannot be renewed yet: the window opens later."""
        window = None if stage.renewal is None else stage.renewal.window
        was = attempt.agreement.deadlines.get("term")
        if window is None or was is None or was.date is None:
            return
        opens = window.before(was.date, calendar=self.calendar(process, window))
        if attempt.today < opens:
            yield why("renewal.early", "term", opens=opens.isoformat(), ends=was.date.isoformat())

    def fits(self, process: Process, entered: Stage, attempt: Attempt) -> Iterator[Unmet]:
        """Say why the term that a move would begin cannot be."""
        document = attempt.details.get("document") if attempt.move == "amend" else None
        seen = attempt if document is None else _with(attempt, document)
        if attempt.move == "amend" and document is None:
            return
        term = _term_of(entered, attempt.move, attempt.agreement.deadlines.get("term"))
        ends = self.begun(process, entered, attempt.agreement, seen)
        if term is not None and term.until and seen.agreement.date_at(term.until) is None:
            yield why("term.unknown", "term", point=term.until)
            return
        if ends is None or ends.date is None:
            return
        yield from _bounds(ends.date, attempt)
        was = attempt.agreement.deadlines.get("term")
        if attempt.move == "renew" and was is not None and was.date is not None and ends.date <= was.date:
            yield why("term.not_later", "term", ends=ends.date.isoformat(), was=was.date.isoformat())
        elif ends.date < attempt.today:
            yield why("term.over", "term", ends=ends.date.isoformat())


def _with(attempt: Attempt, document: Mapping[str, Any]) -> Attempt:
    """Return the attempt as it would be with a new version of a document."""
    agreement = attempt.agreement
    filed = Document(**document)
    documents = frozendict({**agreement.documents, filed.kind: filed})
    return attrs.evolve(attempt, agreement=attrs.evolve(agreement, documents=documents))


def bounding(attempt: Attempt) -> tuple[Agreement, date] | None:
    """Return the nearest agreement above this one that has a term, and its end, which this one cannot outlive."""
    above = () if attempt.parent is None else (attempt.parent, *attempt.above)
    terms = ((one, one.deadlines["term"].date) for one in above if "term" in one.deadlines)
    return next(((one, ends) for one, ends in terms if ends is not None), None)


def _bounds(ends: date, attempt: Attempt) -> Iterator[Unmet]:
    """Name the agreements that a term would outlive, or that would outlive it."""
    whole = bounding(attempt)
    if whole is not None and ends > whole[1]:
        yield why("term.parent", "term", ends=ends.isoformat(), parent=whole[0].id, limit=whole[1].isoformat())
    for part in attempt.parts:
        later = part.deadlines.get("term")
        if later is not None and later.date is not None and later.date > ends:
            yield why("term.part", "term", ends=ends.isoformat(), part=part.id, limit=later.date.isoformat())


def rests_on(kind: Any, stage: Stage, was: Deadline | None) -> bool:
    """Whether a term is taken from a document of a kind: the term that runs, or that of the stage where none does."""
    point = was.rule.get("until", "") if was is not None else "" if stage.term is None else stage.term.until
    return bool(str(point).startswith(f"{kind}."))


def _term_of(stage: Stage, move: str, was: Deadline | None = None) -> Term | None:
    if move == "amend" and was is not None and was.rule.get("until", PARENT) != PARENT:
        # It goes on being taken from where it was taken: a renewal may have named another document.
        return Term(was.rule["until"])
    if move == "renew" and stage.renewal is not None and stage.renewal.term is not None:
        return stage.renewal.term
    return stage.term


def _follows(stage: Stage, term: Deadline) -> bool:
    """Whether an open-ended part goes on as long as its whole; one that can be renewed does so by its renewal."""
    return term.rule.get("until") == PARENT and stage.renewal is None


def extended(stage: Stage, term: Deadline, attempt: Attempt) -> bool:
    """Say whether the term of an open-ended part was extended, or lifted, with that of its whole."""
    if attempt.parent is None or not _follows(stage, term) or attempt.parent.outcome is not None:
        return False
    whole = bounding(attempt)
    return whole is None or whole[1] != term.date


def _begins(lasts: Period, before: Agreement | None, attempt: Attempt) -> date:
    """Return the day a term counts from: the point it names, the end of the term that is renewed, or today."""
    if lasts.since and (found := attempt.agreement.date_at(lasts.since)) is not None:
        return found
    was = None if before is None or attempt.move != "renew" else before.deadlines.get("term")
    return attempt.today if was is None or was.date is None else was.date


def reminders(remind: tuple[Period, ...], ends: date, calendar: Calendar, attempt: Attempt) -> tuple[datetime, ...]:
    """Return the instants at which to remind, as far as they lie ahead: when the day begins, in the zone."""
    days = {period.before(ends, calendar=calendar) for period in remind}
    instants = (passed(day - DAY, attempt.zone) for day in sorted(days) if day > date.min)
    return tuple(at for at in instants if at > attempt.at)


def why(code: str, requirement: str, *, basis: str = "", **params: Any) -> Unmet:
    return Unmet(code=code, params=frozendict(params), requirement=requirement, basis=basis)
