"""One job of a benchmark: a run and its score, in a folder of its own."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pd_ros.detection.config.base import FrozenConfig, parse_config
from pd_ros.detection.shipped import find_checkpoint
from pd_ros.process.unfinished import whole_file
from training.config.run import SourceConfig, TrainConfig

_TASK, _RESULT = "task.json", "result.json"

Scores = dict[str, dict[str, float]]  # measure, as bev_strict -> class -> AP in percent


class Task(FrozenConfig):
    """All that a result follows from."""

    run: TrainConfig | None  # None: the checkpoint was there before
    checkpoint: str
    inputs: dict[str, str]  # files that are read, with the digest of what is in them
    test: dict[str, SourceConfig]


class JobResult(FrozenConfig):
    """What a job found; classes of which a source has no object are left out."""

    task: Task
    scores: dict[str, Scores]  # by source
    parameters: int
    gmacs: float
    sparse_gmacs: float
    mactivations: float
    train_seconds: float
    commit: str  # of the code that scored it
    machine: str  # that did


@dataclass(frozen=True)
class Job:
    """A run, or a checkpoint alone, and the sources on which it is scored."""

    name: str
    folder: Path
    checkpoint: Path
    run: TrainConfig | None
    test: Mapping[str, SourceConfig]
    processes: int = 1  # of the run

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser."""
        schedule = self.run.schedule if self.run else None
        return (
            schedule.frames_per_epoch // schedule.batch_size // self.processes if schedule else 0
        )

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.steps_per_epoch * (self.run.schedule.epochs if self.run else 0)

    def steps_done(self) -> int:
        """Steps of the epochs that are written down."""
        log = self.folder / "log.jsonl"
        lines = len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0
        return min(lines * self.steps_per_epoch, self.steps)

    def task(self) -> Task | None:
        """Return what is to be done; None while a file it reads, as the teacher's, is missing."""
        paths = list(self._inputs())
        if not all(path.is_file() for path in paths):
            return None
        inputs = {str(path): _digest(path) for path in paths}
        return Task(
            run=self.run, checkpoint=str(self.checkpoint), inputs=inputs, test=dict(self.test)
        )

    def _inputs(self) -> Iterator[Path]:
        if self.run is None:
            yield self.checkpoint
            return
        yield Path(self.run.model)
        if self.run.initialise_from:
            yield find_checkpoint(self.run.initialise_from)
        if self.run.distill:
            yield find_checkpoint(self.run.distill.teacher)
            initialise = self.run.distill.initialise
            if initialise and initialise.checkpoint:
                yield find_checkpoint(initialise.checkpoint)

    def missing(self) -> list[str]:
        """Files that are read and not there."""
        return [str(path) for path in self._inputs() if not path.is_file()]


def check_unchanged(job: Job) -> None:
    """Refuse a job whose folder holds one of another config, by ``ValueError``."""
    task, path = job.task(), job.folder / _TASK
    if task is None or not path.exists():
        return
    before = read_task(job.folder)
    changes = [*_changes("run", _dump(before.run), _dump(task.run))]
    changes += [
        f"{file} is another one"
        for file, digest in task.inputs.items()
        if before.inputs.get(file, digest) != digest
    ]
    if changes:
        raise ValueError(
            f"{job.folder}: holds a run of another config ({'; '.join(changes)}); delete the"
            " folder to run it again, undo the change, or give another --out"
        )


def read_result(job: Job) -> JobResult | None:
    """The result of a job; None if there is none yet, or one of other test sources.

    Raises ``ValueError`` if it is of another config.
    """
    check_unchanged(job)
    path = job.folder / _RESULT
    if not path.exists():
        return None
    result = parse_config(json.loads(path.read_text(encoding="utf-8")), JobResult, str(path))
    return result if result.task == job.task() else None


def read_task(folder: Path) -> Task:
    """The task that was begun in a folder."""
    path = folder / _TASK
    return parse_config(json.loads(path.read_text(encoding="utf-8")), Task, str(path))


def write_task(job: Job, task: Task) -> None:
    """Note what is begun in a folder."""
    job.folder.mkdir(parents=True, exist_ok=True)
    _write(job.folder / _TASK, task)


def write_result(folder: Path, result: JobResult) -> None:
    """Note what came out, whole or not at all."""
    _write(folder / _RESULT, result)


def _write(path: Path, content: FrozenConfig) -> None:
    with whole_file(path) as place:
        place.write_text(content.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _dump(run: TrainConfig | None) -> Any:
    return run.model_dump(mode="json") if run else None


def _changes(place: str, before: Any, now: Any) -> Iterator[str]:
    """One text for each value that is not what it was."""
    if before == now:
        return
    if not (isinstance(before, dict) and isinstance(now, dict)):
        yield f"{place} was {before!r}, is {now!r}"
        return
    for key in {**before, **now}:
        yield from _changes(f"{place}.{key}", before.get(key), now.get(key))


def _digest(path: Path) -> str:
    about = path.stat()
    return _digest_of(path, about.st_mtime_ns, about.st_size)


@cache
def _digest_of(path: Path, _modified: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
