"""Having Temporal wait for exactly what the store says is due, however the two came apart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import attrs
from temporalio.client import Client
from temporalio.service import RPCError

from stagegate import Delivery, Engine, HistoryTampered, PluginError

from ._address import Address
from ._asking import LEAVE, connected, look_again, look_at_all
from ._workflows import AGREEMENT, NOTIFICATION, WORKFLOWS

LOGGER = logging.getLogger("stagegate.temporal")
EVER = datetime(9999, 12, 31, tzinfo=UTC)
EVERYTHING = "*"


@attrs.frozen(kw_only=True)
class Synced:
    """
    What was found to be waited for.

    Attributes:
        timers: How many agreements have a date ahead, or one that has passed.

        deliveries: How many notifications wait to be delivered.

        ended: How many workflows watch over what is not waited for any more; they look, and end.
    """

    timers: int
    deliveries: int
    ended: int


def next_try(row: Delivery, held: frozenset[str]) -> datetime | None:
    """Return when a row of the outbox is to be tried next; None while it is held: whoever releases it is heard."""
    if EVERYTHING in held or row.notification.recipient in held:
        return None
    return max(row.due_at, row.leased_until or row.due_at)


def timers(engine: Engine, until: datetime = EVER) -> Iterator[str]:
    """Go through the agreements of which something is due up to a time."""
    after: str | None = None
    while True:
        page = engine.find(running=True, due_before=until, after=after, limit=500)
        yield from (agreement.id for agreement in page.items)
        after = page.next
        if after is None:
            return


def deliveries(engine: Engine, until: datetime = EVER) -> Iterator[str]:
    """Go through the notifications that are to be tried up to a time."""
    held = frozenset(engine.held_deliveries())
    for row in engine.outbox("pending", readable=True):
        due = next_try(row, held)
        if due is not None and due <= until:
            yield row.notification.id


def wanted(engine: Engine, until: datetime = EVER) -> list[tuple[str, str]]:
    """Return everything that is due up to a time: its kind and its id."""
    return [
        *((AGREEMENT, agreement) for agreement in timers(engine, until)),
        *((NOTIFICATION, notification) for notification in deliveries(engine, until)),
    ]


def troubles(engine: Engine) -> Iterator[str]:
    """Say what nobody will deliver, however often it is woken for: what is held, and what cannot be read."""
    if why := engine.held_deliveries().get(EVERYTHING):
        yield f"everything is held: {why}"
    try:
        engine.outbox("pending")
    except HistoryTampered as error:
        yield str(error)


async def watched(client: Client, address: Address) -> set[tuple[str, str]]:
    """Return everything that Temporal watches over for this deployment."""
    kinds = {workflow: kind for kind, workflow in WORKFLOWS.items()}
    query = f'TaskQueue = "{address.queue}" AND ExecutionStatus = "Running"'
    return {
        (kind, one.id.removeprefix(address.id(kind, "")))
        async for one in client.list_workflows(query)
        if (kind := kinds.get(one.workflow_type)) and one.id.startswith(address.id(kind, ""))
    }


async def sync(engine: Engine, client: Client, address: Address) -> Synced:
    """Have Temporal watch over what the store says is due, and look again at all else that it watches over."""
    # First what is there: what begins in between is then in neither list, and is right by itself.
    there = await watched(client, address)
    due = await asyncio.to_thread(wanted, engine)
    for trouble in await asyncio.to_thread(list, troubles(engine)):
        LOGGER.warning(trouble)
    left = there.difference(due)
    await look_at_all(client, address, due)
    for kind, key in sorted(left):
        await look_again(client, address, kind, key)
    several = sum(kind == AGREEMENT for kind, _ in due)
    return Synced(timers=several, deliveries=len(due) - several, ended=len(left))


def sync_now(engine: Engine, address: Address) -> Synced:
    """Sync once."""

    async def once() -> Synced:
        client = await connected(address)
        try:
            return await sync(engine, client, address)
        except RPCError as error:
            raise failed(address, error) from error
        finally:
            await asyncio.sleep(LEAVE)

    return asyncio.run(once())


def failed(address: Address, error: RPCError) -> PluginError:
    """Return what is raised where Temporal was reached and could not do it."""
    return PluginError("temporal", f"Temporal at {address.host}, namespace {address.namespace}: {error.message}")
