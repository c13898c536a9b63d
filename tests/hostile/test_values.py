from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from stagegate import (
    Actor,
    Attempt,
    Document,
    Engine,
    GateClosed,
    InvalidValue,
    MemoryStore,
    NotFound,
    Party,
    Process,
    Stage,
    fact,
    requirement,
)
from stagegate.testing import ManualClock

from .office import BOSS, MOST_SAID, Office, plan


def nested(levels: int, kind: str = "list") -> Any:
    """Return lists or tables, each inside the other."""
    value: Any = 1
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


class Word(str):
    """A text of another kind."""

    __slots__ = ()


class Colour(str, Enum):
    """A text that shows itself as something else."""

    RED = "red"


class Evil:
    """Something that fails whatever it is asked."""

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __repr__


BAD_VALUES: list[tuple[Any, str]] = [
    ("a\0b", "NUL"),
    ("\ud800", "lone surrogate"),
    ("\udcff", "lone surrogate"),
    ("x" * 10_000_000, "10,000,000 characters"),
    (["fine", {"a": "\0"}], "[1].a"),
    (nested(17), "16 levels"),
    (nested(17, "table"), "16 levels"),
    (nested(100_000), "16 levels"),
    (nested(100_000, "table"), "16 levels"),
    (0.1, "float"),
    (float("nan"), "float"),
    (float("inf"), "float"),
    ([1, 2.0], "[1]"),
    (2**53 + 1, "2^53"),
    (-(2**53) - 1, "2^53"),
    (10**5000, "2^53"),
    (Decimal("NaN"), "not a number"),
    (Decimal("sNaN"), "not a number"),
    (Decimal("-Infinity"), "not a number"),
    (Decimal("1e999999999999999999"), "fact cost"),
    (Decimal("1e-9999999"), "fact cost"),
    (Decimal("1e9999999"), "fact cost"),
    ({"größe": 1}, "ASCII"),
    ({"": 1}, "key"),
    ({1: 1}, "key"),
    ({None: 1}, "key"),
    ({"a\0": 1}, "key"),
    ({"\ud800": 1}, "surrogate"),
    ({"x" * 1_000_000: 1}, "key"),
    (datetime(2025, 1, 1), "zone"),  # noqa: DTZ001  a naive one is what is tried
    (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "years"),
    (b"bytes", "bytes"),
    (object(), "object"),
    (Evil(), "Evil"),
    ({1, "\0"}, "NUL"),
    (1j, "complex"),
    (timedelta(1), "timedelta"),
    (["x" * 60_000] * 20, "bytes"),
    (list(range(200_000)), "bytes"),
    ({f"k{i}": "x" * 1_000 for i in range(1_100)}, "bytes"),
]


@pytest.mark.parametrize("value, said", BAD_VALUES, ids=range(len(BAD_VALUES)))
def test_what_no_history_can_hold_is_refused(shared: Office, value: Any, said: str) -> None:
    """A value that cannot be recorded is refused as a fact, in few words that say why; nothing is written."""
    with shared.refusing(said, kind=InvalidValue):
        shared.engine.record("deal", "cost", value, by=BOSS)


@pytest.mark.parametrize("value, said", BAD_VALUES[:-3], ids=range(len(BAD_VALUES) - 3))
def test_documents_hold_no_more_than_a_history(value: Any, said: str) -> None:
    """A document whose fields cannot be recorded is never made."""
    with pytest.raises(InvalidValue) as error:
        plan(fields={"of": value})

    assert said.replace("fact cost", "fields") in str(error.value)
    assert len(str(error.value)) <= MOST_SAID


def test_document_that_fills_an_event_is_refused(shared: Office) -> None:
    """A document whose fields make the event too large is refused with both sizes."""
    document = plan(fields={f"k{i}": "x" * 60_000 for i in range(20)})

    with shared.refusing("the event would take", "1,048,576", kind=InvalidValue):
        shared.engine.attach("deal", document, by=BOSS)


GOOD_VALUES: list[tuple[Any, Any]] = [
    ("\u202eevil\u202c", "\u202eevil\u202c"),
    ("\u0001\u007f\u0085\u2028\ufeff\uffff", "\u0001\u007f\u0085\u2028\ufeff\uffff"),
    ("e\u0301", "e\u0301"),
    ("\U0001f4dc", "\U0001f4dc"),
    ("{0.__class__} {} %s ${x}", "{0.__class__} {} %s ${x}"),
    ("'; DROP TABLE event; --", "'; DROP TABLE event; --"),
    (2**53, 2**53),
    (-(2**53), -(2**53)),
    (True, True),
    (Decimal("-0.10"), "-0.10"),
    (Word("word"), "word"),
    (Colour.RED, "red"),
    (date(2025, 7, 24), "2025-07-24"),
    ("x" * 65_536, "x" * 65_536),
    ({}, {}),
]


