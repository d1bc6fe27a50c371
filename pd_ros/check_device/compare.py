"""How far what a device made is from what the CPU made, and how far it may be."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.types import Detections, HeadMaps

# Relative error (root of mean squares) that rounding explains, over the layers of a network.
ROUNDING = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 8e-2}
# Scores may differ by so much, and centres of boxes by so much of a metre.
SCORE = {"fp32": 1e-3, "fp16": 0.02, "bf16": 0.06}
CENTRE_M = {"fp32": 0.02, "fp16": 0.2, "bf16": 0.5}
# Of these boxes some may be others: suppression between equals turns on the last digit.
_TIED = {"fp32": 0.1, "fp16": 0.2, "bf16": 0.4}
_SURE = 0.3  # a score above which a trained network means a box
_BEST = 50  # boxes by score, of one that has learnt nothing


def relative_error(expected: Tensor, found: Tensor) -> float:
    """Root of the mean squared error over that of the values; infinite of what is not finite."""
    if expected.shape != found.shape:
        return math.inf
    error = (found.detach().cpu().double() - expected.double()).square().mean().sqrt()
    scale = expected.double().square().mean().sqrt().clamp(min=1e-12)
    value = float(error / scale)
    return math.inf if math.isnan(value) else value


def map_errors(expected: HeadMaps, found: HeadMaps) -> dict[str, float]:
    """Greatest error of each kind of map over the levels of a head."""
    errors: dict[str, float] = {}
    for one, other in zip(expected.levels, found.levels, strict=True):
        for name in ("heatmap", "box", "direction", "quality"):
            mine, theirs = getattr(one, name), getattr(other, name)
            if mine is not None:
                errors[name] = max(errors.get(name, 0.0), relative_error(mine, theirs))
    return errors


class BoxDifference(NamedTuple):
    """How the boxes of two ways differ."""

    boxes: int  # that were to be found again
    lost: int  # of these were not, in their class, near their place, with about their score
    score: float  # greatest difference of the sorted scores

    def within(self, precision: str) -> bool:
        """Whether rounding explains it."""
        return self.lost <= _TIED[precision] * self.boxes and self.score <= SCORE[precision]


def box_difference(
    expected: Detections,
    found: Detections,
    precision: str,
    trained: bool,
    sure: float = _SURE,
) -> BoxDifference:
    """Compare what counts: boxes above ``sure`` of a trained network, the best of another.

    In half precision none of another, whose scores are nearly equal: rounding says which are best.
    """
    score = _score_difference(expected, found)
    if trained:
        wanted = expected.select(expected.scores > sure)
    else:
        best = _BEST if precision == "fp32" else 0
        wanted = expected.select(torch.arange(min(best, len(expected.scores))))
    if not len(found.scores):
        return BoxDifference(len(wanted.scores), len(wanted.scores), score)
    apart = torch.cdist(
        wanted.boxes[:, :3], found.boxes[:, :3], compute_mode="donot_use_mm_for_euclid_dist"
    )
    alike = (apart <= CENTRE_M[precision]) & (wanted.labels[:, None] == found.labels)
    alike &= (wanted.scores[:, None] - found.scores).abs() <= SCORE[precision]
    lost = int((~alike.any(dim=1)).sum())
    return BoxDifference(len(wanted.scores), lost, score)


def worst(differences: Sequence[BoxDifference]) -> BoxDifference:
    """All boxes and all lost ones, and the greatest difference of a score; of at least one."""
    boxes, lost, scores = zip(*differences, strict=True)
    return BoxDifference(sum(boxes), sum(lost), max(scores))


def _score_difference(expected: Detections, found: Detections) -> float:
    """Greatest difference of the best scores in order, where there are as many; else of one."""
    count = min(_BEST, len(expected.scores), len(found.scores))
    if count == 0:
        return 0.0 if len(expected.scores) == len(found.scores) else 1.0
    both = (each.scores.sort(descending=True).values[:count] for each in (expected, found))
    one, other = both
    return float((one - other).abs().max())
