"""Nothing that is made to lead elsewhere does: urls, names, words, by the thousand."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

Harness = Callable[..., tuple[int, dict[str, Any]]]


def test_nothing_goes_elsewhere(harness: Harness) -> None:
    """Of some thousand hostile urls, addresses and words none reaches, or adds, what it should not; plain ones arrive."""
    ended, found = harness("channels.py", "--cases", "1500")

    assert ended == 0
    assert found["faults"] == []
    assert all(count > 100 for count in found["met"].values()), found
    assert {"urls refused", "urls delivered", "words refused", "words delivered"} < set(found["met"])


@pytest.mark.parametrize(
    "twin, word",
    [("loose", "was asked|was called"), ("private", "would be called"), ("trusting", "it went to|the subject came as")],
    ids=["loose", "private", "trusting"],
)
def test_a_broken_twin_is_caught(harness: Harness, twin: str, word: str) -> None:
    """The harness sees it when urls are read loosely, addresses looked at briefly, words written down as they are."""
    ended, found = harness("channels.py", "--cases", "1500", "--twin", twin)

    assert ended == 0
    assert any(re.search(word, fault) for fault in found["faults"]), found
