"""The gate: it asks all its requirements and says all it heard."""

from __future__ import annotations

import attrs

from ._attempt import Attempt
from ._reasons import Unmet, errors
from ._requirements import All, Requirement
from ._requirements import asked as asked_of


@attrs.define
class Answer:
    """
    What a gate answered.

    Attributes:
        asked: The name of each requirement that was asked, with whether it is met.

        unmet: Every reason that refuses.

        warnings: Every reason that only warns.
    """

    asked: list[tuple[str, bool]] = attrs.field(factory=list)
    unmet: list[Unmet] = attrs.field(factory=list)
    warnings: list[Unmet] = attrs.field(factory=list)


class Gate:
    """What stands between a stage and the next: it asks all its requirements, every time, and says all it heard."""

    __slots__ = ("basis", "fix_by", "parts")

    def __init__(self, gate: Requirement | None, *, fix_by: tuple[str, ...] = (), basis: str = "") -> None:
        """Take a requirement and what its reasons say where it says nothing itself."""
        parts = () if gate is None else gate.parts if isinstance(gate, All) and not gate.titled else (gate,)
        self.parts = tuple((part.name, part) for part in parts)
        self.fix_by = fix_by
        self.basis = basis

    def ask(self, attempt: Attempt, answer: Answer) -> bool:
        """Ask everything, add what was said to *answer*, and return whether the gate is open."""
        unmet = answer.unmet
        before = len(unmet)
        asked = answer.asked
        for named, part in self.parts:
            reasons = asked_of(part, attempt)
            if reasons:
                asked.append((named, False))
                soft = part.soft and not errors((reasons,))
                (answer.warnings if soft else unmet).extend(map(self._complete, reasons))
            else:
                asked.append((named, True))
        return len(unmet) == before

    def _complete(self, reason: Unmet) -> Unmet:
        if reason.fix_by and (reason.basis or not self.basis) and not reason.alternatives:
            return reason
        return attrs.evolve(
            reason,
            fix_by=reason.fix_by or self.fix_by,
            basis=reason.basis or self.basis,
            alternatives=tuple(tuple(map(self._complete, part)) for part in reason.alternatives),
        )
