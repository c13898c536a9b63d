"""The moves: advance, send_back, hold, resume, end; who may make them, and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Conflict,
    Document,
    Engine,
    GateClosed,
    HistoryTampered,
    InvalidValue,
    MemoryStore,
    NoSuchMove,
    NotPermitted,
    Option,
    Outcome,
    Process,
    RefusedError,
    Stage,
    Unit,
    Unmet,
    approval,
    document,
    fact,
    requirement,
    unguarded,
)
from stagegate.testing import ManualClock

PROCESS = Process(
    id="p",
    version="1",
    stages=(
        Stage("draft", owner="boss", gate=document("plan"), back_to="draft", may={"hold": "minister"}),
        Stage("survey", owner="clerk", gate=fact("surveyed"), when=fact("large", equals=True), back_to="draft"),
        Stage(
            "vote",
            owner=("council", "boss"),
            gate=approval("council", of="plan") & approval("ministry"),
            back_to=("draft", "vote"),
            may={"advance": "minister", "send_back": "minister", "end": "minister"},
        ),
        Stage("work", owner="boss", gate=unguarded("x"), back_to=("vote", "draft"), reapproval="on_change"),
        Stage("done", owner="boss"),
    ),
    outcomes=[
        Outcome("completed", stages="done"),
        Outcome("rejected", stages=["vote", "work"], by="council", gate=fact("why", fix_by="council"), basis="Art 7"),
        Outcome("withdrawn"),
    ],
)
CLERK, COUNCIL, MINISTER, MINISTRY, STRANGER = (
    Actor(id=f"{role}-1", roles={role}) for role in ("clerk", "council", "minister", "ministry", "stranger")
)


@pytest.fixture
def engine(clock: ManualClock, boss: Actor) -> Engine:
    """Open an engine with one agreement in its first stage."""
    engine = Engine(MemoryStore(), processes=[PROCESS], clock=clock)
    engine.start("p", "x", by=boss)
    return engine


def at(engine: Engine, stage: str, boss: Actor) -> Agreement:
    """Bring the agreement to a stage in the shortest way."""
    deal = engine.attach("x", Document.from_bytes(b"plan", kind="plan"), by=boss)
    while deal.stage != stage:
        if deal.stage == "vote":
            engine.approve("x", by=COUNCIL)
            engine.approve("x", by=MINISTRY)
        deal = engine.advance("x", by=boss)
    return deal


def test_advance(engine: Engine, clock: ManualClock, boss: Actor) -> None:
    """Through an open gate the agreement stands in the next stage: with its owner, its time, and the documents it rests on."""
    engine.attach("x", Document.from_bytes(b"plan", kind="plan"), by=boss)
    now = clock.advance(days=3)
    deal = engine.advance("x", reason="ready", by=boss)
    event = engine.history("x")[-1]

    assert ("vote", ("council", "boss"), now, 1, 3) == (
        deal.stage,
        deal.owner,
        deal.entered_at,
        deal.round,
        deal.version,
    )
    assert ("moved", "advance", "draft", "vote", "ready") == (
        event.kind,
        event.move,
        event.data["from"],
        event.data["to"],
        event.data["data"]["reason"],
    )
    assert [("plan", deal.documents["plan"].digest)] == [(d["kind"], d["digest"]) for d in event.data["documents"]]
    assert [["document:plan", True]] == [list(asked) for asked in event.data["asked"]]


def test_skipped_stage_is_recorded_with_its_reason(engine: Engine, boss: Actor) -> None:
    """A stage whose condition does not hold is passed over, and the event says which and why."""
    at(engine, "vote", boss)
    (skipped,) = engine.history("x")[-1].data["data"]["skipped"]

    assert ("survey", ["fact.missing"]) == (skipped["stage"], [reason["code"] for reason in skipped["unmet"]])
    assert {"large"} == {reason["params"]["fact"] for reason in skipped["unmet"]}


def test_conditional_stage_is_entered_where_it_applies(engine: Engine, boss: Actor) -> None:
    """A stage whose condition holds is entered, and nothing is said to be skipped."""
    engine.record("x", "large", True, by=boss)
    engine.attach("x", Document.from_bytes(b"plan", kind="plan"), by=boss)

    assert "survey" == engine.advance("x", by=boss).stage
    assert "skipped" not in engine.history("x")[-1].data["data"]


def test_condition_that_cannot_be_checked_stops_everything(clock: ManualClock, boss: Actor) -> None:
    """Where it cannot be said whether a stage applies, the agreement neither enters it nor passes it over."""

    @requirement(code="broken")
    def broken(attempt: Any) -> bool:
        raise LookupError(attempt.move)

    process = Process(
        "q",
        "1",
        (
            Stage("a", owner="boss", gate=unguarded("x")),
            Stage("b", owner="boss", gate=unguarded("x"), when=broken),
            Stage("c", owner="boss", gate=unguarded("x"), when=fact("f")),
            Stage("d", owner="boss"),
        ),
    )
    engine = Engine(MemoryStore(), processes=[process], clock=clock)
    engine.start("q", "y", by=boss)
    with pytest.raises(GateClosed, match="broken could not be checked") as refused:
        engine.advance("y", by=boss)

    assert ["guard.error"] == [reason.code for reason in refused.value.unmet]
    assert "a" == engine.get("y").stage


def test_last_stage_is_left_by_an_end_only(engine: Engine, boss: Actor) -> None:
    """From the last stage there is no advance; the error says how it goes on."""
    before = at(engine, "done", boss)
    with pytest.raises(NoSuchMove, match="no advance from 'done', the last stage; use end with an outcome"):
        engine.advance("x", by=boss)

    assert before == engine.get("x")


def test_send_back(engine: Engine, boss: Actor) -> None:
    """Sent back, the agreement stands in the earlier stage again, another round begins, and the votes on the way are void."""
    at(engine, "work", boss)
    deal = engine.send_back("x", "draft", "the map is missing", by=boss)
    event = engine.history("x")[-1]

    assert ("draft", 2, ("boss",), ()) == (deal.stage, deal.round, deal.owner, deal.approvals)
    assert ("send_back", "work", "draft", "the map is missing") == (
        event.move,
        event.data["from"],
        event.data["to"],
        event.data["data"]["reason"],
    )
    assert {("council", "council-1"), ("ministry", "ministry-1")} == {
        (gone["role"], gone["by"]) for gone in event.data["voided"]
    }


def test_another_round_of_the_same_stage(engine: Engine, boss: Actor) -> None:
    """Where a process allows it, a stage is sent back to itself for another round."""
    engine.send_back("x", "draft", "again", by=boss)

    assert (3, "draft") == (engine.send_back("x", "draft", "and again", by=boss).round, engine.get("x").stage)


def test_votes_given_before_the_stage_it_is_sent_to_stand(engine: Engine, boss: Actor) -> None:
    """Only what was approved on the way is void: earlier votes stand."""
    process = Process(
        "q",
        "1",
        (
            Stage("a", owner="boss", gate=approval("council")),
            Stage("b", owner="boss", gate=approval("ministry")),
            Stage("c", owner="boss", back_to="b"),
        ),
    )
    engine = Engine(MemoryStore(), processes=[process])
    engine.start("q", "y", by=boss)
    engine.approve("y", by=COUNCIL)
    engine.advance("y", by=boss)
    engine.approve("y", by=MINISTRY)
    engine.advance("y", by=boss)

    assert ["council"] == [vote.role for vote in engine.send_back("y", "b", "again", by=boss).approvals]


@pytest.mark.parametrize(
    "reapproval,bound,left",
    [("always", True, 0), ("always", False, 0), ("on_change", True, 1), ("on_change", False, 0)],
)
def test_reapproval(boss: Actor, reapproval: Any, bound: bool, left: int) -> None:
    """Where a stage says so, a vote that is bound to a text stands when sent back, until that text changes; others never do."""
    gate = approval("council", of="plan") if bound else approval("council")
    process = Process(
        "q",
        "1",
        (
            Stage("a", owner="boss", gate=document("plan") & gate, reapproval=reapproval),
            Stage("b", owner="boss", back_to="a"),
        ),
    )
    engine = Engine(MemoryStore(), processes=[process])
    engine.start("q", "y", by=boss)
    engine.attach("y", Document.from_bytes(b"1", kind="plan"), by=boss)
    engine.approve("y", by=COUNCIL)
    engine.advance("y", by=boss)

    assert left == len(engine.send_back("y", "a", "again", by=boss).approvals)
    assert 0 == len(engine.attach("y", Document.from_bytes(b"2", kind="plan"), by=boss).approvals) or not bound


@pytest.mark.parametrize(
    "to,because",
    [("nowhere", "there is draft"), ("vote", "no send_back to 'vote' from 'draft'"), ("done", "there is draft")],
)
def test_there_is_no_way_back_to_elsewhere(engine: Engine, boss: Actor, to: str, because: str) -> None:
    """Sending to a stage that is not behind, or to none, is no move; nothing is attempted or recorded."""
    with pytest.raises(NoSuchMove, match=because):
        engine.send_back("x", to, "jump", by=boss)

    assert 1 == engine.get("x").n


def test_stage_without_ways_back(engine: Engine, boss: Actor) -> None:
    """A stage that names no stage to go back to has no such move, not even to itself."""
    at(engine, "done", boss)
    with pytest.raises(NoSuchMove, match="no send_back from 'done'"):
        engine.send_back("x", "draft", "again", by=boss)


def test_hold_and_resume(engine: Engine, clock: ManualClock, boss: Actor) -> None:
    """On hold, the agreement stays where it is, says why, and does not move until it is resumed."""
    engine.attach("x", Document.from_bytes(b"plan", kind="plan"), by=boss)
    held = engine.hold("x", "election", by=boss)
    assert held.hold is not None

    assert ("draft", "election", "ann", 3, clock(), ("boss",)) == (
        held.stage,
        held.hold.reason,
        held.hold.by,
        held.hold.n,
        held.hold.since,
        held.hold.roles,
    )
    for attempt in (
        lambda: engine.advance("x", by=boss),
        lambda: engine.send_back("x", "draft", "again", by=boss),
        lambda: engine.hold("x", "twice", by=boss),
    ):
        with pytest.raises(GateClosed, match="the agreement is on hold: election"):
            attempt()
    engine.note("x", "still waiting", by=boss)
    resumed = engine.resume("x", reason="elected", by=boss)

    assert (None, "elected") == (resumed.hold, engine.history("x")[-1].data["data"]["reason"])
    assert "vote" == engine.advance("x", by=boss).stage


def test_only_a_hold_is_resumed(engine: Engine, boss: Actor) -> None:
    """What is not on hold cannot be resumed, and the attempt is recorded."""
    with pytest.raises(GateClosed, match="the agreement is not on hold"):
        engine.resume("x", by=boss)

    assert "refused" == engine.history("x")[-1].kind


def test_hold_of_a_third_party_is_its_own_to_lift(engine: Engine, boss: Actor) -> None:
    """Who may hold beside the owner alone lifts that hold; the owner's own hold is the owner's to lift."""
    engine.hold("x", "talks", by=MINISTER)
    with pytest.raises(NotPermitted, match="'ann' may not resume: that is for minister"):
        engine.resume("x", by=boss)
    assert engine.resume("x", by=MINISTER).hold is None

    engine.hold("x", "holiday", by=boss)
    with pytest.raises(NotPermitted, match="that is for boss"):
        engine.resume("x", by=MINISTER)
    assert engine.resume("x", by=boss).hold is None


def test_end(engine: Engine, boss: Actor) -> None:
    """An agreement that has ended has an outcome and no owner, and stands where it stood."""
    deal = engine.end("x", "withdrawn", "no money", by=boss)
    event = engine.history("x")[-1]

    assert ("withdrawn", False, "draft", ()) == (deal.outcome, deal.running, deal.stage, deal.owner)
    assert ("end", "withdrawn", "no money") == (event.move, event.data["data"]["outcome"], event.data["data"]["reason"])


def test_end_lifts_a_hold(engine: Engine, boss: Actor) -> None:
    """An agreement on hold can be ended, and is then on hold no more."""
    engine.hold("x", "wait", by=boss)

    assert (None, "withdrawn") == (lambda deal: (deal.hold, deal.outcome))(engine.end("x", "withdrawn", by=boss))


def test_outcome_has_its_own_gate_and_its_own_people(engine: Engine, boss: Actor) -> None:
    """An outcome is declared by those it names, where its gate is open; its reasons carry its basis."""
    at(engine, "vote", boss)
    with pytest.raises(NotPermitted, match="that is for council or minister") as forbidden:
        engine.end("x", "rejected", by=boss)
    with pytest.raises(GateClosed) as closed:
        engine.end("x", "rejected", by=COUNCIL)
    for refused in (forbidden.value, closed.value):
        assert [("fact.missing", ("council",), "Art 7")] == [(r.code, r.fix_by, r.basis) for r in refused.unmet]
    engine.record("x", "why", "too dear", by=boss)

    assert "rejected" == engine.end("x", "rejected", by=MINISTER).outcome


@pytest.mark.parametrize(
    "outcome,because", [("completed", "there is withdrawn"), ("lost", "no end to 'lost' from 'draft'")]
)
def test_outcomes_of_other_stages_are_no_move(engine: Engine, boss: Actor, outcome: str, because: str) -> None:
    """An outcome that cannot be declared here, or at all, is no move."""
    with pytest.raises(NoSuchMove, match=because):
        engine.end("x", outcome, by=boss)

    assert 1 == engine.get("x").n


def test_nothing_but_notes_after_the_end(engine: Engine, boss: Actor) -> None:
    """An ended agreement takes notes, and nothing else; that is no refusal to be recorded, since there is no such move."""
    engine.end("x", "withdrawn", by=boss)
    for attempt in (
        lambda: engine.advance("x", by=boss),
        lambda: engine.send_back("x", "draft", "again", by=boss),
        lambda: engine.hold("x", "wait", by=boss),
        lambda: engine.resume("x", by=boss),
        lambda: engine.end("x", "withdrawn", by=boss),
        lambda: engine.attach("x", Document.from_bytes(b"", kind="d"), by=boss),
        lambda: engine.record("x", "f", 1, by=boss),
        lambda: engine.approve("x", by=COUNCIL),
        lambda: engine.refuse("x", "no", by=COUNCIL),
    ):
        with pytest.raises(NoSuchMove, match="it has ended \\(withdrawn\\); only notes can be added"):
            attempt()

    assert () == engine.options("x", by=boss)
    assert (3, "withdrawn") == (engine.note("x", "archived", by=boss).n, engine.get("x").outcome)


@pytest.mark.parametrize(
    "move,who,roles",
    [
        ("advance", [Actor(id="b", roles={"boss"}), COUNCIL, MINISTER], ("council", "boss", "minister")),
        ("send_back", [Actor(id="b", roles={"boss"}), COUNCIL, MINISTER], ("council", "boss", "minister")),
        ("hold", [Actor(id="b", roles={"boss"}), COUNCIL], ("council", "boss")),
        ("end", [Actor(id="b", roles={"boss"}), COUNCIL, MINISTER], ("council", "boss", "minister")),
    ],
)
def test_who_may_move(engine: Engine, boss: Actor, move: str, who: list[Actor], roles: tuple[str, ...]) -> None:
    """The owners of a stage make its moves, and those it lets make one; everybody else is refused, and told who may."""
    at(engine, "vote", boss)

    def option(actor: Actor) -> Option:
        return next(
            o
            for o in engine.options("x", by=actor)
            if (o.move, o.target) in {(move, None), (move, "draft"), (move, "withdrawn"), (move, "work")}
        )

    assert all(option(actor).permitted for actor in who)
    for stranger in (CLERK, STRANGER, Actor(id="nobody")):
        assert (False, roles) == (option(stranger).permitted, option(stranger).roles)
        with pytest.raises(NotPermitted) as refused:
            {
                "advance": lambda by: engine.advance("x", by=by),
                "send_back": lambda by: engine.send_back("x", "draft", "r", by=by),
                "hold": lambda by: engine.hold("x", "r", by=by),
                "end": lambda by: engine.end("x", "withdrawn", by=by),
            }[move](stranger)
        assert roles == refused.value.roles
        assert roles == tuple(engine.history("x")[-1].data["data"]["roles"])


def test_permission_and_gate_are_both_asked(engine: Engine) -> None:
    """Who may not move is told what else is in the way, and the answer carries both."""
    with pytest.raises(NotPermitted, match="'stranger-1' may not advance: that is for boss; also: the document plan"):
        engine.advance("x", by=STRANGER)
    (option, *_) = engine.options("x", by=STRANGER)

    assert (False, False, ["document.missing"]) == (option.permitted, option.open, [r.code for r in option.unmet])


def test_votes_and_the_turn_of_the_owner(engine: Engine, boss: Actor) -> None:
    """A vote is for the role that is asked, wherever the agreement stands, and nobody else's."""
    at(engine, "vote", boss)
    with pytest.raises(NotPermitted, match="'ann' may not approve: that is for council"):
        engine.approve("x", role="council", by=boss)

    assert ["council"] == [vote.role for vote in engine.approve("x", by=COUNCIL, reason="fine").approvals]
    assert ("for", "fine", "vote") == tuple(
        getattr(engine.get("x").approvals[0], field) for field in ("vote", "reason", "stage")
    )


