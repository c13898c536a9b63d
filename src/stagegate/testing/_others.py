"""Clauses on what a unit of work reads of other agreements: as they are, and still so when it commits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress

from stagegate import Agreement, Conflict, Engine, Query, StagegateError, Store, fold

from ._base import Fixtures
from ._clock import ManualClock
from ._lives import CLERK, IDS, WHOLES, Commit, long_life, random_life, whole_life, write
from ._writing import A_MOMENT, PATIENCE


class Others(Fixtures):
    """What a unit reads of other agreements."""

    def test_others_are_read(self, lived: Store) -> None:
        """S102: a unit shows every other agreement as it is, its own too, and None where there is none."""
        last = {commit.agreement.id: commit.agreement for commit in random_life()}
        with lived.unit("a") as unit:
            assert last == {id_: unit.other(id_) for id_ in IDS}
            assert [unit.other("nobody"), unit.other("")] == [None, None]

    def test_parts_are_read(self, lived: Store) -> None:
        """S103: a unit shows the parts of its agreement and no others, in the order of the code points of their ids."""
        last = {commit.agreement.id: commit.agreement for commit in random_life()}
        for id_ in (*IDS, "nobody"):
            with lived.unit(id_) as unit:
                expected = [last[part] for part in sorted(WHOLES) if WHOLES[part] == id_]

                assert (id_, expected) == (id_, list(unit.parts()))

    def test_others_follow(self, store: Store) -> None:
        """S104: each unit sees of others what was committed before it; a unit left without a commit changes none."""
        commits = whole_life()
        now: dict[str, Agreement] = {}
        for commit in commits:
            with store.unit("w") as unit:
                assert now == {id_: other for id_ in ("w", "w/1", "w/2") if (other := unit.other(id_)) is not None}
                assert [now[id_] for id_ in sorted(now) if id_ != "w"] == list(unit.parts())
            commit.write(store)
            now[commit.agreement.id] = commit.agreement

    def test_other_stays(self, store: Store) -> None:
        """S105: what a unit has read of another agreement is still so when it commits, or that is a `Conflict`."""
        whole, part, *_ = _started(store)

        through = threading.Event()

        with ThreadPoolExecutor(1) as pool:
            try:
                with store.unit("w") as unit:
                    seen = unit.other("w/1")
                    other = pool.submit(_commit, store, _next(part), through)
                    through.wait(A_MOMENT)
                    changed = store.get("w/1") != seen
                    _next(whole).commit(unit)
                how = "committed"
            except Conflict:
                how = "conflict"
            there = other.result(PATIENCE)

        assert (changed, how) in {(False, "committed"), (True, "conflict")}
        assert {"committed": 2, "conflict": 1}[how] == len(store.history("w"))
        assert {"committed": 2, "conflict": 1}[there] == len(store.history("w/1"))

    def test_no_part_is_added(self, store: Store) -> None:
        """S106: nor is a part added to those that a unit has read, while it is open, or its commit is a `Conflict`."""
        whole, _, second = _started(store)

        through = threading.Event()

        with ThreadPoolExecutor(1) as pool:
            try:
                with store.unit("w") as unit:
                    seen = [part.id for part in unit.parts()]
                    other = pool.submit(_commit, store, second, through)
                    through.wait(A_MOMENT)
                    added = store.get("w/2") is not None
                    _next(whole).commit(unit)
                how = "committed"
            except Conflict:
                how = "conflict"
            other.result(PATIENCE)

        assert seen == ["w/1"]
        assert (added, how) in {(False, "committed"), (True, "conflict")}
        assert {"committed": 2, "conflict": 1}[how] == len(store.history("w"))

    def test_no_two_rest_on_each_other(self, store: Store) -> None:
        """S107: of two units that each read what the other writes, one sees what was written, or does not commit."""
        first, second = long_life("a", 3), long_life("b", 3)
        write(store, [first[0], second[0]])
        inside = threading.Event()

        def meanwhile() -> int:
            try:
                with store.unit("b") as unit:
                    seen = unit.other("a")
                    inside.set()
                    second[1].commit(unit)
            except StagegateError:
                return 0
            return 0 if seen is None else seen.n

        with ThreadPoolExecutor(1) as pool:
            try:
                with store.unit("a") as unit:
                    seen = unit.other("b")
                    other = pool.submit(meanwhile)
                    inside.wait(A_MOMENT)
                    first[1].commit(unit)
                mine = 0 if seen is None else seen.n
            except StagegateError:
                mine = 0
            theirs = other.result(PATIENCE)

        assert (mine, theirs) != (1, 1)
        assert (mine, theirs) != (0, 0)
        assert [fold(store.history(id_)) for id_ in "ab"] == [store.get(id_) for id_ in "ab"]

    def test_engine_on_parts(self, store: Store, engine: Engine, clock: ManualClock) -> None:
        """S108: an engine on the store starts parts, finds them page by page, and proves what was read of the whole."""
        whole = engine.start("cooperation", "w", by=CLERK)
        for k in range(5):
            clock.advance(hours=1)
            engine.start("cooperation", f"w/{k}", part_of=whole, by=CLERK)
        engine.start("cooperation", "other", by=CLERK)

        assert [f"w/{k}" for k in range(5)] == [part.id for part in engine.parts("w")]
        assert [a.id for a in store.find(Query(part_of="w"), after="w/1", limit=2)] == ["w/2", "w/3"]
        assert [(whole.id, whole.head.hex())] == [
            (read["agreement"], read["head"]) for read in engine.history("w/4")[0].data["read"]
        ]
        assert engine.verify().ok

    def test_parts_stay(self, store: Store) -> None:
        """S117: nor does a part change that a unit has read, or its commit is a `Conflict`."""
        whole, part, _ = _started(store)
        done: list[str] = []

        def meanwhile() -> None:
            with suppress(Conflict), store.unit("w/1") as unit:
                _next(part).commit(unit)
                done.append("part")

        with ThreadPoolExecutor(1) as pool, suppress(Conflict), store.unit("w") as unit:
            seen = list(unit.parts())
            wait([pool.submit(meanwhile)], A_MOMENT)
            _next(whole).commit(unit)
            done.append("whole")

        assert [part.agreement] == seen
        assert done in (["part"], ["whole"], ["whole", "part"])

    def test_no_two_that_are_open_rest_on_each_other(self, store: Store) -> None:
        """S118: so it is with two units that are both open before either reads the other."""
        commits = {"a": long_life("a", 2), "b": long_life("b", 2)}
        for first, _ in commits.values():
            first.write(store)
        here = threading.Barrier(2)

        def meet() -> None:
            # A store with one lock lets only one in, who does not wait for long.
            with suppress(threading.BrokenBarrierError):
                here.wait(A_MOMENT)

        def past(mine: str, its: str) -> bool:
            """Say whether it was committed on what was before the other."""
            try:
                with store.unit(mine) as unit:
                    meet()
                    read = unit.other(its)
                    meet()
                    commits[mine][1].commit(unit)
            except StagegateError:
                return False
            return read == commits[its][0].agreement

        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(past, *ids) for ids in (("a", "b"), ("b", "a"))]

        assert [future.result() for future in running] != [True, True]
        assert [fold(store.history(id_)) for id_ in "ab"] == [store.get(id_) for id_ in "ab"]

    def test_others_of_another_store(self, store: Store, another: Store) -> None:
        """S119: a unit of one store reads of others what was committed by another that is open on the same place."""
        first, part, _ = (commit for commit in whole_life() if commit.entry.n == 1)
        for commit, writer, reader in ((first, store, another), (part, another, store), (_next(part), store, another)):
            commit.write(writer)
            with reader.unit("w") as unit:
                assert commit.agreement == unit.other(commit.agreement.id)
                assert [one.id for one in unit.parts()] == ["w/1"] * (commit is not first)


def _started(store: Store) -> tuple[Commit, Commit, Commit]:
    """Write a whole with one part; return the commits that started them, and the one that would start another part."""
    by_id = {commit.agreement.id: commit for commit in whole_life() if commit.entry.n == 1}
    write(store, [by_id["w"], by_id["w/1"]])
    return by_id["w"], by_id["w/1"], by_id["w/2"]


def _next(commit: Commit) -> Commit:
    """Return the commit that follows the first of an agreement in the life of a whole."""
    return next(c for c in whole_life() if (c.agreement.id, c.entry.n) == (commit.agreement.id, 2))


def _commit(store: Store, commit: Commit, through: threading.Event) -> str:
    """Commit as an engine does that starts or moves a part: it reads the whole first."""
    try:
        with store.unit(commit.agreement.id) as unit:
            unit.other("w")
            commit.commit(unit)
    except Conflict:
        return "conflict"
    finally:
        through.set()
    return "committed"
