from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from stagegate import (
    Actor,
    Attempt,
    DefinitionError,
    Document,
    Duty,
    Engine,
    InvalidValue,
    Notification,
    Outcome,
    Process,
    RefusedError,
    Renewal,
    Stage,
    Subscription,
    all_of,
    any_of,
    approval,
    builtin,
    calendar_days,
    document,
    fact,
    hookimpl,
    requirement,
    unguarded,
)
from stagegate._agreement import _STEPS
from stagegate._kinds import ACTS, KINDS
from stagegate._plain import MAX_ITEMS
from stagegate._stages import MOVES, WHOLE
from stagegate._subscribers import strangers
from stagegate._telling import _BY_KIND, _BY_MOVE, _label
from stagegate.testing import ManualClock

PERMIT = Process(
    id="permit",
    version="1",
    zone="Asia/Jakarta",
    label={"en": "Permit", "id": "Izin"},
    roles={
        "desk": {"en": "The desk", "id": "Meja"},
        "board": {"en": "The board", "ja": "委員会"},
        "clerk": {},
        "chief": {},
    },
    stages=(
        Stage(
            "asked",
            owner="desk",
            label={"en": "Asked for", "id": "Diminta"},
            gate=document("form", within=calendar_days(5), fix_by="clerk", id="G1", label={"en": "The form"})
            & approval("board", of="form", within=calendar_days(5))
            & fact("fee", within=calendar_days(5)),
            within=calendar_days(10),
            on_timeout="escalate:chief",
            remind=["2 calendar days"],
        ),
        Stage(
            "granted",
            owner=["desk", "board"],
            back_to="asked",
            gate=unguarded("x"),
            duties=[
                Duty("report", within=calendar_days(3), fix_by="clerk", label={"en": "The report"}),
                Duty("visit", within=calendar_days(3)),
            ],
        ),
        Stage("closed", owner="desk"),
    ),
    outcomes=(Outcome("revoked", by="chief", label={"en": "Revoked"}), Outcome("done")),
)
EVERYBODY = Actor(id="ann", roles={"desk", "board", "clerk", "chief"})


class Office:
    """An engine, with what it is to tell whom."""

    def __init__(self, *subscriptions: Subscription, process: Process = PERMIT, **given: Any) -> None:
        self.clock = ManualClock()
        self.engine = Engine.open(
            "memory:", processes=[process], subscriptions=list(subscriptions), clock=self.clock, **given
        )

    def start(self, title: str = "A permit") -> Office:
        """Begin."""
        self.engine.start("permit", "p", title=title, by=EVERYBODY)
        return self

    def do(self, act: str, *given: Any, days: int = 0, by: Actor = EVERYBODY, **named: Any) -> Office:
        """Let time pass and do something, which may be refused."""
        self.clock.advance(days=days)
        with suppress(RefusedError):
            getattr(self.engine, act)("p", *given, by=by, **named)
        return self

    def sweep(self, *, days: int) -> Office:
        """Let time pass, and what it brings."""
        self.clock.advance(days=days)
        self.engine.sweep()
        return self

    def grant(self) -> Office:
        """Fulfil what the first gate asks and go through it."""
        form = Document.from_bytes(b"form", kind="form")
        self.do("attach", form).do("approve", role="board").do("record", "fee", 7).do("advance")
        return self

    @property
    def told(self) -> list[Notification]:
        """What is told, in the order of what happened."""
        return sorted((row.notification for row in self.engine.outbox()), key=lambda one: (one.n, one.channel, one.to))

    @property
    def heard(self) -> list[tuple[str, str]]:
        """Who is told of which kind."""
        return [(one.kind, one.to) for one in self.told]


