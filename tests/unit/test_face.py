from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import stagegate
from stagegate import (
    Actor,
    Engine,
    GateClosed,
    Notification,
    Process,
    Stage,
    approval,
    document,
    fact,
    hookimpl,
    requirement,
    unguarded,
)
from stagegate.hookspecs import HOOKS

CLERK = Actor(id="clerk", roles={"clerk"})


def two_stages(gate: Any) -> Process:
    """Return the smallest process there is."""
    return Process("small", "1", [Stage("draft", owner="clerk", gate=gate), Stage("done", owner="clerk")])


def test_face_lists_its_names_before_they_are_fetched() -> None:
    """`dir(stagegate)` names everything, so that editors and people find it."""
    assert set(stagegate.__all__) <= set(dir(stagegate))


def test_every_name_of_the_face_is_there() -> None:
    """Every name that is listed can be fetched, and no other."""
    assert [] == [name for name in stagegate.__all__ if getattr(stagegate, name, None) is None]
    with pytest.raises(AttributeError, match="no attribute 'Parliament'"):
        _ = stagegate.Parliament


def test_face_says_each_name_once() -> None:
    """What is listed and where it is fetched from agree."""
    assert sorted(stagegate._ROOMS) == stagegate.__all__


def test_processes_are_the_same_whenever_they_are_asked_for() -> None:
    """The built-in processes stand beside those that were given, once."""
    with Engine.open("memory:", processes=[two_stages(fact("f"))]) as engine:
        assert engine.processes == engine.processes
        assert {"small", "id-ksdpl"} <= {process.id for process in engine.processes}


def test_refusal_of_very_many_reasons_is_recorded_as_far_as_it_fits() -> None:
    """The exception has every reason; the event has the first five hundred and says how many more there were."""
    gate = fact("sectors", each="owner")
    with Engine.open("memory:", processes=[two_stages(gate)]) as engine:
        deal = engine.start("small", "a", by=CLERK)
        deal = engine.record(deal, "sectors", {f"s{i}": {"name": "x"} for i in range(620)}, by=CLERK)
        with pytest.raises(GateClosed) as refused:
            engine.advance(deal, by=CLERK)
        recorded = engine.history(deal)[-1].data["data"]

        assert 620 == len(refused.value.unmet)
        assert (500, 120) == (len(recorded["unmet"]), recorded["left_out"])


def test_what_is_not_asked_can_be_said() -> None:
    """None where nothing is asked is the same as saying nothing."""
    assert document("d") == document("d", signed_by=None)
    assert approval("r") == approval("r", quorum=None)


def test_predicate_of_no_module_can_be_copied() -> None:
    """A predicate made inside a function is copied with the function it asks."""

    @requirement(code="local")
    def local(_attempt: Any) -> bool:
        """Hold."""
        return True

    assert local == copy.copy(local)
    assert copy.copy(local).check is local.check


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_specification_answers_nothing(hook: str) -> None:
    """A hook that nobody implements brings nothing and says nothing."""
    spec = HOOKS[hook]
    wanted = spec.__code__.co_argcount

    assert not spec(*[None] * wanted)


def test_delivery_that_took_too_long_is_counted_by_who_has_it_now() -> None:
    """A worker whose lease has passed to another does not settle what the other has in hand."""
    now = [datetime(2025, 7, 24, tzinfo=UTC)]
    counts: list[Any] = []

    class Slow:
        name = "slow"

        @hookimpl
        def stagegate_notify(self) -> list[Notification]:
            return [Notification(channel="slow", kind="hello")]

        @hookimpl
        def stagegate_deliver(self) -> bool:
            if not counts:
                counts.append("first")
                now[0] += timedelta(hours=1)
                counts.append(engine.deliver().delivered)
            return True

    with Engine.open(
        "memory:", processes=[two_stages(unguarded("open"))], plugins=[Slow()], clock=lambda: now[0]
    ) as engine:
        engine.start("small", "a", by=CLERK)

        assert (0, ["first", 1]) == (engine.deliver().delivered, counts)
