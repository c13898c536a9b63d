"""The golden files of a whole life: deadlines, silence, terms, votes of a body and parts are written so for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from stagegate import Agreement, Definition, Engine, Entry, Event, Known, Pin, Store, fold
from stagegate.contrib.sqlite import SQLiteStore
from stagegate.testing._lives import Commit

from .generate import BODIES as FIRST
from .life import BODIES, DEFINITIONS, HASHES, OUTBOX, SNAPSHOTS, files, play

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "history.md"


@pytest.fixture(scope="module")
def store() -> Store:
    """Return a store to which the same happened again."""
    return play()


def histories() -> dict[str, list[Entry]]:
    """Return the entries of the golden files, by agreement."""
    bodies = BODIES.read_bytes().split(b"\n")[:-1]
    hashes = HASHES.read_text(encoding="ascii").split()
    pairs = [(json.loads(body), body, bytes.fromhex(hash_)) for body, hash_ in zip(bodies, hashes, strict=True)]
    return {
        id_: [Entry(n=data["n"], body=body, hash=hash_) for data, body, hash_ in several]
        for id_, several in groupby(pairs, key=lambda pair: str(pair[0]["agreement"]))
    }


def snapshots() -> list[bytes]:
    """Return the golden snapshots, in the order of their ids."""
    return SNAPSHOTS.read_bytes().split(b"\n")[:-1]


def commits() -> Iterator[Commit]:
    """Return what was committed, in the order of time: each event after those that it rests on."""
    definitions = {}
    for body in DEFINITIONS.read_bytes().split(b"\n")[:-1]:
        said = json.loads(body)
        definitions[said["id"], said["version"]] = body
    events = [(Event.read(entry), entry) for entries in histories().values() for entry in entries]
    payloads = OUTBOX.read_bytes().split(b"\n")[:-1]
    told = {row.notification.id: row.notification for row in play().outbox()}
    assert sorted(payloads) == sorted(notification.payload() for notification in told.values())
    for event, entry in sorted(events, key=lambda pair: (pair[0].recorded_at, pair[0].agreement, pair[0].n)):
        agreement = fold(histories()[event.agreement][: entry.n])
        request, process = event.data.get("request"), event.data["process"]
        begins = event.kind in {"started", "migrated"}
        assert agreement is not None
        yield Commit(
            agreement=agreement,
            entry=entry,
            notifications=tuple(told[brief["id"]] for brief in event.data.get("notifications", ())),
            request=request
            and (request["id"], Known(agreement=agreement.id, n=entry.n, fingerprint=request["fingerprint"])),
            definition=Definition(Pin(**process), definitions[process["id"], process["version"]]) if begins else None,
        )


def test_bodies_are_the_same(store: Store) -> None:
    """The library still writes exactly these bytes."""
    written = files(store)[BODIES].split(b"\n")
    kept = BODIES.read_bytes().split(b"\n")

    # Line by line, so that a failure shows the event that differs.
    for expected, actual in zip(kept, written, strict=True):
        assert expected == actual


@pytest.mark.parametrize("path", [HASHES, OUTBOX, SNAPSHOTS, DEFINITIONS], ids=lambda path: str(path.name))
def test_files_are_the_same(path: Path, store: Store) -> None:
    """So it does with the hashes, with what is to be told, with the snapshots and the definitions."""
    assert path.read_bytes() == files(store)[path]


def test_histories_fold_to_the_snapshots() -> None:
    """The golden files can be read, and the fold of each history is its snapshot, which is written as it was."""
    read = [Agreement.from_json(written) for written in snapshots()]

    assert read == [fold(entries) for entries in histories().values()]
    assert snapshots() == [agreement.to_json() for agreement in read]


def test_every_kind_is_there() -> None:
    """Together with the first, the golden histories have every kind, every move, and every field the reference lists."""
    page = PAGE.read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    described = {row[1].strip(" `") for row in rows}
    named = {row[1].strip(" `"): set("".join(row[3:]).split("`")[1::2]) for row in rows}
    bodies = [json.loads(body) for path in (FIRST, BODIES) for body in path.read_bytes().split(b"\n")[:-1]]
    due = [change for body in bodies for change in body.get("due", ())]
    found = set[str]().union(*bodies, *(body.get("data", {}) for body in bodies), *due)

    # A refusal with more than 500 reasons would fill these files.
    assert described - {"left_out"} == found
    assert named["kind"] == {body["kind"] for body in bodies}
    assert named["move"] == {body["move"] for body in bodies}


def test_everything_time_brings_is_there() -> None:
    """The golden histories have what time brings in every form, and every deadline a rule, a start and a key."""
    events: list[dict[str, Any]] = [json.loads(entry.body) for entries in histories().values() for entry in entries]
    law = {(event["kind"], event["move"]) for event in events if event["actor"]["id"] == "law"}
    keys = {change["key"].partition(":")[0] for event in events for change in event.get("due", ())}

    assert {
        ("reminded", "sweep"),
        ("overdue", "sweep"),
        ("moved", "end"),
        ("voted", "approve"),
        ("voted", "refuse"),
    } == law
    assert {"stage", "requirement", "duty", "term"} == keys
    assert {"for", "against", "abstain", "recused"} == {e["data"]["vote"] for e in events if e["kind"] == "voted"}


def test_golden_histories_verify_in_a_store(tmp_path: Path) -> None:
    """The golden histories, put into the embedded store, are proved whole by `verify`, with what they rest on."""
    with closing(SQLiteStore(str(tmp_path / "golden.db"))) as sqlite:
        for commit in commits():
            commit.write(sqlite)
        report = Engine(sqlite).verify()

    assert ((), 5) == (report.faults, report.checked)
