"""A notice that must be there long enough before what it announces."""

from __future__ import annotations

from typing import Any

import pytest

from stagegate import (
    Actor,
    Calendar,
    DefinitionError,
    Document,
    Engine,
    MemoryStore,
    Process,
    Requirement,
    Stage,
    Unmet,
    document,
    fact,
    load_process,
    notice,
)
from stagegate.testing import ManualClock

BOSS = Actor(id="ann", roles={"boss"})


class Play:
    """An agreement before a gate that asks a notice."""

    def __init__(self, gate: Requirement, **process: Any) -> None:
        stages = [Stage("draft", owner="boss", gate=gate), Stage("done", owner="boss")]
        land = Calendar(id="land", version="1", holidays={"2025-07-28": "a feast"})
        made = Process("play", "1", stages, **process)
        self.engine = Engine(MemoryStore(), processes=[made], calendars=[land], clock=ManualClock())
        self.engine.start("play", "deal", by=BOSS)

    def file(self, kind: str, **dates: Any) -> Play:
        """File a document."""
        self.engine.attach("deal", Document.from_bytes(b"x", kind=kind, **dates), by=BOSS)
        return self

    def record(self, value: Any) -> Play:
        """Record the day of the event."""
        self.engine.record("deal", "opening", value, by=BOSS)
        return self

    @property
    def unmet(self) -> tuple[Unmet, ...]:
        """What shuts the gate."""
        return self.engine.options("deal", by=BOSS)[0].unmet

    @property
    def codes(self) -> list[str]:
        """The codes of that."""
        return [why.code for why in self.unmet]


def play(**asks: Any) -> Play:
    """Return an agreement that asks a letter so long before the opening."""
    return Play(notice("letter", before="fact:opening", **asks))


class TestReasons:
    """What a notice lacks."""

    def test_not_there(self) -> None:
        """A notice that is not there is a missing document, whatever it would announce."""
        assert ["document.missing"] == play(days=7).codes
        assert ["document.missing"] == play(days=7).record("2025-08-01").codes

    def test_without_a_date(self) -> None:
        """A notice of which nobody knows when it came proves nothing."""
        (why,) = play(days=7).record("2025-08-01").file("letter").unmet

        assert ("document.undated", {"document": "letter", "field": "received_on"}) == (why.code, dict(why.params))

    def test_without_an_event(self) -> None:
        """Of what has no date nobody knows whether a notice came in time."""
        (why,) = play(days=7).file("letter", dated="2025-07-01").unmet

        assert ("notice.event", {"document": "letter", "event": "fact:opening"}) == (why.code, dict(why.params))
        assert "the notice letter announces fact:opening, which has no date" == why.text()

    def test_all_at_once(self) -> None:
        """What it lacks is said at once."""
        assert ["document.undated", "notice.event"] == play(days=7).file("letter").codes

    @pytest.mark.parametrize("value", [3, "soon", "2025-13-01", None, {"day": "2025-08-01"}], ids=repr)
    def test_event_that_is_no_date(self, value: Any) -> None:
        """What is no date is no day on which something takes place."""
        assert ["notice.event"] == play(days=7).file("letter", dated="2025-07-01").record(value).codes

    @pytest.mark.parametrize("given, codes", [("2025-07-25", []), ("2025-07-26", ["notice.late"])])
    def test_days(self, given: str, codes: list[str]) -> None:
        """Seven days before 1 August is 25 July, and not a day later."""
        assert codes == play(days=7).file("letter", dated=given).record("2025-08-01").codes

    @pytest.mark.parametrize("given, codes", [("2025-07-28", []), ("2025-07-29", ["notice.late"])])
    def test_workdays(self, given: str, codes: list[str]) -> None:
        """Four workdays after Monday 28 July it is Friday 1 August."""
        assert codes == play(workdays=4).file("letter", dated=given).record("2025-08-01").codes

    def test_late_says_by_when(self) -> None:
        """A late notice is refused with the day it is of, and the last day that would have done."""
        (why,) = play(days=7).file("letter", dated="2025-07-28").record("2025-08-01").unmet

        assert {"document": "letter", "date": "2025-07-28", "latest": "2025-07-25", "event": "2025-08-01"} == why.params
        assert "the notice letter is of 2025-07-28; for 2025-08-01 it had to be there by 2025-07-25" == why.text()

    def test_arrival_goes_before_the_date_it_bears(self) -> None:
        """What counts is the day it arrived, where that is known."""
        late = play(days=7).file("letter", dated="2025-07-01", received_on="2025-07-28").record("2025-08-01")
        in_time = play(days=7).file("letter", dated="2025-07-28", received_on="2025-07-01").record("2025-08-01")

        assert ["notice.late"] == late.codes
        assert [] == in_time.codes

    def test_workdays_of_the_calendar(self) -> None:
        """Workdays are those of the calendar of the process."""
        asked = notice("letter", before="fact:opening", workdays=4)
        there = Play(asked, calendar="land").file("letter", dated="2025-07-28").record("2025-08-01")

        assert ["notice.late"] == there.codes

    @pytest.mark.parametrize("before", ["event", "event.dated"])
    def test_date_of_a_document(self, before: str) -> None:
        """What it announces can be a document; its bare name means the date it bears."""
        it = Play(notice("letter", before=before, days=7)).file("letter", dated="2025-07-25")
        missing = it.codes
        it.file("event", dated="2025-07-31")

        assert ["notice.event"] == missing
        assert ["notice.late"] == it.codes

    def test_out_of_time(self) -> None:
        """A day so early that nothing lies before it refuses; it breaks nothing."""
        it = play(days=7).file("letter", dated="0001-01-01").record("0001-01-02")

        assert ["guard.error"] == it.codes

    def test_bears_what_is_said_of_it(self) -> None:
        """Its reasons carry its id, its rule and who can mend it, as those of any requirement."""
        (why,) = play(days=7, id="N1", basis="Rule 5", fix_by="clerk").unmet

        assert ("N1", "Rule 5", ("clerk",)) == (why.requirement, why.basis, why.fix_by)

    def test_composes(self) -> None:
        """It is asked inside others like any requirement."""
        asked = notice("letter", before="fact:opening", days=7)

        assert [] == Play(~asked).codes
        assert ["any"] == Play(asked | fact("y")).codes


