from __future__ import annotations

import ast
import asyncio
import contextlib
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    Actor,
    Engine,
    GateClosed,
    InvalidValue,
    NotFound,
    Process,
    Stage,
    StoreError,
    document,
    hookimpl,
    unguarded,
)
from stagegate import aio as room
from stagegate.aio import AsyncEngine

CLERK = Actor(id="clerk-7", roles={"desk"})
PROCESS = Process(
    id="exchange",
    version="1",
    stages=(
        Stage("draft", owner="desk", gate=unguarded("a trial of the office")),
        Stage("council", owner="desk", gate=document("plan")),
        Stage("done", owner="desk"),
    ),
)
LEFT_OUT = {"using"}
"""What the asynchronous engine does not have: a transaction of a host belongs to the host's thread."""

ADDED = {"engine"}


def public(kind: type) -> set[str]:
    """Return the names of what it offers."""
    return {name for name in dir(kind) if not name.startswith("_")}


class Slow:
    """A check that keeps attempts until it is let go, and says which thread and which context they came in."""

    name = "slow"
    person: contextvars.ContextVar[str] = contextvars.ContextVar("person", default="nobody")

    def __init__(self) -> None:
        self.come = threading.Semaphore(0)
        self.go = threading.Event()
        self.seen: list[tuple[str, str]] = []

    @hookimpl
    def stagegate_check(self, attempt: Any) -> Any:
        """Wait."""
        if attempt.move == "note":
            self.seen.append((threading.current_thread().name, self.person.get()))
            self.come.release()
            assert self.go.wait(60)
        return ()


def url(path: Path) -> str:
    """Return the url of a file in a folder."""
    return f"sqlite:///{path / 'a.db'}?timeout=60"


