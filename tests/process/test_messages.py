"""What people read about an agreement under the built-in process, word by word, in the three languages."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from stagegate import Actor, Engine, GateClosed, Message, Notification, Party, Subscription, hookimpl
from stagegate.testing import ManualClock

LANGUAGES = ("en", "id", "ja")
KINDS = ("agreement.started", "move.refused", "stage.returned", "agreement.held", "deadline.overdue", "agreement.ended")
HEAD = Actor(id="tri", roles={"head_of_region"})


class Letters:
    """Takes down what it is to deliver."""

    def __init__(self) -> None:
        self.got: dict[tuple[str, str], Message] = {}

    @hookimpl
    def stagegate_deliver(self, notification: Notification, message: Message) -> bool:
        """Take it down."""
        self.got[notification.kind, notification.lang] = message
        return True


@cache
def told() -> dict[tuple[str, str], Message]:
    """Return what is told of the real case, and of some that is imagined."""
    letters, clock = Letters(), ManualClock()
    engine = Engine.open(
        "memory:",
        plugins=[letters],
        subscriptions=[Subscription("mail", to=lang, lang=lang, reference="file_number") for lang in LANGUAGES],
        clock=clock,
    )
    parties = [Party("bekasi", name="Kota Bekasi"), Party("izumisano", name="泉佐野市")]
    engine.start("id-ksdpl", "bekasi-izumisano", title="Bekasi – 泉佐野市", parties=parties, by=HEAD)
    engine.record("bekasi-izumisano", "file_number", "HK.01/2025", by=HEAD)
    with pytest.raises(GateClosed):
        engine.advance("bekasi-izumisano", by=HEAD)
    engine.send_back("bekasi-izumisano", "exploration", "the sectors are not yet named", by=HEAD)
    clock.advance(days=200)
    engine.sweep()
    engine.hold("bekasi-izumisano", "election", by=HEAD)
    engine.end("bekasi-izumisano", "withdrawn", "no funds", by=HEAD)
    engine.deliver()
    return letters.got


def written(kind: str, lang: str) -> str:
    """Return a message as the file beside this one has it."""
    message = told()[kind, lang]
    said = f"Subject: {message.subject}\n\n{message.text}"
    return re.sub(r"#(\d+) [0-9a-f]{64}", r"#\1 <hash>", said)


def kept() -> dict[str, str]:
    """Return the messages of the file, by kind and language."""
    said = (Path(__file__).parent / "messages.txt").read_text(encoding="utf-8")
    parts = re.split(r"^=== (.*) ===\n", said, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_message(kind: str, lang: str) -> None:
    """What is told is what was once read and found good."""
    assert kept()[f"{kind} {lang}"] == written(kind, lang)


def test_nothing_else_is_kept() -> None:
    """The file holds these messages and no other."""
    assert {f"{kind} {lang}" for kind in KINDS for lang in LANGUAGES} == set(kept())
