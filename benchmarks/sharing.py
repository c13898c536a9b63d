"""Many callers of one SQLite file who share durable commits, against the same callers each committing alone."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
from durable import Channel, hasty
from measuring import Ratio, Row, Subject, in_turns, rates, ratio
from subjects import DESK, STEPS, begun, process, walked

from stagegate import Engine

THREADS, TASKS = 8, 100
SPAN = 0.6
"""For how many seconds the threads go on in each round."""

LONG_SPAN = 2.0
"""The same for the tasks: they are more, and a single change more or less is not to matter."""

WALKS = 15


def alone(engine: Engine) -> Engine:
    """Have the changes of an engine committed each alone, however its store would do it."""
    store: Any = engine._store
    store.work = None
    return engine


@attrs.define
class Callers:
    """
    What came of the rounds of some callers.

    Attributes:
        shares: In each round, the changes of the slowest caller in times of the mean.
    """

    shares: list[float] = attrs.field(factory=list)

    def took(self, counts: list[int], seconds: float) -> float:
        """Take down a round, and return what one change cost all of them."""
        self.shares.append(min(counts) * len(counts) / sum(counts))
        return seconds / sum(counts)


def changing(engine: Engine, names: Iterator[int]) -> Iterator[Callable[[], object]]:
    """Return one change after the other: agreements that are started, get ready and go all the way."""
    while True:
        deal = f"deal-{next(names)}"
        yield lambda deal=deal: engine.start("bench", deal, title=f"Agreement {deal}", by=DESK)
        yield lambda deal=deal: engine.record(deal, "ready", value=True, by=DESK)
        for _ in range(STEPS):
            yield lambda deal=deal: engine.advance(deal, by=DESK)


def _threads(engine: Engine, callers: Callers) -> Subject:
    """Return what has so many threads make changes at the same time."""
    names = itertools.count()

    def subject() -> float:
        counts = [0] * THREADS
        ready = threading.Barrier(THREADS + 1)
        ends = 0.0

        def call(place: int) -> None:
            changes = changing(engine, names)
            ready.wait()
            while time.perf_counter() < ends:
                next(changes)()
                counts[place] += 1

        threads = [threading.Thread(target=call, args=(place,)) for place in range(THREADS)]
        for thread in threads:
            thread.start()
        gc.collect()
        begun_at = time.perf_counter()
        ends = begun_at + SPAN
        ready.wait()
        for thread in threads:
            thread.join()
        return callers.took(counts, time.perf_counter() - begun_at)

    return subject


def _tasks(engine: Engine, callers: Callers) -> Subject:
    """Return what has so many tasks await changes at the same time."""
    from stagegate.aio import AsyncEngine

    names = itertools.count()
    raised = AsyncEngine(engine)

    async def call(place: int, counts: list[int], ends: float) -> None:
        while True:
            deal = f"task-{next(names)}"
            changes: list[Callable[[], Any]] = [
                lambda deal=deal: raised.start("bench", deal, title=f"Agreement {deal}", by=DESK),
                lambda deal=deal: raised.record(deal, "ready", value=True, by=DESK),
                *[lambda deal=deal: raised.advance(deal, by=DESK)] * STEPS,
            ]
            for change in changes:
                if time.perf_counter() >= ends:
                    return
                await change()
                counts[place] += 1

    async def all_of_them(counts: list[int]) -> None:
        ends = time.perf_counter() + LONG_SPAN
        await asyncio.gather(*(call(place, counts, ends) for place in range(TASKS)))

    def subject() -> float:
        counts = [0] * TASKS
        gc.collect()
        begun_at = time.perf_counter()
        asyncio.run(all_of_them(counts))
        return callers.took(counts, time.perf_counter() - begun_at)

    return subject


def _one(engine: Engine) -> Subject:
    names = itertools.count()

    def subject() -> float:
        deals = [begun(engine, f"one-{next(names)}") for _ in range(WALKS)]
        gc.collect()
        begun_at = time.perf_counter()
        for deal in deals:
            walked(engine, deal)
        return (time.perf_counter() - begun_at) / (WALKS * STEPS)

    return subject


def sharing(folder: Path, rounds: int) -> Iterator[Row]:
    """Compare threads, tasks and one caller alone."""
    with ExitStack() as stack:

        def opened(name: str) -> Engine:
            url = f"sqlite:///{folder / name}?timeout=120"
            return stack.enter_context(Engine.open(url, processes=[process()], plugins=[Channel()]))

        shared, single = opened("shared.db"), alone(opened("alone.db"))
        several = [
            (f"{THREADS} threads on SQLite", _threads, 1.5),
            (f"{TASKS} async callers on SQLite", _tasks, 3.5),
        ]
        for who, calling, aim in several:
            mine, theirs = Callers(), Callers()
            costs = in_turns({"shared": calling(shared, mine), "alone": calling(single, theirs)}, rounds)
            faster = rates(ratio(costs, "shared", "alone"))
            yield Row(
                what=f"{who}: rate of durable changes / rate of each committing alone",
                ratio=faster,
                aim=aim,
                at_least=True,
            )
            yield Row(what="... the slowest caller / the mean", ratio=Ratio.of(mine.shares), aim=0.8, at_least=True)
            yield Row(what="... the same where each commits alone", ratio=Ratio.of(theirs.shares))
        for engine in (shared, single):
            report = engine.verify()
            assert report.ok, report.faults[:3]
        yield Row(
            what="one caller alone on SQLite: cost of a durable move / cost where commits are not shared",
            ratio=ratio(in_turns({"shared": _one(shared), "alone": _one(single)}, rounds), "shared", "alone"),
            aim=1.05,
        )
        with hasty():
            shared, single = opened("hasty-shared.db"), alone(opened("hasty-alone.db"))
        costs = in_turns({"shared": _one(shared), "alone": _one(single)}, rounds)
        yield Row(what="... where no disk is waited for, which is not durable", ratio=ratio(costs, "shared", "alone"))
