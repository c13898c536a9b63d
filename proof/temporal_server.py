"""A Temporal server of one's own, which can be killed and started again, and an engine that is ahead of its time."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Self

import attrs
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from stagegate import Agreement, Engine

SCRIPTS = Path(sysconfig.get_path("scripts"))
TEST_SERVER = SCRIPTS / "temporal-test-server"
"""The server that skips the time in which nothing happens."""

LONG = 120.0
"""For how many seconds anything is waited for; what works takes a moment."""

ANSWER = 20.0
"""For how many seconds a server that is starting may think about one question."""

PORTS = range(20000, 32000)
"""Where servers listen: below what systems give to programs that call, so that none of those is in the way."""

LEAVE = 0.1
"""How long to leave the loop to a client before it ends."""


def free_port() -> int:
    """Return a port that nobody listens on, and that no program gets that only calls."""
    for port in random.sample(PORTS, 100):
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    message = f"no port is free between {PORTS[0]} and {PORTS[-1]}"
    raise RuntimeError(message)


def until(what: str, holds: Callable[[], Any], long: float = LONG) -> Any:
    """Wait until something holds, and return what it answers."""
    end = time.monotonic() + long
    while not (answer := holds()):
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)
    return answer


@attrs.define
class Server:
    """
    A real server, of the kind that is meant for development: one process, in memory or on a file.

    Attributes:
        db: The file that it keeps what it knows in; None: it forgets everything when it ends.

        port: Where it answers.
    """

    db: Path | None = None
    port: int = attrs.field(factory=free_port)
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        kept = [] if self.db is None else ["--db-filename", str(self.db)]
        where = ["--headless", "--ip", "127.0.0.1", "--port", str(self.port), "--log-level", "error"]
        command = [str(SCRIPTS / "temporal"), "server", "start-dev", *where, *kept]
        with tempfile.TemporaryFile() as said:
            try:
                until("a server that answers", lambda: self._answers(command, said))
            except AssertionError as error:
                self.kill()
                said.seek(0)
                message = f"{error}; the server said: {said.read()[-2000:].decode(errors='replace')}"
                raise AssertionError(message) from None
        return self

    def _answers(self, command: list[str], said: IO[bytes]) -> bool:
        if self._running is None or self._running.poll() is not None:
            # It ends where one of the other ports that it chose for itself was taken meanwhile; then it is begun anew.
            nowhere = subprocess.DEVNULL
            self._running = subprocess.Popen(command, stdin=nowhere, stdout=said, stderr=said)
        # One that answers although this one ended is somebody else's.
        return asyncio.run(self._asked()) and self._running.poll() is None

    async def _asked(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER):
                client = await Client.connect(f"127.0.0.1:{self.port}", namespace="default")
                await client.count_workflows()
        except Exception:
            return False
        finally:
            await asyncio.sleep(LEAVE)
        return True

    def kill(self) -> None:
        """End it without a word."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def url(self, queue: str) -> str:
        """Return the url of a queue of it."""
        return f"temporal://127.0.0.1:{self.port}/default?queue={queue}"


class Ahead(Engine):
    """
    An engine whose clock is months ahead of Temporal's.

    What it says to be due is said in Temporal's time, so that a test need not wait for the end of a day.
    """

    ahead = timedelta(0)

    def get(self, agreement: Agreement | str) -> Agreement:
        """Return the agreement with its dates in Temporal's time."""
        found = super().get(agreement)
        moved = {
            key: attrs.evolve(
                one,
                at=None if one.at is None else one.at - self.ahead,
                remind_at=tuple(at - self.ahead for at in one.remind_at),
            )
            for key, one in found.deadlines.items()
        }
        return attrs.evolve(found, deadlines=type(found.deadlines)(moved))


async def planned(handle: WorkflowHandle[Any, Any]) -> datetime | None:
    """Return for when a workflow has set its last timer; None if it has none, or is not there."""
    return next(reversed(await timers(handle)), None)


async def timers(handle: WorkflowHandle[Any, Any]) -> list[datetime]:
    """
    Return for when a workflow has set each of its timers; none if it is not there.

    It is counted from what the workflow took for now; a worker that is slow tells the server a little later.
    """
    now, found = datetime.max.replace(tzinfo=UTC), list[datetime]()
    try:
        history = await handle.fetch_history()
    except RPCError:
        return []
    for event in history.events:
        if event.HasField("workflow_task_started_event_attributes"):
            now = event.event_time.ToDatetime(tzinfo=UTC)
        elif event.HasField("timer_started_event_attributes"):
            found.append(now + event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta())
    return found


async def slept(environment: WorkflowEnvironment, time: timedelta, long: float = LONG) -> None:
    """
    Let time pass on the server that skips it, if that takes no longer than *long* seconds.

    A question that this server drops under load is asked again, for what is left.
    """
    end = await environment.get_current_time() + time
    for left in range(5, -1, -1):
        try:
            wait = max(timedelta(0), end - await environment.get_current_time())
            await asyncio.wait_for(environment.sleep(wait), long)
        except TimeoutError:
            message = f"{wait} did not pass within {long:g} seconds: something is looked at over and over"
            raise AssertionError(message) from None
        except RPCError:
            if not left:
                raise
        else:
            return
