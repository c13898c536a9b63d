from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

MAYOR = ("--as", "tri", "--role", "mayor")
COUNCIL = ("--as", "secretary", "--role", "council")


class TestStart:
    """`start`."""

    def test_it_stands_at_the_first_stage(self, shell: Any) -> None:
        """What is started stands at the first stage of its process, in a database that is made for it."""
        printed = shell.done("start", "city", "bekasi", *MAYOR)

        assert "agreement\tbekasi\nversion\t1\nstage\texploration\nowner\tmayor\n" == printed
        assert (shell.folder / "stagegate.db").exists()

    def test_part_of_another(self, shell: Any) -> None:
        """What is started can be part of another, which has to be there."""
        result = shell("start", "city", "w/1", "--part-of", "w", *MAYOR)
        assert (2, "stagegate: part_of: there is no agreement 'w'; start it first\n") == (
            result.exit_code,
            result.stderr,
        )
        shell.start("w")
        shell.done("start", "city", "w/1", "--part-of", "w", *MAYOR)

        assert "w" == shell.data("show", "w/1")["part_of"]
        assert "part of w" in shell.done("history", "w/1")

    def test_who_has_no_part_is_refused_like_any_other(self, shell: Any) -> None:
        """Somebody without a role of the process is told who may; nothing was started, so nothing was recorded."""
        result = shell("start", "city", "b", "--as", "eve", "--role", "gardener")
        told = shell("start", "city", "b", "--as", "eve", "--role", "gardener", "--json")

        assert 1 == result.exit_code
        assert "eve may not start" in result.stderr
        assert "event" not in result.stderr
        assert "NotPermitted" == json.loads(told.stdout)["error"]["kind"]

    def test_title_and_parties(self, shell: Any) -> None:
        """Title and parties are recorded; a party is an id, or all that is known of it, with commas in its name."""
        bekasi = "id=bekasi,name=Kota Bekasi, Jawa Barat,kind=local_government,country=ID"
        shell.done("start", "city", "b", "--title", "A – B", "--party", bekasi, "--party", "izumisano", *MAYOR)
        data = shell.data("show", "b")

        assert "A – B" == data["title"]
        assert [
            {"id": "bekasi", "name": "Kota Bekasi, Jawa Barat", "kind": "local_government", "country": "ID"},
            {"id": "izumisano"},
        ] == data["parties"]

    def test_json_has_agreement_and_event(self, shell: Any) -> None:
        """The answer in JSON holds the agreement as it is now, and the event that made it so."""
        data = shell.data("start", "city", "b", *MAYOR)

        assert {"agreement", "event"} == set(data)
        assert ("b", "exploration", "Exploration", None, None) == tuple(
            data["agreement"][key] for key in ("id", "stage", "stage_label", "hold", "outcome")
        )
        assert ("started", {"id": "tri", "roles": ["mayor"]}) == (data["event"]["kind"], data["event"]["actor"])

    @pytest.mark.parametrize(
        "party,said",
        [
            ("id=a,id=b", "gives id twice"),
            ("id=a,name=x,name=y", "gives name twice"),
            ("id= ", "is no id"),
            ("島", "is no id"),
        ],
    )
    def test_bad_party(self, shell: Any, party: str, said: str) -> None:
        """A party that cannot be recorded is refused as wrong usage."""
        result = shell("start", "city", "b", "--party", party, *MAYOR)

        assert (2, "") == (result.exit_code, result.stdout)
        assert said in result.stderr


