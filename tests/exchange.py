"""What the tests of the stores share: a process with one gate, who acts, and a channel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stagegate import Actor, Agreement, Event, Notification, Process, Stage, hookimpl, requirement

CLERK = Actor(id="clerk-7", roles={"desk"})


@requirement(code="ready", fix_by="desk", basis="Rule 1")
def ready(attempt: Any) -> bool:
    """Ask one recorded fact."""
    return attempt.fact("ready") is True


PROCESS = Process(
    id="exchange",
    version="1",
    stages=(
        Stage("draft", owner="desk", gate=ready),
        Stage("council", owner="desk", back_to=("draft",), gate=ready),
        Stage("done", owner="desk"),
    ),
)


class Bell:
    """A channel that has one thing to tell of every event, and remembers what it delivered."""

    name = "bell"

    def __init__(self) -> None:
        self.rung: list[tuple[str, int]] = []

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell the desk."""
        yield Notification(channel="bell", kind=event.kind, to="desk", context={"n": event.n})

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool:
        """Take down what was told."""
        self.rung.append((notification.agreement, notification.n))
        return True
