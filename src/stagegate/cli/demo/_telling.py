"""How the demonstration is told: the same lines on a terminal and in a pipe, coloured only on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from rich.cells import cell_len

from stagegate import Agreement, Conflict, Engine, Event, GateClosed
from stagegate.diagrams import mermaid

from .._lines import cut, hang, pad, wrap
from .._output import Out, clean
from .._views import Names, reason_lines, spell
from .._words import LANGUAGES
from ._cast import AGREEMENT, PLANNED, SECTORS
from ._scenario import IMAGINED, WIB, Scene
from ._sentences import sentence, verb

WIDTH = 100


class Telling:
    """Tells the scenes as they are played."""

    def __init__(self, out: Out, engine: Engine) -> None:
        """Take where to tell, and the engine that is played on."""
        self.out = out
        self.engine = engine
        self.lang = out.lang

    def say(self, key: str, **params: object) -> None:
        """Say a sentence."""
        for line in wrap(sentence(key, self.lang, **params), WIDTH):
            self.out.text(line)

    def heading(self, key: str, *, loud: bool = False, **params: object) -> None:
        """Begin a part."""
        said = sentence(key, self.lang, **params)
        rule = ("=" if loud else "-") * cell_len(said)
        self.out.text("")
        if loud:
            self.out.text(self._styled(rule, fg="yellow"))
        self.out.text(self._styled(said, bold=True, fg="yellow" if loud else None))
        self.out.text(self._styled(rule, fg="yellow" if loud else None))

    def _styled(self, said: str, **style: Any) -> str:
        return click.style(said, **style) if self.out.terminal else said

    def opening(self, process: str) -> None:
        """Say what is to come."""
        self.out.text(self._styled(sentence("title", self.lang, process=process), bold=True))
        self.out.text("")
        self.say("intro")
        self.heading("real")

    def real(self, scene: Scene) -> None:
        """Tell a scene of what really happened."""
        if scene.name == "known":
            comma = "、" if self.lang == "ja" else ", "
            sectors = comma.join(names[LANGUAGES.index(self.lang)] for names in SECTORS.values())
            self.say("known", sectors=len(SECTORS), list=sectors)
        else:
            self._stands(scene)

    def _stands(self, scene: Scene) -> None:
        agreement = scene.agreement
        names = Names.of(self.engine, agreement, self.lang)
        process = self.engine.process(agreement)
        further = process.further(agreement.stage)
        goal = names.stage(process.stages[-1].id).shown
        rows = [
            ("stage", f"{names.stage(agreement.stage).shown} ({agreement.stage})"),
            ("turn", names.called(agreement.owner)),
            ("since", f"{agreement.entered_at.astimezone(WIB):%Y-%m-%d}"),
            ("further", sentence("before", self.lang, count=len(further), goal=goal)),
        ]
        self.heading("stands")
        width = max(cell_len(sentence(key, self.lang)) for key in ("stage", "turn", "since", "further", "gates")) + 2
        for key, said in rows:
            self.out.text("  " + pad(sentence(key, self.lang), width) + said)
        for number, stage in enumerate(further, 1):
            self.out.text("  " + " " * width + f"{number} {names.stage(stage.id).shown}")
        gates = sentence("own_gate", self.lang, count=len(further) + 1)
        self.out.text("  " + pad(sentence("gates", self.lang), width) + gates)
        unmet = scene.option.unmet if scene.option is not None else ()
        self.heading("blocks", count=len(unmet))
        for line in reason_lines(unmet, names):
            for said in hang(line, WIDTH):
                self.out.text(said)
        self.out.text("")
        self.say("stops")

    def imagined(self, scene: Scene) -> None:
        """Tell a scene of what is imagined."""
        agreement, event = scene.agreement, scene.event
        names = Names.of(self.engine, agreement, self.lang)
        self.out.text("")
        day = f"{scene.at.astimezone(WIB):%Y-%m-%d}"
        params: dict[str, object] = {}
        if isinstance(scene.error, GateClosed):
            params = {"count": len(scene.error.unmet), "n": scene.error.n}
        elif isinstance(scene.error, Conflict):
            params = {"seen": scene.error.seen, "current": scene.error.current}
        elif scene.name == "approved":
            params = dict(next(vote.tally for vote in agreement.approvals if vote.tally))
        elif scene.name == "planned":
            params = {"sectors": sum("carved_out" not in sector for sector in PLANNED.values())}
        elif event is not None and scene.name == "returned":
            params = {"reason": event.data["data"]["reason"]}
        first, *rest = wrap(sentence(scene.name, self.lang, **params), WIDTH - 14)
        mark = "✗" if scene.error is not None else "~"
        self.out.text(f"{day}  {self._styled(mark, fg='red' if scene.error else 'yellow')} {first}")
        for line in rest:
            self.out.text(" " * 14 + line)
        if event is not None:
            for vote in event.data.get("voided", ()):
                self.out.text(" " * 14 + f"- {self._voided(vote, names)}")
            if "to" in event.data:
                arrow = "→" if event.move == "advance" else "←"
                self.out.text(" " * 14 + self._styled(f"{arrow} {names.stage(event.data['to']).shown}", bold=True))

    def _voided(self, vote: Mapping[str, Any], names: Names) -> str:
        cast = self.engine.history(AGREEMENT, after=vote["n"] - 1)[0]
        day = f"{cast.at.astimezone(WIB):%Y-%m-%d}"
        return sentence("voided_vote", self.lang, role=names.role(vote["role"]), day=day, n=vote["n"])

    # How it ends

    def history(self, names: Names) -> None:
        """Tell the whole history, a line an event, and what verifying it proved."""
        self.heading("history")
        imagined = False
        for event in self.engine.history(AGREEMENT):
            imagined = imagined or event.data.get("data", {}).get("text") == IMAGINED
            mark = "✗" if event.kind == "refused" else "~" if imagined else " "
            start = f"{event.n:>3} {mark} {event.at.astimezone(WIB):%Y-%m-%d}  {pad(event.actor, 22)}"
            line = cut(start + clean(self._what(event, names)), WIDTH + 20)
            self.out.text(self._styled(line, fg="red") if event.kind == "refused" else line)
        self.say("marks")
        report = self.engine.verify()
        self.out.text("")
        if report.ok:
            self.say("proved", events=report.events, level=report.level)
        else:
            self.say("broken", faults="; ".join(map(str, report.faults)))

    def _what(self, event: Event, names: Names) -> str:
        data = event.data.get("data", {})
        done = verb(event.move if event.kind == "moved" else event.kind, self.lang)
        match event.kind:
            case "attached":
                said = f"{done} {data['document']['kind']}: {data['document']['title']}"
            case "recorded":
                value = data["value"]
                short = ", ".join(value) if isinstance(value, Mapping) else spell(value)
                said = f"{done} {data['fact']} = {cut(short, 48)}"
            case "voted":
                role = names.role(data["role"])
                tally = data.get("tally")
                said = f"{done} ({sentence('for', self.lang, role=role, **tally) if tally else role})"
            case "moved":
                said = f"{done} {names.stage(event.data['to']).shown}"
            case "refused":
                codes = ", ".join(reason["requirement"] for reason in data.get("unmet", ()))
                said = f"{done}: {event.move} ({codes})"
            case _:
                said = f"{done} {data.get('text') or data.get('title', '')}"
        if voided := ", ".join(f"{names.role(vote['role'])} ({vote['n']})" for vote in event.data.get("voided", ())):
            said += f" — {verb('voids', self.lang)}: {voided}"
        return said

    def board(self) -> None:
        """Tell what stands where."""
        self.heading("board")
        for found in self.engine.find().items:
            names = Names.of(self.engine, found, self.lang)
            since = f"{found.entered_at.astimezone(WIB):%Y-%m-%d}"
            row = (found.id, names.stage(found.stage).shown, names.roles(found.owner).shown, since)
            self.out.text("  " + "  ".join(row))
        for stage, number in self.engine.count(by="stage").items():
            self.out.text(f"  {number} × {names.stage(stage).shown}")

    def diagram(self, agreement: Agreement) -> None:
        """Draw the path."""
        self.heading("diagram")
        drawn = mermaid(
            self.engine.process(agreement), agreement, history=self.engine.history(agreement), lang=self.lang
        )
        self.out.text(drawn)

    def closing(self, *, temporary: bool) -> None:
        """Say how to go on."""
        self.heading("imagined_end", loud=True)
        if temporary:
            self.out.text("")
            self.say("keep", agreement=AGREEMENT)