def test_vote_before_there_is_a_text_is_refused(engine: Engine) -> None:
    """A vote on a document that is not there is refused with that reason, and recorded as an attempt."""
    with pytest.raises(GateClosed, match="there is no document plan yet that council could approve"):
        engine.approve("x", by=COUNCIL)

    assert ("refused", "approve") == (engine.history("x")[-1].kind, engine.history("x")[-1].move)


def test_refusal_is_recorded(engine: Engine, boss: Actor) -> None:
    """A refused attempt takes a number in the history, with its reasons and particulars, and moves the version not at all."""
    before = engine.get("x")
    with pytest.raises(GateClosed) as refused:
        engine.advance(before, reason="hurry", by=boss)
    after, event = engine.get("x"), engine.history("x")[-1]

    assert (1, 2, 2) == (after.version, after.n, refused.value.n)
    assert ("refused", "advance", "draft") == (event.kind, event.move, event.data["from"])
    assert "to" not in event.data
    assert "hurry" == event.data["data"]["reason"]
    assert refused.value.unmet == tuple(map(Unmet.from_data, event.data["data"]["unmet"]))
    assert "draft" == engine.send_back(before, "draft", "the version still holds", by=boss).stage


def scenes() -> list[tuple[str, Callable[[Engine, Actor], Any], Callable[[Engine, Actor], Any], Actor | None]]:
    """Return situations and moves that are refused in them."""

    def nothing(engine: Engine, boss: Actor) -> None:
        """Leave the agreement as it is."""

    def vote(engine: Engine, boss: Actor) -> None:
        at(engine, "vote", boss)
        engine.refuse("x", "too dear", by=COUNCIL)

    def held(engine: Engine, boss: Actor) -> None:
        engine.hold("x", "wait", by=MINISTER)

    return [
        ("advance", nothing, lambda e, by: e.advance("x", by=by), None),
        ("advance", nothing, lambda e, by: e.advance("x", by=by), STRANGER),
        ("advance", vote, lambda e, by: e.advance("x", by=by), COUNCIL),
        ("advance", vote, lambda e, by: e.advance("x", by=by), CLERK),
        ("advance", held, lambda e, by: e.advance("x", by=by), None),
        ("send_back", held, lambda e, by: e.send_back("x", "draft", "r", by=by), None),
        ("resume", held, lambda e, by: e.resume("x", by=by), None),
        ("end", vote, lambda e, by: e.end("x", "rejected", by=by), STRANGER),
        ("end", vote, lambda e, by: e.end("x", "rejected", by=by), COUNCIL),
    ]


