"""Mail, against a real server on loopback: how it travels, what stands in it, what becomes of refusals."""

from __future__ import annotations

import re
import smtplib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from email.header import decode_header, make_header
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any, Self

import pytest

from proof.receivers import CERTIFICATE, Abrupt, Guard, PostOffice, Witness
from stagegate import Engine, InvalidValue, Message, Notification, Undeliverable, hookimpl
from stagegate.contrib.mail import MailChannel, _sending, configured
from stagegate.contrib.mail._writing import only
from stagegate.testing import make_notification, make_process
from stagegate.testing._lives import CLERK

PASSWORD = "correct horse battery staple"  # noqa: S105  it opens nothing
SENDER = "agreements@city.example"
TO = "council@city.example"
MESSAGE = Message(subject="Your turn", text="It is your turn.\n")

Opened = Callable[..., PostOffice]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Return what opens mail servers."""
    offices: list[PostOffice] = []

    def opened(**about: Any) -> PostOffice:
        offices.append(PostOffice(**about))
        return offices[-1]

    yield opened
    for office in offices:
        office.close()


def channel(office: PostOffice, **about: Any) -> MailChannel:
    """Return a channel to a server, plain if nothing else is said."""
    return MailChannel(**{"host": "localhost", "port": office.port, "sender": SENDER, "security": "plain", **about})


def note(**about: Any) -> Notification:
    """Return a notification to somebody."""
    return make_notification("mail", **{"to": TO, **about})


class Silent:
    """A server that says one thing to whoever calls, and then nothing more."""

    def __init__(self, said: bytes) -> None:
        """Listen at once."""
        self.calls = 0
        self.said = said

    def __enter__(self) -> Self:
        silent = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                silent.calls += 1
                self.request.sendall(silent.said)
                while self.request.recv(1024):
                    pass

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class TestTheWay:
    """How a mail reaches the server."""

    def test_plain(self, office: PostOffice) -> None:
        """A plain connection delivers to a server that wants no more, from the sender and to the one address."""
        assert channel(office).stagegate_deliver(note(), MESSAGE) is True

        (mail,) = office.mails
        assert (SENDER, [TO], False) == (mail.sender, mail.to, mail.encrypted)
        assert office.hello == "city.example"

    def test_starttls(self, opened: Opened) -> None:
        """STARTTLS encrypts before anything is said, and the login travels inside it."""
        office = opened(starttls=True, password=PASSWORD)
        login = {"user": "agreements", "password": PASSWORD}
        channel(office, security="starttls", cafile=CERTIFICATE, **login).stagegate_deliver(note(), MESSAGE)

        (mail,) = office.mails
        assert (True, b"agreements") == (mail.encrypted, mail.login)

    def test_tls(self, opened: Opened) -> None:
        """TLS encrypts from the first byte."""
        office = opened(tls=True)
        channel(office, security="tls", cafile=CERTIFICATE).stagegate_deliver(note(), MESSAGE)

        assert [True] == [mail.encrypted for mail in office.mails]

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    def test_unknown_certificate(self, opened: Opened, security: str) -> None:
        """A server whose certificate nobody vouches for gets no mail."""
        office = opened(**{security: True})
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            channel(office, security=security).stagegate_deliver(note(), MESSAGE)

        assert office.mails == []

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    def test_certificate_of_another(self, opened: Opened, security: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nor does one that shows the certificate of another host."""
        office = opened(**{security: True})
        found = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda _, *more, **about: found("127.0.0.1", *more, **about))
        with pytest.raises(ConnectionError, match="[Hh]ostname mismatch"):
            channel(office, host="other.test", security=security, cafile=CERTIFICATE).stagegate_deliver(note(), MESSAGE)

        assert office.mails == []

    def test_no_starttls(self, office: PostOffice) -> None:
        """A server that does not offer STARTTLS gets neither mail nor password: nothing falls back to plain."""
        login = {"user": "agreements", "password": PASSWORD}
        with pytest.raises(ConnectionError, match="STARTTLS"):
            channel(office, security="starttls", **login).stagegate_deliver(note(), MESSAGE)

        assert office.mails == []

    def test_wrong_password(self, opened: Opened) -> None:
        """A login that is refused is tried again, since it says nothing about the mail; the password is not shown."""
        office = opened(starttls=True, password="another")  # noqa: S106  it opens nothing
        about = {"cafile": CERTIFICATE, "user": "agreements", "password": PASSWORD}
        with pytest.raises(ConnectionError, match=r"refuses the login \(535\)") as caught:
            channel(office, security="starttls", **about).stagegate_deliver(note(), MESSAGE)

        assert not isinstance(caught.value, Undeliverable)
        assert PASSWORD not in str(caught.value)

    def test_login_where_there_is_none(self, opened: Opened) -> None:
        """A server that knows no logins is trouble on the way."""
        about = {"cafile": CERTIFICATE, "user": "agreements", "password": PASSWORD}
        with pytest.raises(ConnectionError, match="No suitable authentication"):
            channel(opened(starttls=True), security="starttls", **about).stagegate_deliver(note(), MESSAGE)

    @pytest.mark.parametrize("place", ["password_file", "password_env"])
    def test_password_is_kept_elsewhere(
        self, opened: Opened, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The password is read from a file, or from the environment variable that is named."""
        (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
        monkeypatch.setenv("AGREEMENTS_PASSWORD", PASSWORD)
        where = {"password_file": str(tmp_path / "password"), "password_env": "AGREEMENTS_PASSWORD"}[place]
        office = opened(tls=True, password=PASSWORD)
        about: Any = {"cafile": CERTIFICATE, "user": "agreements", place: where}
        channel(office, security="tls", **about).stagegate_deliver(note(), MESSAGE)

        assert [b"agreements"] == [mail.login for mail in office.mails]

    def test_nobody_there(self, witness: Witness) -> None:
        """A server that cannot be reached is trouble on the way."""
        port = witness.port
        witness.close()
        with pytest.raises(ConnectionError, match=f"localhost:{port}: ConnectionRefusedError"):
            MailChannel(host="localhost", port=port, sender=SENDER, security="plain").stagegate_deliver(note(), MESSAGE)

    def test_silent_server(self, witness: Witness) -> None:
        """A server that says nothing is given up after a time."""
        about: Any = {"security": "plain", "timeout": 1}
        with pytest.raises(ConnectionError, match="timed out"):
            MailChannel(host="127.0.0.1", port=witness.port, sender=SENDER, **about).stagegate_deliver(note(), MESSAGE)

    def test_silent_server_is_left_alone(self, witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who has waited for it in vain does not wait again for each mail to it; after half a minute it is asked anew."""
        mail = MailChannel(host="127.0.0.1", port=witness.port, sender=SENDER, security="plain", timeout=1)
        for said, calls in (("timed out", 1), ("asked again in [0-9]+ s", 0)):
            with pytest.raises(ConnectionError, match=said):
                mail.stagegate_deliver(note(), MESSAGE)
            assert calls == witness.calls
        now = time.monotonic
        monkeypatch.setattr(_sending, "monotonic", lambda: now() + _sending.PAUSE)
        with pytest.raises(ConnectionError, match="timed out"):
            mail.stagegate_deliver(note(), MESSAGE)

        assert 1 == witness.calls

    def test_silence_about_one_mail(self) -> None:
        """A server that has greeted, and is silent about one recipient, is asked about the next."""
        with Silent(b"220 x\r\n250 x\r\n250 sender\r\n") as server:
            mail = MailChannel(host="127.0.0.1", port=server.port, sender=SENDER, security="plain", timeout=1)
            for calls in (1, 2):
                with pytest.raises(ConnectionError, match="timed out"):
                    mail.stagegate_deliver(note(), MESSAGE)
                assert calls == server.calls

    @pytest.mark.parametrize("drip", [b"2", b"220-wait\r\n"])
    def test_dripping_server(self, drip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that never comes to the end of its answer is given up after the time that a mail has."""
        monkeypatch.setattr(_sending, "SESSION", 1)
        server = Abrupt(drip, again=0.05)
        about: Any = {"security": "plain", "port": server.port}
        with pytest.raises(ConnectionError, match="took too long|timed out"):
            MailChannel(host="127.0.0.1", sender=SENDER, **about).stagegate_deliver(note(), MESSAGE)
        server.close()

    def test_time_is_up(self, office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
        """Once the time of a mail is over nothing more is waited for, and nothing is sent."""
        monkeypatch.setattr(_sending, "SESSION", 0)
        with pytest.raises(ConnectionError, match="it took too long"):
            channel(office).stagegate_deliver(note(), MESSAGE)

        assert office.mails == []

    def test_nobody_to_talk_to(self) -> None:
        """What is said without a connection is trouble on the way."""
        with pytest.raises(smtplib.SMTPServerDisconnected):
            _sending._Timed(local_hostname="city.example").send(b"QUIT\r\n")

    def test_long_line(self) -> None:
        """A line without an end is no answer."""
        server = Abrupt(b"2" * 100_000)
        about: Any = {"security": "plain", "port": server.port}
        with pytest.raises(ConnectionError, match="Line too long"):
            MailChannel(host="127.0.0.1", sender=SENDER, **about).stagegate_deliver(note(), MESSAGE)
        server.close()

    def test_hanging_up_afterwards(self, office: PostOffice) -> None:
        """A server that hangs up after it took the mail has taken it: it is not sent again."""
        office.hangs_up = True

        assert channel(office).stagegate_deliver(note(), MESSAGE) is True
        assert len(office.mails) == 1

    def test_one_server_only(self, office: PostOffice, guard: Guard) -> None:
        """Only the server is called, and no other name is looked up, not even our own."""
        channel(office, host="127.0.0.1").stagegate_deliver(note(), MESSAGE)

        assert [("127.0.0.1", office.port)] == guard.connections
        assert {"127.0.0.1"} == set(guard.names)


class TestRefusals:
    """What becomes of a mail that is refused."""

    @pytest.mark.parametrize("when", ["MAIL", "RCPT", "DATA"])
    @pytest.mark.parametrize("code", [421, 450, 451, 452, 600])
    def test_for_now(self, office: PostOffice, when: str, code: int) -> None:
        """What is refused for now, or by no code of SMTP's, is tried again, whenever it was refused."""
        with office.refusing(**{when: f"{code} later, please"}), pytest.raises(ConnectionError, match=f"{code} later"):
            channel(office).stagegate_deliver(note(), MESSAGE)

    @pytest.mark.parametrize("when", ["MAIL", "RCPT", "DATA"])
    @pytest.mark.parametrize("code", [550, 552, 553, 554])
    def test_for_good(self, office: PostOffice, when: str, code: int) -> None:
        """What is refused for good is undeliverable, and says what the server said."""
        with (
            office.refusing(**{when: f"{code} never"}),
            pytest.raises(Undeliverable, match=f"localhost answered {code} never"),
        ):
            channel(office).stagegate_deliver(note(), MESSAGE)

    @pytest.mark.parametrize("code", [530, 535])
    def test_our_fault(self, office: PostOffice, code: int) -> None:
        """A refusal for want of a login is tried again: who mends the settings need not send everything anew."""
        with office.refusing(MAIL=f"{code} who are you"), pytest.raises(ConnectionError, match="who are you"):
            channel(office).stagegate_deliver(note(), MESSAGE)

    @pytest.mark.parametrize("greeting", [b"554 go away\r\n", b"421 too busy\r\n"])
    def test_at_the_door(self, greeting: bytes) -> None:
        """A server that refuses the connection has not refused the mail: it is tried again."""
        server = Abrupt(greeting)
        said = greeting.decode().strip()
        about: Any = {"host": "127.0.0.1", "port": server.port, "sender": SENDER, "security": "plain"}
        with pytest.raises(ConnectionError, match=f"answered {said}"):
            MailChannel(**about).stagegate_deliver(note(), MESSAGE)
        server.close()

    def test_one_recipient_keeps_no_other(self, office: PostOffice) -> None:
        """Each address is a mail of its own: one that is refused keeps nobody else from theirs."""
        mail = channel(office)
        with office.refusing(**{"gone@city.example": "550 no such mailbox"}):
            with pytest.raises(Undeliverable, match="no such mailbox"):
                mail.stagegate_deliver(note(to="gone@city.example"), MESSAGE)
            mail.stagegate_deliver(note(), MESSAGE)

        assert [[TO]] == [mail.to for mail in office.mails]

    def test_what_the_server_says(self, office: PostOffice) -> None:
        """What a server says is shown short and printable."""
        said = "554 \x1b[31mno\x07 " + "x" * 900
        with office.refusing(DATA=said), pytest.raises(Undeliverable) as caught:
            channel(office).stagegate_deliver(note(), MESSAGE)

        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300


class TestWords:
    """What stands in a mail."""

    def test_headers(self, office: PostOffice) -> None:
        """The headers say who, what, which matter and which event, and that nobody wrote it by hand."""
        about: Any = {"sender_name": 'Kota "Bekasi"', "reply_to": "office@city.example", "list_name": "Kerja sama"}
        told = note(reference="119/SK/2026", hash=bytes(32))
        channel(office, **about).stagegate_deliver(told, Message(subject="Giliran", text="…", lang="id"))

        (mail,) = office.mails
        headers = {name: mail.header(name) for name in mail.raw if name not in {"Date", "MIME-Version"}}
        assert {
            "From": f'"Kota \\"Bekasi\\"" <{SENDER}>',
            "Reply-To": "office@city.example",
            "To": TO,
            "Subject": "Giliran",
            "Message-ID": f"<{told.id}@city.example>",
            "List-Id": '"Kerja sama" <stagegate.city.example>',
            "Auto-Submitted": "auto-generated",
            "Content-Language": "id",
            "Content-Type": 'text/plain; charset="utf-8"',
            "Content-Transfer-Encoding": "base64",
            "Stagegate-Kind": "moved.advance",
            "Stagegate-Reference": "119/SK/2026",
            "Stagegate-Receipt": f"bekasi-izumisano #2 {'0' * 64}",
        } == headers
        assert parsedate_to_datetime(mail.header("Date")).tzinfo is not None

    def test_same_message_id(self, office: PostOffice) -> None:
        """However often a notification is sent, its mail has one `Message-ID`; another one has another."""
        mail = channel(office, domain="notices.city.example")
        for id_ in ("a-1", "a-1", "a-2"):
            mail.stagegate_deliver(note(id=id_), MESSAGE)

        wanted = [f"<{id_}@notices.city.example>" for id_ in ("a-1", "a-1", "a-2")]
        assert wanted == [mail.raw["Message-ID"] for mail in office.mails]

    def test_footer(self, office: PostOffice) -> None:
        """Reference and receipt stand below the text, in its language."""
        told = note(reference="119/SK/2026", hash=bytes(32))
        channel(office).stagegate_deliver(told, Message(subject="x", text="順番です。\n", lang="ja"))

        receipt = f"bekasi-izumisano #2 {'0' * 64}"
        assert f"順番です。\n\n-- \n参照番号：119/SK/2026\n証跡：{receipt}\n" == office.mails[0].body()

    def test_footer_once(self, office: PostOffice) -> None:
        """What the text says already is not said again."""
        told = note(reference="119/SK/2026")
        text = f"About 119/SK/2026.\n{str(told.receipt).strip()}\n"
        channel(office).stagegate_deliver(told, Message(subject="x", text=text))

        assert text == office.mails[0].body()

    @pytest.mark.parametrize("html", ["<p>Giliran Anda</p>", "<html><body><p>Giliran Anda</p></body></html>"])
    def test_html(self, office: PostOffice, html: str) -> None:
        """HTML comes beside the text, with the same footer, in which nothing is mark-up."""
        told = note(reference="<b>1</b>")
        channel(office).stagegate_deliver(told, Message(subject="x", text="Giliran Anda", html=html))

        (mail,) = office.mails
        assert mail.parsed.get_content_type() == "multipart/alternative"
        assert "Giliran Anda" in mail.body()
        said = mail.body("html")
        assert "<p>Giliran Anda</p>" in said
        assert "&lt;b&gt;1&lt;/b&gt;<br>Receipt: bekasi-izumisano #2" in said
        assert said.endswith("</body></html>") is html.endswith("</html>")

    @pytest.mark.parametrize(
        "subject",
        [
            "Persetujuan DPRD",
            "議会承認が必要です " * 12,
            "اتفاقية التعاون بين المدينتين",
            "Соглашение о сотрудничестве",
            "🤝🏽 " * 40,
            "a very long subject " * 20,
            "unbroken" * 60,
            "=?utf-8?q?hello?=",
            "  spaces   within  and around",
        ],
    )
    def test_subjects(self, office: PostOffice, subject: str) -> None:
        """A subject of any language, and of any length, arrives as it is, in lines that any server takes."""
        channel(office).stagegate_deliver(note(), Message(subject=subject, text="x"))

        (mail,) = office.mails
        assert subject.split() == mail.header("Subject").split()
        assert max(map(len, mail.data.split(b"\r\n"))) <= 998

    @pytest.mark.parametrize(
        "name", ["Kota Bekasi", "和泉佐野市役所 国際交流課 " * 6, "Pemerintah – Kota, (Bekasi) <x>", 'a"b\\c']
    )
    def test_names(self, office: PostOffice, name: str) -> None:
        """The name beside the sender may be of any script, and long; it stays beside the one address."""
        name = name.strip()
        channel(office, sender_name=name, list_name=name).stagegate_deliver(note(), MESSAGE)

        (mail,) = office.mails
        shown, address = parseaddr(mail.raw["From"].replace("\r\n", ""))
        assert (name, SENDER) == (str(make_header(decode_header(shown))), address)
        assert [SENDER] == [sender.addr_spec for sender in mail.parsed["From"].addresses]
        assert mail.header("List-Id").endswith(" <stagegate.city.example>")
        assert max(map(len, mail.data.split(b"\r\n"))) <= 78

    def test_domains_of_any_script(self, office: PostOffice) -> None:
        """The domain of an address may be of any script; it travels in ASCII."""
        channel(office).stagegate_deliver(note(to="council@bücher.example"), MESSAGE)

        assert [["council@xn--bcher-kva.example"]] == [mail.to for mail in office.mails]

    def test_no_character(self, office: PostOffice) -> None:
        """A text that is no text is undeliverable."""
        with pytest.raises(Undeliverable, match="text: it holds .*, which is no character"):
            channel(office).stagegate_deliver(note(), Message(subject="x", text="a\ud800"))

    def test_what_only_looks_encoded(self, office: PostOffice) -> None:
        """What looks like an encoded word and is none arrives as it is."""
        for subject in ("=?utf-8?b?a?=", "=?utf-8?q??=", "=?x?b?!?=", "=?utf-8?q?=zz?="):
            channel(office).stagegate_deliver(note(), Message(subject=subject, text="x"))

            assert subject == office.mails[-1].header("Subject")

    @pytest.mark.parametrize(
        "data", [b"A: 1\r\nB: 2\r\n\r\n", b"\r\n\r\n", b"A: 1\r\n B\r\nX\r\n\r\n", b"A: 1\nB: 2\r\n\r\n"]
    )
    def test_last_look(self, data: bytes) -> None:
        """Whatever `email` may make of them, a mail with other headers than it was given is not sent."""
        only(["A"], b"A: 1\r\n more\r\n\r\nB: 2")
        with pytest.raises(InvalidValue, match="its headers would be"):
            only(["A"], data)

    def test_receipt_of_an_event(self, office: PostOffice) -> None:
        """Sent by an engine, the receipt names the event that caused it, hash and all."""

        class Teller:
            name = "teller"

            @hookimpl
            def stagegate_notify(self, event: Any) -> list[Notification]:
                return [Notification(channel="mail", kind="started", to=TO)]

        with Engine.open("memory:", processes=[make_process()], plugins=[Teller(), channel(office)]) as engine:
            deal = engine.start("cooperation", "deal", by=CLERK)
            assert engine.deliver().delivered == 1

        assert f"deal #1 {deal.head.hex()}" == office.mails[0].header("Stagegate-Receipt")


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"host": ""}, "host: a text is needed"),
    ({"host": 5}, "host: a text is needed, not 5"),
    ({"host": "mail.example.org\r\nx"}, "host: .* has no name of a host"),
    ({"host": "mail example"}, "host: .* has no name of a host"),
    ({"port": 0}, "port: a number from 1 to 65535"),
    ({"port": "587"}, "port: a number from 1 to 65535"),
    ({"port": True}, "port: a number from 1 to 65535"),
    ({"timeout": 0}, "timeout: a number from 1 to 120"),
    ({"security": "ssl"}, "security: 'ssl' is none of starttls, tls, plain"),
    ({"sender": "nobody"}, "sender: 'nobody' is no plain address"),
    ({"sender": "a@1.2.3.4"}, "sender: .* names no domain but a number"),
    ({"reply_to": "a@b@c"}, "reply_to: .* is no plain address"),
    ({"sender_name": "a\r\nBcc: b@c.example"}, "sender_name: it holds '.r'"),
    ({"sender_name": "=?utf-8?q?a=0aBcc=3ab=40c.example?="}, "sender_name: it holds an encoded word that hides"),
    ({"sender_name": "=?utf-8?q?a?="}, r"sender_name: a name of at most 100 characters without '=\?'"),
    ({"sender_name": "x" * 101}, "sender_name: a name of at most 100"),
    ({"list_id": "a\nb"}, "list_id: .* has no name of a host"),
    ({"list_name": "a\nb"}, "list_name: it holds"),
    ({"list_name": 5}, "list_name: a text is needed"),
    ({"domain": "a..b"}, "domain: .* has no name of a host"),
    ({"hello": "-a"}, "hello: .* has no name of a host"),
    ({"name": "a\nb"}, "name: it holds"),
    ({"cafile": "/no/such/file"}, "cafile: '/no/such/file' cannot be read"),
    ({"user": "a"}, "user: a login needs the user and one of"),
    ({"password": "a"}, "user: a login needs the user and one of"),
    ({"user": "a", "password": "a", "password_env": "B"}, "user: a login needs the user and one of"),
    ({"user": "a", "password": 5}, "password: a password of printable ASCII"),
    ({"user": "a", "password": "é"}, "password: a password of printable ASCII"),
    ({"user": "a", "password": ""}, "password: a password of printable ASCII"),
    ({"user": "a\nb", "password": "c"}, "user: it holds"),
    ({"user": "é", "password": "c"}, "user: 'é' is not ASCII"),
    ({"user": "a", "password_file": "/no/such/file"}, "password_file: '/no/such/file' cannot be read: FileNotFound"),
    ({"user": "a", "password_env": "NO_SUCH_VARIABLE"}, "password_env: 'NO_SUCH_VARIABLE' cannot be read: KeyError"),
    ({"user": "a", "password": "b", "security": "plain"}, "over a plain connection anybody reads the password"),
]


class TestSettings:
    """What the channel takes."""

    @pytest.mark.parametrize("settings, said", SETTINGS)
    def test_refused(self, settings: dict[str, Any], said: str) -> None:
        """A setting that cannot work is refused when the channel is configured, by name."""
        with pytest.raises(InvalidValue, match=said):
            configured(**{"host": "mail.example.org", "sender": SENDER, **settings})

    def test_ports(self) -> None:
        """Every way has its usual port."""
        ports = [repr(MailChannel(host="h", sender=SENDER, security=way)) for way in ("starttls", "tls", "plain")]

        assert ["587", "465", "25"] == [re.findall(r":(\d+),", said)[0] for said in ports]

    def test_several(self, office: PostOffice) -> None:
        """Two channels of two names may stand beside each other: each delivers what is its own."""
        second = channel(office, name="mail.press", sender="press@city.example")
        assert second.stagegate_deliver(note(), MESSAGE) is None
        second.stagegate_deliver(make_notification("mail.press", to=TO), MESSAGE)

        assert ["press@city.example"] == [mail.sender for mail in office.mails]
