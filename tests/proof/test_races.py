"""For any agreement and number there is at most one committed event, whatever the number of processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Harness = Callable[..., tuple[int, dict[str, Any]]]
SHORT = ("--processes", "4", "--rounds", "25")


def test_exactly_one_wins(harness: Harness) -> None:
    """Of four processes that saw the same agreement exactly one changes it, and the others hear of the conflict."""
    ended, found = harness("races.py", *SHORT)

    assert ended == 0
    assert found == {"rounds": 25, "heard": {"won": 25, "conflict": 75}, "faults": []}


@pytest.mark.parametrize("twin", ["blind", "unlocked"])
def test_a_broken_twin_is_caught(harness: Harness, twin: str) -> None:
    """The harness sees it when versions are not compared, and when the store reads outside its lock."""
    ended, found = harness("races.py", *SHORT, "--twin", twin)

    assert ended == 0
    assert any("of 4 won" in fault for fault in found["faults"]), found


def test_exactly_one_wins_though_sessions_are_terminated(harness: Harness) -> None:
    """On PostgreSQL it is the same while sessions are terminated in mid-transaction: what is unknown is resolved."""
    ended, found = harness("races.py", "--place", "postgresql", *SHORT)

    assert ended == 0
    assert found["faults"] == []
    assert found["heard"] == {"won": 25, "conflict": 75}
    assert found["terminated"] > 5


@pytest.mark.parametrize("twin", ["blind", "uncompared"])
def test_a_broken_twin_on_postgresql_is_caught(harness: Harness, twin: str) -> None:
    """The harness sees it there when versions are not compared, by the engine or where the row is written."""
    ended, found = harness("races.py", "--place", "postgresql", *SHORT, "--twin", twin)

    assert ended == 0
    assert any("of 4 won" in fault for fault in found["faults"]), found
