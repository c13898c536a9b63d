"""The options that all commands share, and the engine they open."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from datetime import datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import unquote

import attrs
import click

from stagegate import (
    Actor,
    Agreement,
    DefinitionError,
    Engine,
    NotFound,
    Process,
    Schema,
    StoreError,
    open_schema,
)

from ._filed import Filed, read_settings
from ._values import Instant
from ._words import LANGUAGES

DEFAULT_DB = "sqlite:///stagegate.db"

P = ParamSpec("P")
R = TypeVar("R")


@attrs.define
class Settings:
    """
    What was said on the command line for every command, before or behind its name.

    Attributes:
        chosen: Where the agreements are kept, as was said outside of the file of settings; None if it was not.

        named: Whether `--db` was written on this very command line.

        processes: Files of definitions.

        plugins: Names of plugins, and tables of such a name and its settings.

        calendars: Files of calendars.

        woken: What is told when something becomes due, as it was said outside of the file of settings; empty where
            nothing was.

        file: The file of settings.

        filed: What stands in it, once it was read; it is the beginning of those three.

        json: Whether to answer in JSON.

        lang: The language to speak.
    """

    chosen: str | None = None
    named: bool = False
    processes: list[Path] = attrs.field(factory=list)
    plugins: list[Any] = attrs.field(factory=list)
    calendars: list[Path] = attrs.field(factory=list)
    woken: str = ""
    file: Path | None = None
    filed: Filed = attrs.field(factory=Filed)
    json: bool = False
    lang: str = "en"

    def open(self, *, create: bool = False, forget: bool = False) -> Engine:
        """
        Open the engine.

        Args:
            create: Whether a SQLite file may be made; a question about a file that is not there is a mistake.

            forget: Whether the question is about definitions only, so that no store is needed.

        Raises:
            StoreError: If there is nothing there.
        """
        db = "memory:" if forget else self.db
        if not create and db.startswith("sqlite:///"):
            path = Path(unquote(db.partition("?")[0].removeprefix("sqlite:///")))
            if not path.exists():
                message = f"there is no database {path}; `stagegate start` makes one, or name another with --db"
                raise StoreError(message)
        given = dict(self.filed.engine)
        if self.woken:
            given["wake"] = self.woken
        if forget:
            given.pop("wake", None)
        try:
            return Engine.open(db, processes=self.processes, plugins=self.plugins, calendars=self.calendars, **given)
        except DefinitionError as error:
            # What was read from another file says so by itself.
            raise error if error.source else DefinitionError(error.faults, source=self.filed.source) from None

    def read(self) -> None:
        """Begin with what stands in the file of settings; when all was read that could say how errors are told."""
        if self.file is not None:
            self.filed = read_settings(self.file)
            for name in ("processes", "plugins", "calendars"):
                getattr(self, name)[:0] = getattr(self.filed, name)

    @property
    def db(self) -> str:
        """Where the agreements are kept."""
        return self.filed.db or DEFAULT_DB if self.chosen is None else self.chosen

    @property
    def wake(self) -> str:
        """What is told when something becomes due; empty where nobody is."""
        return self.woken or str(self.filed.engine.get("wake", ""))

    @property
    def said(self) -> list[Any]:
        """The plugins that were named outside of the file of settings."""
        return self.plugins[len(self.filed.plugins) :]

    def schema(self) -> AbstractContextManager[Schema]:
        """Look at the form of the store, without opening it, for the length of a block."""
        return closing(open_schema(self.db, plugins=self.plugins))


def find_process(processes: Sequence[Process], process: str, version: str | None = None) -> Process:
    """
    Return the process of that id, the last that was given.

    Raises:
        NotFound: If there is none.
    """
    for known in reversed(processes):
        if known.id == process and version in (None, known.version):
            return known
    there = ", ".join(f"{known.id} {known.version}" for known in processes) or "none"
    raise NotFound(
        f"there is no process {process!r}{f' of version {version!r}' if version else ''}; there are: {there}"
    )


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    settings = ctx.ensure_object(Settings)
    if value in (None, (), False):
        return
    match param.name:
        case "settings_file":
            settings.file = value
        case "db":
            settings.chosen = value
            settings.named = ctx.get_parameter_source("db") is click.core.ParameterSource.COMMANDLINE
        case "process_files":
            settings.processes += value
        case "plugins":
            settings.plugins += value
        case "calendars":
            settings.calendars += value
        case "wake":
            settings.woken = value
        case "json":
            settings.json = True
        case _:
            settings.lang = value


def shared(*, environment: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Give a command the options that all share.

    Args:
        environment: Whether they may come from the environment too: once, where the program begins.
    """
    options = (
        click.option(
            "--settings",
            "settings_file",
            metavar="FILE",
            type=click.Path(path_type=Path),
            envvar="STAGEGATE_SETTINGS" if environment else None,
            help="A TOML file with what is the same for every command; otherwise STAGEGATE_SETTINGS.",
            expose_value=False,
            callback=_keep,
        ),
        click.option(
            "--db",
            metavar="URL",
            envvar="STAGEGATE_DB" if environment else None,
            help=f"Where the agreements are kept; otherwise STAGEGATE_DB, otherwise {DEFAULT_DB}.",
            expose_value=False,
            callback=_keep,
        ),
        click.option(
            "--process",
            "process_files",
            metavar="FILE",
            type=click.Path(path_type=Path),
            multiple=True,
            help="A definition of a process, TOML or JSON; may be repeated.",
            expose_value=False,
            callback=_keep,
        ),
        click.option(
            "--plugin",
            "plugins",
            metavar="NAME",
            multiple=True,
            help="A plugin to load, by the name that its installed package gives it; may be repeated.",
            expose_value=False,
            callback=_keep,
        ),
        click.option(
            "--calendar",
            "calendars",
            metavar="FILE",
            type=click.Path(path_type=Path),
            multiple=True,
            envvar="STAGEGATE_CALENDAR" if environment else None,
            help="A calendar by which days are counted, TOML or JSON; may be repeated; also from STAGEGATE_CALENDAR.",
            expose_value=False,
            callback=_keep,
        ),
        click.option(
            "--wake",
            metavar="URL",
            envvar="STAGEGATE_WAKE" if environment else None,
            help="What is told when something becomes due, temporal://host:7233/namespace; also from STAGEGATE_WAKE.",
            expose_value=False,
            callback=_keep,
        ),
        click.option("--json", is_flag=True, help="Answer in JSON.", expose_value=False, callback=_keep),
        click.option(
            "--lang",
            type=click.Choice(LANGUAGES),
            envvar="STAGEGATE_LANG" if environment else None,
            help="The language of labels and reasons; otherwise STAGEGATE_LANG, otherwise en.",
            expose_value=False,
            callback=_keep,
        ),
    )

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(command)
        def with_file(*args: P.args, **given: P.kwargs) -> R:
            if not environment:
                click.get_current_context().ensure_object(Settings).read()
            return command(*args, **given)

        for option in reversed(options):
            with_file = option(with_file)
        return with_file

    return decorate


