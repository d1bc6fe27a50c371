"""Scores in the LiDAR frame: one documented rule for recordings and simulated scenes.

The matching and the average are KITTI's (``average_precision.py``): greedy, IoU greater than the
threshold, AP over 40 recalls in percent, at most ``n`` - 1 of 40 slots for ``n`` < 41 objects.
There is no camera, hence no height limit and one difficulty: an object counts unless it is marked
as ignored, as those are with fewer than 5 points or a centre out of the model's range. An ignored
object of the class and any object of label -1 take the detections that overlap them, which then
count neither as right nor as wrong; objects of other classes do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pd_ros.detection.types import Detections
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.curves import PrecisionCurve
from pd_ros.evaluation.matching import (
    Bools,
    CurveTally,
    Floats,
    MatchFrame,
    average_r40,
    best_threshold,
    reachable_r40,
)
from pd_ros.evaluation.overlaps import FrameOverlaps, upright_overlaps

# The IoU that counts as found, by convention: 0.7 for what is as large as a car.
LARGE_CLASS_IOU = 0.7
SMALL_CLASS_IOU = 0.5
# KITTI's loose ones: what is there was found, if not placed well.
_LOOSE_IOU = {LARGE_CLASS_IOU: 0.5, SMALL_CLASS_IOU: 0.25}
_SMALL_CLASSES = frozenset({"pedestrian", "cyclist", "bicycle", "motorcycle", "person"})
# An object with fewer points than this cannot be asked for.
MIN_POINTS = 5


class GroundTruth(NamedTuple):
    """What is there in one cloud: M objects, maybe 0, in the cloud's frame."""

    boxes: Tensor  # [M, 7]
    labels: Tensor  # [M] int64, index into the classes; -1: any other real object
    ignore: Tensor  # [M] bool: not asked for, as out of range or of fewer than MIN_POINTS points


def centre_in_range(boxes: Tensor, range_m: Sequence[float]) -> Tensor:
    """Which boxes ``[M, 7]`` have their centre where the model looks, from above: ``[M]`` bool.

    ``range_m``: x, y, z minimum, then x, y, z maximum. What is farther away is not asked for.
    """
    lower, upper = boxes.new_tensor(range_m[:2]), boxes.new_tensor(range_m[3:5])
    return ((boxes[:, :2] >= lower) & (boxes[:, :2] < upper)).all(dim=1)


@dataclass(frozen=True)
class ClassScores:
    """How well one class was found. APs in percent; the rest in 3D at ``score_threshold``.

    ``score_threshold`` is the one given, or that of the best F1 (0 if nothing matches at all).
    """

    min_iou: float
    num_truth: int
    ap_bev_r40: float
    ap_3d_r40: float
    score_threshold: float
    recall: float  # 0 if there is no object to find
    precision: float  # 0 if nothing was found
    true_positives: int
    false_positives: int
    facing: float  # of those, the share that looks the right way, within 90 degrees; 0 of none


def default_iou(classes: Sequence[str]) -> dict[str, float]:
    """Return the customary IoU threshold of each class: 0.5 for people and cycles, else 0.7."""
    return {
        name: SMALL_CLASS_IOU if name.lower() in _SMALL_CLASSES else LARGE_CLASS_IOU
        for name in classes
    }


def loose_iou(classes: Sequence[str]) -> dict[str, float]:
    """Return KITTI's loose IoU threshold of each class: 0.25 for people and cycles, else 0.5."""
    return {name: _LOOSE_IOU[iou] for name, iou in default_iou(classes).items()}


