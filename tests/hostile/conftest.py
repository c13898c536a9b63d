"""Both stores, each with an agreement before its first gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stagegate import Engine
from stagegate.testing import ManualClock

from .office import BOSS, Office, pact


def _office(url: str) -> Iterator[Office]:
    clock = ManualClock()
    with Engine.open(url, processes=[pact()], clock=clock) as engine:
        engine.start("pact", "deal", title="The deal", by=BOSS)
        clock.advance(minutes=1)
        yield Office(engine, clock, url)


@pytest.fixture(params=["memory", "sqlite"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """Open an engine on each store."""
    yield from _office("memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'office.db'}")


@pytest.fixture
def filed(tmp_path: Path) -> Iterator[Office]:
    """Open an engine on a file."""
    yield from _office(f"sqlite:///{tmp_path / 'office.db'}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name the file of `filed`."""
    return tmp_path / "office.db"


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Open an engine on each store, for all tests that only try what is refused."""
    folder = tmp_path_factory.mktemp("shared")
    yield from _office("memory:" if request.param == "memory" else f"sqlite:///{folder / 'office.db'}")
