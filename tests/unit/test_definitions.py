"""Faults of definitions: each is found by every door, with its exact path, and all are found at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from stagegate import (
    DefinitionError,
    Outcome,
    Process,
    Stage,
    all_of,
    approval,
    document,
    fact,
    load_process,
    unguarded,
    when,
)

Table = dict[str, Any]

GOOD: Table = {
    "id": "permit",
    "version": "2026.1",
    "roles": {"clerk": "Clerk", "council": {"en": "Council", "ja": "議会"}},
    "stages": [
        {"id": "draft", "owner": "clerk", "gate": {"document": "plan"}},
        {
            "id": "review",
            "owner": ["clerk", "council"],
            "gate": {"all": [{"approval": "council", "of": "plan"}, {"fact": "cost", "at_most": 10}]},
            "back_to": "draft",
            "when": {"fact": "large", "equals": True},
        },
        {"id": "vote", "owner": "council", "gate": {"unguarded": "they decide"}, "back_to": ["draft", "vote"]},
        {"id": "done", "owner": "clerk"},
    ],
    "outcomes": [{"id": "granted", "stages": "done"}, {"id": "denied", "by": "council"}],
}


def toml(value: Any) -> str:
    """Write a value as TOML does inside a table."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def as_toml(table: Table) -> str:
    """Write a definition as TOML."""
    return "\n".join(f"{json.dumps(k)} = {toml(v)}" for k, v in table.items()) + "\n"


DOORS: dict[str, Callable[[Table], Any]] = {"table": copy.deepcopy, "toml": as_toml, "json": json.dumps}


def faults(source: Any) -> list[tuple[str, str]]:
    """Return the faults of a definition."""
    with pytest.raises(DefinitionError) as refused:
        load_process(source)
    return list(refused.value.faults)


def put(path: str, value: Any) -> Callable[[Table], None]:
    """Return what sets, or with `...` deletes, the value at a path such as `stages.1.gate`."""

    def change(table: Table) -> None:
        *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
        place: Any = table
        for step in steps:
            place = place[step]
        if value is ...:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value

    return change


