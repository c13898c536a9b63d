"""What someone is to be told: written in the commit that caused it, delivered after it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from ._fields import reads, valued
from ._plain import as_table, canonical, digest, slug, text
from ._text import frozendict
from .exceptions import InvalidValue, quote

LONGEST_AGE = timedelta(days=36_525)
"""For how long anything can be worth telling: with a hundred years, every date that ends it can be written."""


def age_of(value: object, where: str) -> timedelta | None:
    """Return how long something is worth telling; in a table it is a number of seconds."""
    if value is None:
        return None
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not 1 <= seconds <= LONGEST_AGE.total_seconds()
        or seconds != int(seconds)
    ):
        message = f"{where}: a timedelta of whole seconds, from one to a hundred years, is needed, not {quote(value)}"
        raise InvalidValue(message)
    return timedelta(seconds=int(seconds))


@attrs.define(kw_only=True, frozen=True)
class Receipt:
    """
    What proves where a notification comes from: the event that caused it.

    Attributes:
        agreement: The id of the agreement.

        n: The number of the event.

        hash: The hash of the event, in hexadecimal, as `verify` recomputes it.
    """

    agreement: str
    n: int
    hash: str

    def __str__(self) -> str:
        """Write it in one line."""
        return f"{self.agreement} #{self.n} {self.hash}"


@attrs.define(kw_only=True, frozen=True)
class Message:
    """
    A notification in words, as a channel sends it to people.

    Attributes:
        subject: What it is about, in one line.

        text: All of it, as plain text.

        html: All of it, as HTML; empty where there is none.

        lang: Its language.
    """

    subject: str
    text: str
    html: str = ""
    lang: str = "en"


@attrs.define(init=False, kw_only=True, frozen=True)
class Notification:
    """
    What a channel is to deliver: which message, to whom, with which particulars.

    Attributes:
        channel: The name of the channel that is to deliver it, such as `log`.

        kind: Which message it is, such as `stage.entered`: the id of the template it is worded by.

        to: Who is to be told: a role, an address, whatever the channel understands.

        context: The particulars the message is made of.

        lang: The language it is worded in.

        reference: What the reader knows the matter by, such as a file number.

        max_age: How long it is worth telling; what could not be delivered by then is given up. None: for ever.

        id: A UUID that stays the same however often delivery is tried; set by the engine.

        agreement: The id of the agreement; set by the engine.

        n: The number of the event that caused it; set by the engine.

        hash: The hash of that event; set by the engine, and by the store when the outbox is read.

        at: When that event was recorded; set by the engine, and kept in the row as `Delivery.of` says.
    """

    channel: str = attrs.field(metadata=reads(slug))
    kind: str = attrs.field(metadata=reads(slug))
    to: str = attrs.field(default="", metadata=reads(text))
    context: frozendict = attrs.field(factory=frozendict, metadata=reads(as_table))
    lang: str = attrs.field(default="en", metadata=reads(slug))
    reference: str = attrs.field(default="", metadata=reads(text))
    max_age: timedelta | None = attrs.field(default=None, metadata=reads(age_of))
    id: str = ""
    agreement: str = ""
    n: int = 0
    hash: bytes = attrs.field(default=b"", eq=False)
    at: datetime | None = attrs.field(default=None, eq=False)

    def __init__(
        self,
        *,
        channel: str,
        kind: str,
        to: str = "",
        context: Mapping[str, Any] = frozendict(),
        lang: str = "en",
        reference: str = "",
        max_age: timedelta | float | None = None,
        id: str = "",
        agreement: str = "",
        n: int = 0,
        hash: bytes = b"",
        at: datetime | None = None,
    ) -> None:
        """
        Say what is to be told; the arguments are the attributes.

        Raises:
            InvalidValue: If one cannot be recorded.
        """
        self.__attrs_init__(**valued(Notification, locals()))

    def placed(self, **place: Any) -> Notification:
        """Return this notification with its place, or its proof; what it says was read already."""
        placed = object.__new__(Notification)
        for name, slot in _SLOTS:
            slot.__set__(placed, place[name] if name in place else slot.__get__(self))
        return placed

    @property
    def recipient(self) -> str:
        """The channel and whom it is to tell, as one text, on which a hold is put."""
        return f"{self.channel}:{self.to}"

    @property
    def receipt(self) -> Receipt:
        """What proves where it comes from."""
        return Receipt(agreement=self.agreement, n=self.n, hash=self.hash.hex())

    def payload(self) -> bytes:
        """Return what is told, as canonical JSON; its digest stands in the event that caused it."""
        told: dict[str, Any] = {"channel": self.channel, "kind": self.kind, "to": self.to, "context": self.context}
        if self.lang != "en":
            told["lang"] = self.lang
        if self.reference:
            told["reference"] = self.reference
        if self.max_age is not None:
            told["max_age"] = int(self.max_age.total_seconds())
        return canonical(told)

    def brief(self) -> dict[str, Any]:
        """Return what names this notification in an event."""
        return {"id": self.id, "kind": self.kind, "digest": digest(self.payload())}


_SLOTS = tuple((field.name, vars(Notification)[field.name]) for field in attrs.fields(Notification))


PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"

EVERYTHING = "*"
"""What a hold is put on to hold all deliveries."""

FAR = timedelta(days=1)
"""Nothing is put off or in a hand for as long: a date further ahead was written by a clock that stood ahead."""


@attrs.define(kw_only=True, frozen=True)
class Delivery:
    """
    A row of the outbox: a notification, and how far its delivery has come.

    Attributes:
        notification: What is to be told.

        status: `pending`, `delivered` or `dead` (given up after the last try).

        tries: How often delivery has been tried.

        due_at: When it is to be tried next.

        leased_until: Until when a worker has it in hand; None when nobody has.

        error: What the last try said, if it failed.

        expires_at: When it is given up, delivered or not; None: never.
    """

    notification: Notification
    status: str = PENDING
    tries: int = 0
    due_at: datetime
    leased_until: datetime | None = None
    error: str = ""
    expires_at: datetime | None = None

    @classmethod
    def of(cls, notification: Notification, at: datetime) -> Delivery:
        """Return the row of a notification that was caused when it says, or, where it does not, at *at*."""
        age, at = notification.max_age, notification.at or at
        return cls(notification=notification, due_at=at, expires_at=None if age is None else at + age)

    def requeued(self, now: datetime) -> Delivery:
        """Return it as due at *now*, as if it had never been tried; it does not expire any more."""
        return attrs.evolve(self, status=PENDING, tries=0, due_at=now, error="", expires_at=None)

    def claimable(self, now: datetime) -> bool:
        """
        Say whether a worker may take it at *now*: it waits for delivery, is due, and in nobody's hand.

        What nobody has touched is due, whatever the clock showed when it was written. A date more than a day ahead
        holds nothing back: only a clock that stood ahead can have written it.
        """
        fresh = not self.tries and not self.error
        due = fresh or self.due_at <= now or self.due_at > now + FAR
        free = self.leased_until is None or self.leased_until <= now or self.leased_until > now + FAR
        return self.status == PENDING and due and free
