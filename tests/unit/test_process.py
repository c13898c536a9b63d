from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

import stagegate
from stagegate import (
    Actor,
    DefinitionError,
    Engine,
    MemoryStore,
    Outcome,
    Process,
    Requirement,
    Stage,
    actor,
    all_of,
    approval,
    at_least,
    document,
    fact,
    load_process,
    parties,
    requirement,
    unguarded,
    value_of,
    when,
)


@requirement(code="cost.ceiling", version="3", fix_by="budget", basis="Art 5")
def ceiling(attempt: stagegate.Attempt) -> bool:
    """Look at the cost."""
    return bool(attempt.fact("cost", 0) < 5)


FULL = Process(
    id="city-cooperation",
    version="2026.1",
    stages=(
        Stage(
            "exploration",
            owner="head",
            gate=document(
                "report",
                signed_by=["a", "b"],
                languages=["id", value_of("tongue")],
                any_language="en",
                fields=["cost", "term"],
                equals={"share": Decimal("0.5"), "year": 2025, "place": value_of("place")},
                lists={"sectors": ["waste", value_of("sectors")]},
                refers_to="request",
                not_later_than=["request.dated", "fact:limit"],
                not_earlier_than="request.received_on",
                received=True,
                valid=True,
                id="G01",
                label={"en": "Report", "id": "Laporan", "ja": "報告書"},
                basis="Art 1",
                provenance="law",
                fix_by=["head", "budget"],
            )
            & ceiling
            & document("advice", soft=True),
            label="Exploration",
            contributors=["budget"],
            may={"hold": ["budget", "council"], "advance": "council"},
        ),
        Stage(
            "council",
            owner=["council", "head"],
            when=fact("large", equals=True) | ~fact("small"),
            gate=approval("council", of=["report"], count=2, quorum="2/3", not_by="proposer", not_listed="conflicts")
            & at_least(
                1, parties(2, named="x", of_kind=["city"]), actor(roles="council"), actor(not_listed="conflicts")
            )
            & when(fact("abroad"), approval("ministry", fix_by="head"))
            & fact("cost", at_least=1, at_most="10.5", above=0, below=value_of("limit"), one_of=[1, "2", True])
            & fact("sectors", each="state", where={"open": True}, unless="dropped", equals="ready"),
            back_to=["exploration", "council"],
            reapproval="on_change",
            basis="PP 28/2018 Art 30",
            provenance="law-secondary",
        ),
        Stage("work", owner="head", gate=unguarded("the head decides", basis="custom"), back_to="council"),
        Stage("done", owner="head"),
    ),
    outcomes=[
        Outcome(
            "ended",
            label={"en": "Ended", "ja": "終了"},
            stages="done",
            by="council",
            gate=document("final"),
            basis="Art 9",
        ),
        Outcome("dropped", provenance="practice"),
    ],
    roles={"head": {"en": "Head", "id": "Kepala"}, "council": "Council", "budget": "Budget", "ministry": "Ministry"},
    label={"en": "City cooperation", "ja": "都市協力"},
    basis="PP 28/2018",
    provenance="law",
    note={"en": "Six stages."},
    parameters={"days": {"value": 45, "note": "Art 30"}, "quorum": {"value": None}},
    zone="Asia/Jakarta",
)


