"""
The `mail` channel: sends what is told as mail, by way of an SMTP server. Off until it is configured.

>>> MailChannel(host="mail.example.go.id", sender="agreements@example.go.id")
<MailChannel 'mail': agreements@example.go.id by mail.example.go.id:587, starttls>
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from base64 import b64decode
from collections.abc import Iterable
from contextlib import suppress
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
from pathlib import Path
from quopri import decodestring
from time import monotonic
from typing import Any

from stagegate import InvalidValue, Message, Notification, Undeliverable, hookimpl
from stagegate.exceptions import quote

PORTS = {"starttls": 587, "tls": 465, "plain": 25}
"""How the way to the server is secured, each with its usual port."""
OURS = frozenset({530, 534, 535, 538})
"""Answers about our login, not about the mail: whoever mends the login need not send everything again by hand."""
SHOWN = 200
MAX_REFERENCE = 200
MAX_NAME = 100
MAX_WORD = 70
MAX_TIMEOUT = SESSION = 120
"""How many seconds a mail may take, all in all: less than a worker has it in hand."""
UTF8 = Charset("utf-8")
UTF8.body_encoding = BASE64
FOOTER = {
    "en": ("Reference", "Receipt"),
    "id": ("Nomor rujukan", "Tanda bukti"),
    "ja": ("参照番号", "受領証"),
}

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WORD = re.compile(r"(?==\?([^?\s]*)\?([bq])\?([^?]*))", re.IGNORECASE)
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_AMBIGUOUS = frozenset("\u00df\u03c2\u200c\u200d")
"""What the two standards for names of domains in other scripts read differently."""


class MailChannel:
    """
    Sends each notification of its name to the address in `to`, as one mail with the words of the message.

    A mail that the server refuses for good (5xx) is `Undeliverable`; one that it refuses for now (4xx) is tried again,
    and so is whatever goes wrong on the way to it.
    """

    def __init__(
        self,
        *,
        host: str,
        sender: str,
        port: int | None = None,
        security: str = "starttls",
        cafile: str | None = None,
        user: str | None = None,
        password: str | None = None,
        password_file: str | None = None,
        password_env: str | None = None,
        sender_name: str = "",
        reply_to: str | None = None,
        domain: str | None = None,
        list_id: str | None = None,
        list_name: str = "",
        hello: str | None = None,
        timeout: float = 60,
        name: str = "mail",
    ) -> None:
        """
        Configure the channel; nothing is sent and nobody is asked yet.

        Args:
            host: The SMTP server.

            sender: The address that mails come from.

            port: Its port; by default the usual one: 587 for `starttls`, 465 for `tls`, 25 for `plain`.

            security: `starttls` (plain at first, encrypted before anything is said), `tls`, or `plain`.

            cafile: A file of the authorities to trust instead of those of the system.

            user: Whom to log in as; nobody logs in without it.

            password: The password, where the application has it from a vault of its own.

            password_file: Or the file it is in.

            password_env: Or the environment variable it is in.

            sender_name: The name beside the sender's address.

            reply_to: Where answers go, if not to the sender.

            domain: The domain in each `Message-ID`; by default that of the sender.

            list_id: What people filter by; by default `stagegate.` and the domain.

            list_name: The name beside it.

            hello: What the server is told that we are called; by default the domain.

            timeout: How many seconds to wait for each answer; all of them together have 120.

            name: The name of the channel, if there are several.

        Raises:
            InvalidValue: If a setting cannot work, naming it.
        """
        self.name = _line(name, "name")
        if security not in PORTS:
            message = f"security: {quote(security)} is none of {', '.join(PORTS)}"
            raise InvalidValue(message)
        self._security = security
        self._host = _domain(host, "host")
        self._port = _number(PORTS[security] if port is None else port, "port", most=65535)
        self._timeout = _number(timeout, "timeout", most=MAX_TIMEOUT)
        self._sender = _address(sender, "sender")
        self._domain = self._sender.rpartition("@")[2] if domain is None else _domain(domain, "domain")
        self._hello = self._domain if hello is None else _domain(hello, "hello")
        listed = f"stagegate.{self._domain}" if list_id is None else _domain(list_id, "list_id")
        self._fixed = {
            "From": _named(_name(sender_name, "sender_name"), self._sender),
            "Reply-To": None if reply_to is None else _address(reply_to, "reply_to"),
            "List-Id": _named(_name(list_name, "list_name"), listed, always=True),
            "Auto-Submitted": "auto-generated",
        }
        self._context = None if security == "plain" else _context(cafile)
        self._login = _login(user, password, password_file, password_env)
        if self._login and security == "plain":
            message = "security: over a plain connection anybody reads the password; use starttls or tls"
            raise InvalidValue(message)

    def __repr__(self) -> str:
        """Say which channel it is, and nothing secret."""
        return f"<MailChannel {self.name!r}: {self._sender} by {self._host}:{self._port}, {self._security}>"

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool | None:
        """Send one mail to one address, or say why not."""
        if notification.channel != self.name:
            return None
        try:
            to = _address(notification.to, "to")
            mail = self._composed(notification, message, to)
        except InvalidValue as error:
            raise Undeliverable(str(error)) from None
        try:
            self._send(to, mail)
        except smtplib.SMTPRecipientsRefused as refused:
            raise self._refusal(*refused.recipients[to]) from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as refused:
            raise self._refusal(refused.smtp_code, refused.smtp_error) from None
        except smtplib.SMTPAuthenticationError as refused:
            # What the server says of a login may hold the login.
            raise ConnectionError(f"{self._host} refuses the login ({refused.smtp_code})") from None
        except smtplib.SMTPResponseException as refused:
            raise ConnectionError(f"{self._host} answered {refused.smtp_code} {_shown(refused.smtp_error)}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise ConnectionError(f"{self._host}:{self._port}: {type(error).__name__}: {_shown(error)}") from None
        return True

    def _composed(self, notification: Notification, message: Message, to: str) -> bytes:
        """Return the whole mail, every header of which has been looked at before `email` sees it."""
        text, html = _with_footer(notification, message)
        mail: Mime = MIMEText(_lines(text), "plain", UTF8)  # type: ignore[arg-type]  # a Charset is one
        if html:
            both = MIMEMultipart("alternative")
            both.attach(mail)
            both.attach(MIMEText(_lines(html), "html", UTF8))  # type: ignore[arg-type]
            mail = both
        headers = {
            **self._fixed,
            "To": to,
            "Subject": _line(message.subject, "subject"),
            "Date": format_datetime(datetime.now(UTC)),
            "Message-ID": f"<{_id(notification.id)}@{self._domain}>",
            "Content-Language": _id(message.lang),
            "Stagegate-Kind": notification.kind,
            "Stagegate-Reference": _line(notification.reference, "reference")[:MAX_REFERENCE],
            "Stagegate-Receipt": _line(str(notification.receipt), "receipt").strip(),
        }
        for header, value in headers.items():
            if value:
                written: Any = value if header in self._fixed else _header(header, value)
                mail[header] = written
        data = mail.as_bytes(policy=compat32.clone(linesep="\r\n"))
        _only(mail.keys(), data)
        return data

    def _send(self, to: str, mail: bytes) -> None:
        about: dict[str, Any] = {"timeout": self._timeout, "local_hostname": self._hello}
        if self._security == "tls":
            smtp: smtplib.SMTP = _TimedTLS(self._host, self._port, context=self._context, **about)
        else:
            smtp = _Timed(self._host, self._port, **about)
        try:
            if self._security == "starttls":
                smtp.starttls(context=self._context)
            if self._login:
                smtp.login(*self._login)
            smtp.sendmail(self._sender, [to], mail)
            # It is accepted; what goes wrong now must not have it sent again.
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        finally:
            smtp.close()

    def _refusal(self, code: int, said: bytes | str) -> Exception:
        sentence = f"{self._host} answered {code} {_shown(said)}"
        final = 500 <= code < 600 and code not in OURS  # noqa: PLR2004  what SMTP calls permanent
        return Undeliverable(sentence) if final else ConnectionError(sentence)


class _Timed(smtplib.SMTP):
    """A client that waits for no answer longer than it is told, and for all of them together till a deadline."""

    def __init__(self, *about: Any, **more: Any) -> None:
        self._deadline = monotonic() + SESSION
        super().__init__(*about, **more)

    def send(self, s: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(_left(self._deadline))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        # It is None at first, and again when the connection has been encrypted.
        if self.file is None:
            self.file = _Answers(self.sock, self.timeout, self._deadline)
        return super().getreply()


class _TimedTLS(_Timed, smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""


class _Answers:
    """The lines that a server says, as a file has them: a line that comes byte by byte has no more time than another."""

    def __init__(self, connection: Any, timeout: float, deadline: float) -> None:
        self._connection, self._timeout, self._deadline = connection, timeout, deadline
        self._heard = b""

    def readline(self, most: int) -> bytes:
        until = min(monotonic() + self._timeout, self._deadline)
        while b"\n" not in self._heard and len(self._heard) < most:
            self._connection.settimeout(_left(until))
            piece = self._connection.recv(4096)
            if not piece:
                break
            self._heard += piece
        end = min(self._heard.find(b"\n") + 1 or len(self._heard), most)
        line, self._heard = self._heard[:end], self._heard[end:]
        return line

    def close(self) -> None:
        """Do nothing: the connection is closed by whoever opened it."""


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        message = "it took too long"
        raise TimeoutError(message)
    return left


configured = MailChannel
"""What `plugins=[{"plugin": "mail", …}]` calls with the settings."""


def _shown(said: object) -> str:
    """Return what a server said, as an error can hold it: short, in one line, without control characters."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:SHOWN])


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        message = f"{where}: a text is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


