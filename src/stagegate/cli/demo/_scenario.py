"""What happens in the demonstration: first what really happened, then what is imagined, as a row of scenes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import attrs

from stagegate import Actor, Agreement, Conflict, Document, Engine, Event, GateClosed, Option

from ._cast import (
    AGREEMENT,
    CLAUSES,
    COUNCIL,
    FOREIGN,
    HOME,
    MAYOR,
    PAPERS,
    PARTIES,
    PLAN,
    PLANNED,
    PROCESS,
    PROPOSED,
    REPORT,
    TEAM,
    TITLE,
    content,
)

WIB = timezone(timedelta(hours=7), "WIB")
IMAGINED = "IMAGINED from here on: played for the demonstration"
PRESS = "press reports of the visit, 24 July 2025"


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
    """

    name: str
    at: datetime
    agreement: Agreement
    option: Option | None = None
    event: Event | None = None
    error: GateClosed | Conflict | None = None


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


class Play:
    """The demonstration on one engine, whose clock it moves."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Take the engine and its clock."""
        self.engine = engine
        self.clock = clock
        self.now: Agreement | None = None

    @property
    def agreement(self) -> Agreement:
        """The agreement as it was last seen."""
        return self.now or self.engine.get(AGREEMENT)

    def scene(self, name: str, **what: Any) -> Scene:
        """Make a scene of how things stand."""
        return Scene(name=name, at=self.clock(), agreement=self.agreement, **what)

    def last(self) -> Event:
        """Return the last event."""
        return self.engine.history(AGREEMENT, after=self.engine.get(AGREEMENT).n - 1)[0]

    def onwards(self) -> Option:
        """Return what it would take to advance, for those whose turn it is."""
        someone = Actor(id="anyone", roles=set(self.agreement.owner))
        return next(o for o in self.engine.options(self.agreement, by=someone) if o.move == "advance")

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
        paper = Document.from_bytes(
            content(kind, edition), kind=kind, title=PAPERS[kind], dated=date.fromisoformat(day), fields=fields, **about
        )
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

    # What really happened

    def real(self) -> Iterator[Scene]:
        """Record what is known, and stop where reality stops."""
        self.now = self.engine.start(PROCESS, AGREEMENT, title=TITLE, parties=PARTIES, by=MAYOR)
        self.record(MAYOR, source=PRESS, origin="foreign_local_government")
        self.record(MAYOR, source=PRESS, counterpart_kind="foreign_local_government")
        self.record(MAYOR, source="general knowledge", diplomatic_relations=True)
        self.record(MAYOR, source=PRESS, sectors=PROPOSED)
        self.clock.move(None)
        self.now = self.engine.note(
            self.agreement, "Meeting at the city office of Bekasi; visit 23-25 July 2025", by=MAYOR
        )
        yield self.scene("known")
        yield self.scene("stands", option=self.onwards())

    # What is imagined

    def imagined(self) -> Iterator[Scene]:
        """Go on to implementation."""
        self.clock.move("2025-08-04")
        self.now = self.engine.note(self.agreement, IMAGINED, by=MAYOR)
        yield self._too_early()
        yield from self._exploration()
        yield from self._council_and_ministry()
        yield from self._improved_plan()
        yield from self._text()

    def _too_early(self) -> Scene:
        self.clock.move("2025-08-04")
        refusal = None
        try:
            self.engine.advance(self.agreement, by=MAYOR)
        except GateClosed as error:
            refusal = error
        self.now = self.engine.get(AGREEMENT)
        return self.scene("refused", error=refusal)

    def _exploration(self) -> Iterator[Scene]:
        self.attach(MAYOR, "initiative_letter", "2025-08-11", received_on=date(2025, 8, 11), languages={"ja", "en"})
        self.attach(TEAM, "exploration_report", "2025-09-15", fields=REPORT, languages={"id"})
        self.record(TEAM, source="exploration report", equal_administrative_status=True)
        self.advance(MAYOR, "2025-09-16")
        yield self.scene("explored", event=self.last())
        self.record(MAYOR, "2025-10-01", conflicts_of_interest=[], office_abroad=False)
        self.record(MAYOR, interference_in_domestic_affairs=False, intent_signed_abroad=False)
        self.attach(HOME, "consultation_home_affairs", "2025-10-06")
        self.attach(FOREIGN, "consultation_foreign_affairs", "2025-10-13")
        self.attach(MAYOR, "letter_of_intent", "2025-11-03", signed_by={"bekasi", "izumisano"}, languages={"id", "ja"})
        self.advance(MAYOR, "2025-11-04")
        yield self.scene("intended", event=self.last())

    def _plan(self, day: str, *, edition: int) -> None:
        better = {**PLAN, "funding_source": "Regional budget (APBD), itemised by sector"} if edition > 1 else PLAN
        self.attach(TEAM, "cooperation_plan", day, fields=better, edition=edition)

    def _council(self, request: str, decision: str, *, edition: int) -> None:
        received = date.fromisoformat(request)
        self.attach(
            TEAM,
            "council_request_letter",
            request,
            refers_to=["cooperation_plan"],
            edition=edition,
            received_on=received,
        )
        said = {"result": "approve"}
        self.attach(COUNCIL, "council_decision", decision, refers_to=["cooperation_plan"], edition=edition, fields=said)
        self.approve(COUNCIL, decision, members=50, present=45, in_favour=40, against=3)

    def _ministry(self, submitted: str, answered: str, result: str, *, edition: int) -> None:
        plan = ["cooperation_plan"]
        self.attach(TEAM, "submission_letter", submitted, refers_to=plan, edition=edition)
        said = {"result": result}
        self.attach(HOME, "ministerial_consideration", answered, refers_to=plan, edition=edition, fields=said)

    def _council_and_ministry(self) -> Iterator[Scene]:
        self._plan("2026-01-12", edition=1)
        self.record(TEAM, "2026-01-13", source="cooperation plan", sectors=PLANNED)
        self.approve(MAYOR, "2026-01-14")
        self.advance(TEAM, "2026-01-15")
        yield self.scene("planned", event=self.last())
        self._council("2026-01-20", "2026-03-10", edition=1)
        self.advance(COUNCIL, "2026-03-11")
        yield self.scene("approved", event=self.last())
        self._ministry("2026-03-16", "2026-04-13", "improve", edition=1)
        self.clock.move("2026-04-14")
        reason = "The funding source has to be itemised by sector"
        self.now = self.engine.send_back(self.agreement, "cooperation_plan", reason, by=HOME)
        yield self.scene("returned", event=self.last())

    def _improved_plan(self) -> Iterator[Scene]:
        before = self.agreement
        self._plan("2026-05-04", edition=2)
        yield self.scene("voided", event=self.last())
        self.clock.move("2026-05-05")
        try:
            # The secretary acts on what stood on the screen before the improved plan was filed.
            self.engine.approve(before, by=COUNCIL)
        except Conflict as error:
            yield self.scene("conflict", error=error)
        self.approve(MAYOR, "2026-05-06")
        self.advance(TEAM, "2026-05-07")
        self._council("2026-05-11", "2026-06-22", edition=2)
        self.advance(COUNCIL, "2026-06-23")
        yield self.scene("approved_again", event=self.last())
        self._ministry("2026-06-29", "2026-07-27", "draft", edition=2)
        self.advance(HOME, "2026-07-28")
        yield self.scene("verified", event=self.last())

    def _text(self) -> Iterator[Scene]:
        plan, draft, languages = ["cooperation_plan"], ["draft_agreement"], {"id", "ja", "en"}
        self.record(
            TEAM, "2026-08-17", partner_language="ja", object_ministries=["environment", "transport", "tourism"]
        )
        self.attach(TEAM, "draft_agreement", "2026-08-18", refers_to=plan, languages=languages, fields=CLAUSES)
        present = ["foreign_ministry", "environment", "transport", "tourism", "province", "city"]
        minutes = {"participants": present}
        self.attach(HOME, "interministerial_minutes", "2026-09-07", refers_to=plan, fields=minutes)
        self.attach(HOME, "minister_draft_approval", "2026-09-21", refers_to=draft)
        self.advance(MAYOR, "2026-09-22")
        yield self.scene("drafted", event=self.last())
        self.attach(FOREIGN, "agreed_text", "2026-10-05", refers_to=draft, languages=languages)
        self.record(FOREIGN, "2026-10-12", treated_as_treaty=False)
        self.record(MAYOR, agreement_signed_abroad=False)
        self.attach(HOME, "confirmation_letter", "2026-10-19", refers_to=["agreed_text"])
        self.attach(TEAM, "partner_authority", "2026-10-26", languages={"ja"})
        said = {"signed_as": "head_of_region", "equally_authentic": True}
        self.attach(
            MAYOR,
            "signed_agreement",
            "2026-11-09",
            refers_to=["agreed_text"],
            signed_by={"bekasi", "izumisano"},
            languages=languages,
            fields=said,
        )
        self.advance(MAYOR, "2026-11-10")
        yield self.scene("signed", event=self.last())
