"""Label and result files of the KITTI object benchmark.

One object a line: ``type truncated occluded alpha x1 y1 x2 y2 h w l x y z rotation_y [score]``;
x, y, z is the middle of the underside in the rectified camera frame (x right, y down, z forward).
"""

from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import numpy as np

from pd_ros.evaluation.matching import Floats

REGION = "dontcare"  # of no object; its numbers say nothing
_LABEL_COLUMNS = 15
_ROTATION, _LARGEST_ROTATION, _UNKNOWN = 13, 2 * np.pi + 0.001, -10


class KittiObjects(NamedTuple):
    """The objects of one frame, N of them in the file's order, DontCare regions included."""

    names: tuple[str, ...]  # as the file spells them
    truncated: Floats  # [N]
    occluded: Floats  # [N]
    alpha: Floats  # [N] observation angle in radians, -10 where unknown
    image_boxes: Floats  # [N, 4] x1, y1, x2, y2 in pixels
    boxes: Floats  # [N, 7] as in types.py, in the camera's place: see upright_boxes
    scores: Floats  # [N], zeros for labels


def read_labels(path: Path) -> KittiObjects:
    """Read a label file; an empty file has no objects.

    Raises ``ValueError`` that names file and line for a line that is not 15 columns, or whose
    rotation is no angle.
    """
    return _read(path, _LABEL_COLUMNS, "type truncated occluded alpha x1 y1 x2 y2 h w l x y z ry")


def label_lines(path: Path) -> list[str]:
    """File and line of every object of a file; empty lines hold none."""
    lines = _text(path).splitlines()
    return [f"{path}:{number}" for number, line in enumerate(lines, start=1) if line.split()]


def read_detections(path: Path) -> KittiObjects:
    """Read a result file: as a label file, with the score in the 16th column."""
    return _read(path, _LABEL_COLUMNS + 1, "a label's 15 columns and the score")


def upright_boxes(size_hwl: Floats, bottom_xyz: Floats, rotation_y: Floats) -> Floats:
    """Boxes ``[N, 7]`` at the camera with the axes named as in ``types.py``.

    The camera's z, -x and -y become x forward, y left, z up; overlaps do not change by that.
    """
    height, width, length = size_hwl.T
    right, down, forward = bottom_xyz.T
    yaw = -(rotation_y + np.pi / 2)
    yaw = (yaw + np.pi) % (2 * np.pi) - np.pi
    return np.stack((forward, -right, height / 2 - down, length, width, height, yaw), axis=1)


def _read(path: Path, columns: int, meaning: str) -> KittiObjects:
    names, rows = [], []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        names.append(fields[0])
        rows.append(_numbers(fields, columns, f"{path}:{number}", meaning))
    values = np.array(rows, dtype=np.float64).reshape(-1, columns - 1)
    return KittiObjects(
        names=tuple(names),
        truncated=values[:, 0],
        occluded=values[:, 1],
        alpha=values[:, 2],
        image_boxes=values[:, 3:7],
        boxes=upright_boxes(values[:, 7:10], values[:, 10:13], values[:, 13]),
        scores=values[:, 14] if columns > _LABEL_COLUMNS else np.zeros(len(values)),
    )


def _text(path: Path) -> str:
    """The text of a file; some editors begin it with a mark of its encoding."""
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _numbers(fields: list[str], columns: int, where: str, meaning: str) -> list[float]:
    if len(fields) != columns:
        raise ValueError(
            f"{where}: expected {columns} columns ({meaning}),"
            f" got {len(fields)}: {shorten(' '.join(fields), 100)}; correct the line"
        )
    try:
        values = [float(field) for field in fields[1:]]
    except ValueError as error:
        raise ValueError(f"{where}: expected numbers after the type, got {error}; correct the"
                         " line") from None  # fmt: skip
    if not np.isfinite(values).all():
        raise ValueError(f"{where}: expected finite numbers, got {' '.join(fields)}; correct"
                         " the line")  # fmt: skip
    if values[_ROTATION] != _UNKNOWN and abs(values[_ROTATION]) > _LARGEST_ROTATION:
        raise ValueError(f"{where}: rotation_y: expected -2 pi to 2 pi rad, got"
                         f" {values[_ROTATION]:g}; correct the line (degrees?)")  # fmt: skip
    return values
