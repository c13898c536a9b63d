from __future__ import annotations

import json
import locale
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stagegate import Calendar, DefinitionError, InvalidValue, load_calendar
from stagegate._calendars import WEEKENDS

THURSDAY, FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2025, 7, day) for day in (24, 25, 26, 27, 28))
FULL = Calendar(
    id="utopia",
    version="2025",
    weekend=["friday", "saturday"],
    holidays={date(2025, 7, 24): "Founding Day", "2025-07-27": "Feast"},
    working={date(2025, 7, 25): "made up for Founding Day", "2025-07-27": "the feast was moved"},
    first="2025-01-01",
    last=date(2025, 12, 31),
    basis="Act on Rest, Art 1",
)


class TestDays:
    """Which days count."""

    def test_weekend_does_not_count(self) -> None:
        """Saturday and Sunday are off unless a calendar says otherwise."""
        calendar = Calendar(id="c", version="1")

        assert [True, False, False, True] == [calendar.counts(day) for day in (FRIDAY, SATURDAY, SUNDAY, MONDAY)]
        assert ["", "Saturday", "Sunday", ""] == [calendar.off(day) for day in (FRIDAY, SATURDAY, SUNDAY, MONDAY)]

    def test_weekends_alone_are_a_calendar(self) -> None:
        """The calendar of week-ends has an id and a version, covers everything and knows no holiday."""
        assert ("weekends", "1") == (WEEKENDS.id, WEEKENDS.version)
        assert WEEKENDS.covers(date.min)
        assert WEEKENDS.covers(date.max)
        assert {} == WEEKENDS.holidays

    @pytest.mark.parametrize(
        "weekend", [[5, 4, 4], ["friday", "saturday"], ["Saturday", "FRIDAY"], (4, "saturday"), {4, 5}]
    )
    def test_other_weekends_are_possible(self, weekend: Any) -> None:
        """A place may rest on Friday and Saturday, said in names or numbers, in any order."""
        calendar = Calendar(id="c", version="1", weekend=weekend)

        assert (4, 5) == calendar.weekend
        assert [False, False, True] == [calendar.counts(day) for day in (FRIDAY, SATURDAY, SUNDAY)]

    def test_there_may_be_no_weekend(self) -> None:
        """A place may rest on no day of the week at all."""
        assert Calendar(id="c", version="1", weekend=()).counts(SUNDAY)

    def test_holidays_have_names(self) -> None:
        """A holiday is off by its name, written as a date or as text, also where it falls on a weekend."""
        calendar = Calendar(id="c", version="1", holidays={FRIDAY: "Rest", "2025-07-26": "Feast"})

        assert ["Rest", "Feast", "Sunday"] == [calendar.off(day) for day in (FRIDAY, SATURDAY, SUNDAY)]

    def test_working_days_count_all_the_same(self) -> None:
        """A day of the week-end or a holiday counts where the calendar gives a reason for it."""
        assert ["Founding Day", "", "Saturday", ""] == [FULL.off(day) for day in (THURSDAY, FRIDAY, SATURDAY, SUNDAY)]

    def test_names_of_weekdays_do_not_depend_on_the_locale(self) -> None:
        """The names of weekdays are English, whatever language the machine speaks."""
        before = locale.setlocale(locale.LC_TIME)
        try:
            for name in ("de_DE.UTF-8", "ja_JP.UTF-8", "C"):
                try:
                    locale.setlocale(locale.LC_TIME, name)
                except locale.Error:
                    continue
                assert "Saturday" == WEEKENDS.off(SATURDAY)
        finally:
            locale.setlocale(locale.LC_TIME, before)

    def test_calendar_says_which_days_it_is_certain_of(self) -> None:
        """A calendar covers the days from its first to its last; without them it has no such end."""
        assert [False, True, True, False] == [
            FULL.covers(day) for day in (date(2024, 12, 31), date(2025, 1, 1), date(2025, 12, 31), date(2026, 1, 1))
        ]
        assert Calendar(id="c", version="1", first="2025-01-01").covers(date.max)
        assert Calendar(id="c", version="1", last="2025-01-01").covers(date.min)

    def test_days_beyond_may_be_expected(self) -> None:
        """A holiday that is expected beyond the last certain day does not count either."""
        calendar = Calendar(id="c", version="1", holidays={MONDAY: "Feast (expected)"}, last=SUNDAY)

        assert ("Feast (expected)", False) == (calendar.off(MONDAY), calendar.covers(MONDAY))

    @pytest.mark.parametrize(
        "calendar",
        [WEEKENDS, FULL, Calendar(id="c", version="1", weekend=range(1, 7)), Calendar(id="c", version="1", weekend=())],
    )
    def test_tally_counts_the_days_that_count(self, calendar: Calendar) -> None:
        """From one day to the next the tally grows by one if that day counts, and not otherwise."""
        for day in (date(2025, 7, 1) + timedelta(days=n) for n in range(60)):
            grown = calendar.tally(day.toordinal()) - calendar.tally(day.toordinal() - 1)
            assert int(calendar.counts(day)) == grown


