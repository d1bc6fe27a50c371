"""Pedestrians and cyclists of a street."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.people import make_cyclist, make_pedestrian
from training.simulate.world.actors import STANDING, Actor, Pace
from training.simulate.world.terrain import Terrain

_SIDES = (-1.0, 1.0)


def make_pedestrians(
    rng: Generator, terrain: Terrain, start_m: float, end_m: float
) -> Iterator[Actor]:
    """People on the pavements, alone or in groups, walking or standing, and some on the road."""
    per_100_m = rng.choice([2, 8, 18])
    for _ in range(int(rng.poisson((end_m - start_m) / 100 * per_100_m))):
        side, s = float(rng.choice(_SIDES)), float(rng.uniform(start_m, end_m))
        if rng.random() < 0.3:
            yield _crossing(rng, terrain, s, side)
            continue
        t = side * (terrain.kerb_m(side) + rng.uniform(0.4, terrain.pavement_m + 0.5))
        heading = float(np.pi * rng.integers(2) + rng.normal(0, 0.02))
        pace = STANDING if rng.random() < 0.3 else Pace(float(rng.uniform(0.7, 1.7)))
        company = int(rng.choice([1, 2, 3, 5], p=[0.6, 0.25, 0.1, 0.05]))
        for place in range(company):
            row, column = divmod(place, 2)
            ahead = s - 1.1 * row + rng.normal(0, 0.15)
            yield _person(rng, ahead, t + side * 0.9 * column, heading, pace)


def _crossing(rng: Generator, terrain: Terrain, s: float, side: float) -> Actor:
    """Somebody who walks or stands on the road, across it."""
    t = side * rng.uniform(0, terrain.kerb_m(side))
    heading = float(rng.choice(_SIDES) * np.pi / 2 + rng.normal(0, 0.2))
    return _person(rng, s, float(t), heading, Pace(float(rng.uniform(0.0, 1.6))))


def _person(rng: Generator, s: float, t: float, heading: float, pace: Pace) -> Actor:
    if pace.mean_m_s == 0:
        heading = float(rng.uniform(-np.pi, np.pi))
    body = make_pedestrian(rng, walking=pace.mean_m_s > 0)
    return Actor("pedestrian", body, s, t, heading, pace, float(rng.beta(1.2, 1.2)))


def make_cyclists(
    rng: Generator, terrain: Terrain, start_m: float, end_m: float
) -> Iterator[Actor]:
    """Cyclists at the edge of the lanes, in them, on the pavements and on side streets."""
    per_100_m = rng.choice([1, 3, 6])
    for _ in range(int(rng.poisson((end_m - start_m) / 100 * per_100_m))):
        side, s = float(rng.choice(_SIDES)), float(rng.uniform(start_m, end_m))
        t = side * _lateral(rng, terrain, side)
        heading = (0.0 if side < 0 else np.pi) + float(rng.normal(0, 0.01))
        if rng.random() < 0.15:
            s = float(rng.choice(terrain.crossings_s)) + float(rng.normal(0, 1))
            t, heading = t * rng.uniform(1, 4), heading + np.pi / 2
        # Riders of one speed keep their distance; who stands has a foot on the ground.
        pace = STANDING if rng.random() < 0.15 else Pace(float(rng.uniform(2, 6)))
        colour = float(rng.beta(1.2, 1.2))
        yield Actor("cyclist", make_cyclist(rng), s, float(t), heading, pace, colour)


def _lateral(rng: Generator, terrain: Terrain, side: float) -> float:
    where = rng.random()
    if where < 0.55:
        return terrain.half_width_m - rng.uniform(0.4, 0.9)
    if where < 0.75:
        return float(rng.uniform(0.8, terrain.half_width_m))
    return terrain.kerb_m(side) + float(rng.uniform(0.4, 0.5 + terrain.pavement_m))
