"""Words that try to add a header, a recipient, another mail, or to be carried out: refused, or delivered harmlessly."""

from __future__ import annotations

from base64 import b64encode
from itertools import product
from typing import Any

import pytest

from proof.receivers import Guard, Hooks, PostOffice
from stagegate import InvalidValue, Message, Undeliverable
from stagegate.contrib.apprise import AppriseChannel
from stagegate.contrib.mail import MailChannel
from stagegate.contrib.webhook import WebhookChannel
from stagegate.testing import make_notification
from stagegate.testing._channels import INJECTIONS, TEMPLATES

SENDER, TO, VICTIM = "agreements@city.example", "council@city.example", "victim@elsewhere.example"
SECRET = "whsec_c3RhZ2VnYXRlIGV4YW1wbGUgc2VjcmV0ICE="  # noqa: S105  it opens nothing

BREAKS = (
    *("\r\n", "\n", "\r", "\n\r", "\r\r\n", "\r\n\r\n", "\n\n", "\r\n ", "\n\t", "\r\n \r\n", " \r\n"),
    *("\x00", "\x00\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\x7f", "\x85", "\u2028", "\u2029"),
)
HEADERS = (f"Bcc: {VICTIM}", "Content-Type: text/html", "X-Injected: 1", f"To: {VICTIM}", "Subject: Another")
HIDDEN = tuple(f"a{at}{header}" for at, header in product(BREAKS, HEADERS))
"""A header behind what some reader takes for the end of a line."""


def _words(header: str) -> list[str]:
    """Return encoded words that hide a header behind the end of a line."""
    words = []
    for end, charset in product(("\n", "\r\n", "\r"), ("utf-8", "us-ascii", "iso-8859-1", "unknown", "utf-8*en")):
        coded = "".join(f"={byte:02x}" if chr(byte) in "\r\n:@" else chr(byte) for byte in f"a{end}{header}".encode())
        words += [
            f"=?{charset}?q?{coded.replace(' ', '_')}?=",
            f"=?{charset.upper()}?Q?{coded.replace(' ', '=20').upper()}?=",
        ]
        words.append(f"=?{charset}?b?{b64encode(f'a{end}{header}'.encode()).decode()}?=")
        words.append(f"=?{charset}?B?{b64encode(f'a{end}{header}'.encode()).decode().rstrip('=')}?=")
        words.append(f"before =?{charset}?q?{coded.replace(' ', '_')}?= after =?utf-8?q?harmless?=")
    for charset in ("utf-16", "utf-16be", "utf-16le", "utf-32", "utf-7"):
        words.append(f"=?{charset}?b?{b64encode(f'a{chr(10)}{header}'.encode(charset)).decode()}?=")
    return words


ENCODED = tuple(_words(f"Bcc: {VICTIM}") + _words("X-Injected: 1"))
SMUGGLED = tuple(
    f"x{dot}MAIL FROM:<{SENDER}>\r\nRCPT TO:<{VICTIM}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx{dot}"
    for dot in ("\r\n.\r\n", "\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\n.\r", "\r\n\x00.\r\n")
)
"""Ends of a mail, as some server reads them, and another mail behind."""
ADDRESSES = (
    *("", " ", "@", "a@", "@b", "a", "a@b@c", "a@@b", "a b@c.example", "a@b c", f"{TO},{VICTIM}", f"{TO}, {VICTIM}"),
    *(f"{TO};{VICTIM}", f"{TO} {VICTIM}", f"{TO}\t{VICTIM}", f"<{TO}>", f"Council <{TO}>", f"<{TO}> <{VICTIM}>"),
    *(f'"{TO}" <{VICTIM}>', f'"a b"@{"c.example"}', '"a\\"b"@c.example', f"a({VICTIM})@c.example", "a@c.example(x)"),
    *(f"friends:{TO},{VICTIM};", "undisclosed-recipients:;", f"@relay.example:{TO}", f"{TO}%relay.example@x.example x"),
    *("a@[127.0.0.1]", "a@[IPv6:::1]", "a@127.0.0.1", "a@2130706433", "a@b..example", "a@.b.example", "a@b.example."),
    *(
        "a@-b.example",
        "a@b-.example",
        "a@b_c.example",
        ".a@b.example",
        "a.@b.example",
        "a..b@c.example",
        "a@" + "b" * 64,
    ),
    *("a" * 65 + "@b.example", "a@" + "b." * 127 + "c", "é@b.example", "a@b\u3002example", "a@\uff42.example"),
    *(
        "a@fa\u00df.example",
        "a@b\u200d.example",
        "a@\u2460.example",
        "a@b\u202e.example",
        "a@b%00.example",
        "a\x00@b.example",
    ),
    *(
        "a\\@b.example",
        "a@b\\.example",
        "a,b@c.example",
        "a;b@c.example",
        "a:b@c.example",
        "<a@b.example",
        "a@b.example>",
    ),
    *(f"{TO} SIZE=1", f"{TO}> BODY=8BITMIME", f"{TO}>\r\nRCPT TO:<{VICTIM}", "mailto:a@b.example", "a@b.example?bcc=x"),
    *(
        "=?utf-8?q?a=0aBcc=3a?=@b.example",
        f"=?utf-8?q?{TO}?=",
        "a@=?utf-8?q?b?=.example",
        "postmaster",
        "|id@b.example x",
    ),
)


