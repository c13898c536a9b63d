"""The pages of the built-in processes say what the definitions say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stagegate import Process, builtin
from stagegate.processes import names

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "processes"
PROCESSES = {name: builtin(name) for name in names()}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Return the script that writes the tables."""
    spec = importlib.util.spec_from_file_location("pages", ROOT / "scripts" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(process: Process, *, columns: int) -> dict[str, list[str]]:
    """Return the rows of the tables that have so many columns, by what stands in the first one."""
    page = (PAGES / f"{process.id}.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("`"): row for row in cells if len(row) == columns}


def of_each(get: Any) -> list[Any]:
    """Return what there is in each process, with the process."""
    return [
        pytest.param(process, one, id=f"{process.id}-{getattr(one, 'id', one)}")
        for process in PROCESSES.values()
        for one in get(process)
    ]


@pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda process: process.id)
def test_tables_are_fresh(process: Process, script: ModuleType) -> None:
    """Every table on a page is what the definition makes of it."""
    page = (PAGES / f"{process.id}.md").read_text(encoding="utf-8")

    assert page == script.page(process, page)


def test_stale_table_is_found(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that says something else is stale, and is mended."""
    for file in PAGES.glob("*.md"):
        page = file.read_text(encoding="utf-8")
        if file.stem == "kr-sister":
            page = page.replace("| law-secondary |", "| law |")
        (tmp_path / file.name).write_text(page, encoding="utf-8", newline="\n")
    monkeypatch.setattr(script, "PAGES", tmp_path)

    assert (1, 0, 0) == (script.main(["--check"]), script.main([]), script.main(["--check"]))
    assert "kr-sister.md: stale" in capsys.readouterr().out
    assert (PAGES / "kr-sister.md").read_bytes() == (tmp_path / "kr-sister.md").read_bytes()


@pytest.mark.parametrize("process, stage", of_each(lambda process: process.stages))
def test_stage(process: Process, stage: Any) -> None:
    """Each stage stands there with its names, owner, ways back, basis and provenance."""
    owner, back = (", ".join(f"`{i}`" for i in several) or "–" for several in (stage.owner, stage.back_to))
    said = [stage.label[lang] for lang in ("en", "id", "ja")]

    assert [f"`{stage.id}`", *said, owner, back, stage.basis, stage.provenance] == rows(process, columns=8)[stage.id]


@pytest.mark.parametrize(
    "process, part", of_each(lambda process: {part.id: part for _, part in process.requirements() if part.id}.values())
)
def test_requirement(process: Process, part: Any) -> None:
    """Each requirement stands there with its name, basis, provenance and who can mend it."""
    where = rows(process, columns=6)
    if part.id not in where:
        # It is what a duty asks.
        where = {id_: row[:3] + row[4:] for id_, row in rows(process, columns=7).items()}
    row = where[part.id]
    mended = ", ".join(f"`{role}`" for role in part.fix_by) or "–"

    assert [part.label["en"], part.basis, part.provenance, mended] == [row[1], row[3], row[4], row[5]]
    assert part.soft is row[2].endswith("; only warns")


@pytest.mark.parametrize("process, duty", of_each(lambda process: [d for s in process.stages for d in s.duties]))
def test_duty(process: Process, duty: Any) -> None:
    """Each duty stands there with its name, basis, provenance and who owes it."""
    row = rows(process, columns=7)[duty.id]
    owed = ", ".join(f"`{role}`" for role in duty.fix_by)

    assert [duty.label["en"], duty.basis, duty.provenance, owed] == [row[1], *row[4:]]


@pytest.mark.parametrize("process, outcome", of_each(lambda process: process.outcomes))
def test_outcome(process: Process, outcome: Any) -> None:
    """Each outcome stands there with its names, stages, roles, basis and provenance."""
    row = rows(process, columns=9)[outcome.id]
    said = [outcome.label[lang] for lang in ("en", "id", "ja")]
    stages = ", ".join(f"`{stage}`" for stage in outcome.stages)
    by = ", ".join(f"`{role}`" for role in outcome.by) or "the owner of the stage"
    if outcome.by == ("law",):
        by = "nobody: it comes with time"

    assert [*said, stages, by, outcome.basis, outcome.provenance] == [*row[1:6], *row[7:]]


@pytest.mark.parametrize("process, name", of_each(lambda process: process.parameters))
def test_parameter(process: Process, name: str) -> None:
    """Each parameter stands there with what it does, its basis and provenance, and a dash where it has no value."""
    about, row = process.parameters[name], rows(process, columns=5)[name]

    assert [about["note"]["en"], about["basis"], about["provenance"]] == row[2:]
    assert (about["value"] is None) is (row[1] == "–")


@pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda process: process.id)
def test_nothing_else(process: Process) -> None:
    """No requirement stands there that the process does not have, and the page says how sure its sources are."""
    assert set(rows(process, columns=6)) <= {part.id for _, part in process.requirements()}
    page = (PAGES / f"{process.id}.md").read_text(encoding="utf-8")
    assert "| source | how it was read | how sure |" in page
    assert f"({process.id}.md)" in (PAGES / "index.md").read_text(encoding="utf-8")
