"""The store obeys the law of stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stagegate import Store
from stagegate.testing import StoreContract
from stagegate_registry import FolderStore


class TestFolderStore(StoreContract):
    """Every clause, on a folder."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """Open a new folder."""
        with closing(FolderStore(tmp_path / "histories")) as store:
            yield store

    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Callable[[], Store]:
        """Open the same folder once more."""
        return lambda: FolderStore(tmp_path / "histories")
