from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from stagegate import Store
from stagegate.contrib.postgres import PostgresStore
from stagegate.testing import StoreContract


class TestPostgresStore(StoreContract):
    """The store for many machines obeys the contract."""

    @pytest.fixture
    def store(self, database: str) -> Iterator[Store]:
        """Open a store on an empty database."""
        store = PostgresStore(database)
        yield store
        store.close()

    @pytest.fixture
    def reopen(self, database: str, store: Store) -> Callable[[], Store]:
        """Return what opens another store on the same database."""
        return lambda: PostgresStore(database)
