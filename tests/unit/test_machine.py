"""The stage machine, as people who know `transitions` are given it. That its plan agrees with it is a property."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from transitions import Machine, MachineError

from stagegate import (
    Actor,
    Agreement,
    Attempt,
    Cursor,
    Document,
    Engine,
    MemoryStore,
    Outcome,
    Process,
    Stage,
    document,
    fact,
    requirement,
    unguarded,
)
from stagegate.testing import ManualClock

PROCESS = Process(
    id="p",
    version="1",
    stages=(
        Stage("draft", owner="boss", gate=document("plan") & fact("cost", at_most=5)),
        Stage("review", owner="boss", gate=unguarded("x"), when=fact("large"), back_to=("draft", "review")),
        Stage("audit", owner="boss", gate=unguarded("x"), when=fact("abroad")),
        Stage("vote", owner="boss", gate=unguarded("x"), back_to=("draft", "review")),
        Stage("done", owner="boss"),
    ),
    outcomes=[Outcome("completed", stages="done"), Outcome("dropped", gate=fact("reason"))],
)
BOSS = Actor(id="ann", roles={"boss"})


def agreement(**facts: Any) -> tuple[Engine, Agreement]:
    """Return an agreement in its first stage, with facts."""
    engine = Engine(MemoryStore(), processes=[PROCESS], clock=ManualClock())
    engine.start("p", "x", by=BOSS)
    for name, value in facts.items():
        if name == "plan":
            engine.attach("x", Document.from_bytes(b"", kind="plan"), by=BOSS)
        else:
            engine.record("x", name, value, by=BOSS)
    return engine, engine.get("x")


def cursor(deal: Agreement, move: str = "advance", to: str | None = None) -> Cursor:
    """Return a cursor for an attempt on an agreement."""
    return Cursor(Attempt(agreement=deal, move=move, actor=BOSS, at=deal.changed_at), to)


def test_machine_has_the_stages_the_outcomes_and_the_moves() -> None:
    """The machine of a process has its stages and outcomes as states and its moves as triggers, and nothing else."""
    machine = PROCESS.machine()

    assert isinstance(machine, Machine)
    assert ["draft", "review", "audit", "vote", "done", "completed", "dropped"] == list(machine.states)
    assert {"advance", "send_back", "hold", "resume", "end"} == set(machine.events)


def test_machine_has_no_models_and_no_automatic_transitions() -> None:
    """No agreement is ever added to the machine, and no trigger jumps to a stage."""
    machine = PROCESS.machine()

    assert [] == machine.models
    assert None is machine.initial
    assert not [name for name in machine.events if name.startswith("to_")]


def test_shut_gate_refuses_whoever_calls_the_machine() -> None:
    """Triggering the machine itself goes through the gate: it answers False, the cursor stays, the reasons are on it."""
    _, deal = agreement()
    moved = cursor(deal)

    assert PROCESS.machine().events["advance"].trigger(moved) is False
    assert "draft" == moved.state
    assert ["document.missing", "fact.missing"] == [reason.code for reason in moved.answer.unmet]
    assert [("document:plan", False), ("fact:cost", False)] == [tuple(asked) for asked in moved.answer.asked]


def test_open_gate_moves_the_cursor_and_nothing_else() -> None:
    """Through an open gate the cursor moves on, past stages whose condition does not hold; the agreement is untouched."""
    engine, deal = agreement(plan=True, cost=3)
    before = deal.to_json()
    moved = cursor(deal)

    assert PROCESS.machine().events["advance"].trigger(moved) is True
    assert "vote" == moved.state
    assert [("review", ["fact.missing"]), ("audit", ["fact.missing"])] == [
        (stage, [reason.code for reason in why]) for stage, why in moved.skipped
    ]
    assert (before, before) == (deal.to_json(), engine.get("x").to_json())


def test_condition_that_holds_is_entered() -> None:
    """A conditional stage is entered where its condition holds, and the skipped ones before it are told."""
    _, deal = agreement(plan=True, cost=3, abroad=True)
    moved = cursor(deal)
    PROCESS.machine().events["advance"].trigger(moved)

    assert ("audit", ["review"]) == (moved.state, [stage for stage, _ in moved.skipped])


def test_one_cursor_is_asked_once() -> None:
    """However many edges leave a stage, its gate is asked once for one attempt."""
    asked: list[int] = []
    counted = requirement(code="counted")(lambda attempt: bool(asked.append(attempt.agreement.n)))  # type: ignore[func-returns-value]  # it is False
    process = Process(
        "p",
        "1",
        (
            Stage("draft", owner="boss", gate=counted),
            Stage("b", owner="boss", gate=unguarded("x"), when=fact("f")),
            Stage("c", owner="boss", gate=unguarded("x"), when=fact("g")),
            Stage("d", owner="boss"),
        ),
    )
    _, deal = agreement()
    process.machine().events["advance"].trigger(cursor(deal))

    assert [1] == asked


def test_machine_knows_no_other_way() -> None:
    """A move that does not exist from a stage raises, and only the wanted target of a move with a choice opens."""
    _, deal = agreement()
    machine = PROCESS.machine()
    with pytest.raises(MachineError):
        machine.events["send_back"].trigger(cursor(deal, "send_back", "done"))

    assert machine.events["end"].trigger(cursor(deal, "end")) is False
    assert machine.events["end"].trigger(cursor(deal, "end", "completed")) is False
    assert machine.events["end"].trigger(cursor(deal, "end", "dropped")) is False


def test_end_leads_into_an_outcome_without_exit() -> None:
    """An outcome is a state of the machine that no move leaves."""
    _, deal = agreement(reason="moved away")
    machine = PROCESS.machine()
    ended = cursor(deal, "end", "dropped")

    assert machine.events["end"].trigger(ended) is True
    assert "dropped" == ended.state
    for move in machine.events.values():
        with pytest.raises(MachineError):
            move.trigger(ended)


def test_hold_is_a_state_of_the_agreement_not_of_the_machine() -> None:
    """Holding and resuming leave the cursor where it is; while on hold, the machine lets nothing but an end through."""
    engine, free = agreement(plan=True, cost=1, reason="x")
    machine = PROCESS.machine()
    hold, resume = cursor(free, "hold"), cursor(free, "resume")
    assert (True, False) == (machine.events["hold"].trigger(hold), machine.events["resume"].trigger(resume))
    assert ("draft", ["agreement.not_on_hold"]) == (hold.state, [reason.code for reason in resume.answer.unmet])

    held = engine.hold("x", "wait", by=BOSS)
    for move, to in (("advance", None), ("hold", None)):
        stopped = cursor(held, move, to)
        assert machine.events[move].trigger(stopped) is False
        assert ["agreement.on_hold"] == [reason.code for reason in stopped.answer.unmet]
    assert machine.events["resume"].trigger(cursor(held, "resume")) is True
    assert machine.events["end"].trigger(cursor(held, "end", "dropped")) is True


def test_hold_does_not_hide_what_else_is_missing() -> None:
    """On hold, the gate is asked all the same, so that everything in the way is known at once."""
    engine, _ = agreement()
    stopped = cursor(engine.hold("x", "wait", by=BOSS))
    PROCESS.machine().events["advance"].trigger(stopped)

    assert {"document.missing", "fact.missing", "agreement.on_hold"} == {reason.code for reason in stopped.answer.unmet}


def test_machines_are_made_anew() -> None:
    """Every call hands out a machine of its own: what a caller does to one is no business of the process."""
    mine = PROCESS.machine()
    mine.add_transition("advance", "draft", "done")
    _, deal = agreement()
    other = cursor(deal)

    assert mine is not PROCESS.machine()
    assert PROCESS.machine().events["advance"].trigger(other) is False
    assert PROCESS.plan.fire("advance", cursor(deal)) is None


def test_plan_lists_where_moves_lead() -> None:
    """The plan says for every move and stage where it can lead, in the order in which it is tried."""
    plan = PROCESS.plan

    assert ("review", "audit", "vote") == plan.targets("advance", "draft")
    assert ("draft", "review") == plan.targets("send_back", "vote")
    assert () == plan.targets("send_back", "draft")
    assert (None,) == plan.targets("hold", "draft")
    assert ("completed", "dropped") == plan.targets("end", "done")
    assert () == plan.targets("advance", "done")
    assert () == plan.targets("jump", "draft")


def test_process_without_ways_back_has_no_such_trigger() -> None:
    """A process in which nothing can be sent back has no trigger for it."""
    process = Process("p", "1", (Stage("a", owner="x", gate=unguarded("x")), Stage("b", owner="x")))

    assert "send_back" not in process.machine().events
    assert () == process.plan.targets("send_back", "a")


@pytest.mark.parametrize("level", [logging.DEBUG, logging.CRITICAL])
def test_logging_of_the_host_changes_nothing(level: int, caplog: pytest.LogCaptureFixture) -> None:
    """Moving an agreement writes nothing to the log, whatever the host wants to see."""
    caplog.set_level(level)
    engine, _ = agreement(plan=True, cost=1)
    caplog.clear()

    assert "vote" == engine.advance("x", by=BOSS).stage
    assert [] == caplog.records
