"""
Bring the tables on the pages of the built-in processes up to date; what stands around them is written by hand.

    python scripts/pages.py            write what is stale
    python scripts/pages.py --check    write nothing; fail if a table is stale

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; the names are the keys of `TABLES`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stagegate import Process, Requirement, Stage, builtin
from stagegate import processes as shipped

PAGES = Path(__file__).parents[1] / "docs" / "processes"
LANGUAGES = ("en", "id", "ja")
_BLOCK = re.compile(r"(<!-- table: ([a-z]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_UNITS = {"workdays": "working day", "calendar_days": "calendar day", "months": "month", "years": "year"}


# ------------------------------------------------------------------------------------------------------------- cells


def code(value: Any) -> str:
    """Write a value as a definition does."""
    return f"`{written(value)}`"


def written(value: Any) -> str:
    """Write a value as TOML, a text without its quotes."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {quoted(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(quoted, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def quoted(value: Any) -> str:
    """Write a value as TOML, a text in quotes."""
    return f'"{value}"' if isinstance(value, str) else written(value)


def listed(values: Iterable[Any], nothing: str = "–") -> str:
    """Write several values, or a dash."""
    return ", ".join(code(value) for value in values) or nothing


def meant(value: Any) -> str:
    """Write a value, or the fact that holds it."""
    return f"the fact `{value['fact']}`" if isinstance(value, Mapping) and set(value) == {"fact"} else code(value)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; without rows, nothing."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines, ""])


# ------------------------------------------------------------------------------------------------- what is asked


def span(period: Mapping[str, Any]) -> str:
    """Write a period in words."""
    unit = next(unit for unit in _UNITS if unit in period)
    many = "" if period[unit] == 1 else "s"
    since = f" from `{period['since']}`" if "since" in period else ""
    return f"{period[unit]} {_UNITS[unit]}{many}{since}"


def share(said: str) -> str:
    """Write a share of a body in words."""
    return f"at least {said.removeprefix('>=')}" if said.startswith(">=") else f"more than {said}"


def asks(part: Mapping[str, Any]) -> str:
    """Write what a requirement asks for, as an English phrase."""
    for word, write in PHRASES.items():
        if word in part and not (word == "at_least" and "of" not in part):
            return write(part)
    raise ValueError(part)


def _document(part: Mapping[str, Any]) -> str:
    said = [f"document `{part['document']}`"]
    signed = part.get("signed_by")
    if signed:
        by = "all parties" if signed == ["parties"] else str(signed) if isinstance(signed, int) else listed(signed)
        said.append(f"signed by {by}")
    if part.get("languages"):
        said.append(f"in {' and '.join(meant(language) for language in part['languages'])}")
    if part.get("any_language"):
        said.append(f"in one of {', '.join(meant(language) for language in part['any_language'])}")
    if part.get("fields"):
        said.append(f"says {listed(part['fields'])}")
    if part.get("equals"):
        said.append(f"says {', '.join(f'`{k}` = {meant(v)}' for k, v in part['equals'].items())}")
    for field, members in part.get("lists", {}).items():
        said.append(f"lists under `{field}` {', '.join(map(meant, members))}")
    if part.get("refers_to"):
        said.append(f"refers to the current {listed(part['refers_to'])}")
    for key, words in (("not_later_than", "not later than"), ("not_earlier_than", "not earlier than")):
        if part.get(key):
            said.append(f"dated {words} {listed(part[key])}")
    if part.get("received"):
        said.append("with the day it was received")
    if part.get("valid"):
        said.append("not expired")
    return ", ".join(said)


def _fact(part: Mapping[str, Any]) -> str:
    said = f"fact `{part['fact']}`"
    if "equals" in part:
        return f"{said} is {meant(part['equals'])}"
    if "one_of" in part:
        several = part["one_of"]
        if len(several) == 1:
            return f"{said} is {meant(several[0])}"
        return f"{said} is one of {', '.join(map(meant, several))}"
    return f"{said} is recorded"


def _approval(part: Mapping[str, Any]) -> str:
    said = f"approval of `{part['approval']}`"
    if part.get("of"):
        said += f" for the current {listed(part['of'])}"
    more = []
    if "quorum" in part:
        more.append(f"{share(part['quorum'])} of the members present")
    if "majority" in part:
        more.append(f"{share(part['majority'])} of those present in favour")
    elif "quorum" in part:
        more.append("more than 1/2 of those present in favour")
    if "minutes" in part:
        more.append(f"the result with document `{part['minutes']}`")
    if "adjournments" in part:
        more.append(f"adjourned at most {part['adjournments']} times")
    if "not_listed" in part:
        more.append(f"by nobody listed in the fact `{part['not_listed']}`")
    return ", ".join([said, *more])


def _parts(part: Mapping[str, Any]) -> str:
    asked = part["parts"]
    said = f"every part under `{asked['process']}` has reached `{asked['all']}`"
    return f"{said}, but for those that ended as {listed(asked['unless'])}"


