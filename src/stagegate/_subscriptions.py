"""Who wants to be told of what: subscriptions and addresses, as values and from TOML and JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs

from ._fields import collected, optional, place, reads
from ._files import read_table
from ._kinds import KINDS, TIMED
from ._notices import age_of
from ._plain import slug, text
from ._text import FALLBACK, frozendict, language
from .exceptions import DefinitionError, InvalidValue, join, quote

MOST = 2000
"""How many characters an address may have."""

_UNITS = {"minute": "minutes", "hour": "hours", "day": "days", "week": "weeks"}
_AGE = re.compile(r"([1-9][0-9]{0,5}) (minute|hour|day|week)s?")


def _several(reader: Callable[[Any, str], Any]) -> Callable[[Any, str], tuple[Any, ...]]:
    """Return a reader of one or of several; the faults of all are named."""

    def read(value: Any, where: str) -> tuple[Any, ...]:
        if isinstance(value, str):
            return (reader(value, where),)
        if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
            message = f"{where}: a text or a list of texts is needed, not {quote(value)}"
            raise InvalidValue(message)
        faults, good = [], []
        for i, item in enumerate(value):
            try:
                good.append(reader(item, where))
            except InvalidValue as error:
                faults.append((f"[{i}]", str(error).removeprefix(f"{where}: ")))
        if faults:
            raise DefinitionError(faults)
        return tuple(dict.fromkeys(good))

    return read


def _kind(value: Any, where: str) -> str:
    if not isinstance(value, str) or value not in KINDS:
        message = f"{where}: nothing of the kind {quote(value)} is told; there are {', '.join(KINDS)}"
        raise InvalidValue(message)
    return str(value)


def _name(value: Any, where: str) -> str:
    """Return the id of a role, a stage, a process or a deadline as it is; whether there is one, an engine says."""
    named = text(value, where, most=MOST)
    if not named.strip():
        message = f"{where}: {quote(value)} is no id"
        raise InvalidValue(message)
    return named


def address_of(value: Any, where: str) -> str:
    """Return *value* if it can be an address: one line of printable characters, without spaces around it."""
    address = text(value, where, most=MOST)
    if not address or address != address.strip() or not address.isprintable():
        message = f"{where}: {quote(value)} is no address; it is one line without spaces around it"
        raise InvalidValue(message)
    return address


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        message = f"{where}: true or false is needed, not {quote(value)}"
        raise InvalidValue(message)
    return value


def _age(value: Any, where: str) -> timedelta | None:
    if not isinstance(value, str):
        return age_of(value, where)
    found = _AGE.fullmatch(value)
    if found is None:
        message = f"{where}: seconds or a text such as '2 days' or '12 hours' is needed, not {quote(value)}"
        raise InvalidValue(message)
    return age_of(timedelta(**{_UNITS[found[2]]: int(found[1])}), where)


def _ages(value: Any, where: str) -> timedelta | frozendict | None:
    if not isinstance(value, Mapping):
        return _age(value, where)
    faults: list[tuple[str, str]] = []
    ages: dict[str, timedelta | None] = {}
    for kind, age in value.items():
        key = f'"{place(kind)}"'
        try:
            ages[_kind(kind, key)] = _age(age, key)
        except InvalidValue as error:
            faults.append((key, str(error).removeprefix(f"{key}: ")))
    if faults:
        raise DefinitionError(faults)
    return frozendict(ages)


@attrs.define(init=False, frozen=True)
class Subscription:
    """
    Who is told of what, by which channel.

    What narrows it down is left out for any. Several recipients, processes, stages, moves, kinds or deadlines stand in
    a list; one of them is enough.

    Attributes:
        channel: The name of the channel that tells, such as `mail`.

        role: The roles that are told, at their addresses; at the name of the role, where nobody knows an address.

        to: Addresses that are told, whoever they belong to.

        owner: Whether those are told whose turn it is.

        process: Only of agreements under these processes.

        stage: Only of what leaves an agreement at these stages.

        move: Only of what these methods of the engine cause, such as `advance`.

        on: Only of these kinds, such as `stage.entered`; each is the id of a template.

        deadline: Only of what is about these deadlines, by their keys, such as `stage:council`.

        lang: The language it is told in.

        reference: The fact that holds what the reader knows the matter by, such as a file number.

        max_age: How long it is worth telling, for all kinds or by kind; what could not be delivered by then is given
            up. None: for ever.
    """

    channel: str = attrs.field(metadata=reads(slug))
    role: tuple[str, ...] = attrs.field(default=(), metadata=reads(_several(slug)))
    to: tuple[str, ...] = attrs.field(default=(), metadata=reads(_several(address_of)))
    owner: bool = attrs.field(default=False, metadata=reads(_flag))
    process: tuple[str, ...] = attrs.field(default=(), metadata=reads(_several(_name)))
    stage: tuple[str, ...] = attrs.field(default=(), metadata=reads(_several(_name)))
    move: tuple[str, ...] = attrs.field(default=(), metadata=reads(_several(_name)))
    on: tuple[str, ...] = attrs.field(default=(), metadata=reads(_several(_kind)))
    deadline: tuple[str, ...] = attrs.field(default=(), metadata=reads(_several(_name)))
    lang: str = attrs.field(default=FALLBACK, metadata=reads(language))
    reference: str = attrs.field(default="", metadata=reads(optional(slug)))
    max_age: timedelta | frozendict | None = attrs.field(default=None, metadata=reads(_ages))

    def __init__(
        self,
        channel: str,
        *,
        role: str | Iterable[str] = (),
        to: str | Iterable[str] = (),
        owner: bool = False,
        process: str | Iterable[str] = (),
        stage: str | Iterable[str] = (),
        move: str | Iterable[str] = (),
        on: str | Iterable[str] = (),
        deadline: str | Iterable[str] = (),
        lang: str = FALLBACK,
        reference: str = "",
        max_age: timedelta | float | str | Mapping[str, timedelta | float | str | None] | None = None,
    ) -> None:
        """
        Say who is told of what; the arguments are the attributes.

        Raises:
            DefinitionError: With every fault of the arguments.
        """
        self.__attrs_init__(**_good(locals()))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Subscription:
        """
        Return the subscription that a table says.

        Raises:
            DefinitionError: With every fault, each with its path.
        """
        if not isinstance(data, Mapping):
            message = f"a table is needed, not {quote(data)}"
            raise DefinitionError(message)
        known = [field.name for field in attrs.fields(Subscription)]
        faults = strange(data, known)
        if "channel" not in data:
            faults.append(("channel", "missing"))
        try:
            good = _good(data)
        except DefinitionError as error:
            raise DefinitionError([*faults, *error.faults]) from None
        if faults:
            raise DefinitionError(faults)
        return cls(**good)

    def age(self, kind: str) -> timedelta | None:
        """Return how long something of that kind is worth telling; None: for ever."""
        return self.max_age.get(kind) if isinstance(self.max_age, frozendict) else self.max_age


def _good(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a subscription, or raise all that is wrong with them."""
    faults: list[tuple[str, str]] = []
    good: dict[str, Any] = {}
    for field in attrs.fields(Subscription):
        try:
            good |= collected(Subscription, {k: v for k, v in given.items() if k == field.name})
        except DefinitionError as error:
            faults += error.faults
    named = {path.partition("[")[0] for path, _ in faults}
    if named.isdisjoint(("role", "to", "owner")) and not any(good.get(who) for who in ("role", "to", "owner")):
        faults.append(("", "it tells nobody; name a role, an address under `to`, or say owner = true"))
    if good.get("deadline") and good.get("on"):
        faults += [
            ("on", f"{kind} is not about a deadline, so it is never told beside `deadline`")
            for kind in good["on"]
            if kind not in TIMED
        ]
    if faults:
        raise DefinitionError(faults)
    return good


