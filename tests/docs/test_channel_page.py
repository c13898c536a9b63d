"""The channel of docs/reference/channel-contract.md obeys the contract that the page is about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "channel-contract.md"

namespace: dict[str, Any] = {"__name__": __name__}
for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
    exec(block, namespace)  # noqa: S102  the blocks of our own page

TestBoard = namespace["TestBoard"]
