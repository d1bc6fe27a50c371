"""The teachers of a suite's pairs: one or several seeds, and variants that a pair names."""

from pathlib import Path

from pd_ros.detection.shipped import find_checkpoint
from training.benchmark.jobs.job import Job
from training.benchmark.run_config import merge, teacher_run
from training.benchmark.suite import TRAINED, PairConfig, SuiteConfig


class Teachers:
    """Makes the jobs of the teachers of a suite, below one folder."""

    def __init__(self, suite: SuiteConfig, out: Path) -> None:
        self._suite = suite
        self._out = out

    def of(self, pair: PairConfig, variant: str, seed: int) -> Job:
        """The teacher by which the student of a seed is taught.

        Raises ``ValueError`` for a run that cannot be.
        """
        path = find_checkpoint(pair.teacher)
        trained = path.suffix == ".yaml"
        stem = path.stem if trained else f"{path.parent.name}_{path.stem}"
        changes = dict(pair.teacher_run)
        if variant != TRAINED:
            stem = f"{stem}_{variant}"
            changes = merge(changes, pair.teachers[variant])
        if trained and self._suite.teacher_seeds:
            changes["seed"] = self._seed_of(seed)
            stem = f"{stem}_seed_{changes['seed']}"
        folder = self._out / "teachers" / stem
        return Job(
            name=f"teacher {stem}",
            folder=folder,
            checkpoint=folder / "model.safetensors" if trained else path,
            run=teacher_run(path, changes, folder) if trained else None,
            test=self._suite.scored,
            processes=self._suite.gpus_per_run,
        )

    def of_pair(self, pair: PairConfig) -> dict[str, Job]:
        """All that a pair has, by their names in its tables; the first one is the first student's.

        Of variants one seed where no row asks for more.
        """
        wanted = [(TRAINED, seed) for seed in self._suite.seeds]
        wanted += [(variant, self._suite.seeds[0]) for variant in pair.teachers]
        wanted += [
            (row.teacher, seed)
            for row in pair.rows.values()
            for seed in self._suite.seeds[: max(self._suite.budgets_of(row).values())]
        ]
        return {self._name(*each): self.of(pair, *each) for each in wanted}

    def _name(self, variant: str, seed: int) -> str:
        parts = [] if variant == TRAINED else [variant]
        if self._suite.teacher_seeds:
            parts.append(f"seed {self._seed_of(seed)}")
        return " ".join(["teacher", *parts])

    def _seed_of(self, seed: int) -> int:
        """Students take teachers in turn, by their place among the seeds; others the first one."""
        place = self._suite.seeds.index(seed) if seed in self._suite.seeds else 0
        return self._suite.teacher_seeds[place % len(self._suite.teacher_seeds)]


def refuse_shared_folders(jobs: list[Job]) -> None:
    """Raise ``ValueError`` if two teachers that differ would lie in one folder."""
    folders: dict[Path, Job] = {}
    for job in jobs:
        if folders.setdefault(job.folder, job) != job:
            raise ValueError(
                f"pairs: two teachers would share the folder {job.folder}; rename the file of one"
            )