def toml(value: Any) -> str:
    """Write a value as TOML does inside a table."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items() if v is not None) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def through_toml(process: Process, folder: Path) -> Process:
    """Write a process as TOML, with a decimal and a date where it has their text, and read it again."""
    file = folder / "process.toml"
    written = "\n".join(f"{k} = {toml(v)}" for k, v in process.to_data().items())
    file.write_text(written.replace('"0.5"', "0.5").replace('"10.5"', "10.5"), encoding="utf-8")
    return load_process(file, requirements=[ceiling])


def through_json(process: Process, folder: Path) -> Process:
    """Write a process as JSON and read it again."""
    file = folder / "process.json"
    file.write_text(json.dumps(process.to_data()).replace('"0.5"', "0.5"), encoding="utf-8")
    return load_process(str(file), requirements=[ceiling])


@pytest.mark.parametrize(
    "door",
    [
        through_toml,
        through_json,
        lambda process, _: load_process(process.to_data(), requirements=[ceiling]),
        lambda process, _: load_process(json.dumps(process.to_data()), requirements=[ceiling]),
        lambda process, _: pickle.loads(pickle.dumps(process)),
        lambda process, _: attrs.evolve(process),
    ],
)
def test_every_door_gives_the_same_digest(door: Callable[[Process, Path], Process], tmp_path: Path) -> None:
    """A process that says the same is the same, whether it comes from Python, TOML, JSON, a table or a pickle."""
    made = door(FULL, tmp_path)

    assert (FULL, FULL.digest, FULL.pin, hash(FULL)) == (made, made.digest, made.pin, hash(made))
    assert FULL.to_data() == made.to_data()
    assert [stage.gate for stage in FULL.stages] == [stage.gate for stage in made.stages]


def test_order_in_which_things_are_written_changes_nothing() -> None:
    """The digest is that of the canonical form: keys may stand in any order."""
    data = FULL.to_data()
    turned = json.loads(json.dumps(data, sort_keys=True))
    backwards = {key: turned[key] for key in reversed(turned)}

    assert FULL.digest == load_process(backwards, requirements=[ceiling]).digest


def changes() -> list[tuple[str, Any]]:
    """Return one change for everything a process can say, each as the path and the other value."""
    return [
        ("id", "other"),
        ("version", "2026.2"),
        ("label.en", "Other"),
        ("label.id", "Lain"),
        ("basis", "other"),
        ("provenance", "practice"),
        ("note.en", "Seven stages."),
        ("zone", "Asia/Tokyo"),
        ("roles.head.en", "Chief"),
        ("roles.minister", "Minister"),
        ("parameters.days.value", 46),
        ("parameters.days.note", "Art 31"),
        ("stages.0.id", "survey"),
        ("stages.0.owner", ["budget"]),
        ("stages.0.label.en", "Survey"),
        ("stages.0.contributors", ["head"]),
        ("stages.0.may.hold", ["budget"]),
        ("stages.1.when", {"fact": "large", "equals": True}),
        ("stages.1.back_to", ["exploration"]),
        ("stages.1.reapproval", "always"),
        ("stages.1.basis", "Art 31"),
        ("stages.1.provenance", "law"),
        ("stages.2.gate.unguarded", "somebody decides"),
        ("outcomes.0.id", "finished"),
        ("outcomes.0.label.ja", "完"),
        ("outcomes.0.stages", ["work"]),
        ("outcomes.0.by", ["head"]),
        ("outcomes.0.gate.document", "last"),
        ("outcomes.0.basis", "Art 10"),
        ("outcomes.1.provenance", "law"),
        *(
            (f"stages.0.gate.all.0.{argument}", value)
            for argument, value in {
                "document": "survey",
                "signed_by": ["a"],
                "languages": ["id"],
                "any_language": ["ja"],
                "fields": ["cost"],
                "equals": {"year": 2026},
                "lists": {"sectors": ["water"]},
                "refers_to": ["letter"],
                "not_later_than": ["request.dated"],
                "not_earlier_than": ["request.dated"],
                "received": False,
                "valid": False,
                "id": "G02",
                "label": {"en": "Survey"},
                "basis": "Art 2",
                "provenance": "practice",
                "fix_by": ["head"],
                "soft": True,
            }.items()
        ),
        *(
            (f"stages.1.gate.all.0.{argument}", value)
            for argument, value in {
                "approval": "ministry",
                "of": ["plan"],
                "count": 3,
                "quorum": "1/2",
                "not_by": ["ministry"],
                "not_listed": "others",
            }.items()
        ),
        ("stages.1.gate.all.1.at_least", 2),
        ("stages.1.gate.all.1.of.0.parties.at_least", 3),
        ("stages.1.gate.all.1.of.0.parties.named", ["y"]),
        ("stages.1.gate.all.1.of.0.parties.of_kind", ["state"]),
        ("stages.1.gate.all.1.of.1.actor.roles", ["head"]),
        ("stages.1.gate.all.1.of.2.actor.not_listed", "others"),
        ("stages.1.gate.all.2.when.fact", "home"),
        ("stages.1.gate.all.2.then.approval", "council"),
        *(
            (f"stages.1.gate.all.3.{argument}", value)
            for argument, value in {
                "at_least": 2,
                "at_most": 10,
                "above": -1,
                "below": 9,
                "one_of": [1, "2"],
                "equals": 1,
            }.items()
        ),
        *(
            (f"stages.1.gate.all.4.{argument}", value)
            for argument, value in {"each": "share", "where": {}, "unless": "gone", "equals": "open"}.items()
        ),
    ]


@pytest.mark.parametrize("path,value", changes(), ids=[path for path, _ in changes()])
def test_digest_changes_with_everything_a_process_says(path: str, value: Any) -> None:
    """Whatever is changed in a definition, its digest is another."""
    data = json.loads(json.dumps(FULL.to_data()))
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    place = data
    for step in steps:
        place = place[step]
    assert place.get(last) != value
    place[last] = value
    for stage in data["stages"]:
        stage["back_to"] = [{"exploration": data["stages"][0]["id"]}.get(b, b) for b in stage.get("back_to", ())]

    assert FULL.digest != load_process(data, requirements=[ceiling]).digest


def test_dates_and_decimals_of_toml_are_what_their_texts_are() -> None:
    """A date or a decimal that TOML writes as such is the same as its text in JSON."""
    written = """
        id = "p"
        version = "1"
        stages = [
            { id = "a", owner = "x", gate = { fact = "f", at_least = 2025-07-24, at_most = 2026-01-01, one_of = [1.50] } },
            { id = "b", owner = "x" },
        ]
    """
    gate = fact("f", at_least="2025-07-24", at_most="2026-01-01", one_of=[Decimal("1.50")])

    assert Process("p", "1", (Stage("a", owner="x", gate=gate), Stage("b", owner="x"))) == load_process(written)


def test_text_that_begins_with_a_brace_is_json() -> None:
    """A definition may be handed over as the text of TOML or of JSON."""
    made = load_process(
        ' {"id": "p", "version": "1", "stages": [{"id": "a", "owner": "x", "gate": {"fact": "f"}}, {"id": "b", "owner": "x"}]}'
    )

    assert "p" == made.id


def test_default_outcomes() -> None:
    """A process that says nothing of its outcomes can be completed at its end, and withdrawn or rejected anywhere."""
    process = Process("p", "1", (Stage("a", owner="x", gate=unguarded("x")), Stage("rejected", owner="x")))

    assert {"completed": ("rejected",), "withdrawn": ()} == {o.id: o.stages for o in process.outcomes}


def test_questions_about_a_process() -> None:
    """A process answers for its stages, outcomes, roles, requirements and what is still to come."""
    council = FULL.stage("council")

    assert council is FULL.stages[1]
    assert (None, None) == (FULL.stage("nowhere"), FULL.outcome("nothing"))
    assert FULL.outcome("ended") is FULL.outcomes[0]
    assert [0, 3, -1] == [FULL.place(stage) for stage in ("exploration", "done", "nowhere")]
    assert ["council", "work"] == [stage.id for stage in FULL.further("exploration")]
    assert [] == [stage.id for stage in FULL.further("work")]
    assert {"head", "council", "budget", "ministry"} == FULL.known_roles
    assert {"council": ("report",), "ministry": ()} == FULL.approving
    assert {"cost.ceiling": ceiling} == FULL.predicates()
    assert "ended" in {place for place, _ in FULL.requirements()}


def test_roles_of_a_process_that_declares_none() -> None:
    """Where no roles are declared, every role that has a part anywhere is known."""
    process = Process(
        "p",
        "1",
        (
            Stage("a", owner="o", gate=approval("v") & document("d", fix_by="f"), contributors="c", may={"hold": "m"}),
            Stage("b", owner="o"),
        ),
        outcomes=[Outcome("x", by="e", gate=approval("w"))],
    )

    assert frozenset("ovfcmew") == process.known_roles


def test_sentences_of_the_definition_list_stages_in_order() -> None:
    """A fault that says which stages there are says them in their order."""
    with pytest.raises(DefinitionError, match="there are a, b"):
        Process("p", "1", (Stage("a", owner="x", gate=unguarded("x")), Stage("b", owner="x", back_to="z")))


PARAMETRISED = """
    id = "p"
    version = "1"
    stages = [
        { id = "a", owner = "x", gate = { all = [
            { fact = "days", at_most = { parameter = "days" }, one_of = [1, { parameter = "more" }] },
            { document = "d", languages = { parameter = "tongues" }, id = "G1" },
        ] } },
        { id = "b", owner = "x" },
    ]
    [parameters]
    days = { value = 45, note = "Art 30", basis = "PP 28", provenance = "law" }
    more = { value = [2, 3] }
    tongues = { note = "left open" }
