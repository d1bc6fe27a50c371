"""Triangle soups and the few solids that everything in a street is put together from."""

from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


class Material(IntEnum):
    """What a surface is made of; decides how it answers a laser pulse."""

    ROAD = 0
    PAVEMENT = 1
    GRASS = 2
    MARKING = 3
    PAINT = 4  # of vehicles: the colour differs from car to car
    GLASS = 5
    RUBBER = 6
    PLATE = 7  # lamps, number plates, signs: retroreflective
    CLOTH = 8
    SKIN = 9
    METAL = 10
    BRICK = 11
    WOOD = 12
    LEAF = 13


class Mesh(NamedTuple):
    """Triangles with their material."""

    triangles: Float64  # [T, 3, 3] corners in metres
    material: NDArray[np.int64]  # [T]


def join(meshes: Sequence[Mesh]) -> Mesh:
    """All triangles of several meshes; none give an empty mesh."""
    if not meshes:
        return Mesh(np.zeros((0, 3, 3)), np.zeros(0, dtype=np.int64))
    return Mesh(
        np.concatenate([mesh.triangles for mesh in meshes]),
        np.concatenate([mesh.material for mesh in meshes]),
    )


def place(mesh: Mesh, x: float, y: float, z: float, yaw: float) -> Mesh:
    """Turn a mesh about z and move it."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return mesh._replace(triangles=mesh.triangles @ turn + np.array([x, y, z]))


def shift(mesh: Mesh, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
    """Move a mesh."""
    return mesh._replace(triangles=mesh.triangles + np.array([x, y, z]))


def _all_of(material: Material, count: int) -> NDArray[np.int64]:
    # a plain number: numpy asks an enumeration for attributes that it does not have
    return np.full(count, int(material), dtype=np.int64)


def block(x: Sequence[float], y: Sequence[float], z: Sequence[float], material: Material) -> Mesh:
    """Axis-aligned block between two bounds along each axis."""
    low = np.array((x[0], y[0], z[0]))
    high = np.array((x[1], y[1], z[1]))
    triangles = _CUBE_FROM_ABOVE * low + _UNIT_CUBE * high
    return Mesh(triangles, _all_of(material, len(triangles)))


def prism(
    profile: Sequence[tuple[float, float]],
    y_bottom: Sequence[float],
    y_top: Sequence[float],
    material: Material,
    sides: Material | None = None,
) -> Mesh:
    """Convex side view (x, z) drawn across y, from ``y_bottom`` at its lowest z to ``y_top``.

    A narrower top gives the tumblehome of a car's cabin. ``sides`` is the material of the two
    ends along y, ``material`` that of the rest.
    """
    side = np.array(profile)
    low, high = side[:, 1].min(), side[:, 1].max()
    share = (side[:, 1] - low) / (high - low)
    count = len(side)
    corners = np.empty((2, count, 3))  # right, left
    corners[..., 0], corners[..., 2] = side[:, 0], side[:, 1]
    for end in (0, 1):
        corners[end, :, 1] = y_bottom[end] + share * (y_top[end] - y_bottom[end])
    material_of = _all_of(material, 4 * count - 4)
    material_of[: 2 * (count - 2)] = material if sides is None else sides
    return Mesh(corners.reshape(-1, 3)[_prism_faces(count)], material_of)


@cache
def _prism_faces(count: int) -> NDArray[np.int64]:
    """Corners ``[T, 3]`` of a prism's triangles: both ends, then the hull between them."""
    ends = [(end, end + i, end + i + 1) for end in (0, count) for i in range(1, count - 1)]
    hull = []
    for i in range(count):
        j = (i + 1) % count
        hull += [(i, j, count + j), (i, count + j, count + i)]
    return np.array(ends + hull)


def cylinder(radius: float, bottom: float, top: float, material: Material, edges: int = 8) -> Mesh:
    """Upright cylinder about z, with a lid."""
    unit = _unit_cylinder(edges)
    triangles = unit * radius
    triangles[..., 2] = (1 - unit[..., 2]) * bottom + unit[..., 2] * top
    return Mesh(triangles, _all_of(material, len(triangles)))


@cache
def _unit_cylinder(edges: int) -> Float64:
    angle = np.arange(edges) * 2 * np.pi / edges
    low = np.column_stack((np.cos(angle), np.sin(angle), np.zeros(edges)))
    high = low + np.array([0.0, 0.0, 1.0])
    following = np.roll(np.arange(edges), -1)
    middle = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (edges, 3))
    return np.concatenate(
        (
            np.stack((low, low[following], high[following]), axis=1),
            np.stack((low, high[following], high), axis=1),
            np.stack((high, high[following], middle), axis=1),
        )
    )


def lying(mesh: Mesh) -> Mesh:
    """Turn an upright mesh onto its side: z becomes y."""
    return mesh._replace(triangles=mesh.triangles[..., [0, 2, 1]])


_UNIT_CUBE = prism([(0, 0), (1, 0), (1, 1), (0, 1)], (0, 1), (0, 1), Material.METAL).triangles
_CUBE_FROM_ABOVE = 1 - _UNIT_CUBE
