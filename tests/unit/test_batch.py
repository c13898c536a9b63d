"""Many changes in one commit: the same decisions, and all of it or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stagegate import (
    Actor,
    Attempt,
    Conflict,
    Document,
    Engine,
    GateClosed,
    InvalidValue,
    NotFound,
    Notification,
    Process,
    RequestReused,
    Stage,
    StoreError,
    document,
    hookimpl,
    parts,
    requirement,
)
from stagegate.contrib.sqlite import SQLiteStore
from stagegate.contrib.sqlite import _batch as sqlite
from stagegate.testing import ManualClock

CLERK = Actor(id="ann", roles={"clerk"})
PROCESS = Process(
    id="p",
    version="1",
    stages=[
        Stage("a", owner="clerk", gate=document("plan")),
        Stage("b", owner="clerk", gate=parts(all="c")),
        Stage("c", owner="clerk"),
    ],
)

MEANWHILE: list[Callable[[], object]] = []


@requirement(code="asked", fix_by="clerk", basis="Rule 1")
def asked(_: Attempt) -> bool:
    """Do what is to be done while this is asked."""
    while MEANWHILE:
        MEANWHILE.pop()()
    return True


ASKED = Process(id="asked", version="1", stages=[Stage("a", owner="clerk", gate=asked), Stage("b", owner="clerk")])


class Teller:
    """Tells of every event, by a channel that takes it."""

    @hookimpl
    def stagegate_notify(self, event: Any) -> list[Notification]:
        """Tell the clerk."""
        return [Notification(channel="bell", kind=event.kind, to="clerk")]

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool:
        """Take it."""
        return True


@pytest.fixture(params=["memory:", "sqlite:///{}/x.db", "postgresql:"])
def engine(request: Any, clock: ManualClock, tmp_path: Any) -> Iterator[Engine]:
    """Have an engine on each store that comes along."""
    url = request.param.format(tmp_path)
    if url == "postgresql:":
        url = request.getfixturevalue("database")
    with Engine.open(url, processes=[PROCESS, ASKED], plugins=[Teller()], clock=clock) as engine:
        yield engine


def live(engine: Engine, name: str) -> None:
    """Lead an agreement through a small life, with a refusal, a part and a request."""
    whole = engine.start("p", name, title=name, by=CLERK, request_id=f"start {name}")
    with pytest.raises(GateClosed):
        engine.advance(whole, by=CLERK)
    whole = engine.get(name)
    whole = engine.attach(whole, Document.from_bytes(b"1", kind="plan"), by=CLERK)
    whole = engine.advance(whole, by=CLERK)
    engine.start("p", f"{name}/1", part_of=whole, by=CLERK)
    engine.note(name, "n", by=CLERK, request_id=f"note {name}")
    engine.end(f"{name}/1", "withdrawn", reason="no more", by=CLERK)


def test_batch_is_as_if_done_one_by_one(engine: Engine) -> None:
    """After a batch everything is as if each change had been made by itself: snapshots, counts, lists, requests, outbox."""
    live(engine, "x")
    with engine.batch() as batch:
        live(batch, "y")
        live(batch, "z")

    def shape(name: str) -> list[Any]:
        return [
            [event.kind for event in engine.history(name)],
            engine.get(name).stage,
            engine.get(name).version,
            [part.id.replace(name, "") for part in engine.parts(name)],
            engine.resolve(f"note {name}").version,
        ]

    assert shape("x") == shape("y") == shape("z")
    assert engine.verify().ok
    assert {"a": 3, "b": 3} == dict(engine.count(by="stage"))
    assert 21 == len(engine.outbox("pending"))
    assert 21 == engine.deliver().delivered
    assert engine.note("y", "n", by=CLERK, request_id="note y").n == engine.resolve("note y").n


def test_batch_that_is_too_large_for_memory(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of which a part was written down already is one commit all the same, and nothing in it is twice."""
    monkeypatch.setattr(sqlite, "ENOUGH", 2)
    written: list[object] = []
    write = sqlite.Pending._write
    monkeypatch.setattr(sqlite.Pending, "_write", lambda pending: (written.append(pending), write(pending))[1])
    live(engine, "x")
    with engine.batch() as batch:
        live(batch, "y")

    assert [one.kind for one in engine.history("x")] == [one.kind for one in engine.history("y")]
    assert {"a": 2, "b": 2} == dict(engine.count(by="stage"))
    assert engine.verify().ok
    written.clear()
    with engine.batch() as batch:
        for k in range(5):
            batch.note("x", f"note {k}", by=CLERK)

    assert 10 == engine.get("x").n
    # Two by two, and the last at the end.
    assert not isinstance(engine._store, SQLiteStore) or len(written) == 3


