"""The `log` channel: tells the log what happened, through the outbox. Name it with `plugins=["log"]`."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from stagegate import Agreement, Event, Message, Notification, hookimpl

name = "log"
"""What the channel is called."""
LOGGER = logging.getLogger("stagegate.notifications")
"""Where the channel writes, at level INFO."""


@hookimpl
def stagegate_notify(event: Event, agreement: Agreement) -> Iterable[Notification]:
    """Tell of every event: the owners of the stage it leads to, or, where there is none, nobody in particular."""
    context: dict[str, object] = {
        "move": event.move,
        "actor": event.actor,
        "stage": agreement.stage,
        "title": agreement.title,
    }
    if event.kind == "refused":
        context["unmet"] = [reason["code"] for reason in event.data.get("data", {}).get("unmet", ())]
    kind = f"{event.kind}.{event.move}" if event.kind in {"moved", "refused"} else event.kind
    yield Notification(channel=name, kind=kind, to=", ".join(agreement.owner), context=context)


@hookimpl
def stagegate_deliver(notification: Notification, message: Message) -> bool | None:
    """Write one line. Values are quoted, so that nothing recorded can forge a line of its own."""
    if notification.channel != name:
        return None
    said = " ".join(f"{k}={v!r}" for k, v in sorted(notification.context.items()))
    LOGGER.info(
        "%s #%d %s to=%r %s subject=%r id=%s",
        notification.agreement,
        notification.n,
        notification.kind,
        notification.to,
        said,
        message.subject,
        notification.id,
    )
    return True
