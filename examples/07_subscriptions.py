"""Who is told is data: subscriptions and addresses from a file, messages in three languages, words of one's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from stagegate import (
    Actor,
    DefinitionError,
    Engine,
    GateClosed,
    Message,
    Notification,
    Process,
    Stage,
    Subscription,
    Template,
    calendar_days,
    document,
    fact,
    hookimpl,
)

PROCESS = Process(
    id="review",
    version="1",
    label={"en": "Review of a draft", "id": "Peninjauan rancangan", "ja": "草案の審査"},
    zone="Asia/Jakarta",
    roles={
        "mayor": {"en": "The mayor", "id": "Wali Kota", "ja": "市長"},
        "committee": {"en": "The committee", "id": "Panitia", "ja": "委員会"},
        "governor": {"en": "The governor", "id": "Gubernur", "ja": "州知事"},
    },
    stages=[
        Stage(
            "drafting",
            owner="mayor",
            label={"en": "Drafting", "id": "Penyusunan", "ja": "起草"},
            gate=fact("sectors", label={"en": "Sectors", "id": "Bidang", "ja": "分野"}),
        ),
        Stage(
            "reading",
            owner="committee",
            label={"en": "Reading", "id": "Pembacaan", "ja": "審査"},
            gate=document("opinion"),
            within=calendar_days(14),
            on_timeout="escalate:governor",
            remind=["3 calendar days"],
        ),
        Stage("done", owner="mayor"),
    ],
)

OWN = Template(
    kind="deadline.overdue",
    lang="en",
    subject="$title is late",
    text="The committee has been late with $title since $date.\nPlease look into it: $agreement",
)


class Clock:
    """A clock that stands still until it is turned."""

    now = datetime(2025, 7, 24, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


class Paper:
    """A channel that prints what a clerk would carry to a room."""

    name = "paper"

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool | None:
        """Print it."""
        if notification.channel != "paper":
            return None
        print(f"[{notification.to}] {message.subject}")
        for line in message.text.splitlines():
            print(f"    {line}".rstrip())
        return True


def carry(engine: Engine) -> None:
    """Deliver what is waiting, room by room, so that it is always printed in the same order."""
    waiting = sorted((row.notification for row in engine.outbox("pending")), key=lambda one: (one.n, one.to))
    for notification in waiting:
        engine.deliver(notification=notification.id)


def main() -> None:
    """Be refused, move on, be reminded and be late; each time those are told who subscribed."""
    clock = Clock()
    mayor = Actor(id="tri", roles={"mayor"})
    file = Path(__file__).with_suffix(".toml")
    with Engine.open(
        "memory:",
        processes=[PROCESS],
        plugins=[Paper()],
        subscriptions=[file],
        messages=[OWN],
        clock=clock,
    ) as engine:
        engine.start("review", "bekasi-izumisano", title="Bekasi – Izumisano ${receipt}", by=mayor)
        engine.record("bekasi-izumisano", "file_number", "HK.01/2025", by=mayor)
        try:
            engine.advance("bekasi-izumisano", by=mayor)
        except GateClosed:
            print("Refused. The partner is told why, in Japanese; what looks like a field in the title is text:")
            carry(engine)

        engine.record("bekasi-izumisano", "sectors", 9, by=mayor)
        engine.advance("bekasi-izumisano", by=mayor)
        print("\nThe committee has two rooms, and a row of the outbox for each:")
        carry(engine)

        print("\nTwelve days later it is reminded:")
        clock.now += timedelta(days=12)
        engine.sweep()
        carry(engine)

        print("\nThen it is late. The governor, whose address nobody knows, is told by name, and in our own words:")
        clock.now += timedelta(days=4)
        engine.sweep()
        carry(engine)
        print("Verified:", engine.verify())

    print("\nA name that no process has is found before anything happens:")
    try:
        Engine.open("memory:", processes=[PROCESS], subscriptions=[Subscription("paper", role="comittee")])
    except DefinitionError as error:
        print(" ", str(error).partition("; there are")[0])


if __name__ == "__main__":
    main()
