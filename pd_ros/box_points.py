"""How many points lie in each of many boxes."""

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.boxes import points_in_boxes
from pd_ros.pointcloud import Float32


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
