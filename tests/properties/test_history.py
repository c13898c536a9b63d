"""What a history holds: canonical bytes, whatever is recorded, and a chain that shows every change."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stagegate import (
    Actor,
    Agreement,
    Engine,
    Entry,
    Event,
    HistoryTampered,
    InvalidValue,
    MemoryStore,
    Process,
    Stage,
    StagegateError,
    fold,
    unguarded,
)
from stagegate._history import broken
from stagegate.testing import ManualClock

profile = settings.get_profile("stagegate-properties")
quick = settings(profile, max_examples=profile.max_examples * 5)
PROCESS = Process("p", "1", (Stage("a", owner="boss", gate=unguarded("x")), Stage("b", owner="boss")))
BOSS = Actor(id="ann", roles={"boss"})

keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=10,
)
anything = st.recursive(
    plain
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.complex_numbers()
    | st.just(object()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(keys | st.text(max_size=2) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


def recorded(value: Any) -> tuple[Agreement, bytes]:
    """Return an agreement with a fact, and the bytes of the event that recorded it."""
    engine = Engine(MemoryStore(), processes=[PROCESS], clock=ManualClock())
    engine.start("p", "x", by=BOSS)
    deal = engine.record("x", "f", value, by=BOSS)
    return deal, engine._store.history("x")[-1].body


def thawed(value: Any) -> Any:
    """Return a value with the tables and lists that JSON has."""
    if isinstance(value, dict):
        return {k: thawed(v) for k, v in value.items()}
    return [thawed(v) for v in value] if isinstance(value, tuple) else value


@quick
@given(value=plain)
def test_plain_data_comes_back_as_it_was(value: Any) -> None:
    """Whatever plain data is recorded, the fact holds it, the bytes say it, and the snapshot keeps it."""
    deal, body = recorded(value)

    assert value == thawed(deal.fact("f")) == json.loads(body)["data"]["value"]
    assert deal == Agreement.from_json(deal.to_json())
    assert hash(deal) == hash(Agreement.from_json(deal.to_json()))


@quick
@given(value=anything)
def test_anything_is_recorded_or_refused(value: Any) -> None:
    """Whatever is handed over, it is recorded in canonical bytes or refused as a value that cannot be; nothing else is raised."""
    try:
        deal, body = recorded(value)
    except InvalidValue as error:
        assert str(error).startswith("fact f")
    else:
        data = json.loads(body)
        assert body == json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert data["data"]["value"] == thawed(deal.fact("f"))


@quick
@given(value=st.decimals(allow_nan=False, allow_infinity=False) | st.dates() | st.datetimes(timezones=st.just(UTC)))
def test_numbers_and_dates_keep_their_meaning(value: Decimal | date | datetime) -> None:
    """A decimal, a date or an instant is kept as the text that means exactly it."""
    kept = recorded(value)[0].fact("f")

    if isinstance(value, Decimal):
        assert Decimal(kept) == value
    else:
        assert type(value).fromisoformat(kept) == value


def life() -> list[Entry]:
    """Return a history of six events."""
    engine = Engine(MemoryStore(), processes=[PROCESS], clock=ManualClock())
    engine.start("p", "x", title="Deal", by=BOSS)
    engine.record("x", "f", {"a": [1, "ü"]}, by=BOSS)
    engine.note("x", "n", by=BOSS, request_id="r")
    engine.hold("x", "wait", by=BOSS)
    engine.resume("x", by=BOSS)
    engine.advance("x", by=BOSS)
    return list(engine._store.history("x"))


LIFE = life()


@quick
@given(n=st.integers(0, len(LIFE) - 1), bit=st.integers(0, 8 * 200), part=st.sampled_from(["body", "hash"]))
def test_every_changed_bit_is_found(n: int, bit: int, part: str) -> None:
    """One bit changed in the body or hash of any event breaks the chain exactly there."""
    entry = LIFE[n]
    data = bytearray(getattr(entry, part))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    tampered = Entry(
        n=entry.n,
        body=bytes(data) if part == "body" else entry.body,
        hash=bytes(data) if part == "hash" else entry.hash,
    )
    found = broken([*LIFE[:n], tampered, *LIFE[n + 1 :]])

    assert found is not None
    assert found[0] == n + 1


@quick
@given(order=st.permutations(range(len(LIFE))), count=st.integers(1, len(LIFE)))
def test_no_other_order_is_whole(order: list[int], count: int) -> None:
    """Only the beginning of a history, in its order, is an unbroken chain."""
    entries = [LIFE[i] for i in order[:count]]

    assert (broken(entries) is None) == (order[:count] == list(range(count)))


@quick
@given(
    n=st.integers(0, len(LIFE) - 1),
    field=st.sampled_from(
        ["agreement", "n", "kind", "move", "from", "to", "data", "actor", "process", "at", "recorded_at"]
    ),
    value=plain,
)
def test_fold_refuses_or_reads(n: int, field: str, value: Any) -> None:
    """Whatever stands in a field of an event, folding gives an agreement or says that the history is damaged."""
    events = [Event.read(entry) for entry in LIFE]
    events[n] = Event({**events[n].data, field: value}, events[n].hash)
    try:
        deal = fold(events)
    except HistoryTampered:
        return
    except StagegateError as error:
        raise AssertionError(type(error)) from error
    assert deal is not None
