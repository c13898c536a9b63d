"""Votes of single members: quorum and majority, capacity, order, recusal, adjournment, minutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from stagegate import (
    Actor,
    Adjournment,
    DefinitionError,
    Document,
    Engine,
    GateClosed,
    InvalidValue,
    MemoryStore,
    NoSuchMove,
    NotPermitted,
    Outcome,
    Process,
    RequestReused,
    Stage,
    approval,
    document,
    load_process,
    unguarded,
    value_of,
)
from stagegate._evidence.shares import Share

MEMBERS = ("ann", "bob", "cid", "dee", "eve")
RESULT = {"members": 5, "present": 4, "in_favour": 3, "against": 1}


def vote(trial: Any, person: str, how: str, *, role: str = "council", **about: Any) -> Any:
    """Let a person vote: `+` for it, `-` against it, `o` neither."""
    by = Actor(id=person, roles={about.pop("acting", role)}, on_behalf_of=about.pop("instead_of", None))
    match how:
        case "+":
            return trial.engine.approve("deal", role=role, by=by, **about)
        case "-":
            return trial.engine.refuse("deal", about.pop("reason", "no"), role=role, by=by, **about)
        case _:
            return trial.engine.abstain("deal", role=role, by=by, **about)


def votes(trial: Any, several: str) -> Any:
    """Let the members vote in turn, as the letters say; a space for one who does not."""
    for person, how in zip(MEMBERS, several, strict=False):
        if how != " ":
            vote(trial, person, how)
    return trial


def refusal(call: Callable[[], Any]) -> list[str]:
    """Return the sentences of what is refused."""
    with pytest.raises(GateClosed) as refused:
        call()
    return [reason.text() for reason in refused.value.unmet]


def told(trial: Any, code: str) -> dict[str, Any]:
    """Return the particulars of the only reason of a code."""
    (reason,) = (reason for reason in trial.unmet if reason.code == code)
    return dict(reason.params)


class TestTally:
    """Quorum and majority of individual votes."""

    @pytest.mark.parametrize(
        "cast, codes",
        [
            ("", ["approval.quorum", "approval.votes"]),
            ("++", ["approval.quorum", "approval.votes"]),
            ("+++", []),
            ("++-", []),
            ("++o", []),
            ("+-o", ["approval.majority", "approval.votes"]),
            ("++--", ["approval.majority", "approval.votes"]),
            ("++oo", ["approval.majority", "approval.votes"]),
            ("++--o", ["approval.majority", "approval.lost"]),
            ("----", ["approval.majority", "approval.lost"]),
            ("--", ["approval.quorum", "approval.majority", "approval.votes"]),
        ],
    )
    def test_half_and_half(self, case: Callable[..., Any], cast: str, codes: list[str]) -> None:
        """More than half of five must be present, abstaining or not, and more than half of those in favour."""
        trial = votes(case(approval("council", quorum="1/2", of_members=5)), cast)

        assert codes == trial.codes

    def test_vote_against_does_not_stand_in_the_way_of_a_majority(self, case: Callable[..., Any]) -> None:
        """Where a body is counted, a single vote against is counted and stops nothing."""
        trial = votes(case(approval("council", majority="1/2")), "++-")

        assert "done" == trial.advance().stage

    def test_reasons_say_what_is_missing_and_from_whom(self, case: Callable[..., Any]) -> None:
        """Where the members are listed, the reasons count and name those whose votes are missing."""
        trial = case(approval("council", quorum="1/2", of_members=value_of("members"))).record("members", MEMBERS)
        votes(trial, "+ -")
        tally = {"in_favour": 1, "against": 1, "abstaining": 0, "present": 2, "members": 5, "role": "council"}
        missing = ("bob", "dee", "eve")

        assert {**tally, "quorum": "1/2", "missing": 1, "from": missing} == told(trial, "approval.quorum")
        assert {**tally, "missing": 1, "from": missing} == told(trial, "approval.votes")
        assert [
            "2 of 5 members of council were present; more than 1/2 must be",
            "1 of 2 present members of council voted in favour; more than half must",
            "council needs more votes in favour: 1, from bob, dee, eve (so far 1 in favour, 1 against, 0 abstaining)",
        ] == trial.said

    def test_without_a_list_the_votes_are_missing_from_the_role(self, case: Callable[..., Any]) -> None:
        """Where only the number of members is known, the reasons name the role."""
        trial = case(approval("council", quorum=">=2/3", of_members=value_of("members"))).record("members", 50)

        assert (34, "council") == (
            told(trial, "approval.votes")["missing"],
            told(trial, "approval.quorum_at_least")["from"],
        )
        assert trial.said[0] == "0 of 50 members of council were present; at least 2/3 must be"

    @pytest.mark.parametrize("members, cast, codes", [(1, "+", []), (2, "+-", ["approval.majority", "approval.lost"])])
    def test_smallest_bodies(self, case: Callable[..., Any], members: int, cast: str, codes: list[str]) -> None:
        """A body of one decides alone; one of two that disagree has nobody left to ask."""
        gate = approval("council", quorum="1/2", of_members=value_of("members"))

        assert codes == votes(case(gate).record("members", members), cast).codes

    def test_same_reasons_everywhere(self, case: Callable[..., Any]) -> None:
        """Dry run, exception and event say the same, to the last name."""
        trial = case(approval("council", quorum="1/2", of_members=value_of("members"))).record("members", MEMBERS)
        votes(trial, "+-")
        asked = trial.unmet
        with pytest.raises(GateClosed) as refused:
            trial.advance()
        (*_, event) = trial.engine.history("deal")

        assert asked == refused.value.unmet
        assert [reason.to_data() for reason in asked] == [dict(one) for one in event.data["data"]["unmet"]]

    def test_programs_are_given_every_name_and_people_some(self, case: Callable[..., Any]) -> None:
        """All of a large body are named to a program; a sentence names the first twenty."""
        members = [f"m{i:02}" for i in range(50)]
        trial = case(approval("council", quorum="1/2", of_members=value_of("members"))).record("members", members)
        (_, reason) = trial.unmet

        assert tuple(members) == reason.params["from"]
        assert "m18, m19, … (so far" in reason.text()

    @pytest.mark.parametrize(
        "share, cast, opens",
        [
            ("2/3", "++-", False),
            (">=2/3", "++-", True),
            (">=2/3", "+++--", False),
            (">=2/3", "++++-", True),
            ("2/3", "+++-", True),
            (">=1", "+++++", True),
            (">=1", "++++o", False),
            (">=1", "", False),
            ("0", "+----", True),
            ("0", "-", False),
        ],
    )
    def test_shares(self, case: Callable[..., Any], share: str, cast: str, opens: bool) -> None:
        """A share alone must be exceeded, a share with `>=` reached; without any vote in favour neither is."""
        trial = votes(case(approval("council", majority=share)), cast)

        assert opens == trial.option().open

    @pytest.mark.parametrize(
        "share, said",
        [
            ("2/3", "2 of 3 present members of council voted in favour; more than 2/3 must"),
            (">=3/4", "2 of 3 present members of council voted in favour; at least 3/4 must"),
        ],
    )
    def test_majority_is_named(self, case: Callable[..., Any], share: str, said: str) -> None:
        """A majority other than the usual one is said with its share."""
        assert said == votes(case(approval("council", majority=share)), "++-").said[0]

    def test_unanimity_is_lost_with_the_first_vote_against(self, case: Callable[..., Any]) -> None:
        """Where all must be in favour and one is not, no further vote helps, and the reasons say so."""
        trial = votes(case(approval("council", majority=">=1")), "+-")

        assert ["approval.majority_at_least", "approval.lost"] == trial.codes
        assert None is told(trial, "approval.lost")["missing"]

    def test_count_asks_for_so_many_in_favour(self, case: Callable[..., Any]) -> None:
        """With `count`, so many must be in favour besides."""
        trial = votes(case(approval("council", majority="1/2", count=3)), "++")
        short = told(trial, "approval.votes")["missing"]
        vote(trial, "cid", "+")

        assert (1, []) == (short, trial.codes)

    @pytest.mark.parametrize("value", [None, "ann", 0, -3, True, [], [1, 2], {}, [["ann"]]])
    def test_members_must_be_known(self, case: Callable[..., Any], value: Any) -> None:
        """A fact that is neither a number nor a list of ids does not say who the members are; nothing passes."""
        trial = case(approval("council", quorum="1/2", of_members=value_of("members")))
        if value is not None:
            trial.record("members", value)
        votes(trial, "+++")

        assert ["the fact members does not say how many members council has, or who they are"] == trial.said

    def test_members_can_be_the_keys_of_a_table(self, case: Callable[..., Any]) -> None:
        """A table of members by id is a list of them too."""
        trial = case(approval("council", quorum="1/2", of_members=value_of("members")))
        trial.record("members", {"ann": {"seat": 1}, "bob": {"seat": 2}})

        assert ["approval.quorum", "approval.votes"] == vote_and_ask(trial, "ann")
        assert [] == vote_and_ask(trial, "bob")

    def test_who_is_not_listed_cannot_vote(self, case: Callable[..., Any]) -> None:
        """Where the members are listed, nobody else votes; who no longer is listed is not counted."""
        trial = case(approval("council", quorum="1/2", of_members=value_of("members"))).record("members", MEMBERS)
        stranger = refusal(lambda: vote(trial, "zoe", "+"))
        votes(trial, "+++").record("members", ["ann", "bob", "dee"])
        left = trial.codes
        trial.record("members", ["ann", "dee", "eve"])

        assert ["the vote of zoe as council does not count: zoe is not listed among the members"] == stranger
        assert [] == left
        assert [
            "the vote of bob as council does not count: bob is not listed among the members",
            "the vote of cid as council does not count: cid is not listed among the members",
        ] == trial.said[:2]
        assert ["approval.quorum", "approval.votes"] == trial.codes[2:]

    def test_more_votes_than_members_count_nothing(self, case: Callable[..., Any]) -> None:
        """Where more persons have voted than there are members, something is wrong and nothing passes."""
        trial = votes(case(approval("council", quorum="1/2", of_members=2)), "+++")

        assert ["3 persons have voted as council, which has 2 members"] == trial.said

    def test_votes_that_do_not_count_are_named_while_votes_are_missing(self, case: Callable[..., Any]) -> None:
        """A vote under a conflict of interest is neither in favour nor present, and its member is not waited for."""
        gate = approval("council", quorum="1/2", of_members=value_of("members"), not_listed="conflicts")
        trial = case(gate).record("members", MEMBERS).record("conflicts", ["cid"])
        votes(trial, "++-")
        short = trial.codes
        missing = told(trial, "approval.votes")["from"]
        vote(trial, "dee", "+")

        assert ["approval.conflict", "approval.quorum", "approval.votes"] == short
        assert ("dee", "eve") == missing
        assert [] == trial.codes

    def test_proposer_and_other_roles_are_not_waited_for(self, case: Callable[..., Any]) -> None:
        """Whose vote would not count is not among those whose votes are missing."""
        gate = approval(
            "council", quorum="1/2", of_members=value_of("members"), of="plan", not_by=["proposer", "ministry"]
        )
        trial = case(gate & approval("ministry") & approval("legal"))
        trial.record("members", MEMBERS).attach("plan", by="ann")
        vote(trial, "bob", "+", role="ministry")
        vote(trial, "cid", "+", role="legal")
        trial.engine.recuse("deal", "a cousin", by=trial.who("dee", "ministry"))

        assert ("cid", "dee", "eve") == told(trial, "approval.votes")["from"]

    def test_with_a_number_alone_those_who_cannot_vote_are_subtracted(self, case: Callable[..., Any]) -> None:
        """Where only the number of members is known, those who recused themselves or are in conflict are not waited for."""
        trial = case(approval("council", quorum="1/2", of_members=3, not_listed="conflicts"))
        trial.record("conflicts", ["bob"])
        vote(trial, "bob", "+")
        waiting = trial.codes
        trial.engine.recuse("deal", "a cousin", by=trial.who("cid", "council"))

        assert ["approval.conflict", "approval.quorum", "approval.votes"] == waiting
        assert ["approval.conflict", "approval.quorum", "approval.lost"] == trial.codes


def vote_and_ask(trial: Any, person: str) -> list[str]:
    """Vote for it, and return the codes of what is still missing."""
    vote(trial, person, "+")
    return list(trial.codes)


class TestAbstention:
    """Votes neither for nor against."""

    def test_it_is_recorded(self, case: Callable[..., Any]) -> None:
        """An abstention is a vote of its own kind, bound like any other."""
        trial = case(approval("council", of="plan", majority="1/2")).attach("plan")
        deal = vote(trial, "ann", "o", reason="not sure")
        (*_, event) = trial.engine.history("deal")

        assert ("voted", "abstain") == (event.kind, event.move)
        assert ("abstain", "not sure", {"plan": deal.document("plan").digest}) == (
            deal.approvals[0].vote,
            deal.approvals[0].reason,
            deal.approvals[0].of,
        )

    def test_where_persons_are_counted_it_is_neither(self, case: Callable[..., Any]) -> None:
        """Where each vote stands for itself, an abstention neither approves nor stands in the way."""
        trial = case(approval("council"))
        vote(trial, "ann", "o")
        alone = trial.said
        vote(trial, "bob", "+")

        assert (["0 of 1 approvals of council are given"], []) == (alone, trial.codes)

    def test_it_replaces_the_vote_before(self, case: Callable[..., Any]) -> None:
        """Who abstains after voting has abstained, and the other way round."""
        trial = case(approval("council"))
        vote(trial, "ann", "+")
        vote(trial, "ann", "o")
        after = trial.codes
        vote(trial, "ann", "+")

        assert (["approval.missing"], []) == (after, trial.codes)


class TestRecusal:
    """Taking no part, for a conflict of interest."""

    def test_who_recused_cannot_vote(self, case: Callable[..., Any]) -> None:
        """After a recusal the earlier vote is gone and no other can follow; it stands through a new text."""
        trial = case(approval("council", of="plan")).attach("plan").approve("council", by="ann")
        trial.engine.recuse("deal", "owns the land", by=trial.who("ann", "council"))
        gone = trial.codes
        said = [refusal(lambda how=how: vote(trial, "ann", how)) for how in "+-o"]
        trial.attach("plan", b"another")
        later = refusal(lambda: vote(trial, "ann", "+"))

        assert ["approval.missing"] == gone
        assert [["ann takes no part as council, for a conflict of interest: owns the land"]] * 3 == said
        assert later == said[0]
        assert [] == trial.approve("council", by="bob").codes

    def test_it_is_a_vote_in_the_history(self, case: Callable[..., Any]) -> None:
        """A recusal is recorded with its reason, bound to no text."""
        trial = case(approval("council", of="plan"))
        deal = trial.engine.recuse("deal", "owns the land", by=trial.who("ann", "council"))
        (*_, event) = trial.engine.history("deal")

        assert ("voted", "recuse") == (event.kind, event.move)
        assert {"role": "council", "vote": "recused", "reason": "owns the land"} == event.data["data"]
        assert ("recused", {}) == (deal.approvals[0].vote, deal.approvals[0].of)

    def test_it_is_not_counted_as_present(self, case: Callable[..., Any]) -> None:
        """Who recused is neither present nor waited for, but remains one of the members."""
        trial = case(approval("council", quorum=">=4/5", of_members=value_of("members"))).record("members", MEMBERS)
        trial.engine.recuse("deal", "a cousin", by=trial.who("eve", "council"))
        votes(trial, "+++")
        reason = told(trial, "approval.votes")
        vote(trial, "dee", "+")

        assert (3, 5, 1, ("dee",)) == (reason["present"], reason["members"], reason["missing"], reason["from"])
        assert [] == trial.codes

    def test_a_new_round_lifts_it(self, case: Callable[..., Any]) -> None:
        """Sending it back begins anew: the recusal is voided with the votes, and says so."""
        trial = case(approval("council"), back_to="draft")
        trial.engine.recuse("deal", "a cousin", by=trial.who("ann", "council"))
        trial.engine.send_back("deal", "draft", "begin anew", by=trial.who("ann", "boss"))
        (*_, event) = trial.engine.history("deal")

        assert ({"by": "ann", "n": 2, "role": "council"},) == event.data["voided"]
        assert [] == vote_and_ask(trial, "ann")

    def test_who_recused_has_not_acted_in_the_other_role(self, case: Callable[..., Any]) -> None:
        """With `not_by`, a recusal in the other role does not count as having acted in it."""
        trial = case(approval("council", not_by="ministry") & approval("ministry"))
        trial.engine.recuse("deal", "a cousin", by=trial.who("eve", "ministry"))
        trial.approve("ministry", by="ann").approve("council", by="eve")

        assert [] == trial.codes

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_a_reason_is_needed(self, case: Callable[..., Any], reason: str) -> None:
        """A recusal says what the conflict is."""
        trial = case(approval("council"))
        with pytest.raises(InvalidValue, match="recuse: a reason is needed"):
            trial.engine.recuse("deal", reason, by=trial.who("ann", "council"))

    def test_nobody_recuses_another(self, case: Callable[..., Any]) -> None:
        """Only who could vote can recuse themselves."""
        trial = case(approval("council"))
        with pytest.raises(NotPermitted):
            trial.engine.recuse("deal", "for them", role="council", by=trial.who("ann", "boss"))


class TestCapacity:
    """Own, delegated, mandated."""

    GATE = approval("head", delegates=["deputy", "secretary"])

    @pytest.mark.parametrize("capacity", ["delegated", "mandated"])
    def test_deputy_votes_on_behalf_of_somebody(self, case: Callable[..., Any], capacity: str) -> None:
        """A role that the process names votes in the place of another, and the history says for whom and how."""
        trial = case(self.GATE)
        by = Actor(id="dan", roles={"deputy"}, on_behalf_of="hana")
        deal = trial.engine.approve("deal", capacity=capacity, by=by)
        (*_, event) = trial.engine.history("deal")

        assert [] == trial.codes
        assert (capacity, "hana", "hana", "dan") == (
            deal.approvals[0].capacity,
            deal.approvals[0].principal,
            deal.approvals[0].on_behalf_of,
            deal.approvals[0].by,
        )
        assert {"id": "dan", "roles": ("deputy",), "on_behalf_of": "hana"} == event.data["actor"]
        assert {"role": "head", "vote": "for", "capacity": capacity} == event.data["data"]

    def test_own_capacity_goes_without_saying(self, case: Callable[..., Any]) -> None:
        """A vote of one's own says nothing of capacities."""
        trial = case(self.GATE).approve("head", by="hana")
        (*_, event) = trial.engine.history("deal")

        assert {"role": "head", "vote": "for"} == event.data["data"]
        assert ("", "hana") == (
            trial.engine.get("deal").approvals[0].capacity,
            trial.engine.get("deal").approvals[0].principal,
        )

    @pytest.mark.parametrize("on_behalf_of", [None, "hana"])
    def test_deputy_has_no_vote_of_its_own(self, case: Callable[..., Any], on_behalf_of: str | None) -> None:
        """Who only stands in for a role is told to say for whom, and in which capacity."""
        trial = case(self.GATE)
        by = Actor(id="dan", roles={"deputy"}, on_behalf_of=on_behalf_of)
        with pytest.raises(InvalidValue, match="'dan' acts as deputy, which votes as head only on behalf of somebody"):
            trial.engine.approve("deal", by=by)

    @pytest.mark.parametrize("on_behalf_of", [None, "dan"])
    def test_capacity_needs_somebody_else(self, case: Callable[..., Any], on_behalf_of: str | None) -> None:
        """A delegated or mandated vote is cast for somebody else."""
        trial = case(self.GATE)
        by = Actor(id="dan", roles={"deputy"}, on_behalf_of=on_behalf_of)
        with pytest.raises(InvalidValue, match="capacity: mandated on whose behalf"):
            trial.engine.refuse("deal", "no", capacity="mandated", by=by)

    @pytest.mark.parametrize("capacity", ["", "proxy", None, 3, []])
    def test_capacity_is_one_of_three(self, case: Callable[..., Any], capacity: Any) -> None:
        """No other capacity is known."""
        with pytest.raises(InvalidValue, match="capacity: one of own, delegated, mandated is needed"):
            case(self.GATE).approve("head", capacity=capacity)

    def test_role_that_is_not_named_may_not(self, case: Callable[..., Any]) -> None:
        """A role that the process does not name cannot vote on behalf of anybody; the answer names those that may."""
        trial = case(self.GATE)
        by = Actor(id="dan", roles={"boss"}, on_behalf_of="hana")
        with pytest.raises(NotPermitted, match="that is for head or deputy or secretary"):
            trial.engine.approve("deal", role="head", capacity="mandated", by=by)
        with pytest.raises(NotPermitted, match="that is for head$|that is for head[^,]"):
            trial.engine.approve("deal", role="head", by=by)

    def test_capacity_belongs_to_the_request(self, case: Callable[..., Any]) -> None:
        """The same request in another capacity is another request; repeated as it was, it changes nothing."""
        trial = case(self.GATE)
        by = Actor(id="dan", roles={"deputy"}, on_behalf_of="hana")
        first = trial.engine.approve("deal", capacity="mandated", by=by, request_id="once")

        assert first == trial.engine.approve("deal", capacity="mandated", by=by, request_id="once")
        with pytest.raises(RequestReused):
            trial.engine.approve("deal", capacity="delegated", by=by, request_id="once")

    def test_one_principal_has_one_vote(self, case: Callable[..., Any]) -> None:
        """Whether somebody votes or is stood in for, by one person or by two, it is one vote: the last."""
        trial = case(approval("head", count=2, delegates="deputy"))
        about: dict[str, Any] = {"role": "head", "acting": "deputy", "instead_of": "hana", "capacity": "mandated"}
        vote(trial, "hana", "+", role="head")
        vote(trial, "dan", "+", **about)
        vote(trial, "dora", "+", **about)
        one = trial.said
        deal = vote(trial, "hana", "+", role="head")

        assert ["1 of 2 approvals of head are given"] == one == trial.said
        assert ["hana"] == [approval.by for approval in deal.approvals]

    def test_one_person_has_one_vote(self, case: Callable[..., Any]) -> None:
        """Who stands in for two has one vote: the last."""
        trial = case(approval("head", count=2, delegates="deputy"))
        for principal in ("hana", "hugo"):
            vote(trial, "dan", "+", role="head", acting="deputy", instead_of=principal, capacity="delegated")

        assert ["hugo"] == [approval.principal for approval in trial.engine.get("deal").approvals]
        assert ["1 of 2 approvals of head are given"] == trial.said

    def test_who_acts_in_the_role_can_say_for_whom(self, case: Callable[..., Any]) -> None:
        """Who holds the role may exercise another's power in it too; without a capacity it is written as their own."""
        trial = case(approval("head", count=2))
        vote(trial, "ann", "+", role="head", instead_of="hana")
        own = trial.engine.get("deal").approvals[0]
        vote(trial, "bob", "+", role="head", instead_of="hana", capacity="mandated")

        assert ("own", "hana") == (own.capacity, own.principal)
        assert ["bob"] == [approval.by for approval in trial.engine.get("deal").approvals]

    def test_membership_is_that_of_the_principal(self, case: Callable[..., Any]) -> None:
        """Where the members are listed, it is the one on whose behalf is voted that must be one."""
        gate = approval("council", majority="1/2", of_members=value_of("members"), delegates="deputy")
        trial = case(gate).record("members", ["ann", "bob", "cid"])
        about: dict[str, Any] = {"acting": "deputy", "capacity": "mandated"}
        vote(trial, "zoe", "+", instead_of="ann", **about)
        said = refusal(lambda: vote(trial, "bob", "+", instead_of="zoe", **about))

        assert ["the vote of bob as council does not count: zoe is not listed among the members"] == said
        assert [] == trial.codes

    def test_conflict_of_either_counts(self, case: Callable[..., Any]) -> None:
        """A conflict of interest of the deputy or of the one stood in for makes the vote not count."""
        trial = case(approval("head", delegates="deputy", not_listed="conflicts")).record("conflicts", ["hana"])
        vote(trial, "dan", "+", role="head", acting="deputy", instead_of="hana", capacity="mandated")
        of_principal = trial.codes
        trial.record("conflicts", ["dan"])

        assert ["approval.conflict", "approval.missing"] == of_principal == trial.codes

    def test_recusal_ends_what_is_done_on_ones_behalf(self, case: Callable[..., Any]) -> None:
        """Who recused is not voted for by another either; what a deputy declares binds the deputy alone."""
        trial = case(self.GATE)
        about: dict[str, Any] = {"role": "head", "acting": "deputy", "capacity": "mandated"}
        vote(trial, "dan", "+", instead_of="hana", **about)
        trial.engine.recuse("deal", "a cousin", role="head", by=trial.who("hana", "head"))
        gone = trial.codes
        said = refusal(lambda: vote(trial, "dora", "+", instead_of="hana", **about))
        trial.engine.recuse("deal", "a friend", by=Actor(id="dan", roles={"deputy"}, on_behalf_of="hugo"))
        deputy = refusal(lambda: vote(trial, "dan", "+", instead_of="hugo", **about))
        vote(trial, "hugo", "+", role="head")

        assert ["approval.missing"] == gone
        assert ["hana takes no part as head, for a conflict of interest: a cousin"] == said
        assert ["dan takes no part as head, for a conflict of interest: a friend"] == deputy
        assert [] == trial.codes

    def test_deputy_is_told_as_what_it_may_vote(self, case: Callable[..., Any]) -> None:
        """Who names the role of a deputy as the one that votes is told as what that role may vote."""
        trial = case(self.GATE & approval("council"))
        with pytest.raises(NoSuchMove, match=r"it asks council, head; on behalf of somebody, deputy may vote as head$"):
            trial.engine.approve("deal", role="deputy", by=trial.who("dan", "deputy"))

    def test_deputies_have_a_part_in_the_process(self) -> None:
        """A role that only stands in for another may start an agreement as every role of the process may."""
        process = Process("p", "1", [Stage("a", owner="boss", gate=self.GATE), Stage("b", owner="boss")])

        assert {"boss", "head", "deputy", "secretary"} == process.known_roles

    def test_deputy_of_several_says_for_which(self, case: Callable[..., Any]) -> None:
        """Who stands in for two roles says which of them votes."""
        trial = case(approval("head", delegates="deputy") & approval("chair", delegates="deputy"))
        by = Actor(id="dan", roles={"deputy"}, on_behalf_of="hana")
        with pytest.raises(InvalidValue, match="several roles that are asked: chair, head|head, chair"):
            trial.engine.approve("deal", capacity="mandated", by=by)


