"""What is due, what the passing of time brings, and the life after signing, on the command line."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

MAYOR = ("--as", "tri", "--role", "mayor")
COUNCIL = ("--as", "secretary", "--role", "council")
OFFICE = ("--as", "clerk", "--role", "office")
WIB = timezone(timedelta(hours=7))


def rows(printed: str) -> list[list[str]]:
    """Return the columns of every line."""
    return [line.split("\t") for line in printed.splitlines()]


def left(day: str) -> int:
    """Return how many days it is to a day, where the process runs."""
    return (date.fromisoformat(day) - datetime.now(UTC).astimezone(WIB).date()).days


def kinds(shell: Any, agreement: str = "tie") -> list[str]:
    """Return the kinds of the events of an agreement."""
    return [event["kind"] for event in shell.data("history", agreement)["events"]]


class TestCalendars:
    """`--calendar`."""

    def test_calendar_of_a_file(self, tie: Any) -> None:
        """A calendar that is handed over counts the days of the process that names it."""
        tie.asked()

        assert ["stage:council", "2025-01-15"] == rows(tie.done("deadlines", "tie"))[1][:2]

    def test_several_and_the_last_is_in_force(self, tie: Any) -> None:
        """It may be repeated: the last of an id is in force, the others explain what was counted by them."""
        tie.asked()
        Path("later.toml").write_text('id = "town"\nversion = "2"\nholidays = { 2025-01-10 = "Rain" }\n')
        tie.done("--calendar", "later.toml", "start", "tie", "other", *MAYOR)
        printed = tie.done("--calendar", "later.toml", "deadlines", "tie", "stage:council")

        assert "explain\tThursday 2025-01-09 does not count: Town day\n" in printed

    def test_environment(self, tie: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Calendars can be named once, in the environment, several of them as in PATH."""
        Path("other.json").write_text('{"id": "other", "version": "1"}')
        monkeypatch.setenv("STAGEGATE_CALENDAR", os.pathsep.join(["other.json", "town.toml"]))
        tie.calendar = None
        tie.asked()

        assert "town 1" == rows(tie.done("deadlines", "tie"))[1][5]

    def test_calendar_that_is_not_there(self, tie: Any) -> None:
        """A process whose calendar nobody has begins, but nothing is counted by guess."""
        tie.calendar = None
        result = tie("lint", "tie.toml")

        assert (2, "") == (result.exit_code, result.stderr)
        assert result.stdout.startswith("tie.toml: calendar: there is no calendar 'town'; there are ")

    @pytest.mark.parametrize(
        "content,said",
        [("id = 1\nversion = 'x'", "id"), ("nonsense", ""), ('id = "x"\nversion = "1"\nweek_end = []', "week_end")],
    )
    def test_faulty_calendar(self, tie: Any, content: str, said: str) -> None:
        """A file that is no calendar is told with what is wrong, and nothing is done."""
        Path("bad.toml").write_text(content)
        result = tie("--calendar", "bad.toml", "start", "tie", "x", *MAYOR)

        assert (2, "") == (result.exit_code, result.stdout)
        assert "bad.toml" in result.stderr
        assert said in result.stderr
        assert "Traceback" not in result.stderr

    def test_missing_calendar(self, tie: Any) -> None:
        """A file that is not there is wrong usage."""
        result = tie("--calendar", "none.toml", "start", "tie", "x", *MAYOR)

        assert (2, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))