@pytest.mark.parametrize(
    "make, because",
    [
        (lambda: Calendar(id="", version="1"), "calendar.id: '' is no id"),
        (lambda: Calendar(id="c", version=1), "calendar.version: a text is needed"),
        (lambda: Calendar(id="c", version=" "), "calendar.version: a name or reason on one line"),
        (lambda: Calendar(id="c", version="1\n2"), "calendar.version: a name or reason on one line"),
        (lambda: Calendar(id="c", version="1", weekend=[7]), "calendar.weekend: weekdays are names"),
        (lambda: Calendar(id="c", version="1", weekend=["Sonntag"]), "not 'Sonntag'"),
        (lambda: Calendar(id="c", version="1", weekend=[True]), "not True"),
        (lambda: Calendar(id="c", version="1", weekend=5), "a list of weekdays is needed"),
        (lambda: Calendar(id="c", version="1", weekend="sunday"), "a list of weekdays is needed"),
        (lambda: Calendar(id="c", version="1", weekend=[[]]), "weekdays are names"),
        (lambda: Calendar(id="c", version="1", weekend=range(7)), "calendar.weekend: no day would ever count"),
        (lambda: Calendar(id="c", version="1", weekend=range(7), working={FRIDAY: "x"}), "no day would ever count"),
        (lambda: Calendar(id="c", version="1", holidays={"yesterday": "x"}), "calendar.holidays.yesterday: 'yesterday' is no date"),
        (lambda: Calendar(id="c", version="1", holidays={None: "x"}), "calendar.holidays.None: a date is needed"),
        (lambda: Calendar(id="c", version="1", holidays={FRIDAY: 3}), "calendar.holidays.2025-07-25: a text is needed"),
        (lambda: Calendar(id="c", version="1", holidays={FRIDAY: ""}), "calendar.holidays.2025-07-25: a name or reason"),
        (lambda: Calendar(id="c", version="1", holidays={FRIDAY: "x" * 201}), "201 characters"),
        (lambda: Calendar(id="c", version="1", holidays={FRIDAY: "x", "2025-07-25": "y"}), "2025-07-25 stands here twice"),
        (lambda: Calendar(id="c", version="1", holidays={datetime(2025, 7, 25, tzinfo=UTC): "x"}), "a date is needed"),
        (lambda: Calendar(id="c", version="1", holidays=["2025-07-25"]), "a table of texts by date is needed"),
        (lambda: Calendar(id="c", version="1", holidays=3), "a table of texts by date is needed"),
        (lambda: Calendar(id="c", version="1", working={FRIDAY: "x"}), "calendar.working.2025-07-25: this day counts anyway"),
        (lambda: Calendar(id="c", version="1", working={SATURDAY: None}), "calendar.working.2025-07-26: a text is needed"),
        (lambda: Calendar(id="c", version="1", first="soon"), "calendar.first: 'soon' is no date"),
        (lambda: Calendar(id="c", version="1", first=FRIDAY, last=THURSDAY), "calendar.last: the last day, 2025-07-24, lies before"),
        (lambda: Calendar(id="c", version="1", basis=None), "calendar.basis: a text is needed"),
    ],
)  # fmt: skip
def test_calendar_that_means_nothing_is_refused(make: Callable[[], Calendar], because: str) -> None:
    """A weekday, a date, a name that is none is refused, and so is what contradicts itself, each under its path."""
    with pytest.raises(InvalidValue) as refused:
        make()

    assert str(refused.value).startswith("calendar.")
    assert because in str(refused.value)