class TestOrder:
    """Approvals that come after others."""

    GATE = approval("council", in_order="legal") & approval("legal")

    def test_too_early_is_refused(self, case: Callable[..., Any]) -> None:
        """A vote that is cast before those that come first is refused, and says who has to approve."""
        trial = case(self.GATE)
        with pytest.raises(GateClosed) as refused:
            trial.approve("council")
        (reason,) = refused.value.unmet

        assert "the vote of voter as council does not count: it is for legal to approve first" == reason.text()
        assert ("approval.order", ("legal",)) == (reason.code, reason.fix_by)
        assert [] == trial.approve("legal").approve("council").codes

    def test_those_first_must_have_approved_wholly(self, case: Callable[..., Any]) -> None:
        """What comes first must stand: one of two votes is not enough, nor is one against."""
        trial = case(approval("council", in_order="legal") & approval("legal", count=2)).approve("legal", by="a")
        half = refusal(lambda: trial.approve("council"))
        trial.approve("legal", by="b").refuse("legal", "no", by="c")
        against = refusal(lambda: trial.approve("council"))
        trial.approve("legal", by="c")

        assert half == against
        assert [] == trial.approve("council").codes

    def test_what_was_given_anew_comes_later(self, case: Callable[..., Any]) -> None:
        """Where those first have to approve anew, what came after them has to be given anew as well."""
        gate = approval("council", in_order="legal") & approval("legal", of="memo")
        trial = case(gate).attach("memo").approve("legal", by="lea").approve("council", by="ann")
        trial.attach("memo", b"another")
        without = trial.codes
        trial.approve("legal", by="lea")
        later = trial.codes

        assert ["approval.order", "approval.missing", "approval.nothing"][:2] == without[:2]
        assert ["approval.order", "approval.missing"] == later
        assert [] == trial.approve("council", by="ann").codes

    def test_one_of_two_texts_can_be_voted_on(self, case: Callable[..., Any]) -> None:
        """A role that is asked about two texts can vote on the one that is there; without either it cannot."""
        gate = approval("council", of="renewal") | approval("council", of="amendment")
        trial = case(gate)
        nothing = refusal(lambda: trial.approve("council"))
        trial.attach("renewal").approve("council")

        assert {"renewal", "amendment"} == {said.split(" ")[4] for said in nothing}
        assert [] == trial.codes
        assert ["renewal"] == list(trial.engine.get("deal").approvals[0].of)

    def test_order_holds_across_gates(self) -> None:
        """Where those first are asked at another gate, their approval there is what has to stand."""
        process = Process(
            "p",
            "1",
            [
                Stage("a", owner="boss", gate=approval("legal")),
                Stage("b", owner="boss", gate=approval("council", in_order="legal")),
                Stage("c", owner="boss"),
            ],
        )
        boss, legal, council = (Actor(id=role, roles={role}) for role in ("boss", "legal", "council"))
        with Engine(MemoryStore(), processes=[process]) as engine:
            engine.start("p", "x", by=boss)
            with pytest.raises(GateClosed):
                engine.approve("x", by=council)
            engine.approve("x", by=legal)
            engine.approve("x", by=council)
            engine.advance("x", by=boss)

            assert "c" == engine.advance("x", by=boss).stage

    @pytest.mark.parametrize(
        "gate, said",
        [
            (approval("council", in_order="legal"), "'council' can never approve: it waits for 'legal', which no gate"),
            (
                approval("council", in_order="legal") & approval("legal", in_order="council"),
                "'council' can never approve: it waits for what waits for it",
            ),
            (
                approval("a", in_order="b") & approval("b", in_order="c") & approval("c", in_order="a"),
                "'b' can never approve: it waits for what waits for it",
            ),
        ],
    )
    def test_order_that_can_never_be_kept_is_refused(self, case: Callable[..., Any], gate: Any, said: str) -> None:
        """A process in which an approval waits for one that nobody gives, or for itself, is refused."""
        with pytest.raises(DefinitionError) as refused:
            case(gate)

        assert said in str(refused.value)
        assert {"stages[0].gate"} == {path for path, _ in refused.value.faults}

    def test_order_among_more_than_two_can_be_kept(self, case: Callable[..., Any]) -> None:
        """An order of three is one, and is kept one after the other."""
        trial = case(approval("a") & approval("b", in_order="a") & approval("c", in_order=["a", "b"]))
        for role in "abc":
            trial.approve(role, by=role)

        assert [] == trial.codes


