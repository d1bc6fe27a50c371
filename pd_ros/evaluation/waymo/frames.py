"""Frames of labels and detections by the rule of the Waymo Open Dataset, and their JSON file.

The file: ``{"frames": [{"gt": [LABEL, ...], "pd": [DETECTION, ...]}, ...]}``, where a label is
``{"type", "box", "difficulty", "num_points"}`` and a detection ``{"type", "box", "score",
"overlap_nlz"}``. A box is ``[x, y, z, length, width, height, heading]`` of the centre in the
vehicle's frame, as in ``types.py``. Other keys are left alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pd_ros.evaluation.json_files import Checked, read_json
from pd_ros.evaluation.matching import Bools, Floats

TYPES = ("VEHICLE", "PEDESTRIAN", "SIGN", "CYCLIST")

Integers = NDArray[np.int64]


class WaymoTruth(NamedTuple):
    """The labelled objects of one frame, G of them."""

    boxes: Floats  # [G, 7]
    types: Integers  # [G] index into TYPES
    difficulties: Integers  # [G] level 1 or 2 as an annotator set it, 0: not set
    num_points: Integers  # [G] LiDAR points in the box


class WaymoDetections(NamedTuple):
    """The detections of one frame, D of them."""

    boxes: Floats  # [D, 7]
    types: Integers  # [D] index into TYPES
    scores: Floats  # [D]
    in_unlabelled_zone: Bools  # [D] overlaps a no-label zone: never wrong


class WaymoFrame(NamedTuple):
    """One frame; either side may be empty."""

    truth: WaymoTruth
    found: WaymoDetections


_Type = Literal["VEHICLE", "PEDESTRIAN", "SIGN", "CYCLIST"]
_Side = Annotated[float, Field(gt=0)]
_Box = tuple[float, float, float, _Side, _Side, _Side, float]


class _Label(Checked):
    type: _Type
    box: _Box
    difficulty: Literal[0, 1, 2]
    num_points: int


class _Detection(Checked):
    type: _Type
    box: _Box
    score: float
    overlap_nlz: bool


class _Frame(Checked):
    gt: list[_Label]
    pd: list[_Detection]


class _File(Checked):
    frames: Annotated[list[_Frame], Field(min_length=1)]


def read_frames(path: Path) -> list[WaymoFrame]:
    """Read a file of at least one frame; ``ValueError`` names the place of what is bad."""
    return [
        WaymoFrame(_gather_truth(frame.gt), _gather_detections(frame.pd))
        for frame in read_json(path, _File).frames
    ]


def _gather_truth(labels: Sequence[_Label]) -> WaymoTruth:
    return WaymoTruth(
        boxes=_stack([label.box for label in labels]),
        types=_indices([label.type for label in labels]),
        difficulties=np.array([label.difficulty for label in labels], dtype=np.int64),
        num_points=np.array([label.num_points for label in labels], dtype=np.int64),
    )


def _gather_detections(detections: Sequence[_Detection]) -> WaymoDetections:
    return WaymoDetections(
        boxes=_stack([found.box for found in detections]),
        types=_indices([found.type for found in detections]),
        scores=np.array([found.score for found in detections], dtype=np.float64),
        in_unlabelled_zone=np.array([found.overlap_nlz for found in detections], dtype=bool),
    )


def _stack(boxes: Sequence[_Box]) -> Floats:
    return np.array(boxes, dtype=np.float64).reshape(-1, 7)


def _indices(types: Sequence[str]) -> Integers:
    return np.array([TYPES.index(name) for name in types], dtype=np.int64)
