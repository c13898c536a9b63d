"""
Kills: a process that moves an agreement is killed with SIGKILL at a random instant, over and over.

The worker makes one change after the other, each with two notifications and a request id of its own, and says through
a pipe when a transaction has begun, when it has ended, and which event was acknowledged. The parent kills it, opens the
file anew and looks: nothing that was acknowledged is lost, nothing is there twice, the numbers run 1..n, the outbox has
exactly the rows that the committed events caused, `verify` finds nothing. The next worker goes on with the change that
nobody acknowledged: if it had been committed it must not happen again. A twin is the same with something broken on
purpose, which must be caught.
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
import time
from collections import Counter
from pathlib import Path

import attrs
from scene import CLERK, Late, Split, Watched, begun, heard, opened, slip

from stagegate import Agreement, Document, Engine, StagegateError

AGREEMENT = "bekasi-izumisano"
TWINS: dict[str, type[Watched]] = {"": Watched, "split": Split, "late": Late}
LIFE = 50
"""How many kills one file sees; then the next begins, so that looking at all of it stays quick."""

STARTED = 2
"""How many events there are before the first kill."""


def change(engine: Engine, serial: int) -> Agreement:
    """Make the change of that number; every third is a move."""
    request = f"request-{serial}"
    match serial % 6:
        case 0:
            return engine.advance(AGREEMENT, by=CLERK, request_id=request)
        case 3:
            return engine.send_back(AGREEMENT, "intent", "not yet", by=CLERK, request_id=request)
        case 1 | 4:
            return engine.record(AGREEMENT, "said", serial, by=CLERK, request_id=request)
        case 2:
            document = Document.from_bytes(b"%d" % serial, kind="report")
            return engine.attach(AGREEMENT, document, by=CLERK, request_id=request)
        case _:
            return engine.note(AGREEMENT, f"change {serial}", by=CLERK, request_id=request)


def work(path: str, serial: int, pipe: int, connections: type[Watched]) -> None:
    """Be the process that is killed."""
    connections.say = staticmethod(lambda mark: os.write(pipe, mark))
    slip(connections)
    with opened(path) as engine:
        while True:
            changed = change(engine, serial)
            os.write(pipe, b"A %d %d %b\n" % (serial, changed.n, changed.head.hex().encode()))
            serial += 1


@attrs.define
class Seen:
    """
    What the parent knows of a file.

    Attributes:
        acknowledged: The number and the hash of the event that each change was acknowledged as.

        serial: The change to go on with.

        died: Where the workers were when they died: in a transaction or outside.

        unheard: How many changes were committed without an acknowledgement.

        took: How long one change takes, as far as the parent can tell.
    """

    acknowledged: dict[int, tuple[int, str]] = attrs.field(factory=dict)
    serial: int = 0
    died: Counter[str] = attrs.field(factory=Counter)
    unheard: int = 0
    took: float = 0.002


def kill_once(path: Path, seen: Seen, connections: type[Watched], chance: random.Random) -> list[str]:
    """Start a worker, kill it at a random instant, take down what it had said, and return what must not be."""
    theirs, mine = os.pipe()
    process = multiprocessing.get_context("fork").Process(
        target=work, args=(str(path), seen.serial, mine, connections), daemon=True
    )
    process.start()
    os.close(mine)
    said = b""
    # Wait until it is at work; the instant is then anywhere within the next few changes.
    before, first = chance.randrange(1, 5), 0.0
    while (changes := said.count(b"B\n")) < before and (piece := heard(theirs, 4096)):
        said += piece
        first = first or time.perf_counter()
    if changes > 1:
        seen.took = (time.perf_counter() - first) / (changes - 1)
    time.sleep(chance.uniform(0.0, min(3 * seen.took, 0.1)))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while piece := os.read(theirs, 65536):
        said += piece
    os.close(theirs)
    # A line that was cut off says nothing.
    lines = said.split(b"\n")[:-1]
    marks = [line for line in lines if line in {b"B", b"C"}]
    seen.died["in a transaction" if marks and marks[-1] == b"B" else "outside"] += 1
    for line in lines:
        if line.startswith(b"A "):
            _, serial, n, head = line.split()
            seen.acknowledged[int(serial)] = int(n), head.decode()
            seen.serial = int(serial) + 1
    return [] if process.exitcode == -signal.SIGKILL else [f"the worker died of itself ({process.exitcode})"]


def judged(path: Path, seen: Seen) -> list[str]:
    """Open the file anew and return everything that must not be."""
    try:
        with opened(str(path)) as engine:
            report = engine.verify()
    except StagegateError as error:
        return [f"{type(error).__name__}: {error}"]
    return [*(f"verify: {fault}" for fault in report.faults), *_by_hand(path, seen)]


def _by_hand(path: Path, seen: Seen) -> list[str]:
    """Look at the rows without the library."""
    faults: list[str] = []
    connection = sqlite3.connect(path)
    try:
        (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        rows = connection.execute("SELECT n, body, hash FROM event ORDER BY n").fetchall()
        outbox = {id_ for (id_,) in connection.execute("SELECT id FROM outbox")}
        (n,) = connection.execute("SELECT n FROM agreement").fetchone()
    finally:
        connection.close()
    if whole != "ok":
        faults.append(f"SQLite says {whole}")
    if [row[0] for row in rows] != list(range(1, len(rows) + 1)) or n != len(rows):
        faults.append(f"the numbers do not run from 1 to {n}")
    bodies = [json.loads(body) for _, body, _ in rows]
    heads = {number: hash_.hex() for number, _, hash_ in rows}
    faults += [
        f"change {serial} was acknowledged as event {number}, which is lost"
        for serial, (number, head) in seen.acknowledged.items()
        if heads.get(number) != head
    ]
    told = {notification["id"] for body in bodies for notification in body.get("notifications", ())}
    if missing := told - outbox:
        faults.append(f"{len(missing)} notifications of committed events are missing in the outbox")
    if invented := outbox - told:
        faults.append(f"{len(invented)} notifications in the outbox are of no committed event")
    requests = [body["request"]["id"] for body in bodies if "request" in body]
    if requests != [f"request-{serial}" for serial in range(len(requests))]:
        faults.append("the changes are not there each once and in order")
    if len(requests) not in {seen.serial, seen.serial + 1}:
        faults.append(f"{seen.serial} changes were acknowledged, {len(requests)} are there")
    seen.unheard += len(requests) == seen.serial + 1
    return faults


def kills(folder: Path, number: int, twin: str, chance: random.Random) -> tuple[Counter[str], int, int, list[str]]:
    """Kill so often; return where they died, what was acknowledged, what was committed unheard, and the faults."""
    died: Counter[str] = Counter()
    acknowledged = unheard = 0
    faults: list[str] = []
    for first in range(0, number, LIFE):
        path = folder / f"{first}.db"
        with opened(str(path)) as engine:
            begun(engine, AGREEMENT)
        seen = Seen()
        for kill in range(first, min(first + LIFE, number)):
            found = kill_once(path, seen, TWINS[twin], chance) + judged(path, seen)
            faults += [f"kill {kill}: {fault}" for fault in found]
            if faults:
                break
        died += seen.died
        acknowledged += len(seen.acknowledged)
        unheard += seen.unheard
        path.unlink()
        if faults:
            break
    return died, acknowledged, unheard, faults


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--twin", choices=sorted(TWINS), default="", help="break this on purpose")
    parser.add_argument("--seed", type=int, default=None, help="choose the instants by this")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        died, acknowledged, unheard, faults = kills(Path(folder), given.kills, given.twin, random.Random(given.seed))
    killed = died.total()
    if given.json:
        print(json.dumps({"died": died, "acknowledged": acknowledged, "unheard": unheard, "faults": faults}))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        share = 100 * died["in a transaction"] / killed
        print(f"kills: {who}: {killed:,} kills, {share:.1f} % of them in mid-transaction;")
        print(f"  {acknowledged:,} changes acknowledged, {unheard:,} committed when killed before they could be")
        print(f"  {len(faults):,} faults" + (f", the first: {faults[0]}" if faults else ""))
    return int(bool(faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
