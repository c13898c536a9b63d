from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stagegate import Engine, StagegateError, StoreError

from .office import BOSS, Office, pact, plan

URLS = [
    ("sqlite:", "names no file"),
    ("sqlite:/", "names no file"),
    ("sqlite://x", "names no file"),
    ("sqlite://x/y.db", "names no file"),
    ("sqlite:///", "names no file"),
    ("sqlite:///?timeout=1", "names no file"),
    ("sqlite:///:memory:", "memory:"),
    ("sqlite:///{}?mode=ro", "the options timeout"),
    ("sqlite:///{}?timeout=1&cache=shared", "the options timeout"),
    ("sqlite:///{}?timeout=soon", "number of seconds"),
    ("sqlite:///{}?timeout=", "number of seconds"),
    ("sqlite:///{}?timeout=-1", "timeout"),
    ("sqlite:///{}?timeout=nan", "timeout"),
    ("sqlite:///{}?timeout=inf", "timeout"),
    ("sqlite:///{}?timeout=1e300", "timeout"),
    ("sqlite:///{}%00b", "names no file"),
    ("sqlite:///{}/none/x.db", "folder must exist"),
    ("postgres://localhost/x", "no plugin opens 'postgres'"),
    ("memory", "no plugin opens 'memory'"),
    ("memory:x", "no plugin opens"),
    ("", "no plugin opens"),
    ("a\0b", "NUL"),
    ("\ud800", "surrogate"),
]


@pytest.mark.parametrize("url, said", URLS, ids=range(len(URLS)))
def test_urls_that_name_no_store(tmp_path: Path, url: str, said: str) -> None:
    """A url that names no store says what is wrong with it, and nothing is made."""
    with pytest.raises(StagegateError) as error:
        Engine.open(url.format(tmp_path / "new.db"))

    assert said in str(error.value)
    assert [] == list(tmp_path.iterdir())


def test_newer_schema_is_left_alone(filed: Office, file: Path) -> None:
    """A file that a newer stagegate wrote is refused with both versions and what to do; not a byte of it changes."""
    filed.engine.close()
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = file.read_bytes()

    with pytest.raises(StoreError, match="schema 99 is newer than schema 3.*nothing was changed, upgrade stagegate"):
        Engine.open(filed.url, processes=[pact()])
    assert before == file.read_bytes()
    assert [file.name] == [path.name for path in file.parent.iterdir()]


def test_older_schema_is_left_alone(filed: Office, file: Path) -> None:
    """A file with a schema from before the first release is refused with both versions; not a byte of it changes."""
    filed.engine.close()
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("PRAGMA user_version = 1")
    before = file.read_bytes()

    with pytest.raises(StoreError, match="schema 1 is older than schema 3.*nothing was changed, begin a new file"):
        Engine.open(filed.url, processes=[pact()])
    assert before == file.read_bytes()


