from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from stagegate import (
    Attempt,
    DefinitionError,
    GateClosed,
    Requirement,
    Unmet,
    all_of,
    any_of,
    approval,
    at_least,
    document,
    fact,
    requirement,
    unguarded,
    when,
)

A, B, C = document("a"), document("b"), document("c")


@requirement(code="broken", fix_by="it", basis="Art 0")
def broken(attempt: Attempt) -> bool:
    """Fail whenever it is asked."""
    raise LookupError(attempt.move)


@pytest.mark.parametrize(
    "joined",
    [
        lambda: A and B,
        lambda: A or B,
        lambda: not A,
        lambda: broken and A,
        lambda: any([A, B]),
        lambda: document("plan") if A & B else None,
    ],
)
def test_python_joins_no_requirements(joined: Callable[[], Any]) -> None:
    """`and`, `or` and `not` would keep one of two requirements and drop the other, so that they are refused."""
    with pytest.raises(
        DefinitionError, match="a requirement is neither true nor false; join requirements by &, | and ~"
    ):
        joined()


def test_both_must_hold_and_both_answer(case: Callable[..., Any]) -> None:
    """`&` gives the reasons of both sides, in order."""
    trial = case(A & B & C)
    nothing = trial.said
    one = trial.attach("b").said

    assert ["the document a is missing", "the document b is missing", "the document c is missing"] == nothing
    assert ["the document a is missing", "the document c is missing"] == one
    assert trial.attach("a").attach("c").said == []


def test_one_of_several_is_enough(case: Callable[..., Any]) -> None:
    """`|` is met by any side; where none holds, one reason carries what each would need."""
    trial = case(A | (B & C))
    (reason,) = trial.unmet

    assert "any" == reason.code
    assert [["document.missing"], ["document.missing"] * 2] == [[r.code for r in part] for part in reason.alternatives]
    assert reason.text() == (
        "one of these must hold: (1) the document a is missing / (2) the document b is missing + the document c is missing"
    )
    assert trial.attach("b").codes == ["any"]
    assert trial.attach("c").codes == []


def test_alternatives_know_who_can_mend_them(case: Callable[..., Any]) -> None:
    """Inside alternatives, too, a reason that names nobody is for the owner of the stage, under its basis."""
    (reason,) = case(A | approval("council"), basis="Art 9").unmet

    assert [("boss",), ("council",)] == [part[0].fix_by for part in reason.alternatives]
    assert ["Art 9", "Art 9"] == [part[0].basis for part in reason.alternatives]


def test_contrary_refuses_where_it_holds(case: Callable[..., Any]) -> None:
    """`~` refuses what holds and passes what does not."""
    trial = case(~fact("suspended", equals=True))
    free = trial.codes
    trial.record("suspended", True)

    assert ([], ["this must not hold: fact:suspended"]) == (free, trial.said)


def test_contrary_speaks_with_the_label_of_its_part(case: Callable[..., Any]) -> None:
    """What must not hold is called by its label, in the language of the reader."""
    part = fact("suspended", label={"en": "Suspension", "id": "Penangguhan"})
    trial = case(~part).record("suspended", 1)

    assert ["this must not hold: Suspension"] == trial.said
    assert "Penangguhan" in trial.unmet[0].text("id")


def test_contrary_of_the_contrary_is_the_thing_itself() -> None:
    """`~~a` is `a`, unless the contrary carries something of its own."""
    titled = attrs.evolve(~A, id="G1")

    assert ~~A is A
    assert ~titled != A


def test_so_many_of_several(case: Callable[..., Any]) -> None:
    """`at_least` counts those that hold and gives the reasons of those that do not."""
    trial = case(at_least(2, A, B, C)).attach("a")
    (reason,) = trial.unmet

    assert ("at_least", {"have": 1, "need": 2}) == (reason.code, reason.params)
    assert "1 of 2 of these hold: (1) the document b is missing / (2) the document c is missing" == reason.text()
    assert trial.attach("c").codes == []


def test_condition_decides_whether_it_is_asked(case: Callable[..., Any]) -> None:
    """`when` asks its part only where the condition holds."""
    trial = case(when(fact("abroad", equals=True), A))
    home = trial.codes
    abroad = trial.record("abroad", True).codes

    assert ([], ["document.missing"]) == (home, abroad)
    assert trial.attach("a").codes == []


