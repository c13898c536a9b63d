"""The channel: a file for every move, through the outbox of an engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stagegate import Actor, Engine, Process, Stage, unguarded
from stagegate.testing import ManualClock, make_agreement, make_event, make_notification
from stagegate_registry import Registry

CLERK = Actor(id="ann", roles={"clerk"})
PROCESS = Process(
    id="twinning",
    version="1",
    stages=[
        Stage("draft", owner="clerk", gate=unguarded("nothing is needed to begin")),
        Stage("signed", owner=("mayor", "council")),
    ],
)


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the spool will be; nobody has made it yet, and the environment names none."""
    monkeypatch.delenv("REGISTRY_SPOOL", raising=False)
    return tmp_path / "spool"


@pytest.fixture
def clock() -> ManualClock:
    """Return the clock of the engine."""
    return ManualClock()


@pytest.fixture
def engine(tmp_path: Path, spool: Path, clock: ManualClock) -> Iterator[Engine]:
    """Have an engine on a folder, with an agreement that has moved."""
    url = f"folder:///{tmp_path}/histories"
    with Engine.open(url, processes=[PROCESS], plugins=[Registry(spool)], clock=clock) as engine:
        engine.start("twinning", "bekasi-izumisano", by=CLERK)
        engine.note("bekasi-izumisano", "a note moves nothing", by=CLERK)
        engine.advance("bekasi-izumisano", by=CLERK)
        yield engine


def test_letter(engine: Engine, spool: Path) -> None:
    """A move becomes one file, named by the id of its notification, that says what happened."""
    spool.mkdir()
    (row,) = engine.outbox()

    assert engine.deliver().delivered == 1
    assert [f"{row.notification.id}.json"] == [file.name for file in spool.iterdir()]
    assert json.loads((spool / f"{row.notification.id}.json").read_bytes()) == {
        "id": row.notification.id,
        "agreement": "bekasi-izumisano",
        "n": 3,
        "kind": "moved.advance",
        "to": "mayor, council",
        "move": "advance",
        "stage": "signed",
        "outcome": None,
        "at": "2025-07-24T02:00:00.000000Z",
    }


def test_spool_that_is_away(engine: Engine, spool: Path, clock: ManualClock) -> None:
    """While the spool is away, letters wait in the outbox; when it is back, they are delivered."""
    assert (engine.deliver().failed, engine.deliver().failed) == (1, 0)
    assert "FileNotFoundError" in engine.outbox("pending")[0].error

    spool.mkdir()
    clock.advance(minutes=1)

    assert engine.deliver().delivered == 1
    assert len(list(spool.iterdir())) == 1
    assert engine.verify().ok


def test_once(spool: Path) -> None:
    """What is delivered a second time stays as it was delivered first."""
    spool.mkdir()
    plugin, letter = Registry(spool), make_notification("registry")
    assert plugin.stagegate_deliver(letter) is True
    (file,) = spool.iterdir()
    file.write_text("taken note of", encoding="utf-8")

    assert plugin.stagegate_deliver(letter) is True
    assert [file] == list(spool.iterdir())
    assert file.read_text(encoding="utf-8") == "taken note of"


@pytest.mark.parametrize(
    "kind, move, told",
    [
        ("moved", "advance", ["moved.advance"]),
        ("moved", "hold", ["moved.hold"]),
        ("refused", "advance", []),
        ("noted", "note", []),
    ],
)
def test_moves_only(kind: str, move: str, told: list[str]) -> None:
    """A move is told by its name; nobody is told of what is no move, refusals included."""
    letters = Registry("spool").stagegate_notify(make_event(kind, move=move), make_agreement())

    assert told == [letter.kind for letter in letters]


def test_no_spool(spool: Path) -> None:
    """Without a spool nobody is told; a letter from when there was one waits until there is one again."""
    plugin = Registry()

    assert not spool.exists()
    assert list(plugin.stagegate_notify(make_event("moved"), make_agreement())) == []
    with pytest.raises(FileNotFoundError, match="REGISTRY_SPOOL"):
        plugin.stagegate_deliver(make_notification("registry"))


def test_other_channels(spool: Path) -> None:
    """What is for another channel is left to it."""
    assert Registry(spool).stagegate_deliver(make_notification("log")) is None


def test_id_that_is_a_path(spool: Path) -> None:
    """An id that is no UUID, such as a path, names no file."""
    spool.mkdir()
    with pytest.raises(ValueError, match="UUID"):
        Registry(spool).stagegate_deliver(make_notification("registry", id="../elsewhere"))

    assert list(spool.parent.iterdir()) == [spool]
