"""What a history can hold, tried through `Engine.record` and the bytes it writes."""

from __future__ import annotations

import enum
import json
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from stagegate import Actor, Document, InvalidValue, Party, document

JAKARTA = timezone(timedelta(hours=7))


class Colour(enum.StrEnum):
    """A text that is a member of an enumeration, as web frameworks have it."""

    RED = "red"


class Size(enum.IntEnum):
    """A number that is one."""

    LARGE = 3


@pytest.mark.parametrize(
    "value,kept",
    [
        (None, None),
        (True, True),
        (0, 0),
        (2**53, 2**53),
        (-(2**53), -(2**53)),
        ("", ""),
        ("Kerja sama – 協力 🤝", "Kerja sama – 協力 🤝"),
        ("\x01\x1b\u2028\ufeff", "\x01\x1b\u2028\ufeff"),
        ("x" * 65536, "x" * 65536),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0"), "-0"),
        (date(2025, 7, 24), "2025-07-24"),
        (datetime(2025, 7, 24, 9, 30, tzinfo=JAKARTA), "2025-07-24T02:30:00.000000Z"),
        (datetime(2025, 7, 24, 9, 30, 0, 5, tzinfo=UTC), "2025-07-24T09:30:00.000005Z"),
        ([1, [2, ()]], (1, (2, ()))),
        ((), ()),
        ({}, {}),
        ({"b": 1, "a": {"c": [None]}}, {"a": {"c": (None,)}, "b": 1}),
        (OrderedDict(z=1), {"z": 1}),
        (MappingProxyType({"z": 1}), {"z": 1}),
        ({"b", "a"}, ("a", "b")),
        (frozenset({10, 9}), (10, 9)),
        (Colour.RED, "red"),
        (Size.LARGE, 3),
    ],
)
def test_what_can_be_recorded(case: Callable[..., Any], value: Any, kept: Any) -> None:
    """Plain data is kept as it is; dates, decimals, sets and enumerations are kept as what they mean."""
    trial = case(document("d")).record("f", value)
    fact = trial.engine.get("deal").facts["f"]

    assert (kept, type(kept)) == (fact.value, type(fact.value)) or kept == dict(fact.value)
    assert json.loads(trial.engine._store.history("deal")[-1].body)["data"]["value"] == json.loads(json.dumps(kept))


def deep(levels: int, inner: Any = 1) -> Any:
    """Return a value that lies so many lists deep."""
    for _ in range(levels):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    "value,because",
    [
        (0.5, "float"),
        (float("nan"), "float"),
        (2**53 + 1, "beyond 2"),
        (-(2**64), "beyond 2"),
        (10**5000, "beyond 2"),
        (Decimal("NaN"), "not a number that can be recorded"),
        (Decimal("-Infinity"), "not a number that can be recorded"),
        ("a\0b", "NUL"),
        ("\ud800", "lone surrogate"),
        ("x" * 65537, "65,537 characters; 65,536 are the most"),
        ("x" * 10_000_000, "10,000,000 characters"),
        (datetime(2025, 7, 24, 9, 30), "has no zone"),  # noqa: DTZ001  the point
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "outside the years"),
        (b"bytes", "bytes cannot be recorded"),
        (object(), "object cannot be recorded"),
        (1j, "complex cannot be recorded"),
        ([1, [0.5]], r"fact f\[1\]\[0\]: 0.5 is a float"),
        ({"a": {"b": b""}}, "fact f.a.b: bytes"),
        ({1: 2}, "key: a text is needed"),
        ({"é": 1}, "not ASCII"),
        ({"": 1}, "is no id"),
        ({"a\nb": 1}, "is no id"),
        ({"a" * 201: 1}, "201 characters"),
        ({"a", 0.5}, "float"),
        (deep(17), "more than 16 levels deep"),
        (deep(100_000), "more than 16 levels deep"),
        (iter([1]), "cannot be recorded"),
        (range(3), "range cannot be recorded"),
    ],
    ids=lambda v: v if isinstance(v, str) and v.isprintable() and len(v) < 60 else type(v).__name__,
)
def test_what_cannot_be_recorded(case: Callable[..., Any], value: Any, because: str) -> None:
    """What a history cannot hold is refused with the place and the reason, and nothing is written."""
    trial = case(document("d"))
    with pytest.raises(InvalidValue, match=because):
        trial.record("f", value)

    assert trial.engine.get("deal").n == 1


