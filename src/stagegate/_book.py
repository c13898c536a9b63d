"""The processes of an engine: by id for what begins, by their exact definition for what runs."""

from __future__ import annotations

from collections.abc import Iterable

from ._plain import text
from ._process import Process
from ._records import Pin
from .exceptions import NotFound, quote
from .processes import builtin
from .processes import names as builtin_names


class Book:
    """The processes of an engine: those it was given, and the built-in ones, read when first asked for."""

    def __init__(self, given: Iterable[Process]) -> None:
        self._latest: dict[str, Process] = {}
        self._pinned: dict[Pin, Process] = {}
        for process in given:
            self._latest[process.id] = process
            self._pinned[process.pin] = process

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

    def _add(self, process: Process) -> Process:
        self._latest.setdefault(process.id, process)
        self._pinned[process.pin] = process
        return process

    def pinned(self, pin: Pin) -> Process:
        found = self._pinned.get(pin)
        if found is None and pin.id in builtin_names():
            found = self._add(builtin(pin.id)) if self._add(builtin(pin.id)).pin == pin else None
        if found is None:
            versions = [str(known) for known in self._pinned if known.id == pin.id]
            message = (
                f"the agreement runs under {pin}, which this engine does not know"
                f" ({'known of that id: ' + ', '.join(versions) if versions else 'none of that id is known'});"
                f" open the engine with exactly that definition"
            )
            raise NotFound(message)
        return found

    def all(self) -> tuple[Process, ...]:
        for process in builtin_names():
            if process not in self._latest:
                self._add(builtin(process))
        return tuple(self._pinned.values())
