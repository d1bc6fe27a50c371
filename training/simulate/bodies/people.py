"""Pedestrians and cyclists: facing +x, centred over their footprint, feet or wheels on z = 0."""

import numpy as np

from training.simulate.bodies.mesh import Material, Mesh, block, cylinder, join, lying, shift
from training.simulate.bodies.vehicles import Body


def make_pedestrian(rng: np.random.Generator, walking: bool = True) -> Body:
    """An adult or a child, in mid stride or standing."""
    height = float(np.clip(rng.normal(1.72, 0.1), 1.45, 1.95))
    if rng.random() < 0.12:
        height = float(rng.uniform(1.0, 1.4))
    stride = rng.uniform(0.0, 0.32 if walking else 0.05) * height / 1.7
    swing = stride * rng.uniform(0.4, 1.0)
    hip, shoulder, neck = 0.48 * height, 0.82 * height, 0.86 * height
    half = 0.13 * height * rng.uniform(0.9, 1.25)
    parts = [
        _limb(stride, 0.09, hip, 0.07),
        _limb(-stride, -0.09, hip, 0.07),
        _torso(half, hip - 0.05, shoulder),
        _arm(swing, -half - 0.05, hip, shoulder),
        _arm(-swing, half + 0.05, hip, shoulder),
        cylinder(0.1, neck, height, Material.SKIN, 7),
    ]
    if rng.random() < 0.25:
        parts.append(block((-0.3, -0.1), (-0.15, 0.15), (hip + 0.1, shoulder), Material.CLOTH))
    return _enclose(join(parts))


def _torso(half_width: float, bottom: float, top: float) -> Mesh:
    torso = cylinder(1.0, bottom, top, Material.CLOTH, 9)
    return torso._replace(triangles=torso.triangles * np.array([0.13, half_width, 1.0]))


def _limb(reach: float, y: float, hip: float, radius: float) -> Mesh:
    """A leg from the hip over the origin to a foot ``reach`` ahead: a sheared cylinder."""
    leg = shift(cylinder(radius, 0.0, hip, Material.CLOTH, 6), y=y)
    triangles = leg.triangles.copy()
    triangles[..., 0] += reach * (1 - triangles[..., 2] / hip)
    return leg._replace(triangles=triangles)


def _arm(reach: float, y: float, hip: float, shoulder: float) -> Mesh:
    arm = shift(cylinder(0.045, hip, shoulder, Material.CLOTH, 5), y=y)
    triangles = arm.triangles.copy()
    triangles[..., 0] += reach * (shoulder - triangles[..., 2]) / (shoulder - hip)
    return arm._replace(triangles=triangles)


def make_cyclist(rng: np.random.Generator) -> Body:
    """A rider on a bicycle."""
    scale = float(rng.uniform(0.94, 1.06))
    wheel = _wheel(0.34)
    lean = rng.uniform(0.15, 0.45)
    pedal = rng.uniform(-0.15, 0.15)
    parts = [
        shift(wheel, x=0.52, z=0.34),
        shift(wheel, x=-0.52, z=0.34),
        block((-0.5, 0.5), (-0.03, 0.03), (0.5, 0.58), Material.METAL),
        block((0.42, 0.5), (-0.28, 0.28), (0.98, 1.03), Material.METAL),
        block((0.42, 0.5), (-0.03, 0.03), (0.5, 1.0), Material.METAL),
        _rider_leg(pedal, 0.11),
        _rider_leg(-pedal, -0.11),
        _leaning(shift(_torso(0.2, 0.95, 1.5), x=-0.2), 0.95, lean),
        shift(_leaning(shift(cylinder(0.11, 1.52, 1.76, Material.SKIN, 7), x=-0.2), 0.95, lean)),
        block((0.0, 0.42), (-0.27, -0.2), (1.1, 1.2), Material.CLOTH),
        block((0.0, 0.42), (0.2, 0.27), (1.1, 1.2), Material.CLOTH),
    ]
    mesh = join(parts)
    return _enclose(mesh._replace(triangles=mesh.triangles * scale))


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


def _rider_leg(pedal: float, y: float) -> Mesh:
    thigh = lying(cylinder(0.07, -0.07, 0.07, Material.CLOTH, 6))
    shin = block((0.02 + pedal, 0.14 + pedal), (y - 0.06, y + 0.06), (0.2, 0.65), Material.CLOTH)
    upper = block((-0.25, 0.14 + pedal), (y - 0.07, y + 0.07), (0.65, 0.95), Material.CLOTH)
    return join([shin, upper, shift(thigh, x=-0.2, y=y, z=0.9)])


def _leaning(mesh: Mesh, hip: float, lean: float) -> Mesh:
    triangles = mesh.triangles.copy()
    triangles[..., 0] += (triangles[..., 2] - hip) * lean
    return mesh._replace(triangles=triangles)


def _enclose(mesh: Mesh) -> Body:
    """Centre a shape over the box that encloses it."""
    low = mesh.triangles.min(axis=(0, 1))
    high = mesh.triangles.max(axis=(0, 1))
    middle = (low + high) / 2
    centred = shift(mesh, -middle[0], -middle[1], -low[2])
    length, width, height = (high - low).tolist()
    return Body(centred, length, width, height)
