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
import re
import socket
import ssl
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, TypeAlias

try:
    import httpcore2
    from standardwebhooks import Webhook
except ModuleNotFoundError as error:
    missing = f"the channel webhook needs the package {error.name}; install stagegate with its extra [webhook]"
    raise ImportError(missing) from error

from stagegate import InvalidValue, Message, Notification, Undeliverable, hookimpl
from stagegate.exceptions import quote

MAX_BODY = 20_000
"""How many bytes a request may have: what those who sign webhooks agree on as small."""
MAX_ANSWER = 512
"""How much of an answer is read, and only where it is a refusal."""
MAX_URL = 2048
MAX_TIMEOUT = 120
SHOWN = 200
PORTS = {"https": 443, "http": 80}
GONE = 410
GLOBAL6 = IPv6Network("2000::/3")
RESERVED = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "2620:4f:8000::/48",
            "3fff::/20",
        ),
    )
)
"""Networks that lead inside, nowhere, to many, or by a translator anywhere. Of IPv6 only `GLOBAL6` leads outside."""

Address: TypeAlias = IPv4Address | IPv6Address

_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<target>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)"
)


class Place(NamedTuple):
    """Where a request can go: the part of a url that is listed."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """Write it as in a url."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")


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
        self._allowed = tuple(_network(network) for network in _several(allow_networks, "allow_networks"))
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
            place, target = _read(notification.to, "to")
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
            status, said = self._post(place, target, headers, body, addresses)
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
        place, target = _read(entry if "://" in entry else f"https://{entry}", "hosts")
        if target:
            message = f"hosts: {quote(entry)} is more than a host; list it without a path"
            raise InvalidValue(message)
        if (number := _literal(place.host)) and not self._reachable(number):
            message = f"hosts: {quote(entry)} is a private or reserved address; name its network in allow_networks"
            raise InvalidValue(message)
        return place

    def _reachable(self, address: Address) -> bool:
        if any(address in network for network in self._allowed):
            return True
        outside = isinstance(address, IPv4Address) or (address in GLOBAL6 and address.scope_id is None)
        return outside and not any(address in network for network in RESERVED)

    def _addresses(self, place: Place) -> list[str]:
        """
        Return the addresses of a host, looked up this once, if all of them may be reached.

        Where a host leads both inside and outside, somebody may be playing with its name.
        """
        number = _literal(place.host)
        try:
            found = [place.host] if number else list(dict.fromkeys(self._resolve(place.host, place.port)))
        except (OSError, UnicodeError) as error:
            raise ConnectionError(f"{place}: its address cannot be found: {_shown(str(error))}") from None
        numbers = [_literal(address) for address in found]
        if not found or not all(number is not None and self._reachable(number) for number in numbers):
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

    def _post(
        self, place: Place, target: str, headers: dict[str, str], body: bytes, addresses: Sequence[str]
    ) -> tuple[int, bytes]:
        """Return the status of the answer, and the beginning of what a refusal says."""
        url = httpcore2.URL(scheme=place.scheme, host=place.host, port=place.port, target=target or "/")
        network = _Pinned(addresses, monotonic() + self._timeout)
        with (
            # One connection for one request: a name that is moved is looked up anew, and nobody shares a way.
            httpcore2.ConnectionPool(self._context, max_keepalive_connections=0, network_backend=network) as pool,
            pool.stream("POST", url, headers=[*headers.items()], content=body) as answer,
        ):
            said = b""
            if not 200 <= answer.status < 300:  # noqa: PLR2004  what HTTP calls a success
                for piece in answer.iter_stream():
                    said += piece
                    if len(said) >= MAX_ANSWER:
                        break
            return answer.status, said[:MAX_ANSWER]


configured = WebhookChannel
"""What `plugins=[{"plugin": "webhook", …}]` calls with the settings."""

TROUBLE = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError)


class _Pinned(httpcore2.NetworkBackend):
    """Connects to the addresses it was given, whatever the name, and lets nobody take longer than till a deadline."""

    def __init__(self, addresses: Sequence[str], deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._backend = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002  it was looked up already
        port: int,
        timeout: float | None = None,  # noqa: ARG002  the deadline counts
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers, each having its share of the time that is left."""
        others = len(self._addresses)
        while True:
            address, share = self._addresses[-others], _left(self._deadline) / others
            others -= 1
            try:
                stream = self._backend.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if not others:
                    raise
            else:
                return _Timed(stream, self._deadline)


class _Timed(httpcore2.NetworkStream):
    """A connection whose every step has until one deadline: not each of them so long, but all together."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  the deadline counts
        """Read what is there."""
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  the deadline counts
        """Write all of it."""
        self._stream.write(buffer, _left(self._deadline))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  the deadline counts
    ) -> httpcore2.NetworkStream:
        """Go on encrypted, with whoever proves to be the host of the url."""
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """Answer what is asked about it."""
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("it took too long")
    return left


def _read(url: object, where: str) -> tuple[Place, str]:
    """Return where a url leads, and the rest of it; or say that it is not written plainly."""
    if not isinstance(url, str) or len(url) > MAX_URL or not (found := _URL.fullmatch(url)):
        message = f"{where}: {quote(url)} is no plain url such as https://hooks.example.org/agreements"
        raise InvalidValue(message)
    scheme, host = found["scheme"], found["host"].lower()
    port = int(found["port"] or PORTS[scheme])
    name = host.strip("[]")
    # Whatever ends in a number is an address to some reader, in one of many ways to write it; here in one way only.
    numeric = host.startswith("[") or re.fullmatch(r"0x[0-9a-f]*|[0-9]+", name.rpartition(".")[2])
    number = _literal(name)
    plain = (number is not None and str(number) == name) if numeric else _HOST.fullmatch(name) and len(name) <= 253  # noqa: PLR2004
    if not plain or port > 65535:  # noqa: PLR2004  the last port there is
        message = f"{where}: {quote(url)} has no plainly written host"
        raise InvalidValue(message)
    return Place(scheme, name, port), found["target"]


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _network(value: str) -> Any:
    try:
        return ip_network(value)
    except ValueError as error:
        message = f"allow_networks: {quote(value)} is no network such as 10.1.0.0/16: {error}"
        raise InvalidValue(message) from None


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