@pytest.mark.parametrize("value, kept", GOOD_VALUES, ids=range(len(GOOD_VALUES)))
def test_odd_values_are_kept_as_they_are(shared: Office, value: Any, kept: Any) -> None:
    """What is odd but is data is recorded, read back and proved as it is."""
    deal = shared.engine.record("deal", "odd", value, by=BOSS)

    assert kept == deal.facts["odd"].value
    assert type(kept) is type(deal.facts["odd"].value) or isinstance(kept, Mapping)
    assert deal == shared.engine.get("deal")
    assert shared.engine.verify("deal").ok


def test_depth_of_sixteen_is_kept(shared: Office) -> None:
    """Sixteen levels are recorded; the seventeenth is what is too many."""
    shared.engine.record("deal", "deep", nested(16), by=BOSS)

    assert shared.engine.verify("deal").ok


TITLES = ["\u202eKBO\u202c", "a\u200fb", "bell\u0007", "two\nlines", "\u2066x", "\ufffe", "  ", "\U000e0041"]


@pytest.mark.parametrize("title", TITLES, ids=range(len(TITLES)))
def test_titles_are_recorded_as_they_are(shared: Office, title: str) -> None:
    """Control and direction characters in a title are recorded, found and proved as they are."""
    id_ = f"title-{TITLES.index(title)}"
    started = shared.engine.start("pact", id_, title=title, by=BOSS)

    assert title == started.title == shared.engine.get(id_).title
    assert id_ in [found.id for found in shared.engine.find(text=title, limit=500).items]
    assert shared.engine.verify(id_).ok


@pytest.mark.parametrize("title, said", [("a\0b", "NUL"), ("\udfff", "surrogate"), ("x" * 10_000_000, "characters")])
def test_titles_that_no_history_can_hold(shared: Office, title: str, said: str) -> None:
    """A title with a NUL, half a character or ten million of them is refused by name."""
    with shared.refusing("title", said, kind=InvalidValue):
        shared.engine.start("pact", "titled", title=title, by=BOSS)


BAD_IDS = ["", " ", " a", "a ", "a\n", "a\tb", "\0", "a\0b", "\ud800", "\u202ea", "a\u200db", "x" * 201, "\ufeff"]


@pytest.mark.parametrize("id_", BAD_IDS, ids=range(len(BAD_IDS)))
@pytest.mark.parametrize(
    "use",
    [
        lambda engine, id_: engine.start("pact", id_, by=BOSS),
        lambda engine, id_: engine.get(id_),
        lambda engine, id_: engine.advance(id_, by=BOSS),
        lambda engine, id_: engine.history(id_),
        lambda engine, id_: engine.verify(id_),
    ],
    ids=["start", "get", "advance", "history", "verify"],
)
def test_ids_that_are_none(shared: Office, use: Callable[[Engine, str], Any], id_: str) -> None:
    """An empty, blank, invisible or over-long id is refused wherever an agreement is named."""
    with shared.refusing("agreement", kind=InvalidValue):
        use(shared.engine, id_)


ODD_IDS = [
    "..", "../../etc/passwd", "a/b?c#d", "%00", "'; DROP TABLE agreement; --", "é", "e\u0301", "É", "協定",
    "\U0001f4dc", "x" * 200, "None", "0", "*", "[a-z]", "deal%",
]  # fmt: skip


def test_odd_ids_are_ids(office: Office) -> None:
    """Any short printable text is an id: none is taken for another, for a pattern or for a statement."""
    for id_ in ODD_IDS:
        office.engine.start("pact", id_, by=BOSS)

    assert {*ODD_IDS, "deal"} == {item.id for item in office.engine.find(limit=500).items}
    assert [1] * len(ODD_IDS) == [len(office.engine.history(id_)) for id_ in ODD_IDS]
    pages, after = [], None
    while True:
        page = office.engine.find(limit=2, after=after)
        pages += [item.id for item in page.items]
        if (after := page.next) is None:
            break
    assert sorted({*ODD_IDS, "deal"}) == pages
    assert office.engine.verify().ok


