"""The benchmarks measure what is there: they follow the rooms whose cost they tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"


@pytest.mark.parametrize("subject", ["moves", "durable", "bulk", "delivering", "postgresql", "sharing", "verify"])
def test_a_benchmark_runs(subject: str) -> None:
    """A round of a benchmark ends with a table, whatever the ratios are."""
    ended = subprocess.run(
        [sys.executable, RUN, "--only", subject, "--rounds", "1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    *_, verdict = ended.stdout.splitlines()

    assert (ended.returncode, ended.stderr) == (0, "")
    assert verdict.endswith(("aims missed", "every aim met"))
