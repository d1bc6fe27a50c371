"""Anchor boxes: where they stand, and boxes as differences from them (SECOND section 3.1.4)."""

import math

import torch
from torch import Tensor

from pd_ros.detection.config import ModelConfig
from pd_ros.detection.part_config import AnchorHeadConfig


def make_anchors(config: ModelConfig) -> Tensor:
    """Anchors ``[H * W * A, 7]`` float32 in the order of the head's maps.

    Row by row and cell by cell; in each cell class by class, and each class in all directions. The
    outermost anchors stand on the border of the range, as OpenPCDet has it.
    """
    head = anchor_head(config)
    rows, columns = config.output_size
    x0, y0, _, x1, y1, _ = config.grid.range_m
    x = torch.linspace(x0, x1, columns, dtype=torch.float64)
    y = torch.linspace(y0, y1, rows, dtype=torch.float64)
    per_cell = _anchors_of_a_cell(head)
    anchors = per_cell.expand(rows, columns, -1, 7).clone()
    anchors[..., 0] = x[None, :, None]
    anchors[..., 1] = y[:, None, None]
    return anchors.view(-1, 7).float()


def anchor_head(config: ModelConfig) -> AnchorHeadConfig:
    """The head of a config that has anchors; ``ValueError`` for another head."""
    if not isinstance(config.head, AnchorHeadConfig):
        raise ValueError(f"{config.name}: expected a head with anchors; it has centres")
    return config.head


def _anchors_of_a_cell(head: AnchorHeadConfig) -> Tensor:
    rows = [
        (0.0, 0.0, anchor.bottom_m + anchor.size_m[2] / 2, *anchor.size_m, rotation)
        for anchor in head.anchors
        for rotation in head.rotations_rad
    ]
    return torch.tensor(rows, dtype=torch.float64)


def encode_boxes(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes ``[N, 7]`` as differences from their anchors ``[N, 7]``: ``[N, 7]``.

    Position over the anchor's diagonal (height: over its height), logarithm of the ratio of the
    sizes, difference of the yaws.
    """
    diagonal = torch.linalg.vector_norm(anchors[:, 3:5], dim=1, keepdim=True)
    position = (boxes[:, :2] - anchors[:, :2]) / diagonal
    height = (boxes[:, 2:3] - anchors[:, 2:3]) / anchors[:, 5:6]
    size = torch.log(boxes[:, 3:6] / anchors[:, 3:6])
    return torch.cat((position, height, size, boxes[:, 6:] - anchors[:, 6:]), dim=1)


def decode_boxes(differences: Tensor, anchors: Tensor) -> Tensor:
    """The inverse of :func:`encode_boxes`."""
    diagonal = torch.linalg.vector_norm(anchors[:, 3:5], dim=1, keepdim=True)
    position = differences[:, :2] * diagonal + anchors[:, :2]
    height = differences[:, 2:3] * anchors[:, 5:6] + anchors[:, 2:3]
    size = differences[:, 3:6].exp() * anchors[:, 3:6]
    return torch.cat((position, height, size, differences[:, 6:] + anchors[:, 6:]), dim=1)


def direction_bin(yaw_rad: Tensor, offset_rad: float) -> Tensor:
    """Which half turn, counted from ``offset_rad``, a yaw lies in: 0 or 1, any shape."""
    turned = torch.remainder(yaw_rad - offset_rad, 2 * math.pi)
    return torch.div(turned, math.pi, rounding_mode="floor").long().clamp(0, 1)


def yaw_in_bin(yaw_rad: Tensor, direction: Tensor, offset_rad: float) -> Tensor:
    """The yaw, turned by half turns so that :func:`direction_bin` gives ``direction``."""
    turned = torch.remainder(yaw_rad - offset_rad, math.pi)
    return turned + offset_rad + math.pi * direction.to(yaw_rad.dtype)


def nearest_bev_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU ``[N, M]`` of footprints, turned to the nearest right angle (PointPillars, 3.1)."""
    low_a, high_a = _upright(a)
    low_b, high_b = _upright(b)
    low = torch.maximum(low_a[:, None], low_b[None])
    high = torch.minimum(high_a[:, None], high_b[None])
    shared = (high - low).clamp(min=0).prod(dim=2)
    area_a, area_b = (high_a - low_a).prod(dim=1), (high_b - low_b).prod(dim=1)
    return shared / (area_a[:, None] + area_b[None] - shared).clamp(min=1e-6)


def _upright(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper corners ``[N, 2]`` of boxes turned to the nearest right angle."""
    from_axis = torch.remainder(boxes[:, 6] + math.pi / 2, math.pi) - math.pi / 2
    across = from_axis.abs() > math.pi / 4
    size = torch.where(across[:, None], boxes[:, [4, 3]], boxes[:, [3, 4]])
    return boxes[:, :2] - size / 2, boxes[:, :2] + size / 2
