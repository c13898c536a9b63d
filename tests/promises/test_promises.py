"""
What stagegate promises, one section for each promise, each with a short real test.

Races of processes and kills at random instants have a harness of their own in `proof/`; here are their short relatives.
"""

from __future__ import annotations

import inspect
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

import stagegate
from stagegate import (
    Actor,
    Agreement,
    AlreadyExists,
    Attempt,
    Conflict,
    DefinitionError,
    Document,
    Engine,
    Event,
    GateClosed,
    HistoryTampered,
    InvalidValue,
    MemoryStore,
    NoSuchMove,
    NotFound,
    Notification,
    NotPermitted,
    Party,
    PluginError,
    Process,
    RefusedError,
    Stage,
    StoreError,
    Unmet,
    actor,
    approval,
    at_least,
    builtin,
    document,
    fact,
    fold,
    hookimpl,
    parties,
    requirement,
    unguarded,
)
from stagegate.processes import names as builtin_names
from stagegate.testing import ManualClock

BOSS = Actor(id="ann", roles={"boss"})
STRANGER = Actor(id="eve", roles={"stranger"})
PROCESS = Process(
    id="p",
    version="1",
    stages=(
        Stage("draft", owner="boss", gate=document("plan"), back_to="draft"),
        Stage("vote", owner="boss", gate=approval("council", of="plan"), back_to="draft"),
        Stage("done", owner="boss"),
    ),
)


@pytest.fixture
def clock() -> ManualClock:
    """Stand still until told otherwise."""
    return ManualClock()


