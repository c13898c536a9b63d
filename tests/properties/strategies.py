"""Random processes, people and things to do."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from stagegate import (
    Attempt,
    Outcome,
    Process,
    Requirement,
    Stage,
    actor,
    approval,
    at_least,
    document,
    fact,
    parties,
    requirement,
    unguarded,
    when,
)

ROLES = ("boss", "clerk", "council", "minister")
PEOPLE = ("ann", "bob", "eve")
KINDS = ("plan", "map")
FACTS = ("cost", "large")
VALUES = (None, True, 1, 3, "x")


@requirement(code="moody", version="1")
def moody(attempt: Attempt) -> Any:
    """Answer by what is recorded: yes, no, a reason, nonsense, or an error."""
    mood = attempt.fact("cost")
    if mood == "x":
        raise LookupError(mood)
    return {None: True, 3: "three is too many"}.get(mood, mood)


def leaves() -> st.SearchStrategy[Requirement]:
    """Return requirements that ask one thing."""
    return st.one_of(
        st.builds(document, st.sampled_from(KINDS)),
        st.builds(document, st.sampled_from(KINDS), signed_by=st.just(1), soft=st.just(value=False)),
        st.builds(fact, st.sampled_from(FACTS)),
        st.builds(fact, st.just("cost"), at_most=st.sampled_from([1, 3])),
        st.builds(fact, st.just("large"), equals=st.booleans()),
        st.builds(approval, st.sampled_from(ROLES), of=st.sampled_from([(), KINDS[:1], KINDS])),
        st.builds(approval, st.sampled_from(ROLES), count=st.just(2)),
        st.builds(approval, st.sampled_from(ROLES), not_by=st.just("proposer")),
        st.just(moody),
        st.just(parties(1)),
        st.just(actor(roles=ROLES[:2])),
        st.just(unguarded("nothing is asked")),
    )


def requirements() -> st.SearchStrategy[Requirement]:
    """Return requirements of any shape."""
    return st.recursive(
        leaves(),
        lambda inner: st.one_of(
            st.builds(lambda a, b: a & b, inner, inner),
            st.builds(lambda a, b: a | b, inner, inner),
            st.builds(lambda a: ~a, inner),
            st.builds(lambda a, b, c: at_least(2, a, b, c), inner, inner, inner),
            st.builds(when, inner, inner),
        ),
        max_leaves=4,
    )


@st.composite
def processes(draw: st.DrawFn) -> Process:
    """Draw a process: up to five stages, conditional ones, ways back, outcomes, all sorts of gates; one that can be left."""
    count = draw(st.integers(2, 5))
    ids = [f"s{i}" for i in range(count)]
    stages = []
    roles = st.lists(st.sampled_from(ROLES), min_size=1, max_size=2, unique=True)
    for i, stage in enumerate(ids):
        stages.append(
            Stage(
                stage,
                owner=draw(roles),
                gate=None if i == count - 1 else draw(requirements()),
                when=draw(st.none() | requirements()) if 0 < i < count - 1 else None,
                back_to=draw(st.lists(st.sampled_from(ids[: i + 1]), max_size=2, unique=True)),
                may=draw(st.dictionaries(st.sampled_from(["advance", "hold", "end", "resume", "note"]), roles, max_size=2)),
                contributors=draw(st.just([]) | roles),
                reapproval=draw(st.sampled_from(["always", "on_change"])),
            )
        )
    outcomes = draw(
        st.just([])
        | st.lists(
            st.builds(
                Outcome,
                st.sampled_from(["o1", "o2", "o3"]),
                stages=st.lists(st.sampled_from(ids), max_size=2, unique=True),
                by=st.just([]) | roles,
                gate=st.none() | requirements(),
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda outcome: outcome.id,
        )
    )
    return Process("random", "1", stages, outcomes=outcomes)


def possible_processes() -> st.SearchStrategy[Process]:
    """Draw processes; those whose gates contradict themselves are refused by the library and drawn anew."""
    from stagegate import DefinitionError

    @st.composite
    def tried(draw: st.DrawFn) -> Process:
        from hypothesis import reject

        try:
            return draw(processes())
        except DefinitionError:
            reject()

    return tried()
