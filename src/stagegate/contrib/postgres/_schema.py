"""The form in which the database is kept: numbered SQL files, the version that is there, and who may do what in it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Self

import psycopg

from stagegate import StoreError

from ._connections import Connection, Connections, Place

FOLDER = Path(__file__).with_name("schema")

LOCK = 0x57_47_41_54
"""What those wait for who would make the tables at the same time."""

EMPTY = (
    "SELECT to_regclass('stagegate.schema_version') IS NOT NULL,"
    " (SELECT count(*) FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = 'stagegate')"
)


@cache
def steps() -> dict[int, Path]:
    """Return the files by the version that each leads to."""
    return {int(path.stem): path for path in sorted(FOLDER.glob("*.sql"))}


def newest() -> int:
    """Return the version of the schema this code reads and writes."""
    return max(steps())


def version(connection: Connection, name: str) -> int | None:
    """
    Return the version of the schema that is there; None if there is nothing of ours yet.

    Raises:
        StoreError: If what is there is not ours.
    """
    row = connection.execute(EMPTY).fetchone()
    assert row is not None  # noqa: S101  a SELECT without FROM has a row
    ours, others = row
    if not ours:
        if others:
            message = (
                f"{name}: its schema `stagegate` belongs to something else; nothing in it was changed, choose another"
                " database"
            )
            raise StoreError(message)
        return None
    found = connection.execute("SELECT max(version) FROM stagegate.schema_version").fetchone()
    if found is None or found[0] is None:
        message = f"{name}: its table of schema versions is empty; nothing was changed, restore it from a copy"
        raise StoreError(message)
    return int(found[0])


def _not_newer(found: int, name: str) -> None:
    if found > newest():
        message = (
            f"{name}: its schema {found} is newer than schema {newest()}, which this stagegate knows;"
            " nothing was changed, upgrade stagegate"
        )
        raise StoreError(message)


def checked(connections: Connections) -> None:
    """
    Look whether the schema is the one this code knows, and make it where there is nothing yet.

    Raises:
        StoreError: If it is another, and what to do then.
    """
    name = connections.place.name
    with connections.use("opening it") as connection:
        found = version(connection, name)
        if found is None:
            _upgrade(connection, name)
            return
    _not_newer(found, name)
    if found < newest():
        message = (
            f"{name}: its schema {found} is older than schema {newest()}, which this stagegate reads and writes;"
            " nothing was changed, run: stagegate db upgrade"
        )
        raise StoreError(message)


def _upgrade(connection: Connection, name: str) -> tuple[int, ...]:
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            # Another may have done it while we waited.
            found = version(connection, name)
            _not_newer(found or 0, name)
            there = connection.execute("SELECT to_regnamespace('stagegate') IS NOT NULL").fetchone()
            if there is not None and not there[0]:
                connection.execute("CREATE SCHEMA stagegate")
            ahead = tuple(one for one in steps() if one > (found or 0))
            for one in ahead:
                connection.execute(steps()[one].read_bytes())
                connection.execute("INSERT INTO stagegate.schema_version (version) VALUES (%s)", (one,))
    except psycopg.errors.InsufficientPrivilege as error:
        message = (
            f"{name}: this role may not make the tables of stagegate there ({error.diag.message_primary});"
            " have the owner of the database run: stagegate db upgrade"
        )
        raise StoreError(message) from error
    return ahead


class PostgresSchema:
    """The schema of a database: looked at and brought up to date without opening the store."""

    def __init__(self, url: str) -> None:
        """
        Take the url of the database.

        Raises:
            StoreError: If the url cannot be read.
        """
        self.newest = newest()
        self._connections = Connections(Place.of(url))

    def version(self) -> int | None:
        """
        Return the version that is there; None if there is nothing yet.

        Raises:
            StoreError: If what is there is not ours.
        """
        with self._connections.use("reading its version") as connection:
            return version(connection, self._connections.place.name)

    def upgrade(self) -> tuple[int, ...]:
        """
        Bring it up to date, or make it, in one transaction; return the versions it has passed through.

        Raises:
            StoreError: If it is newer than this code, or not ours; nothing is changed then.
        """
        with self._connections.use("upgrading it") as connection:
            return _upgrade(connection, self._connections.place.name)

    def roles(self, prefix: str = "stagegate") -> str:
        """
        Return SQL that makes the roles and lets each do what it needs; it can be run again after an upgrade.

        Args:
            prefix: What their names begin with.
        """
        return roles(prefix)

    def close(self) -> None:
        """Let go of the server."""
        self._connections.close()

    def __enter__(self) -> Self:
        """Use it for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the server."""
        self.close()


TABLES = ("schema_version", "agreement", "event", "definition", "member", "request", "outbox", "hold", "delta")

RIGHTS: dict[str, dict[str, Any]] = {
    "application": {
        "schema_version": "SELECT",
        "agreement": "SELECT, INSERT, UPDATE",
        "event": "SELECT, INSERT",
        "definition": "SELECT, INSERT",
        "member": "SELECT, INSERT, DELETE",
        "request": "SELECT, INSERT",
        "outbox": "SELECT, INSERT",
        "hold": "SELECT",
        "delta": "SELECT, INSERT, UPDATE, DELETE",
    },
    "dispatcher": {
        "schema_version": "SELECT",
        "definition": "SELECT",
        "event": "SELECT (agreement, n, hash)",
        "outbox": "SELECT, UPDATE (status, tries, due_at, leased_until, error, expires_at, recipient, seal)",
        "hold": "SELECT, INSERT, UPDATE, DELETE",
    },
    "auditor": dict.fromkeys(TABLES, "SELECT"),
}
"""What each role may do with each table."""

MEANT = {
    "owner": "makes and upgrades the tables; nobody works under it",
    "application": "makes every move, and can change or delete nothing of a history",
    "dispatcher": "delivers the outbox",
    "auditor": "reads, and proves the histories",
}


def roles(prefix: str) -> str:
    """Return SQL for the roles."""
    if not (prefix.isascii() and prefix.isidentifier() and prefix == prefix.lower()):
        message = f"the names of roles begin with a word of small letters, digits and _, not {prefix!r}"
        raise StoreError(message)
    lines = ["-- Run it as a superuser where `stagegate db upgrade` has made the tables, and again after each upgrade."]
    lines += ["-- The roles cannot log in: grant them to those who can. Who does two things is granted two roles.", ""]
    for role, does in MEANT.items():
        name = f"{prefix}_{role}"
        lines += [f"-- {name} {does}."]
        lines += ["DO $$ BEGIN"]
        lines += [
            f"    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{name}') THEN CREATE ROLE {name} NOLOGIN;"
        ]
        lines += ["    END IF;", "END $$;"]
    owner = f"{prefix}_owner"
    lines += ["", f"ALTER SCHEMA stagegate OWNER TO {owner};"]
    lines += [f"ALTER TABLE stagegate.{table} OWNER TO {owner};" for table in TABLES]
    lines += [f"ALTER FUNCTION stagegate.never() OWNER TO {owner};", "", "REVOKE ALL ON SCHEMA stagegate FROM PUBLIC;"]
    for role, rights in RIGHTS.items():
        name = f"{prefix}_{role}"
        lines += ["", f"GRANT USAGE ON SCHEMA stagegate TO {name};"]
        lines += [f"REVOKE ALL ON ALL TABLES IN SCHEMA stagegate FROM {name};"]
        lines += [f"GRANT {given} ON stagegate.{table} TO {name};" for table, given in rights.items()]
    return "\n".join([*lines, ""])