class TestAdjournment:
    """Putting off the vote of a body."""

    GATE = approval("council", quorum="1/2", of_members=5, adjournments=2)

    @staticmethod
    def adjourn(trial: Any, reason: str = "too few are here", *, by: str = "ann", **about: Any) -> Any:
        """Adjourn the vote of the council."""
        return trial.engine.adjourn("deal", reason, by=trial.who(by, "council"), **about)

    def test_votes_of_the_body_are_voided(self, case: Callable[..., Any]) -> None:
        """What was cast so far is voided, and named; a recusal and the votes of others stand."""
        trial = votes(case(self.GATE & approval("ministry")), "+-o").approve("ministry", by="min")
        trial.engine.recuse("deal", "a cousin", by=trial.who("eve", "council"))
        deal = self.adjourn(trial)
        (*_, event) = trial.engine.history("deal")

        assert ("adjourned", "adjourn") == (event.kind, event.move)
        assert {"role": "council", "reason": "too few are here"} == event.data["data"]
        assert [2, 3, 4] == [one["n"] for one in event.data["voided"]]
        assert [("ministry", "for"), ("council", "recused")] == [(a.role, a.vote) for a in deal.approvals]

    def test_it_is_known_to_the_agreement(self, case: Callable[..., Any]) -> None:
        """The agreement says how often each role has adjourned, until when, why and by whom."""
        trial = case(self.GATE)
        none = trial.engine.get("deal").adjourned
        self.adjourn(trial)
        until = date(2100, 1, 31)
        deal = self.adjourn(trial, "again", by="bob", until=until)

        assert {} == none
        assert {"council": Adjournment(number=2, until=until, reason="again", by="bob", n=3)} == deal.adjourned
        assert deal == type(deal).from_json(deal.to_json())

    def test_more_often_than_allowed_is_refused(self, case: Callable[..., Any]) -> None:
        """After the last adjournment that is allowed, one more is refused; a new round begins anew."""
        trial = case(self.GATE, back_to="draft")
        self.adjourn(trial)
        self.adjourn(trial)
        said = refusal(lambda: self.adjourn(trial))
        trial.engine.send_back("deal", "draft", "begin anew", by=trial.who("ann", "boss"))

        assert ["council has adjourned its vote as often as it may: 2 of 2"] == said
        assert 1 == self.adjourn(trial).adjourned["council"].number

    def test_none_at_all_can_be_allowed(self, case: Callable[..., Any]) -> None:
        """With `adjournments=0` the vote cannot be put off."""
        trial = case(approval("council", majority="1/2", adjournments=0))

        assert ["council has adjourned its vote as often as it may: 0 of 0"] == refusal(lambda: self.adjourn(trial))

    def test_without_a_limit_there_is_none(self, case: Callable[..., Any]) -> None:
        """Where nothing is said, it can be adjourned as often as need be."""
        trial = case(approval("council", quorum="1/2"))
        for _ in range(5):
            self.adjourn(trial)

        assert 5 == trial.engine.get("deal").adjourned["council"].number

    def test_nobody_votes_before_the_day(self, case: Callable[..., Any]) -> None:
        """Until the day on which it is taken up again a vote is refused; from that day on it counts."""
        trial = case(self.GATE)
        until = trial.clock().date().replace(day=trial.clock().day + 2)
        self.adjourn(trial, until=until.isoformat())
        said = refusal(lambda: vote(trial, "ann", "+"))
        trial.engine.recuse("deal", "a cousin", by=trial.who("eve", "council"))
        trial.clock.advance(days=2)
        votes(trial, "+++")

        assert [f"council has adjourned its vote until {until}: too few are here"] == said
        assert [] == trial.codes

    def test_day_is_that_of_the_process(self, case: Callable[..., Any]) -> None:
        """The days are counted in the zone of the process; the same day is one to vote on."""
        trial = case(self.GATE, zone="Pacific/Kiritimati")
        today = trial.clock().astimezone(trial.process.tzinfo).date()
        self.adjourn(trial, until=today)
        vote(trial, "ann", "+")
        with pytest.raises(InvalidValue, match="until: .* is past"):
            self.adjourn(trial, until=today.replace(year=today.year - 1))

        assert ["started", "adjourned", "voted"] == [event.kind for event in trial.engine.history("deal")]

    @pytest.mark.parametrize("until", ["tomorrow", 3, b"2026-01-01", [], "2026-02-30"])
    def test_day_must_be_one(self, case: Callable[..., Any], until: Any) -> None:
        """What is no date is refused under the name of the argument."""
        with pytest.raises(InvalidValue, match="^until: "):
            self.adjourn(case(self.GATE), until=until)

    def test_a_reason_is_needed(self, case: Callable[..., Any]) -> None:
        """An adjournment says why."""
        with pytest.raises(InvalidValue, match="adjourn: a reason is needed"):
            self.adjourn(case(self.GATE), " ")

    def test_only_a_body_adjourns(self, case: Callable[..., Any]) -> None:
        """Where each vote stands for itself there is nothing to put off."""
        with pytest.raises(NoSuchMove, match="adjourn: case counts no body that votes as 'council' at draft"):
            self.adjourn(case(approval("council")))

    def test_only_the_role_adjourns(self, case: Callable[..., Any]) -> None:
        """Who could not vote cannot adjourn, nor who takes no part."""
        trial = case(self.GATE)
        with pytest.raises(NotPermitted):
            trial.engine.adjourn("deal", "x", role="council", by=trial.who("ann", "boss"))
        trial.engine.recuse("deal", "a cousin", by=trial.who("eve", "council"))

        assert ["eve takes no part as council, for a conflict of interest: a cousin"] == refusal(
            lambda: self.adjourn(trial, by="eve")
        )

    def test_who_stands_in_for_the_role_can_adjourn(self, case: Callable[..., Any]) -> None:
        """A deputy can adjourn as it can vote."""
        trial = case(approval("council", quorum="1/2", delegates="deputy"))
        deal = trial.engine.adjourn("deal", "too few", by=Actor(id="dan", roles={"deputy"}, on_behalf_of="ann"))

        assert "dan" == deal.adjourned["council"].by

    def test_going_on_forgets_it(self, case: Callable[..., Any]) -> None:
        """At the next stage nothing is adjourned."""
        trial = case(self.GATE)
        self.adjourn(trial)
        votes(trial, "+++")

        assert {} == trial.advance().adjourned

    def test_recorded_result_stands(self, case: Callable[..., Any]) -> None:
        """A result that was recorded is not a vote that was cast, and is not voided; the next one takes its place."""
        trial = case(approval("council", quorum="1/2")).approve("council", result={"members": 5, "present": 2})
        before = trial.engine.get("deal").approvals
        self.adjourn(trial)

        assert before == trial.engine.get("deal").approvals


