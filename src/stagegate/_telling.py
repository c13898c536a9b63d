"""Who is told what of an event, as subscriptions say: pure, and part of the commit. Of persons it says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from ._agreement import Agreement
from ._evidence import ApprovalRequirement
from ._history import Event
from ._kinds import KINDS, fields
from ._messages import as_header
from ._notices import Notification
from ._plain import MAX_ITEMS, moment
from ._process import Process
from ._reasons import Unmet
from ._requirements import Requirement
from ._stages import LAW, Stage
from ._subscriptions import Addresses, Subscription
from ._terms import Duty
from ._text import punctuation

MOST = 1000
"""How many characters of what was written by somebody are told."""

MOST_OF_REFERENCE = 200

AddressHook = Callable[[str, str, Agreement], Iterable[str]]
"""Takes a role, a channel and the agreement, and returns addresses."""

_BY_KIND = {
    "started": "agreement.started",
    "recorded": "fact.recorded",
    "adjourned": "vote.adjourned",
    "noted": "note.added",
    "refused": "move.refused",
    "migrated": "agreement.migrated",
    "reckoned": "deadlines.reckoned",
}
_BY_MOVE = {
    "advance": "stage.entered",
    "send_back": "stage.returned",
    "renew": "agreement.renewed",
    "hold": "agreement.held",
    "resume": "agreement.resumed",
    "end": "agreement.ended",
}


def kind_of(event: Mapping[str, Any]) -> str:
    """Return what somebody is told of when this event happens: one kind for each."""
    kind, data = event["kind"], event.get("data", {})
    if kind == "attached":
        return "document.amended" if event["move"] == "amend" else "document.filed"
    if kind == "voted":
        return "vote.silent" if "silence" in data else "vote.recused" if data["vote"] == "recused" else "vote.cast"
    if kind == "moved":
        lapsed = event["move"] == "end" and event["actor"]["id"] == LAW
        return "agreement.lapsed" if lapsed else _BY_MOVE[event["move"]]
    if kind in {"reminded", "overdue"}:
        due = data["deadline"].partition(":")[0]
        return f"{due if due in {'duty', 'term'} else 'deadline'}.{kind}"
    return _BY_KIND[kind]


def _about(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an event says of a deadline, its key and its date; nothing if it is about none."""
    data: Mapping[str, Any] = event.get("data", {})
    silence: Mapping[str, Any] = data.get("silence", data)
    return silence if "deadline" in silence else {}


class Teller:
    """Says who is told what of each event."""

    def __init__(
        self, subscriptions: Iterable[Subscription], addresses: Addresses, asked: AddressHook | None = None
    ) -> None:
        """Take who wants to be told of what, whom each role is, and who else is asked that."""
        several = tuple(subscriptions)
        self._by_kind = {kind: [one for one in several if not one.on or kind in one.on] for kind in KINDS}
        self._addresses = addresses
        self._asked = asked

    def wanted(self, event: Mapping[str, Any], before: Agreement | None) -> Sequence[Subscription]:
        """Return the subscriptions that *event* meets."""
        interested = self._by_kind[kind_of(event)]
        if not interested:
            return ()
        # What moves nowhere leaves it where it stands.
        stage = event["to"] if before is None or "to" in event else before.stage
        values = {
            "process": event["process"]["id"],
            "stage": stage,
            "move": event["move"],
            "deadline": _about(event).get("deadline"),
        }
        return [one for one in interested if all(_meets(one, name, value) for name, value in values.items())]

    def tell(
        self,
        wanted: Iterable[Subscription],
        event: Event,
        before: Agreement | None,
        after: Agreement,
        processes: tuple[Process, Process],
    ) -> list[Notification]:
        """
        Return what is told, each address once by a channel.

        Args:
            wanted: The subscriptions that the event meets.

            event: The event, as it is about to be written.

            before: The agreement before it.

            after: The agreement after it.

            processes: The process it ran under before, and the one it runs under now.
        """
        told: dict[tuple[str, str], Notification] = {}
        known: dict[tuple[str, str], tuple[str, ...]] = {}
        worded: dict[str, Notification] = {}
        kind = kind_of(event.data)
        turn = _turn(event.data, before, after, processes[1])
        for one in wanted:
            for to in self._recipients(one, turn, after, known):
                if (one.channel, to) in told:
                    continue
                if one.lang not in worded:
                    context = _context(event.data, before, after, processes, turn, one.lang)
                    worded[one.lang] = Notification(channel=one.channel, kind=kind, context=context, lang=one.lang)
                told[one.channel, to] = worded[one.lang].placed(
                    channel=one.channel, to=to, reference=_reference(one, after), max_age=one.age(kind)
                )
        return list(told.values())

    def _recipients(
        self,
        one: Subscription,
        turn: Sequence[str],
        after: Agreement,
        known: dict[tuple[str, str], tuple[str, ...]],
    ) -> Iterator[str]:
        for role in (*one.role, *(turn if one.owner else ())):
            if (role, one.channel) not in known:
                asked = () if self._asked is None else self._asked(role, one.channel, after)
                found = (*self._addresses.find(role, one.channel), *asked)
                # A role that is nobody is told all the same: somebody will see that it cannot be delivered.
                known[role, one.channel] = found or (role,)
            yield from known[role, one.channel]
        yield from one.to


