from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from stagegate import Attempt, DefinitionError, GateClosed, Process, Stage, approval, document, requirement, unguarded


def affordable(attempt: Attempt) -> bool | str:
    """Look at the cost."""
    cost: int = attempt.fact("cost", 0)
    return cost <= 5_000 or f"the cost of {cost} is above the ceiling"


CEILING = requirement(
    code="cost.ceiling",
    fix_by="budget_office",
    basis="Art 5",
    provenance="law",
    label={"en": "Ceiling", "id": "Plafon"},
)(affordable)


def test_true_opens_the_gate(case: Callable[..., Any]) -> None:
    """A predicate that answers True holds."""
    assert case(CEILING).codes == []


def test_text_is_the_reason(case: Callable[..., Any]) -> None:
    """A predicate that answers a text refuses with it, under its code, label, basis and who can mend it."""
    (reason,) = case(CEILING).record("cost", 6_000).unmet

    assert ("cost.ceiling", ("budget_office",), "Art 5", "law", "cost.ceiling") == (
        reason.code,
        reason.fix_by,
        reason.basis,
        reason.provenance,
        reason.requirement,
    )
    assert "Ceiling: the cost of 6000 is above the ceiling" == reason.text()
    assert "Plafon: the cost of 6000 is above the ceiling" == reason.text("id")


@pytest.mark.parametrize("answer", [False, ""])
def test_false_names_the_requirement(case: Callable[..., Any], answer: Any) -> None:
    """A predicate that answers False, or an empty text, refuses under its code with a sentence that names it."""
    (reason,) = case(requirement(code="fair")(lambda attempt: answer)).unmet

    assert ("fair", "the requirement fair does not hold") == (reason.code, reason.text())


@pytest.mark.parametrize("answer", [None, 1, 0, [], ["x"], b"yes", object(), NotImplemented, 1.0, lambda: True])
def test_odd_answer_refuses(case: Callable[..., Any], answer: Any) -> None:
    """Any answer but True, False or a text is a refusal with a code of its own that names the requirement."""
    (reason,) = case(requirement(code="odd", basis="Art 1")(lambda attempt: answer)).unmet

    assert ("guard.error", "odd", "Art 1") == (reason.code, reason.requirement, reason.basis)
    assert f"it answered {type(answer).__name__}, not True, False or a text" in reason.text()


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("x"), RecursionError(), AssertionError(), StopIteration(3)]
)
def test_error_refuses(case: Callable[..., Any], error: Exception) -> None:
    """A predicate that raises refuses with a code of its own, and says what was raised."""

    @requirement(code="fragile", fix_by="it")
    def fragile(attempt: Attempt) -> bool:
        raise error

    trial = case(fragile)
    (reason,) = trial.unmet

    assert ("guard.error", {"requirement": "fragile", "error": f"{type(error).__name__}: {error}"}, ("it",)) == (
        reason.code,
        reason.params,
        reason.fix_by,
    )
    with pytest.raises(GateClosed, match="the requirement fragile could not be checked"):
        trial.advance()


def test_error_that_cannot_be_told_refuses(case: Callable[..., Any]) -> None:
    """Even an error that fails while it is put into words is a refusal."""

    class Unspeakable(Exception):
        """Fail when asked what is wrong."""

        def __str__(self) -> str:
            raise RuntimeError

    @requirement(code="unspeakable")
    def unspeakable(attempt: Attempt) -> bool:
        raise Unspeakable

    assert ["guard.error"] == case(unspeakable).codes


@pytest.mark.parametrize(
    "said,kept",
    [("a\0b", "a\ufffdb"), ("a\ud800b", "a?b"), ("x" * 5000, "x" * 2000 + "…")],
)
def test_reason_that_cannot_be_recorded_is_made_so(case: Callable[..., Any], said: str, kept: str) -> None:
    """A reason with characters no history can hold, or without end, still refuses and is recorded in what can be."""
    trial = case(requirement(code="loud")(lambda attempt: said))
    with pytest.raises(GateClosed):
        trial.advance()

    assert kept == trial.engine.history("deal")[-1].data["data"]["unmet"][0]["params"]["reason"]


