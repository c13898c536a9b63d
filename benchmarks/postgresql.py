"""A durable move on PostgreSQL, against plain psycopg 3 and against other libraries, by one client and by several."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

sys.path.append(str(Path(__file__).parents[1] / "proof"))

import contestants
from contestants import PEERS
from durable import Channel
from measuring import Row, in_turns, rates, ratio
from servers import PostgresServer
from subjects import STEPS, begun, process, walked

from stagegate import Engine

CLIENTS = 8
WALKS = 32
"""How many agreements are taken all the way in one round: by one client, or each a quarter of it by several."""

PROGRAM = Path(contestants.__file__)


def model(path: Path) -> Path:
    """Write down how large the rows of the engine are, for the others to write the like."""
    with Engine.open("memory:", processes=[process()], plugins=[Channel()]) as engine:
        deal = walked(engine, begun(engine, "0-0000000"))
        sizes = {
            "snapshot": deal.to_json(),
            "body": engine._store.history(deal.id)[-1].body,
            "payload": engine.outbox()[-1].notification.payload(),
        }
    path.write_text(json.dumps({key: value.decode() for key, value in sizes.items()}), encoding="utf-8")
    return path


class Missing(Exception):
    """A contestant is not installed."""


class Team:
    """Several clients of one contestant on one database, each a process, stopped while others run."""

    def __init__(self, name: str, url: str, sizes: Path, clients: int, python: str = sys.executable) -> None:
        """
        Start them.

        Raises:
            Missing: If what the contestant needs is not installed.
        """
        self._clients: list[subprocess.Popen[str]] = []
        for place in range(clients):
            command = [python, str(PROGRAM), name, url, str(place), str(sizes)]
            client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
            self._clients.append(client)
            said = self._heard(client)
            if said != "ready":
                self.close()
                raise Missing(said.removeprefix("missing "))
        self._each(signal.SIGSTOP)

    def _each(self, sign: signal.Signals) -> None:
        for client in self._clients:
            os.kill(client.pid, sign)

    @staticmethod
    def _heard(client: subprocess.Popen[str]) -> str:
        assert client.stdout is not None
        line = client.stdout.readline()
        if not line:
            message = "a contestant died"
            raise RuntimeError(message)
        return line.strip()

    @staticmethod
    def _say(client: subprocess.Popen[str], line: str) -> None:
        assert client.stdin is not None
        client.stdin.write(line + "\n")
        client.stdin.flush()

    def subject(self, clients: int) -> Callable[[], float]:
        """Return what has so many of them move agreements at the same time, and answers what one move costs all."""
        several = self._clients[:clients]

        def subject() -> float:
            self._each(signal.SIGCONT)
            walks = WALKS if clients == 1 else WALKS // 4
            for client in several:
                self._say(client, str(walks))
            for client in several:
                assert self._heard(client) == "set"
            for client in several:
                self._say(client, "go")
            rate = sum(walks * STEPS / float(self._heard(client)) for client in several)
            self._each(signal.SIGSTOP)
            return 1 / rate

        return subject

    def close(self) -> None:
        """End them."""
        for client in self._clients:
            client.kill()
            client.wait()
            for stream in (client.stdin, client.stdout):
                assert stream is not None
                stream.close()

    def __enter__(self) -> Self:
        """Have them for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        self.close()


def _compared(server: PostgresServer, sizes: Path, names: Sequence[str], rounds: int, python: str) -> Iterator[Row]:
    """Compare the contestants of these *names* that are installed with the first one, by one client and by several."""
    # A single round is a look whether it runs.
    clients = CLIENTS if rounds > 1 else 2
    with ExitStack() as stack:
        teams: dict[str, Team] = {}
        for name in names:
            url = server.url(stack.enter_context(server.database()))
            interpreter = sys.executable if name == "stagegate" else python
            try:
                teams[name] = stack.enter_context(Team(name, url, sizes, clients, interpreter))
            except Missing as missing:
                print(f"  ({name}: {missing} is not installed: skipped)")
        for asking in (1, clients):
            costs = in_turns({name: team.subject(asking) for name, team in teams.items()}, rounds)
            who = "one client" if asking == 1 else f"{asking} clients"
            yield from _rows(costs, who)


def _rows(costs: dict[str, list[float]], who: str) -> Iterator[Row]:
    mine = "stagegate"
    for name in costs:
        if name == "raw":
            what = f"durable moves on PostgreSQL, {who}: rate / rate of plain psycopg 3, statement by statement"
            yield Row(what=what, ratio=rates(ratio(costs, mine, "raw")), aim=1.0, at_least=True)
        elif name == "pair":
            what = f"... {who}: rate / rate of psycopg 3 with a SELECT and one CTE"
            yield Row(what=what, ratio=rates(ratio(costs, mine, "pair")))
        elif name in PEERS:
            what = f"... {who}: rate / rate of {name}"
            yield Row(what=what, ratio=rates(ratio(costs, mine, name)), aim=1.0, at_least=True)


def postgresql(folder: Path, rounds: int, python: str) -> Iterator[Row]:
    """
    Compare durable moves on a PostgreSQL that waits for the disk.

    Args:
        folder: Where files may be.

        rounds: How many rounds count.

        python: The interpreter that has the other libraries.
    """
    sizes = model(folder / "sizes.json")
    with PostgresServer(durable=True, max_connections="400") as server:
        yield from _compared(server, sizes, ("stagegate", "raw", "pair"), rounds, sys.executable)
        yield from _compared(server, sizes, ("stagegate", *PEERS), max(3, rounds // 3) if rounds > 1 else 1, python)
