"""Where a request can go: urls that are written plainly, and addresses that lead outside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeAlias

from stagegate import InvalidValue
from stagegate.exceptions import quote

MAX_URL = 2048
PORTS = {"https": 443, "http": 80}
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
Network: TypeAlias = IPv4Network | IPv6Network

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


def read(url: object, where: str) -> tuple[Place, str]:
    """Return where a url leads, and the rest of it; or say that it is not written plainly."""
    if not isinstance(url, str) or len(url) > MAX_URL or not (found := _URL.fullmatch(url)):
        message = f"{where}: {quote(url)} is no plain url such as https://hooks.example.org/agreements"
        raise InvalidValue(message)
    scheme, host = found["scheme"], found["host"].lower()
    port = int(found["port"] or PORTS[scheme])
    name = host.strip("[]")
    # Whatever ends in a number is an address to some reader, in one of many ways to write it; here in one way only.
    numeric = host.startswith("[") or re.fullmatch(r"0x[0-9a-f]*|[0-9]+", name.rpartition(".")[2])
    number = literal(name)
    plain = (number is not None and str(number) == name) if numeric else _HOST.fullmatch(name) and len(name) <= 253  # noqa: PLR2004
    if not plain or port > 65535:  # noqa: PLR2004  the last port there is
        message = f"{where}: {quote(url)} has no plainly written host"
        raise InvalidValue(message)
    return Place(scheme, name, port), found["target"]


def literal(host: str) -> Address | None:
    """Return the address that *host* is, if it is one."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def network(value: str) -> Network:
    """Return the network that *value* names."""
    try:
        return ip_network(value)
    except ValueError as error:
        message = f"allow_networks: {quote(value)} is no network such as 10.1.0.0/16: {error}"
        raise InvalidValue(message) from None


def reachable(address: Address, allowed: Iterable[Network]) -> bool:
    """Tell whether an address leads outside, or into a network that is allowed."""
    if any(address in network for network in allowed):
        return True
    outside = isinstance(address, IPv4Address) or (address in GLOBAL6 and address.scope_id is None)
    return outside and not any(address in network for network in RESERVED)
