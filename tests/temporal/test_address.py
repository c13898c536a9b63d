"""Urls of Temporal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stagegate import Engine, InvalidValue, PluginError
from stagegate.contrib import temporal
from stagegate.contrib.temporal import _plugin
from stagegate.contrib.temporal._address import Address


@pytest.mark.parametrize(
    "url, said",
    [
        ("temporal://host", {"host": "host:7233"}),
        ("temporal://host:1/", {"host": "host:1"}),
        ("temporal://[::1]:7233/n", {"host": "[::1]:7233", "namespace": "n"}),
        ("temporal://h/a-b.c_1?queue=q", {"host": "h:7233", "namespace": "a-b.c_1", "queue": "q"}),
        ("temporal://h?tls=true", {"host": "h:7233", "tls": True}),
        ("temporal://h?tls=false", {"host": "h:7233"}),
        ("temporal://h?ca=/a%20b.pem", {"host": "h:7233", "tls": True, "ca": Path("/a b.pem")}),
        (
            "temporal://h?cert=c&key=k&tls=true",
            {"host": "h:7233", "tls": True, "cert": Path("c"), "key": Path("k")},
        ),
        ("temporal://h/n?api_key=f", {"host": "h:7233", "namespace": "n", "tls": True, "api_key": Path("f")}),
    ],
)
def test_url_says_where_it_is(url: str, said: dict[str, Any]) -> None:
    """A url says the host, the namespace, the queue, and which files are needed to speak TLS."""
    assert Address(**said) == Address.read(url)


@pytest.mark.parametrize(
    "url, why",
    [
        ("temporal:", "names no host"),
        ("temporal://", "names no host"),
        ("temporal:host:7233", "names no host"),
        ("http://host", "names no host"),
        ("temporal://host:port", "port"),
        ("temporal://host:99999", "Port"),
        ("temporal://[::1/n", "IPv6"),
        ("temporal://user:secret@host", "holds a user or a password"),
        ("temporal://user@host", "holds a user or a password"),
        ("temporal://h/a/b", "the namespace 'a/b'"),
        ("temporal://h/a%0Ab", "the namespace"),
        ("temporal://h?queue=", "the queue ''"),
        ("temporal://h?queue=a/b", "the queue 'a/b'"),
        ("temporal://h?queue=a%22", "the queue"),
        ("temporal://h?queue=a&queue=b", "each once"),
        ("temporal://h?que=a", "each once"),
        ("temporal://h?tls=yes", "tls is true or false"),
        ("temporal://h?tls=false&ca=x", "without TLS"),
        ("temporal://h?cert=x", "come together"),
        ("temporal://h?key=x", "come together"),
    ],
)
def test_url_that_is_none(url: str, why: str) -> None:
    """What is no address is refused in a sentence that says why and how it is written; it repeats no password."""
    with pytest.raises(InvalidValue, match="this is no address of Temporal") as caught:
        Address.read(url)

    assert why in str(caught.value)
    assert str(caught.value).endswith("it is written temporal://host:7233/namespace?queue=stagegate")
    assert "secret" not in str(caught.value)


def test_engine_names_what_is_wrong() -> None:
    """An engine that is to be woken by an address that is none is not opened."""
    with pytest.raises(InvalidValue, match="names no host"):
        Engine.open("memory:", wake="temporal:")


def test_other_urls_are_left_to_others() -> None:
    """A url of another kind is not for this plugin."""
    assert _plugin.stagegate_open_waker("cron://host") is None


def test_nothing_is_connected_by_opening() -> None:
    """An engine opens whether or not Temporal is there."""
    with Engine.open("memory:", wake="temporal://127.0.0.1:1/nowhere") as engine:
        assert "temporal" in engine.plugins


@pytest.mark.parametrize("option", ["ca=ca.pem", "cert=c.pem&key=k.pem", "api_key=secret.txt"])
def test_file_that_is_not_there(option: str) -> None:
    """A file that cannot be read is named."""
    with pytest.raises(PluginError, match=r"cannot be reached at 127\.0\.0\.1:1: .*No such file.*\.(pem|txt)"):
        temporal.sync(Engine.open("memory:"), f"temporal://127.0.0.1:1?{option}")


def test_face_of_the_plugin() -> None:
    """The plugin has two functions for programs of one's own, and nothing else."""
    assert (_plugin.sync, _plugin.work) == (temporal.sync, temporal.work)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        temporal.nothing  # noqa: B018  the point
