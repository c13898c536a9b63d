"""One real Temporal server for all tests of this folder, and an office on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .scene import Office, Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a server that all tests may use, each by a queue of its own."""
    server = Server().start()
    yield server
    server.kill()


@pytest.fixture
def office(tmp_path: Path, server: Server) -> Office:
    """Return an office that has a queue of its own."""
    return Office(tmp_path, server.url(tmp_path.name[:90]))


@pytest.fixture(autouse=True)
def no_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no wishes of the environment's."""
    for name in [name for name in os.environ if name.startswith("STAGEGATE_")]:
        monkeypatch.delenv(name)
