"""The KITTI object benchmark: AP in the image, from above and in 3D, and orientation (AOS).

After the benchmark's own development kit. Where public codes differ: a ground truth whose image
box is exactly as high as the limit (40 or 25 pixels) counts, as in the development kit (the Python
ports ignore it); AOS is left out if any detection has alpha -10, as in the development kit;
rotated overlaps are exact (the ports' GPU kernels are not, for boxes that coincide).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.evaluation.kitti.labels import REGION, KittiObjects
from pd_ros.evaluation.kitti.report import DIFFICULTIES, KittiEntry, KittiReport
from pd_ros.evaluation.matching import Bools, Curve, Floats, MatchFrame, precision_curve
from pd_ros.evaluation.overlaps import image_coverage, image_overlaps, upright_overlaps

CLASSES = ("Car", "Pedestrian", "Cyclist")

# Limits of easy, moderate, hard.
_MIN_HEIGHT_PX = (40, 25, 25)
_MAX_OCCLUSION = (0, 1, 2)
_MAX_TRUNCATION = (0.15, 0.30, 0.50)
# What looks alike may take a detection of the class, and is never missed.
_NEIGHBOUR = {"car": "van", "pedestrian": "person_sitting"}
_UNKNOWN_ALPHA = -10

_STRICT_IOU = {"Car": 0.7, "Pedestrian": 0.5, "Cyclist": 0.5}
_LOOSE_IOU = {"Car": 0.5, "Pedestrian": 0.25, "Cyclist": 0.25}
_MIN_IOU: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "bbox": {"strict": _STRICT_IOU, "loose": _STRICT_IOU},
    "bev": {"strict": _STRICT_IOU, "loose": _LOOSE_IOU},
    "3d": {"strict": _STRICT_IOU, "loose": _LOOSE_IOU},
}


def difficulties(objects: KittiObjects) -> NDArray[np.int64]:
    """The easiest of ``DIFFICULTIES`` that each object ``[N]`` counts in; 3 if it is none of them.

    A matter of height in the image, occlusion and truncation; the class is not asked for.
    """
    within = np.stack([_within(objects, level) for level in range(len(DIFFICULTIES))])
    return np.where(within.any(axis=0), within.argmax(axis=0), len(DIFFICULTIES))


class _FramePair(NamedTuple):
    """Labels and detections of one frame with what all classes share."""

    truth: KittiObjects
    found: KittiObjects
    iou: Mapping[str, Floats]  # per metric [G, D]
    coverage: Floats  # [D] largest part of the image box that one DontCare region covers
    similarity: Floats  # [G, D]


def evaluate_kitti(
    truth: Sequence[KittiObjects],
    found: Sequence[KittiObjects],
    classes: Sequence[str] = CLASSES,
) -> KittiReport:
    """Score detections against labels, frame by frame in the same order.

    ``classes``: some of Car, Pedestrian, Cyclist. A class without objects or matches has AP 0.
    Raises ``ValueError`` for other classes or another number of frames, and where all labels or
    all detections lack the image boxes that the rule cannot do without.
    """
    unknown = [name for name in classes if name not in CLASSES]
    if unknown:
        raise ValueError(f"classes: expected some of {', '.join(CLASSES)}, got {unknown}")
    if len(truth) != len(found):
        raise ValueError(f"detections: expected {len(truth)} frames as labelled, got {len(found)}")
    without = {
        what: _count_without_image_box(what, frames, classes)
        for what, frames in (("labels", truth), ("detections", found))
    }
    pairs = _pair_frames(truth, found)
    with_alpha = not any(bool((frame.alpha == _UNKNOWN_ALPHA).any()) for frame in found)
    entries = [entry for name in classes for entry in _evaluate_class(pairs, name, with_alpha)]
    num_truth = {name: _count_truth(pairs, name) for name in classes}
    return KittiReport(tuple(entries), num_truth, without)


def _count_without_image_box(
    what: str, frames: Sequence[KittiObjects], classes: Sequence[str]
) -> int:
    """How many objects of the classes have no height in the image; ``ValueError`` if all."""
    flat = [_height_px(frame)[_named(frame, *classes)] <= 0 for frame in frames]
    count, total = sum(int(rows.sum()) for rows in flat), sum(len(rows) for rows in flat)
    if total and count == total:
        raise ValueError(
            f"{what}: expected image boxes (x1 y1 x2 y2), by whose height KITTI's rule decides"
            f" what counts, got none in {total} of {total}; add them, or score the clouds in space"
            " by python -m pd_ros.evaluate_recording, which needs none"
        )
    return count


def _pair_frames(truth: Sequence[KittiObjects], found: Sequence[KittiObjects]) -> list[_FramePair]:
    overlaps = upright_overlaps([frame.boxes for frame in truth], [frame.boxes for frame in found])
    pairs = []
    for labels, detections, upright in zip(truth, found, overlaps, strict=True):
        dontcare = labels.image_boxes[_named(labels, REGION)]
        coverage = image_coverage(dontcare, detections.image_boxes)
        turn = labels.alpha[:, None] - detections.alpha[None, :]
        iou = {
            "bbox": image_overlaps(labels.image_boxes, detections.image_boxes),
            "bev": upright.bev,
            "3d": upright.volume,
        }
        worst = coverage.max(axis=0, initial=0.0)
        pairs.append(_FramePair(labels, detections, iou, worst, (1 + np.cos(turn)) / 2))
    return pairs


def _evaluate_class(pairs: Sequence[_FramePair], name: str, with_alpha: bool) -> list[KittiEntry]:
    entries, orientation = [], []
    for metric, levels in _MIN_IOU.items():
        for level, min_iou in levels.items():
            curves = [
                _curve(pairs, name, difficulty, metric, min_iou[name])
                for difficulty in range(len(DIFFICULTIES))
            ]
            precision = np.stack([curve.precision for curve in curves])
            entries.append(KittiEntry(name, metric, level, precision))
            if metric == "bbox" and with_alpha:
                similarity = np.stack([curve.orientation_similarity for curve in curves])
                orientation.append(KittiEntry(name, "aos", level, similarity))
    return entries + orientation


def _curve(
    pairs: Sequence[_FramePair], name: str, difficulty: int, metric: str, min_iou: float
) -> Curve:
    frames = (_frame(pair, name, difficulty, metric, min_iou) for pair in pairs)
    return precision_curve([frame for frame in frames if sum(frame.iou.shape)], min_iou)


def _frame(
    pair: _FramePair, name: str, difficulty: int, metric: str, min_iou: float
) -> MatchFrame:
    """What the class sees of a frame; DontCare regions excuse in the image only."""
    counts = _counting(pair.truth, name, difficulty)
    rows = np.flatnonzero(_named(pair.truth, name, _NEIGHBOUR.get(name.lower(), "")))
    # The height limit comes before the class: a small detection of any class may be taken.
    small = _height_px(pair.found) < _MIN_HEIGHT_PX[difficulty]
    columns = np.flatnonzero(small | _named(pair.found, name))
    excused = pair.coverage[columns] > min_iou
    return MatchFrame(
        iou=pair.iou[metric][np.ix_(rows, columns)],
        scores=pair.found.scores[columns],
        truth_ignored=~counts[rows],
        detection_ignored=small[columns],
        detection_excused=excused if metric == "bbox" else np.zeros_like(excused),
        heading_similarity=pair.similarity[np.ix_(rows, columns)],
    )


def _counting(truth: KittiObjects, name: str, difficulty: int) -> Bools:
    """Which objects ``[G]`` are of the class and within the difficulty's limits."""
    return _within(truth, difficulty) & _named(truth, name)


def _within(truth: KittiObjects, difficulty: int) -> Bools:
    within: Bools = (
        (truth.occluded <= _MAX_OCCLUSION[difficulty])
        & (truth.truncated <= _MAX_TRUNCATION[difficulty])
        & (_height_px(truth) >= _MIN_HEIGHT_PX[difficulty])
    )
    return within


def _count_truth(pairs: Sequence[_FramePair], name: str) -> tuple[int, ...]:
    return tuple(
        sum(int(_counting(pair.truth, name, difficulty).sum()) for pair in pairs)
        for difficulty in range(len(DIFFICULTIES))
    )


def _named(objects: KittiObjects, *names: str) -> Bools:
    wanted = {name.lower() for name in names}
    return np.array([name.lower() in wanted for name in objects.names], dtype=bool)


def _height_px(objects: KittiObjects) -> Floats:
    height: Floats = objects.image_boxes[:, 3] - objects.image_boxes[:, 1]
    return height
