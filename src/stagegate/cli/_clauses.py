"""What a definition asks for and what its clocks say, in one line each: ids and values, with words between them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stagegate import Duty, Process, Renewal, Stage, Term

from ._dates import UNITS, span
from ._views import listed, spelled
from ._words import LANGUAGES, word

_ABOUT = {"id", "label", "basis", "provenance", "fix_by", "soft"}
_CLOCK = {"within", "remind", "silence"}
_NESTED = {"each", "gate"}


def asked(table: Mapping[str, Any], lang: str = LANGUAGES[0]) -> str:
    """Write what a requirement asks for, without what is said about it."""
    said = _asked({key: value for key, value in table.items() if key not in _ABOUT | _CLOCK})
    return "; ".join((said, *_clock(table, lang)))


def _asked(table: Mapping[str, Any]) -> str:
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
        return f"{first}: {_listed(subject)}"
    also = listed({key.replace("_", " "): table[key] for key in rest})
    return f"{first} {spelled(subject)}" + (f": {also}" if also else "")


def _listed(table: Mapping[str, Any]) -> str:
    """Write a table in one line; a requirement in it as what it asks for."""
    return listed({key: f"({asked(value)})" if key in _NESTED else value for key, value in table.items()})


def _clock(table: Mapping[str, Any], lang: str) -> list[str]:
    said = []
    if "within" in table:
        said.append(f"{word('within', lang)} {span(table['within'], lang)}")
    if "remind" in table:
        said.append(f"{word('remind before', lang)} {', '.join(table['remind'])}")
    if "silence" in table:
        said.append(f"{word('silence', lang)} {table['silence']}")
    return said


def time_limit(stage: Stage, lang: str = LANGUAGES[0]) -> str:
    """Write how long a stage may take, and what follows when that has passed."""
    table = stage.to_data()
    return "; ".join((*_clock(table, lang), f"{word('then', lang)} {stage.on_timeout}"))


def lasts(term: Term, lang: str = LANGUAGES[0]) -> str:
    """Write how long a term is."""
    if term.open:
        return word("open-ended", lang)
    said = term.to_data()
    return word("until {point}", lang, point=term.until) if term.until else span(said, lang)


def lasting(stage: Stage, term: Term, lang: str = LANGUAGES[0]) -> str:
    """Write how long a stage lasts, and what its end brings."""
    said = lasts(term, lang)
    return said if term.open else f"{said}; {word('then', lang)} {stage.on_expiry or 'expired'}"


def renewing(renewal: Renewal, lang: str = LANGUAGES[0]) -> str:
    """Write where a renewal leads, from when on it can be had, and for how long it is."""
    said = [", ".join(renewal.to)]
    if renewal.window is not None:
        said.append(word("in the last {period}", lang, period=span(renewal.window.to_data(), lang)))
    if renewal.term is not None:
        said.append(f"{word('term', lang)} {lasts(renewal.term, lang)}")
    return "; ".join(said)


def owed(duty: Duty, lang: str = LANGUAGES[0]) -> str:
    """Write what a duty asks for, and when."""
    what = f"document {duty.document}" if duty.gate is None else asked(duty.gate.to_data(), lang)
    how = "every" if duty.every is not None else "within"
    table = duty.period.to_data() | ({"since": duty.after} if duty.after else {})
    said = [f"{what}; {word(how, lang)} {span(table, lang)}"]
    if duty.remind:
        said.append(f"{word('remind before', lang)} {', '.join(map(str, duty.remind))}")
    return "; ".join(said)


def calendars(process: Process) -> Iterator[tuple[str, str]]:
    """Yield the calendars that a process names, each with the path under which it does."""
    yield from _calendars(process.to_data(), "")


def _calendars(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        named = value.get("calendar")
        if isinstance(named, str) and (not path or not set(UNITS).isdisjoint(value)):
            yield f"{path}.calendar".removeprefix("."), named
        for key, inner in value.items():
            yield from _calendars(inner, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, (list, tuple)):
        for place, inner in enumerate(value):
            yield from _calendars(inner, f"{path}[{place}]")


_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def as_written(file: Path, faults: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the faults of a definition in the order of the file, whenever each was found."""
    try:
        written = file.read_text(encoding="utf-8")
        document = json.loads(written) if file.suffix == ".json" else tomllib.loads(written)
    except (OSError, ValueError, RecursionError):
        return tuple(faults)  # it could not be read: there is nothing to order by
    return tuple(sorted(faults, key=lambda fault: _place(document, fault[0])))


def _place(document: Any, path: str) -> tuple[int, ...]:
    """Return where in a document a path leads, as far as it does: what is missing there comes last in its table."""
    place: list[int] = []
    for index, key in _STEP.findall(path):
        if index:
            place.append(int(index))
            document = document[int(index)] if isinstance(document, list) and int(index) < len(document) else None
        else:
            keys = list(document) if isinstance(document, dict) else []
            place.append(keys.index(key) if key in keys else len(keys))
            document = document[key] if key in keys else None
    return tuple(place)
