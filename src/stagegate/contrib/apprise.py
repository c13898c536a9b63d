"""
The `apprise` channel: sends what is told to a chat, a phone or a pager, by way of the library Apprise.

Off until it is configured. Whom it can reach is listed in the settings, so that the keys and tokens which Apprise keeps
in its urls stay out of the histories:

>>> AppriseChannel(schemes=["ntfys"], targets={"council": "ntfys://ntfy.example.org/council"})
<AppriseChannel 'apprise': council>
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from stagegate import InvalidValue, Message, Notification, Undeliverable, hookimpl
from stagegate.exceptions import quote

MAX_URL = 4096
NEVER = frozenset({"file"})
"""What reads files instead of telling anybody."""
REFUSED = frozenset({"attach", "attachment", "config", "include", "redirect", "store", "template", "verify"})
"""What a url may not ask for: to send files along, to read more urls, to be led elsewhere, to trust anybody."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://[\x21-\x7e]+")


class AppriseChannel:
    """
    Sends each notification of its name to the target that `to` names.

    Where Apprise says that it could not, delivery is tried again; a target that is not listed is `Undeliverable`. What
    the services answer stays in the log of Apprise: it may hold what is secret.
    """

    def __init__(
        self,
        *,
        schemes: str | Iterable[str],
        targets: Mapping[str, str | Mapping[str, str]] | None = None,
        urls: bool = False,
        footer: bool = True,
        name: str = "apprise",
    ) -> None:
        """
        Configure the channel; nothing is sent and nobody is asked yet.

        Args:
            schemes: The kinds of services that may be used, as their urls begin: `ntfys`, `mailtos`, `matrixs`.

            targets: Whom there is to tell, by name: the url of each, or a table `{ file = "…" }` or `{ env = "…" }` of
                where it is kept.

            urls: Whether `to` may be a url itself, of a listed scheme and without options.

            footer: Whether the reference, the receipt and the id are added to the text.

            name: The name of the channel, if there are several.

        Raises:
            InvalidValue: If a setting cannot work, naming it.
        """
        self.name = _text(name, "name")
        self._schemes = frozenset(_schemes(schemes))
        given = {} if targets is None else targets
        if not isinstance(given, Mapping):
            message = f"targets: a table of names and urls is needed, not {type(given).__name__}"
            raise InvalidValue(message)
        self._targets = {_text(target, "targets"): _kept(url, f"targets.{target}") for target, url in given.items()}
        self._urls = urls is True
        self._footer = footer is not False
        if not self._targets and not self._urls:
            message = "targets: name whom there is to tell, each with the url that Apprise has for it"
            raise InvalidValue(message)
        for target, url in self._targets.items():
            self._service(url, f"targets.{target}")

    def __repr__(self) -> str:
        """Say which channel it is and whom it reaches, without their urls."""
        return f"<AppriseChannel {self.name!r}: {', '.join(sorted(self._targets)) or 'any url'}>"

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool | None:
        """Tell one target, or say why not."""
        if notification.channel != self.name:
            return None
        service = self._found(notification.to)
        title, text = message.subject, message.text
        if self._footer:
            text = _with_footer(notification, text)
        try:
            done = service.notify(body=text or title, title=title, body_format="text")
        except Exception as error:
            raise ConnectionError(f"{type(error).__name__} while telling the target") from None
        if done is not True:
            message_ = "Apprise could not tell the target; its log, logging.getLogger('apprise'), says why"
            raise ConnectionError(message_)
        return True

    def _found(self, to: str) -> Any:
        try:
            if to in self._targets:
                return self._service(self._targets[to], "to")
            if self._urls and "://" in to:
                if "?" in to:
                    raise InvalidValue("to: a url with options must be a target of the settings")
                return self._service(to, "to")
        except InvalidValue as error:
            raise Undeliverable(str(error)) from None
        raise Undeliverable(f"to: there is no target {quote(to.partition('://')[0])}; name it in the settings")

    def _service(self, url: str, where: str) -> Any:
        """Return what tells one target; its url is never shown."""
        found = _URL.fullmatch(url)
        if not found or url.count("://") != 1 or len(url) > MAX_URL:
            message = f"{where}: one url such as ntfys://ntfy.example.org/council is needed, ASCII, no spaces"
            raise InvalidValue(message)
        scheme = found[1].lower()
        if scheme not in self._schemes:
            message = f"{where}: {quote(scheme)} is not among the schemes of this channel"
            raise InvalidValue(message)
        options = {key.lower().lstrip("+-:") for key, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True)}
        if asked := REFUSED & options:
            message = f"{where}: the url asks for {', '.join(sorted(asked))}, which is not done here"
            raise InvalidValue(message)
        library = _library()
        plain = {
            "async_mode": False,
            "interpret_emojis": False,
            "interpret_escapes": False,
            "secure_logging": True,
            "http_redirects": False,
        }
        service = library.Apprise.instantiate(url, asset=library.AppriseAsset(plugin_paths=[], **plain))
        if service is None:
            message = f"{where}: Apprise cannot read this url of the kind {quote(scheme)}"
            raise InvalidValue(message)
        return service


configured = AppriseChannel
"""What `plugins=[{"plugin": "apprise", …}]` calls with the settings."""


def _library() -> Any:
    try:
        import apprise
    except ModuleNotFoundError as error:
        message = "the channel apprise needs the package apprise; install stagegate with its extra [apprise]"
        raise ImportError(message) from error
    return apprise


def _schemes(value: object) -> list[str]:
    several: list[Any] = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    if not several:
        message = "schemes: name the kinds of services that may be used, such as ntfys; nothing else is"
        raise InvalidValue(message)
    for scheme in several:
        if not isinstance(scheme, str) or scheme in NEVER or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
            message = f"schemes: {quote(scheme)} is no kind of service that can be allowed, such as ntfys"
            raise InvalidValue(message)
    return several


def _kept(value: object, where: str) -> str:
    """Return a url, from the settings themselves or from the place they name."""
    if not isinstance(value, Mapping):
        return _text(value, where, secret=True)
    if len(value) != 1 or not set(value) <= {"file", "env"}:
        message = f"{where}: a url is needed, or one of file and env"
        raise InvalidValue(message)
    ((kind, place),) = value.items()
    try:
        return Path(place).read_text(encoding="utf-8").strip() if kind == "file" else os.environ[place]
    except (OSError, KeyError, ValueError, TypeError) as error:
        message = f"{where}: {kind} {quote(place)} cannot be read: {type(error).__name__}"
        raise InvalidValue(message) from None


def _text(value: object, where: str, *, secret: bool = False) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        message = f"{where}: a printable text is needed, not {type(value).__name__ if secret else quote(value)}"
        raise InvalidValue(message)
    return value


def _with_footer(notification: Notification, text: str) -> str:
    """Return the text with what names the matter and this notification, where it does not yet."""
    said = (notification.reference, str(notification.receipt).strip(), notification.id)
    return "\n".join([text.rstrip("\n"), "", *(value for value in said if value and value not in text)])
