from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from stagegate import Entry, Event, HistoryTampered, document
from stagegate._history import broken, chain
from stagegate._plain import canonical


def entries(case: Callable[..., Any]) -> list[Entry]:
    """Return a history of five events."""
    trial = case(document("d")).attach("d").record("f", 1).record("g", "ü\u2028")
    trial.advance()
    return list(trial.engine._store.history("deal"))


def test_hash_is_made_of_domain_lengths_and_bytes(case: Callable[..., Any]) -> None:
    """The hash of an event is the SHA-256 of the domain, the hash before it and its body, each after its length."""
    prev = bytes(32)
    for entry in entries(case):
        size = len(entry.body).to_bytes(8, "big")
        expected = sha256(b"stagegate/event/v1\n" + (32).to_bytes(8, "big") + prev + size + entry.body).digest()

        assert expected == entry.hash == chain(prev, entry.body)
        prev = entry.hash


def test_body_is_canonical(case: Callable[..., Any]) -> None:
    """A body is JSON with sorted keys, without spaces, in UTF-8 without escapes that are not needed."""
    for entry in entries(case):
        data = json.loads(entry.body)

        assert entry.body == json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert entry.body == canonical(data)


def test_numbers_run_from_one(case: Callable[..., Any]) -> None:
    """Events are numbered 1..n, in the store and in the body."""
    history = entries(case)

    assert [1, 2, 3, 4, 5] == [entry.n for entry in history] == [json.loads(entry.body)["n"] for entry in history]


def test_whole_chain_is_not_broken(case: Callable[..., Any]) -> None:
    """In a history as it was written, every event follows."""
    history = entries(case)

    assert broken(history) is None
    assert broken(history[2:], history[1].hash, 3) is None


@pytest.mark.parametrize(
    "tamper,n",
    [
        (lambda e: e[1:], 1),
        (lambda e: [e[0], *e[2:]], 2),
        (lambda e: [e[0], e[2], e[1], *e[3:]], 2),
        (lambda e: [*e[:4], Entry(n=5, body=e[4].body.replace(b"advance", b"Advance"), hash=e[4].hash)], 5),
        (lambda e: [*e[:4], Entry(n=5, body=e[4].body, hash=bytes(32))], 5),
        (lambda e: [Entry(n=1, body=e[0].body + b" ", hash=e[0].hash), *e[1:]], 1),
        (lambda e: [*e, e[4]], 6),
    ],
)
def test_broken_chain_names_its_first_bad_event(
    case: Callable[..., Any], tamper: Callable[[list[Entry]], list[Entry]], n: int
) -> None:
    """A history in which anything was left out, moved or changed is broken where that begins."""
    found = broken(tamper(entries(case)))

    assert found is not None
    assert n == found[0]
    assert f"event {n}" in found[1]


def test_event_is_read_from_its_bytes(case: Callable[..., Any]) -> None:
    """An event says who did what, when, and under which number, as its bytes do."""
    entry = entries(case)[4]
    event = Event.read(entry)
    data = json.loads(entry.body)

    assert (data["agreement"], 5, data["id"], "moved", "advance", "ann", entry.hash) == (
        event.agreement,
        event.n,
        event.id,
        event.kind,
        event.move,
        event.actor,
        event.hash,
    )
    assert datetime(2025, 7, 24, 2, tzinfo=UTC) == event.at == event.recorded_at


@pytest.mark.parametrize("body", [b"", b"\xff", b"[1]", b'"x"', b"{" * 100_000, b"[" * 100_000])
def test_damaged_event_is_not_read(body: bytes) -> None:
    """Bytes that are no event are refused with their number."""
    with pytest.raises(HistoryTampered, match="event 7 cannot be read"):
        Event.read(Entry(n=7, body=body, hash=b""))
