"""Points to boxes: the node's way beside the same network layer by layer in fp32, in turn."""

import itertools
import random
import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.networks import cloud_of, device_of, load
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.device import choose_precision
from pd_ros.detection.predictor import Predictor

_ROUNDS = 200
_FEWEST = 3
_EAGER = "eager fp32"


def check(setting: Setting) -> Finding:
    """Times of both ways, p50 and p99; nothing is failed for being slow."""
    device = device_of(setting)
    checkpoint = load(setting)
    eager = Predictor(checkpoint, device, torch.float32)
    ways = {_EAGER: eager}
    precision = choose_precision("auto", device)
    backends = ["torch"]
    if device.type == "cuda" and isinstance(checkpoint.config, ModelConfig):
        backends.append("cuda_graph")
    for backend in backends:
        short = str(precision).removeprefix("torch.")
        ways[f"{backend} {short}"] = Predictor(load(setting), device, precision, backend)
    clouds = [cloud_of(points, checkpoint.config) for points in setting.clouds]
    times = time_in_turn(ways, clouds, setting)
    spent = {name: percentiles(each) for name, each in times.items()}
    said = ", ".join(f"{name} {p50:.1f}/{p99:.1f}" for name, (p50, p99) in spent.items())
    faster = spent[_EAGER][0] / min(p50 for name, (p50, _) in spent.items() if name != _EAGER)
    rounds = len(times[_EAGER])
    text = f"p50/p99 in ms: {said}; {faster:.1f} times as fast, {rounds} clouds each"
    figures = {name: {"p50_ms": p50, "p99_ms": p99} for name, (p50, p99) in spent.items()}
    return Finding(True, text, {**figures, "clouds": rounds})


def time_in_turn(
    ways: Mapping[str, Predictor], clouds: Sequence[Tensor], setting: Setting
) -> dict[str, list[float]]:
    """Milliseconds of each way on each cloud, whose order of ways is drawn anew each time."""
    for way in ways.values():
        for cloud in clouds:
            way(cloud)
    times: dict[str, list[float]] = {name: [] for name in ways}
    order = random.Random(0)
    for cloud in setting.repeat(itertools.islice(itertools.cycle(clouds), _ROUNDS), _FEWEST):
        for name in order.sample(list(ways), len(ways)):
            began = time.perf_counter()
            ways[name](cloud)  # its boxes lie on the CPU: the GPU is done
            times[name].append(1000 * (time.perf_counter() - began))
    return times


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    """50th and 99th."""
    p50, p99 = np.percentile(times, (50, 99)).tolist()
    return p50, p99
