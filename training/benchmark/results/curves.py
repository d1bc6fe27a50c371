"""Curves: what a row has at each budget, and how a teacher's validation went on."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from training.benchmark.jobs.job import Job
from training.benchmark.mean_std import Spread, spread_of
from training.benchmark.results.gains import HEADLINE
from training.benchmark.results.summary import PairStanding
from training.benchmark.suite import SuiteConfig


class BudgetPoint(NamedTuple):
    """A row at one budget, on one source by one measure."""

    pair: str
    method: str
    times: int
    steps: int  # of the student
    teacher_steps: int  # that went before, of what it learns from
    source: str
    measure: str
    ap: Spread  # of the first class, over seeds


class EpochPoint(NamedTuple):
    """A teacher after one epoch, by one figure of its run's validation."""

    pair: str
    teacher: str
    epoch: int
    steps: int
    figure: str  # as the run's log names it: SOURCE/CLASS/bev_0.7
    value: float


class Flatness(NamedTuple):
    """Whether a teacher was still learning: its mean validation AP in two parts of its run."""

    before: float  # the best of the first two thirds of the epochs
    last: float  # the best of the last third

    @property
    def gain(self) -> float:
        """What the last third brought, in points."""
        return self.last - self.before


def budget_points(suite: SuiteConfig, pairs: Sequence[PairStanding]) -> Iterator[BudgetPoint]:
    """Every row that has a result, at each of its budgets."""
    for pair in pairs:
        taught = pair.teachers[0].job.steps
        for row in pair.methods:
            for source in suite.test:
                for measure in HEADLINE:
                    spread = spread_of(list(row.first_ap(source, measure).values()))
                    if spread is not None:
                        yield BudgetPoint(
                            pair.config.name, row.method, row.times, row.steps,
                            taught if row.learns else 0, source, measure, spread,
                        )  # fmt: skip


def epoch_points(pairs: Sequence[PairStanding]) -> Iterator[EpochPoint]:
    """The APs of every epoch of every teacher, as far as it has learnt."""
    for pair in pairs:
        for teacher in pair.teachers:
            yield from _epochs(pair.config.name, teacher.name, teacher.job)


def _epochs(pair: str, name: str, job: Job) -> Iterator[EpochPoint]:
    for number, line in enumerate(_read_log(job.folder / "log.jsonl"), 1):
        for figure, value in line.items():
            if figure.rpartition("/")[2].startswith(("bev_", "3d_")):
                yield EpochPoint(
                    pair, name, number, number * job.steps_per_epoch, figure, float(value)
                )


def _read_log(path: Path) -> list[dict[str, float]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def flatness(points: Sequence[EpochPoint]) -> Flatness | None:
    """Compare the last third of a teacher's epochs with those before, by the mean of its figures.

    None of fewer than three epochs, or without validation.
    """
    by_epoch: dict[int, list[float]] = {}
    for point in points:
        by_epoch.setdefault(point.epoch, []).append(point.value)
    means = [sum(values) / len(values) for _, values in sorted(by_epoch.items())]
    third = len(means) // 3
    if not third:
        return None
    return Flatness(max(means[:-third]), max(means[-third:]))
