"""Backbone, neck and head: the maps that a device makes of a canvas beside the CPU's in fp32."""

import torch

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.compare import ROUNDING, map_errors
from pd_ros.check_device.networks import (
    canvas_on_cpu,
    cloud_of,
    device_of,
    exact_products,
    load_bev,
    maps_on_cpu,
    precisions,
)
from pd_ros.detection.inference.backends import TorchDense
from pd_ros.detection.inference.fold_norm import fold_batch_norm
from pd_ros.detection.types import noop


def check(setting: Setting) -> Finding:
    """In each precision that the node may be told to use, and as fp32 comes without asking."""
    model, config = load_bev(setting)
    device, errors = device_of(setting), dict[str, float]()
    canvas = canvas_on_cpu(model, config, cloud_of(setting.clouds[0], config))
    expected = maps_on_cpu(model, canvas)
    for name, kind in precisions(device).items():
        dense = fold_batch_norm(load_bev(setting)[0].dense.eval()).to(device)
        run = TorchDense(dense, kind)
        given = canvas.to(device, kind).to(memory_format=torch.channels_last)
        with torch.inference_mode(), exact_products():
            errors[name] = max(map_errors(expected, run(given, noop)).values())
        if name == "fp32" and device.type == "cuda":
            with torch.inference_mode():
                errors["fp32 as it comes"] = max(map_errors(expected, run(given, noop)).values())
    passed = all(errors[name] <= ROUNDING[name] for name in precisions(device))
    said = ", ".join(f"{name} {error:.1e}" for name, error in errors.items())
    return Finding(passed, f"error {said}", {"errors": errors})