def test_unguarded_asks_nothing(case: Callable[..., Any]) -> None:
    """A gate that is left to the owner opens for the owner, and the history says that it asked nothing and held."""
    trial = case(unguarded("the mayor decides"))

    assert (("unguarded", True),) == trial.engine.history(trial.advance())[-1].data["asked"]


@pytest.mark.parametrize(
    "gate",
    [
        broken,
        ~broken,
        broken | A,
        A | broken,
        ~(broken | A),
        ~(A & broken),
        at_least(1, A, broken),
        ~at_least(1, A, broken),
        when(broken, A),
        when(A, broken),
        ~when(A, broken),
        ~~broken,
        any_of(A, all_of(B, ~broken)),
        any_of(A, at_least(1, broken, B), id="G1"),
        all_of(broken, A, soft=True),
        attrs.evolve(broken, soft=True),
    ],
)
def test_what_cannot_be_checked_never_passes(case: Callable[..., Any], gate: Requirement) -> None:
    """A requirement that fails refuses wherever it stands: alone, as the contrary, as an alternative, as a mere warning."""
    trial = case(gate).attach("a")
    reasons = trial.unmet

    assert {"guard.error"} == {reason.code for reason in reasons}
    assert {"the requirement broken could not be checked: LookupError: advance"} == {r.text() for r in reasons}
    assert {(("it",), "Art 0")} == {(reason.fix_by, reason.basis) for reason in reasons}
    with pytest.raises(GateClosed):
        trial.advance()


def test_failure_of_one_does_not_silence_the_others(case: Callable[..., Any]) -> None:
    """Beside a requirement that fails, all the others still answer."""
    assert ["document.missing", "guard.error", "document.missing"] == case(A & broken & B).codes


def test_warning_does_not_refuse(case: Callable[..., Any]) -> None:
    """A soft requirement is shown and recorded, and refuses nothing."""
    soft = document("advice", soft=True, id="G9")
    trial = case(A & soft).attach("a")
    option = trial.option()
    event = trial.engine.history(trial.advance())[-1]

    assert option.open
    assert [("document.missing", "G9")] == [(w.code, w.requirement) for w in option.warnings]
    assert (("document:a", True), ("G9", False)) == event.data["asked"]
    assert ["document.missing"] == [warning["code"] for warning in event.data["warnings"]]


def test_whole_gate_can_be_soft(case: Callable[..., Any]) -> None:
    """A titled composition that only warns gives all its reasons as warnings."""
    option = case(all_of(A, B, soft=True)).option()

    assert ((), ["document.missing"] * 2) == (option.unmet, [w.code for w in option.warnings])


def test_soft_contraries_are_not_taken_for_a_wall(case: Callable[..., Any]) -> None:
    """A composition that only warns never makes a gate unsatisfiable."""
    assert case(all_of(A, ~A, soft=True)).option().open


def test_compositions_of_one_kind_are_one() -> None:
    """`a & b & c` is one requirement of three parts, however it is put together; the same with `|`."""
    assert all_of(A, B, C) == A & B & C == A & (B & C) == all_of(A, all_of(B, C))
    assert any_of(A, B, C) == A | B | C == A | (B | C)
    assert (A, B, C) == (A & (B & C)).children()


def test_titled_compositions_stay_whole() -> None:
    """A composition with an id, label or basis of its own is not taken apart."""
    whole = all_of(A, B, id="G1")

    assert 2 == len((whole & C).children())
    assert "G1" == whole.name


def test_composition_of_one_is_the_thing_itself() -> None:
    """All, or one, of one thing is that thing, unless something is said about it."""
    assert all_of(A) is A
    assert any_of(A) is A
    assert "G1" == all_of(A, id="G1").name


def test_names_say_what_is_asked() -> None:
    """A requirement without an id is named by what it asks."""
    names = [
        (A & B).name,
        (A | B).name,
        (~A).name,
        at_least(1, A, B).name,
        when(A, B).name,
        unguarded("x").name,
        fact("f").name,
        fact("f", each="x").name,
        approval("r").name,
        document("d", id="G1").name,
    ]

    assert [
        "all(document:a, document:b)",
        "any(document:a, document:b)",
        "not(document:a)",
        "at_least(1, document:a, document:b)",
        "when(document:a, document:b)",
        "unguarded",
        "fact:f",
        "fact:f.x",
        "approval:r",
        "G1",
    ] == names


