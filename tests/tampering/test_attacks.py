"""Attacks that somebody who can write to the file would think of: each is found, and `verify` says where."""
# ruff: noqa: S608  statements are put together from names of our own

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from stagegate import Agreement, Engine, Entry, Event, Report, fold
from stagegate.contrib.sqlite import SQLiteStore

from .scene import (
    OTHER,
    PARTS,
    SWAPPED,
    VICTIM,
    WHOLE,
    Scene,
    chain,
    entries,
    events,
    first_difference,
    named,
    put_chain,
    put_row,
    removed,
    reseal,
    written,
)


def rewritten(scene: Scene, agreement: str, change: Callable[[list[dict[str, Any]]], object]) -> Report:
    """Change what the events of an agreement say, and make everything that is stored of it fit."""
    bodies = [json.loads(entry.body) for entry in entries(scene, agreement)]
    change(bodies)
    forged = [written(body) for body in bodies]
    numbered = [Entry(n=n, body=b, hash=h) for n, (b, h) in enumerate(zip(forged, chain(forged), strict=True), 1)]
    forgery = fold(numbered)
    assert forgery is not None

    def hand(raw: sqlite3.Connection) -> None:
        for entry in numbered:
            given = (entry.body, entry.hash, agreement, entry.n)
            raw.execute("UPDATE event SET body = ?, hash = ? WHERE agreement = ? AND n = ?", given)
        put_row(raw, forgery)

    return scene.after(hand)


@pytest.fixture(autouse=True)
def _prerequisites(scene: Scene) -> None:
    """Make sure that the two have something to tamper with."""
    assert len(events(scene.path)[VICTIM]) >= 8
    assert len(events(scene.path)[OTHER]) >= 8


class TestTail:
    """The end of a history is cut off."""

    @pytest.mark.parametrize("cut", [1, 2, 5])
    def test_events_only(self, cut: int, scene: Scene) -> None:
        """Where events are deleted from the end, the first that is missing is named."""
        last = len(events(scene.path)[VICTIM])
        report = scene.tamper("DELETE FROM event WHERE agreement = 'A' AND n > :left", left=last - cut)

        assert named(report, VICTIM, last - cut + 1), str(report)

    def test_events_and_columns(self, scene: Scene) -> None:
        """So it is where the columns that count them are made to fit."""
        left = len(events(scene.path)[VICTIM]) - 2
        report = scene.tamper(
            "DELETE FROM event WHERE agreement = 'A' AND n > :left",
            "UPDATE agreement SET n = :left, version = min(version, :left),"
            " head = (SELECT hash FROM event WHERE agreement = 'A' AND n = :left) WHERE id = 'A'",
            left=left,
        )

        assert named(report, VICTIM, left + 1), str(report)

    def test_events_columns_and_snapshot(self, scene: Scene) -> None:
        """So it is where the snapshot is set back as well: requests or notifications of what is gone are left over."""
        before = entries(scene, VICTIM)
        left = len(before) - 3
        told = {n for e in before[left:] for n in [e.n] if {"request", "notifications"} & set(json.loads(e.body))}
        old = fold(before[:left])
        assert old is not None
        assert told

        def change(raw: sqlite3.Connection) -> None:
            raw.execute("DELETE FROM event WHERE agreement = 'A' AND n > ?", (left,))
            put_row(raw, old)

        report = scene.after(change)

        assert named(report, VICTIM, min(told)), str(report)

    def test_all_events(self, scene: Scene) -> None:
        """An agreement whose events are all gone is named, and its first event."""
        report = scene.tamper("DELETE FROM event WHERE agreement = 'A'")

        assert named(report, VICTIM, 1), str(report)

    @pytest.mark.parametrize("table", ["event", "member", "request", "outbox"])
    def test_agreement_with_orphans(self, table: str, scene: Scene) -> None:
        """An agreement that is gone is missed by whatever is left of it, in any one table."""
        others = sorted({"event", "member", "request", "outbox"} - {table})
        report = scene.tamper(
            "DELETE FROM agreement WHERE id = 'A'", *(f"DELETE FROM {other} WHERE agreement = 'A'" for other in others)
        )
        said = [fault.what for fault in report.faults]

        assert any(table in what and "'A'" in what for what in said), said


