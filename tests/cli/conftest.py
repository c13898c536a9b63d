"""The command line, run within the test or as a program of its own, in an empty folder with one small definition."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from stagegate.cli._commands import stagegate

PROGRAM = Path(sysconfig.get_path("scripts")) / "stagegate"

DEFINITION = """
id = "city"
version = "1"
zone = "Asia/Jakarta"
basis = "City rule"
provenance = "law"
label = { en = "City cooperation", id = "Kerja sama kota", ja = "都市間協力" }

[roles]
mayor = { en = "Mayor", id = "Wali Kota", ja = "市長" }
council = { en = "Council", id = "DPRD", ja = "議会" }

[[stages]]
id = "exploration"
owner = "mayor"
label = { en = "Exploration", id = "Penjajakan", ja = "予備協議" }
basis = "Rule 1"
provenance = "law"
gate = { all = [
    { document = "report", basis = "Rule 1(2)", provenance = "law" },
    { fact = "cost", at_most = 100, basis = "Rule 9", provenance = "practice", fix_by = ["council"] },
] }

[[stages]]
id = "council"
owner = "council"
label = { en = "Council approval", id = "Persetujuan DPRD", ja = "議会承認" }
back_to = ["exploration"]
may = { advance = ["mayor"] }
gate = { approval = "council", of = ["report"], quorum = "1/2" }

[[stages]]
id = "audit"
owner = "mayor"
when = { fact = "cost", above = 50 }
gate = { document = "audit", soft = true }

[[stages]]
id = "implementation"
owner = "mayor"
"""

TIE = """
id = "tie"
version = "1"
zone = "Asia/Jakarta"
calendar = "town"
label = { en = "Tie", id = "Jalinan", ja = "提携" }

[roles]
mayor = { en = "Mayor", id = "Wali Kota", ja = "市長" }
council = { en = "Council", id = "DPRD", ja = "議会" }
office = { en = "Office", id = "Kantor", ja = "事務局" }

[[stages]]
id = "request"
owner = "mayor"
label = { en = "Request", id = "Permohonan", ja = "申請" }
gate = { document = "letter" }

[[stages]]
id = "council"
owner = "council"
label = { en = "Council approval", id = "Persetujuan DPRD", ja = "議会承認" }
basis = "Rule 30"
provenance = "law"
back_to = ["request"]
may = { hold = ["mayor"], recompute = ["mayor"] }
within = { workdays = 5, since = "letter.received_on" }
remind = ["2 workdays"]
on_timeout = "escalate:mayor"
gate = { all = [
    { approval = "council", of = ["letter"], basis = "Rule 31" },
    { approval = "office", within = { calendar_days = 3 }, silence = "approves", basis = "Rule 32" },
] }

[[stages]]
id = "running"
owner = "mayor"
label = { en = "Running", id = "Berjalan", ja = "実施" }
basis = "Rule 40"
may = { hold = ["council"], recompute = ["mayor"] }
term = { until = "treaty.valid_until" }
on_expiry = "over"
renewal = { to = ["running", "request"], window = { months = 6 }, gate = { document = "renewal", basis = "Rule 41" }, term = { until = "renewal.valid_until" }, basis = "Rule 42" }
amend = { treaty = { approval = "council", basis = "Rule 43" } }
duties = [
    { id = "report", every = { months = 12 }, remind = ["1 month"], label = { en = "Yearly report", id = "Laporan tahunan", ja = "年次報告" }, basis = "Rule 44" },
    { id = "opening", gate = { fact = "opened" }, within = { months = 3 }, fix_by = ["office"] },
]