def _meets(one: Subscription, name: str, value: Any) -> bool:
    several = getattr(one, name)
    return not several or value in several


def _turn(event: Mapping[str, Any], before: Agreement | None, after: Agreement, process: Process) -> tuple[str, ...]:
    """Return the roles whose turn it is: of what is due those who can meet it, at the end those whose turn it was."""
    if event["kind"] in {"reminded", "overdue"}:
        duty, part = _due(process.standing(after.stage), event["data"]["deadline"])
        if duty is not None and duty.fix_by:
            return duty.fix_by
        if isinstance(part, ApprovalRequirement):
            return (part.role,)
        if part is not None and part.fix_by:
            return part.fix_by
    if after.owner or before is None:
        return after.owner
    return before.owner


def _due(stage: Stage, key: str) -> tuple[Duty | None, Requirement | None]:
    """Return the duty or the requirement that a deadline is about, as far as the stage has it."""
    kind, _, subject = key.partition(":")
    if kind == "duty":
        return next((duty for duty in stage.duties if duty.id == subject), None), None
    parts = () if kind != "requirement" or stage.gate is None else stage.gate.walk()
    return None, next((part for part in parts if part.name == subject and part.within is not None), None)


def _reference(one: Subscription, agreement: Agreement) -> str:
    """Return what the reader knows the matter by, fit for a header; empty where that is not recorded."""
    said = agreement.fact(one.reference) if one.reference else None
    if not isinstance(said, (str, int)) or isinstance(said, bool):
        return ""
    return as_header(said, MOST_OF_REFERENCE)


def _context(
    event: Mapping[str, Any],
    before: Agreement | None,
    after: Agreement,
    processes: tuple[Process, Process],
    turn: Sequence[str],
    lang: str,
) -> dict[str, Any]:
    """Return the particulars of a message: plain named fields, labels in the language of the reader."""
    old, process = processes
    stage = process.standing(after.stage)

    def roles(several: Iterable[str]) -> str:
        return punctuation(lang)[0].join(_role(process, role, lang) for role in several)

    context: dict[str, Any] = {
        "agreement": after.id,
        "title": (after.title or after.id)[:MOST],
        "process": process.id,
        "process_label": process.label.text(lang) or process.id,
        "stage": after.stage,
        "stage_label": stage.label.text(lang) or stage.id,
        "turn": roles(turn),
        "at": moment(event["at"]).astimezone(process.tzinfo).date().isoformat(),
        "move": event["move"],
        "due": _date(after, f"stage:{after.stage}"),
        **_what(event, process, roles, lang),
        **_time(event, process, after, lang),
    }
    if before is not None and "to" in event:
        context["from_stage"] = before.stage
        context["from_label"] = old.standing(before.stage).label.text(lang) or before.stage
        context["was"] = f"{old.label.text(lang) or old.id} {old.version}"
        context["now"] = f"{process.label.text(lang) or process.id} {process.version}"
    told = fields(kind_of(event)) or frozenset()
    return {name: value for name, value in context.items() if name in told and value not in ("", ())}


