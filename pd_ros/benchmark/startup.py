"""Measure the time to a detector's first answer, and the most memory that it takes."""

import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import torch

from pd_ros.benchmark.inputs import Form, ReceivedCloud, load_network, make_detector, with_features
from pd_ros.pointcloud.decode import decode_points

_MORE = 2  # clouds after the first, for what is only taken then


class FirstFrame(NamedTuple):
    """The beginning of a process with one detector."""

    load_ms: float  # from the checkpoint's path to a detector; libraries are there already
    first_ms: float  # the first cloud, without any warm-up
    peak_mb: float | None  # 1e6 bytes above the libraries; None where the system does not say


def measure_first_frame(
    path: Path, form: Form, device: torch.device, threads: int, cloud: ReceivedCloud
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
    path: Path, form: Form, device: torch.device, threads: int, cloud: ReceivedCloud
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


_PROCESS = Path("/proc/self")
_RESET_PEAK = "5"  # what proc(5) wants written to clear_refs for it


class PeakMemory:
    """The highest point above where memory stood when this was made.

    On a GPU what torch allocated; on a CPU the pages of this process, which tell of one network
    only if no other has run in it. Libraries that are loaded meanwhile count, too.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = self._reset()

    def mb(self) -> float | None:
        """1e6 bytes so far; None on a CPU whose system does not say."""
        if self._before is None:
            return None
        gpu = self._device.type == "cuda"
        peak = torch.cuda.max_memory_allocated(self._device) if gpu else _resident("VmHWM")
        return (peak - self._before) / 1e6

    def _reset(self) -> int | None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        try:
            (_PROCESS / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
        except OSError:
            return None
        return _resident("VmRSS")


def _resident(field: str) -> int:
    """Bytes of a field of the process' status."""
    lines = (_PROCESS / "status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
