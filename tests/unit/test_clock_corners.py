"""What somebody could try with time, silence and terms to get past a gate, and what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stagegate import (
    Actor,
    Agreement,
    DefinitionError,
    Document,
    Duty,
    Engine,
    GateClosed,
    NoSuchMove,
    NotFound,
    Outcome,
    Process,
    Renewal,
    RequestReused,
    Stage,
    approval,
    calendar_days,
    document,
    fact,
    months,
    unguarded,
    years,
)
from stagegate.testing import ManualClock

BOSS = Actor(id="ann", roles={"boss"})
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
SILENT: dict[str, Any] = {"within": calendar_days(3), "silence": "approves", "basis": "Act 5"}


class Case:
    """An agreement under the first of some processes, on Monday 5 January 2026."""

    def __init__(self, *processes: Process) -> None:
        self.clock = ManualClock(START)
        self.engine = Engine.open("memory:", processes=processes, clock=self.clock)
        self.engine.start(processes[0].id, "deal", version=processes[0].version, by=BOSS)

    @property
    def deal(self) -> Agreement:
        """The agreement as it is."""
        return self.engine.get("deal")

    def due(self, agreement: str = "deal") -> dict[str, str | None]:
        """Return what is due, with its date."""
        return {key: one.date and one.date.isoformat() for key, one in self.engine.get(agreement).deadlines.items()}

    def attach(self, kind: str, content: bytes = b"text", **about: Any) -> None:
        """File a document."""
        self.engine.attach("deal", Document.from_bytes(content, kind=kind, **about), by=BOSS)

    def later(self, days: float) -> Case:
        """Let days pass."""
        self.clock.advance(days=days)
        return self

    def unmet(self, move: str, agreement: str = "deal", **given: Any) -> list[str]:
        """Return the codes that stand in the way of a move."""
        with pytest.raises(GateClosed) as closed:
            getattr(self.engine, move)(agreement, **{"by": BOSS, **given})
        return [why.code for why in closed.value.unmet]


def flow(*gates: Any, id: str = "p", version: str = "1", **last: Any) -> Process:
    """Return a process with a stage for each gate, and one more."""
    stages = [Stage(f"s{i}", owner="boss", gate=gate) for i, gate in enumerate(gates)]
    return Process(id, version, [*stages, Stage("done", owner="boss", **last)])


def work(**stage: Any) -> Stage:
    """Return the stage that is looked at."""
    return Stage("work", owner="boss", gate=fact("ready"), **stage)


def voter(person: str, role: str = "council") -> Actor:
    """Return somebody who votes."""
    return Actor(id=person, roles={role})


class TestSweeps:
    """What a sweep looks at."""

    def test_time_of_one_of_two_with_one_name(self) -> None:
        """Where two requirements have one name, the time is that of the one that has it, and passes once."""
        case = Case(flow(fact("f", one_of=[1, 2]) & fact("f", equals=2, within=calendar_days(3))))
        case.engine.record("deal", "f", 1, by=BOSS)
        swept = case.later(9).engine.sweep()

        assert (1, 1) == (swept.total, swept.overdue)
        assert 0 == case.engine.sweep().total


class TestSilence:
    """Whom silence speaks for."""

    def test_speaks_only_where_it_may(self) -> None:
        """Silence that approved at one gate is no vote at another that asks the same role and knows no silence."""
        case = Case(flow(approval("council", **SILENT), approval("council", majority="1/2", of_members=3)))
        case.later(9).engine.sweep()
        case.engine.advance("deal", by=BOSS)

        assert ["approval.votes"] == case.unmet("advance")

    def test_speaks_only_for_its_own_answer(self) -> None:
        """Silence that approved at one gate does not answer for another where silence refuses."""
        refuses = approval("council", **{**SILENT, "silence": "refuses"})
        case = Case(flow(approval("council", **SILENT), refuses))
        case.later(9).engine.sweep()
        case.engine.advance("deal", by=BOSS)

        assert ["approval.missing"] == case.unmet("advance")
        assert {"requirement:approval:council": "2026-01-17"} == case.due()

    def test_votes_against_are_an_answer_of_a_body(self) -> None:
        """A body of which enough are present and too few in favour has said no: no silence approves it afterwards."""
        case = Case(flow(approval("council", quorum="1/2", of_members=5, **SILENT)))
        for person in ("a", "b"):
            case.engine.refuse("deal", "no", by=voter(person))
        few = case.due()
        case.engine.refuse("deal", "no", by=voter("c"))

        assert {"requirement:approval:council": "2026-01-08"} == few
        assert {} == case.due()
        assert 0 == case.later(9).engine.sweep().total
        assert ["approval.majority", "approval.lost"] == case.unmet("advance")

    def test_body_that_has_said_no_has_no_quorum_to_wait_for(self) -> None:
        """Where no quorum is asked, those who voted are the body."""
        case = Case(flow(approval("council", majority="1/2", of_members=5, **SILENT)))
        case.engine.refuse("deal", "no", by=voter("a"))

        assert {} == case.due()

    def test_nothing_is_put_off_after_it(self) -> None:
        """When silence has decided, or is to decide, the vote is not adjourned: that would void the decision."""
        case = Case(flow(approval("council", quorum="1/2", of_members=5, **SILENT)))
        case.later(9)
        before = case.unmet("adjourn", reason="too few", by=voter("a"))
        case.engine.sweep()

        assert ["approval.late"] == before
        assert ["approval.decided"] == case.unmet("adjourn", reason="too few", by=voter("a"))

    def test_text_that_is_not_there(self) -> None:
        """Nobody is silent about a text that is not there, from whichever date the time counts."""
        within = calendar_days(3, since="letter.received_on")
        case = Case(flow(approval("council", of="plan", **{**SILENT, "within": within})))
        case.attach("letter", received_on="2026-01-05")
        without = case.due()
        case.later(9).attach("plan")

        assert {} == without
        assert {"requirement:approval:council": "2026-01-17"} == case.due()
        assert 0 == case.engine.sweep().total

    def test_new_text_has_its_time(self) -> None:
        """A new text has the whole time for an answer, though the period counts from the date of another document."""
        within = calendar_days(3, since="letter.received_on")
        case = Case(flow(approval("council", of="plan", **{**SILENT, "within": within})))
        case.attach("plan")
        case.attach("letter", received_on="2026-01-05")
        dated = case.due()
        decided = case.later(9).engine.sweep().decided
        case.attach("plan", b"worse")
        anew = case.due()
        case.attach("letter", b"again", received_on="2026-01-06")

        assert {"requirement:approval:council": "2026-01-08"} == dated
        assert 1 == decided
        assert {"requirement:approval:council": "2026-01-17"} == anew == case.due()
        assert 0 == case.engine.sweep().total

    def test_new_text_where_nobody_is_silent(self) -> None:
        """Where silence decides nothing, the time counts from the date it names, whatever is filed anew."""
        within = calendar_days(3, since="letter.received_on")
        case = Case(flow(approval("council", of="plan", within=within)))
        case.attach("letter", received_on="2026-01-05")
        case.later(9).attach("plan")

        assert {"requirement:approval:council": "2026-01-08"} == case.due()

    def test_later_date_of_the_letter(self) -> None:
        """A date of the letter that is put right in time moves the time, in both directions."""
        within = calendar_days(3, since="letter.received_on")
        case = Case(flow(approval("council", of="plan", **{**SILENT, "within": within})))
        case.attach("plan")
        case.attach("letter", received_on="2026-01-04")
        case.attach("letter", received_on="2026-01-05")
        later = case.due()
        case.attach("letter", received_on="2026-01-03")

        assert {"requirement:approval:council": "2026-01-08"} == later
        assert {"requirement:approval:council": "2026-01-06"} == case.due()

    def test_whose_turn_has_not_come(self) -> None:
        """Who may vote only after another is not silent before that one has approved."""
        case = Case(flow(approval("legal") & approval("council", in_order="legal", **SILENT)))
        waiting = case.due()
        nothing = case.later(9).engine.sweep().total
        case.engine.approve("deal", by=voter("l", "legal"))

        assert {} == waiting
        assert 0 == nothing
        assert {"requirement:approval:council": "2026-01-17"} == case.due()

    def test_answer_that_is_taken_back(self) -> None:
        """Where the only answer falls away, who is asked has the whole time for another."""
        case = Case(flow(approval("council", **SILENT)))
        case.engine.refuse("deal", "no", by=voter("a"))
        case.later(9).engine.recuse("deal", "a cousin", by=voter("a"))

        assert {"requirement:approval:council": "2026-01-17"} == case.due()


class TestOutcomes:
    """How time ends an agreement."""

    @pytest.mark.parametrize("outcome", ["completed", "expired", "rejected"])
    def test_only_by_an_outcome_there_is(self, outcome: str) -> None:
        """The passing of time brings no outcome that cannot be reached from there, also where none are named."""
        first = Stage("s", owner="boss", gate=fact("f"), within=calendar_days(3), on_timeout=f"end:{outcome}")
        with pytest.raises(DefinitionError, match=f"there is no outcome '{outcome}'; there are withdrawn"):
            Process("p", "1", [first, Stage("rejected", owner="boss")])

    def test_usual_outcomes(self) -> None:
        """A process that names no outcomes can end by those that are usual: completed only from its last stage."""
        first = Stage("s", owner="boss", gate=fact("f"), within=calendar_days(3), on_timeout="end:expired")
        last = Stage("z", owner="boss", term=years(1), on_expiry="completed")

        assert Process("p", "1", [first, last]).outcome("expired") is not None

    def test_term_that_ends_elsewhere(self) -> None:
        """A term that ends at another stage than that which has it brings the outcome that stage names, by its rule."""
        life = Stage("life", owner="boss", term=years(1), on_expiry="lapsed", renewal=Renewal("s"), basis="Act 9")
        stages = [Stage("s", owner="boss", gate=unguarded("x")), life]
        case = Case(Process("p", "1", stages, outcomes=[Outcome("lapsed", by="law")]))
        case.engine.advance("deal", by=BOSS)
        case.engine.renew("deal", "s", by=BOSS)
        case.later(800).engine.sweep()

        assert "lapsed" == case.deal.outcome
        assert "Act 9" == case.engine.history("deal")[-1].data["data"]["basis"]


class TestReports:
    """What counts as a report."""

    def test_text_of_the_time_before(self) -> None:
        """The text that was filed the time before is not this year's report, whoever has signed it since."""
        case = Case(flow(unguarded("x"), duties=[Duty("report", every=months(12))]))
        case.engine.advance("deal", by=BOSS)
        case.later(300).attach("report")
        case.later(100).attach("report", signed_by={"mayor"})
        signed = case.due()
        case.attach("report", b"the second")

        assert {"duty:report": "2028-01-05"} == signed
        assert {"duty:report": "2029-01-05"} == case.due()


