"""Facts: that a value is recorded, and what it must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from operator import ge, gt, le, lt
from typing import Any

import attrs

from .._attempt import Attempt
from .._fields import Reader, optional, reads
from .._plain import plain, slug
from .._reasons import Unmet
from .._requirements import Requirement, gather
from .._text import frozendict
from ..exceptions import DefinitionError, InvalidValue, quote
from .values import UNSET, Ref, as_table, as_value, look_up, same, spread, values, written


def _number(value: Any) -> Decimal | date | None:
    """Return what can be put in order: a number, or an ISO date; None if it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, str)):
        try:
            number = Decimal(value)
        except InvalidOperation:
            pass
        else:
            return number if number.is_finite() else None
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            return None
    return None


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "at_least": ge,
    "at_most": le,
    "above": gt,
    "below": lt,
}


def _limit(value: Any, where: str) -> Any:
    value = as_value(value, where)
    if not isinstance(value, Ref) and _number(value) is None:
        message = f"{where}: a number or an ISO date is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


def _optional(reader: Reader) -> Reader:
    return lambda value, where: value if value is UNSET else reader(value, where)


def _where(value: Any, where: str) -> Any:
    return plain(as_table(value, where), where)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class FactRequirement(Requirement):
    """A fact must be recorded and be so; `fact` makes it."""

    fact: str = attrs.field(metadata=reads(slug))
    equals: Any = attrs.field(default=UNSET, metadata=reads(_optional(as_value)))
    one_of: tuple[Any, ...] = attrs.field(default=(), metadata=reads(values))
    at_least: Any = attrs.field(default=UNSET, metadata=reads(_optional(_limit)))
    at_most: Any = attrs.field(default=UNSET, metadata=reads(_optional(_limit)))
    above: Any = attrs.field(default=UNSET, metadata=reads(_optional(_limit)))
    below: Any = attrs.field(default=UNSET, metadata=reads(_optional(_limit)))
    each: str = attrs.field(default="", metadata=reads(optional(slug)))
    where: frozendict = attrs.field(factory=frozendict, metadata=reads(_where))
    unless: str = attrs.field(default="", metadata=reads(optional(slug)))

    def __attrs_post_init__(self) -> None:
        """Refuse what means nothing."""
        if (self.where or self.unless) and not self.each:
            raise DefinitionError([("each", "where and unless choose among entries; say which field of each is meant")])

    def empty(self) -> str:
        """Return why no value can be as it must be; empty where one can, or where it depends on other facts."""
        if self.each:
            # Where no entry is meant, nothing is asked of any.
            return ""
        for floor in (self.at_least, self.above):
            for ceiling in (self.at_most, self.below):
                low, high = _number(floor), _number(ceiling)
                if low is None or type(low) is not type(high):
                    continue
                touching = floor is self.above or ceiling is self.below
                if low > high or (touching and low == high):  # type: ignore[operator]
                    return f"the fact {self.fact} cannot be {floor} or more and {ceiling} or less"
        return ""

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return why the fact is not as it must be."""
        found = attempt.agreement.facts.get(self.fact)
        if found is None or found.value is None:
            return (self.why("fact.missing", fact=self.fact),)
        value = found.value
        if self.each:
            return tuple(self._entries(value, attempt))
        return tuple(
            self.why(code, fact=self.fact, value=value, **params) for code, params in self._wrong(value, attempt)
        )

    def _wrong(self, value: Any, attempt: Attempt) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.equals is not UNSET:
            expected = look_up(self.equals, attempt)
            if not same(value, expected):
                yield "fact.equals", {"expected": expected}
        if self.one_of:
            choices = spread(self.one_of, attempt)
            if not any(same(value, choice) for choice in choices):
                yield "fact.one_of", {"expected": tuple(choices)}
        for argument, holds in _COMPARISONS.items():
            wanted = getattr(self, argument)
            if wanted is UNSET:
                continue
            limit = look_up(wanted, attempt)
            mine, theirs = _number(value), _number(limit)
            if mine is None or type(mine) is not type(theirs) or not holds(mine, theirs):
                yield f"fact.{argument}", {"expected": limit}

    def _entries(self, value: Any, attempt: Attempt) -> Iterator[Unmet]:
        if not isinstance(value, frozendict) or not all(isinstance(entry, frozendict) for entry in value.values()):
            yield self.why("fact.shape", fact=self.fact, value=value)
            return
        meant = {
            k: entry for k, entry in value.items() if not self.unless or entry.get(self.unless) in (None, "", False)
        }
        if not meant:
            yield self.why("fact.no_entries", fact=self.fact)
        for name_, entry in meant.items():
            if any(not same(entry.get(field), wanted) for field, wanted in self.where.items()):
                continue
            mine = entry.get(self.each)
            if mine in (None, ""):
                yield self.why("fact.each_missing", fact=self.fact, entry=name_, field=self.each)
                continue
            for code, params in self._wrong(mine, attempt):
                comparison = code.removeprefix("fact.")
                each = "fact.each" if comparison == "equals" else f"fact.each_{comparison}"
                yield self.why(each, fact=self.fact, entry=name_, field=self.each, value=mine, **params)

    def asks(self) -> dict[str, Any]:
        table: dict[str, Any] = {"fact": self.fact}
        for argument in ("equals", *_COMPARISONS):
            if (value := getattr(self, argument)) is not UNSET:
                table[argument] = written(value)
        for argument in ("one_of", "each", "where", "unless"):
            if value := getattr(self, argument):
                table[argument] = written(value)
        return table

    def short(self) -> str:
        return f"fact:{self.fact}.{self.each}" if self.each else f"fact:{self.fact}"


def fact(name: str, /, **asks: Any) -> FactRequirement:
    """
    Require a recorded fact.

    Args:
        name: Which, such as `diplomatic_relations`.

        asks: What its value must be: `equals`, `one_of`, `at_least`, `at_most`, `above`, `below` (numbers and ISO
            dates);
            nothing: it must only be there. With `each`, the fact is a table of entries, and what is asked holds for
            this field of every entry that has the values `where` and lacks the field `unless`.
            Further the attributes of `Requirement`. Values may be `value_of(fact)`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(FactRequirement, fact=name, **asks)
