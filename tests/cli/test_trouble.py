"""Wrong usage, bad input and trouble: one clear sentence on stderr, exit code 2, nothing lost."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stagegate import OutcomeUnknown
from stagegate.cli import main
from stagegate.cli._commands import stagegate
from stagegate.cli._errors import error_data
from stagegate.cli._settings import Settings

MAYOR = ("--as", "tri", "--role", "mayor")


def sentence(result: Any) -> str:
    """Return the one sentence of a command that failed and printed nothing else."""
    code = getattr(result, "exit_code", getattr(result, "returncode", None))

    assert (2, "", 1) == (code, result.stdout, result.stderr.count("\n")), result.stderr
    assert "Traceback" not in result.stderr
    return str(result.stderr)


class TestUsage:
    """What is asked for wrongly."""

    @pytest.mark.parametrize(
        "args",
        [
            ("nonsense",),
            ("show",),
            ("show", "a", "b"),
            ("show", "a", "--nonsense"),
            ("board", "--limit", "0"),
            ("board", "--limit", "many"),
            ("board", "--state", "asleep"),
            ("history", "a", "--after", "-1"),
            ("lint",),
            ("start", "city", "a", *MAYOR, "--expect", "1"),
            ("advance", "a", *MAYOR, "--expect", "0"),
            ("attach", "a", "f", *MAYOR),
            ("deadlines",),
            ("forecast", "a", "--assume", "soon"),
            ("sweep", "now"),
            ("sweep", "--at", "tomorrow"),
            ("recompute", "a"),
            ("renew", "a", "b", "c", *MAYOR),
            ("amend", "a", "f", "--kind", "k", *MAYOR),
        ],
    )
    def test_one_sentence(self, shell: Any, args: tuple[str, ...]) -> None:
        """Wrong usage is told in one sentence, with the way to help where it was a command's."""
        assert sentence(shell(*args)).startswith("stagegate: ")

    def test_help(self, shell: Any) -> None:
        """Every command explains itself."""
        for name in stagegate.commands:
            result = shell(name, "-h")

            assert (0, "") == (result.exit_code, result.stderr)
            assert result.stdout.startswith(f"Usage: stagegate {name} ")

    def test_version(self, shell: Any) -> None:
        """The program says which version it is."""
        assert shell("--version").stdout.startswith("stagegate, version ")

    def test_nothing_asked(self, shell: Any) -> None:
        """Asked for nothing, it explains itself, and leaves with 2."""
        result = shell.program()

        assert 2 == result.returncode
        assert "Usage: stagegate" in result.stdout + result.stderr

    def test_every_command_is_listed(self, shell: Any) -> None:
        """The help of the program lists each command once, with the whole of its first sentence."""
        _, _, listed = shell("--help").stdout.partition("\nBegin:\n")

        assert sorted(stagegate.commands) == sorted(re.findall(r"(?m)^  ([a-z-]+)  ", listed))
        assert "..." not in listed

    def test_commands_of_a_group(self, shell: Any) -> None:
        """The help of a group tells the whole of what each of its commands does."""
        _, _, listed = shell("outbox", "--help").stdout.partition("\nCommands:\n")

        assert ["list", "show", "requeue", "hold", "release", "held"] == re.findall(r"(?m)^  ([a-z-]+)  ", listed)
        assert "..." not in listed


