"""
The hooks a plugin can implement, with what an error does. All are optional.

Write a function of the same name, mark it with `hookimpl`, take only the arguments you need.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pluggy import HookimplMarker, HookspecMarker

from ._agreement import Agreement
from ._attempt import Attempt
from ._calendars import Calendar
from ._history import Event
from ._messages import Template
from ._notices import Message, Notification
from ._predicates import Predicate
from ._process import Process
from ._reasons import Unmet
from ._store import Schema, Store
from ._subscriptions import Subscription
from ._waking import Waker

hookspec = HookspecMarker("stagegate")
hookimpl = HookimplMarker("stagegate")


@hookspec(firstresult=True)
def stagegate_open_store(url: str) -> Store | None:
    """
    Hand over the store that keeps the histories at *url*, or None if the url is not for you.

    Called once, when an engine is opened; the first answer wins. An error ends the opening, and names the plugin.
    """


@hookspec(firstresult=True)
def stagegate_open_schema(url: str) -> Schema | None:
    """
    Hand over the form of the store at *url*, or None if the url is not for you.

    Called once by `open_schema`, which `stagegate db` is made of; the first answer wins. No store is opened. An error
    is raised, and names the plugin.
    """


@hookspec(firstresult=True)
def stagegate_open_waker(url: str) -> Waker | None:
    """
    Hand over what wakes the engine in time by way of *url*, or None if the url is not for you.

    Called once, when an engine is opened with `wake=`; the first answer wins. An error ends the opening, and names the
    plugin.
    """


@hookspec
def stagegate_processes() -> Iterable[Process]:
    """
    Bring processes.

    Called once, when an engine is opened. An error ends the opening, and names the plugin.
    """
    return ()


@hookspec
def stagegate_requirements() -> Iterable[Predicate]:
    """
    Bring predicates that definitions can name with `{ requirement = "code" }`.

    Called once, when an engine is opened. An error ends the opening, and names the plugin.
    """
    return ()


@hookspec
def stagegate_calendars() -> Iterable[Calendar]:
    """
    Bring calendars of working days.

    Called once, when an engine is opened. An error ends the opening, and names the plugin.
    """
    return ()


@hookspec
def stagegate_messages() -> Iterable[Template]:
    """
    Bring templates of messages, which go before those that come along.

    Called once, when an engine is opened. An error ends the opening, and names the plugin.
    """
    return ()


@hookspec
def stagegate_subscriptions() -> Iterable[Subscription]:
    """
    Bring subscriptions: who is told of what.

    Called once, when an engine is opened. An error ends the opening, and names the plugin.
    """
    return ()


@hookspec
def stagegate_check(attempt: Attempt) -> Iterable[Unmet]:
    """
    Give more reasons why an attempt must be refused.

    Called inside the lock before every move and every act, and by `options`. Only look: no input, no output. An error
    refuses the attempt with the code `plugin.error`.
    """
    return ()


@hookspec
def stagegate_notify(event: Event, agreement: Agreement) -> Iterable[Notification]:
    """
    Say who is to be told what of an event.

    Called inside the commit, once for every event, refusals included; *agreement* is what it is after the event. Only
    decide: what you answer is written with the event and delivered later. An error rolls everything back, and names
    the plugin.
    """
    return ()


@hookspec
def stagegate_addresses(role: str, channel: str, agreement: Agreement) -> Iterable[str]:
    """
    Say at which addresses a role is told by a channel; nothing, if you do not know.

    Called inside the commit, once for every role that a subscription tells of an event; *agreement* is what it is after
    the event. Every address of every plugin is told. Only look it up: no input, no output. An error rolls everything
    back, and names the plugin.
    """
    return ()


@hookspec
def stagegate_deliver(notification: Notification, message: Message) -> bool | None:
    """
    Deliver a notification of your channel and answer True; answer None to one that is not yours.

    Called by `Engine.deliver` after the commit, at least once, always with the same id; *message* is the notification
    in words. An error is recorded and delivery is tried again, later and later, until it is given up; `Undeliverable`
    gives it up at once. It never undoes an event and never keeps another plugin from its work.
    """


def _all() -> dict[str, Any]:
    return {name: value for name, value in globals().items() if name.startswith("stagegate_")}


HOOKS: dict[str, Any] = _all()
"""Every hook, by name."""
