"""The page of the built-in process says what the definition says."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagegate import builtin

PAGE = Path(__file__).parents[2] / "docs" / "processes" / "id-ksdpl.md"
PROCESS = builtin("id-ksdpl")
REQUIREMENTS = {part.id: part for _, part in PROCESS.requirements() if part.id}


def rows(*, columns: int) -> dict[str, list[str]]:
    """Return the rows of the tables that have so many columns, by what stands in the first one."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("`"): row for row in cells if len(row) == columns}


@pytest.mark.parametrize("stage", PROCESS.stages, ids=lambda stage: stage.id)
def test_stage(stage: object) -> None:
    """Each stage stands there with its names, owner, ways back, basis and provenance."""
    found = PROCESS.stage(getattr(stage, "id", ""))
    assert found is not None
    owner, back = (", ".join(f"`{i}`" for i in several) or "–" for several in (found.owner, found.back_to))
    names = [found.label[lang] for lang in ("en", "id", "ja")]

    assert [f"`{found.id}`", *names, owner, back, found.basis, found.provenance] == rows(columns=8)[found.id]


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirement(name: str) -> None:
    """Each requirement stands there with its name, basis, provenance and who can mend it."""
    part, row = REQUIREMENTS[name], rows(columns=6)[name]
    mended = ", ".join(f"`{role}`" for role in part.fix_by) or "–"

    assert [part.label["en"], part.basis, part.provenance, mended] == [row[1], row[3], row[4], row[5]]
    assert part.soft is row[2].endswith("; only warns")


@pytest.mark.parametrize("outcome", PROCESS.outcomes, ids=lambda outcome: outcome.id)
def test_outcome(outcome: object) -> None:
    """Each outcome stands there with its names, stages, roles, basis and provenance."""
    found = PROCESS.outcome(getattr(outcome, "id", ""))
    assert found is not None
    row = rows(columns=9)[found.id]
    names = [found.label[lang] for lang in ("en", "id", "ja")]
    stages = ", ".join(f"`{stage}`" for stage in found.stages)
    by = ", ".join(f"`{role}`" for role in found.by) or "the owner of the stage"

    assert [*names, stages, by, found.basis, found.provenance] == [*row[1:6], *row[7:]]


@pytest.mark.parametrize("name", PROCESS.parameters)
def test_parameter(name: str) -> None:
    """Each parameter stands there with what it does, its basis and provenance, and a dash where it has no value."""
    about, row = PROCESS.parameters[name], rows(columns=5)[name]

    assert [about["note"]["en"], about["basis"], about["provenance"]] == row[2:]
    assert (about["value"] is None) is (row[1] == "–")


def test_nothing_else() -> None:
    """No requirement stands there that the process does not have."""
    assert set(REQUIREMENTS) == set(rows(columns=6))