class TestInput:
    """What cannot be recorded or found."""

    @pytest.mark.parametrize(
        "args",
        [
            ("show", "nobody"),
            ("options", "nobody"),
            ("history", "nobody"),
            ("verify", "nobody"),
            ("diagram", "nobody"),
            ("deadlines", "nobody"),
            ("forecast", "nobody"),
            ("recompute", "nobody", *MAYOR),
            ("renew", "nobody", *MAYOR),
            ("renew", "bekasi", *MAYOR),
            ("amend", "nobody", "city.toml", "--kind", "report", "--reason", "x", *MAYOR),
            ("amend", "bekasi", "city.toml", "--kind", "report", "--reason", "x", *MAYOR),
            ("advance", "nobody", *MAYOR),
            ("advance", "nobody", *MAYOR, "--expect", "1"),
            ("note", "nobody", "x", *MAYOR),
            ("start", "nothing", "x", *MAYOR),
            ("start", "city", "x", "--version", "9", *MAYOR),
            ("start", "city", "bekasi", *MAYOR),
            ("start", "city", "", *MAYOR),
            ("start", "city", " x ", *MAYOR),
            ("start", "city", "a\nb", *MAYOR),
            ("start", "city", "x", "--title", "\ud800", *MAYOR),
            ("start", "city", "x", "--title", "a" * 70_000, *MAYOR),
            ("show", "bekasi\udcff"),
            ("attach", "bekasi", "missing.pdf", "--kind", "report", *MAYOR),
            ("attach", "bekasi", ".", "--kind", "report", *MAYOR),
            ("attach", "bekasi", "city.toml", "--kind", "報告", *MAYOR),
            ("record", "bekasi", "", "1", *MAYOR),
            ("record", "bekasi", "cost", "\udcff", *MAYOR),
            ("hold", "bekasi", " ", *MAYOR),
            ("send-back", "bekasi", "exploration", "why", *MAYOR),
            ("approve", "bekasi", "--result", "members=1", "--result", "present=2", "--as", "x", "--role", "council"),
            ("show", "bekasi", "--plugin", "no-such-plugin"),
            ("show", "bekasi", "--process", "missing.toml"),
        ],
    )
    def test_bad_input(self, shell: Any, args: tuple[str, ...]) -> None:
        """Bad input is told in one sentence, and nothing is recorded."""
        shell.start()
        sentence(shell(*args))

        assert 1 == shell.data("show", "bekasi")["n"]

    def test_every_fault_of_a_definition(self, shell: Any) -> None:
        """A definition that cannot be used is told fault by fault, a line each."""
        shell.start()
        Path("bad.toml").write_text('id = "x"\nversion = ""\nstages = []\n', encoding="utf-8")
        result = shell("board", "--process", "bad.toml")

        assert (2, "") == (result.exit_code, result.stdout)
        assert len(result.stderr.splitlines()) > 1
        assert all(line.startswith("stagegate: bad.toml: ") for line in result.stderr.splitlines())

    def test_in_json(self, shell: Any) -> None:
        """With `--json` an error stands on stdout as JSON, and its sentence on stderr."""
        shell.start()
        result = shell("show", "nobody", "--json")

        assert 2 == result.exit_code
        assert {"error": {"kind": "NotFound", "message": "there is no agreement 'nobody'"}} == json.loads(result.stdout)
        assert "stagegate: there is no agreement 'nobody'\n" == result.stderr

    def test_faults_in_json(self, shell: Any) -> None:
        """The faults of a definition stand in JSON with their paths."""
        shell.start()
        Path("bad.toml").write_text('id = "x"\nversion = "1"\nstages = []\nnonsense = 1\n', encoding="utf-8")
        error = json.loads(shell("board", "--process", "bad.toml", "--json").stdout)["error"]

        assert "DefinitionError" == error["kind"]
        assert "nonsense" in [fault["path"] for fault in error["faults"]]

    @pytest.mark.parametrize(
        "asked, where",
        [
            (("history", "a", "--after=-1", "--json"), "Invalid value for '--after': -1 is not in the range x>=0."),
            (("--json", "history", "a", "--after=-1"), "Invalid value for '--after': -1 is not in the range x>=0."),
            (("history", "a", "--befor=1", "--json"), "No such option '--befor'."),
            (("histroy", "a", "--json"), "No such command 'histroy'"),
            (("history", "--json"), "Missing argument 'AGREEMENT'"),
        ],
    )
    def test_asked_wrongly_in_json(self, asked: tuple[str, ...], where: str, shell: Any) -> None:
        """What was asked for wrongly is told in JSON wherever `--json` stands, and says where the fault is."""
        result = shell(*asked)

        assert 2 == result.exit_code
        assert json.loads(result.stdout)["error"]["message"].startswith(where)

    def test_json_as_an_argument(self, shell: Any) -> None:
        """What stands behind `--` is no option."""
        result = shell("history", "--after=-1", "--", "--json")

        assert (2, "") == (result.exit_code, result.stdout)

    def test_bytes_that_are_no_text(self, shell: Any) -> None:
        """Arguments that are no text in any encoding are refused, and the answer can be read."""
        shell.start()

        assert "no character" in sentence(shell.program("show", b"bekasi\xff", encoding="utf-8"))


