"""The store for many machines: a PostgreSQL database. It is there without being named; its urls are `postgresql://…`."""

from __future__ import annotations

from stagegate import Schema, Store, hookimpl

from ._schema import PostgresSchema
from ._store import PostgresStore


@hookimpl
def stagegate_open_store(url: str) -> Store | None:
    """Open the database that a `postgresql:` url names."""
    return PostgresStore(url) if url.startswith("postgresql:") else None


@hookimpl
def stagegate_open_schema(url: str) -> Schema | None:
    """Look at the schema of the database that a `postgresql:` url names."""
    return PostgresSchema(url) if url.startswith("postgresql:") else None


__all__ = ["PostgresSchema", "PostgresStore", "stagegate_open_schema", "stagegate_open_store"]
