"""What was acknowledged survives a crash of the database server, and every unknown outcome can be resolved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Harness = Callable[..., tuple[int, dict[str, Any]]]


def test_nothing_acknowledged_is_lost(harness: Harness) -> None:
    """After three crashes of the server, each of its own kind, all that was acknowledged is there, and nothing twice."""
    ended, found = harness("crashes.py", "--crashes", "3")

    assert ended == 0
    assert found["faults"] == []
    assert found["crashes"] == {"first killed": 1, "all killed": 1, "stopped at once": 1}
    assert found["acknowledged"] > 0
    assert found["happened"] + found["undone"] + found["broken"] > 0


def test_a_client_that_takes_unknown_for_done_is_caught(harness: Harness) -> None:
    """The harness sees it when a client does not ask what became of an unknown outcome."""
    ended, found = harness("crashes.py", "--crashes", "6", "--twin", "trusting")

    assert ended == 0
    assert any("taken for done" in fault for fault in found["faults"]), found
