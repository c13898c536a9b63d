"""A channel as plain as can be, that can be given one flaw: what the contract of channels is held against."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from stagegate import InvalidValue, Message, Notification, Undeliverable, hookimpl
from stagegate.testing import Received

SECRET = "swordfish"  # noqa: S105  it opens nothing

FLAWS = {
    "answers nothing": "test_own",
    "translates": "test_words",
    "delivers for others": "test_others",
    "ignores case": "test_others",
    "has ids of its own": "test_ids",
    "delivers in pairs": "test_ids",
    "has an id for each try": "test_again",
    "speaks three languages": "test_any_language",
    "answers no": "test_failure",
    "gives up at once": "test_failure",
    "remembers tries": "test_recovery",
    "never gives up": "test_hopeless",
    "delivers to nobody": "test_hopeless",
    "stops for ever": "test_hopeless_keeps_nobody",
    "strips control characters": "test_hostile_texts",
    "obeys lines of the text": "test_hostile_texts",
    "writes subjects as they are": "test_hostile_subjects",
    "decodes subjects": "test_hostile_subjects",
    "refuses other scripts": "test_plain_subjects",
    "writes references as they are": "test_hostile_references",
    "writes addresses as they are": "test_hostile_addresses",
    "reads lists of addresses": "test_hostile_addresses",
    "formats": "test_templates",
    "escapes": "test_templates",
    "cuts": "test_large",
    "is for short messages": "test_large",
    "tells its secret": "test_secrets",
    "complains with its secret": "test_secrets",
    "complains at length": "test_short_errors",
    "repeats what the receiver said": "test_short_errors",
    "takes something else": "test_hooks",
    "works without settings": "test_unconfigured",
    "has one hand": "test_threads",
    "delivers as it is asked": "test_opening",
    "delivers at the commit": "test_opening",
    "delivers what it likes": "test_outbox",
    "swallows failures": "test_outbox_and_failure",
    "tries the hopeless again": "test_outbox_and_hopeless",
}
"""What a channel may get wrong, each with a clause that finds it."""


class Mailbox:
    """Where everything arrives."""

    def __init__(self) -> None:
        """Begin empty."""
        self.received: list[Received] = []
        self.open = True

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Be out of order for a while."""
        self.open = False
        try:
            yield
        finally:
            self.open = True

    def put(self, wire: str, text: str) -> None:
        """Take a letter: lines of names and values, and a text, for each of its recipients."""
        headers = [line.partition(": ")[::2] for line in wire.split("\n") if ": " in line]
        said = dict(reversed(headers))
        for _ in said["to"].split(","):
            names = tuple(name for name, _ in headers)
            self.received.append(Received(id=said["id"], subject=said["subject"], text=text, names=names))


