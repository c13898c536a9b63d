"""The built-in process at work: what each gate asks, says and lets through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Self

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    DefinitionError,
    Engine,
    Event,
    GateClosed,
    NoSuchMove,
    NotPermitted,
    Option,
    Party,
    Unmet,
    builtin,
)
from stagegate.testing import ManualClock

from .papers import paper

NOW = datetime(2028, 1, 10, 3, tzinfo=UTC)
PARTIES = (
    Party("bekasi", name="Kota Bekasi", kind="local_government", country="ID"),
    Party("izumisano", name="泉佐野市", kind="local_government", country="JP"),
)

HEAD = Actor(id="tri", roles={"head_of_region"})
TEAM = Actor(id="tkksd-1", roles={"cooperation_team"})
AGENCY = Actor(id="dlh-4", roles={"sector_agency"})
COUNCIL = Actor(id="sekretaris-dprd", roles={"council"})
GOVERNOR = Actor(id="biro-jabar", roles={"governor"})
HOME = Actor(id="kemendagri-7", roles={"home_affairs_minister"})
FOREIGN = Actor(id="kemlu-3", roles={"foreign_minister"})
PARTNER = Actor(id="izumisano-2", roles={"partner_head"})
EVERYONE = {a.roles[0]: a for a in (HEAD, TEAM, AGENCY, COUNCIL, GOVERNOR, HOME, FOREIGN, PARTNER)}

NINE = (
    "environment",
    "employment",
    "education",
    "smart_city",
    "transit_oriented_development",
    "culture_and_tourism",
    "trade_and_creative_economy",
    "city_branding",
    "wastewater",
)
JUDGED: dict[str, dict[str, Any]] = {
    "environment": {"object_class": "technical_and_management_capacity", "competence": "city"},
    "employment": {"object_class": "other", "competence": "central"},
    "education": {"object_class": "cultural_exchange", "competence": "city"},
    "smart_city": {"object_class": "science_and_technology", "competence": "city", "technology_transfer": True},
    "transit_oriented_development": {"object_class": "technical_and_management_capacity", "competence": "city"},
    "culture_and_tourism": {"object_class": "cultural_exchange", "competence": "city"},
    "trade_and_creative_economy": {"object_class": "promotion_of_regional_potential", "competence": "city"},
    "city_branding": {"object_class": "promotion_of_regional_potential", "competence": "city"},
    "wastewater": {"object_class": "science_and_technology", "competence": "city", "technology_transfer": True},
}
THREE = ("environment", "employment", "wastewater")
SEVEN_ITEMS = {
    "subject": "Kerja sama kota kembar Bekasi – Izumisano",
    "background": "Kunjungan 23–25 Juli 2025",
    "purpose_goals_targets": "Pengelolaan sampah, tata kota, pendidikan",
    "object": "Sembilan bidang",
    "scope": "Pelatihan, pertukaran, proyek percontohan",
    "funding_source": "APBD",
    "duration": "5 tahun",
}
CLAUSES = (
    "parties",
    "purpose",
    "scope",
    "funding",
    "duration",
    "amendment",
    "dispute_settlement",
    "termination",
    "ownership",
)
BOTH = ("bekasi", "izumisano")

FACTS: dict[str, dict[str, Any]] = {
    "exploration": {
        "origin": "foreign_local_government",
        "counterpart_kind": "foreign_local_government",
        "diplomatic_relations": True,
        "equal_administrative_status": True,
    },
    "statement_of_intent": {
        "intent_signed_abroad": False,
        "office_abroad": False,
        "interference_in_domestic_affairs": False,
        "conflicts_of_interest": [],
    },
    "draft_agreement": {
        "object_ministries": ["ministry_of_environment", "ministry_of_public_works"],
        "partner_language": "ja",
    },
    "negotiation_and_signing": {"treated_as_treaty": False, "agreement_signed_abroad": False},
}
DOCUMENTS: dict[str, dict[str, dict[str, Any]]] = {
    "exploration": {
        "initiative_letter": {"dated": "2025-07-01"},
        "exploration_report": {
            "dated": "2025-08-20",
            "fields": {
                "opportunities": "Pengelolaan sampah",
                "regional_benefit": "Layanan kota",
                "national_benefit": "Alih pengetahuan",
                "complementarity": "Teknologi dan pasar",
                "people_to_people": "Pertukaran pelajar",
            },
        },
    },
    "statement_of_intent": {
        "consultation_home_affairs": {"dated": "2025-11-03"},
        "consultation_foreign_affairs": {"dated": "2025-11-10"},
        "letter_of_intent": {"dated": "2025-12-01", "signed_by": BOTH, "languages": ["id", "ja", "en"]},
    },
    "cooperation_plan": {
        "cooperation_plan": {
            "dated": "2026-02-16",
            "fields": SEVEN_ITEMS | {"development_plan_reference": "RPJMD 2025–2029"},
        },
    },
    "council_approval": {
        "council_request_letter": {
            "dated": "2026-03-02",
            "received_on": "2026-03-03",
            "refers_to": ["cooperation_plan"],
        },
        "council_minutes": {"dated": "2026-04-20"},
        "council_decision": {"dated": "2026-04-20", "fields": {"result": "approve"}, "refers_to": ["cooperation_plan"]},
    },
    "ministerial_verification": {
        "submission_letter": {"dated": "2026-04-27", "refers_to": ["cooperation_plan"]},
        "ministerial_consideration": {
            "dated": "2026-06-15",
            "fields": {"result": "draft"},
            "refers_to": ["cooperation_plan"],
        },
    },
    "draft_agreement": {
        "draft_agreement": {
            "dated": "2026-07-20",
            "languages": ["id", "ja"],
            "fields": dict.fromkeys(CLAUSES, "ada"),
            "refers_to": ["cooperation_plan"],
        },
        "interministerial_minutes": {
            "dated": "2026-08-11",
            "fields": {
                "participants": [
                    "foreign_ministry",
                    "ministry_of_environment",
                    "ministry_of_public_works",
                    "province",
                    "city",
                ],
            },
            "refers_to": ["cooperation_plan"],
        },
        "minister_draft_approval": {"dated": "2026-08-31", "refers_to": ["draft_agreement"]},
    },
    "negotiation_and_signing": {
        "agreed_text": {"dated": "2026-10-12", "refers_to": ["draft_agreement"]},
        "confirmation_letter": {"dated": "2026-11-02", "refers_to": ["agreed_text"]},
        "partner_authority": {"dated": "2026-09-25"},
        "signed_agreement": {
            "dated": "2026-11-20",
            "valid_until": "2031-11-19",
            "signed_by": BOTH,
            "languages": ["id", "ja"],
            "fields": {"signed_as": "head_of_region", "equally_authentic": True, "renewal": "Pasal 9"},
            "refers_to": ["agreed_text"],
        },
    },
    "implementation": {
        "original_deposited": {"dated": "2026-12-01"},
        "action_plan": {"dated": "2027-01-15"},
        "periodic_report": {"dated": "2027-11-20"},
        "evaluation": {"dated": "2027-12-10"},
    },
    "renewal": {
        "renewal_request": {"dated": "2027-12-15"},
        "renewal": {
            "dated": "2028-01-05",
            "valid_until": "2036-11-19",
            "signed_by": BOTH,
            "languages": ["id", "ja"],
            "refers_to": ["signed_agreement"],
        },
        "renewal_confirmation": {"dated": "2028-01-03", "refers_to": ["renewal"]},
    },
    "amendment": {
        "amendment": {
            "dated": "2028-01-05",
            "signed_by": BOTH,
            "languages": ["id", "en"],
            "fields": {"changes_plan": True},
            "refers_to": ["signed_agreement"],
        },
        "amendment_confirmation": {"dated": "2028-01-03", "refers_to": ["amendment"]},
    },
}
VOTES: dict[str, tuple[Actor, ...]] = {
    "cooperation_plan": (HEAD,),
    "council_approval": (COUNCIL,),
    "renewal": (COUNCIL,),
    "amendment": (COUNCIL,),
}
TALLY = {"members": 50, "present": 41, "in_favour": 38, "against": 3}
MOVERS = {
    "exploration": HEAD,
    "statement_of_intent": HEAD,
    "cooperation_plan": TEAM,
    "council_approval": COUNCIL,
    "ministerial_verification": HOME,
    "draft_agreement": HEAD,
    "negotiation_and_signing": HEAD,
    "implementation": HEAD,
}
STAGES = tuple(MOVERS)


class Desk:
    """An engine with one agreement, brought to a stage with everything on file that the gate there asks for."""

    def __init__(self, engine: Engine, *, sectors: tuple[str, ...] = THREE, level: str = "city") -> None:
        self.engine, self.sectors, self.level = engine, sectors, level
        self.agreement = "bekasi-izumisano"
        self.instead: Mapping[str, Mapping[str, Any]] = {}

    def start(self, parties: tuple[Party, ...] = PARTIES) -> None:
        """Start the agreement and, as parts of it, its sectors."""
        self.engine.start("id-ksdpl", self.agreement, title="Bekasi – Izumisano", parties=parties, by=HEAD)
        for name in self.sectors:
            self.engine.start("id-ksdpl-sector", self.part(name), title=name, part_of=self.agreement, by=TEAM)

    def part(self, sector: str) -> str:
        """Return the id of the part that a sector is."""
        return f"{self.agreement}/{sector}"

    def judge(self, sector: str) -> None:
        """Clear a sector for the plan, or carve it out."""
        part, judged = self.part(sector), JUDGED[sector] | {"grant_involved": False}
        if judged["competence"] == "city":
            judged["competence"] = self.level
        for fact, value in judged.items():
            self.engine.record(part, fact, value, by=TEAM)
        if judged["competence"] == self.level:
            self.engine.advance(part, by=TEAM)
        else:
            self.engine.record(part, "carve_out_reason", "permits abroad are central", by=TEAM)
            self.engine.end(part, "carved_out", by=TEAM)

    def reach(self, stage: str, *, omit: tuple[str, ...] = (), parties: tuple[Party, ...] = PARTIES) -> Self:
        """Go through all gates before *stage*, and file there all but what is to be left out."""
        self.start(parties)
        for passed in STAGES[: STAGES.index(stage)]:
            self.file(passed)
            self.engine.advance(self.agreement, by=MOVERS[passed])
        self.file(stage, omit=omit)
        return self

    def file(self, stage: str, *, omit: tuple[str, ...] = ()) -> None:
        """File what the gate of *stage* asks for."""
        for fact, value in FACTS.get(stage, {}).items():
            if fact not in omit:
                self.record(fact, value)
        for kind in DOCUMENTS.get(stage, {}):
            if kind not in omit:
                self.attach(kind)
        if stage == "cooperation_plan" and "sectors" not in omit:
            for name in self.sectors:
                self.judge(name)
        for voter in VOTES.get(stage, ()):
            if not {voter.roles[0], "cooperation_plan", "renewal", "amendment"} & set(omit):
                self.vote(voter)

    def record(self, fact: str, value: Any) -> Agreement:
        """Record a fact as the team would."""
        return self.engine.record(self.agreement, fact, value, by=self.clerk)

    def attach(self, kind: str, **changes: Any) -> Agreement:
        """File the document of a kind, as the table has it or changed."""
        known = next((kinds[kind] for kinds in DOCUMENTS.values() if kind in kinds), {})
        changes = {**self.instead.get(kind, {}), **changes}
        about = {**known, **changes}
        if "fields" in changes:
            about["fields"] = {**known.get("fields", {}), **changes["fields"]}
        return self.engine.attach(self.agreement, paper(kind, **about), by=self.clerk)

    def vote(self, by: Actor, **about: Any) -> Agreement:
        """Approve in the role of the actor."""
        result = TALLY if by.roles == ("council",) else None
        return self.engine.approve(self.agreement, by=by, **{"result": result, **about})

    @property
    def clerk(self) -> Actor:
        """Who files things here: the team of the region can at every stage."""
        return TEAM

    @property
    def now(self) -> Agreement:
        """The agreement as it is."""
        return self.engine.get(self.agreement)

    def option(self, move: str = "advance", target: str | None = None, by: Actor | None = None) -> Option:
        """Return what stands in the way of a move."""
        options = self.engine.options(self.agreement, by=by or MOVERS[self.now.stage])
        return next(o for o in options if o.move == move and target in {None, o.target})


def named(reasons: tuple[Unmet, ...]) -> set[str]:
    """Return the names of the requirements that are not met."""
    return {reason.requirement for reason in reasons}


def opened(*, sectors: tuple[str, ...] = THREE, clock: Callable[[], datetime] = lambda: NOW, **parameters: Any) -> Desk:
    """Return a desk whose process has these values for its parameters."""
    processes = [builtin("id-ksdpl", parameters=parameters)]
    level = parameters.get("region_level", "city")
    if level != "city":
        processes.append(builtin("id-ksdpl-sector", parameters={"region_level": level}))
    return Desk(Engine.open("memory:", processes=processes, clock=clock), sectors=sectors, level=level)


@pytest.fixture
def desk() -> Desk:
    """Return a desk on which nothing lies yet."""
    return opened()


@attrs.frozen(kw_only=True)
class Spoil:
    """One thing that is missing or wrong where all else is in place, and what the refusal must name."""

    at: str
    guard: str
    omit: tuple[str, ...] = ()
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    documents: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    again: tuple[Actor, ...] = ()
    also: frozenset[str] = frozenset()
    by: Actor | None = None
    parties: tuple[Party, ...] = PARTIES
    done: Callable[[Desk], object] | None = None
    instead: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)

    @property
    def stage(self) -> str:
        """Where the agreement stands."""
        return self.at if self.at in STAGES else ENDING.get(self.at, "implementation")

    @property
    def move(self) -> tuple[str, str | None]:
        """What is asked for, and whereto."""
        if self.at in AFTER:
            return AFTER[self.at]
        return ("advance", None) if self.at in STAGES else ("end", self.at)

    def asked(self, desk: Desk) -> Option:
        """Bring the agreement there, spoil it, and ask."""
        desk.instead = self.instead
        desk.reach(self.stage, omit=self.omit, parties=self.parties)
        if self.at in AFTER:
            desk.file(self.at, omit=self.omit)
        if self.done is not None:
            self.done(desk)
        for fact, value in self.facts.items():
            desk.record(fact, value)
        for kind, changes in self.documents.items():
            desk.attach(kind, **changes)
        for voter in self.again:
            desk.vote(voter)
        return desk.option(*self.move, by=self.by)


def unjudge(desk: Desk) -> None:
    """Send a sector back to where it is judged."""
    desk.engine.send_back(desk.part("wastewater"), "proposed", "a new technology", by=TEAM)


AFTER = {"renewal": ("renew", "implementation"), "amendment": ("amend", "signed_agreement")}
ALWAYS = STAGES[1:-1]
ENDING = {"rejected": "statement_of_intent", "withdrawn": "cooperation_plan", "lapsed": "exploration"}
ABROAD = {"fields": {"occasion": "letter_of_intent"}}
SPOILS = [
    Spoil(at="exploration", guard="origin", facts={"origin": "a_company"}),
    Spoil(at="exploration", guard="parties", parties=PARTIES[:1]),
    Spoil(at="exploration", guard="initiative_letter", omit=("initiative_letter",)),
    Spoil(
        at="exploration",
        guard="exploration_report",
        documents={"exploration_report": {"fields": {"national_benefit": ""}}},
    ),
    Spoil(at="exploration", guard="G01", facts={"diplomatic_relations": False}),
    Spoil(at="exploration", guard="G02", facts={"counterpart_kind": "company"}),
    Spoil(at="exploration", guard="G03", facts={"equal_administrative_status": False}),
    Spoil(at="exploration", guard="G04", documents={"exploration_report": {"fields": {"people_to_people": ""}}}),
    Spoil(at="exploration", guard="G27", facts={"conflicts_of_interest": ["tri"]}),
    Spoil(
        at="statement_of_intent",
        guard="consultation_home_affairs",
        omit=("consultation_home_affairs",),
        also=frozenset({"G05"}),
    ),
    Spoil(
        at="statement_of_intent",
        guard="consultation_foreign_affairs",
        omit=("consultation_foreign_affairs", "letter_of_intent"),
        also=frozenset({"letter_of_intent"}),
    ),
    Spoil(
        at="statement_of_intent", guard="letter_of_intent", documents={"letter_of_intent": {"signed_by": ["bekasi"]}}
    ),
    Spoil(at="statement_of_intent", guard="G05", documents={"consultation_foreign_affairs": {"dated": "2025-12-02"}}),
    Spoil(at="statement_of_intent", guard="renewed_intent", documents={"renewal_request": {"dated": "2025-12-02"}}),
    Spoil(at="statement_of_intent", guard="G20a", omit=("intent_signed_abroad",)),
    Spoil(at="statement_of_intent", guard="G20b", facts={"intent_signed_abroad": True}),
    Spoil(
        at="statement_of_intent",
        guard="G20c",
        facts={"intent_signed_abroad": True},
        documents={"travel_permit": {**ABROAD, "dated": "2025-12-02"}},
    ),
    Spoil(at="statement_of_intent", guard="G01b", facts={"diplomatic_relations": False}),
    Spoil(at="cooperation_plan", guard="G06", documents={"cooperation_plan": {"fields": {"scope": ""}}}, again=(HEAD,)),
    Spoil(at="cooperation_plan", guard="plan_approval", omit=("head_of_region",)),
    Spoil(at="cooperation_plan", guard="renewed_plan", documents={"renewal_request": {"dated": "2026-02-17"}}),
    Spoil(at="cooperation_plan", guard="G07-G08", omit=("sectors",)),
    Spoil(at="cooperation_plan", guard="intent_stands", documents={"letter_of_intent": {"valid_until": "2028-01-09"}}),
    Spoil(
        at="cooperation_plan",
        guard="G09",
        documents={"cooperation_plan": {"fields": {"development_plan_reference": ""}}},
        again=(HEAD,),
    ),
    Spoil(
        at="council_approval",
        guard="council_request_letter",
        documents={"council_request_letter": {"received_on": None}},
    ),
    Spoil(at="council_approval", guard="G10a", documents={"council_decision": {"fields": {"result": "reject"}}}),
    Spoil(at="council_approval", guard="G10b", omit=("council",)),
    Spoil(at="ministerial_verification", guard="submission_letter", omit=("submission_letter",)),
    Spoil(
        at="draft_agreement",
        guard="G13",
        documents={"interministerial_minutes": {"fields": {"participants": ["ministry_of_health"]}}},
    ),
    Spoil(at="draft_agreement", guard="G14", documents={"draft_agreement": {"languages": ["id"]}}),
    Spoil(at="negotiation_and_signing", guard="agreed_text", documents={"agreed_text": {"refers_to": ()}}),
    Spoil(at="negotiation_and_signing", guard="confirmation_letter", omit=("confirmation_letter",)),
    Spoil(
        at="negotiation_and_signing",
        guard="signed_agreement",
        documents={"signed_agreement": {"signed_by": ["bekasi"]}},
    ),
    Spoil(
        at="negotiation_and_signing",
        guard="G16a",
        documents={"confirmation_letter": {"refers_to": ("draft_agreement",)}},
    ),
    Spoil(at="negotiation_and_signing", guard="G16b", documents={"confirmation_letter": {"dated": "2026-11-21"}}),
    Spoil(
        at="negotiation_and_signing", guard="G16c", documents={"signed_agreement": {"refers_to": ("draft_agreement",)}}
    ),
    Spoil(
        at="negotiation_and_signing",
        guard="G17a",
        documents={"signed_agreement": {"fields": {"signed_as": "secretary"}}},
    ),
    Spoil(at="negotiation_and_signing", guard="G17b", omit=("treated_as_treaty",)),
    Spoil(at="negotiation_and_signing", guard="G17c", facts={"treated_as_treaty": True}),
    Spoil(
        at="negotiation_and_signing",
        guard="G17d",
        facts={"treated_as_treaty": True},
        documents={"full_powers": {"dated": "2026-11-21"}},
    ),
    Spoil(at="negotiation_and_signing", guard="G18a", documents={"signed_agreement": {"languages": ["ja", "en"]}}),
    Spoil(
        at="negotiation_and_signing",
        guard="G18b",
        documents={"signed_agreement": {"fields": {"equally_authentic": False}}},
    ),
    Spoil(at="negotiation_and_signing", guard="G20d", omit=("agreement_signed_abroad",)),
    Spoil(
        at="negotiation_and_signing",
        guard="G20e",
        facts={"agreement_signed_abroad": True},
        documents={"travel_permit": {**ABROAD, "dated": "2025-11-20"}},
    ),
    Spoil(
        at="negotiation_and_signing",
        guard="G20f",
        facts={"agreement_signed_abroad": True},
        documents={"travel_permit": {"fields": {"occasion": "signed_agreement"}, "dated": "2026-11-21"}},
    ),
    Spoil(at="negotiation_and_signing", guard="G16d", documents={"agreed_text": {"dated": "2026-08-30"}}),
    Spoil(at="negotiation_and_signing", guard="G16e", documents={"confirmation_letter": {"dated": "2026-10-11"}}),
    Spoil(at="negotiation_and_signing", guard="partner_track", facts={"partner_track": "izumisano-bekasi"}),
    Spoil(at="negotiation_and_signing", guard="G07-G08", done=unjudge),
    Spoil(
        at="negotiation_and_signing",
        guard="intent_stands",
        documents={"letter_of_intent": {"valid_until": "2028-01-09"}},
    ),
    Spoil(at="negotiation_and_signing", guard="G01b", facts={"diplomatic_relations": False}),
    Spoil(at="completed", guard="G01b", facts={"diplomatic_relations": False}),
    Spoil(at="completed", guard="G23", facts={"office_abroad": True}),
    Spoil(at="completed", guard="G24", facts={"interference_in_domestic_affairs": True}),
    Spoil(at="completed", guard="G27", facts={"conflicts_of_interest": ["tri"]}),
    Spoil(at="renewal", guard="renewal_request", omit=("renewal_request",)),
    Spoil(at="renewal", guard="evaluation", omit=("evaluation",)),
    Spoil(at="renewal", guard="renewal", documents={"renewal": {"signed_by": ["bekasi"]}}),
    Spoil(at="renewal", guard="renewal_clause", instead={"signed_agreement": {"fields": {"renewal": ""}}}),
    Spoil(at="renewal", guard="renewal_council", omit=("council",)),
    Spoil(at="renewal", guard="renewal_confirmation", documents={"renewal_confirmation": {"refers_to": ()}}),
    Spoil(at="amendment", guard="amendment", documents={"amendment": {"languages": ["id"]}}),
    Spoil(at="amendment", guard="amendment_council", omit=("council",)),
    Spoil(at="amendment", guard="amendment_confirmation", documents={"amendment_confirmation": {"refers_to": ()}}),
    *(
        Spoil(at=after, guard=guard, facts=facts)
        for after in AFTER
        for guard, facts in {
            "G01b": {"diplomatic_relations": False},
            "G23": {"office_abroad": True},
            "G24": {"interference_in_domestic_affairs": True},
            "G27": {"conflicts_of_interest": ["tri"]},
        }.items()
    ),
    Spoil(at="terminated", guard="ending_ground", facts={"ending_ground": "boredom"}),
    Spoil(
        at="terminated",
        guard="G27",
        facts={"conflicts_of_interest": ["tri"], "ending_ground": "policy_change"},
    ),
    *(Spoil(at=outcome, guard="G27", facts={"conflicts_of_interest": ["tri"]}, by=HEAD) for outcome in ENDING),
    *(Spoil(at="completed", guard=kind, omit=(kind,)) for kind in DOCUMENTS["implementation"]),
    *(Spoil(at=stage, guard="G23", facts={"office_abroad": True}) for stage in ALWAYS),
    *(Spoil(at=stage, guard="G24", facts={"interference_in_domestic_affairs": True}) for stage in ALWAYS),
    *(Spoil(at=stage, guard="conflicts_of_interest", facts={"conflicts_of_interest": None}) for stage in ALWAYS),
    # The head of the region may move on in the council's place: the council itself is not the one in conflict here.
    Spoil(at="council_approval", guard="G27", facts={"conflicts_of_interest": ["tri"]}, by=HEAD),
    *(
        Spoil(at=stage, guard="G27", facts={"conflicts_of_interest": [MOVERS[stage].id]})
        for stage in ALWAYS
        if stage != "council_approval"
    ),
    # What was approved earlier is asked for again at every later gate.
    *(
        Spoil(at=stage, guard="G10a", documents={"council_decision": {"fields": {"result": "reject"}}})
        for stage in STAGES[4:7]
    ),
    *(
        Spoil(at=stage, guard="G10b", documents={"cooperation_plan": {"fields": {"scope": "something else"}}})
        for stage in STAGES[4:7]
    ),
    *(
        Spoil(at=stage, guard="G06", documents={"cooperation_plan": {"fields": {"scope": ""}}}, again=(COUNCIL,))
        for stage in STAGES[3:7]
    ),
    *(
        Spoil(at=stage, guard="G12", documents={"ministerial_consideration": {"fields": {"result": "improve"}}})
        for stage in STAGES[4:7]
    ),
    *(
        Spoil(at=stage, guard="draft_agreement", documents={"draft_agreement": {"refers_to": ()}})
        for stage in STAGES[5:7]
    ),
    *(
        Spoil(at=stage, guard="minister_draft_approval", documents={"minister_draft_approval": {"refers_to": ()}})
        for stage in STAGES[5:7]
    ),
]


def test_walk_to_completion() -> None:
    """With everything in place an agreement of nine sectors goes through every gate, in order, and can be completed."""
    desk = opened(sectors=NINE)
    desk.start()
    seen = [desk.now.stage]
    for stage in STAGES[:-1]:
        desk.file(stage)
        assert ((), ()) == (desk.option().unmet, desk.option().warnings)
        seen.append(desk.engine.advance(desk.agreement, by=MOVERS[stage]).stage)
    desk.file("implementation")
    ended = desk.engine.end(desk.agreement, "completed", by=HEAD)

    assert (list(STAGES), "completed") == (seen, ended.outcome)
    assert desk.engine.verify(desk.agreement).ok


def test_every_requirement_is_spoiled_here() -> None:
    """The cases below spoil every requirement of every gate that can refuse, and of every condition of what follows."""
    process = builtin("id-ksdpl")
    last = process.stages[-1]
    gates = {stage.id: stage.gate for stage in process.stages if stage.gate is not None}
    gates |= {outcome.id: outcome.gate for outcome in process.outcomes if outcome.gate is not None}
    gates |= {"renewal": last.renewal.gate, "amendment": last.amend["signed_agreement"]}
    asked = {(place, part.id) for place, gate in gates.items() for part in gate.walk() if part.id and not part.soft}

    assert asked == {(spoil.at, spoil.guard) for spoil in SPOILS}


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: f"{spoil.at}-{spoil.guard}")
def test_refusal_names_the_guard(spoil: Spoil, desk: Desk) -> None:
    """Where one thing is missing or wrong, the refusal names exactly its guard, the rule, and who can mend it."""
    option = spoil.asked(desk)

    assert {spoil.guard} | spoil.also == named(option.unmet)
    for why in option.unmet:
        assert why.basis
        assert why.provenance
        assert set(why.fix_by) & set(EVERYONE)
        for lang in ("en", "id", "ja"):
            assert why.text(lang).startswith(f"{why.label[lang]}{'：' if lang == 'ja' else ': '}")


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: f"{spoil.at}-{spoil.guard}")
def test_refused_move_says_the_same(spoil: Spoil, desk: Desk) -> None:
    """The move itself is refused with the reasons that the question gave."""
    option = spoil.asked(desk)
    about: dict[str, Any] = {"by": spoil.by or MOVERS[spoil.stage]}
    if option.move in {"end", "renew"}:
        about["outcome" if option.move == "end" else "to"] = option.target
    if option.move == "amend":
        amended = paper("signed_agreement", text="amended", valid_until="2033-11-19")
        about |= {"document": amended, "reason": "perubahan"}
    with pytest.raises(GateClosed) as refused:
        getattr(desk.engine, option.move)(desk.agreement, **about)

    assert option.unmet == refused.value.unmet
    assert desk.now.running


class TestTheRealCase:
    """The agreement of Bekasi and Izumisano as the visit of 24 July 2025 left it."""

    @pytest.fixture
    def asked(self, desk: Desk) -> Desk:
        """Return the case with what is known in public and nothing on file."""
        desk.start()
        for fact in ("origin", "counterpart_kind", "diplomatic_relations"):
            desk.record(fact, FACTS["exploration"][fact])
        return desk

    def test_what_blocks(self, asked: Desk) -> None:
        """It is blocked by the letter, the report, G03 and G04, and by nothing else."""
        assert {"initiative_letter", "exploration_report", "G03", "G04"} == named(asked.option().unmet)
        assert () == asked.option().warnings

    def test_six_further_stages(self, asked: Desk) -> None:
        """The definition itself counts six stages between exploration and implementation."""
        process = asked.engine.process(asked.now)

        assert STAGES[1:-1] == tuple(stage.id for stage in process.further(asked.now.stage))
        assert 6 == len(process.further(asked.now.stage))

    def test_equal_territory_will_do(self, asked: Desk) -> None:
        """Equal territory opens G03 as equal administrative status would."""
        asked.record("equal_territory", True)

        assert "G03" not in named(asked.option().unmet)


class TestSectors:
    """The sectors are parts of the agreement, and the plan waits for each of them."""

    def test_names_those_that_are_not_cleared(self, desk: Desk) -> None:
        """Each sector that nobody has judged is a reason, with where it stands."""
        reasons = desk.reach("cooperation_plan", omit=("sectors",)).option().unmet

        assert {"G07-G08"} == named(reasons)
        assert [desk.part(sector) for sector in sorted(THREE)] == [why.params["part"] for why in reasons]
        assert {("proposed", ("cooperation_team",))} == {(why.params["stage"], why.fix_by) for why in reasons}

    def test_absolute_affair_is_carved_out(self, desk: Desk) -> None:
        """A sector that is no affair of the city blocks until it is carved out with its reason; the others go on."""
        desk.reach("cooperation_plan", omit=("sectors",))
        for sector in ("environment", "wastewater"):
            desk.judge(sector)
        assert [desk.part("employment")] == [why.params["part"] for why in desk.option().unmet]

        desk.judge("employment")
        assert () == desk.option().unmet

    @pytest.mark.parametrize("sectors", [(), ("employment",)])
    def test_no_sector_left(self, sectors: tuple[str, ...]) -> None:
        """A cooperation without a single sector cannot go on."""
        reasons = opened(sectors=sectors).reach("cooperation_plan").option().unmet

        assert [("G07-G08", "parts.none")] == [(why.requirement, why.code) for why in reasons]

    def test_withdrawn_sector_is_not_waited_for(self, desk: Desk) -> None:
        """A sector that is given up holds nothing up."""
        desk.reach("cooperation_plan", omit=("sectors",))
        for sector in ("environment", "employment"):
            desk.judge(sector)
        desk.engine.end(desk.part("wastewater"), "withdrawn", by=TEAM)

        assert () == desk.option().unmet

    def test_what_was_read_is_pinned(self, desk: Desk) -> None:
        """The move that read the sectors holds in its event which they were."""
        desk.reach("cooperation_plan")
        desk.engine.advance(desk.agreement, by=TEAM)
        read = desk.engine.history(desk.agreement)[-1].data["read"]

        assert sorted(desk.part(sector) for sector in THREE) == [other["agreement"] for other in read]
        assert desk.engine.verify().ok

    def test_province(self) -> None:
        """For a province the sectors must be affairs of a province, by the parameter of their own process."""
        desk = opened(region_level="province").reach("cooperation_plan")

        assert () == desk.option().unmet


class TestAbroad:
    """The permit to travel, where something is signed abroad."""

    def test_for_the_letter_of_intent(self, desk: Desk) -> None:
        """A permit for the letter of intent, given before it, opens the gate."""
        desk.reach("statement_of_intent").record("intent_signed_abroad", True)
        desk.attach("travel_permit", dated="2025-11-20", **ABROAD)

        assert () == desk.option().unmet

    def test_is_asked_for_before_the_journey(self, desk: Desk) -> None:
        """The permit is missed before there is anything that was signed."""
        desk.reach("statement_of_intent", omit=("letter_of_intent",)).record("intent_signed_abroad", True)

        assert {"letter_of_intent", "G20b"} == named(desk.option().unmet)

    def test_for_the_signing(self, desk: Desk) -> None:
        """A permit for the signing, given before it, opens the gate."""
        desk.reach("negotiation_and_signing").record("agreement_signed_abroad", True)
        desk.attach("travel_permit", dated="2026-11-10", fields={"occasion": "signed_agreement"})

        assert () == desk.option().unmet

    @pytest.mark.parametrize("answer", ["no", 0, None])
    def test_no_clear_answer(self, answer: Any, desk: Desk) -> None:
        """Anything but true or false leaves it open whether a permit is needed, and the gate shut."""
        desk.reach("negotiation_and_signing").record("agreement_signed_abroad", answer)

        assert {"G20d"} == named(desk.option().unmet)


class TestFullPowers:
    """The full powers, where the text is treated as a treaty."""

    def test_for_a_treaty(self, desk: Desk) -> None:
        """Full powers that are not later than the signature open the gate."""
        desk.reach("negotiation_and_signing").record("treated_as_treaty", True)
        desk.attach("full_powers", dated="2026-11-20")

        assert () == desk.option().unmet

    def test_always(self) -> None:
        """With the parameter at both answers they are asked for whatever the text is."""
        desk = opened(full_powers=[True, False]).reach("negotiation_and_signing")

        assert {"G17c"} == named(desk.option().unmet)

    def test_never(self) -> None:
        """Left out as the interpretation they are, they are not asked for."""
        process = builtin("id-ksdpl", without=["G17c", "G17d"])
        desk = Desk(Engine.open("memory:", processes=[process], clock=lambda: NOW))
        desk.reach("negotiation_and_signing").record("treated_as_treaty", True)

        assert () == desk.option().unmet


class TestLanguages:
    """The languages of the draft and of the agreement."""

    @pytest.mark.parametrize("languages", [["id", "ja"], ["id", "en"], ["id", "ja", "en"]])
    def test_enough(self, languages: list[str], desk: Desk) -> None:
        """Indonesian with the partner's national language, with English, or with both will do."""
        desk.reach("negotiation_and_signing").attach("signed_agreement", languages=languages)

        assert () == desk.option().unmet

    @pytest.mark.parametrize("languages", [[], ["id"], ["ja"], ["en"], ["id", "zh"]])
    def test_not_enough(self, languages: list[str], desk: Desk) -> None:
        """Less than that, or another language, will not."""
        desk.reach("negotiation_and_signing").attach("signed_agreement", languages=languages)

        assert {"G18a"} == named(desk.option().unmet)

    def test_unknown_partner_language(self, desk: Desk) -> None:
        """As long as nobody recorded the partner's language, only English counts beside Indonesian."""
        desk.reach("draft_agreement", omit=("partner_language",))
        assert {"G14"} == named(desk.option().unmet)

        desk.attach("draft_agreement", languages=["id", "en"])
        assert () == desk.option().unmet

    def test_prevailing(self) -> None:
        """With the parameter set, the signed text must name the language that prevails."""
        desk = opened(prevailing_language="en").reach("negotiation_and_signing")
        assert {"G18b"} == named(desk.option().unmet)

        desk.attach("signed_agreement", fields={"prevailing_language": "en"})
        assert () == desk.option().unmet


