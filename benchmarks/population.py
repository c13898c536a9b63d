"""Many agreements in play, against plain slotted objects of the same fields."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from measuring import Ratio, Row, Subject, computing, in_turns, ratio, ratios
from subjects import DESK, NOON, process

from stagegate import Agreement, Engine, MemoryStore, Pin
from stagegate._text import frozendict

FEW, MANY = 10_000, 100_000

FIELDS = [field.name for field in attrs.fields(Agreement)]
Plain: type[Any] = attrs.make_class("Plain", FIELDS, slots=True, weakref_slot=False, eq=False, kw_only=True)
"""Keeps the same fields and does nothing else: its `__init__` is one plain assignment for each."""

PIN = Pin("bench", "1", "0" * 64)
OWNER = ("desk",)
ROUNDS = frozendict({"exploration": 1})
NOTHING = frozendict()

Distinct = tuple[str, str, bytes, datetime]


def _distinct(number: int) -> list[Distinct]:
    """Return what so many agreements do not share: id, title, hash and time."""
    return [
        (f"agreement-{i:07}", f"Agreement {i:07}", i.to_bytes(32, "big"), NOON + timedelta(seconds=i))
        for i in range(number)
    ]


def _made(kind: type[Any], several: Sequence[Distinct]) -> list[Any]:
    return [
        kind(
            id=id_,
            title=title,
            process=PIN,
            stage="exploration",
            owner=OWNER,
            version=2,
            n=2,
            head=head,
            started_by="clerk-7",
            started_at=at,
            entered_at=at,
            changed_at=at,
            rounds=ROUNDS,
            parties=(),
            documents=NOTHING,
            facts=NOTHING,
            approvals=(),
            adjourned=NOTHING,
            hold=None,
            outcome=None,
            escalated=(),
            deadlines=NOTHING,
            part_of=None,
        )
        for id_, title, head, at in several
    ]


def _making(kind: type[Any], several: Sequence[Distinct]) -> Subject:
    return lambda: computing(len(several), lambda: _made(kind, several))


def _bytes(kind: type[Any], several: Sequence[Distinct]) -> float:
    """Return what one object takes, without the values it holds."""
    gc.collect()
    tracemalloc.start()
    made = _made(kind, several)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / len(made)


def _crowd(number: int) -> Engine:
    engine = Engine(MemoryStore(), processes=[process()])
    for i in range(number):
        engine.start("bench", f"agreement-{i:07}", by=DESK)
    return engine


def _noting(engine: Engine) -> Subject:
    def work() -> None:
        for i in range(500):
            engine.note(f"agreement-{i:07}", "seen", by=DESK)

    return lambda: computing(500, work)


def population(rounds: int) -> Iterator[Row]:
    """Compare agreements with plain objects, and many with few."""
    few, many = _distinct(FEW), _distinct(MANY)
    costs = in_turns(
        {
            "agreements": _making(Agreement, many),
            "plain": _making(Plain, many),
            "few agreements": _making(Agreement, few),
            "few plain": _making(Plain, few),
        },
        rounds,
    )
    size = _bytes(Agreement, many) / _bytes(Plain, many)
    yield Row(
        what=f"{MANY:,} agreements: making one / a plain slotted object of the same fields",
        ratio=ratio(costs, "agreements", "plain"),
        aim=1.2,
    )
    yield Row(what="... bytes of one / a plain slotted object", ratio=Ratio(size, size, size), aim=1.2)
    mine, theirs = (ratios(costs, kind, f"few {kind}") for kind in ("agreements", "plain"))
    yield Row(
        what=f"... {FEW:,} to {MANY:,}: growth of making one / growth of a plain slotted object",
        ratio=Ratio.of([one / other for one, other in zip(mine, theirs, strict=True)]),
        aim=1.2,
    )
    del few, many
    crowds = in_turns({"many": _noting(_crowd(MANY)), "few": _noting(_crowd(FEW))}, rounds)
    yield Row(
        what=f"... changing one of {MANY:,} on MemoryStore / one of {FEW:,}",
        ratio=ratio(crowds, "many", "few"),
        aim=1.2,
    )
