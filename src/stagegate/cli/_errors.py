"""Exit codes, and how errors are told: one clear sentence, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NoReturn

import click

from stagegate import (
    Conflict,
    DefinitionError,
    Engine,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RefusedError,
    StagegateError,
)

from ._output import Out, clean, echo
from ._settings import Settings
from ._views import Names, reason_data, reason_lines

DONE, REFUSED, WRONG = 0, 1, 2
INTERRUPTED = 130


def error_data(error: Exception, lang: str) -> dict[str, Any]:
    """Return an error as data: its kind, its sentence, and its particulars."""
    data: dict[str, Any] = {
        "kind": type(error).__name__,
        "message": error.format_message() if isinstance(error, click.ClickException) else str(error),
    }
    if isinstance(error, RefusedError):
        data |= {"agreement": error.agreement, "move": error.move, "permitted": error.permitted, "n": error.n}
        data["roles"] = error.roles if isinstance(error, NotPermitted) else ()
        data["unmet"] = [reason_data(reason, lang) for reason in error.unmet]
    elif isinstance(error, Conflict):
        data |= {"agreement": error.agreement, "seen": error.seen, "current": error.current}
    elif isinstance(error, DefinitionError):
        data["faults"] = [{"path": path, "message": sentence} for path, sentence in error.faults]
    elif isinstance(error, OutcomeUnknown):
        data["request_id"] = error.request_id
    return {"error": data}


def refused(out: Out, engine: Engine, error: RefusedError) -> NoReturn:
    """
    Tell why an attempt was refused, with every reason, and leave.

    Raises:
        click.exceptions.Exit: Always, with the code of a refusal.
    """
    if out.json:
        out.data(error_data(error, out.lang))
    names = _names(engine, error.agreement, out.lang)
    if isinstance(error, NotPermitted):
        said = out.word(
            "{agreement}: {actor} may not {move}; that is for {roles}",
            agreement=error.agreement,
            actor=error.actor,
            move=error.move,
            roles=names.called(error.roles),
        )
    else:
        said = out.word("{agreement}: {move} is refused", agreement=error.agreement, move=error.move)
    out.warn(f"{said} ({out.word('recorded as event {n}', n=error.n)})" if error.n else said)
    if isinstance(error, NotPermitted) and error.unmet:
        out.warn(out.word("besides, these reasons stand in the way:"))
    for line in reason_lines(error.unmet, names):
        out.warn(line)
    raise click.exceptions.Exit(REFUSED)


def _names(engine: Engine, agreement: str, lang: str) -> Names:
    """Take the names of the process; of an agreement that was not even started there is none."""
    try:
        return Names.of(engine, engine.get(agreement), lang)
    except NotFound:
        return Names(None, lang)


class Program(click.Group):
    """The group of all commands: it turns errors into sentences and exit codes, for a shell and for tests alike."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run a command line and leave with its exit code."""
        for stream in (sys.stdout, sys.stderr):
            # What the terminal cannot show is written out; it is no reason to fail.
            if getattr(stream, "errors", None) == "strict":
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        extra["obj"] = settings = Settings()
        extra["standalone_mode"] = False
        try:
            code = super().main(args, prog_name, **extra) or DONE
        except click.exceptions.NoArgsIsHelpError as error:
            echo(error.format_message(), err=True)
            code = WRONG
        except click.ClickException as error:
            # Who stumbles over one option has not come to those behind it.
            said = takewhile("--".__ne__, sys.argv[1:] if args is None else args)
            settings.json |= "--json" in said
            code = _wrong(settings, error, _usage(error))
        except click.Abort:
            code = INTERRUPTED
        except Conflict as error:
            code = _wrong(settings, error, str(error), code=REFUSED)
        except StagegateError as error:
            code = _wrong(settings, error, str(error))
        except OSError as error:
            code = _wrong(settings, error, str(error))
        except Exception as error:  # a traceback helps nobody who reads a terminal
            code = _wrong(
                settings, error, f"something unexpected went wrong ({type(error).__name__}: {error}); please report it"
            )
        sys.exit(code)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line; whoever asks for help and reads only its beginning has been helped."""
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError:
            raise click.exceptions.Exit(DONE) from None


def _usage(error: click.ClickException) -> str:
    ctx = getattr(error, "ctx", None)
    where = f" (try `{ctx.command_path} --help`)" if ctx is not None else ""
    return error.format_message().rstrip(".") + where


def _wrong(settings: Settings, error: Exception, sentence: str, *, code: int = WRONG) -> int:
    if settings.json:
        Out(settings).data(error_data(error, settings.lang))
    for line in sentence.splitlines():
        echo(f"stagegate: {clean(line)}", err=True)
    return code
