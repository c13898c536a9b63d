# ruff: noqa: S608  statements are put together from names of our own

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stagegate import Engine, InvalidValue, PluginError, Schema, StoreError, hookimpl, open_schema
from stagegate.contrib.sqlite import SQLiteSchema, SQLiteStore
from stagegate.contrib.sqlite._schema import newest, steps
from stagegate.rows import seal

from ..exchange import CLERK, PROCESS, Bell

OLD = "agreement, n, id, payload, status, tries, due_at, leased_until, error"


def aged(file: Path) -> None:
    """Make the file what it would have been at schema 2, with the same rows, sealed as they were then."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        script = steps()[2].read_text(encoding="utf-8")
        outbox = script[script.index("CREATE TABLE outbox") : script.index("-- How many")]
        rows = connection.execute(f"SELECT {OLD} FROM outbox").fetchall()
        connection.executescript(f"DROP TABLE hold; DROP TABLE outbox; {outbox}")
        connection.executemany(
            f"INSERT INTO outbox ({OLD}, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*row, seal(row)) for row in rows],
        )
        connection.execute("PRAGMA user_version = 2")
        connection.execute("VACUUM")


@pytest.fixture
def old(file: Path, engine: Engine, bell: Bell) -> Path:
    """Return a file of schema 2 with a history, requests, and an outbox of which something was delivered."""
    engine.start("exchange", "a", title="Ōsaka", by=CLERK)
    engine.deliver()
    engine.record("a", "ready", value=True, by=CLERK, request_id="r-1")
    engine.advance("a", by=CLERK)
    engine.close()
    aged(file)
    return file


def url(file: Path) -> str:
    """Return the url of a file."""
    return f"sqlite:///{file}?timeout=0.2"


def form(file: Path) -> list[tuple[str, ...]]:
    """Return everything that makes the form of a file."""
    with closing(sqlite3.connect(file)) as connection:
        made = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").fetchall()
        return [*made, *(connection.execute(f"PRAGMA {one}").fetchone() for one in ("user_version", "application_id"))]


def test_versions_are_numbered_without_a_gap() -> None:
    """Each version has its file, from the first that was released to the one that is read and written."""
    assert list(range(2, newest() + 1)) == list(steps())


def test_older_file_is_refused_with_the_command(old: Path) -> None:
    """A file of an older schema is not opened; it says by which command it is brought up to date, and writes nothing."""
    before = old.read_bytes()
    with pytest.raises(
        StoreError, match="schema 2 is older than schema 3.*nothing was changed, run: stagegate db upgrade"
    ):
        Engine.open(url(old), processes=[PROCESS])

    assert before == old.read_bytes()
    assert [old.name] == [path.name for path in old.parent.iterdir()]


def test_upgraded_file_goes_on(old: Path, bell: Bell) -> None:
    """After the upgrade all is there and proved: histories, requests, what was delivered, what is still to be."""
    schema = open_schema(url(old))
    assert (2, 3) == (schema.version(), schema.newest)
    assert (3,) == schema.upgrade()
    assert 3 == schema.version()

    with Engine.open(url(old), processes=[PROCESS], plugins=[bell]) as engine:
        assert engine.verify().ok
        assert 2 == engine.record("a", "ready", value=True, by=CLERK, request_id="r-1").n
        assert ["bell:desk"] * 3 == [row.notification.recipient for row in engine.outbox()]
        assert [None] * 3 == [row.expires_at for row in engine.outbox()]
        bell.rung.clear()
        engine.hold_deliveries("bell:desk", why="a trial")
        engine.deliver()
        assert [] == bell.rung
        engine.release_deliveries("bell:desk")
        engine.deliver()
        assert [("a", 2), ("a", 3)] == bell.rung
        assert 4 == engine.note("a", "on it goes", by=CLERK).n


def test_upgraded_file_is_as_a_new_one(old: Path, tmp_path: Path) -> None:
    """However a file came to the newest schema, its tables, indexes and marks are the same."""
    SQLiteSchema(str(old)).upgrade()
    SQLiteStore(str(tmp_path / "new.db")).close()
    SQLiteSchema(str(tmp_path / "made.db")).upgrade()

    assert form(old) == form(tmp_path / "new.db") == form(tmp_path / "made.db")


def test_upgrading_again_does_nothing(old: Path) -> None:
    """A file that is up to date is left as it is."""
    schema = SQLiteSchema(str(old))
    schema.upgrade()
    before = old.read_bytes()

    assert () == schema.upgrade()
    assert before == old.read_bytes()


def test_upgrade_is_all_or_nothing(old: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where a step fails half-way, the file is as it was."""
    broken = tmp_path / "0003.sql"
    broken.write_text(steps()[3].read_text(encoding="utf-8") + "INSERT INTO nowhere VALUES (1);\n", encoding="utf-8")
    monkeypatch.setitem(steps(), 3, broken)
    before = form(old)

    with pytest.raises(StoreError, match="upgrading it failed .*nowhere"):
        SQLiteSchema(str(old)).upgrade()
    assert before == form(old)
    with closing(sqlite3.connect(old)) as connection:
        assert [(3,)] == connection.execute("SELECT count(*) FROM outbox").fetchall()


