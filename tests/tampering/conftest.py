"""A fresh copy of the file for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from .scene import Scene, fill, verified


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with histories that `verify` proves whole."""
    path = tmp_path_factory.mktemp("tampering") / "original.db"
    fill(path)
    report = verified(path)
    assert report.ok, str(report)
    return path


@pytest.fixture
def scene(original: Path, tmp_path: Path) -> Scene:
    """Return a copy of it, to be tampered with."""
    made = Scene(path=tmp_path / "tampered.db", original=original)
    made.restore()
    return made
