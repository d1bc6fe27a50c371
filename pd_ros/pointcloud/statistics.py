"""Measure a cloud in a few numbers: how many points, how high the ground, how bright.

No ROS, no torch: the node's diagnostics, ``inspect_cloud`` and training measure alike.
"""

from typing import Any, NamedTuple

import numpy as np

from pd_ros.pointcloud.decode import NULL_M, Float32
from pd_ros.pointcloud.ground import ground_height

_RangeM = tuple[float, float, float, float, float, float]


class CloudContent(NamedTuple):
    """One cloud as measured; shares are of all points, quantiles of the usable ones."""

    points: int  # as many as the header says
    not_finite: float  # share, in place
    at_origin: float  # share: null returns
    no_intensity: float  # share of the usable points: their intensity is not finite
    in_range: float  # share of the usable points within the model's range
    points_in_range: int
    ground_m: float | None  # z of the ground; None: none was found
    height_m: float  # from the lowest to the highest twentieth of the points
    intensity: tuple[float, float, float]  # quantiles 0.01, 0.5 and 0.99, of those missing as 0;
    # NaN without points


def measure_cloud(points: Float32, range_m: _RangeM, count: int | None = None) -> CloudContent:
    """Measure points ``[N, 4+]`` (x, y, z in m, intensity), not finite ones among them.

    ``count``: how many there were before a sample was taken. An empty cloud has shares of 0.
    """
    total = len(points) if count is None else count
    finite = np.isfinite(points[:, :3]).all(axis=1)
    null = (np.abs(points[:, :3]) < NULL_M).all(axis=1) & finite
    usable = points[finite & ~null]
    missing = ~np.isfinite(usable[:, 3])
    bright = np.where(missing, 0, usable[:, 3])
    lower, upper = np.array(range_m, np.float32).reshape(2, 3)
    inside = ((usable[:, :3] >= lower) & (usable[:, :3] < upper)).all(axis=1)
    scale = total / max(len(points), 1)
    low, high = np.quantile(usable[:, 2], (0.05, 0.95)) if len(usable) else (0.0, 0.0)
    quantiles = np.quantile(bright, (0.01, 0.5, 0.99)) if len(usable) else [np.nan] * 3
    return CloudContent(
        points=total,
        not_finite=1 - _share(finite),
        at_origin=_share(null),
        no_intensity=_share(missing),
        in_range=_share(inside),
        points_in_range=round(int(inside.sum()) * scale),
        ground_m=ground_height(usable),
        height_m=float(high - low),
        intensity=(float(quantiles[0]), float(quantiles[1]), float(quantiles[2])),
    )


def count_cells(points: Float32, range_m: _RangeM, cell_m: tuple[float, float, float]) -> int:
    """Count the cells of a grid that hold points ``[N, 3+]``; those out of range count nowhere."""
    lower, upper = np.array(range_m, np.float32).reshape(2, 3)
    inside = points[((points[:, :3] >= lower) & (points[:, :3] < upper)).all(axis=1), :3]
    cell = ((inside - lower) / np.array(cell_m, np.float32)).astype(np.int64)
    sizes = np.ceil((upper - lower) / np.array(cell_m)).astype(np.int64) + 1
    number = (cell[:, 2] * sizes[1] + cell[:, 1]) * sizes[0] + cell[:, 0]
    return len(np.unique(number))


def _share(mask: Any) -> float:
    return float(mask.mean()) if len(mask) else 0.0
