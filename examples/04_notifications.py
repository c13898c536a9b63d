"""Who is told what: written with the event, delivered after it, tried again until it arrives."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    Event,
    GateClosed,
    Notification,
    PluginError,
    Process,
    Stage,
    document,
    hookimpl,
)

PROCESS = Process(
    id="exchange",
    version="1",
    stages=[
        Stage("exploration", owner="head_of_region", gate=document("exploration_report")),
        Stage("intent", owner="foreign_affairs"),
    ],
)


class Clock:
    """A clock that stands still until it is turned."""

    now = datetime(2025, 7, 24, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


class Phones:
    """A channel that rings the people whose turn it is, if it knows their numbers and the line is up."""

    name = "phones"

    def __init__(self) -> None:
        """Begin without a number and without a line."""
        self.numbers: dict[str, str] = {}
        self.line_is_up = False

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Ring the new owners after a move; nobody is told of anything else."""
        owners = agreement.owner if event.kind == "moved" else ()
        context = {"agreement": agreement.id, "stage": agreement.stage}
        return [
            Notification(channel="phone", kind="your.turn", to=self.numbers[role], context=context) for role in owners
        ]

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Deliver what is for this channel, or raise; who is rung twice is rung with the same `notification.id`."""
        if notification.channel != "phone":
            return None
        if not self.line_is_up:
            message = "no dial tone"
            raise ConnectionError(message)
        said = "{agreement} is now at {stage}, it is your turn".format_map(notification.context)
        print(f"  ringing {notification.to}: {said}")
        return True


def main() -> None:
    """Be refused, be rolled back, make the move, and deliver what it caused while the line is down and after."""
    # The `log` channel writes to an ordinary logger; the host application says where that goes.
    logging.basicConfig(level=logging.INFO, format="  log: %(message)s", stream=sys.stdout)
    clock, phones = Clock(), Phones()
    mayor = Actor(id="tri", roles={"head_of_region"})
    with Engine.open("memory:", processes=[PROCESS], plugins=["log", phones], clock=clock) as engine:
        deal = engine.start("exchange", "bekasi-izumisano", by=mayor)
        try:
            engine.advance(deal, by=mayor)
        except GateClosed:
            print("Refused; `log` asks to be told of that, `phones` does not:")
            print(" ", [(row.notification.channel, row.notification.kind) for row in engine.outbox()])

        deal = engine.attach(deal, Document.from_bytes(b"report", kind="exploration_report"), by=mayor)
        try:
            engine.advance(deal, by=mayor)
        except PluginError as error:
            print("Rolled back, so nobody is told, and the agreement stands where it stood:")
            print(f"  {error}")
            print(f"  {engine.get(deal).stage}, {len(engine.history(deal))} events, {len(engine.outbox())} rows")

        phones.numbers["foreign_affairs"] = "ext. 12"
        engine.advance(deal, by=mayor)
        print("Done; now it is delivered, because somebody says so:")
        print(f"  {engine.deliver()}")
        (row,) = engine.outbox("pending")
        print(f"  {row.error}; to be tried again after {(row.due_at - clock.now).seconds} seconds")

        print("At once nothing is due; a minute later it is, and the line is up:")
        print(f"  {engine.deliver()}")
        clock.now += timedelta(minutes=1)
        phones.line_is_up = True
        print(f"  {engine.deliver()}")
        print("Verified:", engine.verify())


if __name__ == "__main__":
    main()
