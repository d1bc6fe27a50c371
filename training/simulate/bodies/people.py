"""Pedestrians and cyclists: facing +x, centred over their footprint, feet or wheels on z = 0."""

import numpy as np

from training.simulate.bodies.bicycles import bicycle_parts
from training.simulate.bodies.body import Body, enclose
from training.simulate.bodies.mesh import Material, Mesh, block, cylinder, join, lying, shift
from training.simulate.bodies.sizes import CYCLISTS, PEDESTRIANS, draw_size


def make_pedestrian(rng: np.random.Generator, walking: bool = True) -> Body:
    """An adult or a child, in mid stride or standing, with or without bags."""
    length, width, height = draw_size(rng, PEDESTRIANS).tolist()
    if rng.random() < 0.12:
        scale = rng.uniform(1.0, 1.4) / height
        length, width, height = length * scale, width * scale, height * scale
    stride = rng.uniform(0.3, 0.85) * length / 2 if walking else rng.uniform(0, 0.06)
    swing = stride * rng.uniform(0.3, 1.0)
    hip, shoulder, neck = 0.48 * height, 0.82 * height, 0.86 * height
    half = 0.13 * height * rng.uniform(0.9, 1.3)
    lean = rng.normal(0.03, 0.03) if walking else rng.normal(0, 0.03)
    upper = [
        _torso(half, hip - 0.05, shoulder),
        _arm(rng, swing, -half - 0.05, hip, shoulder),
        _arm(rng, -swing, half + 0.05, hip, shoulder),
        cylinder(0.1, neck, height, Material.SKIN, 7),
    ]
    coat = rng.random() < 0.3
    legs = [_limb(way * stride, way * 0.09, hip, 0.09 if coat else 0.07) for way in (1, -1)]
    parts = [
        *legs,
        *(_leaning(part, hip, lean) for part in upper),
        *_bags(rng, half, hip, shoulder),
    ]
    if coat:
        parts.append(_torso(half, 0.3 * height, hip + 0.05))
    return enclose(join(parts), np.array([length, width]))


def _bags(rng: np.random.Generator, half: float, hip: float, shoulder: float) -> list[Mesh]:
    """Nothing for most; a rucksack, a bag in one hand, or a suitcase or pushchair on wheels."""
    kind = rng.random()
    if kind < 0.2:
        return [block((-0.32, -0.1), (-0.15, 0.15), (hip + 0.1, shoulder), Material.CLOTH)]
    if kind < 0.38:
        side = float(rng.choice((-1, 1))) * (half + 0.1)
        deep = rng.uniform(0.1, 0.2)
        across = (side - 0.07, side + 0.07)
        return [block((-deep, deep), across, (hip - 0.4, hip - 0.02), Material.CLOTH)]
    if kind < 0.44:
        return [block((-0.55, -0.3), (0.0, 0.35), (0.05, 0.6), Material.CLOTH)]
    if kind < 0.48:
        return [
            block((0.45, 0.95), (-0.22, 0.22), (0.3, 0.75), Material.CLOTH),
            block((0.3, 0.4), (-0.22, 0.22), (0.85, 0.95), Material.METAL),
        ]
    return []


def _torso(half_width: float, bottom: float, top: float) -> Mesh:
    torso = cylinder(1.0, bottom, top, Material.CLOTH, 9)
    return torso._replace(triangles=torso.triangles * np.array([0.13, half_width, 1.0]))


def _limb(reach: float, y: float, hip: float, radius: float) -> Mesh:
    """A leg from the hip over the origin to a foot ``reach`` ahead: a sheared cylinder."""
    leg = shift(cylinder(radius, 0.0, hip, Material.CLOTH, 6), y=y)
    triangles = leg.triangles.copy()
    triangles[..., 0] += reach * (1 - triangles[..., 2] / hip)
    return leg._replace(triangles=triangles)


def _arm(rng: np.random.Generator, reach: float, y: float, hip: float, shoulder: float) -> Mesh:
    """An arm that swings, or one that is bent to a telephone or a strap."""
    if rng.random() < 0.15:
        bent = (0.05, 0.3)
        return block(bent, (y - 0.05, y + 0.05), (shoulder - 0.35, shoulder - 0.1), Material.CLOTH)
    arm = shift(cylinder(0.045, hip, shoulder, Material.CLOTH, 5), y=y)
    triangles = arm.triangles.copy()
    triangles[..., 0] += reach * (shoulder - triangles[..., 2]) / (shoulder - hip)
    return arm._replace(triangles=triangles)


def make_cyclist(rng: np.random.Generator) -> Body:
    """A rider on a bicycle, upright or bent over the handlebar, sometimes with a rucksack."""
    length, width, height = draw_size(rng, CYCLISTS).tolist()
    lean = rng.uniform(0.05, 0.75)
    pedal = rng.uniform(-0.15, 0.15)
    half = rng.uniform(0.17, 0.23)
    rider = [
        shift(_torso(half, 0.95, 1.48), x=-0.22),
        shift(cylinder(0.11, 1.5, 1.75, Material.SKIN, 7), x=-0.22),
    ]
    if rng.random() < 0.2:
        rider.append(block((-0.5, -0.3), (-0.15, 0.15), (1.05, 1.45), Material.CLOTH))
    shoulder_x = -0.22 + 0.45 * lean
    parts = [
        *bicycle_parts(rng),
        _rider_leg(pedal, 0.11),
        _rider_leg(-pedal, -0.11),
        *(_leaning(part, 0.95, lean) for part in rider),
        *(_reach(shoulder_x, side * half) for side in (-1, 1)),
    ]
    mesh = join(parts)
    low, high = mesh.triangles.min(axis=(0, 1)), mesh.triangles.max(axis=(0, 1))
    scale = np.array([length, 1.0, height]) / np.array([high[0] - low[0], 1.0, high[2] - low[2]])
    return enclose(mesh._replace(triangles=mesh.triangles * scale), np.array([length, width]))


def _reach(shoulder_x: float, y: float) -> Mesh:
    """An arm from the shoulder to the handlebar."""
    arm = block((shoulder_x, 0.42), (y - 0.05, y + 0.05), (1.28, 1.38), Material.CLOTH)
    triangles = arm.triangles.copy()
    share = (triangles[..., 0] - shoulder_x) / (0.42 - shoulder_x)
    triangles[..., 2] -= 0.28 * share
    return arm._replace(triangles=triangles)


def _rider_leg(pedal: float, y: float) -> Mesh:
    thigh = lying(cylinder(0.07, -0.07, 0.07, Material.CLOTH, 6))
    shin = block((0.02 + pedal, 0.14 + pedal), (y - 0.06, y + 0.06), (0.2, 0.65), Material.CLOTH)
    upper = block((-0.25, 0.14 + pedal), (y - 0.07, y + 0.07), (0.65, 0.95), Material.CLOTH)
    return join([shin, upper, shift(thigh, x=-0.2, y=y, z=0.9)])


def _leaning(mesh: Mesh, hip: float, lean: float) -> Mesh:
    triangles = mesh.triangles.copy()
    triangles[..., 0] += (triangles[..., 2] - hip) * lean
    return mesh._replace(triangles=triangles)
