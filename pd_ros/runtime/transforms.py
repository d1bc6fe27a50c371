"""Points from one frame to another; where the transforms come from is ROS' business."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pd_ros.detection.boxes import points_in_boxes, wrap_angle
from pd_ros.pointcloud.decode import Float32

Matrix = NDArray[np.float64]  # [4, 4], rigid: to the target frame from the source frame


class TransformError(ValueError):
    """A transform that is not known, at least not for this time."""


class TransformSource(Protocol):
    """What tf2's buffer is to this package."""

    def lookup(self, target: str, source: str, stamp_ns: int, timeout_s: float) -> Matrix:
        """Return what brings points of ``source`` to ``target`` at a time.

        Waits for it up to ``timeout_s``, then raises :class:`TransformError`.
        """
        ...


def move_points(points: Float32, target_from_source: Matrix) -> Float32:
    """Points ``[N, 3 + C]`` in another frame; a new array, the features as they were."""
    moved = points.copy()
    rotation = target_from_source[:3, :3].astype(np.float32)
    moved[:, :3] = points[:, :3] @ rotation.T + target_from_source[:3, 3].astype(np.float32)
    return moved


def rigid(translation: tuple[float, float, float], quaternion: tuple[float, ...]) -> Matrix:
    """Return the matrix of a translation (m) after a rotation by a unit quaternion x, y, z, w."""
    x, y, z, w = quaternion
    matrix = np.eye(4)
    matrix[:3, :3] = [
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    ]
    matrix[:3, 3] = translation
    return matrix


def inverse(target_from_source: Matrix) -> Matrix:
    """Return the way back."""
    source_from_target = np.eye(4)
    turned = target_from_source[:3, :3].T
    source_from_target[:3, :3] = turned
    source_from_target[:3, 3] = -turned @ target_from_source[:3, 3]
    return source_from_target


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