class TestInterministerialMeeting:
    """Who must have taken part."""

    def test_names_who_was_missing(self, desk: Desk) -> None:
        """The refusal names exactly those who were not there."""
        spoil = next(s for s in SPOILS if s.guard == "G13")
        (why,) = spoil.asked(desk).unmet

        expected = ["foreign_ministry", "ministry_of_environment", "ministry_of_public_works", "province", "city"]
        assert expected == list(why.params["missing"])

    def test_regency(self) -> None:
        """Where a regency concludes it, the regency must have been there, and no city."""
        desk = opened(region_level="regency").reach("statement_of_intent")
        for stage in STAGES[1:5]:
            desk.file(stage)
            desk.engine.advance(desk.agreement, by=MOVERS[stage])
        desk.file("draft_agreement")
        (why,) = desk.option().unmet

        assert ("G13", ("regency",)) == (why.requirement, why.params["missing"])

    def test_ministries_of_the_object_unknown(self, desk: Desk) -> None:
        """As long as nobody recorded whose ministries the object concerns, the meeting does not count."""
        desk.reach("draft_agreement", omit=("object_ministries",))

        assert {"G13"} == named(desk.option().unmet)


class TestWarnings:
    """What only warns, and can be hardened."""

    @pytest.mark.parametrize(
        "tally, code",
        [
            (None, "approval.no_result"),
            ({"members": 50, "present": 25, "in_favour": 25}, "approval.quorum"),
            ({"members": 50, "present": 40, "in_favour": 20}, "approval.majority"),
        ],
    )
    def test_council_vote(self, tally: dict[str, int] | None, code: str, desk: Desk) -> None:
        """A vote without a recorded quorum and majority warns and lets pass."""
        desk.reach("council_approval", omit=("council",)).vote(COUNCIL, result=tally)
        option = desk.option()

        assert ((), [("G11", code)]) == (option.unmet, [(why.requirement, why.code) for why in option.warnings])

    def test_council_vote_hardened(self) -> None:
        """With the parameter set, such a vote refuses."""
        desk = opened(council_vote_only_warns=False).reach("council_approval", omit=("council",))
        desk.vote(COUNCIL, result=None)

        assert {"G11"} == named(desk.option().unmet)

    def test_clauses(self, desk: Desk) -> None:
        """A draft without one of the usual clauses warns and lets pass."""
        desk.reach("draft_agreement").attach("draft_agreement", fields={"termination": ""})
        option = desk.option()

        assert ((), {"G15"}) == (option.unmet, named(option.warnings))

    def test_authority_of_the_partner(self, desk: Desk) -> None:
        """Signing without evidence of the partner's authority warns and lets pass."""
        option = desk.reach("negotiation_and_signing", omit=("partner_authority",)).option()

        assert ((), {"G19"}) == (option.unmet, named(option.warnings))


