from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

import stagegate
from stagegate import Calendar, Duty, Outcome, Period, Process, Renewal, Requirement, Stage, load_process

Section = Callable[[str, str], str]

PAGE = "docs/reference/definition.md"
COMMON = set(Requirement.COMMON)
ASKED = {
    "document": stagegate.document("x"),
    "approval": stagegate.approval("x"),
    "fact": stagegate.fact("x"),
    "parties": stagegate.parties(),
    "actor": stagegate.actor(roles="x"),
    "notice": stagegate.notice("x", before="y", days=1),
    "parts": stagegate.parts(all="x"),
    "parent": stagegate.parent(reached="x"),
    "track": stagegate.track("x", reached="y"),
}
# The first argument stands under the word itself.
FIRST = {"document": "kind", "approval": "role"}
FORMS = ["Common keys", *ASKED, "all, any, at_least, not", "when, then", "requirement", "unguarded"]


def fields(kind: type[Any]) -> set[str]:
    """Return the names of the fields of a value."""
    return {field.name for field in attrs.fields(kind)}


def keys(text: str) -> set[str]:
    """Return the keys that the tables of a section explain."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of a section in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def process_with(gate: Mapping[str, Any], **more: Any) -> Process:
    """Return a process with this gate."""
    stages = [{"id": "a", "owner": "clerk", "gate": gate}, {"id": "b", "owner": "clerk"}]
    return load_process({"id": "x", "version": "1", "stages": stages}, **more)


@pytest.mark.parametrize(
    "heading, known",
    [
        ("Process", fields(Process) | {"requirements"}),
        ("Stage", fields(Stage)),
        ("Outcome", fields(Outcome)),
        ("Renewal", fields(Renewal)),
        ("Duty", fields(Duty)),
        ("Periods", fields(Period) - {"n", "unit"} | {"workdays", "calendar_days", "months", "years"}),
        ("Calendars", fields(Calendar)),
        ("Common keys", COMMON),
        ("Parameters", {"value", "note", "basis", "provenance"}),
    ],
)
def test_every_key_is_explained(heading: str, known: set[str], section: Section) -> None:
    """The tables explain every key that a definition may have, and no other."""
    assert known == keys(section(PAGE, heading))


@pytest.mark.parametrize("word", ASKED)
def test_every_argument_is_explained(word: str, section: Section) -> None:
    """The table of a requirement explains every argument that it takes, and no other."""
    known = fields(type(ASKED[word])) - COMMON - {FIRST.get(word)}

    assert known | {word} == keys(section(PAGE, word))


def test_known_keys_are_those_that_are_read() -> None:
    """Any key but those that the page is compared with is refused, and told which are known."""
    with pytest.raises(stagegate.DefinitionError) as refused:
        load_process(
            {
                "id": "x",
                "version": "1",
                "stages": [{"id": "a", "owner": "c", "gate": {"unguarded": "x"}, "bad": 1}, {"id": "b", "owner": "c"}],
                "outcomes": [{"id": "o", "bad": 1}],
                "bad": 1,
            }
        )
    known = {path: set(said.removeprefix("unknown key; known are ").split(", ")) for path, said in refused.value.faults}

    assert known["bad"] == fields(Process) | {"requirements"}
    assert known["stages[0].bad"] == fields(Stage)
    assert known["outcomes[0].bad"] == fields(Outcome)


@pytest.mark.parametrize("heading", FORMS)
def test_two_forms_of_one_requirement(heading: str, section: Section) -> None:
    """The example in TOML loads, and says the same as the one in Python."""
    text = section(PAGE, heading)
    (toml,), (python,) = blocks(text, "toml"), blocks(text, "python")
    namespace: dict[str, Any] = {}
    exec(python, namespace)  # noqa: S102  the blocks of our own page
    gate = namespace["gate"]
    predicates = [gate] if heading == "requirement" else []

    assert process_with(tomllib.loads(toml)["gate"], requirements=predicates).stages[0].gate == gate


def test_two_forms_of_one_calendar(section: Section) -> None:
    """The example of a calendar uses every key, says the same in TOML and in Python, and a process takes it as it is."""
    text = section(PAGE, "Calendars")
    (toml,), (python,) = blocks(text, "toml"), blocks(text, "python")
    namespace: dict[str, Any] = {}
    exec(python, namespace)  # noqa: S102  the blocks of our own page
    table, calendar = tomllib.loads(toml)["calendar"], namespace["calendar"]
    stages = [{"id": "a", "owner": "clerk", "gate": {"unguarded": "x"}}, {"id": "b", "owner": "clerk"}]
    process = load_process({"id": "x", "version": "1", "stages": stages, "calendar": table})

    assert fields(Calendar) == set(table)
    assert calendar == stagegate.load_calendar(table) == process.calendar


@pytest.mark.parametrize("word", ASKED)
def test_example_uses_every_argument(word: str, section: Section) -> None:
    """The example of a requirement shows every argument it takes, so each is loaded at least once."""
    (toml,) = blocks(section(PAGE, word), "toml")
    used = set(re.findall(r"\b(\w+) =", toml))

    assert fields(type(ASKED[word])) - COMMON - {FIRST.get(word)} <= used
