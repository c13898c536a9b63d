"""What one sees of the file while another writes to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import attrs
import pytest

from stagegate import Engine, StoreError
from stagegate.contrib.sqlite import _store

from ..exchange import CLERK, PROCESS


@attrs.frozen
class Watched:
    """A connection beside which something is done before each question."""

    connection: sqlite3.Connection
    first: Callable[[], object]

    def execute(self, *asked: Any) -> sqlite3.Cursor:
        """Do it, and ask."""
        self.first()
        return self.connection.execute(*asked)


@pytest.fixture
def other(engine: Engine, file: Path) -> Iterator[Engine]:
    """Open the same file once more, and wait for no lock."""
    with Engine.open(f"sqlite:///{file}?timeout=0.01", processes=[PROCESS]) as other:
        yield other


@pytest.mark.parametrize("look", ["batch", "beside"])
@pytest.mark.parametrize("joined", [False, True], ids=["its own", "of a host"])
def test_verifying_sees_one_moment(
    engine: Engine, file: Path, other: Engine, look: str, monkeypatch: pytest.MonkeyPatch, *, joined: bool
) -> None:
    """Nothing that another starts while it is verified is taken for a fault: all of a look is as of one moment."""
    for name in ("a", "z"):
        engine.start("exchange", name, by=CLERK)
    looked, names = getattr(_store, look), iter(range(100))

    def start() -> None:
        # It may be locked out meanwhile.
        with suppress(StoreError):
            other.start("exchange", f"b-{next(names)}", by=CLERK)

    def watched(connection: sqlite3.Connection, *more: Any) -> Any:
        return looked(Watched(connection, start), *more)

    monkeypatch.setattr(_store, look, watched)
    with closing(sqlite3.connect(file)) as host:
        assert () == (engine.using(host) if joined else engine).verify().faults
    assert next(names) > 1


def test_request_that_is_still_being_written(engine: Engine, file: Path) -> None:
    """What becomes of a request is not said while somebody who may be writing it holds the file; afterwards it is."""
    with closing(sqlite3.connect(file)) as host:
        engine.using(host).start("exchange", "a", by=CLERK, request_id="r-1")
        with pytest.raises(StoreError, match="another process holds the file"):
            engine.resolve("r-1")
        host.commit()

    assert engine.get("a") == engine.resolve("r-1")


def test_batch_that_cannot_be_written(engine: Engine, file: Path) -> None:
    """What SQLite has against a batch is said where it is written, and again to whoever goes on with it."""
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no room'); END")

    def spoiled() -> None:
        with engine.batch() as batch:
            batch.start("exchange", "a", by=CLERK)
            with pytest.raises(StoreError, match="writing a batch failed .*no room"):
                batch.count()

    with pytest.raises(StoreError, match="writing a batch failed .*no room"):
        spoiled()
