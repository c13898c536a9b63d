"""Urls that try to lead somewhere else, and names that lead inside: all are refused before anybody is called."""

from __future__ import annotations

from typing import Any

import pytest

from proof.receivers import Guard, Hooks, Witness
from stagegate import InvalidValue, Message, Undeliverable
from stagegate.contrib.webhook import WebhookChannel
from stagegate.testing import make_notification

SECRET = "whsec_c3RhZ2VnYXRlIGV4YW1wbGUgc2VjcmV0ICE="  # noqa: S105  it opens nothing
MESSAGE = Message(subject="x", text="x")

URLS = (
    # no host, or none that is listed
    "",
    "hooks.test",
    "//hooks.test/",
    "https:",
    "https:///path",
    "https:hooks.test",
    "https:/hooks.test/",
    "https://",
    "https://elsewhere.test/",
    "https://hooks.test.elsewhere.test/",
    "https://elsewhere.test/hooks.test",
    "https://xhooks.test/",
    "https://sub.hooks.test/",
    "https://hooks/",
    # other schemes
    "http://hooks.test/",
    "ftp://hooks.test/",
    "file:///etc/passwd",
    "file://hooks.test/etc/passwd",
    "gopher://hooks.test:{port}/_x",
    "dict://hooks.test:{port}/x",
    "ldap://hooks.test/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "unix:///run/docker.sock",
    "jar:https://hooks.test!/",
    "HTTPS://hooks.test/",
    "https+unix://hooks.test/",
    # users
    "https://user@hooks.test/",
    "https://user:secret@hooks.test/",
    "https://hooks.test@elsewhere.test/",
    "https://hooks.test:443@127.0.0.1:{port}/",
    "https://hooks.test%40elsewhere.test/",
    "https://@hooks.test/",
    "https://hooks.test&@elsewhere.test#@hooks.test/",
    # ports
    "https://hooks.test:{port}/",
    "https://hooks.test:22/",
    "https://hooks.test:80/",
    "https://hooks.test:0/",
    "https://hooks.test:00443/",
    "https://hooks.test:65979/",
    "https://hooks.test:-443/",
    "https://hooks.test:+443/",
    "https://hooks.test:443:{port}/",
    "https://hooks.test:/",
    "https://hooks.test:https/",
    "https://hooks.test:\u0664\u0664\u0663/",
    # fragments
    "https://hooks.test/#",
    "https://hooks.test/#@elsewhere.test/",
    "https://elsewhere.test#hooks.test/",
    # what one reader takes for something else than another
    "https://hooks.test\\@elsewhere.test/",
    "https:\\\\hooks.test/",
    "https://elsewhere.test\\.hooks.test/",
    "https://hooks.test\\elsewhere/",
    "https://hooks.test\t/",
    "https://hooks\t.test/",
    "h\tttps://hooks.test/",
    "https://hooks.test\n/",
    "https://hooks.test/\r\nHost: elsewhere.test",
    "https://hooks.test/ HTTP/1.1\r\nX: 1",
    "https://hooks.test/\x00",
    "https://hooks.test/\x7f",
    " https://hooks.test/",
    "https://hooks.test/ ",
    "https://hooks.test /",
    "https://hooks.test,elsewhere.test/",
    "https://hooks.test;elsewhere.test/",
    "https://{hooks.test}/",
    "https://<hooks.test>/",
    "https://hooks.test/<x>",
    "https://hooks.test/%",
    "https://hooks.test/%zz",
    "https://hooks%2etest/",
    "https://%68ooks.test/",
    "https://hooks.test%00.elsewhere.test/",
    # dots
    "https://hooks.test./",
    "https://hooks.test../",
    "https://.hooks.test/",
    "https://hooks..test/",
    "https://hooks\u3002test/",
    "https://hooks\uff0etest/",
    "https://hooks\uff61test/",
    # letters that look alike, or vanish
    "https://h\u043eoks.test/",
    "https://\uff48ooks.test/",
    "https://hoo\u212as.test/",
    "https://hooks.te\u017ft/",
    "https://hoo\u00adks.test/",
    "https://hooks\u200b.test/",
    "https://hooks.test\u202e/",
    "https://xn--hoks-5qa.test/",
    "https://hooks_test/",
    # the loopback, in every way of writing it
    "https://localhost/",
    "https://localhost./",
    "https://LOCALHOST/",
    "https://localhost.localdomain/",
    "https://hooks.localhost/",
    "https://127.0.0.1/",
    "https://127.0.0.1:{port}/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://00000177.0.0.01/",
    "https://127.0.0.0x1/",
    "https://4294967297/",
    "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "https://\u2460\u2461\u2466.0.0.1/",
    "https://127\u30020\u30020\u30021/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[0000::1]/",
    "https://::1/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::1%25]/",
    "https://[::1].hooks.test/",
    "https://[hooks.test]/",
    "https://[v1.hooks.test]/",
    "https://[::1/",
    "https://127.0.0.1.nip.io/",
    # what runs beside us
    "https://169.254.169.254/latest/meta-data/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://2852039166/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    # too long
    f"https://{'a' * 64}.test/",
    f"https://{'a.' * 130}test/",
    f"https://hooks.test/{'a' * 2048}",
)
"""Urls, none of which is plainly one of the host `hooks.test`."""

