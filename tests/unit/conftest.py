"""What the tests of single rooms share: a clock, people, and a case with one gate to try things on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import pytest

from stagegate import Actor, Agreement, Document, Engine, MemoryStore, Option, Party, Process, Requirement, Stage, Unmet
from stagegate.testing import ManualClock


class Case:
    """An agreement before one gate: `draft` is left through it, for `done`. What is done returns the case itself."""

    def __init__(
        self,
        gate: Requirement,
        *,
        parties: Iterable[Party] = (),
        zone: str = "UTC",
        started_by: str = "ann",
        **stage: Any,
    ) -> None:
        self.clock = ManualClock()
        self.process = Process(
            id="case",
            version="1",
            stages=(Stage("draft", owner="boss", gate=gate, **stage), Stage("done", owner="boss")),
            zone=zone,
        )
        self.engine = Engine(MemoryStore(), processes=[self.process], clock=self.clock)
        self.engine.start("case", "deal", by=self.who(started_by, "boss"), parties=parties)

    @staticmethod
    def who(person: str, *roles: str) -> Actor:
        """Return a person in roles."""
        return Actor(id=person, roles=roles)

    def attach(self, kind: str, content: bytes = b"text", *, by: str = "ann", **about: Any) -> Self:
        """File a document."""
        document = Document.from_bytes(content, kind=kind, **about)
        self.engine.attach("deal", document, by=self.who(by, "boss"))
        return self

    def record(self, fact: str, value: Any) -> Self:
        """Record a fact."""
        self.engine.record("deal", fact, value, by=self.who("ann", "boss"))
        return self

    def approve(self, role: str, *, by: str = "voter", **vote: Any) -> Self:
        """Vote for it."""
        self.engine.approve("deal", by=self.who(by, role), **vote)
        return self

    def refuse(self, role: str, reason: str, *, by: str = "voter") -> Self:
        """Vote against it."""
        self.engine.refuse("deal", reason, by=self.who(by, role))
        return self

    def advance(self, *, by: str = "ann", role: str = "boss") -> Agreement:
        """Go through the gate."""
        return self.engine.advance("deal", by=self.who(by, role))

    def option(self, *, by: str = "ann", role: str = "boss") -> Option:
        """Ask for the way through the gate."""
        return next(o for o in self.engine.options("deal", by=self.who(by, role)) if o.move == "advance")

    @property
    def unmet(self) -> tuple[Unmet, ...]:
        """The reasons why the gate is shut."""
        return self.option().unmet

    @property
    def codes(self) -> list[str]:
        """Their codes."""
        return [reason.code for reason in self.unmet]

    @property
    def said(self) -> list[str]:
        """Their sentences."""
        return [reason.text() for reason in self.unmet]


@pytest.fixture
def case() -> Callable[..., Case]:
    """Make an agreement before a gate."""
    return Case


@pytest.fixture
def clock() -> ManualClock:
    """Stand still until told otherwise."""
    return ManualClock()


@pytest.fixture
def boss() -> Actor:
    """Own every stage that the tests make."""
    return Actor(id="ann", roles={"boss"})