def test_walk_visits_everything() -> None:
    """Going through a requirement meets it and all it is composed of."""
    gate = when(A, at_least(1, ~B, C)) & unguarded("x")

    assert [
        "A",
        "When",
        "DocumentRequirement",
        "AtLeast",
        "Not",
        "DocumentRequirement",
        "DocumentRequirement",
        "Unguarded",
    ] == ["A" if part is gate else type(part).__name__ for part in gate.walk()]


@pytest.mark.parametrize(
    "make",
    [
        lambda: all_of(),
        lambda: any_of(),
        lambda: at_least(1),
        lambda: at_least(0, A),
        lambda: at_least(3, A, B),
        lambda: at_least(True, A),
        lambda: at_least("1", A),
        lambda: all_of(A, "b"),
        lambda: A & (lambda attempt: True),
        lambda: A | None,
        lambda: when(A, "b"),
        lambda: when(None, A),
        lambda: unguarded(""),
        lambda: unguarded("  "),
        lambda: all_of(A, B, id=3),
        lambda: all_of(A, B, provenance="hearsay"),
        lambda: any_of(A, B, soft="yes"),
        lambda: at_least(1, A, label=3),
        lambda: when(A, B, label={"xx-none": "x"}),
        lambda: unguarded("x", fix_by=3),
        lambda: all_of(A, B, colour="red"),
    ],
)
def test_meaningless_compositions_are_refused(make: Callable[[], Any]) -> None:
    """A composition of nothing, of what is no requirement, or with an argument that means nothing, is refused."""
    with pytest.raises(DefinitionError):
        make()


class Careless(Requirement):
    """A requirement of somebody's own that answers what its author forgot to think about."""

    answer: Any = None

    def unmet(self, attempt: Attempt) -> Any:
        """Answer anything."""
        return self.answer

    def asks(self) -> dict[str, Any]:
        """Write itself."""
        return {"careless": repr(self.answer)}


@pytest.mark.parametrize("answer", [None, False, True, [], 0, "", ["x"], ("x",), object(), {}])
@pytest.mark.parametrize("around", ["alone", "any", "at_least", "not", "when", "all"])
def test_careless_answer_never_passes(case: Callable[..., Any], answer: Any, around: str) -> None:
    """Whatever a requirement of somebody's own answers beside a tuple of reasons is a refusal, wherever it stands."""
    careless = type("Careless", (Careless,), {"answer": answer})()
    gate = {
        "alone": lambda: careless,
        "any": lambda: careless | B,
        "at_least": lambda: at_least(1, careless, B),
        "not": lambda: ~careless,
        "when": lambda: when(careless, A),
        "all": lambda: all_of(careless, A, id="G1"),
    }[around]()

    assert {"guard.error"} == set(case(gate).attach("a").codes)


def test_own_requirement_can_be_written(case: Callable[..., Any]) -> None:
    """A subclass that answers with its own reasons and writes itself as a table is a requirement like any other."""

    class Weekday(Requirement):
        """Nothing is signed on a Thursday."""

        def unmet(self, attempt: Attempt) -> tuple[Unmet, ...]:
            return () if attempt.today.isoweekday() != 4 else (self.why("calendar.thursday", reason="it is Thursday"),)

        def asks(self) -> dict[str, Any]:
            return {"weekday": "not Thursday"}

    trial = case(Weekday(basis="Custom"))

    assert [("calendar.thursday", "it is Thursday", "Custom", '{"weekday":"not Thursday"}')] == [
        (r.code, r.text(), r.basis, r.requirement) for r in trial.unmet
    ]
    trial.clock.advance(days=1)
    assert trial.codes == []


def test_plain_requirement_answers_nothing_by_itself(case: Callable[..., Any]) -> None:
    """A requirement that forgot to answer refuses; one that does not write itself cannot enter a process."""

    class Mute(Requirement):
        """Write itself, and forget to answer."""

        def asks(self) -> dict[str, Any]:
            return {"mute": True}

    assert ["guard.error"] == case(Mute()).codes
    with pytest.raises(NotImplementedError):
        case(Requirement())