class TestConflictOfInterest:
    """Who has one does not decide."""

    def test_vote_does_not_count(self, desk: Desk) -> None:
        """A vote of a person who has declared one does not count."""
        desk.reach("council_approval").record("conflicts_of_interest", ["sekretaris-dprd"])

        assert {"G10b", "G27"} == named(desk.option().unmet)
        assert {"G10b"} == named(desk.option(by=HEAD).unmet)

    def test_written_as_a_table(self, desk: Desk) -> None:
        """Declarations recorded by person, with what they declared, count as a list of persons does."""
        desk.reach("statement_of_intent").record("conflicts_of_interest", {"tri": "a brother sells incinerators"})

        assert {"G27"} == named(desk.option().unmet)

    def test_another_can(self, desk: Desk) -> None:
        """Another person in the same role can make the move."""
        desk.reach("statement_of_intent").record("conflicts_of_interest", ["tri"])
        deputy = Actor(id="plt", roles={"head_of_region"})

        assert "cooperation_plan" == desk.engine.advance(desk.agreement, by=deputy).stage


class TestExchangedText:
    """A text that is exchanged after it was approved is an unapproved text."""

    def test_plan_at_the_signing(self, desk: Desk) -> None:
        """Another plan at the last moment leaves nothing standing that rests on it."""
        desk.reach("negotiation_and_signing").attach("cooperation_plan", text="another plan")

        assert {"G10a", "G10b", "G12", "draft_agreement"} == named(desk.option().unmet)

    def test_draft_at_the_signing(self, desk: Desk) -> None:
        """Another draft needs the approval of the minister and the accord of the partner again."""
        desk.reach("negotiation_and_signing").attach("draft_agreement", text="another draft")

        assert {"minister_draft_approval", "agreed_text"} == named(desk.option().unmet)

    def test_agreed_text(self, desk: Desk) -> None:
        """Another agreed text is neither confirmed nor signed."""
        desk.reach("negotiation_and_signing").attach("agreed_text", text="another text")

        assert {"G16a", "G16c"} == named(desk.option().unmet)


