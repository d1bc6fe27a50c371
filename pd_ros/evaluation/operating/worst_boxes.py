"""The mistakes that tell most of a detector: its surest ghosts, and the nearest missed objects."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from pd_ros.detection.types import Detections
from pd_ros.evaluation.agreement import pair_boxes
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.operating.scores import touch_objects


class Mistake(NamedTuple):
    """One box in one of the frames."""

    frame: int
    box: Tensor  # [7]
    score: float | None  # None: an object that was missed

    @property
    def range_m(self) -> float:
        """How far it is, over the ground."""
        return float(self.box[:2].norm())


def surest_ghosts(
    truth: Sequence[GroundTruth], found: Sequence[Detections], label: int, most: int
) -> list[Mistake]:
    """Boxes of a class that touch no object at all, the highest score first; at most ``most``."""
    ghosts = []
    for number, (there, boxes) in enumerate(zip(truth, found, strict=True)):
        mine = boxes.select(boxes.labels == label)
        alone = mine.select(~touch_objects(mine.boxes, there))
        ghosts += [
            Mistake(number, *pair) for pair in zip(alone.boxes, alone.scores.tolist(), strict=True)
        ]
    return sorted(ghosts, key=lambda ghost: -(ghost.score or 0))[:most]


def nearest_misses(
    truth: Sequence[GroundTruth],
    found: Sequence[Detections],
    classes: Sequence[str],
    label: int,
    most: int,
) -> list[Mistake]:
    """Objects of a class that are asked for and not found, the nearest first; at most ``most``.

    ``found``: boxes from the score thresholds on.
    """
    misses = []
    for number, (there, boxes) in enumerate(zip(truth, found, strict=True)):
        missed = pair_boxes(boxes, there, classes).missed
        mine = missed[there.labels[missed] == label]
        misses += [Mistake(number, box, None) for box in there.boxes[mine]]
    return sorted(misses, key=lambda miss: miss.range_m)[:most]
