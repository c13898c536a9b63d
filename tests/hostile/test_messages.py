"""What is recorded on an agreement is never read as a template, as markup, as a header or as a line of its own."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser
from itertools import chain

import pytest

from stagegate import (
    Actor,
    Document,
    Engine,
    Message,
    Notification,
    Party,
    Process,
    Stage,
    Subscription,
    hookimpl,
    unguarded,
)
from stagegate._kinds import COMMON, KINDS, PROOF
from stagegate._messages import Wording
from stagegate.testing import ManualClock

FIELDS = sorted({*COMMON, *PROOF, *chain.from_iterable(KINDS.values())})

DOLLARS = [
    *(f"${name}" for name in FIELDS),
    *(f"${{{name}}}" for name in FIELDS),
    *("$", "$$", "$$title", "${", "${}", "$}", "${title", "$1", "$0", "$_", "$__class__", "${__class__}", "${title.x}"),
    *("$$$title", "${${title}}", "$${title}", "$ti${tle}", "${title!r}", "${title:>99}", "$(id)", "`id`", "$((7*7))"),
    *("${7*7}", "${env:HOME}", "${jndi:ldap://x/a}", "${{7*7}}", "#{7*7}", "*{7*7}", "@{7*7}", "~{7*7}"),
]
"""What our own templates would fill in, and what looks like it elsewhere."""

BRACES = [
    *("{}", "{0}", "{1}", "{title}", "{receipt}", "{{}}", "{{title}}", "{", "}", "{{", "}}", "{!r}", "{:>9999999}"),
    *("{0.__class__}", "{title.__class__}", "{title.__class__.__mro__}", "{0.__init__.__globals__}", "{0[0]}"),
    *(
        "{title.__init__.__globals__[os].environ}",
        "{title!r:{title}}",
        "{body}",
        "{foot}",
        "{lang}",
        "{by}",
        "{reason}",
    ),
    *("{{7*7}}", "{{config}}", "{{self.__init__.__globals__}}", "{{''.__class__.__mro__[1].__subclasses__()}}"),
    *("{% include 'x' %}", "{% for x in y %}", "{# x #}", "{{=7*7}}", "{{{title}}}", "{{&title}}", "{{>partial}}"),
    *("{{#title}}x{{/title}}", "{{constructor.constructor('alert(1)')()}}", "{php}echo 1;{/php}", "{if 1}x{/if}"),
]
"""What str.format, Jinja, Mustache, Angular and others would fill in."""

OTHERS = [
    *("%s", "%(title)s", "%d%d%d", "%n", "%99999999s", "%", "%%", "%x", "%{title}", "%TITLE%"),
    *("<%= 7*7 %>", "<% x %>", "<%# x %>", "<?php echo 1 ?>", "<?= 1 ?>", "<#assign x=1>", "[[${7*7}]]", "[[title]]"),
    *(
        "#set($x=7*7)$x",
        "#foreach($x in $y)",
        "@(7*7)",
        "@title",
        "\\{title\\}",
        "\\$title",
        "\\u0024title",
        "&#36;title",
    ),
    *("__import__('os').system('id')", "eval('1')", "!!python/object/apply:os.system ['id']", "f'{title}'", "=1+1"),
    *(
        '=HYPERLINK("http://x")',
        "@SUM(1)",
        "'; DROP TABLE outbox; --",
        "../../etc/passwd",
        "\\x00",
        "%00",
        "%0d%0aBcc: x",
    ),
]
"""What other languages would run."""

MARKUP = [
    *(
        "<b>",
        "</b>",
        "<script>alert(1)</script>",
        "</script>",
        "<ScRiPt>",
        "<script/x>",
        "<<script>",
        "<img src=x onerror=alert(1)>",
    ),
    *(
        "<svg onload=alert(1)>",
        "<svg/onload=alert(1)>",
        "<iframe src=javascript:alert(1)>",
        "<a href='javascript:x'>y</a>",
    ),
    *(
        "<body onload=x>",
        "</body></html>",
        "</div></div>",
        "</title><script>x</script>",
        "<style>*{}</style>",
        "<link rel=x>",
    ),
    *("<meta http-equiv=refresh content=0>", "<base href=//x>", "<form action=//x>", "<input autofocus onfocus=x>"),
    *(
        "<!--",
        "-->",
        "<!-- x -->",
        "<![CDATA[x]]>",
        "]]>",
        "<!DOCTYPE x>",
        "<?xml version='1.0'?>",
        "<x:y>",
        "<math><mi//xlink:href=x>",
    ),
    *(
        '" onmouseover="x',
        "' onmouseover='x",
        '"><img src=x>',
        "'><img src=x>",
        "&",
        "&lt;b&gt;",
        "&amp;lt;",
        "&#60;b&#62;",
        "&#x3c;",
    ),
    *(
        "&lt",
        "&nbsp;",
        "&unknown;",
        "&#0;",
        "&#xD800;",
        "<",
        ">",
        '"',
        "'",
        "`",
        "<b",
        "b>",
        "< b >",
        "<b\n>",
        "<\tb>",
        "\u2039b\u203a",
    ),
    *(
        "\uff1cscript\uff1e",
        "<sc\u200bript>",
        "<li></ul>",
        "<br>",
        "<hr>",
        "<table><tr><td>",
        "<textarea>",
        "<plaintext>",
        "<noscript>",
    ),
]
"""What a reader of HTML would act on."""

LINES = [
    *(
        "a\r\nBcc: x@example.org",
        "a\nBcc: x@example.org",
        "a\rBcc: x@example.org",
        "a\r\n\r\nbody",
        "\nSubject: x",
        "\r\n.\r\n",
    ),
    *(
        "a\n.\nQUIT",
        "a\n-- \nReceipt: forged #1 00",
        "a\n\n-- \nReference: forged",
        "a\nReceipt: forged",
        "a\u2028Receipt: forged",
    ),
    *(
        "a\u2029Receipt: forged",
        "a\x85Receipt: forged",
        "a\x0bReceipt: forged",
        "a\x0cReceipt: forged",
        "a\x1cReceipt: x",
    ),
    *(
        "a\x1dx",
        "a\x1ex",
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "a\x08\x08\x08b",
        "a\x7fb",
        "a\x9bb",
        "\t\t\ta",
        "   a   ",
    ),
    *(
        "\n" * 50 + "a",
        "a" + " " * 500 + "b",
        "--boundary\nContent-Type: text/html",
        "From x\nFrom y",
        "a\nTo: y\n\tfolded",
    ),
    *(
        "=?utf-8?q?=0ABcc:=20x?=",
        "=?utf-8?b?CkJjYzogeA==?=",
        "=?x?=",
        "=?utf-8?q?a?= =?utf-8?q?=0Ab?=",
        "=\n?utf-8?q?x?=",
    ),
    *(
        "\u202egpj.exe",
        "\u202dabc\u202c",
        "\u2066x\u2069",
        "\u200f\u200ex",
        "\ufeffx",
        "\u061cx",
        "a\u0301\u0301\u0301" * 50,
    ),
    *("\U0001f468\u200d\U0001f469\u200d\U0001f467", "ﷺ" * 20, "泉佐野市\r\n議会", "x" * 60_000, "<" * 5000, "&" * 5000),
    *("a  \n\n  b", "\u00a0a\u00a0", "\u3000a\u3000b", "http://x.example/\r\nX: y", "[x](javascript:y)", "![x](//y)"),
]
"""What would begin a header or a line of its own, or hide what stands beside it."""

PAYLOADS = [*DOLLARS, *BRACES, *OTHERS, *MARKUP, *LINES]

OFFICE = Process(
    id="office",
    version="1",
    stages=(Stage("a", owner="boss", gate=unguarded("x"), back_to="a"), Stage("b", owner="boss", back_to="a")),
)
BOSS = Actor(id="ann", roles={"boss"})
HARMLESS = "harmless"
JOINERS = "\u200c\u200d"


class Seen(HTMLParser):
    """Takes down the markup of a message, and the text between."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.markup: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take it down with its attributes."""
        self.markup.append(f"<{tag} {attrs}>")

    def handle_endtag(self, tag: str) -> None:
        """Take it down."""
        self.markup.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        """Take it down."""
        self.markup.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        """Take it down."""
        self.markup.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        """Take it down."""
        self.markup.append(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        """Take it down."""
        self.markup.append(f"<![{data}]>")

    def handle_data(self, data: str) -> None:
        """Take it down."""
        self.words.append(data)


def seen(html: str) -> Seen:
    """Read a page as a browser would."""
    parser = Seen()
    parser.feed(html)
    parser.close()
    return parser


def plainly(payload: str) -> str:
    """Return what is left of a payload in a line of text: what is seen, and what joins."""
    short = "".join(sign for sign in payload[:4000] if unicodedata.category(sign) != "Cf" or sign in JOINERS)
    spaced = (" " if unicodedata.category(sign) in {"Cc", "Zl", "Zp"} else sign for sign in short)
    return " ".join("".join(spaced).split())


def compare(message: Message, harmless: Message) -> None:
    """Make sure that a message is built like one of harmless data: the same lines, the same markup, the same foot."""
    assert not [sign for sign in message.subject if unicodedata.category(sign) in {"Cc", "Zl", "Zp"}]
    assert "=?" not in message.subject
    assert len(message.subject) <= 301
    assert len(harmless.text.split("\n")) == len(message.text.split("\n"))
    assert len(harmless.text.splitlines()) == len(message.text.splitlines())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", message.text)
    assert [line for line in message.text.split("\n") if line.startswith("Receipt")] == message.text.split("\n")[-2:-1]
    assert seen(harmless.html).markup == seen(message.html).markup
    assert harmless.html.count("\n") == message.html.count("\n")


def told(payload: str, kind: str) -> Message:
    """Return the message of a kind whose every value is *payload*."""
    values = dict.fromkeys((*COMMON, *KINDS[kind]), payload) | (
        {"reasons": [payload, "b"]} if "reasons" in KINDS[kind] else {}
    )
    notification = Notification(channel="mail", kind=kind, context=values, reference=payload)
    return Wording().render(notification.placed(agreement="deal", n=1, hash=bytes(32)))


def test_there_are_enough() -> None:
    """Two hundred payloads and more, none of them twice."""
    assert len(PAYLOADS) >= 200
    assert len(set(PAYLOADS)) == len(PAYLOADS)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload)[:40])
