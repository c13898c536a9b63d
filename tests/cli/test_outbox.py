"""The outbox on the command line: delivered once or by a worker, looked into, mended, held."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .conftest import PROGRAM, Shell
from .test_output import on_terminal, unstyled

MAYOR = ("--as", "tri", "--role", "mayor")

LETTERS = '''
import os
import signal
import time
from pathlib import Path

from stagegate import Notification, Undeliverable, hookimpl


class Office:
    """Writes letters into a file, in the mood that stands in another."""

    name = "letters"

    @hookimpl
    def stagegate_notify(self, event, agreement):
        if event.kind == "started":
            for to in agreement.title.split(","):
                yield Notification(channel="letter", kind="started", to=to, context={"title": agreement.title}, reference="No. 7")

    @hookimpl
    def stagegate_deliver(self, notification):
        if notification.channel != "letter":
            return None
        mood = Path("mood.txt").read_text() if Path("mood.txt").exists() else ""
        if mood == "down":
            raise ConnectionError("the post office is shut")
        if mood == "gone":
            raise Undeliverable("moved, address unknown", gone=True)
        if mood == "never":
            raise Undeliverable("the letter is too heavy")
        if mood == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        if mood == "slow":
            Path("begun.txt").write_text(notification.to)
            while not Path("on.txt").exists():
                time.sleep(0.05)
        with open("letters.txt", "a") as file:
            file.write(notification.to + "\\n")
        return True


office = Office()
Path(f"up-{os.getpid()}.txt").touch()
'''


def rows(printed: str) -> list[list[str]]:
    """Return the columns of every line."""
    return [line.split("\t") for line in printed.splitlines()]


@pytest.fixture
def post(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what runs command lines with a channel that is an installed plugin."""
    Path("post_office.py").write_text(LETTERS, encoding="utf-8")
    about = Path("post_office-1.0.dist-info")
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: post-office\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[stagegate]\nletters = post_office:office\n")
    monkeypatch.syspath_prepend(str(shell.folder))
    path = os.pathsep.join(filter(None, (str(shell.folder), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)
    yield shell
    import sys

    sys.modules.pop("post_office", None)


def start(post: Any, agreement: str, *to: str) -> None:
    """Start an agreement of which some are to be told."""
    post.done("start", "city", agreement, "--title", ",".join(to), "--plugin", "letters", *MAYOR)


def mood(said: str) -> None:
    """Put the post office in a mood."""
    Path("mood.txt").write_text(said)


def letters() -> list[str]:
    """Return who was written to."""
    return Path("letters.txt").read_text().splitlines() if Path("letters.txt").exists() else []


class TestDeliver:
    """`deliver`, once."""

    def test_nothing_due(self, shell: Any) -> None:
        """Where nothing is due, nothing is delivered."""
        shell.start()

        assert "delivered\t0\nfailed\t0\ndead\t0\n" == shell.done("deliver")

    def test_log_channel(self, shell: Any) -> None:
        """What a plugin wants to be told is kept until it is delivered, once; the log is on stderr."""
        shell.done("start", "city", "b", "--plugin", "log", *MAYOR)
        first, second = shell("deliver", "--plugin", "log"), shell("deliver", "--plugin", "log", "--json")

        assert (0, "delivered\t1\nfailed\t0\ndead\t0\n") == (first.exit_code, first.stdout)
        assert first.stderr.startswith("b #1 started to='mayor'")
        nothing = {"delivered": 0, "failed": 0, "dead": 0, "waiting": 0, "unclaimed": [], "held": None, "damaged": []}
        assert (nothing, "") == (json.loads(second.stdout), second.stderr)

    def test_what_waits_with_what_failed(self, post: Any) -> None:
        """What was put off with a recipient that failed is counted by itself."""
        start(post, "a", "ann", "ann")
        mood("down")

        assert "delivered\t0\nfailed\t1\ndead\t0\nwaiting\t1\n" == post.done("deliver", "--plugin", "letters")

    def test_plugin_that_was_not_named(self, post: Any) -> None:
        """A channel that no named plugin delivers to is told, leaves with 1, and costs no try."""
        start(post, "a", "ann")
        result = post("deliver")

        assert (1, "no plugin delivers to letter: name one with --plugin\n") == (result.exit_code, result.stderr)
        assert ["pending", "0"] == [rows(post.done("outbox", "list"))[0][column] for column in (1, 6)]

    def test_limit(self, post: Any) -> None:
        """No more are tried than was said."""
        start(post, "a", "ann", "ben", "cec")

        assert post.done("deliver", "--limit", "2", "--plugin", "letters").startswith("delivered\t2\n")
        assert 2 == len(letters())

    def test_damage(self, post: Any) -> None:
        """A row that cannot be read is told, leaves with 1, and keeps nobody else from being told."""
        start(post, "a", "ann")
        with closing(sqlite3.connect("stagegate.db")) as connection, connection:
            connection.execute("UPDATE outbox SET payload = x'00'")
        start(post, "b", "ben")
        result = post("deliver", "--plugin", "letters", "--json")

        assert (1, ["ben"], 1) == (result.exit_code, letters(), len(json.loads(result.stdout)["damaged"]))
        assert "cannot be read" in result.stderr


class TestFollow:
    """`deliver --follow`."""

    def test_stops_when_told(self, post: Any) -> None:
        """A worker that is told to stop finishes what it has in hand, leaves the rest to others, and leaves with 0."""
        start(post, "a", "ann", "ben", "cec")
        mood("stop")
        before = signal.getsignal(signal.SIGTERM)
        result = post("deliver", "--follow", "--plugin", "letters")
        mood("")

        assert (0, 1, "") == (result.exit_code, len(letters()), result.stderr)
        assert ["1", "0", "0", "0"] == rows(result.stdout)[0][1:]
        assert before == signal.getsignal(signal.SIGTERM)
        assert post.done("deliver", "--plugin", "letters").startswith("delivered\t2\n")

    def test_json_lines(self, post: Any) -> None:
        """In JSON there is a line for each round in which something was done."""
        start(post, "a", "ann")
        mood("stop")
        (line,) = post.done("deliver", "--follow", "--json", "--plugin", "letters").splitlines()
        said = json.loads(line)

        assert (1, "Z") == (said["delivered"], said.pop("at")[-1])
        assert {"delivered", "failed", "dead", "waiting", "unclaimed", "held", "damaged"} == set(said)

    @pytest.fixture
    def worker(self, post: Any) -> Iterator[Callable[..., subprocess.Popen[str]]]:
        """Start workers of their own, whose complaints go to `err.txt`; what still runs in the end is killed."""
        running = []

        def begin(*more: str) -> subprocess.Popen[str]:
            command = [PROGRAM, "deliver", "--follow", "--every", "0.1", *more]
            with Path("err.txt").open("a") as err:
                worker = subprocess.Popen(
                    command, cwd=post.folder, stdout=subprocess.PIPE, stderr=err, encoding="utf-8"
                )
            running.append(worker)
            # It listens to signals before it loads a plugin.
            self._until(Path(f"up-{worker.pid}.txt").exists)
            return worker

        yield begin
        for process in running:
            process.kill()
            process.communicate()

    def _ended(
        self, process: subprocess.Popen[str], how: int = signal.SIGTERM, then: Callable[[], None] = lambda: None
    ) -> str:
        """Tell a worker to stop, do something more, and return what it printed."""
        process.send_signal(how)
        then()
        said, _ = process.communicate(timeout=60)

        assert 0 == process.returncode, Path("err.txt").read_text()
        return said

    def _until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while not done():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.05)

    def test_delivers_what_comes(self, post: Any, worker: Any) -> None:
        """A worker delivers what was there and what comes, and two share the work, until they are told to stop."""
        start(post, "a", "ann", "ben")
        workers = [worker("--plugin", "letters") for _ in range(2)]
        self._until(lambda: len(letters()) == 2)
        start(post, "b", "cec")
        self._until(lambda: len(letters()) == 3)
        for process, how in zip(workers, (signal.SIGTERM, signal.SIGINT), strict=True):
            self._ended(process, how)

        assert ["ann", "ben", "cec"] == sorted(letters())
        assert ("", "") == (post.done("outbox", "list"), Path("err.txt").read_text())

    def test_finishes_the_one_in_hand(self, post: Any, worker: Any) -> None:
        """Told to stop while it sends, it sends to the end and writes down that it did."""
        start(post, "a", "ann", "ben")
        mood("slow")
        process = worker("--plugin", "letters")
        self._until(Path("begun.txt").exists)
        said = self._ended(process, then=Path("on.txt").touch)
        mood("")

        assert (1, "1") == (len(letters()), rows(said)[0][1])
        assert post.done("deliver", "--plugin", "letters").startswith("delivered\t1\n")
        assert ["ann", "ben"] == sorted(letters())

    def test_trouble_is_told_once(self, post: Any, worker: Any) -> None:
        """What stands in the way is told when it changes, not in every round; then the worker goes on."""
        post.done("start", "city", "a", *MAYOR)
        post.done("outbox", "hold", "--why", "restored")
        process = worker("--plugin", "letters")
        self._until(lambda: "restored" in Path("err.txt").read_text())
        start(post, "b", "ann")
        post.done("outbox", "release")
        self._until(lambda: letters() == ["ann"])
        self._ended(process)

        assert "everything is held: restored\n" == Path("err.txt").read_text()

    def test_store_that_fails_for_a_while(self, post: Any, worker: Any) -> None:
        """A store that cannot be used for a while ends no worker: it says so, and goes on when it can."""
        post.done("start", "city", "a", *MAYOR)
        process = worker("--plugin", "letters", "--db", "sqlite:///stagegate.db?timeout=0.1")
        start(post, "b", "ann")
        self._until(lambda: letters() == ["ann"])
        with closing(sqlite3.connect("stagegate.db", isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            self._until(lambda: "another process holds the file" in Path("err.txt").read_text())
            connection.execute("ROLLBACK")
        start(post, "c", "ben")
        self._until(lambda: letters() == ["ann", "ben"])
        self._ended(process)

        assert "Traceback" not in Path("err.txt").read_text()


class TestList:
    """`outbox list`."""

    def test_what_is_not_delivered(self, post: Any) -> None:
        """A line each: id, status, recipient, kind, agreement, number, tries, when it is due, what the last try said."""
        start(post, "a", "ann")
        post.done("deliver", "--plugin", "letters")
        mood("never")
        start(post, "b", "ben")
        post.done("deliver", "--plugin", "letters")
        start(post, "c", "cec")
        dead, pending = rows(post.done("outbox", "list"))

        assert ["dead", "letter:ben", "started", "b", "1", "1", "", "letters: the letter is too heavy"] == dead[1:]
        assert ["pending", "letter:cec", "started", "c", "1", "0"] == pending[1:7]
        assert pending[7].endswith("Z")

    def test_by_status(self, post: Any) -> None:
        """It can be asked for one status, or all."""
        start(post, "a", "ann")
        post.done("deliver", "--plugin", "letters")
        start(post, "b", "ben")
        asked = {
            status: [row[4] for row in rows(post.done("outbox", "list", "--status", status))]
            for status in ("pending", "dead", "delivered", "all")
        }

        assert {"pending": ["b"], "dead": [], "delivered": ["a"], "all": ["a", "b"]} == asked

    def test_damage(self, post: Any) -> None:
        """What cannot be read is said beside the rest, which is listed, shown and requeued all the same."""
        start(post, "a", "ann")
        start(post, "b", "ben")
        with closing(sqlite3.connect("stagegate.db")) as connection, connection:
            connection.execute("UPDATE outbox SET payload = x'00' WHERE agreement = 'a'")
        result = post("outbox", "list", "--jsonl")
        row = json.loads(result.stdout)

        assert (0, "ben") == (result.exit_code, row["to"])
        assert "cannot be read" in result.stderr
        assert "notification\t" + row["id"] in post("outbox", "show", row["id"]).stdout
        assert "requeued\t0\n" == post.done("outbox", "requeue", "--all")

    def test_json(self, post: Any) -> None:
        """In JSON each has all its keys: in one text, or a line each."""
        start(post, "a", "ann", "ben")
        several = post.data("outbox", "list")["notifications"]
        lines = [json.loads(line) for line in post.done("outbox", "list", "--jsonl").splitlines()]

        assert several == lines
        assert {
            "id",
            "status",
            "channel",
            "to",
            "kind",
            "lang",
            "reference",
            "agreement",
            "n",
            "hash",
            "tries",
            "due_at",
            "expires_at",
            "leased_until",
            "error",
        } == set(lines[0])
        assert post.data("history", "a")["events"][0]["hash"] == lines[0]["hash"]


class TestShow:
    """`outbox show`."""

    def test_one(self, post: Any) -> None:
        """It tells how far one has come, what proves where it is from, and what it says."""
        start(post, "a", "ann")
        (row,) = post.data("outbox", "list")["notifications"]
        said = rows(post.done("outbox", "show", row["id"]))
        known = dict(said)

        assert (row["id"], "pending", "letter", "ann", "a", "1") == tuple(
            known[key] for key in ("notification", "state", "channel", "to", "agreement", "event")
        )
        assert (row["hash"], "No. 7", "0", "title ann") == tuple(
            known[key] for key in ("hash", "reference", "tries", "particular")
        )
        assert {"subject", "text"} <= set(known)
        assert "held" not in known

    def test_held_and_failed(self, post: Any) -> None:
        """It says what the last try said, and whether it is held."""
        start(post, "a", "ann")
        mood("down")
        post.done("deliver", "--plugin", "letters")
        post.done("outbox", "hold", "letter:ann", "--why", "on leave")
        (row,) = post.data("outbox", "list")["notifications"]
        known = dict(rows(post.done("outbox", "show", row["id"])))

        assert ("on leave", "letters: ConnectionError: the post office is shut", "1") == tuple(
            known[key] for key in ("held", "error", "tries")
        )

    def test_json(self, post: Any) -> None:
        """In JSON it has the keys of a listing, its particulars, its words and whether it is held."""
        start(post, "a", "ann")
        (row,) = post.data("outbox", "list")["notifications"]
        said = post.data("outbox", "show", row["id"])

        assert row == {key: said[key] for key in row}
        assert ({"title": "ann"}, None) == (said["context"], said["held"])
        assert {"subject", "text", "html", "lang"} == set(said["message"])

    def test_unknown(self, post: Any) -> None:
        """An id that is not there is said not to be."""
        start(post, "a", "ann")
        result = post("outbox", "show", "nothing")

        assert (2, "") == (result.exit_code, result.stdout)
        assert "there is no notification 'nothing' in the outbox" in result.stderr


class TestRequeue:
    """`outbox requeue`."""

    @pytest.fixture
    def dead(self, post: Any) -> list[str]:
        """Have two letters that were given up; return their ids."""
        start(post, "a", "ann", "ben")
        mood("never")
        post.done("deliver", "--plugin", "letters")
        mood("")
        return [row["id"] for row in post.data("outbox", "list", "--status", "dead")["notifications"]]

    def test_one(self, post: Any, dead: list[str]) -> None:
        """One that was given up is tried again."""
        assert "requeued\t1\n" == post.done("outbox", "requeue", dead[0])
        post.done("deliver", "--plugin", "letters")
        assert 1 == len(letters())

    def test_all(self, post: Any, dead: list[str]) -> None:
        """All of them are, if that is said; then none is left."""
        assert [{"requeued": len(dead)}, {"requeued": 0}] == [post.data("outbox", "requeue", "--all") for _ in range(2)]

    def test_what_was_not_given_up(self, post: Any, dead: list[str]) -> None:
        """What was not given up is not requeued, and its state is said."""
        post.done("outbox", "requeue", dead[0])
        result = post("outbox", "requeue", dead[0])

        assert 2 == result.exit_code
        assert f"{dead[0]}: it is pending; only what was given up is requeued" in result.stderr
        assert "there is no notification 'nothing'" in post("outbox", "requeue", "nothing").stderr

    @pytest.mark.parametrize("args", [(), ("x", "--all")])
    def test_neither_or_both(self, post: Any, dead: list[str], args: tuple[str, ...]) -> None:
        """One has to be named, or all; not both."""
        result = post("outbox", "requeue", *args)

        assert (2, 2) == (result.exit_code, len(dead))
        assert "name one NOTIFICATION by its id, or say --all" in result.stderr


class TestHold:
    """`outbox hold`, `release` and `held`."""

    def test_everything(self, post: Any) -> None:
        """Everything is held until it is released; each round of deliveries says so."""
        start(post, "a", "ann")
        assert "held\t*\nreason\trestored\n" == post.done("outbox", "hold", "--why", "restored")
        result = post("deliver", "--plugin", "letters")

        assert (0, "everything is held: restored\n") == (result.exit_code, result.stderr)
        assert "*\trestored\n" == post.done("outbox", "held")
        assert "released\t*\n" == post.done("outbox", "release")
        post.done("deliver", "--plugin", "letters")
        assert ["ann"] == letters()

    def test_one(self, post: Any) -> None:
        """One recipient is held, also by a channel that found it gone; the others are told."""
        start(post, "a", "ann", "ben")
        post.done("outbox", "hold", "letter:ann", "--why", "on leave")
        post.done("deliver", "--plugin", "letters")
        mood("gone")
        start(post, "b", "ben")
        post.done("deliver", "--plugin", "letters")

        assert ["ben"] == letters()
        assert [
            {"recipient": "letter:ann", "why": "on leave"},
            {"recipient": "letter:ben", "why": "letters: moved, address unknown"},
        ] == post.data("outbox", "held")["held"]
        assert {"released": "letter:ann"} == post.data("outbox", "release", "letter:ann")
        assert {"held": "letter:x", "why": "y"} == post.data("outbox", "hold", "letter:x", "--why", "y")

    def test_not_held(self, post: Any) -> None:
        """What is not held cannot be released, and what is held is said."""
        start(post, "a", "ann")
        assert "* is not held; held is: nothing" in post("outbox", "release").stderr
        post.done("outbox", "hold", "letter:ann", "--why", "x")

        assert "letter:x is not held; held is: letter:ann" in post("outbox", "release", "letter:x").stderr

    def test_no_recipient(self, post: Any) -> None:
        """A name without its channel would hold nobody, and is refused."""
        start(post, "a", "ann")
        result = post("outbox", "hold", "ann", "--why", "x")

        assert 2 == result.exit_code
        assert "scope: * or a recipient with its channel" in result.stderr
        assert "" == post.done("outbox", "held")


class TestTerminal:
    """The same on a terminal."""

    def test_listing(self, post: Any) -> None:
        """A table with words in the reader's language; what says nothing takes no room."""
        start(post, "a", "ann")
        mood("never")
        post.done("deliver", "--plugin", "letters")
        start(post, "b", "ben")
        shown = unstyled(on_terminal(post, "outbox", "list", "--lang", "id"))

        assert all(said in shown for said in ("penerima", "gagal tetap", "menunggu", "letter:ann"))
        assert "nothing is held" in on_terminal(post, "outbox", "held")

    def test_nothing(self, post: Any) -> None:
        """Where nothing waits, that is said."""
        start(post, "a", "ann")
        post.done("deliver", "--plugin", "letters")

        assert "未配信のものはない" in on_terminal(post, "outbox", "list", "--lang", "ja")

    def test_one(self, post: Any) -> None:
        """One notification is shown with its particulars, and what it says below them."""
        start(post, "a", "ann")
        (row,) = post.data("outbox", "list")["notifications"]
        shown = unstyled(on_terminal(post, "outbox", "show", row["id"]))

        assert row["id"] in shown
        assert "title: ann" in shown
        assert post.data("outbox", "show", row["id"])["message"]["subject"] in shown

    def test_worker(self, post: Any) -> None:
        """A worker tells of each round in a line."""
        start(post, "a", "ann")
        mood("stop")
        shown = on_terminal(post, "deliver", "--follow", "--plugin", "letters")

        assert "Z  delivered: 1, failed: 0, dead: 0, waiting: 0" in shown

    def test_held(self, post: Any) -> None:
        """That everything is held is said in the reader's language."""
        start(post, "a", "ann")
        post.done("outbox", "hold", "--why", "pemulihan")

        assert "semua pengiriman ditahan: pemulihan" in on_terminal(post, "deliver", "--lang", "id")
