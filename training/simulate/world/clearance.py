"""Nothing stands in, or drives through, anything else."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pd_ros.detection.boxes import paired_bev_iou
from training.simulate.bodies.mesh import Float64
from training.simulate.world.actors import Actor, boxes_at
from training.simulate.world.terrain import Terrain

_GAP_M = 0.2


def clear_actors(
    actors: Sequence[Actor], terrain: Terrain, times_s: Sequence[float]
) -> list[Actor]:
    """Actors whose boxes never touch at the given times; who comes first in the list stays."""
    touching = np.zeros((len(actors), len(actors)), dtype=bool)
    for time_s in times_s:
        boxes = boxes_at(actors, terrain, time_s)
        touching |= touch(boxes, boxes)
    kept: list[int] = []
    for i in range(len(actors)):
        if not touching[i, kept].any():
            kept.append(i)
    return [actors[i] for i in kept]


def clear_of_actors(
    footprints: Float64, actors: Sequence[Actor], terrain: Terrain, times_s: Sequence[float]
) -> NDArray[np.bool_]:
    """Whether each of ``[F, 7]`` fixed things stands in nobody's way at the given times."""
    blocked = np.zeros(len(footprints), dtype=bool)
    for time_s in times_s:
        blocked |= touch(footprints, boxes_at(actors, terrain, time_s)).any(axis=1)
    return ~blocked


def touch(a: Float64, b: Float64) -> NDArray[np.bool_]:
    """Whether boxes ``[N, 7]`` and ``[M, 7]`` come closer than a hand's width: ``[N, M]``."""
    reach = np.hypot(a[:, 3], a[:, 4])[:, None] / 2 + np.hypot(b[:, 3], b[:, 4])[None] / 2 + _GAP_M
    apart = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
    near = apart < reach
    rows, columns = np.nonzero(near)
    wide = a[rows].copy()
    wide[:, 3:5] += 2 * _GAP_M
    overlap = paired_bev_iou(torch.from_numpy(wide), torch.from_numpy(b[columns]))
    near[rows, columns] = (overlap > 0).numpy()
    return near
