"""Random processes, people and things to do."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from stagegate import (
    Attempt,
    DefinitionError,
    Duty,
    Outcome,
    Period,
    Process,
    Renewal,
    Requirement,
    Stage,
    Term,
    actor,
    approval,
    at_least,
    document,
    fact,
    notice,
    parent,
    parties,
    parts,
    requirement,
    track,
    unguarded,
    when,
)

ROLES = ("boss", "clerk", "council", "minister")
PEOPLE = ("ann", "bob", "eve")
KINDS = ("plan", "map")
FACTS = ("cost", "large", "heard", "twin")
VALUES = (None, True, 1, 3, "x", "2025-08-01", "2029-12-31")
DAYS = ("2024-02-29", "2025-07-24", "2025-09-01", "2027-01-15", "2033-03-31")
POINTS = ("plan.dated", "plan.valid_until", "map.received_on", "plan.fields.sealed", "fact:heard")


@requirement(code="moody", version="1")
def moody(attempt: Attempt) -> Any:
    """Answer by what is recorded: yes, no, a reason, nonsense, or an error."""
    mood = attempt.fact("cost")
    if mood == "x":
        raise LookupError(mood)
    return {None: True, 3: "three is too many"}.get(mood, mood)


days = st.integers(1, 40)


@cache
def kin() -> st.SearchStrategy[Requirement]:
    """Return requirements about other agreements."""
    stages = st.sampled_from(["s0", "s1", "s2"])
    return st.one_of(
        st.builds(parent, reached=stages),
        st.builds(track, st.just("twin"), reached=stages),
        st.builds(lambda way, stage, unless: parts(**{way: stage}, unless=unless), ways, stages, unless),
        st.builds(lambda n, stage: parts(at_least=n, reached=stage), st.integers(1, 2), stages),
        st.builds(lambda one, process: parts(each=one, process=process), st.builds(fact, st.just("large")), pinned),
    )


ways = st.sampled_from(["all", "any"])
unless = st.sampled_from([(), ("o1", "withdrawn")])
pinned = st.sampled_from(["", "random", "other"])


@cache
def periods(*, points: bool = True) -> st.SearchStrategy[Period]:
    """Return how long something takes, from tomorrow to a few years."""
    amounts = {"workdays": st.integers(1, 60), "calendar_days": st.integers(1, 400), "months": days, "years": years}
    return st.sampled_from(sorted(amounts)).flatmap(
        lambda unit: st.builds(
            Period,
            amounts[unit],
            st.just(unit),
            since=st.sampled_from(["", "", "", *POINTS]) if points else st.just(""),
            day_one=st.sampled_from(["next", "same"]),
            roll=st.just("none") if unit == "workdays" else st.sampled_from(["none", "next", "previous"]),
            on_return=st.sampled_from(["restart", "continue"]),
            on_hold=st.sampled_from(["pause", "run"]),
        )
    )


years = st.integers(1, 5)


@cache
def reminders() -> st.SearchStrategy[list[str]]:
    """Return how long before a date to remind."""
    return st.lists(st.sampled_from(["1 workday", "10 workdays", "3 calendar days", "6 months"]), max_size=2)


@cache
def timed() -> st.SearchStrategy[Requirement]:
    """Return requirements with a time of their own, some of which silence decides."""
    about = {"within": periods(), "remind": reminders()}
    silent = {"silence": st.sampled_from(["approves", "refuses"]), "basis": st.just("Rule 1")}
    return st.one_of(
        st.builds(fact, st.sampled_from(FACTS), id=st.just("T1"), **about),
        st.builds(document, st.sampled_from(KINDS), id=st.just("T1"), **about),
        st.builds(approval, st.sampled_from(ROLES), id=st.just("T1"), **about),
        st.builds(
            approval, st.sampled_from(ROLES), of=st.sampled_from([(), KINDS[:1]]), id=st.just("T1"), **about, **silent
        ),
        st.builds(
            approval,
            st.sampled_from(ROLES),
            quorum=st.just("1/2"),
            of_members=years,
            id=st.just("T1"),
            **about,
            **silent,
        ),
        st.builds(parts, all=st.just("s1"), id=st.just("T1"), **about),
    )


@cache
def gates() -> st.SearchStrategy[Requirement]:
    """Return gates, in some of which a clock runs."""
    return st.one_of(requirements(), requirements(), timed(), st.builds(lambda a, b: a & b, timed(), requirements()))


@cache
def duties() -> st.SearchStrategy[list[Duty]]:
    """Return what is owed."""
    once = {"within": periods(points=False), "remind": reminders()}
    one = st.one_of(
        st.builds(Duty, st.sampled_from(["d1", "d2"]), document=st.just("report"), every=periods(points=False)),
        st.builds(Duty, st.sampled_from(["d1", "d2"]), document=st.sampled_from(KINDS), **once),
        st.builds(Duty, st.just("d3"), document=st.just("report"), after=st.sampled_from(POINTS), **once),
        st.builds(Duty, st.just("d4"), gate=leaves(), **once),
    )
    return st.lists(one, max_size=2, unique_by=lambda duty: duty.id)


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
        kin(),
        st.builds(notice, st.sampled_from(KINDS), before=st.sampled_from(["fact:heard", "report.dated"]), days=days),
        st.builds(notice, st.sampled_from(KINDS), before=st.just("fact:heard"), workdays=days),
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
            st.builds(
                lambda abc: at_least(2, *abc),
                st.lists(inner, min_size=3, max_size=3, unique_by=lambda one: str(one.asks())),
            ),
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
def clocks(draw: st.DrawFn, ids: tuple[str, ...], place: int, ending: tuple[Outcome, ...]) -> dict[str, Any]:
    """Draw what time brings to a stage: deadlines, a term, renewal, duties, amendments."""
    drawn: dict[str, Any] = {"duties": draw(duties())}
    free = [o.id for o in ending if o.gate is None and (not o.stages or ids[place] in o.stages)]
    free = free or ([] if ending else ["withdrawn"])
    if place < len(ids) - 1 and draw(st.integers(0, 2)):
        drawn |= {"within": draw(periods()), "remind": draw(reminders())}
        ends = [f"end:{outcome}" for outcome in free]
        drawn["on_timeout"] = draw(st.sampled_from(["overdue", "escalate:minister", "escalate:mayor", *ends]))
    if draw(st.booleans()):
        terms = st.sampled_from(POINTS).map(Term) | periods().map(lambda lasts: Term(lasts=lasts))
        closed = bool(free) and draw(st.integers(0, 3)) > 0
        drawn["term"] = draw(terms) if closed else Term()
        if closed:
            drawn |= {
                "remind": draw(reminders()),
                "on_expiry": free[0] if ending else draw(st.sampled_from(["", *free])),
            }
        if draw(st.booleans()):
            drawn["renewal"] = Renewal(
                draw(some(ids[: place + 1], 1)),
                window=draw(st.none() | periods(points=False)) if closed else None,
                gate=draw(conditions()),
                term=draw(st.none() | terms) if closed else None,
            )
    if draw(st.booleans()):
        drawn["amend"] = {"plan": draw(requirements())}
    return drawn


@st.composite
def processes(draw: st.DrawFn) -> Process:
    """
    Draw a process: up to five stages, some conditional, with ways back, outcomes and all sorts of gates.

    One that contradicts itself is refused by the library, and another is drawn.
    """
    ids = tuple(f"s{i}" for i in range(draw(st.integers(2, 5))))
    last = len(ids) - 1
    ending = draw(outcomes(ids))
    try:
        stages = [
            Stage(
                stage,
                owner=draw(some(ROLES, 1)),
                gate=None if i == last else draw(gates()),
                when=draw(conditions()) if 0 < i < last else None,
                back_to=draw(some(ids[: i + 1])),
                may=draw(grants()),
                contributors=draw(some(ROLES)),
                reapproval=draw(st.sampled_from(["always", "on_change"])),
                **(draw(clocks(ids, i, tuple(ending))) if draw(st.integers(0, 3)) else {}),
            )
            for i, stage in enumerate(ids)
        ]
        return Process("random", "1", stages, outcomes=ending)
    except DefinitionError:
        reject()


@cache
def long_life() -> Process:
    """Return a process in which time brings one of everything, and through which a life gets easily."""
    return Process(
        "random",
        "1",
        [
            Stage(
                "s0",
                owner="boss",
                gate=approval(
                    "council", of="plan", within=Period(10, "workdays"), silence="approves", basis="Rule 1", id="T1"
                ),
                within=Period(30, "calendar_days"),
                remind=["5 workdays", "1 workday"],
                on_timeout="escalate:clerk",
            ),
            Stage(
                "s1",
                owner="boss",
                back_to=["s0", "s1"],
                gate=fact("large", within=Period(1, "months"), id="T2")
                & approval("minister", within=Period(20, "calendar_days"), silence="refuses", basis="Rule 2", id="T3"),
                within=Period(90, "calendar_days", on_return="continue"),
                on_timeout="end:o1",
            ),
            Stage(
                "s2",
                owner="boss",
                back_to="s1",
                gate=parts(any="s1") | fact("heard"),
                term="plan.valid_until",
                on_expiry="o1",
                remind=["6 months"],
                renewal=Renewal(["s2", "s1"], term="map.valid_until"),
                amend={"plan": approval("council")},
                duties=[
                    Duty("d1", document="report", every=Period(3, "months"), remind=["1 month"]),
                    Duty("d2", gate=fact("cost"), within=Period(2, "months")),
                    Duty("d3", document="map", within=Period(7, "calendar_days"), after="fact:heard"),
                ],
            ),
            Stage("s3", owner="boss", term="5 years", on_expiry="o2", renewal=Renewal("s3", window=Period(1, "years"))),
        ],
        outcomes=[Outcome("o1"), Outcome("o2", by="law"), Outcome("withdrawn")],
    )
