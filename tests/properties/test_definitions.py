"""Definitions: whatever is written, it is a process or all its faults; whatever a process says, it can be written and read."""

from __future__ import annotations

import copy
import json
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from stagegate import DefinitionError, Process, Stage, load_process
from stagegate._loading import reload_process

from .strategies import moody, processes

profile = settings.get_profile("stagegate-properties")
quick = settings(profile, max_examples=profile.max_examples * 5)

SAID: dict[str, Any] = {
    "id": "p",
    "version": "1",
    "label": {"en": "P", "ja": "あ"},
    "roles": {"a": "A", "b": {"en": "B"}},
    "parameters": {"days": {"value": 45, "note": "n"}},
    "requirements": {"R1": {"fact": "x", "provenance": "practice"}},
    "zone": "Asia/Jakarta",
    "stages": [
        {
            "id": "s0",
            "owner": "a",
            "may": {"hold": ["b"]},
            "gate": {
                "all": [
                    {"document": "d", "signed_by": ["x"], "equals": {"k": 1}, "lists": {"l": ["m"]}, "id": "G1"},
                    {"any": [{"fact": "f", "at_most": {"parameter": "days"}}, {"requirement": "R1"}]},
                    {"at_least": 1, "of": [{"approval": "b", "of": "d", "quorum": "1/2"}, {"not": {"fact": "g"}}]},
                    {"when": {"parties": 2}, "then": {"actor": {"roles": "a"}}},
                ]
            },
        },
        {"id": "s1", "owner": ["a", "b"], "when": {"fact": "h"}, "gate": {"unguarded": "x"}, "back_to": ["s0"]},
        {
            "id": "s2",
            "owner": "a",
            "within": {"workdays": 45, "since": "d.received_on", "on_return": "continue", "calendar": "land"},
            "on_timeout": "escalate:b",
            "remind": ["10 workdays", {"months": 1}],
            "gate": {
                "all": [
                    {
                        "approval": "b",
                        "within": {"workdays": 10},
                        "silence": "approves",
                        "basis": "r",
                        "remind": "1 year",
                    },
                    {"notice": "d", "before": "activity", "days": 7},
                    {"parts": {"at_least": 2, "reached": "s1", "unless": ["o"], "process": "q"}},
                    {"parts": {"each": {"fact": "f"}}},
                    {"parent": {"reached": "s1"}},
                    {"track": "t", "reached": "s1"},
                ]
            },
        },
        {
            "id": "s3",
            "owner": "b",
            "term": {"until": "d.valid_until"},
            "on_expiry": "over",
            "renewal": {
                "to": ["s3"],
                "window": {"months": 6},
                "gate": {"fact": "e"},
                "term": "fact:until",
                "basis": "r",
            },
            "amend": {"d": {"approval": "b"}},
            "duties": [
                {"id": "report", "every": {"months": 12}, "fix_by": "a", "label": "R"},
                {"id": "minutes", "document": "d", "within": {"years": 1}, "after": "activity.dated"},
                {"id": "awake", "gate": {"fact": "e"}, "within": {"calendar_days": 7}},
            ],
        },
    ],
    "calendar": "indonesia",
    "outcomes": [
        {"id": "over", "by": "law"},
        {"id": "o", "stages": "s2", "by": "a", "gate": {"fact": "y", "each": "z", "where": {"q": True}}},
    ],
}