FAULTY: list[tuple[str, Any, list[tuple[str, str]]]] = [
    # what the process says of itself
    ("id", ..., [("id", "missing")]),
    ("id", 3, [("id", "a text is needed")]),
    ("id", "", [("id", "no id")]),
    ("id", "a b", [("id", "no id")]),
    ("version", ..., [("version", "missing")]),
    ("version", 2026, [("version", "a text is needed")]),
    ("version", "1 beta", [("version", "is no version")]),
    ("version", "", [("version", "is no version")]),
    ("label", {"ja": "x", "xx": "y"}, [("label.xx", "no known language")]),
    ("label", {"en": ""}, [("label.en", "a label is a text")]),
    ("label", 3, [("label", "a label is a text or a table")]),
    ("note", {"qq": "x"}, [("note.qq", "no known language")]),
    ("basis", 3, [("basis", "a text is needed")]),
    ("provenance", "hearsay", [("provenance", "none of law")]),
    ("zone", "Mars/Olympus", [("zone", "no time zone")]),
    ("zone", 7, [("zone", "no time zone")]),
    ("roles", ["clerk"], [("roles", "a table of labels by role")]),
    ("roles.mayor", {"qq": "x"}, [("roles.mayor.qq", "no known language")]),
    ("roles.the mayor", "Mayor", [("roles.the mayor", "no id")]),
    ("colour", "red", [("colour", "unknown key; known are basis")]),
    ("parameters", [1], [("parameters", "a table is needed")]),
    ("parameters", {"days": 3}, [("parameters.days", "a table is needed")]),
    ("parameters", {"days": {"value": 3, "unit": "d"}}, [("parameters.days.unit", "unknown key")]),
    ("requirements", [1], [("requirements", "a table is needed")]),
    ("requirements", {"R": {"document": ""}}, [("requirements.R.document", "no id")]),
    ("requirements", {"R": 3}, [("requirements.R", "a requirement is a table")]),
    # stages
    ("stages", ..., [("stages", "missing")]),
    ("stages", 3, [("stages", "a list of tables")]),
    ("stages", {"a": {}}, [("stages", "a list of tables")]),
    ("stages", [], [("stages", "0 stages make no process"), ("outcomes[0].stages[0]", "no stage 'done'")]),
    ("stages.0", 3, [("stages[0]", "a table is needed")]),
    ("stages.0.id", ..., [("stages[0].id", "missing")]),
    ("stages.0.id", 3, [("stages[0].id", "a text is needed")]),
    ("stages.0.id", "*", [("stages[0].id", "no id")]),
    ("stages.0.id", "=", [("stages[0].id", "no id")]),
    ("stages.1.id", "vote", [("stages[2].id", "'vote' is already the id of stages[1]")]),
    ("stages.0.owner", ..., [("stages[0].owner", "missing")]),
    ("stages.0.owner", [], [("stages[0].owner", "")]),
    ("stages.0.owner", 3, [("stages[0].owner", "a role or a list of roles")]),
    ("stages.0.owner", "mayor", [("stages[0].owner", "nobody may hold the role 'mayor'")]),
    ("stages.0.owner", ["clerk", "my or"], [("stages[0].owner", "no id")]),
    ("stages.1.label", {"zz": "x"}, [("stages[1].label.zz", "no known language")]),
    ("stages.1.back_to", "nowhere", [("stages[1].back_to[0]", "no stage 'nowhere'; there are draft, review")]),
    ("stages.1.back_to", ["draft", "done"], [("stages[1].back_to[1]", "'done' lies ahead")]),
    ("stages.1.back_to", {"a": 1}, [("stages[1].back_to", "needed")]),
    ("stages.1.when", {"document": 3}, [("stages[1].when.document", "no id")]),
    ("stages.1.when", {"approval": "mayor"}, [("stages[1].when.approval", "nobody may hold the role 'mayor'")]),
    ("stages.1.when", {"fact": "x", "soft": True}, [("stages[1].when", "only warns")]),
    ("stages.0.when", {"fact": "x"}, [("stages[0].when", "first stage cannot be conditional")]),
    ("stages.3.when", {"fact": "x"}, [("stages[3].when", "last stage cannot be conditional")]),
    (
        "stages.1.when",
        {"all": [{"fact": "x"}, {"not": {"fact": "x"}}]},
        [("stages[1]", "unreachable: its condition can never hold, because it asks for fact:x and for its contrary")],
    ),
    ("stages.1.may", ["hold"], [("stages[1].may", "a table of roles by move")]),
    ("stages.1.may", {"approve": "clerk"}, [("stages[1].may.approve", "cannot be granted")]),
    ("stages.1.may", {"jump": "clerk"}, [("stages[1].may.jump", "cannot be granted; advance, send_back")]),
    ("stages.1.may", {"hold": 3}, [("stages[1].may.hold", "a role or a list of roles")]),
    ("stages.1.may", {"hold": "mayor"}, [("stages[1].may.hold", "nobody may hold the role")]),
    ("stages.1.contributors", "mayor", [("stages[1].contributors", "nobody may hold the role")]),
    ("stages.1.reapproval", "sometimes", [("stages[1].reapproval", "'always' or 'on_change' is needed")]),
    ("stages.1.basis", 3, [("stages[1].basis", "a text is needed")]),
    ("stages.1.provenance", "rumour", [("stages[1].provenance", "none of law")]),
    ("stages.1.color", "red", [("stages[1].color", "unknown key; known are amend, back_to")]),
    # gates
    ("stages.0.gate", ..., [("stages[0].gate", "missing: a stage that can be left needs a gate")]),
    ("stages.3.gate", {"fact": "x"}, [("stages[3].gate", "nothing follows the last stage")]),
    ("stages.0.gate", 3, [("stages[0].gate", "a requirement is a table")]),
    ("stages.0.gate", "plan", [("stages[0].gate", "a requirement is a table")]),
    ("stages.0.gate", {}, [("stages[0].gate", "begins with one of")]),
    ("stages.0.gate", {"docment": "x"}, [("stages[0].gate", "begins with one of")]),
    ("stages.0.gate", {"document": "x", "fact": "y"}, [("stages[0].gate.document", "document and fact")]),
    ("stages.0.gate", {"document": "x", "signed": 2}, [("stages[0].gate.signed", "unknown")]),
    ("stages.0.gate", {"document": 3}, [("stages[0].gate.document", "no id")]),
    (
        "stages.0.gate",
        {"requirement": "nothing"},
        [("stages[0].gate.requirement", "no requirement 'nothing'; known are none: hand over what")],
    ),
    ("stages.0.gate", {"requirement": ["x"]}, [("stages[0].gate.requirement", "no requirement ['x']")]),
    ("stages.0.gate", {"requirement": {"a": 1}}, [("stages[0].gate.requirement", "no requirement")]),
    ("stages.0.gate", {"all": []}, [("stages[0].gate.all", "asks for nothing")]),
    ("stages.0.gate", {"all": {"document": "x"}}, [("stages[0].gate.all", "a list of requirements")]),
    ("stages.0.gate", {"any": [{"document": "x"}, 3]}, [("stages[0].gate.any[1]", "a requirement is a table")]),
    ("stages.0.gate", {"all": [{"document": "x"}], "extra": 1}, [("stages[0].gate.extra", "unknown key beside all")]),
    (
        "stages.0.gate",
        {"at_least": 3, "of": [{"fact": "x"}]},
        [("stages[0].gate.at_least", "can never hold; use 1 to 1")],
    ),
    ("stages.0.gate", {"at_least": "1", "of": [{"fact": "x"}]}, [("stages[0].gate.at_least", "can never hold")]),
    ("stages.0.gate", {"at_least": 1, "of": 3}, [("stages[0].gate.of", "a list of requirements")]),
    ("stages.0.gate", {"at_least": 1}, [("stages[0].gate.of", "missing")]),
    ("stages.0.gate", {"not": {"documents": "x"}}, [("stages[0].gate.not", "begins with one of")]),
    ("stages.0.gate", {"when": {"fact": "x"}}, [("stages[0].gate.then", "missing")]),
    ("stages.0.gate", {"when": {"fact": ""}, "then": {"fact": "y"}}, [("stages[0].gate.when.fact", "no id")]),
    ("stages.0.gate", {"when": {"fact": "x"}, "then": {"fact": "y z"}}, [("stages[0].gate.then.fact", "no id")]),
    ("stages.0.gate", {"unguarded": ""}, [("stages[0].gate.unguarded", "say why")]),
    ("stages.0.gate", {"parties": "two"}, [("stages[0].gate.parties", "a whole number")]),
    ("stages.0.gate", {"parties": {"at_least": 0}}, [("stages[0].gate.parties.at_least", "a whole number")]),
    ("stages.0.gate", {"parties": {"kind": "x"}}, [("stages[0].gate.parties.kind", "unknown")]),
    ("stages.0.gate", {"actor": "x"}, [("stages[0].gate.actor", "a table is needed")]),
    ("stages.0.gate", {"actor": {}}, [("stages[0].gate.actor", "asks for nothing")]),
    ("stages.0.gate", {"actor": {"role": "x"}}, [("stages[0].gate.actor.role", "unknown")]),
    ("stages.0.gate", {"document": "x", "label": {"zz": "x"}}, [("stages[0].gate.label.zz", "no known language")]),
    ("stages.0.gate", {"document": "x", "id": ["x"]}, [("stages[0].gate.id", "no id")]),
    ("stages.0.gate", {"all": [{"document": "x", "id": ["x"]}]}, [("stages[0].gate.all[0].id", "no id")]),
    ("stages.0.gate", {"document": "x", "fix_by": "mayor"}, [("stages[0].gate.fix_by", "nobody may hold the role")]),
    (
        "stages.0.gate",
        {"document": "x", "not_later_than": "x.dated"},
        [("stages[0].gate.document", "compared with itself")],
    ),
    ("stages.0.gate", {"document": "x", "refers_to": "x"}, [("stages[0].gate.document", "compared with itself")]),
    (
        "stages.1.gate.all.1",
        {"approval": "mayor"},
        [("stages[1].gate.all[1].approval", "nobody may hold the role 'mayor'; the process declares clerk, council")],
    ),
    (
        "stages.1.gate.all.1",
        {"any": [{"not": {"approval": "mayor"}}, {"at_least": 1, "of": [{"fact": "x"}, {"approval": "king"}]}]},
        [
            ("stages[1].gate.all[1].any[0].not.approval", "'mayor'"),
            ("stages[1].gate.all[1].any[1].of[1].approval", "'king'"),
        ],
    ),
    (
        "stages.1.gate.all.1",
        {"when": {"approval": "king"}, "then": {"approval": "mayor"}},
        [("stages[1].gate.all[1].when.approval", "'king'"), ("stages[1].gate.all[1].then.approval", "'mayor'")],
    ),
    ("stages.1.gate.all.0.quorum", "3/2", [("stages[1].gate.all[0].quorum", "can never be present")]),
    ("stages.1.gate.all.0.count", 0, [("stages[1].gate.all[0].count", "a whole number from 1")]),
    (
        "stages.1.gate.all.2",
        {"any": [{"fact": "x"}, {"fact": "y", "soft": True}]},
        [("stages[1].gate.all[2].any[1]", "must stand in the gate itself")],
    ),
    (
        "stages.1.gate",
        {"all": [{"fact": "x", "id": "G1"}, {"document": "y", "id": "G1"}]},
        [("stages[1].gate", "'G1' is the id of 2 requirements")],
    ),
    # gates that can never open
    (
        "stages.1.gate",
        {"all": [{"fact": "x"}, {"not": {"fact": "x"}}]},
        [
            ("stages[1].gate", "can never open, because it asks for fact:x and for its contrary"),
            ("stages[2]", "unreachable: the gate of 'review' before it can never open"),
        ],
    ),
    (
        "stages.0.gate",
        {"all": [{"fact": "x", "equals": 1}, {"fact": "x", "equals": 2}]},
        [("stages[0].gate", "the fact x cannot be 1 and 2"), ("stages[1]", "unreachable")],
    ),
    (
        "stages.0.gate",
        {"all": [{"fact": "x", "equals": 1}, {"fact": "x", "one_of": [2, True]}]},
        [("stages[0].gate", "the fact x cannot be 1 and one of 2, True"), ("stages[1]", "unreachable")],
    ),
    (
        "stages.0.gate",
        {"all": [{"not": {"fact": "x"}}, {"any": [{"fact": "x"}, {"all": [{"fact": "x"}, {"fact": "y"}]}]}]},
        [("stages[0].gate", "for fact:x and for its contrary"), ("stages[1]", "unreachable")],
    ),
    (
        "stages.0.gate",
        {"all": [{"not": {"fact": "x"}}, {"at_least": 2, "of": [{"fact": "x"}, {"fact": "y"}]}]},
        [("stages[0].gate", "for fact:x and for its contrary"), ("stages[1]", "unreachable")],
    ),
    (
        "stages.0.gate",
        {"all": [{"fact": "x"}, {"fact": "y"}, {"not": {"all": [{"fact": "x"}, {"fact": "y"}]}}]},
        [("stages[0].gate", "can never open"), ("stages[1]", "unreachable")],
    ),
    (
        "stages.0.gate",
        {"not": {"unguarded": "x"}},
        [("stages[0].gate", "can never open"), ("stages[1]", "unreachable")],
    ),
    *(
        (
            "stages.0.gate",
            {"fact": "x", **asks},
            [("stages[0].gate", "the fact x cannot be"), ("stages[1]", "unreachable")],
        )
        for asks in (
            {"at_least": 5, "at_most": 4},
            {"at_least": "2025-07-24", "below": "2025-07-23"},
            {"above": 5, "below": 5},
            {"above": 5, "at_most": 5},
            {"at_least": 5, "below": 5},
        )
    ),
    # outcomes
    ("outcomes", 3, [("outcomes", "a list of tables")]),
    ("outcomes.0", 3, [("outcomes[0]", "a table is needed")]),
    ("outcomes.0.id", ..., [("outcomes[0].id", "missing")]),
    ("outcomes.1.id", "granted", [("outcomes[1].id", "'granted' is already the id of outcomes[0]")]),
    ("outcomes.1.id", "draft", [("outcomes[1].id", "'draft' is already the id of stages[0]")]),
    ("outcomes.0.stages", ["done", "gone"], [("outcomes[0].stages[1]", "no stage 'gone'")]),
    ("outcomes.1.by", "mayor", [("outcomes[1].by", "nobody may hold the role")]),
    ("outcomes.1.gate", {"approval": "mayor"}, [("outcomes[1].gate.approval", "nobody may hold the role")]),
    ("outcomes.1.gate", {"document": ""}, [("outcomes[1].gate.document", "no id")]),
    ("outcomes.1.gate", {"all": [{"fact": "x"}, {"not": {"fact": "x"}}]}, [("outcomes[1].gate", "can never open")]),
    ("outcomes.1.label", {"zz": ""}, [("outcomes[1].label.zz", "no known language")]),
    ("outcomes.1.colour", 1, [("outcomes[1].colour", "unknown key; known are basis, by")]),
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("path,value,expected", FAULTY, ids=[f"{i}-{path}" for i, (path, _, _) in enumerate(FAULTY)])
def test_each_fault_is_found_by_every_door(door: str, path: str, value: Any, expected: list[tuple[str, str]]) -> None:
    """A table, TOML and JSON with one fault give that fault alone, at its exact path."""
    table = copy.deepcopy(GOOD)
    put(path, value)(table)
    found = faults(DOORS[door](table))

    assert [where for where, _ in expected] == [where for where, _ in found], found
    for (_, fragment), (_, sentence) in zip(expected, found, strict=True):
        assert fragment in sentence


@pytest.mark.parametrize("door", DOORS)
def test_all_faults_are_found_at_once(door: str) -> None:
    """Many faults in one definition are all named in one error, each at its path."""
    table = copy.deepcopy(GOOD)
    for path, value in {
        "version": "?",
        "label": {"zz": "x"},
        "roles.clerk": 3,
        "colour": "red",
        "zone": "Mars",
        "stages.0.gate": {"document": "", "signed_by": 0, "colour": 1},
        "stages.1.owner": "mayor",
        "stages.1.back_to": ["done", "nowhere"],
        "stages.1.gate.all.0.quorum": 2,
        "stages.1.gate.all.1": {"fact": "x", "at_most": "many"},
        "stages.2.reapproval": "never",
        "stages.2.gate": {"requirement": "nothing"},
        "stages.3.gate": {"fact": "x"},
        "outcomes.0.stages": "gone",
        "outcomes.1.label": 3,
    }.items():
        put(path, value)(table)

    assert sorted(
        [
            "colour",
            "label.zz",
            "outcomes[0].stages[0]",
            "outcomes[1].label",
            "roles.clerk",
            "stages[0].gate.colour",
            "stages[0].gate.document",
            "stages[0].gate.signed_by",
            "stages[1].back_to[0]",
            "stages[1].back_to[1]",
            "stages[1].gate.all[0].quorum",
            "stages[1].gate.all[1].at_most",
            "stages[1].owner",
            "stages[2].gate.requirement",
            "stages[2].reapproval",
            "stages[3].gate",
            "version",
            "zone",
        ]
    ) == sorted(path for path, _ in faults(DOORS[door](table)))


@pytest.mark.parametrize("door", DOORS)
def test_good_definition_is_read_by_every_door(door: str) -> None:
    """The definition that the faults above are put into has none."""
    assert load_process(DOORS[door](copy.deepcopy(GOOD))).stages[1].id == "review"


def test_faults_name_the_file(tmp_path: Path) -> None:
    """A fault of a file is told with the name of the file."""
    table = copy.deepcopy(GOOD)
    put("stages.0.owner", "mayor")(table)
    file = tmp_path / "permit.json"
    file.write_text(json.dumps(table))
    with pytest.raises(DefinitionError) as refused:
        load_process(file)

    assert str(file) == refused.value.source
    assert str(refused.value).startswith(f"{file}: stages[0].owner: nobody may hold")


@pytest.mark.parametrize(
    "name,content,because",
    [
        ("p.toml", b"id = ", "it is not TOML"),
        ("p.toml", b"id = 'a'\nid = 'b'", "it is not TOML"),
        ("p.json", b"{", "it is not JSON"),
        ("p.json", b'{"id": "a", "id": "b"}', "'id' stands twice"),
        ("p.json", b"[1]", "a definition is a table"),
        ("p.json", b"[" * 100_000, "nested too deep"),
        ("p.toml", b"a = " + b"[" * 100_000, "nested too deep"),
        ("p.toml", b"\xff\xfe", "not UTF-8"),
        ("p.toml", b"#" * (4 * 1024 * 1024 + 1), "too many"),
        ("p.toml", None, "cannot be read"),
        (".", None, "cannot be read"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes | None, because: str) -> None:
    """A file that is missing, too large, no text, or not in its language is refused with its name and the reason."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DefinitionError, match=because) as refused:
        load_process(tmp_path / name)

    assert str(tmp_path / name) == refused.value.source


@pytest.mark.parametrize("source", [3, None, b"id = 'x'", ["a"]])
def test_what_is_no_source_is_refused(source: Any) -> None:
    """Something that is neither a path, nor a text, nor a table is refused as a definition."""
    with pytest.raises(DefinitionError):
        load_process(source)


@pytest.mark.parametrize(
    "arguments,path",
    [
        ({"requirements": 3}, "requirements"),
        ({"requirements": [3]}, "requirements"),
        ({"requirements": [fact("f")]}, "requirements"),
        ({"parameters": [1]}, "parameters"),
        ({"parameters": "days"}, "parameters"),
        ({"without": "G1"}, "without"),
        ({"without": 3}, "without"),
    ],
)
def test_arguments_beside_the_source_are_checked(arguments: dict[str, Any], path: str) -> None:
    """Predicates, parameters and what is to be left out are handed over in the shape that is said."""
    with pytest.raises(DefinitionError) as refused:
        load_process(copy.deepcopy(GOOD), **arguments)

    assert path in [where for where, _ in refused.value.faults]


def deep(levels: int) -> Any:
    """Return a requirement that holds one that holds one, so many levels deep."""
    gate: Any = fact("f")
    for _ in range(levels):
        gate = when(fact("g"), gate)
    return gate


def test_definition_that_is_too_deep_is_refused() -> None:
    """A gate inside a gate inside a gate has an end, in Python and in tables alike."""
    table = copy.deepcopy(GOOD)
    gate: Any = {"fact": "f"}
    for _ in range(3000):
        gate = {"not": gate}
    table["stages"][0]["gate"] = gate
    for make in (
        lambda: Process("p", "1", [Stage("a", owner="x", gate=deep(3000)), C]),
        lambda: load_process(table),
        lambda: load_process('{"id": "p", "x": ' + "[" * 3000 + "]" * 3000 + "}"),
        lambda: load_process("x" + ".x" * 3000 + " = 1"),
    ):
        with pytest.raises(DefinitionError, match="deep"):
            make()


def test_very_many_faults_are_cut_short_when_they_are_told() -> None:
    """An error with thousands of faults holds them all, and says the first hundred and how many more there are."""
    table = copy.deepcopy(GOOD)
    table["stages"] += [{"id": f"x{i}", "owner": "nobody"} for i in range(1000)]
    with pytest.raises(DefinitionError) as refused:
        load_process(table)

    assert 2000 <= len(refused.value.faults)
    assert 101 == len(str(refused.value).splitlines())
    assert "faults more" in str(refused.value)


@pytest.mark.parametrize(
    "value",
    [10**5000, "x" * 1_000_000, ["x" * 1000] * 1000, type("Odd", (), {"__repr__": lambda self: 1 / 0})()],
    ids=type,
)
def test_sentences_about_huge_values_are_short(value: Any) -> None:
    """A value that cannot be used is quoted in short, whatever it is."""
    with pytest.raises(DefinitionError) as refused:
        Stage("a", owner="x", gate=value, label=value if not isinstance(value, str) else 3)

    assert 1000 > len(str(refused.value))


@pytest.mark.parametrize(
    "asks",
    [
        {"at_least": 5, "at_most": 5},
        {"above": 5, "below": 6},
        {"each": "y", "where": {"z": True}, "at_least": 5, "at_most": 4},
    ],
)
def test_ranges_that_something_can_be_in_are_left_alone(asks: dict[str, Any]) -> None:
    """A range of one value is no fault, nor is one that is asked only of entries there may be none of."""
    assert Process("p", "1", [Stage("a", owner="x", gate=fact("f", **asks)), C]).digest


def test_labels_have_an_end() -> None:
    """A label is a name, not a book."""
    with pytest.raises(DefinitionError, match="label.en: a label of 2,001 characters is too long; 2,000 are the most"):
        Stage("a", owner="x", label="x" * 2001)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_labels_hold_characters_only(text: str) -> None:
    """A label with NUL or half a character is refused in its language."""
    with pytest.raises(DefinitionError, match="label.ja: a label cannot hold NUL or lone surrogates"):
        Stage("a", owner="x", label={"en": "A", "ja": text})


@pytest.mark.parametrize(
    "make,paths",
    [
        (lambda: Stage("", owner="x"), ["id"]),
        (lambda: Stage("*", owner="x"), ["id"]),
        (lambda: Stage("a", owner=3), ["owner"]),
        (lambda: Stage("a", owner=[]), ["owner"]),
        (lambda: Stage("a", owner="x", gate=lambda attempt: True), ["gate"]),
        (lambda: Stage("a", owner="x", when="fact"), ["when"]),
        (lambda: Stage("a", owner="x", back_to=3), ["back_to"]),
        (lambda: Stage("a", owner="x", may={"jump": "x", "fly": "x"}), ["may.jump", "may.fly"]),
        (lambda: Stage("a", owner="x", may={"hold": 3}), ["may.hold"]),
        (lambda: Stage("a", owner="x", reapproval="no"), ["reapproval"]),
        (lambda: Stage("a", owner="x", label={"zz": "x", "en": " "}), ["label.zz", "label.en"]),
        (lambda: Stage("a", owner="x", label=3), ["label"]),
        (lambda: Stage("", owner=3, gate=3, label=3, back_to=3), ["id", "owner", "gate", "label", "back_to"]),
        (lambda: Outcome("", stages=3, by={"a": 1}, gate=3), ["id", "stages", "by", "gate"]),
    ],
)
def test_pieces_refuse_by_name_of_the_argument(make: Callable[[], Any], paths: list[str]) -> None:
    """A stage or an outcome that is made in Python names every wrong argument."""
    with pytest.raises(DefinitionError) as refused:
        make()

    assert paths == [path for path, _ in refused.value.faults]


A, B, C = Stage("a", owner="x", gate=document("d")), Stage("b", owner="y", gate=unguarded("x")), Stage("c", owner="x")


@pytest.mark.parametrize(
    "make,paths",
    [
        (lambda: Process("", "1", [A, C]), ["id"]),
        (lambda: Process("p", "", [A, C]), ["version"]),
        (lambda: Process("p", 1, [A, C]), ["version"]),
        (lambda: Process("p", "1", []), ["stages"]),
        (lambda: Process("p", "1", [C]), ["stages"]),
        (lambda: Process("p", "1", 3), ["stages"]),
        (lambda: Process("p", "1", "ab"), ["stages"]),
        (lambda: Process("p", "1", {"a": A}), ["stages"]),
        (lambda: Process("p", "1", [A, "b", 3, C]), ["stages[1]", "stages[2]"]),
        (lambda: Process("p", "1", [A, A, C]), ["stages[1].id"]),
        (lambda: Process("p", "1", [A, C, B]), ["stages[1].gate", "stages[2].gate"]),
        (
            lambda: Process("p", "1", [A, Stage("b", owner="x", gate=unguarded("x"), back_to="c"), C]),
            ["stages[1].back_to[0]"],
        ),
        (
            lambda: Process("p", "1", [A, C], outcomes=[Outcome("a"), Outcome("o", stages=["z"])]),
            ["outcomes[0].id", "outcomes[1].stages[0]"],
        ),
        (lambda: Process("p", "1", [A, C], outcomes=[3]), ["outcomes[0]"]),
        (lambda: Process("p", "1", [A, C], outcomes=3), ["outcomes"]),
        (lambda: Process("p", "1", [A, C], roles={"y": "Y"}), ["stages[0].owner", "stages[1].owner"]),
        (lambda: Process("p", "1", [A, C], roles=["x"]), ["roles"]),
        (lambda: Process("p", "1", [A, C], roles={"x": {"zz": "X"}, "é": "E"}), ["roles.x.zz", "roles.é"]),
        (lambda: Process("p", "1", [A, C], parameters=[1]), ["parameters"]),
        (lambda: Process("p", "1", [A, C], parameters={"a": 0.5}), ["parameters"]),
        (lambda: Process("p", "1", [A, C], zone="Mars"), ["zone"]),
        (lambda: Process("p", "1", [A, C], label=3, note={"zz": "x"}, basis=3), ["label", "basis", "note.zz"]),
        (
            lambda: Process("p", "1", [Stage("a", owner="x", gate=fact("f") & approval("q")), C], roles={"x": "X"}),
            ["stages[0].gate.all[1].approval"],
        ),
        (
            lambda: Process("p", "?", [A, Stage("b", owner="x", gate=fact("f") & ~fact("f")), C], label=3),
            ["label", "version", "stages[1].gate", "stages[2]"],
        ),
    ],
)
def test_process_made_in_python_names_every_fault(make: Callable[[], Any], paths: list[str]) -> None:
    """A process that is made in Python is checked like one that is read, and names every fault at its path."""
    with pytest.raises(DefinitionError) as refused:
        make()

    assert paths == [path for path, _ in refused.value.faults]


class TestDuties:
    """Duties whose time is left open, or that are to be left out."""

    TABLE: ClassVar[Table] = {
        **GOOD,
        "parameters": {"often": {}, "zone": {"value": "Asia/Jakarta"}},
        "zone": {"parameter": "zone"},
        "stages": [
            *GOOD["stages"][:3],
            {
                "id": "done",
                "owner": "clerk",
                "duties": [
                    {"id": "report", "every": {"parameter": "often"}},
                    {"id": "minutes", "within": {"parameter": "often"}, "after": "meeting.dated"},
                    {"id": "review", "every": "1 year", "provenance": "interpretation"},
                    {"id": "deposit", "within": "1 month", "provenance": "law"},
                ],
            },
        ],
    }

    @staticmethod
    def owed(**about: Any) -> list[str]:
        """Return the ids of the duties of the last stage."""
        return [duty.id for duty in load_process(TestDuties.TABLE, **about).stages[-1].duties]

    def test_without_a_time_it_is_not_owed(self) -> None:
        """A duty whose time is a parameter without a value is not there; with a value it is."""
        assert ["review", "deposit"] == self.owed()
        assert ["report", "minutes", "review", "deposit"] == self.owed(parameters={"often": "6 months"})

    def test_left_out(self) -> None:
        """A duty is left out by its id."""
        assert ["deposit"] == self.owed(without=["review"])

    def test_law_stays(self) -> None:
        """A duty that is law is not left out."""
        with pytest.raises(DefinitionError, match="deposit is law and cannot be left out"):
            self.owed(without=["deposit"])

    def test_parameter_that_is_not_there(self) -> None:
        """A time that is an unknown parameter is one fault, with its path."""
        stages = [*GOOD["stages"][:3], {"id": "done", "owner": "clerk", "duties": [{"every": {"parameter": "x"}}]}]
        path, sentence = faults({**GOOD, "stages": stages})[0]

        assert "stages[3].duties[0].every" == path
        assert sentence.startswith("there is no parameter")

    @pytest.mark.parametrize("duty", ["report", 3, ["every"]])
    def test_what_is_no_duty(self, duty: Any) -> None:
        """What is no table is no duty, and its path is told."""
        stages = [*GOOD["stages"][:3], {"id": "done", "owner": "clerk", "duties": [duty]}]

        assert ["stages[3].duties[0]"] == [path for path, _ in faults({**GOOD, "stages": stages})]

    def test_parameter_of_the_process(self) -> None:
        """A parameter stands for a value of the process itself as well."""
        assert "Asia/Jakarta" == load_process(self.TABLE).zone


LAW_INSIDE: dict[str, Table] = {
    "group": {"all": [{"document": "map"}, {"document": "deed", "provenance": "law"}], "id": "X"},
    "condition": {"when": {"fact": "large"}, "then": {"document": "deed", "provenance": "law"}, "id": "X"},
    "conditional": {"when": {"fact": "large"}, "then": {"document": "deed", "id": "X"}, "provenance": "law"},
    "contrary": {"not": {"document": "deed", "id": "X"}, "provenance": "law"},
    "alternatives": {"any": [{"at_least": 1, "of": [{"requirement": "deed"}]}, {"document": "map"}], "id": "X"},
    "named": {"requirement": "deed", "id": "X"},
    "named group": {"requirement": "papers", "id": "X", "provenance": "practice"},
}


@pytest.mark.parametrize("asked", LAW_INSIDE.values(), ids=LAW_INSIDE)
def test_what_is_law_is_not_left_out_with_what_it_is_in(asked: Table) -> None:
    """What holds something that is law, or stands in it alone, is not left out, wherever the law is said."""
    table = {
        **GOOD,
        "requirements": {
            "deed": {"document": "deed", "provenance": "law"},
            "papers": {"all": [{"requirement": "deed"}, {"document": "map"}]},
        },
        "stages": [
            {**GOOD["stages"][0], "gate": {"all": [{"document": "plan"}, asked]}},
            *GOOD["stages"][1:],
        ],
    }
    with pytest.raises(DefinitionError) as refused:
        load_process(table, without=["X"])

    assert [("", "X is law and cannot be left out")] == list(refused.value.faults)


def test_what_is_read_otherwise_at_a_place_can_be_left_out_there() -> None:
    """A definition that names something which is law, and says of its place that it is practice, means that."""
    asked = {"requirement": "deed", "id": "X", "provenance": "practice"}
    table = {
        **GOOD,
        "requirements": {"deed": {"document": "deed", "provenance": "law"}},
        "stages": [
            {**GOOD["stages"][0], "gate": {"all": [{"document": "plan"}, asked]}},
            *GOOD["stages"][1:],
        ],
    }

    assert load_process(table, without=["X"]).stages[0].gate == all_of(document("plan"))


def test_the_same_does_not_count_twice() -> None:
    """Of several requirements of which so many must hold, none is the same as another, whatever it is called."""
    one, twice, thrice = (
        {"document": "plan"},
        {"document": "plan", "id": "again"},
        {"document": "plan", "label": "Plan"},
    )
    stages = [{**GOOD["stages"][0], "gate": {"at_least": 2, "of": [one, {"fact": "cost"}, twice, thrice]}}]

    said = "the same as of[0], and would count twice; for several persons of one role say count"
    assert [("stages[0].gate.of[2]", said), ("stages[0].gate.of[3]", said)] == faults(
        {**GOOD, "stages": [*stages, *GOOD["stages"][1:]]}
    )
