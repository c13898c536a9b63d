"""Every hook in use, one test or more named after each; what an error in it does is part of its contract."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Attempt,
    Calendar,
    DefinitionError,
    Document,
    Engine,
    Event,
    GateClosed,
    InvalidValue,
    MemoryStore,
    Message,
    NotFound,
    Notification,
    NotPermitted,
    PluginError,
    Process,
    RefusedError,
    Schema,
    Stage,
    StagegateError,
    Store,
    StoreError,
    Subscription,
    Template,
    Unmet,
    Waker,
    fold,
    hookimpl,
    open_schema,
    requirement,
    unguarded,
)
from stagegate.hookspecs import HOOKS
from stagegate.testing import ManualClock

STRANGER = Actor(id="eve", roles={"stranger"})


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test(hook: str) -> None:
    """Each hook there is has a test named after it."""
    assert [name for name in globals() if name.startswith(f"test_{hook}")]


class Plugin:
    """A plugin whose hooks are handed in; each notes its calls in a list that several may share."""

    def __init__(self, name: str, calls: list[Any] | None = None) -> None:
        self.name = name
        self.calls = [] if calls is None else calls


# stagegate_open_store


class Opens(Plugin):
    """Open urls of one scheme."""

    def __init__(self, name: str, answer: Any, calls: list[Any] | None = None) -> None:
        super().__init__(name, calls)
        self.answer = answer

    @hookimpl
    def stagegate_open_store(self, url: str) -> Store | None:
        """Answer what was handed in, or raise it."""
        self.calls.append((self.name, url))
        if isinstance(self.answer, BaseException):
            raise self.answer
        answer: Store | None = self.answer
        return answer


def test_stagegate_open_store_first_answer_wins(process: Process, boss: Actor) -> None:
    """Plugins are asked in the order in which they were named, once, until one hands over a store."""
    calls: list[Any] = []
    store, other = MemoryStore(), MemoryStore()
    plugins = [Opens("one", None, calls), Opens("two", store, calls), Opens("three", other, calls)]
    engine = Engine.open("cloud://x", processes=[process], plugins=plugins)
    engine.start("p", "x", by=boss)

    assert [("one", "cloud://x"), ("two", "cloud://x")] == calls
    assert store.get("x") is not None
    assert other.get("x") is None


def test_stagegate_open_store_nobody_answers() -> None:
    """Where nobody opens a url, the error says how to find somebody."""
    with pytest.raises(
        PluginError, match="no plugin opens 'cloud' urls; name one in plugins=.*'postgresql://host/database'"
    ):
        Engine.open("cloud://x", plugins=[Opens("one", None)])


@pytest.mark.parametrize("answer", [3, "store", object(), {}])
def test_stagegate_open_store_hands_over_something_else(answer: Any) -> None:
    """What is no store is refused by the name of the plugin."""
    with pytest.raises(PluginError, match="'one': what it hands over for 'cloud://x' is no Store"):
        Engine.open("cloud://x", plugins=[Opens("one", answer)])


def test_stagegate_open_store_fails() -> None:
    """An error ends the opening and names the plugin; nobody else is asked. An error of stagegate's own is passed on."""
    calls: list[Any] = []
    plugins = [Opens("one", OSError("no route"), calls), Opens("two", MemoryStore(), calls)]
    with pytest.raises(PluginError, match="'one': it cannot open 'cloud://x': OSError: no route"):
        Engine.open("cloud://x", plugins=plugins)
    with pytest.raises(StoreError, match="the disk is full"):
        Engine.open("cloud://x", plugins=[Opens("one", StoreError("the disk is full"))])

    assert [("one", "cloud://x")] == calls


def test_stagegate_open_store_is_not_asked_for_memory() -> None:
    """The store that forgets needs no plugin."""
    calls: list[Any] = []
    Engine.open("memory:", plugins=[Opens("one", None, calls)])

    assert [] == calls


