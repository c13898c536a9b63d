"""The papers that are filed on the way through a built-in process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stagegate import Document


def paper(
    kind: str, *, text: str = "", refers_to: tuple[str, ...] = (), fields: Mapping[str, Any] | None = None, **about: Any
) -> Document:
    """Make the document of a kind; *text* makes another version of it, *refers_to* names the kinds it refers to."""
    said = dict(fields or {})
    if refers_to:
        said["refers_to"] = [paper(other).digest for other in refers_to]
    return Document.from_bytes(f"{kind} {text}".encode(), kind=kind, fields=said, **about)
