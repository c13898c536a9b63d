"""
What waits in Temporal. It knows an id and nothing else: what is to be done, and when, the store says each time.

Everything here runs again from its recorded history, on any machine, years later. So it is small, and it asks for
nothing but Temporal's own time. A change in the order of its steps needs `workflow.patched`: the histories that the
tests replay show whether it can go on with what is under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

AGREEMENT, NOTIFICATION = "agreement", "notification"
WORKFLOWS = {AGREEMENT: "stagegate.timer", NOTIFICATION: "stagegate.delivery"}
"""What watches over each kind of thing."""

DUTIES = {AGREEMENT: "stagegate.sweep", NOTIFICATION: "stagegate.deliver"}
"""What is done about it, by a worker that has the store."""

LOOK = "look"
"""The signal that something may have changed."""

BEAT = timedelta(seconds=1)
"""How often a worker that is at it says that it lives."""

SILENT = timedelta(seconds=5)
"""After how much silence it is taken for dead, and another is asked; what it had in hand has a lease of its own."""

LONGEST = timedelta(minutes=30)
"""How long one look may take."""

FIRST_PAUSE, LAST_PAUSE = timedelta(seconds=1), timedelta(hours=1)
"""How long to wait where a date has passed and nothing could be done about it: doubled each time."""

FAR = timedelta(days=365)
"""Nobody sleeps longer than this without looking."""

LOOKS = 50
"""After how many looks a workflow begins a new history, so that none grows without end."""


@dataclass
class Found:
    """
    What a look at the store has found.

    Attributes:
        due: When to look again, in ISO 8601; None if nothing is left.

        did: Whether this look has changed something.
    """

    due: str | None = None
    did: bool = False

    @classmethod
    def of(cls, due: datetime | None, *, did: bool = False) -> Found:
        """Write it down as it travels."""
        return cls(None if due is None else due.isoformat(), did)


class _Watch:
    """Looks, waits until the next date or until it is told to look, and ends when nothing is left."""

    def __init__(self) -> None:
        self._told = False

    @workflow.signal(name=LOOK)
    def look(self) -> None:
        """Take down that something may have changed; it carries no word of what."""
        self._told = True

    async def _watch(self, duty: str, key: str) -> None:
        vain = 0
        for _ in range(LOOKS):
            self._told = False
            found = await workflow.execute_activity(
                duty,
                key,
                result_type=Found,
                start_to_close_timeout=LONGEST,
                heartbeat_timeout=SILENT,
                retry_policy=RetryPolicy(initial_interval=FIRST_PAUSE, maximum_interval=timedelta(minutes=5)),
            )
            if self._told:
                continue
            if found.due is None:
                return
            ahead = datetime.fromisoformat(found.due) - workflow.now()
            vain = 0 if found.did or ahead > timedelta(0) else vain + 1
            wait = min(ahead, FAR) if not vain else min(FIRST_PAUSE * 2 ** min(vain - 1, 20), LAST_PAUSE)
            if wait > timedelta(0):
                try:
                    await workflow.wait_condition(lambda: self._told, timeout=wait)
                except TimeoutError:
                    continue
        workflow.continue_as_new(key)


@workflow.defn(name=WORKFLOWS[AGREEMENT])
class Timer(_Watch):
    """Has an agreement swept when something is due."""

    @workflow.run
    async def run(self, agreement: str) -> None:
        """Watch over an agreement until nothing of it is due any more."""
        await self._watch(DUTIES[AGREEMENT], agreement)


@workflow.defn(name=WORKFLOWS[NOTIFICATION])
class Delivery(_Watch):
    """Has a notification delivered, and again when the outbox says so."""

    @workflow.run
    async def run(self, notification: str) -> None:
        """Watch over a notification until it is delivered or given up."""
        await self._watch(DUTIES[NOTIFICATION], notification)
