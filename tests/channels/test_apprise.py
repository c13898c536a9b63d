"""Apprise, by the one of its services that posts JSON: whom it reaches, what it is not asked to do."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from proof.receivers import Guard, Hooks, Witness
from stagegate import InvalidValue, Message, Notification, Undeliverable
from stagegate.contrib.apprise import AppriseChannel, configured
from stagegate.testing import make_notification

MESSAGE = Message(subject="Giliran Anda", text="Rencana kerja sama – 協力計画\n")


def note(to: str = "council", **about: Any) -> Notification:
    """Return a notification to somebody."""
    return make_notification("apprise", to=to, **about)


def url(hooks: Hooks, rest: str = "/") -> str:
    """Return the url of a service that posts to the server."""
    return f"json://user:swordfish@127.0.0.1:{hooks.port}{rest}"


class TestTelling:
    """What is told, and whom."""

    def test_target(self, hooks: Hooks, guard: Guard) -> None:
        """A target of the settings is told, by its name; only its service is called."""
        channel = AppriseChannel(schemes=["json"], targets={"council": url(hooks), "mayor": url(hooks, "/mayor")})
        told = note(reference="119/SK/2026", hash=bytes(32))
        assert channel.stagegate_deliver(told, MESSAGE) is True

        (request,) = hooks.requests
        assert ("/", "Giliran Anda", []) == (request.path, request.event["title"], request.event["attachments"])
        assert [
            "Rencana kerja sama – 協力計画",
            "",
            "119/SK/2026",
            f"bekasi-izumisano #2 {'0' * 64}",
            told.id,
        ] == request.event["message"].splitlines()
        assert [("127.0.0.1", hooks.port)] == guard.connections

    def test_without_footer(self, hooks: Hooks) -> None:
        """Where each letter counts, the text goes alone; a message without text is its subject."""
        channel = AppriseChannel(schemes="json", targets={"council": url(hooks)}, footer=False)
        channel.stagegate_deliver(note(reference="119"), MESSAGE)
        channel.stagegate_deliver(note(), Message(subject="Giliran", text=""))

        assert ["Rencana kerja sama – 協力計画", "Giliran"] == [request.event["message"] for request in hooks.requests]

    @pytest.mark.parametrize("kind", ["file", "env"])
    def test_target_kept_elsewhere(
        self, hooks: Hooks, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The url of a target is read from a file, or from the environment variable that is named."""
        (tmp_path / "url").write_text(url(hooks) + "\n", encoding="utf-8")
        monkeypatch.setenv("COUNCIL_URL", url(hooks))
        where = {"file": str(tmp_path / "url"), "env": "COUNCIL_URL"}[kind]
        AppriseChannel(schemes=["json"], targets={"council": {kind: where}}).stagegate_deliver(note(), MESSAGE)

        assert len(hooks.requests) == 1

    def test_url_if_allowed(self, hooks: Hooks) -> None:
        """A notification may carry a url itself, if the settings say so: of a listed scheme, without options."""
        channel = AppriseChannel(schemes=["json"], urls=True)
        assert channel.stagegate_deliver(note(f"json://127.0.0.1:{hooks.port}/"), MESSAGE) is True

        for to in (f"json://127.0.0.1:{hooks.port}/?method=GET", "xml://127.0.0.1/", "json://a b/", "mayor", "json://"):
            with pytest.raises(Undeliverable, match="to: "):
                channel.stagegate_deliver(note(to), MESSAGE)
        assert "any url" in repr(channel)
        assert len(hooks.requests) == 1

    def test_url_if_not_allowed(self, hooks: Hooks) -> None:
        """Otherwise a url is no target, and the error does not show it."""
        channel = AppriseChannel(schemes=["json"], targets={"council": url(hooks)})
        with pytest.raises(Undeliverable, match="there is no target 'json'; name it") as caught:
            channel.stagegate_deliver(note(url(hooks)), MESSAGE)

        assert "swordfish" not in str(caught.value)
        assert [] == hooks.requests

    @pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
    def test_failure(self, hooks: Hooks, status: int, caplog: pytest.LogCaptureFixture) -> None:
        """What Apprise could not do is tried again; neither the error nor its log shows the url."""
        caplog.set_level(logging.DEBUG)
        channel = AppriseChannel(schemes=["json"], targets={"council": url(hooks)})
        with hooks.answering(status), pytest.raises(ConnectionError, match="Apprise could not tell") as caught:
            channel.stagegate_deliver(note(), MESSAGE)

        assert "swordfish" not in f"{caught.value!r} {channel!r} {caplog.text}"

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_redirects(self, hooks: Hooks, witness: Witness, status: int) -> None:
        """A redirect is not followed."""
        channel = AppriseChannel(schemes=["json"], targets={"council": url(hooks)})
        location = f"http://127.0.0.1:{witness.port}/"
        with hooks.answering(status, location=location), pytest.raises(ConnectionError):
            channel.stagegate_deliver(note(), MESSAGE)

        assert witness.calls == 0

    def test_failing_service(self, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
        """A service that fails in a way of its own is tried again, and what it says is not shown."""
        channel = AppriseChannel(schemes=["json"], targets={"council": url(hooks)})
        import apprise.plugins.custom_json

        def notify(*_: Any, **__: Any) -> bool:
            raise ValueError(url(hooks))

        monkeypatch.setattr(apprise.plugins.custom_json.NotifyJSON, "send", notify)
        with pytest.raises(ConnectionError, match="ValueError while telling the target") as caught:
            channel.stagegate_deliver(note(), MESSAGE)

        assert "swordfish" not in repr(caught.value)
        assert caught.value.__suppress_context__


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"schemes": []}, "schemes: name the kinds of services"),
    ({"schemes": ["file"]}, "schemes: 'file' is no kind of service"),
    ({"schemes": [""]}, "schemes: '' is no kind of service"),
    ({"schemes": ["*"]}, "schemes: '[*]' is no kind of service"),
    ({"schemes": 5}, "schemes: 5 is no kind of service"),
    ({"targets": None}, "targets: name whom there is to tell"),
    ({"targets": {}}, "targets: name whom there is to tell"),
    ({"targets": ["json://h/"]}, "targets: a table of names and urls is needed, not list"),
    ({"targets": {"": "json://h/"}}, "targets: a printable text"),
    ({"targets": {"x": 5}}, "targets.x: a printable text is needed, not int"),
    ({"targets": {"x": {"url": "json://h/"}}}, "targets.x: a url is needed, or one of file and env"),
    ({"targets": {"x": {"file": "/a", "env": "B"}}}, "targets.x: a url is needed, or one of file and env"),
    (
        {"targets": {"x": {"file": "/no/such/file"}}},
        "targets.x: file '/no/such/file' cannot be read: FileNotFoundError",
    ),
    ({"targets": {"x": {"env": "NO_SUCH_VARIABLE"}}}, "targets.x: env 'NO_SUCH_VARIABLE' cannot be read: KeyError"),
    ({"targets": {"x": {"file": 5}}}, "targets.x: file 5 cannot be read: TypeError"),
    ({"name": ""}, "name: a printable text"),
]

