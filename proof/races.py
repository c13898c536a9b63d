"""
Races: many processes change one agreement that all of them saw, at the same moment. Exactly one may win.

In every round all processes hold the same seen `Agreement`; a barrier lets them go together; each tries one change. One
must win, and every other must hear `Conflict`. Afterwards the numbers of the history run 1..n, one for each winner, and
`verify` finds nothing. A twin is the same with something broken on purpose, which the harness must catch.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import attrs
from scene import CLERK, Blind, Unlocked, begun, opened, slip, together

from stagegate import Agreement, Conflict, Document, Engine, StagegateError

AGREEMENT = "bekasi-izumisano"
TWINS: dict[str, tuple[type[Engine], type[sqlite3.Connection] | None]] = {
    "": (Engine, None),
    "blind": (Blind, None),
    "unlocked": (Engine, Unlocked),
}
PATIENCE = 300.0
"""For how many seconds a process waits for the others before it takes them for dead."""


def _move(engine: Engine, seen: Agreement, said: str) -> Agreement:
    if seen.stage == "implementation":
        return engine.note(seen, said, by=CLERK)
    if seen.stage == "council":
        return engine.send_back(seen, "intent", said, by=CLERK)
    return engine.advance(seen, reason=said, by=CLERK)


CHANGES: tuple[Callable[[Engine, Agreement, str], Agreement], ...] = (
    _move,
    lambda engine, seen, said: engine.record(seen, "said", said, by=CLERK),
    lambda engine, seen, said: engine.note(seen, said, by=CLERK),
    lambda engine, seen, said: engine.attach(seen, Document.from_bytes(said.encode(), kind="report"), by=CLERK),
)


@attrs.frozen
class Outcome:
    """
    What one process heard in one round.

    Attributes:
        seen: The version it held.

        word: `won`, `conflict`, or what else happened.

        n: The number of the event it wrote, if it won.
    """

    seen: int
    word: str
    n: int = 0


def _look(engine: Engine) -> Agreement | StagegateError:
    try:
        return engine.get(AGREEMENT)
    except StagegateError as error:
        return error


def _attempt(engine: Engine, seen: Agreement | StagegateError, place: int, turn: int) -> Outcome:
    if isinstance(seen, StagegateError):
        return Outcome(0, f"{type(seen).__name__}: {seen}")
    try:
        changed = CHANGES[(place + turn) % len(CHANGES)](engine, seen, f"round {turn}, process {place}")
    except Conflict:
        return Outcome(seen.version, "conflict")
    except StagegateError as error:
        return Outcome(seen.version, f"{type(error).__name__}: {error}")
    return Outcome(seen.version, "won", changed.n)


def _race(place: int, path: str, rounds: int, twin: str, barrier: Barrier, answer: Connection) -> None:
    """Be one of the processes."""
    kind, connections = TWINS[twin]
    if connections is not None:
        slip(connections)
    outcomes: list[Outcome] = []
    with opened(path, kind) as engine:
        for turn in range(rounds):
            # Whoever is here has ended the round before, so what all of them read is the same.
            barrier.wait(PATIENCE)
            seen = _look(engine)
            barrier.wait(PATIENCE)
            outcomes.append(_attempt(engine, seen, place, turn))
    answer.send(outcomes)


def race(path: Path, processes: int, rounds: int, twin: str) -> tuple[list[list[Outcome]], list[str]]:
    """Run it, and return what every process heard in every round, with the processes that died."""
    with opened(str(path)) as engine:
        begun(engine, AGREEMENT)
    heard, faults = together(processes, _race, str(path), rounds, twin)
    return [list(turn) for turn in zip(*heard, strict=True)], faults


def judged(path: Path, turns: list[list[Outcome]]) -> list[str]:
    """Return everything that must not be."""
    faults: list[str] = []
    numbers: list[int] = []
    for turn, outcomes in enumerate(turns):
        words = Counter(outcome.word for outcome in outcomes)
        if len({outcome.seen for outcome in outcomes}) != 1:
            faults.append(f"round {turn}: not all of them saw the same version")
        if words.pop("won", 0) != 1:
            faults.append(f"round {turn}: {sum(o.word == 'won' for o in outcomes)} of {len(outcomes)} won")
        words.pop("conflict", None)
        faults.extend(f"round {turn}: a loser heard {word}" for word in words)
        numbers.extend(outcome.n for outcome in outcomes if outcome.word == "won")
    faults.extend(f"the event {n} was acknowledged {count} times" for n, count in Counter(numbers).items() if count > 1)
    with opened(str(path)) as engine:
        history = [event.n for event in engine.history(AGREEMENT)]
        if history != list(range(1, len(history) + 1)):
            faults.append(f"the numbers of the history do not run from 1 to {len(history)}")
        if sorted(numbers) != history[2:]:
            faults.append("the numbers of the history are not those that the winners were told")
        report = engine.verify()
        faults.extend(f"verify: {fault}" for fault in report.faults)
    return faults


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--twin", choices=sorted(TWINS), default="", help="break this on purpose")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="races-") as folder:
        path = Path(folder) / "race.db"
        turns, faults = race(path, given.processes, given.rounds, given.twin)
        if not faults:
            faults = judged(path, turns)
    words = Counter(outcome.word.partition(":")[0] for outcomes in turns for outcome in outcomes)
    if given.json:
        print(json.dumps({"rounds": len(turns), "heard": words, "faults": faults}))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        heard = ", ".join(f"{count:,} {word}" for word, count in words.most_common())
        print(f"races: {who}: {given.processes} processes, {len(turns):,} rounds: {heard}")
        print(f"  {len(faults):,} faults" + (f", the first: {faults[0]}" if faults else ""))
    return int(bool(faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
