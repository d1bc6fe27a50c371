"""Measure a detector's latency by stage, from points in memory to boxes in memory."""

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from torch import Tensor

from pd_ros.detection.device import StageClock
from pd_ros.detection.predictor import Predictor

_FEWEST = 3  # runs, however long they take
_WARM_UP = 2

ResultT = TypeVar("ResultT")


class Stage(NamedTuple):
    """One stage of a detector."""

    name: str
    ms: float


class Latency(NamedTuple):
    """Times of a detector over one cloud."""

    p50_ms: float
    p95_ms: float
    stages: tuple[Stage, ...]  # in their order, each with its median


def measure_latency(predictor: Predictor, cloud: Tensor, most: int, seconds: float) -> Latency:
    """Latency over a cloud ``[N, 3 + C]``: ``most`` runs, fewer if they take over ``seconds``.

    Stages are timed in runs of their own.
    """
    for _ in range(_WARM_UP):
        predictor(cloud)
    times = _repeat(lambda: _time_ms(predictor, cloud), most, seconds / 2)
    runs = _repeat(lambda: _time_stages(predictor, cloud), most, seconds / 2)
    names = [stage.name for stage in runs[0]]
    medians = np.median([[stage.ms for stage in run] for run in runs], axis=0).tolist()
    p50, p95 = np.percentile(times, (50, 95)).tolist()
    return Latency(p50, p95, tuple(map(Stage, names, medians)))


def _repeat(run: Callable[[], ResultT], most: int, seconds: float) -> list[ResultT]:
    """What as many runs return as fit into the time, at least a few, and at most ``most``."""
    ends = time.monotonic() + seconds
    results: list[ResultT] = []
    while len(results) < most and (len(results) < _FEWEST or time.monotonic() < ends):
        results.append(run())
    return results


def _time_ms(predictor: Predictor, cloud: Tensor) -> float:
    began = time.perf_counter()
    predictor(cloud)
    return 1000 * (time.perf_counter() - began)


def _time_stages(predictor: Predictor, cloud: Tensor) -> list[Stage]:
    clock = StageClock(predictor.device)
    predictor(cloud, clock.mark)
    return [Stage(name, ms) for name, ms in clock.read_ms().items()]
