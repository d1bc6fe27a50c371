"""Objects of other frames pasted into a frame (SECOND section 3.2, ground-truth sampling)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from pd_ros.detection.boxes import bev_iou
from training.batches.augment import turned
from training.batches.occlusion import hide
from training.config.run import AugmentConfig
from training.datasets.frame import Float32, Frame
from training.datasets.inside import count_inside, inside, near

_GROUND_REACH_M = 2.5  # how far around a box the ground is looked for
_TRIES_PER_OBJECT = 3


class StoredObject(NamedTuple):
    """One object with its points, where it stood."""

    points: Float32  # [N, 4]
    box: Float32  # [7]
    label: int
    velocity: Float32  # [2]


class ObjectBank:
    """Objects by class, to be drawn from; of their frames nothing else is kept."""

    def __init__(self, frames: Iterable[Frame], min_points: int) -> None:
        self._objects: dict[int, list[StoredObject]] = {}
        for frame in frames:
            for item in _cut_out(frame, min_points):
                self._objects.setdefault(item.label, []).append(item)

    def count(self, label: int) -> int:
        """Count the objects of a class."""
        return len(self._objects.get(label, []))

    def draw(self, label: int, rng: Generator) -> StoredObject:
        """One object of a class that has some."""
        return self._objects[label][rng.integers(self.count(label))]


def paste_objects(
    frame: Frame, bank: ObjectBank, classes: Sequence[str], config: AugmentConfig, rng: Generator
) -> Frame:
    """Fill a frame up with objects as far away as in their own, if the place is free.

    Heights follow the ground of this frame; where none is seen, the object is left out. Points of
    the frame inside a pasted box give way, and what the sensor would no longer see goes, too.
    """
    scene = _Scene(frame)
    for name, wanted in config.paste.items():
        label = list(classes).index(name)
        missing = wanted - scene.labels.count(label)
        if missing <= 0 or not bank.count(label):
            continue
        for _ in range(int(rng.integers(missing + 1)) * _TRIES_PER_OBJECT):
            if scene.labels.count(label) >= wanted:
                break
            turn_rad = rng.uniform(-config.paste_turn_rad, config.paste_turn_rad)
            scene.paste(_turned(bank.draw(label, rng), turn_rad))
    return scene.frame()


class _Scene:
    """A frame being filled up; its points are joined once, at the end."""

    def __init__(self, frame: Frame) -> None:
        self._points = frame.points
        self._labelled = frame.labelled
        self._kept = np.ones(len(frame.points), dtype=bool)
        self._pasted: list[Float32] = []
        self._ground: list[float] = []  # under each of them
        self._boxes = list(frame.boxes)
        self._num_points = frame.num_points.copy()
        self._velocities = list(frame.all_velocities())
        self.labels: list[int] = frame.labels.tolist()

    def paste(self, item: StoredObject) -> None:
        """Put an object in its place if that is free and its ground is seen."""
        grown = item.box + np.array([0, 0, 0, 0.4, 0.4, 0, 0], dtype=np.float32)
        if self._touches(grown):
            return
        ground = _ground_under(self._points, item.box)
        if ground is None:
            return
        lift = ground - (item.box[2] - item.box[5] / 2)
        box, points = item.box.copy(), item.points.copy()
        box[2] += lift
        points[:, 2] += lift
        # What stood in the place gives way: walls and bushes too, but not the ground.
        grown[2] = box[2] + 0.15
        self._kept &= ~inside(self._points, grown)
        self._pasted.append(points)
        self._ground.append(ground)
        self._boxes.append(box)
        self._velocities.append(item.velocity)
        self.labels.append(item.label)

    def frame(self) -> Frame:
        """The frame as it is now, without what is hidden."""
        if not self._pasted:
            return Frame(self._points, *self._rows(), self._labelled)
        points = self._points[self._kept]
        seen, pasted_seen = hide(points, self._pasted, self._ground)
        pasted = [own[mask] for own, mask in zip(self._pasted, pasted_seen, strict=True)]
        old = len(self._boxes) - len(pasted)
        lost = count_inside(points[~seen], np.array(self._boxes[:old]))
        self._num_points = np.append(
            np.maximum(self._num_points - lost, 0), [len(own) for own in pasted]
        )
        return Frame(np.concatenate((points[seen], *pasted)), *self._rows(), self._labelled)

    def _rows(self) -> tuple[Float32, NDArray[np.int64], NDArray[np.int64], Float32]:
        boxes = np.array(self._boxes, dtype=np.float32).reshape(-1, 7)
        velocities = np.array(self._velocities, dtype=np.float32).reshape(-1, 2)
        labels = np.array(self.labels, np.int64)
        return boxes, labels, self._num_points, velocities

    def _touches(self, box: Float32) -> bool:
        boxes = np.array(self._boxes, dtype=np.float32).reshape(-1, 7)
        reach = np.hypot(boxes[:, 3], boxes[:, 4]) + np.hypot(box[3], box[4])
        close = 2 * np.hypot(*(boxes[:, :2] - box[:2]).T) < reach  # else their circles are apart
        return bool(close.any()) and float(_iou(box, boxes[close]).max()) > 0


def _turned(item: StoredObject, angle_rad: float) -> StoredObject:
    """The object as the sensor sees it in another direction."""
    labels, counts = np.array([item.label]), np.array([len(item.points)])
    alone = Frame(item.points, item.box[None], labels, counts, item.velocity[None])
    frame = turned(alone, angle_rad)
    velocities = frame.all_velocities()
    return item._replace(points=frame.points, box=frame.boxes[0], velocity=velocities[0])


def _ground_under(points: Float32, box: Float32) -> float | None:
    """Height of the ground around a footprint; None where nothing is seen of it."""
    around = points[near(points, box, _GROUND_REACH_M), 2]
    if len(around) < 5:
        return None
    return float(np.percentile(around, 10))


def _cut_out(frame: Frame, min_points: int) -> list[StoredObject]:
    wanted = (frame.labels >= 0) & (frame.num_points >= min_points)
    rows = (frame.boxes[wanted], frame.labels[wanted], frame.all_velocities()[wanted])
    return [
        StoredObject(frame.points[inside(frame.points, box)], box, int(label), velocity)
        for box, label, velocity in zip(*rows, strict=True)
    ]


def _iou(box: Float32, boxes: Float32) -> torch.Tensor:
    return bev_iou(torch.from_numpy(box[None]), torch.from_numpy(boxes))
