"""What the harnesses play with: a small process, a channel, and connections that are watched or broken."""

from __future__ import annotations

import multiprocessing
import os
import re
import select
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from stagegate import Actor, Agreement, Engine, Event, Notification, Process, Stage, hookimpl, requirement

CLERK = Actor(id="clerk-7", roles={"desk"})


@requirement(code="proof.ready", fix_by="desk", basis="Rule of the harness, Art 1")
def ready(attempt: Any) -> bool:
    """Ask one recorded fact."""
    return attempt.fact("ready") is True


PROCESS = Process(
    id="proof",
    version="1",
    stages=(
        Stage("intent", owner="desk", gate=ready),
        Stage("council", owner="desk", back_to=("intent",), gate=ready),
        Stage("implementation", owner="desk"),
    ),
)


class Channel:
    """A channel that has two things to tell of every event."""

    name = "proof"

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell the owners and the archive."""
        for to in (*agreement.owner, "archive"):
            context = {"n": event.n, "stage": agreement.stage}
            yield Notification(channel="proof", kind=event.kind, to=to, context=context)


def utc_now() -> datetime:
    """Say what time it is."""
    return datetime.now(UTC)


def opened(
    place: str,
    kind: type[Engine] = Engine,
    *,
    plugins: Iterable[Any] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Engine:
    """Open an engine on a file, or on any other place by its url."""
    url = place if "://" in place else f"sqlite:///{place}?timeout=120"
    given = [Channel()] if plugins is None else list(plugins)
    return kind.open(url, processes=[PROCESS], plugins=given, clock=clock)


def begun(engine: Engine, agreement: str) -> Agreement:
    """Start an agreement and record what its gates ask for."""
    deal = engine.start("proof", agreement, title=f"Agreement {agreement}", by=CLERK)
    return engine.record(deal, "ready", value=True, by=CLERK)


class Watched(sqlite3.Connection):
    """A connection that says when it has begun a transaction, and when that has ended."""

    say: Callable[[bytes], object] = staticmethod(lambda _: None)

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Do what is asked, and say so where a transaction begins or has ended."""
        cursor = super().execute(sql, *parameters)
        if sql.startswith("BEGIN IMMEDIATE"):
            self.say(b"B\n")
        elif sql.startswith(("COMMIT", "ROLLBACK")):
            self.say(b"C\n")
        return cursor


class Split(Watched):
    """Broken: the event is committed before its notifications are written."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Commit behind every event."""
        cursor = super().execute(sql, *parameters)
        if sql.startswith("INSERT INTO event"):
            sqlite3.Connection.execute(self, "COMMIT")
            sqlite3.Connection.execute(self, "BEGIN IMMEDIATE")
        return cursor


class Late(Watched):
    """Broken: a commit is acknowledged at once, and done when the next transaction begins."""

    _put_off = False

    @property
    def in_transaction(self) -> bool:
        """Pretend that what was put off is done."""
        return not self._put_off and super().in_transaction

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Put off what is to be committed."""
        if sql.startswith("COMMIT"):
            self._put_off = True
            self.say(b"C\n")
            return super().execute("SELECT 1")
        if self._put_off and sql.startswith("BEGIN"):
            sqlite3.Connection.execute(self, "COMMIT")
            self._put_off = False
        return super().execute(sql, *parameters)


class Unlocked(sqlite3.Connection):
    """
    Broken: the lock is taken after all was read, and what another wrote in between is written over.

    It dawdles before it takes the lock, so that a short run catches it as surely as a long one, on a busy machine too.
    """

    _wanted = False
    DAWDLE = 0.01

    @property
    def in_transaction(self) -> bool:
        """Pretend that what was begun is under way."""
        return self._wanted or super().in_transaction

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Put off the lock, and replace events."""
        if sql.startswith("BEGIN IMMEDIATE"):
            self._wanted = True
            return super().execute("SELECT 1")
        if self._wanted and sql.startswith(("INSERT", "UPDATE", "DELETE")):
            time.sleep(self.DAWDLE)
            super().execute("BEGIN IMMEDIATE")
            self._wanted = False
        if self._wanted and sql.startswith(("COMMIT", "ROLLBACK")):
            self._wanted = False
            return super().execute("SELECT 1")
        return super().execute(sql.replace("INSERT INTO event", "INSERT OR REPLACE INTO event"), *parameters)


