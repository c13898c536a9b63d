"""
Clocks that leap by up to ten years, both ways, between any two steps.

A clock may be set wrongly, and set right again. What people did stays in the order in which they did it, time does each
thing once and none before its date, and where a time only reminds and says what is overdue, people can do just what they
could with a clock that goes steadily.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stagegate import (
    Actor,
    Agreement,
    Document,
    Duty,
    Engine,
    Event,
    Process,
    Renewal,
    Stage,
    Term,
    approval,
    calendar_days,
    document,
    fact,
    fold,
    months,
    workdays,
    years,
)
from stagegate.exceptions import NoSuchMove, RefusedError
from stagegate.testing import ManualClock

profile = settings.get_profile("stagegate-properties")

BEGIN = datetime(2025, 7, 24, 9, tzinfo=UTC)
TEN_YEARS = 3653
ANN = Actor(id="ann", roles={"boss", "clerk", "council"})


def mild(zone: str) -> Process:
    """Return a process whose times remind, say what is overdue and hand on, but decide nothing."""
    council = approval("council", of="plan", within=workdays(45, since="plan.received_on"), remind=["10 workdays"])
    return Process(
        "pact",
        "1",
        [
            Stage(
                "plan",
                owner="clerk",
                gate=document("plan"),
                within=workdays(5, on_return="continue"),
                on_timeout="escalate:boss",
                remind=["1 workday"],
            ),
            Stage("council", owner="council", back_to=("plan",), gate=council, within=months(6, roll="next")),
            Stage(
                "force",
                owner="boss",
                back_to=("plan", "council"),
                duties=[
                    Duty("report", every=months(12), remind=["1 month"]),
                    Duty("use", gate=fact("used"), within=years(1)),
                ],
            ),
        ],
        zone=zone,
    )


def strict(zone: str) -> Process:
    """Return a process whose times decide: by silence, by ending it, and by the end of a term."""
    council = approval("council", of="plan", within=calendar_days(30), silence="approves", basis="Act 1, Art 2")
    return Process(
        "pact",
        "1",
        [
            Stage("plan", owner="clerk", gate=document("plan"), within=years(3), on_timeout="end:withdrawn", basis="Art 1"),
            Stage("council", owner="council", back_to=("plan",), gate=council),
            Stage(
                "force",
                owner="boss",
                back_to=("plan", "council"),
                term=Term(lasts=years(5)),
                renewal=Renewal("force", gate=document("report")),
                remind=["6 months"],
            ),
        ],
        zone=zone,
    )  # fmt: skip


ACTS = ("plan", "report", "record", "note", "back", "hold", "resume", "approve", "refuse", "renew")
acts = st.sampled_from([*ACTS, *["plan", "approve", "advance", "advance"] * 2])
days = st.one_of(st.integers(-60, 60), st.integers(0, 400), st.integers(-TEN_YEARS, TEN_YEARS))
steps = st.lists(st.tuples(acts, days, st.booleans()), min_size=1, max_size=25)
zones = st.sampled_from(["UTC", "Asia/Jakarta", "Pacific/Apia", "America/St_Johns"])


def do(engine: Engine, act: str, number: int) -> tuple[Any, ...]:
    """Do something by hand, and return what came of it; every paper and note is one of its own."""
    calls: dict[str, tuple[str, tuple[Any, ...]]] = {
        "record": ("record", ("used", number)),
        "note": ("note", (f"note {number}",)),
        "back": ("send_back", ("plan", "again")),
        "hold": ("hold", ("wait",)),
        "refuse": ("refuse", ("no",)),
        "renew": ("renew", ("force",)),
    }
    if act in {"plan", "report"}:
        paper = Document.from_bytes(b"%d" % number, kind=act, received_on="2025-07-24")
        calls[act] = "attach", (paper,)
    move, given_ = calls.get(act, (act, ()))
    try:
        deal = getattr(engine, move)("deal", *given_, by=ANN)
    except RefusedError as error:
        return "refused", type(error).__name__, str(error)
    except NoSuchMove as error:
        return "none", str(error)
    return "done", deal.stage, deal.outcome


class Life:
    """An agreement, and who wrote which of its events at what time by the clock."""

    def __init__(self, process: Process) -> None:
        self.clock = ManualClock(BEGIN)
        self.engine = Engine.open("memory:", processes=[process], clock=self.clock)
        self.engine.start("pact", "deal", by=ANN)
        self.written = [("ann", BEGIN)]
        self.seen = self.history

    @property
    def deal(self) -> Agreement:
        """The agreement as it is."""
        return self.engine.get("deal")

    @property
    def history(self) -> Sequence[Event]:
        """All of its events."""
        return self.engine.history("deal")

    def came(self, who: str) -> None:
        """Put down the events that are new, and make sure that those before them are as they were."""
        history = self.history
        assert self.seen == history[: len(self.seen)]
        self.written += [(who, self.clock())] * (len(history) - len(self.seen))
        self.seen = history

    def act(self, act: str, number: int) -> tuple[Any, ...]:
        """Do something by hand: it writes one event, or none where there is no such move."""
        n = self.deal.n
        answer = do(self.engine, act, number)
        assert self.deal.n == n + (answer[0] != "none")
        self.came("ann")
        return answer

    def sweep(self) -> None:
        """Sweep: it does nothing but what is due, and not a second time."""
        before = self.deal
        due = before.running and any(one.wakes_at and one.wakes_at <= self.clock() for one in before.deadlines.values())
        swept = self.engine.sweep()
        assert ((), bool(due)) == (swept.failed, swept.total > 0)
        assert self.deal.n == before.n + swept.total
        assert 0 == self.engine.sweep().total
        self.came("law")

    def leap(self, days: int) -> None:
        """Set the clock forward or back, but not out of two centuries."""
        there = self.clock() + timedelta(days=days)
        self.clock.set(min(max(there, BEGIN.replace(year=1925)), BEGIN.replace(year=2125)))

    def holds(self) -> None:
        """Make sure of what holds whatever the clock said."""
        history = self.history
        assert list(range(1, len(history) + 1)) == [event.n for event in history]
        assert self.written == [(event.actor, event.recorded_at) for event in history]
        assert self.deal == fold(history)
        assert self.engine.verify().ok
        deal: Agreement | None = None
        for number, event in enumerate(history):
            if event.actor == "law":
                assert deal is not None
                said = event.data["data"]
                one = deal.deadlines[said.get("deadline") or said["silence"]["deadline"]]
                ends = one.remind_at[0] if event.kind == "reminded" else one.at
                assert ends is not None
                assert ends <= event.recorded_at
                assert not one.overdue
                # It takes effect at its date, but never before the stage was entered.
                assert event.kind == "reminded" or event.at == max(ends, deal.entered_at)
            deal = fold(history[: number + 1])


def of_people(history: Iterable[Event]) -> list[tuple[Any, ...]]:
    """Return what people did, in the order of the history, without times."""
    return [
        (event.kind, event.move, event.data.get("from"), event.data.get("to"), event.data.get("data", {}).get("text"))
        for event in history
        if event.actor != "law"
    ]


def reached(deal: Agreement) -> tuple[Any, ...]:
    """Return how far it has come, without numbers of events."""
    papers = {kind: filed.digest for kind, filed in deal.documents.items()}
    facts = {named: recorded.value for named, recorded in deal.facts.items()}
    return deal.stage, deal.outcome, deal.rounds, deal.hold is None, papers, facts


def lived(process: Process, several: Sequence[tuple[str, int, bool]], *, leaps: bool) -> tuple[Life, list[Any]]:
    """Return a life, and what came of each step."""
    life, answers = Life(process), []
    for number, (act, days, sweeps) in enumerate(several):
        if leaps:
            life.leap(days)
            if sweeps:
                life.sweep()
        answers.append(life.act(act, number))
    life.holds()
    return life, answers


@profile
@given(zones, steps)
@example(
    "UTC", [("note", 6, True), ("note", -6, True), ("note", 10, True), ("note", -3000, True), ("note", 6000, True)]
)
@example("UTC", [("hold", 1, False), ("resume", -30, False), ("note", 400, True)])
@example("UTC", [("plan", 0, False), ("hold", 3650, True), ("resume", -7300, True), ("advance", 9000, True)])
def test_steps_keep_their_order(zone: str, several: list[tuple[str, int, bool]]) -> None:
    """What people do comes to the same, in the same order, as with a clock that stands still; time only adds to it."""
    leaping, came = lived(mild(zone), several, leaps=True)
    steady, expected = lived(mild(zone), several, leaps=False)

    assert expected == came
    assert of_people(steady.history) == of_people(leaping.history)
    assert reached(steady.deal) == reached(leaping.deal)


@profile
@given(zones, steps)
@example("UTC", [("plan", 0, False), ("advance", 0, False), ("note", 400, True), ("advance", -3000, True)])
@example(
    "UTC",
    [("plan", 0, False), ("advance", 0, False), ("approve", 0, False), ("advance", 0, False), ("renew", 3653, True)],
)
@example("UTC", [("hold", 0, False), ("note", 3653, True), ("resume", -3653, True), ("note", 3653, True)])
def test_time_that_decides_decides_once(zone: str, several: list[tuple[str, int, bool]]) -> None:
    """Where time decides, it does so at its date, once; what it decided stays, wherever the clock leaps afterwards."""
    life, _ = lived(strict(zone), several, leaps=True)
    life.leap(10 * TEN_YEARS)
    life.sweep()
    life.holds()
    ended = life.deal.outcome
    life.leap(-10 * TEN_YEARS)
    life.sweep()
    life.holds()

    assert ended == life.deal.outcome
