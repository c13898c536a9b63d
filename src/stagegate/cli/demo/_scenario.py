"""What happens in the demonstration: what really happened, then what is imagined, as a row of scenes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import attrs

from stagegate import Conflict, Engine, GateClosed

from ._case import Case, Clock, Scene
from ._cast import (
    AGREEMENT,
    CARVED_OUT,
    CLAUSES,
    COUNCIL,
    FOREIGN,
    HOME,
    MAYOR,
    OUT,
    PART,
    PARTIES,
    PLAN,
    PROCESS,
    REPORT,
    SECTORS,
    TEAM,
    TITLE,
    looked_at,
    part_id,
)
from ._future import Future

IMAGINED = "IMAGINED from here on: played for the demonstration"
PRESS = "press reports of the visit, 24 July 2025"

DURATIONS = {
    "exploration": "40 workdays",
    "statement_of_intent": "30 workdays",
    "cooperation_plan": "60 workdays",
    "ministerial_verification": "20 workdays",
    "draft_agreement": "30 workdays",
    "negotiation_and_signing": "40 workdays",
}
"""How long the stages are supposed to take in the forecast; the council is supposed to take all its time."""


class Play:
    """The demonstration on one engine, whose clock it moves."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Take the engine and its clock."""
        self.engine = engine
        self.clock = clock
        self.deal = Case(engine, clock, AGREEMENT)
        self.parts = {sector: Case(engine, clock, part_id(sector)) for sector in SECTORS}

    # What really happened

    def real(self) -> Iterator[Scene]:
        """Record what is known, and stop where reality stops."""
        deal = self.deal
        deal.now = self.engine.start(PROCESS, AGREEMENT, title=TITLE, parties=PARTIES, by=MAYOR)
        deal.record(MAYOR, source=PRESS, origin="foreign_local_government")
        deal.record(MAYOR, source=PRESS, counterpart_kind="foreign_local_government")
        deal.record(MAYOR, source="general knowledge", diplomatic_relations=True)
        for sector, part in self.parts.items():
            title = SECTORS[sector][1]
            part.now = self.engine.start(PART, part.id, title=title, part_of=AGREEMENT, by=MAYOR)
        deal.note(MAYOR, "Meeting at the city office of Bekasi; visit 23-25 July 2025")
        yield deal.scene("known")
        yield deal.scene("stands", option=deal.onwards())

    # What is imagined

    def imagined(self) -> Iterator[Scene]:
        """Go on to implementation."""
        self.deal.note(MAYOR, IMAGINED, "2025-08-04")
        yield self._too_early()
        yield self._foreseen()
        yield from self._exploration()
        yield from self._sectors()
        yield from self._council_and_ministry()
        yield from self._improved_plan()
        yield from self._text()

    def future(self) -> Iterator[Scene]:
        """Let time pass: what the signature is followed by."""
        for scene in Future(self.engine, self.deal, self.parts).scenes():
            yield attrs.evolve(scene, future=True)

    def _too_early(self) -> Scene:
        self.clock.move("2025-08-04")
        refusal = None
        try:
            self.engine.advance(self.deal.agreement, by=MAYOR)
        except GateClosed as error:
            refusal = error
        self.deal.refresh()
        return self.deal.scene("refused", error=refusal)

    def _foreseen(self) -> Scene:
        seen = self.engine.forecast(AGREEMENT, DURATIONS, silent=["council"], by=MAYOR)
        return self.deal.scene("foreseen", forecast=seen)

    def _exploration(self) -> Iterator[Scene]:
        deal = self.deal
        deal.attach(MAYOR, "initiative_letter", "2025-08-11", received_on=date(2025, 8, 11), languages={"ja", "en"})
        deal.attach(TEAM, "exploration_report", "2025-09-15", fields=REPORT, languages={"id"})
        deal.record(TEAM, source="exploration report", equal_administrative_status=True)
        deal.advance(MAYOR, "2025-09-16")
        yield deal.scene("explored", event=deal.last())
        deal.record(MAYOR, "2025-10-01", conflicts_of_interest=[], office_abroad=False)
        deal.record(MAYOR, interference_in_domestic_affairs=False, intent_signed_abroad=False)
        deal.attach(HOME, "consultation_home_affairs", "2025-10-06")
        deal.attach(FOREIGN, "consultation_foreign_affairs", "2025-10-13")
        deal.attach(MAYOR, "letter_of_intent", "2025-11-03", signed_by={"bekasi", "izumisano"}, languages={"id", "ja"})
        deal.advance(MAYOR, "2025-11-04")
        yield deal.scene("intended", event=deal.last())

    def _sectors(self) -> Iterator[Scene]:
        for sector, part in self.parts.items():
            part.record(TEAM, "2025-12-08", source="UU 23/2014, annex", **looked_at(sector))
            if sector == OUT:
                # What the sector is about abroad is decided in the capital, so the case goes on without it.
                part.record(TEAM, carve_out_reason=CARVED_OUT)
                part.end(TEAM, "carved_out", CARVED_OUT, "2025-12-15")
            else:
                part.advance(TEAM, "2025-12-15")
        out = self.parts[OUT]
        yield out.scene("carved_out", event=out.last(), params={"count": len(self.parts) - 1})

    def _plan(self, day: str, *, edition: int) -> None:
        better = {**PLAN, "funding_source": "Regional budget (APBD), itemised by sector"} if edition > 1 else PLAN
        self.deal.attach(TEAM, "cooperation_plan", day, fields=better, edition=edition)

    def _request(self, day: str, *, edition: int) -> None:
        received, plan = date.fromisoformat(day), ["cooperation_plan"]
        self.deal.attach(TEAM, "council_request_letter", day, refers_to=plan, edition=edition, received_on=received)

    def _council(self, day: str, *, edition: int) -> None:
        deal, plan = self.deal, ["cooperation_plan"]
        said = {"result": "approve"}
        deal.attach(COUNCIL, "council_minutes", day, refers_to=plan, edition=edition)
        deal.attach(COUNCIL, "council_decision", day, refers_to=plan, edition=edition, fields=said)
        deal.approve(COUNCIL, day, members=50, present=45, in_favour=40, against=3)

    def _ministry(self, submitted: str, answered: str, result: str, *, edition: int) -> None:
        plan = ["cooperation_plan"]
        self.deal.attach(TEAM, "submission_letter", submitted, refers_to=plan, edition=edition)
        said = {"result": result}
        self.deal.attach(HOME, "ministerial_consideration", answered, refers_to=plan, edition=edition, fields=said)

    def _council_and_ministry(self) -> Iterator[Scene]:
        deal = self.deal
        self._plan("2026-01-12", edition=1)
        deal.approve(MAYOR, "2026-01-14")
        deal.advance(TEAM, "2026-01-15")
        yield deal.scene("planned", event=deal.last(), params={"sectors": len(self.parts) - 1})
        self._request("2026-01-20", edition=1)
        yield deal.scene("requested", deadline="stage:council_approval")
        self._council("2026-03-10", edition=1)
        deal.advance(COUNCIL, "2026-03-11")
        yield deal.scene("approved", event=deal.last(), params=self._vote())
        self._ministry("2026-03-16", "2026-04-13", "improve", edition=1)
        self.clock.move("2026-04-14")
        reason = "The funding source has to be itemised by sector"
        deal.now = self.engine.send_back(deal.agreement, "cooperation_plan", reason, by=HOME)
        yield deal.scene("returned", event=deal.last(), params={"reason": reason})

    def _vote(self) -> dict[str, int]:
        return dict(next(vote.tally for vote in self.deal.agreement.approvals if vote.tally))

    def _improved_plan(self) -> Iterator[Scene]:
        deal = self.deal
        before = deal.agreement
        self._plan("2026-05-04", edition=2)
        yield deal.scene("voided", event=deal.last())
        self.clock.move("2026-05-05")
        try:
            # The secretary acts on what stood on the screen before the improved plan was filed.
            self.engine.approve(before, by=COUNCIL)
        except Conflict as error:
            yield deal.scene("conflict", error=error)
        deal.approve(MAYOR, "2026-05-06")
        deal.advance(TEAM, "2026-05-07")
        self._request("2026-05-11", edition=2)
        self._council("2026-06-22", edition=2)
        deal.advance(COUNCIL, "2026-06-23")
        yield deal.scene("approved_again", event=deal.last())
        self._ministry("2026-06-29", "2026-07-27", "draft", edition=2)
        deal.advance(HOME, "2026-07-28")
        yield deal.scene("verified", event=deal.last())

    def _text(self) -> Iterator[Scene]:
        deal = self.deal
        plan, draft, languages = ["cooperation_plan"], ["draft_agreement"], {"id", "ja", "en"}
        deal.record(
            TEAM, "2026-08-17", partner_language="ja", object_ministries=["environment", "transport", "tourism"]
        )
        deal.attach(TEAM, "draft_agreement", "2026-08-18", refers_to=plan, languages=languages, fields=CLAUSES)
        present = ["foreign_ministry", "environment", "transport", "tourism", "province", "city"]
        minutes = {"participants": present}
        deal.attach(HOME, "interministerial_minutes", "2026-09-07", refers_to=plan, fields=minutes)
        deal.attach(HOME, "minister_draft_approval", "2026-09-21", refers_to=draft)
        deal.advance(MAYOR, "2026-09-22")
        yield deal.scene("drafted", event=deal.last())
        deal.attach(FOREIGN, "agreed_text", "2026-10-05", refers_to=draft, languages=languages)
        deal.record(FOREIGN, "2026-10-12", treated_as_treaty=False)
        deal.record(MAYOR, agreement_signed_abroad=False)
        deal.attach(HOME, "confirmation_letter", "2026-10-19", refers_to=["agreed_text"])
        deal.attach(TEAM, "partner_authority", "2026-10-26", languages={"ja"})
        said = {"signed_as": "head_of_region", "equally_authentic": True, "renewal": CLAUSES["renewal"]}
        signed: dict[str, Any] = {"signed_by": {"bekasi", "izumisano"}, "valid_until": date(2029, 11, 8)}
        signed |= {"languages": languages, "fields": said}
        deal.attach(MAYOR, "signed_agreement", "2026-11-09", refers_to=["agreed_text"], **signed)
        deal.advance(MAYOR, "2026-11-10")
        yield deal.scene("signed", event=deal.last(), params={"until": "2029-11-08"})
