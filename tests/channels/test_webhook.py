"""Webhooks, against a real server on loopback: what is posted, who can verify it, what becomes of answers."""

from __future__ import annotations

import importlib
import json
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import monotonic
from typing import Any

import httpcore2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from proof.receivers import CERTIFICATE, Guard, Hooks, Witness
from stagegate import Engine, InvalidValue, Message, Notification, Undeliverable, hookimpl
from stagegate.contrib import webhook
from stagegate.contrib.webhook import WebhookChannel, configured, resolve
from stagegate.contrib.webhook._posting import Pinned
from stagegate.testing import ManualClock, make_notification, make_process
from stagegate.testing._lives import CLERK

SECRET, OLD, OTHER = (f"whsec_{b64encode(bytes([k]) * 32).decode()}" for k in range(3))
LOOPBACK = ["127.0.0.0/8"]
MESSAGE = Message(subject="Giliran Anda", text="Rencana kerja sama – 協力計画", lang="id")


def channel(hooks: Hooks, **about: Any) -> WebhookChannel:
    """Return a channel to a server without TLS."""
    given: dict[str, Any] = {"hosts": [f"http://127.0.0.1:{hooks.port}"], "secret": SECRET, "allow_networks": LOOPBACK}
    return WebhookChannel(**{**given, **about})


