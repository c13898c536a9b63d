"""
The engine for programs that are asynchronous: the same methods, awaited.

A leaf: it is made of `stagegate.Engine` and a bounded number of threads. Each call runs in one of them as it would run
anywhere else, so there is nothing here that could decide otherwise.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, overload

from stagegate import Calendar, Engine, InvalidValue, Process, StoreError, Subscription, Template

P = ParamSpec("P")
R = TypeVar("R")

WORKERS = 32
"""How many calls run at a time, if nothing else is said; on SQLite so many can share a commit."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _awaited(
    method: Callable[Concatenate[Engine, P], R],
) -> Callable[Concatenate[AsyncEngine, P], Coroutine[Any, Any, R]]:
    """Return a method of the engine as one that is awaited: the same name, arguments and documentation."""

    @functools.wraps(method)
    async def call(self: AsyncEngine, /, *given: P.args, **named: P.kwargs) -> R:
        return await self._run(functools.partial(method, self.engine, *given, **named))

    call.__module__, call.__qualname__ = __name__, f"AsyncEngine.{method.__name__}"
    return call


class AsyncEngine:
    """
    An engine whose methods are awaited; what each does, and raises, is said where `Engine` has it.

    Each call runs in one of a bounded number of threads, in a copy of the context it was made in; the others wait in
    the order in which they came. A call that is cancelled while it waits never begins. One that has begun goes on to
    its end although nobody waits for it: no move is ever half done. Which of the two it was can be asked by `resolve`
    where the call had a `request_id`, and otherwise of the history.

    It belongs to no event loop, and may be used by several. `using` is not among its methods: a transaction of a host
    belongs to the thread that began it, so whoever has one uses `engine` there.
    """

    def __init__(self, engine: Engine, *, workers: int | ThreadPoolExecutor = WORKERS) -> None:
        """
        Put it before an engine; `AsyncEngine.open` makes both.

        Args:
            engine: The engine; it is closed together with this one.

            workers: How many calls run at a time; or the threads they run in, which are left to whoever made them.

        Raises:
            InvalidValue: If it is no engine, or no number.
        """
        if not isinstance(engine, Engine):
            message = f"engine: an Engine is needed, not {type(engine).__name__}; AsyncEngine.open takes a url"
            raise InvalidValue(message)
        self._engine = engine
        self._pool, self._mine = (workers, False) if isinstance(workers, ThreadPoolExecutor) else (_pool(workers), True)
        self._calls: set[Future[Any]] = set()
        self._closed = False
        # It may be used by several loops, each in a thread of its own.
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        url: str,
        *,
        processes: Iterable[Process | str | Path] = (),
        plugins: Iterable[Any] = (),
        calendars: Iterable[Calendar | str | Path] = (),
        wake: str | None = None,
        subscriptions: Iterable[Subscription | str | Path | Mapping[str, Any]] = (),
        addresses: Mapping[str, Any] | None = None,
        messages: Iterable[Template | str | Path | Mapping[str, Any]] = (),
        clock: Callable[[], datetime] = _utc_now,
        workers: int = WORKERS,
    ) -> Opening:
        """
        Open an engine: `async with AsyncEngine.open(…) as engine`, or `engine = await AsyncEngine.open(…)`.

        Args:
            url: Where the histories are kept; it and all the others but *workers* are those of `Engine.open`.

            processes: The processes it knows beside the built-in ones.

            plugins: The plugins.

            calendars: The calendars it knows beside the shipped ones.

            wake: By what the engine is woken when something is due.

            subscriptions: Who is told what.

            addresses: Where people are reached.

            messages: The words of messages.

            clock: Says what time it is.

            workers: How many calls run at a time.
        """
        opening = functools.partial(
            Engine.open,
            url,
            processes=processes,
            plugins=plugins,
            calendars=calendars,
            wake=wake,
            subscriptions=subscriptions,
            addresses=addresses,
            messages=messages,
            clock=clock,
        )
        return Opening(cls, opening, _pool(workers))

    @property
    def engine(self) -> Engine:
        """The engine itself, for what is done in a thread of the host's."""
        return self._engine

    async def _run(self, act: Callable[[], R]) -> R:
        """Do something in a thread, in a copy of this context; one that has begun goes on, whoever waits for it."""
        with self._lock:
            try:
                if self._closed:
                    message = "it takes no calls any more"
                    raise RuntimeError(message)
                call = self._pool.submit(contextvars.copy_context().run, act)
            except RuntimeError as error:
                message = f"the engine was closed, so nothing was done ({error}); open another"
                raise StoreError(message) from error
            self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return await asyncio.wrap_future(call)

    async def close(self) -> None:
        """Wait for the calls that have come, then let go of the store; from now on none is taken any more."""
        with self._lock:
            self._closed = True
            calls = tuple(self._calls)
        await asyncio.to_thread(self._close, calls)

    def _close(self, calls: Iterable[Future[Any]]) -> None:
        # The threads may be those of the host, who goes on with them.
        wait(calls)
        if self._mine:
            self._pool.shutdown()
        self._engine.close()

    async def __aenter__(self) -> Self:
        """Use the engine for the length of a block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of the store."""
        await self.close()

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[AsyncEngine]:
        """
        Have an engine for the length of a block, all of whose changes are one commit at its end, or none of them.

        It has one thread of its own and makes one change after the other, whoever asks. What is said of `Engine.batch`
        holds here; in particular, others may have to wait until the block ends.
        """
        pool, batch = _pool(1), self._engine.batch()
        entering = pool.submit(contextvars.copy_context().run, batch.__enter__)
        try:
            try:
                engine = await asyncio.wrap_future(entering)
            except asyncio.CancelledError as error:
                # It may be entered although nobody waits for it; then it is left at once.
                pool.submit(_leave, entering, batch, error)
                raise
            try:
                yield AsyncEngine(engine, workers=pool)
            except BaseException as error:
                await _left(pool, batch, error)
                raise
            await _left(pool, batch, None)
        finally:
            pool.shutdown(wait=False)

    # What it was opened with

    @property
    def processes(self) -> tuple[Process, ...]:
        """The processes it knows, the built-in ones among them."""
        return self._engine.processes

    @property
    def calendars(self) -> Mapping[str, Calendar]:
        """The calendars in force, by id. They come along, or from plugins, or it was given them."""
        return self._engine.calendars

    @property
    def plugins(self) -> tuple[str, ...]:
        """The names of its plugins."""
        return self._engine.plugins

    process = _awaited(Engine.process)

    # What happens within a stage

    start = _awaited(Engine.start)
    attach = _awaited(Engine.attach)
    record = _awaited(Engine.record)
    approve = _awaited(Engine.approve)
    refuse = _awaited(Engine.refuse)
    abstain = _awaited(Engine.abstain)
    recuse = _awaited(Engine.recuse)
    adjourn = _awaited(Engine.adjourn)
    note = _awaited(Engine.note)

    # Moves

    advance = _awaited(Engine.advance)
    send_back = _awaited(Engine.send_back)
    hold = _awaited(Engine.hold)
    resume = _awaited(Engine.resume)
    end = _awaited(Engine.end)
    renew = _awaited(Engine.renew)
    amend = _awaited(Engine.amend)
    migrate = _awaited(Engine.migrate)

    # Questions

    get = _awaited(Engine.get)
    parts = _awaited(Engine.parts)
    find = _awaited(Engine.find)
    options = _awaited(Engine.options)
    history = _awaited(Engine.history)
    explain = _awaited(Engine.explain)
    forecast = _awaited(Engine.forecast)
    plan_migration = _awaited(Engine.plan_migration)

    @overload
    async def count(
        self,
        *,
        by: None = None,
        stage: str | None = None,
        process: str | None = None,
        outcome: str | None = None,
        running: bool | None = None,
        owner: str | None = None,
        on_hold: bool | None = None,
    ) -> int: ...

    @overload
    async def count(
        self,
        *,
        by: str,
        stage: str | None = None,
        process: str | None = None,
        outcome: str | None = None,
        running: bool | None = None,
        owner: str | None = None,
        on_hold: bool | None = None,
    ) -> dict[Any, int]: ...

    @functools.wraps(Engine.count)
    async def count(self, **asked: Any) -> int | dict[Any, int]:  # noqa: D102  it has the docstring of the engine's
        return await self._run(functools.partial(self._engine.count, **asked))

    # Duties

    sweep = _awaited(Engine.sweep)
    recompute = _awaited(Engine.recompute)
    verify = _awaited(Engine.verify)
    deliver = _awaited(Engine.deliver)
    message = _awaited(Engine.message)
    requeue = _awaited(Engine.requeue)
    hold_deliveries = _awaited(Engine.hold_deliveries)
    release_deliveries = _awaited(Engine.release_deliveries)
    held_deliveries = _awaited(Engine.held_deliveries)
    resolve = _awaited(Engine.resolve)
    backup = _awaited(Engine.backup)
    outbox = _awaited(Engine.outbox)


