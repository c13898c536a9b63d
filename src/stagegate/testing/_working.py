"""Clauses on jobs and batches: what a store may share among many callers, and what each of them is owed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import attrs
import pytest

from stagegate import Agreement, Batching, Conflict, Query, Store, Unit, Working, fold

from ._base import Fixtures
from ._lives import long_life, whole_life, write
from ._writing import PATIENCE, everything

T = TypeVar("T")


def run(store: Store, agreement: str, job: Callable[[Unit], T]) -> T:
    """Run a job as an engine does: by `Working.work`, where the store has it, otherwise in a unit of its own."""
    if isinstance(store, Working):
        return store.work(agreement, job)
    with store.unit(agreement) as unit:
        return job(unit)


class Jobs(Fixtures):
    """Units of work that a store runs in its own way; where it has none, each in a unit."""

    def test_job_result(self, store: Store) -> None:
        """S147: what a job returns is returned, and what it committed is there by then."""
        first, second = long_life("a", 2)
        for commit in (first, second):

            def job(unit: Unit, commit: object = commit) -> tuple[int, object]:
                before = 0 if unit.agreement is None else unit.agreement.n
                commit.commit(unit)  # type: ignore[attr-defined]
                return before, commit

            assert (commit.entry.n - 1, commit) == run(store, "a", job)
            assert (commit.agreement, commit.entry) == (store.get("a"), store.history("a")[-1])

    def test_job_error(self, store: Store) -> None:
        """S148: an error of a job reaches its caller as it is, nothing is written, and the next job is done."""
        (commit,) = long_life("a", 1)
        error = LookupError("mine")

        def fail(unit: Unit) -> None:
            assert unit.agreement is None
            raise error

        with pytest.raises(LookupError) as caught:
            run(store, "a", fail)

        assert error is caught.value
        assert (store.get("a"), list(store.history("a"))) == (None, [])
        run(store, "a", commit.commit)
        assert commit.agreement == store.get("a")

    def test_job_interrupted(self, store: Store) -> None:
        """S149: so it is with an interruption, which is no `Exception`."""
        (commit,) = long_life("a", 1)

        def interrupt(_: Unit) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(store, "a", interrupt)

        run(store, "a", commit.commit)
        assert commit.agreement == store.get("a")

    def test_idle_job(self, store: Store) -> None:
        """S150: a job that commits nothing changes nothing, and is answered like any other."""
        write(store, long_life("a", 2))
        before = everything(store)

        assert run(store, "a", lambda unit: (unit.id, unit.agreement)) == ("a", store.get("a"))
        assert run(store, "b", lambda unit: (unit.id, unit.agreement)) == ("b", None)
        assert before == everything(store)

    def test_job_sees_the_last(self, store: Store) -> None:
        """S151: a job sees of its agreement, of others, of parts and requests what was committed before it."""
        *starts, note, _, _ = whole_life()
        write(store, starts)
        run(store, "w", note.commit)

        def look(unit: Unit) -> tuple[Agreement | None, Agreement | None, list[str]]:
            return unit.agreement, unit.other("w/2"), [part.id for part in unit.parts()]

        assert (note.agreement, starts[2].agreement, ["w/1", "w/2"]) == run(store, "w", look)
        commits = long_life("a", 2)
        for commit in commits:
            run(store, "a", commit.commit)
        assert commits[1].request == ("a 2", run(store, "b", lambda unit: unit.known("a 2")))

    def test_many_jobs(self, store: Store) -> None:
        """S152: of many jobs at once, on an agreement each, every caller gets its own answer, and it is so by then."""
        lives = {f"a{k:02}": long_life(f"a{k:02}", 3) for k in range(24)}

        def live(id_: str) -> list[str]:
            said = []
            for commit in lives[id_]:

                def job(unit: Unit, commit: object = commit) -> str:
                    commit.commit(unit)  # type: ignore[attr-defined]
                    return unit.id

                said.append(run(store, id_, job))
                assert commit.agreement == store.get(id_)
            return said

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(live, lives, timeout=PATIENCE))

        assert [[id_] * 3 for id_ in lives] == answers
        assert dict(store.count(Query(), None)) == {None: 24}
        assert [[c.entry for c in commits] for commits in lives.values()] == [list(store.history(i)) for i in lives]

    def test_many_jobs_on_one_agreement(self, store: Store) -> None:
        """S153: of many jobs at once on one agreement none is lost, no number is there twice; a `Conflict` is a no."""
        commits = long_life("a", 60)
        commits[0].write(store)

        def job(unit: Unit) -> int:
            assert unit.agreement is not None
            n = unit.agreement.n
            commits[n].commit(unit)
            return n + 1

        def caller(_: int) -> list[int]:
            done = []
            for _ in range(5):
                try:
                    done.append(run(store, "a", job))
                except Conflict:
                    continue
            return done

        with ThreadPoolExecutor(8) as pool:
            done = [n for several in pool.map(caller, range(8)) for n in several]

        assert list(range(2, len(done) + 2)) == sorted(done)
        assert len(done) + 1 == len(store.history("a"))
        assert fold(store.history("a")) == store.get("a")

    def test_failing_jobs_among_many(self, store: Store) -> None:
        """S154: of many jobs at once those that fail get their own error, write nothing, and take none with them."""
        errors = {k: LookupError(k) for k in range(0, 48, 3)}

        def caller(k: int) -> object:
            (commit,) = long_life(f"a{k:02}", 1)

            def job(unit: Unit) -> int:
                commit.commit(unit) if k % 3 else None
                if k in errors:
                    raise errors[k]
                return k

            try:
                return run(store, f"a{k:02}", job)
            except LookupError as error:
                return error

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(caller, range(48)))

        assert [errors.get(k, k) for k in range(48)] == answers
        assert [f"a{k:02}" for k in range(48) if k % 3] == [a.id for a in store.find(Query(), after=None, limit=99)]

    def test_conflicting_jobs_among_many(self, store: Store) -> None:
        """S155: a job whose number or request is taken gets its `Conflict` or its error alone, and writes nothing."""
        first = long_life("a", 3)
        write(store, first[:2])

        def caller(k: int) -> str:
            (own,) = long_life(f"b{k}", 1)
            refused = attrs.evolve(first[k % 2], notifications=(), request=None)
            try:
                run(store, "a" if k % 4 == 0 else own.agreement.id, (refused if k % 4 == 0 else own).commit)
            except Conflict as conflict:
                return conflict.agreement
            return own.agreement.id

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(caller, range(24)))

        assert ["a" if k % 4 == 0 else f"b{k}" for k in range(24)] == answers
        assert [commit.entry for commit in first[:2]] == list(store.history("a"))
        assert dict(store.count(Query(), None)) == {None: 19}


class Batches(Fixtures):
    """Many changes in one commit. Skipped for a store that has no batches."""

    @pytest.fixture
    def batching(self, store: Store) -> Batching:
        """Have the store, if it has batches."""
        if not isinstance(store, Batching):
            pytest.skip("this store has no batches")
        return store

    def test_batch(self, store: Store, batching: Batching) -> None:
        """S156: what is written in a batch is read there as it is written, and by all when the batch is over."""
        commits = [commit for id_ in "abc" for commit in long_life(id_, 2)]
        with batching.batch() as batch:
            for commit in commits:
                commit.write(batch)
                assert commit.agreement == batch.get(commit.agreement.id)
            batch.hold("paper:x", "away")

        assert [c.entry for c in commits] == [entry for id_ in "abc" for entry in store.history(id_)]
        assert dict(store.count(Query(), None)) == {None: 3}
        assert sum(len(commit.notifications) for commit in commits) == len(list(store.outbox()))
        assert dict(store.holds()) == {"paper:x": "away"}
        assert list(store.faults()) == []

    def test_batch_that_fails(self, store: Store, batching: Batching) -> None:
        """S157: a batch that ends in an error writes nothing, the error passes, and others can write."""
        write(store, long_life("a", 1))
        before, error = everything(store), LookupError("mine")

        def fail() -> None:
            with batching.batch() as batch:
                write(batch, [*long_life("a", 3)[1:], *long_life("b", 2)])
                batch.hold("*", "x")
                raise error

        with pytest.raises(LookupError) as caught:
            fail()

        assert error is caught.value
        assert (before, {}) == (everything(store), dict(store.holds()))
        write(store, long_life("b", 1))

    def test_batch_is_seen_whole(self, store: Store, batching: Batching) -> None:
        """S158: until a batch is over, everybody else reads what was there before."""
        first, second = long_life("a", 2)
        first.write(store)
        with ThreadPoolExecutor(1) as pool, batching.batch() as batch:
            second.write(batch)
            write(batch, long_life("b", 1))

            assert pool.submit(store.get, "a").result(PATIENCE) == first.agreement
            assert pool.submit(store.get, "b").result(PATIENCE) is None

        assert second.agreement == store.get("a")

    def test_conflict_in_a_batch(self, store: Store, batching: Batching) -> None:
        """S159: what is refused within a batch, and passed over, leaves the rest of the batch as it is."""
        first, second = long_life("a", 2)
        with batching.batch() as batch:
            first.write(batch)
            with pytest.raises(Conflict):
                first.write(batch)
            second.write(batch)

        assert [first.entry, second.entry] == list(store.history("a"))
        assert list(store.faults()) == []
