import math

import numpy as np
import pytest
import trimesh

from training.simulate.bodies.mesh import (
    Material,
    block,
    cylinder,
    join,
    lying,
    place,
    prism,
)


def solid(mesh):
    """What an independent library makes of the triangles; it merges equal corners."""
    corners = mesh.triangles.reshape(-1, 3)
    return trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3))


def test_a_block_is_closed_and_has_its_surface() -> None:
    made = solid(block((1, 4), (0, 2), (-1, 1), Material.BRICK))
    assert made.is_watertight
    assert made.area == pytest.approx(2 * (3 * 2 + 2 * 2 + 3 * 2))
    assert made.bounds.tolist() == [[1, 0, -1], [4, 2, 1]]


def test_a_prism_leans_inwards_and_its_sides_have_their_own_material() -> None:
    profile = [(0.0, 0.0), (4.0, 0.0), (4.0, 2.0), (0.0, 2.0)]
    cabin = prism(profile, (-1, 1), (-0.5, 0.5), Material.PAINT, sides=Material.GLASS)
    assert solid(cabin).is_watertight
    top = cabin.triangles.reshape(-1, 3)
    top = top[top[:, 2] == 2]
    assert (top[:, 1].min(), top[:, 1].max()) == (-0.5, 0.5)
    glass = cabin.triangles[cabin.material == Material.GLASS]
    assert len(glass) == 4
    assert (np.ptp(np.sign(glass[..., 1]), axis=1) == 0).all()  # each on one side


def test_a_cylinder_has_a_wall_and_a_lid() -> None:
    edges, radius = 6, 2.0
    made = solid(cylinder(radius, 1.0, 4.0, Material.METAL, edges))
    edge = 2 * radius * math.sin(math.pi / edges)
    lid = edges / 2 * radius**2 * math.sin(2 * math.pi / edges)
    assert made.area == pytest.approx(edges * edge * 3 + lid)
    assert made.bounds[:, 2].tolist() == [1.0, 4.0]


def test_place_turns_counter_clockwise_before_it_moves() -> None:
    placed = place(block((0, 2), (0, 1), (0, 1), Material.METAL), 10.0, 20.0, 3.0, math.pi / 2)
    corners = placed.triangles.reshape(-1, 3)
    np.testing.assert_allclose(corners.min(axis=0), [9, 20, 3], atol=1e-12)
    np.testing.assert_allclose(corners.max(axis=0), [10, 22, 4], atol=1e-12)


def test_lying_turns_height_into_width() -> None:
    wheel = lying(cylinder(1.0, -0.1, 0.3, Material.RUBBER, 8)).triangles
    assert (wheel[..., 1].min(), wheel[..., 1].max()) == (-0.1, 0.3)
    assert wheel[..., 2].max() == pytest.approx(1.0)


def test_join_keeps_triangles_and_materials_together() -> None:
    parts = [
        block((0, 1), (0, 1), (i, i + 1), m) for i, m in enumerate((Material.WOOD, Material.SKIN))
    ]
    joined = join(parts)
    assert (
        joined.material[joined.triangles[:, :, 2].min(axis=1) == 1].tolist()[-1] == Material.SKIN
    )
    assert len(joined.triangles) == len(joined.material) == 24
    assert join([]).triangles.shape == (0, 3, 3)