class TestResults:
    """Recorded results beside the votes of members."""

    def test_result_stands_for_the_votes(self, case: Callable[..., Any]) -> None:
        """Where a result is recorded, it decides, whatever single votes were cast; the clerk need not be a member."""
        trial = case(approval("council", quorum="1/2", of_members=value_of("members"))).record("members", MEMBERS)
        votes(trial, "---").approve("council", by="clerk", result=RESULT)

        assert [] == trial.codes

    def test_last_result_decides(self, case: Callable[..., Any]) -> None:
        """Of several results the last decides: a refusal of the body after its approval, and the other way round."""
        trial = case(approval("council", quorum="1/2", of_members=5)).approve("council", by="one", result=RESULT)
        trial.engine.refuse("deal", "too dear", result={**RESULT, "in_favour": 1}, by=trial.who("two", "council"))
        refused = trial.said
        trial.approve("council", by="three", result=RESULT)

        assert (["two has voted against it as council: too dear"], []) == (refused, trial.codes)

    def test_last_result_decides_where_only_results_count(self, case: Callable[..., Any]) -> None:
        """So it is where the members are not counted by the process; a plain vote against stands in the way."""
        trial = case(approval("council", quorum="1/2"))
        trial.engine.refuse("deal", "too dear", result={**RESULT, "in_favour": 1}, by=trial.who("two", "council"))
        first = trial.codes
        trial.approve("council", by="three", result=RESULT)
        then = trial.codes
        trial.refuse("council", "no", by="four")

        assert ["approval.refused", "approval.missing"] == first
        assert ([], ["four has voted against it as council: no"]) == (then, trial.said)

    @pytest.mark.parametrize(
        "result, said",
        [
            ({**RESULT, "members": 50}, "the recorded result counts 50 members of council; it has 5"),
            ({"present": 6, "in_favour": 6}, "the recorded result counts 6 members of council; it has 5"),
            ({"present": 2, "in_favour": 2}, "2 of 5 members of council were present; more than 1/2 must be"),
            (
                {"present": 3, "in_favour": 1, "abstaining": 2},
                "1 of 3 present members of council voted in favour; more than half must",
            ),
        ],
    )
    def test_result_must_fit_the_members(self, case: Callable[..., Any], result: dict[str, int], said: str) -> None:
        """Where the process knows how many members there are, a result of another number does not count."""
        trial = case(approval("council", quorum="1/2", of_members=5)).approve("council", result=result)

        assert [said] == trial.said

    def test_half_a_result_is_neither_result_nor_vote(self, case: Callable[..., Any]) -> None:
        """A result that does not say what came of it is no vote of a member either, whoever recorded it."""
        trial = case(approval("council", majority="1/2", of_members=value_of("members"))).record("members", MEMBERS)
        trial.approve("council", by="clerk", result={"members": 5}).approve("council", by="ann", result={"present": 5})

        assert ["approval.no_result", "approval.no_result", "approval.votes"] == trial.codes
        assert 0 == told(trial, "approval.votes")["present"]
        assert [] == trial.approve("council", by="bob").codes

    def test_count_asks_for_so_many_in_favour(self, case: Callable[..., Any]) -> None:
        """With `count`, a result must show so many in favour."""
        trial = case(approval("council", majority="1/2", count=4)).approve("council", result=RESULT)

        assert ["3 of 4 approvals of council are given"] == trial.said

    def test_exactly_the_share_is_enough_where_it_says_so(self, case: Callable[..., Any]) -> None:
        """A share with `>=` that a recorded result reaches exactly is reached."""
        result = {"members": 6, "present": 4, "in_favour": 3, "against": 1, "abstaining": 0}
        trial = case(approval("council", quorum=">=2/3", majority=">=3/4")).approve("council", result=result)

        assert [] == trial.codes
        assert result == trial.engine.get("deal").approvals[0].tally

    @pytest.mark.parametrize("asks", [{"quorum": "1/2", "of_members": 5}, {"majority": "1/2"}])
    def test_members_need_not_be_recorded(self, case: Callable[..., Any], asks: dict[str, Any]) -> None:
        """Where the process knows how many members there are, or does not ask, a result need not say; all may be present."""
        trial = case(approval("council", **asks)).approve("council", result={"present": 5, "in_favour": 3})

        assert [] == trial.codes

    def test_majority_is_read_from_the_result(self, case: Callable[..., Any]) -> None:
        """A majority other than half is asked of a recorded result too."""
        trial = case(approval("council", quorum="1/2", majority=">=4/5")).approve("council", result=RESULT)

        assert ["3 of 4 present members of council voted in favour; at least 4/5 must"] == trial.said

    @pytest.mark.parametrize("result", [{"present": 3, "in_favour": 2, "abstaining": 2}, {"abstaining": -1}])
    def test_abstentions_are_of_those_present(self, case: Callable[..., Any], result: dict[str, int]) -> None:
        """Those who abstained are counted among those present."""
        with pytest.raises(InvalidValue, match="result"):
            case(approval("council")).approve("council", result=result)

    def test_minutes_stand_behind_a_result(self, case: Callable[..., Any]) -> None:
        """With `minutes`, a result is bound to them: without them it is refused, a new version voids it."""
        trial = case(approval("council", quorum="1/2", minutes="minutes"))
        without = refusal(lambda: trial.approve("council", result=RESULT))
        trial.attach("minutes").approve("council", result=RESULT)
        bound = trial.engine.get("deal").approvals[0].of
        opened = trial.codes
        trial.attach("minutes", b"corrected")
        (*_, event) = trial.engine.history("deal")

        assert ["the result that voter recorded for council does not count without the current minutes"] == without
        assert (["minutes"], []) == (list(bound), opened)
        assert ["voter"] == [one["by"] for one in event.data["voided"]]
        assert ["approval.missing"] == trial.codes

    def test_single_votes_are_not_bound_to_minutes(self, case: Callable[..., Any]) -> None:
        """Minutes are written after the votes of members, who need none and whose votes they do not void."""
        trial = votes(case(approval("council", majority="1/2", minutes="minutes")), "+++")
        trial.attach("minutes").attach("minutes", b"corrected")

        assert [] == trial.codes

    def test_result_that_is_bound_to_no_minutes_does_not_count(self) -> None:
        """Should a result without its minutes ever stand, the requirement itself sees it."""
        first = Stage("a", owner="boss", gate=approval("council", quorum="1/2"))
        second = Stage("b", owner="boss", gate=approval("council", quorum="1/2", minutes="minutes"))
        process = Process("p", "1", [first, second, Stage("c", owner="boss")])
        boss, clerk = Actor(id="ann", roles={"boss"}), Actor(id="clerk", roles={"council"})
        with Engine(MemoryStore(), processes=[process]) as engine:
            engine.start("p", "x", by=boss)
            engine.approve("x", result=RESULT, by=clerk)
            engine.advance("x", by=boss)
            before = [reason.code for reason in engine.options("x", by=boss)[0].unmet]
            engine.attach("x", Document.from_bytes(b"m", kind="minutes"), by=boss)
            after = [reason.code for reason in engine.options("x", by=boss)[0].unmet]
            engine.approve("x", result=RESULT, by=clerk)

            assert ["approval.minutes", "approval.missing"] == before == after
            assert engine.options("x", by=boss)[0].open