def test_request_used_twice_in_a_batch(engine: Engine) -> None:
    """An id that was used in the batch for something else is refused as it is elsewhere, and the batch goes on."""
    with engine.batch() as batch:
        batch.start("p", "x", by=CLERK, request_id="r")
        with pytest.raises(RequestReused):
            batch.note("x", "n", by=CLERK, request_id="r")
        batch.note("x", "n", by=CLERK)

    assert ["started", "noted"] == [one.kind for one in engine.history("x")]


def test_batch_sees_what_it_did(engine: Engine) -> None:
    """Within a batch everything that was done in it can be asked, by every question."""
    with engine.batch() as batch:
        live(batch, "x")

        assert ["x", "x/1"] == [one.id for one in batch.find().items]
        assert ["x/1"] == [one.id for one in batch.parts("x")]
        assert 2 == batch.count()
        assert 5 == len(batch.history("x"))
        assert 7 <= len(batch.outbox())
        assert batch.resolve("start x").n == 1
        assert batch.verify().ok


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_batch_that_fails_leaves_nothing(engine: Engine, error: type[BaseException]) -> None:
    """An error that leaves the block undoes all of it, and the engine goes on."""
    live(engine, "x")
    before = engine.get("x"), engine.count(), len(engine.outbox())

    def spoiled() -> None:
        with engine.batch() as batch:
            live(batch, "y")
            batch.note("x", "n", by=CLERK)
            raise error

    with pytest.raises(error):
        spoiled()

    assert before == (engine.get("x"), engine.count(), len(engine.outbox()))
    assert engine.resolve("start y") is None
    assert engine.verify().ok
    live(engine, "y")


def test_refusal_in_a_batch_is_recorded(engine: Engine) -> None:
    """A refusal that is caught in the block is an event like any, and one call's fault undoes no other's work."""
    with engine.batch() as batch:
        batch.start("p", "x", by=CLERK)
        with pytest.raises(GateClosed):
            batch.advance("x", by=CLERK)
        with pytest.raises(NotFound):
            batch.advance("nobody", by=CLERK)
        with pytest.raises(InvalidValue):
            batch.note("x", 3, by=CLERK)

    assert ["started", "refused"] == [event.kind for event in engine.history("x")]


def test_rule_that_changes_what_is_being_decided(engine: Engine) -> None:
    """What a rule changes within the batch stands; the move that it was asked for is a `Conflict`, and no more is."""
    with engine.batch() as batch:
        batch.start("asked", "x", by=CLERK)
        MEANWHILE.append(lambda: batch.note("x", "changed", by=CLERK))
        with pytest.raises(Conflict, match="version 2"):
            batch.advance("x", by=CLERK)
        batch.start("p", "y", by=CLERK)

    assert ["started", "noted"] == [event.kind for event in engine.history("x")]
    assert "a" == engine.get("y").stage
    assert engine.verify().ok


def test_nothing_of_a_batch_shows_before_its_end(engine: Engine) -> None:
    """Others see nothing of a batch, and nothing is delivered of it, before its end."""
    seen: list[Any] = []
    with engine.batch() as batch:
        batch.start("p", "x", by=CLERK)
        with pytest.raises(StoreError, match="nothing is delivered before the commit"):
            batch.deliver()
        look = threading.Thread(target=lambda: seen.append(len(engine._store.history("x"))))
        look.start()
        look.join(0.5)
        early = list(seen)
    look.join()

    assert early in ([], [0])
    assert 1 == engine.get("x").n


def test_store_without_batches(clock: ManualClock) -> None:
    """A store that has no batches says so."""

    class Plain:
        """A store that has what the contract asks, and no more."""

        def __getattr__(self, name: str) -> Callable[..., Any]:
            if name == "batch":
                raise AttributeError(name)
            return lambda *_, **__: None

    with pytest.raises(StoreError, match="Plain has no batches"), Engine(Plain(), clock=clock).batch():
        pass