def strange(table: Mapping[Any, Any], known: Iterable[str]) -> list[tuple[str, str]]:
    """Return the keys of *table* that are not known, each as a fault."""
    several = sorted(known)
    said = f"unknown key; known are {', '.join(several)}"
    return [(key, said) for key in sorted(place(key) for key in table if key not in several)]


@attrs.define(frozen=True)
class Addresses:
    """
    An address book: whom a role is, by channel.

    Attributes:
        entries: The addresses of each role, by the name of the channel; those for any channel under an empty name.
    """

    entries: frozendict = attrs.field(factory=frozendict)

    @classmethod
    def of(cls, value: Any) -> Addresses:
        """
        Return the address book that a table says: addresses by role, and such tables by channel.

        Raises:
            DefinitionError: With every fault, each with its path.
        """
        if not isinstance(value, Mapping):
            message = f"a table of addresses by role is needed, not {quote(value)}"
            raise DefinitionError(message)
        faults: list[tuple[str, str]] = []
        everywhere = {role: told for role, told in value.items() if not isinstance(told, Mapping)}
        entries = {"": _entries(everywhere, "", faults)}
        for channel, table in value.items():
            if not isinstance(table, Mapping):
                continue
            try:
                entries[slug(channel, "")] = _entries(table, place(channel), faults)
            except InvalidValue as error:
                faults.append((place(channel), str(error).removeprefix(": ")))
        if faults:
            raise DefinitionError(faults)
        return cls(frozendict(entries))

    def __add__(self, other: Addresses) -> Addresses:
        """Return what both know: whoever is named in either is told."""
        entries: dict[str, dict[str, tuple[str, ...]]] = {}
        for book in (self, other):
            for channel, roles in book.entries.items():
                table = entries.setdefault(channel, {})
                for role, told in roles.items():
                    table[role] = (*table.get(role, ()), *told)
        return Addresses(frozendict({channel: frozendict(roles) for channel, roles in entries.items()}))

    @property
    def roles(self) -> frozenset[str]:
        """The roles that are in it."""
        return frozenset(role for roles in self.entries.values() for role in roles)

    def find(self, role: str, channel: str) -> tuple[str, ...]:
        """Return the addresses of a role: those for the channel, or, where there are none, those for any."""
        for name in (channel, ""):
            if found := self.entries.get(name, {}).get(role):
                return found  # type: ignore[no-any-return]
        return ()


