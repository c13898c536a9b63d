from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from stagegate import DefinitionError, Party, document, value_of

PARTIES = (Party("bekasi"), Party("izumisano"))


def test_missing_document_is_named(case: Callable[..., Any]) -> None:
    """A document that is not there is one reason, with its kind as parameter."""
    (reason,) = case(document("report", fix_by="clerk", basis="Art 3")).unmet

    assert ("document.missing", {"document": "report"}, ("clerk",), "Art 3") == (
        reason.code,
        reason.params,
        reason.fix_by,
        reason.basis,
    )
    assert reason.text() == "the document report is missing"


def test_owner_mends_what_names_nobody(case: Callable[..., Any]) -> None:
    """A reason that names nobody is for the owner of the stage, under the basis of the stage."""
    (reason,) = case(document("report"), basis="Art 9").unmet

    assert (("boss",), "Art 9") == (reason.fix_by, reason.basis)


def test_document_that_is_there_is_enough(case: Callable[..., Any]) -> None:
    """Where nothing more is asked, any document of the kind opens the gate."""
    assert case(document("report")).attach("report").codes == []


@pytest.mark.parametrize(
    "asks,about,said",
    [
        ({"signed_by": 2}, {"signed_by": ["a"]}, ["the document d has 1 of 2 signatures"]),
        ({"signed_by": 2}, {"signed_by": ["a", "b"]}, []),
        ({"signed_by": ["a", "b", "c"]}, {"signed_by": ["b"]}, ["the document d is not signed by a, c"]),
        ({"signed_by": "a"}, {"signed_by": ["a", "x"]}, []),
        ({"signed_by": "parties"}, {"signed_by": ["bekasi"]}, ["the document d is not signed by izumisano"]),
        ({"signed_by": "parties"}, {"signed_by": ["izumisano", "bekasi"]}, []),
        ({"languages": ["id", "ja"]}, {"languages": ["id", "en"]}, ["the document d is not in ja"]),
        ({"languages": ["id", "ja"]}, {"languages": ["ja", "id"]}, []),
        ({"any_language": ["en", "id"]}, {"languages": ["ja"]}, ["the document d is in none of en, id"]),
        ({"any_language": ["en", "id"]}, {"languages": ["ja", "id"]}, []),
        ({"fields": ["cost", "term"]}, {"fields": {"cost": 0}}, ["the document d does not say: term"]),
        ({"fields": "cost"}, {"fields": {"cost": ""}}, ["the document d does not say: cost"]),
        ({"fields": "cost"}, {"fields": {"cost": False}}, []),
        ({"equals": {"form": 2}}, {"fields": {"form": 3}}, ["in the document d, form must be 2, and is 3"]),
        ({"equals": {"form": 1}}, {"fields": {"form": True}}, ["in the document d, form must be 1, and is true"]),
        ({"equals": {"form": 2}}, {"fields": {"form": 2}}, []),
        ({"equals": {"form": 2}}, {}, ["in the document d, form must be 2, and is —"]),
        ({"lists": {"to": ["a", "b"]}}, {"fields": {"to": ["b"]}}, ["in the document d, to does not list a"]),
        ({"lists": {"to": "a"}}, {"fields": {"to": "a"}}, []),
        ({"lists": {"to": "a"}}, {}, ["in the document d, to does not list a"]),
        ({"received": True}, {}, ["the document d has no date (received_on)"]),
        ({"received": True}, {"received_on": "2025-07-01"}, []),
        ({"valid": True}, {"valid_until": "2025-07-23"}, ["the document d was valid until 2025-07-23"]),
        ({"valid": True}, {"valid_until": "2025-07-24"}, []),
        ({"valid": True}, {}, []),
    ],
)
def test_what_a_document_must_be(
    case: Callable[..., Any], asks: dict[str, Any], about: dict[str, Any], said: list[str]
) -> None:
    """Each thing that is asked of a document refuses with its own sentence, or is met."""
    assert case(document("d", **asks), parties=PARTIES).attach("d", **about).said == said


