"""Notices: a document that must be there long enough before something takes place."""

from __future__ import annotations

from typing import Any

import attrs

from .._attempt import Attempt
from .._deadlines import Period, as_period, as_point
from .._fields import reads
from .._plain import name, slug
from .._reasons import Unmet
from .._requirements import Requirement, gather
from ..exceptions import DefinitionError


def _before(value: Any, where: str) -> str:
    """Take a point; the bare name of a document means the date it bears."""
    said = name(value, where)
    return as_point(said if ":" in said or "." in said else f"{slug(said, where)}.dated", where)


def _period(value: Any, where: str) -> Period:
    return as_period(value, where)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class NoticeRequirement(Requirement):
    """A document must be there long enough before something; `notice` makes it."""

    notice: str = attrs.field(metadata=reads(slug))
    before: str = attrs.field(metadata=reads(_before))
    period: Period = attrs.field(metadata=reads(_period))

    def __attrs_post_init__(self) -> None:
        """Refuse what could never be in time."""
        if self.before.rpartition(".")[0] == self.notice:
            raise DefinitionError([("before", "a notice is given before something else, not before itself")])

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return what the notice lacks: itself, its date, the date of what it announces, the time between."""
        document, event = attempt.document(self.notice), attempt.agreement.date_at(self.before)
        if document is None:
            return (self.why("document.missing", document=self.notice),)
        given = document.received_on or document.dated
        reasons = []
        if given is None:
            reasons.append(self.why("document.undated", document=self.notice, field="received_on"))
        if event is None:
            reasons.append(self.why("notice.event", document=self.notice, event=self.before))
        if given is not None and event is not None:
            latest = self.period.before(event, calendar=attempt.calendar)
            if given > latest:
                reasons.append(
                    self.why("notice.late", document=self.notice, date=given, latest=latest, event=event)
                )
        return tuple(reasons)

    def asks(self) -> dict[str, Any]:
        unit, n = next((u, n) for u, n in self.period.to_data().items() if isinstance(n, int))
        return {"notice": self.notice, "before": self.before, "days" if unit == "calendar_days" else unit: n}

    def short(self) -> str:
        return f"notice:{self.notice}"


def notice(
    document: str, *, before: str = "", days: int | None = None, workdays: int | None = None, **about: Any
) -> NoticeRequirement:
    """
    Require a document at least so long before something takes place.

    Args:
        document: The kind of the notice; what counts is the date it arrived, or else the date it bears.

        before: The point of what it announces, such as `activity.dated` or `fact:opening`; the bare name of a document
            means its date.

        days: How many calendar days before.

        workdays: How many working days before, instead.

        about: The attributes of `Requirement`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    given = {unit: n for unit, n in (("calendar_days", days), ("workdays", workdays)) if n is not None}
    if len(given) != 1:
        raise DefinitionError([("days", "say either days or workdays, a whole number from 1")])
    return gather(NoticeRequirement, notice=document, before=before, period=given, **about)