class TestStore:
    """Databases that are not there, not ours, or not well."""

    @pytest.mark.parametrize(
        "args",
        [
            ("show", "x"),
            ("board",),
            ("history", "x"),
            ("verify",),
            ("deliver",),
            ("advance", "x", *MAYOR),
            ("diagram", "x"),
        ],
    )
    def test_no_database(self, shell: Any, args: tuple[str, ...]) -> None:
        """A question about a database that is not there is a mistake, and makes none."""
        assert "there is no database stagegate.db" in sentence(shell(*args))
        assert not Path("stagegate.db").exists()

    def test_no_folder(self, shell: Any) -> None:
        """A database in a folder that is not there cannot be made."""
        assert "none/x.db" in sentence(shell("start", "city", "x", "--db", "sqlite:///none/x.db", *MAYOR))

    @pytest.mark.parametrize("content", [b"not a database, but long enough to be taken for one" * 100, b"short"])
    def test_not_a_database(self, shell: Any, content: bytes) -> None:
        """A file that is something else is left as it is."""
        Path("x.db").write_bytes(content)
        sentence(shell("board", "--db", "sqlite:///x.db"))

        assert content == Path("x.db").read_bytes()

    def test_somebody_elses_database(self, shell: Any) -> None:
        """The database of another program is left as it is."""
        with sqlite3.connect("x.db") as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        before = Path("x.db").read_bytes()

        assert "belongs to something else" in sentence(shell("start", "city", "x", "--db", "sqlite:///x.db", *MAYOR))
        assert before == Path("x.db").read_bytes()

    def test_newer_schema(self, shell: Any) -> None:
        """A database of a newer version is left as it is."""
        shell.start()
        with sqlite3.connect("stagegate.db") as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        before = Path("stagegate.db").read_bytes()

        assert "newer" in sentence(shell("advance", "bekasi", *MAYOR))
        assert before == Path("stagegate.db").read_bytes()

    @pytest.mark.parametrize("url", ["sqlite:///", "sqlite://", "nonsense", "", "ftp://x/y", "sqlite:///x.db?wrong=1"])
    def test_url_that_names_nothing(self, shell: Any, url: str) -> None:
        """A url that nobody understands is refused, and no file is made."""
        before = sorted(shell.folder.iterdir())

        assert "" != sentence(shell("start", "city", "x", "--db", url, *MAYOR))
        assert before == sorted(shell.folder.iterdir())

    def test_damaged_snapshot(self, shell: Any) -> None:
        """Where what is stored cannot be read, that is said, and the history can still be looked at."""
        shell.start()
        with sqlite3.connect("stagegate.db") as connection:
            connection.execute("UPDATE agreement SET snapshot = X'00'")
        connection.close()

        sentence(shell("show", "bekasi"))
        assert 1 == len(shell.done("history", "bekasi").splitlines())
        assert 1 == shell("verify").exit_code

    def test_store_that_forgets(self, shell: Any) -> None:
        """A store in memory begins empty every time."""
        assert "" == shell.done("board", "--db", "memory:")


class TestSurprises:
    """What nobody expects."""

    def test_bug(self, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Even a fault of the program's own is one sentence, and no traceback."""

        def fail(*_: Any, **__: Any) -> None:
            raise KeyError("surprise")

        monkeypatch.setattr(Settings, "open", fail)

        assert "something unexpected went wrong (KeyError: 'surprise')" in sentence(shell("board"))

    def test_interrupt(self, shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who interrupts it gets the exit code that shells expect, and no traceback."""

        def interrupt(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Settings, "open", interrupt)
        result = shell("board")

        assert (130, "") == (result.exit_code, result.stdout)
        assert "Traceback" not in result.stderr

    @pytest.mark.parametrize("missing", ["click", "rich"])
    def test_not_installed(self, folder: Path, missing: str) -> None:
        """Without what it is made of, the program says how to install it."""
        script = f"import sys; sys.modules[{missing!r}] = None; from stagegate.cli import main; main()"
        result = subprocess.run(
            [sys.executable, "-c", script, "demo"], cwd=folder, capture_output=True, encoding="utf-8", check=False
        )

        assert f"the command line needs {missing}; install stagegate with its extra [cli]" in sentence(result)

    def test_missing_part_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Something else that is missing is not taken for an extra that was not installed."""
        monkeypatch.setitem(sys.modules, "stagegate.cli._commands", None)

        with pytest.raises(ModuleNotFoundError, match="_commands"):
            main()

    def test_outcome_that_is_not_known(self) -> None:
        """Where it cannot be said whether a change was made, the answer names the request to repeat."""
        data = error_data(OutcomeUnknown("the disk went away", "r-1"), "en")["error"]

        assert ("OutcomeUnknown", "r-1") == (data["kind"], data["request_id"])
        assert "repeat the call with request_id='r-1'" in data["message"]

    def test_exit_codes_of_the_program(self, shell: Any) -> None:
        """The program itself leaves with 0, 1 and 2, as the shell sees them."""
        program = ("--process", "city.toml")

        assert 0 == shell.program(*program, "start", "city", "b", *MAYOR).returncode
        assert 1 == shell.program(*program, "advance", "b", *MAYOR).returncode
        assert 2 == shell.program(*program, "advance", "c", *MAYOR).returncode

    def test_folder_for_a_file(self, shell: Any) -> None:
        """A folder in the place of a definition is a fault like any other."""
        shell.start()
        Path("folder.toml").mkdir()

        assert "cannot be read" in sentence(shell("board", "--process", "folder.toml"))
