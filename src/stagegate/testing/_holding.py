"""Clauses on the outbox in the hands of an operator: dead letters, holds, and what a row has to keep."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta, timezone

import attrs
import pytest

from stagegate import Delivery, Engine, MemoryStore, Notification, Query, Store

from ._base import Fixtures
from ._clock import ManualClock
from ._lives import CLERK, HOSTILE, long_life, random_life
from ._telling import LEASE, claim, ids_of
from ._writing import PATIENCE, everything

EVERYTHING = "*"
"""What a hold of all deliveries is put on."""


def _dead(store: Store, row: Delivery) -> None:
    dead = attrs.evolve(row, status="dead", tries=24, leased_until=None, error="nobody there")
    assert store.settle(row, dead) is True


def _tell(store: Store, *notifications: Notification) -> None:
    """Commit one event that causes these."""
    (commit,) = long_life("a", 1)
    placed = [attrs.evolve(told, agreement="a", n=1, hash=commit.entry.hash) for told in notifications]
    attrs.evolve(commit, notifications=tuple(placed)).write(store)


def _bell(k: int, to: str = "", **about: object) -> Notification:
    id_ = f"00000000-0000-4000-8000-{k:012}"
    return Notification(channel="bell", kind="rung", to=to, id=id_, **about)  # type: ignore[arg-type]


class Letters(Fixtures):
    """Dead letters, holds, and what is kept of what is told."""

    @pytest.fixture
    def three(self, store: Store, clock: ManualClock) -> list[Delivery]:
        """Have three notifications, for `x`, `y` and `z`; return their rows."""
        _tell(store, *(_bell(k, to, max_age=timedelta(hours=1)) for k, to in enumerate("xyz")))
        clock.advance(minutes=1)
        return list(store.outbox())

    @pytest.fixture
    def dead(self, store: Store, three: list[Delivery], clock: ManualClock) -> list[Delivery]:
        """Have given up the first two of them, delivered none."""
        for row in claim(store, clock(), 2):
            _dead(store, row)
        return three

    def test_requeue_one(self, store: Store, dead: list[Delivery], clock: ManualClock) -> None:
        """S126: a dead row that is requeued by its id begins anew: due now, untried, with no error and no end."""
        now, (first, second, third) = clock.advance(days=1), dead
        assert store.requeue(now, second.notification.id) == 1
        rows = {row.notification.id: row for row in store.outbox()}

        assert attrs.evolve(second, due_at=now, expires_at=None) == rows[second.notification.id]
        assert (rows[first.notification.id].status, rows[first.notification.id].tries) == ("dead", 24)
        assert third == rows[third.notification.id]

    def test_requeue_all(self, store: Store, dead: list[Delivery], clock: ManualClock) -> None:
        """S127: all that are dead are requeued at once, and only those; how many is answered."""
        delivered = claim(store, clock(), only=dead[2].notification.id)[0]
        store.settle(delivered, attrs.evolve(delivered, status="delivered", tries=1, leased_until=None))

        assert [store.requeue(clock()), store.requeue(clock())] == [2, 0]
        assert ids_of(dead[:2]) == ids_of(store.outbox("pending"))
        assert ids_of(dead[2:]) == ids_of(store.outbox("delivered"))

    def test_requeue_what_is_not_dead(self, store: Store, three: list[Delivery], clock: ManualClock) -> None:
        """S128: what is not dead, or not there, is not requeued: nothing changes, and none is answered."""
        (row,) = claim(store, clock(), 1)
        store.settle(row, attrs.evolve(row, status="delivered", tries=1, leased_until=None))
        claim(store, clock(), 1)
        before = list(store.outbox())

        assert [store.requeue(clock(), row.notification.id) for row in three] == [0, 0, 0]
        assert store.requeue(clock(), "00000000-0000-4000-8000-0000000000ff") == 0
        assert before == list(store.outbox())

    def test_requeued_is_delivered(self, store: Store, dead: list[Delivery], clock: ManualClock) -> None:
        """S129: what was requeued is claimed again, told as it was, and settled as any other."""
        store.requeue(clock.advance(days=1).astimezone(timezone(timedelta(hours=9))), dead[0].notification.id)
        (row,) = claim(store, clock(), only=dead[0].notification.id)

        assert dead[0].notification == row.notification
        assert store.settle(row, attrs.evolve(row, status="delivered", tries=1, leased_until=None)) is True
        assert store.requeue(clock()) == 1

    @pytest.mark.usefixtures("three")
    def test_hold_everything(self, store: Store, engine: Engine, clock: ManualClock) -> None:
        """S130: while everything is held nothing is claimed, also not by its id, nor what is written meanwhile."""
        store.hold(EVERYTHING, "restored from a copy")
        engine.start("cooperation", "b", by=CLERK)

        assert claim(store, clock.advance(days=1)) == []
        assert [claim(store, clock(), only=row.notification.id) for row in store.outbox()] == [[]] * 5
        assert engine.deliver().held == "restored from a copy"

    def test_hold_one(self, store: Store, three: list[Delivery], clock: ManualClock) -> None:
        """S131: while a recipient is held nothing of it is claimed, and all of the others is."""
        store.hold("bell:y", "moved house")

        assert claim(store, clock(), only=three[1].notification.id) == []
        assert ids_of([three[0], three[2]]) == ids_of(claim(store, clock()))

    def test_recipients_are_told_apart(self, store: Store, clock: ManualClock) -> None:
        """S132: recipients are compared as they are: channel, case, accents and wildcards tell them apart."""
        names = ["x", "X", "é", "e\u0301", "%", "_", *HOSTILE]
        _tell(store, *(_bell(k, to) for k, to in enumerate(names)))
        store.hold("paper:x", "another channel")
        store.hold("x", "no channel")
        for to in names[1:]:
            store.hold(f"bell:{to}", "away")

        assert [row.notification.to for row in claim(store, clock.advance(days=1))] == ["x"]
        store.release("bell:%")
        assert [row.notification.to for row in claim(store, clock())] == ["%"]

    def test_release(self, store: Store, three: list[Delivery], clock: ManualClock) -> None:
        """S133: what is released is claimed again, each hold by itself; what was not held is answered so."""
        store.hold(EVERYTHING, "restored")
        store.hold("bell:x", "away")

        assert store.release("bell:y") is False
        assert store.release(EVERYTHING) is True
        assert store.release(EVERYTHING) is False
        assert ids_of(three[1:]) == ids_of(claim(store, clock()))
        assert store.release("bell:x") is True
        assert ids_of(three[:1]) == ids_of(claim(store, clock()))

    def test_holds_are_listed(self, store: Store) -> None:
        """S134: what is held is listed in the order of code points, with why; who holds it again says why anew."""
        assert dict(store.holds()) == {}
        scopes = [f"bell:{to}" for to in ("z", "é", "e\u0301", "A", "a", "\uffee", "😀")]
        for scope in [EVERYTHING, *scopes]:
            store.hold(scope, HOSTILE[3])
        store.hold("bell:a", HOSTILE[1])
        store.release("bell:A")

        kept = sorted({EVERYTHING, *scopes} - {"bell:A"})
        assert [(scope, HOSTILE[1] if scope == "bell:a" else HOSTILE[3]) for scope in kept] == list(
            store.holds().items()
        )

    @pytest.mark.usefixtures("lived")
    def test_hold_changes_no_row(self, store: Store) -> None:
        """S135: a hold, and its end, change nothing else that is kept."""
        before = everything(store)
        for scope in (EVERYTHING, "paper:clerk"):
            store.hold(scope, "x")
        assert before == everything(store)
        for scope in (EVERYTHING, "paper:clerk"):
            store.release(scope)

        assert before == everything(store)
        assert list(store.faults()) == []

    def test_settle_while_held(self, store: Store, three: list[Delivery], clock: ManualClock) -> None:
        """S136: what was in a hand when it was held can be settled, and what was dead be requeued."""
        first, second = claim(store, clock(), 2)
        store.hold(EVERYTHING, "x")
        store.hold("bell:y", "y")
        _dead(store, second)

        assert store.settle(first, attrs.evolve(first, status="delivered", tries=1, leased_until=None)) is True
        assert store.requeue(clock()) == 1
        assert ids_of(three[1:]) == sorted(ids_of(store.outbox("pending")))
        assert claim(store, clock()) == []

    def test_nothing_is_claimed_once_it_is_held(self, store: Store, clock: ManualClock) -> None:
        """S137: whoever begins to claim after a hold was put on gets nothing, however many are at it."""
        _tell(store, *(_bell(k, "x") for k in range(400)))
        now, held = clock(), threading.Event()

        def work(_: int) -> list[int]:
            took = [0, 0]
            for _ in range(60):
                late = held.is_set()
                took[late] += len(claim(store, now, 1))
            return took

        with ThreadPoolExecutor(4) as pool:
            working = [pool.submit(work, k) for k in range(4)]
            store.hold("bell:x", "stop")
            held.set()
            before, after = zip(*(one.result(PATIENCE) for one in working), strict=True)

        assert sum(after) == 0
        assert sum(before) == sum(row.leased_until is not None for row in store.outbox())

    def test_end_is_kept(self, store: Store, clock: ManualClock) -> None:
        """S138: until when something is worth telling comes back to the microsecond, and never if it always is."""
        at = clock() + timedelta(microseconds=7)
        _tell(store, _bell(1, max_age=timedelta(days=3), at=at), _bell(2, at=at))
        ends = [at + timedelta(days=3), None]

        assert ends == [row.expires_at for row in store.outbox()]
        rows = claim(store, clock.advance(days=9))
        assert ends == [row.expires_at for row in rows]
        for row in rows:
            store.settle(row, attrs.evolve(row, leased_until=None, tries=1, error="x"))
        assert ends == [row.expires_at for row in store.outbox()]

    def test_begins_when_it_was_caused(self, store: Store, clock: ManualClock) -> None:
        """S139: a row is due when its event was recorded, which may be after the agreement was changed last."""
        at = clock.advance(days=30)
        _tell(store, _bell(1, at=at), _bell(2))

        assert {at, long_life("a", 1)[0].agreement.changed_at} == {row.due_at for row in store.outbox()}

    def test_language_reference_age(self, store: Store) -> None:
        """S140: language, reference and age of what is told come back as they were, and stand in the dossier."""
        several = [
            _bell(k, lang=lang, reference=reference, max_age=age)
            for k, (lang, reference, age) in enumerate(
                [("en", "", None), ("id", "No. 7/2025", 60), ("ja", HOSTILE[5], timedelta(days=999))]
            )
        ]
        _tell(store, *several)
        kept = [row.notification for row in store.outbox()]

        assert [(n.lang, n.reference, n.max_age) for n in several] == [(n.lang, n.reference, n.max_age) for n in kept]
        assert [n.payload() for n in several] == [n.payload() for n in kept]
        (dossier,) = store.dossiers()
        assert {n.id: (1, n.brief()["digest"]) for n in several} == dict(dossier.outbox)

    def test_receipts(self, lived: Store, clock: ManualClock) -> None:
        """S141: what is read of the outbox has the hash of the event that caused it: in a listing, and in a hand."""
        hashes = {(c.agreement.id, c.entry.n): c.entry.hash for c in random_life()}
        clock.set(max(commit.agreement.changed_at for commit in random_life()))
        for rows in (list(lived.outbox()), claim(lived, clock(), 10_000)):
            assert sum(len(commit.notifications) for commit in random_life()) == len(rows)
            for told in (row.notification for row in rows):
                hash_ = hashes[told.agreement, told.n]
                assert (hash_, hash_.hex()) == (told.hash, told.receipt.hash)

    def test_large_outbox(self, store: Store, clock: ManualClock) -> None:
        """S142: of a large outbox each row is claimed once; those due together in the order of agreement and id."""
        for id_ in ("b", "a"):
            (commit,) = long_life(id_, 1)
            told = [attrs.evolve(_bell(k), agreement=id_, n=1) for k in range(500) if k % 2 == (id_ == "a")]
            attrs.evolve(commit, notifications=tuple(reversed(told))).write(store)
        met = [row for _ in range(20) for row in claim(store, clock(), 30)]

        wanted = [("a", k) for k in range(1, 500, 2)] + [("b", k) for k in range(0, 500, 2)]
        assert wanted == [(row.notification.agreement, int(row.notification.id[-12:])) for row in met]
        assert dict(store.count(Query(), None)) == {None: 2}

    def test_letters_alike(self, lived: Store, mirror: MemoryStore, clock: ManualClock) -> None:
        """S143: after the same claims, settlings, holds and requeues the outbox is that of `MemoryStore`."""
        clock.set(max(commit.agreement.changed_at for commit in random_life()))
        for one in (lived, mirror):
            one.hold("paper:council", HOSTILE[1])
            for k, row in enumerate(claim(one, clock(), 60)):
                due = clock() + timedelta(minutes=k)
                outcomes = (
                    attrs.evolve(row, status="delivered", tries=1, leased_until=None),
                    attrs.evolve(row, status="dead", tries=2, leased_until=None, error=HOSTILE[5]),
                    attrs.evolve(row, tries=1, leased_until=None, error="busy", due_at=due),
                )
                if k % 4:
                    one.settle(row, outcomes[k % 4 - 1])
            dead = ids_of(one.outbox("dead"))
            one.requeue(clock() + timedelta(seconds=1), dead[0])

        assert list(mirror.outbox()) == list(lived.outbox())
        assert dict(mirror.holds()) == dict(lived.holds())
        later = clock() + LEASE
        assert [r.notification for r in claim(mirror, later, 99)] == [r.notification for r in claim(lived, later, 99)]