BACK = {
    "exploration": ("exploration",),
    "statement_of_intent": ("exploration",),
    "cooperation_plan": (),
    "council_approval": ("cooperation_plan",),
    "ministerial_verification": ("cooperation_plan",),
    "draft_agreement": ("draft_agreement", "cooperation_plan"),
    "negotiation_and_signing": ("draft_agreement",),
    "implementation": (),
}


class TestSendingBack:
    """What can be sent back, and what that does to the approvals."""

    @pytest.mark.parametrize("stage", STAGES)
    def test_where_to(self, stage: str, desk: Desk) -> None:
        """From each stage it can be sent back to exactly the stages that the outcomes of the law allow."""
        desk.reach(stage)
        options = desk.engine.options(desk.agreement, by=MOVERS[stage])

        assert BACK[stage] == tuple(o.target for o in options if o.move == "send_back")
        assert all(o.open for o in options if o.move == "send_back")

    @pytest.mark.parametrize("stage, to", [(stage, to) for stage, several in BACK.items() for to in several])
    def test_another_round(self, stage: str, to: str, desk: Desk) -> None:
        """Sent back, it stands there for another round, and its owner goes on from there."""
        desk.reach(stage)
        back = desk.engine.send_back(desk.agreement, to, "perlu diperbaiki", by=MOVERS[stage])

        assert (to, 2) == (back.stage, back.round)

    def test_council_votes_again_on_another_plan(self, desk: Desk) -> None:
        """Returned by the ministry, a plan keeps its approvals while its text stays; another text loses them."""
        desk.reach("ministerial_verification")
        desk.engine.send_back(desk.agreement, "cooperation_plan", "lengkapi ruang lingkup", by=HOME)
        assert {"head_of_region", "council"} == {vote.role for vote in desk.now.approvals}

        desk.attach("cooperation_plan", text="improved")
        assert () == desk.now.approvals
        assert {"plan_approval"} == named(desk.option().unmet)
        desk.vote(HEAD)
        desk.engine.advance(desk.agreement, by=TEAM)
        assert {"council_request_letter", "G10a", "G10b"} == named(desk.option().unmet)

    def test_always(self) -> None:
        """With the parameter at `always`, sending back voids the approvals even if the text stays."""
        desk = opened(reapproval="always").reach("ministerial_verification")

        assert () == desk.engine.send_back(desk.agreement, "cooperation_plan", "ulang", by=HOME).approvals


