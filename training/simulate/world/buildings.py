"""Houses whose fronts have relief, sheds and garages; fronts along x, depth along y."""

from itertools import pairwise

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.mesh import Material, Mesh, block, join


def make_house(rng: Generator) -> Mesh:
    """A house: windows and doors set back into its walls, bays, steps, balconies."""
    length, depth, height = rng.uniform([7, 7, 3.5], [26, 13, 13])
    recess = rng.uniform(0.08, 0.35)
    inner = depth / 2 - recess
    parts = [block((-length / 2, length / 2), (-inner, inner), (-2, height), Material.GLASS)]
    parts += [  # the ends have no windows
        block((x - 0.15, x + 0.15), (-depth / 2, depth / 2), (-2, height), Material.BRICK)
        for x in (-length / 2 + 0.15, length / 2 - 0.15)
    ]
    for side in (-1.0, 1.0):
        parts += _front(rng, length, side, (inner, depth / 2), height)
        parts += _additions(rng, length, side * depth / 2, side, height)
    return join(parts)


def _front(
    rng: Generator, length: float, side: float, wall: tuple[float, float], height: float
) -> list[Mesh]:
    """Bands and piers that stand out before the windows; doors reach down to the ground."""
    y = sorted((side * wall[0], side * wall[1]))
    pitch, open_share = rng.uniform(1.8, 4.0), rng.uniform(0.25, 0.6)
    sill, lintel = rng.uniform(0.7, 1.2), rng.uniform(2.1, 2.6)
    edges = np.arange(-length / 2, length / 2 + pitch, pitch).clip(-length / 2, length / 2)
    parts = [block((-length / 2, length / 2), y, (lintel, lintel + 0.9), Material.BRICK)]
    if height > 6:
        top = (lintel + 2.4, height)
        parts.append(block((-length / 2, length / 2), y, top, Material.BRICK))
    for start, end in pairwise(edges):
        pier = start + (1 - open_share) * (end - start)
        if end - start < 0.3:
            continue
        parts.append(block((start, pier), y, (-2, height), Material.BRICK))
        foot = 0.05 if rng.random() < 0.2 else sill
        parts.append(block((pier, end), y, (-2, foot), Material.BRICK))
        if rng.random() < 0.25:  # closed shutters, a garage door: little relief
            shut = sorted((side * wall[0], side * (wall[1] - 0.05)))
            parts.append(block((pier, end), shut, (foot, lintel), Material.WOOD))
    return parts


def _additions(
    rng: Generator, length: float, front: float, side: float, height: float
) -> list[Mesh]:
    """Bays, porches, steps, balconies, pipes and plants' boxes before a front."""
    parts = []
    for _ in range(int(rng.integers(1, 6))):
        kind = int(rng.integers(5))
        out = rng.uniform(*((0.4, 1.4), (0.5, 1.5), (0.6, 1.5), (0.08, 0.15), (0.3, 0.6))[kind])
        wide = rng.uniform(*((1.2, 3.5), (1.0, 2.5), (1.5, 5), (0.08, 0.15), (0.5, 2.0))[kind])
        low, high = (
            (-2, height), (-2, rng.uniform(0.15, 0.8)), (2.5, 3.5), (-2, height), (-0.3, 0.6),
        )[kind]  # fmt: skip
        half = max(length / 2 - wide, 0.1)
        centre = rng.uniform(-half, half)
        y = sorted((front, front + side * out))
        x = (centre - wide / 2, centre + wide / 2)
        parts.append(block(x, y, (low, high), Material.METAL if kind == 3 else Material.BRICK))
    return parts


def make_shed(rng: Generator) -> Mesh:
    """A shed, garage, kiosk or container: from the size of a car to that of a van."""
    length, depth, height = rng.uniform([2.2, 1.6, 1.3], [6.0, 3.0, 2.7])
    kind = (Material.WOOD, Material.BRICK, Material.METAL)[int(rng.integers(3))]
    x, y = (-length / 2, length / 2), (-depth / 2, depth / 2)
    parts = [block(x, y, (-0.6, height), kind)]
    if rng.random() < 0.6:  # a roof that juts out
        parts.append(
            block((x[0] - 0.2, x[1] + 0.2), (y[0] - 0.2, y[1] + 0.2), (height, height + 0.1), kind)
        )
    if rng.random() < 0.5:  # ribs
        for s in np.arange(x[0], x[1], 0.6):
            parts.append(block((s, s + 0.12), (y[0] - 0.06, y[1] + 0.06), (-0.6, height), kind))
    return join(parts)
