"""What other libraries take for the same guarded move, where they happen to be installed. For information only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

from measuring import Row, Subject, computing, in_turns, ratio
from subjects import STAGES, STEPS, bare, walk_bare

WALKS = 20


def _statemachine() -> Callable[[], None]:
    from statemachine import State, StateMachine

    names = [stage for stage in STAGES if stage != STAGES[-1]]
    states = {name: State(initial=name == names[0]) for name in names} | {STAGES[-1]: State(final=True)}
    edges = [states[a].to(states[b], cond="ready") for a, b in pairwise(STAGES)]
    advance = edges[0]
    for edge in edges[1:]:
        advance |= edge
    kind = type("Walk", (StateMachine,), {**states, "advance": advance, "ready": lambda _self: True})

    def walk() -> None:
        machine = kind()
        for _ in range(STEPS):
            machine.advance()

    return walk


def _automat() -> Callable[[], None]:
    # It has no guards: what it takes is that of a bare step.
    from typing import Protocol

    from automat import TypeMachineBuilder

    class Walk(Protocol):
        def advance(self) -> None: ...

    builder = TypeMachineBuilder(Walk, object)
    states = [builder.state(stage) for stage in STAGES]
    for source, dest in pairwise(states):
        source.upon(Walk.advance).to(dest).returns(None)

    build = builder.build()

    def walk() -> None:
        machine = build(object())
        for _ in range(STEPS):
            machine.advance()

    return walk


PEERS = {"python-statemachine": _statemachine, "automat": _automat}


def peers(rounds: int) -> Iterator[Row]:
    """Compare guarded moves of those peers that are installed."""
    model = bare()
    subjects: dict[str, Subject] = {"bare": lambda: computing(WALKS * STEPS, lambda: walk_bare(model, WALKS))}

    def many(walk: Callable[[], None]) -> Callable[[], None]:
        def work() -> None:
            for _ in range(WALKS):
                walk()

        return work

    for peer, make in PEERS.items():
        try:
            work = many(make())
        except ImportError:
            print(f"  ({peer} is not installed: skipped)")
            continue
        subjects[peer] = partial(computing, WALKS * STEPS, work)
    costs = in_turns(subjects, rounds)
    for peer in subjects:
        if peer != "bare":
            yield Row(
                what=f"a move of {peer}, a new machine every {STEPS} / a guarded move of bare transitions",
                ratio=ratio(costs, peer, "bare"),
            )
