"""Sweeps of a camera's view, turned and joined until they fill the circle around the sensor."""

from collections.abc import Sequence

import numpy as np

from training.batches.augment import turned
from training.datasets.frame import Frame


def join_views(views: Sequence[Frame]) -> Frame:
    """Join V sweeps into one: the i-th is turned about the sensor by i times 360/V degrees.

    For sweeps that were cut to a sector of at most 360/V degrees around +x, as KITTI's labelled
    ones to the camera's view: a network sees as many objects as around a vehicle, at the cost of
    one sweep. What overlaps at the borders is kept. Raises ``ValueError`` for a sweep without
    labels, whose ignored box would cover the others.
    """
    if not all(view.labelled for view in views):
        raise ValueError("views to join: expected labelled sweeps, got one without labels")
    around = [turned(view, 2 * np.pi * i / len(views)) for i, view in enumerate(views)]
    return Frame(
        np.concatenate([view.points for view in around]),
        np.concatenate([view.boxes for view in around]),
        np.concatenate([view.labels for view in around]),
        np.concatenate([view.num_points for view in around]),
        np.concatenate([view.all_velocities() for view in around]),
    )
