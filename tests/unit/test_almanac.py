from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    Actor,
    Calendar,
    DefinitionError,
    Duty,
    Engine,
    InvalidValue,
    NotFound,
    Process,
    Renewal,
    Stage,
    Term,
    all_of,
    builtin_calendar,
    document,
    load_process,
    unguarded,
    workdays,
    years,
)
from stagegate.calendars import names

FIRST = Calendar(id="c", version="1", holidays={"2025-07-28": "Local feast"})
SECOND = Calendar(id="c", version="2", holidays={"2025-07-29": "Moved feast"})


def process(calendar: Any = "c", **stage: Any) -> Process:
    """Return a process of two stages whose first has three working days."""
    draft = Stage("draft", owner="boss", **({"gate": unguarded("it is a test"), "within": workdays(3)} | stage))
    return Process("p", "1", (draft, Stage("done", owner="boss")), calendar=calendar)


def due(engine: Engine, agreement: str = "x") -> str:
    """Return the date of the first stage of an agreement."""
    return str(engine.get(agreement).deadlines["stage:draft"].date)


def open_engine(*calendars: Any, processes: Any = (), clock: Any = None) -> Engine:
    """Return an engine in memory that was given calendars."""
    more = {} if clock is None else {"clock": clock}
    return Engine.open("memory:", processes=processes or [process()], calendars=calendars, **more)


def test_shipped_calendars_are_known_without_being_given() -> None:
    """An engine knows the week-ends and the shipped calendars by their ids; an id that is none is refused."""
    known = open_engine().calendars

    assert ("indonesia", "japan") == names()
    assert ["indonesia", "japan", "weekends"] == list(known)
    assert {id_: builtin_calendar(id_) for id_ in names()} == {id_: known[id_] for id_ in names()}
    with pytest.raises(NotFound, match="no shipped calendar 'narnia'; there are indonesia, japan"):
        builtin_calendar("narnia")


def test_calendar_is_given_as_a_value_or_as_a_file(tmp_path: Path, clock: Any, boss: Actor) -> None:
    """A calendar is handed over as a value, as a path or as the name of a file, and all count alike."""
    file = tmp_path / "c.toml"
    file.write_text('id = "c"\nversion = "1"\n[holidays]\n2025-07-28 = "Local feast"\n')
    for given in (FIRST, file, str(file)):
        engine = open_engine(given, clock=clock)
        engine.start("p", "x", by=boss)

        assert FIRST == engine.calendars["c"]
        assert "2025-07-30" == due(engine)


@pytest.mark.parametrize(
    "calendars,error,because",
    [
        ("c.toml", InvalidValue, "calendars: a list is needed"),
        (b"c.toml", InvalidValue, "calendars: a list is needed"),
        (Path("c.toml"), InvalidValue, "calendars: a list is needed"),
        (3, InvalidValue, "calendars: a list is needed"),
        (FIRST, InvalidValue, "calendars: a list is needed"),
        ([3], (InvalidValue, DefinitionError), "3"),
        ([None], (InvalidValue, DefinitionError), "None"),
        (["nowhere.toml"], (InvalidValue, DefinitionError), r"nowhere\.toml"),
    ],
)
def test_what_is_no_calendar_is_refused(calendars: Any, error: Any, because: str) -> None:
    """An engine is not opened with what is no list of calendars, or holds what is none."""
    with pytest.raises(error, match=because):
        Engine.open("memory:", calendars=calendars)


def test_last_version_is_in_force(clock: Any, boss: Actor) -> None:
    """Of several versions of a calendar the last that was given counts, and the others explain what they counted."""
    engine = open_engine(FIRST, SECOND, clock=clock)
    engine.start("p", "x", by=boss)

    assert SECOND == engine.calendars["c"]
    assert "2025-07-30" == due(engine)
    assert ("c", "2") == engine.get("x").deadlines["stage:draft"].calendar


def test_one_version_says_one_thing() -> None:
    """Two calendars of one id and version that differ are refused; the same one twice is not."""
    other = Calendar(id="c", version="1", holidays={"2025-07-29": "Another feast"})
    with pytest.raises(InvalidValue, match="two of id 'c' and version '1' differ; give the one that changed another"):
        open_engine(FIRST, other)

    assert FIRST == open_engine(FIRST, Calendar(id="c", version="1", holidays=FIRST.holidays)).calendars["c"]


def test_shipped_calendar_can_be_replaced_by_another_version_only() -> None:
    """A calendar under the id of a shipped one takes its place, unless it claims to be the same version."""
    shipped = builtin_calendar("indonesia")
    newer = Calendar(id="indonesia", version="mine")

    assert newer == open_engine(newer).calendars["indonesia"]
    with pytest.raises(InvalidValue, match=f"two of id 'indonesia' and version '{shipped.version}' differ"):
        open_engine(Calendar(id="indonesia", version=shipped.version))


def test_weekends_can_be_other_days(clock: Any, boss: Actor) -> None:
    """The calendar of a process that names none is `weekends`; another version of it can be handed over."""
    plain = process("weekends")
    engine = open_engine(Calendar(id="weekends", version="friday", weekend=(4, 5)), processes=[plain], clock=clock)
    engine.start("p", "x", by=boss)

    assert "2025-07-29" == due(engine)


