"""
Every code block of the README and the docs, and every example in a docstring, is a test.

Each page has a namespace and an empty folder of its own, and its blocks run in the order of reading:

- `python` blocks run; where they are written as a session (`>>> `) their output is compared.
- `console` blocks run too, in a shell that finds this environment's `stagegate` first. Output is compared where the
  page shows any, and a command has to succeed unless `$ echo $?` follows it. `...` stands for any text in between.
- `toml` and `json` blocks have to be readable. One that starts with its name, `# permit.toml`, is saved under it.
"""

from __future__ import annotations

import contextlib
import doctest
import json
import logging
import os
import re
import subprocess
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sybil import Example, Sybil
from sybil.parsers import myst, rest

from proof.servers import PostgresServer

# What the shipped contract compares is shown where a clause fails.
pytest.register_assert_rewrite("stagegate.testing")

ROOT = Path(__file__).parent
SCRIPTS = sysconfig.get_path("scripts")
ELSEWHERE = {"cd", "git", "make", "pip", "python3", "source"}
"""Commands that set things up: they are shown to the reader, and run by CI in its own way."""

# How long one case takes says more about the machine than about the code.
hypothesis.settings.register_profile("stagegate", deadline=None, derandomize="CI" in os.environ, print_blob=True)
hypothesis.settings.load_profile("stagegate")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start a PostgreSQL for all tests that ask for one; it does not wait for the disk."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def emptied() -> list[str]:
    """Return the databases that are empty again, to be used once more."""
    return []


@pytest.fixture
def database(postgres: PostgresServer, emptied: list[str]) -> Iterator[str]:
    """Have an empty database, and return its url."""
    name = emptied.pop() if emptied else postgres.create()
    yield postgres.url(name)
    postgres.clear(name)
    emptied.append(name)


def enter(namespace: dict[str, Any]) -> None:
    """Give a page a folder of its own and go there."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stagegate-docs-", ignore_cleanup_errors=True))
        stack.enter_context(contextlib.chdir(folder))
        stack.callback(silence, logging.root.level)
        namespace["__leave__"] = stack.pop_all()


def silence(level: int) -> None:
    """Undo what a page has made of the log: the next one prints nothing of it."""
    logging.root.setLevel(level)
    for handler in logging.root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            logging.root.removeHandler(handler)


def leave(namespace: dict[str, Any]) -> None:
    """Leave the folder of a page and remove it."""
    stack: contextlib.ExitStack = namespace["__leave__"]
    namespace.clear()
    stack.close()


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield every command of a console block with the output that the page shows for it."""
    lines = iter(block.splitlines())
    command, shown = "", list[str]()
    for line in lines:
        if not line.startswith("$ "):
            shown.append(line)
            continue
        if command:
            yield command, "\n".join(shown)
        command, shown = line.removeprefix("$ "), []
        while command.endswith("\\"):
            command = command[:-1] + next(lines).strip().removeprefix("> ")
    if command:
        yield command, "\n".join(shown)


def differs(wanted: str, got: str) -> str | None:
    """Say how *got* is not what the page shows, where `...` stands for any text."""

    def tidy(text: str) -> str:
        return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"

    wanted, got = tidy(wanted), tidy(got)
    checker = doctest.OutputChecker()
    if checker.check_output(wanted, got, doctest.ELLIPSIS):
        return None
    return checker.output_difference(doctest.Example("", wanted), got, doctest.ELLIPSIS | doctest.REPORT_NDIFF)


def console(example: Example) -> str | None:
    """Run the commands of a console block one by one, and say where the page is wrong."""
    environment = os.environ | {
        "COLUMNS": "120",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PATH": os.pathsep.join((SCRIPTS, os.environ["PATH"])),
        "PYTHONUTF8": "1",
        "TZ": "UTC",
    }
    steps = list(commands(str(example.parsed)))
    if not steps:
        return "a console block without a command: start it with `$ `"
    following = [*(command for command, _ in steps[1:]), ""]
    for (command, shown), after in zip(steps, following, strict=True):
        if command.split()[0] in ELSEWHERE:
            continue
        if command == "echo $?":
            got = f"{example.namespace.get('__status__', 0)}\n"
        else:
            run = subprocess.run(
                ["sh", "-c", command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                timeout=300,
                check=False,
            )
            got = run.stdout
            example.namespace["__status__"] = run.returncode
            if run.returncode and after != "echo $?":
                return f"$ {command}\nended with {run.returncode} and said:\n{got}"
        if shown.strip() and (difference := differs(shown, got)):
            return f"$ {command}\n{difference}"
    return None


def definition(example: Example) -> str | None:
    """Read a block of data, and save it where it says under which name."""
    text = str(example.parsed)
    language = example.region.lexemes["arguments"]
    try:
        tomllib.loads(text) if language == "toml" else json.loads(text)
    except ValueError as error:
        return f"this is not {language}: {error}"
    if named := re.match(r"# (\w[\w.-]*\.toml)\n", text):
        Path(named[1]).write_text(text, encoding="utf-8")
    return None


pages = Sybil(
    path=str(ROOT),
    patterns=["README.md", "docs/*.md", "docs/*/*.md", "docs/*/*/*.md"],
    parsers=[
        myst.PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS),
        myst.CodeBlockParser("console", console),
        myst.CodeBlockParser("toml", definition),
        myst.CodeBlockParser("json", definition),
        myst.SkipParser(),
    ],
    setup=enter,
    teardown=leave,
)
docstrings = Sybil(
    path=str(ROOT / "src"),
    patterns=["*.py"],
    parsers=[rest.DocTestParser(optionflags=doctest.ELLIPSIS)],
    setup=enter,
    teardown=leave,
)
pytest_collect_file = (pages + docstrings).pytest()
