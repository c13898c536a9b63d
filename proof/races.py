"""
Races: many processes change one agreement that all of them saw, at the same moment. Exactly one may win.

In every round all processes hold the same seen `Agreement`; a barrier lets them go together; each tries one change. One
must win, and every other must hear `Conflict`. On PostgreSQL another process terminates sessions in the midst of their
transactions, some of which it makes wait for that; whoever hears that the outcome is unknown asks by the id of its
request, and whoever lost its session goes on with what it saw. Afterwards the numbers of the history run 1..n, one for
each winner, and `verify` finds nothing. A twin is the same with something broken on purpose, which the harness must
catch.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import attrs
import psycopg
from places import PLACES, Ground
from scene import CLERK, Blind, Unlocked, begun, opened, slip, together, uncompared

from stagegate import Agreement, Conflict, Document, Engine, OutcomeUnknown, StagegateError, StoreError

AGREEMENT = "bekasi-izumisano"
TWINS: dict[str, tuple[type[Engine], Callable[[], None] | None]] = {
    "": (Engine, None),
    "blind": (Blind, None),
    "unlocked": (Engine, lambda: slip(Unlocked)),
    "uncompared": (Engine, uncompared),
}
PATIENCE = 300.0
"""For how many seconds a process waits for the others before it takes them for dead."""

TRIES = 100
"""How often a change is begun anew whose session was terminated."""

VICTIM = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> ALL (%s) AND xact_start IS NOT NULL ORDER BY random() LIMIT 1
"""


def _move(engine: Engine, seen: Agreement, said: str) -> Agreement:
    if seen.stage == "implementation":
        return engine.note(seen, said, by=CLERK, request_id=said)
    if seen.stage == "council":
        return engine.send_back(seen, "intent", said, by=CLERK, request_id=said)
    return engine.advance(seen, reason=said, by=CLERK, request_id=said)


def _attach(engine: Engine, seen: Agreement, said: str) -> Agreement:
    document = Document.from_bytes(said.encode(), kind="report")
    return engine.attach(seen, document, by=CLERK, request_id=said)


CHANGES: tuple[Callable[[Engine, Agreement, str], Agreement], ...] = (
    _move,
    lambda engine, seen, said: engine.record(seen, "said", said, by=CLERK, request_id=said),
    lambda engine, seen, said: engine.note(seen, said, by=CLERK, request_id=said),
    _attach,
)


@attrs.frozen
class Outcome:
    """
    What one process heard in one round.

    Attributes:
        seen: The version it held.

        word: `won`, `conflict`, or what else happened.

        n: The number of the event it wrote, if it won.

        unknown: How often it heard that the outcome is unknown.

        broken: How often its session was terminated before it could commit.
    """

    seen: int
    word: str
    n: int = 0
    unknown: int = 0
    broken: int = 0


def _look(engine: Engine) -> Agreement | StagegateError:
    said: StagegateError | None = None
    for _ in range(TRIES):
        try:
            return engine.get(AGREEMENT)
        except StoreError as error:
            said = error
        except StagegateError as error:
            return error
    assert said is not None
    return said


def _resolved(engine: Engine, request: str) -> Agreement | None:
    for _ in range(TRIES):
        try:
            return engine.resolve(request)
        except OutcomeUnknown:
            raise
        except StoreError:
            continue
    message = f"nobody can say what became of {request}"
    raise StoreError(message)


def _attempt(engine: Engine, seen: Agreement | StagegateError, place: int, turn: int, *, terminated: bool) -> Outcome:
    if isinstance(seen, StagegateError):
        return Outcome(0, f"{type(seen).__name__}: {seen}")
    said, unknown, broken = f"round {turn}, process {place}", 0, 0
    try:
        for _ in range(TRIES if terminated else 1):
            try:
                changed: Agreement | None = CHANGES[(place + turn) % len(CHANGES)](engine, seen, said)
            except StoreError as error:
                if not terminated:
                    raise
                changed = _resolved(engine, said)
                if not isinstance(error, OutcomeUnknown):
                    broken += 1
                    if changed is not None:
                        return Outcome(seen.version, f"lie: {error}")
                else:
                    unknown += 1
            if changed is not None:
                return Outcome(seen.version, "won", changed.n, unknown, broken)
    except Conflict:
        return Outcome(seen.version, "conflict", 0, unknown, broken)
    except StagegateError as error:
        return Outcome(seen.version, f"{type(error).__name__}: {error}")
    return Outcome(seen.version, "gave up")


