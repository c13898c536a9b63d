"""Where the harnesses keep their histories: a file, or a PostgreSQL server of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACES = ("sqlite",)


@contextmanager
def place(kind: str, folder: Path) -> Iterator[str]:
    """Have a place of that kind, empty, for the length of a block; its url is given."""
    assert kind in PLACES
    yield f"sqlite:///{folder / 'proof.db'}?timeout=120"
