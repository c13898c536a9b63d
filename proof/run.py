"""
Run the long harnesses in full, each with its broken twins, and say what they found: `make proof`.

Every harness is a program of its own, which can be run alone: `python proof/kills.py --kills 100 --twin split`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def runs(rounds: int, kills: int, cases: int, rows: int, crashes: int) -> list[tuple[str, list[str]]]:
    """Return what is run: a sentence and its command. The twins need only as long as it takes to catch them."""
    few, races = str(min(rounds, 50)), ["races.py", "--rounds"]
    some, deaths, outbox = str(min(kills, 200)), ["kills.py", "--kills"], ["outbox.py", "--kills"]
    groups, many, elsewhere = ["groups.py", "--kills"], ["dispatchers.py", "--rows"], ["--place", "postgresql"]
    seldom = str(min(crashes, 8))
    woken, brief = ["temporal.py"], ["--kills", "2", "--patience", "30"]
    return [
        ("of 16 processes that saw the same, exactly one wins", [*races, str(rounds)]),
        ("... caught: an engine that does not compare versions", [*races, few, "--twin", "blind"]),
        ("... caught: a store that reads outside its lock", [*races, few, "--twin", "unlocked"]),
        ("on PostgreSQL, too, while sessions are terminated in mid-transaction", [*races, str(rounds), *elsewhere]),
        ("... caught: an engine that does not compare versions", [*races, few, *elsewhere, "--twin", "blind"]),
        (
            "... caught: a store that does not compare what it writes over",
            [*races, few, *elsewhere, "--twin", "uncompared"],
        ),
        ("of 16 sweepers and a late voter, exactly one decides", ["sweeps.py", "--rounds", str(rounds)]),
        ("... caught: a store that reads outside its lock", ["sweeps.py", "--rounds", few, "--twin", "unlocked"]),
        ("of a whole and its parts, one has always seen the other", ["families.py", "--rounds", str(rounds)]),
        ("... caught: a store that reads others before it locks", ["families.py", "--rounds", few, "--twin", "early"]),
        ("killed at any instant, a change has happened wholly or not at all", [*deaths, str(kills)]),
        ("... caught: a store that commits events before notifications", [*deaths, some, "--twin", "split"]),
        ("... caught: a store that acknowledges before it commits", [*deaths, some, "--twin", "late"]),
        ("those who share a commit are killed together or not at all", [*groups, str(kills)]),
        ("... caught: a group of which each commits by itself", [*groups, some, "--twin", "torn"]),
        ("... caught: a group that is answered before it commits", [*groups, some, "--twin", "early"]),
        ("a database server crashes, and nothing acknowledged is lost", ["crashes.py", "--crashes", str(crashes)]),
        ("... caught: a client that takes unknown for done", ["crashes.py", "--crashes", seldom, "--twin", "trusting"]),
        ("whoever is killed, what was committed is delivered, and nothing else", [*outbox, str(kills)]),
        ("... caught: a dispatcher that settles before it sends", [*outbox, some, "--twin", "hasty"]),
        ("... caught: a producer that tells before it commits", [*outbox, some, "--twin", "telling"]),
        ("on PostgreSQL, too", [*outbox, str(kills), *elsewhere]),
        ("... caught: a dispatcher that settles before it sends", [*outbox, some, *elsewhere, "--twin", "hasty"]),
        ("... caught: a producer that tells before it commits", [*outbox, some, *elsewhere, "--twin", "telling"]),
        ("what 8 write, 3 deliver, once each", [*many, str(rows)]),
        ("... caught: a store that claims without a lease", [*many, str(min(rows, 1000)), "--twin", "unleased"]),
        ("on PostgreSQL, too", [*many, str(rows), *elsewhere]),
        (
            "... caught: a store that claims without a lease",
            [*many, str(min(rows, 1000)), *elsewhere, "--twin", "unleased"],
        ),
        ("no deadline is early, late, twice or skipped, in any zone", ["deadlines.py", "--cases", str(cases)]),
        ("... caught: a count that begins a day early", ["deadlines.py", "--twin", "hasty"]),
        ("... caught: a day that ends at the first midnight", ["deadlines.py", "--twin", "naive"]),
        ("... caught: pauses that count twice where they overlap", ["deadlines.py", "--twin", "double"]),
        ("no url, name or word leads a channel elsewhere", ["channels.py"]),
        ("... caught: a reader of urls as most programs have it", ["channels.py", "--twin", "loose"]),
        ("... caught: a look at addresses that asks one question", ["channels.py", "--twin", "private"]),
        ("... caught: a mail whose headers are written as they come", ["channels.py", "--twin", "trusting"]),
        ("what a killed worker had in hand, another delivers", [*woken, "deliveries", "--kills", str(min(kills, 30))]),
        ("... caught: a worker that says done before it is", [*woken, "deliveries", *brief, "--twin", "hasty"]),
        ("... caught: a worker that trusts what it was told", [*woken, "deliveries", *brief, "--twin", "trusting"]),
        ("a date is met though Temporal and all workers were killed", [*woken, "dates"]),
        ("... caught: a server that forgets", [*woken, "dates", "--patience", "30", "--twin", "forgetful"]),
        (
            "... caught: a worker that trusts what it was told",
            [*woken, "dates", "--patience", "30", "--twin", "trusting"],
        ),
        ("woken over a year and more, nothing is early, late or twice", [*woken, "months"]),
        (
            "... caught: a worker that trusts what it was told",
            [*woken, "months", "--patience", "30", "--twin", "trusting"],
        ),
    ]


def main() -> int:
    """Run everything; 0 if all of it holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000, help="rounds of the races (1000)")
    parser.add_argument("--kills", type=int, default=1000, help="how often to kill (1000)")
    parser.add_argument("--cases", type=int, default=1_000_000, help="how many deadlines (1,000,000)")
    parser.add_argument("--rows", type=int, default=10_000, help="how many rows of the outbox (10,000)")
    parser.add_argument("--crashes", type=int, default=20, help="how often a server crashes (20)")
    parser.add_argument("--only", nargs="+", metavar="PROGRAM", help="run only these, such as races.py")
    given = parser.parse_args()
    held: list[tuple[str, bool]] = []
    for sentence, (program, *arguments) in runs(given.rounds, given.kills, given.cases, given.rows, given.crashes):
        if given.only and program not in given.only:
            continue
        run = subprocess.run([sys.executable, HERE / program, *arguments], check=False)
        held.append((sentence, run.returncode == 0))
    print()
    for sentence, holds in held:
        print(f"{'holds' if holds else 'FAILS'}  {sentence}")
    return 0 if all(holds for _, holds in held) else 1


if __name__ == "__main__":
    sys.exit(main())