class TestDeadlines:
    """`deadlines`."""

    def test_a_line_a_deadline(self, tie: Any) -> None:
        """A pipe gets a line for each, the nearest first: what, when, how it is, days left, rule, calendar, from when."""
        tie.asked()
        first, second = rows(tie.done("deadlines", "tie"))

        assert ["requirement:approval:office", "2025-01-11", "passed", str(left("2025-01-11"))] == first[:4]
        assert ["3 calendar days", "town 1", "2025-01-08", ""] == first[4:]
        assert ["stage:council", "2025-01-15", "passed", str(left("2025-01-15"))] == second[:4]
        assert ["5 workdays since letter.received_on", "town 1", "2025-01-07", ""] == second[4:]

    def test_nothing_due(self, tie: Any) -> None:
        """Where nothing is due, nothing is told, and that is no error."""
        tie.done("start", "tie", "tie", *MAYOR)

        assert "" == tie.done("deadlines", "tie")
        assert [] == tie.data("deadlines", "tie")["deadlines"]

    def test_how_it_came_about(self, tie: Any) -> None:
        """Asked for one, it tells every day that did not count with its name, and the calendar."""
        tie.asked()
        said = rows(tie.done("deadlines", "tie", "stage:council"))

        assert ["what", "due", "state", "days", "rule", "calendar", "counts_from"] == [row[0] for row in said[:7]]
        assert [
            "5 workdays from Tuesday 2025-01-07, not counting that day",
            "Thursday 2025-01-09 does not count: Town day",
            "Saturday 2025-01-11 does not count",
            "Sunday 2025-01-12 does not count",
            "the last day in time is Wednesday 2025-01-15: 5 counted + 3 skipped; calendar town 1, zone Asia/Jakarta",
        ] == [row[1] for row in said if row[0] == "explain"]

    def test_all_explained(self, tie: Any) -> None:
        """All of them can be explained at once, in the reader's language."""
        tie.asked()
        said = rows(tie.done("deadlines", "tie", "--explain", "--lang", "id"))

        assert ["requirement:approval:office", "stage:council"] == [row[1] for row in said if row[0] == "what"]
        assert ["explain", "Kamis 2025-01-09 tidak dihitung: Town day"] in said

    def test_on_hold(self, tie: Any) -> None:
        """On hold the clock stands still: there is no date, but the day it stopped."""
        tie.asked()
        tie.done("hold", "tie", "elections", "--at", "2025-01-10T09:00+07:00", *MAYOR)
        found = {row[0]: row[1:] for row in rows(tie.done("deadlines", "tie"))}

        assert ["", "still", "", "2025-01-10"] == [*found["stage:council"][:3], found["stage:council"][6]]
        assert "explain\tthe clock stands still since 2025-01-10\n" in tie.done("deadlines", "tie", "stage:council")
        assert ["deadline", "stage:council", "", "still"] in [row[:4] for row in rows(tie.done("show", "tie"))]

    def test_json(self, tie: Any) -> None:
        """In JSON every key is there for each; what explains it only where that was asked for."""
        tie.asked()
        data = tie.data("deadlines", "tie")
        one = data["deadlines"][1]

        assert ("tie", 3) == (data["agreement"], data["version"])
        assert {
            "key": "stage:council",
            "label": "Council approval",
            "rule": {"workdays": 5, "since": "letter.received_on"},
            "start": "2025-01-07",
            "date": "2025-01-15",
            "at": "2025-01-15T17:00:00.000000Z",
            "calendar": {"id": "town", "version": "1"},
            "certain": True,
            "overdue": False,
            "paused_on": None,
            "away": False,
            "pauses": [],
            "round": 1,
            "state": "passed",
            "days": left("2025-01-15"),
            "explain": None,
        } == {key: value for key, value in one.items() if key != "remind_at"}
        assert 5 == len(tie.data("deadlines", "tie", "stage:council")["deadlines"][0]["explain"])

    def test_nothing_of_that_key(self, tie: Any) -> None:
        """What is not due is named with what is, and the exit code is 2."""
        tie.asked()
        result = tie("deadlines", "tie", "stage:running")

        assert (2, "") == (result.exit_code, result.stdout)
        assert (
            "stagegate: tie: nothing is due under 'stage:running'; due is stage:council, requirement:approval:office\n"
            == result.stderr
        )

    def test_calendar_of_that_version_is_gone(self, tie: Any) -> None:
        """A date whose calendar nobody has any more is still told; only how it came about cannot be."""
        tie.asked()
        Path("town.toml").write_text('id = "town"\nversion = "2"\n')
        result = tie("deadlines", "tie", "stage:council")

        assert "2025-01-15" == rows(tie.done("deadlines", "tie"))[1][1]
        assert (2, "") == (result.exit_code, result.stdout)
        assert "version '1' of the calendar 'town'" in result.stderr

    @pytest.mark.parametrize(
        "days,lang,said",
        [
            (-3, "en", "overdue for 3 days"),
            (-1, "en", "overdue since yesterday"),
            (-1, "id", "terlambat sejak kemarin"),
            (-3, "ja", "3日超過"),
        ],
    )
    def test_words_for_late(self, tie: Any, days: int, lang: str, said: str) -> None:
        """A missed date is told in the words of the reader."""
        from stagegate import Deadline
        from stagegate.cli._dates import distance

        today = date(2026, 1, 10)
        one = Deadline(
            key="stage:x",
            rule={"workdays": 1},
            start=today,
            date=today + timedelta(days),
            at=datetime(2026, 1, 1, tzinfo=UTC),
            overdue=True,
        )

        assert said == distance(one, datetime(2026, 1, 10, tzinfo=UTC), today, lang)

    @pytest.mark.parametrize(
        "days,certain,said",
        [
            (0, True, "today"),
            (1, True, "tomorrow"),
            (12, True, "in 12 days"),
            (12, False, "in 12 days (not certain)"),
            (-1, True, "passed yesterday"),
            (-4, True, "passed 4 days ago"),
        ],
    )
    def test_words_for_what_is_to_come(self, days: int, certain: bool, said: str) -> None:
        """What is to come, and what has passed and nobody has said so yet, is told by how far off it is."""
        from stagegate import Deadline
        from stagegate.cli._dates import distance

        today = date(2026, 1, 10)
        at = datetime(2026, 1, 11, tzinfo=UTC) + timedelta(days)
        one = Deadline(
            key="stage:x", rule={"workdays": 1}, start=today, date=today + timedelta(days), at=at, certain=certain
        )

        assert said == distance(one, datetime(2026, 1, 10, tzinfo=UTC), today, "en")