PHRASES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "when": lambda part: f"{asks(part['then'])} (if {condition(part['when'])})",
    "any": lambda part: " or ".join(map(asks, part["any"])),
    "all": lambda part: "; ".join(map(asks, part["all"])),
    "not": lambda part: f"not: {asks(part['not'])}",
    "document": _document,
    "approval": _approval,
    "fact": _fact,
    "parties": lambda part: f"at least {part['parties']['at_least']} parties",
    "actor": lambda part: f"who makes the move is not listed in the fact `{part['actor']['not_listed']}`",
    "parts": _parts,
    "parent": lambda part: f"the agreement it is part of has reached `{part['parent']['reached']}`",
    "track": lambda part: f"the agreement that the fact `{part['track']}` names has reached `{part['reached']}`",
}


def condition(part: Mapping[str, Any]) -> str:
    """Write the condition under which something is asked."""
    if "all" in part:
        return " and ".join(map(condition, part["all"]))
    if "any" in part:
        return " or ".join(map(condition, part["any"]))
    if "not" in part:
        return f"not {condition(part['not'])}"
    if set(part) == {"document"}:
        return f"there is a `{part['document']}`"
    return asks(part).replace("fact ", "the fact ", 1).replace("document ", "the document ", 1)


# ------------------------------------------------------------------------------------------------------------ tables


def stages(process: Process) -> str:
    """Write the stages with their names, owners, ways back and sources."""
    head = ("stage", "English", "Indonesian", "Japanese", "whose turn", "back to", "basis", "provenance")
    rows = table(
        head,
        (
            (
                code(s.id),
                *(s.label[lang] for lang in LANGUAGES),
                *map(listed, (s.owner, s.back_to)),
                s.basis,
                s.provenance,
            )
            for s in process.stages
        ),
    )
    conditional = [(stage.id, stage.when) for stage in process.stages if stage.when is not None]
    return rows + "".join(f"\n`{id_}` is entered only if {condition(when.to_data())}.\n" for id_, when in conditional)


def roles(process: Process) -> str:
    """Write the roles."""
    head = ("role", "English", "Indonesian", "Japanese")
    return table(head, ((code(role), *(label[lang] for lang in LANGUAGES)) for role, label in process.roles.items()))


def who(process: Process) -> str:
    """Write who moves on, files and holds at each stage."""
    head = ("stage", "moves on", "files and records, beside the owner", "holds, beside the owner")
    last = process.stages[-1]
    return table(
        head,
        (
            (
                code(stage.id),
                "–" if stage is last else listed(dict.fromkeys((*stage.owner, *stage.may.get("advance", ())))),
                listed(stage.contributors),
                listed(stage.may.get("hold", ())),
            )
            for stage in process.stages
        ),
    )


def clocks(process: Process) -> str:
    """Write what has a time, what follows when that has passed, and when somebody is reminded."""
    head = ("what", "time", "then", "reminded")
    return table(head, _clocks(process))


def _clocks(process: Process) -> Iterator[tuple[str, str, str, str]]:
    for stage in process.stages:
        reminded = ", ".join(map(str, stage.remind)) or "–"
        if stage.within is not None:
            yield f"stage `{stage.id}`", span(stage.within.to_data()), code(stage.on_timeout), reminded
        for part in () if stage.gate is None else stage.gate.walk():
            if part.within is not None:
                yield f"`{part.id}` at `{stage.id}`", span(part.within.to_data()), "`overdue`", "–"
        if stage.term is not None:
            term = stage.term.to_data()
            ends = "no end" if stage.term.open else f"until `{stage.term.until}`" if stage.term.until else span(term)
            then = "–" if stage.term.open else code(f"end:{stage.on_expiry or 'expired'}")
            yield f"term of `{stage.id}`", ends, then, "–" if stage.term.open else reminded
        for duty in stage.duties:
            how = "every " if duty.every is not None else "within "
            since = f" after `{duty.after}`" if duty.after else ""
            reminded_of = ", ".join(map(str, duty.remind)) or "–"
            yield f"duty `{duty.id}`", f"{how}{span(duty.period.to_data())}{since}", "`overdue`", reminded_of


def duties(process: Process) -> str:
    """Write what is owed."""
    head = ("duty", "what", "asks", "at", "basis", "provenance", "by")
    return table(
        head,
        (
            (
                code(duty.id),
                duty.label["en"],
                f"document `{duty.document}`" if duty.gate is None else asks(duty.gate.to_data()),
                code(stage.id),
                duty.basis,
                duty.provenance,
                listed(duty.fix_by),
            )
            for stage in process.stages
            for duty in stage.duties
        ),
    )


