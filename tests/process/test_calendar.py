"""The legal clock of a city council by the calendar of its country, and what a decree in mid-year does to it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stagegate import Actor, Document, Engine, GateClosed, builtin_calendar, load_process
from stagegate.testing import ManualClock

CITY = Actor(id="kerjasama-01", roles={"cooperation_section"})
LETTER = Document.from_bytes(b"The request to the council", kind="council_request_letter", received_on="2025-07-24")
KEY = "stage:council"
DEFINITION = """
id = "council"
version = "1"
zone = "Asia/Jakarta"
calendar = "indonesia"

[[stages]]
id = "request"
owner = "cooperation_section"
gate = { document = "council_request_letter" }

[[stages]]
id = "council"
owner = "cooperation_section"
gate = { document = "council_decision", basis = "Permendagri 25/2020" }
within = { workdays = 45, since = "council_request_letter.received_on" }

[[stages]]
id = "signing"
owner = "cooperation_section"
"""
SHIPPED = builtin_calendar("indonesia")
DECREE = SHIPPED.amended(
    f"{SHIPPED.version}, decree of 1 September 2025",
    holidays={date(2025, 9, 8): "Cuti Bersama Maulid Nabi Muhammad"},
)


@pytest.fixture
def clock() -> ManualClock:
    """Stand in Jakarta, in the morning of the day on which the letter is received."""
    return ManualClock(datetime(2025, 7, 24, 2, tzinfo=UTC))


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Keep the histories where the next engine finds them."""
    return f"sqlite:///{tmp_path}/council.db"


def opened(url: str, clock: ManualClock, *calendars: object) -> Engine:
    """Return an engine on the same histories, with the calendars of its day."""
    from tomllib import loads

    return Engine.open(url, processes=[load_process(loads(DEFINITION))], calendars=calendars, clock=clock)  # type: ignore[arg-type]


def requested(engine: Engine) -> None:
    """Bring an agreement before the council."""
    engine.start("council", "bekasi-izumisano", title="Bekasi – Izumisano", by=CITY)
    engine.attach("bekasi-izumisano", LETTER, by=CITY)
    engine.advance("bekasi-izumisano", by=CITY)


def test_council_has_45_working_days_of_indonesia(url: str, clock: ManualClock) -> None:
    """The shipped calendar leaves out week-ends, the joint leave of 18 August and the holiday of 5 September, and says so."""
    with opened(url, clock) as engine:
        requested(engine)
        deadline = engine.get("bekasi-izumisano").deadlines[KEY]
        said = "\n".join(engine.explain("bekasi-izumisano", KEY))

    assert date(2025, 9, 29) == deadline.date
    assert datetime(2025, 9, 29, 17, tzinfo=UTC) == deadline.at
    assert (("indonesia", "2024-2026"), True) == (deadline.calendar, deadline.certain)
    for on, name in (
        ("2025-08-18", "Cuti Bersama Hari Kemerdekaan Republik Indonesia"),
        ("2025-09-05", "Maulid Nabi Muhammad"),
    ):
        assert any(on in line and name in line for line in said.splitlines()), said


def test_decree_moves_nothing_until_it_is_reckoned_again(url: str, clock: ManualClock) -> None:
    """A new version of the calendar moves no date; `recompute` does, once, and its event has the old and the new date."""
    with opened(url, clock) as engine:
        requested(engine)
    clock.set(datetime(2025, 9, 2, 2, tzinfo=UTC))
    with opened(url, clock, DECREE) as engine:
        before = engine.get("bekasi-izumisano")
        assert date(2025, 9, 29) == before.deadlines[KEY].date
        assert "2025-09-08" not in "\n".join(engine.explain(before, KEY))

        after = engine.recompute(before, by=CITY)
        event = engine.history(after)[-1]

        assert (before.n + 1, "reckoned", "recompute") == (event.n, event.kind, event.move)
        (changed,) = event.data["due"]
        assert (KEY, "2025-09-29", "2025-09-30") == (changed["key"], changed["was"], changed["date"])
        assert ("indonesia", DECREE.version) == tuple(changed["calendar"])
        assert date(2025, 9, 30) == after.deadlines[KEY].date
        assert "Cuti Bersama Maulid Nabi Muhammad" in "\n".join(engine.explain(after, KEY))
        assert after == engine.recompute(after, by=CITY)
        assert engine.verify().ok


def test_date_passes_at_midnight_in_jakarta(url: str, clock: ManualClock) -> None:
    """The council is late from the first moment of the day after, in its own zone, by the date that was reckoned."""
    with opened(url, clock) as engine:
        requested(engine)
        clock.set(datetime(2025, 9, 29, 16, 59, 59, tzinfo=UTC))
        engine.sweep()
        assert not engine.get("bekasi-izumisano").deadlines[KEY].overdue
        clock.set(datetime(2025, 9, 29, 17, tzinfo=UTC))
        engine.sweep()
        late = engine.get("bekasi-izumisano")
        assert late.deadlines[KEY].overdue
        with pytest.raises(GateClosed):
            engine.advance(late, by=CITY)
        assert engine.verify().ok
