"""The worker: does what is due, and says that it lives while it is at it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import attrs
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import Worker

from stagegate import Delivered, Engine, NotFound

from ._address import Address
from ._asking import LEAVE, connected, look_at_all
from ._syncing import failed, next_try, sync, wanted
from ._workflows import AGREEMENT, BEAT, DUTIES, NOTIFICATION, Delivery, Found, Timer

LOGGER = logging.getLogger("stagegate.temporal")
AT_ONCE = 10
"""How much one worker does at the same time."""

GRACE = timedelta(seconds=30)
"""How long a worker that is told to stop may finish what it has in hand."""


@attrs.frozen
class Duties:
    """What is done about the things that are watched over: each look reads the store anew, and trusts nothing else."""

    engine: Engine
    pool: ThreadPoolExecutor
    lease: timedelta
    unclaimed: set[str] = attrs.field(factory=set, init=False)
    """The channels of which the log has been told that nobody delivers to them."""

    @activity.defn(name=DUTIES[AGREEMENT])
    async def sweep(self, agreement: str) -> Found:
        """Let what is due to an agreement take its course, and say when something is due next."""
        return await self._beating(self._sweep, agreement)

    @activity.defn(name=DUTIES[NOTIFICATION])
    async def deliver(self, notification: str) -> Found:
        """Try to deliver a notification if it is due, and say when to try again."""
        return await self._beating(self._deliver, notification)

    async def _beating(self, duty: Callable[[str], Found], key: str) -> Found:
        work = asyncio.get_running_loop().run_in_executor(self.pool, duty, key)
        while not (await asyncio.wait({work}, timeout=BEAT.total_seconds()))[0]:
            activity.heartbeat()
        return work.result()

    def _sweep(self, agreement: str) -> Found:
        try:
            swept = self.engine.sweep(agreement=agreement)
            current = self.engine.get(agreement)
        except NotFound:
            LOGGER.warning("%s: there is no such agreement in this store; nobody waits for it any more", agreement)
            return Found()
        for _, why in swept.failed:
            raise ApplicationError(why)
        due = current.wakes_at if current.running else None
        return Found.of(due, did=swept.total > 0)

    def _deliver(self, notification: str) -> Found:
        done = self.engine.deliver(notification=notification, lease=self.lease)
        self._warn(notification, done)
        if done.again_at is not None:
            return Found.of(done.again_at, did=True)
        if done.delivered or done.dead:
            return Found(did=True)
        # It was not to be had: it is not due yet, another has it in hand, it is held, or it is done.
        held = frozenset(self.engine.held_deliveries())
        rows = (row for row in self.engine.outbox("pending", readable=True) if row.notification.id == notification)
        due = next((next_try(row, held) for row in rows), None)
        return Found.of(due)

    def _warn(self, notification: str, done: Delivered) -> None:
        """Log what no worker will deliver, each channel once."""
        for channel in set(done.unclaimed) - self.unclaimed:
            self.unclaimed.add(channel)
            LOGGER.warning("no plugin delivers to %s; run the worker with one that does", channel)
        for trouble in done.damaged:
            LOGGER.warning(trouble)
        if done.dead:
            LOGGER.warning("%s: it was given up; `stagegate outbox show` says why", notification)


@contextlib.asynccontextmanager
async def serving(engine: Engine, client: Client, address: Address, *, lease: timedelta) -> AsyncIterator[Worker]:
    """Run timers and deliveries for the length of a block."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="stagegate") as pool:
        duties = Duties(engine, pool, lease)
        worker = Worker(
            client,
            task_queue=address.queue,
            workflows=[Timer, Delivery],
            activities=[duties.sweep, duties.deliver],
            max_concurrent_activities=AT_ONCE,
            graceful_shutdown_timeout=GRACE,
            max_heartbeat_throttle_interval=BEAT,
        )
        async with worker:
            yield worker


async def patrol(engine: Engine, client: Client, address: Address) -> int:
    """Have everything looked at that is due now: what nobody has told Temporal of is found here."""
    due = await asyncio.to_thread(wanted, engine, datetime.now(UTC))
    return await look_at_all(client, address, due)


async def patrolling(engine: Engine, client: Client, address: Address, every: timedelta) -> None:
    """Go on patrol, for ever; what cannot be reached now is tried again in the next round."""
    said = False
    while True:
        await asyncio.sleep(every.total_seconds())
        try:
            await patrol(engine, client, address)
            said = False
        except Exception as error:
            if not said:
                LOGGER.warning("the round was not made, the next will be tried: %s: %s", type(error).__name__, error)
            said = True


def work(engine: Engine, address: Address, *, lease: timedelta, every: timedelta | None) -> None:
    """Work until told to stop."""
    asyncio.run(_work(engine, address, lease, every))


async def _work(engine: Engine, address: Address, lease: timedelta, every: timedelta | None) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def tell(number: int) -> None:
        """Stop; who tells it twice interrupts it."""
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows ends a process without asking it
            loop.add_signal_handler(number, tell, number)
    client = await connected(address, told=True)
    try:
        done = await sync(engine, client, address)
        LOGGER.info(
            "at work for %s/%s on %s: %d timers, %d deliveries, %d left over",
            *(address.namespace, address.queue, address.host, done.timers, done.deliveries, done.ended),
        )
        async with serving(engine, client, address, lease=lease):
            rounds = None if every is None else asyncio.create_task(patrolling(engine, client, address, every))
            await stop.wait()
            LOGGER.info("told to stop: finishing what is in hand")
            if rounds is not None:
                rounds.cancel()
    except RPCError as error:
        raise failed(address, error) from error
    finally:
        await asyncio.sleep(LEAVE)
