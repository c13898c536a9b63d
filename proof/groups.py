"""
Groups: a process whose threads share durable commits is killed with SIGKILL in their midst, over and over.

Eight threads of one engine change an agreement each. The worker says through a pipe when a transaction has begun, which
events are written in it, when it has ended, and what each thread was told. The parent kills it, opens the file anew and
looks: nothing that a thread was told is lost, of every group all events are there or none, `verify` finds nothing. A
twin is the same with something broken on purpose, which must be caught.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import attrs
from scene import CLERK, Watched, begun, heard, opened, slip

from stagegate import Agreement, Engine, StagegateError

THREADS = 8
LIFE = 25
"""How many kills one file sees; then the next begins, so that looking at all of it stays quick."""


class Grouped(Watched):
    """A connection that says what is written in each of its transactions."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Do what is asked, and say what it means for the group."""
        cursor = super().execute(sql, *parameters)
        if sql.startswith("INSERT INTO event"):
            agreement, n = parameters[0][:2]
            self.say(b"E %b %d\n" % (agreement.encode(), n))
        elif sql.startswith("SAVEPOINT"):
            self.say(b"S\n")
        elif sql.startswith("ROLLBACK TO"):
            self.say(b"U\n")
        return cursor


class Torn(Grouped):
    """Broken: every change of a group is committed by itself, and the group goes on."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Commit behind every change."""
        cursor = super().execute(sql, *parameters)
        if sql.startswith("RELEASE"):
            sqlite3.Connection.execute(self, "COMMIT")
            sqlite3.Connection.execute(self, "BEGIN IMMEDIATE")
        return cursor


class Early(Grouped):
    """Broken: a commit is acknowledged at once, and done when the next transaction begins, whosever that is."""

    owing: ClassVar[list[sqlite3.Connection]] = []

    @property
    def in_transaction(self) -> bool:
        """Pretend that what was put off is done."""
        return self not in self.owing and super().in_transaction

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Put off what is to be committed."""
        if sql.startswith("COMMIT"):
            self.owing.append(self)
            self.say(b"C\n")
            return super().execute("SELECT 1")
        if sql.startswith("BEGIN"):
            while self.owing:
                sqlite3.Connection.execute(self.owing[0], "COMMIT")
                del self.owing[0]
        return super().execute(sql, *parameters)


TWINS: dict[str, type[Grouped]] = {"": Grouped, "torn": Torn, "early": Early}


def change(engine: Engine, agreement: str, chance: random.Random) -> Agreement:
    """Make some change."""
    match chance.randrange(4):
        case 0:
            deal = engine.get(agreement)
            if deal.stage == "intent":
                return engine.advance(deal, by=CLERK)
            return engine.send_back(deal, "intent", "not yet", by=CLERK)
        case 1:
            return engine.record(agreement, "said", chance.randrange(1000), by=CLERK)
        case _:
            return engine.note(agreement, "a word", by=CLERK)


def work(path: str, pipe: int, connections: type[Grouped]) -> None:
    """Be the process that is killed."""
    connections.say = staticmethod(lambda mark: os.write(pipe, mark))
    slip(connections)
    with opened(path) as engine:

        def call(place: int) -> None:
            agreement, chance = f"case-{place}", random.Random()
            while True:
                changed = change(engine, agreement, chance)
                os.write(pipe, b"A %b %d %b\n" % (agreement.encode(), changed.n, changed.head.hex().encode()))

        threads = [threading.Thread(target=call, args=(place,), daemon=True) for place in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


Written = tuple[str, int]


@attrs.define
class Found:
    """
    What came of it.

    Attributes:
        died: What the groups were at when the process died: so many events written, or none begun.

        groups: How many groups were committed, by their size.

        acknowledged: How many changes were acknowledged.

        faults: What must not be.
    """

    died: Counter[str] = attrs.field(factory=Counter)
    groups: Counter[int] = attrs.field(factory=Counter)
    acknowledged: int = 0
    faults: list[str] = attrs.field(factory=list)


def groups_of(lines: list[bytes]) -> tuple[list[list[Written]], list[Written] | None]:
    """Return the groups that were committed, and the one that was under way, if any."""
    done: list[list[Written]] = []
    group: list[Written] | None = None
    saved = 0
    for line in lines:
        kind, *rest = line.split()
        if kind == b"B":
            group = []
        elif kind == b"C" and group is not None:
            done.append(group)
            group = None
        elif kind == b"E" and group is not None:
            group.append((rest[0].decode(), int(rest[1])))
        elif kind == b"S" and group is not None:
            saved = len(group)
        elif kind == b"U" and group is not None:
            del group[saved:]
    return done, group


def kill_once(path: Path, connections: type[Grouped], chance: random.Random, found: Found) -> None:
    """Start a worker, kill it at a random instant, and look."""
    theirs, mine = os.pipe()
    process = multiprocessing.get_context("fork").Process(target=work, args=(str(path), mine, connections), daemon=True)
    process.start()
    os.close(mine)
    said, until = b"", chance.randrange(3, 9)
    # Wait until several are at work; the instant is then anywhere within the next few groups.
    while said.count(b"C\n") < until and (piece := heard(theirs)):
        said += piece
    time.sleep(chance.uniform(0.0, 0.01))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while piece := os.read(theirs, 65536):
        said += piece
    os.close(theirs)
    if process.exitcode != -signal.SIGKILL:
        found.faults.append(f"the worker died of itself ({process.exitcode})")
    # A line that was cut off says nothing.
    lines = said.split(b"\n")[:-1]
    done, last = groups_of(lines)
    found.groups.update(len(group) for group in done if group)
    written = "none begun" if last is None else ("nothing", "one", "several")[min(len(last), 2)] + " written"
    found.died[written] += 1
    told = [line.split()[1:] for line in lines if line.startswith(b"A ")]
    found.acknowledged += len(told)
    there = _there(path)
    for agreement, n, head in told:
        if there.get((agreement.decode(), int(n))) != head.decode():
            found.faults.append(f"{agreement.decode()}: event {int(n)} was acknowledged, and is lost")
    for group in (*done, *([] if last is None else [last])):
        if 0 < (kept := sum(one in there for one in group)) < len(group):
            found.faults.append(f"of a group of {len(group)} changes, {kept} are there")


def _there(path: Path) -> dict[Written, str]:
    """Return the hashes of all events, read without the library."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT agreement, n, hash FROM event").fetchall()
    finally:
        connection.close()
    return {(agreement, n): hash_.hex() for agreement, n, hash_ in rows}


