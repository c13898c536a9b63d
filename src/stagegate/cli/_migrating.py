"""The command for when a process changes: what it would do to the agreements that run, and doing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import click

from stagegate import Agreement, Conflict, Engine, MigrationPlan, MigrationRow, Pin, RefusedError

from ._acting import change
from ._errors import REFUSED
from ._output import Cell, Out, Value
from ._settings import Acting, Settings, acting, shared
from ._values import Way, table
from ._views import Names, reason_data

HEADINGS = ("agreement", "version", "stage", "target", "state", "reason", "can be mended by")


@click.command()
@click.argument("agreement", required=False)
@click.option("--of", "process", metavar="ID", help="The id of the process; needed where agreements run under several.")
@click.option("--from", "old", metavar="VERSION", help="Only those under this version; all others if not said.")
@click.option("--to", "new", metavar="VERSION", help="The version to migrate to; the latest if not said.")
@click.option(
    "--map",
    "ways",
    metavar="OLD=NEW",
    type=Way(),
    multiple=True,
    help="The stage NEW takes the place of the stage OLD; may be repeated.",
)
@click.option("--reason", default="", help="Why.")
@click.option("--dry-run", is_flag=True, help="Tell what it would do, and change nothing.")
@click.pass_obj
@acting()
@shared()
def migrate(
    settings: Settings,
    act: Acting,
    *,
    agreement: str | None,
    process: str | None,
    old: str | None,
    new: str | None,
    ways: tuple[tuple[str, str], ...],
    reason: str,
    dry_run: bool,
) -> int:
    """Let AGREEMENT, or all that run under a process, go on under another version of it."""
    mapping = table(ways, "--map")
    if agreement is not None:
        if old is not None:
            raise click.UsageError("--from says which agreements are meant; AGREEMENT names one already")
        if not dry_run:
            change(settings, lambda engine: _one(engine, act, agreement, (process, new), mapping, reason))
            return 0
    elif act.request_id is not None or act.expect is not None:
        raise click.UsageError("--request-id and --expect are for one AGREEMENT")
    out = Out(settings)
    with settings.open() as engine:
        wanted = process or (engine.get(agreement).process.id if agreement else _only(engine))
        source = engine.get(agreement) if agreement else wanted if old is None else (wanted, old)
        plan = engine.plan_migration(source, wanted, version=new, mapping=mapping, by=act.actor)
        done = {} if dry_run else {row.agreement: _migrated(engine, act, plan, row, reason) for row in plan.rows}
        names = {pin: Names.of(engine, pin, out.lang) for pin in (plan.to, *(row.was for row in plan.rows))}
    _tell(out, plan, names, None if dry_run else done)
    left = [row for row in plan.rows if (not row.fits or not row.permitted if dry_run else done[row.agreement])]
    return REFUSED if left else 0


def _one(
    engine: Engine,
    act: Acting,
    agreement: str,
    to: tuple[str | None, str | None],
    mapping: dict[str, str],
    reason: str,
) -> Agreement:
    process = to[0] or engine.get(agreement).process.id
    seen = act.seen(engine, agreement)
    return engine.migrate(seen, process, version=to[1], mapping=mapping, reason=reason, **act.common)


def _only(engine: Engine) -> str:
    """Return the process that all agreements run under, where there is only one."""
    running = sorted(engine.count(by="process", running=True))
    if len(running) == 1:
        return str(running[0])
    there = ", ".join(running) or "none"
    raise click.UsageError(f"say which process is meant with --of; agreements run under: {there}")


def _migrated(engine: Engine, act: Acting, plan: MigrationPlan, row: MigrationRow, reason: str) -> str:
    """Migrate one agreement as it was when it was looked at; return why it was left, or an empty text."""
    if not row.fits:
        return "; ".join(why.text() for why in row.stranded)
    if not row.permitted:
        return f"that is for {', '.join(row.roles)}"
    seen = attrs.evolve(engine.get(row.agreement), version=row.version)
    try:
        engine.migrate(seen, plan.to.id, version=plan.to.version, mapping=row.mapping, reason=reason, **act.common)
    except (Conflict, RefusedError) as error:
        return str(error)
    return ""


def _tell(out: Out, plan: MigrationPlan, names: dict[Pin, Names], done: dict[str, str] | None) -> None:
    numbers = {
        "agreements": len(plan.rows),
        "fits": len(plan.fitting),
        "newly blocked": len(plan.blocked),
        "stranded": len(plan.stranded),
    }
    if done is not None:
        numbers |= {"migrated": sum(not why for why in done.values()), "left": sum(map(bool, done.values()))}
    if out.json:
        rows = [_row_data(row, out.lang, None if done is None else done[row.agreement]) for row in plan.rows]
        counts = {key.replace(" ", "_"): number for key, number in numbers.items()}
        out.data({"to": attrs.asdict(plan.to), "dry_run": done is None, **counts, "rows": rows})
        return
    out.pairs([("process", str(plan.to)), *numbers.items()])
    lines = [
        line
        for row in plan.rows
        for line in _lines(out, row, names[row.was], names[plan.to], None if done is None else done[row.agreement])
    ]
    out.table("", HEADINGS, lines if out.terminal else [("row", *line) for line in lines])


def _row_data(row: MigrationRow, lang: str, left: str | None) -> dict[str, Any]:
    return {
        "agreement": row.agreement,
        "version": row.version,
        "was": attrs.asdict(row.was),
        "stage": row.stage,
        "to_stage": row.to_stage,
        "mapping": row.mapping,
        "fits": row.fits,
        "permitted": row.permitted,
        "roles": row.roles,
        "stranded": [reason_data(reason, lang) for reason in row.stranded],
        "newly_blocked": [reason_data(reason, lang) for reason in row.newly_blocked],
        "overdue": row.overdue,
        "voided": [vote.to_data() for vote in row.voided],
        "passed_over": row.passed_over,
        "migrated": None if left is None else not left,
        "left": left or None,
    }


def _lines(out: Out, row: MigrationRow, old: Names, new: Names, left: str | None) -> Iterator[Sequence[Value]]:
    """Tell of one agreement: a line for what becomes of it, and one for each thing to know about it."""
    to = Cell("", "") if row.to_stage is None else new.stage(row.to_stage)
    where = (row.agreement, row.was.version, old.stage(row.stage), to)
    if left is not None:
        yield (*where, _state(out, "left" if left else "migrated"), left, "")
    elif row.fits:
        barred: Value = "" if row.permitted else old.roles(row.roles)
        yield (*where, _state(out, "fits" if row.permitted else "not permitted"), barred, "")
    for state, reasons in (("stranded", () if left else row.stranded), ("newly blocked", row.newly_blocked)):
        for reason in reasons:
            yield (*where, _state(out, state), reason.text(out.lang), new.roles(reason.fix_by))
    for late in row.overdue:
        yield (*where, _state(out, "overdue"), late, "")
    for vote in row.voided:
        yield (*where, _state(out, "voided"), f"{vote.role}: {vote.by}", "")
    for stage in row.passed_over:
        yield (*where, _state(out, "passed over"), new.stage(stage), "")


def _state(out: Out, state: str) -> Cell:
    return Cell(state.replace(" ", "_"), out.word(state))
