"""What is said about a document on the command line: the options, and the document they make."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from stagegate import Agreement, Document, Engine, InvalidValue

from ._settings import Acting
from ._values import Day, Pair, table

R = TypeVar("R")


@attrs.frozen(kw_only=True)
class Paper:
    """
    A file, and what is said about it.

    Attributes:
        file: Where it is.

        kind: What it is.

        about: What else is known of it.

        fields: What it says.

        refers_to: The kinds of the documents on file that it refers to.
    """

    file: Path
    kind: str
    about: Mapping[str, Any]
    fields: Mapping[str, Any]
    refers_to: tuple[str, ...] = ()

    def filed(self, engine: Engine, agreement: str, act: Acting) -> tuple[Agreement | str, Document]:
        """
        Return what to hand to the engine: the agreement as it was seen, and the document.

        Raises:
            InvalidValue: If the file cannot be read, or refers to what is not on file.
        """
        fields = dict(self.fields)
        seen: Agreement | str = act.seen(engine, agreement)
        if self.refers_to:
            current = engine.get(agreement)
            digests = [_digest(current, other) for other in self.refers_to]
            fields["refers_to"] = digests[0] if len(digests) == 1 else digests
            # What it refers to must still be so when it is filed.
            seen = seen if isinstance(seen, Agreement) else current
        return seen, Document.from_file(self.file, kind=self.kind, fields=fields, **self.about)


def _digest(agreement: Agreement, kind: str) -> str:
    found = agreement.document(kind)
    if found is None:
        there = ", ".join(agreement.documents) or "none"
        raise InvalidValue(f"--refers-to: there is no document {kind!r} on file; there are: {there}")
    return found.digest


_OPTIONS = (
    click.argument("file", type=click.Path(path_type=Path)),
    click.option("--kind", metavar="KIND", required=True, help="What it is, such as letter_of_intent."),
    click.option("--title", help="What it is called; otherwise the name of the file."),
    click.option("--dated", metavar="DATE", type=Day(), help="The date it bears."),
    click.option("--received-on", metavar="DATE", type=Day(), help="The date it arrived."),
    click.option("--valid-until", metavar="DATE", type=Day(), help="The last day it is valid."),
    click.option("--signed-by", metavar="ID", multiple=True, help="Who signed it; may be repeated."),
    click.option("--language", "languages", metavar="CODE", multiple=True, help="Its language; may be repeated."),
    click.option("--field", "fields", type=Pair(), multiple=True, help="Something it says; may be repeated."),
    click.option(
        "--refers-to", metavar="KIND", multiple=True, help="A document on file that it refers to; may be repeated."
    ),
)


def paper(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the argument FILE and the options about a document, and hand them over as one `Paper`."""

    @functools.wraps(command)
    def with_paper(
        *args: Any,
        file: Path,
        kind: str,
        title: str | None,
        dated: date | None,
        received_on: date | None,
        valid_until: date | None,
        signed_by: tuple[str, ...],
        languages: tuple[str, ...],
        fields: tuple[tuple[str, Any], ...],
        refers_to: tuple[str, ...],
        **rest: Any,
    ) -> R:
        said = table(fields, "--field")
        if refers_to and "refers_to" in said:
            raise click.UsageError("--refers-to and --field refers_to=… say the same; use one of them")
        about = {
            "title": file.name if title is None else title,
            "dated": dated,
            "received_on": received_on,
            "valid_until": valid_until,
            "signed_by": set(signed_by),
            "languages": set(languages),
        }
        given = Paper(file=file, kind=kind, about=about, fields=said, refers_to=refers_to)
        return command(*args, paper=given, **rest)

    for option in reversed(_OPTIONS):
        with_paper = option(with_paper)
    return with_paper
