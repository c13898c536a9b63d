"""What may stand in the header of a mail: looked at before `email` sees it."""

from __future__ import annotations

import re
from base64 import b64decode
from quopri import decodestring

from stagegate import InvalidValue
from stagegate.exceptions import quote

MAX_NAME = 100

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WORD = re.compile(r"(?==\?([^?\s]*)\?([bq])\?([^?]*))", re.IGNORECASE)
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_AMBIGUOUS = frozenset("\u00df\u03c2\u200c\u200d")
"""What the two standards for names of domains in other scripts read differently."""


def text(value: object, where: str) -> str:
    """Return *value* if it is a text that is not empty."""
    if not isinstance(value, str) or not value:
        message = f"{where}: a text is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


def line(value: object, where: str) -> str:
    """Return *value* if it stays in the one line of a header, also after somebody has decoded it."""
    if not isinstance(value, str):
        message = f"{where}: a text is needed, not {quote(value)}"
        raise InvalidValue(message)
    if found := _CONTROL.search(value):
        message = f"{where}: it holds {quote(found[0])}, which has no place in the header of a mail; remove it"
        raise InvalidValue(message)
    if any(_hides(*word.groups()) for word in _WORD.finditer(value)):
        message = f"{where}: it holds an encoded word that hides a control character: {quote(value)}"
        raise InvalidValue(message)
    return value


def _hides(charset: str, coding: str, coded: str) -> bool:
    """Tell whether a reader that decodes this word meets a control character in it."""
    raw = coded.encode()
    if coding in "bB":
        try:
            plain = b64decode(raw + b"=" * (-len(raw) % 4))
        except ValueError:
            return False
    else:
        plain = decodestring(raw, header=True)
    try:
        said = plain.decode(charset)
    except (LookupError, ValueError):
        said = plain.decode("latin-1")
    if _CONTROL.search(said) or any(byte < 32 for byte in plain):  # noqa: PLR2004  the control characters of ASCII
        return True
    return any(_hides(*word.groups()) for word in _WORD.finditer(said))


def name_of(value: object, where: str) -> str:
    """Return *value* if it is a short name in one line."""
    name = line(value, where)
    if "=?" in name or len(name) > MAX_NAME:
        message = f"{where}: a name of at most {MAX_NAME} characters without '=?' is needed, not {quote(value)}"
        raise InvalidValue(message)
    return name


def token(value: str) -> str:
    """Return *value* if it is one word that any header takes."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", value):
        message = f"{quote(value)} cannot stand in the header of a mail"
        raise InvalidValue(message)
    return value


def address(value: object, where: str) -> str:
    """Return *value* if it is one plain address and nothing beside it; its domain in ASCII."""
    local, at, domain = text(value, where).rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local) > 64 or "=?" in local:  # noqa: PLR2004  RFC 5321, 4.5.3.1.1
        message = f"{where}: {quote(value)} is no plain address such as council@example.org"
        raise InvalidValue(message)
    host = domain_of(domain, where)
    if host.rpartition(".")[2].isdigit():
        message = f"{where}: {quote(value)} names no domain but a number"
        raise InvalidValue(message)
    return f"{local}@{host}"


def domain_of(value: object, where: str) -> str:
    """Return *value* if it is the name of a host, in ASCII whatever its script."""
    given = text(value, where).lower()
    if _AMBIGUOUS & set(given):
        message = f"{where}: {quote(value)} is read differently by two standards; write it in its form with xn--"
        raise InvalidValue(message)
    try:
        name = given if given.isascii() else given.encode("idna").decode()
        same = given == (name if given.isascii() else name.encode().decode("idna"))
    except UnicodeError:
        same = False
    # What the standard would first have to read as something else, such as a full-width dot, is not what was meant.
    if not same or len(name) > 253 or not all(map(_LABEL.fullmatch, name.split("."))):  # noqa: PLR2004  RFC 1035
        message = f"{where}: {quote(value)} has no name of a host such as mail.example.org"
        raise InvalidValue(message)
    return name
