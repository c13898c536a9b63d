"""A life with a clock: a reminder, what is overdue, a decision by silence, a term that is renewed, and its end."""

from __future__ import annotations

from datetime import UTC, datetime

from stagegate import (
    Actor,
    Document,
    Engine,
    GateClosed,
    Outcome,
    Process,
    Renewal,
    Stage,
    approval,
    document,
    months,
    workdays,
)

PROCESS = Process(
    id="pact",
    version="2026.1",
    calendar="indonesia",
    zone="Asia/Jakarta",
    stages=[
        Stage(
            "review",
            owner="mayor",
            within=workdays(15, since="letter.received_on"),
            on_timeout="escalate:governor",
            remind=["5 workdays"],
            gate=document("treaty", signed_by=2)
            & approval("ministry", within=workdays(10), silence="approves", basis="Regulation 4/2026 Art 7(2)"),
            basis="Regulation 4/2026 Art 6",
        ),
        Stage(
            "life",
            owner="mayor",
            term="treaty.valid_until",
            renewal=Renewal("life", window=months(6), gate=document("extension"), term="extension.valid_until"),
        ),
    ],
    outcomes=[Outcome("expired", by="law")],
)


class Clock:
    """A clock that stands still until it is turned."""

    now = datetime(2025, 7, 24, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


def main() -> None:
    """Let two years pass, and sweep now and then, as a timer would."""
    clock, mayor = Clock(), Actor(id="tri", roles={"mayor"})
    with Engine.open("memory:", processes=[PROCESS], clock=clock) as engine:

        def morning(year: int, month: int, day: int) -> None:
            """Let time pass until a morning, and sweep what the night has brought."""
            seen = engine.get("bekasi").n
            clock.now = datetime(year, month, day, 3, 0, tzinfo=UTC)
            engine.sweep()
            for event in engine.history("bekasi", after=seen):
                said = event.data["data"].get("deadline") or event.data["data"]["silence"]["deadline"]
                print(f"{clock.now:%d %b %Y}  {event.actor}: {event.kind}, {event.move}, for {said}")

        engine.start("pact", "bekasi", title="Bekasi – Izumisano", by=mayor)
        letter = Document.from_bytes(b"letter", kind="letter", received_on="2025-07-24")
        deal = engine.attach("bekasi", letter, by=mayor)
        for key, due in deal.deadlines.items():
            print(f"{key} is due on {due.date}")
        print("Because:", *engine.explain(deal, "stage:review"), sep="\n  ")

        morning(2025, 8, 7)
        morning(2025, 8, 8)
        morning(2025, 8, 31)
        print("It is the turn of", " and ".join(engine.get("bekasi").owner))

        signed = {"bekasi", "izumisano"}
        treaty = Document.from_bytes(b"treaty", kind="treaty", signed_by=signed, valid_until="2026-12-31")
        engine.attach("bekasi", treaty, by=mayor)
        engine.advance("bekasi", by=mayor)
        longer = Document.from_bytes(b"extension", kind="extension", valid_until="2027-12-31")
        engine.attach("bekasi", longer, by=mayor)
        try:
            engine.renew("bekasi", by=mayor)
        except GateClosed as closed:
            print("Refused:", closed.unmet[0].text())
        clock.now = datetime(2026, 9, 1, 3, 0, tzinfo=UTC)
        deal = engine.renew("bekasi", by=mayor)
        print(f"Renewed until {deal.deadlines['term'].date}, and nobody renews it again:")
        morning(2027, 1, 1)
        morning(2028, 1, 1)
        print(f"It has ended: {engine.get('bekasi').outcome}")
        print("Verified:", engine.verify())


if __name__ == "__main__":
    main()
