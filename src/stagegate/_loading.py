"""Processes from TOML and JSON: the same frozen values, with the same digest, and every fault at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from . import _checks
from ._fields import collected
from ._files import TOO_DEEP, read_table
from ._predicates import Predicate
from ._process import Process
from ._requirements import Requirement
from ._stages import Outcome, Stage
from ._terms import Duty, Renewal
from ._text import frozendict
from ._words import Fault, Words, or_faults
from .exceptions import DefinitionError, InvalidValue, join, quote

if TYPE_CHECKING:
    from cattrs import Converter


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
    within: Any = None
    on_timeout: Any = "overdue"
    remind: Any = ()
    term: Any = None
    on_expiry: Any = ""
    renewal: Any = None
    amend: Any = None
    duties: Any = ()
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
    calendar: Any = "weekends"


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

        without: Ids of requirements and duties to leave out; those that are law stay.

    Raises:
        DefinitionError: With every fault, each with its path.
    """
    faults = []
    if isinstance(without, str) or not isinstance(without, Iterable):
        faults.append(("without", f"a list of ids is needed, not {quote(without)}"))
    if not isinstance(requirements, Iterable):
        faults.append(("requirements", f"a list of predicates is needed, not {quote(requirements)}"))
    if not isinstance(parameters, Mapping | None):
        faults.append(("parameters", f"a table of values is needed, not {quote(parameters)}"))
    if faults:
        raise DefinitionError(faults)
    named, data = read_table(source)
    try:
        return _Reader(requirements, without).process(data, parameters or {})
    except DefinitionError as error:
        raise DefinitionError(error.faults, source=named) from None
    except RecursionError:
        raise DefinitionError([("", TOO_DEEP)], source=named) from None