INSIDE = (
    "0.0.0.0",  # noqa: S104  nothing is bound
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:0808:0808::",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:4860:4860::8888%eth0:127.0.0.1",
    "localhost",
    "127.1",
    "0x7f000001",
    "8.8.8.8 ",
    "",
)
"""What a resolver may answer that is no address outside."""

OUTSIDE = ("8.8.8.8", "1.1.1.1", "93.184.215.14", "2001:4860:4860::8888", "2606:4700:4700::1111")


def test_there_are_enough() -> None:
    """There are at least sixty urls, no two alike."""
    assert len(set(URLS)) == len(URLS) >= 60


@pytest.mark.parametrize("url", URLS)
def test_hostile_url(url: str, witness: Witness, guard: Guard) -> None:
    """A url that is not plainly one of a listed host is undeliverable: nobody is called, no name is looked up."""
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    about: Any = {"secret": SECRET, "allow_networks": ["127.0.0.0/8", "::1/128"], "resolve": resolve}
    channel = WebhookChannel(hosts=["hooks.test", "www.example.org:8443", f"http://[::1]:{witness.port}"], **about)
    to = url.replace("{port}", str(witness.port))
    with pytest.raises(Undeliverable, match="to: ") as caught:
        channel.stagegate_deliver(make_notification("webhook", to="x").placed(to=to), MESSAGE)

    assert str(caught.value).isprintable()
    assert ([], [], []) == (asked, guard.connections, guard.names)
    assert witness.calls == 0


@pytest.mark.parametrize("url", ["https://hooks.test", "https://hooks.test/", "https://HOOKS.test:443/a?b=c%20d"])
def test_plain_url(url: str, guard: Guard) -> None:
    """A plain url of the listed host is looked up, under its name and port."""
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["10.0.0.1"]

    channel = WebhookChannel(hosts=["Hooks.test"], secret=SECRET, resolve=resolve)
    with pytest.raises(ConnectionError, match="private or reserved"):
        channel.stagegate_deliver(make_notification("webhook", to=url), MESSAGE)

    assert [("hooks.test", 443)] == asked
    assert [] == guard.connections


@pytest.mark.parametrize("address", INSIDE)
def test_name_that_leads_inside(address: str, witness: Witness, guard: Guard) -> None:
    """A listed name that leads to an address inside is not called, alone or beside one outside."""
    for answer in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        about: Any = {"secret": SECRET, "resolve": lambda *_, answer=answer: answer}
        channel = WebhookChannel(hosts=[f"hooks.test:{witness.port}"], **about)
        to = f"https://hooks.test:{witness.port}/"
        with pytest.raises(ConnectionError, match="it leads to .*, a private or reserved address"):
            channel.stagegate_deliver(make_notification("webhook", to=to), MESSAGE)

    assert ([], []) == (guard.connections, guard.names)
    assert witness.calls == 0


def test_name_that_leads_nowhere(guard: Guard) -> None:
    """A listed name without an address is trouble on the way."""
    channel = WebhookChannel(hosts=["hooks.test"], secret=SECRET, resolve=lambda *_: [])
    with pytest.raises(ConnectionError, match="it leads to nowhere"):
        channel.stagegate_deliver(make_notification("webhook", to="https://hooks.test/"), MESSAGE)

    assert [] == guard.connections


@pytest.mark.parametrize("host", [f"{'a.' * 124}atest", "hooks.test:65535"], ids=["longest name", "last port"])
def test_furthest_place(host: str) -> None:
    """A name of 253 characters, and the last port there is, can be listed."""
    assert f"https://{host}" in repr(WebhookChannel(hosts=[host], secret=SECRET))


@pytest.mark.parametrize(
    "host", [f"{'a.' * 125}test", "[2001:4860:4860:0:0:0:0:8888]"], ids=["name too long", "address written at length"]
)
def test_host_that_is_not_written_plainly(host: str) -> None:
    """A name of 254 characters, and an address that can be written in a shorter way, cannot be listed."""
    with pytest.raises(InvalidValue, match="no plainly written host"):
        WebhookChannel(hosts=[host], secret=SECRET)


@pytest.mark.parametrize("address", OUTSIDE)
def test_address_outside(address: str) -> None:
    """An address outside may be listed as it is."""
    host = f"[{address}]" if ":" in address else address

    assert f"https://{host}" in repr(WebhookChannel(hosts=[host], secret=SECRET))


def test_allowed_network_is_no_more(hooks: Hooks, guard: Guard) -> None:
    """A network that is allowed allows its own addresses, and no other form of them."""
    about: Any = {"secret": SECRET, "allow_networks": ["127.0.0.1/32"]}
    to = f"http://hooks.test:{hooks.port}/"
    for address in ("127.0.0.2", "::ffff:127.0.0.1", "::1"):
        resolve = {"resolve": lambda *_, address=address: [address]}
        channel = WebhookChannel(hosts=[f"http://hooks.test:{hooks.port}"], **about, **resolve)
        with pytest.raises(ConnectionError, match="private or reserved"):
            channel.stagegate_deliver(make_notification("webhook", to=to), MESSAGE)
    assert [] == guard.connections

    channel = WebhookChannel(hosts=[f"http://hooks.test:{hooks.port}"], **about, resolve=lambda *_: ["127.0.0.1"])
    assert channel.stagegate_deliver(make_notification("webhook", to=to), MESSAGE) is True
