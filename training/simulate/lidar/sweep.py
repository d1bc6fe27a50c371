"""One sweep of one sensor of a rig: pulses fired into a scene, returns in the rig's frame."""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.simulate.bodies.mesh import Float64, Material
from training.simulate.lidar.cast import Hits, Scene
from training.simulate.lidar.receive import Look, Returns, receive
from training.simulate.lidar.rig import PlacedSensor, turned
from training.simulate.lidar.scan import MOST_BEAMS

_BEYOND_M = 0.05  # behind a first surface a pulse goes on from here
_GOES_ON = 0.4  # share of the pulses into leaves and glass that are strong enough to answer again


class Surfaces(NamedTuple):
    """The triangles of a scene: where they are, and what they are made of."""

    scene: Scene
    material: NDArray[np.int64]  # [T]
    colour: Float64  # [T] brightness of paint and cloth


class Pose(NamedTuple):
    """How a rig's frame lies in the street whose coordinates the scene has."""

    yaw_rad: float
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    def to_street(self, vectors: Float64) -> Float64:
        """Turn vectors ``[N, 3]`` of the rig's frame into the street's."""
        return turned_left(turned(vectors, 0.0, self.pitch_deg, self.roll_deg), self.yaw_rad)

    def to_rig(self, vectors: Float64) -> Float64:
        """Turn vectors ``[N, 3]`` of the street's into the rig's frame."""
        level = turned_left(vectors, -self.yaw_rad)
        return turned(turned(level, 0.0, -self.pitch_deg, 0.0), 0.0, 0.0, -self.roll_deg)


class Sweep(NamedTuple):
    """The returns of one sensor; ``[N]``."""

    xyz: Float64  # [N, 3] in the rig's frame
    intensity: Float64  # [N]
    ring: NDArray[np.int64]  # [N] beam, from the sensor's lowest
    time_s: Float64  # [N] since the start of the sweep
    triangle: NDArray[np.int64]  # [N] that answered


def sweep_scene(
    surfaces: Surfaces,
    placed: PlacedSensor,
    pose: Pose,
    start_s: float,
    look: Look,
    rng: Generator,
) -> Sweep:
    """What one sensor of the rig sees; ``start_s``: how long it has run."""
    rays = placed.sensor.rays(start_s)
    in_rig = placed.to_rig(rays.directions)
    in_street = pose.to_street(in_rig)
    position = np.array([placed.position_m])
    start = pose.to_street(position)[0]
    hits = surfaces.scene.cast(start, in_street)
    returns = _received(surfaces, hits, rays.ring, placed, look, rng)
    if placed.sensor.returns > 1:
        behind = _hits_behind(surfaces, hits, start, in_street, rng)
        more = _received(surfaces, behind, rays.ring, placed, look, rng)
        returns = Returns(*(np.concatenate(both) for both in zip(returns, more, strict=True)))
    xyz = in_rig[returns.ray] * returns.distance_m[:, None]
    if any(placed.position_m):
        xyz += position
    ring, time_s = rays.ring[returns.ray], rays.time_s[returns.ray]
    return Sweep(xyz, returns.intensity, ring, time_s, returns.triangle)


def turned_left(vectors: Float64, angle_rad: float) -> Float64:
    """Turn vectors ``[N, 3]`` counter-clockwise about z."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    result: Float64 = vectors @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return result


def _received(
    surfaces: Surfaces,
    hits: Hits,
    ring: NDArray[np.int64],
    placed: PlacedSensor,
    look: Look,
    rng: Generator,
) -> Returns:
    material, colour = surfaces.material[hits.triangle], surfaces.colour[hits.triangle]
    return receive(hits, material, colour, ring[hits.ray] % MOST_BEAMS, placed.sensor, rng, look)


def _hits_behind(
    surfaces: Surfaces, hits: Hits, start: Float64, directions: Float64, rng: Generator
) -> Hits:
    """Second surfaces of the pulses that leaves and glass let through."""
    material = surfaces.material[hits.triangle]
    passes = (material == Material.LEAF) | (material == Material.GLASS)
    passes &= rng.random(len(material)) < _GOES_ON
    ray, way = hits.ray[passes], hits.distance_m[passes] + _BEYOND_M
    onward = directions[ray]
    behind = surfaces.scene.cast(start + onward * way[:, None], onward)
    distance = way[behind.ray] + behind.distance_m
    return behind._replace(ray=ray[behind.ray], distance_m=distance)
