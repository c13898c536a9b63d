"""What if: the earliest date of each gate that is left, under stated durations and silences. It writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import attrs

from ._agreement import Agreement
from ._attempt import Attempt
from ._clock import Clock, answered
from ._deadlines import Due, Period, as_period
from ._evidence import ApprovalRequirement
from ._plain import text
from ._process import Process
from ._reasons import Unmet
from ._requirements import asked
from ._sentences import SENTENCES
from ._stages import END, Stage
from ._text import FALLBACK, Label, translate
from .exceptions import InvalidValue, quote

DAY = timedelta(days=1)
REFUSED = "forecast.refused"
"""Why a gate stays shut: a silence that refuses."""

CLOSED = "forecast.closed"
"""Why nothing lies ahead: the time that ends the agreement is over by then, or what it is part of has ended."""

ENDING = frozenset({"deadline.passed", "parent.ended"})
"""The codes of reasons that leave an agreement nothing but its end."""


@attrs.define(kw_only=True, frozen=True)
class Passage:
    """
    A stage in a forecast.

    Attributes:
        stage: The stage.

        label: What the process calls it.

        entered: The earliest day it is entered.

        date: The earliest day its gate is passed; None for the last stage, which has none, and for one passed over.

        because: Which rule makes it so: `forecast.at_once`, `forecast.assumed`, `forecast.full`, `forecast.silence`,
            `forecast.refused` (silence shuts the gate: nothing lies ahead),
            `forecast.closed` (the passing of time, or the end of the whole, leaves nothing but its end),
            `forecast.skipped`, `forecast.last`.

        rule: The period behind it, as text; empty where there is none.

        basis: The legal basis of that rule.

        due: The reckoning of that period, for its explanation; None where there is none.

        open: What would still have to be done to go on: for the stage where it stands, what an advance is refused
            with now.
    """

    stage: str
    label: Label
    entered: date
    date: date | None
    because: str
    rule: str = ""
    basis: str = ""
    due: Due | None = None
    open: tuple[Unmet, ...] = ()

    def text(self, lang: str = FALLBACK) -> str:
        """Return why it is that day, as a sentence."""
        rule = "" if self.due is None else self.due.rule.text(lang)
        said = translate(SENTENCES[self.because], lang).format(rule=rule)
        return f"{said} ({self.basis})" if self.basis else said


@attrs.define(kw_only=True, frozen=True)
class Forecast:
    """
    The earliest course of an agreement.

    Attributes:
        agreement: Its id.

        on: The day it was asked on.

        passages: The stage where it stands, and those ahead, in order.
    """

    agreement: str
    on: date
    passages: tuple[Passage, ...]

    @property
    def reached(self) -> date | None:
        """The earliest day the last stage is entered; None if it stays shut before that."""
        last = self.passages[-1]
        return None if last.because in {REFUSED, CLOSED} else last.entered


def forecast(
    process: Process,
    attempt: Attempt,
    clock: Clock,
    assumptions: Mapping[str, Any],
    silent: Iterable[str],
    hindered: tuple[Unmet, ...],
) -> Forecast:
    """
    Walk from where an agreement stands to the last stage, as early as the assumptions let it.

    Args:
        process: The process it runs under.

        attempt: The agreement, who asks, the time: an advance.

        clock: Reckons the periods.

        assumptions: How long each stage takes, by its id; a stage that is not named takes no time.

        silent: The stages and the roles that are assumed to say nothing: they take all the time they have.

        hindered: What an advance is refused with now.

    Raises:
        InvalidValue: If an assumption is none, or is about what the process does not have.
    """
    durations, silences = _durations(process, assumptions), _silences(process, silent)
    here = process.place(attempt.agreement.stage)
    day = attempt.today
    passages: list[Passage] = []
    for stage in process.stages[here:]:
        now = not passages
        passage = _passage(process, stage, attempt, clock, day, durations, silences, now=now)
        if now and passage.date is not None:
            passage = attrs.evolve(passage, open=hindered)
            if not ENDING.isdisjoint(why.code for why in hindered) and passage.because != CLOSED:
                passage = attrs.evolve(passage, because=CLOSED, rule="", basis="", due=None)
        if passage.because in {REFUSED, CLOSED}:
            passages.append(attrs.evolve(passage, date=None))
            break
        passages.append(passage)
        day = passage.date or day
    return Forecast(agreement=attempt.agreement.id, on=attempt.today, passages=tuple(passages))


def _durations(process: Process, assumptions: Any) -> dict[str, Period]:
    if not isinstance(assumptions, Mapping):
        message = f"assumptions: a table of periods by stage is needed, not {quote(assumptions)}"
        raise InvalidValue(message)
    made = {}
    for stage, period in assumptions.items():
        if process.stage(text(stage, "assumptions")) is None:
            there = ", ".join(s.id for s in process.stages)
            message = f"assumptions: there is no stage {quote(stage)}; there are {there}"
            raise InvalidValue(message)
        made[stage] = as_period(period, f"assumptions.{stage}")
        if made[stage].since:
            message = f"assumptions.{stage}: what is assumed counts from entering the stage; leave since out"
            raise InvalidValue(message)
    return made


def _silences(process: Process, silent: Any) -> frozenset[str]:
    if isinstance(silent, str) or not isinstance(silent, Iterable):
        message = f"silent: a list of stages or roles is needed, not {quote(silent)}"
        raise InvalidValue(message)
    several = frozenset(text(one, "silent") for one in silent)
    known = {stage.id for stage in process.stages} | process.known_roles
    if unknown := sorted(several - known):
        message = f"silent: {quote(unknown[0])} is no stage and no role of {process.id}"
        raise InvalidValue(message)
    return several


def _passage(
    process: Process,
    stage: Stage,
    attempt: Attempt,
    clock: Clock,
    day: date,
    durations: Mapping[str, Period],
    silences: frozenset[str],
    *,
    now: bool,
) -> Passage:
    if not now and stage.when is not None and asked(stage.when, attempt):
        return Passage(stage=stage.id, label=stage.label, entered=day, date=None, because="forecast.skipped")
    if stage.gate is None:
        return Passage(stage=stage.id, label=stage.label, entered=day, date=None, because="forecast.last")
    entry = attempt.agreement.entered_at.astimezone(attempt.zone).date() if now else day
    candidates = [Passage(stage=stage.id, label=stage.label, entered=entry, date=day, because="forecast.at_once")]

    def due_of(key: str, period: Period) -> Due:
        was = attempt.agreement.deadlines.get(key) if now else None
        calendar = clock.calendar(process, period)
        if was is None:
            start = _start(stage, period, attempt.agreement, entry if now and not key else day)
            return period.due(start, calendar=calendar, zone=attempt.zone)
        # A clock that runs goes on as it was reckoned; one that stands still goes on today at the earliest.
        calendar = clock.almanac.exact(*was.calendar) or calendar
        still = () if was.paused_on is None else ((was.paused_on, max(was.paused_on, day)),)
        return period.due(was.start, calendar=calendar, zone=attempt.zone, pauses=(*was.pauses, *still))

    for key, because, period, basis, after in _periods(stage, durations, silences, attempt if now else None):
        due = due_of(key, period)
        candidates.append(
            Passage(
                stage=stage.id,
                label=stage.label,
                entered=entry,
                date=max(day, due.date + after),
                because=because,
                rule=str(period),
                basis=basis,
                due=due,
            )
        )
    refused = [passage for passage in candidates if passage.because == REFUSED]
    latest = max(refused or candidates, key=lambda passage: passage.date or day)
    ends = stage.within if stage.timeout[0] == END else None
    if ends is None or (ends.since and attempt.agreement.date_at(ends.since) is None):
        return latest
    due = due_of(f"stage:{stage.id}", ends)
    if not due.certain or (latest.date or day) <= due.date:
        return latest
    return attrs.evolve(latest, because=CLOSED, rule=str(ends), basis=stage.basis, due=due)


def _start(stage: Stage, period: Period, agreement: Agreement, begins: date) -> date:
    """Return the day from which a clock that does not run yet will run, at the earliest."""
    found = agreement.date_at(period.since) if period.since else None
    if found is None:
        return begins
    again = stage.id in agreement.rounds and period.on_return == "restart"
    return max(found, begins) if again else found


def _periods(
    stage: Stage, durations: Mapping[str, Period], silences: frozenset[str], attempt: Attempt | None
) -> Iterator[tuple[str, str, Period, str, timedelta]]:
    """Go through the times a stage takes, each with the key of its deadline; with an *attempt*, those not met yet."""
    if stage.id in durations:
        yield "", "forecast.assumed", durations[stage.id], "", timedelta(0)
    silent = stage.id in silences or not silences.isdisjoint(stage.owner)
    if stage.within is not None and silent:
        yield f"stage:{stage.id}", "forecast.full", stage.within, stage.basis, timedelta(0)
    for part in () if stage.gate is None else stage.gate.walk():
        if part.within is None or (attempt is not None and (answered(part, attempt) or not asked(part, attempt))):
            continue
        key = f"requirement:{part.name}"
        if isinstance(part, ApprovalRequirement) and part.silence and (part.role in silences or stage.id in silences):
            # The last day belongs to who is asked: silence speaks on the day after.
            speaks = "forecast.silence" if part.silence == "approves" else REFUSED
            yield key, speaks, part.within, part.basis, DAY
        elif silent:
            yield key, "forecast.full", part.within, part.basis, timedelta(0)
