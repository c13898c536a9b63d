"""The command `stagegate` with all that can be done by it."""

from __future__ import annotations

import click

from stagegate import __version__

from ._acting import abstain, adjourn, approve, attach, note, record, recuse, refuse, start
from ._asking import board, options, show
from ._database import db
from ._defining import lint, processes
from ._errors import Program
from ._listing import listed
from ._migrating import migrate
from ._moving import advance, amend, end, hold, renew, resume, send_back
from ._outbox import deliver, outbox
from ._plugin import plugin
from ._proving import diagram, history, verify
from ._settings import shared
from ._temporal import temporal
from ._timing import deadlines, forecast, recompute, sweep
from .demo import demo

EPILOG = "Leaves with 0 if it was done, 1 if it was refused, 2 if it was asked for wrongly or could not be done."

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Begin": (demo, processes, lint, start),
    "Ask": (board, show, options, deadlines, forecast, history, diagram),
    "Let something happen": (attach, record, approve, refuse, abstain, recuse, adjourn, note),
    "Move": (advance, send_back, hold, resume, renew, amend, end, migrate, recompute),
    "Keep it running": (sweep, deliver, outbox, verify, db, temporal),
    "Add to it": (plugin,),
}
"""Everything that can be asked of the program, in the order in which one needs it."""


class Sections(Program):
    """Lists its commands in sections."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  the order is the same for everybody
        """Return the names in the order in which they were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click asks for both
        """Write the sections."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                listed(formatter, commands)


@click.group(cls=Sections, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="stagegate")
@shared(environment=True)
def stagegate() -> None:
    """Move cooperation agreements through the gated stages of their process, and keep what happened."""


for _section in SECTIONS.values():
    for _command in _section:
        stagegate.add_command(_command)
