"""A file that somebody else has tables in: stagegate makes its own beside them where it is asked to, and only then."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stagegate import Engine, StoreError, open_schema
from stagegate.contrib.sqlite import _schema
from stagegate.contrib.sqlite._schema import MARK, newest, steps

from ..exchange import CLERK, PROCESS


def ask(file: Path, *statements: str) -> list[tuple[object, ...]]:
    """Do something in the file, and return what the last statement answers."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Return the file of an application that is there already, and uses its header for itself."""
    file = tmp_path / "app.db"
    ask(
        file,
        "CREATE TABLE letter (number TEXT PRIMARY KEY)",
        "INSERT INTO letter VALUES ('031/2026')",
        "PRAGMA user_version = 41",
        "PRAGMA application_id = 7",
    )
    return file


def opened(file: Path, options: str = "?beside=yes") -> Engine:
    """Open an engine on the file."""
    return Engine.open(f"sqlite:///{file}{options}", processes=[PROCESS])


def test_only_if_asked(app: Path) -> None:
    """Without being asked nothing is written, and it is said how to ask."""
    before = app.read_bytes()
    with pytest.raises(StoreError, match=r"belongs to something else; nothing in it was changed.*\?beside=yes"):
        opened(app, "")

    assert before == app.read_bytes()


def test_beside(app: Path) -> None:
    """Histories are kept beside the rows of the application, whose rows and header stay what they were."""
    with opened(app) as engine:
        engine.start("exchange", "a", by=CLERK)

        assert engine.verify().ok
    assert [("031/2026",)] == ask(app, "SELECT * FROM letter")
    assert [(41,)] == ask(app, "PRAGMA user_version")
    assert [(7,)] == ask(app, "PRAGMA application_id")
    assert [(newest(),)] == ask(app, f"SELECT * FROM {MARK}")  # noqa: S608  a name of our own


@pytest.mark.parametrize("options", ["", "?beside=yes", "?beside=no&timeout=1"])
def test_again(app: Path, options: str) -> None:
    """Once the tables are there the file is opened as any other, asked or not."""
    with opened(app) as engine:
        engine.start("exchange", "a", by=CLERK)
    ask(app, "PRAGMA user_version = 42", "CREATE TABLE paper (digest TEXT)")
    with opened(app, options) as engine:
        assert "a" == engine.note("a", "still here", by=CLERK).id
        assert engine.verify().ok


def test_transaction_of_the_application(app: Path) -> None:
    """A row of the application and an event are committed together, and rolled back together."""
    with opened(app) as engine, closing(sqlite3.connect(app, isolation_level=None)) as connection:
        for number, end in (("032/2026", "ROLLBACK"), ("033/2026", "COMMIT")):
            connection.execute("BEGIN IMMEDIATE")
            engine.using(connection).start("exchange", number, by=CLERK)
            connection.execute("INSERT INTO letter VALUES (?)", [number])
            connection.execute(end)

        assert ["033/2026"] == [found.id for found in engine.find().items]
        assert [("031/2026",), ("033/2026",)] == connection.execute("SELECT * FROM letter ORDER BY number").fetchall()


def test_new_file(tmp_path: Path) -> None:
    """An empty file that others are to come into is theirs as well: they may use its header afterwards."""
    file = tmp_path / "new.db"
    with opened(file) as engine:
        engine.start("exchange", "a", by=CLERK)
    ask(file, "CREATE TABLE letter (number TEXT)", "PRAGMA user_version = 99", "PRAGMA application_id = 99")
    with opened(file, "") as engine:
        assert engine.verify().ok


@pytest.mark.parametrize("taken", ["CREATE TABLE Event (id TEXT)", "CREATE VIEW outbox AS SELECT 1"])
def test_names_that_are_taken(app: Path, taken: str) -> None:
    """Where the application has a name that is needed, nothing is written, and it says which."""
    ask(app, taken)
    before = ask(app, "SELECT * FROM sqlite_schema")
    name = taken.split()[2].lower()
    with pytest.raises(StoreError, match=f"{name} is a name in it already.*nothing was changed"):
        opened(app)

    assert before == ask(app, "SELECT * FROM sqlite_schema")


def test_newer(app: Path) -> None:
    """Tables of a newer stagegate are refused there as anywhere, and left as they are."""
    opened(app).close()
    ask(app, f"INSERT INTO {MARK} VALUES ({newest() + 1})")  # noqa: S608  a name of our own
    before = app.read_bytes()
    with pytest.raises(StoreError, match="is newer than"):
        opened(app)

    assert before == app.read_bytes()


def test_mark_that_says_nothing(app: Path) -> None:
    """A mark without a version is no version that this code knows."""
    opened(app).close()
    ask(app, f"DELETE FROM {MARK}")  # noqa: S608  a name of our own
    with pytest.raises(StoreError, match="its schema 0 is older"):
        opened(app)


def test_schema(app: Path) -> None:
    """`stagegate db` finds the version there, and makes the tables where it is asked to."""
    uninvited, invited = open_schema(f"sqlite:///{app}"), open_schema(f"sqlite:///{app}?beside=yes")
    with pytest.raises(StoreError, match="belongs to something else"):
        uninvited.version()

    assert invited.version() is None
    assert tuple(steps()) == tuple(invited.upgrade())
    assert newest() == uninvited.version()
    assert () == tuple(uninvited.upgrade())


def test_older(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of an older schema are refused with the command that brings them up to date, and that marks them anew."""
    first = dict(list(steps().items())[:1])
    with monkeypatch.context() as then:
        then.setattr(_schema, "steps", lambda: first)
        open_schema(f"sqlite:///{app}?beside=yes").upgrade()
    with pytest.raises(StoreError, match="run: stagegate db upgrade"):
        opened(app)
    open_schema(f"sqlite:///{app}").upgrade()
    with opened(app) as engine:
        assert engine.verify().ok
    assert [(41,)] == ask(app, "PRAGMA user_version")


@pytest.mark.parametrize("options", ["?beside=", "?beside=maybe", "?beside=1"])
def test_options(app: Path, options: str) -> None:
    """Anything but yes and no is refused, and says what there is."""
    with pytest.raises(StoreError, match="beside is yes or no"):
        opened(app, options)
