"""What a sensor no longer sees once objects were put into its sweep."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.datasets.frame import Float32

# Cells of directions, some beams high and wide, so that a surface leaves none of them empty.
_AZIMUTH_RAD = np.radians(0.4)
_ELEVATION_RAD = np.radians(0.8)
_COLUMNS, _ROWS = 900, 225
_BEHIND_M = 0.5  # what is that much farther away than a surface is behind it
_OVER_GROUND_M = 0.4  # lower points of the scene are ground, which hides nothing


class Directions:
    """Points ``[N, 3+]`` seen from the sensor at the origin: cell of direction and range (m)."""

    def __init__(self, points: Float32) -> None:
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        flat = np.hypot(x, y)
        column = ((np.arctan2(y, x) + np.pi) / _AZIMUTH_RAD).astype(np.int64) % _COLUMNS
        row = ((np.arctan2(z, flat) + np.pi / 2) / _ELEVATION_RAD).astype(np.int64)
        self.cells: NDArray[np.int64] = column * _ROWS + np.minimum(row, _ROWS - 1)
        self.ranges: NDArray[np.float32] = np.hypot(flat, z)

    def behind(self, nearest: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which points lie behind the nearest surfaces of their cells: ``[N]``."""
        return self.ranges > nearest[self.cells] + _BEHIND_M


def hide(
    scene: Float32, objects: Sequence[Float32], ground_m: Sequence[float]
) -> tuple[NDArray[np.bool_], list[NDArray[np.bool_]]]:
    """Tell what is seen of a scene ``[N, 3+]`` and of the objects ``[Ni, 3+]`` put into it.

    An object is hidden by others in front of it and by whatever stands in the scene in front of
    it; the scene by the objects. ``ground_m``: height of the ground under each object. Returns
    masks of what is seen. No object: all of the scene is.
    """
    before = Directions(scene)
    placed = [Directions(points) for points in objects]
    nearest = np.full(_COLUMNS * _ROWS, np.inf, dtype=np.float32)  # surfaces of the objects
    seen = [np.ones(len(points), dtype=bool) for points in objects]
    for i in np.argsort([own.ranges.min(initial=np.inf) for own in placed]):
        own = placed[i]
        hiding = nearest.copy()
        same = np.zeros(len(nearest), dtype=bool)
        same[own.cells] = True
        walls = np.flatnonzero(same[before.cells])
        walls = walls[scene[walls, 2] > ground_m[i] + _OVER_GROUND_M]
        np.minimum.at(hiding, before.cells[walls], before.ranges[walls])
        seen[i] = ~own.behind(hiding)
        np.minimum.at(nearest, own.cells[seen[i]], own.ranges[seen[i]])
    return ~before.behind(nearest), seen
