"""`plugin new` writes packages that pass their own tests; `plugin check` says what is wrong with one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import stagegate
from stagegate.cli import _scaffold

from .conftest import Shell

SOURCE = Path(stagegate.__file__).parents[1]
LONG = "a-name-of-thirty-characters-30"
"""As long as a name may be, so that no line of a template grows too long."""


def run(project: Path, *command: str, path: Sequence[Path] = ()) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a project, with this stagegate in sight."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (SOURCE, *path))), "MYPYPATH": str(SOURCE)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a package of every kind, and one of every kind under a long name."""
    folder = tmp_path_factory.mktemp("projects")
    (folder / "long").mkdir()
    for kind in _scaffold.KINDS:
        _scaffold.write(kind, f"my-{kind}", folder)
        _scaffold.write(kind, LONG, folder / "long").rename(folder / "long" / kind)
    return folder


class TestNew:
    """`plugin new`."""

    @pytest.mark.parametrize("kind", _scaffold.KINDS)
    def test_passes_its_own_tests(self, projects: Path, tmp_path: Path, kind: str) -> None:
        """Built and installed as it was written, a package of every kind passes its own tests, with no warning."""
        project = projects / f"stagegate-my-{kind}"
        installed = ("install", "--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--target", str(tmp_path))
        built = run(project, "pip", "--disable-pip-version-check", *installed, ".")

        assert (0, "") == (built.returncode, built.stderr)

        tested = run(project, "pytest", "-q", "-p", "no:cacheprovider", path=[tmp_path])

        assert 0 == tested.returncode, tested.stdout
        assert " passed" in tested.stdout

    @pytest.mark.parametrize("kind", _scaffold.KINDS)
    def test_is_typed(self, projects: Path, kind: str) -> None:
        """A package of every kind is strictly typed, its tests too."""
        checked = run(projects / f"stagegate-my-{kind}", "mypy", "--cache-dir", str(projects / "cache"))

        assert 0 == checked.returncode, checked.stdout

    def test_is_clean(self, projects: Path) -> None:
        """No linter and no formatter has anything to say, however long the name is."""
        for command in (("check",), ("format", "--check", "--diff")):
            checked = run(projects, "ruff", *command, "--no-cache", ".")

            assert 0 == checked.returncode, checked.stdout

    def test_says_what_it_wrote(self, shell: Shell) -> None:
        """It names the folder and every file, and a channel is what it writes if nothing else is asked for."""
        said = shell.data("plugin", "new", "sms")
        found = sorted(
            p.relative_to("stagegate-sms").as_posix() for p in Path("stagegate-sms").rglob("*") if p.is_file()
        )

        assert ("stagegate-sms", "channel", found) == (said["folder"], said["kind"], said["files"])
        assert {"README.md", "pyproject.toml", "src/stagegate_sms/py.typed", "tests/test_plugin.py"} <= set(found)

    def test_lines(self, shell: Shell) -> None:
        """In a pipe it says the same in lines, wherever it was told to write."""
        Path("there").mkdir()
        lines = shell.done("plugin", "new", "sms", "--kind", "guard", "--into", "there").splitlines()

        assert f"folder\t{Path('there/stagegate-sms')}" == lines[0]
        assert "file\tsrc/stagegate_sms/_rules.py" in lines

    def test_rights(self, shell: Shell) -> None:
        """Others may read what was written as they may read anything that is made here."""
        shell.done("plugin", "new", "sms")
        Path("other").mkdir()

        assert Path("other").stat().st_mode == Path("stagegate-sms").stat().st_mode

    @pytest.mark.parametrize("there", ["folder", "file", "link"])
    def test_overwrites_nothing(self, shell: Shell, there: str) -> None:
        """Where there is something in its place, nothing is written and nothing is lost."""
        place = Path("stagegate-sms")
        match there:
            case "folder":
                place.mkdir()
            case "file":
                place.write_text("mine", encoding="utf-8")
            case _:
                place.symlink_to("nowhere")
        before = sorted(Path().rglob("*"))
        result = shell("plugin", "new", "sms")

        assert 2 == result.exit_code
        assert "stagegate: there is something at stagegate-sms already; nothing was written\n" == result.stderr
        assert before == sorted(Path().rglob("*"))

    def test_all_or_nothing(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """If it cannot write all of it, there is nothing of it."""
        write, before = Path.write_text, sorted(Path().rglob("*"))

        def full(path: Path, *args: object, **options: object) -> int:
            if path.name == "test_plugin.py":
                raise OSError(28, "No space left on device")
            return write(path, *args, **options)

        monkeypatch.setattr(Path, "write_text", full)
        result = shell("plugin", "new", "sms")

        assert 2 == result.exit_code
        assert "No space left on device" in result.stderr
        assert before == sorted(Path().rglob("*"))

    @pytest.mark.parametrize(
        "name, why",
        [
            ("", "cannot name a plugin"),
            ("SMS", "lower-case letters"),
            ("city sms", "single hyphens"),
            ("city_sms", "single hyphens"),
            ("../sms", "cannot name a plugin"),
            ("4sms", "cannot name a plugin"),
            ("sms\n", "cannot name a plugin"),
            ("短信", "cannot name a plugin"),
            (LONG + "x", "has 31 characters"),
            ("stagegate-sms", "leave it out"),
            ("memory", "the engine's own"),
            ("sqlite", "is taken by an installed plugin (stagegate.contrib.sqlite)"),
        ],
    )
    def test_bad_names(self, shell: Shell, name: str, why: str) -> None:
        """A name that cannot be used is refused in one sentence that says why, and nothing is written."""
        before = sorted(Path().rglob("*"))
        result = shell("plugin", "new", name)

        assert 2 == result.exit_code
        assert result.stderr.startswith("stagegate: Invalid value for NAME: ")
        assert why in result.stderr
        assert 1 == len(result.stderr.splitlines())
        assert before == sorted(Path().rglob("*"))

    def test_no_folder(self, shell: Shell) -> None:
        """A folder that is not there is not made."""
        result = shell("plugin", "new", "sms", "--into", "nowhere")

        assert 2 == result.exit_code
        assert "nowhere" in result.stderr
        assert not Path("nowhere").exists()


OFFICE = """
from stagegate import hookimpl

from neighbour import CODE

@hookimpl
def stagegate_check(attempt):
    return ()

@hookimpl
def stagegate_notify(event, agreement):
    return ()
"""


@pytest.fixture
def office(shell: Shell) -> Shell:
    """Return what runs command lines beside a plugin in one file."""
    Path("office.py").write_text(OFFICE, encoding="utf-8")
    Path("neighbour.py").write_text("CODE = 'x'\n", encoding="utf-8")
    return shell


class TestCheck:
    """`plugin check`."""

    def test_installed(self, shell: Shell) -> None:
        """What an installed package names is found by that name."""
        assert "plugin\tlog\nhook\tstagegate_notify\nhook\tstagegate_deliver\nok\tyes\n" == shell.done(
            "plugin", "check", "log"
        )

    def test_file(self, office: Shell) -> None:
        """A file is read as it would be beside its neighbours, and its hooks are listed in the order of the reference."""
        said = office.data("plugin", "check", "office.py")

        assert {"plugin": "office.py", "ok": True, "hooks": ["stagegate_check", "stagegate_notify"]} == said
        assert str(office.folder) not in sys.path

    def test_object(self, office: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """A module, and an object in one, are named as Python imports them."""
        monkeypatch.syspath_prepend(office.folder)
        Path("desk_plugin.py").write_text(
            "from stagegate import hookimpl\n"
            "class Desk:\n"
            "    @hookimpl\n"
            "    def stagegate_deliver(self, notification): ...\n"
            "class Holder:\n"
            "    desk = Desk()\n",
            encoding="utf-8",
        )

        assert ["stagegate_deliver"] == office.data("plugin", "check", "desk_plugin:Holder.desk")["hooks"]

    def test_settings(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """A plugin that takes settings is made of those that are given."""
        shell.done("plugin", "new", "sms")
        monkeypatch.syspath_prepend(shell.folder / "stagegate-sms" / "src")
        said = shell.data("plugin", "check", "stagegate_sms", "--set", "url=https://gateway.example.org/")

        assert ["stagegate_deliver"] == said["hooks"]
        assert (
            "stagegate: plugin 'stagegate_sms': it cannot be configured: missing 1 required keyword-only argument: 'url'; give settings with --set\n"
            == shell("plugin", "check", "stagegate_sms").stderr
        )

    @pytest.mark.parametrize("name", ["apprise", "mail", "webhook"])
    def test_missing_settings(self, shell: Shell, name: str) -> None:
        """What is missing is said without the names of functions; the channels that come along say it so."""
        said = shell("plugin", "check", name).stderr

        assert re.match(rf"stagegate: plugin '{name}': it cannot be configured: missing \d required keyword-only", said)

    def test_no_settings(self, shell: Shell) -> None:
        """A plugin that takes none says so."""
        result = shell("plugin", "check", "log", "--set", "level=debug")

        assert 2 == result.exit_code
        assert "it takes no settings, but was given level" in result.stderr

    @pytest.mark.parametrize(
        "text, why",
        [
            ("x = 1", "it implements no hook"),
            ("def stagegate_check(attempt): ...", "is not marked"),
            ("from stagegate import hookimpl\n@hookimpl\ndef stagegate_notfy(event): ...", "there is no hook"),
            ("import nowhere_to_be_found", "it cannot be imported: No module named 'nowhere_to_be_found'"),
            ("1 / 0", "it cannot be imported: ZeroDivisionError: division by zero"),
            ("def", "it cannot be imported: SyntaxError"),
        ],
    )
    def test_faults(self, shell: Shell, text: str, why: str) -> None:
        """What is wrong with a plugin is said in one sentence that names it."""
        Path("wrong.py").write_text(text, encoding="utf-8")
        result = shell("plugin", "check", "wrong.py")

        assert 2 == result.exit_code
        assert result.stderr.startswith("stagegate: plugin 'wrong.py': ")
        assert why in result.stderr

    @pytest.mark.parametrize(
        "name, why",
        [
            ("nobody", "no installed package names it, and no module is called so; installed are: "),
            ("json:nothing", "has no attribute 'nothing'"),
            ("nowhere.py", "No such file"),
            ("", "it cannot be imported"),
        ],
    )
    def test_not_found(self, shell: Shell, name: str, why: str) -> None:
        """What is not there is said in one sentence."""
        result = shell("plugin", "check", name)

        assert 2 == result.exit_code
        assert why in result.stderr
        assert 1 == len(result.stderr.splitlines())

    def test_as_data(self, shell: Shell) -> None:
        """With `--json` a fault is data as well."""
        result = shell("plugin", "check", "nobody", "--json")

        assert "PluginError" == json.loads(result.stdout)["error"]["kind"]
