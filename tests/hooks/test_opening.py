"""What is checked when plugins are opened: each fault names the plugin and says what would do."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    Attempt,
    Engine,
    Event,
    InvalidValue,
    MemoryStore,
    Notification,
    PluginError,
    Process,
    Store,
    Unmet,
    check_plugin,
    hookimpl,
)
from stagegate.contrib import sqlite
from stagegate.hookspecs import HOOKS


class Unknown:
    """A hook that is not there."""

    @hookimpl
    def stagegate_notifies(self, event: Event) -> Iterable[Notification]:
        """Answer nothing of use."""
        return ()


class UnknownUnprefixed:
    """A marked function that is no hook at all."""

    @hookimpl
    def notify(self, event: Event) -> Iterable[Notification]:
        """Answer nothing of use."""
        return ()


class Unmarked:
    """A hook without its mark."""

    def stagegate_notify(self, event: Event) -> Iterable[Notification]:
        """Answer nothing of use."""
        return ()


class WrongArgument:
    """An argument that the hook does not give."""

    @hookimpl
    def stagegate_notify(self, event: Event, deal: Agreement) -> Iterable[Notification]:
        """Answer nothing of use."""
        return ()


class ArgumentTooMany:
    """An argument for a hook that gives none."""

    @hookimpl
    def stagegate_processes(self, engine: Engine) -> Iterable[Process]:
        """Answer nothing of use."""
        return ()


class WrongType:
    """An argument of another type than the hook gives."""

    @hookimpl
    def stagegate_notify(self, event: dict[str, Any], agreement: str) -> Iterable[Notification]:
        """Answer nothing of use."""
        return ()


class Defaulted:
    """An argument with a default, which would never be given."""

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Any = None) -> Iterable[Notification]:
        """Answer nothing of use."""
        return ()


class KeywordOnly:
    """An argument that would never be given."""

    @hookimpl
    def stagegate_check(self, *, attempt: Attempt) -> Iterable[Unmet]:
        """Answer nothing of use."""
        return ()


class Asynchronous:
    """A hook that has to be awaited."""

    @hookimpl
    async def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Answer nothing of use."""
        return True


class AsynchronousGenerator:
    """A hook that has to be awaited many times."""

    @hookimpl
    async def stagegate_notify(self, event: Event) -> Any:
        """Answer nothing of use."""
        yield event


class Wrapper:
    """A wrapper around the hooks of others."""

    @hookimpl(wrapper=True)
    def stagegate_check(self, attempt: Attempt) -> Any:
        """Answer nothing of use."""
        return (yield)


class Empty:
    """Nothing at all."""


class Twice:
    """Two faults."""

    def stagegate_notify(self, event: Event) -> Iterable[Notification]:
        """Answer nothing of use."""
        return ()

    @hookimpl
    def stagegate_delivery(self) -> None:
        """Do nothing."""


FAULTY: list[tuple[type[Any], str]] = [
    (Unknown, "there is no hook stagegate_notifies; there are stagegate_open_store, "),
    (UnknownUnprefixed, "there is no hook notify; there are "),
    (Unmarked, "stagegate_notify is not marked; put @hookimpl above it"),
    (WrongArgument, "stagegate_notify takes deal; the hook gives event, agreement"),
    (ArgumentTooMany, "stagegate_processes takes engine; the hook gives nothing"),
    (WrongType, "stagegate_notify: agreement is str, the hook gives Agreement"),
    (WrongType, "stagegate_notify: event is dict"),
    (Defaulted, "stagegate_notify: agreement"),
    (KeywordOnly, "stagegate_check: attempt"),
    (Asynchronous, "stagegate_deliver is asynchronous; hooks are plain functions"),
    (AsynchronousGenerator, "stagegate_notify is asynchronous; hooks are plain functions"),
    (Wrapper, "stagegate_check is a wrapper"),
    (Empty, "it implements no hook; mark its functions with @hookimpl"),
    (Twice, "stagegate_notify is not marked"),
    (Twice, "there is no hook stagegate_delivery"),
]


