"""What falls due happens once, and a late vote and a sweep never both win, whatever the number of processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Harness = Callable[..., tuple[int, dict[str, Any]]]
SHORT = ("--processes", "4", "--rounds", "25")


def test_exactly_one_decides(harness: Harness) -> None:
    """Four sweepers and a voter bring exactly one outcome for each due date: the vote, or the decision by silence."""
    ended, found = harness("sweeps.py", *SHORT)
    heard = found["heard"]

    assert ended == 0
    assert found["faults"] == []
    assert heard.get("decided", 0) + heard.get("voted", 0) == 25
    assert heard.get("refused", 0) == heard.get("decided", 0)


def test_a_broken_twin_is_caught(harness: Harness) -> None:
    """The harness sees it when the store reads outside its lock."""
    ended, found = harness("sweeps.py", *SHORT, "--twin", "unlocked")

    assert ended == 0
    assert any("were told that they won" in fault for fault in found["faults"]), found
