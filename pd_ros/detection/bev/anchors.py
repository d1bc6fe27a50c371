"""Anchor boxes: where they stand, and boxes as differences from them (SECOND section 3.1.4)."""

import math

import torch
from torch import Tensor

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig


def make_anchors(config: ModelConfig) -> Tensor:
    """Anchors ``[N, 7]`` float32 in the order of the head's maps; see :func:`level_anchors`."""
    return torch.cat([level.flatten(0, 2) for level in level_anchors(config)])


def level_anchors(config: ModelConfig) -> list[Tensor]:
    """Anchors of each map that the head looks at, finest first: ``[rows, columns, A, 7]`` float32.

    In each cell one size after the other, and each size in all directions. The outermost anchors
    stand on the border of the range, as OpenPCDet has it, unless the head wants them at the
    centres of its cells. Coarser levels' anchors are larger by as much as their cells.
    """
    return [_anchors_at_stride(config, stride) for stride in config.level_strides]


def _anchors_at_stride(config: ModelConfig, stride: int) -> Tensor:
    head = anchor_head(config)
    rows, columns = (cells // stride for cells in config.grid.size)
    x0, y0, _, x1, y1, _ = config.grid.range_m
    x = _places(x0, x1, columns, head.at_cell_centres)
    y = _places(y0, y1, rows, head.at_cell_centres)
    per_cell = _anchors_of_a_cell(head, stride / config.output_stride)
    anchors = per_cell.expand(rows, columns, -1, 7).clone()
    anchors[..., 0] = x[None, :, None]
    anchors[..., 1] = y[:, None, None]
    return anchors.float()


def _places(first: float, last: float, count: int, centres: bool) -> Tensor:
    border = (last - first) / count / 2 if centres else 0.0
    return torch.linspace(first + border, last - border, count, dtype=torch.float64)


def anchor_head(config: ModelConfig) -> AnchorHeadConfig:
    """The head of a config that has anchors; ``ValueError`` for another head."""
    if not isinstance(config.head, AnchorHeadConfig):
        raise ValueError(f"{config.name}: expected a head with anchors; it has centres")
    return config.head


def _anchors_of_a_cell(head: AnchorHeadConfig, scale: float) -> Tensor:
    sizes = [tuple(scale * side for side in anchor.size_m) for anchor in head.anchors]
    rows = [
        (0.0, 0.0, anchor.bottom_m + size[2] / 2, *size, rotation)
        for anchor, size in zip(head.anchors, sizes, strict=True)
        for rotation in head.rotations_rad
    ]
    return torch.tensor(rows, dtype=torch.float64)


def encode_boxes(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes ``[N, 7]`` as differences from their anchors ``[N, 7]``: ``[N, 7]``.

    Position over the anchor's diagonal (height: over its height), logarithm of the ratio of the
    sizes, difference of the yaws. A velocity that follows (``[N, 9]``) stays as it is.
    """
    diagonal = torch.linalg.vector_norm(anchors[:, 3:5], dim=1, keepdim=True)
    position = (boxes[:, :2] - anchors[:, :2]) / diagonal
    height = (boxes[:, 2:3] - anchors[:, 2:3]) / anchors[:, 5:6]
    size = torch.log(boxes[:, 3:6] / anchors[:, 3:6])
    yaw = boxes[:, 6:7] - anchors[:, 6:]
    return torch.cat((position, height, size, yaw, boxes[:, 7:]), dim=1)


def decode_boxes(differences: Tensor, anchors: Tensor) -> Tensor:
    """The inverse of :func:`encode_boxes`."""
    diagonal = torch.linalg.vector_norm(anchors[:, 3:5], dim=1, keepdim=True)
    position = differences[:, :2] * diagonal + anchors[:, :2]
    height = differences[:, 2:3] * anchors[:, 5:6] + anchors[:, 2:3]
    size = differences[:, 3:6].exp() * anchors[:, 3:6]
    yaw = differences[:, 6:7] + anchors[:, 6:]
    return torch.cat((position, height, size, yaw, differences[:, 7:]), dim=1)


def direction_bin(yaw_rad: Tensor, offset_rad: float) -> Tensor:
    """Return the half turn, counted from ``offset_rad``, that a yaw lies in: 0 or 1, any shape."""
    turned = torch.remainder(yaw_rad - offset_rad, 2 * math.pi)
    return torch.div(turned, math.pi, rounding_mode="floor").long().clamp(0, 1)


def yaw_in_bin(yaw_rad: Tensor, direction: Tensor, offset_rad: float) -> Tensor:
    """The yaw, turned by half turns so that :func:`direction_bin` gives ``direction``."""
    turned = torch.remainder(yaw_rad - offset_rad, math.pi)
    return turned + offset_rad + math.pi * direction.to(yaw_rad.dtype)


def nearest_bev_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU ``[N, M]`` of footprints, turned to the nearest right angle (PointPillars, 3.1)."""
    return footprint_iou(nearest_footprint(a)[:, None], nearest_footprint(b)[None])


def footprint_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of footprints along the axes ``[..., 4]``, whose leading shapes broadcast."""
    low = torch.maximum(a[..., :2], b[..., :2])
    high = torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    area_a, area_b = ((box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (a, b))
    return shared / (area_a + area_b - shared).clamp(min=1e-6)


def nearest_footprint(boxes: Tensor) -> Tensor:
    """Lower and upper corner ``[N, 4]`` of boxes turned to the nearest right angle."""
    from_axis = torch.remainder(boxes[:, 6] + math.pi / 2, math.pi) - math.pi / 2
    across = from_axis.abs() > math.pi / 4
    size = torch.where(across[:, None], boxes[:, [4, 3]], boxes[:, [3, 4]])
    return torch.cat((boxes[:, :2] - size / 2, boxes[:, :2] + size / 2), dim=1)
