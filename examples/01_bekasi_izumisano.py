"""
The first lesson: an agreement between two cities walks through the gates of its process.

On 24 July 2025 the city of Bekasi (Indonesia) received Izumisano (Japan). `what_happened` records that day; everything
after it is imagined. Two processes come with the library: `id-ksdpl` is what Indonesian law asks of the agreement, and
`id-ksdpl-sector` what it asks of each of the nine sectors, which are parts of it. An agreement of your own is moved by
the same calls.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stagegate import Actor, Conflict, Document, Engine, GateClosed, Party

# The library knows no people. Your application says who acts, and in which roles.
mayor = Actor(id="mayor", roles={"head_of_region"})
team = Actor(id="team", roles={"cooperation_team"})
council = Actor(id="secretary", roles={"council"})
home = Actor(id="home-desk", roles={"home_affairs_minister"})
foreign = Actor(id="foreign-desk", roles={"foreign_minister"})

cities = (Party("bekasi", name="Kota Bekasi", country="ID"), Party("izumisano", name="Izumisano City", country="JP"))
sectors = (
    "environment",
    "employment",
    "education",
    "smart_city",
    "transit",
    "culture",
    "trade",
    "branding",
    "wastewater",
)


class Clock:
    """Set by hand, so that the lesson says the same every day. An engine that is given no clock takes the system's."""

    now = datetime.fromisoformat("2025-07-24T10:00+07:00")

    def __call__(self) -> datetime:
        """Say what time it is."""
        return self.now


class Case:
    """The agreement on somebody's desk: what the engine answered last, and the calls that are made again and again."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Start the agreement."""
        self.engine, self.clock = engine, clock
        self.deal = engine.start("id-ksdpl", "bekasi-izumisano", title="Bekasi – Izumisano", parties=cities, by=mayor)

    def on(self, day: str) -> None:
        """Let it be that day."""
        self.clock.now = datetime.fromisoformat(f"{day}T09:00+07:00")

    def record(self, by: Actor, **facts: Any) -> None:
        """Record facts."""
        for fact, value in facts.items():
            self.deal = self.engine.record(self.deal, fact, value, by=by)

    def file(self, by: Actor, kind: str, day: str, *refers_to: str, says: Any = (), **about: Any) -> None:
        """File a paper. What identifies it is the digest of its content; other papers refer to it by that digest."""
        self.on(day)
        fields = says if isinstance(says, dict) else dict.fromkeys(says, "see the paper")
        if refers_to:
            fields["refers_to"] = [self.deal.documents[other].digest for other in refers_to]
        content = f"{kind} of {day}".encode()  # or Document.from_file
        paper = Document.from_bytes(content, kind=kind, dated=date.fromisoformat(day), fields=fields, **about)
        self.deal = self.engine.attach(self.deal, paper, by=by)

    def advance(self, by: Actor) -> None:
        """Go on to the next stage, through the gate."""
        self.deal = self.engine.advance(self.deal, by=by)
        self.tell(f"now at {self.deal.stage}")

    def tell(self, what: str) -> None:
        """Print a line with the date."""
        print(f"{self.clock.now:%Y-%m-%d}  {what}")


def what_happened(case: Case) -> None:
    """Record what is known of the meeting, and ask where that leaves the two cities."""
    case.record(mayor, origin="foreign_local_government", counterpart_kind="foreign_local_government")
    case.record(mayor, diplomatic_relations=True)
    for sector in sectors:
        case.engine.start("id-ksdpl-sector", sector, part_of=case.deal, by=mayor)

    deal, process = case.deal, case.engine.process(case.deal)
    print(f"{deal.title} stands at {deal.stage}, and it is the turn of {', '.join(deal.owner)}.")
    print(f"{len(process.further(deal.stage))} further stages lie before {process.stages[-1].id}.")

    # Asking changes nothing, and the answer is complete: every reason, who can mend it, the rule it comes from.
    options = {option.move: option for option in case.engine.options(deal, by=mayor)}
    print(f"To go on to {options['advance'].target} it lacks:")
    for reason in options["advance"].unmet:
        print(f"  - {reason.text('en')}")
        print(f"    ({' or '.join(reason.fix_by)}; {reason.basis})")


def letter_of_intent(case: Case) -> None:
    """Try a gate that is shut, bring what it asks for, and pass it; then the next."""
    case.on("2025-08-04")
    try:
        case.engine.advance(case.deal, by=mayor)
    except GateClosed as refusal:
        case.tell(f"refused for {len(refusal.unmet)} reasons; the attempt is event {refusal.n} of the history")
    case.deal = case.engine.get(case.deal)

    case.file(mayor, "initiative_letter", "2025-08-11")
    report = ("opportunities", "regional_benefit", "national_benefit", "complementarity", "people_to_people")
    case.file(team, "exploration_report", "2025-09-15", says=report)
    case.record(team, equal_administrative_status=True)
    case.advance(mayor)

    case.record(mayor, conflicts_of_interest=[], office_abroad=False, interference_in_domestic_affairs=False)
    case.record(mayor, intent_signed_abroad=False)
    case.file(home, "consultation_home_affairs", "2025-10-06")
    case.file(foreign, "consultation_foreign_affairs", "2025-10-13")
    case.file(mayor, "letter_of_intent", "2025-11-03", signed_by={"bekasi", "izumisano"})
    case.advance(mayor)


