from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from stagegate import (
    GateClosed,
    InvalidValue,
    Label,
    Party,
    Requirement,
    Unmet,
    actor,
    all_of,
    approval,
    at_least,
    document,
    fact,
    parties,
    requirement,
    when,
)


def test_reason_is_told_in_the_language_that_is_asked() -> None:
    """The library's own sentence is told in English, Indonesian or Japanese, and in English where it speaks no other."""
    reason = Unmet(code="document.missing", params={"document": "report"})
    english = reason.text()

    assert "the document report is missing" == english == reason.text("en") == reason.text("fr") == reason.text("en-GB")
    assert 3 == len({reason.text(lang) for lang in ("en", "id", "ja")})
    assert all("report" in reason.text(lang) for lang in ("id", "ja", "ja-JP"))


def test_reason_speaks_wherever_it_is_read() -> None:
    """A reason says its sentence in a program that has imported nothing else of the library."""
    program = (
        "from stagegate import Unmet\n"
        "print(Unmet(code='document.missing', params={'document': 'report'}).text())\n"
        "print(Unmet(code='approval.missing', params={'role': 'council', 'have': 0, 'need': 1}).text())\n"
        "print(Unmet(code='fact.missing', params={'fact': 'cost'}).text())\n"
        "print(Unmet(code='parties.missing', params={'party': 'bekasi'}).text())\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert [
        "the document report is missing",
        "0 of 1 approvals of council are given",
        "the fact cost is not recorded",
        "bekasi is not a party",
    ] == run.stdout.splitlines()


def test_label_stands_before_the_sentence() -> None:
    """What the process calls a requirement stands before the sentence, in the same language."""
    label = Label({"en": "Report", "ja": "報告書"})
    reason = Unmet(code="document.missing", params={"document": "d"}, label=label)

    assert "Report: the document d is missing" == reason.text()
    assert reason.text("ja").startswith("報告書：")
    assert reason.text("id").startswith("Report: ")


@pytest.mark.parametrize(
    "lang, said",
    [
        ("id", "R: salah satu dari hal berikut harus terpenuhi: (1) A: dokumen d belum ditandatangani oleh x, y"),
        ("ja", "R：次のいずれかを満たす必要がある：(1) A：文書「d」に次の者の署名がない：x、y"),
        ("ja-JP", "R：次のいずれかを満たす必要がある：(1) A：文書「d」に次の者の署名がない：x、y"),
    ],
)
def test_colons_and_commas_are_those_of_the_language(lang: str, said: str) -> None:
    """Behind a label, before alternatives and in a list stand the marks of the language."""
    unsigned = Unmet(code="document.unsigned_by", params={"document": "d", "by": ["x", "y"]}, label=Label({"en": "A"}))
    reason = Unmet(code="any", label=Label({"en": "R"}), alternatives=((unsigned,),))

    assert said == reason.text(lang)


def test_reason_of_an_own_code_says_its_reason() -> None:
    """A code the library does not know is told by its param `reason`, or by the name of the requirement."""
    assert "there is an embargo" == Unmet(code="embargo", params={"reason": "there is an embargo"}).text()
    assert "the requirement G1 does not hold" == Unmet(code="embargo", requirement="G1").text()


def test_missing_param_is_shown_as_a_gap() -> None:
    """A sentence whose params are incomplete shows the gap instead of failing."""
    assert "the document {document} is missing" == Unmet(code="document.missing").text()


def test_braces_in_params_are_only_text() -> None:
    """What was recorded is never taken for a template."""
    reason = Unmet(code="predicate", params={"reason": "{document.__class__} {0} %s"})

    assert "{document.__class__} {0} %s" == reason.text()


def test_params_are_plain_and_frozen() -> None:
    """Params are kept as plain data, and what is none is refused."""
    reason = Unmet(code="x", params={"days": [1, 2], "by": {"b", "a"}})

    assert {"days": (1, 2), "by": ("a", "b")} == reason.params
    assert {reason: 1}[reason] == 1
    for params in ({"share": 0.5}, {"x": object()}, ["a"]):
        with pytest.raises(InvalidValue, match="params"):
            Unmet(code="x", params=params)


