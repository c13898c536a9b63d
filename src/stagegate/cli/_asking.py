"""The commands that ask: they write nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from stagegate import Actor, Agreement, Engine, Option
from stagegate.exceptions import StagegateError

from ._errors import REFUSED
from ._output import Cell, Out, Value
from ._settings import Settings, shared
from ._values import Instant
from ._views import (
    Names,
    agreement_data,
    anyone,
    event_data,
    option_data,
    reason_lines,
    rule,
    spell,
    summary,
)

FILTERS = ("stage", "process", "outcome", "owner", "on_hold", "party", "text", "changed_since")
COUNTABLE = ("stage", "process", "outcome", "owner", "on_hold")


def _onwards(engine: Engine, agreement: Agreement) -> Option | None:
    """Return the option to advance, asked for somebody whose turn it is; None where there is none."""
    options = engine.options(agreement, by=anyone(agreement))
    return next((option for option in options if option.move == "advance"), None)


@click.command()
@click.argument("agreement")
@shared()
@click.pass_obj
def show(settings: Settings, agreement: str) -> None:
    """Show where AGREEMENT stands, whose turn it is, what is on file, and what it lacks to go on."""
    out = Out(settings)
    with settings.open() as engine:
        found = engine.get(agreement)
        names = Names.of(engine, found, out.lang)
        onwards = _onwards(engine, found) if names.process is not None else None
        further = None if names.process is None else names.process.further(found.stage)
    unmet = () if onwards is None else onwards.unmet
    if out.json:
        data = agreement_data(found, names)
        data["further"] = None if further is None else [stage.id for stage in further]
        data["advance"] = None if onwards is None else option_data(onwards, out.lang)
        out.data(data)
        return
    out.pairs(_about(found, names))
    if further is not None and found.outcome is None:
        said = Cell(",".join(stage.id for stage in further), str(len(further)))
        out.pairs([("further stages", said)])
    if not out.terminal:
        for reason in unmet:
            out.pairs([("unmet", f"{reason.code}: {reason.text(out.lang)}")])
        return
    _on_file(out, found)
    if onwards is not None:
        out.text(f"{out.word('to advance')}:" if unmet else out.word("nothing stands in the way"))
        for line in reason_lines(unmet, names):
            out.text(line)


def _about(agreement: Agreement, names: Names) -> Iterator[tuple[str, Value]]:
    yield "agreement", agreement.id
    yield "title", agreement.title or None
    yield "process", str(agreement.process)
    yield "version", agreement.version
    yield "stage", names.stage(agreement.stage)
    yield "round", agreement.round if agreement.round > 1 else None
    yield "since", names.moment(agreement.entered_at)
    yield "owner", names.roles(agreement.owner) if agreement.owner else None
    yield "on hold", None if agreement.hold is None else agreement.hold.reason
    yield "outcome", names.outcome(agreement.outcome)
    if agreement.parties:
        ids = ",".join(party.id for party in agreement.parties)
        yield "parties", Cell(ids, ", ".join(party.name or party.id for party in agreement.parties))
    if not agreement.documents and not agreement.facts and not agreement.approvals:
        return
    yield "documents", ",".join(agreement.documents) or None
    yield "facts", ",".join(agreement.facts) or None
    yield "approvals", ",".join(f"{vote.role}:{vote.vote}" for vote in agreement.approvals) or None


def _on_file(out: Out, agreement: Agreement) -> None:
    if agreement.documents:
        rows = [(d.kind, d.title, d.dated and d.dated.isoformat(), d.digest[:12]) for d in agreement.documents.values()]
        out.table("", ("documents", "title", "when", "digest"), rows)
    if agreement.facts:
        out.table("", ("facts", "what", "basis"), [(f, spell(v.value), v.source) for f, v in agreement.facts.items()])
    if agreement.approvals:
        out.table("", ("approvals", "what", "who"), [(vote.role, vote.vote, vote.by) for vote in agreement.approvals])


@click.command()
@click.argument("agreement")
@click.option("--as", "actor", metavar="ID", help="Ask for this person; otherwise for anyone whose turn it is.")
@click.option("--role", "roles", metavar="ROLE", multiple=True, help="A role this person acts in; may be repeated.")
@shared()
@click.pass_obj
def options(settings: Settings, agreement: str, actor: str | None, roles: tuple[str, ...]) -> None:
    """Show every move there is for AGREEMENT, with all that stands in its way. Asking writes nothing."""
    out = Out(settings)
    with settings.open() as engine:
        found = engine.get(agreement)
        names = Names.of(engine, found, out.lang)
        someone = anyone(found)
        by = Actor(id=actor or someone.id, roles=set(roles) if actor or roles else someone.roles)
        several = engine.options(found, by=by)
    if out.json:
        data = {"agreement": found.id, "version": found.version, "stage": found.stage}
        out.data({**data, "options": [option_data(option, out.lang) for option in several]})
        return
    headings = ("move", "target", "open", "who may", "what", "can be mended by", "rule")
    out.table(found.title or found.id, headings, _option_rows(out, names, several))


def _option_rows(out: Out, names: Names, several: tuple[Option, ...]) -> Iterator[tuple[Value, ...]]:
    for option in several:
        state = "open" if option.open else "shut" if option.permitted else "not permitted"
        target = option.target or ""
        where = names.stage(target) if option.move != "end" else names.outcome(target)
        start = (option.move, where, Cell(state.replace(" ", "_"), out.word(state)), names.roles(option.roles))
        if not option.unmet:
            yield (*start, None, None, None)
        for number, reason in enumerate(option.unmet):
            first = start if not (number and out.terminal) else (None, None, None, None)
            said = (reason.text(out.lang), names.roles(reason.fix_by), rule(reason, out.lang))
            yield (*first, *said)


@click.command()
@click.option("--stage", metavar="ID", help="Only those that stand at this stage.")
@click.option("--of", "process", metavar="ID", help="Only those under this process.")
@click.option("--outcome", metavar="ID", help="Only those that ended so.")
@click.option("--owner", metavar="ROLE", help="Only those whose turn it is for this role.")
@click.option("--on-hold/--not-on-hold", default=None, help="Only those on hold, or only the others.")
@click.option("--party", metavar="ID", help="Only those with this party.")
@click.option("--text", metavar="TEXT", help="Only those whose id, title or parties hold this text.")
@click.option("--changed-since", metavar="INSTANT", type=Instant(), help="Only those changed at or after this moment.")
@click.option(
    "--state",
    type=click.Choice(["running", "ended", "all"]),
    default=None,
    help="Those that run, have ended, or both; otherwise those that run (with --outcome: those that ended).",
)
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many to show.")
@click.option("--after", metavar="ID", help="Go on behind this one.")
@click.option("--counts", is_flag=True, help="Only say how many stand at each stage.")
@shared()
@click.pass_obj
def board(settings: Settings, *, state: str | None, limit: int, after: str | None, counts: bool, **filters: Any) -> None:
    """Show what stands where, whose turn it is, and since when."""
    out = Out(settings)
    state = state or ("all" if filters["outcome"] else "running")
    asked = {**filters, "running": {"running": True, "ended": False, "all": None}[state]}
    countable = {key: asked[key] for key in (*COUNTABLE, "running")}
    if uncounted := [key for key in FILTERS if key not in COUNTABLE and asked[key] is not None]:
        if counts:
            names = ", ".join(f"--{key.replace('_', '-')}" for key in uncounted)
            raise click.UsageError(f"--counts looks at no single agreement, so it goes without {names}")
    with settings.open() as engine:
        page = None if counts else engine.find(**asked, after=after, limit=limit)
        numbers = None if uncounted else engine.count(by="stage", **countable)
        items = () if page is None else page.items
        named = [(item, Names.of(engine, item, out.lang)) for item in items]
        labels = _stage_labels(engine, out.lang) if counts or out.terminal else {}
    if out.json:
        rows = None if page is None else [agreement_data(item, names) for item, names in named]
        out.data({"agreements": rows, "next": page and page.next, "counts": numbers})
        return
    if page is not None:
        headings = ("agreement", "title", "stage", "owner", "since", "on hold", "outcome")
        out.table("", headings, (_board_row(item, names) for item, names in named))
        if page.next is not None:
            out.warn(f"there are more; go on with --after {page.next}")
    if numbers is not None and (counts or out.terminal):
        rows = [(Cell(stage, labels.get(stage, stage)), number) for stage, number in numbers.items()]
        out.table("", ("stage", "how many"), rows)


def _board_row(item: Agreement, names: Names) -> tuple[Value, ...]:
    return (
        item.id,
        item.title,
        names.stage(item.stage),
        names.roles(item.owner),
        names.moment(item.entered_at),
        None if item.hold is None else item.hold.reason,
        names.outcome(item.outcome),
    )


def _stage_labels(engine: Engine, lang: str) -> dict[str, str]:
    return {
        stage.id: stage.label.text(lang) or stage.id
        for process in reversed(engine.processes)
        for stage in process.stages
    }


@click.command()
@click.argument("agreement")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only events with a higher number.")
@shared()
@click.pass_obj
def history(settings: Settings, agreement: str, after: int) -> None:
    """Show what happened to AGREEMENT, refused attempts too."""
    out = Out(settings)
    with settings.open() as engine:
        events = engine.history(agreement, after=after)
        try:
            names = Names.of(engine, engine.get(agreement), out.lang)
        except StagegateError:
            names = Names(None, out.lang)  # the events are there, whatever has become of the rest
    if out.json:
        out.data({"agreement": agreement, "events": [event_data(event) for event in events]})
        return
    rows = (
        (
            event.n,
            names.moment(event.at),
            event.actor,
            names.roles(event.data["actor"].get("roles", ())),
            event.kind,
            event.move,
            event.data.get("from"),
            event.data.get("to"),
            summary(event),
        )
        for event in events
    )
    if out.terminal:
        rows = ((n, at, f"{who}\n{roles.shown}", _step(kind, move, to, names), said) for n, at, who, roles, kind, move, _, to, said in rows)
        out.table("", ("n", "when", "who", "action", "what"), rows)
    else:
        out.table("", (), rows)


@click.command()
@click.argument("agreement", required=False)
@shared()
@click.pass_obj
def verify(settings: Settings, agreement: str | None) -> int:
    """Prove that the history of AGREEMENT, or of all, is whole; leave with 1 if it is not."""
    out = Out(settings)
    with settings.open() as engine:
        report = engine.verify(agreement)
    if out.json:
        faults = [{"agreement": fault.agreement, "n": fault.n, "what": fault.what} for fault in report.faults]
        said = {"ok": report.ok, "level": report.level, "checked": report.checked, "events": report.events}
        out.data({**said, "faults": faults})
    else:
        for fault in report.faults:
            out.pairs([("fault", str(fault))])
        pairs = (("ok", "yes" if report.ok else "no"), ("level", report.level))
        out.pairs([*pairs, ("agreements", report.checked), ("events", report.events), ("faults", len(report.faults))])
    return 0 if report.ok else REFUSED
