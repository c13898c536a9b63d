"""Delivering the outbox: after the commit, at least once, later and later, and never for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256

import attrs

from ._notices import DEAD, DELIVERED, EVERYTHING, PENDING, Delivery, Notification
from ._plugins import Sent
from ._store import Store
from .exceptions import HistoryTampered

LEASE = timedelta(minutes=5)
"""For how long a worker has a notification in hand before another may take it."""

BATCH = 16
"""How many a worker has in hand at once: few, so that several share the work and one that dies delays little."""

LONGEST_ROUND = timedelta(hours=12)
"""After how long a round takes no more: what it puts off is never as far ahead as what a wrong clock has written."""

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=6)
UNCLAIMED_WAIT = timedelta(minutes=10)
MAX_TRIES = 24
"""With waits of up to six hours: some four days, so that a long weekend of a mail server loses nothing."""

MAX_SAID = 2000
"""How much of an error is kept."""


@attrs.define(kw_only=True, frozen=True)
class Delivered:
    """
    How a round of deliveries went.

    Attributes:
        delivered: How many notifications were delivered.

        failed: How many were tried in vain and will be tried again.

        dead: How many were given up.

        waiting: How many were put off without a try, since a delivery to the same recipient had just failed.

        unclaimed: The channels that no plugin delivers to; what is for them waits, and no try is counted.

        held: Why nothing at all is delivered; empty if it is.

        damaged: What is said of notifications that cannot be read.

        again_at: When the first of what is left will be tried; None if nothing is.
    """

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    waiting: int = 0
    unclaimed: tuple[str, ...] = ()
    held: str = ""
    damaged: tuple[str, ...] = ()
    again_at: datetime | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        """Say it in one line, as a log has it."""
        said = [f"{self.delivered} delivered, {self.failed} failed, {self.dead} dead"]
        if self.waiting:
            said.append(f"{self.waiting} put off with what failed")
        if self.unclaimed:
            said.append(f"no plugin delivers to {', '.join(self.unclaimed)}")
        if self.held:
            said.append(f"everything is held: {self.held}")
        return "; ".join([*said, *self.damaged])


def wait(notification: str, tries: int) -> timedelta:
    """
    Return how long to wait after the given number of tries: doubled each time, up to six hours, and up to half more.

    What is added is drawn from the id and the number of tries, so that those that failed together never return
    together, and yet every worker comes to the same date.
    """
    base: timedelta = min(FIRST_WAIT * 2 ** min(tries - 1, 20), LONGEST_WAIT)
    share = int.from_bytes(sha256(f"{notification} {tries}".encode()).digest()[:4], "big") / 2**32
    return base + base * share / 2


def deliver(
    store: Store,
    send: Callable[[Notification], Sent],
    clock: Callable[[], datetime],
    *,
    limit: int,
    only: str | None = None,
    stop: Callable[[], bool] | None = None,
    lease: timedelta = LEASE,
) -> Delivered:
    """
    Deliver what is due, one notification after the other.

    Args:
        store: Where the outbox is.

        send: Delivers one notification and says how that went.

        clock: Says what time it is.

        limit: How many notifications to try at most.

        only: Only the notification of this id.

        stop: Asked before each notification whether to leave the rest to others; None: never.

        lease: For how long this worker has in hand what it takes.
    """
    return _Round(store, send, clock, stop or (lambda: False), lease).run(limit, only)


class _Round:
    """
    One round: what is due when it begins is tried once, and a recipient that fails is left alone for the rest of it.

    What fails again may be at fault itself, and holds up nothing that was never tried: as long as its recipient is only
    doubted, just what has failed before is put off.
    """

    def __init__(
        self,
        store: Store,
        send: Callable[[Notification], Sent],
        clock: Callable[[], datetime],
        stop: Callable[[], bool],
        lease: timedelta,
    ) -> None:
        self.store, self.send, self.clock, self.stop, self.lease = store, send, clock, stop, lease
        self.again: list[datetime] = []
        self.counts = {DELIVERED: 0, PENDING: 0, DEAD: 0}
        self.failing: dict[str, tuple[datetime, str]] = {}
        self.doubted: dict[str, tuple[datetime, str]] = {}
        self.waiting = 0
        self.unclaimed: set[str] = set()
        self.damaged: tuple[str, ...] = ()
        self.tried = 0

    def run(self, limit: int, only: str | None) -> Delivered:
        begun = self.clock()
        # What is put off during the round is due after it began, so that every round ends; a clock that is set back, or
        # leaps ahead, ends it as well.
        while self.tried < limit and not self.stop() and begun <= (now := self.clock()) <= begun + LONGEST_ROUND:
            until = now + self.lease
            try:
                claimed = self.store.claim(begun, until=until, limit=min(limit - self.tried, BATCH), only=only)
            except HistoryTampered as error:
                self.damaged = (str(error),)
                break
            if not claimed:
                break
            self._hand(claimed)
        return Delivered(
            delivered=self.counts[DELIVERED],
            failed=self.counts[PENDING],
            dead=self.counts[DEAD],
            waiting=self.waiting,
            unclaimed=tuple(sorted(self.unclaimed)),
            held=self.store.holds().get(EVERYTHING, ""),
            damaged=self.damaged,
            again_at=min(self.again, default=None),
        )

    def _hand(self, claimed: Iterable[Delivery]) -> None:
        """Deal with what was claimed; what is not tried, for whatever reason, goes back for others to take."""
        left = list(claimed)
        try:
            while left and not self.stop():
                # It is out of hand before it is sent: whoever is killed meanwhile must not say that it was not.
                row = left.pop(0)
                self._one(row)
        finally:
            for row in left:
                self.store.settle(row, attrs.evolve(row, leased_until=None))

    def _one(self, row: Delivery) -> None:
        now = self.clock()
        if row.leased_until is not None and row.leased_until - now < self.lease / 2:
            # Whoever is slow must not send what another may have taken by then.
            self._back(row)
            return
        if row.expires_at is not None and row.expires_at <= now:
            self.tried += 1
            said = f"it was worth telling until {row.expires_at.isoformat()}, and could not be delivered by then"
            self._settle(row, attrs.evolve(row, status=DEAD, leased_until=None, error=_kept(row.error, said)))
            return
        if self._put_off(row, now):
            return
        if not self.store.holds().keys().isdisjoint((EVERYTHING, row.notification.recipient)):
            # It was held after it had been claimed.
            self._back(row)
            return
        outcome = self._sent(row)
        now = self.clock()
        if outcome.unclaimed:
            self.unclaimed.add(row.notification.channel)
            due = now + UNCLAIMED_WAIT
            self.again.append(due)
            self.store.settle(row, attrs.evolve(row, leased_until=None, due_at=due, error=_kept(outcome.error)))
            return
        self.tried += 1
        settled = _settled(row, outcome, now)
        self._settle(row, settled)
        self._judge(row, settled, outcome, now)

    def _back(self, row: Delivery) -> None:
        """Hand a row back as it was; it counts for a try, so that the round ends."""
        self.tried += 1
        self.store.settle(row, attrs.evolve(row, leased_until=None))

    def _put_off(self, row: Delivery, now: datetime) -> bool:
        """Put a row off, untried, if its recipient has just failed; say whether it has."""
        recipient = row.notification.recipient
        if recipient in self.failing:
            due, why = self.failing[recipient]
        elif recipient in self.doubted and row.tries:
            # Due together with what failed, it would stand behind that each time.
            due, why = now + wait(row.notification.id, row.tries), self.doubted[recipient][1]
        else:
            return False
        self.again.append(due)
        said = row.error or f"not tried, since a delivery to the same recipient had just failed: {why}"
        self.waiting += self.store.settle(row, attrs.evolve(row, leased_until=None, due_at=due, error=_kept(said)))
        return True

    def _judge(self, row: Delivery, settled: Delivery, outcome: Sent, now: datetime) -> None:
        """Draw from how a try went what to do with all else that is due to its recipient."""
        recipient, again = row.notification.recipient, now + wait(row.notification.id, settled.tries)
        if outcome.gone:
            self.store.hold(recipient, settled.error)
            self.failing[recipient] = now, settled.error
        elif outcome.final or not outcome.error:
            self.doubted.pop(recipient, None)
        elif row.tries and settled.status == PENDING:
            self.doubted[recipient] = again, settled.error
        else:
            last, _ = self.doubted.get(recipient, (again, ""))
            self.failing[recipient] = max(again, last), settled.error

    def _sent(self, row: Delivery) -> Sent:
        try:
            return self.send(row.notification)
        except Exception as error:  # whatever goes wrong with one notification is no reason to leave out the others
            return Sent(error=f"{type(error).__name__}: {error}")

    def _settle(self, row: Delivery, settled: Delivery) -> None:
        if self.store.settle(row, settled):
            self.counts[settled.status] += 1
            if settled.status == PENDING:
                self.again.append(settled.due_at)


def _settled(row: Delivery, outcome: Sent, now: datetime) -> Delivery:
    tries = row.tries + 1
    if not outcome.error:
        return attrs.evolve(row, status=DELIVERED, tries=tries, leased_until=None, error="")
    said = _kept(outcome.error)
    if outcome.final or tries >= MAX_TRIES:
        return attrs.evolve(row, status=DEAD, tries=tries, leased_until=None, error=said)
    due = now + wait(row.notification.id, tries)
    return attrs.evolve(row, tries=tries, leased_until=None, error=said, due_at=due)


def _kept(*said: str) -> str:
    """Return what is said in characters that can be stored, and no more of it than helps."""
    whole = "; ".join(filter(None, said))
    return whole.encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:MAX_SAID]