def _entries(table: Mapping[Any, Any], path: str, faults: list[tuple[str, str]]) -> frozendict:
    good: dict[str, tuple[str, ...]] = {}
    for role, told in table.items():
        where = join(path, place(role))
        try:
            good[slug(role, "role")] = _several(address_of)(told, "address")
        except DefinitionError as error:
            faults += error.under(where).faults
        except InvalidValue as error:
            faults.append((where, str(error).removeprefix("address: ").removeprefix("role: ")))
    return frozendict(good)


def load_subscriptions(source: str | Path | Mapping[str, Any]) -> tuple[Subscription, ...]:
    """
    Return the subscriptions that a TOML or JSON file holds; addresses in it are checked as well, and left there.

    Args:
        source: The path of a `.toml` or `.json` file, the text of one, or the table itself.

    Raises:
        DefinitionError: With every fault, each with its path.
    """
    return read_subscriptions(source)[0]


def read_subscriptions(
    source: str | Path | Mapping[str, Any],
) -> tuple[tuple[Subscription, ...], Addresses, str | None]:
    """
    Return the subscriptions and the addresses that a file holds, and its name.

    Raises:
        DefinitionError: With every fault, each with its path.
    """
    named, data = read_table(source)
    if not isinstance(data, Mapping):
        raise DefinitionError([("", f"a table is needed, not {quote(data)}")], source=named)
    faults = strange(data, ("subscription", "addresses"))
    rows = data.get("subscription", ())
    if not isinstance(rows, (list, tuple)):
        faults.append(("subscription", f"a list of tables is needed, written [[subscription]], not {quote(rows)}"))
        rows = ()
    made = []
    for i, row in enumerate(rows):
        try:
            made.append(Subscription.from_data(row))
        except DefinitionError as error:
            faults += error.under(f"subscription[{i}]").faults
    addresses = Addresses()
    try:
        addresses = Addresses.of(data.get("addresses", {}))
    except DefinitionError as error:
        faults += error.under("addresses").faults
    if faults:
        raise DefinitionError(faults, source=named)
    return tuple(made), addresses, named
