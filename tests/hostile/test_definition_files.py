from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    DefinitionError,
    Engine,
    GateClosed,
    MemoryStore,
    Process,
    Stage,
    StagegateError,
    all_of,
    any_of,
    fact,
    load_process,
)

from .office import BOSS, MOST_SAID

TOML = """
id = "p"
version = "1"

[[stages]]
id = "a"
owner = "boss"
{more}

[[stages]]
id = "b"
owner = "boss"
"""


GATE = 'gate = { unguarded = "x" }'


def toml(more: str) -> str:
    """Return a definition whose first stage says *more*."""
    return TOML.replace("{more}", more)


def definition(**more: Any) -> dict[str, Any]:
    """Return a definition as a table, whose first stage says *more*."""
    first = {"id": "a", "owner": "boss", "gate": {"unguarded": "x"}, **more}
    return {"id": "p", "version": "1", "stages": [first, {"id": "b", "owner": "boss"}]}


def tables(levels: int) -> dict[str, Any]:
    """Return tables inside each other."""
    table: dict[str, Any] = {}
    for _ in range(levels):
        table = {"a": table}
    return table


DEEP = [17, 200, 900, 3_000, 100_000]
DEEPEST: dict[str, Callable[[int], Any]] = {
    "toml-arrays": lambda n: "x = " + "[" * n + "]" * n,
    "toml-inline": lambda n: "x = " + "{a=" * n + "1" + "}" * n,
    "toml-dotted": lambda n: ".".join("a" * n) + " = 1",
    "toml-quoted": lambda n: "\"a\".'a'." * n + "a = 1",
    "toml-header": lambda n: "[" + ".".join("a" * n) + "]",
    "toml-gate": lambda n: toml("gate = " + "{not=" * n + '{fact="x"}' + "}" * n),
    "json-lists": lambda n: '{"x":' + "[" * n + "]" * n + "}",
    "json-tables": lambda n: '{"x":' * n + "1" + "}" * n,
    "json-open": lambda n: '{"x":' * n,
    "json-gate": lambda n: json.dumps(definition(gate="GATE")).replace(
        '"GATE"', '{"all":[' * n + '{"fact":"x"},{"fact":"y"}' + "]}" * n
    ),
    "table": tables,
    "table-label": lambda n: definition(label=tables(n)),
    "table-parameter": lambda n: {**definition(), "parameters": {"p": {"value": tables(n)}}},
}


@pytest.mark.parametrize("levels", DEEP)
@pytest.mark.parametrize("kind", list(DEEPEST))
def test_depth_is_never_a_crash(kind: str, levels: int) -> None:
    """A definition that is nested too deep is a fault like any other, or is read; it never breaks the reader."""
    try:
        load_process(DEEPEST[kind](levels))
    except DefinitionError as error:
        assert "recursion" not in str(error)
        assert len(str(error)) <= MOST_SAID
    else:
        assert kind in {"toml-gate", "json-gate", "table-parameter"}


ENUMERATED = " ".join(f"Art. {i}." for i in range(1, 60))
WORDY = {
    "word": "x" * 1_000_000,
    "lines": "\n" * 1_000_000,
    "commas": ", " * 500_000,
    "dots": "." * 1_000_000,
    "articles": ENUMERATED,
    "quotes": "','" * 300_000,
}


@pytest.mark.parametrize("form", ["toml", "json"])
@pytest.mark.parametrize("kind", list(WORDY))
def test_long_texts_are_not_taken_for_depth(kind: str, form: str) -> None:
    """A long word, many lines or an enumeration of articles is text, however much of it there is."""
    said = WORDY[kind]
    table = definition(basis=said)
    try:
        process = load_process(json.dumps(table) if form == "json" else toml(f"basis = {json.dumps(said)}\n{GATE}"))
    except DefinitionError as error:
        assert "characters" in str(error)
        assert len(said) > len(ENUMERATED)
    else:
        assert said == process.stages[0].basis


def woven(levels: int) -> Any:
    """Return a requirement in which `any` and `all` stand inside each other."""
    gate: Any = fact("x")
    for i in range(levels):
        gate = any_of(all_of(gate, fact(f"a{i}")), fact(f"b{i}"))
    return gate


@pytest.mark.parametrize("levels", [300, 2_000])
def test_depth_of_a_gate_made_in_python(levels: int) -> None:
    """A gate that is composed too deep is refused where the process is made."""
    with pytest.raises(DefinitionError, match="nested too deep"):
        Process("p", "1", (Stage("a", owner="boss", gate=woven(levels)), Stage("b", owner="boss")))