class TestOrder:
    """Events change places."""

    def test_bodies_and_hashes_swapped(self, scene: Scene) -> None:
        """Where two events change places, the first of the two is named."""
        before = events(scene.path)

        def change(raw: sqlite3.Connection) -> None:
            for n, other in ((3, 5), (5, 3)):
                body, hash_ = before[VICTIM][other - 1][1:]
                raw.execute("UPDATE event SET body = ?, hash = ? WHERE agreement = 'A' AND n = ?", (body, hash_, n))

        assert named(scene.after(change), VICTIM, 3)

    def test_numbers_swapped_and_chained_anew(self, scene: Scene) -> None:
        """Where the chain is computed anew over events in another order, the first out of its place is named."""
        before = entries(scene, VICTIM)
        order = [0, 1, 4, 3, 2, *range(5, len(before))]
        bodies = [before[k].body for k in order]

        assert named(scene.after(lambda raw: put_chain(raw, bodies)), VICTIM, 3)

    def test_event_inserted(self, scene: Scene) -> None:
        """An event that is put between others, which are moved on, is named."""
        before = events(scene.path)[VICTIM]

        def change(raw: sqlite3.Connection) -> None:
            for n in range(len(before), 3, -1):
                raw.execute("UPDATE event SET n = n + 1 WHERE agreement = 'A' AND n = ?", (n,))
            raw.execute("INSERT INTO event (agreement, n, body, hash) VALUES ('A', 4, ?, ?)", before[2][1:])

        assert named(scene.after(change), VICTIM, 4)

    def test_event_added(self, scene: Scene) -> None:
        """An event that is added at the end, rightly chained and well written, is named: no snapshot has seen it."""
        before = entries(scene, VICTIM)
        body = json.loads(before[-1].body) | {
            "n": len(before) + 1,
            "kind": "noted",
            "move": "note",
            "data": {"text": "x"},
        }
        for field in ("to", "request", "notifications", "voided", "asked"):
            body.pop(field, None)
        hash_ = chain([*(entry.body for entry in before), written(body)])[-1]
        report = scene.tamper(
            "INSERT INTO event (agreement, n, body, hash) VALUES ('A', :n, :body, :hash)",
            n=len(before) + 1,
            body=written(body),
            hash=hash_,
        )

        assert named(report, VICTIM, len(before) + 1), str(report)

    def test_event_left_out(self, scene: Scene) -> None:
        """An event that is taken out, with those behind it moved up, is named."""
        last = len(events(scene.path)[VICTIM])
        report = scene.tamper(
            "DELETE FROM event WHERE agreement = 'A' AND n = 4",
            *(f"UPDATE event SET n = {n - 1} WHERE agreement = 'A' AND n = {n}" for n in range(5, last + 1)),
        )

        assert named(report, VICTIM, 4), str(report)

    @pytest.mark.parametrize("tables", [("event",), ("event", "request", "outbox", "member")])
    def test_histories_swapped(self, tables: tuple[str, ...], scene: Scene) -> None:
        """Where two agreements change histories, both are named, from the first event on."""
        statements = [
            f"UPDATE {table} SET agreement = '{new}' WHERE agreement = '{old}'"
            for table in tables
            for old, new in ((VICTIM, "<"), (OTHER, VICTIM), ("<", OTHER))
        ]
        report = scene.tamper(*statements)

        assert named(report, VICTIM, 1), str(report)
        assert named(report, OTHER, 1), str(report)

    def test_whole_agreements_swapped(self, scene: Scene) -> None:
        """So they are where everything that is stored of them changes places, snapshots and all."""
        report = scene.tamper(*SWAPPED)

        assert named(report, VICTIM, 1), str(report)
        assert named(report, OTHER, 1), str(report)