class TestWhere:
    """One role that is asked at several gates."""

    PROCESS = Process(
        "p",
        "1",
        [
            Stage("plan", owner="boss", gate=approval("council", of="plan")),
            Stage("text", owner="boss", gate=approval("council", of="text", majority="1/2")),
            Stage("done", owner="boss", gate=None),
        ],
        outcomes=[
            Outcome("stopped", gate=approval("ministry", of="order", quorum="1/2")),
            Outcome("completed", stages="done", gate=unguarded("it is done")),
        ],
    )

    def test_votes_are_for_what_is_asked_here(self) -> None:
        """A role that is asked again later votes here on what this gate asks, and later on what the later one does."""
        boss, council = Actor(id="ann", roles={"boss"}), Actor(id="bob", roles={"council"})
        with Engine(MemoryStore(), processes=[self.PROCESS]) as engine:
            engine.start("p", "x", by=boss)
            engine.attach("x", Document.from_bytes(b"p", kind="plan"), by=boss)
            engine.approve("x", by=council)
            engine.advance("x", by=boss)
            with pytest.raises(GateClosed) as refused:
                engine.approve("x", by=council)
            engine.attach("x", Document.from_bytes(b"t", kind="text"), by=boss)
            still = [reason.code for reason in engine.options("x", by=boss)[0].unmet]
            deal = engine.approve("x", by=council)

            assert ["there is no document text yet that council could approve"] == [
                reason.text() for reason in refused.value.unmet
            ]
            assert ["approval.outdated", "approval.votes"] == still
            assert ["plan", "text"] == list(deal.approvals[0].of)
            assert "done" == engine.advance("x", by=boss).stage

    def test_ways_to_end_it_come_before_later_gates(self) -> None:
        """Where a role is asked to end it here and for the gate of a later stage, it votes here on the end."""
        process = Process(
            "p",
            "1",
            [
                Stage("a", owner="boss", gate=approval("ministry")),
                Stage("b", owner="boss", gate=approval("council", of="text")),
                Stage("c", owner="boss"),
            ],
            outcomes=[Outcome("stopped", stages="a", gate=approval("council")), Outcome("done", stages="c")],
        )
        boss, council = Actor(id="ann", roles={"boss"}), Actor(id="bob", roles={"council"})
        with Engine(MemoryStore(), processes=[process]) as engine:
            engine.start("p", "x", by=boss)
            engine.approve("x", by=council)

            assert "stopped" == engine.end("x", "stopped", by=boss).outcome

    def test_votes_to_end_it_are_asked_anywhere(self) -> None:
        """Where the gate does not ask a role, the ways to end it do."""
        boss, ministry = Actor(id="ann", roles={"boss"}), Actor(id="min", roles={"ministry"})
        with Engine(MemoryStore(), processes=[self.PROCESS]) as engine:
            engine.start("p", "x", by=boss)
            engine.adjourn("x", "too few", by=ministry)
            with pytest.raises(GateClosed, match="order"):
                engine.approve("x", result=RESULT, by=ministry)
            engine.attach("x", Document.from_bytes(b"o", kind="order"), by=boss)
            engine.approve("x", result=RESULT, by=ministry)

            assert "stopped" == engine.end("x", "stopped", by=boss).outcome


