"""Killed at any instant, a change has wholly happened or not at all; what was acknowledged is never lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Harness = Callable[..., tuple[int, dict[str, Any]]]


def test_nothing_is_lost_or_torn(harness: Harness) -> None:
    """After thirty kills, most of them in mid-transaction, everything is whole, and what was acknowledged is there."""
    ended, found = harness("kills.py", "--kills", "30")

    assert ended == 0
    assert found["faults"] == []
    assert sum(found["died"].values()) == 30
    assert found["died"]["in a transaction"] > 15
    assert found["acknowledged"] > 0


@pytest.mark.parametrize("twin, word", [("split", "missing in the outbox"), ("late", "is lost")], ids=["split", "late"])
def test_a_broken_twin_is_caught(harness: Harness, twin: str, word: str) -> None:
    """The harness sees it when notifications are written after the commit, and when a commit is only promised."""
    ended, found = harness("kills.py", "--kills", "200", "--twin", twin)

    assert ended == 0
    assert any(word in fault for fault in found["faults"]), found
