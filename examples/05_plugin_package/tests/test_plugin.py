"""The plugin keeps to the hooks, and can be named where the package is installed."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from stagegate import Actor, Engine, PluginError, StoreError, check_plugin
from stagegate.testing import make_process
from stagegate_registry import FolderStore, Registry, plugin

CLERK = Actor(id="ann", roles={"clerk"})


def test_hooks() -> None:
    """It keeps to the hooks: names, arguments, types."""
    check_plugin(plugin)
    check_plugin(Registry("spool"), "registry")


def test_entry_point() -> None:
    """The installed package names the plugin object `registry`."""
    (point,) = entry_points(group="stagegate", name="registry")

    assert plugin is point.load()


def test_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is named it opens folders, and finds its spool in the environment."""
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setenv("REGISTRY_SPOOL", str(spool))
    with Engine.open(f"folder:///{tmp_path}/histories", processes=[make_process()], plugins=["registry"]) as engine:
        engine.start("cooperation", "a", by=CLERK)
        engine.hold("a", "wait", by=CLERK)

        assert engine.deliver().delivered == 1
    assert len(list(spool.iterdir())) == 1


def test_not_named(tmp_path: Path) -> None:
    """Where it is only installed it does nothing."""
    with pytest.raises(PluginError, match="'folder'"):
        Engine.open(f"folder:///{tmp_path}/histories")


def test_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A url names a folder from here with three slashes, and from the root with four; blanks are written %20."""
    monkeypatch.chdir(tmp_path)
    FolderStore.from_url("folder:///from%20here").close()
    FolderStore.from_url(f"folder:///{tmp_path}/from the root").close()

    assert ["from here", "from the root"] == sorted(folder.name for folder in tmp_path.iterdir())


@pytest.mark.parametrize("url", ["folder:", "folder://", "folder:///", "folder:/histories"])
def test_urls_of_nothing(url: str) -> None:
    """A url without a folder is refused, and says how to write one."""
    with pytest.raises(StoreError, match="write folder:///path"):
        Engine.open(url, plugins=[Registry()])


def test_other_urls() -> None:
    """Urls of others are left to them."""
    assert plugin.stagegate_open_store("sqlite:///file.db") is None


def test_place_that_cannot_be(tmp_path: Path) -> None:
    """A folder that cannot be made is a `StoreError` that names it."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "nowhere" / "histories"):
        with pytest.raises(StoreError, match=folder.name):
            FolderStore(folder)
