"""Notices: a document that must be there long enough before something takes place."""

from __future__ import annotations

from typing import Any

import attrs

from .._attempt import Attempt
from .._deadlines import Period, as_point, calendar_days, workdays
from .._fields import reads
from .._plain import name, slug
from .._reasons import Unmet
from .._requirements import Requirement, gather
from ..exceptions import DefinitionError, InvalidValue
from .values import as_count


def _before(value: Any, where: str) -> str:
    """Take a point; the bare name of a document means the date it bears."""
    said = name(value, where)
    return as_point(said if ":" in said or "." in said else f"{slug(said, where)}.dated", where)


def _count(value: Any, where: str) -> int | None:
    return None if value is None else as_count(value, where)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class NoticeRequirement(Requirement):
    """A document must be there long enough before something; `notice` makes it."""

    notice: str = attrs.field(metadata=reads(slug))
    before: str = attrs.field(metadata=reads(_before))
    days: int | None = attrs.field(default=None, metadata=reads(_count))
    workdays: int | None = attrs.field(default=None, metadata=reads(_count))

    def __attrs_post_init__(self) -> None:
        """Refuse what could never be in time."""
        if (self.days is None) == (self.workdays is None):
            raise DefinitionError([("days", "say how long before, either in days or in workdays")])
        if self.before.rpartition(".")[0] == self.notice:
            raise DefinitionError([("before", "a notice is given before something else, not before itself")])
        try:
            _ = self.period
        except InvalidValue as error:
            argument = "workdays" if self.days is None else "days"
            raise DefinitionError([(argument, str(error).removeprefix("period.n: "))]) from None

    @property
    def period(self) -> Period:
        """How long before it has to be there."""
        return calendar_days(self.days) if self.days is not None else workdays(self.workdays or 1)

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
                reasons.append(self.why("notice.late", document=self.notice, date=given, latest=latest, event=event))
        return tuple(reasons)

    def asks(self) -> dict[str, Any]:
        time = {"days": self.days} if self.days is not None else {"workdays": self.workdays}
        return {"notice": self.notice, "before": self.before, **time}

    def short(self) -> str:
        return f"notice:{self.notice}"


def notice(document: str, *, before: str = "", **asks: Any) -> NoticeRequirement:
    """
    Require a document at least so long before something takes place.

    Args:
        document: The kind of the notice; what counts is the date it arrived, or else the date it bears.

        before: The point of what it announces, such as `activity.dated` or `fact:opening`; the bare name of a document
            means its date.

        asks: How long before: `days` (calendar days) or `workdays`; and the attributes of `Requirement`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(NoticeRequirement, notice=document, before=before, **asks)
