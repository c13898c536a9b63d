"""One line of what happened, as bytes first: canonical JSON, chained by SHA-256 (docs/reference/history.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from ._text import frozendict
from .exceptions import HistoryTampered, InvalidValue

DOMAIN = b"stagegate/event/v1\n"
"""What every hash starts with, so that an event can never be taken for anything else."""

GENESIS = bytes(32)
"""What the first event of a history is chained to."""

MAX_INTEGER = 2**53
MAX_DEPTH = 16
MAX_TEXT = 64 * 1024
MAX_BODY = 1024 * 1024

Plain: TypeAlias = "str | int | bool | None | tuple[Plain, ...] | frozendict"

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(value: object) -> bytes:
    """
    Return *value*, which must be `plain`, as canonical JSON: sorted keys, no spaces, UTF-8.

    Within the bounds of `plain` this is what RFC 8785 (JCS) prescribes.
    """
    return _encode(value).encode()


def plain(value: object, where: str = "value", depth: int = 0) -> Plain:
    """
    Return *value* as something a history can hold, frozen.

    Numbers that are not integers become strings (from `Decimal`), dates and instants become ISO 8601, sequences tuples.

    Args:
        value: What is to be recorded.

        where: What to call it in an error.

        depth: How deep it is already nested.

    Raises:
        InvalidValue: If it is or holds a float, an integer beyond 2^53, a text with NUL or lone surrogates or of more than
            64 KiB, a key that is not ASCII, a naive datetime, more than 16 levels, or something that is no data at all.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value, where)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            message = f"{where}: the integer {str(value)[:24]} is beyond 2^53; give it as text or Decimal"
            raise InvalidValue(message)
        return int(value)
    if isinstance(value, float):
        message = f"{where}: {value!r} is a float, whose digits a history cannot promise; use Decimal, a text or an integer"
        raise InvalidValue(message)
    if isinstance(value, Decimal):
        if not value.is_finite():
            message = f"{where}: {value} is not a number that can be recorded"
            raise InvalidValue(message)
        return format(value, "f")
    if isinstance(value, datetime):
        return instant(value, where)
    if isinstance(value, date):
        return value.isoformat()
    if depth >= MAX_DEPTH:
        message = f"{where}: it is nested more than {MAX_DEPTH} levels deep"
        raise InvalidValue(message)
    if isinstance(value, Mapping):
        return frozendict({key(k, where): plain(v, f"{where}.{k}", depth + 1) for k, v in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value))
    if isinstance(value, (set, frozenset)):
        return tuple(sorted((plain(item, where, depth + 1) for item in value), key=canonical))
    message = f"{where}: {type(value).__name__} cannot be recorded; use text, integers, Decimal, dates, lists or tables"
    raise InvalidValue(message)


def text(value: object, where: str, *, most: int = MAX_TEXT) -> str:
    """Return *value* if it is a text that can be recorded, or say why not."""
    if not isinstance(value, str):
        message = f"{where}: a text is needed, not {type(value).__name__}"
        raise InvalidValue(message)
    if len(value) > most:
        message = f"{where}: the text has {len(value):,} characters; {most:,} are the most that can be recorded"
        raise InvalidValue(message)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            message = f"{where}: the text holds a lone surrogate, which is no character; decode it properly first"
            raise InvalidValue(message) from None
    if "\0" in value:
        message = f"{where}: the text holds a NUL character; remove it"
        raise InvalidValue(message)
    return str(value)


def name(value: object, where: str) -> str:
    """Return *value* if it is a short text that can serve as an id: one line, not blank, no spaces at its ends."""
    value = text(value, where, most=200)
    if not value or value != value.strip() or not value.isprintable():
        message = f"{where}: {value!r} is no id; use a short printable text without spaces around it"
        raise InvalidValue(message)
    return value


def key(value: object, where: str) -> str:
    """Return *value* if it can be a key: a short ASCII text."""
    value = name(value, f"{where}: key")
    if not value.isascii():
        message = f"{where}: the key {value!r} is not ASCII; put other scripts into values and labels"
        raise InvalidValue(message)
    return value


def instant(value: object, where: str = "at") -> str:
    """
    Return an aware datetime as UTC text with microseconds, which sorts as it should.

    Raises:
        InvalidValue: If it is no datetime, or a naive one.
    """
    if not isinstance(value, datetime):
        message = f"{where}: a datetime is needed, not {type(value).__name__}"
        raise InvalidValue(message)
    if value.tzinfo is None or value.utcoffset() is None:
        message = f"{where}: {value.isoformat()} has no zone; say which, for example datetime.now(UTC)"
        raise InvalidValue(message)
    try:
        return value.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
    except OverflowError:
        message = f"{where}: {value.isoformat()} lies outside the years that can be told in UTC"
        raise InvalidValue(message) from None


def moment(value: str) -> datetime:
    """Return the aware datetime that `instant` wrote."""
    return datetime.fromisoformat(value)


def chain(prev: bytes, body: bytes) -> bytes:
    """
    Return the hash of an event: SHA-256 over the domain, then *prev* and *body*, each after its length.

    Args:
        prev: The hash of the event before it (32 bytes; `GENESIS` for the first).

        body: The canonical bytes of the event.
    """
    from hashlib import sha256

    return sha256(
        b"%b%b%b%b%b" % (DOMAIN, len(prev).to_bytes(8, "big"), prev, len(body).to_bytes(8, "big"), body)
    ).digest()


def digest(data: bytes) -> str:
    """Return the SHA-256 of *data* in hexadecimal."""
    from hashlib import sha256

    return sha256(data).hexdigest()


@attrs.define(kw_only=True, on_setattr=attrs.setters.frozen)
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


@attrs.define(on_setattr=attrs.setters.frozen, slots=True)
class Event:
    """
    One line of a history: what happened, who did it, under which rules.

    Attributes:
        data: The decoded body; the fields are listed in docs/reference/history.md.

        hash: Its hash in the chain; empty while the event is being written.
    """

    data: Mapping[str, Any]
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
        """`started`, `attached`, `recorded`, `voted`, `noted`, `moved` or `refused`."""
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
                raise TypeError  # noqa: TRY301  one way out for every kind of damage
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
