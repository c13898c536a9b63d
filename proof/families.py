"""
Families: a whole asks for its parts while these are moved. No two may each rest on what the other changes.

In every round a whole is advanced through a gate that asks all its parts, while other processes send parts back, and
one starts another part, all at the same moment. The event of the whole says which version of every part it saw, and
that of a part which version of the whole. So of any two of them one has seen the other, and only one: if both had, or
neither, there would be no order in which they happened. And a whole that went on has seen no part that was not there
yet. A twin is the same with a store that reads others before it takes its lock, which the harness must catch.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from scene import together

from stagegate import Actor, Agreement, Engine, GateClosed, Outcome, Process, Stage, StagegateError, parts, unguarded
from stagegate.contrib.sqlite import SQLiteStore

CLERK = Actor(id="clerk-7", roles={"desk"})
WHOLE = Process(
    "whole",
    "1",
    (Stage("plan", owner="desk", gate=parts(all="cleared")), Stage("running", owner="desk")),
    outcomes=[Outcome("dropped")],
)
PART = Process(
    "part",
    "1",
    (
        Stage("proposed", owner="desk", gate=unguarded("a harness")),
        Stage("cleared", owner="desk", back_to="proposed"),
    ),
    outcomes=[Outcome("dropped")],
)
PATIENCE = 300.0
"""For how many seconds a process waits for the others before it takes them for dead."""


class _Seen:
    """A unit that shows of others what was read beforehand."""

    def __init__(self, unit: Any, others: dict[str, Agreement], whole: Agreement | None) -> None:
        self.id, self.agreement, self.known, self.commit = unit.id, unit.agreement, unit.known, unit.commit
        self._others, self._whole = others, whole

    def other(self, agreement: str) -> Agreement | None:
        return self._others.get(agreement, self._whole)

    def parts(self) -> list[Agreement]:
        return [self._others[one] for one in sorted(self._others) if self._others[one].part_of == self.id]


class Early(SQLiteStore):
    """
    Broken: others are read before the lock is taken.

    It dawdles before it takes the lock, so that a short run catches it as surely as a long one, on a busy machine too.
    """

    DAWDLE = 0.01

    def work(self, agreement: str, job: Callable[[Any], Any]) -> Any:
        """Read, then lock, and commit alone."""
        with self._early(agreement) as unit:
            return job(unit)

    @contextmanager
    def _early(self, agreement: str) -> Iterator[Any]:
        from stagegate import Query

        several = self.find(Query(part_of=agreement), after=None, limit=500)
        whole = self.get(agreement.partition("/")[0])
        time.sleep(self.DAWDLE)
        with super().unit(agreement) as unit:
            yield _Seen(unit, {one.id: one for one in several}, whole)


TWINS: dict[str, type[SQLiteStore]] = {"": SQLiteStore, "early": Early}


def opened(path: str, twin: str = "") -> Engine:
    """Open an engine on a file."""
    return Engine(TWINS[twin](f"{path}", timeout=120), processes=[WHOLE, PART])


def _act(engine: Engine, turn: int, place: int, last: int) -> str:
    """Do what is for this process to do; return what came of it."""
    whole = f"w{turn:05}"
    try:
        if place == 0:
            engine.advance(whole, by=CLERK)
            return "advanced"
        if place == last:
            engine.start("part", f"{whole}/{place}", part_of=whole, by=CLERK)
            return "started"
        engine.send_back(f"{whole}/{place}", "proposed", "once more", by=CLERK)
    except GateClosed:
        return "refused"
    except StagegateError as error:
        return f"odd: {type(error).__name__}: {error}"
    return "sent back"


def _take_part(place: int, path: str, last: int, rounds: int, twin: str, barrier: Barrier, answer: Connection) -> None:
    """Be one of the processes: the first has the whole, the last a new part, the others a part each."""
    heard = []
    with opened(path, twin) as engine:
        for turn in range(rounds):
            barrier.wait(PATIENCE)
            heard.append(_act(engine, turn, place, last))
    answer.send(heard)


def race(path: Path, processes: int, rounds: int, twin: str) -> tuple[list[str], list[str]]:
    """Run it, and return what was heard, with the processes that died."""
    with opened(str(path)) as engine:
        for turn in range(rounds):
            whole = f"w{turn:05}"
            engine.start("whole", whole, by=CLERK)
            for place in range(1, processes - 1):
                engine.start("part", f"{whole}/{place}", part_of=whole, by=CLERK)
                engine.advance(f"{whole}/{place}", by=CLERK)
    answers, faults = together(processes, _take_part, str(path), processes - 1, rounds, twin)
    return [word for answer in answers for word in answer], faults


def judged(path: Path, processes: int, rounds: int) -> Iterator[str]:
    """Yield everything that must not be."""
    with opened(str(path)) as engine:
        for turn in range(rounds):
            whole = f"w{turn:05}"
            mine = engine.history(whole)[-1]
            seen = {read["agreement"]: read["head"] for read in mine.data["read"]}
            behind = {why["params"]["part"] for why in mine.data.get("data", {}).get("unmet", ())}
            for place in range(1, processes):
                part = f"{whole}/{place}"
                last = engine.history(part)[-1]
                by_whole = seen.get(part) == last.hash.hex()
                by_part = last.data["read"][0]["head"] == mine.hash.hex()
                if by_whole == by_part:
                    yield f"round {turn}: {whole} and {part} have {'both' if by_whole else 'neither'} seen the other"
                if by_whole != (part in behind):
                    saw = "saw" if by_whole else "did not see"
                    yield f"round {turn}: {whole} has {mine.kind} and {saw} what became of {part}"
        yield from (f"verify: {fault}" for fault in engine.verify().faults)


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=5, help="how many take part, three at least (5)")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--twin", choices=sorted(TWINS), default="", help="break this on purpose")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="families-") as folder:
        path = Path(folder) / "families.db"
        heard, faults = race(path, given.processes, given.rounds, given.twin)
        faults += [f"somebody heard: {word}" for word in heard if word.startswith("odd")]
        if not faults:
            faults = list(judged(path, given.processes, given.rounds))
    words = Counter(word.partition(":")[0] for word in heard)
    if given.json:
        print(json.dumps({"rounds": given.rounds, "heard": words, "faults": faults}))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        counted = ", ".join(f"{count:,} {word}" for word, count in words.most_common())
        print(f"families: {who}: {given.processes} processes, {given.rounds:,} rounds: {counted}")
        print(f"  {len(faults):,} faults" + (f", the first: {faults[0]}" if faults else ""))
    return int(bool(faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
