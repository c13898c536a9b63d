"""The store obeys the law of stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stagegate import Entry, Store, StoreError
from stagegate.testing import StoreContract, make_agreement
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


def test_unit_kept_too_long(tmp_path: Path) -> None:
    """A unit that is kept beyond its block, and with it beyond its lock, commits no more."""
    with closing(FolderStore(tmp_path)) as store:
        with store.unit("a") as unit:
            pass
        with pytest.raises(StoreError, match="inside its block"):
            unit.commit(make_agreement("a"), Entry(n=1, body=b"{}", hash=bytes(32)), (), None)

        assert store.get("a") is None