def evaluate_frames(
    ground_truth: Sequence[GroundTruth],
    detections: Sequence[Detections],
    classes: Sequence[str],
    iou_thresholds: Mapping[str, float],
    score_threshold: float | None = None,
    distance_m: tuple[float, float] | None = None,
) -> dict[str, ClassScores]:
    """Score detections against what is there, frame by frame in the same order.

    Labels index ``classes``; ``iou_thresholds`` has the least overlap for each of them.
    ``distance_m`` (from, to; seen from above): objects nearer or farther are not asked for, and a
    detection there is not wrong. Raises ``ValueError`` for another number of frames or a class
    without a threshold.
    """
    if len(ground_truth) != len(detections):
        raise ValueError(
            f"detections: expected {len(ground_truth)} frames as in the ground truth,"
            f" got {len(detections)}"
        )
    missing = [name for name in classes if name not in iou_thresholds]
    if missing:
        raise ValueError(f"iou_thresholds: expected one for each class, none for {missing}")
    part = LabelledFrames.of(ground_truth, detections)
    tallies = {
        name: ClassTally(label, (iou_thresholds[name],), score_threshold, distance_m)
        for label, name in enumerate(classes)
    }
    for tally in tallies.values():
        tally.find(part)
        tally.count(part)
    return {name: tally.scores(iou_thresholds[name]) for name, tally in tallies.items()}


def frame_overlaps(
    ground_truth: Sequence[GroundTruth], detections: Sequence[Detections]
) -> list[FrameOverlaps]:
    """IoU of what is there with what was found, in each frame."""
    return upright_overlaps(
        [frame.boxes.double().numpy() for frame in ground_truth],
        [frame.boxes.double().numpy() for frame in detections],
    )


def format_table(scores: Mapping[str, ClassScores]) -> str:
    """Return the scores as text, one line per class, and what so few objects can reach."""
    lines = [
        f"{'class':12}{'objects':>8}{'IoU':>6}{'AP BEV':>9}{'AP 3D':>9}{'at most':>9}"
        f"{'score >=':>10}{'recall':>8}{'precision':>11}{'right':>7}{'wrong':>7}{'facing':>8}"
    ]
    lines += [
        f"{name:12}{row.num_truth:8d}{row.min_iou:6.2f}{row.ap_bev_r40:9.2f}{row.ap_3d_r40:9.2f}"
        f"{reachable_r40(row.num_truth):9.2f}"
        f"{row.score_threshold:10.2f}{row.recall:8.3f}{row.precision:11.3f}"
        f"{row.true_positives:7d}{row.false_positives:7d}{row.facing:8.3f}"
        for name, row in scores.items()
    ]
    if any(reachable_r40(row.num_truth) < 100 for row in scores.values()):
        lines.append("at most: fewer than 41 objects cannot reach an AP of 100, as n of them reach"
                     " n - 1 of 40 recalls")  # fmt: skip
    return "\n".join(lines)


def class_frames(
    ground_truth: Sequence[GroundTruth],
    detections: Sequence[Detections],
    overlaps: Sequence[FrameOverlaps],
    label: int,
    distance_m: tuple[float, float] | None = None,
) -> tuple[list[MatchFrame], list[MatchFrame]]:
    """What a class sees of all frames, from above and in 3D; see :func:`evaluate_frames`."""
    bev, volume = [], []
    for truth, found, overlap in zip(ground_truth, detections, overlaps, strict=True):
        labels = truth.labels.numpy()
        rows = np.flatnonzero((labels == label) | (labels == -1))
        columns = np.flatnonzero(found.labels.numpy() == label)
        ignored = truth.ignore.numpy()[rows] | (labels[rows] == -1)
        ignored |= _elsewhere(truth.boxes, distance_m)[rows]
        excused = _elsewhere(found.boxes, distance_m)[columns]
        scores = found.scores.numpy()[columns]
        same_way = _same_way(truth.boxes[rows], found.boxes[columns])
        frame = _frame(overlap.bev[np.ix_(rows, columns)], scores, ignored, excused, same_way)
        bev.append(frame)
        volume.append(frame._replace(iou=overlap.volume[np.ix_(rows, columns)]))
    return bev, volume


def _frame(
    iou: Floats, scores: Floats, ignored: Bools, excused: Bools, same_way: Floats
) -> MatchFrame:
    nothing = np.zeros(len(scores), dtype=bool)
    return MatchFrame(iou, scores.astype(np.float64), ignored, nothing, excused, same_way)


