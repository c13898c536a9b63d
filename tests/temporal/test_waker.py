"""What tells Temporal: it holds no move up, loses nothing it can keep, and ends when the program does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from stagegate import Waker
from stagegate.contrib.temporal import _asking, _waker
from stagegate.contrib.temporal._asking import connected
from stagegate.contrib.temporal._syncing import sync
from stagegate.contrib.temporal._waker import TemporalWaker
from stagegate.contrib.temporal._workflows import AGREEMENT, NOTIFICATION
from stagegate.contrib.temporal._working import patrolling

from .scene import Office, Server, council, in_a_loop, until, until_async

TESTS = Path(__file__).parents[1]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was warned of."""
    return [r.getMessage() for r in caplog.records if r.name == "stagegate.temporal" and r.levelno == logging.WARNING]


@attrs.define
class Away(Office):
    """An office whose server is not there yet."""

    server: Server = attrs.field(kw_only=True)


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    """Return an office whose server is not there yet, and goes with the test."""
    server = Server()
    yield Away(tmp_path, server.url("away"), server=server)
    server.kill()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(_waker, "PAUSE", 0.1)
    monkeypatch.setattr(_asking, "PATIENCE", _asking.PATIENCE / 5)


def test_it_is_a_waker(office: Office) -> None:
    """It keeps the contract of wakers, and closing one that has told nothing does nothing."""
    waker = TemporalWaker(office.address)
    waker.close()

    assert isinstance(waker, Waker)


@pytest.mark.usefixtures("hasty")
@in_a_loop
async def test_moves_go_on_without_a_server(away: Away, caplog: pytest.LogCaptureFixture) -> None:
    """While Temporal is not there, moves go on and one warning is logged; when it comes, it is told all of it."""
    with away.open() as engine:
        for number in range(5):
            council(engine, f"deal-{number}")
            until("a try", lambda: warnings(caplog))
        assert len(warnings(caplog)) == 1
        assert warnings(caplog)[0].startswith("moves go on, and Temporal is told later: PluginError: plugin 'temporal'")
        await asyncio.to_thread(away.server.start)
        async with away.at_work(engine) as client:
            await until_async("delivery", lambda: not away.pending(engine))
            await away.watches(client, *((AGREEMENT, f"deal-{n}") for n in range(5)))


@pytest.mark.usefixtures("hasty")
@in_a_loop
async def test_server_that_goes_and_comes(away: Away, caplog: pytest.LogCaptureFixture) -> None:
    """After a server was away, it is told what happened meanwhile, and the worker that was there goes on; one warning."""
    away.server.db = away.folder / "temporal.db"
    await asyncio.to_thread(away.server.start)
    with away.open() as engine:
        async with away.at_work(engine) as client:
            council(engine, "first")
            await until_async("delivery", lambda: not away.pending(engine))
            await asyncio.to_thread(away.server.kill)
            council(engine, "second")
            await until_async("a warning", lambda: warnings(caplog))
            council(engine, "third")
            await asyncio.to_thread(away.server.start)
            await until_async("delivery", lambda: not away.pending(engine))
            assert len(warnings(caplog)) == 1
            await away.watches(client, *((AGREEMENT, name) for name in ("first", "second", "third")))


@pytest.mark.usefixtures("hasty")
@in_a_loop
async def test_rounds_go_on(away: Away, caplog: pytest.LogCaptureFixture) -> None:
    """A round that finds no server is warned of once, and the rounds go on until one does."""
    away.server.db = away.folder / "temporal.db"
    await asyncio.to_thread(away.server.start)
    with away.open(wake=False) as engine:
        async with away.at_work(engine) as client:
            await asyncio.to_thread(away.server.kill)
            council(engine)
            rounds = asyncio.create_task(patrolling(engine, client, away.address, timedelta(seconds=0.1)))
            await until_async("a warning", lambda: warnings(caplog))
            await asyncio.to_thread(away.server.start)
            await until_async("delivery", lambda: not away.pending(engine))
            rounds.cancel()

    (said,) = warnings(caplog)
    assert said.startswith("the round was not made, the next will be tried: ")


