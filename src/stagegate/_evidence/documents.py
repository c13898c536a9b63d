"""Documents as evidence: that they are there, and fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import attrs

from .._attempt import Attempt
from .._deadlines import as_point
from .._fields import reads
from .._plain import key, slug
from .._reasons import Unmet
from .._records import Document
from .._requirements import Requirement, gather
from .._text import frozendict
from .values import Ref, as_count, as_flag, as_keys, as_table, as_value, look_up, same, spread, values, words, written


def _points(value: Any, where: str) -> tuple[str, ...]:
    return tuple(as_point(item, where) for item in ((value,) if isinstance(value, str) else value))


def _expected(value: Any, where: str) -> frozendict:
    return frozendict({key(k, where): as_value(v, where) for k, v in as_table(value, where).items()})


def _listing(value: Any, where: str) -> frozendict:
    return frozendict({key(k, where): values(v, where) for k, v in as_table(value, where).items()})


def _signers(value: Any, where: str) -> int | tuple[str, ...] | None:
    if value is None:
        return None
    return as_count(value, where) if isinstance(value, (int, float)) else as_keys(value, where)


@attrs.define(kw_only=True, frozen=True, eq=False, repr=False)
class DocumentRequirement(Requirement):
    """A document must be there and be fit; `document` makes it."""

    kind: str = attrs.field(metadata=reads(slug))
    signed_by: int | tuple[str, ...] | None = attrs.field(default=None, metadata=reads(_signers))
    languages: tuple[Any, ...] = attrs.field(default=(), metadata=reads(words))
    any_language: tuple[Any, ...] = attrs.field(default=(), metadata=reads(words))
    fields: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    equals: frozendict = attrs.field(
        factory=frozendict,
        metadata=reads(_expected),
    )
    lists: frozendict = attrs.field(
        factory=frozendict,
        metadata=reads(_listing),
    )
    refers_to: tuple[str, ...] = attrs.field(default=(), metadata=reads(as_keys))
    not_later_than: tuple[str, ...] = attrs.field(default=(), metadata=reads(_points))
    not_earlier_than: tuple[str, ...] = attrs.field(default=(), metadata=reads(_points))
    received: bool = attrs.field(default=False, metadata=reads(as_flag))
    valid: bool = attrs.field(default=False, metadata=reads(as_flag))

    OWN: ClassVar = [
        "signed_by",
        "languages",
        "any_language",
        "fields",
        "equals",
        "lists",
        "refers_to",
        "not_later_than",
        "not_earlier_than",
        "received",
        "valid",
    ]

    def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
        """Return everything that is wrong with the document."""
        document = attempt.agreement.documents.get(self.kind)
        if document is None:
            return (self.why("document.missing", document=self.kind),)
        if self._bare:
            return ()
        return tuple(self._faults(document, attempt))

    @property
    def _bare(self) -> bool:
        return not (
            self.signed_by
            or self.fields
            or self.equals
            or self.refers_to
            or self.not_later_than
            or self.languages
            or self.any_language
            or self.lists
            or self.not_earlier_than
            or self.received
            or self.valid
        )

    def _faults(self, document: Document, attempt: Attempt) -> Iterator[Unmet]:
        kind = self.kind
        yield from self._signatures(document, attempt)
        spoken = set(document.languages)
        for unknown in (lang for lang in self.languages if look_up(lang, attempt) is None):
            yield self.why("fact.missing", fact=unknown.fact)
        missing = tuple(lang for lang in spread(self.languages, attempt) if lang not in spoken)
        if missing:
            yield self.why("document.language", document=kind, languages=missing)
        if self.any_language and spoken.isdisjoint(choices := spread(self.any_language, attempt)):
            yield self.why("document.any_language", document=kind, languages=tuple(choices))
        for field in self.fields:
            if document.fields.get(field) in (None, "", ()):
                yield self.why("document.field", document=kind, field=field)
        for field, wanted in self.equals.items():
            expected, value = look_up(wanted, attempt), document.fields.get(field)
            if value is None or not same(value, expected):
                yield self.why("document.equals", document=kind, field=field, expected=expected, value=value)
        for field, members in self.lists.items():
            listed = document.fields.get(field)
            listed = listed if isinstance(listed, tuple) else (listed,)
            absent = tuple(member for member in spread(members, attempt) if member not in listed)
            absent += tuple(m.fact for m in members if isinstance(m, Ref) and attempt.fact(m.fact) is None)
            if absent:
                yield self.why("document.lists", document=kind, field=field, missing=absent)
        yield from self._references(document, attempt)
        yield from self._dates(document, attempt)

    def _signatures(self, document: Document, attempt: Attempt) -> Iterator[Unmet]:
        if isinstance(self.signed_by, int):
            if len(document.signed_by) < self.signed_by:
                have = len(document.signed_by)
                yield self.why("document.unsigned", document=self.kind, have=have, need=self.signed_by)
        elif self.signed_by:
            wanted = self.signed_by
            if wanted == ("parties",):
                wanted = tuple(party.id for party in attempt.agreement.parties) or wanted
            absent = tuple(signer for signer in wanted if signer not in document.signed_by)
            if absent:
                yield self.why("document.unsigned_by", document=self.kind, by=absent)

    def _references(self, document: Document, attempt: Attempt) -> Iterator[Unmet]:
        named = document.fields.get("refers_to")
        named = named if isinstance(named, tuple) else (named,)
        for other in self.refers_to:
            target = attempt.document(other)
            if target is None or target.digest not in named:
                yield self.why("document.refers_to", document=self.kind, other=other)

    def _dates(self, document: Document, attempt: Attempt) -> Iterator[Unmet]:
        kind = self.kind
        if self.received and document.received_on is None:
            yield self.why("document.undated", document=kind, field="received_on")
        if (self.not_later_than or self.not_earlier_than) and document.dated is None:
            yield self.why("document.undated", document=kind, field="dated")
        for code, points, sign in (
            ("document.later", self.not_later_than, 1),
            ("document.earlier", self.not_earlier_than, -1),
        ):
            for point in points:
                limit = attempt.agreement.date_at(point)
                if limit is None:
                    yield self.why("document.undated", document=point.rpartition(".")[0] or point, field=point)
                elif document.dated and sign * (document.dated - limit).days > 0:
                    yield self.why(code, document=kind, date=document.dated, other=point, limit=limit)
        if self.valid and document.valid_until is not None and document.valid_until < attempt.today:
            yield self.why("document.expired", document=kind, date=document.valid_until)

    def asks(self) -> dict[str, Any]:
        table: dict[str, Any] = {"document": self.kind}
        for argument in self.OWN:
            value = getattr(self, argument)
            if isinstance(value, frozendict):
                value = {k: written(v) for k, v in value.items()}
            if value not in (None, (), {}, False):
                table[argument] = written(value)
        return table

    def short(self) -> str:
        return f"document:{self.kind}"


def document(kind: str, **asks: Any) -> DocumentRequirement:
    """
    Require a document.

    Args:
        kind: Which, such as `letter_of_intent`.

        asks: What must be true of it:
            `signed_by` (how many signatures, whose, or `"parties"` for all parties),
            `languages` (all of these), `any_language` (one of these),
            `fields` (items it must say), `equals` (items with their value), `lists` (items with what they must list),
            `refers_to` (other documents whose current digest stands in its field `refers_to`),
            `not_later_than` / `not_earlier_than` (dates that its own date is compared with: `kind.dated`,
            `kind.received_on`, `kind.valid_until`, `fact:name`), `received` (it bears the date it arrived),
            `valid` (it has not expired on the day of the attempt);
            and the attributes of `Requirement`. Values may be `value_of(fact)`.

    Raises:
        DefinitionError: With every fault of the arguments.
    """
    return gather(DocumentRequirement, kind=kind, **asks)
