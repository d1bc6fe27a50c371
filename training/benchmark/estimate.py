"""How long a suite takes from here: what each part of it costs, in the order in which it runs."""

import csv
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from training.benchmark.grid import Grid, Row
from training.benchmark.jobs.job import Job, read_result
from training.benchmark.scheduler import phases
from training.benchmark.search import search_jobs
from training.benchmark.step_cost import JobCost, count_sweeps, measure_job
from training.benchmark.suite import PLAIN
from training.config.run import SourceConfig

_LOG = logging.getLogger("training.benchmark.estimate")

Measure = Callable[[Job, Job | None], JobCost]


class Part(NamedTuple):
    """Jobs of one kind that follow each other."""

    title: str
    jobs: int  # that are not finished
    steps: int
    seconds: float  # of one core, or of a GPU


class Estimate:
    """Measures every row of a grid once and adds up what is not finished."""

    def __init__(self, grid: Grid, measure: Measure = measure_job) -> None:
        self._grid = grid
        self._counted: dict[str, int] = {}  # sweeps of sources
        self.costs: dict[str, JobCost] = {}  # by the name of a row, or of a teacher
        jobs, known = dict(_jobs_to_measure(grid)), dict[str, JobCost]()
        for name, (job, teacher) in tqdm(jobs.items(), "measure", leave=False):
            try:
                kind = _kind(job)
                known[kind] = self.costs[name] = known.get(kind) or measure(job, teacher)
            except ValueError as error:
                _LOG.warning(
                    "%s cannot be measured, the dearest row stands for it: %s", name, error
                )

    def parts(self) -> Iterator[Part]:
        """What remains, in its order; searches without what they may try beyond their ends."""
        grid = self._grid
        for named, phase in zip(("key rows", "other rows"), phases(grid), strict=True):
            yield self._part(f"teachers of {named}", [(job.name, job) for job in phase.teachers])
            plain = [row for row in phase.rows if row.method == PLAIN and row.times == 1]
            if plain:
                yield self._part("plain students", self._students(plain))
            rows = [row for row in phase.rows if row.method != PLAIN or row.times != 1]
            searched = {job.folder: (row, job) for row in rows for job in search_jobs(grid, row)}
            yield self._part(
                f"searches of {named}", [(_cost_name(row), job) for row, job in searched.values()]
            )
            for times in sorted({row.times for row in rows}):
                chosen = [row for row in rows if row.times == times]
                yield self._part(f"{named} at {times}x", self._students(chosen))

    def _students(self, rows: Sequence[Row]) -> list[tuple[str, Job]]:
        return [
            (_cost_name(row), job)
            for row in rows
            for job in self._grid.students(row, 1.0).values()
        ]

    def _part(self, title: str, jobs: Sequence[tuple[str, Job]]) -> Part:
        left = [(name, job) for name, job in jobs if not _is_finished(job)]
        seconds = sum(self._cost(name).of(job, self._sweeps(job)) for name, job in left)
        return Part(title, len(left), sum(job.steps for _, job in left), seconds)

    def _cost(self, name: str) -> JobCost:
        if name in self.costs:
            return self.costs[name]
        if not self.costs:
            raise ValueError("--dry-run: nothing could be measured, see above; is the data there?")
        return max(self.costs.values(), key=lambda cost: cost.step)

    def _sweeps(self, job: Job) -> int:
        """How many sweeps a job scores, in its validations and at its end."""
        assert job.run is not None
        validated = sum(self._count(source, job) for source in job.run.validation)
        tested = sum(self._count(source, job) for source in job.test.values())
        return job.run.schedule.epochs * validated + tested

    def _count(self, source: SourceConfig, job: Job) -> int:
        assert job.run is not None
        key = source.model_dump_json()
        if key not in self._counted:
            self._counted[key] = count_sweeps(source, job.run.model)
        return self._counted[key]


def _kind(job: Job) -> str:
    """What jobs have in common whose steps cost the same: network and distillation."""
    assert job.run is not None
    distill = job.run.distill.model_copy(update={"teacher": ""}) if job.run.distill else None
    return f"{job.run.model} {distill}"


def _is_finished(job: Job) -> bool:
    return job.run is None or read_result(job) is not None


def _cost_name(row: Row) -> str:
    return f"{row.pair.name}/{row.method}"


def _jobs_to_measure(grid: Grid) -> Iterator[tuple[str, tuple[Job, Job | None]]]:
    for phase in phases(grid):
        for job in phase.teachers:
            if job.run is not None:
                yield job.name, (job, None)
        for row in phase.rows:
            if row.times == min(grid.suite.budgets_of(row.config)):
                seed, job = next(iter(grid.students(row, 1.0).items()))
                yield _cost_name(row), (job, grid.teacher(row, seed))


def format_estimate(parts: Sequence[Part], lanes: int) -> Iterator[str]:
    """A line for each part with hours since the start; ``lanes``: cores, or runs at a time."""
    yield f"{'part':28}{'jobs':>6}{'steps':>12}{'hours':>8}{'ends after':>12}"
    total = 0.0
    for part in parts:
        if part.jobs:
            hours = part.seconds / lanes / 3600
            total += hours
            yield (f"{part.title:28}{part.jobs:6}{part.steps:12,}{hours:8.1f}{total:10.1f} h")
    yield f"{'all':28}{sum(p.jobs for p in parts):6}{sum(p.steps for p in parts):12,}{total:8.1f}"


def write_reach(path: Path, costs: dict[str, JobCost]) -> None:
    """Write which share of each part's weights each term of a row reaches, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("row", "term", "part", "weights", "reached", "share"))
        for name, cost in costs.items():
            for reach in cost.reach:
                writer.writerow((name, *reach, f"{reach.share:.4f}"))


def format_reach(costs: dict[str, JobCost]) -> Iterator[str]:
    """A line for each term of distillation: the share of each part's weights that it reaches."""
    yield "weights that get a gradient"
    for name, cost in costs.items():
        terms = dict.fromkeys(reach.term for reach in cost.reach)
        for term in terms:
            if term.startswith("distill_"):
                own = [reach for reach in cost.reach if reach.term == term]
                parts = ", ".join(f"{each.part} {each.share:.0%}" for each in own)
                reached, weights = sum(r.reached for r in own), sum(r.weights for r in own)
                method = term.removeprefix("distill_")
                yield f"{name:40}{method:20}{parts}; {reached:,} of {weights:,}"