[[outcomes]]
id = "over"
label = { en = "Over", id = "Selesai", ja = "終了" }
by = "law"
stages = ["running"]
"""

TOWN = """
id = "town"
version = "1"
[holidays]
"2025-01-09" = "Town day"
"""

MAYOR = ("--as", "tri", "--role", "mayor")
COUNCIL = ("--as", "secretary", "--role", "council")


@attrs.define
class Shell:
    """Runs command lines on one definition and one database."""

    folder: Path
    definition: Path
    program_path: Path = PROGRAM
    calendar: Path | None = None

    @property
    def given(self) -> list[str]:
        """The options that name the definition and its calendar."""
        calendar = [] if self.calendar is None else ["--calendar", str(self.calendar)]
        return ["--process", str(self.definition), *calendar]

    def __call__(self, *args: str, process: bool = True) -> Result:
        """Run a command line within the test."""
        return CliRunner().invoke(stagegate, [*(self.given if process else []), *args])

    def done(self, *args: str) -> str:
        """Run a command line that has to succeed and say nothing on the side; return what it printed."""
        result = self(*args)

        assert (0, "") == (result.exit_code, result.stderr), result.output
        return result.stdout

    def data(self, *args: str) -> Any:
        """Run a command line that has to succeed, with `--json`; return what it answered."""
        return json.loads(self.done(*args, "--json"))

    def program(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command line as a program of its own."""
        given: dict[str, Any] = {"cwd": self.folder, "encoding": "utf-8", "timeout": 60, "stderr": subprocess.PIPE}
        return subprocess.run([PROGRAM, *args], check=False, **({"stdout": subprocess.PIPE} | given | options))

    def start(self, agreement: str = "bekasi") -> None:
        """Start an agreement."""
        self.done("start", "city", agreement, "--title", "Bekasi – Izumisano", *MAYOR)

    def ready(self, agreement: str = "bekasi", cost: str = "40") -> None:
        """Start an agreement and bring what its first gate asks for."""
        self.start(agreement)
        paper = self.folder / "report.pdf"
        paper.write_bytes(b"a report")
        self.done("attach", agreement, str(paper), "--kind", "report", *MAYOR)
        self.done("record", agreement, "cost", cost, *MAYOR)

    def at_council(self, agreement: str = "bekasi", cost: str = "40") -> None:
        """Bring an agreement before the council."""
        self.ready(agreement, cost)
        self.done("advance", agreement, *MAYOR)

    def approved(self, agreement: str = "bekasi", cost: str = "40") -> None:
        """Bring an agreement before the council, and let it approve."""
        self.at_council(agreement, cost)
        result = [part for count in ("members=50", "present=40", "in_favour=30") for part in ("--result", count)]
        self.done("approve", agreement, *result, *COUNCIL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that the test runs in, with no wishes of the environment's."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("STAGEGATE_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def shell(folder: Path) -> Shell:
    """Return what runs command lines."""
    definition = folder / "city.toml"
    definition.write_text(DEFINITION, encoding="utf-8")
    return Shell(folder, definition)


@attrs.define
class Tie(Shell):
    """Runs command lines on a definition with clocks: a time limit, silence, a term, renewal, amendment, duties."""

    def asked(self, agreement: str = "tie") -> None:
        """Bring one before the council, whose time ends on 15 January 2025: the ninth is no working day there."""
        Path("letter.pdf").write_bytes(b"a letter")
        self.done("start", "tie", agreement, "--at", "2025-01-06T09:00+07:00", *MAYOR)
        paper = ("letter.pdf", "--kind", "letter", "--received-on", "2025-01-07")
        self.done("attach", agreement, *paper, "--at", "2025-01-07T09:00+07:00", *MAYOR)
        self.done("advance", agreement, "--at", "2025-01-08T09:00+07:00", *MAYOR)

    def signed(self, agreement: str = "tie", until: str = "2099-12-31") -> None:
        """Bring one to where it runs, from 10 January 2025 on."""
        self.asked(agreement)
        Path("treaty.pdf").write_bytes(b"a treaty")
        paper = ("treaty.pdf", "--kind", "treaty", "--valid-until", until)
        at = ("--at", "2025-01-10T09:00+07:00")
        self.done("attach", agreement, *paper, *at, *MAYOR)
        for role in ("council", "office"):
            self.done("approve", agreement, *at, "--as", f"{role}-clerk", "--role", role)
        self.done("advance", agreement, *at, "--as", "secretary", "--role", "council")


@pytest.fixture
def tie(folder: Path) -> Tie:
    """Return what runs command lines on a definition with clocks."""
    definition, calendar = folder / "tie.toml", folder / "town.toml"
    definition.write_text(TIE, encoding="utf-8")
    calendar.write_text(TOWN, encoding="utf-8")
    return Tie(folder, definition, calendar=calendar)
