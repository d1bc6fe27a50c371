"""Measure how much slower detectors get beside foreign busy threads on the same cores.

Each path runs in a process of its own, because OpenMP is told once in a process' life how its
threads wait: the plain one as published code does, the fast one as the node does.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from tqdm import tqdm

from pd_ros.benchmark.busy import BusyProcesses, busy_processes
from pd_ros.benchmark.inputs import (
    Form,
    MeasuredDetector,
    ReceivedCloud,
    load_network,
    make_detector,
    with_features,
)
from pd_ros.benchmark.timing import Ratio, ratio
from pd_ros.pointcloud.decode import decode_points
from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.openmp import wait_as_by_default

_CPU = torch.device("cpu")
_WARM_UP = 2
_FEWEST = 3  # rounds, however long they take


@dataclass(frozen=True)
class Beside:
    """Times of one path from points to boxes, in ms, taken in turn."""

    alone: list[float]
    busy: list[float]
    times_slower: Ratio


def measure_beside(
    path: Path,
    forms: Sequence[Form],
    threads: int,
    clouds: Sequence[ReceivedCloud],
    busy_threads: int,
    rounds: int,
    seconds: float,
    keep_memory: bool,
) -> dict[str, Beside]:
    """Time all paths alone and beside busy threads: ``rounds`` times, or until ``seconds`` end.

    All are held on as many cores as the detector has threads. Raises ``ValueError`` where a
    process dies, or cores cannot be chosen.
    """
    cores = sorted(os.sched_getaffinity(0))[:threads]
    with ExitStack() as stack:
        busy = stack.enter_context(busy_processes(busy_threads, cores))
        timers = {
            form.path: stack.enter_context(_timer(path, form, threads, cores, clouds, keep_memory))
            for form in forms
        }
        try:
            times = _take_turns(timers, len(clouds), busy, rounds, seconds)
        except BrokenProcessPool:
            raise ValueError(
                f"{path}: a process that measured it died; see whether the machine has memory"
                " enough, or leave --busy-threads out"
            ) from None
    return {
        name: Beside(times[name, False], times[name, True],
                     ratio(times[name, True], times[name, False]))
        for name in timers
    }  # fmt: skip


def _take_turns(
    timers: dict[str, Callable[[int], float]],
    clouds: int,
    busy: BusyProcesses,
    rounds: int,
    seconds: float,
) -> dict[tuple[str, bool], list[float]]:
    cases = [(name, is_busy) for name in timers for is_busy in (False, True)]
    times: dict[tuple[str, bool], list[float]] = {case: [] for case in cases}
    order, end_s = random.Random(0), time.monotonic() + seconds
    for number in tqdm(range(rounds), desc="rounds beside busy threads", leave=False):
        if number >= _FEWEST and time.monotonic() > end_s:
            break
        for case in order.sample(cases, len(cases)):
            name, is_busy = case
            if is_busy:
                busy.go_on()
            times[case] += [timers[name](cloud) for cloud in range(clouds)]
            busy.pause()
    return times


@contextmanager
def _timer(
    path: Path,
    form: Form,
    threads: int,
    cores: Sequence[int],
    clouds: Sequence[ReceivedCloud],
    keep_memory: bool,
) -> Iterator[Callable[[int], float]]:
    """A process with one detector, as a function from a cloud's number to its time."""
    before = dict(os.environ)
    if form.path != "fast":
        wait_as_by_default()
    arguments = (path, form, threads, cores, clouds, keep_memory)
    with ProcessPoolExecutor(1, get_context("spawn"), _prepare, arguments) as pool:
        started = pool.submit(_warm_up)
        os.environ.clear()
        os.environ.update(before)
        started.result()
        yield lambda cloud: pool.submit(_time, cloud).result()


_DETECTORS: list[MeasuredDetector] = []  # of the process: one
_CLOUDS: list[torch.Tensor] = []


def _prepare(
    path: Path,
    form: Form,
    threads: int,
    cores: Sequence[int],
    clouds: Sequence[ReceivedCloud],
    keep_memory: bool,
) -> None:
    os.sched_setaffinity(0, cores)  # before there are other threads
    if keep_memory:
        keep_freed_memory()
    torch.set_num_threads(threads)
    checkpoint = load_network(path)
    _DETECTORS.append(make_detector(checkpoint, form, _CPU))
    for cloud in clouds:
        points = decode_points(cloud.layout, cloud.data)
        _CLOUDS.append(with_features(points, checkpoint.config))


def _warm_up() -> None:
    for _ in range(_WARM_UP):
        _time(0)


def _time(cloud: int) -> float:
    began_s = time.perf_counter()
    _DETECTORS[0](_CLOUDS[cloud])
    return 1000 * (time.perf_counter() - began_s)
