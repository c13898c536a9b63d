"""What must hold: requirements, and how they compose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NoReturn, TypeVar

import attrs

from ._attempt import Attempt
from ._deadlines import Period, as_period
from ._fields import collected, optional, reads
from ._plain import MAX_SHOWN, canonical, shown, slug, text
from ._reasons import Unmet, errors, failure, provenance_of
from ._records import lean
from ._text import MAX_LABEL, Label, as_label, frozendict
from .exceptions import DefinitionError, InvalidValue, quote

R = TypeVar("R", bound="Requirement")


def flag(value: object, where: str) -> bool:
    """Return *value* if it is true or false."""
    if not isinstance(value, bool):
        message = f"{where}: true or false is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


def _within(value: Any, where: str) -> Period | None:
    return None if value is None else as_period(value, where)


def periods_of(value: Any, where: str) -> tuple[Period, ...]:
    """Return the periods of a list, longest warning first as they are given."""
    if isinstance(value, (str, Mapping, Period)):
        value = (value,)
    if not isinstance(value, Iterable):
        message = f"{where}: a list of periods is needed, such as ['10 workdays', '1 workday'], not {quote(value)}"
        raise InvalidValue(message)
    several = tuple(as_period(item, where) for item in value)
    for period in several:
        if period != Period(period.n, period.unit):
            message = f"{where}: {quote(str(period))} counts back from the due date; it takes nothing but a length"
            raise InvalidValue(message)
    return several


def _roles(value: Any, where: str) -> tuple[str, ...]:
    several = () if value is None else (value,) if isinstance(value, str) else tuple(value)
    return tuple(slug(role, where) for role in several)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class Requirement:
    """
    What must hold: a frozen value that answers with every reason why it does not.

    Attributes:
        id: A name of its own, such as `G05`.

        label: What people call it, by language.

        basis: The rule it comes from.

        provenance: Whether that is `law`, `law-secondary`, `practice` or `interpretation`.

        fix_by: The roles that can mend it; where none is named, the owner of the stage.

        soft: Whether it only warns: its reasons are shown and recorded but do not refuse.

        within: The period in which it is to be met, from entering the stage or from the point the period names.

        remind: How long before that date to remind.
    """

    id: str = attrs.field(default="", metadata=reads(optional(slug)))
    label: Label = attrs.field(factory=Label, metadata=reads(as_label))
    basis: str = attrs.field(default="", metadata=reads(text))
    provenance: str = attrs.field(default="", metadata=reads(provenance_of))
    fix_by: tuple[str, ...] = attrs.field(default=(), metadata=reads(_roles))
    soft: bool = attrs.field(default=False, metadata=reads(flag))
    within: Period | None = attrs.field(default=None, metadata=reads(_within))
    remind: tuple[Period, ...] = attrs.field(default=(), metadata=reads(periods_of))

    COMMON: ClassVar = ("id", "label", "basis", "provenance", "fix_by", "soft", "within", "remind")

    @property
    def name(self) -> str:
        """Its id, or in short what it asks for."""
        return self.id or self.short()[:MAX_SHOWN]

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """
        Return every reason why this does not hold in *attempt*; nothing if it does. Pure: it only looks.

        Args:
            attempt: What is attempted, by whom, on what.
        """
        raise NotImplementedError  # each kind of requirement answers for itself

    def children(self) -> tuple[Requirement, ...]:
        """Return the requirements this one is composed of."""
        return ()

    def walk(self) -> Iterator[Requirement]:
        """Go through this requirement and all it is composed of."""
        yield self
        for child in self.children():
            yield from child.walk()

    def to_data(self) -> dict[str, Any]:
        """Return the requirement as the table that TOML and JSON definitions hold; its canonical form."""
        about = lean({common: getattr(self, common) for common in Requirement.COMMON})
        if self.within is not None:
            about |= lean({"within": self.within.to_data(), "remind": tuple(str(period) for period in self.remind)})
        return {**self.asks(), **{k: v for k, v in about.items() if v is not False}}

    def short(self) -> str:
        """Return what it asks for in a few words, which is its name where it has no id."""
        return canonical(self.asks()).decode()

    def asks(self) -> dict[str, Any]:
        """Return what it asks as a table, without what it is called and where it is from."""
        raise NotImplementedError  # each kind of requirement writes itself

    def why(self, code: str, /, **params: Any) -> Unmet:
        """Return one reason of this requirement's."""
        return Unmet(
            code=code,
            params=frozendict({k: shown(v, 2000 if k == "reason" else MAX_SHOWN) for k, v in params.items()}),
            requirement=self.name,
            label=self.label,
            fix_by=self.fix_by,
            basis=self.basis,
            provenance=self.provenance,
        )

    def __eq__(self, other: object) -> bool:
        """Compare by what is asked: the canonical form."""
        return type(self) is type(other) and isinstance(other, Requirement) and self.to_data() == other.to_data()

    def __hash__(self) -> int:
        """Hash by what is asked."""
        return hash(canonical(self.to_data()))

    def __repr__(self) -> str:
        """Show its name."""
        return f"<{type(self).__name__} {self.name}>"

    def __and__(self, other: Requirement) -> Requirement:
        """Require both."""
        return all_of(self, other)

    def __or__(self, other: Requirement) -> Requirement:
        """Require one of the two."""
        return any_of(self, other)

    def __invert__(self) -> Requirement:
        """Require that it does not hold."""
        return self.part if isinstance(self, Not) and not self.titled else Not(part=self)

    def __bool__(self) -> NoReturn:
        """Refuse `and`, `or` and `not`: Python would keep one of two requirements and drop the other without a word."""
        message = f"{self.name}: a requirement is neither true nor false; join requirements by &, | and ~"
        raise DefinitionError(message)

    @property
    def titled(self) -> bool:
        """Whether it carries an id, label, basis or the like of its own."""
        return any(getattr(self, common) for common in Requirement.COMMON)


