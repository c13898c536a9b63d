"""All channels in one engine, over days: what is refused for now arrives, what is refused for good keeps nobody else."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from proof.receivers import Guard, Hooks, PostOffice, Witness
from stagegate import Engine, Notification, hookimpl
from stagegate.testing import ManualClock, make_process
from stagegate.testing._lives import CLERK

SECRET = "whsec_c3RhZ2VnYXRlIGV4YW1wbGUgc2VjcmV0ICE="  # noqa: S105  it opens nothing
COUNCIL, NOBODY = "council@city.example", "nobody@city.example"
MANY = 6
MAIL = {"host": "127.0.0.1", "security": "plain", "sender": "agreements@city.example"}


class Teller:
    """Tells everybody of everything that starts."""

    name = "teller"

    def __init__(self, hooks: Hooks, witness: Witness) -> None:
        """Take where they are."""
        here = f"http://127.0.0.1:{hooks.port}"
        self.recipients = (
            ("mail", COUNCIL),
            ("mail", NOBODY),
            ("mail", f"{COUNCIL}, {NOBODY}"),
            ("webhook", f"{here}/register"),
            ("webhook", f"{here}/broken"),
            ("webhook", f"{here}/gone"),
            ("webhook", f"http://127.0.0.1:{witness.port}/"),
            ("webhook", f"{here}@127.0.0.1:{witness.port}/"),
            ("apprise", "council"),
            ("apprise", "mayor"),
        )

    @hookimpl
    def stagegate_notify(self, event: Any) -> Iterator[Notification]:
        """Tell all of them."""
        if event.kind == "started":
            for channel, to in self.recipients:
                yield Notification(channel=channel, kind="started", to=to, context={"title": "Kerja sama – 協力"})


@pytest.fixture
def engine(office: PostOffice, hooks: Hooks, witness: Witness, tmp_path: Path, clock: ManualClock) -> Iterator[Engine]:
    """Open an engine with all channels, each named with its settings."""
    here = f"http://127.0.0.1:{hooks.port}"
    channels = (
        "log",
        {"plugin": "mail", **MAIL, "port": office.port},
        {"plugin": "webhook", "hosts": [here], "secret": SECRET, "allow_networks": ["127.0.0.0/8"]},
        {"plugin": "apprise", "schemes": ["json"], "targets": {"council": f"json://127.0.0.1:{hooks.port}/chat"}},
    )
    url = f"sqlite:///{tmp_path}/agreements.db"
    plugins = [Teller(hooks, witness), *channels]
    with Engine.open(url, processes=[make_process()], plugins=plugins, clock=clock) as engine:
        yield engine


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that moves when told."""
    return ManualClock()


def test_days(
    engine: Engine,
    office: PostOffice,
    hooks: Hooks,
    witness: Witness,
    guard: Guard,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Over some days everything that can arrive arrives, once and under its id; the rest is given up or held.

    The mail server refuses everything on the first day and one recipient for good; one receiver of webhooks is broken
    for two days, another is gone. Nobody is called who is not listed.
    """
    caplog.set_level(logging.INFO, logger="stagegate.notifications")
    office.refuse = {"DATA": "451 later", NOBODY: "550 no such mailbox"}
    hooks.refused = {"/broken": 500, "/gone": 410}
    for k in range(MANY):
        engine.start("cooperation", f"a{k}", by=CLERK)
    assert (office.mails, hooks.requests, guard.connections) == ([], [], [])

    for day in range(12):
        if day == 2:
            del office.refuse["DATA"], hooks.refused["/broken"]
        engine.deliver()
        clock.advance(days=1)

    rows = engine.outbox()
    told = Counter((row.notification.channel, row.notification.to.rpartition("/")[2], row.status) for row in rows)
    assert MANY * 10 + MANY == len(rows)
    # How many were in hand already when the first was found to be gone is chance.
    gone = {status: told.pop(("webhook", "gone", status), 0) for status in ("dead", "pending")}
    assert (MANY, True) == (sum(gone.values()), gone["dead"] >= 1)
    assert {
        ("log", "clerk", "delivered"): MANY,
        ("mail", COUNCIL, "delivered"): MANY,
        ("mail", NOBODY, "dead"): MANY,
        ("mail", f"{COUNCIL}, {NOBODY}", "dead"): MANY,
        ("webhook", "register", "delivered"): MANY,
        ("webhook", "broken", "delivered"): MANY,
        ("webhook", "", "dead"): 2 * MANY,
        ("apprise", "council", "delivered"): MANY,
        ("apprise", "mayor", "dead"): MANY,
    } == told
    assert [f"webhook:http://127.0.0.1:{hooks.port}/gone"] == list(engine.held_deliveries())

    def ids(channel: str) -> list[str]:
        kept = engine.outbox("delivered")
        return sorted(row.notification.id for row in kept if row.notification.channel == channel)

    posted = [request for request in hooks.requests if "webhook-id" in request.headers]
    assert ids("mail") == sorted(mail.raw["Message-ID"].strip("<>").partition("@")[0] for mail in office.mails)
    assert ids("webhook") == sorted(Webhook(SECRET).verify(one.body, one.headers)["id"] for one in posted)
    chat = [request.event["message"].splitlines()[-1] for request in hooks.requests if request not in posted]
    assert ids("apprise") == sorted(chat)
    assert MANY == len([record for record in caplog.records if record.name == "stagegate.notifications"])

    assert {("127.0.0.1", office.port), ("127.0.0.1", hooks.port)} == set(guard.connections)
    assert witness.calls == 0
    assert engine.verify().ok
