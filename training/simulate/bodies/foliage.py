"""Rough surfaces with gaps: hedges, shrubs, crowns, heaps.

A hull of large, uneven triangles of which some are missing, with loose leaves about it: rays stop
at the hull, pass through its gaps and end inside or behind. The receiver scatters the depth of
what leaves answer (``lidar.receive``), which is what makes a few triangles look like a thousand.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.mesh import Float64, Material, Mesh, join

_STEP_M = 0.35


def rough_row(
    rng: Generator,
    size: Sequence[float],
    gaps: float,
    material: Material = Material.LEAF,
    rough_m: float = 0.1,
) -> Mesh:
    """A hedge along x of ``size`` length, depth, height (m) that stands on z = 0, open below.

    Its height swells along its length; ``gaps`` is the share of its triangles that is missing.
    """
    length, depth, height = size
    steps = max(3, int(length / _STEP_M))
    x = np.linspace(-length / 2, length / 2, steps)
    swell = 1 + 0.12 * np.sin(x * rng.uniform(0.8, 2.5) + rng.uniform(0, 6))
    # From the foot in front over the top to the foot behind; both ends are drawn together.
    y = np.array([-0.5, -0.52, -0.45, -0.2, 0.2, 0.45, 0.52, 0.5]) * depth
    z = np.array([-0.15 / height, 0.45, 0.9, 1.0, 1.0, 0.9, 0.45, -0.15 / height])
    grid = np.empty((steps, len(y), 3))
    grid[..., 0] = x[:, None]
    grid[..., 1] = y
    grid[..., 2] = height * z * swell[:, None] / swell.max()
    grid[[0, -1], :, 1] *= 0.3
    grid += rng.normal(0, rough_m, grid.shape) * np.array([0.5, 0.8, 0.6])
    return _with_gaps(rng, grid, gaps, material)


def rough_ball(
    rng: Generator, radii: Sequence[float], z: float, gaps: float, rings: int = 6
) -> Mesh:
    """A crown or shrub: an uneven ellipsoid of leaves about height ``z``."""
    around = rings + 4
    polar = np.linspace(0.15, np.pi - 0.15, rings)[:, None]
    angle = np.linspace(0, 2 * np.pi, around)[None]
    bumps = 1 + rng.normal(0, 0.16, (rings, around))
    bumps[:, -1] = bumps[:, 0]
    unit = np.stack(
        (np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle),
         np.cos(polar) * np.ones_like(angle)), axis=2,
    )  # fmt: skip
    grid = unit * bumps[..., None] * np.array(radii) + np.array([0, 0, z])
    return _with_gaps(rng, grid, gaps, Material.LEAF)


def leaves(rng: Generator, count: int, radii: Sequence[float], z: float, size_m: float) -> Mesh:
    """Loose triangles in an ellipsoid about height z: some rays pass between them."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centre = direction * rng.random((count, 1)) ** 0.4 * np.array(radii) + np.array([0, 0, z])
    return _loose(rng, centre, size_m)


def twigs(rng: Generator, count: int, size: Sequence[float], size_m: float) -> Mesh:
    """Loose triangles in a box of ``size`` length, depth, height that stands on z = 0."""
    unit = rng.random((count, 3)) - np.array([0.5, 0.5, 0.0])
    return _loose(rng, unit * np.array(size), size_m)


def hedge(rng: Generator, length: float, depth: float, height: float) -> Mesh:
    """A hedge along x, dense or thin, with twigs that stick out; sizes in metres."""
    hull = rough_row(rng, (length, depth * 0.85, height * 0.93), rng.uniform(0.05, 0.4))
    return join([hull, twigs(rng, int(12 * length * height), (length, depth * 1.1, height), 0.07)])


def _loose(rng: Generator, centre: Float64, size_m: float) -> Mesh:
    triangles = centre[:, None] + rng.normal(size=(len(centre), 3, 3)) * size_m
    return Mesh(triangles, np.full(len(triangles), Material.LEAF, dtype=np.int64))


def _with_gaps(rng: Generator, grid: Float64, gaps: float, material: Material) -> Mesh:
    """Triangles of a grid ``[R, C, 3]``, some of them left out."""
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    cells = np.stack((np.stack((a, b, c), axis=2), np.stack((a, c, d), axis=2)), axis=2)
    triangles = cells.reshape(-1, 3, 3)
    triangles = triangles[rng.random(len(triangles)) >= gaps]
    return Mesh(triangles, np.full(len(triangles), material, dtype=np.int64))
