"""Connections to one file: how they are made durable, shared among threads, and what their errors mean."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stagegate import StoreError

from ._saying import BATCH, explained
from ._schema import checked, upgrade


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Say whether the linked SQLite has the fix of 2026 without which a WAL that is reset can lose commits."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


class Connections:
    """The connections to one file: each is used by one thread at a time, and kept for the next."""

    def __init__(self, path: str, *, timeout: float = 30.0, beside: bool = False) -> None:
        """
        Open the file, making it if it is not there.

        Args:
            path: The file.

            timeout: For how many seconds to wait while others write.

            beside: Whether the tables may be made beside those of somebody else.

        Raises:
            StoreError: If it cannot be opened, is not ours, or has a schema of another version.
        """
        self.path = path
        self._timeout = timeout
        self._beside = beside
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False
        self._used = 0
        self._torn = False
        self._lent: tuple[int, sqlite3.Connection] | None = None
        self._batching: int | None = None
        with self.use("opening it") as connection:
            if checked(connection, path, beside=beside) is None:
                upgrade(connection, path, beside=beside)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False, cached_statements=128
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            # Before anything is written, even a mode: what a newer stagegate has made is left as it is.
            checked(connection, self.path, beside=self._beside)
            self._durable(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _durable(self, connection: sqlite3.Connection) -> None:
        """Choose what loses no commit in a power cut: WAL+FULL where it is safe, DELETE+EXTRA elsewhere."""
        wanted, synchronous = ("wal", "FULL") if wal_is_safe() else ("delete", "EXTRA")
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != wanted and not self._readonly():
            (mode,) = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
            if mode != wanted:
                message = (
                    f"{self.path}: it is in use in journal mode {mode}, which SQLite {sqlite3.sqlite_version} cannot"
                    f" make durable; close it elsewhere first"
                )
                raise StoreError(message)
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    def _readonly(self) -> bool:
        return not os.access(self.path, os.W_OK) if Path(self.path).exists() else False

    @contextmanager
    def use(self, doing: str) -> Iterator[sqlite3.Connection]:
        """
        Have a connection for the length of a block; what it leaves open is rolled back.

        Within a unit of work it is the connection of that: what was written before in its transaction is seen.

        Args:
            doing: What is being done, for the error.

        Raises:
            StoreError: If SQLite fails, or the store was closed.
        """
        lent, connection = self._lent, None
        try:
            if lent is not None and lent[0] == threading.get_ident():
                yield lent[1]
                return
            connection = self._take()
            yield connection
        except sqlite3.Error as error:
            raise explained(error, doing, self.path) from error
        finally:
            if connection is not None:
                self._give(connection)

    @contextmanager
    def lent(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Have all that this thread asks meanwhile go through one connection, which is in a transaction."""
        self._lent = threading.get_ident(), connection
        try:
            yield
        finally:
            self._lent = None

    @contextmanager
    def reading(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Have a connection that sees the file as of one moment."""
        with self.use(doing) as connection:
            if not connection.in_transaction:
                connection.execute("BEGIN")
            yield connection

    @contextmanager
    def writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Have a connection with the lock for writing; what was written is committed at the end of the block."""
        with self.use(doing) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def free(self) -> None:
        """
        Look whether this thread may wait for the lock.

        Raises:
            StoreError: If it holds it itself, for a batch.
        """
        if self._batching == threading.get_ident():
            raise StoreError(BATCH)

    @contextmanager
    def batching(self) -> Iterator[None]:
        """Remember which thread holds the lock for a batch."""
        self._batching = threading.get_ident()
        try:
            yield
        finally:
            self._batching = None

    def forked(self) -> None:
        """Begin anew in a child: whoever looked for a connection at that instant is not there to end it."""
        self._lock = threading.Lock()
        self._lent = self._batching = None
        # SQLite keeps the locks of a process in its memory: those of others would be held here for ever.
        self._torn, self._used = self._torn or self._used > 0, 0

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                message = f"{self.path}: the store was closed; open an engine anew"
                raise StoreError(message)
            if self._torn:
                message = (
                    f"{self.path}: this process was forked while its parent was at work in the file, so SQLite cannot"
                    f" use it here; fork before the engine is opened, or start a new process"
                )
                raise StoreError(message)
            if self._pid != os.getpid():
                # Connections must not cross a fork: those of the parent are left to it.
                self._idle, self._pid = [], os.getpid()
            self._used += 1
            if self._idle:
                return self._idle.pop()
        try:
            return self._connect()
        except BaseException:
            self._unused()
            raise

    def _unused(self) -> None:
        with self._lock:
            self._used -= 1

    def _give(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
            self._unused()
            return
        with self._lock:
            self._used -= 1
            if not self._closed and self._pid == os.getpid():
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