class TestSnapshot:
    """What the agreement is said to be."""

    @pytest.mark.parametrize("with_columns", [False, True])
    @pytest.mark.parametrize("field", ["stage", "owner", "outcome", "title", "facts", "approvals", "version", "rounds"])
    def test_changed(self, field: str, with_columns: bool, scene: Scene) -> None:
        """A changed snapshot is found, whether the columns of its row are made to fit or not."""
        table = json.loads(scene.value("SELECT snapshot FROM agreement WHERE id = 'A'"))
        cost = {"value": 1, "by": "ann", "n": 2}
        vote = {"role": "council", "by": "ben", "vote": "for", "stage": "vote", "n": 3}
        lies: dict[str, Any] = {
            "stage": "done" if table["stage"] != "done" else "draft",
            "owner": ["ministry"],
            "outcome": "fulfilled",
            "title": "another",
            "facts": {**table.get("facts", {}), "lie": cost},
            "approvals": [*table.get("approvals", []), {**vote, "of": {"plan": "0" * 64}}],
            "version": 1,
            "rounds": {"draft": 9},
        }
        lie = Agreement.from_json(written(table | {field: lies[field]}))

        def change(raw: sqlite3.Connection) -> None:
            if with_columns:
                put_row(raw, lie)
            else:
                raw.execute("UPDATE agreement SET snapshot = ? WHERE id = 'A'", (lie.to_json(),))

        assert named(scene.after(change), VICTIM)

    def test_set_back(self, scene: Scene) -> None:
        """A true snapshot of an earlier event, columns and all, is found: the history goes on behind it."""
        old = fold(entries(scene, VICTIM)[:-2])
        assert old is not None

        assert named(scene.after(lambda raw: put_row(raw, old)), VICTIM)

    @pytest.mark.parametrize("snapshot", [b"", b"null", b"{}", b"[]", b"\xff", b"{" * 100_000, b'{"id":"a"}'])
    def test_unreadable(self, snapshot: bytes, scene: Scene) -> None:
        """A snapshot that cannot be read is found, and nothing else of the agreement is held against it."""
        report = scene.tamper("UPDATE agreement SET snapshot = :snapshot WHERE id = 'A'", snapshot=snapshot)

        assert {VICTIM} == {fault.agreement for fault in report.faults}

    def test_otherwise_written(self, scene: Scene) -> None:
        """A snapshot that says the same in other bytes is found as well."""
        table = json.loads(scene.value("SELECT snapshot FROM agreement WHERE id = 'A'"))
        report = scene.tamper(
            "UPDATE agreement SET snapshot = :snapshot WHERE id = 'A'", snapshot=json.dumps(table, indent=1).encode()
        )

        assert named(report, VICTIM)


class TestBodies:
    """Events that are rightly chained and wrongly written."""

    @pytest.mark.parametrize(
        "bend",
        [
            lambda body: written({**body, "agreement": "b"}),
            lambda body: written({**body, "n": 99}),
            lambda body: written({k: v for k, v in body.items() if k != "actor"}),
            lambda body: written({**body, "kind": "unheard-of"}),
            lambda body: written({**body, "from": "nowhere"}),
            lambda body: written({**body, "data": None}),
            lambda _: b"[]",
            lambda _: b"",
            lambda _: b"\xff\xfe",
            lambda _: b"[" * 100_000,
        ],
        ids=[
            "another agreement",
            "another number",
            "no actor",
            "unknown kind",
            "another stage",
            "no data",
            "no table",
            "empty",
            "no text",
            "too deep",
        ],
    )
    def test_badly_written(self, bend: Any, scene: Scene) -> None:
        """An event that could not have been written so is named, even if every hash behind it was computed anew."""
        bodies = [entry.body for entry in entries(scene, VICTIM)]
        place = next(k for k, body in enumerate(bodies) if json.loads(body)["kind"] == "attached")
        bodies[place] = bend(json.loads(bodies[place]))
        report = scene.after(lambda raw: put_chain(raw, bodies))

        assert named(report, VICTIM, place + 1), str(report)

    @pytest.mark.parametrize(
        "bend",
        [
            lambda body: json.dumps(json.loads(body), indent=1).encode(),
            lambda body: body + b" ",
            lambda body: body.replace(b'"n":3', b'"n":3,"n":3'),
        ],
        ids=["spaces", "trailing space", "key twice"],
    )
    def test_otherwise_written(self, bend: Any, scene: Scene) -> None:
        """An event that says the same in other bytes, rightly chained, is found: its agreement has another head."""
        bodies = [entry.body for entry in entries(scene, VICTIM)]
        bodies[2] = bend(bodies[2])

        assert named(scene.after(lambda raw: put_chain(raw, bodies)), VICTIM)


class TestRequests:
    """Which requests were answered."""

    def test_deleted(self, scene: Scene) -> None:
        """A request that is no longer known is missed, at its event."""
        n = scene.value("SELECT n FROM request WHERE agreement = 'A' ORDER BY n LIMIT 1")
        report = scene.tamper("DELETE FROM request WHERE agreement = 'A' AND n = :n", n=n)

        assert named(report, VICTIM, n), str(report)

    def test_added(self, scene: Scene) -> None:
        """A request that nobody made is found."""
        report = scene.tamper("INSERT INTO request (id, agreement, n, fingerprint) VALUES ('lie', 'A', 2, 'f')")

        assert named(report, VICTIM, 2), str(report)

    def test_given_to_another(self, scene: Scene) -> None:
        """A request that was given to another agreement is missed here and found there."""
        n = scene.value("SELECT n FROM request WHERE agreement = 'A' ORDER BY n LIMIT 1")
        report = scene.tamper("UPDATE request SET agreement = 'a_' WHERE agreement = 'A' AND n = :n", n=n)

        assert named(report, VICTIM), str(report)
        assert named(report, OTHER), str(report)


