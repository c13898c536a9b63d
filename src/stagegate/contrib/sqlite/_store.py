"""The embedded store: histories, snapshots, requests, outbox and counters in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from stagegate import (
    Agreement,
    Conflict,
    Delivery,
    Dossier,
    Entry,
    HistoryTampered,
    Known,
    Notification,
    OutcomeUnknown,
    Query,
    StoreError,
)

from ._connections import Connections, explained

_BATCH = 256
_SNAPSHOT = "a.id, a.n, a.version, a.head, a.snapshot"
_LAST = 2**62
_DAY = 86_400
# Ids are handed over as bytes: one that is damaged is no text, but has its place in the order all the same.
_RANGE = "BETWEEN CAST(? AS TEXT) AND CAST(? AS TEXT)"
_THIS = "agreement = ? AND n = ? AND id = ?"
_OUTBOX = "agreement, n, id, payload, status, tries, due_at, leased_until, error, seal"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _joined(owner: Sequence[str]) -> str:
    return " ".join(owner)


def _sort(agreement: Agreement) -> tuple[Any, ...]:
    """Return which counter an agreement is counted in."""
    return (
        agreement.stage,
        agreement.process.id,
        _joined(agreement.owner),
        agreement.outcome or "",
        int(agreement.hold is not None),
    )


def _members(agreement: Agreement) -> set[tuple[str, str]]:
    return {("owner", role) for role in agreement.owner} | {("party", party.id) for party in agreement.parties}


def _seal(row: Sequence[Any]) -> bytes:
    """Return the check of a row of the outbox: SHA-256 over all its columns."""
    return sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest()


class SQLiteStore:
    """
    Histories in one SQLite file.

    Durable before fast: what was acknowledged survives a power cut. Many processes may use the file; one writes at a
    time.
    """

    def __init__(self, path: str, *, timeout: float = 30.0) -> None:
        """
        Open the file at *path*, making it if it is not there.

        Args:
            path: The file.

            timeout: For how many seconds to wait while others write.

        Raises:
            StoreError: If it cannot be opened, is not ours, or has a schema of another version.
        """
        self._connections = Connections(path, timeout=timeout)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """
        Open the file that *url* names: `sqlite:///file.db`, `sqlite:////absolute/file.db`, with `?timeout=seconds`.

        Raises:
            StoreError: If the url names no file.
        """
        where, _, options = url.partition("?")
        path = unquote(where.removeprefix("sqlite:///")) if where.startswith("sqlite:///") else ""
        if not path or path.startswith(":memory:") or "\0" in path:
            message = f"{url!r} names no file; write sqlite:///file.db, or memory: for a store that forgets"
            raise StoreError(message)
        given = dict(parse_qsl(options, keep_blank_values=True))
        try:
            timeout = float(given.pop("timeout", 30.0))
        except ValueError:
            message = f"{url!r}: timeout is a number of seconds"
            raise StoreError(message) from None
        if given or not 0 <= timeout <= _DAY:
            message = f"{url!r}: it takes one option, timeout (seconds, up to a day), not {', '.join(given) or timeout}"
            raise StoreError(message)
        return cls(path, timeout=timeout)

    @contextmanager
    def unit(self, agreement: str) -> Iterator[_Unit]:
        """Lock the file for writing."""
        with self._connections.use(f"locking {agreement!r}") as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield _Unit(connection, agreement, self._connections.path)

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement, or None."""
        with self._connections.use(f"reading {agreement!r}") as connection:
            return _get(connection, agreement)

    def history(self, agreement: str, after: int = 0, upto: int | None = None) -> Sequence[Entry]:
        """Return its events."""
        last = _LAST if upto is None else upto
        with self._connections.use(f"reading the history of {agreement!r}") as connection:
            rows = connection.execute(
                "SELECT n, body, hash FROM event WHERE agreement = ? AND n > ? AND n <= ? ORDER BY n",
                (agreement, after, last),
            ).fetchall()
        return [Entry(n=n, body=body, hash=hash_) for n, body, hash_ in rows]

    def find(self, query: Query, *, after: str | None, limit: int) -> Sequence[Agreement]:
        """Return a page of agreements."""
        tables = ["agreement a"]
        wanted: list[str] = []
        values: list[Any] = []
        key = "a.id"

        def ask(condition: str, *value: Any) -> None:
            wanted.append(condition)
            values.extend(value)

        for column in ("stage", "process", "outcome"):
            if (value := getattr(query, column)) is not None:
                ask(f"a.{column} = ?", value)
        if query.running is not None:
            ask("a.outcome IS NULL" if query.running else "a.outcome IS NOT NULL")
        if query.on_hold is not None:
            ask("a.on_hold = 1" if query.on_hold else "a.on_hold = 0")
        for kind, value in (("party", query.party), ("owner", query.owner)):
            if value is not None:
                tables.append(f"JOIN member {kind} ON {kind}.agreement = a.id")
                ask(f"{kind}.kind = '{kind}' AND {kind}.value = ?", value)
                key = f"{kind}.agreement"
        if query.text is not None:
            ask("instr(a.searchable, ?) > 0", query.text.casefold())
        if query.changed_since is not None:
            ask("a.changed_at >= ?", _iso(query.changed_since))
        if after is not None:
            ask(f"{key} > ?", after)
        where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
        sql = f"SELECT {_SNAPSHOT} FROM {' '.join(tables)}{where} ORDER BY {key} LIMIT ?"
        with self._connections.use("listing") as connection:
            rows = connection.execute(sql, (*values, limit)).fetchall()
        return [_snapshot(*row) for row in rows]

    def count(self, query: Query, by: str | None) -> dict[Any, int]:
        """Count agreements by the counters."""
        with self._connections.use("counting") as connection:
            rows = connection.execute("SELECT stage, process, owner, outcome, on_hold, number FROM counter").fetchall()
        counts: Counter[Any] = Counter()
        for stage, process, owner, outcome, on_hold, number in rows:
            row = {
                "stage": stage,
                "process": process,
                "owner": owner.split(),
                "outcome": outcome or None,
                "running": not outcome,
                "on_hold": bool(on_hold),
            }
            meant = all(
                wanted is None or (wanted in row[column] if column == "owner" else wanted == row[column])
                for column in Query.COUNTED
                if (wanted := getattr(query, column)) is not None
            )
            if meant:
                value = row[by] if by else None
                for one in value if isinstance(value, list) else (value,):
                    counts[one] += number
        return dict(counts)

    def claim(self, now: datetime, *, until: datetime, limit: int) -> Sequence[Delivery]:
        """Take rows of the outbox."""
        with self._connections.use("claiming the outbox") as connection:
            due = (
                f"SELECT {_OUTBOX} FROM outbox WHERE status = 'pending' AND due_at <= ?1"
                " AND (leased_until IS NULL OR leased_until <= ?1) ORDER BY due_at, agreement, n, id LIMIT ?2"
            )
            if not connection.execute(due, (_iso(now), 1)).fetchone():
                return []
            connection.execute("BEGIN IMMEDIATE")
            rows = connection.execute(due, (_iso(now), limit)).fetchall()
            taken = [(*row[:7], _iso(until), row[8]) for row in rows]
            connection.executemany(
                f"UPDATE outbox SET leased_until = ?, seal = ? WHERE {_THIS}",
                [(row[7], _seal(row), *row[:3]) for row in taken],
            )
            connection.execute("COMMIT")
        return [_delivery(row) for row in taken]

    def settle(self, claimed: Delivery, settled: Delivery) -> bool:
        """Write how a delivery went."""
        told, until = claimed.notification, claimed.leased_until
        with self._connections.use("settling a delivery") as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute(
                f"SELECT {_OUTBOX} FROM outbox WHERE {_THIS} AND status = 'pending' AND leased_until = ?",
                (told.agreement, told.n, told.id, None if until is None else _iso(until)),
            ).fetchone()
            if row is None:
                return False
            leased = None if settled.leased_until is None else _iso(settled.leased_until)
            changed = (settled.status, settled.tries, _iso(settled.due_at), leased, settled.error)
            connection.execute(
                "UPDATE outbox SET status = ?, tries = ?, due_at = ?, leased_until = ?, error = ?, seal = ?"
                f" WHERE {_THIS}",
                (*changed, _seal((*row[:4], *changed)), *row[:3]),
            )
            connection.execute("COMMIT")
        return True

    def outbox(self, status: str | None = None) -> Iterable[Delivery]:
        """Return the rows of the outbox."""
        with self._connections.use("reading the outbox") as connection:
            rows = connection.execute(
                f"SELECT {_OUTBOX} FROM outbox WHERE ?1 IS NULL OR status = ?1 ORDER BY due_at, agreement, n, id",
                (status,),
            ).fetchall()
        return [_delivery(row) for row in rows]

    def dossiers(self, agreement: str | None = None) -> Iterator[Dossier]:
        """Return all that is stored, a batch at a time, so that nobody has to wait for a long look."""
        after = b""
        while True:
            with self._connections.use("verifying") as connection, _damaged(connection):
                connection.execute("BEGIN")
                if agreement is None:
                    rows = connection.execute(
                        "SELECT CAST(id AS BLOB) FROM agreement WHERE id > CAST(? AS TEXT) ORDER BY id LIMIT ?",
                        (after, _BATCH),
                    ).fetchall()
                else:
                    rows = connection.execute(
                        "SELECT CAST(id AS BLOB) FROM agreement WHERE id = ?", (agreement,)
                    ).fetchall()
                if not rows:
                    return
                dossiers = list(_dossiers(connection, rows[0][0], rows[-1][0]))
            yield from dossiers
            if agreement is not None:
                return
            after = rows[-1][0]

    def faults(self) -> Iterable[str]:
        """Compare the counters with what they count, and look for rows that belong to no agreement."""
        with self._connections.use("verifying") as connection, _damaged(connection):
            connection.execute("BEGIN")
            kept = _sorts(connection.execute("SELECT stage, process, owner, outcome, on_hold, number FROM counter"))
            there = _sorts(
                connection.execute(
                    "SELECT stage, process, owner, ifnull(outcome, ''), on_hold, count(*) FROM agreement"
                    " GROUP BY stage, process, owner, outcome, on_hold"
                )
            )
            found = [
                f"the counter of {' '.join(map(str, sort))} says {kept.get(sort, 0)}, there are {there.get(sort, 0)}"
                for sort in sorted(set(kept) | set(there), key=str)
                if kept.get(sort) != there.get(sort)
            ]
            for table in ("event", "member", "request", "outbox"):
                orphans = connection.execute(
                    f"SELECT DISTINCT agreement FROM {table} WHERE agreement NOT IN (SELECT id FROM agreement)"
                ).fetchall()
                found += [
                    f"the table {table} has rows of {one!r}, but there is no such agreement" for (one,) in orphans
                ]
            return found

    def close(self) -> None:
        """Close the file."""
        self._connections.close()


