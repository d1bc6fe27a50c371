"""Everything that one detector costs on one cloud."""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from pd_ros.benchmark.inputs import load_network, with_features
from pd_ros.benchmark.startup import PeakMemory
from pd_ros.detection.device import choose_precision
from pd_ros.detection.predictor import Predictor
from training.datasets.frame import Float32
from training.profile.cost.latency import Latency, measure_latency
from training.profile.cost.operations import Operations, count_operations


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
