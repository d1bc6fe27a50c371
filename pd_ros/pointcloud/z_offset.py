"""Measure, from a sensor's first clouds, what brings its ground to where the training's was.

The one place behind ``auto`` of the nodes' ``input.z_offset`` and of the commands' ``--z-offset``.
"""

import math
from collections.abc import Iterable

import numpy as np

from pd_ros.pointcloud.decode import Float32
from pd_ros.pointcloud.ground import ground_height

Z_OFFSET = "input.z_offset"  # the nodes' parameter
AUTO = "auto"
CLOUDS = 5  # with points; after them the offset is settled
LARGEST_M = 10.0
_AGREE_M = 0.3  # from the median of all; grounds farther off are something else


def raised(points: Float32, offset_m: float) -> Float32:
    """Points ``[N, 3 + C]`` with an offset added to z: others, or the same for an offset of 0."""
    if not offset_m:
        return points
    moved = points.copy()
    moved[:, 2] += offset_m
    return moved


class AutoOffset:
    """Takes the first clouds, and settles the offset once: ``offset_m`` is None until then.

    The ground must show in more than half of them, at about one height. Where it does not, or
    where the training's is not known (None), the offset is 0 and ``found`` False.
    """

    def __init__(self, trained_ground_m: float | None) -> None:
        self._trained_m = trained_ground_m
        self._grounds_m: list[float] = []
        self._ground_m = math.nan
        self.clouds = 0  # that were measured
        self.offset_m: float | None = None
        self.found = False

    def add(self, points: Float32) -> None:
        """Measure finite points ``[N, 3+]`` of one more cloud, where the model would see them.

        A cloud of no points tells nothing and does not count; nor does any after the settling.
        """
        if self.offset_m is not None or not len(points):
            return
        ground_m = ground_height(points)
        self.clouds += 1
        if ground_m is not None:
            self._grounds_m.append(ground_m)
        if self.clouds >= CLOUDS:
            self.settle()

    def settle(self) -> float:
        """Return the offset in m, of fewer clouds if there are no more."""
        if self.offset_m is None:
            self._ground_m = self._common_ground()
            offset_m = math.nan
            if self._trained_m is not None:
                offset_m = self._trained_m - self._ground_m
            self.found = abs(offset_m) <= LARGEST_M
            self.offset_m = round(offset_m, 3) if self.found else 0.0
        return self.offset_m

    def _common_ground(self) -> float:
        grounds = np.array(self._grounds_m)
        if len(grounds):
            grounds = grounds[np.abs(grounds - np.median(grounds)) <= _AGREE_M]
        return float(np.median(grounds)) if 2 * len(grounds) > self.clouds else math.nan

    @property
    def text(self) -> str:
        """Say how far it is, or what was settled and why."""
        if self.offset_m is None:
            return f"auto: measuring the ground, {self.clouds} of {CLOUDS} clouds so far"
        if self.found:
            return f"{self.offset_m:.2f} (auto: ground at {self._ground_m:.2f} m)"
        return f"0.00 (auto: {self._why_not()})"

    def _why_not(self) -> str:
        if self._trained_m is None:
            return "the model's training saw no level ground"
        if math.isnan(self._ground_m):
            clouds = "cloud" if self.clouds == 1 else "clouds"
            return f"no ground was seen in the first {self.clouds} {clouds}"
        return f"no mounting explains a ground at {self._ground_m:.1f} m"


def measure_offset(clouds: Iterable[Float32], trained_ground_m: float | None) -> AutoOffset:
    """Settle the offset for clouds ``[N, 3+]`` that are all there; only the first are read."""
    offset = AutoOffset(trained_ground_m)
    for points in clouds:
        offset.add(points)
        if offset.offset_m is not None:
            break
    offset.settle()
    return offset


def parse_offset(text: str) -> float | None:
    """Return the number that a text is, None for ``auto``.

    Raises ``ValueError`` for anything else, and for what is too large.
    """
    if text == AUTO:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST_M:
        raise ValueError(
            f"expected {AUTO} or a number of metres from {-LARGEST_M:g} to {LARGEST_M:g}, got"
            f" {text!r}"
        )
    return value