@pytest.mark.parametrize("plugin,said", FAULTY, ids=[f"{plugin.__name__}-{i}" for i, (plugin, _) in enumerate(FAULTY)])
def test_faulty_plugin_is_named(plugin: type[Any], said: str) -> None:
    """A plugin that breaks the contract of a hook ends the opening with its name and what is wrong; so does the check alone."""
    for check in (lambda: Engine.open("memory:", plugins=[plugin()]), lambda: check_plugin(plugin())):
        with pytest.raises(PluginError, match=re.escape(said)) as refused:
            check()

        assert plugin.__name__ == refused.value.plugin
        assert str(refused.value).startswith(f"plugin {plugin.__name__!r}: ")


class Good:
    """A plugin with nothing wrong: untyped, partly typed, and with fewer arguments than it could have."""

    name = "good"
    stagegate_version = "1.0"

    @hookimpl
    def stagegate_notify(self, event) -> Iterable[Notification]:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Answer nothing of use."""
        return ()

    @hookimpl
    def stagegate_check(self, attempt: Any) -> list[Unmet]:
        """Answer nothing of use."""
        return []

    @hookimpl
    def stagegate_deliver(self) -> None:
        """Take nothing."""

    @hookimpl
    def stagegate_calendars(self) -> "Iterable[NowhereDefined]":  # type: ignore[name-defined]  # noqa: F821, UP037
        """Answer nothing of use."""
        return ()


def test_good_plugin_is_taken() -> None:
    """A plugin takes only the arguments it needs, with or without types, and may have attributes that are no hooks."""
    check_plugin(Good())

    assert ("good",) == Engine.open("memory:", plugins=[Good()]).plugins


def test_class_instead_of_object() -> None:
    """A class is not a plugin; its object is."""
    with pytest.raises(PluginError, match="'Good': it is a class; hand over an object of it, or a module"):
        Engine.open("memory:", plugins=[Good])
    with pytest.raises(PluginError, match="it is a class"):
        check_plugin(Good)


@pytest.mark.parametrize("plugin", [3, None, object(), [], b"log"])
def test_something_that_is_no_plugin(plugin: Any) -> None:
    """Anything else than a plugin or a name is refused."""
    with pytest.raises(PluginError):
        Engine.open("memory:", plugins=[plugin])


def test_check_can_call_it_something() -> None:
    """Who checks a plugin may say what it is called."""
    with pytest.raises(PluginError, match="plugin 'mail': it implements no hook"):
        check_plugin(Empty(), "mail")


def test_property_that_fails_is_no_hook(process: Process, boss: Actor) -> None:
    """An attribute that cannot be read does not keep a plugin out."""

    class Moody(Good):
        @property
        def weather(self) -> str:
            raise RuntimeError

    assert "a" == Engine.open("memory:", processes=[process], plugins=[Moody()]).start("p", "x", by=boss).stage


def test_module_is_a_plugin() -> None:
    """A module with marked functions is a plugin under its own name."""
    module = ModuleType("my_plugin")

    @hookimpl
    def stagegate_check(attempt: Attempt) -> Iterable[Unmet]:
        """Answer nothing of use."""
        return ()

    module.stagegate_check = stagegate_check  # type: ignore[attr-defined]

    assert ("my_plugin",) == Engine.open("memory:", plugins=[module]).plugins


def test_two_plugins_of_one_name_are_told_apart() -> None:
    """Two plugins may have the same name; the later gets a mark."""
    assert ("good", "good'", "good''") == Engine.open("memory:", plugins=[Good(), Good(), Good()]).plugins


def test_one_plugin_twice() -> None:
    """The same object named twice is refused, since it would be told everything twice."""
    good = Good()
    with pytest.raises(PluginError, match="good"):
        Engine.open("memory:", plugins=[good, good])


WORKING = """
from stagegate import hookimpl

@hookimpl
def stagegate_check(attempt):
    return ()
