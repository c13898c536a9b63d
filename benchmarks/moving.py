"""Moves in memory, against `transitions` as it is."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from measuring import Row, Subject, computing, in_turns, ratio
from subjects import DESK, NOON, STAGES, STEPS, bare, begun, process, walk_bare, walked

from stagegate import Agreement, Attempt, Cursor, Engine, MemoryStore, Process, _changes

AT = "2025-07-24T12:00:00.000000Z"
ID = "00000000-0000-4000-8000-000000000000"
WALKS = 100


def _bare() -> Subject:
    model = bare()
    return lambda: computing(WALKS * STEPS, lambda: walk_bare(model, WALKS))


def _standing(blueprint: Process) -> list[Agreement]:
    """Return one agreement as it stands at each stage but the last."""
    with Engine.open("memory:", processes=[blueprint]) as engine:
        standing = [begun(engine, "bekasi-izumisano")]
        while len(standing) < STEPS:
            standing.append(engine.advance(standing[-1], by=DESK))
    return standing


def _decided() -> Subject:
    """Ask the gate on the edge, keep what it said, and make the record of the event."""
    blueprint = process()
    standing, fire, pin, zone = _standing(blueprint), blueprint.plan.fire, blueprint.pin, blueprint.tzinfo
    owners = {stage.id: stage.owner for stage in blueprint.stages}
    used = DESK.roles

    def work() -> None:
        for _ in range(WALKS):
            for agreement in standing:
                attempt = Attempt(agreement=agreement, move="advance", actor=DESK, at=NOON, zone=zone)
                cursor = Cursor(attempt)
                edge = fire("advance", cursor)
                assert edge is not None
                assert edge.dest is not None
                answer = cursor.answer
                _changes.body(
                    agreement=agreement.id,
                    n=agreement.n + 1,
                    id=ID,
                    kind="moved",
                    move="advance",
                    stage=agreement.stage,
                    change=_changes.Change(kind="moved", to=edge.dest, data={"owner": owners[edge.dest]}),
                    process=pin,
                    actor=DESK,
                    used=used,
                    at=AT,
                    recorded_at=AT,
                    request=None,
                    asked=answer.asked,
                    warnings=answer.warnings,
                )

    return lambda: computing(WALKS * STEPS, work)


def _permitted() -> Subject:
    """Decide as the engine does: the permission and the documents it rests on as well."""
    blueprint = process()
    standing, pin = _standing(blueprint), blueprint.pin

    def work() -> None:
        for _ in range(WALKS):
            for agreement in standing:
                attempt = Attempt(agreement=agreement, move="advance", actor=DESK, at=NOON, zone=blueprint.tzinfo)
                decision, change = _changes.decide(blueprint, attempt, _changes.moving("advance"), None)
                answer = decision.cursor.answer
                assert decision.granted
                _changes.body(
                    agreement=agreement.id,
                    n=agreement.n + 1,
                    id=ID,
                    kind=change.kind,
                    move="advance",
                    stage=agreement.stage,
                    change=change,
                    process=pin,
                    actor=DESK,
                    used=decision.used,
                    at=AT,
                    recorded_at=AT,
                    request=None,
                    asked=answer.asked,
                    warnings=answer.warnings,
                )

    return lambda: computing(WALKS * STEPS, work)


def _engine(walks: int = 40) -> Subject:
    """Move by the engine, on a store in memory: lock, decide, record, encode, hash, fold, keep."""
    blueprint = process()

    def subject() -> float:
        with Engine(MemoryStore(), processes=[blueprint]) as engine:
            deals = [begun(engine, f"agreement-{i}") for i in range(walks)]

            def work() -> None:
                for deal in deals:
                    assert walked(engine, deal).stage == STAGES[-1]

            return computing(walks * STEPS, work)

    return subject


def moves(rounds: int) -> Iterator[Row]:
    """Compare moves decided in memory and moves of the engine with moves of `transitions`."""
    costs = in_turns({"bare": _bare(), "decided": _decided(), "permitted": _permitted(), "engine": _engine()}, rounds)
    yield Row(
        what="a move decided in memory: gate, all reasons, event record / bare transitions",
        ratio=ratio(costs, "decided", "bare"),
        aim=0.3,
    )
    yield Row(what="... with the permission asked as well / bare transitions", ratio=ratio(costs, "permitted", "bare"))
    yield Row(
        what="an engine move on MemoryStore: JSON and hash included / bare transitions",
        ratio=ratio(costs, "engine", "bare"),
        aim=2.5,
    )


@contextmanager
def _logging_at(level: int) -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123  no path is meant
        handler = logging.StreamHandler(nowhere)
        root.addHandler(handler)
        root.setLevel(level)
        try:
            yield
        finally:
            root.setLevel(before)
            root.removeHandler(handler)


def _while_logging(level: int, subject: Subject) -> Subject:
    def logged() -> float:
        with _logging_at(level):
            return subject()

    return logged


def logged(rounds: int) -> Iterator[Row]:
    """Compare moves under a host that logs everything from INFO up with moves under one that logs warnings only."""
    subjects: dict[str, Callable[[], float]] = {}
    for name, subject in (("engine", _engine()), ("bare", _bare())):
        for level in (logging.INFO, logging.WARNING):
            subjects[f"{name} {level}"] = _while_logging(level, subject)
    costs = in_turns(subjects, rounds)
    yield Row(
        what="an engine move while the host logs at INFO / at WARNING",
        ratio=ratio(costs, f"engine {logging.INFO}", f"engine {logging.WARNING}"),
        aim=1.1,
    )
    yield Row(
        what="... the same for bare transitions", ratio=ratio(costs, f"bare {logging.INFO}", f"bare {logging.WARNING}")
    )