def _number(value: object, where: str, *, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value <= most:
        message = f"{where}: a number from 1 to {most} is needed, not {quote(value)}"
        raise InvalidValue(message)
    return int(value)


def _line(value: object, where: str) -> str:
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


def _name(value: object, where: str) -> str:
    name = _line(value, where)
    if "=?" in name or len(name) > MAX_NAME:
        message = f"{where}: a name of at most {MAX_NAME} characters without '=?' is needed, not {quote(value)}"
        raise InvalidValue(message)
    return name


def _id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", value):
        message = f"{quote(value)} cannot stand in the header of a mail"
        raise InvalidValue(message)
    return value


def _address(value: object, where: str) -> str:
    """Return *value* if it is one plain address and nothing beside it; its domain in ASCII."""
    local, at, domain = _text(value, where).rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local) > 64 or "=?" in local:  # noqa: PLR2004  RFC 5321, 4.5.3.1.1
        message = f"{where}: {quote(value)} is no plain address such as council@example.org"
        raise InvalidValue(message)
    host = _domain(domain, where)
    if host.rpartition(".")[2].isdigit():
        message = f"{where}: {quote(value)} names no domain but a number"
        raise InvalidValue(message)
    return f"{local}@{host}"


def _domain(value: object, where: str) -> str:
    """Return *value* if it is the name of a host, in ASCII whatever its script."""
    given = _text(value, where).lower()
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