def _what(
    event: Mapping[str, Any], process: Process, roles: Callable[[Iterable[str]], str], lang: str
) -> dict[str, Any]:
    """Return what was filed, voted, recorded or decided."""
    data = event.get("data", {})
    document = data.get("document", {})
    outcome = process.outcome(data.get("outcome", ""))
    return {
        "document": document.get("kind", ""),
        "document_title": (document.get("title") or document.get("kind", ""))[:MOST],
        "fact": data.get("fact", ""),
        "role": roles((data["role"],) if "role" in data else ()),
        "vote": data.get("vote", ""),
        "reason": data.get("reason", "")[:MOST],
        "outcome": data.get("outcome", ""),
        "outcome_label": (outcome and outcome.label.text(lang)) or data.get("outcome", ""),
        "permitted": roles(data.get("roles", ())),
        "escalated": roles((data["escalate"],) if "escalate" in data else ()),
        **_reasons(data, lang),
    }


def _time(event: Mapping[str, Any], process: Process, after: Agreement, lang: str) -> dict[str, Any]:
    """Return what an event says of a deadline, and until when something lasts."""
    about = _about(event)
    key = about.get("deadline", "")
    return {
        "deadline": key,
        "deadline_label": _label(key, process, after, lang),
        "date": about.get("date", ""),
        "basis": about.get("basis", ""),
        "until": event.get("data", {}).get("until", "") or _date(after, "term"),
    }


def _role(process: Process, role: str, lang: str) -> str:
    label = process.roles.get(role)
    return role if label is None else label.text(lang) or role


def _date(agreement: Agreement, key: str) -> str:
    found = agreement.deadlines.get(key)
    return "" if found is None or found.date is None else found.date.isoformat()


def _label(key: str, process: Process, agreement: Agreement, lang: str) -> str:
    """Return what people call that which is due: the stage, the duty, the requirement; its key, if it has no name."""
    kind, _, subject = key.partition(":")
    named = process.stage(subject if kind == "stage" else agreement.stage)
    if named is None:
        return subject
    if kind in {"stage", "term"}:
        return named.label.text(lang) or named.id
    duty, part = _due(named, key)
    label = "" if duty is None and part is None else (duty or part).label.text(lang)  # type: ignore[union-attr]
    if not label and isinstance(part, ApprovalRequirement):
        return _role(process, part.role, lang)
    return label or subject


def _reasons(data: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Return every reason as a sentence in the language of the reader, and their codes; of very many, the first."""
    unmet = [Unmet.from_data(one) for one in data.get("unmet", ())]
    left = data.get("left_out", 0) + max(0, len(unmet) - MAX_ITEMS)
    said = [_public(reason).text(lang)[:MOST] for reason in unmet[:MAX_ITEMS]]
    return {
        "reasons": (*said, *((f"… +{left}",) if left else ())),
        "codes": tuple(dict.fromkeys(reason.code for reason in unmet)),
    }


def _public(reason: Unmet) -> Unmet:
    """Return a reason without what an error of a rule or a plugin said, which is for those who run the machine."""
    params = {**reason.params, "error": "…"} if "error" in reason.params else reason.params
    alternatives = tuple(tuple(map(_public, part)) for part in reason.alternatives)
    return attrs.evolve(reason, params=params, alternatives=alternatives)
