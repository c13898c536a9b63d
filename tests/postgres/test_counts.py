from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stagegate import Engine

from ..exchange import CLERK

Rows = Callable[..., list[Any]]


def test_counts_are_added_up(engine: Engine, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever counts adds up the rows that moves have left, once there are many; the counts stay as they are."""
    for k in range(6):
        engine.start("exchange", f"a{k}", by=CLERK)
        engine.end(f"a{k}", "withdrawn", "enough", by=CLERK)
    engine.start("exchange", "b", by=CLERK)
    before = engine.count(by="outcome")
    left = rows("SELECT count(*) FROM stagegate.delta")
    monkeypatch.setattr("stagegate.contrib.postgres._reading.MANY", 3)
    engine.count()

    assert [(19,)] == left
    assert [(2,)] == rows("SELECT count(*) FROM stagegate.delta")
    assert before == engine.count(by="outcome") == {None: 1, "withdrawn": 6}
    assert engine.verify().ok


def test_counts_are_right_while_they_are_added_up(engine: Engine) -> None:
    """While some add up and others move, every count is of one moment, and nothing is lost."""
    for k in range(4):
        engine.start("exchange", f"a{k}", by=CLERK)

    def move(k: int) -> None:
        for _ in range(5):
            engine.hold(f"a{k}", "wait", by=CLERK)
            engine.resume(f"a{k}", by=CLERK)

    with ThreadPoolExecutor(4) as pool:
        moving = [pool.submit(move, k) for k in range(3)]
        seen = set()
        while not all(one.done() for one in moving):
            engine._store.fold()  # type: ignore[attr-defined]  # of this store
            seen.add(engine.count())
        for one in moving:
            one.result()

    assert {4} == seen
    assert engine.verify().ok


def test_wrong_count_is_found(engine: Engine, rows: Rows) -> None:
    """A count that somebody has changed is found by `verify`, with what it says and what is there."""
    engine.start("exchange", "a", by=CLERK)
    rows("UPDATE stagegate.delta SET number = 5")

    assert "the counter of draft exchange desk  False says 5, there are 1" in str(engine.verify())