class TestDefinition:
    """How it is written."""

    @pytest.mark.parametrize(
        "asked, table",
        [
            (notice("letter", before="event", days=7), {"notice": "letter", "before": "event.dated", "days": 7}),
            (notice("letter", before="event.dated", days=7), {"notice": "letter", "before": "event", "days": 7}),
            (
                notice("letter", before="fact:x", workdays=3, id="N1", basis="Rule 5", within="1 year"),
                {
                    "notice": "letter", "before": "fact:x", "workdays": 3, "id": "N1", "basis": "Rule 5",
                    "within": {"years": 1},
                },
            ),
        ],
        ids=["name", "point", "fact"],
    )  # fmt: skip
    def test_says_the_same_from_python_and_a_table(self, asked: Requirement, table: dict[str, Any]) -> None:
        """Python and a table say the same, and what is written is read back."""
        stages = [{"id": "a", "owner": "b", "gate": table}, {"id": "c", "owner": "b"}]
        read = load_process({"id": "p", "version": "1", "stages": stages}).stages[0].gate

        assert asked == read
        assert (
            asked.to_data()
            == load_process({"id": "p", "version": "1", "stages": [{**stages[0], "gate": asked.to_data()}, stages[1]]})
            .stages[0]
            .gate.to_data()
        )  # type: ignore[union-attr]

    def test_name(self) -> None:
        """It is called by what it asks for, unless it has an id."""
        assert "notice:letter" == notice("letter", before="x", days=1).name
        assert "N1" == notice("letter", before="x", days=1, id="N1").name

    @pytest.mark.parametrize(
        "asks, path, said",
        [
            ({}, "days", "either in days or in workdays"),
            ({"days": 1, "workdays": 1}, "days", "either in days or in workdays"),
            ({"days": 0}, "days", "a whole number from 1"),
            ({"days": True}, "days", "a whole number from 1"),
            ({"workdays": "3"}, "workdays", "a whole number from 1"),
            ({"days": 10**9}, "days", "are too many; 100,000 are the most"),
            ({"workdays": 100_001}, "workdays", "are too many; 100,000 are the most"),
            ({"days": 1, "before": "letter"}, "before", "before something else, not before itself"),
            ({"days": 1, "before": "letter.received_on"}, "before", "not before itself"),
            ({"days": 1, "before": ""}, "before", "no id"),
            ({"days": 1, "before": "x.y"}, "before", "names no date"),
            ({"days": 1, "before": 3}, "before", "a text is needed"),
            ({"days": 1, "after": "x"}, "after", "unknown"),
        ],
        ids=range(13),
    )
    def test_faults(self, asks: dict[str, Any], path: str, said: str) -> None:
        """What could never be in time, or says too much or too little, is refused under its argument."""
        with pytest.raises(DefinitionError) as faulty:
            notice("letter", **{"before": "event", **asks})

        assert [path] == [where for where, _ in faulty.value.faults]
        assert said in str(faulty.value)

    def test_faults_of_the_kind(self) -> None:
        """The kind of the notice is a kind of document."""
        with pytest.raises(DefinitionError, match="notice: 'a b' is no id"):
            notice("a b", before="x", days=1)

    def test_is_not_the_document_alone(self) -> None:
        """A notice asks more than that the document is there."""
        it = Play(document("letter") & notice("letter", before="fact:opening", days=7))

        assert ["document.missing", "document.missing"] == it.codes
        assert ["notice.event"] == it.file("letter", dated="2025-07-01").codes
