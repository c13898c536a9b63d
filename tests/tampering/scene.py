"""A file with histories, and what somebody who can write to it may do."""
# ruff: noqa: S608  statements are put together from names of our own

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs

from stagegate import Agreement, Engine, Entry, Report
from stagegate.contrib.sqlite import SQLiteStore
from stagegate.contrib.sqlite._schema import upgrade
from stagegate.rows import OUTBOX, seal
from stagegate.testing import ManualClock, make_process
from stagegate.testing._lives import random_life, write

WHOLE, PARTS = "pact", {"pact/1", "pact/2"}
"""An agreement, and those that are part of it."""

VICTIM, OTHER = "A", "a_"
"""Two agreements with long histories, requests, and rows in the outbox."""

SWAPPED = [
    f"UPDATE {table} SET {column} = '{new}' WHERE {column} = '{old}'"
    for table, column in (("agreement", "id"), *((t, "agreement") for t in ("event", "request", "outbox", "member")))
    for old, new in ((VICTIM, "<"), (OTHER, VICTIM), ("<", OTHER))
]
"""What makes two agreements change places, with everything that is stored of them."""

Events = dict[str, list[tuple[int, bytes, bytes]]]


def columns() -> list[tuple[str, str]]:
    """
    Return every column of every table, read from the schema, so that a new one is covered by itself.

    What is held is left out: it is a switch, and no record of anything.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade(connection, "")
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [
            (table, column)
            for table in tables
            if not table.startswith("sqlite_") and table != "hold"
            for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        ]


def fill(path: Path) -> None:
    """Fill a file with a random life, and an outbox with rows in every state."""
    with closing(SQLiteStore(str(path))) as store:
        life = random_life()
        write(store, life)
        now = max(commit.agreement.changed_at for commit in life) + timedelta(days=1)
        clock = ManualClock(now)
        for status, rounds in (("delivered", 12), ("dead", 6), ("pending", 6)):
            rows = store.claim(clock(), until=clock() + timedelta(minutes=5), limit=rounds)
            for row in rows:
                failed = "" if status == "delivered" else "nobody there"
                settled = attrs.evolve(row, status=status, tries=1, leased_until=None, error=failed)
                assert store.settle(row, attrs.evolve(settled, due_at=clock() + timedelta(days=2)))
        assert len(list(store.claim(clock(), until=clock() + timedelta(minutes=5), limit=6))) == 6


def verified(path: Path) -> Report:
    """Return what `verify` says of the file."""
    with closing(SQLiteStore(str(path))) as store:
        return Engine(store, processes=[make_process()]).verify()


def events(path: Path) -> Events:
    """Return what is stored of every history, as it is."""
    found: Events = {}
    with closing(sqlite3.connect(path)) as raw:
        for agreement, n, body, hash_ in raw.execute(
            "SELECT agreement, n, body, hash FROM event ORDER BY agreement, n"
        ):
            found.setdefault(agreement, []).append((n, body, hash_))
    return found


def first_difference(before: Events, after: Events) -> dict[str, int]:
    """Return, for every history that is not what it was, the number of the first event that differs."""
    changed = {}
    for agreement, entries in before.items():
        now = after.get(agreement, [])
        longest = max(len(entries), len(now))
        places = [k for k in range(longest) if entries[k : k + 1] != now[k : k + 1]]
        if places:
            changed[agreement] = places[0] + 1
    return changed


@attrs.define
class Scene:
    """
    A copy of a file that was proved whole, and a hand that changes it.

    Attributes:
        path: The copy.

        original: The file.
    """

    path: Path
    original: Path

    def restore(self) -> None:
        """Make it whole again."""
        shutil.copyfile(self.original, self.path)

    @contextmanager
    def hand(self) -> Iterator[sqlite3.Connection]:
        """Write to the file as somebody who fears no rule in it."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as raw:
            raw.execute("PRAGMA foreign_keys = OFF")
            raw.execute("PRAGMA ignore_check_constraints = ON")
            for (trigger,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
                raw.execute(f'DROP TRIGGER "{trigger}"')
            raw.execute("BEGIN")
            yield raw
            raw.execute("COMMIT")

    def tamper(self, *statements: str, **values: Any) -> Report:
        """Run some statements on the file, and return what `verify` says of it."""
        with self.hand() as raw:
            for statement in statements:
                raw.execute(statement, values)
        return verified(self.path)

    def after(self, change: Callable[[sqlite3.Connection], object]) -> Report:
        """Let *change* write to the file, and return what `verify` says of it."""
        with self.hand() as raw:
            change(raw)
        return verified(self.path)

    def value(self, question: str, **values: Any) -> Any:
        """Return the one value that a question to the file gives."""
        with closing(sqlite3.connect(self.path)) as raw:
            return raw.execute(question, values).fetchone()[0]


def named(report: Report, agreement: str, n: int | None = None) -> bool:
    """Say whether a report names an agreement and, if *n* is given, that event as the first that is wrong there."""
    numbers = [fault.n for fault in report.faults if fault.agreement == agreement]
    if n is None:
        return bool(numbers)
    return n == min((number for number in numbers if number), default=0)


def entries(scene: Scene, agreement: str) -> list[Entry]:
    """Return the stored entries of an agreement."""
    return [Entry(n=n, body=body, hash=hash_) for n, body, hash_ in events(scene.path)[agreement]]


def chain(bodies: list[bytes]) -> list[bytes]:
    """Return the hashes of bodies, as an attacker who has read the documentation computes them."""
    hashes = [bytes(32)]
    for body in bodies:
        pieces = len(hashes[-1]).to_bytes(8, "big") + hashes[-1] + len(body).to_bytes(8, "big") + body
        hashes.append(sha256(b"stagegate/event/v1\n" + pieces).digest())
    return hashes[1:]


def written(body: dict[str, Any]) -> bytes:
    """Return a body as canonical JSON."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def put_chain(raw: sqlite3.Connection, bodies: list[bytes]) -> None:
    """Write the bodies of the victim with a chain that fits them, and make the column that names the last hash fit."""
    for n, (body, hash_) in enumerate(zip(bodies, chain(bodies), strict=True), 1):
        raw.execute("UPDATE event SET body = ?, hash = ? WHERE agreement = 'A' AND n = ?", (body, hash_, n))
    raw.execute("UPDATE agreement SET head = ? WHERE id = 'A'", (chain(bodies)[-1],))


def put_row(raw: sqlite3.Connection, agreement: Agreement) -> None:
    """Write the snapshot of an agreement, and all that its row copies of it."""
    raw.execute(
        "UPDATE agreement SET n = ?, version = ?, head = ?, stage = ?, owner = ?, outcome = ?, on_hold = ?,"
        " changed_at = ?, searchable = ?, wakes_at = ?, overdue = ?, snapshot = ? WHERE id = ?",
        (
            agreement.n,
            agreement.version,
            agreement.head,
            agreement.stage,
            " ".join(agreement.owner),
            agreement.outcome,
            agreement.hold is not None,
            _iso(agreement.changed_at),
            agreement.searchable,
            None if agreement.wakes_at is None else _iso(agreement.wakes_at),
            agreement.overdue,
            agreement.to_json(),
            agreement.id,
        ),
    )


def removed(agreement: str) -> list[str]:
    """Return what removes an agreement with every trace, counters and all."""
    sort = f"SELECT stage, process, owner, ifnull(outcome, ''), on_hold FROM agreement WHERE id = '{agreement}'"
    return [
        f"UPDATE counter SET number = number - 1 WHERE (stage, process, owner, outcome, on_hold) = ({sort})",
        "DELETE FROM counter WHERE number = 0",
        f"DELETE FROM agreement WHERE id = '{agreement}'",
        *(f"DELETE FROM {table} WHERE agreement = '{agreement}'" for table in ("event", "member", "request", "outbox")),
    ]


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def reseal(raw: sqlite3.Connection) -> None:
    """Compute anew the check of every row of the outbox, which is a plain digest of the row."""
    for row in raw.execute(f"SELECT {', '.join(OUTBOX)} FROM outbox").fetchall():
        raw.execute("UPDATE outbox SET seal = ? WHERE agreement = ? AND n = ? AND id = ?", (seal(row[:-1]), *row[:3]))
