"""Everything stagegate can refuse, as one small tree. An error carries plain data and speaks one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


MAX_QUOTED = 200
MAX_SAID = 100


def quote(value: object) -> str:
    """Return *value* as a sentence can hold it: short, and whatever it is."""
    try:
        said = repr(value[:MAX_QUOTED] if isinstance(value, (str, bytes)) else value)
    except Exception:
        # What cannot even be shown, such as an integer of very many digits, is named by its kind.
        return f"<{type(value).__name__}>"
    return said if len(said) <= MAX_QUOTED else f"{said[:MAX_QUOTED]}…"


class StagegateError(Exception):
    """The root of every error that stagegate raises on purpose."""


class DefinitionError(StagegateError):
    """
    A process, stage or requirement is not well defined.

    Attributes:
        faults: Every fault that was found, as `(path, sentence)`; the path is empty where the value itself is meant.

        source: The file the definition was read from, if any.
    """

    def __init__(self, faults: str | Iterable[tuple[str, str]], *, source: str | None = None) -> None:
        """Take one sentence, or all the faults with their paths."""
        self.faults: tuple[tuple[str, str], ...] = (("", faults),) if isinstance(faults, str) else tuple(faults)
        self.source = source
        super().__init__(self.faults, source)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the source."""
        return _faults, (self.faults, self.source)

    def __str__(self) -> str:
        """Say the faults, one a line; the first hundred where there are very many."""
        lines = [f"{path}: {sentence}" if path else sentence for path, sentence in self.faults[:MAX_SAID]]
        if len(self.faults) > MAX_SAID:
            lines.append(f"and {len(self.faults) - MAX_SAID:,} faults more")
        if self.source:
            lines = [f"{self.source}: {line}" for line in lines]
        return "\n".join(lines)

    def under(self, path: str) -> DefinitionError:
        """Return the same faults as seen from one level up, where this value stands at *path*."""
        return DefinitionError(((join(path, inner), sentence) for inner, sentence in self.faults), source=self.source)


def _faults(faults: tuple[tuple[str, str], ...], source: str | None) -> DefinitionError:
    return DefinitionError(faults, source=source)


def join(outer: str, inner: str) -> str:
    """Join two parts of a path: `stages[2]` and `gate.all[1]` give `stages[2].gate.all[1]`."""
    if not outer or not inner:
        return outer or inner
    return f"{outer}{inner}" if inner.startswith("[") else f"{outer}.{inner}"


class RefusedError(StagegateError):
    """
    An attempt was refused by the rules of the process, and the refusal was recorded.

    Attributes:
        agreement: The id of the agreement.

        move: What was attempted.

        unmet: Every reason, as `Unmet` values.

        permitted: Whether the actor may make this move at all.

        n: The number of the `refused` event in the history.
    """

    def __init__(self, *, agreement: str, move: str, unmet: Iterable[Any] = (), permitted: bool = True, n: int) -> None:
        """Take what was attempted and why it was refused."""
        self.agreement = agreement
        self.move = move
        self.unmet = tuple(unmet)
        self.permitted = permitted
        self.n = n
        super().__init__(agreement, move)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by keyword, so that a worker pool can hand the error over."""
        return _rebuild, (type(self), {k: v for k, v in vars(self).items() if k in self._fields})

    _fields: tuple[str, ...] = ("agreement", "move", "unmet", "permitted", "n")

    def _reasons(self) -> str:
        return "; ".join(reason.text("en") for reason in self.unmet)


def _rebuild(kind: type[RefusedError], fields: dict[str, Any]) -> RefusedError:
    return kind(**fields)


class GateClosed(RefusedError):
    """The requirements for this move are not met; `unmet` has every reason."""

    def __str__(self) -> str:
        """Say all the reasons in English."""
        return f"{self.agreement}: {self.move} is refused: {self._reasons()}"


class NotPermitted(RefusedError):
    """
    This actor may not make this move; `unmet` has what else stands in the way.

    Attributes:
        roles: The roles that may make the move.
    """

    _fields = (*RefusedError._fields, "actor", "roles")

    def __init__(self, *, actor: str, roles: Iterable[str] = (), permitted: bool = False, **refusal: Any) -> None:
        """Take who tried, and the roles that may."""
        super().__init__(permitted=permitted, **refusal)
        self.actor = actor
        self.roles = tuple(roles)

    def __str__(self) -> str:
        """Say who may, and what else is in the way."""
        who = " or ".join(self.roles) or "nobody"
        also = f"; also: {self._reasons()}" if self.unmet else ""
        return f"{self.agreement}: {quote(self.actor)} may not {self.move}: that is for {who}{also}"


class NoSuchMove(StagegateError):
    """There is no such move from where the agreement stands, so nothing was attempted or recorded."""


class Conflict(StagegateError):
    """
    The agreement has changed since the caller saw it, so nothing was done.

    Attributes:
        agreement: The id of the agreement.

        seen: The version the caller acted on.

        current: The version it has now.
    """

    def __init__(self, agreement: str, seen: int, current: int) -> None:
        """Take both versions."""
        self.agreement = agreement
        self.seen = seen
        self.current = current
        super().__init__(agreement, seen, current)

    def __str__(self) -> str:
        """Say both versions and what to do."""
        return (
            f"{self.agreement}: you acted on version {self.seen}, but it is now at version {self.current}; "
            f"read it again and decide anew"
        )


class NotFound(StagegateError):
    """What was asked for is not there."""


class AlreadyExists(StagegateError):
    """An agreement of this id is already there."""


class RequestReused(StagegateError):
    """The request id was already used for something else, so nothing was done."""


class InvalidValue(StagegateError, ValueError):
    """A value handed in cannot be recorded: it says which, why, and what would do."""


class StoreError(StagegateError):
    """The store could not do its work; what was not acknowledged was not done."""


class OutcomeUnknown(StoreError):
    """
    The store broke while it committed: the change has wholly happened or not at all, but it cannot be said which.

    Attributes:
        request_id: Repeat the same call under this id to learn the answer; None if the call had no id.
    """

    def __init__(self, message: str, request_id: str | None = None) -> None:
        """Take what happened and the id of the request."""
        self.request_id = request_id
        super().__init__(message, request_id)

    def __str__(self) -> str:
        """Say what happened and what to do."""
        how = f"repeat the call with request_id={quote(self.request_id)}" if self.request_id else "read the history"
        return f"{self.args[0]}; to learn whether it happened, {how}"


class Undeliverable(StagegateError):
    """
    A channel says that a notification can never be delivered, so that trying again will not help.

    Attributes:
        gone: Whether the recipient is gone for good, so that nothing more is sent there until somebody releases it.
    """

    def __init__(self, message: str, *, gone: bool = False) -> None:
        """Take why."""
        self.gone = gone
        super().__init__(message)


class HistoryTampered(StagegateError):
    """What is stored contradicts itself; nothing was changed. Run `verify` to learn where."""


class PluginError(StagegateError):
    """
    A plugin cannot be loaded, breaks the contract of a hook, or failed.

    Attributes:
        plugin: Its name.
    """

    def __init__(self, plugin: str, message: str) -> None:
        """Take the name of the plugin and what is wrong."""
        self.plugin = plugin
        super().__init__(plugin, message)

    def __str__(self) -> str:
        """Name the plugin first."""
        return f"plugin {quote(self.plugin)}: {self.args[1]}"
