"""What is told of agreements, options, reasons and events: as data for programs, as cells and lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import attrs

from stagegate import Actor, Agreement, Deadline, Engine, Event, Label, NotFound, Option, Pin, Process, Unmet

from ._dates import (
    calendar_of,
    days,
    deadline_data,
    distance,
    in_order,
    iso,
    move_text,
    moved,
    rule_of,
    state,
    subject,
)
from ._output import Cell, Value, clean
from ._words import LANGUAGES, word

_AGREEMENT: dict[str, Any] = {
    "owner": (),
    "title": "",
    "parties": (),
    "documents": (),
    "facts": {},
    "approvals": (),
    "adjourned": {},
    "hold": None,
    "outcome": None,
    "escalated": (),
    "part_of": None,
}

LAW = "law"
"""The role and the actor of what the passing of time brings."""


@attrs.frozen
class Names:
    """
    The names of a process in the reader's language.

    Attributes:
        process: The process; None if this engine does not know it: then ids have to do.

        lang: The language.
    """

    process: Process | None
    lang: str

    @classmethod
    def of(cls, engine: Engine, agreement: Agreement | Pin, lang: str) -> Names:
        """Take the process that an agreement is pinned to, or one by its pin, if it is known."""
        try:
            return cls(engine.process(agreement), lang)
        except NotFound:
            return cls(None, lang)

    @property
    def zone(self) -> tzinfo:
        """The zone in which days are counted."""
        return UTC if self.process is None else self.process.tzinfo

    def stage(self, stage: str) -> Cell:
        """Name a stage."""
        found = self.process and self.process.stage(stage)
        return Cell(stage, (found and found.label.text(self.lang)) or stage)

    def outcome(self, outcome: str | None) -> Cell | None:
        """Name an outcome."""
        if outcome is None:
            return None
        found = self.process and self.process.outcome(outcome)
        return Cell(outcome, (found and found.label.text(self.lang)) or outcome)

    def role(self, role: str) -> str:
        """Name a role."""
        if role == LAW:
            return word("passing of time", self.lang)
        label = Label() if self.process is None else self.process.roles.get(role, Label())
        return str(label.text(self.lang)) or role

    def due(self, key: str, round_: int = 1) -> Cell:
        """Name what is due."""
        return subject(key, self.process, self.lang, round_)

    def roles(self, roles: Iterable[str]) -> Cell:
        """Name several roles."""
        several = tuple(roles)
        return Cell(",".join(several), ", ".join(map(self.role, several)))

    def called(self, roles: Iterable[str]) -> str:
        """Name several roles, each with the id by which it acts."""
        return ", ".join(role if self.role(role) == role else f"{self.role(role)} ({role})" for role in roles)

    def day(self, at: datetime) -> date:
        """Return the day that a moment lies on, in the zone of the process."""
        return at.astimezone(self.zone).date()

    def moment(self, at: datetime) -> Cell:
        """Tell a moment: in UTC for programs, in the zone of the process for people."""
        here = at.astimezone(self.zone)
        shown = f"{here:%Y-%m-%d %H:%M}" + (" UTC" if self.zone is UTC else "")
        return Cell(instant(at), shown)


DUE = ("what", "due", "when", "rule", "calendar")
"""The headings of deadlines on a terminal."""


def deadline_row(one: Deadline, names: Names, at: datetime) -> tuple[Value, ...]:
    """Return what is known of a deadline: the columns of a line in a pipe."""
    today = names.day(at)
    return (
        names.due(one.key, one.round),
        iso(one.date),
        Cell(state(one, at), distance(one, at, today, names.lang)),
        days(one, today),
        Cell(rule_of(one), rule_of(one, names.lang)),
        calendar_of(one),
        one.start.isoformat(),
        iso(one.paused_on),
    )


def brief(row: Sequence[Value]) -> tuple[Value, ...]:
    """Return what of it a person is shown."""
    what, date_, how, _, rule_, calendar, _, _ = row
    return (what, date_, how, rule_, calendar)


def instant(at: datetime) -> str:
    """Return a moment in UTC, to the second where it has no parts of one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def anyone(agreement: Agreement) -> Actor:
    """Return somebody whose turn it is, for a question that is about no one in particular."""
    return Actor(id="anyone", roles=set(agreement.owner))


