"""Importing, against importing the three dependencies that design names."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from measuring import Row, Subject, in_turns, ratio

TIMED = "import time; start = time.process_time(); {}; print(time.process_time() - start)"


def _importing(statement: str) -> Subject:
    def subject() -> float:
        run = subprocess.run(
            [sys.executable, "-c", TIMED.format(statement)], capture_output=True, text=True, check=True
        )
        return float(run.stdout)

    return subject


def imports(rounds: int) -> Iterator[Row]:
    """Compare the imports in fresh interpreters; starting the interpreter itself is not counted."""
    costs = in_turns(
        {
            "dependencies": _importing("import transitions, attrs, pluggy"),
            "package": _importing("import stagegate"),
            "engine": _importing("from stagegate import Engine"),
        },
        rounds,
    )
    named = "import transitions, attrs, pluggy"
    yield Row(what=f"import stagegate / {named}", ratio=ratio(costs, "package", "dependencies"), aim=1.25)
    yield Row(what=f"from stagegate import Engine / {named}", ratio=ratio(costs, "engine", "dependencies"), aim=1.25)
