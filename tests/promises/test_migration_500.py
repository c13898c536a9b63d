"""
Five hundred running agreements go from version 1 of a process to version 2, in which a stage was split.

A seeded random walk brings them wherever agreements can come to: to every stage, with and without documents, votes for
and against, on hold and not. What the plan says of each is compared with a reading of both versions by hand, in the
few lines below that know nothing of gates.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    GateClosed,
    MigrationPlan,
    MigrationRow,
    NoSuchMove,
    Pin,
    Process,
    RefusedError,
    Stage,
    Unmet,
    approval,
    document,
    fact,
    fold,
)
from stagegate.testing import ManualClock

SEED = 2025_07_24
RUNNING = 500

OLD = Process(
    "ties",
    "1",
    (
        Stage("draft", owner="clerk", gate=document("plan")),
        Stage(
            "review",
            owner="ministry",
            back_to="draft",
            may={"hold": "minister"},
            gate=approval("legal", of="plan", label="Legal opinion") & approval("treasury") & document("map"),
            reapproval="on_change",
        ),
        Stage("check", owner="clerk", back_to=("draft", "review"), gate=fact("checked"), reapproval="on_change"),
        Stage("council", owner="council", back_to="draft", gate=approval("council", of="plan")),
        Stage("running", owner="clerk"),
    ),
)
NEW = Process(
    "ties",
    "2",
    (
        Stage("draft", owner="clerk", gate=document("plan", basis="Art 3") & document("budget")),
        Stage("opinion", owner="lawyer", back_to="draft", gate=approval("legal", of=("plan", "budget"))),
        Stage("hearing", owner="ministry", back_to="draft", gate=document("map") | document("sketch")),
        Stage("council", owner="council", back_to="draft", gate=approval("council", of="plan")),
        Stage("running", owner="clerk"),
    ),
)
SPLIT = {"review": "opinion"}
ROLES = ("clerk", "ministry", "minister", "legal", "treasury", "council")
OFFICE = Actor(id="office", roles={"clerk", "ministry", "council"})


def walk(engine: Engine, clock: ManualClock) -> None:
    """Bring as many agreements as are wanted wherever chance leads them; some end on the way."""
    dice = random.Random(SEED)
    people = {role: Actor(id=f"{role}-1", roles={role}) for role in ROLES}

    def step(id_: str, deal: Agreement) -> None:
        if not deal.running:
            return
        owner = people[deal.owner[0]]
        kind = dice.choice(["plan", "plan", "plan", "map", "budget", "sketch"])
        voter = people[dice.choice(["legal", "legal", "treasury", "council"])]
        acts: list[tuple[float, Any]] = [
            (5, lambda: engine.attach(id_, Document.from_bytes(dice.randbytes(1)[:1], kind=kind), by=owner)),
            (4, lambda: engine.approve(id_, by=voter)),
            (1, lambda: engine.refuse(id_, "not yet", by=voter)),
            (1, lambda: engine.record(id_, "checked", value=True, by=owner)),
            (6, lambda: engine.advance(id_, by=owner)),
            (0.7, lambda: engine.send_back(id_, dice.choice(["draft", "review"]), "again", by=owner)),
            (0.7, lambda: engine.hold(id_, "wait", by=dice.choice([owner, people["minister"]]))),
            (0.5, lambda: engine.resume(id_, by=owner)),
            (0.15, lambda: engine.end(id_, "withdrawn", "enough", by=owner)),
        ]
        dice.choices([act for _, act in acts], [weight for weight, _ in acts])[0]()

    running = number = 0
    while running < RUNNING:
        clock.advance(minutes=1)
        deal = engine.start("ties", f"tie-{number:03}", by=people["clerk"], version="1")
        for _ in range(dice.randrange(9)):
            clock.advance(seconds=1)
            with suppress(RefusedError, NoSuchMove):
                step(deal.id, engine.get(deal.id))
        # Those that chance leaves at the beginning get a push, so that every stage is well visited.
        for _ in range(dice.choice([0, 0, 0, 1, 2, 3, 4])):
            here = engine.get(deal.id)
            with suppress(RefusedError, NoSuchMove):
                if here.running:
                    push(engine, here, people, again=dice.random() < 1 / 4)
        running += engine.get(deal.id).running
        number += 1


def push(engine: Engine, deal: Agreement, people: dict[str, Actor], *, again: bool) -> None:
    """Bring what the gate asks for, and go through it; at the check the lawyers may say again what they said before."""
    owner = people[deal.owner[0]]
    match deal.stage:
        case "draft":
            engine.attach(deal.id, Document.from_bytes(b"plan", kind="plan"), by=owner)
        case "review":
            engine.attach(deal.id, Document.from_bytes(b"map", kind="map"), by=owner)
            engine.approve(deal.id, by=people["legal"])
            engine.approve(deal.id, by=people["treasury"])
        case "check":
            engine.record(deal.id, "checked", value=True, by=owner)
            if again:
                engine.approve(deal.id, by=people["legal"])
        case "council":
            engine.approve(deal.id, by=people["council"])
    engine.advance(deal.id, by=owner)


# Both versions, read by hand.

Reasons = set[tuple[str, ...]]


def papers(deal: Agreement, *kinds: str) -> Reasons:
    """Say which documents are missing."""
    return {("document.missing", kind) for kind in kinds if kind not in deal.documents}


def votes(deal: Agreement, role: str, *kinds: str) -> Reasons:
    """Say what the vote of a role on some documents lacks."""
    found: Reasons = {("approval.nothing", role, kind) for kind in kinds if kind not in deal.documents}
    there = [kind for kind in kinds if kind in deal.documents]
    cast = [vote for vote in deal.approvals if vote.role == role]
    old = {kind for vote in cast for kind in there if vote.of.get(kind) != deal.documents[kind].digest}
    current = [vote for vote in cast if all(vote.of.get(kind) == deal.documents[kind].digest for kind in there)]
    found |= {("approval.refused", role) for vote in current if vote.vote == "against"}
    if not any(vote.vote == "for" for vote in current):
        found |= {("approval.missing", role)} | {("approval.outdated", role, kind) for kind in old}
    return found


def asked_before(deal: Agreement) -> Reasons:
    """Say what the gates of version 1 lack."""
    match deal.stage:
        case "draft":
            return papers(deal, "plan")
        case "review":
            return votes(deal, "legal", "plan") | votes(deal, "treasury") | papers(deal, "map")
        case "check":
            return set() if "checked" in deal.facts else {("fact.missing", "checked")}
        case "council":
            return votes(deal, "council", "plan")
    return set()


def asked_after(deal: Agreement, stage: str | None) -> Reasons:
    """Say what the gates of version 2 lack."""
    match stage:
        case "draft":
            return papers(deal, "plan", "budget")
        case "opinion":
            return votes(deal, "legal", "plan", "budget")
        case "council":
            return votes(deal, "council", "plan")
    return set()


@attrs.frozen
class Expected:
    """What has to become of an agreement."""

    to_stage: str | None
    stranded: set[str]
    newly_blocked: Reasons
    voided: list[int]
    passed_over: tuple[str, ...]


def expected(deal: Agreement) -> Expected:
    """Say what has to become of an agreement."""
    place = {"draft": "draft", "review": "opinion", "council": "council", "running": "running"}.get(deal.stage)
    stranded = set() if place else {"migration.stage"}
    if any(vote.stage == "check" != deal.stage and vote.role != "treasury" for vote in deal.approvals):
        stranded.add("migration.vote")
    if place and deal.hold and deal.hold.roles == ("minister",):
        stranded.add("migration.hold")
    return Expected(
        to_stage=place,
        stranded=stranded,
        newly_blocked=asked_after(deal, place) - asked_before(deal),
        voided=[vote.n for vote in deal.approvals if place and vote.role == "treasury"],
        passed_over=("hearing",) if place in {"council", "running"} else (),
    )


def keys(reasons: tuple[Unmet, ...]) -> Reasons:
    """Say what reasons say, without their words; that it is on hold holds under both versions."""
    return {
        (reason.code, *(reason.params[key] for key in ("role", "document", "fact") if key in reason.params))
        for reason in reasons
        if reason.code != "agreement.on_hold"
    }


def found(row: MigrationRow) -> Expected:
    """Say what the plan says."""
    return Expected(
        to_stage=row.to_stage,
        stranded={reason.code for reason in row.stranded},
        newly_blocked=keys(row.newly_blocked),
        voided=[vote.n for vote in row.voided],
        passed_over=row.passed_over,
    )


@attrs.define
class Office:
    """
    What came of the walk and of the plan.

    Attributes:
        engine: An engine with both versions.

        before: The running agreements before anything was migrated.

        plan: The plan.
    """

    engine: Engine
    before: dict[str, Agreement]
    plan: MigrationPlan


def everything(engine: Engine) -> tuple[Any, ...]:
    """Return all that is kept."""
    dossiers = [(d.id, d.agreement, tuple(d.entries), dict(d.requests)) for d in engine._store.dossiers()]
    return dossiers, list(engine._store.definitions()), engine.count(by="stage")


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Have five hundred running agreements, and a plan, which has changed nothing."""
    file: Path = tmp_path_factory.mktemp("migration") / "ties.db"
    url = "memory:" if request.param == "memory" else f"sqlite:///{file}"
    clock = ManualClock()
    with Engine.open(url, processes=[OLD, NEW], clock=clock) as engine:
        walk(engine, clock)
        pages = [engine.find(running=True, limit=300)]
        pages.append(engine.find(running=True, limit=300, after=pages[0].next))
        before = {deal.id: deal for page in pages for deal in page.items}
        kept = everything(engine)
        plan = engine.plan_migration(OLD, NEW, mapping=SPLIT, by=OFFICE)
        assert kept == everything(engine)
        yield Office(engine, before, plan)


