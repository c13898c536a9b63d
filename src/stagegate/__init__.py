"""Government cooperation agreements as a state machine of gated stages."""

from ._agreement import Agreement, fold
from ._attempt import Attempt
from ._calendars import Calendar
from ._delivery import Delivered
from ._engine import Engine, Option, Page
from ._evidence import actor, approval, document, fact, parties, value_of
from ._history import Entry, Event
from ._loading import load_process
from ._machine import Cursor
from ._memory import MemoryStore
from ._notices import Delivery, Notification
from ._plugins import check_plugin
from ._predicates import requirement
from ._process import Process
from ._reasons import Unmet
from ._records import Actor, Approval, Document, Fact, Hold, Party, Pin
from ._requirements import Requirement, all_of, any_of, at_least, unguarded, when
from ._stages import Outcome, Stage
from ._store import Dossier, Known, Query, Store, Unit
from ._text import Label, translate
from ._verify import Fault, Report
from .exceptions import (
    AlreadyExists,
    Conflict,
    DefinitionError,
    GateClosed,
    HistoryTampered,
    InvalidValue,
    NoSuchMove,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    PluginError,
    RefusedError,
    RequestReused,
    StagegateError,
    StoreError,
)
from .hookspecs import hookimpl
from .processes import builtin

__version__ = "0.1.0"

__all__ = [
    "Actor",
    "Agreement",
    "AlreadyExists",
    "Approval",
    "Attempt",
    "Calendar",
    "Conflict",
    "Cursor",
    "DefinitionError",
    "Delivered",
    "Delivery",
    "Document",
    "Dossier",
    "Engine",
    "Entry",
    "Event",
    "Fact",
    "Fault",
    "GateClosed",
    "HistoryTampered",
    "Hold",
    "InvalidValue",
    "Known",
    "Label",
    "MemoryStore",
    "NoSuchMove",
    "NotFound",
    "NotPermitted",
    "Notification",
    "Option",
    "Outcome",
    "OutcomeUnknown",
    "Page",
    "Party",
    "Pin",
    "PluginError",
    "Process",
    "Query",
    "RefusedError",
    "Report",
    "RequestReused",
    "Requirement",
    "Stage",
    "StagegateError",
    "Store",
    "StoreError",
    "Unit",
    "Unmet",
    "actor",
    "all_of",
    "any_of",
    "approval",
    "at_least",
    "builtin",
    "check_plugin",
    "document",
    "fact",
    "fold",
    "hookimpl",
    "load_process",
    "parties",
    "requirement",
    "translate",
    "unguarded",
    "value_of",
    "when",
]
