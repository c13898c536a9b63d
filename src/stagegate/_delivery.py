"""Delivering the outbox: after the commit, at least once, later and later, and never for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from ._notices import DEAD, DELIVERED, PENDING, Delivery, Notification
from ._plugins import Sent
from ._store import Store

LEASE = timedelta(minutes=5)
"""For how long a worker has a notification in hand before another may take it."""

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=6)
OLD = "it was not delivered in the time in which it was worth telling"
MAX_TRIES = 24
"""With waits of up to six hours: some four days, so that a long weekend of a mail server loses nothing."""


@attrs.define(kw_only=True, frozen=True)
class Delivered:
    """
    How a round of deliveries went.

    Attributes:
        delivered: How many notifications were delivered.

        failed: How many will be tried again.

        dead: How many were given up.

        again_at: When the first of those that failed will be tried again; None if none has.
    """

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    again_at: datetime | None = attrs.field(default=None, repr=False)


def wait(notification: str, tries: int) -> timedelta:
    """
    Return how long to wait after the given number of tries: doubled each time, up to six hours.

    A share of up to a quarter is added by the id of the notification, so that those that failed together do not
    return together.
    """
    base: timedelta = min(FIRST_WAIT * 2 ** min(tries - 1, 20), LONGEST_WAIT)
    share = int(notification.replace("-", "")[-4:] or "0", 16) % 256 / 1024
    return base + base * share


def deliver(
    store: Store,
    send: Callable[[Notification], Sent],
    clock: Callable[[], datetime],
    *,
    limit: int,
    only: str | None = None,
    lease: timedelta = LEASE,
) -> Delivered:
    """
    Deliver what is due, one notification after the other.

    Args:
        store: Where the outbox is.

        send: Delivers one notification and says how that went.

        clock: Says what time it is.

        limit: How many notifications to take at most.

        only: Only the notification of this id.

        lease: For how long this worker has in hand what it takes.
    """
    again: list[datetime] = []
    counts = {DELIVERED: 0, PENDING: 0, DEAD: 0}
    left = limit
    while left > 0:
        now = clock()
        claimed = store.claim(now, until=now + lease, limit=min(left, 50), only=only)
        if not claimed:
            break
        left -= len(claimed)
        for row in claimed:
            now = clock()
            old = row.expires_at is not None and row.expires_at <= now
            outcome = Sent(error=OLD, final=True) if old else send(row.notification)
            settled = _settled(row, outcome, clock())
            if store.settle(row, settled):
                counts[settled.status] += 1
                if settled.status == PENDING:
                    again.append(settled.due_at)
                if outcome.gone:
                    store.hold(row.notification.recipient, outcome.error)
    return Delivered(
        delivered=counts[DELIVERED], failed=counts[PENDING], dead=counts[DEAD], again_at=min(again, default=None)
    )


def _settled(row: Delivery, outcome: Sent, now: datetime) -> Delivery:
    tries = row.tries + 1
    if not outcome.error:
        return attrs.evolve(row, status=DELIVERED, tries=tries, leased_until=None, error="")
    said = outcome.error.encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:2000]
    if outcome.final or tries >= MAX_TRIES:
        return attrs.evolve(row, status=DEAD, tries=tries, leased_until=None, error=said)
    due = now + wait(row.notification.id, tries)
    return attrs.evolve(row, tries=tries, leased_until=None, error=said, due_at=due)
