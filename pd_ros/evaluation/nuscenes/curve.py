"""From matches to curves over 101 recalls and their average, as nuScenes has it.

Matches are ``taken [D]``: the object that each detection found, by falling score, -1 for none.
"""

import numpy as np

from pd_ros.evaluation.matching import Floats
from pd_ros.evaluation.nuscenes.boxes import Indices

RECALLS: Floats = np.linspace(0, 1, 101)
# Recalls and precisions up to 0.1 are noise, and do not count.
FIRST_RECALL = 11
_MIN_PRECISION = 0.1


def precision_over_recall(taken: Indices, num_truth: int) -> Floats:
    """Precision ``[101]``, 0 beyond the highest recall and if nothing matches."""
    return _over_recall(np.cumsum(taken >= 0) / np.arange(1, len(taken) + 1), taken, num_truth)


def score_over_recall(scores: Floats, taken: Indices, num_truth: int) -> Floats:
    """Score ``[101]`` at which a recall is reached, 0 beyond the highest recall."""
    return _over_recall(scores, taken, num_truth)


def average_precision(precision: Floats) -> float:
    """Mean in [0, 1] of what exceeds 0.1 in a curve ``[101]``, for the recalls above 0.1."""
    above = np.maximum(precision[FIRST_RECALL:] - _MIN_PRECISION, 0)
    return float(above.mean()) / (1 - _MIN_PRECISION)


def _over_recall(values: Floats, taken: Indices, num_truth: int) -> Floats:
    """Interpolate ``values [D]`` over recall; of several at one recall the last one counts."""
    if not (taken >= 0).any():
        return np.zeros(len(RECALLS))
    recall = np.cumsum(taken >= 0) / num_truth
    return np.interp(RECALLS, recall, values, right=0)
