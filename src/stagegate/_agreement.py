"""What an agreement is: the fold of its history. Values only; nothing here knows a process, a store or a clock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import attrs

from ._deadlines import point_parts
from ._history import Entry, Event
from ._plain import canonical, moment, plain
from ._records import Adjournment, Approval, Document, Fact, Hold, Party, Pin, day, lean
from ._running import Deadline
from ._text import frozendict
from .exceptions import HistoryTampered, quote


@attrs.define(kw_only=True, frozen=True)
class Agreement:
    """
    What the history of an agreement says now.

    Attributes:
        id: Its id.

        title: What it is called.

        process: The process it is pinned to.

        stage: Where it stands.

        owner: The roles whose turn it is.

        version: The number of the last event that changed it; what writers compare.

        n: The number of the last event of all, refusals included.

        head: The hash of that event.

        started_by: Who started it.

        started_at: When it started.

        entered_at: When it entered the stage it stands at.

        changed_at: When the last event that changed it was recorded.

        rounds: How often it has entered each stage.

        parties: Who it is between.

        documents: The current version of each kind of document.

        facts: The recorded facts, by name.

        approvals: The votes that stand.

        adjourned: How each role last put off its vote at this stage, by role.

        hold: Why it is on hold, or None.

        outcome: How it ended, or None while it runs.

        escalated: The roles whose turn it is as well since a deadline has passed.

        deadlines: What is due, by what it is due for.

        part_of: The id of the agreement that this one is part of; None if it is part of none.
    """

    id: str
    title: str
    process: Pin
    stage: str
    owner: tuple[str, ...]
    version: int
    n: int
    head: bytes
    started_by: str
    started_at: datetime
    entered_at: datetime
    changed_at: datetime
    rounds: frozendict
    parties: tuple[Party, ...] = ()
    documents: frozendict = attrs.field(factory=frozendict)
    facts: frozendict = attrs.field(factory=frozendict)
    approvals: tuple[Approval, ...] = ()
    adjourned: frozendict = attrs.field(factory=frozendict)
    hold: Hold | None = None
    outcome: str | None = None
    escalated: tuple[str, ...] = ()
    deadlines: frozendict = attrs.field(factory=frozendict)
    part_of: str | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.outcome is None

    @property
    def round(self) -> int:
        """How often it has entered the stage it stands at."""
        return self.rounds.get(self.stage, 1)  # type: ignore[no-any-return]

    def fact(self, fact: str, default: Any = None) -> Any:
        """Return the value of a fact, or *default*."""
        found = self.facts.get(fact)
        return default if found is None else found.value

    def document(self, kind: str) -> Document | None:
        """Return the current document of a kind, if there is one."""
        return self.documents.get(kind)

    @property
    def wakes_at(self) -> datetime | None:
        """When something is due to be done about one of its deadlines; None if nothing is."""
        if not self.deadlines:
            return None
        return min((at for one in self.deadlines.values() if (at := one.wakes_at) is not None), default=None)

    @property
    def overdue(self) -> bool:
        """Whether it was said of one of its deadlines that the date has passed."""
        return any(one.overdue for one in self.deadlines.values())

    def date_at(self, point: str) -> date | None:
        """
        Return the date that a point names: `kind.dated`, `kind.fields.name`, `fact:name`; None if there is none.

        Args:
            point: Which date of which document, or which fact.
        """
        source, named, field = point_parts(point)
        if source == "fact":
            return _date(self.fact(named))
        document = self.documents.get(named)
        if document is None:
            return None
        return _date(document.fields.get(field)) if source == "field" else getattr(document, field)

    def source_of(self, point: str) -> int:
        """Return the number of the event that a point's document or fact is from; 0 if there is none."""
        source, named, _ = point_parts(point)
        found = self.facts.get(named) if source == "fact" else self.documents.get(named)
        return 0 if found is None else found.n

    @property
    def searchable(self) -> str:
        """The text that a search looks through, without case."""
        parties = (f"{party.id} {party.name}" for party in self.parties)
        return " ".join((self.id, self.title, *parties)).casefold()

    def to_json(self) -> bytes:
        """Return everything as canonical JSON, for a store to keep; `Agreement.from_json` reads it back."""
        return canonical(self.to_data())

    @classmethod
    def from_json(cls, written: bytes) -> Agreement:
        """
        Return the agreement that `to_json` wrote.

        Raises:
            HistoryTampered: If it is not such a text.
        """
        try:
            data = json.loads(written)
        except (ValueError, TypeError, RecursionError) as error:
            message = f"the stored snapshot cannot be read ({type(error).__name__}: {error})"
            raise HistoryTampered(message) from None
        return cls.from_data(data)

    def to_data(self) -> dict[str, Any]:
        """Return everything as plain data; `Agreement.from_data` reads it back."""
        return lean(
            {
                "id": self.id,
                "title": self.title,
                "process": {"id": self.process.id, "version": self.process.version, "digest": self.process.digest},
                "stage": self.stage,
                "owner": self.owner,
                "version": self.version,
                "n": self.n,
                "head": self.head.hex(),
                "started_by": self.started_by,
                "started_at": _iso(self.started_at),
                "entered_at": _iso(self.entered_at),
                "changed_at": _iso(self.changed_at),
                "rounds": self.rounds,
                "parties": [party.to_data() for party in self.parties],
                "documents": [{**doc.to_data(), "n": doc.n, "by": doc.by} for doc in self.documents.values()],
                "facts": {fact: value.to_data() for fact, value in self.facts.items()},
                "approvals": [approval.to_data() for approval in self.approvals],
                "adjourned": {role: adjourned.to_data() for role, adjourned in self.adjourned.items()},
                "hold": self.hold and {**attrs.asdict(self.hold), "since": _iso(self.hold.since)},
                "outcome": self.outcome,
                "escalated": self.escalated,
                "deadlines": tuple(deadline.to_data() for deadline in self.deadlines.values()),
                "part_of": self.part_of,
            }
        )

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Agreement:
        """
        Return the agreement that `to_data` wrote.

        Raises:
            HistoryTampered: If it is not such data.
        """
        try:
            hold = data.get("hold")
            return cls(
                id=data["id"],
                title=data.get("title", ""),
                process=Pin(**data["process"]),
                stage=data["stage"],
                owner=tuple(data.get("owner", ())),
                version=data["version"],
                n=data["n"],
                head=bytes.fromhex(data["head"]),
                started_by=data["started_by"],
                started_at=moment(data["started_at"]),
                entered_at=moment(data["entered_at"]),
                changed_at=moment(data["changed_at"]),
                rounds=frozendict(data["rounds"]),
                parties=tuple(Party(**party) for party in data.get("parties", ())),
                documents=frozendict({doc["kind"]: Document(**doc) for doc in data.get("documents", ())}),
                facts=frozendict(
                    {fact: Fact(**{**f, "value": plain(f["value"])}) for fact, f in data.get("facts", {}).items()}
                ),
                approvals=tuple(_approval(a) for a in data.get("approvals", ())),
                adjourned=frozendict({role: _adjournment(a) for role, a in data.get("adjourned", {}).items()}),
                hold=hold and Hold(**{**hold, "since": moment(hold["since"]), "roles": tuple(hold["roles"])}),
                outcome=data.get("outcome"),
                escalated=tuple(data.get("escalated", ())),
                deadlines=frozendict({one["key"]: Deadline.from_data(one) for one in data.get("deadlines", ())}),
                part_of=data.get("part_of"),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"the stored snapshot cannot be read ({type(error).__name__}: {error})"
            raise HistoryTampered(message) from None


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")[:-6] + "Z"


def _approval(data: Mapping[str, Any]) -> Approval:
    frozen_parts = {part: frozendict(data[part]) for part in ("of", "tally", "silence") if part in data}
    return Approval(**{**data, **frozen_parts})


def _adjournment(data: Mapping[str, Any]) -> Adjournment:
    return Adjournment(**{**data, "until": day(data.get("until"), "until")})


def apply(agreement: Agreement | None, event: Event) -> Agreement:
    """
    Return what *agreement* is after *event*; the only place where an agreement changes.

    Args:
        agreement: What it was before; None before the first event.

        event: The next event of its history.

    Raises:
        HistoryTampered: If the event cannot follow: it is out of order, of an unknown kind, or contradicts the state.
    """
    data, n = event.data, event.data["n"]
    kind = data["kind"]
    if agreement is None:
        if kind != "started" or n != 1:
            message = f"event {n} ({kind}) cannot begin a history"
            raise HistoryTampered(message)
        return _begin(data, event.hash)
    if n != agreement.n + 1 or data["agreement"] != agreement.id or data.get("from") != agreement.stage:
        message = (
            f"event {n} of {quote(data['agreement'])} does not follow event {agreement.n} of {quote(agreement.id)}"
        )
        raise HistoryTampered(message)
    under, pin = data["process"], agreement.process
    if kind != "migrated" and (
        under["digest"] != pin.digest or under["version"] != pin.version or under["id"] != pin.id
    ):
        message = f"event {n} says it runs under {_pin(under)}, but {quote(agreement.id)} runs under {pin}"
        raise HistoryTampered(message)
    if kind == "refused":
        return _after(agreement, {"n": n, "head": event.hash})
    step = _STEPS.get(kind)
    if step is None:
        message = f"event {n} is of the unknown kind {quote(kind)}"
        raise HistoryTampered(message)
    changes = step(agreement, data)
    if due := data.get("due"):
        changes["deadlines"] = _due(agreement.deadlines, due)
    if voided := data.get("voided"):
        gone = {v["n"] for v in voided}
        changes["approvals"] = tuple(a for a in changes.get("approvals", agreement.approvals) if a.n not in gone)
    changes |= {"n": n, "head": event.hash}
    if kind != "reminded":
        changes |= {"version": n, "changed_at": moment(data["recorded_at"])}
    return _after(agreement, changes)


def _due(before: Mapping[str, Any], changes: Iterable[Mapping[str, Any]]) -> frozendict:
    """Return the deadlines after *changes*: each is a deadline as it is now, or only its key where it is gone."""
    after = dict(before)
    for change in changes:
        if "rule" in change:
            after[change["key"]] = Deadline.from_data(change)
        elif change["key"] in after:
            del after[change["key"]]
        else:
            message = f"an event takes away the deadline {quote(change['key'])}, which there was not"
            raise HistoryTampered(message)
    return frozendict(after)


_SLOTS = tuple((field.name, vars(Agreement)[field.name]) for field in attrs.fields(Agreement))


def _after(agreement: Agreement, changes: Mapping[str, Any]) -> Agreement:
    """Return a copy with *changes*: what `attrs.evolve` does, for the path of every move."""
    copied = object.__new__(Agreement)
    for name, slot in _SLOTS:
        slot.__set__(copied, changes[name] if name in changes else slot.__get__(agreement))
    return copied


def chained(agreement: Agreement, head: bytes) -> Agreement:
    """Return what `apply` made of an event that had no hash yet, once it has one."""
    return _after(agreement, {"head": head})


def _begin(data: Mapping[str, Any], head: bytes) -> Agreement:
    recorded = data["data"]
    at = moment(data["at"])
    return Agreement(
        id=data["agreement"],
        title=recorded.get("title", ""),
        process=Pin(**data["process"]),
        stage=data["to"],
        owner=tuple(recorded.get("owner", ())),
        version=1,
        n=1,
        head=head,
        started_by=data["actor"]["id"],
        started_at=at,
        entered_at=at,
        changed_at=moment(data["recorded_at"]),
        rounds=frozendict({data["to"]: 1}),
        parties=tuple(Party(**party) for party in recorded.get("parties", ())),
        deadlines=_due({}, data.get("due", ())),
        part_of=recorded.get("part_of"),
    )


def _attached(agreement: Agreement, data: Mapping[str, Any]) -> dict[str, Any]:
    filed = Document(**data["data"]["document"], n=data["n"], by=data["actor"]["id"])
    return {"documents": frozendict({**agreement.documents, filed.kind: filed})}


def _recorded(agreement: Agreement, data: Mapping[str, Any]) -> dict[str, Any]:
    recorded = data["data"]
    fact = Fact(value=plain(recorded["value"]), source=recorded.get("source", ""), by=data["actor"]["id"], n=data["n"])
    return {"facts": frozendict({**agreement.facts, recorded["fact"]: fact})}


def _voted(agreement: Agreement, data: Mapping[str, Any]) -> dict[str, Any]:
    actor = data["actor"]
    vote = _approval(
        {
            **data["data"],
            "by": actor["id"],
            "on_behalf_of": actor.get("on_behalf_of"),
            "stage": agreement.stage,
            "n": data["n"],
        }
    )
    return {"approvals": (*(other for other in agreement.approvals if not vote.replaces(other)), vote)}


def _adjourned(agreement: Agreement, data: Mapping[str, Any]) -> dict[str, Any]:
    role, about = data["data"]["role"], {k: v for k, v in data["data"].items() if k != "role"}
    before = agreement.adjourned.get(role)
    number = 1 if before is None else before.number + 1
    adjournment = _adjournment({**about, "number": number, "by": data["actor"]["id"], "n": data["n"]})
    return {"adjourned": frozendict({**agreement.adjourned, role: adjournment})}


def _moved(agreement: Agreement, data: Mapping[str, Any]) -> dict[str, Any]:
    recorded, move = data.get("data", {}), data["move"]
    if move == "hold":
        actor = data["actor"]
        held = Hold(
            reason=recorded["reason"],
            by=actor["id"],
            n=data["n"],
            since=moment(data["at"]),
            roles=tuple(actor.get("roles", ())),
        )
        return {"hold": held}
    if move == "resume":
        return {"hold": None}
    if move == "end":
        return {"outcome": recorded["outcome"], "owner": (), "hold": None, "escalated": ()}
    to = data["to"]
    return {
        "stage": to,
        "owner": tuple(recorded.get("owner", ())),
        "entered_at": moment(data["at"]),
        "escalated": (),
        "rounds": frozendict({**agreement.rounds, to: agreement.rounds.get(to, 0) + 1}),
        "adjourned": frozendict(),
    }


def _overdue(agreement: Agreement, data: Mapping[str, Any]) -> dict[str, Any]:
    role = data["data"].get("escalate")
    if role is None:
        return {}
    return {
        "escalated": tuple(dict.fromkeys((*agreement.escalated, role))),
        "owner": tuple(dict.fromkeys((*agreement.owner, role))),
    }


def _noted(_agreement: Agreement, _data: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _migrated(agreement: Agreement, data: Mapping[str, Any]) -> dict[str, Any]:
    """Take its place in another process: what was counted and given at a stage is so at the stage it became."""
    recorded, to = data["data"], data["to"]
    mapping = recorded.get("mapping", {})
    was = _pin(recorded["was"])
    if was != agreement.process or mapping.get(agreement.stage, agreement.stage) != to:
        message = (
            f"event {data['n']} migrates {quote(agreement.id)} from {was} to {quote(to)}, which does not follow from"
            f" where it stands, {quote(agreement.stage)} of {agreement.process}"
        )
        raise HistoryTampered(message)
    rounds: dict[str, int] = {}
    for stage, times in agreement.rounds.items():
        now = mapping.get(stage, stage)
        rounds[now] = max(times, rounds.get(now, 0))
    owner = tuple(recorded.get("owner", ()))
    return {
        "process": _pin(data["process"]),
        "stage": to,
        "owner": owner,
        "escalated": tuple(role for role in agreement.escalated if role in owner),
        "rounds": frozendict(rounds),
        "approvals": tuple(attrs.evolve(a, stage=mapping.get(a.stage, a.stage)) for a in agreement.approvals),
    }


def _pin(data: Mapping[str, Any]) -> Pin:
    return Pin(id=data["id"], version=data["version"], digest=data["digest"])


_STEPS = {
    "attached": _attached,
    "recorded": _recorded,
    "voted": _voted,
    "adjourned": _adjourned,
    "noted": _noted,
    "moved": _moved,
    "migrated": _migrated,
    "overdue": _overdue,
    "reminded": _noted,
    "reckoned": _noted,
}


def fold(entries: Iterable[Entry | Event]) -> Agreement | None:
    """
    Return what a history says now: `apply` over its events, in order; None for an empty one.

    Raises:
        HistoryTampered: If an event does not follow from those before it.
    """
    agreement = None
    for entry in entries:
        event = entry if isinstance(entry, Event) else Event.read(entry)
        try:
            agreement = apply(agreement, event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"an event cannot be read ({type(error).__name__}: {error})"
            raise HistoryTampered(message) from None
    return agreement