@pytest.fixture(scope="module")
def migrated(office: Office) -> dict[str, Agreement]:
    """Migrate all that fit, as planned, and try the others; return those that were migrated."""
    done = {}
    for row in office.plan.rows:
        deal = office.before[row.agreement]
        if row.fits:
            done[row.agreement] = office.engine.migrate(deal, NEW, mapping=row.mapping, reason="new", by=OFFICE)
            continue
        with pytest.raises(GateClosed) as closed:
            office.engine.migrate(deal, NEW, mapping=row.mapping, by=OFFICE)
        assert row.stranded == closed.value.unmet
    return done


def test_every_case_is_there(office: Office) -> None:
    """The walk left agreements in every place, and the plan has every kind of row: nothing is proved of nothing."""
    rows = office.plan.rows
    stages = Counter(row.stage for row in rows)
    codes = Counter(reason.code for row in rows for reason in row.stranded)
    new = Counter(reason.code for row in rows for reason in row.newly_blocked)

    assert RUNNING == len(office.before) == len(rows)
    assert {"draft", "review", "check", "council", "running"} == set(stages)
    assert min(stages.values()) >= 20, stages
    assert {"migration.stage", "migration.vote", "migration.hold"} == set(codes)
    assert {"document.missing", "approval.nothing", "approval.outdated"} <= set(new)
    assert min(len(office.plan.fitting), len(office.plan.stranded), len(office.plan.blocked)) >= 50
    assert sum(bool(row.voided) for row in rows) >= 20
    assert any(deal.hold is not None for deal in office.before.values())
    assert 0 < office.engine.count(running=False)


