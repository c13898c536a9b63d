"""The timeline of hooks is true: what it shows below each call is what that call asks of a plugin, in this order."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from stagegate import Actor, Engine, MemoryStore, Notification, Process, Stage, Subscription, hookimpl, unguarded
from stagegate.hookspecs import HOOKS

Page = Callable[[str], str]

CLERK = Actor(id="ann", roles={"clerk"})
PROCESS = Process("p", "1", [Stage("a", owner="clerk", gate=unguarded("no rule")), Stage("b", owner="clerk")])


class Bell:
    """A waker that writes down that it was told."""

    def __init__(self, called: list[str]) -> None:
        self.called = called

    def schedule(self, agreement: str, due: datetime) -> None:
        """Nothing is due here."""

    def cancel(self, agreement: str) -> None:
        """Nothing was."""

    def deliver(self, notification: str) -> None:
        """Write it down."""
        self.called.append("the waker is told")

    def close(self) -> None:
        """Hold nothing open."""


def witness(called: list[str]) -> Any:
    """Return a plugin that has every hook and writes down which is called."""
    answers: dict[str, Any] = {
        "stagegate_open_store": MemoryStore(),
        "stagegate_open_waker": Bell(called),
        "stagegate_notify": [Notification(channel="witness", kind="x", to="ann")],
        "stagegate_addresses": ["ann@example.org"],
        "stagegate_subscriptions": [Subscription("witness", role="clerk")],
        "stagegate_deliver": True,
    }

    def implementation(hook: str) -> Any:
        arguments = ", ".join(inspect.signature(HOOKS[hook]).parameters)
        namespace: dict[str, Any] = {"called": called, "answer": answers.get(hook)}
        exec(f"def {hook}({arguments}):\n    called.append({hook!r})\n    return answer", namespace)  # noqa: S102  our own names
        return hookimpl(namespace[hook])

    return SimpleNamespace(name="witness", **{hook: implementation(hook) for hook in HOOKS})


@pytest.fixture
def pictured(page: Page) -> Callable[[str], list[str]]:
    """Return what reads from the picture what stands below a call."""
    picture = page("docs/plugins/timeline.md").partition("```\n")[2].partition("```")[0]

    def read(call: str) -> list[str]:
        found = re.search(rf"^{re.escape(call)}.*\n((?:[^\w\n].*\n)+)", picture, re.MULTILINE)
        assert found, call
        return re.findall(r"stagegate_\w+(?=\()|the waker is told", found[1])

    return read


def once(called: list[str]) -> list[str]:
    """Return what was called, in order, each once."""
    return list(dict.fromkeys(called))


def test_timeline(pictured: Callable[[str], list[str]]) -> None:
    """Opening, a change, a question and a delivery call the hooks that the picture shows, in its order."""
    called: list[str] = []
    with Engine.open("witness:", processes=[PROCESS], plugins=[witness(called)], wake="witness:") as engine:
        assert pictured("Engine.open(") == once(called)

        engine.start("p", "x", by=CLERK)
        called.clear()
        engine.advance("x", by=CLERK)

        assert pictured("Engine.advance(") == once(called)

        called.clear()
        engine.options("x", by=CLERK)

        assert pictured("Engine.options(") == once(called)

        called.clear()
        engine.deliver()

        assert pictured("Engine.deliver(") == once(called)


def test_every_hook_is_pictured_once_at_least(page: Page) -> None:
    """No hook is left out of the picture."""
    picture = page("docs/plugins/timeline.md").partition("```\n")[2].partition("```")[0]

    assert set(HOOKS) == set(re.findall(r"(stagegate_\w+)\(", picture))