@contextmanager
def _damaged(connection: sqlite3.Connection) -> Iterator[None]:
    """Read text that is no text with marks in its place, so that it is reported instead of stopping the look."""
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        yield
    finally:
        connection.text_factory = str


def _sorts(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
    return {row[:-1]: row[-1] for row in rows}


def _get(connection: sqlite3.Connection, agreement: str) -> Agreement | None:
    row = connection.execute(f"SELECT {_SNAPSHOT} FROM agreement a WHERE id = ?", (agreement,)).fetchone()
    return None if row is None else _snapshot(*row)


def _snapshot(id_: str, n: int, version: int, head: bytes, snapshot: bytes) -> Agreement:
    try:
        found = Agreement.from_json(snapshot)
    except HistoryTampered as error:
        message = f"{id_}: {error}; nothing was changed, run verify"
        raise HistoryTampered(message) from None
    if (found.id, found.n, found.version, found.head) != (id_, n, version, head):
        message = f"{id_}: its snapshot is not that of event {n}; nothing was changed, run verify"
        raise HistoryTampered(message)
    return found


def _delivery(row: Sequence[Any]) -> Delivery:
    agreement, n, id_, payload, status, tries, due_at, leased_until, error = row[:9]
    try:
        notification = Notification(**json.loads(payload), id=id_, agreement=agreement, n=n)
        due = datetime.fromisoformat(due_at)
        until = None if leased_until is None else datetime.fromisoformat(leased_until)
    except (ValueError, TypeError) as damage:
        message = f"the notification {id_} in the outbox cannot be read ({damage}); run verify"
        raise HistoryTampered(message) from None
    return Delivery(notification=notification, status=status, tries=tries, due_at=due, leased_until=until, error=error)


def _dossiers(connection: sqlite3.Connection, first: bytes, last: bytes) -> Iterator[Dossier]:
    def rows(sql: str) -> dict[str, list[tuple[Any, ...]]]:
        grouped: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for row in connection.execute(sql, (first, last)):
            grouped[row[0]].append(row[1:])
        return grouped

    events = rows(f"SELECT agreement, n, body, hash FROM event WHERE agreement {_RANGE} ORDER BY agreement, n")
    requests = rows(f"SELECT agreement, n, id, fingerprint FROM request WHERE agreement {_RANGE}")
    members = rows(f"SELECT agreement, kind, value FROM member WHERE agreement {_RANGE}")
    outbox = rows(f"SELECT agreement AS owner, {_OUTBOX} FROM outbox WHERE agreement {_RANGE}")
    for id_, *columns, snapshot in connection.execute(
        "SELECT id, n, version, head, process, stage, owner, outcome, on_hold, changed_at, searchable, snapshot"
        f" FROM agreement WHERE id {_RANGE} ORDER BY id",
        (first, last),
    ):
        faults: list[tuple[int, str]] = []
        agreement = None
        try:
            agreement = Agreement.from_json(snapshot)
        except HistoryTampered as error:
            faults.append((0, str(error)))
        else:
            faults += _copies(agreement, snapshot, columns, members[id_])
        deliveries = {}
        for row in outbox[id_]:
            if _seal(row[:9]) != row[9]:
                faults.append((row[1], f"the row of notification {row[2]} in the outbox was changed by another hand"))
            deliveries[row[2]] = row[1], sha256(row[3]).hexdigest()
        yield Dossier(
            id=id_,
            agreement=agreement,
            entries=[Entry(n=n, body=body, hash=hash_) for n, body, hash_ in events[id_]],
            requests={(n, request): fingerprint for n, request, fingerprint in requests[id_]},
            outbox=deliveries,
            faults=faults,
        )


_COPIED = ("n", "version", "head", "process", "stage", "owner", "outcome", "on_hold", "changed_at", "searchable")


def _columns(agreement: Agreement) -> tuple[Any, ...]:
    return (
        agreement.n,
        agreement.version,
        agreement.head,
        agreement.process.id,
        agreement.stage,
        _joined(agreement.owner),
        agreement.outcome,
        int(agreement.hold is not None),
        _iso(agreement.changed_at),
        agreement.searchable,
    )


def _copies(
    agreement: Agreement, snapshot: bytes, columns: Sequence[Any], members: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, str]]:
    if agreement.to_json() != snapshot:
        yield agreement.n, "the stored snapshot is not in canonical form"
    for column, stored, copied in zip(_COPIED, columns, _columns(agreement), strict=True):
        if stored != copied:
            if column == "n" and stored > copied:
                yield copied + 1, f"event {copied + 1} is missing: the row of the agreement has seen {stored} events"
            else:
                yield agreement.n, f"the column {column} says {stored!r}, the snapshot {copied!r}"
    for kind, value in sorted(set(members) ^ _members(agreement)):
        yield agreement.n, f"the {kind} {value!r} is listed wrongly"


