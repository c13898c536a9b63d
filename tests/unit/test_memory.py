"""What the store in memory refuses to write; that it keeps the law of all stores is tried with the contract."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stagegate import (
    Actor,
    Conflict,
    Engine,
    Entry,
    Known,
    MemoryStore,
    Notification,
    Process,
    Stage,
    StoreError,
    unguarded,
)

PROCESS = Process("p", "1", (Stage("a", owner="boss", gate=unguarded("x")), Stage("b", owner="boss")))
KNOWN = Known(agreement="x", n=2, fingerprint="f")
FIRST, SECOND = (Notification(channel="mail", kind="k", id=id_, agreement="x", n=2) for id_ in ("1", "2"))


@pytest.fixture
def store(boss: Actor) -> MemoryStore:
    """Fill a store with one agreement, one request and one notification."""
    store = MemoryStore()
    Engine(store, processes=[PROCESS]).start("p", "x", by=boss, request_id="r")
    with store.unit("x") as unit:
        assert unit.agreement is not None
        unit.commit(unit.agreement, Entry(n=2, body=b"{}", hash=bytes(32)), [FIRST], None)
    return store


@pytest.mark.parametrize(
    "n,told,request_id,error",
    [
        (2, [], None, Conflict),
        (4, [], None, Conflict),
        (3, [], "r", StoreError),
        (3, [FIRST], None, StoreError),
        (3, [SECOND, SECOND], None, StoreError),
    ],
)
def test_commit_that_would_overwrite_writes_nothing(
    store: MemoryStore, n: int, told: Sequence[Notification], request_id: str | None, error: type[Exception]
) -> None:
    """A number, a request or a notification that is there already is refused, and nothing of the commit is written."""
    with store.unit("x") as unit:
        assert unit.agreement is not None
        with pytest.raises(error):
            unit.commit(
                unit.agreement,
                Entry(n=n, body=b"{}", hash=bytes(32)),
                told,
                None if request_id is None else (request_id, KNOWN),
            )

    assert (2, 1) == (len(store.history("x")), len(store.outbox()))


def test_unit_commits_once(store: MemoryStore) -> None:
    """A unit of work that has committed does not commit again."""
    with store.unit("x") as unit:
        assert unit.agreement is not None
        unit.commit(unit.agreement, Entry(n=3, body=b"{}", hash=bytes(32)), [], ("r3", KNOWN))
        with pytest.raises(StoreError, match="commits once"):
            unit.commit(unit.agreement, Entry(n=4, body=b"{}", hash=bytes(32)), [], None)

    assert 3 == len(store.history("x"))
