"""How far off the detections are that found something: nuScenes' five true positive errors."""

from typing import NamedTuple

import numpy as np

from pd_ros.evaluation.matching import Floats
from pd_ros.evaluation.nuscenes.boxes import Indices, NuscenesBoxes
from pd_ros.evaluation.nuscenes.curve import FIRST_RECALL, score_over_recall

_WORST = 1.0
# What means nothing for a class: a cone looks the same from all sides, and neither moves.
_UNDEFINED = {
    "traffic_cone": ("orient_err", "vel_err", "attr_err"),
    "barrier": ("vel_err", "attr_err"),
}


class TruePositiveErrors(NamedTuple):
    """Mean errors under the development kit's names; NaN where undefined for the class."""

    trans_err: float  # ATE: distance of the centres seen from above, metres
    scale_err: float  # ASE: 1 - IoU after moving and turning one box onto the other
    orient_err: float  # AOE: difference of the yaws, radians
    vel_err: float  # AVE: length of the difference of the velocities, m/s
    attr_err: float  # AAE: part with another attribute


def true_positive_errors(
    truth: NuscenesBoxes, found: NuscenesBoxes, taken: Indices, class_name: str
) -> TruePositiveErrors:
    """Errors of one class; ``found [D]`` by falling score, ``taken [D]`` its objects, -1 for none.

    Each is a running mean over the matches, averaged over the recalls above 0.1 that are reached;
    1 if none is. A recall with an interpolated score of 0 does not count as reached.
    """
    scores = score_over_recall(found.scores, taken, len(truth.names))
    hits = np.flatnonzero(taken >= 0)
    errors = _match_errors(truth.take(taken[hits]), found.take(hits), class_name)
    means = (_mean_over_recall(error, found.scores[hits], scores) for error in errors)
    undefined = dict.fromkeys(_UNDEFINED.get(class_name, ()), np.nan)
    return TruePositiveErrors(*means)._replace(**undefined)


def _match_errors(truth: NuscenesBoxes, found: NuscenesBoxes, class_name: str) -> list[Floats]:
    """Errors ``[M]`` of M matches, in the order of the fields; NaN where truth says nothing."""
    # A barrier has no front.
    period = np.pi if class_name == "barrier" else 2 * np.pi
    turn = (truth.yaws - found.yaws + period / 2) % period - period / 2
    shared = np.minimum(truth.sizes, found.sizes).prod(axis=1)
    union = truth.sizes.prod(axis=1) + found.sizes.prod(axis=1) - shared
    differs = (truth.attributes != found.attributes).astype(np.float64)
    return [
        np.linalg.norm(truth.centres - found.centres, axis=1),
        1 - shared / union,
        np.abs(turn),
        np.linalg.norm(truth.velocities - found.velocities, axis=1),
        np.where(truth.attributes == "", np.nan, differs),
    ]


def _mean_over_recall(errors: Floats, error_scores: Floats, scores: Floats) -> float:
    reached = np.flatnonzero(scores)
    if len(errors) == 0 or len(reached) == 0 or reached[-1] < FIRST_RECALL:
        return _WORST
    running = _running_mean(errors)
    over_recall = np.interp(scores[::-1], error_scores[::-1], running[::-1])[::-1]
    return float(over_recall[FIRST_RECALL : reached[-1] + 1].mean())


def _running_mean(errors: Floats) -> Floats:
    """Mean of the errors so far, NaN left out: 0 before the first, the worst without any."""
    known = ~np.isnan(errors)
    if not known.any():
        return np.full(len(errors), _WORST)
    mean: Floats = np.nancumsum(errors) / np.maximum(np.cumsum(known), 1)
    return mean
