"""Encoders: the canvas that a device makes of a cloud beside the CPU's, in fp32."""

from collections.abc import Callable

import torch
from torch import Tensor

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.compare import ROUNDING, relative_error
from pd_ros.check_device.networks import (
    batch_of,
    canvas_on_cpu,
    cloud_of,
    device_of,
    exact_products,
    load_bev,
)
from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.inference.folded_encoder import FoldedPillarEncoder
from pd_ros.detection.types import PillarBatch

Canvas = Callable[[PillarBatch], Tensor]


def check(setting: Setting) -> Finding:
    """As it is trained, and of pillars with its batch norm folded, as it is run."""
    model, config = load_bev(setting)
    device, errors = device_of(setting), dict[str, float]()
    clouds = [cloud_of(points, config) for points in setting.clouds]
    expected = [canvas_on_cpu(model, config, clouds[0])]
    expected += [canvas_on_cpu(model, config, cloud) for cloud in setting.repeat(clouds[1:], 0)]
    encoder = model.encoder.to(device)
    ways: dict[str, Canvas] = {"encoder": lambda batch: encoder.canvas(encoder(batch), batch)}
    if isinstance(encoder, PillarEncoder):
        folded = FoldedPillarEncoder(encoder)
        ways["folded"] = lambda batch: folded.canvas(folded(batch), batch)
    for cloud, canvas in zip(clouds, expected, strict=False):
        batch = batch_of(cloud.to(device), config)
        for name, way in ways.items():
            with torch.inference_mode(), exact_products():
                error = relative_error(canvas, way(batch))
            errors[name] = max(errors.get(name, 0.0), error)
    said = ", ".join(f"{name} {error:.1e}" for name, error in errors.items())
    passed = max(errors.values()) <= ROUNDING["fp32"]
    return Finding(passed, f"error {said} over {len(expected)} clouds", {"errors": errors})
