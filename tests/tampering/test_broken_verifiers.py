"""Each thing that `verify` looks at is needed: a verifier that leaves it out misses what the real one finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import stagegate._verify
import stagegate.contrib.sqlite._store
from stagegate.contrib.sqlite import SQLiteStore

from .scene import Scene, verified

Blinding = Callable[[pytest.MonkeyPatch], None]


def blind(room: Any, name: str, answer: Any) -> Blinding:
    """Return what makes one part of the verifier answer the same, whatever it is shown."""
    return lambda patch: patch.setattr(room, name, lambda *_: answer)


VERIFY, STORE = stagegate._verify, stagegate.contrib.sqlite._store
TWINS: dict[str, tuple[Blinding, str]] = {
    "does not check the chain": (
        blind(VERIFY, "broken", None),
        "UPDATE event SET hash = zeroblob(32) WHERE agreement = 'a' AND n = 3",
    ),
    "does not compare the snapshot": (
        blind(VERIFY, "_snapshot", ()),
        "DELETE FROM event WHERE agreement = 'a' AND n ="
        " (SELECT max(n) FROM event WHERE agreement = 'a' AND n NOT IN (SELECT n FROM outbox WHERE agreement = 'a'))"
        " AND n = (SELECT n FROM agreement WHERE id = 'a')",
    ),
    "does not compare the requests": (
        blind(VERIFY, "_requests", ()),
        "DELETE FROM request WHERE agreement = 'a'",
    ),
    "does not compare the outbox": (
        blind(VERIFY, "_outbox", ()),
        "DELETE FROM outbox WHERE agreement = 'a'",
    ),
    "does not compare the copies": (
        blind(STORE, "_copies", ()),
        "UPDATE agreement SET searchable = 'x' WHERE id = 'a'",
    ),
    "does not count": (
        lambda patch: patch.setattr(SQLiteStore, "faults", lambda _: ()),
        "UPDATE counter SET number = number + 1 WHERE number > 0",
    ),
    "does not look whose event it is": (
        blind(VERIFY, "_misread", ""),
        "UPDATE agreement SET id = id",
    ),
}


@pytest.mark.parametrize("twin", TWINS)
def test_broken_twin_misses_it(twin: str, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the real verifier finds, the one that leaves this out calls whole."""
    blinding, attack = TWINS[twin]
    found = scene.tamper(attack)
    blinding(monkeypatch)

    assert (False, True) == (found.ok, verified(scene.path).ok)
