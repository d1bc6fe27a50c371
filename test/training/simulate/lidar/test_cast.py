import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.simulate.bodies.mesh import Material, Mesh, block, join, place
from training.simulate.lidar.cast import Hits, Scene

ORIGIN = np.zeros(3)
AHEAD = np.array([[1.0, 0.0, 0.0]])


def cast(mesh: Mesh, origin: np.ndarray, directions: np.ndarray) -> Hits:
    """Rays from where the scene's centre is, as a single sensor casts them."""
    return Scene(mesh, origin).cast(np.zeros(3), directions)


def plane(z: float = 0.0, half: float = 500.0) -> Mesh:
    """A square of level ground."""
    a, b, c, d = [
        (x, y, z) for x, y in ((-half, -half), (half, -half), (half, half), (-half, half))
    ]
    return Mesh(np.array([[a, b, c], [a, c, d]]), np.array([Material.ROAD, Material.ROAD]))


def plate(x: float) -> Mesh:
    """A square across the x axis at a distance."""
    a, b, c, d = [(x, y, z) for y, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return Mesh(np.array([[a, b, c], [a, c, d]], float), np.array([Material.METAL] * 2))


@given(st.floats(0.5, 5), st.floats(2, 90), st.floats(-180, 180))
def test_a_ray_meets_level_ground_at_height_over_sine(height, below_deg, azimuth_deg) -> None:
    below, azimuth = math.radians(below_deg), math.radians(azimuth_deg)
    flat = math.cos(below)
    ray = np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), -math.sin(below)])
    hits = cast(plane(), np.array([0.0, 0.0, height]), ray[None])
    assert hits.distance_m[0] == pytest.approx(height / math.sin(below), rel=1e-5)
    assert hits.cosine[0] == pytest.approx(math.sin(below), abs=1e-5)


def test_far_from_the_origin_of_the_world_ranges_stay_exact() -> None:
    origin = np.array([4000.0, -3000.0, 2.0])
    ground = plane()._replace(triangles=plane().triangles + np.array([4000.0, -3000.0, 0.0]))
    hits = cast(ground, origin, np.array([[0.0, 0.0, -1.0]]))
    assert hits.distance_m[0] == pytest.approx(2.0, abs=1e-6)


@pytest.mark.parametrize("places", [(5.0, 9.0), (9.0, 5.0)])
def test_the_nearest_of_two_surfaces_hides_the_other(places) -> None:
    hits = cast(join([plate(x) for x in places]), ORIGIN, AHEAD)
    assert hits.distance_m.tolist() == pytest.approx([5.0])
    assert hits.triangle[0] // 2 == places.index(5.0)


def test_surfaces_answer_from_both_sides_and_only_ahead() -> None:
    for mesh in (plate(5.0), place(plate(-5.0), 0.0, 0.0, 0.0, np.pi)):
        assert cast(mesh, ORIGIN, AHEAD).distance_m.tolist() == pytest.approx([5.0])
    assert len(cast(plate(-5.0), ORIGIN, AHEAD).ray) == 0


def test_rays_that_meet_nothing_are_left_out() -> None:
    rays = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.8, 0.6, 0.0]])
    hits = cast(block((4, 6), (-9, 9), (-1, 1), Material.BRICK), ORIGIN, rays)
    assert hits.ray.tolist() == [1, 3]
    assert hits.distance_m.tolist() == pytest.approx([4.0, 5.0])
    assert hits.cosine.tolist() == pytest.approx([1.0, 0.8])


def test_an_empty_mesh_gives_no_hits() -> None:
    hits = cast(join([]), ORIGIN, AHEAD)
    assert [len(values) for values in hits] == [0, 0, 0, 0]
