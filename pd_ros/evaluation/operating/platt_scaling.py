"""Fit the calibration of scores, and measure what it is worth on frames it was not fitted on."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from pd_ros.detection.score_calibration import ClassScaling, PlattScaling, calibrate_scores
from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.operating.reliability import Reliability, judge_boxes, measure_reliability

_TEMPERATURES = (0.05, 20.0)  # what a class of few boxes may get
_NEAREST = 1e-6  # to 0 and 1 that a score is taken for


def fit_scaling(
    truth: Sequence[GroundTruth], found: Sequence[Detections], classes: Sequence[str], data: str
) -> PlattScaling:
    """Fit each class to the frames, in the same order; ``found`` has uncalibrated scores.

    A class without a right or without a wrong box keeps its scores. ``data`` names the frames.
    """
    scores, right, labels = judge_boxes(truth, found, classes)
    scaled = {}
    for label, name in enumerate(classes):
        of_class = labels == label
        if 0 < right[of_class].sum() < of_class.sum():
            scaled[name] = _fit(scores[of_class], right[of_class])
    return PlattScaling(data=data, classes=scaled)


def _fit(scores: Tensor, right: Tensor) -> ClassScaling:
    """Scaling of the least cross-entropy (Platt 1999) over boxes ``[D]``, ``right`` 0 or 1.

    Aimed at are not 0 and 1 but what so few boxes can vouch for: (k + 1) / (k + 2) of k right
    ones, 1 / (n + 2) of n wrong ones.
    """
    logits = torch.logit(scores.double(), eps=_NEAREST)
    hits = right.sum()
    aims = torch.where(right > 0, (hits + 1) / (hits + 2), 1 / (len(right) - hits + 2))
    # The slope by its logarithm: it must not fall below 0.
    free = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([free], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = binary_cross_entropy_with_logits(logits * free[0].exp() + free[1], aims)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    log_slope, bias = free.detach().tolist()
    temperature = float(torch.tensor(-log_slope).exp().clamp(*_TEMPERATURES))
    return ClassScaling(temperature=round(temperature, 4), bias=round(bias, 4))


def held_out_reliability(
    truth: Sequence[GroundTruth],
    found: Sequence[Detections],
    classes: Sequence[str],
    drives: Sequence[str],
) -> dict[str, Reliability]:
    """Reliability when each half of the drives is calibrated by a fit on the other half.

    ``found`` has uncalibrated scores; ``drives`` names the drive of each frame. Of one drive alone
    there are no halves: the scores stay as they are.
    """
    halves = _halves(drives)
    calibrated = list(found)
    for half in (False, True):
        other = [i for i, mine in enumerate(halves) if mine != half]
        scaling = fit_scaling([truth[i] for i in other], [found[i] for i in other], classes, "")
        for i, mine in enumerate(halves):
            if mine == half:
                calibrated[i] = calibrate_scores(found[i], scaling, classes)
    return measure_reliability(truth, calibrated, classes)


def _halves(drives: Sequence[str]) -> list[bool]:
    """In which half each frame is: whole drives, the longest first, each to the smaller half."""
    sizes, half_of = [0, 0], dict[str, bool]()
    for drive, count in sorted(Counter(drives).items(), key=lambda row: (-row[1], row[0])):
        half_of[drive] = sizes[1] < sizes[0]
        sizes[half_of[drive]] += count
    return [half_of[drive] for drive in drives]