def test_depth_that_can_be_recorded(case: Callable[..., Any]) -> None:
    """Sixteen levels are recorded, and come back as they were."""
    assert case(document("d")).record("f", deep(16)).engine.get("deal").fact("f") is not None


def test_tables_are_as_deep_as_lists(case: Callable[..., Any]) -> None:
    """Sixteen tables in each other are recorded, and seventeen are not."""
    value: Any = 1
    for _ in range(16):
        value = {"k": value}
    trial = case(document("d")).record("f", value)

    assert value == trial.engine.get("deal").fact("f")
    with pytest.raises(InvalidValue, match="levels deep"):
        trial.record("f", {"k": value})


def test_value_that_names_itself_is_refused(case: Callable[..., Any]) -> None:
    """A list that holds itself is refused as too deep."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidValue, match="levels deep"):
        case(document("d")).record("f", loop)


def test_event_that_grows_too_large_is_refused(case: Callable[..., Any]) -> None:
    """An event of more than a mebibyte is refused, and nothing is written."""
    trial = case(document("d"))
    with pytest.raises(InvalidValue, match="1,048,576 are the most"):
        trial.record("f", ["x" * 60_000] * 18)

    assert trial.engine.get("deal").n == 1


def test_later_changes_to_what_was_handed_in_change_nothing(case: Callable[..., Any]) -> None:
    """What is recorded is a copy: the caller's list stays the caller's."""
    mine = {"a": [1]}
    trial = case(document("d")).record("f", mine)
    mine["a"].append(2)

    assert {"a": (1,)} == trial.engine.get("deal").fact("f")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Actor(id=""),
        lambda: Actor(id=" ann"),
        lambda: Actor(id="ann\n"),
        lambda: Actor(id="a\u200bb"),
        lambda: Actor(id="x" * 201),
        lambda: Actor(id=3),
        lambda: Actor(id="ann", roles="boss"),
        lambda: Actor(id="ann", roles=[3]),
        lambda: Actor(id="ann", roles=3),
        lambda: Actor(id="ann", on_behalf_of=3),
        lambda: Party(""),
        lambda: Party("é"),
        lambda: Party("a", name=3),
        lambda: Party("a", country="\0"),
        lambda: Document(kind="", digest="0" * 64),
        lambda: Document(kind="d", digest="0" * 63),
        lambda: Document(kind="d", digest="g" * 64),
        lambda: Document(kind="d", digest=b"0" * 64),
        lambda: Document.from_bytes(b"", kind="d", languages="id"),
        lambda: Document.from_bytes(b"", kind="d", signed_by={"a": 1}, languages=[""]),
        lambda: Document.from_bytes(b"", kind="d", dated="yesterday"),
        lambda: Document.from_bytes(b"", kind="d", dated=datetime(2025, 7, 24, tzinfo=UTC)),
        lambda: Document.from_bytes(b"", kind="d", received_on=20250724),
        lambda: Document.from_bytes(b"", kind="d", valid_until="2025-02-30"),
        lambda: Document.from_bytes(b"", kind="d", fields=[1]),
        lambda: Document.from_bytes(b"", kind="d", fields={"a": 0.5}),
        lambda: Document.from_bytes(b"", kind="d", title="\0"),
        lambda: Document.from_file("/nowhere/report.pdf", kind="d"),
    ],
)
def test_values_that_cannot_be_recorded_are_refused_when_they_are_made(make: Callable[[], Any]) -> None:
    """Who acts, who takes part and what is filed is checked before it reaches an engine."""
    with pytest.raises(InvalidValue):
        make()


def test_all_that_is_wrong_with_a_value_is_said_at_once() -> None:
    """Every field that cannot be recorded is named, each with its reason."""
    with pytest.raises(InvalidValue) as refused:
        Document(kind="", digest="x", languages="id", dated="soon", fields=3)  # type: ignore[arg-type]  # the point

    for field in ("kind", "digest", "languages", "dated", "fields"):
        assert f"document.{field}: " in str(refused.value)


@pytest.mark.parametrize("value", ["2025-07-24", date(2025, 7, 24)])
def test_dates_can_be_written_as_text(value: Any) -> None:
    """A date of a document may be a date or its ISO text."""
    assert Document.from_bytes(b"", kind="d", dated=value).dated == date(2025, 7, 24)
