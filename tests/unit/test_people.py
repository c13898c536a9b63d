from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stagegate import DefinitionError, NotPermitted, Party, actor, parties

BEKASI = Party("bekasi", name="Bekasi", kind="local_government", country="ID")
IZUMISANO = Party("izumisano", kind="local_government")
FIRM = Party("firm", kind="company")
UNKNOWN = Party("unknown")


@pytest.mark.parametrize(
    "gate,between,said",
    [
        (parties(), [BEKASI, IZUMISANO], []),
        (parties(), [BEKASI], ["there are 1 parties; 2 are needed"]),
        (parties(3), [BEKASI], ["there are 1 parties; 3 are needed"]),
        (parties(1, named="bekasi"), [FIRM], ["bekasi is not a party"]),
        (parties(1, named=["firm", "bekasi"]), [FIRM, BEKASI], []),
        (parties(1, of_kind="local_government"), [BEKASI, FIRM], ["the party firm is company, not local_government"]),
        (parties(1, of_kind=["company", "local_government"]), [BEKASI, FIRM], []),
        (parties(1, of_kind="company"), [UNKNOWN], ["the party unknown is —, not company"]),
        (
            parties(named="firm", of_kind="company"),
            [BEKASI],
            [
                "there are 1 parties; 2 are needed",
                "firm is not a party",
                "the party bekasi is local_government, not company",
            ],
        ),
    ],
)
def test_who_an_agreement_must_be_between(
    case: Callable[..., Any], gate: Any, between: list[Party], said: list[str]
) -> None:
    """The parties must be enough, the named ones among them, and each of an allowed kind; all that is wrong is said."""
    assert case(gate, parties=between).said == said


def test_actor_who_is_listed_may_not_decide(case: Callable[..., Any]) -> None:
    """Who is listed in a fact, one person, several, or a table by person, is refused by name; others are not."""
    trial = case(actor(not_listed="conflicts"))
    nobody = trial.option(by="ann").unmet
    listed = trial.record("conflicts", ["bob", "ann"]).option(by="ann").unmet
    alone = trial.record("conflicts", "ann").option(by="ann").unmet
    keyed = trial.record("conflicts", {"ann": "owns the land"}).option(by="ann").unmet
    other = trial.option(by="eve").unmet

    assert () == nobody == other
    assert [["ann is listed in conflicts"]] * 3 == [
        [reason.text() for reason in unmet] for unmet in (listed, alone, keyed)
    ]


def test_actor_must_act_in_a_role(case: Callable[..., Any]) -> None:
    """A requirement on the actor's role refuses beside the permission, and both answers are given."""
    trial = case(actor(roles=["minister", "mayor"]), may={"advance": "minister"})
    with pytest.raises(NotPermitted) as refused:
        trial.advance(role="clerk")

    assert ["ann does not act as minister, mayor"] == [reason.text() for reason in refused.value.unmet]
    assert trial.option(role="minister").open


@pytest.mark.parametrize(
    "make,path",
    [
        (lambda: parties(0), "at_least"),
        (lambda: parties(at_least="two"), "at_least"),  # type: ignore[arg-type]  # what an untyped caller may do
        (lambda: parties(named=3), "named"),
        (lambda: parties(of_kind={"a": 1}), "of_kind"),
        (lambda: actor(), "actor"),
        (lambda: actor(roles=3), "roles"),
        (lambda: actor(not_listed="é"), "not_listed"),
        (lambda: actor(listed="x"), "listed"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], path: str) -> None:
    """An argument that means nothing is refused under its name."""
    with pytest.raises(DefinitionError) as refused:
        make()

    assert path in [where for where, _ in refused.value.faults]
