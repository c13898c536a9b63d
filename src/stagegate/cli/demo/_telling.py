"""How the demonstration is told: the same lines on a terminal and in a pipe, coloured only on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import click
from rich.cells import cell_len

from stagegate import Agreement, Conflict, Engine, Event, Forecast, GateClosed
from stagegate.diagrams import mermaid

from .._lines import cut, hang, pad, wrap
from .._output import Out, clean
from .._views import LAW, Names, reason_lines, spell
from .._words import LANGUAGES
from ._case import WIB, Scene
from ._cast import AGREEMENT, SECTORS, sector_of
from ._future import PLAYED
from ._scenario import IMAGINED
from ._sentences import sentence, verb

WIDTH, MARGIN = 100, " " * 14
FUTURE = "»"
"""The mark of what is played into the future."""

LABEL, PLACE = 32, 40
"""How many cells of a label are shown in a forecast, and on the board."""


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
            ("sectors", self._sectors()),
            ("further", sentence("before", self.lang, count=len(further), goal=goal)),
        ]
        self.heading("stands")
        width = max(cell_len(sentence(key, self.lang)) for key, _ in (*rows, ("gates", ""))) + 2
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

    def _sectors(self) -> str:
        parts = self.engine.find(part_of=AGREEMENT).items
        stages = dict.fromkeys(Names.of(self.engine, part, self.lang).stage(part.stage).shown for part in parts)
        return sentence("parts", self.lang, count=len(parts), stages=", ".join(stages))

    def imagined(self, scene: Scene) -> None:
        """Tell a scene of what is imagined."""
        agreement, event = scene.agreement, scene.event
        names = Names.of(self.engine, agreement, self.lang)
        params: dict[str, object] = {**scene.params}
        if isinstance(scene.error, GateClosed):
            params = {"count": len(scene.error.unmet), "n": scene.error.n}
        elif isinstance(scene.error, Conflict):
            params = {"seen": scene.error.seen, "current": scene.error.current}
        elif scene.deadline is not None:
            params = {"date": agreement.deadlines[scene.deadline].date}
        elif scene.forecast is not None:
            params = {"date": scene.forecast.reached}
        elif sector := sector_of(agreement.id):
            params["sector"] = SECTORS[sector][LANGUAGES.index(self.lang)]
        self._scene(scene, sentence(scene.name, self.lang, **params))
        if scene.deadline is not None:
            self._explained(agreement, scene.deadline)
        if scene.forecast is not None:
            self._foreseen(scene.forecast, names)
        if event is not None:
            self._outcome(event, names)

    def _scene(self, scene: Scene, said: str) -> None:
        self.out.text("")
        first, *rest = wrap(said, WIDTH - len(MARGIN))
        mark = "✗" if scene.error is not None else FUTURE if scene.future else "~"
        colour = "red" if scene.error else "blue" if scene.future else "yellow"
        self.out.text(f"{scene.at.astimezone(WIB):%Y-%m-%d}  {self._styled(mark, fg=colour)} {first}")
        for line in rest:
            self.out.text(MARGIN + line)

    def _explained(self, agreement: Agreement, key: str) -> None:
        """Tell the days that did not count and have a name, and how many Saturdays and Sundays there were."""
        calendar = self.engine.calendars[agreement.deadlines[key].calendar[0]]
        _, *skipped, _ = self.engine.explain(agreement, key, lang=self.lang)
        named = [line for line in skipped if any(day in line for day in calendar.holidays)]
        for line in named:
            self.out.text(f"{MARGIN}- {line}")
        weekends = sentence("weekends", self.lang, count=len(skipped) - len(named))
        self.out.text(f"{MARGIN}- {weekends}")

    def _foreseen(self, seen: Forecast, names: Names) -> None:
        """Tell a forecast: the day each gate is passed at the earliest, the stage, and what makes it so."""
        for passage in seen.passages:
            label = pad(cut(names.stage(passage.stage).shown, LABEL), LABEL)
            why = attrs.evolve(passage, basis="").text(self.lang)
            self.out.text(f"{MARGIN}{passage.date or passage.entered}  {label}  {why}")

    def _outcome(self, event: Event, names: Names) -> None:
        """Tell what an event brought: approvals it voided, the stage it led to, how it ended."""
        for vote in event.data.get("voided", ()):
            told = "used_vote" if event.move == "renew" else "voided_vote"
            self.out.text(f"{MARGIN}- {self._voided(told, vote, names)}")
        if "to" in event.data and event.move != "renew":
            arrow = "→" if event.move == "advance" else "←"
            self.out.text(MARGIN + self._styled(f"{arrow} {names.stage(event.data['to']).shown}", bold=True))
        ended = names.outcome(event.data.get("data", {}).get("outcome"))
        if ended is not None:
            self.out.text(MARGIN + self._styled(f"■ {ended.shown}", bold=True))

    def _voided(self, told: str, vote: Mapping[str, Any], names: Names) -> str:
        cast = self.engine.history(AGREEMENT, after=vote["n"] - 1)[0]
        day = f"{cast.at.astimezone(WIB):%Y-%m-%d}"
        return sentence(told, self.lang, role=names.role(vote["role"]), day=day, n=vote["n"])

    # How it ends

    def history(self, names: Names) -> None:
        """Tell the whole history, a line an event, and what verifying it proved."""
        self.heading("history")
        time = " "
        for event in self.engine.history(AGREEMENT):
            time = {IMAGINED: "~", PLAYED: FUTURE}.get(event.data.get("data", {}).get("text"), time)
            mark = "✗" if event.kind == "refused" else time
            who = names.role(LAW) if event.actor == LAW else event.actor
            start = f"{event.n:>3} {mark} {event.at.astimezone(WIB):%Y-%m-%d}  {pad(who, 22)}"
            line = cut(start + clean(self._what(event, names)), WIDTH + 20)
            self.out.text(self._styled(line, fg="red") if event.kind == "refused" else line)
        self.say("marks", future=FUTURE)
        report = self.engine.verify()
        self.out.text("")
        if report.ok:
            self.say("proved", events=report.events, agreements=report.checked, level=report.level)
        else:
            self.say("broken", faults="; ".join(map(str, report.faults)))

    def _what(self, event: Event, names: Names) -> str:
        data = event.data.get("data", {})
        done = verb(event.move if event.kind == "moved" else event.kind, self.lang)
        match event.kind:
            case "attached":
                said = f"{done} {data['document']['kind']}: {data['document']['title']}"
            case "recorded":
                said = f"{done} {data['fact']} = {cut(spell(data['value']), 48)}"
            case "voted":
                role = names.role(data["role"])
                tally = data.get("tally")
                said = f"{done} ({sentence('for', self.lang, role=role, **tally) if tally else role})"
            case "moved":
                said = f"{done} {names.stage(event.data['to']).shown}"
            case "reminded" | "overdue" | "reckoned":
                said = f"{done}: {names.due(data['deadline']).shown} ({data['date']})"
            case "refused":
                codes = ", ".join(reason["requirement"] for reason in data.get("unmet", ()))
                said = f"{done}: {event.move} ({codes})"
            case _:
                said = f"{done} {data.get('text') or data.get('title', '')}"
        if voided := ", ".join(f"{names.role(vote['role'])} ({vote['n']})" for vote in event.data.get("voided", ())):
            said += f" — {verb('voids', self.lang)}: {voided}"
        return said

    def board(self) -> None:
        """Tell what stands where: the agreement and its parts, and what is due of each."""
        self.heading("board")
        rows = [self._row(found) for found in self.engine.find().items]
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            told = (pad(said, width) for said, width in zip(row, widths, strict=True))
            self.out.text(f"  {'  '.join(told)}".rstrip())

    def _row(self, found: Agreement) -> tuple[str, str, str]:
        names = Names.of(self.engine, found, self.lang)
        stands = names.outcome(found.outcome) or names.stage(found.stage)
        dates = sorted((str(one.date), names.due(one.key).shown) for one in found.deadlines.values())
        return (found.id, cut(stands.shown, PLACE), ", ".join(f"{day} {cut(what, PLACE)}" for day, what in dates[:1]))

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
