"""What `stagegate demo` promises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stagegate import Engine, Fault, Report, builtin
from stagegate.cli._commands import stagegate
from stagegate.cli._lines import cut, pad, wrap
from stagegate.cli._words import LANGUAGES
from stagegate.cli.demo._cast import LAPSED, OUT, SECTORS, part_id
from stagegate.cli.demo._sentences import catalogue, sentence

SCENE = re.compile(r"^20\d\d-\d\d-\d\d  ", re.MULTILINE)
BLOCKERS = ["initiative_letter", "exploration_report", "G03", "G04"]


def play(*args: str) -> Result:
    """Play the demonstration."""
    result = CliRunner().invoke(stagegate, ["demo", *args])

    assert (0, "") == (result.exit_code, result.stderr), result.output
    return result


@pytest.fixture(scope="module")
def told() -> str:
    """Return what is told, in English."""
    return play().stdout


@pytest.fixture(scope="module")
def data() -> Any:
    """Return the same as data."""
    return json.loads(play("--json").stdout)


def scene(data: Any, name: str) -> Any:
    """Return a scene of what is imagined, up to the signature or after it."""
    scenes = (*data["imagined"]["scenes"], *data["future"]["scenes"])
    return next(scene for scene in scenes if scene["scene"] == name)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return an engine on what the demonstration left behind."""
    url = f"sqlite:///{tmp_path_factory.mktemp('demo') / 'demo.db'}"
    play("--db", url)
    with Engine.open(url) as engine:
        yield engine


class TestReality:
    """What really happened."""

    def test_facts_of_the_day(self, data: Any) -> None:
        """The day, the origin, the parties and the nine sectors are recorded as they were."""
        stands = data["real"]["scenes"][-1]["agreement"]
        facts = {fact: found["value"] for fact, found in stands["facts"].items()}

        assert "2025-07-24T03:00:00.000000Z" == stands["started_at"]
        assert [("bekasi", "ID"), ("izumisano", "JP")] == [
            (party["id"], party["country"]) for party in stands["parties"]
        ]
        assert "foreign_local_government" == facts["origin"]
        assert [] == stands["documents"]

    def test_nine_parts(self, kept: Engine, told: str) -> None:
        """Each of the nine sectors is a part of its own from that day on, with its own stage, owner and history."""
        parts = kept.find(part_of="bekasi-izumisano").items
        begun = [kept.history(part)[0] for part in parts]

        assert 9 == len(SECTORS) == len(parts)
        assert set(map(part_id, SECTORS)) == {part.id for part in parts}
        assert {"id-ksdpl-sector"} == {part.process.id for part in parts}
        assert {("2025-07-24", "proposed")} == {(f"{event.at:%Y-%m-%d}", event.data["to"]) for event in begun}
        assert "sectors         9, each a part of its own: Proposed\n" in told

    def test_where_it_stands(self, data: Any, told: str) -> None:
        """It stops where reality stops: at the exploration, with the head of the region."""
        stands = data["real"]["scenes"][-1]["agreement"]

        assert ("exploration", ["head_of_region"]) == (stands["stage"], stands["owner"])
        assert re.search(r"stage +Initiative and initial exploration \(exploration\)\n", told)
        assert "Here reality stops" in told

    def test_remaining_stages_are_counted(self, data: Any, told: str) -> None:
        """How much remains is counted in the definition: its stages between this one and the goal, and their gates."""
        stages = [stage.id for stage in builtin("id-ksdpl").stages]

        assert (stages[1:-1], len(stages) - 1) == (data["real"]["further"], data["real"]["gates"])
        assert f"further stages  {len(stages) - 2}, then Implementation" in told
        assert f"gates to pass   {len(stages) - 1}, " in told

    def test_blockers(self, data: Any, told: str) -> None:
        """Exactly what blocks it is named, with who can mend it and the rule."""
        unmet = data["real"]["scenes"][-1]["advance"]["unmet"]

        assert BLOCKERS == [reason["requirement"] for reason in unmet]
        assert all(reason["fix_by"] and reason["basis"] and reason["provenance"] for reason in unmet)
        assert "WHAT BLOCKS IT (4)" in told
        assert "can be mended by: Head of the region (head_of_region)" in told
        assert "rule: PP 28/2018 Art 28(3) · law" in told

    def test_nothing_before_that_day(self, data: Any) -> None:
        """Before the part that is imagined nothing is recorded but that day."""
        real = [event for event in data["history"] if event["n"] <= data["real"]["scenes"][-1]["agreement"]["n"]]

        assert {"2025-07-24"} == {event["at"][:10] for event in real}
        assert {"started", "recorded", "noted"} == {event["kind"] for event in real}


