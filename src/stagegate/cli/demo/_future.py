"""The life after the signature, played into the future: what is owed, what is missed, what is renewed, what ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from stagegate import Engine, Event, Swept

from ._case import Case, Scene
from ._cast import AGENCY, COUNCIL, GOVERNOR, HOME, LAPSED, MAYOR, OUT, SECTORS, TEAM

PLAYED = "PLAYED INTO THE FUTURE from here on: none of it has happened"
REPORT = "duty:G21"


class Future:
    """What follows the signature, on one engine whose clock is moved ahead."""

    def __init__(self, engine: Engine, deal: Case, parts: Mapping[str, Case]) -> None:
        """Take the engine, the agreement and its parts."""
        self.engine = engine
        self.deal = deal
        self.parts = {sector: part for sector, part in parts.items() if sector != OUT}

    def scenes(self) -> Iterator[Scene]:
        """Let three years pass."""
        self.deal.note(MAYOR, PLAYED, "2026-11-30")
        yield from self._work()
        yield from self._report()
        yield from self._renewal()
        yield self._expiry()

    def _work(self) -> Iterator[Scene]:
        for part in self.parts.values():
            part.advance(TEAM, "2026-12-01")
        self.deal.attach(TEAM, "action_plan", "2027-02-15")
        for sector, part in self.parts.items():
            part.record(TEAM, "2027-02-16", owner_agency=f"agency in charge of {SECTORS[sector][0]}")
            part.attach(AGENCY, "action_plan", "2027-03-01")
            part.attach(AGENCY, "activity", "2027-06-14")
            part.advance(AGENCY, "2027-06-15")
        yield self.deal.scene("active", params={"count": len(self.parts)})

    def _report(self) -> Iterator[Scene]:
        deal = self.deal
        first = deal.refresh().deadlines[REPORT]
        self._sweep("2027-10-11")
        self._sweep("2027-11-12")
        event = self._said("overdue")
        reminded = self._said("reminded").at.astimezone(event.at.tzinfo)
        params = {"date": first.date, "basis": event.data["data"]["basis"], "reminded": f"{reminded:%Y-%m-%d}"}
        yield deal.scene("overdue", event=event, params=params)
        deal.attach(TEAM, "periodic_report", "2027-12-06")
        late = (date(2027, 12, 6) - (first.date or date.max)).days
        yield deal.scene(
            "reported", event=deal.last(), params={"days": late, "date": deal.agreement.deadlines[REPORT].date}
        )
        deal.attach(TEAM, "periodic_report", "2028-10-23", edition=2)

    def _renewal(self) -> Iterator[Scene]:
        deal, signed = self.deal, ["signed_agreement"]
        self._sweep("2029-05-09")
        was = deal.agreement.deadlines["term"].date
        deal.attach(TEAM, "renewal_request", "2029-06-04")
        deal.attach(GOVERNOR, "evaluation", "2029-07-16")
        sealed: dict[str, Any] = {"signed_by": {"bekasi", "izumisano"}, "languages": {"id", "ja", "en"}}
        deal.attach(MAYOR, "renewal", "2029-08-20", refers_to=signed, valid_until=date(2034, 11, 8), **sealed)
        deal.attach(HOME, "renewal_confirmation", "2029-09-03", refers_to=["renewal"])
        deal.approve(COUNCIL, "2029-09-17", members=50, present=41, in_favour=41)
        deal.attach(TEAM, "periodic_report", "2029-10-22", edition=3)
        deal.clock.move("2029-10-23")
        deal.now = self.engine.renew(deal.agreement, reason="Both cities wish it", by=MAYOR)
        params = {"was": was, "until": deal.agreement.deadlines["term"].date}
        yield deal.scene("renewed", event=deal.last(), params=params)
        for sector, part in self.parts.items():
            if sector != LAPSED:
                part.clock.move("2029-10-24")
                part.now = self.engine.renew(part.agreement, reason="It goes on", by=AGENCY)

    def _expiry(self) -> Scene:
        self._sweep("2029-11-12")
        part = self.parts[LAPSED]
        part.refresh()
        event = part.last()
        params = {"sector": LAPSED, "date": event.data["data"]["date"], "others": len(self.parts) - 1}
        return part.scene("expired", event=event, params=params)

    def _sweep(self, day: str) -> Swept:
        """Let what is due take its course, as the timer does every day."""
        self.deal.clock.move(day)
        swept = self.engine.sweep()
        self.deal.refresh()
        return swept

    def _said(self, kind: str) -> Event:
        """Return the last event of a kind about the report."""
        events = self.engine.history(self.deal.id)
        return next(e for e in reversed(events) if e.kind == kind and e.data["data"]["deadline"] == REPORT)
