"""Parametric vehicles: nose along +x, centred over their footprint, wheels on z = 0."""

from typing import NamedTuple

import numpy as np

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


class Body(NamedTuple):
    """An object's shape and the box that encloses it."""

    mesh: Mesh
    length: float
    width: float
    height: float


def make_car(rng: np.random.Generator) -> Body:
    """Hatchback, saloon, estate or off-roader of a European or an American size."""
    # Means of the cars of KITTI (Europe, 2011) and of PandaSet (United States, 2019).
    large = rng.random() < 0.4
    length = float(np.clip(rng.normal(4.6 if large else 3.95, 0.33), 3.3, 5.2))
    wide = 1.88 if large else 1.65
    slope = 0.12 * (length - (4.6 if large else 3.95))
    width = float(np.clip(rng.normal(wide + slope, 0.05), 1.5, 2.05))
    height = float(np.clip(rng.normal(1.63 if large else 1.5, 0.1), 1.35, 1.9))
    style = str(rng.choice(["hatch", "saloon", "estate", "suv"]))
    return Body(_car_mesh(rng, length, width, height, style), length, width, height)


def _car_mesh(
    rng: np.random.Generator, length: float, width: float, height: float, style: str
) -> Mesh:
    front, rear = length / 2, -length / 2
    clearance = rng.uniform(0.22, 0.32) if style == "suv" else rng.uniform(0.14, 0.2)
    belt = height * rng.uniform(0.58, 0.64)  # lower edge of the windows
    bonnet = belt - rng.uniform(0.05, 0.16)
    screen = front - length * rng.uniform(0.24, 0.31)  # foot of the windscreen
    roof_front = screen - rng.uniform(0.45, 0.8)
    tail = {"hatch": 0.03, "suv": 0.02, "estate": 0.02, "saloon": 0.2}[style] * length
    rear_foot = rear + tail
    roof_rear = rear_foot + (rng.uniform(0.4, 0.7) if style == "saloon" else rng.uniform(0.1, 0.4))
    half = width / 2
    body = [
        (rear + 0.05, clearance),
        (front - 0.08, clearance),
        (front, clearance + 0.25),
        (front - 0.06, bonnet - 0.1),
        (screen, belt),
        (rear_foot, belt),
        (rear, belt - 0.06),
    ]
    waist = [-half, half]
    cabin = [(rear_foot, belt), (screen, belt), (roof_front, height), (roof_rear, height)]
    inset = rng.uniform(0.1, 0.2)
    roof = [-half + inset, half - inset]
    low = [-half + 0.04, half - 0.04]
    parts = [
        prism(body, low, waist, Material.PAINT),
        prism(cabin, waist, roof, Material.GLASS, sides=Material.GLASS),
        block(
            (roof_rear, roof_front), (roof[0], roof[1]), (height - 0.05, height), Material.PAINT
        ),
        *_pillars(cabin, waist, roof),
        *_wheels(length, half, rng.uniform(0.29, 0.36), 0.62),
        *_plates(front, rear, clearance),
    ]
    return join(parts)


def _pillars(
    cabin: list[tuple[float, float]], waist: list[float], roof: list[float]
) -> list[Mesh]:
    """Painted posts along the side windows, a little outside of the glass."""
    (rear_foot, belt), (screen, _), (roof_front, height), (roof_rear, _) = cabin
    posts = []
    for share in (0.02, 0.5, 0.92):
        foot = rear_foot + share * (screen - rear_foot)
        head = roof_rear + share * (roof_front - roof_rear)
        post = [(foot, belt), (foot + 0.1, belt), (head + 0.1, height), (head, height)]
        for side in (0, 1):
            out = 0.01 if side else -0.01
            low = sorted((waist[side] + out, waist[side]))
            high = sorted((roof[side] + out, roof[side]))
            posts.append(prism(post, low, high, Material.PAINT))
    return posts


def _wheels(length: float, half_width: float, radius: float, base: float) -> list[Mesh]:
    wheel = lying(cylinder(radius, -0.1, 0.1, Material.RUBBER, 10))
    return [
        shift(wheel, x, y, radius)
        for x in (length * base / 2, -length * base / 2)
        for y in (half_width - 0.1, -half_width + 0.1)
    ]


def _plates(front: float, rear: float, clearance: float) -> list[Mesh]:
    height = (clearance + 0.3, clearance + 0.42)
    across = (-0.26, 0.26)
    return [
        block((front - 0.02, front), across, height, Material.PLATE),
        block((rear, rear + 0.06), across, height, Material.PLATE),
    ]


def make_van(rng: np.random.Generator) -> Body:
    """Delivery van or minibus."""
    length, width = float(rng.uniform(4.6, 6.0)), float(rng.uniform(1.85, 2.1))
    height = float(rng.uniform(1.95, 2.7))
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
        *_wheels(length, half, 0.35, 0.64),
        *_plates(front, rear, 0.25),
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
        *_wheels(length, half, 0.5, 0.66),
        *_plates(front, rear, 0.5),
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
        *_wheels(length, half, 0.5, 0.6),
        *_plates(front, rear, 0.3),
    ]
    return Body(join(parts), length, width, height)