class TestAttach:
    """`attach`."""

    def test_everything_that_can_be_said(self, shell: Any) -> None:
        """A document is filed with the digest of the file and all that is said of it, values as JSON if possible."""
        shell.start()
        Path("a.pdf").write_bytes(b"content")
        said = [
            "--title",
            "A report",
            "--dated",
            "2025-07-01",
            "--received-on",
            "2025-07-03",
            "--valid-until",
            "2026-07-01",
        ]
        said += ["--signed-by", "bekasi", "--signed-by", "izumisano", "--language", "id", "--language", "ja"]
        said += [
            "--field",
            "pages=12",
            "--field",
            "object=waste water",
            "--field",
            'tags=["a","b"]',
            "--field",
            "share=0.50",
        ]
        shell.done("attach", "bekasi", "a.pdf", "--kind", "report", *said, *MAYOR)
        (document,) = shell.data("show", "bekasi")["documents"]

        assert {
            "kind": "report",
            "digest": hashlib.sha256(b"content").hexdigest(),
            "title": "A report",
            "dated": "2025-07-01",
            "received_on": "2025-07-03",
            "valid_until": "2026-07-01",
            "signed_by": ["bekasi", "izumisano"],
            "languages": ["id", "ja"],
            "fields": {"pages": 12, "object": "waste water", "tags": ["a", "b"], "share": "0.50"},
            "n": 2,
            "by": "tri",
        } == document

    def test_title_is_the_name_of_the_file(self, shell: Any) -> None:
        """Where no title is given, the document is called as its file is."""
        shell.ready()

        assert "report.pdf" == shell.data("show", "bekasi")["documents"][0]["title"]

    def test_refers_to_current_digest(self, shell: Any) -> None:
        """`--refers-to` puts the digest that the other document has now into the field `refers_to`."""
        shell.ready()
        Path("letter.pdf").write_bytes(b"letter")
        shell.done("attach", "bekasi", "letter.pdf", "--kind", "letter", "--refers-to", "report", *MAYOR)
        documents = {document["kind"]: document for document in shell.data("show", "bekasi")["documents"]}

        assert {"refers_to": documents["report"]["digest"]} == documents["letter"]["fields"]

    def test_refers_to_several(self, shell: Any) -> None:
        """A document that refers to several has their digests as a list."""
        shell.ready()
        Path("letter.pdf").write_bytes(b"letter")
        shell.done("attach", "bekasi", "letter.pdf", "--kind", "letter", *MAYOR)
        both = ("--refers-to", "report", "--refers-to", "letter")
        shell.done("attach", "bekasi", "letter.pdf", "--kind", "reply", *both, *MAYOR)
        documents = {document["kind"]: document for document in shell.data("show", "bekasi")["documents"]}

        assert {"refers_to": [documents["report"]["digest"], documents["letter"]["digest"]]} == documents["reply"][
            "fields"
        ]

    def test_refers_to_nothing_on_file(self, shell: Any) -> None:
        """A document that is not on file cannot be referred to; the answer says what is."""
        shell.ready()
        result = shell("attach", "bekasi", "report.pdf", "--kind", "letter", "--refers-to", "plan", *MAYOR)

        assert (2, "") == (result.exit_code, result.stdout)
        assert "stagegate: --refers-to: there is no document 'plan' on file; there are: report\n" == result.stderr

    def test_new_version_tells_what_it_voids(self, shell: Any) -> None:
        """A new version of an approved document says whose approval it voids."""
        shell.approved()
        Path("report.pdf").write_bytes(b"another report")

        assert shell.done("attach", "bekasi", "report.pdf", "--kind", "report", *MAYOR).endswith(
            "voided\tcouncil: secretary (event 5)\n"
        )

    @pytest.mark.parametrize(
        "args,said",
        [
            (("--dated", "July"), "'July' is no date; write it like 2025-07-24"),
            (("--field", "novalue"), "'novalue' is no pair; write name=value"),
            (("--field", "=1"), "'=1' is no pair; write name=value"),
            (("--field", "a=1", "--field", "a=2"), "--field: a is given twice"),
            (("--field", 'a={"b":1,"b":2}'), "has one key twice"),
            (("--field", "refers_to=x", "--refers-to", "report"), "say the same"),
        ],
    )
    def test_bad_arguments(self, shell: Any, args: tuple[str, ...], said: str) -> None:
        """What cannot be understood is refused as wrong usage, in one line that says what would do."""
        shell.ready()
        result = shell("attach", "bekasi", "report.pdf", "--kind", "x", *args, *MAYOR)

        assert (2, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))
        assert said in result.stderr


