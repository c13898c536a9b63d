"""
The history behind the golden files: one agreement to which everything happens, at fixed times, with fixed ids.

The files are the promise that what was written can be read and proved for ever: a change of them is a new version of
the format. To add files for a new version, run this file.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from stagegate import (
    Actor,
    Agreement,
    Document,
    Engine,
    Entry,
    Event,
    MemoryStore,
    Notification,
    Outcome,
    Party,
    Process,
    RefusedError,
    Stage,
    Store,
    actor,
    any_of,
    approval,
    at_least,
    document,
    fact,
    hookimpl,
    parties,
    requirement,
    unguarded,
)
from stagegate.testing import ManualClock

HERE = Path(__file__).parent
BODIES = HERE / "history-v1.jsonl"
HASHES = HERE / "history-v1.sha256"
OUTBOX = HERE / "outbox-v1.jsonl"
SNAPSHOT = HERE / "snapshot-v1.json"
START = datetime(2025, 7, 24, 2, 0, tzinfo=UTC)


@requirement(code="cost.ceiling", version="1", fix_by="budget_office", basis="Regional budget regulation, Art 5")
def affordable(attempt: object) -> bool | str:
    """Say no to everything that costs more than a thousand."""
    return attempt.fact("cost", 0) <= 1000 or "the cost is above the ceiling"  # type: ignore[attr-defined]


def process() -> Process:
    """Return a process that makes every field of an event appear."""
    plan = document("plan", signed_by=1, languages=["id"], basis="Art 7", provenance="law")
    return Process(
        id="golden",
        version="1.0",
        stages=(
            Stage(
                "draft",
                owner=("clerk", "mayor"),
                gate=plan & affordable & any_of(fact("budgeted", equals=True), approval("treasurer")) & parties(2),
                label={"en": "Draft", "id": "Rancangan", "ja": "草案"},
            ),
            Stage(
                "council",
                owner="speaker",
                back_to="draft",
                gate=approval("speaker", of="plan", quorum="1/2") & document("annex", soft=True),
            ),
            Stage("abroad", owner="mayor", when=fact("abroad", equals=True), gate=unguarded("it is for the mayor")),
            Stage(
                "signed", owner="mayor", gate=at_least(1, fact("published"), document("gazette")) & actor(roles="mayor")
            ),
            Stage("running", owner="clerk"),
        ),
        outcomes=(Outcome("fulfilled", stages="running", by="mayor", gate=fact("report")),),
    )


class Herald:
    """A plugin that tells the owners of every move, and the press of every refusal."""

    name = "herald"

    def __init__(self, store: Store) -> None:
        """Take the store that the engine is to use."""
        self._store = store

    @hookimpl
    def stagegate_open_store(self, url: str) -> Store | None:
        """Hand it over."""
        return self._store if url == "golden:" else None

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterator[Notification]:
        """Tell them."""
        if event.kind in {"started", "moved"}:
            context = {"title": agreement.title, "n": event.n, "stages": [agreement.stage], "none": None}
            yield Notification(
                channel="paper", kind=f"moved.{event.move}", to=" ".join(agreement.owner), context=context
            )
        if event.kind == "refused":
            yield Notification(channel="bell", kind="refused")
            yield Notification(channel="bell", kind="refused", to="报 \U0001f4f0")


@contextmanager
def fixed_ids() -> Iterator[None]:
    """Make UUIDs that can be foretold."""
    numbers = count(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=next(numbers) + (4 << 76) + (8 << 60)))
        yield


def play(store: Store | None = None) -> Store:
    """Return a store to which everything has happened: an empty one that is given, or a new memory."""
    clock, store = ManualClock(START), store or MemoryStore()
    mayor = Actor(id="tri", roles={"mayor", "citizen"})
    clerk = Actor(id="晴", roles={"clerk"}, on_behalf_of="the secretary")
    speaker = Actor(id="s-7", roles={"speaker"})
    stranger = Actor(id="nobody")
    plan = Document.from_bytes(b"plan", kind="plan", title="Rencana", languages=["id", "ja"], signed_by=["bekasi"])
    engine = Engine.open("golden:", processes=[process()], plugins=[Herald(store)], clock=clock)
    with fixed_ids():

        def step(act: Callable[[], object]) -> None:
            clock.advance(days=1, microseconds=1)
            with suppress(RefusedError):
                act()

        between = [Party("bekasi", name="Kota Bekasi", kind="local_government", country="ID"), Party("izumisano")]
        title = 'Bekasi – 泉佐野市 "\\/\b\f\n\r\t\x01\x1f\x7f\u2028\U0001f91d'
        step(
            lambda: engine.start("golden", "bekasi-izumisano", title=title, parties=between, by=mayor, request_id="r 1")
        )
        deal = "bekasi-izumisano"
        step(lambda: engine.advance(deal, reason="too early", by=stranger, request_id="r 2"))
        step(lambda: engine.advance(deal, by=mayor))
        step(lambda: engine.attach(deal, plan, by=clerk, at=START + timedelta(hours=1)))
        step(lambda: engine.record(deal, "cost", 900, source="budget 2026", by=clerk))
        value = {"big": 2**53, "low": -(2**53), "list": [None, True, False, "", {}], "deep": {"a": {"b": [[]]}}}
        step(lambda: engine.record(deal, "sectors", value, by=clerk))
        step(lambda: engine.approve(deal, reason="fine", by=Actor(id="t", roles={"treasurer"}), request_id="r 3"))
        step(lambda: engine.note(deal, "seen\nby all", by=clerk))
        step(lambda: engine.advance(deal, by=mayor, reason="now"))
        step(lambda: engine.refuse(deal, "not yet", by=speaker))
        step(
            lambda: engine.approve(
                deal, by=speaker, result={"members": 50, "present": 40, "in_favour": 39, "against": 1}
            )
        )
        newer = Document.from_bytes(
            b"plan 2",
            kind="plan",
            languages=["id"],
            signed_by=["bekasi", "izumisano"],
            dated="2025-07-20",
            received_on="2025-07-21",
            valid_until="2030-12-31",
            fields={"cost": "900.50", "sectors": ["waste"]},
        )
        step(lambda: engine.attach(deal, newer, by=clerk))
        step(lambda: engine.send_back(deal, "draft", "a new plan", by=speaker))
        step(lambda: engine.hold(deal, "holidays", by=mayor))
        step(lambda: engine.advance(deal, by=mayor))
        step(lambda: engine.resume(deal, reason="back", by=mayor))
        step(lambda: engine.record(deal, "budgeted", True, by=clerk))
        step(lambda: engine.advance(deal, by=clerk))
        step(lambda: engine.approve(deal, by=speaker, result={"members": 50, "present": 45, "in_favour": 30}))
        step(lambda: engine.advance(deal, by=speaker))
        step(lambda: engine.record(deal, "published", True, by=mayor))
        step(lambda: engine.advance(deal, by=mayor))
        step(lambda: engine.end(deal, "fulfilled", "too early", by=mayor))
        step(lambda: engine.record(deal, "report", "done", by=clerk))
        step(lambda: engine.end(deal, "fulfilled", "all done", by=mayor))
        step(lambda: engine.note(deal, "for the archive", by=clerk))
    return store


def files(store: Store) -> dict[Path, bytes]:
    """Return what the golden files are to hold."""
    (dossier,) = store.dossiers()
    entries: list[Entry] = list(dossier.entries)
    outbox = sorted(store.outbox(), key=lambda row: row.notification.id)
    assert dossier.agreement is not None
    return {
        BODIES: b"".join(entry.body + b"\n" for entry in entries),
        HASHES: "".join(f"{entry.hash.hex()}\n" for entry in entries).encode(),
        OUTBOX: b"".join(row.notification.payload() + b"\n" for row in outbox),
        SNAPSHOT: dossier.agreement.to_json() + b"\n",
    }


if __name__ == "__main__":
    for path, content in files(play()).items():
        path.write_bytes(content)
        print(path, len(content))  # noqa: T201  says what was written
