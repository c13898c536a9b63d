"""
Random lives of random agreements, on both stores at once.

Whatever is drawn: the present is the fold of the history, numbers run 1..n, a refused attempt changes nothing but the
refusal, options say what then happens, both stores answer alike, and in the end everything can be proved. The clock
leaps by years, both ways: time acts on nothing before its date, on everything once, and changes no order.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stagegate import (
    Actor,
    Agreement,
    Conflict,
    Document,
    Engine,
    Event,
    NoSuchMove,
    NotFound,
    Option,
    Party,
    Process,
    RefusedError,
    RequestReused,
    StagegateError,
    Unmet,
    fold,
)
from stagegate._agreement import apply
from stagegate._stages import MOVES as ALL
from stagegate.testing import ManualClock

from .strategies import DAYS, FACTS, KINDS, PEOPLE, ROLES, VALUES, processes

IDS = ("x", "y", "Z é")
MOVES = ("advance", "send_back", "hold", "resume", "renew", "amend", "end")
AIMED = {"send_back", "renew", "amend", "end"}
people = st.sampled_from(PEOPLE)
actors = st.one_of(
    st.builds(Actor, id=people, roles=st.just(ROLES)),
    st.builds(
        Actor,
        id=people,
        roles=st.lists(st.sampled_from([*ROLES, "stranger"]), min_size=1, max_size=2, unique=True),
        on_behalf_of=st.none() | st.just("the mayor"),
    ),
)
agreements = st.sampled_from([*IDS, "x", "x", "x"])
wholes = st.none() | st.sampled_from(["x", "nobody"])
Call = Callable[[Engine, Any], Agreement]


def paper(kind: str, content: bytes = b"1", *, signed: bool = True, day: str = DAYS[-1]) -> Document:
    """Return a document with dates of all kinds."""
    return Document.from_bytes(
        content,
        kind=kind,
        signed_by=["a"] if signed else [],
        dated=DAYS[0],
        received_on=DAYS[1],
        valid_until=day,
        fields={"sealed": day},
    )


def outcome(call: Callable[[], Any]) -> tuple[Any, ...]:
    """Return what a call gave: its value, or its error with everything it carries."""
    try:
        return "done", call()
    except RefusedError as error:
        return "refused", type(error).__name__, str(error), vars(error)
    except StagegateError as error:
        return "error", type(error).__name__, str(error)


def unnamed(engine: Engine, agreement: str) -> list[dict[str, Any]]:
    """Return the bodies of a history without the ids that are drawn anew for every event, and the hashes over them."""
    return [
        {
            **{key: value for key, value in event.data.items() if key != "id"},
            "notifications": [
                {k: v for k, v in told.items() if k != "id"} for told in event.data.get("notifications", ())
            ],
            "read": [{k: v for k, v in read.items() if k != "head"} for read in event.data.get("read", ())],
        }
        for event in engine.history(agreement)
    ]


def ahead(deal: Agreement) -> list[datetime]:
    """Return the instants at which something is to be done about an agreement: the reminders, and the ends of dates."""
    several = deal.deadlines.values()
    ends = [one.at for one in several if one.at is not None and not one.overdue]
    return [*ends, *(at for one in several for at in one.remind_at)]


def lawful(history: Sequence[Event]) -> None:
    """What time did in a history was due by then, and was done once."""
    deal = None
    said: set[str] = set()
    for event in history:
        data = event.data.get("data", {})
        if event.actor == "law":
            assert deal is not None
            key = data.get("deadline") or data["silence"]["deadline"]
            one = deal.deadlines[key]
            if event.kind == "reminded":
                assert one.remind_at[0] <= event.recorded_at
            else:
                assert one.at is not None
                assert one.at <= event.recorded_at
                assert one.certain
                assert event.kind == "reckoned" or event.at == max(one.at, deal.entered_at)
            if event.kind == "overdue":
                assert key not in said
        changed = {due["key"] for due in event.data.get("due", ())}
        said -= changed if event.kind != "reminded" else set()
        said |= {data["deadline"]} if event.kind == "overdue" else set()
        deal = apply(deal, event)


def seen(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an answer without what differs between two stores: the hash, which covers the ids."""
    return tuple(attrs.evolve(part, head=b"") if isinstance(part, Agreement) else part for part in answer)


