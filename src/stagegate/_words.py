"""The words of a definition: what a table such as `{ document = "report" }` asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from ._evidence import (
    ActorRequirement,
    ParentRequirement,
    PartiesRequirement,
    PartsRequirement,
    approval,
    document,
    fact,
    notice,
    parties,
    track,
)
from ._predicates import Predicate
from ._requirements import Not, Requirement, all_of, any_of, at_least, gather, unguarded, when
from .exceptions import DefinitionError, join, quote

Fault = tuple[str, str]


def or_faults(read: Callable[[Any], Requirement], value: Any, faults: list[Fault], path: str) -> Requirement | None:
    """Return what *read* makes of *value*; what is wrong with it joins the *faults* under its *path*."""
    try:
        return read(value)
    except DefinitionError as error:
        faults += [(join(path, inner), sentence) for inner, sentence in error.faults]
        return None


class Words:
    """
    Reads the requirements of one definition.

    Attributes:
        known: The requirements that can be named, by name.

        left_out: Which of those to leave out were met.

        faults: What was to be left out but may not be.
    """

    def __init__(self, predicates: Iterable[Predicate], without: Iterable[str], *, exact: bool = False) -> None:
        """
        Take the predicates that can be named, and the ids to leave out.

        Args:
            predicates: The predicates.

            without: The ids.

            exact: Whether what is read is a canonical form: then a predicate is named by its code and its version, and
                all that is said about it stands there.
        """
        self.known: dict[str, Requirement] = {}
        self.exact: dict[tuple[str, Any], Predicate] | None = {} if exact else None
        for predicate in predicates:
            if not isinstance(predicate, Predicate):
                raise DefinitionError(
                    [("requirements", f"{quote(predicate)} is no predicate; make one with @requirement")]
                )
            self.known[predicate.code] = predicate
            if self.exact is not None:
                self.exact.setdefault((predicate.code, predicate.version), predicate)
        self.without = frozenset(without)
        self.left_out: set[str] = set()
        self.faults: list[Fault] = []

    def requirement(self, value: Any) -> Requirement:
        """
        Return the requirement that a table says.

        Raises:
            DefinitionError: With every fault, each with its path inside the table.
        """
        if not isinstance(value, Mapping):
            message = f"a requirement is a table such as {{ document = 'report' }}, not {quote(value)}"
            raise DefinitionError(message)
        table = dict(value)
        about = {common: table.pop(common) for common in Requirement.COMMON if common in table}
        words = [word for word in _WORDS if word in table]
        if "at_least" in words and "of" in table:
            words = ["at_least"]
        elif "approval" in words or "fact" in words or "document" in words:
            words = [word for word in words if word in {"approval", "fact", "document"}]
        if len(words) != 1:
            said = "no word" if not words else " and ".join(words)
            message = f"a requirement begins with one of {', '.join(_WORDS)}; this one has {said}"
            raise DefinitionError([(words[0] if words else "", message)])
        word = words[0]
        try:
            return _WORDS[word](self, table, about)
        except DefinitionError as error:
            raise DefinitionError([(_renamed(path, word), sentence) for path, sentence in error.faults]) from None

    def parts(self, rows: Any, word: str) -> list[Requirement]:
        if not isinstance(rows, list):
            raise DefinitionError([(word, f"a list of requirements is needed, not {quote(rows)}")])
        faults: list[Fault] = []
        made = []
        for i, row in enumerate(rows):
            if self.leave_out(row):
                continue
            part = or_faults(self.requirement, row, faults, f"{word}[{i}]")
            if part is not None:
                made.append(part)
        if faults:
            raise DefinitionError(faults)
        return made

    def leave_out(self, row: Any) -> bool:
        """Say whether a requirement or a duty is to be left out; what is law stays, and that is a fault."""
        named = self._unwanted(row)
        if named is None:
            return False
        self.left_out.add(named)
        if self._law(row):
            self.faults.append(("", f"{named} is law and cannot be left out"))
            return False
        return True

    def _unwanted(self, row: Any) -> str | None:
        """Return the id by which a row is to be left out: its own, or that of all it asks; None if it is not."""
        if not isinstance(row, Mapping):
            return None
        for inner in ("then", "not"):
            if (named := self._unwanted(row.get(inner))) is not None:
                return named
        named = row.get("id") or row.get("requirement")
        return named if isinstance(named, str) and named in self.without else None

    def _law(self, asked: Any) -> bool:
        """Say whether what is asked is law, or anything in it."""
        if isinstance(asked, list):
            return any(map(self._law, asked))
        if not isinstance(asked, Mapping):
            return False
        said, named = asked.get("provenance"), asked.get("requirement")
        found = self.known.get(named) if isinstance(named, str) else None
        # What a place says of itself goes before what is said of what it names, but not before what is in that.
        inside = () if found is None else (part for part in found.walk() if not (said and part is found))
        return (
            said == "law"
            or any(part.provenance == "law" for part in inside)
            or any(self._law(asked.get(word)) for word in ("all", "any", "of", "not", "then", "gate"))
        )


_FIRST = {"document": "kind", "approval": "role", "requirement": "code", "notice": "notice", "unguarded": "because"}


def _renamed(path: str, word: str) -> str:
    """Name the argument as the table names it."""
    return word if path == _FIRST.get(word) else path


def _composed(word: str, make: Callable[..., Requirement]) -> Callable[..., Requirement]:
    def read(reader: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
        parts = reader.parts(table.pop(word), word)
        _nothing_else(table, word)
        if not parts:
            raise DefinitionError([(word, "it asks for nothing; name its requirements, or say `unguarded`")])
        return make(*parts, **about)

    return read


def _nothing_else(table: Mapping[str, Any], word: str) -> None:
    if table:
        raise DefinitionError([(extra, f"unknown key beside {word}") for extra in sorted(table)])


def _read_at_least(reader: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    n = table.pop("at_least")
    if "of" not in table:
        raise DefinitionError([("of", "missing")])
    parts = reader.parts(table.pop("of"), "of")
    _nothing_else(table, "at_least")
    return at_least(n, *parts, **about)


def _inner(reader: Words, value: Any, word: str) -> Requirement:
    try:
        return reader.requirement(value)
    except DefinitionError as error:
        raise error.under(word) from None


def _read_not(reader: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    part = _inner(reader, table.pop("not"), "not")
    _nothing_else(table, "not")
    return gather(Not, part=part, **about) if about else ~part


def _read_when(reader: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    if "then" not in table:
        raise DefinitionError([("then", "missing: say what is required when the condition holds")])
    condition, part = _inner(reader, table.pop("when"), "when"), _inner(reader, table.pop("then"), "then")
    _nothing_else(table, "when")
    return when(condition, part, **about)


def _read_plain(make: Callable[..., Requirement], word: str) -> Callable[..., Requirement]:
    def read(_: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
        first = table.pop(word)
        return make(first, **table, **about)

    return read


def _read_parties(_: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    asked = table.pop("parties")
    _nothing_else(table, "parties")
    if not isinstance(asked, Mapping):
        return _under("parties", lambda: parties(asked, **about), {"at_least": "parties"})
    _own_keys(asked, "parties")
    return _under("parties", lambda: gather(PartiesRequirement, **asked, **about))


def _read_parts(reader: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    asked = table.pop("parts")
    _nothing_else(table, "parts")
    if not isinstance(asked, Mapping):
        raise DefinitionError([("parts", f"a table is needed, such as {{ all = 'signed' }}, not {quote(asked)}")])
    _own_keys(asked, "parts")
    given = dict(asked)
    if "each" in given:
        try:
            given["each"] = _inner(reader, given["each"], "each")
        except DefinitionError as error:
            raise error.under("parts") from None
    return _under("parts", lambda: gather(PartsRequirement, **given, **about), {"": "parts"})


def _read_parent(_: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    asked = table.pop("parent")
    _nothing_else(table, "parent")
    if not isinstance(asked, Mapping):
        raise DefinitionError([("parent", f"a table is needed, such as {{ reached = 'signed' }}, not {quote(asked)}")])
    if "reached" not in asked:
        raise DefinitionError([("parent.reached", "missing: say which stage it must have reached")])
    _own_keys(asked, "parent")
    return _under("parent", lambda: gather(ParentRequirement, **asked, **about))


def _read_actor(_: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    asked = table.pop("actor")
    _nothing_else(table, "actor")
    if not isinstance(asked, Mapping):
        raise DefinitionError([("actor", f"a table is needed, with not_listed or roles, not {quote(asked)}")])
    _own_keys(asked, "actor")
    return _under("actor", lambda: gather(ActorRequirement, **asked, **about), {"actor": "actor"})


def _own_keys(asked: Mapping[str, Any], word: str) -> None:
    """Refuse in a table of arguments what stands beside it: it could be said twice."""
    beside = [common for common in Requirement.COMMON if common in asked]
    if beside:
        said = f"this stands beside {word}, not in its table"
        raise DefinitionError([(f"{word}.{common}", said) for common in beside])


def _under(word: str, make: Callable[[], Requirement], names: Mapping[str, str] | None = None) -> Requirement:
    """Make a requirement whose arguments stand in a table of their own; their faults stand there too."""
    try:
        return make()
    except DefinitionError as error:
        raise DefinitionError(
            [
                (
                    path if path.split(".")[0] in Requirement.COMMON else (names or {}).get(path) or f"{word}.{path}",
                    said,
                )
                for path, said in error.faults
            ]
        ) from None


def _read_unguarded(_: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    because = table.pop("unguarded")
    _nothing_else(table, "unguarded")
    return unguarded(because, **about)


def _read_named(reader: Words, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    named, version = table.pop("requirement"), table.pop("version", None)
    _nothing_else(table, "requirement")
    if reader.exact is not None:
        return _exactly(reader.exact, named, version, about)
    found = reader.known.get(named) if isinstance(named, str) else None
    if found is None:
        known = ", ".join(sorted(reader.known)) or "none: hand over what the file names, or a plugin that brings it"
        message = f"there is no requirement {quote(named)}; known are {known}"
        raise DefinitionError([("requirement", message)])
    if version is not None and version != getattr(found, "version", version):
        message = (
            f"version {version} of {quote(named)} is asked for, but version {getattr(found, 'version', '')} is here"
        )
        raise DefinitionError([("version", message)])
    if not about:
        return found
    fields = {field.name: getattr(found, field.name) for field in attrs.fields(type(found))}
    return gather(type(found), **{**fields, **about})


def _exactly(
    known: Mapping[tuple[str, Any], Predicate], named: Any, version: Any, about: dict[str, Any]
) -> Requirement:
    found = known.get((named, version))
    if found is None:
        there = ", ".join(f"{code} {number}" for code, number in sorted(known)) or "none"
        message = f"there is no requirement {quote(named)} of version {quote(version)}; known are {there}"
        raise DefinitionError([("requirement", message)])
    return gather(Predicate, code=found.code, version=found.version, check=found.check, **about)


_WORDS: dict[str, Callable[[Words, dict[str, Any], dict[str, Any]], Requirement]] = {
    "all": _composed("all", all_of),
    "any": _composed("any", any_of),
    "at_least": _read_at_least,
    "not": _read_not,
    "when": _read_when,
    "document": _read_plain(document, "document"),
    "approval": _read_plain(approval, "approval"),
    "fact": _read_plain(fact, "fact"),
    "notice": _read_plain(notice, "notice"),
    "parties": _read_parties,
    "parts": _read_parts,
    "parent": _read_parent,
    "track": _read_plain(track, "track"),
    "actor": _read_actor,
    "requirement": _read_named,
    "unguarded": _read_unguarded,
}
