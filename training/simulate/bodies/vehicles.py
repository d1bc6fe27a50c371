"""Vans, lorries, buses, trailers: all that a car could be taken for, or the other way round."""

import numpy as np

from training.simulate.bodies.body import Body
from training.simulate.bodies.mesh import (
    Material,
    Mesh,
    block,
    cylinder,
    join,
    lying,
    prism,
    shift,
)


def wheels(length: float, half_width: float, radius: float, base: float) -> list[Mesh]:
    """Four wheels; ``base`` is the wheelbase as a share of the length."""
    wheel = lying(cylinder(radius, -0.1, 0.1, Material.RUBBER, 10))
    return [
        shift(wheel, x, y, radius)
        for x in (length * base / 2, -length * base / 2)
        for y in (half_width - 0.1, -half_width + 0.1)
    ]


def plates(front: float, rear: float, clearance: float) -> list[Mesh]:
    """Number plates and lamps at both ends."""
    height = (clearance + 0.3, clearance + 0.42)
    across = (-0.26, 0.26)
    return [
        block((front - 0.02, front), across, height, Material.PLATE),
        block((rear, rear + 0.06), across, height, Material.PLATE),
    ]


def make_van(rng: np.random.Generator) -> Body:
    """Delivery van or minibus, from little more than a car's size on."""
    length, width = float(rng.uniform(4.2, 6.0)), float(rng.uniform(1.75, 2.1))
    height = float(1.75 + 0.3 * (length - 4.2) + rng.uniform(0, 0.4))
    front, rear, half = length / 2, -length / 2, width / 2
    screen = front - rng.uniform(0.6, 0.9)
    body = [
        (rear, 0.25),
        (front, 0.25),
        (front, 1.0),
        (screen, 1.25),
        (screen - 0.5, height),
        (rear, height),
    ]
    inset = [-half + 0.06, half - 0.06]
    parts = [
        prism(body, [-half, half], inset, Material.PAINT),
        block((screen - 0.05, screen + 0.02), inset, (1.25, 1.3), Material.GLASS),
        *wheels(length, half, 0.35, 0.64),
        *plates(front, rear, 0.25),
    ]
    return Body(join(parts), length, width, height)


def make_truck(rng: np.random.Generator) -> Body:
    """Lorry: a cab and a box body."""
    length, width = float(rng.uniform(6.5, 12.0)), float(rng.uniform(2.3, 2.55))
    height = float(rng.uniform(2.8, 3.8))
    front, rear, half = length / 2, -length / 2, width / 2
    across = (-half, half)
    parts = [
        block((front - 2.0, front), across, (0.5, height - 0.4), Material.PAINT),
        block((rear, front - 2.3), across, (0.9, height), Material.PAINT),
        block((rear, front), (-half + 0.2, half - 0.2), (0.5, 0.9), Material.METAL),
        *wheels(length, half, 0.5, 0.66),
        *plates(front, rear, 0.5),
    ]
    return Body(join(parts), length, width, height)


def make_bus(rng: np.random.Generator) -> Body:
    """City bus: a low floor, and windows all around."""
    length, width = float(rng.uniform(9.5, 12.0)), 2.55
    height = float(rng.uniform(2.9, 3.3))
    front, rear, half = length / 2, -length / 2, width / 2
    across, inset = (-half, half), (-half + 0.03, half - 0.03)
    parts = [
        block((rear, front), across, (0.3, 1.1), Material.PAINT),
        block((rear + 0.03, front - 0.03), inset, (1.1, height - 0.5), Material.GLASS),
        block((rear, front), across, (height - 0.5, height), Material.PAINT),
        *wheels(length, half, 0.5, 0.6),
        *plates(front, rear, 0.3),
    ]
    return Body(join(parts), length, width, height)


def make_trailer(rng: np.random.Generator) -> Body:
    """A parked trailer: an open box, a covered one, or a caravan of a car's size."""
    kind = int(rng.integers(3))
    least, most = (
        ((1.8, 1.3, 0.8), (3.4, 1.8, 1.2)),
        ((2.2, 1.4, 1.5), (4.4, 2.0, 2.1)),
        ((4.5, 2.0, 2.4), (6.5, 2.3, 2.7)),
    )[kind]
    length, width, height = rng.uniform(least, most).tolist()
    front, rear, half = length / 2, -length / 2, width / 2
    drawbar = min(1.2, 0.25 * length)
    wheel = lying(cylinder(0.3, -0.1, 0.1, Material.RUBBER, 10))
    parts = [
        block((rear, front - drawbar), (-half, half), (0.45, height), Material.PAINT),
        block((front - drawbar, front), (-0.05, 0.05), (0.4, 0.5), Material.METAL),
        *[shift(wheel, (rear + front - drawbar) / 2, y, 0.3) for y in (half - 0.1, 0.1 - half)],
    ]
    return Body(join(parts), length, width, height)
