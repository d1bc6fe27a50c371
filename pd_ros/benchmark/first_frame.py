"""What a detector needs before its first answer, and the most memory that it takes."""

import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import torch

from pd_ros.benchmark.cloud import CloudMessage
from pd_ros.benchmark.memory import PeakMemory
from pd_ros.benchmark.networks import Form, load_network, make_detector, with_features
from pd_ros.pointcloud import decode_points

_MORE = 2  # clouds after the first, for what is only taken then


class FirstFrame(NamedTuple):
    """The beginning of a process with one detector."""

    load_ms: float  # from the checkpoint's path to a detector; libraries are there already
    first_ms: float  # the first cloud, without any warm-up
    peak_mb: float | None  # 1e6 bytes above the libraries; None where the system does not say


def measure_first_frame(
    path: Path, form: Form, device: torch.device, threads: int, cloud: CloudMessage
) -> FirstFrame:
    """Measure a path in a process of its own, where nothing else has run.

    Raises ``ValueError`` if the process dies.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        work = pool.submit(_measure_here, path, form, device, threads, cloud)
        try:
            return work.result()
        except BrokenProcessPool:
            raise ValueError(
                f"{path}: the process that measured it died; see whether the machine has memory"
                " enough for this network, or leave it out of --model"
            ) from None


def _measure_here(
    path: Path, form: Form, device: torch.device, threads: int, cloud: CloudMessage
) -> FirstFrame:
    torch.set_num_threads(threads)
    points = decode_points(cloud.layout, cloud.data)
    load_network(path)  # imports what it needs
    memory, began = PeakMemory(device), time.perf_counter()
    checkpoint = load_network(path)
    detector = make_detector(checkpoint, form, device)
    loaded = time.perf_counter()
    prepared = with_features(points, checkpoint.config)
    detector(prepared)
    answered = time.perf_counter()
    for _ in range(_MORE):
        detector(prepared)
    return FirstFrame(1000 * (loaded - began), 1000 * (answered - loaded), memory.mb())
