from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stagegate import Actor, Engine
from stagegate.cli._clauses import asked

MAYOR = ("--as", "tri", "--role", "mayor")
COUNCIL = ("--as", "secretary", "--role", "council")

KEYS = {"id", "title", "process", "stage", "stage_label", "owner", "version", "n", "head", "started_by", "started_at"}
KEYS |= {
    "entered_at",
    "changed_at",
    "rounds",
    "round",
    "parties",
    "documents",
    "facts",
    "approvals",
    "adjourned",
    "hold",
    "outcome",
    "escalated",
    "deadlines",
    "part_of",
}


def rows(printed: str) -> list[list[str]]:
    """Return the columns of every line."""
    return [line.split("\t") for line in printed.splitlines()]


def tamper(body: str) -> None:
    """Rewrite the second event behind the program's back."""
    with sqlite3.connect("stagegate.db") as connection:
        connection.execute("DROP TRIGGER IF EXISTS event_is_never_changed")
        connection.execute(f"UPDATE event SET body = {body} WHERE n = 2")  # noqa: S608  the test writes it
    connection.close()


class TestShow:
    """`show`."""

    def test_lines_of_keys_and_values(self, shell: Any) -> None:
        """A pipe gets a key and a value a line: where it stands, whose turn it is, what is on file, what it lacks."""
        shell.ready(cost="400")
        said = {row[0]: row[1:] for row in rows(shell.done("show", "bekasi"))}

        assert ["bekasi"] == said["agreement"]
        assert ["exploration"] == said["stage"]
        assert ["mayor"] == said["owner"]
        assert ["council,audit"] == said["further_stages"]
        assert ["report", "report.pdf"] == [said["document"][0], said["document"][3]]
        assert ["cost", "400", ""] == said["fact"]
        why = "the fact cost must be at most 100, and is 400"
        assert ["fact.at_most", why, "council", "Rule 9 · practice"] == said["unmet"]

    def test_hold_round_and_votes(self, shell: Any) -> None:
        """On hold, in a later round, with votes: all of it is told."""
        shell.approved()
        shell.done("send-back", "bekasi", "exploration", "again", *COUNCIL)
        shell.done("advance", "bekasi", *MAYOR)
        shell.done("refuse", "bekasi", "no", *COUNCIL)
        shell.done("hold", "bekasi", "elections", *COUNCIL)
        said = {row[0]: row[1:] for row in rows(shell.done("show", "bekasi"))}

        assert (["2"], ["elections"]) == (said["round"], said["on_hold"])
        assert ["council", "against", "secretary", "8"] == said["approval"]
        assert ["Bekasi – Izumisano"] == said["title"]

    def test_json_has_every_key(self, shell: Any) -> None:
        """In JSON every key is there, whether there is something to say or not."""
        shell.start()
        data = shell.data("show", "bekasi")

        assert KEYS | {"further", "advance", "whole", "parts"} == set(data)
        assert (None, []) == (data["whole"], data["parts"])
        assert ["council", "audit"] == data["further"]
        assert ["document.missing", "fact.missing"] == [reason["code"] for reason in data["advance"]["unmet"]]

    def test_its_parts(self, shell: Any) -> None:
        """What is part of it stands in it: where each stands, how it ended, whose turn it is."""
        shell.start()
        with Engine.open("sqlite:///stagegate.db", processes=[shell.definition]) as engine:
            for part in ("bekasi/waste", "bekasi/water"):
                engine.start("city", part, part_of="bekasi", title=part, by=Actor(id="tri", roles={"mayor"}))
            engine.end("bekasi/water", "withdrawn", by=Actor(id="tri", roles={"mayor"}))
        said = [row for row in rows(shell.done("show", "bekasi")) if row[0] == "part"]
        first, second = shell.data("show", "bekasi")["parts"]

        assert ["part", "bekasi/waste", "exploration", "", "mayor", ""] == said[0]
        assert ["part", "bekasi/water", "exploration", "withdrawn", "", ""] == said[1]
        assert ("bekasi/waste", None, ["mayor"], None, False) == tuple(
            first[key] for key in ("id", "outcome", "owner", "due", "overdue")
        )
        assert ("withdrawn", "Exploration") == (second["outcome"], second["stage_label"])
        assert ("bekasi", "Exploration") == tuple(
            shell.data("show", "bekasi/waste")["whole"][k] for k in ("id", "stage_label")
        )
        assert ["part_of", "bekasi"] in rows(shell.done("show", "bekasi/waste"))
        assert "bekasi/waste; part of bekasi" in shell.done("history", "bekasi/waste")

    def test_it_ended(self, shell: Any) -> None:
        """What has ended has an outcome, and nothing to go on to."""
        shell.start()
        shell.done("end", "bekasi", "rejected", *MAYOR)

        assert (None, "rejected", []) == tuple(shell.data("show", "bekasi")[k] for k in ("advance", "outcome", "owner"))
        assert "outcome\trejected\n" in shell.done("show", "bekasi")

    def test_stored_definition(self, shell: Any) -> None:
        """Where no definition is given, the one that is kept beside the histories says what blocks, and in which words."""
        shell.start()
        result = shell("show", "bekasi", "--json", process=False)
        data = json.loads(result.stdout)

        assert "Exploration" == data["stage_label"]
        assert ["document.missing", "fact.missing"] == [reason["code"] for reason in data["advance"]["unmet"]]

    def test_unknown_definition(self, shell: Any) -> None:
        """Without its definition an agreement can still be looked at: ids are labels, what it lacks is not known."""
        shell.start()
        with closing(sqlite3.connect("stagegate.db")) as raw, raw:
            raw.execute("DROP TRIGGER definition_is_never_deleted")
            raw.execute("DELETE FROM definition")
        result = shell("show", "bekasi", "--json", process=False)
        data = json.loads(result.stdout)

        assert ("exploration", None, None) == (data["stage_label"], data["further"], data["advance"])


