"""The pages of the documentation, as the tests here read them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def page() -> Callable[[str], str]:
    """Return what reads a page, by its path in the repository."""
    return lambda path: (ROOT / path).read_text(encoding="utf-8")


@pytest.fixture
def section(page: Callable[[str], str]) -> Callable[[str, str], str]:
    """Return what reads a section of a page: from its heading to the next one of the same depth or above."""

    def read(path: str, heading: str) -> str:
        text = page(path)
        found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
        assert found, f"{path} has no section {heading!r}"
        following = re.compile(rf"^#{{1,{len(found[1])}}} ", re.MULTILINE).search(text, found.end())
        return text[found.end() : following.start() if following else None]

    return read
