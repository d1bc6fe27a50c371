"""Velocities of nuScenes' boxes: from where an object was labelled before and after."""

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

_LONGEST_STEP_S = 1.5  # to the label before or after; what is farther apart says nothing


def box_velocities(centre: Float64, time_us: Int64, previous: Int64, following: Int64) -> Float64:
    """Velocities ``[A, 3]`` in m/s of boxes with centres ``[A, 3]``; NaN where they are unknown.

    ``previous`` and ``following``: number of the same object's box before and after, -1 for none.
    The difference between these two counts, at an end that between the box and its neighbour (as
    in the data set's own kit).
    """
    own = np.arange(len(centre))
    first = np.where(previous >= 0, previous, own)
    last = np.where(following >= 0, following, own)
    seconds = (time_us[last] - time_us[first]) / 1e6
    steps = (first != own).astype(np.int64) + (last != own)
    known = (seconds > 0) & (seconds <= _LONGEST_STEP_S * steps)
    velocities = np.full((len(centre), 3), np.nan)
    moved = centre[last[known]] - centre[first[known]]
    velocities[known] = moved / seconds[known, None]
    return velocities
