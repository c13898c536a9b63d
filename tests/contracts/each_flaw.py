"""One test class for each flaw: run by test_contract_itself.py in a process of its own, since it has to fail."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stagegate import Schema, Store
from stagegate.testing import StoreContract, _others, _writing

from .flawed import FLAWS, FlawedSchema, FlawedStore


def class_name(flaw: str) -> str:
    """Return what the test class of a flaw is called."""
    return "Test" + flaw.title().replace(" ", "")


class Versioned:
    """The fixtures of a store that has a schema, of one that only seems to be opened anew."""

    @pytest.fixture
    def reopen(self, store: FlawedStore) -> Callable[[], Store]:
        """Return what looks at the version, as whoever opens it does."""
        return store.reopened

    @pytest.fixture
    def schema(self, store: FlawedStore) -> Schema:
        """Return its schema."""
        return FlawedSchema(store)

    @pytest.fixture
    def stamp(self, store: FlawedStore) -> Callable[[int], None]:
        """Return what writes another version."""
        return store.stamp


def contract_of(flaw: str) -> type[StoreContract]:
    """Return the contract on a store with one flaw."""

    # Only clauses that are to find a flaw run here, so that it does no harm that this store forgets.
    class Flawed(Versioned, StoreContract):
        @pytest.fixture
        def store(self, monkeypatch: pytest.MonkeyPatch) -> Store:
            # One that lets somebody in does so at once, and on a busy machine it is given the time.
            for room in (_others, _writing):
                monkeypatch.setattr(room, "A_MOMENT", 60)
            return FlawedStore(flaw)

    Flawed.__name__ = Flawed.__qualname__ = class_name(flaw)
    return Flawed


globals().update({class_name(flaw): contract_of(flaw) for flaw in FLAWS})
