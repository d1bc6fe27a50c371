"""Summarise the results of a suite's rows so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.benchmark.grid import Grid, Row
from training.benchmark.jobs.job import Job, JobResult, read_result
from training.benchmark.mean_std import Spread, mean_ap, paired_gain, spread_of
from training.benchmark.search import Tried, choose_factor, read_tried
from training.benchmark.suite import PLAIN, Overlap, PairConfig


@dataclass(frozen=True)
class MethodStanding:
    """One method of a pair at one budget."""

    name: str
    method: str
    times: int  # the budget
    steps: int  # of each of its runs; 0 as long as its weights are not known
    learns: bool  # from a teacher
    tried: Sequence[Tried]
    results: dict[int, JobResult]  # by seed
    folders: Mapping[int, Path]  # of all its seeds

    @property
    def factor(self) -> float | None:
        """By which its weights are multiplied; None as long as the search has not said."""
        return choose_factor(self.tried)

    def mean_ap(self, source: str, overlap: Overlap) -> dict[int, float]:
        """Mean BEV AP over classes, of each seed."""
        measure = f"bev_{overlap}"
        return {seed: mean_ap(result.scores[source][measure])
                for seed, result in self.results.items()}  # fmt: skip

    def first_ap(self, source: str, measure: str) -> dict[int, float]:
        """AP of the first class, of each seed."""
        return {seed: next(iter(result.scores[source][measure].values()))
                for seed, result in self.results.items()}  # fmt: skip

    def spread(self, source: str, overlap: Overlap) -> Spread | None:
        """Of the mAP over seeds."""
        return spread_of(list(self.mean_ap(source, overlap).values()))


@dataclass(frozen=True)
class TeacherStanding:
    """One teacher of a pair."""

    name: str
    job: Job
    result: JobResult | None


@dataclass(frozen=True)
class PairStanding:
    """A pair: its teachers, and its methods with the plain student first."""

    config: PairConfig
    teachers: Sequence[TeacherStanding]
    methods: Sequence[MethodStanding]

    @property
    def teacher(self) -> JobResult | None:
        """The result of the first teacher."""
        return self.teachers[0].result

    def find(self, method: str, times: int) -> MethodStanding | None:
        """A method at a budget; None if the suite has no such row."""
        found = (each for each in self.methods if (each.method, each.times) == (method, times))
        return next(found, None)

    def gain(self, method: MethodStanding, source: str, overlap: Overlap) -> Spread | None:
        """Of the mAP over the plain student of the same seed and budget; None of a plain one."""
        plain = self.find(PLAIN, method.times)
        if method.method == PLAIN or plain is None:
            return None
        own, others = (each.mean_ap(source, overlap) for each in (method, plain))
        return paired_gain(own, others)


def read_standing(grid: Grid) -> list[PairStanding]:
    """All pairs; raises ``ValueError`` if a result is of another config than the suite's."""
    return [
        PairStanding(
            pair,
            [
                TeacherStanding(name, job, read_result(job))
                for name, job in grid.all_teachers[pair.name].items()
            ],
            [_read_method(grid, row) for row in grid.rows if row.pair.name == pair.name],
        )
        for pair in grid.pairs
    ]


def _read_method(grid: Grid, row: Row) -> MethodStanding:
    tried = read_tried(grid, row)
    factor = choose_factor(tried)
    jobs = {} if factor is None else grid.students(row, factor)
    results = {seed: read_result(job) for seed, job in jobs.items()}
    known = {seed: result for seed, result in results.items() if result is not None}
    return MethodStanding(
        row.label, row.method, row.times, next((job.steps for job in jobs.values()), 0),
        bool(row.config.distill), tried, known, {seed: job.folder for seed, job in jobs.items()},
    )  # fmt: skip
