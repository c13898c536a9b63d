from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType

import attrs
import pytest

import stagegate
from stagegate import StagegateError, check_plugin, hookimpl, hookspecs, testing
from stagegate._kinds import COMMON, KINDS, PROOF

Page = Callable[[str], str]
Section = Callable[[str, str], str]

API = "docs/reference/api.md"
HOOKS = "docs/reference/hooks.md"
ERRORS = "docs/reference/errors.md"
MESSAGES = "docs/reference/messages.md"
TOLD = "docs/how-to/who-is-told.md"
HOUSE = "docs/explanation/house.md"

ERROR_CLASSES = sorted(
    name
    for name in stagegate.__all__
    if isinstance(kind := getattr(stagegate, name), type) and issubclass(kind, Exception)
)


def public(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Go through all that a reader may call or read: the public names of a module, and what stands in its classes."""
    for name in module.__all__:
        value = getattr(module, name)
        yield f"{module.__name__}.{name}", value
        if not inspect.isclass(value):
            continue
        for attribute, member in vars(value).items():
            inner = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if not attribute.startswith("_") and (inspect.isfunction(inner) or isinstance(inner, property)):
                yield f"{module.__name__}.{name}.{attribute}", inner


DOCUMENTED = dict(
    [*public(stagegate), *public(testing), *((f"stagegate.hookspecs.{k}", v) for k, v in hookspecs.HOOKS.items())]
)


@pytest.mark.parametrize("hook", hookspecs.HOOKS)
def test_hook_is_documented(hook: str, section: Section) -> None:
    """Every hook has a section under its exact signature, with all types, that says when it is called and what an error does."""
    signature = inspect.signature(hookspecs.HOOKS[hook])
    said = section(HOOKS, f"`{hook}({', '.join(signature.parameters)})`")
    # The module does not evaluate its annotations, so that they stand there as they were written.
    typed = str(signature).replace("'", "")

    assert said.startswith(f"\n\n```text\ndef {hook}{typed}\n```\n")
    assert "| called |" in said
    assert "| an error |" in said


def test_no_other_hook_is_documented(page: Page) -> None:
    """The page shows no hook that is not there."""
    assert sorted(hookspecs.HOOKS) == sorted(re.findall(r"^## `(\w+)\(", page(HOOKS), re.MULTILINE))


@pytest.mark.parametrize("hook", hookspecs.HOOKS)
def test_hook_is_on_the_timeline(hook: str, page: Page) -> None:
    """The timeline shows every hook under its exact signature."""
    arguments = ", ".join(inspect.signature(hookspecs.HOOKS[hook]).parameters)

    assert f"{hook}({arguments})" in page("docs/plugins/timeline.md")


@pytest.mark.parametrize("hook", hookspecs.HOOKS)
def test_hook_as_documented_is_taken(hook: str) -> None:
    """A plugin that implements a hook under the signature of the reference keeps to it."""
    spec = hookspecs.HOOKS[hook]
    plugin = ModuleType("plugin")
    setattr(plugin, hook, hookimpl(FunctionType(spec.__code__, vars(hookspecs), hook)))
    getattr(plugin, hook).__annotations__ = spec.__annotations__

    assert check_plugin(plugin) is None


@pytest.mark.parametrize("module", [stagegate, testing], ids=lambda module: module.__name__)
def test_face_is_in_the_reference(module: ModuleType, page: Page) -> None:
    """The reference shows every public name once, and nothing else."""
    kind = r"(?:auto(?:class|function|exception)|py:data)"
    directive = re.compile(rf"^\.\. {kind}:: {re.escape(module.__name__)}\.(\w+)$", re.MULTILINE)
    shown = directive.findall(page(API) + page(ERRORS))

    assert sorted(module.__all__) == sorted(shown)


@pytest.mark.parametrize("error", ERROR_CLASSES)
def test_error_has_cause_and_remedy(error: str, section: Section) -> None:
    """Every error says what causes it and what to do about it."""
    said = section(ERRORS, error)
    cause, remedy = (
        re.search(rf"^\*\*{word}\.\*\* [\w`].*\.$", said, re.MULTILINE | re.DOTALL) for word in ("Cause", "Remedy")
    )

    assert cause is not None
    assert remedy is not None


def test_tree_of_errors(page: Page) -> None:
    """The tree of errors shows every class under its parent."""
    lines = page(ERRORS).partition("```\n")[2].partition("```")[0].splitlines()
    above: dict[int, str] = {}
    parents: dict[str, str] = {}
    for line in lines:
        found = re.match(r"([├└│─ ]*)(\w+)", line)
        assert found, line
        depth, name = len(found[1]) // 4, found[2]
        above[depth] = name
        if depth:
            parents[name] = above[depth - 1]
    expected = {
        name: getattr(stagegate, name).__base__.__name__ for name in ERROR_CLASSES if name != StagegateError.__name__
    }
    # It is a ValueError as well, which the line says in words.
    expected["InvalidValue"] = "StagegateError"

    assert expected == parents


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring(name: str) -> None:
    """Everything public has a docstring whose first sentence ends as a sentence does."""
    said = inspect.cleandoc(getattr(DOCUMENTED[name], "__doc__", None) or "")
    first = said.partition("\n\n")[0]

    assert first.endswith((".", "…")), f"{name}: {first!r}"
    assert first[0].isupper() or first[0] == "`"


def items(said: str) -> Iterator[str]:
    """Go through the lines of a docstring that ought to begin an item of one of its lists."""
    inside = False
    for line in said.splitlines():
        if re.match(r"\S", line):
            inside = line in {"Args:", "Attributes:", "Fixtures:", "Raises:"}
        elif inside and re.match(r" {4}\S", line):
            yield line.strip()


@pytest.mark.parametrize("name", DOCUMENTED)
def test_lists_in_a_docstring(name: str) -> None:
    """What a docstring lists is read as it is meant: every item begins with its name, and goes on deeper than that."""
    said = inspect.cleandoc(getattr(DOCUMENTED[name], "__doc__", None) or "")

    assert set() == {item for item in items(said) if not re.match(r"\w+: \S", item)}


@pytest.mark.parametrize("name", [name for name, value in DOCUMENTED.items() if attrs.has(value)])
def test_every_field_is_explained(name: str) -> None:
    """The docstring of a value says what each of its fields is; one that says it in a sentence has no list."""
    said = inspect.cleandoc(DOCUMENTED[name].__doc__ or "")
    listed = {item.partition(":")[0] for item in items(said)}
    public = {field.name for field in attrs.fields(DOCUMENTED[name]) if not field.name.startswith("_")}

    assert "Attributes:" not in said or public <= listed


def test_house_is_drawn_as_it_stands(page: Page) -> None:
    """The picture of the house shows the floors that import-linter holds it to, from the roof down."""
    floors = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]["layers"]
    picture = page(HOUSE).partition("```\n")[2].partition("```")[0]
    drawn = [re.split(r"  |$", line)[0] for line in picture.splitlines() if not line.startswith(" ")]

    assert floors == drawn


def test_kinds_are_listed(section: Section) -> None:
    """The page of messages lists every kind of thing one can be told of, in order, each with its fields."""
    table = re.findall(r"^\| `([\w.]+)` \|.*\|(.*)\|$", section(MESSAGES, "Kinds"), re.MULTILINE)
    listed = {kind: re.findall(r"`(\w+)`", fields) for kind, fields in table}

    assert list(KINDS.items()) == [(kind, tuple(fields)) for kind, fields in listed.items()]


def test_common_fields_are_listed(page: Page) -> None:
    """It lists what every kind has beside that."""
    said = page(MESSAGES).partition("## Fields")[2].partition("## ")[0]
    listed = [
        name
        for first, _ in re.findall(r"^\| (`.*?) \| (.*) \|$", said, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", first)
    ]

    assert [*COMMON, *PROOF] == listed


def test_keys_of_a_subscription_are_listed(page: Page) -> None:
    """The page that says who is told lists every key of a subscription."""
    table = page(TOLD).partition("| key | says |")[2].partition("\n\n")[0]

    assert [field.name for field in attrs.fields(stagegate.Subscription)] == re.findall(
        r"^\| `(\w+)`", table, re.MULTILINE
    )
