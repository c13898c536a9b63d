"""What wakes the engine when something is due: told after the commit, and never the only one to know."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, runtime_checkable

from ._agreement import Agreement
from ._notices import Notification

LOGGER = logging.getLogger("stagegate")


@runtime_checkable
class Waker(Protocol):
    """
    What calls `Engine.sweep` and `Engine.deliver` in time.

    The store is the only truth, and a waker only a hint: whoever is woken reads the agreement anew, so that being woken
    twice, late or in vain does nothing. A waker that cannot be reached undoes nothing; what it missed is found by the
    next `sweep` and `deliver`.
    """

    def schedule(self, agreement: str, due: datetime) -> None:
        """Sweep an agreement at *due*, instead of whenever that was planned before."""

    def cancel(self, agreement: str) -> None:
        """Nothing of the agreement is due any more."""

    def deliver(self, notification: str) -> None:
        """Deliver the notification of this id, soon."""

    def close(self) -> None:
        """Let go of what it holds open."""


def wake(waker: Waker, before: Agreement | None, after: Agreement, notifications: Iterable[Notification]) -> None:
    """Tell *waker* what a commit has changed; a failure is logged and does no harm."""
    was = None if before is None else before.wakes_at
    due = None if after.outcome is not None else after.wakes_at
    try:
        if due is None and was is not None:
            waker.cancel(after.id)
        elif due is not None and due != was:
            waker.schedule(after.id, due)
        for notification in notifications:
            waker.deliver(notification.id)
    except Exception:
        LOGGER.warning("%s: event %d is committed, but nobody could be woken for it", after.id, after.n, exc_info=True)