ENDS: dict[str, dict[str, set[str]]] = {
    "exploration": {"withdrawn": {"head_of_region", "partner_head"}, "lapsed": {"head_of_region"}},
    "statement_of_intent": {
        "rejected": {"head_of_region"},
        "withdrawn": {"head_of_region", "partner_head"},
        "lapsed": {"head_of_region"},
    },
    "cooperation_plan": {"withdrawn": {"head_of_region", "partner_head"}},
    "council_approval": {"rejected": {"council"}, "withdrawn": {"head_of_region", "partner_head"}},
    "ministerial_verification": {"withdrawn": {"head_of_region", "partner_head"}},
    "draft_agreement": {"withdrawn": {"head_of_region", "partner_head"}},
    "negotiation_and_signing": {
        "rejected": {"head_of_region", "foreign_minister"},
        "withdrawn": {"head_of_region", "partner_head"},
        "lapsed": {"head_of_region"},
    },
    "implementation": {
        "completed": {"head_of_region"},
        "terminated": {"head_of_region", "partner_head", "home_affairs_minister"},
    },
}


class TestEnding:
    """How it can end, where, and who says so."""

    @pytest.mark.parametrize("stage", STAGES)
    def test_who_may_declare_what(self, stage: str, desk: Desk) -> None:
        """At each stage there are exactly these outcomes, each for exactly these roles."""
        desk.reach(stage)
        options = [o for o in desk.engine.options(desk.agreement, by=HEAD) if o.move == "end"]

        assert ENDS[stage] == {o.target: set(o.roles) for o in options}

    @pytest.mark.parametrize("stage", STAGES)
    @pytest.mark.parametrize("role", EVERYONE)
    def test_by_whom(self, stage: str, role: str, desk: Desk) -> None:
        """A role declares what it may, and is refused the rest; nothing else can be declared at all."""
        desk.reach(stage)
        desk.record("ending_ground", "policy_change")
        for outcome in ("completed", "expired", "terminated", "rejected", "withdrawn", "lapsed"):
            if outcome not in ENDS[stage]:
                # That its term is over, only the passing of time says.
                never = NotPermitted if (stage, outcome) == ("implementation", "expired") else NoSuchMove
                with pytest.raises(never):
                    desk.engine.end(desk.agreement, outcome, "selesai", by=EVERYONE[role])
            elif role not in ENDS[stage][outcome]:
                with pytest.raises(NotPermitted):
                    desk.engine.end(desk.agreement, outcome, "selesai", by=EVERYONE[role])
            else:
                assert () == desk.option("end", outcome, by=EVERYONE[role]).unmet
        mine = [outcome for outcome, roles in ENDS[stage].items() if role in roles]
        if mine:
            assert mine[0] == desk.engine.end(desk.agreement, mine[0], "selesai", by=EVERYONE[role]).outcome
        else:
            assert desk.now.running

    def test_other_grounds(self) -> None:
        """The grounds for a termination are those of the parameter."""
        desk = opened(ending_grounds=["breach"]).reach("implementation")
        desk.record("ending_ground", "breach")

        assert "terminated" == desk.engine.end(desk.agreement, "terminated", by=PARTNER).outcome


