"""Sweeps of spinning sensors in scenes of planes, cast by hand."""

from typing import NamedTuple

import numpy as np


class Spinning(NamedTuple):
    """A sensor whose lasers start in one point."""

    elevations_deg: tuple[float, ...]
    firings: int  # in a turn


def _steps(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(np.linspace(first, last, count).tolist())


SENSORS = {
    "hdl64e": Spinning(_steps(-23.65, -8.42, 32) + _steps(-7.83, 2.3, 32), 2160),
    "hdl32e": Spinning(_steps(-30.67, 10.67, 32), 1080),
    "vlp16": Spinning(_steps(-15, 15, 16), 1800),
}


class Scene(NamedTuple):
    """Ground under a sensor, walls across x (axis 0) or y (axis 1), maybe a ceiling."""

    height_m: float = 1.73  # of the sensor above the ground
    slope: tuple[float, float] = (0.0, 0.0)  # of the ground along x and y
    tilt_deg: tuple[float, float] = (0.0, 0.0)  # of the sensor: roll, pitch
    walls: tuple[tuple[int, float], ...] = ()
    ceiling_m: float | None = None  # above the ground
    kept: float = 1.0  # share of the echoes
    below: float = 0.0  # share of the echoes that come from farther away: mirrors, rain


def sweep(sensor: Spinning | None, scene: Scene, seed: int = 0) -> np.ndarray:
    """Points ``[N, 4]`` in the sensor's frame; None: directions at random, as of no rings."""
    rng = np.random.default_rng(seed)
    directions = _scattered(rng) if sensor is None else _rings(sensor)
    along = directions @ _rotation(*np.radians(scene.tilt_deg)).T
    fall = along[:, 2] - along[:, :2] @ np.array(scene.slope)
    reach = [_reach(-scene.height_m, fall)]
    reach += [_reach(place, along[:, axis]) for axis, place in scene.walls]
    if scene.ceiling_m is not None:
        reach.append(_reach(scene.ceiling_m - scene.height_m, along[:, 2]))
    distance = np.min(reach, axis=0)
    seen = (distance < 60) & (rng.random(len(distance)) < scene.kept)
    distance = distance[seen] + rng.normal(0, 0.02, int(seen.sum()))
    stray = rng.random(len(distance)) < scene.below
    distance[stray] *= rng.uniform(1.05, 3, int(stray.sum()))
    points = directions[seen] * distance[:, None]
    return np.column_stack((points, np.full(len(points), 0.3))).astype(np.float32)


def _reach(place: float, along: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        distance = place / along
    return np.where(distance > 0, distance, np.inf)


def _rings(sensor: Spinning) -> np.ndarray:
    elevation = np.radians(sensor.elevations_deg)
    azimuth = np.linspace(-np.pi, np.pi, sensor.firings, endpoint=False) + 1e-4
    return _unit(*(part.ravel() for part in np.meshgrid(elevation, azimuth)))


def _scattered(rng: np.random.Generator) -> np.ndarray:
    return _unit(np.radians(rng.uniform(-7, 52, 20_000)), rng.uniform(-np.pi, np.pi, 20_000))


def _unit(elevation: np.ndarray, azimuth: np.ndarray) -> np.ndarray:
    level = np.cos(elevation)
    return np.column_stack((level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)))


def _rotation(roll: float, pitch: float) -> np.ndarray:
    sines, cosines = np.sin((roll, pitch)), np.cos((roll, pitch))
    about_x = np.array([[1, 0, 0], [0, cosines[0], -sines[0]], [0, sines[0], cosines[0]]])
    about_y = np.array([[cosines[1], 0, sines[1]], [0, 1, 0], [-sines[1], 0, cosines[1]]])
    return about_y @ about_x
