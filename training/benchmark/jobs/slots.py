"""Share out the machine: one benchmark in a folder, its workers on GPUs or shares of cores."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import torch

from pd_ros.jobs.pool import LocalWorker

_POLL_S = 0.1


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Lock a folder, which is made if need be, for one benchmark at a time.

    Raises ``ValueError`` if another benchmark holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        if not _lock(file):
            raise ValueError(
                f"{folder}: another benchmark works here; wait for it, stop it, or give another"
                " --out"
            )
        yield


@contextmanager
def wait_for(folder: Path, stopping: Callable[[], bool]) -> Iterator[int]:
    """Lock a job's folder as soon as it is free; gives the descriptor that its processes inherit.

    The lock is open as long as one process has the descriptor.
    """
    with (folder / "lock").open("w") as file:
        while not _lock(file):
            if stopping():
                raise InterruptedError("told to stop")
            time.sleep(_POLL_S)
        yield file.fileno()


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_slots(processes: int | None, gpus_per_run: int) -> list[LocalWorker]:
    """One worker for each process; None: one for each GPU that a run takes, or half of the cores.

    Each has as many threads as there are cores for it, unless OMP_NUM_THREADS says otherwise.
    Raises ``ValueError`` for no process, or for runs that take more GPUs than there are.
    """
    if processes is not None and processes < 1:
        raise ValueError(f"--processes: expected at least 1, got {processes}")
    gpus, cores = _gpus(), len(os.sched_getaffinity(0))
    if gpus and len(gpus) < gpus_per_run:
        raise ValueError(
            f"gpus_per_run: expected at most the {len(gpus)} GPUs that there are, got"
            f" {gpus_per_run}; lower it and raise schedule.batch_size"
        )
    groups = [
        gpus[i : i + gpus_per_run] for i in range(0, len(gpus) + 1 - gpus_per_run, gpus_per_run)
    ]
    count = processes or len(groups) or max(1, cores // 2)
    threads = str(max(1, cores // (count * gpus_per_run)))
    threads = os.environ.get("OMP_NUM_THREADS", threads)
    slots = []
    for number in range(count):
        environment = {"OMP_NUM_THREADS": threads}
        if groups:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(groups[number % len(groups)])
        slots.append(LocalWorker(environment, gpus_per_run if groups else 0))
    return slots


def _gpus() -> list[str]:
    """Names by which CUDA knows the GPUs that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return visible.split(",")[:count] if visible else [str(number) for number in range(count)]