class TestRepeats:
    """Calls that are repeated under their id."""

    def test_renewal_after_it_moved_on(self) -> None:
        """A renewal that names no stage is the same call when it is repeated, wherever the agreement stands by then."""
        life = Stage("life", owner="boss", term=years(1), back_to="s", renewal=Renewal(["life", "s"]))
        case = Case(Process("p", "1", [Stage("s", owner="boss", gate=unguarded("x")), life]))
        case.engine.advance("deal", by=BOSS)
        renewed = case.engine.renew("deal", by=BOSS, request_id="r-1")
        case.engine.send_back("deal", "s", "again", by=BOSS)

        assert renewed == case.engine.renew("deal", by=BOSS, request_id="r-1")
        with pytest.raises(RequestReused):
            case.engine.renew("deal", "s", by=BOSS, request_id="r-1")

    def test_vote_after_a_migration(self) -> None:
        """A vote is the same call when it is repeated, though the process of today asks nobody for it."""
        new = flow(fact("f"), version="2")
        case = Case(flow(approval("council") & fact("f")), new)
        voted = case.engine.approve("deal", by=voter("a"), request_id="v-1")
        case.engine.migrate("deal", new, by=BOSS)

        assert voted == case.engine.approve("deal", by=voter("a"), request_id="v-1")

    def test_vote_under_the_id_of_another_agreement(self) -> None:
        """A vote under an id that was used for another agreement is refused."""
        case = Case(flow(approval("council")))
        case.engine.start("p", "other", by=BOSS)
        case.engine.approve("other", by=voter("a"), request_id="v-1")
        with pytest.raises(RequestReused):
            case.engine.approve("deal", by=voter("a"), request_id="v-1")


