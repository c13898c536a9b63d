from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    Actor,
    Attempt,
    Calendar,
    DefinitionError,
    Engine,
    InvalidValue,
    MemoryStore,
    NotFound,
    PluginError,
    Process,
    Stage,
    Store,
    builtin,
    document,
    hookimpl,
    requirement,
    unguarded,
)
from stagegate.calendars import names as shipped_calendars
from stagegate.processes import names as builtin_names
from stagegate.testing import ManualClock


def process(version: str = "1", *, id: str = "p", gate: Any = None) -> Process:
    """Return a process of two stages."""
    return Process(
        id, version, (Stage("a", owner="boss", gate=unguarded("x") if gate is None else gate), Stage("b", owner="boss"))
    )


def test_engine_lets_go_of_its_store(boss: Actor) -> None:
    """An engine closes its store when it is closed, and at the end of a block."""

    class Closing(MemoryStore):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    store = Closing()
    with Engine(store, processes=[process()]) as engine:
        engine.start("p", "x", by=boss)
    engine.close()

    assert 2 == store.closed


def test_failed_opening_lets_go_of_the_store() -> None:
    """Where opening fails after the store is there, the store is closed."""
    closed = []

    class Closing(MemoryStore):
        def close(self) -> None:
            closed.append(True)

    class Plugin:
        @hookimpl
        def stagegate_open_store(self, url: str) -> Store | None:
            return Closing() if url == "closing:" else None

        @hookimpl
        def stagegate_processes(self) -> Iterable[Process]:
            raise RuntimeError

    with pytest.raises(PluginError):
        Engine.open("closing:", plugins=[Plugin()])

    assert [True] == closed


def test_engine_knows_what_it_was_opened_with() -> None:
    """An engine says which processes, calendars and plugins it has; what comes with the library is always there."""

    class Bringing:
        name = "bringing"

        @hookimpl
        def stagegate_processes(self) -> Iterable[Process]:
            return [process(id="brought")]

        @hookimpl
        def stagegate_calendars(self) -> Iterable[Calendar]:
            return [Calendar(id="c", version="1")]

    engine = Engine.open("memory:", processes=[process()], plugins=[Bringing()])

    assert ("bringing",) == engine.plugins
    assert Calendar(id="c", version="1") == engine.calendars["c"]
    assert {"c", "weekends", *shipped_calendars()} == set(engine.calendars)
    assert {"p", "brought", *builtin_names()} == {p.id for p in engine.processes}
    with pytest.raises(TypeError):
        engine.calendars["d"] = Calendar(id="d", version="1")  # type: ignore[index]  # the point


def test_processes_can_be_files(tmp_path: Path, boss: Actor) -> None:
    """A process may be handed over as a value or as the path of a definition."""
    file = tmp_path / "q.toml"
    file.write_text(
        'id = "q"\nversion = "1"\nstages = [{ id = "a", owner = "boss", gate = { fact = "f" } }, { id = "b", owner = "boss" }]'
    )
    engine = Engine.open("memory:", processes=[process(), file, str(file)])

    assert {("p", "a"), ("q", "a")} == {
        (deal.process.id, deal.stage) for deal in (engine.start("p", "x", by=boss), engine.start("q", "y", by=boss))
    }


def test_files_can_name_the_predicates_of_plugins(tmp_path: Path, boss: Actor) -> None:
    """A definition that is opened with an engine may name the predicates that its plugins bring."""

    class Bringing:
        @hookimpl
        def stagegate_requirements(self) -> Iterable[Any]:
            return [requirement(code="local.rule")(lambda attempt: attempt.fact("ok", default=False) or "not ok")]

    file = tmp_path / "q.toml"
    file.write_text(
        'id = "q"\nversion = "1"\n'
        'stages = [{ id = "a", owner = "boss", gate = { requirement = "local.rule" } }, { id = "b", owner = "boss" }]'
    )
    engine = Engine.open("memory:", processes=[file], plugins=[Bringing()])
    engine.start("q", "y", by=boss)

    assert ["not ok"] == [reason.text() for reason in engine.options("y", by=boss)[0].unmet]
    with pytest.raises(DefinitionError, match=r"q\.toml: stages\[0\]\.gate\.requirement"):
        Engine.open("memory:", processes=[file])