"""


def gate_of(process: Process) -> dict[str, Any]:
    """Return the gate of the first stage as a table."""
    table: dict[str, Any] = process.to_data()["stages"][0]["gate"]
    return table


def test_parameters_stand_for_their_values() -> None:
    """A parameter fills its place with its value or values; one without a value leaves its place empty."""
    process = load_process(PARAMETRISED)

    assert {"all": [{"fact": "days", "at_most": 45, "one_of": [1, 2, 3]}, {"document": "d", "id": "G1"}]} == gate_of(
        process
    )
    assert {"value": None, "note": "left open"} == dict(process.parameters["tongues"])


def test_parameters_can_be_given_other_values() -> None:
    """Who opens a definition decides its parameters, and the digest says so."""
    process = load_process(PARAMETRISED, parameters={"days": 30, "tongues": ["id", "ja"], "more": 9})

    assert {
        "all": [
            {"fact": "days", "at_most": 30, "one_of": [1, 9]},
            {"document": "d", "languages": ["id", "ja"], "id": "G1"},
        ]
    } == gate_of(process)
    assert 30 == process.parameters["days"]["value"]
    assert load_process(PARAMETRISED).digest != process.digest


@pytest.mark.parametrize(
    "source,parameters,path",
    [
        (PARAMETRISED, {"weeks": 6}, "parameters.weeks"),
        (PARAMETRISED.replace('parameter = "days"', 'parameter = "weeks"'), {}, "stages[0].gate.all[0].at_most"),
        (PARAMETRISED.replace('parameter = "days"', 'parameter = ["days"]'), {}, "stages[0].gate.all[0].at_most"),
        (PARAMETRISED.replace('parameter = "more"', "parameter = 3"), {}, "stages[0].gate.all[0].one_of[1]"),
        (PARAMETRISED, {"days": "many"}, "stages[0].gate.all[0].at_most"),
        (PARAMETRISED, {"days": 0.5}, "stages[0].gate.all[0].at_most"),
    ],
)
def test_unknown_parameters_are_refused(source: str, parameters: dict[str, Any], path: str) -> None:
    """A parameter that is not there, or whose value does not fit its place, is named where it stands."""
    with pytest.raises(DefinitionError) as refused:
        load_process(source, parameters=parameters)

    assert path in [where for where, _ in refused.value.faults]


RULES = """
    id = "p"
    version = "1"
    stages = [
        { id = "a", owner = "x", gate = { all = [
            { document = "d", id = "G1", provenance = "law" },
            { document = "e", id = "G2", provenance = "practice" },
            { requirement = "shared" },
            { any = [ { fact = "f", id = "G4" }, { fact = "g" } ] },
        ] } },
        { id = "b", owner = "x" },
    ]
    [requirements]
    shared = { fact = "h", provenance = "interpretation" }
    statute = { fact = "i", provenance = "law" }