class TestImagined:
    """How it could go on."""

    def test_it_is_marked(self, data: Any, told: str) -> None:
        """What is imagined is marked: by a banner before and behind, on every line, and in the history itself."""
        before, banner, after = told.partition("IMAGINED FROM HERE ON: none of what follows has happened")
        first = data["real"]["scenes"][-1]["agreement"]["n"] + 1
        later = data["imagined"]["scenes"][-1]["agreement"]["n"] + 1
        lines = re.findall(r"^ *(\d+) (.) 20\d\d-", after, flags=re.MULTILINE)
        marks = {int(n): mark for n, mark in lines if mark != "✗"}

        assert banner
        assert "Here reality stops" in before
        assert "PLAYED INTO THE FUTURE: what follows has not happened" in after
        assert "END OF WHAT IS IMAGINED" in after
        assert "IMAGINED" in data["history"][first - 1]["data"]["text"]
        assert "has happened" in data["history"][later - 1]["data"]["text"]
        assert len(data["history"]) == len(lines)
        assert all(mark == (" " if n < first else "~" if n < later else "»") for n, mark in marks.items())

    def test_refused_attempt(self, data: Any, told: str) -> None:
        """An attempt is refused for every reason there is, and stands in the history."""
        error = scene(data, "refused")["error"]
        event = data["history"][error["n"] - 1]

        assert ("GateClosed", BLOCKERS) == (error["kind"], [reason["requirement"] for reason in error["unmet"]])
        assert ("refused", "advance", BLOCKERS) == (
            event["kind"],
            event["move"],
            [reason["requirement"] for reason in event["data"]["unmet"]],
        )
        assert 1 == len([event for event in data["history"] if event["kind"] == "refused"])
        assert f"as event {error['n']}" in told.replace("\n              ", " ")

    def test_return_and_voided_approval(self, data: Any, told: str) -> None:
        """The ministry sends it back; the improved plan voids the approval of the council, and that is said."""
        returned, voided = scene(data, "returned"), scene(data, "voided")

        assert ("send_back", "ministerial_verification", "cooperation_plan") == tuple(
            returned["event"][key] for key in ("move", "from", "to")
        )
        assert {"head_of_region", "council"} == {vote["role"] for vote in returned["agreement"]["approvals"]}
        assert {"head_of_region", "council"} == {vote["role"] for vote in voided["event"]["voided"]}
        assert [] == voided["agreement"]["approvals"]
        assert "- Regional council (DPRD): the approval of 2026-03-10 (event" in told

    def test_stale_writer(self, data: Any) -> None:
        """Who acts on an older version is refused, and nothing is written."""
        conflict = scene(data, "conflict")
        error = conflict["error"]

        assert ("Conflict", error["seen"] + 1) == (error["kind"], error["current"])
        assert error["current"] == conflict["agreement"]["n"]

    def test_every_stage_was_passed(self, data: Any) -> None:
        """It gets to implementation, after every stage of the definition, in their order."""
        reached = [event["to"] for event in data["history"] if event["kind"] in {"started", "moved"}]
        stages = [stage.id for stage in builtin("id-ksdpl").stages]

        assert stages == list(dict.fromkeys(reached))
        assert stages[-1] == reached[-1] == data["board"][0]["stage"]

    def test_history_is_verified(self, data: Any, told: str) -> None:
        """The history is verified, and what was proved is said."""
        events = sum(agreement["n"] for agreement in data["board"])

        assert {"ok": True, "level": "internal", "agreements": 10, "events": events, "faults": []} == data["verify"]
        assert f"Verified: {events} events of 10 agreements" in told
        assert "Level: internal" in told

    def test_board_and_diagram(self, data: Any, told: str) -> None:
        """It ends with the board, the nine parts on it, and a diagram with the place and the way back."""
        assert ["bekasi-izumisano", *sorted(map(part_id, SECTORS))] == [agreement["id"] for agreement in data["board"]]
        assert "◉ here" in data["diagram"]
        assert '|"sent back ×1"|' in data["diagram"]
        assert data["diagram"] in told
        assert "THE BOARD" in told