def test_row_that_was_changed_by_another_hand_stays_found(old: Path) -> None:
    """An upgrade seals what was whole, and nothing else: what did not agree before does not agree afterwards."""
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE outbox SET tries = 7 WHERE n = 1")
        connection.execute("UPDATE outbox SET payload = x'ff' WHERE n = 2")
    SQLiteSchema(str(old)).upgrade()

    with Engine.open(url(old), processes=[PROCESS]) as engine:
        report = engine.verify()
    assert not report.ok
    assert {1, 2} == {fault.n for fault in report.faults}


def test_upgraded_by_several_at_once(old: Path) -> None:
    """Whoever comes second finds it done."""
    answers: list[Any] = []
    schema = SQLiteSchema(str(old), timeout=60)
    threads = [threading.Thread(target=lambda: answers.append(schema.upgrade())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [(), (), (), (3,)] == sorted(answers)


def test_file_in_use_is_not_upgraded(old: Path) -> None:
    """While another holds the file, it says so, and changes nothing."""
    with closing(sqlite3.connect(old, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process holds the file"):
            SQLiteSchema(str(old), timeout=0.05).upgrade()
    assert 2 == SQLiteSchema(str(old)).version()


@pytest.mark.parametrize(
    "mark, said",
    [
        ("user_version = 99", "schema 99 is newer than schema 3"),
        ("user_version = 1", "schema 1 is older than schema 3, .* never released"),
        ("application_id = 7", "belongs to something else"),
    ],
)
def test_what_cannot_be_upgraded_is_left_alone(old: Path, mark: str, said: str) -> None:
    """A newer file, one from before the first release and one of something else are refused, and not a byte changes."""
    with closing(sqlite3.connect(old)) as connection:
        connection.execute(f"PRAGMA {mark}")
    before = old.read_bytes()
    with pytest.raises(StoreError, match=said):
        SQLiteSchema(str(old)).upgrade()

    assert before == old.read_bytes()


def test_connection_that_is_opened_late_looks_again(file: Path, engine: Engine) -> None:
    """A store that is open while another brings the file to a newer schema writes nothing into that."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    engine._store._connections._idle.clear()  # type: ignore[attr-defined]

    with pytest.raises(StoreError, match="schema 99 is newer"):
        engine.start("exchange", "a", by=CLERK)


def test_schema_of_nothing(tmp_path: Path) -> None:
    """Where there is no file there is no version; looking makes none, upgrading does."""
    schema = open_schema(f"sqlite:///{tmp_path / 'new.db'}")
    assert isinstance(schema, Schema)
    assert schema.version() is None
    assert [] == list(tmp_path.iterdir())
    assert (2, 3) == schema.upgrade()
    schema.close()
    with Engine.open(f"sqlite:///{tmp_path / 'new.db'}") as engine:
        assert 0 == engine.count()


def test_schema_of_what_nobody_knows() -> None:
    """A url that no plugin has a schema for is refused, and so is one that names nothing."""
    with pytest.raises(PluginError, match="no plugin has a schema for 'memory' urls"):
        open_schema("memory:", plugins=["sqlite"])
    with pytest.raises(StoreError, match="names no file"):
        open_schema("sqlite:")
    with pytest.raises(InvalidValue, match="url"):
        open_schema(3)


# Copies


def test_copy_is_whole_and_delivers_nothing(file: Path, engine: Engine, bell: Bell, tmp_path: Path) -> None:
    """A copy has all there is; it delivers nothing until it is released, and says why. The original goes on."""
    engine.start("exchange", "a", by=CLERK)
    engine.backup(tmp_path / "copy.db")
    engine.deliver()
    assert [("a", 1)] == bell.rung

    with Engine.open(url(tmp_path / "copy.db"), processes=[PROCESS], plugins=[bell]) as restored:
        assert restored.verify().ok
        assert engine.get("a") == restored.get("a")
        (why,) = restored.held_deliveries().values()
        assert why.startswith("restored from a backup made at ")
        restored.note("a", "after the restore", by=CLERK)
        assert 0 == restored.deliver().delivered
        restored.release_deliveries()
        assert 2 == restored.deliver().delivered
    assert {} == engine.held_deliveries()
    assert sorted(["agreements.db", "copy.db"]) == sorted(path.name for path in tmp_path.iterdir())


def test_copy_keeps_why_it_was_held_before(engine: Engine, tmp_path: Path) -> None:
    """What was held when the copy was made is told as well."""
    engine.hold_deliveries(why="the mail server is moved")
    engine.hold_deliveries("mail:a@example.org", why="gone")
    engine.backup(str(tmp_path / "copy.db"))

    with Engine.open(url(tmp_path / "copy.db")) as restored:
        held = dict(restored.held_deliveries())
    assert held["*"].endswith("; before that: the mail server is moved")
    assert "gone" == held["mail:a@example.org"]


def test_nothing_is_written_over(file: Path, engine: Engine, tmp_path: Path) -> None:
    """Where there is something already, it stays."""
    before = file.read_bytes()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for there in (file, tmp_path, tmp_path / "dangling"):
        with pytest.raises(StoreError, match="there is such a file already, and nothing is written over"):
            engine.backup(there)

    assert before == file.read_bytes()


def test_file_that_comes_in_between_is_not_written_over(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two copies to one name, one is there, and the other one's maker is told."""
    copy = tmp_path / "copy.db"
    link = os.link

    def late(source: Any, target: Any) -> None:
        copy.write_text("first")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(StoreError, match="there is such a file already"):
        engine.backup(copy)
    assert "first" == copy.read_text()


def test_copy_where_there_are_no_links(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without links the copy is there as well."""

    def none(source: Any, target: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    monkeypatch.delattr(os, "O_DIRECTORY")
    engine.backup(tmp_path / "copy.db")

    with Engine.open(url(tmp_path / "copy.db")) as restored:
        assert restored.verify().ok


def test_copy_of_a_file_that_others_hold(file: Path, engine: Engine, tmp_path: Path) -> None:
    """Where somebody keeps everybody else out, a copy is waited for as long as any change, and not for ever."""
    engine.start("exchange", "a", by=CLERK)
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(
            StoreError, match=r"backing it up to .*database is locked.*allow more with \?timeout=seconds"
        ):
            engine.backup(tmp_path / "copy.db")
    assert ["agreements.db"] == [path.name for path in tmp_path.iterdir() if "journal" not in path.name]

    engine.backup(tmp_path / "copy.db")


def test_copy_in_the_midst_of_a_decision(file: Path, tmp_path: Path) -> None:
    """A rule that wants a copy is refused at once: what is being decided is not yet there to be copied."""
    told: list[str] = []

    class Copier:
        """A check that makes a copy."""

        name = "copier"

        @hookimpl
        def stagegate_check(self, attempt: Any) -> Any:
            """Try to make it."""
            with pytest.raises(StoreError) as caught:
                engine.backup(tmp_path / "copy.db")
            told.append(str(caught.value))
            return ()

    with Engine.open(url(file), processes=[PROCESS], plugins=[Copier()]) as engine:
        engine.start("exchange", "a", by=CLERK)
        engine.record("a", "ready", value=True, by=CLERK)

    assert 1 == len(told)
    assert "must not change them" in told[0]
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("damage", ["none", "rename"])
def test_copy_that_cannot_be_put_there(engine: Engine, tmp_path: Path, monkeypatch: Any, damage: str) -> None:
    """Where a copy cannot be put, it says why, and leaves nothing behind."""
    place = tmp_path / "nowhere" / "copy.db"
    if damage == "rename":
        place = tmp_path / "copy.db"

        def failing(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "link", failing)
        monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(StoreError, match="the copy cannot be put there"):
        engine.backup(place)

    assert ["agreements.db"] == [path.name for path in tmp_path.iterdir()]


def test_copy_while_others_write(file: Path, tmp_path: Path) -> None:
    """A copy that is made while others write is as of one moment."""
    stop = threading.Event()
    with Engine.open(f"sqlite:///{file}?timeout=60", processes=[PROCESS]) as engine:
        engine.start("exchange", "a", by=CLERK)

        def writing() -> None:
            while not stop.is_set():
                engine.note("a", "said", by=CLERK)

        thread = threading.Thread(target=writing)
        thread.start()
        try:
            for number in range(3):
                engine.backup(tmp_path / f"copy-{number}.db")
        finally:
            stop.set()
            thread.join()
    for number in range(3):
        with Engine.open(url(tmp_path / f"copy-{number}.db"), processes=[PROCESS]) as restored:
            assert restored.verify().ok


def test_store_that_does_not_copy_itself(engine: Engine, file: Path) -> None:
    """A store without copies says so, and so does one in the transaction of a host; a name has to be one."""
    with pytest.raises(StoreError, match="MemoryStore does not copy itself; .* such as pg_dump"):
        Engine.open("memory:").backup("copy.db")
    with closing(sqlite3.connect(file)) as host, pytest.raises(StoreError, match="HostedStore does not copy itself"):
        engine.using(host).backup("copy.db")
    with pytest.raises(InvalidValue, match="file: a path is needed, not 3"):
        engine.backup(3)


# The command line


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Return a way to run the command line, with nothing from the environment."""
    from click.testing import CliRunner

    from stagegate.cli._commands import stagegate

    monkeypatch.chdir(tmp_path)
    for name in ("STAGEGATE_DB", "STAGEGATE_LANG", "STAGEGATE_CALENDAR"):
        monkeypatch.delenv(name, raising=False)
    return lambda *line: CliRunner().invoke(stagegate, [str(part) for part in line])


def test_upgrading_from_the_command_line(old: Path, shell: Any) -> None:
    """`db status` says that it is older, `db upgrade` brings it up to date, once; then it is opened again."""
    at = ("--db", url(old))
    refused = shell(*at, "board")
    before, done, again, after = (shell(*at, "db", act) for act in ("status", "upgrade", "upgrade", "status"))

    assert 2 == refused.exit_code
    assert "run: stagegate db upgrade" in refused.stderr
    assert (1, "schema\t2\nnewest\t3\n") == (before.exit_code, before.stdout)
    assert (0, "schema\t3\nsteps\t3\n") == (done.exit_code, done.stdout)
    assert (0, "schema\t3\nsteps\tnone\n") == (again.exit_code, again.stdout)
    assert (0, "schema\t3\nnewest\t3\n") == (after.exit_code, after.stdout)
    assert 0 == shell(*at, "verify").exit_code


def test_database_in_json(tmp_path: Path, shell: Any) -> None:
    """The same as data; where there is nothing, its version is null, and upgrading makes it."""
    at = ("--json", "--db", url(tmp_path / "new.db"))

    assert {"schema": None, "newest": 3} == json.loads(shell(*at, "db", "status").stdout)
    assert {"schema": 3, "steps": [2, 3]} == json.loads(shell(*at, "db", "upgrade").stdout)
    assert {"file": "copy.db"} == json.loads(shell(*at, "db", "backup", "copy.db").stdout)
    assert (tmp_path / "copy.db").exists()


def test_copy_from_the_command_line(file: Path, engine: Engine, shell: Any, tmp_path: Path) -> None:
    """`db backup` makes a copy that can be verified, and writes over nothing."""
    engine.start("exchange", "a", by=CLERK)
    made, again = (shell("--db", url(file), "db", "backup", "copy.db") for _ in range(2))

    assert (0, "copy.db\n") == (made.exit_code, made.stdout)
    assert 2 == again.exit_code
    assert "there is such a file already" in again.stderr
    assert 0 == shell("--db", "sqlite:///copy.db", "verify").exit_code
    shutil.copy("copy.db", "again.db")
    assert 2 == shell("--db", "sqlite:///missing.db", "db", "backup", "x.db").exit_code
