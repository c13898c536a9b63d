"""The commands about definitions: which processes there are, what they ask for, what is wrong with a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from stagegate import DefinitionError, Engine, Process, Requirement, Stage

from ._clauses import as_written, asked, calendars, lasting, owed, renewing, time_limit
from ._errors import WRONG
from ._output import Cell, Out, Value
from ._settings import Settings, find_process, shared
from ._views import Names, spell
from ._words import word


@click.command()
@click.argument("process", required=False)
@click.option("--version", metavar="VERSION", help="Which version of it; the latest if not said.")
@shared()
@click.pass_obj
def processes(settings: Settings, process: str | None, version: str | None) -> None:
    """List the processes there are; or show one PROCESS with its stages, its guards and where they come from."""
    out = Out(settings)
    with settings.open(forget=True) as engine:
        known = engine.processes
    if process is None:
        _list(out, known)
    else:
        _one(out, find_process(known, process, version))


def _list(out: Out, known: tuple[Process, ...]) -> None:
    if out.json:
        out.data({"processes": [_brief(process, out.lang) for process in known]})
        return
    headings = ("process", "version", "title", "stages", "basis", "digest")
    rows = [
        (p.id, p.version, p.label.text(out.lang), len(p.stages), p.basis, Cell(p.digest, p.digest[:12])) for p in known
    ]
    out.table("", headings, rows)


def _brief(process: Process, lang: str) -> dict[str, Any]:
    return {
        "id": process.id,
        "version": process.version,
        "digest": process.digest,
        "label": process.label.text(lang),
        "basis": process.basis,
        "provenance": process.provenance,
        "stages": len(process.stages),
    }


def _one(out: Out, process: Process) -> None:
    names = Names(process, out.lang)
    if out.json:
        out.data({**_brief(process, out.lang), "definition": process.to_data()})
        return
    calendar = process.calendar
    pairs: list[tuple[str, Value]] = [
        ("process", process.id),
        ("version", process.version),
        ("title", process.label.text(out.lang) or None),
        ("basis", _sourced(process.basis, process.provenance, out.lang) or None),
        ("digest", process.digest),
        ("calendar", calendar if isinstance(calendar, str) else f"{calendar.id} {calendar.version}"),
    ]
    if out.terminal and (said := process.note.text(out.lang)):
        pairs.append(("what", said))
    out.pairs(pairs)
    stages = [_stage_row(stage, names) for stage in process.stages]
    _table(out, ("stage", "owner", "back to", "basis"), stages)
    _table(out, ("stage", "guard", "asks for", "can be mended by", "rule"), _all_guards(process, names, out))
    clocks = [row for stage in process.stages for row in _clock_rows(stage, names)]
    if clocks:
        _table(out, ("stage", "clock", "asks for", "can be mended by", "rule"), clocks)
    outcomes: list[tuple[Value, ...]] = [
        ("outcome", names.outcome(end.id), names.roles(end.by), ",".join(end.stages), end.basis)
        for end in process.outcomes
    ]
    _table(out, ("outcome", "who may", "stages", "basis"), outcomes)
    parameters: list[tuple[Value, ...]] = [
        ("parameter", name, spell(value)) for name, value in process.parameters.items()
    ]
    if parameters:
        _table(out, ("parameters", "what"), parameters)


def _table(out: Out, headings: tuple[str, ...], rows: list[tuple[Value, ...]]) -> None:
    """Print rows; in a pipe the first column says what a line is about, on a terminal the headings do."""
    out.table("", headings, [row[1:] for row in rows] if out.terminal else rows)


def _sourced(basis: str, provenance: str, lang: str) -> str:
    return " · ".join(part for part in (basis, word(provenance, lang) if provenance else "") if part)


def _stage_row(stage: Stage, names: Names) -> tuple[Value, ...]:
    said = _sourced(stage.basis, stage.provenance, names.lang)
    back = Cell(",".join(stage.back_to), ", ".join(names.stage(back).shown for back in stage.back_to))
    return ("stage", names.stage(stage.id), names.roles(stage.owner), back, said)


ASKED = {
    "when": "entered only if: {asks}",
    "renew": "to renew: {asks}",
    "amend": "to amend {document}: {asks}",
}
"""For what else than going on a requirement is asked, by the word that a line about it begins with."""


def _all_guards(process: Process, names: Names, out: Out) -> list[tuple[Value, ...]]:
    rows: list[tuple[Value, ...]] = []
    for stage in process.stages:
        where = names.stage(stage.id)
        rows += _guard_rows("guard", where, stage.gate, names, out)
        rows += _guard_rows("when", where, stage.when, names, out)
        rows += _guard_rows("renew", where, stage.renewal.gate if stage.renewal else None, names, out)
        for document, requirement in stage.amend.items():
            rows += _guard_rows("amend", where, requirement, names, out, document)
    for end in process.outcomes:
        rows += _guard_rows("guard", names.outcome(end.id) or "", end.gate, names, out)
    return rows


def _guard_rows(
    kind: str, where: Value, gate: Requirement | None, names: Names, out: Out, document: str = ""
) -> Iterator[tuple[Value, ...]]:
    for part in _parts(gate):
        label = part.label.text(names.lang)
        soft = f" ({out.word('warns only')})" if part.soft else ""
        shown = Cell(part.name, f"{part.name}\n{label}" if label and label != part.name else part.name)
        asks, asks_shown = asked(part.to_data()) + soft, asked(part.to_data(), out.lang) + soft
        if kind in ASKED:
            asks_shown = out.word(ASKED[kind], asks=asks_shown, document=document)
        plain = f"{document}: {asks}" if document else asks
        rule = _sourced(part.basis, part.provenance, names.lang)
        yield (kind, where, shown, Cell(plain, asks_shown), names.roles(part.fix_by), rule)


def _clock_rows(stage: Stage, names: Names) -> Iterator[tuple[Value, ...]]:
    """Tell how long a stage may take, how long it lasts, what follows, and what is owed meanwhile."""
    where, lang, owner = names.stage(stage.id), names.lang, names.roles(stage.owner)
    rule = _sourced(stage.basis, stage.provenance, lang)
    if stage.within is not None:
        yield (
            "within",
            where,
            _called("time limit", lang),
            Cell(time_limit(stage), time_limit(stage, lang)),
            owner,
            rule,
        )
    if (term := stage.term) is not None:
        yield (
            "term",
            where,
            _called("term", lang),
            Cell(lasting(stage, term), lasting(stage, term, lang)),
            owner,
            rule,
        )
    if (renewal := stage.renewal) is not None:
        sourced = _sourced(renewal.basis, renewal.provenance, lang)
        yield (
            "renewal",
            where,
            _called("renewal", lang),
            Cell(renewing(renewal), renewing(renewal, lang)),
            owner,
            sourced,
        )
    for duty in stage.duties:
        label = duty.label.text(lang)
        called = Cell(duty.id, f"{duty.id}\n{label}" if label else duty.id)
        who = names.roles(duty.fix_by) if duty.fix_by else owner
        sourced = _sourced(duty.basis, duty.provenance, lang)
        yield ("duty", where, called, Cell(owed(duty), owed(duty, lang)), who, sourced)


def _called(english: str, lang: str) -> Cell:
    return Cell("", word(english, lang))


def _parts(gate: Requirement | None) -> tuple[Requirement, ...]:
    """Return what a gate asks one by one: its parts, where it is nothing but all of them together."""
    if gate is None:
        return ()
    return gate.children() if "all" in gate.to_data() and not gate.titled else (gate,)


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@shared()
@click.pass_obj
def lint(settings: Settings, files: tuple[Path, ...]) -> int:
    """Check definitions of processes: print every fault with its path, and leave with 2 if there is any."""
    out = Out(settings)
    checked = [(file, _faults(settings, file)) for file in files]
    if out.json:
        out.data(
            {
                "files": [
                    {
                        "file": str(file),
                        "ok": not faults,
                        "faults": [{"path": path, "message": sentence} for path, sentence in faults],
                    }
                    for file, faults in checked
                ]
            }
        )
    else:
        for file, faults in checked:
            for path, sentence in faults:
                out.line(f"{file}: {path}: {sentence}" if path else f"{file}: {sentence}")
            if not faults:
                out.line(f"{file}: ok")
    return WRONG if any(faults for _, faults in checked) else 0


def _faults(settings: Settings, file: Path) -> tuple[tuple[str, str], ...]:
    """Return the faults of a definition, in the order of the file."""
    given: dict[str, Any] = {"plugins": settings.plugins, "calendars": settings.calendars}
    try:
        # An engine knows the requirements and the calendars that plugins bring.
        with Engine.open("memory:", **given) as bare, Engine.open("memory:", processes=[file], **given) as engine:
            new = [process for process in engine.processes if process not in bare.processes]
            return tuple(fault for process in new for fault in _uncounted(process, engine))
    except DefinitionError as error:
        return as_written(file, error.faults)


def _uncounted(process: Process, engine: Engine) -> Iterator[tuple[str, str]]:
    """Name the calendars that a process counts its days by and that nobody has."""
    known = engine.calendars
    for path, calendar in calendars(process):
        if calendar not in known:
            there = ", ".join(known)
            yield path, f"there is no calendar {calendar!r}; there are {there}: name a file of yours with --calendar"
