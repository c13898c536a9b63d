"""A real Temporal server, and an office that is woken by it: what the tests of this folder share."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, ParamSpec

import attrs
from temporalio.client import Client

from proof.temporal_server import LEAVE, LONG, SCRIPTS, TEST_SERVER, Ahead, Server, planned, slept, timers, until
from stagegate import (
    Actor,
    Agreement,
    Engine,
    Event,
    Notification,
    Outcome,
    Process,
    Stage,
    Undeliverable,
    approval,
    calendar_days,
    hookimpl,
    unguarded,
    workdays,
)
from stagegate.contrib.temporal._address import Address
from stagegate.contrib.temporal._asking import connected
from stagegate.contrib.temporal._syncing import watched
from stagegate.contrib.temporal._working import serving

BOSS = Actor(id="ann", roles={"boss"})
DESK = Actor(id="tri", roles={"desk"})

PROCESS = Process(
    id="wait",
    version="1",
    stages=(
        Stage("plan", owner="boss", gate=unguarded("a test")),
        Stage(
            "council",
            owner="desk",
            back_to=("plan",),
            gate=approval("council", within=calendar_days(200), silence="approves", basis="Rule of the test, Art 2"),
            within=workdays(45),
            remind=("5 workdays",),
            on_timeout="escalate:boss",
        ),
        Stage("done", owner="boss"),
    ),
    outcomes=(Outcome("dropped", by="boss"),),
)


class Channel:
    """A channel that writes down what it delivers, fails as often as it is told, or takes nothing at all."""

    name = "channel"

    def __init__(self) -> None:
        self.got: list[str] = []
        self.fails = 0
        self.refuses = False

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell of every event."""
        yield Notification(channel="channel", kind=event.kind, to="boss", context={"n": event.n})

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Deliver, or fail."""
        if self.fails:
            self.fails -= 1
            message = "the line is busy"
            raise ConnectionError(message)
        if self.refuses:
            message = "moved, address unknown"
            raise Undeliverable(message)
        self.got.append(notification.id)
        return True


P = ParamSpec("P")


def in_a_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in a loop of its own; Temporal's client is given the moment that it needs to end."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def whole() -> None:
            """Run it."""
            try:
                await test(*args, **kwargs)
            finally:
                await asyncio.sleep(LEAVE)

        asyncio.run(whole())

    return run


async def until_async(what: str, holds: Callable[[], Any]) -> Any:
    """Wait in a loop until something holds, and return what it answers."""
    end = time.monotonic() + LONG
    while True:
        answer = holds()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < end, f"never came: {what}"
        await asyncio.sleep(0.02)


@attrs.define
class Office:
    """An engine with a channel, woken by a queue of its own; and what a test asks about it."""

    folder: Path
    url: str
    clock: Any = None
    channel: Channel = attrs.field(factory=Channel)
    db: str = attrs.field()

    @db.default
    def _on_a_file(self) -> str:
        return f"sqlite:///{self.folder}/a.db?timeout=60"

    @property
    def address(self) -> Address:
        """Where Temporal is."""
        return Address.read(self.url)

    def open(self, *, wake: bool = True, kind: type[Engine] = Engine) -> Engine:
        """Open the engine."""
        clock = {} if self.clock is None else {"clock": self.clock}
        wanted = self.url if wake else None
        return kind.open(self.db, processes=[PROCESS], plugins=[self.channel], wake=wanted, **clock)

    @contextlib.asynccontextmanager
    async def at_work(self, engine: Engine, client: Client | None = None) -> AsyncIterator[Client]:
        """Have a worker in this process."""
        client = client or await connected(self.address)
        async with serving(engine, client, self.address, lease=timedelta(seconds=5)):
            yield client

    async def watches(self, client: Client, *wanted: tuple[str, str]) -> None:
        """Wait until Temporal watches over exactly this."""
        there: set[tuple[str, str]] = set()

        async def so() -> bool:
            """Compare."""
            there.clear()
            there.update(await watched(client, self.address))
            return there == set(wanted)

        await until_async(f"{sorted(wanted)}, there is {sorted(there)}", so)

    @staticmethod
    def pending(engine: Engine) -> int:
        """Say how much waits to be delivered."""
        return len(engine.outbox("pending"))


def council(engine: Engine, agreement: str = "deal") -> Agreement:
    """Bring an agreement before the council, where a clock runs."""
    engine.start("wait", agreement, by=BOSS)
    return engine.advance(agreement, by=BOSS)


__all__ = ["LONG", "SCRIPTS", "TEST_SERVER", "Ahead", "Server", "planned", "slept", "timers", "until"]
