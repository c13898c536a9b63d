# ruff: noqa: S608  statements are put together from names of our own
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from proof.servers import PostgresServer
from stagegate import Actor, Document, Engine, StoreError
from stagegate.cli._commands import stagegate
from stagegate.contrib.postgres import PostgresSchema, PostgresStore
from stagegate.contrib.postgres._schema import TABLES, roles

from ..exchange import CLERK, PROCESS, Bell

Rows = Callable[..., list[Any]]

HISTORY = ("event", "definition")

EVERYTHING = (
    "SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM"
    " (SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')) AS t"
)


def test_empty_database(database: str, rows: Rows) -> None:
    """An empty database becomes ours when it is opened; what a host has in it stays apart."""
    rows("CREATE TABLE event (mine text)")
    with closing(PostgresSchema(database)) as schema:
        assert schema.version() is None
        PostgresStore(database).close()
        assert schema.newest == schema.version()

    assert {(table,) for table in TABLES} == set(
        rows("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'stagegate'")
    )
    assert [] == rows("SELECT * FROM event")


def test_many_open_an_empty_database(database: str) -> None:
    """Of many who open an empty database at once, one makes the tables, and all go on."""
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(PostgresStore, [database] * 6))
    started = Engine(stores[0], processes=[PROCESS]).start("exchange", "a", by=CLERK)
    seen = [store.get("a") for store in stores]
    for store in stores:
        store.close()

    assert [started] * 6 == seen


def test_upgrade(database: str) -> None:
    """Upgrading makes what is not there, and does nothing where nothing is to be done."""
    with PostgresSchema(database) as schema:
        assert tuple(range(1, schema.newest + 1)) == schema.upgrade()
        assert () == schema.upgrade()


def test_newer_schema(database: str, rows: Rows) -> None:
    """A newer schema is refused, by opening it and by upgrading it, and nothing is written."""
    PostgresStore(database).close()
    rows("INSERT INTO stagegate.schema_version (version) VALUES (999)")
    before = rows("SELECT xmin::text, version FROM stagegate.schema_version"), rows(EVERYTHING)
    with PostgresSchema(database) as schema:
        for refused in (lambda: PostgresStore(database), schema.upgrade):
            with pytest.raises(StoreError, match="its schema 999 is newer than schema .* upgrade stagegate"):
                refused()
        assert 999 == schema.version()

    assert before == (rows("SELECT xmin::text, version FROM stagegate.schema_version"), rows(EVERYTHING))


def test_older_schema(database: str, rows: Rows) -> None:
    """An older schema is refused with the command that upgrades it, and nothing is written."""
    PostgresStore(database).close()
    rows("UPDATE stagegate.schema_version SET version = 0")
    with pytest.raises(StoreError, match=r"its schema 0 is older than schema .* run: stagegate db upgrade"):
        PostgresStore(database)

    assert [(0,)] == rows("SELECT version FROM stagegate.schema_version")


def upgraded(url: str) -> None:
    """Bring a database up to date."""
    with PostgresSchema(url) as schema:
        schema.upgrade()


@pytest.mark.parametrize("act", [PostgresStore, upgraded], ids=["open", "upgrade"])
def test_schema_of_somebody_else(database: str, rows: Rows, act: Callable[[str], object]) -> None:
    """A schema of our name that belongs to something else is left alone."""
    rows("CREATE SCHEMA stagegate")
    rows("CREATE TABLE stagegate.stage (door text)")
    with pytest.raises(StoreError, match="its schema `stagegate` belongs to something else; nothing in it was changed"):
        act(database)

    assert [("(stagegate,stage)",)] == rows(EVERYTHING)


def test_schema_that_was_made_ready(database: str, rows: Rows) -> None:
    """An empty schema of our name, which somebody may have made ready for a role, is taken."""
    rows("CREATE SCHEMA stagegate")
    PostgresStore(database).close()

    with closing(PostgresSchema(database)) as schema:
        assert schema.newest == schema.version()


