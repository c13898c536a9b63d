"""
The public API as a web application would use it: checked by mypy, never run.

Every `assert_type` says what a caller gets without a cast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

from stagegate import (
    Actor,
    Adjournment,
    Agreement,
    Approval,
    Attempt,
    Calendar,
    Conflict,
    Cursor,
    Deadline,
    Delivered,
    Delivery,
    Document,
    Due,
    Duty,
    Engine,
    Entry,
    Event,
    Fact,
    Fault,
    Forecast,
    GateClosed,
    Hold,
    Label,
    MemoryStore,
    MigrationPlan,
    MigrationRow,
    Notification,
    NotPermitted,
    Option,
    Outcome,
    OutcomeUnknown,
    Page,
    Party,
    Passage,
    Period,
    Pin,
    Process,
    Query,
    RefusedError,
    Renewal,
    Report,
    Requirement,
    Stage,
    Store,
    Subscription,
    Swept,
    Template,
    Term,
    Unit,
    Unmet,
    actor,
    all_of,
    any_of,
    approval,
    at_least,
    builtin,
    builtin_calendar,
    calendar_days,
    check_plugin,
    document,
    fact,
    fold,
    hookimpl,
    load_calendar,
    load_messages,
    load_process,
    load_subscriptions,
    months,
    notice,
    parent,
    parties,
    parts,
    requirement,
    track,
    translate,
    unguarded,
    value_of,
    when,
    workdays,
    years,
)
from stagegate.aio import AsyncEngine

# A process


@requirement(code="cost.ceiling", fix_by="budget_office", basis="Regional budget regulation, Art 5")
def affordable(attempt: Attempt) -> bool | str:
    """Look at the cost."""
    assert_type(attempt.agreement, Agreement)
    assert_type(attempt.actor, Actor)
    assert_type(attempt.document("report"), Document | None)
    assert_type(attempt.approvals("council"), tuple[Approval, ...])
    cost: int = attempt.fact("cost", 0)
    return cost <= 5_000 or "the cost is above the ceiling"


@requirement(code="weekday")
def weekday(attempt: Attempt) -> bool:
    """Look at the day: a plain bool is enough."""
    return attempt.today.weekday() < 5


gate: Requirement = document("report", signed_by=2, languages=["id", "ja"]) & affordable
assert_type(document("a") & fact("b"), Requirement)
assert_type(document("a") | ~fact("b"), Requirement)
assert_type(all_of(approval("council"), parties(2), actor(roles="mayor")), Requirement)
assert_type(any_of(document("a"), weekday), Requirement)
assert_type(at_least(1, document("a"), fact("b", equals=value_of("c"))), Requirement)
assert_type(when(fact("abroad"), approval("ministry")), Requirement)
stages: Sequence[Stage] = [
    Stage(
        "exploration",
        owner="head_of_region",
        gate=gate,
        label={"en": "Exploration", "id": "Penjajakan"},
        may={"hold": ["minister"]},
        reapproval="on_change",
    ),
    Stage(
        "implementation", owner=["head_of_region", "council"], when=fact("f") | unguarded("x"), back_to="exploration"
    ),
]
process = Process("permit", "1", stages, outcomes=[Outcome("granted", stages="implementation", by=("council",))])
assert_type(process.digest, str)
assert_type(process.pin, Pin)
assert_type(process.stage("exploration"), Stage | None)
assert_type(process.stages, tuple[Stage, ...])
assert_type(process.stages[0].gate, Requirement | None)
assert_type(process.stages[0].label, Label)
assert_type(process.stages[0].label.text("id"), str)
assert_type(process.further("exploration"), tuple[Stage, ...])
assert_type(load_process("permit.toml"), Process)
assert_type(load_process(Path("permit.toml"), requirements=[affordable], parameters={"days": 45}), Process)
assert_type(load_process({"id": "permit"}), Process)
assert_type(builtin("id-ksdpl", without=["G09"]), Process)
assert_type(builtin_calendar("indonesia"), Calendar)
assert_type(load_calendar("utopia.toml"), Calendar)
assert_type(load_calendar({"id": "utopia", "version": "1"}).digest, str)
assert_type(builtin_calendar("japan").amended("2", holidays={"2025-12-29": "x"}, last=date(2025, 12, 31)), Calendar)
assert_type(Calendar(id="c", version="1", weekend=["friday", 5], working={date(2025, 7, 26): "x"}).off(date.max), str)
assert_type(workdays(45, since="letter.received_on", day_one="same"), Period)
assert_type(months(6, roll="next").before(date(2025, 7, 24), calendar=builtin_calendar("japan")), date)
due = calendar_days(7).due(date(2025, 7, 24), zone="Asia/Jakarta", pauses=[(date(2025, 7, 25), date(2025, 7, 26))])
assert_type(due, Due)
assert_type((due.date, due.at, due.certain, due.rule), tuple[date, datetime, bool, Period])
assert_type(due.skipped, tuple[tuple[date, str], ...])
assert_type(due.explain("ja"), tuple[str, ...])

# An application: a view for each thing a clerk does


class User:
    """A user of the host application."""

    pk: int
    groups: list[str]


def acting(user: User) -> Actor:
    """Say who acts, in the words of the host."""
    return Actor(id=str(user.pk), roles=user.groups, on_behalf_of=None)


def started(engine: Engine, user: User, form: Mapping[str, str]) -> str:
    """Start an agreement out of a form, so that a double click starts it once."""
    deal = engine.start(
        "permit",
        form["number"],
        title=form["title"],
        parties=[Party("bekasi", name="Kota Bekasi", kind="local_government", country="ID")],
        by=acting(user),
        request_id=form["csrf"],
    )
    assert_type(deal, Agreement)
    return deal.id


def advanced(engine: Engine, user: User, number: str, version: int) -> list[str]:
    """Move on if the clerk saw the present version; otherwise say why not, in the language of the clerk."""
    deal = engine.get(number)
    if deal.version != version:
        return ["somebody else was faster"]
    try:
        deal = engine.advance(deal, reason="complete", by=acting(user), at=datetime.now(UTC))
    except NotPermitted as error:
        assert_type(error.roles, tuple[str, ...])
        return [str(error), *(why.text("id") for why in error.unmet)]
    except GateClosed as error:
        assert_type(error.n, int)
        return [f"{why.text('id')} ({', '.join(why.fix_by)}, {why.basis})" for why in error.unmet]
    except Conflict as error:
        assert_type(error.current, int)
        return [str(error)]
    except OutcomeUnknown as error:
        assert_type(error.request_id, str | None)
        raise
    return [deal.stage]


def shown(engine: Engine, user: User, number: str) -> dict[str, Any]:
    """Show an agreement: where it stands, what can be done, what happened."""
    deal = engine.get(number)
    options = engine.options(deal, by=acting(user))
    assert_type(options, tuple[Option, ...])
    assert_type(options[0].target, str | None)
    assert_type(options[0].unmet, tuple[Unmet, ...])
    assert_type(options[0].open, bool)
    assert_type(deal.hold, Hold | None)
    assert_type(deal.outcome, str | None)
    assert_type(deal.approvals, tuple[Approval, ...])
    assert_type(deal.parties, tuple[Party, ...])
    assert_type(deal.entered_at, datetime)
    assert_type(deal.document("report"), Document | None)
    assert_type(deal.process, Pin)
    history = engine.history(deal, after=3)
    assert_type(history, tuple[Event, ...])
    return {
        "stage": deal.stage,
        "moves": [(option.move, option.open) for option in options],
        "events": [(event.n, event.kind, event.at, event.actor) for event in history],
        "process": engine.process(deal).label.text("id"),
    }


def filed(engine: Engine, user: User, number: str, upload: bytes) -> Agreement:
    """File a document and record what it says."""
    report = Document.from_bytes(upload, kind="report", title="Laporan", languages=["id"], received_on="2025-07-24")
    deal = engine.attach(number, report, by=acting(user))
    deal = engine.record(deal, "cost", 4_000, source="report, page 3", by=acting(user))
    deal = engine.approve(deal, role="council", result={"members": 50, "present": 30, "in_favour": 29}, by=acting(user))
    deal = engine.refuse(deal, "too dear", by=acting(user))
    deal = engine.abstain(deal, role="council", capacity="delegated", by=acting(user))
    deal = engine.recuse(deal, "a cousin", by=acting(user))
    deal = engine.adjourn(deal, "too few", until=date(2026, 1, 31), by=acting(user))
    put_off: Adjournment = deal.adjourned["council"]
    assert_type(put_off.until, date | None)
    assert_type(deal.approvals[0].principal, str)
    deal = engine.note(deal, "called the ministry", by=acting(user))
    deal = engine.hold(deal, "election", by=acting(user))
    deal = engine.resume(deal, by=acting(user))
    deal = engine.send_back(deal, "exploration", "the map is missing", by=acting(user))
    return engine.end(deal, "granted", by=acting(user))


def migrate(engine: Engine, old: Process, new: Process, by: Actor) -> list[Agreement]:
    """Let go on under the next version what has a place there."""
    plan = engine.plan_migration(old, new, mapping={"review": "hearing"}, by=by)
    assert_type(plan, MigrationPlan)
    assert_type(plan.rows, tuple[MigrationRow, ...])
    for source in (old, old.pin, "permit", ("permit", "1"), engine.get("p-1")):
        engine.plan_migration(source, "permit", version="2", by=by)
    for row in plan.stranded:
        assert_type(row.stranded, tuple[Unmet, ...])
        assert_type(row.to_stage, str | None)
    assert_type(engine.process(old.pin), Process)
    return [engine.migrate(row.agreement, new, mapping=row.mapping, reason="law", by=by) for row in plan.fitting]


def listed(engine: Engine, after: str | None) -> tuple[list[str], str | None]:
    """List a page of agreements."""
    page = engine.find(stage="exploration", owner="council", running=True, text="bekasi", after=after, limit=20)
    assert_type(page, Page)
    assert_type(page.items, tuple[Agreement, ...])
    assert_type(page.next, str | None)
    return [deal.title for deal in page.items], page.next


def family(engine: Engine, by: Actor) -> tuple[str, ...]:
    """Start a part of an agreement, and name all its parts."""
    whole = engine.get("p-1")
    part = engine.start("permit", "p-1/a", part_of=whole, by=by)
    assert_type(part.part_of, str | None)
    assert_type(engine.parts(whole), tuple[Agreement, ...])
    assert_type(parts(all="signed") & parent(reached="signed") & ~track("other", outcome="signed"), Requirement)
    return tuple(deal.id for deal in engine.parts("p-1"))


def kept(engine: Engine) -> Report:
    """Do what a timer does."""
    assert_type(engine.deliver(limit=100), Delivered)
    assert_type(engine.outbox("dead"), tuple[Delivery, ...])
    report = engine.verify()
    assert_type(report.faults, tuple[Fault, ...])
    return report


def opened(clock: Callable[[], datetime]) -> Engine:
    """Open an engine in the ways there are."""
    with Engine.open("sqlite:///a.db", processes=[process, "permit.toml", Path("x.json")], plugins=["log"]) as engine:
        assert_type(engine, Engine)
        assert_type(engine.processes, tuple[Process, ...])
        assert_type(engine.plugins, tuple[str, ...])
        assert_type(engine.calendars, Mapping[str, Calendar])
    store: Store = MemoryStore()
    assert_type(fold(store.history("x")), Agreement | None)
    entries: Sequence[Entry] = store.history("x")
    assert_type([Event.read(entry) for entry in entries], list[Event])
    return Engine(store, processes=[process], clock=clock)


def counted(engine: Engine) -> None:
    """Count in both ways."""
    assert_type(engine.count(stage="exploration"), int)
    assert_type(engine.count(by="stage"), dict[Any, int])


# Deadlines, and the life after signing

assert_type(workdays(45, since="letter.received_on"), Period)
assert_type(calendar_days(7).due(date(2025, 7, 24), calendar=builtin_calendar("indonesia")), Due)
assert_type(years(5).due(date(2025, 7, 24)).date, date)
assert_type(workdays(1).due(date(2025, 7, 24)).explain("id"), tuple[str, ...])
assert_type(load_calendar("land.toml"), Calendar)
assert_type(notice("announcement", before="opening", workdays=7) & parent(reached="life"), Requirement)
assert_type(parts(all="cleared", unless=["carved_out"]) | track("there", reached="signed"), Requirement)
life = Stage(
    "life",
    owner="mayor",
    within=workdays(45),
    on_timeout="escalate:governor",
    remind=["10 workdays", workdays(1)],
    term="treaty.valid_until",
    on_expiry="expired",
    renewal=Renewal("life", window=months(6), gate=document("extension"), term=years(5)),
    amend={"treaty": approval("council", majority="1/2")},
    duties=[Duty("report", every=months(12), remind=["1 month"]), Duty("start", gate=fact("f"), within=months(1))],
)
assert_type(life.term, Term | None)
assert_type(life.renewal, Renewal | None)
assert_type(life.duties, tuple[Duty, ...])
assert_type(life.within, Period | None)


def lived(engine: Engine, user: User, number: str, upload: bytes) -> Agreement:
    """Renew, amend, reckon again."""
    by = acting(user)
    deal = engine.start("permit", f"{number}/waste", part_of=engine.get(number), by=by)
    assert_type(deal.part_of, str | None)
    assert_type(deal.escalated, tuple[str, ...])
    assert_type(deal.wakes_at, datetime | None)
    assert_type(deal.overdue, bool)
    due: Deadline = deal.deadlines["term"]
    assert_type(due.date, date | None)
    assert_type(due.at, datetime | None)
    assert_type(due.remind_at, tuple[datetime, ...])
    assert_type(due.period, Period | None)
    assert_type(engine.explain(deal, "term", lang="ja"), tuple[str, ...])
    assert_type(engine.parts(number), tuple[Agreement, ...])
    deal = engine.renew(deal, by=by)
    deal = engine.renew(deal, "life", reason="five years more", by=by, request_id="r-1")
    deal = engine.amend(deal, Document.from_bytes(upload, kind="treaty"), "more sectors", by=by)
    return engine.recompute(deal, by=by, at=datetime.now(UTC))


def foreseen(engine: Engine, user: User, number: str) -> list[date]:
    """Ask when it could be over."""
    forecast = engine.forecast(
        number, {"review": workdays(5), "draft": "3 workdays"}, silent=["council"], by=acting(user)
    )
    assert_type(forecast, Forecast)
    assert_type(forecast.passages, tuple[Passage, ...])
    assert_type(forecast.passages[0].text("id"), str)
    return [passage.date for passage in forecast.passages if passage.date is not None]


def swept(engine: Engine) -> list[str]:
    """Do what a timer does, every night."""
    done = engine.sweep(datetime.now(UTC), limit=500)
    assert_type(done, Swept)
    assert_type(done.total, int)
    assert_type(done.failed, tuple[tuple[str, str], ...])
    late = engine.find(overdue=True, part_of="umbrella", due_before=datetime.now(UTC))
    return [*done.uncertain, *(deal.id for deal in late.items)]


def looked_at(store: Store, at: datetime) -> None:
    """Ask a store itself."""
    assert_type(store.find(Query(due_before=at, overdue=True, part_of="x"), after=None, limit=9), Sequence[Agreement])
    with store.unit("x") as unit:
        assert_type(unit, Unit)
        assert_type(unit.other("y"), Agreement | None)
        assert_type(unit.parts(), Sequence[Agreement])


# A plugin


class Mail:
    """A channel."""

    name = "mail"

    @hookimpl
    def stagegate_check(self, attempt: Attempt) -> Iterable[Unmet]:
        """Have nothing against it, or something."""
        if attempt.move == "end":
            yield Unmet(code="embargo", params={"reason": "not in August"}, fix_by=("minister",))

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell the owners."""
        return [Notification(channel="mail", kind=event.kind, to=owner) for owner in agreement.owner]

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Write a letter."""
        return True if notification.channel == "mail" else None


class Directory:
    """An address book, and what stands in it."""

    @hookimpl
    def stagegate_addresses(self, role: str, channel: str) -> Iterable[str]:
        """Know one."""
        return ["council@example.org"] if (role, channel) == ("council", "mail") else ()

    @hookimpl
    def stagegate_subscriptions(self) -> Iterable[Subscription]:
        """Have the owner told."""
        return [Subscription("mail", owner=True, max_age={"note.added": "2 days"}), *load_subscriptions(Path("t.toml"))]

    @hookimpl
    def stagegate_messages(self) -> Iterable[Template]:
        """Word it."""
        return [Template(kind="note.added", lang="en", subject="$title", text="$at"), *load_messages("letters.toml")]


check_plugin(Mail(), "mail")
assert_type(Subscription("mail", to=["a"], on={"note.added"}).age("note.added"), timedelta | None)
assert_type(Template(kind="x", lang="en", subject="s", text="$a").fields, tuple[str, ...])
told = Engine.open(
    "memory:", subscriptions=["telling.toml"], addresses={"council": "a"}, messages=[Path("letters.toml")]
)
assert_type(translate("one of these must hold", "id"), str)


# Programs that are asynchronous


async def awaited(who: Actor, paper: Document) -> Page:
    """Do the same, and wait for it."""
    async with AsyncEngine.open("memory:", processes=["permit.toml"], workers=4) as engine:
        assert_type(engine, AsyncEngine)
        deal = await engine.start("permit", "p-1", title="x", by=who, request_id="r")
        assert_type(deal, Agreement)
        assert_type(await engine.attach(deal, paper, by=who), Agreement)
        assert_type(await engine.advance(deal, by=who, at=datetime.now(UTC)), Agreement)
        assert_type(await engine.history(deal, after=1), tuple[Event, ...])
        assert_type(await engine.options("p-1", by=who), tuple[Option, ...])
        assert_type(await engine.count(stage="x"), int)
        assert_type(await engine.count(by="stage"), dict[Any, int])
        assert_type(await engine.verify(), Report)
        assert_type(await engine.resolve("r"), Agreement | None)
        assert_type(engine.processes, tuple[Process, ...])
        assert_type(engine.engine, Engine)
        async with engine.batch() as batch:
            await batch.note(deal, "said", by=who)
        # What the engine does not take is not taken here either.
        await engine.advance(deal)  # type: ignore[call-arg]
        await engine.note(deal, 3, by=who)  # type: ignore[arg-type]
    opened = await AsyncEngine.open("memory:")
    await opened.close()
    return await AsyncEngine(Engine.open("memory:")).find(owner="desk")


# People who know transitions


def walked(deal: Agreement, who: Actor) -> bool:
    """Trigger the machine oneself."""
    cursor = Cursor(Attempt(agreement=deal, move="advance", actor=who, at=datetime.now(UTC)))
    process.machine().events["advance"].trigger(cursor)
    assert_type(cursor.state, str)
    return cursor.state == deal.stage


def refused(error: RefusedError) -> Mapping[str, Any]:
    """Answer a refusal as JSON."""
    return {"move": error.move, "unmet": [why.to_data() for why in error.unmet], "permitted": error.permitted}


def looked(found: Fact) -> str:
    """Read a fact."""
    return f"{found.value} ({found.source}, {found.by})"