class TestWho:
    """Who is told."""

    def test_roles_addresses_and_whose_turn_it_is(self) -> None:
        """A role is told at its addresses, an address as it is, and with them those whose turn it is."""
        addresses = {"chief": ["c@example.org", "d@example.org"], "desk": "desk@example.org"}
        office = Office(Subscription("mail", role="chief", to="z@example.org", owner=True), addresses=addresses).start()

        assert ["c@example.org", "d@example.org", "desk@example.org", "z@example.org"] == [to for _, to in office.heard]

    def test_a_role_that_is_nobody(self) -> None:
        """Where nobody knows an address, there is one row for the role itself, which can be seen and requeued."""
        office = Office(Subscription("mail", role=["chief", "board"]), addresses={"mail": {"chief": "c@example.org"}})

        assert [("agreement.started", "board"), ("agreement.started", "c@example.org")] == office.start().heard

    def test_an_address_is_told_once(self) -> None:
        """However many subscriptions reach it, an address is told once by a channel, in the language of the first."""
        office = Office(
            Subscription("mail", role=["desk", "chief"], lang="id"),
            Subscription("mail", to=["a@example.org"], owner=True, lang="ja"),
            Subscription("log", to="a@example.org"),
            addresses={"desk": "a@example.org", "chief": "a@example.org"},
        ).start()

        assert [("log", "a@example.org", "en"), ("mail", "a@example.org", "id")] == [
            (one.channel, one.to, one.lang) for one in office.told
        ]

    def test_who_knows_addresses_is_asked_once(self) -> None:
        """Of one event a plugin is asked once for the addresses of a role, however many subscriptions name it."""
        asked: list[tuple[str, str]] = []

        class Book:
            name = "book"

            @hookimpl
            def stagegate_addresses(self, role: str, channel: str) -> list[str]:
                """Know one, and remember who was asked for."""
                asked.append((role, channel))
                return [f"{role}@example.org"]

        named = [Subscription(channel, role="desk") for channel in ("mail", "mail", "log")]
        office = Office(*named, plugins=[Book()]).start()

        assert [("desk", "mail"), ("desk", "log")] == asked
        assert [("agreement.started", "desk@example.org")] * 2 == office.heard

    def test_the_turn_goes_on(self) -> None:
        """Those are told whose turn it is after the event; at the end those whose turn it was."""
        office = Office(Subscription("mail", owner=True)).start().grant().do("end", "revoked")

        assert [("stage.entered", "board"), ("stage.entered", "desk")] == office.heard[-4:-2]
        assert [("agreement.ended", "board"), ("agreement.ended", "desk")] == office.heard[-2:]

    def test_what_is_due_is_told_to_those_who_can_meet_it(self) -> None:
        """Of a duty those hear who owe it, of a vote those who have it, of a requirement those who can mend it."""
        office = Office(Subscription("mail", owner=True, on=["deadline.overdue", "deadline.reminded", "duty.overdue"]))
        office.start().do("attach", Document.from_bytes(b"x", kind="form", valid_until="2020-01-01"))
        office.sweep(days=6).sweep(days=3).sweep(days=3)
        late = [(one.context["deadline"], one.to) for one in office.told]

        assert [
            ("requirement:approval:board", "board"),
            ("requirement:fact:fee", "desk"),
            ("stage:asked", "desk"),
            ("stage:asked", "chief"),
            ("stage:asked", "desk"),
        ] == late

        office = Office(Subscription("mail", owner=True, on=["deadline.overdue", "duty.overdue"])).start()
        office.sweep(days=6)
        assert ("requirement:G1", "clerk") in [(one.context["deadline"], one.to) for one in office.told]
        office.grant().sweep(days=4)
        assert [("duty:report", "clerk"), ("duty:visit", "board"), ("duty:visit", "desk")] == [
            (one.context["deadline"], one.to) for one in office.told[-3:]
        ]