class TestRecord:
    """`record`."""

    @pytest.mark.parametrize(
        "written,value",
        [
            ("5", 5),
            ("true", True),
            ("null", None),
            ('{"a": [1, "b"]}', {"a": [1, "b"]}),
            ("0.10", "0.10"),
            ("1e3", "1000"),
            ('"5"', "5"),
            ("five", "five"),
            ("NaN", "NaN"),
            ("-5", -5),
            ("-Infinity", "-Infinity"),
            ("{broken", "{broken"),
            ("", ""),
            ("協力", "協力"),
        ],
    )
    def test_value_is_json_or_text(self, shell: Any, written: str, value: object) -> None:
        """A value is recorded as what it is in JSON, with the digits it has, and as text where it is none."""
        shell.start()
        shell.done("record", "bekasi", "fact", written, *MAYOR)

        assert value == shell.data("history", "bekasi", "--after", "1")["events"][0]["data"]["value"]

    @pytest.mark.parametrize(
        "written,said",
        [
            ("9" * 30, "is too large to be recorded"),
            ("12345678901234567890", "beyond 2^53"),
            ("[" * 100_000, "nested too deeply"),
            ("[" * 40 + "]" * 40, "more than 16 levels"),
            ('{"a": 1, "a": 2}', "one key twice"),
        ],
    )
    def test_value_that_cannot_be_recorded(self, shell: Any, written: str, said: str) -> None:
        """A value that a history cannot hold is refused, and nothing is recorded."""
        shell.start()
        result = shell("record", "bekasi", "fact", written, *MAYOR)

        assert (2, "") == (result.exit_code, result.stdout)
        assert said in result.stderr
        assert 1 == shell.data("show", "bekasi")["version"]

    def test_source(self, shell: Any) -> None:
        """Where a fact is from is recorded with it."""
        shell.start()
        shell.done("record", "bekasi", "cost", "5", "--source", "budget office", *MAYOR)

        assert {"cost": {"value": 5, "source": "budget office", "by": "tri", "n": 2}} == shell.data("show", "bekasi")[
            "facts"
        ]


class TestVotes:
    """`approve` and `refuse`."""

    def test_result_of_a_body(self, shell: Any) -> None:
        """A vote carries the counts of the body that cast it, and the document it is bound to."""
        shell.approved()
        (vote,) = shell.data("show", "bekasi")["approvals"]

        assert {"members": 50, "present": 40, "in_favour": 30} == vote["tally"]
        assert {"report": hashlib.sha256(b"a report").hexdigest()} == vote["of"]

    def test_against(self, shell: Any) -> None:
        """A vote against is recorded with its reason, and stands in the way."""
        shell.at_council()
        shell.done("refuse", "bekasi", "too expensive", *COUNCIL)
        result = shell("advance", "bekasi", *MAYOR)

        assert 1 == result.exit_code
        assert "secretary has voted against it as council: too expensive" in result.stderr

    def test_role_that_nobody_asks(self, shell: Any) -> None:
        """A vote in a role that no gate asks is no such move; the answer says which are asked."""
        shell.at_council()
        result = shell("approve", "bekasi", *MAYOR)

        assert (2, "") == (result.exit_code, result.stdout)
        assert "stagegate: no gate of city asks 'mayor' to approve; it asks council\n" == result.stderr

    def test_one_of_several_roles(self, shell: Any) -> None:
        """Who acts in several roles says which of them votes."""
        shell.at_council()
        shell.done("approve", "bekasi", "--vote-as", "council", "--as", "x", "--role", "mayor", "--role", "council")

        assert "council" == shell.data("show", "bekasi")["approvals"][0]["role"]

    def test_mistyped_option(self, shell: Any) -> None:
        """An option that there is not is wrong usage, although values may begin with a dash."""
        shell.start()

        assert 2 == shell("record", "bekasi", "fact", "5", "--sourc=x", *MAYOR).exit_code

    @pytest.mark.parametrize("result", ["members=many", "members=5.5", "members", "members=true"])
    def test_counts_are_whole_numbers(self, shell: Any, result: str) -> None:
        """The counts of a vote are whole numbers."""
        shell.at_council()

        assert 2 == shell("approve", "bekasi", "--result", result, *COUNCIL).exit_code


