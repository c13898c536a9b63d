"""What the hostile tests are worth: careless twins of our channels, each as many a program has it, are caught by them."""

from __future__ import annotations

import smtplib
from collections.abc import Iterable, Sequence
from email.header import decode_header
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore2
import pytest

from proof.receivers import Guard, Hooks, PostOffice, Witness
from stagegate import InvalidValue, Message, Notification, Undeliverable, hookimpl
from stagegate.contrib import webhook
from stagegate.contrib.webhook import WebhookChannel
from stagegate.contrib.webhook._places import PORTS, Place
from stagegate.testing import make_notification

from .test_hostile_urls import INSIDE, SECRET, URLS
from .test_hostile_words import ENCODED, HIDDEN, SENDER, TO, VICTIM

MESSAGE = Message(subject="x", text="x")


def _loose(url: str, _where: str) -> tuple[Place, str]:
    """Read a url as most programs do."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise InvalidValue(str(error)) from None
    return Place(parts.scheme, parts.hostname or "", port), parts.path


def _by_suffix(url: str, where: str) -> tuple[Place, str]:
    """Take every host whose name ends like a listed one."""
    place, target = _loose(url, where)
    return Place("https", "hooks.test", 443) if place.host.endswith("hooks.test") else place, target


def _by_prefix(url: str, where: str) -> tuple[Place, str]:
    """Take every url that begins like a listed one."""
    begins = url.startswith(("https://hooks.test", "http://hooks.test"))
    return (Place("https", "hooks.test", 443), "/") if begins else _loose(url, where)


def _by_search(url: str, where: str) -> tuple[Place, str]:
    """Take every url that has a listed host somewhere in it."""
    return (Place("https", "hooks.test", 443), "/") if "hooks.test" in url else _loose(url, where)


@pytest.mark.parametrize("reader", [_loose, _by_suffix, _by_prefix, _by_search])
def test_careless_reader(reader: Any, monkeypatch: pytest.MonkeyPatch, guard: Guard) -> None:
    """A channel that reads urls in another way takes some of the hostile ones for the listed host."""
    channel = WebhookChannel(hosts=["hooks.test"], secret=SECRET, resolve=lambda *_: ["10.0.0.1"])
    monkeypatch.setattr(webhook, "read", reader)
    taken = []
    for url in URLS:
        try:
            channel.stagegate_deliver(make_notification("webhook", to="x").placed(to=url), MESSAGE)
        except Undeliverable:
            continue
        except ConnectionError:
            taken.append(url)

    assert taken
    assert guard.connections == []


def test_careless_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that asks `is_private` alone lets addresses through that lead inside."""
    channel = WebhookChannel(hosts=["hooks.test"], secret=SECRET)
    monkeypatch.setattr(webhook, "reachable", lambda address, _: not address.is_private)
    through = []
    for address in INSIDE:
        channel._resolve = lambda *_, address=address: [address]  # type: ignore[misc]
        try:
            channel._addresses(Place("https", "hooks.test", 443))
        except ConnectionError:
            continue
        through.append(address)

    assert through


class Twice(WebhookChannel):
    """Looks at one answer, and calls what the next one says."""

    def _addresses(self, place: Place) -> list[str]:
        super()._addresses(place)
        return list(self._resolve(place.host, place.port))


def test_looking_up_twice(witness: Witness, guard: Guard) -> None:
    """A channel that looks a name up again is led elsewhere."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    hosts = [f"http://hooks.test:{witness.port}"]
    channel = Twice(hosts=hosts, secret=SECRET, timeout=1, resolve=lambda *_: next(answers))
    with pytest.raises(ConnectionError):
        channel.stagegate_deliver(make_notification("webhook", to=f"{hosts[0]}/"), MESSAGE)

    assert [("127.0.0.1", witness.port)] == guard.connections
    assert witness.calls == 1


def _following(place: Place, target: str, **_: Any) -> tuple[int, bytes]:
    """Go where an answer points."""
    with httpcore2.ConnectionPool() as pool:
        answer = pool.request("POST", f"{place}{target}")
        to = urljoin(f"{place}{target}", dict(answer.headers).get(b"location", b"").decode())
        return pool.request("POST", to, extensions={"timeout": {"read": 1}}).status, b""


def test_following(hooks: Hooks, witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that follows redirects is led elsewhere."""
    monkeypatch.setattr(webhook, "post", _following)
    host = f"http://127.0.0.1:{hooks.port}"
    channel = WebhookChannel(hosts=[host], secret=SECRET, allow_networks=["127.0.0.0/8"])
    location = f"http://127.0.0.1:{witness.port}/"
    with hooks.answering(307, location=location), pytest.raises(ConnectionError):
        channel.stagegate_deliver(make_notification("webhook", to=f"{host}/"), MESSAGE)

    assert witness.calls == 1


class Careless:
    """Writes the headers of a mail down as they are."""

    name = "mail"

    def __init__(self, port: int) -> None:
        """Take where the server is."""
        self._port = port

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool:
        """Send one mail, or several."""
        headers = f"From: {SENDER}\r\nTo: {notification.to}\r\nSubject: {message.subject}\r\n"
        recipients = [to.strip() for to in notification.to.replace("\n", ",").split(",")]
        with smtplib.SMTP("127.0.0.1", self._port, local_hostname="city.example") as smtp:
            smtp.sendmail(SENDER, recipients, f"{headers}\r\n{message.text}".encode())
        return True


def _headers(office: PostOffice, subjects: Iterable[str]) -> Sequence[set[str]]:
    for subject in subjects:
        try:
            Careless(office.port).stagegate_deliver(
                make_notification("mail", to=TO), Message(subject=subject, text="x")
            )
        except smtplib.SMTPException:
            continue
    return [set(mail.parsed.keys()) for mail in office.mails]


def test_careless_headers(office: PostOffice) -> None:
    """A channel that writes down what it is given adds headers, wherever there is the end of a line."""
    found = _headers(office, [word for word in HIDDEN if "\0" not in word][::5])

    assert sum({"From", "To", "Subject"} < names for names in found) > 1


def test_careless_addresses(office: PostOffice) -> None:
    """A channel that reads lists of addresses writes to somebody else."""
    Careless(office.port).stagegate_deliver(make_notification("mail", to=f"{TO}, {VICTIM}"), MESSAGE)

    assert [[TO, VICTIM]] == [mail.to for mail in office.mails]


@pytest.mark.parametrize("word", [word for word in ENCODED if "?q?" in word and "utf-8*" not in word][:12])
def test_encoded_word_is_what_it_seems(word: str) -> None:
    """The encoded words are no empty threat: a reader that decodes one meets the end of a line."""
    decoded = b"".join(part if isinstance(part, bytes) else part.encode() for part, _ in decode_header(word))

    assert set(b"\r\n") & set(decoded)