def lasting(id: str, version: str = "1", first: Any = None, **last: Any) -> Process:
    """Return a process whose second stage has a term."""
    begin = Stage("s0", owner="boss", gate=unguarded("x"), term=first)
    return Process(id, version, [begin, Stage("life", owner="boss", **last)])


class Family(Case):
    """A whole and a part of it, each at its first stage."""

    def __init__(self, whole: Process, part: Process, *more: Process) -> None:
        super().__init__(whole, part, *more)
        self.engine.start(part.id, "part", version=part.version, part_of="deal", by=BOSS)


class TestTerms:
    """Terms that would outlive what bounds them."""

    def test_amendment_after_a_renewal(self) -> None:
        """An amendment moves a term only where it is of the document that the term is taken from by then."""
        renewal = Renewal("life", gate=document("ext"), term="ext.valid_until")
        amend = {"pact": unguarded("x"), "ext": unguarded("x")}
        case = Case(lasting("p", term="pact.valid_until", renewal=renewal, amend=amend))
        case.attach("pact", valid_until="2028-01-01")
        case.engine.advance("deal", by=BOSS)
        case.attach("ext", valid_until="2035-01-01")
        case.engine.renew("deal", by=BOSS)
        pact = Document.from_bytes(b"a typo", kind="pact", valid_until="2028-01-01")
        ext = Document.from_bytes(b"longer", kind="ext", valid_until="2036-01-01")
        kept = case.engine.amend("deal", pact, "a typo", by=BOSS).deadlines["term"]
        moved = case.engine.amend("deal", ext, "longer", by=BOSS).deadlines["term"]

        assert ("2035-01-01", "2036-01-01") == (str(kept.date), str(moved.date))

    def test_sent_back(self) -> None:
        """Who is sent back goes on under the term that runs: only a renewal begins another."""
        case = Case(lasting("p", term=years(1), back_to="life", renewal=Renewal("life", gate=fact("never"))))
        case.engine.advance("deal", by=BOSS)
        case.later(300).engine.send_back("deal", "life", "again", by=BOSS)

        assert {"term": "2027-01-05"} == case.due()

    def test_part_that_starts_with_one(self) -> None:
        """A part cannot start with a term that ends after that of the whole."""
        case = Case(lasting("p", first=years(1)), lasting("q", first=years(2)))
        with pytest.raises(GateClosed) as closed:
            case.engine.start("q", "part", part_of="deal", by=BOSS)

        assert ["term.parent"] == [why.code for why in closed.value.unmet]
        assert 0 == closed.value.n
        with pytest.raises(NotFound):
            case.engine.get("part")

    def test_part_that_is_migrated_to_one(self) -> None:
        """A part cannot be migrated to where a term begins that ends after that of the whole."""
        new = lasting("q", "2", first=years(2))
        case = Family(lasting("p", first=years(1)), lasting("q"), new)

        assert ["term.parent"] == case.unmet("migrate", "part", to=new)
        assert ["term.parent"] == [
            why.code for row in case.engine.plan_migration("q", new, by=BOSS).rows for why in row.stranded
        ]

    def test_whole_that_is_migrated_to_one(self) -> None:
        """A whole cannot be migrated to where a term begins that ends before that of its part."""
        new = lasting("p", "2", first=years(1))
        case = Family(lasting("p"), lasting("q", first=years(2)), new)

        assert ["term.part"] == case.unmet("migrate", to=new)

    def test_whole_whose_term_begins_later(self) -> None:
        """The term of a whole cannot begin where it ends before that of its part."""
        case = Family(lasting("p", term=years(1)), lasting("q", first=years(2)))

        assert ["term.part"] == case.unmet("advance")

    def test_part_of_a_part(self) -> None:
        """What bounds a part of a part is the nearest above it that has a term."""
        case = Family(lasting("p", first=years(1)), lasting("q"), lasting("r", first=years(2)))
        with pytest.raises(GateClosed) as closed:
            case.engine.start("r", "leaf", part_of="part", by=BOSS)

        assert "deal" == closed.value.unmet[0].params["parent"]

    def test_open_part_of_a_whole_that_is_renewed(self) -> None:
        """An open-ended part ends when the whole does: it goes on where that is renewed."""
        case = Family(lasting("p", term=years(1), renewal=Renewal("life")), lasting("q", term="open"))
        case.engine.advance("deal", by=BOSS)
        case.engine.advance("part", by=BOSS)
        case.engine.note("part", "under the old term", by=BOSS)
        old = case.due("part")
        case.engine.renew("deal", by=BOSS)
        swept = case.later(400).engine.sweep()

        assert {"term": "2027-01-05"} == old
        assert (1, 0) == (swept.settled, swept.ended)
        assert {"term": "2028-01-05"} == case.due("part") == case.due()
        assert 2 == case.later(400).engine.sweep().ended

    def test_open_part_can_be_moved_before_the_sweep(self) -> None:
        """An open-ended part of a whole that was renewed can be moved, swept or not."""
        part = lasting("q", term="open", back_to="s0")
        case = Family(lasting("p", term=years(1), renewal=Renewal("life")), part)
        case.engine.advance("deal", by=BOSS)
        case.engine.advance("part", by=BOSS)
        case.engine.renew("deal", by=BOSS)
        case.later(400).engine.send_back("part", "s0", "again", by=BOSS)

        assert {"term": "2028-01-05"} == case.due("part")

    def test_open_part_that_is_renewed(self) -> None:
        """Where an open-ended part has a renewal, it goes on with the whole only if it is renewed."""
        again = Renewal("life")
        case = Family(lasting("p", term=years(1), renewal=again), lasting("q", term="open", renewal=again))
        case.engine.start("q", "idle", part_of="deal", by=BOSS)
        for agreement in ("deal", "part", "idle"):
            case.engine.advance(agreement, by=BOSS)
        for agreement in ("deal", "part"):
            case.engine.renew(agreement, by=BOSS)
        case.later(400).engine.sweep()

        assert ["expired", None] == [case.engine.get(agreement).outcome for agreement in ("idle", "part")]

    def test_open_part_of_a_whole_without_an_end(self) -> None:
        """An open-ended part has no end any more where the whole has none."""
        renewal = Renewal("life", term="open")
        case = Family(lasting("p", term=years(1), renewal=renewal), lasting("q", term="open"))
        case.engine.advance("deal", by=BOSS)
        case.engine.advance("part", by=BOSS)
        case.engine.renew("deal", by=BOSS)
        case.later(400).engine.sweep()

        assert {} == case.due("part")

    def test_open_part_of_a_whole_that_has_ended(self) -> None:
        """An open-ended part of a whole that has ended early keeps its date, and ends on it."""
        case = Family(lasting("p", term=years(1)), lasting("q", term="open"))
        case.engine.advance("deal", by=BOSS)
        case.engine.advance("part", by=BOSS)
        case.engine.end("deal", "withdrawn", by=BOSS)
        case.engine.note("part", "what now?", by=BOSS)

        assert {"term": "2027-01-05"} == case.due("part")
        assert 1 == case.later(400).engine.sweep().ended

    def test_part_of_a_part_of_what_has_ended(self) -> None:
        """Nothing that is part of what has ended goes further, at any remove; and nothing becomes part of it."""
        case = Family(lasting("p"), lasting("q"))
        case.engine.start("q", "leaf", part_of="part", by=BOSS)
        case.engine.end("deal", "withdrawn", by=BOSS)

        assert ["parent.ended"] == case.unmet("advance", "part")
        assert ["parent.ended"] == case.unmet("advance", "leaf")
        with pytest.raises(NoSuchMove, match="deal has ended"):
            case.engine.start("q", "other", part_of="part", by=BOSS)


