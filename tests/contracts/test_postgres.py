from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from stagegate import Schema, Store, open_schema
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

    @pytest.fixture
    def schema(self, database: str) -> Iterator[Schema]:
        """Look at the same database without opening it as a store."""
        with closing(open_schema(database)) as schema:
            yield schema

    @pytest.fixture
    def stamp(self, database: str) -> Callable[[int], None]:
        """Write another version into the database."""

        def stamp(version: int) -> None:
            with psycopg.connect(database, autocommit=True) as raw:
                raw.execute("UPDATE stagegate.schema_version SET version = %s", (version,))

        return stamp
