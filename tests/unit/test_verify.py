"""What `verify` proves, and what it says of what does not agree. Tampering with the bytes of a file is tried elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Engine,
    Entry,
    Event,
    Fault,
    MemoryStore,
    Notification,
    Process,
    Report,
    Stage,
    hookimpl,
    unguarded,
)
from stagegate._history import GENESIS, chain
from stagegate.testing import ManualClock

PROCESS = Process("p", "1", (Stage("a", owner="boss", gate=unguarded("x"), back_to="a"), Stage("b", owner="boss")))


class Teller:
    """Tell of every event."""

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell the mayor."""
        return [Notification(channel="mail", kind=event.kind, context={"stage": agreement.stage})]


def lives(boss: Actor) -> tuple[Engine, MemoryStore]:
    """Return an engine and its store with two agreements, one of them with a refusal, requests and notifications."""
    engine = Engine.open("memory:", processes=[PROCESS], plugins=[Teller()], clock=ManualClock())
    engine.start("p", "x", by=boss, request_id="r1")
    engine.note("x", "n", by=boss)
    with pytest.raises(Exception, match="may not"):
        engine.advance("x", by=Actor(id="eve"), request_id="r2")
    engine.advance("x", by=boss)
    engine.start("p", "y", by=boss)
    store = engine._store
    assert isinstance(store, MemoryStore)
    return engine, store


