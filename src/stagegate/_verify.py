"""Proof that the histories are whole: every hash, every fold, every copy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs

from ._agreement import apply
from ._history import Entry, Event, broken
from ._plain import digest
from ._records import Pin
from ._store import Definition, Dossier, Store
from .exceptions import HistoryTampered, quote

UNSEEN = frozenset({"refused", "reminded"})
"""The kinds of event that make no new version: nothing that writers compare has changed."""

SHOWN = 10
"""How many faults a report says when it is printed; `faults` has them all."""


@attrs.define(frozen=True)
class Fault:
    """
    Something that does not agree.

    Attributes:
        agreement: The id of the agreement; empty where no single one is meant.

        n: The number of the first event concerned; 0 where no event is.

        what: What is wrong, in one sentence.
    """

    agreement: str
    n: int
    what: str

    def __str__(self) -> str:
        """Say where and what."""
        where = f"{self.agreement} event {self.n}: " if self.n else f"{self.agreement}: " if self.agreement else ""
        return where + self.what


@attrs.define(kw_only=True, frozen=True)
class Report:
    """
    What `verify` proved.

    Attributes:
        ok: Whether everything agrees.

        level: How far the proof reaches. `internal`: what is stored agrees with itself; whoever can rewrite all of it
            can
            still forge it.

        checked: How many agreements were looked at.

        events: How many events.

        faults: What does not agree.
    """

    ok: bool
    level: str
    checked: int
    events: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        """Never a bare OK: say what was proved."""
        said = f"{self.level}: {_several(self.events, 'event')} of {_several(self.checked, 'agreement')}"
        if self.ok:
            return f"{said} checked, all agree"
        shown = "; ".join(map(str, self.faults[:SHOWN]))
        more = f"; and {len(self.faults) - SHOWN} more" if len(self.faults) > SHOWN else ""
        return f"{said} checked, {_several(len(self.faults), 'fault')}: {shown}{more}"


def _several(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def verify(store: Store, agreement: str | None = None) -> Report:
    """
    Recompute every hash, fold every history, and compare with it all that is stored beside it.

    Args:
        store: Where the histories are.

        agreement: The one to look at; None for all.
    """
    faults: list[Fault] = []
    checked = events = 0
    definitions, others = _Definitions(store), _Others(store)
    for dossier in store.dossiers(agreement):
        checked += 1
        events += len(dossier.entries)
        faults.extend(Fault(dossier.id, n, what) for n, what in _faults(dossier, definitions, others))
    if agreement is None:
        faults.extend(Fault("", 0, what) for what in store.faults())
        faults.extend(Fault("", 0, what) for what in definitions.damaged())
    return Report(ok=not faults, level="internal", checked=checked, events=events, faults=tuple(faults))


class _Definitions:
    """The definitions that a store keeps, each looked at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looked: dict[Pin, str] = {}

    def wrong(self, pin: Pin) -> str:
        """Return what is wrong with the definition of a process that a history names; empty if it is there, whole."""
        if pin not in self._looked:
            self._looked[pin] = self._look(pin)
        return self._looked[pin]

    def _look(self, pin: Pin) -> str:
        try:
            body = self._store.definition(pin.digest)
        except HistoryTampered as error:
            return str(error)
        return f"the definition of {pin} is not stored" if body is None else _damaged(Definition(pin, body))

    def damaged(self) -> Iterator[str]:
        """Go through what is wrong with the stored definitions, whoever runs under them."""
        try:
            yield from filter(None, map(_damaged, self._store.definitions()))
        except HistoryTampered as error:
            yield str(error)


