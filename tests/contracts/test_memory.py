"""The memory obeys the law of stores."""

from __future__ import annotations

import pytest

from stagegate import MemoryStore, Store
from stagegate.testing import StoreContract


class TestMemoryStore(StoreContract):
    """Every clause, on `MemoryStore`."""

    @pytest.fixture
    def store(self) -> Store:
        """Return a new memory."""
        return MemoryStore()