@pytest.mark.parametrize("move,prepare,attempt,who", scenes())
def test_dry_run_exception_and_event_say_the_same(
    engine: Engine,
    boss: Actor,
    move: str,
    prepare: Callable[[Engine, Actor], Any],
    attempt: Callable[[Engine, Actor], Any],
    who: Actor | None,
) -> None:
    """What the options say, what the exception says and what the history says of a refused attempt is one and the same."""
    prepare(engine, boss)
    actor = who or boss
    (option,) = (
        o
        for o in engine.options("x", by=actor)
        if o.move == move and o.target in {None, "draft", "rejected", "work", "survey"}
    )
    with pytest.raises(RefusedError) as refused:
        attempt(engine, actor)
    event = engine.history("x")[-1]

    assert option.unmet == refused.value.unmet == tuple(map(Unmet.from_data, event.data["data"].get("unmet", ())))
    assert option.permitted == refused.value.permitted == event.data["data"].get("permitted", True)
    assert not option.open
    assert refused.value.n == event.n


def test_options_list_everything(engine: Engine, boss: Actor) -> None:
    """The options are all moves there are from here, each with where it leads, and asking writes nothing."""
    at(engine, "vote", boss)
    n = engine.get("x").n
    options = engine.options("x", by=boss)

    assert [
        ("advance", "work"),
        ("send_back", "draft"),
        ("send_back", "vote"),
        ("hold", None),
        ("end", "rejected"),
        ("end", "withdrawn"),
    ] == [(option.move, option.target) for option in options]
    assert {"advance": False, "send_back": True, "hold": True} == {
        o.move: o.open for o in options if o.move in {"advance", "send_back", "hold"}
    }
    assert n == engine.get("x").n


