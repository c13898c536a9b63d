from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def links(text: str) -> Iterator[str]:
    """Return where a page links to inside the repository."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not target.startswith(("http:", "https:", "mailto:", "#")):
            yield target


def heading_anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page, made as MyST and GitHub make them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_link_leads_somewhere(path: Path) -> None:
    """Every link inside the repository leads to a file that is there, and to a heading in it."""
    dead = set()
    for target in links(path.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = path.parent / name
        if not file.exists() or (anchor and anchor not in heading_anchors(file.read_text(encoding="utf-8"))):
            dead.add(target)

    assert set() == dead


def test_pages_are_found() -> None:
    """The pages are where this file looks for them."""
    assert {"README.md", "index.md", "hooks.md"} <= {path.name for path in PAGES}
