"""Of a whole that asks for its parts and the parts that are moved meanwhile, one has always seen the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Harness = Callable[..., tuple[int, dict[str, Any]]]
SHORT = ("--processes", "4", "--rounds", "20")


def test_one_order(harness: Harness) -> None:
    """What every event says it read of the others leaves one order in which they happened; nobody rested on what had changed."""
    ended, found = harness("families.py", *SHORT)
    heard = found["heard"]

    assert ended == 0
    assert found["faults"] == []
    assert {"sent back": 40, "started": 20} == {word: heard[word] for word in ("sent back", "started")}
    assert heard.get("advanced", 0) + heard.get("refused", 0) == 20


def test_a_broken_twin_is_caught(harness: Harness) -> None:
    """The harness sees it when the store reads others before it takes its lock."""
    ended, found = harness("families.py", *SHORT, "--twin", "early")

    assert ended == 0
    assert any("neither seen the other" in fault for fault in found["faults"]), found
