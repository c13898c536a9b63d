from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    Actor,
    Calendar,
    DefinitionError,
    Document,
    Duty,
    Engine,
    InvalidValue,
    MemoryStore,
    Notification,
    Outcome,
    Party,
    Period,
    PluginError,
    Process,
    Renewal,
    Stage,
    StagegateError,
    Term,
    actor,
    all_of,
    approval,
    at_least,
    check_plugin,
    document,
    fact,
    load_calendar,
    load_process,
    months,
    notice,
    parent,
    parties,
    parts,
    track,
    unguarded,
    when,
    workdays,
    years,
)

from .office import BOSS, MOST_SAID, Office, pact, plan

WRONG: dict[str, Any] = {"None": None, "3": 3, "bytes": b"x", "object": object(), "list": [], "dict": {}, "nan": 1.5}
"""What is handed in where something else belongs."""


class Unspeakable:
    """Something that fails when it is to be shown."""

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __repr__


HUGE = 10**5000
"""More digits than Python is willing to write down."""


GOOD: dict[str, dict[str, Any]] = {
    "start": {
        "process": "pact", "agreement": "new", "title": "New", "parties": [], "version": "1", "part_of": None
    },
    "attach": {"agreement": "deal", "document": plan()},
    "record": {"agreement": "deal", "fact": "cost", "value": 1, "source": "the office"},
    "approve": {
        "agreement": "deal", "role": "council", "reason": "good", "result": {"members": 3}, "capacity": "own"
    },
    "refuse": {"agreement": "deal", "reason": "bad", "role": "council", "result": {"members": 3}, "capacity": "own"},
    "abstain": {"agreement": "deal", "role": "council", "reason": "unsure", "capacity": "own"},
    "recuse": {"agreement": "deal", "reason": "a cousin", "role": "council"},
    "adjourn": {"agreement": "deal", "reason": "too few", "role": "council", "until": "2100-01-01"},
    "note": {"agreement": "deal", "said": "seen"},
    "advance": {"agreement": "deal", "reason": "on"},
    "send_back": {"agreement": "deal", "to": "draft", "reason": "again"},
    "hold": {"agreement": "deal", "reason": "wait"},
    "resume": {"agreement": "deal", "reason": "go"},
    "end": {"agreement": "deal", "outcome": "dropped", "reason": "over"},
    "renew": {"agreement": "deal", "to": "draft", "reason": "on"},
    "amend": {"agreement": "deal", "document": plan(), "reason": "better"},
    "recompute": {"agreement": "deal"},
    "sweep": {"at": None, "limit": 5, "agreement": None},
    "explain": {"agreement": "deal", "deadline": "term", "lang": "en"},
    "forecast": {"agreement": "deal", "assumptions": {}, "silent": [], "by": BOSS},
    "migrate": {"agreement": "deal", "to": "pact", "version": "1", "mapping": {}, "reason": "new rules"},
    "plan_migration": {"from_": "pact", "to": "pact", "version": "1", "mapping": {}, "by": BOSS},
    "get": {"agreement": "deal"},
    "parts": {"agreement": "deal"},
    "find": {
        "stage": "draft", "process": "pact", "outcome": "dropped", "running": True, "owner": "boss", "on_hold": False,
        "party": "x", "text": "deal", "changed_since": None, "after": "a", "limit": 5,
        "overdue": False, "part_of": "x", "due_before": None,
    },
    "count": {
        "by": "stage", "stage": "draft", "process": "pact", "outcome": "dropped", "running": True, "owner": "boss",
        "on_hold": False,
    },
    "options": {"agreement": "deal", "by": BOSS},
    "history": {"agreement": "deal", "after": 0},
    "verify": {"agreement": "deal"},
    "deliver": {"limit": 5, "notification": "nobody", "stop": None, "lease": timedelta(minutes=1)},
    "outbox": {"status": "pending", "readable": False},
    "requeue": {"notification": "nobody"},
    "hold_deliveries": {"scope": "mail:a", "why": "away"},
    "release_deliveries": {"scope": "mail:a"},
    "held_deliveries": {},
    "resolve": {"request_id": "never"},
    "message": {"notification": Notification(channel="mail", kind="told")},
    "backup": {"file": "copy.db"},
    "batch": {},
    "process": {"agreement": None},
}  # fmt: skip
CHANGES = (
    "start", "attach", "record", "approve", "refuse", "abstain", "recuse", "adjourn", "note", "advance", "send_back",
    "hold", "resume", "end", "renew", "amend", "recompute", "migrate",
)  # fmt: skip
for _method in CHANGES:
    GOOD[_method] |= {"by": BOSS, "at": None, "request_id": "once"}

