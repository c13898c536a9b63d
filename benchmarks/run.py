"""
Measure ratios against floors and peers, all in one run: `make bench ARGS="--only verify --rounds 5"`.

What is printed are ratios. How long anything takes here says nothing about any other machine, and is not printed.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bulk import bulk
from crowd import SIZES as CROWDS
from crowd import crowd
from delivering import delivering
from durable import durable
from growth import BIG, SIZES, growth
from importing import imports
from measuring import Row
from moving import logged, moves
from peers import peers
from population import population
from postgresql import postgresql
from sharing import sharing
from verifying import verifying


def subjects(folder: Path, rounds: int, *, big: bool, python: str) -> dict[str, Callable[[], Iterator[Row]]]:
    """
    Return what can be measured, by name; the longer something takes, the fewer rounds it has.

    Args:
        folder: Where files may be.

        rounds: How many rounds count.

        big: Whether everything is to be as large as it is anywhere.

        python: The interpreter that has other libraries.
    """
    few = max(3, rounds // 2) if rounds > 1 else 1
    return {
        "moves": lambda: moves(rounds),
        "logging": lambda: logged(few),
        "durable": lambda: durable(folder, rounds),
        "sharing": lambda: sharing(folder, few),
        "bulk": lambda: bulk(folder, few, big=big),
        "delivering": lambda: delivering(folder, few),
        "postgresql": lambda: postgresql(folder, few, python),
        "population": lambda: population(few),
        "verify": lambda: verifying(folder, few),
        "growth": lambda: growth(folder, rounds, BIG if big else SIZES),
        "crowd": lambda: crowd(few, CROWDS) if big else iter(()),
        "imports": lambda: imports(rounds),
        "peers": lambda: peers(few),
    }


def shown(row: Row) -> str:
    """Return a line of the table."""
    ratio = row.ratio
    aim = "" if row.aim is None else f"{'>=' if row.at_least else '<='} {row.aim}"
    met = "" if row.aim is None else "met" if row.met else "MISSED"
    return f"{ratio.median:8.2f}  {f'{ratio.low:.2f}-{ratio.high:.2f}':>12}  {aim:>8}  {met:<7} {row.what}"


def main() -> int:
    """Measure, and say how many aims were missed."""
    names = list(subjects(Path(), 1, big=False, python=""))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="measure only these")
    parser.add_argument("--rounds", type=int, default=21, help="how many rounds count (21)")
    parser.add_argument("--big", action="store_true", help="grow to a million agreements (takes minutes and gigabytes)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the other libraries")
    parser.add_argument("--folder", type=Path, help="a folder on the disk that is to be measured")
    given = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}")
    print(f"{'ratio':>8}  {'quartiles':>12}  {'aim':>8}  {'':<7} what")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as folder:
        measured = subjects(Path(folder), given.rounds, big=given.big, python=given.python)
        for name in given.only:
            for row in measured[name]():
                missed += not row.met
                print(shown(row), flush=True)
    print(f"{missed} aims missed" if missed else "every aim met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
