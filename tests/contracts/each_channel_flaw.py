"""One test class for each flaw: run by test_channel_contract.py in a process of its own, since it has to fail."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

from stagegate.testing import ChannelContract, Received

from .flawed_channel import FLAWS, SECRET, FlawedChannel, Mailbox, channel_with, module_with


def class_name(flaw: str) -> str:
    """Return what the test class of a flaw is called."""
    return "Test" + flaw.title().replace(" ", "")


def contract_of(flaw: str) -> type[ChannelContract]:
    """Return the contract on a channel with one flaw, or none."""

    class Flawed(ChannelContract):
        @pytest.fixture
        def mailbox(self) -> Mailbox:
            return Mailbox()

        @pytest.fixture
        def channel(self, mailbox: Mailbox) -> FlawedChannel:
            return channel_with(mailbox, flaw)

        @pytest.fixture
        def address(self) -> str:
            return "box 1"

        @pytest.fixture
        def received(self, mailbox: Mailbox) -> Callable[[], Sequence[Received]]:
            return lambda: mailbox.received

        @pytest.fixture
        def broken(self, mailbox: Mailbox) -> Callable[[], AbstractContextManager[Any]]:
            return mailbox.closed

        @pytest.fixture
        def hopeless(self) -> str:
            return "the attic"

        @pytest.fixture
        def unconfigured(self, monkeypatch: pytest.MonkeyPatch) -> str:
            module = module_with(flaw)
            point = importlib.metadata.EntryPoint("letters", module.__name__, "stagegate")
            monkeypatch.setitem(sys.modules, module.__name__, module)
            monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: importlib.metadata.EntryPoints([point]))
            return "letters"

        @pytest.fixture
        def secrets(self) -> Sequence[str]:
            return (SECRET,)

    Flawed.__name__ = Flawed.__qualname__ = class_name(flaw)
    return Flawed


globals().update({class_name(flaw): contract_of(flaw) for flaw in FLAWS})
