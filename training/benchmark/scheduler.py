"""Run a benchmark in its order, with a bar: what the headline needs first, then the rest."""

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from training.benchmark.grid import Grid, Row
from training.benchmark.jobs.job import Job, read_result
from training.benchmark.jobs.pool import Crew, Failure
from training.benchmark.results.csv_table import write_tables
from training.benchmark.search import choose_factor, read_tried, search_jobs
from training.benchmark.suite import PLAIN


class Skipped(NamedTuple):
    """A method that could not be trained, because something before it failed."""

    name: str
    reason: str


class Phase(NamedTuple):
    """Rows that are trained together, and the teachers that none before has needed."""

    rows: Sequence[Row]
    teachers: Sequence[Job]


def phases(grid: Grid) -> list[Phase]:
    """Key rows, then the others; teachers that no row names come with the last."""
    key = [row for row in grid.rows if row.config.key]
    needed = [grid.teachers[pair.name] for pair in grid.pairs]
    needed += [grid.teacher(row, seed) for row in key for seed in grid.seeds(row)]
    needed += [grid.teachers[grid.searched(row).pair.name] for row in grid.rows]
    first = {job.folder: job for job in needed}
    every = [job for each in grid.all_teachers.values() for job in each.values()]
    others = {job.folder: job for job in every if job.folder not in first}
    rest = [row for row in grid.rows if not row.config.key]
    return [Phase(key, list(first.values())), Phase(rest, list(others.values()))]


def _folders(grid: Grid, phase: Phase) -> set[str]:
    """Where the jobs of a phase find their sweeps."""
    jobs = [*phase.teachers]
    for row in phase.rows:
        jobs += [*grid.students(row, 1.0).values(), *grid.searches(row).values()]
    read = {
        source.path for job in jobs if job.run for source in (*job.run.data, *job.run.validation)
    }
    return read | {source.path for job in jobs for source in job.test.values()}


class Conductor:
    """Runs what is missing of a grid and rewrites the tables after each job.

    Raises ``ValueError`` if something there is of another config than the suite's.
    """

    def __init__(
        self,
        grid: Grid,
        crew: Crew,
        name: str,
        make_sweeps: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        """``make_sweeps`` makes the simulated sweeps of folders, before jobs read them."""
        self._make_sweeps = make_sweeps
        self.grid = grid
        self.crew = crew
        self.skipped: list[Skipped] = []
        jobs = all_jobs(grid)
        finished = sum(job.steps for job in jobs if read_result(job) is not None)
        self.progress = SuiteProgress(name, sum(job.steps for job in jobs), finished)

    @property
    def failures(self) -> list[Failure]:
        """Jobs that did not end well."""
        return self.crew.failures

    def run(self) -> None:
        """Run every phase to its end: key rows, then the others.

        In each: the teachers that it needs and, of key rows, the plain students; searches; then
        students by budget, and in each seed by seed, so that what is cut short has fewer seeds of
        every row.
        """
        try:
            for phase in phases(self.grid):
                self._make_sweeps(_folders(self.grid, phase))
                plain = [row for row in phase.rows if row.method == PLAIN and row.times == 1]
                self._run([*phase.teachers, *self._students(plain)])
                taught = [row for row in phase.rows if row not in plain and self._has_teacher(row)]
                self._search(taught)
                self._run(self._students(row for row in taught if self._has_factor(row)))
        finally:
            self.progress.close()

    def _search(self, rows: Sequence[Row]) -> None:
        """Try all factors, and where the best is at an end, further ones."""
        search, begun = self.grid.suite.search, set[Path]()
        for number in range(1 + search.extend if search else 0):
            # By folder: pairs, and budgets of a row, share a search.
            found = {job.folder: job for row in rows for job in search_jobs(self.grid, row)}
            jobs = [job for folder, job in found.items() if folder not in begun]
            begun |= found.keys()
            if number:
                self.progress.expect(sum(job.steps for job in jobs if not _is_done(job)))
            self._run(jobs)

    def _run(self, jobs: Iterable[Job]) -> None:
        missing = [job for job in jobs if not _is_done(job)]
        self.crew.run(missing, self.progress.show, self._done)

    def _done(self, job: Job) -> None:
        self.progress.finish(job)
        write_tables(self.grid)

    def _students(self, rows: Iterable[Row]) -> list[Job]:
        """Runs of rows by budget, and in each seed by seed and pair by pair."""
        places = {pair.name: place for place, pair in enumerate(self.grid.pairs)}
        jobs: dict[tuple[int, int, int], list[Job]] = {}
        for row in rows:
            students = self.grid.students(row, self._factor(row) or 1.0)
            for number, job in enumerate(students.values()):
                jobs.setdefault((row.times, number, places[row.pair.name]), []).append(job)
        return [job for key in sorted(jobs) for job in jobs[key]]

    def _factor(self, row: Row) -> float | None:
        return choose_factor(read_tried(self.grid, row))

    def _has_teacher(self, row: Row) -> bool:
        jobs = [self.grid.teacher(row, seed) for seed in self.grid.seeds(row)]
        if not row.config.distill or any(_is_done(job) for job in jobs):
            return True
        self.skipped.append(Skipped(row.name, f"{jobs[0].name} failed"))
        return False

    def _has_factor(self, row: Row) -> bool:
        if self._factor(row) is not None:
            return True
        self.skipped.append(Skipped(row.name, "all runs of its search failed"))
        return False


def all_jobs(grid: Grid) -> list[Job]:
    """Every job once; students with the factor that the search says so far, or 1."""
    jobs = [job for phase in phases(grid) for job in phase.teachers]
    for row in grid.rows:
        tried = read_tried(grid, row)
        jobs += grid.searches(row, [each.factor for each in tried]).values()
        jobs += grid.students(row, choose_factor(tried) or 1.0).values()
    return list({job.folder: job for job in jobs}.values())


def _is_done(job: Job) -> bool:
    try:
        return read_result(job) is not None
    except ValueError:  # said again by the crew, as this job's failure
        return False


class SuiteProgress:
    """Counts steps of the optimiser; those of a running job are known at the end of its epochs."""

    def __init__(self, name: str, steps: int, finished: int) -> None:
        self._steps, self._finished = steps, finished
        self._shown = (finished, "")
        self._bar = tqdm(total=steps, initial=finished, desc=name, unit="step", smoothing=0)

    def expect(self, steps: int) -> None:
        """There are more steps to do than was known at the start."""
        self._steps += steps
        self._bar.total = self._steps

    def finish(self, job: Job) -> None:
        """A job has ended, well or not."""
        self._finished += job.steps

    def show(self, running: Sequence[Job]) -> None:
        """Say what runs."""
        done = self._finished + sum(job.steps_done() for job in running)
        shown = done, ", ".join(job.name for job in running)
        if shown == self._shown:
            return
        self._shown = shown
        self._bar.n = done
        self._bar.set_postfix_str(shown[1])

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()
