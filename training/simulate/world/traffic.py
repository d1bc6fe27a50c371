"""Vehicles that drive: in the lanes of the main street, on side streets."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.body import Body
from training.simulate.bodies.cars import make_car
from training.simulate.bodies.vehicles import make_bus, make_truck, make_van
from training.simulate.world.actors import STANDING, Actor, Pace
from training.simulate.world.terrain import Terrain


def lane_centres(terrain: Terrain) -> list[float]:
    """Where the lanes lie, from the right; right-hand traffic, two or four lanes."""
    half = terrain.half_width_m
    shares = (-0.75, -0.25, 0.25, 0.75) if half > 6 else (-0.5, 0.5)
    return [half * share for share in shares]


def make_pace(rng: Generator, lowest_m_s: float, highest_m_s: float) -> Pace:
    """A speed that changes while driving."""
    return Pace(
        float(rng.uniform(lowest_m_s, highest_m_s)),
        float(rng.uniform(0, 0.6)),
        float(rng.uniform(9, 20)),
        float(rng.uniform(0, 2 * np.pi)),
    )


def make_vehicle(rng: Generator) -> tuple[str, Body]:
    """A label and a body of what drives in a city."""
    kinds = (("car", make_car), ("van", make_van), ("truck", make_truck), ("bus", make_bus))
    name, make = kinds[int(rng.choice(4, p=[0.86, 0.09, 0.03, 0.02]))]
    return name, make(rng)


def paint_colour(rng: Generator) -> float:
    """How bright the paint of a vehicle is: more are dark than bright."""
    return float(rng.beta(0.9, 1.1))


def make_traffic(
    rng: Generator, terrain: Terrain, start_m: float, end_m: float, ego_t: float, ego_pace: Pace
) -> Iterator[Actor]:
    """Vehicles in every lane, all of a lane at one pace, so that none runs into another."""
    for lane in lane_centres(terrain):
        pace = ego_pace if lane == ego_t else make_pace(rng, 3, 13)
        mean_gap = rng.uniform(10, 60)
        s = start_m + rng.exponential(mean_gap)
        while s < end_m:
            label, body = make_vehicle(rng)
            s += body.length / 2
            heading = 0.0 if lane < 0 else np.pi
            t = lane + float(rng.normal(0, 0.15))
            yield Actor(label, body, s, t, heading, pace, paint_colour(rng))
            s += body.length / 2 + 2.0 + rng.exponential(mean_gap)


def make_side_traffic(rng: Generator, terrain: Terrain) -> Iterator[Actor]:
    """Vehicles on the side streets: some wait at the main street, some drive away from it."""
    for crossing in terrain.crossings_s:
        for side in (-1.0, 1.0):
            wait = terrain.kerb_m(side) + 1.5 + rng.uniform(0, 5)
            yield from _side_lane(rng, terrain, (crossing, side * wait), -side, STANDING)
            away = make_pace(rng, 2, 8)
            first = terrain.kerb_m(side) + rng.uniform(2, 25)
            yield from _side_lane(rng, terrain, (crossing, side * first), side, away)


def _side_lane(
    rng: Generator, terrain: Terrain, first: tuple[float, float], way: float, pace: Pace
) -> Iterator[Actor]:
    """One lane of a side street, from a place outwards; ``way`` 1 drives to the left of it."""
    crossing, t = first
    side = np.sign(t)
    s = crossing + way * terrain.crossing_half_width_m / 2
    while abs(t) < 75:
        label, body = make_vehicle(rng)
        t += side * body.length / 2
        if rng.random() < 0.7:
            yield Actor(label, body, s, float(t), way * np.pi / 2, pace, paint_colour(rng))
        t += side * (body.length / 2 + 1.0 + rng.exponential(10))
