"""The commands about time: what is due, what its passing brings, how early the goal can be reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from stagegate import Agreement, Deadline, Event, Forecast, NotFound, Passage, RefusedError, Swept

from ._dates import days, deadline_data, in_order, iso, move_text, moved, now, state
from ._errors import REFUSED, refused
from ._output import Cell, Out, Value
from ._settings import Acting, Settings, acting, asking, shared
from ._values import Assumption, Instant, table
from ._views import (
    DUE,
    Names,
    agreement_data,
    brief,
    deadline_row,
    event_data,
    reason_data,
    reason_lines,
    somebody,
)

EFFECTS = ("reminded", "overdue", "decided", "ended", "settled")


@click.command()
@click.argument("agreement")
@click.argument("key", required=False)
@click.option("--explain", is_flag=True, help="Tell how each date came about, with every day that did not count.")
@shared()
@click.pass_obj
def deadlines(settings: Settings, agreement: str, key: str | None, *, explain: bool) -> None:
    """Show what is due for AGREEMENT, and when; of one KEY, such as stage:council, how that date came about."""
    out = Out(settings)
    with settings.open() as engine:
        found = engine.get(agreement)
        names = Names.of(engine, found, out.lang)
        several = in_order(found)
        if key is not None:
            several = [one for one in several if one.key == key]
            if not several:
                raise NotFound(_not_due(found, key))
        told = explain or key is not None
        reckoned = {one.key: engine.explain(found, one.key, lang=out.lang) for one in several} if told else {}
    at = now()
    if out.json:
        data = [_data(one, names, at, reckoned.get(one.key)) for one in several]
        out.data({"agreement": found.id, "version": found.version, "deadlines": data})
    elif told:
        for number, one in enumerate(several):
            if number and out.terminal:
                out.text("")
            out.pairs(pair for pair in _pairs(one, names, at) if pair[0] != "days" or not out.terminal)
            if out.terminal:
                out.lines(f"  {line}" for line in reckoned[one.key])
            else:
                out.table("", (), [("explain", line) for line in reckoned[one.key]])
    elif out.terminal and not several:
        out.text(out.word("nothing is due"))
    else:
        rows = [deadline_row(one, names, at) for one in several]
        out.table("", DUE, [brief(row) for row in rows] if out.terminal else rows)


def _not_due(agreement: Agreement, key: str) -> str:
    there = ", ".join(agreement.deadlines) or "nothing"
    return f"{agreement.id}: nothing is due under {key!r}; due is {there}"


def _pairs(one: Deadline, names: Names, at: datetime) -> Iterator[tuple[str, Value]]:
    what, date, how, left, rule, calendar, start, still = deadline_row(one, names, at)
    yield "what", what
    yield "due", date
    yield "state", how
    yield "days", left
    yield "rule", rule
    yield "calendar", calendar or None
    yield "counts from", start
    yield "stands still since", still


def _data(one: Deadline, names: Names, at: datetime, reckoned: Sequence[str] | None) -> dict[str, Any]:
    return {
        **deadline_data(one),
        "label": names.due(one.key, one.round).shown,
        "state": state(one, at),
        "days": days(one, names.day(at)),
        "explain": reckoned,
    }


@click.command()
@click.option("--at", metavar="INSTANT", type=Instant(), help="The time to compare with; now if not said.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="How many to look at at most."
)
@shared()
@click.pass_obj
def sweep(settings: Settings, at: datetime | None, limit: int) -> int:
    """Let what is due take its course, once; run it from a timer. Leaves with 1 if something had to be left."""
    out = Out(settings)
    with settings.open() as engine:
        done = engine.sweep(at, limit=limit)
    if out.json:
        out.data(_swept_data(done))
    else:
        out.pairs([(effect, getattr(done, effect)) for effect in EFFECTS])
    for agreement in done.uncertain:
        out.warn(f"{agreement}: {out.word('a date has passed that lies beyond what its calendar covers')}")
    for agreement, why in done.failed:
        out.warn(f"{agreement}: {why}")
    return REFUSED if done.uncertain or done.failed else 0


def _swept_data(done: Swept) -> dict[str, Any]:
    failed = [{"agreement": agreement, "message": why} for agreement, why in done.failed]
    return {**{effect: getattr(done, effect) for effect in EFFECTS}, "uncertain": done.uncertain, "failed": failed}


@click.command()
@click.argument("agreement")
@click.pass_obj
@acting()
@shared()
def recompute(settings: Settings, act: Acting, *, agreement: str) -> None:
    """Reckon the dates of AGREEMENT again by the calendars of today; it tells the old ones and the new ones."""
    out = Out(settings)
    with settings.open() as engine:
        before = engine.get(agreement).n
        try:
            changed = engine.recompute(act.seen(engine, agreement), **act.common)
        except RefusedError as error:
            refused(out, engine, error)
        names = Names.of(engine, changed, out.lang)
        event: Event | None = engine.history(changed, after=changed.n - 1)[0]
    if not _written(event, before, act):
        event = None
    if out.json:
        out.data({"agreement": agreement_data(changed, names), "event": event and event_data(event)})
        return
    out.pairs([("agreement", changed.id), ("version", changed.version)])
    dates = list(moved(event)) if event is not None else []
    rows = [("due", names.due(key), was, _day(out, date)) for key, date, was in dates]
    out.table("", ("what", "before", "due"), [row[1:] for row in rows] if out.terminal and rows else rows)
    if event is None:
        out.warn(out.word("no date rests on a calendar that has changed; nothing was written"))


def _written(event: Event | None, before: int, act: Acting) -> bool:
    """Whether this command wrote that event, now or when it was first given."""
    if event is None or event.move != "recompute":
        return False
    request = event.data.get("request", {}).get("id")
    return event.n > before or (act.request_id is not None and request == act.request_id)


def _day(out: Out, date: str | None) -> Cell:
    return Cell(date or "", move_text(date, None, out.lang))


@click.command()
@click.argument("agreement")
@click.option(
    "--assume",
    "assumed",
    metavar="STAGE=PERIOD",
    type=Assumption(),
    multiple=True,
    help="How long a stage takes, like draft_agreement=30 workdays; may be repeated. Otherwise it takes no time.",
)
@click.option(
    "--silent",
    metavar="STAGE_OR_ROLE",
    multiple=True,
    help="Who is assumed to say nothing, so that it takes all the time there is; may be repeated.",
)
@asking
@shared()
@click.pass_obj
def forecast(
    settings: Settings,
    agreement: str,
    assumed: tuple[tuple[str, str], ...],
    silent: tuple[str, ...],
    actor: str | None,
    roles: tuple[str, ...],
) -> None:
    """Show the earliest day on which AGREEMENT can enter and leave each stage ahead, and which rule makes it so."""
    out = Out(settings)
    with settings.open() as engine:
        found = engine.get(agreement)
        names = Names.of(engine, found, out.lang)
        durations = table(assumed, "--assume")
        seen = engine.forecast(found, durations, silent=silent, by=somebody(found, actor, roles))
    if out.json:
        out.data(forecast_data(seen, names))
        return
    headings = ("stage", "entered", "gate passed", "because of")
    out.table("", headings, [forecast_row(passage, names) for passage in seen.passages])
    if out.terminal and (still := seen.passages[0].open):
        out.text(f"{out.word('to advance')}:")
        out.lines(reason_lines(still, names))


def forecast_row(passage: Passage, names: Names) -> tuple[Value, ...]:
    """Return a line of a forecast: the stage, the days, and why; in a pipe also the rule and where it stands."""
    why = Cell(passage.because.removeprefix("forecast."), passage.text(names.lang))
    entered = passage.entered.isoformat()
    return (names.stage(passage.stage), entered, iso(passage.date), why, passage.rule, passage.basis)


def forecast_data(seen: Forecast, names: Names) -> dict[str, Any]:
    """Return a forecast as data."""
    passages = [
        {
            "stage": passage.stage,
            "label": names.stage(passage.stage).shown,
            "entered": passage.entered.isoformat(),
            "date": iso(passage.date),
            "because": passage.because,
            "text": passage.text(names.lang),
            "rule": passage.rule,
            "basis": passage.basis,
            "open": [reason_data(reason, names.lang) for reason in passage.open],
        }
        for passage in seen.passages
    ]
    return {
        "agreement": seen.agreement,
        "on": seen.on.isoformat(),
        "reached": iso(seen.reached),
        "passages": passages,
    }
