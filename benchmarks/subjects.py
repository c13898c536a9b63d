"""The one process that everything is measured on: eight stages, and one guard at every step."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

from transitions import Machine

from stagegate import Actor, Agreement, Attempt, Engine, Process, Stage, requirement

STAGES = (
    "exploration",
    "mandate",
    "framework",
    "negotiation",
    "drafting",
    "ratification",
    "signature",
    "implementation",
)
STEPS = len(STAGES) - 1

DESK = Actor(id="clerk-7", roles={"desk"})
NOON = datetime(2025, 7, 24, 12, tzinfo=UTC)


@requirement(code="bench.ready", fix_by="desk", basis="Rule of the bench, Art 1")
def ready(attempt: Attempt) -> bool:
    """Ask one recorded fact."""
    return attempt.fact("ready") is True


def process() -> Process:
    """Return the process."""
    *gated, last = STAGES
    return Process(
        id="bench",
        version="1",
        stages=(*(Stage(stage, owner="desk", gate=ready) for stage in gated), Stage(last, owner="desk")),
    )


def begun(engine: Engine, agreement: str) -> Agreement:
    """Start an agreement and record what its guards ask for."""
    engine.start("bench", agreement, title=f"Agreement {agreement}", by=DESK)
    return engine.record(agreement, "ready", value=True, by=DESK)


def walked(engine: Engine, agreement: Agreement) -> Agreement:
    """Take an agreement from the first stage to the last."""
    for _ in range(STEPS):
        agreement = engine.advance(agreement, by=DESK)
    return agreement


class Model:
    """What `transitions` moves, as its documentation shows it."""

    state: str

    def __init__(self) -> None:
        """Have what the guards ask for."""
        self.facts = {"ready": True}

    def ready(self) -> bool:
        """Ask the same fact."""
        return self.facts.get("ready") is True


def bare() -> Model:
    """Return a model of the same eight states with the same guard, moved by `transitions` as it is."""
    model = Model()
    Machine(
        model=model,
        states=list(STAGES),
        transitions=[
            {"trigger": "advance", "source": source, "dest": dest, "conditions": "ready"}
            for source, dest in pairwise(STAGES)
        ],
        initial=STAGES[0],
        auto_transitions=False,
    )
    return model


def walk_bare(model: Model, times: int) -> None:
    """Take the model from the first state to the last, over and over."""
    for _ in range(times):
        model.state = STAGES[0]
        for _ in range(STEPS):
            model.advance()