def _part(value: object, _where: str) -> Requirement:
    if not isinstance(value, Requirement):
        message = f"{quote(value)} is no requirement; a function becomes one with @requirement(code=…)"
        raise DefinitionError(message)
    return value


def _parts(value: Iterable[Requirement], where: str = "parts") -> tuple[Requirement, ...]:
    return tuple(_part(part, where) for part in value)


def lent(whole: Requirement, part: Requirement, reasons: tuple[Unmet, ...]) -> tuple[Unmet, ...]:
    """Let the reasons of a part that has no name of its own bear the name and the rule of the whole that has one."""
    if not reasons or part.titled or not whole.titled:
        return reasons
    return tuple(
        attrs.evolve(
            reason,
            requirement=whole.name,
            label=whole.label,
            fix_by=reason.fix_by or whole.fix_by,
            basis=whole.basis,
            provenance=whole.provenance,
        )
        for reason in reasons
    )


def asked(part: Requirement, attempt: Attempt) -> tuple[Unmet, ...]:
    """Ask *part*; if it raises or answers something else than reasons, that is the refusal."""
    try:
        answer = part.unmet(attempt)
    except Exception as error:
        return (guard_error(part, error),)
    if answer.__class__ is tuple and (not answer or all(isinstance(reason, Unmet) for reason in answer)):
        return answer
    return (guard_error(part, TypeError(f"it answered {quote(answer)}, not a tuple of Unmet")),)


