from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from stagegate_registry import FolderStore

from stagegate import Document, Engine, GateClosed, Party, Process, Stage, Store, document, hookimpl, parts
from stagegate.contrib.postgres import PostgresStore
from stagegate.contrib.sqlite import SQLiteStore
from stagegate.testing import ManualClock

from ..exchange import CLERK, Bell
from ..golden.test_life import commits

PROCESS = Process(
    id="exchange",
    version="1",
    stages=[
        Stage("draft", owner="desk", gate=document("plan")),
        Stage("council", owner="desk", back_to=("draft",), gate=parts(all="done")),
        Stage("done", owner="desk"),
    ],
)


class Doubtful(Bell):
    """A channel that can be away."""

    away = True

    @hookimpl
    def stagegate_deliver(self, notification: Any) -> bool:
        """Take down what was told, or be away."""
        if self.away:
            message = "nobody is there"
            raise OSError(message)
        return super().stagegate_deliver(notification)


class Foreign:
    """Somebody else's store, and nothing else of theirs."""

    @hookimpl
    def stagegate_open_store(self, url: str) -> Store | None:
        """Open a folder."""
        return FolderStore.from_url(url) if url.startswith("folder:") else None


def life(url: str, *others: Any) -> tuple[Any, ...]:
    """Play one life under a fixed clock with fixed ids, and return everything that is kept of it."""
    clock, numbers, bell = ManualClock(), count(1), Doubtful()
    with (
        patch("uuid.uuid4", lambda: UUID(int=next(numbers))),
        Engine.open(url, processes=[PROCESS], plugins=[bell, *others], clock=clock) as engine,
    ):
        engine.start("exchange", "協定 'a'", title="A – B", parties=[Party(id="izumisano", name="泉佐野")], by=CLERK)
        engine.start("exchange", "z", by=CLERK, request_id="z")
        clock.advance(hours=1)
        with pytest.raises(GateClosed):
            engine.advance("z", by=CLERK)
        engine.deliver()
        bell.away = False
        for id_ in ("協定 'a'", "z"):
            clock.advance(days=1)
            engine.attach(id_, Document.from_bytes(b"1", kind="plan"), by=CLERK)
            engine.advance(id_, by=CLERK, request_id=f"advance {id_}")
        engine.start("exchange", "z/1", part_of="z", by=CLERK)
        with pytest.raises(GateClosed):
            engine.advance("z", by=CLERK)
        engine.end("z/1", "withdrawn", "enough", by=CLERK)
        engine.hold("z", "wait", by=CLERK)
        engine.resume("z", by=CLERK)
        engine.send_back("z", "draft", "again", by=CLERK)
        engine.deliver(limit=3)
        engine.hold_deliveries("bell:desk", why="moved")
        store = engine._store
        assert engine.verify().ok
        return (
            [(d.id, d.agreement, [*d.entries], {**d.requests}, {**d.outbox}) for d in store.dossiers()],
            list(store.outbox()),
            list(store.definitions()),
            store.holds(),
            [dict(engine.count(by=by)) for by in ("stage", "owner", "outcome", "on_hold", "running", "process")],
            bell.rung,
        )


def test_one_life_on_all_stores(database: str, tmp_path: Path) -> None:
    """One life is the same in memory, SQLite, PostgreSQL and somebody else's store: each byte of its history, and all beside it."""
    memory, sqlite, postgres = map(life, ("memory:", f"sqlite:///{tmp_path / 'a.db'}", database))
    foreign = life(f"folder:///{tmp_path / 'histories'}", Foreign())

    assert memory == sqlite
    assert memory == postgres
    assert memory == foreign


def test_golden_life(database: str, tmp_path: Path) -> None:
    """The golden histories, put into both databases, come out of both as they are, and are proved whole."""
    with ExitStack() as stack:
        stores: Iterator[Any] = iter((PostgresStore(database), SQLiteStore(str(tmp_path / "golden.db"))))
        postgres, sqlite = (stack.enter_context(closing(store)) for store in stores)
        for commit in commits():
            for store in (postgres, sqlite):
                commit.write(store)

        assert list(sqlite.dossiers()) == list(postgres.dossiers())
        assert ((), 5) == ((report := Engine(postgres).verify()).faults, report.checked)
