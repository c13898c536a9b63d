"""The commands of the outbox: deliver it, look into it, mend what was given up, hold it."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Self

import click

from stagegate import Delivered, Delivery, Engine, HistoryTampered, Message, NotFound, StoreError

from ._errors import REFUSED
from ._listing import Group
from ._output import Cell, Out, Value
from ._settings import Settings, shared
from ._views import instant, spell

COUNTS = ("delivered", "failed", "dead")
EVERYTHING = "*"
STATUSES: dict[str | None, tuple[str | None, ...]] = {
    None: ("pending", "dead"),
    "pending": ("pending",),
    "dead": ("dead",),
    "delivered": ("delivered",),
    "all": (None,),
}
"""What can be listed; if nothing is asked for, what is not delivered."""


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="How many to try at most.")
@click.option("--follow", is_flag=True, help="Go on as a worker, until it is told to stop by SIGTERM or Ctrl-C.")
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1, max=3600),
    default=5.0,
    show_default=True,
    help="How long a worker waits where nothing is due.",
)
@shared()
@click.pass_obj
def deliver(settings: Settings, limit: int, *, follow: bool, every: float) -> int:
    """Deliver the notifications that are due: once, run from a timer, or as a worker. Several may run at a time.

    Leaves with 1 if something had to be left that somebody has to see to.
    """
    out = Out(settings)
    with _logged():
        if follow:
            _work(settings, out, limit, every)
            return 0
        with settings.open() as engine:
            done = engine.deliver(limit=limit)
    if out.json:
        out.data(_done_data(done))
    else:
        out.pairs([*((key, getattr(done, key)) for key in COUNTS), ("waiting", done.waiting or None)])
    for line in _troubles(done, out):
        out.warn(line)
    return REFUSED if done.unclaimed or done.damaged else 0


@contextmanager
def _logged() -> Iterator[None]:
    """Show what the channel `log` writes: a program that runs it has to say where."""
    logger, handler = logging.getLogger("stagegate.notifications"), logging.StreamHandler(sys.stderr)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Stop:
    """Whether the worker was told to stop. It finishes what it has in hand; who tells it twice interrupts it."""

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        # A signal may come while the queue is being asked: of all that could wait, only this one can bear that.
        self._told: SimpleQueue[int] = SimpleQueue()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._tell) or signal.SIG_DFL for number in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _tell(self, number: int, _: FrameType | None) -> None:
        self._told.put(number)
        signal.signal(number, self._before[number])

    def __call__(self) -> bool:
        return not self._told.empty()

    def wait(self, seconds: float) -> None:
        with suppress(Empty):
            self._told.put(self._told.get(timeout=seconds))


def _work(settings: Settings, out: Out, limit: int, every: float) -> None:
    """Deliver round after round. What stands in the way is told when it changes, not in each round."""
    known: tuple[str, ...] = ()
    with _Stop() as stop, settings.open() as engine:
        while not stop():
            tried = 0
            try:
                done = engine.deliver(limit=limit, stop=stop)
            except StoreError as error:
                troubles: tuple[str, ...] = (str(error),)
            else:
                troubles = tuple(_troubles(done, out))
                tried = done.delivered + done.failed + done.dead
                if tried or done.waiting:
                    _tell(done, out)
            for line in troubles:
                if line not in known:
                    out.warn(line)
            known = troubles
            if tried < limit:
                stop.wait(every)


def _tell(done: Delivered, out: Out) -> None:
    """Tell of one round in one line."""
    now = instant(datetime.now(UTC).replace(microsecond=0))
    if out.json:
        out.text(json.dumps({"at": now, **_done_data(done)}))
    elif out.terminal:
        said = ", ".join(f"{out.word(key)}: {getattr(done, key)}" for key in (*COUNTS, "waiting"))
        out.line(f"{now}  {said}")
    else:
        out.table("", (), [(now, *(getattr(done, key) for key in (*COUNTS, "waiting")))])


def _done_data(done: Delivered) -> dict[str, Any]:
    return {
        **{key: getattr(done, key) for key in (*COUNTS, "waiting")},
        "unclaimed": done.unclaimed,
        "held": done.held or None,
        "damaged": done.damaged,
    }


def _troubles(done: Delivered, out: Out) -> Iterator[str]:
    for channel in done.unclaimed:
        yield out.word("no plugin delivers to {channel}: name one with --plugin", channel=channel)
    if done.held:
        yield out.word("everything is held: {why}", why=done.held)
    yield from done.damaged


@click.group(cls=Group)
def outbox() -> None:
    """Look into the outbox: what waits, what was given up, what is held."""


def _found(engine: Engine, status: str | None, out: Out) -> Sequence[Delivery]:
    """Return the rows of a status; that some cannot be read is said beside them."""
    try:
        return engine.outbox(status)
    except HistoryTampered as error:
        out.warn(str(error))
        return engine.outbox(status, readable=True)


@outbox.command("list")
@click.option(
    "--status",
    type=click.Choice([status for status in STATUSES if status]),
    help="Only these; otherwise what is not delivered.",
)
@click.option("--jsonl", is_flag=True, help="Answer in JSON, a line for each.")
@shared()
@click.pass_obj
def list_(settings: Settings, status: str | None, *, jsonl: bool) -> None:
    """List the notifications that wait or were given up, oldest first."""
    out = Out(settings)
    with settings.open() as engine:
        rows = [row for one in STATUSES[status] for row in _found(engine, one, out)]
    rows.sort(key=lambda row: (row.due_at, row.notification.agreement, row.notification.n, row.notification.id))
    if jsonl:
        for row in rows:
            out.text(json.dumps(_row_data(row)))
    elif out.json:
        out.data({"notifications": [_row_data(row) for row in rows]})
    elif out.terminal and not rows:
        out.text(out.word("nothing waits and nothing was given up"))
    else:
        headings = ("notification", "state", "recipient", "kind", "agreement", "n", "tries", "due", "error")
        out.table("", headings, [_row(row, out) for row in rows])


def _row(row: Delivery, out: Out) -> tuple[Value, ...]:
    told = row.notification
    due = instant(row.due_at) if row.status == "pending" else None
    return (
        told.id,
        Cell(row.status, out.word(row.status)),
        told.recipient,
        told.kind,
        told.agreement,
        told.n,
        row.tries,
        due,
        row.error,
    )


def _row_data(row: Delivery) -> dict[str, Any]:
    told = row.notification
    return {
        "id": told.id,
        "status": row.status,
        "channel": told.channel,
        "to": told.to,
        "kind": told.kind,
        "lang": told.lang,
        "reference": told.reference,
        "agreement": told.agreement,
        "n": told.n,
        "hash": told.hash.hex(),
        "tries": row.tries,
        "due_at": instant(row.due_at),
        "expires_at": None if row.expires_at is None else instant(row.expires_at),
        "leased_until": None if row.leased_until is None else instant(row.leased_until),
        "error": row.error,
    }


@outbox.command()
@click.argument("notification")
@shared()
@click.pass_obj
def show(settings: Settings, notification: str) -> None:
    """Show one NOTIFICATION, by its id: how far it has come, what proves where it is from, and what it says."""
    out = Out(settings)
    with settings.open() as engine:
        row = _one(engine, notification, out)
        message = engine.message(row.notification)
        holds = engine.held_deliveries()
    held = holds.get(EVERYTHING) or holds.get(row.notification.recipient)
    if out.json:
        words = {"subject": message.subject, "text": message.text, "html": message.html, "lang": message.lang}
        data = {**_row_data(row), "held": held, "context": row.notification.context, "message": words}
        out.data(data)
        return
    out.pairs(_pairs(row, held, out))
    _say(message, out)


def _one(engine: Engine, notification: str, out: Out) -> Delivery:
    for status in ("dead", "pending", "delivered"):
        for row in _found(engine, status, out):
            if row.notification.id == notification:
                return row
    message = (
        f"there is no notification {notification!r} in the outbox; `stagegate outbox list --status all` lists them"
    )
    raise NotFound(message)


def _pairs(row: Delivery, held: str | None, out: Out) -> Iterator[tuple[str, Value]]:
    told = row.notification
    yield "notification", told.id
    yield "state", Cell(row.status, out.word(row.status))
    yield "channel", told.channel
    yield "to", told.to
    yield "kind", told.kind
    yield "language", told.lang
    yield "reference", told.reference or None
    yield "agreement", told.agreement
    yield "event", told.n
    yield "hash", told.hash.hex()
    yield "tries", row.tries
    yield "due", instant(row.due_at) if row.status == "pending" else None
    yield "worth telling until", None if row.expires_at is None else instant(row.expires_at)
    yield "in hand until", None if row.leased_until is None else instant(row.leased_until)
    yield "held", held
    yield "error", row.error or None
    for key, value in sorted(told.context.items()):
        yield "particular", Cell(f"{key} {spell(value)}", f"{key}: {spell(value)}")


def _say(message: Message, out: Out) -> None:
    """Print what a notification says: as it is on a terminal, a line each in a pipe."""
    if not out.terminal:
        lines = [("subject", message.subject), *(("text", line) for line in message.text.splitlines())]
        out.table("", (), lines)
        return
    out.text("")
    out.lines([message.subject, "", *message.text.splitlines()])


@outbox.command()
@click.argument("notification", required=False)
@click.option("--all", "everything", is_flag=True, help="All that were given up.")
@shared()
@click.pass_obj
def requeue(settings: Settings, notification: str | None, *, everything: bool) -> None:
    """Have a NOTIFICATION that was given up tried again, from the beginning; or all of them."""
    if everything == (notification is not None):
        message = "name one NOTIFICATION by its id, or say --all"
        raise click.UsageError(message)
    out = Out(settings)
    with settings.open() as engine:
        number = engine.requeue(notification)
        if notification is not None and not number:
            message = (
                f"{notification}: it is {_one(engine, notification, out).status}; only what was given up is requeued"
            )
            raise NotFound(message)
    if out.json:
        out.data({"requeued": number})
    else:
        out.pairs([("requeued", number)])


@outbox.command()
@click.argument("recipient", default=EVERYTHING)
@click.option("--why", metavar="TEXT", required=True, help="Why, for whoever wonders.")
@shared()
@click.pass_obj
def hold(settings: Settings, recipient: str, why: str) -> None:
    """Deliver nothing, to anybody or to one RECIPIENT such as mail:a@example.org, until it is released."""
    out = Out(settings)
    with settings.open() as engine:
        engine.hold_deliveries(recipient, why=why)
    if out.json:
        out.data({"held": recipient, "why": why})
    else:
        out.pairs([("held", recipient), ("reason", why)])


@outbox.command()
@click.argument("recipient", default=EVERYTHING)
@shared()
@click.pass_obj
def release(settings: Settings, recipient: str) -> None:
    """Deliver again what was held: everything, or one RECIPIENT."""
    out = Out(settings)
    with settings.open() as engine:
        if not engine.release_deliveries(recipient):
            there = ", ".join(engine.held_deliveries()) or "nothing"
            message = f"{recipient} is not held; held is: {there}"
            raise NotFound(message)
    if out.json:
        out.data({"released": recipient})
    else:
        out.pairs([("released", recipient)])


@outbox.command()
@shared()
@click.pass_obj
def held(settings: Settings) -> None:
    """List what is held, and why; * is everything."""
    out = Out(settings)
    with settings.open() as engine:
        holds = engine.held_deliveries()
    if out.json:
        out.data({"held": [{"recipient": scope, "why": why} for scope, why in holds.items()]})
    elif out.terminal and not holds:
        out.text(out.word("nothing is held"))
    else:
        out.table("", ("recipient", "reason"), list(holds.items()))
