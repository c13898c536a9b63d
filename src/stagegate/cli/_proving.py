"""The commands that tell what happened: the history, its proof, its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import click

from stagegate import Engine, Event, HistoryTampered, Pin, StagegateError
from stagegate.diagrams import dot, mermaid

from ._errors import REFUSED
from ._output import Cell, Out, Value
from ._settings import Settings, find_process, shared
from ._views import LAW, Names, event_data, summary


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
        names = _names(engine, events, out.lang)
    if out.json:
        out.data({"agreement": agreement, "events": [event_data(event) for event in events]})
        return
    row = _shown if out.terminal else _plain
    out.table("", ("n", "when", "who", "action", "what"), _rows(events, names, row))


def _names(engine: Engine, events: Sequence[Event], lang: str) -> list[Names]:
    """Take for every event the names of the process it ran under."""
    known: dict[Pin | None, Names] = {None: Names(None, lang)}
    names = []
    for event in events:
        try:
            pin = Pin(**event.data["process"])
            known[pin] = known.get(pin) or Names.of(engine, pin, lang)
        except (StagegateError, KeyError, TypeError):
            pin = None  # the event is there, whatever has become of the rest
        names.append(known[pin])
    return names


def _rows(
    events: Sequence[Event], names: Sequence[Names], row: Callable[[Event, Names], Sequence[Value]]
) -> Iterator[Sequence[Value]]:
    for event, named in zip(events, names, strict=True):
        try:
            told = row(event, named)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"an event of this history cannot be read ({type(error).__name__}: {error}); run verify"
            raise HistoryTampered(message) from None
        yield told


def _plain(event: Event, names: Names) -> Sequence[Value]:
    data = event.data
    roles = ",".join(data["actor"].get("roles", ()))
    way = (data.get("from"), data.get("to"))
    return (event.n, names.moment(event.at), event.actor, roles, event.kind, event.move, *way, summary(event))


def _shown(event: Event, names: Names) -> Sequence[Value]:
    data = event.data
    roles = names.roles(data["actor"].get("roles", ())).shown
    who = names.role(LAW) if event.actor == LAW else event.actor
    # What the passing of time brings is named by what it is: `sweep` only wrote it down.
    step = event.kind if event.move == "sweep" else event.move
    step = step if event.kind != "refused" else f"✗ {step}"
    if "to" in data:
        step += f"\n→ {names.stage(data['to']).shown}"
    return (event.n, names.moment(event.at), Cell("", f"{who}\n{roles}"), Cell("", step), summary(event, names.lang))


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
        pairs = (("ok", "yes" if report.ok else "no"), ("level", report.level), ("agreements", report.checked))
        out.pairs([*pairs, ("events", report.events), ("faults", len(report.faults))])
        if report.faults:
            rows = [("fault", fault.agreement, fault.n, fault.what) for fault in report.faults]
            out.table("", ("agreement", "n", "what"), [row[1:] for row in rows] if out.terminal else rows)
    return 0 if report.ok else REFUSED


@click.command()
@click.argument("agreement", required=False)
@click.option("--of", "process", metavar="ID", help="Draw this process, without an agreement.")
@click.option("--version", metavar="VERSION", help="Which version of it; the latest if not said.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "dot"]),
    default="mermaid",
    show_default=True,
    help="What to write.",
)
@shared()
@click.pass_obj
def diagram(settings: Settings, agreement: str | None, process: str | None, version: str | None, form: str) -> None:
    """Draw the process of AGREEMENT with the place where it stands, or a process (--of)."""
    if (agreement is None) == (process is None):
        raise click.UsageError("name an AGREEMENT, or a process with --of")
    out = Out(settings)
    draw = {"mermaid": mermaid, "dot": dot}[form]
    if agreement is None:
        with settings.open(forget=True) as engine:
            drawn = draw(find_process(engine.processes, str(process), version), lang=out.lang)
    else:
        with settings.open() as engine:
            found = engine.get(agreement)
            drawn = draw(engine.process(found), found, history=engine.history(found), lang=out.lang)
    if out.json:
        out.data({"format": form, "diagram": drawn})
    else:
        out.text(drawn)
