"""Objects of a frame moved a little, each for itself (SECOND section 3.2, object augmentation)."""

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from pd_ros.detection.boxes import bev_iou
from training.config.run import ObjectNoiseConfig
from training.datasets.frame import Float32, Frame
from training.datasets.inside import inside


def move_objects(frame: Frame, config: ObjectNoiseConfig, rng: Generator) -> Frame:
    """Shift and turn every object with the points in it, where that touches no other box.

    One after the other, ``config.tries`` places each, of which the first free one is taken; an
    object without a free place stays. The input stays as it is.
    """
    points, boxes = frame.points.copy(), frame.boxes.copy()
    velocities = frame.all_velocities().copy()
    for number in np.flatnonzero(frame.labels >= 0):
        places, turns = _draw_places(boxes[number], config, rng)
        free = _free(places, np.delete(boxes, number, axis=0))
        if not free.any():
            continue
        first = int(free.argmax())
        mine = inside(points, boxes[number])
        points[mine] = _carry(points[mine], boxes[number], places[first], turns[first])
        velocities[number] = velocities[number] @ _turn(turns[first])
        boxes[number] = places[first]
    return frame._replace(points=points, boxes=boxes, velocities=velocities)


def _draw_places(
    box: Float32, config: ObjectNoiseConfig, rng: Generator
) -> tuple[Float32, Float32]:
    """Boxes ``[T, 7]`` about a box, and by how much they are turned ``[T]``."""
    shifts = rng.normal(0, config.shift_m, (config.tries, 3))
    turns = rng.uniform(-config.rotation_rad, config.rotation_rad, config.tries)
    places = np.tile(box, (config.tries, 1))
    places[:, :3] += shifts
    places[:, 6] = (places[:, 6] + turns + np.pi) % (2 * np.pi) - np.pi
    return places, turns.astype(np.float32)


def _free(places: Float32, others: Float32) -> NDArray[np.bool_]:
    """Mark the boxes ``[T, 7]`` that overlap none of the others from above: ``[T]``."""
    if len(others) == 0:
        return np.ones(len(places), dtype=bool)
    overlap = bev_iou(torch.from_numpy(places), torch.from_numpy(others))
    free: NDArray[np.bool_] = (overlap.amax(dim=1) == 0).numpy()
    return free


def _carry(points: Float32, old: Float32, new: Float32, turn_rad: float) -> Float32:
    """Points ``[N, 3 + C]`` of a box where the box is now."""
    carried = points.copy()
    carried[:, :3] -= old[:3]
    carried[:, :2] = carried[:, :2] @ _turn(turn_rad)
    carried[:, :3] += new[:3]
    return carried


def _turn(angle_rad: float) -> Float32:
    """Matrix that turns row vectors counter-clockwise."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cos, sin], [-sin, cos]], dtype=np.float32)
