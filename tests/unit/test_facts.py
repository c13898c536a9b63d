from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from stagegate import DefinitionError, Process, Stage, fact, value_of


def test_missing_fact_is_named(case: Callable[..., Any]) -> None:
    """A fact that is not recorded is one reason, with its name as parameter."""
    (reason,) = case(fact("cost", fix_by="budget", basis="Art 5", equals=3)).unmet

    assert ("fact.missing", {"fact": "cost"}, ("budget",), "Art 5", "fact:cost") == (
        reason.code,
        reason.params,
        reason.fix_by,
        reason.basis,
        reason.requirement,
    )
    assert reason.text() == "the fact cost is not recorded"


@pytest.mark.parametrize(
    "asks,value,said",
    [
        ({}, 0, []),
        ({}, False, []),
        ({}, None, ["the fact f is not recorded"]),
        ({"equals": True}, True, []),
        ({"equals": True}, 1, ["the fact f must be true, and is 1"]),
        ({"equals": 0}, False, ["the fact f must be 0, and is false"]),
        ({"equals": Decimal("1.50")}, Decimal("1.50"), []),
        ({"equals": ["a", "b"]}, ["a", "b"], []),
        ({"equals": ["a", "b"]}, ["b", "a"], ["the fact f must be a, b, and is b, a"]),
        ({"one_of": ["x", "y"]}, "y", []),
        ({"one_of": ["x", "y"]}, "z", ["the fact f must be one of x, y, and is z"]),
        ({"one_of": [0, 1]}, True, ["the fact f must be one of 0, 1, and is true"]),
        ({"at_least": 5}, 5, []),
        ({"at_least": 5}, 4, ["the fact f must be at least 5, and is 4"]),
        ({"at_most": 5}, 5, []),
        ({"at_most": 5}, 6, ["the fact f must be at most 5, and is 6"]),
        ({"above": 5}, 6, []),
        ({"above": 5}, 5, ["the fact f must be above 5, and is 5"]),
        ({"below": 5}, 4, []),
        ({"below": 5}, 5, ["the fact f must be below 5, and is 5"]),
        ({"at_least": "1.5"}, Decimal("1.49"), ["the fact f must be at least 1.5, and is 1.49"]),
        ({"at_least": Decimal("1.5")}, "1.5", []),
        ({"at_least": "2025-07-24"}, "2025-07-24", []),
        ({"at_least": "2025-07-24"}, "2025-07-23", ["the fact f must be at least 2025-07-24, and is 2025-07-23"]),
        ({"at_least": "2025-07-24"}, 9, ["the fact f must be at least 2025-07-24, and is 9"]),
        ({"at_least": 5}, "many", ["the fact f must be at least 5, and is many"]),
        ({"at_least": 5}, "NaN", ["the fact f must be at least 5, and is NaN"]),
        ({"at_most": 5}, "Infinity", ["the fact f must be at most 5, and is Infinity"]),
        ({"at_least": 0}, True, ["the fact f must be at least 0, and is true"]),
        ({"at_least": 0}, [1], ["the fact f must be at least 0, and is 1"]),
        ({"above": 0, "below": 10}, 5, []),
        (
            {"one_of": [2, 3], "at_least": 2, "above": 1},
            1,
            [
                "the fact f must be one of 2, 3, and is 1",
                "the fact f must be at least 2, and is 1",
                "the fact f must be above 1, and is 1",
            ],
        ),
    ],
)
def test_what_a_fact_must_be(case: Callable[..., Any], asks: dict[str, Any], value: Any, said: list[str]) -> None:
    """Each thing that is asked of a value refuses with its own sentence, or is met; true is never taken for 1."""
    assert case(fact("f", **asks)).record("f", value).said == said


@pytest.mark.parametrize(
    "asks,other,value,codes",
    [
        ({"equals": value_of("o")}, 3, 3, []),
        ({"equals": value_of("o")}, 4, 3, ["fact.equals"]),
        ({"equals": {"fact": "o"}}, 3, 3, []),
        ({"one_of": [value_of("o"), 9]}, [1, 2], 2, []),
        ({"one_of": value_of("o")}, [1, 2], 3, ["fact.one_of"]),
        ({"at_most": value_of("o")}, 10, 10, []),
        ({"at_most": value_of("o")}, 10, 11, ["fact.at_most"]),
        ({"at_most": value_of("o")}, "unknown", 1, ["fact.at_most"]),
        ({"at_most": value_of("o")}, None, 1, ["fact.at_most"]),
    ],
)
def test_values_can_be_looked_up(
    case: Callable[..., Any], asks: dict[str, Any], other: Any, value: Any, codes: list[str]
) -> None:
    """What a fact must be can stand in another fact; where that gives nothing to compare with, it refuses."""
    assert case(fact("f", **asks)).record("f", value).record("o", other).codes == codes