@pytest.fixture(params=["memory:", "sqlite:///"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a store of either kind."""
    return str(request.param) + (f"{tmp_path}/a.db" if request.param.startswith("sqlite") else "")


@pytest.fixture
def engine(url: str, clock: ManualClock) -> Iterator[Engine]:
    """Open an engine with one agreement in its first stage."""
    with Engine.open(url, processes=[PROCESS], clock=clock) as engine:
        engine.start("p", "x", by=BOSS)
        yield engine


def racing(count: int, do: Callable[[int], Any]) -> list[Any]:
    """Let so many threads do something at once, and return what each got: a value or an error."""
    barrier = threading.Barrier(count)
    got: list[Any] = [None] * count

    def run(i: int) -> None:
        barrier.wait()
        try:
            got[i] = do(i)
        except Exception as error:
            got[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


# 1. For any agreement and number n at most one committed event, whatever the number of threads, processes and hosts.


def test_of_many_that_act_on_one_version_one_wins(engine: Engine) -> None:
    """Threads that saw the same version race: in each round one is done, the rest conflict, and each number is taken once."""
    for _ in range(10):
        seen = engine.get("x")
        got = racing(8, lambda i, seen=seen: engine.note(seen, f"from {i}", by=BOSS))

        assert Counter({"Agreement": 1, "Conflict": 7}) == Counter(type(answer).__name__ for answer in got)
        assert seen.n + 1 == engine.get("x").n
    history = engine.history("x")

    assert list(range(1, 12)) == [event.n for event in history]
    assert len(history) == len({event.id for event in history})
    assert engine.get("x") == fold(history)
    assert engine.verify().ok


def test_those_that_act_on_the_present_all_get_their_number(engine: Engine) -> None:
    """Threads that name the agreement by id are done one after the other: every number once, none left out."""
    got = racing(8, lambda i: [engine.note("x", f"{i}.{j}", by=BOSS).n for j in range(5)])

    assert list(range(2, 42)) == sorted(n for numbers in got for n in numbers)
    assert engine.verify().ok


def test_of_many_that_start_one_id_one_wins(engine: Engine) -> None:
    """An id is taken once, however many try at once."""
    got = racing(8, lambda i: engine.start("p", "new", title=str(i), by=BOSS))

    assert Counter({"Agreement": 1, "AlreadyExists": 7}) == Counter(type(answer).__name__ for answer in got)
    assert AlreadyExists in {type(answer) for answer in got}
    assert 1 == len(engine.history("new"))


def test_of_many_that_repeat_one_request_all_get_one_answer(engine: Engine) -> None:
    """A request that arrives many times at once is done once, and everybody gets its answer."""
    got = racing(8, lambda _: engine.note("x", "n", by=BOSS, request_id="r"))

    assert {2} == {answer.n for answer in got}
    assert 2 == engine.get("x").n


def test_two_engines_on_one_file_share_the_numbers(tmp_path: Path) -> None:
    """Engines that know nothing of each other, as in two processes, never write one number twice."""
    url = f"sqlite:///{tmp_path}/a.db"
    with Engine.open(url, processes=[PROCESS]) as one, Engine.open(url, processes=[PROCESS]) as two:
        one.start("p", "x", by=BOSS)
        for _ in range(5):
            seen = one.get("x")
            got = racing(6, lambda i, seen=seen: (one, two)[i % 2].note(seen, "n", by=BOSS))

            assert Counter({"Agreement": 1, "Conflict": 5}) == Counter(type(answer).__name__ for answer in got)
        assert list(range(1, 7)) == [event.n for event in two.history("x")]
        assert one.verify().ok


# 2. Killed at any instant, a move has wholly happened or not at all; what was acknowledged is never lost.


@pytest.mark.parametrize("where", ["guard", "check", "notify", "clock"])
def test_interrupted_anywhere_before_the_commit_nothing_happened(url: str, clock: ManualClock, where: str) -> None:
    """Interrupted in a guard, a plugin's check, a plugin's notices or the clock, a move leaves nothing, and the lock is free."""
    armed: list[str] = []

    def strike(at: str) -> None:
        if at in armed:
            raise KeyboardInterrupt

    @requirement(code="guard")
    def guard(attempt: Attempt) -> bool:
        strike("guard")
        return True

    class Plugin:
        @hookimpl
        def stagegate_check(self, attempt: Attempt) -> Iterable[Unmet]:
            strike("check")
            return ()

        @hookimpl
        def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
            strike("notify")
            return [Notification(channel="mail", kind="k")]

    def now() -> Any:
        strike("clock")
        return clock()

    process = Process("q", "1", (Stage("a", owner="boss", gate=guard), Stage("b", owner="boss")))
    with Engine.open(url, processes=[process], plugins=[Plugin()], clock=now) as engine:
        before = engine.start("q", "y", by=BOSS)
        armed.append(where)
        with pytest.raises(KeyboardInterrupt):
            engine.advance("y", by=BOSS, request_id="r")
        armed.clear()

        assert (before, 1, 1) == (engine.get("y"), len(engine.history("y")), len(engine.outbox()))
        assert "b" == racing(1, lambda _: engine.advance("y", by=BOSS, request_id="r"))[0].stage
        assert engine.verify().ok


def test_acknowledged_is_there_after_reopening(tmp_path: Path) -> None:
    """What an engine answered is what another finds in the file."""
    url = f"sqlite:///{tmp_path}/a.db"
    with Engine.open(url, processes=[PROCESS]) as engine:
        engine.start("p", "x", title="Deal", by=BOSS)
        deal = engine.attach("x", Document.from_bytes(b"1", kind="plan"), by=BOSS)
        deal = engine.advance(deal, by=BOSS)
        history = engine.history("x")
    with Engine.open(url, processes=[PROCESS]) as engine:
        assert (deal, history) == (engine.get("x"), engine.history("x"))
        assert engine.verify().ok


# 3. No notification for what did not commit; none missing for what did; one id per notification.


class Mail:
    """Tell of every event, deliver when the line is up, and fail to decide when told to."""

    def __init__(self) -> None:
        self.got: list[Notification] = []
        self.up = self.sane = True

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell two people."""
        if not self.sane:
            raise RuntimeError
        return [Notification(channel="mail", kind=event.kind, to=to, context={"n": agreement.n}) for to in ("a", "b")]

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Deliver, or fail."""
        if not self.up:
            raise ConnectionError
        self.got.append(notification)
        return True


def test_notifications_are_exactly_those_of_what_committed(url: str, clock: ManualClock) -> None:
    """After moves, refusals, conflicts, repetitions and failures, two notifications are there for each event, and none besides."""
    mail = Mail()
    with Engine.open(url, processes=[PROCESS], plugins=[mail], clock=clock) as engine:
        seen = engine.start("p", "x", by=BOSS)
        engine.attach("x", Document.from_bytes(b"1", kind="plan"), by=BOSS)
        with pytest.raises(NotPermitted):
            engine.advance("x", by=STRANGER)
        with pytest.raises(Conflict):
            engine.advance(seen, by=BOSS)
        with pytest.raises(NoSuchMove):
            engine.send_back("x", "done", "jump", by=BOSS)
        with pytest.raises(InvalidValue):
            engine.record("x", "f", 0.5, by=BOSS)
        engine.advance("x", by=BOSS, request_id="r")
        engine.advance("x", by=BOSS, request_id="r")
        mail.sane = False
        with pytest.raises(PluginError):
            engine.hold("x", "wait", by=BOSS)
        mail.sane, mail.up = True, False
        engine.deliver()
        mail.up = True
        clock.advance(hours=1)
        engine.deliver()
        engine.deliver()
        caused = [told["id"] for event in engine.history("x") for told in event.data["notifications"]]

    assert 8 == len(caused) == len(set(caused))
    assert sorted(caused) == sorted(notification.id for notification in mail.got)
    assert [("attached", "a", 2), ("attached", "b", 2), ("moved", "a", 4), ("moved", "b", 4)] == sorted(
        (n.kind, n.to, n.context["n"]) for n in mail.got if n.kind in {"attached", "moved"}
    )


def test_delivery_comes_after_the_commit_and_cannot_undo_it(engine: Engine, url: str) -> None:
    """When a channel is called, the event it tells of can be read by anybody; an error in the channel changes nothing."""
    found: list[int] = []

    class Reading(Mail):
        @hookimpl
        def stagegate_deliver(self, notification: Notification) -> bool | None:
            found.append(len(mailing.history(notification.agreement)))
            raise ConnectionError

    store = engine._store
    mailing = Engine.open("kept:", processes=[PROCESS], plugins=[Keeping(store), Reading()])
    after = mailing.note("x", "n", by=BOSS)
    mailing.deliver()

    assert [2, 2] == found
    assert after == engine.get("x")


class Keeping:
    """Hand over a store that is open already."""

    def __init__(self, store: Any) -> None:
        self.store = store

    @hookimpl
    def stagegate_open_store(self, url: str) -> Any:
        """Hand it over."""
        return self.store if url == "kept:" else None


# 4. A refusal names every reason, in the reader's language, with who can mend it and which rule it comes from.
#    The dry run, the exception and the refused event carry the same reasons.


@requirement(code="budget", fix_by="treasury", basis="Art 5", label={"en": "Budget", "id": "Anggaran", "ja": "予算"})
def budget(attempt: Attempt) -> bool:
    """Look at the cost."""
    return bool(attempt.fact("cost", 0) > 9)


FULL = Process(
    id="full",
    version="1",
    stages=(
        Stage(
            "draft",
            owner="boss",
            basis="PP 28/2018",
            gate=document("plan", signed_by=2, languages=["id", "ja"], fields="cost", valid=True, basis="Art 1")
            & document("map", basis="Art 2", fix_by="surveyor")
            & approval("council", of="plan", basis="Art 3")
            & (fact("exempt", equals=True) | approval("ministry"))
            & at_least(1, fact("x"), fact("y"))
            & ~fact("suspended")
            & parties(3)
            & actor(not_listed="conflicts")
            & budget,
        ),
        Stage("done", owner="boss"),
    ),
)


def test_every_reason_is_named_everywhere_alike(url: str) -> None:
    """All that is wrong at once is said at once: the same in the options, the exception and the history."""
    with Engine.open(url, processes=[FULL]) as engine:
        engine.start("full", "y", parties=[Party("a")], by=BOSS)
        engine.attach("y", Document.from_bytes(b"1", kind="plan", valid_until="2020-01-01", languages=["en"]), by=BOSS)
        engine.record("y", "suspended", "by decree", by=BOSS)
        engine.record("y", "conflicts", ["ann"], by=BOSS)
        (option, *_) = engine.options("y", by=BOSS)
        with pytest.raises(GateClosed) as refused:
            engine.advance("y", by=BOSS)
        event = engine.history("y")[-1]

        assert [
            "document.unsigned",
            "document.language",
            "document.field",
            "document.expired",
            "document.missing",
            "approval.missing",
            "any",
            "at_least",
            "not",
            "parties.count",
            "actor.listed",
            "budget",
        ] == [reason.code for reason in refused.value.unmet]
        assert option.unmet == refused.value.unmet == tuple(map(Unmet.from_data, event.data["data"]["unmet"]))
        assert refused.value.n == event.n == engine.get("y").n
        spoken(refused.value.unmet)
    assert all(reason.text() in str(refused.value) for reason in refused.value.unmet)


def spoken(reasons: Iterable[Unmet]) -> None:
    """Make sure that reasons are said in three languages, with who can mend them and the rule they come from."""
    for reason in reasons:
        said = {reason.text(lang) for lang in ("en", "id", "ja")}
        assert 3 == len(said), (reason.code, said)
        assert reason.fix_by, reason.code
        assert reason.basis, reason.code
        assert not any("{" in text for text in said), said
        for part in reason.alternatives:
            spoken(part)


def test_who_may_is_named_beside_the_reasons(engine: Engine) -> None:
    """Who may not move is told who may, and all the reasons as well."""
    with pytest.raises(NotPermitted) as refused:
        engine.advance("x", by=STRANGER)
    (option, *_) = engine.options("x", by=STRANGER)

    assert (("boss",), ["document.missing"]) == (refused.value.roles, [r.code for r in refused.value.unmet])
    assert (option.roles, option.unmet, option.permitted) == (refused.value.roles, refused.value.unmet, False)


@pytest.mark.skipif(not builtin_names(), reason="no process is shipped yet")
@pytest.mark.parametrize("name", builtin_names())
def test_shipped_processes_keep_the_promise(name: str) -> None:
    """At the first gate of a shipped process, every reason is said in three languages, with who can mend it and its rule."""
    process = builtin(name)
    owner = Actor(id="ann", roles=process.stages[0].owner)
    engine = Engine(MemoryStore())
    engine.start(name, "y", by=owner)
    (option, *_) = engine.options("y", by=owner)

    assert option.unmet
    spoken(option.unmet)


# 5. No path around a gate: no setter, no jump, no default that is open.


def test_engine_has_no_other_way() -> None:
    """These are all the ways into an engine; none takes a stage but those that lead backwards, or to where it stands."""
    public = {name for name, _ in inspect.getmembers(Engine) if not name.startswith("_")}
    moving = {"start", "attach", "record", "approve", "refuse", "note", "advance", "send_back", "hold", "resume", "end"}
    moving |= {"abstain", "recuse", "adjourn", "renew", "amend", "recompute"}
    moving |= {"migrate"}  # whose mapping leads behind no gate that was not passed: tests/unit/test_migration.py
    asking = {"get", "find", "count", "options", "history", "verify", "deliver", "outbox", "process"}
    asking |= {"parts", "plan_migration", "forecast", "explain", "sweep", "resolve", "message"}
    telling = {"requeue", "hold_deliveries", "release_deliveries", "held_deliveries"}
    # Each of these hands over an engine like this one, or a copy of what is kept.
    elsewhere = {"using", "batch", "backup"}

    assert public == moving | asking | telling | elsewhere | {"open", "close", "processes", "calendars", "plugins"}
    for name in moving:
        arguments = inspect.signature(getattr(Engine, name)).parameters
        assert arguments["by"].default is inspect.Parameter.empty
        assert arguments["by"].kind is inspect.Parameter.KEYWORD_ONLY
        assert ("to" in arguments) == (name in {"send_back", "renew", "migrate"})
        assert "stage" not in arguments


def test_agreement_can_neither_be_set_nor_smuggled_in(engine: Engine) -> None:
    """An agreement has no setter, and one that was made up is taken for what it names: an id and a version, nothing else."""
    deal = engine.get("x")
    with pytest.raises(AttributeError):
        deal.stage = "done"  # type: ignore[misc]
    with pytest.raises(TypeError):
        deal.documents["plan"] = Document.from_bytes(b"", kind="plan")
    made_up = attrs.evolve(
        deal,
        stage="done",
        owner=("stranger",),
        documents=type(deal.documents)(plan=Document.from_bytes(b"", kind="plan")),
        process=attrs.evolve(deal.process, digest="0" * 64),
        outcome="completed",
    )
    with pytest.raises(GateClosed, match="the document plan is missing"):
        engine.advance(made_up, by=BOSS)
    with pytest.raises(NotPermitted):
        engine.advance(made_up, by=STRANGER)
    assert [False] == [option.open for option in engine.options(made_up, by=BOSS) if option.move == "advance"]

    assert ("draft", None, {}) == (engine.get("x").stage, engine.get("x").outcome, engine.get("x").documents)


def test_version_that_was_made_up_is_a_conflict(engine: Engine) -> None:
    """A version that is not the present one, older or newer, is refused."""
    for version in (0, 2, 99):
        with pytest.raises(Conflict):
            engine.note(attrs.evolve(engine.get("x"), version=version), "n", by=BOSS)


def test_every_agreement_begins_at_the_beginning(engine: Engine) -> None:
    """An agreement starts in the first stage; nothing can be handed over that says otherwise."""
    with pytest.raises(TypeError):
        engine.start("p", "y", stage="done", by=BOSS)  # type: ignore[call-arg]

    assert "draft" == engine.start("p", "y", by=BOSS).stage


def test_nothing_leads_forwards_past_a_gate(engine: Engine) -> None:
    """There is no sending 'back' to a later stage, no resuming elsewhere, no outcome that only the last stage has."""
    engine.hold("x", "wait", by=BOSS)
    engine.resume("x", by=BOSS)
    for attempt in (
        lambda: engine.send_back("x", "vote", "jump", by=BOSS),
        lambda: engine.send_back("x", "done", "jump", by=BOSS),
        lambda: engine.end("x", "completed", by=BOSS),
    ):
        with pytest.raises(NoSuchMove):
            attempt()
    with pytest.raises(RefusedError):
        engine.advance("x", by=BOSS)

    assert "draft" == engine.get("x").stage


def test_no_magic_is_put_on_anything() -> None:
    """The machine inside leaves nothing on agreements, processes or engines: no trigger, no jump, no `to_done`."""
    with Engine.open("memory:", processes=[PROCESS]) as engine:
        deal = engine.start("p", "x", by=BOSS)
        for value in (deal, PROCESS, engine, PROCESS.stages[0]):
            names = set(dir(value))
            assert not {name for name in names if name.startswith(("to_", "is_", "may_")) and name != "to_data"} - {
                "to_json"
            }
            assert not {"trigger", "state", "draft", "vote"} & names
    machine = PROCESS.machine()

    assert [] == machine.models
    assert not [event for event in machine.events if event.startswith("to")]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Process("p", "1", (Stage("a", owner="x"), Stage("b", owner="x"))),
        lambda: Process("p", "1", (Stage("a", owner="x", gate=None), Stage("b", owner="x"))),
        lambda: unguarded(""),
        lambda: stagegate.all_of(),
        lambda: stagegate.any_of(),
        lambda: at_least(0, fact("f")),
    ],
)
def test_no_default_is_open(make: Callable[[], Any]) -> None:
    """A gate that is missing, or asks for nothing without saying so, is a fault of the definition, not an open gate."""
    with pytest.raises(DefinitionError):
        make()


@pytest.mark.parametrize("answer", [None, 1, "no", "", [], object(), Exception])
def test_whatever_a_guard_answers_but_yes_is_no(answer: Any) -> None:
    """A guard that forgets to answer, answers nonsense or breaks, keeps the gate shut."""

    @requirement(code="guard")
    def guard(attempt: Attempt) -> Any:
        if answer is Exception:
            raise answer
        return answer

    process = Process("q", "1", (Stage("a", owner="boss", gate=guard), Stage("b", owner="boss")))
    engine = Engine(MemoryStore(), processes=[process])
    engine.start("q", "y", by=BOSS)
    with pytest.raises(GateClosed):
        engine.advance("y", by=BOSS)

    assert "a" == engine.get("y").stage


def test_gates_cannot_be_taken_off_a_process() -> None:
    """A process, its stages and their gates are frozen, and what is computed from them with them."""
    for value, attribute in (
        (PROCESS, "plan"),
        (PROCESS, "stages"),
        (PROCESS.stages[0], "gate"),
        (PROCESS.stages[0].gate, "kind"),
    ):
        with pytest.raises(AttributeError):
            setattr(value, attribute, None)


def test_another_process_of_the_same_name_opens_nothing(url: str) -> None:
    """A process without the gate, under the same id and version, is not the one the agreement is pinned to."""
    with Engine.open(url, processes=[PROCESS]) as engine:
        engine.start("p", "x", by=BOSS)
        store = engine._store
        open_door = Process("p", "1", (Stage("draft", owner="boss", gate=unguarded("x")), Stage("done", owner="boss")))
        with pytest.raises(GateClosed) as closed:
            Engine(store, processes=[open_door]).advance("x", by=BOSS)

        assert [reason.code for reason in closed.value.unmet] == ["document.missing"]


# 6. Nothing unreadable is ever deleted. Bad input gets a clear error, and nothing is lost or half-written.


def dump(path: Path) -> list[str]:
    """Return everything that is in a file of SQLite."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


SNAPSHOT = "UPDATE agreement SET snapshot = CAST(replace(CAST(snapshot AS TEXT), {!r}, {!r}) AS BLOB)"


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE agreement SET snapshot = x'00'",
        "UPDATE agreement SET snapshot = x'7b7d'",
        SNAPSHOT.format("draft", "limbo"),
        SNAPSHOT.format('"version":"1"', '"version":"7"'),
        "UPDATE agreement SET n = 9, version = 9",
    ],
)
def test_unreadable_things_are_kept(tmp_path: Path, damage: str) -> None:
    """Whatever is damaged in the file, nothing is written over it, by no call; other agreements go on."""
    file = tmp_path / "a.db"
    with Engine.open(f"sqlite:///{file}", processes=[PROCESS]) as engine:
        engine.start("p", "x", by=BOSS)
    connection = sqlite3.connect(file)
    connection.execute(damage)
    connection.commit()
    connection.close()
    before = dump(file)
    with Engine.open(f"sqlite:///{file}", processes=[PROCESS]) as engine:
        for attempt in (
            lambda: engine.note("x", "n", by=BOSS),
            lambda: engine.advance("x", by=BOSS),
            lambda: engine.options("x", by=BOSS),
            lambda: engine.start("p", "x", by=BOSS),
        ):
            with pytest.raises((HistoryTampered, NotFound, AlreadyExists)):
                attempt()
        assert not engine.verify().ok
        assert 1 == len(engine.history("x"))
        assert before == dump(file)
        assert "draft" == engine.start("p", "y", by=BOSS).stage


