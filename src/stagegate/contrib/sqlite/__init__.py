"""The embedded store: one SQLite file. It is there without being named; its urls are `sqlite:///file.db`."""

from __future__ import annotations

from stagegate import Store, hookimpl

from ._embedded import SQLiteStore


@hookimpl
def stagegate_open_store(url: str) -> Store | None:
    """Open the file that a `sqlite:` url names."""
    return SQLiteStore.from_url(url) if url.startswith("sqlite:") else None


__all__ = ["SQLiteStore", "stagegate_open_store"]