words = st.sampled_from(
    [
        "id",
        "owner",
        "gate",
        "all",
        "any",
        "not",
        "of",
        "at_least",
        "when",
        "then",
        "document",
        "fact",
        "approval",
        "parties",
        "actor",
        "requirement",
        "unguarded",
        "parameter",
        "equals",
        "label",
        "en",
        "soft",
        "fix_by",
        "s0",
        "o",
        "R1",
        "days",
        "within",
        "workdays",
        "since",
        "remind",
        "term",
        "until",
        "renewal",
        "amend",
        "duties",
        "every",
        "after",
        "silence",
        "notice",
        "before",
        "parts",
        "each",
        "reached",
        "parent",
        "track",
        "calendar",
        "open",
        "1 year",
        "d.dated",
        "fact:x",
        "end:o",
    ]
)
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers()
    | st.floats()
    | words
    | st.text(max_size=5)
    | st.sampled_from(["1/2", "2025-07-24", "\0", "\ud800", "x" * 300, "*", "=", "en"])
    | st.dates()
    | st.datetimes()
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything inside a definition."""
    found = [path] if path else []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(inner, (*path, key))
    return found


PLACES = places(SAID)


def changed(table: dict[str, Any], path: tuple[Any, ...], how: str, value: Any) -> None:
    """Put something else into a definition, take something out, or add something."""
    place: Any = table
    for step in path[:-1]:
        try:
            place = place[step]
        except (KeyError, IndexError, TypeError):
            return
    try:
        if how == "replace":
            place[path[-1]] = value
        elif how == "delete":
            del place[path[-1]]
        elif isinstance(place, list):
            place.append(value)
        else:
            place[str(value)[:20]] = value
    except (KeyError, IndexError, TypeError):
        return


def test_the_table_that_is_damaged_is_whole() -> None:
    """What the next property damages is a process, and has every key that a stage can have."""
    process = load_process(SAID)

    assert {*attrs.fields_dict(Stage)} - {"contributors", "reapproval", "label", "basis", "provenance"} <= {
        key for stage in SAID["stages"] for key in stage
    }
    assert process.digest == load_process(process.to_data()).digest


@quick
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(["replace", "replace", "delete", "add"]), junk),
        min_size=1,
        max_size=4,
    ),
    parameters=st.dictionaries(st.sampled_from(["days", "weeks"]), junk, max_size=1),
    without=st.lists(st.sampled_from(["G1", "R1", "G9"]), max_size=1),
)
def test_any_table_is_a_process_or_its_faults(
    changes: list[tuple[tuple[Any, ...], str, Any]], parameters: dict[str, Any], without: list[str]
) -> None:
    """However a definition is damaged, it is read, or refused with faults that say where and why; nothing else is raised."""
    table = copy.deepcopy(SAID)
    for path, how, value in changes:
        changed(table, path, how, copy.deepcopy(value))
    try:
        process = load_process(table, parameters=parameters, without=without)
    except DefinitionError as error:
        assert error.faults
        assert all(isinstance(path, str) and isinstance(sentence, str) and sentence for path, sentence in error.faults)
        assert str(error)
    else:
        assert process.digest == load_process(process.to_data()).digest


@quick
@given(source=st.text(max_size=200) | st.binary(max_size=100).map(lambda b: b.decode("latin-1")))
def test_any_text_is_refused_as_a_definition(source: str) -> None:
    """Whatever text is handed over, what comes of it is a definition's faults."""
    for text in (f"{source}\n", "{" + source, f"id = {source}"):
        try:
            load_process(text)
        except DefinitionError as error:
            assert error.faults
        else:
            raise AssertionError(text)


@quick
@given(process=processes())
def test_any_process_is_written_and_read(process: Process) -> None:
    """Whatever a process says, its table and its JSON are read as the same process, requirement by requirement."""
    data = process.to_data()
    assert process.to_json() == reload_process(process.to_json(), [moody]).to_json()
    for source in (data, json.dumps(data), json.dumps(data, sort_keys=True, ensure_ascii=False)):
        made = load_process(source, requirements=[moody])

        assert (process, process.digest) == (made, made.digest)
        assert process.stages == made.stages
        assert process.outcomes == made.outcomes


@quick
@given(one=processes(), other=processes())
def test_digest_tells_processes_apart(one: Process, other: Process) -> None:
    """Two processes have the same digest exactly if they say the same."""
    assert (one.digest == other.digest) == (
        json.dumps(one.to_data(), sort_keys=True) == json.dumps(other.to_data(), sort_keys=True)
    )