class TestSweep:
    """`sweep`."""

    def test_what_is_due_takes_its_course(self, tie: Any) -> None:
        """A missed date is said, silence decides where the rules say so; doing it again does nothing."""
        tie.asked()

        assert "reminded\t0\noverdue\t1\ndecided\t1\nended\t0\nsettled\t0\n" == tie.done("sweep")
        assert "reminded\t0\noverdue\t0\ndecided\t0\nended\t0\nsettled\t0\n" == tie.done("sweep")
        assert ["voted", "overdue"] == kinds(tie)[-2:]

    def test_at_an_earlier_time(self, tie: Any) -> None:
        """What is compared is the time that is named: silence decides first, then a reminder is due, later the rest."""
        tie.asked()

        assert "reminded\t0\noverdue\t0\ndecided\t1\n" in tie.done("sweep", "--at", "2025-01-12T12:00+07:00")
        assert "reminded\t1\noverdue\t0\ndecided\t0\n" in tie.done("sweep", "--at", "2025-01-13T12:00+07:00")
        assert "reminded\t0\noverdue\t1\ndecided\t0\n" in tie.done("sweep")
        assert ["voted", "reminded", "overdue"] == kinds(tie)[-3:]

    def test_json(self, tie: Any) -> None:
        """In JSON stand the same numbers, and what had to be left."""
        tie.asked()

        assert {
            "reminded": 0,
            "overdue": 1,
            "decided": 1,
            "ended": 0,
            "settled": 0,
            "uncertain": [],
            "failed": [],
        } == tie.data("sweep")

    def test_beyond_the_calendar(self, tie: Any) -> None:
        """Of a date that its calendar does not cover nothing is done; that is told on the side, and leaves with 1."""
        Path("town.toml").write_text('id = "town"\nversion = "1"\nlast = 2025-01-12\n')
        tie.asked()
        result = tie("sweep")

        assert 1 == result.exit_code
        assert "tie: a date has passed that lies beyond what its calendar covers\n" == result.stderr
        assert "overdue\t0\n" in result.stdout
        assert "uncertain" == rows(tie.done("deadlines", "tie"))[-1][2]
        assert ["tie"] == json.loads(tie("sweep", "--json").stdout)["uncertain"]

    def test_what_cannot_be_looked_at(self, tie: Any) -> None:
        """An agreement whose definition is gone keeps nobody else waiting; it is named, and leaves with 1."""
        tie.asked("a")
        tie.asked("b")
        with closing(sqlite3.connect("stagegate.db")) as raw, raw:
            raw.execute("DROP TRIGGER definition_is_never_deleted")
            raw.execute("DELETE FROM definition")
        lost = tie("sweep", process=False)
        found = tie("sweep", "--json")

        assert (1, 2) == (lost.exit_code, lost.stderr.count("\n"))
        assert lost.stderr.startswith("a: ")
        assert (0, 2) == (found.exit_code, json.loads(found.stdout)["overdue"])

    @pytest.mark.parametrize("args", [("--at", "2999-01-01T00:00Z"), ("--at", "2025-01-01"), ("--limit", "0")])
    def test_wrong_usage(self, tie: Any, args: tuple[str, ...]) -> None:
        """A time that lies in the future, or has no zone, is refused in one sentence."""
        tie.asked()
        result = tie("sweep", *args)

        assert (2, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))