@pytest.mark.parametrize("value", ["x" * 60_000, ["y" * 1000] * 500, {"k": {"n": ["z" * 1000] * 60}}])
def test_reason_shows_long_values_shortened(case: Callable[..., Any], value: Any) -> None:
    """However large a recorded value is, the reason about it stays small, and the refusal can be recorded."""
    gate = fact("f", equals=1) & fact("f", one_of=[1, 2], id="again")
    trial = case(gate).record("f", value)
    with pytest.raises(Exception, match="refused") as refused:
        trial.advance()

    assert "GateClosed" == type(refused.value).__name__
    assert ["fact.equals", "fact.one_of"] == trial.codes
    assert 20_000 > len(str(refused.value))


def loud(i: int, *, soft: bool) -> Any:
    """Return a predicate that always refuses, at length."""
    made = requirement(code=f"loud.{i}")(lambda attempt: "\U0001f4a5" * 1900)
    return attrs.evolve(made, soft=soft)


def test_more_reasons_than_an_event_can_hold(case: Callable[..., Any]) -> None:
    """The caller gets every reason; the event holds as many as it can and says how many it left out."""
    trial = case(all_of(*(loud(i, soft=False) for i in range(300))))
    with pytest.raises(GateClosed) as refused:
        trial.advance()
    data = trial.engine.history("deal")[-1].data["data"]

    assert 300 == len(refused.value.unmet) == len(trial.unmet) == len(data["unmet"]) + data["left_out"]
    assert 0 < data["left_out"] < 300


def test_more_warnings_than_an_event_can_hold(case: Callable[..., Any]) -> None:
    """Warnings never keep an agreement back, however many there are."""
    trial = case(all_of(*(loud(i, soft=True) for i in range(300))))

    assert "done" == trial.advance().stage


def nested(depth: int) -> Any:
    """Return a list in a list in a list."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("asks", [{"equals": 1}, {"one_of": [1]}, {"at_least": 1}, {"each": "x"}])
def test_reason_shows_deep_values_too(case: Callable[..., Any], asks: dict[str, Any]) -> None:
    """A value as deep as a history can hold is still compared, and refused for what it is."""
    (reason,) = case(fact("f", **asks)).record("f", nested(16)).unmet

    assert reason.code.startswith("fact.")
    assert Unmet.from_data(json.loads(json.dumps(reason.to_data()))) == reason


@requirement(code="tall", label={"id": "Tinggi"}, provenance="practice")
def tall(attempt: Any) -> str:
    """Say no."""
    return "too tall"


@pytest.mark.parametrize(
    "gate",
    [
        document("d", signed_by=1, fields=["x"], not_later_than="o.dated", label="D", basis="B", provenance="law"),
        fact("f", equals={"a": [1, None, True]}, id="G1", fix_by=["x", "y"]),
        approval("council", quorum="1/2"),
        parties(3, named="x"),
        actor(not_listed="who"),
        tall,
        document("x") | (tall & document("y")),
        at_least(2, document("x"), document("y") | tall, label={"ja": "二"}),
        ~fact("f"),
        when(fact("f"), document("z")),
    ],
)
def test_reason_survives_being_written(case: Callable[..., Any], gate: Requirement) -> None:
    """A reason that is written as plain data, or pickled, is read back equal."""
    trial = case(gate, parties=[Party("bekasi")]).attach("d").record("f", "v").record("who", "ann")
    reasons = trial.unmet

    assert reasons
    assert reasons == tuple(Unmet.from_data(json.loads(json.dumps(reason.to_data()))) for reason in reasons)
    assert reasons == pickle.loads(pickle.dumps(reasons))


def test_written_reason_has_nothing_empty() -> None:
    """What a reason does not say is not written."""
    assert {"code": "x"} == Unmet(code="x").to_data()
