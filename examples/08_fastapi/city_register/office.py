"""The office's own tables, and its transactions, which the events of stagegate are part of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import UniqueConstraint, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from stagegate import Engine, OutcomeUnknown, RefusedError
from stagegate.aio import AsyncEngine

PROCESS = Path(__file__).with_name("process.toml")


class Base(DeclarativeBase):
    """The tables of the office."""


class Paper(Base):
    """The content of a document. stagegate keeps its digest, and what else identifies it."""

    __tablename__ = "paper"

    digest: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class Letter(Base):
    """A line of the register of letters: each move is told to the partner by one, with a number of its own."""

    __tablename__ = "letter"
    __table_args__ = (UniqueConstraint("agreement", "n"),)

    number: Mapped[str] = mapped_column(primary_key=True)
    agreement: Mapped[str]
    n: Mapped[int]
    subject: Mapped[str]
    clerk: Mapped[str]


class Office:
    """
    One database, with the tables of the office and the histories of stagegate beside each other.

    Attributes:
        engine: What moves the agreements, where rows of the office are written with it.

        awaited: The same engine for views that write none: its calls are awaited, and on SQLite many share a commit.
    """

    def __init__(self, url: str) -> None:
        """
        Open the database.

        Args:
            url: `sqlite:///register.db` or `postgresql://…`, as stagegate and SQLAlchemy both read it.
        """
        place = make_url(url)
        postgres = place.drivername == "postgresql"
        # In a SQLite file the tables are made beside those of the office; on PostgreSQL they have their own schema.
        self.engine = Engine.open(url if postgres else f"{url}?beside=yes", processes=[PROCESS])
        self.awaited = AsyncEngine(self.engine)
        self.database = create_engine(place.set(drivername="postgresql+psycopg") if postgres else place)
        if not postgres:
            event.listen(self.database, "connect", _durable)
        Base.metadata.create_all(self.database)

    async def close(self) -> None:
        """Wait for the calls that have come, and let go of the database."""
        await self.awaited.close()
        self.database.dispose()

    @contextmanager
    def transaction(self, request_id: str | None = None) -> Iterator[tuple[Session, Engine]]:
        """
        Begin a transaction for our rows and for events: all of it is committed, or nothing.

        Ask the engine first, then write rows. A refused attempt is an event as well, so that it is committed by itself
        before it is raised; any other error rolls back.

        Args:
            request_id: The id under which the client can ask what became of it.

        Raises:
            OutcomeUnknown: If the database broke while it committed.
        """
        refused: RefusedError | None = None
        with Session(self.database) as session:
            try:
                yield session, self.engine.using(session)
                session.flush()
            except RefusedError as error:
                refused = error
            try:
                session.commit()
            except OperationalError as error:
                message = "the database broke while it committed"
                raise OutcomeUnknown(message, request_id) from error
        if refused is not None:
            raise refused


def _durable(connection: Any, _: object) -> None:
    """Have SQLite keep what it acknowledged through a power cut, as stagegate does on its own connections."""
    connection.execute("PRAGMA synchronous = EXTRA")
