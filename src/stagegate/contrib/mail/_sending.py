"""The way to the server: one connection for one mail, with so much time and no more."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import ExitStack, suppress
from math import ceil
from time import monotonic
from typing import Any

import attrs

from stagegate import Undeliverable

SESSION = 120
"""How many seconds a mail may take, all in all: less than a worker has it in hand."""
OURS = frozenset({530, 534, 535, 538})
"""Answers about our login, not about the mail: whoever mends the login need not send everything again by hand."""
SHOWN = 200
PAUSE = 30
"""For how many seconds a server is left alone that has kept a mail waiting: others need not wait for it one by one."""


@attrs.define(kw_only=True, repr=False)
class Server:
    """
    A mail server, and how it is talked to.

    Attributes:
        host: Its name.

        port: Its port.

        security: `starttls`, `tls` or `plain`.

        context: Whom to trust; None where nothing is encrypted.

        login: User and password; None where nobody logs in.

        hello: What it is told that we are called.

        timeout: How many seconds it has for each answer.
    """

    host: str
    port: int
    security: str
    context: ssl.SSLContext | None
    login: tuple[str, str] | None
    hello: str
    timeout: int
    _paused_until: float = attrs.field(default=0.0, init=False)

    def __repr__(self) -> str:
        """Say which it is, and nothing secret."""
        return f"{self.host}:{self.port}, {self.security}"

    def send(self, mail: bytes, *, sender: str, to: str) -> None:
        """
        Send one mail to one address.

        Raises:
            Undeliverable: If the server refuses it for good.

            ConnectionError: If it refuses it for now, or something goes wrong on the way.
        """
        try:
            self._send(mail, sender, to)
        except smtplib.SMTPRecipientsRefused as refused:
            raise self._refusal(*refused.recipients[to]) from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as refused:
            raise self._refusal(refused.smtp_code, refused.smtp_error) from None
        except smtplib.SMTPAuthenticationError as refused:
            # What the server says of a login may hold the login.
            raise ConnectionError(f"{self.host} refuses the login ({refused.smtp_code})") from None
        except smtplib.SMTPResponseException as refused:
            raise ConnectionError(f"{self.host} answered {refused.smtp_code} {_shown(refused.smtp_error)}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise ConnectionError(f"{self.host}:{self.port}: {type(error).__name__}: {_shown(error)}") from None

    def _send(self, mail: bytes, sender: str, to: str) -> None:
        left = self._paused_until - monotonic()
        if left > 0:
            message = f"it has just kept a mail waiting, and is asked again in {ceil(left)} s"
            raise TimeoutError(message)
        with ExitStack() as closing:
            smtp = self._ready(closing)
            smtp.sendmail(sender, [to], mail)
            # It is accepted; what goes wrong now must not have it sent again.
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()

    def _ready(self, closing: ExitStack) -> smtplib.SMTP:
        """Return a connection over which a mail can be sent; nothing of it has been about any mail yet."""
        about: dict[str, Any] = {"timeout": self.timeout, "local_hostname": self.hello}
        begun = monotonic()
        try:
            if self.security == "tls":
                smtp: smtplib.SMTP = _TimedTLS(self.host, self.port, context=self.context, **about)
            else:
                smtp = _Timed(self.host, self.port, **about)
            closing.callback(smtp.close)
            if self.security == "starttls":
                smtp.starttls(context=self.context)
            if self.login:
                smtp.login(*self.login)
        except OSError:
            if monotonic() - begun >= self.timeout:
                self._paused_until = monotonic() + PAUSE
            raise
        return smtp

    def _refusal(self, code: int, said: bytes | str) -> Exception:
        sentence = f"{self.host} answered {code} {_shown(said)}"
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
    """The lines that a server says, as a file has them; one that comes byte by byte has no more time than another."""

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


def _shown(said: object) -> str:
    """Return what a server said, as an error can hold it: short, in one line, without control characters."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:SHOWN])