def _same_way(truth: Tensor, found: Tensor) -> Floats:
    """1 where two boxes ``[G, 7]`` and ``[D, 7]`` look the same way, else 0: ``[G, D]``."""
    turn = truth[:, None, 6].double() - found[None, :, 6].double()
    same: Floats = (turn.cos() > 0).double().numpy()
    return same


def _elsewhere(boxes: Tensor, distance_m: tuple[float, float] | None) -> Bools:
    if distance_m is None:
        return np.zeros(len(boxes), dtype=bool)
    away_m = distance.distance_m(boxes).numpy()
    outside: Bools = (away_m < distance_m[0]) | (away_m >= distance_m[1])
    return outside


class LabelledFrames(NamedTuple):
    """Frames in the same order: what is there, what was found, and how they overlap."""

    truth: Sequence[GroundTruth]
    found: Sequence[Detections]
    overlaps: Sequence[FrameOverlaps]

    @classmethod
    def of(cls, truth: Sequence[GroundTruth], found: Sequence[Detections]) -> "LabelledFrames":
        """Work the overlaps out."""
        return cls(truth, found, frame_overlaps(truth, found))


class ClassTally:
    """One class in one range over frames in parts: all to ``find``, then all to ``count``.

    ``min_ious``: the overlaps that it is scored at; the rest as :func:`evaluate_frames` has it.
    """

    def __init__(
        self,
        label: int,
        min_ious: Sequence[float],
        score_threshold: float | None = None,
        distance_m: tuple[float, float] | None = None,
    ) -> None:
        self._label, self._distance_m = label, distance_m
        self._score_threshold = score_threshold
        self._bev = {iou: CurveTally(iou) for iou in min_ious}
        self._volume = {iou: CurveTally(iou, score_threshold or 0.0) for iou in min_ious}

    def find(self, part: LabelledFrames) -> None:
        """First pass over some frames."""
        for tally, frames in self._each(part):
            tally.find(frames)

    def count(self, part: LabelledFrames) -> None:
        """Second pass over some frames."""
        for tally, frames in self._each(part):
            tally.count(frames)

    def scores(self, min_iou: float) -> ClassScores:
        """The scores at one of the overlaps, once all frames are counted."""
        return _score_class(
            self._bev[min_iou], self._volume[min_iou], min_iou, self._score_threshold
        )

    def bev_curve(self, min_iou: float, label: str) -> PrecisionCurve:
        """Precision over recall from above; ``label`` is what is shown.

        At most 41 points by falling score; none where nothing matches.
        """
        right, wrong, missed, _ = self._bev[min_iou].curve.counts
        recall, precision = (
            right / np.maximum(right + missed, 1),
            right / np.maximum(right + wrong, 1),
        )
        return PrecisionCurve(label, recall, precision)

    def _each(self, part: LabelledFrames) -> Iterator[tuple[CurveTally, list[MatchFrame]]]:
        bev, volume = class_frames(*part, self._label, self._distance_m)
        yield from ((tally, bev) for tally in self._bev.values())
        yield from ((tally, volume) for tally in self._volume.values())


def _score_class(
    bev: CurveTally, volume: CurveTally, min_iou: float, score_threshold: float | None
) -> ClassScores:
    curve, counts, place = volume.curve, volume.at, 0
    if score_threshold is None:
        score_threshold = best_threshold(curve)
        if len(curve.thresholds):
            counts = curve.counts
            place = int(np.flatnonzero(curve.thresholds == score_threshold)[0])
    right, wrong = int(counts.true_positives[place]), int(counts.false_positives[place])
    return ClassScores(
        min_iou=min_iou,
        num_truth=volume.num_truth,
        ap_bev_r40=average_r40(bev.curve.precision),
        ap_3d_r40=average_r40(curve.precision),
        score_threshold=score_threshold,
        recall=right / max(volume.num_truth, 1),
        precision=right / max(right + wrong, 1),
        true_positives=right,
        false_positives=wrong,
        facing=float(counts.similarity[place]) / max(right, 1),
    )
