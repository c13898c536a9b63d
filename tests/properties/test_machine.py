"""The plan that the engine walks is the machine that `transitions` runs: same answers, same edges, same reasons."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from transitions import MachineError

from stagegate import (
    Actor,
    Agreement,
    Attempt,
    Cursor,
    Document,
    Engine,
    MemoryStore,
    Party,
    Process,
    StagegateError,
)
from stagegate._stages import MOVES
from stagegate.testing import ManualClock

from .strategies import FACTS, KINDS, PEOPLE, ROLES, VALUES, processes

quick = settings(
    settings.get_profile("stagegate-properties"),
    max_examples=settings.get_profile("stagegate-properties").max_examples * 5,
)
situations = st.fixed_dictionaries(
    {
        "documents": st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), max_size=3),
        "facts": st.lists(st.tuples(st.sampled_from(FACTS), st.sampled_from(VALUES)), max_size=3),
        "votes": st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from(PEOPLE), st.booleans()), max_size=4),
        "held": st.booleans(),
        "parties": st.integers(0, 1),
        "advances": st.integers(0, 3),
    }
)


def situated(process: Process, situation: dict[str, Any]) -> Agreement:
    """Return an agreement in a situation; what the process does not allow on the way there is left out."""
    engine = Engine(MemoryStore(), processes=[process], clock=ManualClock())
    everybody = Actor(id="ann", roles=ROLES)
    parties = [Party("p0")][: situation["parties"]]
    deal = engine.start("random", "x", parties=parties, by=everybody)
    for kind, signed in situation["documents"]:
        made = Document.from_bytes(b"1", kind=kind, signed_by=["a"] if signed else [])
        with suppress(StagegateError):
            deal = engine.attach("x", made, by=everybody)
    for fact, value in situation["facts"]:
        deal = engine.record("x", fact, value, by=everybody)
    for role, person, against in situation["votes"]:
        with suppress(StagegateError):
            by = Actor(id=person, roles=[role])
            deal = engine.refuse("x", "no", by=by) if against else engine.approve("x", by=by)
    for _ in range(situation["advances"]):
        with suppress(StagegateError):
            deal = engine.advance("x", by=everybody)
    if situation["held"]:
        deal = engine.hold("x", "wait", by=everybody)
    return deal


def said(cursor: Cursor) -> tuple[Any, ...]:
    """Return everything that was said about an attempt."""
    return (
        list(map(tuple, cursor.answer.asked)),
        list(cursor.answer.unmet),
        list(cursor.answer.warnings),
        list(cursor.skipped),
    )


@quick
@given(
    process=processes(),
    situation=situations,
    move=st.sampled_from(MOVES),
    to=st.sampled_from([None, "s0", "s1", "s2", "o1", "o2", "completed", "withdrawn", "rejected", "plan"]),
    by=st.sampled_from(ROLES),
)
def test_plan_is_the_machine(process: Process, situation: dict[str, Any], move: str, to: str | None, by: str) -> None:
    """For any process, situation and move, the plan opens the edge that the real machine takes, and hears the same reasons."""
    deal = situated(process, situation)
    machine = process.machine()
    attempt = Attempt(
        agreement=deal,
        move=move,
        actor=Actor(id="bob", roles=[by]),
        at=deal.changed_at + timedelta(hours=1),
        zone=process.tzinfo,
    )
    walked, run = Cursor(attempt, to), Cursor(attempt, to)
    before = deal.to_json()
    if move not in machine.events:
        assert () == process.plan.targets(move, deal.stage)
        return
    edge = process.plan.fire(move, walked)
    try:
        moved = machine.events[move].trigger(run)
    except MachineError:
        assert () == process.plan.targets(move, deal.stage)
        moved = False

    assert moved == (edge is not None)
    assert said(walked) == said(run)
    assert run.state == (edge.dest if edge is not None and edge.dest is not None else deal.stage)
    assert before == deal.to_json()


@quick
@given(process=processes())
def test_machine_lists_what_the_plan_lists(process: Process) -> None:
    """Every edge of the machine is in the plan, in the same order, and there is none besides."""
    machine = process.machine()
    edges = {
        (move, source): tuple(edge.dest for edge in several)
        for move, event in machine.events.items()
        for source, several in event.transitions.items()
    }
    states = [stage.id for stage in process.stages] + [outcome.id for outcome in process.outcomes]

    assert edges == {
        (move, state): targets for move in MOVES for state in states if (targets := process.plan.targets(move, state))
    }
    assert states == list(machine.states)


@quick
@given(process=processes())
def test_no_edge_passes_a_gate(process: Process) -> None:
    """Forwards there is one way: to the next stage, or past conditional ones; everything else leads back or ends."""
    order = [stage.id for stage in process.stages]
    for place, stage in enumerate(order):
        targets = process.plan.targets("advance", stage)
        following = process.stages[place + 1 :]
        until = next((i for i, s in enumerate(following) if s.when is None), len(following))
        assert [s.id for s in following[: until + 1]] == list(targets)
        for move in ("send_back", "renew"):
            assert all(order.index(str(back)) <= place for back in process.plan.targets(move, stage))
        assert not any(process.plan.targets("amend", stage))
        assert set(process.plan.targets("end", stage)) <= {outcome.id for outcome in process.outcomes}
