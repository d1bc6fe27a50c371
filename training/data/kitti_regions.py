"""KITTI's DontCare regions: parts of the image where objects are, but nobody labelled them.

A region has no depth. What can be said in space is where its points are: each region becomes
boxes around them, one for every few metres of depth, in which nothing is learnt, neither objects
nor their absence.
"""

import numpy as np

from pd_ros.evaluation.average_precision import Floats
from training.frame import Float32

_STEP_M = 8.0  # depth of a box: shorter ones follow the ray's wedge more closely
_MIN_SIZE_M = 0.5


def region_boxes(points: Float32, pixels: Floats, regions: Floats) -> Float32:
    """Boxes ``[K, 7]`` in the LiDAR frame around what lies in the regions; K may be 0.

    ``points`` ``[N, 3+]`` in the LiDAR frame project to ``pixels`` ``[N, 2]``; ``regions``
    ``[R, 4]`` are x1, y1, x2, y2 in pixels.
    """
    boxes = []
    for region in regions:
        within = (pixels >= region[:2]).all(axis=1) & (pixels <= region[2:]).all(axis=1)
        boxes += _boxes_along_ray(points[within, :3].astype(np.float64))
    return np.array(boxes, dtype=np.float32).reshape(-1, 7)


def _boxes_along_ray(points: Floats) -> list[Floats]:
    """Boxes turned along the ray through the middle of some points ``[N, 3]``."""
    if not len(points):
        return []
    middle = points.mean(axis=0)
    yaw = float(np.arctan2(middle[1], middle[0]))
    along = points[:, :2] @ np.array([np.cos(yaw), np.sin(yaw)])
    step = (along // _STEP_M).astype(np.int64)
    return [_box_around(points[step == number], yaw) for number in np.unique(step)]


def _box_around(points: Floats, yaw: float) -> Floats:
    cos, sin = np.cos(yaw), np.sin(yaw)
    turned = points @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])  # along, across, up
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y, z = (low + high) / 2
    size = np.maximum(high - low, _MIN_SIZE_M)
    return np.array([x * cos - y * sin, x * sin + y * cos, z, *size, yaw])
