"""Made-up streets with cars, whose boxes are known: what to detect and to train on anywhere."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.benchmark.inputs import made_up_street

Float32 = NDArray[np.float32]

_CARS = 12
_CAR_M = (4.2, 1.8, 1.6)
_GROUND_M = -1.73
_NEAREST_M, _FARTHEST_M = 6.0, 45.0
_ASIDE_M = 4.0
_RETURNS = 20_000  # of a car at 1 m; as the distance grows they fall off by its square


class Scene(NamedTuple):
    """A sweep and what is in it."""

    points: Float32  # [N, 4] x, y, z in m, intensity in [0, 1]
    boxes: Float32  # [M, 7] cars


def make_scene(seed: int) -> Scene:
    """A street with cars ahead and behind, of about 120,000 points; equal for equal seeds."""
    rng = np.random.default_rng(seed)
    street = made_up_street(seed)
    ahead = np.linspace(_NEAREST_M, _FARTHEST_M, _CARS) * rng.choice((1, 1, -1), _CARS)
    aside = rng.choice((-_ASIDE_M, _ASIDE_M), _CARS) + rng.uniform(-0.5, 0.5, _CARS)
    boxes = np.zeros((_CARS, 7), np.float32)
    boxes[:, 0], boxes[:, 1], boxes[:, 2] = ahead, aside, _GROUND_M + _CAR_M[2] / 2
    boxes[:, 3:6] = _CAR_M
    boxes[:, 6] = rng.uniform(-0.1, 0.1, _CARS)
    clear = np.all([~_inside(street, box) for box in boxes], axis=0)
    cars = [_surface(box, rng) for box in boxes]
    points: Float32 = np.concatenate((street[clear], *cars)).astype(np.float32)
    return Scene(points, boxes)


def _inside(points: Float32, box: Float32) -> NDArray[np.bool_]:
    away = points[:, :3] - box[:3]
    cos, sin = np.cos(box[6]), np.sin(box[6])
    along, across = away[:, 0] * cos + away[:, 1] * sin, away[:, 1] * cos - away[:, 0] * sin
    place = np.stack((along, across, away[:, 2]), axis=1)
    held: NDArray[np.bool_] = (np.abs(place) <= box[3:6] / 2).all(axis=1)
    return held


def _surface(box: Float32, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points ``[P, 4]`` on the two sides of a car that the sensor sees, and on its roof."""
    distance = float(np.hypot(*box[:2]))
    count = max(8, int(_RETURNS / distance**2))
    place = rng.uniform(-0.5, 0.5, (count, 3))
    face = rng.integers(0, 3, count)
    facing = -np.sign([box[0], box[1], -1.0]) / 2  # of x, y and z which end is seen
    place[np.arange(count), face] = facing[face]
    place *= box[3:6]
    cos, sin = np.cos(box[6]), np.sin(box[6])
    x = place[:, 0] * cos - place[:, 1] * sin + box[0]
    y = place[:, 0] * sin + place[:, 1] * cos + box[1]
    return np.stack((x, y, place[:, 2] + box[2], rng.uniform(0.1, 0.6, count)), axis=1)
