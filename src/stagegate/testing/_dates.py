"""Clauses on what is due, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from stagegate import (
    Adjournment,
    Agreement,
    Deadline,
    Engine,
    Event,
    MemoryStore,
    Query,
    Store,
)

from ._base import Fixtures
from ._clock import ManualClock
from ._lives import CLERK, HOSTILE, LAND, TIMED, Commit, long_life, opened, random_life, timed_process
from ._writing import together

EVER = datetime.max.replace(tzinfo=UTC)
"""By when everything is due."""


def _table(plain: dict[str, Any], agreement: Agreement) -> Any:
    """Return a frozen table: of the kind in which an agreement has its own."""
    return type(agreement.rounds)(plain)


def _due(at: datetime, agreement: Agreement, **about: Any) -> Deadline:
    """Return a deadline that has passed at *at*."""
    rule = _table({"workdays": 5}, agreement)
    return Deadline(key="stage:draft", rule=rule, start=at.date(), date=at.date(), at=at, **about)


def _with(commit: Commit, *several: Deadline, **changes: Any) -> Commit:
    """Return *commit* with an agreement that has these deadlines."""
    agreement = commit.agreement
    deadlines = _table({one.key: one for one in several}, agreement)
    return attrs.evolve(commit, agreement=attrs.evolve(agreement, deadlines=deadlines, **changes))


def _ids(store: Store, query: Query, after: str | None = None, limit: int = 1000) -> list[str]:
    return [agreement.id for agreement in store.find(query, after=after, limit=limit)]


class Dates(Fixtures):
    """What is due, and when."""

    @pytest.fixture
    def timed(self, store: Store, clock: ManualClock) -> Engine:
        """Have an engine on the store that knows the process of the timed agreements."""
        return opened(store, clock, timed_process(), calendars=[LAND])

    def test_deadlines_are_kept(self, store: Store) -> None:
        """S109: deadlines come back as they were: paused, away, to be reminded of, uncertain, overdue, of any round."""
        (commit,) = long_life("a", 1)
        agreement = commit.agreement
        at = datetime(2025, 7, 24, 1, 2, 3, 456_789, tzinfo=UTC)
        rule = _table({"workdays": 45, "since": "letter.received_on", "on_hold": "pause"}, agreement)
        still = Deadline(key="stage:a", rule=rule, start=at.date(), paused_on=at.date(), away=True)
        given = (
            still,
            attrs.evolve(still, key="requirement:any of: a, b", pauses=((at.date(), at.date()),) * 2, away=False),
            _due(at, agreement, remind_at=(at - timedelta(1), at), calendar=(HOSTILE[1], HOSTILE[3])),
            _due(at, agreement, certain=False, overdue=True, round=7),
            attrs.evolve(still, key="term", rule=_table({"until": "treaty.valid_until"}, agreement)),
        )
        keys = (HOSTILE[2], "duty:a", "duty:b")
        several = tuple(attrs.evolve(one, key=key) for one, key in zip(given, (*keys, "b", "a"), strict=True))
        put_off = Adjournment(number=2, until=at.date(), reason=HOSTILE[5], by=HOSTILE[1], n=1)
        adjourned = _table({"council": put_off, "a": attrs.evolve(put_off, until=None)}, agreement)
        whole = _with(commit, *several, escalated=("b", "a"), adjourned=adjourned, part_of=HOSTILE[4])
        whole.write(store)

        assert whole.agreement == store.get("a")
        with store.unit("a") as unit:
            assert whole.agreement == unit.agreement

    def test_due_at_the_very_instant(self, store: Store) -> None:
        """S110: `due_before` finds what is to be done at or before an instant, to the microsecond, told in any zone."""
        (commit,) = long_life("a", 1)
        at = datetime(2025, 7, 24, 23, 30, 0, 1, tzinfo=UTC)
        _with(commit, _due(at, commit.agreement)).write(store)
        for hours in (-11, 0, 7, 9):
            local = at.astimezone(timezone(timedelta(hours=hours)))

            assert _ids(store, Query(due_before=local)) == ["a"]
            assert _ids(store, Query(due_before=local - timedelta(microseconds=1))) == []

    def test_whatever_comes_first(self, store: Store) -> None:
        """S111: a reminder makes an agreement due as a date does; what stands still or was said to be late does not."""
        at = datetime(2025, 7, 24, tzinfo=UTC)
        a, b, c, d, e = (long_life(id_, 1)[0] for id_ in "abcde")
        early, late = timedelta(days=9), timedelta(days=3)
        _with(a, _due(at, a.agreement, remind_at=(at - early, at - late))).write(store)
        _with(b, _due(at - late, b.agreement), attrs.evolve(_due(at, b.agreement), key="term")).write(store)
        _with(c, _due(at - early, c.agreement, overdue=True)).write(store)
        _with(d, attrs.evolve(_due(at, d.agreement), at=None, date=None, paused_on=at.date())).write(store)
        e.write(store)
        due = [_ids(store, Query(due_before=when)) for when in (at - early, at - late, EVER)]

        assert due == [["a"], ["a", "b"], ["a", "b"]]

    def test_due_follows(self, store: Store) -> None:
        """S112: after every commit, what is due and what is overdue is what looking at each agreement gives."""
        memory = MemoryStore()
        for commit in random_life():
            commit.write(store)
            commit.write(memory)
            if commit.agreement.id not in TIMED:
                continue
            now = Event.read(commit.entry).recorded_at
            for query in (
                Query(due_before=now),
                Query(due_before=EVER),
                Query(overdue=True),
                Query(due_before=now, overdue=True),
            ):
                assert (query, _ids(memory, query)) == (query, _ids(store, query))

    def test_pages_of_what_is_due(self, store: Store) -> None:
        """S113: paged in the order of ids, what is due is met once, though it is put off or done as it is met."""
        at = datetime(2025, 7, 24, tzinfo=UTC)
        commits = {f"a{k:02}": long_life(f"a{k:02}", 2) for k in range(20)}
        for k, (first, _) in enumerate(commits.values()):
            _with(first, _due(at - timedelta(days=7 * k % 20), first.agreement)).write(store)
        met, after = list[str](), None
        while len(met) <= 40 and (page := _ids(store, Query(due_before=at), after, 3)):
            met += page
            after = page[-1]
            for id_ in page[:2]:
                # One is done with, one is due again, earlier than any other, as after a reminder; one is left alone.
                second = commits[id_][1]
                again = (_due(at - timedelta(days=99), second.agreement),) if id_ == page[0] else ()
                _with(second, *again).write(store)

        assert sorted(commits) == met

    def test_reminder_is_no_change(self, store: Store, timed: Engine, clock: ManualClock) -> None:
        """S114: a reminder takes a number and is no new version: who saw the version before it goes on from there."""
        seen = timed.start("pact", "a", by=CLERK)
        clock.advance(days=14)
        assert timed.sweep().reminded == 1
        reminded = store.get("a")

        assert reminded is not None
        assert (2, 1, seen.changed_at) == (reminded.n, reminded.version, reminded.changed_at)
        with store.unit("a") as unit:
            assert reminded == unit.agreement
        assert ((after := timed.note(seen, "seen", by=CLERK)).n, after.version) == (3, 3)

    def test_many_sweep(self, store: Store, timed: Engine, clock: ManualClock) -> None:
        """S115: of many who sweep at once each thing is done once, and after a sweep nothing is due any more."""
        for id_ in ("a", "b", "c"):
            timed.start("pact", id_, by=CLERK)
        now = clock.advance(days=60)
        together(lambda _: timed.sweep(), 8)
        kinds = [[event.kind for event in timed.history(id_)] for id_ in ("a", "b", "c")]

        assert kinds == [["started", "voted", "overdue"]] * 3
        assert (_ids(store, Query(due_before=now)), _ids(store, Query(overdue=True))) == ([], ["a", "b", "c"])
        assert timed.verify().ok

    def test_dossier_has_dates(self, lived: Store) -> None:
        """S116: a dossier holds the deadlines of the snapshot, and of which whole it is a part."""
        last = {commit.agreement.id: commit.agreement for commit in random_life()}
        for id_ in TIMED:
            (dossier,) = lived.dossiers(id_)

            assert dossier.agreement is not None
            assert (last[id_].deadlines, last[id_].part_of) == (dossier.agreement.deadlines, dossier.agreement.part_of)
            assert list(dossier.faults) == []
