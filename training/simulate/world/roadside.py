"""Place houses, plants, fences and furniture along a street."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.mesh import Float64, Mesh, place
from training.simulate.world.buildings import make_house, make_shed
from training.simulate.world.fences import (
    make_guard_rail,
    make_picket_fence,
    make_rough_wall,
    make_wall,
    make_wire_fence,
)
from training.simulate.world.furniture import (
    make_bench,
    make_bins,
    make_bollards,
    make_cabinet,
    make_pallets,
    make_planter,
    make_pole,
    make_scaffold,
    make_shelter,
    make_sign,
    make_traffic_light,
)
from training.simulate.world.terrain import Terrain
from training.simulate.world.vegetation import (
    make_bush,
    make_conifer,
    make_hedge,
    make_hedge_block,
    make_overgrown_post,
    make_stump_row,
    make_tree,
    make_undergrowth,
)

_SIDES = (-1.0, 1.0)
_PASSAGE_M = 2.0  # what reaches out higher than this stands in nobody's way

Maker = Callable[[Generator], Mesh]
_POSTS: tuple[Maker, ...] = (make_pole, make_pole, make_sign, make_sign, make_traffic_light)
_FURNITURE: tuple[Maker, ...] = (
    make_bins, make_cabinet, make_bollards, make_bench, make_planter, make_shelter, make_scaffold,
    make_overgrown_post, make_sign,
)  # fmt: skip
_BOUNDARIES: tuple[Maker, ...] = (
    make_hedge, make_hedge, make_hedge_block, make_wall, make_rough_wall, make_picket_fence,
    make_wire_fence, make_guard_rail,
)  # fmt: skip
_GARDENS: tuple[Maker, ...] = (
    make_bush, make_bush, make_undergrowth, make_undergrowth, make_hedge_block, make_conifer,
    make_overgrown_post, make_stump_row, make_shed, make_pallets, make_bins, make_rough_wall,
)  # fmt: skip
_IN_STRIP: tuple[Maker, ...] = (
    make_hedge_block, make_shed, make_pallets, make_planter, make_undergrowth, make_tree,
)  # fmt: skip
_ISLANDS: tuple[Maker, ...] = (make_sign, make_bollards, make_guard_rail, make_pole)


@dataclass(frozen=True)
class Fixture:
    """A thing in its place in the world."""

    kind: str  # such as "hedge"; never a label
    mesh: Mesh
    footprint: Float64  # [7] box of its lower part


@dataclass(frozen=True)
class _Row:
    """Things of some kinds along one side of the street."""

    makers: tuple[Maker, ...]
    t: float
    spread_m: float
    gap_m: float
    share: float  # of the places that are taken
    turn_rad: float = 0.05  # standard deviation from the direction of the street


def make_roadside(
    rng: Generator, terrain: Terrain, start_m: float, end_m: float
) -> Iterator[Fixture]:
    """All that stands along a street, and further away on both sides."""
    for side in _SIDES:
        for row in _rows(rng, terrain, side):
            yield from _place_row(rng, terrain, row, start_m, end_m)
    if terrain.half_width_m > 4:
        island = _Row(_ISLANDS, 0.0, 0.02, 12, float(rng.choice([0.0, 0.4, 0.9])))
        yield from _place_row(rng, terrain, island, start_m, end_m)


def _rows(rng: Generator, terrain: Terrain, side: float) -> Iterator[_Row]:
    """From the kerb outwards. Each street has some of them, dense or sparse."""
    kerb = terrain.kerb_m(side)
    edge = kerb + terrain.pavement_m
    front = edge + rng.choice([0.5, 4.0, 12.0]) + rng.uniform(0, 5)
    share = rng.uniform(0, 1, 8)
    strip = terrain.strip_m[int(side > 0)]
    if strip > 0:
        in_strip = terrain.half_width_m + strip / 2
        yield _Row(_IN_STRIP, side * in_strip, 0.1, 6, 0.3 * share[0], 0.1)
    yield _Row(_POSTS, side * (kerb + 0.4), 0.1, 9, share[1])
    yield _Row((make_tree,), side * (kerb + 0.7), 0.15, 7, share[2] * (share[3] > 0.5))
    yield _Row(_FURNITURE, side * (kerb + 0.8), 0.2, 6, 0.45 * share[4], 0.3)
    boundary = _some(rng, _BOUNDARIES, 3)
    yield _Row(boundary, side * (edge + 0.9), 0.2, 0.3, rng.choice([0.05, 0.35, 0.9]))
    yield _Row(_some(rng, _GARDENS, 5), side * (edge + 2.6), 0.8, 1.2, 0.7 * share[5], 0.3)
    yield _Row(_some(rng, _GARDENS, 5), side * (edge + 5.5), 1.2, 2.5, share[6], 0.5)
    trees = (make_tree, make_tree, make_tree, make_conifer)
    yield _Row(trees, side * (edge + 6.5), 2.0, 2, 0.3 + 0.7 * share[7])
    yield _Row((make_house,), side * (front + 5), 0.8, 3, rng.choice([0.2, 0.8, 0.95]))
    yield _Row((make_bush, make_undergrowth, make_hedge), side * (front + 16), 4.0, 2, 0.7, 0.5)
    yield _Row((make_tree,), side * (front + 20), 4.0, 2, 0.3 + 0.7 * share[7])
    yield _Row((make_house,), side * (front + 36), 4.0, 6, 0.8)


def _some(rng: Generator, makers: tuple[Maker, ...], count: int) -> tuple[Maker, ...]:
    """A few kinds, so that a street has a character of its own."""
    return tuple(makers[i] for i in rng.integers(0, len(makers), count))


def _place_row(
    rng: Generator, terrain: Terrain, row: _Row, start: float, end: float
) -> Iterator[Fixture]:
    s = start + rng.uniform(0, 5)
    while s < end:
        if rng.random() >= row.share:
            s += row.gap_m * rng.uniform(0.4, 1.6) + 3.0
            continue
        maker = row.makers[int(rng.integers(len(row.makers)))]
        mesh = maker(rng)
        half = float(np.abs(mesh.triangles[..., 0]).max())
        s += half
        if terrain.from_side_street(np.array(s)) > half + 1.5:
            t = row.t + rng.normal(0, row.spread_m)
            kind = maker.__name__.removeprefix("make_")
            yield _fixture(terrain, kind, mesh, s, t, rng.normal(0, row.turn_rad))
        s += half + row.gap_m * rng.uniform(0.4, 1.6)


def _fixture(terrain: Terrain, kind: str, mesh: Mesh, s: float, t: float, turn: float) -> Fixture:
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
    return Fixture(kind, place(mesh, s, y, z, yaw), footprint)
