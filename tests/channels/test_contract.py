"""The channels that come with stagegate obey the law of channels, each against a real receiver on loopback."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from proof.receivers import CERTIFICATE, Hooks, PostOffice
from stagegate.contrib import log
from stagegate.contrib.apprise import AppriseChannel
from stagegate.contrib.mail import MailChannel
from stagegate.contrib.webhook import WebhookChannel
from stagegate.testing import ChannelContract, Received

Outage = Callable[[], AbstractContextManager[Any]]
PASSWORD = "correct horse battery staple"  # noqa: S105  it opens nothing
SECRET = "whsec_c3RhZ2VnYXRlIGV4YW1wbGUgc2VjcmV0ICE="  # noqa: S105  it opens nothing
NOW = "X\x1b[31m\r\n" + "out of order " * 100


class TestMail(ChannelContract):
    """Mail, over STARTTLS and with a login."""

    @pytest.fixture
    def office(self) -> Iterator[PostOffice]:
        """Have a mail server."""
        office = PostOffice(starttls=True, password=PASSWORD)
        yield office
        office.close()

    @pytest.fixture
    def channel(self, office: PostOffice) -> MailChannel:
        """Return the channel."""
        about: Any = {"cafile": CERTIFICATE, "user": "agreements", "password": PASSWORD}
        return MailChannel(host="localhost", port=office.port, sender="agreements@city.example", **about)

    @pytest.fixture
    def address(self) -> str:
        """Return whom it can tell."""
        return "council@city.example"

    @pytest.fixture
    def received(self, office: PostOffice) -> Callable[[], list[Received]]:
        """Return what the server got."""
        return lambda: [
            Received(
                id=mail.header("Message-ID"),
                subject=mail.header("Subject"),
                text=mail.body(),
                names=(*mail.raw.keys(), *mail.parsed.keys()),
            )
            for mail in office.mails
            for _ in mail.to
        ]

    @pytest.fixture
    def broken(self, office: PostOffice) -> Outage:
        """Return what makes the server refuse for now."""
        return lambda: office.refusing(DATA="451 " + re.sub("[\r\n]", " ", NOW)[:300])

    @pytest.fixture
    def hopeless(self) -> str:
        """Return what is no address."""
        return "council at the city"

    @pytest.fixture
    def unconfigured(self) -> str:
        """Return its name."""
        return "mail"

    @pytest.fixture
    def secrets(self) -> tuple[str, ...]:
        """Return the password."""
        return (PASSWORD,)


class TestWebhook(ChannelContract):
    """A webhook, over TLS."""

    @pytest.fixture
    def channel(self, secure_hooks: Hooks) -> WebhookChannel:
        """Return the channel."""
        return WebhookChannel(
            hosts=[f"hooks.test:{secure_hooks.port}"],
            secret=SECRET,
            cafile=CERTIFICATE,
            allow_networks=["127.0.0.0/8"],
            resolve=lambda *_: ["127.0.0.1"],
        )

    @pytest.fixture
    def address(self, secure_hooks: Hooks) -> str:
        """Return whom it can tell."""
        return f"https://hooks.test:{secure_hooks.port}/agreements"

    @pytest.fixture
    def received(self, secure_hooks: Hooks) -> Callable[[], list[Received]]:
        """Return what the server got."""
        return lambda: [
            Received(
                id=request.headers["webhook-id"],
                subject=request.event["data"]["subject"],
                text=request.event["data"]["text"],
                names=(*request.headers, *request.event, *request.event["data"]),
            )
            for request in secure_hooks.requests
        ]

    @pytest.fixture
    def broken(self, secure_hooks: Hooks) -> Outage:
        """Return what makes the server refuse for now."""
        return lambda: secure_hooks.answering(503, NOW.encode())

    @pytest.fixture
    def hopeless(self) -> str:
        """Return a host that is not listed."""
        return "https://elsewhere.test/agreements"

    @pytest.fixture
    def unconfigured(self) -> str:
        """Return its name."""
        return "webhook"

    @pytest.fixture
    def secrets(self) -> tuple[str, ...]:
        """Return what it signs with."""
        return (SECRET, SECRET.removeprefix("whsec_"))


class TestApprise(ChannelContract):
    """Apprise, by its service that posts JSON."""

    @pytest.fixture
    def channel(self, hooks: Hooks) -> AppriseChannel:
        """Return the channel."""
        url = f"json://user:{SECRET[6:20]}@127.0.0.1:{hooks.port}/council"
        return AppriseChannel(schemes=["json"], targets={"council": url})

    @pytest.fixture
    def address(self) -> str:
        """Return whom it can tell."""
        return "council"

    @pytest.fixture
    def received(self, hooks: Hooks) -> Callable[[], list[Received]]:
        """Return what the server got."""
        return lambda: [
            Received(
                id=request.event["message"].splitlines()[-1],
                subject=request.event["title"],
                text=request.event["message"],
                names=(*request.headers, *request.event),
            )
            for request in hooks.requests
        ]

    @pytest.fixture
    def broken(self, hooks: Hooks) -> Outage:
        """Return what makes the server refuse for now."""
        return lambda: hooks.answering(503, NOW.encode())

    @pytest.fixture
    def hopeless(self) -> str:
        """Return whom the settings do not name."""
        return "mayor"

    @pytest.fixture
    def unconfigured(self) -> str:
        """Return its name."""
        return "apprise"

    @pytest.fixture
    def secrets(self) -> tuple[str, ...]:
        """Return what stands in its url."""
        return (SECRET[6:20],)


class TestLog(ChannelContract):
    """The log, which nothing can go wrong with."""

    @pytest.fixture(autouse=True)
    def listening(self, caplog: pytest.LogCaptureFixture) -> None:
        """Listen to it."""
        caplog.set_level(logging.INFO, logger="stagegate.notifications")

    @pytest.fixture
    def channel(self) -> Any:
        """Return the channel."""
        return log

    @pytest.fixture
    def address(self) -> str:
        """Return whom it can tell: anybody."""
        return "council"

    @pytest.fixture
    def received(self, caplog: pytest.LogCaptureFixture) -> Callable[[], list[Received]]:
        """Return what stands in the log."""

        def read(line: str) -> Received:
            assert "\n" not in line
            found = dict(re.findall(r" (\w+)=('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^ ]+)", line))
            said = {name: ast.literal_eval(value) for name, value in found.items() if value[0] in "'\""}
            text = said.get("text") or said.get("title") or ""
            return Received(id=found["id"], subject=said["subject"], text=text, names=())

        return lambda: [read(line) for line in caplog.messages]
