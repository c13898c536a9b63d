"""Months of deadlines, on a server that skips the time in which nothing happens; the engine's clock follows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.testing import WorkflowEnvironment

from stagegate import Engine, Event
from stagegate.contrib.temporal._workflows import AGREEMENT, NOTIFICATION

from .scene import BOSS, DESK, TEST_SERVER, Office, council, in_a_loop, planned, slept, until_async

NEAR = timedelta(minutes=5)
"""What is recorded so soon after it was due was not forgotten; the time between looks is months."""


@attrs.define
class Months:
    """A server, an office, its engine, and a worker: what passes here is the server's time."""

    environment: WorkflowEnvironment
    office: Office
    engine: Engine
    client: Client

    async def pass_by(self, **time: float) -> None:
        """Let time pass, from when everybody waits until everybody waits again."""
        await until_async("everybody waits", self._waiting)
        await slept(self.environment, timedelta(**time))
        await until_async("everybody waits", self._waiting)

    async def _waiting(self) -> bool:
        now = await self.environment.get_current_time()
        dates = await asyncio.to_thread(self._dates)
        for thing, date in dates.items():
            at = await planned(self.client.get_workflow_handle(self.office.address.id(*thing)))
            if date <= now or at is None or abs(at - date) > timedelta(seconds=1):
                return False
        return True

    def _dates(self) -> dict[tuple[str, str], datetime]:
        deal = self.engine.get("deal")
        pending = {(NOTIFICATION, row.notification.id): row.due_at for row in self.engine.outbox("pending")}
        return pending if deal.wakes_at is None else {(AGREEMENT, "deal"): deal.wakes_at, **pending}

    async def events(self, *kinds: str) -> list[Event]:
        """Return the events of these kinds."""
        history = await asyncio.to_thread(self.engine.history, "deal")
        return [event for event in history if event.kind in kinds]


@asynccontextmanager
async def months(folder: Path, *, behind: timedelta = timedelta(0)) -> AsyncIterator[Months]:
    """Have all of it for the length of a block; the clock of the engine may be behind that of the server."""
    quiet = Runtime(telemetry=TelemetryConfig(logging=None))
    server = await WorkflowEnvironment.start_time_skipping(test_server_existing_path=str(TEST_SERVER), runtime=quiet)
    async with server:
        loop = asyncio.get_running_loop()

        def clock() -> datetime:
            """Say what time it is there."""
            # Asked from threads only: the loop goes on meanwhile.
            now = asyncio.run_coroutine_threadsafe(server.get_current_time(), loop).result(60)
            return now.astimezone(UTC) - behind

        url = f"temporal://{server.client.service_client.config.target_host}/default?queue=months"
        office = Office(folder, url, clock)
        engine = await asyncio.to_thread(office.open)
        try:
            async with office.at_work(engine, server.client):
                yield Months(server, office, engine, server.client)
        finally:
            await asyncio.to_thread(engine.close)


@in_a_loop
async def test_reminder_overdue_and_silence(tmp_path: Path) -> None:
    """A reminder, the end of 45 working days and a decision by silence each come at their date, once, and are told."""
    async with months(tmp_path) as time:
        deal = await asyncio.to_thread(council, time.engine)
        stage = deal.deadlines["stage:council"]
        silence = next(one for key, one in deal.deadlines.items() if key.startswith("requirement:"))
        assert stage.at is not None
        assert silence.at is not None
        due = [*stage.remind_at, stage.at, silence.at]
        await time.pass_by(days=30)
        assert [] == await time.events("reminded", "overdue", "voted")
        await time.pass_by(days=250)
        came = await time.events("reminded", "overdue", "voted")
        assert ["reminded", "overdue", "voted"] == [event.kind for event in came]
        for event, at in zip(came, due, strict=True):
            recorded = datetime.fromisoformat(event.data["recorded_at"])
            assert at <= recorded <= at + NEAR
        assert len(time.office.channel.got) == len(set(time.office.channel.got)) == 5
        assert (await asyncio.to_thread(time.engine.verify)).ok


@in_a_loop
async def test_deadline_that_moves(tmp_path: Path) -> None:
    """Sent back and brought again, an agreement is reminded by the new dates, and not by the old ones."""
    async with months(tmp_path) as time:
        first = await asyncio.to_thread(council, time.engine)
        await time.pass_by(days=40)
        await asyncio.to_thread(lambda: time.engine.send_back("deal", "plan", "again", by=DESK))
        await time.pass_by(days=30)
        assert [] == await time.events("reminded", "overdue")
        second = await asyncio.to_thread(lambda: time.engine.advance("deal", by=BOSS))
        await time.pass_by(days=90)
        came = await time.events("reminded", "overdue")
        assert ["reminded", "overdue"] == [event.kind for event in came]
        at, before = second.deadlines["stage:council"].at, first.deadlines["stage:council"].at
        assert at is not None
        assert before is not None
        assert before < at <= datetime.fromisoformat(came[1].data["recorded_at"]) <= at + NEAR


@in_a_loop
async def test_ended_in_time(tmp_path: Path) -> None:
    """Nothing comes of the dates of an agreement that ended before them."""
    async with months(tmp_path) as time:
        await asyncio.to_thread(council, time.engine)
        await time.pass_by(days=20)
        ended = await asyncio.to_thread(lambda: time.engine.end("deal", "dropped", by=BOSS))
        await time.pass_by(days=400)
        assert ended.n == (await time.events("started", "moved", "reminded", "overdue", "voted"))[-1].n


@in_a_loop
async def test_mail_that_is_down_for_days(tmp_path: Path) -> None:
    """What cannot be delivered is tried again at the dates of the outbox, for days, and then delivered once."""
    async with months(tmp_path) as time:
        time.office.channel.fails = 14
        await asyncio.to_thread(lambda: time.engine.start("wait", "deal", by=BOSS))
        await time.pass_by(days=4)
        (row,) = await asyncio.to_thread(time.engine.outbox, "delivered")
        assert (15, [row.notification.id]) == (row.tries, time.office.channel.got)


@in_a_loop
async def test_clock_that_is_behind(tmp_path: Path) -> None:
    """Where the engine's clock is a day behind Temporal's, a date is met by the engine's, and looked for once an hour."""
    async with months(tmp_path, behind=timedelta(days=1)) as time:
        deal = await asyncio.to_thread(council, time.engine)
        handle = time.client.get_workflow_handle(time.office.address.id(AGREEMENT, "deal"))
        await until_async("a timer", lambda: planned(handle))
        await slept(time.environment, timedelta(days=100))
        stage = deal.deadlines["stage:council"]
        assert stage.at is not None
        came = await time.events("reminded", "overdue")
        assert ["reminded", "overdue"] == [event.kind for event in came]
        for event, at in zip(came, [*stage.remind_at, stage.at], strict=True):
            recorded = datetime.fromisoformat(event.data["recorded_at"])
            assert at <= recorded <= at + timedelta(hours=1) + NEAR
        # A day of looking in vain is some thirty looks, and not a thousand.
        assert (await handle.describe()).history_length < 1000
