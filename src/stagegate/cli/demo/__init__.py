"""`stagegate demo`: the real case of Bekasi and Izumisano, and how it could go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import click

from stagegate import Engine, InvalidValue, builtin
from stagegate.diagrams import mermaid

from .._dates import deadline_data
from .._errors import error_data
from .._output import Out
from .._settings import Settings, shared
from .._timing import forecast_data
from .._views import Names, agreement_data, event_data, option_data
from ._case import Clock, Scene
from ._cast import AGREEMENT, PROCESS
from ._scenario import Play


@click.command()
@shared()
@click.pass_obj
def demo(settings: Settings) -> None:
    """Play the agreement of Bekasi and Izumisano: what really happened, and how it could go on."""
    out = Out(settings)
    clock = Clock()
    with _store(settings) as url, Engine.open(url, plugins=settings.said, clock=clock) as engine:
        if any(engine.count(by="stage").values()):
            message = f"{url}: the demonstration needs a database of its own, and this one holds agreements"
            raise InvalidValue(message)
        play = Play(engine, clock)
        if out.json:
            out.data(_data(play, out.lang))
        else:
            _tell(play, out, temporary=not settings.named)


@contextmanager
def _store(settings: Settings) -> Iterator[str]:
    """Say where to play: where the command line says, never where the environment does; otherwise in a passing file."""
    if settings.named:
        yield settings.db
        return
    with TemporaryDirectory(prefix="stagegate-demo-", ignore_cleanup_errors=True) as folder:
        yield "sqlite:///" + quote(str(Path(folder) / "demo.db"))


def _tell(play: Play, out: Out, *, temporary: bool) -> None:
    from ._telling import Telling

    telling = Telling(out, play.engine)
    process = builtin(PROCESS)
    telling.opening(f"{process.id} {process.version}")
    for scene in play.real():
        telling.real(scene)
    telling.heading("imagined", loud=True)
    for scene in play.imagined():
        telling.imagined(scene)
    telling.heading("future", loud=True)
    for scene in play.future():
        telling.imagined(scene)
    names = Names(process, out.lang)
    telling.history(names)
    telling.board()
    telling.diagram(play.deal.agreement)
    telling.closing(temporary=temporary)


def _data(play: Play, lang: str) -> dict[str, Any]:
    engine = play.engine
    real = [_scene(scene, engine, lang) for scene in play.real()]
    stands = play.deal.agreement
    process = engine.process(stands)
    further = [stage.id for stage in process.further(stands.stage)]
    imagined = [_scene(scene, engine, lang) for scene in play.imagined()]
    future = [_scene(scene, engine, lang) for scene in play.future()]
    report = engine.verify()
    events = engine.history(AGREEMENT)
    return {
        "real": {"scenes": real, "further": further, "gates": len(further) + 1},
        "imagined": {"scenes": imagined},
        "future": {"scenes": future},
        "history": [event_data(event) for event in events],
        "verify": {
            "ok": report.ok,
            "level": report.level,
            "agreements": report.checked,
            "events": report.events,
            "faults": list(map(str, report.faults)),
        },
        "board": [agreement_data(found, Names.of(engine, found, lang)) for found in engine.find().items],
        "diagram": mermaid(process, play.deal.agreement, history=events, lang=lang),
    }


def _scene(scene: Scene, engine: Engine, lang: str) -> dict[str, Any]:
    names = Names.of(engine, scene.agreement, lang)
    error = None if scene.error is None else error_data(scene.error, lang)["error"]
    key = scene.deadline
    due = None if key is None else deadline_data(scene.agreement.deadlines[key])
    return {
        "scene": scene.name,
        "agreement": agreement_data(scene.agreement, names),
        "advance": None if scene.option is None else option_data(scene.option, lang),
        "event": None if scene.event is None else event_data(scene.event),
        "error": error,
        "deadline": due and due | {"explain": engine.explain(scene.agreement, str(key), lang=lang)},
        "forecast": None if scene.forecast is None else forecast_data(scene.forecast, names),
    }
