"""What the demonstration is played with: a clock that is moved, an agreement on somebody's desk, a scene to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import attrs

from stagegate import Actor, Agreement, Conflict, Document, Engine, Event, Forecast, GateClosed, Option

from ._cast import PAPERS, content

WIB = timezone(timedelta(hours=7), "WIB")


@attrs.frozen(kw_only=True)
class Scene:
    """
    Something worth telling.

    Attributes:
        name: What it is about; the telling knows what to say of it.

        at: When it is.

        agreement: The agreement as it is then.

        option: What stands in the way of going on.

        event: The event that it tells of.

        error: The refusal or conflict that it tells of.

        deadline: What is due, where it tells how that date came about.

        forecast: What it foresees.

        params: What fills the places of its sentence.

        future: Whether it is played into the future.
    """

    name: str
    at: datetime
    agreement: Agreement
    option: Option | None = None
    event: Event | None = None
    error: GateClosed | Conflict | None = None
    deadline: str | None = None
    forecast: Forecast | None = None
    params: Mapping[str, Any] = attrs.field(factory=dict)
    future: bool = False


class Clock:
    """A clock that stands still until it is moved: what is played today says what it said yesterday."""

    def __init__(self) -> None:
        """Begin on the day of the meeting."""
        self._now = datetime(2025, 7, 24, 10, 0, tzinfo=WIB)

    def __call__(self) -> datetime:
        """Say what time it is."""
        return self._now

    def move(self, day: str | None) -> None:
        """Go on to nine o'clock of *day*, or by five minutes where that has passed."""
        morning = self._now if day is None else datetime.combine(date.fromisoformat(day), time(9), tzinfo=WIB)
        self._now = max(morning, self._now + timedelta(minutes=5))


class Case:
    """An agreement on somebody's desk: what the engine answered last, and the calls that are made again and again."""

    def __init__(self, engine: Engine, clock: Clock, id_: str) -> None:
        """Take the engine, its clock, and the id of the agreement."""
        self.engine = engine
        self.clock = clock
        self.id = id_
        self.now: Agreement | None = None

    @property
    def agreement(self) -> Agreement:
        """The agreement as it was last seen."""
        return self.now or self.refresh()

    def refresh(self) -> Agreement:
        """Look at it again: something happened to it that was not done here."""
        self.now = self.engine.get(self.id)
        return self.now

    def scene(self, name: str, **what: Any) -> Scene:
        """Make a scene of how things stand."""
        return Scene(name=name, at=self.clock(), agreement=self.agreement, **what)

    def last(self) -> Event:
        """Return the last event."""
        return self.engine.history(self.id, after=self.engine.get(self.id).n - 1)[0]

    def onwards(self) -> Option:
        """Return what it would take to advance, for those whose turn it is."""
        someone = Actor(id="anyone", roles=set(self.agreement.owner))
        return next(o for o in self.engine.options(self.agreement, by=someone) if o.move == "advance")

    def note(self, by: Actor, text: str, day: str | None = None) -> None:
        """Write something down."""
        self.clock.move(day)
        self.now = self.engine.note(self.agreement, text, by=by)

    def record(self, by: Actor, day: str | None = None, source: str = "", **facts: Any) -> None:
        """Record facts."""
        for fact, value in facts.items():
            self.clock.move(day)
            self.now = self.engine.record(self.agreement, fact, value, source=source, by=by)

    def attach(
        self, by: Actor, kind: str, day: str, *, refers_to: Iterable[str] = (), edition: int = 1, **about: Any
    ) -> None:
        """File a paper that bears the date of that day."""
        self.clock.move(day)
        fields = dict(about.pop("fields", {}))
        if named := [self._digest(other) for other in refers_to]:
            fields["refers_to"] = named
        about = {"title": PAPERS[kind], "dated": date.fromisoformat(day), **about}
        paper = Document.from_bytes(content(kind, edition), kind=kind, fields=fields, **about)
        self.now = self.engine.attach(self.agreement, paper, by=by)

    def _digest(self, kind: str) -> str:
        return str(self.agreement.documents[kind].digest)

    def approve(self, by: Actor, day: str, **result: int) -> None:
        """Vote for it."""
        self.clock.move(day)
        self.now = self.engine.approve(self.agreement, result=result or None, by=by)

    def advance(self, by: Actor, day: str) -> None:
        """Go on to the next stage."""
        self.clock.move(day)
        self.now = self.engine.advance(self.agreement, by=by)

    def end(self, by: Actor, outcome: str, reason: str, day: str) -> None:
        """End it."""
        self.clock.move(day)
        self.now = self.engine.end(self.agreement, outcome, reason, by=by)
