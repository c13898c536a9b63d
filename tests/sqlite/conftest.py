"""What the tests of the embedded store share: a process with one gate, a channel, and an engine on a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stagegate import Actor, Agreement, Engine, Event, Notification, Process, Stage, hookimpl, requirement

CLERK = Actor(id="clerk-7", roles={"desk"})


@requirement(code="ready", fix_by="desk", basis="Rule 1")
def ready(attempt: Any) -> bool:
    """Ask one recorded fact."""
    return attempt.fact("ready") is True


PROCESS = Process(
    id="exchange",
    version="1",
    stages=(
        Stage("draft", owner="desk", gate=ready),
        Stage("council", owner="desk", back_to=("draft",), gate=ready),
        Stage("done", owner="desk"),
    ),
)


class Bell:
    """A channel that has one thing to tell of every event, and remembers what it delivered."""

    name = "bell"

    def __init__(self) -> None:
        self.rung: list[tuple[str, int]] = []

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell the desk."""
        yield Notification(channel="bell", kind=event.kind, to="desk", context={"n": event.n})

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool:
        """Take down what was told."""
        self.rung.append((notification.agreement, notification.n))
        return True


@pytest.fixture
def bell() -> Bell:
    """Return the channel."""
    return Bell()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the file is, or will be."""
    return tmp_path / "agreements.db"


@pytest.fixture
def engine(file: Path, bell: Bell) -> Iterator[Engine]:
    """Open an engine on a new file, that waits for a lock shortly."""
    with Engine.open(f"sqlite:///{file}?timeout=0.2", processes=[PROCESS], plugins=[bell]) as engine:
        yield engine


@pytest.fixture
def rows(file: Path) -> Callable[[str], list[Any]]:
    """Return a way to ask the file by another connection."""

    def asked(sql: str) -> list[Any]:
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute(sql).fetchall()

    return asked
