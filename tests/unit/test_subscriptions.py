from __future__ import annotations

import json
import math
import pickle
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stagegate import DefinitionError, Subscription, load_subscriptions
from stagegate._kinds import KINDS, TIMED
from stagegate._subscriptions import Addresses, read_subscriptions

FILE = """
[[subscription]]
channel = "mail"
role = ["council", "governor"]
process = "id-ksdpl"
stage = "council_approval"
move = ["advance", "send_back"]
on = ["stage.entered", "deadline.reminded"]
lang = "id"
reference = "file_number"
max_age = { "stage.entered" = "2 days", "deadline.reminded" = 3600 }

[[subscription]]
channel = "log"
to = "archive"
deadline = "term"

[addresses]
council = "council@example.org"

[addresses.mail]
governor = ["g@example.org", "h@example.org"]
"""


def faults(call: Any, *arguments: Any, **given: Any) -> dict[str, str]:
    """Return what is wrong, by path."""
    with pytest.raises(DefinitionError) as caught:
        call(*arguments, **given)
    return dict(caught.value.faults)


class TestValues:
    """Who is told of what, as a value."""

    def test_one_stands_for_a_list(self) -> None:
        """One role, stage or kind may stand by itself; of what stands twice, one is left."""
        one = Subscription("mail", role="council", stage="a", on="stage.entered", to=["x@y", "x@y"])

        assert (("council",), ("a",), ("stage.entered",), ("x@y",)) == (one.role, one.stage, one.on, one.to)
        assert one == Subscription("mail", role=["council"], stage=("a",), on=["stage.entered"], to={"x@y"})

    def test_what_is_left_out_is_any(self) -> None:
        """Only the channel and somebody to tell are needed."""
        one = Subscription("log", owner=True)

        assert ((), (), (), (), (), "en", "", None) == (
            *(one.process, one.stage, one.move, one.on, one.deadline),
            *(one.lang, one.reference, one.max_age),
        )

    def test_it_is_frozen_and_travels(self) -> None:
        """It cannot be changed, hashes, and comes back from a pickle as it was."""
        one = Subscription("mail", owner=True, max_age={"stage.entered": 60})

        assert one == pickle.loads(pickle.dumps(one))
        assert {one} == {Subscription("mail", owner=True, max_age={"stage.entered": timedelta(minutes=1)})}
        with pytest.raises(AttributeError):
            one.owner = False  # type: ignore[misc]

    @pytest.mark.parametrize(
        "age, seconds",
        [
            *((None, None), (60, 60), (timedelta(hours=1), 3600), ("30 minutes", 1800), ("1 hour", 3600)),
            *(("2 days", 172_800), ("1 week", 604_800)),
        ],
    )
    def test_how_long_it_is_worth_telling(self, age: Any, seconds: int | None) -> None:
        """An age is a number of seconds, a timedelta, or words; it holds for every kind, or for those it is given for."""
        wanted = None if seconds is None else timedelta(seconds=seconds)
        every = Subscription("mail", owner=True, max_age=age)
        some = Subscription("mail", owner=True, max_age={"note.added": age})

        assert [wanted, wanted] == [every.age("note.added"), some.age("note.added")]
        assert None is some.age("stage.entered")

    @pytest.mark.parametrize("age", ["999999 weeks", "5218 weeks", math.inf, math.nan, timedelta.max, 10**30])
    def test_nothing_is_worth_telling_for_ages(self, age: Any) -> None:
        """An age that ends behind every date that can be written is refused when it is read, and not at each move."""
        found = faults(Subscription, "mail", owner=True, max_age=age)

        assert ["max_age"] == list(found)
        assert "from one to a hundred years" in found["max_age"]

    def test_all_faults_at_once(self) -> None:
        """Everything that is wrong is said together, each under its own name."""
        found = faults(
            Subscription,
            "a channel",
            role=["fine", "not fine", 3],
            to="two\nlines",
            owner="yes",
            process=7,
            stage={"a": "b"},
            move=[""],
            on=["stage.left", [], "note.added"],
            deadline=["x" * 3000],
            lang="klingon",
            reference="a b",
            max_age={"stage.left": 1, "note.added": "soon", "stage.entered": 0},
        )

        assert [
            *("channel", "role[1]", "role[2]", "to", "owner", "process", "stage", "move[0]", "on[0]", "on[1]"),
            *("deadline[0]", "lang", "reference"),
            *('max_age."stage.left"', 'max_age."note.added"', 'max_age."stage.entered"'),
        ] == list(found)
        assert "'stage.left'" in found["on[0]"]
        assert "agreement.started, stage.entered" in found["on[0]"]
        assert "'2 days' or '12 hours'" in found['max_age."note.added"']

    @pytest.mark.parametrize("address", ["", " a", "a ", "a\tb", "a\0b", "a\u2028b", "\ud800", "a" * 2001, 3, None])
    def test_addresses_are_one_line(self, address: Any) -> None:
        """An address is one line of printable characters, so that it cannot bring a header of its own."""
        assert ["to[0]"] == list(faults(Subscription, "mail", to=[address]))

    def test_somebody_has_to_be_told(self) -> None:
        """Who tells nobody is a mistake; not said a second time where the recipients cannot be read."""
        assert {"": "it tells nobody; name a role, an address under `to`, or say owner = true"} == faults(
            Subscription, "mail", to=[], on="note.added"
        )
        assert ["role"] == list(faults(Subscription, "mail", role=3))

    def test_a_deadline_goes_with_kinds_that_have_one(self) -> None:
        """Beside a deadline, a kind that is about none would never be told."""
        found = faults(Subscription, "mail", owner=True, deadline="term", on=["term.reminded", "note.added"])

        assert {"on": "note.added is not about a deadline, so it is never told beside `deadline`"} == found
        assert sorted(TIMED) == sorted(
            kind for kind in KINDS if kind.partition(".")[2] in {"reminded", "overdue", "lapsed", "silent", "reckoned"}
        )


