"""The commands for those who write plugins: begin a package, check one."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from stagegate import PluginError, StagegateError, check_plugin
from stagegate.hookspecs import HOOKS

from . import _scaffold
from ._listing import Group
from ._output import Out
from ._settings import Settings, shared
from ._values import Pair


@click.group(cls=Group)
def plugin() -> None:
    """Write plugins: begin a package that passes its own tests, check one against the hooks."""


@plugin.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(list(_scaffold.KINDS)),
    default="channel",
    show_default=True,
    help="What it brings.",
)
@click.option(
    "--into",
    "folder",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    default=Path(),
    help="Where its folder is made; otherwise here.",
)
@shared()
@click.pass_obj
def new(settings: Settings, name: str, kind: str, folder: Path) -> None:
    """Write a package for a plugin called NAME, in a folder stagegate-NAME of its own. Nothing is overwritten."""
    taken = {point.name: point.value for point in entry_points(group="stagegate")}
    if wrong := _scaffold.fault(name, taken):
        raise click.BadParameter(wrong, param_hint="NAME")
    target = _scaffold.write(kind, name, folder)
    written = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    out = Out(settings)
    if out.json:
        out.data({"folder": str(target), "kind": kind, "files": written})
        return
    out.pairs([("folder", str(target)), *(("file", file) for file in written)])


@plugin.command()
@click.argument("name")
@click.option(
    "--set",
    "given",
    metavar="NAME=VALUE",
    type=Pair(),
    multiple=True,
    help="A setting of the plugin; JSON if it reads as such, otherwise text; may be repeated.",
)
@shared()
@click.pass_obj
def check(settings: Settings, name: str, given: tuple[tuple[str, Any], ...]) -> None:
    """
    Check that a plugin keeps to the hooks, and list those it has.

    NAME is what an installed package calls it, a file such as office.py, or an object as Python imports it:
    package.module or package.module:object.
    """
    found = _configured(name, _found(name), dict(given))
    check_plugin(found, name)
    hooks = [hook for hook in HOOKS if getattr(found, hook, None) is not None]
    out = Out(settings)
    if out.json:
        out.data({"plugin": name, "ok": True, "hooks": hooks})
        return
    out.pairs([("plugin", name), *(("hook", hook) for hook in hooks), ("ok", "yes")])


def _found(name: str) -> Any:
    """Return what NAME means: an entry point, a file, or something that Python can import."""
    points = {point.name: point for point in entry_points(group="stagegate")}
    try:
        if name in points:
            return points[name].load()
        if name.endswith(".py"):
            return _file(name)
        module, _, path = name.partition(":")
        found: Any = importlib.import_module(module)
        for part in path.split(".") if path else ():
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise PluginError(name, f"it cannot be imported: {error}") from error
        known = ", ".join(sorted(points)) or "none"
        message = f"no installed package names it, and no module is called so; installed are: {known}"
        raise PluginError(name, message) from error
    except Exception as error:  # whatever an import raises is the plugin's
        raise PluginError(name, f"it cannot be imported: {type(error).__name__}: {error}") from error
    return found


def _file(name: str) -> Any:
    path = Path(name)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018  the name ends in .py
    module = importlib.util.module_from_spec(spec)
    # A file may use its neighbours, as it would where it is run.
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _configured(name: str, found: Any, given: dict[str, Any]) -> Any:
    """Return the plugin with its settings, as an engine would make it."""
    configured = getattr(found, "configured", None)
    if configured is None:
        if given:
            raise PluginError(name, f"it takes no settings, but was given {', '.join(given)}")
        return found
    try:
        return configured(**given)
    except (StagegateError, TypeError, ValueError) as error:
        # What Python calls the function is no word of whoever gives settings.
        said = re.sub(r"^[\w.]+\(\) ", "", str(error))
        raise PluginError(name, f"it cannot be configured: {said}; give settings with --set") from error