@pytest.mark.parametrize(
    "url,because",
    [
        ("postgres://x", "no plugin opens 'postgres' urls"),
        ("", "no plugin opens"),
        ("memory", "no plugin opens"),
        ("sqlite://x", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///x.db?mode=ro", "the options timeout"),
    ],
)
def test_unknown_urls_are_refused(url: str, because: str) -> None:
    """A url that nobody understands is refused with what would do."""
    with pytest.raises(Exception, match=because) as refused:
        Engine.open(url)

    assert type(refused.value).__name__ in {"PluginError", "StoreError"}


@pytest.mark.parametrize(
    "arguments", [{"processes": "p.toml"}, {"processes": [3]}, {"plugins": "log"}, {"plugins": [3]}]
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any]) -> None:
    """What is no list of processes or plugins is refused by a clear error."""
    with pytest.raises((InvalidValue, PluginError, DefinitionError)):
        Engine.open("memory:", **arguments)


@pytest.mark.parametrize(
    "make,said",
    [
        (lambda: Engine("memory:"), "store: a Store is needed, not 'memory:'; Engine.open takes a url"),
        (lambda: Engine(None), "store: a Store is needed"),
        (lambda: Engine(MemoryStore(), clock=3), "clock: a function that says what time it is is needed"),
        (lambda: Engine(MemoryStore(), processes="p.toml"), "processes: a list is needed"),
        (lambda: Engine(MemoryStore()).process("x"), "agreement: an Agreement is needed, not 'x'; get it first"),
    ],
)
def test_engine_is_made_of_what_it_needs(make: Callable[[], Any], said: str) -> None:
    """An engine that is put together of something else says what it needs."""
    with pytest.raises(InvalidValue, match=said):
        make()


@pytest.mark.parametrize("url", [None, 3, b"memory:"])
def test_url_has_to_be_a_text(url: Any) -> None:
    """A url that is no text is refused."""
    with pytest.raises(InvalidValue):
        Engine.open(url)


def test_later_versions_are_for_new_agreements(boss: Actor) -> None:
    """The version handed over last is for new agreements; older ones go on under theirs, and any can be named."""
    old, new = process("1", gate=document("d")), process("2")
    engine = Engine(MemoryStore(), processes=[old, new])
    first, second = engine.start("p", "x", version="1", by=boss), engine.start("p", "y", by=boss)

    assert (old.pin, new.pin) == (first.process, second.process)
    assert (old, new) == (engine.process(first), engine.process(second))
    assert [["document.missing"], []] == [
        [reason.code for reason in engine.options(deal, by=boss)[0].unmet] for deal in (first, second)
    ]
    with pytest.raises(NotFound, match="no process 'p' of version '3'"):
        engine.start("p", "z", version="3", by=boss)
    with pytest.raises(NotFound, match="no process 'q'; there are"):
        engine.start("q", "z", by=boss)


def test_agreement_runs_under_exactly_its_process(boss: Actor) -> None:
    """An engine whose store has lost the definition refuses to touch the agreement, whatever else it knows, and keeps it."""
    store = MemoryStore()
    Engine(store, processes=[process()]).start("p", "x", by=boss)
    store._definitions.clear()
    other = Engine(store, processes=[process(gate=document("d"))])
    none = Engine(store)

    for engine, said in ((other, r"known of that id: p 1 \("), (none, "none of that id is known")):
        for attempt in (
            lambda engine=engine: engine.advance("x", by=boss),
            lambda engine=engine: engine.options("x", by=boss),
            lambda engine=engine: engine.note("x", "n", by=boss),
            lambda engine=engine: engine.process(engine.get("x")),
        ):
            with pytest.raises(NotFound, match=said):
                attempt()
        assert ("a", 1) == (engine.get("x").stage, len(engine.history("x")))
        assert "is not stored" in str(engine.verify())