"""


def test_requirements_can_be_left_out() -> None:
    """What is not law can be left out by its id, wherever it stands; the digest says so."""
    process = load_process(RULES, without=["G2", "shared", "G4"])

    assert {"all": [{"document": "d", "id": "G1", "provenance": "law"}, {"any": [{"fact": "g"}]}]} == gate_of(
        process
    ) or {"all": [{"document": "d", "id": "G1", "provenance": "law"}, {"fact": "g"}]} == gate_of(process)
    assert process.digest != load_process(RULES).digest


@pytest.mark.parametrize(
    "inner",
    [
        '{ when = { fact = "x" }, then = { document = "z", id = "G2" } }',
        '{ not = { document = "z", id = "G2" } }',
        '{ requirement = "shared", id = "G2" }',
    ],
)
def test_what_is_left_out_takes_along_what_it_stood_in(inner: str) -> None:
    """A condition or a contrary of what is left out is left out with it."""
    source = RULES.replace('{ document = "e", id = "G2", provenance = "practice" }', inner)

    assert "G2" not in str(gate_of(load_process(source, without=["G2"])))
    assert "G2" in str(gate_of(load_process(source)))
    assert load_process(source, without=["G2"]).stages[0].gate == load_process(RULES, without=["G2"]).stages[0].gate


@pytest.mark.parametrize(
    "source,without,because",
    [
        (RULES, ["G1"], "G1 is law and cannot be left out"),
        (RULES.replace('"shared"', '"statute"'), ["statute"], "statute is law and cannot be left out"),
        (RULES, ["G9"], "there is no requirement 'G9' to leave out"),
        (RULES.replace('id = "G4"', 'id = "G4", provenance = "law"'), ["G4"], "G4 is law"),
    ],
)
def test_law_cannot_be_left_out(source: str, without: list[str], because: str) -> None:
    """What is law, or is not there, cannot be left out."""
    with pytest.raises(DefinitionError, match=because):
        load_process(source, without=without)


def test_named_requirements_carry_their_name() -> None:
    """A requirement that a definition names and uses is known by that name, unless it has an id of its own."""
    process = load_process(RULES)

    assert "shared" in [part.id for _, part in process.requirements()]
    again = load_process(
        RULES.replace('{ requirement = "shared" }', '{ requirement = "shared", id = "G3", basis = "Art 3" }')
    )
    assert ("G3", "Art 3") == next((part.id, part.basis) for _, part in again.requirements() if part.id == "G3")


def test_predicate_of_another_version_is_refused() -> None:
    """A definition that asks for one version of a predicate is not satisfied with another."""
    table = {
        "id": "p",
        "version": "1",
        "stages": [
            {"id": "a", "owner": "x", "gate": {"requirement": "cost.ceiling", "version": "2"}},
            {"id": "b", "owner": "x"},
        ],
    }
    with pytest.raises(DefinitionError, match="version 2 of 'cost.ceiling' is asked for, but version 3 is here"):
        load_process(table, requirements=[ceiling])
    table["stages"][0]["gate"]["version"] = "3"  # type: ignore[index]  # a table of tables

    assert ceiling is load_process(table, requirements=[ceiling]).stages[0].gate


def test_predicate_can_be_given_a_title_where_it_is_used() -> None:
    """A definition may say more of a predicate than its author did."""
    table = {
        "id": "p",
        "version": "1",
        "stages": [
            {"id": "a", "owner": "x", "gate": {"requirement": "cost.ceiling", "id": "G5", "fix_by": "x", "soft": True}},
            {"id": "b", "owner": "x"},
        ],
    }
    gate = load_process(table, requirements=[ceiling]).stages[0].gate
    assert gate is not None

    assert ("G5", ("x",), "Art 5", True) == (gate.id, gate.fix_by, gate.basis, gate.soft)


HOSTILE = ["__import__('os').system('touch owned')", "{0.__class__}", "%(x)s", "${x}", "lambda: 0", "eval", "x; y"]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_definition_is_never_code(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that looks like code is a text: it is shown, compared and hashed, and nothing runs."""
    monkeypatch.chdir(tmp_path)
    gate = fact("f", equals=text, label=text, basis=text) & unguarded(text)
    table = {
        "id": "p",
        "version": "1",
        "label": text,
        "stages": [{"id": "a", "owner": "x", "gate": gate.to_data()}, {"id": "b", "owner": "x"}],
    }
    process = load_process(json.dumps(table))
    engine = Engine(MemoryStore(), processes=[process])
    who = Actor(id="x", roles={"x"})
    engine.start("p", "d", title=text, by=who)
    engine.record("d", "f", "other", by=who)

    assert text in engine.options("d", by=who)[0].unmet[0].text()
    assert [] == list(tmp_path.iterdir())


