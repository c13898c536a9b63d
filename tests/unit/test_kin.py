"""Agreements and other agreements: the parts of one, the whole they belong to, a track beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    AlreadyExists,
    Attempt,
    Calendar,
    Conflict,
    DefinitionError,
    Document,
    Engine,
    Entry,
    GateClosed,
    InvalidValue,
    MemoryStore,
    NoSuchMove,
    NotFound,
    NotPermitted,
    Outcome,
    Process,
    RefusedError,
    Requirement,
    Stage,
    StagegateError,
    Unmet,
    approval,
    calendar_days,
    document,
    fact,
    fold,
    load_process,
    notice,
    parent,
    parts,
    requirement,
    track,
    unguarded,
    workdays,
)
from stagegate._history import GENESIS, chain
from stagegate._plain import canonical
from stagegate.testing import ManualClock

FREE = unguarded("its own affair")
BOSS = Actor(id="bo", roles={"boss"})
AGENCY = Actor(id="ag", roles={"agency"})
BOTH = Actor(id="bo", roles={"boss", "agency"})

SECTOR = Process(
    "sector",
    "1",
    (
        Stage("proposed", owner="agency", gate=FREE),
        Stage("cleared", owner="agency", back_to="proposed", gate=FREE),
        Stage("active", owner="agency", back_to="cleared"),
    ),
    outcomes=[Outcome("carved_out", stages=["proposed", "cleared"]), Outcome("completed", stages=["active"])],
)


class Family:
    """A whole before one gate, `plan` → `running`, and what belongs to it."""

    def __init__(
        self,
        gate: Requirement = FREE,
        *others: Process,
        store: Any = None,
        stages: Iterable[Stage] = (),
        part: Process = SECTOR,
        **process: Any,
    ) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore() if store is None else store
        # Roles of a part are no roles of the whole, unless it says so.
        later = tuple(stages) or (Stage("running", owner="boss", back_to="plan"),)
        self.process = Process("whole", "1", (Stage("plan", owner="boss", gate=gate), *later), **process)
        self.part = part
        self.engine = Engine(self.store, processes=[self.process, part, *others], clock=self.clock)
        self.engine.start("whole", "w", title="Whole", by=BOSS)

    def add(self, *names: str, process: str = "", whole: str = "w", **about: Any) -> Family:
        """Start parts."""
        for name in names:
            self.engine.start(process or self.part.id, name, part_of=whole, by=BOTH, **about)
        return self

    def on(self, *names: str, times: int = 1) -> Family:
        """Advance parts, so many times."""
        for name in names:
            for _ in range(times):
                self.engine.advance(name, by=AGENCY)
        return self

    def unmet(self, agreement: str = "w", by: Actor = BOSS) -> tuple[Unmet, ...]:
        """Return why an agreement cannot advance: the same asked, refused, and recorded."""
        asked = next(o for o in self.engine.options(agreement, by=by) if o.move == "advance").unmet
        if not asked:
            return ()
        with pytest.raises(RefusedError) as refused:
            self.engine.advance(agreement, by=by)
        event = self.engine.history(agreement)[-1]

        assert asked == refused.value.unmet
        assert list(asked) == [Unmet.from_data(reason) for reason in event.data["data"]["unmet"]]
        return asked

    def said(self, agreement: str = "w", by: Actor = BOSS) -> list[str]:
        """Return it as sentences."""
        return [reason.text() for reason in self.unmet(agreement, by)]

    def codes(self, agreement: str = "w", by: Actor = BOSS) -> list[str]:
        """Return its codes."""
        return [reason.code for reason in self.unmet(agreement, by)]

    def read(self, agreement: str = "w", n: int = -1) -> list[tuple[str, int]]:
        """Return which others an event read, in which version, having looked that they were so."""
        event = self.engine.history(agreement)[n]
        for other in event.data.get("read", ()):
            (last,) = (e for e in self.engine.history(other["agreement"]) if e.hash.hex() == other["head"])
            assert last.recorded_at <= event.recorded_at
            assert other["version"] <= last.n
        return [(other["agreement"], other["version"]) for other in event.data.get("read", ())]


class TestStarting:
    """Becoming part of another agreement."""

    def test_part_says_of_what(self) -> None:
        """A part bears the id of the whole, in its snapshot and in the event that began it."""
        family = Family().add("w/1")
        part = family.engine.get("w/1")

        assert ("w", None) == (part.part_of, family.engine.get("w").part_of)
        assert "w" == family.engine.history("w/1")[0].data["data"]["part_of"]
        assert part == Agreement.from_json(part.to_json())
        assert "part_of" not in family.engine.get("w").to_data()

    def test_whole_is_read_and_pinned(self) -> None:
        """The event that begins a part says which version of the whole was seen."""
        family = Family()
        family.engine.note("w", "seen", by=BOSS)
        family.add("w/1")

        assert [("w", 2)] == family.read("w/1")
        assert family.engine.verify().ok

    def test_whole_is_not_changed(self) -> None:
        """The history of the whole has nothing of it: its parts are found from below."""
        family = Family().add("w/1", "w/2")

        assert family.engine.get("w").n == 1
        assert ["w/1", "w/2"] == [part.id for part in family.engine.parts("w")]
        assert ["w/1", "w/2"] == [part.id for part in family.engine.parts(family.engine.get("w"))]
        assert () == family.engine.parts("w/1")

    def test_parts_of_nothing(self) -> None:
        """The parts of what is not there cannot be asked for."""
        with pytest.raises(NotFound, match="there is no agreement 'x'"):
            Family().engine.parts("x")

    def test_parts_are_found(self) -> None:
        """Parts are listed by what they are part of, page by page, with the other filters."""
        family = Family().add("w/1", "w/2", "w/3").on("w/2")
        family.engine.start("sector", "alone", by=AGENCY)
        page = family.engine.find(part_of="w", limit=2)

        assert (["w/1", "w/2"], "w/2") == ([part.id for part in page.items], page.next)
        assert ["w/3"] == [part.id for part in family.engine.find(part_of="w", after="w/2").items]
        assert ["w/2"] == [part.id for part in family.engine.find(part_of="w", stage="cleared").items]
        assert () == family.engine.find(part_of="alone").items

    def test_whole_must_be_there(self) -> None:
        """Nothing becomes part of what is not there."""
        family = Family()
        with pytest.raises(NotFound, match="part_of: there is no agreement 'x'; start it first"):
            family.add("w/1", whole="x")
        with pytest.raises(NotFound, match="there is no agreement 'w/1'"):
            family.engine.get("w/1")

    def test_nothing_is_part_of_itself(self) -> None:
        """Nor of itself, whether it is there or not."""
        family = Family()
        for name in ("w/1", "w"):
            with pytest.raises(InvalidValue, match=f"part_of: {name} cannot be part of itself"):
                family.add(name, whole=name)

    def test_whole_must_run(self) -> None:
        """Nor of what has ended."""
        family = Family()
        family.engine.end("w", "withdrawn", "enough", by=BOSS)
        with pytest.raises(NoSuchMove, match=r"part_of: w has ended \(withdrawn\); nothing can become part of it"):
            family.add("w/1")

    @pytest.mark.parametrize("by, whose", [(AGENCY, "w"), (BOSS, "w/1")])
    def test_who_starts_has_a_role_in_both(self, by: Actor, whose: str) -> None:
        """Who starts a part has a role in its process and in that of the whole."""
        family = Family()
        with pytest.raises(NotPermitted) as refused:
            family.engine.start("sector", "w/1", part_of="w", by=by)

        assert whose == refused.value.agreement
        assert family.store.get("w/1") is None

    def test_process_of_the_whole_must_be_known(self) -> None:
        """Who may start a part cannot be said where the process of the whole is not known."""
        family = Family(fact("x"))
        family.store._definitions.clear()
        engine = Engine(family.store, processes=[SECTOR], clock=family.clock)
        with pytest.raises(NotFound, match="the agreement runs under whole 1"):
            engine.start("sector", "w/1", part_of="w", by=BOTH)

    def test_whole_as_it_was_seen(self) -> None:
        """A whole that is handed over as a value must still be current."""
        family = Family()
        seen = family.engine.get("w")
        family.engine.start("sector", "w/1", part_of=seen, by=BOTH)
        family.engine.start("sector", "w/2", part_of=seen, by=BOTH)
        family.engine.note("w", "moved on", by=BOSS)
        with pytest.raises(Conflict) as conflict:
            family.engine.start("sector", "w/3", part_of=seen, by=BOTH)

        assert "w" == conflict.value.agreement

    def test_part_that_is_there(self) -> None:
        """An id that is taken is not taken over as a part."""
        family = Family().add("w/1")
        with pytest.raises(AlreadyExists):
            family.add("w/1")

    def test_part_of_no_id(self) -> None:
        """What is no id is refused by name."""
        for odd in ("", 3, "a\n"):
            with pytest.raises(InvalidValue, match="part_of"):
                Family().add("w/1", whole=odd)  # type: ignore[arg-type]

    def test_start_is_repeated(self) -> None:
        """The same request answers the same, also when the whole has ended since; another whole is another request."""
        family = Family()
        family.engine.start("whole", "v", by=BOSS)
        first = family.engine.start("sector", "w/1", part_of="w", by=BOTH, request_id="r")
        family.engine.end("w", "withdrawn", "enough", by=BOSS)

        assert first == family.engine.start("sector", "w/1", part_of="w", by=BOTH, request_id="r")
        with pytest.raises(StagegateError, match="already used"):
            family.engine.start("sector", "w/1", part_of="v", by=BOTH, request_id="r")

    def test_parts_have_parts(self) -> None:
        """A part can have parts of its own; each is part of the one above it alone."""
        family = Family(parts(all="cleared")).add("w/1").add("w/1/a", whole="w/1")

        assert ["w/1"] == [part.id for part in family.engine.parts("w")]
        assert ["w/1/a"] == [part.id for part in family.engine.parts("w/1")]
        assert ["w/1"] == [reason.params["part"] for reason in family.unmet()]


class TestParts:
    """What is asked of the parts."""

    def test_all(self) -> None:
        """Each part that is not there is one reason: which it is, where it stands, and whose turn it is there."""
        family = Family(parts(all="cleared", basis="Rule 7")).add("w/1", title="Waste").add("w/2", "w/3").on("w/2")

        assert [
            "the part Waste stands at proposed and has not reached cleared",
            "the part w/3 stands at proposed and has not reached cleared",
        ] == family.said()
        assert [("parts.reached", "w/1", ("agency",), "Rule 7"), ("parts.reached", "w/3", ("agency",), "Rule 7")] == [
            (why.code, why.params["part"], why.fix_by, why.basis) for why in family.unmet()
        ]
        assert "running" == family.on("w/1", "w/3").engine.advance("w", by=BOSS).stage

    def test_further_is_there_too(self) -> None:
        """A part that stands beyond the stage has reached it."""
        assert [] == Family(parts(all="cleared")).add("w/1").on("w/1", times=2).said()

    def test_sent_back_is_not_there_any_more(self) -> None:
        """A part that was sent back before the stage has not reached it."""
        family = Family(parts(all="cleared")).add("w/1").on("w/1")
        family.engine.send_back("w/1", "proposed", "once more", by=AGENCY)

        assert ["parts.reached"] == family.codes()

    def test_ended_counts_by_where_it_stood(self) -> None:
        """A part that ended has reached what it had reached then; the reason says how it ended."""
        family = Family(parts(all="cleared")).add("w/1", "w/2").on("w/1")
        for part in ("w/1", "w/2"):
            family.engine.end(part, "carved_out", "not ours", by=AGENCY)
        (why,) = family.unmet()

        assert ("w/2", "carved_out", ("boss",)) == (why.params["part"], why.params["stage"], why.fix_by)

    def test_unless(self) -> None:
        """Parts that ended with a named outcome do not count; the rest goes on."""
        family = Family(parts(all="active", unless=["carved_out"])).add("w/1", "w/2").on("w/1", times=2)
        family.engine.end("w/2", "carved_out", "an affair of the province", by=AGENCY)

        assert [] == family.said()
        assert "running" == family.engine.advance("w", by=BOSS).stage
        assert [("w/1", 3), ("w/2", 2)] == family.read()

    def test_no_part(self) -> None:
        """That there is no part is a reason of its own, and so is that none is left that counts."""
        family = Family(parts(all="cleared", unless="carved_out"))
        assert ["it has no part that counts here"] == family.said()
        family.add("w/1")
        family.engine.end("w/1", "carved_out", "not ours", by=AGENCY)

        assert ["parts.none"] == family.codes()

    def test_any(self) -> None:
        """One is enough; otherwise it is one reason, with those that are not there as its alternatives."""
        family = Family(parts(any="cleared")).add("w/1", "w/2")

        behind = "the part {} stands at proposed and has not reached cleared"

        expected = f"0 of 1 parts have reached cleared: (1) {behind.format('w/1')} / (2) {behind.format('w/2')}"
        assert [expected] == family.said()
        assert [("agency",), ("agency",)] == [why.fix_by for (why,) in family.unmet()[0].alternatives]
        assert [] == family.on("w/2").said()

    def test_at_least(self) -> None:
        """So many are enough."""
        family = Family(parts(at_least=2, reached="active")).add("w/1", "w/2", "w/3").on("w/1", times=2)
        (why,) = family.unmet()

        assert ("parts.few", 1, 2, 2) == (why.code, why.params["have"], why.params["need"], len(why.alternatives))
        assert [] == family.on("w/3", times=2).said()

    def test_more_than_there_are(self) -> None:
        """Where there are fewer parts than are asked for, that is said, whatever they have reached."""
        family = Family(parts(at_least=2, reached="proposed")).add("w/1")

        assert ["1 of 2 parts have reached proposed"] == family.said()

    def test_process(self) -> None:
        """Only parts under a process may be asked for."""
        letter = Process("letter", "1", (Stage("draft", owner="agency", gate=FREE), Stage("sent", owner="agency")))
        family = Family(parts(all="cleared", process="sector") & parts(all="sent", process="letter"), letter)
        family.add("w/1").add("w/2", process="letter")

        assert ["w/1", "w/2"] == [why.params["part"] for why in family.unmet()]
        assert [] == family.on("w/1", "w/2").said()

    def test_stage_that_is_none_of_a_part(self) -> None:
        """A part whose process has no such stage refuses, beside the others that are not there."""
        letter = Process("letter", "1", (Stage("draft", owner="agency", gate=FREE), Stage("sent", owner="agency")))
        family = Family(parts(all="cleared"), letter).add("w/1").add("w/2", process="letter").on("w/2")

        assert [
            "the part w/1 stands at proposed and has not reached cleared",
            f"w/2 runs under {letter.pin}, which has no stage cleared, so nobody can say whether it is there",
        ] == family.said()

    @pytest.mark.parametrize("asked", [parts(any="cleared"), ~parts(any="cleared"), parts(any="cleared") | FREE])
    def test_nobody_can_say_is_no_answer(self, asked: Requirement) -> None:
        """What cannot be said refuses, whatever the others are, and under a contrary or an alternative too."""
        letter = Process("letter", "1", (Stage("draft", owner="agency", gate=FREE), Stage("sent", owner="agency")))
        family = Family(asked, letter).add("w/1").add("w/2", process="letter").on("w/1")

        assert ["kin.stage"] == family.codes()

    def test_unknown_process_of_a_part(self) -> None:
        """So does a part whose process is known neither to the engine nor to its store."""
        family = Family(parts(all="cleared")).add("w/1").on("w/1")
        family.store._definitions.clear()
        family.engine = Engine(family.store, processes=[family.process], clock=family.clock)

        assert [
            f"w/1 runs under {SECTOR.pin}, which is not known here, so nobody can say how far it is"
        ] == family.said()
        assert ["kin.process"] == family.codes()

    def test_part_under_an_older_version(self) -> None:
        """A part is placed by the order of its own definition, which the store keeps."""
        family = Family(parts(all="cleared")).add("w/1").on("w/1")
        newer = Process("sector", "2", (Stage("cleared", owner="agency", gate=FREE), *SECTOR.stages[::2]))
        family.engine = Engine(family.store, processes=[family.process, newer], clock=family.clock)

        assert [] == family.said()
        family.add("w/2")
        assert [] == family.said(), "its first stage is called so"

    def test_not(self) -> None:
        """The contrary holds as long as they have not come so far."""
        family = Family(~parts(any="active")).add("w/1")

        assert [] == family.said()
        assert ["not"] == family.on("w/1", times=2).codes()

    def test_alternative(self) -> None:
        """As an alternative it composes as any other requirement."""
        family = Family(parts(all="cleared") | fact("waived")).add("w/1")
        (why,) = family.unmet()

        assert ["parts.reached", "fact.missing"] == [reason.code for (reason,) in why.alternatives]
        family.engine.record("w", "waived", value=True, by=BOSS)
        assert [] == family.said()

    def test_fix_by_is_said(self) -> None:
        """Where the requirement names who can mend it, that is who."""
        family = Family(parts(all="cleared", fix_by="boss")).add("w/1")

        assert [("boss",)] == [why.fix_by for why in family.unmet()]

    def test_each(self) -> None:
        """A requirement is asked of each part by itself; what is missing is told part by part."""
        gate = parts(each=fact("object_class") & document("profile"), unless="carved_out")
        family = Family(gate).add("w/1", "w/2")
        family.engine.record("w/1", "object_class", "technical", by=AGENCY)
        family.engine.attach("w/1", Document.from_bytes(b"p", kind="profile"), by=AGENCY)

        assert [
            "the part w/2: (1) the fact object_class is not recorded + the document profile is missing"
        ] == family.said()
        (why,) = family.unmet()
        assert [("agency",)] * 3 == [why.fix_by, *(reason.fix_by for reason in why.alternatives[0])]
        family.engine.end("w/2", "carved_out", "not ours", by=AGENCY)
        assert [] == family.said()

    def test_each_sees_the_whole(self) -> None:
        """What is asked of each part sees the part as the agreement, and the whole as its parent."""

        @requirement(code="shown")
        def shown(attempt: Attempt) -> bool:
            whole = attempt.parent
            return attempt.agreement.id == "w/1" and whole is not None and whole.id == "w" and attempt.parts == ()

        assert [] == Family(parts(each=shown)).add("w/1").said()
        assert [] == Family(parts(each=parent(reached="plan"))).add("w/1").said()
        assert ["parts.each"] == Family(parts(each=parent(reached="running"))).add("w/1").codes()

    def test_each_that_fails(self) -> None:
        """One that raises refuses, under a contrary too."""

        @requirement(code="broken")
        def broken(attempt: Attempt) -> bool:
            raise LookupError("nothing")

        assert ["guard.error"] == Family(~parts(each=broken)).add("w/1").codes()

    def test_each_counts_by_the_calendar(self) -> None:
        """What it counts, it counts by the calendar of the whole."""
        holidays = Calendar(id="town", version="1", holidays={date(2025, 1, k): "Town days" for k in (6, 7, 8, 9, 10)})
        family = Family(parts(each=notice("letter", before="fact:opening", workdays=2)), calendar=holidays).add("w/1")
        family.engine.record("w/1", "opening", "2025-01-13", by=AGENCY)
        family.engine.attach("w/1", Document.from_bytes(b"p", kind="letter", dated="2025-01-08"), by=AGENCY)

        assert ["parts.each"] == family.codes()

    def test_vote_of_each(self) -> None:
        """An approval that is asked of each part is a vote on the part, not on the whole."""
        ask = approval("agency")
        voted = Process("voted", "1", (Stage("a", owner="agency", gate=ask), Stage("b", owner="agency")))
        family = Family(parts(each=ask), part=voted).add("w/1")

        assert frozenset({"boss"}) == family.process.known_roles
        assert ["parts.each"] == family.codes()
        family.engine.approve("w/1", by=AGENCY)
        assert [] == family.said()

    def test_many_parts(self) -> None:
        """All parts are asked, also where they fill more than a page."""
        family = Family(parts(all="cleared"))
        for k in range(503):
            family.engine.start("sector", f"w/{k:03}", part_of="w", by=BOTH)

        option = next(o for o in family.engine.options("w", by=BOSS) if o.move == "advance")
        assert 503 == len(option.unmet)
        assert 503 == len(family.engine.parts("w"))


class TestParent:
    """What a part asks of the whole, and what it may do without it."""

    WAITING = Process(
        "waiting",
        "1",
        (
            Stage("proposed", owner="agency", gate=parent(reached="running"), contributors="agency"),
            Stage("active", owner="agency", back_to="proposed"),
        ),
    )

    def test_reached(self) -> None:
        """A part waits for the whole; the reason says where that stands and whose turn it is there."""
        family = Family(part=self.WAITING).add("w/1")
        (why,) = family.unmet("w/1", AGENCY)

        assert "w, which it is part of, stands at plan and has not reached running" == why.text()
        assert ("boss",) == why.fix_by
        family.engine.advance("w", by=BOSS)
        assert [] == family.said("w/1", AGENCY)

    def test_no_whole(self) -> None:
        """What is part of nothing is told so."""
        family = Family(part=self.WAITING)
        family.engine.start("waiting", "alone", by=AGENCY)

        assert ["it is part of no other agreement"] == family.said("alone", AGENCY)

    def test_whole_is_read_whatever_a_part_does(self) -> None:
        """Every event of a part says which version of the whole it was done under."""
        family = Family().add("w/1")
        family.engine.note("w", "seen", by=BOSS)
        family.engine.note("w/1", "seen", by=AGENCY)
        assert [("w", 2)] == family.read("w/1")
        family.engine.hold("w", "wait", by=BOSS)
        family.on("w/1")

        assert [("w", 3)] == family.read("w/1")

    def test_refusal_says_what_was_read(self) -> None:
        """So does a refused attempt; the number of the refusals of the other is none of its versions."""
        family = Family(fact("x"), part=self.WAITING).add("w/1")
        with pytest.raises(GateClosed):
            family.engine.advance("w", by=BOSS)
        with pytest.raises(GateClosed):
            family.engine.advance("w/1", by=AGENCY)

        assert [("w", 1)] == family.read("w/1")
        assert family.engine.get("w").head.hex() == family.engine.history("w/1")[-1].data["read"][0]["head"]
        assert family.engine.verify().ok

    @pytest.mark.parametrize(
        "act",
        [
            lambda e: e.advance("w/1", by=AGENCY),
            lambda e: e.send_back("w/1", "proposed", "no", by=AGENCY),
            lambda e: e.resume("w/1", by=AGENCY),
            lambda e: e.attach("w/1", Document.from_bytes(b"x", kind="x"), by=AGENCY),
            lambda e: e.record("w/1", "x", 1, by=AGENCY),
            lambda e: e.migrate("w/1", "sector", version="2", by=AGENCY),
        ],
        ids=["advance", "send_back", "resume", "attach", "record", "migrate"],
    )
    def test_whole_has_ended(self, act: Callable[[Engine], object]) -> None:
        """When the whole has ended, a part goes no further: neither moves nor acts, and the reason says why."""
        later = Process("sector", "2", SECTOR.stages, outcomes=SECTOR.outcomes)
        family = Family(part=later)
        family.engine = Engine(family.store, processes=[family.process, later, SECTOR], clock=family.clock)
        family.add("w/1").on("w/1")
        family.engine.end("w", "withdrawn", "enough", by=BOSS)
        with pytest.raises(RefusedError) as refused:
            act(family.engine)

        (why,) = (why for why in refused.value.unmet if why.code == "parent.ended")
        assert "w, which it is part of, has ended (withdrawn)" == why.text()

    def test_what_is_left_when_the_whole_has_ended(self) -> None:
        """It can be noted, put on hold, reckoned anew and ended, and nothing else."""
        family = Family().add("w/1")
        family.engine.end("w", "withdrawn", "enough", by=BOSS)
        family.engine.note("w/1", "so it ends", by=AGENCY)
        family.engine.recompute("w/1", by=AGENCY)
        family.engine.hold("w/1", "wait", by=AGENCY)
        options = {(o.move, o.target): o.open for o in family.engine.options("w/1", by=AGENCY)}
        ended = family.engine.end("w/1", "carved_out", "the whole is gone", by=AGENCY)

        assert {("advance", "cleared"): False, ("resume", None): False, ("end", "carved_out"): True} == options
        assert "carved_out" == ended.outcome
        assert family.engine.note("w/1", "afterwards", by=AGENCY).n == ended.n + 1

    def test_whole_on_hold(self) -> None:
        """A whole that is on hold holds its parts only where they ask for it."""
        family = Family().add("w/1")
        family.engine.hold("w", "wait", by=BOSS)

        assert "cleared" == family.on("w/1").engine.get("w/1").stage

    def test_silence_approves_nothing_any_more(self) -> None:
        """When the whole has ended, silence decides nothing for a part: what was due is overdue, and says why."""
        ask = approval("agency", within=calendar_days(5), silence="approves", basis="Rule 9")
        voted = Process("voted", "1", (Stage("a", owner="agency", gate=ask), Stage("b", owner="agency")))
        family = Family(part=voted).add("w/1", "w/2")
        family.clock.advance(days=2)
        family.engine.end("w", "withdrawn", "enough", by=BOSS)
        family.clock.advance(days=10)
        swept = family.engine.sweep()
        event = family.engine.history("w/1")[-1]

        assert (2, 0) == (swept.overdue, swept.decided)
        assert ["approval.missing", "parent.ended"] == [why["code"] for why in event.data["data"]["unmet"]]
        assert 0 == family.engine.sweep().total

    def test_duty_of_a_part(self) -> None:
        """A duty that was not met when the whole ended is overdue, and says why nobody can meet it."""
        ask = document("report", within=calendar_days(5))
        owing = Process("owing", "1", (Stage("a", owner="agency", gate=ask), Stage("b", owner="agency")))
        family = Family(part=owing).add("w/1")
        family.engine.end("w", "withdrawn", "enough", by=BOSS)
        family.clock.advance(days=10)

        assert 1 == family.engine.sweep().overdue
        assert [("w", 2)] == family.read("w/1")


class TestTrack:
    """Two agreements that wait for each other."""

    PARTNER = Process(
        "partner",
        "1",
        (Stage("talks", owner="partner", gate=FREE), Stage("ready", owner="partner", back_to="talks")),
        outcomes=[Outcome("signed", stages=["ready"]), Outcome("dropped")],
    )
    PERSON = Actor(id="pa", roles={"partner"})

    def family(self, gate: Requirement) -> Family:
        """Return a whole with that gate, and a partner that is not named yet."""
        family = Family(gate, self.PARTNER)
        family.engine.start("partner", "p", by=self.PERSON)
        return family

    def name(self, family: Family, value: Any = "p") -> Family:
        """Record which agreement is the other track."""
        family.engine.record("w", "other", value, by=BOSS)
        return family

    def test_not_named(self) -> None:
        """Until the fact names the other agreement, that is missing."""
        family = self.family(track("other", reached="ready"))

        assert ["the fact other is not recorded"] == family.said()
        assert [] == family.read()

    @pytest.mark.parametrize("value", ["nobody", 3, ["p"], True])
    def test_names_nothing(self, value: Any) -> None:
        """A fact that names no agreement is told with what it says."""
        family = self.name(self.family(track("other", reached="ready")), value)

        assert ["track.none"] == family.codes()

    def test_names_itself(self) -> None:
        """An agreement is not its own other track, however far it is."""
        family = self.name(self.family(track("other", reached="plan")), "w")

        assert ["other names this agreement itself; it has to name the other one"] == family.said()
        assert [] == family.read()

    def test_reached(self) -> None:
        """It waits for the other to come so far, and pins what it saw."""
        family = self.name(self.family(track("other", reached="ready")))
        (why,) = family.unmet()

        assert "p (other) stands at talks and has not reached ready" == why.text()
        assert ("partner",) == why.fix_by
        family.engine.advance("p", by=self.PERSON)
        family.engine.advance("w", by=BOSS)
        assert [("p", 2)] == family.read()

    def test_outcome(self) -> None:
        """It waits for the other to end so."""
        family = self.name(self.family(track("other", outcome="signed")))
        assert ["p (other) stands at talks and has not ended with signed"] == family.said()
        family.engine.end("p", "dropped", "no", by=self.PERSON)

        assert ["p (other) stands at dropped and has not ended with signed"] == family.said()

    def test_one_of_several_outcomes(self) -> None:
        """Any of several outcomes will do."""
        family = self.name(self.family(track("other", outcome=["signed", "dropped"])))
        family.engine.end("p", "dropped", "no", by=self.PERSON)

        assert [] == family.said()

    def test_both(self) -> None:
        """Where a stage and an outcome are asked for, both reasons are given."""
        family = self.name(self.family(track("other", reached="ready", outcome="signed")))
        assert ["track.reached", "track.outcome"] == family.codes()
        family.engine.advance("p", by=self.PERSON)
        family.engine.end("p", "signed", by=self.PERSON)

        assert [] == family.said()

    def test_process(self) -> None:
        """It can be asked that the other runs under a process, so that not just any agreement will do."""
        family = self.name(self.family(track("other", reached="ready", process="partner")))
        family.engine.start("sector", "s", by=AGENCY)
        assert ["track.reached"] == family.codes()
        self.name(family, "s")

        assert ["s (other) runs under sector, not under partner"] == family.said()

    def test_nobody_can_say(self) -> None:
        """A stage that the process of the other does not have refuses, under a contrary too."""
        family = self.name(self.family(~track("other", reached="plan")))

        assert ["kin.stage"] == family.codes()

    def test_contrary(self) -> None:
        """The contrary holds while the other has not come so far."""
        family = self.name(self.family(~track("other", reached="ready")))

        assert [] == family.said()

    def test_each_other(self) -> None:
        """Two tracks meet at agreed points: each waits for the other's stage before, and both come through."""

        def side(id_: str) -> Process:
            return Process(
                id_,
                "1",
                (
                    Stage("own", owner="boss", gate=FREE),
                    Stage("meet", owner="boss", gate=track("other", reached="meet")),
                    Stage("sign", owner="boss", gate=track("other", reached="sign")),
                    Stage("signed", owner="boss"),
                ),
            )

        family = Family(FREE, side("left"), side("right"))
        engine = family.engine
        for mine, other in (("left", "right"), ("right", "left")):
            engine.start(mine, mine, by=BOSS)
            engine.record(mine, "other", other, by=BOSS)
        engine.advance("left", by=BOSS)
        with pytest.raises(GateClosed):
            engine.advance("left", by=BOSS)
        for mine in ("right", "right", "left", "left", "right"):
            engine.advance(mine, by=BOSS)

        assert ["signed", "signed"] == [engine.get(one).stage for one in ("left", "right")]
        assert engine.verify().ok