@pytest.mark.parametrize("levels", [6, 7, 8, 20, 60, 100])
def test_gate_that_is_deep_is_refused_or_works(levels: int) -> None:
    """A deep gate either makes no process, or one whose refusals are recorded, read back and proved."""
    try:
        process = Process("p", "1", (Stage("a", owner="boss", gate=woven(levels)), Stage("b", owner="boss")))
    except DefinitionError as error:
        assert "deep" in str(error)
        return
    engine = Engine(MemoryStore(), processes=[process])
    engine.start("p", "x", by=BOSS)
    with pytest.raises(GateClosed) as refused:
        engine.advance("x", by=BOSS, request_id="once")
    with pytest.raises(GateClosed) as again:
        engine.advance("x", by=BOSS, request_id="once")

    assert refused.value.unmet == again.value.unmet
    assert ["started", "refused"] == [event.kind for event in engine.history("x")]
    assert engine.verify().ok


BAD_FILES: list[tuple[str, bytes, str]] = [
    ("big.toml", b"#" + b"x" * 4 * 1024 * 1024, "4,194,304 are the most"),
    ("big.json", b" " * 4 * 1024 * 1024 + b"{}", "4,194,304 are the most"),
    ("latin.toml", b'id = "\xe9"', "not UTF-8"),
    ("latin.json", b'{"id": "\xe9"}', "not UTF-8"),
    ("wide.toml", 'id = "p"'.encode("utf-16"), "not UTF-8"),
    ("half.json", b'{"id": "\xed\xa0\x80"}', "not UTF-8"),
    ("nul.toml", b'id = "a\0b"', "not TOML"),
    ("nul.json", b'{"id": "a\0b"}', "not JSON"),
    ("empty.json", b"", "not JSON"),
    ("twice.json", b'{"id": "a", "id": "b"}', "'id' stands twice"),
    ("deep.json", b'{"stages": [{"owner": "a", "id": "b", "owner": "c"}]}', "'owner' stands twice"),
    ("twice.toml", b'id = "a"\nid = "b"', "not TOML"),
    ("list.json", b"[]", "a definition is a table"),
    ("text.json", b'"x"', "a definition is a table"),
    ("null.json", b"null", "a definition is a table"),
    ("digits.json", b'{"id": ' + b"9" * 5_000 + b"}", "not JSON"),
    ("digits.toml", b"id = " + b"9" * 5_000, "not TOML"),
    ("cut.json", b'{"id": "p", "stages": [', "not JSON"),
    ("cut.toml", b'[[stages]]\nid = "a', "not TOML"),
    ("zip.toml", b"PK\x03\x04\x00\x00\x00\xff", "not UTF-8"),
]


