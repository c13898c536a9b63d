"""A notification in words, as a mail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.charset import BASE64, Charset
from email.header import Header
from email.message import Message as Mime
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from email.utils import quote as backslash
from html import escape
from typing import Any

from stagegate import InvalidValue, Message, Notification
from stagegate.exceptions import quote

from ._checks import line, token

MAX_REFERENCE = 200
MAX_WORD = 70
UTF8 = Charset("utf-8")
UTF8.body_encoding = BASE64
FOOTER = {
    "en": ("Reference: ", "Receipt: "),
    "id": ("Nomor rujukan: ", "Tanda bukti: "),
    "ja": ("参照番号：", "証跡："),
}


def written(
    notification: Notification, message: Message, *, to: str, domain: str, fixed: Mapping[str, str | None]
) -> bytes:
    """
    Return the whole mail, every header of which has been looked at before `email` sees it.

    Args:
        notification: What is told.

        message: The same in words.

        to: The address it goes to.

        domain: The domain in its `Message-ID`.

        fixed: The headers that are the same in all mails.

    Raises:
        InvalidValue: If something in it has no place in a mail.
    """
    text, html = _with_footer(notification, message)
    mail: Mime = MIMEText(_lines(text), "plain", UTF8)  # type: ignore[arg-type]  # a Charset is one
    if html:
        both = MIMEMultipart("alternative")
        both.attach(mail)
        both.attach(MIMEText(_lines(html), "html", UTF8))  # type: ignore[arg-type]
        mail = both
    headers = {
        **fixed,
        "To": to,
        "Subject": line(message.subject, "subject"),
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": f"<{token(notification.id)}@{domain}>",
        "Content-Language": token(message.lang),
        "Stagegate-Kind": notification.kind,
        "Stagegate-Reference": line(notification.reference, "reference")[:MAX_REFERENCE],
        "Stagegate-Receipt": line(str(notification.receipt), "receipt").strip(),
    }
    for header, value in headers.items():
        if value:
            shown: Any = value if header in fixed else _header(header, value)
            mail[header] = shown
    data = mail.as_bytes(policy=compat32.clone(linesep="\r\n"))
    only(mail.keys(), data)
    return data


def named(name: str, what: str, *, always: bool = False) -> str:
    """Return *what* with a name before it, as `From` and `List-Id` have it."""
    if not name:
        return f"<{what}>" if always else what
    shown = f'"{backslash(name)}"' if name.isascii() else " ".join(Header(name, UTF8).encode().split())
    return f"{shown} <{what}>"


def _header(header: str, value: str) -> str | Header:
    """Return a header that arrives as it is: what is not plain, looks encoded, or cannot be folded, is encoded."""
    plain = value.isascii() and "=?" not in value and all(len(word) <= MAX_WORD for word in value.split())
    return Header(value, "us-ascii" if plain else UTF8, header_name=header)


def only(headers: Iterable[str], data: bytes) -> None:
    """Look at the finished mail once more: it has the headers that it was given, and no other."""
    lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    found = [one.partition(b":")[0].decode("ascii", "replace") for one in lines if one[:1] not in {b" ", b"\t"}]
    if list(headers) != found or any(b"\r" in one or b"\n" in one for one in lines):
        message = f"its headers would be {', '.join(map(quote, found))}: something in them is not what it seems"
        raise InvalidValue(message)


def _with_footer(notification: Notification, message: Message) -> tuple[str, str]:
    """Return text and HTML, with the reference and the receipt where they do not name them yet."""
    text, html = message.text, message.html
    said = zip(
        FOOTER.get(message.lang.partition("-")[0], FOOTER["en"]),
        (notification.reference, str(notification.receipt).strip()),
        strict=True,
    )
    lines = [(what, value) for what, value in said if value and value not in text]
    if lines:
        text = "\n".join([text.rstrip("\n"), "", "-- ", *(f"{what}{value}" for what, value in lines), ""])
        if html:
            end = html.lower().rfind("</body>")
            end = len(html) if end < 0 else end
            small = "<br>".join(escape(f"{what}{value}") for what, value in lines)
            html = f"{html[:end]}<hr><p><small>{small}</small></p>{html[end:]}"
    return text, html


def _lines(text: str) -> str:
    """Return *text* with the line ends of mail."""
    if found := re.search("[\ud800-\udfff]", text):
        message = f"text: it holds {quote(found[0])}, which is no character"
        raise InvalidValue(message)
    return re.sub(r"\r\n|\r|\n", "\r\n", text)