FINE: dict[str, set[str]] = {
    "start.version": {"None"},
    "start.part_of": {"None"},
    "renew.to": {"None"},
    "sweep.at": {"None"},
    "sweep.limit": {"3"},
    "sweep.agreement": {"None"},
    "deliver.notification": {"None"},
    "deliver.stop": {"None"},
    "requeue.notification": {"None"},
    "outbox.readable": {"None"},
    "forecast.assumptions": {"dict"},
    "forecast.silent": {"list", "dict"},
    **{f"{method}.version": {"None"} for method in ("migrate", "plan_migration")},
    **{f"{method}.mapping": {"None", "dict"} for method in ("migrate", "plan_migration")},
    "start.parties": {"list", "dict"},
    "record.value": {"None", "3", "list", "dict"},
    "approve.role": {"None"},
    "approve.result": {"None", "dict"},
    "refuse.role": {"None"},
    "abstain.role": {"None"},
    "recuse.role": {"None"},
    "adjourn.role": {"None"},
    "adjourn.until": {"None"},
    "refuse.result": {"None", "dict"},
    "find.limit": {"3"},
    "count.by": {"None"},
    "history.after": {"3"},
    "verify.agreement": {"None"},
    "deliver.limit": {"3"},
    "outbox.status": {"None"},
    **{f"{method}.at": {"None"} for method in CHANGES},
    **{f"{method}.request_id": {"None"} for method in CHANGES},
    **{f"{method}.{name}": {"None"} for method in ("find", "count") for name in GOOD["find"] if name != "limit"},
}
SAID = {
    "record.value": "fact cost",
    "attach.document": "Document",
    "amend.document": "Document",
    "note.said": "note",
    "start.process": "process",
    "process.agreement": "greement",
}

TEXTLESS = {("process", "agreement")} | {
    (method, name) for method in GOOD for name in ("document", "by", "at", "parties", "result", "changed_since")
}
EVERY = [(method, name) for method, arguments in GOOD.items() for name in arguments]


def test_every_argument_of_every_method_is_tried() -> None:
    """No method of the engine and no argument of one is left out."""
    import inspect

    public = {
        name: set(inspect.signature(method).parameters) - {"self"}
        for name, method in vars(Engine).items()
        if inspect.isfunction(method) and not name.startswith("_") and name != "close"
    }
    # What connections it takes depends on the store, and is tried with each store that joins a host.
    del public["using"]

    assert public == {name: set(arguments) for name, arguments in GOOD.items()}


def refused(office: Office, method: str, name: str, values: dict[str, Any]) -> dict[str, str]:
    """Hand in each of the values and return, by their names, what was answered that is no refusal naming *name*."""
    said = SAID.get(f"{method}.{name}", name)
    odd = {}
    before = office.state()
    for kind, value in values.items():
        try:
            getattr(office.engine, method)(**{**GOOD[method], name: value})
        except StagegateError as error:
            if said not in str(error) or len(str(error)) > MOST_SAID:
                odd[kind] = f"{error!r}"[:MOST_SAID]
        except Exception as error:
            odd[kind] = f"{error!r}"[:MOST_SAID]
        else:
            odd[kind] = "accepted"
    assert before == office.state()
    assert office.engine.verify().ok
    return odd


@pytest.mark.parametrize("method, name", EVERY)
def test_wrong_types_are_refused_by_name(shared: Office, method: str, name: str) -> None:
    """An argument of the wrong type is refused with an error that names it, and nothing is written."""
    fine = FINE.get(f"{method}.{name}", set())

    assert {} == refused(shared, method, name, {kind: value for kind, value in WRONG.items() if kind not in fine})


@pytest.mark.parametrize(
    "method, name", [one for one in EVERY if one not in {("deliver", "limit"), ("sweep", "limit")}]
)
def test_what_is_beyond_all_bounds_is_refused(shared: Office, method: str, name: str) -> None:
    """A number of five thousand digits and what cannot even be shown are refused by the name of the argument."""
    assert {} == refused(shared, method, name, {"huge": HUGE, "unspeakable": Unspeakable()})


@pytest.mark.parametrize("method, name", [one for one in EVERY if one not in TEXTLESS])
def test_texts_beyond_all_bounds_are_refused_in_few_words(shared: Office, method: str, name: str) -> None:
    """A text of ten million characters is refused, and the error does not repeat it."""
    with shared.refusing():
        getattr(shared.engine, method)(**{**GOOD[method], name: "x" * 10_000_000})