def test_a_value_stays_a_value(payload: str) -> None:
    """In every field of a refusal and of what is late, a payload is text: neither filled in, nor markup, nor a line."""
    for kind in ("move.refused", "deadline.overdue"):
        message, harmless = told(payload, kind), told(HARMLESS, kind)
        said = plainly(payload)

        compare(message, harmless)
        if len(said) <= 100:
            assert said.replace("=?", "= ?") in message.subject
            assert said in message.text
            assert said in "".join(seen(message.html).words)


@pytest.mark.parametrize(
    "payload", ["a\r\nBcc: x", "a\nReceipt: forged", "<b>", "</div>", "=?utf-8?q?=0Ab?=", "<!-- x -->"]
)
def test_what_would_break_is_seen(payload: str) -> None:
    """The comparison is no formality: a message into which a payload was put as it is does not pass."""
    harmless = told(HARMLESS, "agreement.ended")
    parts = {part: getattr(harmless, part).replace(HARMLESS, payload) for part in ("subject", "text", "html")}
    broken = Message(**parts)

    with pytest.raises(AssertionError):
        compare(broken, harmless)


class Mail:
    """Takes down what it is to deliver."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Message]] = []

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool:
        """Take it down."""
        self.got.append((notification.kind, message))
        return True


def life(payload: str) -> dict[str, Message]:
    """Return what is told of an agreement on which everything that people write is *payload*."""
    mail = Mail()
    engine = Engine.open(
        "memory:",
        processes=[OFFICE],
        plugins=[mail],
        subscriptions=[Subscription("mail", to="x@example.org", reference="number")],
        clock=ManualClock(),
    )
    engine.start("office", "deal", title=payload, parties=[Party("p", name=payload)], by=BOSS)
    engine.record("deal", "number", payload, source=payload, by=BOSS)
    engine.attach("deal", Document.from_bytes(b"x", kind="paper", title=payload), by=BOSS)
    engine.note("deal", payload, by=BOSS)
    engine.advance("deal", by=BOSS)
    engine.send_back("deal", "a", payload, by=BOSS)
    engine.hold("deal", payload, by=BOSS)
    engine.end("deal", "withdrawn", payload, by=BOSS)
    engine.deliver()
    return dict(mail.got)


@pytest.fixture(scope="module")
def harmless() -> dict[str, Message]:
    """Return what is told of harmless data."""
    return life(HARMLESS)


@pytest.mark.parametrize("payload", [p for p in PAYLOADS if p.strip()], ids=lambda payload: ascii(payload)[:40])
def test_what_is_recorded_stays_data(payload: str, harmless: dict[str, Message]) -> None:
    """Titles, names, facts, notes and reasons come out as text in everything that is told of an agreement."""
    told = life(payload)

    assert set(harmless) == set(told)
    for kind, message in told.items():
        compare(message, harmless[kind])
        if len(plainly(payload)) <= 100:
            assert plainly(payload) in message.text