class _Unit:
    __slots__ = ("_connection", "_path", "agreement", "id")

    def __init__(self, connection: sqlite3.Connection, agreement: str, path: str) -> None:
        self._connection = connection
        self._path = path
        self.id = agreement
        self.agreement = _get(connection, agreement)

    def known(self, request: str) -> Known | None:
        row = self._connection.execute(
            "SELECT agreement, n, fingerprint FROM request WHERE id = ?", (request,)
        ).fetchone()
        return None if row is None else Known(agreement=row[0], n=row[1], fingerprint=row[2])

    def commit(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
    ) -> None:
        execute = self._connection.execute
        if not self._connection.in_transaction:
            message = f"{self.id}: a unit of work commits once"
            raise StoreError(message)
        before = 0 if self.agreement is None else self.agreement.n
        if entry.n != before + 1:
            raise Conflict(self.id, entry.n - 1, before)
        try:
            self._agreement(agreement)
            execute(
                "INSERT INTO event (agreement, n, body, hash) VALUES (?, ?, ?, ?)",
                (self.id, entry.n, entry.body, entry.hash),
            )
            if request is not None:
                known = request[1]
                execute(
                    "INSERT INTO request (id, agreement, n, fingerprint) VALUES (?, ?, ?, ?)",
                    (request[0], known.agreement, known.n, known.fingerprint),
                )
            for notification in notifications:
                due = _iso(agreement.changed_at)
                row = (self.id, entry.n, notification.id, notification.payload(), "pending", 0, due, None, "")
                execute(f"INSERT INTO outbox ({_OUTBOX}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, _seal(row)))
        except sqlite3.IntegrityError as error:
            if "event" in str(error) and "UNIQUE" in str(error):
                raise Conflict(self.id, entry.n - 1, entry.n) from error
            raise
        try:
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                raise
            failed = explained(error, "committing", self._path)
            raise OutcomeUnknown(str(failed)) from error

    def _agreement(self, agreement: Agreement) -> None:
        execute, before = self._connection.execute, self.agreement
        row = (*_columns(agreement), agreement.to_json(), self.id)
        if before is None:
            execute(
                "INSERT INTO agreement (n, version, head, process, stage, owner, outcome, on_hold, changed_at,"
                " searchable, snapshot, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        else:
            execute(
                "UPDATE agreement SET n = ?, version = ?, head = ?, process = ?, stage = ?, owner = ?, outcome = ?,"
                " on_hold = ?, changed_at = ?, searchable = ?, snapshot = ? WHERE id = ?",
                row,
            )
        self._count(None if before is None else _sort(before), _sort(agreement))
        members, were = _members(agreement), set() if before is None else _members(before)
        for kind, value in were - members:
            execute("DELETE FROM member WHERE kind = ? AND value = ? AND agreement = ?", (kind, value, self.id))
        for kind, value in members - were:
            execute("INSERT INTO member (kind, value, agreement) VALUES (?, ?, ?)", (kind, value, self.id))

    def _count(self, before: tuple[Any, ...] | None, after: tuple[Any, ...]) -> None:
        if before == after:
            return
        if before is not None:
            self._connection.execute(
                "UPDATE counter SET number = number - 1"
                " WHERE stage = ? AND process = ? AND owner = ? AND outcome = ? AND on_hold = ?",
                before,
            )
            self._connection.execute(
                "DELETE FROM counter WHERE stage = ? AND process = ? AND owner = ? AND outcome = ? AND on_hold = ?"
                " AND number = 0",
                before,
            )
        self._connection.execute(
            "INSERT INTO counter (stage, process, owner, outcome, on_hold, number) VALUES (?, ?, ?, ?, ?, 1)"
            " ON CONFLICT DO UPDATE SET number = number + 1",
            after,
        )