@pytest.mark.parametrize("text", ["%", "_", "*", "' OR 1=1 --", "deal\u0000"[:4] + "%", "["])
def test_searching_knows_no_patterns(shared: Office, text: str) -> None:
    """What looks like a pattern finds only what holds exactly that."""
    assert () == tuple(item for item in shared.engine.find(text=text).items if item.id == "deal")


NOW = ManualClock()()
BAD_TIMES: list[tuple[Any, str]] = [
    (NOW.replace(tzinfo=None), "has no zone"),
    (NOW + timedelta(days=365), "lies in the future"),
    (datetime.max.replace(tzinfo=UTC), "lies in the future"),
    (NOW.date(), "a datetime is needed"),
    (NOW.isoformat(), "a datetime is needed"),
    (NOW.timestamp(), "a datetime is needed"),
    (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "outside the years"),
    (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), "outside the years"),
]


@pytest.mark.parametrize("at, said", BAD_TIMES, ids=range(len(BAD_TIMES)))
@pytest.mark.parametrize("move", ["note", "hold", "start"])
def test_times_that_cannot_be(shared: Office, move: str, at: Any, said: str) -> None:
    """A time without a zone, in the future, or that is none is refused, whatever it is given for."""
    agreement, given = ("timed", ["pact", "timed"]) if move == "start" else ("deal", ["deal", "because"])

    with shared.refusing("at: ", said, kind=InvalidValue):
        getattr(shared.engine, move)(*given, by=BOSS, at=at)
    assert agreement == "deal" or shared.engine.find(text="timed").items == ()


def test_moves_are_never_dated_before_the_stage(office: Office) -> None:
    """A move cannot have taken effect before the agreement stood where it moved from; other things can."""
    office.goes_on()
    earlier = office.engine.get("deal").entered_at - timedelta(seconds=1)
    for move, given in (("advance", []), ("send_back", ["draft", "why"]), ("hold", ["why"]), ("end", ["dropped"])):
        with office.refusing("at: ", "before the agreement entered 'review'", kind=InvalidValue):
            getattr(office.engine, move)("deal", *given, by=BOSS, at=earlier)

    assert "review" == office.engine.note("deal", "found later", by=BOSS, at=earlier).stage
    assert office.engine.verify().ok


def test_clock_that_goes_back_loses_nothing(office: Office) -> None:
    """A clock that was put back leaves the history in order and whole."""
    office.goes_on()
    office.clock.set(office.clock() - timedelta(days=3))
    office.engine.note("deal", "the clock went back", by=BOSS)

    assert list(range(1, office.engine.get("deal").n + 1)) == [event.n for event in office.engine.history("deal")]
    assert office.engine.verify().ok


def gated(gate: Any) -> Engine:
    """Return an engine with one agreement before *gate*."""
    process = Process("p", "1", (Stage("a", owner="boss", gate=gate), Stage("b", owner="boss")))
    engine = Engine(MemoryStore(), processes=[process], clock=ManualClock())
    engine.start("p", "x", by=BOSS)
    return engine


FORMATS = [
    "{0.__class__.__mro__}",
    "{fact}",
    "{reason!r:>9999999}",
    "{",
    "}",
    "%(x)s",
    "%n",
    "__import__('os')",
    "${x}",
]


@pytest.mark.parametrize("text", FORMATS)
def test_no_text_is_ever_interpreted(office: Office, text: str) -> None:
    """What looks like a template or like code stays text: in facts, parties, reasons, notes and refusals."""
    fact_ = office.engine.record("deal", "cost", text, source=text, by=BOSS).facts["cost"]
    office.engine.note("deal", text, by=BOSS)
    office.engine.start("pact", "other", title=text, parties=[Party("p", name=text)], by=BOSS)
    with pytest.raises(GateClosed) as refused:
        office.engine.advance("deal", reason=text, by=BOSS)

    assert (text, text) == (fact_.value, fact_.source)
    assert text == office.engine.get("other").parties[0].name
    assert text == office.engine.history("deal")[-1].data["data"]["reason"]
    for lang in ("en", "id", "ja"):
        [said] = [reason.text(lang) for reason in refused.value.unmet if reason.code.startswith("fact")]
        assert text in said
    assert office.engine.verify().ok


