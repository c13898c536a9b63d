"""The commands that move an agreement as a whole."""

from __future__ import annotations

import click

from stagegate import Agreement, Engine

from ._acting import change
from ._papers import Paper, paper
from ._settings import Acting, Settings, acting, shared


@click.command()
@click.argument("agreement")
@click.option("--reason", default="", help="Why.")
@click.pass_obj
@acting()
@shared()
def advance(settings: Settings, act: Acting, *, agreement: str, reason: str) -> None:
    """Move AGREEMENT on to the next stage, through the gate."""
    change(settings, lambda engine: engine.advance(act.seen(engine, agreement), reason=reason, **act.common))


@click.command("send-back")
@click.argument("agreement")
@click.argument("stage")
@click.argument("reason")
@click.pass_obj
@acting()
@shared()
def send_back(settings: Settings, act: Acting, *, agreement: str, stage: str, reason: str) -> None:
    """Send AGREEMENT back to an earlier STAGE, for a REASON; it says which approvals this voids."""
    change(settings, lambda engine: engine.send_back(act.seen(engine, agreement), stage, reason, **act.common))


@click.command()
@click.argument("agreement")
@click.argument("reason")
@click.pass_obj
@acting()
@shared()
def hold(settings: Settings, act: Acting, *, agreement: str, reason: str) -> None:
    """Put AGREEMENT on hold where it stands, for a REASON."""
    change(settings, lambda engine: engine.hold(act.seen(engine, agreement), reason, **act.common))


@click.command()
@click.argument("agreement")
@click.option("--reason", default="", help="Why.")
@click.pass_obj
@acting()
@shared()
def resume(settings: Settings, act: Acting, *, agreement: str, reason: str) -> None:
    """Let AGREEMENT go on after a hold."""
    change(settings, lambda engine: engine.resume(act.seen(engine, agreement), reason=reason, **act.common))


@click.command()
@click.argument("agreement")
@click.argument("outcome")
@click.option("--reason", default="", help="Why.")
@click.pass_obj
@acting()
@shared()
def end(settings: Settings, act: Acting, *, agreement: str, outcome: str, reason: str) -> None:
    """End AGREEMENT with one of the outcomes of its process."""
    change(settings, lambda engine: engine.end(act.seen(engine, agreement), outcome, reason, **act.common))


@click.command()
@click.argument("agreement")
@click.argument("stage", required=False)
@click.option("--reason", default="", help="Why.")
@click.pass_obj
@acting()
@shared()
def renew(settings: Settings, act: Acting, *, agreement: str, stage: str | None, reason: str) -> None:
    """Renew AGREEMENT for another term where it stands, or from an earlier STAGE on, to go through it again."""
    change(settings, lambda engine: engine.renew(act.seen(engine, agreement), stage, reason, **act.common))


@click.command()
@click.argument("agreement")
@paper
@click.option("--reason", required=True, help="Why.")
@click.pass_obj
@acting()
@shared()
def amend(settings: Settings, act: Acting, *, agreement: str, paper: Paper, reason: str) -> None:
    """File FILE as a new version of a document that stands, by the approvals that its amendment takes."""

    def call(engine: Engine) -> Agreement:
        seen, document = paper.filed(engine, agreement, act)
        return engine.amend(seen, document, reason, **act.common)

    change(settings, call)
