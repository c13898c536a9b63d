"""An engine on either store with one agreement in it, and a hand that tries what nobody should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    Outcome,
    Process,
    Stage,
    StagegateError,
    approval,
    document,
    fact,
    unguarded,
)
from stagegate.testing import ManualClock

BOSS = Actor(id="ann", roles={"boss", "council"})
MOST_SAID = 2_000
"""How many characters an error may have, whatever was handed in: it ends in somebody's log."""


def pact() -> Process:
    """Return a process whose first gate asks for something of every kind."""
    return Process(
        id="pact",
        version="1",
        stages=(
            Stage(
                "draft",
                owner="boss",
                gate=document("plan") & approval("council", of="plan") & fact("cost", at_most=10),
            ),
            Stage("review", owner="boss", back_to=("draft",), gate=unguarded("for the owner to decide")),
            Stage("done", owner="boss"),
        ),
        outcomes=(Outcome("dropped"),),
    )


def plan(content: bytes = b"plan", **about: Any) -> Document:
    """Return a document that the first gate asks for."""
    return Document.from_bytes(content, kind="plan", **about)


@attrs.define
class Office:
    """
    An engine with the agreement `deal` in it, which stands at `draft`.

    Attributes:
        engine: The engine.

        clock: Its clock.

        url: Where its store is.
    """

    engine: Engine
    clock: ManualClock
    url: str

    def state(self) -> tuple[Any, ...]:
        """Return all there is: every agreement, every event, every row of the outbox."""
        items = self.engine.find(limit=500).items
        events = [(item.id, event.n, event.hash) for item in items for event in self.engine.history(item.id)]
        return items, events, self.engine.count(by="stage"), self.engine.outbox()

    @contextmanager
    def refusing(
        self, *said: str, kind: type[StagegateError] = StagegateError
    ) -> Iterator[pytest.ExceptionInfo[StagegateError]]:
        """Expect an error that says *said* within bounds, and that nothing was written and all is whole after it."""
        before = self.state()
        with pytest.raises(kind) as error:
            yield error
        sentence = str(error.value)
        assert [] == [part for part in said if part not in sentence], sentence[:MOST_SAID]
        assert len(sentence) <= MOST_SAID, sentence[:MOST_SAID]
        assert before == self.state()
        assert self.engine.verify().ok

    def goes_on(self) -> Agreement:
        """Do what the first gate asks for, pass it, and return the agreement; `verify` proves it whole."""
        self.engine.attach("deal", plan(), by=BOSS)
        self.engine.record("deal", "cost", 7, by=BOSS)
        self.engine.approve("deal", role="council", by=BOSS)
        deal = self.engine.advance("deal", by=BOSS)
        assert self.engine.verify().ok
        return deal