BODY = """
id = "body"
version = "1"

[[stages]]
id = "vote"
owner = "chair"
gate = { all = [
    { approval = "council", quorum = "1/2", of_members = 3, adjournments = 1 },
    { approval = "mayor", delegates = ["deputy"] },
] }

[[stages]]
id = "done"
owner = "chair"
"""


@pytest.fixture
def body(shell: Any) -> Any:
    """Bring an agreement before a council of three and a mayor."""
    shell.definition.write_text(BODY, encoding="utf-8")
    shell.done("start", "body", "x", "--as", "cat", "--role", "chair")
    return shell


def member(person: str) -> tuple[str, ...]:
    """Return the options of a member of the council."""
    return ("--as", person, "--role", "council")


class TestBody:
    """`abstain`, `recuse`, `adjourn`, and votes on behalf of others."""

    def test_votes_are_counted_and_missed(self, body: Any) -> None:
        """A refusal says how many votes are missing, with those for, against and abstaining so far."""
        body.done("approve", "x", *member("ann"))
        body.done("abstain", "x", "--reason", "not sure", *member("bob"))
        result = body("advance", "x", "--as", "cat", "--role", "chair")

        assert 1 == result.exit_code
        assert (
            "council needs more votes in favour: 1, from council (so far 1 in favour, 0 against, 1 abstaining)"
            in result.stderr
        )
        assert ["approval", "council", "abstain", "bob", "3"] in [
            line.split("\t") for line in body.done("show", "x").splitlines()
        ]

    def test_recusal(self, body: Any) -> None:
        """Who recused cannot vote, and is told why."""
        body.done("recuse", "x", "a cousin", *member("ann"))
        result = body("approve", "x", *member("ann"))

        assert 1 == result.exit_code
        assert "ann takes no part as council, for a conflict of interest: a cousin" in result.stderr

    def test_adjournment(self, body: Any) -> None:
        """An adjournment says which votes it voids; what is shown says how often, until when and why."""
        body.done("approve", "x", *member("ann"))
        said = body.done("adjourn", "x", "too few", "--until", "2999-12-31", *member("bob"))
        again = body("adjourn", "x", "too few", *member("bob"))
        early = body("approve", "x", *member("ann"))
        shown = body.done("show", "x").splitlines()
        history = body.done("history", "x").splitlines()

        assert "voided\tcouncil: ann (event 2)" in said
        assert "council has adjourned its vote as often as it may: 1 of 1" in again.stderr
        assert "council has adjourned its vote until 2999-12-31: too few" in early.stderr
        assert "adjourned\tcouncil 1 2999-12-31 too few" in shown
        assert "council until 2999-12-31 too few; voided: council by ann (event 2)" == history[2].split("\t")[-1]

    def test_adjournment_without_a_day(self, body: Any) -> None:
        """Where no day is named, none is told."""
        body.done("adjourn", "x", "too few", *member("bob"))

        assert "adjourned\tcouncil 1 too few" in body.done("show", "x").splitlines()
        assert "council too few" == body.done("history", "x").splitlines()[1].split("\t")[-1]

    @pytest.mark.parametrize("command", [["approve", "x"], ["refuse", "x", "no"], ["abstain", "x"]])
    def test_vote_on_behalf_of_somebody(self, body: Any, command: list[str]) -> None:
        """A deputy votes as the role it stands in for, and the history says for whom and how."""
        deputy = ("--as", "dan", "--role", "deputy", "--on-behalf-of", "hana", "--capacity", "mandated")
        body.done(*command, *deputy)
        (vote,) = body.data("show", "x")["approvals"]
        (_, told) = body.done("history", "x").splitlines()

        assert ("mayor", "dan", "hana", "mandated") == tuple(
            vote[key] for key in ("role", "by", "on_behalf_of", "capacity")
        )
        assert "(mandated by hana)" in told

    def test_deputy_must_say_for_whom(self, body: Any) -> None:
        """A deputy that says neither for whom nor as what is told what it may do."""
        result = body("approve", "x", "--as", "dan", "--role", "deputy")

        assert 2 == result.exit_code
        assert (
            "no gate of body asks 'deputy' to approve; it asks council, mayor; on behalf of somebody, deputy may vote as mayor"
            in result.stderr
        )