def _unseeing(method: Callable[..., Agreement]) -> Callable[..., Agreement]:
    def unseeing(engine: Engine, agreement: Agreement | str, *rest: Any, **named: Any) -> Agreement:
        return method(engine, agreement.id if isinstance(agreement, Agreement) else agreement, *rest, **named)

    return unseeing


CHANGING = ("advance", "send_back", "attach", "record", "note")
Blind: type[Engine] = type("Blind", (Engine,), {name: _unseeing(getattr(Engine, name)) for name in CHANGING})
"""Broken: an engine that does not compare what its caller saw with what is."""


def slip(factory: type[sqlite3.Connection]) -> None:
    """Have every connection of this process made by *factory* from now on, whoever asks `sqlite3` for one."""
    sqlite3.connect = partial(sqlite3.connect, factory=factory)  # type: ignore[assignment]  # the harness watches BEGIN


def uncompared() -> None:
    """
    Break PostgreSQL: what was read before is not compared with what is, and what another wrote is written over.

    It dawdles before it writes, so that a short run catches it as surely as a long one.
    """
    from stagegate.contrib.postgres._connections import Session

    run = Session.run

    def uncomparing(session: Session, sql: str, values: Sequence[Any]) -> Any:
        if "INSERT INTO stagegate.event" in sql:
            time.sleep(Unlocked.DAWDLE)
            sql = re.sub(r" AND n = (\$\d+)", r" AND n >= \1", sql)
            sql += " ON CONFLICT (agreement, n) DO UPDATE SET body = EXCLUDED.body, hash = EXCLUDED.hash"
        return run(session, sql, values)

    Session.run = uncomparing  # type: ignore[method-assign]  # the harness breaks it on purpose


STUCK = 60.0
"""After how many seconds without a word a worker is taken for stuck."""


def heard(pipe: int, size: int = 65536) -> bytes:
    """Return what a worker says next, nothing at its end; an error if it neither says anything nor ends."""
    if not select.select([pipe], [], [], STUCK)[0]:
        message = f"a worker has said nothing for {STUCK:g} seconds: it is stuck"
        raise TimeoutError(message)
    return os.read(pipe, size)


GRACE = 60.0
"""How many seconds the others have to end when one of those who do something together has died."""


def together(processes: int, target: Callable[..., None], *given: Any) -> tuple[list[Any], list[str]]:
    """
    Have so many processes do *target* at the same time, and return what each answered, with those that died.

    Each is called with its place from 0, *given*, a barrier at which all of them meet, and the connection by which it
    answers once, at its end.
    """
    fresh = multiprocessing.get_context("spawn")
    barrier = fresh.Barrier(processes)
    started = []
    for place in range(processes):
        mine, theirs = fresh.Pipe(duplex=False)
        one = fresh.Process(target=target, args=(place, *given, barrier, theirs))
        one.start()
        theirs.close()
        started.append((one, mine))
    answers: dict[int, Any] = {}
    faults: list[str] = []
    waiting = {mine: place for place, (_, mine) in enumerate(started)}
    patience: float | None = None
    while waiting and (ready := wait(list(waiting), patience)):
        for mine in [one for one in waiting if one in ready]:
            place = waiting.pop(mine)
            try:
                answers[place] = mine.recv()
            except EOFError:
                faults.append(f"process {place} died")
                # Nobody meets it at the barrier any more, and whoever else does not end is not waited for.
                barrier.abort()
                patience = GRACE
    for mine, place in waiting.items():
        faults.append(f"process {place} was still at it {GRACE:g} seconds after another had died")
        started[place][0].kill()
        mine.close()
    for one, _ in started:
        one.join()
    return [answers[place] for place in sorted(answers)], faults
