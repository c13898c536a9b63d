"""Facts of `transitions` that the stage machine is built on: a version that changes one of them fails here, by name."""

from __future__ import annotations

from typing import Any

import pytest
from transitions import EventData, Machine, MachineError
from transitions.core import Condition, Event, Transition


class Walker:
    """What is moved: slotted, so that nothing can be added to it, and never registered with a machine."""

    __slots__ = ("asked", "state")

    def __init__(self, state: str = "intent") -> None:
        """Stand at a state and remember who asked."""
        self.state = state
        self.asked: list[tuple[str, Any]] = []


class Answer:
    """A condition that is an object, remembers that it was asked, and always answers the same."""

    def __init__(self, name: str, answer: bool) -> None:
        """Take a name and an answer."""
        self.name = name
        self.answer = answer

    def __call__(self, event: Any) -> bool:
        """Note down what it was called with."""
        event.model.asked.append((self.name, event))
        return self.answer


def machine(*edges: dict[str, Any]) -> Machine:
    """Return a machine as a process compiles to one."""
    return Machine(
        model=None,
        states=["intent", "council", "implementation", "withdrawn"],
        transitions=list(edges),
        initial=None,
        auto_transitions=False,
        send_event=True,
        queued=False,
    )


def edge(dest: str | None, *conditions: Any, trigger: str = "advance", source: str = "intent") -> dict[str, Any]:
    """Return one edge as it is handed to a machine."""
    return {"trigger": trigger, "source": source, "dest": dest, "conditions": list(conditions)}


def asked(walker: Walker) -> list[str]:
    """Return the names of the conditions that were asked, in order."""
    return [name for name, _ in walker.asked]


class TestOrder:
    """Which edge is taken."""

    def test_the_first_open_edge_is_taken(self) -> None:
        """Edges of one trigger from one state are tried in the order they were added in; the first open one wins."""
        shut, late = Answer("shut", answer=False), Answer("late", answer=True)
        walker = Walker()

        built = machine(edge("council", shut), edge("implementation"), edge("withdrawn", late))

        assert built.events["advance"].trigger(walker)
        assert walker.state == "implementation"
        assert asked(walker) == ["shut"]

    def test_conditions_are_asked_in_order_up_to_the_first_no(self) -> None:
        """The conditions of one edge are asked in order, and none behind one that says no."""
        walker = Walker()
        conditions = [Answer("a", answer=True), Answer("b", answer=False), Answer("c", answer=True)]

        assert machine(edge("council", *conditions)).events["advance"].trigger(walker) is False
        assert asked(walker) == ["a", "b"]

    def test_a_condition_of_two_edges_is_asked_for_each(self) -> None:
        """Nothing is remembered from one edge to the next: a gate that several edges share has to do that itself."""
        shared = Answer("shared", answer=True)
        walker = Walker()
        built = machine(edge("council", shared, Answer("no", answer=False)), edge("implementation", shared))

        assert built.events["advance"].trigger(walker)
        assert asked(walker) == ["shared", "no", "shared"]


class TestEventData:
    """What a condition is called with."""

    def test_a_condition_receives_the_event_and_its_model(self) -> None:
        """With send_event a condition is called with one EventData, whose model is the very object that is moved."""
        walker = Walker()
        machine(edge("council", Answer("a", answer=True))).events["advance"].trigger(walker)
        ((_, event),) = walker.asked

        assert isinstance(event, EventData)
        assert event.model is walker
        assert event.event.name == "advance"
        assert event.transition is not None
        assert (event.transition.source, event.transition.dest) == ("intent", "council")

    def test_an_error_in_a_condition_comes_through(self) -> None:
        """What a condition raises reaches the caller as it is, and nothing has moved."""
        walker = Walker()

        def broken(_: EventData) -> bool:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            machine(edge("council", broken)).events["advance"].trigger(walker)
        assert walker.state == "intent"


