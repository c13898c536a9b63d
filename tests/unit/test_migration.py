"""When a process changes: `migrate`, `plan_migration`, and the definitions that are kept beside the histories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Attempt,
    Conflict,
    DefinitionError,
    Document,
    Duty,
    Engine,
    Event,
    GateClosed,
    HistoryTampered,
    InvalidValue,
    MemoryStore,
    MigrationRow,
    NoSuchMove,
    NotFound,
    NotPermitted,
    Outcome,
    Pin,
    Process,
    Requirement,
    Stage,
    Unmet,
    actor,
    all_of,
    any_of,
    approval,
    at_least,
    builtin,
    document,
    fact,
    fold,
    hookimpl,
    notice,
    parent,
    parties,
    parts,
    requirement,
    track,
    unguarded,
    value_of,
    when,
)
from stagegate._agreement import apply
from stagegate._loading import reload_process
from stagegate._migration import migrating
from stagegate.processes import names as builtin_names
from stagegate.testing import ManualClock

BOSS, CLERK, COUNCIL, MINISTER, STRANGER = (
    Actor(id=f"{role}-1", roles={role}) for role in ("boss", "clerk", "council", "minister", "stranger")
)


def stage(id: str, gate: Requirement | None = None, **about: Any) -> Stage:
    """Return a stage of the boss's."""
    return Stage(id, **{"owner": "boss", "gate": unguarded("nothing is asked") if gate is None else gate, **about})


def last(id: str, **about: Any) -> Stage:
    """Return a last stage."""
    return Stage(id, **{"owner": "boss", **about})


OLD = Process(
    "p",
    "1",
    [
        stage("draft", document("plan")),
        stage(
            "vote", approval("council", of="plan") & document("report"), back_to="draft", may={"migrate": "minister"}
        ),
        last("done", back_to="draft"),
    ],
)
NEW = Process(
    "p",
    "2",
    [
        stage("draft", document("plan")),
        stage("hearing", document("report") & document("minutes"), owner=("clerk", "boss"), back_to="draft"),
        stage("ballot", approval("council", of="plan"), owner="council", back_to="draft"),
        last("done", back_to="draft"),
    ],
)
SPLIT = {"vote": "hearing"}


@pytest.fixture
def store() -> MemoryStore:
    """Return an empty store."""
    return MemoryStore()


@pytest.fixture
def engine(store: MemoryStore, clock: ManualClock) -> Engine:
    """Open an engine that knows both versions, with an agreement at `vote` on which the council has voted."""
    engine = Engine(store, processes=[OLD, NEW], clock=clock)
    engine.start("p", "x", version="1", by=BOSS)
    engine.attach("x", Document.from_bytes(b"plan", kind="plan"), by=BOSS)
    clock.advance(days=1)
    engine.advance("x", by=BOSS)
    engine.approve("x", by=COUNCIL)
    return engine


class TestMigrate:
    """One agreement goes on under another process."""

    def test_goes_on_where_it_stood(self, engine: Engine, clock: ManualClock) -> None:
        """It takes the place of its stage in the new process, with the owner there; its clock, documents and hold go on."""
        before = engine.hold("x", "wait", by=BOSS)
        now = clock.advance(days=3)
        after = engine.migrate("x", NEW, mapping=SPLIT, reason="a new law", by=BOSS)

        assert (NEW.pin, "hearing", ("clerk", "boss")) == (after.process, after.stage, after.owner)
        assert (before.version + 1, before.n + 1, now) == (after.version, after.n, after.changed_at)
        assert (before.entered_at, before.documents, before.hold) == (after.entered_at, after.documents, after.hold)
        assert {"draft": 1, "hearing": 1} == after.rounds
        assert [("council", "hearing", 4)] == [(vote.role, vote.stage, vote.n) for vote in after.approvals]
        assert after == engine.get("x") == fold(engine.history("x"))
        assert engine.verify().ok

    def test_goes_on_under_its_gates(self, engine: Engine) -> None:
        """From then on the gates of the new process are asked."""
        engine.migrate("x", "p", mapping=SPLIT, by=BOSS)
        with pytest.raises(GateClosed) as closed:
            engine.advance("x", by=CLERK)
        for kind in ("report", "minutes"):
            engine.attach("x", Document.from_bytes(b"x", kind=kind), by=CLERK)
        engine.advance("x", by=CLERK)
        engine.advance("x", by=COUNCIL)

        assert ["document.missing"] * 2 == [reason.code for reason in closed.value.unmet]
        assert ("done", 1) == (engine.get("x").stage, engine.get("x").round)
        assert engine.verify().ok

    def test_event(self, engine: Engine) -> None:
        """The event says under which process it ran and runs, from where to where, by which mapping, and why."""
        engine.migrate("x", NEW, mapping=SPLIT, reason="a new law", by=BOSS)
        event = engine.history("x")[-1]

        assert ("migrated", "migrate", "vote", "hearing") == (
            event.kind,
            event.move,
            event.data["from"],
            event.data["to"],
        )
        assert (attrs.asdict(NEW.pin), attrs.asdict(OLD.pin)) == (event.data["process"], event.data["data"]["was"])
        assert {"mapping": SPLIT, "owner": ("clerk", "boss"), "reason": "a new law"} == {
            key: value for key, value in event.data["data"].items() if key != "was"
        }
        assert "voided" not in event.data

    def test_approvals_nobody_asks_for_are_voided(self, engine: Engine) -> None:
        """A vote of a role that no gate of the new process asks is voided by the event; the history keeps it."""
        mute = Process("p", "3", [stage("draft"), stage("vote"), last("done")])
        engine = Engine(engine._store, processes=[mute], clock=engine._clock)
        after = engine.migrate("x", mute, by=BOSS)
        event = engine.history("x")[-1]

        assert ((), "vote") == (after.approvals, after.stage)
        assert [{"role": "council", "by": "council-1", "n": 4}] == [dict(vote) for vote in event.data["voided"]]
        assert "voted" == engine.history("x")[3].kind
        assert engine.verify().ok

    def test_stages_that_become_one(self, clock: ManualClock) -> None:
        """Where two stages become one, it was entered as often as the one that was entered more often."""
        one = Process("q", "2", [stage("both", back_to="both"), last("done")])
        engine = Engine(
            MemoryStore(),
            processes=[Process("q", "1", [stage("a"), stage("b", back_to=("a", "b")), last("done")]), one],
            clock=clock,
        )
        engine.start("q", "x", version="1", by=BOSS)
        engine.advance("x", by=BOSS)
        engine.send_back("x", "b", "again", by=BOSS)
        after = engine.migrate("x", one, mapping={"a": "both", "b": "both"}, by=BOSS)

        assert ("both", {"both": 2}, 2) == (after.stage, after.rounds, after.round)

    def test_rounds_of_a_stage_that_is_gone(self, engine: Engine) -> None:
        """How often it entered a stage that is gone, and in whose place nothing has come, stays known."""
        short = Process("p", "3", [stage("vote", approval("council")), last("done")])
        after = Engine(engine._store, processes=[short], clock=engine._clock).migrate("x", short, by=BOSS)

        assert {"draft": 1, "vote": 1} == after.rounds

    def test_back_and_forth(self, engine: Engine) -> None:
        """It can go back to a process it ran under before, and to one of another id."""
        engine.migrate("x", NEW, mapping=SPLIT, by=BOSS)
        engine.migrate("x", "p", version="1", mapping={"hearing": "vote"}, by=BOSS)
        other = Process("q", "1", OLD.stages)
        after = Engine(engine._store, processes=[other], clock=engine._clock).migrate("x", other, by=BOSS)

        assert (other.pin, "vote", {"draft": 1, "vote": 1}) == (after.process, after.stage, after.rounds)
        assert ["vote"] == [vote.stage for vote in after.approvals]
        assert (["x"], []) == ([a.id for a in engine.find(process="q").items], list(engine.find(process="p").items))
        assert engine.verify().ok

    def test_repeated(self, engine: Engine) -> None:
        """Repeated under its request id it answers the same and changes nothing; with another mapping it is refused."""
        first = engine.migrate("x", NEW, mapping=SPLIT, by=BOSS, request_id="r")
        again = engine.migrate("x", NEW, mapping=SPLIT, by=BOSS, request_id="r")

        assert first == again == engine.get("x")

    def test_refusal_repeated(self, engine: Engine) -> None:
        """A refusal that is repeated carries the same reasons."""
        said = []
        for _ in range(2):
            with pytest.raises(GateClosed) as closed:
                engine.migrate("x", NEW, by=BOSS, request_id="r")
            said.append((closed.value.unmet, closed.value.n))

        assert said[0] == said[1]

    def test_seen_version(self, engine: Engine) -> None:
        """Who saw an older version gets a conflict."""
        seen = engine.get("x")
        engine.note("x", "n", by=BOSS)
        with pytest.raises(Conflict):
            engine.migrate(seen, NEW, mapping=SPLIT, by=BOSS)

    def test_not_before_it_came_there(self, engine: Engine, clock: ManualClock) -> None:
        """It cannot take effect before the agreement entered the stage it stands at."""
        with pytest.raises(InvalidValue, match="before the agreement entered 'vote'"):
            engine.migrate("x", NEW, mapping=SPLIT, by=BOSS, at=clock() - timedelta(days=2))

    def test_owner_or_whom_the_stage_lets(self, engine: Engine) -> None:
        """The owner of the stage it stands at may, and whom that stage lets; nobody else, and the attempt is recorded."""
        with pytest.raises(NotPermitted) as refused:
            engine.migrate("x", NEW, mapping=SPLIT, reason="why", by=COUNCIL)
        event = engine.history("x")[-1]

        assert ("refused", "migrate", ("boss", "minister")) == (event.kind, event.move, refused.value.roles)
        assert (attrs.asdict(NEW.pin), SPLIT, "why") == tuple(
            event.data["data"][key] for key in ("process", "mapping", "reason")
        )
        assert attrs.asdict(OLD.pin) == event.data["process"]
        assert "hearing" == engine.migrate("x", NEW, mapping=SPLIT, by=MINISTER).stage
        assert engine.verify().ok

    def test_plugins_are_asked(self, engine: Engine) -> None:
        """Plugins that have something against it are heard, as for every move."""

        class Freeze:
            name = "freeze"

            @hookimpl
            def stagegate_check(self, attempt: Attempt) -> list[Unmet]:
                return [Unmet(code="frozen", params={"reason": "year's end"})] if attempt.move == "migrate" else []

            @hookimpl
            def stagegate_open_store(self, url: str) -> Any:
                return engine._store

        frozen = Engine.open("x:", processes=[OLD, NEW], plugins=[Freeze()], clock=engine._clock)
        (row,) = frozen.plan_migration(OLD, NEW, mapping=SPLIT, by=BOSS).rows
        with pytest.raises(GateClosed, match="year's end") as closed:
            frozen.migrate("x", NEW, mapping=SPLIT, by=BOSS)

        assert closed.value.unmet == row.stranded