def _named(name: str, what: str, *, always: bool = False) -> str:
    """Return *what* with a name before it, as `From` and `List-Id` have it."""
    if not name:
        return f"<{what}>" if always else what
    shown = f'"{backslash(name)}"' if name.isascii() else " ".join(Header(name, UTF8).encode().split())
    return f"{shown} <{what}>"


def _header(header: str, value: str) -> str | Header:
    """Return a header that arrives as it is: what is not plain, looks encoded, or cannot be folded, is encoded."""
    plain = value.isascii() and "=?" not in value and all(len(word) <= MAX_WORD for word in value.split())
    return Header(value, "us-ascii" if plain else UTF8, header_name=header)


def _only(headers: Iterable[str], data: bytes) -> None:
    """Look at the finished mail once more: it has the headers that it was given, and no other."""
    lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    found = [line.partition(b":")[0].decode("ascii", "replace") for line in lines if line[:1] not in {b" ", b"\t"}]
    if list(headers) != found or any(b"\r" in line or b"\n" in line for line in lines):
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
        text = "\n".join([text.rstrip("\n"), "", "-- ", *(f"{what}: {value}" for what, value in lines), ""])
        if html:
            end = html.lower().rfind("</body>")
            end = len(html) if end < 0 else end
            small = "<br>".join(escape(f"{what}: {value}") for what, value in lines)
            html = f"{html[:end]}<hr><p><small>{small}</small></p>{html[end:]}"
    return text, html


def _lines(text: str) -> str:
    """Return *text* with the line ends of mail."""
    if found := re.search("[\ud800-\udfff]", text):
        message = f"text: it holds {quote(found[0])}, which is no character"
        raise InvalidValue(message)
    return re.sub(r"\r\n|\r|\n", "\r\n", text)


def _context(cafile: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if cafile is None else _text(cafile, "cafile"))
    except OSError as error:
        message = f"cafile: {quote(cafile)} cannot be read: {type(error).__name__}: {error}"
        raise InvalidValue(message) from None


def _login(user: object, password: object, file: object, variable: object) -> tuple[str, str] | None:
    """Return user and password, from the one place that is named."""
    places = {"password": password, "password_file": file, "password_env": variable}
    named = [place for place, value in places.items() if value is not None]
    if user is None and not named:
        return None
    if user is None or len(named) != 1:
        message = "user: a login needs the user and one of password, password_file and password_env"
        raise InvalidValue(message)
    (place,) = named
    secret = password if place == "password" else _kept(_text(places[place], place), place)
    if not isinstance(secret, str) or not secret or not secret.isascii() or _CONTROL.search(secret):
        message = f"{place}: a password of printable ASCII characters is needed, and this is none"
        raise InvalidValue(message)
    return _line(_text(user, "user"), "user"), secret


def _kept(where: str, place: str) -> str:
    """Return what is in the file, or in the environment variable, of this name."""
    try:
        if place.endswith("_file"):
            return Path(where).read_text(encoding="utf-8").rstrip("\r\n")
        return os.environ[where]
    except (OSError, KeyError, ValueError) as error:
        message = f"{place}: {quote(where)} cannot be read: {type(error).__name__}"
        raise InvalidValue(message) from None
