"""Measure what a job of a benchmark costs today: its start, a step, the score of a sweep."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model, load_model_config
from training.batches.collate import Batch
from training.benchmark.jobs.job import Job
from training.config.area import rebuild
from training.config.run import SourceConfig, TrainConfig
from training.datasets.source import open_source
from training.distributed import join_world
from training.evaluate.scoring import validate
from training.loop.gradients import Reach, gradient_reach
from training.loop.run import Run
from training.train import start

_SURE = 0.95  # score of boxes that are counted where a sweep is scored to be timed
_STEPS = 3  # timed, after one that is not
_SWEEPS = 2  # scored, of each source


class JobCost(NamedTuple):
    """CPU seconds of one core, or on a GPU seconds, and which weights each term reaches."""

    begin: float  # until the first step
    step: float  # the making of its batch included
    sweep: float  # to score one
    reach: list[Reach]

    def of(self, job: Job, sweeps: int) -> float:
        """Seconds of a job that is scored on so many sweeps."""
        return self.begin + self.step * job.steps + self.sweep * sweeps


def measure_job(job: Job, teacher: Job | None) -> JobCost:
    """Take a few steps of a job's run, by a fresh teacher as long as its own is not there.

    Sources that are not there are left out. Raises ``ValueError`` for a run that cannot be.
    """
    assert job.run is not None
    with TemporaryDirectory() as folder, _one_thread(), join_world() as world:
        run = _short(job.run, Path(folder), teacher)
        began = _now()
        started = start(run, world)
        begin = _now() - began
        with closing(started.run):
            batches: list[Batch] = []
            step = _step_s(started.run, iter(started.loader), batches)
            reach = gradient_reach(started.run, batches[:2])
            sweep = _sweep_s(started.run, job)
    return JobCost(begin, step, sweep, reach)


def _now() -> float:
    """CPU time of this process, which other work beside it does not change; on a GPU all time."""
    return time.perf_counter() if torch.cuda.is_available() else time.process_time()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _short(run: TrainConfig, folder: Path, teacher: Job | None) -> TrainConfig:
    """A run of few steps on what is there, which makes its own batches."""
    batch = run.schedule.batch_size
    schedule = {"epochs": 1, "frames_per_epoch": batch * (_STEPS + 1), "steps": None}
    changes = {
        "schedule": run.schedule.model_copy(update=schedule),
        "data": tuple(source for source in run.data if is_there(source)),
        "validation": (),
        "workers": 0,
        "out": str(folder / "run"),
    }
    if run.distill is not None and not Path(run.distill.teacher).exists():
        assert teacher is not None and teacher.run is not None
        path = folder / "teacher.safetensors"
        network = load_model_config(Path(teacher.run.model))
        save_checkpoint(path, build_model(network), network, {})
        changes["distill"] = run.distill.model_copy(update={"teacher": str(path)})
    content = run.model_copy(update=changes)
    return TrainConfig.model_validate(content.model_dump())


def _step_s(run: Run, batches: Iterator[Batch], seen: list[Batch]) -> float:
    """Seconds of a step; ``seen`` gets its batches."""
    run.network.train()
    times = []
    for batch in batches:
        seen.append(batch)
        run.step(batch, 0)
        times.append(_now())
    return (times[-1] - times[0]) / (len(times) - 1)


def _sweep_s(run: Run, job: Job) -> float:
    there = [source for source in job.test.values() if is_there(source)]
    if not there:
        return 0.0
    few = tuple(source.model_copy(update={"limit": _SWEEPS}) for source in there)
    config = run.config.model_copy(update={"validation": few})
    whole = rebuild(run.model, run.model_config).to(run.world.device)
    # What has learnt nothing finds boxes everywhere, and would be scored for ever.
    decode = run.model_config.decode.model_copy(update={"score_threshold": _SURE})
    network = run.model_config.model_copy(update={"decode": decode})
    began = _now()
    validate(whole, network, config, run.world.device)
    return (_now() - began) / (_SWEEPS * len(few))


def is_there(source: SourceConfig) -> bool:
    """Whether a source has a folder here."""
    try:
        return source.folder.exists()
    except ValueError:  # its environment variable is not set
        return False


def count_sweeps(source: SourceConfig, model: str) -> int:
    """How many sweeps a source has for a network's YAML; 0 of one that is not there."""
    if not is_there(source):
        return 0
    network = load_model_config(Path(model))
    return len(open_source(source, network.classes, network.features))
