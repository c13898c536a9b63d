"""The plugin: what `wake="temporal://…"` opens, and what `stagegate temporal` runs."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from stagegate import Engine, PluginError, Waker, hookimpl

from ._address import Address

if TYPE_CHECKING:
    from ._syncing import Synced

LEASE = timedelta(minutes=5)
ROUND = timedelta(minutes=1)


@hookimpl
def stagegate_open_waker(url: str) -> Waker | None:
    """Hand over what tells Temporal; nothing is connected before there is something to tell."""
    if not url.startswith("temporal:"):
        return None
    address = Address.read(url)
    waker: Waker = _room("_waker").TemporalWaker(address)
    return waker


def work(engine: Engine, url: str, *, lease: timedelta = LEASE, every: timedelta | None = ROUND) -> None:
    """
    Run timers and deliveries until the process is told to stop by SIGTERM or SIGINT.

    Begins with a `sync`. Any number of workers on any number of machines share the work.

    Args:
        engine: The engine they are run with, opened with the plugins of every channel, and with `wake=` the same url.

        url: Where Temporal is: `temporal://host:7233/namespace?queue=stagegate`.

        lease: For how long a notification stays in the hand of a worker that died with it.

        every: How often to look for what is due and what nobody has told Temporal of; None: never.

    Raises:
        PluginError: If Temporal cannot be reached or has no such namespace, or `temporalio` is not installed.
    """
    _room("_working").work(engine, Address.read(url), lease=lease, every=every)


def sync(engine: Engine, url: str) -> Synced:
    """
    Have Temporal wait for exactly what the store says is due. Doing it again changes nothing.

    Args:
        engine: The engine on that store.

        url: Where Temporal is.

    Raises:
        PluginError: If Temporal cannot be reached or has no such namespace, or `temporalio` is not installed.
    """
    done: Synced = _room("_syncing").sync_now(engine, Address.read(url))
    return done


def _room(name: str) -> Any:
    try:
        return import_module(f".{name}", __package__)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "temporalio":
            raise
        raise PluginError("temporal", "it needs temporalio; install stagegate with its extra [temporal]") from None
