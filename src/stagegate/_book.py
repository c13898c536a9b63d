"""The processes of an engine: by id for what begins, by their exact definition for what runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator

from ._evidence import PartsRequirement
from ._loading import reload_process
from ._plain import digest, text
from ._predicates import Predicate
from ._process import Process
from ._records import Pin
from .exceptions import DefinitionError, HistoryTampered, InvalidValue, NotFound, quote
from .processes import builtin
from .processes import names as builtin_names


def _predicates(process: Process) -> Iterator[Predicate]:
    """Go through the predicates of a process, those that it asks of its parts among them."""
    for _, part in process.requirements():
        each = part.each if isinstance(part, PartsRequirement) else None
        for one in (part,) if each is None else each.walk():
            if isinstance(one, Predicate):
                yield one


class Book:
    """
    The processes of an engine: those it was given, and the built-in ones, read when first asked for.

    What an agreement runs under is read from the definitions that the store keeps, where the engine was not given it.
    """

    def __init__(
        self,
        given: Iterable[Process],
        *,
        predicates: Iterable[Predicate],
        stored: Callable[[str], bytes | None],
    ) -> None:
        self._latest: dict[str, Process] = {}
        self._pinned: dict[Pin, Process] = {}
        self._kept: dict[Pin, Process] = {}
        self._predicates = tuple(predicates)
        self._stored = stored
        for process in given:
            self._latest[process.id] = process
            self._pinned[process.pin] = process

    def beside(self, stored: Callable[[str], bytes | None]) -> Book:
        """Return the same processes, with what else there is read from elsewhere, and known there only."""
        other = copy.copy(self)
        other._kept, other._stored = {}, stored  # noqa: SLF001  it is this book, beside another shelf
        return other

    def latest(self, process: str, version: str | None) -> Process:
        process = text(process, "process")
        if version is not None:
            version = text(version, "version")
        found = self._latest.get(process)
        if version is not None and (found is None or found.version != version):
            found = next((p for p in self._pinned.values() if (p.id, p.version) == (process, version)), None)
        if found is None and process in builtin_names():
            found = self._add(builtin(process))
        if found is None or (version is not None and found.version != version):
            known = ", ".join(sorted({*self._latest, *builtin_names()}))
            which = quote(process) if version is None else f"{quote(process)} of version {quote(version)}"
            message = f"there is no process {which}; there are {known}"
            raise NotFound(message)
        return found

    def known(self, process: Process | str, version: str | None) -> Process:
        """Return the process that is meant by itself, or by its id and version."""
        if isinstance(process, str):
            return self.latest(process, version)
        if not isinstance(process, Process):
            message = f"to: a Process or the id of one is needed, not {quote(process)}"
            raise InvalidValue(message)
        if version not in (None, process.version):
            message = f"version: {quote(version)} is asked for, but the process is {process.pin}; leave one of them out"
            raise InvalidValue(message)
        if process not in self.all():
            message = f"this engine does not know {process.pin}; open it with that process"
            raise NotFound(message)
        return process

    def _add(self, process: Process) -> Process:
        self._latest.setdefault(process.id, process)
        self._pinned[process.pin] = process
        return process

    def pinned(self, pin: Pin) -> Process:
        found = self._pinned.get(pin) or self._kept.get(pin)
        if found is None and pin.id in builtin_names():
            found = self._add(builtin(pin.id)) if self._add(builtin(pin.id)).pin == pin else None
        return found or self._read(pin)

    def _read(self, pin: Pin) -> Process:
        """Read the definition that the store keeps, once."""
        body = self._stored(pin.digest)
        if body is None:
            versions = [str(known) for known in self._pinned if known.id == pin.id]
            message = (
                f"the agreement runs under {pin}, which this engine does not know and its store does not keep"
                f" ({'known of that id: ' + ', '.join(versions) if versions else 'none of that id is known'});"
                f" open the engine with exactly that definition"
            )
            raise NotFound(message)
        if digest(body) != pin.digest:
            message = f"the stored definition of {pin} does not have the digest it is filed under; run verify"
            raise HistoryTampered(message)
        brought = (predicate for known in self.all() for predicate in _predicates(known))
        try:
            process = reload_process(body, (*self._predicates, *brought))
        except DefinitionError as error:
            message = (
                f"the agreement runs under {pin}, which this engine does not know; its definition is stored, but cannot"
                f" be made a process here ({'; '.join(str(error).splitlines())}); open the engine with that process, or"
                f" with the plugin that brings its requirements"
            )
            raise NotFound(message) from None
        if process.pin != pin:
            message = f"the definition stored for {pin} is read here as {process.pin}; nothing was changed, run verify"
            raise HistoryTampered(message)
        self._kept[pin] = process
        return process

    def given(self) -> tuple[Process, ...]:
        """Return those that were given or asked for so far."""
        return tuple(self._pinned.values())

    def all(self) -> tuple[Process, ...]:
        for process in builtin_names():
            if process not in self._latest:
                self._add(builtin(process))
        return tuple(self._pinned.values())