def test_options_say_where_an_advance_would_lead(engine: Engine, boss: Actor) -> None:
    """The target of an advance is the stage it would enter, past those that would be skipped; shut, it is the next that might be."""
    shut = engine.options("x", by=boss)[0]
    engine.attach("x", Document.from_bytes(b"", kind="plan"), by=boss)
    free = engine.options("x", by=boss)[0]
    engine.record("x", "large", True, by=boss)

    assert ("survey", "vote", "survey") == (shut.target, free.target, engine.options("x", by=boss)[0].target)


def test_options_on_hold(engine: Engine, boss: Actor) -> None:
    """On hold, one can resume and not hold again."""
    engine.hold("x", "wait", by=boss)
    moves = [option.move for option in engine.options("x", by=boss)]

    assert "resume" in moves
    assert "hold" not in moves


@pytest.mark.parametrize(
    "attempt",
    [
        lambda e, by: e.send_back("x", "draft", "", by=by),
        lambda e, by: e.send_back("x", "draft", "  ", by=by),
        lambda e, by: e.send_back("x", "draft", 3, by=by),
        lambda e, by: e.send_back("x", 3, "r", by=by),
        lambda e, by: e.send_back("x", "", "r", by=by),
        lambda e, by: e.hold("x", "", by=by),
        lambda e, by: e.hold("x", None, by=by),
        lambda e, by: e.end("x", 3, by=by),
        lambda e, by: e.end("x", "withdrawn", 3, by=by),
        lambda e, by: e.advance("x", reason=3, by=by),
        lambda e, by: e.advance("x", by="ann"),
        lambda e, by: e.advance(3, by=by),
        lambda e, by: e.resume("x", reason="\0", by=by),
        lambda e, by: e.options("x", by="ann"),
    ],
)
def test_moves_refuse_what_cannot_be_recorded(
    engine: Engine, boss: Actor, attempt: Callable[[Engine, Actor], Any]
) -> None:
    """A move without the reason it needs, or with something that cannot be recorded, is refused, and nothing is written."""
    with pytest.raises(InvalidValue):
        attempt(engine, boss)

    assert 1 == engine.get("x").n


