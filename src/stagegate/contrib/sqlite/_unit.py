"""One unit of work: the lock is taken, everything is written in one commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from stagegate import (
    Agreement,
    Conflict,
    Definition,
    Delivery,
    Entry,
    Known,
    Notification,
    OutcomeUnknown,
    StoreError,
)
from stagegate.rows import columns_of, members_of, row_of, sort_of

from ._rows import OUTBOX, get, known, parts
from ._saying import explained


def end(connection: sqlite3.Connection, path: str) -> None:
    """
    Commit a transaction, durably.

    Raises:
        OutcomeUnknown: If it cannot be said whether it was committed.
    """
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            raise
        failed = explained(error, "committing", path)
        raise OutcomeUnknown(str(failed)) from error


class UnitOfWork:
    """
    Work on one agreement, in a transaction that holds the lock.

    Attributes:
        written: Whether all that it had to write is written; whoever made the unit then ends the transaction.
    """

    __slots__ = ("_connection", "_end", "agreement", "id", "written")

    def __init__(self, connection: sqlite3.Connection, agreement: str, end: Callable[[], None] = lambda: None) -> None:
        """Take the connection, and what is done once all is written."""
        self._connection = connection
        self._end = end
        self.written = False
        self.id = agreement
        self.agreement = get(connection, agreement)

    def other(self, agreement: str) -> Agreement | None:
        return get(self._connection, agreement)

    def parts(self) -> Sequence[Agreement]:
        return parts(self._connection, self.id)

    def known(self, request: str) -> Known | None:
        return known(self._connection, request)

    def commit(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None = None,
    ) -> None:
        execute = self._connection.execute
        if self.written:
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
            if definition is not None:
                execute(
                    "INSERT OR IGNORE INTO definition (digest, process, version, body) VALUES (?, ?, ?, ?)",
                    (definition.pin.digest, definition.pin.id, definition.pin.version, definition.body),
                )
            for notification in notifications:
                row = row_of(Delivery.of(notification, agreement.changed_at))
                execute(f"INSERT INTO outbox ({OUTBOX}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            if "event" in str(error) and "UNIQUE" in str(error):
                raise Conflict(self.id, entry.n - 1, entry.n) from error
            raise
        self.written = True
        self._end()

    def _agreement(self, agreement: Agreement) -> None:
        execute, before = self._connection.execute, self.agreement
        row = (*columns_of(agreement).values(), agreement.to_json(), self.id)
        if before is None:
            execute(
                "INSERT INTO agreement (n, version, head, process, stage, owner, outcome, on_hold, changed_at,"
                " searchable, wakes_at, overdue, snapshot, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        else:
            execute(
                "UPDATE agreement SET n = ?, version = ?, head = ?, process = ?, stage = ?, owner = ?, outcome = ?,"
                " on_hold = ?, changed_at = ?, searchable = ?, wakes_at = ?, overdue = ?, snapshot = ? WHERE id = ?",
                row,
            )
        self._count(None if before is None else sort_of(before), sort_of(agreement))
        members, were = members_of(agreement), set() if before is None else members_of(before)
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
