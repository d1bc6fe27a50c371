"""The whole detector: a device's boxes in each precision beside the CPU's in fp32."""

import torch

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.compare import BoxDifference, box_difference, worst
from pd_ros.check_device.networks import (
    CPU,
    cloud_of,
    device_of,
    exact_products,
    load,
    precisions,
)
from pd_ros.detection.predictor import Predictor


def check(setting: Setting) -> Finding:
    """Of the node's backend that needs nothing recorded: torch, layer by layer."""
    checkpoint, device = load(setting), device_of(setting)
    clouds = [cloud_of(points, checkpoint.config) for points in setting.clouds]
    reference = Predictor(checkpoint, CPU, torch.float32)
    expected = list(map(reference.infer_uncalibrated, setting.repeat(clouds)))
    found: dict[str, BoxDifference] = {}
    not_finite = 0
    for name, precision in precisions(device).items():
        predictor = Predictor(load(setting), device, precision)
        with exact_products():
            results = [predictor.infer_uncalibrated(cloud) for cloud in clouds[: len(expected)]]
        not_finite += sum(result.not_finite for result in results)
        found[name] = worst([
            box_difference(one.detections, other.detections, name, bool(checkpoint.training))
            for one, other in zip(expected, results, strict=True)
        ])  # fmt: skip
    boxes = sum(len(result.detections.scores) for result in expected)
    said = "; ".join(
        f"{name} {each.lost} of {each.boxes} lost, scores {each.score:.1e}"
        for name, each in found.items()
    )
    passed = not not_finite and all(each.within(name) for name, each in found.items())
    said += f"; {not_finite} values are not finite" * bool(not_finite)
    figures = {name: each._asdict() for name, each in found.items()}
    return Finding(passed, f"{boxes} boxes in {len(expected)} clouds: {said}", figures)