class TestNoSuchMigration:
    """What is no migration is not attempted, and leaves no event."""

    @pytest.fixture(autouse=True)
    def _nothing_is_written(self, engine: Engine, store: MemoryStore) -> Any:
        """Make sure that nothing is written."""
        before = engine.history("x")
        yield
        assert before == engine.history("x")

    def test_same_process(self, engine: Engine) -> None:
        """It already runs under that process."""
        with pytest.raises(NoSuchMove, match=r"x: it already runs under p 1 \("):
            engine.migrate("x", OLD, by=BOSS)

    def test_unknown_process(self, engine: Engine) -> None:
        """A process that the engine was not opened with is not taken."""
        other = Process("p", "3", NEW.stages)
        with pytest.raises(NotFound, match=r"this engine does not know p 3 \(.*open it with that process"):
            engine.migrate("x", other, by=BOSS)
        with pytest.raises(NotFound, match="no process 'p' of version '3'"):
            engine.migrate("x", "p", version="3", by=BOSS)

    def test_version_beside_a_process(self, engine: Engine) -> None:
        """A version goes with an id; beside a process it can only say the same."""
        with pytest.raises(InvalidValue, match="version: '1' is asked for, but the process is p 2"):
            engine.migrate("x", NEW, version="1", by=BOSS)

    def test_something_else(self, engine: Engine) -> None:
        """What is neither a process nor an id is no process."""
        with pytest.raises(InvalidValue, match="to: a Process or the id of one is needed, not 3"):
            engine.migrate("x", 3, by=BOSS)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "mapping, said",
        [
            ({"council": "hearing"}, r"p 1 \(\w+\) has no stage 'council' to map from; it has draft, vote, done"),
            ({"vote": "council"}, r"p 2 \(\w+\) has no stage 'council' to map to; it has draft, hearing, ballot, done"),
            ({"hearing": "vote"}, r"p 2 \(\w+\) has no stage 'vote' to map to"),
            (["vote"], "a table of stages by stage is needed"),
            ({"vote": 3}, "3 is no id"),
            ({3: "vote"}, "3 is no id"),
        ],
    )
    def test_mapping(self, engine: Engine, mapping: Any, said: str) -> None:
        """A mapping that names a stage that there is not, on either side, is pointed out."""
        for ask in (
            lambda: engine.migrate("x", NEW, mapping=mapping, by=BOSS),
            lambda: engine.plan_migration(OLD, NEW, mapping=mapping, by=BOSS),
            lambda: engine.plan_migration("p", NEW, mapping=mapping, by=BOSS),
        ):
            with pytest.raises(InvalidValue, match=f"mapping: {said}"):
                ask()


def test_ended_agreement_is_left_alone(engine: Engine) -> None:
    """An agreement that has ended stays under the process it ended under."""
    engine.end("x", "withdrawn", "enough", by=BOSS)
    with pytest.raises(NoSuchMove, match="it has ended"):
        engine.migrate("x", NEW, mapping=SPLIT, by=BOSS)

    assert () == engine.plan_migration(OLD, NEW, mapping=SPLIT, by=BOSS).rows
    assert () == engine.plan_migration(engine.get("x"), NEW, mapping=SPLIT, by=BOSS).rows


