"""Callers who share a durable commit are answered after it, and share it wholly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Harness = Callable[..., tuple[int, dict[str, Any]]]


def test_no_group_is_lost_or_torn(harness: Harness) -> None:
    """After twenty kills of a process with eight threads, every answered change is there, and no group by halves."""
    ended, found = harness("groups.py", "--kills", "20")

    assert ended == 0
    assert found["faults"] == []
    assert sum(found["died"].values()) == 20
    assert max(map(int, found["groups"])) > 1
    assert found["acknowledged"] > 0


@pytest.mark.parametrize("twin, word", [("torn", "of a group of"), ("early", "is lost")], ids=["torn", "early"])
def test_a_broken_twin_is_caught(harness: Harness, twin: str, word: str) -> None:
    """The harness sees it when each of a group commits by itself, and when all are answered before the commit."""
    ended, found = harness("groups.py", "--kills", "100", "--twin", twin)

    assert ended == 0
    assert any(word in fault for fault in found["faults"]), found
