"""Plain data: what a history can hold, how it is written, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, TypeAlias

from ._text import Label, frozendict
from .exceptions import InvalidValue, quote

MAX_INTEGER = 2**53
MAX_DEPTH = 16
MAX_TEXT = 64 * 1024
MAX_BODY = 1024 * 1024
MAX_SHOWN = 200
MAX_DIGITS = 1000
MAX_ITEMS = 20

Plain: TypeAlias = "str | int | bool | tuple[Plain, ...] | frozendict | None"

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
        InvalidValue: If it is or holds a float, an integer beyond 2^53, a text with NUL or lone surrogates or of more
            than
            64 KiB, a key that is not ASCII, a naive datetime, more than 16 levels, or something that is no data at all.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value, where)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            message = f"{where}: an integer is beyond 2^53; give it as text or Decimal"
            raise InvalidValue(message)
        return int(value)
    if isinstance(value, float):
        message = (
            f"{where}: {quote(value)} is a float, whose digits cannot be promised; use Decimal, a text or an integer"
        )
        raise InvalidValue(message)
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > MAX_DIGITS or len(value.as_tuple().digits) > MAX_DIGITS:
            message = f"{where}: {quote(value)} is not a number that can be recorded: at most {MAX_DIGITS} digits"
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


def freeze(value: Any) -> Any:
    """Return *value*, which was written or read as JSON, with its tables and lists frozen."""
    if isinstance(value, dict):
        # Most of what there is to freeze is text, and no call is needed for it.
        return frozendict({k: v if type(v) is str else freeze(v) for k, v in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(map(freeze, value))
    return value


def shown(value: object, most: int = MAX_SHOWN) -> Plain:
    """Return *value* short enough to stand in a reason: what is long is cut, what is nested is written out."""
    if isinstance(value, Label):
        return frozendict(value)
    if isinstance(value, tuple) and all(not isinstance(item, (tuple, Mapping)) for item in value):
        return (*map(shown, value[:MAX_ITEMS]), *(("…",) if len(value) > MAX_ITEMS else ()))
    if isinstance(value, (tuple, Mapping)):
        value = canonical(value).decode()
    if isinstance(value, str) and len(value) > most:
        return f"{value[:most]}…"
    return plain(value)


def as_table(value: object, where: str) -> frozendict:
    """Return *value* if it is a table that can be recorded, frozen."""
    if not isinstance(value, Mapping):
        message = f"{where}: a table is needed, not {type(value).__name__}"
        raise InvalidValue(message)
    return plain(value, where)  # type: ignore[return-value]


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
    # A text that is also a member of an Enum would show itself as something else.
    return str.__str__(value)


def name(value: object, where: str) -> str:
    """Return *value* if it is a short text that can serve as an id: one line, not blank, no spaces at its ends."""
    value = text(value, where, most=200)
    if not value or value != value.strip() or not value.isprintable():
        message = f"{where}: {quote(value)} is no id; use a short printable text without spaces around it"
        raise InvalidValue(message)
    return value


_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,199}")


def slug(value: object, where: str) -> str:
    """Return *value* if it can name something in a definition: letters, digits and `_ - . /`, no spaces."""
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        message = f"{where}: {quote(value)} is no id; use ASCII letters, digits and _ - . / without spaces"
        raise InvalidValue(message)
    return str.__str__(value)


def key(value: object, where: str) -> str:
    """Return *value* if it can be a key: a short ASCII text."""
    value = name(value, f"{where}: key")
    if not value.isascii():
        message = f"{where}: the key {quote(value)} is not ASCII; put other scripts into values and labels"
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
        at = value if value.tzinfo is UTC else value.astimezone(UTC)
        return at.isoformat(timespec="microseconds")[:-6] + "Z"
    except OverflowError:
        message = f"{where}: {value.isoformat()} lies outside the years that can be told in UTC"
        raise InvalidValue(message) from None


def moment(value: str) -> datetime:
    """Return the aware datetime that `instant` wrote; a ValueError says that it is none."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        message = f"{value} has no zone"
        raise ValueError(message)
    return at


def digest(data: bytes) -> str:
    """Return the SHA-256 of *data* in hexadecimal."""
    return sha256(data).hexdigest()
