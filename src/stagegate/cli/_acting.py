"""The commands that change something: every one names who acts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import click

from stagegate import Agreement, Engine, Event, Party, RefusedError, Unmet

from ._dates import move_text, moved
from ._errors import refused
from ._output import Cell, Out
from ._papers import Paper, paper
from ._settings import Acting, Settings, acting, shared
from ._values import Count, Day, PartyType, table, value_of
from ._views import Names, agreement_data, event_data, reason_lines

Call = Callable[[Engine], Agreement]
RESULT = "How a body voted: members, present, in_favour, against, abstaining; may be repeated."
CAPACITIES = ("own", "delegated", "mandated")


def change(settings: Settings, call: Call, *, create: bool = False) -> None:
    """Make a change and tell what came of it; or why it was refused."""
    out = Out(settings)
    with settings.open(create=create) as engine:
        try:
            changed = call(engine)
        except RefusedError as error:
            refused(out, engine, error)
        names = Names.of(engine, changed, out.lang)
        event = engine.history(changed, after=changed.n - 1)[0]
    if out.json:
        out.data({"agreement": agreement_data(changed, names), "event": event_data(event)})
        return
    out.pairs(
        [
            ("agreement", changed.id),
            ("version", changed.version),
            ("stage", names.stage(changed.stage)),
            ("owner", names.roles(changed.owner) if changed.owner else None),
            ("on hold", None if changed.hold is None else changed.hold.reason),
            ("outcome", names.outcome(changed.outcome)),
        ]
    )
    _consequences(out, event, names)


def _consequences(out: Out, event: Event, names: Names) -> None:
    """Tell what else the change did: votes it voided, stages it passed over, dates it set; and what warns of it."""
    for vote in event.data.get("voided", ()):
        plain = f"{vote['role']}: {vote['by']} (event {vote['n']})"
        shown = f"{names.role(vote['role'])}: {vote['by']} ({out.word('event')} {vote['n']})"
        out.pairs([("voided", Cell(plain, shown))])
    for stage in event.data.get("data", {}).get("skipped", ()):
        out.pairs([("skipped", names.stage(stage["stage"]))])
    for key, now, was in moved(event):
        plain, shown = f"{key} {move_text(now, was)}", f"{names.due(key).shown}: {move_text(now, was, out.lang)}"
        out.pairs([("due", Cell(plain, shown))])
    for reason in map(Unmet.from_data, event.data.get("warnings", ())):
        out.warn(f"{out.word('warning')}:")
        for line in reason_lines([reason], names):
            out.warn(line)


@click.command()
@click.argument("process")
@click.argument("agreement")
@click.option("--title", default="", help="What it is called.")
@click.option(
    "--party",
    "parties",
    metavar="PARTY",
    type=PartyType(),
    multiple=True,
    help="Whom it is between, like id=bekasi,name=Kota Bekasi,country=ID; may be repeated.",
)
@click.option("--version", metavar="VERSION", help="Which version of the process; the latest if not said.")
@click.option("--part-of", metavar="ID", help="The agreement that it is to be part of.")
@click.pass_obj
@acting(starts=True)
@shared()
def start(
    settings: Settings,
    act: Acting,
    *,
    process: str,
    agreement: str,
    title: str,
    parties: tuple[Party, ...],
    version: str | None,
    part_of: str | None,
) -> None:
    """Start an AGREEMENT at the first stage of a PROCESS."""
    about: dict[str, Any] = {"title": title, "parties": parties, "version": version, "part_of": part_of}

    def call(engine: Engine) -> Agreement:
        return engine.start(process, agreement, **about, **act.common)

    change(settings, call, create=True)


@click.command()
@click.argument("agreement")
@paper
@click.pass_obj
@acting()
@shared()
def attach(settings: Settings, act: Acting, *, agreement: str, paper: Paper) -> None:
    """File FILE as a document of AGREEMENT: its digest and what is said about it, not its content."""

    def call(engine: Engine) -> Agreement:
        seen, document = paper.filed(engine, agreement, act)
        return engine.attach(seen, document, **act.common)

    change(settings, call)


# A negative number is a value, not an option.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("agreement")
@click.argument("fact")
@click.argument("value")
@click.option("--source", default="", help="Where it is from.")
@click.pass_obj
@acting()
@shared()
def record(settings: Settings, act: Acting, *, agreement: str, fact: str, value: str, source: str) -> None:
    """Record a FACT of AGREEMENT; VALUE is JSON if it can be read as such, and text otherwise."""
    known = value_of(value)

    def call(engine: Engine) -> Agreement:
        return engine.record(act.seen(engine, agreement), fact, known, source=source, **act.common)

    change(settings, call)


def _voice(act: Acting, voice: str | None) -> str | None:
    """Return the role that votes: the one named, or the only one this person acts in, if not on behalf of another."""
    alone = len(act.actor.roles) == 1 and act.actor.on_behalf_of is None
    return voice or (act.actor.roles[0] if alone else None)


_vote_as = click.option(
    "--vote-as", "voice", metavar="ROLE", help="The role that votes, where --role names several that could."
)
_capacity = click.option(
    "--capacity",
    type=click.Choice(CAPACITIES),
    default="own",
    help="In which capacity, with --on-behalf-of: delegated (responsibility moves) or mandated (it stays).",
)


@click.command()
@click.argument("agreement")
@_vote_as
@click.option("--reason", default="", help="Why.")
@click.option("--result", "results", type=Count(), multiple=True, help=RESULT)
@_capacity
@click.pass_obj
@acting()
@shared()
def approve(
    settings: Settings,
    act: Acting,
    *,
    agreement: str,
    voice: str | None,
    reason: str,
    results: tuple[tuple[str, int], ...],
    capacity: str,
) -> None:
    """Vote for AGREEMENT, bound to the documents as they are now."""
    result = table(results, "--result")

    def call(engine: Engine) -> Agreement:
        about: dict[str, Any] = {"role": _voice(act, voice), "reason": reason, "result": result, "capacity": capacity}
        return engine.approve(act.seen(engine, agreement), **about, **act.common)

    change(settings, call)


@click.command()
@click.argument("agreement")
@click.argument("reason")
@_vote_as
@click.option("--result", "results", type=Count(), multiple=True, help=RESULT)
@_capacity
@click.pass_obj
@acting()
@shared()
def refuse(
    settings: Settings,
    act: Acting,
    *,
    agreement: str,
    reason: str,
    voice: str | None,
    results: tuple[tuple[str, int], ...],
    capacity: str,
) -> None:
    """Vote against AGREEMENT, for a REASON."""
    result = table(results, "--result")

    def call(engine: Engine) -> Agreement:
        about: dict[str, Any] = {"role": _voice(act, voice), "result": result, "capacity": capacity}
        return engine.refuse(act.seen(engine, agreement), reason, **about, **act.common)

    change(settings, call)


@click.command()
@click.argument("agreement")
@_vote_as
@click.option("--reason", default="", help="Why.")
@_capacity
@click.pass_obj
@acting()
@shared()
def abstain(settings: Settings, act: Acting, *, agreement: str, voice: str | None, reason: str, capacity: str) -> None:
    """Vote neither for nor against AGREEMENT: present, where a body is counted."""

    def call(engine: Engine) -> Agreement:
        about: dict[str, Any] = {"role": _voice(act, voice), "reason": reason, "capacity": capacity}
        return engine.abstain(act.seen(engine, agreement), **about, **act.common)

    change(settings, call)


@click.command()
@click.argument("agreement")
@click.argument("reason")
@_vote_as
@click.pass_obj
@acting()
@shared()
def recuse(settings: Settings, act: Acting, *, agreement: str, reason: str, voice: str | None) -> None:
    """Take no part in the vote on AGREEMENT, for a conflict of interest: the REASON."""

    def call(engine: Engine) -> Agreement:
        return engine.recuse(act.seen(engine, agreement), reason, role=_voice(act, voice), **act.common)

    change(settings, call)


@click.command()
@click.argument("agreement")
@click.argument("reason")
@click.option("--until", metavar="DATE", type=Day(), help="The day on which it is taken up again; nobody votes before.")
@_vote_as
@click.pass_obj
@acting()
@shared()
def adjourn(
    settings: Settings, act: Acting, *, agreement: str, reason: str, until: date | None, voice: str | None
) -> None:
    """Put off the vote of a body on AGREEMENT, for a REASON; it says which votes this voids."""

    def call(engine: Engine) -> Agreement:
        seen = act.seen(engine, agreement)
        return engine.adjourn(seen, reason, until=until, role=_voice(act, voice), **act.common)

    change(settings, call)


@click.command()
@click.argument("agreement")
@click.argument("text")
@click.pass_obj
@acting()
@shared()
def note(settings: Settings, act: Acting, *, agreement: str, text: str) -> None:
    """Write TEXT into the history of AGREEMENT; it changes nothing else."""
    change(settings, lambda engine: engine.note(act.seen(engine, agreement), text, **act.common))
