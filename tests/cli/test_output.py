from __future__ import annotations

import ast
import json
import os
import pty
import re
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from stagegate import cli
from stagegate.cli._lines import hang, longest, shared_out
from stagegate.cli._output import Cell, Out, clean
from stagegate.cli._settings import Settings
from stagegate.cli._words import LANGUAGES, WORDS, word

MAYOR = ("--as", "tri", "--role", "mayor")
COUNCIL = ("--as", "secretary", "--role", "council")

EVIL = "a\nb\tc\x1b[31mred\x07\u202etxt\u2028"


def on_terminal(shell: Any, *args: str, **env: str) -> str:
    """Run a command line on a terminal, and return what appears on it."""
    ours, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    wanted = plain | {"TERM": "xterm-256color", "COLUMNS": "120"} | env
    child = subprocess.Popen(
        [shell.program_path, *args], cwd=shell.folder, stdin=theirs, stdout=theirs, stderr=theirs, env=wanted
    )
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            shown += (part := os.read(ours, 65536))
        except OSError:  # the other end is closed
            break
        if not part:
            break
    os.close(ours)
    child.wait(60)
    return shown.decode()


def unstyled(shown: str) -> str:
    """Return what appeared on a terminal, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


class TestTerminal:
    """On a terminal."""

    def test_tables_and_labels(self, shell: Any) -> None:
        """A person gets tables with headings and labels, in the local time of the process."""
        shell.ready()
        shown = on_terminal(shell, "--process", "city.toml", "board")

        assert "┃" in shown
        assert re.search(
            r"│ bekasi +│ Bekasi – Izumisano +│ Exploration +│ Mayor +│ \d{4}-\d\d-\d\d \d\d:\d\d +│", shown
        )
        assert "\x1b[1m" in shown

    def test_no_color(self, shell: Any) -> None:
        """Who wants no colours gets none."""
        shell.ready()

        assert "\x1b[3" not in on_terminal(shell, "--process", "city.toml", "show", "bekasi", NO_COLOR="1")

    @pytest.mark.parametrize(
        "args",
        [
            ("show", "bekasi"),
            ("options", "bekasi"),
            ("history", "bekasi"),
            ("verify",),
            ("processes",),
            ("processes", "id-ksdpl"),
            ("board", "--counts"),
            ("advance", "bekasi", *MAYOR),
        ],
    )
    def test_every_answer_is_shown(self, shell: Any, args: tuple[str, ...]) -> None:
        """Every command has something to show on a terminal, and no traceback."""
        shell.ready()
        shown = on_terminal(shell, "--process", "city.toml", *args)

        assert len(shown) > 20
        assert "Traceback" not in shown
        assert "unexpected" not in shown

    def test_what_it_lacks(self, shell: Any) -> None:
        """What stands in the way is told with who can mend it and the rule; on file is what was brought."""
        shell.ready(cost="400")
        shown = on_terminal(shell, "--process", "city.toml", "show", "bekasi", "--lang", "id")

        assert "Wali Kota" in shown
        assert "untuk maju:" in shown
        assert "dapat dipenuhi oleh: DPRD (council)" in shown
        assert "report.pdf" in shown

    def test_parts_and_whole(self, shell: Any) -> None:
        """Parts are shown with labels in a table; what a part belongs to is called by its title, with where it stands."""
        shell.start()
        shell.done("start", "city", "bekasi/waste", "--title", "Waste", "--part-of", "bekasi", *MAYOR)
        given = ("--process", "city.toml", "show")
        whole = unstyled(on_terminal(shell, *given, "bekasi", "--lang", "ja"))
        part = unstyled(on_terminal(shell, *given, "bekasi/waste"))
        shell.done("end", "bekasi", "withdrawn", *MAYOR)

        assert re.search(r"│ bekasi/waste +│ 予備協議 +│ 市長 +│", whole)
        assert re.search(r"part of +Bekasi – Izumisano \(Exploration\)", part)
        assert "(withdrawn)" in unstyled(on_terminal(shell, *given, "bekasi/waste"))

    def test_what_has_ended(self, shell: Any) -> None:
        """What has ended is shown with its outcome, and asks for nothing any more."""
        shell.start()
        shell.done("end", "bekasi", "withdrawn", *MAYOR)
        shown = unstyled(on_terminal(shell, "--process", "city.toml", "show", "bekasi"))

        assert re.search(r"outcome +withdrawn", shown)
        assert "stands in the way" not in shown
        assert "to advance" not in shown

    def test_table_of_facts(self, shell: Any) -> None:
        """A fact that is a table is shown an entry a line, without the marks of JSON."""
        shell.done("start", "city", "b", "--party", "id=x,name=Kota X", *MAYOR)
        shell.done("record", "b", "sectors", '{"waste": {"level": "city"}, "names": ["a", "b"], "none": []}', *MAYOR)
        shown = unstyled(on_terminal(shell, "--process", "city.toml", "show", "b"))

        assert re.search(r"│ sectors │ names: a, b +│\r\n│ +│ none: – +│\r\n│ +│ waste: level city +│", shown)
        assert re.search(r"parties +Kota X", shown)

    def test_nobody_can_paint_the_terminal(self, shell: Any) -> None:
        """What others wrote cannot colour, move or reverse what a reader sees."""
        shell.done("start", "city", "b", "--title", EVIL, *MAYOR)
        shell.done("note", "b", EVIL, *MAYOR)
        for command in ("board", "show", "history"):
            args = (command,) if command == "board" else (command, "b")
            shown = on_terminal(shell, "--process", "city.toml", *args)

            assert "\x1b[31m" not in shown
            assert "\u202e" not in shown
            assert "\\x1b" in shown


CLOCKED = [
    ("show", "tie"),
    ("options", "tie"),
    ("deadlines", "tie"),
    ("deadlines", "tie", "stage:council"),
    ("forecast", "tie"),
    ("board", "--overdue"),
    ("history", "tie"),
    ("processes", "tie"),
    ("sweep",),
    ("show", "signed"),
]


class TestClock:
    """On a terminal: what is due."""

    @pytest.fixture
    def clocked(self, tie: Any) -> Any:
        """Return a shell on one that is overdue, one that has been signed and one that has just begun."""
        tie.asked()
        tie.done("sweep")
        tie.signed("signed")
        tie.done("start", "tie", "new", *MAYOR)
        return tie

    @pytest.mark.parametrize("lang", LANGUAGES)
    def test_every_answer_is_shown(self, clocked: Any, lang: str) -> None:
        """Every command about time has something to show in every language, within the width of the terminal."""
        for args in CLOCKED:
            shown = unstyled(on_terminal(clocked, *clocked.given, *args, "--lang", lang, COLUMNS="50"))

            assert len(shown) > 5, args
            assert "unexpected" not in shown, args
            assert all(cell_len(line) <= 50 for line in shown.splitlines()), args

    def test_what_is_due(self, clocked: Any) -> None:
        """A person is told what is due by its label, the date, how it is, the rule and the calendar."""
        shown = unstyled(on_terminal(clocked, *clocked.given, "deadlines", "tie"))

        assert re.search(
            r"│ Council approval │ 2025-01-15 │ overdue for \d+ days │ 5 workdays since letter.received_on │ town 1 +│",
            shown,
        )
        assert "nothing is due" in on_terminal(clocked, *clocked.given, "deadlines", "new")

    def test_in_other_words(self, clocked: Any) -> None:
        """The words between ids and dates are the reader's."""
        shown = unstyled(on_terminal(clocked, *clocked.given, "history", "tie", "--lang", "id", COLUMNS="160"))

        assert "lewatnya waktu" in shown
        assert "office for: karena sikap diam, requirement:approval:office jatuh tempo 2025-01-11 (Rule 32)" in shown
        assert "tindak lanjut kini juga oleh mayor" in shown

    def test_recomputed(self, clocked: Any) -> None:
        """What was reckoned again is a table of the old dates and the new ones; where nothing was, that is said."""
        same = on_terminal(clocked, *clocked.given, "recompute", "tie", *MAYOR, "--lang", "ja")
        clocked.calendar.write_text('id = "town"\nversion = "2"\n')
        shown = unstyled(on_terminal(clocked, *clocked.given, "recompute", "tie", *MAYOR))

        assert "何も記録されていない" in same
        assert re.search(r"│ Council approval │ 2025-01-15 │ 2025-01-14 │", shown)

    def test_earliest_course(self, clocked: Any) -> None:
        """A forecast is a table, with what is still to be done for the first gate below it."""
        shown = unstyled(on_terminal(clocked, *clocked.given, "forecast", "new", "--silent", "council"))

        assert "takes all the time there is: 5 workdays (Rule 30)" in shown
        assert "to advance:\r\n  1. the document letter is missing" in shown

    def test_narrow(self, clocked: Any) -> None:
        """Where a table would break its words, it is told line by line; options are, wherever a table is cramped."""
        narrow = unstyled(on_terminal(clocked, *clocked.given, "deadlines", "tie", COLUMNS="50"))
        eighty = unstyled(on_terminal(clocked, *clocked.given, "options", "tie", COLUMNS="80"))
        wide = unstyled(on_terminal(clocked, *clocked.given, "options", "tie"))

        assert "Council approval\r\n  due: 2025-01-15\r\n  when: overdue for" in narrow
        assert "│" not in eighty
        assert "advance → Running: shut (Council, Mayor)\r\n  1. 0 of 1 approvals of council are given\r\n" in eighty
        assert "     rule: Rule 31\r\n" in eighty
        assert "┃ who may" in wide