class TestOptions:
    """`options`."""

    def test_every_move_with_every_reason(self, shell: Any) -> None:
        """A line for every open move, and one for every reason against the others."""
        shell.start()

        assert [
            ["advance", "council", "shut", "mayor", "the document report is missing", "mayor", "Rule 1(2) · law"],
            ["advance", "council", "shut", "mayor", "the fact cost is not recorded", "council", "Rule 9 · practice"],
            ["hold", "", "open", "mayor", "", "", ""],
            ["end", "withdrawn", "open", "mayor", "", "", ""],
            ["end", "rejected", "open", "mayor", "", "", ""],
        ] == rows(shell.done("options", "bekasi"))

    def test_for_somebody(self, shell: Any) -> None:
        """Asked for a person, it tells what that person may not."""
        shell.start()
        printed = rows(shell.done("options", "bekasi", *COUNCIL))

        assert {"not_permitted"} == {row[2] for row in printed}
        assert {"mayor"} == {row[3] for row in printed}

    def test_asking_writes_nothing(self, shell: Any) -> None:
        """Asking is no attempt."""
        shell.start()
        shell.done("options", "bekasi")

        assert 1 == shell.data("show", "bekasi")["n"]

    def test_json(self, shell: Any) -> None:
        """In JSON every option has its reasons as in a refusal."""
        shell.start()
        data = shell.data("options", "bekasi")
        error = json.loads(shell("advance", "bekasi", *MAYOR, "--json").stdout)["error"]

        assert ("bekasi", 1, "exploration") == (data["agreement"], data["version"], data["stage"])
        assert {"move", "target", "open", "permitted", "roles", "unmet", "warnings"} == set(data["options"][0])
        assert error["unmet"] == data["options"][0]["unmet"]


