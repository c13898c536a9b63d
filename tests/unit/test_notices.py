from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import attrs
import pytest

from stagegate import Delivery, InvalidValue, Notification, Receipt

TOO_LONG: tuple[Any, ...] = (math.inf, math.nan, 1e300, 10**30, timedelta.max, timedelta(days=36_526))
BAD_AGES: tuple[Any, ...] = (0, -1, 0.5, True, "1h", timedelta(0), timedelta(microseconds=1), [], *TOO_LONG)
AT = datetime(2025, 7, 24, 2, 0, tzinfo=UTC)


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
        lambda: Notification(channel="m", kind="x", lang=""),
        lambda: Notification(channel="m", kind="x", reference="a\0b"),
        *(lambda age=age: Notification(channel="m", kind="x", max_age=age) for age in BAD_AGES),
    ],
)
def test_what_cannot_be_told_is_refused(make: Callable[[], Notification]) -> None:
    """A notification that no outbox can hold is refused when it is made."""
    with pytest.raises(InvalidValue, match="notification"):
        make()


def test_what_else_is_told_is_part_of_the_payload() -> None:
    """Language, reference and age are told where they are not what goes without saying: older payloads stay as they are."""
    plain = Notification(channel="mail", kind="x", lang="en", reference="", max_age=None)
    told = Notification(channel="mail", kind="x", lang="ja", reference="第7号", max_age=timedelta(days=2))

    assert b'{"channel":"mail","context":{},"kind":"x","to":""}' == plain.payload()
    assert json.loads(told.payload()) == json.loads(plain.payload()) | {
        "lang": "ja",
        "reference": "第7号",
        "max_age": 172_800,
    }


def test_age_is_a_time_or_seconds() -> None:
    """An age is a timedelta, or a number of seconds as a file has it."""
    ages = {Notification(channel="m", kind="x", max_age=age).max_age for age in (timedelta(minutes=1), 60, 60.0)}

    assert {timedelta(seconds=60)} == ages


def test_receipt() -> None:
    """A receipt names the event that caused a notification by agreement, number and hash, in one line."""
    told = Notification(channel="m", kind="x", agreement="a", n=7, hash=bytes(range(32)))

    assert Receipt(agreement="a", n=7, hash=bytes(range(32)).hex()) == told.receipt
    assert f"a #7 {bytes(range(32)).hex()}" == str(told.receipt)


def test_what_a_store_or_the_engine_adds_makes_no_other() -> None:
    """The hash and the time of the event are no part of what makes two notifications the same."""
    one = Notification(channel="m", kind="x")

    assert one == one.placed(hash=b"h" * 32, at=AT)


def test_row_of_a_notification() -> None:
    """A row is due when its event was recorded, as the notification says or, where it does not, as it is told."""
    plain, aged = Notification(channel="m", kind="x"), Notification(channel="m", kind="x", max_age=60)
    later = AT + timedelta(days=1)

    assert (AT, None) == ((row := Delivery.of(plain, AT)).due_at, row.expires_at)
    assert (AT, AT + timedelta(seconds=60)) == ((row := Delivery.of(aged, AT)).due_at, row.expires_at)
    assert (later, later + timedelta(seconds=60)) == (
        (row := Delivery.of(aged.placed(at=later), AT)).due_at,
        row.expires_at,
    )


@pytest.mark.parametrize(
    "claimable,changes",
    [
        (True, {"tries": 1}),
        (True, {"tries": 1, "due_at": AT - timedelta(days=999)}),
        (False, {"tries": 1, "due_at": AT + timedelta(microseconds=1)}),
        (False, {"error": "put off", "due_at": AT + timedelta(days=1)}),
        (True, {"tries": 1, "due_at": AT + timedelta(days=1, microseconds=1)}),
        (True, {"due_at": AT + timedelta(hours=7)}),
        (False, {"leased_until": AT + timedelta(microseconds=1)}),
        (False, {"leased_until": AT + timedelta(days=1)}),
        (True, {"leased_until": AT}),
        (True, {"leased_until": AT + timedelta(days=1, microseconds=1)}),
        (False, {"status": "delivered"}),
        (False, {"status": "dead"}),
    ],
)
def test_what_can_be_claimed(claimable: bool, changes: dict[str, Any]) -> None:
    """A worker may take what waits, is due and in nobody's hand; what nobody touched, and dates no clock meant, are due."""
    row = attrs.evolve(Delivery.of(Notification(channel="m", kind="x"), AT), **changes)

    assert claimable == row.claimable(AT)
