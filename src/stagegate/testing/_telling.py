"""Clauses on the outbox: what is to be told is in one hand at a time, and never lost."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import attrs
import pytest

from stagegate import Conflict, Delivery, Engine, MemoryStore, Notification, Store

from ._base import Fixtures
from ._clock import ManualClock
from ._lives import CLERK, HOSTILE, Commit, long_life, write

LEASE = timedelta(minutes=5)


def claim(
    store: Store, now: datetime, limit: int = 100, lease: timedelta = LEASE, only: str | None = None
) -> list[Delivery]:
    """Claim rows of the outbox."""
    return list(store.claim(now, until=now + lease, limit=limit, only=only))


def put_off(store: Store, row: Delivery, due: datetime) -> None:
    """Put a claimed row back, untried, until it is due."""
    assert store.settle(row, attrs.evolve(row, leased_until=None, due_at=due, error="put off")) is True


def ids_of(rows: Iterable[Delivery]) -> list[str]:
    """Return the ids of what is to be told."""
    return [row.notification.id for row in rows]


def _told(commit: Commit, notification: Notification) -> Commit:
    stamped = attrs.evolve(notification, agreement=commit.agreement.id, n=commit.entry.n)
    return attrs.evolve(commit, notifications=(stamped,))


class Outbox(Fixtures):
    """What is to be told."""

    @pytest.fixture
    def six(self, store: Store, engine: Engine, clock: ManualClock) -> list[str]:
        """Have six notifications, oldest first, put off until an hour after the other; return their ids."""
        commits = long_life("a", 7)[1:]
        engine.start("cooperation", "b", by=CLERK)
        for row in claim(store, clock()):
            store.settle(row, attrs.evolve(row, status="delivered", tries=1, leased_until=None))
        (first,) = long_life("a", 1)
        ids = []
        for k, commit in enumerate([attrs.evolve(first, notifications=()), *commits[:5]]):
            id_ = f"00000000-0000-4000-8000-{9 - k:012}"
            due = attrs.evolve(commit.agreement, changed_at=clock.advance(hours=1))
            notification = Notification(channel="bell", kind="rung", id=id_)
            _told(attrs.evolve(commit, agreement=due, request=None), notification).write(store)
            ids.append(id_)
        for row in claim(store, clock()):
            put_off(store, row, row.due_at)
        return ids

    def test_outbox_holds_what_was_caused(self, lived: Store, mirror: MemoryStore) -> None:
        """S60: every notification of every commit is in the outbox, whole, `pending`, untried and in nobody's hand."""
        rows = {row.notification.id: row for row in lived.outbox()}

        assert {row.notification.id: row for row in mirror.outbox()} == rows
        assert {("pending", 0, None, "")} == {(r.status, r.tries, r.leased_until, r.error) for r in rows.values()}

    def test_outbox_of_no_commit(self, store: Store) -> None:
        """S61: what did not commit is not told."""
        commits = long_life("a", 1)
        write(store, commits)
        before = list(store.outbox())
        other = Notification(channel="bell", kind="rung", id="00000000-0000-4000-8000-000000000007")
        with pytest.raises(Conflict):
            _told(commits[0], other).write(store)

        assert before == list(store.outbox())

    def test_oldest_first(self, store: Store, six: list[str]) -> None:
        """S62: the outbox is read oldest first."""
        assert six == ids_of([row for row in store.outbox() if row.status == "pending"])

    @pytest.mark.usefixtures("six")
    def test_outbox_by_status(self, store: Store, clock: ManualClock) -> None:
        """S63: the outbox is read by status, or all of it."""
        row = claim(store, clock(), 1)[0]
        store.settle(row, attrs.evolve(row, status="dead", tries=10, leased_until=None, error="nobody there"))

        assert {status: len(list(store.outbox(status))) for status in ("pending", "delivered", "dead", None)} == {
            "pending": 5,
            "delivered": 2,
            "dead": 1,
            None: 8,
        }

    def test_hostile_notifications(self, store: Store) -> None:
        """S64: notifications come back as they were, hostile texts and nested tables and all."""
        commits = long_life("a", len(HOSTILE) + 1)
        commits[0].write(store)
        several = []
        for k, commit in enumerate(commits[1:]):
            context = {"text": HOSTILE[k], "deep": [{"a": [None, True, -(2**53), {"b": {}}]}]}
            id_ = f"00000000-0000-4000-8000-{k:012}"
            notification = Notification(channel="bell", kind="rung", to=HOSTILE[k], context=context, id=id_)
            several.append(attrs.evolve(notification, agreement="a", n=commit.entry.n))
            _told(commit, notification).write(store)

        kept = {row.notification.id: row.notification for row in store.outbox()}
        assert several == [kept[notification.id] for notification in several]

    def test_claim_what_is_due(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S65: only what is due is claimed, at its very instant, oldest first."""
        now, day = clock(), timedelta(days=1)

        assert claim(store, now - timedelta(hours=5, microseconds=1), lease=day) == []
        assert six[:1] == ids_of(claim(store, now - timedelta(hours=5), lease=day))
        assert six[1:3] == ids_of(claim(store, now - timedelta(hours=3), lease=day))
        assert six[3:] == ids_of(claim(store, now, lease=day))

    def test_claim_in_any_zone(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S66: an instant is an instant in whichever zone it is told: for what is due, for leases, for new dates."""
        east, west = (timezone(timedelta(hours=hours)) for hours in (9, -8))
        due = clock() - timedelta(hours=5)

        assert claim(store, (due - timedelta(microseconds=1)).astimezone(east)) == []
        (row,) = claim(store, due.astimezone(west))
        assert due + LEASE == row.leased_until
        assert claim(store, (due + LEASE - timedelta(microseconds=1)).astimezone(east)) == []
        (row,) = claim(store, (due + LEASE).astimezone(east))
        later = clock() + timedelta(hours=2)
        assert store.settle(row, attrs.evolve(row, tries=1, due_at=later.astimezone(west), leased_until=None)) is True
        assert [later] == [r.due_at for r in store.outbox() if r.notification.id == six[0]]
        assert six[0] not in ids_of(claim(store, (later - timedelta(microseconds=1)).astimezone(east)))
        assert six[0] in ids_of(claim(store, later.astimezone(east)))

    def test_claim_some(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S67: a claim takes so many at most, the oldest; the next goes on behind them."""
        assert [six[:2], six[2:4], six[4:], []] == [ids_of(claim(store, clock(), 2)) for _ in range(4)]

    def test_claimed_row(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S68: a claimed row says until when it is in a hand; the outbox says the same."""
        (row,) = claim(store, clock(), 1)

        assert (clock() + LEASE, "pending", 0) == (row.leased_until, row.status, row.tries)
        assert row == next(r for r in store.outbox() if r.notification.id == six[0])

    def test_lease_runs_out(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S69: what is in a hand is claimed by nobody else until the lease has run out, and then again."""
        assert six == ids_of(claim(store, clock()))
        clock.advance(LEASE - timedelta(microseconds=1))
        assert claim(store, clock()) == []
        clock.advance(microseconds=1)
        assert six == ids_of(claim(store, clock()))

    def test_settle_as_delivered(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S70: what was delivered is written as such and never claimed again."""
        (row,) = claim(store, clock(), 1)
        delivered = attrs.evolve(row, status="delivered", tries=1, leased_until=None)

        assert store.settle(row, delivered) is True
        assert delivered in list(store.outbox("delivered"))
        clock.advance(days=999)
        assert six[1:] == ids_of(claim(store, clock()))

    def test_settle_as_failed(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S71: what failed is written with its error, and claimed again when it is due again, not before."""
        (row,) = claim(store, clock(), 1)
        due = clock() + timedelta(hours=2)
        failed = attrs.evolve(row, tries=1, due_at=due, leased_until=None, error=HOSTILE[4])

        assert store.settle(row, failed) is True
        assert six[1:] == ids_of(claim(store, due - timedelta(microseconds=1)))
        (again,) = [r for r in claim(store, due) if r.notification.id == six[0]]
        assert attrs.evolve(failed, leased_until=due + LEASE) == again

    def test_settle_as_dead(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S72: what was given up stays in the outbox and is never claimed again."""
        (row,) = claim(store, clock(), 1)
        dead = attrs.evolve(row, status="dead", tries=10, leased_until=None, error="gone")

        assert store.settle(row, dead) is True
        assert [dead] == list(store.outbox("dead"))
        assert six[1:] == ids_of(claim(store, clock.advance(days=999)))

    @pytest.mark.usefixtures("six")
    def test_settle_too_late(self, store: Store, clock: ManualClock) -> None:
        """S73: who comes too late, the claim having passed to another, writes nothing and is told so."""
        (mine,) = claim(store, clock(), 1)
        clock.advance(LEASE)
        (theirs,) = claim(store, clock(), 1)
        before = list(store.outbox())

        assert store.settle(mine, attrs.evolve(mine, status="dead", leased_until=None)) is False
        assert before == list(store.outbox())
        assert store.settle(theirs, attrs.evolve(theirs, status="delivered", tries=1, leased_until=None)) is True

    @pytest.mark.usefixtures("six")
    def test_settle_twice(self, store: Store, clock: ManualClock) -> None:
        """S74: what is settled is settled: a second word on the same claim writes nothing."""
        (row,) = claim(store, clock(), 1)
        store.settle(row, attrs.evolve(row, status="delivered", tries=1, leased_until=None))
        before = list(store.outbox())

        assert store.settle(row, attrs.evolve(row, status="dead", leased_until=None)) is False
        assert before == list(store.outbox())

    @pytest.mark.usefixtures("six")
    def test_settle_what_was_not_claimed(self, store: Store) -> None:
        """S75: what nobody has in hand cannot be settled."""
        row = next(iter(store.outbox("pending")))
        before = list(store.outbox())

        assert store.settle(row, attrs.evolve(row, status="delivered")) is False
        assert before == list(store.outbox())

    def test_workers_never_share(self, store: Store, engine: Engine, clock: ManualClock) -> None:
        """S76: many workers at once: each row is claimed by one, and none is left over."""
        for k in range(30):
            engine.start("cooperation", f"a{k}", by=CLERK)
        now = clock()

        def work(_: int) -> list[str]:
            mine = list[str]()
            while len(mine) <= 60 and (rows := claim(store, now, 3)):
                mine += ids_of(rows)
            return mine

        with ThreadPoolExecutor(6) as pool:
            claimed = [id_ for mine in pool.map(work, range(6)) for id_ in mine]

        assert sorted(ids_of(list(store.outbox()))) == sorted(claimed)

    def test_engine_delivers(self, store: Store, engine: Engine, clock: ManualClock) -> None:
        """S77: an engine works through the outbox: what nobody delivers waits, untried, and nothing is given up."""
        engine.start("cooperation", "a", by=CLERK)
        rounds = []
        for _ in range(30):
            clock.advance(hours=6)
            rounds.append(engine.deliver())
        rows = list(store.outbox())

        assert {(0, 0, 0, ("bell", "paper"))} == {(r.delivered, r.failed, r.dead, r.unclaimed) for r in rounds}
        assert {("pending", 0, None)} == {(row.status, row.tries, row.leased_until) for row in rows}
        assert len(rows) == 2
        assert engine.verify().ok

    def test_claim_only(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S120: a notification that is asked for by its id is claimed alone, wherever it stands in the order."""
        assert claim(store, clock(), only="00000000-0000-4000-8000-0000000000ff") == []
        assert six[3:4] == ids_of(claim(store, clock(), only=six[3]))
        assert [*six[:3], *six[4:]] == ids_of(claim(store, clock()))

    def test_claim_only_what_is_due(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S121: nor is it claimed before it is due, while it is in a hand, or when it is settled for good."""
        wanted = six[3]

        assert claim(store, clock() - timedelta(hours=2, microseconds=1), only=wanted) == []
        (row,) = claim(store, clock() - timedelta(hours=2), only=wanted)
        assert claim(store, clock() - timedelta(hours=2), only=wanted) == []
        store.settle(row, attrs.evolve(row, status="delivered", tries=1, leased_until=None))
        assert claim(store, clock.advance(days=9), only=wanted) == []

    def test_untouched_is_due(self, store: Store, engine: Engine, clock: ManualClock) -> None:
        """S122: what nobody has touched is due whatever the clock showed when it was written."""
        right = clock()
        clock.advance(hours=7)
        engine.start("cooperation", "a", by=CLERK)
        clock.advance(days=365)
        engine.start("cooperation", "b", by=CLERK)
        rows = claim(store, right)

        assert [row.notification.agreement for row in rows] == ["a", "a", "b", "b"]

    def test_dates_of_a_wrong_clock(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S123: a date more than a day ahead holds nothing back, in a hand or put off; one of a day does."""
        now, day, more = clock(), timedelta(days=1), timedelta(days=1, microseconds=1)
        rows = claim(store, now, lease=day)
        assert claim(store, now) == []
        put_off(store, rows[0], now + day)
        put_off(store, rows[1], now + more)
        assert six[1:2] == ids_of(claim(store, now, lease=more))
        assert [*six[2:5], *six[:2]] == ids_of(claim(store, now - timedelta(microseconds=1)))

    def test_put_back(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S124: a row that is put back untried keeps how often it was tried, and what is said of it."""
        (row,) = claim(store, clock(), 1)
        tried = attrs.evolve(row, tries=3, leased_until=None, error="busy", due_at=clock())
        store.settle(row, tried)
        (again,) = claim(store, clock(), only=six[0])
        later = clock() + timedelta(hours=1)

        assert store.settle(again, attrs.evolve(again, leased_until=None, due_at=later)) is True
        assert attrs.evolve(tried, due_at=later) == next(r for r in store.outbox() if r.notification.id == six[0])
        assert claim(store, later - timedelta(microseconds=1), only=six[0]) == []
        assert claim(store, later, only=six[0])[0].tries == 3

    def test_let_go(self, store: Store, six: list[str], clock: ManualClock) -> None:
        """S125: a row that is given back as it was is there for the next at once, in its old place."""
        first, second = claim(store, clock(), 2)
        assert store.settle(first, attrs.evolve(first, leased_until=None)) is True

        assert [six[0], *six[2:]] == ids_of(claim(store, clock()))
        assert store.settle(second, attrs.evolve(second, leased_until=None)) is True
        assert six[1:2] == ids_of(claim(store, clock()))
