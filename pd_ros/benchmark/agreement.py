"""Check that two ways through a detector find the same boxes."""

from typing import NamedTuple

from torch import Tensor

from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.types import Detections

_LEAST_SCORE = 0.3
_LEAST_IOU = 0.9
_SCORE_TOLERANCE = 0.03


class PathAgreement(NamedTuple):
    """How many boxes were to be found again, and how many were not."""

    boxes: int
    lost: int  # no such box was found
    tied: int  # of these: suppression had a choice of equals and kept another one


def agreement(
    expected: Detections, found: Detections, candidates: Detections, nms_iou: float
) -> PathAgreement:
    """Boxes of ``expected`` above 0.3, and those of them that ``found`` lacks.

    Found again is a box whose class the other has at a BEV IoU above 0.9 with a score within
    0.03, above 0.3 or not. ``candidates`` is what ``expected`` was chosen from. A lost box is tied
    if one of them that it suppressed (same class, IoU above ``nms_iou``) has a score within 0.03
    of its own and was found again: the least rounding makes suppression keep that one.
    """
    sure = expected.select(expected.scores > _LEAST_SCORE)
    lost = sure.select(~_found_again(sure, found))
    equal = _alike(lost, candidates, nms_iou)
    tied = (equal & _found_again(candidates, found)).any(dim=1)
    return PathAgreement(len(sure.scores), len(lost.scores), int(tied.sum()))


def _found_again(wanted: Detections, found: Detections) -> Tensor:
    """Mark those of ``wanted`` that are in ``found``: ``[D]`` bool."""
    return _alike(wanted, found, _LEAST_IOU).any(dim=1)


def _alike(one: Detections, other: Detections, least_iou: float) -> Tensor:
    """Pairs of one class that overlap and have nearly the same score: ``[D, E]`` bool."""
    alike = bev_iou(one.boxes, other.boxes) > least_iou
    alike &= one.labels[:, None] == other.labels
    return alike & ((one.scores[:, None] - other.scores).abs() <= _SCORE_TOLERANCE)