@pytest.mark.parametrize("name, content, said", BAD_FILES, ids=[name for name, _, _ in BAD_FILES])
def test_files_that_are_no_definitions(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """A file that is too large, no text, no TOML or JSON, or no table is refused with its name and in few words."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(DefinitionError) as error:
        Engine.open("memory:", processes=[path])
    assert said in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value)) <= MOST_SAID


@pytest.mark.parametrize("name", ["p.toml", "p.json"])
def test_mark_of_an_editor_is_no_part_of_a_definition(tmp_path: Path, name: str) -> None:
    """A file that begins with the mark by which some editors say UTF-8 holds the same definition."""
    written = toml(GATE) if name == "p.toml" else json.dumps(definition())
    (tmp_path / name).write_text(written, encoding="utf-8-sig")
    (tmp_path / f"plain-{name}").write_text(written, encoding="utf-8")

    assert load_process(tmp_path / f"plain-{name}").digest == load_process(tmp_path / name).digest


@pytest.mark.parametrize("path", ["a\0b", "a\ud800b", "/nonexistent/p.toml", "/", "x" * 5_000, "x" * 1_000_000])
def test_paths_that_name_no_file(path: str) -> None:
    """A path that names no file, or can be none, is refused as a path and in few words."""
    with pytest.raises(DefinitionError, match="cannot be read") as error:
        load_process(path)
    assert len(str(error.value)) <= 6_000


def test_keys_by_the_hundred_thousand() -> None:
    """One key that stands twice among a hundred thousand is found."""
    keys = ",".join(f'"k{i}":1' for i in range(100_000))

    with pytest.raises(DefinitionError, match="'k7' stands twice"):
        load_process(f'{{{keys},"k7":2}}')


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{i} = 1\n" for i in range(20_000)),
        'id = "p"\nversion = "1"\n' + '[[stages]]\nid = "a"\nowner = "b"\n' * 2_000,
        toml("back_to = [" + '"nowhere",' * 20_000 + "]\ngate = {unguarded = 'x'}"),
        toml("gate = {all = [" + "{fact = 3}," * 2_000 + "]}"),
    ],
    ids=["keys", "stages", "targets", "requirements"],
)
def test_faults_by_the_thousand_are_said_in_bounds(text: str) -> None:
    """A definition that is wrong in thousands of places is refused, and what is said of it can still be read."""
    with pytest.raises(DefinitionError) as error:
        load_process(text)
    assert len(str(error.value)) <= 100_000


def test_lists_that_multiply_stay_what_they_are() -> None:
    """A parameter that stands for a list is not filled into itself: what is small as a file stays small."""
    laughs = "[parameters]\n" + "".join(
        f'p{i} = {{ value = [{{ parameter = "p{i - 1}" }}, {{ parameter = "p{i - 1}" }}] }}\n' for i in range(1, 64)
    )
    text = laughs + 'p0 = { value = ["ha"] }\n' + toml('contributors = [{ parameter = "p63" }]\ngate = {unguarded="x"}')

    with pytest.raises(DefinitionError):
        load_process('id = "p"\nversion = "1"\n' + text.replace('id = "p"\nversion = "1"\n', ""))


CODE = ["__import__('os').system('false')", "{0.__class__}", "{}", "%s", "$(false)", "${HOME}", "<script>", "\u202eabc"]


@pytest.mark.parametrize("text", CODE)
@pytest.mark.parametrize("form", ["toml", "json", "table"])
def test_no_text_of_a_definition_is_evaluated(form: str, text: str) -> None:
    """What looks like code or a template stays the text it is."""
    table = definition(label=text, basis=text, gate={"fact": "x", "label": text})
    quoted = json.dumps(text, ensure_ascii=False)
    source: Any = {
        "table": table,
        "json": json.dumps(table),
        "toml": toml(f"label = {quoted}\nbasis = {quoted}\ngate = {{ fact = 'x', label = {quoted} }}"),
    }[form]
    process = load_process(source)

    assert (text, text) == (process.stages[0].label.text("en"), process.stages[0].basis)
    assert load_process(table).digest == process.digest


BAD_TEXTS: list[tuple[str, str]] = [("a\0b", "NUL"), ("\ud800", "surrogate"), ("x" * 100_000, "characters")]


@pytest.mark.parametrize("text, said", BAD_TEXTS, ids=range(len(BAD_TEXTS)))
@pytest.mark.parametrize(
    "place",
    [
        ("stages[0].label", lambda text: definition(label=text)),
        ("stages[0].label", lambda text: definition(label={"id": text})),
        ("stages[0].basis", lambda text: definition(basis=text)),
        ("stages[0].gate.unguarded", lambda text: definition(gate={"unguarded": text})),
        ("stages[0].gate.label", lambda text: definition(gate={"fact": "x", "label": text})),
        ("stages[0].gate.equals", lambda text: definition(gate={"fact": "x", "equals": text})),
        ("label", lambda text: {**definition(), "label": text}),
        ("basis", lambda text: {**definition(), "basis": text}),
        ("outcomes[0].label", lambda text: {**definition(), "outcomes": [{"id": "o", "label": text}]}),
        ("roles", lambda text: {**definition(), "roles": {"boss": text}}),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("form", ["json", "table"])
def test_texts_that_no_history_can_hold(
    form: str, place: tuple[str, Callable[[str], dict[str, Any]]], text: str, said: str
) -> None:
    """A text with a NUL, half a character or too many of them is a fault at its path, wherever it stands."""
    path, make = place
    table = make(text)

    with pytest.raises(DefinitionError) as error:
        load_process(json.dumps(table) if form == "json" else table)
    assert path in str(error.value)
    assert said in str(error.value)
    assert len(str(error.value)) <= MOST_SAID


NUMBERS = ["nan", "inf", "-inf", "1e99999", "1e999999999", "9" * 4_000, "0.1", "1e-9999999", "-0.0"]


@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
def test_numbers_that_no_history_can_hold(number: str) -> None:
    """A number is taken exactly as it is written, or is a fault at its path; it is never rounded and never explodes."""
    source = toml(f'gate = {{ fact = "x", equals = {number} }}')
    try:
        process = load_process(source)
    except DefinitionError as error:
        assert "stages[0].gate.equals" in str(error)
        assert len(str(error)) <= MOST_SAID
    else:
        assert number in {"0.1", "-0.0"}
        assert number == json.loads(json.dumps(process.stages[0].gate.asks()))["equals"]  # type: ignore[union-attr]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("place", ["label", "equals", "version"])
def test_numbers_that_json_does_not_know(number: str, place: str) -> None:
    """NaN and the infinities, which Python writes and JSON does not know, are faults."""
    table = {
        "label": definition(label="N"),
        "equals": definition(gate={"fact": "x", "equals": "N"}),
        "version": {**definition(), "version": "N"},
    }[place]

    with pytest.raises(DefinitionError):
        load_process(json.dumps(table).replace('"N"', number))


@pytest.mark.parametrize("argument, value", [("parameters", 3), ("without", 3), ("requirements", 3)])
def test_other_arguments_of_the_reader(argument: str, value: Any) -> None:
    """What goes with a definition is checked by name too."""
    with pytest.raises(StagegateError, match=argument):
        load_process(definition(), **{argument: value})
    with pytest.raises(StagegateError, match=f"{argument}|no requirement 3"):
        load_process(definition(), **{argument: [value]})


def test_names_that_reach_for_code() -> None:
    """A requirement is named among those that were handed over; nothing is imported by its name."""
    for named in ("os.system", "builtins:eval", "stagegate.contrib.sqlite", "../predicate", "__class__"):
        with pytest.raises(DefinitionError, match="there is no requirement"):
            load_process(definition(gate={"requirement": named}))
