from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
import pytest

from stagegate import (
    Attempt,
    DefinitionError,
    Document,
    InvalidValue,
    NoSuchMove,
    Outcome,
    Process,
    Stage,
    actor,
    approval,
    document,
    unguarded,
)

RESULT = {"members": 50, "present": 26, "in_favour": 14, "against": 12}


def test_missing_approval_is_for_the_role_itself_to_mend(case: Callable[..., Any]) -> None:
    """An approval that was not given says how many are, and that the role itself can give it."""
    (reason,) = case(approval("council", basis="Art 30")).unmet

    assert ("approval.missing", {"role": "council", "have": 0, "need": 1}, ("council",), "Art 30") == (
        reason.code,
        reason.params,
        reason.fix_by,
        reason.basis,
    )
    assert reason.text() == "0 of 1 approvals of council are given"


def test_another_role_can_be_named_to_mend_it(case: Callable[..., Any]) -> None:
    """A process can say that someone else than the voter must act."""
    assert case(approval("council", fix_by="secretary")).unmet[0].fix_by == ("secretary",)


def test_approval_opens_the_gate(case: Callable[..., Any]) -> None:
    """A vote of the role is enough where nothing more is asked."""
    assert case(approval("council")).approve("council").codes == []


def test_vote_against_stands_in_the_way_until_its_voter_changes_it(case: Callable[..., Any]) -> None:
    """A vote against refuses even beside a vote for, until the same person votes for it."""
    trial = case(approval("council")).approve("council", by="eve").refuse("council", "too dear", by="bob")
    against = trial.said
    trial.approve("council", by="bob")

    assert ["bob has voted against it as council: too dear"] == against
    assert trial.said == []


def test_vote_of_another_role_does_not_count(case: Callable[..., Any]) -> None:
    """Only votes of the role that is asked are counted."""
    trial = case(approval("council") & approval("ministry")).approve("ministry")

    assert ["0 of 1 approvals of council are given"] == trial.said


def test_distinct_persons_are_counted(case: Callable[..., Any]) -> None:
    """With `count`, one person counts once however often they vote."""
    trial = case(approval("council", count=2)).approve("council", by="eve").approve("council", by="eve")
    once = trial.said
    trial.approve("council", by="bob")

    assert (["1 of 2 approvals of council are given"], []) == (once, trial.said)


def test_approval_needs_what_it_is_bound_to(case: Callable[..., Any]) -> None:
    """Where the document is missing there is nothing to approve, and a vote on it is refused for the same reason."""
    trial = case(approval("council", of=["plan", "map"])).attach("map")

    assert [
        "there is no document plan yet that council could approve",
        "0 of 1 approvals of council are given",
    ] == trial.said


def test_new_version_of_the_text_voids_the_approval(case: Callable[..., Any]) -> None:
    """A vote is for the text that was voted on; a new text needs a new vote, and the same text filed again does not."""
    trial = case(approval("council", of="plan")).attach("plan", b"one").approve("council")
    again = trial.attach("plan", b"one", title="the same").codes
    changed = trial.attach("plan", b"two").codes
    event = trial.engine.history("deal")[-1]
    trial.approve("council")

    assert [] == again
    assert ["approval.missing"] == changed
    assert ({"by": "voter", "n": 3, "role": "council"},) == event.data["voided"]
    assert trial.codes == []


def test_other_fields_make_another_text(case: Callable[..., Any]) -> None:
    """A document that says something else than before is another text, although its content has the same digest."""
    trial = case(approval("council", of="plan")).attach("plan", fields={"cost": 1}).approve("council")

    assert trial.attach("plan", fields={"cost": 2}, signed_by=["a"]).codes == ["approval.missing"]


def test_signature_does_not_void_the_approval(case: Callable[..., Any]) -> None:
    """A signature under the text that was approved leaves the approval as it is."""
    trial = case(approval("council", of="plan")).attach("plan").approve("council")

    assert trial.attach("plan", signed_by=["mayor"]).codes == []


def test_vote_that_was_bound_to_another_text_does_not_count(case: Callable[..., Any]) -> None:
    """Should a vote on another text ever stand, the requirement itself sees it, names it, and does not count it."""
    gate = approval("council", of="plan", count=1)
    trial = case(gate).attach("plan").approve("council")
    deal, other = trial.engine.get("deal"), Document.from_bytes(b"other", kind="plan")
    attempt = Attempt(
        agreement=attrs.evolve(deal, documents=type(deal.documents)(plan=other)),
        move="advance",
        actor=trial.who("ann", "boss"),
        at=trial.clock(),
    )

    assert [
        "the approval of voter as council is for another version of plan",
        "0 of 1 approvals of council are given",
    ] == [reason.text() for reason in gate.unmet(attempt)]


def test_proposer_does_not_approve_their_own_document(case: Callable[..., Any]) -> None:
    """With `not_by="proposer"`, who filed the document does not count; anybody else does."""
    gate = approval("council", of="plan", not_by="proposer")
    trial = case(gate).attach("plan", by="eve").approve("council", by="eve")
    own = trial.said
    trial.approve("council", by="bob")

    assert [
        "the approval of eve as council does not count: the same person acted as proposer",
        "0 of 1 approvals of council are given",
    ] == own
    assert trial.said == []


