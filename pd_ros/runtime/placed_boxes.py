"""Boxes in another frame, and the points in them; ``transforms`` needs no torch."""

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.boxes import points_in_boxes, wrap_angle
from pd_ros.detection.types import Detections
from pd_ros.pointcloud.decode import Float32
from pd_ros.runtime.transforms import Matrix


def count_points(points: Float32, boxes: Tensor) -> Tensor:
    """Points ``[N, 3+]`` in each of the boxes ``[M, 7]`` of the same frame: ``[M]``, int64.

    The points are sorted along x once; each box looks at those in its reach alone.
    """
    ordered = points[np.argsort(points[:, 0])]
    reach = (torch.linalg.vector_norm(boxes[:, 3:5], dim=1) / 2 + 1e-3).numpy()
    x = boxes[:, 0].numpy()
    first = np.searchsorted(ordered[:, 0], x - reach)
    end = np.searchsorted(ordered[:, 0], x + reach, side="right")
    counts = [
        int(points_in_boxes(torch.from_numpy(ordered[a:b, :3]), box[None]).sum())
        for a, b, box in zip(first.tolist(), end.tolist(), boxes, strict=True)
    ]
    return torch.tensor(counts, dtype=torch.int64)


def move_detections(found: Detections, target_from_source: Matrix) -> Detections:
    """Return the detections in another frame: boxes moved and turned, velocities turned.

    Boxes stay upright and velocities level: of the rotation only what it does to them seen from
    above counts. A velocity is one over the ground; the motion of the frame is not added to it.
    """
    matrix = torch.from_numpy(target_from_source)
    boxes = found.boxes.double()
    centre = boxes[:, :3] @ matrix[:3, :3].T + matrix[:3, 3]
    heading = _turn(torch.stack((boxes[:, 6].cos(), boxes[:, 6].sin()), dim=1), matrix)
    yaw = wrap_angle(torch.atan2(heading[:, 1], heading[:, 0]))
    moved = torch.cat((centre, boxes[:, 3:6], yaw[:, None]), dim=1)
    velocities = found.velocities
    if velocities is not None:
        velocities = _turn(velocities.double(), matrix).to(velocities.dtype)
    return found._replace(boxes=moved.to(found.boxes.dtype), velocities=velocities)


def _turn(vectors: Tensor, target_from_source: Tensor) -> Tensor:
    """Level vectors ``[M, 2]`` in another frame, seen from above there."""
    return vectors @ target_from_source[:2, :2].T