@pytest.mark.parametrize(
    "asks,about,other,said",
    [
        (
            {"not_later_than": "o.dated"},
            {"dated": "2025-07-02"},
            {"dated": "2025-07-01"},
            ["the document d of 2025-07-02 is later than o.dated of 2025-07-01"],
        ),
        ({"not_later_than": "o.dated"}, {"dated": "2025-07-01"}, {"dated": "2025-07-01"}, []),
        (
            {"not_earlier_than": ["o.received_on"]},
            {"dated": "2025-06-30"},
            {"received_on": "2025-07-01"},
            ["the document d of 2025-06-30 is earlier than o.received_on of 2025-07-01"],
        ),
        ({"not_earlier_than": "o.valid_until"}, {"dated": "2025-07-01"}, {"valid_until": "2025-07-01"}, []),
        (
            {"not_later_than": "o.dated"},
            {},
            {"dated": "2025-07-01"},
            ["the document d has no date (dated)"],
        ),
        (
            {"not_earlier_than": "o.dated"},
            {"dated": "2025-07-01"},
            {},
            ["the document o has no date (o.dated)"],
        ),
        (
            {"not_later_than": "missing.dated"},
            {"dated": "2025-07-01"},
            {},
            ["the document missing has no date (missing.dated)"],
        ),
    ],
)
def test_dates_are_compared_with_those_of_another_document(
    case: Callable[..., Any], asks: dict[str, Any], about: dict[str, Any], other: dict[str, Any], said: list[str]
) -> None:
    """A date may not lie on the wrong side of a date of another document, and where one is missing that is said."""
    assert case(document("d", **asks)).attach("o", **other).attach("d", **about).said == said


@pytest.mark.parametrize(
    "fact,said",
    [
        ("2025-06-30", ["the document d of 2025-07-01 is later than fact:signed of 2025-06-30"]),
        ("2025-07-01", []),
        ("soon", ["the document fact:signed has no date (fact:signed)"]),
        (7, ["the document fact:signed has no date (fact:signed)"]),
    ],
)
def test_dates_are_compared_with_recorded_ones(case: Callable[..., Any], fact: Any, said: list[str]) -> None:
    """A date can be held against a recorded fact; a fact that is no date is said to be none."""
    gate = document("d", not_later_than="fact:signed")

    assert case(gate).attach("d", dated="2025-07-01").record("signed", fact).said == said


def test_reference_is_to_the_current_version(case: Callable[..., Any]) -> None:
    """A document refers to another by digest, and no longer does so once the other has a new version."""
    gate = document("reply", refers_to="request")
    trial = case(gate).attach("reply", fields={"refers_to": "nothing"})
    missing = trial.said
    trial.attach("request", b"one")
    digest = trial.engine.get("deal").documents["request"].digest
    referring = trial.attach("reply", b"r", fields={"refers_to": digest}).said
    listing = trial.attach("reply", b"r", fields={"refers_to": ["x", digest]}).said
    outdated = trial.attach("request", b"two").said

    assert ["the document reply does not refer to the current request"] == missing
    assert ([], []) == (referring, listing)
    assert missing == outdated


def test_validity_is_judged_on_the_day_in_the_zone_of_the_process(case: Callable[..., Any]) -> None:
    """A document that is valid until today is valid until midnight where the process counts its days."""
    trial = case(document("d", valid=True), zone="Asia/Jakarta").attach("d", valid_until="2025-07-24")
    trial.clock.advance(timedelta(hours=14, minutes=59))
    before = trial.codes
    trial.clock.advance(timedelta(minutes=1))

    assert ([], ["document.expired"]) == (before, trial.codes)


def test_language_that_is_not_known_yet_is_not_dropped(case: Callable[..., Any]) -> None:
    """A language that a fact is to name stands in the way until the fact is recorded, and is then asked for."""
    trial = case(document("d", languages=["en", value_of("tongue")])).attach("d", languages=["en"])
    before = trial.said
    after = trial.record("tongue", "ja").said

    assert (["the fact tongue is not recorded"], ["the document d is not in ja"]) == (before, after)