class TestRecompute:
    """`recompute`."""

    @pytest.fixture
    def changed(self, tie: Any) -> Any:
        """Return a shell on one whose calendar has changed since."""
        tie.asked()
        Path("town.toml").write_text(
            'id = "town"\nversion = "2"\nholidays = { 2025-01-10 = "Rain", 2025-01-13 = "Mud" }\n'
        )
        return tie

    def test_old_and_new_dates(self, changed: Any) -> None:
        """A changed calendar moves nothing by itself; recomputing tells the old date and the new one."""
        before = rows(changed.done("deadlines", "tie"))[1][1]
        printed = changed.done("recompute", "tie", *MAYOR)

        assert ("2025-01-15", "agreement\ttie\nversion\t4\n") == (before, printed[:24])
        assert ["due", "stage:council", "2025-01-15", "2025-01-16"] in rows(printed)
        assert "2025-01-16" == rows(changed.done("deadlines", "tie"))[1][1]
        assert "due: stage:council 2025-01-15 → 2025-01-16" in changed.done("history", "tie").splitlines()[-1]

    def test_nothing_changed(self, tie: Any) -> None:
        """Where the calendar is the same, nothing is written, and that is said on the side."""
        tie.asked()
        result = tie("recompute", "tie", *MAYOR)

        assert (0, "agreement\ttie\nversion\t3\n") == (result.exit_code, result.stdout)
        assert "no date rests on a calendar that has changed; nothing was written\n" == result.stderr
        assert None is json.loads(tie("recompute", "tie", "--json", *MAYOR).stdout)["event"]

    def test_twice(self, changed: Any) -> None:
        """Doing it again writes nothing and does not claim what was done before; the same request answers the same."""
        first = changed.done("recompute", "tie", "--request-id", "r1", *MAYOR)
        second = changed("recompute", "tie", *MAYOR)

        assert "nothing was written" in second.stderr
        assert first == changed.done("recompute", "tie", "--request-id", "r1", *MAYOR)
        assert 1 == kinds(changed).count("reckoned")

    def test_json(self, changed: Any) -> None:
        """In JSON stand the agreement and the event, as with every change."""
        data = changed.data("recompute", "tie", *MAYOR)

        assert ("tie", "reckoned") == (data["agreement"]["id"], data["event"]["kind"])
        assert {"stage:council": "2025-01-15"} == {
            due["key"]: due["was"] for due in data["event"]["due"] if "was" in due
        }

    def test_refused(self, changed: Any) -> None:
        """Who may not is refused, with 1, and it is in the history."""
        result = changed("recompute", "tie", *OFFICE)

        assert (1, "") == (result.exit_code, result.stdout)
        assert "tie: clerk may not recompute; that is for" in result.stderr
        assert "refused" == kinds(changed)[-1]


