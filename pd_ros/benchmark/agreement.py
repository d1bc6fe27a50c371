"""Whether two ways through a detector find the same."""

from typing import NamedTuple

import torch

from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.types import Detections


class Agreement(NamedTuple):
    """How many boxes were to be found again, and how many were not."""

    boxes: int
    lost: int


def agreement(
    expected: Detections,
    found: Detections,
    least_score: float = 0.3,
    least_iou: float = 0.9,
    score_tolerance: float = 0.03,
) -> Agreement:
    """Boxes of ``expected`` above ``least_score``, and those of them that ``found`` lacks.

    Found again is a box whose class the other has at a BEV IoU above ``least_iou`` with a score
    within ``score_tolerance``, above the least score or not.
    """
    sure = expected.select(expected.scores > least_score)
    same = bev_iou(sure.boxes, found.boxes) > least_iou
    same &= sure.labels[:, None] == found.labels
    same &= (sure.scores[:, None] - found.scores).abs() <= score_tolerance
    there = same.any(dim=1) if len(found.scores) else torch.zeros(len(sure.scores)).bool()
    return Agreement(len(sure.scores), int((~there).sum()))
