"""Every committed notification is delivered, none of what was rolled back, each under one id, whoever is killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Harness = Callable[..., tuple[int, dict[str, Any]]]


PLACES = pytest.mark.parametrize("place", ["sqlite", "postgresql"])


@PLACES
def test_everything_committed_is_delivered(harness: Harness, place: str) -> None:
    """After forty kills of producers and dispatchers all that was committed has been delivered, and nothing else."""
    ended, found = harness("outbox.py", "--kills", "40", "--place", place)

    assert ended == 0
    assert found["faults"] == []
    assert sum(found["died"].values()) == 40
    assert found["received"] >= found["told"] > 100


@pytest.mark.parametrize(
    "twin, word",
    [("hasty", "never delivered"), ("telling", "never committed")],
    ids=["hasty", "telling"],
)
def test_a_broken_twin_is_caught(harness: Harness, twin: str, word: str) -> None:
    """The harness sees it when a dispatcher settles before it sends, and when a producer tells before it commits."""
    ended, found = harness("outbox.py", "--kills", "100", "--twin", twin)

    assert ended == 0
    assert any(word in fault for fault in found["faults"]), found


@PLACES
def test_dispatchers_share_the_work(harness: Harness, place: str) -> None:
    """What eight writers cause in random order is delivered once each by three dispatchers, and settled."""
    ended, found = harness("dispatchers.py", "--rows", "200", "--place", place)

    assert ended == 0
    assert found["faults"] == []
    assert found["rows"] == 200
    assert sum(found["shares"]) == 200
    assert len(found["shares"]) == 3


def test_a_store_without_a_lease_is_caught(harness: Harness) -> None:
    """The harness sees it when a store hands out what another dispatcher has in hand."""
    ended, found = harness("dispatchers.py", "--rows", "200", "--twin", "unleased")

    assert ended == 0
    assert any("settled more than once" in fault for fault in found["faults"]), found