def test_report_is_right_for_each(office: Office) -> None:
    """Each row says what reading both versions by hand says: where it goes, what is in the way, what it would lose."""
    for row, (id_, deal) in zip(office.plan.rows, sorted(office.before.items()), strict=True):
        assert (id_, expected(deal)) == (row.agreement, found(row)), str(row)
        assert (deal.version, OLD.pin, deal.stage) == (row.version, row.was, row.stage)
        assert row.fits == (not row.stranded)


def test_migrated_ones_verify(office: Office, migrated: dict[str, Agreement]) -> None:
    """All that fit are migrated as planned, and no other; all histories verify, under whichever definition."""
    engine = office.engine
    assert [row.agreement for row in office.plan.fitting] == sorted(migrated)
    for row in office.plan.fitting:
        deal, now = office.before[row.agreement], migrated[row.agreement]

        assert (NEW.pin, row.to_stage, deal.entered_at, deal.hold) == (now.process, now.stage, now.entered_at, now.hold)
        assert [vote.n for vote in deal.approvals if vote not in row.voided] == [vote.n for vote in now.approvals]
        assert all(vote.stage in {"draft", "opinion", "council", "running"} for vote in now.approvals)
        assert asked_after(deal, now.stage) == keys(advance(engine, now))
    report = engine.verify()

    assert (True, ()) == (report.ok, report.faults)
    assert () == engine.plan_migration(NEW, NEW, by=OFFICE).rows
    left = engine.plan_migration(OLD, NEW, mapping=SPLIT, by=OFFICE)
    assert [found(row) for row in office.plan.stranded] == [found(row) for row in left.rows]


def advance(engine: Engine, deal: Agreement) -> tuple[Unmet, ...]:
    """Return what keeps an agreement from advancing."""
    return next((o.unmet for o in engine.options(deal, by=OFFICE) if o.move == "advance"), ())


def test_old_histories_stay(office: Office, migrated: dict[str, Agreement]) -> None:
    """An engine that was given neither version lists, reads and proves all of them, and lets them go on."""
    bare = Engine(office.engine._store, clock=office.engine._clock)
    listed: list[Agreement] = []
    after: str | None = None
    while page := bare.find(process="ties", after=after, limit=200):
        listed += page.items
        after = page.next
        if after is None:
            break
    versions = Counter((deal.process.version, deal.running) for deal in listed)

    assert bare.verify().ok
    assert (len(migrated), RUNNING - len(migrated)) == (versions["2", True], versions["1", True])
    assert versions["1", False] == bare.count(running=False)
    known = {OLD.pin: OLD, NEW.pin: NEW}
    for deal in listed:
        events = bare.history(deal)
        pins = [Pin(**event.data["process"]) for event in events]

        assert deal == fold(events)
        assert known[deal.process] == bare.process(deal)
        assert {deal.process, OLD.pin} == set(pins)
        for event, pin in zip(events, pins, strict=True):
            stages = {event.data.get("from"), event.data.get("to")} - {None}
            # The event that migrates leads out of one definition and into another.
            there = known[pin].stages if event.kind != "migrated" else (*OLD.stages, *NEW.stages)
            assert stages <= {stage.id for stage in there}
    for id_ in (next(iter(migrated)), office.plan.stranded[0].agreement):
        assert bare.get(id_).version < bare.note(id_, "read again", by=OFFICE).version
    assert bare.verify().ok