def test_stagegate_open_store_of_sqlite_is_a_plugin_too(tmp_path: Path, process: Process, boss: Actor) -> None:
    """The SQLite store enters by the same hook: it need not be named, and a plugin that is named before it can take its urls."""
    url = f"sqlite:///{tmp_path}/a.db"
    with Engine.open(url, processes=[process]) as engine:
        engine.start("p", "x", by=boss)
        assert ("sqlite",) == engine.plugins
    with Engine.open(url, processes=[process], plugins=["sqlite"]) as engine:
        assert ("sqlite",) == engine.plugins
    with (
        Engine.open(url, processes=[process], plugins=[Opens("mine", MemoryStore())]) as engine,
        pytest.raises(NotFound),
    ):
        engine.get("x")


# stagegate_open_schema


class Form:
    """The form of a store that is at version 1."""

    newest = 2

    def version(self) -> int | None:
        """Say at which version it is."""
        return 1

    def upgrade(self) -> tuple[int, ...]:
        """Say what was passed through."""
        return (2,)

    def close(self) -> None:
        """Hold nothing open."""


class Forms(Plugin):
    """Hand over the form of what is at a url."""

    def __init__(self, name: str, answer: Any, calls: list[Any] | None = None) -> None:
        super().__init__(name, calls)
        self.answer = answer

    @hookimpl
    def stagegate_open_schema(self, url: str) -> Schema | None:
        """Answer what was handed in, or raise it."""
        self.calls.append((self.name, url))
        if isinstance(self.answer, BaseException):
            raise self.answer
        answer: Schema | None = self.answer
        return answer


def test_stagegate_open_schema_first_answer_wins() -> None:
    """Plugins are asked in the order in which they were named, until one hands over a schema; no store is opened."""
    calls: list[Any] = []
    form = Form()
    plugins = [Forms("one", None, calls), Forms("two", form, calls), Forms("three", Form(), calls)]

    assert form is open_schema("cloud://x", plugins=plugins)
    assert [("one", "cloud://x"), ("two", "cloud://x")] == calls


def test_stagegate_open_schema_hands_over_something_else() -> None:
    """What is no schema, an error, and nobody who knows the url are each told by name."""
    with pytest.raises(PluginError, match="'one': what it hands over for 'cloud://x' is no Schema"):
        open_schema("cloud://x", plugins=[Forms("one", object())])
    with pytest.raises(PluginError, match="'one': it cannot open 'cloud://x': OSError: no route"):
        open_schema("cloud://x", plugins=[Forms("one", OSError("no route"))])
    with pytest.raises(PluginError, match="no plugin has a schema for 'cloud' urls"):
        open_schema("cloud://x", plugins=[Forms("one", None)])
    with pytest.raises(PluginError, match="plugins are named in a list"):
        open_schema("cloud://x", plugins="one")


# stagegate_processes, stagegate_requirements, stagegate_calendars, stagegate_messages, stagegate_subscriptions


def bringing(hook: str, answer: Any, name: str = "one") -> Any:
    """Return a plugin that brings *answer* by *hook*, or raises it."""

    def bring(self: Any) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    bring.__name__ = hook
    return type("Bringing", (Plugin,), {hook: hookimpl(bring)})(name)


def test_stagegate_processes_are_known(process: Process, boss: Actor) -> None:
    """What plugins bring can be started; a process that is handed over by hand comes after it."""
    newer = Process("p", "2", (Stage("z", owner="boss", gate=unguarded("x")), Stage("y", owner="boss")))
    brought = Engine.open("memory:", plugins=[bringing("stagegate_processes", (p for p in [process]))])
    both = Engine.open("memory:", processes=[newer], plugins=[bringing("stagegate_processes", [process])])

    assert ("a", "z") == (brought.start("p", "x", by=boss).stage, both.start("p", "x", by=boss).stage)
    assert "a" == both.start("p", "y", version="1", by=boss).stage


def test_stagegate_requirements_can_be_named(boss: Actor, tmp_path: Path) -> None:
    """What plugins bring can be named in definitions that are opened with the engine."""
    rule = requirement(code="rule")(lambda attempt: attempt.fact("ok") or "not ok")
    file = tmp_path / "p.toml"
    file.write_text(
        'id = "p"\nversion = "1"\n'
        'stages = [{ id = "a", owner = "boss", gate = { requirement = "rule" } }, { id = "b", owner = "boss" }]'
    )
    engine = Engine.open("memory:", processes=[file], plugins=[bringing("stagegate_requirements", [rule])])
    engine.start("p", "x", by=boss)

    assert ["not ok"] == [reason.text() for reason in engine.options("x", by=boss)[0].unmet]


