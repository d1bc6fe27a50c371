"""All jobs of a suite: teachers, searches of weights, students of one or more budgets."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from training.benchmark.jobs.job import Job
from training.benchmark.run_config import (
    has_weights,
    lengthened,
    student_run,
    with_budget,
    with_factor,
)
from training.benchmark.suite import TRAINED, PairConfig, RowConfig, SuiteConfig
from training.benchmark.teachers import Teachers, refuse_shared_folders
from training.config.run import TrainConfig


@dataclass(frozen=True)
class Row:
    """One method of a pair, trained for a multiple of the budget."""

    pair: PairConfig
    method: str
    times: int = 1

    @property
    def label(self) -> str:
        """As it is called in its pair's tables."""
        return self.method if self.times == 1 else f"{self.method} {self.times}x"

    @property
    def name(self) -> str:
        """As it is called where all pairs are listed."""
        return f"{self.pair.name}/{self.label}"

    @property
    def config(self) -> RowConfig:
        """What the suite says of the method."""
        return self.pair.rows[self.method]


class Grid:
    """Jobs of a suite below one folder; raises ``ValueError`` for runs that cannot be."""

    def __init__(
        self, suite: SuiteConfig, out: Path, only: tuple[str, ...] = (), command: str = ""
    ) -> None:
        """``only``: the pairs that are wanted, none: all; ``command``: what made the grid."""
        self.suite = suite
        self.out = out
        self.command = command
        self._teachers = Teachers(suite, out)
        names = [pair.name for pair in suite.pairs]
        unknown = sorted(set(only) - set(names))
        if unknown:
            raise ValueError(f"--only: expected some of {', '.join(names)}, got {unknown}")
        self.pairs = [pair for pair in suite.pairs if pair.name in only or not only]
        self._check()

    @property
    def rows(self) -> list[Row]:
        """All methods of all pairs, each at every budget that it is trained for."""
        return [
            Row(pair, method, times)
            for pair in self.pairs
            for method, config in pair.rows.items()
            for times in self.suite.budgets_of(config)
        ]

    @cached_property
    def teachers(self) -> dict[str, Job]:
        """The first teacher of each pair, by the pair's name; pairs may share one."""
        searched = [self.searched(row).pair for row in self.rows]
        return {
            pair.name: self._teachers.of(pair, TRAINED, self.suite.seeds[0])
            for pair in [*self.pairs, *searched]
        }

    @cached_property
    def all_teachers(self) -> dict[str, dict[str, Job]]:
        """Every teacher of each pair by its name in the pair's tables.

        Raises ``ValueError`` if two of them would share a folder.
        """
        made = {pair.name: self._teachers.of_pair(pair) for pair in self.pairs}
        jobs = [job for each in made.values() for job in each.values()]
        refuse_shared_folders([*self.teachers.values(), *jobs])
        return made

    def teacher(self, row: Row, seed: int) -> Job:
        """The teacher by which the student of a seed is taught."""
        return self._teachers.of(row.pair, row.config.teacher, seed)

    def seeds(self, row: Row) -> tuple[int, ...]:
        """The seeds of a row."""
        return self.suite.seeds[: self.suite.budgets_of(row.config)[row.times]]

    def students(self, row: Row, factor: float) -> dict[int, Job]:
        """The runs of a method that are compared, by seed."""
        pair = with_factor(row.pair, row.method, factor)
        name = row.method if row.times == 1 else f"{row.method}@{row.times}x"
        folder = self.out / "students" / pair.name / name
        return {
            seed: self._student(self.suite, replace(row, pair=pair), seed, folder / f"seed_{seed}")
            for seed in self.seeds(row)
        }

    def searched(self, row: Row) -> Row:
        """The row whose short runs choose its factor: itself, or that of another pair."""
        names = {pair.name: pair for pair in self.suite.pairs}
        return replace(row, pair=names[row.pair.factors_of or row.pair.name], times=1)

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
        teacher = self.teacher(row, seed)
        run = student_run(suite, row.pair, row.method, seed, teacher.checkpoint, folder)
        learnt = self._teachers_run(row, teacher) if row.config.teacher_steps else None
        return Job(
            name=f"{row.name} seed {seed}",
            folder=folder,
            checkpoint=folder / "model.safetensors",
            run=lengthened(run, row.times, learnt),
            test=self.suite.scored,
            processes=suite.gpus_per_run,
        )

    def _teachers_run(self, row: Row, teacher: Job) -> TrainConfig:
        if teacher.run is None:
            raise ValueError(
                f"{row.name}.teacher_steps: its teacher is a checkpoint, of which nobody says how"
                " long it learnt; name the run of a teacher"
            )
        return teacher.run

    def _check(self) -> None:
        """Build every run once, so that a bad key is found before anything is trained."""
        self._check_names()
        self.all_teachers  # noqa: B018 - made once, to be checked
        for row in self.rows:
            self.students(row, 1.0)
            self.searches(row)

    def _check_names(self) -> None:
        """Candidates and contrasts are rows of some pair."""
        rows = {name for pair in self.suite.pairs for name in pair.rows}
        contrasts = [name for each in self.suite.contrasts for name in (each.row, each.than)]
        unknown = sorted({*self.suite.candidates, *contrasts} - rows)
        if unknown:
            raise ValueError(f"candidates, contrasts: expected names of rows, got {unknown}")
