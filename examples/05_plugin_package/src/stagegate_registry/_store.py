"""The store: what the lines of a journal say, folded in memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from stagegate import (
    Agreement,
    Conflict,
    Definition,
    Delivery,
    Dossier,
    Entry,
    Known,
    Notification,
    Pin,
    Query,
    StoreError,
    Unit,
)

from ._journal import Journal


class _State:
    """What some lines say together."""

    def __init__(self) -> None:
        self.agreements: dict[str, Agreement] = {}
        self.entries: dict[str, list[Entry]] = {}
        self.requests: dict[str, Known] = {}
        self.outbox: dict[str, Delivery] = {}
        self.definitions: dict[str, Definition] = {}
        self.held: dict[str, str] = {}

    def fold(self, line: Any) -> None:
        """Take the next line: all of it, or, where it cannot be read, nothing."""
        if "held" in line:
            scope, why = line["held"]
            self.held.pop(scope, None) if why is None else self.held.update({scope: why})
            rows = []
        elif "rows" in line:
            rows = [_row(self.outbox[row["id"]].notification, row) for row in line["rows"]]
        else:
            agreement, request = Agreement.from_data(line["agreement"]), line["request"]
            # Whatever bytes a body is made of, they come back.
            body = line["body"].encode("utf-8", "surrogateescape")
            entry = Entry(n=line["n"], body=body, hash=bytes.fromhex(line["hash"]))
            known = {id_: Known(**one) for id_, one in request.items()}
            place: dict[str, Any] = {"agreement": agreement.id, "n": entry.n, "hash": entry.hash}
            told = [Notification(**{**one, "at": _moment(one["at"])}, **place) for one in line["notifications"]]
            rows = [Delivery.of(one, agreement.changed_at) for one in told]
            self.entries.setdefault(agreement.id, []).append(entry)
            self.agreements[agreement.id] = agreement
            self.requests.update(known)
            if definition := line["definition"]:
                pin, body = Pin(**definition["pin"]), definition["body"].encode("utf-8", "surrogateescape")
                self.definitions.setdefault(pin.digest, Definition(pin, body))
        self.outbox.update((row.notification.id, row) for row in rows)

    def due(self, now: datetime, limit: int, only: str | None) -> list[Delivery]:
        """Return the oldest rows of the outbox that are due, in nobody's hand and not held."""
        if "*" in self.held:
            return []
        free = (
            row
            for row in self.outbox.values()
            if row.claimable(now)
            and only in (None, row.notification.id)
            and row.notification.recipient not in self.held
        )
        return sorted(free, key=_age)[:limit]

    def dossier(self, agreement: str, faults: Sequence[str]) -> Dossier:
        """Return all there is on one agreement."""
        return Dossier(
            id=agreement,
            agreement=self.agreements[agreement],
            entries=self.entries[agreement],
            requests={
                (k.n, request): k.fingerprint for request, k in self.requests.items() if k.agreement == agreement
            },
            outbox={
                id_: (row.notification.n, sha256(row.notification.payload()).hexdigest())
                for id_, row in self.outbox.items()
                if row.notification.agreement == agreement
            },
            faults=[(0, fault) for fault in faults],
        )


def _age(row: Delivery) -> tuple[datetime, str, int, str]:
    return row.due_at, row.notification.agreement, row.notification.n, row.notification.id


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def _row(notification: Notification, written: Mapping[str, Any]) -> Delivery:
    return Delivery(
        notification=notification,
        status=written["status"],
        tries=written["tries"],
        due_at=datetime.fromisoformat(written["due_at"]),
        leased_until=_moment(written["leased_until"]),
        error=written["error"],
        expires_at=_moment(written["expires_at"]),
    )


def _written(row: Delivery, until: datetime | None) -> dict[str, Any]:
    return {
        "id": row.notification.id,
        "status": row.status,
        "tries": row.tries,
        "due_at": row.due_at.isoformat(),
        "leased_until": _iso(until),
        "error": row.error,
        "expires_at": _iso(row.expires_at),
    }


