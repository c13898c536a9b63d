"""A receiver: a process of its own that writes down what it is told, and has it safe before it says so."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import selectors
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import attrs
from scene import Channel

from stagegate import Notification, hookimpl

HAVE, REFUSED = b"+", b"-"


def _receive(listening: socket.socket, path: str, refusing: float) -> None:
    """Be the receiver: of all that is told, refuse a share, and write down the rest."""
    chance = random.Random()
    unfinished: dict[socket.socket, bytes] = {}
    with selectors.DefaultSelector() as selector, Path(path).open("ab", buffering=0) as book:
        selector.register(listening, selectors.EVENT_READ)
        while True:
            answers: list[tuple[socket.socket, bytes]] = []
            for key, _ in selector.select():
                if key.fileobj is listening:
                    teller, _ = listening.accept()
                    selector.register(teller, selectors.EVENT_READ)
                    unfinished[teller] = b""
                    continue
                teller = key.fileobj  # type: ignore[assignment]  # only sockets are registered
                said = unfinished[teller] + (piece := _heard(teller))
                *lines, unfinished[teller] = said.split(b"\n")
                for line in lines:
                    refused = chance.random() < refusing
                    if not refused:
                        book.write(line + b"\n")
                    answers.append((teller, REFUSED if refused else HAVE))
                if not piece:
                    selector.unregister(teller)
                    teller.close()
                    del unfinished[teller]
            os.fsync(book.fileno())
            for teller, answer in answers:
                try:
                    teller.sendall(answer)
                except OSError:  # whoever told it has been killed meanwhile
                    continue


def _heard(teller: socket.socket) -> bytes:
    try:
        return teller.recv(65536)
    except ConnectionError:
        return b""


@attrs.frozen
class Receipt:
    """
    One thing that was received.

    Attributes:
        id: The id of the notification.

        place: What it is about: the agreement, the number of the event, and whom it tells.

        by: Who delivered it.
    """

    id: str
    place: tuple[str, int, str]
    by: int


class Receiver:
    """Has a receiver running for the length of a block."""

    def __init__(self, folder: Path, *, refusing: float = 0.0) -> None:
        """
        Say where it listens and writes.

        Args:
            folder: Where its files are.

            refusing: What share of all that is told it refuses, so that it has to be told again.
        """
        self.address = str(folder / "receiver")
        self._book = folder / "received"
        self._refusing = refusing

    def __enter__(self) -> Self:
        """Start it."""
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self.address)
        listening.listen(64)
        self._process = multiprocessing.get_context("fork").Process(
            target=_receive, args=(listening, str(self._book), self._refusing), daemon=True
        )
        self._process.start()
        listening.close()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.join()

    def received(self) -> list[Receipt]:
        """Return all that was received, in the order in which it was."""
        told = map(json.loads, self._book.read_text(encoding="utf-8").splitlines())
        return [Receipt(one["id"], (one["agreement"], one["n"], one["to"]), one["by"]) for one in told]


class Wire(Channel):
    """The channel that tells a `Receiver`."""

    def __init__(self, address: str, by: int, say: Callable[[str], object] = lambda _: None) -> None:
        """
        Take the address of the receiver.

        Args:
            address: Where it listens.

            by: Who delivers.

            say: Is told `sending` and `sent`.
        """
        self._address, self._by, self._say = address, by, say
        self._line: socket.socket | None = None

    def tell(self, notification: Notification) -> bool:
        """Tell the receiver, and say whether it has it."""
        if self._line is None:
            self._line = socket.socket(socket.AF_UNIX)
            self._line.connect(self._address)
        told: dict[str, Any] = {"id": notification.id, "agreement": notification.agreement, "n": notification.n}
        self._say("sending")
        self._line.sendall(json.dumps({**told, "to": notification.to, "by": self._by}).encode() + b"\n")
        answer = self._line.recv(1)
        self._say("sent")
        return answer == HAVE

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool:
        """Tell the receiver; what it refuses has to be told again."""
        if not self.tell(notification):
            message = "the receiver refused it"
            raise ConnectionError(message)
        return True

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()
            self._line = None


def compared(received: Iterable[Receipt], committed: dict[str, tuple[str, int]]) -> list[str]:
    """
    Compare what was received with what the events that were committed had to tell, and return what must not be.

    Args:
        received: What was received.

        committed: The agreement and the number of the event, by the id of each notification.
    """
    faults: list[str] = []
    ids: dict[tuple[str, int, str], set[str]] = {}
    got: dict[str, set[tuple[str, int, str]]] = {}
    for one in received:
        ids.setdefault(one.place, set()).add(one.id)
        got.setdefault(one.id, set()).add(one.place)
    if lost := committed.keys() - got.keys():
        faults.append(f"{len(lost)} notifications of committed events were never delivered")
    if invented := got.keys() - committed.keys():
        faults.append(f"{len(invented)} notifications were delivered of what was never committed")
    if several := [place for place, under in ids.items() if len(under) > 1]:
        faults.append(f"{len(several)} notifications came under more than one id")
    mixed = [id_ for id_, places in got.items() if len(places) > 1 or committed.get(id_) not in {p[:2] for p in places}]
    if mixed := [id_ for id_ in mixed if id_ in committed]:
        faults.append(f"{len(mixed)} ids stood for something else than what the event says")
    return faults
