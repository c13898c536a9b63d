"""How the fields of a value read what they are given: each with its own reader, all faults at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import attrs

from .exceptions import DefinitionError, InvalidValue, join, quote

Reader = Callable[[Any, str], Any]
"""Takes a value and the name of the field, and returns what the field holds, or says what is wrong."""

T = TypeVar("T")


def reads(reader: Reader) -> dict[str, Reader]:
    """Return the metadata of a field that is read by *reader*."""
    return {"reader": reader}


@cache
def _readers(kind: type[Any]) -> tuple[tuple[str, Reader | None], ...]:
    """Return the fields of *kind*, each with its reader."""
    return tuple((field.name, field.metadata.get("reader")) for field in attrs.fields(kind))


def collected(kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the fields of *kind*, read from what is given; the faults of all of them are raised together.

    Raises:
        DefinitionError: With every fault, each under the name of its field.
    """
    faults: list[tuple[str, str]] = []
    good: dict[str, Any] = {}
    for name, reader in _readers(kind):  # type: ignore[arg-type]  # a class is hashable
        if name not in given:
            continue
        try:
            good[name] = given[name] if reader is None else reader(given[name], name)
        except DefinitionError as error:
            faults.extend((join(name, path), sentence) for path, sentence in error.faults)
        except (InvalidValue, TypeError) as error:
            faults.append((name, str(error).removeprefix(f"{name}: ")))
    if faults:
        raise DefinitionError(faults)
    return good


def valued(kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the fields of a value that is recorded, read from what is given.

    Raises:
        InvalidValue: With every fault, each under the names of the kind and the field.
    """
    try:
        return collected(kind, given)
    except DefinitionError as error:
        raise invalid(kind, error) from None


def invalid(kind: type[Any], error: DefinitionError) -> InvalidValue:
    """Return the faults of a value that is recorded as one error, each under the names of the kind and the field."""
    word = kind.__name__.lower()
    return InvalidValue(
        "; ".join(
            f"{word}.{sentence}" if sentence.startswith(f"{path}.") else f"{join(word, path)}: {sentence}"
            for path, sentence in error.faults
        )
    )


def listed(value: object, where: str, example: str) -> list[Any]:
    """Return what an argument lists; a single text, path or table in its place would be taken apart."""
    if isinstance(value, (str, bytes, Path, Mapping)) or not isinstance(value, Iterable):
        message = f"{where}: a list is needed, such as [{example}], not {quote(value)}"
        raise InvalidValue(message)
    return list(value)


def place(key: object) -> str:
    """Return the key of a table as a path can hold it: short, and whatever it is."""
    return quote(key)[1:-1] if isinstance(key, str) else quote(key)


def optional(reader: Reader) -> Reader:
    """Return a reader that also takes nothing: None or an empty text."""

    def read(value: Any, where: str) -> Any:
        return value if value is None or value == "" else reader(value, where)

    return read
