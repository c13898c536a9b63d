"""From an event to a letter box: what subscriptions tell, in words from templates, through a real mail server."""

from __future__ import annotations

import pytest

from proof.receivers import PostOffice
from stagegate import Actor, Document, Engine, Process, Stage, Subscription, document
from stagegate.contrib.mail import MailChannel

PROCESS = Process(
    id="exchange",
    version="1",
    stages=(
        Stage("proposal", owner="school", gate=document("plan"), back_to="proposal"),
        Stage("done", owner="school"),
    ),
)
SCHOOL = Actor(id="s-1", roles={"school"})
HARMLESS = "harmless"
HOSTILE = [
    *(
        "a\r\nBcc: spy@example.org",
        "a\nBcc: spy@example.org",
        "a\r\n\r\nbody",
        "a\r\n.\r\nMAIL FROM:<x@y>",
        "a\x0bb\x0cc\x85d\u2028e",
    ),
    *(
        "=?utf-8?q?=0ABcc:=20spy?=",
        "=?utf-8?b?CkJjYzogeA==?=",
        "=?utf-8?q?a?=\r\n =?utf-8?q?=0Ab?=",
        "\x1b]0;x\x07",
        "\u202egpj.exe",
    ),
    *(
        "${receipt}",
        "$title",
        "{0.__class__}",
        "{{7*7}}",
        "%(x)s",
        "<script>alert(1)</script>",
        "</body></html>",
        "<!--",
    ),
    *(
        "泉佐野市\n議会",
        "x" * 60_000,
        "a" * 997 + "é",
        "From x\nTo: y",
        "--=_boundary--",
        "\U0001f468\u200d\U0001f469",
    ),
]


def mailed(office: PostOffice, said: str) -> dict[str, tuple[str, str, str, list[str]]]:
    """Return what arrives of an agreement on which everything that people write is *said*: by kind, as a reader sees it."""
    channel = MailChannel(host="localhost", port=office.port, sender="agreements@city.example", security="plain")
    subscribed = [Subscription("mail", owner=True, lang="id", reference="number")]
    addresses = {"mail": {"school": "school@city.example"}}
    with Engine.open(
        "memory:", processes=[PROCESS], plugins=[channel], subscriptions=subscribed, addresses=addresses
    ) as engine:
        engine.start("exchange", "deal", title=said, by=SCHOOL)
        engine.record("deal", "number", said, by=SCHOOL)
        engine.attach("deal", Document.from_bytes(b"x", kind="paper", title=said), by=SCHOOL)
        engine.send_back("deal", "proposal", f"because {said}", by=SCHOOL)
        engine.hold("deal", f"because {said}", by=SCHOOL)
        delivered = engine.deliver()

        assert (5, 0, 0) == (delivered.delivered, delivered.failed, delivered.dead)
    read = {
        mail.header("Stagegate-Kind"): (mail.header("Subject"), mail.body(), mail.body("html"), list(mail.raw.keys()))
        for mail in office.mails
    }
    assert [["school@city.example"]] * 5 == [mail.to for mail in office.mails]
    office.mails.clear()
    return read


@pytest.mark.parametrize("said", HOSTILE, ids=lambda said: ascii(said)[:40])
def test_what_is_recorded_arrives_as_text(office: PostOffice, said: str) -> None:
    """No title, name, number or reason brings a header, a line or a recipient of its own, or keeps a mail from leaving."""
    harmless, hostile = mailed(office, HARMLESS), mailed(office, said)

    assert list(harmless) == list(hostile)
    for kind, (subject, text, html, headers) in hostile.items():
        assert harmless[kind][3] == headers
        assert subject.isprintable() or "\u200d" in subject
        assert len(harmless[kind][1].splitlines()) == len(text.splitlines())
        assert html.count("<") == harmless[kind][2].count("<")
        assert 1 == text.count("\n-- \n")


def test_a_mail_says_what_happened(office: PostOffice) -> None:
    """Subject, text and HTML are in the reader's language, and the receipt stands at the foot once."""
    subject, text, html, headers = mailed(office, "Pertukaran 2026")["stage.returned"]

    assert "Pertukaran 2026: dikembalikan ke tahap proposal" == subject
    assert "Alasan: because Pertukaran 2026\n" in text
    assert (1, 1) == (text.count("Tanda bukti: deal #4 "), html.count("Tanda bukti: deal #4 "))
    assert 1 == text.count("Nomor rujukan: Pertukaran 2026\n")
    assert {"Subject", "Stagegate-Reference", "Stagegate-Receipt"} <= set(headers)