class TestStranded:
    """What has no place in the new process is not put anywhere."""

    def stranded(self, engine: Engine, new: Process, mapping: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
        """Return the reasons: the same in the plan, in the refusal and in the event."""
        engine = Engine(engine._store, processes=[new], clock=engine._clock)
        (row,) = engine.plan_migration("p", new, mapping=mapping, by=BOSS).rows
        with pytest.raises(GateClosed) as closed:
            engine.migrate("x", new, mapping=mapping, by=BOSS)
        event = engine.history("x")[-1]
        recorded = tuple(map(Unmet.from_data, event.data["data"]["unmet"]))

        assert not row.fits
        assert row.stranded == closed.value.unmet == recorded
        return [(reason.code, reason.text()) for reason in row.stranded]

    def test_no_stage(self, engine: Engine) -> None:
        """The stage it stands at is gone, and no mapping says what takes its place."""
        assert [
            ("migration.stage", f"the stage vote has no place in {NEW.pin}; map it to one of its stages")
        ] == self.stranded(engine, NEW)

    def test_behind_a_gate_of_another_name(self) -> None:
        """A gate that it has not passed is not gone because its stage has another name, and it is mapped past it."""
        gates = fact("heard"), fact("cleared")
        old = Process("p", "1", [stage("talks", gates[0]), stage("review", gates[1]), last("end")])
        new = Process("p", "2", [stage("hearing", gates[0]), stage("review", gates[1]), last("end")])
        engine = Engine(MemoryStore(), processes=[old])
        engine.start("p", "x", by=BOSS)
        engine = Engine(engine._store, processes=[new])
        with pytest.raises(GateClosed) as closed:
            engine.migrate("x", new, mapping={"talks": "review"}, by=BOSS)

        assert [("migration.gate", "hearing")] == [(why.code, why.params["gate"]) for why in closed.value.unmet]
        assert "hearing" == engine.migrate("x", new, mapping={"talks": "hearing"}, by=BOSS).stage

    def test_stages_that_become_one(self) -> None:
        """Where two stages become one, its gate is the one to pass, and what is new before both is behind it."""
        old = Process("p", "1", [stage("a"), stage("b"), stage("c"), last("end")])
        new = Process("p", "2", [stage("a"), stage("c", fact("all")), last("end")])
        engine = Engine(MemoryStore(), processes=[old])
        engine.start("p", "x", by=BOSS)
        engine.advance("x", by=BOSS)

        assert "c" == Engine(engine._store, processes=[new]).migrate("x", new, mapping={"b": "c"}, by=BOSS).stage

    def test_behind_a_gate(self, engine: Engine) -> None:
        """It would stand behind a gate that it has not passed."""
        assert [
            ("migration.gate", "at done it would stand behind the gate of vote, which it has not passed")
        ] == self.stranded(engine, Process("p", "3", OLD.stages), {"vote": "done"})

    def test_vote_at_a_stage_that_is_gone(self, engine: Engine) -> None:
        """A vote stands that was given at a stage that is gone: nobody could say whether sending back voids it."""
        engine.attach("x", Document.from_bytes(b"r", kind="report"), by=BOSS)
        engine.advance("x", by=BOSS)
        short = Process("p", "3", [stage("draft", approval("council")), last("done")])

        assert [
            (
                "migration.vote",
                f"council-1 has voted as council at vote, which has no place in {short.pin}; map that stage too",
            )
        ] == self.stranded(engine, short)
        after = Engine(engine._store, processes=[short], clock=engine._clock).migrate(
            "x", short, mapping={"vote": "draft"}, by=BOSS
        )
        assert ["draft"] == [vote.stage for vote in after.approvals]

    def test_nobody_left_to_resume_it(self, engine: Engine) -> None:
        """It is on hold, and nobody whom the new process knows could resume it."""
        engine.hold("x", "wait", by=BOSS)
        new = Process("p", "3", [Stage("vote", owner="mayor", gate=approval("council")), Stage("end", owner="mayor")])

        assert [
            (
                "migration.hold",
                f"it is on hold and only boss can resume it, whom {new.pin} does not know; resume it first",
            )
        ] == self.stranded(engine, new)

    @pytest.mark.parametrize(
        "new",
        [
            Process("p", "3", [Stage("vote", owner=("mayor", "boss"), gate=approval("council")), last("end")]),
            Process("p", "3", [Stage("vote", owner="mayor", gate=approval("council", fix_by="boss")), last("end")]),
            Process(
                "p",
                "3",
                [
                    Stage("vote", owner="mayor", may={"resume": "clerk"}, gate=approval("council")),
                    Stage("end", owner="mayor"),
                ],
            ),
        ],
        ids=["owner", "known", "may"],
    )
    def test_somebody_left_to_resume_it(self, engine: Engine, new: Process) -> None:
        """Where somebody could, it goes on and stays on hold."""
        engine.hold("x", "wait", by=BOSS)
        after = Engine(engine._store, processes=[new], clock=engine._clock).migrate("x", new, by=BOSS)

        assert after.hold is not None

    def test_several_reasons(self, engine: Engine) -> None:
        """All reasons are said."""
        engine.attach("x", Document.from_bytes(b"r", kind="report"), by=BOSS)
        engine.advance("x", by=BOSS)
        new = Process("p", "3", [stage("a", approval("council")), last("b")])

        assert ["migration.stage", "migration.vote"] == [code for code, _ in self.stranded(engine, new)]


def chain(*ids: str, version: str = "1") -> Process:
    """Return a process of stages with nothing in between."""
    return Process("chain", version, [*(stage(one) for one in ids[:-1]), last(ids[-1])])


@pytest.mark.parametrize(
    "old, new, mapping, at, jumped",
    [
        ("a b c", "a b c", {}, "b", ""),
        ("a b c", "a b c", {"a": "b"}, "a", "a"),
        ("a b c", "a b c", {"a": "c"}, "a", "a b"),
        ("a b c", "a b c", {"b": "a"}, "b", ""),
        ("a b c", "a b1 b2 c", {"b": "b1"}, "b", ""),
        ("a b c", "a b1 b2 c", {"b": "b2"}, "b", ""),
        ("a b c", "a b b2 c", {"b": "b2"}, "b", "b"),
        ("a b c", "a b1 b2 c", {"a": "b2"}, "a", "a"),
        ("a b c", "n a b c", {}, "b", ""),
        ("a b c", "a n b c", {}, "b", ""),
        ("a b c", "a c b", {}, "b", "c"),
        ("a b c", "a c b", {"b": "c"}, "b", ""),
        ("a b c", "ab c", {"a": "ab", "b": "ab"}, "a", ""),
        ("a b c d", "a bc d", {"b": "bc", "c": "bc"}, "c", ""),
        ("a b c d", "a bc d", {"b": "bc", "c": "bc"}, "d", ""),
        ("a b c", "x y z", {"a": "y", "b": "x", "c": "z"}, "a", "x"),
        ("a b c", "x y z", {"a": "x", "b": "y", "c": "z"}, "b", ""),
        ("a b c", "x y z", {"a": "z"}, "a", ""),
    ],
)
def test_no_way_around_a_gate(
    old: str, new: str, mapping: dict[str, str], at: str, jumped: str, clock: ManualClock
) -> None:
    """A migration puts nothing behind the gate of a stage that both processes have and that it has not passed."""
    before, after = chain(*old.split()), chain(*new.split(), version="2")
    engine = Engine(MemoryStore(), processes=[before, after], clock=clock)
    deal = engine.start("chain", "x", version="1", by=BOSS)
    while deal.stage != at:
        deal = engine.advance("x", by=BOSS)
    (row,) = engine.plan_migration(before, after, mapping=mapping, by=BOSS).rows

    assert jumped.split() == [reason.params["gate"] for reason in row.stranded]
    if jumped:
        with pytest.raises(GateClosed):
            engine.migrate("x", after, mapping=mapping, by=BOSS)
    else:
        assert mapping.get(at, at) == engine.migrate("x", after, mapping=mapping, by=BOSS).stage


def everything(store: MemoryStore) -> tuple[Any, ...]:
    """Return all that is kept."""
    return (
        [attrs.astuple(dossier, recurse=False) for dossier in store.dossiers()],
        list(store.definitions()),
        list(store.outbox()),
    )


class TestPlan:
    """What a migration would do."""

    def row(self, engine: Engine, new: Process = NEW, **about: Any) -> MigrationRow:
        """Return what it would do to the agreement `x`."""
        engine = Engine(engine._store, processes=[OLD, NEW, new], clock=engine._clock)
        plan = engine.plan_migration("p", new, **{"mapping": SPLIT, "by": BOSS, **about})
        return next(row for row in plan.rows if row.agreement == "x")

    def test_changes_nothing(self, engine: Engine, store: MemoryStore) -> None:
        """Planning writes nothing."""
        before = everything(store)
        engine.plan_migration("p", NEW, mapping=SPLIT, by=BOSS)
        engine.plan_migration("p", NEW, by=STRANGER)

        assert before == everything(store)

    def test_row(self, engine: Engine) -> None:
        """A row says what becomes of an agreement: where it stands and would stand, and what to know about it."""
        row = self.row(engine)

        assert ("x", 4, OLD.pin, "vote", "hearing", SPLIT) == (
            row.agreement,
            row.version,
            row.was,
            row.stage,
            row.to_stage,
            row.mapping,
        )
        assert (True, True, ("boss", "minister"), (), (), ()) == (
            row.fits,
            row.permitted,
            row.roles,
            row.stranded,
            row.voided,
            row.passed_over,
        )
        assert not self.row(engine, by=COUNCIL).permitted

    def test_newly_blocked(self, engine: Engine) -> None:
        """Only what does not block it now is newly blocking: the report is missing under both, the minutes are new."""
        assert ["the document minutes is missing"] == [reason.text() for reason in self.row(engine).newly_blocked]

    @pytest.mark.parametrize(
        "gate",
        [
            approval("council", of="plan")
            & document("report", label="The report", id="R1", basis="Art 5", fix_by="clerk"),
            approval("council") & document("report"),
            document("report"),
            document("report", soft=True) & document("minutes", soft=True),
        ],
        ids=["renamed", "looser", "less", "soft"],
    )
    def test_not_newly_blocked(self, engine: Engine, gate: Requirement) -> None:
        """The same reason under another name or rule is not new, and neither is what only warns."""
        assert (
            ()
            == self.row(
                engine, Process("p", "3", [*OLD.stages[:1], stage("vote", gate), OLD.stages[2]]), mapping=None
            ).newly_blocked
        )

    @pytest.mark.parametrize(
        "gate, codes",
        [
            (document("report", signed_by=1) & document("minutes"), ["document.missing"]),
            (document("plan", signed_by=2), ["document.unsigned"]),
            (approval("council", of="plan", count=2) & document("report"), ["approval.missing"]),
            (approval("minister"), ["approval.missing"]),
            (document("report") | document("minutes"), ["any"]),
            (at_least(2, document("report"), document("minutes"), document("plan")), ["at_least"]),
            (~document("plan"), ["not"]),
            (when(document("plan"), fact("cost")), ["fact.missing"]),
        ],
    )
    def test_kinds_of_newly_blocked(self, engine: Engine, gate: Requirement, codes: list[str]) -> None:
        """Whatever kind of requirement is new and not met is said."""
        row = self.row(engine, Process("p", "3", [*OLD.stages[:1], stage("vote", gate), OLD.stages[2]]), mapping=None)

        assert codes == [reason.code for reason in row.newly_blocked]

    def test_alternatives_are_compared_inside(self, clock: ManualClock) -> None:
        """Of reasons that leave a choice, those that leave the same choice are the same, whatever the parts are called."""
        either = document("a") | document("b")
        named = document("a", label="A", id="G1") | document("b", basis="Art 2")
        other = document("a") | document("c")
        versions = [
            Process("q", str(n), [stage("s", gate), last("t")]) for n, gate in enumerate((either, named, other), 1)
        ]
        engine = Engine(MemoryStore(), processes=versions, clock=clock)
        engine.start("q", "x", version="1", by=BOSS)

        assert [[], ["any"]] == [
            [reason.code for row in engine.plan_migration("q", to, by=BOSS).rows for reason in row.newly_blocked]
            for to in versions[1:]
        ]

    def test_held_agreement(self, engine: Engine) -> None:
        """That it is on hold does not block it newly."""
        engine.hold("x", "wait", by=BOSS)

        assert ["document.missing"] == [reason.code for reason in self.row(engine).newly_blocked]

    def test_last_stage(self, engine: Engine) -> None:
        """What stands at a last stage is blocked by nothing; what comes to stand before a gate is."""
        engine.attach("x", Document.from_bytes(b"r", kind="report"), by=BOSS)
        engine.advance("x", by=BOSS)
        longer = Process("p", "3", [*OLD.stages[:2], stage("done", document("receipt")), last("filed")])

        assert () == self.row(engine).newly_blocked
        assert ["document.missing"] == [reason.code for reason in self.row(engine, longer, mapping=None).newly_blocked]

    def test_voided(self, engine: Engine) -> None:
        """The votes that nobody asks for any more are told, whole."""
        row = self.row(engine, Process("p", "3", [stage("vote"), last("done")]), mapping=None)

        assert engine.get("x").approvals == row.voided
        assert "x: vote → vote; voided: council by council-1" == str(row)

    def test_passed_over(self, engine: Engine) -> None:
        """Stages of the new process that it never stood at, before the place it would have, are told."""
        new = Process("p", "3", [stage("advice"), *OLD.stages])

        assert ("advice",) == self.row(engine, new, mapping=None).passed_over
        assert () == self.row(engine).passed_over
        assert ("hearing",) == self.row(engine, mapping={"vote": "ballot"}).passed_over

    def test_many_pages(self, clock: ManualClock) -> None:
        """Every running agreement that is meant has one row, in the order of the ids, however many there are."""
        engine = Engine(MemoryStore(), processes=[OLD, NEW], clock=clock)
        for k in range(405):
            engine.start("p", f"a{k:03}", version="1" if k % 5 else "2", by=BOSS)
        plan = engine.plan_migration("p", "p", by=BOSS)

        assert [f"a{k:03}" for k in range(405) if k % 5] == [row.agreement for row in plan.rows]
        assert {OLD.pin} == {row.was for row in plan.rows}

    def test_exactly_one_page(self, clock: ManualClock) -> None:
        """So it is where the last page is full."""
        engine = Engine(MemoryStore(), processes=[OLD, NEW], clock=clock)
        for k in range(200):
            engine.start("p", f"a{k:03}", version="1", by=BOSS)

        assert 200 == len(engine.plan_migration("p", "p", by=BOSS).rows)

    @pytest.fixture
    def several(self, engine: Engine) -> Engine:
        """Have agreements under three versions, and one under another process; open the engine with all of them."""
        third = Process("p", "3", [stage("draft"), stage("advice"), last("done")])
        engine = Engine(engine._store, processes=[third, Process("q", "1", OLD.stages), OLD, NEW], clock=engine._clock)
        engine.start("p", "y", version="3", by=BOSS)
        engine.start("p", "z", version="2", by=BOSS)
        engine.start("q", "w", by=BOSS)
        return engine

    def test_sources(self, several: Engine) -> None:
        """What is meant can be said by a process, a pin, a version, an id, or an agreement."""
        wanted: list[tuple[Any, list[str]]] = [
            (OLD, ["x"]),
            (OLD.pin, ["x"]),
            (("p", "1"), ["x"]),
            (("p", "3"), ["y"]),
            (("p", "4"), []),
            ("p", ["x", "y"]),
            ("q", ["w"]),
            ("r", []),
            (several.get("y"), ["y"]),
            (several.get("z"), []),
            (NEW, []),
        ]
        for source, expected in wanted:
            plan = several.plan_migration(source, "p", by=BOSS)

            assert (source, expected) == (source, [row.agreement for row in plan.rows])

    def test_agreement_that_is_not_there(self, several: Engine) -> None:
        """An agreement that this store does not hold is not planned for."""
        other = attrs.evolve(several.get("x"), id="other")

        assert () == several.plan_migration(other, NEW, by=BOSS).rows

    @pytest.mark.parametrize("source", [3, None, ("p",), ("p", 1), ["p", "1"], {"p": "1"}])
    def test_no_source(self, engine: Engine, source: Any) -> None:
        """Anything else is refused by name."""
        with pytest.raises(InvalidValue, match="from_: a Process, a Pin, an id"):
            engine.plan_migration(source, NEW, by=BOSS)

    def test_each_version_takes_what_concerns_it(self, several: Engine) -> None:
        """A mapping for several versions is cut to the stages that each has, so that each row can be carried out."""
        plan = several.plan_migration("p", NEW, mapping={"vote": "hearing", "advice": "ballot"}, by=BOSS)

        assert {"x": {"vote": "hearing"}, "y": {"advice": "ballot"}} == {
            r.agreement: dict(r.mapping) for r in plan.rows
        }
        for row in plan.rows:
            assert row.to_stage == several.migrate(row.agreement, NEW, mapping=row.mapping, by=BOSS).stage

    def test_mapping_of_nothing(self, engine: Engine, clock: ManualClock) -> None:
        """Where nothing runs, a mapping of stages that cannot be looked up is not judged."""
        empty = Engine(MemoryStore(), processes=[NEW], clock=clock)

        assert () == empty.plan_migration("p", NEW, mapping={"vote": "hearing"}, by=BOSS).rows

    def test_process_that_cannot_be_read(self, several: Engine, store: MemoryStore) -> None:
        """An agreement whose definition is nowhere is stranded, with that as the reason; the others are planned."""
        del store._definitions[OLD.digest]
        engine = Engine(store, processes=[NEW], clock=several._clock)
        lost, other = engine.plan_migration("p", NEW, mapping=SPLIT, by=BOSS).rows

        assert ("x", ["migration.unknown"], None, False) == (
            lost.agreement,
            [reason.code for reason in lost.stranded],
            lost.to_stage,
            lost.permitted,
        )
        assert f"the process it runs under, {OLD.pin}, cannot be read" in lost.stranded[0].text()
        assert ("y", True) == (other.agreement, other.fits)
        with pytest.raises(NotFound):
            engine.migrate("x", NEW, mapping=SPLIT, by=BOSS)

    def test_what_contradicts_itself(self, several: Engine, store: MemoryStore) -> None:
        """An agreement that stands nowhere in its process is stranded, with that as the reason; the others are planned."""
        store._agreements["x"] = attrs.evolve(several.get("x"), stage="limbo")
        several.start("p", "x2", version="1", by=BOSS)
        rows = {row.agreement: row for row in several.plan_migration("p", NEW, mapping=SPLIT, by=BOSS).rows}

        assert ["migration.unknown"] == [reason.code for reason in rows["x"].stranded]
        assert "stands at 'limbo', a stage that" in rows["x"].stranded[0].text()
        assert rows["x2"].fits

    def test_what_cannot_be_read_is_sought_once(self, engine: Engine, store: MemoryStore, clock: ManualClock) -> None:
        """A definition that is nowhere is not sought again for every agreement that runs under it."""
        engine.start("p", "x2", version="1", by=BOSS)
        del store._definitions[OLD.digest]
        sought = []
        bare = Engine(store, processes=[NEW], clock=clock)
        bare._book._stored = lambda digest: sought.append(digest)  # type: ignore[assignment,func-returns-value]

        assert [False, False] == [row.fits for row in bare.plan_migration("p", NEW, by=BOSS).rows]
        assert [OLD.digest] == sought

    def test_said_in_words(self, several: Engine) -> None:
        """A plan can be printed: how many fit, how many do not, and those that somebody has to look at."""
        plan = several.plan_migration("p", NEW, by=BOSS)

        assert (
            f"to {NEW.pin}: 2 running agreements; 1 can be migrated (1 of them newly blocked), 1 would be stranded\n"
            f"x: vote → ?; stranded: the stage vote has no place in {NEW.pin}; map it to one of its stages\n"
            "y: draft → draft; newly blocked: the document plan is missing"
        ) == str(plan)
        assert (["y"], ["x"], ["y"]) == tuple(
            [row.agreement for row in rows] for rows in (plan.fitting, plan.stranded, plan.blocked)
        )
        assert "1 running agreement;" in str(several.plan_migration(OLD, NEW, by=BOSS))
        assert "newly blocked: the document minutes is missing" in str(
            several.plan_migration(OLD, NEW, mapping=SPLIT, by=BOSS)
        )

    def test_long_plan_in_few_words(self, clock: ManualClock) -> None:
        """Of very many, the first ten are named and the rest counted."""
        engine = Engine(MemoryStore(), processes=[OLD, Process("p", "2", [stage("other"), last("done")])], clock=clock)
        for k in range(12):
            engine.start("p", f"a{k:02}", version="1", by=BOSS)
        said = str(engine.plan_migration("p", "p", by=BOSS)).splitlines()

        assert (12, "and 2 more", "a09") == (len(said), said[-1], said[-2][:3])


class TestClocks:
    """Time goes on under the new process."""

    def timed(self, version: str, *stages: Stage) -> Process:
        """Return a version of a process whose second stage has a time."""
        return Process("t", version, [stage("a"), *stages, last("z")])

    def started(self, clock: ManualClock, *processes: Process) -> Engine:
        """Open an engine with an agreement at the second stage of the first process."""
        engine = Engine(MemoryStore(), processes=processes, clock=clock)
        engine.start("t", "x", version="1", by=BOSS)
        engine.advance("x", by=BOSS)
        return engine

    def test_the_same_time_runs_on(self, clock: ManualClock) -> None:
        """The time of a stage that is called otherwise now runs on from the day it was entered, by the new rule."""
        old = self.timed("1", stage("b", document("d"), within="10 calendar days"))
        new = self.timed("2", stage("c", document("d"), within="10 calendar days"))
        longer = self.timed("3", stage("b", document("d"), within="20 calendar days"))
        engine = self.started(clock, old, new, longer)
        (was,) = engine.get("x").deadlines.values()
        clock.advance(days=3)
        (now,) = engine.migrate("x", new, mapping={"b": "c"}, by=BOSS).deadlines.values()
        (then,) = engine.migrate("x", longer, mapping={"c": "b"}, by=BOSS).deadlines.values()

        assert attrs.evolve(was, key="stage:c") == now
        assert ("stage:b", was.start, timedelta(days=10)) == (then.key, then.start, then.date - was.date)
        assert engine.verify().ok

    def test_time_of_a_stage_it_was_sent_back_from(self, clock: ManualClock) -> None:
        """The time that stands still while it is sent back is kept under the new name of its stage."""
        resumed = {"calendar_days": 10, "on_return": "continue"}
        old = self.timed("1", stage("b", document("d"), within=resumed, back_to="a"))
        new = self.timed("2", stage("c", document("d"), within=resumed, back_to="a"))
        engine = self.started(clock, old, new)
        clock.advance(days=3)
        engine.send_back("x", "a", "again", by=BOSS)
        after = engine.migrate("x", new, mapping={"b": "c"}, by=BOSS)
        engine.advance("x", by=BOSS)
        (now,) = engine.get("x").deadlines.values()

        assert [("stage:c", True)] == [(key, one.away) for key, one in after.deadlines.items()]
        assert ("stage:c", False, after.deadlines["stage:c"].start) == (now.key, now.away, now.start)

    def test_plan_says_what_would_be_overdue(self, clock: ManualClock) -> None:
        """A time that the new process brings counts from when the stage was entered; the plan says where it has passed."""
        plain, timed = stage("b", document("d")), stage("b", document("d"), within="2 calendar days")
        ending = stage("b", document("d"), within="2 calendar days", on_timeout="end:withdrawn")
        versions = [self.timed(str(n), b) for n, b in enumerate((plain, timed, ending), 1)]
        engine = self.started(clock, *versions)
        clock.advance(days=5)
        before = engine.history("x")
        rows = [engine.plan_migration(versions[0], new, by=BOSS).rows[0] for new in versions[1:]]

        assert before == engine.history("x")
        assert [("b",), ("b",)] == [row.overdue for row in rows]
        assert [[], ["deadline.passed"]] == [[reason.code for reason in row.newly_blocked] for row in rows]
        assert "x: b → b; overdue at once: b" == str(rows[0])
        engine.migrate("x", versions[1], by=BOSS)
        assert () == engine.plan_migration(versions[1], versions[2], by=BOSS).rows[0].overdue

    def test_whose_turn_it_has_become(self, clock: ManualClock) -> None:
        """Whoever has the turn since a time has passed keeps it, where the new process knows the role."""
        late = {"within": "2 calendar days", "on_timeout": "escalate:minister"}
        old = self.timed("1", stage("b", document("d"), **late))
        knows = self.timed("2", stage("b", document("d", fix_by="minister")))
        other = self.timed("3", stage("b", document("d")))
        engine = self.started(clock, old, knows, other)
        clock.advance(days=5)
        engine.sweep()
        owners = [
            (deal.owner, deal.escalated)
            for deal in (engine.get("x"), *(engine.migrate("x", p, by=BOSS) for p in (knows, other)))
        ]

        assert [(("boss", "minister"), ("minister",))] * 2 + [(("boss",), ())] == owners
        assert engine.verify().ok


class TestApply:
    """What a history says of a migration is not believed blindly."""

    @pytest.fixture
    def moved(self, engine: Engine) -> tuple[Agreement, Event]:
        """Return an agreement before it was migrated, and the event."""
        before = engine.get("x")
        engine.migrate("x", NEW, mapping=SPLIT, by=BOSS)
        return before, engine.history("x")[-1]

    def test_follows(self, engine: Engine, moved: tuple[Agreement, Event]) -> None:
        """The event leads to what the engine says."""
        assert engine.get("x") == apply(*moved)

    @pytest.mark.parametrize(
        "change",
        [
            {"data": {"was": attrs.asdict(NEW.pin), "mapping": SPLIT}},
            {"data": {"was": {"id": "p", "version": "1", "digest": "0" * 64}, "mapping": SPLIT}},
            {"data": {"was": attrs.asdict(OLD.pin)}},
            {"data": {"was": attrs.asdict(OLD.pin), "mapping": {"vote": "ballot"}}},
            {"to": "done"},
        ],
    )
    def test_does_not_follow(self, moved: tuple[Agreement, Event], change: dict[str, Any]) -> None:
        """One that comes from another process, or leads elsewhere than its own mapping, is refused."""
        before, event = moved
        with pytest.raises(HistoryTampered, match="event 5 migrates 'x' from .* does not follow from where it stands"):
            apply(before, Event({**event.data, **change}))

    @pytest.mark.parametrize("kind", ["noted", "moved", "refused", "attached"])
    @pytest.mark.parametrize("part", ["id", "version", "digest"])
    def test_other_events_stay_under_the_process(self, engine: Engine, kind: str, part: str) -> None:
        """An event of any other kind that names another process than the agreement's is refused."""
        before = engine.get("x")
        engine.note("x", "n", by=BOSS)
        event = engine.history("x")[-1]
        other = {**event.data, "kind": kind, "process": {**event.data["process"], part: "other"}}
        with pytest.raises(HistoryTampered, match="event 5 says it runs under .*, but 'x' runs under p 1"):
            apply(before, Event(other))


class TestDefinitions:
    """An engine that was not given a process takes it from the store."""

    def test_engine_without_the_process(self, engine: Engine, store: MemoryStore, clock: ManualClock) -> None:
        """It goes on, proves and tells everything, under exactly the definition that the agreement runs under."""
        bare = Engine(store, clock=clock)
        deal = bare.attach("x", Document.from_bytes(b"r", kind="report"), by=BOSS)
        deal = bare.advance(deal, by=BOSS)

        assert ("done", OLD) == (deal.stage, bare.process(deal))
        assert OLD == bare.process(OLD.pin)
        assert ["x"] == [found.id for found in bare.find(process="p").items]
        assert bare.verify().ok
        assert bare.options(deal, by=BOSS)

    def test_is_read_once(self, engine: Engine, store: MemoryStore, clock: ManualClock) -> None:
        """It is read when it is first needed, and kept."""
        bare = Engine(store, clock=clock)
        first = bare.process(OLD.pin)
        store._definitions.clear()

        assert first is bare.process(OLD.pin)

    def test_is_not_one_to_start_under(self, engine: Engine, store: MemoryStore, clock: ManualClock) -> None:
        """What the engine was opened with stays what it knows: nothing is started under, or migrated to, what was read."""
        bare = Engine(store, clock=clock)
        bare.options("x", by=BOSS)

        assert OLD not in bare.processes
        with pytest.raises(NotFound, match="no process 'p'"):
            bare.start("p", "y", by=BOSS)
        with pytest.raises(NotFound, match="does not know"):
            bare.migrate("x", OLD, by=BOSS)

    def test_changed_bytes_are_refused(self, engine: Engine, store: MemoryStore, clock: ManualClock) -> None:
        """Bytes that do not have the digest they are filed under are no definition."""
        kept = store._definitions[OLD.digest]
        store._definitions[OLD.digest] = attrs.evolve(kept, body=kept.body.replace(b"report", b"recipe"))
        with pytest.raises(HistoryTampered, match="does not have the digest it is filed under; run verify"):
            Engine(store, clock=clock).advance("x", by=BOSS)

    @pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"id":"p"}', b"[" * 100_000])
    def test_bytes_that_are_no_definition(self, body: bytes, clock: ManualClock) -> None:
        """Bytes that are filed under their own digest and are no definition are refused, and not read otherwise."""
        from hashlib import sha256

        from stagegate import Definition

        store = MemoryStore()
        pin = Pin("p", "1", sha256(body).hexdigest())
        store._definitions[pin.digest] = Definition(pin, body)
        with pytest.raises(NotFound, match="its definition is stored, but cannot be made a process here"):
            Engine(store, clock=clock).process(pin)

    def test_definition_of_another_version(self, engine: Engine, store: MemoryStore, clock: ManualClock) -> None:
        """A pin whose digest leads to a definition that calls itself otherwise is refused."""
        with pytest.raises(HistoryTampered, match=r"stored for p 7 \(\w+\) is read here as p 1"):
            Engine(store, clock=clock).process(attrs.evolve(OLD.pin, version="7"))