class TestReading:
    """What is read of others is only what is asked for."""

    class Counting(MemoryStore):
        """A memory that counts what is read of others."""

        def __init__(self) -> None:
            super().__init__()
            self.read: list[str] = []

        def unit(self, agreement: str) -> Any:
            """Count what a unit reads."""
            unit: Any = super().unit(agreement)
            read = self.read

            class Noted(type(unit)):  # type: ignore[misc]
                def other(self, agreement: str) -> Agreement | None:
                    read.append(agreement)
                    return super().other(agreement)  # type: ignore[no-any-return]

                def parts(self) -> Any:
                    read.append(f"parts of {self.id}")
                    return super().parts()

            return Noted(self, agreement)

        def get(self, agreement: str) -> Agreement | None:
            """Count what is looked at."""
            self.read.append(agreement)
            return super().get(agreement)

        def find(self, *args: Any, **asked: Any) -> Any:
            """Count what is looked for."""
            self.read.append("find")
            return super().find(*args, **asked)

    def test_nothing_is_read_that_is_not_asked(self) -> None:
        """A process that asks nothing of others reads none, and its events say nothing of any."""
        store = self.Counting()
        family = Family(store=store)
        family.engine.record("w", "x", 1, by=BOSS)
        family.engine.advance("w", by=BOSS)

        assert [] == store.read
        assert all("read" not in event.data for event in family.engine.history("w"))

    def test_what_brings_evidence_reads_no_parts(self) -> None:
        """Filing, recording and noting read no parts where no clock depends on them; a move reads them once."""
        store = self.Counting()
        family = Family(parts(all="cleared"), store=store).add("w/1").on("w/1")
        store.read.clear()
        family.engine.record("w", "x", 1, by=BOSS)
        family.engine.note("w", "x", by=BOSS)
        assert [] == store.read
        family.engine.advance("w", by=BOSS)

        assert ["parts of w"] == store.read
        assert [("w/1", 2)] == family.read()

    def test_clock_that_depends_on_parts(self) -> None:
        """Where a clock depends on the parts, they are read whatever is done."""
        store = self.Counting()
        family = Family(parts(all="cleared", within=workdays(3)), store=store).add("w/1")
        store.read.clear()
        family.engine.note("w", "x", by=BOSS)

        assert "parts of w" in store.read
        assert [("w/1", 1)] == family.read()

    def test_question_reads_each_once(self) -> None:
        """Asking for every option reads each other agreement once."""
        store = self.Counting()
        partner = TestTrack.PARTNER
        gate = parts(all="cleared") & track("other", reached="ready")
        family = Family(gate, partner, store=store).add("w/1")
        family.engine.start("partner", "p", by=TestTrack.PERSON)
        family.engine.record("w", "other", "p", by=BOSS)
        store.read.clear()
        options = family.engine.options("w", by=BOSS)

        assert 3 <= len(options)
        assert ["find", "find", "p", "w"] == sorted(store.read)

    def test_one_that_is_seen_twice_is_pinned_once(self) -> None:
        """A part that is a track as well is named once among what was read."""
        gate = parts(all="proposed") & track("other", reached="proposed")
        family = Family(gate).add("w/1")
        family.engine.record("w", "other", "w/1", by=BOSS)
        family.engine.advance("w", by=BOSS)

        assert [("w/1", 1)] == family.read()

    def test_where_it_can_be_asked(self) -> None:
        """It can be asked wherever a requirement stands: to enter a stage, to end."""
        family = Family(
            FREE,
            stages=(
                Stage("extra", owner="boss", when=parts(any="cleared"), gate=FREE),
                Stage("running", owner="boss"),
            ),
            outcomes=[Outcome("done", gate=parts(all="active"))],
        ).add("w/1")
        family.engine.advance("w", by=BOSS)
        event = family.engine.history("w")[-1]

        assert ("running", [("w/1", 1)]) == (event.data["to"], family.read())
        assert ["parts.few"] == [why["code"] for why in event.data["data"]["skipped"][0]["unmet"]]
        with pytest.raises(GateClosed):
            family.engine.end("w", "done", by=BOSS)

    def test_reached_is_there_for_guards_of_ones_own(self) -> None:
        """A guard of one's own sees the parts and can ask how far one is; what nobody can say is an error."""

        @requirement(code="half")
        def half(attempt: Attempt) -> bool:
            return 2 * sum(attempt.reached(part, "cleared") for part in attempt.parts) >= len(attempt.parts)

        @requirement(code="lost")
        def lost(attempt: Attempt) -> bool:
            return all(attempt.reached(part, "nowhere") for part in attempt.parts)

        asks = parts(all="proposed")
        assert [] == Family(half & asks).add("w/1", "w/2").on("w/1").said()
        (why,) = Family(lost & asks).add("w/1").unmet()
        assert "guard.error" == why.code
        assert "which has no stage 'nowhere'" in why.params["error"]

    def test_reached_of_what_is_not_known(self) -> None:
        """How far an agreement is under a process that is not known cannot be asked."""
        family = Family().add("w/1")
        part, whole = family.engine.get("w/1"), family.engine.get("w")
        attempt = Attempt(agreement=whole, move="advance", actor=BOSS, at=datetime(2025, 1, 1, tzinfo=UTC))
        with pytest.raises(NotFound, match="w/1 runs under sector 1 .*, which this engine does not know"):
            attempt.reached(part, "cleared")


