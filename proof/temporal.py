"""
Temporal: workers and servers that are killed, dates that move, months that pass. The store has the last word.

Three scenes, each on real servers:

- `deliveries`: workers are killed with SIGKILL while they deliver, over and over, and others take over. Every
  notification is delivered under its one id, sent again only where its worker died with it in hand, and being woken
  once more, for all of them, sends nothing.
- `dates`: while agreements wait for a date, and some for a date that has moved, the server and all workers are killed.
  The date passes meanwhile. Started again, they meet it: once, and not where it has moved.
- `months`: many agreements live through a year or more on a server that skips the time in which nothing happens.
  Whatever the passing of time brings is recorded when it is due, and nothing is due that nobody waits for.

A twin is the same with something broken on purpose, which must be caught.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from temporal_server import LEAVE, TEST_SERVER, Ahead, Server, planned, slept, until
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from stagegate import (
    Actor,
    Agreement,
    Engine,
    Event,
    Notification,
    Outcome,
    Process,
    Stage,
    approval,
    calendar_days,
    fold,
    hookimpl,
    unguarded,
    workdays,
)
from stagegate.contrib.temporal import _working
from stagegate.contrib.temporal._address import Address
from stagegate.contrib.temporal._asking import connected, look_at_all
from stagegate.contrib.temporal._syncing import watched
from stagegate.contrib.temporal._workflows import AGREEMENT, NOTIFICATION, Found

CLERK = Actor(id="clerk-7", roles={"desk"})
LEASE = timedelta(seconds=5)
"""As long as a worker is silent before it is taken for dead: whoever is slow for a moment keeps what it has in hand."""

HOLD = "hold"
"""The file that keeps those who deliver from coming to an end, so that somebody is sure to be killed in the midst."""

LEAD = timedelta(seconds=5)
"""How long before the date the scene of dates begins; doubled where the machine is too slow for it."""

NEAR = timedelta(minutes=5)
"""What is recorded so soon after it was due was not forgotten; between the looks lie weeks."""

PROCESS = Process(
    id="proof",
    version="1",
    stages=(
        Stage("plan", owner="desk", gate=unguarded("a harness")),
        Stage("desk", owner="desk", back_to=("plan",), gate=unguarded("a harness"), within=calendar_days(3)),
        Stage(
            "council",
            owner="desk",
            back_to=("plan",),
            gate=approval("council", within=calendar_days(120), silence="approves", basis="Rule of the harness, Art 2"),
            within=workdays(45),
            remind=("5 workdays", "10 calendar days"),
        ),
        Stage("done", owner="desk"),
    ),
    outcomes=(Outcome("dropped", by="desk"),),
)


class Channel:
    """Writes into a file when it begins and when it has delivered, and takes its time between, or waits if it is to."""

    name = "proof"

    def __init__(self, folder: Path) -> None:
        """Open the file."""
        self._file = os.open(folder / "log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self._hold = folder / HOLD

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:  # noqa: ARG002  the hook's signature
        """Have two things to tell of every event."""
        for to in ("desk", "archive"):
            yield Notification(channel="proof", kind=event.kind, to=to)

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool:
        """Deliver."""
        os.write(self._file, f"begin {notification.id} {os.getpid()}\n".encode())
        time.sleep(random.uniform(0.0, 0.05))
        while self._hold.exists():
            time.sleep(0.002)
        os.write(self._file, f"end {notification.id} {os.getpid()}\n".encode())
        return True


class Hasty(_working.Duties):
    """Broken: it says that a notification is delivered, and then delivers it."""

    def _deliver(self, notification: str) -> Found:
        threading.Thread(target=super()._deliver, args=(notification,)).start()
        return Found()


class Trusting(_working.Duties):
    """Broken: it does what it was told to do when it was first told, whatever the store says by now."""

    folder = Path()
    """Where it keeps what it was told first."""

    def _deliver(self, notification: str) -> Found:
        found = super()._deliver(notification)
        for row in self.engine.outbox("delivered"):
            if row.notification.id == notification and not found.did:
                self.engine._send(row.notification)
        return found

    def _sweep(self, agreement: str) -> Found:
        found = super()._sweep(agreement)
        told = self.folder / f"told-{agreement}"
        if found.due is None:
            told.unlink(missing_ok=True)
            return found
        if not told.exists():
            told.write_text(found.due, encoding="ascii")
        first = told.read_text(encoding="ascii")
        return Found() if datetime.fromisoformat(first) <= datetime.now(UTC) else Found(first)


TWINS: dict[str, tuple[str, ...]] = {
    "deliveries": ("", "hasty", "trusting"),
    "dates": ("", "forgetful", "trusting"),
    "months": ("", "trusting"),
}
DUTIES: dict[str, type[_working.Duties]] = {"hasty": Hasty, "trusting": Trusting}


def opened(folder: Path, url: str, ahead: timedelta = timedelta(0)) -> Ahead:
    """Open an engine whose clock is so far ahead."""

    def clock() -> datetime:
        return datetime.now(UTC) + ahead

    path = f"sqlite:///{folder / 'proof.db'}?timeout=120"
    engine = Ahead.open(path, processes=[PROCESS], plugins=[Channel(folder)], wake=url, clock=clock)
    engine.ahead = ahead
    return engine


async def _serve(folder: Path, url: str) -> None:
    """Be a worker until somebody kills it; no sync and no rounds help it."""
    address = Address.read(url)
    client = await connected(address)
    (folder / f"ready-{os.getpid()}").touch()
    ahead = await asyncio.to_thread(until, "the time that it is", lambda: _said(folder / "ahead"))
    with opened(folder, url, timedelta(seconds=float(ahead))) as engine:
        async with _working.serving(engine, client, address, lease=LEASE):
            await asyncio.Event().wait()


def _said(file: Path) -> str:
    return file.read_text(encoding="ascii") if file.exists() else ""


@attrs.define
class Crew:
    """The workers of a scene, each a process of its own."""

    folder: Path
    url: str
    twin: str
    workers: dict[int, subprocess.Popen[bytes]] = attrs.field(factory=dict)

    def hire(self) -> None:
        """Start one more."""
        worker = subprocess.Popen([sys.executable, __file__, "work", self.folder, self.url, "--twin", self.twin])
        self.workers[worker.pid] = worker

    def begin(self, ahead: timedelta = timedelta(0)) -> None:
        """Say how far ahead their clocks are; then they work."""
        (self.folder / "ahead.new").write_text(str(ahead.total_seconds()), encoding="ascii")
        (self.folder / "ahead.new").rename(self.folder / "ahead")

    def ready(self) -> None:
        """Wait until all of them are there."""
        until("a worker", lambda: all((self.folder / f"ready-{pid}").exists() for pid in self.workers))

    def kill(self, pid: int) -> None:
        """End one without a word."""
        worker = self.workers.pop(pid)
        os.kill(pid, signal.SIGKILL)
        worker.wait()

    def kill_all(self) -> None:
        """End all of them."""
        for pid in list(self.workers):
            self.kill(pid)


def _log(folder: Path) -> list[tuple[str, str, int]]:
    lines = (folder / "log").read_text(encoding="ascii").splitlines()
    return [(word, id_, int(pid)) for word, id_, pid in map(str.split, lines)]


def _in_hand(folder: Path, crew: Crew) -> dict[int, set[str]]:
    """Return what each worker has begun and not ended."""
    hands: dict[int, set[str]] = {pid: set() for pid in crew.workers}
    for word, id_, pid in _log(folder):
        if pid in hands:
            (hands[pid].add if word == "begin" else hands[pid].discard)(id_)
    return {pid: ids for pid, ids in hands.items() if ids}


def deliveries(
    folder: Path, kills: int, twin: str, patience: float, chance: random.Random
) -> tuple[dict[str, Any], list[str]]:
    """Kill workers that deliver."""
    server = Server().start()
    url = server.url("deliveries")
    crew = Crew(folder, url, twin)
    died: Counter[str] = Counter()
    faults: list[str] = []
    with ExitStack() as stack:
        stack.callback(server.kill)
        stack.callback(crew.kill_all)
        engine = stack.enter_context(opened(folder, url))
        crew.hire()
        crew.hire()
        crew.begin()
        stack.callback((folder / HOLD).unlink, missing_ok=True)
        engine.start("proof", "deal", by=CLERK)
        for turn in range(kills):
            (folder / HOLD).touch()
            for _ in range(5):
                engine.note("deal", f"turn {turn}", by=CLERK)
            hands = until("a delivery", lambda: _in_hand(folder, crew))
            victim = chance.choice(list(hands))
            time.sleep(chance.uniform(0.0, 0.05))
            if turn % 2:
                # Every other is let go on, and killed at some instant: it may have delivered, and not have said so.
                (folder / HOLD).unlink()
                time.sleep(chance.uniform(0.0, 0.03))
            crew.kill(victim)
            (folder / HOLD).unlink(missing_ok=True)
            pending = {row.notification.id for row in engine.outbox("pending")}
            begun = {id_ for word, id_, pid in _log(folder) if pid == victim and word == "begin"}
            died.update(begun & pending)
            crew.hire()
        with suppress(AssertionError):
            until("all is delivered", lambda: not engine.outbox("pending"), patience)
        faults += [f"{row.notification.id} waits, and nobody delivers it" for row in engine.outbox("pending")]
        faults += asyncio.run(_once_more(engine, url, patience))
        rows = {row.notification.id: row for row in engine.outbox()}
        sent = Counter(id_ for word, id_, _ in _log(folder) if word == "end")
        faults += [
            f"{id_} was never delivered" for id_, row in rows.items() if row.status != "delivered" or not sent[id_]
        ]
        faults += [f"{id_} is in no outbox" for id_ in sent if id_ not in rows]
        faults += [
            f"{id_} was sent {count} times, and {died[id_]} workers died with it"
            for id_, count in sent.items()
            if count > 1 + died[id_]
        ]
        faults += [f"verify: {fault}" for fault in engine.verify().faults]
    return {
        "kills": kills,
        "notifications": len(rows),
        "died with": len(died),
        "again": sum(sent.values()) - len(sent),
    }, faults


async def _once_more(engine: Engine, url: str, patience: float) -> list[str]:
    """Have everything looked at again, and wait until nothing is watched over."""
    address = Address.read(url)
    client = await connected(address)
    there: set[tuple[str, str]] = set()
    try:
        for _ in range(2):
            await look_at_all(client, address, [(NOTIFICATION, row.notification.id) for row in engine.outbox()])
        for _ in range(int(patience / 0.1)):
            there = await watched(client, address)
            if not there:
                break
            await asyncio.sleep(0.1)
    finally:
        await asyncio.sleep(LEAVE)
    return [f"{key} is still watched over" for _, key in there]


def dates(
    folder: Path, deals: int, twin: str, patience: float, chance: random.Random
) -> tuple[dict[str, Any], list[str]]:
    """Kill everything while a date is waited for."""
    for turn in range(6):
        place = folder / str(turn)
        place.mkdir()
        answer = _dates(place, deals, twin, patience, LEAD * 2**turn, chance)
        if answer is not None:
            return answer
    return {"deals": deals}, ["the machine is too slow: the date came before everything could be killed"]


def _dates(
    folder: Path, deals: int, twin: str, patience: float, lead: timedelta, chance: random.Random
) -> tuple[dict[str, Any], list[str]] | None:
    """Do so once; None if the date was there too soon."""
    server = Server(None if twin == "forgetful" else folder / "temporal.db").start()
    url = server.url("dates")
    with Engine.open("memory:", processes=[PROCESS]) as probe:
        due = _waiting(probe, "probe", datetime.now(UTC) - timedelta(days=1)).wakes_at
        assert due is not None
    names = [f"deal-{number}" for number in range(deals)]
    moved, stay = set(names[::3]), set(names) - set(names[::3])
    crew = Crew(folder, url, twin)
    with ExitStack() as stack:
        stack.callback(server.kill)
        stack.callback(crew.kill_all)
        crew.hire()
        crew.hire()
        crew.ready()
        ahead = due - datetime.now(UTC) - lead
        met, began = due - ahead, due - lead - timedelta(days=3)
        crew.begin(ahead)
        engine = stack.enter_context(opened(folder, url, ahead))
        for name in names:
            _waiting(engine, name, began)
        until("everything is waited for", lambda: datetime.now(UTC) > met or asyncio.run(_timers(url)) == set(names))
        # Some move on by a day, once Temporal waits for the first date.
        for name in sorted(moved):
            engine.send_back(name, "plan", "again", by=CLERK, at=began + timedelta(days=1))
            engine.advance(name, by=CLERK, at=began + timedelta(days=1))
        until("all is told", lambda: not engine.outbox("pending"))
        time.sleep(max(0.0, chance.uniform(0.0, (met - datetime.now(UTC)).total_seconds() - 1.0)))
        crew.kill_all()
        server.kill()
        if any("overdue" in _kinds(engine, name) for name in names) or datetime.now(UTC) > met:
            return None
        time.sleep(max(0.0, (met - datetime.now(UTC)).total_seconds() + chance.uniform(0.0, 2.0)))
        server.start()
        crew.hire()
        crew.hire()
        with suppress(AssertionError):
            until("the date is met", lambda: all("overdue" in _kinds(engine, name) for name in stay), patience)
        faults = asyncio.run(_moved(engine, url, moved, patience))
        for name in names:
            times = _kinds(engine, name).count("overdue")
            if times != (name in stay):
                date = "that has moved" if name in moved else "that has come"
                faults.append(f"{name}: it was found overdue {times} times, with a date {date}")
        faults += [f"verify: {fault}" for fault in engine.verify().faults]
    return {"deals": deals, "moved": len(moved)}, faults


def _waiting(engine: Engine, name: str, at: datetime) -> Agreement:
    """Bring an agreement to where it waits for a date."""
    engine.start("proof", name, by=CLERK, at=at)
    return engine.advance(name, by=CLERK, at=at)


def _kinds(engine: Engine, agreement: str) -> list[str]:
    return [event.kind for event in engine.history(agreement)]


async def _timers(url: str) -> set[str]:
    address = Address.read(url)
    try:
        return {key for kind, key in await watched(await connected(address), address) if kind == AGREEMENT}
    finally:
        await asyncio.sleep(LEAVE)


async def _moved(engine: Engine, url: str, moved: set[str], patience: float) -> list[str]:
    """Return which dates that have moved nobody waits for."""
    address = Address.read(url)
    client = await connected(address)
    end = time.monotonic() + patience
    try:
        while True:
            lost = []
            for name in moved:
                date = engine.get(name).wakes_at
                at = await planned(client.get_workflow_handle(address.id(AGREEMENT, name)))
                running = (AGREEMENT, name) in await watched(client, address)
                if not running or at is None or date is None or abs(at - date) > timedelta(seconds=1):
                    lost.append(f"{name}: it is due at {date}, and nobody waits for that")
            if not lost or time.monotonic() > end:
                return lost
            await asyncio.sleep(0.1)
    finally:
        await asyncio.sleep(LEAVE)


def months(
    folder: Path, steps: int, twin: str, patience: float, chance: random.Random
) -> tuple[dict[str, Any], list[str]]:
    """Let months pass; a broken worker is already in its place."""
    for again in range(3):
        place = folder / str(again)
        place.mkdir()
        try:
            found, faults = asyncio.run(_months(place, steps, patience, chance))
        except RPCError as error:
            # The server that skips time breaks off a line now and then: that is its fault, and shows nothing.
            print(f"the test server broke off ({error}); begun anew", file=sys.stderr)
        else:
            return {"twin": twin, **found} if twin else found, faults
    message = "the test server broke off three times"
    raise RuntimeError(message)


async def _months(folder: Path, steps: int, patience: float, chance: random.Random) -> tuple[dict[str, Any], list[str]]:
    quiet = Runtime(telemetry=TelemetryConfig(logging=None))
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(TEST_SERVER), runtime=quiet
    )
    async with environment:
        loop = asyncio.get_running_loop()

        def clock() -> datetime:
            return asyncio.run_coroutine_threadsafe(environment.get_current_time(), loop).result(60).astimezone(UTC)

        url = f"temporal://{environment.client.service_client.config.target_host}/default?queue=months"
        address = Address.read(url)
        engine = Engine.open("memory:", processes=[PROCESS], plugins=[Channel(folder)], wake=url, clock=clock)
        began, faults = await environment.get_current_time(), list[str]()
        async with _working.serving(engine, environment.client, address, lease=LEASE):
            for step in range(steps):
                await asyncio.to_thread(_happens, engine, chance, step)
                faults += await _unwatched(environment, engine, address, patience)
                faults += await _passed(environment, timedelta(days=chance.uniform(0.1, 20)), patience)
                if faults:
                    break
            for _ in range(20):
                # Whoever looks every hour keeps a server busy that could skip months: one late look is enough to know.
                if faults or (await asyncio.to_thread(_punctual, engine))[1]:
                    break
                faults += await _passed(environment, timedelta(days=10), patience)
            else:
                faults += await _unwatched(environment, engine, address, patience)
        passed = (await environment.get_current_time() - began).days
        found = await asyncio.to_thread(_punctual, engine)
        await asyncio.to_thread(engine.close)
    await asyncio.sleep(LEAVE)
    brought = sum(found[0].values())
    return {
        "days": passed,
        "agreements": len(engine.find(limit=500).items),
        "brought by time": brought,
        **found[0],
    }, faults + found[1]


async def _passed(environment: WorkflowEnvironment, time: timedelta, patience: float) -> list[str]:
    """Let time pass, and return what is wrong if it does not."""
    try:
        await slept(environment, time, patience)
    except AssertionError as error:
        return [str(error)]
    return []


def _happens(engine: Engine, chance: random.Random, step: int) -> None:
    """Have something happen to an agreement, or a new one begin."""
    running = [a for a in engine.find(running=True, limit=500).items if a.stage != "done"]
    if len(running) < 4 or chance.random() < 0.3:
        engine.start("proof", f"deal-{step}", by=CLERK)
        engine.advance(f"deal-{step}", by=CLERK)
        if chance.random() < 0.7:
            engine.advance(f"deal-{step}", by=CLERK)
        return
    deal = chance.choice(running)
    if deal.hold is not None:
        engine.resume(deal, by=CLERK)
    elif deal.stage == "plan":
        engine.advance(deal, by=CLERK)
    elif chance.random() < 0.15:
        engine.end(deal, "dropped", by=CLERK)
    elif chance.random() < 0.4:
        engine.hold(deal, "a question", by=CLERK)
    else:
        engine.send_back(deal, "plan", "again", by=CLERK)


async def _unwatched(environment: WorkflowEnvironment, engine: Engine, address: Address, patience: float) -> list[str]:
    """Wait until everything that is due is waited for at its date, and return what is not."""

    def dates() -> dict[tuple[str, str], datetime]:
        deals = engine.find(running=True, limit=500).items
        wanted = {(AGREEMENT, deal.id): deal.wakes_at for deal in deals if deal.wakes_at is not None}
        return {**wanted, **{(NOTIFICATION, row.notification.id): row.due_at for row in engine.outbox("pending")}}

    end = time.monotonic() + patience
    while True:
        now = await environment.get_current_time()
        lost = []
        for thing, date in (await asyncio.to_thread(dates)).items():
            at = await planned(environment.client.get_workflow_handle(address.id(*thing)))
            if date <= now or at is None or abs(at - date) > timedelta(seconds=1):
                lost.append(f"{thing[1]}: it is due at {date}, it is {now}, and what is waited for is {at}")
        if not lost or time.monotonic() > end:
            return lost
        await asyncio.sleep(0.02)


def _punctual(engine: Engine) -> tuple[Counter[str], list[str]]:
    """Return what time has brought, and what of it was not recorded when it was due."""
    brought: Counter[str] = Counter()
    faults: list[str] = []
    for agreement in engine.find(limit=500).items:
        history = engine.history(agreement)
        for place, event in enumerate(history):
            if event.actor != "law":
                continue
            brought[event.kind] += 1
            due = fold(history[:place]).wakes_at
            recorded = datetime.fromisoformat(event.data["recorded_at"])
            if due is None or not due <= recorded <= due + NEAR:
                faults.append(f"{agreement.id} #{event.n}: {event.kind} was due at {due} and recorded at {recorded}")
    faults += [f"verify: {fault}" for fault in engine.verify().faults]
    return brought, faults


SCENES = {"deliveries": deliveries, "dates": dates, "months": months}


def main() -> int:
    """Run a scene; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    commands = parser.add_subparsers(dest="scene", required=True)
    for scene, (word, many, what) in {
        "deliveries": ("--kills", 30, "how many workers to kill"),
        "dates": ("--deals", 12, "how many agreements wait"),
        "months": ("--steps", 60, "how many things happen"),
    }.items():
        command = commands.add_parser(scene)
        command.add_argument(word, dest="many", type=int, default=many, help=f"{what} ({many})")
        command.add_argument("--twin", choices=TWINS[scene], default="", help="break this on purpose")
        command.add_argument("--seed", type=int, default=None, help="choose what happens, and when, by this")
        command.add_argument("--patience", type=float, default=120.0, help="seconds to wait for anything (120)")
    work = commands.add_parser("work", help="be one of the workers")
    work.add_argument("folder", type=Path)
    work.add_argument("url")
    work.add_argument("--twin", default="")
    given = parser.parse_args()
    _working.Duties = DUTIES.get(given.twin, _working.Duties)  # type: ignore[misc]  the twin takes its place
    if given.scene == "work":
        Trusting.folder = given.folder
        asyncio.run(_serve(given.folder, given.url))
        return 0
    with tempfile.TemporaryDirectory(prefix="temporal-") as folder:
        Trusting.folder = Path(folder)
        found, faults = SCENES[given.scene](
            Path(folder), given.many, given.twin, given.patience, random.Random(given.seed)
        )
    if given.json:
        print(json.dumps({"found": found, "faults": faults}))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        print(f"temporal: {given.scene}: {who}: {', '.join(f'{key} {value}' for key, value in found.items())}")
        print(f"  {len(faults):,} faults" + (f", the first: {faults[0]}" if faults else ""))
    return int(bool(faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