def guard_error(requirement: Requirement, error: Exception) -> Unmet:
    """Return the refusal of a requirement that raised *error* when it was asked."""
    return Unmet(
        code="guard.error",
        params=frozendict({"requirement": requirement.name, "error": failure(error)}),
        requirement=requirement.name,
        fix_by=requirement.fix_by,
        basis=requirement.basis,
        provenance=requirement.provenance,
    )


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class _Several(Requirement):
    parts: tuple[Requirement, ...] = attrs.field(metadata=reads(_parts))

    WORD: ClassVar = ""

    def __attrs_post_init__(self) -> None:
        if not self.parts:
            message = f"{self.WORD or 'at_least'} of nothing asks for nothing; name its requirements"
            raise DefinitionError(message)

    def children(self) -> tuple[Requirement, ...]:
        return self.parts

    def asks(self) -> dict[str, Any]:
        return {self.WORD: [part.to_data() for part in self.parts]}

    def short(self) -> str:
        return f"{self.WORD}({', '.join(part.name for part in self.parts)})"


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class All(_Several):
    """Every part must hold; the reasons of all parts are given."""

    WORD: ClassVar = "all"

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return the reasons of all parts."""
        reasons: tuple[Unmet, ...] = ()
        for part in self.parts:
            reasons += lent(self, part, asked(part, attempt))
        return reasons


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class AnyOf(_Several):
    """One part must hold; otherwise the reasons of each are given as alternatives."""

    WORD: ClassVar = "any"

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return one reason with the alternatives; a part that could not be checked refuses at once."""
        answers = tuple(asked(part, attempt) for part in self.parts)
        if failed := errors(answers):
            return failed
        if not all(answers):
            return ()
        return (attrs.evolve(self.why("any"), alternatives=answers),)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class AtLeast(_Several):
    """At least *n* parts must hold."""

    n: int

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if type(self.n) is not int or not 1 <= self.n <= len(self.parts):
            message = f"at_least {quote(self.n)} of {len(self.parts)} can never hold; use 1 to {len(self.parts)}"
            raise DefinitionError([("at_least", message)])

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return one reason with those that do not hold."""
        answers = tuple(asked(part, attempt) for part in self.parts)
        if failed := errors(answers):
            return failed
        missing = tuple(answer for answer in answers if answer)
        have = len(answers) - len(missing)
        if have >= self.n:
            return ()
        return (attrs.evolve(self.why("at_least", have=have, need=self.n), alternatives=missing),)

    def asks(self) -> dict[str, Any]:
        return {"at_least": self.n, "of": [part.to_data() for part in self.parts]}

    def short(self) -> str:
        return f"at_least({self.n}, {', '.join(part.name for part in self.parts)})"


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class Not(Requirement):
    """The part must not hold."""

    part: Requirement = attrs.field(metadata=reads(_part))

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return one reason if the part holds; a part that could not be checked refuses."""
        answer = asked(self.part, attempt)
        if answer:
            return errors((answer,))
        return (self.why("not", requirement=self.part.label or self.part.name),)

    def children(self) -> tuple[Requirement, ...]:
        return (self.part,)

    def asks(self) -> dict[str, Any]:
        return {"not": self.part.to_data()}

    def short(self) -> str:
        return f"not({self.part.name})"


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class When(Requirement):
    """The part must hold where the condition does; where the condition could not be checked, it refuses."""

    condition: Requirement = attrs.field(metadata=reads(_part))
    part: Requirement = attrs.field(metadata=reads(_part))

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return the reasons of the part, where it applies."""
        if answer := asked(self.condition, attempt):
            return errors((answer,))
        return lent(self, self.part, asked(self.part, attempt))

    def children(self) -> tuple[Requirement, ...]:
        return (self.condition, self.part)

    def asks(self) -> dict[str, Any]:
        return {"when": self.condition.to_data(), "then": self.part.to_data()}

    def short(self) -> str:
        return f"when({self.condition.name}, {self.part.name})"


def _flat(kind: type[_Several], parts: Iterable[Requirement]) -> list[Requirement]:
    flat: list[Requirement] = []
    for part in _parts(parts):
        flat.extend(part.parts if isinstance(part, kind) and not part.titled else (part,))
    return flat


def all_of(*parts: Requirement, **about: Any) -> Requirement:
    """Require every part; the same as `a & b & …`. *about* takes the attributes of `Requirement`."""
    flat = _flat(All, parts)
    return flat[0] if len(flat) == 1 and not about else gather(All, parts=flat, **about)


def any_of(*parts: Requirement, **about: Any) -> Requirement:
    """Require one part; the same as `a | b | …`. *about* takes the attributes of `Requirement`."""
    flat = _flat(AnyOf, parts)
    return flat[0] if len(flat) == 1 and not about else gather(AnyOf, parts=flat, **about)


def at_least(n: int, *parts: Requirement, **about: Any) -> Requirement:
    """Require *n* of the parts. *about* takes the attributes of `Requirement`."""
    return gather(AtLeast, n=n, parts=parts, **about)


def _sentence(value: Any, where: str) -> str:
    said = text(value, where, most=MAX_LABEL)
    if not said.strip():
        message = f"{where}: say why nothing is asked"
        raise InvalidValue(message)
    return said


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class Unguarded(Requirement):
    """Nothing is asked, on purpose; `unguarded` makes it."""

    because: str = attrs.field(metadata=reads(_sentence))

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:  # noqa: ARG002  it asks nothing
        """Return nothing."""
        return ()

    def asks(self) -> dict[str, Any]:
        return {"unguarded": self.because}

    def short(self) -> str:
        return "unguarded"


def unguarded(because: str, **about: Any) -> Unguarded:
    """Leave a gate to the stage's owner alone, and say why. *about* takes the attributes of `Requirement`."""
    return gather(Unguarded, because=because, **about)


def when(condition: Requirement, part: Requirement, **about: Any) -> Requirement:
    """Require *part* only where *condition* holds. *about* takes the attributes of `Requirement`."""
    return gather(When, condition=condition, part=part, **about)


def gather(kind: type[R], /, **given: Any) -> R:
    """
    Make a requirement, collecting every fault of what was given.

    Raises:
        DefinitionError: With all faults, each under the name of its argument.
    """
    known = sorted(field.name for field in attrs.fields(kind) if field.init)
    faults = [(argument, f"unknown; known are {', '.join(known)}") for argument in given if argument not in known]
    try:
        good = collected(kind, given)
    except DefinitionError as error:
        raise DefinitionError([*faults, *error.faults]) from None
    if good.get("remind") and good.get("within") is None:
        faults.append(("remind", "there is no date to remind of; say within"))
    if faults:
        raise DefinitionError(faults)
    return kind(**good)
