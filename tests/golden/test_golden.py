"""The golden files: what the library wrote in version 1 of the format, it writes and reads for ever."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from stagegate import Agreement, Definition, Engine, Entry, Event, Known, Store, fold
from stagegate.contrib.sqlite import SQLiteStore
from stagegate.testing._lives import Commit

from .generate import BODIES, HASHES, OUTBOX, SNAPSHOT, files, play, process


@pytest.fixture(scope="module")
def store() -> Store:
    """Return a store to which the same happened again."""
    return play()


def golden() -> list[Entry]:
    """Return the entries of the golden files."""
    bodies = BODIES.read_bytes().split(b"\n")[:-1]
    hashes = HASHES.read_text(encoding="ascii").split()
    return [
        Entry(n=n, body=body, hash=bytes.fromhex(hash_))
        for n, (body, hash_) in enumerate(zip(bodies, hashes, strict=True), 1)
    ]


def test_bodies_are_the_same(store: Store) -> None:
    """The library still writes exactly these bytes."""
    written = files(store)[BODIES].split(b"\n")
    kept = BODIES.read_bytes().split(b"\n")

    # Line by line, so that a failure shows the event that differs.
    assert len(kept) == len(written)
    for expected, actual in zip(kept, written, strict=True):
        assert expected == actual


@pytest.mark.parametrize("path", [HASHES, OUTBOX, SNAPSHOT], ids=lambda path: str(path.name))
def test_files_are_the_same(path: Path, store: Store) -> None:
    """So it does with the hashes, with what is to be told, and with the snapshot."""
    assert path.read_bytes() == files(store)[path]


def test_golden_history_folds_to_the_golden_snapshot() -> None:
    """The golden files can be read, and the fold of the history is the snapshot."""
    assert Agreement.from_json(SNAPSHOT.read_bytes()) == fold(golden())


def test_golden_snapshot_is_written_again() -> None:
    """A snapshot that was read is written as it was."""
    written = SNAPSHOT.read_bytes()

    assert written.rstrip(b"\n") == Agreement.from_json(written).to_json()


def test_every_kind_is_there() -> None:
    """The golden history has every kind of event, every move, every act and every field of a body."""
    events = [Event.read(entry) for entry in golden()]
    kinds = {"started", "attached", "recorded", "voted", "noted", "moved", "refused"}
    moves = {"start", "attach", "record", "approve", "refuse", "note", "advance", "send_back", "hold", "resume", "end"}

    assert kinds == {event.kind for event in events}
    assert moves == {event.move for event in events}
    assert FIELDS == {field for event in events for field in event.data}


FIELDS = {
    "actor",
    "agreement",
    "asked",
    "at",
    "data",
    "documents",
    "from",
    "id",
    "kind",
    "move",
    "n",
    "notifications",
    "process",
    "recorded_at",
    "request",
    "to",
    "voided",
    "warnings",
}
"""Every field of a body, as docs/reference/history.md lists them."""


def test_page_describes_every_field() -> None:
    """The reference describes every field of a body, and everything that stands in `data`, for each kind."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "history.md").read_text(encoding="utf-8")
    described = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    inner = {field for entry in golden() for field in json.loads(entry.body).get("data", {})}

    assert FIELDS | inner <= described


def test_golden_history_verifies_in_a_store(tmp_path: Path, store: Store) -> None:
    """The golden history, put into the embedded store, is proved whole by `verify`."""
    told = {row.notification.id: row.notification for row in store.outbox()}
    events = [Event.read(entry) for entry in golden()]
    with closing(SQLiteStore(str(tmp_path / "golden.db"))) as sqlite:
        for entry, event in zip(golden(), events, strict=True):
            agreement = fold(events[: entry.n])
            request = event.data.get("request")
            assert agreement is not None
            Commit(
                agreement=agreement,
                entry=entry,
                notifications=tuple(told[brief["id"]] for brief in event.data.get("notifications", ())),
                request=request
                and (request["id"], Known(agreement=agreement.id, n=entry.n, fingerprint=request["fingerprint"])),
                definition=Definition(process().pin, process().to_json()) if entry.n == 1 else None,
            ).write(sqlite)
        report = Engine(sqlite, processes=[process()]).verify()

    assert ((), 26) == (report.faults, report.events)
