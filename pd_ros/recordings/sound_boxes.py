"""Refuse boxes that cannot be, for every reader in the same words."""

import math
from collections.abc import Callable

import numpy as np

from pd_ros.pointcloud.decode import Float32

_NAMES = ("x", "y", "z", "length", "width", "height", "yaw")
_SIZES = slice(3, 6)
# What labels may say, lowest and highest in m and rad. Generous: trams and trains are up to 60 m
# long, lidars see a few hundred metres. Beyond lie other units, other frames and slips of the pen.
_REACH_M, _THINNEST_M, _LONGEST_M, _TALLEST_M = 1000.0, 0.01, 60.0, 30.0
_TURN = round(2 * math.pi, 3) + 0.001
LOWEST = (-_REACH_M,) * 3 + (_THINNEST_M,) * 3 + (-_TURN,)
HIGHEST = (_REACH_M,) * 3 + (_LONGEST_M, _LONGEST_M, _TALLEST_M, _TURN)


def refuse_unsound_boxes(boxes: Float32, where: Callable[[int], str]) -> None:
    """Raise ``ValueError`` for the first of the boxes ``[M, 7]`` that cannot be.

    Sound are finite numbers with a length, width and height above 0. ``where`` says of a box's
    index where it stands in the data.
    """
    sound = np.isfinite(boxes).all(axis=1) & (boxes[:, _SIZES] > 0).all(axis=1)
    if not sound.all():
        index = int(np.argmin(sound))
        pairs = zip(_NAMES, boxes[index], strict=True)
        raise ValueError(
            f"{where(index)}: expected a box of finite numbers whose length, width and height are"
            f" above 0 m, got {', '.join(f'{name} {value:g}' for name, value in pairs)}"
            f"{_no_yaw(boxes[index, 6])}{_others(int((~sound).sum()))}; correct the label or take"
            " it out"
        )


def refuse_wrong_labels(boxes: Float32, where: Callable[[int], str]) -> None:
    """Raise ``ValueError`` for the first labelled box ``[M, 7]`` that no object can have.

    As :func:`refuse_unsound_boxes`, and numbers are between ``LOWEST`` and ``HIGHEST``: what a
    detector answers may be beyond these, what somebody labelled may not.
    """
    refuse_unsound_boxes(boxes, where)
    wrong = (boxes < np.array(LOWEST, np.float32)) | (boxes > np.array(HIGHEST, np.float32))
    if wrong.any():
        index, column = (int(number) for number in np.argwhere(wrong)[0])
        others = _others(int(wrong.any(axis=1).sum()))
        unit = "rad" if _NAMES[column] == "yaw" else "m"
        raise ValueError(
            f"{where(index)}: {_NAMES[column]}: expected {LOWEST[column]:g} to {HIGHEST[column]:g}"
            f" {unit}, got {boxes[index, column]:g}{others}; correct the label (its unit, its"
            " frame), or take it out"
        )


def _others(wrong: int) -> str:
    return f" (and {wrong - 1} more boxes beside it)" if wrong > 1 else ""


def _no_yaw(yaw: np.float32) -> str:
    return "" if np.isfinite(yaw) else " (a quaternion of length 0 or NaN has no yaw)"