class TestHolding:
    """Who can stop it for a time, and let it go on."""

    @pytest.mark.parametrize("stage", STAGES)
    @pytest.mark.parametrize("minister", [HOME, FOREIGN], ids=["home", "foreign"])
    def test_minister(self, stage: str, minister: Actor, desk: Desk) -> None:
        """Either minister can put it on hold at any stage, and nothing advances until it is resumed."""
        desk.reach(stage)
        desk.engine.hold(desk.agreement, "hubungan diplomatik terganggu", by=minister)
        if stage != "implementation":
            with pytest.raises(GateClosed):
                desk.engine.advance(desk.agreement, by=MOVERS[stage])

        assert desk.engine.resume(desk.agreement, by=minister).hold is None

    @pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "ministerial_verification"])
    def test_region_cannot_lift_it(self, stage: str, desk: Desk) -> None:
        """What the Minister of Home Affairs holds, the region cannot resume."""
        desk.reach(stage)
        desk.engine.hold(desk.agreement, "menunggu klarifikasi", by=HOME)
        with pytest.raises(NotPermitted):
            desk.engine.resume(desk.agreement, by=HEAD)

        assert desk.now.hold is not None

    def test_partner_cannot(self, desk: Desk) -> None:
        """The partner cannot hold what the region does."""
        desk.reach("draft_agreement")
        with pytest.raises(NotPermitted):
            desk.engine.hold(desk.agreement, "tunggu", by=PARTNER)

        assert desk.now.hold is None


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_who_moves_it_on(stage: str, desk: Desk) -> None:
    """Only those whose turn it is, and those they work for, move an agreement on."""
    allowed = {
        "cooperation_plan": {"cooperation_team", "head_of_region"},
        "council_approval": {"council", "head_of_region"},
        "ministerial_verification": {"home_affairs_minister", "head_of_region"},
        "negotiation_and_signing": {"head_of_region", "foreign_minister"},
    }.get(stage, {"head_of_region"})
    desk.reach(stage)

    assert allowed == {role for role, actor in EVERYONE.items() if desk.option(by=actor).permitted}


