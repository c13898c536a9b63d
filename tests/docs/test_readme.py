from __future__ import annotations

import contextlib
import doctest
import io
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
STAGEGATE = Path(sysconfig.get_path("scripts")) / "stagegate"


def agrees(shown: str, printed: str) -> str:
    """Return how what is printed differs from what is shown, where `...` stands for any text."""
    checker = doctest.OutputChecker()
    if checker.check_output(shown, printed, doctest.ELLIPSIS):
        return ""
    return checker.output_difference(doctest.Example("", shown), printed, doctest.ELLIPSIS)


def test_demo_prints_what_is_shown(tmp_path: Path) -> None:
    """What `make demo` is said to print, it prints."""
    found = re.search(r"^```console\n\$ make demo\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found
    run = subprocess.run([STAGEGATE, "demo"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True)

    assert agrees(found[1], run.stdout) == ""


def test_example_prints_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the example of the library in use is said to print, it prints."""
    found = re.search(
        r"^## In use\n+```python\n(.*?)^```\n+It prints:\n+```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
    )
    assert found
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    namespace: dict[str, Any] = {}
    with contextlib.redirect_stdout(printed):
        exec(found[1], namespace)  # noqa: S102  the block of our own page

    assert agrees(found[2], printed.getvalue()) == ""
