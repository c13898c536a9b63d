"""Plugins: named, checked and called one by one. The only room that runs a plugin manager."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

import attrs
import pluggy

from . import hookspecs
from ._attempt import Attempt
from ._notices import Message, Notification
from ._plain import text
from ._predicates import Predicate
from ._reasons import Unmet, failure
from ._store import Schema, Store, obeys
from ._subscriptions import address_of
from ._text import frozendict
from ._waking import Waker
from .exceptions import PluginError, StagegateError, Undeliverable, quote

T = TypeVar("T")
GROUP = "stagegate"
"""The entry-point group in which a package names its plugin."""


def load(name: str) -> Any:
    """
    Return the plugin that an installed package names *name* in the entry-point group `stagegate`.

    Raises:
        PluginError: If there is none, or it cannot be imported.
    """
    from importlib.metadata import entry_points

    points = entry_points(group=GROUP)
    try:
        point = next(iter(points.select(name=name)))
    except StopIteration:
        known = ", ".join(sorted({p.name for p in points})) or "none"
        message = f"no installed package names it in the entry-point group {quote(GROUP)}; installed are: {known}"
        raise PluginError(name, message) from None
    try:
        return point.load()
    except Exception as error:  # whatever an import raises is the plugin's
        message = f"it cannot be imported from {point.value}: {type(error).__name__}: {error}"
        if isinstance(error, ModuleNotFoundError) and point.value.startswith("stagegate.contrib."):
            message += f"; what it needs comes with stagegate[{name}]"
        raise PluginError(name, message) from error


@attrs.define(kw_only=True, frozen=True)
class Sent:
    """
    How an attempt to deliver went.

    Attributes:
        error: Why it failed; empty if it did not.

        final: Whether trying again will not help.

        gone: Whether the recipient is gone for good.

        unclaimed: Whether no plugin took it for its own, so that nothing was tried.
    """

    error: str = ""
    final: bool = False
    gone: bool = False
    unclaimed: bool = False


def _wanted(item: Any) -> tuple[str, Any]:
    """Return the name of a plugin and the plugin, loaded and configured."""
    if not isinstance(item, (str, Mapping)):
        return _name(item), item
    name, settings = (item, {}) if isinstance(item, str) else _settings(item)
    plugin = load(name)
    configured = getattr(plugin, "configured", None)
    if configured is None:
        if settings:
            raise PluginError(name, f"it takes no settings, but was given {', '.join(settings)}")
        return name, plugin
    try:
        return name, configured(**settings)
    except (StagegateError, TypeError, ValueError) as error:
        said = _misnamed(configured, settings) if isinstance(error, TypeError) else ""
        # `configured` may be a class, and that is not the user's affair.
        said = said or re.sub(r"^[\w.]+\(\) ", "", str(error))
        raise PluginError(name, f"it cannot be configured: {said}") from error


def _misnamed(configured: Callable[..., Any], settings: dict[str, Any]) -> str:
    """Return which settings are missing and which there are not, in one sentence; nothing if it is not that."""
    takes = inspect.signature(configured).parameters
    if any(one.kind is one.VAR_KEYWORD for one in takes.values()):
        return ""
    missing = [name for name, one in takes.items() if one.default is one.empty and name not in settings]
    unknown = [name for name in settings if name not in takes]
    said = []
    if missing:
        said.append(f"it needs {', '.join(missing)} beside its name, as in {{plugin = …, {missing[0]} = …}}")
    if unknown:
        said.append(f"it takes no {', '.join(unknown)}; it takes {', '.join(takes) or 'nothing'}")
    return "; ".join(said)


def _settings(item: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    settings = dict(item)
    name = settings.pop("plugin", None)
    if not isinstance(name, str):
        message = (
            f"a table of settings names its plugin under the key 'plugin'; this one has {', '.join(item) or 'nothing'}"
        )
        raise PluginError("plugins", message)
    return name, settings


def check_plugin(plugin: Any, name: str | None = None) -> None:
    """
    Check that *plugin* keeps to the hooks: their names, their arguments, their types.

    Args:
        plugin: A module, or any object with marked functions.

        name: What to call it.

    Raises:
        PluginError: With everything that is wrong, naming the plugin.
    """
    called = name or _name(plugin)
    _no_class(plugin, called)
    _check(plugin, called)
    _manager([(called, plugin)])


def _name(plugin: Any) -> str:
    named = getattr(plugin, "__name__", None) or getattr(plugin, "name", None) or type(plugin).__name__
    return str(named)


def _marked(plugin: Any) -> Iterator[tuple[str, Any]]:
    for attribute in dir(plugin):
        try:
            value = getattr(plugin, attribute)
        except Exception:  # noqa: S112  a property that fails is no hook
            continue
        if inspect.isroutine(value) and (hasattr(value, "stagegate_impl") or attribute.startswith("stagegate_")):
            yield attribute, value


def _no_class(plugin: Any, name: str) -> None:
    if inspect.isclass(plugin):
        raise PluginError(name, "it is a class; hand over an object of it, or a module")


def _check(plugin: Any, name: str) -> None:
    found = dict(_marked(plugin))
    faults = []
    for hook, implementation in found.items():
        spec = hookspecs.HOOKS.get(hook)
        if spec is None:
            faults.append(f"there is no hook {hook}; there are {', '.join(hookspecs.HOOKS)}")
        elif not hasattr(implementation, "stagegate_impl"):
            faults.append(f"{hook} is not marked; put @hookimpl above it")
        elif inspect.iscoroutinefunction(implementation) or inspect.isasyncgenfunction(implementation):
            faults.append(f"{hook} is asynchronous; hooks are plain functions")
        else:
            faults += _signature(hook, implementation, spec)
    if not found:
        faults.append("it implements no hook; mark its functions with @hookimpl")
    if faults:
        raise PluginError(name, "; ".join(faults))


def _signature(hook: str, implementation: Any, spec: Any) -> list[str]:
    wanted = inspect.signature(spec).parameters
    given = inspect.signature(implementation).parameters
    unknown = [argument for argument in given if argument not in wanted]
    if unknown:
        return [f"{hook} takes {', '.join(unknown)}; the hook gives {', '.join(wanted) or 'nothing'}"]
    odd = [
        name
        for name, argument in given.items()
        if argument.kind is not argument.POSITIONAL_OR_KEYWORD or argument.default is not argument.empty
    ]
    if odd:
        return [f"{hook}: {', '.join(odd)} must be a plain argument, without a default or a star"]
    options = implementation.stagegate_impl
    if options.get("wrapper") or options.get("hookwrapper"):
        return [f"{hook} is a wrapper; hooks here are called one by one and cannot be wrapped"]
    try:
        mine, theirs = typing.get_type_hints(implementation), typing.get_type_hints(spec)
    except Exception:
        return []
    return [
        f"{hook}: {argument} is {_shown(mine[argument])}, the hook gives {_shown(theirs[argument])}"
        for argument in given
        if argument in mine and mine[argument] not in (theirs[argument], Any, object)
    ]


def _shown(hint: Any) -> str:
    return getattr(hint, "__name__", None) or str(hint)


def _manager(plugins: Iterable[tuple[str, Any]]) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    for name, plugin in plugins:
        try:
            manager.register(plugin, name=name)
            manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(name, str(error)) from None
    return manager


OWN = {"sqlite": "sqlite", "postgresql": "postgres", "temporal": "temporal"}
"""The plugins that are there without being named, by the urls that want them."""


class Plugins:
    """
    The plugins of one engine, in the order in which they were named.

    Attributes:
        names: Their names.
    """

    def __init__(self, wanted: Iterable[Any]) -> None:
        """
        Load and check what is *wanted*: plugin objects, names of entry points, or tables of such a name and settings.

        Raises:
            PluginError: If one cannot be loaded or does not keep to the hooks.
        """
        if isinstance(wanted, str) or not isinstance(wanted, Iterable):
            raise PluginError(str(wanted), "plugins are named in a list: plugins=[…]")
        plugins: list[tuple[str, Any]] = []
        for item in wanted:
            name, plugin = _wanted(item)
            _no_class(plugin, name)
            _check(plugin, name)
            while any(name == taken for taken, _ in plugins):
                name += "'"
            plugins.append((name, plugin))
        self._manager = _manager(plugins)
        self.names = tuple(name for name, _ in plugins)
        # pluggy calls the last registered first; ours are called in the order in which they were named.
        self._hooks: dict[str, tuple[tuple[str, Callable[..., Any], tuple[str, ...]], ...]] = {
            hook: tuple(
                (impl.plugin_name, impl.function, tuple(impl.argnames))
                for impl in sorted(caller.get_hookimpls(), key=lambda i: self.names.index(i.plugin_name))
            )
            for hook in hookspecs.HOOKS
            if (caller := getattr(self._manager.hook, hook)).get_hookimpls()
        }
        self.checks = "stagegate_check" in self._hooks
        self.notifies = "stagegate_notify" in self._hooks
        self.asks_addresses = "stagegate_addresses" in self._hooks

    @classmethod
    def serving(cls, urls: Iterable[str | None], wanted: Iterable[Any]) -> Self:
        """Load and check what is *wanted*, and what serves one of *urls* without being named."""
        several = list(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else wanted
        if isinstance(several, list):
            schemes = (url.partition(":")[0] for url in urls if isinstance(url, str))
            owns = [own for scheme in schemes if (own := OWN.get(scheme)) is not None and own not in several]
            # Who hands it over as an object has it already.
            several += [own for own in owns if not any(load(own) is item for item in several)]
        return cls(several)

    def _each(self, hook: str, **given: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
        for name, function, wanted in self._hooks.get(hook, ()):
            arguments = {argument: given[argument] for argument in wanted}
            yield name, lambda f=function, a=arguments: f(**a)  # type: ignore[misc]

    def open_store(self, url: str) -> Store:
        """
        Return the store that the first plugin to know *url* hands over.

        Raises:
            PluginError: If no plugin knows it, or what it hands over is no store.
        """
        store = self._handed("stagegate_open_store", url, Store)
        if store is not None:
            return store  # type: ignore[no-any-return]  # it was looked at
        scheme = url.partition(":")[0]
        message = (
            f"no plugin opens {quote(scheme)} urls; name one in plugins=[…], or write 'sqlite:///file.db', "
            "'postgresql://host/database' or 'memory:'"
        )
        raise PluginError(scheme, message)

    def open_schema(self, url: str) -> Schema:
        """
        Return the form of a store that the first plugin to know *url* hands over.

        Raises:
            PluginError: If no plugin knows it, or what it hands over is none.
        """
        schema = self._handed("stagegate_open_schema", url, Schema)
        if schema is None:
            scheme = url.partition(":")[0]
            message = f"no plugin has a schema for {quote(scheme)} urls: there is nothing to upgrade, or name one"
            raise PluginError(scheme, message)
        return schema  # type: ignore[no-any-return]  # it was looked at

    def open_waker(self, url: str) -> Waker:
        """
        Return the waker that the first plugin to know *url* hands over.

        Raises:
            PluginError: If no plugin knows it, or what it hands over is no waker.
        """
        waker = self._handed("stagegate_open_waker", url, Waker)
        if waker is None:
            scheme = url.partition(":")[0]
            raise PluginError(scheme, f"no plugin wakes by {quote(scheme)} urls; name one in plugins=[…]")
        return waker  # type: ignore[no-any-return]  # it was looked at

    def _handed(self, hook: str, url: str, kind: type[Any]) -> Any:
        for name, call in self._each(hook, url=url):
            try:
                handed = call()
            except StagegateError:
                raise
            except Exception as error:
                raise PluginError(
                    name, f"it cannot open {quote(_shy(url))}: {type(error).__name__}: {error}"
                ) from error
            if handed is None:
                continue
            if not obeys(handed, kind):
                article = f"no {kind.__name__}: {type(handed).__name__}"
                raise PluginError(name, f"what it hands over for {quote(_shy(url))} is {article}")
            return handed
        return None

    def gather(self, hook: str, kind: type[Any]) -> list[Any]:
        """
        Return everything the plugins bring by *hook*, at opening.

        Raises:
            PluginError: If a plugin fails or brings something else than *kind*.
        """
        brought: list[Any] = []
        for name, call in self._each(hook):
            try:
                answer = list(call() or ())
            except Exception as error:
                raise PluginError(name, f"{hook} failed: {type(error).__name__}: {error}") from error
            for item in answer:
                if not isinstance(item, kind):
                    raise PluginError(name, f"{hook} brings {quote(item)}, which is no {kind.__name__}")
            brought += answer
        return brought

    def check(self, attempt: Attempt) -> list[Unmet]:
        """Return what the plugins have against *attempt*; a plugin that fails is a reason by itself."""
        reasons: list[Unmet] = []
        for name, call in self._each("stagegate_check", attempt=attempt):
            try:
                answer = _only(Unmet, call())
            except Exception as error:
                answer = [_failed(name, error)]
            reasons += answer
        return reasons

    def notify(self, event: Any, agreement: Any) -> list[Notification]:
        """
        Return what the plugins want to be told of *event*.

        Raises:
            PluginError: If a plugin fails; then nothing may be committed.
        """
        wanted: list[Notification] = []
        for name, call in self._each("stagegate_notify", event=event, agreement=agreement):
            try:
                answer = _only(Notification, call())
            except Exception as error:
                message = f"stagegate_notify failed, so nothing was recorded: {type(error).__name__}: {error}"
                raise PluginError(name, message) from error
            wanted += answer
        return wanted

    def addresses(self, role: str, channel: str, agreement: Any) -> list[str]:
        """
        Return whom the plugins know a role to be.

        Raises:
            PluginError: If a plugin fails or answers what is no address; then nothing may be committed.
        """
        found: list[str] = []
        for name, call in self._each("stagegate_addresses", role=role, channel=channel, agreement=agreement):
            try:
                answer = call()
                if isinstance(answer, str):
                    answer = (answer,)
                found += [address_of(one, "address") for one in _only(str, answer)]
            except Exception as error:
                message = f"stagegate_addresses failed, so nothing was recorded: {type(error).__name__}: {error}"
                raise PluginError(name, message) from error
        return found

    def deliver(self, notification: Notification, message: Message) -> Sent:
        """Deliver a notification by the first plugin that takes it; say how that went."""
        errors = []
        final = gone = False
        for name, call in self._each("stagegate_deliver", notification=notification, message=message):
            try:
                if call() is True:
                    return Sent()
            except Undeliverable as error:
                final, gone = True, gone or error.gone
                errors.append(f"{name}: {error}")
            except Exception as error:
                errors.append(f"{name}: {type(error).__name__}: {error}")
        if not errors:
            said = f"no plugin delivers to the channel {quote(notification.channel)}; name one that does"
            return Sent(error=said, unclaimed=True)
        return Sent(error="; ".join(errors), final=final, gone=gone)

    def predicates(self) -> list[Predicate]:
        """Return the predicates the plugins bring."""
        return self.gather("stagegate_requirements", Predicate)


def _shy(url: str) -> str:
    """Return a url without its password: it is about to be shown."""
    return re.sub(r"(//[^:/@]*):[^@/]*@", r"\1:***@", url)


def _only(kind: type[T], answer: Iterable[T] | None) -> list[T]:
    """Return what a plugin answered as a list, if there is nothing else in it."""
    several = [] if answer is None else list(answer)
    for item in several:
        if not isinstance(item, kind):
            message = f"it answered {quote(item)}, which is no {kind.__name__}"
            raise TypeError(message)
    return several


def _failed(name: str, error: Exception) -> Unmet:
    params = frozendict({"plugin": name, "error": failure(error)})
    return Unmet(code="plugin.error", params=params, requirement=f"plugin:{name}")


def open_schema(url: str, *, plugins: Iterable[Any] = ()) -> Schema:
    """
    Return the form of the store at a url, to look at its version and to bring it up to date; no store is opened.

    Args:
        url: Where the histories are kept, as for `Engine.open`.

        plugins: The plugins, as for `Engine.open`.

    Raises:
        PluginError: If a plugin cannot be loaded, or none has a schema for such urls.

        StoreError: If the url names nothing.
    """
    url = text(url, "url")
    return Plugins.serving((url,), plugins).open_schema(url)