class TestOutbox:
    """What is to be told."""

    @pytest.mark.parametrize("status", ["pending", "delivered", "dead"])
    def test_deleted(self, status: str, scene: Scene) -> None:
        """A row that is gone is missed, whatever its state."""
        which = f"FROM outbox WHERE id = (SELECT min(id) FROM outbox WHERE status = '{status}')"
        agreement, n = scene.value(f"SELECT agreement {which}"), scene.value(f"SELECT n {which}")
        report = scene.tamper(f"DELETE {which}")

        assert named(report, agreement, n), str(report)

    @pytest.mark.parametrize("old, new", [("pending", "delivered"), ("pending", "dead"), ("delivered", "pending")])
    def test_status_flipped(self, old: str, new: str, scene: Scene) -> None:
        """A row that is said to be delivered and was not, or the other way round, is found."""
        which = f"WHERE id = (SELECT min(id) FROM outbox WHERE status = '{old}')"
        agreement, n = (scene.value(f"SELECT {what} FROM outbox {which}") for what in ("agreement", "n"))
        report = scene.tamper(f"UPDATE outbox SET status = '{new}' {which}")

        assert named(report, agreement, n), str(report)

    def test_all_flipped(self, scene: Scene) -> None:
        """Where all are said to be delivered, each agreement that has any is named."""
        report = scene.tamper("UPDATE outbox SET status = 'delivered' WHERE status <> 'delivered'")

        assert {f.agreement for f in report.faults} >= {VICTIM, OTHER}

    def test_added(self, scene: Scene) -> None:
        """A row that nothing caused is found, at the event that it claims."""
        report = scene.tamper(
            "INSERT INTO outbox SELECT agreement, n, 'lie', payload, status, tries, due_at, leased_until, error,"
            " expires_at, recipient, seal FROM outbox WHERE agreement = 'A' AND n = 1 LIMIT 1"
        )

        assert named(report, VICTIM, 1), str(report)

    def test_said_otherwise(self, scene: Scene) -> None:
        """A row that says something else, well written, is found at its event."""
        n = scene.value("SELECT max(n) FROM outbox WHERE agreement = 'A'")
        payload = b'{"channel":"bell","context":{},"kind":"lie","to":"everybody"}'
        report = scene.tamper(
            "UPDATE outbox SET payload = :payload WHERE agreement = 'A' AND n = :n", payload=payload, n=n
        )

        assert named(report, VICTIM, n), str(report)


class TestCopies:
    """What is kept to list and to count."""

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE counter SET number = number + 1 WHERE number = (SELECT max(number) FROM counter)",
            "DELETE FROM counter WHERE number = (SELECT max(number) FROM counter)",
            "DELETE FROM counter",
            "INSERT INTO counter (stage, process, owner, outcome, on_hold, number) VALUES ('s', 'p', 'o', '', 0, 1)",
            "UPDATE counter SET stage = 'elsewhere' WHERE number = (SELECT max(number) FROM counter)",
        ],
    )
    def test_counters(self, statement: str, scene: Scene) -> None:
        """Counters that do not say how many there are, are found."""
        report = scene.tamper(statement)

        assert any("counter" in fault.what for fault in report.faults), str(report)

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM member WHERE agreement = 'A' AND kind = 'owner'",
            "INSERT INTO member (kind, value, agreement) VALUES ('party', 'lie', 'A')",
            "UPDATE member SET value = 'lie' WHERE agreement = 'A' AND kind = 'owner'",
            "UPDATE member SET kind = 'party' WHERE agreement = 'A' AND kind = 'owner'",
        ],
    )
    def test_members(self, statement: str, scene: Scene) -> None:
        """Owners and parties that are listed otherwise than the snapshot says are found."""
        assert scene.value("SELECT count(*) FROM member WHERE agreement = 'A' AND kind = 'owner'")
        report = scene.tamper(statement)

        assert named(report, VICTIM), str(report)


