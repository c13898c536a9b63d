"""
The `mail` channel: sends what is told as mail, by way of an SMTP server. Off until it is configured.

>>> MailChannel(host="mail.example.go.id", sender="agreements@example.go.id")
<MailChannel 'mail': agreements@example.go.id by mail.example.go.id:587, starttls>
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from stagegate import InvalidValue, Message, Notification, Undeliverable, hookimpl
from stagegate.exceptions import quote

from ._checks import address, domain_of, line, name_of, text
from ._sending import SESSION, Server
from ._writing import named, written

PORTS = {"starttls": 587, "tls": 465, "plain": 25}
"""How the way to the server is secured, each with its usual port."""


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
        self.name = line(name, "name")
        if security not in PORTS:
            message = f"security: {quote(security)} is none of {', '.join(PORTS)}"
            raise InvalidValue(message)
        self._sender = address(sender, "sender")
        self._domain = self._sender.rpartition("@")[2] if domain is None else domain_of(domain, "domain")
        listed = f"stagegate.{self._domain}" if list_id is None else domain_of(list_id, "list_id")
        self._fixed = {
            "From": named(name_of(sender_name, "sender_name"), self._sender),
            "Reply-To": None if reply_to is None else address(reply_to, "reply_to"),
            "List-Id": named(name_of(list_name, "list_name"), listed, always=True),
            "Auto-Submitted": "auto-generated",
        }
        self._server = Server(
            host=domain_of(host, "host"),
            port=_number(PORTS[security] if port is None else port, "port", most=65535),
            security=security,
            context=None if security == "plain" else _context(cafile),
            login=_login(user, password, password_file, password_env),
            hello=self._domain if hello is None else domain_of(hello, "hello"),
            timeout=_number(timeout, "timeout", most=SESSION),
        )
        if self._server.login and security == "plain":
            message = "security: over a plain connection anybody reads the password; use starttls or tls"
            raise InvalidValue(message)

    def __repr__(self) -> str:
        """Say which channel it is, and nothing secret."""
        return f"<MailChannel {self.name!r}: {self._sender} by {self._server!r}>"

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool | None:
        """Send one mail to one address, or say why not."""
        if notification.channel != self.name:
            return None
        try:
            to = address(notification.to, "to")
            mail = written(notification, message, to=to, domain=self._domain, fixed=self._fixed)
        except InvalidValue as error:
            raise Undeliverable(str(error)) from None
        self._server.send(mail, sender=self._sender, to=to)
        return True


configured = MailChannel
"""What `plugins=[{"plugin": "mail", …}]` calls with the settings."""


def _number(value: object, where: str, *, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value <= most:
        message = f"{where}: a number from 1 to {most} is needed, not {quote(value)}"
        raise InvalidValue(message)
    return int(value)


def _context(cafile: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if cafile is None else text(cafile, "cafile"))
    except OSError as error:
        message = f"cafile: {quote(cafile)} cannot be read: {type(error).__name__}: {error}"
        raise InvalidValue(message) from None


def _login(user: object, password: object, file: object, variable: object) -> tuple[str, str] | None:
    """Return user and password, from the one place that is named."""
    places = {"password": password, "password_file": file, "password_env": variable}
    given = [place for place, value in places.items() if value is not None]
    if user is None and not given:
        return None
    if user is None or len(given) != 1:
        message = "user: a login needs the user and one of password, password_file and password_env"
        raise InvalidValue(message)
    (place,) = given
    secret = password if place == "password" else _kept(text(places[place], place), place)
    if not isinstance(secret, str) or not secret or not secret.isascii() or not secret.isprintable():
        message = f"{place}: a password of printable ASCII characters is needed, and this is none"
        raise InvalidValue(message)
    if not line(text(user, "user"), "user").isascii():
        message = f"user: {quote(user)} is not ASCII, as logins of SMTP are"
        raise InvalidValue(message)
    return str(user), secret


def _kept(where: str, place: str) -> str:
    """Return what is in the file, or in the environment variable, of this name."""
    try:
        if place.endswith("_file"):
            return Path(where).read_text(encoding="utf-8").rstrip("\r\n")
        return os.environ[where]
    except (OSError, KeyError, ValueError) as error:
        message = f"{place}: {quote(where)} cannot be read: {type(error).__name__}"
        raise InvalidValue(message) from None


__all__ = ["MailChannel", "configured"]