class TestBoard:
    """`board`."""

    def test_parts(self, shell: Any) -> None:
        """The parts of one can be asked for; they are counted by nobody."""
        shell.start()
        for part in ("bekasi/b", "bekasi/a"):
            shell.done("start", "city", part, "--part-of", "bekasi", *MAYOR)

        assert ["bekasi/a", "bekasi/b"] == [row[0] for row in rows(shell.done("board", "--part-of", "bekasi"))]
        result = shell("board", "--counts", "--part-of", "bekasi")
        assert (2, True) == (result.exit_code, "goes without --part-of" in result.stderr)

    @pytest.fixture
    def full(self, shell: Any) -> Any:
        """Return a shell with one agreement at each of three places, and one that ended."""
        shell.done("start", "city", "a", "--title", "Waste", "--party", "bekasi", *MAYOR)
        shell.approved("b")
        shell.start("c")
        shell.done("hold", "c", "elections", *MAYOR)
        shell.start("d")
        shell.done("end", "d", "withdrawn", *MAYOR)
        return shell

    def ids(self, full: Any, *args: str) -> list[str]:
        """Return the ids that the board shows."""
        return [row[0] for row in rows(full.done("board", *args))]

    def test_what_stands_where(self, full: Any) -> None:
        """A line for every agreement that runs: id, title, stage, whose turn, since when, why on hold, outcome, what is due."""
        printed = rows(full.done("board"))

        assert [
            ["a", "Waste", "exploration", "mayor", "", "", ""],
            ["b", "Bekasi – Izumisano", "council", "council", "", "", ""],
            ["c", "Bekasi – Izumisano", "exploration", "mayor", "elections", "", ""],
        ] == [[*row[:4], *row[5:]] for row in printed]
        assert all(row[4].endswith("Z") for row in printed)

    @pytest.mark.parametrize(
        "args,expected",
        [
            (("--stage", "exploration"), "a c"),
            (("--of", "city"), "a b c"),
            (("--of", "other"), ""),
            (("--owner", "council"), "b"),
            (("--on-hold",), "c"),
            (("--not-on-hold",), "a b"),
            (("--party", "bekasi"), "a"),
            (("--part-of", "a"), ""),
            (("--text", "WASTE"), "a"),
            (("--changed-since", "2999-01-01T00:00Z"), ""),
            (("--changed-since", "2020-01-01T00:00+07:00"), "a b c"),
            (("--state", "ended"), "d"),
            (("--state", "all"), "a b c d"),
            (("--outcome", "withdrawn"), "d"),
            (("--stage", "exploration", "--state", "all", "--not-on-hold"), "a d"),
        ],
    )
    def test_filters(self, full: Any, args: tuple[str, ...], expected: str) -> None:
        """Every filter narrows what is shown, and several narrow it together."""
        assert expected.split() == self.ids(full, *args)

    def test_pages(self, full: Any) -> None:
        """A page says on the side how to go on, and the pages together show everything once."""
        result = full("board", "--limit", "2")

        assert ["a", "b"] == [row[0] for row in rows(result.stdout)]
        assert "there are more; go on with --after b\n" == result.stderr
        assert ["c"] == self.ids(full, "--limit", "2", "--after", "b")

    def test_counts(self, full: Any) -> None:
        """The counts of each stage are told alone, under the same filters."""
        assert [["council", "1"], ["exploration", "2"]] == sorted(rows(full.done("board", "--counts")))
        assert [["exploration", "1"]] == rows(full.done("board", "--counts", "--state", "ended"))

    def test_counts_look_at_no_single_agreement(self, full: Any) -> None:
        """A filter that has to look at each agreement does not go with counting."""
        result = full("board", "--counts", "--text", "x")

        assert (2, "") == (result.exit_code, result.stdout)
        assert "--text" in result.stderr

    def test_json(self, full: Any) -> None:
        """In JSON stand the agreements of the page, where the next begins, and the counts."""
        data = full.data("board", "--state", "all", "--limit", "3")

        assert (["a", "b", "c"], "c") == ([one["id"] for one in data["agreements"]], data["next"])
        assert {"exploration": 3, "council": 1} == data["counts"]
        assert None is full.data("board", "--party", "bekasi")["counts"]
        assert None is full.data("board", "--counts")["agreements"]


