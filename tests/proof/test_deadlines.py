"""Any deadline in any zone is the one that a slow and simple reckoning finds, and its explanation adds up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Harness = Callable[..., tuple[int, dict[str, Any]]]


def test_two_reckonings_agree(harness: Harness) -> None:
    """Of a thousand random deadlines of every unit, none is early, late, twice or skipped, and all of them add up."""
    ended, found = harness("deadlines.py", "--cases", "1000")

    assert ended == 0
    assert found["faults"] == []
    assert sum(found["met"].values()) == 1000
    assert min(found["met"].values()) > 50


@pytest.mark.parametrize(
    "twin, word",
    [("hasty", "early or late"), ("naive", "the day ends at"), ("double", "early or late")],
    ids=["hasty", "naive", "double"],
)
def test_a_broken_twin_is_caught(harness: Harness, twin: str, word: str) -> None:
    """The harness sees a count that begins a day early, a day that ends at the first midnight, pauses that count twice."""
    ended, found = harness("deadlines.py", "--twin", twin, "--seed", "3")

    assert ended == 0
    assert word in found["faults"][0], found
