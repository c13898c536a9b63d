"""The file of settings: what is the same for every command, such as where the agreements are kept, and the channels."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs

from stagegate import DefinitionError

Faults = list[tuple[str, str]]

MAX_SIZE = 1024 * 1024


@attrs.frozen(kw_only=True)
class Filed:
    """
    What a file of settings says.

    Attributes:
        source: The file; None if there is none.

        db: Where the agreements are kept.

        processes: Files of definitions.

        plugins: Names of plugins, and tables of such a name and its settings.

        calendars: Files of calendars.

        engine: What else an engine is opened with.
    """

    source: str | None = None
    db: str | None = None
    processes: tuple[Path, ...] = ()
    plugins: tuple[Any, ...] = ()
    calendars: tuple[Path, ...] = ()
    engine: Mapping[str, Any] = attrs.field(factory=dict)


def read_settings(file: Path) -> Filed:
    """
    Read a file of settings. The files it names, and a SQLite file, are looked for from the folder it lies in.

    Raises:
        DefinitionError: With every fault, each with its path. No value is repeated in them: it may be a secret.
    """
    faults: Faults = []
    table = _table(file)
    folder = file.resolve().parent
    read = {key: reader(table[key], key, faults) for key, reader in _KEYS.items() if key in table}
    faults += [(key, f"unknown key; known are {', '.join(_KEYS)}") for key in table if key not in _KEYS]
    if faults:
        raise DefinitionError(faults, source=str(file))
    told = {key: read[key] for key in ("subscription", "addresses") if key in read}
    engine: dict[str, Any] = {"wake": read["wake"]} if "wake" in read else {}
    if told:
        engine["subscriptions"] = [told]
    if "messages" in read:
        engine["messages"] = [folder / one for one in read["messages"]]
    return Filed(
        source=str(file),
        db=_from(folder, read["db"]) if "db" in read else None,
        processes=tuple(folder / one for one in read.get("processes", ())),
        plugins=(*read.get("plugins", ()), *(_placed(folder, one) for one in read.get("plugin", ()))),
        calendars=tuple(folder / one for one in read.get("calendars", ())),
        engine=engine,
    )


def _table(file: Path) -> dict[str, Any]:
    try:
        raw = file.read_bytes()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise DefinitionError([("", f"it cannot be read: {said}")], source=str(file)) from None
    if len(raw) > MAX_SIZE:
        message = f"{len(raw):,} bytes are too many for settings; {MAX_SIZE:,} are the most"
        raise DefinitionError([("", message)], source=str(file))
    try:
        # Some editors begin a file with a mark that says UTF-8.
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        message = "it is not UTF-8 text"
    except RecursionError:
        message = "it is not TOML: it is nested too deep"
    except ValueError as error:
        message = f"it is not TOML: {error}"
    raise DefinitionError([("", message)], source=str(file)) from None


def _text(value: Any, path: str, faults: Faults) -> Any:
    if not isinstance(value, str) or not value:
        faults.append((path, "a text is needed"))
    return value


def _texts(value: Any, path: str, faults: Faults) -> Any:
    if not isinstance(value, list):
        faults.append((path, "a list of texts is needed"))
        return ()
    return [_text(one, f"{path}[{i}]", faults) for i, one in enumerate(value)]


def _plugins(value: Any, path: str, faults: Faults) -> Any:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        faults.append((path, "tables are needed, each under [[plugin]]"))
        return ()
    for i, one in enumerate(value):
        if "plugin" in one:
            _text(one["plugin"], f"{path}[{i}].plugin", faults)
        else:
            faults.append((f"{path}[{i}].plugin", "missing: the name of the plugin that the table is for"))
    return value


def _as_it_is(value: Any, _: str, __: Faults) -> Any:
    """Leave it to the engine, which says what is wrong with it by the same path."""
    return value


_KEYS: dict[str, Callable[[Any, str, Faults], Any]] = {
    "db": _text,
    "processes": _texts,
    "calendars": _texts,
    "plugins": _texts,
    "plugin": _plugins,
    "subscription": _as_it_is,
    "addresses": _as_it_is,
    "messages": _texts,
    "wake": _text,
}


def _from(folder: Path, db: str) -> str:
    """Return a url whose SQLite file is looked for from a folder."""
    if not db.startswith("sqlite:///") or db.startswith("sqlite:////"):
        return db
    return f"sqlite:///{quote(str(folder))}/{db.removeprefix('sqlite:///')}"


def _placed(folder: Path, value: Any, key: str = "") -> Any:
    """Return the settings of a plugin with the files they name, such as `password_file`, in their places."""
    if isinstance(value, dict):
        return {name: _placed(folder, inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_placed(folder, inner, key) for inner in value]
    return str(folder / value) if key.endswith("file") and isinstance(value, str) else value
