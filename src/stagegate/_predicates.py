"""The user's own predicates as requirements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import attrs

from ._attempt import Attempt
from ._fields import frozen, reads
from ._plain import name
from ._reasons import Unmet
from ._requirements import Requirement, gather
from ._text import frozendict


class Check(Protocol):
    """A predicate of the user's: it answers True, False, or the reason as a text."""

    def __call__(self, attempt: Attempt, /) -> bool | str:
        """Say whether it holds."""


@attrs.define(kw_only=True, on_setattr=frozen, eq=False)
class Predicate(Requirement):
    """
    A predicate of the user's as a requirement; `@requirement` makes it.

    It enters the digest of a process by its code and version, not by its source: raise the version when it changes.
    """

    code: str = attrs.field(metadata=reads(name))
    version: str = attrs.field(default="1", metadata=reads(name))
    check: Check

    def __eq__(self, other: object) -> bool:
        """Compare by what enters the digest."""
        return isinstance(other, Predicate) and self.to_data() == other.to_data()

    def __hash__(self) -> int:
        """Hash by what enters the digest."""
        return hash((self.code, self.version, self.id))

    def __call__(self, attempt: Attempt) -> bool | str:
        """Call the function itself, as a test would."""
        return self.check(attempt)

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return the reason the predicate gives; an exception or an odd answer is a refusal with a code of its own."""
        try:
            answer = self.check(attempt)
        except Exception as error:  # noqa: BLE001  whatever a guard raises must refuse
            return (self.failed(error),)
        if answer is True:
            return ()
        if answer is False or answer == "":
            return (attrs.evolve(self.why("predicate.false"), code=self.code),)
        if isinstance(answer, str):
            return (attrs.evolve(self.why("predicate", reason=_recordable(answer)), code=self.code),)
        return (self.failed(TypeError(f"it answered {type(answer).__name__}, not True, False or a text")),)

    def failed(self, error: Exception) -> Unmet:
        """Return the refusal that *error* is."""
        return guard_error(self, error)

    def _table(self) -> dict[str, Any]:
        return {"requirement": self.code, "version": self.version}

    def _short(self) -> str:
        return self.code


def _recordable(said: str) -> str:
    return said.encode("utf-8", "replace").decode().replace("\0", "\ufffd")[:2000]


def guard_error(requirement: Requirement, error: Exception) -> Unmet:
    """Return the refusal of a requirement that raised *error* when it was asked."""
    said = _recordable(f"{type(error).__name__}: {error}")
    named = requirement.name if isinstance(requirement, Requirement) else repr(requirement)
    return Unmet(
        code="guard.error",
        params=frozendict({"requirement": named, "error": said}),
        requirement=named,
        fix_by=requirement.fix_by,
        basis=requirement.basis,
        provenance=requirement.provenance,
    )


def requirement(
    *,
    code: str,
    fix_by: str | Iterable[str] | None = None,
    basis: str = "",
    version: str = "1",
    label: str | Mapping[str, str] | None = None,  # noqa: A002  the word of the field
    provenance: str = "",
) -> Callable[[Check], Predicate]:
    """
    Make a requirement of a function that looks at an `Attempt` and answers True, False, or the reason as a text.

    Args:
        code: Its name in definitions, refusals and digests, such as `cost.ceiling`.

        fix_by: The role or roles that can mend it.

        basis: The rule it comes from.

        version: What enters the digest beside the code; raise it when the function changes.

        label: What people call it, by language.

        provenance: `law`, `law-secondary`, `practice` or `interpretation`.

    >>> @requirement(code="cost.ceiling", fix_by="budget_office")
    ... def affordable(attempt):
    ...     return attempt.fact("cost", 0) <= 5_000 or "the cost is above the ceiling"
    >>> affordable.name
    'cost.ceiling'
    """

    def make(check: Check) -> Predicate:
        return gather(
            Predicate,
            code=code,
            check=check,
            fix_by=fix_by,
            basis=basis,
            version=version,
            label=label,
            provenance=provenance,
        )

    return make
