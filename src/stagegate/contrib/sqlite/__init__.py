"""The embedded store: one SQLite file. It is there without being named; its urls are `sqlite:///file.db`."""

from __future__ import annotations

from stagegate import Schema, Store, hookimpl

from ._embedded import SQLiteStore
from ._saying import of_url
from ._schema import SQLiteSchema


@hookimpl
def stagegate_open_store(url: str) -> Store | None:
    """Open the file that a `sqlite:` url names."""
    return SQLiteStore.from_url(url) if url.startswith("sqlite:") else None


@hookimpl
def stagegate_open_schema(url: str) -> Schema | None:
    """Look at the form of the file that a `sqlite:` url names."""
    if not url.startswith("sqlite:"):
        return None
    path, timeout, beside = of_url(url)
    return SQLiteSchema(path, timeout=timeout, beside=beside)


__all__ = ["SQLiteSchema", "SQLiteStore", "stagegate_open_schema", "stagegate_open_store"]
