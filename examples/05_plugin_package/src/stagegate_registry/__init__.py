"""A plugin of stagegate: histories in a folder by `folder:///path`, and a channel that writes into a spool."""

from __future__ import annotations

from ._plugin import Registry
from ._store import FolderStore

plugin = Registry()
"""What the entry point `registry` names; its spool is the folder in the environment variable REGISTRY_SPOOL."""

__all__ = ["FolderStore", "Registry", "plugin"]