def _foreign(file: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("CREATE TABLE agreement (id TEXT)")
        raw.commit()


def _foreign_id(file: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("PRAGMA application_id = 7")
        raw.commit()


NOT_OURS = {
    "other": (_foreign, "belongs to something else"),
    "marked": (_foreign_id, "belongs to something else"),
    "text": (lambda file: file.write_text("id = 'p'\n" * 500), "is damaged or is something else"),
    "zip": (lambda file: file.write_bytes(b"PK\x03\x04" + bytes(5_000)), "is damaged or is something else"),
    "header": (
        lambda file: file.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000),
        "is damaged or is something else",
    ),
}


@pytest.mark.parametrize("kind", list(NOT_OURS))
def test_files_that_are_not_ours_are_left_alone(tmp_path: Path, kind: str) -> None:
    """A file of something else is refused, says so, and not a byte of it changes."""
    make, said = NOT_OURS[kind]
    file = tmp_path / "other.db"
    make(file)  # type: ignore[no-untyped-call]
    before = file.read_bytes()

    with pytest.raises(StoreError, match=said):
        Engine.open(f"sqlite:///{file}")
    assert before == file.read_bytes()
    assert [file] == list(tmp_path.iterdir())


def test_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """An empty file, such as a temporary one, becomes a store."""
    file = tmp_path / "empty.db"
    file.touch()
    with Engine.open(f"sqlite:///{file}", processes=[pact()]) as engine:
        engine.start("pact", "deal", by=BOSS)
        assert engine.verify().ok


@pytest.mark.parametrize("name", ["", "none/x.db", "plain/x.db"])
def test_folders_where_no_file_can_be(tmp_path: Path, name: str) -> None:
    """A folder, a missing folder and a file in the place of one are refused with the path."""
    (tmp_path / "plain").touch()

    with pytest.raises(StoreError, match="unable to open") as error:
        Engine.open(f"sqlite:///{tmp_path / name}")
    assert str(tmp_path) in str(error.value)


def test_names_that_need_quoting(tmp_path: Path) -> None:
    """A path with spaces, signs and other scripts names exactly that file."""
    name = "a b+ü協%#.db"
    with Engine.open(f"sqlite:///{tmp_path}/a b+ü協%25%23.db", processes=[pact()]) as engine:
        engine.start("pact", "deal", by=BOSS)

    assert [name] == [path.name for path in tmp_path.iterdir()]


def test_full_file_loses_nothing(filed: Office) -> None:
    """A store without room refuses the change and says so; nothing is half-written, and work goes on with room."""
    with filed.engine._store._connections.use("test") as connection:  # type: ignore[attr-defined]
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    for i in range(100):
        before = filed.state()
        try:
            filed.engine.note("deal", f"{i} " + "x" * 3_000, by=BOSS)
        except StoreError as error:
            assert "make room" in str(error)
            break
    else:
        pytest.fail("it never became full")
    assert before == filed.state()
    assert filed.engine.verify().ok
    for call in (
        lambda: filed.engine.attach("deal", plan(title="x" * 60_000), by=BOSS),
        lambda: filed.engine.start("pact", "other", title="x" * 60_000, by=BOSS),
    ):
        with pytest.raises(StoreError, match="make room"):
            call()
        assert before == filed.state()

    with filed.engine._store._connections.use("test") as connection:  # type: ignore[attr-defined]
        connection.execute("PRAGMA max_page_count = 1000000")
    assert "review" == filed.goes_on().stage


def test_locked_file_says_what_to_do(filed: Office, file: Path) -> None:
    """While another process writes, a change is refused after the timeout, and reading goes on; then work goes on."""
    with (
        Engine.open(f"{filed.url}?timeout=0.05", processes=[pact()], clock=filed.clock) as engine,
        closing(sqlite3.connect(file, isolation_level=None)) as raw,
    ):
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"another process holds the file.*\?timeout=seconds"):
            engine.note("deal", "seen", by=BOSS)
        assert 1 == engine.get("deal").n
        raw.execute("ROLLBACK")

        assert 2 == engine.note("deal", "seen", by=BOSS).n
        assert engine.verify().ok


def test_file_locked_even_for_readers_says_so(filed: Office, file: Path) -> None:
    """While another process holds the file for itself, reading and opening are refused in the same words."""
    with (
        Engine.open(f"{filed.url}?timeout=0.05", processes=[pact()]) as engine,
        closing(sqlite3.connect(file, isolation_level=None)) as raw,
    ):
        raw.execute("BEGIN EXCLUSIVE")
        for ask in (lambda: engine.get("deal"), lambda: engine.find(), lambda: engine.verify()):
            with pytest.raises(StoreError, match="another process holds the file"):
                ask()
        with pytest.raises(StoreError, match="another process holds the file"):
            Engine.open(f"{filed.url}?timeout=0.05")
        raw.execute("ROLLBACK")

        assert 1 == engine.get("deal").n


