"""
The histories behind the golden files of a whole life: deadlines, silence, terms, renewals, votes of a body, parts.

Five agreements that look at each other, at fixed times, with fixed ids. The files are frozen like those of
`generate.py`: to add files for a new version, say `python -m tests.golden.life`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from stagegate import (
    Actor,
    Calendar,
    Document,
    Duty,
    Engine,
    MemoryStore,
    NoSuchMove,
    Outcome,
    Process,
    RefusedError,
    Renewal,
    Stage,
    Store,
    all_of,
    approval,
    calendar_days,
    document,
    fact,
    months,
    notice,
    parent,
    parts,
    track,
    unguarded,
    workdays,
)
from stagegate.testing import ManualClock

from .generate import Herald, fixed_ids

HERE = Path(__file__).parent
BODIES = HERE / "history-life-v1.jsonl"
HASHES = HERE / "history-life-v1.sha256"
OUTBOX = HERE / "outbox-life-v1.jsonl"
SNAPSHOTS = HERE / "snapshot-life-v1.jsonl"
DEFINITIONS = HERE / "definition-life-v1.jsonl"
START = datetime(2025, 7, 24, 2, 0, tzinfo=UTC)

LAND = Calendar(
    id="land",
    version="1",
    holidays={"2025-08-18": "Hari Kemerdekaan (cuti bersama)"},
    first=date(2025, 1, 1),
    last=date(2029, 12, 31),
)
DECREED = Calendar(
    id="land",
    version="2",
    holidays={"2025-08-18": "Hari Kemerdekaan (cuti bersama)", "2025-09-05": "Maulid Nabi"},
    first=date(2025, 1, 1),
    last=date(2029, 12, 31),
)
"""The calendar of the land before and after a decree."""

UMBRELLA = Process(
    id="umbrella",
    version="1",
    calendar="land",
    zone="Asia/Jakarta",
    stages=(
        Stage(
            "plan",
            owner="mayor",
            gate=parts(all="cleared", unless=["carved_out", "lapsed"]) & document("plan"),
            within=workdays(10, since="letter.received_on", on_return="continue"),
            on_timeout="escalate:governor",
            remind=["3 workdays", "1 workday"],
            basis="Art 2",
        ),
        Stage(
            "council",
            owner="speaker",
            back_to="plan",
            within=workdays(45, since="letter.received_on", on_hold="pause", on_return="continue"),
            gate=approval(
                "council",
                of="plan",
                of_members=5,
                quorum=">=1/2",
                majority=">=2/3",
                adjournments=2,
                delegates=["deputy"],
                basis="Art 3",
            ),
        ),
        Stage(
            "signing",
            owner="mayor",
            back_to="council",
            gate=all_of(
                document("treaty", signed_by=2),
                track("there", reached="signed"),
                approval("ministry", of="treaty", within=calendar_days(14), silence="approves", basis="Art 7(2)"),
            ),
        ),
        Stage(
            "life",
            owner="mayor",
            term="treaty.valid_until",
            remind=["6 months"],
            on_expiry="expired",
            renewal=Renewal(
                ("life", "plan"), window=months(6), gate=document("extension"), term="extension.valid_until"
            ),
            amend={"treaty": approval("council", majority="1/2", of_members=5) & document("change")},
            duties=[
                Duty("report", every=months(12), remind=["1 month"], basis="Art 43"),
                Duty("activity", gate=fact("first_activity"), within=months(12), basis="Art 44"),
                Duty("minutes", within=calendar_days(7), after="meeting.dated"),
            ],
        ),
    ),
    outcomes=(Outcome("expired", by="law"), Outcome("withdrawn", by="mayor")),
)


def sector(version: str, *names: str) -> Process:
    """Return the process of a part; *names* are its stages."""
    proposed, cleared, active = names
    return Process(
        id="sector",
        version=version,
        calendar="land",
        stages=(
            Stage(
                proposed,
                owner="agency",
                back_to=proposed,
                gate=approval("office", within=calendar_days(5), silence="refuses", basis="Art 9")
                & fact("object_class"),
                within=workdays(30),
                on_timeout="end:lapsed",
                basis="Art 8",
            ),
            Stage(
                cleared,
                owner="agency",
                within=workdays(1200),
                gate=parent(reached="life") & notice("announcement", before="opening", workdays=7),
            ),
            Stage(active, owner="agency", term="open"),
        ),
        outcomes=(
            Outcome("carved_out", stages=[proposed], by="agency"),
            Outcome("fulfilled", stages=[active], by="agency"),
            Outcome("lapsed", by="law"),
            Outcome("expired", by="law"),
        ),
    )


SECTOR, RENAMED = sector("1", "proposed", "cleared", "active"), sector("2", "suggested", "cleared", "active")
"""The process of a part, and the next version of it, in which a stage has another name."""

THERE = Process(
    id="there",
    version="1",
    stages=(Stage("talks", owner="partner", gate=unguarded("its own affair")), Stage("signed", owner="partner")),
)
"""The process on the other side."""

MAYOR = Actor(id="tri", roles={"mayor", "agency"})
PARTNER = Actor(id="千代松", roles={"partner"})
SPEAKER = Actor(id="s-7", roles={"speaker"})


def member(n: int, **about: Any) -> Actor:
    """Return a member of the council."""
    return Actor(id=f"m-{n}", roles={"council"}, **about)


def paper(kind: str, content: bytes = b"text", **about: Any) -> Document:
    """Return a document."""
    return Document.from_bytes(content, kind=kind, **about)


class Play:
    """The engines, the clock and the store of the play."""

    def __init__(self, store: Store) -> None:
        """Begin at the beginning."""
        self.clock, self.store = ManualClock(START), store
        self.before, self.engine = (
            self.opened(LAND, UMBRELLA, SECTOR, THERE),
            self.opened(DECREED, UMBRELLA, SECTOR, THERE, RENAMED),
        )

    def opened(self, calendar: Calendar, *processes: Process) -> Engine:
        """Return an engine on the store."""
        return Engine.open(
            "golden:", processes=processes, plugins=[Herald(self.store)], calendars=[calendar], clock=self.clock
        )

    def step(self, act: Callable[..., object], *given: Any, by: Actor, days: int = 0, **named: Any) -> None:
        """Let time pass and do something, which may be refused."""
        self.clock.advance(days=days, hours=1, microseconds=1)
        with suppress(RefusedError):
            act(*given, by=by, **named)

    def to(self, year: int, month: int, day: int) -> None:
        """Let time pass until a day, and sweep."""
        self.clock.set(datetime(year, month, day, 3, 0, tzinfo=UTC))
        self.engine.sweep()


def play(store: Store | None = None) -> Store:
    """Return a store to which a whole life has happened: an empty one that is given, or a new memory."""
    it = Play(store or MemoryStore())
    with fixed_ids():
        _begin(it)
        _vote(it)
        _sign(it)
        _live(it)
    return it.store


def _begin(it: Play) -> None:
    engine, step, whole = it.before, it.step, "bekasi"
    step(engine.start, "umbrella", whole, title="Bekasi – 泉佐野市", by=MAYOR)
    step(engine.attach, whole, paper("letter", received_on="2025-07-21", dated="2025-07-18"), by=MAYOR)
    step(engine.attach, whole, paper("letter", b"again", received_on="2025-07-24"), by=MAYOR)
    for name in ("waste", "water", "education"):
        step(engine.start, "sector", f"bekasi/{name}", title=name, part_of=whole, by=MAYOR, request_id=f"start {name}")
    step(engine.start, "there", "izumisano", by=PARTNER)
    step(engine.record, whole, "there", "izumisano", by=MAYOR)
    step(engine.attach, whole, paper("plan"), by=MAYOR)
    step(engine.advance, whole, by=MAYOR)
    step(engine.record, "bekasi/waste", "object_class", "technical", by=MAYOR)
    step(
        engine.approve,
        "bekasi/waste",
        by=Actor(id="o-1", roles={"office"}, on_behalf_of="the head"),
        capacity="delegated",
    )
    step(engine.advance, "bekasi/waste", by=MAYOR)
    step(engine.end, "bekasi/education", "carved_out", "an affair of the province", by=MAYOR)
    it.engine.sweep()
    it.to(2025, 8, 1)
    engine = it.engine
    step(engine.recompute, whole, by=MAYOR)
    step(engine.recompute, "bekasi/water", by=MAYOR, request_id="recompute")
    step(engine.migrate, "bekasi/water", RENAMED, by=PARTNER)
    step(engine.migrate, "bekasi/water", RENAMED, mapping={"proposed": "cleared"}, reason="jump", by=MAYOR)
    step(engine.migrate, "bekasi/water", RENAMED, mapping={"proposed": "suggested"}, reason="renamed", by=MAYOR)
    it.to(2025, 8, 6)
    it.to(2025, 8, 8)
    step(engine.advance, whole, by=Actor(id="g-1", roles={"governor"}))
    it.to(2025, 9, 10)
    step(engine.advance, whole, by=Actor(id="g-1", roles={"governor"}))


def _vote(it: Play) -> None:
    engine, step, whole = it.engine, it.step, "bekasi"
    step(engine.send_back, whole, "plan", "a page is missing", by=SPEAKER)
    step(engine.advance, whole, days=2, by=MAYOR)
    step(engine.hold, whole, "election", by=SPEAKER)
    step(engine.resume, whole, days=3, by=SPEAKER)
    step(engine.adjourn, whole, "too few", until=it.clock().date() + timedelta(days=2), by=member(1))
    step(engine.adjourn, whole, "too few again", by=member(1), days=3)
    step(engine.approve, whole, by=member(1))
    step(engine.refuse, whole, "too dear", by=member(2))
    step(engine.abstain, whole, reason="not sure", by=member(3))
    step(engine.recuse, whole, "a cousin works there", by=member(4))
    step(
        engine.approve,
        whole,
        role="council",
        by=Actor(id="d-1", roles={"deputy"}, on_behalf_of="m-5"),
        capacity="mandated",
    )
    step(engine.advance, whole, by=SPEAKER)
    tally = {"members": 5, "present": 4, "in_favour": 3, "against": 1}
    step(engine.approve, whole, role="council", result=tally, by=member(1))
    step(engine.advance, whole, by=SPEAKER)
    for n in (2, 3, 5):
        step(engine.approve, whole, by=member(n))
    step(engine.advance, whole, by=SPEAKER)


def _sign(it: Play) -> None:
    engine, step, whole = it.engine, it.step, "bekasi"
    treaty = paper("treaty", signed_by=["bekasi", "izumisano"], valid_until="2027-06-30", languages=["id", "ja", "en"])
    step(engine.attach, whole, treaty, by=MAYOR)
    step(engine.advance, whole, by=MAYOR)
    it.to(2025, 12, 1)
    step(engine.refuse, whole, "too late", by=Actor(id="x", roles={"ministry"}))
    step(engine.advance, "izumisano", by=PARTNER)
    step(engine.advance, whole, by=MAYOR)
    step(engine.advance, "bekasi/waste", by=MAYOR)
    step(engine.attach, "bekasi/waste", paper("announcement", received_on="2025-12-01"), by=MAYOR)
    step(engine.attach, "bekasi/waste", paper("opening", dated="2025-12-20"), by=MAYOR)
    step(engine.advance, "bekasi/waste", by=MAYOR)


def _live(it: Play) -> None:
    engine, step, whole = it.engine, it.step, "bekasi"
    step(engine.attach, whole, paper("meeting", dated="2025-12-05"), by=MAYOR)
    step(engine.attach, whole, paper("minutes"), by=MAYOR)
    step(engine.attach, whole, paper("meeting", b"second", dated="2025-12-10"), by=MAYOR)
    it.to(2026, 12, 5)
    step(engine.attach, whole, paper("report"), by=MAYOR)
    step(engine.record, whole, "first_activity", "2026-03-01", by=MAYOR)
    later = paper("treaty", b"amended", signed_by=["bekasi", "izumisano"], valid_until="2028-06-30")
    step(engine.attach, whole, later, by=MAYOR)
    step(engine.amend, whole, later, "more sectors", by=MAYOR)
    step(engine.attach, whole, paper("change"), by=MAYOR)
    for n in (1, 2, 3):
        step(engine.approve, whole, by=member(n))
    step(engine.amend, whole, later, "more sectors", by=MAYOR, request_id="amend")
    step(engine.attach, whole, paper("extension", valid_until="2031-06-30"), by=MAYOR)
    step(engine.renew, whole, reason="too early", by=MAYOR)
    step(engine.end, "bekasi/waste", "fulfilled", "built", by=MAYOR)
    it.to(2028, 1, 15)
    step(engine.renew, whole, reason="five years more", by=MAYOR)
    it.to(2029, 3, 1)
    step(engine.note, whole, "nothing was reported for years", by=MAYOR)
    it.to(2031, 7, 2)
    with suppress(NoSuchMove):
        engine.renew(whole, by=MAYOR)
    step(engine.note, "bekasi/waste", "for the archive", by=MAYOR)


def files(store: Store) -> dict[Path, bytes]:
    """Return what the golden files are to hold: agreement after agreement, in the order of their ids."""
    dossiers = list(store.dossiers())
    entries = [entry for dossier in dossiers for entry in dossier.entries]
    outbox = sorted(store.outbox(), key=lambda row: row.notification.id)
    return {
        BODIES: b"".join(entry.body + b"\n" for entry in entries),
        HASHES: "".join(f"{entry.hash.hex()}\n" for entry in entries).encode(),
        OUTBOX: b"".join(row.notification.payload() + b"\n" for row in outbox),
        SNAPSHOTS: b"".join(d.agreement.to_json() + b"\n" for d in dossiers if d.agreement is not None),
        DEFINITIONS: b"".join(definition.body + b"\n" for definition in store.definitions()),
    }


if __name__ == "__main__":
    for path, content in files(play()).items():
        path.write_bytes(content)
        print(path, len(content))  # noqa: T201  says what was written
