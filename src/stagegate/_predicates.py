"""The user's own predicates as requirements."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from importlib import import_module
from typing import Any, Protocol

import attrs

from ._attempt import Attempt
from ._fields import reads
from ._plain import name, slug
from ._reasons import Unmet
from ._requirements import Requirement, gather, guard_error
from .exceptions import DefinitionError, quote


class Check(Protocol):
    """A predicate of the user's: it answers True, False, or the reason as a text."""

    def __call__(self, attempt: Attempt, /) -> bool | str:
        """Say whether it holds."""


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class Predicate(Requirement):
    """
    A predicate of the user's as a requirement; `@requirement` makes it.

    It enters the digest of a process by its code and version, not by its source: raise the version when it changes.
    """

    code: str = attrs.field(metadata=reads(slug))
    version: str = attrs.field(default="1", metadata=reads(name))
    check: Check

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the name of the function, which the predicate has taken."""
        fields = {field.name: getattr(self, field.name) for field in attrs.fields(Predicate)}
        module, path = getattr(self.check, "__module__", None), getattr(self.check, "__qualname__", "<locals>")
        if module is None or "<" in path:
            return _rebuilt, (fields,)
        del fields["check"]
        return _found, (module, path, fields)

    def __call__(self, attempt: Attempt) -> bool | str:
        """Call the function itself, as a test would."""
        return self.check(attempt)

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return the reason the predicate gives; an exception or an odd answer is a refusal with a code of its own."""
        try:
            answer = self.check(attempt)
        except Exception as error:
            return (guard_error(self, error),)
        if answer is True:
            return ()
        if answer is False or answer == "":
            return (attrs.evolve(self.why("predicate.false"), code=self.code),)
        if isinstance(answer, str):
            return (attrs.evolve(self.why("predicate", reason=_recordable(answer)), code=self.code),)
        return (guard_error(self, TypeError(f"it answered {type(answer).__name__}, not True, False or a text")),)

    def asks(self) -> dict[str, Any]:
        return {"requirement": self.code, "version": self.version}

    def short(self) -> str:
        return self.code


def _rebuilt(fields: dict[str, Any]) -> Predicate:
    return gather(Predicate, **fields)


def _found(module: str, path: str, fields: dict[str, Any]) -> Predicate:
    found = reduce(getattr, path.split("."), import_module(module))
    return gather(Predicate, **fields, check=getattr(found, "check", found))


def _recordable(said: str) -> str:
    return said.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def requirement(
    *,
    code: str,
    fix_by: str | Iterable[str] | None = None,
    basis: str = "",
    version: str = "1",
    label: str | Mapping[str, str] | None = None,
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
        if not callable(check):
            raise DefinitionError([("check", f"a function is needed, not {quote(check)}")])
        if (
            inspect.iscoroutinefunction(check)
            or inspect.isasyncgenfunction(check)
            or inspect.isgeneratorfunction(check)
        ):
            message = "a predicate is a plain function that returns its answer; this one is asynchronous or a generator"
            raise DefinitionError([("check", message)])
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