def test_stagegate_calendars_are_known() -> None:
    """What plugins bring is there by its id; nothing may be brought too."""
    calendar = Calendar(id="id", version="2025")
    plugins = [bringing("stagegate_calendars", [calendar]), bringing("stagegate_calendars", None, "two")]

    known = Engine.open("memory:", plugins=plugins).calendars

    assert calendar == known["id"]
    assert set(known) == {"id", *Engine.open("memory:").calendars}


def rows(engine: Engine) -> list[tuple[str, str]]:
    """Return who is to be told what."""
    return [(row.notification.kind, row.notification.to) for row in engine.outbox()]


def test_stagegate_subscriptions_are_met(process: Process, boss: Actor) -> None:
    """What plugins subscribe to is told, beside what the engine is given; a repetition is told once."""
    brought = [Subscription("mail", role="boss", on="agreement.started"), Subscription("mail", to="a@example.org")]
    plugins = [bringing("stagegate_subscriptions", brought), bringing("stagegate_subscriptions", None, "two")]
    given = [Subscription("mail", to=["a@example.org", "b@example.org"])]
    engine = Engine.open("memory:", processes=[process], plugins=plugins, subscriptions=given)
    engine.start("p", "x", by=boss)

    assert ["a@example.org", "b@example.org", "boss"] == sorted(to for _, to in rows(engine))


def test_stagegate_subscriptions_know_their_names(process: Process) -> None:
    """A subscription of a plugin to what no process has ends the opening, and its place is named."""
    plugin = bringing("stagegate_subscriptions", [Subscription("mail", role="boss", stage="nowhere")])
    with pytest.raises(DefinitionError, match=r"^stagegate_subscriptions\[0\]\.stage: .*'nowhere'"):
        Engine.open("memory:", processes=[process], plugins=[plugin])


def test_stagegate_messages_go_before_ours(process: Process, boss: Actor) -> None:
    """A template of a plugin words its kind and language; that of the engine's own goes before it."""
    said: list[str] = []

    class Mail(Plugin):
        """Deliver by taking down the subject."""

        @hookimpl
        def stagegate_deliver(self, notification: Notification, message: Message) -> bool:
            """Take it down."""
            said.append(message.subject)
            return True

    theirs = [Template(kind=kind, lang="en", subject=f"theirs: {kind}", text="x") for kind in ("note.added", "my.own")]
    plugins = [bringing("stagegate_messages", theirs), Mail("mail")]
    own = [Template(kind="agreement.started", lang="en", subject="own", text="x")]
    engine = Engine.open(
        "memory:",
        processes=[process],
        plugins=plugins,
        subscriptions=[Subscription("mail", to="a"), Subscription("mail", to="b", lang="id", on="note.added")],
        messages=own,
    )
    engine.note(engine.start("p", "x", by=boss), "said", by=boss)
    engine.deliver()

    assert ["own", "theirs: note.added", "x: catatan ditambahkan"] == sorted(said)


class Directory(Plugin):
    """Know addresses."""

    def __init__(self, name: str, answer: Any) -> None:
        super().__init__(name)
        self.answer = answer

    @hookimpl
    def stagegate_addresses(self, role: str, channel: str, agreement: Agreement) -> Any:
        """Answer what was handed in, or raise it."""
        self.calls.append((role, channel, agreement.id, agreement.stage, agreement.version))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def test_stagegate_addresses_are_all_told(process: Process, boss: Actor) -> None:
    """Each address of each plugin has a row of its own beside those of the address book; each plugin is asked once."""
    plugins = [
        Directory("one", ("b@example.org", "a@example.org")),
        Directory("two", "c@example.org"),
        Directory("three", None),
    ]
    engine = Engine.open(
        "memory:",
        processes=[process],
        plugins=plugins,
        addresses={"boss": "a@example.org"},
        subscriptions=[Subscription("mail", owner=True), Subscription("mail", role="boss")],
    )
    engine.start("p", "x", by=boss)

    assert [f"{who}@example.org" for who in "abc"] == sorted(to for _, to in rows(engine))
    assert [[("boss", "mail", "x", "a", 1)]] * 3 == [plugin.calls for plugin in plugins]


