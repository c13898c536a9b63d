"""The other built-in processes at work: each is walked from end to end, and refuses what it should, for the reason it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    Event,
    GateClosed,
    NoSuchMove,
    Option,
    Party,
    Process,
    Stage,
    Unmet,
    builtin,
    unguarded,
)
from stagegate.testing import ManualClock

from .papers import paper

BEGIN = datetime(2026, 3, 2, 3, tzinfo=UTC)
PARTIES = (Party("here", name="Here"), Party("there", name="There"))
BOTH = ("here", "there")
UMBRELLA = Process(
    "umbrella",
    "1",
    [
        Stage("plan", owner="cooperation_team", gate=unguarded("it is signed elsewhere")),
        Stage(
            "implementation",
            owner="cooperation_team",
            term="signed_agreement.valid_until",
            amend={"signed_agreement": unguarded("how it is prolonged is asked elsewhere")},
        ),
    ],
    zone="Asia/Jakarta",
)


Papers = Mapping[str, Mapping[str, Mapping[str, Any]]]


@attrs.frozen(kw_only=True)
class Life:
    """What a process asks for from beginning to end: facts, papers and votes by stage or outcome."""

    process: str
    facts: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    papers: Papers = attrs.field(factory=dict)
    votes: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    ends: Mapping[str, str] = attrs.field(factory=dict)


class Trial:
    """An engine with one agreement, brought to a stage with everything on file that the gate there asks for."""

    def __init__(self, life: Life, **parameters: Any) -> None:
        self.life, self.id = life, "deal"
        self.process = builtin(life.process, parameters=parameters)
        self.clock = ManualClock(BEGIN)
        self.engine = Engine.open("memory:", processes=[self.process, UMBRELLA], clock=self.clock)
        self.everyone = Actor(id="clerk", roles=set(self.process.roles) | {"cooperation_team"})
        whole = None
        if life.process == "id-ksdpl-sector":
            whole = "whole"
            self.engine.start("umbrella", whole, by=self.everyone)
        self.engine.start(life.process, self.id, parties=PARTIES, part_of=whole, by=self.everyone)

    @property
    def now(self) -> Agreement:
        """The agreement as it is."""
        return self.engine.get(self.id)

    def sign_whole(self, last_day: str | None = "2030-12-31") -> None:
        """Let the agreement of which this one is a part be signed."""
        self.engine.attach("whole", paper("signed_agreement", valid_until=last_day), by=self.everyone)
        self.engine.advance("whole", by=self.everyone)

    def prolong_whole(self) -> None:
        """Let the agreement of which this one is a part last longer."""
        longer = paper("signed_agreement", text="prolonged", valid_until="2035-12-31")
        self.engine.amend("whole", longer, "five more years", by=self.everyone)

    def file(self, place: str, *, omit: tuple[str, ...] = ()) -> Trial:
        """File, record and vote what a stage or an outcome asks for, but for what is to be left out."""
        if place == "cleared" and "signature" not in omit:
            self.sign_whole()
        for fact, value in self.life.facts.get(place, {}).items():
            if fact not in omit:
                self.record(fact, value)
        for kind in self.life.papers.get(place, {}):
            if kind not in omit:
                self.attach(kind)
        for role in self.life.votes.get(place, ()):
            if role not in omit:
                self.vote(role)
        return self

    def reach(self, stage: str, *, omit: tuple[str, ...] = ()) -> Trial:
        """Go through all gates before *stage*, and file there all but what is to be left out."""
        while self.now.stage != stage:
            self.file(self.now.stage)
            self.advance()
        return self.file(stage, omit=omit)

    def record(self, fact: str, value: Any) -> Agreement:
        """Record a fact."""
        return self.engine.record(self.id, fact, value, by=self.everyone)

    def attach(self, kind: str, **changes: Any) -> Agreement:
        """File the document of a kind, as the table has it or changed."""
        known = next((kinds[kind] for kinds in self.life.papers.values() if kind in kinds), {})
        about = {**known, **changes}
        if "fields" in changes:
            about["fields"] = {**known.get("fields", {}), **changes["fields"]}
        return self.engine.attach(self.id, paper(kind, **about), by=self.everyone)

    def vote(self, role: str) -> Agreement:
        """Approve in a role."""
        return self.engine.approve(self.id, by=Actor(id=f"{role}-1", roles={role}))

    def advance(self) -> Agreement:
        """Go on, as whose turn it is."""
        return self.engine.advance(self.id, by=self.owner)

    @property
    def owner(self) -> Actor:
        """Somebody whose turn it is."""
        role = self.now.owner[0]
        return Actor(id=f"{role}-7", roles={role})

    def option(self, move: str = "advance", target: str | None = None) -> Option:
        """Return what stands in the way of a move."""
        options = self.engine.options(self.id, by=self.everyone)
        return next(o for o in options if o.move == move and target in {None, o.target})

    def said(self, kind: str) -> list[Event]:
        """Return the events of a kind."""
        return [event for event in self.engine.history(self.id) if event.kind == kind]


def named(reasons: tuple[Unmet, ...]) -> set[str]:
    """Return the names of the requirements that are not met."""
    return {reason.requirement for reason in reasons}


SECTOR = Life(
    process="id-ksdpl-sector",
    facts={
        "proposed": {
            "object_class": "science_and_technology",
            "competence": "city",
            "technology_transfer": True,
            "grant_involved": False,
        },
        "preparation": {"owner_agency": "dinas lingkungan hidup"},
        "carved_out": {"carve_out_reason": "pendidikan menengah adalah urusan provinsi"},
        "terminated": {"ending_ground": "object_lost"},
    },
    papers={
        "preparation": {"action_plan": {}, "activity": {"dated": "2026-03-01"}},
        "completed": {"final_report": {}},
    },
    ends={
        "carved_out": "proposed",
        "withdrawn": "cleared",
        "completed": "active",
        "terminated": "active",
    },
)
CLAIR = Life(
    process="jp-clair-8",
    facts={
        "candidates": {"candidate": "Bekasi"},
        "text": {"partner_language": "id"},
        "terminated": {"ending_ground": "no exchange for ten years"},
    },
    papers={
        "candidates": {"candidate_list": {}},
        "sounding": {"sounding_reply": {}},
        "field_survey": {"survey_report": {}},
        "intent": {"letter_of_intent": {"signed_by": BOTH}},
        "exchange_policy": {"exchange_policy": {"fields": {"several_fields": True}}},
        "text": {"agreed_text": {"languages": ["ja", "id"], "fields": {"concrete_items_apart": True}}},
        "signing": {
            "signed_agreement": {
                "signed_by": BOTH,
                "languages": ["ja", "id"],
                "fields": {"signed_as": "head", "originals_in_japanese": 2, "originals_in_partner_language": 2},
                "refers_to": ("agreed_text",),
            }
        },
        "terminated": {"ending_notice": {}},
    },
    votes={"text": ("assembly",)},
    ends={"terminated": "start", "rejected": "text", "withdrawn": "sounding"},
)
SISTER_CITY = Life(
    process="us-sister-city",
    facts={
        "research": {"friendship_first": True},
        "no_contact": {"last_contact": "2021-05-01"},
        "no_funds": {"funds_ended": True},
    },
    papers={
        "planning": {"tie_plan": {}},
        "research": {"research_report": {}, "friendship_agreement": {"signed_by": BOTH, "dated": "2026-01-10"}},
        "friendship": {"upgrade_proposal": {"dated": "2026-02-10"}},
        "council_resolution": {"draft_agreement": {}, "council_resolution": {"refers_to": ("draft_agreement",)}},
        "signing": {
            "signed_agreement": {
                "signed_by": BOTH,
                "fields": {"signed_as": "mayor"},
                "refers_to": ("draft_agreement",),
            }
        },
        "ended": {"ending_statement": {}},
    },
    votes={"council_resolution": ("council",)},
    ends={
        "ended": "active",
        "no_contact": "active",
        "no_funds": "active",
        "rejected": "council_resolution",
        "withdrawn": "planning",
    },
)
KOREAN_SISTER = Life(
    process="kr-sister",
    papers={
        "preparation": {"draft_agreement": {}, "statement_of_reasons": {}},
        "council_resolution": {
            "council_resolution": {"refers_to": ("draft_agreement",), "dated": "2026-02-01"},
        },
        "signing": {
            "signed_agreement": {"signed_by": BOTH, "refers_to": ("draft_agreement",), "dated": "2026-02-20"},
        },
        "cancelled": {"cancellation_proposal": {}},
        "ended_by_partner": {"partner_notice": {}},
    },
    votes={"council_resolution": ("council",), "cancelled": ("council",)},
    ends={
        "cancelled": "active",
        "ended_by_partner": "active",
        "rejected": "council_resolution",
        "withdrawn": "preparation",
    },
)
KOREAN_FRIENDSHIP = Life(
    process="kr-friendship",
    facts={"preparation": {"substance": "sister", "sister_tie_refused": False}, "upgraded": {"sister_tie": "sister"}},
    papers={
        "preparation": {
            "draft_agreement": {},
            "statement_of_reasons": {"fields": {"why_not_sister": "students only, for three years"}},
        },
        "council_resolution": {"council_resolution": {"refers_to": ("draft_agreement",)}},
        "signing": {"signed_agreement": {"signed_by": BOTH, "refers_to": ("draft_agreement",)}},
        "cancelled": {"cancellation_proposal": {}},
        "ended_by_partner": {"partner_notice": {}},
    },
    votes={"council_resolution": ("council",), "cancelled": ("council",)},
    ends={
        "upgraded": "active",
        "cancelled": "active",
        "ended_by_partner": "active",
        "rejected": "council_resolution",
        "withdrawn": "preparation",
    },
)
LANGUAGES = ["id", "en"]
TREATY = Life(
    process="id-treaty-uu24-2000",
    facts={
        "signing": {"signer": "other", "implements_existing_agreement": False},
        "ended": {"ending_ground": "object_lost", "unfinished_arrangements": []},
    },
    papers={
        "exploration": {"consultation_foreign_affairs": {}, "exploration_record": {}},
        "negotiation": {"negotiation_record": {}},
        "drafting": {"draft_text": {"languages": LANGUAGES}},
        "acceptance": {"accepted_text": {"refers_to": ("draft_text",)}},
        "signing": {
            "signed_treaty": {
                "signed_by": BOTH,
                "languages": LANGUAGES,
                "refers_to": ("accepted_text",),
                "dated": "2026-02-20",
            },
            "full_powers": {"dated": "2026-02-10"},
        },
        "amendment": {"amendment": {"signed_by": BOTH, "languages": LANGUAGES, "refers_to": ("signed_treaty",)}},
    },
    ends={"ended": "in_force", "failed": "negotiation", "withdrawn": "exploration"},
)
LIVES = (SECTOR, CLAIR, SISTER_CITY, KOREAN_SISTER, KOREAN_FRIENDSHIP, TREATY)
each = pytest.mark.parametrize("life", LIVES, ids=lambda life: life.process)


@attrs.frozen(kw_only=True)
class Spoil:
    """One thing that is missing or wrong where all else is in place, and what the refusal must name."""

    life: Life
    at: str
    guard: str
    omit: tuple[str, ...] = ()
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    papers: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    again: tuple[str, ...] = ()
    parties: bool = True
    done: Callable[[Trial], object] | None = None
    parameters: Mapping[str, Any] = attrs.field(factory=dict)

    def __str__(self) -> str:
        """Name the case."""
        return f"{self.life.process}-{self.at}-{self.guard}"

    @property
    def move(self) -> tuple[str, str | None]:
        """What is asked for, and whereto."""
        if self.at.startswith("renewal:"):
            return "renew", self.at.partition(":")[2]
        if self.at == "amendment":
            return "amend", "signed_treaty"
        return ("end", self.at) if self.at in self.life.ends else ("advance", None)

    def asked(self) -> tuple[Trial, Option]:
        """Bring the agreement there, spoil it, and ask."""
        trial = Trial(self.life, **self.parameters)
        stage = {"amendment": "in_force"}.get(self.at, self.life.ends.get(self.at, self.at.removeprefix("renewal:")))
        trial.reach(stage, omit=self.omit)
        if self.at.startswith("renewal:"):
            trial.prolong_whole()
        elif stage != self.at:
            trial.file(self.at, omit=self.omit)
        for fact, value in self.facts.items():
            trial.record(fact, value)
        for kind, changes in self.papers.items():
            trial.attach(kind, **changes)
        for role in self.again:
            trial.vote(role)
        if self.done is not None:
            self.done(trial)
        return trial, trial.option(*self.move)


def missing(life: Life, at: str, **guards: str) -> list[Spoil]:
    """Return the cases in which one thing is left out: the guard by which it is missed, and what it is."""
    return [Spoil(life=life, at=at, guard=guard, omit=(what,)) for guard, what in guards.items()]


CONFLICT = {"conflicts_of_interest": ["clerk"]}
OTHER_TRACK = {"partner_track": "nobody"}
SPOILS = [
    # One sector of a cooperation
    Spoil(life=SECTOR, at="proposed", guard="G07", facts={"object_class": "loan"}),
    Spoil(life=SECTOR, at="proposed", guard="G08", facts={"competence": "province"}),
    Spoil(life=SECTOR, at="proposed", guard="G25", facts={"technology_transfer": False}),
    *missing(SECTOR, "proposed", G26a="grant_involved"),
    *missing(SECTOR, "cleared", agreement_signed="signature"),
    Spoil(life=SECTOR, at="cleared", guard="G07", facts={"object_class": None}),
    Spoil(life=SECTOR, at="cleared", guard="G08", facts={"competence": "central"}),
    Spoil(life=SECTOR, at="cleared", guard="G25", facts={"technology_transfer": None}),
    *missing(SECTOR, "preparation", owner_agency="owner_agency", action_plan="action_plan", first_activity="activity"),
    *missing(SECTOR, "carved_out", carve_out_reason="carve_out_reason"),
    *missing(SECTOR, "completed", final_report="final_report"),
    *missing(SECTOR, "terminated", ending_ground="ending_ground"),
    *(
        Spoil(life=SECTOR, at=at, guard="G27", facts=CONFLICT)
        for at in ("proposed", "cleared", "preparation", *SECTOR.ends, "renewal:preparation", "renewal:active")
    ),
    *(
        Spoil(life=SECTOR, at=f"renewal:{stage}", guard="G08", facts={"competence": "province"})
        for stage in ("preparation", "active")
    ),
    # The eight steps of CLAIR
    *missing(CLAIR, "candidates", candidate_list="candidate_list", candidate="candidate"),
    *missing(CLAIR, "sounding", sounding_reply="sounding_reply"),
    *missing(CLAIR, "field_survey", survey_report="survey_report"),
    *missing(CLAIR, "intent", intent="letter_of_intent"),
    *missing(CLAIR, "exchange_policy", exchange_policy="exchange_policy"),
    Spoil(
        life=CLAIR,
        at="exchange_policy",
        guard="several_fields",
        papers={"exchange_policy": {"fields": {"several_fields": False}}},
    ),
    *missing(CLAIR, "text", partner_language="partner_language", assembly_approval="assembly"),
    Spoil(
        life=CLAIR, at="text", guard="agreed_text", papers={"agreed_text": {"languages": ["ja"]}}, again=("assembly",)
    ),
    *missing(CLAIR, "signing", signed_agreement="signed_agreement"),
    Spoil(
        life=CLAIR,
        at="signing",
        guard="signed_by_heads",
        papers={"signed_agreement": {"fields": {"signed_as": "deputy"}}},
    ),
    Spoil(
        life=CLAIR,
        at="signing",
        guard="originals",
        papers={"signed_agreement": {"fields": {"originals_in_partner_language": 1}}},
    ),
    Spoil(life=CLAIR, at="signing", guard="same_text", papers={"signed_agreement": {"refers_to": ()}}),
    Spoil(
        life=CLAIR,
        at="signing",
        guard="assembly_approval",
        papers={"agreed_text": {"text": "other"}},
        done=lambda trial: trial.engine.attach(
            trial.id,
            Document.from_bytes(
                b"signed",
                kind="signed_agreement",
                signed_by=BOTH,
                languages=["ja", "id"],
                fields={
                    **CLAIR.papers["signing"]["signed_agreement"]["fields"],
                    "refers_to": [trial.now.documents["agreed_text"].digest],
                },
            ),
            by=trial.everyone,
        ),
    ),
    Spoil(life=CLAIR, at="signing", guard="partner_track", facts=OTHER_TRACK),
    *missing(CLAIR, "terminated", ending_ground="ending_ground", ending_notice="ending_notice"),
    # A sister city of the United States
    *missing(SISTER_CITY, "planning", tie_plan="tie_plan"),
    *missing(
        SISTER_CITY,
        "research",
        research_report="research_report",
        friendship_first="friendship_first",
        friendship_agreement="friendship_agreement",
    ),
    *missing(SISTER_CITY, "friendship", upgrade_proposal="upgrade_proposal"),
    Spoil(
        life=SISTER_CITY,
        at="friendship",
        guard="friendship_agreement",
        papers={"friendship_agreement": {"signed_by": ["here"]}},
    ),
    *missing(SISTER_CITY, "council_resolution", council_resolution="council_resolution", council_vote="council"),
    *missing(SISTER_CITY, "signing", signed_agreement="signed_agreement"),
    Spoil(
        life=SISTER_CITY,
        at="signing",
        guard="signed_by_mayors",
        papers={"signed_agreement": {"fields": {"signed_as": "clerk"}}},
    ),
    Spoil(life=SISTER_CITY, at="signing", guard="same_text", papers={"signed_agreement": {"refers_to": ()}}),
    Spoil(
        life=SISTER_CITY,
        at="signing",
        guard="council_vote",
        done=lambda trial: trial.engine.refuse(trial.id, "too far", by=Actor(id="council-1", roles={"council"})),
    ),
    Spoil(life=SISTER_CITY, at="signing", guard="partner_track", facts=OTHER_TRACK),
    *missing(SISTER_CITY, "ended", ending_statement="ending_statement"),
    *missing(SISTER_CITY, "no_contact", last_contact="last_contact"),
    Spoil(life=SISTER_CITY, at="no_funds", guard="funds_ended", facts={"funds_ended": False}),
    # A Korean sister tie
    *missing(KOREAN_SISTER, "preparation", draft_agreement="draft_agreement", reason="statement_of_reasons"),
    *missing(KOREAN_SISTER, "council_resolution", council_resolution="council_resolution", council_vote="council"),
    *missing(KOREAN_SISTER, "signing", signed_agreement="signed_agreement"),
    Spoil(life=KOREAN_SISTER, at="signing", guard="same_text", papers={"signed_agreement": {"refers_to": ()}}),
    Spoil(
        life=KOREAN_SISTER,
        at="signing",
        guard="council_first",
        papers={"signed_agreement": {"dated": "2026-01-31"}},
    ),
    Spoil(
        life=KOREAN_SISTER, at="signing", guard="council_resolution", papers={"council_resolution": {"refers_to": ()}}
    ),
    Spoil(
        life=KOREAN_SISTER,
        at="signing",
        guard="council_vote",
        done=lambda trial: trial.engine.refuse(trial.id, "no", by=Actor(id="council-1", roles={"council"})),
    ),
    Spoil(life=KOREAN_SISTER, at="signing", guard="partner_track", facts=OTHER_TRACK),
    *missing(KOREAN_SISTER, "cancelled", cancellation_vote="council"),
    Spoil(life=KOREAN_SISTER, at="cancelled", guard="cancellation_proposal", omit=("cancellation_proposal", "council")),
    *missing(KOREAN_SISTER, "ended_by_partner", partner_notice="partner_notice"),
    # A Korean friendship tie
    *missing(
        KOREAN_FRIENDSHIP,
        "preparation",
        draft_agreement="draft_agreement",
        substance="substance",
        sister_tie_refused="sister_tie_refused",
    ),
    Spoil(
        life=KOREAN_FRIENDSHIP,
        at="preparation",
        guard="reason",
        papers={"statement_of_reasons": {"fields": {"why_not_sister": ""}}},
    ),
    *missing(KOREAN_FRIENDSHIP, "council_resolution", council_resolution="council_resolution", council_vote="council"),
    *missing(KOREAN_FRIENDSHIP, "signing", signed_agreement="signed_agreement"),
    Spoil(life=KOREAN_FRIENDSHIP, at="signing", guard="same_text", papers={"signed_agreement": {"refers_to": ()}}),
    Spoil(life=KOREAN_FRIENDSHIP, at="signing", guard="substance", facts={"substance": "something"}),
    Spoil(life=KOREAN_FRIENDSHIP, at="signing", guard="sister_tie_refused", facts={"sister_tie_refused": None}),
    Spoil(
        life=KOREAN_FRIENDSHIP,
        at="signing",
        guard="council_vote",
        done=lambda trial: trial.engine.refuse(trial.id, "no", by=Actor(id="council-1", roles={"council"})),
    ),
    Spoil(life=KOREAN_FRIENDSHIP, at="signing", guard="partner_track", facts=OTHER_TRACK),
    Spoil(life=KOREAN_FRIENDSHIP, at="upgraded", guard="sister_tie"),
    *missing(KOREAN_FRIENDSHIP, "cancelled", cancellation_vote="council"),
    Spoil(
        life=KOREAN_FRIENDSHIP,
        at="cancelled",
        guard="cancellation_proposal",
        omit=("cancellation_proposal", "council"),
    ),
    *missing(KOREAN_FRIENDSHIP, "ended_by_partner", partner_notice="partner_notice"),
    # A treaty
    Spoil(life=TREATY, at="exploration", guard="parties"),
    *missing(
        TREATY,
        "exploration",
        consultation_foreign_affairs="consultation_foreign_affairs",
        exploration_record="exploration_record",
    ),
    *missing(TREATY, "negotiation", negotiation_record="negotiation_record"),
    *missing(TREATY, "drafting", draft_text="draft_text"),
    Spoil(
        life=TREATY, at="drafting", guard="languages_of_the_draft", papers={"draft_text": {"languages": ["en", "ja"]}}
    ),
    *missing(TREATY, "acceptance", accepted_text="accepted_text"),
    Spoil(life=TREATY, at="acceptance", guard="accepted_is_drafted", papers={"accepted_text": {"refers_to": ()}}),
    Spoil(life=TREATY, at="signing", guard="signed_treaty", papers={"signed_treaty": {"signed_by": ["here"]}}),
    Spoil(life=TREATY, at="signing", guard="signed_is_accepted", papers={"signed_treaty": {"refers_to": ()}}),
    Spoil(life=TREATY, at="signing", guard="languages", papers={"signed_treaty": {"languages": ["id"]}}),
    Spoil(life=TREATY, at="signing", guard="signer", facts={"signer": "secretary"}),
    *missing(
        TREATY,
        "signing",
        implements_existing_agreement="implements_existing_agreement",
        full_powers="full_powers",
    ),
    Spoil(life=TREATY, at="signing", guard="full_powers_in_time", papers={"full_powers": {"dated": "2026-02-21"}}),
    Spoil(life=TREATY, at="amendment", guard="amendment", papers={"amendment": {"signed_by": ["here"]}}),
    Spoil(life=TREATY, at="amendment", guard="amendment_in_languages", papers={"amendment": {"languages": ["id"]}}),
    Spoil(life=TREATY, at="ended", guard="ending_ground", facts={"ending_ground": "boredom"}),
    *missing(TREATY, "ended", unfinished_arrangements="unfinished_arrangements"),
]
LASTING = {
    # What is on file once stays on file: these can be missing only at the first gate that asks for them.
    (SISTER_CITY.process, "council_resolution", "draft_agreement"),
    (TREATY.process, "signing", "consultation_foreign_affairs"),
    (TREATY.process, "amendment", "consultation_foreign_affairs"),
    # A part has its agreement for good: renewed, it is a part of one that is signed.
    (SECTOR.process, "renewal:preparation", "agreement_signed"),
    (SECTOR.process, "renewal:active", "agreement_signed"),
}


@each
def test_walk(life: Life) -> None:
    """With everything in place an agreement goes through every gate, in order; its history can be proved."""
    trial = Trial(life)
    seen = [trial.now.stage]
    while seen[-1] != trial.process.stages[-1].id:
        trial.file(seen[-1])
        assert ((), ()) == (trial.option().unmet, trial.option().warnings)
        seen.append(trial.advance().stage)

    assert [stage.id for stage in trial.process.stages] == seen
    assert trial.engine.verify().ok


@pytest.mark.parametrize(
    "life, outcome",
    [pytest.param(life, outcome, id=f"{life.process}-{outcome}") for life in LIVES for outcome in life.ends],
)
def test_ways_to_end(life: Life, outcome: str) -> None:
    """Each way to end is open where everything for it is in place, and the agreement has ended so."""
    trial = Trial(life)
    trial.reach(life.ends[outcome])
    if outcome == "upgraded":
        sister = Trial(KOREAN_SISTER)
        sister.engine, sister.id, sister.clock = trial.engine, "sister", trial.clock
        sister.engine.start("kr-sister", "sister", parties=PARTIES, by=trial.everyone)
        sister.reach("active")
    trial.file(outcome)
    ended = trial.engine.end(trial.id, outcome, "enough", by=trial.everyone)

    assert outcome == ended.outcome
    assert trial.engine.verify().ok


@each
def test_every_outcome_is_tried(life: Life) -> None:
    """The tables above hold every outcome that somebody can declare."""
    declared = {outcome.id for outcome in builtin(life.process).outcomes if outcome.by != ("law",)}

    assert declared == set(life.ends)


@each
def test_every_requirement_is_spoiled(life: Life) -> None:
    """The cases above spoil every requirement of every gate that can refuse."""
    process = builtin(life.process)
    gates = {stage.id: stage.gate for stage in process.stages if stage.gate is not None}
    gates |= {outcome.id: outcome.gate for outcome in process.outcomes if outcome.gate is not None}
    gates |= {f"renewal:{s.id}": s.renewal.gate for s in process.stages if s.renewal is not None}
    gates |= {"amendment": stage.amend[kind] for stage in process.stages for kind in stage.amend}  # noqa: B035  one
    asked = {(place, part.id) for place, gate in gates.items() for part in gate.walk() if part.id and not part.soft}
    spoiled = {(spoil.at, spoil.guard) for spoil in SPOILS if spoil.life is life}

    assert asked == spoiled | {(at, guard) for process_, at, guard in LASTING if process_ == life.process}


@pytest.mark.parametrize("spoil", SPOILS, ids=str)
def test_refusal(spoil: Spoil) -> None:
    """Where one thing is missing or wrong, the refusal names exactly its guard, the rule, and who can mend it."""
    if spoil.guard == "parties":
        trial = Trial(spoil.life)
        trial.id = "alone"
        trial.engine.start(spoil.life.process, trial.id, parties=PARTIES[:1], by=trial.everyone)
        option = trial.file("exploration").option()
    else:
        trial, option = spoil.asked()

    # A text that nobody has filed is missed by the vote on it as well, a language nobody knows by the text in it.
    votes = {"council_vote", "cancellation_vote", "assembly_approval"}
    resting = {"cancellation_proposal": votes, "partner_language": {"agreed_text"}}
    assert {spoil.guard} == named(option.unmet) - resting.get(spoil.guard, set())
    for why in option.unmet:
        assert why.basis
        assert why.provenance
        assert set(why.fix_by) & set(trial.process.roles)
        for lang in ("en", "id", "ja"):
            assert why.text(lang).startswith(f"{why.label[lang]}{'：' if lang == 'ja' else ': '}")


class TestSector:
    """One sector of a cooperation under PP 28/2018."""

    def test_grant_warns(self) -> None:
        """A grant without its record warns where it is cleared and where the work is prepared, and lets pass."""
        trial = Trial(SECTOR).reach("proposed")
        trial.record("grant_involved", True)
        for stage in ("proposed", "preparation"):
            trial.reach(stage)
            trial.record("grant_involved", True)
            option = trial.option()
            assert ((), {"G26b"}) == (option.unmet, named(option.warnings))

        trial.attach("grant_record")
        assert () == trial.option().warnings

    def test_grant_hardened(self) -> None:
        """With the parameter set, a grant without its record refuses."""
        trial = Trial(SECTOR, grant_record_only_warns=False).reach("proposed")
        trial.record("grant_involved", True)

        assert {"G26b"} == named(trial.option().unmet)

    def test_no_transfer_asked_elsewhere(self) -> None:
        """Only science and technology have to be transferable."""
        trial = Trial(SECTOR).reach("proposed", omit=("technology_transfer",))
        trial.record("object_class", "cultural_exchange")

        assert () == trial.option().unmet

    def test_another_level(self) -> None:
        """For a province the sector must be an affair of a province."""
        trial = Trial(SECTOR, region_level="province").reach("proposed")
        assert {"G08"} == named(trial.option().unmet)

        trial.record("competence", "province")
        assert () == trial.option().unmet

    def test_sleeping(self) -> None:
        """A year after the signing without a first activity it is overdue."""
        trial = Trial(SECTOR).reach("preparation", omit=("activity",))
        assert date(2027, 3, 2) == trial.now.deadlines["stage:preparation"].date

        trial.clock.set(datetime(2027, 3, 3, tzinfo=UTC))
        trial.engine.sweep()
        assert trial.now.overdue

    def test_ends_with_the_agreement(self) -> None:
        """It lasts as long as the agreement that it is part of, and has expired with it."""
        trial = Trial(SECTOR).reach("active")
        assert date(2030, 12, 31) == trial.now.deadlines["term"].date

        trial.clock.set(datetime(2031, 1, 1, tzinfo=UTC))
        trial.engine.sweep()
        assert "expired" == trial.now.outcome

    @pytest.mark.parametrize("stage", ["preparation", "active"])
    def test_renewed_with_the_agreement(self, stage: str) -> None:
        """Under an agreement that lasts longer it goes on only once somebody says so; then to the new end."""
        trial = Trial(SECTOR).reach(stage)
        assert ["term.not_later"] == [why.code for why in trial.option("renew", stage).unmet]

        trial.prolong_whole()
        assert date(2030, 12, 31) == trial.now.deadlines["term"].date
        trial.engine.renew(trial.id, stage, by=Actor(id="tkksd-1", roles={"cooperation_team"}))
        assert date(2035, 12, 31) == trial.now.deadlines["term"].date

    def test_report_on_an_activity(self) -> None:
        """With the parameter set, each activity is to be reported on within that time."""
        trial = Trial(SECTOR, activity_report_within="14 calendar days").reach("active")
        assert date(2026, 3, 15) == trial.now.deadlines["duty:activity_report"].date
        trial.attach("activity_report")
        assert "duty:activity_report" not in trial.now.deadlines

        trial.attach("activity", text="the second", dated="2026-03-02")
        assert date(2026, 3, 16) == trial.now.deadlines["duty:activity_report"].date

    def test_no_time_is_guessed(self) -> None:
        """Without the parameter no report on a single activity falls due."""
        assert {"term"} == set(Trial(SECTOR).reach("active").now.deadlines)


class TestClair:
    """The eight steps of CLAIR."""

    def test_first_four_are_repeated(self) -> None:
        """From the fourth step it goes back to the first, with another candidate, as often as need be."""
        trial = Trial(CLAIR).reach("intent")
        for round_ in (2, 3):
            back = trial.engine.send_back(trial.id, "candidates", "they would rather wait", by=trial.everyone)
            assert ("candidates", round_) == (back.stage, back.round)
            trial.reach("intent")

        assert "exchange_policy" == trial.advance().stage

    def test_no_way_back_to_the_first_four(self) -> None:
        """Once the policy is being agreed on, the first four steps are done."""
        trial = Trial(CLAIR).reach("exchange_policy")

        assert [] == [
            option for option in trial.engine.options(trial.id, by=trial.everyone) if option.move == "send_back"
        ]

    def test_another_way_to_confirm(self) -> None:
        """The intent can be confirmed in another form than by a letter of intent."""
        trial = Trial(CLAIR).reach("intent", omit=("letter_of_intent",))
        trial.attach("intent_confirmation")

        assert () == trial.option().unmet

    def test_concrete_items(self) -> None:
        """Concrete items in the text itself only warn."""
        trial = Trial(CLAIR).reach("text")
        trial.attach("agreed_text", fields={"concrete_items_apart": False})
        trial.vote("assembly")
        option = trial.option()

        assert ((), {"concrete_items_apart"}) == (option.unmet, named(option.warnings))

    def test_stays_when_the_head_changes(self) -> None:
        """It has no end, and whoever is head goes on with it."""
        trial = Trial(CLAIR).reach("start")
        trial.clock.set(datetime(2066, 1, 1, tzinfo=UTC))
        trial.engine.sweep()
        successor = Actor(id="another", roles={"head"})

        assert {} == trial.now.deadlines
        assert trial.engine.note(trial.id, "a new head", by=successor).running

    def test_waits_for_an_indonesian_partner(self) -> None:
        """Joined with a partner under PP 28/2018, it is signed when that one has come to its signing."""
        trial = Trial(CLAIR, partner_ready_at="negotiation_and_signing").reach("signing")
        trial.engine.start("id-ksdpl", "bekasi", by=Actor(id="tri", roles={"head_of_region"}))
        trial.record("partner_track", "bekasi")
        (why,) = trial.option().unmet

        assert ("track.reached", "exploration") == (why.code, why.params["stage"])

    @pytest.mark.parametrize("present, in_favour, open_", [(14, 8, True), (9, 9, False), (14, 7, False)])
    def test_assembly_counted(self, present: int, in_favour: int, open_: bool) -> None:
        """With the parameters set, at least half of the members must be there, and more than half of those in favour."""
        trial = Trial(CLAIR, assembly_quorum=">=1/2", assembly_majority="1/2").reach("text", omit=("assembly",))
        result = {"members": 20, "present": present, "in_favour": in_favour}
        trial.engine.approve(trial.id, result=result, by=Actor(id="secretary", roles={"assembly"}))

        assert open_ is not bool(trial.option().unmet)


class TestSisterCity:
    """Friendship first or not, and a tie without an end."""

    def test_without_friendship(self) -> None:
        """Where no friendship comes first its stage is skipped, and the history says why."""
        trial = Trial(SISTER_CITY).reach("research", omit=("friendship_agreement",))
        trial.record("friendship_first", False)
        assert "council_resolution" == trial.advance().stage

        (skipped,) = trial.said("moved")[-1].data["data"]["skipped"]
        assert "friendship" == skipped["stage"]

    def test_friendship_lasts(self) -> None:
        """A friendship city can stay one for good, and end as one."""
        trial = Trial(SISTER_CITY).reach("friendship", omit=("upgrade_proposal",))
        trial.clock.set(datetime(2046, 1, 1, tzinfo=UTC))
        trial.engine.sweep()
        assert trial.now.running

        trial.attach("ending_statement")
        assert "ended" == trial.engine.end(trial.id, "ended", by=trial.everyone).outcome

    def test_council_leaves_it_at_friendship(self) -> None:
        """A council that does not want the sister tie leaves it at the friendship."""
        trial = Trial(SISTER_CITY).reach("council_resolution", omit=("council",))

        assert "friendship" == trial.engine.send_back(trial.id, "friendship", "not yet", by=trial.owner).stage

    def test_yearly_report(self) -> None:
        """A yearly report that is late is said to be, and stops nothing."""
        trial = Trial(SISTER_CITY).reach("active")
        assert {"duty:annual_report": date(2027, 3, 2)} == {k: d.date for k, d in trial.now.deadlines.items()}

        trial.clock.set(datetime(2027, 3, 3, tzinfo=UTC))
        trial.engine.sweep()
        assert (True, True) == (trial.now.overdue, trial.now.running)

    def test_membership(self) -> None:
        """With the parameter set, the proof of a paid membership is owed as well."""
        trial = Trial(SISTER_CITY, membership_every="1 year").reach("active")

        assert {"duty:annual_report", "duty:membership"} == set(trial.now.deadlines)


class TestKoreanTies:
    """Which tie goes to the council."""

    @pytest.mark.parametrize(
        "parameters, substance, refused, votes",
        [
            ({}, "friendship", False, False),
            ({}, "sister", False, True),
            ({}, "friendship", True, True),
            ({"council_votes_on_friendship": "friendship"}, "friendship", False, True),
        ],
    )
    def test_council(self, parameters: dict[str, Any], substance: str, refused: bool, votes: bool) -> None:
        """A friendship goes by the council, but for one that is a sister tie in substance or was refused as one, or in Seoul."""
        trial = Trial(KOREAN_FRIENDSHIP, **parameters).reach("preparation")
        trial.record("substance", substance)
        trial.record("sister_tie_refused", refused)

        assert ("council_resolution" if votes else "signing") == trial.advance().stage

    def test_not_around_the_council(self) -> None:
        """A tie that turns out to be a sister tie once the council was passed by is not signed without it."""
        trial = Trial(KOREAN_FRIENDSHIP).reach("preparation")
        trial.record("substance", "friendship")
        trial.advance()
        trial.file("signing")
        assert () == trial.option().unmet

        trial.record("substance", "sister")
        assert {"council_vote"} == named(trial.option().unmet)
        trial.vote("council")
        assert () == trial.option().unmet

    @pytest.mark.parametrize("votes", [False, True])
    def test_cancelling_a_friendship(self, votes: bool) -> None:
        """A friendship is cancelled without the council, but not in Seoul."""
        trial = Trial(KOREAN_FRIENDSHIP, council_votes_on_friendship="friendship" if votes else None)
        trial.reach("preparation")
        trial.record("substance", "friendship")
        while trial.advance().stage != "active":
            trial.file(trial.now.stage)
        trial.attach("cancellation_proposal")

        assert ({"cancellation_vote"} if votes else set()) == named(trial.option("end", "cancelled").unmet)

    def test_upgrade_waits_for_the_sister_tie(self) -> None:
        """A friendship becomes a sister tie only once that is in force, which takes the council."""
        trial = Trial(KOREAN_FRIENDSHIP).reach("active")
        trial.engine.start("kr-sister", "sister", parties=PARTIES, by=trial.everyone)
        trial.file("upgraded")
        with pytest.raises(GateClosed) as refused:
            trial.engine.end(trial.id, "upgraded", by=trial.everyone)

        assert ["track.reached"] == [why.code for why in refused.value.unmet]

    def test_vote_is_for_one_draft(self) -> None:
        """Another draft needs another vote."""
        trial = Trial(KOREAN_SISTER).reach("council_resolution")
        trial.attach("draft_agreement", text="another")

        assert {"council_resolution", "council_vote"} == named(trial.option().unmet)


class TestTreaty:
    """A treaty under UU 24/2000."""

    @pytest.mark.parametrize("signer", ["president", "foreign_minister"])
    def test_who_needs_no_powers(self, signer: str) -> None:
        """The President and the foreign minister need no full powers."""
        trial = Trial(TREATY).reach("signing", omit=("full_powers", "implements_existing_agreement"))
        trial.record("signer", signer)

        assert () == trial.option().unmet

    def test_implementing_cooperation_needs_none(self) -> None:
        """Nor does technical cooperation that implements an existing agreement."""
        trial = Trial(TREATY).reach("signing", omit=("full_powers",))
        trial.record("implements_existing_agreement", True)

        assert () == trial.option().unmet

    def test_amended_by_the_parties(self) -> None:
        """The parties amend it; nobody exchanges the text otherwise."""
        trial = Trial(TREATY).reach("in_force")
        with pytest.raises(GateClosed, match="takes an amendment"):
            trial.attach("signed_treaty", text="other")

        trial.file("amendment")
        longer = paper("signed_treaty", text="amended")
        assert trial.engine.amend(trial.id, longer, "Article 3", by=trial.owner).running

    @pytest.mark.parametrize(
        "ground",
        [
            "agreed_procedure",
            "goal_reached",
            "fundamental_change",
            "breach",
            "replaced",
            "new_norms",
            "object_lost",
            "national_interest_harmed",
        ],
    )
    def test_grounds(self, ground: str) -> None:
        """Each of the eight grounds of Article 18 ends it."""
        trial = Trial(TREATY).reach("in_force").file("ended")
        trial.record("ending_ground", ground)

        assert () == trial.option("end", "ended").unmet

    def test_original(self) -> None:
        """The original is to be deposited within the time that is given, which is an interpretation."""
        trial = Trial(TREATY).reach("in_force")
        assert date(2026, 4, 2) == trial.now.deadlines["duty:original_deposited"].date
        trial.attach("original_deposited")

        assert {} == trial.now.deadlines

    def test_last_day(self) -> None:
        """With the parameter set, it ends with the last day it has, and nobody declares that."""
        trial = Trial(TREATY, term="signed_treaty.valid_until").reach("signing")
        trial.attach("signed_treaty", valid_until="2027-12-31")
        trial.advance()
        with pytest.raises(NoSuchMove):
            trial.engine.end(trial.id, "withdrawn", by=trial.everyone)
        trial.clock.set(datetime(2028, 1, 1, tzinfo=UTC))
        trial.engine.sweep()

        assert "expired" == trial.now.outcome