class TestHistory:
    """`history`."""

    def test_a_line_an_event(self, shell: Any) -> None:
        """Every event is a line: number, moment, who, roles, kind, move, from, to, what."""
        shell.approved()
        shell.done("note", "bekasi", "all\nwell", *MAYOR)
        shell("advance", "bekasi", "--as", "x", "--role", "clerk")
        shell.done("advance", "bekasi", *MAYOR)
        printed = rows(shell.done("history", "bekasi"))

        assert [
            ["1", "tri", "mayor", "started", "start", "", "exploration", "Bekasi – Izumisano"],
            ["2", "tri", "mayor", "attached", "attach", "exploration", "", "report ", "report.pdf"],
            ["3", "tri", "mayor", "recorded", "record", "exploration", "", "cost = 40"],
            ["4", "tri", "mayor", "moved", "advance", "exploration", "council", ""],
            ["5", "secretary", "council", "voted", "approve", "council", "", "council for"],
            ["6", "tri", "mayor", "noted", "note", "council", "", "all\\nwell"],
            ["7", "x", "clerk", "refused", "advance", "council", "", "only for council, mayor"],
            ["8", "tri", "mayor", "moved", "advance", "council", "implementation", "skipped: audit"],
        ] == [[row[0], *row[2:8], *_told(row[8])] for row in printed]

    def test_after(self, shell: Any) -> None:
        """Only what is newer can be asked for."""
        shell.ready()

        assert ["3"] == [row[0] for row in rows(shell.done("history", "bekasi", "--after", "2"))]

    def test_json_is_what_is_stored(self, shell: Any) -> None:
        """In JSON an event is its body as it is stored, and its hash."""
        shell.start()
        (event,) = shell.data("history", "bekasi")["events"]
        with sqlite3.connect("stagegate.db") as connection:
            ((body, hashed),) = connection.execute("SELECT body, hash FROM event")
        connection.close()

        assert {**json.loads(body), "hash": hashed.hex()} == event


def _told(said: str) -> list[str]:
    """Return what is said of an event, without the digest of a paper."""
    words = said.split(" ")
    return [f"{words[0]} ", words[2]] if words[0] == "report" else [said]


class TestVerify:
    """`verify`."""

    def test_it_says_what_it_proved(self, shell: Any) -> None:
        """What was proved is told, never a bare OK."""
        shell.ready()

        assert "ok\tyes\nlevel\tinternal\nagreements\t1\nevents\t3\nfaults\t0\n" == shell.done("verify")
        assert "ok\tyes\nlevel\tinternal\nagreements\t1\nevents\t3\nfaults\t0\n" == shell.done("verify", "bekasi")

    def test_faults_leave_with_one(self, shell: Any) -> None:
        """A history that was tampered with is named, with its first bad event, and the exit code is 1."""
        shell.ready()
        tamper("CAST(replace(CAST(body AS TEXT), 'tri', 'eve') AS BLOB)")
        result = shell("verify")

        assert 1 == result.exit_code
        assert ["fault", "bekasi", "2"] == rows(result.stdout)[5][:3]
        assert result.stdout.startswith("ok\tno\n")

    def test_json(self, shell: Any) -> None:
        """In JSON the report has every key."""
        shell.ready()

        assert {"ok": True, "level": "internal", "checked": 1, "events": 3, "faults": []} == shell.data("verify")

    def test_history_that_cannot_be_read(self, shell: Any) -> None:
        """A history that is no longer one is told in one sentence, and nothing of it is guessed."""
        shell.ready()
        tamper("X'7B7D'")  # {}
        result = shell("history", "bekasi")

        assert (2, 1) == (result.exit_code, result.stderr.count("\n"))
        assert "run verify" in result.stderr


class TestDiagram:
    """`diagram`."""

    def test_where_it_stands(self, shell: Any) -> None:
        """The place where an agreement stands is marked, and the way it went."""
        shell.approved()
        shell.done("send-back", "bekasi", "exploration", "again", *COUNCIL)
        drawn = shell.done("diagram", "bekasi")

        assert drawn.startswith("flowchart TD\n")
        assert 's0["Exploration<br/>Mayor<br/>◉ here, round 2"]:::here\n' in drawn
        assert 's1 ==> |"sent back ×1"| s0\n' in drawn

    def test_dot(self, shell: Any) -> None:
        """The same as DOT."""
        shell.start()

        assert shell.done("diagram", "bekasi", "--format", "dot").startswith("digraph stagegate {\n")

    def test_process_alone(self, shell: Any) -> None:
        """A process can be drawn without any agreement, and without a database."""
        drawn = shell.done("diagram", "--of", "city", "--lang", "ja")

        assert 's0["予備協議<br/>市長"]:::ahead\n' in drawn
        assert not Path("stagegate.db").exists()

    def test_json(self, shell: Any) -> None:
        """In JSON stand the format and the text."""
        data = shell.data("diagram", "--of", "city", "--version", "1")

        assert ("mermaid", True) == (data["format"], data["diagram"].startswith("flowchart TD\n"))

    @pytest.mark.parametrize(
        "args", [(), ("bekasi", "--of", "city"), ("--of", "nothing"), ("--of", "city", "--version", "9")]
    )
    def test_wrong_usage(self, shell: Any, args: tuple[str, ...]) -> None:
        """One thing is drawn, and it has to be there."""
        result = shell("diagram", *args)

        assert (2, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))


