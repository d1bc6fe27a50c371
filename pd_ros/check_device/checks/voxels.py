"""Points to pillars or voxels: the device makes exactly those that the CPU makes."""

import torch
from torch import Tensor

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.networks import batch_of, cloud_of, device_of, load_bev
from pd_ros.detection.types import PillarBatch


def check(setting: Setting) -> Finding:
    """Whole clouds, a tenth of one, one point, none."""
    _, config = load_bev(setting)
    device, differing, cells = device_of(setting), set(), 0
    whole = [cloud_of(points, config) for points in setting.clouds]
    clouds = [*whole, whole[0][::10], whole[0][:1], whole[0][:0]]
    for cloud in clouds:
        expected, found = batch_of(cloud, config), batch_of(cloud.to(device), config)
        differing |= unequal(expected, found)
        cells += len(expected.cells)
    text = f"{cells:,} cells of {len(clouds)} clouds" + (
        f"; differing: {', '.join(sorted(differing))}" if differing else ", all equal"
    )
    return Finding(not differing, text, {"cells": cells})


def unequal(expected: PillarBatch, found: PillarBatch) -> set[str]:
    """Names of the fields that are not the same to the bit."""
    return {
        name
        for name, one, other in zip(expected._fields, expected, found, strict=True)
        if not _equal(one, other)
    }


def _equal(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other.cpu())
    return one == other