def somebody(agreement: Agreement, actor: str | None, roles: Iterable[str]) -> Actor:
    """Return the one a question is asked for: who was named, otherwise anyone whose turn it is."""
    someone = anyone(agreement)
    return Actor(id=actor or someone.id, roles=set(roles) if actor or roles else someone.roles)


def agreement_data(agreement: Agreement, names: Names) -> dict[str, Any]:
    """Return an agreement as data, every key always there."""
    return {
        **_AGREEMENT,
        **agreement.to_data(),
        "deadlines": [deadline_data(deadline) for deadline in in_order(agreement)],
        "stage_label": names.stage(agreement.stage).shown,
        "round": agreement.round,
    }


def reason_data(reason: Unmet, lang: str) -> dict[str, Any]:
    """Return a reason as data, every key always there, with its sentence."""
    return {
        "code": reason.code,
        "text": reason.text(lang),
        "requirement": reason.requirement,
        "label": reason.label.text(lang),
        "fix_by": reason.fix_by,
        "basis": reason.basis,
        "provenance": reason.provenance,
        "params": reason.params,
        "alternatives": [[reason_data(one, lang) for one in part] for part in reason.alternatives],
    }


def option_data(option: Option, lang: str) -> dict[str, Any]:
    """Return an option as data."""
    return {
        "move": option.move,
        "target": option.target,
        "open": option.open,
        "permitted": option.permitted,
        "roles": option.roles,
        "unmet": [reason_data(reason, lang) for reason in option.unmet],
        "warnings": [reason_data(reason, lang) for reason in option.warnings],
    }


def event_data(event: Event) -> dict[str, Any]:
    """Return an event as data: its body, as it is stored, and its hash."""
    return {**event.data, "hash": event.hash.hex()}


def rule(reason: Unmet, lang: str) -> str:
    """Name the rule that a reason comes from, and what kind of rule it is."""
    provenance = word(reason.provenance, lang) if reason.provenance else ""
    return " · ".join(part for part in (reason.basis, provenance) if part)


def reason_lines(reasons: Sequence[Unmet], names: Names, indent: str = "  ") -> Iterator[str]:
    """Tell every reason: what is missing, who can mend it, and the rule it comes from."""
    lang = names.lang
    for number, reason in enumerate(reasons, 1):
        yield f"{indent}{number}. {reason.text(lang)}"
        if reason.fix_by:
            yield f"{indent}   {word('can be mended by', lang)}: {names.called(reason.fix_by)}"
        if said := rule(reason, lang):
            yield f"{indent}   {word('rule', lang)}: {said}"


def spell(value: Any) -> str:
    """Write a recorded value: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def spelled(value: Any) -> str:
    """Write a recorded value for a reader: lists and tables without their brackets."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(spelled, value)) or "–"
    return f"({listed(value)})" if isinstance(value, Mapping) else spell(value)


def listed(table: Mapping[str, Any]) -> str:
    """Write a table for a reader, in one line."""
    return "; ".join(f"{key} {spelled(value)}" for key, value in table.items())


def told(value: Any) -> Cell:
    """Write a recorded value: as JSON for programs, for a reader a line for each entry of a table."""
    if not isinstance(value, Mapping):
        return Cell(spell(value), clean(spelled(value)))
    lines = (
        f"{key}: {listed(entry) if isinstance(entry, Mapping) else spelled(entry)}" for key, entry in value.items()
    )
    return Cell(spell(value), "\n".join(map(clean, lines)))


