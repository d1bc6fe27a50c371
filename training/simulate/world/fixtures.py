"""Meshes of what never moves: houses, walls, fences, hedges, trees, poles, signs, bins."""

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.mesh import Material, Mesh, block, cylinder, join, leaves, shift


def make_house(rng: Generator) -> Mesh:
    """A house with a flat roof, its front along x, in the middle of its footprint."""
    length, depth, height = rng.uniform([8, 7, 3.5], [26, 14, 13])
    x, y = (-length / 2, length / 2), (-depth / 2, depth / 2)
    parts = [block(x, y, (-2, height), Material.BRICK)]
    for _ in range(int(rng.integers(0, 4))):  # bays, porches, steps
        out, wide = rng.uniform(0.2, 1.2), rng.uniform(0.8, 3)
        centre, side = rng.uniform(-length / 2 + 2, length / 2 - 2), rng.choice((-1, 1))
        bay_y = sorted((side * depth / 2, side * (depth / 2 + out)))
        bay_x = (centre - wide / 2, centre + wide / 2)
        parts.append(block(bay_x, bay_y, (-2, rng.uniform(0.4, height)), Material.BRICK))
    return join(parts)


def make_tree(rng: Generator) -> Mesh:
    """A trunk and a crown of loose leaves that lets some rays through."""
    height, crown = rng.uniform(3.5, 9), rng.uniform(1.0, 3.0)
    low = rng.uniform(0.25, 0.5) * height
    middle = (low + height) / 2
    trunk = cylinder(rng.uniform(0.08, 0.3), -0.5, middle, Material.WOOD, 7)
    radii = (crown, crown, (height - low) / 2)
    return join([trunk, leaves(rng, int(60 + 45 * crown), radii, middle, rng.uniform(0.15, 0.28))])


def make_bush(rng: Generator) -> Mesh:
    """A shrub, a stretch of undergrowth or a conifer, near the ground."""
    x, y, z = rng.uniform([0.4, 0.4, 0.3], [1.6, 1.1, 1.2])
    if rng.random() < 0.2:
        x, y, z = x * 0.8, x * 0.8, z * 2.2
    return leaves(rng, int(50 + 40 * x), (x, y, z), z * 0.9, 0.14)


def make_pole(rng: Generator) -> Mesh:
    """A lamp post, a sign on a post, or traffic lights."""
    height = rng.uniform(2.2, 8)
    pole = cylinder(rng.uniform(0.03, 0.13), -0.5, height, Material.METAL, 6)
    if rng.random() < 0.5:
        return pole
    top = min(height, rng.uniform(2.2, 3.2))
    half, tall = rng.uniform([0.2, 0.4], [0.45, 0.9])
    return join([pole, block((-0.02, 0.02), (-half, half), (top - tall, top), Material.PLATE)])


def make_clutter(rng: Generator) -> Mesh:
    """Bins, cabinets, bollards, benches."""
    x, y, z = rng.uniform([0.15, 0.15, 0.6], [0.7, 0.45, 1.4])
    kind = rng.integers(4)
    if kind == 0:
        return block((-x, x), (-y, y), (-0.3, z), Material.METAL)
    if kind == 1:
        return cylinder(0.1 + y / 2, -0.3, z * 0.8, Material.METAL, 8)
    if kind == 2:
        posts = [cylinder(0.06, -0.3, 0.9, Material.METAL, 6) for _ in range(3)]
        return join([shift(post, x=1.4 * i) for i, post in enumerate(posts, start=-1)])
    seat = block((-0.8, 0.8), (-0.22, 0.22), (0.4, 0.46), Material.WOOD)
    back = block((-0.8, 0.8), (0.2, 0.26), (0.4, 0.85), Material.WOOD)
    legs = [
        block((e - 0.05, e + 0.05), (-0.2, 0.2), (-0.3, 0.4), Material.METAL) for e in (-0.7, 0.7)
    ]
    return join([seat, back, *legs])


def make_barrier(rng: Generator) -> Mesh:
    """A stretch of wall, fence, guard rail or hedge along x."""
    half, height = rng.uniform(1.5, 4.5), rng.uniform(0.7, 2.2)
    kind = rng.integers(4)
    if kind == 0:
        return block((-half, half), (-0.12, 0.12), (-0.6, height), Material.BRICK)
    if kind == 1:
        return join(
            [
                block((s, s + 0.1), (-0.05, 0.05), (-0.5, height), Material.WOOD)
                for s in np.arange(-half, half, 0.28)
            ]
        )
    if kind == 2:
        posts = [block((s, s + 0.1), (0, 0.1), (-0.5, 0.8), Material.METAL) for s in (-half, 0.0)]
        rail = block((-half, half), (-0.05, 0.0), (0.45, 0.75), Material.METAL)
        return join([rail, *posts])
    return leaves(rng, int(60 * half), (half, 0.4, height / 2), height / 2, 0.13)
