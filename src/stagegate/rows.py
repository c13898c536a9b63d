"""
What every store with tables writes into columns, and how it is read back: for authors of stores.

What is kept are bytes: events, snapshots, what is to be told. What a store lists, counts and claims by, it copies out
of them. Here stands once what is copied, how a row of the outbox is sealed, and how `verify` compares the copies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from ._agreement import Agreement
from ._history import Entry
from ._notices import Delivery, Notification
from ._plain import digest, instant, moment
from ._store import Dossier
from .exceptions import HistoryTampered

__all__ = [
    "COLUMNS",
    "OUTBOX",
    "SORT",
    "agreement_of",
    "columns_of",
    "deliveries_of",
    "delivery_of",
    "dossier_of",
    "instant",
    "intact_of",
    "members_of",
    "miscounted",
    "row_of",
    "seal",
    "sort_of",
]

_COPIED: dict[str, Callable[[Agreement], Any]] = {
    "n": lambda a: a.n,
    "version": lambda a: a.version,
    "head": lambda a: a.head,
    "process": lambda a: a.process.id,
    "stage": lambda a: a.stage,
    "owner": lambda a: " ".join(a.owner),
    "outcome": lambda a: a.outcome,
    "on_hold": lambda a: a.hold is not None,
    "changed_at": lambda a: instant(a.changed_at),
    "searchable": lambda a: a.searchable,
    "wakes_at": lambda a: None if (wakes := a.wakes_at) is None else instant(wakes),
    "overdue": lambda a: a.overdue,
}

COLUMNS: tuple[str, ...] = tuple(_COPIED)
"""The columns of an agreement that are copied out of its snapshot."""

SORT = ("stage", "process", "owner", "outcome", "on_hold")
"""The columns by which agreements are counted."""

OUTBOX = (
    "agreement",
    "n",
    "id",
    "payload",
    "status",
    "tries",
    "due_at",
    "leased_until",
    "error",
    "expires_at",
    "recipient",
    "seal",
)
"""The columns of a row of the outbox; the last is the check over those before it."""


def columns_of(agreement: Agreement, wanted: Iterable[str] = COLUMNS) -> dict[str, Any]:
    """
    Return columns of an agreement that are copied out of its snapshot.

    Args:
        agreement: The agreement.

        wanted: Which of `COLUMNS`.
    """
    return {column: _COPIED[column](agreement) for column in wanted}


def sort_of(agreement: Agreement) -> tuple[Any, ...]:
    """Return the sort that an agreement is counted in: the columns of `SORT`, with an empty text for no outcome."""
    owner, outcome = " ".join(agreement.owner), agreement.outcome or ""
    return agreement.stage, agreement.process.id, owner, outcome, agreement.hold is not None


def members_of(agreement: Agreement) -> set[tuple[str, str]]:
    """Return what an agreement is listed under beside its columns: owners, parties, the whole it is part of."""
    members = {("owner", role) for role in agreement.owner} | {("party", party.id) for party in agreement.parties}
    return members if agreement.part_of is None else members | {("whole", agreement.part_of)}


def agreement_of(row: Sequence[Any], known: Agreement | None = None) -> Agreement:
    """
    Return the agreement of a row.

    Args:
        row: Its id, its `n`, its `version`, its `head`, and its snapshot.

        known: The agreement that was read before, for a row without a snapshot.

    Raises:
        HistoryTampered: If the snapshot cannot be read, or is not that of the row.
    """
    id_, n, version, head, snapshot = row
    try:
        found = known if known is not None and snapshot is None else Agreement.from_json(snapshot)
    except HistoryTampered as error:
        message = f"{id_}: {error}; nothing was changed, run verify"
        raise HistoryTampered(message) from None
    if (found.id, found.n, found.version, found.head) != (id_, n, version, head):
        message = f"{id_}: its snapshot is not that of event {n}; nothing was changed, run verify"
        raise HistoryTampered(message)
    return found


def seal(row: Sequence[Any]) -> bytes:
    """
    Return the check over a row of the outbox: a SHA-256 of its columns.

    Args:
        row: The columns that `OUTBOX` names, without the last, which is the seal itself.
    """
    return sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest()


def row_of(delivery: Delivery) -> tuple[Any, ...]:
    """Return the columns of a delivery, as `OUTBOX` names them, sealed."""
    told = delivery.notification
    row = (
        told.agreement,
        told.n,
        told.id,
        told.payload(),
        delivery.status,
        delivery.tries,
        instant(delivery.due_at),
        None if delivery.leased_until is None else instant(delivery.leased_until),
        delivery.error,
        None if delivery.expires_at is None else instant(delivery.expires_at),
        told.recipient,
    )
    return (*row, seal(row))


def delivery_of(row: Sequence[Any]) -> Delivery:
    """
    Return the delivery of a row, whether its seal is broken or not.

    Args:
        row: The columns that `OUTBOX` names, and the hash of the event that caused it, None where that is missing.

    Raises:
        HistoryTampered: If it cannot be read.
    """
    agreement, n, id_, payload, status, tries, due_at, leased_until, error, expires_at, _, _, cause = row
    try:
        told = Notification(**json.loads(payload), id=id_, agreement=agreement, n=n, hash=cause or b"")
        due = moment(due_at)
        until, expires = (None if at is None else moment(at) for at in (leased_until, expires_at))
    except (ValueError, TypeError, RecursionError) as damage:
        message = f"the notification {id_} in the outbox cannot be read ({damage}); run verify"
        raise HistoryTampered(message) from None
    return Delivery(
        notification=told,
        status=status,
        tries=tries,
        due_at=due,
        leased_until=until,
        error=error,
        expires_at=expires,
    )


def intact_of(row: Sequence[Any]) -> Delivery:
    """
    Return the delivery of a row that nobody else has changed.

    Args:
        row: As `delivery_of` takes it.

    Raises:
        HistoryTampered: If it cannot be read, or its seal is not that of the row.
    """
    delivery = delivery_of(row)
    if _broken(row):
        message = f"the notification {row[2]} in the outbox was changed by another hand; run verify"
        raise HistoryTampered(message)
    return delivery


def _broken(row: Sequence[Any]) -> bool:
    *sealed, check = row[: len(OUTBOX)]
    return bool(seal(sealed) != check)


def deliveries_of(rows: Iterable[Sequence[Any]]) -> Iterator[Delivery]:
    """
    Yield the deliveries that can be read; raise in the end, if some cannot.

    Args:
        rows: Each as `delivery_of` takes it.

    Raises:
        HistoryTampered: After the last, for the first that cannot be read.
    """
    damage = None
    for row in rows:
        try:
            delivery = delivery_of(row)
        except HistoryTampered as error:
            damage = damage or error
        else:
            yield delivery
    if damage is not None:
        raise damage


def dossier_of(
    id_: str,
    columns: Sequence[Any],
    snapshot: bytes,
    *,
    events: Iterable[Sequence[Any]],
    requests: Iterable[Sequence[Any]],
    members: Iterable[Sequence[Any]],
    outbox: Iterable[Sequence[Any]],
) -> Dossier:
    """
    Return everything that is stored of an agreement, with what is wrong with the copies.

    Args:
        id_: The agreement.

        columns: What stands in its row, as `COLUMNS` names it.

        snapshot: The snapshot.

        events: The number, body and hash of each event, in the order of their numbers.

        requests: For each request the number of its event, its id and its fingerprint.

        members: The kind and value of everything it is listed under.

        outbox: The rows of the outbox, as `OUTBOX` names them.
    """
    faults: list[tuple[int, str]] = []
    agreement = None
    try:
        agreement = Agreement.from_json(snapshot)
    except HistoryTampered as error:
        faults.append((0, str(error)))
    else:
        faults += _copies(agreement, snapshot, columns, members)
    told = {}
    for row in outbox:
        if _broken(row):
            faults.append((row[1], f"the row of notification {row[2]} in the outbox was changed by another hand"))
        told[row[2]] = row[1], digest(row[3])
    return Dossier(
        id=id_,
        agreement=agreement,
        entries=[Entry(n=n, body=body, hash=hash_) for n, body, hash_ in events],
        requests={(n, request): fingerprint for n, request, fingerprint in requests},
        outbox=told,
        faults=faults,
    )


def _copies(
    agreement: Agreement, snapshot: bytes, columns: Sequence[Any], members: Iterable[Sequence[Any]]
) -> Iterator[tuple[int, str]]:
    if agreement.to_json() != snapshot:
        yield agreement.n, "the stored snapshot is not in canonical form"
    for (column, copied), stored in zip(columns_of(agreement).items(), columns, strict=True):
        if stored != copied:
            if column == "n" and stored > copied:
                yield copied + 1, f"event {copied + 1} is missing: the row of the agreement has seen {stored} events"
            else:
                yield agreement.n, f"the column {column} says {stored!r}, the snapshot {copied!r}"
    for kind, value in sorted({(kind, value) for kind, value in members} ^ members_of(agreement)):
        yield agreement.n, f"the {kind} {value!r} is listed wrongly"


def miscounted(kept: Mapping[tuple[Any, ...], int], there: Mapping[tuple[Any, ...], int]) -> list[str]:
    """
    Return what is wrong with the counts of a store.

    Args:
        kept: How many agreements of each sort the store says there are.

        there: How many there are.
    """
    return [
        f"the counter of {' '.join(map(str, sort))} says {kept.get(sort, 0)}, there are {there.get(sort, 0)}"
        for sort in sorted({*kept, *there}, key=str)
        if kept.get(sort, 0) != there.get(sort, 0)
    ]
