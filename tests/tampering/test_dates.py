"""What is due, what was read of others and why silence decided: changed in any form, it is found, and nothing breaks."""
# ruff: noqa: S608  statements are put together from names of our own

from __future__ import annotations

import json
from typing import Any

import pytest

from stagegate import Entry, HistoryTampered, fold
from stagegate.testing._lives import TIMED

from .scene import Scene, chain, entries, named, written

DUE = "pact/2"
"""An agreement with deadlines that were reckoned anew, reminded of, overdue; it is part of another."""


def forged(scene: Scene, agreement: str, n: int, **changes: Any) -> list[Entry]:
    """Return the entries of an agreement with another event *n*, under a chain that fits them."""
    bodies = [entry.body for entry in entries(scene, agreement)]
    bodies[n - 1] = written({**json.loads(bodies[n - 1]), **changes})
    return [
        Entry(n=k, body=body, hash=hash_) for k, (body, hash_) in enumerate(zip(bodies, chain(bodies), strict=True), 1)
    ]


def event(scene: Scene, agreement: str, kind: str) -> dict[str, Any]:
    """Return the first event of a kind."""
    bodies: list[dict[str, Any]] = [json.loads(entry.body) for entry in entries(scene, agreement)]
    return next(body for body in bodies if body["kind"] == kind)


MALFORMED: list[Any] = [
    7,
    "stage:talks",
    [7],
    ["stage:talks"],
    [{}],
    [[]],
    [None],
    [{"key": []}],
    [{"key": "stage:elsewhere"}],
    [{"key": "stage:talks"}, {"key": "stage:talks"}],
    [{"key": "a", "rule": 7, "start": "2025-07-24"}],
    [{"key": "a", "rule": {}, "start": "soon"}],
    [{"key": "a", "rule": {}, "start": 7}],
    [{"key": "a", "rule": {}, "start": "2025-07-24", "at": "2025-07-24"}],
    [{"key": "a", "rule": {}, "start": "2025-07-24", "at": "2025-07-24T00:00:00.000000"}],
    [{"key": "a", "rule": {}, "start": "2025-07-24", "at": 7}],
    [{"key": "a", "rule": {}, "start": "2025-07-24", "date": "2025-02-30"}],
    [{"key": "a", "rule": {}, "start": "2025-07-24", "pauses": [["2025-07-24"]]}],
    [{"key": "a", "rule": {}, "start": "2025-07-24", "pauses": 7}],
    [{"key": "a", "rule": {}, "start": "2025-07-24", "remind_at": ["soon"]}],
    [{"key": "a", "rule": {}, "start": "2025-07-24", "remind_at": 7}],
    [{"key": "a", "rule": {}, "start": "2025-07-24", "calendar": 7}],
    [{"rule": {}, "start": "2025-07-24"}],
]


@pytest.mark.parametrize("due", MALFORMED, ids=repr)
def test_malformed_due(due: Any, scene: Scene) -> None:
    """What cannot be a change of deadlines, under a chain that fits, is a history that was tampered with."""
    n = event(scene, DUE, "reminded")["n"]
    made = forged(scene, DUE, n, due=due)
    with pytest.raises(HistoryTampered):
        fold(made)
    report = scene.after(lambda raw: put(raw, DUE, made))

    assert named(report, DUE, n), str(report)
    assert len(str(report)) < 2000


def put(raw: Any, agreement: str, made: list[Entry]) -> None:
    """Write entries, and the column that names the last hash."""
    for entry in made:
        raw.execute(
            "UPDATE event SET body = ?, hash = ? WHERE agreement = ? AND n = ?",
            (entry.body, entry.hash, agreement, entry.n),
        )
    raw.execute("UPDATE agreement SET head = ? WHERE id = ?", (made[-1].hash, agreement))


def test_taken_away_twice_says_which(scene: Scene) -> None:
    """A deadline that is taken away and was not there is named."""
    n = event(scene, DUE, "reminded")["n"]
    with pytest.raises(HistoryTampered, match="takes away the deadline 'term', which there was not"):
        fold(forged(scene, DUE, n, due=[{"key": "term"}]))