@pytest.mark.parametrize(
    "asks, path, said",
    [
        ({"majority": "1"}, "majority", "can never vote in favour"),
        ({"majority": 2}, "majority", "can never vote in favour"),
        ({"majority": 10**5000}, "majority", "can never vote in favour"),
        ({"majority": Fraction(3, 2)}, "majority", "can never vote in favour"),
        ({"quorum": ">=3/2"}, "quorum", "can never be present"),
        ({"quorum": ">=0"}, "quorum", "asks for nothing"),
        ({"quorum": ">=", "of_members": 3}, "quorum", "is no fraction"),
        ({"quorum": "1/2/3"}, "quorum", "is no fraction"),
        ({"quorum": "1e-3"}, "quorum", "is no fraction"),
        ({"quorum": "0." + "3" * 50}, "quorum", "is no fraction"),
        ({"quorum": Decimal("1e-999999")}, "quorum", "is no fraction"),
        ({"quorum": Decimal("NaN")}, "quorum", "is no fraction"),
        ({"quorum": -1}, "quorum", "is no fraction"),
        ({"majority": 0.5}, "majority", "write it as a fraction"),
        ({"of_members": 5}, "of_members", "say quorum= or majority= too"),
        ({"minutes": "minutes"}, "minutes", "say quorum= or majority= too"),
        ({"adjournments": 0}, "adjournments", "say quorum= or majority= too"),
        ({"majority": "1/2", "of_members": 0}, "of_members", "a whole number from 1"),
        ({"majority": "1/2", "of_members": True}, "of_members", "a whole number from 1"),
        ({"majority": "1/2", "of_members": ["ann"]}, "of_members", "a whole number from 1"),
        ({"majority": "1/2", "of_members": {"fact": "é"}}, "of_members", "is no id"),
        ({"majority": "1/2", "of_members": 3, "count": 4}, "count", "4 of 3 members can never approve"),
        ({"majority": "1/2", "adjournments": -1}, "adjournments", "a whole number from 0"),
        ({"majority": "1/2", "adjournments": True}, "adjournments", "a whole number from 0"),
        ({"majority": "1/2", "minutes": 3}, "minutes", "is no id"),
        ({"in_order": ["council"]}, "in_order", "can never be given"),
        ({"delegates": "council"}, "delegates", "votes as itself anyway"),
        ({"delegates": 3}, "delegates", "a name or a list of names"),
    ],
)
def test_wrong_arguments_are_refused(asks: dict[str, Any], path: str, said: str) -> None:
    """What can never be reached, or means nothing, is refused under the name of the argument."""
    with pytest.raises(DefinitionError) as refused:
        approval("council", **asks)
    ((where, sentence),) = refused.value.faults

    assert path == where
    assert said in sentence


