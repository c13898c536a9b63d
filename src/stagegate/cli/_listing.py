"""How a group of commands lists them: each with the whole of its first sentence."""

from __future__ import annotations

from collections.abc import Iterable

import click

LONGEST = 500
"""How long a sentence may be before it is cut; click cuts after one line if it is not told otherwise."""


class Group(click.Group):
    """A group within the program, such as `stagegate outbox`."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click asks for both
        """Write what there is."""
        with formatter.section("Commands"):
            listed(formatter, self.commands.values())


def listed(formatter: click.HelpFormatter, commands: Iterable[click.Command]) -> None:
    """Write a line or two for each command."""
    formatter.write_dl([(command.name or "", command.get_short_help_str(LONGEST)) for command in commands])
