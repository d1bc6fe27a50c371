"""What a network finds in a cloud."""

from typing import NamedTuple

from pd_ros.detection.types import Clipped, Detections


class Found(NamedTuple):
    """Boxes, and what did not fit."""

    detections: Detections  # on the CPU
    clipped: Clipped
    not_finite: int = 0  # values that the network answered and that are no answer
