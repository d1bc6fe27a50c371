import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.simulate.bodies.mesh import Material
from training.simulate.bodies.people import make_cyclist, make_pedestrian
from training.simulate.bodies.vehicles import make_bus, make_car, make_truck, make_van
from training.simulate.world.fixtures import (
    make_barrier,
    make_bush,
    make_clutter,
    make_house,
    make_pole,
    make_tree,
)

# Posts of a car's windows stand a centimetre out; a wheel of ten edges ends 2.5 cm above ground.
POSTS_M, WHEELS_M = 0.0101, 0.025
PEOPLE = [make_pedestrian, make_cyclist]
VEHICLES = [make_car, make_van, make_truck, make_bus]
SEEDS = st.integers(0, 2**32 - 1)

SIZES = {  # least and most length, width, height
    make_car: ((3.3, 1.5, 1.35), (5.2, 2.05, 1.9)),
    make_van: ((4.6, 1.85, 1.95), (6.0, 2.1, 2.7)),
    make_truck: ((6.5, 2.3, 2.8), (12.0, 2.55, 3.8)),
    make_bus: ((9.5, 2.55, 2.9), (12.0, 2.55, 3.3)),
    make_pedestrian: ((0.2, 0.3, 1.0), (1.0, 0.9, 1.95)),
    make_cyclist: ((1.6, 0.5, 1.6), (1.9, 0.65, 1.9)),
}


def bounds(body):
    corners = body.mesh.triangles.reshape(-1, 3)
    return corners.min(axis=0), corners.max(axis=0)


@settings(max_examples=40)
@pytest.mark.parametrize("make", VEHICLES + PEOPLE)
@given(SEEDS)
def test_a_body_fills_its_box_and_stays_within(make, seed) -> None:
    body = make(np.random.default_rng(seed))
    low, high = bounds(body)
    half = np.array([body.length / 2, body.width / 2])
    for found in (-low[:2], high[:2]):
        assert found[0] == pytest.approx(half[0], abs=1e-9)
        assert half[1] - 1e-9 < found[1] < half[1] + POSTS_M
    assert -1e-9 < low[2] < WHEELS_M
    assert high[2] == pytest.approx(body.height, abs=1e-9)


@settings(max_examples=40)
@pytest.mark.parametrize("make", VEHICLES + PEOPLE)
@given(SEEDS)
def test_sizes_are_those_of_their_kind(make, seed) -> None:
    body = make(np.random.default_rng(seed))
    size = (body.length, body.width, body.height)
    least, most = SIZES[make]
    assert all(a <= value <= b for a, value, b in zip(least, size, most, strict=True))


@settings(max_examples=20)
@pytest.mark.parametrize("make", [make_van, make_truck])
@given(SEEDS)
def test_the_nose_points_along_x(make, seed) -> None:
    """Lorries and vans are lower in front of the windscreen."""
    body = make(np.random.default_rng(seed))
    corners = body.mesh.triangles.reshape(-1, 3)
    front = corners[corners[:, 0] > body.length * 0.45, 2].max()
    rear = corners[corners[:, 0] < -body.length * 0.45, 2].max()
    assert front < rear - 0.3


@pytest.mark.parametrize("make", VEHICLES)
def test_vehicles_have_wheels_and_plates_at_both_ends(make) -> None:
    body = make(np.random.default_rng(1))
    for material in (Material.RUBBER, Material.PLATE):
        x = body.mesh.triangles[body.mesh.material == material].mean(axis=1)[:, 0]
        assert x.min() < -body.length / 5 < body.length / 5 < x.max()


def test_cars_differ() -> None:
    lengths = {make_car(np.random.default_rng(seed)).length for seed in range(50)}
    assert max(lengths) - min(lengths) > 1
    assert len(lengths) > 45


@pytest.mark.parametrize("make", [make_house, make_tree, make_pole, make_clutter, make_barrier])
def test_solid_fixtures_are_founded_below_the_ground(make) -> None:
    """So that no gap opens under them where the ground slopes; hedges are loose leaves."""
    for seed in range(40):
        mesh = make(np.random.default_rng(seed))
        if (mesh.material != Material.LEAF).any():
            assert mesh.triangles[..., 2].min() < -0.25
        assert mesh.triangles[..., 2].max() > 0.4


def test_bushes_reach_near_the_ground() -> None:
    lowest = [make_bush(np.random.default_rng(s)).triangles[..., 2].min() for s in range(60)]
    assert np.median(lowest) < 0.1
    assert max(lowest) < 0.6
