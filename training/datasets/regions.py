"""Regions of a camera's image that nobody labelled, as boxes of a cloud that are ignored."""

import numpy as np

from pd_ros.evaluation.kitti.camera import project_points
from pd_ros.evaluation.kitti.view import CameraView
from pd_ros.evaluation.matching import Floats
from training.datasets.frame import IGNORED, Float32, Frame
from training.datasets.inside import count_inside

_STEP_M = 8.0  # depth of a box: shorter ones follow the ray's wedge more closely
_MIN_SIZE_M = 0.5


def add_regions(frame: Frame, view: CameraView) -> Frame:
    """A sweep with its view, and ignored boxes around the points of the view's regions.

    They come after the labelled boxes. ``frame`` is as its file has it, not moved.
    """
    if not len(view.regions):
        return frame._replace(view=view)
    pixels, ahead = project_points(frame.points[:, :3].astype(np.float64), view.calibration)
    boxes = region_boxes(frame.points[ahead], pixels[ahead], view.regions)
    ignored = np.full(len(boxes), IGNORED, dtype=np.int64)
    return frame._replace(
        boxes=np.concatenate((frame.boxes, boxes)),
        labels=np.concatenate((frame.labels, ignored)),
        num_points=np.concatenate((frame.num_points, count_inside(frame.points, boxes))),
        view=view,
        regions=len(boxes),
    )


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
