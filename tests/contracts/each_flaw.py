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


def contract_of(flaw: str) -> type[StoreContract]:
    """Return the contract on a store with one flaw."""

    class Flawed(StoreContract):
        @pytest.fixture
        def store(self, monkeypatch: pytest.MonkeyPatch) -> Store:
            # One that lets somebody in does so at once, and on a busy machine it is given the time.
            for room in (_others, _writing):
                monkeypatch.setattr(room, "A_MOMENT", 60)
            return FlawedStore(flaw)

        # Only clauses that are to find a flaw run here, so that it does no harm that this store forgets.
        @pytest.fixture
        def reopen(self, store: FlawedStore) -> Callable[[], Store]:
            return store.reopened

        @pytest.fixture
        def schema(self, store: FlawedStore) -> Schema:
            return FlawedSchema(store)

        @pytest.fixture
        def stamp(self, store: FlawedStore) -> Callable[[int], None]:
            return store.stamp

    Flawed.__name__ = Flawed.__qualname__ = class_name(flaw)
    return Flawed


globals().update({class_name(flaw): contract_of(flaw) for flaw in FLAWS})