@pytest.mark.skipif(not builtin_names(), reason="no process is shipped yet")
def test_built_in_processes_are_there_when_they_are_asked_for() -> None:
    """A built-in process needs no naming, also for an agreement that another engine started."""
    store = MemoryStore()
    name = builtin_names()[0]
    roles = builtin(name).stages[0].owner
    who = Actor(id="ann", roles=roles)
    first = Engine(store)
    first.start(name, "x", by=who)
    second = Engine(store)

    assert second.options("x", by=who)
    assert builtin(name).pin == second.get("x").process


@pytest.mark.skipif(not builtin_names(), reason="no process is shipped yet")
def test_built_in_process_of_another_definition_is_not_taken_for_it() -> None:
    """An agreement under another version of a built-in process runs under that one, as the store keeps it."""
    store = MemoryStore()
    name = builtin_names()[0]
    fake = Process(name, "0", (Stage("a", owner="boss", gate=unguarded("x")), Stage("b", owner="boss")))
    who = Actor(id="ann", roles={"boss"})
    Engine(store, processes=[fake]).start(name, "x", by=who)
    engine = Engine(store)

    assert fake == engine.process(engine.get("x"))
    assert "b" == engine.advance("x", by=who).stage


@pytest.mark.skipif(not builtin_names(), reason="no process is shipped yet")
@pytest.mark.parametrize("name", builtin_names())
def test_built_in_processes_can_be_fitted(name: str) -> None:
    """What is not law in a built-in process can be left out, and its parameters set; each gives another digest."""
    process = builtin(name)
    named = [part for _, part in process.requirements() if part.id]
    # One that is not alone in its gate: a gate of which nothing is left would ask for nothing.
    beside = {
        part.id
        for stage in process.stages
        if len(stage.gate.children() if stage.gate is not None else ()) > 1
        for part in stage.gate.children()
    }
    practice = next(part.id for part in named if part.provenance != "law" and part.id in beside)

    assert process is builtin(name)
    assert practice not in {part.id for _, part in builtin(name, without=[practice]).requirements()}
    assert process.digest != builtin(name, without=[practice]).digest
    with pytest.raises(DefinitionError, match="no such parameter"):
        builtin(name, parameters={"nothing-of-this-name": 3})
    for part in [part for part in named if part.provenance == "law"][:1]:
        with pytest.raises(DefinitionError, match="is law and cannot be left out"):
            builtin(name, without=[part.id])


def test_unknown_built_in_process() -> None:
    """Asking for a built-in process that is not there says which are."""
    with pytest.raises(NotFound, match="no built-in process 'nothing'"):
        builtin("nothing")


def test_naive_clock_is_refused(boss: Actor) -> None:
    """A clock that does not say in which zone it is refuses to be written down."""
    engine = Engine(MemoryStore(), processes=[process()], clock=lambda: datetime(2025, 7, 24))  # noqa: DTZ001  the point
    with pytest.raises(InvalidValue, match="clock: .* has no zone"):
        engine.start("p", "x", by=boss)


def test_default_clock_is_the_systems(boss: Actor) -> None:
    """Without a clock of one's own, events carry the time of the system in UTC."""
    before = datetime.now(UTC)
    event = Engine(MemoryStore(), processes=[process()]).start("p", "x", by=boss)

    assert before <= event.started_at <= datetime.now(UTC)


def test_guards_see_the_time_of_the_clock(clock: ManualClock, boss: Actor) -> None:
    """Nothing but the clock that was handed in says what time it is."""
    seen: list[Attempt] = []
    look = requirement(code="look")(lambda attempt: bool(seen.append(attempt) or True))
    engine = Engine(MemoryStore(), processes=[process(gate=look)], clock=clock)
    deal = engine.start("p", "x", by=boss)
    engine.advance(deal, by=boss)

    assert [clock()] == [attempt.at for attempt in seen]
    assert clock() == deal.started_at