class TestWhen:
    """What narrows a subscription down."""

    @pytest.mark.parametrize(
        "narrowed, kinds",
        [
            ({"on": ["note.added", "vote.cast"]}, ["note.added", "vote.cast"]),
            ({"stage": "granted"}, ["stage.entered"]),
            ({"move": ["approve", "start"]}, ["agreement.started", "vote.cast"]),
            ({"move": "advance"}, ["move.refused", "stage.entered"]),
            ({"move": "advance", "stage": "asked"}, ["move.refused"]),
            ({"on": "move.refused", "stage": "granted"}, []),
            ({"process": ["permit", "id-ksdpl"], "on": "note.added"}, ["note.added"]),
            ({"process": "id-ksdpl"}, []),
            ({"deadline": "stage:asked"}, ["deadline.reminded", "deadline.overdue"]),
            ({"deadline": ["requirement:G1", "stage:asked"], "on": "deadline.reminded"}, ["deadline.reminded"]),
        ],
        ids=str,
    )
    def test_each(self, narrowed: dict[str, Any], kinds: list[str]) -> None:
        """Everything that is said must be so; of several of one sort, one is enough."""
        office = Office(Subscription("mail", to="x", **narrowed)).start().do("advance").do("note", "late")
        office.sweep(days=8).sweep(days=3)
        office.grant()

        assert kinds == list(dict.fromkeys(kind for kind, _ in office.heard))

    def test_nothing_is_told_where_nothing_is_wanted(self) -> None:
        """Without subscriptions there is nobody to ask, and nothing in the outbox."""
        office = Office()

        assert [] == office.start().heard
        assert None is office.engine._teller

    def test_it_is_part_of_the_commit(self) -> None:
        """What is rolled back is told to nobody; what is told stands in the event, and all of it proves."""

        class Spoiler:
            """Let nothing end."""

            @hookimpl
            def stagegate_notify(self, event: Any) -> list[Notification]:
                """Fail, or tell somebody as well."""
                if event.move == "end":
                    raise RuntimeError
                return [Notification(channel="own", kind="own", to="x")]

        office = Office(Subscription("mail", to="x"), plugins=[Spoiler()]).start()
        with pytest.raises(Exception, match="nothing was recorded"):
            office.engine.end("p", "revoked", by=EVERYBODY)
        (event,) = office.engine.history("p")

        assert [("agreement.started", "x"), ("own", "x")] == sorted(office.heard)
        assert ["own", "agreement.started"] == [one["kind"] for one in event.data["notifications"]]
        assert office.engine.verify().ok

    def test_a_repeated_request_tells_nobody_again(self) -> None:
        """What was done already is answered, not told once more."""
        office = Office(Subscription("mail", to="x")).start()
        for _ in range(2):
            office.do("note", "once", request_id="r-1")

        assert ["agreement.started", "note.added"] == [kind for kind, _ in office.heard]