def ran(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run it in an event loop of its own, which tells what was left behind."""
    return asyncio.run(main(), debug=True)


# The same as the engine


def test_nothing_is_missing() -> None:
    """It has every method and property of the engine, but for one, and nothing else."""
    assert public(Engine) - LEFT_OUT == public(AsyncEngine) - ADDED


@pytest.mark.parametrize("name", sorted(public(Engine) - LEFT_OUT))
def test_method_is_that_of_the_engine(name: str) -> None:
    """Each method takes the same arguments with the same defaults and types, says the same, and is awaited; each property is one."""
    theirs, mine = inspect.getattr_static(Engine, name), inspect.getattr_static(AsyncEngine, name)
    if isinstance(theirs, property):
        assert isinstance(mine, property)
        assert theirs.__doc__ == mine.__doc__
        return
    given, wanted = inspect.signature(getattr(AsyncEngine, name)), inspect.signature(getattr(Engine, name))
    if name == "open":
        names = {**given.parameters}
        assert "workers" == names.popitem()[0]
        assert [(p.name, p.kind, p.annotation) for p in wanted.parameters.values()] == [
            (p.name, p.kind, p.annotation) for p in names.values()
        ]
        same = {name: p.default for name, p in names.items() if name != "clock"}
        assert same == {name: p.default for name, p in wanted.parameters.items() if name != "clock"}
        return
    assert wanted.parameters == given.parameters
    if name in {"batch", "close"}:
        return
    assert wanted == given
    assert getattr(Engine, name).__doc__ == getattr(AsyncEngine, name).__doc__
    assert inspect.iscoroutinefunction(getattr(AsyncEngine, name))
    assert f"AsyncEngine.{name}" == getattr(AsyncEngine, name).__qualname__ or name == "count"


def test_overloads_of_counting_are_the_same() -> None:
    """What type checkers are told of `count` is what they are told of the engine's."""

    def told(module: Any, kind: str) -> list[str]:
        (body,) = [
            node.body
            for node in ast.parse(inspect.getsource(module)).body
            if isinstance(node, ast.ClassDef) and node.name == kind
        ]
        found = [node for node in body if getattr(node, "name", "") == "count" and node.decorator_list]  # type: ignore[attr-defined]
        return [f"{ast.unparse(node.args)} -> {ast.unparse(node.returns)}" for node in found[:2]]  # type: ignore[attr-defined]

    assert told(inspect.getmodule(Engine), "Engine") == told(room, "AsyncEngine")


# In use


async def test_life_of_an_agreement(tmp_path: Path) -> None:
    """What is awaited answers and raises what the engine would."""
    async with AsyncEngine.open(url(tmp_path), processes=[PROCESS]) as engine:
        deal = await engine.start("exchange", "a", title="Ōsaka", by=CLERK)
        deal = await engine.advance(deal, by=CLERK)
        with pytest.raises(GateClosed) as refusal:
            await engine.advance(deal, by=CLERK)
        assert "document.missing" == refusal.value.unmet[0].code
        with pytest.raises(NotFound):
            await engine.get("nowhere")
        assert ["started", "moved", "refused"] == [event.kind for event in await engine.history("a")]
        assert 1 == await engine.count(stage="council")
        assert {"council": 1} == await engine.count(by="stage")
        assert ["a"] == [one.id for one in (await engine.find(owner="desk")).items]
        assert (await engine.verify()).ok
        assert PROCESS in engine.processes
        assert "indonesia" in engine.calendars
        assert ("sqlite",) == engine.plugins
        assert isinstance(engine.engine, Engine)


async def test_opened_by_waiting(tmp_path: Path) -> None:
    """It can be opened by `await` and closed by hand, and be put before an engine that is there."""
    engine = await AsyncEngine.open(url(tmp_path), processes=[PROCESS], workers=2)
    await engine.start("exchange", "a", by=CLERK)
    await engine.close()
    await engine.close()
    with pytest.raises(StoreError, match="the engine was closed, so nothing was done"):
        await engine.get("a")
    async with AsyncEngine(Engine.open(url(tmp_path), processes=[PROCESS])) as again:
        assert 1 == (await again.get("a")).n


async def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """An error of opening is raised where it is awaited, and leaves no thread behind."""
    with pytest.raises(StoreError, match="folder must exist"):
        async with AsyncEngine.open(url(tmp_path / "nowhere")):
            raise AssertionError
    with pytest.raises(StoreError, match="names no file"):
        await AsyncEngine.open("sqlite:")
    for thread in threading.enumerate():
        if thread.name.startswith("stagegate"):
            thread.join(60)
            assert not thread.is_alive()


@pytest.mark.parametrize("workers", [0, -1, True, 1.5, "2", None])
def test_workers_are_a_number(workers: Any) -> None:
    """Anything else than a number from one is refused, and so is what is no engine."""
    with pytest.raises(InvalidValue, match="workers: a whole number from 1 is needed"):
        AsyncEngine.open("memory:", workers=workers)
    with pytest.raises(InvalidValue, match="workers: a whole number from 1 is needed"):
        AsyncEngine(Engine.open("memory:"), workers=workers)
    with pytest.raises(InvalidValue, match="an Engine is needed, not str; AsyncEngine.open takes a url"):
        AsyncEngine("memory:")  # type: ignore[arg-type]


async def test_threads_of_the_host_are_left_to_it() -> None:
    """Threads that were handed over are used, and not ended."""
    with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        slow = Slow()
        slow.go.set()
        engine = AsyncEngine(Engine.open("memory:", processes=[PROCESS], plugins=[slow]), workers=pool)
        await engine.start("exchange", "a", by=CLERK)
        await engine.note("a", "said", by=CLERK)
        await engine.close()
        assert slow.seen[0][0].startswith("mine")
        assert 3 == pool.submit(lambda: 3).result()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_closing_waits_for_calls_in_threads_of_the_host(kind: str, tmp_path: Path) -> None:
    """In threads of the host, too, what has come is done before the store is let go of, and nothing is taken later."""
    slow = Slow()
    where = "memory:" if kind == "memory" else url(tmp_path)
    with ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as stack:
        stack.callback(slow.go.set)
        engine = AsyncEngine(Engine.open(where, processes=[PROCESS], plugins=[slow]), workers=pool)
        await engine.start("exchange", "a", by=CLERK)
        first = asyncio.create_task(engine.note("a", "in hand", by=CLERK))
        await asyncio.to_thread(slow.come.acquire)
        second = asyncio.create_task(engine.note("a", "behind it", by=CLERK))
        await asyncio.sleep(0)
        closing = asyncio.create_task(engine.close())
        await asyncio.sleep(0)
        late = asyncio.create_task(engine.get("a"))
        ended = await asyncio.wait({closing, late}, timeout=0.2)
        slow.go.set()
        assert {late} == ended[0]
        assert [2, 3] == [deal.n for deal in await asyncio.gather(first, second)]
        await closing
        for call in (late, engine.get("a")):
            with pytest.raises(StoreError, match="the engine was closed, so nothing was done"):
                await call


async def test_no_more_than_so_many_at_a_time() -> None:
    """With two threads, a third call waits for one of them; the loop goes on meanwhile."""
    slow = Slow()
    async with AsyncEngine.open("memory:", processes=[PROCESS], plugins=[slow], workers=2) as engine:
        for one in "abc":
            await engine.start("exchange", one, by=CLERK)
        # In memory one lock guards all: the first has it, the second waits for it, the third has no thread.
        calls = [asyncio.create_task(engine.note(one, "said", by=CLERK)) for one in "abc"]
        await asyncio.to_thread(slow.come.acquire)
        assert not any(call.done() for call in calls)
        assert 1 == len(slow.seen)
        slow.go.set()
        assert [2, 2, 2] == [deal.n for deal in await asyncio.gather(*calls)]
    assert 2 >= len({name for name, _ in slow.seen})


async def test_context_goes_along() -> None:
    """A call sees the context variables of the task that made it."""
    slow = Slow()
    slow.go.set()
    async with AsyncEngine.open("memory:", processes=[PROCESS], plugins=[slow]) as engine:
        await engine.start("exchange", "a", by=CLERK)

        async def call(person: str) -> None:
            """Call for a person."""
            slow.person.set(person)
            await engine.note("a", "said", by=CLERK)

        await asyncio.gather(call("ann"), call("bob"))
        await engine.note("a", "said", by=CLERK)
    assert ["ann", "bob", "nobody"] == sorted(person for _, person in slow.seen)


# Cancelled


async def test_context_goes_along_into_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is entered and left in a copy of the context that it was asked for in."""
    batch, seen = Engine.batch, list[str]()

    @contextlib.contextmanager
    def watched(engine: Engine) -> Iterator[Engine]:
        seen.append(Slow.person.get())
        with batch(engine) as entered:
            yield entered
        seen.append(Slow.person.get())

    monkeypatch.setattr(Engine, "batch", watched)
    async with AsyncEngine.open("memory:") as engine:
        Slow.person.set("clerk-7")
        async with engine.batch():
            pass

    assert ["clerk-7", "clerk-7"] == seen


async def test_call_that_has_begun_goes_on_to_its_end(tmp_path: Path) -> None:
    """Whoever waits for a call that has begun may go away: it is committed as a whole, and can be asked for."""
    slow = Slow()
    async with AsyncEngine.open(url(tmp_path), processes=[PROCESS], plugins=[slow]) as engine:
        await engine.start("exchange", "a", by=CLERK)
        call = asyncio.create_task(engine.note("a", "said", by=CLERK, request_id="r-1"))
        await asyncio.to_thread(slow.come.acquire)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        slow.go.set()
    async with AsyncEngine.open(url(tmp_path), processes=[PROCESS]) as engine:
        done = await engine.resolve("r-1")
        assert done is not None
        assert 2 == done.n
        assert (await engine.verify()).ok


async def test_call_that_waits_never_begins() -> None:
    """A call that is cancelled before a thread was free for it changes nothing."""
    slow = Slow()
    async with AsyncEngine.open("memory:", processes=[PROCESS], plugins=[slow], workers=1) as engine:
        await engine.start("exchange", "a", by=CLERK)
        first = asyncio.create_task(engine.note("a", "first", by=CLERK))
        await asyncio.to_thread(slow.come.acquire)
        second = asyncio.create_task(engine.note("a", "second", by=CLERK, request_id="r-2"))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        slow.go.set()
        assert 2 == (await first).n
        assert await engine.resolve("r-2") is None
        assert 2 == (await engine.get("a")).n


async def test_call_that_is_done_is_not_kept() -> None:
    """Once a call has ended, nothing of it is kept: neither its answer, nor its error."""
    async with AsyncEngine.open("memory:", processes=[PROCESS]) as engine:
        await engine.start("exchange", "a", by=CLERK)
        with pytest.raises(NotFound):
            await engine.get("b")

        assert set() == engine._calls


async def test_time_limits_of_asyncio_hold() -> None:
    """A call can be waited for so long and no longer; it is answered by the history."""
    slow = Slow()
    async with AsyncEngine.open("memory:", processes=[PROCESS], plugins=[slow]) as engine:
        await engine.start("exchange", "a", by=CLERK)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.note("a", "said", by=CLERK), 0.01)
        slow.go.set()


async def test_opening_that_is_cancelled_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is opened when nobody waits for it any more is closed."""
    closed, go, come = threading.Event(), threading.Event(), threading.Event()

    class Waiting(Engine):
        """An engine that is opened slowly."""

        def __init__(self, *given: Any, **named: Any) -> None:
            come.set()
            go.wait(60)
            super().__init__(*given, **named)

        def close(self) -> None:
            """Say so."""
            closed.set()
            super().close()

    monkeypatch.setattr(room, "Engine", Waiting)

    async def opening() -> None:
        """Open it."""
        await AsyncEngine.open("memory:")

    task = asyncio.create_task(opening())
    await asyncio.to_thread(come.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert await asyncio.to_thread(closed.wait, 60)


# Together


async def test_many_callers_share_commits(tmp_path: Path) -> None:
    """A hundred calls at once on one file: each is answered with its own number, and the history is whole."""
    async with AsyncEngine.open(url(tmp_path), processes=[PROCESS]) as engine:
        for one in "abcd":
            await engine.start("exchange", one, by=CLERK)
        done = await asyncio.gather(*(engine.note("abcd"[i % 4], str(i), by=CLERK) for i in range(100)))
        assert {(one, n) for one in "abcd" for n in range(2, 27)} == {(deal.id, deal.n) for deal in done}
        assert (await engine.verify()).ok


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_batch_is_one_commit(kind: str, tmp_path: Path) -> None:
    """What is done in a batch is there at its end, or, if the block fails or is cancelled, not at all."""
    where = "memory:" if kind == "memory" else url(tmp_path)
    async with AsyncEngine.open(where, processes=[PROCESS]) as engine:
        async with engine.batch() as batch:
            for one in "abc":
                await batch.start("exchange", one, by=CLERK)
            await asyncio.gather(*(batch.advance(one, by=CLERK) for one in "abc"))
        assert 3 == await engine.count(stage="council")

        async def failing() -> None:
            """Fail in a batch."""
            async with engine.batch() as batch:
                await batch.start("exchange", "d", by=CLERK)
                raise LookupError

        with pytest.raises(LookupError):
            await failing()
        with pytest.raises(StoreError, match="the engine was closed"):
            await batch.get("a")
        assert 3 == await engine.count()

        async def cut_off() -> None:
            """Stay in a batch."""
            async with engine.batch() as batch:
                await batch.start("exchange", "e", by=CLERK)
                begun.set()
                await asyncio.Event().wait()

        begun = asyncio.Event()
        task = asyncio.create_task(cut_off())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 3 == await engine.count()
        assert 1 == (await engine.start("exchange", "f", by=CLERK)).n


async def test_batch_that_is_cancelled_while_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is entered when nobody waits for it any more is left at once, and locks nobody out."""
    slow, batch = Slow(), Engine.batch
    # What nobody holds any more would be left by itself.
    kept: list[Any] = []
    monkeypatch.setattr(Engine, "batch", lambda self: kept.append(batch(self)) or kept[-1])
    async with AsyncEngine.open(f"sqlite:///{tmp_path}/x.db?timeout=1", processes=[PROCESS], plugins=[slow]) as engine:
        await engine.start("exchange", "a", by=CLERK)
        holding = asyncio.create_task(engine.note("a", "said", by=CLERK))
        await asyncio.to_thread(slow.come.acquire)

        async def entering() -> None:
            """Enter a batch."""
            async with engine.batch():
                raise AssertionError

        task = asyncio.create_task(entering())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        slow.go.set()
        await holding
        assert 3 == (await engine.note("a", "on it goes", by=CLERK)).n


@pytest.mark.parametrize("fails", [False, True])
async def test_batch_that_is_cancelled_while_it_is_left(tmp_path: Path, *, fails: bool) -> None:
    """A batch that waits for a call of its own to end, and is cancelled meanwhile, is undone and locks nobody out."""
    slow = Slow()
    calls: list[asyncio.Task[Any]] = []

    async def office(engine: AsyncEngine) -> None:
        """Leave a batch while one of its calls is under way."""
        async with engine.batch() as batch:
            calls.append(asyncio.create_task(batch.note("a", "called", by=CLERK)))
            await asyncio.to_thread(slow.come.acquire)
            leaving.set()
            if fails:
                raise LookupError

    leaving = asyncio.Event()
    async with AsyncEngine.open(f"sqlite:///{tmp_path}/x.db?timeout=1", processes=[PROCESS], plugins=[slow]) as engine:
        await engine.start("exchange", "a", by=CLERK)
        task = asyncio.create_task(office(engine))
        await leaving.wait()
        task.cancel()
        caught = await asyncio.gather(task, return_exceptions=True)
        slow.go.set()
        await calls[0]

        assert asyncio.CancelledError is type(caught[0])
        assert 2 == (await engine.note("a", "later", by=CLERK)).n
        assert ["later"] == [event.data["data"]["text"] for event in (await engine.history("a"))[1:]]


async def test_batch_that_is_being_left_is_left_once() -> None:
    """Who is cancelled when the batch is being left already changes nothing of it."""
    going, go, left = threading.Event(), threading.Event(), list[str]()

    def end() -> None:
        """End as slowly as is wanted."""
        going.set()
        go.wait(60)
        left.append("left")

    class Batch:
        """A batch that can tell how often it was left."""

        def __exit__(self, *_: object) -> None:
            end()

    with ThreadPoolExecutor(1) as pool:
        task = asyncio.create_task(room._left(pool, Batch(), None))  # type: ignore[arg-type]  # it is left as a batch is
        await asyncio.to_thread(going.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()

    assert ["left"] == left


def test_batch_that_could_not_be_entered_is_not_left() -> None:
    """Where entering has failed, or never began, there is nothing to leave."""
    failed: Future[Engine] = Future()
    failed.set_exception(StoreError("locked"))
    never: Future[Engine] = Future()
    never.cancel()
    left: list[str] = []
    batch = contextlib.ExitStack()
    batch.callback(left.append, "left")

    room._leave(failed, batch, LookupError())
    room._leave(never, batch, LookupError())
    assert [] == left


def test_opening_that_came_to_nothing_is_not_closed() -> None:
    """Where opening has failed, or never began, there is nothing to close."""
    failed: Future[Engine] = Future()
    failed.set_exception(StoreError("locked"))
    never: Future[Engine] = Future()
    never.cancel()

    for opening in (failed, never):
        room._abandon(opening)


async def test_store_without_batches() -> None:
    """What the engine has against a batch is raised where it is entered."""

    class Plain:
        """A store of somebody's."""

    async with AsyncEngine.open("memory:") as engine:
        monkeyed: Any = engine.engine
        monkeyed._store = Plain()
        with pytest.raises(StoreError, match="Plain has no batches"):
            async with engine.batch():
                raise AssertionError
        monkeyed._store = Engine.open("memory:")._store  # type: ignore[attr-defined]


def test_used_from_several_loops(tmp_path: Path) -> None:
    """It belongs to no loop."""
    engine = ran(lambda: _opened(tmp_path))
    started = ran(lambda: _again(engine.start("exchange", "a", by=CLERK)))

    assert started == ran(lambda: _again(engine.get("a")))
    ran(engine.close)


async def _opened(path: Path) -> AsyncEngine:
    return await AsyncEngine.open(url(path), processes=[PROCESS])


async def _again(awaited: Awaitable[Any]) -> Any:
    return await awaited
