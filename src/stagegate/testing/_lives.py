"""What engines commit, captured once, so that a store can be handed it without an engine."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from functools import lru_cache
from typing import Any

import attrs

from stagegate import (
    Actor,
    Agreement,
    Calendar,
    Definition,
    Document,
    Duty,
    Engine,
    Entry,
    Event,
    Known,
    MemoryStore,
    NoSuchMove,
    Notification,
    Party,
    Process,
    RefusedError,
    Renewal,
    Stage,
    Store,
    Unit,
    approval,
    calendar_days,
    hookimpl,
    months,
    parts,
    unguarded,
    workdays,
    years,
)

from ._clock import ManualClock
from ._makers import make_process

HOSTILE = (
    "plain",
    "O'Brien \"; DROP TABLE event; --",
    "100% _under_ *star* [a-z] \\ ?",
    "Kerja sama – 協力協定 – 🤝🏽",
    "اتفاقية التعاون\u200f (abc)\u202e",
    "e\u0301 is not \u00e9, \ufb01 is not fi, STRASSE is straße",
    "tab\tnewline\nreturn\rescape\x1bdelete\x7f\u2028\u2029\ufeff\ufffd",
    "\U0010ffff\ue000\ufffe\x01",
    "null",
    "{}",
    "0",
    "x" * 10_000,
)
"""Texts that a careless store loses, changes or obeys."""

LASTING = (
    "a",
    "A",
    "a%",
    "a_",
    "a'b",
    "a/../b",
    "ab",
    "B",
    "null",
    "0",
    "00",
    "é",
    "e\u0301",
    "z",
    "ß",
    "ss",
    "ア",
    "日本",
    "\uffee",
    "😀",
)
"""Ids that differ, whatever a careless store thinks; the last two sort otherwise in UTF-16."""

TIMED = ("pact", "pact/1", "pact/2", "Pact", "Pact/1", "pac", "pac_")
"""Those to which most happens because time passes; `pact` and `Pact` have parts."""

IDS = (*LASTING, *TIMED)
"""Every agreement of the random life."""

WHOLES = {"z": "é", "ß": "e\u0301", "ss": "0", "ア": "00", "日本": "é", "😀": "a'b", "\uffee": "日本"}
WHOLES |= {"pact/1": "pact", "pact/2": "pact", "Pact/1": "Pact"}
"""Those that are parts, each with the agreement that it is part of."""

BUSY = LASTING[:7]
"""Those to which most happens."""

MIGRATED = ("A", "a%", "a_", "z")
"""Those that go on under the next version of their process in the end."""


@attrs.frozen(kw_only=True)
class Commit:
    """
    What an engine hands to `Unit.commit`.

    Attributes:
        agreement: What the agreement is after it.

        entry: The event.

        notifications: What it causes.

        request: The request it answers, if it answers one.

        definition: The process it begins to run under, if it does.
    """

    agreement: Agreement
    entry: Entry
    notifications: tuple[Notification, ...] = ()
    request: tuple[str, Known] | None = None
    definition: Definition | None = None

    def write(self, store: Store) -> None:
        """Commit it to *store*."""
        with store.unit(self.agreement.id) as unit:
            self.commit(unit)

    def commit(self, unit: Unit) -> None:
        """Commit it in *unit*."""
        unit.commit(self.agreement, self.entry, self.notifications, self.request, self.definition)


def write(store: Store, commits: Iterable[Commit]) -> None:
    """Commit one after the other to *store*."""
    for commit in commits:
        commit.write(store)


class _Noting:
    """A unit that notes what is committed before it commits it."""

    def __init__(self, unit: Unit, commits: list[Commit]) -> None:
        self._unit = unit
        self._commits = commits
        self.id = unit.id

    @property
    def agreement(self) -> Agreement | None:
        return self._unit.agreement

    def other(self, agreement: str) -> Agreement | None:
        return self._unit.other(agreement)

    def parts(self) -> Sequence[Agreement]:
        return self._unit.parts()

    def known(self, request: str) -> Known | None:
        return self._unit.known(request)

    def commit(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None = None,
    ) -> None:
        self._unit.commit(agreement, entry, notifications, request, definition)
        self._commits.append(
            Commit(
                agreement=agreement,
                entry=entry,
                notifications=tuple(notifications),
                request=request,
                definition=definition,
            )
        )


class _Recorder(MemoryStore):
    """A memory that notes every commit."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[Commit] = []

    def unit(self, agreement: str) -> AbstractContextManager[Unit]:
        return self._noting(super().unit(agreement))

    @contextmanager
    def _noting(self, inner: AbstractContextManager[Unit]) -> Iterator[Unit]:
        with inner as unit:
            yield _Noting(unit, self.commits)


