"""What the tests of hooks share: a small process, people, a clock, and packages that look installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate import Actor, Process, Stage, fact, unguarded
from stagegate.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """Stand still until told otherwise."""
    return ManualClock()


@pytest.fixture
def boss() -> Actor:
    """Own every stage that the tests make."""
    return Actor(id="ann", roles={"boss"})


@pytest.fixture
def process() -> Process:
    """Make a process of three stages: the first open, the second not."""
    return Process(
        id="p",
        version="1",
        stages=(
            Stage("a", owner="boss", gate=unguarded("x"), back_to="a"),
            Stage("b", owner="boss", gate=fact("f")),
            Stage("c", owner="boss"),
        ),
    )


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return what installs a package of one module that names itself as a plugin, for the length of a test."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, source: str) -> None:
        module = f"installed_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        about = tmp_path / f"{module}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
        (about / "entry_points.txt").write_text(f"[stagegate]\n{name} = {module}\n", encoding="utf-8")

    return install
