"""Clauses on reading: histories byte for byte, listings page by page, counts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations
from typing import Any

import attrs

from stagegate import Agreement, Engine, Entry, MemoryStore, Party, Query, Store, fold

from ._base import Fixtures
from ._clock import ManualClock
from ._lives import CLERK, HOSTILE, IDS, long_life, random_life, write
from ._makers import make_agreement

MEANS: dict[str, Callable[[Agreement, Any], bool]] = {
    "stage": lambda a, stage: bool(a.stage == stage),
    "process": lambda a, process: bool(a.process.id == process),
    "outcome": lambda a, outcome: bool(a.outcome == outcome),
    "running": lambda a, running: (a.outcome is None) is running,
    "owner": lambda a, owner: owner in a.owner,
    "on_hold": lambda a, on_hold: (a.hold is not None) is on_hold,
    "party": lambda a, party: party in [one.id for one in a.parties],
    "text": lambda a, text: any(_folded(text) in _folded(words) for words in _words(a)),
    "changed_since": lambda a, instant: bool(a.changed_at >= instant),
    "overdue": lambda a, overdue: any(one.overdue for one in a.deadlines.values()) is overdue,
    "part_of": lambda a, whole: bool(a.part_of == whole),
    "due_before": lambda a, instant: any(at <= instant for at in _ahead(a)),
}
"""What each filter means, written out once more."""

ASKED: dict[str, tuple[Any, ...]] = {
    "stage": ("draft", "vote", "review", "done", "Draft"),
    "process": ("cooperation", "other"),
    "outcome": ("withdrawn", "fulfilled", ""),
    "running": (True, False),
    "owner": ("clerk", "council", "ministry", "cler", "%"),
    "on_hold": (True, False),
    "party": ("party0", "party2", "Party0", "party_"),
    "part_of": ("é", "e\u0301", "É", "0", "00", "a'b", "日本", "pact", "Pact", "pact/1", "%", "nobody"),
    "text": ("o'brien", "STRASSE", "%", "_", "協力", "party1", "\\", "zz", "é"),
    "overdue": (True, False),
}
"""What each filter is asked for; `changed_since` and `due_before` are asked for instants of the life itself."""


def _ahead(agreement: Agreement) -> list[datetime]:
    """Return when something is still to be done about the deadlines of an agreement."""
    passing = [one.at for one in agreement.deadlines.values() if one.at is not None and not one.overdue]
    return [*passing, *(at for one in agreement.deadlines.values() for at in one.remind_at)]


def _words(agreement: Agreement) -> list[str]:
    return [agreement.id, agreement.title, *(word for party in agreement.parties for word in (party.id, party.name))]


def _folded(text: str) -> str:
    return text.casefold()


def _asked(mirror: MemoryStore) -> Iterator[tuple[str, Any]]:
    for name, values in ASKED.items():
        yield from ((name, value) for value in values)
    times = sorted({agreement.changed_at for agreement in _all(mirror)})
    for at in (times[0], times[len(times) // 2], times[-1], times[-1] + timedelta(microseconds=1)):
        yield "changed_since", at
    for at in sorted(at for agreement in _all(mirror) for at in _ahead(agreement)):
        yield from (("due_before", at), ("due_before", at - timedelta(microseconds=1)))


def _meant(agreements: list[Agreement], **asked: Any) -> list[Agreement]:
    return [a for a in agreements if all(MEANS[name](a, value) for name, value in asked.items())]


def _all(store: Store) -> list[Agreement]:
    return [agreement for id_ in sorted(IDS) if (agreement := store.get(id_)) is not None]


def _ids(store: Store, query: Query, after: str | None = None, limit: int = 1000) -> list[str]:
    return [agreement.id for agreement in store.find(query, after=after, limit=limit)]


class Histories(Fixtures):
    """Histories are bytes."""

    def test_bytes_are_kept(self, lived: Store, mirror: MemoryStore) -> None:
        """S33: bodies and hashes come back byte for byte, hostile texts and all."""
        for id_ in IDS:
            entries = list(lived.history(id_))

            assert list(mirror.history(id_)) == entries
            assert {(bytes, bytes)} == {(type(entry.body), type(entry.hash)) for entry in entries}

    def test_slices(self, store: Store) -> None:
        """S34: a history is read from behind one number up to another; what lies outside is empty."""
        commits = long_life("a", 5)
        write(store, commits)
        entries = [commit.entry for commit in commits]
        for after in range(7):
            assert entries[after:] == list(store.history("a", after))
            for upto in range(8):
                assert entries[after:upto] == list(store.history("a", after, upto))

    def test_histories_do_not_mix(self, lived: Store) -> None:
        """S35: ids are compared as they are: case, accents, wildcards and look-alikes tell histories apart."""
        for id_ in IDS:
            folded = fold(lived.history(id_))

            assert folded is not None
            assert (id_, lived.get(id_)) == (folded.id, folded)

    def test_large_event(self, store: Store) -> None:
        """S36: an event of a mebibyte is kept."""
        (commit,) = long_life("a", 1)
        body = b'{"data":"' + "é🤝".encode() * ((2**20 - 11) // 6) + b'"}'
        entry = Entry(n=1, body=body, hash=bytes(range(32)))
        attrs.evolve(commit, entry=entry).write(store)

        assert [entry] == list(store.history("a"))

    def test_long_history(self, store: Store) -> None:
        """S37: a history of some hundred events is read whole and in parts."""
        commits = long_life("a", 300)
        write(store, commits)

        assert [commit.entry for commit in commits] == list(store.history("a"))
        assert [commits[299].entry] == list(store.history("a", 299))
        assert [commits[149].entry] == list(store.history("a", 149, 150))
        assert commits[299].agreement == store.get("a")

    def test_past_is_not_touched(self, store: Store) -> None:
        """S38: later commits change nothing in the entries before them."""
        first: dict[str, Entry] = {}
        for commit in random_life():
            commit.write(store)
            first.setdefault(commit.agreement.id, commit.entry)

        assert first == {id_: store.history(id_, 0, 1)[0] for id_ in IDS}


class Listings(Fixtures):
    """Listings: which, in which order, page by page."""

    def test_order(self, lived: Store) -> None:
        """S39: agreements are listed in the order of the code points of their ids."""
        assert sorted(IDS) == _ids(lived, Query())

    def test_listed_whole(self, lived: Store) -> None:
        """S40: a listing holds the same values as `get`."""
        assert _all(lived) == list(lived.find(Query(), after=None, limit=1000))

    def test_limit(self, lived: Store) -> None:
        """S41: a listing holds the first so many, or all where there are fewer."""
        ids = sorted(IDS)

        assert [ids[:limit] for limit in (1, 2, 19, 20, 21, 10_000)] == [
            _ids(lived, Query(), limit=limit) for limit in (1, 2, 19, 20, 21, 10_000)
        ]

    def test_after(self, lived: Store) -> None:
        """S42: a listing goes on behind an id, whether there is such an agreement or not."""
        ids = sorted(IDS)
        for after in [*ids, "", "a~", "~", "\U0010ffff"]:
            assert [id_ for id_ in ids if id_ > after] == _ids(lived, Query(), after)

    def test_pages(self, lived: Store) -> None:
        """S43: page by page, each agreement stands on exactly one, whatever the size of the pages and the filter."""
        for size in (1, 3, 7):
            for query in (
                Query(),
                Query(owner="clerk"),
                Query(running=True),
                Query(text="a"),
                Query(party="party1"),
                Query(part_of="pact"),
                Query(overdue=True),
                Query(due_before=datetime.max.replace(tzinfo=UTC)),
            ):
                pages, after = list[str](), None
                while len(pages) <= len(IDS) and (page := _ids(lived, query, after, size)):
                    pages += page
                    after = page[-1]

                assert _ids(lived, query) == pages

    def test_pages_while_others_are_added(self, store: Store) -> None:
        """S44: those that were there stand on exactly one page, also while others are added on all sides."""
        for k in range(20):
            write(store, long_life(f"m{k:02}", 1))
        seen, after, added = list[str](), None, 0
        while len(seen) <= 40 and (page := _ids(store, Query(), after, 3)):
            seen += page
            after = page[-1]
            for id_ in (f"a{added}", f"{after}+", f"z{added}") if added < 4 else ():
                write(store, long_life(id_, 1))
            added += 1

        assert sorted(set(seen)) == seen
        assert {f"m{k:02}" for k in range(20)} <= set(seen)

    def test_every_filter(self, lived: Store, mirror: MemoryStore) -> None:
        """S45: every filter of `Query` finds what it means, and nothing else."""
        there = _all(mirror)
        assert set(MEANS) == {field.name for field in attrs.fields(Query)}
        for name, value in _asked(mirror):
            expected = [agreement.id for agreement in _meant(there, **{name: value})]

            assert (name, value, expected) == (name, value, _ids(lived, Query(**{name: value})))

    def test_filters_together(self, lived: Store, mirror: MemoryStore) -> None:
        """S46: filters that are asked together all hold."""
        there = _all(mirror)
        dice = random.Random(46)  # noqa: S311  chance that can be repeated
        pairs = [dict(pair) for pair in combinations(_asked(mirror), 2) if pair[0][0] != pair[1][0]]
        for asked in dice.sample(pairs, 150):
            expected = [agreement.id for agreement in _meant(there, **asked)]

            assert (asked, expected) == (asked, _ids(lived, Query(**asked)))

    def test_text_is_found_whatever_its_case(self, store: Store, engine: Engine) -> None:
        """S47: a text is found in id, title, party id and party name, whatever its case in whichever script."""
        parties = [Party("izumisano", name="泉佐野市 Straße ΛΟΓΟΣ")]
        engine.start("cooperation", "Bekasi-1", title="Kerja Sama ÅÉ", parties=parties, by=CLERK)
        engine.start("cooperation", "other", title="", by=CLERK)
        for text in ("BEKASI", "kerja sama åé", "IZUMI", "佐野", "STRASSE", "λογος"):
            assert (text, ["Bekasi-1"]) == (text, _ids(store, Query(text=text)))

    def test_text_is_no_pattern(self, store: Store, engine: Engine) -> None:
        """S48: a text that is looked for is no pattern and no command."""
        for place, title in enumerate(HOSTILE):
            engine.start("cooperation", f"t{place:02}", title=title, by=CLERK)
        for place, title in enumerate(HOSTILE):
            expected = [f"t{k:02}" for k, other in enumerate(HOSTILE) if _folded(title) in _folded(f"t{k:02} {other}")]

            assert f"t{place:02}" in expected
            assert expected == _ids(store, Query(text=title))

    def test_instant_in_any_zone(self, lived: Store, mirror: MemoryStore) -> None:
        """S49: `changed_since` is an instant, in whichever zone it is told, and includes itself."""
        at = sorted(agreement.changed_at for agreement in _all(mirror))[10]
        expected = [agreement.id for agreement in _all(mirror) if agreement.changed_at >= at]
        for hours in (-11, 0, 7, 9):
            local = at.astimezone(timezone(timedelta(hours=hours)))

            assert expected == _ids(lived, Query(changed_since=local))

    def test_listing_follows(self, store: Store) -> None:
        """S50: after every commit the listings by stage, owner and hold are those of the snapshots."""
        memory = MemoryStore()
        for commit in random_life()[:120]:
            commit.write(store)
            commit.write(memory)
            agreement = commit.agreement
            query = Query(stage=agreement.stage, on_hold=agreement.hold is not None, running=agreement.running)

            assert _ids(memory, query) == _ids(store, query)


def _counted(agreements: list[Agreement], by: str | None) -> Counter[Any]:
    counts: Counter[Any] = Counter()
    for agreement in agreements:
        values: dict[str | None, tuple[Any, ...]] = {
            None: (None,),
            "stage": (agreement.stage,),
            "process": (agreement.process.id,),
            "outcome": (agreement.outcome,),
            "running": (agreement.outcome is None,),
            "owner": agreement.owner,
            "on_hold": (agreement.hold is not None,),
        }
        counts.update(values[by])
    return counts


class Counts(Fixtures):
    """Counts, which a store may keep beside the agreements."""

    def test_counted(self) -> None:
        """S51: the contract knows every column that can be counted by."""
        assert set(Query.COUNTED) == {"stage", "process", "outcome", "running", "owner", "on_hold"}

    def test_counts_follow(self, store: Store) -> None:
        """S52: after every commit of a random life the counts are those of looking at each agreement."""
        now: dict[str, Agreement] = {}
        for commit in random_life():
            commit.write(store)
            now[commit.agreement.id] = commit.agreement
            by = (None, *Query.COUNTED)[len(store.history(commit.agreement.id)) % 7]

            assert (by, _counted(list(now.values()), by)) == (by, dict(store.count(Query(), by)))

    def test_counts_by_every_column(self, lived: Store, mirror: MemoryStore) -> None:
        """S53: what is counted under every filter that can be counted by is what looking at each agreement gives."""
        there = _all(mirror)
        for name, value in [(column, value) for column in Query.COUNTED for value in ASKED[column]]:
            meant = _meant(there, **{name: value})
            for by in (None, *Query.COUNTED):
                counts = lived.count(Query(**{name: value}), by)

                assert (name, value, by, _counted(meant, by)) == (name, value, by, +Counter(dict(counts)))

    def test_counts_under_filters_together(self, lived: Store, mirror: MemoryStore) -> None:
        """S54: so it is under several filters at once."""
        there = _all(mirror)
        dice = random.Random(54)  # noqa: S311  chance that can be repeated
        for _ in range(60):
            asked = {name: dice.choice(ASKED[name]) for name in dice.sample(Query.COUNTED, 3)}

            assert _counted(_meant(there, **asked), "stage") == +Counter(dict(lived.count(Query(**asked), "stage")))

    def test_no_empty_counts(self, store: Store, engine: Engine) -> None:
        """S55: a value that no agreement has any more is not counted as nothing: it is not there."""
        engine.start("cooperation", "a", by=CLERK)
        engine.hold("a", "wait", by=CLERK)
        engine.end("a", "withdrawn", "enough", by=CLERK)

        assert {by: dict(store.count(Query(), by)) for by in ("outcome", "running", "on_hold", "owner")} == {
            "outcome": {"withdrawn": 1},
            "running": {False: 1},
            "on_hold": {False: 1},
            "owner": {},
        }

    def test_several_owners(self, store: Store) -> None:
        """S56: an agreement of several owners counts for each of them, and names within names are told apart."""
        (commit,) = long_life("a", 1)
        owner = ("head_of_region", "head", "a/b.c-d")
        attrs.evolve(commit, agreement=attrs.evolve(commit.agreement, owner=owner)).write(store)
        roles = (*owner, "region", "a/b", "head_of")

        assert dict.fromkeys(owner, 1) == dict(store.count(Query(), "owner"))
        assert [sum(store.count(Query(owner=role), None).values()) for role in roles] == [1, 1, 1, 0, 0, 0]
        assert [_ids(store, Query(owner=role)) for role in roles] == [["a"]] * 3 + [[]] * 3

    def test_refusals_count_for_nothing(self, store: Store) -> None:
        """S57: an event that changes nothing but the number changes no count and no listing."""
        commits = long_life("a", 2)
        commits[0].write(store)
        before = commits[0].agreement
        after = attrs.evolve(before, n=2, head=commits[1].entry.hash)
        attrs.evolve(commits[1], agreement=after).write(store)

        assert after == store.get("a")
        assert dict(store.count(Query(), "stage")) == {"draft": 1}
        assert _ids(store, Query(changed_since=before.changed_at)) == ["a"]


class Values(Fixtures):
    """Values that travel through a store."""

    def test_hostile_texts(self, store: Store) -> None:
        """S58: texts come back as they were: quotes, wildcards, control characters, all scripts, long ones."""
        (commit,) = long_life("a", 1)
        agreement = make_agreement("a", title="".join(HOSTILE), parties=[Party("p", name="".join(HOSTILE))])
        agreement = attrs.evolve(agreement, head=commit.entry.hash)
        attrs.evolve(commit, agreement=agreement).write(store)

        assert agreement == store.get("a")
        assert [agreement] == list(store.find(Query(), after=None, limit=1))

    def test_instants_are_exact(self, store: Store, clock: ManualClock, engine: Engine) -> None:
        """S59: instants keep their microseconds, and are aware."""
        now = clock.advance(microseconds=123_457)
        engine.start("cooperation", "a", by=CLERK)
        agreement = store.get("a")

        assert agreement is not None
        assert (now, now, timedelta(0)) == (
            agreement.changed_at,
            agreement.started_at,
            agreement.changed_at.utcoffset(),
        )