def ceiling(version: str, most: int) -> Any:
    """Return a version of a predicate."""

    @requirement(code="cost.ceiling", version=version, fix_by="clerk", basis=f"Rule {version}")
    def affordable(attempt: Attempt) -> bool | str:
        return attempt.fact("cost", 0) <= most or f"above {most}"

    return affordable


class TestPredicates:
    """Functions of the user's are not in a definition: they have to be brought along."""

    @pytest.fixture
    def stored(self, clock: ManualClock) -> MemoryStore:
        """Have an agreement under a process with a predicate."""
        store = MemoryStore()
        old = Process("q", "1", [stage("a", ceiling("1", 10) & document("plan")), last("b")])
        engine = Engine(store, processes=[old], clock=clock)
        engine.start("q", "x", by=BOSS)
        engine.record("x", "cost", 15, by=BOSS)
        return store

    def test_missing(self, stored: MemoryStore, clock: ManualClock) -> None:
        """Where nobody brings it, the error says which, where, and what to do."""
        with pytest.raises(
            NotFound,
            match=r"runs under q 1 \(\w+\), which this engine does not know; its definition is stored, but .*"
            r"stages\[0\]\.gate\.all\[0\]\.requirement: there is no requirement 'cost.ceiling' of version '1';"
            r" known are none.*with the plugin that brings its requirements",
        ):
            Engine(stored, clock=clock).advance("x", by=BOSS)

    def test_other_version(self, stored: MemoryStore, clock: ManualClock) -> None:
        """Another version of it is not taken for it."""
        newer = Process("q", "2", [stage("a", ceiling("2", 20)), last("b")])
        with pytest.raises(NotFound, match="of version '1'; known are cost.ceiling 2"):
            Engine(stored, processes=[newer], clock=clock).advance("x", by=BOSS)

    def test_brought_by_another_process(self, stored: MemoryStore, clock: ManualClock) -> None:
        """A process that was given brings its predicates, in all their versions; what was said of each stays said."""
        newer = Process(
            "q", "2", [stage("a", ceiling("2", 20) | attrs.evolve(ceiling("1", 10), basis="Rule 9")), last("b")]
        )
        engine = Engine(stored, processes=[newer], clock=clock)
        with pytest.raises(GateClosed) as closed:
            engine.advance("x", by=BOSS)

        assert [("cost.ceiling", "above 10", "Rule 1"), ("document.missing", "the document plan is missing", "")] == [
            (reason.code, reason.text(), reason.basis) for reason in closed.value.unmet
        ]

    def test_brought_by_what_is_asked_of_parts(self, stored: MemoryStore, clock: ManualClock) -> None:
        """A predicate that a process asks of each of its parts is brought too."""
        whole = Process("r", "1", [stage("a", parts(each=document("plan") & ceiling("1", 10))), last("b")])
        engine = Engine(stored, processes=[whole], clock=clock)

        assert ["cost.ceiling", "document.missing"] == [r.code for r in engine.options("x", by=BOSS)[0].unmet]

    def test_brought_by_a_plugin(self, stored: MemoryStore, clock: ManualClock) -> None:
        """So does a plugin."""

        class Rules:
            name = "rules"

            @hookimpl
            def stagegate_requirements(self) -> list[Any]:
                return [ceiling("1", 100)]

            @hookimpl
            def stagegate_open_store(self, url: str) -> Any:
                return stored

        engine = Engine.open("x:", plugins=[Rules()], clock=clock)

        assert ["document.missing"] == [reason.code for reason in engine.options("x", by=BOSS)[0].unmet]


