"""Whoever follows the page about writing a channel, step by step, comes to where it says they do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import stagegate

Page = Callable[[str], str]

SOURCE = Path(stagegate.__file__).parents[1]
STAGEGATE = Path(sysconfig.get_path("scripts")) / "stagegate"
WALK = "docs/plugins/write-a-channel.md"


def run(*command: str | Path, cwd: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program in a folder."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(SOURCE), path))}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def step(page: str, function: str) -> str:
    """Return how the page writes a function."""
    found = re.search(
        rf"^```python\n((?:@\w+\n)?def {function}\(.*?)^```$",
        page.partition("## As a package")[2],
        re.MULTILINE | re.DOTALL,
    )
    assert found, function
    return found[1]


def put(file: Path, function: str, written: str) -> None:
    """Write a function in the place of the one that is there, as deep as that stands."""
    text = file.read_text(encoding="utf-8")
    found = re.search(rf"^( *)(?:@\w+\n *)?def {function}\(.*?(?=^\n+ {{0,4}}\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, function
    changed = text[: found.start()] + textwrap.indent(written, found[1]) + text[found.end() :]
    file.write_text(changed, encoding="utf-8")


@pytest.fixture
def tested(tmp_path: Path, page: Page) -> Callable[[], str]:
    """Begin the package as the page says, install it, and return what runs its tests and says which failed."""
    made = run(STAGEGATE, "plugin", "new", "sms", cwd=tmp_path)
    assert made.stdout in page(WALK)
    project, installed = tmp_path / "stagegate-sms", tmp_path / "installed"
    given = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--target", installed)
    assert run(sys.executable, "-m", "pip", "install", *given, project, cwd=tmp_path).returncode == 0
    # As where it is installed to be edited: its name is known, and its files are those of the project.
    for file in (installed / "stagegate_sms").rglob("*.py"):
        file.unlink()
    sources = f"{project / 'src'}{os.pathsep}{installed}"

    def tested() -> str:
        done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project, path=sources)
        return ", ".join(re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE)) or done.stdout.splitlines()[-1]

    return tested


def test_walk(tmp_path: Path, page: Page, tested: Callable[[], str]) -> None:
    """As written all tests pass; with the words of another gateway the one fails that the page names; in the end none."""
    project = tmp_path / "stagegate-sms"
    channel, gateway = project / "src/stagegate_sms/_channel.py", project / "tests/gateway.py"

    assert " passed" in tested()

    put(channel, "_body", step(page(WALK), "_body"))
    put(gateway, "read", step(page(WALK), "read"))

    assert "test_hostile_subjects" == tested()

    put(channel, "stagegate_deliver", step(page(WALK), "stagegate_deliver"))
    channel.write_text(
        channel.read_text(encoding="utf-8").replace("import json\n", "import json\nimport re\n"), "utf-8"
    )

    assert re.fullmatch(r"\d+ passed in \S+s", tested())