class TestProof:
    """What `verify` says of what was read of others."""

    @staticmethod
    def rewritten(family: Family, agreement: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the first event of an agreement that has no other, with all that has to fit."""
        (entry,) = family.store._entries[agreement]
        body = json.loads(entry.body)
        change(body)
        written = canonical(body)
        forged = Entry(n=1, body=written, hash=chain(GENESIS, written))
        family.store._entries[agreement] = [forged]
        folded = fold([forged])
        assert folded is not None
        family.store._agreements[agreement] = folded

    def test_whole_was_written_anew(self) -> None:
        """What a part rests on is no more in the history of the whole: that is said of the part, for one and for all."""
        family = Family().add("w/1")
        self.rewritten(family, "w", lambda body: body["data"].update(title="Other"))
        said = "it rests on 'w' as of an event that is not in the history of that agreement"

        assert [("w/1", 1, said)] == [(f.agreement, f.n, f.what) for f in family.engine.verify().faults]
        assert [said] == [f.what for f in family.engine.verify("w/1").faults]
        assert family.engine.verify("w").ok

    def test_another_version_is_claimed(self) -> None:
        """The event is there, but it made another version than the part says."""
        family = Family().add("w/1")
        self.rewritten(family, "w/1", lambda body: body["read"][0].update(version=7))

        assert ["it rests on version 7 of 'w', but that event made it 1"] == [
            f.what for f in family.engine.verify().faults
        ]

    def test_refusals_make_no_version(self) -> None:
        """The version that goes with a refusal is the one before it."""
        family = Family(fact("x"))
        with pytest.raises(GateClosed):
            family.engine.advance("w", by=BOSS)
        family.add("w/1")

        assert [("w", 1)] == family.read("w/1")
        assert family.engine.verify().ok

    def test_reminders_make_no_version(self) -> None:
        """The version that goes with a reminder is the one before it."""
        due = {"within": workdays(5), "remind": ["1 workday"]}
        family = Family(stages=[Stage("due", owner="boss", gate=FREE, **due), Stage("running", owner="boss")])
        family.engine.advance("w", by=BOSS)
        family.clock.advance(days=6)
        assert 1 == family.engine.sweep().reminded
        family.add("w/1")

        assert [("w", 2)] == family.read("w/1")
        assert family.engine.verify().ok

    @pytest.mark.parametrize("body", [b"x", b"{}"])
    def test_history_that_cannot_be_read(self, body: bytes) -> None:
        """Where the other history cannot be read, that is said of it, and nothing of those who rest on it."""
        family = Family().add("w/1")
        (entry,) = family.store._entries["w"]
        family.store._entries["w"] = [Entry(n=1, body=body, hash=entry.hash)]

        assert {"w"} == {f.agreement for f in family.engine.verify().faults}
        assert family.engine.verify("w/1").ok

    @pytest.mark.parametrize("read", [[{}], [3], [{"agreement": "w", "head": 3, "version": 1}], 3])
    def test_what_was_read_is_no_such_thing(self, read: Any) -> None:
        """What stands there and is no such thing is a fault, and no crash."""
        family = Family().add("w/1")
        self.rewritten(family, "w/1", lambda body: body.update(read=read))
        (fault,) = family.engine.verify().faults

        assert ("w/1", 1, True) == (fault.agreement, fault.n, "its body lacks what an event has" in fault.what)


class TestDefinitions:
    """How it is written, and what is wrong with it."""

    @pytest.mark.parametrize(
        "asked, table",
        [
            (parts(all="b"), '{ parts = { all = "b" } }'),
            (parts(any="b", unless="out"), '{ parts = { any = "b", unless = ["out"] } }'),
            (
                parts(at_least=3, reached="b", process="p", id="G1", basis="Rule 1"),
                '{ parts = { at_least = 3, reached = "b", process = "p" }, id = "G1", basis = "Rule 1" }',
            ),
            (
                parts(each=fact("x") & document("y")),
                '{ parts = { each = { all = [{ fact = "x" }, { document = "y" }] } } }',
            ),
            (parent(reached="b", fix_by="boss"), '{ parent = { reached = "b" }, fix_by = "boss" }'),
            (track("t", reached="b"), '{ track = "t", reached = "b" }'),
            (track("t", outcome=["a", "b"]), '{ track = "t", outcome = ["a", "b"] }'),
            (
                track("t", outcome="a", reached="b", process="p"),
                '{ track = "t", reached = "b", outcome = "a", process = "p" }',
            ),
            (~parts(all="b"), '{ not = { parts = { all = "b" } } }'),
        ],
    )
    def test_same_from_toml(self, tmp_path: Any, asked: Requirement, table: str) -> None:
        """Written in Python and in TOML it is the same, to the digest."""
        file = tmp_path / "p.toml"
        file.write_text(
            f'id = "p"\nversion = "1"\n[[stages]]\nid = "a"\nowner = "boss"\ngate = {table}\n'
            '[[stages]]\nid = "b"\nowner = "boss"\n',
            encoding="utf-8",
        )
        process = Process("p", "1", (Stage("a", owner="boss", gate=asked), Stage("b", owner="boss")))

        assert process.digest == load_process(file).digest

    @pytest.mark.parametrize(
        "make, faults",
        [
            (lambda: parts(), [("", "say one of all, any, at_least and each; this says nothing")]),
            (
                lambda: parts(all="x", any="y"),
                [("", "say one of all, any, at_least and each; this says all and any")],
            ),
            (
                lambda: parts(at_least=2),
                [("reached", "at_least says how many, reached says where: one needs the other")],
            ),
            (
                lambda: parts(all="x", reached="y"),
                [("reached", "at_least says how many, reached says where: one needs the other")],
            ),
            (lambda: parts(at_least=0, reached="y"), [("at_least", "a whole number from 1 is needed, not 0")]),
            (lambda: parts(each=3), [("each", "a requirement is needed, not 3")]),
            (
                lambda: track("t"),
                [("reached", "say the stage it must have reached, the outcome it must have ended with, or both")],
            ),
            (
                lambda: parent(),
                [("reached", "'' is no id; use ASCII letters, digits and _ - . / without spaces")],
            ),
        ],
    )
    def test_faults_of_the_arguments(self, make: Callable[[], Any], faults: list[tuple[str, str]]) -> None:
        """What is wrong with the arguments is said under their names."""
        with pytest.raises(DefinitionError) as error:
            make()

        assert faults == list(error.value.faults)

    @pytest.mark.parametrize(
        "table, path, said",
        [
            ('{ parts = "b" }', "parts", "a table is needed, such as { all = 'signed' }, not 'b'"),
            ("{ parts = {} }", "parts", "say one of all, any, at_least and each; this says nothing"),
            ('{ parts = { all = "b" }, odd = 1 }', "odd", "unknown key beside parts"),
            ('{ parts = { all = "b", id = "x" }, id = "y" }', "parts.id", "this stands beside parts, not in its table"),
            (
                "{ parts = { each = 3 } }",
                "parts.each",
                "a requirement is a table such as { document = 'report' }, not 3",
            ),
            ('{ parent = "b" }', "parent", "a table is needed, such as { reached = 'signed' }, not 'b'"),
            ("{ parent = {} }", "parent.reached", "missing: say which stage it must have reached"),
            (
                '{ parent = { reached = "b", basis = "x" } }',
                "parent.basis",
                "this stands beside parent, not in its table",
            ),
            (
                '{ parties = { named = ["x"], id = "x" }, id = "y" }',
                "parties.id",
                "this stands beside parties, not in its table",
            ),
            ('{ actor = { roles = ["x"], basis = "x" } }', "actor.basis", "this stands beside actor, not in its table"),
        ],
    )
    def test_faults_of_a_table(self, tmp_path: Any, table: str, path: str, said: str) -> None:
        """What is wrong with a table is said where it stands."""
        file = tmp_path / "p.toml"
        file.write_text(
            f'id = "p"\nversion = "1"\n[[stages]]\nid = "a"\nowner = "boss"\ngate = {table}\n'
            '[[stages]]\nid = "b"\nowner = "boss"\n',
            encoding="utf-8",
        )
        with pytest.raises(DefinitionError) as error:
            load_process(file)

        assert [(f"stages[0].gate.{path}", said)] == list(error.value.faults)

    @pytest.mark.parametrize(
        "each, said",
        [
            (parts(all="x"), "parts:x asks about other agreements, and here each part is asked about itself alone"),
            (
                fact("x") & track("t", reached="x"),
                "track:t asks about other agreements, and here each part is asked about itself alone",
            ),
            (
                document("x", soft=True),
                "a requirement that only warns must stand in the gate itself, not inside another",
            ),
            (
                document("x", within=workdays(3)),
                "a requirement with a deadline must stand in the gate itself, not inside another",
            ),
            (fact("x") & ~fact("x"), "it can never open, because it asks for fact:x and for its contrary"),
            (fact("x", id="G1") & fact("y", id="G1"), "'G1' is the id of 2 requirements"),
        ],
    )
    def test_what_cannot_be_asked_of_each(self, each: Requirement, said: str) -> None:
        """What is asked of each part is checked as a gate of its own, that asks of nobody else."""
        with pytest.raises(DefinitionError) as error:
            Process("p", "1", (Stage("a", owner="boss", gate=parts(each=each)), Stage("b", owner="boss")))

        assert said in [
            sentence for path, sentence in error.value.faults if path.startswith("stages[0].gate.parts.each")
        ]

    def test_roles_of_each_are_those_of_the_parts(self) -> None:
        """Its roles are those of other processes, so that this one need not declare them."""
        gate = parts(each=approval("agency") & fact("x", fix_by="office"))

        assert Process(
            "p", "1", (Stage("a", owner="boss", gate=gate), Stage("b", owner="boss")), roles={"boss": "Boss"}
        )

    def test_guards_of_each_are_known(self) -> None:
        """The guards of one's own that are asked of each part are among those of the process."""

        @requirement(code="own")
        def own(attempt: Attempt) -> bool:
            return True

        process = Process(
            "p", "1", (Stage("a", owner="boss", gate=parts(each=fact("x") & own)), Stage("b", owner="boss"))
        )

        assert {"own": own} == process.predicates()

    def test_names(self) -> None:
        """In short they are called by what they ask."""
        several = (parts(all="a"), parts(any="b"), parts(at_least=1, reached="c"), parts(each=fact("x")))

        assert ["parts:a", "parts:b", "parts:c", "parts:each"] == [one.name for one in several]
        assert ["parent:a", "track:t"] == [one.name for one in (parent(reached="a"), track("t", reached="x"))]

    @pytest.mark.parametrize("lang", ["id", "ja"])
    def test_reasons_in_other_languages(self, lang: str) -> None:
        """Every reason is told in the other languages too."""
        said = [why.text(lang) for why in Family(parts(any="cleared")).add("w/1").unmet()]

        assert said != [why.text() for why in Family(parts(any="cleared")).add("w/1").unmet()]