def summary(event: Event, lang: str = LANGUAGES[0]) -> str:
    """Tell what an event recorded, in one line of ids and values; the words between them in *lang*."""
    data = event.data.get("data", {})
    match event.kind:
        case "attached":
            document = data["document"]
            amended = data.get("reason", "")
            said = " ".join(part for part in (document["kind"], document["digest"][:12], document.get("title")) if part)
            said = ": ".join(part for part in (said, amended) if part)
        case "recorded":
            said = f"{data['fact']} = {spell(data['value'])}"
        case "voted":
            said = _vote(event, lang)
        case "adjourned":
            until = word("until {point}", lang, point=data["until"]) if "until" in data else ""
            said = " ".join(part for part in (data["role"], until, data["reason"]) if part)
        case "noted":
            said = data["text"]
        case "started":
            whole = f"{word('part of', lang)} {data['part_of']}" if "part_of" in data else ""
            said = "; ".join(part for part in (data.get("title", ""), whole) if part)
        case "migrated":
            was, now = data["was"], event.data["process"]
            said = f"{was['id']} {was['version']} → {now['id']} {now['version']}"
            said = ": ".join(part for part in (said, data.get("reason")) if part)
        case "reminded" | "overdue":
            escalated = word("now also for {roles}", lang, roles=data["escalate"]) if "escalate" in data else ""
            said = "; ".join(part for part in (_by_date(data, lang), _codes(data), escalated) if part)
        case "reckoned":
            settled = f"{_by_date(data, lang)}: {word('met or asked no more', lang)}" if "deadline" in data else ""
            said = settled
        case "refused":
            barred = word("only for {roles}", lang, roles=", ".join(data["roles"])) if data.get("roles") else ""
            said = "; ".join(part for part in (barred, _codes(data)) if part)
        case _:
            by_law = _by_date(data, lang) if "deadline" in data else ""
            said = ": ".join(part for part in (data.get("outcome"), by_law, data.get("reason")) if part)
    return "; ".join(part for part in (said, *_besides(event, lang)) if part)


def _vote(event: Event, lang: str) -> str:
    data = event.data["data"]
    capacity = data.get("capacity", "own")
    whom = event.data["actor"].get("on_behalf_of")
    acted = "" if capacity == "own" else word(f"({capacity} by {{whom}})", lang, whom=whom)
    said = " ".join(part for part in (data["role"], data["vote"], acted, data.get("reason")) if part)
    silence = data.get("silence")
    return said if silence is None else f"{said}: {word('by silence', lang)}, {_by_date(silence, lang)}"


def _by_date(data: Mapping[str, Any], lang: str) -> str:
    """Name what was due and when, and the rule that says what follows."""
    said = f"{data['deadline']} {word('was due on', lang)} {data['date']}" if "date" in data else data["deadline"]
    return f"{said} ({data['basis']})" if data.get("basis") else said


def _codes(data: Mapping[str, Any]) -> str:
    return ", ".join(dict.fromkeys(reason.get("requirement") or reason["code"] for reason in data.get("unmet", ())))


def _besides(event: Event, lang: str) -> Iterator[str]:
    """Tell what else an event did: votes it voided, stages it passed over, dates it changed."""
    voided = ", ".join(
        word("{role} by {by} (event {n})", lang, role=vote["role"], by=vote["by"], n=vote["n"])
        for vote in event.data.get("voided", ())
    )
    if voided:
        yield f"{word('voided', lang)}: {voided}"
    skipped = ", ".join(stage["stage"] for stage in event.data.get("data", {}).get("skipped", ()))
    if skipped:
        yield f"{word('skipped', lang)}: {skipped}"
    # These two kinds are about a date that stays as it is.
    dates = () if event.kind in {"reminded", "overdue"} else moved(event)
    due = ", ".join(f"{key} {move_text(now, was, lang)}" for key, now, was in dates)
    if due:
        yield f"{word('due', lang)}: {due}"