def test_all_members_can_be_asked_for() -> None:
    """As many approvals as there are members can be asked for."""
    assert 3 == approval("council", majority="1/2", of_members=3, count=3).count


def test_all_faults_are_told_at_once() -> None:
    """Several faults of one approval are told together."""
    with pytest.raises(DefinitionError) as refused:
        approval("council", in_order="council", not_by="council", delegates="council", of_members=3, count=4)

    assert ["not_by", "in_order", "delegates", "of_members", "count"] == [path for path, _ in refused.value.faults]


def test_roles_must_be_declared() -> None:
    """A process that declares its roles must declare those that stand in for others."""
    gate = approval("head", delegates="deputy")
    with pytest.raises(DefinitionError) as refused:
        Process(
            "p", "1", [Stage("a", owner="head", gate=gate), Stage("b", owner="head")], roles={"head": "Head of region"}
        )

    assert ["stages[0].gate.delegates"] == [path for path, _ in refused.value.faults]


def test_canonical_form_has_what_is_asked_and_no_more() -> None:
    """What goes without saying is not written, so definitions from before have the digest they had."""
    assert {"approval": "council", "quorum": "1/2"} == approval("council", quorum="1/2").to_data()
    assert approval("council", quorum="1/2") == approval("council", quorum=">1/2", majority="0.5")
    assert {"approval": "council", "majority": "1/2"} == approval("council", majority="1/2").to_data()
    assert {"approval": "council", "majority": ">=2/3"} == approval("council", majority=">= 4/6").to_data()


