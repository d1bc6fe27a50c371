"""Moving actors of a street and their poses at a time; distances in metres."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from training.simulate.bodies.body import Body
from training.simulate.bodies.mesh import Float64
from training.simulate.world.terrain import Terrain


class Pace(NamedTuple):
    """A speed that swells and ebbs: ``mean * (1 + swing * cos(2 pi t / period + phase))``."""

    mean_m_s: float
    swing: float = 0.0  # below 1, so that nobody drives backwards
    period_s: float = 10.0
    phase: float = 0.0

    def way_m(self, time_s: float) -> float:
        """Way gone since time 0."""
        wave = 2 * np.pi / self.period_s
        swell = np.sin(wave * time_s + self.phase) - np.sin(self.phase)
        return float(self.mean_m_s * (time_s + self.swing / wave * swell))

    def speed_m_s(self, time_s: float) -> float:
        """Speed at a time."""
        wave = 2 * np.pi / self.period_s
        return float(self.mean_m_s * (1 + self.swing * np.cos(wave * time_s + self.phase)))


STANDING = Pace(0.0)


@dataclass(frozen=True)
class Actor:
    """A road user or a parked vehicle, in street coordinates at time 0."""

    label: str
    body: Body
    s: float
    t: float
    heading: float  # from the direction of the street
    pace: Pace
    colour: float  # of paint or cloth: 0 dark, 1 bright
    track_id: int = 0

    def at(self, time_s: float) -> tuple[float, float]:
        """Street coordinates at a time."""
        way = self.pace.way_m(time_s)
        return self.s + way * np.cos(self.heading), self.t + way * np.sin(self.heading)


def boxes_at(actors: Sequence[Actor], terrain: Terrain, time_s: float) -> Float64:
    """Boxes ``[A, 7]`` in the world (x along the street's chord), wheels or feet on the ground.

    No actors give ``[0, 7]``.
    """
    if not actors:
        return np.zeros((0, 7))
    s, t = np.array([actor.at(time_s) for actor in actors]).T
    size = np.array([(a.body.length, a.body.width, a.body.height) for a in actors])
    z = terrain.height(s, t) + size[:, 2] / 2
    yaw = _yaw(actors, terrain, s)
    return np.column_stack((s, t + terrain.bend(s), z, size, yaw))


def _yaw(actors: Sequence[Actor], terrain: Terrain, s: Float64) -> Float64:
    """Who moves looks where it goes, even across a bend; the rest stands along or across it."""
    heading = np.array([actor.heading for actor in actors])
    moving = np.array([actor.pace.mean_m_s != 0 for actor in actors])
    along, sideways = np.cos(heading), np.sin(heading)
    bend = terrain.heading(s)
    return np.where(moving, np.arctan2(sideways + np.tan(bend) * along, along), heading + bend)
