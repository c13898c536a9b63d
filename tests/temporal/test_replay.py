"""What is under way in Temporal goes on after an update: recorded histories are replayed by the code of today."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from stagegate.contrib.temporal._workflows import Delivery, Timer

HERE = Path(__file__).parent / "histories"
HISTORIES = sorted(HERE.glob("*.json"))


def replayed(history: str) -> None:
    """Replay a history; an error if the code of today would have done something else."""
    recorded = WorkflowHistory.from_json("recorded", history)
    asyncio.run(Replayer(workflows=[Timer, Delivery]).replay_workflow(recorded))


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_history_is_replayed(file: Path) -> None:
    """A history that an earlier release recorded is what the code of today would do."""
    replayed(file.read_text(encoding="utf-8"))


def test_another_order_of_steps_is_found() -> None:
    """A history in which another duty was done is no history of this code."""
    recorded = (HERE / "timer-1.json").read_text(encoding="utf-8")

    with pytest.raises(NondeterminismError):
        replayed(recorded.replace("stagegate.sweep", "stagegate.weep"))


def test_each_kind_is_there() -> None:
    """There are histories of both kinds."""
    assert {"timer-1", "delivery-1"} <= {file.stem for file in HISTORIES}
