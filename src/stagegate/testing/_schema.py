"""Clauses of the contract: the version of the schema, where a store has one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stagegate import Schema, Store, StoreError

from ._base import Fixtures
from ._lives import long_life, write
from ._writing import everything


class Schemas(Fixtures):
    """The versions of the schema. Skipped for a store that has none."""

    @pytest.fixture
    def versioned(self, store: Store, schema: Schema | None) -> Schema:
        """Have the schema of a place at which there is something."""
        if schema is None:
            pytest.skip("this store has no schema")
        write(store, long_life("a", 2))
        return schema

    @pytest.fixture
    def stamping(self, stamp: Callable[[int], None] | None) -> Callable[[int], None]:
        """Have what writes down another version at the place."""
        if stamp is None:
            pytest.skip("nobody says how another version is written down")
        return stamp

    def test_schema_of_what_is_open(self, store: Store, versioned: Schema) -> None:
        """S160: a place that was opened has the newest version of its schema; looking at that changes nothing."""
        before = everything(store)

        assert versioned.newest == versioned.version() == versioned.version()
        assert before == everything(store)

    def test_schema_that_is_up_to_date(self, store: Store, versioned: Schema) -> None:
        """S161: to bring up to date what is so passes through no version, and changes nothing."""
        before = everything(store)

        assert list(versioned.upgrade()) == []
        assert (before, versioned.newest) == (everything(store), versioned.version())

    def test_schema_that_is_newer(
        self, store: Store, versioned: Schema, stamping: Callable[[int], None], anew: Callable[[], Store]
    ) -> None:
        """S162: what a newer version has written is neither opened nor brought up to date, and nothing is written."""
        before = everything(store)
        store.close()
        stamping(versioned.newest + 1)
        for refused in (anew, versioned.upgrade):
            with pytest.raises(StoreError, match=rf"\b{versioned.newest + 1}\b"):
                refused()

        assert versioned.newest + 1 == versioned.version()
        stamping(versioned.newest)
        again = anew()
        assert before == everything(again)
        again.close()

    def test_schema_that_is_older(
        self, store: Store, versioned: Schema, stamping: Callable[[int], None], anew: Callable[[], Store]
    ) -> None:
        """S163: what an older version has written is not opened; the command that brings it up to date is named."""
        before = everything(store)
        store.close()
        stamping(versioned.newest - 1)
        with pytest.raises(StoreError, match="stagegate db upgrade"):
            anew()

        assert versioned.newest - 1 == versioned.version()
        stamping(versioned.newest)
        again = anew()
        assert before == everything(again)
        again.close()
