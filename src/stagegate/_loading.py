"""Processes from TOML and JSON: the same frozen values, with the same digest, and every fault at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from . import _checks
from ._evidence import ActorRequirement, PartiesRequirement, approval, document, fact, parties
from ._fields import collected
from ._predicates import Predicate
from ._process import Process
from ._requirements import Not, Requirement, all_of, any_of, at_least, gather, unguarded, when
from ._stages import Outcome, Stage
from ._text import frozendict
from .exceptions import DefinitionError, InvalidValue, join

if TYPE_CHECKING:
    from cattrs import Converter

Fault = tuple[str, str]
MAX_SIZE = 4 * 1024 * 1024


@attrs.define(eq=False, repr=False)
class _StageTable:
    id: str
    owner: Any = None
    gate: Requirement | None = None
    label: Any = None
    back_to: Any = ()
    when: Requirement | None = None
    may: Any = None
    contributors: Any = ()
    reapproval: Any = "always"
    basis: Any = ""
    provenance: Any = ""


@attrs.define(eq=False, repr=False)
class _OutcomeTable:
    id: str
    label: Any = None
    stages: Any = ()
    by: Any = ()
    gate: Requirement | None = None
    basis: Any = ""
    provenance: Any = ""


@attrs.define(eq=False, repr=False)
class _ProcessTable:
    id: str
    version: Any
    stages: list[dict[str, Any]]
    label: Any = None
    outcomes: list[dict[str, Any]] = attrs.field(factory=list)
    roles: Any = None
    basis: Any = ""
    provenance: Any = ""
    note: Any = None
    parameters: dict[str, Any] = attrs.field(factory=dict)
    requirements: dict[str, Any] = attrs.field(factory=dict)
    zone: Any = "UTC"


def load_process(
    source: str | Path | Mapping[str, Any],
    *,
    requirements: Iterable[Predicate] = (),
    parameters: Mapping[str, Any] | None = None,
    without: Iterable[str] = (),
) -> Process:
    """
    Return the process that a TOML or JSON definition says.

    Args:
        source: The path of a `.toml` or `.json` file, the text of one, or the table itself.

        requirements: The predicates that the definition may name with `{ requirement = "code" }`.

        parameters: Other values for its parameters.

        without: Ids of requirements to leave out; those that are law stay.

    Raises:
        DefinitionError: With every fault, each with its path.
    """
    named, data = _read(source)
    try:
        return _Reader(requirements, without).process(data, parameters or {})
    except DefinitionError as error:
        raise DefinitionError(error.faults, source=named) from None


def _read(source: str | Path | Mapping[str, Any]) -> tuple[str | None, Any]:
    if isinstance(source, Mapping):
        return None, source
    if isinstance(source, str) and ("\n" in source or "=" in source or source.lstrip().startswith("{")):
        return None, _parse(source, is_json=source.lstrip().startswith("{"), named=None)
    if not isinstance(source, (str, Path)):
        message = f"a path, a text or a table is needed, not {source!r}"
        raise DefinitionError(message)
    path = Path(source)
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_SIZE:
            message = f"{len(raw):,} bytes are too many for a definition; {MAX_SIZE:,} are the most"
            raise DefinitionError([("", message)], source=str(path))
        written = raw.decode()
    except OSError as error:
        raise DefinitionError([("", f"it cannot be read: {error.strerror or error}")], source=str(path)) from None
    except ValueError as error:
        raise DefinitionError([("", f"it is not UTF-8 text: {error}")], source=str(path)) from None
    return str(path), _parse(written, is_json=path.suffix.lower() == ".json", named=str(path))


def _parse(written: str, *, is_json: bool, named: str | None) -> Any:
    import tomllib

    try:
        if is_json:
            return json.loads(written, parse_float=Decimal, object_pairs_hook=_once)
        return tomllib.loads(written, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise DefinitionError([("", f"it is not {'JSON' if is_json else 'TOML'}: {said}")], source=named) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = sorted({k for k, _ in pairs if sum(k == other for other, _ in pairs) > 1})
        message = f"the key {twice[0]!r} stands twice in one table"
        raise ValueError(message)
    return table


def _text_only(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        message = f"a text is needed, not {value!r}"
        raise InvalidValue(message)
    return value


def _flatten(error: BaseException, path: str = "") -> list[Fault]:
    """Turn what cattrs raised into faults with paths."""
    from cattrs import AttributeValidationNote, ClassValidationError, ForbiddenExtraKeysError

    if isinstance(error, DefinitionError):
        return [(join(path, inner), sentence) for inner, sentence in error.faults]
    if isinstance(error, ForbiddenExtraKeysError):
        known = ", ".join(sorted(field.name for field in attrs.fields(error.cl)))
        return [(join(path, str(extra)), f"unknown key; known are {known}") for extra in sorted(error.extra_fields)]
    if isinstance(error, ClassValidationError):
        found: list[Fault] = []
        for inner in error.exceptions:
            note = next((n for n in getattr(inner, "__notes__", ()) if hasattr(n, "name") or hasattr(n, "index")), None)
            where = path
            if isinstance(note, AttributeValidationNote):
                where = join(path, note.name)
            found += _flatten(inner, where)
        return found
    if isinstance(error, KeyError):
        return [(join(path, str(error.args[0])) if not path.endswith(str(error.args[0])) else path, "missing")]
    return [(path, str(error))]


def _or_faults(read: Callable[[Any], Requirement], value: Any, faults: list[Fault], path: str) -> Requirement | None:
    try:
        return read(value)
    except DefinitionError as error:
        faults += [(join(path, inner), sentence) for inner, sentence in error.faults]
        return None


class _Reader:
    """Reads one definition: names, parameters and what is left out are the same for all its parts."""

    def __init__(self, predicates: Iterable[Predicate], without: Iterable[str]) -> None:
        self.known: dict[str, Requirement] = {predicate.code: predicate for predicate in predicates}
        self.without = frozenset(without)
        self.left_out: set[str] = set()
        self.faults: list[Fault] = []
        self.nameless = False
        self.converter = _converter(self.requirement)

    def process(self, data: Any, values: Mapping[str, Any]) -> Process:
        """Return the process, or raise all that is wrong with it."""
        if not isinstance(data, Mapping):
            message = f"a definition is a table, not {type(data).__name__}"
            raise DefinitionError(message)
        parameters = self._parameters(data.get("parameters", {}), values)
        if not isinstance(data.get("parameters", {}), Mapping):
            data = {k: v for k, v in data.items() if k != "parameters"}
        data = {
            k: v if k == "parameters" else self._filled(v, parameters, k) for k, v in data.items() if isinstance(k, str)
        }
        table = self._table(_ProcessTable, data, "")
        for named, asked in (table.requirements or {}).items():
            made = _or_faults(self.requirement, asked, self.faults, f"requirements.{named}")
            if made is not None:
                self.known[named] = made if made.id else attrs.evolve(made, id=named)
        stages = self._several(_StageTable, Stage, table.stages or [], "stages")
        outcomes = self._several(_OutcomeTable, Outcome, table.outcomes or [], "outcomes")
        self.faults += [
            ("", f"there is no requirement {named!r} to leave out") for named in sorted(self.without - self.left_out)
        ]
        about = {field: getattr(table, field) for field in ("label", "roles", "basis", "provenance", "note", "zone")}
        if self.faults:
            self._rest(table, stages, outcomes, about)
            raise DefinitionError(self.faults)
        return Process(
            table.id,
            table.version,
            stages.values(),
            outcomes=outcomes.values(),
            parameters=frozendict(parameters),
            **about,
        )

    def _rest(
        self,
        table: Any,
        stages: Mapping[int, Stage],
        outcomes: Mapping[int, Outcome],
        about: Mapping[str, Any],
    ) -> None:
        """Find what else is wrong, as far as it can be judged beside what could not be read."""
        known = {field: value for field, value in {**about, "id": table.id}.items() if value is not None}
        try:
            collected(Process, known)
        except DefinitionError as error:
            self.faults += error.faults
        found = _checks.faults(
            version=table.version,
            stages=stages,
            outcomes=outcomes,
            roles=table.roles if isinstance(table.roles, Mapping) else {},
            rows=len(table.stages or ()),
            certain=bool(table.stages) and len(stages) == len(table.stages) and not self.nameless,
        )
        seen = [path for path, _ in self.faults if path]
        self.faults += [
            (path, sentence)
            for path, sentence in found
            if not any(bad == path or bad.startswith((f"{path}.", f"{path}[")) for bad in seen)
        ]

    def _parameters(self, given: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(given, Mapping):
            self.faults.append(("parameters", f"a table is needed, not {given!r}"))
            return {}
        parameters: dict[str, Any] = {}
        for named, about in given.items():
            if not isinstance(about, Mapping):
                self.faults.append((f"parameters.{named}", "a table is needed, with value and note"))
                continue
            parameters[named] = {"value": None, **about}
            for extra in sorted(set(about) - {"value", "note", "basis", "provenance"}):
                self.faults.append(
                    (f"parameters.{named}.{extra}", "unknown key; known are basis, note, provenance, value")
                )
        for named, value in values.items():
            if named in parameters:
                parameters[named]["value"] = value
            else:
                known = ", ".join(sorted(parameters)) or "none"
                self.faults.append((f"parameters.{named}", f"there is no such parameter; there are {known}"))
        return parameters

    def _filled(self, value: Any, parameters: Mapping[str, Any], path: str) -> Any:
        """Put the values of parameters in the place of `{ parameter = "name" }`; without a value, leave it empty."""
        if isinstance(value, Mapping):
            filled = {}
            for k, v in value.items():
                if isinstance(v, Mapping) and set(v) == {"parameter"}:
                    found = self._parameter(v["parameter"], parameters, join(path, str(k)))
                    if found is not None:
                        filled[k] = found
                else:
                    filled[k] = self._filled(v, parameters, join(path, str(k)))
            return filled
        if isinstance(value, list):
            several: list[Any] = []
            for i, v in enumerate(value):
                if isinstance(v, Mapping) and set(v) == {"parameter"}:
                    found = self._parameter(v["parameter"], parameters, f"{path}[{i}]")
                    several.extend([] if found is None else found if isinstance(found, (list, tuple)) else [found])
                else:
                    several.append(self._filled(v, parameters, f"{path}[{i}]"))
            return several
        return value

    def _parameter(self, named: Any, parameters: Mapping[str, Any], path: str) -> Any:
        if not isinstance(named, str) or named not in parameters:
            self.faults.append(
                (path, f"there is no parameter {named!r}; there are {', '.join(sorted(parameters)) or 'none'}")
            )
            return None
        return parameters[named]["value"]

    def _table(self, kind: type[Any], data: Any, path: str) -> Any:
        """Structure a table; what cannot be read is a fault, and left out."""
        from cattrs import BaseValidationError

        if not isinstance(data, Mapping):
            self.faults.append((path, f"a table is needed, not {data!r}"))
            return None
        try:
            return self.converter.structure(data, kind)
        except BaseValidationError as error:
            found = _flatten(error)
            self.faults += [(join(path, inner), sentence) for inner, sentence in found]
            bad = {inner.split(".")[0].split("[")[0] for inner, _ in found}
        fields = {field.name: None for field in attrs.fields(kind) if field.default is attrs.NOTHING}
        good = {k: v for k, v in data.items() if k in {f.name for f in attrs.fields(kind)} and k not in bad}
        blank = kind(**fields)
        for argument, value in good.items():
            setattr(
                blank,
                argument,
                getattr(self.converter.structure({**_FILLER.get(kind, {}), argument: value}, kind), argument),
            )
        return blank

    def _several(self, table: type[Any], kind: type[Any], rows: list[Any], path: str) -> dict[int, Any]:
        made: dict[int, Any] = {}
        for i, row in enumerate(rows):
            where = f"{path}[{i}]"
            read = self._table(table, row, where)
            if read is None:
                continue
            arguments = {field.name: getattr(read, field.name) for field in attrs.fields(table)}
            missing = {k for k in ("id", "owner") if k in arguments and arguments[k] is None}
            seen = {fault for fault, _ in self.faults}
            self.faults += [(join(where, k), "missing") for k in sorted(missing) if join(where, k) not in seen]
            for k in missing:
                arguments[k] = "unknown" if k == "owner" else f"{path}-{i}"
            if "id" in missing:
                self.nameless = True
            if (value := self._value(kind, arguments, where)) is not None:
                made[i] = value
        return made

    def _value(self, kind: type[Any], arguments: dict[str, Any], where: str) -> Any:
        try:
            return kind(**arguments)
        except DefinitionError as error:
            self.faults += [(join(where, inner), sentence) for inner, sentence in error.faults]
            bad = {inner.split(".")[0].split("[")[0] for inner, _ in error.faults}
            if bad & {"id", "owner"}:
                return None
            return kind(**{k: v for k, v in arguments.items() if k not in bad})

    def requirement(self, value: Any) -> Requirement:
        """
        Return the requirement that a table says.

        Raises:
            DefinitionError: With every fault, each with its path inside the table.
        """
        if not isinstance(value, Mapping):
            message = f"a requirement is a table such as {{ document = 'report' }}, not {value!r}"
            raise DefinitionError(message)
        table = dict(value)
        about = {common: table.pop(common) for common in Requirement.COMMON if common in table}
        words = [word for word in _WORDS if word in table]
        if "when" in words and "then" in words:
            words = ["when"]
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

    def _parts(self, rows: Any, word: str) -> list[Requirement]:
        if not isinstance(rows, list):
            raise DefinitionError([(word, f"a list of requirements is needed, not {rows!r}")])
        faults: list[Fault] = []
        made = []
        for i, row in enumerate(rows):
            if self._leave_out(row):
                continue
            part = _or_faults(self.requirement, row, faults, f"{word}[{i}]")
            if part is not None:
                made.append(part)
        if faults:
            raise DefinitionError(faults)
        return made

    def _leave_out(self, row: Any) -> bool:
        if not isinstance(row, Mapping):
            return False
        for inner in ("then", "not"):
            if inner in row and self._leave_out(row[inner]):
                return True
        named = row.get("id") or row.get("requirement")
        if not isinstance(named, str) or named not in self.without:
            return False
        self.left_out.add(named)
        provenance = row.get("provenance") or getattr(self.known.get(named), "provenance", "")
        if provenance == "law":
            self.faults.append(("", f"{named} is law and cannot be left out"))
            return False
        return True


_FIRST = {"document": "kind", "approval": "role", "requirement": "code", "unguarded": "because"}


def _renamed(path: str, word: str) -> str:
    """Name the argument as the table names it."""
    return word if path == _FIRST.get(word) else path


def _composed(word: str, make: Callable[..., Requirement]) -> Callable[..., Requirement]:
    def read(reader: _Reader, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
        parts = reader._parts(table.pop(word), word)
        _nothing_else(table, word)
        if not parts:
            raise DefinitionError([(word, "it asks for nothing; name its requirements, or say `unguarded`")])
        return make(*parts, **about)

    return read


def _nothing_else(table: Mapping[str, Any], word: str) -> None:
    if table:
        raise DefinitionError([(extra, f"unknown key beside {word}") for extra in sorted(table)])


def _read_at_least(reader: _Reader, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    n = table.pop("at_least")
    parts = reader._parts(table.pop("of"), "of")
    _nothing_else(table, "at_least")
    return at_least(n, *parts, **about)


def _inner(reader: _Reader, value: Any, word: str) -> Requirement:
    try:
        return reader.requirement(value)
    except DefinitionError as error:
        raise error.under(word) from None


def _read_not(reader: _Reader, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    part = _inner(reader, table.pop("not"), "not")
    _nothing_else(table, "not")
    return gather(Not, part=part, **about) if about else ~part


def _read_when(reader: _Reader, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    if "then" not in table:
        raise DefinitionError([("then", "missing: say what is required when the condition holds")])
    condition, part = _inner(reader, table.pop("when"), "when"), _inner(reader, table.pop("then"), "then")
    _nothing_else(table, "when")
    return when(condition, part, **about)


def _read_plain(make: Callable[..., Requirement], word: str) -> Callable[..., Requirement]:
    def read(_: _Reader, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
        first = table.pop(word)
        return make(first, **table, **about)

    return read


def _read_parties(_: _Reader, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    asked = table.pop("parties")
    _nothing_else(table, "parties")
    if not isinstance(asked, Mapping):
        return _under("parties", lambda: parties(asked, **about), {"at_least": "parties"})
    return _under("parties", lambda: gather(PartiesRequirement, **asked, **about))


def _read_actor(_: _Reader, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    asked = table.pop("actor")
    _nothing_else(table, "actor")
    if not isinstance(asked, Mapping):
        raise DefinitionError([("actor", f"a table is needed, with not_listed or roles, not {asked!r}")])
    return _under("actor", lambda: gather(ActorRequirement, **asked, **about), {"actor": "actor"})


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


def _read_unguarded(_: _Reader, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    because = table.pop("unguarded")
    _nothing_else(table, "unguarded")
    return unguarded(because, **about)


def _read_named(reader: _Reader, table: dict[str, Any], about: dict[str, Any]) -> Requirement:
    named, version = table.pop("requirement"), table.pop("version", None)
    _nothing_else(table, "requirement")
    found = reader.known.get(named) if isinstance(named, str) else None
    if found is None:
        known = ", ".join(sorted(reader.known)) or "none"
        message = f"there is no requirement {named!r}; known are {known}"
        raise DefinitionError([("requirement", message)])
    if version is not None and version != getattr(found, "version", version):
        message = f"version {version} of {named!r} is asked for, but version {getattr(found, 'version', '')} is here"
        raise DefinitionError([("version", message)])
    if not about:
        return found
    fields = {field.name: getattr(found, field.name) for field in attrs.fields(type(found))}
    return gather(type(found), **{**fields, **about})


_WORDS: dict[str, Callable[[_Reader, dict[str, Any], dict[str, Any]], Requirement]] = {
    "all": _composed("all", all_of),
    "any": _composed("any", any_of),
    "at_least": _read_at_least,
    "not": _read_not,
    "when": _read_when,
    "document": _read_plain(document, "document"),
    "approval": _read_plain(approval, "approval"),
    "fact": _read_plain(fact, "fact"),
    "parties": _read_parties,
    "actor": _read_actor,
    "requirement": _read_named,
    "unguarded": _read_unguarded,
}

_FILLER: dict[type[Any], dict[str, Any]] = {
    _StageTable: {"id": ""},
    _OutcomeTable: {"id": ""},
    _ProcessTable: {"id": "", "version": "", "stages": []},
}


def _converter(requirement: Callable[[Any], Requirement]) -> Converter:
    """Return what structures the tables: unknown keys are refused, requirements are read by *requirement*."""
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    converter.register_structure_hook(str, _text_only)
    converter.register_structure_hook_func(lambda kind: kind == list[dict[str, Any]], _list_of_tables)
    converter.register_structure_hook_func(lambda kind: kind == dict[str, Any], _a_table)
    converter.register_structure_hook_func(
        lambda kind: kind == Requirement | None, lambda value, _: None if value is None else requirement(value)
    )
    return converter


def _list_of_tables(value: Any, _: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        message = f"a list of tables is needed, not {value!r}"
        raise InvalidValue(message)
    return list(value)


def _a_table(value: Any, _: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        message = f"a table is needed, not {value!r}"
        raise InvalidValue(message)
    return dict(value)