def asking(command: Callable[..., R]) -> Callable[..., R]:
    """Give a question the options that say for whom it is asked."""
    command = click.option(
        "--role", "roles", metavar="ROLE", multiple=True, help="A role this person acts in; may be repeated."
    )(command)
    return click.option(
        "--as", "actor", metavar="ID", help="Ask for this person; otherwise for anyone whose turn it is."
    )(command)


@attrs.frozen(kw_only=True)
class Acting:
    """
    Who acts, and how: what every command takes that changes something.

    Attributes:
        actor: Who acts.

        at: When it took effect.

        request_id: An id under which the command can be repeated.

        expect: The version that the caller saw.
    """

    actor: Actor
    at: datetime | None = None
    request_id: str | None = None
    expect: int | None = None

    @property
    def common(self) -> dict[str, Any]:
        """The arguments that every changing method of an engine takes."""
        return {"by": self.actor, "at": self.at, "request_id": self.request_id}

    def seen(self, engine: Engine, agreement: str) -> Agreement | str:
        """Return what to hand to the engine: the id, or the agreement at the version the caller saw."""
        return agreement if self.expect is None else attrs.evolve(engine.get(agreement), version=self.expect)


def acting(*, starts: bool = False) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """
    Give a command the options of those that change something, and hand them over as one `Acting`.

    Args:
        starts: Whether it starts an agreement, so that there is no version to expect.
    """
    options = [
        click.option("--as", "actor", metavar="ID", required=True, help="Who acts."),
        click.option(
            "--role", "roles", metavar="ROLE", multiple=True, help="A role this person acts in; may be repeated."
        ),
        click.option("--on-behalf-of", metavar="ID", help="Whose power is exercised, if not one's own."),
        click.option("--at", metavar="INSTANT", type=Instant(), help="When it took effect; now if not said."),
        click.option("--request-id", metavar="ID", help="An id under which the command can safely be repeated."),
    ]
    if not starts:
        seen = click.option(
            "--expect",
            metavar="VERSION",
            type=click.IntRange(min=1),
            help="The version you have seen; if it has changed since, nothing is done.",
        )
        options.append(seen)

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(command)
        def with_actor(
            settings: Settings,
            /,
            *,
            actor: str,
            roles: tuple[str, ...],
            on_behalf_of: str | None,
            at: datetime | None,
            request_id: str | None,
            expect: int | None = None,
            **rest: Any,
        ) -> R:
            who = Actor(id=actor, roles=set(roles), on_behalf_of=on_behalf_of)
            return command(settings, Acting(actor=who, at=at, request_id=request_id, expect=expect), **rest)

        for option in reversed(options):
            with_actor = option(with_actor)
        return with_actor

    return decorate
