"""Refuse boxes that cannot be, for every reader in the same words."""

from collections.abc import Callable

import numpy as np

from pd_ros.pointcloud.decode import Float32

_NAMES = ("x", "y", "z", "length", "width", "height", "yaw")


def refuse_unsound_boxes(boxes: Float32, where: Callable[[int], str]) -> None:
    """Raise ``ValueError`` for the first of the boxes ``[M, 7]`` that cannot be.

    Sound are finite numbers with a length, width and height above 0. ``where`` says of a box's
    index where it stands in the data.
    """
    sound = np.isfinite(boxes).all(axis=1) & (boxes[:, 3:6] > 0).all(axis=1)
    if not sound.all():
        index = int(np.argmin(sound))
        pairs = zip(_NAMES, boxes[index], strict=True)
        raise ValueError(
            f"{where(index)}: expected a box of finite numbers whose length, width and height are"
            f" above 0 m, got {', '.join(f'{name} {value:g}' for name, value in pairs)}"
            f"{_no_yaw(boxes[index, 6])}; correct the label or take it out"
        )


def _no_yaw(yaw: np.float32) -> str:
    return "" if np.isfinite(yaw) else " (a quaternion of length 0 or NaN has no yaw)"
