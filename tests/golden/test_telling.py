"""A whole life, told to somebody: every kind of thing happens, and what is told of it is what was promised."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from stagegate import Calendar, Engine, Message, Notification, Process, Subscription
from stagegate._kinds import COMMON, KINDS
from stagegate._messages import Wording

from .generate import Herald
from .life import Play, play

LANGUAGES = ("en", "id", "ja")
OPTIONAL = {
    *("due", "reason", "reasons", "codes", "permitted", "basis", "escalated", "turn", "until"),
    *("deadline", "deadline_label", "date"),
}
"""What is there only where there is something to say."""

MISSING = {
    **{key: {"deadline.overdue"} for key in ("reasons", "codes")},
    **{key: {"deadlines.reckoned"} for key in ("deadline", "deadline_label", "date")},
    "reason": {"agreement.resumed"},
}
"""What does not happen in this life: a requirement that is late, a deadline that is settled, a reason to go on."""


class Told(Play):
    """The life, with somebody subscribed to all of it in each language."""

    def opened(self, calendar: Calendar, *processes: Process) -> Engine:
        """Return an engine on the store."""
        return Engine.open(
            "golden:",
            processes=processes,
            plugins=[Herald(self.store)],
            calendars=[calendar],
            subscriptions=[Subscription("all", to=lang, lang=lang) for lang in LANGUAGES],
            clock=self.clock,
        )

    def to(self, year: int, month: int, day: int) -> None:
        """Sweep some weeks before as well, so that reminders are not late."""
        before = datetime(year, month, day, tzinfo=UTC) - timedelta(days=20)
        if before > self.clock():
            self.clock.set(before)
            self.engine.sweep()
        super().to(year, month, day)


@cache
def told() -> tuple[Notification, ...]:
    """Return what was told in the course of the life."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys.modules[Play.__module__], "Play", Told)
        store = play()
    return tuple(row.notification for row in store.outbox(None) if row.notification.channel == "all")


def messages(kind: str, lang: str) -> list[tuple[Notification, Message]]:
    """Return what was told of a kind in a language, with its words."""
    wording = Wording()
    return [(one, wording.render(one)) for one in told() if (one.kind, one.lang) == (kind, lang)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_happens(kind: str) -> None:
    """In a whole life everything happens that one can be told of, and it brings its fields and no other."""
    contexts = [set(one.context) for one in told() if one.kind == kind]
    promised = {*COMMON, *KINDS[kind]}

    assert contexts
    for context in contexts:
        assert promised - OPTIONAL <= context <= promised


@pytest.mark.parametrize("field", sorted({name for kind in KINDS.values() for name in kind} & OPTIONAL))
def test_what_is_optional_is_there_at_times(field: str) -> None:
    """Nothing is promised that never comes."""
    kinds = {kind for kind, fields in KINDS.items() if field in fields}

    assert MISSING.get(field, set()) == kinds - {one.kind for one in told() if one.context.get(field)}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_it_reads_well(kind: str, lang: str) -> None:
    """Every message of a life has its words: no empty place, no sign of a template, no code of ours."""
    for one, message in messages(kind, lang):
        lines = message.text.splitlines()

        assert one.context["title"] in message.subject
        assert not [line for line in lines if line.rstrip().endswith((":", "：")) and "\n- " not in message.text]
        assert "$" not in message.subject + message.text + message.html
        assert "  " not in message.text.replace("-- ", "")
        assert str(one.receipt) in message.text
        assert lang == message.lang


def test_everything_is_told_in_each_language() -> None:
    """Nobody is told less for the language they read."""
    events = {(one.agreement, one.n, one.kind) for one in told()}

    assert len(told()) == 3 * len(events)
    assert len({(agreement, n) for agreement, n, _ in events}) == len(events)


def test_persons_are_named_by_reasons_only() -> None:
    """Who acted is told to nobody; what a reason says of a person is all there is."""
    people = {"千代松", "s-7", "d-1", "o-1", "tri", *(f"m-{n}" for n in range(1, 6))}
    for one in told():
        rest = {name: value for name, value in one.context.items() if name != "reasons"}

        assert not [value for value in rest.values() for person in people if person in str(value)]
