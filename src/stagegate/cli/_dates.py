"""What is told of due dates: as data for programs, as words for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from stagegate import Agreement, Deadline, Event, Label, Period, Process

from ._output import Cell
from ._words import LANGUAGES, word

UNITS = ("workdays", "calendar_days", "months", "years")
"""What a period counts."""

LATE = {
    "overdue": ("overdue since yesterday", "overdue for {n} days"),
    "passed": ("passed yesterday", "passed {n} days ago"),
}


def now() -> datetime:
    """Say what time it is: how far off a date is, depends on who looks when."""
    return datetime.now(UTC)


def iso(day: date | None) -> str | None:
    """Write a date, if there is one."""
    return None if day is None else day.isoformat()


def span(table: Mapping[str, Any], lang: str = LANGUAGES[0]) -> str:
    """Name a period by its table: how long it is, what it counts from, what else is said of it."""
    unit = next(unit for unit in UNITS if unit in table)
    said, since = Period(table[unit], unit).text(lang), table.get("since")
    if since:
        said = word("{period} since {point}", lang, period=said, point=since)
    also = "; ".join(f"{key} {value}" for key, value in table.items() if key not in {unit, "since"})
    return f"{said} ({also})" if also else said


def in_order(agreement: Agreement) -> list[Deadline]:
    """Return the deadlines of an agreement, the nearest first; what stands still comes last."""
    return sorted(agreement.deadlines.values(), key=lambda one: (one.date or date.max, one.key))


def state(deadline: Deadline, at: datetime) -> str:
    """
    Say how it is with a deadline: one word for programs.

    `still` has no date for now, `overdue` was said to be so, `uncertain` lies beyond what its calendar covers,
    `passed` is over and nobody has said so yet, `ahead` is to come.
    """
    if deadline.at is None:
        return "still"
    if deadline.overdue:
        return "overdue"
    if not deadline.certain:
        return "uncertain"
    return "passed" if deadline.at <= at else "ahead"


def days(deadline: Deadline, today: date) -> int | None:
    """Return how many days it is to the date, less than none where it has passed; None where there is no date."""
    return None if deadline.date is None else (deadline.date - today).days


def distance(deadline: Deadline, at: datetime, today: date, lang: str) -> str:
    """Say in words how it is with a deadline."""
    how, left = state(deadline, at), days(deadline, today)
    if left is None:
        return word("stands still since {date}", lang, date=deadline.paused_on)
    if how in {"overdue", "passed"}:
        yesterday, before = LATE[how]
        return word(yesterday, lang) if left == -1 else word(before, lang, n=-left)
    near = {0: "today", 1: "tomorrow"}.get(left)
    said = word("in {n} days", lang, n=left) if near is None else word(near, lang)
    return said if how == "ahead" else f"{said} ({word('not certain', lang)})"


def rule_of(deadline: Deadline, lang: str = LANGUAGES[0]) -> str:
    """Name the rule that gave a date: a period, or where the date was taken from."""
    point = deadline.rule.get("until")
    return span(deadline.rule, lang) if point is None else word("as {point} says", lang, point=point)


def subject(key: str, process: Process | None, lang: str, round_: int = 1) -> Cell:
    """Name what is due; with its number where it is due again and again."""
    kind, _, id_ = key.partition(":")
    label = _label(kind, id_, process).text(lang) if process is not None else ""
    again = f" ({round_})" if round_ > 1 else ""
    said = word("term", lang) if kind == "term" else label or id_
    return Cell(f"{key}{again}", f"{said}{again}")


def _label(kind: str, id_: str, process: Process) -> Label:
    if kind == "stage":
        stage = process.stage(id_)
        return Label() if stage is None else stage.label
    if kind == "duty":
        several = (duty for stage in process.stages for duty in stage.duties if duty.id == id_)
        return next((duty.label for duty in several), Label())
    return next((part.label for _, part in process.requirements() if part.name == id_), Label())


def calendar_of(deadline: Deadline) -> str:
    """Name the calendar that a date was counted by, with its version; empty where none was needed."""
    return " ".join(deadline.calendar).strip()


def deadline_data(deadline: Deadline) -> dict[str, Any]:
    """Return a deadline as data, every key always there."""
    said = deadline.to_data()
    calendar = {"id": deadline.calendar[0], "version": deadline.calendar[1]}
    return {
        "key": deadline.key,
        "rule": said["rule"],
        "start": said["start"],
        "date": said.get("date"),
        "at": said.get("at"),
        "calendar": calendar if calendar["id"] else None,
        "certain": deadline.certain,
        "overdue": deadline.overdue,
        "paused_on": said.get("paused_on"),
        "away": deadline.away,
        "pauses": said.get("pauses", ()),
        "remind_at": said.get("remind_at", ()),
        "round": deadline.round,
    }


def nearest(agreement: Agreement, lang: str) -> Cell | None:
    """Return the date that comes first of an agreement, with a word on it where it has been missed."""
    found = next(iter(in_order(agreement)), None)
    if found is None or found.date is None:
        return None
    day = found.date.isoformat()
    return Cell(day, f"{day}\n{word('overdue', lang)}" if found.overdue else day)


def moved(event: Event) -> Iterator[tuple[str, str | None, str | None]]:
    """
    Yield what became of due dates by an event: what is due, the date it is due on now, and the one before.

    No date now means that the clock stands still; none before, that there was none. What is due no more is left out.
    """
    changes: Iterable[Mapping[str, Any]] = event.data.get("due", ())
    for change in changes:
        if "rule" in change:
            yield change["key"], change.get("date"), change.get("was")


def move_text(now_: str | None, was: str | None, lang: str = LANGUAGES[0]) -> str:
    """Write how a due date changed."""
    said = word("stands still", lang) if now_ is None else now_
    return said if was is None else f"{was} → {said}"
