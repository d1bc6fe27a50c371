"""Choose the points that the model sees: in a region, outside of the own vehicle, not too many."""

import numpy as np
from numpy.typing import NDArray

from pd_ros.pointcloud.decode import Float32

Limits = tuple[float, float, float, float, float, float]  # x, y, z minimum; x, y, z maximum, m
OFF: Limits = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def crop(points: Float32, region: Limits, ego_box: Limits) -> Float32:
    """Points ``[N, 3 + C]`` within ``region`` and outside of ``ego_box``; ``OFF`` leaves all."""
    if region == OFF and ego_box == OFF:
        return points
    kept = np.ones(len(points), dtype=bool)
    if region != OFF:
        kept &= _within(points, region)
    if ego_box != OFF:
        kept &= ~_within(points, ego_box)
    return points[kept]


def thin_out(points: Float32, most: int) -> Float32:
    """At most ``most`` of the points, evenly over the cloud, for sensors send them in turn."""
    if len(points) <= most:
        return points
    return points[np.linspace(0, len(points) - 1, most).astype(np.int64)]


def _within(points: Float32, limits: Limits) -> NDArray[np.bool_]:
    """Column by column, which is several times faster than rows."""
    inside = np.ones(len(points), dtype=bool)
    for column, (low, high) in enumerate(zip(limits[:3], limits[3:], strict=True)):
        values = points[:, column]
        inside &= (values >= low) & (values < high)
    return inside
