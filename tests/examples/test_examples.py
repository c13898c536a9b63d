"""Every example runs, and prints what stands beside it in a `.txt` file (`...` stands for any text)."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("[0-9]*.py")))
def test_example(name: str, tmp_path: Path) -> None:
    """An example ends well and prints what its reader was promised."""
    run = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py"],
        cwd=tmp_path,
        env=os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "NO_COLOR": "1", "COLUMNS": "120", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    expected = (EXAMPLES / f"{name}.txt").read_text(encoding="utf-8")
    checker = doctest.OutputChecker()

    assert (run.returncode, run.stderr) == (0, "")
    assert checker.check_output(expected, run.stdout, doctest.ELLIPSIS), checker.output_difference(
        doctest.Example("", expected), run.stdout, doctest.ELLIPSIS | doctest.REPORT_NDIFF
    )


def test_there_are_examples() -> None:
    """The examples are where this file looks for them."""
    assert list(EXAMPLES.glob("[0-9]*.py"))
