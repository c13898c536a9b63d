"""What the tests of the embedded store share: a process with one gate, a channel, and an engine on a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stagegate import Engine

from ..exchange import PROCESS, Bell


@pytest.fixture
def bell() -> Bell:
    """Return the channel."""
    return Bell()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the file is, or will be."""
    return tmp_path / "agreements.db"


@pytest.fixture
def engine(file: Path, bell: Bell) -> Iterator[Engine]:
    """Open an engine on a new file, that waits for a lock shortly."""
    with Engine.open(f"sqlite:///{file}?timeout=0.2", processes=[PROCESS], plugins=[bell]) as engine:
        yield engine


@pytest.fixture
def rows(file: Path) -> Callable[[str], list[Any]]:
    """Return a way to ask the file by another connection."""

    def asked(sql: str) -> list[Any]:
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute(sql).fetchall()

    return asked
