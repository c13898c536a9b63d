"""Each thing that `verify` looks at is needed: a verifier that leaves it out misses what the real one finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import stagegate._verify
import stagegate.rows
from stagegate import Agreement, Report
from stagegate.contrib.sqlite import SQLiteStore

from .scene import SWAPPED, WHOLE, Scene, put_row, removed, reseal, verified, written

Blinding = Callable[[pytest.MonkeyPatch], None]


def blind(room: Any, name: str, answer: Any) -> Blinding:
    """Return what makes one part of the verifier answer the same, whatever it is shown."""
    return lambda patch: patch.setattr(room, name, lambda *_: answer)


def sql(*statements: str) -> Callable[[Scene], Report]:
    """Return the attack that runs these statements."""
    return lambda scene: scene.tamper(*statements)


def lie_about_the_title(scene: Scene) -> Report:
    """Change the title in the snapshot, and every copy of it."""
    snapshot = json.loads(scene.value("SELECT snapshot FROM agreement WHERE id = 'A'"))
    lie = Agreement.from_json(written(snapshot | {"title": "another"}))
    return scene.after(lambda raw: put_row(raw, lie))


def swap_and_reseal(scene: Scene) -> Report:
    """Let two agreements change places, and compute anew the check of every row of the outbox."""
    scene.tamper(*SWAPPED)
    return scene.after(reseal)


VERIFY, ROWS = stagegate._verify, stagegate.rows
TWINS: dict[str, tuple[Blinding, Callable[[Scene], Report]]] = {
    "does not check the chain": (
        blind(VERIFY, "broken", None),
        sql("UPDATE event SET hash = zeroblob(32) WHERE agreement = 'A' AND n = 3"),
    ),
    "does not look whose event it is": (blind(VERIFY, "_misread", ""), swap_and_reseal),
    "does not compare the snapshot": (blind(VERIFY, "_snapshot", ()), lie_about_the_title),
    "does not compare the requests": (
        blind(VERIFY, "_requests", ()),
        sql("DELETE FROM request WHERE agreement = 'A'"),
    ),
    "does not compare the outbox": (
        blind(VERIFY, "_outbox", ()),
        sql("DELETE FROM outbox WHERE agreement = 'A'"),
    ),
    "does not compare the copies": (
        blind(ROWS, "_copies", ()),
        sql("UPDATE agreement SET searchable = 'x' WHERE id = 'A'"),
    ),
    "does not check the outbox row by row": (
        blind(ROWS, "_broken", None),
        sql("UPDATE outbox SET status = 'delivered' WHERE status = 'pending'"),
    ),
    "does not look at what was read of others": (
        lambda patch: patch.setattr(VERIFY._Others, "wrong", lambda *_: ""),
        sql(*removed(WHOLE)),
    ),
    "does not look for the definitions": (
        lambda patch: patch.setattr(VERIFY._Definitions, "wrong", lambda *_: ""),
        sql("DELETE FROM definition"),
    ),
    "does not look into the definitions": (
        blind(VERIFY, "_damaged", ""),
        sql("UPDATE definition SET body = zeroblob(9)"),
    ),
    "does not count": (
        lambda patch: patch.setattr(SQLiteStore, "faults", lambda _: ()),
        sql("UPDATE counter SET number = number + 1 WHERE number > 0"),
    ),
}


@pytest.mark.parametrize("twin", TWINS)
def test_broken_twin_misses_it(twin: str, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the real verifier finds, the one that leaves this out calls whole."""
    blinding, attack = TWINS[twin]
    found = attack(scene)
    blinding(monkeypatch)

    assert (False, True) == (found.ok, verified(scene.path).ok)