def note(hooks: Hooks, path: str = "/agreements", **about: Any) -> Notification:
    """Return a notification to it."""
    return make_notification("webhook", **{"to": f"http://127.0.0.1:{hooks.port}{path}", **about})


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """Answer byte by byte, for ten seconds."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    with suppress(OSError):
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)


class TestTheRequest:
    """What is posted."""

    def test_event(self, hooks: Hooks) -> None:
        """The request holds a CloudEvent: which notification, of what kind, about which agreement, in words and in data."""
        told = note(hooks, reference="119/SK/2026", hash=bytes(32), context={"parts": ["waste", None, {"n": 1}]})
        assert channel(hooks, source="https://agreements.city.example").stagegate_deliver(told, MESSAGE) is True

        (request,) = hooks.requests
        assert ("POST", "/agreements") == (request.method, request.path)
        assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert request.headers["host"] == f"127.0.0.1:{hooks.port}"
        assert {
            "specversion": "1.0",
            "id": told.id,
            "source": "https://agreements.city.example",
            "type": "stagegate.moved.advance",
            "subject": "bekasi-izumisano",
            "datacontenttype": "application/json",
            "data": {
                "kind": "moved.advance",
                "context": {"parts": ["waste", None, {"n": 1}]},
                "reference": "119/SK/2026",
                "receipt": {"agreement": "bekasi-izumisano", "n": 2, "hash": "0" * 64},
                "lang": "id",
                "subject": "Giliran Anda",
                "text": "Rencana kerja sama – 協力計画",
            },
        } == request.event

    def test_event_is_one(self, hooks: Hooks) -> None:
        """Every attribute that CloudEvents 1.0 requires is there, and is a text that is not empty."""
        channel(hooks).stagegate_deliver(note(hooks), MESSAGE)

        event = hooks.requests[0].event
        assert all(isinstance(event[name], str) and event[name] for name in ("id", "source", "specversion", "type"))
        assert all(name.isalnum() and name.islower() for name in event)

    def test_query(self, hooks: Hooks) -> None:
        """Path and query of the url are kept as they are."""
        channel(hooks).stagegate_deliver(note(hooks, "/a/b%20c?x=1&y=%C3%A9"), MESSAGE)
        channel(hooks).stagegate_deliver(note(hooks, ""), MESSAGE)

        assert ["/a/b%20c?x=1&y=%C3%A9", "/"] == [request.path for request in hooks.requests]

    @pytest.mark.parametrize("path,posted", [("", "/"), ("?x=1", "/?x=1"), ("?", "/?")])
    def test_no_path(self, hooks: Hooks, path: str, posted: str) -> None:
        """A url without a path names the root of its host, also where it has a query."""
        channel(hooks).stagegate_deliver(note(hooks, path), MESSAGE)

        assert [posted] == [request.path for request in hooks.requests]

    def test_size(self, hooks: Hooks) -> None:
        """A request of less than 20,000 bytes is sent; a larger one is refused for good, and nobody is called."""
        empty = Message(subject="x", text="")
        channel(hooks).stagegate_deliver(note(hooks), empty)
        room = 20_000 - len(hooks.requests[0].body)

        assert channel(hooks).stagegate_deliver(note(hooks), Message(subject="x", text="a" * (room - 1))) is True
        with pytest.raises(Undeliverable, match="would have 20,000 bytes"):
            channel(hooks).stagegate_deliver(note(hooks), Message(subject="x", text="a" * room))
        with pytest.raises(Undeliverable, match="bytes"):
            channel(hooks).stagegate_deliver(
                note(hooks), Message(subject="x", text="\N{CJK UNIFIED IDEOGRAPH-5354}" * 7000)
            )
        assert len(hooks.requests) == 2


class TestSignature:
    """Who can verify it."""

    def test_reference_library(self, hooks: Hooks) -> None:
        """The reference library of Standard Webhooks verifies the request, and finds the event in it."""
        told = note(hooks)
        channel(hooks).stagegate_deliver(told, MESSAGE)

        (request,) = hooks.requests
        assert told.id == Webhook(SECRET).verify(request.body, request.headers)["id"] == request.headers["webhook-id"]

    def test_anybody_else(self, hooks: Hooks) -> None:
        """Another secret, another body, another id or another time do not verify."""
        channel(hooks).stagegate_deliver(note(hooks), MESSAGE)

        (request,) = hooks.requests
        with pytest.raises(WebhookVerificationError):
            Webhook(OTHER).verify(request.body, request.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(request.body + b" ", request.headers)
        for header, value in (("webhook-id", "x"), ("webhook-timestamp", "1700000000")):
            with pytest.raises(WebhookVerificationError):
                Webhook(SECRET).verify(request.body, {**request.headers, header: value})

    def test_two_secrets(self, hooks: Hooks) -> None:
        """While a secret is being replaced, each of the two verifies."""
        channel(hooks, secret=[SECRET, OLD]).stagegate_deliver(note(hooks), MESSAGE)

        (request,) = hooks.requests
        assert [Webhook(secret).verify(request.body, request.headers)["specversion"] for secret in (SECRET, OLD)]
        with pytest.raises(WebhookVerificationError):
            Webhook(OTHER).verify(request.body, request.headers)

    def test_secrets_kept_elsewhere(self, hooks: Hooks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A secret is read from a file, or from the environment variable that is named."""
        (tmp_path / "secret").write_text(SECRET + "\n", encoding="utf-8")
        monkeypatch.setenv("HOOK_SECRET", OLD)
        about: Any = {"secret": (), "secret_file": str(tmp_path / "secret"), "secret_env": ["HOOK_SECRET"]}
        channel(hooks, **about).stagegate_deliver(note(hooks), MESSAGE)

        (request,) = hooks.requests
        assert [Webhook(secret).verify(request.body, request.headers)["specversion"] for secret in (SECRET, OLD)]

    def test_again(self, hooks: Hooks) -> None:
        """Each try has its own time and the same id: a receiver that looks at the clock takes the late one too."""

        class Teller:
            name = "teller"

            @hookimpl
            def stagegate_notify(self, event: Any) -> list[Notification]:
                url = f"http://127.0.0.1:{hooks.port}/"
                return [Notification(channel="webhook", kind="started", to=url)]

        clock = ManualClock()
        plugins = [Teller(), channel(hooks)]
        with Engine.open("memory:", processes=[make_process()], plugins=plugins, clock=clock) as engine:
            engine.start("cooperation", "deal", by=CLERK)
            with hooks.answering(503):
                engine.deliver()
            clock.advance(days=3)
            engine.deliver()
            (row,) = engine.outbox("delivered")

        (request,) = hooks.requests
        assert (2, row.notification.id) == (row.tries, request.headers["webhook-id"])
        assert Webhook(SECRET).verify(request.body, request.headers)["data"]["receipt"]["n"] == 1