def test_stagegate_addresses_are_not_asked_for_nobody(process: Process, boss: Actor) -> None:
    """Where no subscription is met, nobody is asked; a role that nobody knows stands for itself."""
    directory = Directory("one", ())
    engine = Engine.open(
        "memory:",
        processes=[process],
        plugins=[directory],
        subscriptions=[Subscription("mail", role="boss", on="note.added")],
    )
    engine.start("p", "x", by=boss)
    assert [] == directory.calls
    engine.note("x", "said", by=boss)

    assert [("note.added", "boss")] == rows(engine)
    assert 1 == len(directory.calls)


@pytest.mark.parametrize(
    "answer",
    [RuntimeError("no"), 3, [3], object(), ["a\nBcc: b"], [""], [" a"], ["a" * 3000]],
    ids=["error", "number", "numbers", "object", "two lines", "empty", "spaces", "long"],
)
def test_stagegate_addresses_that_fail_roll_back(process: Process, boss: Actor, answer: Any) -> None:
    """An error, or an answer that is no address, rolls everything back and names the plugin."""
    engine = Engine.open(
        "memory:",
        processes=[process],
        plugins=[Directory("one", answer)],
        subscriptions=[Subscription("m", owner=True)],
    )
    with pytest.raises(PluginError, match="'one': stagegate_addresses failed, so nothing was recorded"):
        engine.start("p", "x", by=boss)

    assert ([], ()) == (list(engine.find().items), engine.outbox())


@pytest.mark.parametrize(
    "hook",
    [
        "stagegate_processes",
        "stagegate_requirements",
        "stagegate_calendars",
        "stagegate_messages",
        "stagegate_subscriptions",
    ],
)
@pytest.mark.parametrize(
    "answer", [RuntimeError("no"), 3, [3], ["p"], object()], ids=["error", "number", "numbers", "texts", "object"]
)
def test_stagegate_processes_requirements_calendars_that_fail(hook: str, answer: Any) -> None:
    """A plugin that raises when asked, or brings something else, ends the opening and is named."""
    with pytest.raises(PluginError, match=f"'one': {hook}"):
        Engine.open("memory:", plugins=[bringing(hook, answer)])


# stagegate_check


class Checks(Plugin):
    """Have something against what is attempted."""

    def __init__(self, name: str, answer: Any = (), calls: list[Any] | None = None) -> None:
        super().__init__(name, calls)
        self.answer = answer

    @hookimpl
    def stagegate_check(self, attempt: Attempt) -> Iterable[Unmet]:
        """Answer what was handed in, or raise it."""
        self.calls.append((self.name, attempt))
        if isinstance(self.answer, BaseException):
            raise self.answer
        answer: Iterable[Unmet] = self.answer
        return answer


EMBARGO = Unmet(code="embargo", params={"reason": "there is an embargo"}, fix_by=("minister",), basis="Art 9")


def test_stagegate_check_refuses_moves_and_acts(process: Process, boss: Actor) -> None:
    """What a plugin has against a move or an act refuses it, in the options, the exception and the event alike."""
    plugin = Checks("one")
    engine = Engine.open("memory:", processes=[process], plugins=[plugin])
    engine.start("p", "x", by=boss)
    plugin.answer = [EMBARGO]
    options = engine.options("x", by=boss)

    assert options
    assert all(EMBARGO in option.unmet for option in options)
    for attempt in (
        lambda: engine.advance("x", by=boss),
        lambda: engine.send_back("x", "a", "again", by=boss),
        lambda: engine.hold("x", "wait", by=boss),
        lambda: engine.end("x", "withdrawn", by=boss),
        lambda: engine.attach("x", Document.from_bytes(b"", kind="d"), by=boss),
        lambda: engine.record("x", "f", 1, by=boss),
        lambda: engine.note("x", "n", by=boss),
    ):
        with pytest.raises(GateClosed, match="there is an embargo") as refused:
            attempt()
        event = engine.history("x")[-1]
        assert (EMBARGO,) == refused.value.unmet == tuple(map(Unmet.from_data, event.data["data"]["unmet"]))
    assert ("a", 1) == (engine.get("x").stage, engine.get("x").version)


