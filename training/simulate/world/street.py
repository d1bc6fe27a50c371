"""A whole street: ground, who moves and stands in it, what lines it, and the ego vehicle."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.body import Body
from training.simulate.bodies.mesh import Mesh
from training.simulate.world.actors import Actor
from training.simulate.world.clearance import clear_actors, clear_of_actors
from training.simulate.world.parking import make_parked
from training.simulate.world.roadside import Fixture, make_roadside
from training.simulate.world.terrain import Terrain, make_terrain
from training.simulate.world.traffic import (
    lane_centres,
    make_pace,
    make_side_traffic,
    make_traffic,
)
from training.simulate.world.walkers import make_cyclists, make_pedestrians

_AROUND_M = 85.0
_STEP_S = 0.2  # of looking for collisions: everybody goes less than their length meanwhile
_EGO = Body(Mesh(np.zeros((0, 3, 3)), np.zeros(0, dtype=np.int64)), 4.8, 1.8, 1.5)


@dataclass(frozen=True)
class Street:
    """A scene for a number of seconds, in which nothing ever touches anything."""

    terrain: Terrain
    ego: Actor
    actors: tuple[Actor, ...]
    fixtures: tuple[Fixture, ...]


def make_street(rng: Generator, seconds: float = 0.0, ego_heading: float = 0.0) -> Street:
    """A street that the ego vehicle drives along for some seconds.

    The same for the same state of the generator; with 0 seconds only time 0 is free of contacts.
    """
    pace = make_pace(rng, 4, 11)
    start, end = -_AROUND_M, _AROUND_M + pace.way_m(seconds)
    terrain = make_terrain(rng, start, end)
    lanes = [lane for lane in lane_centres(terrain) if lane < 0]
    lane = float(rng.choice(lanes))
    ego = Actor("ego", _EGO, 0.0, lane, ego_heading, pace, 0.5)
    actors = [
        ego,
        *make_traffic(rng, terrain, start, end, lane, pace),
        *make_cyclists(rng, terrain, start, end),
        *make_side_traffic(rng, terrain),
        *make_pedestrians(rng, terrain, start, end),
        *make_parked(rng, terrain, start, end),
    ]
    times = np.arange(0.0, seconds + _STEP_S, _STEP_S).tolist() if seconds > 0 else [0.0]
    others = clear_actors(actors, terrain, times)[1:]
    numbered = tuple(replace(actor, track_id=i) for i, actor in enumerate(others))
    fixtures = _free_fixtures(rng, terrain, (start, end), [ego, *others], times)
    return Street(terrain, ego, numbered, fixtures)


def _free_fixtures(
    rng: Generator,
    terrain: Terrain,
    along: tuple[float, float],
    actors: list[Actor],
    times: list[float],
) -> tuple[Fixture, ...]:
    fixtures = list(make_roadside(rng, terrain, *along))
    footprints = np.array([fixture.footprint for fixture in fixtures]).reshape(-1, 7)
    free = clear_of_actors(footprints, actors, terrain, times)
    return tuple(fixture for fixture, alone in zip(fixtures, free, strict=True) if alone)