@pytest.mark.parametrize(
    "method, name, value",
    [
        ("history", "after", 2**63),
        ("history", "after", -1),
        ("history", "after", True),
        ("deliver", "limit", 2**63),
        ("deliver", "limit", HUGE),
        ("deliver", "limit", 0),
        ("find", "limit", 501),
        ("find", "limit", 0),
        ("find", "limit", True),
    ],
    ids=range(9),
)
def test_numbers_out_of_range_never_break_the_store(shared: Office, method: str, name: str, value: int) -> None:
    """A number that no store can hold is refused, or answered like any number beyond the last."""
    before = shared.state()
    try:
        answer: Any = getattr(shared.engine, method)(**{**GOOD[method], name: value})
    except InvalidValue as error:
        assert name in str(error)
    else:
        assert value >= 2**63
        assert not list(answer) if method == "history" else not answer.delivered

    assert before == shared.state()


PIECES: list[Callable[[Any], Any]] = [
    lambda value: Actor(id=value),
    lambda value: Party(value),
    lambda value: Party("p", name=value),
    lambda value: Document(kind=value, digest="0" * 64),
    lambda value: Document(kind="plan", digest=value),
    lambda value: plan(title=value),
    lambda value: Stage(value, owner="boss"),
    lambda value: Outcome(value),
    lambda value: Process(value, "1", pact().stages),
    lambda value: Process("pact", value, pact().stages),
    lambda value: Process("pact", "1", value),
    lambda value: document(value),
    lambda value: approval(value),
    lambda value: fact(value),
    lambda value: unguarded(value),
    lambda value: at_least(value, fact("a"), fact("b")),
    lambda value: all_of(value, fact("a")),
    lambda value: when(value, fact("a")),
    lambda value: when(fact("a"), value),
    lambda value: Calendar(id=value, version="1"),
    lambda value: Calendar(id="c", version=value),
    lambda value: Calendar(id="c", version="1", weekend=[[value]]),
    lambda value: Calendar(id="c", version="1", holidays={"2025-07-25": value}),
    lambda value: Calendar(id="c", version="1", basis=value),
    lambda value: workdays([value]),
    lambda value: Period(1, value),
    lambda value: workdays(1, day_one=value),
    lambda value: workdays(1).due(value),
    lambda value: workdays(1).before(value),
    lambda value: workdays(1).due(date(2025, 7, 25), calendar=value),
    lambda value: workdays(1).due(date(2025, 7, 25), zone=value),
    lambda value: workdays(1).due(date(2025, 7, 25), pauses=[value]),
    lambda value: check_plugin(value),
]
YEAR = years(1)
TIMED: list[Callable[[Any], Any]] = [
    lambda value: Term([value]),
    lambda value: Term(lasts=[value]),
    lambda value: Renewal([value]),
    lambda value: Renewal("a", window=[value]),
    lambda value: Renewal("a", gate=[value]),
    lambda value: Renewal("a", term=[value]),
    lambda value: Renewal("a", basis=value),
    lambda value: Renewal("a", provenance=[value]),
    lambda value: Duty(value, every=YEAR),
    lambda value: Duty("a", document=[value], every=YEAR),
    lambda value: Duty("a", gate=[value], within=YEAR),
    lambda value: Duty("a", every=[value]),
    lambda value: Duty("a", within=[value]),
    lambda value: Duty("a", within=YEAR, after=[value]),
    lambda value: Duty("a", within=YEAR, remind=[value]),
    lambda value: Duty("a", within=YEAR, label=[value]),
    lambda value: Duty("a", within=YEAR, fix_by=[value]),
    lambda value: Duty("a", within=YEAR, basis=[value]),
    lambda value: Stage("a", owner="b", within=[value]),
    lambda value: Stage("a", owner="b", on_timeout=value),
    lambda value: Stage("a", owner="b", remind=[value]),
    lambda value: Stage("a", owner="b", term=[value]),
    lambda value: Stage("a", owner="b", on_expiry=[value]),
    lambda value: Stage("a", owner="b", renewal=[value]),
    lambda value: Stage("a", owner="b", amend=[value]),
    lambda value: Stage("a", owner="b", amend={"plan": value}),
    lambda value: Stage("a", owner="b", duties=[value]),
    lambda value: document("a", within=[value]),
    lambda value: document("a", within=YEAR, remind=[value]),
    lambda value: approval("a", within=YEAR, basis="x", silence=[value]),
    lambda value: notice(value, before="b", days=1),
    lambda value: notice("a", before=value, days=1),
    lambda value: notice("a", before="b", days=[value]),
    lambda value: notice("a", before="b", workdays=[value]),
    lambda value: parts(all=[value]),
    lambda value: parts(any=[value]),
    lambda value: parts(each=[value]),
    lambda value: parts(at_least=[value], reached="a"),
    lambda value: parts(at_least=1, reached=[value]),
    lambda value: parts(all="a", unless=[value]),
    lambda value: parts(all="a", process=[value]),
    lambda value: parent(reached=value),
    lambda value: track(value, reached="a"),
    lambda value: track("a", reached=value),
]
"""Pieces of what time brings, and of what is asked of other agreements."""


