"""
Commits that are shared: whoever has the lock decides and writes for those who wait, and commits once for all.

There is no thread behind it. The first to come leads. It does its own job and, before it commits, the jobs of those who
have come meanwhile, in the order in which they came: each in a savepoint of its own, in a copy of its caller's context.
Nobody is answered before the commit. Then the lead passes to the first who still waits.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, copy_context
from typing import Any, TypeVar

import attrs

from stagegate import OutcomeUnknown, StoreError, Unit

from ._connections import Connections
from ._saying import NESTED, explained
from ._unit import UnitOfWork, end

T = TypeVar("T")

LARGEST = 64
"""How many share a commit at most, so that the first of them need not wait for ever more."""

STOPS = (KeyboardInterrupt, SystemExit)
"""What stops a thread. Where a signal can have brought it, in the main thread, it is meant for whoever runs there."""

WAITS, IN_HAND, LEADS, DONE = "waits", "in hand", "leads", "done"


@attrs.define(eq=False, repr=False)
class Member:
    """
    One call.

    Attributes:
        agreement: The agreement its job is about; of a turn, what is being done.

        job: What is to be done; None for a turn, which its caller uses by itself.

        thread: Where it was called.

        context: The context it was called in; None if nobody else can do its job.

        latch: What the caller waits at; it opens when the state has changed.

        state: How far it has come.

        alone: Whether only its own caller may do its job: it is a turn, or has cost another one the transaction.

        written: Whether its job wrote something.

        answer: What its job returned.

        error: What its job raised, or what came of the commit.
    """

    agreement: str
    job: Callable[[Unit], Any] | None
    thread: int = attrs.field(factory=threading.get_ident)
    context: Context | None = None
    latch: Any = attrs.field(factory=threading.Lock)
    state: str = WAITS
    alone: bool = False
    written: bool = False
    answer: Any = None
    error: BaseException | None = None

    def become(self, state: str) -> None:
        """Take the next state, and let the caller look; doing so twice does no harm."""
        self.state = state
        if self.latch.locked():
            self.latch.release()

    def told(self) -> Any:
        """Return the answer, or raise the error, in the thread of the caller."""
        error, self.error = self.error, None
        if error is None:
            return self.answer
        try:
            raise error
        finally:
            del error  # it knows this frame, which must not know it


class Group:
    """
    The callers of one store in one process.

    An interrupt can end any of them at any instant. Every step is therefore written down before it is acted upon, and
    what stands when the leader leaves, however it leaves, is what the next one goes on with.
    """

    def __init__(self, connections: Connections, *, timeout: float) -> None:
        """
        Begin with nobody.

        Args:
            connections: Where the leader has its connection from.

            timeout: For how many seconds a caller waits until its job is begun.
        """
        self.connections = connections
        self._timeout = min(timeout, threading.TIMEOUT_MAX)
        self.begin()
        _GROUPS.add(self)

    def begin(self) -> None:
        """Know of nobody: at first, and in a process that was forked, where nobody else is left."""
        self._lock = threading.Lock()
        self._callers: deque[Member] = deque()
        self._leader: Member | None = None
        self._committing = False

    def work(self, agreement: str, job: Callable[[Unit], T]) -> T:
        """
        Do a job in a unit of work, alone or among others, and answer once that is committed.

        Args:
            agreement: The agreement it is about.

            job: What is to be done.

        Raises:
            StoreError: If it did not come to its turn in time, or nothing could be written.

            OutcomeUnknown: If it cannot be said whether it was committed.
        """
        self.connections.free()
        me = Member(agreement, job)
        try:
            self._wait(me)
            if me.state is LEADS:
                self._lead(me)
            self._leave(me)
        except BaseException:
            # An interrupt may have come while it left; if that stayed half done, nobody would lead any more.
            self._leave(me)
            raise
        return me.told()  # type: ignore[no-any-return]  # it is what the job returned

    @contextmanager
    def turn(self, doing: str) -> Iterator[None]:
        """
        Wait among the callers for one's turn to write, and have it for the length of a block, alone.

        SQLite itself knows no order: whoever would take its lock past the group could wait for as long as others come.

        Args:
            doing: What is being done, for the error.

        Raises:
            StoreError: If the turn did not come in time.
        """
        self.connections.free()
        me = Member(doing, None, alone=True)
        try:
            self._wait(me)
            yield
            self._leave(me)
        except BaseException:
            self._leave(me)
            raise

    def _wait(self, me: Member) -> None:
        """Come, and wait until there is something to do for oneself, or until it is done."""
        self._come(me)
        while me.state in {WAITS, IN_HAND}:
            # Whoever has it in hand will answer, however long that takes.
            if not me.latch.acquire(timeout=self._timeout if me.state is WAITS else -1):
                self._tire(me)

    def _come(self, me: Member) -> None:
        with self._lock:
            leader = self._leader
            if leader is not None:
                if leader.thread == me.thread:
                    raise StoreError(NESTED)
                me.latch.acquire()
                me.context = copy_context()
            self._callers.append(me)
            if leader is None:
                self._leader = me
                me.state = LEADS

    def _tire(self, me: Member) -> None:
        with self._lock:
            if me.state is not WAITS:
                return
            self._callers.remove(me)
        left = f"{me.agreement} was not begun" if me.job is None else f"{me.agreement!r} was left as it is"
        message = (
            f"{self.connections.path}: others have been writing for {self._timeout:g} seconds, so {left}; try again,"
            f" or allow more with ?timeout=seconds"
        )
        raise StoreError(message)

    def _lead(self, me: Member) -> None:
        """Do one's own job; commit it, together with those of others if there are any."""
        with self.connections.use(f"locking {me.agreement!r}") as connection:
            connection.execute("BEGIN IMMEDIATE")
            with self.connections.lent(connection):
                unit = UnitOfWork(connection, me.agreement)
                assert me.job is not None  # noqa: S101  a turn is used by who has it
                me.answer = me.job(unit)
                if not unit.written:
                    return
                if len(self._callers) > 1:
                    self._others(connection)
            self._committing = True
            try:
                end(connection, self.connections.path)
            except (sqlite3.Error, OutcomeUnknown) as error:
                self._failed(error)
                raise
            self._answer()

    def _others(self, connection: sqlite3.Connection) -> None:
        room = LARGEST - 1
        while room and (taken := self._take(room)):
            room -= len(taken)
            for member in taken:
                try:
                    self._do(connection, member)
                except BaseException:
                    # The transaction is lost, or the leader was told to stop: all of it is done anew by the next.
                    member.alone = True
                    raise

    def _take(self, room: int) -> Sequence[Member]:
        taken: list[Member] = []
        with self._lock:
            for member in self._callers:
                if member.state is WAITS:
                    if member.alone or len(taken) == room:
                        break
                    member.state = IN_HAND
                    taken.append(member)
        return taken

    def _do(self, connection: sqlite3.Connection, member: Member) -> None:
        """Do the job of another caller; whatever it raises is its caller's, and undoes this job alone."""
        member.answer = member.error = None
        member.written = False
        connection.execute("SAVEPOINT stagegate")
        try:
            unit = UnitOfWork(connection, member.agreement)
            assert member.context is not None  # noqa: S101  only who leads at once has none
            assert member.job is not None  # noqa: S101  a turn is nobody else's
            member.answer = member.context.run(member.job, unit)
            member.written = unit.written
        except BaseException as error:
            stops = isinstance(error, STOPS)
            if stops and threading.current_thread() is threading.main_thread():
                raise
            if not connection.in_transaction:
                message = (
                    f"{self.connections.path}: SQLite gave up the transaction while it wrote for others ({error});"
                    f" nothing was changed, try again"
                )
                raise StoreError(message) from error
            if stops:
                self._put_back(member)
            else:
                member.error = self._own(error, member)
        if not member.written:
            connection.execute("ROLLBACK TO stagegate")
        connection.execute("RELEASE stagegate")

    def _put_back(self, member: Member) -> None:
        """Leave a job to its own caller: there it is seen whether it wants to stop, or whoever tried it was to."""
        with self._lock:
            member.alone = True
            member.become(WAITS)

    def _own(self, error: BaseException, member: Member) -> BaseException:
        """Return an error as if its caller had come to it without help."""
        own = error.with_traceback(None if error.__traceback__ is None else error.__traceback__.tb_next)
        if not isinstance(error, sqlite3.Error):
            return own
        told = explained(error, f"locking {member.agreement!r}", self.connections.path)
        told.__cause__ = own
        return told

    def _answer(self) -> None:
        with self._lock:
            for member in self._callers:
                if member.state is IN_HAND:
                    member.become(DONE)
            self._committing = False

    def _failed(self, error: sqlite3.Error | OutcomeUnknown) -> None:
        """Tell everybody that the commit failed, each by an error of its own."""
        with self._lock:
            for member in self._callers:
                if member.state is IN_HAND:
                    self._fail(member, error)
            self._committing = False

    def _fail(self, member: Member, error: BaseException) -> None:
        told: StoreError
        if isinstance(error, sqlite3.Error):
            told = explained(error, "committing", self.connections.path)
        elif member.written:
            told = OutcomeUnknown(str(error.args[0]))
        else:
            told = StoreError(f"{error.args[0]}; it had nothing to write, and can be asked again")
        told.__cause__ = error.__cause__ if isinstance(error, OutcomeUnknown) else error
        member.answer, member.error = None, told
        member.become(DONE)

    def _leave(self, me: Member) -> None:
        """Go; who leads puts back what it has in hand, and hands over the lead. It can be done again from any point."""
        with self._lock:
            if self._leader is not me:
                if me.state is WAITS and me in self._callers:
                    self._callers.remove(me)
                if self._leader is not None:
                    self._leader.become(LEADS)
                return
            me.state = DONE
            for member in self._callers:
                if member.state is IN_HAND and self._committing:
                    message = f"{self.connections.path}: whoever committed it was interrupted"
                    self._fail(member, OutcomeUnknown(message))
                elif member.state is not LEADS:
                    # Put back; or, if it was answered, told so once more, lest an interrupt came in between.
                    member.become(DONE if member.state is DONE else WAITS)
            self._committing = False
            self._callers = deque(member for member in self._callers if member.state is not DONE)
            first = self._callers[0] if self._callers else None
            if first is not None:
                first.state = LEADS
            self._leader = first
            if first is not None:
                first.become(LEADS)


class Turns:
    """The file as a place where everything is kept: who writes there waits for a turn among the callers of a group."""

    def __init__(self, group: Group) -> None:
        """Take the group."""
        self.path = group.connections.path
        self._group = group

    def use(self, doing: str) -> AbstractContextManager[sqlite3.Connection]:
        """Have a connection for the length of a block."""
        return self._group.connections.use(doing)

    def reading(self, doing: str) -> AbstractContextManager[sqlite3.Connection]:
        """Have a connection that sees the file as of one moment."""
        return self._group.connections.reading(doing)

    @contextmanager
    def writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Have a connection with the lock for writing; what was written is committed at the end of the block."""
        with self._group.turn(doing), self._group.connections.writing(doing) as connection:
            yield connection


_GROUPS: weakref.WeakSet[Group] = weakref.WeakSet()


def _forked() -> None:
    """Let go of what other threads had in hand: a child has none of them."""
    for group in tuple(_GROUPS):
        group.begin()
        group.connections.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
