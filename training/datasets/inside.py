"""Points inside boxes, for clouds of many points and few boxes."""

import numpy as np
import torch
from numpy.typing import NDArray

from pd_ros.detection.boxes import points_in_boxes
from training.datasets.frame import Float32


def inside(points: Float32, box: Float32) -> NDArray[np.bool_]:
    """Mark the points ``[N, 3+]`` that lie in a box ``[7]``: ``[N]``."""
    close = near(points, box, box[3:5].sum())
    mask = np.zeros(len(points), dtype=bool)
    hits = points_in_boxes(torch.from_numpy(points[close]), torch.from_numpy(box[None]))
    mask[close] = hits[0].numpy()
    return mask


def count_inside(points: Float32, boxes: Float32) -> NDArray[np.int64]:
    """Count the points ``[N, 3+]`` in each of the boxes ``[M, 7]``: ``[M]``."""
    return np.array([inside(points, box).sum() for box in boxes], dtype=np.int64)


def near(points: Float32, box: Float32, reach_m: float) -> NDArray[np.bool_]:
    """Mark the points in a square about a box; column by column, many times faster than rows."""
    close: NDArray[np.bool_] = np.abs(points[:, 0] - box[0]) < reach_m
    close &= np.abs(points[:, 1] - box[1]) < reach_m
    return close