def test_there_are_enough() -> None:
    """There are at least two hundred payloads, no two alike."""
    everything = {*HIDDEN, *ENCODED, *SMUGGLED, *ADDRESSES, *INJECTIONS, *TEMPLATES}

    assert len(everything) >= 200


@pytest.fixture
def mail(office: PostOffice) -> MailChannel:
    """Return a channel to the server."""
    return MailChannel(host="127.0.0.1", port=office.port, sender=SENDER, security="plain")


ALWAYS = {
    *("From", "List-Id", "Auto-Submitted", "To", "Subject", "Date", "Message-ID", "Content-Language"),
    *("Stagegate-Kind", "Stagegate-Receipt", "Content-Type", "MIME-Version", "Content-Transfer-Encoding"),
}


def harmless(office: PostOffice, *more: str) -> None:
    """Look at the last mail: it went to one recipient, with the headers it always has, each once."""
    last = office.mails[-1]

    assert (SENDER, [TO]) == (last.sender, last.to)
    assert sorted([*ALWAYS, *more]) == sorted(last.raw.keys()) == sorted(last.parsed.keys())
    assert TO == last.raw["To"]
    assert last.raw.get_content_type() == "text/plain"


class TestMail:
    """What people wrote travels by mail."""

    @pytest.mark.parametrize("words", [HIDDEN, ENCODED, SMUGGLED], ids=["hidden", "encoded", "smuggled"])
    def test_subject_is_refused(
        self, mail: MailChannel, office: PostOffice, guard: Guard, words: tuple[str, ...]
    ) -> None:
        """A subject with the end of a line in it, plain or encoded, is undeliverable, and no server is called."""
        for subject in words:
            with pytest.raises(Undeliverable, match="subject: it holds"):
                mail.stagegate_deliver(make_notification("mail", to=TO), Message(subject=subject, text="x"))

        assert ([], []) == (guard.connections, office.mails)

    @pytest.mark.parametrize(
        "subject", [*TEMPLATES, *(word for word in INJECTIONS if word.isprintable() and "=?" not in word)]
    )
    def test_subject_is_harmless(self, mail: MailChannel, office: PostOffice, subject: str) -> None:
        """Any other subject arrives as it is, and adds nothing."""
        mail.stagegate_deliver(make_notification("mail", to=TO), Message(subject=subject, text="x"))

        harmless(office)
        assert subject == office.mails[0].header("Subject")

    def test_reference_is_refused(self, mail: MailChannel, office: PostOffice, guard: Guard) -> None:
        """So it is with a reference, which stands in a header too."""
        for reference in (*HIDDEN, *ENCODED, *SMUGGLED):
            if "\0" not in reference:
                told = make_notification("mail", to=TO, reference=reference)
                with pytest.raises(Undeliverable, match="reference: it holds"):
                    mail.stagegate_deliver(told, Message(subject="x", text="x"))

        assert ([], []) == (guard.connections, office.mails)

    def test_address_is_refused(self, mail: MailChannel, office: PostOffice, guard: Guard) -> None:
        """What is not one plain address is undeliverable, and no server is called."""
        hidden = [f"{TO}{word[1:]}" for word in HIDDEN] + [f"{word}@city.example" for word in (*HIDDEN, *ENCODED)]
        for to in (*ADDRESSES, *hidden, *ENCODED, *SMUGGLED):
            told = make_notification("mail", to="x").placed(to=to)
            with pytest.raises(Undeliverable, match="to: "):
                mail.stagegate_deliver(told, Message(subject="x", text="x"))

        assert ([], []) == (guard.connections, office.mails)

    def test_id_is_refused(self, mail: MailChannel, guard: Guard) -> None:
        """Nor can the id of a notification, or the language of its words, carry anything into a header."""
        for word in (*HIDDEN, *ENCODED[:9], "a b", "<a@b>", "a>", ""):
            with pytest.raises(Undeliverable, match="cannot stand in the header"):
                mail.stagegate_deliver(make_notification("mail", to=TO, id=word), Message(subject="x", text="x"))
            with pytest.raises(Undeliverable, match="cannot stand in the header"):
                mail.stagegate_deliver(make_notification("mail", to=TO), Message(subject="x", text="x", lang=word))

        assert [] == guard.connections

    def test_names_are_refused(self) -> None:
        """The names of the settings carry nothing either."""
        for word in (*HIDDEN, *ENCODED):
            for setting in ("sender_name", "list_name", "list_id", "sender", "reply_to", "domain"):
                with pytest.raises(InvalidValue, match=f"{setting}: "):
                    MailChannel(**{"host": "h", "sender": SENDER, "security": "plain", setting: word})

    @pytest.mark.parametrize("where", ["text", "html", "context"])
    def test_text_is_harmless(self, mail: MailChannel, office: PostOffice, where: str) -> None:
        """Whatever a text says, it arrives as it is, in one mail to one recipient."""
        words = [*HIDDEN[::3], *ENCODED[::9], *SMUGGLED, *TEMPLATES]
        text = "\n".join(words)
        told = make_notification("mail", to=TO, context={"text": text.replace("\0", "")})
        message = Message(subject="x", text=text if where != "html" else "x", html=text if where == "html" else "")
        mail.stagegate_deliver(told, message)

        (one,) = office.mails
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        if where == "html":
            assert plain in one.body("html")
            assert one.to == [TO]
        else:
            assert plain in one.body()
            harmless(office)

    @pytest.mark.parametrize("text", SMUGGLED)
    def test_smuggling(self, mail: MailChannel, office: PostOffice, text: str) -> None:
        """No text ends a mail and begins another: on the way there is no lone CR or LF, and no dot on a line of its own."""
        mail.stagegate_deliver(make_notification("mail", to=TO), Message(subject="x", text=text))

        (one,) = office.mails
        harmless(office)
        assert b"\r" not in one.data.replace(b"\r\n", b"")
        assert b"\n" not in one.data.replace(b"\r\n", b"")
        assert b"." not in one.data.split(b"\r\n")

    def test_ids_of_agreements(self, mail: MailChannel, office: PostOffice) -> None:
        """The id of an agreement, which may be of any script, stands in the receipt and adds nothing."""
        for id_ in ("協定 2026: 1", "=?utf-8?q?hello?=", 'a": b, <c@d>;', "%s {0}", "x" * 200):
            told = make_notification("mail", to=TO, agreement=id_)
            mail.stagegate_deliver(told, Message(subject="x", text="x"))
            harmless(office)

            assert f"{id_} #2" == office.mails[-1].header("Stagegate-Receipt").strip()