def test_closed_engine_says_so(filed: Office) -> None:
    """An engine that was closed answers nothing any more, and says what to do; closing again is fine."""
    filed.engine.close()
    filed.engine.close()
    for ask in (
        lambda: filed.engine.get("deal"),
        lambda: filed.engine.note("deal", "seen", by=BOSS),
        lambda: filed.engine.find(),
        lambda: filed.engine.verify(),
        lambda: filed.engine.deliver(),
        lambda: filed.engine.options("deal", by=BOSS),
    ):
        with pytest.raises(StoreError, match="the store was closed; open an engine anew"):
            ask()


def test_two_engines_on_one_file(filed: Office) -> None:
    """Two engines on one file see each other's events, and neither writes over the other's."""
    with Engine.open(filed.url, processes=[pact()], clock=filed.clock) as other:
        seen = filed.engine.get("deal")
        other.record("deal", "cost", 3, by=BOSS)
        with pytest.raises(StagegateError, match="you acted on version 1, but it is now at version 2"):
            filed.engine.record(seen, "cost", 5, by=BOSS)
        filed.engine.note("deal", "seen", by=BOSS)

        assert [1, 2, 3] == [event.n for event in other.history("deal")]
        assert other.get("deal") == filed.engine.get("deal")
        assert other.verify().ok


def test_many_threads_on_one_engine(office: Office) -> None:
    """Threads that all write lose nothing: every number is there once."""
    errors: list[BaseException] = []

    def write(who: int) -> None:
        try:
            for i in range(5):
                office.engine.note("deal", f"{who} {i}", by=BOSS)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == errors
    assert list(range(1, 22)) == [event.n for event in office.engine.history("deal")]
    assert office.engine.verify().ok


PRELUDE = """
    import os, resource, signal, stat, sys
    from pathlib import Path
    from stagegate import *

    BOSS = Actor(id="ann", roles={"boss", "council"})
    PACT = Process("pact", "1", (Stage("a", owner="boss", gate=unguarded("x")), Stage("b", owner="boss")))

    def open_it(path, **more):
        return Engine.open(f"sqlite:///{path}", processes=[PACT], **more)

    def refused(call):
        try:
            call()
        except StoreError as error:
            return str(error)
        raise SystemExit("it was not refused")

    # Whatever is imported late is imported now: later it may not be allowed to.
    with Engine.open("memory:", processes=[PACT]) as warm:
        warm.start("pact", "deal", by=BOSS)
        warm.advance("deal", by=BOSS)
        assert warm.verify().ok and warm.options("deal", by=BOSS) is not None
    folder = Path(sys.argv[1])
    with open_it(folder / "warm.db") as warm:
        warm.start("pact", "deal", by=BOSS)
    (folder / "warm.db").unlink()
    file = folder / "office.db"
"""


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Return a folder that users without any rights can reach."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path
        path.chmod(0o755)


def run(folder: Path, script: str) -> str:
    """Run a script in a process of its own, and return what it said."""
    whole = textwrap.dedent(PRELUDE) + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", whole, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert 0 == done.returncode, done.stderr + done.stdout
    return done.stdout


def test_disk_that_is_full_loses_nothing(elsewhere: Path) -> None:
    """Where no file may grow, a change is refused and says so; all before it is whole, and work goes on with room."""
    said = run(
        elsewhere,
        """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        engine = open_it(file)
        engine.start("pact", "deal", by=BOSS)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 8192, hard))
        full = ""
        for i in range(50):
            try:
                engine.note("deal", f"{i} " + "x" * 5000, by=BOSS)
            except StoreError as error:
                full = str(error)
                break
        seen = [event.n for event in engine.history("deal")]
        assert seen == list(range(1, i + 2)), (seen, i)
        again = refused(lambda: engine.start("pact", "other", title="x" * 20000, by=BOSS))
        assert [a.id for a in engine.find().items] == ["deal"] and engine.verify().ok
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert engine.note("deal", "room", by=BOSS).n == i + 2
        assert engine.start("pact", "other", by=BOSS).n == 1
        engine.close()
        with open_it(file) as anew:
            assert anew.verify().ok and len(anew.history("deal")) == i + 2
        print(full)
        print(again)
        """,
    )

    assert 2 == len(said.splitlines())
    assert all("the disk is full or failing; make room and try again" in line for line in said.splitlines()), said


