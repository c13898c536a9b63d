"""What someone is to be told: written in the commit that caused it, delivered after it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from ._fields import reads, valued
from ._plain import as_table, canonical, digest, slug, text
from ._text import frozendict


@attrs.define(init=False, kw_only=True, frozen=True)
class Notification:
    """
    What a channel is to deliver: which message, to whom, with which particulars.

    Attributes:
        channel: The name of the channel that is to deliver it, such as `log`.

        kind: Which message it is, such as `stage.entered`.

        to: Who is to be told: a role, an address, whatever the channel understands.

        context: The particulars the message is made of.

        id: A UUID that stays the same however often delivery is tried; set by the engine.

        agreement: The id of the agreement; set by the engine.

        n: The number of the event that caused it; set by the engine.
    """

    channel: str = attrs.field(metadata=reads(slug))
    kind: str = attrs.field(metadata=reads(slug))
    to: str = attrs.field(default="", metadata=reads(text))
    context: frozendict = attrs.field(factory=frozendict, metadata=reads(as_table))
    id: str = ""
    agreement: str = ""
    n: int = 0

    def __init__(
        self,
        *,
        channel: str,
        kind: str,
        to: str = "",
        context: Mapping[str, Any] = frozendict(),
        id: str = "",
        agreement: str = "",
        n: int = 0,
    ) -> None:
        """
        Say what is to be told; the arguments are the attributes.

        Raises:
            InvalidValue: If one cannot be recorded.
        """
        self.__attrs_init__(**valued(Notification, locals()))

    def placed(self, id_: str, agreement: str, n: int) -> Notification:
        """Return this notification with its place; what it says was read already."""
        placed = object.__new__(Notification)
        placed.__attrs_init__(
            channel=self.channel, kind=self.kind, to=self.to, context=self.context, id=id_, agreement=agreement, n=n
        )
        return placed

    def payload(self) -> bytes:
        """Return what is told, as canonical JSON; its digest stands in the event that caused it."""
        return canonical({"channel": self.channel, "kind": self.kind, "to": self.to, "context": self.context})

    def brief(self) -> dict[str, Any]:
        """Return what names this notification in an event."""
        return {"id": self.id, "kind": self.kind, "digest": digest(self.payload())}


PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"


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
    """

    notification: Notification
    status: str = PENDING
    tries: int = 0
    due_at: datetime
    leased_until: datetime | None = None
    error: str = ""
