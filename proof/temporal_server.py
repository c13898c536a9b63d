"""A Temporal server of one's own, which can be killed and started again, and an engine that is ahead of its time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import attrs
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from stagegate import Agreement, Engine

SCRIPTS = Path(sysconfig.get_path("scripts"))
TEST_SERVER = SCRIPTS / "temporal-test-server"
"""The server that skips the time in which nothing happens."""

LONG = 60.0
"""For how many seconds anything is waited for; what works takes a moment."""

LEAVE = 0.1
"""How long to leave the loop to a client before it ends."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
        where = ["--headless", "--ip", "127.0.0.1", "--port", str(self.port), "--log-level", "never"]
        command = [str(SCRIPTS / "temporal"), "server", "start-dev", *where, *kept]
        nowhere = subprocess.DEVNULL
        self._running = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        until("a server that answers", self._answers)
        return self

    def _answers(self) -> bool:
        assert self._running is not None
        assert self._running.poll() is None, "the server ended"
        return asyncio.run(self._asked())

    async def _asked(self) -> bool:
        try:
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
    """Return when the last timer of a workflow is to fire; None if it has none, or is not there."""
    fires = None
    try:
        history = await handle.fetch_history()
    except RPCError:
        return None
    for event in history.events:
        if event.HasField("timer_started_event_attributes"):
            wait = event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
            fires = event.event_time.ToDatetime(tzinfo=UTC) + wait
    return fires