class TestClock:
    """What the law's clock says, and the life after the signature: looked at in the store."""

    def test_one_sector_is_carved_out(self, kept: Engine, told: str) -> None:
        """One sector is no affair of the city: it ends with its reason, and the plan goes on with the eight others."""
        out = kept.get(part_id(OUT))
        last = kept.history(out)[-1]

        assert ("carved_out", "central") == (out.outcome, out.fact("competence"))
        assert out.fact("carve_out_reason") == last.data["data"]["reason"] != ""
        assert {"2025-12-15"} == {f"{last.at:%Y-%m-%d}"}
        assert 8 == len(
            [part for part in kept.find(part_of="bekasi-izumisano").items if part.fact("competence") == "city"]
        )
        assert "■ Carved out: no affair of this region" in told

    def test_the_gate_read_the_parts(self, kept: Engine) -> None:
        """The gate of the plan looked at the sectors: its event pins what each of them was then."""
        passed = next(
            e for e in kept.history("bekasi-izumisano") if e.kind == "moved" and e.data["to"] == "council_approval"
        )

        assert set(map(part_id, SECTORS)) == {read["agreement"] for read in passed.data["read"]}

    def test_council_with_quorum(self, kept: Engine, data: Any) -> None:
        """The council votes with a quorum and a majority, in the time it has, and its minutes are filed."""
        votes = [
            e for e in kept.history("bekasi-izumisano") if e.kind == "voted" and e.data["data"]["role"] == "council"
        ]
        approved = scene(data, "approved")["event"]

        assert {"members": 50, "present": 45, "in_favour": 40, "against": 3} == votes[0].data["data"]["tally"]
        assert "council_minutes" in votes[0].data["data"]["of"]
        assert [] == [reason for reason in approved.get("warnings", ()) if reason["requirement"] == "G11"]

    def test_its_time_is_explained(self, kept: Engine, data: Any, told: str) -> None:
        """Its 45 working days are reckoned from the letter by Indonesia's calendar, and every named day is told."""
        filed = next(
            e
            for e in kept.history("bekasi-izumisano")
            if e.data.get("due", ({},))[0].get("key") == "stage:council_approval"
        )
        due = filed.data["due"][0]
        calendar = kept.calendars["indonesia"]
        count = (date(2026, 1, 21).toordinal(), date.fromisoformat(due["date"]).toordinal() + 1)
        working = [day for day in map(date.fromordinal, range(*count)) if calendar.counts(day)]
        shown = scene(data, "requested")["deadline"]

        assert ({"workdays": 45, "since": "council_request_letter.received_on"}, "2026-01-20") == (
            due["rule"],
            due["start"],
        )
        assert 45 == len(working)
        assert ["indonesia", calendar.version] == list(due["calendar"])
        assert (due["date"], 29) == (shown["date"], len(shown["explain"]))
        assert f"until {due['date']}" in told.replace("\n              ", " ")
        assert "- Tuesday 2026-02-17 does not count: Tahun Baru Imlek\n" in told

    def test_forecast(self, data: Any, told: str) -> None:
        """A forecast tells the earliest day of each gate and why; the council takes all the time it has."""
        seen = scene(data, "foreseen")["forecast"]
        stages = [stage.id for stage in builtin("id-ksdpl").stages]
        days = [passage["date"] for passage in seen["passages"][:-1]]

        assert stages == [passage["stage"] for passage in seen["passages"]]
        assert (sorted(days), days[-1]) == (days, seen["reached"])
        assert ["forecast.full"] == [p["because"] for p in seen["passages"] if p["stage"] == "council_approval"]
        assert all(f"              {day}  " in told for day in days)
        assert "takes all the time there is: 45 workdays\n" in told

    def test_no_sector_fell_asleep(self, kept: Engine) -> None:
        """The eight sectors are carried out within a year, so that the sweep writes that question off."""
        (met,) = [e for e in kept.history("bekasi-izumisano") if e.kind == "reckoned"]

        assert ("duty:G22", "law") == (met.data["data"]["deadline"], met.actor)
        assert 8 == sum("active" in part.rounds for part in kept.find(part_of="bekasi-izumisano").items)

    def test_one_report_is_overdue(self, kept: Engine, data: Any) -> None:
        """A report that does not come is reminded of, then said to be overdue, by the law; it comes late, and that stays."""
        events = [e for e in kept.history("bekasi-izumisano") if e.data.get("data", {}).get("deadline") == "duty:G21"]
        late = scene(data, "reported")

        assert [("reminded", "law"), ("overdue", "law")] == [(event.kind, event.actor) for event in events]
        assert "PP 28/2018 Art 43" in events[1].data["data"]["basis"]
        assert True is scene(data, "overdue")["agreement"]["deadlines"][0]["overdue"]
        assert [False] == [d["overdue"] for d in late["agreement"]["deadlines"] if d["key"] == "duty:G21"]
        assert "2027-12-06" == late["agreement"]["documents"][-1]["dated"]

    def test_one_renewal(self, kept: Engine) -> None:
        """The agreement is renewed before its term ends, by a vote that is used up by it; seven sectors go along."""
        (renewed,) = [e for e in kept.history("bekasi-izumisano") if e.move == "renew"]
        (term,) = [due for due in renewed.data["due"] if due["key"] == "term"]
        along = [
            part
            for part in kept.find(part_of="bekasi-izumisano").items
            if any(e.move == "renew" for e in kept.history(part))
        ]

        assert ("2029-11-08", "2034-11-08") == (term["was"], term["date"])
        assert ["council"] == [vote["role"] for vote in renewed.data["voided"]]
        assert ("implementation", None) == (kept.get("bekasi-izumisano").stage, kept.get("bekasi-izumisano").outcome)
        assert set(map(part_id, SECTORS)) - {part_id(OUT), part_id(LAPSED)} == {part.id for part in along}
        assert {"2034-11-08"} == {str(part.deadlines["term"].date) for part in along}

    def test_one_expiry(self, kept: Engine, told: str) -> None:
        """The sector nobody spoke for ends with the old term, by the law, as expired."""
        lapsed = kept.get(part_id(LAPSED))
        last = kept.history(lapsed)[-1]

        assert ("expired", "law", "end") == (lapsed.outcome, last.actor, last.move)
        assert ("term", "2029-11-08") == tuple(last.data["data"][key] for key in ("deadline", "date"))
        assert "■ Expired with the agreement" in told

    def test_it_did_not_happen(self, kept: Engine) -> None:
        """What is played into the future stands behind a note that says so, in the history itself."""
        events = kept.history("bekasi-izumisano")
        mark = next(event for event in events if "INTO THE FUTURE" in event.data.get("data", {}).get("text", ""))

        assert all(f"{event.at:%Y-%m}" < "2026-12" for event in events[: mark.n])
        assert all(f"{event.at:%Y}" > "2026" for event in events[mark.n :])