class TestWhat:
    """What is told."""

    def test_labels_are_in_the_language(self) -> None:
        """Stages, roles and processes are called as the reader calls them; by their ids where nobody named them."""
        office = Office(*(Subscription("mail", to=lang, lang=lang) for lang in ("en", "id", "ja")))
        english, indonesian, japanese = (one.context for one in office.start().grant().do("note", "x").told[-3:])

        assert ("granted", "The desk, The board") == (english["stage_label"], english["turn"])
        assert ("Izin", "Meja, The board") == (indonesian["process_label"], indonesian["turn"])
        assert "The desk、委員会" == japanese["turn"]

    def test_stages_have_labels(self) -> None:
        """The stage before is called by its label too."""
        office = Office(Subscription("mail", to="x", lang="id", on="stage.entered")).start().grant()
        context = office.told[0].context

        assert ("asked", "Diminta", "granted") == (context["from_stage"], context["from_label"], context["stage_label"])

    def test_an_agreement_without_a_title(self) -> None:
        """It is called by its id; a very long title is cut."""
        long = Office(Subscription("mail", to="x")).start("t" * 5000)

        assert "p" == Office(Subscription("mail", to="x")).start("").told[0].context["title"]
        assert 1000 == len(long.told[0].context["title"])

    def test_the_day_is_that_of_the_place(self) -> None:
        """A day is told as it was where the process counts its days."""
        office = Office(Subscription("mail", to="x"))
        office.clock.set(office.clock().replace(hour=23))

        assert office.clock().date() + timedelta(days=1) == date.fromisoformat(office.start().told[0].context["at"])

    def test_reasons_of_a_refusal(self) -> None:
        """A refusal brings every reason in the language of the reader, the codes for programs, and who may do it."""
        stranger = Actor(id="eve", roles={"clerk"})
        office = Office(Subscription("mail", to="x", lang="id", on="move.refused")).start().do("advance", by=stranger)
        (context,) = [one.context for one in office.told]

        assert ("document.missing", "approval.nothing", "approval.missing", "fact.missing") == context["codes"]
        assert "The form: dokumen form belum ada" in context["reasons"]
        assert ("advance", "Meja") == (context["move"], context["permitted"])

    @pytest.mark.parametrize("most, left", [(20, ""), (21, "… +1"), (50, "… +30"), (600, "… +580")])
    def test_very_many_reasons(self, most: int, left: str) -> None:
        """Of very many reasons the first are told, and how many more there are, those too that no event could hold."""
        gate = all_of(*(fact(f"f{n}") for n in range(most)))
        many = Process("permit", "1", (Stage("asked", owner="desk", gate=gate), Stage("granted", owner="desk")))
        office = Office(Subscription("mail", to="x", on="move.refused"), process=many).start().do("advance")
        reasons = office.told[0].context["reasons"]

        assert MAX_ITEMS == 20
        assert ["the fact f0 is not recorded", *([left] if left else [])] == [reasons[0], *reasons[MAX_ITEMS:]]

    def test_what_an_error_said_is_not_told(self) -> None:
        """That a rule could not answer is told; what it said of the inside of the machine stays in the history."""

        @requirement(code="broken")
        def broken(attempt: Attempt) -> str:
            """Fail, and say too much."""
            message = "password=hunter2"
            raise ConnectionError(message)

        gate = broken & any_of(fact("f"), broken)
        failing = Process("permit", "1", (Stage("asked", owner="desk", gate=gate), Stage("granted", owner="desk")))
        office = Office(Subscription("mail", to="x", on="move.refused"), process=failing).start().do("advance")
        (context,) = [one.context for one in office.told]

        assert "the requirement broken could not be checked: …" == context["reasons"][0]
        assert "hunter2" not in str(context)
        assert "hunter2" in str(office.engine.history("p")[-1].data)

    def test_nobody_is_named(self) -> None:
        """Roles act, not persons: neither who acted nor a note's text is told."""
        office = (
            Office(Subscription("mail", to="x"))
            .start()
            .grant()
            .do("note", "a secret")
            .do("recuse", "my cousin", role="board")
        )

        assert "vote.recused" in [kind for kind, _ in office.heard]
        for one in office.told:
            assert not {"ann", "a secret", "my cousin"} & set(map(str, one.context.values()))

    @pytest.mark.parametrize(
        "value, reference",
        [
            ("HK.01/2026", "HK.01/2026"),
            (7, "7"),
            (True, ""),
            (["a"], ""),
            ("x" * 2000, "x" * 200 + "…"),
            ("a\r\nBcc: b", "a Bcc: b"),
            ("=?utf-8?q?=0A?=", "= ?utf-8?q?=0A?="),
        ],
    )
    def test_the_reference_is_a_fact(self, value: Any, reference: str) -> None:
        """What the reader knows the matter by is recorded on the agreement; until then it is empty."""
        office = Office(Subscription("mail", to="x", reference="number")).start().do("record", "number", value)

        assert ["", reference] == [one.reference for one in office.told]

    def test_how_long_it_is_worth_telling(self) -> None:
        """The age of the kind goes with it, into the row of the outbox."""
        office = Office(Subscription("mail", to="x", max_age={"note.added": "2 days"})).start().do("note", "x")

        assert [None, timedelta(days=2)] == [one.max_age for one in office.told]
        assert [None, office.clock() + timedelta(days=2)] == [row.expires_at for row in office.engine.outbox()]

    @pytest.mark.parametrize(
        "key, label",
        [
            *(
                ("stage:asked", "Asked for"),
                ("stage:granted", "granted"),
                ("stage:gone", "gone"),
                ("term", "Asked for"),
            ),
            *(("requirement:G1", "The form"), ("requirement:approval:board", "The board")),
            *(("requirement:fact:fee", "fact:fee"), ("requirement:gone", "gone"), ("duty:report", "report")),
        ],
    )
    def test_what_is_due_has_a_name(self, key: str, label: str) -> None:
        """A deadline is called by the label of what is due, or by its id where there is none any more."""
        office = Office().start()

        assert label == _label(key, PERMIT, office.engine.get("p"), "en")

    def test_a_requirement_that_is_late_brings_its_reasons(self) -> None:
        """What is late says what is missing, and a hold that is over why it goes on."""
        office = (
            Office(Subscription("mail", to="x", on=["deadline.overdue", "agreement.resumed"])).start().sweep(days=6)
        )
        office.do("hold", "election").do("resume", reason="it is over")
        told = {one.context.get("deadline", one.kind): one.context for one in office.told}

        assert ("The form: the document form is missing",) == told["requirement:G1"]["reasons"]
        assert ("document.missing",) == told["requirement:G1"]["codes"]
        assert "it is over" == told["agreement.resumed"]["reason"]

    def test_two_requirements_of_one_name(self) -> None:
        """Of two requirements that go by one name, that which has the time is meant."""
        gate = document("b", label="First") & document("b", label="Second", within=calendar_days(2))
        twins = Process("permit", "1", (Stage("asked", owner="desk", gate=gate), Stage("granted", owner="desk")))
        office = Office(Subscription("mail", to="x", on="deadline.overdue"), process=twins).start().sweep(days=4)

        assert ["Second"] == [one.context["deadline_label"] for one in office.told]

    def test_a_duty_has_a_name(self) -> None:
        """A duty is called by its label."""
        office = Office().start().grant()

        assert ("The report", "visit") == tuple(
            _label(key, PERMIT, office.engine.get("p"), "en") for key in ("duty:report", "duty:visit")
        )

    def test_an_end_has_a_name(self) -> None:
        """An outcome is called by its label, or by its id."""
        office = Office(Subscription("mail", to="x", on="agreement.ended")).start()
        office.engine.start("permit", "q", by=EVERYBODY)
        office.do("end", "revoked", "a fault").engine.end("q", "done", by=EVERYBODY)
        ended = {one.agreement: one.context for one in office.told}

        assert ("Revoked", "a fault") == (ended["p"]["outcome_label"], ended["p"]["reason"])
        assert ("done", "reason" in ended["q"]) == (ended["q"]["outcome_label"], False)