@pytest.mark.parametrize(
    "named",
    [
        process("narnia", within=None),
        process("narnia"),
        process("weekends", within=workdays(3, calendar="narnia")),
        process("weekends", gate=document("plan", within=workdays(3, calendar="narnia"))),
        process("weekends", gate=all_of(document("plan"), document("map", within=workdays(3, calendar="narnia")))),
        process("weekends", within=None, term=Term(lasts=years(1, calendar="narnia"))),
        process(
            "weekends",
            within=None,
            term=Term(lasts=years(1)),
            renewal=Renewal("draft", window=workdays(5, calendar="narnia")),
        ),
        process(
            "weekends",
            within=None,
            term=Term(lasts=years(1)),
            renewal=Renewal("draft", term=Term(lasts=years(1, calendar="narnia"))),
        ),
        process("weekends", within=None, duties=[Duty("report", every=workdays(60, calendar="narnia"))]),
        process("weekends", within=None, duties=[Duty("report", within=workdays(60, calendar="narnia"))]),
    ],
    ids=["idle", "process", "stage", "requirement", "part", "term", "window", "new-term", "every", "within"],
)
def test_unknown_calendar_is_refused_at_the_start(named: Process, boss: Actor) -> None:
    """Nothing starts under a process that counts by a calendar the engine does not know, wherever it is named."""
    engine = Engine.open("memory:", processes=[named])

    with pytest.raises(NotFound) as raised:
        engine.start("p", "x", by=boss)

    assert str(raised.value) == (
        f"{named.pin} counts days by the calendar 'narnia', which this engine does not know; it knows indonesia, japan,"
        f" weekends; open it with calendars=[…], or with a plugin that brings it"
    )
    with pytest.raises(NotFound, match="no agreement 'x'"):
        engine.get("x")
    started = Engine.open("memory:", processes=[named], calendars=[Calendar(id="narnia", version="1")])
    assert "draft" == started.start("p", "x", by=boss).stage


def test_unknown_calendar_is_refused_when_a_process_changes(boss: Actor) -> None:
    """No agreement is migrated, nor a migration planned, to a process that counts by an unknown calendar."""
    newer = Process("p", "2", process().stages, calendar="narnia")
    engine = Engine.open("memory:", processes=[process("weekends"), newer])
    engine.start("p", "x", version="1", by=boss)

    with pytest.raises(NotFound, match="calendar 'narnia', which this engine does not know"):
        engine.migrate("x", newer, by=boss)
    with pytest.raises(NotFound, match="calendar 'narnia', which this engine does not know"):
        engine.plan_migration("p", newer, by=boss)
    assert 1 == engine.get("x").n


def test_process_can_hold_its_calendar(clock: Any, boss: Actor) -> None:
    """A calendar that is part of a process need not be known to the engine."""
    engine = open_engine(processes=[process(FIRST)], clock=clock)
    engine.start("p", "x", by=boss)

    assert "2025-07-30" == due(engine)
    assert "c" not in engine.calendars


def test_old_version_is_needed_to_explain(tmp_path: Path, clock: Any, boss: Actor) -> None:
    """What was counted by an earlier version is explained by that version, and asks for it where it is missing."""
    url = f"sqlite:///{tmp_path}/a.db"
    with Engine.open(url, processes=[process()], calendars=[FIRST], clock=clock) as engine:
        engine.start("p", "x", by=boss)
        before = engine.explain("x", "stage:draft")
    with Engine.open(url, processes=[process()], calendars=[FIRST, SECOND], clock=clock) as engine:
        assert "2025-07-30" == due(engine)
        assert before == engine.explain("x", "stage:draft")
    with (
        Engine.open(url, processes=[process()], calendars=[SECOND], clock=clock) as engine,
        pytest.raises(NotFound, match=r"counted by version '1' of the calendar 'c', which this engine does not know"),
    ):
        engine.explain("x", "stage:draft")


def test_shipped_version_explains_what_it_counted(clock: Any, tmp_path: Path, boss: Actor) -> None:
    """A date that was counted by a shipped calendar is explained by it, whatever has taken its place."""
    url = f"sqlite:///{tmp_path}/a.db"
    with Engine.open(url, processes=[process("indonesia")], clock=clock) as engine:
        engine.start("p", "x", by=boss)
        before = engine.explain("x", "stage:draft")
    newer = Calendar(id="indonesia", version="mine")
    with Engine.open(url, processes=[process("indonesia")], calendars=[newer], clock=clock) as engine:
        assert before == engine.explain("x", "stage:draft")


def test_calendar_of_a_definition_is_named_by_id(boss: Actor) -> None:
    """A definition that names a calendar is read before any engine knows it."""
    table = {
        "id": "q",
        "version": "1",
        "calendar": "narnia",
        "stages": [{"id": "a", "owner": "boss", "gate": {"unguarded": "a test"}}, {"id": "b", "owner": "boss"}],
    }
    read = load_process(table)

    assert ("narnia",) == read.calendars
    assert "narnia" == read.calendar
    with pytest.raises(NotFound, match="it knows indonesia, japan, weekends"):
        Engine.open("memory:", processes=[read]).start("q", "x", by=boss)
