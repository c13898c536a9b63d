"""The commands about Temporal, which wakes the engine where one machine is not enough."""

from __future__ import annotations

import logging
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Any

import click

from ._listing import Group
from ._output import Out
from ._settings import Settings, shared


@click.group(cls=Group)
def temporal() -> None:
    """Have Temporal say when something is due: run its worker, mend what it has missed."""


@temporal.command()
@click.option(
    "--lease",
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    default=300,
    show_default=True,
    help="For how long a notification stays in the hand of a worker that died with it.",
)
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    help="How often to look for what is due and what nobody has told Temporal of; 0: never.",
)
@shared()
@click.pass_obj
def worker(settings: Settings, lease: float, every: float) -> None:
    """Run timers and deliveries until told to stop; any number of workers share the work. Begins with a sync."""
    url, plugin = _where(settings), _plugin()
    # The channel `log` writes to the log, and a program that runs it has to say where that is.
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    with settings.open() as engine:
        plugin.work(engine, url, lease=timedelta(seconds=lease), every=timedelta(seconds=every) if every else None)


@temporal.command()
@shared()
@click.pass_obj
def sync(settings: Settings) -> None:
    """Have Temporal wait for exactly what the store says is due; do it when the two may have come apart."""
    out, url, plugin = Out(settings), _where(settings), _plugin()
    with settings.open() as engine:
        done = plugin.sync(engine, url)
    counts = {"timers": done.timers, "deliveries": done.deliveries, "ended": done.ended}
    if out.json:
        out.data(counts)
    else:
        out.pairs(counts.items())


def _where(settings: Settings) -> str:
    if not settings.wake:
        message = "say where Temporal is: --wake temporal://host:7233/namespace, or STAGEGATE_WAKE"
        raise click.UsageError(message)
    return settings.wake


def _plugin() -> Any:
    """Return the plugin: it is a leaf like this one, so it is known by its name only."""
    return next(iter(entry_points(group="stagegate", name="temporal"))).load()