EVERY_KIND: list[Requirement] = [
    document(
        "plan",
        signed_by=["mayor"],
        languages=["id"],
        equals={"cost": value_of("cost"), "phase": 1, "open": False},
        lists={"sectors": ["waste", value_of("sectors")]},
        refers_to=["letter"],
        not_later_than=["letter.dated"],
        label={"en": "Plan", "ja": "計画"},
        within="30 workdays",
        remind=["5 workdays"],
        basis="Art 7",
        provenance="law",
        fix_by=["clerk", "boss"],
    ),
    document("annex", soft=True),
    approval("council", of=["plan", "annex"], quorum="1/2", majority=">=2/3", of_members=50, minutes="minutes"),
    approval("mayor", count=2, not_by=["proposer", "council"], not_listed="conflicts", fix_by="clerk"),
    fact("sectors", each="level", where={"name": "waste"}, unless="closed", one_of=["city", value_of("level")]),
    fact("cost", equals={"parameter": "ceiling"}),
    fact("cost", equals=None, id="G1"),
    fact("cost", at_least="0.50", below=value_of("ceiling")),
    notice("letter", before="visit", days=7),
    parties(2),
    parts(at_least=2, reached="signed", unless=["carved_out"], process="sector"),
    parts(each=document("plan") & ceiling("3", 10)),
    parent(reached="signed"),
    track("izumisano", reached="signed", basis="Art 2"),
    actor(roles=["boss", "clerk"], not_listed="conflicts"),
    unguarded("it is for the boss", provenance="practice"),
    ceiling("3", 10),
    attrs.evolve(ceiling("3", 10), label={"id": "Pagu"}, fix_by=(), basis="", id="G2"),
    all_of(document("a"), document("b"), id="G3"),
    any_of(document("a"), all_of(fact("x"), fact("y"))),
    at_least(1, document("a"), ~document("b"), label="one of"),
    ~all_of(fact("x"), fact("y"), id="G4"),
    ~~document("c"),
    when(fact("abroad", equals=True), approval("ministry"), id="G5"),
]