class TestAnswers:
    """What becomes of answers."""

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    def test_success(self, hooks: Hooks, status: int) -> None:
        """Any 2xx is a success."""
        with hooks.answering(status):
            assert channel(hooks).stagegate_deliver(note(hooks), MESSAGE) is True

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 422, 425, 429, 451, 500, 502, 503, 504, 599])
    def test_tried_again(self, hooks: Hooks, status: int) -> None:
        """Any other answer is tried again: receivers answer all of these while they are out of order."""
        with (
            hooks.answering(status, b"not today"),
            pytest.raises(ConnectionError, match=f"answered {status}: not today"),
        ):
            channel(hooks).stagegate_deliver(note(hooks), MESSAGE)

    @pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
    def test_redirects(self, hooks: Hooks, witness: Witness, guard: Guard, status: int) -> None:
        """A redirect is a failure, and nobody follows it."""
        location = f"http://127.0.0.1:{witness.port}/"
        with hooks.answering(status, location=location), pytest.raises(ConnectionError, match=f"answered {status}"):
            channel(hooks).stagegate_deliver(note(hooks), MESSAGE)

        assert [("127.0.0.1", hooks.port)] == guard.connections
        assert witness.calls == 0

    def test_gone(self, hooks: Hooks) -> None:
        """A receiver that is gone is undeliverable, and said to be gone."""
        with hooks.answering(410), pytest.raises(Undeliverable, match="answered 410") as caught:
            channel(hooks).stagegate_deliver(note(hooks), MESSAGE)

        assert caught.value.gone is True

    def test_gone_is_held(self, hooks: Hooks) -> None:
        """An engine sends nothing more to who is gone, until somebody releases it."""
        url = f"http://127.0.0.1:{hooks.port}/"

        class Teller:
            name = "teller"

            @hookimpl
            def stagegate_notify(self, event: Any) -> list[Notification]:
                return [Notification(channel="webhook", kind="started", to=url)]

        with Engine.open("memory:", processes=[make_process()], plugins=[Teller(), channel(hooks)]) as engine:
            engine.start("cooperation", "a", by=CLERK)
            with hooks.answering(410):
                engine.deliver()
            engine.start("cooperation", "b", by=CLERK)
            engine.deliver()

            assert [f"webhook:{url}"] == list(engine.held_deliveries())
            assert [] == hooks.requests

    def test_what_a_receiver_says(self, hooks: Hooks) -> None:
        """Of a refusal a little is read, and shown printable."""
        said = b"\x1b[31mno\r\nWebhook-Id: 1\x00\xff" + b"x" * 2_000_000
        with hooks.answering(500, said), pytest.raises(ConnectionError) as caught:
            channel(hooks).stagegate_deliver(note(hooks), MESSAGE)

        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300

    def test_endless_answer(self, hooks: Hooks) -> None:
        """Nobody reads to the end of an answer that has none."""

        def endless(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(500)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b"x" * 65536)
            except OSError:
                pass

        hooks.answer = endless
        with pytest.raises(ConnectionError, match="answered 500"):
            channel(hooks).stagegate_deliver(note(hooks), MESSAGE)

    def test_dripping_answer(self, hooks: Hooks) -> None:
        """A receiver that answers byte by byte has as long as any other, all in all."""
        hooks.answer = dripping
        with pytest.raises(ConnectionError, match="ReadTimeout"):
            channel(hooks, timeout=1).stagegate_deliver(note(hooks), MESSAGE)

    @pytest.mark.parametrize(
        "answer", [b"", b"hello\r\n\r\n", b"HTTP/1.1 999999 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nx" + b"y" * 200_000]
    )
    def test_no_answer(self, hooks: Hooks, answer: bytes) -> None:
        """What is no answer is no success."""
        hooks.answer = lambda handler: handler.wfile.write(answer) and None  # type: ignore[assignment, return-value]
        with pytest.raises(ConnectionError, match="Error: "):
            channel(hooks).stagegate_deliver(note(hooks), MESSAGE)