class TestWebhook:
    """What people wrote travels by webhook."""

    def test_words_are_harmless(self, hooks: Hooks) -> None:
        """All of it stands inside the JSON, as it is; no header is added, and nothing is asked but the one path."""
        about: Any = {"secret": SECRET, "allow_networks": ["127.0.0.0/8"]}
        channel = WebhookChannel(hosts=[f"http://127.0.0.1:{hooks.port}"], **about)
        words = [word for word in (*HIDDEN[::4], *ENCODED[::7], *SMUGGLED, *TEMPLATES) if "\0" not in word]
        for word in words:
            to = f"http://127.0.0.1:{hooks.port}/a"
            told = make_notification("webhook", to=to, reference=word, context={"x": word})
            assert channel.stagegate_deliver(told, Message(subject=word, text=word)) is True

        names = {
            *("host", "content-type", "content-length", "user-agent"),
            *("webhook-id", "webhook-timestamp", "webhook-signature"),
        }
        assert [{"/a"}, {"POST"}] == [{r.path for r in hooks.requests}, {r.method for r in hooks.requests}]
        assert [names] * len(words) == [set(request.headers) for request in hooks.requests]
        for word, request in zip(words, hooks.requests, strict=True):
            data = request.event["data"]
            assert [word] * 4 == [data["subject"], data["text"], data["reference"], data["context"]["x"]]

    def test_id_adds_no_header(self, hooks: Hooks) -> None:
        """An id with the end of a line in it is not sent."""
        about: Any = {"secret": SECRET, "allow_networks": ["127.0.0.0/8"]}
        channel = WebhookChannel(hosts=[f"http://127.0.0.1:{hooks.port}"], **about)
        for at in ("\r\n", "\n", "\r", "\0"):
            told = make_notification("webhook", to=f"http://127.0.0.1:{hooks.port}/", id=f"a{at}X-Injected: 1")
            with pytest.raises(ConnectionError, match="LocalProtocolError"):
                channel.stagegate_deliver(told, Message(subject="x", text="x"))

        assert [] == hooks.requests


class TestApprise:
    """What people wrote travels by Apprise."""

    def test_words_are_harmless(self, hooks: Hooks) -> None:
        """All of it is the title and the text of one message, as it is."""
        channel = AppriseChannel(schemes=["json"], targets={"council": f"json://127.0.0.1:{hooks.port}/"})
        words = [*HIDDEN[::9], *ENCODED[::9], *SMUGGLED[:3], *TEMPLATES]
        for word in words:
            told = make_notification("apprise", to="council")
            assert channel.stagegate_deliver(told, Message(subject=word, text=word)) is True

        assert len(words) == len(hooks.requests)
        for word, request in zip(words, hooks.requests, strict=True):
            assert request.event["title"] == word.strip()
            assert word in request.event["message"]
            assert set(request.event) == {"version", "title", "message", "attachments", "type"}
            assert request.event["attachments"] == []