def test_all_that_is_wrong_with_a_calendar_is_said_at_once() -> None:
    """Every fault is told, also those of several days of one table."""
    with pytest.raises(InvalidValue) as refused:
        Calendar(
            id="?", version="1", holidays={"x": "y", FRIDAY: ""}, working={SATURDAY: ""}, first=FRIDAY, last=THURSDAY
        )

    for path in (
        "calendar.id",
        "calendar.holidays.x",
        "calendar.holidays.2025-07-25",
        "calendar.working.2025-07-26",
        "calendar.last",
    ):
        assert f"{path}: " in str(refused.value)


class TestAmending:
    """What a decree does to a calendar."""

    def test_more_holidays(self) -> None:
        """A decree adds a day off; the calendar before it stays as it is, and the two are told apart."""
        decree = WEEKENDS.amended("2", holidays={FRIDAY: "Joint leave"}, basis="Decree 1", last="2025-12-31")

        assert ("Joint leave", "") == (decree.off(FRIDAY), WEEKENDS.off(FRIDAY))
        assert ("weekends", "2", "Decree 1", date(2025, 12, 31)) == (
            decree.id,
            decree.version,
            decree.basis,
            decree.last,
        )
        assert decree.digest != WEEKENDS.digest

    def test_what_is_not_said_stays(self) -> None:
        """Week-end, first and last day, basis and all the other days are those of the calendar before."""
        decree = FULL.amended("2026", holidays={MONDAY: "Rest"})

        assert {
            **FULL.to_data(),
            "version": "2026",
            "holidays": {**FULL.holidays, "2025-07-28": "Rest"},
        } == decree.to_data()

    def test_more_working_days(self) -> None:
        """A decree makes a holiday or a Saturday a working day, and the reason is kept."""
        decree = FULL.amended(
            "2026", working={THURSDAY: "moved to Monday", SATURDAY: "made up"}, holidays={MONDAY: "Moved"}
        )

        assert ["", "", "Moved"] == [decree.off(day) for day in (THURSDAY, SATURDAY, MONDAY)]
        assert "moved to Monday" == decree.working["2025-07-24"]

    def test_a_decree_can_be_taken_back(self) -> None:
        """A working day becomes a holiday, and a working day again."""
        taken_back = FULL.amended("2", holidays={SUNDAY: "Feast after all", FRIDAY: "Rest"})
        again = taken_back.amended("3", working={SUNDAY: "no feast after all"})

        assert ["Feast after all", "Rest"] == [taken_back.off(day) for day in (SUNDAY, FRIDAY)]
        assert {} == taken_back.working
        assert ["", "Rest"] == [again.off(day) for day in (SUNDAY, FRIDAY)]

    @pytest.mark.parametrize(
        "about, because",
        [
            ({"version": "2025"}, "calendar.version: the amended calendar needs another version than '2025'"),
            ({"version": ""}, "calendar.version: a name or reason"),
            ({"holidays": {THURSDAY: "Rest"}}, "calendar.holidays.2025-07-24: it is a holiday already: 'Founding Day'"),
            ({"working": {MONDAY: "x"}}, "calendar.working.2025-07-28: this day counts already"),
            ({"working": {FRIDAY: "x"}}, "calendar.working.2025-07-25: this day counts already"),
            (
                {"working": {MONDAY: "x"}, "holidays": {MONDAY: "y"}},
                "calendar.working.2025-07-28: the same day stands among the holidays",
            ),
            ({"holidays": [MONDAY]}, "calendar.holidays: a table"),
            ({"working": {"x": "y"}}, "calendar.working.x: 'x' is no date"),
            ({"last": "2024-01-01"}, "calendar.last: the last day"),
        ],
    )
    def test_what_changes_nothing_is_refused(self, about: dict[str, Any], because: str) -> None:
        """A version that is the same, a holiday that is one already, a working day that counts already are refused."""
        with pytest.raises(InvalidValue) as refused:
            FULL.amended(**{"version": "2026", **about})

        assert because in str(refused.value)


