"""The commands about definitions: which processes there are, what they ask for, what is wrong with a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from stagegate import DefinitionError, Engine, Process, Requirement, Stage

from ._errors import WRONG
from ._output import Cell, Out, Value
from ._settings import Settings, find_process, shared
from ._views import Names, listed, spell, spelled
from ._words import word

_ABOUT = {"id", "label", "basis", "provenance", "fix_by", "soft"}


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
    pairs: list[tuple[str, Value]] = [
        ("process", process.id),
        ("version", process.version),
        ("title", process.label.text(out.lang) or None),
        ("basis", _sourced(process.basis, process.provenance, out.lang) or None),
        ("digest", process.digest),
    ]
    if out.terminal and (said := process.note.text(out.lang)):
        pairs.append(("what", said))
    out.pairs(pairs)
    stages = [_stage_row(stage, names) for stage in process.stages]
    out.table("", ("stage", "owner", "back to", "basis"), [row[1:] for row in stages] if out.terminal else stages)
    guards = [row for stage in process.stages for row in _guard_rows(stage.id, stage.gate, stage.when, names, out)]
    guards += [row for end in process.outcomes for row in _guard_rows(end.id, end.gate, None, names, out)]
    headings = ("stage", "guard", "asks for", "can be mended by", "rule")
    out.table("", headings, [row[1:] for row in guards] if out.terminal else guards)
    outcomes = [
        ("outcome", names.outcome(end.id), names.roles(end.by), ",".join(end.stages), end.basis)
        for end in process.outcomes
    ]
    out.table(
        "", ("outcome", "who may", "stages", "basis"), [row[1:] for row in outcomes] if out.terminal else outcomes
    )
    parameters = [("parameter", name, spell(value)) for name, value in process.parameters.items()]
    if parameters:
        out.table("", ("parameters", "what"), [row[1:] for row in parameters] if out.terminal else parameters)


def _sourced(basis: str, provenance: str, lang: str) -> str:
    return " · ".join(part for part in (basis, word(provenance, lang) if provenance else "") if part)


def _stage_row(stage: Stage, names: Names) -> tuple[Value, ...]:
    said = _sourced(stage.basis, stage.provenance, names.lang)
    back = Cell(",".join(stage.back_to), ", ".join(names.stage(back).shown for back in stage.back_to))
    return ("stage", names.stage(stage.id), names.roles(stage.owner), back, said)


def _guard_rows(
    place: str, gate: Requirement | None, condition: Requirement | None, names: Names, out: Out
) -> Iterator[tuple[Value, ...]]:
    for kind, requirement in (("guard", gate), ("when", condition)):
        for part in _parts(requirement):
            label = part.label.text(names.lang)
            soft = f" ({out.word('warns only')})" if part.soft else ""
            shown = Cell(part.name, f"{part.name}\n{label}" if label and label != part.name else part.name)
            rule = _sourced(part.basis, part.provenance, names.lang)
            where = names.stage(place) if names.process and names.process.stage(place) else names.outcome(place)
            asks = asked(part.to_data()) + soft
            asks_shown = f"{out.word('entered only if')}: {asks}" if kind == "when" else asks
            yield (kind, where, shown, Cell(asks, asks_shown), names.roles(part.fix_by), rule)


def _parts(gate: Requirement | None) -> tuple[Requirement, ...]:
    """Return what a gate asks one by one: its parts, where it is nothing but all of them together."""
    if gate is None:
        return ()
    return gate.children() if "all" in gate.to_data() and not gate.titled else (gate,)


def asked(table: Mapping[str, Any]) -> str:
    """Write what a requirement asks for in one line, without what is said about it."""
    table = {key: value for key, value in table.items() if key not in _ABOUT}
    first, *rest = table
    for word_ in ("all", "any"):
        if word_ == first:
            return f"{word_} of ({'; '.join(map(asked, table[word_]))})"
    match first:
        case "at_least":
            return f"{table['at_least']} of ({'; '.join(map(asked, table['of']))})"
        case "not":
            return f"not ({asked(table['not'])})"
        case "when":
            return f"if ({asked(table['when'])}) then ({asked(table['then'])})"
    subject = table[first]
    if isinstance(subject, Mapping):
        return f"{first}: {listed(subject)}"
    also = listed({key.replace("_", " "): table[key] for key in rest})
    return f"{first} {spelled(subject)}" + (f": {also}" if also else "")


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
    try:
        # An engine knows the requirements that plugins bring.
        Engine.open("memory:", processes=[file], plugins=settings.plugins).close()
    except DefinitionError as error:
        return error.faults
    return ()


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="How many to take at most.")
@shared()
@click.pass_obj
def deliver(settings: Settings, limit: int) -> None:
    """Deliver the notifications that are due, once; run it from a timer."""
    import logging
    import sys

    out = Out(settings)
    # The channel `log` writes to the log, and a program that runs it has to say where that is.
    logger, handler = logging.getLogger("stagegate.notifications"), logging.StreamHandler(sys.stderr)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with settings.open() as engine:
            done = engine.deliver(limit=limit)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    if out.json:
        out.data({"delivered": done.delivered, "failed": done.failed, "dead": done.dead})
    else:
        out.pairs([("delivered", done.delivered), ("failed", done.failed), ("dead", done.dead)])