class TestProcesses:
    """`processes`."""

    def test_list(self, shell: Any) -> None:
        """Every process is a line, the built-in one among them."""
        printed = {row[0]: row for row in rows(shell.done("processes"))}

        assert ["city", "1", "City cooperation", "4", "City rule"] == printed["city"][:5]
        assert "8" == printed["id-ksdpl"][3]

    def test_one(self, shell: Any) -> None:
        """A process is told with its stages, its guards and where they come from, and how it can end."""
        printed = rows(shell.done("processes", "city"))

        assert ["stage", "council", "council", "exploration", ""] in printed
        assert ["guard", "exploration", "document:report", "document report", "", "Rule 1(2) · law"] in printed
        assert [
            "guard",
            "exploration",
            "fact:cost",
            "fact cost: at most 100",
            "council",
            "Rule 9 · practice",
        ] in printed
        assert [
            "guard",
            "council",
            "approval:council",
            "approval council: of report; quorum 1/2",
            "council",
            "",
        ] in printed
        assert ["guard", "audit", "document:audit", "document audit (warns only)", "", ""] in printed
        assert ["when", "audit", "fact:cost", "fact cost: above 50", "", ""] in printed
        assert ["outcome", "completed", "", "implementation", ""] in printed

    def test_built_in(self, shell: Any) -> None:
        """The built-in process is told whole: every guard with its rule, and what the law leaves open."""
        printed = rows(shell.done("processes", "id-ksdpl"))
        guards = {row[2]: row for row in printed if row[0] == "guard"}

        assert 8 == len([row for row in printed if row[0] == "stage"])
        assert {"exploration_report", "G03", "G10a", "G27"} <= set(guards)
        assert "PP 28/2018 Art 27(3)a · law" == guards["G03"][5]
        assert "reapproval" in [row[1] for row in printed if row[0] == "parameter"]

    def test_json(self, shell: Any) -> None:
        """In JSON a list has the same keys for every process, and one process its whole definition."""
        keys = ["id", "version", "digest", "label", "basis", "provenance", "stages"]
        several, one = shell.data("processes")["processes"], shell.data("processes", "city")

        assert [keys] * len(several) == [list(process) for process in several]
        assert [*keys, "definition"] == list(one)
        assert "exploration" == one["definition"]["stages"][0]["id"]

    def test_unknown(self, shell: Any) -> None:
        """A process that is not there is wrong usage; the answer says which there are."""
        result = shell("processes", "nothing")

        assert (2, "") == (result.exit_code, result.stdout)
        assert "city 1" in result.stderr


