"""What grows beside a street: hedges, shrubs, undergrowth, trees, conifers, planted poles.

Most of it is of the sizes of cars and people on purpose: a detector has to tell them apart.
"""

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.foliage import hedge, leaves, rough_ball, rough_row, twigs
from training.simulate.bodies.mesh import Material, Mesh, cylinder, join, shift


def make_hedge(rng: Generator) -> Mesh:
    """A stretch of hedge along x, as high and as long as a car or longer."""
    return hedge(rng, *rng.uniform([2.5, 0.5, 0.8], [7.0, 1.4, 2.8]))


def make_hedge_block(rng: Generator) -> Mesh:
    """A hedge of the size of a parked car."""
    return hedge(rng, *rng.uniform([3.4, 1.2, 1.3], [5.2, 2.0, 1.85]))


def make_bush(rng: Generator) -> Mesh:
    """A shrub or a group of them, near the ground."""
    parts = []
    for _ in range(int(rng.integers(1, 4))):
        x, y, z = rng.uniform([0.3, 0.3, 0.3], [1.4, 1.0, 1.4])
        ball = rough_ball(rng, (x, y, z), z * 0.85, rng.uniform(0.1, 0.5), rings=5)
        fuzz = leaves(rng, int(20 + 25 * x), (x * 1.1, y * 1.1, z * 1.1), z * 0.85, 0.09)
        parts.append(shift(join([ball, fuzz]), *rng.normal(0, [0.9, 0.35])))
    return join(parts)


def make_undergrowth(rng: Generator) -> Mesh:
    """Tall grass, weeds, ivy or heaped leaves: a low and uneven strip."""
    length, depth, height = rng.uniform([3, 0.8, 0.2], [9, 3.0, 0.9])
    row = rough_row(rng, (length, depth, height), rng.uniform(0.2, 0.6), rough_m=0.14)
    return join([row, twigs(rng, int(14 * length), (length, depth, height * 1.4), 0.06)])


def make_tree(rng: Generator) -> Mesh:
    """A trunk and a crown with gaps, over pavement and road or low enough to hide the trunk."""
    height, crown = rng.uniform(3.5, 11), rng.uniform(1.2, 3.6)
    low = rng.uniform(0.15, 0.45) * height
    middle, tall = (low + height) / 2, (height - low) / 2
    lean = rng.normal(0, 0.05, 2)
    trunk = cylinder(rng.uniform(0.08, 0.35), -0.5, middle, Material.WOOD, 7)
    bent = trunk.triangles.copy()
    bent[..., :2] += bent[..., 2:] * lean
    hull = rough_ball(rng, (crown * 0.9, crown * 0.9, tall * 0.9), middle, rng.uniform(0.25, 0.6))
    radii = (crown * 1.05, crown * 1.05, tall * 1.05)
    fuzz = leaves(rng, int(50 + 35 * crown), radii, middle, rng.uniform(0.12, 0.25))
    return join([trunk._replace(triangles=bent), hull, fuzz])


def make_conifer(rng: Generator) -> Mesh:
    """A narrow tree that stands on the ground: as slim as a person or as wide as a van."""
    wide, height = rng.uniform([0.3, 1.3], [1.3, 5.0])
    ball = rough_ball(rng, (wide, wide, height * 0.52), height * 0.48, rng.uniform(0.05, 0.3))
    fuzz = leaves(rng, int(40 * wide * height), (wide, wide, height / 2), height * 0.48, 0.08)
    return join([ball, fuzz])


def make_overgrown_post(rng: Generator) -> Mesh:
    """A post, stake or stump with leaves about it, of a person's size."""
    height = rng.uniform(1.3, 2.1)
    post = cylinder(rng.uniform(0.04, 0.16), -0.5, height, Material.WOOD, 6)
    wide = rng.uniform(0.2, 0.45)
    middle = rng.uniform(0.25, 0.75) * height
    tall = min(rng.uniform(0.3, 0.8), middle + 0.1)
    return join([post, leaves(rng, int(rng.integers(15, 60)), (wide, wide, tall), middle, 0.08)])


def make_stump_row(rng: Generator) -> Mesh:
    """Trunks of young trees close together."""
    places = np.arange(int(rng.integers(2, 6))) * rng.uniform(0.6, 1.6)
    trunks = []
    for place in places - places.mean():
        trunk = cylinder(rng.uniform(0.05, 0.15), -0.5, rng.uniform(1.6, 5), Material.WOOD, 6)
        trunks.append(shift(trunk, float(place), float(rng.normal(0, 0.3))))
    return join(trunks)