class Opening:
    """An engine that is about to be opened: awaited, or used as `async with`."""

    def __init__(self, kind: type[AsyncEngine], opening: Callable[[], Engine], pool: ThreadPoolExecutor) -> None:
        """
        Take what opens it.

        Args:
            kind: What to put before it.

            opening: Opens it.

            pool: The threads it is to have.
        """
        self._kind = kind
        self._opening = opening
        self._pool = pool
        self._engine: AsyncEngine | None = None

    def __await__(self) -> Generator[Any, None, AsyncEngine]:
        """Open it."""
        return self._open().__await__()

    async def _open(self) -> AsyncEngine:
        future = self._pool.submit(contextvars.copy_context().run, self._opening)
        try:
            engine = await asyncio.wrap_future(future)
        except BaseException:
            # Whoever asked for it is gone; what is still being opened is closed by itself.
            future.add_done_callback(_abandon)
            self._pool.shutdown(wait=False)
            raise
        made = self._kind(engine, workers=self._pool)
        made._mine = True  # noqa: SLF001  the threads were made for it
        return made

    async def __aenter__(self) -> AsyncEngine:
        """Open it for the length of a block."""
        self._engine = await self
        return self._engine

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        assert self._engine is not None  # noqa: S101  the block was entered
        await self._engine.close()