def _terminate(url: str, rounds: int, barrier: Barrier) -> int:
    """
    Terminate a random session in mid-transaction, where one is found, in every round; return how many that were.

    In every other round it keeps all of them waiting until it has found one; in the rest it has to be quick.
    """
    chance, victims = random.Random(), 0
    with psycopg.connect(url, autocommit=True) as connection, psycopg.connect(url) as holder:
        mine = [connection.info.backend_pid, holder.info.backend_pid]
        for turn in range(rounds):
            barrier.wait(PATIENCE)
            if turn % 2 == 0:
                holder.execute("SELECT 1 FROM stagegate.agreement WHERE id = %s FOR UPDATE", [AGREEMENT])
            barrier.wait(PATIENCE)
            for _ in range(500):
                # Whoever has ended the round waits for the next.
                if barrier.n_waiting >= barrier.parties - 1:
                    break
                time.sleep(chance.uniform(0.0, 0.002))
                if connection.execute(VICTIM, [mine]).fetchone():
                    victims += 1
                    break
            holder.rollback()
    return victims


def _race(place: int, url: str, rounds: int, twin: str, racers: int, barrier: Barrier, answer: Connection) -> None:
    """Be one of the processes."""
    if place == racers:
        answer.send(_terminate(url, rounds, barrier))
        return
    kind, breaking = TWINS[twin]
    if breaking is not None:
        breaking()
    outcomes: list[Outcome] = []
    with opened(url, kind) as engine:
        for turn in range(rounds):
            # Whoever is here has ended the round before, so what all of them read is the same.
            barrier.wait(PATIENCE)
            seen = _look(engine)
            barrier.wait(PATIENCE)
            outcomes.append(_attempt(engine, seen, place, turn, terminated=url.startswith("postgresql:")))
    answer.send(outcomes)


def race(url: str, processes: int, rounds: int, twin: str) -> tuple[list[list[Outcome]], int, list[str]]:
    """
    Run it.

    Returns:
        What every process heard in every round, how many sessions were terminated, and which processes died.
    """
    with opened(url) as engine:
        begun(engine, AGREEMENT)
    if twin == "uncompared":
        # The database itself refuses to change an event.
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER TABLE stagegate.event DISABLE TRIGGER USER")
    terminated = url.startswith("postgresql:")
    heard, faults = together(processes + terminated, _race, url, rounds, twin, processes)
    victims = heard.pop() if terminated and isinstance(heard[-1], int) else 0
    return [list(turn) for turn in zip(*heard, strict=True)], victims, faults


def judged(url: str, turns: list[list[Outcome]]) -> list[str]:
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
    with opened(url) as engine:
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
    parser.add_argument("--place", choices=PLACES, default=PLACES[0], help="where the histories are kept")
    parser.add_argument("--twin", choices=sorted(TWINS), default="", help="break this on purpose")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="races-")))
        url = stack.enter_context(stack.enter_context(Ground(given.place)).fresh(folder))
        turns, victims, faults = race(url, given.processes, given.rounds, given.twin)
        if not faults:
            faults = judged(url, turns)
    everything = [outcome for outcomes in turns for outcome in outcomes]
    words = Counter(outcome.word.partition(":")[0] for outcome in everything)
    unknown, broken = sum(one.unknown for one in everything), sum(one.broken for one in everything)
    if given.json:
        lost = {"terminated": victims, "unknown": unknown, "broken": broken} if given.place == "postgresql" else {}
        print(json.dumps({"rounds": len(turns), "heard": words, **lost, "faults": faults}))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        heard = ", ".join(f"{count:,} {word}" for word, count in words.most_common())
        print(f"races: {who} on {given.place}: {given.processes} processes, {len(turns):,} rounds: {heard}")
        if given.place == "postgresql":
            print(
                f"  {victims:,} sessions terminated; {unknown:,} outcomes unknown, and resolved; {broken:,} begun anew"
            )
        print(f"  {len(faults):,} faults" + (f", the first: {faults[0]}" if faults else ""))
    return int(bool(faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
