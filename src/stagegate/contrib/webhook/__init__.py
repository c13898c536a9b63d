"""
The `webhook` channel: posts what is told, signed, to receivers that were listed. Off until it is configured.

Each request is signed as Standard Webhooks has it, and holds a CloudEvent. It goes to a listed host only, over one
connection to one address that was looked up once and looked at; no redirect is followed, no proxy asked.

>>> WebhookChannel(hosts=["hooks.example.go.id"], secret="whsec_c3RhZ2VnYXRlIGV4YW1wbGUgc2VjcmV0ICE=")
<WebhookChannel 'webhook': https://hooks.example.go.id>
"""

from __future__ import annotations

import json
import os
import socket
import ssl
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from stagegate import InvalidValue, Message, Notification, Undeliverable, hookimpl
from stagegate.exceptions import quote

try:
    from standardwebhooks import Webhook

    from ._posting import TROUBLE, post
except ModuleNotFoundError as error:
    missing = f"the channel webhook needs the package {error.name}; install stagegate with its extra [webhook]"
    raise ImportError(missing) from error

from ._places import Place, literal, network, reachable, read

MAX_BODY = 20_000
"""How many bytes a request may have: what those who sign webhooks agree on as small."""
MAX_TIMEOUT = 120
SHOWN = 200
GONE = 410


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of *host*, as the system knows them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class WebhookChannel:
    """
    Posts each notification of its name to the url in `to`, if its host is listed.

    An answer of 2xx is a success. Any other is tried again, as receivers are out of order for all kinds of reasons and
    with all kinds of answers; but one that is gone (410) is `Undeliverable`, and nothing more is sent there.
    """

    def __init__(
        self,
        *,
        hosts: Iterable[str],
        secret: str | Iterable[str] = (),
        secret_file: str | Iterable[str] = (),
        secret_env: str | Iterable[str] = (),
        source: str = "urn:stagegate",
        allow_networks: Iterable[str] = (),
        cafile: str | None = None,
        timeout: float = 15,
        name: str = "webhook",
        resolve: Callable[[str, int], Iterable[str]] = resolve,
    ) -> None:
        """
        Configure the channel; nothing is sent and nobody is asked yet.

        Args:
            hosts: The hosts that may be posted to: `hooks.example.org`, `hooks.example.org:8443` for another port than
                the usual one, `http://hooks.example.org` for one that has no TLS.

            secret: What requests are signed with, as Standard Webhooks writes it: `whsec_…`. Several, while one takes
                the place of another.

            secret_file: Or the file it is in.

            secret_env: Or the environment variable it is in.

            source: What the events say they come from: a URI of this installation.

            allow_networks: Networks that may be reached although they are private, such as `10.1.0.0/16`.

            cafile: A file of the authorities to trust instead of those of the system.

            timeout: How many seconds a request may take, all in all.

            name: The name of the channel, if there are several: each receiver has a secret of its own.

            resolve: What looks up the addresses of a host.

        Raises:
            InvalidValue: If a setting cannot work, naming it.
        """
        self.name = _text(name, "name")
        self._source = _text(source, "source")
        self._allowed = tuple(network(value) for value in _several(allow_networks, "allow_networks"))
        self._places = frozenset(map(self._listed, _several(hosts, "hosts")))
        if not self._places:
            message = "hosts: name the hosts that may be posted to, such as hooks.example.org; nothing else is"
            raise InvalidValue(message)
        secrets = [
            *((text, "secret") for text in _several(secret, "secret")),
            *((_kept(file, "secret_file"), "secret_file") for file in _several(secret_file, "secret_file")),
            *((_kept(variable, "secret_env"), "secret_env") for variable in _several(secret_env, "secret_env")),
        ]
        if not secrets:
            message = "secret: a request is signed; give secret, secret_file or secret_env"
            raise InvalidValue(message)
        self._signers = tuple(_signer(text, place) for text, place in secrets)
        self._context = _context(cafile)
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 1 <= timeout <= MAX_TIMEOUT:
            message = f"timeout: a number of seconds from 1 to {MAX_TIMEOUT} is needed, not {quote(timeout)}"
            raise InvalidValue(message)
        self._timeout = float(timeout)
        self._resolve = resolve

    def __repr__(self) -> str:
        """Say which channel it is, and nothing secret."""
        return f"<WebhookChannel {self.name!r}: {', '.join(sorted(map(str, self._places)))}>"

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool | None:
        """Post one request to one url, or say why not."""
        if notification.channel != self.name:
            return None
        try:
            place, target = read(notification.to, "to")
            if place not in self._places:
                raise InvalidValue(f"to: {quote(str(place))} is not among the hosts of this channel")
        except InvalidValue as error:
            raise Undeliverable(str(error)) from None
        body = self._envelope(notification, message)
        if len(body) >= MAX_BODY:
            raise Undeliverable(f"the request would have {len(body):,} bytes; it must have less than {MAX_BODY:,}")
        addresses = self._addresses(place)
        headers = {"host": str(place).partition("://")[2], **self._signed(notification.id, body)}
        try:
            status, said = post(
                place,
                target,
                headers=headers,
                body=body,
                addresses=addresses,
                context=self._context,
                timeout=self._timeout,
            )
        except (*TROUBLE, OSError) as error:
            raise ConnectionError(f"{place}: {type(error).__name__}: {_shown(str(error))}") from None
        if 200 <= status < 300:  # noqa: PLR2004  what HTTP calls a success
            return True
        sentence = f"{place} answered {status}" + (f": {_shown(said)}" if said else "")
        if status == GONE:
            raise Undeliverable(sentence, gone=True)
        raise ConnectionError(sentence)

    def _listed(self, entry: str) -> Place:
        """Return what an entry of the list allows."""
        place, target = read(entry if "://" in entry else f"https://{entry}", "hosts")
        if target:
            message = f"hosts: {quote(entry)} is more than a host; list it without a path"
            raise InvalidValue(message)
        if (number := literal(place.host)) and not reachable(number, self._allowed):
            message = f"hosts: {quote(entry)} is a private or reserved address; name its network in allow_networks"
            raise InvalidValue(message)
        return place

    def _addresses(self, place: Place) -> list[str]:
        """
        Return the addresses of a host, looked up this once, if all of them may be reached.

        Where a host leads both inside and outside, somebody may be playing with its name.
        """
        number = literal(place.host)
        try:
            found = [place.host] if number else list(dict.fromkeys(self._resolve(place.host, place.port)))
        except (OSError, UnicodeError) as error:
            raise ConnectionError(f"{place}: its address cannot be found: {_shown(str(error))}") from None
        numbers = [literal(address) for address in found]
        if not found or not all(number is not None and reachable(number, self._allowed) for number in numbers):
            message = f"{place}: it leads to {_shown(', '.join(found)) or 'nowhere'}, a private or reserved address"
            raise ConnectionError(message)
        return found

    def _envelope(self, notification: Notification, message: Message) -> bytes:
        """Return the CloudEvent, which holds what is told and what proves it."""
        receipt = notification.receipt
        event = {
            "specversion": "1.0",
            "id": notification.id,
            "source": self._source,
            "type": f"stagegate.{notification.kind}",
            "subject": notification.agreement,
            "datacontenttype": "application/json",
            "data": {
                "kind": notification.kind,
                "context": notification.context,
                "reference": notification.reference,
                "receipt": {"agreement": receipt.agreement, "n": receipt.n, "hash": receipt.hash},
                "lang": message.lang,
                "subject": message.subject,
                "text": message.text,
            },
        }
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def _signed(self, id: str, body: bytes) -> dict[str, str]:
        """Return the headers of a request that is made now."""
        now = datetime.now(UTC)
        return {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "stagegate",
            "webhook-id": id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(id, now, body.decode()) for signer in self._signers),
        }


