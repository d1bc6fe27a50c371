"""What a vehicle would see at a score threshold: objects found, ghosts, errors of the boxes.

AP ranks boxes and forgives those of low score; whoever drives behind a detector has one threshold.
Pairs are those of ``agreement.py``: the same class and a bird's-eye IoU above KITTI's loose
thresholds. A ghost is a box that touches no object at all, of whatever class and whether asked for
or not: nothing that is known to be there explains it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.operating_point import above_thresholds
from pd_ros.detection.types import Detections
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.agreement import pair_boxes
from pd_ros.evaluation.lidar import GroundTruth, class_frames, frame_overlaps, loose_iou
from pd_ros.evaluation.matching import Floats, best_threshold, precision_curve
from pd_ros.evaluation.operating.box_errors import BoxErrors, box_differences, summarise_errors

ALL_RANGES = "all"
GHOSTS_PER_FRAME = 0.5  # that a class may have at a threshold chosen for it


@dataclass(frozen=True)
class OperatingScores:
    """One class at its threshold, everywhere or in one range of distance."""

    threshold: float
    frames: int
    objects: int  # asked for
    found: int  # of these
    wrong: int  # boxes where no object of the class is
    ghosts: int  # of these, those that touch nothing that is there
    errors: BoxErrors | None  # of the found ones; None where there is none

    @property
    def recall(self) -> float:
        """Share of the objects that was found; 0 where there is none."""
        return self.found / max(self.objects, 1)

    @property
    def precision(self) -> float:
        """Share of the boxes that are right; 0 where there is none."""
        return self.found / max(self.found + self.wrong, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; 0 where nothing is right."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both > 0 else 0.0

    @property
    def ghosts_per_frame(self) -> float:
        """Ghosts in a cloud, on average."""
        return self.ghosts / max(self.frames, 1)


def choose_thresholds(
    truth: Sequence[GroundTruth],
    found: Sequence[Detections],
    classes: Sequence[str],
    ghosts_per_frame: float = GHOSTS_PER_FRAME,
) -> dict[str, float]:
    """Return the score of the highest F1 from above for each class; 1 where nothing is right.

    Higher where more ghosts than ``ghosts_per_frame`` reach that score. Frames in the same order.
    To be chosen on other frames than those that are reported.
    """
    overlaps = frame_overlaps(truth, found)
    least = loose_iou(classes)
    thresholds = {}
    for label, name in enumerate(classes):
        bev, _ = class_frames(truth, found, overlaps, label)
        curve = precision_curve(bev, least[name])
        best = best_threshold(curve) if len(curve.thresholds) else 1.0
        ghosts = _ghost_scores(found, [overlap.bev for overlap in overlaps], label)
        thresholds[name] = max(best, _beyond(ghosts, int(ghosts_per_frame * len(truth))))
    return thresholds


def _ghost_scores(
    found: Sequence[Detections], overlaps: Sequence[Floats], label: int
) -> list[float]:
    """Scores of the boxes of a class that touch nothing, highest first."""
    scores: list[float] = []
    for boxes, overlap in zip(found, overlaps, strict=True):
        ghosts = (boxes.labels.numpy() == label) & ~(overlap > 0).any(axis=0)
        scores += boxes.scores.numpy()[ghosts].tolist()
    return sorted(scores, reverse=True)


def _beyond(scores: Sequence[float], most: int) -> float:
    """The least threshold that at most so many of the scores, highest first, reach."""
    return (
        float(np.nextafter(np.float32(scores[most]), np.float32(2))) if len(scores) > most else 0.0
    )


def score_operating_point(
    truth: Sequence[GroundTruth],
    found: Sequence[Detections],
    classes: Sequence[str],
    thresholds: Mapping[str, float],
) -> dict[str, dict[str, OperatingScores]]:
    """Score each class at its threshold, in all ranges and in each of ``distance.NAMES``.

    Frames in the same order; labels index ``classes``. A pair lies where the object does, a wrong
    box where it does itself. Returns ``{class: {range: scores}}``.
    """
    tally = OperatingTally(classes, thresholds)
    tally.add(truth, found)
    return tally.scores()


class OperatingTally:
    """The same over frames that come in parts; kept are some bytes for each box and object."""

    def __init__(self, classes: Sequence[str], thresholds: Mapping[str, float]) -> None:
        self._classes, self._thresholds = classes, thresholds
        self._frames = 0
        self._rows = [torch.zeros((0, 3), dtype=torch.int16)]
        self._differences = [torch.zeros((0, 7), dtype=torch.float64)]

    def add(self, truth: Sequence[GroundTruth], found: Sequence[Detections]) -> None:
        """Count some frames, in the same order."""
        parts = [
            _tally(there, _above(boxes, self._classes, self._thresholds), self._classes)
            for there, boxes in zip(truth, found, strict=True)
        ]
        self._frames += len(parts)
        if parts:
            self._rows.append(torch.cat([rows for rows, _ in parts]).short())
            self._differences.append(torch.cat([each for _, each in parts]))

    def scores(self) -> dict[str, dict[str, OperatingScores]]:
        """Return ``{class: {range: scores}}``."""
        rows, differences = torch.cat(self._rows), torch.cat(self._differences)
        return {
            name: {
                title: self._scores(rows, differences, label, number)
                for number, title in ((-1, ALL_RANGES), *enumerate(distance.NAMES))
            }
            for label, name in enumerate(self._classes)
        }

    def _scores(
        self, rows: Tensor, differences: Tensor, label: int, number: int
    ) -> OperatingScores:
        here = rows[:, 1] == label
        if number >= 0:
            here &= rows[:, 2] == number
        counts = (int((here & (rows[:, 0] == kind)).sum()) for kind in range(4))
        found, missed, wrong, ghosts = counts
        errors = summarise_errors(differences[here[rows[:, 0] == _FOUND]])
        return OperatingScores(
            self._thresholds[self._classes[label]],
            self._frames, found + missed, found, wrong + ghosts, ghosts, errors,
        )  # fmt: skip


# What a row of a tally is; those of found ones have differences, in the same order.
_FOUND, _MISSED, _WRONG, _GHOST = range(4)


def _above(
    found: Detections, classes: Sequence[str], thresholds: Mapping[str, float]
) -> Detections:
    return above_thresholds(found, [thresholds[name] for name in classes])


def _tally(truth: GroundTruth, found: Detections, classes: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Rows of kind, class and range ``[R, 3]``, and differences of the found ones ``[F, 7]``."""
    pairs = pair_boxes(found, truth, classes)
    touching = touch_objects(found.boxes, truth)
    where, theirs = distance.range_numbers(found.boxes), distance.range_numbers(truth.boxes)
    kinds = torch.where(touching[pairs.extra], _WRONG, _GHOST)
    rows = torch.cat(
        (
            _rows(_FOUND, truth.labels[pairs.other], theirs[pairs.other]),
            _rows(_MISSED, truth.labels[pairs.missed], theirs[pairs.missed]),
            _rows(kinds, found.labels[pairs.extra], where[pairs.extra]),
        )
    )
    differences = box_differences(found.boxes[pairs.found], truth.boxes[pairs.other])
    return rows, differences


def _rows(kinds: Tensor | int, labels: Tensor, ranges: Tensor) -> Tensor:
    return torch.stack((torch.zeros_like(labels) + kinds, labels, ranges), dim=1)


def touch_objects(boxes: Tensor, truth: GroundTruth) -> Tensor:
    """Which boxes ``[D, 7]`` touch an object of any class, asked for or not: ``[D]`` bool."""
    return (bev_iou(boxes, truth.boxes) > 0).any(dim=1)