class Desk:
    """
    A plugin that hands over a store that is already open, and wants two channels told of everything but notes.

    Attributes:
        name: What plugin errors call it.
    """

    name = "desk"

    def __init__(self, store: Store) -> None:
        """Take the store to hand over."""
        self._store = store

    @hookimpl
    def stagegate_open_store(self, url: str) -> Store | None:
        """Hand it over."""
        return self._store if url == "desk:" else None

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> list[Notification]:
        """Tell two channels."""
        if event.kind == "noted":
            return []
        context = {"title": agreement.title, "n": event.n, "deep": {"list": [1, "två", None, True, {"a": []}]}}
        return [
            Notification(
                channel="paper",
                kind=event.kind,
                to=", ".join(agreement.owner),
                context=context,
                lang="ja",
                reference=f"No. {event.n}",
                max_age=timedelta(days=900),
            ),
            Notification(channel="bell", kind=event.move),
        ]


def opened(store: Store, clock: Callable[[], Any], *processes: Process, calendars: Iterable[Calendar] = ()) -> Engine:
    """Return an engine on *store* that causes notifications and knows more processes."""
    known = [make_process(), *processes]
    return Engine.open("desk:", processes=known, plugins=[Desk(store)], calendars=calendars, clock=clock)


@contextmanager
def desk(store: Store, clock: Callable[[], Any]) -> Iterator[Engine]:
    """Have an engine on *store* that causes notifications; the store stays open."""
    yield opened(store, clock)


CLERK = Actor(id="ann", roles={"clerk"})
COUNCIL = Actor(id="ben", roles={"council"}, on_behalf_of="the speaker")
MINISTRY = Actor(id="晴", roles={"ministry"})
STRANGER = Actor(id="o'hara", roles={"press"})


def _document(dice: random.Random) -> Document:
    return Document.from_bytes(
        bytes([dice.randrange(3)]),
        kind=dice.choice(["plan", "plan", "plan", "annex"]),
        title=dice.choice(HOSTILE[:-1]),
        signed_by=dice.choice([[], ["mayor"], ["mayor"], ["mayor", "governor"]]),
        languages=["id", "ja"],
        dated="2025-07-24",
        fields={"sectors": ["waste", "water"], "cost": dice.randrange(2000)},
    )


def _turn(agreement: Agreement) -> Actor:
    return next((actor for actor in (CLERK, COUNCIL, MINISTRY) if set(actor.roles) & set(agreement.owner)), CLERK)


def later_process(id: str = "cooperation") -> Process:
    """Return the next version of the process that `make_process` makes: its vote is split into a hearing and a vote."""
    before = make_process()
    draft, vote, *rest = before.stages
    hearing = Stage("hearing", owner="council", back_to=("draft",), gate=unguarded("everybody is heard"))
    return Process(id, "2", (draft, hearing, vote, *rest), outcomes=before.outcomes)


def timed_process() -> Process:
    """Return a process of which most happens because time passes: short talks, a year in force."""
    return Process(
        "pact",
        "1",
        (
            Stage(
                "talks",
                owner="clerk",
                back_to="talks",
                within=workdays(20),
                on_timeout="escalate:ministry",
                remind=["10 workdays", "1 workday"],
                gate=approval(
                    "council", majority="1/2", within=calendar_days(14), silence="approves", basis=HOSTILE[1]
                ),
            ),
            Stage(
                "force",
                owner="clerk",
                gate=parts(all="force"),
                term=years(1),
                remind=["1 month"],
                renewal=Renewal("force", term=years(2)),
                duties=[Duty("report", every=months(6), remind=["1 month"])],
            ),
            Stage("over", owner="clerk"),
        ),
        calendar="land",
        zone="Asia/Tokyo",
    )


LAND = Calendar(id="land", version="1")
"""The calendar by which that process counts, before a holiday was decreed."""

DECREED = Calendar(id="land", version="2", holidays={"2025-08-15": HOSTILE[3]})
"""The same, with the holiday."""


def _time_passes(store: _Recorder, clock: ManualClock) -> None:
    """Start what is timed, let it be, and sweep now and then."""
    engine = opened(store, clock, timed_process(), calendars=[LAND])
    for id_ in TIMED:
        clock.advance(hours=1)
        engine.start("pact", id_, title=id_, part_of=WHOLES.get(id_), by=CLERK)
    engine.adjourn("Pact/1", HOSTILE[2], until=clock().date() + timedelta(days=60), by=COUNCIL)
    for id_ in ("pact", "pac"):
        engine.approve(id_, result={"members": 3, "present": 3, "in_favour": 2, "against": 1}, by=COUNCIL)
        engine.advance(id_, by=CLERK)
    engine.hold("Pact", HOSTILE[4], by=CLERK)
    clock.advance(days=5)
    decreed = opened(store, clock, timed_process(), calendars=[DECREED])
    decreed.recompute("pact/2", by=CLERK)
    for days in (9, 8, 7, 20):
        clock.advance(days=days, microseconds=1)
        decreed.sweep()
    decreed.renew("pact", by=CLERK, request_id="renewed")
    decreed.advance("pact/1", by=CLERK)
    clock.advance(days=330)
    decreed.sweep()
    decreed.note("pac", "for the archive", by=CLERK)


