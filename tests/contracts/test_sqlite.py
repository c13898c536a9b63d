"""The embedded store obeys the law of stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stagegate import Schema, Store, open_schema
from stagegate.contrib.sqlite import SQLiteStore
from stagegate.testing import StoreContract


class TestSQLiteStore(StoreContract):
    """Every clause, on a file."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """Open a new file."""
        with closing(SQLiteStore(str(tmp_path / "agreements.db"))) as store:
            yield store

    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Callable[[], Store]:
        """Open the same file once more."""
        return lambda: SQLiteStore(str(tmp_path / "agreements.db"))

    @pytest.fixture
    def schema(self, tmp_path: Path) -> Iterator[Schema]:
        """Look at the same file without opening it as a store."""
        with closing(open_schema(f"sqlite:///{tmp_path / 'agreements.db'}")) as schema:
            yield schema

    @pytest.fixture
    def stamp(self, tmp_path: Path) -> Callable[[int], None]:
        """Write another version into the file."""

        def stamp(version: int) -> None:
            with closing(sqlite3.connect(tmp_path / "agreements.db")) as raw:
                raw.execute(f"PRAGMA user_version = {version}")

        return stamp