DROP = """
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
"""

READING = """
    engine = open_it(file)
    assert engine.get("deal").stage == "a" and len(engine.history("deal")) == 1
    assert [a.id for a in engine.find().items] == ["deal"] and engine.count() == 1
    assert engine.verify().ok and engine.options("deal", by=BOSS)
    before = file.read_bytes()
    print(refused(lambda: engine.advance("deal", by=BOSS)))
    print(refused(lambda: engine.start("pact", "other", by=BOSS)))
    assert before == file.read_bytes() and engine.verify().ok
    assert [p.name for p in folder.iterdir()] == ["office.db"]
"""


@pytest.mark.parametrize(
    "modes", ["os.chmod(file, 0o444); os.chmod(folder, 0o777)", "os.chmod(file, 0o666); os.chmod(folder, 0o555)",
              "os.chmod(file, 0o444); os.chmod(folder, 0o555)"],
    ids=["file", "folder", "both"],
)  # fmt: skip
def test_what_cannot_be_written_can_be_read(elsewhere: Path, modes: str) -> None:
    """A file or folder that only may be read is read; a change is refused with the permissions named."""
    start = '\nwith open_it(file) as engine:\n    engine.start("pact", "deal", by=BOSS)\n'
    said = run(elsewhere, start + modes + textwrap.dedent(DROP) + textwrap.dedent(READING))

    assert 2 == len(said.splitlines())
    assert all("cannot be written; change its permissions" in line for line in said.splitlines()), said


def test_what_cannot_be_read_says_so(elsewhere: Path) -> None:
    """A file that may not be read, and a folder where none may be made, are refused when opening."""
    said = run(
        elsewhere,
        '\nwith open_it(file) as engine:\n    engine.start("pact", "deal", by=BOSS)\n'
        "os.chmod(file, 0o000); os.chmod(folder, 0o555)"
        + textwrap.dedent(DROP)
        + 'print(refused(lambda: open_it(file)))\nprint(refused(lambda: open_it(folder / "new.db")))\n',
    )

    assert 2 == len(said.splitlines())
    assert all("permissions" in line or "readable" in line for line in said.splitlines()), said


def test_engine_after_a_fork(elsewhere: Path) -> None:
    """Parent and child of a fork both go on with the engine; no connection crosses, and no event is lost."""
    said = run(
        elsewhere,
        """
        engine = open_it(file)
        engine.start("pact", "deal", by=BOSS)
        children = []
        for who in range(3):
            pid = os.fork()
            if pid == 0:
                try:
                    for i in range(4):
                        engine.note("deal", f"child {who} {i}", by=BOSS)
                    ok = engine.verify().ok
                    engine.close()
                    os._exit(0 if ok else 3)
                except BaseException as error:
                    print(repr(error), flush=True)
                    os._exit(4)
            children.append(pid)
        for i in range(4):
            engine.note("deal", f"parent {i}", by=BOSS)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        engine.note("deal", "after", by=BOSS)
        assert codes == [0, 0, 0], codes
        assert [event.n for event in engine.history("deal")] == list(range(1, 19))
        assert engine.verify().ok
        print("fine")
        """,
    )

    assert "fine\n" == said


def test_file_taken_away_is_noticed(filed: Office, file: Path) -> None:
    """A file that is removed while the engine is open is never silently begun anew by it."""
    file.unlink()
    answers: list[Any] = []
    try:
        answers.append(filed.engine.note("deal", "seen", by=BOSS))
    except StagegateError as error:
        answers.append(error)

    assert isinstance(answers[0], StoreError) or not file.exists()


def test_new_file_is_for_its_owner_as_umask_says(tmp_path: Path) -> None:
    """The file is made with the permissions that the umask leaves, no more."""
    mask = os.umask(0o077)
    try:
        Engine.open(f"sqlite:///{tmp_path / 'new.db'}").close()
    finally:
        os.umask(mask)

    assert 0o600 == stat.S_IMODE((tmp_path / "new.db").stat().st_mode)