def test_library_has_no_way_to_run_text() -> None:
    """Nowhere in the library is text compiled, evaluated, executed or unpickled."""
    forbidden = {"eval", "exec", "compile", "__import__", "loads_pickle", "unpickle"}
    found = []
    for path in Path(stagegate.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in forbidden:
                found.append(f"{path.name}:{node.lineno} {node.func.id}")
            if isinstance(node, ast.Import) and {alias.name for alias in node.names} & {
                "pickle",
                "marshal",
                "shelve",
                "yaml",
            }:
                found.append(f"{path.name}:{node.lineno} import")

    assert [] == found


@pytest.mark.parametrize(
    "kind", sorted({type(part).__name__ for _, part in FULL.requirements()} - {"All", "Predicate"})
)
def test_every_requirement_is_written_as_it_is_read(kind: str) -> None:
    """The table a requirement writes is read back as the same requirement, with everything that is said about it."""
    about = {"id": "X1", "label": {"en": "L"}, "basis": "B", "provenance": "practice", "fix_by": "head"}
    part: Requirement = next(part for _, part in FULL.requirements() if type(part).__name__ == kind)
    titled = attrs.evolve(part, **{**about, "fix_by": ("head",), "label": stagegate.Label({"en": "L"})})
    table = {
        "id": "p",
        "version": "1",
        "stages": [
            {"id": "a", "owner": "head", "gate": {"all": [titled.to_data(), {"fact": "other"}]}},
            {"id": "b", "owner": "head"},
        ],
    }
    gate = load_process(table, requirements=[ceiling]).stages[0].gate

    assert all_of(titled, fact("other")) == gate


def test_numbers_of_a_definition_keep_their_digits() -> None:
    """A number with a point is kept digit by digit: 1.10 and 1.1 are not the same text, and no float is in between."""
    written = '{"id":"p","version":"1","stages":[{"id":"a","owner":"x","gate":{"fact":"f","equals":1.10}},{"id":"b","owner":"x"}]}'

    assert "1.10" == load_process(written).to_data()["stages"][0]["gate"]["equals"]
