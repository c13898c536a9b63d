"""`stagegate temporal`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from stagegate import Engine
from stagegate.cli._commands import stagegate

from .scene import SCRIPTS, Server, until

DEFINITION = """
id = "permit"
version = "1"

[[stages]]
id = "request"
owner = "clerk"
gate = { document = "form" }
within = { calendar_days = 30 }

[[stages]]
id = "granted"
owner = "clerk"
"""
CLERK = ("--as", "ann", "--role", "clerk")


@attrs.define
class Shell:
    """Runs the program in a folder with a definition."""

    folder: Path
    url: str

    def __call__(self, *args: str, wake: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command line."""
        return subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env=self.environment(wake),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def command(self, *args: str) -> list[str]:
        """Return a command line with the definition, the file and the channel."""
        return [str(SCRIPTS / "stagegate"), "--process", "p.toml", "--db", "sqlite:///a.db", "--plugin", "log", *args]

    def environment(self, wake: str | None = None) -> dict[str, str]:
        """Return an environment that says where Temporal is."""
        return {**os.environ, "STAGEGATE_WAKE": self.url if wake is None else wake}

    def waits(self) -> dict[str, int]:
        """Sync, and return what was found."""
        run = self("temporal", "sync", "--json")
        assert (0, "") == (run.returncode, run.stderr)
        found: dict[str, int] = json.loads(run.stdout)
        return found

    def outbox(self) -> list[str]:
        """Return how far each delivery has come."""
        with Engine.open(f"sqlite:///{self.folder}/a.db") as engine:
            return [row.status for row in engine.outbox()]


@pytest.fixture
def shell(tmp_path: Path, server: Server) -> Shell:
    """Return what runs command lines."""
    (tmp_path / "p.toml").write_text(DEFINITION, encoding="utf-8")
    return Shell(tmp_path, server.url(tmp_path.name))


def test_command_tells_worker_delivers(shell: Shell) -> None:
    """What a command does is told to Temporal; a worker that runs delivers it, and ends well when it is told to."""
    log = shell.folder / "log"
    with log.open("wb") as said:
        command = shell.command("temporal", "worker", "--lease", "5", "--every", "0")
        worker = subprocess.Popen(command, cwd=shell.folder, env=shell.environment(), stderr=said)
        # There is no database to work on yet.
        assert worker.wait(120) == 2
        assert shell("start", "permit", "no-1", *CLERK).returncode == 0
        worker = subprocess.Popen(command, cwd=shell.folder, env=shell.environment(), stderr=said)
        until("the first delivery", lambda: shell.outbox() == ["delivered"])
        assert shell("note", "no-1", "seen", *CLERK).returncode == 0
        until("the second delivery", lambda: shell.outbox() == ["delivered", "delivered"])
        worker.send_signal(signal.SIGTERM)

        assert worker.wait(120) == 0

    told = log.read_text(encoding="utf-8")
    assert "there is no database a.db" in told
    assert "stagegate.temporal at work for default/test_command_tells_worker_deli0 on 127.0.0.1" in told
    assert "no-1 #1 started to='clerk'" in told
    assert "stagegate.temporal told to stop: finishing what is in hand" in told


HANGING = """
import time
from pathlib import Path
from stagegate import Notification, hookimpl

@hookimpl
def stagegate_notify(event, agreement):
    return [Notification(channel="hanging", kind=event.kind, to="clerk")]

@hookimpl
def stagegate_deliver(notification):
    Path("begun").touch()
    while True:
        time.sleep(0.1)
"""


def test_worker_that_is_told_twice(shell: Shell) -> None:
    """A worker finishes what it has in hand; told once more, it waits no longer, and another takes it over."""
    (shell.folder / "hanging.py").write_text(HANGING, encoding="utf-8")
    about = shell.folder / "hanging-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[stagegate]\nhanging = hanging\n", encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(shell.folder), os.environ.get("PYTHONPATH"))))
    environment, log = {**shell.environment(), "PYTHONPATH": path}, shell.folder / "log"
    start = shell.command("--plugin", "hanging", "start", "permit", "no-1", *CLERK)
    subprocess.run(start, cwd=shell.folder, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=120)
    command = shell.command("--plugin", "hanging", "temporal", "worker")
    with log.open("wb") as said, subprocess.Popen(command, cwd=shell.folder, env=environment, stderr=said) as worker:
        try:
            until("a delivery", (shell.folder / "begun").exists)
            worker.send_signal(signal.SIGTERM)
            until("a word", lambda: "told to stop" in log.read_text(encoding="utf-8"))
            assert worker.poll() is None
            worker.send_signal(signal.SIGTERM)

            assert worker.wait(120) == -signal.SIGTERM
        finally:
            worker.kill()


