"""Boxes as differences from a point (PointRCNN section 3.2) or from a proposal (section 3.3)."""

import torch
from torch import Tensor

from pd_ros.detection.bev.anchors import decode_boxes, encode_boxes
from pd_ros.detection.boxes import wrap_angle
from pd_ros.detection.geometry.overlap import rotate


def encode_from_points(boxes: Tensor, points: Tensor, sizes: Tensor) -> Tensor:
    """Boxes ``[N, 7]`` from points ``[N, 3]`` on them and sizes ``[N, 3]``: ``[N, 8]``.

    Position over the size's diagonal (height: over its height), logarithm of the ratio of the
    sizes, cosine and sine of the yaw.
    """
    upright = torch.cat((points, sizes, torch.zeros_like(points[:, :1])), dim=1)
    differences = encode_boxes(boxes, upright)
    yaw = boxes[:, 6:]
    return torch.cat((differences[:, :6], yaw.cos(), yaw.sin()), dim=1)


def decode_from_points(values: Tensor, points: Tensor, sizes: Tensor) -> Tensor:
    """The inverse of :func:`encode_from_points`."""
    upright = torch.cat((points, sizes, torch.zeros_like(points[:, :1])), dim=1)
    yaw = torch.atan2(values[:, 7:], values[:, 6:7])
    return decode_boxes(torch.cat((values[:, :6], yaw), dim=1), upright)


def into_proposals(boxes: Tensor, proposals: Tensor) -> Tensor:
    """Boxes ``[N, 7]`` in their proposals' own frames: origin at the centre, x ahead."""
    offset = boxes[:, :3] - proposals[:, :3]
    place = torch.cat((rotate(offset[:, :2], -proposals[:, 6]), offset[:, 2:]), dim=1)
    yaw = wrap_angle(boxes[:, 6:] - proposals[:, 6:])
    return torch.cat((place, boxes[:, 3:6], yaw), dim=1)


def out_of_proposals(boxes: Tensor, proposals: Tensor) -> Tensor:
    """The inverse of :func:`into_proposals`."""
    place = torch.cat((rotate(boxes[:, :2], proposals[:, 6]), boxes[:, 2:3]), dim=1)
    yaw = wrap_angle(boxes[:, 6:] + proposals[:, 6:])
    return torch.cat((place + proposals[:, :3], boxes[:, 3:6], yaw), dim=1)


def own_frame(proposals: Tensor) -> Tensor:
    """Proposals as anchors in their own frames: where they are, turned to look along x."""
    centred = torch.zeros_like(proposals)
    centred[:, 3:6] = proposals[:, 3:6]
    return centred
