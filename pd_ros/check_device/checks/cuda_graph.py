"""The recorded detector: on clouds of changing sizes again and again, always the same boxes."""

import random
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.compare import BoxDifference, box_difference, worst
from pd_ros.check_device.networks import cloud_of, device_of, exact_products, load
from pd_ros.detection.device import PRECISIONS
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections

_REPLAYS = 1000
_FEWEST = 20  # however little time there is
_PRECISIONS = ("fp32", "fp16")
_SHARES = (1.0, 0.0, 0.4, 0.05, 0.75)  # of a cloud's points


def check(setting: Setting) -> Finding:
    """fp32 and fp16 beside the same detector layer by layer; the largest cloud asks for room."""
    with exact_products():
        found = {name: _replay(setting, name) for name in _PRECISIONS}
    said = "; ".join(
        f"{name} {count} replays, {each.lost} of {each.boxes} boxes lost, scores {each.score:.1e}"
        for name, (count, each) in found.items()
    )
    passed = all(each.within(name) for name, (_, each) in found.items())
    figures = {name: {"replays": count, **each._asdict()} for name, (count, each) in found.items()}
    return Finding(passed, said, figures)


def _replay(setting: Setting, precision: str) -> tuple[int, BoxDifference]:
    device, kind = device_of(setting), PRECISIONS[precision]
    checkpoint = load(setting)
    clouds = changing_sizes([cloud_of(points, checkpoint.config) for points in setting.clouds])
    eager = Predictor(checkpoint, device, kind)
    expected = [eager.infer_uncalibrated(cloud).detections for cloud in clouds]
    recorded = Predictor(load(setting), device, kind, "cuda_graph")
    order = random.Random(0)
    turns = [*range(len(clouds)), *(order.randrange(len(clouds)) for _ in range(_REPLAYS))]
    own = replace(setting, seconds=setting.seconds / len(_PRECISIONS))
    differences = []
    for number in own.repeat(turns[:_REPLAYS], max(_FEWEST, len(clouds))):
        found = recorded.infer_uncalibrated(clouds[number]).detections
        differences.append(_difference(expected[number], found, precision, checkpoint.training))
    return len(differences), worst(differences)


def changing_sizes(clouds: Sequence[Tensor]) -> list[Tensor]:
    """Whole clouds and parts of them, an empty one, a single point, one beyond the first room."""
    parts = [
        cloud[torch.randperm(len(cloud), generator=torch.Generator().manual_seed(0))[:count]]
        for cloud in clouds
        for count in (int(share * len(cloud)) for share in _SHARES)
    ]
    copies = -(-150_000 // max(1, len(clouds[0])))
    return [*parts, clouds[0][:1], clouds[0].repeat(copies, 1)]


def _difference(
    expected: Detections, found: Detections, precision: str, training: object
) -> BoxDifference:
    return box_difference(expected, found, precision, bool(training))
