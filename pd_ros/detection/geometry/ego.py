"""Boxes on the sensor itself: what carries it, the own vehicle, and nothing to be avoided."""

from collections.abc import Sequence

import torch
from torch import Tensor

# From above; nearer than LiDARs see.
EGO_DISTANCE_M = 0.3
# What passes further below a sensor (on a gantry, a drone) does not carry it.
_HEIGHT_M = 1.0
_AT_ORIGIN = (0.0, 0.0, 0.0)


def on_sensor(
    boxes: Tensor, distance_m: float = EGO_DISTANCE_M, sensor_m: Sequence[float] = _AT_ORIGIN
) -> Tensor:
    """Mark boxes ``[M, 7]`` that reach the sensor's place, or come nearer to it: ``[M]`` bool.

    ``sensor_m``: x, y, z in the boxes' frame. A negative distance: none of them.
    """
    if distance_m < 0:
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    x, y, height = (boxes[:, :3] - boxes.new_tensor(sensor_m)).unbind(1)
    cos, sin = boxes[:, 6].cos(), boxes[:, 6].sin()
    along, across = (x * cos + y * sin).abs(), (y * cos - x * sin).abs()
    gap = torch.stack((along, across, height.abs()), dim=1) - boxes[:, 3:6] / 2
    gap = gap.clamp(min=0)
    near = gap[:, :2].square().sum(dim=1) <= distance_m**2
    return near & (gap[:, 2] <= _HEIGHT_M)
