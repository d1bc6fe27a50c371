"""Measure what one detector costs on one cloud: latency by stage, operations, memory."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from pd_ros.benchmark.inputs import load_network, with_features
from pd_ros.benchmark.startup import PeakMemory
from pd_ros.detection.device import StageClock, choose_precision
from pd_ros.detection.predictor import Predictor
from training.datasets.frame import Float32
from training.profile.operations import Operations, count_operations

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
    """Run as often as fits into the time, at least a few times, at most ``most``: all results."""
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


@dataclass(frozen=True)
class ProfileBudget:
    """How much is done to measure times."""

    most: int  # runs
    seconds: float  # after which no more are begun


@dataclass(frozen=True)
class Profile:
    """Cost of one detector on one cloud."""

    name: str
    device: str
    precision: str
    points: int
    parameters: int
    operations: Operations
    latency: Latency
    memory_mb: float | None  # weights and all that a cloud needs, at most


def measure(path: Path, points: Float32, device: torch.device, effort: ProfileBudget) -> Profile:
    """Cost of a checkpoint, or of a YAML's network with fresh weights, on points ``[N, 4]``.

    Features that the points do not have are 0. It is measured in a process of its own, so that
    the memory is this network's alone. Raises ``ValueError`` for a bad file, and if the process
    dies.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(_measure_here, path, points, device, effort).result()
        except BrokenProcessPool:
            raise ValueError(
                f"{path}: the process that measured it died; see whether the machine has memory"
                " enough for this network, or leave it out of --models"
            ) from None


def _measure_here(
    path: Path, points: Float32, device: torch.device, effort: ProfileBudget
) -> Profile:
    # Loaded twice: the predictor changes its network, and all libraries are there when memory is
    # first looked at.
    model, config, *_ = load_network(path)
    cloud = with_features(points, config)
    precision = choose_precision("auto", device)
    memory = PeakMemory(device)
    predictor = Predictor(load_network(path), device, precision)
    latency = measure_latency(predictor, cloud, effort.most, effort.seconds)
    return Profile(
        name=path.stem,
        device=_describe(device),
        precision=str(precision).removeprefix("torch."),
        points=len(points),
        parameters=sum(p.numel() for p in model.parameters()),
        memory_mb=memory.mb(),
        latency=latency,
        operations=count_operations(model, cloud, config),
    )


def _describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, threads: {torch.get_num_threads()}"
