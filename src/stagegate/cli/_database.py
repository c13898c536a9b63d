"""The commands about the place where the histories are kept: its version, a copy of it, who may do what there."""

from __future__ import annotations

from pathlib import Path

import click

from stagegate import StoreError

from ._errors import REFUSED
from ._listing import Group
from ._output import Out
from ._settings import Settings, shared


@click.group(cls=Group)
def db() -> None:
    """Look after the database: its version, bringing it up to date, a copy of it, its roles."""


@db.command()
@shared()
@click.pass_obj
def status(settings: Settings) -> int:
    """Show the version of its schema, and the one that this stagegate works with; leave with 1 if they differ."""
    out = Out(settings)
    with settings.schema() as schema:
        found, newest = schema.version(), schema.newest
    if out.json:
        out.data({"schema": found, "newest": newest})
    else:
        out.pairs([("schema", "none" if found is None else found), ("newest", newest)])
    return 0 if found == newest else REFUSED


@db.command()
@shared()
@click.pass_obj
def upgrade(settings: Settings) -> None:
    """Bring it up to date, or make it: all in one transaction, or nothing."""
    out = Out(settings)
    with settings.schema() as schema:
        passed = tuple(schema.upgrade())
        newest = schema.newest
    if out.json:
        out.data({"schema": newest, "steps": passed})
    else:
        out.pairs([("schema", newest), ("steps", ", ".join(map(str, passed)) or "none")])


@db.command()
@click.argument("file", type=click.Path(path_type=Path))
@shared()
@click.pass_obj
def backup(settings: Settings, file: Path) -> None:
    """Copy a SQLite database into a new FILE, while others go on; the copy delivers nothing until it is released."""
    out = Out(settings)
    with settings.open() as engine:
        engine.backup(file)
    if out.json:
        out.data({"file": str(file)})
    else:
        out.line(str(file))


@db.command()
@click.option("--prefix", default="stagegate", show_default=True, help="What the names of the roles begin with.")
@shared()
@click.pass_obj
def roles(settings: Settings, prefix: str) -> None:
    """Print SQL that makes the roles of a PostgreSQL server, each with what it may do and no more."""
    out = Out(settings)
    with settings.schema() as schema:
        written = getattr(schema, "roles", None)
        if written is None:
            message = "this store has no roles: who can write to its file can do everything"
            raise StoreError(message)
        sql = written(prefix)
    if out.json:
        out.data({"sql": sql})
    else:
        click.echo(sql, nl=False)
