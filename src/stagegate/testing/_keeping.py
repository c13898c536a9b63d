"""Clauses on what is kept: dossiers for `verify`, and what outlives a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256

import attrs
import pytest

from stagegate import Conflict, Definition, Engine, Event, Pin, Query, Store, StoreError, fold

from ._base import Fixtures
from ._clock import ManualClock
from ._lives import CLERK, HOSTILE, IDS, desk, later_process, long_life, random_life, timed_process, write
from ._makers import make_process
from ._writing import everything, together


class Dossiers(Fixtures):
    """Everything that is kept, for `verify`."""

    def test_dossier_is_complete(self, lived: Store) -> None:
        """S78: a dossier holds the snapshot, every event, every request and every row of the outbox, and no other."""
        for id_ in IDS:
            (dossier,) = lived.dossiers(id_)
            commits = [commit for commit in random_life() if commit.agreement.id == id_]
            requests = {
                (commit.entry.n, commit.request[0]): commit.request[1].fingerprint
                for commit in commits
                if commit.request
            }
            told = {
                notification.id: (commit.entry.n, sha256(notification.payload()).hexdigest())
                for commit in commits
                for notification in commit.notifications
            }

            assert (id_, commits[-1].agreement) == (dossier.id, dossier.agreement)
            assert [commit.entry for commit in commits] == list(dossier.entries)
            assert requests == dict(dossier.requests)
            assert told == dict(dossier.outbox)
            assert list(dossier.faults) == []

    def test_dossiers_in_order(self, lived: Store) -> None:
        """S79: all dossiers come in the order of ids, each once, and are those that are read one by one."""
        several = list(lived.dossiers())

        assert sorted(IDS) == [dossier.id for dossier in several]
        assert [next(iter(lived.dossiers(id_))) for id_ in sorted(IDS)] == several

    def test_many_dossiers(self, store: Store) -> None:
        """S80: so it is with more agreements than a store may care to hold in hand at once."""
        for k in range(300):
            write(store, long_life(f"a{k}", 1))

        assert sorted(f"a{k}" for k in range(300)) == [dossier.id for dossier in store.dossiers()]

    def test_work_goes_on_during_dossiers(self, store: Store) -> None:
        """S81: while somebody looks through the dossiers, others can write."""
        commits = long_life("b", 4)
        write(store, [*long_life("a", 1), commits[0], *long_life("c", 1)])
        seen = []
        for dossier, commit in zip(store.dossiers(), commits[1:], strict=True):
            commit.write(store)
            seen.append(dossier)

        assert [dossier.id for dossier in seen] == ["a", "b", "c"]
        assert [fold(dossier.entries) for dossier in seen] == [dossier.agreement for dossier in seen]
        assert commits[3].agreement == store.get("b")

    def test_random_life_verifies(self, lived: Store, clock: ManualClock) -> None:
        """S82: after a random life all that is kept agrees, and what is kept beside the dossiers too."""
        with desk(lived, clock) as engine:
            report = engine.verify()

        assert ((), "internal", len(random_life()), len(IDS)) == (
            report.faults,
            report.level,
            report.events,
            report.checked,
        )
        assert list(lived.faults()) == []

    def test_engine_moves(self, engine: Engine, clock: ManualClock) -> None:
        """S83: an engine on the store goes through every kind of move, and its history says so."""
        engine.start("cooperation", "a", by=CLERK)
        for step in range(3):
            clock.advance(days=1)
            engine.record("a", "cost", step, by=CLERK)
            engine.hold("a", "wait", by=CLERK)
            engine.resume("a", by=CLERK)
        engine.end("a", "withdrawn", "enough", by=CLERK)

        assert ["start", *["record", "hold", "resume"] * 3, "end"] == [event.move for event in engine.history("a")]
        assert engine.verify("a").ok


class Definitions(Fixtures):
    """The definitions of processes, kept beside the histories."""

    def test_definition_is_kept(self, store: Store) -> None:
        """S95: a definition that comes with a commit is kept under its digest, byte for byte, hostile texts and all."""
        (commit,) = long_life("a", 1)
        body = "".join(HOSTILE).encode()
        definition = Definition(Pin("p", HOSTILE[3], sha256(body).hexdigest()), body)
        attrs.evolve(commit, definition=definition).write(store)

        assert (bytes, body) == (type(store.definition(definition.pin.digest)), store.definition(definition.pin.digest))
        assert [definition] == list(store.definitions())
        assert store.definition(definition.pin.digest.upper()) is None

    def test_definition_stays(self, store: Store) -> None:
        """S96: what is kept under a digest stays as it is, whatever comes under it later, and the commit is done."""
        commits = long_life("a", 2)
        first = Definition(Pin("p", "1", "0" * 64), b"first")
        attrs.evolve(commits[0], definition=first).write(store)
        for commit in (commits[1], *long_life("b", 1)):
            attrs.evolve(commit, definition=Definition(Pin("q", "2", "0" * 64), b"second")).write(store)

        assert [first] == list(store.definitions())
        assert commits[1].agreement == store.get("a")

    def test_definition_of_no_commit(self, store: Store) -> None:
        """S97: a definition whose commit fails is not kept."""
        first, _, third = long_life("a", 3)
        first.write(store)
        before = list(store.definitions())
        with pytest.raises(Conflict):
            attrs.evolve(third, definition=Definition(Pin("p", "1", "0" * 64), b"x")).write(store)

        assert before == list(store.definitions())

    def test_definitions_in_order(self, store: Store) -> None:
        """S98: the definitions are read in the order of their digests, each once."""
        digests = [f"{k:x}" * 64 for k in (12, 3, 7, 15, 0, 3)]
        for place, digest in enumerate(digests):
            (commit,) = long_life(f"a{place}", 1)
            attrs.evolve(commit, definition=Definition(Pin("p", "1", digest), digest.encode())).write(store)

        assert sorted(set(digests)) == [definition.pin.digest for definition in store.definitions()]

    def test_random_life_keeps_what_it_ran_under(self, lived: Store) -> None:
        """S99: after a random life there are the definitions that agreements were started under or migrated to."""
        processes = sorted((make_process(), later_process(), timed_process()), key=lambda process: process.digest)

        assert [Definition(p.pin, p.to_json()) for p in processes] == list(lived.definitions())

    def test_migrated_agreement_is_listed_anew(self, store: Store, engine: Engine, clock: ManualClock) -> None:
        """S100: an agreement that goes on under a process of another id is listed and counted under that one."""
        other = later_process("federation")
        engine.start("cooperation", "a", by=CLERK)
        engine.start("cooperation", "b", by=CLERK)
        Engine(store, processes=[make_process(), other], clock=clock).migrate("a", other, by=CLERK)

        assert dict(store.count(Query(), "process")) == {"federation": 1, "cooperation": 1}
        assert [a.id for a in store.find(Query(process="federation"), after=None, limit=9)] == ["a"]
        assert [a.id for a in store.find(Query(process="cooperation"), after=None, limit=9)] == ["b"]
        assert engine.verify().ok


class Lasting(Fixtures):
    """What a store that outlives its process keeps. Skipped for one that forgets."""

    @pytest.fixture
    def reopened(self, lived: Store, anew: Callable[[], Store]) -> Iterator[Store]:
        """Close the store after a random life, and open it anew."""
        lived.close()
        store = anew()
        yield store
        store.close()

    def test_all_is_there_again(self, reopened: Store, clock: ManualClock) -> None:
        """S84: what was committed is there after closing and opening: snapshots, events, requests, outbox, counts."""
        last = {commit.agreement.id: commit.agreement for commit in random_life()}
        with desk(reopened, clock) as engine:
            assert engine.verify().ok

        assert sorted(last.values(), key=lambda a: a.id) == list(reopened.find(Query(), after=None, limit=1000))
        assert sorted(c.entry.body for c in random_life()) == sorted(e.body for i in IDS for e in reopened.history(i))
        assert sum(len(c.notifications) for c in random_life()) == len(list(reopened.outbox("pending")))
        assert len(IDS) == sum(reopened.count(Query(), None).values())
        requests = dict(commit.request for commit in random_life() if commit.request)
        with reopened.unit("a") as unit:
            assert requests == {request: unit.known(request) for request in requests}

    def test_definitions_are_there_again(self, reopened: Store, mirror: Store) -> None:
        """S101: so are the definitions, and each is found by its digest."""
        there = list(reopened.definitions())

        assert list(mirror.definitions()) == there
        assert [definition.body for definition in there] == [reopened.definition(d.pin.digest) for d in there]

    def test_life_goes_on(self, reopened: Store) -> None:
        """S85: an agreement goes on where it stood when the store was closed."""
        clock = ManualClock(max(commit.agreement.changed_at for commit in random_life()) + timedelta(days=1))
        with desk(reopened, clock) as engine:
            noted = engine.note("a", "still here", by=CLERK)
            last = engine.history("a", after=noted.n - 1)

            assert [("noted", noted.head)] == [(event.kind, event.hash) for event in last]
            assert engine.verify().ok

    def test_claims_are_kept(self, store: Store, clock: ManualClock, anew: Callable[[], Store]) -> None:
        """S86: what was in a hand when the store was closed stays so until its lease has run out."""
        with desk(store, clock) as engine:
            engine.start("cooperation", "b", by=CLERK)
        until = clock() + timedelta(minutes=5)
        claimed = list(store.claim(clock(), until=until, limit=1))
        store.close()
        again = anew()

        assert len(list(again.claim(clock(), until=until, limit=10))) == 1
        assert again.settle(claimed[0], attrs.evolve(claimed[0], status="delivered", tries=1, leased_until=None))
        again.close()

    def test_two_stores_see_each_other(self, store: Store, another: Store) -> None:
        """S87: two stores that are open on one place see each other's commits at once."""
        commits = long_life("a", 4)
        for commit, writer, reader in zip(commits, (store, another) * 2, (another, store) * 2, strict=True):
            commit.write(writer)

            assert commit.agreement == reader.get("a")
            assert commit.entry == reader.history("a")[-1]
            assert len(list(store.outbox())) == len(list(another.outbox()))
            assert dict(store.count(Query(), "stage")) == dict(another.count(Query(), "stage"))

    def test_two_stores_never_write_one_number(self, store: Store, another: Store) -> None:
        """S88: who writes by one store what was already written by another gets a `Conflict`."""
        commits, others = long_life("a", 2), long_life("a", 2)
        write(store, commits)
        for other in others:
            with pytest.raises(Conflict):
                attrs.evolve(other, notifications=(), request=None).write(another)

        assert [commit.entry for commit in commits] == list(another.history("a"))

    def test_two_stores_at_once(self, store: Store, another: Store, clock: ManualClock) -> None:
        """S89: threads on two stores that are open on one place lose nothing and write no number twice."""
        write(store, long_life("a", 1))

        def work(k: int) -> list[int]:
            with desk((store, another)[k % 2], clock) as engine:
                return together(lambda j: engine.record("a", f"fact{k}.{j}", j, by=CLERK), 6, threads=1)

        with ThreadPoolExecutor(4) as pool:
            done = [f"fact{k}.{j}" for k, several in enumerate(pool.map(work, range(4))) for j in several]
        agreement = another.get("a")

        assert agreement is not None
        assert sorted(done) == sorted(agreement.facts)
        assert agreement == store.get("a") == fold(store.history("a"))
        assert list(range(1, len(done) + 2)) == [entry.n for entry in store.history("a")]

    def test_two_stores_never_share_a_row(self, store: Store, another: Store, clock: ManualClock) -> None:
        """S90: workers on two stores that are open on one place never share a row of the outbox."""
        for k in range(8):
            write(store, long_life(f"a{k}", 1))
        claimed = []
        for worker in (store, another) * 10:
            rows = worker.claim(clock(), until=clock() + timedelta(minutes=5), limit=1)
            claimed += [row.notification.id for row in rows]

        assert sorted(row.notification.id for row in another.outbox()) == sorted(claimed)

    def test_holds_are_there_again(self, store: Store, clock: ManualClock, anew: Callable[[], Store]) -> None:
        """S145: what was held, given up and requeued when the store was closed is so when it is opened anew."""
        write(store, long_life("a", 1))
        write(store, long_life("b", 1))
        until = clock() + timedelta(minutes=5)
        for row in store.claim(clock(), until=until, limit=9):
            store.settle(row, attrs.evolve(row, status="dead", tries=24, leased_until=None, error="x"))
        for told in [row.notification for row in store.outbox("dead")]:
            if told.channel == "paper" or told.agreement == "a":
                store.requeue(clock(), told.id)
        store.hold("bell:", "away")
        store.hold("*", "restored")
        before = list(store.outbox())
        store.close()
        again = anew()

        assert before == list(again.outbox())
        assert dict(again.holds()) == {"*": "restored", "bell:": "away"}
        assert list(again.claim(clock(), until=until, limit=9)) == []
        again.release("*")
        assert {"paper"} == {row.notification.channel for row in again.claim(clock(), until=until, limit=9)}
        again.close()

    def test_two_stores_hold_together(self, store: Store, another: Store, clock: ManualClock) -> None:
        """S146: what is held by one store is not claimed by another that is open on the same place, from then on."""
        until = clock() + timedelta(minutes=5)
        store.hold("*", "stop")
        assert list(another.claim(clock(), until=until, limit=9)) == []
        assert another.release("*") is True
        another.hold("paper:clerk", "away")
        claimed = store.claim(clock(), until=until, limit=9)

        assert [row.notification.channel for row in claimed] == ["bell"]
        assert dict(store.holds()) == dict(another.holds()) == {"paper:clerk": "away"}

    def test_closed_store(self, store: Store, reopen: Callable[[], Store] | None) -> None:
        """S91: a store that was closed says so in a `StoreError`, whatever it is asked; closing it again is nothing."""
        if reopen is None:
            pytest.skip("this store forgets: it holds nothing open")
        store.close()
        store.close()
        now = ManualClock()()
        asked: list[Callable[[], object]] = [
            lambda: long_life("b", 1)[0].write(store),
            lambda: store.get("a"),
            lambda: store.history("a"),
            lambda: store.find(Query(), after=None, limit=1),
            lambda: store.count(Query(), None),
            lambda: store.known("a"),
            lambda: store.claim(now, until=now, limit=1),
            lambda: list(store.outbox()),
            lambda: store.requeue(now),
            lambda: store.hold("*", "x"),
            lambda: store.release("*"),
            store.holds,
            lambda: store.definition("0" * 64),
            lambda: list(store.definitions()),
            lambda: list(store.dossiers()),
            lambda: list(store.faults()),
        ]
        for ask in asked:
            with pytest.raises(StoreError, match="closed"):
                ask()


class Alike(Fixtures):
    """The plainest reading of the contract is `MemoryStore`; every other store answers as it does."""

    def test_answers_alike(self, lived: Store, mirror: Store) -> None:
        """S92: after the same commits, dossiers, counts, outbox, listing and definitions are those of `MemoryStore`."""
        assert everything(mirror) == everything(lived)

    def test_events_can_be_read(self, lived: Store) -> None:
        """S93: every event of every history can be read, and belongs to its agreement."""
        for id_ in IDS:
            events = [Event.read(entry) for entry in lived.history(id_)]

            assert [(id_, n) for n in range(1, len(events) + 1)] == [(event.agreement, event.n) for event in events]
