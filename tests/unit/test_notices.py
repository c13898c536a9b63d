from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest

from stagegate import InvalidValue, Notification


def test_what_is_told_is_canonical() -> None:
    """The payload of a notification is canonical JSON, and its brief carries the digest of that."""
    notification = Notification(channel="mail", kind="stage.entered", to="mayor", context={"b": 1, "a": ["ü"]})
    payload = '{"channel":"mail","context":{"a":["ü"],"b":1},"kind":"stage.entered","to":"mayor"}'.encode()

    assert payload == notification.payload()
    assert {"id": "", "kind": "stage.entered", "digest": sha256(payload).hexdigest()} == {
        key: notification.brief()[key] for key in ("id", "kind", "digest")
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: Notification(channel="", kind="x"),
        lambda: Notification(channel="m", kind="é"),
        lambda: Notification(channel="m", kind="x", to=3),
        lambda: Notification(channel="m", kind="x", to="a\0b"),
        lambda: Notification(channel="m", kind="x", context=[1]),
        lambda: Notification(channel="m", kind="x", context="x"),
        lambda: Notification(channel="m", kind="x", context={"a": 0.5}),
    ],
)
def test_what_cannot_be_told_is_refused(make: Callable[[], Notification]) -> None:
    """A notification that no outbox can hold is refused when it is made."""
    with pytest.raises(InvalidValue, match="notification"):
        make()
