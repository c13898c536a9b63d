"""
What the authors of plugins test with: the law of stores, a clock that moves when told, and values to try things on.

Needs pytest. For a store, inherit `StoreContract` and give it the fixture `store`.
"""

from __future__ import annotations

from ._clock import ManualClock
from ._contract import StoreContract
from ._makers import make_agreement, make_event, make_notification, make_process

__all__ = [
    "ManualClock",
    "StoreContract",
    "make_agreement",
    "make_event",
    "make_notification",
    "make_process",
]