def test_proposer_without_documents_is_who_started(case: Callable[..., Any]) -> None:
    """Where an approval is bound to no document, who started the agreement is the proposer."""
    trial = case(approval("council", not_by="proposer"), started_by="eve").approve("council", by="eve")

    assert ["approval.excluded", "approval.missing"] == trial.codes
    assert trial.approve("council", by="bob").codes == []


def test_person_of_another_role_does_not_count_twice(case: Callable[..., Any]) -> None:
    """With `not_by` of a role, who voted as that role does not count as this one."""
    gate = approval("council", not_by="ministry") & approval("ministry")
    trial = case(gate).approve("ministry", by="eve").approve("council", by="eve")

    assert [
        "the approval of eve as council does not count: the same person acted as ministry",
        "0 of 1 approvals of council are given",
    ] == trial.said
    assert trial.approve("council", by="bob").codes == []


def test_excluding_who_never_votes_is_refused() -> None:
    """With `not_by` of a role that no gate asks to approve, which would keep nobody out, the process is refused."""
    gate = approval("council", not_by=["propser", "proposer", "ministry"])
    with pytest.raises(DefinitionError) as refused:
        Process(
            "p",
            "1",
            [
                Stage("a", owner="boss", gate=unguarded("nothing is asked here")),
                Stage("b", owner="boss", gate=approval("ministry"), amend={"plan": gate}),
                Stage("c", owner="boss"),
            ],
            outcomes=[Outcome("done", gate=approval("council", not_by="clerk"))],
        )

    assert [
        (
            "stages[1].amend.plan",
            "'propser' is excluded from voting as 'council', but no gate asks 'propser' to approve",
        ),
        ("outcomes[0].gate", "'clerk' is excluded from voting as 'council', but no gate asks 'clerk' to approve"),
    ] == list(refused.value.faults)


@pytest.mark.parametrize("value", [[{"id": "eve"}], ["bob", 7], 7, True])
def test_list_of_persons_that_names_nobody_refuses(case: Callable[..., Any], value: Any) -> None:
    """With `not_listed`, a fact in which no person can be found by an id keeps the gate shut, and is not taken for none."""
    trial = case(approval("council", not_listed="conflicts") & actor(not_listed="conflicts"))
    trial.approve("council", by="eve").record("conflicts", value)

    assert ["fact.persons", "fact.persons"] == trial.codes
    assert trial.said[0].startswith("the fact conflicts must list persons by their ids, and is ")


@pytest.mark.parametrize("value", [None, False, "", [], {}, ["bob"], {"bob": "a cousin"}, "bob"])
def test_list_of_persons_without_them_lets_them_act(case: Callable[..., Any], value: Any) -> None:
    """With `not_listed`, who is not among those that the fact names may act; nothing and false name nobody."""
    trial = case(approval("council", not_listed="conflicts") & actor(not_listed="conflicts"))

    assert [] == trial.approve("council", by="eve").record("conflicts", value).codes


def test_declared_conflict_of_interest_makes_a_vote_not_count(case: Callable[..., Any]) -> None:
    """With `not_listed`, the vote of a listed person is named and does not count."""
    trial = case(approval("council", not_listed="conflicts")).approve("council", by="eve")
    free = trial.codes
    trial.record("conflicts", ["eve"])

    assert [] == free
    assert [
        "the approval of eve as council does not count: a conflict of interest is declared",
        "0 of 1 approvals of council are given",
    ] == trial.said


@pytest.mark.parametrize(
    "result,codes",
    [
        (None, ["approval.no_result"]),
        ({"members": 50, "present": 30}, ["approval.no_result"]),
        ({"present": 30, "in_favour": 20}, ["approval.no_result"]),
        (RESULT, []),
        (RESULT | {"present": 25, "in_favour": 13, "against": 12}, ["approval.quorum"]),
        (RESULT | {"in_favour": 13, "against": 13}, ["approval.majority"]),
        ({"members": 50, "present": 20, "in_favour": 5}, ["approval.quorum", "approval.majority"]),
    ],
)
def test_quorum_is_read_from_the_recorded_result(
    case: Callable[..., Any], result: dict[str, int] | None, codes: list[str]
) -> None:
    """With `quorum`, more than that share must have been present, and more than half of those in favour."""
    trial = case(approval("council", quorum="1/2")).approve("council", result=result)

    assert trial.codes == codes


def test_quorum_says_its_numbers(case: Callable[..., Any]) -> None:
    """The sentences of a failed vote carry what was counted."""
    result = {"members": 50, "present": 20, "in_favour": 5}
    trial = case(approval("council", quorum="2/3")).approve("council", result=result)

    assert [
        "20 of 50 members of council were present; more than 2/3 must be",
        "5 of 20 present members of council voted in favour; more than half must",
    ] == trial.said


