"""
Channels: random urls, addresses and words, made to lead elsewhere, against real receivers on loopback.

- Urls are put together of the pieces that attacks are made of, or are plain ones with something put in. Whatever they
  are, the channel `webhook` looks up and calls the listed host only, and what arrives is what the url says plainly.
- Names lead to random addresses. None is called that leads inside, or wraps one that does.
- Subjects, recipients and references are put together of ends of lines, headers, encoded words and commands. A mail
  that arrives has one recipient, the headers it always has, and the subject it was given.

Every connection of the process is written down. A twin is the same with something broken on purpose, which the harness
must catch.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random
from typing import Any
from urllib.parse import urlsplit

from receivers import Guard, Hooks, Mail, PostOffice, Witness

from stagegate import InvalidValue, Message, Notification, Undeliverable
from stagegate.contrib import webhook as webhook_room
from stagegate.contrib.mail import MailChannel
from stagegate.contrib.mail import _writing as writing
from stagegate.contrib.webhook import WebhookChannel
from stagegate.contrib.webhook import _places as places
from stagegate.contrib.webhook._places import Place
from stagegate.testing import make_notification

SECRET = "whsec_c3RhZ2VnYXRlIGV4YW1wbGUgc2VjcmV0ICE="  # noqa: S105  it opens nothing
SENDER, TO, VICTIM = "agreements@city.example", "council@city.example", "victim@elsewhere.example"
MESSAGE = Message(subject="x", text="x")

SCHEMES = (
    "https://",
    "http://",
    "http:",
    "http:/",
    "http:\\\\",
    "//",
    "",
    "ftp://",
    "file://",
    "HTTP://",
    "http://http://",
)
USERS = (
    "",
    "",
    "",
    "user@",
    "user:password@",
    "hooks.test@",
    "hooks.test:{port}@",
    "hooks.test%40",
    "@",
    "hooks.test\\@",
)
HOSTS = (
    *(
        "hooks.test",
        "hooks.test",
        "hooks.test",
        "HOOKS.test",
        "hooks.test.",
        "hooks.test..",
        ".hooks.test",
        "xhooks.test",
    ),
    *(
        "hooks.test.elsewhere.test",
        "elsewhere.test",
        "hooks\u3002test",
        "hooks\uff0etest",
        "\uff48ooks.test",
        "hoo\u212as.test",
    ),
    *(
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "0",
        "[::]",
    ),
    *(
        "169.254.169.254",
        "hooks.test%00",
        "hooks%2etest",
        "hooks.test\t",
        "hooks.test\n",
        "hooks.test#",
        "hooks.test?",
        "",
    ),
)
PORTS = (
    "",
    ":{port}",
    ":{port}",
    ":{other}",
    ":443",
    ":80",
    ":0{port}",
    ":",
    ":{port}@127.0.0.1:{other}",
    ":99999",
    ":-1",
)
PATHS = (
    "",
    "/",
    "/a",
    "/a?b=c",
    "/@127.0.0.1:{other}/",
    "/\\@127.0.0.1",
    "/ HTTP/1.1\r\nHost: x",
    "/%0d%0aX:1",
    "#@x",
    "?@x",
    "/..",
)
ODD = "\t\n\r\x00 \x0b\u3002\uff0e\u200b\u202e\u00ad\u2028\\/@:#?%[]{}<>^`|;,&=+*'\"~$!()\x7f\x85\u0130\ud7ff\U0001f41d"

BREAKS = (
    "\r\n",
    "\n",
    "\r",
    "\n\n",
    "\r\n ",
    "\n\t",
    "\x00",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    ".\r\n",
)
HEADERS = (
    f"Bcc: {VICTIM}",
    f"To: {VICTIM}",
    "X-Injected: 1",
    "Subject: another",
    "Content-Type: text/html",
    f"RCPT TO:<{VICTIM}>",
)
CHARSETS = ("utf-8", "us-ascii", "iso-8859-1", "utf-7", "utf-16be", "utf-8*en", "unknown")
PLAIN = (
    "Kerja sama",
    "協力 ",
    "=?utf-8?q?x?=",
    "=?",
    "?=",
    ", ",
    ": ",
    '"',
    "<",
    ">",
    "\\",
    "{title}",
    "%s",
    TO,
    VICTIM,
    "@",
    " ",
)
ALWAYS = {
    *("From", "List-Id", "Auto-Submitted", "To", "Subject", "Date", "Message-ID", "Content-Language", "Stagegate-Kind"),
    *("Stagegate-Receipt", "Content-Type", "MIME-Version", "Content-Transfer-Encoding"),
}

Faults = Iterator[str]


def url_of(chance: Random, port: int, other: int) -> str:
    """Return a url that is mostly hostile."""
    if chance.random() < 0.4:
        url = f"http://hooks.test:{port}/agreements?a=b"
        for _ in range(chance.randrange(3)):
            at = chance.randrange(len(url) + 1)
            url = url[:at] + chance.choice(ODD) + url[at + chance.randrange(2) :]
        return url
    parts = (chance.choice(pieces) for pieces in (SCHEMES, USERS, HOSTS, PORTS, PATHS))
    return "".join(parts).replace("{port}", str(port)).replace("{other}", str(other))


def urls(chance: Random, cases: int, hooks: Hooks, witness: Witness, guard: Guard, met: Counter[str]) -> Faults:
    """Try urls, and say what went elsewhere."""
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    listed = [f"http://hooks.test:{hooks.port}"]
    channel = WebhookChannel(hosts=listed, secret=SECRET, allow_networks=["127.0.0.0/8"], resolve=resolve)
    for _ in range(cases):
        url = url_of(chance, hooks.port, witness.port)
        met[f"urls {_tried(channel, make_notification('webhook', to='x').placed(to=url))}"] += 1
        if set(asked) - {"hooks.test"}:
            yield f"{url!r}: {asked} was looked up"
        if set(guard.connections) - {("127.0.0.1", hooks.port)} or set(guard.names) - {"127.0.0.1"} or witness.calls:
            yield f"{url!r}: {guard.connections} was called, {guard.names} looked up"
        for request in hooks.requests:
            path = request.path.lower().lstrip("/")
            if request.headers["host"] != f"hooks.test:{hooks.port}" or not url.lower().endswith(path):
                yield f"{url!r}: {request.path!r} at {request.headers['host']!r} was asked"
        asked.clear()
        guard.clear()
        hooks.requests.clear()


def address_of(chance: Random) -> str:
    """Return an address, mostly one with something special about it."""
    inner = IPv4Address(chance.choice([127 << 24 | 1, 10 << 24, 0xA9FEA9FE, chance.getrandbits(32)]))
    match chance.randrange(9):
        case 0:
            return str(IPv4Address(chance.getrandbits(32)))
        case 1:
            return str(inner)
        case 2:
            return str(IPv6Address(0xFFFF << 32 | int(inner)))
        case 3:
            return str(IPv6Address(chance.choice([0x64FF9B << 96, 0x64FF9B0001 << 80]) | int(inner)))
        case 4:
            return str(IPv6Address(0x2002 << 112 | int(inner) << 80))
        case 5:
            return str(IPv6Address(0x20010000 << 96 | chance.getrandbits(64) << 32 | int(inner) ^ 0xFFFFFFFF))
        case 6:
            return f"{IPv6Address(0xFE80 << 112 | chance.getrandbits(64))}%{chance.choice(['1', 'lo', 'eth0'])}"
        case 7:
            return str(IPv6Address(chance.choice([0, 0xFC, 0xFD, 0xFF, 0x20]) << 120 | chance.getrandbits(120)))
        case _:
            return str(IPv6Address(chance.getrandbits(128)))


def leads_inside(text: str) -> bool:
    """Tell by the standard library whether an address leads inside, or wraps another."""
    address = ip_address(text)
    if not address.is_global or address.is_multicast:
        return True
    if isinstance(address, IPv4Address):
        return False
    wraps = (address.ipv4_mapped, address.sixtofour, address.teredo, address.scope_id, address.is_site_local)
    return any(wraps) or int(address) >> 96 == 0x64FF9B or int(address) >> 80 == 0x64FF9B0001


def addresses(chance: Random, cases: int, guard: Guard, met: Counter[str]) -> Faults:
    """Let a name lead to addresses, and say which would be called that lead inside."""
    found = [""]
    channel = WebhookChannel(hosts=["hooks.test"], secret=SECRET, resolve=lambda *_: found)
    for _ in range(cases):
        found[0] = address_of(chance)
        try:
            channel._addresses(Place("https", "hooks.test", 443))
        except ConnectionError:
            met["addresses refused"] += 1
        else:
            met["addresses taken"] += 1
            if leads_inside(found[0]):
                yield f"{found[0]} would be called"
    if guard.connections:
        yield f"{guard.connections} was called"


def word_of(chance: Random) -> str:
    """Return words that are mostly hostile."""
    words = ""
    for _ in range(chance.randrange(1, 5)):
        match chance.randrange(4):
            case 0:
                words += chance.choice(BREAKS) + chance.choice(HEADERS)
            case 1:
                words += _encoded(chance)
            case _:
                words += chance.choice(PLAIN)
    return words


def _encoded(chance: Random) -> str:
    """Return an encoded word, mostly with the end of a line in it."""
    said = f"a{chance.choice([*BREAKS, ' '])}{chance.choice(HEADERS)}"
    charset = chance.choice(CHARSETS)
    try:
        raw = said.encode(charset.partition("*")[0])
    except (LookupError, UnicodeEncodeError):
        raw = said.encode()
    if chance.random() < 0.5:
        coded = b64encode(raw).decode().rstrip("=" if chance.random() < 0.5 else "")
        return f"=?{charset}?{chance.choice('bB')}?{coded}?="
    return f"=?{charset}?{chance.choice('qQ')}?{''.join(f'={byte:02x}' for byte in raw)}?="


def words(chance: Random, cases: int, office: PostOffice, guard: Guard, met: Counter[str]) -> Faults:
    """Try words, and say what came of them beside the one mail."""
    channel = MailChannel(host="127.0.0.1", port=office.port, sender=SENDER, security="plain")
    for _ in range(cases):
        subject, to, reference = "x", TO, ""
        match chance.randrange(4):
            case 0:
                to = chance.choice([f"{TO}{word_of(chance)}", f"{word_of(chance)}@city.example", word_of(chance)])
            case 1:
                reference = word_of(chance).replace("\0", "")
            case _:
                subject = word_of(chance)
        told = make_notification("mail", to="x", reference=reference).placed(to=to)
        met[f"words {_tried(channel, told, Message(subject=subject, text=word_of(chance)))}"] += 1
        yield from (f"{(subject, to, reference)!r}: {fault}" for fault in _beside(office.mails, subject, to, reference))
        if set(guard.connections) - {("127.0.0.1", office.port)}:
            yield f"{(subject, to, reference)!r}: {guard.connections} was called"
        office.mails.clear()
        guard.clear()


def _beside(mails: list[Mail], subject: str, to: str, reference: str) -> Faults:
    """Say what is wrong with the mails that one notification came to."""
    if len(mails) > 1:
        yield f"{len(mails)} mails arrived"
    for mail in mails:
        wanted = ALWAYS | ({"Stagegate-Reference"} if reference else set())
        if mail.to != [to] or sorted(mail.raw.keys()) != sorted(wanted):
            yield f"it went to {mail.to}, with {sorted(mail.raw.keys())}"
        elif "".join(mail.header("Subject").split()) != "".join(subject.split()):
            yield f"the subject came as {mail.header('Subject')!r}"


def _tried(channel: Any, notification: Notification, message: Message = MESSAGE) -> str:
    try:
        channel.stagegate_deliver(notification, message)
    except Undeliverable:
        return "refused"
    except Exception:
        return "failed"
    return "delivered"


def _loosely(url: str, _where: str) -> tuple[Place, str]:
    """Broken: read a url as most programs do, and take every host that ends like the listed one."""
    try:
        parts = urlsplit(url)
        port = parts.port or places.PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise InvalidValue(str(error)) from None
    host = "hooks.test" if (parts.hostname or "").endswith("hooks.test") else parts.hostname or ""
    return Place(parts.scheme, host, port), parts.path + (f"?{parts.query}" if parts.query else "")


def _privately(address: Any, _allowed: Any) -> bool:
    """Broken: take every address that does not call itself private."""
    return not address.is_private


def _as_it_is(value: str, _where: str) -> str:
    """Broken: take every text for one that stays in its line."""
    return value


def _any_headers(_headers: Any, _data: bytes) -> None:
    """Broken: do not look at the finished mail."""


def _written(header: str, value: str) -> Any:  # noqa: ARG001  its header is the same to it
    """Broken: write down what is given."""
    return value


TWINS: dict[str, tuple[tuple[Any, str, Callable[..., Any]], ...]] = {
    "loose": ((webhook_room, "read", _loosely),),
    "private": ((webhook_room, "reachable", _privately),),
    "trusting": (
        (writing, "line", _as_it_is),
        (writing, "_header", _written),
        (writing, "only", _any_headers),
    ),
}


def tried(cases: int, chance: Random, met: Counter[str]) -> Faults:
    """Try everything."""
    guard = Guard()
    with ExitStack() as stack:
        hooks, witness, office = (stack.enter_context(closing(kind())) for kind in (Hooks, Witness, PostOffice))
        guard.clear()
        yield from urls(chance, cases, hooks, witness, guard, met)
        yield from addresses(chance, cases, guard, met)
        yield from words(chance, cases, office, guard, met)


def main() -> int:
    """Run it; 0 if nothing is wrong, or, with a twin, if the twin was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000, help="how many of each kind (20,000)")
    parser.add_argument("--seed", type=int, default=2025)
    parser.add_argument("--twin", choices=["", *sorted(TWINS)], default="", help="break this on purpose")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args()
    for room, name, broken in TWINS.get(given.twin, ()):
        setattr(room, name, broken)
    begun, faults, met = time.monotonic(), list[str](), Counter[str]()
    for fault in tried(given.cases, Random(given.seed), met):
        faults.append(fault)
        if given.twin:
            break
    if given.json:
        print(json.dumps({"met": met, "faults": faults[:100]}))
    else:
        who = f"twin {given.twin!r}" if given.twin else "stagegate"
        print(f"channels: {who}: seed {given.seed}: {', '.join(f'{n:,} {what}' for what, n in sorted(met.items()))}")
        print(f"  {len(faults):,} faults" + (f", the first: {faults[0]}" if faults else ""))
        print(f"  {time.monotonic() - begun:,.0f} s", file=sys.stderr)
    return int(bool(faults) != bool(given.twin))


if __name__ == "__main__":
    sys.exit(main())
