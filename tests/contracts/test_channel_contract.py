"""The contract of channels finds what it is there for: every flaw of a channel that has one, and none in one without."""

from __future__ import annotations

import re
import subprocess
import sys
from inspect import getdoc
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from stagegate.testing import ChannelContract

from .each_channel_flaw import class_name, contract_of
from .flawed_channel import FLAWS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "channel-contract.md"

TestFlawless = contract_of("")
TestFlawless.__name__ = TestFlawless.__qualname__ = "TestFlawless"


def clauses() -> dict[int, str]:
    """Return every clause of the contract by its number, as its docstring states it."""
    found: dict[int, str] = {}
    for name in dir(ChannelContract):
        if name.startswith("test_"):
            stated = re.fullmatch(r"C(\d+): (.+)", getdoc(getattr(ChannelContract, name)) or "", re.DOTALL)
            assert stated, name
            assert int(stated[1]) not in found, name
            found[int(stated[1])] = " ".join(stated[2].split())
    return found


def test_clauses_are_numbered() -> None:
    """The clauses are numbered from 1, each number once and none left out."""
    numbers = sorted(clauses())

    assert list(range(1, len(numbers) + 1)) == numbers


def test_page_lists_the_clauses() -> None:
    """The reference lists exactly the clauses, word for word."""
    page = PAGE.read_text(encoding="utf-8")
    listed = {int(number): stated for number, stated in re.findall(r"^- \*\*C(\d+)\*\* (.+)$", page, re.MULTILINE)}

    assert clauses() == listed


@pytest.mark.parametrize("fixture", ["channel", "address", "received"])
def test_fixture_has_to_be_given(fixture: str) -> None:
    """Who forgets a fixture is told what to write."""
    given = getattr(ChannelContract, fixture)._get_wrapped_function()
    with pytest.raises(NotImplementedError, match=f"override the fixture `{fixture}`"):
        given(ChannelContract())


def test_every_clause_has_a_flaw() -> None:
    """For every clause there is a channel that breaks it."""
    tests = {name for name in dir(ChannelContract) if name.startswith("test_")}

    assert tests == set(FLAWS.values())


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Run each clause that is to find a flaw on the channel that has it; return what failed, by test class."""
    report = tmp_path_factory.mktemp("flaws") / "report.xml"
    here = Path(__file__).parent
    wanted = [f"{here / 'each_channel_flaw.py'}::{class_name(flaw)}::{clause}" for flaw, clause in FLAWS.items()]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *wanted],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    failed: dict[str, set[str]] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  written by our own child
        if case.find("failure") is not None:
            failed.setdefault(case.attrib["classname"].rpartition(".")[2], set()).add(case.attrib["name"])
    return failed


@pytest.mark.parametrize("flaw", sorted(FLAWS))
def test_flaw_is_found(flaw: str, failures: dict[str, set[str]]) -> None:
    """A channel with a flaw fails the clause that forbids it."""
    assert FLAWS[flaw] in failures.get(class_name(flaw), set())