@pytest.mark.parametrize("stage", STAGES)
def test_partner_files_nothing(stage: str, desk: Desk) -> None:
    """Evidence is filed on the Indonesian side: the partner files no document and records no fact."""
    desk.reach(stage)
    with pytest.raises(NotPermitted):
        desk.engine.attach(desk.agreement, paper("confirmation_letter"), by=PARTNER)
    with pytest.raises(NotPermitted):
        desk.engine.record(desk.agreement, "conflicts_of_interest", [], by=PARTNER)


def on(day: str) -> datetime:
    """Return ten in the morning of a day in Jakarta."""
    return datetime.fromisoformat(f"{day}T10:00+07:00")


class Dated(Desk):
    """A desk whose papers arrive on the days they bear."""

    def __init__(self, **parameters: Any) -> None:
        self.clock = ManualClock(on("2025-07-24"))
        super().__init__(opened(clock=self.clock, **parameters).engine)

    def attach(self, kind: str, **changes: Any) -> Agreement:
        """File a paper on the day it bears, or later if that is past."""
        dated = changes.get("dated") or next(k[kind] for k in DOCUMENTS.values() if kind in k)["dated"]
        self.clock.set(max(self.clock(), on(dated)))
        return super().attach(kind, **changes)

    def by(self, day: str) -> Agreement:
        """Let it be that day, and let time have its effect."""
        self.clock.set(on(day))
        self.engine.sweep()
        return self.now

    def said(self, kind: str) -> list[Event]:
        """Return the events of a kind."""
        return [event for event in self.engine.history(self.agreement) if event.kind == kind]

    def due(self, key: str) -> date | None:
        """Return the date of a deadline, if it runs."""
        found = self.now.deadlines.get(key)
        return None if found is None else found.date


COUNCIL_CLOCK = "stage:council_approval"


class TestCouncilDeadline:
    """Forty-five working days from the receipt of the request letter."""

    def test_runs_from_the_receipt(self) -> None:
        """Without a letter no time runs; with one it runs from the day it was received, by the calendar of the country."""
        desk = Dated().reach("council_approval", omit=("council_request_letter", "council_decision", "council"))
        assert desk.due(COUNCIL_CLOCK) is None

        desk.attach("council_request_letter", dated="2026-04-20", received_on="2026-04-21")
        assert date(2026, 7, 2) == desk.due(COUNCIL_CLOCK)

    def test_silence_is_no_approval(self) -> None:
        """When it has passed the history says so, with its basis; the gate stays shut, and a late vote counts."""
        desk = Dated().reach("council_approval", omit=("council_minutes", "council_decision", "council"))
        assert date(2026, 5, 18) == desk.due(COUNCIL_CLOCK)
        assert not desk.by("2026-05-18").overdue

        assert desk.by("2026-05-19").overdue
        (event,) = desk.said("overdue")
        assert ("law", COUNCIL_CLOCK) == (event.actor, event.data["data"]["deadline"])
        assert event.data["data"]["basis"].startswith("PP 28/2018 Art 30: the council decides within 45 working days")
        assert {"G10a", "G10b"} == named(desk.option().unmet)

        desk.file("council_approval")
        assert () == desk.option().unmet

    def test_reminders(self) -> None:
        """Ten working days before the last day, and one before, the council is reminded, in working days of the country."""
        desk = Dated().reach("council_approval", omit=("council",))
        told = []
        for day in ("2026-04-28", "2026-04-29", "2026-05-12", "2026-05-13", "2026-05-18"):
            desk.by(day)
            told.append(len(desk.said("reminded")))

        assert [0, 1, 1, 2, 2] == told

    def test_escalated(self) -> None:
        """With the parameter set, it is the turn of another role as well."""
        desk = Dated(on_timeout="escalate:governor").reach("council_approval", omit=("council",))

        assert ("governor",) == desk.by("2026-05-19").escalated

    @pytest.mark.parametrize("outcome", ["rejected", "completed"])
    def test_never_ends_by_silence(self, outcome: str) -> None:
        """No value makes the silence of the council an end: every outcome has a gate there."""
        with pytest.raises(DefinitionError, match="on_timeout"):
            builtin("id-ksdpl", parameters={"on_timeout": f"end:{outcome}"})

    def test_no_requirement_is_met_by_silence(self) -> None:
        """Nothing in it is decided by nobody's answer."""
        silent = [part.id for _, part in builtin("id-ksdpl").requirements() if getattr(part, "silence", "")]

        assert [] == silent

    def test_minister_stops_the_clock(self) -> None:
        """While a minister holds it, the days do not count."""
        desk = Dated().reach("council_approval", omit=("council",))
        before = desk.due(COUNCIL_CLOCK)
        desk.engine.hold(desk.agreement, "menunggu klarifikasi", by=HOME)
        assert desk.due(COUNCIL_CLOCK) is None

        desk.clock.advance(days=14)
        desk.engine.resume(desk.agreement, by=HOME)
        assert before < desk.due(COUNCIL_CLOCK)

    def test_another_letter_begins_anew(self) -> None:
        """A plan that was sent back and comes again has its time from the new letter."""
        desk = Dated().reach("council_approval", omit=("council",))
        desk.engine.send_back(desk.agreement, "cooperation_plan", "lengkapi", by=COUNCIL)
        desk.attach("cooperation_plan", text="improved", dated="2026-05-04")
        desk.vote(HEAD)
        desk.engine.advance(desk.agreement, by=TEAM)
        desk.attach("council_request_letter", dated="2026-05-11", received_on="2026-05-12")

        assert date(2026, 5, 12) == desk.now.deadlines[COUNCIL_CLOCK].start


class TestOtherDeadlines:
    """What no source sets a time for has none, until somebody gives it one."""

    def test_exploration_is_looked_at_again(self) -> None:
        """After half a year without a step an exploration is overdue; another round begins the time anew."""
        desk = Dated()
        desk.start()
        assert date(2026, 1, 20) == desk.due("stage:exploration")
        assert desk.by("2026-01-21").overdue

        desk.engine.send_back(desk.agreement, "exploration", "masih berlanjut", by=HEAD)
        assert not desk.now.overdue

    @pytest.mark.parametrize("stage", STAGES[1:-1])
    def test_none_is_guessed(self, stage: str) -> None:
        """Between exploration and implementation only the council has a time."""
        expected = {COUNCIL_CLOCK} if stage == "council_approval" else set()

        assert expected == set(Dated().reach(stage).now.deadlines)

    @pytest.mark.parametrize(
        "parameter, period, stage, missing, key",
        [
            (
                "consultation_within",
                "14 workdays",
                1,
                "consultation_home_affairs",
                "requirement:consultation_home_affairs",
            ),
            ("verification_within", "14 workdays", 4, "submission_letter", "stage:ministerial_verification"),
            ("meeting_within", "14 workdays", 5, "interministerial_minutes", "requirement:G13"),
            ("confirmation_within", "14 workdays", 6, "confirmation_letter", "requirement:confirmation_letter"),
            (
                "signing_within",
                {"workdays": 30, "since": "confirmation_letter.dated"},
                6,
                "signed_agreement",
                "requirement:signed_agreement",
            ),
        ],
    )
    def test_given(self, parameter: str, period: Any, stage: int, missing: str, key: str) -> None:
        """Given one, it runs, is overdue when it has passed, and refuses nothing by itself."""
        desk = Dated(**{parameter: period}).reach(STAGES[stage], omit=(missing,))
        assert desk.due(key) is not None
        assert desk.by("2027-06-01").overdue

        desk.file(STAGES[stage])
        assert () == desk.option().unmet


class TestMembersVote:
    """The council as a body whose members vote, where the parameters say so."""

    MEMBERS = ("ani", "budi", "citra", "dewi", "eko")

    @pytest.fixture
    def desk(self) -> Desk:
        """Return a desk on which the council of five has its plan, and no vote yet."""
        asks = {"council_members": {"fact": "council_members"}, "council_majority": "1/2"}
        desk = opened(**asks, council_vote_only_warns=False).reach("council_approval", omit=("council",))
        desk.record("council_members", list(self.MEMBERS))
        return desk

    def member(self, name: str) -> Actor:
        """Return a member of the council."""
        return Actor(id=name, roles={"council"})

    def test_majority(self, desk: Desk) -> None:
        """More than half must be there, and more than half of those in favour; one vote against stops nothing."""
        for name in ("ani", "budi"):
            desk.engine.approve(desk.agreement, by=self.member(name))
        assert {"G11"} == named(desk.option().unmet)

        desk.engine.refuse(desk.agreement, "terlalu mahal", by=self.member("citra"))
        assert () == desk.option().unmet

    def test_adjourned_twice(self, desk: Desk) -> None:
        """The vote is put off at most twice."""
        for _ in range(2):
            desk.engine.adjourn(desk.agreement, "tidak kuorum", by=self.member("ani"))
        with pytest.raises(GateClosed) as refused:
            desk.engine.adjourn(desk.agreement, "tidak kuorum", by=self.member("ani"))

        assert [("G11", "approval.adjournments")] == [(why.requirement, why.code) for why in refused.value.unmet]