def test_stagegate_check_adds_to_the_gate(process: Process, boss: Actor) -> None:
    """The reasons of the gate, of every plugin and the missing permission stand beside each other."""
    plugins = [Checks("one", (r for r in [EMBARGO])), Checks("two", [EMBARGO]), Checks("three", None)]
    engine = Engine.open("memory:", processes=[process], plugins=[])
    store = engine._store
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss)
    with pytest.raises(NotPermitted) as refused:
        _on(store, process, plugins).advance("x", by=STRANGER)

    assert ["fact.missing", "embargo", "embargo"] == [reason.code for reason in refused.value.unmet]


def _on(store: Store, process: Process, plugins: list[Any]) -> Engine:
    """Open an engine with plugins on a store that is there already."""
    return Engine.open("kept:", processes=[process], plugins=[Opens("kept", store), *plugins])


@pytest.mark.parametrize(
    "answer,said",
    [
        (RuntimeError("no line"), "RuntimeError: no line"),
        (3, "TypeError"),
        (["no"], "TypeError: it answered 'no', which is no Unmet"),
        ([EMBARGO, None], "which is no Unmet"),
        (ValueError("a\0b\ud800"), "ValueError: a\ufffdb?"),
        (ValueError("x" * 9000), "ValueError: xxx"),
    ],
    ids=lambda v: ascii(v)[:20],
)
def test_stagegate_check_that_fails_refuses(process: Process, boss: Actor, answer: Any, said: str) -> None:
    """A plugin that cannot answer refuses with a code of its own, by name, and silences nobody."""
    store = MemoryStore()
    Engine(store, processes=[process]).start("p", "x", by=boss)
    engine = _on(store, process, [Checks("one", answer), Checks("two", [EMBARGO])])
    with pytest.raises(GateClosed, match="the plugin one could not answer") as refused:
        engine.advance("x", by=boss)
    failed, other = refused.value.unmet

    assert ("plugin.error", "one", EMBARGO) == (failed.code, failed.params["plugin"], other)
    assert said in failed.params["error"]
    assert refused.value.unmet == engine.options("x", by=boss)[0].unmet
    assert "refused" == engine.history("x")[-1].kind


def test_stagegate_check_sees_the_attempt(process: Process, boss: Actor) -> None:
    """A plugin sees what is attempted, by whom, with which details, and is called once for each attempt, in the order named."""
    calls: list[Any] = []
    store = MemoryStore()
    Engine(store, processes=[process]).start("p", "x", by=boss)
    engine = _on(store, process, [Checks("two", (), calls), Checks("one", (), calls)])
    engine.record("x", "f", 3, by=boss)

    assert ["two", "one"] == [name for name, _ in calls]
    assert {("record", "ann", 3, "f", "a")} == {
        (a.move, a.actor.id, a.details["value"], a.details["fact"], a.agreement.stage) for _, a in calls
    }


# stagegate_notify


