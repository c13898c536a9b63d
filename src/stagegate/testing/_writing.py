"""Clauses on what a unit of work writes: all of it or nothing, once, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

from stagegate import Agreement, Conflict, Engine, Known, Notification, Query, StagegateError, Store, fold

from ._base import Fixtures
from ._clock import ManualClock
from ._lives import CLERK, IDS, Commit, long_life, random_life, write

PATIENCE = 60
"""For how many seconds a test lets another thread go on before it holds it for stuck."""

A_MOMENT = 0.2
"""For how many seconds a store without a lock is given the chance to let somebody in between."""


def everything(store: Store) -> tuple[Any, ...]:
    """Return all that can be read of *store*, so that two readings can be compared."""
    dossiers = [
        (d.id, d.agreement, list(d.entries), dict(d.requests), dict(d.outbox), list(d.faults)) for d in store.dossiers()
    ]
    counts = {by: dict(store.count(Query(), by)) for by in (None, *Query.COUNTED)}
    listing = list(store.find(Query(), after=None, limit=1000))
    return dossiers, counts, list(store.outbox()), listing, list(store.definitions())


def changed(commit: Commit, **parts: Any) -> Commit:
    """Return *commit* with other parts."""
    return attrs.evolve(commit, **parts)


def numbered(commit: Commit, n: int) -> Commit:
    """Return *commit* as if its event had the number *n*."""
    return changed(
        commit,
        agreement=attrs.evolve(commit.agreement, n=n, version=n),
        entry=attrs.evolve(commit.entry, n=n),
        notifications=(),
        request=None,
    )


class Nothing(Fixtures):
    """What a store answers that holds nothing."""

    def test_get_of_nothing(self, store: Store) -> None:
        """S1: an agreement that nobody has started is None."""
        assert store.get("nobody") is None

    def test_history_of_nothing(self, store: Store) -> None:
        """S2: its history is empty, from wherever it is read."""
        readings = [store.history("nobody"), store.history("nobody", 3), store.history("nobody", 0, 3)]

        assert [list(reading) for reading in readings] == [[], [], []]

    def test_listing_of_nothing(self, store: Store) -> None:
        """S3: an empty store lists nothing and counts nothing, by whatever it is counted."""
        counts = [sum(store.count(Query(), by).values()) for by in (None, *Query.COUNTED)]

        assert list(store.find(Query(), after=None, limit=10)) == []
        assert counts == [0] * 7

    def test_outbox_of_nothing(self, store: Store, clock: ManualClock) -> None:
        """S4: an empty store has nothing to deliver."""
        assert list(store.outbox()) == []
        assert list(store.claim(clock(), until=clock.advance(minutes=5), limit=10)) == []

    def test_dossiers_of_nothing(self, store: Store) -> None:
        """S5: an empty store has no dossiers, none of an unknown id, and nothing wrong beside them."""
        assert (list(store.dossiers()), list(store.dossiers("nobody")), list(store.faults())) == ([], [], [])

    def test_unit_on_nothing(self, store: Store) -> None:
        """S6: a unit on an unknown id has that id, and no agreement."""
        with store.unit("nobody") as unit:
            assert (unit.id, unit.agreement) == ("nobody", None)

    def test_definition_of_nothing(self, store: Store) -> None:
        """S94: an empty store keeps no definition, and none under an unknown digest."""
        assert (store.definition("0" * 64), list(store.definitions())) == (None, [])


class Units(Fixtures):
    """What one unit of work does."""

    def test_commit_is_read_back(self, store: Store) -> None:
        """S7: what was committed is what `get`, `history` and the next unit answer."""
        (commit,) = long_life("a", 1)
        commit.write(store)

        assert commit.agreement == store.get("a")
        assert [commit.entry] == list(store.history("a"))
        with store.unit("a") as unit:
            assert commit.agreement == unit.agreement

    def test_every_field_is_kept(self, store: Store) -> None:
        """S8: every commit of a random life gives back the very agreement: documents, facts, votes, holds, rounds."""
        for commit in random_life():
            commit.write(store)

            assert commit.agreement == store.get(commit.agreement.id)

    def test_no_commit_no_change(self, store: Store) -> None:
        """S9: a unit that is left without a commit changes nothing, and gives the lock back."""
        with store.unit("a"):
            pass

        assert store.get("a") is None
        write(store, long_life("a", 1))

    def test_error_passes_through(self, store: Store) -> None:
        """S10: an error inside a unit reaches the caller as it is, changes nothing, and gives the lock back."""
        error = LookupError("mine")
        with pytest.raises(LookupError) as caught, store.unit("a"):
            raise error

        assert error is caught.value
        assert store.get("a") is None
        write(store, long_life("a", 1))

    def test_interruption_gives_the_lock_back(self, store: Store) -> None:
        """S11: so does an interruption, which is no `Exception`."""
        with pytest.raises(KeyboardInterrupt), store.unit("a"):
            raise KeyboardInterrupt

        write(store, long_life("a", 1))
        assert store.get("a") is not None

    def test_commit_stands(self, store: Store) -> None:
        """S12: what was committed stands, even if the block fails afterwards."""
        (commit,) = long_life("a", 1)

        def commit_and_fail() -> None:
            with store.unit("a") as unit:
                commit.commit(unit)
                raise LookupError

        with pytest.raises(LookupError):
            commit_and_fail()

        assert [commit.entry] == list(store.history("a"))

    def test_nothing_shows_before_the_commit(self, store: Store) -> None:
        """S13: until the commit, everybody reads what was there before."""
        first, second = long_life("a", 2)
        first.write(store)
        with store.unit("a") as unit:
            assert (first.agreement, [first.entry]) == (store.get("a"), list(store.history("a")))
            second.commit(unit)

        assert (second.agreement, [first.entry, second.entry]) == (store.get("a"), list(store.history("a")))

    def test_units_follow_each_other(self, store: Store) -> None:
        """S14: each unit sees what the one before it committed."""
        for commit in long_life("a", 5):
            with store.unit("a") as unit:
                assert commit.entry.n - 1 == (0 if unit.agreement is None else unit.agreement.n)
                commit.commit(unit)


class Numbers(Fixtures):
    """No number twice, none left out."""

    @pytest.fixture
    def two(self, store: Store) -> Iterator[tuple[Commit, ...]]:
        """Have an agreement with two events, and check that nothing of it changes."""
        commits = long_life("a", 4)
        write(store, commits[:2])
        before = everything(store)
        yield commits
        assert before == everything(store)

    def test_number_twice(self, store: Store, two: tuple[Commit, ...]) -> None:
        """S15: a commit of a number that is taken is a `Conflict` that names the agreement, and changes nothing."""
        with pytest.raises(Conflict) as caught:
            numbered(two[3], 2).write(store)

        assert caught.value.agreement == "a"

    def test_first_number_twice(self, store: Store, two: tuple[Commit, ...]) -> None:
        """S16: that holds for the first number too: nobody starts an agreement over another."""
        with pytest.raises(Conflict):
            two[0].write(store)

    def test_number_left_out(self, store: Store, two: tuple[Commit, ...]) -> None:
        """S17: a commit that leaves a number out is a `Conflict` and changes nothing."""
        with pytest.raises(Conflict):
            two[3].write(store)

    def test_first_number_left_out(self, store: Store) -> None:
        """S18: a history begins with the number 1."""
        with pytest.raises(Conflict):
            long_life("a", 2)[1].write(store)

        assert (store.get("a"), list(store.history("a"))) == (None, [])

    def test_numbers_run_from_one(self, lived: Store) -> None:
        """S19: after a random life the numbers of each history run 1, 2, 3 … to that of the snapshot."""
        for id_ in IDS:
            agreement = lived.get(id_)

            assert agreement is not None
            assert list(range(1, agreement.n + 1)) == [entry.n for entry in lived.history(id_)]


class Whole(Fixtures):
    """All or nothing."""

    @pytest.fixture
    def full(self, store: Store, clock: ManualClock, engine: Engine) -> Iterator[Store]:
        """Have a store with a request and notifications, and check that nothing in it changes."""
        for id_ in ("a", "b"):
            clock.advance()
            engine.start("cooperation", id_, by=CLERK, request_id=f"start {id_}")
        before = everything(store)
        yield store
        assert before == everything(store)

    @pytest.fixture
    def next_of_a(self, full: Store, clock: ManualClock) -> Commit:
        """Return the next commit of the agreement `a`, which would be taken as it is."""
        agreement = full.get("a")
        assert agreement is not None
        later = attrs.evolve(agreement, n=2, version=2, stage="vote", owner=("council",), changed_at=clock.advance())
        template = long_life("a", 2)[1]
        known = Known(agreement="a", n=2, fingerprint="f" * 64)
        return changed(template, agreement=later, notifications=(), request=("new request", known))

    def test_notification_twice(self, full: Store, next_of_a: Commit) -> None:
        """S20: a commit whose last notification cannot be written, its id standing there twice, writes nothing."""
        notification = Notification(
            channel="bell", kind="rung", id="00000000-0000-4000-8000-000000000009", agreement="a", n=2
        )
        with pytest.raises(StagegateError):
            changed(next_of_a, notifications=(notification, notification)).write(full)

        with full.unit("a") as unit:
            assert unit.known("new request") is None

    def test_request_twice(self, full: Store, next_of_a: Commit) -> None:
        """S21: a commit under a request id that was taken meanwhile, by whichever agreement, writes nothing."""
        for taken in ("start a", "start b"):
            assert next_of_a.request is not None
            with pytest.raises(StagegateError):
                changed(next_of_a, request=(taken, next_of_a.request[1])).write(full)

    def test_commit_twice(self, store: Store) -> None:
        """S22: a unit commits once: a second commit, which its lock no longer covers, is refused and writes nothing."""
        commits = long_life("c", 2)
        with store.unit("c") as unit:
            commits[0].commit(unit)
            with pytest.raises(StagegateError):
                commits[1].commit(unit)

        assert [commits[0].entry] == list(store.history("c"))
        assert commits[0].agreement == store.get("c")


class Requests(Fixtures):
    """Which requests were answered."""

    def test_request_is_known(self, store: Store) -> None:
        """S23: a request is known once it is committed, with agreement, number and fingerprint; not before."""
        commits = long_life("a", 3)
        for commit in commits[1:]:
            assert commit.request is not None
            with store.unit("a") as unit:
                assert unit.known(commit.request[0]) is None
            commits[commit.entry.n - 2].write(store)
        commits[2].write(store)

        with store.unit("a") as unit:
            assert [None, commits[1].request[1], commits[2].request[1]] == [  # type: ignore[index]
                unit.known(request) for request in ("a 1", "a 2", "a 3")
            ]

    def test_request_is_known_everywhere(self, store: Store) -> None:
        """S24: a request is known in the units of every agreement, also of one that is not there yet."""
        commits = long_life("a", 2)
        write(store, commits)
        for other in ("a", "nobody"):
            with store.unit(other) as unit:
                assert commits[1].request == ("a 2", unit.known("a 2"))

    def test_request_of_a_failed_commit(self, store: Store) -> None:
        """S25: a request whose commit failed is not known."""
        commits = long_life("a", 4)
        commits[0].write(store)
        with pytest.raises(Conflict):
            commits[3].write(store)

        with store.unit("a") as unit:
            assert unit.known("a 4") is None

    def test_requests_are_told_apart(self, store: Store) -> None:
        """S26: request ids are compared as they are: case, accents, wildcards and look-alikes tell them apart."""
        commits = long_life("a", len(IDS) + 1)
        commits[0].write(store)
        for place, commit in enumerate(commits[1:]):
            known = Known(agreement="a", n=commit.entry.n, fingerprint=f"{place:064}")
            changed(commit, request=(IDS[place], known)).write(store)
        with store.unit("a") as unit:
            known_as = [unit.known(request) for request in IDS]

        assert [f"{place:064}" for place in range(len(IDS))] == [known and known.fingerprint for known in known_as]

    def test_requests_are_known_outside(self, store: Store) -> None:
        """S144: a store answers what it knows of a request as its units do: what was committed, of any agreement."""
        commits = long_life("a", 3)
        assert store.known("a 2") is None
        write(store, commits)

        assert [commit.request[1] for commit in commits if commit.request] == [store.known("a 2"), store.known("a 3")]
        assert (store.known("a 1"), store.known("A 2"), store.known("a_2")) == (None, None, None)


class Writers(Fixtures):
    """Several who write at once."""

    def test_second_writer(self, store: Store) -> None:
        """S27: of two writers the second waits and sees what the first wrote, or gets a `Conflict`; nothing is lost."""
        commits = long_life("a", 3)
        commits[0].write(store)
        inside = threading.Event()

        def second() -> str:
            try:
                with store.unit("a") as unit:
                    inside.set()
                    seen = unit.agreement
                    commits[1 if seen == commits[0].agreement else 2].commit(unit)
            except Conflict:
                return "conflict"
            return "waited"

        with ThreadPoolExecutor(1) as pool:
            with store.unit("a") as unit:
                other = pool.submit(second)
                # A store without a lock lets the other in: then it reads what is about to be outdated.
                inside.wait(A_MOMENT)
                commits[1].commit(unit)
            how = other.result(PATIENCE)

        assert {"conflict": 2, "waited": 3}[how] == len(store.history("a"))
        assert fold(store.history("a")) == store.get("a")

    def test_threads_on_one_agreement(self, store: Store, engine: Engine) -> None:
        """S28: many threads on one agreement: every change that was acknowledged is in the history, once."""
        engine.start("cooperation", "a", by=CLERK)
        done = together(lambda k: engine.record("a", f"fact{k}", k, by=CLERK), 24)
        facts = store.get("a").facts  # type: ignore[union-attr]

        assert {f"fact{k}" for k in done} == set(facts)
        assert list(range(1, len(done) + 2)) == [entry.n for entry in store.history("a")]
        assert engine.verify().ok

    def test_threads_on_many_agreements(self, store: Store, engine: Engine) -> None:
        """S29: many threads, each on an agreement of its own: none keeps another from its work for good."""
        done = together(lambda k: engine.start("cooperation", f"a{k}", by=CLERK), 24)

        assert len(done) == sum(store.count(Query(), None).values())
        assert sorted(f"a{k}" for k in done) == [a.id for a in store.find(Query(), after=None, limit=100)]
        assert engine.verify().ok

    def test_one_starts(self, store: Store, engine: Engine) -> None:
        """S30: of many who start an agreement of one id, one does."""
        done = together(lambda _: engine.start("cooperation", "a", by=CLERK), 12)

        assert (len(done), len(store.history("a"))) == (1, 1)

    def test_one_request(self, store: Store, engine: Engine) -> None:
        """S31: of many who repeat one request, one changes something, and all who get an answer get the same."""
        engine.start("cooperation", "a", by=CLERK)
        answers: list[Agreement] = []
        together(lambda _: answers.append(engine.record("a", "cost", 7, by=CLERK, request_id="once")), 12)

        assert [answers[0]] * len(answers) == answers
        assert len(store.history("a")) == 2

    def test_readers_see_whole_commits(self, store: Store) -> None:
        """S32: whoever reads while others write sees snapshots that are the fold of their history."""
        commits = long_life("a", 40)
        commits[0].write(store)
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write, store, commits[1:])
            seen = set()
            while not writing.done():
                agreement = store.get("a")
                assert agreement is not None
                assert agreement == fold(store.history("a", upto=agreement.n))
                seen.add(agreement.n)
            writing.result()

        assert seen <= set(range(1, 41))


def together(work: Callable[[int], object], times: int, *, threads: int = 8) -> list[int]:
    """Let several threads do *work*; return what was acknowledged. A `StagegateError` is a no, all else a fault."""
    done: list[int] = []

    def one(k: int) -> None:
        try:
            work(k)
        except StagegateError:
            return
        done.append(k)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(times)))
    assert done, "nobody got anything done"
    return done
