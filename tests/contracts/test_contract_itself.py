"""The contract finds what it is there for: every flaw of a store that has one, and none in one that has none."""

from __future__ import annotations

import re
import subprocess
import sys
from inspect import getdoc
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from stagegate import Event, Store
from stagegate.testing import StoreContract
from stagegate.testing._lives import IDS, random_life
from stagegate.testing._schema import Schemas

from .each_flaw import Versioned, class_name
from .flawed import FLAWS, FlawedStore

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "store-contract.md"


class TestFlawless(StoreContract):
    """Every clause, on a store that is not ours and has no flaw."""

    @pytest.fixture
    def store(self) -> Store:
        """Return it."""
        return FlawedStore()


class TestFlawlessSchema(Versioned, Schemas):
    """The clauses on schemas, on one that has no flaw."""

    @pytest.fixture
    def store(self) -> FlawedStore:
        """Return its store."""
        return FlawedStore()


def clauses() -> dict[int, str]:
    """Return every clause of the contract by its number, as its docstring states it."""
    found: dict[int, str] = {}
    for name in dir(StoreContract):
        if name.startswith("test_"):
            number, stated = re.fullmatch(
                r"S(\d+): (.+)", getdoc(getattr(StoreContract, name)) or "", re.DOTALL
            ).groups()  # type: ignore[union-attr]
            assert int(number) not in found, name
            found[int(number)] = " ".join(stated.split())
    return found


def test_clauses_are_numbered() -> None:
    """The clauses are numbered from 1, each number once and none left out."""
    numbers = sorted(clauses())

    assert list(range(1, len(numbers) + 1)) == numbers


def test_page_lists_the_clauses() -> None:
    """The reference lists exactly the clauses, word for word."""
    page = PAGE.read_text(encoding="utf-8")
    listed = {int(number): stated for number, stated in re.findall(r"^- \*\*S(\d+)\*\* (.+)$", page, re.MULTILINE)}

    assert clauses() == listed


def test_store_has_to_be_given() -> None:
    """Who forgets the fixture is told what to write."""
    given = StoreContract.store._get_wrapped_function()
    with pytest.raises(NotImplementedError, match="override the fixture `store`"):
        given(StoreContract())


def test_random_life_has_everything() -> None:
    """The life that stores are filled with has every kind of event, stage and outcome: no clause asks in vain."""
    events = [Event.read(commit.entry) for commit in random_life()]
    last = {commit.agreement.id: commit.agreement for commit in random_life()}
    moves = {event.move for event in events if event.kind != "refused"}

    kinds = {"started", "attached", "recorded", "voted", "noted", "moved", "migrated", "refused"}
    kinds |= {"adjourned", "reckoned", "reminded", "overdue"}
    assert kinds == {event.kind for event in events}
    assert {"start", "attach", "record", "approve", "refuse", "note"} <= moves
    assert {"advance", "send_back", "hold", "resume", "end"} <= moves
    assert {"approve", "sweep", "end"} <= {event.move for event in events if event.actor == "law"}
    stages = {"draft", "hearing", "vote", "review", "done", "talks", "force"}
    assert stages == {agreement.stage for agreement in last.values()}
    assert {None, "withdrawn", "fulfilled", "expired"} == {agreement.outcome for agreement in last.values()}
    assert {True, False} == {agreement.hold is not None for agreement in last.values()}
    assert {1, 2} <= {len(agreement.owner) for commit in random_life() for agreement in [commit.agreement]}
    assert any(event.data.get("voided") for event in events)
    assert any(event.data.get("read") for event in events)
    assert any(agreement.adjourned for agreement in last.values())
    assert {(), ("ministry",)} == {agreement.escalated for agreement in last.values()}
    assert {None, "pact", "Pact", "é", "e\u0301"} <= {agreement.part_of for agreement in last.values()}
    assert {True, False} == {agreement.overdue for agreement in last.values()}
    assert {True, False} == {a.wakes_at is None for a in last.values() if a.deadlines}
    assert any(commit.request for commit in random_life())
    assert set(IDS) == set(last)


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Run each clause that is to find a flaw on the store that has it; return what failed, by test class."""
    report = tmp_path_factory.mktemp("flaws") / "report.xml"
    here = Path(__file__).parent
    wanted = [f"{here / 'each_flaw.py'}::{class_name(flaw)}::{clause}" for flaw, clause in FLAWS.items()]
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
        if case.find("failure") is not None or case.find("error") is not None:
            failed.setdefault(case.attrib["classname"].rpartition(".")[2], set()).add(case.attrib["name"])
    return failed


@pytest.mark.parametrize("flaw", sorted(FLAWS))
def test_flaw_is_found(flaw: str, failures: dict[str, set[str]]) -> None:
    """A store with a flaw fails the clause that forbids it."""
    assert FLAWS[flaw] in failures.get(class_name(flaw), set())
