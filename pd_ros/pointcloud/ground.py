"""Find the ground about the sensor: a plane under what stands on it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.pointcloud.decode import Float32

_NEAREST_M = 3.0  # beyond the own vehicle
_FARTHEST_M = (18.0, 30.0)  # before hills and sparse rings; the second for sensors that look up
_CELL_M = 1.0
_LOW = 0.2  # quantile of a cell's heights: below it may be echoes of mirrors and rain
_FEW = 0.1  # of the mean number of points; cells with fewer hold strays
_LEAST_CELLS = 100  # seen; fewer are a room
_WINDOW_M = 0.3  # the low points of cells on the ground lie within it
_LEAST_SHARE = 0.27  # of the cells, in the window; on real streets 0.3 and more
_PLAIN_SHARE = 0.5  # on level ground about so many are; then no slope is looked for
_BETTER = 1.15  # times as many as on level ground must lie on a slope
_SLOPES = np.arange(-4, 5) * 0.03  # in x and in y; what lies between is fitted
_MOST_BELOW = 0.2  # points below the plane for one on it; more, and it is a roof, or a wall
_FIT_M = (0.3, 0.2, 0.15)  # about the plane, of the points that it is fitted to next
_Float = NDArray[np.float64]


class Ground(NamedTuple):
    """The plane z = height + slope_x * x + slope_y * y, in m."""

    height_m: float  # where the sensor stands: x = y = 0
    slope_x: float
    slope_y: float

    def above(self, points: Float32 | _Float) -> NDArray[np.floating]:
        """Heights ``[N]`` of points ``[N, 3+]`` above the plane, m."""
        plane = self.height_m + self.slope_x * points[:, 0] + self.slope_y * points[:, 1]
        heights: NDArray[np.floating] = points[:, 2] - plane
        return heights


def ground_height(points: Float32) -> float | None:
    """Z of the ground under the sensor, m; None where none is seen. See :func:`find_ground`."""
    ground = find_ground(points)
    return None if ground is None else ground.height_m


def find_ground(points: Float32) -> Ground | None:
    """Fit the ground about the sensor to finite points ``[N, 3+]``; None where none is seen.

    The low points of square cells are on the ground wherever the ground is seen at all; what
    stands on it scatters. So the fullest narrow band of them is the ground, and of two that are
    about as full the lower one, since roofs and tables lie above it. Where a slope, or a sensor
    that is tilted, spreads the band, the plane that most of them lie on is the ground.
    """
    for farthest_m in _FARTHEST_M:
        distance = np.hypot(points[:, 0], points[:, 1])
        near = points[(distance > _NEAREST_M) & (distance < farthest_m)]
        ground = _fit(near, _low_points(near, farthest_m)) if len(near) else None
        if ground is not None:
            return ground
    return None


def _fit(near: Float32, cells: _Float) -> Ground | None:
    if len(cells) < _LEAST_CELLS:
        return None
    held, height = _fullest_band(cells[:, 2])
    ground = Ground(height, 0.0, 0.0)
    if held < _PLAIN_SHARE * len(cells):
        most, sloping = _fullest_slope(cells)
        if most > _BETTER * held:
            held, ground = most, _refined(cells, sloping)
    if held < _LEAST_SHARE * len(cells):
        return None
    heights = ground.above(near)
    below = np.count_nonzero(heights < -_WINDOW_M)
    on_it = np.count_nonzero(np.abs(heights) <= _WINDOW_M)
    return ground if below <= _MOST_BELOW * on_it else None


def _low_points(near: Float32, farthest_m: float) -> _Float:
    """A low point ``[C, 3]`` of each cell that holds more than strays; ``near`` has some."""
    side = int(2 * farthest_m / _CELL_M) + 1
    column, row = np.floor((near[:, :2] + farthest_m) / _CELL_M).astype(np.int64).T
    cell = row * side + column
    order = np.lexsort((near[:, 2], cell))
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    counts = np.diff(starts, append=len(cell))
    full = counts >= _FEW * counts.mean()
    starts, counts = starts[full], counts[full]
    lows: _Float = near[order[starts + (_LOW * counts).astype(np.int64)], :3].astype(np.float64)
    return lows


def _fullest_band(heights: _Float) -> tuple[int, float]:
    """Count the heights ``[C]`` in the fullest band, and return the median of those in it."""
    heights = np.sort(heights)
    ends = np.searchsorted(heights, heights + _WINDOW_M, side="right")
    held = ends - np.arange(len(heights))
    first = int(np.flatnonzero(held >= 0.8 * held.max())[0])
    # The fullest window near the first good one, not the first itself, which begins too low.
    near = np.flatnonzero(heights <= heights[first] + _WINDOW_M)
    best = int(near[held[near].argmax()])
    return int(held[best]), float(np.median(heights[best : ends[best]]))


def _fullest_slope(cells: _Float) -> tuple[int, Ground]:
    """Return the plane of the fullest band of all slopes, and how many cells lie in it."""
    best, ground = 0, Ground(0.0, 0.0, 0.0)
    for slope_x in _SLOPES.tolist():
        for slope_y in _SLOPES.tolist():
            level = cells[:, 2] - slope_x * cells[:, 0] - slope_y * cells[:, 1]
            held, height = _fullest_band(level)
            if held > best:
                best, ground = held, Ground(height, slope_x, slope_y)
    return best, ground


def _refined(cells: _Float, ground: Ground) -> Ground:
    """Fit the plane to the cells about it, by least squares."""
    for width_m in _FIT_M:
        on_it = cells[np.abs(ground.above(cells)) < width_m]
        if len(on_it) < 3:
            return ground
        columns = np.column_stack((np.ones(len(on_it)), on_it[:, :2]))
        ground = Ground(*np.linalg.lstsq(columns, on_it[:, 2], rcond=None)[0].tolist())
    return ground