class TestData:
    """Calendars as tables and files."""

    def test_canonical_form(self) -> None:
        """What is at its default is left out, weekdays are named, days are sorted ISO dates."""
        assert {"id": "weekends", "version": "1", "basis": "Saturdays and Sundays only"} == WEEKENDS.to_data()
        assert {"id": "c", "version": "1", "weekend": []} == Calendar(id="c", version="1", weekend=()).to_data()
        assert {
            "id": "utopia",
            "version": "2025",
            "weekend": ["friday", "saturday"],
            "holidays": {"2025-07-24": "Founding Day", "2025-07-27": "Feast"},
            "working": {"2025-07-25": "made up for Founding Day", "2025-07-27": "the feast was moved"},
            "first": "2025-01-01",
            "last": "2025-12-31",
            "basis": "Act on Rest, Art 1",
        } == FULL.to_data()

    def test_written_and_read(self) -> None:
        """A calendar that is read from its canonical form is the same, with the same digest."""
        for calendar in (WEEKENDS, FULL, Calendar(id="c", version="1", weekend=())):
            again = Calendar.from_data(json.loads(json.dumps(calendar.to_data())))
            assert (calendar, calendar.digest, hash(calendar)) == (again, again.digest, hash(again))

    def test_digest_is_over_the_content(self) -> None:
        """The same days in another order have the same digest; another name of a day has another."""
        days = {"2025-07-25": "a", "2025-07-28": "b"}
        one = Calendar(id="c", version="1", holidays=days)
        other = Calendar(id="c", version="1", holidays=dict(reversed(days.items())))

        assert one.digest == other.digest
        assert one.digest != Calendar(id="c", version="1", holidays={**days, "2025-07-28": "c"}).digest

    TOML = """
    id = "utopia"
    version = "2025"
    weekend = ["friday", "saturday"]
    first = 2025-01-01
    last = 2025-12-31
    basis = "Act on Rest, Art 1"

    [holidays]
    2025-07-24 = "Founding Day"
    2025-07-27 = "Feast"

    [working]
    2025-07-25 = "made up for Founding Day"
    "2025-07-27" = "the feast was moved"
    """

    def test_from_toml(self, tmp_path: Path) -> None:
        """A calendar is read from a TOML text, a file or a table, a JSON file too, always with the same digest."""
        toml, written = tmp_path / "utopia.toml", tmp_path / "utopia.json"
        toml.write_text(self.TOML, encoding="utf-8")
        written.write_text(json.dumps(FULL.to_data()), encoding="utf-8")

        assert {FULL.digest} == {
            load_calendar(source).digest for source in (self.TOML, toml, str(toml), written, FULL.to_data())
        }

    def test_all_faults_of_a_file_are_told_at_once(self, tmp_path: Path) -> None:
        """What is unknown, missing or wrong in a file is told at once, each with its path and the name of the file."""
        file = tmp_path / "wrong.toml"
        file.write_text(
            'id = "no id"\nholydays = {}\nweekend = ["sonntag"]\n[holidays]\n2025-13-01 = "x"\n2025-07-25 = ""\n',
            "utf-8",
        )
        with pytest.raises(DefinitionError) as refused:
            load_calendar(file)

        paths = {path for path, _ in refused.value.faults}
        assert {"holydays", "version", "id", "weekend", "holidays.2025-13-01", "holidays.2025-07-25"} == paths
        assert str(file) == refused.value.source

    @pytest.mark.parametrize(
        "source, because",
        [
            ({"id": "c", "version": "1", 3: 4}, "3: unknown key; known are basis, first, holidays, id, last"),
            ({"id": "c"}, "version: missing"),
            ("[1, 2]\n", "it is not TOML"),
            ('{"id": 1, "id": 2}', "stands twice"),
            (3, "a path, a text or a table is needed"),
            ("nowhere.toml", "it cannot be read"),
        ],
    )
    def test_what_is_no_calendar_is_refused(self, source: Any, because: str) -> None:
        """A source that holds no calendar is refused, and it says why."""
        with pytest.raises(DefinitionError) as refused:
            load_calendar(source)

        assert because in str(refused.value)

    def test_what_is_no_table_is_refused(self, tmp_path: Path) -> None:
        """A JSON file that holds a list holds no calendar."""
        file = tmp_path / "list.json"
        file.write_text("[1]", encoding="utf-8")
        with pytest.raises(DefinitionError, match="a table is needed, not"):
            load_calendar(file)
