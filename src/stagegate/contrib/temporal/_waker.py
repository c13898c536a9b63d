"""Telling Temporal after a commit, from a thread of its own, so that no move ever waits for it."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from datetime import datetime

from ._address import Address
from ._asking import LEAVE, connected, look_at_all
from ._workflows import AGREEMENT, NOTIFICATION

LOGGER = logging.getLogger("stagegate.temporal")
MOST = 10_000
"""How many things are kept to be told while Temporal cannot be reached; what is due beyond is found by a sync."""

BATCH = 200
"""How many things are told in one go."""

PAUSE = 2.0
"""How many seconds to wait before it is tried again."""

GLANCE = 0.5
"""How often the thread looks whether the program is about to end; nobody else tells it."""

FAREWELL = 30.0
"""How many seconds closing may take."""


class TemporalWaker:
    """
    Tells Temporal to look at what a commit has changed; carries ids only.

    The thread begins with the first thing there is to tell. It is no daemon: a program that ends without closing its
    engine still tells what it has to tell, if that can be done at once.
    """

    def __init__(self, address: Address) -> None:
        """Know where Temporal is; whether it is there is seen when there is something to tell."""
        self._address = address
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._news = threading.Condition()
        self._waiting: dict[tuple[str, str], None] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        self._said: set[str] = set()

    def schedule(self, agreement: str, due: datetime) -> None:  # noqa: ARG002  when it is due, the store says
        """Have the agreement looked at: its date is new."""
        self._tell(AGREEMENT, agreement)

    def cancel(self, agreement: str) -> None:
        """Have the agreement looked at: it has no date any more."""
        self._tell(AGREEMENT, agreement)

    def deliver(self, notification: str) -> None:
        """Have the notification looked at."""
        self._tell(NOTIFICATION, notification)

    def _tell(self, kind: str, key: str) -> None:
        self._alone()
        with self._news:
            if len(self._waiting) >= MOST and (kind, key) not in self._waiting:
                self._warn("full", f"{MOST:,} things wait to be told to Temporal; what comes now is left to a sync")
                return
            self._waiting[kind, key] = None
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="stagegate-temporal", daemon=False)
                # Where no thread is to be had now, the next that is told asks for one again.
                thread.start()
                self._thread = thread
            self._news.notify_all()

    def _alone(self) -> None:
        """Begin anew in a child: a thread does not cross a fork, and what the parent has to tell is left to it."""
        if self._pid != os.getpid():
            self._begin()

    def close(self) -> None:
        """Tell what is still to be told, if that can be done soon, and end the thread."""
        self._alone()
        with self._news:
            self._closed = True
            thread = self._thread
            self._news.notify_all()
        if thread is not None:
            thread.join(FAREWELL)

    def _leaving(self) -> bool:
        return self._closed or not threading.main_thread().is_alive()

    def _warn(self, about: str, said: str) -> None:
        """Warn once, until it is over."""
        if about not in self._said:
            LOGGER.warning(said)
        self._said.add(about)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            client = None
            while batch := self._next():
                try:
                    client = client or runner.run(connected(self._address))
                    runner.run(look_at_all(client, self._address, batch))
                    self._said.clear()
                except Exception as error:
                    self._failed(batch, error)
            runner.run(asyncio.sleep(LEAVE))

    def _next(self) -> list[tuple[str, str]]:
        """Wait for something to tell and take it in hand; nothing, if the thread is to end."""
        with self._news:
            while not self._waiting and not self._leaving():
                self._news.wait(GLANCE)
            batch = list(self._waiting)[:BATCH]
            for thing in batch:
                del self._waiting[thing]
            if not batch:
                self._thread = None
            return batch

    def _failed(self, batch: list[tuple[str, str]], error: Exception) -> None:
        """Put back what could not be told and wait a little; or, when the program is about to end, leave it."""
        with self._news:
            self._waiting = dict.fromkeys([*batch, *self._waiting])
            if self._leaving():
                LOGGER.warning("not told to Temporal: %d; `stagegate temporal sync` mends it", len(self._waiting))
                self._waiting.clear()
                return
            self._warn("down", f"moves go on, and Temporal is told later: {type(error).__name__}: {error}")
            self._news.wait_for(self._leaving, PAUSE)
