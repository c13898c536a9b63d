"""The channel of the page about the contract obeys it, and the pages about our own channels list their settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagegate.contrib.apprise import AppriseChannel
from stagegate.contrib.mail import MailChannel
from stagegate.contrib.webhook import WebhookChannel

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "channel-contract.md"

namespace: dict[str, Any] = {"__name__": __name__}
for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
    exec(block, namespace)  # noqa: S102  the blocks of our own page

TestBoard = namespace["TestBoard"]


@pytest.mark.parametrize(
    "channel, path",
    [
        (MailChannel, "docs/how-to/mail.md"),
        (WebhookChannel, "docs/how-to/webhooks.md"),
        (AppriseChannel, "docs/how-to/chat-and-sms.md"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_settings_are_listed(channel: type, path: str, page: Callable[[str], str]) -> None:
    """The page of a channel lists its settings, each with what happens where it is left out, and nothing else."""
    table = page(path).partition("| setting |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \| ", table, re.MULTILINE)
    taken = inspect.signature(channel).parameters

    assert sorted(taken) == sorted(listed)
    assert all(
        f"`{value}`" in line or str(value) in line
        for name, value in ((name, parameter.default) for name, parameter in taken.items())
        for line in table.splitlines()
        if line.startswith(f"| `{name}` ") and isinstance(value, str | int) and value not in {"", True, False}
    )