def _values(agreement: Agreement, by: str | None) -> Sequence[Any]:
    match by:
        case None:
            return (None,)
        case "process":
            return (agreement.process.id,)
        case "owner":
            return agreement.owner
        case "on_hold":
            return (agreement.hold is not None,)
        case _:
            return (getattr(agreement, by),)


class FolderStore:
    """
    Histories in a folder: one journal, to which every commit adds one line.

    Durable before fast: a commit is acknowledged when its line is on the disk. Many processes may use the folder; one
    writes at a time. Every store holds all that the journal says in memory.
    """

    def __init__(self, folder: str | Path) -> None:
        """
        Open *folder*, making it if it is not there.

        Raises:
            StoreError: If it cannot be made or read.
        """
        self._state = _State()
        self._journal = Journal(Path(folder), self._state.fold)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """
        Open the folder that *url* names: `folder:///relative/path`, `folder:////absolute/path`.

        Raises:
            StoreError: If the url names no folder.
        """
        path = unquote(url.removeprefix("folder:///")) if url.startswith("folder:///") else ""
        if not path:
            message = f"{url!r} names no folder; write folder:///path, or folder:////path from the root"
            raise StoreError(message)
        return cls(path)

    @contextmanager
    def unit(self, agreement: str) -> Iterator[Unit]:
        """Lock the folder for writing."""
        with self._journal.locked():
            unit = _Unit(self._state, self._journal, agreement)
            try:
                yield unit
            finally:
                unit.done = True

    def get(self, agreement: str) -> Agreement | None:
        """Return an agreement, or None."""
        with self._journal.fresh():
            return self._state.agreements.get(agreement)

    def history(self, agreement: str, after: int = 0, upto: int | None = None) -> Sequence[Entry]:
        """Return its events."""
        with self._journal.fresh():
            return self._state.entries.get(agreement, [])[after:upto]

    def find(self, query: Query, *, after: str | None, limit: int) -> Sequence[Agreement]:
        """Return a page of agreements."""
        with self._journal.fresh():
            meant = [a for a in self._state.agreements.values() if query.matches(a) and (after is None or a.id > after)]
        return sorted(meant, key=lambda a: a.id)[:limit]

    def count(self, query: Query, by: str | None) -> dict[Any, int]:
        """Count agreements."""
        with self._journal.fresh():
            meant = [a for a in self._state.agreements.values() if query.matches(a)]
        return dict(Counter(value for agreement in meant for value in _values(agreement, by)))

    def known(self, request: str) -> Known | None:
        """Return what is known of a request; the lock is waited for, so that nobody is writing it any more."""
        with self._journal.locked():
            return self._state.requests.get(request)

    def claim(self, now: datetime, *, until: datetime, limit: int, only: str | None = None) -> Sequence[Delivery]:
        """Take rows of the outbox."""
        with self._journal.fresh():
            if not self._state.due(now, 1, only):
                return []
        with self._journal.locked():
            rows = [_written(row, until) for row in self._state.due(now, limit, only)]
            if rows:
                self._journal.append({"rows": rows})
            return [self._state.outbox[row["id"]] for row in rows]

    def settle(self, claimed: Delivery, settled: Delivery) -> bool:
        """Write how a delivery went."""
        with self._journal.locked():
            row = self._state.outbox.get(claimed.notification.id)
            mine = row is not None and row.status == "pending" and row.leased_until == claimed.leased_until is not None
            if mine:
                self._journal.append({"rows": [_written(settled, settled.leased_until)]})
            return mine

    def outbox(self, status: str | None = None) -> Sequence[Delivery]:
        """Return the rows of the outbox."""
        with self._journal.fresh():
            return sorted((row for row in self._state.outbox.values() if status in (None, row.status)), key=_age)

    def requeue(self, now: datetime, notification: str | None = None) -> int:
        """Make dead rows due again."""
        with self._journal.locked():
            again = [
                {**_written(row, None), "status": "pending", "tries": 0, "due_at": now.isoformat(), "error": ""}
                for row in self._state.outbox.values()
                if row.status == "dead" and notification in (None, row.notification.id)
            ]
            if again:
                self._journal.append({"rows": [{**row, "expires_at": None} for row in again]})
            return len(again)

    def hold(self, scope: str, why: str) -> None:
        """Deliver nothing of it."""
        with self._journal.locked():
            self._journal.append({"held": [scope, why]})

    def release(self, scope: str) -> bool:
        """Deliver it again."""
        with self._journal.locked():
            held = scope in self._state.held
            if held:
                self._journal.append({"held": [scope, None]})
            return held

    def holds(self) -> dict[str, str]:
        """Return what is held."""
        with self._journal.fresh():
            return dict(sorted(self._state.held.items()))

    def definition(self, digest: str) -> bytes | None:
        """Return a definition, or None."""
        with self._journal.fresh():
            found = self._state.definitions.get(digest)
        return None if found is None else found.body

    def definitions(self) -> Sequence[Definition]:
        """Return every definition."""
        with self._journal.fresh():
            return [self._state.definitions[digest] for digest in sorted(self._state.definitions)]

    def dossiers(self, agreement: str | None = None) -> Iterator[Dossier]:
        """Return all that stands in the journal now, whatever was read of it before."""
        state = _State()
        faults = self._journal.look(state.fold)
        for one in sorted(state.agreements):
            if agreement in (None, one):
                # A line that cannot be read does not say whose it was: it is said of each that is asked for alone.
                yield state.dossier(one, () if agreement is None else faults)

    def faults(self) -> Sequence[str]:
        """Return which lines of the journal are not as they were written."""
        return self._journal.look(_State().fold)

    def close(self) -> None:
        """Be asked no more."""
        self._journal.close()