@in_a_loop
async def test_closing_does_not_wait_for_what_is_not_there(away: Away, caplog: pytest.LogCaptureFixture) -> None:
    """An engine whose Temporal is not there can be closed, and says what is left to a sync; a sync mends it."""
    with away.open() as engine:
        council(engine)
    assert "not told to Temporal: 3; `stagegate temporal sync` mends it" in warnings(caplog)

    await asyncio.to_thread(away.server.start)
    with away.open(wake=False) as engine:
        client = await connected(away.address)
        done = await sync(engine, client, away.address)
        async with away.at_work(engine, client):
            await until_async("delivery", lambda: not away.pending(engine))

    assert (1, 2, 0) == (done.timers, done.deliveries, done.ended)


def test_server_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A host that takes the call and says nothing holds no move up, and the engine can be closed."""
    monkeypatch.setattr(_asking, "PATIENCE", _asking.PATIENCE / 20)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as mute:
        office = Office(tmp_path, f"temporal://127.0.0.1:{mute.getsockname()[1]}")
        with office.open() as engine:
            council(engine)
            assert office.pending(engine) == 2

    assert "not told to Temporal: 3; `stagegate temporal sync` mends it" in warnings(caplog)


def test_what_is_kept_is_bounded(away: Away, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """While Temporal is not there, no more than so much is kept to be told; the rest is warned of once."""
    monkeypatch.setattr(_waker, "MOST", 3)
    with away.open() as engine:
        waker = engine._waker
        assert isinstance(waker, TemporalWaker)
        for number in range(5):
            council(engine, f"deal-{number}")

        assert len(waker._waiting) <= 6  # three, and those that are in hand

    assert len([said for said in warnings(caplog) if "3 things wait to be told" in said]) == 1


def test_no_thread_is_to_be_had(away: Away, hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be begun, closing it is as ever, and the next that is told begins one."""
    waker = TemporalWaker(away.address)

    def refuse(_: object) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            waker.deliver("a")
        waker.close()
    waker.deliver("b")
    waker.close()

    assert not waker._waiting
    assert waker._thread is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_child_closes_what_its_parent_is_using(away: Away) -> None:
    """A child that was forked at an instant at which its parent was looking at the news can close its own waker."""
    waker = TemporalWaker(away.address)
    child = multiprocessing.get_context("fork").Process(target=waker.close)
    with waker._news:
        child.start()
    child.join(60)

    assert 0 == child.exitcode
    child.close()


def test_what_is_told_twice_is_told_once(away: Away) -> None:
    """What waits to be told is kept once, however often it has changed."""
    waker = TemporalWaker(away.address)
    for _ in range(500):
        waker.schedule("deal", datetime(2030, 1, 1, tzinfo=UTC))
        waker.cancel("deal")
        waker.deliver("0")

    assert len(waker._waiting) <= 2
    waker.close()


PROGRAM = """
import os, sys
sys.path[:0] = [sys.argv[1], os.path.dirname(sys.argv[1])]
from pathlib import Path
from temporal.scene import Office, council

if __name__ == "__main__":
    engine = Office(Path(sys.argv[2]), sys.argv[3]).open()
    {body}
"""
FORK = """
    child = os.fork()
    council(engine, str(os.getpid()))
    engine.close()
    if child:
        assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.parametrize(
    "body",
    ["council(engine, str(os.getpid())); engine.close()", "council(engine, str(os.getpid()))", FORK.strip()],
    ids=["closed", "left open", "forked"],
)
def test_short_program(office: Office, body: str) -> None:
    """A program that ends at once has told Temporal what it did, and ends well: closed or not, forked or not."""
    program = office.folder / "program.py"
    program.write_text(PROGRAM.format(body=body), encoding="utf-8")
    for _ in range(2):
        command = [sys.executable, program, str(TESTS), str(office.folder), office.url]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (0, "", "") == (run.returncode, run.stdout, run.stderr)
    _all_waited_for(office)


@in_a_loop
async def _all_waited_for(office: Office) -> None:
    client = await connected(office.address)
    with office.open(wake=False) as engine:
        await office.watches(
            client,
            *((AGREEMENT, agreement.id) for agreement in engine.find().items),
            *((NOTIFICATION, row.notification.id) for row in engine.outbox()),
        )
