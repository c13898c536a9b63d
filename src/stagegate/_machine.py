"""
The stage machine: the only room that knows `transitions`.

A process compiles into one `transitions.Machine` that no agreement is ever added to. What it moves is a `Cursor`,
made for one attempt and thrown away. The gate sits on the edge as a condition and asks all its parts; what they say
travels on the cursor. `Plan` is the table of that machine's edges and conditions, walked without its callbacks and
its logging.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from transitions import EventData, Machine

from ._attempt import Attempt
from ._gate import Answer, Gate
from ._reasons import Unmet, errors
from ._stages import Outcome, Stage
from ._text import frozendict


class Cursor:
    """
    What the machine moves: one attempt, and what is said about it.

    Attributes:
        state: Where the agreement stands; the machine sets it.

        attempt: The attempt.

        to: The wanted stage or outcome, where the move has a choice.

        answer: What the gate said.

        skipped: The stages that were passed over, each with its reasons.
    """

    __slots__ = ("answer", "attempt", "opened", "skipped", "state", "stuck", "to")

    def __init__(self, attempt: Attempt, to: str | None = None) -> None:
        """Stand where the agreement of *attempt* stands."""
        self.state = attempt.agreement.stage
        self.attempt = attempt
        self.to = to
        self.answer = Answer()
        self.skipped: list[tuple[str, tuple[Unmet, ...]]] = []
        self.opened: bool | None = None
        self.stuck = False


class Condition:
    """A condition on an edge, as `transitions` calls it; `check` is the same without its wrapping."""

    __slots__ = ("check",)

    def __init__(self, check: Callable[[Cursor], bool]) -> None:
        """Take what is checked of a cursor."""
        self.check = check

    def __call__(self, event: EventData) -> bool:
        """Check the cursor that *event* moves."""
        cursor: Any = event.model
        return self.check(cursor)


def _leave(gate: Gate) -> Callable[[Cursor], bool]:
    """Ask the gate, once for every cursor, whichever edge asks first; nothing passes while the agreement is on hold."""
    ask = gate.ask

    def check(cursor: Cursor) -> bool:
        if cursor.opened is None:
            free = _free(cursor)
            cursor.opened = ask(cursor.attempt, cursor.answer) and free
        return cursor.opened

    return check


def _anew(gate: Gate) -> Callable[[Cursor], bool]:
    """Ask a gate of what stands already: only votes that were cast for it count, those since it was reached."""

    def check(cursor: Cursor) -> bool:
        free = _free(cursor)
        agreement = cursor.attempt.agreement
        cast = tuple(vote for vote in agreement.approvals if vote.stage == agreement.stage)
        seen = attrs.evolve(cursor.attempt, agreement=attrs.evolve(agreement, approvals=cast))
        return gate.ask(seen, cursor.answer) and free

    return check


def _free(cursor: Cursor) -> bool:
    hold = cursor.attempt.agreement.hold
    if hold is None:
        return True
    held = Unmet(code="agreement.on_hold", params=frozendict({"reason": hold.reason}), requirement="agreement:running")
    cursor.answer.unmet.append(held)
    return False


def _held(cursor: Cursor) -> bool:
    if cursor.attempt.agreement.hold is not None:
        return True
    cursor.answer.unmet.append(Unmet(code="agreement.not_on_hold", requirement="agreement:on_hold"))
    return False


def _enter(stage: Stage) -> Callable[[Cursor], bool]:
    """Enter a conditional stage, or pass it over with the reason; what cannot be checked stops everything."""
    gate = Gate(stage.when)

    def check(cursor: Cursor) -> bool:
        if cursor.stuck:
            return False
        answer = Answer()
        if gate.ask(cursor.attempt, answer):
            return True
        if errors((tuple(answer.unmet),)):
            cursor.stuck = True
            cursor.answer.unmet.extend(answer.unmet)
        else:
            cursor.skipped.append((stage.id, tuple(answer.unmet)))
        return False

    return check


def _not_stuck(cursor: Cursor) -> bool:
    return not cursor.stuck


def _towards(target: str) -> Callable[[Cursor], bool]:
    def check(cursor: Cursor) -> bool:
        return cursor.to == target

    return check


def _edges(stages: Sequence[Stage], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    edges: list[dict[str, Any]] = []

    def edge(move: str, source: str, dest: str | None, *checks: Callable[[Cursor], bool]) -> None:
        edges.append(
            {"trigger": move, "source": source, "dest": dest, "conditions": [Condition(check) for check in checks]}
        )

    for place, stage in enumerate(stages):
        leave = _leave(Gate(stage.gate, fix_by=stage.owner, basis=stage.basis))
        for following in stages[place + 1 :]:
            if following.when is None:
                edge("advance", stage.id, following.id, leave, _not_stuck)
                break
            edge("advance", stage.id, following.id, leave, _enter(following))
        for target in stage.back_to:
            edge("send_back", stage.id, target, _towards(target), _free)
        edge("hold", stage.id, None, _free)
        edge("resume", stage.id, None, _held)
        renewal = stage.renewal
        if renewal is not None:
            asked = _anew(Gate(renewal.gate, fix_by=stage.owner, basis=renewal.basis))
            for target in renewal.to:
                edge("renew", stage.id, target, _towards(target), asked)
        for kind, gate in stage.amend.items():
            asked = _anew(Gate(gate, fix_by=stage.owner, basis=stage.basis))
            edge("amend", stage.id, None, _towards(kind), asked)
        for outcome in outcomes:
            if not outcome.stages or stage.id in outcome.stages:
                gate = Gate(outcome.gate, fix_by=outcome.by or stage.owner, basis=outcome.basis)
                edge("end", stage.id, outcome.id, _towards(outcome.id), _asked(gate))
    return edges


def _asked(gate: Gate) -> Callable[[Cursor], bool]:
    def check(cursor: Cursor) -> bool:
        return gate.ask(cursor.attempt, cursor.answer)

    return check


def build(stages: Sequence[Stage], outcomes: Sequence[Outcome]) -> Machine:
    """Return the `transitions.Machine` of a process: its stages and outcomes as states, its moves as triggers."""
    return Machine(
        model=None,
        states=[*(stage.id for stage in stages), *(outcome.id for outcome in outcomes)],
        transitions=_edges(stages, outcomes),
        initial=None,
        auto_transitions=False,
        send_event=True,
        queued=False,
    )


@attrs.define(frozen=True)
class Edge:
    """One way out of a stage: where it leads (None: nowhere else), and what must hold."""

    dest: str | None
    checks: tuple[Callable[[Cursor], bool], ...]


def _check(condition: Any) -> Callable[[Cursor], bool]:
    """Return what one of our conditions checks, out of what `transitions` wraps it in."""
    check: Callable[[Cursor], bool] = condition.func.check
    return check


class Plan:
    """The edges of a machine as a table, by move and stage, in the order in which the machine tries them."""

    __slots__ = ("edges",)

    def __init__(self, machine: Machine) -> None:
        """Read the table out of *machine*."""
        self.edges: dict[str, dict[str, tuple[Edge, ...]]] = {
            move: {
                source: tuple(Edge(edge.dest, tuple(map(_check, edge.conditions))) for edge in edges)
                for source, edges in event.transitions.items()
            }
            for move, event in machine.events.items()
        }

    def targets(self, move: str, stage: str) -> tuple[str | None, ...]:
        """Return where *move* can lead from *stage*, in order."""
        return tuple(edge.dest for edge in self.edges.get(move, {}).get(stage, ()))

    def fire(self, move: str, cursor: Cursor) -> Edge | None:
        """Return the edge that opens, as the machine would take it, or None; the reasons are on the cursor."""
        for edge in self.edges[move].get(cursor.state, ()):
            for check in edge.checks:
                if not check(cursor):
                    break
            else:
                return edge
        return None


__all__ = ["Cursor", "Edge", "Machine", "Plan", "build"]