def test_actor_is_always_required(engine: Engine) -> None:
    """No method that changes or judges anything can be called without saying who acts."""
    for name in (
        "start",
        "attach",
        "record",
        "approve",
        "refuse",
        "note",
        "advance",
        "send_back",
        "hold",
        "resume",
        "end",
        "options",
    ):
        with pytest.raises(TypeError, match="'by'"):
            getattr(engine, name)(
                *["x"]
                * (
                    3
                    if name in {"record", "send_back"}
                    else 2
                    if name in {"start", "attach", "refuse", "note", "hold", "end"}
                    else 1
                )
            )


def test_stale_agreement_is_refused(engine: Engine, boss: Actor) -> None:
    """Who acts on an agreement that has changed since is told both versions, and nothing is done; an id means the present."""
    seen = engine.get("x")
    engine.note("x", "n", by=boss)
    with pytest.raises(Conflict, match="acted on version 1, but it is now at version 2") as refused:
        engine.hold(seen, "wait", by=boss)

    assert ("x", 1, 2) == (refused.value.agreement, refused.value.seen, refused.value.current)
    assert 2 == engine.get("x").n
    assert engine.hold("x", "wait", by=boss).hold


def test_moves_take_effect_in_order(engine: Engine, clock: ManualClock, boss: Actor) -> None:
    """A move may have taken effect earlier, but not before the agreement came to where it stands."""
    entered = clock()
    engine.attach("x", Document.from_bytes(b"", kind="plan"), by=boss)
    clock.advance(days=10)
    with pytest.raises(InvalidValue, match="is before the agreement entered 'draft'"):
        engine.advance("x", by=boss, at=entered - timedelta(microseconds=1))
    deal = engine.advance("x", by=boss, at=entered + timedelta(days=1))

    assert (entered + timedelta(days=1), clock()) == (deal.entered_at, deal.changed_at)
    with pytest.raises(InvalidValue, match="is before the agreement entered 'vote'"):
        engine.hold("x", "wait", by=boss, at=entered)


