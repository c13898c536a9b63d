"""What stores with tables copy into columns, and how the copies are compared."""

from __future__ import annotations

from stagegate import Actor, Engine, Process, Stage, unguarded
from stagegate.rows import columns_of, dossier_of, members_of

PROCESS = Process("p", "1", (Stage("a", owner="boss", gate=unguarded("x")), Stage("b", owner="boss")))


def test_row_that_has_seen_more_names_the_first_event_that_is_missing(boss: Actor) -> None:
    """Where the row of an agreement counts more events than its snapshot, the first beyond the snapshot is missing."""
    with Engine.open("memory:", processes=[PROCESS]) as engine:
        engine.start("p", "x", by=boss)
        agreement = engine.note("x", "n", by=boss)
    columns = [*{**columns_of(agreement), "n": 5}.values()]
    dossier = dossier_of(
        "x", columns, agreement.to_json(), events=(), requests=(), members=members_of(agreement), outbox=()
    )

    assert [(3, "event 3 is missing: the row of the agreement has seen 5 events")] == dossier.faults
