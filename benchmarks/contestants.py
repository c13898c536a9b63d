"""
One contestant of the durable moves on PostgreSQL, a process of its own: `python contestants.py NAME URL PLACE MODEL`.

All of them do the same work: eight stages, one guard at every step, and in one commit the row of the agreement with its
version compared, one event, and one row in the outbox, as large as those of the engine. Whoever has the other libraries
in another environment runs them by its interpreter; so nothing is imported here but what the contestant needs.

It says `ready`; then for each line with a number it makes so many agreements, says `set`, and after another line takes
them from the first stage to the last, and says how many seconds that took.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

STAGES = (
    "exploration",
    "mandate",
    "framework",
    "negotiation",
    "drafting",
    "ratification",
    "signature",
    "implementation",
)
NEXT = dict(pairwise(STAGES))
STEPS = len(STAGES) - 1

TABLES = """
CREATE TABLE agreement (id text PRIMARY KEY, version integer NOT NULL, stage text NOT NULL, ready boolean NOT NULL,
    snapshot bytea NOT NULL);
CREATE INDEX agreement_by_stage ON agreement (stage, id);
CREATE TABLE event (agreement text NOT NULL, n integer NOT NULL, body bytea NOT NULL, hash bytea NOT NULL,
    PRIMARY KEY (agreement, n));
CREATE TABLE outbox (id text PRIMARY KEY, agreement text NOT NULL, n integer NOT NULL, payload bytea NOT NULL,
    status text NOT NULL, due_at timestamptz NOT NULL);