def test_time_is_taken_when_it_is_its_turn(clock: ManualClock, boss: Actor) -> None:
    """What had to wait for others is recorded with the time at which it was its turn, so that times run with the numbers."""

    class Slow(MemoryStore):
        @contextmanager
        def unit(self, agreement: str) -> Iterator[Unit]:
            with super().unit(agreement) as unit:
                clock.advance(hours=1)
                yield unit

    engine = Engine(Slow(), processes=[PROCESS], clock=clock)

    assert engine.start("p", "x", by=boss).changed_at == clock()


def test_stage_that_the_process_does_not_have_is_not_guessed_at(clock: ManualClock, boss: Actor) -> None:
    """An agreement that is stored at a stage its process does not have is refused, kept, and pointed out."""
    store = MemoryStore()
    engine = Engine(store, processes=[PROCESS], clock=clock)
    deal = engine.start("p", "x", by=boss)
    store._agreements["x"] = attrs.evolve(deal, stage="limbo")
    for attempt in (lambda: engine.advance("x", by=boss), lambda: engine.options("x", by=boss)):
        with pytest.raises(
            HistoryTampered, match="stands at 'limbo', a stage that .* does not have; nothing was changed"
        ):
            attempt()

    assert 1 == len(store.history("x"))
    assert not engine.verify().ok