def kinds(kind: type[Requirement] = Requirement) -> set[type[Requirement]]:
    """Return every kind of requirement that the library has."""
    found = {kind} if not kind.__name__.startswith("_") and kind is not Requirement else set()
    return found.union(*(kinds(sub) for sub in kind.__subclasses__() if sub.__module__.startswith("stagegate.")))


class TestRoundTrip:
    """A definition that is kept is read as what was written."""

    def test_every_kind_is_tried(self) -> None:
        """No kind of requirement is left out below."""
        assert kinds() == {type(part) for requirement in EVERY_KIND for part in requirement.walk()}

    @pytest.mark.parametrize("asked", EVERY_KIND, ids=lambda asked: asked.name)
    def test_every_requirement(self, asked: Requirement) -> None:
        """Every kind of requirement is read with the same digest, wherever it stands."""
        bound = asked.soft or asked.within is not None  # to the gate of a stage
        process = Process(
            "p",
            "1",
            [
                stage("a", asked & unguarded("x")),
                stage("b", approval("council"), when=None if bound else asked),
                last("c"),
            ],
            outcomes=[] if bound else [Outcome("over", gate=asked)],
        )
        again = reload_process(process.to_json(), [ceiling("3", 10), ceiling("4", 10)])

        assert (process.digest, process.to_json()) == (again.digest, again.to_json())
        assert process.stages == again.stages

    @pytest.mark.parametrize("name", builtin_names())
    def test_built_in(self, name: str) -> None:
        """Every built-in process is read with the same digest, also fitted."""
        for process in (builtin(name), builtin(name, without=[_practice(name)])):
            again = reload_process(process.to_json(), ())

            assert (process.digest, process.pin) == (again.digest, again.pin)

    def test_everything_else(self) -> None:
        """So is all that a process, its stages and its outcomes can say, and parameters of whatever shape."""
        term = stage(
            "running",
            fact("over"),
            within={"workdays": 45, "since": "letter.received_on", "day_one": "same", "on_return": "continue"},
            on_timeout="escalate:minister",
            remind=["10 workdays", "1 workday"],
            duties=[
                Duty("report", document="report", every="12 months"),
                Duty("start", gate=fact("begun"), within="1 years"),
            ],
            label="Running",
            contributors=["clerk"],
            may={"hold": ["minister"], "migrate": "minister"},
            reapproval="on_change",
            provenance="law",
            basis="Art 1",
        )
        process = Process(
            "p",
            "1.0-rc+1",
            [stage("a", back_to="a"), term, last("b", term="open", amend={"plan": approval("council")})],
            label={"id": "Proses"},
            outcomes=[Outcome("over", stages="b", by="clerk", label="Over", basis="x", provenance="practice")],
            roles={"boss": "Boss", "clerk": {"ja": "係"}, "minister": "M", "council": "C"},
            basis="Law",
            provenance="law-secondary",
            note={"en": "n"},
            parameters={
                "days": 5,
                "none": {"value": None},
                "odd": {"note": "x", "parameter": "days"},
                "list": [1, {"a": []}],
            },
            zone="Asia/Tokyo",
        )
        again = reload_process(process.to_json(), ())

        assert (process.digest, process) == (again.digest, again)
        assert process.parameters == again.parameters