class TestMoves:
    """What moves that are recorded late, holds and migrations do to what has passed."""

    def test_evidence_that_came_too_late(self) -> None:
        """When the time is over, no move is recorded as earlier that rests on what came afterwards."""
        ends = {"within": calendar_days(3), "on_timeout": "end:withdrawn"}
        case = Case(Process("p", "1", [work(**ends), Stage("done", owner="boss")]))
        case.later(9).engine.record("deal", "ready", 1, by=BOSS)

        assert ["deadline.passed"] == case.unmet("advance", at=START)
        assert ["deadline.passed"] == case.unmet("advance")

    def test_move_that_is_recorded_late(self) -> None:
        """A move that was made in time, on what was there in time, is recorded late."""
        ends = {"within": calendar_days(3), "on_timeout": "end:withdrawn"}
        case = Case(Process("p", "1", [work(**ends), Stage("done", owner="boss")]))
        case.later(2).engine.record("deal", "ready", 1, by=BOSS)
        case.later(9)

        assert "done" == case.engine.advance("deal", by=BOSS, at=START + timedelta(days=1)).stage

    def test_hold_that_is_recorded_after_a_sweep(self) -> None:
        """What was said to be overdue stays so, though a hold is recorded afterwards that began before."""
        case = Case(Process("p", "1", [work(within=calendar_days(3)), Stage("done", owner="boss")]))
        case.later(9).engine.sweep()
        case.engine.hold("deal", "a strike", by=BOSS, at=START + timedelta(days=1))
        case.engine.resume("deal", by=BOSS)

        assert {"stage:work": "2026-01-08"} == case.due()
        assert case.deal.overdue

    def test_hold_gives_time_for_the_next_report(self) -> None:
        """A hold puts off what is not due yet, though the time before was overdue."""
        case = Case(flow(unguarded("x"), duties=[Duty("report", every=months(1))]))
        case.engine.advance("deal", by=BOSS)
        case.later(33).engine.sweep()
        case.attach("report")
        case.engine.hold("deal", "a strike", by=BOSS)
        case.later(10).engine.resume("deal", by=BOSS)

        assert {"duty:report": "2026-03-15"} == case.due()

    def test_migration_to_a_process_without_terms(self) -> None:
        """A process that knows no terms ends nothing by the term that ran before the migration."""
        new = lasting("p", "2")
        case = Case(lasting("p", first=years(1)), new)
        case.engine.migrate("deal", new, by=BOSS)

        assert {} == case.due()