def gates(process: Process) -> str:
    """Write what each gate asks for the first time, and what gates ask again."""
    said: dict[str, Requirement] = {}
    again: list[tuple[str, list[str]]] = []
    blocks = []
    for title, place, gate in _gates(process):
        new = {}
        old = []
        for row in gate.to_data().get("all", [gate.to_data()]):
            part = next(part for part in gate.walk() if part.id and part.id == _named(row))
            if part.id in said:
                old.append(part.id)
            else:
                new[part.id] = (part, row)
        if old:
            again.append((place, old))
        said |= {id_: part for id_, (part, _) in new.items()}
        if new:
            head = ("id", "what", "asks", "basis", "provenance", "mended by")
            blocks.append((title, table(head, (_row(part, row) for part, row in new.values()))))
    merged: dict[str, list[str]] = {}
    for title, rows in blocks:
        merged.setdefault(title, []).append(rows)
    written_ = [f"### {title}\n\n{_joined(rows)}" for title, rows in merged.items()]
    if again:
        rows = table(("where", "asks again"), ((code(place), listed(ids)) for place, ids in again))
        written_.append(
            "### Asked again\n\nA text that is exchanged after it was approved is an unapproved text, and an answer "
            f"may have changed. So these ask again what was asked before:\n\n{rows}"
        )
    return "\n".join(written_)


def _joined(several: Sequence[str]) -> str:
    first, *others = several
    return first + "".join("\n".join(other.split("\n")[2:]) for other in others)


def _gates(process: Process) -> Iterator[tuple[str, str, Requirement]]:
    for stage in process.stages:
        if stage.gate is not None:
            yield stage.label["en"], stage.id, stage.gate
    for stage in process.stages:
        yield from _after(stage)
    for outcome in process.outcomes:
        if outcome.gate is not None:
            yield "Outcomes", outcome.id, outcome.gate


def _after(stage: Stage) -> Iterator[tuple[str, str, Requirement]]:
    if stage.renewal is not None and stage.renewal.gate is not None:
        yield "Renewal and amendment", f"renewal of {stage.id}", stage.renewal.gate
    for kind, gate in stage.amend.items():
        yield "Renewal and amendment", f"amendment of {kind}", gate


def _named(row: Mapping[str, Any]) -> str:
    return str(row.get("id") or _named(row["then"]))


def _row(part: Requirement, row: Mapping[str, Any]) -> tuple[str, ...]:
    soft = "; only warns" if part.soft else ""
    return code(part.id), part.label["en"], asks(row) + soft, part.basis, part.provenance, listed(part.fix_by)


def outcomes(process: Process) -> str:
    """Write the ways it can end."""
    head = ("outcome", "English", "Indonesian", "Japanese", "from", "by", "asks", "basis", "provenance")
    return table(
        head,
        (
            (
                code(o.id),
                *(o.label[lang] for lang in LANGUAGES),
                listed(o.stages),
                "nobody: it comes with time" if o.by == ("law",) else listed(o.by, "the owner of the stage"),
                "–" if o.gate is None else listed(map(_named, o.gate.to_data().get("all", [o.gate.to_data()]))),
                o.basis,
                o.provenance,
            )
            for o in process.outcomes
        ),
    )


def parameters(process: Process) -> str:
    """Write what is left open."""
    head = ("parameter", "value", "what it does", "basis", "provenance")
    return table(
        head,
        (
            (
                code(name),
                "–" if about["value"] is None else code(about["value"]),
                about["note"]["en"],
                about["basis"],
                about["provenance"],
            )
            for name, about in process.parameters.items()
        ),
    )


def interpretations(process: Process) -> str:
    """Write what is not law, by what it rests on."""
    found = {part.id: part.provenance for _, part in process.requirements() if part.id}
    found |= {duty.id: duty.provenance for stage in process.stages for duty in stage.duties}
    rests = ("law", "law-secondary", "practice", "interpretation")
    return table(
        ("rests on", "rules"),
        ((kind, listed(ids)) for kind in rests if (ids := sorted(id_ for id_, on in found.items() if on == kind))),
    )


TABLES: dict[str, Callable[[Process], str]] = {
    "stages": stages,
    "roles": roles,
    "who": who,
    "clocks": clocks,
    "duties": duties,
    "gates": gates,
    "outcomes": outcomes,
    "parameters": parameters,
    "provenance": interpretations,
}


def page(process: Process, text: str) -> str:
    """Return the page of a process with its tables as they are to be."""
    return _BLOCK.sub(lambda found: f"{found[1]}{TABLES[found[2]](process)}{found[4]}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what is stale, or say what is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if anything is stale")
    check = parser.parse_args(arguments).check
    stale = []
    for name in shipped.names():
        file = PAGES / f"{name}.md"
        text = file.read_text(encoding="utf-8")
        fresh = page(builtin(name), text)
        if fresh != text:
            stale.append(file.name)
            if not check:
                file.write_text(fresh, encoding="utf-8", newline="\n")
    for name in stale:
        print(f"{name}: {'stale: run python scripts/pages.py' if check else 'written'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