class TestUnregistered:
    """An object that no machine knows of can be moved by its events."""

    def test_a_machine_without_model_has_none(self) -> None:
        """With model=None no model is registered, the machine itself included, and triggering registers none."""
        built = machine(edge("council"))
        built.events["advance"].trigger(Walker())

        assert built.models == []
        assert not hasattr(built, "advance")
        assert not hasattr(built, "state")

    def test_the_state_attribute_is_all_that_is_touched(self) -> None:
        """An open edge sets `state` to the name of its destination, a plain text, and the trigger answers True."""
        walker = Walker()

        assert machine(edge("council")).events["advance"].trigger(walker) is True
        assert walker.state == "council"
        assert type(walker.state) is str

    def test_a_refused_trigger_changes_nothing(self) -> None:
        """Where every edge is shut the trigger answers False and the state is as it was."""
        walker = Walker()
        built = machine(edge("council", Answer("a", answer=False)))

        assert built.events["advance"].trigger(walker) is False
        assert walker.state == "intent"

    def test_an_edge_without_destination_stays(self) -> None:
        """An edge with dest=None asks its conditions and leaves the state alone, and the trigger answers True."""
        walker = Walker()
        built = machine(edge(None, Answer("a", answer=True), trigger="hold"))

        assert built.events["hold"].trigger(walker) is True
        assert walker.state == "intent"
        assert asked(walker) == ["a"]

    def test_a_trigger_that_does_not_exist_here_is_an_error(self) -> None:
        """Where no edge leaves the state, the trigger raises and does not answer False."""
        with pytest.raises(MachineError):
            machine(edge("council")).events["advance"].trigger(Walker("withdrawn"))


class TestLayout:
    """What the table of moves is read from."""

    def test_events_hold_edges_by_source_in_order(self) -> None:
        """`machine.events[move].transitions` maps each source that has edges to the list of them, in order."""
        built = machine(
            edge("council"),
            edge("implementation"),
            edge("implementation", source="council"),
            edge(None, trigger="hold"),
        )
        layout = {
            move: {source: [e.dest for e in edges] for source, edges in event.transitions.items()}
            for move, event in built.events.items()
        }

        assert layout == {
            "advance": {"intent": ["council", "implementation"], "council": ["implementation"]},
            "hold": {"intent": [None]},
        }
        assert all(type(event) is Event for event in built.events.values())
        assert type(built.events["advance"].transitions["intent"][0]) is Transition

    def test_a_condition_keeps_the_object_it_was_given(self) -> None:
        """The conditions of an edge are `Condition` objects with the given callables as `func`, in order."""
        first, second = Answer("a", answer=True), Answer("b", answer=True)
        (built,) = machine(edge("council", first, second)).events["advance"].transitions["intent"]

        assert [type(condition) for condition in built.conditions] == [Condition, Condition]
        assert [condition.func for condition in built.conditions] == [first, second]
        assert [condition.target for condition in built.conditions] == [True, True]

    def test_an_edge_has_nothing_but_its_conditions(self) -> None:
        """An edge that was given no callback has none: walking its conditions leaves nothing out."""
        (built,) = machine(edge("council")).events["advance"].transitions["intent"]

        assert [built.prepare, built.before, built.after, built.conditions] == [[], [], [], []]

    def test_without_auto_transitions_nothing_is_added(self) -> None:
        """With auto_transitions off there are exactly the triggers that were given: no `to_…` leads around a gate."""
        assert list(machine(edge("council"), edge(None, trigger="hold")).events) == ["advance", "hold"]

    def test_without_initial_no_state_is_added(self) -> None:
        """With initial=None there are exactly the states that were given, in order."""
        assert list(machine().states) == ["intent", "council", "implementation", "withdrawn"]

    def test_the_machine_has_no_callbacks_of_its_own(self) -> None:
        """A machine that was given no callback has none that would run around every move."""
        built = machine(edge("council"))

        callbacks = (
            built.prepare_event,
            built.before_state_change,
            built.after_state_change,
            built.finalize_event,
            built.on_exception,
            built.on_final,
        )

        assert list(callbacks) == [[]] * 6
        assert all(state.on_enter == state.on_exit == [] for state in built.states.values())
