"""Values to try a plugin on: a small process, an agreement, an event, a notification."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import attrs

from stagegate import (
    Actor,
    Agreement,
    Engine,
    Event,
    MemoryStore,
    Notification,
    Outcome,
    Process,
    Stage,
    approval,
    document,
    fact,
    unguarded,
)

from ._clock import ManualClock

ROLES = ("clerk", "council", "ministry")
"""The roles of the process that `make_process` makes."""


_MOVES = {
    "attached": "attach",
    "recorded": "record",
    "voted": "approve",
    "adjourned": "adjourn",
    "noted": "note",
    "migrated": "migrate",
}


@lru_cache(maxsize=1)
def make_process() -> Process:
    """
    Return a small process that has one of everything: four stages, a condition, ways back, two outcomes.

    The clerk owns `draft` and `done`, the council `vote`, the ministry and the clerk together `review`.
    """
    return Process(
        id="cooperation",
        version="1",
        stages=(
            Stage("draft", owner="clerk", gate=document("plan", signed_by=1) & fact("cost", at_most=1000)),
            Stage("vote", owner="council", back_to=("draft", "vote"), gate=approval("council", of="plan")),
            Stage(
                "review",
                owner=("ministry", "clerk"),
                when=fact("abroad", equals=True),
                back_to=("draft", "vote"),
                gate=unguarded("it is reviewed in private"),
            ),
            Stage("done", owner="clerk", back_to=("draft",)),
        ),
        outcomes=(
            Outcome("withdrawn", by=("clerk", "council")),
            Outcome("fulfilled", stages=("done",), by=("clerk",)),
        ),
    )


def make_agreement(id: str = "bekasi-izumisano", **changes: Any) -> Agreement:
    """
    Return an agreement as an engine starts one, with *changes*.

    Args:
        id: Its id.

        changes: Attributes of `Agreement` that are to be otherwise, such as `stage="vote"`; tables may be plain dicts.
    """
    with Engine(MemoryStore(), processes=[make_process()], clock=ManualClock()) as engine:
        process = make_process()
        title = changes.pop("title", "Bekasi – Izumisano")
        parties = changes.pop("parties", ())
        started = engine.start(process.id, id, title=title, parties=parties, by=Actor(id="ann", roles={"clerk"}))
    table = type(started.rounds)
    frozen: dict[str, Any] = {k: table(v) if isinstance(v, Mapping) else v for k, v in changes.items()}
    return attrs.evolve(started, **frozen)


def make_event(kind: str = "noted", **fields: Any) -> Event:
    """
    Return an event, as a plugin is shown one.

    Args:
        kind: Its kind.

        fields: Fields of its body that are to be otherwise, such as `move="advance"` or `data={"text": "seen"}`.
    """
    agreement = make_agreement(fields.get("agreement", "bekasi-izumisano"))
    at = agreement.started_at.isoformat(timespec="microseconds")[:-6] + "Z"
    return Event(
        {
            "actor": {"id": "ann", "roles": ["clerk"]},
            "agreement": agreement.id,
            "at": at,
            "from": agreement.stage,
            "id": "00000000-0000-4000-8000-000000000001",
            "kind": kind,
            "move": _MOVES.get(kind, "advance"),
            "n": 2,
            "process": attrs.asdict(agreement.process),
            "recorded_at": at,
            **fields,
        },
        hash=agreement.head,
    )


def make_notification(channel: str = "log", **changes: Any) -> Notification:
    """
    Return a notification, as a channel is handed one.

    Args:
        channel: The name of the channel.

        changes: Attributes of `Notification` that are to be otherwise.
    """
    given = {
        "kind": "moved.advance",
        "to": "clerk",
        "context": {"stage": "vote"},
        "id": "00000000-0000-4000-8000-000000000002",
        "agreement": "bekasi-izumisano",
        "n": 2,
    }
    return Notification(channel=channel, **{**given, **changes})