def test_versions_that_are_gone(database: str, rows: Rows) -> None:
    """Where the versions were deleted, nothing is guessed."""
    PostgresStore(database).close()
    rows("DELETE FROM stagegate.schema_version")
    with pytest.raises(StoreError, match="its table of schema versions is empty"):
        PostgresStore(database)


def test_role_that_may_not_make_tables(postgres: PostgresServer, database: str, rows: Rows) -> None:
    """A role that may make nothing is told who has to run what."""
    rows("DO $$ BEGIN CREATE ROLE nobody_special LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    name = rows("SELECT current_database()")[0][0]
    with pytest.raises(StoreError, match="have the owner of the database run: stagegate db upgrade"):
        PostgresStore(postgres.url(name, user="nobody_special"))


@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize(
    "change", ["UPDATE stagegate.{} SET body = ''", "DELETE FROM stagegate.{}", "TRUNCATE stagegate.{}"]
)
def test_history_is_never_changed(engine: Engine, rows: Rows, table: str, change: str) -> None:
    """Not even the owner changes, deletes or empties what is kept for good, by accident."""
    engine.start("exchange", "a", by=CLERK)
    with pytest.raises(
        psycopg.errors.ObjectNotInPrerequisiteState, match=f"what is kept in stagegate.{table} is never"
    ):
        rows(change.format(table))

    assert engine.verify().ok


class TestRoles:
    """What each role may do, and may not."""

    @pytest.fixture
    def names(self, database: str, rows: Rows) -> Iterator[dict[str, str]]:
        """Make the roles, and for each somebody who can log in."""
        prefix = f"sg_{rows('SELECT oid::int FROM pg_database WHERE datname = current_database()')[0][0]}"
        with PostgresSchema(database) as schema:
            schema.upgrade()
            script = schema.roles(prefix)
        with psycopg.connect(database, autocommit=True) as connection:
            # It can be run again.
            for _ in range(2):
                connection.execute(script.encode())
        roles = ("owner", "application", "dispatcher", "auditor")
        for role in roles:
            rows(f"CREATE ROLE {prefix}_{role}_login LOGIN IN ROLE {prefix}_{role}")
        yield {role: f"{prefix}_{role}_login" for role in roles}
        rows(f"DROP OWNED BY {', '.join(f'{prefix}_{role}, {prefix}_{role}_login' for role in roles)} CASCADE")
        for role in roles:
            rows(f"DROP ROLE {prefix}_{role}_login")
            rows(f"DROP ROLE {prefix}_{role}")

    @pytest.fixture
    def url(self, postgres: PostgresServer, rows: Rows, names: dict[str, str]) -> Callable[[str], str]:
        """Return the url by which somebody of a role comes in."""
        (name,) = rows("SELECT current_database()")[0]
        return lambda role: postgres.url(name, user=names[role])

    def test_application(self, url: Callable[[str], str], bell: Bell) -> None:
        """The application makes every move, and is refused to change, delete or empty anything of a history."""
        with Engine.open(url("application"), processes=[PROCESS], plugins=[bell]) as engine:
            engine.start("exchange", "a", by=CLERK, request_id="r")
            engine.start("exchange", "a/1", part_of="a", by=CLERK)
            engine.attach("a", Document.from_bytes(b"1", kind="plan"), by=CLERK)
            engine.record("a", "ready", value=True, by=CLERK)
            engine.advance("a", by=CLERK)
            engine.send_back("a", "draft", "again", by=CLERK)
            engine.hold("a", "wait", by=CLERK)
            engine.resume("a", by=CLERK)
            engine.end("a", "withdrawn", "enough", by=CLERK)
            with engine.batch() as batch:
                batch.start("exchange", "b", by=CLERK)
            engine._store.fold()  # type: ignore[attr-defined]  # of this store
            assert engine.resolve("r") is not None
            assert engine.verify().ok
            assert 3 == engine.count()
        with psycopg.connect(url("application"), autocommit=True) as connection:
            for table in HISTORY:
                for change in (
                    "UPDATE stagegate.{} SET body = ''",
                    "DELETE FROM stagegate.{}",
                    "TRUNCATE stagegate.{}",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute(change.format(table))
            for change in (
                "ALTER TABLE stagegate.event DISABLE TRIGGER ALL",
                "DROP TABLE stagegate.event",
                "DELETE FROM stagegate.agreement",
                "UPDATE stagegate.request SET n = 1",
                "UPDATE stagegate.outbox SET status = 'delivered'",
                "CREATE TABLE stagegate.more (k int)",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(change.encode())

    def test_dispatcher(self, url: Callable[[str], str], bell: Bell) -> None:
        """The dispatcher delivers, puts back what is dead, holds and releases, and makes no move."""
        with Engine.open(url("application"), processes=[PROCESS], plugins=[bell]) as engine:
            engine.start("exchange", "a", by=CLERK)
        with Engine.open(url("dispatcher"), processes=[PROCESS], plugins=[bell]) as engine:
            assert 1 == engine.deliver().delivered
            assert [("a", 1)] == bell.rung
            assert 0 == engine.requeue()
            engine.hold_deliveries(why="a copy")
            assert engine.release_deliveries()
            with pytest.raises(StoreError, match=r"permission denied.*stagegate db roles"):
                engine.note("a", "mine", by=CLERK)
            with pytest.raises(StoreError, match="permission denied"):
                engine.history("a")

    def test_auditor(self, url: Callable[[str], str], bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
        """The auditor reads, counts and proves everything, and changes nothing."""
        monkeypatch.setattr("stagegate.contrib.postgres._reading.MANY", 0)
        with Engine.open(url("application"), processes=[PROCESS], plugins=[bell]) as engine:
            for id_ in "abc":
                engine.start("exchange", id_, by=CLERK)
        with Engine.open(url("auditor"), processes=[PROCESS], plugins=[bell]) as engine:
            assert engine.verify().ok
            assert 3 == engine.count() == len(engine.find().items)
            with pytest.raises(StoreError, match="permission denied"):
                engine.note("a", "mine", by=Actor(id="x", roles={"desk"}))

    def test_owner(self, url: Callable[[str], str]) -> None:
        """The owner brings the tables up to date, without any right in the rest of the database."""
        with PostgresSchema(url("owner")) as schema:
            assert () == schema.upgrade()

    def test_names(self, database: str) -> None:
        """A prefix that is no plain name is refused, so that nothing else gets into the SQL."""
        with PostgresSchema(database) as schema, pytest.raises(StoreError, match="small letters, digits and _"):
            schema.roles("x; DROP TABLE event")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, database: str) -> Callable[..., Any]:
    """Run a command of `stagegate` on the database."""
    monkeypatch.setenv("STAGEGATE_DB", database)
    return lambda *line: CliRunner().invoke(stagegate, line)


def test_from_the_command_line(shell: Callable[..., Any]) -> None:
    """`db` looks at the schema, makes it, and prints the roles, as SQL or as data."""
    before, made, after = (shell("db", act) for act in ("status", "upgrade", "status"))

    assert (1, "schema\tnone\nnewest\t1\n") == (before.exit_code, before.stdout)
    assert (0, "schema\t1\nsteps\t1\n") == (made.exit_code, made.stdout)
    assert (0, "schema\t1\nnewest\t1\n") == (after.exit_code, after.stdout)
    assert (
        "GRANT SELECT, INSERT ON stagegate.event TO city_application;" in shell("db", "roles", "--prefix=city").stdout
    )
    assert json.loads(shell("--json", "db", "roles").stdout) == {"sql": roles("stagegate")}
    assert 0 == shell("verify").exit_code


def test_no_roles_in_a_file(shell: Callable[..., Any]) -> None:
    """A store without roles says so."""
    refused = shell("--db", "sqlite:///x.db", "db", "roles")

    assert 2 == refused.exit_code
    assert "this store has no roles" in refused.stderr
