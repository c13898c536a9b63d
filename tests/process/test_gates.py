"""The built-in process at work: what each gate asks, says and lets through."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    GateClosed,
    NoSuchMove,
    NotPermitted,
    Option,
    Party,
    Unmet,
    builtin,
)

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
PROPOSED = {sector: {"status": "proposed"} for sector in NINE}
JUDGED: dict[str, dict[str, Any]] = {
    "environment": {"object_class": "technical_and_management_capacity", "competence": "city"},
    "employment": {"object_class": "other", "competence": "central", "carved_out": "permits abroad are central"},
    "education": {"object_class": "cultural_exchange", "competence": "city"},
    "smart_city": {"object_class": "science_and_technology", "competence": "city", "technology_transfer": True},
    "transit_oriented_development": {"object_class": "technical_and_management_capacity", "competence": "city"},
    "culture_and_tourism": {"object_class": "cultural_exchange", "competence": "city"},
    "trade_and_creative_economy": {"object_class": "promotion_of_regional_potential", "competence": "city"},
    "city_branding": {"object_class": "promotion_of_regional_potential", "competence": "city"},
    "wastewater": {"object_class": "science_and_technology", "competence": "city", "technology_transfer": True},
}
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
        "sectors": PROPOSED,
    },
    "statement_of_intent": {
        "intent_signed_abroad": False,
        "office_abroad": False,
        "interference_in_domestic_affairs": False,
        "conflicts_of_interest": [],
    },
    "cooperation_plan": {"sectors": JUDGED},
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
            "fields": {"signed_as": "head_of_region", "equally_authentic": True},
            "refers_to": ["agreed_text"],
        },
    },
    "implementation": {
        "original_deposited": {"dated": "2026-12-01"},
        "action_plan": {"dated": "2027-01-15"},
        "periodic_report": {"dated": "2027-11-20"},
        "evaluation": {"dated": "2027-12-10"},
    },
}
VOTES: dict[str, tuple[Actor, ...]] = {"cooperation_plan": (HEAD,), "council_approval": (COUNCIL,)}
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


def paper(
    kind: str, *, text: str = "", refers_to: tuple[str, ...] = (), fields: Mapping[str, Any] | None = None, **about: Any
) -> Document:
    """Make the document of a kind; *text* makes another version of it, *refers_to* names the kinds it refers to."""
    said = dict(fields or {})
    if refers_to:
        said["refers_to"] = [paper(other).digest for other in refers_to]
    return Document.from_bytes(f"{kind} {text}".encode(), kind=kind, fields=said, **about)


class Desk:
    """An engine with one agreement, brought to a stage with everything on file that the gate there asks for."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.agreement = "bekasi-izumisano"

    def start(self, parties: tuple[Party, ...] = PARTIES) -> None:
        """Start the agreement."""
        self.engine.start("id-ksdpl", self.agreement, title="Bekasi – Izumisano", parties=parties, by=HEAD)

    def reach(self, stage: str, *, omit: tuple[str, ...] = (), parties: tuple[Party, ...] = PARTIES) -> Desk:
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
        for voter in VOTES.get(stage, ()):
            if not {voter.roles[0], "cooperation_plan"} & set(omit):
                self.vote(voter)

    def record(self, fact: str, value: Any) -> Agreement:
        """Record a fact as the team would."""
        return self.engine.record(self.agreement, fact, value, by=self.clerk)

    def attach(self, kind: str, **changes: Any) -> Agreement:
        """File the document of a kind, as the table has it or changed."""
        known = next((kinds[kind] for kinds in DOCUMENTS.values() if kind in kinds), {})
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


def opened(**parameters: Any) -> Desk:
    """Return a desk whose process has these values for its parameters."""
    return Desk(
        Engine.open("memory:", processes=[builtin("id-ksdpl", parameters=parameters)], clock=lambda: NOW),
    )


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

    @property
    def stage(self) -> str:
        """Where the agreement stands."""
        return self.at if self.at in STAGES else ENDING.get(self.at, "implementation")

    def asked(self, desk: Desk) -> Option:
        """Bring the agreement there, spoil it, and ask."""
        desk.reach(self.stage, omit=self.omit, parties=self.parties)
        for fact, value in self.facts.items():
            desk.record(fact, value)
        for kind, changes in self.documents.items():
            desk.attach(kind, **changes)
        for voter in self.again:
            desk.vote(voter)
        move, target = ("advance", None) if self.at in STAGES else ("end", self.at)
        return desk.option(move, target, by=self.by)