def test_result_needs_its_minutes(desk: Desk) -> None:
    """The result of the council is recorded only once its minutes are on file."""
    desk.reach("council_approval", omit=("council", "council_minutes"))
    with pytest.raises(GateClosed) as refused:
        desk.vote(COUNCIL)
    assert ["approval.minutes"] == [why.code for why in refused.value.unmet]

    desk.attach("council_minutes")
    desk.vote(COUNCIL)
    assert () == (*desk.option().unmet, *desk.option().warnings)


class TestPartnerTrack:
    """The partner's own process, where it is kept here as well."""

    def test_waits_for_the_partner(self, desk: Desk) -> None:
        """It is signed only once the partner's own process has come to its signing."""
        desk.reach("negotiation_and_signing")
        section = Actor(id="kokusai-1", roles={"exchange_section", "head", "assembly"})
        desk.engine.start("kr-sister", "partner", by=Actor(id="k-1", roles={"exchange_section"}))
        desk.record("partner_track", "partner")
        (why,) = desk.option().unmet
        assert ("partner_track", "track.reached", "preparation") == (why.requirement, why.code, why.params["stage"])

        both = Actor(id="k-2", roles={"exchange_section", "council"})
        for kind in ("draft_agreement", "statement_of_reasons"):
            desk.engine.attach("partner", paper(kind), by=section)
        desk.engine.advance("partner", by=both)
        desk.engine.attach("partner", paper("council_resolution", refers_to=("draft_agreement",)), by=both)
        desk.engine.approve("partner", by=both)
        desk.engine.advance("partner", by=both)
        assert () == desk.option().unmet


class TestAfterSigning:
    """The term, what is owed meanwhile, and how the agreement goes on or ends."""

    @pytest.fixture
    def desk(self) -> Dated:
        """Return an agreement that was signed on 20 November 2026 for five years."""
        desk = Dated().reach("implementation", omit=tuple(DOCUMENTS["implementation"]))
        desk.engine.sweep()
        return desk

    def work(self, desk: Desk, sector: str) -> None:
        """Bring a sector to its first activity."""
        part = desk.part(sector)
        desk.engine.advance(part, by=TEAM)
        desk.engine.record(part, "owner_agency", "dinas lingkungan hidup", by=AGENCY)
        for kind in ("action_plan", "activity"):
            desk.engine.attach(part, paper(kind), by=AGENCY)
        desk.engine.advance(part, by=AGENCY)

    def test_what_is_due(self, desk: Dated) -> None:
        """A report and an action plan are owed, no sector may sleep, and the term ends on the agreement's last day."""
        expected = {
            "duty:G21": date(2027, 11, 20),
            "duty:action_plan": date(2027, 11, 20),
            "duty:G22": date(2027, 11, 20),
            "term": date(2031, 11, 19),
        }

        assert expected == {key: due.date for key, due in desk.now.deadlines.items()}

    def test_needs_a_last_day(self) -> None:
        """An agreement without a last day is not signed: the plan has set the duration."""
        desk = opened().reach("negotiation_and_signing")
        desk.attach("signed_agreement", valid_until=None)

        assert ["term.unknown"] == [why.code for why in desk.option().unmet]

    def test_open_ended(self) -> None:
        """With the parameter set, it has no end."""
        desk = opened(term="open", term_reminders=None).reach("negotiation_and_signing")
        desk.attach("signed_agreement", valid_until=None)

        assert "term" not in desk.engine.advance(desk.agreement, by=HEAD).deadlines

    def test_report(self, desk: Dated) -> None:
        """A report that is late is said to be; filed, the next one is due a year after that."""
        assert desk.by("2027-11-21").overdue
        late = {event.data["data"]["deadline"] for event in desk.said("overdue")}
        assert {"duty:G21", "duty:action_plan", "duty:G22"} <= late

        desk.attach("periodic_report")
        assert date(2028, 11, 20) == desk.due("duty:G21")

    def test_dormant_sectors(self, desk: Dated) -> None:
        """Every sector that is not carved out and has had no activity is named as dormant after a year."""
        self.work(desk, "environment")
        desk.by("2027-11-21")
        (data,) = [said.data["data"] for said in desk.said("overdue") if said.data["data"]["deadline"] == "duty:G22"]
        assert [desk.part("wastewater")] == [why["params"]["part"] for why in data["unmet"]]

        self.work(desk, "wastewater")
        desk.record("seen", True)
        assert desk.due("duty:G22") is None

    def test_expires_with_its_last_day(self, desk: Dated) -> None:
        """It runs to the end of its last day, in Jakarta, and has expired after it, with its sectors."""
        self.work(desk, "environment")
        assert desk.by("2031-11-19").running

        assert "expired" == desk.by("2031-11-20").outcome
        assert "expired" == desk.engine.get(desk.part("environment")).outcome
        assert desk.engine.verify().ok

    def test_renewed_in_place(self, desk: Dated) -> None:
        """Where the agreement provides for it, it is renewed to the end of the renewal."""
        desk.file("implementation")
        desk.file("renewal")
        renewed = desk.engine.renew(desk.agreement, "implementation", by=HEAD)

        assert ("implementation", 2, date(2036, 11, 19)) == (renewed.stage, renewed.round, desk.due("term"))

    def test_renewed_without_a_new_end(self, desk: Dated) -> None:
        """Without the signed renewal there is no new term to stay for."""
        desk.attach("renewal_request")
        desk.attach("evaluation")

        assert ["term.unknown"] == [why.code for why in desk.option("renew", "implementation").unmet]

    @pytest.mark.parametrize(
        "to, kind, guard",
        [
            ("cooperation_plan", "cooperation_plan", "renewed_plan"),
            ("statement_of_intent", "letter_of_intent", "renewed_intent"),
        ],
    )
    def test_goes_back_with_new_papers(self, to: str, kind: str, guard: str, desk: Dated) -> None:
        """Renewed back to an earlier stage, it cannot rest on the paper made for the agreement that is running."""
        desk.attach("renewal_request")
        desk.attach("evaluation")
        assert to == desk.engine.renew(desk.agreement, to, by=HEAD).stage
        assert date(2031, 11, 19) == desk.due("term")
        assert guard in named(desk.option().unmet)

        desk.attach(kind, text="new", dated="2028-02-01")
        assert guard not in named(desk.option().unmet)

    def test_window(self) -> None:
        """With the parameter set, it cannot be renewed too early."""
        desk = Dated(renewal_window="6 months").reach("implementation")
        desk.file("renewal")

        assert ["renewal.early"] == [why.code for why in desk.option("renew", "implementation").unmet]

    def test_amended(self, desk: Dated) -> None:
        """An amendment that changes no item of the plan takes the accord of the parties, and no vote of the council."""
        for kind in DOCUMENTS["amendment"]:
            desk.attach(kind)
        assert {"amendment_council"} == named(desk.option("amend", "signed_agreement").unmet)

        desk.attach("amendment", fields={"changes_plan": False})
        longer = paper("signed_agreement", text="amended", valid_until="2033-11-19", signed_by=BOTH)
        desk.engine.amend(desk.agreement, longer, "alamat baru", by=HEAD)
        assert date(2033, 11, 19) == desk.due("term")

    def test_amended_by_amendment_only(self, desk: Dated) -> None:
        """The signed agreement is not exchanged by filing another one."""
        with pytest.raises(GateClosed, match="takes an amendment"):
            desk.attach("signed_agreement", text="another")