@pytest.mark.parametrize("kind", list(WRONG))
@pytest.mark.parametrize("make", [*PIECES, *TIMED], ids=range(len(PIECES) + len(TIMED)))
def test_pieces_are_never_made_of_wrong_types(make: Callable[[Any], Any], kind: str) -> None:
    """A value, a requirement or a plugin made of the wrong type is refused with an error of our own."""
    with pytest.raises(StagegateError):
        make(WRONG[kind])


@pytest.mark.parametrize("value", [HUGE, Unspeakable(), "x" * 10_000_000], ids=["huge", "unspeakable", "endless"])
@pytest.mark.parametrize("make", TIMED, ids=range(len(TIMED)))
def test_pieces_of_what_is_beyond_all_bounds_are_refused_in_few_words(make: Callable[[Any], Any], value: Any) -> None:
    """A number of five thousand digits, what cannot be shown and an endless text are refused in few words."""
    with pytest.raises(StagegateError) as refused:
        make(value)
    assert len(str(refused.value)) <= MOST_SAID


@pytest.mark.parametrize(
    "value", [HUGE, -HUGE, Unspeakable(), "x" * 10**7], ids=["huge", "less", "unspeakable", "long"]
)
def test_periods_and_calendars_of_what_is_beyond_all_bounds(value: Any) -> None:
    """A number that cannot be written down, what cannot be shown and an endless text are refused in few words."""
    for make in (
        lambda: workdays(value),
        lambda: Period(1, value),
        lambda: months(1, since=value),
        lambda: workdays(1).due(value),
        lambda: workdays(1).due(date(2025, 7, 25), pauses=[(value, value)]),
        lambda: Calendar(id="c", version="1", weekend=[value]),
        lambda: Calendar(id="c", version="1", holidays={value: "x"}),
        lambda: Calendar(id="c", version="1", holidays={"2025-07-25": value}),
    ):
        with pytest.raises(InvalidValue) as error:
            make()
        assert len(str(error.value)) < MOST_SAID
    for table in ({"workdays": 1, value: 1}, {"workdays": value}, {"id": "c", "version": "1", value: 1}):
        with pytest.raises(DefinitionError) as wrong:
            load_calendar(table)
        assert len(str(wrong.value)) < MOST_SAID


@pytest.mark.parametrize("kind", [kind for kind in WRONG if kind != "dict"])
def test_definitions_are_never_read_from_wrong_types(kind: str) -> None:
    """What is neither a path, a text nor a table is no definition."""
    with pytest.raises(DefinitionError, match="a path, a text or a table is needed"):
        load_process(WRONG[kind])


@pytest.mark.parametrize(
    "argument, kind",
    [
        (argument, kind)
        for argument in ("url", "processes", "plugins", "clock")
        for kind in WRONG
        if argument in {"url", "clock"} or kind not in {"list", "dict"}
    ],
)
def test_engine_is_never_opened_with_wrong_types(argument: str, kind: str, tmp_path: Path) -> None:
    """Opening with an argument of the wrong type is refused by name, before anything is made."""
    arguments: dict[str, Any] = {"url": f"sqlite:///{tmp_path / 'new.db'}", argument: WRONG[kind]}

    with pytest.raises(StagegateError, match=argument if argument != "plugins" else "plugin"):
        Engine.open(**arguments)


@pytest.mark.parametrize("kind", list(WRONG))
def test_engine_stands_on_no_store_that_is_none(kind: str) -> None:
    """What is no store is refused where the engine is made, not where it is first used."""
    with pytest.raises(StagegateError, match="store"):
        Engine(WRONG[kind])


@pytest.mark.parametrize("name", ["no-such-plugin", "", "sqlite\n", "os.system", "../sqlite", "\ud800", "sqlite\0"])
def test_plugins_that_do_not_exist(name: str) -> None:
    """A plugin that nobody installed is refused by its name, with the names there are."""
    with pytest.raises(PluginError, match="no installed package names it"):
        Engine.open("memory:", plugins=[name])


def test_clock_that_tells_no_time(shared: Office) -> None:
    """A clock that answers anything but an aware time is refused, and nothing is written."""
    store = MemoryStore()
    for answer in (None, 3, "now", shared.clock().replace(tzinfo=None)):
        engine = Engine(store, processes=[pact()], clock=lambda answer=answer: answer)
        with pytest.raises(InvalidValue, match="clock"):
            engine.start("pact", "deal", by=BOSS)
    assert 0 == Engine(store).count()


def test_actors_and_parties_in_wrong_places() -> None:
    """What is inside a requirement about people is checked like everything else."""
    for make in (lambda: actor(roles=3), lambda: actor(not_listed=b"x"), lambda: parties("many"), lambda: parties(-1)):
        with pytest.raises(StagegateError):
            make()  # type: ignore[no-untyped-call]
