"""Whatever the library hands out is a value: it compares, hashes, pickles, and cannot be changed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Any

import attrs
import pytest

from stagegate import (
    Actor,
    Agreement,
    Attempt,
    Calendar,
    Document,
    Engine,
    Event,
    GateClosed,
    Label,
    MemoryStore,
    Notification,
    Outcome,
    Party,
    Pin,
    Process,
    Query,
    Stage,
    Unmet,
    actor,
    approval,
    at_least,
    calendar_days,
    document,
    fact,
    fold,
    hookimpl,
    parties,
    unguarded,
    value_of,
    when,
    workdays,
)
from stagegate.testing import ManualClock


class Teller:
    """A plugin that tells of every event."""

    @hookimpl
    def stagegate_notify(self, event: Event, agreement: Agreement) -> Iterable[Notification]:
        """Tell the mayor."""
        return [Notification(channel="mail", kind=event.kind, to="mayor", context={"stage": agreement.stage})]


@cache
def world() -> dict[str, Any]:
    """Return one of every kind of value, most of them as an engine gives them."""
    gate = (
        document("plan", signed_by=["a"], equals={"x": [1]}, lists={"y": value_of("z")})
        & (fact("cost", at_most=5, each="a", where={"b": 1}) | approval("council", of="plan", quorum="1/2"))
        & ~parties(3)
        & when(actor(roles="boss"), at_least(1, unguarded("x"), fact("f")))
    )
    process = Process(
        id="p",
        version="1",
        stages=(
            Stage("a", owner="boss", gate=gate, label={"en": "A", "ja": "あ"}, may={"hold": "minister"}),
            Stage("b", owner="boss", gate=unguarded("x"), when=fact("f"), back_to="a", basis="Art 1"),
            Stage("c", owner="boss"),
        ),
        outcomes=[Outcome("done", by="boss", gate=document("d"))],
        roles={"boss": "Boss", "council": {"en": "Council"}, "minister": "Minister"},
        parameters={"days": {"value": 45, "note": "Art 30"}},
        zone="Asia/Jakarta",
    )
    engine = Engine.open("memory:", processes=[process], plugins=[Teller()], clock=ManualClock())
    boss, voter = Actor(id="ann", roles={"boss"}, on_behalf_of="mayor"), Actor(id="v", roles={"council"})
    engine.start("p", "x", title="X", parties=[Party("a", name="A", kind="k", country="ID")], by=boss)
    filed = Document.from_bytes(b"1", kind="plan", dated="2025-01-01", fields={"refers_to": ["x", {"y": 1}]})
    engine.attach("x", filed, by=boss)
    engine.record("x", "table", {"a": [1, {"b": None}]}, source="there", by=boss)
    engine.approve("x", by=voter, result={"members": 5, "present": 4, "in_favour": 3})
    engine.note("x", "said", by=boss)
    deal = engine.hold("x", "wait", by=boss, request_id="r")
    with pytest.raises(GateClosed) as refused:
        engine.advance("x", by=boss)
    engine.deliver()
    store = MemoryStore()
    with store.unit("x") as unit:
        unit.commit(deal, engine._store.history("x")[0], (), None)
    return {
        "Actor": boss,
        "Agreement": deal,
        "Approval": deal.approvals[0],
        "Calendar": Calendar(id="c", version="1", holidays={"2025-08-17": "Independence"}),
        "Delivered": engine.deliver(),
        "Delivery": engine.outbox()[0],
        "Document": deal.documents["plan"],
        "Dossier": next(engine._store.dossiers()),
        "Due": workdays(3).due(date(2025, 7, 25), zone="Asia/Jakarta", pauses=[("2025-07-28", "2025-07-29")]),
        "Entry": engine._store.history("x")[-1],
        "Event": engine.history("x")[-1],
        "Fact": deal.facts["table"],
        "Fault": next(iter(Engine(store, processes=[process]).verify().faults)),
        "Hold": deal.hold,
        "Known": engine._store._requests["r"],  # type: ignore[attr-defined]  # as only this store keeps them
        "Label": Label({"en": "A", "ja": "あ"}),
        "Notification": engine.outbox()[0].notification,
        "Option": engine.options("x", by=boss)[0],
        "Outcome": process.outcomes[0],
        "Page": engine.find(),
        "Party": deal.parties[0],
        "Period": calendar_days(7, roll="next", since="plan.fields.opened"),
        "Pin": process.pin,
        "Process": process,
        "Query": Query(stage="a", running=True),
        "Report": engine.verify(),
        "Stage": process.stages[0],
        "Unmet": refused.value.unmet[0],
        "documents": deal.documents,
        **{f"requirement {type(part).__name__}": part for _, part in process.requirements()},
        "value_of": value_of("z"),
    }


KINDS = [
    "Actor", "Agreement", "Approval", "Calendar", "Delivered", "Delivery", "Document", "Dossier", "Due", "Entry", "Event", "Fact",
    "Fault", "Hold", "Known", "Label", "Notification", "Option", "Outcome", "Page", "Party", "Period", "Pin", "Process", "Query", "Report",
    "Stage", "Unmet", "documents", "requirement ActorRequirement", "requirement All", "requirement AnyOf",
    "requirement ApprovalRequirement", "requirement AtLeast", "requirement DocumentRequirement", "requirement FactRequirement",
    "requirement Not", "requirement PartiesRequirement", "requirement Unguarded", "requirement When", "value_of",
]  # fmt: skip
HELD = [kind for kind in KINDS if kind != "Dossier"]


def test_one_of_every_kind_is_tried() -> None:
    """The values below are all there are."""
    assert sorted(KINDS) == sorted(world())


@pytest.mark.parametrize("kind", KINDS)
def test_values_can_be_pickled_and_copied(kind: str) -> None:
    """A value that is pickled, copied or deeply copied comes back equal, of its own type."""
    value = world()[kind]
    for made in (
        *(pickle.loads(pickle.dumps(value, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)),
        copy.copy(value),
        copy.deepcopy(value),
    ):
        assert (value, type(value)) == (made, type(made))


@pytest.mark.parametrize("kind", HELD)
def test_values_hash_by_what_they_say(kind: str) -> None:
    """Equal values have equal hashes, so that they can be members of sets and keys of tables."""
    value = world()[kind]
    made = pickle.loads(pickle.dumps(value))

    assert {value} == {made}


@pytest.mark.parametrize("kind", KINDS)
def test_values_cannot_be_changed(kind: str) -> None:
    """No attribute of a value can be set, added or deleted."""
    value = world()[kind]
    before = pickle.dumps(value)
    public = [attribute for attribute in dir(value) if not attribute.startswith("__")]
    for attribute in [*public, "something_new"]:
        with pytest.raises(AttributeError):
            setattr(value, attribute, None)
        with pytest.raises(AttributeError):
            delattr(value, attribute)

    assert before == pickle.dumps(value)


@pytest.mark.parametrize("kind", ["documents", "Label"])
def test_tables_cannot_be_changed(kind: str) -> None:
    """A table inside a value refuses every way to change a table."""
    table = world()[kind]
    before = dict(table)
    key = next(iter(table))
    for change in (
        lambda: table.__setitem__(key, 1),
        lambda: table.__delitem__(key),
        lambda: table.update({key: 1}),
        lambda: table.pop(key),
        lambda: table.popitem(),
        lambda: table.clear(),
        lambda: table.setdefault("new", 1),
        lambda: table.__ior__({key: 1}),
    ):
        with pytest.raises(TypeError, match="frozen"):
            change()

    assert before == table


def test_content_of_an_event_cannot_be_changed() -> None:
    """The body of an event is frozen through and through."""
    event = world()["Event"]
    with pytest.raises(TypeError):
        event.data["n"] = 1
    with pytest.raises(TypeError):
        event.data["actor"]["id"] = "eve"
    with pytest.raises(TypeError):
        event.data["asked"][0][1] = True


def test_attempt_is_frozen_and_itself() -> None:
    """An attempt cannot be changed, and is equal to nothing but itself."""
    deal, ann = world()["Agreement"], world()["Actor"]
    attempt = Attempt(agreement=deal, move="advance", actor=ann, at=deal.changed_at)
    with pytest.raises(AttributeError):
        attempt.actor = Actor(id="eve")  # type: ignore[misc]  # the point
    with pytest.raises(AttributeError):
        del attempt.agreement

    assert attempt == attempt  # noqa: PLR0124  the point
    assert attempt != attrs.evolve(attempt)


def test_compiled_process_cannot_be_replaced() -> None:
    """What is computed from a process, such as its plan and digest, can be neither set nor deleted."""
    process = world()["Process"]
    digest = process.digest
    for attribute in ("plan", "digest", "pin", "stages", "anything"):
        with pytest.raises(AttributeError):
            setattr(process, attribute, None)
        with pytest.raises(AttributeError):
            delattr(process, attribute)

    assert digest == process.digest


def test_agreement_is_written_and_read_back() -> None:
    """An agreement written as JSON is read back equal, whatever it holds."""
    deal = world()["Agreement"]

    assert deal == Agreement.from_json(deal.to_json()) == Agreement.from_data(deal.to_data())


def test_agreement_answers_questions() -> None:
    """An agreement says whether it runs, how often it has been where it stands, and what was recorded."""
    deal = world()["Agreement"]

    assert (True, 1, None, "none") == (deal.running, deal.round, deal.fact("none"), deal.fact("none", "none"))
    assert (deal.documents["plan"], None) == (deal.document("plan"), deal.document("none"))


def test_fold_is_the_agreement() -> None:
    """What an engine hands out is the fold of the history; folding nothing gives nothing."""
    history = world()["Dossier"].entries

    assert world()["Dossier"].agreement == fold(history)
    assert fold(()) is None


def test_representations_are_short_for_processes() -> None:
    """A process shows itself by what it is pinned by."""
    process = world()["Process"]

    assert f"<Process {process.pin}>" == repr(process)
    assert isinstance(process.pin, Pin)


def test_different_kinds_are_never_equal() -> None:
    """A value is equal to no value of another kind."""
    assert Party("a") != Pin("a", "", "")
    assert world()["Process"] != world()["Pin"]
    assert Unmet(code="x") != ("x",)
