"""Runs a harness as the program it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

HARNESSES = Path(__file__).parents[2] / "proof"
LONG = 600
"""For how many seconds a harness may be at it: longer than it waits for anything itself, so that it says what hangs."""

Harness = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def harness() -> Harness:
    """Run a harness, and return how it ended and what it found."""

    def run(program: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        command = [sys.executable, str(HARNESSES / program), "--json", *arguments]
        running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True
        )
        with running:
            try:
                said, _ = running.communicate(timeout=LONG)
            except subprocess.TimeoutExpired:
                pytest.fail(f"{program} {' '.join(arguments)} has not ended after {LONG} seconds")
            finally:
                # Whoever it has started goes with it.
                with suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
        assert said, f"{program} {' '.join(arguments)} ended with {running.returncode} and found nothing"
        return running.returncode, json.loads(said)

    return run
