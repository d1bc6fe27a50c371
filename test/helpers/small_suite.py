"""A benchmark of the small network: a wide teacher, two methods, two seeds.

Its jobs take seconds, or no time at all with ``InstantCrew``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import yaml
from small_distill_batch import WIDE
from small_model import SMALL
from small_run import write_frames

from training.benchmark.jobs.frame_counts import MEASURES
from training.benchmark.jobs.job import Job, JobResult, write_result
from training.benchmark.jobs.pool import Failure, begin
from training.benchmark.suite import SuiteConfig, load_suite

METHODS = {
    "logit": {"distill": {"logit": {}}},
    "tgi": {"distill": {"initialise": {"way": "fnav1"}}},
}


def write_suite(folder: Path, methods: dict[str, object] = METHODS, **changes: object) -> Path:
    """A suite whose runs are of one epoch of 2 steps; returns its YAML."""
    for name, count in (("train", 4), ("val", 2), ("test", 2)):
        if not (folder / name).exists():
            write_frames(folder / name, count)
    _write(folder / "student.yaml", SMALL)
    _write(folder / "wide.yaml", {**SMALL, **WIDE})
    run = {
        "data": [{"path": str(folder / "train")}],
        "schedule": {"epochs": 1, "frames_per_epoch": 4, "batch_size": 2},
        "augment": {"paste": {}},
        "precision": "fp32",
        "workers": 0,
    }
    _write(folder / "teacher.yaml", {**run, "model": str(folder / "wide.yaml"), "out": "unused"})
    pair = {
        "name": "small",
        "student": str(folder / "student.yaml"),
        "teacher": str(folder / "teacher.yaml"),
        "methods": methods,
    }
    suite = {
        "seeds": [1, 2],
        "run": run,
        "test": {"tested": {"path": str(folder / "test")}},
        "pairs": [pair],
        **changes,
    }
    return _write(folder / "suite.yaml", suite)


def small_suite(folder: Path, **changes: object) -> SuiteConfig:
    """The same, read."""
    return load_suite(str(write_suite(folder, **changes)))


def search_config(folder: Path) -> dict[str, object]:
    """A search over two factors, for ``write_suite``'s ``search``."""
    validation = [{"path": str(folder / "val")}]
    return {"seed": 9, "factors": [0.5, 2], "frames_per_epoch": 2, "validation": validation}


def _write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def made_up(job: Job, ap: float) -> JobResult:
    """A result with an AP of 90 for cars, so that the mean over two classes is ``ap``."""
    scores = {"car": 90.0, "pedestrian": 2 * ap - 90.0}
    task = job.task()
    assert task is not None
    return JobResult(
        task=task, scores={name: {each.name: scores for each in MEASURES} for name in job.test},
        parameters=1000, gmacs=1.5, sparse_gmacs=0.25, mactivations=3.0, train_seconds=1.0,
        commit="abc", machine="here",
    )  # fmt: skip


class InstantCrew:
    """Stands for ``Crew``: a job's mAP is what ``score`` says, None if it fails."""

    def __init__(self, score: Callable[[Job], float | None]) -> None:
        self.score = score
        self.ran: list[str] = []
        self.failures: list[Failure] = []

    def run(self, jobs: Sequence[Job], tick, done) -> None:
        for job in jobs:
            self.ran.append(job.name)
            try:
                begin(job)
            except ValueError as error:
                self.failures.append(Failure(job, str(error)))
                continue
            score = self.score(job)
            if score is None:
                self.failures.append(Failure(job, "broken"))
                continue
            job.checkpoint.write_text("weights")
            write_result(job.folder, made_up(job, score))
            tick([job])
            done(job)
