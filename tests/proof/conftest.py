"""Runs a harness as the program it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HARNESSES = Path(__file__).parents[2] / "proof"

Harness = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def harness() -> Harness:
    """Run a harness, and return how it ended and what it found."""

    def run(program: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        ended = subprocess.run(
            [sys.executable, HARNESSES / program, "--json", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return ended.returncode, json.loads(ended.stdout)

    return run