class TestFiles:
    """The same from TOML and JSON."""

    def test_a_file(self, tmp_path: Path) -> None:
        """A file says what the arguments say."""
        file = tmp_path / "telling.toml"
        file.write_text(FILE, encoding="utf-8")

        assert (
            Subscription(
                "mail",
                role=["council", "governor"],
                process="id-ksdpl",
                stage="council_approval",
                move=["advance", "send_back"],
                on=["stage.entered", "deadline.reminded"],
                lang="id",
                reference="file_number",
                max_age={"stage.entered": timedelta(days=2), "deadline.reminded": 3600},
            ),
            Subscription("log", to="archive", deadline="term"),
        ) == load_subscriptions(file)

    def test_a_text_a_table_and_json_say_the_same(self) -> None:
        """It does not matter how it is written."""
        table = {"subscription": [{"channel": "log", "owner": True}], "addresses": {"boss": "a"}}
        toml = '[[subscription]]\nchannel = "log"\nowner = true\n[addresses]\nboss = "a"'
        read = [read_subscriptions(source) for source in (table, toml, json.dumps(table))]

        assert [((Subscription("log", owner=True),), Addresses.of({"boss": "a"}), None)] * 3 == read

    def test_all_faults_of_a_file(self, tmp_path: Path) -> None:
        """Every fault of every row and address is named, with its path and the file."""
        file = tmp_path / "telling.toml"
        file.write_text(
            """
extra = 1
[[subscription]]
channel = "mail"
rolle = "x"
on = ["nothing"]
[[subscription]]
owner = true
[addresses]
council = ["a", " b", 3]
"ein rat" = "x"
[addresses.mail]
council = 7
[addresses."a channel"]
council = "x"
""",
            encoding="utf-8",
        )
        with pytest.raises(DefinitionError) as caught:
            load_subscriptions(file)

        assert str(file) == caught.value.source
        assert [
            "extra",
            "subscription[0].rolle",
            "subscription[0].on[0]",
            "subscription[0]",
            "subscription[1].channel",
            "addresses.council[1]",
            "addresses.council[2]",
            "addresses.ein rat",
            "addresses.mail.council",
            "addresses.a channel",
        ] == [path for path, _ in caught.value.faults]

    @pytest.mark.parametrize(
        "table, path",
        [
            ({"subscription": {"channel": "mail"}}, "subscription"),
            ({"subscription": ["mail"]}, "subscription[0]"),
            ({"addresses": ["a"]}, "addresses"),
            ("[1]", ""),
        ],
        ids=["no list", "no table", "no addresses", "no file"],
    )
    def test_another_shape(self, table: Any, path: str, tmp_path: Path) -> None:
        """What is no list of tables is refused in a sentence."""
        if isinstance(table, str):
            (tmp_path / "telling.json").write_text(table, encoding="utf-8")
            table = tmp_path / "telling.json"
        found = faults(load_subscriptions, table)

        assert [path] == list(found)
        assert "needed" in found[path]


class TestAddresses:
    """Who a role is."""

    @pytest.mark.parametrize(
        "role, channel, wanted",
        [
            *(("council", "log", ("a",)), ("council", "mail", ("m", "n")), ("governor", "mail", ("g",))),
            *(("governor", "log", ()), ("auditor", "mail", ()), ("nobody", "mail", ())),
        ],
    )
    def test_a_channel_goes_before_any(self, role: str, channel: str, wanted: tuple[str, ...]) -> None:
        """The addresses for a channel are taken, or where there are none those for any; or nothing is known."""
        book = Addresses.of({"council": "a", "auditor": [], "mail": {"council": ["m", "n"], "governor": "g"}})

        assert wanted == book.find(role, channel)
        assert {"council", "governor", "auditor"} == book.roles

    def test_two_books_are_one(self) -> None:
        """What two books say of a role is told together."""
        book = Addresses.of({"council": "a", "mail": {"council": "m"}}) + Addresses.of(
            {"council": "b", "x": {"c": "d"}}
        )

        assert (("a", "b"), ("m",), ("d",)) == (
            book.find("council", "log"),
            book.find("council", "mail"),
            book.find("c", "x"),
        )

    @pytest.mark.parametrize("value", [None, 3, ["a"], "a"])
    def test_it_is_a_table(self, value: Any) -> None:
        """Anything else is refused."""
        assert [""] == list(faults(Addresses.of, value))


def test_a_row_is_a_table() -> None:
    """What is no table is no subscription."""
    row: Mapping[str, Any] = ["mail"]  # type: ignore[assignment]

    assert [""] == list(faults(Subscription.from_data, row))