def _practice(name: str) -> str:
    """Return the id of a requirement that may be left out, and is not all that its gate asks."""
    for _, part in builtin(name).requirements():
        if part.id and part.provenance != "law":
            try:
                builtin(name, without=[part.id])
            except DefinitionError:
                continue
            return part.id
    raise AssertionError(name)


class TestVerify:
    """`verify` proves the definitions too."""

    Damage = Callable[[MemoryStore], object]

    def report(self, store: MemoryStore, damage: Damage) -> list[str]:
        """Return what verify says of the whole and of the one agreement, which is the same of the agreement."""
        damage(store)
        engine = Engine(store)
        whole, one = engine.verify(), engine.verify("x")

        assert not whole.ok
        assert [str(fault) for fault in whole.faults if fault.agreement] == list(map(str, one.faults))
        return list(map(str, whole.faults))

    def test_missing(self, engine: Engine, store: MemoryStore) -> None:
        """A definition that a history names and that is not stored is missed, at the event that first names it."""
        engine.migrate("x", NEW, mapping=SPLIT, by=BOSS)

        assert [f"x event 5: the definition of {NEW.pin} is not stored"] == self.report(
            store, lambda store: store._definitions.pop(NEW.digest)
        )

    def test_old_one_missing(self, engine: Engine, store: MemoryStore) -> None:
        """So is one that it ran under before."""
        engine.migrate("x", NEW, mapping=SPLIT, by=BOSS)

        assert [f"x event 1: the definition of {OLD.pin} is not stored"] == self.report(
            store, lambda store: store._definitions.pop(OLD.digest)
        )

    def test_changed(self, engine: Engine, store: MemoryStore) -> None:
        """Bytes that do not have the digest they are filed under are found, by the agreement and beside it."""
        said = f"the stored definition of {OLD.pin} does not have the digest it is filed under"
        kept = store._definitions[OLD.digest]

        assert [f"x event 1: {said}", said] == self.report(
            store, lambda store: store._definitions.update({OLD.digest: attrs.evolve(kept, body=kept.body + b" ")})
        )

    def test_filed_under_another_name(self, engine: Engine, store: MemoryStore) -> None:
        """A definition that is filed under an id or version that it does not say is found."""
        kept = store._definitions[OLD.digest]
        lie = attrs.evolve(kept, pin=attrs.evolve(kept.pin, version="7"))

        assert [f"the definition stored for p 7 ({OLD.digest[:8]}) is that of 'p' '1'"] == self.report(
            store, lambda store: store._definitions.update({OLD.digest: lie})
        )

    def test_no_definition_at_all(self, engine: Engine, store: MemoryStore) -> None:
        """Bytes that have their digest and are no definition are found."""
        from hashlib import sha256

        from stagegate import Definition

        for body in (b"{", b"[]", b"{}", b"[" * 100_000):
            pin = Pin("p", "1", sha256(body).hexdigest())
            store._definitions = {OLD.digest: store._definitions[OLD.digest], pin.digest: Definition(pin, body)}

            assert [f"what is stored as the definition of {pin} is none"] == list(
                map(str, Engine(store).verify().faults)
            )

    def test_store_that_cannot_read_them(self, engine: Engine, store: MemoryStore) -> None:
        """A store that cannot read its definitions is reported, and the rest is looked at all the same."""

        class Broken(MemoryStore):
            def definition(self, digest: str) -> bytes | None:
                raise HistoryTampered(f"{digest[:8]} cannot be read")

            def definitions(self) -> Any:
                raise HistoryTampered("nothing can be read")

        broken = Broken()
        broken.__dict__.update(store.__dict__)
        report = Engine(broken).verify()

        assert (1, 4) == (report.checked, report.events)
        assert [f"x event 1: {OLD.digest[:8]} cannot be read", "nothing can be read"] == list(map(str, report.faults))


