"""How far off the boxes of each class are, measured on validation and kept with the weights.

A tracker that is told so can weigh a box against what it expects of the object.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import AfterValidator, Field

from pd_ros.detection.config.base import FrozenConfig, parse_config
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections

KEY = "box_errors"  # in the checkpoint's training record

NotNegative = Annotated[float, Field(ge=0)]


class RangeErrors(FrozenConfig):
    """Root mean square errors of found boxes whose objects lie beyond a distance."""

    from_m: NotNegative  # seen from above; up to where the next range begins
    pairs: Annotated[int, Field(ge=1)]  # of box and object that were measured
    along_m: NotNegative  # of the centre, along the object's axis
    across_m: NotNegative
    up_m: NotNegative
    yaw_rad: NotNegative  # of the axis, direction aside


def _from_0_on(ranges: tuple[RangeErrors, ...]) -> tuple[RangeErrors, ...]:
    starts = [each.from_m for each in ranges]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise ValueError(f"expected ranges that begin at rising from_m, from 0 on, got {starts}")
    return ranges


class MeasuredErrors(FrozenConfig):
    """Errors by class, and the sweeps on which they were measured.

    Of a class that is not named none are known.
    """

    data: str
    classes: dict[str, Annotated[tuple[RangeErrors, ...], AfterValidator(_from_0_on)]]


def read_box_errors(training: Mapping[str, object], where: str) -> MeasuredErrors | None:
    """Return those in a training record, None where there are none.

    Raises ``ValueError`` that names ``where`` for damaged ones.
    """
    if KEY not in training:
        return None
    return parse_config(training[KEY], MeasuredErrors, f"{where} ({KEY})")


class ExpectedErrors:
    """Looks up the errors to expect of boxes by class and distance."""

    def __init__(self, errors: MeasuredErrors | None, classes: Sequence[str]) -> None:
        known = errors.classes if errors is not None else {}
        starts = sorted({0.0}.union(*([r.from_m for r in ranges] for ranges in known.values())))
        self._starts = torch.tensor(starts)
        self._variances = torch.full((len(classes), len(starts), 4), torch.nan)
        for label, name in enumerate(classes):
            for each in known.get(name, ()):  # the later ones overwrite, from where they begin
                rms = (each.along_m, each.across_m, each.up_m, each.yaw_rad)
                self._variances[label, starts.index(each.from_m) :] = torch.tensor(rms).square()

    @classmethod
    def of(cls, predictor: Predictor) -> "ExpectedErrors":
        """Those of its checkpoint; ``ValueError`` that names it for a damaged record."""
        return cls(read_box_errors(predictor.training, predictor.where), predictor.config.classes)

    def __call__(self, found: Detections) -> Detections:
        """Return boxes with ``variances``; labels index the classes. No boxes give none.

        The distance is that of the centre from the origin, seen from above.
        """
        distance_m = torch.linalg.vector_norm(found.boxes[:, :2], dim=1)
        ring = torch.bucketize(distance_m, self._starts[1:], right=True)
        return found._replace(variances=self._variances[found.labels, ring])