class TestTheWay:
    """How a request reaches the receiver."""

    def secure(self, hooks: Hooks, host: str = "hooks.test", **about: Any) -> WebhookChannel:
        """Return a channel to a server with TLS, under a name."""
        given: dict[str, Any] = {"hosts": [f"{host}:{hooks.port}"], "cafile": CERTIFICATE, "secret": SECRET}
        return WebhookChannel(**{**given, "allow_networks": LOOPBACK, "resolve": lambda *_: ["127.0.0.1"], **about})

    def test_tls(self, secure_hooks: Hooks, guard: Guard) -> None:
        """The name of the url is what the certificate has to show; the address that was looked up is what is called."""
        told = make_notification("webhook", to=f"https://hooks.test:{secure_hooks.port}/x")
        self.secure(secure_hooks).stagegate_deliver(told, MESSAGE)

        (request,) = secure_hooks.requests
        assert request.headers["host"] == f"hooks.test:{secure_hooks.port}"
        assert [("127.0.0.1", secure_hooks.port)] == guard.connections
        assert {"127.0.0.1"} >= set(guard.names)

    def test_dripping_answer(self, secure_hooks: Hooks) -> None:
        """A receiver with TLS that answers byte by byte has no longer than any other either."""
        secure_hooks.answer = dripping
        told = make_notification("webhook", to=f"https://hooks.test:{secure_hooks.port}/x")
        with pytest.raises(ConnectionError, match="ReadTimeout"):
            self.secure(secure_hooks, timeout=1).stagegate_deliver(told, MESSAGE)

    def test_unknown_certificate(self, secure_hooks: Hooks) -> None:
        """A receiver whose certificate nobody vouches for is sent nothing."""
        told = make_notification("webhook", to=f"https://hooks.test:{secure_hooks.port}/")
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            self.secure(secure_hooks, cafile=None).stagegate_deliver(told, MESSAGE)

        assert secure_hooks.requests == []

    def test_certificate_of_another(self, secure_hooks: Hooks) -> None:
        """Nor is one that shows the certificate of another host."""
        told = make_notification("webhook", to=f"https://other.test:{secure_hooks.port}/")
        with pytest.raises(ConnectionError, match="[Hh]ostname mismatch"):
            self.secure(secure_hooks, host="other.test").stagegate_deliver(told, MESSAGE)

        assert secure_hooks.requests == []

    def test_looked_up_once(self, hooks: Hooks, guard: Guard) -> None:
        """A name is looked up once, and what was looked at is what is called: a second answer is never asked for."""
        asked: list[str] = []

        def rebinding(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

        about: Any = {"hosts": [f"http://hooks.test:{hooks.port}"], "resolve": rebinding}
        told = make_notification("webhook", to=f"http://hooks.test:{hooks.port}/")
        assert channel(hooks, **about).stagegate_deliver(told, MESSAGE) is True

        assert ["hooks.test"] == asked
        assert [("127.0.0.1", hooks.port)] == guard.connections
        assert "hooks.test" not in guard.names

    def test_looked_up_anew(self, hooks: Hooks, guard: Guard) -> None:
        """For every notification the name is looked up anew: what it leads to now is what counts."""
        answers = iter([["127.0.0.1"], ["10.0.0.1"]])
        about: Any = {"hosts": [f"http://hooks.test:{hooks.port}"], "resolve": lambda *_: next(answers)}
        told = make_notification("webhook", to=f"http://hooks.test:{hooks.port}/")
        one = channel(hooks, **about)
        one.stagegate_deliver(told, MESSAGE)
        with pytest.raises(ConnectionError, match=r"leads to 10\.0\.0\.1, a private or reserved address"):
            one.stagegate_deliver(told, MESSAGE)

        assert [("127.0.0.1", hooks.port)] == guard.connections

    def test_second_address(self, hooks: Hooks, guard: Guard, witness: Witness) -> None:
        """Where the first address does not answer, the next is called; where none does, that is trouble on the way."""
        about: Any = {"hosts": [f"http://hooks.test:{hooks.port}"], "resolve": lambda *_: ["127.0.0.9", "127.0.0.1"]}
        told = make_notification("webhook", to=f"http://hooks.test:{hooks.port}/")
        assert channel(hooks, **about).stagegate_deliver(told, MESSAGE) is True
        assert [("127.0.0.9", hooks.port), ("127.0.0.1", hooks.port)] == guard.connections

        with pytest.raises(ConnectionError, match="ConnectError"):
            channel(hooks, **{**about, "resolve": lambda *_: ["127.0.0.9", "127.0.0.8"]}).stagegate_deliver(
                told, MESSAGE
            )

    @pytest.mark.parametrize("answer", [OSError("no such name"), UnicodeError("label too long")])
    def test_no_address(self, hooks: Hooks, answer: Exception) -> None:
        """A name that leads nowhere is trouble on the way."""

        def resolve(*_: Any) -> list[str]:
            raise answer

        about: Any = {"hosts": ["hooks.test"], "resolve": resolve}
        with pytest.raises(ConnectionError, match="its address cannot be found"):
            channel(hooks, **about).stagegate_deliver(make_notification("webhook", to="https://hooks.test/"), MESSAGE)

    def test_system(self) -> None:
        """If nothing else is said, the system looks up names."""
        assert "127.0.0.1" in resolve("localhost", 80)

    def test_no_proxy(self, hooks: Hooks, guard: Guard, witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
        """No proxy of the environment is asked, and no file of passwords."""
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{witness.port}")
            monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{witness.port}")
        channel(hooks).stagegate_deliver(note(hooks), MESSAGE)

        assert [("127.0.0.1", hooks.port)] == guard.connections
        assert witness.calls == 0
        assert "authorization" not in hooks.requests[0].headers

    def test_one_connection_for_one(self, hooks: Hooks, guard: Guard) -> None:
        """Each request has a connection of its own, so that no two names share one."""
        one = channel(hooks)
        for _ in range(3):
            one.stagegate_deliver(note(hooks), MESSAGE)

        assert 3 == len(guard.connections)

    def test_silent_receiver(self, witness: Witness) -> None:
        """A receiver that says nothing is given up after a time."""
        about: Any = {"secret": SECRET, "allow_networks": LOOPBACK, "timeout": 1}
        told = make_notification("webhook", to=f"http://127.0.0.1:{witness.port}/")
        with pytest.raises(ConnectionError, match="ReadTimeout"):
            WebhookChannel(hosts=[f"http://127.0.0.1:{witness.port}"], **about).stagegate_deliver(told, MESSAGE)


def test_time_is_up(hooks: Hooks, guard: Guard) -> None:
    """Nobody is called after the time of a request is over."""
    with pytest.raises(httpcore2.ReadTimeout, match="it took too long"):
        Pinned(["127.0.0.1"], monotonic()).connect_tcp("hooks.test", hooks.port)

    assert [] == guard.connections


def test_addresses_share_the_time() -> None:
    """An address that does not answer in its share of the time leaves the rest to the others."""
    shares: list[float] = []

    class Deaf(httpcore2.SyncBackend):
        """A network in which nobody answers."""

        def connect_tcp(self, _: str, __: int, timeout: float | None = None, *___: Any) -> httpcore2.NetworkStream:
            """Wait in vain."""
            shares.append(timeout or 0)
            raise httpcore2.ConnectTimeout

    network = Pinned(["192.0.2.1", "192.0.2.2"], monotonic() + 60)
    network._backend = Deaf()
    with pytest.raises(httpcore2.ConnectTimeout):
        network.connect_tcp("hooks.test", 443)

    first, second = shares
    assert first <= 30 < second


@pytest.fixture
def six() -> Iterator[Hooks]:
    """Have a receiver on the loopback of IPv6."""
    try:
        hooks = Hooks(host="::1")
    except OSError:
        pytest.skip("there is no IPv6 here")
    yield hooks
    hooks.close()


def test_ipv6(six: Hooks, guard: Guard) -> None:
    """An address of IPv6 is called as one of IPv4 is."""
    about: Any = {"secret": SECRET, "allow_networks": ["::1/128"]}
    told = make_notification("webhook", to=f"http://[::1]:{six.port}/")
    WebhookChannel(hosts=[f"http://[::1]:{six.port}"], **about).stagegate_deliver(told, MESSAGE)

    assert [("::1", six.port)] == guard.connections
    assert f"[::1]:{six.port}" == six.requests[0].headers["host"]


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"hosts": []}, "hosts: name the hosts that may be posted to"),
    ({"hosts": [""]}, "hosts: a printable text is needed"),
    ({"hosts": 5}, "hosts: a printable text is needed, not 5"),
    ({"hosts": ["*"]}, "hosts: 'https://\\*' is no plain url"),
    ({"hosts": ["*.example.org"]}, "is no plain url"),
    ({"hosts": ["example.org/x"]}, "is more than a host"),
    ({"hosts": ["http://example.org?x"]}, "is more than a host"),
    ({"hosts": ["ftp://example.org"]}, "is no plain url"),
    ({"hosts": ["user@example.org"]}, "is no plain url"),
    ({"hosts": ["example.org:0"]}, "is no plain url"),
    ({"hosts": ["example.org:65536"]}, "has no plainly written host"),
    ({"hosts": ["example.org."]}, "has no plainly written host"),
    ({"hosts": ["ex\u00e4mple.org"]}, "is no plain url"),
    ({"hosts": ["127.0.0.1"]}, "private or reserved address; name its network in allow_networks"),
    ({"hosts": ["http://[::1]:80"]}, "private or reserved address"),
    ({"hosts": ["0x7f000001"]}, "has no plainly written host"),
    ({"hosts": ["2130706433"]}, "has no plainly written host"),
    ({"hosts": ["127.1"]}, "has no plainly written host"),
    ({"hosts": ["[::ffff:7f00:1]"]}, "private or reserved address|has no plainly written host"),
    ({"secret": ()}, "secret: a request is signed"),
    ({"secret": "swordfish"}, "secret: a secret is whsec_ and the base64 of 24 to 64"),
    ({"secret": "whsec_" + "!" * 40}, "secret: a secret is whsec_"),
    ({"secret": "whsec_YWJj"}, "secret: a secret is whsec_"),
    ({"secret": "whsec_" + b64encode(bytes(65)).decode()}, "secret: a secret is whsec_"),
    ({"secret": "whsec_\u00e9"}, "secret: a secret is whsec_"),
    ({"secret": 5}, "secret: a printable text is needed, not int"),
    ({"secret_file": "/no/such/file"}, "secret_file: '/no/such/file' cannot be read: FileNotFoundError"),
    ({"secret_env": "NO_SUCH_VARIABLE"}, "secret_env: 'NO_SUCH_VARIABLE' cannot be read: KeyError"),
    ({"source": ""}, "source: a printable text"),
    ({"name": ""}, "name: a printable text"),
    ({"allow_networks": ["10.0.0.1/8"]}, "allow_networks: '10.0.0.1/8' is no network"),
    ({"allow_networks": "everything"}, "allow_networks: 'everything' is no network"),
    ({"cafile": "/no/such/file"}, "cafile: '/no/such/file' cannot be read"),
    ({"timeout": 0}, "timeout: a number of seconds from 1 to 120"),
    ({"timeout": "5"}, "timeout: a number of seconds"),
    ({"timeout": True}, "timeout: a number of seconds"),
]


