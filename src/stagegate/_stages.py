"""The stages of a process and the ways it can end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from ._deadlines import Period
from ._fields import collected, optional, reads
from ._plain import slug, text
from ._reasons import provenance_of
from ._records import lean
from ._requirements import Requirement, periods_of
from ._terms import Duty, Renewal, Term, period_of, requirement_of, term_of
from ._text import Label, as_label, frozendict
from .exceptions import DefinitionError, InvalidValue, quote

MOVES = ("advance", "send_back", "hold", "resume", "renew", "amend", "end")
"""What can be done to an agreement as a whole; they come with every process."""

WHOLE = (*MOVES, "migrate")
"""What changes an agreement as a whole; `migrate` leads into another process."""

GRANTED = (*WHOLE, "attach", "record", "note", "recompute")
"""What a stage can let other roles do; who approves, the gates say."""

LAW = "law"
"""Who acts by the passing of time: an actor and a role that nobody else can have."""

Reapproval = Literal["always", "on_change"]


def _roles(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        message = f"{where}: a role or a list of roles is needed, not {quote(value)}"
        raise InvalidValue(message)
    return tuple(dict.fromkeys(slug(role, where) for role in value))


def _owner(value: Any, where: str) -> tuple[str, ...]:
    owner = _roles(value, where)
    if not owner:
        message = f"{where}: a stage that nobody owns can be left by nobody; name a role"
        raise InvalidValue(message)
    return owner


def _may(value: Any, where: str) -> frozendict:
    if not isinstance(value, Mapping):
        message = f"{where}: a table of roles by move is needed, not {quote(value)}"
        raise InvalidValue(message)
    granted = ", ".join(GRANTED)
    faults = [(str(move), f"this cannot be granted; {granted} can") for move in value if move not in GRANTED]
    may: dict[str, tuple[str, ...]] = {}
    for move in sorted(set(value) & set(GRANTED)):
        try:
            may[move] = _roles(value[move], move)
        except InvalidValue as error:
            faults.append((move, str(error).removeprefix(f"{move}: ")))
    if faults:
        raise DefinitionError(faults)
    return frozendict(may)


def _reapproval(value: Any, where: str) -> str:
    if value not in ("always", "on_change"):
        message = f"{where}: 'always' or 'on_change' is needed, not {quote(value)}"
        raise InvalidValue(message)
    return str(value)


OVERDUE, ESCALATE, END = "overdue", "escalate", "end"


def _timeout(value: Any, where: str) -> str:
    said = text(value, where)
    word, _, target = said.partition(":")
    if said == OVERDUE or (word in {ESCALATE, END} and target):
        return said if said == OVERDUE else f"{word}:{slug(target, where)}"
    message = f"{where}: 'overdue', 'escalate:<role>' or 'end:<outcome>' is needed, not {quote(value)}"
    raise InvalidValue(message)


def _amend(value: Any, where: str) -> frozendict:
    if not isinstance(value, Mapping):
        message = f"{where}: a table of requirements by kind of document is needed, not {quote(value)}"
        raise InvalidValue(message)
    faults: list[tuple[str, str]] = []
    made: dict[str, Requirement] = {}
    for kind in sorted(value, key=str):
        try:
            found = requirement_of(value[kind], str(kind))
            made[slug(kind, str(kind))] = found  # type: ignore[assignment]  # what is none is a fault
        except InvalidValue as error:
            faults.append((str(kind), str(error).removeprefix(f"{kind}: ")))
            continue
        if found is None:
            faults.append((str(kind), "say what must hold before it is amended, or `unguarded`"))
    if faults:
        raise DefinitionError(faults)
    return frozendict(made)


def _renewal(value: Any, where: str) -> Renewal | None:
    if value is None or isinstance(value, Renewal):
        return value
    message = f"{where}: a Renewal is needed, not {quote(value)}"
    raise InvalidValue(message)


def _duties(value: Any, where: str) -> tuple[Duty, ...]:
    if isinstance(value, Duty):
        value = (value,)
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        message = f"{where}: a list of Duty is needed, not {quote(value)}"
        raise InvalidValue(message)
    several = tuple(value)
    faults = [(f"[{i}]", f"a Duty is needed, not {quote(d)}") for i, d in enumerate(several) if not isinstance(d, Duty)]
    ids = [duty.id for duty in several if isinstance(duty, Duty)]
    faults += [
        ("", f"{quote(twice)} is the id of two duties") for twice in sorted({i for i in ids if ids.count(i) > 1})
    ]
    if faults:
        raise DefinitionError(faults)
    return several


@attrs.define(init=False, frozen=True)
class Stage:
    """
    Where an agreement can stand, and what must hold to leave it forwards.

    Attributes:
        id: Its id.

        owner: The roles whose turn it is: they make the moves from here.

        gate: What must hold to go on; None only in the last stage.

        label: What people call it, by language.

        back_to: The stages it may be sent back to; itself for another round.

        when: Under which condition it is entered at all; where that does not hold, it is skipped and the reason
            recorded.

        may: Roles that may make a move beside the owner, by move, such as `{"hold": ["minister"]}`.

        contributors: Roles that may attach, record and note here, beside the owner; empty for every role of the
            process.

        reapproval: Whether sending back voids the approvals given on the way (`always`), or only a new version of what
            they were bound to does (`on_change`).

        within: The period in which the gate is to be passed; None where there is no limit.

        on_timeout: What happens when that has passed: `overdue` (it is said), `escalate:<role>` (it is that role's
            turn as well), `end:<outcome>` (the agreement ends so).

        remind: How long before the due date to remind.

        term: How long the stage lasts: a `Term`, a point such as `signed_agreement.valid_until`, a period, or `open`;
            None where nothing is said.

        on_expiry: The outcome that the end of the term brings.

        renewal: How it is renewed; None where it is not.

        amend: What must hold before a document gets a new version by the move `amend`, by its kind.

        duties: What is owed while it stands here.

        basis: The rule it comes from.

        provenance: Whether that is `law`, `law-secondary`, `practice` or `interpretation`.
    """

    id: str = attrs.field(metadata=reads(slug))
    owner: tuple[str, ...] = attrs.field(metadata=reads(_owner))
    gate: Requirement | None = attrs.field(metadata=reads(requirement_of))
    label: Label = attrs.field(metadata=reads(as_label))
    back_to: tuple[str, ...] = attrs.field(metadata=reads(_roles))
    when: Requirement | None = attrs.field(metadata=reads(requirement_of))
    may: frozendict = attrs.field(metadata=reads(_may))
    contributors: tuple[str, ...] = attrs.field(metadata=reads(_roles))
    reapproval: str = attrs.field(metadata=reads(_reapproval))
    within: Period | None = attrs.field(metadata=reads(period_of))
    on_timeout: str = attrs.field(metadata=reads(_timeout))
    remind: tuple[Period, ...] = attrs.field(metadata=reads(periods_of))
    term: Term | None = attrs.field(metadata=reads(term_of))
    on_expiry: str = attrs.field(metadata=reads(optional(slug)))
    renewal: Renewal | None = attrs.field(metadata=reads(_renewal))
    amend: frozendict = attrs.field(metadata=reads(_amend))
    duties: tuple[Duty, ...] = attrs.field(metadata=reads(_duties))
    basis: str = attrs.field(metadata=reads(text))
    provenance: str = attrs.field(metadata=reads(provenance_of))

    def __init__(
        self,
        id: str,
        *,
        owner: str | Iterable[str],
        gate: Requirement | None = None,
        label: str | Mapping[str, str] | None = None,
        back_to: str | Iterable[str] = (),
        when: Requirement | None = None,
        may: Mapping[str, str | Iterable[str]] | None = None,
        contributors: str | Iterable[str] = (),
        reapproval: Reapproval = "always",
        within: Period | None = None,
        on_timeout: str = OVERDUE,
        remind: Iterable[Period | str] = (),
        term: Term | Period | str | None = None,
        on_expiry: str = "",
        renewal: Renewal | None = None,
        amend: Mapping[str, Requirement] | None = None,
        duties: Iterable[Duty] = (),
        basis: str = "",
        provenance: str = "",
    ) -> None:
        """
        Make a stage; the arguments are the attributes.

        Raises:
            DefinitionError: With every fault of the arguments.
        """
        given = {**locals(), "may": {} if may is None else may, "amend": {} if amend is None else amend}
        self.__attrs_init__(**collected(Stage, given))

    @property
    def timeout(self) -> tuple[str, str]:
        """What happens when the time has passed, and to whom or to what it leads."""
        word, _, target = self.on_timeout.partition(":")
        return word, target

    def gates(self) -> tuple[Requirement, ...]:
        """Return every requirement it asks, whatever for."""
        renewal = () if self.renewal is None else (self.renewal.gate,)
        asked = (self.when, self.gate, *renewal, *self.amend.values(), *(duty.gate for duty in self.duties))
        return tuple(requirement for requirement in asked if requirement is not None)

    def to_data(self) -> dict[str, Any]:
        """Return the stage as the table that TOML and JSON definitions hold; its canonical form."""
        return lean(
            {
                "id": self.id,
                "owner": self.owner,
                "gate": None if self.gate is None else self.gate.to_data(),
                "label": self.label,
                "back_to": self.back_to,
                "when": None if self.when is None else self.when.to_data(),
                "may": self.may,
                "contributors": self.contributors,
                "reapproval": None if self.reapproval == "always" else self.reapproval,
                "within": self.within and self.within.to_data(),
                "on_timeout": None if self.on_timeout == OVERDUE else self.on_timeout,
                "remind": tuple(str(period) for period in self.remind),
                "term": self.term and self.term.to_data(),
                "on_expiry": self.on_expiry,
                "renewal": self.renewal and self.renewal.to_data(),
                "amend": {kind: asked.to_data() for kind, asked in self.amend.items()},
                "duties": tuple(duty.to_data() for duty in self.duties),
                "basis": self.basis,
                "provenance": self.provenance,
            }
        )


@attrs.define(init=False, frozen=True)
class Outcome:
    """
    A way an agreement can end.

    Attributes:
        id: Its id, such as `withdrawn`.

        label: What people call it, by language.

        stages: The stages from which it can be declared; empty for all of them.

        by: The roles that may declare it; empty for the owner of the stage; `law` where only the passing of time
            brings it.

        gate: What must hold to declare it.

        basis: The rule it comes from.

        provenance: Whether that is `law`, `law-secondary`, `practice` or `interpretation`.
    """

    id: str = attrs.field(metadata=reads(slug))
    label: Label = attrs.field(metadata=reads(as_label))
    stages: tuple[str, ...] = attrs.field(metadata=reads(_roles))
    by: tuple[str, ...] = attrs.field(metadata=reads(_roles))
    gate: Requirement | None = attrs.field(metadata=reads(requirement_of))
    basis: str = attrs.field(metadata=reads(text))
    provenance: str = attrs.field(metadata=reads(provenance_of))

    def __init__(
        self,
        id: str,
        *,
        label: str | Mapping[str, str] | None = None,
        stages: str | Iterable[str] = (),
        by: str | Iterable[str] = (),
        gate: Requirement | None = None,
        basis: str = "",
        provenance: str = "",
    ) -> None:
        """
        Make an outcome; the arguments are the attributes.

        Raises:
            DefinitionError: With every fault of the arguments.
        """
        self.__attrs_init__(**collected(Outcome, locals()))

    def to_data(self) -> dict[str, Any]:
        """Return the outcome as the table that TOML and JSON definitions hold; its canonical form."""
        return lean(
            {
                "id": self.id,
                "label": self.label,
                "stages": self.stages,
                "by": self.by,
                "gate": None if self.gate is None else self.gate.to_data(),
                "basis": self.basis,
                "provenance": self.provenance,
            }
        )
