"""How boxes differ from those that they should be, in the terms of the box itself."""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pd_ros.detection.boxes import wrap_angle


@dataclass(frozen=True)
class BoxErrors:
    """Mean and standard deviation over pairs of box found minus true box."""

    along_m: tuple[float, float]  # centre, along the true box's axis
    across_m: tuple[float, float]
    up_m: tuple[float, float]
    length_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]
    yaw_deg: tuple[float, float]  # of the axes, -90 to 90, direction aside

    def __str__(self) -> str:
        parts = []
        for field in fields(self):
            name, _, unit = field.name.partition("_")
            mean, deviation = getattr(self, field.name)
            parts.append(f"{name} {mean:+.2f} ± {deviation:.2f} {unit}")
        return ", ".join(parts)


def box_differences(found: Tensor, true: Tensor) -> Tensor:
    """Differences ``[P, 7]`` of paired boxes ``[P, 7]`` in the order of :class:`BoxErrors`.

    Metres, radians, float64; no pair gives none.
    """
    found, true = found.double(), true.double()
    x, y, up = (found[:, :3] - true[:, :3]).unbind(dim=1)
    cos, sin = true[:, 6].cos(), true[:, 6].sin()
    turn = wrap_angle(found[:, 6] - true[:, 6])
    axis = torch.remainder(turn + math.pi / 2, math.pi) - math.pi / 2
    centre = (x * cos + y * sin, y * cos - x * sin, up)
    return torch.stack((*centre, *(found[:, 3:6] - true[:, 3:6]).unbind(dim=1), axis), dim=1)


def summarise_errors(differences: Tensor) -> BoxErrors | None:
    """Mean and deviation of differences ``[P, 7]``; None where there is no pair."""
    if not len(differences):
        return None
    mean = differences.mean(dim=0)
    deviation = differences.std(dim=0, correction=0)
    scale = torch.tensor([1.0] * 6 + [180 / math.pi], dtype=differences.dtype)
    pairs = zip((mean * scale).tolist(), (deviation * scale).tolist(), strict=True)
    return BoxErrors(*pairs)