def test_the_same_from_toml() -> None:
    """A definition that is read says the same as one that is made."""
    gate = approval(
        "council",
        of="plan",
        count=2,
        quorum=">=2/3",
        majority="3/5",
        of_members=value_of("council_members"),
        in_order=["legal"],
        not_by="proposer",
        not_listed="conflicts",
        delegates=["deputy"],
        minutes="council_minutes",
        adjournments=2,
    )
    made = Process("p", "1", [Stage("a", owner="boss", gate=gate & approval("legal")), Stage("b", owner="boss")])
    read = load_process(made.to_data())

    assert made.digest == read.digest
    assert {
        "approval": "council",
        "of": ["plan"],
        "count": 2,
        "quorum": ">=2/3",
        "majority": "3/5",
        "of_members": {"fact": "council_members"},
        "in_order": ["legal"],
        "not_by": ["proposer"],
        "not_listed": "conflicts",
        "delegates": ["deputy"],
        "minutes": "council_minutes",
        "adjournments": 2,
    } == gate.to_data()


@pytest.mark.parametrize("at_least", [False, True])
@pytest.mark.parametrize("share", ["0", "1/5", "1/3", "1/2", "2/3", "9/10", "1"])
def test_share_counts_as_one_would(share: str, at_least: bool) -> None:
    """The least that will do, and how many more are needed, are what trying one number after the other finds."""
    asked = Share(Fraction(share), at_least=at_least)

    def met(part: int, whole: int) -> bool:
        return 0 < part and (part > asked.of * whole or (at_least and part == asked.of * whole))

    for whole in range(13):
        tried = [part for part in range(40) if met(part, whole)]
        assert asked.least(whole) == tried[0]
        for part in range(whole + 1):
            more = [k for k in range(150) if met(part + k, whole + k)]
            assert asked.met(part, whole) == met(part, whole)
            if share != "1" or at_least:
                assert asked.further(part, whole) == (more[0] if more else None)


def test_share_reads_as_it_is_written() -> None:
    """A share can be handed over as it is, and is written as a definition has it."""
    share = Share(Fraction(2, 3), at_least=True)

    assert ">=2/3" == str(share) == approval("council", quorum=share).to_data()["quorum"]
    assert document("plan") != approval("council", quorum=share)


def test_votes_on_what_there_is() -> None:
    """Where a role is asked about two texts for two ends, one text that is not there yet does not bar the vote on the other."""
    process = Process(
        "p",
        "1",
        [
            Stage("signing", owner="mayor", gate=unguarded("it is signed")),
            Stage(
                "life",
                owner="mayor",
                amend={
                    "pact": approval("council", of="change"),
                    "annex": approval("council", of="other_change"),
                },
            ),
        ],
    )
    mayor, council = Actor(id="m", roles={"mayor"}), Actor(id="c", roles={"council"})
    with Engine(MemoryStore(), processes=[process]) as engine:
        engine.start("p", "deal", by=mayor)
        engine.advance("deal", by=mayor)
        assert [
            "there is no document other_change yet that council could approve",
            "there is no document change yet that council could approve",
        ] == refusal(lambda: engine.approve("deal", by=council))

        engine.attach("deal", Document.from_bytes(b"change", kind="change"), by=mayor)
        engine.attach("deal", Document.from_bytes(b"pact", kind="pact"), by=mayor)
        engine.approve("deal", by=council)
        options = {option.target: option for option in engine.options("deal", by=mayor) if option.move == "amend"}

        assert () == options["pact"].unmet
        assert "approval.nothing" in [why.code for why in options["annex"].unmet]


def test_names_only_what_is_missing() -> None:
    """A vote on two texts of which one is there is refused for the other alone."""
    stages = [Stage("draft", owner="mayor", gate=approval("council", of=["plan", "map"])), Stage("done", owner="mayor")]
    mayor, council = Actor(id="m", roles={"mayor"}), Actor(id="c", roles={"council"})
    with Engine(MemoryStore(), processes=[Process("p", "1", stages)]) as engine:
        engine.start("p", "deal", by=mayor)
        engine.attach("deal", Document.from_bytes(b"plan", kind="plan"), by=mayor)

        assert ["there is no document map yet that council could approve"] == refusal(
            lambda: engine.approve("deal", by=council)
        )