class _Unit:
    """A unit of work, inside the lock."""

    def __init__(self, state: _State, journal: Journal, agreement: str) -> None:
        self.id = agreement
        self.done = False
        self._state = state
        self._journal = journal

    @property
    def agreement(self) -> Agreement | None:
        return self._state.agreements.get(self.id)

    def other(self, agreement: str) -> Agreement | None:
        return self._state.agreements.get(agreement)

    def parts(self) -> Sequence[Agreement]:
        return sorted((a for a in self._state.agreements.values() if a.part_of == self.id), key=lambda a: a.id)

    def known(self, request: str) -> Known | None:
        return self._state.requests.get(request)

    def commit(
        self,
        agreement: Agreement,
        entry: Entry,
        notifications: Sequence[Notification],
        request: tuple[str, Known] | None,
        definition: Definition | None = None,
    ) -> None:
        before = len(self._state.entries.get(self.id, ()))
        if self.done:
            message = f"{self.id}: a unit of work commits once, inside its block"
            raise StoreError(message)
        if entry.n != before + 1:
            raise Conflict(self.id, entry.n - 1, before)
        if request is not None and request[0] in self._state.requests:
            message = f"{self.id}: the request {request[0]!r} is already there"
            raise StoreError(message)
        ids = {told.id for told in notifications}
        if len(ids) < len(notifications) or ids & self._state.outbox.keys():
            message = f"{self.id}: a notification of the same id is already there"
            raise StoreError(message)
        self._journal.append(
            {
                "agreement": agreement.to_data(),
                "n": entry.n,
                "body": entry.body.decode("utf-8", "surrogateescape"),
                "hash": entry.hash.hex(),
                "notifications": [
                    {"id": told.id, "at": _iso(told.at), **json.loads(told.payload())} for told in notifications
                ],
                "request": {} if request is None else {request[0]: _known(request[1])},
                "definition": None if definition is None else _definition(definition),
            }
        )
        self.done = True


def _definition(definition: Definition) -> dict[str, Any]:
    pin = definition.pin
    body = definition.body.decode("utf-8", "surrogateescape")
    return {"pin": {"id": pin.id, "version": pin.version, "digest": pin.digest}, "body": body}


def _known(known: Known) -> dict[str, Any]:
    return {"agreement": known.agreement, "n": known.n, "fingerprint": known.fingerprint}