def test_nothing_happens_that_is_no_kind() -> None:
    """Every kind of event, and every move, has a kind of its own under which it is told."""
    apart = {"attached", "voted", "moved", "reminded", "overdue"}

    assert {"started", "refused", *_STEPS} == apart | set(_BY_KIND)
    assert set(MOVES) - {"amend"} == set(_BY_MOVE)
    assert {*_BY_KIND.values(), *_BY_MOVE.values()} <= set(KINDS)


class TestNames:
    """Names that no process has are found when an engine is opened."""

    def test_every_name_is_looked_for(self) -> None:
        """All of them are named at once, each with its place and with what there is."""
        wrong = Subscription(
            "mail",
            process="permit",
            role=["desk", "mayor"],
            stage="nowhere",
            move="jump",
            deadline=["term", "stage:asked", "stage:granted"],
        )
        with pytest.raises(DefinitionError) as caught:
            Office(Subscription("mail", to="x"), wrong, Subscription("mail", owner=True, process="nothing"))
        found = dict(caught.value.faults)

        assert [
            *("subscriptions[1].role", "subscriptions[1].stage", "subscriptions[1].move"),
            *("subscriptions[1].deadline", "subscriptions[1].deadline", "subscriptions[2].process"),
        ] == [path for path, _ in caught.value.faults]
        assert (
            "no known version of permit has the role 'mayor'; there are board, chief, clerk, desk;"
            " a role of the host's own stands in the addresses"
        ) == found["subscriptions[1].role"]
        assert "there are asked, closed, granted" in found["subscriptions[1].stage"]
        assert "no known process is 'nothing'" in found["subscriptions[2].process"]

    def test_without_a_process_any_will_do(self) -> None:
        """A name is looked for in every process, the built-in ones among them."""
        Office(Subscription("mail", role="home_affairs_minister", stage="council_approval", deadline="stage:asked"))
        with pytest.raises(DefinitionError, match="no known process has the role 'home_affairs_ministre'"):
            Office(Subscription("mail", role="home_affairs_ministre"))

    def test_where_there_is_none(self) -> None:
        """Where a process has nothing of the kind at all, that is said in a word."""
        plain = Process("plain", "1", (Stage("a", owner="desk", gate=unguarded("x")), Stage("b", owner="desk")))
        with pytest.raises(
            DefinitionError, match="no known version of plain has the deadline 'stage:a'; there are none$"
        ):
            Office(Subscription("mail", to="x", process="plain", deadline="stage:a"), process=plain)

    def test_an_addressee_of_the_hosts_own(self) -> None:
        """A role that stands in the addresses may be told, whatever the processes say, with addresses or without."""
        office = Office(
            Subscription("mail", role=["auditor", "press"]), addresses={"auditor": [], "mail": {"press": "p"}}
        )

        assert [("agreement.started", "auditor"), ("agreement.started", "p")] == office.start().heard

    def test_built_in_processes_are_read_only_where_they_are_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An engine that tells of its own process reads no other."""
        monkeypatch.setattr("stagegate._book.builtin", lambda name: pytest.fail(name))

        Office(Subscription("mail", role="desk", stage="asked", process="permit"))

    def test_moves_that_a_process_knows(self) -> None:
        """What no stage of a process knows is not waited for."""
        bare = Process("bare", "1", (Stage("a", owner="x", gate=unguarded("x")), Stage("b", owner="x")))
        full = Process(
            "full",
            "1",
            (
                Stage("a", owner="x", gate=unguarded("x"), back_to="a"),
                Stage(
                    "b",
                    owner="x",
                    term=calendar_days(9),
                    on_expiry="expired",
                    renewal=Renewal("b"),
                    amend={"d": fact("f")},
                ),
            ),
        )
        moves = (*ACTS, *WHOLE)
        wanted = [("s", Subscription("mail", owner=True, move=moves))]

        assert [] == strangers(wanted, [full], frozenset())
        assert ["send_back", "renew", "amend"] == [
            said.split("'")[1] for _, said in strangers(wanted, [bare], frozenset())
        ]
        assert [] == strangers([("s", Subscription("mail", owner=True, deadline="term"))], [full], frozenset())

    def test_deadlines_of_a_built_in_process(self) -> None:
        """The keys under which deadlines run are known."""
        process = builtin("id-ksdpl")
        keys = ["stage:council_approval", "term", "duty:G21"]

        assert [] == strangers([("s", Subscription("mail", owner=True, deadline=keys))], [process], frozenset())


class TestOpening:
    """What an engine takes."""

    def test_files_and_values(self, tmp_path: Path) -> None:
        """Files and values stand side by side; addresses of files and of the argument are told together."""
        file = tmp_path / "telling.toml"
        file.write_text(
            '[[subscription]]\nchannel = "mail"\nrole = "desk"\n[addresses]\ndesk = "a@example.org"\n', encoding="utf-8"
        )
        office = Office(file, Subscription("log", role="desk"), addresses={"desk": "b@example.org"})  # type: ignore[arg-type]

        assert [
            *(("log", "a@example.org"), ("log", "b@example.org")),
            *(("mail", "a@example.org"), ("mail", "b@example.org")),
        ] == [(one.channel, one.to) for one in office.start().told]

    def test_a_wrong_name_in_a_file_is_named_with_it(self, tmp_path: Path) -> None:
        """A name that no process has is found where it stands."""
        file = tmp_path / "telling.toml"
        file.write_text('[[subscription]]\nchannel = "mail"\nrole = "desk"\nstage = "x"\n', encoding="utf-8")
        with pytest.raises(DefinitionError, match=r"telling\.toml: subscription\[0\]\.stage: no known process"):
            Office(file)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "given, message",
        [
            ({"subscriptions": "telling.toml"}, r"subscriptions: a list is needed, such as \['telling\.toml'\]"),
            ({"subscriptions": Subscription("mail", owner=True)}, "subscriptions: a list is needed"),
            ({"subscriptions": {"subscription": []}}, "subscriptions: a list is needed"),
            ({"subscriptions": [3]}, "a path, a text or a table is needed, not 3"),
            ({"addresses": ["a"]}, "addresses: a table of addresses by role is needed"),
            ({"addresses": {"desk": [" a"]}}, r"addresses\.desk\[0\]: ' a' is no address"),
        ],
        ids=str,
    )
    def test_another_kind_of_thing(self, given: dict[str, Any], message: str) -> None:
        """What cannot be taken is said in a sentence, and nothing stays open."""
        with pytest.raises((InvalidValue, DefinitionError), match=message):
            Engine.open("memory:", processes=[PERMIT], **given)

    def test_in_the_transaction_of_a_host_the_same_is_told(self) -> None:
        """An engine that joins a host keeps what it was opened with."""
        office = Office(Subscription("mail", to="x"))
        joined = office.engine
        joined._join(joined._store)

        assert [("agreement.started", "x")] == office.start().heard
