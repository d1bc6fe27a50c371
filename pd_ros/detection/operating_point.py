"""The score threshold of each class that was chosen on validation, kept with the weights.

A threshold that suits one network and class floods the street with ghosts for another: who trains
a checkpoint chooses it, and whoever runs it may choose otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from pd_ros.detection.config.base import FrozenConfig, Probability, parse_config
from pd_ros.detection.types import Detections

KEY = "operating_point"  # in the checkpoint's training record
FALLBACK = 0.3  # of checkpoints that say nothing

NotNegative = Annotated[float, Field(ge=0)]


class ClassPoint(FrozenConfig):
    """What one class is worth at its threshold, on the sweeps on which it was chosen."""

    threshold: Probability
    precision: Probability
    recall: Probability
    ghosts_per_frame: NotNegative


class OperatingPoint(FrozenConfig):
    """Thresholds by class, and the sweeps on which they were chosen."""

    data: str
    classes: dict[str, ClassPoint]


def read_operating_point(training: Mapping[str, object], where: str) -> OperatingPoint | None:
    """Return the one in a training record, None where there is none.

    Raises ``ValueError`` that names ``where`` for one that is damaged.
    """
    if KEY not in training:
        return None
    return parse_config(training[KEY], OperatingPoint, f"{where} ({KEY})")


def above_thresholds(found: Detections, thresholds: Sequence[float]) -> Detections:
    """Return the boxes that reach the threshold of their class; all of them without thresholds."""
    if not len(thresholds):
        return found
    return found.select(found.scores >= found.scores.new_tensor(thresholds)[found.labels])


def class_thresholds(point: OperatingPoint | None, classes: Sequence[str]) -> tuple[float, ...]:
    """Return the threshold of each class; ``FALLBACK`` where nobody chose one."""
    chosen = point.classes if point is not None else {}
    return tuple(chosen[name].threshold if name in chosen else FALLBACK for name in classes)
