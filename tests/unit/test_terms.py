"""Terms, renewals, duties, amendments: what they are made of, how they are written, every fault at its path."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from stagegate import (
    DefinitionError,
    Duty,
    Outcome,
    Period,
    Process,
    Renewal,
    Stage,
    Term,
    approval,
    calendar_days,
    document,
    fact,
    load_process,
    months,
    notice,
    parts,
    unguarded,
    workdays,
    years,
)

from .test_definitions import DOORS, put

GOOD: dict[str, Any] = {
    "id": "pact",
    "version": "2026.1",
    "calendar": "indonesia",
    "roles": {"mayor": "Mayor", "council": "Council", "minister": "Minister", "clerk": "Clerk"},
    "stages": [
        {
            "id": "plan",
            "owner": "mayor",
            "within": {
                "workdays": 45,
                "since": "request.received_on",
                "day_one": "same",
                "on_return": "continue",
                "on_hold": "run",
                "calendar": "land",
            },
            "on_timeout": "escalate:minister",
            "remind": ["10 workdays", "1 month"],
            "gate": {
                "all": [
                    {
                        "approval": "council",
                        "of": ["request"],
                        "within": {"calendar_days": 30, "roll": "next"},
                        "remind": ["1 year"],
                        "silence": "approves",
                        "basis": "Rule 1",
                    },
                    {"notice": "letter", "before": "activity.dated", "days": 7},
                    {"parts": {"all": "plan", "unless": ["ended"]}},
                ]
            },
        },
        {"id": "check", "owner": "mayor", "within": {"months": 2}, "on_timeout": "end:ended", "gate": {"fact": "x"}},
        {
            "id": "life",
            "owner": "mayor",
            "term": {"until": "pact.valid_until"},
            "on_expiry": "over",
            "remind": ["6 months"],
            "renewal": {
                "to": ["life", "plan"],
                "window": {"months": 6},
                "gate": {"document": "extension"},
                "term": {"years": 5, "since": "extension.dated"},
                "basis": "Rule 2",
                "provenance": "law",
            },
            "amend": {"pact": {"approval": "council"}, "annex": {"unguarded": "the annex is free"}},
            "duties": [
                {
                    "id": "report",
                    "every": {"months": 12},
                    "remind": ["1 month"],
                    "fix_by": ["clerk"],
                    "label": {"en": "Report"},
                    "basis": "Rule 3",
                    "provenance": "practice",
                },
                {"id": "minutes", "document": "record", "within": {"calendar_days": 7}, "after": "activity.dated"},
                {"id": "awake", "gate": {"fact": "activity"}, "within": {"months": 12}},
            ],
        },
    ],
    "outcomes": [
        {"id": "over", "by": ["law"]},
        {"id": "ended"},
        {"id": "closed", "stages": ["plan"], "gate": {"fact": "y"}},
    ],
}


def pact() -> Process:
    """Return in Python what that table says."""
    return Process(
        "pact",
        "2026.1",
        calendar="indonesia",
        roles={"mayor": "Mayor", "council": "Council", "minister": "Minister", "clerk": "Clerk"},
        stages=[
            Stage(
                "plan",
                owner="mayor",
                within=workdays(
                    45,
                    since="request.received_on",
                    day_one="same",
                    on_return="continue",
                    on_hold="run",
                    calendar="land",
                ),
                on_timeout="escalate:minister",
                remind=[workdays(10), months(1)],
                gate=approval(
                    "council",
                    of="request",
                    within=calendar_days(30, roll="next"),
                    remind=years(1),
                    silence="approves",
                    basis="Rule 1",
                )
                & notice("letter", before="activity", days=7)
                & parts(all="plan", unless="ended"),
            ),
            Stage("check", owner="mayor", within=months(2), on_timeout="end:ended", gate=fact("x")),
            Stage(
                "life",
                owner="mayor",
                term="pact.valid_until",
                on_expiry="over",
                remind="6 months",
                renewal=Renewal(
                    ["life", "plan"],
                    window=months(6),
                    gate=document("extension"),
                    term=Term(lasts=years(5, since="extension.dated")),
                    basis="Rule 2",
                    provenance="law",
                ),
                amend={"pact": approval("council"), "annex": unguarded("the annex is free")},
                duties=[
                    Duty(
                        "report",
                        every=months(12),
                        remind=["1 month"],
                        fix_by="clerk",
                        label="Report",
                        basis="Rule 3",
                        provenance="practice",
                    ),
                    Duty("minutes", document="record", within=calendar_days(7), after="activity.dated"),
                    Duty("awake", gate=fact("activity"), within=months(12)),
                ],
            ),
        ],
        outcomes=[Outcome("over", by="law"), Outcome("ended"), Outcome("closed", stages="plan", gate=fact("y"))],
    )


class TestWritten:
    """One process, whether it is said in Python, a table, TOML or JSON."""

    @pytest.mark.parametrize("door", DOORS)
    def test_same_digest_by_every_door(self, door: str) -> None:
        """Every word of the clock says the same in Python, a table, TOML and JSON."""
        read = load_process(DOORS[door](GOOD))

        assert pact() == read
        assert pact().stages == read.stages
        assert pact().digest == read.digest

    def test_canonical_form_is_read_back(self) -> None:
        """What is written of it is read as the same."""
        assert (
            pact().digest == load_process(pact().to_data()).digest == load_process(json.dumps(pact().to_data())).digest
        )

    def test_canonical_form_is_the_table(self) -> None:
        """The canonical form says what the table says, without what is so by default."""
        written = json.loads(pact().to_json())

        assert GOOD["stages"][1:] == [{**stage, "owner": stage["owner"][0]} for stage in written["stages"][1:]]

    @pytest.mark.parametrize("path", [
        "stages.0.within", "stages.0.within.workdays", "stages.0.within.since", "stages.0.within.day_one",
        "stages.0.within.on_return", "stages.0.within.on_hold", "stages.0.within.calendar", "stages.0.on_timeout",
        "stages.0.remind", "stages.0.gate.all.0.within", "stages.0.gate.all.0.remind", "stages.0.gate.all.0.silence",
        "stages.0.gate.all.1", "stages.0.gate.all.1.days", "stages.0.gate.all.2", "stages.0.gate.all.2.parts.unless",
        "stages.2.term", "stages.2.on_expiry", "stages.2.remind", "stages.2.renewal", "stages.2.renewal.to",
        "stages.2.renewal.window", "stages.2.renewal.gate", "stages.2.renewal.term", "stages.2.renewal.basis",
        "stages.2.renewal.provenance", "stages.2.amend", "stages.2.amend.annex", "stages.2.duties",
        "stages.2.duties.0", "stages.2.duties.0.remind", "stages.2.duties.0.label", "stages.2.duties.0.fix_by",
        "stages.2.duties.0.basis", "stages.2.duties.0.provenance", "stages.2.duties.1.document",
        "stages.2.duties.1.after", "stages.2.duties.2.gate",
    ])  # fmt: skip
    def test_every_word_changes_the_digest(self, path: str) -> None:
        """Whatever is said of time is part of what an agreement is pinned to."""
        other: dict[str, Any] = {
            "stages.0.within.workdays": 44,
            "stages.0.gate.all.0.silence": "refuses",
            "stages.0.gate.all.1.days": 8,
            "stages.2.renewal.to": ["life"],
            "stages.2.on_expiry": "ended",
            "stages.2.duties.2.gate": {"fact": "other"},
        }
        # Some words need one another: they go together.
        together = {"stages.0.within": ["stages.0.remind", "stages.0.on_timeout"]}
        together |= {"stages.0.gate.all.0.within": ["stages.0.gate.all.0.remind", "stages.0.gate.all.0.silence"]}
        together |= {"stages.2.term": ["stages.2.renewal", "stages.2.on_expiry", "stages.2.remind"]}
        table = copy.deepcopy(GOOD)
        put(path, other.get(path, ...))(table)
        for one in together.get(path, ()):
            put(one, ...)(table)

        assert load_process(table).digest != pact().digest

    def test_defaults_are_not_written(self) -> None:
        """A stage that says nothing of time has the canonical form it always had."""
        stage = Stage(
            "a", owner="b", gate=fact("x"), within=None, on_timeout="overdue", remind=[], term=None, duties=[]
        )

        assert {"id": "a", "owner": ("b",), "gate": {"fact": "x"}} == stage.to_data()


class TestTerm:
    """How long a stage lasts."""

    @pytest.mark.parametrize("said, meant", [
        ("open", Term()),
        (Term(), Term()),
        ("pact.valid_until", Term("pact.valid_until")),
        ("pact.fields.until", Term("pact.fields.until")),
        ("fact:until", Term("fact:until")),
        ({"until": "fact:until"}, Term("fact:until")),
        ("5 years", Term(lasts=years(5))),
        (years(5), Term(lasts=years(5))),
        ({"years": 5, "since": "pact.dated"}, Term(lasts=years(5, since="pact.dated"))),
    ], ids=range(9))  # fmt: skip
    def test_ways_to_say_it(self, said: Any, meant: Term) -> None:
        """A term is a word, a point, a period, or the table of one."""
        stage = Stage("life", owner="mayor", term=said)

        assert meant == stage.term
        assert stage == Stage("life", owner="mayor", term=stage.term.to_data() if stage.term else None)

    @pytest.mark.parametrize(
        "said, form", [("open", "open"), ("fact:x", {"until": "fact:x"}), ("1 year", {"years": 1})]
    )
    def test_canonical_form(self, said: str, form: Any) -> None:
        """One form for every way of saying it."""
        assert form == Stage("life", owner="mayor", term=said).to_data()["term"]

    def test_open(self) -> None:
        """A term without a date and without a period has no end."""
        assert [True, False, False] == [term.open for term in (Term(), Term("fact:x"), Term(lasts=years(1)))]

    def test_not_both(self) -> None:
        """A term ends on a date or lasts a period."""
        with pytest.raises(DefinitionError) as faulty:
            Term("fact:x", lasts=years(1))

        assert (("until", "a term ends on a date or lasts a period, not both"),) == tuple(faulty.value.faults)


class TestDuty:
    """What is owed."""

    def test_document_is_its_id_unless_named(self) -> None:
        """A duty that names no document owes the one of its own name, and the canonical form is the same."""
        assert Duty("report", every=years(1)) == Duty("report", document="report", every=years(1))
        assert {"id": "report", "every": {"years": 1}} == Duty("report", document="report", every=years(1)).to_data()

    def test_what_it_asks(self) -> None:
        """A document is asked with what the duty says of it; a gate is asked as it is."""
        report = Duty("report", every=years(1), label="Report", basis="Rule 3", fix_by="clerk")

        assert document("report", label="Report", basis="Rule 3", fix_by="clerk") == report.asks()
        assert fact("x") == Duty("awake", gate=fact("x"), within=years(1)).asks()

    def test_period(self) -> None:
        """The period in which it is owed, whether once or again and again."""
        assert years(1) == Duty("a", every=years(1)).period
        assert years(2) == Duty("a", within=years(2)).period

    @pytest.mark.parametrize("asks, faults", [
        ({}, [("every", "say either every (again and again) or within (once)")]),
        ({"every": years(1), "within": years(1)}, [("every", "say either every")]),
        ({"every": years(1), "gate": fact("x")}, [("every", "what is owed again and again is a document")]),
        ({"every": years(1), "after": "fact:x"}, [("every", "what is owed again and again is a document")]),
        ({"document": "x", "gate": fact("x"), "within": years(1)}, [("document", "a document or a gate, not both")]),
        ({"within": years(1, since="fact:x")}, [("within", "the point the period counts from is named by after")]),
        ({"every": years(1, since="fact:x")}, [("every", "the point the period counts from is named by after")]),
        ({"id": 3, "within": "soon", "after": "x"}, [("id", "no id"), ("within", "a period"), ("after", "no date")]),
        ({"within": years(1), "remind": 3}, [("remind", "a list of periods is needed")]),
        ({"within": years(1), "remind": [years(1, since="fact:x")]}, [("remind", "takes nothing but a length")]),
        ({"within": years(1), "gate": "x"}, [("gate", "a function becomes one with @requirement")]),
        ({"within": years(1), "gate": [document("a"), document("b")]}, [("gate", ">]; join several by &")]),
        ({"within": years(1), "label": 3, "provenance": "x"}, [("label", "a label"), ("provenance", "none of law")]),
        ({"within": years(1), "fix_by": 3}, [("fix_by", "")]),
    ], ids=range(14))  # fmt: skip
    def test_faults(self, asks: dict[str, Any], faults: list[tuple[str, str]]) -> None:
        """Every fault of a duty is named, each under its argument."""
        with pytest.raises(DefinitionError) as faulty:
            Duty(**{"id": "report", **asks})

        assert [path for path, _ in faults] == [path for path, _ in faulty.value.faults]
        for (_, fragment), (_, said) in zip(faults, faulty.value.faults, strict=True):
            assert fragment in said


class TestRenewal:
    """How a term is renewed."""

    def test_one_stage_or_several(self) -> None:
        """One stage is a list of one; a stage is named once."""
        assert Renewal("life") == Renewal(["life", "life"])
        assert {"to": ("life",)} == Renewal("life").to_data()

    @pytest.mark.parametrize("asks, path", [
        ({"to": 3}, "to"), ({"to": {"life": 1}}, "to"), ({"to": ["a b"]}, "to"), ({"window": 3}, "window"),
        ({"gate": "x"}, "gate"), ({"term": "soon"}, "term"), ({"term": "x.y"}, "term.until"),
        ({"term": {"until": "fact:x", "years": 1}}, "term.years"), ({"basis": 3}, "basis"),
        ({"provenance": "rumour"}, "provenance"),
    ], ids=range(10))  # fmt: skip
    def test_faults(self, asks: dict[str, Any], path: str) -> None:
        """A fault of a renewal is named under its argument."""
        with pytest.raises(DefinitionError) as faulty:
            Renewal(**{"to": "life", **asks})

        assert [path] == [where for where, _ in faulty.value.faults]


class TestStage:
    """What a stage takes."""

    @pytest.mark.parametrize("asks, faults", [
        ({"within": "soon"}, [("within", "a period is needed")]),
        ({"within": {"workdays": 0}}, [("within.workdays", "a whole number from 1")]),
        ({"on_timeout": 3}, [("on_timeout", "a text is needed")]),
        ({"on_timeout": "escalate"}, [("on_timeout", "'overdue', 'escalate:<role>' or 'end:<outcome>' is needed")]),
        ({"on_timeout": "escalate:"}, [("on_timeout", "is needed")]),
        ({"on_timeout": "delete:all"}, [("on_timeout", "is needed")]),
        ({"on_timeout": "end:a b"}, [("on_timeout", "no id")]),
        ({"remind": [3]}, [("remind", "a period is needed")]),
        ({"remind": [calendar_days(1, roll="next")]}, [("remind", "takes nothing but a length")]),
        ({"term": 3}, [("term", "a period is needed")]),
        ({"on_expiry": 3}, [("on_expiry", "no id")]),
        ({"renewal": 3}, [("renewal", "a Renewal is needed")]),
        ({"amend": 3}, [("amend", "a table of requirements by kind of document")]),
        (
            {"amend": {"a": 3, "b": None, "c d": fact("x"), "e": fact("x")}},
            [("amend.a", "a requirement is needed"), ("amend.b", "say what must hold"), ("amend.c d", "no id")],
        ),
        ({"duties": 3}, [("duties", "a list of Duty is needed")]),
        ({"duties": "report"}, [("duties", "a list of Duty is needed")]),
        ({"duties": [Duty("a", every=years(1)), "b"]}, [("duties[1]", "a Duty is needed, not 'b'")]),
        (
            {"duties": [Duty("a", every=years(1)), Duty("a", within=years(1))]},
            [("duties", "'a' is the id of two duties")],
        ),
    ], ids=range(18))  # fmt: skip
    def test_faults(self, asks: dict[str, Any], faults: list[tuple[str, str]]) -> None:
        """Every fault of what a stage says of time is named under its argument."""
        with pytest.raises(DefinitionError) as faulty:
            Stage("life", owner="mayor", **asks)

        assert [path for path, _ in faults] == [path for path, _ in faulty.value.faults]
        for (_, fragment), (_, said) in zip(faults, faulty.value.faults, strict=True):
            assert fragment in said

    def test_one_duty(self) -> None:
        """One duty is a list of one."""
        one = Duty("a", every=years(1))

        assert (one,) == Stage("life", owner="mayor", duties=one).duties  # type: ignore[arg-type]

    def test_timeout(self) -> None:
        """What happens is taken apart into the word and what it leads to."""
        assert ("overdue", "") == Stage("a", owner="b").timeout
        assert ("escalate", "c") == Stage("a", owner="b", on_timeout="escalate:c").timeout

    def test_gates_are_all_it_asks(self) -> None:
        """Everything it asks is among its gates, whatever it is asked for."""
        life = pact().stages[2]

        assert [document("extension"), unguarded("the annex is free"), approval("council"), fact("activity")] == list(
            life.gates()
        )


FAULTY: list[tuple[Mapping[str, Any], list[tuple[str, str]]]] = [
    # what a stage says of its time
    ({"stages.0.within": "soon"}, [("stages[0].within", "a period is needed")]),
    ({"stages.0.within.weeks": 6}, [("stages[0].within.weeks", "unknown key; known are calendar")]),
    ({"stages.0.within.since": "request"}, [("stages[0].within.since", "names no date")]),
    ({"stages.0.within.calendar": "Two Lands"}, [("stages[0].within.calendar", "no id")]),
    ({"stages.0.on_timeout": "shout"}, [("stages[0].on_timeout", "'overdue', 'escalate:<role>'")]),
    ({"stages.0.on_timeout": "escalate:king"}, [("stages[0].on_timeout", "nobody may hold the role 'king'")]),
    (
        {"stages.0.on_timeout": "end:gone"},
        [("stages[0].on_timeout", "no outcome 'gone'; there are over, ended, closed")],
    ),
    ({"stages.1.on_timeout": "end:closed"}, [("stages[1].on_timeout", "'closed' cannot be reached from 'check'")]),
    ({"stages.0.on_timeout": "end:closed"}, [("stages[0].on_timeout", "'closed' has a gate")]),
    ({"stages.1.within": ...}, [("stages[1].on_timeout", "no time that could pass")]),
    ({"stages.0.within": ..., "stages.0.on_timeout": ...}, [("stages[0].remind", "no date to remind of")]),
    ({"stages.0.remind": "soon"}, [("stages[0].remind", "a period is needed")]),
    ({"stages.0.remind": 3}, [("stages[0].remind", "a list of periods is needed")]),
    ({"stages.0.remind": [{"months": 1, "since": "fact:x"}]}, [("stages[0].remind", "nothing but a length")]),
    ({"stages.2.within": {"months": 1}}, [("stages[2].within", "nothing follows the last stage")]),
    # requirements that have a time
    ({"stages.0.gate.all.0.within": "soon"}, [("stages[0].gate.all[0].within", "a period is needed")]),
    ({"stages.0.gate.all.0.remind": 3}, [("stages[0].gate.all[0].remind", "a list of periods")]),
    ({"stages.0.gate.all.1.remind": ["1 year"]}, [("stages[0].gate.all[1].remind", "say within")]),
    (
        {"stages.0.gate.all.0.within": ..., "stages.0.gate.all.0.remind": ...},
        [("stages[0].gate.all[0].silence", "nobody is silent for ever")],
    ),
    (
        {"stages.0.gate.all.0.basis": ...},
        [("stages[0].gate.all[0].basis", "silence decides only where a rule says so")],
    ),
    ({"stages.0.gate.all.0.silence": "maybe"}, [("stages[0].gate.all[0].silence", "")]),
    (
        {"stages.1.gate": {"all": [{"fact": "x", "within": "1 year"}, {"fact": "x", "equals": 1, "within": "1 year"}]}},
        [("stages[1].gate", "'fact:x' has 2 deadlines; give each an id of its own")],
    ),
    (
        {"stages.1.gate": {"any": [{"fact": "x", "within": "1 year"}, {"fact": "y"}]}},
        [("stages[1].gate.any[0]", "a requirement with a deadline must stand in the gate itself")],
    ),
    (
        {
            "stages.0.gate.all.1": {
                "approval": "council",
                "id": "B",
                "within": "1 year",
                "silence": "refuses",
                "basis": "R",
            }
        },
        [("stages[0].gate", "the silence of 'council' would decide 2 approvals at once")],
    ),
    ({"stages.0.gate.all.1.days": 0}, [("stages[0].gate.all[1].days", "a whole number from 1")]),
    ({"stages.0.gate.all.1.days": 200_000}, [("stages[0].gate.all[1].days", "are too many")]),
    (
        {"stages.1.when": {"fact": "x", "within": "1 year"}},
        [
            ("stages[1].when", "must stand in the gate itself"),
        ],
    ),
    ({"outcomes.2.gate": {"fact": "y", "within": "1 year"}}, [("outcomes[2].gate", "no clock runs here")]),
    # terms
    ({"stages.2.term": "soon"}, [("stages[2].term", "a period is needed")]),
    ({"stages.2.term.until": "pact"}, [("stages[2].term.until", "names no date")]),
    ({"stages.2.term.years": 5}, [("stages[2].term.years", "unknown key beside until")]),
    ({"stages.2.on_expiry": "gone"}, [("stages[2].on_expiry", "no outcome 'gone'")]),
    ({"stages.2.on_expiry": ...}, [("stages[2].on_expiry", "no outcome 'expired'; there are over, ended, closed")]),
    ({"stages.2.on_expiry": 3}, [("stages[2].on_expiry", "no id")]),
    ({"stages.1.on_expiry": "over"}, [("stages[1].on_expiry", "no term that could end")]),
    (
        {"stages.2.term": "open", "stages.2.remind": ..., "stages.2.renewal.window": ...},
        [("stages[2].on_expiry", "no term")],
    ),
    (
        {"stages.2.term": "open", "stages.2.on_expiry": ..., "stages.2.renewal.window": ...},
        [("stages[2].remind", "no date to remind of")],
    ),
    # renewal
    ({"stages.2.renewal": 3}, [("stages[2].renewal", "a Renewal is needed")]),
    ({"stages.2.renewal.to": ...}, [("stages[2].renewal.to", "missing")]),
    ({"stages.2.renewal.to": []}, [("stages[2].renewal.to", "say which stage")]),
    ({"stages.2.renewal.to": ["gone"]}, [("stages[2].renewal.to[0]", "no stage 'gone'")]),
    ({"stages.2.renewal.colour": 1}, [("stages[2].renewal.colour", "unknown key; known are basis")]),
    ({"stages.2.renewal.window": 3}, [("stages[2].renewal.window", "a period is needed")]),
    ({"stages.2.renewal.gate": {"document": ""}}, [("stages[2].renewal.gate.document", "no id")]),
    ({"stages.2.renewal.gate": 3}, [("stages[2].renewal.gate", "a requirement is needed")]),
    ({"stages.2.renewal.gate": {"approval": "king"}}, [("stages[2].renewal.gate.approval", "'king'")]),
    (
        {"stages.2.renewal.gate": {"fact": "x", "within": "1 year"}},
        [("stages[2].renewal.gate", "no clock runs here")],
    ),
    (
        {"stages.2.renewal.gate": {"all": [{"fact": "x"}, {"not": {"fact": "x"}}]}},
        [("stages[2].renewal.gate", "it can never open")],
    ),
    (
        {"stages.2.term": ..., "stages.2.on_expiry": ..., "stages.2.remind": ...},
        [("stages[2].renewal", "no term to renew")],
    ),
    (
        {"stages.2.term": "open", "stages.2.on_expiry": ..., "stages.2.remind": ...},
        [("stages[2].renewal.window", "no end to count the window from")],
    ),
    (
        {"stages.1.term": "1 year", "stages.1.on_expiry": "over", "stages.1.renewal": {"to": ["check", "life"]}},
        [("stages[1].renewal.to[1]", "'life' lies ahead")],
    ),
    # amendments
    ({"stages.2.amend": 3}, [("stages[2].amend", "a table of requirements by kind of document")]),
    ({"stages.2.amend.pact": {"document": ""}}, [("stages[2].amend.pact.document", "no id")]),
    ({"stages.2.amend.pact": 3}, [("stages[2].amend.pact", "a requirement is a table")]),
    ({"stages.2.amend.pact": {"approval": "king"}}, [("stages[2].amend.pact.approval", "'king'")]),
    ({"stages.2.amend.pact": {"at_least": 1}}, [("stages[2].amend.pact.of", "missing")]),
    ({"stages.2.amend.pact": {"fact": "x", "within": "1 year"}}, [("stages[2].amend.pact", "no clock runs here")]),
    ({"stages.2.amend.the pact": {"fact": "x"}}, [("stages[2].amend.the pact", "no id")]),
    # duties
    ({"stages.2.duties": 3}, [("stages[2].duties", "a list of Duty is needed")]),
    ({"stages.2.duties.0": 3}, [("stages[2].duties[0]", "a Duty is needed")]),
    ({"stages.2.duties.0.id": ...}, [("stages[2].duties[0].id", "missing")]),
    ({"stages.2.duties.0.id": "a b"}, [("stages[2].duties[0].id", "no id")]),
    ({"stages.2.duties.0.id": "awake"}, [("stages[2].duties", "'awake' is the id of two duties")]),
    ({"stages.2.duties.0.colour": 1}, [("stages[2].duties[0].colour", "unknown key; known are after, basis")]),
    ({"stages.2.duties.0.every": ...}, [("stages[2].duties[0].every", "say either every")]),
    ({"stages.2.duties.0.fix_by": "king"}, [("stages[2].duties[0].fix_by", "'king'")]),
    ({"stages.2.duties.0.label": {"qq": "x"}}, [("stages[2].duties[0].label.qq", "no known language")]),
    ({"stages.2.duties.1.after": "activity"}, [("stages[2].duties[1].after", "names no date")]),
    ({"stages.2.duties.2.gate": {"fact": ""}}, [("stages[2].duties[2].gate.fact", "no id")]),
    ({"stages.2.duties.2.gate": {"approval": "king"}}, [("stages[2].duties[2].gate.approval", "'king'")]),
    (
        {"stages.2.duties.2.gate": {"fact": "x", "within": "1 year"}},
        [("stages[2].duties[2].gate", "no clock runs here")],
    ),
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "changes, expected", FAULTY, ids=[f"{i}-{next(iter(one))}" for i, (one, _) in enumerate(FAULTY)]
)
def test_each_fault_is_found_by_every_door(
    door: str, changes: Mapping[str, Any], expected: list[tuple[str, str]]
) -> None:
    """A table, TOML and JSON with one fault in what they say of time give that fault alone, at its exact path."""
    table = copy.deepcopy(GOOD)
    for path, value in changes.items():
        put(path, value)(table)
    with pytest.raises(DefinitionError) as refused:
        load_process(DOORS[door](table))
    found = list(refused.value.faults)

    assert [where for where, _ in expected] == [where for where, _ in found], found
    for (_, fragment), (_, sentence) in zip(expected, found, strict=True):
        assert fragment in sentence


def stages(**life: Any) -> list[Stage]:
    """Return three stages, the middle one with what is tried."""
    return [
        Stage("plan", owner="mayor", gate=fact("x")),
        Stage("life", **{"owner": "mayor", "gate": fact("y"), **life}),
        Stage("done", owner="mayor"),
    ]


TIMED = fact("z", within=years(1))


@pytest.mark.parametrize("life, outcomes, expected", [
    ({"on_timeout": "escalate:x"}, (), [("stages[1].on_timeout", "no time that could pass")]),
    ({"within": years(1), "on_timeout": "end:gone"}, (), [
        ("stages[1].on_timeout", "no outcome 'gone'; there are withdrawn, rejected")
    ]),
    ({"within": years(1), "on_timeout": "end:o"}, [Outcome("o", stages="plan")], [
        ("stages[1].on_timeout", "'o' cannot be reached from 'life'")
    ]),
    ({"within": years(1), "on_timeout": "end:o"}, [Outcome("o", gate=fact("x"))], [
        ("stages[1].on_timeout", "'o' has a gate")
    ]),
    ({"term": "1 year", "on_expiry": "gone"}, (), [("stages[1].on_expiry", "no outcome 'gone'")]),
    ({"term": "1 year"}, [Outcome("o")], [("stages[1].on_expiry", "no outcome 'expired'; there are o")]),
    ({"on_expiry": "withdrawn"}, (), [("stages[1].on_expiry", "no term that could end")]),
    ({"term": "open", "on_expiry": "withdrawn"}, (), [("stages[1].on_expiry", "no term that could end")]),
    ({"renewal": Renewal("life")}, (), [("stages[1].renewal", "no term to renew")]),
    ({"term": "open", "renewal": Renewal("life", window=years(1))}, (), [("stages[1].renewal.window", "no end")]),
    ({"term": "open", "renewal": Renewal([])}, (), [("stages[1].renewal.to", "say which stage")]),
    ({"term": "open", "renewal": Renewal(["gone", "done"])}, (), [
        ("stages[1].renewal.to[0]", "no stage 'gone'"), ("stages[1].renewal.to[1]", "'done' lies ahead")
    ]),
    ({"remind": "1 year"}, (), [("stages[1].remind", "no date to remind of")]),
    ({"term": "open", "remind": "1 year"}, (), [("stages[1].remind", "no date to remind of")]),
    ({"gate": fact("z") | TIMED}, (), [("stages[1].gate.any[1]", "must stand in the gate itself")]),
    ({"when": TIMED}, (), [("stages[1].when", "must stand in the gate itself")]),
    ({"amend": {"pact": TIMED}}, (), [("stages[1].amend.pact", "no clock runs here")]),
    ({"term": "open", "renewal": Renewal("life", gate=TIMED)}, (), [("stages[1].renewal.gate", "no clock")]),
    ({"duties": [Duty("a", gate=TIMED, within=years(1))]}, (), [("stages[1].duties[0].gate", "no clock runs here")]),
], ids=range(19))  # fmt: skip
def test_each_fault_is_found_from_python(life: dict[str, Any], outcomes: Any, expected: list[tuple[str, str]]) -> None:
    """The same faults are found where the process is made in Python."""
    with pytest.raises(DefinitionError) as refused:
        Process("pact", "1", stages(**life), outcomes=outcomes)
    found = list(refused.value.faults)

    assert [where for where, _ in expected] == [where for where, _ in found], found
    for (_, fragment), (_, sentence) in zip(expected, found, strict=True):
        assert fragment in sentence


def test_last_stage_has_no_time() -> None:
    """Nothing follows the last stage, so that nothing is late there."""
    with pytest.raises(DefinitionError) as refused:
        Process("pact", "1", [*stages()[:-1], Stage("done", owner="mayor", within=years(1))])

    assert ["stages[2].within"] == [path for path, _ in refused.value.faults]


def test_a_term_brings_the_outcome_expired() -> None:
    """A process that names no outcomes and has a term can end as `expired`, which only time can bring."""
    with_term = Process("pact", "1", stages(term="1 year"))
    without = Process("pact", "1", stages(term="open"))

    assert ("law",) == with_term.outcomes[-1].by
    assert "expired" == with_term.outcomes[-1].id
    assert "expired" not in {outcome.id for outcome in without.outcomes}


@pytest.mark.parametrize(
    "make",
    [
        lambda: document("x", remind=["1 year"]),
        lambda: document("x", remind=[years(1)], within=None),
    ],
)
def test_nothing_to_remind_of(make: Callable[[], Any]) -> None:
    """A reminder without a time is refused where it is said."""
    with pytest.raises(DefinitionError, match="remind: there is no date to remind of; say within"):
        make()


@pytest.mark.parametrize("option", [
    {"since": "fact:x"}, {"day_one": "same"}, {"on_return": "continue"}, {"on_hold": "run"}, {"calendar": "land"},
    {"roll": "next"},
], ids=str)  # fmt: skip
def test_a_reminder_is_a_length(option: dict[str, str]) -> None:
    """A reminder counts back from the date and takes no option, so that its text says all of it."""
    period = Period(1, "calendar_days", **option)
    for make in (lambda: document("x", within=years(1), remind=period), lambda: Stage("a", owner="b", remind=period)):
        with pytest.raises(DefinitionError, match="remind: '1 calendar day' counts back from the due date"):
            make()
