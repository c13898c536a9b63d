"""
Outbox: those who move agreements and those who deliver the outbox are killed with SIGKILL, over and over.

Producers change agreements of their own and one that all share, some of them in a transaction of a host; some of their
changes are rolled back, because another came first, because a plugin fails, or with the host. Dispatchers deliver what
is due to a receiver, which is a process of its own, writes down every id before it says that it has it, and refuses
some. The parent kills one of them at a random instant and starts another in its place; what a killed dispatcher had in
hand is free again when its lease has run out, and the clock of the dispatchers leaps that far. At last nobody is killed
until nothing is due any more. Then what was received is compared with the histories: everything that a committed event
had to tell, nothing that was rolled back, each under one id. A twin is the same with something broken on purpose, which
must be caught.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import sqlalchemy
from places import PLACES, Ground
from receiving import Receiver, Wire, compared
from scene import CLERK, begun, opened, utc_now

from stagegate import (
    Agreement,
    Conflict,
    Delivery,
    Engine,
    Event,
    Notification,
    PluginError,
    StagegateError,
    StoreError,
    hookimpl,
)

PRODUCERS, DISPATCHERS = 2, 2
LIFE = 50
"""How many kills one place sees; then the next begins, so that looking at all of it stays quick."""

LEAP = 400
"""How many seconds the clock of the dispatchers leaps when one is killed: longer than a lease."""

SHARED = "common"
SPOILT, ROLLED_BACK = "roll this back", "roll the host back"
REFUSING = 0.05
PATIENCE = 60.0
"""For how many seconds a worker may do nothing before it is taken for stuck."""

STATES = ("starting", "outside", "changing", "idle", "holding", "sending", "sent")
TWINS = ("", "hasty", "telling")


class Spoiler:
    """A plugin that fails after the others have said what they have to tell."""

    name = "spoiler"

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Sequence[Notification]:  # noqa: ARG002  the hook's signature
        """Fail at what is to be rolled back."""
        if event.data.get("data", {}).get("text") == SPOILT:
            message = "this is rolled back"
            raise RuntimeError(message)
        return ()


class Board:
    """What all processes write on and the parent reads, also of the dead."""

    def __init__(self, places: int) -> None:
        """Make room for so many workers."""
        self._marks: Any = multiprocessing.RawArray("q", places)
        self._states: Any = multiprocessing.RawArray("q", places)
        self._acknowledged: Any = multiprocessing.RawArray("q", places)
        self._ahead: Any = multiprocessing.RawValue("q", 0)

    def say(self, place: int, state: str) -> None:
        """Say what a worker is at."""
        self._states[place] = STATES.index(state)
        self._marks[place] += 1

    def state(self, place: int) -> str:
        """Return what a worker is at, or was when it died."""
        return STATES[self._states[place]]

    def marks(self, place: int) -> int:
        """Return how often a worker said something."""
        return int(self._marks[place])

    def acknowledge(self, place: int, n: int) -> None:
        """Write down the last event of its own that a producer was told of."""
        self._acknowledged[place] = n

    def acknowledged(self, place: int) -> int:
        """Return it."""
        return int(self._acknowledged[place])

    def leap(self, seconds: int) -> None:
        """Let the clock of the dispatchers leap."""
        self._ahead.value += seconds

    def now(self) -> datetime:
        """Say what time it is to the dispatchers."""
        return utc_now() + timedelta(seconds=self._ahead.value)


def watched(engine: Engine, say: Callable[[str], object], wire: Wire | None) -> None:
    """Have an engine say when it is inside the lock; with a *wire*, it tells before it commits."""
    path: Any = engine._path
    change = path._change

    def changing(unit: Any, *given: Any) -> Any:
        say("changing")
        return change(unit if wire is None else Telling(unit, wire), *given)

    path._change = changing


class Telling:
    """Broken: a unit of work that tells what there is to tell, and then commits."""

    def __init__(self, unit: Any, wire: Wire) -> None:
        """Take what commits and what tells."""
        self._unit, self._wire = unit, wire

    def __getattr__(self, name: str) -> Any:
        """Be like the unit of work in all else."""
        return getattr(self._unit, name)

    def commit(self, agreement: Agreement, entry: Any, notifications: Sequence[Notification], *rest: Any) -> None:
        """Tell, then commit."""
        for notification in notifications:
            self._wire.tell(notification)
        self._unit.commit(agreement, entry, notifications, *rest)


def observed(engine: Engine, say: Callable[[str], object], *, hasty: bool) -> None:
    """Have the store of an engine say what is in hand; a *hasty* one settles what it hands out."""
    store: Any = engine._store
    claim, settle = store.claim, store.settle

    def claiming(now: datetime, **given: Any) -> Sequence[Delivery]:
        claimed: Sequence[Delivery] = claim(now, **given)
        say("holding" if claimed else "idle")
        if hasty:
            for row in claimed:
                settle(row, attrs.evolve(row, status="delivered", tries=row.tries + 1, leased_until=None))
        return claimed

    def settling(claimed: Delivery, settled: Delivery) -> bool:
        done: bool = hasty or settle(claimed, settled)
        say("holding")
        return done

    store.claim, store.settle = claiming, settling


def produce(place: int, url: str, address: str, twin: str, board: Board) -> None:
    """Be one of those who change agreements."""
    chance = random.Random()
    say = partial(board.say, place)
    mine = f"case-{place}"
    wire = Wire(address, place)
    theirs = sqlalchemy.create_engine(url.partition("?timeout")[0].replace("postgresql:", "postgresql+psycopg:"))
    with opened(url, plugins=[wire, Spoiler()]) as engine:
        watched(engine, say, wire if twin == "telling" else None)
        while True:
            match chance.randrange(7):
                case 0:
                    with suppress(PluginError):
                        engine.note(mine, SPOILT, by=CLERK)
                case 6:
                    # A file may be busy just then; nothing has happened in that case.
                    with suppress(StoreError, sqlalchemy.exc.OperationalError), theirs.connect() as host:
                        kept = chance.random() < 0.5
                        engine.using(host).note(mine, "a word" if kept else ROLLED_BACK, by=CLERK)
                        say("changing")
                        host.commit() if kept else host.rollback()
                case 1 | 2:
                    seen = engine.get(SHARED)
                    with suppress(Conflict):
                        engine.record(seen, "said", chance.randrange(1000), by=CLERK)
                case 3 | 4:
                    board.acknowledge(place, engine.note(mine, "a word", by=CLERK).n)
                case _:
                    deal = engine.get(mine)
                    if deal.stage == "intent":
                        deal = engine.advance(deal, by=CLERK)
                    else:
                        deal = engine.send_back(deal, "intent", "not yet", by=CLERK)
                    board.acknowledge(place, deal.n)
            say("outside")
            time.sleep(chance.uniform(0.0, 0.01))


def dispatch(place: int, url: str, address: str, twin: str, board: Board) -> None:
    """Be one of those who deliver."""
    say = partial(board.say, place)
    wire = Wire(address, place, say)
    with opened(url, plugins=[wire], clock=board.now) as engine:
        observed(engine, say, hasty=twin == "hasty")
        while True:
            went = engine.deliver()
            if not (went.delivered or went.failed):
                time.sleep(0.002)


@attrs.define
class Found:
    """
    What came of it.

    Attributes:
        died: What the killed were at.

        told: How many notifications committed events had.

        received: How often the receiver was told something.

        faults: What must not be.
    """

    died: Counter[str] = attrs.field(factory=Counter)
    told: int = 0
    received: int = 0
    faults: list[str] = attrs.field(factory=list)


class Scene:
    """One place with its workers, who are killed one after the other."""

    def __init__(self, url: str, receiver: Receiver, twin: str, chance: random.Random) -> None:
        """Begin the agreements."""
        self._url, self._receiver, self._twin, self._chance = url, receiver, twin, chance
        self._board = Board(PRODUCERS + DISPATCHERS)
        with opened(url) as engine:
            for agreement in (SHARED, *self._cases()):
                begun(engine, agreement)
        self._workers: list[Any] = []

    @staticmethod
    def _cases() -> list[str]:
        return [f"case-{place}" for place in range(PRODUCERS)]

    def _start(self, place: int) -> Any:
        work = produce if place < PRODUCERS else dispatch
        self._board.say(place, "starting")
        worker = multiprocessing.get_context("fork").Process(
            target=work, args=(place, self._url, self._receiver.address, self._twin, self._board), daemon=True
        )
        worker.start()
        return worker

    def _kill(self, place: int) -> str | None:
        """Kill a worker at a random instant while it is at work, and start another in its place."""
        worker, board = self._workers[place], self._board
        until, since = board.marks(place) + self._chance.randrange(2, 8), time.monotonic()
        while board.marks(place) < until:
            if not worker.is_alive():
                return f"a worker died of itself ({worker.exitcode})"
            if time.monotonic() - since > PATIENCE:
                return f"a worker is stuck ({board.state(place)})"
            time.sleep(0.0005)
        time.sleep(self._chance.uniform(0.0, 0.006))
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        return None

    def kills(self, number: int, found: Found) -> None:
        """Kill so often."""
        everybody = range(PRODUCERS + DISPATCHERS)
        self._workers = [self._start(place) for place in everybody]
        try:
            for _ in range(number):
                place = self._chance.choice(everybody)
                if fault := self._kill(place):
                    found.faults.append(fault)
                    return
                found.died[self._board.state(place)] += 1
                if place >= PRODUCERS:
                    self._board.leap(LEAP)
                self._workers[place] = self._start(place)
        finally:
            for worker in self._workers:
                worker.kill()
                worker.join()

    def delivered(self) -> None:
        """Let a dispatcher that nobody kills deliver what is left."""
        wire = Wire(self._receiver.address, -1)
        with opened(self._url, plugins=[wire], clock=self._board.now) as engine:
            observed(engine, lambda _: None, hasty=self._twin == "hasty")
            for _ in range(100):
                # Beyond every lease, and beyond the longest wait after a failure.
                self._board.leap(8 * 3600)
                while engine.deliver().delivered:
                    pass
                if not engine.outbox("pending"):
                    break
        wire.close()

    def judged(self, found: Found) -> None:
        """Look for everything that must not be."""
        with opened(self._url) as engine:
            found.faults += [f"verify: {fault}" for fault in engine.verify().faults]
            events = [event for agreement in (SHARED, *self._cases()) for event in engine.history(agreement)]
            rows = engine.outbox()
        committed = {one["id"]: (e.agreement, e.n) for e in events for one in e.data.get("notifications", ())}
        received = self._receiver.received()
        found.told += len(committed)
        found.received += len(received)
        found.faults += compared(received, committed)
        if any(event.data.get("data", {}).get("text") in {SPOILT, ROLLED_BACK} for event in events):
            found.faults.append("what was rolled back was committed")
        if unsettled := [row for row in rows if row.status != "delivered"]:
            found.faults.append(f"{len(unsettled)} rows of the outbox are not settled, the first is {unsettled[0]}")
        if {row.notification.id for row in rows} != committed.keys():
            found.faults.append("the rows of the outbox are not those of the committed events")
        last = Counter(event.agreement for event in events)
        for place, case in enumerate(self._cases()):
            if last[case] < (acknowledged := self._board.acknowledged(place)):
                found.faults.append(f"{case}: event {acknowledged} was acknowledged, and is lost")


def kills(kind: str, number: int, twin: str, chance: random.Random) -> Found:
    """Kill so often, in one place after the other."""
    found = Found()
    # A twin is looked at more often, and needs no more kills than it takes to catch it.
    life = LIFE // 5 if twin else LIFE
    with Ground(kind) as ground:
        for first in range(0, number, life):
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outbox-")))
                url = stack.enter_context(ground.fresh(folder))
                receiver = stack.enter_context(Receiver(folder, refusing=REFUSING))
                try:
                    scene = Scene(url, receiver, twin, chance)
                    scene.kills(min(life, number - first), found)
                    scene.delivered()
                    scene.judged(found)
                except StagegateError as error:
                    found.faults.append(f"{type(error).__name__}: {error}")
            if found.faults:
                break
    return found


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--place", choices=PLACES, default=PLACES[0], help="where the histories are kept")
    parser.add_argument("--twin", choices=TWINS, default="", help="break this on purpose")
    parser.add_argument("--seed", type=int, default=None, help="choose whom to kill, and when, by this")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    found = kills(given.place, given.kills, given.twin, random.Random(given.seed))
    if given.json:
        print(json.dumps(attrs.asdict(found)))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        at = ", ".join(f"{count:,} {state}" for state, count in found.died.most_common())
        print(f"outbox: {who} on {given.place}: {found.died.total():,} kills: {at};")
        print(f"  {found.told:,} notifications of committed events, received {found.received:,} times")
        print(f"  {len(found.faults):,} faults" + (f", the first: {found.faults[0]}" if found.faults else ""))
    return int(bool(found.faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
