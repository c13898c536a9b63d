"""What all clauses of the contract start from: the fixtures that a plugin author gives, and those made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from stagegate import Engine, MemoryStore, Schema, Store

from ._clock import ManualClock
from ._lives import desk, long_life, random_life, write


class Fixtures:
    """The fixtures of the contract. `store` has to be given; the others where a store outlives its process."""

    @pytest.fixture
    def store(self) -> Store:
        """Return an empty store; override it."""
        message = "override the fixture `store`: return an empty store, and close it when the test is over"
        raise NotImplementedError(message)

    @pytest.fixture
    def reopen(self) -> Callable[[], Store] | None:
        """Return what opens another store on the same place as `store`; None if the store forgets."""
        return None

    @pytest.fixture
    def anew(self, reopen: Callable[[], Store] | None) -> Callable[[], Store]:
        """Return what opens another store on the same place; skip the clause if the store forgets."""
        if reopen is None:
            pytest.skip("this store forgets: there is nothing to open anew")
        return reopen

    @pytest.fixture
    def schema(self) -> Schema | None:
        """Return the schema of the place of `store`; None if the store has none."""
        return None

    @pytest.fixture
    def stamp(self) -> Callable[[int], None] | None:
        """Return what writes down that the place of `store` has another version of the schema."""
        return None

    @pytest.fixture
    def clock(self) -> ManualClock:
        """Return the clock of the engines."""
        return ManualClock()

    @pytest.fixture
    def engine(self, store: Store, clock: ManualClock) -> Iterator[Engine]:
        """Have an engine on the store, whose every event but a note causes two notifications."""
        with desk(store, clock) as engine:
            yield engine

    @pytest.fixture
    def lived(self, store: Store) -> Store:
        """Return the store after a random life."""
        write(store, random_life())
        return store

    @pytest.fixture
    def mirror(self) -> MemoryStore:
        """Return a memory after the same life, to compare with."""
        memory = MemoryStore()
        write(memory, random_life())
        return memory

    @pytest.fixture
    def another(self, store: Store, anew: Callable[[], Store]) -> Iterator[Store]:
        """Open a second store on the same place, while the first is open."""
        # Some stores make their place when they are first written to.
        write(store, long_life("first", 1))
        second = anew()
        try:
            yield second
        finally:
            second.close()
