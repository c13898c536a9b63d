"""The stages of a process and the ways it can end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from ._fields import collected, reads
from ._plain import slug, text
from ._reasons import provenance_of
from ._records import lean
from ._requirements import Requirement
from ._text import Label, as_label, frozendict
from .exceptions import DefinitionError, InvalidValue, quote

MOVES = ("advance", "send_back", "hold", "resume", "end")
"""What can be done to an agreement as a whole; they come with every process."""

WHOLE = (*MOVES, "migrate")
"""What changes an agreement as a whole; `migrate` leads into another process."""

GRANTED = (*WHOLE, "attach", "record", "note")
"""What a stage can let other roles do; who approves, the gates say."""

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


def _requirement(value: Any, where: str) -> Requirement | None:
    if value is None or isinstance(value, Requirement):
        return value
    message = f"{where}: a requirement is needed, not {quote(value)}; a function becomes one with @requirement(code=…)"
    raise InvalidValue(message)


def _reapproval(value: Any, where: str) -> str:
    if value not in ("always", "on_change"):
        message = f"{where}: 'always' or 'on_change' is needed, not {quote(value)}"
        raise InvalidValue(message)
    return str(value)


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

        basis: The rule it comes from.

        provenance: Whether that is `law`, `law-secondary`, `practice` or `interpretation`.
    """

    id: str = attrs.field(metadata=reads(slug))
    owner: tuple[str, ...] = attrs.field(metadata=reads(_owner))
    gate: Requirement | None = attrs.field(metadata=reads(_requirement))
    label: Label = attrs.field(metadata=reads(as_label))
    back_to: tuple[str, ...] = attrs.field(metadata=reads(_roles))
    when: Requirement | None = attrs.field(metadata=reads(_requirement))
    may: frozendict = attrs.field(metadata=reads(_may))
    contributors: tuple[str, ...] = attrs.field(metadata=reads(_roles))
    reapproval: str = attrs.field(metadata=reads(_reapproval))
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
        basis: str = "",
        provenance: str = "",
    ) -> None:
        """
        Make a stage; the arguments are the attributes.

        Raises:
            DefinitionError: With every fault of the arguments.
        """
        given = {**locals(), "may": {} if may is None else may}
        self.__attrs_init__(**collected(Stage, given))

    def to_data(self) -> dict[str, Any]:
        """Return the stage as the table that TOML and JSON definitions hold; its canonical form."""
        return lean(
            {
                "id": self.id,
                "owner": self.owner,
                "gate": self.gate and self.gate.to_data(),
                "label": self.label,
                "back_to": self.back_to,
                "when": self.when and self.when.to_data(),
                "may": self.may,
                "contributors": self.contributors,
                "reapproval": None if self.reapproval == "always" else self.reapproval,
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

        by: The roles that may declare it; empty for the owner of the stage.

        gate: What must hold to declare it.

        basis: The rule it comes from.

        provenance: Whether that is `law`, `law-secondary`, `practice` or `interpretation`.
    """

    id: str = attrs.field(metadata=reads(slug))
    label: Label = attrs.field(metadata=reads(as_label))
    stages: tuple[str, ...] = attrs.field(metadata=reads(_roles))
    by: tuple[str, ...] = attrs.field(metadata=reads(_roles))
    gate: Requirement | None = attrs.field(metadata=reads(_requirement))
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
                "gate": self.gate and self.gate.to_data(),
                "basis": self.basis,
                "provenance": self.provenance,
            }
        )
