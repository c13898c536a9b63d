"""How Temporal is spoken to."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client, TLSConfig
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError, RPCStatusCode

from stagegate import PluginError

from ._address import Address
from ._workflows import LOOK, WORKFLOWS

PATIENCE = timedelta(seconds=10)
"""How long one question to Temporal may take."""

AT_ONCE = 50
"""How many questions are asked at the same time."""

LEAVE = 0.1
"""How long to leave the loop to Temporal's client before it ends: one that goes at once can crash."""


def _content(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()


@functools.cache
def _runtime(process: int, *, told: bool) -> Runtime:  # noqa: ARG001  its threads do not cross a fork
    """Return what Temporal's client runs on: it prints nothing, where the default one writes to standard output."""
    forwarded = LoggingConfig(
        # Its warnings repeat for every try of every question while a server is away; a worker's rounds say it once.
        TelemetryFilter(core_level="ERROR", other_level="ERROR"),
        LogForwardingConfig(logging.getLogger("temporalio")),
    )
    return Runtime(telemetry=TelemetryConfig(logging=forwarded if told else None))


async def connected(address: Address, *, told: bool = False) -> Client:
    """
    Return a client.

    Args:
        address: Where Temporal is.

        told: Whether the log is told what the client itself has to say, which is for those who stay.

    Raises:
        PluginError: If Temporal cannot be reached, or a file that is needed cannot be read.
    """
    try:
        tls = TLSConfig(
            server_root_ca_cert=_content(address.ca),
            client_cert=_content(address.cert),
            client_private_key=_content(address.key),
        )
        key = (_content(address.api_key) or b"").decode().strip() or None
        connecting = Client.connect(
            address.host,
            namespace=address.namespace,
            tls=tls if address.tls else False,
            api_key=key,
            runtime=_runtime(os.getpid(), told=told),
        )
        return await asyncio.wait_for(connecting, PATIENCE.total_seconds())
    except (OSError, RuntimeError, TimeoutError, ValueError) as error:
        message = f"Temporal cannot be reached at {address.host}: {_plain(error)}"
        raise PluginError("temporal", message) from error


def _plain(error: Exception) -> str:
    """Return the words in an error that are meant for people."""
    said = str(error) or f"no answer in {PATIENCE.total_seconds():.0f} seconds"
    found = re.search(r'message: "([^"]+)"', said)
    return found[1] if found else said


async def look(client: Client, address: Address, kind: str, key: str) -> None:
    """Have the one workflow that watches over *key* look at the store; start it if there is none."""
    await client.start_workflow(
        WORKFLOWS[kind],
        key,
        id=address.id(kind, key),
        task_queue=address.queue,
        start_signal=LOOK,
        rpc_timeout=PATIENCE,
    )


async def look_again(client: Client, address: Address, kind: str, key: str) -> None:
    """Have the workflow that watches over *key* look at the store, if there is one."""
    try:
        await client.get_workflow_handle(address.id(kind, key)).signal(LOOK, rpc_timeout=PATIENCE)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def look_at_all(client: Client, address: Address, things: Iterable[tuple[str, str]]) -> int:
    """
    Have many things looked at, and return how many these were.

    Raises:
        PluginError: If Temporal does not answer in time.

        RPCError: If it cannot do it.
    """
    waiting = list(things)
    for first in range(0, len(waiting), AT_ONCE):
        some = [look(client, address, *thing) for thing in waiting[first : first + AT_ONCE]]
        try:
            # All of them come to an end, so that nothing is under way any more when the first error is raised.
            answers = await asyncio.wait_for(asyncio.gather(*some, return_exceptions=True), PATIENCE.total_seconds())
        except TimeoutError as error:
            message = f"Temporal at {address.host} gave {_plain(error)}"
            raise PluginError("temporal", message) from None
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
    return len(waiting)