"""


def test_installed_plugin_is_loaded_by_its_name(install: Callable[[str, str], None]) -> None:
    """A package names its plugin in the entry-point group; the engine loads it when it is named, under that name."""
    install("one", WORKING)

    assert ("one",) == Engine.open("memory:", plugins=["one"]).plugins


def test_installed_plugin_is_not_loaded_by_being_there(install: Callable[[str, str], None]) -> None:
    """Nothing is imported because it happens to be installed."""
    install("idle", "raise SystemExit('I was imported')")
    engine = Engine.open("memory:", plugins=["log"])

    assert ("log",) == engine.plugins
    assert "installed_idle" not in sys.modules


def test_unknown_name_lists_what_is_installed(install: Callable[[str, str], None]) -> None:
    """A name that no package has is refused with those there are."""
    install("one", WORKING)
    with pytest.raises(
        PluginError, match="no installed package names it .* installed are: .*calendars, .*log, .*one, .*sqlite"
    ) as refused:
        Engine.open("memory:", plugins=["pigeon"])

    assert "pigeon" == refused.value.plugin


@pytest.mark.parametrize(
    "source,said",
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def (", "SyntaxError"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("1/0", "ZeroDivisionError"),
    ],
)
def test_plugin_that_cannot_be_imported_is_named(install: Callable[[str, str], None], source: str, said: str) -> None:
    """A plugin whose import fails ends the opening with its name, where it is from, and what was raised."""
    install("broken", source)
    with pytest.raises(PluginError, match=f"'broken': it cannot be imported from installed_broken: {said}") as refused:
        Engine.open("memory:", plugins=["broken"])

    assert refused.value.__cause__ is not None


def test_entry_point_to_a_missing_attribute_is_named(install: Callable[[str, str], None], tmp_path: Any) -> None:
    """A plugin whose entry point names something that is not there is named."""
    install("half", WORKING)
    entry = tmp_path / "installed_half-1.0.dist-info" / "entry_points.txt"
    entry.write_text("[stagegate]\nhalf = installed_half:plugin\n")
    with pytest.raises(PluginError, match="'half': it cannot be imported from installed_half:plugin: AttributeError"):
        Engine.open("memory:", plugins=["half"])


@pytest.mark.parametrize("wrong", ["log", b"log", 3, None])
def test_plugins_are_named_in_a_list(wrong: Any) -> None:
    """A bare name is refused instead of being taken letter by letter."""
    with pytest.raises(PluginError):
        Engine.open("memory:", plugins=wrong)


def test_two_engines_share_nothing(process: Process, boss: Actor) -> None:
    """Plugins belong to the engine they were named for."""

    class Veto:
        @hookimpl
        def stagegate_check(self, attempt: Attempt) -> Iterable[Unmet]:
            return [Unmet(code="no", params={"reason": attempt.move})]

    strict = Engine.open("memory:", processes=[process], plugins=[Veto()])
    free = Engine.open("memory:", processes=[process])

    assert (("Veto",), ()) == (strict.plugins, free.plugins)
    free.start("p", "x", by=boss)
    assert "b" == free.advance("x", by=boss).stage


def test_hooks_are_listed() -> None:
    """The hooks there are, in the order of an engine's life."""
    assert [
        "stagegate_open_store",
        "stagegate_open_schema",
        "stagegate_open_waker",
        "stagegate_processes",
        "stagegate_requirements",
        "stagegate_calendars",
        "stagegate_messages",
        "stagegate_subscriptions",
        "stagegate_check",
        "stagegate_notify",
        "stagegate_addresses",
        "stagegate_deliver",
    ] == list(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_says_when_and_what_an_error_does(name: str) -> None:
    """The docstring of a hook tells when it is called and what an error in it does, and it is typed."""
    spec = HOOKS[name]

    assert "alled" in spec.__doc__
    assert "rror" in spec.__doc__
    assert {"return", *spec.__code__.co_varnames[: spec.__code__.co_argcount]} == set(spec.__annotations__)


def test_store_is_a_protocol() -> None:
    """What a plugin hands over is recognised by what it can do, not by whose child it is."""
    assert isinstance(MemoryStore(), Store)
    assert not isinstance(Good(), Store)


# Plugins that are configured


class Bell:
    """A plugin that has to be told how loud."""

    def __init__(self, loud: int) -> None:
        """Be that loud."""
        self.loud = loud

    @hookimpl
    def stagegate_deliver(self, notification: Notification) -> bool | None:
        """Ring."""
        return True


def configured(*, loud: int, **others: Any) -> Bell:
    """Return the plugin with its settings."""
    if others:
        message = f"there is no setting {', '.join(others)}"
        raise InvalidValue(message)
    return Bell(loud)


@pytest.fixture
def entry_point(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Have an installed package that names a plugin `bell`, which takes settings."""
    module = ModuleType("bell")
    module.configured = configured  # type: ignore[attr-defined]
    monkeypatch.setattr("stagegate._plugins.load", lambda name: module)
    return module


@pytest.mark.usefixtures("entry_point")
def test_plugin_is_configured() -> None:
    """A table names a plugin and what it is configured with."""
    with Engine.open("memory:", plugins=[{"plugin": "bell", "loud": 11}]) as engine:
        assert ("bell",) == engine.plugins


@pytest.mark.usefixtures("entry_point")
@pytest.mark.parametrize(
    "wanted, said",
    [
        ("bell", "plugin 'bell': it cannot be configured: missing 1 required keyword-only argument: 'loud'"),
        ({"plugin": "bell", "loud": 1, "far": 2}, "plugin 'bell': it cannot be configured: there is no setting far"),
        ({"loud": 1}, "names its plugin under the key 'plugin'; this one has loud"),
        ({}, "names its plugin under the key 'plugin'; this one has nothing"),
    ],
)
def test_settings_that_do_not_fit(wanted: Any, said: str) -> None:
    """Settings that are missing, unknown or nobody's are errors that name the plugin."""
    with pytest.raises(PluginError, match=re.escape(said)):
        Engine.open("memory:", plugins=[wanted])


@pytest.mark.parametrize(
    "wanted, said",
    [
        ("mail", "it needs host, sender beside its name, as in {plugin = …, host = …}"),
        (
            {"plugin": "mail", "sender": "a@example.org", "hots": "x"},
            "it needs host beside its name, as in {plugin = …, host = …}; it takes no hots; it takes host, sender, port,",
        ),
        ({"plugin": "mail", "host": "x", "sender": "a@example.org", "prot": 25}, "it takes no prot; it takes host, "),
    ],
)
def test_settings_by_other_names(wanted: Any, said: str) -> None:
    """Settings that are missing and those that a plugin does not know are told in words of settings, not of Python."""
    with pytest.raises(PluginError, match=re.escape(f"plugin 'mail': it cannot be configured: {said}")):
        Engine.open("memory:", plugins=[wanted])


def test_settings_of_a_plugin_that_takes_none(entry_point: ModuleType) -> None:
    """Settings for a plugin that takes none are refused, whether it is configured at all or not."""
    entry_point.configured = lambda: Bell(1)  # type: ignore[attr-defined]
    with pytest.raises(
        PluginError, match="plugin 'bell': it cannot be configured: it takes no loud; it takes nothing$"
    ):
        Engine.open("memory:", plugins=[{"plugin": "bell", "loud": 1}])
    del entry_point.configured
    with pytest.raises(PluginError, match="plugin 'bell': it takes no settings, but was given loud"):
        Engine.open("memory:", plugins=[{"plugin": "bell", "loud": 1}])


def test_own_plugin_that_is_handed_over(tmp_path: Path) -> None:
    """A plugin that the url would bring, handed over as an object, is there once."""
    with Engine.open(f"sqlite:///{tmp_path / 'x.db'}", plugins=[sqlite]) as engine:
        assert ("stagegate.contrib.sqlite",) == engine.plugins
