"""The built-in process as a definition: what it says of itself, and what can be set and left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stagegate
from stagegate import DefinitionError, Engine, Label, NotFound, Process, Requirement, builtin, load_process

TOML = Path(stagegate.__file__).parent / "processes" / "id-ksdpl.toml"
PROCESS = builtin("id-ksdpl")
LANGUAGES = {"en", "id", "ja"}
PROVENANCES = {"law", "law-secondary", "practice", "interpretation"}
RULES = {
    *("G01 G01b G02 G03 G04 G05 G06 G07 G08 G09 G11 G13 G14 G15 G19 G23 G24 G25 G27".split()),  # noqa: SIM905  shorter
    *("G10a G10b G12 G16a G16b G16c G17a G17b G17c G17d G18a G18b".split()),  # noqa: SIM905  shorter
    *("G20a G20b G20c G20d G20e G20f".split()),  # noqa: SIM905  shorter
}
INTERPRETED = sorted({part.id for _, part in PROCESS.requirements() if part.id and part.provenance != "law"})
LAW = sorted({part.id for _, part in PROCESS.requirements() if part.id and part.provenance == "law"})


def named_requirements() -> Iterator[tuple[str, Requirement]]:
    """Go through the requirements that have an id, each with its place."""
    return ((place, part) for place, part in PROCESS.requirements() if part.id)


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
        """Every guard that can be asked has its requirement."""
        assert RULES == {part.id for _, part in named_requirements() if part.id.startswith("G")}

    @pytest.mark.parametrize("named", [*PROCESS.stages, *PROCESS.outcomes], ids=lambda named: named.id)
    def test_stage_or_outcome(self, named: Any) -> None:
        """A stage and an outcome has a label in three languages, a basis and a provenance."""
        assert LANGUAGES == set(named.label)
        assert named.basis
        assert named.provenance in PROVENANCES

    @pytest.mark.parametrize("place, part", list(named_requirements()), ids=lambda value: getattr(value, "id", value))
    def test_requirement(self, place: str, part: Requirement) -> None:
        """A requirement has a label in three languages, a basis, a provenance, and someone who can mend it."""
        assert LANGUAGES == set(part.label)
        assert len(set(part.label.values())) == len(LANGUAGES)
        assert part.basis
        assert part.provenance in PROVENANCES
        assert part.fix_by or part.id == "G27", place

    def test_every_reason_has_a_name(self) -> None:
        """Whatever can refuse stands in a gate under an id; only conditions and alternatives have none."""
        gates = [(s.id, s.gate) for s in PROCESS.stages] + [(o.id, o.gate) for o in PROCESS.outcomes]
        tables = [(place, gate.to_data()) for place, gate in gates if gate is not None]
        rows = [(place, row) for place, gate in tables for row in gate.get("all", [gate])]
        nameless = [(place, row) for place, row in rows if not row.get("then", row).get("id")]

        assert [] == nameless

    def test_roles(self) -> None:
        """Every role has a label in three languages, and every declared role has a part in it."""
        used = {
            role
            for s in PROCESS.stages
            for role in (*s.owner, *s.contributors, *(r for m in s.may.values() for r in m))
        }
        used |= {role for outcome in PROCESS.outcomes for role in outcome.by}

        assert [LANGUAGES] * len(PROCESS.roles) == [set(label) for label in PROCESS.roles.values()]
        assert set(PROCESS.roles) == used

    @pytest.mark.parametrize("stage", PROCESS.stages, ids=lambda stage: stage.id)
    def test_who_mends_can(self, stage: Any) -> None:
        """Of those who are named to mend a requirement, one may file things or vote at that stage."""
        here = {*stage.owner, *stage.contributors}
        stuck = []
        for place, part in named_requirements():
            votes = part.to_data().get("approval")
            if place == stage.id and part.fix_by and not ({*part.fix_by} & here or votes in part.fix_by):
                stuck.append(part.id)

        assert [] == stuck

    def test_soft(self) -> None:
        """Exactly the vote's form, the usual clauses and the partner's authority only warn."""
        assert {"G11", "G15", "G19"} == {part.id for _, part in named_requirements() if part.soft}

    def test_japanese_marks(self) -> None:
        """Japanese labels use the marks of their language."""
        labels = [
            *(p.label for p in PROCESS.stages),
            *(p.label for _, p in named_requirements()),
            *PROCESS.roles.values(),
        ]

        assert [] == [label["ja"] for label in labels if set("(),:") & set(label["ja"])]

    def test_zone(self) -> None:
        """Its days are counted in Jakarta."""
        assert "Asia/Jakarta" == PROCESS.zone


class TestDigest:
    """One definition, one digest."""

    def test_table(self) -> None:
        """The canonical table makes the same process as the file."""
        assert PROCESS.digest == load_process(PROCESS.to_data()).digest

    def test_json(self) -> None:
        """JSON makes the same process as TOML."""
        assert PROCESS.digest == load_process(json.dumps(PROCESS.to_data())).digest

    def test_file(self) -> None:
        """The shipped file is the built-in process."""
        assert PROCESS.pin == load_process(TOML).pin

    def test_default_values(self) -> None:
        """To set a parameter to the value it has makes no other process."""
        assert PROCESS.digest == builtin("id-ksdpl", parameters={"reapproval": "on_change"}).digest

    def test_another_value(self) -> None:
        """Another value makes another process, and an agreement is pinned to it."""
        assert PROCESS.digest != builtin("id-ksdpl", parameters={"reapproval": "always"}).digest


OTHER: dict[str, Any] = {
    "region_level": "province",
    "reapproval": "always",
    "council_vote_only_warns": False,
    "full_powers": [True, False],
    "prevailing_language": "en",
    "ending_grounds": ["breach"],
    "on_reject": "cooperation_plan",
    "on_timeout": "lapse",
    "consultation_days": 14,
    "verification_days": 14,
    "meeting_days": 14,
    "confirmation_days": 14,
    "signing_days": 14,
    "exploration_review_days": 90,
    "report_interval_months": 6,
    "loi_validity_days": 730,
    "retention_years": 10,
}


class TestParameters:
    """What the law leaves open."""

    def test_all_are_tried_here(self) -> None:
        """The table above has another value for every parameter."""
        assert set(PROCESS.parameters) == set(OTHER)

    @pytest.mark.parametrize("name", OTHER)
    def test_says_whether_it_is_used(self, name: str) -> None:
        """A parameter changes what is asked, or says in each language that no gate uses it yet."""
        about = PROCESS.parameters[name]
        used = what_it_asks(PROCESS) != what_it_asks(builtin("id-ksdpl", parameters={name: OTHER[name]}))

        assert used is not about["note"]["en"].startswith("Not used by a gate yet")
        assert used is not about["note"]["id"].startswith("Belum digunakan")
        assert used is not about["note"]["ja"].startswith("現時点ではどの要件にも使用しない")

    @pytest.mark.parametrize("name", OTHER)
    def test_has_its_sources(self, name: str) -> None:
        """A parameter has a note in three languages, a basis, a provenance and a value, if only None."""
        about = PROCESS.parameters[name]

        assert {"value", "note", "basis", "provenance"} == set(about)
        assert LANGUAGES == set(Label(about["note"]))
        assert about["provenance"] in PROVENANCES

    def test_silence_is_no_consent(self) -> None:
        """A missed deadline is overdue by default, never an approval."""
        assert "overdue" == PROCESS.parameters["on_timeout"]["value"]

    @pytest.mark.parametrize(
        "name",
        [
            "on_reject",
            "consultation_days",
            "verification_days",
            "meeting_days",
            "confirmation_days",
            "signing_days",
            "loi_validity_days",
            "prevailing_language",
            "retention_years",
        ],
    )
    def test_what_was_not_read_is_not_guessed(self, name: str) -> None:
        """Where no source gives a value there is none."""
        assert PROCESS.parameters[name]["value"] is None

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

    @pytest.mark.parametrize("name", INTERPRETED)
    def test_interpretation(self, name: str) -> None:
        """What is practice or interpretation can be left out, and is gone from every gate; law stays whole."""
        process = builtin("id-ksdpl", without=[name])
        left = {part.id for _, part in process.requirements() if part.id}

        assert {part.id for _, part in named_requirements()} - {name} == left

    @pytest.mark.parametrize("name", LAW)
    def test_law(self, name: str) -> None:
        """What is law cannot be left out, and the refusal says so."""
        with pytest.raises(DefinitionError, match=f"{name} is law and cannot be left out"):
            builtin("id-ksdpl", without=[name])

    def test_several(self) -> None:
        """Of several names, every one that is law is named."""
        with pytest.raises(DefinitionError) as refused:
            builtin("id-ksdpl", without=["G07", "G08", "G10a"])

        said = {sentence for _, sentence in refused.value.faults}
        assert {"G08 is law and cannot be left out", "G10a is law and cannot be left out"} == said

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
        """An engine that is given no process has this one."""
        with Engine.open("memory:") as engine:
            assert PROCESS in engine.processes
