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
    MemoryStore,
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
from stagegate.contrib.postgres import PostgresStore
from stagegate.contrib.postgres import _batch as postgres
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


@pytest.fixture
def written(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keep no more than two of anything in memory, and take down how many events are written at a time."""
    events: list[int] = []
    write, many = sqlite.Pending._write, postgres._many

    def taking_down(pending: sqlite.Pending) -> None:
        events.append(len(pending._events))
        write(pending)

    def taking_down_rows(cursor: Any, sql: str, rows: Any) -> int:
        if "stagegate.event" in sql:
            events.append(len(rows))
        return many(cursor, sql, rows)

    monkeypatch.setattr(sqlite, "ENOUGH", 2)
    monkeypatch.setattr(sqlite.Pending, "_write", taking_down)
    monkeypatch.setattr(postgres, "MOST", 2)
    monkeypatch.setattr(postgres, "_many", taking_down_rows)
    return events


def kept(batch: Engine) -> int:
    """Return how much a batch remembers, of what it remembers most of."""
    store: Any = batch._store
    memory = store._pending if isinstance(store, sqlite.Batch) else store
    return max(len(table) for table in vars(memory).values() if isinstance(table, (dict, list, set)))


def test_batch_that_is_too_large_for_memory(engine: Engine, written: list[int]) -> None:
    """A batch of which a part was written down already is one commit all the same, and nothing in it is twice."""
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
    assert isinstance(engine._store, MemoryStore) or [2, 2, 1] == written


def test_batch_remembers_no_more_than_it_has_to(engine: Engine, written: list[int]) -> None:
    """What a batch has read and written is forgotten again, so that its memory does not grow with its length."""
    most = 0
    for _ in range(2):
        with engine.batch() as batch:
            for k in range(12):
                batch.start("p", f"x{k}", by=CLERK, request_id=f"start {k}")
                batch.note(f"x{k}", "said", by=CLERK, request_id=f"note {k}")
                most = max(most, 0 if isinstance(engine._store, MemoryStore) else kept(batch))

    # What comes in one unit of work more; the tables of what is to be written are five.
    assert most <= 5
    assert 12 == engine.count()
    assert [2] * 12 == [one.n for one in engine.find().items]
    assert engine.verify().ok


def test_rule_that_has_a_batch_written(engine: Engine, written: list[int]) -> None:
    """A rule may ask the batch itself, which writes and forgets; what is being decided stays what it is."""
    with engine.batch() as batch:
        batch.start("asked", "x", by=CLERK)
        batch.start("p", "y", by=CLERK)
        MEANWHILE.append(lambda: [batch.note("y", "1", by=CLERK), batch.note("z", "2", by=CLERK), batch.count()])
        batch.start("p", "z", by=CLERK)
        batch.advance("x", by=CLERK)

    assert ["b", "a", "a"] == [one.stage for one in engine.find().items]
    assert [2, 2, 2] == [one.n for one in engine.find().items]
    assert engine.verify().ok


def test_batch_of_large_events(engine: Engine, monkeypatch: pytest.MonkeyPatch, written: list[int]) -> None:
    """Large events are written before there are many, so that neither memory nor a statement is too small for them."""
    for module, most in ((sqlite, "ENOUGH"), (postgres, "MOST")):
        monkeypatch.setattr(module, most, 100)
        monkeypatch.setattr(module, "HEAVIEST", 100_000)
    with engine.batch() as batch:
        for k in range(5):
            batch.start("p", f"x{k}", by=CLERK)
            batch.note(f"x{k}", "said " * 10_000, by=CLERK)

    assert isinstance(engine._store, MemoryStore) or [4, 4, 2] == written
    assert engine.verify().ok
    with engine.batch() as batch:
        for k in range(5):
            batch.record(f"x{k}", "text", "said " * 10_000, by=CLERK)
            batch.record(f"x{k}", "more", "said " * 2_000, by=CLERK)

    assert [4] * 5 == [one.n for one in engine.find().items]
    assert engine.verify().ok


def test_batch_that_is_interrupted_while_it_writes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of which a half may have been written is never committed, even if the interrupt was passed over."""
    if isinstance(engine._store, MemoryStore):
        pytest.skip("it writes nothing before its end")
    live(engine, "x")
    before = engine.get("x"), engine.count(by="outcome")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    def changes() -> None:
        with engine.batch() as batch:
            batch.end("x", "withdrawn", reason="no more", by=CLERK)
            batch.start("p", "y", by=CLERK)
            with monkeypatch.context() as patch:
                patch.setattr(sqlite, "members_of", interrupted)
                patch.setattr(postgres, "members_of", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    batch.count()

    with pytest.raises(StoreError, match="a change of the batch had failed, so nothing of it was written"):
        changes()

    assert before == (engine.get("x"), engine.count(by="outcome"))
    assert engine.verify().ok


def test_request_used_twice_in_a_batch(engine: Engine) -> None:
    """An id that was used in the batch for something else is refused as it is elsewhere, and the batch goes on."""
    with engine.batch() as batch:
        batch.start("p", "x", by=CLERK, request_id="r")
        with pytest.raises(RequestReused):
            batch.note("x", "n", by=CLERK, request_id="r")
        batch.note("x", "n", by=CLERK)

    assert ["started", "noted"] == [one.kind for one in engine.history("x")]


def test_rule_that_uses_the_request_that_is_being_answered(engine: Engine) -> None:
    """Where a rule uses the id of the very call that it was asked for, that call fails, and the batch goes on."""
    with engine.batch() as batch:
        batch.start("asked", "x", by=CLERK)
        batch.start("p", "y", by=CLERK)
        MEANWHILE.append(lambda: batch.note("y", "n", by=CLERK, request_id="r"))
        with pytest.raises(StoreError):
            batch.advance("x", by=CLERK, request_id="r")
        batch.note("x", "n", by=CLERK)

    assert ["started", "noted"] == [one.kind for one in engine.history("x")]
    assert engine.get("y") == engine.resolve("r")
    assert engine.verify().ok


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


def test_changes_beside_a_batch(engine: Engine) -> None:
    """What its own thread changes past an open batch is refused at once, or stands whatever comes of the batch."""
    engine.start("p", "x", by=CLERK)
    engine.start("p", "y", by=CLERK)

    def nested() -> Any:
        with engine.batch() as other:
            return other.note("x", "nested", by=CLERK)

    def in_hand() -> None:
        with engine._store.unit("x"):
            pass

    done = 0
    with engine.batch() as batch:
        batch.note("y", "in the batch", by=CLERK)
        acts: list[Callable[[], Any]] = [
            lambda: engine.note("x", "beside", by=CLERK),
            nested,
            in_hand,
            lambda: engine.hold_deliveries("bell:nobody", why="beside"),
            lambda: engine.release_deliveries("bell:nobody"),
            engine.deliver,
            engine.requeue,
        ]
        for act in acts:
            try:
                act()
            except StoreError as error:
                assert str(error).startswith("a batch is open in this thread")
            else:
                done += 1
        assert 1 == engine.get("y").n
        batch.note("y", "on", by=CLERK)

    # A store with a lock for each agreement has all of it done beside; one with a single lock nothing.
    assert done == (len(acts) if isinstance(engine._store, PostgresStore) else 0)
    assert (3 if done else 1, 3) == (engine.get("x").n, engine.get("y").n)
    assert (4 if done else 2) == engine.note("x", "after it", by=CLERK).n
    assert engine.verify().ok


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