CREATE INDEX outbox_due ON outbox (due_at) WHERE status = 'pending';
"""
DUE = "2025-07-24T12:00:00Z"


class Work(NamedTuple):
    """
    What a contestant does.

    Attributes:
        start: Begins agreements of these ids; its time does not count.

        walk: Takes one from the first stage to the last.
    """

    start: Callable[[list[str]], None]
    walk: Callable[[str], None]


class Model(NamedTuple):
    """How large the rows are: those of the last move of an agreement that the engine moved."""

    snapshot: bytes
    body: bytes
    payload: bytes


def stepping(step: Callable[[str], None]) -> Callable[[str], None]:
    """Return what takes an agreement all the way by single steps."""

    def walk(agreement: str) -> None:
        for _ in range(STEPS):
            step(agreement)

    return walk


def _named(agreement: str, version: int) -> str:
    """Return an id for a row of the outbox, as long as a UUID."""
    return f"{agreement}-{version}".rjust(36, "0")


def _start_by_hand(url: str, model: Model) -> Callable[[list[str]], None]:
    import psycopg

    connection = psycopg.connect(url, autocommit=True)

    def start(agreements: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO agreement VALUES (%s, 1, %s, true, %s)",
                [(agreement, STAGES[0], model.snapshot) for agreement in agreements],
            )

    return start


def _tables(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)


def raw(url: str, place: int, model: Model) -> Work:
    """Be the floor: plain psycopg 3, statement by statement in one transaction."""
    import psycopg

    if not place:
        _tables(url)
    connection = psycopg.connect(url)
    execute = connection.cursor().execute

    def step(agreement: str) -> None:
        row = execute(
            "SELECT version, stage, ready, snapshot FROM agreement WHERE id = %s FOR UPDATE", (agreement,)
        ).fetchone()
        assert row is not None
        version, stage, ready, _ = row
        assert ready
        done = execute(
            "UPDATE agreement SET version = %s, stage = %s, snapshot = %s WHERE id = %s AND version = %s",
            (version + 1, NEXT[stage], model.snapshot, agreement, version),
        )
        assert done.rowcount == 1
        execute("INSERT INTO event VALUES (%s, %s, %s, %s)", (agreement, version + 1, model.body, bytes(32)))
        execute(
            "INSERT INTO outbox VALUES (%s, %s, %s, %s, 'pending', %s)",
            (_named(agreement, version + 1), agreement, version + 1, model.payload, DUE),
        )
        connection.commit()

    return Work(_start_by_hand(url, model), stepping(step))


def pair(url: str, place: int, model: Model) -> Work:
    """Do the same in two round trips: a SELECT, and one statement that writes all three rows."""
    import psycopg

    if not place:
        _tables(url)
    connection = psycopg.connect(url, autocommit=True)
    execute = connection.cursor().execute
    writing = (
        "WITH moved AS (UPDATE agreement SET version = %s, stage = %s, snapshot = %s WHERE id = %s AND version = %s"
        " RETURNING id, version), written AS (INSERT INTO event SELECT id, version, %s, %s FROM moved RETURNING n)"
        " INSERT INTO outbox SELECT %s, id, version, %s, 'pending', %s FROM moved, written"
    )

    def step(agreement: str) -> None:
        row = execute("SELECT version, stage, ready, snapshot FROM agreement WHERE id = %s", (agreement,)).fetchone()
        assert row is not None
        version, stage, ready, _ = row
        assert ready
        told = (_named(agreement, version + 1), model.payload, DUE)
        moved = (version + 1, NEXT[stage], model.snapshot, agreement, version)
        assert execute(writing, (*moved, model.body, bytes(32), *told)).rowcount == 1

    return Work(_start_by_hand(url, model), stepping(step))


def stagegate(url: str, _place: int, _model: Model) -> Work:
    """Be the engine."""
    from durable import Channel
    from subjects import begun, process, walked

    from stagegate import Engine

    engine = Engine.open(url, processes=[process()], plugins=["postgres", Channel()])
    deals: dict[str, Any] = {}

    def start(agreements: list[str]) -> None:
        deals.update({agreement: begun(engine, agreement) for agreement in agreements})

    def walk(agreement: str) -> None:
        walked(engine, deals.pop(agreement))

    return Work(start, walk)


def _alchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def alchemy(url: str, place: int, model: Model) -> Work:
    """Be the ORM of SQLAlchemy, with its version column and a row lock."""
    from datetime import datetime

    from sqlalchemy import Boolean, DateTime, Integer, LargeBinary, Text, create_engine
    from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

    class Base(DeclarativeBase):
        pass

    class Agreement(Base):
        __tablename__ = "agreement"
        id = mapped_column(Text, primary_key=True)
        version = mapped_column(Integer)
        stage = mapped_column(Text)
        ready = mapped_column(Boolean)
        snapshot = mapped_column(LargeBinary)
        __mapper_args__: ClassVar = {"version_id_col": version}

    class Event(Base):
        __tablename__ = "event"
        agreement = mapped_column(Text, primary_key=True)
        n = mapped_column(Integer, primary_key=True)
        body = mapped_column(LargeBinary)
        hash = mapped_column(LargeBinary)

    class Outbox(Base):
        __tablename__ = "outbox"
        id = mapped_column(Text, primary_key=True)
        agreement = mapped_column(Text)
        n = mapped_column(Integer)
        payload = mapped_column(LargeBinary)
        status = mapped_column(Text)
        due_at = mapped_column(DateTime(timezone=True))

    if not place:
        _tables(url)
    engine = create_engine(_alchemy_url(url))
    due = datetime.fromisoformat(DUE)

    def step(agreement: str) -> None:
        with Session(engine) as session, session.begin():
            deal = session.get_one(Agreement, agreement, with_for_update=True)
            assert deal.ready
            deal.stage, n = NEXT[deal.stage], deal.version + 1
            deal.snapshot = model.snapshot[:-1] + b"%d" % (n % 10)
            session.add(Event(agreement=agreement, n=n, body=model.body, hash=bytes(32)))
            told = {"payload": model.payload, "status": "pending", "due_at": due}
            session.add(Outbox(id=_named(agreement, n), agreement=agreement, n=n, **told))

    return Work(_start_by_hand(url, model), stepping(step))


def django(url: str, place: int, model: Model) -> Work:
    """Be the ORM of Django, with the states of django-fsm-2 and a row lock."""
    from datetime import datetime

    import django as framework
    from django.conf import settings

    where = urlsplit(url)
    asked = parse_qs(where.query)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": where.path.lstrip("/"),
        "USER": where.username,
        "HOST": asked["host"][0],
        "PORT": asked["port"][0],
        "CONN_MAX_AGE": None,
    }
    settings.configure(INSTALLED_APPS=[], USE_TZ=True, DATABASES={"default": database})
    framework.setup()
    from django.db import models, transaction
    from django_fsm import FSMField, transition

    def ready(deal: Any) -> bool:
        return deal.ready is True

    def edge(source: str, target: str) -> Any:
        def advance(self: Any) -> None: ...

        return transition(field=stage, source=source, target=target, conditions=[ready])(advance)

    meta = {"app_label": "bench", "managed": False}
    stage = FSMField(default=STAGES[0])
    edges = {f"from_{source}": edge(source, target) for source, target in pairwise(STAGES)}
    kind = type(
        "Agreement",
        (models.Model,),
        {
            "__module__": __name__,
            "Meta": type("Meta", (), {**meta, "db_table": "agreement"}),
            "id": models.TextField(primary_key=True),
            "version": models.IntegerField(),
            "stage": stage,
            "ready": models.BooleanField(),
            "snapshot": models.BinaryField(),
            **edges,
        },
    )

    class Event(models.Model):  # noqa: DJ008  nobody shows it
        key = models.CompositePrimaryKey("agreement", "n")
        agreement = models.TextField()
        n = models.IntegerField()
        body = models.BinaryField()
        hash = models.BinaryField()

        class Meta:
            app_label, managed, db_table = "bench", False, "event"

    class Outbox(models.Model):  # noqa: DJ008  nobody shows it
        id = models.TextField(primary_key=True)
        agreement = models.TextField()
        n = models.IntegerField()
        payload = models.BinaryField()
        status = models.TextField()
        due_at = models.DateTimeField()

        class Meta:
            app_label, managed, db_table = "bench", False, "outbox"

    if not place:
        _tables(url)
    due = datetime.fromisoformat(DUE)

    def step(agreement: str) -> None:
        with transaction.atomic():
            deal: Any = kind._default_manager.select_for_update().get(pk=agreement)
            getattr(deal, f"from_{deal.stage}")()
            deal.version = n = deal.version + 1
            deal.snapshot = model.snapshot
            deal.save(force_update=True)
            Event.objects.create(agreement=agreement, n=n, body=model.body, hash=bytes(32))
            told = {"payload": model.payload, "status": "pending", "due_at": due}
            Outbox.objects.create(id=_named(agreement, n), agreement=agreement, n=n, **told)

    return Work(_start_by_hand(url, model), stepping(step))


def eventsourcing(url: str, _place: int, _model: Model) -> Work:
    """Be eventsourcing as its documentation shows it: no row of the agreement and no outbox, only events."""
    import psycopg_pool  # noqa: F401  eventsourcing hides that it needs it
    from eventsourcing.application import Application
    from eventsourcing.domain import Aggregate, event

    class Agreement(Aggregate):
        @event("Registered")
        def __init__(self, reference: str) -> None:
            self.reference, self.stage, self.ready = reference, STAGES[0], True

        def advance(self, actor: str) -> None:
            assert self.ready
            self._advance(NEXT[self.stage], actor)

        @event("Advanced")
        def _advance(self, stage: str, actor: str) -> None:
            self.stage, self.actor = stage, actor

    where = urlsplit(url)
    asked = parse_qs(where.query)
    application = Application(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": where.path.lstrip("/"),
            "POSTGRES_HOST": asked["host"][0],
            "POSTGRES_PORT": asked["port"][0],
            "POSTGRES_USER": where.username or "",
            "POSTGRES_PASSWORD": "-",
        }
    )
    ids: dict[str, Any] = {}

    def start(agreements: list[str]) -> None:
        for agreement in agreements:
            deal = Agreement(reference=agreement)
            application.save(deal)
            ids[agreement] = deal.id

    def step(agreement: str) -> None:
        deal = application.repository.get(ids[agreement])
        deal.advance("clerk-7")
        application.save(deal)

    return Work(start, stepping(step))


def dbos(url: str, place: int, model: Model) -> Work:
    """Be DBOS: one workflow takes an agreement all the way, each step a transaction of a data source."""
    from dbos import DBOS, SQLAlchemyDatasource
    from sqlalchemy import create_engine, text

    if not place:
        _tables(url)
    address = _alchemy_url(url)
    quiet = {"log_level": "ERROR", "console_log_level": "ERROR"}
    DBOS(config={"name": "bench", "system_database_url": address, "executor_id": str(place), **quiet})
    source = SQLAlchemyDatasource.create(address, engine=create_engine(address))
    reading = text("SELECT version, stage, ready, snapshot FROM agreement WHERE id = :id FOR UPDATE")
    moving = text(
        "UPDATE agreement SET version = :n, stage = :stage, snapshot = :snapshot WHERE id = :id AND version = :was"
    )
    writing = text("INSERT INTO event VALUES (:id, :n, :body, :hash)")
    telling = text("INSERT INTO outbox VALUES (:key, :id, :n, :payload, 'pending', :due)")

    @source.transaction
    def step(agreement: str) -> None:
        execute = source.sql_session().connection().execute
        was, stage, ready, _ = execute(reading, {"id": agreement}).one()
        assert ready
        values = {"id": agreement, "n": was + 1, "was": was, "stage": NEXT[stage], "snapshot": model.snapshot}
        assert execute(moving, values).rowcount == 1
        execute(writing, {"id": agreement, "n": was + 1, "body": model.body, "hash": bytes(32)})
        told = {"id": agreement, "n": was + 1, "payload": model.payload, "due": DUE}
        execute(telling, {"key": _named(agreement, was + 1), **told})

    @DBOS.workflow()
    def walk(agreement: str) -> None:
        for _ in range(STEPS):
            step(agreement)

    DBOS.launch()
    return Work(_start_by_hand(url, model), walk)


CONTESTANTS: dict[str, Callable[[str, int, Model], Work]] = {
    "stagegate": stagegate,
    "raw": raw,
    "pair": pair,
    "SQLAlchemy ORM": alchemy,
    "Django and django-fsm-2": django,
    "eventsourcing": eventsourcing,
    "DBOS": dbos,
}
PEERS = tuple(CONTESTANTS)[3:]


def main(name: str, url: str, place: str, model: str) -> None:
    """Be a contestant until nobody asks any more."""
    sizes = json.loads(Path(model).read_text(encoding="utf-8"))
    try:
        work = CONTESTANTS[name](url, int(place), Model(**{key: value.encode() for key, value in sizes.items()}))
    except ImportError as error:
        print(f"missing {error.name}", flush=True)
        return
    print("ready", flush=True)
    made = 0
    for line in sys.stdin:
        agreements = [f"{place}-{made + i:07}" for i in range(int(line))]
        made += len(agreements)
        work.start(agreements)
        print("set", flush=True)
        sys.stdin.readline()
        start = time.perf_counter()
        for agreement in agreements:
            work.walk(agreement)
        print(time.perf_counter() - start, flush=True)
    # Some peers have threads that would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
