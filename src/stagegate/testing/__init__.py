"""
What the authors of plugins test with: the laws of stores and of channels, a clock, and values to try things on.

Needs pytest. For a store, inherit `StoreContract` and give it the fixture `store`; for a channel, `ChannelContract`.
"""

from __future__ import annotations

from ._channels import ChannelContract, Received
from ._clock import ManualClock
from ._contract import StoreContract
from ._makers import make_agreement, make_event, make_notification, make_process

__all__ = [
    "ChannelContract",
    "ManualClock",
    "Received",
    "StoreContract",
    "make_agreement",
    "make_event",
    "make_notification",
    "make_process",
]
