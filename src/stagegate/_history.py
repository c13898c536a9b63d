"""One line of what happened, as bytes first: canonical JSON, chained by SHA-256 (docs/reference/history.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import attrs

from ._plain import moment
from .exceptions import HistoryTampered

DOMAIN = b"stagegate/event/v1\n"
"""What every hash starts with, so that an event can never be taken for anything else."""

GENESIS = bytes(32)
"""What the first event of a history is chained to."""


def chain(prev: bytes, body: bytes) -> bytes:
    """
    Return the hash of an event: SHA-256 over the domain, then *prev* and *body*, each after its length.

    Args:
        prev: The hash of the event before it (32 bytes; `GENESIS` for the first).

        body: The canonical bytes of the event.
    """
    return sha256(
        b"%b%b%b%b%b" % (DOMAIN, len(prev).to_bytes(8, "big"), prev, len(body).to_bytes(8, "big"), body)
    ).digest()


@attrs.define(kw_only=True, frozen=True)
class Entry:
    """
    An event as a store keeps it: its number, its bytes, its hash.

    Attributes:
        n: Its place in the history of its agreement, from 1.

        body: Canonical JSON.

        hash: `chain` of the hash before it and the body.
    """

    n: int
    body: bytes
    hash: bytes


@attrs.define(frozen=True, slots=True)
class Event:
    """
    One line of a history: what happened, who did it, under which rules.

    Attributes:
        data: The decoded body; the fields are listed in docs/reference/history.md.

        hash: Its hash in the chain; empty while the event is being written.
    """

    data: Mapping[str, Any] = attrs.field(hash=False)
    hash: bytes = b""

    @property
    def agreement(self) -> str:
        """The id of the agreement."""
        return self.data["agreement"]  # type: ignore[no-any-return]

    @property
    def n(self) -> int:
        """Its number in the history, from 1."""
        return self.data["n"]  # type: ignore[no-any-return]

    @property
    def id(self) -> str:
        """Its UUID."""
        return self.data["id"]  # type: ignore[no-any-return]

    @property
    def kind(self) -> str:
        """
        What kind of thing happened.

        `started`, `attached`, `recorded`, `voted`, `adjourned`, `noted`, `moved`, `migrated`, `refused`; and what time
        brings, `reminded`, `overdue`, `reckoned`.
        """
        return self.data["kind"]  # type: ignore[no-any-return]

    @property
    def move(self) -> str:
        """The name of the engine's method that caused it, such as `advance`."""
        return self.data["move"]  # type: ignore[no-any-return]

    @property
    def actor(self) -> str:
        """The id of who acted."""
        return self.data["actor"]["id"]  # type: ignore[no-any-return]

    @property
    def at(self) -> datetime:
        """When it took effect."""
        return moment(self.data["at"])

    @property
    def recorded_at(self) -> datetime:
        """When it was written."""
        return moment(self.data["recorded_at"])

    @classmethod
    def read(cls, entry: Entry) -> Event:
        """
        Return the event that *entry* holds.

        Raises:
            HistoryTampered: If its bytes are not an event's.
        """
        try:
            data = json.loads(entry.body)
            if not isinstance(data, dict):
                raise TypeError
            return cls(data, entry.hash)
        except (ValueError, TypeError, RecursionError):
            message = f"event {entry.n} cannot be read: its body is not canonical JSON"
            raise HistoryTampered(message) from None


def broken(entries: Iterable[Entry], prev: bytes = GENESIS, first: int = 1) -> tuple[int, str] | None:
    """Return the number of the first entry whose number or hash does not follow, with a sentence; None if all do."""
    for expected, entry in enumerate(entries, first):
        if entry.n != expected:
            return expected, f"event {expected} is missing: number {entry.n} stands in its place"
        if chain(prev, entry.body) != entry.hash:
            return expected, f"event {expected} does not carry the hash of its content and of the event before it"
        prev = entry.hash
    return None