configured = WebhookChannel
"""What `plugins=[{"plugin": "webhook", …}]` calls with the settings."""


def _several(value: object, where: str) -> list[str]:
    """Return one text, or several, as a list."""
    several = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    return [_text(item, where) for item in several]


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        message = (
            f"{where}: a printable text is needed, not {type(value).__name__ if where == 'secret' else quote(value)}"
        )
        raise InvalidValue(message)
    return value


def _signer(secret: str, place: str) -> Webhook:
    """Return what signs with a secret, if it is one: base64 of 24 to 64 bytes."""
    coded = secret.removeprefix("whsec_")
    try:
        size = len(b64decode(coded + "=" * (-len(coded) % 4), validate=True))
    except (NotBase64, ValueError):
        size = 0
    if not 24 <= size <= 64:  # noqa: PLR2004  what Standard Webhooks asks for
        message = f"{place}: a secret is whsec_ and the base64 of 24 to 64 random bytes, and this is not"
        raise InvalidValue(message)
    return Webhook(secret)


def _kept(where: str, place: str) -> str:
    """Return what is in the file, or in the environment variable, of this name."""
    try:
        if place.endswith("_file"):
            return Path(where).read_text(encoding="utf-8").strip()
        return os.environ[where]
    except (OSError, KeyError, ValueError) as error:
        message = f"{place}: {quote(where)} cannot be read: {type(error).__name__}"
        raise InvalidValue(message) from None


def _context(cafile: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if cafile is None else _text(cafile, "cafile"))
    except OSError as error:
        message = f"cafile: {quote(cafile)} cannot be read: {type(error).__name__}: {error}"
        raise InvalidValue(message) from None


def _shown(said: bytes | str) -> str:
    """Return what was said, as an error can hold it: short, in one line, without control characters."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:SHOWN])


__all__ = ["WebhookChannel", "configured", "resolve"]
