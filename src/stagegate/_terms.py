"""Life after signing: how long a stage lasts, how it is renewed, and what is owed meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from ._deadlines import Period, as_period, as_point
from ._evidence import document
from ._fields import collected, optional, reads
from ._plain import slug, text
from ._reasons import provenance_of
from ._records import lean
from ._requirements import Requirement, periods_of
from ._text import Label, as_label
from .exceptions import DefinitionError, InvalidValue, quote

OPEN = "open"


def period_of(value: Any, where: str) -> Period | None:
    """Return a period, or None where none is given."""
    return None if value is None else as_period(value, where)


def requirement_of(value: Any, where: str) -> Requirement | None:
    """Return a requirement, or None where none is given."""
    if value is None or isinstance(value, Requirement):
        return value
    made = (
        "join several by &" if isinstance(value, (list, tuple)) else "a function becomes one with @requirement(code=…)"
    )
    message = f"{where}: a requirement is needed, not {quote(value)}; {made}"
    raise InvalidValue(message)


def stages_of(value: Any, where: str) -> tuple[str, ...]:
    """Return the ids of one or of several stages."""
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        message = f"{where}: a stage or a list of stages is needed, not {quote(value)}"
        raise InvalidValue(message)
    return tuple(dict.fromkeys(slug(stage, where) for stage in value))


@attrs.define(init=False, frozen=True)
class Term:
    """
    How long a stage lasts once it is entered.

    Attributes:
        until: The date it ends on, as a point such as `signed_agreement.valid_until`; empty where it is counted.

        lasts: The period it lasts; None where it has a date, or no end.
    """

    until: str = attrs.field(default="", metadata=reads(optional(as_point)))
    lasts: Period | None = attrs.field(default=None, metadata=reads(period_of))

    def __init__(self, until: str = "", *, lasts: Period | None = None) -> None:
        """
        Say how long a stage lasts; with neither argument, it is open-ended.

        Raises:
            DefinitionError: If both are given, or one cannot be read.
        """
        good = collected(Term, locals())
        if good["until"] and good["lasts"] is not None:
            raise DefinitionError([("until", "a term ends on a date or lasts a period, not both")])
        self.__attrs_init__(**good)

    @property
    def open(self) -> bool:
        """Whether it has no end."""
        return not self.until and self.lasts is None

    def to_data(self) -> Any:
        """Return the term as a definition writes it; its canonical form."""
        if self.lasts is not None:
            return self.lasts.to_data()
        return {"until": self.until} if self.until else OPEN


def term_of(value: Any, where: str) -> Term | None:
    """Return a term: `open`, a point, a period, or the table of one of these."""
    if value is None or isinstance(value, Term):
        return value
    if value == OPEN:
        return Term()
    if isinstance(value, str) and (":" in value or "." in value):
        return Term(value)
    if isinstance(value, Mapping) and "until" in value:
        extra = sorted(set(value) - {"until"})
        if extra:
            raise DefinitionError([(str(key), "unknown key beside until") for key in extra])
        return Term(value["until"])
    return Term(lasts=as_period(value, where))


@attrs.define(init=False, frozen=True)
class Renewal:
    """
    How an agreement whose term ends is renewed.

    Attributes:
        to: The stages it can be renewed to: the same one, with a new term, or an earlier one, to go through it again.

        window: How long before the end of the term it can be renewed; None for at any time.

        gate: What must hold; None for the owner alone.

        term: The new term; None for the term of the stage, counted from the end of the one before.

        basis: The rule it comes from.

        provenance: Whether that is `law`, `law-secondary`, `practice` or `interpretation`.
    """

    to: tuple[str, ...] = attrs.field(metadata=reads(stages_of))
    window: Period | None = attrs.field(default=None, metadata=reads(period_of))
    gate: Requirement | None = attrs.field(default=None, metadata=reads(requirement_of))
    term: Term | None = attrs.field(default=None, metadata=reads(term_of))
    basis: str = attrs.field(default="", metadata=reads(text))
    provenance: str = attrs.field(default="", metadata=reads(provenance_of))

    def __init__(
        self,
        to: str | Iterable[str],
        *,
        window: Period | None = None,
        gate: Requirement | None = None,
        term: Term | Period | str | None = None,
        basis: str = "",
        provenance: str = "",
    ) -> None:
        """
        Say how it is renewed; the arguments are the attributes.

        Raises:
            DefinitionError: With every fault of the arguments.
        """
        self.__attrs_init__(**collected(Renewal, locals()))

    def to_data(self) -> dict[str, Any]:
        """Return the renewal as the table that definitions hold; its canonical form."""
        return lean(
            {
                "to": self.to,
                "window": self.window and self.window.to_data(),
                "gate": None if self.gate is None else self.gate.to_data(),
                "term": self.term and self.term.to_data(),
                "basis": self.basis,
                "provenance": self.provenance,
            }
        )


@attrs.define(init=False, frozen=True)
class Duty:
    """
    What is owed while an agreement stands at a stage: a document again and again, a document after something, a state.

    Attributes:
        id: Its id.

        document: The kind of document that is owed.

        gate: What must hold by then, where it is not a document.

        every: The period after which it is owed again.

        within: The period within which it is owed once.

        after: The point from which that counts, such as `activity.dated`; empty for entering the stage.

        remind: How long before the due date to remind.

        label: What people call it, by language.

        fix_by: The roles that owe it; where none is named, the owner of the stage.

        basis: The rule it comes from.

        provenance: Whether that is `law`, `law-secondary`, `practice` or `interpretation`.
    """

    id: str = attrs.field(metadata=reads(slug))
    document: str = attrs.field(default="", metadata=reads(optional(slug)))
    gate: Requirement | None = attrs.field(default=None, metadata=reads(requirement_of))
    every: Period | None = attrs.field(default=None, metadata=reads(period_of))
    within: Period | None = attrs.field(default=None, metadata=reads(period_of))
    after: str = attrs.field(default="", metadata=reads(optional(as_point)))
    remind: tuple[Period, ...] = attrs.field(default=(), metadata=reads(periods_of))
    label: Label = attrs.field(factory=Label, metadata=reads(as_label))
    fix_by: tuple[str, ...] = attrs.field(default=(), metadata=reads(stages_of))
    basis: str = attrs.field(default="", metadata=reads(text))
    provenance: str = attrs.field(default="", metadata=reads(provenance_of))

    def __init__(
        self,
        id: str,
        *,
        document: str = "",
        gate: Requirement | None = None,
        every: Period | None = None,
        within: Period | None = None,
        after: str = "",
        remind: Iterable[Period | str] = (),
        label: str | Mapping[str, str] | None = None,
        fix_by: str | Iterable[str] = (),
        basis: str = "",
        provenance: str = "",
    ) -> None:
        """
        Say what is owed; the arguments are the attributes. The document is the duty's id unless named.

        Raises:
            DefinitionError: With every fault of the arguments.
        """
        good = collected(Duty, locals())
        if not document and gate is None:
            good["document"] = good["id"]
        faults = []
        if document and gate is not None:
            faults.append(("document", "a duty is a document or a gate, not both"))
        if (good["every"] is None) == (good["within"] is None):
            faults.append(("every", "say either every (again and again) or within (once)"))
        if good["every"] is not None and (after or gate is not None):
            faults.append(("every", "what is owed again and again is a document, counted from entering the stage"))
        faults += [
            (argument, "the point the period counts from is named by after")
            for argument in ("every", "within")
            if good[argument] is not None and good[argument].since
        ]
        if faults:
            raise DefinitionError(faults)
        self.__attrs_init__(**good)

    @property
    def period(self) -> Period:
        """The period in which it is owed."""
        period = self.every or self.within
        assert period is not None  # noqa: S101  one of the two is there: the constructor refuses the rest
        return period

    def asks(self) -> Requirement:
        """Return what it owes as a requirement: what stands in the way when it is late."""
        if self.gate is not None:
            return self.gate
        return document(self.document, label=self.label, basis=self.basis, fix_by=self.fix_by)

    def to_data(self) -> dict[str, Any]:
        """Return the duty as the table that definitions hold; its canonical form."""
        return lean(
            {
                "id": self.id,
                "document": None if self.document == self.id else self.document,
                "gate": None if self.gate is None else self.gate.to_data(),
                "every": self.every and self.every.to_data(),
                "within": self.within and self.within.to_data(),
                "after": self.after,
                "remind": tuple(str(period) for period in self.remind),
                "label": self.label,
                "fix_by": self.fix_by,
                "basis": self.basis,
                "provenance": self.provenance,
            }
        )
