"""Points from one frame to another; where the transforms come from is ROS' business."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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

    def clear(self) -> None:
        """Forget what was known at other times; frames that never move stay."""
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
