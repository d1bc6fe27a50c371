"""The last clouds joined into one, as models want it that were trained on several sweeps."""

from collections import deque
from typing import NamedTuple

import numpy as np

from pd_ros.pointcloud.decode import Float32
from pd_ros.runtime.transforms import Matrix, inverse, move_points


class PlacedSweep(NamedTuple):
    """One cloud where the sensor was at its time."""

    points: Float32  # [N, 4]
    stamp_ns: int
    fixed_from_sensor: Matrix


class SweepBuffer:
    """Keeps ``count - 1`` clouds to be joined to the newest.

    A stamp that goes back, or a gap longer than ``max_gap_s``, starts it anew: a recording that
    begins again, a sensor that was away.
    """

    def __init__(self, count: int) -> None:
        self._past: deque[PlacedSweep] = deque(maxlen=max(count - 1, 0))

    def __len__(self) -> int:
        return len(self._past)

    def clear(self) -> None:
        """Forget all clouds."""
        self._past.clear()

    def join(self, sweep: PlacedSweep, max_gap_s: float) -> Float32:
        """Return ``[N, 5]``: x, y, z, intensity, age in seconds (0 for the newest).

        All are where the sensor is now; the newest cloud comes first. A capacity that is full
        thins all of them out alike, so that the ages stay those of the training.
        """
        if self._past and not 0 < sweep.stamp_ns - self._past[-1].stamp_ns <= max_gap_s * 1e9:
            self.clear()
        parts = [with_age(sweep.points, 0.0)]
        sensor_from_fixed = inverse(sweep.fixed_from_sensor)
        for old in reversed(self._past):
            moved = move_points(old.points, sensor_from_fixed @ old.fixed_from_sensor)
            parts.append(with_age(moved, (sweep.stamp_ns - old.stamp_ns) / 1e9))
        self._past.append(sweep)
        return np.concatenate(parts)


def with_age(points: Float32, age_s: float) -> Float32:
    """Points ``[N, 4]`` with their age as fifth column."""
    column = np.full((len(points), 1), age_s, np.float32)
    return np.concatenate((points, column), axis=1)
