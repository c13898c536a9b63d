"""
Government cooperation agreements as a state machine of gated stages.

A sorted list of names. Each is imported from its room when it is first asked for, so that importing stagegate costs
nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._agreement import Agreement as Agreement
    from ._agreement import fold as fold
    from ._attempt import Attempt as Attempt
    from ._calendars import Calendar as Calendar
    from ._calendars import load_calendar as load_calendar
    from ._deadlines import Due as Due
    from ._deadlines import Period as Period
    from ._deadlines import calendar_days as calendar_days
    from ._deadlines import months as months
    from ._deadlines import workdays as workdays
    from ._deadlines import years as years
    from ._delivery import Delivered as Delivered
    from ._engine import Engine as Engine
    from ._engine import Option as Option
    from ._engine import Page as Page
    from ._evidence import actor as actor
    from ._evidence import approval as approval
    from ._evidence import document as document
    from ._evidence import fact as fact
    from ._evidence import notice as notice
    from ._evidence import parent as parent
    from ._evidence import parties as parties
    from ._evidence import parts as parts
    from ._evidence import track as track
    from ._evidence import value_of as value_of
    from ._forecast import Forecast as Forecast
    from ._forecast import Passage as Passage
    from ._history import Entry as Entry
    from ._history import Event as Event
    from ._loading import load_process as load_process
    from ._machine import Cursor as Cursor
    from ._memory import MemoryStore as MemoryStore
    from ._messages import Template as Template
    from ._messages import load_messages as load_messages
    from ._migration import MigrationPlan as MigrationPlan
    from ._migration import MigrationRow as MigrationRow
    from ._notices import Delivery as Delivery
    from ._notices import Message as Message
    from ._notices import Notification as Notification
    from ._notices import Receipt as Receipt
    from ._plugins import check_plugin as check_plugin
    from ._plugins import open_schema as open_schema
    from ._predicates import requirement as requirement
    from ._process import Process as Process
    from ._reasons import Unmet as Unmet
    from ._records import Actor as Actor
    from ._records import Adjournment as Adjournment
    from ._records import Approval as Approval
    from ._records import Document as Document
    from ._records import Fact as Fact
    from ._records import Hold as Hold
    from ._records import Party as Party
    from ._records import Pin as Pin
    from ._requirements import Requirement as Requirement
    from ._requirements import all_of as all_of
    from ._requirements import any_of as any_of
    from ._requirements import at_least as at_least
    from ._requirements import unguarded as unguarded
    from ._requirements import when as when
    from ._running import Deadline as Deadline
    from ._stages import Outcome as Outcome
    from ._stages import Stage as Stage
    from ._store import Batching as Batching
    from ._store import Copying as Copying
    from ._store import Definition as Definition
    from ._store import Dossier as Dossier
    from ._store import Joining as Joining
    from ._store import Known as Known
    from ._store import Query as Query
    from ._store import Schema as Schema
    from ._store import Store as Store
    from ._store import Unit as Unit
    from ._store import Working as Working
    from ._subscriptions import Subscription as Subscription
    from ._subscriptions import load_subscriptions as load_subscriptions
    from ._sweeping import Swept as Swept
    from ._terms import Duty as Duty
    from ._terms import Renewal as Renewal
    from ._terms import Term as Term
    from ._text import Label as Label
    from ._text import translate as translate
    from ._verify import Fault as Fault
    from ._verify import Report as Report
    from ._waking import Waker as Waker
    from .calendars import builtin_calendar as builtin_calendar
    from .exceptions import AlreadyExists as AlreadyExists
    from .exceptions import Conflict as Conflict
    from .exceptions import DefinitionError as DefinitionError
    from .exceptions import GateClosed as GateClosed
    from .exceptions import HistoryTampered as HistoryTampered
    from .exceptions import InvalidValue as InvalidValue
    from .exceptions import NoSuchMove as NoSuchMove
    from .exceptions import NotFound as NotFound
    from .exceptions import NotPermitted as NotPermitted
    from .exceptions import OutcomeUnknown as OutcomeUnknown
    from .exceptions import PluginError as PluginError
    from .exceptions import RefusedError as RefusedError
    from .exceptions import RequestReused as RequestReused
    from .exceptions import StagegateError as StagegateError
    from .exceptions import StoreError as StoreError
    from .exceptions import Undeliverable as Undeliverable
    from .hookspecs import hookimpl as hookimpl
    from .processes import builtin as builtin

__version__ = "0.1.0"

_ROOMS = {
    "Actor": "._records",
    "Adjournment": "._records",
    "Agreement": "._agreement",
    "AlreadyExists": ".exceptions",
    "Approval": "._records",
    "Attempt": "._attempt",
    "Batching": "._store",
    "Calendar": "._calendars",
    "Conflict": ".exceptions",
    "Copying": "._store",
    "Cursor": "._machine",
    "Deadline": "._running",
    "Definition": "._store",
    "DefinitionError": ".exceptions",
    "Delivered": "._delivery",
    "Delivery": "._notices",
    "Document": "._records",
    "Dossier": "._store",
    "Due": "._deadlines",
    "Duty": "._terms",
    "Engine": "._engine",
    "Entry": "._history",
    "Event": "._history",
    "Fact": "._records",
    "Fault": "._verify",
    "Forecast": "._forecast",
    "GateClosed": ".exceptions",
    "HistoryTampered": ".exceptions",
    "Hold": "._records",
    "InvalidValue": ".exceptions",
    "Joining": "._store",
    "Known": "._store",
    "Label": "._text",
    "MemoryStore": "._memory",
    "Message": "._notices",
    "MigrationPlan": "._migration",
    "MigrationRow": "._migration",
    "NoSuchMove": ".exceptions",
    "NotFound": ".exceptions",
    "NotPermitted": ".exceptions",
    "Notification": "._notices",
    "Option": "._engine",
    "Outcome": "._stages",
    "OutcomeUnknown": ".exceptions",
    "Page": "._engine",
    "Party": "._records",
    "Passage": "._forecast",
    "Period": "._deadlines",
    "Pin": "._records",
    "PluginError": ".exceptions",
    "Process": "._process",
    "Query": "._store",
    "Receipt": "._notices",
    "RefusedError": ".exceptions",
    "Renewal": "._terms",
    "Report": "._verify",
    "RequestReused": ".exceptions",
    "Requirement": "._requirements",
    "Schema": "._store",
    "Stage": "._stages",
    "StagegateError": ".exceptions",
    "Store": "._store",
    "StoreError": ".exceptions",
    "Subscription": "._subscriptions",
    "Swept": "._sweeping",
    "Template": "._messages",
    "Term": "._terms",
    "Undeliverable": ".exceptions",
    "Unit": "._store",
    "Unmet": "._reasons",
    "Waker": "._waking",
    "Working": "._store",
    "actor": "._evidence",
    "all_of": "._requirements",
    "any_of": "._requirements",
    "approval": "._evidence",
    "at_least": "._requirements",
    "builtin": ".processes",
    "builtin_calendar": ".calendars",
    "calendar_days": "._deadlines",
    "check_plugin": "._plugins",
    "document": "._evidence",
    "fact": "._evidence",
    "fold": "._agreement",
    "hookimpl": ".hookspecs",
    "load_calendar": "._calendars",
    "load_messages": "._messages",
    "load_process": "._loading",
    "load_subscriptions": "._subscriptions",
    "months": "._deadlines",
    "notice": "._evidence",
    "open_schema": "._plugins",
    "parent": "._evidence",
    "parties": "._evidence",
    "parts": "._evidence",
    "requirement": "._predicates",
    "track": "._evidence",
    "translate": "._text",
    "unguarded": "._requirements",
    "value_of": "._evidence",
    "when": "._requirements",
    "workdays": "._deadlines",
    "years": "._deadlines",
}

__all__ = [
    "Actor",
    "Adjournment",
    "Agreement",
    "AlreadyExists",
    "Approval",
    "Attempt",
    "Batching",
    "Calendar",
    "Conflict",
    "Copying",
    "Cursor",
    "Deadline",
    "Definition",
    "DefinitionError",
    "Delivered",
    "Delivery",
    "Document",
    "Dossier",
    "Due",
    "Duty",
    "Engine",
    "Entry",
    "Event",
    "Fact",
    "Fault",
    "Forecast",
    "GateClosed",
    "HistoryTampered",
    "Hold",
    "InvalidValue",
    "Joining",
    "Known",
    "Label",
    "MemoryStore",
    "Message",
    "MigrationPlan",
    "MigrationRow",
    "NoSuchMove",
    "NotFound",
    "NotPermitted",
    "Notification",
    "Option",
    "Outcome",
    "OutcomeUnknown",
    "Page",
    "Party",
    "Passage",
    "Period",
    "Pin",
    "PluginError",
    "Process",
    "Query",
    "Receipt",
    "RefusedError",
    "Renewal",
    "Report",
    "RequestReused",
    "Requirement",
    "Schema",
    "Stage",
    "StagegateError",
    "Store",
    "StoreError",
    "Subscription",
    "Swept",
    "Template",
    "Term",
    "Undeliverable",
    "Unit",
    "Unmet",
    "Waker",
    "Working",
    "actor",
    "all_of",
    "any_of",
    "approval",
    "at_least",
    "builtin",
    "builtin_calendar",
    "calendar_days",
    "check_plugin",
    "document",
    "fact",
    "fold",
    "hookimpl",
    "load_calendar",
    "load_messages",
    "load_process",
    "load_subscriptions",
    "months",
    "notice",
    "open_schema",
    "parent",
    "parties",
    "parts",
    "requirement",
    "track",
    "translate",
    "unguarded",
    "value_of",
    "when",
    "workdays",
    "years",
]


def __getattr__(name: str) -> Any:
    """Fetch a name from its room, once."""
    room = _ROOMS.get(name)
    if room is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(room, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the names, fetched or not."""
    return sorted({*globals(), *__all__})
