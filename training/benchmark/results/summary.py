"""Summarise the results of a suite's methods so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.benchmark.grid import Grid, Row
from training.benchmark.jobs.job import JobResult, read_result
from training.benchmark.mean_std import Spread, mean_ap, paired_gain, spread_of
from training.benchmark.search import Tried, choose_factor, read_tried
from training.benchmark.suite import Overlap, PairConfig


@dataclass(frozen=True)
class MethodStanding:
    """One method of a pair."""

    name: str
    tried: Sequence[Tried]
    results: dict[int, JobResult]  # by seed

    @property
    def factor(self) -> float | None:
        """By which its weights are multiplied; None as long as the search has not said."""
        return choose_factor(self.tried)

    def mean_ap(self, source: str, overlap: Overlap) -> dict[int, float]:
        """Mean AP over classes, of each seed."""
        return {seed: mean_ap(result.scores[source][overlap])
                for seed, result in self.results.items()}  # fmt: skip

    def spread(self, source: str, overlap: Overlap) -> Spread | None:
        """Of the mAP over seeds."""
        return spread_of(list(self.mean_ap(source, overlap).values()))


@dataclass(frozen=True)
class PairStanding:
    """A pair: its teacher, and its methods with the plain student first."""

    config: PairConfig
    teacher: JobResult | None
    methods: Sequence[MethodStanding]

    def gain(self, method: MethodStanding, source: str, overlap: Overlap) -> Spread | None:
        """Of the mAP over the plain student of the same seed; None of the plain student."""
        plain = self.methods[0]
        if method is plain:
            return None
        own, others = (each.mean_ap(source, overlap) for each in (method, plain))
        return paired_gain(own, others)


def read_standing(grid: Grid) -> list[PairStanding]:
    """All pairs; raises ``ValueError`` if a result is of another config than the suite's."""
    return [
        PairStanding(
            pair,
            read_result(grid.teachers[pair.name]),
            [_read_method(grid, Row(pair, name)) for name in pair.rows],
        )
        for pair in grid.pairs
    ]


def _read_method(grid: Grid, row: Row) -> MethodStanding:
    tried = read_tried(grid, row)
    factor = choose_factor(tried)
    jobs = {} if factor is None else grid.students(row, factor)
    results = {seed: read_result(job) for seed, job in jobs.items()}
    known = {seed: result for seed, result in results.items() if result is not None}
    return MethodStanding(row.method, tried, known)
