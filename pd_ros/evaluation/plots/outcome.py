"""Sort the boxes of one cloud into found, missed, imagined and wrong, to draw and to count them.

The rules are those of ``evaluation/operating/scores.py``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.types import Detections
from pd_ros.evaluation.agreement import pair_boxes
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.operating.scores import touch_objects


class Outcome(NamedTuple):
    """Indices, int64, into D detections or M objects; each detection is in one of four groups."""

    found: Tensor  # detections that are paired with an object
    imagined: Tensor  # detections that touch nothing that is there: ghosts
    wrong: Tensor  # detections that touch something: badly placed, twice, or of a wrong class
    not_scored: Tensor  # detections of objects that are not asked for, or where nobody labelled
    missed: Tensor  # objects that are asked for and have no detection
    ignored: Tensor  # objects that are not asked for

    @property
    def objects(self) -> int:
        """How many objects are asked for."""
        return len(self.found) + len(self.missed)


def sort_boxes(
    detections: Detections,
    truth: GroundTruth,
    classes: Sequence[str],
    unlabelled: Tensor | None = None,
) -> Outcome:
    """Sort the boxes of one cloud; labels index ``classes``, -1 is any other object.

    ``unlabelled`` ``[D]`` bool: detections where nobody labelled, neither right nor wrong.
    """
    pairs = pair_boxes(detections, truth, classes)
    judged = torch.zeros(len(detections.labels), dtype=torch.bool)
    judged[pairs.found] = judged[pairs.extra] = True
    extra = pairs.extra
    if unlabelled is not None:
        extra = extra[~unlabelled[extra]]
        judged &= ~unlabelled
        judged[pairs.found] = True
    touching = touch_objects(detections.boxes[extra], truth)
    return Outcome(
        found=pairs.found,
        imagined=extra[~touching],
        wrong=extra[touching],
        not_scored=(~judged).nonzero()[:, 0],
        missed=pairs.missed,
        ignored=(truth.ignore | (truth.labels < 0)).nonzero()[:, 0],
    )
