"""The desk's own tables, and its transactions, which the events of stagegate are part of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import OperationalError

from stagegate import Agreement, Engine, OutcomeUnknown, RefusedError

TABLES = MetaData()

CASE_FILE = Table(
    "case_file",
    TABLES,
    Column("agreement", String, primary_key=True),
    Column("number", String, nullable=False, unique=True),
    Column("clerk", String, nullable=False),
)
"""The file on the shelf: each agreement has one, and no two have one number."""

ACCESS = Table(
    "access",
    TABLES,
    Column("agreement", String, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("account", String, nullable=False),
    Column("address", String, nullable=False),
)
"""From which account and address each event was caused: what the data protection office asks for."""

PAPER = Table(
    "paper",
    TABLES,
    Column("digest", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""The content of documents. stagegate keeps the digest, and what else identifies them."""


class Desk:
    """
    One database, with the tables of the desk and the histories of stagegate beside each other.

    Attributes:
        engine: What moves the agreements.
    """

    def __init__(self, url: str) -> None:
        """
        Open the database.

        Args:
            url: `sqlite:///desk.db` or `postgresql://…`, as stagegate and SQLAlchemy both read it.
        """
        place = make_url(url)
        postgres = place.drivername == "postgresql"
        # In a SQLite file the tables are made beside those of the desk; on PostgreSQL they have a schema of their own.
        self.engine = Engine.open(url if postgres else f"{url}?beside=yes")
        self.database = create_engine(place.set(drivername="postgresql+psycopg") if postgres else place)
        if not postgres:
            event.listen(self.database, "connect", _durable)
        TABLES.create_all(self.database)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.close()
        self.database.dispose()

    @contextmanager
    def transaction(self, request_id: str | None = None) -> Iterator[tuple[Connection, Engine]]:
        """
        Begin a transaction for our rows and for events: all of it is committed, or nothing.

        Ask the engine first, then write rows. A refused attempt is an event as well, so that it is committed by itself
        before it is raised; any other error rolls back.

        Args:
            request_id: The id under which the outcome can be asked for.

        Raises:
            OutcomeUnknown: If the database broke while it committed.
        """
        refused: RefusedError | None = None
        with self.database.connect() as connection:
            try:
                yield connection, self.engine.using(connection)
            except RefusedError as error:
                refused = error
            try:
                connection.commit()
            except OperationalError as error:
                message = "the database broke while it committed"
                raise OutcomeUnknown(message, request_id) from error
        if refused is not None:
            raise refused


def note(connection: Connection, agreement: Agreement, account: str, address: str) -> None:
    """Note who caused an event, once: a repeated request causes none."""
    row = {"agreement": agreement.id, "n": agreement.n}
    if connection.execute(select(ACCESS).filter_by(**row)).first() is None:
        connection.execute(insert(ACCESS).values(**row, account=account, address=address))


def keep(connection: Connection, digest: str, name: str, content: bytes) -> None:
    """Keep the content of a document, once."""
    if connection.execute(select(PAPER.c.digest).filter_by(digest=digest)).first() is None:
        connection.execute(insert(PAPER).values(digest=digest, name=name, content=content))


def _durable(connection: Any, _: object) -> None:
    """Have SQLite keep what it acknowledged through a power cut, as stagegate does on its own connections."""
    connection.execute("PRAGMA synchronous = EXTRA")