class TestForecast:
    """`forecast`."""

    def test_a_line_a_stage(self, tie: Any) -> None:
        """A pipe gets a line for each stage ahead: entered, gate passed, why, the rule and what it rests on."""
        tie.done("start", "tie", "tie", *MAYOR)
        today = datetime.now(UTC).astimezone(WIB).date().isoformat()
        request, council, running = rows(tie.done("forecast", "tie", "--assume", "request=2 calendar days"))
        there = (date.fromisoformat(today) + timedelta(2)).isoformat()

        assert ["request", today, there, "assumed", "2 calendar days", ""] == request
        assert ["council", there, there, "at_once", "", ""] == council
        assert ["running", there, "", "last", "", ""] == running

    def test_who_says_nothing(self, tie: Any) -> None:
        """Who is assumed to say nothing takes all the time there is; the basis of that rule is told."""
        tie.done("start", "tie", "tie", *MAYOR)
        printed = rows(tie.done("forecast", "tie", "--silent", "council", "--silent", "office"))

        assert ["full", "5 workdays", "Rule 30"] == printed[1][3:]

    def test_json(self, tie: Any) -> None:
        """In JSON stand the same dates, the sentences, and what is still open at the first."""
        tie.done("start", "tie", "tie", *MAYOR)
        data = tie.data("forecast", "tie", "--lang", "ja")
        first = data["passages"][0]

        assert ("tie", data["on"]) == (data["agreement"], data["reached"])
        assert {"stage", "label", "entered", "date", "because", "text", "rule", "basis", "open"} == set(first)
        assert ("申請", ["document.missing"]) == (first["label"], [reason["code"] for reason in first["open"]])

    @pytest.mark.parametrize(
        "args,said",
        [
            (("--assume", "council"), "'council' says nothing of a stage; write it like draft_agreement=30 workdays"),
            (("--assume", "=3 workdays"), "says nothing of a stage"),
            (("--assume", "council=soon"), "a period is needed"),
            (("--assume", "nowhere=3 workdays"), "there is no stage 'nowhere'"),
            (("--assume", "council=3 workdays", "--assume", "council=4 workdays"), "--assume: council is given twice"),
            (("--silent", "nobody"), "'nobody' is no stage and no role"),
        ],
    )
    def test_assumptions_that_cannot_be(self, tie: Any, args: tuple[str, ...], said: str) -> None:
        """An assumption about what is not there is refused in one sentence."""
        tie.done("start", "tie", "tie", *MAYOR)
        result = tie("forecast", "tie", *args)

        assert (2, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))
        assert said in result.stderr

    def test_what_has_ended(self, tie: Any) -> None:
        """Of what has ended there is nothing to foresee."""
        tie.signed(until="2025-02-01")
        tie("sweep")
        result = tie("forecast", "tie")

        assert (2, "") == (result.exit_code, result.stdout)
        assert "it has ended (over)" in result.stderr


class TestRenew:
    """`renew`."""

    @pytest.fixture
    def running(self, tie: Any) -> Any:
        """Return a shell on one whose term ends in a hundred days."""
        tie.signed(until=(datetime.now(UTC).date() + timedelta(100)).isoformat())
        return tie

    def paper(self, shell: Any, until: str = "2099-12-31") -> None:
        """File what a renewal takes."""
        Path("renewal.pdf").write_bytes(b"a renewal")
        shell.done("attach", "tie", "renewal.pdf", "--kind", "renewal", "--valid-until", until, *MAYOR)

    def test_another_term(self, running: Any) -> None:
        """Where it stands, it gets another term: the old date and the new one are told."""
        old = running.data("show", "tie")["deadlines"]
        was = next(one["date"] for one in old if one["key"] == "term")
        self.paper(running)
        printed = running.done("renew", "tie", "--reason", "it works", *MAYOR)

        assert "stage\trunning\n" in printed
        assert f"due\tterm {was} → 2099-12-31\n" in printed
        assert ["it works"] == [
            event["data"]["reason"] for event in running.data("history", "tie")["events"] if event["move"] == "renew"
        ]

    def test_through_it_again(self, running: Any) -> None:
        """It can be renewed from an earlier stage on, to go through it again."""
        self.paper(running)

        assert "stage\trequest\n" in running.done("renew", "tie", "request", *MAYOR)

    def test_refused(self, running: Any) -> None:
        """What is in the way is told with the rule, with 1; options tell the same before."""
        result = running("renew", "tie", *MAYOR)
        shut = [row for row in rows(running.done("options", "tie")) if row[0] == "renew" and row[1] == "running"]

        assert (1, "") == (result.exit_code, result.stdout)
        assert "the document renewal is missing" in result.stderr
        assert "rule: Rule 41" in result.stderr
        assert "the document renewal is missing" in [row[4] for row in shut]

    def test_not_to_there(self, running: Any) -> None:
        """A stage it cannot be renewed to is wrong usage."""
        result = running("renew", "tie", "council", *MAYOR)

        assert (2, "") == (result.exit_code, result.stdout)
        assert "there is no renew to 'council'" in result.stderr

    def test_too_early(self, tie: Any) -> None:
        """Before the window opens, the day on which it does is told."""
        tie.signed(until="2099-12-31")
        result = tie("renew", "tie", *MAYOR)

        assert 1 == result.exit_code
        assert "it can be renewed from 2099-06-30 on: its term ends on 2099-12-31" in result.stderr


