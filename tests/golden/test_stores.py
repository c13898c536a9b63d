"""Whatever keeps them, the histories are the same, byte for byte: those that the golden files promise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from stagegate import Engine, MemoryStore, Store
from stagegate.contrib.sqlite import SQLiteStore

from . import generate, life

EXAMPLE = Path(__file__).parents[2] / "examples" / "05_plugin_package" / "src"


@pytest.fixture(params=["memory", "sqlite", "postgres", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Open an empty store of each kind: those that come along, and the one of somebody else."""
    match request.param:
        case "memory":
            yield MemoryStore()
        case "sqlite":
            with closing(SQLiteStore(str(tmp_path / "a.db"))) as opened:
                yield opened
        case "postgres":
            from stagegate.contrib.postgres import PostgresStore

            with closing(PostgresStore(request.getfixturevalue("database"))) as opened:
                yield opened
        case _:
            monkeypatch.syspath_prepend(str(EXAMPLE))
            from stagegate_registry import FolderStore

            with closing(FolderStore(tmp_path)) as opened:
                yield opened


@pytest.mark.parametrize("play", [generate, life])
def test_same_bytes_in_every_store(store: Store, play: ModuleType) -> None:
    """Bodies, hashes, snapshots, definitions and what is told: every store ends with the bytes of the golden files."""
    play.play(store)

    for path, content in play.files(store).items():
        assert path.read_bytes() == content, path.name
    assert Engine(store).verify().ok