def _damaged(kept: Definition) -> str:
    """Return what is wrong with a stored definition: its bytes must be those it is filed under."""
    pin = kept.pin
    if digest(kept.body) != pin.digest:
        return f"the stored definition of {pin} does not have the digest it is filed under"
    try:
        said = json.loads(kept.body)
        named = said["id"], said["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"what is stored as the definition of {pin} is none"
    if named != (pin.id, pin.version):
        return f"the definition stored for {pin} is that of {quote(named[0])} {quote(named[1])}"
    return ""


class _Others:
    """The histories that others rest on, each looked at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, dict[str, int | None]] = {}

    def wrong(self, agreement: str, head: str, version: Any) -> str:
        """Return what is wrong with what was read of another agreement; empty if its history has that event."""
        if agreement not in self._seen:
            self._seen[agreement] = dict(self._versions(agreement))
        there = self._seen[agreement]
        if head not in there:
            return f"it rests on {quote(agreement)} as of an event that is not in the history of that agreement"
        if there[head] not in (None, version):
            return f"it rests on version {quote(version)} of {quote(agreement)}, but that event made it {there[head]}"
        return ""

    def _versions(self, agreement: str) -> Iterator[tuple[str, int | None]]:
        """Yield each head of a history with the version it was of; None where that cannot be told any more."""
        version: int | None = None
        for entry in self._store.history(agreement):
            try:
                version = version if Event.read(entry).kind in UNSEEN else entry.n
            except (HistoryTampered, KeyError):
                version = None
            yield entry.hash.hex(), version


def _faults(dossier: Dossier, definitions: _Definitions, others: _Others) -> Iterator[tuple[int, str]]:
    entries = dossier.entries
    first = broken(entries)
    if first is not None:
        yield first
    yield from dossier.faults
    folded = None
    requests: dict[tuple[int, str], str] = {}
    told: dict[str, tuple[int, str]] = {}
    under = None
    for entry in entries[: first[0] - 1] if first else entries:
        try:
            event = Event.read(entry)
            if wrong := _misread(dossier.id, entry, event.data):
                yield entry.n, wrong
                return
            folded = apply(folded, event)
            if folded.process is not under:
                under = folded.process
                if wrong := definitions.wrong(under):
                    yield entry.n, wrong
            if request := event.data.get("request"):
                requests[entry.n, _text(request["id"])] = _text(request["fingerprint"])
            for read in event.data.get("read", ()):
                if wrong := others.wrong(_text(read["agreement"]), _text(read["head"]), read["version"]):
                    yield entry.n, wrong
            for notification in event.data.get("notifications", ()):
                told[_text(notification["id"])] = entry.n, _text(notification["digest"])
        except HistoryTampered as error:
            yield entry.n, str(error)
            return
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield entry.n, f"its body lacks what an event has ({type(error).__name__}: {error})"
            return
    if first is not None:
        return
    yield from _snapshot(dossier, folded)
    yield from _requests(dossier, requests)
    yield from _outbox(dossier, told)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        message = f"a text is needed, not {quote(value)}"
        raise TypeError(message)
    return value


def _misread(agreement: str, entry: Entry, data: Any) -> str:
    if data.get("agreement") != agreement:
        return f"it belongs to {quote(data.get('agreement'))}"
    if data.get("n") != entry.n:
        return f"its body says it is event {quote(data.get('n'))}"
    return ""


def _snapshot(dossier: Dossier, folded: Any) -> Iterator[tuple[int, str]]:
    if folded is None:
        yield 1, "there is no event, although an agreement of this id is stored"
        return
    stored = dossier.agreement
    if stored is None:
        yield 0, "the stored snapshot is missing or cannot be read"
    elif stored != folded:
        if stored.n > folded.n:
            yield folded.n + 1, f"event {folded.n + 1} is missing: the snapshot has seen {stored.n} events"
            return
        wrong = [f.name for f in attrs.fields(type(folded)) if getattr(stored, f.name) != getattr(folded, f.name)]
        yield folded.n, f"the stored snapshot differs from the history in {', '.join(wrong)}"


def _requests(dossier: Dossier, requests: dict[tuple[int, str], str]) -> Iterator[tuple[int, str]]:
    for n, request in sorted(set(requests) ^ set(dossier.requests)):
        where = "the stored requests" if (n, request) in requests else "the history"
        yield n, f"the request {quote(request)} is missing in {where}"
    for n, request in sorted(set(requests) & set(dossier.requests)):
        if requests[n, request] != dossier.requests[n, request]:
            yield n, f"the fingerprint stored for the request {quote(request)} is not the one in the history"


def _outbox(dossier: Dossier, told: dict[str, tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for id_, caused in told.items():
        row = dossier.outbox.get(id_)
        if row is None:
            yield caused[0], f"the notification {id_} is missing in the outbox"
        elif row != caused:
            yield caused[0], f"the notification {id_} in the outbox says something else than what was caused"
    for id_ in dossier.outbox:
        if id_ not in told:
            yield dossier.outbox[id_][0], f"the notification {id_} in the outbox was caused by no event"
