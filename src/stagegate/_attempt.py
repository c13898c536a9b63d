"""What a requirement sees."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import attrs

from ._agreement import Agreement
from ._calendars import WEEKENDS, Calendar
from ._records import Actor, Approval, Document
from ._text import frozendict
from .exceptions import NotFound, quote


@attrs.define(kw_only=True, frozen=True, eq=False)
class Attempt:
    """
    What a requirement sees: frozen values, no way to the world.

    Attributes:
        agreement: The agreement as it is.

        move: What is attempted: `advance`, `attach`, …

        actor: Who attempts it.

        at: When it is to take effect.

        details: The parameters of the move, such as `to` and `reason`.

        zone: The time zone in which the process counts its days.

        calendar: The calendar by which the process counts its days.

        parts: The agreements that are parts of this one, as far as the process asks about them.

        parent: The agreement that this one is part of.

        above: The agreements that one is part of in turn, the nearest first.

        tracks: The agreements that run beside this one, by the fact that names them.

        orders: The stages of those agreements' own processes, in order, by the id of the agreement.
    """

    agreement: Agreement
    move: str
    actor: Actor
    at: datetime
    details: Mapping[str, Any] = frozendict()
    zone: tzinfo = UTC
    calendar: Calendar = WEEKENDS
    parts: tuple[Agreement, ...] = ()
    parent: Agreement | None = None
    above: tuple[Agreement, ...] = ()
    tracks: Mapping[str, Agreement] = frozendict()
    orders: Mapping[str, tuple[str, ...]] = frozendict()

    @property
    def today(self) -> date:
        """The day it is to take effect, in the zone of the process."""
        return self.at.astimezone(self.zone).date()

    def fact(self, fact: str, default: Any = None) -> Any:
        """Return the value of a recorded fact, or *default*."""
        return self.agreement.fact(fact, default)

    def document(self, kind: str) -> Document | None:
        """Return the current document of a kind, if there is one."""
        return self.agreement.documents.get(kind)

    def approvals(self, role: str) -> tuple[Approval, ...]:
        """Return the votes of a role that stand."""
        return tuple(approval for approval in self.agreement.approvals if approval.role == role)

    def reached(self, agreement: Agreement, stage: str) -> bool:
        """
        Say whether another agreement stands at a stage of its own process or beyond it, or did so when it ended.

        Args:
            agreement: One of `parts`, `parent`, `tracks`.

            stage: The stage.

        Raises:
            NotFound: If its process is not known here, or has no such stage.
        """
        order = self.orders.get(agreement.id)
        if order is None:
            message = f"{agreement.id} runs under {agreement.process}, which this engine does not know"
            raise NotFound(message)
        if stage not in order:
            message = f"{agreement.id} runs under {agreement.process}, which has no stage {quote(stage)}"
            raise NotFound(message)
        return order.index(agreement.stage) >= order.index(stage)