class TestTelling:
    """How it is told."""

    def test_the_same_every_time(self, told: str) -> None:
        """What is told does not depend on the day, the folder or chance."""
        assert told == play().stdout

    @pytest.mark.parametrize("lang,said", [("id", "REKAAN MULAI DARI SINI"), ("ja", "ここからは架空")])
    def test_languages(self, told: str, lang: str, said: str) -> None:
        """It is told in Indonesian and Japanese too: labels, reasons and the sentences between."""
        other = play("--lang", lang).stdout
        stages = [stage.label.text(lang) for stage in builtin("id-ksdpl").stages]

        assert said in other
        assert all(stage in other for stage in stages)
        assert "is missing" not in other
        assert len(re.findall(SCENE, told)) == len(re.findall(SCENE, other)) > 15

    def test_not_endless(self, told: str) -> None:
        """It can be read in one sitting: the story fits on a few pages."""
        assert len(told.partition("THE HISTORY")[0].splitlines()) < 160

    def test_no_colour_in_a_pipe(self, told: str) -> None:
        """A pipe gets plain text, and lines that fit on a page."""
        prose = told.partition("THE HISTORY")[0]

        assert "\x1b" not in told
        assert all(len(line) <= 100 for line in prose.splitlines())

    def test_history_that_does_not_agree(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the history could not be verified, that is what is told."""
        report = Report(
            ok=False, level="internal", checked=10, events=54, faults=(Fault("bekasi-izumisano", 3, "odd"),)
        )
        monkeypatch.setattr(Engine, "verify", lambda *_: report)
        told = play().stdout

        assert "The history does not agree: bekasi-izumisano event 3: odd" in told
        assert "Verified" not in told

    @pytest.mark.parametrize("part", ["sentences", "verbs"])
    def test_every_sentence_is_translated(self, part: str) -> None:
        """Every sentence is there in every language, with the same places to fill."""
        for name, said in catalogue()[part].items():
            places = [set(re.findall(r"\{\w+\}", said[lang])) for lang in LANGUAGES]

            assert set(LANGUAGES) == set(said), name
            assert places[0] == places[1] == places[2], name

    def test_sentence_is_filled(self) -> None:
        """The places of a sentence are filled."""
        assert "WHAT BLOCKS IT (4)" == sentence("blocks", "en", count=4)

    def test_wide_letters(self) -> None:
        """Lines are measured in cells, so that wide letters stay within the page and in their column."""
        assert ["協力協力", "協力"] == list(wrap("協力協力協力", 8))
        assert ["協力協", "力。"] == list(wrap("協力協力。", 8))
        assert ["one two", "three"] == list(wrap("one two three", 8))
        assert [] == list(wrap("", 8))
        assert ["  one", "  two"] == list(wrap("one two", 6, "  "))
        assert "協力  |" == pad("協力", 6) + "|"
        assert ("協力", "協…") == (cut("協力", 4), cut("協力", 3))


class TestPlace:
    """Where it is played."""

    def test_it_leaves_nothing(self, folder: Path) -> None:
        """Without a name it is played in a file that goes when it ends."""
        play()

        assert [] == list(folder.iterdir())

    def test_it_can_be_kept(self, folder: Path) -> None:
        """With a name the file stays, and can be looked at with the other commands."""
        kept = play("--db", "sqlite:///demo.db").stdout
        with Engine.open("sqlite:///demo.db") as engine:
            stage, report = engine.get("bekasi-izumisano").stage, engine.verify()

        assert (folder / "demo.db").exists()
        assert ("implementation", True) == (stage, report.ok)
        assert "To keep this file" not in kept

    def test_never_where_work_is_kept(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the environment names for work is not played in."""
        monkeypatch.setenv("STAGEGATE_DB", "sqlite:///work.db")
        play()

        assert not (folder / "work.db").exists()

    def test_a_database_of_its_own(self, shell: Any) -> None:
        """It is not played among agreements that are there already."""
        shell.start()
        result = shell("demo", "--db", "sqlite:///stagegate.db")

        assert (2, "") == (result.exit_code, result.stdout)
        assert "needs a database of its own" in result.stderr
        assert 1 == len(shell.data("board")["agreements"])