def test_predicate_sees_the_attempt(case: Callable[..., Any]) -> None:
    """A predicate sees who attempts what, when, with which details, on which agreement."""
    seen: list[Attempt] = []
    trial = case(requirement(code="look")(lambda attempt: bool(seen.append(attempt)) or True))
    trial.attach("d", signed_by=["x"]).record("cost", 3)
    trial.engine.advance("deal", reason="why not", by=trial.who("ann", "boss"))
    (attempt,) = seen

    assert ("advance", "ann", "deal", "draft") == (
        attempt.move,
        attempt.actor.id,
        attempt.agreement.id,
        attempt.agreement.stage,
    )
    assert {"reason": "why not"} == attempt.details
    assert ("2025-07-24", trial.clock()) == (attempt.today.isoformat(), attempt.at)
    assert (3, 7, ("x",), None) == (
        attempt.fact("cost"),
        attempt.fact("none", 7),
        attempt.document("d").signed_by if attempt.document("d") else None,
        attempt.document("e"),
    )


def test_predicate_sees_the_votes_of_a_role(case: Callable[..., Any]) -> None:
    """A predicate can look at the votes of a role, and only of that role."""
    seen: list[Any] = []
    look = requirement(code="look")(lambda attempt: bool(seen.extend(attempt.approvals("council"))) or True)
    trial = (
        case(approval("council") & approval("ministry") & look).approve("ministry", by="m").approve("council", by="c")
    )
    trial.advance()

    assert [("c", "for")] == [(vote.by, vote.vote) for vote in seen]


def test_predicate_can_be_called_like_the_function_it_was(case: Callable[..., Any]) -> None:
    """A test of a predicate calls it as it would the bare function."""
    trial = case(document("d"))
    attempt = Attempt(
        agreement=trial.engine.get("deal"), move="advance", actor=trial.who("ann", "boss"), at=trial.clock()
    )

    assert CEILING(attempt) is True


@pytest.mark.parametrize("kind", ["coroutine", "generator"])
def test_asynchronous_predicate_is_refused_when_it_is_made(kind: str) -> None:
    """A function that has to be awaited cannot be a requirement, and is told so where it is made."""

    async def later(attempt: Attempt) -> bool:
        """Be awaited."""
        return bool(attempt)

    async def slowly(attempt: Attempt) -> Any:
        """Be awaited again and again."""
        yield attempt

    with pytest.raises(DefinitionError, match="async"):
        requirement(code="later")(later if kind == "coroutine" else slowly)  # type: ignore[arg-type]  # the point


def test_predicate_enters_the_digest_by_code_and_version() -> None:
    """Another function under the same code and version is the same process; another version is another."""

    def digest(version: str, check: Callable[[Attempt], bool]) -> str:
        gate = requirement(code="rule", version=version)(check)
        return Process("p", "1", (Stage("a", owner="x", gate=gate), Stage("b", owner="x"))).digest

    assert digest("1", lambda attempt: True) == digest("1", lambda attempt: False)
    assert digest("1", lambda attempt: True) != digest("2", lambda attempt: True)


def test_predicates_are_equal_by_what_enters_the_digest() -> None:
    """Predicates compare and hash by code, version and what is said about them."""
    twin = requirement(
        code="cost.ceiling",
        fix_by="budget_office",
        basis="Art 5",
        provenance="law",
        label={"en": "Ceiling", "id": "Plafon"},
    )(lambda attempt: False)

    assert (twin, hash(twin)) == (CEILING, hash(CEILING))
    assert CEILING != requirement(code="cost.ceiling")(affordable)
    assert CEILING != unguarded("x")


def test_predicate_of_a_module_can_be_pickled() -> None:
    """A predicate whose function can be pickled can be, too."""
    copy = pickle.loads(pickle.dumps(attrs.evolve(CEILING)))

    assert (CEILING, affordable) == (copy, copy.check)


@pytest.mark.parametrize(
    "about",
    [
        {"code": ""},
        {"code": " x"},
        {"code": 3},
        {"code": "a\nb"},
        {"code": "x", "version": ""},
        {"code": "x", "version": 2},
        {"code": "x", "fix_by": [""]},
        {"code": "x", "label": {"xx-none": "x"}},
        {"code": "x", "provenance": "hearsay"},
        {"code": "x", "basis": 3},
        {"code": "é"},
    ],
)
def test_wrong_arguments_are_refused(about: dict[str, Any]) -> None:
    """A predicate with a code, version or other argument that cannot be used is refused where it is made."""
    with pytest.raises(DefinitionError):
        requirement(**about)(affordable)


@pytest.mark.parametrize("check", [None, 3, "a"])
def test_what_cannot_be_called_is_no_predicate(check: Any) -> None:
    """Only a function can become a requirement."""
    with pytest.raises(DefinitionError):
        requirement(code="x")(check)
