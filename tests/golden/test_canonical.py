"""Canonical JSON is what RFC 8785 prescribes, for everything that can be recorded; what cannot is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagegate import InvalidValue, Notification

SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def string(value: str) -> str:
    """Return a string as RFC 8785, section 3.2.2.2, writes it."""
    return '"' + "".join(SHORT.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 0x20 else c) for c in value) + '"'


def jcs(value: Any) -> str:
    """Return *value* as RFC 8785 prescribes: written out from the text of the standard."""
    match value:
        case None:
            return "null"
        case True:
            return "true"
        case False:
            return "false"
        case int():
            # Section 3.2.2.3: as ECMAScript writes a number, which for integers up to 2^53 is plain decimal.
            return str(int(float(value)))
        case str():
            return string(value)
        case list():
            return "[" + ",".join(map(jcs, value)) + "]"
        case dict():
            # Section 3.2.3: sorted by UTF-16 code units.
            keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
            return "{" + ",".join(f"{string(key)}:{jcs(value[key])}" for key in keys) + "}"
    raise TypeError(value)


def written(value: Any) -> bytes:
    """Return *value* as the library writes it, cut out of what a notification is told with."""
    payload = Notification(channel="c", kind="k", context={"v": value}).payload()
    head, tail = b'{"channel":"c","context":{"v":', b'},"kind":"k","to":""}'
    assert payload.startswith(head)
    assert payload.endswith(tail)
    return payload[len(head) : -len(tail)]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
keys = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=9)
leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
nested = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))


@given(nested)
@example(2**53)
@example(-(2**53))
@example("".join(map(chr, range(1, 0x2100))))
@example("\ud7ff\ue000\ufffd\ufffe\uffff\U00010000\U0010ffff\u2028\u2029")
@example({"B": 1, "a": 2, "A": 3, "_": 4, "~": 5, "a a": 6})
def test_canonical_is_rfc_8785(value: Any) -> None:
    """What the library writes is, byte for byte, what the standard prescribes."""
    assert jcs(value).encode() == written(value)


@given(nested)
def test_canonical_is_read_back(value: Any) -> None:
    """What was written is read as what it was."""
    assert value == json.loads(written(value))


@given(nested, st.randoms())
def test_order_of_insertion_does_not_matter(value: Any, chance: Any) -> None:
    """Two tables with the same content are written alike, in whichever order they were filled."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            chance.shuffle(items)
            return {key: shuffled(inner) for key, inner in items}
        return [shuffled(inner) for inner in value] if isinstance(value, list) else value

    assert written(value) == written(shuffled(value))


BEYOND: dict[str, Any] = {
    "float": 0.5,
    "whole float": 1.0,
    "nan": float("nan"),
    "infinity": float("inf"),
    "2^53 + 1": 2**53 + 1,
    "-2^53 - 1": -(2**53) - 1,
    "huge integer": 10**5000,
    "NUL": "nul \0",
    "high surrogate": "lone \ud800",
    "low surrogate": "lone \udfff",
    "long text": "x" * (64 * 1024 + 1),
    "key in another script": {"é": 1},
    "empty key": {"": 1},
    "number as key": {1: 2},
    "nothing as key": {None: 2},
    "bytes": b"bytes",
    "object": object(),
    "17 levels": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]],
}


@pytest.mark.parametrize("name", BEYOND)
def test_beyond_the_bounds(name: str) -> None:
    """What two programs could write differently is refused, by a sentence that says where it stands."""
    value = BEYOND[name]
    for where in (value, [value], {"a": value}, {"a": [{"b": value}]}):
        with pytest.raises(InvalidValue, match=r"context\.v"):
            Notification(channel="c", kind="k", context={"v": where})