@pytest.mark.parametrize(
    "field, value", [("date", "2099-01-01"), ("at", "2099-01-01T00:00:00.000000Z"), ("overdue", True)]
)
def test_date_that_was_moved(field: str, value: Any, scene: Scene) -> None:
    """Who moves a date in an event, and makes its chain fit, is given away by the snapshot; who moves it there, by it."""
    first = event(scene, DUE, "started")["due"]
    moved = forged(scene, DUE, 1, due=[{**one, field: value} for one in first])
    report = scene.after(lambda raw: put(raw, DUE, moved))

    assert named(report, DUE), str(report)

    scene.restore()
    snapshot = json.loads(scene.value(f"SELECT snapshot FROM agreement WHERE id = '{DUE}'"))
    for one in snapshot["deadlines"]:
        one.update({field: value, "overdue": field == "overdue" and not one.get("overdue", False)})
    report = scene.tamper(f"UPDATE agreement SET snapshot = :lie WHERE id = '{DUE}'", lie=written(snapshot))

    assert named(report, DUE), str(report)


@pytest.mark.parametrize("field", ["basis", "date", "deadline", "rule"])
def test_why_silence_decided(field: str, scene: Scene) -> None:
    """Another reason for a decision by silence is found: in the event, and in the snapshot."""
    vote = event(scene, DUE, "voted")
    lie = {**vote["data"], "silence": {**vote["data"]["silence"], field: "another"}}
    report = scene.after(lambda raw: put(raw, DUE, forged(scene, DUE, vote["n"], data=lie)))

    assert named(report, DUE), str(report)

    scene.restore()
    snapshot = json.loads(scene.value(f"SELECT snapshot FROM agreement WHERE id = '{DUE}'"))
    snapshot["approvals"][0]["silence"][field] = "another"
    report = scene.tamper(f"UPDATE agreement SET snapshot = :lie WHERE id = '{DUE}'", lie=written(snapshot))

    assert named(report, DUE), str(report)
    assert "approvals" in str(report)


@pytest.mark.parametrize(
    "read", [7, [7], ["pact"], [{}], [{"agreement": 7, "head": 7}], [{"agreement": "pact", "head": "00"}]], ids=repr
)
def test_malformed_read(read: Any, scene: Scene) -> None:
    """What cannot have been read of another, under a chain that fits, is found where it stands."""
    made = forged(scene, DUE, 2, read=read)
    report = scene.after(lambda raw: put(raw, DUE, made))

    assert named(report, DUE, 2), str(report)


@pytest.mark.parametrize(
    "statement, said",
    [
        ("UPDATE agreement SET wakes_at = NULL WHERE wakes_at IS NOT NULL", "wakes_at"),
        ("UPDATE agreement SET wakes_at = '2099' WHERE wakes_at IS NOT NULL", "wakes_at"),
        ("UPDATE agreement SET overdue = 1 - overdue", "overdue"),
        ("DELETE FROM member WHERE kind = 'whole'", "whole"),
        ("INSERT INTO member (kind, value, agreement) VALUES ('whole', 'pact', 'pac')", "whole"),
        ("UPDATE member SET value = 'pac' WHERE kind = 'whole' AND value = 'pact'", "whole"),
    ],
)
def test_copies_of_dates(statement: str, said: str, scene: Scene) -> None:
    """What is kept to find what is due, what is late and what is a part is compared with the snapshot, and named."""
    report = scene.tamper(statement)

    assert not report.ok
    assert all(fault.agreement and said in fault.what for fault in report.faults), str(report)


SPOILED: dict[str, Any] = {
    "a round that is a fraction": {"round": 1.5},
    "a reminder without a zone": {"remind_at": ["2025-07-24T00:00:00.000000", "2025-07-24T00:00:00.000000Z"]},
    "no key": {"key": None},
    "a list for a key": {"key": []},
    "a number for a rule": {"rule": 7},
    "a huge calendar": {"calendar": ["x" * 10**6, "1"]},
    "a text for late": {"overdue": "no"},
}


@pytest.mark.parametrize("spoiled", SPOILED)
@pytest.mark.parametrize("agreement", [DUE, "pact"])
def test_spoiled_snapshot(agreement: str, spoiled: str, scene: Scene) -> None:
    """A snapshot whose deadlines are none is named, and stops no look at the others."""
    assert agreement in TIMED
    snapshot = json.loads(scene.value(f"SELECT snapshot FROM agreement WHERE id = '{agreement}'"))
    snapshot["deadlines"][0].update(SPOILED[spoiled])
    report = scene.tamper(f"UPDATE agreement SET snapshot = :lie WHERE id = '{agreement}'", lie=written(snapshot))

    assert {agreement} == {fault.agreement for fault in report.faults}
    assert report.checked > 20
