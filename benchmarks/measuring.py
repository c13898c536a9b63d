"""How things are measured: in turns, in one run, as the median of paired ratios. Absolute times mean nothing here."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping

import attrs

Subject = Callable[[], float]
"""Does its work once, and answers what one operation cost."""


@attrs.frozen
class Ratio:
    """
    How many times as much one side costs as the other.

    Attributes:
        median: The median of the ratios of all rounds.

        low: Their lower quartile.

        high: Their upper quartile.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: list[float]) -> Ratio:
        """Return the median and the quartiles of several ratios."""
        if len(ratios) < 2:
            return cls(ratios[0], ratios[0], ratios[0])
        low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(median, low, high)


@attrs.frozen(kw_only=True)
class Row:
    """
    One line of the table.

    Attributes:
        what: What was measured, against what.

        ratio: What came out.

        aim: What was aimed at; None where the line only informs.

        at_least: Whether the aim is a floor and not a ceiling.
    """

    what: str
    ratio: Ratio
    aim: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the aim is met; a line without one always is."""
        if self.aim is None:
            return True
        return self.ratio.median >= self.aim if self.at_least else self.ratio.median <= self.aim


def computing(operations: int, work: Callable[[], object]) -> float:
    """Return the processor time of one of the *operations* that *work* does: other programs do not count."""
    gc.collect()
    start = time.process_time()
    work()
    return (time.process_time() - start) / operations


def waiting(operations: int, work: Callable[[], object]) -> float:
    """Return the time that passes for one of the *operations* that *work* does: waiting for the disk counts."""
    gc.collect()
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / operations


def in_turns(subjects: Mapping[str, Subject], rounds: int) -> dict[str, list[float]]:
    """
    Return what every subject cost in every round.

    Each round begins with another subject, so that none is always first; a round before all others does not count.

    Args:
        subjects: What is measured, by name.

        rounds: How many rounds count.
    """
    names = list(subjects)
    costs: dict[str, list[float]] = {name: [] for name in names}
    for subject in subjects.values():
        subject()
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            costs[name].append(subjects[name]())
    return costs


def ratios(costs: Mapping[str, list[float]], subject: str, floor: str) -> list[float]:
    """Return what *subject* cost in times of what *floor* cost in the same round, round by round."""
    return [mine / theirs for mine, theirs in zip(costs[subject], costs[floor], strict=True)]


def ratio(costs: Mapping[str, list[float]], subject: str, floor: str) -> Ratio:
    """Return the median and the quartiles of `ratios`."""
    return Ratio.of(ratios(costs, subject, floor))


def rates(costs: Ratio) -> Ratio:
    """Return the ratio of rates that belongs to a ratio of costs."""
    return Ratio(1 / costs.median, 1 / costs.high, 1 / costs.low)
