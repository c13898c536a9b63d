"""The law of channels, clause by clause: what is told arrives, once, as it is, and nothing beside it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

import attrs
import pytest

from stagegate import (
    Engine,
    Message,
    Notification,
    PluginError,
    Undeliverable,
    check_plugin,
    hookimpl,
)

from ._clock import ManualClock
from ._lives import CLERK, HOSTILE
from ._makers import make_notification, make_process

INJECTED = "x-injected"
INJECTIONS = (
    "a\r\nX-Injected: 1",
    "a\nX-Injected: 1",
    "a\rX-Injected: 1",
    "a\n\nX-Injected: 1",
    "a\r\n\r\nX-Injected: 1",
    "a\n X-Injected: 1\nX-Injected: 2",
    "a\x00\nX-Injected: 1",
    "a\x0bX-Injected: 1\x0cX-Injected: 2\x1cX-Injected: 3",
    "a\x85X-Injected: 1\u2028X-Injected: 2\u2029X-Injected: 3",
    "=?utf-8?q?a=0aX-Injected=3a_1?=",
    "=?utf-8?q?a=0d=0aX-Injected=3a=201?=",
    "=?UTF-8?Q?a=0AX-Injected:_1?=",
    "=?utf-8?b?YQpYLUluamVjdGVkOiAx?=",
    "=?utf-8*en?q?a=0aX-Injected=3a_1?=",
    "=?utf-7?q?a+AAo-X-Injected=3a_1?=",
    "=?utf-16be?b?AGEACgBYAC0ASQBuAGoAZQBjAHQAZQBkADoAIAAx?=",
    "=?x?q?=?utf-8?q?=0aX-Injected=3a_1?=?=",
    "a%0d%0aX-Injected: 1",
    "a\\r\\nX-Injected: 1",
    'a", "x-injected": "1',
    "a\r\n.\r\nMAIL FROM:<x@example.org>\r\nX-Injected: 1",
)
"""Texts that add a header, or more, where somebody writes them down as they are."""
RECORDED = tuple(text for text in INJECTIONS if "\0" not in text)
"""Those of them that a history can hold."""

TEMPLATES = (
    "{title} {0} {} {{title}}",
    "{0.__class__.__mro__} {title.__globals__}",
    "{{ 7 * 7 }} {% raw %} {# no #}",
    "${title} $title ${7*7} #{7*7}",
    "%(title)s %s %d %n %%",
    "<%= 7 * 7 %> <?php echo 49; ?>",
    "`id` $(id) ; id | id && id",
    "<script>alert(1)</script> <b>bold</b> &lt;i&gt; &#65;",
    "[link](javascript:alert) **bold** _em_ ~~no~~",
    "\\u0041 \\N{DIGIT ONE} \\x41 \\101 :smile:",
    "%{IP:client} {{{html}}} [[title]] @title@ !title!",
)
"""Texts that mean something else to somebody who reads them as a template."""


@attrs.define(kw_only=True, frozen=True)
class Received:
    """
    What a receiver was told, as the contract compares it: one for each recipient of each delivery that it accepted.

    Attributes:
        id: What the receiver tells deliveries of one notification from those of others by.

        subject: The subject, as the receiver shows it.

        text: The text, as the receiver shows it; there may be more in it than was sent.

        names: The names of everything that came beside the text: headers, fields.
    """

    id: str
    subject: str
    text: str
    names: tuple[str, ...] = ()


class _Teller:
    """Tells of every agreement that starts, by way of one channel."""

    name = "teller"

    def __init__(self, channel: str, to: str) -> None:
        self.channel = channel
        self.to = to

    @hookimpl
    def stagegate_notify(self, event: Any) -> Iterator[Notification]:
        """Tell one, if something starts."""
        if event.kind == "started":
            yield Notification(channel=self.channel, kind="started", to=self.to, context={"title": "Kerja sama – 協力"})


def _lines(text: str) -> str:
    return re.sub(r"\r\n|\r", "\n", text)


class ChannelContract:
    """
    The law that every channel obeys: inherit it in a class named `Test…`, and give it the fixtures.

    Each test is a clause; its number stands in its docstring, and all are listed in
    docs/reference/channel-contract.md.

    Fixtures:
        channel: The channel, configured: the plugin as an engine is given it. It says its `name`. Has to be given.

        address: Whom it can tell: what stands in `Notification.to`. Has to be given.

        received: What returns the list of everything that was received so far, as `Received`. Has to be given.

        broken: What returns a context in which the receiver refuses for now, or cannot be reached. Without it the
            clauses on that are skipped.

        hopeless: A recipient that cannot be told however often it is tried. Without it the clauses on that are skipped.

        unconfigured: What an engine is given in `plugins=[…]` to have the channel without its settings. Without it the
            clause on that is skipped, as for a channel that needs none.

        secrets: What the channel must not show to anybody.

        clock: The clock of the engines, a `ManualClock`.
    """

    @pytest.fixture
    def channel(self) -> Any:
        """Return the channel; override it."""
        message = "override the fixture `channel`: return the plugin, configured to tell a receiver of the test"
        raise NotImplementedError(message)

    @pytest.fixture
    def address(self) -> str:
        """Return whom it can tell; override it."""
        message = "override the fixture `address`: return what stands in `to` of a notification of the channel"
        raise NotImplementedError(message)

    @pytest.fixture
    def received(self) -> Callable[[], Sequence[Received]]:
        """Return what lists what was received; override it."""
        message = "override the fixture `received`: return a function that lists what was received so far"
        raise NotImplementedError(message)

    @pytest.fixture
    def broken(self) -> Callable[[], AbstractContextManager[Any]] | None:
        """Return what makes the receiver refuse for now; None if that cannot happen."""
        return None

    @pytest.fixture
    def hopeless(self) -> str | None:
        """Return a recipient that can never be told; None if there is none."""
        return None

    @pytest.fixture
    def unconfigured(self) -> Any:
        """Return what names the channel without its settings; None if it needs none."""
        return None

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        """Return what the channel must not show."""
        return ()

    @pytest.fixture
    def clock(self) -> ManualClock:
        """Return the clock of the engines."""
        return ManualClock()

    @pytest.fixture
    def tell(self, channel: Any, address: str) -> Callable[..., Any]:
        """Return what hands the channel a notification in words, as an engine does."""
        wanted = inspect.signature(channel.stagegate_deliver).parameters

        def tell(k: int = 1, *, text: str = "It is your turn.", subject: str = "Your turn", **changes: Any) -> Any:
            given = {"channel": channel.name, "to": address, "context": {"text": text}, "id": str(UUID(int=k))}
            lang = changes.pop("lang", "en")
            notification = make_notification(**{**given, **changes})
            handed = {"notification": notification, "message": Message(subject=subject, text=text, lang=lang)}
            return channel.stagegate_deliver(**{k: v for k, v in handed.items() if k in wanted})

        return tell

    @pytest.fixture
    def outage(self, broken: Callable[[], AbstractContextManager[Any]] | None) -> Callable[[], Any]:
        """Return what makes the receiver refuse for now."""
        if broken is None:
            pytest.skip("this receiver is never out of order")
        return broken

    @pytest.fixture
    def lost(self, hopeless: str | None) -> str:
        """Return a recipient that can never be told."""
        if hopeless is None:
            pytest.skip("this channel can tell anybody")
        return hopeless

    def _desk(self, channel: Any, to: str, clock: ManualClock) -> Engine:
        plugins = [_Teller(channel.name, to), channel]
        return Engine.open("memory:", processes=[make_process()], plugins=plugins, clock=clock)

    # What is its own, and what is not

    def test_own(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C1: a notification of its name is delivered, once, and the answer is True."""
        assert tell() is True
        assert len(received()) == 1

    def test_words(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C2: what arrives says the subject and the text of the message."""
        tell(subject="Persetujuan DPRD – 議会承認", text="Baris pertama.\n\nZweite Zeile – 三行目 🤝🏽")

        (one,) = received()
        assert one.subject == "Persetujuan DPRD – 議会承認"
        assert "Baris pertama.\n\nZweite Zeile – 三行目 🤝🏽" in _lines(one.text)

    def test_others(self, channel: Any, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C3: a notification of another channel, however similar its name, is answered None and not delivered."""
        name = channel.name
        for k, other in enumerate(("another", f"{name}2", f"{name}.{name}", name[:-1] or "x", name.swapcase())):
            assert tell(k, channel=other) is None, other
        assert list(received()) == []

    def test_ids(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C4: every call delivers once, in order, and what arrives carries the id of its notification."""
        for k in range(3):
            tell(k)

        assert len(received()) == 3
        assert all(str(UUID(int=k)) in one.id for k, one in enumerate(received()))

    def test_again(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C5: delivered again, a notification has the same id, so that a receiver can know it."""
        tell(7)
        tell(7)

        first, second = received()
        assert first.id == second.id

    def test_any_language(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C6: the language of the message may be any."""
        langs = ("en", "id", "ja", "zh-Hant", "ar", "tlh", "de-CH-1996")
        for k, lang in enumerate(langs):
            assert tell(k, lang=lang) is True

        assert len(received()) == len(langs)

    # Failing

    def test_failure(
        self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]], outage: Callable[[], Any]
    ) -> None:
        """C7: where the receiver refuses for now, an exception says so, and not `Undeliverable`."""
        with outage(), pytest.raises(Exception, match=r"\w") as caught:
            tell()

        assert not isinstance(caught.value, Undeliverable)
        assert list(received()) == []

    def test_recovery(
        self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]], outage: Callable[[], Any]
    ) -> None:
        """C8: once the receiver takes again, the same notification arrives, and the next."""
        with outage(), pytest.raises(Exception, match=r"\w"):
            tell(1)
        tell(1)
        tell(2)

        assert len(received()) == 2
        assert all(str(UUID(int=k)) in one.id for k, one in enumerate(received(), 1))

    def test_hopeless(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]], lost: str) -> None:
        """C9: a recipient that can never be told is `Undeliverable`, and nothing arrives."""
        with pytest.raises(Undeliverable, match=r"\w"):
            tell(to=lost)

        assert list(received()) == []

    def test_hopeless_keeps_nobody(
        self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]], lost: str
    ) -> None:
        """C10: it keeps nobody else from being told."""
        tell(1)
        with pytest.raises(Undeliverable):
            tell(2, to=lost)
        tell(3)

        assert len(received()) == 2

    # Hostile words

    def _arrives(
        self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]], k: int, **words: Any
    ) -> bool:
        """Tell something; it arrives as it is, with nothing beside it, or is refused for good and does not arrive."""
        before = len(received())
        try:
            answer = tell(k, **words)
        except Undeliverable:
            assert len(received()) == before, words
            return False
        assert answer is True
        (one,) = list(received())[before:]
        if "subject" in words:
            assert one.subject == words["subject"]
        if "text" in words:
            assert _lines(words["text"]) in _lines(one.text)
        assert not [name for name in one.names if INJECTED in name.lower()], words
        return True

    def test_hostile_texts(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C11: texts arrive as they are: all scripts, quotes, control characters, and add nothing beside themselves."""
        lines = ("a\n.\nb", "a\n..\n.", "From me\n>From you", ". ", "--\n-- \n--x", "\n\n\nx")
        for k, text in enumerate((*(t[:1000] for t in HOSTILE), *RECORDED, *lines)):
            assert self._arrives(tell, received, k, text=f"{text} .") is True, text

    def test_hostile_subjects(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C12: a subject arrives as it is, or is refused for good; it adds nothing beside itself."""
        for k, subject in enumerate((*(text for text in HOSTILE if len(text) < 200), *INJECTIONS)):
            self._arrives(tell, received, k, subject=subject)

    def test_plain_subjects(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C13: subjects without control characters are not refused, in whatever script and whatever they look like."""
        subjects = [text for text in (*HOSTILE[:5], *TEMPLATES, "=?utf-8?q?hello?=", "Re: x") if text.isprintable()]
        for k, subject in enumerate(subjects):
            assert self._arrives(tell, received, k, subject=subject) is True, subject

    def test_hostile_references(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C14: nor does a reference add anything, or the kind of the notification, or what it is made of."""
        for k, text in enumerate(RECORDED):
            self._arrives(tell, received, k, reference=text, kind="x-injected/1", context={"x-injected": text})

    def test_hostile_addresses(
        self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]], address: str
    ) -> None:
        """C15: an address with more in it is refused, or tells one recipient, and adds nothing."""
        more = (f"{address},{address}", f"{address} {address}", f"{address};{address}", f"<{address}>", f"{address}\t")
        hostile = [f"{address}{text[1:]}" for text in RECORDED if text.startswith("a")]
        for k, to in enumerate((*hostile, *more, *INJECTIONS[9:15], "", " ", "\n", "\N{FULLWIDTH COMMERCIAL AT}")):
            before = len(received())
            try:
                tell(k, to=to)
            except Undeliverable:
                assert len(received()) == before, to
            else:
                (one,) = list(received())[before:]
                assert not [name for name in one.names if INJECTED in name.lower()], to

    def test_templates(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C16: what looks like a template, a command or a mark-up arrives as it is: nothing in it is carried out."""
        for k, text in enumerate(TEMPLATES):
            assert self._arrives(tell, received, k, text=text, subject=text) is True, text

    def test_large(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C17: a text of 8,000 characters arrives; a larger one arrives whole, or is refused for good."""
        for k, size in enumerate((1_000, 8_000, 60_000)):
            arrived = self._arrives(tell, received, k, text="\n".join(["0123456789" * 10] * (size // 100)))
            assert arrived or size > 8_000

    # What it keeps to itself, and what it keeps to

    def test_secrets(
        self,
        channel: Any,
        secrets: Sequence[str],
        tell: Callable[..., Any],
        broken: Callable[[], AbstractContextManager[Any]] | None,
        hopeless: str | None,
    ) -> None:
        """C18: what is secret stands in no error, nor in what the channel says of itself."""
        said = [repr(channel), str(channel), f"{channel}"]
        tries: list[tuple[Callable[[], Any], dict[str, str]]] = []
        tries += [] if hopeless is None else [(nullcontext, {"to": hopeless})]
        tries += [] if broken is None else [(broken, {})]
        for context, changes in tries:
            with context(), pytest.raises(Exception, match=r"\w") as caught:
                tell(**changes)
            error: BaseException | None = caught.value
            while error is not None:
                said += [str(error), repr(error)]
                error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

        assert not [text for text in said if any(secret in text for secret in secrets)]

    def test_short_errors(self, tell: Callable[..., Any], outage: Callable[[], Any]) -> None:
        """C19: an error is short, and printable whatever the receiver said."""
        with outage(), pytest.raises(Exception, match=r"\w") as caught:
            tell()

        assert len(str(caught.value)) <= 1000
        assert str(caught.value).isprintable()

    def test_hooks(self, channel: Any) -> None:
        """C20: it keeps to the hooks."""
        check_plugin(channel)

    def test_unconfigured(self, unconfigured: Any) -> None:
        """C21: named without its settings, it is refused at opening, by a `PluginError` that names it."""
        if unconfigured is None:
            pytest.skip("this channel needs no settings")
        with pytest.raises(PluginError, match="configured") as caught:
            Engine.open("memory:", plugins=[unconfigured])

        assert caught.value.plugin in str(unconfigured)

    def test_threads(self, tell: Callable[..., Any], received: Callable[[], Sequence[Received]]) -> None:
        """C22: several threads may tell at once: each of theirs arrives, once."""
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(tell, range(12)))

        ids = [one.id for one in received()]
        assert len(set(ids)) == len(ids) == 12

    # In an engine

    def test_opening(
        self,
        channel: Any,
        address: str,
        received: Callable[[], Sequence[Received]],
        outage: Callable[[], Any],
        clock: ManualClock,
    ) -> None:
        """C23: opening an engine, and a move, need no receiver; nothing arrives before it is delivered."""
        with outage(), self._desk(channel, address, clock) as engine:
            engine.start("cooperation", "a", by=CLERK)
            engine.options("a", by=CLERK)

        assert list(received()) == []

    def test_outbox(
        self, channel: Any, address: str, received: Callable[[], Sequence[Received]], clock: ManualClock
    ) -> None:
        """C24: an engine delivers by it what is in the outbox, each once and under its own id."""
        with self._desk(channel, address, clock) as engine:
            for k in range(3):
                engine.start("cooperation", f"a{k}", by=CLERK)
            engine.deliver()
            engine.deliver()
            ids = sorted(row.notification.id for row in engine.outbox("delivered"))

            assert not engine.outbox("pending")
        assert len(ids) == len(received())
        assert all(any(id_ in one.id for one in received()) for id_ in ids)

    def test_outbox_and_failure(
        self,
        channel: Any,
        address: str,
        received: Callable[[], Sequence[Received]],
        outage: Callable[[], Any],
        clock: ManualClock,
    ) -> None:
        """C25: what failed stays in the outbox with its error, and arrives later, once, under its id."""
        with self._desk(channel, address, clock) as engine:
            engine.start("cooperation", "a", by=CLERK)
            with outage():
                engine.deliver()
            (row,) = engine.outbox("pending")
            assert row.error
            clock.advance(days=1)
            engine.deliver()

        (one,) = received()
        assert row.notification.id in one.id

    def test_outbox_and_hopeless(
        self,
        channel: Any,
        received: Callable[[], Sequence[Received]],
        lost: str,
        clock: ManualClock,
    ) -> None:
        """C26: what can never be delivered is given up at the first try."""
        with self._desk(channel, lost, clock) as engine:
            engine.start("cooperation", "a", by=CLERK)
            engine.deliver()
            (row,) = engine.outbox("dead")

        assert row.tries == 1
        assert list(received()) == []