def test_rounds_of_a_worker(shell: Shell) -> None:
    """What nobody has told Temporal of is found by the rounds of a worker."""
    assert shell("start", "permit", "no-1", *CLERK, wake="").returncode == 0
    command = shell.command("temporal", "worker", "--every", "0.2")
    with subprocess.Popen(command, cwd=shell.folder, env=shell.environment(), stderr=subprocess.DEVNULL) as worker:
        until("the sync", lambda: shell.outbox() == ["delivered"])
        assert shell("note", "no-1", "seen", *CLERK, wake="").returncode == 0
        until("a round", lambda: shell.outbox() == ["delivered", "delivered"])
        worker.send_signal(signal.SIGINT)

        assert worker.wait(120) == 0


def test_sync(shell: Shell) -> None:
    """A sync says what there is to wait for, in lines or in JSON, and doing it again says the same."""
    assert shell("start", "permit", "no-1", *CLERK, wake="").returncode == 0
    run = shell("temporal", "sync")

    assert (0, "timers\t1\ndeliveries\t1\nended\t0\n", "") == (run.returncode, run.stdout, run.stderr)
    assert {"timers": 1, "deliveries": 1, "ended": 0} == shell.waits() == shell.waits()


@pytest.mark.parametrize(
    "wake, said",
    [
        ("", "stagegate: say where Temporal is: --wake temporal://host:7233/namespace, or STAGEGATE_WAKE"),
        ("temporal://127.0.0.1:1", "stagegate: plugin 'temporal': Temporal cannot be reached at 127.0.0.1:1: "),
        ("temporal:x", "stagegate: wake: this is no address of Temporal: it names no host;"),
        ("nowhere", "stagegate: plugin 'nowhere': no plugin wakes by 'nowhere' urls"),
        ("{}/other", "stagegate: plugin 'temporal': Temporal at 127.0.0.1:{}, namespace other: "),
    ],
)
def test_address_that_leads_nowhere(server: Server, wake: str, said: str) -> None:
    """Where there is no Temporal, or no such namespace, the command says so in one sentence."""
    given = ["--db", "memory:", "--wake", wake.format(f"temporal://127.0.0.1:{server.port}"), "temporal", "sync"]
    result = CliRunner().invoke(stagegate, given)

    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith(said.format(server.port))
    assert 1 == len(result.stderr.splitlines())


def test_worker_that_finds_no_namespace(shell: Shell, server: Server) -> None:
    """A worker that cannot work says why, and ends, so that whoever started it starts it again."""
    assert shell("start", "permit", "no-1", *CLERK, wake="").returncode == 0
    run = shell("temporal", "worker", wake=f"temporal://127.0.0.1:{server.port}/other")

    assert 2 == run.returncode
    last = run.stderr.splitlines()[-1]
    assert last.startswith(f"stagegate: plugin 'temporal': Temporal at 127.0.0.1:{server.port}, namespace other: ")


def test_without_the_extra(shell: Shell) -> None:
    """Where temporalio is not installed, the sentence says what to install; nothing else needs it."""
    assert shell("start", "permit", "no-1", *CLERK, wake="").returncode == 0
    program = "import sys; sys.modules['temporalio'] = None; from stagegate.cli import main; main()"

    def without(*args: str, wake: str | None = None) -> tuple[int, str]:
        command = [sys.executable, "-c", program, "--db", "sqlite:///a.db", *args]
        given: dict[str, Any] = {"cwd": shell.folder, "env": shell.environment(wake), "text": True, "timeout": 120}
        run = subprocess.run(command, capture_output=True, check=False, **given)
        return run.returncode, run.stderr

    needed = "stagegate: plugin 'temporal': it needs temporalio; install stagegate with its extra [temporal]\n"
    assert (2, needed) == without("temporal", "worker") == without("show", "no-1")
    assert (0, "") == without("show", "no-1", wake="")
    assert without("temporal", "--help")[0] == 0