def look_at_sectors(case: Case) -> None:
    """Clear the sectors for the plan, one by one; what is no affair of the city is carved out, and the rest goes on."""
    case.on("2025-12-08")
    for sector in sectors:
        whose = "central" if sector == "employment" else "city"
        for fact, value in {"object_class": "other", "competence": whose, "grant_involved": False}.items():
            case.engine.record(sector, fact, value, by=team)
        if whose == "city":
            case.engine.advance(sector, by=team)
        else:
            case.engine.record(sector, "carve_out_reason", "permits are given by the centre", by=team)
            case.engine.end(sector, "carved_out", by=team)
    cleared = case.engine.count(stage="cleared")
    case.tell(f"{cleared} of {len(sectors)} sectors are cleared for the plan")


def file_plan(case: Case, day: str) -> None:
    """File the cooperation plan, or a new version of it."""
    items = ("subject", "background", "purpose_goals_targets", "object", "scope", "funding_source", "duration")
    case.file(team, "cooperation_plan", day, says=(*items, "development_plan_reference"))


def approve_plan(case: Case, request: str, decision: str) -> None:
    """Let mayor and council approve the plan as it is now: their approvals are bound to its digest."""
    case.deal = case.engine.approve(case.deal, by=mayor)
    case.advance(team)
    case.file(team, "council_request_letter", request, "cooperation_plan", received_on=date.fromisoformat(request))
    due = case.deal.deadlines["stage:council_approval"]
    case.tell(
        f"the council has until {due.date}: {due.rule['workdays']} working days by the calendar {due.calendar[0]}"
    )
    case.file(council, "council_minutes", decision, "cooperation_plan")
    case.file(council, "council_decision", decision, "cooperation_plan", says={"result": "approve"})
    case.deal = case.engine.approve(
        case.deal, result={"members": 50, "present": 45, "in_favour": 40, "against": 3}, by=council
    )
    case.advance(council)


def plan_and_improved_plan(case: Case) -> None:
    """Have the plan sent back by the ministry; the improved plan voids what was approved before."""
    file_plan(case, "2026-01-12")
    approve_plan(case, "2026-01-20", "2026-03-10")
    case.file(team, "submission_letter", "2026-03-16", "cooperation_plan")
    case.file(home, "ministerial_consideration", "2026-04-13", "cooperation_plan", says={"result": "improve"})
    case.deal = case.engine.send_back(case.deal, "cooperation_plan", "the funding has to be itemised", by=home)
    case.tell(f"sent back to {case.deal.stage}")

    on_the_screen = case.deal
    file_plan(case, "2026-05-04")
    voided = case.engine.history(case.deal)[-1].data["voided"]
    case.tell(f"the improved plan voids the approvals of {' and '.join(vote['role'] for vote in voided)}")
    try:
        case.engine.approve(on_the_screen, by=council)  # as if it were still the plan of January
    except Conflict as conflict:
        case.tell(f"a stale writer is refused: version {conflict.seen} was seen, it is now {conflict.current}")

    approve_plan(case, "2026-05-11", "2026-06-22")
    case.file(team, "submission_letter", "2026-06-29", "cooperation_plan")
    case.file(home, "ministerial_consideration", "2026-07-27", "cooperation_plan", says={"result": "draft"})
    case.advance(home)


def text_and_signature(case: Case) -> None:
    """Draft the agreement, agree on it with the partner, sign what was confirmed."""
    languages = {"id", "ja", "en"}
    case.record(team, partner_language="ja", object_ministries=["environment"])
    clauses = ("parties", "purpose", "scope", "funding", "duration", "amendment", "dispute_settlement", "termination")
    case.file(team, "draft_agreement", "2026-08-18", "cooperation_plan", languages=languages, says=clauses)
    present = {"participants": ["foreign_ministry", "environment", "province", "city"]}
    case.file(home, "interministerial_minutes", "2026-09-07", "cooperation_plan", says=present)
    case.file(home, "minister_draft_approval", "2026-09-21", "draft_agreement")
    case.advance(mayor)

    case.record(mayor, treated_as_treaty=False, agreement_signed_abroad=False)
    case.file(foreign, "agreed_text", "2026-10-05", "draft_agreement", languages=languages)
    case.file(home, "confirmation_letter", "2026-10-19", "agreed_text")
    says = {"signed_as": "head_of_region", "equally_authentic": True}
    signed = {"signed_by": {"bekasi", "izumisano"}, "languages": languages, "valid_until": date(2029, 11, 8)}
    case.file(mayor, "signed_agreement", "2026-11-09", "agreed_text", says=says, **signed)
    case.advance(mayor)


def a_year_later(case: Case) -> None:
    """Let a year pass: a timer calls `sweep`, and what is due takes its course."""
    case.on("2027-11-12")
    case.engine.sweep()
    late = [key for key, due in case.engine.get(case.deal).deadlines.items() if due.overdue]
    case.tell(f"overdue: {', '.join(late)}")


with TemporaryDirectory() as folder:
    url = f"sqlite:///{Path(folder).as_posix()}/agreements.db"
    clock = Clock()
    with Engine.open(url, clock=clock) as engine:
        case = Case(engine, clock)
        what_happened(case)
        print("\nFrom here on it is imagined.")
        letter_of_intent(case)
        look_at_sectors(case)
        plan_and_improved_plan(case)
        text_and_signature(case)
        a_year_later(case)

    # Whoever opens the file later finds the same, and can prove that nothing in it was changed.
    with Engine.open(url) as engine:
        history = engine.history("bekasi-izumisano")
        refused = [event for event in history if event.kind == "refused"]
        warned = [reason["requirement"] for event in history for reason in event.data.get("warnings", ())]
        print(f"\n{len(history)} events; refused attempts: {len(refused)}; passed with a warning: {', '.join(warned)}")
        print(engine.verify())
