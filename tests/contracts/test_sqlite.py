"""The embedded store obeys the law of stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stagegate import Store
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
