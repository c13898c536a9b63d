"""What the import contracts in pyproject.toml cannot say: a leaf knows public rooms only, and the face no leaf."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
HOUSE = SOURCE / "stagegate"
LEAVES = sorted(
    path
    for leaf in ("aio", "cli", "contrib", "testing")
    for path in [*HOUSE.glob(f"{leaf}.py"), *HOUSE.glob(f"{leaf}/**/*.py")]
)
PUBLIC = {
    "stagegate",
    "stagegate.aio",
    "stagegate.calendars",
    "stagegate.diagrams",
    "stagegate.exceptions",
    "stagegate.hookspecs",
    "stagegate.processes",
    "stagegate.rows",
    "stagegate.testing",
}


def module(path: Path) -> str:
    """Return what the file *path* is imported as."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(name: str, path: Path, source: str) -> Iterator[tuple[int, str]]:
    """Yield every module that *source* names in an import, wherever the import stands, with its line."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            origin = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            yield node.lineno, origin
            # `from stagegate import _engine` names a room, `from stagegate import Engine` does not.
            for alias in node.names:
                inner = SOURCE.joinpath(*origin.split("."), alias.name)
                if (
                    (alias.name.startswith("_") and alias.name != "__version__")
                    or inner.with_suffix(".py").exists()
                    or inner.is_dir()
                ):
                    yield node.lineno, f"{origin}.{alias.name}"


def leaf(name: str) -> str:
    """Return the top room that *name* belongs to, as in `stagegate.cli`."""
    return ".".join(name.split(".")[:2])


def home(name: str) -> str:
    """Return what a leaf may call its own: itself, or in `contrib` one plugin."""
    return ".".join(name.split(".")[:3]) if leaf(name) == "stagegate.contrib" else leaf(name)


def trespasses(name: str, path: Path, source: str) -> list[str]:
    """Return every import of a room of stagegate that a leaf has no business in."""
    return [
        f"{path.name}:{line} imports {target}"
        for line, target in imports(name, path, source)
        if target.partition(".")[0] == "stagegate"
        and target not in PUBLIC
        and not (target == home(name) or target.startswith(home(name) + "."))
    ]


def test_face_knows_no_leaf() -> None:
    """Importing stagegate brings in no plugin, no command line and no test-suite."""
    path = HOUSE / "__init__.py"
    known = {target for _, target in imports("stagegate", path, path.read_text(encoding="utf-8"))}

    assert {leaf(target) for target in known} & {
        "stagegate.aio",
        "stagegate.cli",
        "stagegate.contrib",
        "stagegate.testing",
    } == set()


@pytest.mark.parametrize("path", LEAVES, ids=module)
def test_leaf_imports_the_face_only(path: Path) -> None:
    """A leaf can be moved out of the house by renaming it: it knows what any other package may know."""
    assert trespasses(module(path), path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import stagegate._engine",
        "from stagegate import _engine",
        "from stagegate._engine import Engine",
        "from ..._engine import Engine",
        "from ... import _engine",
        "def later():\n    import stagegate._engine",
        "if TYPE_CHECKING:\n    from stagegate._engine import Engine",
        "from stagegate.contrib import log",
        "from ..log import thing",
        "from stagegate.cli import main",
    ],
)
def test_trespass_is_found(source: str) -> None:
    """Every way of writing a forbidden import is seen, also inside a function and for type checkers only."""
    inside = HOUSE / "contrib" / "sqlite" / "__init__.py"

    assert trespasses("stagegate.contrib.sqlite", inside, source)


@pytest.mark.parametrize(
    "source",
    [
        "import sqlite3",
        "from stagegate import Engine",
        "from stagegate.exceptions import Conflict",
        "from .schema import x",
    ],
)
def test_face_is_open(source: str) -> None:
    """What a third party may import, a leaf may import, and its own files."""
    inside = HOUSE / "contrib" / "sqlite" / "__init__.py"

    assert trespasses("stagegate.contrib.sqlite", inside, source) == []