class FlawedChannel:
    """Writes letters, with at most one flaw."""

    name = "letters"

    def __init__(self, mailbox: Mailbox, flaw: str = "") -> None:
        """Take one of `FLAWS`, or nothing."""
        self._mailbox = mailbox
        self._flaw = flaw
        self._tries = 0
        self._stopped = False
        self._seen = set[str]()
        self._busy = threading.Lock()

    def __repr__(self) -> str:
        """Say which it is."""
        return f"<FlawedChannel {SECRET if self._flaw == 'tells its secret' else ''}>"

    @hookimpl
    def stagegate_check(self, attempt: Any) -> tuple[()]:
        """Look on, as it should; or not."""
        if self._flaw == "delivers as it is asked":
            self._mailbox.put(f"id: 1\nsubject: {attempt.move}\nto: x\n", "")
        return ()

    @hookimpl
    def stagegate_notify(self, event: Any) -> tuple[()]:
        """Decide nothing, as it should; or not."""
        if self._flaw in {"delivers at the commit", "delivers what it likes"}:
            self._mailbox.put(f"id: {event.n}\nsubject: {event.kind}\nto: x\n", "")
        return ()

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool | None:
        """Write one letter."""
        flaw = self._flaw
        same = notification.channel == self.name
        same = same or (flaw == "ignores case" and notification.channel.lower() == self.name)
        if not same and flaw != "delivers for others":
            return None
        if flaw == "speaks three languages" and message.lang not in {"en", "id", "ja"}:
            return False
        if flaw == "has one hand" and not self._one():
            return False
        self._refuse(notification, message)
        self._tries += 1
        for _ in range(2 if flaw == "delivers in pairs" else 1):
            self._mailbox.put(*self._letter(notification, message))
        return None if flaw == "answers nothing" else True

    def _one(self) -> bool:
        if not self._busy.acquire(blocking=False):
            return False
        threading.Event().wait(0.02)
        self._busy.release()
        return True

    def _refuse(self, notification: Notification, message: Message) -> None:
        """Raise where the letter cannot be written."""
        flaw = self._flaw
        if self._stopped and flaw == "stops for ever":
            raise ConnectionError("stopped")
        if not self._mailbox.open:
            self._closed(notification)
        if flaw == "remembers tries" and notification.id in self._seen:
            raise ConnectionError("tried before")
        ascii_only = flaw == "refuses other scripts" and not message.subject.isascii()
        short = flaw == "is for short messages" and len(message.text) > 1000
        if ascii_only or short or (not message.subject.isprintable() and flaw != "writes subjects as they are"):
            raise Undeliverable("the message cannot be written")
        loose = {"writes addresses as they are": r".*", "reads lists of addresses": r"box \d+(,box \d+)*"}
        if not re.fullmatch(loose.get(flaw, r"box \d+"), notification.to, re.DOTALL):
            self._stopped = True
            if flaw in {"never gives up", "tries the hopeless again"}:
                raise ConnectionError("no such box")
            if flaw != "delivers to nobody":
                raise Undeliverable("no such box")

    def _closed(self, notification: Notification) -> None:
        said = {
            "complains with its secret": f"closed to {SECRET}",
            "complains at length": "closed " * 1000,
            "repeats what the receiver said": "closed\x1b[31m\n",
        }.get(self._flaw, "closed")
        self._seen.add(notification.id)
        if self._flaw == "gives up at once":
            raise Undeliverable(said)
        if self._flaw not in {"answers no", "swallows failures"}:
            raise ConnectionError(said)
        raise _Swallowed

    def _letter(self, notification: Notification, message: Message) -> tuple[str, str]:
        flaw, subject, text = self._flaw, message.subject, message.text
        reference = notification.reference if flaw == "writes references as they are" else repr(notification.reference)
        changed: dict[str, Callable[[str], str]] = {
            "translates": str.upper,
            "strips control characters": lambda said: "".join(c for c in said if c.isprintable() or c in "\r\n"),
            "formats": lambda said: said.replace("{title}", "Izumisano"),
            "escapes": lambda said: said.replace("<", "&lt;"),
            "cuts": lambda said: said[:10_000],
        }
        text = changed.get(flaw, str)(text)
        if flaw == "decodes subjects":
            subject = re.sub(r"=\?.*?\?[qQ]\?(.*?)\?=", lambda found: found[1].replace("=0a", "\n"), subject)
        id_ = {"has ids of its own": "1", "has an id for each try": f"{notification.id}-{self._tries}"}
        lines = [f"id: {id_.get(flaw, notification.id)}", f"subject: {subject}", f"to: {notification.to}"]
        if flaw == "obeys lines of the text":
            lines += [line for line in text.splitlines() if ": " in line]
        return "\n".join([*lines, f"reference: {reference}", ""]), text


class _Swallowed(Exception):
    """What is taken for a success, or a polite no."""


class Swallowing(FlawedChannel):
    """Answers instead of raising."""

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool | None:
        """Write one letter, or pretend to."""
        try:
            return super().stagegate_deliver(notification, message)
        except _Swallowed:
            return self._flaw == "swallows failures"


class Misunderstanding(FlawedChannel):
    """Takes something else than it is given."""

    @hookimpl
    def stagegate_deliver(self, notification: str, message: Message) -> bool | None:  # type: ignore[override]
        """Write one letter."""
        return super().stagegate_deliver(notification, message)  # type: ignore[arg-type]


def channel_with(mailbox: Mailbox, flaw: str = "") -> FlawedChannel:
    """Return a channel with one flaw, or none."""
    return (Misunderstanding if flaw == "takes something else" else Swallowing)(mailbox, flaw)


def module_with(flaw: str = "") -> ModuleType:
    """Return the module that an entry point would name: it has the channel, once it has its settings."""
    module = ModuleType("letters_of_the_test")

    def configured(mailbox: Mailbox | None = None) -> FlawedChannel:
        if mailbox is None and flaw != "works without settings":
            raise InvalidValue("mailbox: say where it is")
        return channel_with(mailbox or Mailbox(), flaw)

    module.configured = configured  # type: ignore[attr-defined]
    return module