class Tells(Plugin):
    """Have something told."""

    def __init__(self, name: str, answer: Any = (), calls: list[Any] | None = None) -> None:
        super().__init__(name, calls)
        self.answer = answer

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Answer what was handed in, or raise it."""
        self.calls.append((self.name, event, agreement))
        if isinstance(self.answer, BaseException):
            raise self.answer
        answer: Iterable[Notification] = self.answer
        return answer


def told(channel: str = "mail", **about: Any) -> Notification:
    """Return a notification."""
    return Notification(channel=channel, kind="k", **about)


def test_stagegate_notify_stands_in_the_event(process: Process, boss: Actor, clock: ManualClock) -> None:
    """What is to be told is written with the event: in the outbox, and by id, kind and digest in the event itself."""
    plugins = [
        Tells("one", [told(to="a"), told(to="b", id="mine", agreement="other", n=7)]),
        Tells("two", (t for t in [told()])),
    ]
    engine = Engine.open("memory:", processes=[process], plugins=plugins, clock=clock)
    engine.start("p", "x", by=boss)
    rows = engine.outbox()
    brief = engine.history("x")[0].data["notifications"]

    assert {(row.notification.agreement, row.notification.n, row.status, row.due_at) for row in rows} == {
        ("x", 1, "pending", clock())
    }
    assert ["a", "b", ""] == [
        next(row.notification.to for row in rows if row.notification.id == told["id"]) for told in brief
    ]
    assert 3 == len({row.notification.id for row in rows} - {"mine"})
    assert engine.verify().ok


def test_stagegate_notify_is_called_once_for_every_event(process: Process, boss: Actor) -> None:
    """Every event is told of once, refusals included, with the agreement as it is after it, in the order named."""
    calls: list[Any] = []
    engine = Engine.open("memory:", processes=[process], plugins=[Tells("two", None, calls), Tells("one", (), calls)])
    engine.start("p", "x", by=boss)
    engine.advance("x", by=boss)
    with pytest.raises(RefusedError):
        engine.advance("x", by=STRANGER)
    engine.note("x", "n", by=boss, request_id="r")
    engine.note("x", "n", by=boss, request_id="r")
    engine.options("x", by=boss)

    assert ["two", "one"] * 4 == [name for name, _, _ in calls]
    assert [("started", "a", 1), ("moved", "b", 2), ("refused", "b", 3), ("noted", "b", 4)] == [
        (event.kind, deal.stage, deal.n) for name, event, deal in calls if name == "one"
    ]
    assert [event.data for event in engine.history("x")] == [event.data for name, event, _ in calls if name == "one"]


@pytest.mark.parametrize(
    "answer", [RuntimeError("no line"), 3, ["k"], [told(), None], [{"channel": "mail"}]], ids=lambda v: repr(v)[:20]
)
def test_stagegate_notify_that_fails_rolls_back(process: Process, boss: Actor, answer: Any) -> None:
    """Where it cannot be said who is to be told, nothing happened: no event, no state, no outbox, no request; the plugin is named."""
    store = MemoryStore()
    Engine(store, processes=[process]).start("p", "x", by=boss)
    engine = _on(store, process, [Tells("two", [told()]), Tells("one", answer)])
    before = engine.get("x"), engine.history("x")
    for attempt in (
        lambda: engine.advance("x", by=boss, request_id="r"),
        lambda: engine.advance("x", by=STRANGER),
        lambda: engine.start("p", "y", by=boss),
    ):
        with pytest.raises(PluginError, match="'one': stagegate_notify failed, so nothing was recorded"):
            attempt()

    assert before == (engine.get("x"), engine.history("x"))
    assert () == engine.outbox()
    assert 1 == engine.count()
    assert "b" == Engine(store, processes=[process]).advance("x", by=boss, request_id="r").stage


def test_stagegate_notify_sees_a_copy(process: Process, boss: Actor) -> None:
    """What a plugin is shown cannot be changed, and so misleads neither the history nor the next plugin."""
    tried: list[type[BaseException]] = []

    class Meddling:
        @hookimpl
        def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
            for change in (
                lambda: event.data.__setitem__("kind", "forged"),  # type: ignore[attr-defined]
                lambda: event.data["actor"].__setitem__("id", "eve"),
                lambda: setattr(agreement, "stage", "c"),
                lambda: agreement.facts.update(f=1),
            ):
                try:
                    change()
                except (TypeError, AttributeError) as error:
                    tried.append(type(error))
            return ()

    calls: list[Any] = []
    engine = Engine.open("memory:", processes=[process], plugins=[Meddling(), Tells("next", (), calls)])
    deal = engine.start("p", "x", by=boss)

    assert 4 == len(tried)
    assert ("started", "ann", "a") == (calls[0][1].kind, calls[0][1].actor, calls[0][2].stage)
    assert deal == fold(engine.history("x"))


# stagegate_open_waker


class Alarm:
    """A waker that writes down what it is told."""

    def __init__(self) -> None:
        """Have been told nothing."""
        self.told: list[tuple[str, ...]] = []

    def schedule(self, agreement: str, due: datetime) -> None:
        """Write it down."""
        self.told.append(("schedule", agreement, due.isoformat()))

    def cancel(self, agreement: str) -> None:
        """Write it down."""
        self.told.append(("cancel", agreement))

    def deliver(self, notification: str) -> None:
        """Write it down."""
        self.told.append(("deliver", notification))

    def close(self) -> None:
        """Write it down."""
        self.told.append(("close",))


class Wakes(Plugin):
    """Hand over what was handed in, for urls of one scheme."""

    def __init__(self, name: str, answer: Any) -> None:
        super().__init__(name)
        self.answer = answer

    @hookimpl
    def stagegate_open_waker(self, url: str) -> Waker | None:
        """Answer for one scheme."""
        if not url.startswith("alarm:"):
            return None
        if isinstance(self.answer, Exception):
            raise self.answer
        waker: Waker = self.answer
        return waker


def test_stagegate_open_waker_hands_one_over(process: Process, boss: Actor) -> None:
    """The first waker that knows the url is told of every notification of a commit, and closed with the engine."""
    alarm = Alarm()
    plugins = [Tells("teller", [told()]), Wakes("alarm", alarm), Wakes("late", Alarm())]
    with Engine.open("memory:", processes=[process], plugins=plugins, wake="alarm://clock") as engine:
        engine.start("p", "x", by=boss)
        (row,) = engine.outbox()

        assert [("deliver", row.notification.id)] == alarm.told
    assert ("close",) == alarm.told[-1]


@pytest.mark.parametrize(
    "answer, said",
    [
        (OSError("no line"), "plugin 'alarm': it cannot open 'alarm://u:***@clock': OSError: no line"),
        (3, "plugin 'alarm': what it hands over for 'alarm://u:***@clock' is no Waker: int"),
        (StoreError("at the door"), "at the door"),
        (None, "plugin 'alarm': no plugin wakes by 'alarm' urls; name one in plugins=[…]"),
    ],
)
def test_stagegate_open_waker_that_fails(process: Process, answer: Any, said: str) -> None:
    """Where nobody wakes by the url, the opening ends with what is wrong, and never with a password."""
    with pytest.raises(StagegateError) as error:
        Engine.open("memory:", processes=[process], plugins=[Wakes("alarm", answer)], wake="alarm://u:secret@clock")

    assert said == str(error.value)


def test_stagegate_open_waker_is_closed_when_the_opening_fails(process: Process) -> None:
    """A waker is let go of where the opening ends after it."""
    alarm = Alarm()
    with pytest.raises(InvalidValue):
        Engine.open("memory:", processes=3, plugins=[Wakes("alarm", alarm)], wake="alarm:")

    assert [("close",)] == alarm.told


# stagegate_deliver


class Delivers(Plugin):
    """Deliver the notifications of a channel."""

    def __init__(self, name: str, answer: Any = True, calls: list[Any] | None = None) -> None:
        super().__init__(name, calls)
        self.answer = answer

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Answer what was handed in, or raise it."""
        self.calls.append((self.name, notification))
        if isinstance(self.answer, BaseException):
            raise self.answer
        answer: bool | None = self.answer
        return answer


