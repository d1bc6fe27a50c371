"""Recordings in several processes at once, with one progress bar."""

import functools
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

import torch
from tqdm import tqdm

from pd_ros.detection.checkpoint import read_config
from pd_ros.evaluate_recording.options import EvaluationPlan, RecordingTask, open_task
from pd_ros.evaluate_recording.results import RecordingResult
from pd_ros.evaluate_recording.run import Evaluator
from pd_ros.process.stop_signals import Terminated, ending_tidily
from pd_ros.recordings.label_names import names_of, refuse_all_unknown
from pd_ros.recordings.sources import Source

_LOOK_PERIOD_S = 0.2


class _Shared(NamedTuple):
    """What the processes share: how many clouds are done, and whether to give up."""

    done: "Synchronized[int]"
    stop: Event


def run_all(
    tasks: Sequence[RecordingTask], plan: EvaluationPlan, jobs: int, boxes: Path
) -> list[RecordingResult]:
    """Run over all recordings, ``jobs`` at a time; the results are in the order of the tasks.

    ``boxes``: a folder for the boxes of all clouds, which the results name.
    Each process has an equal part of torch's threads. Raises ``ValueError`` for a recording or
    model that cannot be read; nothing is left running then.
    """
    sources = [open_task(task.path, plan) for task in tasks]
    if plan.teacher is None:
        _refuse_labels(sources, plan)
    total = sum(source.count for source in sources)
    with tqdm(total=total, desc="evaluation", unit="cloud", leave=False) as bar:
        if min(jobs, len(tasks)) == 1:
            evaluator = Evaluator.load(plan)
            return [evaluator.run(task, _boxes_of(task, boxes), bar.update) for task in tasks]
        return _in_processes(tasks, plan, boxes, min(jobs, len(tasks)), bar.update)


def _boxes_of(task: RecordingTask, folder: Path) -> Path:
    return folder / f"{task.name}.boxes"


def _refuse_labels(sources: Sequence[Source], plan: EvaluationPlan) -> None:
    """Raise ``ValueError``, before the work is done, for labels that measure nothing."""
    truth = [boxes for source in sources for boxes in (source.truth or {}).values()]
    refuse_all_unknown(names_of(truth), read_config(plan.models[0]).classes)


def _in_processes(
    tasks: Sequence[RecordingTask],
    plan: EvaluationPlan,
    boxes: Path,
    jobs: int,
    advance: Callable[[int], object],
) -> list[RecordingResult]:
    context = multiprocessing.get_context("spawn")  # torch and CUDA do not survive a fork
    shared = _Shared(context.Value("L", 0), context.Event())
    threads = max(1, torch.get_num_threads() // jobs)
    pool = ProcessPoolExecutor(jobs, context, _begin, (shared, threads))
    try:
        futures = [pool.submit(_run, task, plan, boxes) for task in tasks]
        _follow(futures, shared, advance)
        return [pickle.loads(future.result()) for future in futures]
    except BrokenProcessPool as error:
        raise ValueError(
            "a process ended before its recording did, perhaps for want of memory;"
            " try fewer --jobs"
        ) from error
    finally:
        shared.stop.set()
        pool.shutdown(cancel_futures=True)


def _follow(
    futures: "Sequence[Future[bytes]]", shared: _Shared, advance: Callable[[int], object]
) -> None:
    """Move the bar until all is done; raises what the first failure raised."""
    waiting, shown = set(futures), 0
    while waiting:
        done, waiting = wait(waiting, _LOOK_PERIOD_S, FIRST_COMPLETED)
        count = int(shared.done.value)
        advance(count - shown)
        shown = count
        for future in done:
            future.result()


def _begin(shared: _Shared, threads: int) -> None:
    """Prepare a process."""
    global _shared  # noqa: PLW0603  # synchronisation passes to a process only at its start
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is told to stop by the first process
    torch.set_num_threads(threads)


def _run(task: RecordingTask, plan: EvaluationPlan, boxes: Path) -> bytes:
    """As bytes, because tensors sent by themselves take a file descriptor each."""
    try:
        with ending_tidily():
            return pickle.dumps(_evaluator(plan).run(task, _boxes_of(task, boxes), _count))
    except Terminated:  # as the caller was, or this process alone
        raise ValueError(f"{task.path}: the process at work on it was told to stop") from None


def _count() -> None:
    if _shared.stop.is_set():
        raise ValueError("another recording failed")
    with _shared.done.get_lock():
        _shared.done.value += 1


@functools.cache
def _evaluator(plan: EvaluationPlan) -> Evaluator:
    return Evaluator.load(plan)


_shared: _Shared
