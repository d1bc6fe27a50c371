"""Street furniture: posts, signs, bins, benches, bollards, shelters, planters."""

import numpy as np
from numpy.random import Generator

from training.simulate.bodies.foliage import leaves
from training.simulate.bodies.mesh import Material, Mesh, block, cylinder, join, shift


def make_pole(rng: Generator) -> Mesh:
    """A lamp post or a mast."""
    return cylinder(rng.uniform(0.03, 0.2), -0.5, rng.uniform(2.2, 8), Material.METAL, 7)


def make_sign(rng: Generator) -> Mesh:
    """One or two signs on a post, at a driver's or at a person's height, facing along x."""
    height = rng.uniform(1.5, 3.4)
    parts = [cylinder(rng.uniform(0.025, 0.05), -0.5, height, Material.METAL, 6)]
    top = height
    for _ in range(int(rng.integers(1, 3))):
        half, tall = rng.uniform([0.18, 0.3], [0.45, 0.9])
        kind = Material.PLATE if rng.random() < 0.7 else Material.METAL
        parts.append(block((-0.06, -0.04), (-half, half), (top - tall, top), kind))
        top -= tall + 0.05
    return join(parts)


def make_traffic_light(rng: Generator) -> Mesh:
    """Lamps on a post, low or high."""
    low = rng.uniform(1.6, 2.6)
    post = cylinder(0.06, -0.5, low + 0.9, Material.METAL, 6)
    return join([post, block((-0.2, -0.02), (-0.15, 0.15), (low, low + 0.9), Material.RUBBER)])


def make_bins(rng: Generator) -> Mesh:
    """Bins on wheels or large ones, alone or in a row, which may be as long as a car."""
    wide, deep, high = rng.uniform([0.5, 0.5, 0.9], [1.3, 0.9, 1.4])
    parts = []
    for i in range(int(rng.choice([1, 1, 2, 3, 4]))):
        s = i * (wide + 0.12)
        y = float(rng.normal(0, 0.08))
        box = block((s, s + wide), (-deep / 2, deep / 2), (-0.3, high), Material.RUBBER)
        lid = block(
            (s - 0.03, s + wide + 0.03), (-deep / 2 - 0.05, deep / 2), (high, high + 0.07),
            Material.METAL,
        )  # fmt: skip
        parts.append(shift(join([box, lid]), y=y))
    whole = join(parts)
    return shift(whole, x=-float(whole.triangles[..., 0].max()) / 2)


def make_cabinet(rng: Generator) -> Mesh:
    """A switch cabinet, a letter box, a vending machine, a parking meter."""
    x, y, z = rng.uniform([0.1, 0.1, 0.9], [0.8, 0.4, 1.9])
    return block((-x, x), (-y, y), (-0.3, z), Material.METAL)


def make_bollards(rng: Generator) -> Mesh:
    """Bollards, stone balls or short posts in a row."""
    radius, height = rng.uniform([0.05, 0.5], [0.25, 1.2])
    gap = rng.uniform(1.0, 2.0)
    post = cylinder(radius, -0.3, height, Material.METAL, 7)
    return join([shift(post, x=gap * i) for i in range(-1, 2)])


def make_bench(rng: Generator) -> Mesh:
    """A bench with a back or without, or a table with two benches."""
    half = rng.uniform(0.6, 1.1)
    seat = block((-half, half), (-0.22, 0.22), (0.4, 0.46), Material.WOOD)
    legs = [
        block((e - 0.05, e + 0.05), (-0.2, 0.2), (-0.3, 0.4), Material.METAL)
        for e in (-half + 0.1, half - 0.1)
    ]
    bench = join([seat, *legs])
    kind = int(rng.integers(3))
    if kind == 0:
        return bench
    if kind == 1:
        back = block((-half, half), (0.2, 0.26), (0.4, 0.85), Material.WOOD)
        return join([bench, back])
    table = block((-half, half), (-0.4, 0.4), (0.7, 0.76), Material.WOOD)
    return join([table, shift(bench, y=-0.75), shift(bench, y=0.75)])


def make_shelter(rng: Generator) -> Mesh:
    """A bus stop: a roof on posts, glass at the back, a board at one end."""
    half, deep = rng.uniform([1.2, 0.6], [2.2, 0.9])
    posts = [
        block((x - 0.05, x + 0.05), (y - 0.05, y + 0.05), (-0.3, 2.4), Material.METAL)
        for x in (-half, half)
        for y in (-deep, deep)
    ]
    back = block((-half, half), (deep, deep + 0.02), (0.2, 2.2), Material.GLASS)
    roof = block((-half - 0.2, half + 0.2), (-deep - 0.2, deep + 0.2), (2.4, 2.5), Material.METAL)
    board = block((half, half + 0.12), (-deep, deep), (0.3, 2.0), Material.METAL)
    return join([*posts, back, roof, board])


def make_planter(rng: Generator) -> Mesh:
    """A tub or a trough with something that grows in it."""
    half, deep, high = rng.uniform([0.25, 0.25, 0.3], [1.4, 0.5, 0.8])
    trough = block((-half, half), (-deep, deep), (-0.3, high), Material.BRICK)
    tall = rng.uniform(0.15, 0.6)
    plants = leaves(rng, int(20 + 40 * half), (half, deep, tall), high + tall * 0.8, 0.08)
    return join([trough, plants])


def make_pallets(rng: Generator) -> Mesh:
    """Stacked goods, building material, crates: boxes of several sizes in a heap."""
    parts = []
    for _ in range(int(rng.integers(2, 6))):
        x, y, z = rng.uniform([0.3, 0.3, 0.3], [0.9, 0.6, 1.5])
        s, t = rng.normal(0, [0.9, 0.25])
        kind = (Material.WOOD, Material.CLOTH, Material.BRICK)[int(rng.integers(3))]
        parts.append(block((s - x, s + x), (t - y, t + y), (-0.3, z), kind))
    return join(parts)


def make_scaffold(rng: Generator) -> Mesh:
    """Bars and planks, of a stall, a swing or scaffolding."""
    half, deep, high = rng.uniform([1.0, 0.5, 1.6], [3.0, 1.0, 2.4])
    bars = [
        block((x - 0.03, x + 0.03), (y - 0.03, y + 0.03), (-0.3, high), Material.METAL)
        for x in np.linspace(-half, half, 3)
        for y in (-deep, deep)
    ]
    planks = block((-half, half), (-deep, deep), (high - 0.05, high), Material.WOOD)
    rail = block((-half, half), (-deep, -deep + 0.05), (0.9, 1.0), Material.METAL)
    return join([*bars, planks, rail])
