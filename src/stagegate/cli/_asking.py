"""The commands that ask: they write nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click

from stagegate import Agreement, Approval, Engine, Option

from ._dates import in_order, nearest, now
from ._output import Cell, Out, Value
from ._settings import Settings, asking, shared
from ._values import Instant
from ._views import (
    DUE,
    LAW,
    Names,
    agreement_data,
    anyone,
    brief,
    deadline_row,
    option_data,
    reason_lines,
    rule,
    somebody,
    told,
)
from ._words import word

WIDE = 120
"""From how many cells on a table of options can be read."""

COUNTABLE = ("stage", "process", "outcome", "owner", "on_hold")
FILTERS = (*COUNTABLE, "party", "part_of", "text", "changed_since", "overdue", "due_before")


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
        whole = _with_names(engine, [] if found.part_of is None else [engine.get(found.part_of)], out.lang)
        parts = _with_names(engine, engine.parts(found), out.lang)
    unmet = () if onwards is None else onwards.unmet
    if out.json:
        data = agreement_data(found, names)
        data["further"] = None if further is None else [stage.id for stage in further]
        data["advance"] = None if onwards is None else option_data(onwards, out.lang)
        data["whole"] = _part_data(*whole[0]) if whole else None
        data["parts"] = [_part_data(part, named) for part, named in parts]
        out.data(data)
        return
    pairs = list(_about(found, names, _called(*whole[0]) if whole else None))
    if further is not None and found.outcome is None:
        pairs.append(("further stages", Cell(",".join(stage.id for stage in further), str(len(further)))))
    out.pairs(pairs)
    _due(out, found, names)
    if parts:
        rows = [_part_row(part, named) for part, named in parts]
        out.table("", ("part", "stage", "outcome", "owner", "due"), [row[1:] for row in rows] if out.terminal else rows)
    _on_file(out, found, names)
    if not out.terminal:
        reasons = [("unmet", r.code, r.text(out.lang), ",".join(r.fix_by), rule(r, out.lang)) for r in unmet]
        out.table("", (), reasons)
    elif onwards is not None:
        out.text(f"{out.word('to advance')}:" if unmet else out.word("nothing stands in the way"))
        out.lines(reason_lines(unmet, names))


def _with_names(engine: Engine, several: Iterable[Agreement], lang: str) -> list[tuple[Agreement, Names]]:
    return [(one, Names.of(engine, one, lang)) for one in several]


def _called(other: Agreement, names: Names) -> Cell:
    """Name another agreement, and where it stands."""
    stands = names.stage(other.stage) if other.running else names.outcome(other.outcome)
    return Cell(other.id, f"{other.title or other.id} ({stands.shown if stands else ''})")


def _part_row(part: Agreement, names: Names) -> tuple[Value, ...]:
    due = nearest(part, names.lang)
    return ("part", part.id, names.stage(part.stage), names.outcome(part.outcome), names.roles(part.owner), due)


def _part_data(part: Agreement, names: Names) -> dict[str, Any]:
    due = nearest(part, names.lang)
    return {
        "id": part.id,
        "title": part.title,
        "stage": part.stage,
        "stage_label": names.stage(part.stage).shown,
        "outcome": part.outcome,
        "owner": part.owner,
        "due": due and due.plain,
        "overdue": part.overdue,
    }


def _about(agreement: Agreement, names: Names, whole: Cell | None) -> Iterator[tuple[str, Value]]:
    yield "agreement", agreement.id
    yield "title", agreement.title or None
    yield "process", str(agreement.process)
    yield "version", agreement.version
    yield "stage", names.stage(agreement.stage)
    yield "round", agreement.round if agreement.round > 1 else None
    yield "since", names.moment(agreement.entered_at)
    yield "owner", names.roles(agreement.owner) if agreement.owner else None
    yield "part of", whole
    yield "on hold", None if agreement.hold is None else agreement.hold.reason
    yield "outcome", names.outcome(agreement.outcome)
    stage = names.process and names.process.stage(agreement.stage)
    if stage and stage.term and stage.term.open and agreement.running:
        yield "term", Cell("open", word("open-ended", names.lang))
    for role, adjourned in agreement.adjourned.items():
        known = (str(adjourned.number), adjourned.until and adjourned.until.isoformat(), adjourned.reason)
        said = " ".join(part for part in known if part)
        yield "adjourned", Cell(f"{role} {said}", f"{names.role(role)}: {said}")
    if agreement.parties:
        ids = ",".join(party.id for party in agreement.parties)
        yield "parties", Cell(ids, ", ".join(party.name or party.id for party in agreement.parties))


def _due(out: Out, agreement: Agreement, names: Names) -> None:
    at = now()
    rows = [deadline_row(one, names, at) for one in in_order(agreement)]
    if rows:
        out.table("", DUE, [brief(row) for row in rows] if out.terminal else [("deadline", *row) for row in rows])


def _on_file(out: Out, agreement: Agreement, names: Names) -> None:
    documents = [
        ("document", d.kind, d.digest if not out.terminal else d.digest[:12], d.dated and d.dated.isoformat(), d.title)
        for d in agreement.documents.values()
    ]
    facts = [("fact", fact, told(found.value), found.source) for fact, found in agreement.facts.items()]
    votes = [
        ("approval", names.roles([vote.role]), Cell(vote.vote, out.word(vote.vote)), _voter(vote, names), str(vote.n))
        for vote in agreement.approvals
    ]
    for headings, rows in (
        (("documents", "digest", "when", "title"), documents),
        (("facts", "what", "basis"), facts),
        (("approvals", "what", "who", "event"), votes),
    ):
        if rows:
            # In a pipe the first column says what a line is about; on a terminal the heading does.
            out.table("", headings, [row[1:] for row in rows] if out.terminal else rows)


def _voter(vote: Approval, names: Names) -> Cell:
    who = names.role(LAW) if vote.by == LAW else vote.by
    return Cell(vote.by, who if vote.principal == vote.by else f"{who} ({vote.principal})")


@click.command()
@click.argument("agreement")
@asking
@shared()
@click.pass_obj
def options(settings: Settings, agreement: str, actor: str | None, roles: tuple[str, ...]) -> None:
    """Show every move there is for AGREEMENT, with all that stands in its way. Asking writes nothing."""
    out = Out(settings)
    with settings.open() as engine:
        found = engine.get(agreement)
        names = Names.of(engine, found, out.lang)
        several = engine.options(found, by=somebody(found, actor, roles))
    if out.json:
        data = {"agreement": found.id, "version": found.version, "stage": found.stage}
        out.data({**data, "options": [option_data(option, out.lang) for option in several]})
        return
    if out.terminal and out.width < WIDE:
        out.lines(_option_lines(out, names, several))
        return
    headings = ("move", "target", "open", "who may", "what", "can be mended by", "rule")
    out.table(found.title or found.id, headings, _option_rows(out, names, several))


def _option_lines(out: Out, names: Names, several: tuple[Option, ...]) -> Iterator[str]:
    """Tell the options one below the other, where a table of them would be too narrow to read."""
    for option in several:
        _, where, state, roles = _option_start(out, names, option)
        target = f" → {where.shown}" if where is not None and where.shown else ""
        yield f"{option.move}{target}: {state.shown} ({roles.shown})"
        yield from reason_lines(option.unmet, names)


def _option_start(out: Out, names: Names, option: Option) -> tuple[str, Cell | None, Cell, Cell]:
    state = "open" if option.open else "shut" if option.permitted else "not permitted"
    target = option.target or ""
    if option.move == "end":
        where = names.outcome(target)
    else:
        where = Cell(target, target) if option.move == "amend" else names.stage(target)
    return option.move, where, Cell(state.replace(" ", "_"), out.word(state)), names.roles(option.roles)


def _option_rows(out: Out, names: Names, several: tuple[Option, ...]) -> Iterator[tuple[Value, ...]]:
    for option in several:
        start: tuple[Value, ...] = _option_start(out, names, option)
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
@click.option("--part-of", metavar="ID", help="Only the parts of this agreement.")
@click.option("--text", metavar="TEXT", help="Only those whose id, title or parties hold this text.")
@click.option("--changed-since", metavar="INSTANT", type=Instant(), help="Only those changed at or after this moment.")
@click.option("--overdue/--not-overdue", default=None, help="Only those of which something is overdue, or nothing.")
@click.option(
    "--due-before",
    metavar="INSTANT",
    type=Instant(),
    help="Only those with something due at or before this moment.",
)
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
def board(
    settings: Settings, /, *, state: str | None, limit: int, after: str | None, counts: bool, **filters: Any
) -> None:
    """Show what stands where, whose turn it is, since when, and what is due next."""
    out = Out(settings)
    state = state or ("all" if filters["outcome"] else "running")
    asked = {**filters, "running": {"running": True, "ended": False, "all": None}[state]}
    countable = {key: asked[key] for key in (*COUNTABLE, "running")}
    uncounted = [f"--{key.replace('_', '-')}" for key in FILTERS if key not in COUNTABLE and asked[key] is not None]
    if counts and uncounted:
        raise click.UsageError(f"--counts looks at no single agreement, so it goes without {', '.join(uncounted)}")
    with settings.open() as engine:
        page = None if counts else engine.find(**asked, after=after, limit=limit)
        numbers = None if uncounted else engine.count(by="stage", **countable)
        items = () if page is None else page.items
        named = [(item, Names.of(engine, item, out.lang)) for item in items]
        labels = _stage_labels(engine, out.lang) if counts or out.terminal else {}
    if out.json:
        found = None if page is None else [agreement_data(item, names) for item, names in named]
        out.data({"agreements": found, "next": page and page.next, "counts": numbers})
        return
    if page is not None:
        headings = ("agreement", "title", "stage", "owner", "since", "on hold", "outcome", "due")
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
        nearest(item, names.lang),
    )


def _stage_labels(engine: Engine, lang: str) -> dict[str, str]:
    return {
        stage.id: stage.label.text(lang) or stage.id
        for process in reversed(engine.processes)
        for stage in process.stages
    }
