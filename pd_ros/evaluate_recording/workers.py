"""Recordings as jobs, several at once where there is room, with one progress bar."""

import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from pd_ros.detection.checkpoint import read_config
from pd_ros.evaluate_recording.frames import ChosenFrames, merge_frames
from pd_ros.evaluate_recording.options import EvaluationPlan, RecordingTask, open_task
from pd_ros.evaluate_recording.results import RecordingResult
from pd_ros.evaluate_recording.run import Evaluator
from pd_ros.jobs.open_pool import open_pool, share_cores
from pd_ros.jobs.run import Begun, Failure, Job, Outcome, run_jobs
from pd_ros.jobs.worker import report, stopping
from pd_ros.process.memory import keep_freed_memory
from pd_ros.recordings.label_names import names_of, refuse_all_unknown
from pd_ros.recordings.remote import local_copy


class Evaluated(NamedTuple):
    """What came out, in the order of the tasks."""

    results: list[RecordingResult]  # without their pictured frames
    chosen: ChosenFrames  # of the pictured frames of all recordings
    failures: dict[str, Failure]  # by recording


def run_all(
    tasks: Sequence[RecordingTask],
    plan: EvaluationPlan,
    jobs: int,
    boxes: Path,
    scheduler: str | None = None,
) -> Evaluated:
    """Run over all recordings, ``jobs`` at a time, or on the workers of a Dask scheduler.

    Each process has an equal part of this machine's cores. ``boxes``: a folder for the boxes of
    all clouds, which the results name. Raises ``ValueError`` for a recording or model that cannot
    be read before anything runs; one that turns out so later is a failure, and the others go on.
    """
    gathering = _Gathering(tasks, sum(_counts(tasks, plan)))
    run = (Job(task.name, evaluate_task, (task, plan, boxes)) for task in tasks)
    gpus = 0 if plan.device == "cpu" else 1
    with (
        gathering.bar,
        open_pool(scheduler, share_cores(min(jobs, len(tasks))), gpus) as pool,
    ):
        run_jobs(pool, run, gathering.take, gathering.show)
    return gathering.evaluated()


class _Gathering:
    """Takes the results as they come; the points of their frames are large."""

    def __init__(self, tasks: Sequence[RecordingTask], clouds: int) -> None:
        self.bar = tqdm(total=clouds, desc="evaluation", unit="cloud", leave=False)
        self._total = clouds
        self._names = [task.name for task in tasks]
        self._results: dict[int, RecordingResult] = {}
        self._failures: dict[int, Failure] = {}
        self._chosen = ChosenFrames((), (), ())
        self._clouds = 0  # of the recordings that are done

    def take(self, outcome: Outcome) -> None:
        if outcome.failure is not None:
            self._failures[outcome.number] = outcome.failure
            return
        result: RecordingResult = outcome.result
        self._chosen = merge_frames(self._chosen, result.pictured, self._names)
        self._results[outcome.number] = result._replace(pictured=())
        self._clouds += result.clouds

    def show(self, begun: Sequence[Begun]) -> None:
        clouds = self._clouds + sum(each.done for each in begun)
        self._total = max(self._total, clouds)  # of recordings elsewhere nothing was known
        self.bar.total = self._total
        if clouds > self.bar.n:
            self.bar.update(clouds - self.bar.n)

    def evaluated(self) -> Evaluated:
        results = [self._results[number] for number in sorted(self._results)]
        failures = {self._names[number]: why for number, why in sorted(self._failures.items())}
        return Evaluated(results, self._chosen, failures)


def _counts(tasks: Sequence[RecordingTask], plan: EvaluationPlan) -> list[int]:
    """How many clouds each recording has; of one that is not on this machine, 0.

    Raises ``ValueError``, before the work is done, for labels that measure nothing.
    """
    counts, names = [], Counter[str]()
    for task in tasks:
        if isinstance(task.path, str):
            continue
        source = open_task(task.path, plan)
        counts.append(source.count)
        names.update(names_of((source.truth or {}).values()))
    if plan.teacher is None:
        refuse_all_unknown(names, read_config(plan.models[0]).classes)
    return counts


def evaluate_task(task: RecordingTask, plan: EvaluationPlan, boxes: Path) -> RecordingResult:
    """Run over one recording, wherever this is called."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        report(done)
        if stopping():
            raise InterruptedError("told to stop")

    try:
        with local_copy(task.path) as local:
            return _evaluator(plan).run(task, local, boxes / f"{task.name}.boxes", count)
    except BaseException:
        _evaluator.cache_clear()  # it may have counted a part of a recording
        raise


@functools.lru_cache(maxsize=1)
def _evaluator(plan: EvaluationPlan) -> Evaluator:
    """Models that are loaded once in a process, whose freed memory stays for the next cloud."""
    keep_freed_memory()
    return Evaluator.load(plan)