class TestWidths:
    """How a table finds room."""

    @pytest.mark.parametrize(
        "wanted,needed,room,widths",
        [
            ([5, 40], [3, 8], 100, [5, 40]),
            ([5, 40], [3, 8], 30, [5, 25]),
            ([40, 40], [10, 10], 60, [30, 30]),
            ([3, 8], [3, 8], 11, [3, 8]),
            ([3, 8], [3, 8], 10, None),
        ],
    )
    def test_shared_out(self, wanted: list[int], needed: list[int], room: int, widths: list[int] | None) -> None:
        """Each column gets what it needs; what is left is shared alike, until a column has all it wants."""
        assert widths == shared_out(wanted, needed, room)

    def test_longest(self) -> None:
        """What no line may break is a word; between wide letters a line may end anywhere."""
        assert (7, 2, 0) == (longest("one or another"), longest("協力協力"), longest(""))

    def test_hanging(self) -> None:
        """What does not fit goes on under its line, by as much as that is moved in."""
        assert ["  1. one two three", "     four"] == list(hang("  1. one two three four", 24))
        assert [""] == list(hang(" ", 24))


class TestPipe:
    """In a pipe."""

    @pytest.mark.parametrize(
        "args", [("show", "b"), ("options", "b"), ("board",), ("history", "b"), ("verify",), ("processes", "city")]
    )
    def test_plain_lines(self, shell: Any, args: tuple[str, ...]) -> None:
        """A pipe gets no colours, no boxes, no headings: lines with tabs, whatever was recorded."""
        shell.done("start", "city", "b", "--title", EVIL, *MAYOR)
        printed = shell.program("--process", "city.toml", *args).stdout

        assert printed
        assert not re.search("[\x1b┃│\u202e\u2028]", printed)
        assert all("\t" in line for line in printed.splitlines())

    def test_forced_colours_stay_out(self, shell: Any) -> None:
        """Scripts get the same lines even where colours are forced upon programs."""
        shell.start()
        env = os.environ | {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}

        assert "\x1b" not in shell.program("--process", "city.toml", "show", "bekasi", env=env).stdout

    def test_a_title_forges_no_line(self, shell: Any) -> None:
        """What others wrote stays within its column and its line."""
        shell.done("start", "city", "b", "--title", "x\nfake\trow", *MAYOR)

        assert ["b", "x\\nfake\\trow"] == shell.done("board").split("\t")[:2]
        assert 1 == len(shell.done("board").splitlines())

    def test_nobody_reads_to_the_end(self, shell: Any) -> None:
        """Where the reader leaves, the program ends quietly, and its exit code still tells what was done."""
        shell.start()
        for args, code in ((("history", "bekasi"), 0), (("--help",), 0), (("advance", "bekasi", *MAYOR, "--json"), 1)):
            reads, writes = os.pipe()
            os.close(reads)
            ended = shell.program("--process", "city.toml", *args, stdout=writes)
            os.close(writes)

            assert code == ended.returncode, args
            assert "Error" not in ended.stderr
            assert "Traceback" not in ended.stderr

    def test_nobody_reads_the_errors(self, shell: Any) -> None:
        """A refusal leaves with its code even where nobody hears why."""
        shell.start()
        reads, writes = os.pipe()
        os.close(reads)
        ended = shell.program("--process", "city.toml", "advance", "bekasi", *MAYOR, stderr=writes)
        os.close(writes)

        assert (1, "") == (ended.returncode, ended.stdout)

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device here")  # noqa: PTH110  no Path yet
    def test_full_disk(self, shell: Any) -> None:
        """An answer that cannot be written is told in one sentence."""
        shell.start()
        with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123  a device
            ended = shell.program("--process", "city.toml", "history", "bekasi", stdout=full)

        assert (2, 1) == (ended.returncode, ended.stderr.count("\n"))
        assert "No space left" in ended.stderr

    def test_encoding_that_knows_no_japanese(self, shell: Any) -> None:
        """What the encoding of the output cannot say is written out; JSON stays JSON."""
        shell.done("start", "city", "b", "--title", "協力 é 😀", *MAYOR)
        env = os.environ | {"PYTHONIOENCODING": "latin-1"}
        plain = shell.program("--process", "city.toml", "board", env=env, encoding="latin-1")
        data = shell.program("--process", "city.toml", "board", "--json", env=env)

        assert (0, "") == (plain.returncode, plain.stderr)
        assert "\\u5354\\u529b é \\U0001f600" in plain.stdout
        assert "協力 é 😀" == json.loads(data.stdout)["agreements"][0]["title"]


