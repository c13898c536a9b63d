"""What somebody does to the journal who can write to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from stagegate import Actor, Engine, HistoryTampered
from stagegate.testing import ManualClock, make_process
from stagegate_registry import Registry

CLERK = Actor(id="ann", roles={"clerk"})


def opened(folder: Path) -> Engine:
    """Open an engine on *folder*."""
    plugin = Registry(folder.parent)
    return Engine.open(f"folder:///{folder}", processes=[make_process()], plugins=[plugin], clock=ManualClock())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose journal has six lines: start, hold (told), claim, settle, note (a request), note."""
    with opened(tmp_path / "histories") as engine:
        engine.start("cooperation", "a", title="ours", by=CLERK)
        engine.hold("a", "wait", by=CLERK)
        engine.deliver()
        engine.note("a", "one", by=CLERK, request_id="r1")
        engine.note("a", "two", by=CLERK)
        assert engine.verify().ok
    return tmp_path / "histories"


def lines(folder: Path) -> list[bytes]:
    """Return the lines of the journal."""
    return (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)


def sealed(records: list[Any]) -> bytes:
    """Return a journal as it would have been written, had this happened."""
    journal, seal = b"", b""
    for record in records:
        written = json.dumps(record, separators=(",", ":")).encode()
        seal = sha256(seal + written).hexdigest().encode()
        journal += b'{"seal":"%b","line":%b}\n' % (seal, written)
    return journal


CHANGES: dict[str, tuple[int, bytes, bytes]] = {
    "body": (4, b'\\"one\\"', b'\\"two\\"'),
    "hash": (4, b'"hash":"', b'"hash":"0'),
    "snapshot": (1, b'"title":"ours"', b'"title":"mine"'),
    "what is told": (1, b'"moved.hold","to":"clerk"', b'"moved.hold","to":"press"'),
    "request": (4, b'"fingerprint":"', b'"fingerprint":"0'),
    "claim": (2, b'"tries":0', b'"tries":9'),
    "delivery": (3, b'"status":"delivered"', b'"status":"dead"'),
    "seal": (5, b'{"seal":"', b'{"seal":"0'),
    "number": (5, b'"n":4,"body"', b'"n":5,"body"'),
}

ARRANGEMENTS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "line removed": lambda now: now[:4] + now[5:],
    "first line removed": lambda now: now[1:],
    "delivery removed": lambda now: now[:3] + now[4:],
    "lines exchanged": lambda now: [*now[:4], now[5], now[4]],
    "line twice": lambda now: [*now, now[5]],
    "line of nothing": lambda now: [*now[:2], b"\n", *now[2:]],
    "line of something else": lambda now: [*now[:2], b"[1, 2]\n", *now[2:]],
    "line that is no text": lambda now: [*now[:5], b"\xff" * 200 + b"\n"],
    "half a line": lambda now: [*now[:5], now[5][:300] + b"\n"],
}


def found(folder: Path, journal: bytes) -> None:
    """Check that `verify` finds that *journal* is not as it was written, and that nobody can work on it."""
    (folder / "journal.jsonl").write_bytes(journal)
    with opened(folder) as engine:
        assert not engine.verify().ok
        assert not engine.verify("a").ok
        with pytest.raises(HistoryTampered):
            engine.get("a")
        with pytest.raises(HistoryTampered):
            engine.note("a", "three", by=CLERK)
    assert journal == (folder / "journal.jsonl").read_bytes()


@pytest.mark.parametrize("what", CHANGES)
def test_change(folder: Path, what: str) -> None:
    """Whatever is changed in a line is found, and the line is named."""
    place, before, after = CHANGES[what]
    now = lines(folder)
    assert before in now[place]
    now[place] = now[place].replace(before, after)

    found(folder, b"".join(now))
    with opened(folder) as engine:
        assert f"line {place + 1} of journal.jsonl" in str(engine.verify())


@pytest.mark.parametrize("how", ARRANGEMENTS)
def test_arrangement(folder: Path, how: str) -> None:
    """Lines that are removed, exchanged, added or broken off are found."""
    found(folder, b"".join(ARRANGEMENTS[how](lines(folder))))


def test_every_byte(folder: Path) -> None:
    """A single byte that is changed anywhere is found, but the last: without its newline a line was never finished."""
    whole = (folder / "journal.jsonl").read_bytes()
    for place in range(0, len(whole) - 1, 61):
        changed = bytes([whole[place] ^ 1])
        (folder / "journal.jsonl").write_bytes(whole[:place] + changed + whole[place + 1 :])
        with opened(folder) as engine:
            assert (place, False) == (place, engine.verify().ok)


@pytest.mark.parametrize(
    "place, forge",
    [
        (5, lambda record: record["agreement"].update(title="mine")),
        (5, lambda record: record.update(body=record["body"].replace("two", "one"))),
        (1, lambda record: record["notifications"][0].update(to="press")),
        (1, lambda record: record.update(notifications=[])),
        (4, lambda record: record.update(request={})),
        (4, lambda record: record["request"]["r1"].update(fingerprint="0" * 64)),
    ],
)
def test_forged_seals(folder: Path, place: int, forge: Callable[[Any], object]) -> None:
    """Who also makes the seals anew is found by what the history says."""
    records = [json.loads(line)["line"] for line in lines(folder)]
    forge(records[place])
    (folder / "journal.jsonl").write_bytes(sealed(records))
    with opened(folder) as engine:
        assert not engine.verify().ok


def test_seals_as_they_are_made(folder: Path) -> None:
    """The seals that these tests make are those of the store: what is sealed anew without a change is whole."""
    whole = b"".join(lines(folder))

    assert whole == sealed([json.loads(line)["line"] for line in lines(folder)])


def test_while_it_is_open(folder: Path) -> None:
    """Verify reads what stands there now, not what was read before; a journal that was cut is not written to."""
    now = lines(folder)
    with opened(folder) as engine:
        assert engine.get("a").n == 4
        (folder / "journal.jsonl").write_bytes(b"".join([now[0], now[1].replace(b"ours", b"mine"), *now[2:]]))
        assert not engine.verify().ok

        (folder / "journal.jsonl").write_bytes(b"".join(now[:5]))
        with pytest.raises(HistoryTampered, match="shorter"):
            engine.note("a", "three", by=CLERK)
