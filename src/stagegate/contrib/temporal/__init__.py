"""
Many machines: Temporal wakes the engine in time. Name it with `wake="temporal://host:7233/namespace"`.

This file imports nothing: what runs inside Temporal's sandbox is imported through it, again for every workflow.
"""

from __future__ import annotations

from typing import Any

__all__ = ["sync", "work"]


def __getattr__(name: str) -> Any:
    """Fetch what a program of one's own calls."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from . import _plugin

    return getattr(_plugin, name)