class TestAmend:
    """`amend`."""

    @pytest.fixture
    def running(self, tie: Any) -> Any:
        """Return a shell on one that runs."""
        tie.signed()
        Path("treaty2.pdf").write_bytes(b"a better treaty")
        return tie

    def amend(self, shell: Any, *args: str) -> Any:
        """Amend the treaty."""
        paper = ("treaty2.pdf", "--kind", "treaty", "--valid-until", "2098-12-31")
        return shell("amend", "tie", *paper, "--reason", "clearer words", *args, *MAYOR)

    def test_by_its_approvals(self, running: Any) -> None:
        """A new version of a document that stands takes the approvals of its amendment, which are used up by it."""
        running.done("approve", "tie", *COUNCIL)
        result = self.amend(running)
        documents = running.data("show", "tie")["documents"]

        assert 0 == result.exit_code
        assert "voided\tcouncil: secretary (event " in result.stdout
        assert "due\tterm 2099-12-31 → 2098-12-31\n" in result.stdout
        assert "treaty2.pdf" == next(paper["title"] for paper in documents if paper["kind"] == "treaty")
        assert ": clearer words; " in running.done("history", "tie").splitlines()[-1]

    def test_refused(self, running: Any) -> None:
        """Without new ones the next is refused, with the reasons that options tell."""
        running.done("approve", "tie", *COUNCIL)
        self.amend(running)
        result = self.amend(running)
        (option,) = [row for row in rows(running.done("options", "tie")) if row[0] == "amend"]

        assert (1, "") == (result.exit_code, result.stdout)
        assert option[4] in result.stderr
        assert ["amend", "treaty", "shut", "mayor"] == option[:4]

    def test_attaching_it_is_no_way(self, running: Any) -> None:
        """Attaching it is refused, and what it takes is said."""
        result = running("attach", "tie", "treaty2.pdf", "--kind", "treaty", *MAYOR)

        assert (1, "") == (result.exit_code, result.stdout)
        assert "a new version of it takes an amendment" in result.stderr

    @pytest.mark.parametrize(
        "args,said",
        [
            (("treaty2.pdf", "--kind", "treaty"), "--reason"),
            (("treaty2.pdf", "--kind", "letter", "--reason", "x"), "'letter' is not amended at 'running'"),
            (("none.pdf", "--kind", "treaty", "--reason", "x"), "none.pdf"),
            (("treaty2.pdf", "--kind", "treaty", "--reason", " "), "a reason is needed"),
        ],
    )
    def test_wrong_usage(self, running: Any, args: tuple[str, ...], said: str) -> None:
        """What cannot be done is told in one sentence, and nothing is recorded."""
        before = running.data("show", "tie")["n"]
        result = running("amend", "tie", *args, *MAYOR)

        assert (2, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))
        assert said in result.stderr
        assert before == running.data("show", "tie")["n"]


