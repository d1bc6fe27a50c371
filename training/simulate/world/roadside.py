"""Place houses, trees and clutter along a street."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.mesh import Float64, Mesh, place
from training.simulate.world.fixtures import (
    make_barrier,
    make_bush,
    make_clutter,
    make_house,
    make_pole,
    make_tree,
)
from training.simulate.world.terrain import Terrain

_SIDES = (-1.0, 1.0)
_PASSAGE_M = 2.0  # what reaches out higher than this stands in nobody's way


@dataclass(frozen=True)
class Fixture:
    """A thing in its place in the world."""

    mesh: Mesh
    footprint: Float64  # [7] box of its lower part


@dataclass(frozen=True)
class _Row:
    """Things of one kind along one side of the street."""

    make: Callable[[Generator], Mesh]
    t: float
    spread_m: float
    gap_m: float
    share: float  # of the places that are taken


def make_roadside(
    rng: Generator, terrain: Terrain, start_m: float, end_m: float
) -> Iterator[Fixture]:
    """All that stands along a street, and further away on both sides."""
    for side in _SIDES:
        for row in _rows(rng, terrain, side):
            yield from _place_row(rng, terrain, row, start_m, end_m)


def _rows(rng: Generator, terrain: Terrain, side: float) -> Iterator[_Row]:
    """From the kerb outwards. Each street has some of them, dense or sparse."""
    kerb = terrain.kerb_m(side)
    edge = kerb + terrain.pavement_m
    front = edge + rng.choice([1.0, 4.0, 12.0]) + rng.uniform(0, 5)
    share = rng.uniform(0, 1, 8) ** 1.3
    yield _Row(make_pole, side * (kerb + 0.5), 0.1, 14, share[0])
    yield _Row(make_tree, side * (kerb + 0.7), 0.1, 7, share[1] * (share[2] > 0.4))
    yield _Row(make_clutter, side * (kerb + 0.6), 0.15, 8, share[3] * 0.7)
    yield _Row(make_barrier, side * (edge + 0.6), 0.15, 0.3, share[4] * 0.7)
    yield _Row(make_bush, side * (edge + 1.8), 0.7, 1.5, share[5])
    yield _Row(make_tree, side * (edge + 4.5), 2.0, 5, share[6])
    yield _Row(make_house, side * (front + 5), 1.0, 3, rng.choice([0.2, 0.8, 0.95]))
    yield _Row(make_bush, side * (front + 18), 5.0, 3, 0.7)
    yield _Row(make_tree, side * (front + 22), 4.0, 3, share[7])
    yield _Row(make_house, side * (front + 38), 4.0, 6, 0.8)


def _place_row(
    rng: Generator, terrain: Terrain, row: _Row, start: float, end: float
) -> Iterator[Fixture]:
    s = start + rng.uniform(0, 5)
    while s < end:
        mesh = row.make(rng)
        half = float(np.abs(mesh.triangles[..., 0]).max())
        s += half
        if rng.random() < row.share and terrain.from_side_street(np.array(s)) > half + 1.5:
            t = row.t + rng.normal(0, row.spread_m)
            yield _fixture(terrain, mesh, s, t, rng.normal(0, 0.05))
        s += half + row.gap_m * rng.uniform(0.4, 1.6)


def _fixture(terrain: Terrain, mesh: Mesh, s: float, t: float, turn: float) -> Fixture:
    here = np.array(s)
    z = float(terrain.height(here, np.array(t)))
    yaw = turn + float(terrain.heading(here))
    y = t + float(terrain.bend(here))
    corners = mesh.triangles.reshape(-1, 3)
    low = corners[corners[:, 2] < _PASSAGE_M]
    corner, other = low.min(axis=0), low.max(axis=0)
    cos, sin = np.cos(yaw), np.sin(yaw)
    middle = (corner + other) / 2
    centre = (s + cos * middle[0] - sin * middle[1], y + sin * middle[0] + cos * middle[1])
    footprint = np.array([*centre, z + middle[2], *(other - corner), yaw])
    return Fixture(place(mesh, s, y, z, yaw), footprint)
