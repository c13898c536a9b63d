"""Votes: whatever is cast, put off, declared or voided, the gate says what a plain recount says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import count
from typing import Any

import attrs
from hypothesis import event, given, settings
from hypothesis import strategies as st

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    GateClosed,
    MemoryStore,
    Process,
    Requirement,
    Stage,
    approval,
    fold,
    value_of,
)
from stagegate.testing import ManualClock

PEOPLE = tuple("abcdef")
BOSS = Actor(id="boss", roles={"boss"})
HOW = {"approve": 1, "refuse": -1, "abstain": 0}


@attrs.define
class Gate:
    """What a gate asks, in the plainest form."""

    quorum: tuple[Fraction, bool] | None
    majority: tuple[Fraction, bool] | None
    members: int | list[str] | None
    count: int

    @property
    def size(self) -> int | None:
        """How many members there are, if that is known."""
        return len(self.members) if isinstance(self.members, list) else self.members

    @property
    def by_person(self) -> bool:
        """Whether single votes are counted."""
        return self.members is not None or self.quorum is None

    def requirement(self) -> Requirement:
        """Return the requirement."""
        asks: dict[str, Any] = {"count": self.count}
        for named in ("quorum", "majority"):
            if (share := getattr(self, named)) is not None:
                asks[named] = f"{'>=' if share[1] else ''}{share[0]}"
        if self.members is not None:
            asks["of_members"] = self.members if isinstance(self.members, int) else value_of("members")
        return approval("council", of="plan", not_listed="conflicts", delegates="deputy", **asks)


@attrs.define
class Ballot:
    """A plain list of who stands where."""

    gate: Gate
    conflicts: list[str]
    cast: list[tuple[str, str, int]] = attrs.field(factory=list)
    recused: list[str] = attrs.field(factory=list)
    results: list[tuple[str, bool, dict[str, int]]] = attrs.field(factory=list)

    def may(self, person: str, principal: str) -> bool:
        """Say whether this person can vote for that one."""
        known = self.gate.members
        listed = not isinstance(known, list) or principal in known
        return listed and person not in self.recused and principal not in self.recused

    def vote(self, person: str, principal: str, how: int) -> None:
        """Put a vote down, and strike the one it replaces."""
        self.cast = [one for one in self.cast if one[0] != person and one[1] != principal]
        self.cast.append((person, principal, how))

    def result(self, clerk: str, how: int, result: dict[str, int]) -> None:
        """Put a result down, and strike what the same clerk recorded."""
        self.results = [one for one in self.results if one[0] != clerk]
        self.results.append((clerk, how == 1, result))

    def recuse(self, person: str) -> None:
        """Note that somebody takes no part, and strike what was cast by or for them."""
        self.recused.append(person)
        self.cast = [one for one in self.cast if person not in one[:2]]

    def counted(self) -> list[int]:
        """Return the votes that count."""
        return [how for person, principal, how in self.cast if not {person, principal} & set(self.conflicts)]

    def passes(self, *more: int) -> bool:
        """Count again, with some votes added: is it approved?"""
        tallied = self.gate.quorum or self.gate.majority
        if tallied and self.results:
            return self.result_passes(*self.results[-1][1:])
        votes = [*self.counted(), *more]
        present, in_favour, gate = len(votes), votes.count(1), self.gate
        if in_favour < gate.count:
            return False
        if gate.quorum is None and gate.majority is None:
            # Whoever casts it, a vote against stands in the way.
            return not any(how == -1 for _, _, how in self.cast)
        if not gate.by_person or (gate.size is not None and present > gate.size):
            return False
        if gate.quorum and not enough(present, gate.size or 0, *gate.quorum):
            return False
        return enough(in_favour, present, *(gate.majority or (Fraction(1, 2), False)))

    def result_passes(self, approved: bool, result: dict[str, int]) -> bool:
        """Read the last result again."""
        gate, members = self.gate, result["members"]
        if gate.by_person:
            if result["in_favour"] < gate.count or members != (gate.size or members):
                return False
        else:
            # Each vote stands for itself beside the results: so many persons for it, and no plain vote against.
            for_it = self.counted().count(1) + sum(for_it for _, for_it, _ in self.results)
            if for_it < gate.count or any(how == -1 for _, _, how in self.cast):
                return False
        if gate.quorum and not enough(result["present"], members, *gate.quorum):
            return False
        return approved and enough(result["in_favour"], result["present"], *(gate.majority or (Fraction(1, 2), False)))


def enough(part: int, whole: int, share: Fraction, reached: bool) -> bool:
    """Compare as a share asks."""
    return part * share.denominator + reached > share.numerator * whole if part else False


FRACTIONS = [Fraction(1, 5), Fraction(1, 2), Fraction(2, 3), Fraction(3, 4)]
shares = st.tuples(st.sampled_from(FRACTIONS), st.booleans())
known = st.integers(3, 7) | st.lists(st.sampled_from(PEOPLE), min_size=3, unique=True)
bodies = st.none() | known
counts = st.sampled_from([1, 1, 2, 3])
gates = st.one_of(
    st.builds(Gate, shares, st.none() | shares, bodies, counts),
    st.builds(Gate, st.none() | shares, shares, bodies, counts),
    st.builds(Gate, shares, shares, known, counts),
    st.builds(Gate, st.none(), st.none(), st.none(), counts),
)
seldom = st.integers(0, 9).map(lambda drawn: drawn == 7)
acts = st.lists(
    st.tuples(
        st.sampled_from(["approve"] * 4 + [*HOW] * 2 + ["recuse"]) | st.sampled_from([*HOW, "adjourn", "plan"]),
        st.sampled_from(PEOPLE),
        seldom.flatmap(lambda instead: st.sampled_from(PEOPLE) if instead else st.none()),
    ),
    max_size=25,
)
results = st.tuples(st.integers(3, 7), st.integers(0, 7), st.integers(0, 7)).map(
    lambda drawn: {"members": drawn[0], "present": min(drawn[:2]), "in_favour": min(drawn)}
)
recorded = st.tuples(st.just("result"), st.sampled_from("xyz"), st.tuples(st.sampled_from([1, 1, -1]), results))
mixed = st.builds(
    lambda several, results, place: [*several[:place], *results[:1], *several[place:], *results[1:]],
    acts,
    st.lists(recorded, max_size=3),
    st.integers(0, 25),
)
conflicting = seldom.flatmap(lambda some: st.lists(st.sampled_from(PEOPLE), max_size=2) if some else st.just([]))
profile = settings.get_profile("stagegate-properties")
quick = settings(profile, max_examples=profile.max_examples * 5)


class Case:
    """An agreement before a gate, and a plain list beside it."""

    def __init__(self, gate: Gate, conflicts: list[str]) -> None:
        asked = gate.requirement()
        stages = (Stage("vote", owner="boss", gate=asked), Stage("done", owner="boss"))
        self.tallied = bool(gate.quorum or gate.majority)
        self.store = MemoryStore()
        self.engine = Engine(self.store, processes=[Process("p", "1", stages)], clock=ManualClock())
        self.engine.start("p", "x", by=BOSS)
        self.contents = count()
        self.plan()
        self.engine.record("x", "conflicts", conflicts, by=BOSS)
        if isinstance(gate.members, list):
            self.engine.record("x", "members", gate.members, by=BOSS)
        self.ballot = Ballot(gate, conflicts)

    def plan(self) -> None:
        """File another plan."""
        document = Document.from_bytes(str(next(self.contents)).encode(), kind="plan")
        self.engine.attach("x", document, by=BOSS)

    def act(self, act: str, person: str, instead_of: Any) -> None:
        """Do something here and there, and make sure that it is refused exactly where it should be."""
        ballot, engine = self.ballot, self.engine
        told = instead_of
        if instead_of == person or act not in HOW:
            instead_of = None
        by = Actor(id=person, roles={"deputy" if instead_of else "council"}, on_behalf_of=instead_of)
        match act:
            case "plan":
                self.plan()
                ballot.cast, ballot.results = [], []
            case "result":
                how, result = told
                move = [engine.approve, engine.refuse][how == -1]
                move("x", *["no"][: how == -1], result=result, by=by)
                if self.tallied:
                    ballot.result(person, how, result)
                else:
                    ballot.vote(person, person, how)
            case "recuse":
                engine.recuse("x", "a cousin", by=by)
                ballot.recuse(person)
            case "adjourn":
                if self.tallied and self.done(lambda: engine.adjourn("x", "too few", by=by)):
                    assert person not in ballot.recused
                    ballot.cast = []
                elif self.tallied:
                    assert person in ballot.recused
            case _:
                about = {"capacity": "mandated"} if instead_of else {}
                reason = ["no"] if act == "refuse" else []
                may = ballot.may(person, instead_of or person)
                assert may == self.done(lambda: getattr(engine, act)("x", *reason, by=by, **about))
                if may:
                    ballot.vote(person, instead_of or person, HOW[act])

    @staticmethod
    def done(call: Callable[[], Agreement]) -> bool:
        """Say whether it was done or refused."""
        try:
            call()
        except GateClosed:
            return False
        return True

    def unmet(self) -> tuple[Any, ...]:
        """Return what stands in the way."""
        return next(option.unmet for option in self.engine.options("x", by=BOSS) if option.move == "advance")


@quick
@given(gates, conflicting, acts | mixed)
def test_gate_says_what_a_recount_says(gate: Gate, conflicts: list[str], several: list[Any]) -> None:
    """After anything that can happen to votes the gate is open exactly if a plain recount approves; nobody counts twice."""
    case = Case(gate, conflicts)
    for act in several:
        case.act(*act)

        standing = [vote for vote in case.engine.get("x").approvals if vote.vote != "recused"]
        persons, principals = [vote.by for vote in standing], [vote.principal for vote in standing]
        assert len(set(persons)) == len(persons)
        assert len(set(principals)) == len(principals)
        assert case.ballot.passes() == (not case.unmet())
        event("approved" if case.ballot.passes() else "not approved")
    assert fold(case.store.history("x")) == case.engine.get("x")
    assert case.engine.verify().ok


@quick
@given(gates, conflicting, acts)
def test_votes_said_to_be_missing_are_the_fewest(gate: Gate, conflicts: list[str], several: list[Any]) -> None:
    """So many more votes in favour as are said to be missing would do, and fewer would not; those named can cast them."""
    case = Case(gate, conflicts)
    for act in several:
        case.act(*act)
    for reason in case.unmet():
        ballot, missing, left = case.ballot, reason.params.get("missing"), reason.params.get("from")
        if reason.code == "approval.votes":
            event("missing")
            assert ballot.passes(*[1] * missing)
            assert not any(ballot.passes(*[1] * fewer) for fewer in range(missing))
        if reason.code == "approval.lost":
            event("lost")
            able = len(left) if isinstance(left, tuple) else len(PEOPLE)
            assert missing is None or missing > able or not isinstance(left, tuple)
            assert not isinstance(left, tuple) or not any(ballot.passes(*[1] * more) for more in range(able + 1))
        if reason.code in {"approval.votes", "approval.lost"} and isinstance(left, tuple):
            voted = {principal for person, principal, _ in ballot.cast if not {person, principal} & set(conflicts)}
            assert set(left) == set(ballot.gate.members) - voted - set(ballot.recused) - set(conflicts)


@quick
@given(gates, st.permutations(PEOPLE), st.permutations(PEOPLE), st.data())
def test_order_of_votes_does_not_matter(gate: Gate, first: list[str], second: list[str], data: Any) -> None:
    """The same votes of the same persons give the same reasons, in whatever order they are cast."""
    how = {person: data.draw(st.sampled_from([*HOW, "recuse"])) for person in PEOPLE}
    said = []
    for order in (first, second):
        case = Case(gate, [])
        for person in order:
            case.act(how[person], person, None)
        said.append(sorted_reasons(case.unmet()))

    assert said[0] == said[1]


def sorted_reasons(reasons: Iterable[Any]) -> list[str]:
    """Return reasons as texts, in an order of their own."""
    return sorted(f"{reason.code} {sorted(reason.params.items())}" for reason in reasons)