def sector(name: str, **changes: Any) -> dict[str, Any]:
    """Return the sectors with one of them changed."""
    return {"sectors": {**JUDGED, name: {**JUDGED[name], **changes}}}


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
    Spoil(at="cooperation_plan", guard="G07", facts=sector("environment", object_class="loan")),
    Spoil(at="cooperation_plan", guard="G08", facts=sector("education", competence="central")),
    Spoil(
        at="cooperation_plan",
        guard="G09",
        documents={"cooperation_plan": {"fields": {"development_plan_reference": ""}}},
        again=(HEAD,),
    ),
    Spoil(at="cooperation_plan", guard="G25", facts=sector("wastewater", technology_transfer=False)),
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
    Spoil(at="negotiation_and_signing", guard="G07", facts=sector("environment", object_class="loan")),
    Spoil(at="negotiation_and_signing", guard="G08", facts=sector("education", competence="central")),
    Spoil(at="negotiation_and_signing", guard="G25", facts=sector("wastewater", technology_transfer=False)),
    Spoil(at="negotiation_and_signing", guard="G01b", facts={"diplomatic_relations": False}),
    Spoil(at="completed", guard="G01b", facts={"diplomatic_relations": False}),
    Spoil(at="completed", guard="G23", facts={"office_abroad": True}),
    Spoil(at="completed", guard="G24", facts={"interference_in_domestic_affairs": True}),
    Spoil(at="completed", guard="G27", facts={"conflicts_of_interest": ["tri"]}),
    Spoil(at="expired", guard="term_over"),
    Spoil(
        at="expired",
        guard="G27",
        facts={"conflicts_of_interest": ["tri"]},
        documents={"signed_agreement": {"valid_until": "2028-01-09"}},
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


def test_walk_to_completion(desk: Desk) -> None:
    """With everything in place an agreement goes through every gate, in order, and can be completed."""
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
    """The cases below spoil every requirement of every gate that can refuse."""
    asked = {(place, part.id) for place, part in builtin("id-ksdpl").requirements() if part.id and not part.soft}

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
            assert why.text(lang).startswith(f"{why.label[lang]}: ")


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: f"{spoil.at}-{spoil.guard}")
def test_refused_move_says_the_same(spoil: Spoil, desk: Desk) -> None:
    """The move itself is refused with the reasons that the question gave."""
    option = spoil.asked(desk)
    about: dict[str, Any] = {"by": spoil.by or MOVERS[spoil.stage]}
    if option.move == "end":
        about["outcome"] = spoil.at
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
        for fact in ("origin", "counterpart_kind", "diplomatic_relations", "sectors"):
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
    """What is asked for each sector."""

    @pytest.mark.parametrize(
        "field, guard", [("object_class", "G07"), ("competence", "G08"), ("technology_transfer", "G25")]
    )
    def test_unjudged_sector_is_named(self, field: str, guard: str, desk: Desk) -> None:
        """A sector that lacks what is asked is named in the refusal."""
        entry = {k: v for k, v in JUDGED["smart_city"].items() if k != field}
        desk.reach("cooperation_plan").record("sectors", {**JUDGED, "smart_city": entry})
        (why,) = desk.option().unmet

        assert (guard, "fact.each_missing", "smart_city") == (why.requirement, why.code, why.params["entry"])

    def test_absolute_affair_needs_a_carve_out(self, desk: Desk) -> None:
        """A sector that is no affair of the city blocks until it is carved out; the others go on."""
        desk.reach("cooperation_plan").record("sectors", sector("education", competence="absolute")["sectors"])
        assert {"G08"} == named(desk.option().unmet)

        desk.record("sectors", sector("education", competence="absolute", carved_out="Pasal 10 ayat (1)")["sectors"])
        assert () == desk.option().unmet

    @pytest.mark.parametrize("left", [{}, {name: {**entry, "carved_out": "no"} for name, entry in JUDGED.items()}])
    def test_no_sector_left(self, left: dict[str, Any], desk: Desk) -> None:
        """A cooperation without a single sector cannot go on."""
        desk.reach("cooperation_plan").record("sectors", left)

        assert {"G07", "G08"} <= named(desk.option().unmet)

    def test_province(self) -> None:
        """For a province the sectors must be affairs of a province."""
        desk = opened(region_level="province").reach("cooperation_plan")
        assert {"G08"} == named(desk.option().unmet)

        desk.record("sectors", {name: {**entry, "competence": "province"} for name, entry in JUDGED.items()})
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
            if stage == "cooperation_plan":
                desk.record("sectors", {name: {**entry, "competence": "regency"} for name, entry in JUDGED.items()})
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
        "expired": {"head_of_region", "home_affairs_minister"},
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
        desk.attach("signed_agreement", valid_until="2028-01-09")
        for outcome in ("completed", "expired", "terminated", "rejected", "withdrawn", "lapsed"):
            if outcome not in ENDS[stage]:
                with pytest.raises(NoSuchMove):
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

    def test_expires_with_its_last_day(self, desk: Desk) -> None:
        """An agreement cannot be declared expired on its last day, nor without one."""
        desk.reach("implementation")
        for last_day in ("2028-01-10", None):
            desk.attach("signed_agreement", valid_until=last_day)
            assert {"term_over"} == named(desk.option("end", "expired").unmet)

        desk.attach("signed_agreement", valid_until="2028-01-09")
        assert () == desk.option("end", "expired").unmet

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