class TestMoves:
    """Moves of an agreement as a whole."""

    def test_refusal_tells_every_reason(self, shell: Any) -> None:
        """A refusal leaves with 1 and tells every reason on stderr, with who can mend it and the rule it comes from."""
        shell.start()
        result = shell("advance", "bekasi", *MAYOR)

        assert (1, "") == (result.exit_code, result.stdout)
        assert [
            "bekasi: advance is refused (recorded as event 2)",
            "  1. the document report is missing",
            "     can be mended by: Mayor (mayor)",
            "     rule: Rule 1(2) · law",
            "  2. the fact cost is not recorded",
            "     can be mended by: Council (council)",
            "     rule: Rule 9 · practice",
        ] == result.stderr.splitlines()

    def test_refusal_in_json(self, shell: Any) -> None:
        """In JSON a refusal stands on stdout, with every reason and all its parts."""
        shell.start()
        result = shell("advance", "bekasi", *MAYOR, "--json")
        error = json.loads(result.stdout)["error"]

        assert 1 == result.exit_code
        assert ("GateClosed", "bekasi", "advance", True, 2) == tuple(
            error[key] for key in ("kind", "agreement", "move", "permitted", "n")
        )
        assert {
            "code": "document.missing",
            "text": "the document report is missing",
            "requirement": "document:report",
            "label": "",
            "fix_by": ["mayor"],
            "basis": "Rule 1(2)",
            "provenance": "law",
            "params": {"document": "report"},
            "alternatives": [],
        } == error["unmet"][0]

    def test_who_may_not(self, shell: Any) -> None:
        """Who may not make a move is told who may, and what else stands in the way."""
        shell.start()
        result = shell("advance", "bekasi", *COUNCIL)

        assert (1, "") == (result.exit_code, result.stdout)
        assert [
            "bekasi: secretary may not advance; that is for Mayor (mayor) (recorded as event 2)",
            "besides, these reasons stand in the way:",
            "  1. the document report is missing",
        ] == result.stderr.splitlines()[:3]

    def test_advance_tells_what_it_skips(self, shell: Any) -> None:
        """A move over a stage that is not needed says so."""
        shell.approved()

        assert [
            "stage\timplementation",
            "owner\tmayor",
            "skipped\taudit",
        ] == shell.done("advance", "bekasi", "--reason", "approved", *MAYOR).splitlines()[2:]

    def test_warning_is_shown(self, shell: Any) -> None:
        """What only warns is shown on the side, and the move is made."""
        shell.approved(cost="60")
        shell.done("advance", "bekasi", *MAYOR)
        result = shell("advance", "bekasi", *MAYOR)

        assert 0 == result.exit_code
        assert ["warning:", "  1. the document audit is missing"] == result.stderr.splitlines()[:2]
        assert "stage\timplementation" in result.stdout

    def test_send_back(self, shell: Any) -> None:
        """Sending back needs a reason, and says which approvals it voids."""
        shell.approved()
        printed = shell.done("send-back", "bekasi", "exploration", "costs changed", *COUNCIL)

        assert "stage\texploration\n" in printed
        assert printed.endswith("voided\tcouncil: secretary (event 5)\n")

    def test_hold_and_resume(self, shell: Any) -> None:
        """On hold nothing moves; the reason is shown until it is resumed."""
        shell.ready()

        assert "on_hold\telections\n" in shell.done("hold", "bekasi", "elections", *MAYOR)
        assert 1 == shell("advance", "bekasi", *MAYOR).exit_code
        assert "on_hold" not in shell.done("resume", "bekasi", *MAYOR)

    def test_end(self, shell: Any) -> None:
        """An agreement ends with an outcome; then nobody's turn it is."""
        shell.start()
        printed = shell.done("end", "bekasi", "withdrawn", "--reason", "no budget", *MAYOR)

        assert "agreement\tbekasi\nversion\t2\nstage\texploration\noutcome\twithdrawn\n" == printed

    def test_note(self, shell: Any) -> None:
        """A note stands in the history and changes nothing else."""
        shell.start()
        shell.done("note", "bekasi", "called the ministry", *MAYOR)

        assert {"text": "called the ministry"} == shell.data("history", "bekasi")["events"][1]["data"]

    @pytest.mark.parametrize(
        "args",
        [
            ("send-back", "bekasi", "council", "why"),
            ("send-back", "bekasi", "nowhere", "why"),
            ("end", "bekasi", "completed"),
            ("end", "bekasi", "triumph"),
        ],
    )
    def test_no_such_move(self, shell: Any, args: tuple[str, ...]) -> None:
        """A move that there is not from here is wrong usage, and no attempt is recorded."""
        shell.start()
        result = shell(*args, *MAYOR)

        assert (2, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))
        assert 1 == shell.data("show", "bekasi")["n"]


