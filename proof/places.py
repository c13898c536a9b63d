"""Where the harnesses keep their histories: files, or the databases of a PostgreSQL server of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from servers import PostgresServer

PLACES = ("sqlite", "postgresql")


class Ground:
    """
    Has room for places of one kind, for the length of a block.

    Attributes:
        server: The server, where there is one.
    """

    def __init__(self, kind: str, *, durable: bool = False) -> None:
        """
        Say what kind.

        Args:
            kind: One of `PLACES`.

            durable: Whether a server waits for the disk at each commit; a file always does.
        """
        assert kind in PLACES
        self.server = PostgresServer(durable=durable) if kind == "postgresql" else None

    def __enter__(self) -> Self:
        """Have it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        if self.server is not None:
            self.server.stop()

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        """
        Have an empty place for the length of a block; its url is handed over.

        Args:
            folder: Where a file can be.
        """
        if self.server is None:
            yield f"sqlite:///{folder / 'proof.db'}?timeout=120"
            return
        with self.server.database() as database:
            yield self.server.url(database)