@pytest.mark.parametrize("text", FORMATS)
def test_no_label_is_ever_interpreted(text: str) -> None:
    """A label that looks like a template or like code is said as it is."""
    engine = gated(fact("cost", equals=text, label=text))
    with pytest.raises(GateClosed) as refused:
        engine.advance("x", by=BOSS)

    [reason] = refused.value.unmet
    assert text == reason.label.text("ja")
    assert reason.text("id").startswith(f"{text}: ")
    assert text in str(refused.value)


ANSWERS: list[Any] = [
    "x" * 10_000_000, "a\0b", "\ud800", "{0.__class__}", 3.5, object(), b"x", [Evil()], Evil(), nested(100_000),
    10**5000, None, False, {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_whatever_a_predicate_answers(answer: Any) -> None:
    """Anything but True refuses, with a reason that can be recorded; the history stays whole."""

    @requirement(code="odd.answer", version="1")
    def odd(_attempt: Attempt) -> Any:
        return answer

    engine = gated(odd)
    with pytest.raises(GateClosed) as refused:
        engine.advance("x", by=BOSS)

    assert 1 == len(refused.value.unmet)
    assert len(str(refused.value)) <= 100_000
    assert ["started", "refused"] == [event.kind for event in engine.history("x")]
    assert "a" == engine.get("x").stage
    assert engine.verify().ok


def _endless(attempt: Attempt) -> Any:
    return _endless(attempt)


def _fails(error: Callable[[], BaseException]) -> Callable[[Attempt], Any]:
    def fail(_attempt: Attempt) -> Any:
        raise error()

    return fail


class Unspeakable(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "guard",
    [
        _endless,
        _fails(lambda: ValueError("x" * 10_000_000)),
        _fails(lambda: ValueError("a\0b\ud800")),
        _fails(MemoryError),
        _fails(Unspeakable),
        _fails(StopIteration),
        lambda attempt: attempt.agreement.facts.update(cost=1),
        lambda attempt: setattr(attempt, "actor", None),
    ],
    ids=["endless", "long", "surrogate", "memory", "unspeakable", "stop", "write", "set"],
)
def test_predicate_that_breaks_is_a_refusal(guard: Callable[[Attempt], Any]) -> None:
    """A predicate that fails in whatever way refuses, and says so in few words; it never opens the gate."""
    engine = gated(requirement(code="odd.guard", version="1")(guard))
    with pytest.raises(GateClosed) as refused:
        engine.advance("x", by=BOSS)

    assert ["guard.error"] == [reason.code for reason in refused.value.unmet]
    assert len(str(refused.value)) <= MOST_SAID
    assert engine.verify().ok


def test_unknown_process_and_agreement_are_named(shared: Office) -> None:
    """What is not there is named, with what is."""
    with shared.refusing("'nowhere'", "pact", kind=NotFound):
        shared.engine.start("nowhere", "new", by=BOSS)
    with shared.refusing("'nobody'", kind=NotFound):
        shared.engine.advance("nobody", by=BOSS)


def test_refused_attempts_are_all_that_is_written(office: Office) -> None:
    """Hundreds of refused attempts leave as many refused events, and the agreement where it was."""
    deal = office.engine.get("deal")
    for _ in range(20):
        with pytest.raises(GateClosed):
            office.engine.advance(deal, by=Actor(id="x" * 200, roles={"boss"}))

    assert ["started", *["refused"] * 20] == [event.kind for event in office.engine.history("deal")]
    assert deal.version == office.engine.get("deal").version
    assert office.engine.verify().ok


def test_gate_of_a_thousand_reasons_is_still_a_refusal() -> None:
    """A refusal whose reasons would burst an event is recorded all the same, and the exception has them all."""
    for gate in (
        [fact(f"f{i}", label="y" * 2_000, basis="z" * 60_000) for i in range(40)],
        [fact(f"f{i}") for i in range(1_000)],
    ):
        whole: Any = gate[0]
        for part in gate[1:]:
            whole = whole & part
        engine = gated(whole)
        with pytest.raises(GateClosed) as refused:
            engine.advance("x", by=BOSS)

        assert len(gate) == len(refused.value.unmet)
        assert ["started", "refused"] == [event.kind for event in engine.history("x")]
        assert engine.verify().ok


def test_documents_that_hide_in_paths() -> None:
    """A file that cannot be read, or a path that can be none, is refused by name."""
    for path in ("/nonexistent/plan.pdf", "/", "a\0b", "x" * 5_000, "\ud800"):
        with pytest.raises(InvalidValue, match="document"):
            Document.from_file(path, kind="plan")
