"""Boxes in another frame, and the points in them; ``transforms`` needs no torch."""

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.boxes import points_in_boxes, wrap_angle
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


def move_boxes(boxes: Tensor, target_from_source: Matrix) -> Tensor:
    """Boxes ``[M, 7]`` in another frame.

    They stay upright there: of the rotation only what it does to the heading, seen from above,
    counts.
    """
    matrix = torch.from_numpy(target_from_source)
    rotation = matrix[:3, :3]
    wide = boxes.double()
    centre = wide[:, :3] @ rotation.T + matrix[:3, 3]
    yaw = wide[:, 6]
    heading = torch.stack((yaw.cos(), yaw.sin(), torch.zeros_like(yaw)), dim=1) @ rotation.T
    turned = wrap_angle(torch.atan2(heading[:, 1], heading[:, 0]))
    moved = torch.cat((centre, wide[:, 3:6], turned[:, None]), dim=1)
    return moved.to(boxes.dtype)