class TestCommonOptions:
    """What every command takes that changes something."""

    def test_somebody_has_to_act(self, shell: Any) -> None:
        """Nothing is changed by nobody."""
        result = shell("start", "city", "bekasi")

        assert (2, "") == (result.exit_code, result.stdout)
        assert "stagegate: Missing option '--as' (try `stagegate start --help`)\n" == result.stderr

    def test_expected_version(self, shell: Any) -> None:
        """With the version that was seen, a change is made only if nobody was faster."""
        shell.start()
        shell.done("record", "bekasi", "cost", "1", "--expect", "1", *MAYOR)
        result = shell("record", "bekasi", "cost", "2", "--expect", "1", *MAYOR)

        assert (1, "") == (result.exit_code, result.stdout)
        assert (
            "stagegate: bekasi: you acted on version 1, but it is now at version 2; read it again and decide anew\n"
        ) == result.stderr
        assert 1 == shell.data("show", "bekasi")["facts"]["cost"]["value"]

    def test_conflict_in_json(self, shell: Any) -> None:
        """In JSON a conflict names both versions."""
        shell.start()
        result = shell("advance", "bekasi", "--expect", "7", *MAYOR, "--json")

        assert 1 == result.exit_code
        assert {key: value for key, value in json.loads(result.stdout)["error"].items() if key != "message"} == {
            "kind": "Conflict",
            "agreement": "bekasi",
            "seen": 7,
            "current": 1,
        }

    def test_request_id_repeats(self, shell: Any) -> None:
        """The same command under the same request id answers the same and is done once."""
        shell.start()
        asked = ("record", "bekasi", "cost", "1", "--request-id", "r-1", *MAYOR)

        assert shell.done(*asked) == shell.done(*asked)
        assert 2 == len(shell.data("history", "bekasi")["events"])

    def test_request_id_is_not_reused(self, shell: Any) -> None:
        """Another command under a used request id is refused as wrong usage."""
        shell.start()
        shell.done("record", "bekasi", "cost", "1", "--request-id", "r-1", *MAYOR)
        result = shell("record", "bekasi", "cost", "2", "--request-id", "r-1", *MAYOR)

        assert (2, "") == (result.exit_code, result.stdout)
        assert "already used" in result.stderr

    def test_at_and_on_behalf_of(self, shell: Any) -> None:
        """When it took effect and for whom are recorded."""
        shell.done("start", "city", "b", "--at", "2025-07-24T10:00+07:00", "--on-behalf-of", "the city", *MAYOR)
        (event,) = shell.data("history", "b")["events"]

        assert "2025-07-24T03:00:00.000000Z" == event["at"]
        assert {"id": "tri", "roles": ["mayor"], "on_behalf_of": "the city"} == event["actor"]

    @pytest.mark.parametrize(
        "at,said",
        [
            ("2025-07-24", "has no zone; say which, like 2025-07-24T09:00+07:00"),
            ("2025-07-24T10:00", "has no zone; say which, like 2025-07-24T09:00+07:00"),
            ("yesterday", "is no moment; write it like 2025-07-24T09:00+07:00"),
            ("3025-07-24T10:00Z", "lies in the future"),
        ],
    )
    def test_bad_moment(self, shell: Any, at: str, said: str) -> None:
        """A moment needs a zone, and cannot lie in the future."""
        result = shell("start", "city", "b", "--at", at, *MAYOR)

        assert (2, "", 1) == (result.exit_code, result.stdout, result.stderr.count("\n"))
        assert said in result.stderr