class Life(RuleBasedStateMachine):
    """What can happen to a few agreements, done to a store in memory and to one in a file."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.engines: list[Engine] = []
        self.requests: list[tuple[str, Call, str, tuple[Any, ...]]] = []
        self.stale: dict[str, list[tuple[Agreement, Agreement]]] = {}

    @initialize(process=processes())
    def open(self, process: Process) -> None:
        """Open both engines on a random process."""
        self.process = process
        for url in ("memory:", f"sqlite:///{Path(self.folder.name) / 'life.db'}"):
            self.engines.append(Engine.open(url, processes=[process], plugins=["log"], clock=self.clock))
        for agreement in ("x", "y"):
            self.start(agreement, Actor(id="ann", roles=ROLES), parties=1, whole=None if agreement == "x" else "x")

    def teardown(self) -> None:
        """Prove everything, ask everything, and compare."""
        try:
            if self.engines:
                self.settle()
        finally:
            for engine in self.engines:
                engine.close()
            self.folder.cleanup()

    # What is done

    def both(self, call: Call, agreement: str, *, on: str | None = None) -> tuple[Any, ...]:
        """Do something on both stores, make sure that it was done alike and left what it should, and return the answer."""
        before = [self.present(engine, agreement) for engine in self.engines]
        answers = [outcome(lambda engine=engine: call(engine, on or agreement)) for engine in self.engines]
        after = [self.present(engine, agreement) for engine in self.engines]

        assert seen(answers[0]) == seen(answers[1])
        for was, now, answer in zip(before, after, answers, strict=True):
            self.consequences(was, now, answer)
        return answers[0]

    @staticmethod
    def present(engine: Engine, agreement: str) -> Agreement | None:
        """Return an agreement as it is, or None."""
        try:
            return engine.get(agreement)
        except NotFound:
            return None

    @staticmethod
    def consequences(was: Agreement | None, now: Agreement | None, answer: tuple[Any, ...]) -> None:
        """A success is one event, a refusal one event that changes nothing, and an error nothing at all."""
        n = 0 if was is None else was.n
        if answer[0] == "done":
            assert now == answer[1]
            assert now is not None
            assert (n + 1, n + 1) == (now.n, now.version)
        elif answer[0] == "refused" and was is not None:
            assert now is not None
            assert (n + 1, n + 1) == (now.n, answer[3]["n"])
            assert was == attrs.evolve(now, n=n, head=was.head)
        else:
            assert was == now

    @rule(agreement=st.sampled_from(IDS[1:]), by=actors, parties=st.integers(0, 2), whole=wholes)
    def start(self, agreement: str, by: Actor, parties: int, whole: str | None) -> None:
        """Start an agreement, or try to start one that is there; some are part of another."""
        several = [Party(f"p{i}", name=f"Party {i}") for i in range(parties)]
        self.both(
            lambda engine, one: engine.start("random", one, title=f"Deal {one}", parties=several, part_of=whole, by=by),
            agreement,
        )

    @rule(
        agreement=agreements,
        by=actors,
        kind=st.sampled_from([*KINDS, "report"]),
        content=st.sampled_from([b"1", b"2"]),
        signed=st.booleans(),
        day=st.sampled_from(DAYS),
    )
    def attach(self, agreement: str, by: Actor, kind: str, content: bytes, *, signed: bool, day: str) -> None:
        """File a document, or a new version of one."""
        made = paper(kind, content, signed=signed, day=day)
        self.both(lambda engine, one: engine.attach(one, made, by=by), agreement)

    @rule(agreement=agreements, by=actors, fact=st.sampled_from(FACTS), value=st.sampled_from(VALUES))
    def record(self, agreement: str, by: Actor, fact: str, value: Any) -> None:
        """Record a fact."""
        self.both(lambda engine, one: engine.record(one, fact, value, by=by), agreement)

    @rule(agreement=agreements, by=actors, role=st.none() | st.sampled_from(ROLES), how=st.integers(0, 9))
    def vote(self, agreement: str, by: Actor, role: str | None, how: int) -> None:
        """Vote for it or against it, abstain, take no part, or put the vote off."""
        calls: dict[int, Call] = {
            1: lambda engine, one: engine.refuse(one, "no", role=role, by=by),
            2: lambda engine, one: engine.abstain(one, role=role, by=by),
            3: lambda engine, one: engine.recuse(one, "a cousin", role=role, by=by),
            4: lambda engine, one: engine.adjourn(one, "too few", role=role, by=by),
        }
        self.both(calls.get(how, lambda engine, one: engine.approve(one, role=role, by=by)), agreement)

    @rule(agreement=agreements, by=actors)
    def note(self, agreement: str, by: Actor) -> None:
        """Write a note."""
        self.both(lambda engine, one: engine.note(one, "noted", by=by), agreement)

    @rule(
        agreement=agreements,
        by=actors,
        move=st.sampled_from(MOVES),
        to=st.sampled_from(["s0", "s1", "s2", "s3", "o1", "o2", "withdrawn", "completed", "nowhere", "plan"]),
    )
    def move(self, agreement: str, by: Actor, move: str, to: str) -> None:
        """Make a move that was not asked about before; what the options would have said has to come true."""
        calls: dict[str, Call] = {
            "advance": lambda engine, one: engine.advance(one, by=by),
            "send_back": lambda engine, one: engine.send_back(one, to, "again", by=by),
            "hold": lambda engine, one: engine.hold(one, "wait", by=by),
            "resume": lambda engine, one: engine.resume(one, by=by),
            "renew": lambda engine, one: engine.renew(one, to, by=by),
            "amend": lambda engine, one: engine.amend(one, paper(to, b"3"), "better", by=by),
            "end": lambda engine, one: engine.end(one, to, by=by),
        }
        self.foreseen(agreement, by, move, to, calls[move])

    @rule(agreement=agreements, person=people, choice=st.integers(0, 9))
    def follow(self, agreement: str, person: str, choice: int) -> None:
        """Make a move that is open to somebody who may do everything, or mend what shuts the gate, so that lives get on."""
        by = Actor(id=person, roles=ROLES)
        if self.present(self.engines[0], agreement) is None:
            return
        options = self.engines[0].options(agreement, by=by)
        ways = [option for option in options if option.open and option.move != "end"]
        onwards = [option for option in options if option.move == "advance"]
        if onwards and onwards[0].unmet:
            self.mend(agreement, person, onwards[0].unmet[0])
        elif ways:
            option = (*onwards, *ways)[choice % (len(ways) + len(onwards))]
            self.move(agreement, by, option.move, option.target or "")

    def mend(self, agreement: str, person: str, reason: Unmet) -> None:
        """Do what a reason asks for, where that can be done."""
        by, params = Actor(id=person, roles=ROLES), reason.params
        match reason.code.partition(".")[0]:
            case "any" | "at_least" if reason.alternatives:
                self.mend(agreement, person, reason.alternatives[-1][0])
            case "document":
                self.attach(agreement, by, params["document"], b"1", signed=True, day=DAYS[-1])
            case "fact":
                self.record(agreement, by, params["fact"], params.get("expected", 1))
            case "approval" if reason.code == "approval.nothing":
                self.attach(agreement, by, params["document"], b"1", signed=True, day=DAYS[-1])
            case "deadline":
                self.sweep(back=0)
            case "parts" | "parent" | "track" if "part" in params:
                self.move(params["part"], by, "advance", "")
            case "track":
                self.record(agreement, by, "twin", "y")
            case "notice" if reason.code == "notice.event":
                self.record(agreement, by, "heard", DAYS[-1])
            case "term":
                self.attach(agreement, by, "plan", b"1", signed=True, day=DAYS[-1])
                self.record(agreement, by, "heard", DAYS[-1])
            case "approval":
                self.vote(agreement, by, params["role"], how=0)
            case "agreement":
                self.move(agreement, by, "resume", "")
            case _:
                self.record(agreement, by, "cost", None)

    def foreseen(self, agreement: str, by: Actor, move: str, to: str, call: Call) -> None:
        """Ask for the options, make the move, and compare: what is open happens, what is not is refused in the same words."""
        options = outcome(lambda: self.engines[0].options(agreement, by=by))
        other = outcome(lambda: self.engines[1].options(agreement, by=by))
        assert options == other
        was = self.present(self.engines[0], agreement)
        answer = self.both(call, agreement)
        if options[0] != "done" or was is None:
            assert options == answer
            return
        fitting = [
            option for option in options[1] if option.move == move and (move not in AIMED or option.target == to)
        ]
        if not fitting:
            foreseen = {"hold": "GateClosed", "resume": "GateClosed"}.get(move, "NoSuchMove")
            assert answer[1] in {foreseen, "NoSuchMove", "NotPermitted"}
            return
        (option,) = fitting
        if move == "amend":
            # What the new version says of a term is known only with it.
            self.amended(option, answer)
            return
        assert option.open == (answer[0] == "done")
        if option.open:
            now = answer[1]
            target = {"end": now.outcome, "hold": None, "resume": None}.get(move, now.stage)
            assert option.target == target
        else:
            assert ("refused", option.unmet, option.permitted) == (
                answer[0],
                answer[3]["unmet"],
                answer[3]["permitted"],
            )
            event = self.engines[0].history(agreement)[-1]
            assert option.unmet == tuple(map(Unmet.from_data, event.data["data"].get("unmet", ())))

    @staticmethod
    def amended(option: Option, answer: tuple[Any, ...]) -> None:
        """An amendment is refused for what its option says, but for the term, of which the new version tells."""
        unmet = answer[3]["unmet"] if answer[0] == "refused" else ()
        about = [[why for why in reasons if not why.code.startswith("term.")] for reasons in (option.unmet, unmet)]
        assert about[0] == about[1]
        assert option.permitted == (answer[0] == "done" or answer[3]["permitted"])

    @rule(agreement=agreements, by=actors, hours=st.integers(0, 9))
    def stale_write(self, agreement: str, by: Actor, hours: int) -> None:
        """Act on what was seen before something else happened: a conflict, and nothing else."""
        if self.present(self.engines[0], agreement) is None:
            return
        before = [engine.get(agreement) for engine in self.engines]
        self.clock.advance(hours=hours)
        self.note(agreement, Actor(id="ann", roles=ROLES))
        current = self.engines[0].get(agreement).version
        changed = current != before[0].version
        for engine, was in zip(self.engines, before, strict=True):
            answer = outcome(lambda engine=engine, was=was: engine.note(was, "late", by=by))
            assert not changed or answer[:2] in {("error", "Conflict"), ("error", "NoSuchMove")}
            if answer[1] == "Conflict":
                assert str(Conflict(agreement, was.version, current)) == answer[2]

    @rule(agreement=agreements, by=actors, at=st.integers(-2, 1))
    def request(self, agreement: str, by: Actor, at: int) -> None:
        """Do something under an id, some of it as of another time."""
        id_ = f"r{len(self.requests)}"
        moment = self.clock() if at == 0 else None

        def call(engine: Engine, one: Any) -> Agreement:
            return engine.advance(one, by=by, at=moment, request_id=id_)

        answer = self.both(call, agreement)
        if answer[0] != "error":
            self.requests.append((agreement, call, id_, answer))

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 99), by=actors)
    def repeat(self, which: int, by: Actor) -> None:
        """Repeat a request: the same answer, and no event. Use its id for something else: refused, and no event."""
        agreement, call, id_, first = self.requests[which % len(self.requests)]
        before = [self.present(engine, agreement) for engine in self.engines]
        for engine in self.engines:
            assert seen(first) == seen(outcome(lambda engine=engine: call(engine, agreement)))
            reused = outcome(lambda engine=engine: engine.note(agreement, "other", by=by, request_id=id_))
            assert ("error", RequestReused.__name__) == reused[:2]
        assert before == [self.present(engine, agreement) for engine in self.engines]

    @rule(hours=st.integers(1, 100))
    def wait(self, hours: int) -> None:
        """Let time pass and deliver what is due."""
        self.clock.advance(hours=hours)
        delivered = [engine.deliver() for engine in self.engines]
        assert delivered[0] == delivered[1]

    @rule(days=st.integers(-3653, 3653) | st.integers(1, 60))
    def leap(self, days: int) -> None:
        """Let the clock leap by up to ten years, forwards or backwards."""
        self.clock.advance(days=days)

    @rule(back=st.sampled_from([0, 0, 0, 1, 400]))
    def sweep(self, back: int) -> None:
        """Let time act as of now or as of some days ago: both stores alike; a second time there is nothing left to do."""
        at = self.clock() - timedelta(days=back)
        swept = [engine.sweep(at) for engine in self.engines]
        assert swept[0] == swept[1]
        assert () == swept[0].failed
        again = self.engines[0].sweep(at)
        assert 0 == again.total
        assert swept[0].uncertain == again.uncertain
        assert swept[1].uncertain == self.engines[1].sweep(at).uncertain
        for one in IDS:
            for engine in self.engines:
                deal = self.present(engine, one)
                assert deal is None or deal.outcome or deal.wakes_at is None or deal.wakes_at > at

    @precondition(lambda self: any(deal.wakes_at for one in IDS if (deal := self.present(self.engines[0], one))))
    @rule(which=st.integers(0, 9), days=st.sampled_from([0, 0, 1, 40]))
    def ripen(self, which: int, days: int) -> None:
        """Let time pass until something is due, or a little longer, and act."""
        there = [deal for one in IDS if (deal := self.present(self.engines[0], one)) is not None]
        due = [deal.wakes_at for deal in there if deal.wakes_at is not None]
        self.clock.set(max(self.clock(), due[which % len(due)] + timedelta(days=days)))
        self.sweep(back=0)

    @rule(agreement=agreements, by=actors)
    def recompute(self, agreement: str, by: Actor) -> None:
        """Have the deadlines reckoned again: where none changes, nothing is written but a refusal."""
        was = [self.present(engine, agreement) for engine in self.engines]
        answers = [outcome(lambda engine=engine: engine.recompute(agreement, by=by)) for engine in self.engines]
        assert seen(answers[0]) == seen(answers[1])
        for before, answer in zip(was, answers, strict=True):
            if answer[0] == "done" and before is not None:
                assert before == answer[1] or before.deadlines != answer[1].deadlines

    # What holds at any time

    @invariant()
    def present_is_the_fold_of_the_history(self) -> None:
        """On both stores, and their histories are the same but for the ids."""
        for one in IDS:
            for engine in self.engines:
                now = self.present(engine, one)
                if now is not None:
                    history = engine.history(one)
                    assert now == fold(history)
                    assert list(range(1, now.n + 1)) == [event.n for event in history]
                    assert now == Agreement.from_json(now.to_json())
                    assert now.wakes_at == min(ahead(now), default=None)
        for one in IDS:
            if self.engines and self.present(self.engines[0], one) is not None:
                assert unnamed(self.engines[0], one) == unnamed(self.engines[1], one)

    def settle(self) -> None:
        """In the end: everything verifies, and what is asked of many is what each answers."""
        there = [deal for one in sorted(IDS) if (deal := self.present(self.engines[0], one)) is not None]
        for engine in self.engines:
            report = engine.verify()
            assert report.ok, str(report)
            assert (len(there), sum(deal.n for deal in there)) == (report.checked, report.events)
            assert len(there) == engine.count()
            assert Counter(deal.stage for deal in there) == engine.count(by="stage")
            assert Counter(deal.outcome for deal in there) == engine.count(by="outcome")
            assert Counter(role for deal in there for role in deal.owner) == engine.count(by="owner")
            assert Counter(deal.hold is not None for deal in there) == engine.count(by="on_hold")
            for role in ROLES:
                ids = [deal.id for deal in there if role in deal.owner]
                assert ids == [deal.id for deal in engine.find(owner=role).items]
                assert len(ids) == engine.count(owner=role)
            for stage in {stage.id for stage in self.process.stages}:
                assert [d.id for d in there if d.stage == stage] == [d.id for d in engine.find(stage=stage).items]
            assert [d.id for d in there if d.parties] == [d.id for d in engine.find(party="p0").items]
            assert [d.id for d in there if d.running] == [d.id for d in engine.find(running=True).items]
            for deal in there:
                lawful(engine.history(deal))
            for at in (self.clock(), *(at for deal in there for at in ahead(deal))):
                due = [deal.id for deal in there if deal.wakes_at is not None and deal.wakes_at <= at]
                assert due == [deal.id for deal in engine.find(due_before=at).items]
            assert [d.id for d in there if d.overdue] == [d.id for d in engine.find(overdue=True).items]
            assert [d.id for d in there if d.part_of == "x"] == [d.id for d in engine.find(part_of="x").items]
            caused = [
                told["id"] for deal in there for event in engine.history(deal) for told in event.data["notifications"]
            ]
            assert sorted(caused) == sorted(row.notification.id for row in engine.outbox())
        rows = [
            sorted((r.status, r.tries, r.notification.payload()) for r in engine.outbox()) for engine in self.engines
        ]
        assert rows[0] == rows[1]


def test_random_lives() -> None:
    """Whatever happens to agreements of whatever process, the laws hold, on both stores alike."""
    run_state_machine_as_test(Life, settings=settings.get_profile("stagegate-properties"))  # type: ignore[no-untyped-call]


def test_no_move_is_lost() -> None:
    """The moves that are tried here are all there are."""
    assert MOVES == ALL


def test_errors_that_write_nothing() -> None:
    """The errors after which nothing may have changed are not refusals."""
    assert not any(issubclass(kind, RefusedError) for kind in (Conflict, NoSuchMove, NotFound, RequestReused))
