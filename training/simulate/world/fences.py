"""Walls, fences with gaps, rails: stretches along x."""

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.foliage import rough_row, twigs
from training.simulate.bodies.mesh import Material, Mesh, block, join


def make_wall(rng: Generator) -> Mesh:
    """A wall with pillars and maybe a coping, from knee height to above one's head."""
    half, height = rng.uniform([1.5, 0.4], [5.0, 2.6])
    thick = rng.uniform(0.08, 0.2)
    parts = [block((-half, half), (-thick, thick), (-0.6, height), Material.BRICK)]
    for s in np.arange(-half, half + 0.1, rng.uniform(2.0, 4.0)):
        stone = thick + 0.08
        parts.append(
            block((s - 0.2, s + 0.2), (-stone, stone), (-0.6, height + 0.15), Material.BRICK)
        )
    if rng.random() < 0.3:  # ivy
        ivy = twigs(rng, int(30 * half), (2 * half, 2 * thick + 0.35, height * 1.1), 0.09)
        parts.append(ivy)
    return join(parts)


def make_rough_wall(rng: Generator) -> Mesh:
    """A wall of field stones, a heap of rubble or of earth."""
    length, depth, height = rng.uniform([2.0, 0.4, 0.4], [6.0, 1.8, 1.5])
    return rough_row(rng, (length, depth, height), 0.0, Material.BRICK, rough_m=0.07)


def make_picket_fence(rng: Generator) -> Mesh:
    """Boards with gaps between them, on two rails."""
    half, height = rng.uniform([1.5, 0.7], [4.5, 1.9])
    wide, pitch = rng.uniform([0.05, 0.13], [0.12, 0.3])
    boards = [
        block((s, s + wide), (-0.02, 0.02), (-0.3, height), Material.WOOD)
        for s in np.arange(-half, half, pitch)
    ]
    rails = [
        block((-half, half), (0.02, 0.06), (z, z + 0.08), Material.WOOD)
        for z in (0.25 * height, 0.8 * height)
    ]
    return join([*boards, *rails])


def make_wire_fence(rng: Generator) -> Mesh:
    """Posts and thin wires or bars: most pulses pass between them."""
    half, height = rng.uniform([2.0, 0.9], [5.0, 2.0])
    posts = [
        block((s, s + 0.07), (-0.04, 0.04), (-0.5, height), Material.METAL)
        for s in np.arange(-half, half, rng.uniform(1.5, 2.5))
    ]
    wires = [
        block((-half, half), (-0.006, 0.006), (z, z + 0.025), Material.METAL)
        for z in np.arange(0.15, height, 0.15)
    ]
    parts = [*posts, *wires]
    if rng.random() < 0.4:  # weeds that climb it
        parts.append(twigs(rng, int(18 * half), (2 * half, 0.4, height), 0.08))
    return join(parts)


def make_guard_rail(rng: Generator) -> Mesh:
    """A rail of steel on posts, or the railing of a bridge."""
    half = rng.uniform(2.0, 5.0)
    posts = [
        block((s, s + 0.1), (0, 0.1), (-0.5, 0.75), Material.METAL)
        for s in np.arange(-half, half, 2.0)
    ]
    rails = [block((-half, half), (-0.05, 0.0), (0.45, 0.75), Material.METAL)]
    if rng.random() < 0.4:
        rails = [
            block((-half, half), (-0.03, 0.03), (z, z + 0.05), Material.METAL)
            for z in (0.4, 0.7, 1.0)
        ]
    return join([*rails, *posts])
