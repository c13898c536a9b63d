"""The file of settings: what is the same for every command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stagegate.cli._filed import read_settings

from .conftest import DEFINITION, Shell

MAYOR = ("--as", "tri", "--role", "mayor")

OFFICE = '''
from pathlib import Path

from stagegate import Notification, hookimpl


class Office:
    """Writes what it is told to a file, under a password of its own."""

    name = "office"

    def __init__(self, to="nowhere", password=""):
        self.to, self.password = to, password

    def configured(self, *, to, password="", password_file=None):
        if password == "hunter2":
            raise ValueError("the password is too weak")
        return Office(to, Path(password_file).read_text() if password_file else password)

    @hookimpl
    def stagegate_notify(self, event, agreement):
        yield Notification(channel="office", kind=event.kind, to=self.to)

    @hookimpl
    def stagegate_deliver(self, notification):
        with open(self.to, "a") as file:
            file.write(f"{notification.kind} {self.password}\\n")
        return True


office = Office()
'''

SETTINGS = """
db = "sqlite:///agreements.db?timeout=5"
processes = ["city.toml"]
plugins = ["log"]

[[plugin]]
plugin = "office"
to = "letters.txt"
password_file = "secret.txt"
"""


@pytest.fixture
def office(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what runs command lines beside a folder with settings, a definition, and an installed channel."""
    etc = folder / "etc with space"
    etc.mkdir()
    (etc / "city.toml").write_text(DEFINITION, encoding="utf-8")
    (etc / "secret.txt").write_text("s3cret", encoding="utf-8")
    (etc / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    Path("head_office.py").write_text(OFFICE, encoding="utf-8")
    about = Path("head_office-1.0.dist-info")
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: head-office\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[stagegate]\noffice = head_office:office\n")
    monkeypatch.syspath_prepend(str(folder))
    yield Shell(etc, etc / "settings.toml")
    sys.modules.pop("head_office", None)


def run(office: Any, *args: str) -> Any:
    """Run a command line with the settings."""
    return office("--settings", str(office.definition), *args, process=False)


def done(office: Any, *args: str) -> str:
    """Run one that has to succeed; return what it printed."""
    result = run(office, *args)

    assert 0 == result.exit_code, result.output
    return str(result.stdout)


class TestWhatItSays:
    """What a file of settings can say."""

    def test_everything(self, office: Any) -> None:
        """Where the agreements are, the processes and the plugins: files are looked for from where the settings lie."""
        done(office, "start", "city", "a", *MAYOR)
        said = done(office, "deliver")

        assert said.startswith("delivered\t2\n")
        assert (office.folder / "agreements.db").exists()
        assert "started s3cret\n" == Path("letters.txt").read_text()

    def test_environment(self, office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """It can be named once, in the environment."""
        monkeypatch.setenv("STAGEGATE_SETTINGS", str(office.definition))

        assert 0 == office("start", "city", "a", *MAYOR, process=False).exit_code
        assert "a\t" in office("board", process=False).stdout

    def test_behind_the_command(self, office: Any) -> None:
        """It may stand behind the name of the command, like every option that all commands share."""
        result = office("start", "city", "a", *MAYOR, "--settings", str(office.definition), process=False)

        assert 0 == result.exit_code
        assert (office.folder / "agreements.db").exists()

    def test_absolute_database(self, office: Any) -> None:
        """A database that is named from the root is where it says, and one that is no file is left alone."""
        office.definition.write_text(f'db = "sqlite:///{office.folder}/x.db"\nprocesses = ["city.toml"]\n')
        done(office, "start", "city", "a", *MAYOR)
        assert (office.folder / "x.db").exists()
        office.definition.write_text('db = "nowhere://x"\n')
        assert "no plugin opens 'nowhere' urls" in run(office, "board").stderr

    def test_mark_of_an_editor(self, office: Any) -> None:
        """The mark by which some editors say UTF-8 is no part of what stands in it."""
        office.definition.write_text('db = "memory:"\n', encoding="utf-8-sig")

        assert 0 == run(office, "board").exit_code

    def test_calendars(self, office: Any) -> None:
        """Calendars are files as well."""
        (office.folder / "town.toml").write_text('id = "town"\nversion = "1"\n')
        (office.folder / "tie.toml").write_text(
            'id = "tie"\nversion = "1"\ncalendar = "town"\n[[stages]]\nid = "a"\nowner = "mayor"\n'
            'gate = { document = "x" }\nwithin = { workdays = 3 }\n[[stages]]\nid = "b"\nowner = "mayor"\n'
        )
        office.definition.write_text('processes = ["tie.toml"]\ncalendars = ["town.toml"]\n')
        done(office, "start", "tie", "a", *MAYOR, "--at", "2025-01-06T09:00+00:00")

        assert "town 1" in done(office, "deadlines", "a")

    def test_who_is_told(self, office: Any) -> None:
        """Who is told stands in it as in a file of subscriptions: by whom, where, in which words."""
        told = """
        messages = ["letters.toml"]
        [[subscription]]
        channel = "post"
        role = "mayor"
        lang = "id"
        [addresses]
        mayor = ["tri@example.org", "office@example.org"]
        """
        letters = 'lang = "id"\n[messages."agreement.started"]\nsubject = "Untuk $agreement"\ntext = "Silakan."\n'
        (office.folder / "letters.toml").write_text(letters, encoding="utf-8")
        office.definition.write_text('processes = ["city.toml"]\n' + told, encoding="utf-8")
        done(office, "start", "city", "a", "--db", "sqlite:///a.db", *MAYOR)
        rows = json.loads(done(office, "outbox", "list", "--db", "sqlite:///a.db", "--json"))["notifications"]
        said = json.loads(done(office, "outbox", "show", rows[0]["id"], "--db", "sqlite:///a.db", "--json"))

        assert ["post:office@example.org", "post:tri@example.org"] == sorted(f"{r['channel']}:{r['to']}" for r in rows)
        assert {("agreement.started", "id")} == {(row["kind"], row["lang"]) for row in rows}
        assert "Untuk a" == said["message"]["subject"]

    def test_files_of_plugins(self, office: Any) -> None:
        """What a plugin takes under a key that ends in `file` is a file, one or several, at any depth; all else is not."""
        office.definition.write_text(
            '[[plugin]]\nplugin = "x"\nhost = "h"\ncafile = "a.pem"\nsecret_file = ["b", "/c"]\nport = 5\n'
            'targets = [{ file = "d", name = "e" }]\n[plugin.to]\nkey_file = "f"\nfiles = ["g"]\n'
        )
        (table,) = read_settings(office.definition).plugins

        assert {
            "plugin": "x",
            "host": "h",
            "cafile": f"{office.folder}/a.pem",
            "secret_file": [f"{office.folder}/b", "/c"],
            "port": 5,
            "targets": [{"file": f"{office.folder}/d", "name": "e"}],
            "to": {"key_file": f"{office.folder}/f", "files": ["g"]},
        } == table

    def test_waker(self, office: Any) -> None:
        """By what the engine is woken is handed to it as it is."""
        office.definition.write_text('wake = "bell://tower"\n')
        Path("stagegate.db").touch()

        assert "no plugin wakes by 'bell' urls" in run(office, "board", "--db", "memory:").stderr


class TestWhatIsSaidBeside:
    """The file, the environment and the command line."""

    def test_command_line_goes_before(self, office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A database on the command line goes before one in the environment, and that before the file."""
        done(office, "start", "city", "a", "--db", "sqlite:///line.db", *MAYOR)
        monkeypatch.setenv("STAGEGATE_DB", "sqlite:///env.db")
        done(office, "start", "city", "a", *MAYOR)

        assert [True, True, False] == [
            path.exists() for path in (Path("line.db"), Path("env.db"), office.folder / "agreements.db")
        ]

    def test_lists_are_added_to(self, office: Any) -> None:
        """Processes and plugins of the command line come beside those of the file."""
        Path("other.toml").write_text(DEFINITION.replace('id = "city"', 'id = "other"'), encoding="utf-8")
        listed = done(office, "processes", "--process", "other.toml")

        assert {"city", "other"} <= {line.split("\t")[0] for line in listed.splitlines()}

    def test_another_file_takes_its_place(self, office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of two files the one that is named last is read; nothing of the other is left."""
        Path("other.toml").write_text('plugins = ["log"]\n')
        monkeypatch.setenv("STAGEGATE_SETTINGS", str(office.definition))
        result = office("processes", "--settings", "other.toml", process=False)

        assert 0 == result.exit_code
        assert "city" not in {line.split("\t")[0] for line in result.stdout.splitlines()}

    def test_demo_plays_without_it(self, office: Any) -> None:
        """The play tells nobody for real: of the file it takes no plugin, no process and no database."""
        said = done(office, "demo", "--json")

        assert json.loads(said)["verify"]["ok"]
        assert not Path("letters.txt").exists()
        assert not (office.folder / "agreements.db").exists()


class TestFaults:
    """Files that cannot be taken."""

    def faults(self, office: Any, content: str | bytes) -> list[tuple[str, str]]:
        """Return the faults of a file, each with its path."""
        office.definition.write_bytes(content.encode() if isinstance(content, str) else content)
        result = run(office, "board", "--db", "memory:", "--json")

        assert 2 == result.exit_code
        assert str(office.definition) in result.stderr
        assert "Traceback" not in result.stderr
        error = json.loads(result.stdout)["error"]
        assert "DefinitionError" == error["kind"]
        return [(fault["path"], fault["message"]) for fault in error["faults"]]

    def test_all_at_once(self, office: Any) -> None:
        """Every fault is told, each under its path."""
        content = (
            'db = 3\nprocesses = ["a.toml", 7]\ncalendars = "x"\nplugins = [""]\nwake = ""\ncolour = "red"\n'
            '[[plugin]]\nhost = "h"\n[[plugin]]\nplugin = 5\n'
        )

        assert [
            ("db", "a text is needed"),
            ("processes[1]", "a text is needed"),
            ("calendars", "a list of texts is needed"),
            ("plugins[0]", "a text is needed"),
            ("plugin[0].plugin", "missing: the name of the plugin that the table is for"),
            ("plugin[1].plugin", "a text is needed"),
            ("wake", "a text is needed"),
        ] == self.faults(office, content)[:-1]
        ((path, said),) = self.faults(office, 'colour = "red"\n')
        assert "colour" == path
        assert said.startswith("unknown key; known are db, processes, calendars, plugins, plugin,")

    def test_what_the_engine_finds(self, office: Any) -> None:
        """What only the engine can judge is told with the file and its path as well."""
        faults = self.faults(office, '[[subscription]]\nchannel = "post"\nrole = "mayor"\ncolour = 1\n')

        assert ["subscription[0].colour"] == [path for path, _ in faults]

    def test_checked_without_a_database(self, office: Any) -> None:
        """Whoever asks for the processes has the whole file checked; no database is made, and nobody is woken."""
        told = '[[subscription]]\nchannel = "post"\nto = "a"\non = "{kind}"\n'
        office.definition.write_text(f'wake = "bell://tower"\n{told.format(kind="note.add")}')

        assert "subscription[0].on: nothing of the kind 'note.add' is told" in run(office, "processes").stderr
        office.definition.write_text(f'wake = "bell://tower"\n{told.format(kind="note.added")}')
        assert "id-ksdpl" in done(office, "processes", "--wake", "bell://other")
        assert not list(office.folder.rglob("*.db"))

    def test_plugin_that_is_no_table(self, office: Any) -> None:
        """A plugin with settings is a table of its own."""
        said = "tables are needed, each under [[plugin]]"
        for content in ('plugin = "mail"\n', 'plugin = ["mail"]\n', '[plugin]\nplugin = "mail"\n'):
            assert [("plugin", said)] == self.faults(office, content)

    @pytest.mark.parametrize(
        "content,said",
        [
            (b"nonsense", "it is not TOML"),
            (b"\xff = 1", "it is not UTF-8 text"),
            (b"#" * (1024 * 1024 + 1), "bytes are too many"),
            (b"a = " + b"[" * 100_000, "nested too deep"),
        ],
    )
    def test_no_settings(self, office: Any, content: bytes, said: str) -> None:
        """A file that holds something else is told with what is wrong."""
        ((path, message),) = self.faults(office, content)

        assert "" == path
        assert said in message

    def test_not_there(self, office: Any) -> None:
        """So is one that is not there."""
        office.definition = office.folder / "none.toml"
        result = run(office, "board")

        assert (2, "") == (result.exit_code, result.stdout)
        assert "none.toml: it cannot be read: " in result.stderr

    def test_secrets_are_not_repeated(self, office: Any) -> None:
        """Whatever is wrong, no value of the file is printed: it may be a password."""
        for content in (
            'password = "hunter2"\n',
            '[[plugin]]\npassword = "hunter2"\n',
            '[[plugin]]\nplugin = "office"\nto = "x"\npassword = "hunter2"\n',
            '[[plugin]]\nplugin = "office"\nto = "x"\npasswort = "hunter2"\n',
            '[[plugin]]\nplugin = "nobody"\npassword = "hunter2"\n',
            'plugins = ["hunter2", 1]\n',
        ):
            office.definition.write_text(content)
            result = run(office, "processes", "--json")

            assert 2 == result.exit_code, content
            assert "hunter2" not in result.output, content
