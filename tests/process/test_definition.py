"""The built-in processes as definitions: what they say of themselves, and what can be set and left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stagegate
from stagegate import DefinitionError, Engine, Label, NotFound, Process, Requirement, builtin, load_process

FOLDER = Path(stagegate.__file__).parent / "processes"
NAMES = (
    "id-ksdpl",
    "id-ksdpl-sector",
    "id-treaty-uu24-2000",
    "jp-clair-8",
    "kr-friendship",
    "kr-sister",
    "us-sister-city",
)
PROCESSES = {name: builtin(name) for name in NAMES}
PROCESS = PROCESSES["id-ksdpl"]
SECTOR = PROCESSES["id-ksdpl-sector"]
LANGUAGES = {"en", "id", "ja"}
PROVENANCES = {"law", "law-secondary", "practice", "interpretation"}
RULES = {
    *("G01 G01b G02 G03 G04 G05 G06 G07-G08 G09 G11 G13 G14 G15 G19 G22 G23 G24 G27".split()),  # noqa: SIM905  shorter
    *("G10a G10b G12 G16a G16b G16c G16d G16e G17a G17b G17c G17d G18a G18b".split()),  # noqa: SIM905  shorter
    *("G20a G20b G20c G20d G20e G20f".split()),  # noqa: SIM905  shorter
}
SOFT = {
    "id-ksdpl": {"G11", "G15", "G19"},
    "id-ksdpl-sector": {"G26b"},
    "jp-clair-8": {"concrete_items_apart"},
}
every = pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda process: process.id)


def named_requirements(process: Process) -> Iterator[tuple[str, Requirement]]:
    """Go through the requirements that have an id, each with its place."""
    return ((place, part) for place, part in process.requirements() if part.id)


def provenances(process: Process) -> dict[str, str]:
    """Return what each requirement and each duty rests on, by its id."""
    duties = {duty.id: duty.provenance for stage in process.stages for duty in stage.duties}
    return duties | {part.id: part.provenance for _, part in named_requirements(process)}


def of_each(process: Process, *, law: bool) -> list[Any]:
    """Return the ids of what is law in a process, or of what is not."""
    return [
        pytest.param(process.id, id_, id=f"{process.id}-{id_}")
        for id_, provenance in sorted(provenances(process).items())
        if law is (provenance == "law")
    ]


NOT_LAW = [row for process in PROCESSES.values() for row in of_each(process, law=False)]
LAW = [row for process in PROCESSES.values() for row in of_each(process, law=True)]
ALL_REQUIREMENTS = [
    pytest.param(place, part, id=f"{process.id}-{place}-{part.id}")
    for process in PROCESSES.values()
    for place, part in named_requirements(process)
]
ALL_NAMED = [
    pytest.param(named, id=f"{process.id}-{id_}")
    for process in PROCESSES.values()
    for id_, named in [*((s.id, s) for s in process.stages), *((o.id, o) for o in process.outcomes)]
]
ALL_STAGES = [
    pytest.param(process, stage, id=f"{process.id}-{stage.id}")
    for process in PROCESSES.values()
    for stage in process.stages
]


def what_it_asks(process: Process) -> dict[str, Any]:
    """Return the definition without its table of parameters."""
    return {k: v for k, v in process.to_data().items() if k != "parameters"}


class TestWhatItSays:
    """Its stages, rules and sources."""

    def test_stages(self) -> None:
        """The stages are those of the law, in its order."""
        assert [
            "exploration",
            "statement_of_intent",
            "cooperation_plan",
            "council_approval",
            "ministerial_verification",
            "draft_agreement",
            "negotiation_and_signing",
            "implementation",
        ] == [stage.id for stage in PROCESS.stages]

    def test_six_stages_are_counted(self) -> None:
        """Six stages follow exploration because the definition has six; with one less there are five."""
        table = PROCESS.to_data()
        stages = [stage for stage in table["stages"] if stage["id"] != "ministerial_verification"]
        outcomes = [
            {**o, "stages": [s for s in o.get("stages", ()) if s != "ministerial_verification"]}
            for o in table["outcomes"]
        ]
        shorter = load_process({**table, "stages": stages, "outcomes": outcomes})

        assert (6, 5) == (len(PROCESS.further("exploration")), len(shorter.further("exploration")))

    def test_says_what_is_interpretation(self) -> None:
        """The note says in each language that the six are an interpretation and which regulation could not be read."""
        assert LANGUAGES == set(PROCESS.note)
        for said, word in {"en": "interpretation", "id": "penafsiran", "ja": "解釈"}.items():
            assert word in PROCESS.note[said]
            assert "25/2020" in PROCESS.note[said]

    def test_every_guard_is_there(self) -> None:
        """Every guard that can be asked has its requirement, those of a sector in the process of the sectors."""
        assert RULES == {part.id for _, part in named_requirements(PROCESS) if part.id.startswith("G")}
        sector = {part.id for _, part in named_requirements(SECTOR) if part.id.startswith("G")}
        assert {"G07", "G08", "G25", "G26a", "G26b", "G27"} == sector

    def test_eight_steps(self) -> None:
        """The eight steps of CLAIR are eight stages; the first four can be gone through again."""
        process = PROCESSES["jp-clair-8"]

        assert 8 == len(process.stages)
        assert process.stages[:4] == tuple(stage for stage in process.stages if stage.id in stage.back_to)

    def test_five_steps(self) -> None:
        """The five steps of Article 6(1) come before a treaty is in force."""
        steps = ["exploration", "negotiation", "drafting", "acceptance", "signing"]

        assert [*steps, "in_force"] == [stage.id for stage in PROCESSES["id-treaty-uu24-2000"].stages]

    @pytest.mark.parametrize("named", ALL_NAMED)
    def test_stage_or_outcome(self, named: Any) -> None:
        """A stage and an outcome has a label in three languages, a basis and a provenance."""
        assert LANGUAGES == set(named.label)
        assert named.basis
        assert named.provenance in PROVENANCES

    @pytest.mark.parametrize("place, part", ALL_REQUIREMENTS)
    def test_requirement(self, place: str, part: Requirement) -> None:
        """A requirement has a label in three languages, a basis, a provenance, and someone who can mend it."""
        assert LANGUAGES == set(part.label)
        assert len(set(part.label.values())) == len(LANGUAGES)
        assert part.basis
        assert part.provenance in PROVENANCES
        assert part.fix_by or part.id in {"G27", "G07-G08"}, place

    @every
    def test_process(self, process: Process) -> None:
        """A process has a label and a note in three languages, a basis and a provenance."""
        assert LANGUAGES == set(process.label) == set(process.note)
        assert process.basis
        assert process.provenance in PROVENANCES

    @every
    def test_duties_and_renewals(self, process: Process) -> None:
        """A duty has a label in three languages and, like a renewal, a basis and a provenance."""
        for stage in process.stages:
            for duty in stage.duties:
                assert LANGUAGES == set(duty.label)
                assert duty.fix_by
            for owed in (*stage.duties, *(() if stage.renewal is None else (stage.renewal,))):
                assert owed.basis
                assert owed.provenance in PROVENANCES

    @every
    def test_every_reason_has_a_name(self, process: Process) -> None:
        """Whatever can refuse stands in a gate under an id; only conditions and alternatives have none."""
        gates = [(stage.id, gate) for stage in process.stages for gate in stage.gates() if gate is not stage.when]
        gates += [(o.id, o.gate) for o in process.outcomes]
        tables = [(place, gate.to_data()) for place, gate in gates if gate is not None]
        rows = [(place, row) for place, gate in tables for row in gate.get("all", [gate])]
        nameless = [(place, row) for place, row in rows if not row.get("id", row.get("then", row).get("id"))]

        assert [] == nameless

    @every
    def test_roles(self, process: Process) -> None:
        """Every role has a label in three languages, and every declared role has a part in it."""
        used = {
            role
            for s in process.stages
            for role in (*s.owner, *s.contributors, *(r for m in s.may.values() for r in m))
        }
        used |= {role for outcome in process.outcomes for role in outcome.by if role != "law"}

        assert [LANGUAGES] * len(process.roles) == [set(label) for label in process.roles.values()]
        assert set(process.roles) == used

    @pytest.mark.parametrize("process, stage", ALL_STAGES)
    def test_who_mends_can(self, process: Process, stage: Any) -> None:
        """Of those who are named to mend a requirement, one may file things or vote at that stage."""
        here = {*stage.owner, *stage.contributors}
        stuck = []
        for place, part in named_requirements(process):
            votes = part.to_data().get("approval")
            if place == stage.id and part.fix_by and not ({*part.fix_by} & here or votes in part.fix_by):
                stuck.append(part.id)
        stuck += [duty.id for duty in stage.duties if not {*duty.fix_by} & here]

        assert [] == stuck

    @every
    def test_soft(self, process: Process) -> None:
        """Exactly what is a form, a usual clause or a recommendation only warns."""
        assert SOFT.get(process.id, set()) == {part.id for _, part in named_requirements(process) if part.soft}

    @every
    def test_japanese_marks(self, process: Process) -> None:
        """Japanese labels use the marks of their language."""
        labels = [
            *(p.label for p in process.stages),
            *(p.label for _, p in named_requirements(process)),
            *process.roles.values(),
        ]

        assert [] == [label["ja"] for label in labels if set("(),:") & set(label["ja"])]

    @pytest.mark.parametrize(
        "name, zone, calendar",
        [
            ("id-ksdpl", "Asia/Jakarta", "indonesia"),
            ("id-ksdpl-sector", "Asia/Jakarta", "indonesia"),
            ("id-treaty-uu24-2000", "Asia/Jakarta", "indonesia"),
            ("jp-clair-8", "Asia/Tokyo", "japan"),
            ("kr-friendship", "Asia/Seoul", "weekends"),
            ("kr-sister", "Asia/Seoul", "weekends"),
            ("us-sister-city", "UTC", "weekends"),
        ],
    )
    def test_zone_and_calendar(self, name: str, zone: str, calendar: str) -> None:
        """Days are counted where the process is at home; a country whose calendar is not shipped has week-ends only."""
        assert (zone, calendar) == (PROCESSES[name].zone, PROCESSES[name].calendar)

    @every
    def test_no_silence_decides(self, process: Process) -> None:
        """Nowhere does the silence of anybody approve, refuse or end anything."""
        assert [] == [part.id for _, part in process.requirements() if getattr(part, "silence", "")]
        assert {"overdue"} == {stage.on_timeout for stage in process.stages}


class TestDigest:
    """One definition, one digest."""

    @every
    def test_table(self, process: Process) -> None:
        """The canonical table makes the same process as the file."""
        assert process.digest == load_process(process.to_data()).digest

    @every
    def test_json(self, process: Process) -> None:
        """JSON makes the same process as TOML."""
        assert process.digest == load_process(json.dumps(process.to_data())).digest

    @every
    def test_file(self, process: Process) -> None:
        """The shipped file is the built-in process."""
        assert process.pin == load_process(FOLDER / f"{process.id}.toml").pin

    def test_default_values(self) -> None:
        """To set a parameter to the value it has makes no other process."""
        assert PROCESS.digest == builtin("id-ksdpl", parameters={"reapproval": "on_change"}).digest

    def test_another_value(self) -> None:
        """Another value makes another process, and an agreement is pinned to it."""
        assert PROCESS.digest != builtin("id-ksdpl", parameters={"reapproval": "always"}).digest


KSDPL: dict[str, Any] = {
    "region_level": "province",
    "reapproval": "always",
    "council_vote_only_warns": False,
    "council_members": {"fact": "council_members"},
    "council_majority": "1/2",
    "council_adjournments": 3,
    "council_reminders": ["1 workday"],
    "on_timeout": "escalate:governor",
    "on_reject": "cooperation_plan",
    "exploration_review": "90 calendar days",
    "consultation_within": "14 workdays",
    "verification_within": "14 workdays",
    "meeting_within": "14 workdays",
    "confirmation_within": "14 workdays",
    "signing_within": "14 workdays",
    "full_powers": [True, False],
    "prevailing_language": "en",
    "partner_ready_at": "text",
    "term": {"years": 5},
    "term_reminders": ["1 month"],
    "renewal_window": "6 months",
    "report_every": "6 months",
    "action_plan_within": "6 months",
    "dormancy_within": "6 months",
    "ending_grounds": ["breach"],
    "retention_years": 10,
}
SHARES = {"council_quorum": "1/2", "council_majority": "2/3", "partner_ready_at": "text"}
OTHER: dict[str, dict[str, Any]] = {
    "id-ksdpl": KSDPL,
    "id-ksdpl-sector": {
        "region_level": "province",
        "grant_record_only_warns": False,
        "dormancy_within": "6 months",
        "activity_report_within": "14 calendar days",
    },
    "id-treaty-uu24-2000": {"term": "signed_treaty.valid_until", "deposit_within": "14 calendar days"},
    "jp-clair-8": {
        "assembly_quorum": ">=1/2",
        "assembly_majority": "1/2",
        "originals": 1,
        "partner_ready_at": "negotiation_and_signing",
    },
    "kr-friendship": {"council_votes_on_friendship": "friendship", **SHARES},
    "kr-sister": SHARES,
    "us-sister-city": {
        "zone": "America/Los_Angeles",
        "report_every": "2 years",
        "membership_every": "1 year",
        **SHARES,
    },
}
PARAMETERS = [
    pytest.param(process, name, id=f"{process}-{name}") for process, several in OTHER.items() for name in several
]
NOT_USED = {"en": "Not used by a gate", "id": "Tidak digunakan oleh persyaratan", "ja": "どの要件にも使用しない"}


class TestParameters:
    """What the law leaves open."""

    @every
    def test_all_are_tried_here(self, process: Process) -> None:
        """The tables above have another value for every parameter."""
        assert set(process.parameters) == set(OTHER[process.id])

    @pytest.mark.parametrize("process, name", PARAMETERS)
    def test_says_whether_it_is_used(self, process: str, name: str) -> None:
        """A parameter changes what is asked, or says in each language that no gate uses it."""
        about = PROCESSES[process].parameters[name]
        changed = builtin(process, parameters={name: OTHER[process][name]})
        used = what_it_asks(PROCESSES[process]) != what_it_asks(changed)

        assert [not used] * len(NOT_USED) == [about["note"][lang].startswith(NOT_USED[lang]) for lang in NOT_USED]

    @pytest.mark.parametrize("process, name", PARAMETERS)
    def test_has_its_sources(self, process: str, name: str) -> None:
        """A parameter has a note in three languages, a basis, a provenance and a value, if only None."""
        about = PROCESSES[process].parameters[name]

        assert {"value", "note", "basis", "provenance"} == set(about)
        assert LANGUAGES == set(Label(about["note"]))
        assert about["provenance"] in PROVENANCES

    @pytest.mark.parametrize("process, name", PARAMETERS)
    def test_emptied(self, process: str, name: str) -> None:
        """Without a value a parameter asks for nothing, or is refused where something has to stand."""
        about = PROCESSES[process].parameters[name]
        needed = {"region_level", "full_powers", "partner_ready_at", "reapproval", "on_timeout"}
        if name == "term":
            needed = {"term"} if process == "id-ksdpl" else set()
        try:
            emptied = builtin(process, parameters={name: None})
        except DefinitionError:
            assert name in needed
        else:
            assert (about["value"] is None) is (emptied.digest == PROCESSES[process].digest)

    def test_silence_is_no_consent(self) -> None:
        """A missed deadline is overdue by default, never an approval."""
        assert "overdue" == PROCESS.parameters["on_timeout"]["value"]

    @pytest.mark.parametrize(
        "process, name",
        [
            ("id-ksdpl", "on_reject"),
            ("id-ksdpl", "consultation_within"),
            ("id-ksdpl", "verification_within"),
            ("id-ksdpl", "meeting_within"),
            ("id-ksdpl", "confirmation_within"),
            ("id-ksdpl", "signing_within"),
            ("id-ksdpl", "renewal_window"),
            ("id-ksdpl", "prevailing_language"),
            ("id-ksdpl", "retention_years"),
            ("id-ksdpl-sector", "activity_report_within"),
            ("jp-clair-8", "assembly_quorum"),
            ("jp-clair-8", "assembly_majority"),
            ("kr-friendship", "council_votes_on_friendship"),
            ("kr-friendship", "council_quorum"),
            ("kr-friendship", "council_majority"),
            ("kr-sister", "council_quorum"),
            ("kr-sister", "council_majority"),
            ("us-sister-city", "council_quorum"),
            ("us-sister-city", "council_majority"),
            ("us-sister-city", "membership_every"),
        ],
    )
    def test_what_was_not_read_is_not_guessed(self, process: str, name: str) -> None:
        """Where no source gives a value there is none."""
        assert PROCESSES[process].parameters[name]["value"] is None

    def test_unknown(self) -> None:
        """A parameter that there is not is refused by name."""
        with pytest.raises(DefinitionError, match="verification_day"):
            builtin("id-ksdpl", parameters={"verification_day": 3})

    def test_impossible_value(self) -> None:
        """A value that makes no sense where it is used is refused with its place."""
        with pytest.raises(DefinitionError, match=r"stages\[0\]\.reapproval"):
            builtin("id-ksdpl", parameters={"reapproval": "sometimes"})


class TestLeavingOut:
    """What may be left out, and what may not."""

    @pytest.mark.parametrize("process, name", NOT_LAW)
    def test_interpretation(self, process: str, name: str) -> None:
        """What is practice or interpretation can be left out and is gone; where nothing else is asked, that is refused."""
        try:
            left = provenances(builtin(process, without=[name]))
        except DefinitionError as error:
            assert {"it asks for nothing; name its requirements, or say `unguarded`"} == {
                said for _, said in error.faults
            }
        else:
            assert set(provenances(PROCESSES[process])) - {name} == set(left)

    @pytest.mark.parametrize("process, name", LAW)
    def test_law(self, process: str, name: str) -> None:
        """What is law cannot be left out, and the refusal says so."""
        with pytest.raises(DefinitionError, match=f"{name} is law and cannot be left out"):
            builtin(process, without=[name])

    def test_several(self) -> None:
        """Of several names, every one that is law is named."""
        with pytest.raises(DefinitionError) as refused:
            builtin("id-ksdpl", without=["G11", "G07-G08", "G10a"])

        said = {sentence for _, sentence in refused.value.faults}
        assert {"G07-G08 is law and cannot be left out", "G10a is law and cannot be left out"} == said

    def test_unknown(self) -> None:
        """A name that there is not is refused."""
        with pytest.raises(DefinitionError, match="G99"):
            builtin("id-ksdpl", without=["G99"])


class TestAskingForIt:
    """How a built-in process is found."""

    def test_unknown(self) -> None:
        """A process that does not come with the library is refused, and those that do are named."""
        with pytest.raises(NotFound, match="id-ksdpl"):
            builtin("jp-shimai")

    def test_unchanged_is_one_value(self) -> None:
        """Asked for twice without changes, it is the same value."""
        assert builtin("id-ksdpl") is builtin("id-ksdpl", parameters={}, without=())

    def test_every_engine_knows_it(self) -> None:
        """An engine that is given no process has these."""
        with Engine.open("memory:") as engine:
            assert set(PROCESSES.values()) == set(engine.processes)

    def test_all_are_here(self) -> None:
        """Every file that is shipped is tested here."""
        assert set(NAMES) == {file.stem for file in FOLDER.glob("*.toml")}