@pytest.mark.parametrize("settings, said", SETTINGS)
def test_settings_refused(settings: dict[str, Any], said: str) -> None:
    """A setting that cannot work is refused when the channel is configured, by name, and no secret is shown."""
    with pytest.raises(InvalidValue, match=said) as caught:
        configured(**{"hosts": ["hooks.example.org"], "secret": SECRET, **settings})

    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize("package", ["httpcore2", "standardwebhooks"])
def test_without_the_package(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what it stands on is not installed, the error says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "stagegate.contrib.webhook._posting")
    with pytest.raises(
        ImportError, match=rf"needs the package {package}; install stagegate with its extra \[webhook\]"
    ):
        importlib.reload(webhook)


def test_secret_without_prefix(hooks: Hooks) -> None:
    """A secret may come without its prefix, and without its padding."""
    channel(hooks, secret=SECRET.removeprefix("whsec_").rstrip("=")).stagegate_deliver(note(hooks), MESSAGE)

    assert Webhook(SECRET).verify(hooks.requests[0].body, hooks.requests[0].headers)


def test_body_is_json(hooks: Hooks) -> None:
    """What was recorded arrives as the values it was recorded as."""
    channel(hooks).stagegate_deliver(note(hooks, context={"n": 2**53, "no": None}), MESSAGE)

    assert {"n": 2**53, "no": None} == json.loads(hooks.requests[0].body)["data"]["context"]
