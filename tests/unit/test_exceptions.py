from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import stagegate
from stagegate import (
    AlreadyExists,
    Conflict,
    DefinitionError,
    GateClosed,
    HistoryTampered,
    InvalidValue,
    NoSuchMove,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    PluginError,
    RefusedError,
    RequestReused,
    StagegateError,
    StoreError,
    Undeliverable,
    Unmet,
)

MISSING = Unmet(code="document.missing", params={"document": "d"})
EMBARGO = Unmet(code="embargo", params={"reason": "there is an embargo"})

ERRORS: list[tuple[StagegateError, str]] = [
    (DefinitionError("it is wrong"), "it is wrong"),
    (DefinitionError([("stages[0].gate", "missing"), ("", "odd")]), "stages[0].gate: missing\nodd"),
    (DefinitionError([("a", "b"), ("", "c")], source="p.toml"), "p.toml: a: b\np.toml: c"),
    (
        GateClosed(agreement="x", move="advance", unmet=[MISSING, EMBARGO], n=3),
        "x: advance is refused: the document d is missing; there is an embargo",
    ),
    (
        NotPermitted(agreement="x", move="advance", actor="eve", roles=["mayor", "minister"], n=3),
        "x: 'eve' may not advance: that is for mayor or minister",
    ),
    (
        NotPermitted(agreement="x", move="advance", actor="eve", unmet=[MISSING], n=3),
        "x: 'eve' may not advance: that is for nobody; also: the document d is missing",
    ),
    (NoSuchMove("there is none"), "there is none"),
    (
        Conflict("x", 3, 5),
        "x: you acted on version 3, but it is now at version 5; read it again and decide anew",
    ),
    (NotFound("not here"), "not here"),
    (AlreadyExists("already"), "already"),
    (RequestReused("again"), "again"),
    (InvalidValue("no"), "no"),
    (StoreError("full"), "full"),
    (OutcomeUnknown("it broke"), "it broke; to learn whether it happened, read the history"),
    (
        OutcomeUnknown("it broke", "r1"),
        "it broke; to learn whether it happened, repeat the call with request_id='r1'",
    ),
    (Undeliverable("no such street", gone=True), "no such street"),
    (HistoryTampered("odd"), "odd"),
    (PluginError("mail", "it is broken"), "plugin 'mail': it is broken"),
]


def test_every_error_is_tried() -> None:
    """The errors below are all there are, but for the roots they share."""
    public = {
        value
        for name in stagegate.__all__
        if isinstance(value := getattr(stagegate, name), type) and issubclass(value, Exception)
    }

    assert public - {StagegateError, RefusedError} == {type(error) for error, _ in ERRORS}


@pytest.mark.parametrize("error,sentence", ERRORS)
def test_errors_speak(error: StagegateError, sentence: str) -> None:
    """Every error says in a sentence what happened and, where something can be done, what."""
    assert sentence == str(error)


@pytest.mark.parametrize("error,sentence", ERRORS)
def test_errors_survive_a_worker_pool(error: StagegateError, sentence: str) -> None:
    """An error that is pickled or copied is the same: its type, its data, its sentence."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        made = pickle.loads(pickle.dumps(error, protocol))

        assert (type(error), sentence, vars(error)) == (type(made), str(made), vars(made))
    assert (sentence, vars(error)) == (str(copy.copy(error)), vars(copy.deepcopy(error)))


@pytest.mark.parametrize("error,sentence", ERRORS)
def test_errors_have_one_root(error: StagegateError, sentence: str) -> None:
    """Whoever catches `StagegateError` catches everything that is refused on purpose, and nothing else."""
    assert isinstance(error, StagegateError)


@pytest.mark.parametrize(
    "kind,root",
    [
        (GateClosed, RefusedError),
        (NotPermitted, RefusedError),
        (OutcomeUnknown, StoreError),
        (InvalidValue, ValueError),
    ],
)
def test_kinds_of_errors(kind: type[Any], root: type[Any]) -> None:
    """Refusals have a common kind, as have failures of the store; a bad value is a ValueError too."""
    assert issubclass(kind, root)


def test_refusals_carry_plain_data() -> None:
    """A refusal knows the agreement, the move, every reason, the number of its event, and whether the actor may at all."""
    closed = GateClosed(agreement="x", move="end", unmet=[MISSING], n=7)
    forbidden = NotPermitted(agreement="x", move="end", actor="eve", roles=["boss"], n=8)

    assert ("x", "end", (MISSING,), True, 7) == (
        closed.agreement,
        closed.move,
        closed.unmet,
        closed.permitted,
        closed.n,
    )
    assert ("eve", ("boss",), False, (), 8) == (
        forbidden.actor,
        forbidden.roles,
        forbidden.permitted,
        forbidden.unmet,
        forbidden.n,
    )


def test_definition_error_seen_from_above() -> None:
    """Faults keep their place in the whole when they are handed upwards."""
    inner = DefinitionError([("", "a"), ("id", "b"), ("[1]", "c")], source="p.toml")

    assert (("gate", "a"), ("gate.id", "b"), ("gate[1]", "c")) == inner.under("gate").faults
    assert "p.toml" == inner.under("gate").source
    assert inner.faults == inner.under("").faults
