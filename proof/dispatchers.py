"""
Dispatchers: many writers fill the outbox in random order of their commits while several dispatchers empty it.

Every writer changes agreements of its own, each change with a random number of notifications, and dawdles between what
it decides and what it commits, so that what is due earlier is often committed later. The dispatchers deliver at the
same time to a receiver, which is a process of its own and writes down every id before it says that it has it. They stop
when the writers have ended and nothing is left. Then every notification was received, by one dispatcher, which settled
it; no other row is there, and no row that is not settled. A twin is the same with something broken on purpose, which
must be caught.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import attrs
from places import PLACES, Ground
from receiving import Receiver, Wire, compared
from scene import CLERK, opened, together

from stagegate import Agreement, Delivery, Engine, Event, Notification, StagegateError, hookimpl

MOST = 9
"""How many notifications a change has at most."""

PATIENCE = 300.0
"""For how many seconds a process waits for the others before it takes them for dead."""

WRITTEN = "written-"
"""How the file is named that a writer leaves when it has ended."""

TWINS = ("", "unleased")


class Many:
    """A channel that has so many things to tell of a note as the note says."""

    name = "many"

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:  # noqa: ARG002  the hook's signature
        """Tell everybody, once it has dawdled."""
        said = event.data.get("data", {}).get("text", "")
        if event.kind == "noted":
            time.sleep(random.uniform(0.0, 0.002))
            for to in range(int(said)):
                yield Notification(channel="proof", kind="noted", to=f"desk-{to}")


def shares(rows: int, writers: int) -> list[list[int]]:
    """Return how many notifications each change of each writer has, so that there are so many in all."""
    chance = random.Random(rows)
    several: list[list[int]] = []
    for writer in range(writers):
        left = rows // writers + (writer < rows % writers)
        mine: list[int] = []
        while left:
            mine.append(min(left, chance.randrange(1, MOST + 1)))
            left -= mine[-1]
        several.append(mine)
    return several


def _write(place: int, url: str, changes: Sequence[int]) -> int:
    with opened(url, plugins=[Many()]) as engine:
        for told in changes:
            engine.note(f"case-{place}", str(told), by=CLERK)
    return len(changes)


def _unleased(engine: Engine) -> None:
    """Break the store of an engine: it hands out what is due to whoever asks, and everybody may settle it."""
    store: Any = engine._store
    claim, settle = store.claim, store.settle

    def claiming(now: datetime, *, until: datetime, limit: int, **_: Any) -> Sequence[Delivery]:
        due = [row for row in store.outbox("pending") if row.due_at <= now]
        return [attrs.evolve(row, leased_until=until) for row in due[:limit]]

    def settling(claimed: Delivery, settled: Delivery) -> bool:
        for row in claim(settled.due_at, until=claimed.leased_until, limit=1, only=claimed.notification.id):
            settle(row, settled)
        return True

    store.claim, store.settle = claiming, settling


def _settlements(engine: Engine) -> list[str]:
    """Have the store of an engine take down what it was told it settled."""
    store: Any = engine._store
    settle, settled_ids = store.settle, list[str]()

    def settling(claimed: Delivery, settled: Delivery) -> bool:
        done: bool = settle(claimed, settled)
        if done:
            settled_ids.append(claimed.notification.id)
        return done

    store.settle = settling
    return settled_ids


def _dispatch(place: int, url: str, address: str, twin: str, writers: int) -> list[str]:
    chance = random.Random()
    wire = Wire(address, place)
    with opened(url, plugins=[wire]) as engine:
        if twin == "unleased":
            _unleased(engine)
        settled = _settlements(engine)
        while True:
            written = len(list(Path(address).parent.glob(f"*-{WRITTEN}*"))) == writers
            if not engine.deliver(limit=chance.randrange(1, 101)).delivered:
                # What others have in hand is still pending.
                if written and not engine.outbox("pending"):
                    break
                time.sleep(0.01)
    wire.close()
    return settled


def _take_part(
    place: int,
    url: str,
    address: str,
    twin: str,
    changes: Sequence[Sequence[int]],
    barrier: Barrier,
    answer: Connection,
) -> None:
    """Be one of the processes: the first write, the others deliver."""
    barrier.wait(PATIENCE)
    try:
        if place < len(changes):
            written = _write(place, url, changes[place])
            Path(f"{address}-{WRITTEN}{place}").touch()
            answer.send(written)
        else:
            answer.send(_dispatch(place, url, address, twin, len(changes)))
    except StagegateError as error:
        answer.send(f"{type(error).__name__}: {error}")


@attrs.define
class Found:
    """
    What came of it.

    Attributes:
        rows: How many rows the outbox has.

        events: How many events caused them.

        shares: How many of the rows each dispatcher settled.

        faults: What must not be.
    """

    rows: int = 0
    events: int = 0
    shares: list[int] = attrs.field(factory=list)
    faults: list[str] = attrs.field(factory=list)


def judged(url: str, receiver: Receiver, writers: int, answers: Sequence[Any], rows: int) -> Found:
    """Look for everything that must not be."""
    found = Found()
    found.faults += [answer for answer in answers if isinstance(answer, str)]
    settled = [answer for answer in answers if isinstance(answer, list)]
    found.shares = [len(mine) for mine in settled]
    with opened(url) as engine:
        found.faults += [f"verify: {fault}" for fault in engine.verify().faults]
        events = [event for place in range(writers) for event in engine.history(f"case-{place}")]
        outbox = engine.outbox()
    committed = {one["id"]: (e.agreement, e.n) for e in events for one in e.data.get("notifications", ())}
    found.rows, found.events = len(outbox), sum(1 for event in events if event.data.get("notifications"))
    received = receiver.received()
    found.faults += compared(received, committed)
    if len(committed) != rows or {row.notification.id for row in outbox} != committed.keys():
        found.faults.append(f"{rows} rows were to be written, {len(committed)} were caused, {len(outbox)} are there")
    if unsettled := sum(1 for row in outbox if row.status != "delivered"):
        found.faults.append(f"{unsettled} rows are not settled")
    by = Counter(id_ for mine in settled for id_ in mine)
    if twice := sum(1 for count in by.values() if count > 1):
        found.faults.append(f"{twice} rows were settled more than once")
    if by.keys() != committed.keys():
        found.faults.append(f"{len(committed.keys() - by.keys())} rows were settled by nobody")
    # No lease runs out here, so nobody delivers what another has in hand.
    if again := sum(1 for count in Counter(one.id for one in received).values() if count > 1):
        found.faults.append(f"{again} notifications were delivered more than once")
    return found


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--dispatchers", type=int, default=3)
    parser.add_argument("--place", choices=PLACES, default=PLACES[0], help="where the histories are kept")
    parser.add_argument("--twin", choices=TWINS, default="", help="break this on purpose")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    changes = shares(given.rows, given.writers)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dispatchers-")))
        url = stack.enter_context(stack.enter_context(Ground(given.place)).fresh(folder))
        with opened(url, plugins=[]) as engine:
            for writer in range(given.writers):
                engine.start("proof", f"case-{writer}", by=CLERK)
        with Receiver(folder) as receiver:
            everybody = given.writers + given.dispatchers
            answers, died = together(everybody, _take_part, url, receiver.address, given.twin, changes)
            found = judged(url, receiver, given.writers, answers, given.rows)
            found.faults += died
    if given.json:
        print(json.dumps(attrs.asdict(found)))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        print(f"dispatchers: {who} on {given.place}: {found.rows:,} rows of {found.events:,} events by {given.writers}")
        print(f"  writers, settled by dispatchers: {', '.join(f'{share:,}' for share in found.shares)}")
        print(f"  {len(found.faults):,} faults" + (f", the first: {found.faults[0]}" if found.faults else ""))
    return int(bool(found.faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