class TestLint:
    """`lint`."""

    def test_nothing_wrong(self, shell: Any) -> None:
        """A good definition is said to be so."""
        assert "city.toml: ok\n" == shell.done("lint", "city.toml")

    def test_every_fault_with_its_path(self, shell: Any) -> None:
        """Every fault of every file is a line with its path, and the exit code is 2."""
        Path("bad.toml").write_text(
            'id = "x"\nversion = "1"\n'
            '[[stages]]\nid = "a"\nowner = "o"\ngate = { fact = "f", nonsense = 1 }\nback_to = ["z"]\n'
            '[[stages]]\nid = "a"\nowner = "o"\n',
            encoding="utf-8",
        )
        result = shell("lint", "bad.toml", "city.toml")
        printed = result.stdout.splitlines()

        assert (2, "") == (result.exit_code, result.stderr)
        assert any(line.startswith("bad.toml: stages[0].gate") and "nonsense" in line for line in printed)
        assert any(line.startswith("bad.toml: stages[0].back_to") for line in printed)
        assert "city.toml: ok" == printed[-1]

    def test_in_the_order_of_the_file(self, shell: Any) -> None:
        """Faults come in the order of the file, whether they were found while reading it or while judging it."""
        Path("bad.toml").write_text(
            'id = "x"\nversion = "1"\n'
            '[[outcomes]]\nid = "gone"\nstages = ["nowhere"]\n'
            '[[stages]]\nid = "a"\nback_to = ["nowhere"]\nowner = "o"\ngate = { fact = "f" }\n'
            '[[stages]]\nid = "b"\nowner = "o"\nterm = "open"\non_expiry = "x"\n'
            "[roles]\no = 3\n",
            encoding="utf-8",
        )
        paths = [line.split(": ")[1] for line in shell("lint", "bad.toml").stdout.splitlines()]

        assert ["outcomes[0].stages[0]", "stages[0].back_to[0]", "stages[1].on_expiry", "roles.o"] == paths

    def test_calendar_nobody_has(self, shell: Any) -> None:
        """A calendar that is not there is a fault of the definition, wherever it is named."""
        Path("clock.json").write_text(
            '{"id": "x", "version": "1", "stages": [{"id": "a", "owner": "o", "gate": {"fact": "f"},'
            ' "within": {"workdays": 3, "calendar": "moon"}}, {"id": "b", "owner": "o"}]}'
        )
        (line,) = shell("lint", "clock.json").stdout.splitlines()

        assert line.startswith("clock.json: stages[0].within.calendar: there is no calendar 'moon'; there are ")

    @pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"id = ", b"[]", b"{"])
    def test_no_definition_at_all(self, shell: Any, content: bytes) -> None:
        """A file that is something else has faults like any other."""
        Path("odd.toml").write_bytes(content)
        result = shell("lint", "odd.toml")

        assert (2, "") == (result.exit_code, result.stderr)
        assert result.stdout.startswith("odd.toml: ")

    def test_missing_file(self, shell: Any) -> None:
        """A file that is not there is a fault of its own."""
        assert "none.toml: it cannot be read: No such file or directory\n" == shell("lint", "none.toml").stdout

    def test_json(self, shell: Any) -> None:
        """In JSON every file has its faults."""
        Path("bad.json").write_text('{"id": "x", "version": "1", "stages": []}', encoding="utf-8")
        result = shell("lint", "city.toml", "bad.json", "--json")
        good, bad = json.loads(result.stdout)["files"]

        assert ({"file": "city.toml", "ok": True, "faults": []}, 2) == (good, result.exit_code)
        assert ("bad.json", False, {"path", "message"}) == (bad["file"], bad["ok"], set(bad["faults"][0]))


@pytest.mark.parametrize(
    "gate,said",
    [
        ({"document": "report", "signed_by": 2, "label": {"en": "x"}, "basis": "y"}, "document report: signed by 2"),
        ({"any": [{"fact": "a"}, {"fact": "b"}]}, "any of (fact a; fact b)"),
        ({"all": [{"fact": "a"}], "id": "G1"}, "all of (fact a)"),
        ({"at_least": 1, "of": [{"fact": "a"}, {"fact": "b"}]}, "1 of (fact a; fact b)"),
        ({"not": {"fact": "a", "equals": True}}, "not (fact a: equals true)"),
        ({"when": {"fact": "a"}, "then": {"document": "b"}}, "if (fact a) then (document b)"),
        ({"parties": {"at_least": 2, "named": ["a", "b"]}}, "parties: at_least 2; named a, b"),
        ({"document": "a", "equals": {"result": "yes"}}, "document a: equals (result yes)"),
        ({"unguarded": "the mayor decides"}, "unguarded the mayor decides"),
        ({"parts": {"all": "b", "unless": ["out"]}}, "parts: all b; unless out"),
        ({"parts": {"each": {"fact": "a", "above": 1}}}, "parts: each (fact a: above 1)"),
        ({"track": "partner", "reached": "b"}, "track partner: reached b"),
        ({"document": "a", "within": {"months": 1, "since": "b.dated"}}, "document a; within 1 month since b.dated"),
        (
            {"any": [{"fact": "a"}], "within": {"workdays": 3, "roll": "next"}, "remind": ["1 workday"]},
            "any of (fact a); within 3 workdays (roll next); remind before 1 workday",
        ),
        ({"approval": "a", "silence": "refuses"}, "approval a; silence refuses"),
    ],
)
def test_what_a_requirement_asks(gate: dict[str, Any], said: str) -> None:
    """What a requirement asks for is told in one line, whatever it is composed of."""
    assert said == asked(gate)
