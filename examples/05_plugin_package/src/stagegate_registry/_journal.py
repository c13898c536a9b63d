"""One file of JSON lines that only grows: locked, sealed, durable. It knows nothing of what the lines say."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any

from stagegate import HistoryTampered, OutcomeUnknown, StoreError

_OPEN, _MIDDLE, _CLOSE = b'{"seal":"', b'","line":', b"}\n"
_SEAL = slice(len(_OPEN), len(_OPEN) + 64)
_RECORD = slice(_SEAL.stop + len(_MIDDLE), -len(_CLOSE))

UNREADABLE = (HistoryTampered, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a line that somebody made up may raise."""


def _sealed(record: bytes, before: bytes) -> bytes:
    """Return *record* as a line; its seal also covers the seal of the line *before*, and so all lines before it."""
    return _OPEN + sha256(before + record).hexdigest().encode() + _MIDDLE + record + _CLOSE


class Journal:
    """The journal of a folder, and how far it has been read."""

    def __init__(self, folder: Path, fold: Callable[[Any], None]) -> None:
        """
        Open the journal in *folder*, making both if they are not there.

        Args:
            folder: The folder; the folder it lies in has to exist.

            fold: Takes each line once, in order: those that others wrote too.

        Raises:
            StoreError: If it cannot be made.
        """
        self.path = folder / "journal.jsonl"
        self._fold = fold
        self._lock = threading.RLock()
        self._locked = self._closed = False
        self._end, self._lines, self._seal = 0, 0, b""
        with self._explained("opening it"):
            folder.mkdir(exist_ok=True)
            if not self.path.exists():
                self.path.touch()
                # A file is durable once its name is, and so is a folder.
                for place in (folder, folder.resolve().parent):
                    _sync(place)

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"{self.path}: {doing} failed ({error.strerror or error}); nothing was changed"
            raise StoreError(message) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep everybody else from writing, in this process and in others."""
        with self._lock, nullcontext() if self._locked else self._file_lock():
            yield

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        with self._explained("locking it"):
            # Opened anew each time: a lock that was inherited by a fork would keep nobody out.
            lock = os.open(self.path.with_name("lock"), os.O_RDONLY | os.O_CREAT, 0o666)
        try:
            with self._explained("locking it"):
                fcntl.flock(lock, fcntl.LOCK_EX)
            self._locked = True
            yield
        finally:
            self._locked = False
            os.close(lock)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody else from writing until the block is left, and know all that they wrote before."""
        self._open()
        with self._alone():
            self._read()
            yield

    @contextmanager
    def fresh(self) -> Iterator[None]:
        """Keep this process from writing until the block is left, and know all that others have written."""
        self._open()
        with self._lock:
            try:
                self._read()
            except HistoryTampered:
                # Who looks on while a torn line is replaced may see half of each. Alone, nobody sees that.
                with self._alone():
                    self._read()
            yield

    def _open(self) -> None:
        if self._closed:
            message = f"{self.path}: the store was closed; open an engine anew"
            raise StoreError(message)

    def _read(self) -> None:
        for line in self._whole_lines(self._end):
            self._take(line)

    def _whole_lines(self, start: int) -> list[bytes]:
        """Return the lines from *start* on; a last one without its newline was never finished, and is none."""
        with self._explained("reading"), self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < start:
                message = f"{self.path} is shorter than it was; nothing was changed, run verify in a new engine"
                raise HistoryTampered(message)
            file.seek(start)
            return [line + b"\n" for line in file.read().split(b"\n")[:-1]]

    def _take(self, line: bytes) -> None:
        record = line[_RECORD]
        if line != _sealed(record, self._seal):
            message = f"{self.path}: line {self._lines + 1} was changed by another hand; run verify"
            raise HistoryTampered(message)
        try:
            self._fold(json.loads(record))
        except UNREADABLE as error:
            message = f"{self.path}: line {self._lines + 1} cannot be read ({error}); run verify"
            raise HistoryTampered(message) from None
        self._end, self._lines, self._seal = self._end + len(line), self._lines + 1, line[_SEAL]

    def append(self, record: object) -> None:
        """
        Write one line, durably; to be called inside `locked`.

        Raises:
            StoreError: If it cannot be written; then nothing is.

            OutcomeUnknown: If it is written, but may not outlast a power cut.
        """
        line = _sealed(json.dumps(record, separators=(",", ":")).encode(), self._seal)
        # Unbuffered: closing a buffer writes what was left in it, after we have said that it failed.
        with self._explained("writing"), self.path.open("r+b", buffering=0) as file:
            # What a crash left behind our end is a torn line. Its newline would have come last, so it never counted.
            file.truncate(self._end)
            file.seek(self._end)
            rest = memoryview(line)
            while rest:
                rest = rest[file.write(rest) :]
            try:
                os.fsync(file.fileno())
            except OSError as error:
                message = f"{self.path}: making it durable failed ({error.strerror or error})"
                raise OutcomeUnknown(message) from error
        self._take(line)

    def look(self, fold: Callable[[Any], None]) -> list[str]:
        """Hand every line over anew, as it stands there now; return what is wrong with them."""
        self._open()
        with self._alone():
            lines = self._whole_lines(0)
        faults, before = [], b""
        for place, line in enumerate(lines, 1):
            record = line[_RECORD]
            if line != _sealed(record, before):
                faults.append(f"line {place} of {self.path.name} was changed, or the line before it is missing")
            try:
                fold(json.loads(record))
            except UNREADABLE as error:
                faults.append(f"line {place} of {self.path.name} cannot be read ({error})")
            before = line[_SEAL]
        return faults

    def close(self) -> None:
        """Be asked no more; nothing is held open between two calls."""
        self._closed = True


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