def _pool(workers: int) -> ThreadPoolExecutor:
    if type(workers) is not int or workers < 1:
        message = f"workers: a whole number from 1 is needed, not {workers!r}"
        raise InvalidValue(message)
    return ThreadPoolExecutor(workers, thread_name_prefix="stagegate")


def _abandon(future: Future[Engine]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().close()


async def _left(pool: ThreadPoolExecutor, batch: AbstractContextManager[Engine], error: BaseException | None) -> None:
    """Leave a batch, whatever happens: one that was not yet being left when its caller was cancelled is undone."""
    leaving = pool.submit(contextvars.copy_context().run, _exit, batch, error)
    try:
        await asyncio.wrap_future(leaving)
    except asyncio.CancelledError as late:
        if leaving.cancel():
            pool.submit(_exit, batch, late)
        raise


def _exit(batch: AbstractContextManager[Engine], error: BaseException | None) -> None:
    if error is None:
        batch.__exit__(None, None, None)
    else:
        batch.__exit__(type(error), error, error.__traceback__)


def _leave(entering: Future[Engine], batch: AbstractContextManager[Engine], error: BaseException) -> None:
    if not entering.cancelled() and entering.exception() is None:
        _exit(batch, error)


__all__ = ["AsyncEngine", "Opening"]
