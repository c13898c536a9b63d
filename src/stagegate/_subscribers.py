"""Whom an engine is to tell: subscriptions from wherever they come, each name in them looked for in the processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ._fields import listed
from ._kinds import ACTS
from ._process import Process
from ._stages import WHOLE
from ._subscriptions import Addresses, Subscription, read_subscriptions
from ._telling import AddressHook, Teller
from .exceptions import DefinitionError, quote


def teller(
    brought: Iterable[Subscription],
    given: Any,
    addresses: Mapping[str, Any] | None,
    known: Iterable[Callable[[], Iterable[Process]]],
    asked: AddressHook | None,
) -> Teller | None:
    """
    Return what says who is told; None where nobody subscribes, so that it costs nothing.

    Args:
        brought: The subscriptions that plugins bring.

        given: The list of subscriptions, or of files of them, that the engine is opened with.

        addresses: The addresses of roles, beside those of the files.

        known: Return the processes in which the names are looked for; the next one only if a name is missing.

        asked: Who else knows addresses.

    Raises:
        DefinitionError: With every name in them that no process has.
    """
    placed = [(f"stagegate_subscriptions[{i}]", one) for i, one in enumerate(brought)]
    try:
        book = Addresses() if addresses is None else Addresses.of(addresses)
    except DefinitionError as error:
        raise error.under("addresses") from None
    for i, item in enumerate(listed(given, "subscriptions", "'telling.toml'")):
        if isinstance(item, Subscription):
            placed.append((f"subscriptions[{i}]", item))
            continue
        read, found, source = read_subscriptions(item)
        book += found
        named = f"{source}: " if source else ""
        placed += [(f"{named}subscription[{j}]", one) for j, one in enumerate(read)]
    faults: list[tuple[str, str]] = []
    for processes in known:
        faults = strangers(placed, processes(), book.roles)
        if not faults:
            break
    if faults:
        raise DefinitionError(faults)
    return Teller([one for _, one in placed], book, asked) if placed else None


def strangers(
    subscriptions: Iterable[tuple[str, Subscription]], processes: Iterable[Process], addressed: frozenset[str]
) -> list[tuple[str, str]]:
    """
    Return the names in *subscriptions* that no process has, each as a fault.

    Args:
        subscriptions: Each with the path under which it was given.

        processes: The processes that are known.

        addressed: The roles that the address book knows, whatever the processes say.
    """
    known = tuple(processes)
    faults: list[tuple[str, str]] = []
    for path, one in subscriptions:
        under = [process for process in known if not one.process or process.id in one.process]
        ids = {process.id for process in known}
        roles = addressed.union(*(process.known_roles for process in under))
        there: dict[str, set[str] | frozenset[str]] = {
            "process": ids,
            "role": roles,
            "stage": {stage.id for process in under for stage in process.stages},
            "move": {move for process in under for move in _moves(process)},
            "deadline": {key for process in under for key in _keys(process)},
        }
        for name, names in there.items():
            named = getattr(one, name)
            faults += [(f"{path}.{name}", _unknown(name, value, names, one)) for value in named if value not in names]
    return faults


def _unknown(name: str, value: str, names: Iterable[str], one: Subscription) -> str:
    of = "process" if name == "process" or not one.process else f"version of {' or '.join(one.process)}"
    there = ", ".join(sorted(names)) or "none"
    said = f"no known {of} {'is' if name == 'process' else f'has the {name}'} {quote(value)}"
    hint = "; a role of the host's own stands in the addresses" if name == "role" else ""
    return f"{said}; there are {there}{hint}"


def _moves(process: Process) -> Iterator[str]:
    """Return what can be done under a process: what comes with every process, and what its stages know."""
    yield from ACTS
    for move in WHOLE:
        known = {
            "send_back": any(stage.back_to for stage in process.stages),
            "renew": any(stage.renewal is not None for stage in process.stages),
            "amend": any(stage.amend for stage in process.stages),
        }
        if known.get(move, True):
            yield move


def _keys(process: Process) -> Iterator[str]:
    """Return the keys of all deadlines that an agreement can have under a process."""
    for stage in process.stages:
        if stage.within is not None:
            yield f"stage:{stage.id}"
        if stage.term is not None:
            yield "term"
        yield from (f"duty:{duty.id}" for duty in stage.duties)
        gate = () if stage.gate is None else stage.gate.walk()
        yield from (f"requirement:{part.name}" for part in gate if part.within is not None)
