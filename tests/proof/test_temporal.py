"""Woken by Temporal: workers and servers are killed, dates move, months pass; the store has the last word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Harness = Callable[..., tuple[int, dict[str, Any]]]


def test_worker_that_dies_in_the_midst_of_a_delivery(harness: Harness) -> None:
    """What a killed worker had in hand is delivered by another under the same id, and nothing is sent for being woken twice."""
    ended, found = harness("temporal.py", "deliveries", "--kills", "3")

    assert found["faults"] == []
    assert ended == 0
    assert found["found"]["notifications"] == 32
    assert found["found"]["died with"] > 0


def test_date_that_comes_while_everything_is_down(harness: Harness) -> None:
    """A date that passes while the server and all workers are dead is met once, and not where it has moved."""
    ended, found = harness("temporal.py", "dates", "--deals", "4")

    assert found["faults"] == []
    assert ended == 0
    assert found["found"] == {"deals": 4, "moved": 2}


def test_months(harness: Harness) -> None:
    """Over months, whatever the passing of time brings is recorded when it is due."""
    ended, found = harness("temporal.py", "months", "--steps", "10")

    assert found["faults"] == []
    assert ended == 0
    assert found["found"]["days"] > 200
    assert found["found"]["brought by time"] > 0


@pytest.mark.parametrize(
    "scene",
    [
        ("months", "--steps", "10", "--patience", "5", "--seed", "4"),
        ("deliveries", "--kills", "0", "--patience", "20"),
    ],
    ids=["months", "deliveries"],
)
def test_a_broken_twin_is_caught(harness: Harness, scene: tuple[str, ...]) -> None:
    """The harness sees it when a worker trusts what it was told first instead of the store."""
    ended, found = harness("temporal.py", *scene, "--twin", "trusting")
    # What is waited for is wrong; where that is a date in the past, it is recorded late, or looked at over and over.
    words = {
        "months": ("what is waited for is", "and recorded at", "over and over"),
        "deliveries": ("workers died with it",),
    }[scene[0]]

    assert ended == 0
    assert any(word in fault for fault in found["faults"] for word in words), found