def test_stagegate_deliver_until_one_takes_it(process: Process, boss: Actor) -> None:
    """A notification is offered to the plugins in the order named until one answers True; those behind it are not asked."""
    calls: list[Any] = []
    plugins = [
        Tells("teller", [told()]),
        Delivers("not-mine", None, calls),
        Delivers("mine", True, calls),
        Delivers("late", True, calls),
    ]
    engine = Engine.open("memory:", processes=[process], plugins=plugins)
    engine.start("p", "x", by=boss)

    assert 1 == engine.deliver().delivered
    assert ["not-mine", "mine"] == [name for name, _ in calls]
    assert told().payload() == calls[0][1].payload()


def test_stagegate_deliver_that_fails_silences_nobody(process: Process, boss: Actor, clock: ManualClock) -> None:
    """A channel that fails keeps no other from its work; what nobody took is tried again, and every error is kept by name."""
    calls: list[Any] = []
    broken, other = Delivers("broken", OSError("down"), calls), Delivers("other", None, calls)
    several = [attrs.evolve(told(), to=to) for to in ("mayor", "council")]
    engine = Engine.open("memory:", processes=[process], plugins=[Tells("teller", several), broken, other], clock=clock)
    engine.start("p", "x", by=boss)

    assert (0, 2) == (engine.deliver().delivered, len(engine.outbox("pending")))
    assert ["broken", "other"] * 2 == [name for name, _ in calls]
    assert {"broken: OSError: down"} == {row.error for row in engine.outbox()}
    other.answer = True
    clock.advance(hours=1)
    assert 2 == engine.deliver().delivered


