"""
Crashes: a PostgreSQL server crashes while several clients move agreements, is started again, and crashes again.

The server waits for the disk at each commit. Every client makes one change after the other, of an agreement of its own
and of one that all share, each under a request id. Whoever hears that the outcome is unknown asks by that id once the
server is back; what has not happened is done again, under the same id. Whoever hears any other error of the store has
been told that nothing was done, and looks whether that is so. At last everything that was acknowledged is there, each
request once, every unknown outcome was resolved to what the history says, and `verify` finds nothing. A twin is the
same with something broken on purpose, which must be caught.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import attrs
from places import Ground
from scene import CLERK, begun, opened, together
from servers import PostgresServer

from stagegate import Agreement, Conflict, Engine, OutcomeUnknown, StagegateError, StoreError

SHARED = "common"
TWINS = ("", "trusting")
PATIENCE = 120.0
"""For how many seconds a client waits for the server to come back."""

PAUSE = 0.01


@attrs.define
class Heard:
    """
    What one client heard.

    Attributes:
        acknowledged: The agreement, the number and the hash of the event that each request was answered with.

        happened: How many unknown outcomes turned out to have happened.

        undone: How many turned out not to have happened.

        broken: How often the store failed before it could commit.

        faults: What must not be.
    """

    acknowledged: dict[str, tuple[str, int, str]] = attrs.field(factory=dict)
    happened: int = 0
    undone: int = 0
    broken: int = 0
    faults: list[str] = attrs.field(factory=list)


class Client:
    """One who makes one change after the other, whatever becomes of the server."""

    def __init__(self, engine: Engine, place: int, twin: str) -> None:
        """
        Take who it is.

        Args:
            engine: Its engine.

            place: Its number.

            twin: What is broken.
        """
        self._engine, self._place, self._twin = engine, place, twin
        self._chance = random.Random()
        self.heard = Heard()

    def _change(self, request: str, agreement: str, kind: int) -> Agreement:
        engine = self._engine
        if kind == 0:
            return engine.note(agreement, "a word", by=CLERK, request_id=request)
        if kind == 1:
            return engine.record(agreement, "said", request, by=CLERK, request_id=request)
        # Where it stands is looked at by the move itself: a repeated request is the same call.
        if kind == 2:
            return engine.advance(agreement, by=CLERK, request_id=request)
        return engine.send_back(agreement, "intent", "not yet", by=CLERK, request_id=request)

    def _resolved(self, request: str) -> Agreement | None:
        since = time.monotonic()
        while True:
            try:
                return self._engine.resolve(request)
            except StoreError:
                if time.monotonic() - since > PATIENCE:
                    raise
                time.sleep(PAUSE)

    def do(self, serial: int) -> None:
        """Make one change, and go on until it is known to be done."""
        request = f"request-{self._place}-{serial}"
        agreement = SHARED if self._chance.random() < 0.2 else f"case-{self._place}"
        # The own agreement goes to and fro; of the shared one nobody knows where it stands.
        kind = self._chance.randrange(2) if agreement == SHARED or serial % 2 else 2 + (serial // 2) % 2
        if agreement != SHARED and kind >= 2:
            kind = 2 if self._stage(agreement) == "intent" else 3
        changed = None
        while changed is None:
            try:
                changed = self._change(request, agreement, kind)
            except OutcomeUnknown:
                if self._twin == "trusting":
                    # It takes for done what it does not know.
                    self.heard.acknowledged[request] = agreement, 0, ""
                    return
                changed = self._resolved(request)
                self.heard.happened += changed is not None
                self.heard.undone += changed is None
            except Conflict:
                continue
            except StoreError as error:
                self.heard.broken += 1
                time.sleep(PAUSE)
                if self._resolved(request) is not None:
                    self.heard.faults.append(f"{request} was done, though it was said: {error}")
        self.heard.acknowledged[request] = agreement, changed.n, changed.head.hex()

    def _stage(self, agreement: str) -> str:
        since = time.monotonic()
        while True:
            try:
                return self._engine.get(agreement).stage
            except StoreError:
                if time.monotonic() - since > PATIENCE:
                    raise
                time.sleep(PAUSE)


def _take_part(place: int, url: str, twin: str, folder: str, barrier: Barrier, answer: Connection) -> None:
    """Be one of the clients until a file says that it is over."""
    ended = Path(folder) / "ended"
    with opened(url) as engine:
        client = Client(engine, place, twin)
        barrier.wait(PATIENCE)
        (Path(folder) / "begun").touch()
        serial = 0
        try:
            while not ended.exists():
                client.do(serial)
                serial += 1
        except StagegateError as error:
            client.heard.faults.append(f"{type(error).__name__}: {error}")
    answer.send(client.heard)


def _children(pid: int) -> list[int]:
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1]) == pid:
                children.append(int(stat.parent.name))
    return children


def crash(server: PostgresServer, way: str) -> None:
    """Have a server crash: its first process is killed, or all of them are, or it is told to stop at once."""
    children = _children(server.pid) if way == "all killed" else []
    if way == "stopped at once":
        os.kill(server.pid, signal.SIGQUIT)
    server.crash()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


WAYS = ("first killed", "all killed", "stopped at once")


def _crashing(server: PostgresServer, crashes: int, folder: Path, crashed: list[str]) -> None:
    chance, since = random.Random(), time.monotonic()
    try:
        while not (folder / "begun").exists() and time.monotonic() - since < PATIENCE:
            time.sleep(PAUSE)
        for turn in range(crashes):
            time.sleep(chance.uniform(0.2, 0.8))
            crash(server, WAYS[turn % len(WAYS)])
            crashed.append(WAYS[turn % len(WAYS)])
            server.start()
        time.sleep(0.2)
    finally:
        (folder / "ended").touch()


def judged(url: str, heard: Sequence[Heard]) -> list[str]:
    """Return everything that must not be."""
    faults = [fault for one in heard for fault in one.faults]
    with opened(url) as engine:
        faults += [f"verify: {fault}" for fault in engine.verify().faults]
        events = [
            event
            for agreement in (SHARED, *(f"case-{p}" for p in range(len(heard))))
            for event in engine.history(agreement)
        ]
    times = Counter(event.data["request"]["id"] for event in events if "request" in event.data)
    faults += [f"{request} is there {count} times" for request, count in times.items() if count > 1]
    there = {event.data["request"]["id"]: (event.agreement, event.n) for event in events if "request" in event.data}
    hashes = {(event.agreement, event.n): event.hash.hex() for event in events}
    for one in heard:
        for request, (agreement, n, head) in one.acknowledged.items():
            if request not in there:
                faults.append(f"{request} was taken for done, and is not there")
            elif n and (there[request] != (agreement, n) or hashes[agreement, n] != head):
                faults.append(f"{request} was answered by event {n} of {agreement}, and is another")
    if unheard := there.keys() - {request for one in heard for request in one.acknowledged}:
        faults.append(f"{len(unheard)} requests are there of which nobody heard in the end")
    return faults


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crashes", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--twin", choices=TWINS, default="", help="break this on purpose")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    crashed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="crashes-") as folder, Ground("postgresql", durable=True) as ground:
        assert ground.server is not None
        url = ground.server.url(ground.server.create())
        with opened(url) as engine:
            for agreement in (SHARED, *(f"case-{place}" for place in range(given.clients))):
                begun(engine, agreement)
        crashing = threading.Thread(target=_crashing, args=(ground.server, given.crashes, Path(folder), crashed))
        crashing.start()
        heard, faults = together(given.clients, _take_part, url, given.twin, folder)
        crashing.join()
        faults += judged(url, heard)
    if len(crashed) != given.crashes:
        faults.append(f"the server was started anew only {len(crashed)} times")
    sums = {name: sum(getattr(one, name) for one in heard) for name in ("happened", "undone", "broken")}
    done = sum(len(one.acknowledged) for one in heard)
    if given.json:
        print(json.dumps({"crashes": Counter(crashed), "acknowledged": done, **sums, "faults": faults}))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        ways = ", ".join(f"{count} {way}" for way, count in Counter(crashed).items())
        print(f"crashes: {who}: {len(crashed)} crashes of the server ({ways}), {given.clients} clients;")
        print(f"  {done:,} changes acknowledged; of the unknown outcomes {sums['happened']:,} had happened and")
        print(f"  {sums['undone']:,} had not; {sums['broken']:,} changes failed, and were begun anew")
        print(f"  {len(faults):,} faults" + (f", the first: {faults[0]}" if faults else ""))
    return int(bool(faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
