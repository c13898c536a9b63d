"""What can be written as an argument: instants, dates, values, parties, results of votes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

import click

from stagegate import InvalidValue, Party

_PARTY = re.compile(r",(?=(?:id|name|kind|country)=)")
_MAX_DIGITS = 20


class Instant(click.ParamType[datetime]):
    """A moment with its zone, in ISO 8601."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment, or say what is wrong with it."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no moment; write it like 2025-07-24T09:00+07:00", param, ctx)
        if moment.utcoffset() is None:
            self.fail(f"{value!r} has no zone; say which, like 2025-07-24T09:00+07:00", param, ctx)
        return moment


class Day(click.ParamType[date]):
    """A date, in ISO 8601."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the date, or say what is wrong with it."""
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write it like 2025-07-24", param, ctx)


class Pair(click.ParamType[tuple[str, Any]]):
    """A name and a value, `name=value`; the value is JSON if it can be read as such, and text otherwise."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Return the name and the value."""
        name, mark, said = value.partition("=")
        if not mark or not name.strip():
            self.fail(f"{value!r} is no pair; write name=value", param, ctx)
        return name.strip(), value_of(said)


class Way(click.ParamType[tuple[str, str]]):
    """Two ids, `old=new`."""

    name = "old=new"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return both."""
        old, mark, new = value.partition("=")
        if not mark or not old.strip() or not new.strip():
            self.fail(f"{value!r} is no pair; write old=new", param, ctx)
        return old.strip(), new.strip()


class Assumption(Way):
    """A stage and the period it is assumed to take, `stage=period`."""

    name = "stage=period"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return both."""
        stage, mark, period = value.partition("=")
        if not mark or not stage.strip() or not period.strip():
            self.fail(f"{value!r} says nothing of a stage; write it like draft_agreement=30 workdays", param, ctx)
        return stage.strip(), period.strip()


class Count(Pair):
    """A name and a whole number, `name=number`."""

    name = "name=number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Return the name and the number."""
        name, number = super().convert(value, param, ctx)
        if type(number) is not int:
            self.fail(f"{value!r}: a whole number is needed, like members=50", param, ctx)
        return name, number


class PartyType(click.ParamType[Party]):
    """A party: `bekasi`, or `id=bekasi,name=Kota Bekasi,kind=local_government,country=ID`."""

    name = "party"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Party:
        """Return the party, or say what is wrong with it."""
        given: dict[str, str] = {}
        for part in _PARTY.split(value if value.startswith("id=") else f"id={value}"):
            name, _, said = part.partition("=")
            if name in given:
                self.fail(f"{value!r} gives {name} twice", param, ctx)
            given[name] = said
        try:
            return Party(given.pop("id"), **given)
        except InvalidValue as error:
            self.fail(str(error), param, ctx)


class _NotJSON(ValueError):
    """It is written otherwise, so it is text."""


def _constant(said: str) -> NoReturn:
    raise _NotJSON(said)  # NaN and Infinity are no JSON


def _integer(said: str) -> int:
    if len(said) > _MAX_DIGITS:
        message = (
            f"the integer {said[:_MAX_DIGITS]}… is too large to be recorded; put it in quotes to record it as text"
        )
        raise click.UsageError(message)
    return int(said)


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        message = f"a JSON table has one key twice: {', '.join(key for key, _ in pairs)}"
        raise click.UsageError(message)
    return table


def value_of(said: str) -> Any:
    """
    Return what *said* is as JSON, or the text itself; decimal fractions keep their digits.

    Raises:
        click.UsageError: If it is JSON of a kind that cannot be recorded.
    """
    try:
        return json.loads(
            said, parse_float=Decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_table
        )
    except ValueError:
        return said
    except RecursionError:
        message = "the value is nested too deeply to be recorded"
        raise click.UsageError(message) from None


def table(pairs: Iterable[tuple[str, Any]], option: str) -> dict[str, Any]:
    """
    Return the pairs of a repeated option as a table.

    Raises:
        click.UsageError: If a name is given twice.
    """
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            message = f"{option}: {name} is given twice"
            raise click.UsageError(message)
        made[name] = value
    return made
