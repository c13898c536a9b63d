from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from stagegate import Calendar, InvalidValue

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2025, 7, day) for day in (25, 26, 27, 28))


def test_weekend_does_not_count() -> None:
    """Saturday and Sunday are off unless a calendar says otherwise."""
    calendar = Calendar(id="c", version="1")

    assert [True, False, False, True] == [calendar.counts(day) for day in (FRIDAY, SATURDAY, SUNDAY, MONDAY)]
    assert ["", "Saturday", "Sunday", ""] == [calendar.off(day) for day in (FRIDAY, SATURDAY, SUNDAY, MONDAY)]


def test_other_weekends_are_possible() -> None:
    """A place may rest on Friday and Saturday, or on no day at all."""
    assert [False, False, True] == [
        Calendar(id="c", version="1", weekend=[5, 4, 4]).counts(day) for day in (FRIDAY, SATURDAY, SUNDAY)
    ]
    assert Calendar(id="c", version="1", weekend=()).counts(SUNDAY)


def test_holidays_have_names() -> None:
    """A holiday is off by its name, written as a date or as text, also where it falls on a weekend."""
    calendar = Calendar(id="c", version="1", holidays={FRIDAY: "Rest", "2025-07-26": "Feast"})

    assert ["Rest", "Feast", "Sunday"] == [calendar.off(day) for day in (FRIDAY, SATURDAY, SUNDAY)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Calendar(id="", version="1"),
        lambda: Calendar(id="c", version=1),
        lambda: Calendar(id="c", version="1", weekend=[7]),
        lambda: Calendar(id="c", version="1", weekend=["Sonntag"]),
        lambda: Calendar(id="c", version="1", weekend=[True]),
        lambda: Calendar(id="c", version="1", weekend=5),
        lambda: Calendar(id="c", version="1", holidays={"yesterday": "x"}),
        lambda: Calendar(id="c", version="1", holidays={None: "x"}),
        lambda: Calendar(id="c", version="1", holidays={FRIDAY: 3}),
        lambda: Calendar(id="c", version="1", holidays={datetime(2025, 7, 25, tzinfo=UTC): "x"}),
        lambda: Calendar(id="c", version="1", holidays=["2025-07-25"]),
        lambda: Calendar(id="c", version="1", holidays=3),
    ],
)
def test_calendar_that_means_nothing_is_refused(make: Callable[[], Calendar]) -> None:
    """A weekday or a date that is none is refused."""
    with pytest.raises(InvalidValue, match="calendar"):
        make()