SECTORS = {
    "waste": {"state": "open", "share": 30, "dropped": ""},
    "water": {"state": "done", "share": 70},
    "roads": {"share": "", "dropped": True},
}


@pytest.mark.parametrize(
    "asks,said",
    [
        ({}, ["roads: share is not recorded"]),
        ({"at_most": 50}, ["water: share must be at most 50, and is 70", "roads: share is not recorded"]),
        ({"at_most": 50, "where": {"state": "open"}}, []),
        ({"at_most": 50, "unless": "dropped"}, ["water: share must be at most 50, and is 70"]),
        ({"where": {"state": "closed"}}, []),
    ],
)
def test_each_entry_of_a_table_is_asked(case: Callable[..., Any], asks: dict[str, Any], said: list[str]) -> None:
    """With `each`, every entry that is chosen must have the field, and have it right."""
    assert case(fact("sectors", each="share", **asks)).record("sectors", SECTORS).said == said


@pytest.mark.parametrize("value", [{}, {"waste": {"dropped": True}, "water": {"dropped": "2025"}}])
def test_table_without_entries_refuses(case: Callable[..., Any], value: Any) -> None:
    """Where every entry is asked and there is none that counts, nothing was fulfilled."""
    gate = fact("sectors", each="state", unless="dropped", equals="ready")

    assert ["fact.no_entries"] == case(gate).record("sectors", value).codes


@pytest.mark.parametrize("value", [3, ["a"], {"waste": 3}, {"waste": {"share": 1}, "water": "x"}])
def test_fact_that_is_no_table_of_entries_refuses(case: Callable[..., Any], value: Any) -> None:
    """Where entries are asked and something else is recorded, the shape is the reason."""
    assert ["fact.shape"] == case(fact("sectors", each="share")).record("sectors", value).codes


@pytest.mark.parametrize(
    "asks,path",
    [
        ({"at_least": "many"}, "at_least"),
        ({"at_most": True}, "at_most"),
        ({"above": [1]}, "above"),
        ({"below": 1.5}, "below"),
        ({"at_least": "Infinity"}, "at_least"),
        ({"equals": 1.5}, "equals"),
        ({"equals": {"fact": 3}}, "equals"),
        ({"one_of": [1.5]}, "one_of"),
        ({"equals": value_of, "each": "x"}, "equals"),
        ({"each": "é"}, "each"),
        ({"each": "x", "where": 3}, "where"),
        ({"where": {"a": 1}}, "each"),
        ({"unless": "a"}, "each"),
        ({"unequals": 3}, "unequals"),
    ],
)
def test_wrong_arguments_are_refused(asks: dict[str, Any], path: str) -> None:
    """An argument that means nothing is refused where it is written, under its name."""
    with pytest.raises(DefinitionError) as refused:
        fact("f", **asks)

    assert [path] == [where for where, _ in refused.value.faults]


@pytest.mark.parametrize(
    "asks",
    [
        {"at_least": 20, "at_most": 12},
        {"above": "2026-01-01", "below": "2025-01-01"},
    ],
)
def test_empty_range_is_refused_where_the_process_is_made(asks: dict[str, Any]) -> None:
    """A fact that would have to be above and below at once makes a gate that can never open."""
    gate = fact("area", **asks)
    with pytest.raises(DefinitionError, match="stages.0..gate: it can never open, because the fact area cannot be"):
        Process("p", "1", [Stage("a", owner="x", gate=gate), Stage("b", owner="x")])


def test_range_that_depends_on_other_facts_is_left_alone() -> None:
    """Limits that are looked up, and limits of different kinds, may hold or not: they are asked when it is time."""
    for asks in ({"at_least": value_of("low"), "at_most": 1}, {"at_least": 5, "at_most": "2026-01-01"}):
        assert "" == fact("area", **asks).empty()
