"""
A process of one's own: the permit for research from abroad of an imagined agency, as Python values.

Nothing here is about agreements between cities; whatever passes through gates in stages fits.
"""

from __future__ import annotations

from datetime import date

from stagegate import (
    Actor,
    Attempt,
    Document,
    Engine,
    GateClosed,
    Outcome,
    Party,
    Process,
    Stage,
    approval,
    document,
    fact,
    requirement,
)


@requirement(code="fee.paid", fix_by="applicant", basis="Fee schedule, item 4")
def fee_paid(attempt: Attempt) -> bool | str:
    """Hold when what was paid covers the fee."""
    missing = attempt.fact("fee", 0) - attempt.fact("paid", 0)
    return missing <= 0 or f"{missing:,} of the fee are not paid"


PERMIT = Process(
    id="research-permit",
    version="2026.1",
    label={"en": "Research permit", "id": "Izin penelitian", "ja": "調査許可"},
    stages=(
        Stage(
            "application",
            owner="applicant",
            gate=document("proposal", fields=["site", "period"]) & document("passport", valid=True) & fee_paid,
        ),
        Stage(
            "review",
            owner="desk_officer",
            back_to="application",
            gate=approval("reviewer", of="proposal", count=2, not_by="proposer"),
        ),
        Stage(
            "site_visit",
            owner="park_office",
            when=fact("protected_area", equals=True),
            gate=document("visit_report", signed_by=1),
        ),
        Stage("issued", owner="desk_officer"),
    ),
    outcomes=(Outcome("expired", stages="issued"), Outcome("withdrawn", by="applicant")),
)


def main() -> None:
    """Apply for a permit, be refused with every reason, mend them, and get it."""
    applicant = Actor(id="p-117", roles={"applicant"})
    officer = Actor(id="s-20", roles={"desk_officer"})
    with Engine.open("memory:", processes=[PERMIT]) as engine:
        permit = engine.start("research-permit", "P-2026-0117", parties=[Party("marine-lab")], by=applicant)
        permit = engine.record(permit, "fee", 1_500_000, by=officer)
        passport = Document.from_bytes(b"passport", kind="passport", valid_until=date(2020, 1, 31))
        permit = engine.attach(permit, passport, by=applicant)

        try:
            engine.advance(permit, by=applicant)
        except GateClosed as refused:
            print("Refused, with every reason at once:")
            for why in refused.unmet:
                print(f"  {why.code:<17} {why.text()} (mended by {', '.join(why.fix_by)})")

        proposal = Document.from_bytes(b"reefs", kind="proposal", fields={"site": "reef 12", "period": "2027"})
        passport = Document.from_bytes(b"new passport", kind="passport", valid_until=date(2099, 1, 31))
        for paper in (proposal, passport):
            permit = engine.attach(permit, paper, by=applicant)
        permit = engine.record(permit, "paid", 1_500_000, source="receipt 88", by=officer)
        permit = engine.record(permit, "protected_area", value=False, by=officer)
        permit = engine.advance(permit, by=applicant)
        print("Now at:", permit.stage)

        for reviewer in ("r-1", "r-2"):
            permit = engine.approve(permit, by=Actor(id=reviewer, roles={"reviewer"}))
        permit = engine.advance(permit, by=officer)
        last = engine.history(permit)[-1].data
        print("Now at:", permit.stage)
        print("Skipped:", [skipped["stage"] for skipped in last["data"]["skipped"]])
        print("Verified:", engine.verify(permit))


if __name__ == "__main__":
    main()
