"""The Waymo Open Dataset's detection metrics: AP and APH in 3D at LEVEL_1 and LEVEL_2.

After P. Sun et al., "Scalability in perception for autonomous driving", CVPR 2020, and the
dataset's own tool, whose settings are taken: at each of 101 score cutoffs, the detections that
reach it are paired with the objects of their type so that the sum of IoUs is largest, scores play
no role; a pair needs the type's IoU *or more*. An object with up to 5 points is LEVEL_2 unless an
annotator said otherwise; one without points is not there. LEVEL_2 asks for all objects, LEVEL_1
for its own, but what finds a LEVEL_2 object is right at either level.

As in the tool, scores, cutoffs, IoUs and thresholds are compared as 32-bit numbers, so that what
is equal in writing is equal. Of several pairings of the same worth the tool takes one that depends
on its solver; here a detection of higher score keeps its object.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.evaluation.matching import Bools, Floats
from pd_ros.evaluation.overlaps import upright_overlaps
from pd_ros.evaluation.waymo.assignment import growing_assignments
from pd_ros.evaluation.waymo.curve import WaymoCurve
from pd_ros.evaluation.waymo.frames import TYPES, Integers, WaymoFrame, WaymoTruth
from pd_ros.evaluation.waymo.report import EVERYWHERE, WaymoEntry, WaymoReport

Singles = NDArray[np.float32]

LEVELS = (1, 2)
SCORE_CUTOFFS: Singles = (np.arange(101) / 100).astype(np.float32)
_MIN_IOU = dict(zip(TYPES, np.array([0.7, 0.5, 0.5, 0.5], dtype=np.float32), strict=True))
_MAX_LEVEL_2_POINTS = 5
# A box with a side outside of these overlaps nothing.
_SIDE_LIMITS_M = (0.01, 1e6)
# The sum of IoUs is one of whole millionths.
_IOU_UNITS = np.float32(1e6)
# Distances of the centre from the vehicle's origin, height included: all, and each on its own.
_RANGES_M = {EVERYWHERE: (0.0, np.inf), "[0, 30)": (0.0, 30.0), "[30, 50)": (30.0, 50.0),
             "[50, +inf)": (50.0, np.inf)}  # fmt: skip


class _Part(NamedTuple):
    """One frame as one type sees it, within one range."""

    iou: Singles  # [D, G]
    heading_accuracy: Floats  # [D, G]
    scores: Singles  # [D]
    excused: Bools  # [D] not wrong if it finds nothing
    levels: Integers  # [G] 1 or 2


class _Pairs(NamedTuple):
    """Pairs at the cutoffs from ``first`` to before ``end``."""

    first: int
    end: int
    detections: NDArray[np.intp]  # [P]
    objects: NDArray[np.intp]  # [P]


def evaluate_waymo(frames: Sequence[WaymoFrame]) -> WaymoReport:
    """Score the detections of all frames; no frames give 0 everywhere."""
    frames = [WaymoFrame(_with_points(frame.truth), frame.found) for frame in frames]
    overlaps = upright_overlaps(
        [frame.found.boxes for frame in frames], [frame.truth.boxes for frame in frames]
    )
    ious = [_single_iou(frame, pair.volume) for frame, pair in zip(frames, overlaps, strict=True)]
    entries = []
    for range_m in _RANGES_M:
        for name in TYPES:
            parts = [_select(*pair, name, range_m) for pair in zip(frames, ious, strict=True)]
            entries += _evaluate_parts(parts, name, range_m)
    return WaymoReport(tuple(entries))


def _with_points(truth: WaymoTruth) -> WaymoTruth:
    rows = truth.num_points > 0
    return WaymoTruth._make(column[rows] for column in truth)


def _single_iou(frame: WaymoFrame, iou: Floats) -> Singles:
    valid = [
        ((boxes[:, 3:6] > _SIDE_LIMITS_M[0]) & (boxes[:, 3:6] < _SIDE_LIMITS_M[1])).all(axis=1)
        for boxes in (frame.found.boxes, frame.truth.boxes)
    ]
    return np.where(np.logical_and.outer(*valid), iou, 0).astype(np.float32)


def _select(frame: WaymoFrame, iou: Singles, name: str, range_m: str) -> _Part:
    truth, found = frame
    rows = _which(found.types, found.boxes, name, range_m)
    columns = _which(truth.types, truth.boxes, name, range_m)
    turn = found.boxes[rows, 6, None] - truth.boxes[None, columns, 6]
    turn = np.abs((turn + np.pi) % (2 * np.pi) - np.pi)
    difficulties = truth.difficulties[columns]
    by_points = np.where(truth.num_points[columns] <= _MAX_LEVEL_2_POINTS, 2, 1)
    return _Part(
        iou=iou[np.ix_(rows, columns)],
        heading_accuracy=1 - turn / np.pi,
        scores=found.scores[rows].astype(np.float32),
        excused=found.in_unlabelled_zone[rows],
        levels=np.where(difficulties == 0, by_points, difficulties),
    )


def _which(types: Integers, boxes: Floats, name: str, range_m: str) -> NDArray[np.intp]:
    nearest, farthest = _RANGES_M[range_m]
    distance = np.linalg.norm(boxes[:, :3], axis=1)
    inside = (distance >= nearest) & (distance < farthest)
    return np.flatnonzero(inside & (types == TYPES.index(name)))


def _evaluate_parts(parts: Sequence[_Part], name: str, range_m: str) -> list[WaymoEntry]:
    counts = np.zeros((3 + len(LEVELS), len(SCORE_CUTOFFS)))
    for part in parts:
        counts += _count(part, _MIN_IOU[name])
    right, wrong, accuracy, *missed = counts
    entries = []
    for level, missed_at_level in zip(LEVELS, missed, strict=True):
        num_truth = sum(int((part.levels <= level).sum()) for part in parts)
        curve = WaymoCurve(right, wrong, missed_at_level, accuracy)
        entries.append(WaymoEntry(name, range_m, level, num_truth, curve))
    return entries


def _count(part: _Part, min_iou: np.float32) -> Floats:
    """Right, wrong, sum of heading accuracies, missed at either level: ``[5, C]`` cutoffs."""
    reaches = part.scores[:, None] >= SCORE_CUTOFFS
    right, accuracy = np.zeros((2, len(SCORE_CUTOFFS)))
    wrong = reaches[~part.excused].sum(axis=0)
    missed = np.repeat([[(part.levels <= level).sum()] for level in LEVELS], len(right), axis=1)
    for first, end, detections, objects in _best_pairs(part, min_iou):
        cutoffs = slice(first, end)
        right[cutoffs] = len(objects)
        wrong[cutoffs] -= (~part.excused[detections]).sum()
        accuracy[cutoffs] = part.heading_accuracy[detections, objects].sum()
        missed[:, cutoffs] -= [[(part.levels[objects] <= level).sum()] for level in LEVELS]
    return np.vstack((right, wrong, accuracy, missed))


def _best_pairs(part: _Part, min_iou: np.float32) -> Iterator[_Pairs]:
    """Pairs for all cutoffs that any pair reaches, from the highest down.

    A lower cutoff only lets more detections in, so one pass over them solves all cutoffs.
    """
    near = part.iou >= min_iou
    passes = np.searchsorted(SCORE_CUTOFFS, part.scores, side="right")
    rows = np.flatnonzero(near.any(axis=1) & (passes > 0))
    rows = rows[np.argsort(-part.scores[rows], kind="stable")]
    columns = np.flatnonzero(near[rows].any(axis=0))
    place = np.ix_(rows, columns)
    weights = np.where(near[place], np.round(part.iou[place] * _IOU_UNITS), 0).astype(np.int64)
    ends = passes[rows]
    firsts = np.append(ends, 0)[1:]
    for first, end, assigned in zip(firsts, ends, growing_assignments(weights), strict=True):
        if first < end:
            paired = np.flatnonzero(assigned >= 0)
            yield _Pairs(int(first), int(end), rows[paired], columns[assigned[paired]])
