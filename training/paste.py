"""Objects of other frames pasted into a frame (SECOND section 3.2, ground-truth sampling)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from pd_ros.detection.boxes import bev_iou, points_in_boxes
from training.config import AugmentConfig
from training.frame import Float32, Frame

_GROUND_REACH_M = 2.5  # how far around a box the ground is looked for
_TRIES_PER_OBJECT = 3


class StoredObject(NamedTuple):
    """One object with its points, where it stood."""

    points: Float32  # [N, 4]
    box: Float32  # [7]
    label: int


class ObjectBank:
    """Objects by class, to be drawn from."""

    def __init__(self, frames: Sequence[Frame], min_points: int) -> None:
        self._objects: dict[int, list[StoredObject]] = {}
        for frame in frames:
            for item in _cut_out(frame, min_points):
                self._objects.setdefault(item.label, []).append(item)

    def count(self, label: int) -> int:
        """How many objects of a class there are."""
        return len(self._objects.get(label, []))

    def draw(self, label: int, rng: Generator) -> StoredObject:
        """One object of a class that has some."""
        return self._objects[label][rng.integers(self.count(label))]


def paste_objects(
    frame: Frame, bank: ObjectBank, classes: Sequence[str], config: AugmentConfig, rng: Generator
) -> Frame:
    """Fill a frame up with objects where they stood in their own, if the place is free.

    Heights follow the ground of this frame; where none is seen, the object is left out. Points of
    the frame inside a pasted box give way.
    """
    for name, wanted in config.paste.items():
        label = list(classes).index(name)
        missing = wanted - int((frame.labels == label).sum())
        if missing <= 0 or not bank.count(label):
            continue
        for _ in range(int(rng.integers(missing + 1)) * _TRIES_PER_OBJECT):
            if (frame.labels == label).sum() >= wanted:
                break
            frame = _paste(frame, bank.draw(label, rng))
    return frame


def _paste(frame: Frame, item: StoredObject) -> Frame:
    grown = item.box + np.array([0, 0, 0, 0.4, 0.4, 0, 0], dtype=np.float32)
    if len(frame.boxes) and float(_iou(grown, frame.boxes).max()) > 0:
        return frame
    ground = _ground_under(frame.points, item.box)
    if ground is None:
        return frame
    lift = ground - (item.box[2] - item.box[5] / 2)
    box, points = item.box.copy(), item.points.copy()
    box[2] += lift
    points[:, 2] += lift
    # What stood in the place gives way: walls and bushes too, but not the ground.
    cleared = grown.copy()
    cleared[2] = box[2] + 0.15
    outside = ~_inside(frame.points, cleared)
    return Frame(
        np.concatenate((frame.points[outside], points)),
        np.concatenate((frame.boxes, box[None])),
        np.append(frame.labels, item.label),
        np.append(frame.num_points, len(points)),
    )


def _ground_under(points: Float32, box: Float32) -> float | None:
    """Height of the ground around a footprint; None where nothing is seen of it."""
    near = points[_near(points, box, _GROUND_REACH_M), 2]
    if len(near) < 5:
        return None
    return float(np.percentile(near, 10))


def _cut_out(frame: Frame, min_points: int) -> list[StoredObject]:
    wanted = (frame.labels >= 0) & (frame.num_points >= min_points)
    return [
        StoredObject(frame.points[_inside(frame.points, box)], box, int(label))
        for box, label in zip(frame.boxes[wanted], frame.labels[wanted], strict=True)
    ]


def _inside(points: Float32, box: Float32) -> NDArray[np.bool_]:
    near = _near(points, box, box[3:5].sum())
    mask = np.zeros(len(points), dtype=bool)
    hits = points_in_boxes(torch.from_numpy(points[near]), torch.from_numpy(box[None]))
    mask[near] = hits[0].numpy()
    return mask


def _near(points: Float32, box: Float32, reach_m: float) -> NDArray[np.bool_]:
    """Which points lie in a square about a box; column by column, many times faster than rows."""
    near: NDArray[np.bool_] = np.abs(points[:, 0] - box[0]) < reach_m
    near &= np.abs(points[:, 1] - box[1]) < reach_m
    return near


def _iou(box: Float32, boxes: Float32) -> torch.Tensor:
    return bev_iou(torch.from_numpy(box[None]), torch.from_numpy(boxes))
