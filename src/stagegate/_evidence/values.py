"""Values inside requirements: as a definition writes them, and as they are looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

import attrs

from .._attempt import Attempt
from .._plain import key, plain, slug
from .._text import frozendict
from ..exceptions import InvalidValue, quote


class Unset(Enum):
    """Says that nothing is asked of a value; None is a value."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@attrs.define(frozen=True)
class Ref:
    """
    A value that is looked up in a recorded fact when a requirement is asked; in TOML `{ fact = "name" }`.

    Attributes:
        fact: The name of the fact.
    """

    fact: str


def value_of(fact: str) -> Ref:
    """Return a reference to the value of a fact, for use inside a requirement."""
    return Ref(slug(fact, "fact"))


def look_up(value: Any, attempt: Attempt) -> Any:
    return attempt.fact(value.fact) if isinstance(value, Ref) else value


def spread(values: Iterable[Any], attempt: Attempt) -> list[Any]:
    """Return the values, each reference replaced by the value or the values it stands for."""
    spread: list[Any] = []
    for value in values:
        found = look_up(value, attempt)
        if isinstance(value, Ref) and isinstance(found, tuple):
            spread.extend(found)
        elif found is not None:
            spread.append(found)
    return spread


def written(value: Any) -> Any:
    """Return a value, or the values of a collection, as a definition writes them."""
    if isinstance(value, Ref):
        return {"fact": value.fact}
    if isinstance(value, tuple):
        return [written(item) for item in value]
    return value


def as_value(value: Any, where: str) -> Any:
    """Take a value of a definition: plain data, a reference, or a table `{ fact = "name" }` that means one."""
    if isinstance(value, Ref):
        return value
    if isinstance(value, Mapping) and set(value) == {"fact"}:
        return Ref(slug(value["fact"], where))
    return plain(value, where)


def values(value: Any, where: str) -> tuple[Any, ...]:
    if isinstance(value, (str, Ref, Mapping)) or not isinstance(value, Iterable):
        value = (value,)
    return tuple(as_value(item, where) for item in value)


def words(value: Any, where: str) -> tuple[Any, ...]:
    """Take texts, or references to them."""
    for item in (several := values(value, where)):
        if not isinstance(item, (str, Ref)):
            message = f"{where}: a text is needed, not {quote(item)}"
            raise InvalidValue(message)
    return several


def as_keys(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        message = f"{where}: a name or a list of names is needed, not {quote(value)}"
        raise InvalidValue(message)
    return tuple(key(item, where) for item in value)


def as_table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        message = f"{where}: a table is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


def as_flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        message = f"{where}: true or false is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


def as_count(value: Any, where: str) -> int:
    if type(value) is not int or value < 1:
        message = f"{where}: a whole number from 1 is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


def same(value: Any, expected: Any) -> bool:
    """Compare without taking true for 1."""
    return value == expected and isinstance(value, bool) == isinstance(expected, bool)


def persons(value: Any) -> tuple[str, ...] | None:
    """Return the ids of the persons that a fact lists; None where it lists something else."""
    # By identity and type: 0 is no list of persons, and false says that there are none.
    several = () if value is None or value is False or value == "" else listed(value)
    return several if all(isinstance(person, str) for person in several) else None


def listed(value: Any) -> tuple[Any, ...]:
    """Return the values of a list, the keys of a table, or the one value there is."""
    if isinstance(value, frozendict):
        return tuple(value)
    return value if isinstance(value, tuple) else (value,)
