"""`migrate`, and what a migrated agreement looks like to the other commands."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .test_output import on_terminal, unstyled

MAYOR = ("--as", "tri", "--role", "mayor")
COUNCIL = ("--as", "secretary", "--role", "council")
STRANGER = ("--as", "stranger", "--role", "press")
SPLIT = ("--map", "council=hearing")

LATER = """
id = "city"
version = "2"
zone = "Asia/Jakarta"

[roles]
mayor = { en = "Mayor", id = "Wali Kota", ja = "市長" }
council = { en = "Council", id = "DPRD", ja = "議会" }

[[stages]]
id = "exploration"
owner = "mayor"
gate = { document = "report" }

[[stages]]
id = "hearing"
owner = "council"
label = { en = "Public hearing", id = "Dengar pendapat", ja = "公聴会" }
gate = { document = "minutes" }

[[stages]]
id = "decision"
owner = "council"
label = { en = "Decision", id = "Keputusan", ja = "議決" }
gate = { fact = "decided" }

[[stages]]
id = "implementation"
owner = "mayor"
"""


def rows(printed: str) -> list[list[str]]:
    """Return the columns of every line."""
    return [line.split("\t") for line in printed.splitlines()]


class Offices:
    """Runs `migrate` with the later definition alone, on agreements that run under the one before."""

    def __init__(self, shell: Any, folder: Path) -> None:
        """Have one agreement at the first stage, and one before the council, which has voted."""
        self.shell = shell
        self.file = folder / "city-2.toml"
        self.file.write_text(LATER, encoding="utf-8")
        shell.start("a")
        shell.approved("b")

    def __call__(self, *args: str, code: int = 0) -> str:
        """Run `migrate` and return what it printed."""
        result = self.shell("--process", str(self.file), "migrate", *args, process=False)

        assert code == result.exit_code, result.output
        said: str = result.stdout if code < 2 else result.stderr
        return said


@pytest.fixture
def migrate(shell: Any, folder: Path) -> Offices:
    """Return what runs `migrate`."""
    return Offices(shell, folder)


class TestDryRun:
    """What it would do."""

    def test_lines(self, migrate: Offices) -> None:
        """A pipe gets the numbers, and a line for everything there is to know of each agreement."""
        said = migrate("--dry-run", *MAYOR, *SPLIT, code=1)
        numbers = {row[0]: row[1] for row in rows(said) if row[0] != "row"}

        assert {"agreements": "2", "fits": "2", "newly_blocked": "1", "stranded": "0"} == {
            key: numbers[key] for key in numbers if key != "process"
        }
        assert numbers["process"].startswith("city 2 (")
        assert [
            ["row", "a", "1", "exploration", "exploration", "fits", "", ""],
            ["row", "b", "1", "council", "hearing", "not_permitted", "council", ""],
            ["row", "b", "1", "council", "hearing", "newly_blocked", "the document minutes is missing", "council"],
            ["row", "b", "1", "council", "hearing", "voided", "council: secretary", ""],
        ] == [row for row in rows(said) if row[0] == "row"]

    def test_changes_nothing(self, migrate: Offices, folder: Path) -> None:
        """Not a byte of the database changes."""
        before = (folder / "stagegate.db").read_bytes()
        migrate("--dry-run", *MAYOR, code=1)

        assert before == (folder / "stagegate.db").read_bytes()

    def test_stranded(self, migrate: Offices) -> None:
        """What has no place is told with the reason, and the command leaves with 1."""
        lines = [row for row in rows(migrate("--dry-run", *MAYOR, code=1)) if row[:2] == ["row", "b"]]

        assert [["row", "b", "1", "council", "", "stranded"]] == [line[:6] for line in lines]
        assert "the stage council has no place in city 2" in lines[0][6]

    def test_json(self, migrate: Offices) -> None:
        """As JSON every row has every key."""
        data = json.loads(migrate("--dry-run", "--json", *COUNCIL, *SPLIT, code=1))
        first, second = data["rows"]

        assert ("city", "2", True, 2, 2, 1, 0) == (
            data["to"]["id"],
            data["to"]["version"],
            data["dry_run"],
            data["agreements"],
            data["fits"],
            data["newly_blocked"],
            data["stranded"],
        )
        assert (False, ["mayor"], None, None) == (
            first["permitted"],
            first["roles"],
            first["migrated"],
            first["left"],
        )
        assert ("council", "hearing", {"council": "hearing"}, True, ["document.missing"], ["council"]) == (
            second["stage"],
            second["to_stage"],
            second["mapping"],
            second["fits"],
            [reason["code"] for reason in second["newly_blocked"]],
            [vote["role"] for vote in second["voided"]],
        )
        assert ([], [], [], "1") == (
            second["stranded"],
            second["overdue"],
            second["passed_over"],
            second["was"]["version"],
        )

    def test_one_agreement(self, migrate: Offices) -> None:
        """Of one agreement it tells only that."""
        said = rows(migrate("a", "--dry-run", *MAYOR))

        assert [["row", "a"]] == [row[:2] for row in said if row[0] == "row"]

    def test_in_a_language(self, migrate: Offices, shell: Any) -> None:
        """Reasons are told in the language that was asked for."""
        assert "dokumen minutes belum ada" in migrate("--dry-run", "--lang", "id", *COUNCIL, *SPLIT, code=1)

    def test_overdue_and_passed_over(self, migrate: Offices, shell: Any, folder: Path) -> None:
        """What would be overdue at once, and the stages it would have passed over, are told."""
        third = LATER.replace('version = "2"', 'version = "3"').replace(
            '[[stages]]\nid = "exploration"',
            '[[stages]]\nid = "idea"\nowner = "mayor"\ngate = { unguarded = "an idea" }\n\n[[stages]]\nid = "exploration"\n'
            'within = { calendar_days = 3, since = "report.dated" }',
        )
        migrate.file.write_text(third, encoding="utf-8")
        paper = folder / "old.pdf"
        paper.write_bytes(b"old")
        shell.done("attach", "a", str(paper), "--kind", "report", "--dated", "2020-01-02", *MAYOR)
        states = [row[5:7] for row in rows(migrate("a", "--dry-run", *MAYOR)) if row[0] == "row"]

        assert [["fits", ""], ["overdue", "exploration"], ["passed_over", "idea"]] == states


class TestMigrate:
    """Doing it."""

    def test_all_that_fit(self, migrate: Offices, shell: Any) -> None:
        """All that fit and are for this person are migrated, and what was left is told with why."""
        said = migrate(*MAYOR, *SPLIT, "--reason", "a new law", code=1)
        numbers = {row[0]: row[1] for row in rows(said) if row[0] != "row"}
        states = [(row[1], *row[5:7]) for row in rows(said) if row[0] == "row"]

        assert ("1", "1") == (numbers["migrated"], numbers["left"])
        assert ("a", "migrated", "") in states
        assert ("b", "left", "that is for council") in states
        assert "b" not in [row[1] for row in rows(said) if row[0] == "row" and row[5] == "migrated"]
        again = migrate(*COUNCIL, *SPLIT)
        assert [["row", "b", "1", "council", "hearing", "migrated", "", ""]] == [
            row for row in rows(again) if row[5:6] == ["migrated"]
        ]
        assert "agreements\t0\n" in migrate(*COUNCIL)
        assert "ok\tyes\n" in shell("verify", process=False).stdout

    def test_json(self, migrate: Offices) -> None:
        """As JSON each row says whether it was migrated, and why not."""
        data = json.loads(migrate("--json", *MAYOR, code=1))

        assert (False, 1, 1) == (data["dry_run"], data["migrated"], data["left"])
        assert [(True, None), (False, data["rows"][1]["stranded"][0]["text"])] == [
            (row["migrated"], row["left"]) for row in data["rows"]
        ]

    def test_stranded_ones_are_left(self, migrate: Offices) -> None:
        """Those that have no place are left, with the reason, once."""
        lines = [row for row in rows(migrate(*MAYOR, code=1)) if row[:2] == ["row", "b"]]

        assert [["left"]] == [line[5:6] for line in lines]

    def test_one(self, migrate: Offices, shell: Any) -> None:
        """One agreement is migrated as every other change is made, with its options and its answer."""
        said = migrate("b", *COUNCIL, *SPLIT, "--request-id", "once", "--reason", "a new law")

        assert said == migrate("b", *COUNCIL, *SPLIT, "--request-id", "once", "--reason", "a new law")
        assert {"agreement": "b", "stage": "hearing", "owner": "council", "voided": "council: secretary (event 5)"} == {
            row[0]: row[1] for row in rows(said) if row[0] != "version"
        }

    def test_one_is_refused(self, migrate: Offices) -> None:
        """One that has no place is refused, with every reason; a stranger is told who may."""
        migrate("b", *COUNCIL, code=1)
        result = migrate.shell("--process", str(migrate.file), "migrate", "b", *STRANGER, *SPLIT, process=False)

        assert (1, "") == (result.exit_code, result.stdout)
        assert "stranger may not migrate; that is for Council (council)" in result.stderr

    def test_seen_version(self, migrate: Offices) -> None:
        """Who has seen another version changes nothing."""
        result = migrate.shell(
            "--process", str(migrate.file), "migrate", "b", "--expect", "1", *COUNCIL, *SPLIT, process=False
        )

        assert (1, True) == (result.exit_code, "you acted on version 1" in result.stderr)

    def test_versions(self, migrate: Offices, shell: Any) -> None:
        """Which version to go from and to can be said; both may be known at once."""
        result = shell(
            "--process", str(migrate.file), "migrate", "--dry-run", "--from", "1", "--to", "2", *COUNCIL, *SPLIT
        )
        back = shell("--process", str(migrate.file), "migrate", "--dry-run", "--from", "2", "--to", "1", *COUNCIL)

        assert "agreements\t2\n" in result.stdout
        assert "agreements\t0\n" in back.stdout

    @pytest.mark.parametrize(
        "args, said",
        [
            (("a", "--from", "1"), "--from says which agreements are meant"),
            (("--request-id", "r"), "--request-id and --expect are for one AGREEMENT"),
            (("--expect", "1"), "--request-id and --expect are for one AGREEMENT"),
            (("--map", "council"), "is no pair; write old=new"),
            (("--map", "=hearing"), "is no pair; write old=new"),
            (("--map", "council= "), "is no pair; write old=new"),
            (("--map", "council=hearing", "--map", "council=decision"), "--map: council is given twice"),
            (("--map", "nothing=hearing"), "has no stage 'nothing' to map from"),
            (("--map", "council=nothing"), "has no stage 'nothing' to map to"),
            (("--to", "9"), "there is no process 'city' of version '9'"),
            (("--of", "nothing"), "there is no process 'nothing'"),
            (("nobody",), "there is no agreement 'nobody'"),
        ],
    )
    def test_wrong_usage(self, migrate: Offices, args: tuple[str, ...], said: str) -> None:
        """What does not go together, or is not there, is said in one sentence."""
        assert said in migrate(*args, *MAYOR, code=2)

    def test_which_process(self, migrate: Offices, shell: Any, folder: Path) -> None:
        """Where agreements run under several processes, it has to be said which is meant."""
        other = folder / "other.toml"
        other.write_text(LATER.replace('id = "city"', 'id = "other"'), encoding="utf-8")
        shell("--process", str(other), "start", "other", "c", *MAYOR)

        assert "with --of; agreements run under: city, other" in migrate("--dry-run", *MAYOR, code=2)
        assert "agreements\t2\n" in migrate("--dry-run", "--of", "city", *MAYOR, code=1)

    def test_nothing_runs(self, migrate: Offices, shell: Any) -> None:
        """Where nothing runs, that is said."""
        shell.done("end", "a", "withdrawn", *MAYOR)
        shell.done("end", "b", "withdrawn", *COUNCIL)

        assert "agreements run under: none" in migrate("--dry-run", *MAYOR, code=2)

    def test_somebody_was_faster(self, migrate: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
        """An agreement that has changed since it was looked at is left, and the others go on."""
        from stagegate import Actor, Engine

        plan_migration = Engine.plan_migration

        def slowly(self: Engine, *args: Any, **kwargs: Any) -> Any:
            plan = plan_migration(self, *args, **kwargs)
            self.note("a", "meanwhile", by=Actor(id="tri", roles={"mayor"}))
            return plan

        monkeypatch.setattr(Engine, "plan_migration", slowly)
        both = (*MAYOR, "--role", "council")
        lines = [row for row in rows(migrate(*both, *SPLIT, code=1)) if row[0] == "row"]

        assert {"a": "left", "b": "migrated"} == {row[1]: row[5] for row in lines if row[5] in {"left", "migrated"}}
        assert any("you acted on version 1" in row[6] for row in lines)

    def test_definition_that_is_lost(self, migrate: Offices) -> None:
        """Where the definition of one is nowhere, that is the reason why it is left."""
        with closing(sqlite3.connect("stagegate.db")) as raw, raw:
            raw.execute("DROP TRIGGER definition_is_never_deleted")
            raw.execute("DELETE FROM definition")

        assert "cannot be read" in migrate("--dry-run", *MAYOR, code=1)


class TestAfterwards:
    """A migrated agreement in the other commands."""

    @pytest.fixture(autouse=True)
    def _migrated(self, migrate: Offices) -> None:
        """Migrate the one before the council."""
        migrate("b", *COUNCIL, *SPLIT, "--reason", "a new law")

    def test_history(self, shell: Any) -> None:
        """The history says from which definition to which, and what was voided."""
        last = rows(shell("history", "b", process=False).stdout)[-1]

        assert ["migrated", "migrate", "council", "hearing"] == last[4:8]
        assert "city 1 → city 2: a new law; voided: council by secretary (event 5)" == last[8]

    def test_history_in_the_words_of_then(self, shell: Any) -> None:
        """On a terminal every stage is called as the definition called it that the event ran under."""
        shown = on_terminal(shell, "history", "b")

        assert "Council approval" in shown
        assert "Public hearing" in shown

    def test_plan_on_a_terminal(self, shell: Any) -> None:
        """On a terminal stages and roles are called by their labels, each as its own definition calls it."""
        args = ("--process", "city.toml", "migrate", "--to", "1", "--map", "hearing=council")
        shown = unstyled(on_terminal(shell, *args, "--dry-run", "--lang", "id", *MAYOR))

        assert re.search(r"│ b +│ 2 +│ Dengar pendapat +│ Persetujuan DPRD +│ tidak berwenang +│ DPRD +│", shown)
        assert "│ keadaan " in re.sub("[┃│]", "│", shown)

    def test_event_of_a_lost_definition(self, shell: Any) -> None:
        """Where the definition of then is lost, ids have to do."""
        with closing(sqlite3.connect("stagegate.db")) as raw, raw:
            raw.execute("DROP TRIGGER definition_is_never_deleted")
            raw.execute("DELETE FROM definition")

        assert "migrated" == rows(shell("history", "b", process=False).stdout)[-1][4]

    def test_diagram(self, shell: Any) -> None:
        """The picture is that of the new definition, with the ways that were gone under their new names."""
        drawn = shell("diagram", "b", process=False).stdout

        assert "Public hearing" in drawn
        assert "==>" in drawn

    def test_show(self, shell: Any) -> None:
        """It stands at the new stage, and lacks what the new gate asks."""
        data = json.loads(shell("show", "b", "--json", process=False).stdout)

        assert ("Public hearing", "2", ["minutes"]) == (
            data["stage_label"],
            data["process"]["version"],
            [reason["params"]["document"] for reason in data["advance"]["unmet"]],
        )
