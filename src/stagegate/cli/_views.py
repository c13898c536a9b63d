"""What is told of agreements, options, reasons and events: as data for programs, as cells and lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

import attrs

from stagegate import Actor, Agreement, Engine, Event, Label, NotFound, Option, Pin, Process, Unmet

from ._output import Cell, clean
from ._words import word

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
}


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
        label = Label() if self.process is None else self.process.roles.get(role, Label())
        return str(label.text(self.lang)) or role

    def roles(self, roles: Iterable[str]) -> Cell:
        """Name several roles."""
        several = tuple(roles)
        return Cell(",".join(several), ", ".join(map(self.role, several)))

    def called(self, roles: Iterable[str]) -> str:
        """Name several roles, each with the id by which it acts."""
        return ", ".join(role if self.role(role) == role else f"{self.role(role)} ({role})" for role in roles)

    def moment(self, at: datetime) -> Cell:
        """Tell a moment: in UTC for programs, in the zone of the process for people."""
        here = at.astimezone(self.zone)
        shown = f"{here:%Y-%m-%d %H:%M}" + (" UTC" if self.zone is UTC else "")
        return Cell(instant(at), shown)


def instant(at: datetime) -> str:
    """Return a moment in UTC, to the second where it has no parts of one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def anyone(agreement: Agreement) -> Actor:
    """Return somebody whose turn it is, for a question that is about no one in particular."""
    return Actor(id="anyone", roles=set(agreement.owner))


def agreement_data(agreement: Agreement, names: Names) -> dict[str, Any]:
    """Return an agreement as data, every key always there."""
    return {
        **_AGREEMENT,
        **agreement.to_data(),
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


def summary(event: Event) -> str:
    """Tell what an event recorded, in one line of ids and values."""
    data = event.data.get("data", {})
    match event.kind:
        case "attached":
            document = data["document"]
            said = " ".join(part for part in (document["kind"], document["digest"][:12], document.get("title")) if part)
        case "recorded":
            said = f"{data['fact']} = {spell(data['value'])}"
        case "voted":
            capacity = data.get("capacity", "own")
            acted = "" if capacity == "own" else f"({capacity} by {event.data['actor'].get('on_behalf_of')})"
            said = " ".join(part for part in (data["role"], data["vote"], acted, data.get("reason")) if part)
        case "adjourned":
            until = f"until {data['until']}" if "until" in data else ""
            said = " ".join(part for part in (data["role"], until, data["reason"]) if part)
        case "noted":
            said = data["text"]
        case "started":
            said = data.get("title", "")
        case "migrated":
            was, now = data["was"], event.data["process"]
            said = f"{was['id']} {was['version']} → {now['id']} {now['version']}"
            said = ": ".join(part for part in (said, data.get("reason")) if part)
        case "refused":
            codes = ", ".join(
                dict.fromkeys(reason.get("requirement") or reason["code"] for reason in data.get("unmet", ()))
            )
            barred = f"only for {', '.join(data['roles'])}" if data.get("roles") else ""
            said = "; ".join(part for part in (barred, codes) if part)
        case _:
            said = data.get("outcome") or ""
            said = ": ".join(part for part in (said, data.get("reason")) if part)
    voided = ", ".join(f"{vote['role']} by {vote['by']} (event {vote['n']})" for vote in event.data.get("voided", ()))
    skipped = ", ".join(stage["stage"] for stage in data.get("skipped", ()))
    also = [f"voided: {voided}" if voided else "", f"skipped: {skipped}" if skipped else ""]
    return "; ".join(part for part in (said, *also) if part)