@pytest.mark.parametrize(
    "content", [b"", b"something else", b"SQLite format 3\0" + b"\0" * 100, bytes(range(256)) * 40]
)
def test_files_of_others_are_left_alone(tmp_path: Path, content: bytes) -> None:
    """A file that is something else is refused by a clear error, and no byte of it changes; an empty one is taken."""
    file = tmp_path / "a.db"
    file.write_bytes(content)
    if not content:
        Engine.open(f"sqlite:///{file}").close()
        return
    with pytest.raises(StoreError, match=str(file)):
        Engine.open(f"sqlite:///{file}")

    assert content == file.read_bytes()


HOSTILE: list[Callable[[Engine], Any]] = [
    lambda e: e.record("x", "f", "a\0b", by=BOSS),
    lambda e: e.record("x", "f", "\ud800", by=BOSS),
    lambda e: e.record("x", "f", "x" * 10_000_000, by=BOSS),
    lambda e: e.record("x", "f", [["x" * 60_000] * 20], by=BOSS),
    lambda e: e.record("x", "f", 0.1, by=BOSS),
    lambda e: e.record("x", "f", 2**60, by=BOSS),
    lambda e: e.record("x", "f\n", 1, by=BOSS),
    lambda e: e.note("x", "\0", by=BOSS),
    lambda e: e.start("p", "\ud800", by=BOSS),
    lambda e: e.start("p", "y", title="\0", by=BOSS),
    lambda e: e.hold("x", "x" * 100_000, by=BOSS),
    lambda e: e.attach("x", Document.from_bytes(b"", kind="d", title="\ud800"), by=BOSS),
    lambda e: e.note("x", "n", by=Actor(id="\0")),
    lambda e: e.note("x", "n", by=BOSS, at=datetime(2025, 1, 1)),  # noqa: DTZ001
    lambda e: e.note("x", "n", by=BOSS, at=e.get("x").changed_at + timedelta(days=1)),
    lambda e: e.find(text="\ud800"),
]


@pytest.mark.parametrize("attempt", HOSTILE)
def test_hostile_input_changes_nothing(engine: Engine, attempt: Callable[[Engine], Any]) -> None:
    """Input that no history can hold gets a clear error, and leaves everything as it was."""
    before = engine.get("x"), engine.history("x"), engine.count()
    with pytest.raises(InvalidValue) as refused:
        attempt(engine)

    assert 500 > len(str(refused.value)) > 10
    assert before == (engine.get("x"), engine.history("x"), engine.count())
    assert engine.verify().ok
