"""A deadline that runs: what it says of itself, and how it is kept."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import attrs
import pytest

from stagegate import Calendar, Deadline, calendar_days, months, workdays
from stagegate._calendars import WEEKENDS
from stagegate._text import frozendict

DAY = date(2025, 7, 24)
AT, EARLY = datetime(2025, 8, 1, tzinfo=UTC), datetime(2025, 7, 30, tzinfo=UTC)


def deadline(**about: Any) -> Deadline:
    """Return a deadline of five workdays."""
    given = {
        "key": "stage:work",
        "rule": frozendict({"workdays": 5}),
        "start": DAY,
        "date": date(2025, 7, 31),
        "at": AT,
    }
    return Deadline(**{**given, "calendar": ("weekends", "1"), **about})


EVERY = deadline(
    certain=False,
    pauses=((date(2025, 7, 25), date(2025, 7, 28)),),
    paused_on=date(2025, 7, 30),
    away=True,
    remind_at=(datetime(2025, 7, 30, tzinfo=UTC), datetime(2025, 7, 31, tzinfo=UTC)),
    overdue=True,
    round=3,
)


class TestWritten:
    """As plain data."""

    @pytest.mark.parametrize(
        "one",
        [
            deadline(),
            EVERY,
            deadline(date=None, at=None, paused_on=DAY),
            deadline(key="term", rule=frozendict({"until": "pact.valid_until"}), calendar=("", "")),
            deadline(rule=frozendict({"months": 2, "since": "fact:x", "on_hold": "run"})),
        ],
        ids=["plain", "every", "paused", "point", "options"],
    )
    def test_is_read_back(self, one: Deadline) -> None:
        """What is written of a deadline is read as the same, through JSON as well."""
        assert one == Deadline.from_data(one.to_data())
        assert one == Deadline.from_data(json.loads(json.dumps(one.to_data())))

    def test_every_field_is_written(self) -> None:
        """No field is lost: each that is not at its default makes the data other."""
        plain = deadline(remind_at=())
        for field in attrs.fields(Deadline):
            changed = attrs.evolve(plain, **{field.name: getattr(EVERY, field.name)})
            assert (changed == plain) == (changed.to_data() == plain.to_data()), field.name

    def test_what_is_at_its_default_is_left_out(self) -> None:
        """Only what there is to say is written."""
        assert {"key", "rule", "start", "date", "at", "calendar"} == set(deadline().to_data())
        assert {"key", "rule", "start"} == set(deadline(date=None, at=None, calendar=("", "")).to_data())

    def test_form(self) -> None:
        """Days and instants are written as ISO 8601 has them."""
        assert {
            "key": "stage:work",
            "rule": {"workdays": 5},
            "start": "2025-07-24",
            "date": "2025-07-31",
            "at": "2025-08-01T00:00:00.000000Z",
            "calendar": ("weekends", "1"),
            "uncertain": True,
            "pauses": [["2025-07-25", "2025-07-28"]],
            "paused_on": "2025-07-30",
            "away": True,
            "remind_at": ["2025-07-30T00:00:00.000000Z", "2025-07-31T00:00:00.000000Z"],
            "overdue": True,
            "round": 3,
        } == EVERY.to_data()


class TestSays:
    """What it says of itself."""

    @pytest.mark.parametrize(
        "key, kind, subject",
        [
            ("stage:council", "stage", "council"),
            ("requirement:any(fact:a, fact:b)", "requirement", "any(fact:a, fact:b)"),
            ("duty:report", "duty", "report"),
            ("term", "term", ""),
        ],
    )
    def test_kind_and_subject(self, key: str, kind: str, subject: str) -> None:
        """The key says what kind of thing is due, and which."""
        assert (kind, subject) == (deadline(key=key).kind, deadline(key=key).subject)

    @pytest.mark.parametrize(
        "about, expected",
        [
            ({}, AT),
            ({"overdue": True}, None),
            ({"date": None, "at": None}, None),
            ({"remind_at": (EARLY, AT)}, EARLY),
            ({"overdue": True, "remind_at": (AT,)}, AT),
        ],
        ids=["date", "said", "still", "reminder", "said-with-reminder"],
    )
    def test_wakes_at(self, about: dict[str, Any], expected: datetime | None) -> None:
        """It wakes for its next reminder, then for its end, and never again once that was said."""
        assert expected == deadline(**about).wakes_at

    def test_period(self) -> None:
        """The period it comes from, with all that was said of it; none for a date that was taken as it is."""
        said = calendar_days(5, since="fact:x", roll="next", on_hold="run", calendar="land")

        assert said == deadline(rule=frozendict(said.to_data())).period
        assert deadline(rule=frozendict({"until": "fact:x"})).period is None


class TestReckonedAgain:
    """The reckoning behind its date."""

    def test_due(self) -> None:
        """It can be reckoned again, with its pauses, for its explanation."""
        one = deadline(pauses=((date(2025, 7, 25), date(2025, 7, 29)),))
        due = one.due(WEEKENDS, UTC)

        assert due is not None
        assert workdays(5).due(DAY, pauses=one.pauses).date == due.date == date(2025, 8, 4)

    @pytest.mark.parametrize(
        "about", [{"date": None}, {"rule": frozendict({"until": "fact:x"})}], ids=["still", "point"]
    )
    def test_nothing_to_reckon(self, about: dict[str, Any]) -> None:
        """There is nothing to reckon where it stands still, or is a date that was taken as it is."""
        assert deadline(**about).due(WEEKENDS, UTC) is None

    def test_round_of_a_duty(self) -> None:
        """What is owed again and again is counted from the same start, as many periods as it is owed for."""
        one = deadline(key="duty:report", rule=frozendict({"months": 12}), round=3)
        due = one.due(WEEKENDS, UTC)

        assert due is not None
        assert months(36).due(DAY).date == due.date

    def test_calendar(self) -> None:
        """It is reckoned by the calendar that is handed over."""
        due = deadline().due(Calendar(id="land", version="1", holidays={"2025-07-25": "a feast"}), UTC)

        assert due is not None
        assert date(2025, 8, 1) == due.date