class TestLanguages:
    """`--lang`."""

    @pytest.mark.parametrize(
        "lang,expected",
        [
            ("en", ["bekasi: advance is refused (recorded as event 2)", "can be mended by: Mayor (mayor)", "· law"]),
            (
                "id",
                [
                    "bekasi: advance ditolak (dicatat sebagai peristiwa 2)",
                    "dipenuhi oleh: Wali Kota (mayor)",
                    "· hukum",
                ],
            ),
            ("ja", ["bekasi：「advance」は認められない (イベント2として記録)", "対応できる者: 市長 (mayor)", "· 法令"]),
        ],
    )
    def test_refusal(self, shell: Any, lang: str, expected: list[str]) -> None:
        """A refusal speaks the language that was asked for, labels and reasons included."""
        shell.start()
        result = shell("advance", "bekasi", *MAYOR, "--lang", lang)

        assert 1 == result.exit_code
        for said in expected:
            assert said in result.stderr

    @pytest.mark.parametrize("lang,said", [("id", "dokumen report belum ada"), ("ja", "report")])
    def test_reasons_are_translated(self, shell: Any, lang: str, said: str) -> None:
        """The reasons of the library come in that language too."""
        shell.start()
        unmet = json.loads(shell("options", "bekasi", "--lang", lang, "--json").stdout)["options"][0]["unmet"]

        assert said in unmet[0]["text"]
        assert "the document report is missing" != unmet[0]["text"]

    def test_ids_stay(self, shell: Any) -> None:
        """In a pipe ids stay ids in every language, so that scripts do not have to speak them all."""
        shell.start()

        assert shell.done("board", "--lang", "ja") == shell.done("board", "--lang", "id")

    def test_environment(self, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The language can be said once, in the environment; the command line goes before."""
        shell.start()
        monkeypatch.setenv("STAGEGATE_LANG", "ja")

        assert "予備協議" == shell.data("show", "bekasi")["stage_label"]
        assert "Penjajakan" == shell.data("show", "bekasi", "--lang", "id")["stage_label"]

    def test_unknown_language(self, shell: Any) -> None:
        """A language that is not spoken is wrong usage."""
        assert 2 == shell("board", "--lang", "xx").exit_code

    @pytest.mark.parametrize("english", WORDS)
    def test_every_word_is_translated(self, english: str) -> None:
        """Every word of the command line is there in every language, with the same places to fill."""
        places = set(re.findall(r"\{\w+\}", english))

        assert len(LANGUAGES) - 1 == len(WORDS[english])
        assert all(said and places == set(re.findall(r"\{\w+\}", said)) for said in WORDS[english])

    def test_every_word_that_is_said_is_there(self) -> None:
        """What the commands say and what stands above their columns is among the words, so that no language is cut short."""
        said: set[str] = set()
        for file in Path(cli.__file__).parent.glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                called = getattr(node, "func", None)
                name = getattr(called, "attr", getattr(called, "id", ""))
                arguments = getattr(node, "args", [])
                if name == "word" and arguments:
                    said |= {arguments[0].value} if isinstance(arguments[0], ast.Constant) else set()
                elif name in {"table", "_table"} and len(arguments) > 1 and isinstance(arguments[1], ast.Tuple):
                    said |= {part.value for part in arguments[1].elts if isinstance(part, ast.Constant)}

        assert len(said) > 50
        assert set() == said - set(WORDS)

    def test_word_is_filled(self) -> None:
        """The places of a word are filled in every language."""
        assert ["recorded as event 3", "dicatat sebagai peristiwa 3", "イベント3として記録"] == [
            word("recorded as event {n}", lang, n=3) for lang in LANGUAGES
        ]


class TestOptionsForAll:
    """`--db`, `--json` and the others, which every command takes."""

    def test_before_and_behind(self, shell: Any) -> None:
        """They may stand before the command or behind it; what stands behind goes before."""
        shell.start()
        shell("--db", "sqlite:///other.db", "start", "city", "x", *MAYOR)

        assert "x" == json.loads(shell("--json", "--db", "sqlite:///other.db", "show", "x").stdout)["id"]
        assert (
            "x"
            == json.loads(
                shell("--db", "sqlite:///none.db", "show", "x", "--db", "sqlite:///other.db", "--json").stdout
            )["id"]
        )

    def test_environment(self, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The database can be named in the environment; the command line goes before."""
        monkeypatch.setenv("STAGEGATE_DB", "sqlite:///env.db")
        shell.start()
        shell("start", "city", "other", "--db", "sqlite:///line.db", *MAYOR)

        assert (True, True, False) == tuple(
            (shell.folder / name).exists() for name in ("env.db", "line.db", "stagegate.db")
        )

    def test_every_command_answers_in_json(self, shell: Any) -> None:
        """Whatever is asked with `--json`, the answer on stdout is one JSON text."""
        shell.approved()
        for args in (
            ("processes",),
            ("lint", "city.toml"),
            ("show", "bekasi"),
            ("options", "bekasi"),
            ("note", "bekasi", "x", *MAYOR),
            ("hold", "bekasi", "x", *COUNCIL),
            ("resume", "bekasi", *COUNCIL),
            ("advance", "bekasi", *MAYOR),
            ("board",),
            ("history", "bekasi"),
            ("verify",),
            ("diagram", "bekasi"),
            ("deliver",),
        ):
            assert isinstance(shell.data(*args), dict), args


@pytest.mark.parametrize(
    "said,shown",
    [
        ("plain – 協力 é", "plain – 協力 é"),
        ("a\tb\nc\rd", "a\\tb\\nc\\rd"),
        ("\x1b[0m", "\\x1b[0m"),
        ("\x85\x9b", "\\x85\\x9b"),
        ("\u202e\u2066\u200f", "\\u202e\\u2066\\u200f"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("全角　空白", "全角　空白"),
        ("क्‍ष", "क्‍ष"),
    ],
)
def test_clean(said: str, shown: str) -> None:
    """What is no letter to draw is written out; letters of every script stay."""
    assert shown == clean(said)


def test_cells_are_read_two_ways(capsys: pytest.CaptureFixture[str]) -> None:
    """A cell is an id for a program; what is not there is empty."""
    Out(Settings()).table("", ("stage", "owner"), [(Cell("a", "Label of a"), None), (3, "x")])

    assert "a\t\n3\tx\n" == capsys.readouterr().out
