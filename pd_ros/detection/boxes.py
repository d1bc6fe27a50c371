"""Geometry of upright boxes ``[N, 7]`` (see ``types.py``): all of it is found under this name."""

import math

import torch
from torch import Tensor

from pd_ros.detection.geometry.nms import nms
from pd_ros.detection.geometry.overlap import (
    bev_corners,
    bev_iou,
    iou_3d,
    paired_bev_iou,
    paired_iou_3d,
    rotate,
)

__all__ = [
    "bev_corners",
    "bev_iou",
    "iou_3d",
    "nms",
    "paired_bev_iou",
    "paired_iou_3d",
    "points_in_boxes",
    "wrap_angle",
]


def wrap_angle(angle_rad: Tensor) -> Tensor:
    """Bring angles of any shape into ``[-pi, pi)``."""
    return torch.remainder(angle_rad + math.pi, 2 * math.pi) - math.pi


def points_in_boxes(points: Tensor, boxes: Tensor, margin_m: float = 0.0) -> Tensor:
    """Mark points ``[N, 3+]`` that lie in boxes ``[M, 7]``, grown by a margin: ``[M, N]``."""
    offset = points[None, :, :3] - boxes[:, None, :3]
    local_xy = rotate(offset[..., :2], -boxes[:, None, 6])
    local = torch.cat((local_xy, offset[..., 2:]), dim=-1)
    return (local.abs() <= boxes[:, None, 3:6] / 2 + margin_m).all(dim=-1)
