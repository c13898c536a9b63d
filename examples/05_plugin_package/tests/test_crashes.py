"""What a crash, a full disk or another process leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stagegate import Actor, Engine, OutcomeUnknown
from stagegate.testing import make_process
from stagegate_registry import Registry

CLERK = Actor(id="ann", roles={"clerk"})

CHILD = """
import os, resource, signal, sys
from stagegate import Actor, Engine, StoreError
from stagegate.testing import make_process

url, how, name = sys.argv[1:]
clerk = Actor(id=name, roles={"clerk"})
engine = Engine.open(url, processes=[make_process()], plugins=["registry"])

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

if how in {"work", "fork"}:
    engine.note("a", "everything that is opened late is open now", by=clerk)
    forked = os.fork() if how == "fork" else None
    for k in range(20):
        engine.record("a", f"{name if forked != 0 else 'eve'}{k}", k, by=clerk)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) if forked else 0)
before = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
limit(int(how) if how.isdigit() else int(how[1:]))
if how.isdigit():
    # Python ignores what the system sends when a file grows too large. Without that, it dies in the midst of a line.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    engine.note("a", "this is never finished", by=clerk)
try:
    engine.note("a", "this is never finished", by=clerk)
except StoreError as error:
    print(error)
limit(before)
engine.note("a", "this is", by=clerk)
"""


def child(folder: Path, how: str, name: str = "ben") -> subprocess.Popen[str]:
    """Start a process of its own on *folder*."""
    arguments = [sys.executable, "-c", CHILD, f"folder:///{folder}", how, name]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextmanager
def opened(folder: Path) -> Iterator[Engine]:
    """Have an engine on *folder*."""
    with Engine.open(f"folder:///{folder}", processes=[make_process()], plugins=[Registry()]) as engine:
        yield engine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an agreement of two events."""
    with opened(tmp_path / "histories") as engine:
        engine.start("cooperation", "a", title="Bekasi – 泉佐野市", by=CLERK)
        engine.note("a", "a long note " * 100, by=CLERK)
    return tmp_path / "histories"


def test_torn_line(folder: Path) -> None:
    """Wherever a crash tears the last line, what was before it stands, and the next line takes its place."""
    journal = folder / "journal.jsonl"
    whole = journal.read_bytes()
    first, last = whole.splitlines(keepends=True)
    for cut in (*range(1, len(last) - 1, 97), len(last) - 1):
        journal.write_bytes(first + last[:cut])
        with opened(folder) as engine:
            assert (cut, 1) == (cut, engine.get("a").n)
            assert engine.verify().ok
            engine.note("a", "another", by=CLERK)
            assert engine.verify().ok

        lines = journal.read_bytes().splitlines(keepends=True)
        assert (2, first, b"}\n") == (len(lines), lines[0], lines[1][-2:])


def test_reading_leaves_a_torn_line_alone(folder: Path) -> None:
    """Who only reads cuts nothing off: it may be the line that another process is writing."""
    journal = folder / "journal.jsonl"
    torn = journal.read_bytes()[:-1]
    journal.write_bytes(torn)
    with opened(folder) as engine:
        assert (1, 1) == (engine.get("a").n, len(engine.history("a")))
        assert engine.verify().ok
        assert torn == journal.read_bytes()

        with journal.open("ab") as file:
            file.write(b"\n")
        assert (2, 2) == (engine.get("a").n, len(engine.history("a")))


def test_death_in_the_midst_of_a_line(folder: Path) -> None:
    """A process that dies while it writes leaves half a line and no lock; work goes on as if it had not begun."""
    journal = folder / "journal.jsonl"
    whole = journal.read_bytes()
    with opened(folder) as engine:
        died = child(folder, str(len(whole) + 100))
        said = died.communicate(timeout=60)[0]

        assert died.returncode < 0, said
        assert len(whole) + 100 == journal.stat().st_size
        assert engine.get("a").n == 2
        assert engine.note("a", "on", by=CLERK).n == 3
        assert engine.verify().ok


def test_full_disk(folder: Path) -> None:
    """A line for which there is no room is a `StoreError`, and not written; when there is room, work goes on."""
    full = child(folder, f"+{(folder / 'journal.jsonl').stat().st_size + 100}")
    said = full.communicate(timeout=60)[0]

    assert (0, True) == (full.returncode, "nothing was changed" in said), said
    with opened(folder) as engine:
        assert ["start", "note", "note"] == [event.move for event in engine.history("a")]
        assert engine.history("a")[-1].data["data"]["text"] == "this is"
        assert engine.verify().ok


def test_disk_that_does_not_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk does not say that a line is durable, the outcome is unknown; the request id tells it."""

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    with opened(folder) as engine:
        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", broken)
            with pytest.raises(OutcomeUnknown, match="request_id='r1'"):
                engine.note("a", "two", by=CLERK, request_id="r1")

        assert engine.note("a", "two", by=CLERK, request_id="r1").n == 3
        assert engine.verify().ok


def test_processes(folder: Path) -> None:
    """Two processes and this one write to one folder: nothing is lost, and all see all."""
    with opened(folder) as engine:
        others = [child(folder, "work", name) for name in ("ben", "eve")]
        for k in range(20):
            engine.record("a", f"ann{k}", k, by=CLERK)
        said = [other.communicate(timeout=120)[0] for other in others]

        assert [0, 0] == [other.returncode for other in others], said
        assert {f"{name}{k}" for name in ("ann", "ben", "eve") for k in range(20)} == set(engine.get("a").facts)
        assert engine.get("a").n == 64
        assert engine.verify().ok


def test_fork(folder: Path) -> None:
    """A process that forks with its engine open goes on in both: each keeps the other out while it writes."""
    both = child(folder, "fork")
    said = both.communicate(timeout=120)[0]

    assert both.returncode == 0, said
    with opened(folder) as engine:
        assert {f"{name}{k}" for name in ("ben", "eve") for k in range(20)} == set(engine.get("a").facts)
        assert engine.verify().ok
