"""Shares of a body: more than one half, at least two thirds."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

import attrs

from ..exceptions import InvalidValue, quote

_MOST = 40  # characters of a fraction
_FRACTION = re.compile(r"\+?(\d+(/\d+)?|\d*\.\d+)")
_AT_LEAST = ">="


@attrs.define(frozen=True)
class Share:
    """
    A share of a body; written `"1/2"` where it must be more than that, and `">=2/3"` where that is enough.

    Attributes:
        of: The fraction.

        at_least: Whether exactly this fraction is enough.
    """

    of: Fraction
    at_least: bool = False

    def __str__(self) -> str:
        """Write it as a definition does."""
        return f"{_AT_LEAST if self.at_least else ''}{self.of}"

    def met(self, part: int, whole: int) -> bool:
        """Say whether *part* is so much of *whole*; nobody never is."""
        least = self.of * whole
        return part > 0 and (part >= least if self.at_least else part > least)

    def least(self, whole: int) -> int:
        """Return the smallest part that is so much of *whole*."""
        return max(1, self._above(self.of * whole))

    def further(self, part: int, whole: int) -> int | None:
        """Return how many have to be added to *part* and *whole* alike; None where no number will do."""
        if self.of == 1:
            return max(0, 1 - part) if part == whole else None
        return max(0, 1 - part, self._above((self.of * whole - part) / (1 - self.of)))

    def _above(self, limit: Fraction) -> int:
        return ceil(limit) if self.at_least else floor(limit) + 1


HALF = Share(Fraction(1, 2))
"""More than one half: the majority where none is named."""


def as_share(value: Any, where: str) -> Share | None:
    """Take a fraction, written or as a number, with `>=` before it where that much is enough."""
    if value is None or isinstance(value, Share):
        return value
    if isinstance(value, (float, bool)) or not isinstance(value, (str, int, Decimal, Fraction)):
        message = f"{where}: write it as a fraction, such as '1/2' or '>=2/3', not {quote(value)}"
        raise InvalidValue(message)
    said = value if isinstance(value, str) else _digits(value)
    at_least = said.startswith(_AT_LEAST)
    digits = said.removeprefix(_AT_LEAST).removeprefix(">").strip()
    try:
        if len(digits) > _MOST or not _FRACTION.fullmatch(digits):
            raise ValueError(digits)
        share = Share(Fraction(digits), at_least)
    except (ValueError, ZeroDivisionError):
        message = f"{where}: {quote(value)} is no fraction; write it as '1/2' or '>=2/3'"
        raise InvalidValue(message) from None
    if share.of > 1 or (share.of == 1 and not at_least):
        there = "be present" if where == "quorum" else "vote in favour"
        message = f"{where}: more than {share.of} of the members can never {there}; use less than one, such as '1/2'"
        raise InvalidValue(message)
    if at_least and not share.of:
        message = f"{where}: {quote(value)} asks for nothing; use more, such as '>=1/2'"
        raise InvalidValue(message)
    return share


def _digits(value: int | Decimal | Fraction) -> str:
    """Write a number that can be a share; one of very many digits is none."""
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() and abs(value.adjusted()) < _MOST else ""
    # What is more than the whole is told so, however many digits it has.
    return str(value) if -1 <= value <= 1 else "2"
