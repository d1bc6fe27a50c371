"""Whether scores mean what they say: seven in ten boxes of score 0.7 should be right."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.types import Detections
from pd_ros.evaluation.agreement import pair_boxes
from pd_ros.evaluation.lidar import GroundTruth

BINS = 10


class Reliability(NamedTuple):
    """Boxes of one class by their score, in ten bins of equal width from 0 to 1."""

    boxes: tuple[int, ...]  # [BINS]
    score: tuple[float, ...]  # [BINS] mean; 0 in an empty bin
    right: tuple[float, ...]  # [BINS] share of boxes that are right; 0 in an empty bin

    @property
    def error(self) -> float:
        """Mean distance of score and share, weighted by boxes (expected calibration error)."""
        rows = zip(self.boxes, self.score, self.right, strict=True)
        distance = sum(boxes * abs(score - right) for boxes, score, right in rows)
        return distance / max(sum(self.boxes), 1)


def measure_reliability(
    truth: Sequence[GroundTruth], found: Sequence[Detections], classes: Sequence[str]
) -> dict[str, Reliability]:
    """Compare scores with what is right, class by class; pairs are those of ``agreement.py``.

    Boxes on objects that are not asked for do not count. Frames in the same order; no boxes give
    empty bins.
    """
    scores, right, labels = judge_boxes(truth, found, classes)
    return {
        name: _binned(scores[labels == label], right[labels == label])
        for label, name in enumerate(classes)
    }


def judge_boxes(
    truth: Sequence[GroundTruth], found: Sequence[Detections], classes: Sequence[str]
) -> tuple[Tensor, Tensor, Tensor]:
    """Scores, whether right (1) or not (0), and labels of all boxes that are judged: ``[D]`` each.

    Those on objects that are not asked for are not. Frames in the same order.
    """
    parts = []
    for there, boxes in zip(truth, found, strict=True):
        pairs = pair_boxes(boxes, there, classes)
        judged = torch.cat((pairs.found, pairs.extra))
        right = torch.zeros(len(judged), dtype=torch.float64)
        right[: len(pairs.found)] = 1
        parts.append((boxes.scores[judged].double(), right, boxes.labels[judged]))
    if not parts:
        return torch.zeros(0), torch.zeros(0), torch.zeros(0, dtype=torch.int64)
    scores, rights, labels = zip(*parts, strict=True)
    return torch.cat(scores), torch.cat(rights), torch.cat(labels)


def _binned(scores: Tensor, right: Tensor) -> Reliability:
    bins = (scores * BINS).long().clamp(0, BINS - 1)
    counts = torch.bincount(bins, minlength=BINS)
    sums = [torch.bincount(bins, each.double(), minlength=BINS) for each in (scores, right)]
    score, share = (each / counts.clamp(min=1) for each in sums)
    return Reliability(tuple(counts.tolist()), tuple(score.tolist()), tuple(share.tolist()))