URLS = [
    "swordfish",
    "",
    "://swordfish",
    "swordfish.example/",
    "file:///etc/swordfish",
    "FILE:///etc/swordfish",
    "xml://swordfish/",
    "json://swordfish/ json://other/",
    "json://swordfish/,json://other/",
    "json://swordfish/;xml://other/",
    "json://swordfish/\njson://other/",
    "json://swordfish/\x00",
    "json://swordfish/é",
    "json://swordfish/?attach=/etc/passwd",
    "json://swordfish/?ATTACH=/etc/passwd",
    "json://swordfish/?attachment=/etc/passwd",
    "json://swordfish/?x=1&attach",
    "json://swordfish/?config=/etc/x",
    "json://swordfish/?include=/etc/x",
    "json://swordfish/?verify=no",
    "json://swordfish/?redirect=yes",
    "json://swordfish/?store=yes",
    "json://swordfish/?template=/etc/x",
    f"json://swordfish/{'a' * 5000}",
    "nosuchservice://swordfish/",
    "json://",
]


class TestSettings:
    """What the channel takes."""

    @pytest.mark.parametrize("settings, said", SETTINGS)
    def test_refused(self, settings: dict[str, Any], said: str) -> None:
        """A setting that cannot work is refused when the channel is configured, by name."""
        with pytest.raises(InvalidValue, match=said):
            configured(**{"schemes": ["json"], "targets": {"x": "json://h/"}, **settings})

    @pytest.mark.parametrize("url", URLS)
    def test_url(self, url: str, guard: Guard) -> None:
        """A url that is not one of a listed kind, or asks for more than to tell somebody, is refused and not shown."""
        with pytest.raises(InvalidValue, match="targets.x: ") as caught:
            AppriseChannel(schemes=["json", "nosuchservice"], targets={"x": url})

        assert "swordfish" not in str(caught.value)
        assert [] == guard.connections

    def test_without_the_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where Apprise is not installed, the error says what to install."""
        monkeypatch.setitem(sys.modules, "apprise", None)
        with pytest.raises(ImportError, match=r"install stagegate with its extra \[apprise\]"):
            AppriseChannel(schemes=["json"], targets={"x": "json://h/"})
