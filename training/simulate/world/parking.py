"""Vehicles that stand: along the kerbs, on car parks, in front of houses."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.bicycles import make_bicycle, make_motorcycle
from training.simulate.bodies.body import Body
from training.simulate.bodies.cars import make_car
from training.simulate.bodies.vehicles import make_trailer, make_van
from training.simulate.world.actors import STANDING, Actor
from training.simulate.world.terrain import Terrain
from training.simulate.world.traffic import paint_colour

_SIDES = (-1.0, 1.0)
_CORNER_M = 5.0  # nobody parks this close to a side street


def make_parked(rng: Generator, terrain: Terrain, start_m: float, end_m: float) -> Iterator[Actor]:
    """All that stands along a street."""
    for side in _SIDES:
        if terrain.strip_m[int(side > 0)] > 0:
            yield from _kerbside(rng, terrain, start_m, end_m, side)
        yield from _two_wheelers(rng, terrain, start_m, end_m, side)
        if rng.random() < 0.25 and terrain.bank_m[int(side > 0)] == 0:
            yield from _driveways(rng, terrain, start_m, end_m, side)
    for s in np.arange(start_m, end_m, 90.0):
        if rng.random() < 0.3:
            yield from _car_park(rng, terrain, s + rng.uniform(0, 60), float(rng.choice(_SIDES)))


def _stand(rng: Generator, label: str, body: Body, s: float, t: float, heading: float) -> Actor:
    crooked = float(heading + rng.normal(0, 0.03))
    return Actor(label, body, s, t, crooked, STANDING, paint_colour(rng))


def _kerbside(
    rng: Generator, terrain: Terrain, start: float, end: float, side: float
) -> Iterator[Actor]:
    """A row in the parking strip, parallel to the kerb or across, as wide as the strip is."""
    across = terrain.strip_m[int(side > 0)] > 3
    gap, taken = rng.uniform(0.4, 1.0), rng.uniform(0.25, 0.95)
    s = start
    while s < end:
        label, body = _parked_vehicle(rng)
        along, depth = (body.width, body.length) if across else (body.length, body.width)
        s += along / 2
        far_from_corner = terrain.from_side_street(np.array(s)) > _CORNER_M
        if far_from_corner and rng.random() < taken:
            t = side * (terrain.half_width_m + 0.25 + depth / 2 + rng.uniform(0, 0.15))
            # Parallel to the kerb most stand as they drove; across it either end comes first.
            forward = 0.0 if side < 0 else np.pi
            backwards = np.pi * (rng.random() < (0.5 if across else 0.15))
            yield _stand(rng, label, body, s, t, (np.pi / 2 if across else forward) + backwards)
        s += along / 2 + gap * rng.uniform(0.6, 1.4) + rng.exponential(0.4)


def _parked_vehicle(rng: Generator) -> tuple[str, Body]:
    kinds = (("car", make_car), ("van", make_van), ("trailer", make_trailer))
    name, make = kinds[int(rng.choice(3, p=[0.89, 0.08, 0.03]))]
    return name, make(rng)


def _two_wheelers(
    rng: Generator, terrain: Terrain, start: float, end: float, side: float
) -> Iterator[Actor]:
    """Bicycles and motorcycles without riders on the pavement, alone or side by side."""
    for _ in range(int(rng.poisson((end - start) / 100 * rng.choice([0.5, 2, 5])))):
        s = float(rng.uniform(start, end))
        if terrain.from_side_street(np.array(s)) < _CORNER_M:
            continue
        t = side * (terrain.kerb_m(side) + rng.uniform(0.4, terrain.pavement_m + 0.4))
        heading = float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.15))
        motor = rng.random() < 0.3
        label, make = ("motorcycle", make_motorcycle) if motor else ("bicycle", make_bicycle)
        for place in range(int(rng.choice([1, 1, 2, 5]))):
            yield _stand(rng, label, make(rng), s + 0.95 * place, float(t), heading)


def _driveways(
    rng: Generator, terrain: Terrain, start: float, end: float, side: float
) -> Iterator[Actor]:
    """Cars on the land between pavement and houses, nose or tail to the street."""
    s = start + rng.uniform(0, 15)
    while s < end:
        label, body = _parked_vehicle(rng)
        t = terrain.kerb_m(side) + terrain.pavement_m + rng.uniform(0.5, 3) + body.length / 2
        if terrain.from_side_street(np.array(s)) > _CORNER_M:
            heading = float(np.pi / 2 + np.pi * rng.integers(2) + rng.normal(0, 0.1))
            yield _stand(rng, label, body, s, side * t, heading)
        s += 3 + rng.exponential(14)


def _car_park(rng: Generator, terrain: Terrain, first: float, side: float) -> Iterator[Actor]:
    """Rows of cars close together, away from the street."""
    row_t = terrain.kerb_m(side) + terrain.pavement_m + rng.uniform(4, 9)
    places, taken = int(rng.integers(4, 14)), rng.uniform(0.4, 0.95)
    for row in range(int(rng.integers(1, 5))):
        # Two rows stand nose to nose, then comes a lane.
        t = row_t + 5.2 * row + 6.0 * (row // 2)
        for place in range(places):
            s = first + 2.5 * place
            if rng.random() > taken or terrain.from_side_street(np.array(s)) < 3:
                continue
            heading = float(np.pi / 2 + np.pi * rng.integers(2))
            yield _stand(rng, "car", make_car(rng), s, float(side * t), heading)