def forged(store: MemoryStore, n: int, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the body of an event as a forger would: with all hashes from there on computed anew."""
    entries = store._entries["x"]
    prev = entries[n - 2].hash if n > 1 else GENESIS
    for i in range(n - 1, len(entries)):
        data = json.loads(entries[i].body)
        if i == n - 1:
            change(data)
        body = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        prev = chain(prev, body)
        entries[i] = Entry(n=i + 1, body=body, hash=prev)


def said(engine: Engine) -> list[tuple[str, int, str]]:
    """Return what does not agree."""
    report = engine.verify()
    assert report.ok is (not report.faults)
    return [(fault.agreement, fault.n, fault.what) for fault in report.faults]


def test_whole_store_agrees(boss: Actor) -> None:
    """A store as it was written agrees, and the report says how much was looked at and how far that proof reaches."""
    engine, _ = lives(boss)
    report = engine.verify()

    assert (True, "internal", 2, 5, ()) == (report.ok, report.level, report.checked, report.events, report.faults)
    assert "internal: 5 events of 2 agreements checked, all agree" == str(report)
    assert (1, 4) == (engine.verify("x").checked, engine.verify(engine.get("x")).events)
    assert "internal: 1 event of 1 agreement checked, all agree" == str(engine.verify("y"))


def test_empty_store_agrees() -> None:
    """Where there is nothing, nothing is wrong, and the report says that nothing was looked at."""
    assert "internal: 0 events of 0 agreements checked, all agree" == str(Engine(MemoryStore()).verify())


def test_report_is_never_a_bare_yes() -> None:
    """A report with faults names them, the first of many, with the agreement and the event."""
    faults = tuple(Fault("x", n, f"wrong {n}") for n in range(1, 101))
    many = str(Report(ok=False, level="internal", checked=1, events=100, faults=faults))
    one = str(Report(ok=False, level="internal", checked=1, events=100, faults=faults[:1]))

    assert "internal: 100 events of 1 agreement checked, 1 fault: x event 1: wrong 1" == one
    assert many.startswith(
        "internal: 100 events of 1 agreement checked, 100 faults: x event 1: wrong 1; x event 2: wrong 2"
    )
    assert many.endswith(" more")
    assert ["x event 3: a", "x: a", "a"] == [
        str(Fault(*fault)) for fault in (("x", 3, "a"), ("x", 0, "a"), ("", 0, "a"))
    ]


def replace(n: int, /, **fields: Any) -> Callable[[MemoryStore], None]:
    """Return what changes the row of an event."""

    def change(store: MemoryStore) -> None:
        store._entries["x"][n - 1] = attrs.evolve(store._entries["x"][n - 1], **fields)

    return change


def remove(n: int) -> Callable[[MemoryStore], None]:
    """Return what deletes the row of an event."""
    return lambda store: store._entries["x"].__delitem__(n - 1)


def swap(a: int, b: int) -> Callable[[MemoryStore], None]:
    """Return what exchanges two rows."""

    def change(store: MemoryStore) -> None:
        entries = store._entries["x"]
        entries[a - 1], entries[b - 1] = entries[b - 1], entries[a - 1]

    return change


@pytest.mark.parametrize(
    "tamper,n,what",
    [
        (replace(2, body=b"{}"), 2, "does not carry the hash"),
        (replace(2, body=b""), 2, "does not carry the hash"),
        (replace(2, hash=bytes(32)), 2, "does not carry the hash"),
        (replace(2, n=7), 2, "event 2 is missing"),
        (replace(4, hash=b""), 4, "does not carry the hash"),
        (remove(1), 1, "event 1 is missing"),
        (remove(3), 3, "event 3 is missing"),
        (remove(4), 4, "event 4 is missing: the snapshot has seen 4 events"),
        (swap(2, 3), 2, "event 2 is missing"),
        (lambda store: store._entries.__setitem__("x", []), 1, "there is no event"),
        (lambda store: store._entries.__setitem__("x", store._entries["y"]), 1, "belongs to 'y'"),
        (lambda store: store._entries["x"].append(store._entries["x"][3]), 5, "event 5 is missing"),
    ],
)
def test_tampered_histories_are_found_where_it_begins(
    boss: Actor, tamper: Callable[[MemoryStore], None], n: int, what: str
) -> None:
    """A history with a row changed, missing, moved or added is named at the first event that does not agree."""
    engine, store = lives(boss)
    tamper(store)
    first = said(engine)[0]

    assert ("x", n) == first[:2]
    assert what in first[2]


def test_nothing_is_guessed_behind_the_first_bad_event(boss: Actor) -> None:
    """What follows an event that does not agree proves nothing, so nothing is said of it, of the snapshot or of the outbox."""
    engine, store = lives(boss)
    replace(2, body=b"{}")(store)

    assert [("x", 2)] == [fault[:2] for fault in said(engine)]


@pytest.mark.parametrize(
    "n,change,what",
    [
        (2, lambda d: d.update(agreement="y"), "belongs to 'y'"),
        (2, lambda d: d.update(n=3), "says it is event 3"),
        (2, lambda d: d.update(kind="guessed"), "unknown kind"),
        (2, lambda d: d.pop("kind"), "'kind'"),
        (2, lambda d: d.update({"from": "b"}), "does not follow"),
        (4, lambda d: d.pop("to"), "'to'"),
        (4, lambda d: d.update(recorded_at="soon"), "soon"),
        (1, lambda d: d.pop("process"), "'process'"),
        (1, lambda d: d.update(actor=3), ""),
        (1, lambda d: d.update(request="r1"), ""),
        (1, lambda d: d.update(request={"id": ["r1"], "fingerprint": ""}), ""),
        (1, lambda d: d.update(request={"id": 3, "fingerprint": "f"}), ""),
        (1, lambda d: d["request"].pop("fingerprint"), ""),
        (1, lambda d: d.update(notifications=3), ""),
        (1, lambda d: d.update(notifications=[3]), ""),
        (1, lambda d: d.update(notifications=[{"id": ["x"]}]), ""),
        (1, lambda d: d["notifications"][0].pop("digest"), ""),
        (1, lambda d: d["notifications"][0].pop("id"), ""),
    ],
)
def test_forged_bodies_are_found(boss: Actor, n: int, change: Callable[[dict[str, Any]], Any], what: str) -> None:
    """A body that no engine writes is named, also where the forger computed all hashes anew; nothing stops the proof."""
    engine, store = lives(boss)
    forged(store, n, change)
    found = said(engine)

    assert ("x", n) == found[0][:2]
    assert what in found[0][2]
    assert {"x"} == {agreement for agreement, _, _ in found}


@pytest.mark.parametrize(
    "field,value,n,what",
    [
        ("stage", "a", 4, "differs from the history in stage"),
        ("outcome", "withdrawn", 4, "differs from the history in outcome"),
        ("title", "other", 4, "differs from the history in title"),
        ("version", 3, 4, "differs from the history in version"),
        ("n", 3, 4, "differs from the history in n"),
        ("n", 9, 5, "event 5 is missing: the snapshot has seen 9 events"),
        ("head", bytes(32), 4, "differs from the history in head"),
        ("owner", ("eve",), 4, "differs from the history in owner"),
    ],
)
def test_changed_snapshot_is_found(boss: Actor, field: str, value: Any, n: int, what: str) -> None:
    """A snapshot that says something else than the history is found, with what differs."""
    engine, store = lives(boss)
    store._agreements["x"] = attrs.evolve(store._agreements["x"], **{field: value})

    assert [("x", n, f"{'the stored snapshot ' if what.startswith('differs') else ''}{what}")] == said(engine)


def test_changed_requests_are_found(boss: Actor) -> None:
    """A request that is missing, added or changed beside the history is named."""
    engine, store = lives(boss)
    known = store._requests.pop("r1")
    store._requests["r9"] = attrs.evolve(known, n=2)
    store._requests["r2"] = attrs.evolve(store._requests["r2"], fingerprint="0" * 64)

    assert [
        ("x", 1, "the request 'r1' is missing in the stored requests"),
        ("x", 2, "the request 'r9' is missing in the history"),
        ("x", 3, "the fingerprint stored for the request 'r2' is not the one in the history"),
    ] == said(engine)


@pytest.mark.parametrize(
    "change", [{"kind": "other"}, {"to": "eve"}, {"context": {"stage": "z"}}, {"channel": "pigeon"}, {"n": 2}]
)
def test_changed_outbox_is_found(boss: Actor, change: dict[str, Any]) -> None:
    """A row of the outbox that says something else than what was caused is found at its event."""
    engine, store = lives(boss)
    row = next(row for row in store._outbox.values() if (row.notification.agreement, row.notification.n) == ("x", 1))
    notification = row.notification
    said_now = {
        "channel": notification.channel,
        "kind": notification.kind,
        "to": notification.to,
        "context": notification.context,
        "id": notification.id,
        "agreement": "x",
        "n": 1,
    } | change
    store._outbox[notification.id] = attrs.evolve(row, notification=Notification(**said_now))

    assert [
        ("x", 1, f"the notification {notification.id} in the outbox says something else than what was caused")
    ] == said(engine)


def test_missing_and_added_rows_of_the_outbox_are_found(boss: Actor) -> None:
    """A notification that is gone, and one that nothing caused, are found."""
    engine, store = lives(boss)
    gone = next(row for row in store._outbox.values() if (row.notification.agreement, row.notification.n) == ("x", 2))
    del store._outbox[gone.notification.id]
    added = Notification(channel="mail", kind="k", id="made-up", agreement="x", n=3)
    store._outbox["made-up"] = attrs.evolve(gone, notification=added)

    assert [
        ("x", 2, f"the notification {gone.notification.id} is missing in the outbox"),
        ("x", 3, "the notification made-up in the outbox was caused by no event"),
    ] == said(engine)


def test_snapshot_that_is_gone_is_found(boss: Actor) -> None:
    """A history whose snapshot cannot be read is named, and so is what the store itself finds."""

    class Damaged(MemoryStore):
        def dossiers(self, agreement: str | None = None) -> Any:
            for dossier in super().dossiers(agreement):
                yield attrs.evolve(dossier, agreement=None, faults=[(0, "the page is torn")])

        def faults(self) -> list[str]:
            return ["the counter is wrong"]

    engine = Engine(Damaged(), processes=[PROCESS])
    engine.start("p", "x", by=boss)

    assert [
        ("x", 0, "the page is torn"),
        ("x", 0, "the stored snapshot is missing or cannot be read"),
        ("", 0, "the counter is wrong"),
    ] == said(engine)
    assert 2 == len(engine.verify("x").faults)


def test_delivery_is_no_tampering(boss: Actor) -> None:
    """What delivery writes into the outbox is not part of the proof."""
    engine, _ = lives(boss)
    engine.deliver()

    assert engine.verify().ok