def reload_process(body: bytes, requirements: Iterable[Predicate]) -> Process:
    """
    Return the process whose canonical form is *body*, as a store keeps it.

    Nothing is filled in or left out, so that the process has the digest of these bytes.

    Args:
        body: What `Process.to_json` wrote.

        requirements: The predicates of the user's that it may name, in all their versions.

    Raises:
        DefinitionError: With every fault, each with its path.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DefinitionError(f"it is not JSON: {error}") from None
    return _Reader(requirements, (), exact=True).process(data, {})


def _text_only(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        message = f"a text is needed, not {quote(value)}"
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


class _Reader:
    """Reads one definition: names, parameters and what is left out are the same for all its parts."""

    def __init__(self, predicates: Iterable[Predicate], without: Iterable[str], *, exact: bool = False) -> None:
        self.words = Words(predicates, without, exact=exact)
        self.exact = exact
        self.faults = self.words.faults
        self.nameless = False
        self.converter = _converter(self.words.requirement)

    def process(self, data: Any, values: Mapping[str, Any]) -> Process:
        """Return the process, or raise all that is wrong with it."""
        if not isinstance(data, Mapping):
            message = f"a definition is a table, not {type(data).__name__}"
            raise DefinitionError(message)
        if self.exact:
            return self._made(data, data.get("parameters", {}))
        parameters = self._parameters(data.get("parameters", {}), values)
        if not isinstance(data.get("parameters", {}), Mapping):
            data = {k: v for k, v in data.items() if k != "parameters"}
        asks = {k: v for k, v in data.items() if isinstance(k, str) and k != "parameters"}
        data = {**self._filled(asks, parameters, ""), **{k: data[k] for k in ("parameters",) if k in data}}
        return self._made(data, parameters)

    def _made(self, data: Mapping[str, Any], parameters: Mapping[str, Any]) -> Process:
        table = self._table(_ProcessTable, data, "")
        for named, asked in (table.requirements or {}).items():
            made = or_faults(self.words.requirement, asked, self.faults, f"requirements.{named}")
            if made is not None:
                self.words.known[named] = made if made.id else attrs.evolve(made, id=named)
        stages = self._several(_StageTable, Stage, table.stages or [], "stages")
        outcomes = self._several(_OutcomeTable, Outcome, table.outcomes or [], "outcomes")
        self.faults += [
            ("", f"there is no requirement {quote(named)} to leave out")
            for named in sorted(self.words.without - self.words.left_out)
        ]
        about = {
            field: getattr(table, field)
            for field in ("label", "roles", "basis", "provenance", "note", "zone", "calendar")
        }
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
            self.faults.append(("parameters", f"a table is needed, not {quote(given)}"))
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
                    filled = self._filled(v, parameters, f"{path}[{i}]")
                    if not (path.endswith(".duties") and _timeless(v, filled)):
                        several.append(filled)
            return several
        return value

    def _parameter(self, named: Any, parameters: Mapping[str, Any], path: str) -> Any:
        if not isinstance(named, str) or named not in parameters:
            self.faults.append(
                (path, f"there is no parameter {quote(named)}; there are {', '.join(sorted(parameters)) or 'none'}")
            )
            return None
        return parameters[named]["value"]

    def _table(self, kind: type[Any], data: Any, path: str) -> Any:
        """Structure a table; what cannot be read is a fault, and left out."""
        from cattrs import BaseValidationError

        if not isinstance(data, Mapping):
            self.faults.append((path, f"a table is needed, not {quote(data)}"))
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
            if table is _StageTable:
                self._after(arguments, where)
            if (value := self._value(kind, arguments, where)) is not None:
                made[i] = value
        return made

    def _after(self, arguments: dict[str, Any], where: str) -> None:
        """Read what is itself a table with requirements in it: renewal, amendments, duties."""
        if isinstance(arguments["renewal"], Mapping):
            arguments["renewal"] = self._nested(Renewal, arguments["renewal"], f"{where}.renewal")
        if isinstance(arguments["amend"], Mapping):
            read = {
                kind: or_faults(self.words.requirement, asked, self.faults, f"{where}.amend.{kind}")
                for kind, asked in arguments["amend"].items()
            }
            arguments["amend"] = {kind: asked for kind, asked in read.items() if asked is not None}
        if isinstance(arguments["duties"], (list, tuple)):
            several = [
                self._nested(Duty, duty, f"{where}.duties[{i}]") if isinstance(duty, Mapping) else duty
                for i, duty in enumerate(arguments["duties"])
                if not self.words.leave_out(duty)
            ]
            arguments["duties"] = [duty for duty in several if duty is not None]

    def _nested(self, kind: type[Any], table: Mapping[str, Any], where: str) -> Any:
        known = {field.name for field in attrs.fields(kind)}
        extra = sorted(set(table) - known)
        said = f"unknown key; known are {', '.join(sorted(known))}"
        self.faults += [(join(where, str(key)), said) for key in extra]
        arguments = {key: value for key, value in table.items() if key in known}
        if isinstance(arguments.get("gate"), Mapping):
            arguments["gate"] = or_faults(self.words.requirement, arguments["gate"], self.faults, f"{where}.gate")
        first = {Renewal: "to", Duty: "id"}[kind]
        if first not in arguments:
            self.faults.append((join(where, first), "missing"))
            return None
        try:
            return kind(arguments.pop(first), **arguments)
        except DefinitionError as error:
            self.faults += [(join(where, inner), sentence) for inner, sentence in error.faults]
            return None

    def _value(self, kind: type[Any], arguments: dict[str, Any], where: str) -> Any:
        try:
            return kind(**arguments)
        except DefinitionError as error:
            self.faults += [(join(where, inner), sentence) for inner, sentence in error.faults]
            bad = {inner.split(".")[0].split("[")[0] for inner, _ in error.faults}
            if bad & {"id", "owner"}:
                return None
            # What rests on a time that cannot be read is left alone with it.
            bad = bad.union(*(_RESTING[argument] for argument in bad if argument in _RESTING))
            return kind(**{k: v for k, v in arguments.items() if k not in bad})


def _timeless(duty: Any, filled: Any) -> bool:
    """Whether the time of a duty is a parameter without a value: then it is not owed."""
    return isinstance(duty, Mapping) and any(key in duty and key not in filled for key in ("every", "within"))


_RESTING = {"within": ("on_timeout", "remind"), "term": ("on_expiry", "remind", "renewal")}

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
        message = f"a list of tables is needed, not {quote(value)}"
        raise InvalidValue(message)
    return list(value)


def _a_table(value: Any, _: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        message = f"a table is needed, not {quote(value)}"
        raise InvalidValue(message)
    return dict(value)