def test_values_can_be_looked_up_in_facts(case: Callable[..., Any]) -> None:
    """Languages, equal values and listed members can be named by a recorded fact."""
    gate = document(
        "d",
        languages=["en", value_of("tongue")],
        any_language=[value_of("tongues")],
        equals={"form": value_of("form")},
        lists={"to": [value_of("members")]},
    )
    trial = case(gate).attach("d", languages=["en"], fields={"form": 1, "to": ["a"]})
    nothing_recorded = trial.codes
    for fact, value in {"tongue": "ja", "tongues": ["fr", "nl"], "form": 2, "members": ["a", "b"]}.items():
        trial.record(fact, value)
    differing = trial.said
    for fact, value in {"tongue": "en", "tongues": ["fr", "en"], "form": 1, "members": ["a"]}.items():
        trial.record(fact, value)

    assert ["fact.missing", "document.any_language", "document.equals", "document.lists"] == nothing_recorded
    assert [
        "the document d is not in ja",
        "the document d is in none of fr, nl",
        "in the document d, form must be 2, and is 1",
        "in the document d, to does not list b",
    ] == differing
    assert trial.said == []


def test_all_that_is_wrong_is_said(case: Callable[..., Any]) -> None:
    """One document that fails in many ways gives one reason for each."""
    gate = document(
        "d",
        signed_by=1,
        languages="ja",
        any_language=["id", "en"],
        fields=["a", "b"],
        equals={"c": 1},
        lists={"to": "x"},
        refers_to="o",
        not_later_than="o.dated",
        received=True,
        valid=True,
    )

    assert [
        "document.unsigned",
        "document.language",
        "document.any_language",
        "document.field",
        "document.field",
        "document.equals",
        "document.lists",
        "document.refers_to",
        "document.undated",
        "document.undated",
        "document.undated",
        "document.expired",
    ] == case(gate).attach("d", valid_until="2020-01-01").codes


def test_parties_that_do_not_exist_are_not_thereby_signatures(case: Callable[..., Any]) -> None:
    """Where the agreement names no party, a signature of all parties is still missing."""
    assert ["the document d is not signed by parties"] == case(document("d", signed_by="parties")).attach("d").said


@pytest.mark.parametrize(
    "asks,path",
    [
        ({"signed_by": 0}, "signed_by"),
        ({"signed_by": True}, "signed_by"),
        ({"signed_by": 1.5}, "signed_by"),
        ({"signed_by": {"a": 1}}, "signed_by"),
        ({"languages": [3]}, "languages"),
        ({"any_language": 3}, "any_language"),
        ({"fields": 3}, "fields"),
        ({"fields": ["é"]}, "fields"),
        ({"equals": ["a"]}, "equals"),
        ({"equals": {"a": 1.5}}, "equals"),
        ({"lists": "a"}, "lists"),
        ({"refers_to": {"a": "b"}}, "refers_to"),
        ({"not_later_than": "somewhen"}, "not_later_than"),
        ({"not_later_than": "o.birthday"}, "not_later_than"),
        ({"not_earlier_than": ".dated"}, "not_earlier_than"),
        ({"not_earlier_than": 3}, "not_earlier_than"),
        ({"received": 1}, "received"),
        ({"valid": "yes"}, "valid"),
        ({"soft": "yes"}, "soft"),
        ({"provenance": "hearsay"}, "provenance"),
        ({"provenance": 0}, "provenance"),
        ({"label": {"xx-none": "D"}}, "label.xx-none"),
        ({"fix_by": ""}, "fix_by"),
        ({"fix_by": 3}, "fix_by"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_arguments_are_refused(asks: dict[str, Any], path: str) -> None:
    """An argument that means nothing is refused where it is written, under its name."""
    with pytest.raises(DefinitionError) as refused:
        document("d", **asks)

    assert [path] == [where for where, _ in refused.value.faults]


def test_all_wrong_arguments_are_refused_at_once() -> None:
    """Every fault of one requirement is said in one error."""
    with pytest.raises(DefinitionError) as refused:
        document("", signed_by=0, colour="red", valid=1)

    assert ["colour", "kind", "signed_by", "valid"] == sorted(path for path, _ in refused.value.faults)
