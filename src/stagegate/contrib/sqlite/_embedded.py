"""The embedded store: one SQLite file, opened by its path or its url."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from stagegate import Unit

from ._backup import copy
from ._batch import Batch
from ._connections import Connections
from ._group import Group, Turns
from ._host import HostedStore
from ._saying import of_url
from ._store import Keeping
from ._unit import UnitOfWork, end

T = TypeVar("T")


class SQLiteStore(Keeping):
    """
    Histories in one SQLite file.

    Durable before fast: what was acknowledged survives a power cut. Many processes may use the file; one writes at a
    time.
    """

    def __init__(self, path: str, *, timeout: float = 30.0, beside: bool = False) -> None:
        """
        Open the file at *path*, making it if it is not there.

        Args:
            path: The file.

            timeout: For how many seconds to wait while others write.

            beside: Whether the tables may be made beside those of somebody else.

        Raises:
            StoreError: If it cannot be opened, is not ours, or has a schema of another version.
        """
        self._connections = Connections(path, timeout=timeout, beside=beside)
        self._group = Group(self._connections, timeout=timeout)
        super().__init__(Turns(self._group))

    @classmethod
    def from_url(cls, url: str) -> Self:
        """
        Open the file that *url* names: `sqlite:///file.db`, `sqlite:////absolute/file.db`.

        Options are `?timeout=seconds`, and `?beside=yes` where the tables may be made beside those of somebody else.

        Raises:
            StoreError: If the url names no file.
        """
        path, timeout, beside = of_url(url)
        return cls(path, timeout=timeout, beside=beside)

    @contextmanager
    def unit(self, agreement: str) -> Iterator[UnitOfWork]:
        """Lock the file for writing."""
        self._connections.free()
        with self._connections.use(f"locking {agreement!r}") as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield UnitOfWork(connection, agreement, lambda: end(connection, self._connections.path))

    def work(self, agreement: str, job: Callable[[Unit], T]) -> T:
        """
        Run *job* in a unit of work; callers that come at the same time share one commit.

        Args:
            agreement: The agreement that it is about.

            job: Decides and writes; it may run in the thread of another caller, in a copy of this one's context.

        Raises:
            StoreError: If it cannot be written; then nothing is.

            OutcomeUnknown: If it cannot be said whether it was committed.
        """
        return self._group.work(agreement, job)

    def using(self, connection: Any) -> HostedStore:
        """
        Return a store in the transaction of a host: a SAVEPOINT for each unit of work, and never a COMMIT.

        Where no transaction is under way, one is begun when something is written; the host ends it.

        Args:
            connection: A `sqlite3.Connection`, or a `Connection` or `Session` of SQLAlchemy.

        Raises:
            StoreError: If it leads to another file, or the file has a schema of another version.

            InvalidValue: If it is something else.
        """
        return HostedStore(connection, self._connections)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """
        Have a store for the length of a block, and commit all that was written by it at the end, or nothing.

        Raises:
            OutcomeUnknown: If it cannot be said whether it was committed.
        """
        with self._group.turn("a batch"), self._connections.use("writing a batch") as connection:
            connection.execute("BEGIN IMMEDIATE")
            batch = Batch(connection, self._connections.path)
            with self._connections.batching():
                yield batch
            batch.flush()
            end(connection, self._connections.path)

    def backup(self, file: str, why: str) -> None:
        """
        Copy all that is kept into a new file, as of one moment, with all deliveries held.

        It is written beside its place and moved there when it is whole, so that nothing half done bears its name.

        Args:
            file: Where the copy is to be; nothing is written over.

            why: Why nothing of it is delivered.

        Raises:
            StoreError: If there is such a file already, or it cannot be written.
        """
        with self._connections.use(f"backing it up to {file}") as connection:
            copy(connection, Path(file), why)

    def close(self) -> None:
        """Close the file."""
        self._connections.close()
