"""What the tests of the store for many machines share: a process with one gate, a channel, an engine, a cut line."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest

from proof.servers import PostgresServer
from stagegate import Engine

from ..exchange import PROCESS, Bell


class Line:
    """A line over TCP to the server, that can be cut."""

    def __init__(self, port: int) -> None:
        """Lead to a port."""
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._cutting = False
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                for target in (self._there, self._back):
                    thread = threading.Thread(target=target, args=(client, server))
                    thread.start()
                    self._threads.append(thread)

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while sent := client.recv(65536):
                if self._cutting:
                    self._cutting = False
                    client.shutdown(socket.SHUT_RDWR)
                    server.sendall(sent)
                    break
                server.sendall(sent)
        # What was sent is done; then the server hears that nobody is there any more.
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, suppress(OSError):
            while answered := server.recv(65536):
                client.sendall(answered)
            client.shutdown(socket.SHUT_WR)

    def cut_next(self) -> None:
        """Send on what comes next, and lose its answer: its client hears nothing any more."""
        self._cutting = True

    def close(self) -> None:
        """Let nobody in any more, and wait until everybody has left."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def bell() -> Bell:
    """Return the channel."""
    return Bell()


@pytest.fixture
def engine(database: str, bell: Bell) -> Iterator[Engine]:
    """Open an engine on an empty database."""
    with Engine.open(f"{database}&lock_timeout=0.3", processes=[PROCESS], plugins=[bell]) as engine:
        yield engine


@pytest.fixture
def rows(database: str) -> Callable[..., list[Any]]:
    """Return a way to ask the database, or change it, past the library."""

    def asked(sql: str, *values: Any) -> list[Any]:
        with psycopg.connect(database, autocommit=True) as connection:
            cursor = connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    return asked


@pytest.fixture
def line(postgres: PostgresServer) -> Iterator[Line]:
    """Have a line to the server that can be cut."""
    with closing(Line(postgres.port)) as line:
        yield line