class TestForger:
    """What `internal` cannot see: these pass, and the documentation says so."""

    def test_whole_history_written_anew(self, scene: Scene) -> None:
        """Who rewrites everything so that it fits passes `internal`; a head that was kept elsewhere gives him away."""
        before = entries(scene, VICTIM)
        kept = before[-1].hash
        bodies = [json.loads(entry.body) for entry in before]
        for body in bodies:
            body["actor"] = {"id": "somebody else", "roles": body["actor"]["roles"]}
        forged = [written(body) for body in bodies]
        forgery = fold(
            Entry(n=n, body=b, hash=h) for n, (b, h) in enumerate(zip(forged, chain(forged), strict=True), 1)
        )
        assert forgery is not None

        def change(raw: sqlite3.Connection) -> None:
            put_chain(raw, forged)
            put_row(raw, forgery)

        report = scene.after(change)

        assert (True, "internal") == (report.ok, report.level)
        assert kept != entries(scene, VICTIM)[-1].hash
        assert {"somebody else"} == {Event.read(entry).actor for entry in entries(scene, VICTIM)}

    def test_agreement_removed_without_a_trace(self, scene: Scene) -> None:
        """Who removes an agreement with every trace, counters and all, passes `internal`."""
        report = scene.tamper(*removed(VICTIM))

        assert (True, "internal") == (report.ok, report.level)

    def test_whole_removed_without_a_trace(self, scene: Scene) -> None:
        """Who so removes an agreement that others are part of is found: their events say what they read of it."""
        report = scene.tamper(*removed(WHOLE))

        assert PARTS == {fault.agreement for fault in report.faults}
        assert {f"it rests on {WHOLE!r} as of an event that is not in the history of that agreement"} == {
            fault.what for fault in report.faults
        }

    def test_whole_written_anew(self, scene: Scene) -> None:
        """So is who rewrites it so that everything in it fits."""
        report = rewritten(scene, WHOLE, lambda bodies: [body["actor"].update(id="somebody else") for body in bodies])

        assert PARTS == {fault.agreement for fault in report.faults}

    def test_version_that_was_read(self, scene: Scene) -> None:
        """Who changes the version that was read, and computes the chain anew, is found by the history that was read."""
        report = rewritten(scene, "pact/1", lambda bodies: bodies[0]["read"][0].update(version=9))

        assert [("pact/1", 1, "it rests on version 9 of 'pact', but that event made it 1")] == [
            (fault.agreement, fault.n, fault.what) for fault in report.faults if fault.agreement == "pact/1"
        ]

    def test_state_of_a_delivery(self, scene: Scene) -> None:
        """Whether something was delivered is no event: who computes the check of the row anew passes `internal`."""

        def change(raw: sqlite3.Connection) -> None:
            raw.execute("UPDATE outbox SET status = 'delivered', leased_until = NULL")
            reseal(raw)

        report = scene.after(change)

        assert (True, "internal") == (report.ok, report.level)

    def test_half_a_forgery(self, scene: Scene) -> None:
        """Who rewrites a history and its chain, but not the snapshot, is found."""
        bodies = [json.loads(entry.body) for entry in entries(scene, VICTIM)]
        bodies[0]["data"]["title"] = "another"
        report = scene.after(lambda raw: put_chain(raw, [written(body) for body in bodies]))

        assert named(report, VICTIM)


def test_several_at_once(scene: Scene) -> None:
    """Several that were tampered with are all named, each with its first wrong event; the others are not."""
    before = events(scene.path)
    report = scene.tamper(
        "UPDATE event SET body = CAST(body || ' ' AS BLOB) WHERE agreement = 'A' AND n = 2",
        "UPDATE event SET hash = zeroblob(32) WHERE agreement = 'a_' AND n = 3",
        "DELETE FROM event WHERE agreement = 'B' AND n = 1",
    )

    assert {"A": 2, "a_": 3, "B": 1} == first_difference(before, events(scene.path))
    assert {"A": 2, "a_": 3, "B": 1} == {
        agreement: min(f.n for f in report.faults if f.agreement == agreement and f.n)
        for agreement in {fault.agreement for fault in report.faults}
    }


def test_one_agreement_alone(scene: Scene) -> None:
    """Asked about one agreement, `verify` finds what is wrong with it and says nothing of the others."""
    scene.tamper("UPDATE event SET hash = zeroblob(32) WHERE agreement = 'a_' AND n = 3")
    with closing(SQLiteStore(str(scene.path))) as store:
        engine = Engine(store)
        reports = engine.verify(VICTIM), engine.verify(OTHER)

    assert [(True, 1), (False, 1)] == [(report.ok, report.checked) for report in reports]
