"""Decoding: the boxes that a device finds in the CPU's maps, and those that it suppresses."""

import torch

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.compare import box_difference
from pd_ros.check_device.networks import (
    CPU,
    canvas_on_cpu,
    cloud_of,
    device_of,
    load_bev,
    maps_on_cpu,
    move_maps,
)
from pd_ros.detection.bev.decode_center import suppress, usable
from pd_ros.detection.bev.peaks import make_peaks
from pd_ros.detection.types import Detections


@torch.inference_mode()
def check(setting: Setting) -> Finding:
    """Candidates of the same maps, and what is left of the CPU's candidates."""
    model, config = load_bev(setting)
    device, settings = device_of(setting), config.decode
    maps = maps_on_cpu(model, canvas_on_cpu(model, config, cloud_of(setting.clouds[0], config)))
    candidates = make_peaks(config, CPU)(maps)[0]
    there = make_peaks(config, device)(move_maps(maps, device))[0].cpu()
    found = box_difference(candidates, there, "fp32", trained=False)
    kept = suppress(usable(candidates, settings), settings, config.class_groups)
    left = suppress(usable(_move(candidates, device), settings), settings, config.class_groups)
    left = left.cpu()
    same = all(map(torch.equal, kept[:3], left[:3]))
    text = (
        f"{len(candidates.scores)} candidates, {found.lost} of the best {found.boxes} not found,"
        f" scores differ by {found.score:.1e}; of the CPU's candidates"
        f" {'the same' if same else 'other'} {len(left.scores)} boxes kept"
    )
    return Finding(found.within("fp32") and same, text, found._asdict())


def _move(found: Detections, device: torch.device) -> Detections:
    velocities = None if found.velocities is None else found.velocities.to(device)
    return Detections(
        found.boxes.to(device), found.scores.to(device), found.labels.to(device), velocities
    )
