"""What importing stagegate does not do, tried in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

import stagegate

PROGRAM = """
import sys, threading, socket, importlib.metadata, os

def never(*_, **__):
    raise AssertionError("importing must not do this")

importlib.metadata.entry_points = socket.socket = socket.create_connection = threading.Thread.start = never
before = dict(os.environ)
{body}
assert threading.active_count() == 1, threading.enumerate()
assert before == dict(os.environ)
print("\\n".join(sorted(sys.modules)))
"""
SEEN = [
    "import stagegate",
    "from stagegate import *",
    "from stagegate import Engine, Process, Stage, document, requirement",
    "import stagegate.hookspecs, stagegate.exceptions, stagegate.processes, stagegate.calendars",
]
EXTRAS = {
    "click",
    "rich",
    "sqlalchemy",
    "psycopg",
    "holidays",
    "httpcore2",
    "standardwebhooks",
    "apprise",
    "temporalio",
    "cryptography",
}
TESTING = {"pytest", "hypothesis"}
LATER = {"sqlite3", "cattrs", "tomllib", "smtplib", "zoneinfo", "asyncio"}
"""What is imported when it is first used."""


def modules(body: str) -> set[str]:
    """Return what is imported after running *body* in a fresh interpreter that may do little else."""
    # What measures coverage brings imports of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    run = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM.format(body=body)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.mark.parametrize("body", SEEN)
def test_importing_brings_in_little(body: str) -> None:
    """No extra, no plugin, no leaf and nothing that is not always used; no thread, no socket, no entry point, no environment."""
    found = modules(body)

    assert set() == {name.partition(".")[0] for name in found} & (EXTRAS | TESTING)
    assert set() == found & LATER
    assert not [
        name
        for name in found
        if name.startswith(("stagegate.aio", "stagegate.contrib", "stagegate.cli", "stagegate.testing"))
    ]


def test_importing_the_face_brings_in_no_room() -> None:
    """The bare import costs nothing: rooms are imported when their names are first asked for."""
    assert {"stagegate"} == {name for name in modules("import stagegate") if name.partition(".")[0] == "stagegate"}


def test_memory_needs_no_database() -> None:
    """Moving agreements in memory imports neither a database nor what reads definitions."""
    body = (
        "from stagegate import *\n"
        "p = Process('p', '1', (Stage('a', owner='x', gate=unguarded('x')), Stage('b', owner='x')))\n"
        "with Engine.open('memory:', processes=[p]) as e:\n"
        "    who = Actor(id='x', roles={'x'})\n"
        "    e.advance(e.start('p', 'd', by=who), by=who)\n"
        "    assert e.verify().ok\n"
    )

    assert set() == modules(body) & (LATER | EXTRAS)


def test_face_lists_what_it_has() -> None:
    """`__all__` is sorted, without doubles, and every name in it is there; nothing else is, and `dir` shows them."""
    assert sorted(stagegate.__all__) == stagegate.__all__
    assert len(set(stagegate.__all__)) == len(stagegate.__all__)
    assert all(getattr(stagegate, name) is not None for name in stagegate.__all__)
    assert set(stagegate.__all__) <= set(dir(stagegate))
    with pytest.raises(AttributeError, match="module 'stagegate' has no attribute 'nothing'"):
        stagegate.nothing  # noqa: B018  the point


def test_every_public_name_is_documented() -> None:
    """Whatever the face offers says what it is."""
    assert not [name for name in stagegate.__all__ if not getattr(stagegate, name).__doc__]


def test_version_is_that_of_the_package() -> None:
    """The version that the package says is the one it was installed under."""
    assert version("stagegate") == stagegate.__version__