class TestClockElsewhere:
    """What the other commands tell of the clock."""

    def test_what_a_change_sets(self, tie: Any) -> None:
        """A change that sets a date tells it."""
        tie.asked()
        tie.done("hold", "tie", "elections", "--at", "2025-01-10T09:00+07:00", *MAYOR)
        printed = tie.done("resume", "tie", "--at", "2025-01-13T09:00+07:00", *MAYOR)

        assert "due\tstage:council 2025-01-16\n" in printed

    def test_show(self, tie: Any) -> None:
        """What is due stands among what is known of it, and whose turn it has become."""
        tie.asked()
        tie.done("sweep")
        said = rows(tie.done("show", "tie"))

        assert ["owner", "council,mayor"] in said
        assert ["deadline", "stage:council", "2025-01-15", "overdue"] in [row[:4] for row in said]
        assert ["approval", "office", "for", "law"] in [row[:4] for row in said]
        assert (["mayor"], None) == tuple(tie.data("show", "tie")[key] for key in ("escalated", "part_of"))

    def test_term_and_duties(self, tie: Any) -> None:
        """The term and what is owed meanwhile are due as well, with their rules."""
        tie.signed()
        found = {row[1]: row[2:] for row in rows(tie.done("show", "tie")) if row[0] == "deadline"}

        assert ["2025-04-10", "3 months"] == [found["duty:opening"][0], found["duty:opening"][3]]
        assert ["2026-01-10", "12 months"] == [found["duty:report"][0], found["duty:report"][3]]
        assert ["2099-12-31", "as treaty.valid_until says", ""] == [found["term"][0], *found["term"][3:5]]

    def test_open_ended(self, tie: Any) -> None:
        """What has no end says so."""
        text = Path("tie.toml").read_text()
        text = text.replace('{ until = "treaty.valid_until" }', '"open"').replace("renewal =", "# ")
        Path("tie.toml").write_text(text.replace('on_expiry = "over"', ""))
        tie.signed()

        assert ["term", "open"] in rows(tie.done("show", "tie"))

    def test_board(self, tie: Any) -> None:
        """The board tells what is due next, and finds what is overdue or soon due."""
        tie.asked("late")
        tie.done("sweep")
        tie.signed("signed")
        tie.done("start", "tie", "new", *MAYOR)

        def ids(*args: str) -> list[str]:
            return [row[0] for row in rows(tie.done("board", *args))]

        assert {"late": "2025-01-15", "new": "", "signed": "2025-04-10"} == {
            row[0]: row[7] for row in rows(tie.done("board"))
        }
        assert (["late"], ["new", "signed"]) == (ids("--overdue"), ids("--not-overdue"))
        assert ["signed"] == ids("--due-before", "2030-01-01T00:00Z")
        assert [] == ids("--due-before", "2025-01-01T00:00Z")
        assert None is tie.data("board", "--overdue")["counts"]

    @pytest.mark.parametrize("args", [("--counts", "--overdue"), ("--due-before", "2025-01-01")])
    def test_board_asked_wrongly(self, tie: Any, args: tuple[str, ...]) -> None:
        """A filter that looks at each does not go with counting; a moment needs its zone."""
        tie.asked()
        result = tie("board", *args)

        assert (2, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))

    def test_history(self, tie: Any) -> None:
        """Every kind of event that time brings is told in one line."""
        tie.signed(until="2026-03-01")
        tie.done("sweep", "--at", "2025-04-11T12:00+07:00")
        tie.done("record", "tie", "opened", "true", *OFFICE)
        tie.done("sweep", "--at", "2025-12-15T12:00+07:00")
        tie.done("sweep")
        told = [[row[4], row[8]] for row in rows(tie.done("history", "tie")) if row[2] == "law"]

        assert ["overdue", "duty:opening was due on 2025-04-10; fact:opened"] == told[0]
        assert ["reminded", "duty:report was due on 2026-01-10"] == told[1]
        assert ["overdue", "duty:report was due on 2026-01-10 (Rule 44); document:report"] == told[2]
        assert ["moved", "over: term was due on 2026-03-01 (Rule 40)"] == told[3]

    def test_silence(self, tie: Any) -> None:
        """A decision by silence names what was due, when, and the rule."""
        tie.asked()
        tie.done("sweep")
        last = rows(tie.done("history", "tie"))[-2]

        assert "office for: by silence, requirement:approval:office was due on 2025-01-11 (Rule 32)" == last[8]

    def test_met_meanwhile(self, tie: Any) -> None:
        """What was met by what happened elsewhere is written off, and told as that."""
        tie.signed()
        event = {"kind": "reckoned", "data": {"deadline": "duty:opening", "date": "2025-04-10"}}
        from stagegate import Event
        from stagegate.cli._views import summary

        assert "duty:opening was due on 2025-04-10: met or asked no more" == summary(Event(event))

    def test_processes(self, tie: Any) -> None:
        """A process is told with its clocks: time limits, terms, renewals, amendments, duties and silences."""
        printed = rows(tie.done("processes", "tie"))

        assert ["calendar", "town"] in printed
        assert [
            "within",
            "council",
            "",
            "within 5 workdays since letter.received_on; remind before 2 workdays; then escalate:mayor",
            "council",
            "Rule 30 · law",
        ] in printed
        assert ["term", "running", "", "until treaty.valid_until; then over", "mayor", "Rule 40"] in printed
        assert [
            "renewal",
            "running",
            "",
            "running, request; in the last 6 months; term until renewal.valid_until",
            "mayor",
            "Rule 42",
        ] in printed
        assert ["renew", "running", "document:renewal", "document renewal", "", "Rule 41"] in printed
        assert ["amend", "running", "approval:council", "treaty: approval council", "council", "Rule 43"] in printed
        assert [
            "duty",
            "running",
            "report",
            "document report; every 12 months; remind before 1 month",
            "mayor",
            "Rule 44",
        ] in printed
        assert ["duty", "running", "opening", "fact opened; within 3 months", "office", ""] in printed
        assert [
            "guard",
            "council",
            "approval:office",
            "approval office; within 3 calendar days; silence approves",
            "office",
            "Rule 32",
        ] in printed
        assert ["outcome", "over", "law", "running", ""] in printed
