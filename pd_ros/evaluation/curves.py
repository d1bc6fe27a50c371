"""Precision over recall as a report hands it to whoever draws it."""

from collections.abc import Sequence
from typing import NamedTuple

from pd_ros.evaluation.matching import Floats


class PrecisionCurve(NamedTuple):
    """P points of precision over recall, both in [0, 1], and the name to show."""

    label: str
    recall: Floats  # [P]
    precision: Floats  # [P]


class CurvePanel(NamedTuple):
    """What one pair of axes shows."""

    title: str
    curves: Sequence[PrecisionCurve]
