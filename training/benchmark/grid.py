"""All jobs of a suite: teachers, searches of weights, students."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pd_ros.detection.shipped import find_checkpoint
from training.benchmark.jobs.job import Job
from training.benchmark.run_config import (
    has_weights,
    student_run,
    teacher_run,
    with_budget,
    with_factor,
)
from training.benchmark.suite import PairConfig, SuiteConfig


@dataclass(frozen=True)
class Row:
    """One method of a pair."""

    pair: PairConfig
    method: str

    @property
    def name(self) -> str:
        """As it is called where all pairs are listed."""
        return f"{self.pair.name}/{self.method}"


class Grid:
    """Jobs of a suite below one folder; raises ``ValueError`` for runs that cannot be."""

    def __init__(self, suite: SuiteConfig, out: Path, only: tuple[str, ...] = ()) -> None:
        self.suite = suite
        self.out = out
        names = [pair.name for pair in suite.pairs]
        unknown = sorted(set(only) - set(names))
        if unknown:
            raise ValueError(f"--only: expected some of {', '.join(names)}, got {unknown}")
        self.pairs = [pair for pair in suite.pairs if pair.name in only or not only]
        self._check()

    @property
    def rows(self) -> list[Row]:
        """All methods of all pairs."""
        return [Row(pair, method) for pair in self.pairs for method in pair.rows]

    @cached_property
    def teachers(self) -> dict[str, Job]:
        """The teacher of each pair, by the pair's name; pairs may share one."""
        searched = [self.searched(row).pair for row in self.rows]
        made = {pair.name: self._teacher(pair) for pair in [*self.pairs, *searched]}
        for name, job in made.items():
            if any(job.folder == other.folder and job != other for other in made.values()):
                raise ValueError(
                    f"pairs: the teacher of {name} would share the folder {job.folder} with"
                    " another one; rename its file"
                )
        return made

    def _teacher(self, pair: PairConfig) -> Job:
        path = find_checkpoint(pair.teacher)
        trained = path.suffix == ".yaml"
        stem = path.stem if trained else f"{path.parent.name}_{path.stem}"
        folder = self.out / "teachers" / stem
        return Job(
            name=f"teacher {stem}",
            folder=folder,
            checkpoint=folder / "model.safetensors" if trained else path,
            run=teacher_run(path, pair.teacher_run, folder) if trained else None,
            test=self.suite.test,
            processes=self.suite.gpus_per_run,
        )

    def students(self, row: Row, factor: float) -> dict[int, Job]:
        """The runs of a method that are compared, by seed."""
        pair = with_factor(row.pair, row.method, factor)
        folder = self.out / "students" / pair.name / row.method
        return {
            seed: self._student(self.suite, replace(row, pair=pair), seed, folder / f"seed_{seed}")
            for seed in self.suite.seeds
        }

    def searched(self, row: Row) -> Row:
        """The row whose short runs choose its factor: itself, or that of another pair."""
        names = {pair.name: pair for pair in self.suite.pairs}
        return replace(row, pair=names[row.pair.factors_of or row.pair.name])

    def searches(self, row: Row, factors: Iterable[float] | None = None) -> dict[float, Job]:
        """The short runs of a method that its factor is chosen by; none if there is no choice.

        ``factors``: None stands for those that every method begins with.
        """
        search, row = self.suite.search, self.searched(row)
        if search is None or not has_weights(row.pair.rows[row.method]):
            return {}
        suite, jobs = with_budget(self.suite, search), {}
        for factor in search.factors if factors is None else factors:
            scaled = replace(row, pair=with_factor(row.pair, row.method, factor))
            folder = self.out / "search" / row.pair.name / row.method / f"x{factor:g}"
            job = self._student(suite, scaled, search.seed, folder)
            test = {str(number): source for number, source in enumerate(search.validation)}
            jobs[factor] = replace(job, name=f"{row.name} x {factor:g}", test=test)
        return jobs

    def _student(self, suite: SuiteConfig, row: Row, seed: int, folder: Path) -> Job:
        teacher = self.teachers[row.pair.name].checkpoint
        return Job(
            name=f"{row.name} seed {seed}",
            folder=folder,
            checkpoint=folder / "model.safetensors",
            run=student_run(suite, row.pair, row.method, seed, teacher, folder),
            test=suite.test,
            processes=suite.gpus_per_run,
        )

    def _check(self) -> None:
        """Build every run once, so that a bad key is found before anything is trained."""
        for row in self.rows:
            self.students(row, 1.0)
            self.searches(row)
