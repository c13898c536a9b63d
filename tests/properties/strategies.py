"""Random processes, people and things to do."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from stagegate import (
    Attempt,
    DefinitionError,
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


@cache
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
        st.builds(approval, st.sampled_from(ROLES), majority=st.sampled_from(["1/2", ">=2/3"])),
        st.builds(approval, st.sampled_from(ROLES), quorum=st.just("1/2"), of_members=st.integers(1, 3)),
        st.just(moody),
        st.just(parties(1)),
        st.just(actor(roles=ROLES[:2])),
        st.just(unguarded("nothing is asked")),
    )


@cache
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


@cache
def some(ids: tuple[str, ...], least: int = 0) -> st.SearchStrategy[list[str]]:
    """Return up to two of several ids."""
    return st.lists(st.sampled_from(ids), min_size=least, max_size=2, unique=True)


@cache
def grants() -> st.SearchStrategy[dict[str, list[str]]]:
    """Return who may do what beside the owner."""
    return st.dictionaries(st.sampled_from(["advance", "hold", "end", "resume", "note"]), some(ROLES, 1), max_size=2)


@cache
def conditions() -> st.SearchStrategy[Requirement | None]:
    """Return a requirement or none."""
    return st.none() | requirements()


@cache
def outcomes(ids: tuple[str, ...]) -> st.SearchStrategy[list[Outcome]]:
    """Return the ways in which a process can end; none for those that every process has."""
    one = st.builds(Outcome, st.sampled_from(["o1", "o2", "o3"]), stages=some(ids), by=some(ROLES), gate=conditions())
    return st.lists(one, max_size=3, unique_by=lambda outcome: outcome.id)


@st.composite
def processes(draw: st.DrawFn) -> Process:
    """
    Draw a process: up to five stages, some conditional, with ways back, outcomes and all sorts of gates.

    One that contradicts itself is refused by the library, and another is drawn.
    """
    ids = tuple(f"s{i}" for i in range(draw(st.integers(2, 5))))
    last = len(ids) - 1
    try:
        stages = [
            Stage(
                stage,
                owner=draw(some(ROLES, 1)),
                gate=None if i == last else draw(requirements()),
                when=draw(conditions()) if 0 < i < last else None,
                back_to=draw(some(ids[: i + 1])),
                may=draw(grants()),
                contributors=draw(some(ROLES)),
                reapproval=draw(st.sampled_from(["always", "on_change"])),
            )
            for i, stage in enumerate(ids)
        ]
        return Process("random", "1", stages, outcomes=draw(outcomes(ids)))
    except DefinitionError:
        reject()
