"""Bicycles and motorcycles, with nobody on them: parked ones are no cyclists."""

import numpy as np

from training.simulate.bodies.body import Body, enclose
from training.simulate.bodies.mesh import Material, Mesh, block, cylinder, join, lying, shift


def bicycle_parts(rng: np.random.Generator) -> list[Mesh]:
    """Wheels, frame, fork, handlebar and saddle of a bicycle along x, wheels on z = 0."""
    radius = float(rng.uniform(0.31, 0.36))
    half = float(rng.uniform(0.5, 0.56))  # half of the wheelbase
    bar = float(rng.uniform(0.92, 1.1))
    parts = [
        shift(_wheel(radius), x=half, z=radius),
        shift(_wheel(radius), x=-half, z=radius),
        block((-half, half - 0.1), (-0.03, 0.03), (0.5, 0.57), Material.METAL),
        block((-0.25, -0.18), (-0.03, 0.03), (0.3, 0.9), Material.METAL),
        block((-0.34, -0.1), (-0.08, 0.08), (0.9, 0.97), Material.RUBBER),
        block((half - 0.1, half - 0.03), (-0.03, 0.03), (radius, bar), Material.METAL),
        block((half - 0.12, half - 0.04), (-0.28, 0.28), (bar - 0.04, bar), Material.METAL),
    ]
    if rng.random() < 0.4:  # a rack, with or without bags
        wide = rng.choice([0.08, 0.22])
        low = 0.35 if wide > 0.1 else 0.68
        parts.append(block((-half - 0.2, -0.3), (-wide, wide), (low, 0.74), Material.CLOTH))
    return parts


def make_bicycle(rng: np.random.Generator) -> Body:
    """A bicycle that leans a little on its stand or on a rack."""
    mesh = join(bicycle_parts(rng))
    triangles = mesh.triangles.copy()
    triangles[..., 1] += triangles[..., 2] * rng.normal(0, 0.1)
    return enclose(mesh._replace(triangles=triangles))


def make_motorcycle(rng: np.random.Generator) -> Body:
    """A motorcycle or a scooter, with a screen or without."""
    scale = rng.uniform(0.85, 1.1)
    wheel = lying(cylinder(0.31, -0.07, 0.07, Material.RUBBER, 9))
    parts = [
        shift(wheel, x=0.7, z=0.31),
        shift(wheel, x=-0.65, z=0.31),
        block((-0.4, 0.35), (-0.18, 0.18), (0.28, 0.72), Material.METAL),
        block((-0.1, 0.4), (-0.17, 0.17), (0.7, 0.95), Material.PAINT),
        block((-0.85, -0.1), (-0.15, 0.15), (0.68, 0.82), Material.RUBBER),
        block((0.42, 0.58), (-0.1, 0.1), (0.5, 1.05), Material.PAINT),
        block((0.3, 0.38), (-0.38, 0.38), (1.0, 1.06), Material.METAL),
    ]
    if rng.random() < 0.5:
        parts.append(block((0.4, 0.46), (-0.2, 0.2), (1.0, 1.35), Material.GLASS))
    if rng.random() < 0.4:
        parts.append(block((-1.05, -0.65), (-0.22, 0.22), (0.8, 1.15), Material.METAL))
    mesh = join(parts)
    return enclose(mesh._replace(triangles=mesh.triangles * scale))


def _wheel(radius: float) -> Mesh:
    """A ring of thin plates: most rays pass through, as between spokes."""
    angle = np.arange(10) * 2 * np.pi / 10
    plates = []
    for start, end in zip(angle, np.roll(angle, -1), strict=True):
        corners = [
            (np.cos(a) * r, y, np.sin(a) * r)
            for a, r, y in (
                (start, radius, -0.03),
                (end, radius, 0.03),
                (end, radius - 0.07, 0.0),
                (start, radius - 0.07, 0.0),
            )
        ]
        plates += [[corners[0], corners[1], corners[2]], [corners[0], corners[2], corners[3]]]
    return Mesh(np.array(plates), np.full(len(plates), Material.RUBBER, dtype=np.int64))