def _step(engine: Engine, dice: random.Random, id_: str, request: str | None) -> None:
    """Attempt something, mostly what has a chance where the agreement stands."""
    here = engine.get(id_)
    by = dice.choices([_turn(here), CLERK, COUNCIL, MINISTRY, STRANGER], [12, 2, 2, 2, 1])[0]
    said = dice.choice(HOSTILE)
    back = dice.choice(["draft", "vote"])
    outcome = dice.choice(["withdrawn", "fulfilled"])
    cost = dice.choice([900, 900, 1100])
    held = here.hold is not None
    steps: list[tuple[int, Callable[[], object]]] = [
        (4, lambda: engine.attach(id_, _document(dice), by=by, request_id=request)),
        (3, lambda: engine.record(id_, "cost", cost, source=said, by=by, request_id=request)),
        (2, lambda: engine.record(id_, "abroad", dice.choice([True, False]), by=by, request_id=request)),
        (4, lambda: engine.approve(id_, reason=said, by=COUNCIL, request_id=request)),
        (1, lambda: engine.refuse(id_, said, by=COUNCIL, result={"members": 50}, request_id=request)),
        (1, lambda: engine.note(id_, said, by=by, request_id=request)),
        (8, lambda: engine.advance(id_, by=by, request_id=request)),
        (2, lambda: engine.send_back(id_, back, said, by=by, request_id=request)),
        (1, lambda: engine.hold(id_, said, by=by, request_id=request)),
        (20 if held else 1, lambda: engine.resume(id_, by=by, request_id=request)),
        (1, lambda: engine.end(id_, outcome, said, by=by, request_id=request)),
    ]
    dice.choices([step for _, step in steps], [weight for weight, _ in steps])[0]()


@lru_cache(maxsize=4)
def random_life(seed: int = 298, steps: int = 100) -> tuple[Commit, ...]:
    """
    Return the commits of a random life: every kind of event and move, refusals, holds, ends, requests, notifications.

    In the end some agreements go on under the next version of their process, and for others time passes.

    Args:
        seed: Which life.

        steps: How much is attempted; what has no place in it leaves no commit.
    """
    dice = random.Random(seed)  # noqa: S311  chance that can be repeated
    clock, store = ManualClock(), _Recorder()
    with desk(store, clock) as engine:
        for place, id_ in enumerate(LASTING):
            clock.advance(hours=1)
            parties = [Party(f"party{k}", name=HOSTILE[k], country="ID") for k in range(place % 4)]
            title, whole = HOSTILE[place % len(HOSTILE)], WHOLES.get(id_)
            engine.start("cooperation", id_, title=title, parties=parties, part_of=whole, by=CLERK)
            if id_ in BUSY:
                engine.record(id_, "cost", 900, by=CLERK)
                engine.record(id_, "abroad", place % 3 == 0, by=CLERK)
                engine.attach(id_, Document.from_bytes(b"1", kind="plan", signed_by=["mayor"]), by=CLERK)
        for step in range(steps):
            clock.advance(timedelta(minutes=dice.randrange(60), microseconds=dice.randrange(10**6)))
            request = f"request {step}" if dice.random() < 1 / 3 else None
            with suppress(RefusedError, NoSuchMove):
                _step(engine, dice, dice.choice(BUSY if step % 4 else LASTING), request)
    later = opened(store, clock, later_process())
    for id_ in MIGRATED:
        clock.advance(hours=1)
        later.migrate(id_, "cooperation", mapping={"vote": "hearing"}, reason=HOSTILE[1], by=_turn(later.get(id_)))
    _time_passes(store, clock)
    return tuple(store.commits)


def long_life(id: str, events: int) -> tuple[Commit, ...]:
    """Return the commits of one agreement that is started and then only noted on."""
    clock, store = ManualClock(), _Recorder()
    with desk(store, clock) as engine:
        engine.start("cooperation", id, by=CLERK)
        for n in range(2, events + 1):
            clock.advance(minutes=1)
            engine.note(id, f"note {n}", by=CLERK, request_id=f"{id} {n}")
    return tuple(store.commits)


def whole_life() -> tuple[Commit, ...]:
    """Return the commits of `w` and its parts `w/1` and `w/2`: each is started, and then noted on once."""
    clock, store = ManualClock(), _Recorder()
    ids = ("w", "w/1", "w/2")
    with desk(store, clock) as engine:
        for id_ in ids:
            engine.start("cooperation", id_, part_of=None if id_ == "w" else "w", by=CLERK)
        for id_ in ids:
            clock.advance(minutes=1)
            engine.note(id_, "seen", by=CLERK)
    return tuple(store.commits)