def test_last_result_counts(case: Callable[..., Any]) -> None:
    """Where a body voted again, its last recorded result decides."""
    trial = case(approval("council", quorum="1/2")).approve("council", by="a", result=RESULT | {"in_favour": 1})

    assert ["approval.majority"] == trial.codes
    assert trial.approve("council", by="b", result=RESULT).codes == []


@pytest.mark.parametrize(
    "result",
    [
        {"members": -1},
        {"members": "50"},
        {"members": True},
        {"absent": 3},
        [1, 2],
        "50",
        {"members": 10, "present": 11},
        {"present": 10, "in_favour": 6, "against": 5},
    ],
)
def test_impossible_result_is_refused(case: Callable[..., Any], result: Any) -> None:
    """A result that no body can have is refused, and nothing is recorded."""
    trial = case(approval("council"))
    with pytest.raises(InvalidValue, match="result"):
        trial.approve("council", result=result)

    assert trial.engine.get("deal").n == 1


def test_vote_needs_a_role_that_is_asked(case: Callable[..., Any]) -> None:
    """Who acts in no role that is asked to approve cannot vote, and is told which roles are."""
    trial = case(approval("council") & approval("ministry"))
    with pytest.raises(NoSuchMove, match=r"no role that case asks to approve \(council, ministry\)"):
        trial.approve("boss")
    with pytest.raises(NoSuchMove, match="no gate of case asks 'boss' to approve; it asks council, ministry"):
        trial.engine.approve("deal", role="boss", by=trial.who("ann", "boss"))


def test_vote_without_a_role_names_the_only_one_that_is_asked(case: Callable[..., Any]) -> None:
    """Where a single role is asked and the actor does not act in it, that role is named."""
    with pytest.raises(NoSuchMove, match=r"acts in no role that case asks to approve \(council\); say role="):
        case(approval("council")).approve("boss")


@pytest.mark.parametrize(
    "result",
    [{"present": 10, "in_favour": 10}, {"present": 10, "against": 10}, {"members": 10, "present": 10}, {"members": 0}],
)
def test_extreme_results_can_be_recorded(case: Callable[..., Any], result: dict[str, int]) -> None:
    """A result that is only just possible is recorded as it is."""
    trial = case(approval("council")).approve("council", result=result)

    assert result == trial.engine.get("deal").approvals[0].tally


def test_vote_needs_one_role(case: Callable[..., Any]) -> None:
    """Who acts in several roles that are asked says in which they vote."""
    trial = case(approval("council") & approval("ministry"))
    both = trial.who("eve", "council", "ministry")
    with pytest.raises(InvalidValue, match="several roles that are asked: council, ministry; say which"):
        trial.engine.approve("deal", by=both)
    deal = trial.engine.approve("deal", role="ministry", by=both)

    assert ["ministry"] == [vote.role for vote in deal.approvals]


def test_nobody_can_vote_where_nobody_is_asked(case: Callable[..., Any]) -> None:
    """In a process that asks for no approval, there is nothing to vote on."""
    with pytest.raises(NoSuchMove, match="no gate of case asks anybody to approve"):
        case(document("d")).approve("boss")


@pytest.mark.parametrize("quorum", ["1/2", Fraction(1, 2), "0.5", Decimal("0.5")])
def test_quorum_is_a_fraction(quorum: Any) -> None:
    """One half is one half, however it is written."""
    assert approval("council", quorum=quorum) == approval("council", quorum="1/2")


@pytest.mark.parametrize(
    "asks,path",
    [
        ({"quorum": "3/2"}, "quorum"),
        ({"quorum": 1}, "quorum"),
        ({"quorum": "-1/2"}, "quorum"),
        ({"quorum": 0.5}, "quorum"),
        ({"quorum": True}, "quorum"),
        ({"quorum": "half"}, "quorum"),
        ({"quorum": "1/0"}, "quorum"),
        ({"quorum": [1, 2]}, "quorum"),
        ({"count": 0}, "count"),
        ({"count": "2"}, "count"),
        ({"of": 3}, "of"),
        ({"not_by": "council"}, "not_by"),
        ({"not_listed": "é"}, "not_listed"),
        ({"by": "x"}, "by"),
    ],
)
def test_wrong_arguments_are_refused(asks: dict[str, Any], path: str) -> None:
    """An approval that can never be given, or asks what means nothing, is refused under the name of the argument."""
    with pytest.raises(DefinitionError) as refused:
        approval("council", **asks)

    assert [path] == [where for where, _ in refused.value.faults]


def test_vote_is_for_the_role_to_make_and_nobody_else(case: Callable[..., Any]) -> None:
    """A vote as a role one does not act in is refused as not permitted, and the attempt is recorded."""
    trial = case(approval("council") & ~actor(roles="council"))
    with pytest.raises(Exception, match="'ann' may not approve: that is for council") as refused:
        trial.engine.approve("deal", role="council", by=trial.who("ann", "boss"))

    assert "NotPermitted" == type(refused.value).__name__
    assert ["started", "refused"] == [event.kind for event in trial.engine.history("deal")]
