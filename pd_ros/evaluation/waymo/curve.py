"""From matches at score cutoffs to AP and APH by the rule of the Waymo Open Dataset."""

from typing import NamedTuple

import numpy as np

from pd_ros.evaluation.matching import Floats

# Steps of recall that a gap between two operating points is cut into, and what rounding may add.
_MAX_GAP = 0.05
_GAP_TOLERANCE = 1e-6


class WaymoCurve(NamedTuple):
    """Counts over all frames at C score cutoffs."""

    true_positives: Floats  # [C]
    false_positives: Floats  # [C]
    missed: Floats  # [C] objects of the level and easier ones that nothing found
    heading_accuracy: Floats  # [C] sum over the true positives: 1 same heading, 0 opposite

    @property
    def recall(self) -> Floats:
        """Part found ``[C]``; 0 if there is nothing to find."""
        objects = self.true_positives + self.missed
        recall: Floats = self.true_positives / np.maximum(objects, 1)
        return recall

    @property
    def precision(self) -> Floats:
        """Part of the detections that is right ``[C]``; 1 where nothing is found, by the rule."""
        return self._per_detection(self.true_positives)

    @property
    def heading_precision(self) -> Floats:
        """As ``precision``, each true positive worth its heading accuracy."""
        return self._per_detection(self.heading_accuracy)

    @property
    def ap(self) -> float:
        """Average precision in [0, 1]; 0 if nothing is found."""
        return area_under(self.precision, self.recall)

    @property
    def aph(self) -> float:
        """Average precision weighted by heading, in [0, 1]."""
        return area_under(self.heading_precision, self.recall)

    def _per_detection(self, worth: Floats) -> Floats:
        detections = self.true_positives + self.false_positives
        return np.where(self.true_positives > 0, worth / np.maximum(detections, 1), 1.0)


def area_under(precision: Floats, recall: Floats, max_gap: float = _MAX_GAP) -> float:
    """Area under operating points ``[P]``, in any order; none give 0.

    From the highest recall down, the precision is the best at this recall or above. Between two
    recalls it stays as it is in steps of ``max_gap``, and goes over to the lower recall's in what
    remains of the last step. Below the lowest recall it stays.
    """
    found = recall > 0
    recalls, place = np.unique(recall[found], return_inverse=True)
    best = np.zeros(len(recalls))
    np.maximum.at(best, place, precision[found])
    best = np.maximum.accumulate(best[::-1])[::-1]
    widths = np.diff(recalls, prepend=0.0)
    steps = np.ceil((widths - _GAP_TOLERANCE) / max_gap) - 1
    slopes = widths - np.maximum(steps, 0) * max_gap
    below = np.concatenate((best[:1], best[:-1]))
    return float((best * (widths - slopes) + (below + best) / 2 * slopes).sum())
