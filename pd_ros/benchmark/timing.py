"""Ways through the same detector timed in turn, so that what else runs on the machine hits all."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from pd_ros.benchmark.inputs import ReceivedCloud
from pd_ros.detection.device import StageClock

# From a cloud's message to the bytes of the answer; it is told when each stage is over.
Way = Callable[[ReceivedCloud, Callable[[str], None]], bytes]

_FEWEST = 3  # rounds, however long they take
_WARM_UP = 2
_RESAMPLED = 1000


@dataclass
class Times:
    """Times of one way, in milliseconds, one for each cloud of each round."""

    whole: list[float] = field(default_factory=list)  # from message to message
    processor: list[float] = field(default_factory=list)  # the same in the process' CPU time
    stages: dict[str, list[float]] = field(default_factory=dict)  # in runs of their own


class Ratio(NamedTuple):
    """How many times one way takes as long as another."""

    median: float
    low: float  # 95 % of the medians of resampled times lie between
    high: float


def time_in_turn(
    ways: Mapping[str, Way],
    clouds: Sequence[ReceivedCloud],
    device: torch.device,
    rounds: int,
    seconds: float,
) -> dict[str, Times]:
    """Times of all ways over all clouds: ``rounds`` times, or fewer if ``seconds`` are over.

    In every round each cloud goes through each way twice, once as a whole and once by stage; which
    way comes first is drawn anew.
    """
    for way in ways.values():
        for _ in range(_WARM_UP):
            way(clouds[0], _nobody)
    times = {name: Times() for name in ways}
    order, ends = random.Random(0), time.monotonic() + seconds
    for number in tqdm(range(rounds), desc="rounds", leave=False):
        if number >= _FEWEST and time.monotonic() > ends:
            break
        for cloud in clouds:
            for name in order.sample(list(ways), len(ways)):
                _time_whole(ways[name], cloud, times[name])
                _time_stages(ways[name], cloud, device, times[name])
    return times


def ratio(slow: Sequence[float], fast: Sequence[float]) -> Ratio:
    """Ratio of the medians of times that were taken in turn, with its spread by the bootstrap."""
    a, b = np.asarray(slow), np.asarray(fast)
    drawn = np.random.default_rng(0).integers(0, len(a), (_RESAMPLED, len(a)))
    resampled = np.median(a[drawn], axis=1) / np.median(b[drawn], axis=1)
    low, high = np.percentile(resampled, (2.5, 97.5)).tolist()
    return Ratio(float(np.median(a) / np.median(b)), low, high)


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """50th, 95th and 99th percentile."""
    values = np.percentile(times, (50, 95, 99)).tolist()
    return dict(zip(("p50", "p95", "p99"), values, strict=True))


def _nobody(_stage: str) -> None:
    """Nobody wants to know that a stage is over."""


def _time_whole(way: Way, cloud: ReceivedCloud, times: Times) -> None:
    wall, processor = time.perf_counter(), time.process_time()
    way(cloud, _nobody)
    times.processor.append(1000 * (time.process_time() - processor))
    times.whole.append(1000 * (time.perf_counter() - wall))


def _time_stages(way: Way, cloud: ReceivedCloud, device: torch.device, times: Times) -> None:
    clock = StageClock(device)
    way(cloud, clock.mark)
    for name, ms in clock.read_ms().items():
        times.stages.setdefault(name, []).append(ms)
