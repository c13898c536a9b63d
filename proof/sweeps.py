"""
Sweeps: many sweepers and one late voter meet on one due date. Exactly one outcome may come of it.

In every round an approval that silence decides has just fallen due. All sweepers sweep, and the voter hands in a vote
that was cast in time, at the same moment: either that vote is recorded, and silence has nothing to decide, or silence
has decided, and the vote is refused. Afterwards the history of every agreement has one vote, whoever was told that it
won is who stands there, and `verify` finds nothing. A twin is the same with something broken on purpose, which the
harness must catch.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import attrs
from scene import Unlocked, slip, together

from stagegate import Actor, Engine, GateClosed, Process, Stage, StagegateError, approval, calendar_days, unguarded

OWNER = Actor(id="clerk-7", roles={"desk"})
VOTER = Actor(id="speaker", roles={"council"})
START = datetime(2025, 1, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
TWINS: dict[str, type[sqlite3.Connection] | None] = {"": None, "unlocked": Unlocked}
PATIENCE = 300.0
"""For how many seconds a process waits for the others before it takes them for dead."""


def process(turn: int) -> Process:
    """Return the process of a round: the council has a day more than in the round before."""
    gate = approval("council", within=calendar_days(turn + 1), silence="approves", basis="Rule of the harness, Art 2")
    return Process(
        f"sweep-{turn}",
        "1",
        (
            Stage("plan", owner="desk", gate=unguarded("a harness")),
            Stage("council", owner="desk", gate=gate),
            Stage("done", owner="desk"),
        ),
    )


def opened(path: str, rounds: int, now: list[datetime]) -> Engine:
    """Open an engine whose clock says what stands in *now*."""
    processes = [process(turn) for turn in range(rounds)]
    return Engine.open(f"sqlite:///{path}?timeout=120", processes=processes, clock=lambda: now[0])


@attrs.frozen
class Outcome:
    """
    What one process heard in one round.

    Attributes:
        word: `decided` (its sweep did it), `nothing` (its sweep found nothing), `voted`, `refused`, or what else.
    """

    word: str


def _swept(engine: Engine) -> Outcome:
    swept = engine.sweep()
    if swept.failed or swept.total > 1:
        return Outcome(f"odd: {swept}")
    return Outcome("decided" if swept.decided else "nothing")


def _voted(engine: Engine, turn: int, now: datetime) -> Outcome:
    try:
        engine.refuse(f"case-{turn}", "not in favour", at=now - DAY, by=VOTER)
    except GateClosed as closed:
        return Outcome("refused" if [why.code for why in closed.unmet] == ["approval.decided"] else f"odd: {closed}")
    return Outcome("voted")


def _take_part(place: int, path: str, rounds: int, twin: str, barrier: Barrier, answer: Connection) -> None:
    """Be one of the processes; the first is the voter."""
    connections = TWINS[twin]
    if connections is not None:
        slip(connections)
    outcomes: list[Outcome] = []
    now = [START]
    with opened(path, rounds, now) as engine:
        for turn in range(rounds):
            # The day after the last one, an hour in.
            now[0] = START.replace(hour=1) + (turn + 2) * DAY
            barrier.wait(PATIENCE)
            try:
                outcomes.append(_swept(engine) if place else _voted(engine, turn, now[0]))
            except StagegateError as error:
                outcomes.append(Outcome(f"{type(error).__name__}: {error}"))
    answer.send(outcomes)


def sweep(path: Path, processes: int, rounds: int, twin: str) -> tuple[list[list[Outcome]], list[str]]:
    """Run it, and return what every process heard in every round, with the processes that died."""
    with opened(str(path), rounds, [START]) as engine:
        for turn in range(rounds):
            engine.start(f"sweep-{turn}", f"case-{turn}", by=OWNER)
            engine.advance(f"case-{turn}", by=OWNER)
    heard, faults = together(processes + 1, _take_part, str(path), rounds, twin)
    return [list(turn) for turn in zip(*heard, strict=True)], faults


def judged(path: Path, rounds: int, turns: list[list[Outcome]]) -> list[str]:
    """Return everything that must not be."""
    faults: list[str] = []
    with opened(str(path), rounds, [START + (rounds + 2) * DAY]) as engine:
        for turn, outcomes in enumerate(turns):
            words = Counter(outcome.word for outcome in outcomes)
            won = [word for word in ("decided", "voted") for _ in range(words[word])]
            if len(won) != 1:
                faults.append(f"round {turn}: {len(won)} of {len(outcomes)} were told that they won")
            faults.extend(f"round {turn}: {word}" for word in words if word not in {"decided", "nothing", *EXPECTED})
            votes = [event.actor for event in engine.history(f"case-{turn}") if event.kind == "voted"]
            if votes != (["law"] if won == ["decided"] else ["speaker"]):
                faults.append(f"round {turn}: the history has votes of {', '.join(votes) or 'nobody'}")
        faults.extend(f"verify: {fault}" for fault in engine.verify().faults)
    return faults


EXPECTED = ("voted", "refused")
"""What the voter may hear."""


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=16, help="how many sweep, beside the one that votes (16)")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--twin", choices=sorted(TWINS), default="", help="break this on purpose")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sweeps-") as folder:
        path = Path(folder) / "sweep.db"
        turns, faults = sweep(path, given.processes, given.rounds, given.twin)
        if not faults:
            faults = judged(path, given.rounds, turns)
    words = Counter(outcome.word.partition(":")[0] for outcomes in turns for outcome in outcomes)
    if given.json:
        print(json.dumps({"rounds": len(turns), "heard": words, "faults": faults}))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        heard = ", ".join(f"{count:,} {word}" for word, count in words.most_common())
        print(f"sweeps: {who}: {given.processes} sweepers and a voter, {len(turns):,} rounds: {heard}")
        print(f"  {len(faults):,} faults" + (f", the first: {faults[0]}" if faults else ""))
    return int(bool(faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