def kills(number: int, twin: str, chance: random.Random) -> Found:
    """Kill so often, in one file after the other."""
    found = Found()
    for first in range(0, number, LIFE):
        with tempfile.TemporaryDirectory(prefix="groups-") as folder:
            path = Path(folder) / "groups.db"
            with opened(str(path)) as engine:
                for place in range(THREADS):
                    begun(engine, f"case-{place}")
            for _ in range(first, min(first + LIFE, number)):
                kill_once(path, TWINS[twin], chance, found)
                if found.faults:
                    return found
            try:
                with opened(str(path)) as engine:
                    found.faults += [f"verify: {fault}" for fault in engine.verify().faults]
            except StagegateError as error:
                found.faults.append(f"{type(error).__name__}: {error}")
        if found.faults:
            break
    return found


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--twin", choices=sorted(TWINS), default="", help="break this on purpose")
    parser.add_argument("--seed", type=int, default=None, help="choose the instants by this")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    found = kills(given.kills, given.twin, random.Random(given.seed))
    if given.json:
        print(json.dumps(attrs.asdict(found)))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        at = ", ".join(f"{count:,} with {state}" for state, count in found.died.most_common())
        number = found.groups.total()
        mean = sum(size * count for size, count in found.groups.items()) / max(number, 1)
        print(f"groups: {who}: {found.died.total():,} kills: {at};")
        print(f"  {number:,} groups of {mean:.1f} on average, {found.acknowledged:,} changes acknowledged")
        print(f"  {len(found.faults):,} faults" + (f", the first: {found.faults[0]}" if found.faults else ""))
    return int(bool(found.faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
