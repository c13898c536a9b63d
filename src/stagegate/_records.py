"""What a history records: who acts, documents, facts, votes, holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

import attrs

from ._fields import optional, reads, valued
from ._plain import as_table, digest, name, slug, text
from ._text import frozendict
from .exceptions import InvalidValue, quote


def names(value: object, where: str) -> tuple[str, ...]:
    """Return a collection of ids, sorted and each once; a bare text would be taken letter by letter."""
    if isinstance(value, str) or not isinstance(value, Collection):
        message = f"{where}: a collection of ids is needed, such as {{'council'}}, not {quote(value)}"
        raise InvalidValue(message)
    return tuple(sorted({name(item, where) for item in value}))


def day(value: object, where: str) -> date | None:
    """Return *value* if it is a date (or None), or an ISO text of one."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            message = f"{where}: {quote(value)} is no date; write YYYY-MM-DD"
            raise InvalidValue(message) from None
    message = f"{where}: a date is needed, not {quote(value)}"
    raise InvalidValue(message)


def lean(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return *data* without what is empty: absent and empty are written alike."""
    return {k: v for k, v in data.items() if v is not None and v not in ((), "", {})}


@attrs.define(init=False, kw_only=True, frozen=True)
class Actor:
    """
    Who acts. The host application knows people; stagegate records what it is told.

    Attributes:
        id: An opaque id of the host's, such as a staff number.

        roles: The roles this person acts in, such as `head_of_region`.

        on_behalf_of: Whose power is exercised, if not one's own.
    """

    id: str = attrs.field(metadata=reads(name))
    roles: tuple[str, ...] = attrs.field(default=(), metadata=reads(names))
    on_behalf_of: str | None = attrs.field(default=None, metadata=reads(optional(name)))

    def __init__(self, *, id: str, roles: Collection[str] = (), on_behalf_of: str | None = None) -> None:
        """
        Say who acts; the arguments are the attributes.

        Raises:
            InvalidValue: If one cannot be recorded.
        """
        self.__attrs_init__(**valued(Actor, locals()))


@attrs.define(init=False, frozen=True)
class Party:
    """
    Who the agreement is between.

    Attributes:
        id: A short id, such as `bekasi`.

        name: The full name.

        kind: What it is, such as `local_government`.

        country: Its ISO 3166 code, such as `ID`.
    """

    id: str = attrs.field(metadata=reads(slug))
    name: str = attrs.field(default="", metadata=reads(text))
    kind: str = attrs.field(default="", metadata=reads(text))
    country: str = attrs.field(default="", metadata=reads(text))

    def __init__(self, id: str, *, name: str = "", kind: str = "", country: str = "") -> None:
        """
        Say who takes part; the arguments are the attributes.

        Raises:
            InvalidValue: If one cannot be recorded.
        """
        self.__attrs_init__(**valued(Party, locals()))

    def to_data(self) -> dict[str, Any]:
        """Return the party as plain data."""
        return lean({"id": self.id, "name": self.name, "kind": self.kind, "country": self.country})


_SHA256 = re.compile("[0-9a-f]{64}")


def _sha256(value: object, where: str) -> str:
    value = text(value, where).lower()
    if not _SHA256.fullmatch(value):
        message = f"{where}: {quote(value)} is no SHA-256; give its 64 hexadecimal digits, or use Document.from_file"
        raise InvalidValue(message)
    return value


@attrs.define(init=False, kw_only=True, frozen=True)
class Document:
    """
    A piece of evidence: what identifies a document and says what is in it, not its bytes.

    Attributes:
        kind: What it is, such as `letter_of_intent`; a second document of one kind is a new version of it.

        digest: The SHA-256 of its content, in hexadecimal.

        title: What it is called.

        languages: The languages it is written in.

        dated: The date it bears.

        received_on: The date it arrived.

        signed_by: Who signed it: ids of parties, roles or persons.

        fields: What it says, as far as a requirement may ask: its named items.

        valid_until: The last day it is valid.

        n: The number of the event that filed it; set by the engine.

        by: Who filed it; set by the engine.

    Raises:
        InvalidValue: If a value cannot be recorded.
    """

    kind: str = attrs.field(metadata=reads(slug))
    digest: str = attrs.field(metadata=reads(_sha256))
    title: str = attrs.field(default="", metadata=reads(text))
    languages: tuple[str, ...] = attrs.field(default=(), metadata=reads(names))
    dated: date | None = attrs.field(default=None, metadata=reads(day))
    received_on: date | None = attrs.field(default=None, metadata=reads(day))
    signed_by: tuple[str, ...] = attrs.field(default=(), metadata=reads(names))
    fields: frozendict = attrs.field(factory=frozendict, metadata=reads(as_table))
    valid_until: date | None = attrs.field(default=None, metadata=reads(day))
    n: int = 0
    by: str = ""

    def __init__(
        self,
        *,
        kind: str,
        digest: str,
        title: str = "",
        languages: Collection[str] = (),
        dated: date | str | None = None,
        received_on: date | str | None = None,
        signed_by: Collection[str] = (),
        fields: Mapping[str, Any] = frozendict(),
        valid_until: date | str | None = None,
        n: int = 0,
        by: str = "",
    ) -> None:
        """
        Identify a document; the arguments are the attributes.

        Raises:
            InvalidValue: If one cannot be recorded.
        """
        self.__attrs_init__(**valued(Document, locals()))

    @classmethod
    def from_bytes(cls, content: bytes, *, kind: str, **about: Any) -> Document:
        """Return the document whose content is *content*; *about* takes the other attributes."""
        return cls(kind=kind, digest=digest(content), **about)

    @classmethod
    def from_file(cls, path: str | Path, *, kind: str, **about: Any) -> Document:
        """
        Return the document that is the file at *path*; its title is the file's name unless given.

        Raises:
            InvalidValue: If the file cannot be read.
        """
        about.setdefault("title", Path(path).name)
        try:
            with Path(path).open("rb") as file:
                content = file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or error
            message = f"document: the file {quote(str(path))} cannot be read: {said}"
            raise InvalidValue(message) from None
        return cls(kind=kind, digest=content, **about)

    def to_data(self) -> dict[str, Any]:
        """Return the document as plain data."""
        return lean(
            {
                "kind": self.kind,
                "digest": self.digest,
                "title": self.title,
                "languages": self.languages,
                "dated": self.dated and self.dated.isoformat(),
                "received_on": self.received_on and self.received_on.isoformat(),
                "signed_by": self.signed_by,
                "fields": self.fields,
                "valid_until": self.valid_until and self.valid_until.isoformat(),
            }
        )

    def same_text(self, other: Document) -> bool:
        """Say whether *other* has the same content and says the same, whoever signed it since."""
        return self.digest == other.digest and self.fields == other.fields


@attrs.define(kw_only=True, frozen=True)
class Fact:
    """
    A named value recorded on an agreement.

    Attributes:
        value: The value.

        source: Where it is from.

        by: Who recorded it.

        n: The number of the event that recorded it.
    """

    value: Any
    source: str = ""
    by: str
    n: int

    def to_data(self) -> dict[str, Any]:
        """Return the fact as plain data."""
        return {"value": self.value, "by": self.by, "n": self.n, **({"source": self.source} if self.source else {})}


@attrs.define(kw_only=True, frozen=True)
class Approval:
    """
    A vote of a role, bound to the text that was voted on.

    Attributes:
        role: The role that voted.

        by: The person who cast or recorded the vote.

        vote: `for`, `against` or `abstain`; `recused` where the person declared a conflict of interest.

        of: The documents voted on: the digest of each, by kind.

        stage: Where the agreement stood.

        tally: A recorded result of a body: `members`, `present`, `in_favour`, `against`, `abstaining`.

        reason: What was given as the reason.

        n: The number of the event.

        on_behalf_of: Whose power was exercised, if not the person's own.

        capacity: In which capacity: `delegated` (responsibility moved) or `mandated` (it stayed) on behalf of somebody;
            otherwise `own`, or empty, which means the same.

        silence: Where silence decided: by which rule, at which date.
    """

    role: str
    by: str
    vote: str
    of: frozendict = attrs.field(factory=frozendict)
    stage: str
    tally: frozendict = attrs.field(factory=frozendict)
    reason: str = ""
    n: int
    on_behalf_of: str | None = None
    capacity: str = ""
    silence: frozendict = attrs.field(factory=frozendict)

    @property
    def principal(self) -> str:
        """Whose vote it is, the person's own or that of the one on whose behalf it was cast."""
        # A history that says no capacity counted persons only, and still does.
        return (self.capacity and self.on_behalf_of) or self.by

    @property
    def persons(self) -> frozenset[str]:
        """Whose interests are in it, those of the person and of the one on whose behalf it was cast."""
        return frozenset((self.by, self.principal))

    def replaces(self, other: Approval) -> bool:
        """Say whether *other*, which was cast before, goes: one person and one principal have one vote in a role."""
        if other.role != self.role:
            return False
        if self.vote == "recused":
            return self.by in other.persons
        return other.by == self.by or other.principal == self.principal

    def to_data(self) -> dict[str, Any]:
        """Return the approval as plain data."""
        return lean(attrs.asdict(self, recurse=False))

    def brief(self) -> dict[str, Any]:
        """Return what names this approval in an event: the role, the person and the number."""
        return {"role": self.role, "by": self.by, "n": self.n}


@attrs.define(kw_only=True, frozen=True)
class Adjournment:
    """
    That a role put off its vote.

    Attributes:
        number: How often it has done so since the agreement entered the stage.

        until: The day on which it is taken up again; until then nobody of the role can vote. None where none is named.

        reason: The reason given.

        by: Who adjourned it.

        n: The number of the event.
    """

    number: int
    until: date | None = None
    reason: str
    by: str
    n: int

    def to_data(self) -> dict[str, Any]:
        """Return the adjournment as plain data."""
        return lean({**attrs.asdict(self), "until": self.until and self.until.isoformat()})


@attrs.define(kw_only=True, frozen=True)
class Hold:
    """
    Why an agreement is on hold.

    Attributes:
        reason: The reason given.

        by: Who put it on hold.

        n: The number of the event.

        since: When it took effect.

        roles: The roles in which it was put on hold.
    """

    reason: str
    by: str
    n: int
    since: datetime
    roles: tuple[str, ...] = ()


@attrs.define(frozen=True)
class Pin:
    """The exact process an agreement runs under: its id, its version and the digest of its definition."""

    id: str
    version: str
    digest: str

    def __str__(self) -> str:
        """Read as `id-ksdpl 2018-07-13 (1f2e3d4c)`."""
        return f"{self.id} {self.version} ({self.digest[:8]})"
