"""What somebody can be told of: the kinds of notifications, and the fields that each brings."""

from __future__ import annotations

COMMON = ("agreement", "title", "process", "process_label", "stage", "stage_label", "turn", "at")
"""What a notification of every kind says."""

FOOT = "foot"
"""What stands at the foot of every message: a template, but nothing that anybody is told of."""

PROOF = ("reference", "receipt")
"""What every message can say beside its context: what the reader knows the matter by, and where it comes from."""

_BACK = ("from_stage", "from_label")
_TIME = ("deadline", "deadline_label", "date")
_WHY = ("reasons", "codes")

KINDS: dict[str, tuple[str, ...]] = {
    "agreement.started": ("due",),
    "stage.entered": (*_BACK, "due"),
    "stage.returned": (*_BACK, "reason", "due"),
    "move.refused": ("move", *_WHY, "permitted"),
    "document.filed": ("document", "document_title"),
    "document.amended": ("document", "document_title", "reason"),
    "fact.recorded": ("fact",),
    "vote.cast": ("role", "vote", "reason"),
    "vote.recused": ("role",),
    "vote.adjourned": ("role", "until", "reason"),
    "vote.silent": ("role", "vote", *_TIME, "basis"),
    "note.added": (),
    "agreement.held": ("reason",),
    "agreement.resumed": ("reason",),
    "agreement.renewed": ("reason", "until"),
    "agreement.ended": ("outcome", "outcome_label", "reason"),
    "agreement.lapsed": ("outcome", "outcome_label", *_TIME, "basis"),
    "agreement.migrated": ("was", "now"),
    "deadline.reminded": _TIME,
    "deadline.overdue": (*_TIME, *_WHY, "escalated", "basis"),
    "deadlines.reckoned": _TIME,
    "duty.reminded": _TIME,
    "duty.overdue": (*_TIME, *_WHY, "basis"),
    "term.reminded": _TIME,
}
"""What each kind says beside that."""

DATES = frozenset({"at", "date", "due", "until"})
"""The fields that are days."""

WORDED = {"move": "move", "vote": "vote"}
"""The fields whose values the library has words for, each with what the codes of its sentences begin with."""

TIMED = frozenset(kind for kind, fields in KINDS.items() if "deadline" in fields)
"""The kinds that are about a deadline."""

ACTS = ("start", "attach", "record", "approve", "refuse", "abstain", "recuse", "adjourn", "note", "recompute", "sweep")
"""What causes an event beside the moves: names of the engine's methods."""


def fields(kind: str) -> frozenset[str] | None:
    """Return the fields that a template of that kind can name; None where the library does not know them."""
    if kind == FOOT:
        return frozenset({"agreement", *PROOF})
    found = KINDS.get(kind)
    return None if found is None else frozenset({*COMMON, *PROOF, *found})
