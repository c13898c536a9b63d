"""Writes the package of a plugin, complete with tests, out of templates that come along."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template

from stagegate import __version__

KINDS: dict[str, str] = {
    # The kind of plugin; beside it the sentence that says what one is.
    "channel": "A channel of stagegate: it delivers what somebody is to be told.",
    "guard": "Rules of stagegate: what has to hold before an agreement may go on.",
    "process": "A process of stagegate: the stages that agreements go through, as data.",
    "calendar": "A calendar of stagegate: which days count.",
    "store": "A store of stagegate: it keeps the histories.",
}

MAX_NAME = 30
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_SUFFIX = ".in"


def fault(name: str, taken: Mapping[str, str]) -> str:
    """
    Return what is wrong with the name of a plugin, in one sentence; nothing if it can be used.

    Args:
        name: The name.

        taken: The names that installed packages have given to theirs, each with what it means.
    """
    if not _NAME.fullmatch(name):
        return f"{name!r} cannot name a plugin; use lower-case letters, digits and single hyphens, such as `city-sms`"
    if len(name) > MAX_NAME:
        return f"{name!r} has {len(name)} characters; a name has {MAX_NAME} at most"
    if name.startswith("stagegate"):
        return f"{name!r} begins with stagegate, as the package will anyway; leave it out"
    if name == "memory":
        return f"{name!r} is the engine's own; choose another name"
    if name in taken:
        return f"{name!r} is taken by an installed plugin ({taken[name]}); choose another name"
    return ""


def distribution(name: str) -> str:
    """Return what the package of a plugin is called where it is installed."""
    return f"stagegate-{name}"


def write(kind: str, name: str, folder: Path) -> Path:
    """
    Write a package below *folder*, all of it or nothing, and return where it is.

    Args:
        kind: One of `KINDS`.

        name: What `plugins=[…]` is to call it.

        folder: A folder that is there.

    Raises:
        FileExistsError: If there is something in its place.
    """
    target = folder / distribution(name)
    if target.exists() or target.is_symlink():
        message = f"there is something at {target} already; nothing was written"
        raise FileExistsError(message)
    # Made beside the place and moved there when it is whole: whoever looks sees all of it or nothing.
    with tempfile.TemporaryDirectory(prefix=".stagegate-", dir=folder) as aside:
        made = Path(aside, target.name)
        made.mkdir()
        for path, text in _files(kind, name):
            file = made / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        made.rename(target)
    return target


def _files(kind: str, name: str) -> Iterator[tuple[PurePosixPath, str]]:
    package = distribution(name).replace("-", "_")
    words = {
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "distribution": distribution(name),
        "name": name,
        "package": package,
        "summary": KINDS[kind],
        "version": __version__,
    }
    templates = files(__package__) / "plugin_templates"
    for tree in ("common", kind):
        for path, template in _walk(templates / tree, PurePosixPath()):
            parts = [package if part == "package" else part for part in path.parts]
            place = PurePosixPath(*parts)
            text = template.read_text(encoding="utf-8")
            if place.suffix == _SUFFIX:
                place, text = place.with_suffix(""), Template(text).substitute(words)
            yield place, text


def _walk(tree: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for inner in sorted(tree.iterdir(), key=lambda item: item.name):
        place = path / inner.name
        if inner.is_dir():
            yield from _walk(inner, place)
        else:
            yield place, inner