def test_picture_of_a_migrated_agreement(engine: Engine) -> None:
    """The ways that were gone are drawn between the stages that took the places of the old ones."""
    from stagegate.diagrams import mermaid

    engine.attach("x", Document.from_bytes(b"r", kind="report"), by=BOSS)
    engine.advance("x", by=BOSS)
    engine.send_back("x", "draft", "again", by=BOSS)
    after = engine.migrate("x", NEW, mapping=SPLIT, by=BOSS)
    taken = [line.split() for line in mermaid(NEW, after, history=engine.history("x")).splitlines() if "==>" in line]
    names = {line.split("[")[0].strip(): line for line in mermaid(NEW).splitlines() if "[" in line}

    assert [("draft", "hearing"), ("done", "draft")] == [
        (names[way[0]].split('"')[1].split("<")[0], names[way[-1]].split('"')[1].split("<")[0])
        for way in taken
        if way[0] in names and way[-1] in names
    ]


def test_wish_needs_no_engine() -> None:
    """A migration is a wish like any other: a value that says what is wanted."""
    wanted = migrating(NEW, SPLIT, "why")

    assert ("migrate", {"process": attrs.asdict(NEW.pin), "mapping": SPLIT, "reason": "why"}) == (
        wanted.move,
        wanted.details,
    )
