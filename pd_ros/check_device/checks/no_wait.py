"""A cloud through the recorded detector: one wait, no memory asked for, once it is warm."""

import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.networks import cloud_of, device_of, load
from pd_ros.detection.predictor import Predictor

_CLOUDS = 20
_WAITS = 1  # per cloud: for its answer
_WAITED = "called a synchronizing"  # in torch's warning of each; another one is of the mode
_COUNTED = ("allocation.all.allocated", "segment.all.allocated")


def check(setting: Setting) -> Finding:
    """Count what torch warns of and what its memory statistics count, over clouds in turn."""
    device, checkpoint = device_of(setting), load(setting)
    clouds = [cloud_of(points, checkpoint.config) for points in setting.clouds]
    predictor = Predictor(checkpoint, device, torch.float16, "cuda_graph")
    for cloud in clouds:
        predictor.infer_uncalibrated(cloud)
    before = _memory(device)
    waits = count_waits(lambda: [
        predictor.infer_uncalibrated(clouds[number % len(clouds)]) for number in range(_CLOUDS)
    ])  # fmt: skip
    asked = {name: _memory(device)[name] - before[name] for name in _COUNTED}
    places = ", ".join(f"{place} {count}" for place, count in waits.most_common())
    text = (
        f"{waits.total() / _CLOUDS:g} waits a cloud ({places}),"
        f" {asked[_COUNTED[0]]} blocks and {asked[_COUNTED[1]]} segments of memory asked for"
        f" over {_CLOUDS} clouds"
    )
    passed = waits.total() <= _WAITS * _CLOUDS and not any(asked.values())
    return Finding(passed, text, {"waits": dict(waits), **asked})


def count_waits(work: Callable[[], object]) -> Counter[str]:
    """How often the CPU waits for the GPU while something is done, by file and line."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    return Counter(
        f"{Path(each.filename).name}:{each.lineno}"
        for each in told
        if _WAITED in str(each.message)
    )


def _memory(device: torch.device) -> dict[str, int]:
    statistics = torch.cuda.memory_stats(device)
    return {name: int(statistics[name]) for name in _COUNTED}