def test_stagegate_deliver_gets_the_same_id_each_time(process: Process, boss: Actor, clock: ManualClock) -> None:
    """However often it is tried, a notification has one id: who receives it can tell a repetition."""
    calls: list[Any] = []
    channel = Delivers("mail", OSError("down"), calls)
    engine = Engine.open("memory:", processes=[process], plugins=[Tells("teller", [told()]), channel], clock=clock)
    engine.start("p", "x", by=boss)
    for _ in range(3):
        engine.deliver()
        clock.advance(days=1)
    channel.answer = True
    engine.deliver()

    assert 4 == len(calls)
    assert {engine.history("x")[0].data["notifications"][0]["id"]} == {notification.id for _, notification in calls}


def test_stagegate_deliver_cannot_undo(process: Process, boss: Actor) -> None:
    """Delivery runs after the commit: no error in it touches what happened."""
    engine = Engine.open(
        "memory:", processes=[process], plugins=[Tells("t", [told()]), Delivers("d", RuntimeError("no"))]
    )
    engine.start("p", "x", by=boss)
    deal = engine.advance("x", by=boss)
    engine.deliver()

    assert (deal, deal) == (engine.get("x"), fold(engine.history("x")))
    assert engine.verify().ok


def test_stagegate_deliver_without_anybody(process: Process, boss: Actor) -> None:
    """What no plugin delivers is kept, says so, and no try is counted."""
    engine = Engine.open("memory:", processes=[process], plugins=[Tells("teller", [told("pigeon")])])
    engine.start("p", "x", by=boss)
    assert ("pigeon",) == engine.deliver().unclaimed
    (row,) = engine.outbox("pending")

    assert ("no plugin delivers to the channel 'pigeon'; name one that does", 0) == (row.error, row.tries)


# The channel that is shipped, end to end


def test_log_channel_end_to_end(
    tmp_path: Path, process: Process, boss: Actor, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Named with `plugins=["log"]`, every event is told to the log, through the outbox, once, in one line that nobody can forge."""
    caplog.set_level(logging.INFO, logger="stagegate.notifications")
    with Engine.open(f"sqlite:///{tmp_path}/a.db", processes=[process], plugins=["log"], clock=clock) as engine:
        engine.start("p", "x", title="Deal\nx #9 forged", by=boss)
        engine.advance("x", by=boss)
        with pytest.raises(GateClosed):
            engine.advance("x", by=boss)
        before = list(caplog.messages)
        done = engine.deliver()
        engine.deliver()

    assert ([], 3) == (before, done.delivered)
    assert ["x #1 started", "x #2 moved.advance", "x #3 refused.advance"] == [
        message.split(" to=")[0] for message in caplog.messages
    ]
    assert all("\n" not in message and "actor='ann'" in message for message in caplog.messages)
    assert "unmet=('fact.missing',)" in caplog.messages[2]
    assert "stage='b'" in caplog.messages[1]


def test_log_channel_leaves_other_channels_alone(process: Process, boss: Actor) -> None:
    """The log takes only what is addressed to it."""
    engine = Engine.open("memory:", processes=[process], plugins=[Tells("teller", [told("mail")]), "log"])
    engine.start("p", "x", by=boss)

    assert (1, 1) == (engine.deliver().delivered, len(engine.outbox("pending")))
